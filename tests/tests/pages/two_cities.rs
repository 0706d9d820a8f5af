//! A site where two cities' operators share a zone, each with everything that a city can have, and
//! whoever is of one of them.

use std::collections::BTreeSet;

use kukaku::writer::Clock as _;
use kukaku_store::users::{Extent, Role};

use super::client::Client;
use super::site::{ADMIN, PASSWORD, Site, at};

/// What every name of a city has in it, and of no other.
pub const CITIES: [&str; 2] = ["qqa", "zzb"];

/// Registers in which everything of a city is told by its name.
fn registers() -> String {
    let mut out = String::from(
        r#"
        [site]
        id = "sapporo-1"
        name = "札幌保守センター"
        [[zone]]
        id = "zone-a"
        name = "セキュリティ区画A"
        [[door]]
        id = "north"
        outer = "outside"
        inner = "zone-a"
        [[reader]]
        id = "north-in"
        door = "north"
        direction = "entry"
        source = "panel-1"
        [[reader]]
        id = "north-out"
        door = "north"
        direction = "exit"
        source = "panel-1"
        [[camera]]
        id = "cam-1"
        zone = "zone-a"
        source = "nvr-1"
        keep = "90d"
        [[source]]
        id = "panel-1"
        class = "A"
        [[source]]
        id = "nvr-1"
        [[operator]]
        id = "op-both"
        name = "両方 太郎"
        clients = ["qqa-city", "zzb-city"]
        [[credential]]
        id = "card:both"
        operator = "op-both"
        "#,
    );
    for city in CITIES {
        out.push_str(&format!(
            r#"
            [[client]]
            id = "{city}-city"
            name = "{city}市"
            hours = "08:00-20:00"
            [[company]]
            id = "{city}-company"
            name = "{city}会社"
            clients = ["{city}-city"]
            [[operator]]
            id = "{city}-op"
            name = "{city} 花子"
            clients = ["{city}-city"]
            company = "{city}-company"
            [[credential]]
            id = "card:{city}"
            operator = "{city}-op"
            [[account]]
            id = "{city}-acc"
            operator = "{city}-op"
            client = "{city}-city"
            source = "{city}-vpn"
            [[account]]
            id = "{city}-acc-both"
            operator = "op-both"
            client = "{city}-city"
            source = "{city}-vpn"
            [[terminal]]
            id = "{city}-term"
            zone = "zone-a"
            client = "{city}-city"
            [[source]]
            id = "{city}-vpn"
            name = "{city}回線装置"
            client = "{city}-city"
            [[pledge]]
            id = "{city}-pledge"
            operator = "{city}-op"
            date = 2026-04-01
            [[training]]
            id = "{city}-training"
            operator = "{city}-op"
            topic = "{city}教育"
            date = 2026-04-01
            [[permit]]
            id = "{city}-permit"
            client = "{city}-city"
            zone = "zone-a"
            date = 2026-04-01
            [[standing_permission]]
            id = "{city}-standing"
            persons = ["{city}-op"]
            zones = ["zone-a"]
            purpose = "{city}点検"
            [[retention]]
            id = "{city}-keep"
            client = "{city}-city"
            class = "session"
            at_least = "3 years"
            "#
        ));
    }
    out
}

async fn session(site: &Site, city: &str, id: &str, account: &str, kind: &str) {
    let mut json = serde_json::json!({
        "kind": kind, "source": format!("{city}-vpn"), "session": format!("{city}-{id}"),
        "device_time": site.clock.read().wall.to_rfc3339_utc(), "account": account, "terminal": format!("{city}-term"),
    });
    if kind == "session.started" {
        json["target"] = format!("{city}-db").into();
        json["via"] = format!("{city}-step").into();
    }
    site.observe(&json.to_string()).await;
}

