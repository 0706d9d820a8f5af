//! Work orders: written by the vendor, allowed by the city, and what the journal keeps of it.

use serde_json::{Value, json};

use crate::house::{Site, exits, kukaku, kukaku_told, text};

const HANAKO: &str = "Seven-green-boats-91\n";
const BOTH: &str = "Seven-green-boats-91\nEleven-quiet-rivers-7\n";

fn site() -> Site {
    let site = Site::new();
    let users = kukaku_store::users::Users::open(&site.dir.join("store.db")).unwrap();
    for (name, password) in [("hanako", "Seven-green-boats-91"), ("taro", "Eleven-quiet-rivers-7")] {
        users.create_with_password(name, password, kukaku::clock::now()).unwrap();
    }
    site
}

const REPORT: &str = "from = \"2026-01-05T09:00:00+09:00\"\nto = \"2026-01-05T10:00:00+09:00\"\n\
                      operators = [\"op-01\"]\nresult = \"異常なし\"\napproved_by = \"鈴木\"\n";

#[test]
fn an_order_goes_its_way_from_the_form_to_the_accepted_report_and_the_citys_paper_takes_two() {
    let site = site();
    let dir = site.dir();
    // The form that the program prints is one that it takes.
    let template = exits(&kukaku(&["order", "template"]), 0);
    let form = site.folder.write("order.toml", template.replace("op-01\", \"op-03", "op-01"));
    let write =
        |by: &str, answers: &str| kukaku_told(&["order", dir, "write", text(&form), "--submit", "--by", by], answers);
    assert!(exits(&write("hanako", "wrong\n"), 1).contains("hanako"));
    let said = exits(&write("hanako", HANAKO), 0);
    assert!(said.contains("order R8-0123 is submitted (by hanako)"), "{said}");

    let act = |args: &[&str], answers: &str| kukaku_told(&[&["order", dir], args].concat(), answers);
    // The vendor can't allow himself anything: not alone, and not without a paper.
    let said = exits(&act(&["begin", "R8-0123", "--by", "hanako"], HANAKO), 2);
    assert!(said.contains("has to be approved"), "{said}");
    let approve = |by: [&str; 2], answers: &str| {
        act(&["approve", "R8-0123", "--paper", "総務第12号", "--by", by[0], "--confirmed-by", by[1]], answers)
    };
    let said = exits(&approve(["hanako", "hanako"], "Seven-green-boats-91\nSeven-green-boats-91\n"), 1);
    assert!(said.contains("two people"), "{said}");
    let said = exits(&approve(["hanako", "taro"], BOTH), 0);
    assert!(said.contains("order R8-0123 is approved (on paper 総務第12号, entered by hanako"), "{said}");

    exits(&act(&["begin", "R8-0123", "--by", "hanako"], HANAKO), 0);
    let report = site.folder.write("report.toml", REPORT.replace("op-01", "nobody"));
    let said = exits(&act(&["report", "R8-0123", text(&report), "--by", "hanako"], HANAKO), 2);
    assert!(said.contains("\"nobody\" is not registered"), "{said}");
    let report = site.folder.write("report.toml", REPORT);
    exits(&act(&["report", "R8-0123", text(&report), "--by", "hanako"], HANAKO), 0);
    let accept = ["accept", "R8-0123", "--paper", "総務第15号", "--by", "hanako", "--confirmed-by", "taro"];
    exits(&act(&accept, BOTH), 0);
    let said = exits(&act(&["withdraw", "R8-0123", "--by", "hanako"], HANAKO), 2);
    assert!(said.contains("the order is accepted"), "{said}");

    let listed = exits(&act(&["list"], ""), 0);
    assert!(listed.contains("R8-0123  tomakomai") && listed.contains("完了確認 (accepted)"), "{listed}");
    let shown = exits(&act(&["show", "R8-0123"], ""), 0);
    assert!(shown.contains("総務第12号") && shown.contains("異常なし"), "{shown}");
    let steps: serde_json::Value = serde_json::from_str(&exits(&act(&["show", "R8-0123", "--json"], ""), 0)).unwrap();
    let sides: Vec<&str> = steps.as_array().unwrap().iter().map(|step| step["side"].as_str().unwrap()).collect();
    assert_eq!(sides, ["vendor", "vendor", "paper", "vendor", "vendor", "paper"]);
    exits(&kukaku(&["verify", dir]), 0);
    exits(&kukaku(&["replay", "--store", dir]), 0);
}

