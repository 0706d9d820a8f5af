//! What people do about findings: acknowledged, assigned, put off, told, closed.
//!
//! Harm: a finding that nobody looks at; one that is closed by whom it is about, or for what
//! changed afterwards; something done that nobody can tell later.

use kukaku_store::users::{Extent, Role};

use super::browser;
use super::client::Client;
use super::day;
use super::site::{ADMIN, PASSWORD, Site, at};
use super::two_cities::{of_city, signed_in, site_of_two_cities};
use super::webdriver::Browser;

/// The finding of a kind that holds, and the revision that it has come to.
fn finding(client: &mut Client, kind: &str) -> (String, String) {
    let rows = client.get(&format!("/api/v1/findings?kind={kind}")).json();
    let id = rows["rows"][0]["id"].to_string();
    seen(client, &id)
}

/// What somebody sees who opens its page now.
fn seen(client: &mut Client, id: &str) -> (String, String) {
    let page = client.get(&format!("/findings/{id}")).text();
    let (_, rest) = page.split_once("name=\"revision\" value=\"").unwrap_or_else(|| panic!("no form: {page}"));
    (id.to_owned(), rest.split('"').next().unwrap().to_owned())
}

fn act(client: &mut Client, of: &(String, String), act: &str, more: &[(&str, &str)]) -> u16 {
    let token = client.token(&format!("/findings/{}", of.0));
    let mut fields = vec![("token", token.as_str()), ("finding", &of.0), ("revision", &of.1), ("act", act)];
    fields.extend(more);
    client.post("/findings/act", &fields).status
}

