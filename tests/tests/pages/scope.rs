//! Two cities in one zone: whoever is of one of them never meets the other, on any route, for any
//! object, in any count, search or file.
//!
//! Harm: an inspector learns who works for another city, when, on what; or a page that was added
//! later tells him.

use std::collections::BTreeSet;

use kukaku_schema::UtcMicros;
use kukaku_store::users::{Extent, KeyBounds, Role};
use kukaku_web::{Access, RouteInfo, routes};

use super::browser;
use super::client::Client;
use super::site::{ADMIN, PASSWORD, Site, at};
use super::two_cities::{CITIES, of_city, signed_in, site_of_two_cities};
use super::webdriver::Browser;

/// One thing that a route can be asked for.
struct Object {
    /// The address to put into the route.
    path: String,
    /// The cities whose it is; none: the site's.
    of: BTreeSet<&'static str>,
}

fn cities_in(text: &str) -> BTreeSet<&'static str> {
    CITIES.into_iter().filter(|city| text.contains(city)).collect()
}

/// Everything there is to ask a route for, with whose it is by what the whole site is told of it.
fn objects(site: &Site, admin: &mut Client, route: &RouteInfo) -> Vec<Object> {
    let from_api = |admin: &mut Client, list: &str, id: &str| -> Vec<(String, String)> {
        let rows = admin.get(list).json();
        let rows = rows["rows"].as_array().unwrap_or_else(|| panic!("{list}: {rows}")).clone();
        assert!(!rows.is_empty(), "{list} is empty, so it tests nothing");
        rows.iter().map(|row| (row[id].to_string().trim_matches('"').to_owned(), row.to_string())).collect()
    };
    let fill = |named: Vec<(String, String)>, with: &str| -> Vec<Object> {
        named
            .into_iter()
            .map(|(id, told)| Object { path: route.path.replace(with, &id), of: cities_in(&told) })
            .collect()
    };
    let asked = |names: [&str; 2], rest: &str| -> Vec<Object> {
        let one = |name: &str| Object { path: format!("{}?id={name}{rest}", route.path), of: cities_in(name) };
        names.map(one).into_iter().collect()
    };
    match route.path {
        "/sessions/{id}" | "/sessions/{id}/notice" | "/api/v1/sessions/{id}" => {
            let list = from_api(admin, "/api/v1/sessions?limit=200", "id");
            let mut objects = fill(list, "{id}");
            if route.path.ends_with("notice") {
                objects.iter_mut().for_each(|object| object.path.push_str("?moment=start"));
            }
            objects
        }
        "/findings/{id}" | "/api/v1/findings/{id}" => {
            let mut objects = from_api(admin, "/api/v1/findings?all=1&limit=200", "id");
            // What is found at a door is the zone's, whoever it was.
            objects.iter_mut().for_each(|(_, told)| {
                let row: serde_json::Value = serde_json::from_str(told).unwrap();
                let sorts = row["subjects"].as_array().unwrap().iter().map(|one| one["sort"].clone());
                let of_a_session = sorts.into_iter().any(|sort| sort == "session" || sort == "order");
                let of_a_device = row["subjects"].as_array().unwrap().iter().any(|one| one["sort"] == "source");
                if row["client"].is_null() && !of_a_session && !of_a_device {
                    told.clear();
                }
            });
            fill(objects, "{id}")
        }
        "/orders/show" | "/orders/sheet.json" => asked(["qqa-order", "zzb-order"], ""),
        "/failures/show" => asked(["qqa-failure", "zzb-failure"], ""),
        "/failures/sheet" => asked(["qqa-failure", "zzb-failure"], ""),
        "/api/v1/failures/{id}" => fill(from_api(admin, "/api/v1/failures", "failure"), "{id}"),
        "/api/v1/orders/{order}" => fill(from_api(admin, "/api/v1/orders", "id"), "{order}"),
        "/sessions/find" => CITIES
            .into_iter()
            .map(|city| Object {
                path: format!("/sessions/find?source={city}-vpn&session={city}-s1&at=2026-11-22T09:02:00%2B09:00"),
                of: BTreeSet::from([city]),
            })
            .collect(),
        "/journal/{seq}" => {
            let conn = kukaku_store::read_only(&site.store_file()).unwrap();
            let sql = "SELECT j.seq, c.text || ' ' || s.text FROM journal j JOIN word c ON c.id = j.client
                       JOIN word s ON s.id = j.source WHERE j.kind <> 'look'";
            let mut statement = conn.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).unwrap();
            rows.map(|row| {
                let (seq, of) = row.unwrap();
                Object { path: format!("/journal/{seq}"), of: cities_in(&of) }
            })
            .collect()
        }
        path @ ("/registers/sheet" | "/registers/sheet.csv") => {
            let page = admin.get("/registers").text();
            let tables = page.match_indices("/registers/sheet?table=").map(|(at, word)| {
                let rest = &page[at + word.len()..];
                rest[..rest.find('"').unwrap()].to_owned()
            });
            let tables: BTreeSet<String> = tables.collect();
            assert!(tables.len() > 10, "{tables:?}");
            let one = |table: &String| Object { path: format!("{path}?table={table}"), of: BTreeSet::new() };
            tables.iter().map(one).collect()
        }
        path if !path.contains('{') => vec![Object { path: path.to_owned(), of: BTreeSet::new() }],
        other => panic!("what is {other} asked for? say it here, or nobody knows whether it leaks"),
    }
}