#[test]
fn a_table_of_orders_is_shown_first_and_taken_whole_or_not_at_all() {
    let site = site();
    let dir = site.dir();
    let header = "id,client,from,to,purpose,content,operators,responsible\n";
    let row = |id: &str, operator: &str| {
        format!("{id},tomakomai,2026-01-05 09:00,2026-01-05 12:00,定期保守,ログの確認,{operator},鈴木\n")
    };
    let import = |table: String, more: &[&str]| {
        let file = site.folder.write("orders.csv", table);
        kukaku_told(&[&["order", dir, "import", text(&file), "--by", "hanako"], more].concat(), HANAKO)
    };
    let stranger = format!("{header}{}{}", row("a", "op-01"), row("b", "op-02"));
    let said = exits(&import(stranger, &[]), 2);
    assert!(said.contains("order b: operator \"op-02\" is not registered"), "{said}");
    assert_eq!(exits(&kukaku(&["order", dir, "list"]), 0).trim(), "no orders", "all or nothing");
    let two = format!("{header}{}{}", row("a", "op-01"), row("b", "op-01"));
    let said = exits(&import(two.clone(), &["--dry-run"]), 0);
    assert!(said.contains("2 orders would be written"), "{said}");
    assert_eq!(exits(&kukaku(&["order", dir, "list"]), 0).trim(), "no orders");
    let wrong = format!("{header}{}b,tomakomai,soon,2026-01-05 12:00,x,x,op-01,x\n", row("a", "op-01"));
    let said = exits(&import(wrong, &[]), 2);
    assert!(said.contains("line 3, column \"from\""), "{said}");
    assert_eq!(exits(&kukaku(&["order", dir, "list"]), 0).trim(), "no orders");
    exits(&import(two, &["--submit"]), 0);
    let listed: serde_json::Value =
        serde_json::from_str(&exits(&kukaku(&["order", dir, "list", "--json"]), 0)).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(listed.as_array().unwrap().iter().all(|order| order["state"] == "submitted"));
}

#[test]
fn a_new_order_is_begun_from_an_earlier_one_and_needs_its_own_number_and_period() {
    let site = site();
    let dir = site.dir();
    let form = exits(&kukaku(&["order", "template"]), 0).replace("op-01\", \"op-03", "op-01");
    let form = site.folder.write("order.toml", form);
    exits(&kukaku_told(&["order", dir, "write", text(&form), "--submit", "--by", "hanako"], HANAKO), 0);
    assert!(exits(&kukaku(&["order", dir, "show", "R8-0123"]), 0).contains("patch-2026-11.zip"));
    let said = exits(&kukaku(&["order", dir, "template", "--from", "R8-9999"]), 2);
    assert!(said.contains("there is no order \"R8-9999\""), "{said}");
    let like = exits(&kukaku(&["order", dir, "template", "--from", "R8-0123"]), 0);
    let write = |text_of_it: &str| {
        let file = site.folder.write("like.toml", text_of_it);
        kukaku_told(&["order", dir, "write", text(&file), "--by", "hanako"], HANAKO)
    };
    // As it is printed it is no order: nobody hands in last month's period unread.
    let said = exits(&write(&like), 2);
    assert!(said.contains("line 5: \"\" is no RFC 3339 time"), "{said}");
    let dated = like.replace("from = \"\"", "from = \"2026-12-24T09:00:00+09:00\"");
    let said = exits(&write(&dated.replace("to = \"\"", "to = \"2026-12-24T12:00:00+09:00\"")), 2);
    assert!(said.contains("a name can't be empty"), "{said}");
    let filled = like
        .replacen("id = \"\"", "id = \"R8-0124\"", 1)
        .replacen("from = \"\"", "from = \"2026-12-24T09:00:00+09:00\"", 1)
        .replacen("to = \"\"", "to = \"2026-12-24T12:00:00+09:00\"", 1);
    exits(&write(&filled), 0);
    let newest = |id: &str| -> Value {
        let steps = exits(&kukaku(&["order", dir, "show", id, "--json"]), 0);
        serde_json::from_str::<Vec<Value>>(&steps).unwrap().pop().unwrap()
    };
    let (old, new) = (newest("R8-0123"), newest("R8-0124"));
    for kept in ["client", "purpose", "content", "targets", "operators", "responsible", "files"] {
        assert_eq!(old[kept], new[kept], "{kept}");
    }
    assert_eq!((&old["state"], &new["state"]), (&json!("submitted"), &json!("drafted")));
}

