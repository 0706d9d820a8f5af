//! Work orders: written by the vendor, allowed by the city, and what the journal keeps of it.

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
