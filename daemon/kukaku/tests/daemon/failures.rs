//! Failure reports: handed in again as more is known, held to what they name, and none of them lost.
//!
//! The harm: a first report that a later one has quietly replaced; a report that nobody signed; one that
//! names another city's order.

use crate::house::{Site, exits, kukaku, kukaku_told, text};

const HANAKO: &str = "Seven-green-boats-91\n";

fn site() -> Site {
    let site = Site::new();
    let users = kukaku_store::users::Users::open(&site.dir.join("store.db")).unwrap();
    users.create_with_password("hanako", "Seven-green-boats-91", kukaku::clock::now()).unwrap();
    site
}

#[test]
fn a_failure_is_reported_first_and_finally_and_both_reports_stay() {
    let site = site();
    let dir = site.dir();
    let form = exits(&kukaku(&["failure", "form"]), 0);
    // The day after the site's registers begin: the form's own day may lie ahead.
    let form = form.replace("2026-11-22", "2026-01-06");
    let hand_in = |text_of: &str, answers: &str| {
        let file = site.folder.write("failure.toml", text_of);
        kukaku_told(&["failure", dir, "report", text(&file), "--by", "hanako"], answers)
    };
    // Nobody reports in another's name, and nothing that can't be is recorded.
    assert!(exits(&hand_in(&form, "wrong\n"), 1).contains("hanako"));
    let said = exits(&hand_in(&form.replace("# order =", "order ="), HANAKO), 2);
    assert!(said.contains("the client has no order \"R8-0123\""), "{said}");
    let said = exits(&hand_in(&form.replace("symptom", "symtom"), HANAKO), 2);
    assert!(said.contains("line ") && said.contains("symtom"), "{said}");
    assert!(exits(&kukaku(&["failure", dir, "list"]), 0).contains("no failure reports"));

    let said = exits(&hand_in(&form, HANAKO), 0);
    assert!(said.contains("failure report F8-0012, first, by hanako"), "{said}");
    let last = form.replace("\"first\"", "\"final\"");
    let said = exits(&hand_in(&last, HANAKO), 2);
    assert!(said.contains("the final report needs recovered_at, cause, measures, prevention"), "{said}");
    let whole = ["recovered_at", "cause", "measures", "prevention", "operators"]
        .into_iter()
        .fold(last, |form, key| form.replace(&format!("# {key} ="), &format!("{key} =")));
    exits(&hand_in(&whole, HANAKO), 0);
    let said = exits(&hand_in(&form, HANAKO), 2);
    assert!(said.contains("the final is in already"), "{said}");

    let listed = exits(&kukaku(&["failure", dir, "list"]), 0);
    assert!(listed.lines().count() == 1 && listed.contains("F8-0012  tomakomai"), "{listed}");
    assert!(listed.contains("最終報告 (final report)"), "{listed}");
    let shown = exits(&kukaku(&["failure", dir, "show", "F8-0012"]), 0);
    for part in ["第一報 (first)", "最終報告 (final)", "原因 cause: ログの増加", "復旧 recovered: 2026-01-06 09:40:00"]
    {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    let bodies = exits(&kukaku(&["failure", dir, "show", "F8-0012", "--json"]), 0);
    let bodies: serde_json::Value = serde_json::from_str(&bodies).unwrap();
    assert_eq!(bodies.as_array().map(Vec::len), Some(2));
    assert_eq!((bodies[0]["stage"].as_str(), bodies[1]["by"].as_str()), (Some("first"), Some("hanako")));
    exits(&kukaku(&["failure", dir, "show", "F8-9999"]), 2);
    exits(&kukaku(&["verify", dir]), 0);
}