/// The vendor's own system hands orders in over HTTP; the program is killed, and what it had
/// answered with 201 is there.
#[test]
fn an_order_that_was_answered_over_the_api_is_in_the_journal_after_a_kill() {
    let site = site();
    let key = exits(&kukaku(&["sources", site.dir(), "key", "add", "kukaku", "--label", "申請", "--may-read"]), 0);
    assert!(!key.contains("not registered"), "{key}");
    let key = key.split_whitespace().find(|word| word.starts_with("kk_")).unwrap().to_owned();
    let ask = |url: &str, body: Option<&Value>| -> (u16, Value) {
        let bearer = format!("Bearer {key}");
        let mut answer = match body {
            Some(body) => ureq::post(url)
                .config()
                .http_status_as_error(false)
                .build()
                .header("Authorization", &bearer)
                .header("Content-Type", "application/json")
                .send(body.to_string()),
            None => ureq::get(url).config().http_status_as_error(false).build().header("Authorization", &bearer).call(),
        }
        .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
    };
    let form = json!({
        "id": "R8-1", "client": "tomakomai", "from": "2026-01-05T09:00:00+09:00", "to": "2026-01-05T12:00:00+09:00",
        "purpose": "定期保守", "content": "ログの確認", "operators": ["op-01"], "responsible": "鈴木",
        "files": [{"name": "patch.zip", "sha256": "ab".repeat(32)}],
    });
    let daemon = site.run();
    let orders = format!("http://{}/api/v1/orders", daemon.web());
    let (status, said) = ask(&format!("{orders}?dry_run"), Some(&form));
    assert_eq!((status, &said["new"]), (200, &json!(true)));
    assert_eq!(ask(&orders, None).1["rows"], json!([]));
    let mut wrong = form.clone();
    wrong["operators"] = json!(["op-77"]);
    let (status, said) = ask(&orders, Some(&wrong));
    assert_eq!((status, &said["field"]), (422, &json!("operators")), "{said}");
    let (status, said) = ask(&format!("{orders}?submit"), Some(&form));
    assert_eq!((status, &said["state"]), (201, &json!("submitted")), "{said}");
    daemon.signal(rustix::process::Signal::KILL);
    drop(daemon);
    let listed = exits(&kukaku(&["order", site.dir(), "show", "R8-1"]), 0);
    assert!(listed.contains("patch.zip") && listed.contains("申請 (key "), "{listed}");
    // Sent again to the program that runs anew, it counts once.
    let daemon = site.run();
    let orders = format!("http://{}/api/v1/orders", daemon.web());
    let (status, again) = ask(&format!("{orders}?submit"), Some(&form));
    assert_eq!((status, &again["journal_seq"]), (200, &said["journal_seq"]));
    assert_eq!(ask(&format!("{orders}/R8-1"), None).1["steps"].as_array().unwrap().len(), 2);
    let (status, said) = ask(&format!("{orders}/R8-1/withdraw"), Some(&Value::Null));
    assert_eq!((status, &said["state"]), (200, &json!("withdrawn")));
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
    exits(&kukaku(&["replay", "--store", site.dir()]), 0);
}

#[test]
fn while_somebody_works_under_an_order_it_is_not_taken_away_from_him_unnoticed() {
    let site = site();
    let daemon = site.run();
    let key = site.key("vpn-1");
    let act = |args: &[&str], answers: &str| kukaku_told(&[&["order", site.dir()], args].concat(), answers);
    let template = exits(&kukaku(&["order", "template"]), 0).replace("op-01\", \"op-03", "op-01");
    let dated = |line: &str| match line.split(' ').next() {
        Some("from") => format!("from = \"{}\"\n", crate::house::ago(3600)),
        Some("to") => format!("to = \"{}\"\n", crate::house::ago(-3600)),
        _ => format!("{line}\n"),
    };
    let form: String = template.lines().map(dated).collect();
    let form = site.folder.write("order.toml", form);
    let write = || act(&["write", text(&form), "--submit", "--by", "hanako"], HANAKO);
    exits(&write(), 0);
    exits(&act(&["approve", "R8-0123", "--paper", "総務第12号", "--by", "hanako", "--confirmed-by", "taro"], BOTH), 0);
    let says = |kind: &str, seconds: i64, more: &str| {
        let at = crate::house::ago(seconds);
        format!("{{\"kind\":\"{kind}\",\"source\":\"vpn-1\",\"device_time\":\"{at}\",\"session\":\"s1\"{more}}}\n")
    };
    daemon.post(&key, &says("session.started", 60, ",\"account\":\"tmk-a01\",\"terminal\":\"term-1\""));
    let said = exits(&write(), 2);
    assert!(said.contains("would take the city's approval away"), "{said}");
    let said = exits(&act(&["withdraw", "R8-0123", "--by", "hanako"], HANAKO), 2);
    assert!(said.contains("still open; end it first"), "{said}");
    daemon.post(&key, &says("session.ended", 30, ""));
    exits(&write(), 0);
    assert!(daemon.stop().0.success());
}