/// What stands around the first place where a text has `word`.
fn around(text: &str, word: &str) -> String {
    let at = text.find(word).map_or(0, |at| text[..at].chars().count());
    text.chars().skip(at.saturating_sub(200)).take(400).collect()
}

/// What he looked for himself stands in his looks, which have a test of their own.
fn looked_at() -> impl Iterator<Item = RouteInfo> {
    routes().into_iter().filter(|route| route.method == "GET" && route.access == Access::Full && route.path != "/looks")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_of_one_city_never_meets_the_other_on_any_route_for_any_object() {
    let site = site_of_two_cities().await;
    let mut admin = Client::new(site.addr);
    admin.sign_in(ADMIN, PASSWORD);
    let mut met = 0;
    for role in [Role::Inspector, Role::Officer] {
        for city in CITIES {
            let other = if city == "qqa" { "zzb" } else { "qqa" };
            let mut client = of_city(&site, role, city);
            for route in looked_at() {
                for object in objects(&site, &mut admin, &route) {
                    let answer = client.get(&object.path);
                    let text = answer.text();
                    let who = format!("{} of {city}: {}", role.word(), object.path);
                    let foreign = object.of == BTreeSet::from([other]);
                    let refused = matches!(answer.status, 404 | 403);
                    assert!(answer.status < 500, "{who}: {} {text}", answer.status);
                    assert!(!foreign || refused, "{who} is the other's: {}", answer.status);
                    assert!(foreign || answer.status != 404 || object.of.is_empty(), "{who} is his: {text}");
                    assert!(!text.contains(other), "{who} tells of the other: {}", around(&text, other));
                    let location = answer.header("location").unwrap_or_default();
                    assert!(!location.contains(other), "{who}: {location}");
                    met += usize::from(foreign);
                }
            }
        }
    }
    assert!(met > 100, "{met} objects of the other city are no matrix");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_not_his_is_missing_as_if_it_never_was() {
    let site = site_of_two_cities().await;
    let mut admin = Client::new(site.addr);
    admin.sign_in(ADMIN, PASSWORD);
    let mut inspector = of_city(&site, Role::Inspector, "qqa");
    let sessions = admin.get("/api/v1/sessions?limit=200").json();
    let foreign = sessions["rows"].as_array().unwrap().iter().find(|row| row.to_string().contains("zzb")).unwrap();
    let there = inspector.get(&format!("/api/v1/sessions/{}", foreign["id"]));
    let never = inspector.get("/api/v1/sessions/987654");
    assert_eq!((there.status, there.text()), (never.status, never.text()));
    // A search for a name of the other city finds what a search for nobody does.
    for (list, field) in [
        ("/api/v1/sessions", "client=zzb-city"),
        ("/api/v1/sessions", "source=zzb-vpn"),
        ("/api/v1/sessions", "operator=zzb-op"),
        ("/api/v1/entries", "person=zzb-op"),
        ("/api/v1/entries", "person=zzb"),
        ("/api/v1/entries", "credential=card:zzb"),
        ("/api/v1/findings", "client=zzb-city"),
        ("/api/v1/orders", "client=zzb-city"),
    ] {
        let answer = inspector.get(&format!("{list}?{field}"));
        assert_eq!(answer.status, 200, "{list}?{field}: {}", answer.text());
        assert_eq!(answer.json()["rows"].as_array().unwrap().len(), 0, "{list}?{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_zones_book_is_whole_and_names_of_the_other_city_read_as_another_contract() {
    let site = site_of_two_cities().await;
    let mut admin = Client::new(site.addr);
    admin.sign_in(ADMIN, PASSWORD);
    let mut inspector = of_city(&site, Role::Inspector, "qqa");
    let rows = |client: &mut Client| client.get("/api/v1/entries?limit=200").json()["rows"].as_array().unwrap().clone();
    let (all, seen) = (rows(&mut admin), rows(&mut inspector));
    assert_eq!(all.len(), seen.len(), "nobody is missing from the zone's book");
    for (whole, row) in all.iter().zip(&seen) {
        let other = whole["person"] == "zzb-op";
        assert_eq!(row["person"], if other { "（他契約）".into() } else { whole["person"].clone() }, "{row}");
        assert_eq!(row["occurred_at"], whole["occurred_at"]);
    }
    let page = inspector.get("/entries").text();
    assert!(page.contains("（他契約）") && page.contains("qqa 花子") && page.contains("両方 太郎"));
    // Who works for both is his for the one city, and nobody is told of the other.
    let operator = inspector.get("/registers/sheet.csv?table=operator").text();
    assert!(operator.contains("op-both") && operator.contains("qqa-city") && !operator.contains("zzb"), "{operator}");
    // A finding of the zone about the other's card is there, without the name.
    let findings = inspector.get("/api/v1/findings?all=1&limit=200").json();
    let masked = findings["rows"].as_array().unwrap().iter().any(|row| row.to_string().contains("（他契約）"));
    assert!(masked, "{findings}");
    // What is his by his own line is told whole.
    assert!(findings.to_string().contains("qqa-unknown"), "{findings}");
}

/// A finding that touches two cities shows each its own side.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_account_of_the_one_at_a_terminal_of_the_other_is_found_for_both() {
    let site = site_of_two_cities().await;
    let json = serde_json::json!({
        "kind": "session.started", "source": "zzb-vpn", "session": "zzb-s4", "account": "zzb-acc",
        "device_time": at(1800).to_rfc3339_utc(), "terminal": "qqa-term",
    });
    site.observe(&json.to_string()).await;
    site.pass_to(1900).await;
    let found = |client: &mut Client| {
        let rows = client.get("/api/v1/findings?all=1&kind=wrong_client").json();
        rows["rows"].as_array().unwrap().clone()
    };
    let (mut own, mut other) = (of_city(&site, Role::Inspector, "zzb"), of_city(&site, Role::Inspector, "qqa"));
    let (own, other) = (found(&mut own), found(&mut other));
    assert_eq!((own.len(), other.len()), (1, 1));
    assert_eq!((&own[0]["client"], &other[0]["client"]), (&"zzb-city".into(), &"（他契約）".into()));
    assert!(own[0].to_string().contains("zzb-op") && own[0].to_string().contains("zzb-s4"));
    let told = other[0].to_string();
    assert!(told.contains("qqa-city") && !told.contains("zzb"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_of_one_city_reads_that_citys_records_until_its_day() {
    let site = site_of_two_cities().await;
    let mut admin = Client::new(site.addr);
    admin.sign_in(ADMIN, PASSWORD);
    let clients = BTreeSet::from(["qqa-city".to_owned()]);
    let bounds = KeyBounds { may_read: true, clients, until: Some(at(7200)) };
    assert!(site.users().create_bounded_key("qqa", &["panel-1".to_owned()], &bounds, at(0)).is_err());
    let key = site.users().create_bounded_key("qqa", &[], &bounds, at(0)).unwrap();
    let bearer = format!("Bearer {key}");
    let get = |path: &str| Client::new(site.addr).send("GET", path, &[("Authorization", bearer.as_str())], b"");
    for route in looked_at().filter(|route| route.path.starts_with("/api/")) {
        for object in objects(&site, &mut admin, &route) {
            let answer = get(&object.path);
            let foreign = object.of == BTreeSet::from(["zzb"]);
            let of_site = ["/api/v1/status", "/api/v1/sources"].contains(&route.path);
            let expected = if of_site {
                403
            } else if foreign {
                404
            } else {
                200
            };
            assert_eq!(answer.status, expected, "{}", object.path);
            assert!(!answer.text().contains("zzb"), "{}", object.path);
        }
    }
    assert!(admin.get("/looks").text().contains("API キー"), "its looks are written like anybody's");
    let looks = || {
        let conn = kukaku_store::read_only(&site.store_file()).unwrap();
        let sql = "SELECT count(*) FROM look WHERE path = '/api/v1/entries?limit=7'";
        conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    for _ in 0..5 {
        assert_eq!(get("/api/v1/entries?limit=7").status, 200);
    }
    assert_eq!(looks(), 1, "what a program asks again and again is one look");
    // It reads: nothing is taken from it.
    let post = |path: &str| {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        Client::new(site.addr).send("POST", path, &headers, b"{}").status
    };
    let kept = || {
        let conn = kukaku_store::read_only(&site.store_file()).unwrap();
        let sql = "SELECT count(*) FROM journal WHERE kind <> 'look'";
        conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = kept();
    for route in routes().into_iter().filter(|route| route.method == "POST" && route.path.starts_with("/api/")) {
        let status = post(&route.path.replace("{order}", "qqa-order"));
        assert_eq!(status, 403, "{}", route.path);
    }
    assert_eq!(kept(), before);
    site.clock.pass_to(at(7200));
    assert_eq!(get("/api/v1/sessions").status, 401, "its day is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_operator_sees_himself_and_nobody_else() {
    let site = site_of_two_cities().await;
    let extent = Extent { person: Some("qqa-op".to_owned()), ..Extent::default() };
    let mut operator = signed_in(&site, "hanako", Role::Operator, &extent);
    let mut admin = Client::new(site.addr);
    admin.sign_in(ADMIN, PASSWORD);
    for route in looked_at() {
        for object in objects(&site, &mut admin, &route) {
            let answer = operator.get(&object.path);
            let text = answer.text();
            assert!(answer.status < 500, "{}: {} {text}", object.path, answer.status);
            for other in ["zzb-", "op-both", "両方 太郎", "card:both", "zzb 花子"] {
                let told = around(&text, other);
                assert!(!text.contains(other), "{} tells an operator of {other}: {told}", object.path);
            }
        }
    }
    let sessions = operator.get("/api/v1/sessions").json();
    let own: Vec<_> = sessions["rows"].as_array().unwrap().iter().map(|row| row["operator"].clone()).collect();
    assert_eq!(own, ["qqa-op"]);
    assert!(operator.get("/entries").text().contains("qqa 花子"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_inspector_is_let_in_for_his_time_and_sees_back_to_the_agreed_day() {
    let site = site_of_two_cities().await;
    let clients = BTreeSet::from(["qqa-city".to_owned()]);
    let (from, until) = (Some(at(3600)), Some(at(7200)));
    let extent = Extent { clients, valid_from: from, valid_until: until, sees_from: Some(at(0)), person: None };
    let users = site.users();
    users.create_with_password("kensa", PASSWORD, at(-3600)).unwrap();
    users.set_role_for("kensa", Role::Inspector, &extent).unwrap();
    let mut inspector = Client::new(site.addr);
    assert_eq!(inspector.sign_in("kensa", PASSWORD).status, 401, "his time has not begun");
    site.pass_to(3600).await;
    assert_eq!(inspector.sign_in("kensa", PASSWORD).status, 303);
    let entries = inspector.get("/api/v1/entries?limit=200").json();
    let times: Vec<UtcMicros> = entries["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| UtcMicros::parse_rfc3339(row["occurred_at"].as_str().unwrap()).unwrap())
        .collect();
    assert!(!times.is_empty() && times.iter().all(|time| *time >= at(0)), "{entries}");
    // He is there to look: nothing that he may send changes anything.
    let token = inspector.token("/");
    for route in routes().into_iter().filter(|route| route.method == "POST" && route.access == Access::Full) {
        let answer = inspector.clone().post(route.path, &[("token", &token)]);
        assert_eq!(answer.status, 403, "{}", route.path);
    }
    // Seven minutes apart, so that he isn't idle.
    for minutes in (0..60).step_by(7) {
        site.clock.pass_to(at(3600 + 60 * minutes));
        assert_eq!(inspector.get("/sessions").status, 200, "{minutes}");
    }
    site.clock.pass_to(at(7200));
    assert_eq!(inspector.get("/sessions").status, 303, "his time is over");
    assert_eq!(inspector.sign_in("kensa", PASSWORD).status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_look_of_a_city_is_written_before_it_is_answered_and_both_sides_see_it() {
    let site = site_of_two_cities().await;
    let mut admin = Client::new(site.addr);
    admin.sign_in(ADMIN, PASSWORD);
    let mut inspector = of_city(&site, Role::Inspector, "qqa");
    let mut other = of_city(&site, Role::Inspector, "zzb");
    let looks = || {
        let conn = kukaku_store::read_only(&site.store_file()).unwrap();
        let sql = "SELECT count(*) FROM journal WHERE kind = 'look'";
        conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = looks();
    assert_eq!(inspector.get("/entries?person=qqa").status, 200);
    assert_eq!(inspector.get("/sessions/987654").status, 404);
    assert_eq!(looks(), before + 2, "also what is not there was looked for");
    // A page that refreshes itself is one look, and is written again after a quarter of an hour.
    let refresh = |client: &mut Client| client.send("GET", "/?part=zones", &[("kukaku-live", "1")], b"").status;
    for _ in 0..5 {
        assert_eq!(refresh(&mut inspector), 200);
    }
    assert_eq!(looks(), before + 3);
    assert_eq!(inspector.get("/sessions").status, 200);
    let part = |client: &mut Client| client.send("GET", "/sessions?part=list", &[("kukaku-live", "1")], b"").status;
    assert_eq!(part(&mut inspector), 200);
    assert_eq!(looks(), before + 4, "a part of a page that he has open");
    site.clock.pass_to(at(1800 + 14 * 60));
    assert_eq!(inspector.get("/entries").status, 200);
    site.clock.pass_to(at(1800 + 16 * 60));
    assert_eq!(refresh(&mut inspector), 200);
    assert_eq!(looks(), before + 6);
    // The site's own people are not the city's: they leave none.
    admin.sign_in(ADMIN, PASSWORD);
    let page = admin.get("/looks").text();
    for told in ["inspector-q", "/entries?person=qqa", "市の検査員", "qqa市", "127.0.0.1"] {
        assert!(page.contains(told), "{told}");
    }
    assert_eq!(looks(), before + 6);
    assert!(inspector.get("/looks").text().contains("/entries?person=qqa"));
    other.sign_in("inspector-z", PASSWORD);
    let own = other.get("/looks").text();
    assert!(own.contains("inspector-z") && !own.contains("qqa"), "{}", around(&own, "qqa"));
    // One who is of both cities tells neither what he looked at of the other.
    let clients = CITIES.map(|city| format!("{city}-city"));
    let both = Extent { clients: clients.into(), valid_until: Some(at(86_400)), ..Extent::default() };
    let mut prefecture = signed_in(&site, "ken", Role::Inspector, &both);
    assert_eq!(prefecture.get("/orders/show?id=zzb-order").status, 200);
    let page = inspector.get("/looks").text();
    assert!(page.contains(">ken<") && page.contains("（他契約）") && !page.contains("zzb"), "{}", around(&page, "zzb"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_inspector_takes_out_the_proof_of_the_whole_tree_and_of_his_entries() {
    let site = site_of_two_cities().await;
    let mut admin = Client::new(site.addr);
    admin.sign_in(ADMIN, PASSWORD);
    let mut inspector = of_city(&site, Role::Inspector, "qqa");
    for from in ["", "?from=1", "?from=40"] {
        let path = format!("/journal/checkpoint.txt{from}");
        assert_eq!(inspector.get(&path).text(), admin.get(&path).text(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_inspector_of_one_city_reads_his_pages_and_finds_his_looks() {
    let site = site_of_two_cities().await;
    let browser = Browser::start("inspector");
    browser.resize(1440, 1000);
    let clients = BTreeSet::from(["qqa-city".to_owned()]);
    let extent = Extent { clients, valid_until: Some(at(86_400)), ..Extent::default() };
    let _inspector = signed_in(&site, "kensa", Role::Inspector, &extent);
    browser::sign_in(&browser, &format!("http://localhost:{}", site.addr.port()), "kensa", PASSWORD);
    for (name, path) in [
        ("inspector", "/"),
        ("inspector-entries", "/entries"),
        ("inspector-sessions", "/sessions"),
        ("looks", "/looks"),
    ] {
        browser.open(&format!("http://localhost:{}{path}", site.addr.port()));
        assert!(browser.text_of("header").contains("市の検査員"));
        assert!(!browser.text_of("body").contains("zzb"), "{path}");
        browser::legible(&browser, name);
        browser.picture(name);
    }
    browser::no_complaints(&browser);
}

#[test]
fn a_role_and_what_it_sees_have_to_fit() {
    let fit = |role: Role, extent: &Extent| {
        let folder = std::env::temp_dir().join(format!("kukaku-extent-{}-{}", std::process::id(), role.word()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        drop(kukaku_store::Store::create(&folder.join("store.db"), at(0)).unwrap());
        let users = kukaku_store::users::Users::open(&folder.join("store.db")).unwrap();
        let fits = users.create_for("somebody", role, extent, at(0)).is_ok();
        std::fs::remove_dir_all(&folder).unwrap();
        fits
    };
    let city = || Extent { clients: BTreeSet::from(["qqa-city".to_owned()]), ..Extent::default() };
    let person = || Extent { person: Some("qqa-op".to_owned()), ..Extent::default() };
    for role in Role::ALL {
        let site = role.sees_the_site();
        assert_eq!(fit(role, &Extent::default()), site, "{role:?} with nothing");
        assert_eq!(fit(role, &city()), role == Role::Officer, "{role:?} with a city");
        assert_eq!(fit(role, &person()), !role.is_of_clients(), "{role:?} with a person");
        let until = Extent { valid_until: Some(at(60)), ..city() };
        assert_eq!(fit(role, &until), role.is_of_clients(), "{role:?} with a city and an end");
        let backwards = Extent { valid_from: Some(at(60)), ..until };
        assert!(!fit(role, &backwards), "{role:?} ends before it begins");
        let history = Extent { sees_from: Some(at(0)), ..Extent::default() };
        assert!(!fit(role, &history), "{role:?} with a bound and nobody to look for");
    }
}