/// Each city has sessions with and without their operator, one of an account that nobody knows,
/// orders, a failure, and people who come in twice without having left.
pub async fn site_of_two_cities() -> Site {
    let site = Site::new().await;
    let registers = kukaku_schema::registers::parse(&registers(), "registers").unwrap();
    site.writer.import_registers(registers, "manager".to_owned(), "zzb と qqa の台帳".to_owned()).await.unwrap();
    for (seconds, reader, card) in [
        (-3000, "north-in", "card:qqa"),
        (-2900, "north-in", "card:zzb"),
        (-2800, "north-in", "card:both"),
        (-2500, "north-out", "card:qqa"),
        (-2400, "north-out", "card:zzb"),
        (-2300, "north-out", "card:both"),
        (-60, "north-in", "card:qqa"),
        (-50, "north-in", "card:zzb"),
    ] {
        site.pass_to(seconds).await;
        site.read_card(reader, card).await;
    }
    for (place, city) in CITIES.into_iter().enumerate() {
        let begin = 600 * i64::try_from(place).unwrap();
        for (after, id, account, kind) in [
            (10, "s1", format!("{city}-acc"), "session.started"),
            (100, "s2", format!("{city}-acc-both"), "session.started"),
            (150, "s3", format!("{city}-unknown"), "session.started"),
            (200, "s1", format!("{city}-acc"), "session.ended"),
            (210, "s3", format!("{city}-unknown"), "session.ended"),
        ] {
            site.pass_to(begin + after).await;
            session(&site, city, id, &account, kind).await;
        }
        site.pass_to(begin + 300).await;
        // Twice in, never out; and a card that was refused five times.
        site.read_card("north-in", &format!("card:{city}")).await;
        for second in 0..5 {
            let when = at(begin + 301 + 20 * second);
            site.pass_to(begin + 301 + 20 * second).await;
            site.read_card_at("north-out", &format!("card:{city}"), when, "denied").await;
        }
        papers(&site, city, begin).await;
    }
    site.pass_to(1800).await;
    site.writer.checkpoint().await.unwrap();
    site
}

async fn papers(site: &Site, city: &str, begin: i64) {
    let order = serde_json::json!({
        "kind": "order.revised", "source": "kukaku", "device_time": at(begin + 400).to_rfc3339_utc(),
        "order": format!("{city}-order"), "client": format!("{city}-city"), "act": "submit", "state": "submitted",
        "by": ADMIN, "side": "vendor", "from": at(7200).to_rfc3339_utc(), "to": at(9000).to_rfc3339_utc(),
        "purpose": format!("{city}の保守"), "content": format!("{city}の確認"), "targets": [format!("{city}-db")],
        "operators": [format!("{city}-op")], "responsible": format!("{city} 責任者"),
    });
    site.tell_itself(&order.to_string()).await;
    let failure = serde_json::json!({
        "kind": "failure.reported", "source": "kukaku", "device_time": at(begin + 410).to_rfc3339_utc(),
        "failure": format!("{city}-failure"), "client": format!("{city}-city"), "stage": "first", "sort": "defect",
        "detected_at": at(begin + 405).to_rfc3339_utc(), "systems": [format!("{city}-db")],
        "symptom": format!("{city}の障害"), "session": format!("{city}-s1"),
        "reported_by": format!("{city} 責任者"), "by": ADMIN,
    });
    site.tell_itself(&failure.to_string()).await;
}

/// A browser of somebody of one city.
pub fn of_city(site: &Site, role: Role, city: &str) -> Client {
    let name = format!("{}-{}", role.word(), &city[..1]);
    let extent = Extent {
        clients: BTreeSet::from([format!("{city}-city")]),
        valid_until: Some(at(86_400 * 30)),
        ..Extent::default()
    };
    signed_in(site, &name, role, &extent)
}

pub fn signed_in(site: &Site, name: &str, role: Role, extent: &Extent) -> Client {
    let users = site.users();
    users.create_with_password(name, PASSWORD, at(-3600)).unwrap();
    users.set_role_for(name, role, extent).unwrap();
    let mut client = Client::new(site.addr);
    assert_eq!(client.sign_in(name, PASSWORD).status, 303, "{name}");
    client
}