fn state(client: &mut Client, of: &(String, String)) -> String {
    client.get(&format!("/api/v1/findings/{}", of.0)).json()["desk"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_finding_goes_from_the_alert_to_its_end_and_each_step_is_in_the_journal() {
    let (site, mut client) = day::after().await;
    site.users().create_with_password("sato", PASSWORD, at(-3600)).unwrap();
    let one = finding(&mut client, "unknown_account");
    assert_eq!(state(&mut client, &one), "new");
    assert_eq!(act(&mut client, &one, "acknowledge", &[]), 303);
    assert_eq!(act(&mut client, &one, "acknowledge", &[]), 422, "once is enough");
    assert_eq!(act(&mut client, &one, "assign", &[("to", "sato")]), 303);
    assert_eq!(act(&mut client, &one, "comment", &[("text", "委託先に照会中")]), 303);
    assert_eq!(act(&mut client, &one, "forward", &[("to", "情報政策課 山田様"), ("text", "電話で連絡")]), 303);
    assert_eq!(act(&mut client, &one, "forward", &[("text", "電話で連絡")]), 422, "who was told?");
    assert_eq!(state(&mut client, &one), "acknowledged");
    let tomorrow = "2026-11-23T08:00";
    assert_eq!(act(&mut client, &one, "snooze", &[("until", tomorrow), ("text", "回答待ち")]), 303);
    assert_eq!(state(&mut client, &one), "snoozed");
    assert_eq!(act(&mut client, &one, "snooze", &[("until", "2026-12-24T08:00"), ("text", "x")]), 422);
    assert_eq!(act(&mut client, &one, "close", &[("text", "")]), 422, "a reason");
    assert_eq!(act(&mut client, &one, "close", &[("text", "試験用アカウントを削除した")]), 303);
    assert_eq!(state(&mut client, &one), "closed");
    let page = client.get(&format!("/findings/{}", one.0)).text();
    day::holds(
        &page,
        &["対応完了", "試験用アカウントを削除した", "情報政策課 山田様", "委託先に照会中", "sato", "回答待ち"],
    );
    // Each step is an entry that says who did what; nothing of the finding itself changed.
    let detail = client.get(&format!("/api/v1/findings/{}", one.0)).json();
    let acts = detail["acts"].as_array().unwrap();
    assert_eq!(acts.len(), 6);
    for done in acts {
        let entry = client.get(&format!("/journal/{}", done["journal_seq"])).text();
        day::holds(&entry, &["finding.acted", done["act"].as_str().unwrap(), ADMIN]);
    }
    assert!(
        detail["finding"]["resolved_at"].is_null()
            && detail["finding"]["changed_at"].as_str().unwrap() < "2026-11-22T01"
    );
    // Off the desk: the board counts it no more, the list shows it where it is asked for.
    let list = |client: &mut Client, desk: &str| {
        let rows = client.get(&format!("/api/v1/findings?kind=unknown_account&desk={desk}")).json();
        rows["rows"].as_array().unwrap().len()
    };
    assert_eq!((list(&mut client, "open"), list(&mut client, "closed"), list(&mut client, "new")), (0, 1, 0));
    assert!(!client.get("/?part=findings").text().contains("未登録アカウント"));
    assert_eq!(act(&mut client, &one, "reopen", &[("text", "別の件だった")]), 303);
    assert_eq!((list(&mut client, "open"), list(&mut client, "closed")), (1, 0));
    assert!(client.get("/?part=findings").text().contains("未登録アカウント"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_changes_comes_back_and_nobody_acts_on_what_he_has_not_seen() {
    let (site, mut client) = day::after().await;
    let one = finding(&mut client, "absent");
    assert_eq!(act(&mut client, &one, "acknowledge", &[]), 303);
    // He comes in: what was absent throughout is so in part, and the finding of it is resolved.
    site.read_card("north-in", "card:03").await;
    site.pass_to(3700).await;
    assert_eq!(state(&mut client, &one), "changed");
    let stale = client.get(&format!("/findings/{}", one.0)).text();
    assert!(stale.contains("変化あり・要再確認"));
    assert_eq!(act(&mut client, &one, "close", &[("text", "見た")]), 422, "it was another finding that he saw");
    let again = seen(&mut client, &one.0);
    assert_eq!(act(&mut client, &again, "acknowledge", &[]), 303);
    assert_eq!(act(&mut client, &again, "close", &[("text", "入室した")]), 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_closes_a_finding_about_himself_or_one_that_goes_on() {
    let (site, mut admin) = day::after().await;
    let users = site.users();
    users.create_with_password("hanako", PASSWORD, at(-3600)).unwrap();
    let extent = Extent { person: Some("op-03".to_owned()), ..Extent::default() };
    users.set_role_for("hanako", Role::Manager, &extent).unwrap();
    let mut own = Client::new(site.addr);
    own.sign_in("hanako", PASSWORD);
    let lasting = finding(&mut own, "absent");
    assert_eq!(act(&mut own, &lasting, "close", &[("text", "x")]), 422, "the session is still open");
    site.session_ends("7784").await;
    site.pass_to(3700).await;
    let over = seen(&mut own, &lasting.0);
    assert_eq!(act(&mut own, &over, "close", &[("text", "x")]), 422, "it is about herself");
    assert!(own.post("/findings/act", &[]).status >= 400);
    assert_eq!(act(&mut admin, &over, "close", &[("text", "本人に確認した")]), 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_city_sees_what_was_done_about_its_findings() {
    let site = site_of_two_cities().await;
    let mut admin = Client::new(site.addr);
    admin.sign_in(ADMIN, PASSWORD);
    let rows = admin.get("/api/v1/findings?all=1&limit=200").json();
    let pick = |client: &str| {
        let of = rows["rows"].as_array().unwrap().iter().find(|row| row["client"] == client).unwrap();
        of["id"].to_string()
    };
    for city in ["qqa", "zzb"] {
        let id = pick(&format!("{city}-city"));
        let of = seen(&mut admin, &id);
        assert_eq!(act(&mut admin, &of, "comment", &[("text", &format!("{city}に照会した"))]), 303);
    }
    let mut inspector = of_city(&site, Role::Inspector, "qqa");
    let page = inspector.get(&format!("/findings/{}", pick("qqa-city"))).text();
    assert!(page.contains("qqaに照会した") && !page.contains("action=\"/findings/act\""), "he looks, and does nothing");
    assert_eq!(inspector.get(&format!("/findings/{}", pick("zzb-city"))).status, 404);
    let mut auditor = signed_in(&site, "kansa", Role::Auditor, &Extent::default());
    assert!(!auditor.get(&format!("/findings/{}", pick("qqa-city"))).text().contains("action=\"/findings/act\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_manager_acknowledges_and_closes_in_a_browser() {
    let site = Site::new().await;
    day::tell(&site).await;
    let browser = Browser::start("desk");
    browser.resize(1440, 1000);
    let address = format!("http://localhost:{}", site.addr.port());
    browser::sign_in(&browser, &address, ADMIN, PASSWORD);
    let mut client = Client::new(site.addr);
    client.sign_in(ADMIN, PASSWORD);
    let one = finding(&mut client, "unknown_account");
    browser.open(&format!("{address}/findings/{}", one.0));
    browser.follow("#desk form button.act");
    assert!(browser.text_of("#desk h2").contains("確認済"));
    browser.click("#desk summary");
    browser.follow("#desk button[value=close]");
    assert!(browser.text_of("#desk [role=alert]").contains("理由"), "what is missing stands there");
    browser.type_into("#desk-text", "試験用アカウントを削除した");
    browser.follow("#desk button[value=close]");
    assert!(browser.text_of("#desk").contains("試験用アカウントを削除した"));
    browser::legible(&browser, "finding-desk");
    browser.picture("finding-desk");
    browser.open(&format!("{address}/findings?desk=closed"));
    assert!(browser.text_of("main").contains("対応完了"));
    browser::legible(&browser, "findings-closed");
    browser::no_complaints(&browser);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_program_acts_on_findings_with_its_key_and_is_told_why_not() {
    let (site, mut admin) = day::after().await;
    let key = site.users().create_key("受付システム", &["kukaku".to_owned()], true, at(0)).unwrap();
    let panel = site.users().create_key("盤", &["panel-1".to_owned()], true, at(0)).unwrap();
    let send = |key: &str, method: &str, path: &str, body: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        Client::new(site.addr).send(method, path, &headers, body.as_bytes())
    };
    let rows = send(&key, "GET", "/api/v1/findings?kind=unknown_account", "").json();
    let (id, revision) = (rows["rows"][0]["id"].clone(), rows["rows"][0]["revision"].clone());
    let path = format!("/api/v1/findings/{id}/acts");
    let act = |body: serde_json::Value| send(&key, "POST", &path, &body.to_string());
    let refused = |body: serde_json::Value, field: Option<&str>| {
        let answer = act(body);
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(answer.json()["field"].as_str(), field, "{}", answer.text());
    };
    refused(serde_json::json!({"act": "burn", "revision": revision}), Some("act"));
    refused(serde_json::json!({"act": "close", "revision": revision}), None);
    refused(serde_json::json!({"act": "acknowledge", "revision": 99}), None);
    refused(serde_json::json!({"act": "comment", "revision": revision, "text": "x", "colour": "red"}), Some("colour"));
    let done = act(serde_json::json!({"act": "comment", "revision": revision, "text": "受付番号 17"}));
    assert_eq!((done.status, done.json()["act"].as_str()), (200, Some("comment")));
    assert!(done.json()["by"].as_str().unwrap().starts_with("受付システム (key "));
    let body = serde_json::json!({"act": "acknowledge", "revision": revision}).to_string();
    assert_eq!(send(&panel, "POST", &path, &body).status, 403, "a panel's key is for its readings");
    assert_eq!(send(&key, "POST", "/api/v1/findings/987654/acts", &body).status, 404);
    assert!(admin.get(&format!("/findings/{id}")).text().contains("受付番号 17"));
}
