//! `import`: files of other systems go in once, with their faults named.

use kukaku_store::query::{FindingFilter, findings};

use crate::house::{Site, exits, kukaku, kukaku_told, text};

const MAPPING: &str = r#"
[doors]
encoding = "shift_jis"
skip_lines = 3
[doors.fields]
source = { constant = "panel" }
event_id = { column = "no" }
device_time = { column = "日時", format = "%Y-%m-%d %H:%M:%S", zone = "Asia/Tokyo" }
reader = { column = "状況", map = { "入室" = "north-in", "退室" = "north-out" } }
credential = { template = "card:{カード}" }
result = { constant = "granted" }
[sessions]
[sessions.fields]
source = { constant = "vpn-1" }
session = { column = "id" }
account = { column = "user" }
terminal = { column = "terminal" }
start = { column = "start_ms", format = "unix_ms" }
end = { column = "end_ms", format = "unix_ms" }
"#;

const DOORS: &str = "入退室記録\n出力 2026-11-22\n\nno,日時,状況,カード\n\
1,2026-11-20 09:00:00,入室,0123456789ABCDEF\n\
2,2026-11-20 09:xx:00,退室,0123456789ABCDEF\n\
3,2026-11-20 12:00:00,退室,0123456789ABCDEF\n";

const SESSIONS: &str = "id,user,terminal,start_ms,end_ms\n\
7781,tmk-a01,term-1,1763597100000,1763600400000\n\
7782,tmk-a01,term-1,1763601000000,\n";

fn shift_jis(text: &str) -> Vec<u8> {
    let output = std::process::Command::new("iconv")
        .args(["-f", "UTF-8", "-t", "CP932"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            use std::io::Write as _;
            child.stdin.take().unwrap().write_all(text.as_bytes())?;
            child.wait_with_output()
        })
        .unwrap();
    output.stdout
}

/// Imports both files; what was said.
fn import(site: &Site) -> std::process::Output {
    let mapping = site.folder.write("mapping.toml", MAPPING);
    let doors = site.folder.write("doors.csv", shift_jis(DOORS));
    let sessions = site.folder.write("sessions.csv", SESSIONS);
    kukaku(&[
        "import",
        "--store",
        site.dir(),
        "--mapping",
        text(&mapping),
        "--doors",
        text(&doors),
        "--sessions",
        text(&sessions),
    ])
}

fn check_both_runs(site: &Site) {
    let said = exits(&import(site), 1);
    assert!(said.contains("doors.csv: line 6") && said.contains("09:xx:00"), "{said}");
    // Two readings, two starts and an end, and the line that was not understood.
    assert!(said.contains("6 new in the journal, 0 known already, 1 line(s)"), "{said}");
    let journal = site.journal();
    let count = |wanted: &str| journal.iter().filter(|kind| *kind == wanted).count();
    assert_eq!(
        (count("door.reading"), count("session.started"), count("session.ended"), count("unreadable")),
        (2, 2, 1, 1)
    );
    let said = exits(&import(site), 1);
    assert!(said.contains("0 new in the journal, 6 known already"), "{said}");
    let again = site.journal();
    let said_by_others =
        |journal: &[String]| journal.iter().filter(|kind| kind.contains('.') || *kind == "unreadable").count();
    assert_eq!(said_by_others(&again), said_by_others(&journal));
}

#[test]
fn the_same_file_twice_changes_nothing_while_no_daemon_runs() {
    let site = Site::new();
    check_both_runs(&site);
    exits(&kukaku(&["verify", site.dir()]), 0);
    exits(&kukaku(&["replay", "--store", site.dir()]), 0);
}

#[test]
fn the_same_file_twice_changes_nothing_through_a_running_daemon() {
    let site = Site::new();
    let daemon = site.run();
    check_both_runs(&site);
    assert!(daemon.stop().0.success());
}

#[test]
fn a_mapping_with_a_mistake_and_a_missing_file_are_told() {
    let site = Site::new();
    let mapping = site.folder.write("mapping.toml", "[doors]\n[doors.fields]\nsuorce = { constant = \"x\" }\n");
    let doors = site.folder.write("doors.csv", "a\n");
    let said =
        exits(&kukaku(&["import", "--store", site.dir(), "--mapping", text(&mapping), "--doors", text(&doors)]), 2);
    assert!(said.contains("line 3") && said.contains("suorce"), "{said}");
    let mapping = site.folder.write("mapping.toml", MAPPING);
    let said =
        exits(&kukaku(&["import", "--store", site.dir(), "--mapping", text(&mapping), "--doors", "/nowhere.csv"]), 1);
    assert!(said.contains("/nowhere.csv"), "{said}");
}

#[test]
fn a_muster_needs_two_people_who_know_their_passwords() {
    let site = Site::new();
    let users = kukaku_store::users::Users::open(&site.dir.join("store.db")).unwrap();
    for (name, password) in [("hanako", "Seven-green-boats-91"), ("taro", "Eleven-quiet-rivers-7")] {
        users.create_with_password(name, password, kukaku::clock::now()).unwrap();
    }
    let muster = |persons: &str, by: [&str; 2], answers: &str| {
        let at = crate::house::ago(5);
        kukaku_told(
            &["muster", site.dir(), "--at", &at, "--person", persons, "--written-by", by[0], "--confirmed-by", by[1]],
            answers,
        )
    };
    let both = "Seven-green-boats-91\nEleven-quiet-rivers-7\n";
    let said = exits(&muster("op-01=zone-a", ["hanako", "hanako"], "Seven-green-boats-91\nSeven-green-boats-91\n"), 1);
    assert!(said.contains("two people"), "{said}");
    let said = exits(&muster("op-01=zone-a", ["hanako", "taro"], "Seven-green-boats-91\nwrong\n"), 1);
    assert!(said.contains("taro"), "{said}");
    let said = exits(&muster("op-99=zone-a", ["hanako", "taro"], both), 2);
    assert!(said.contains("op-99"), "{said}");
    assert!(!site.journal().iter().any(|kind| kind == "muster"));
    let said = exits(&muster("op-01=zone-a", ["hanako", "taro"], both), 0);
    assert!(said.contains("1 inside") && said.contains("confirmed by taro"), "{said}");
    let status: serde_json::Value =
        serde_json::from_str(&exits(&kukaku(&["status", site.dir(), "--json"]), 0)).unwrap();
    assert_eq!(status["inside"][0]["person_name"], "佐藤 花子");

    // The daemon doesn't run, so every door is in outage and a line of the entry book counts.
    let leaves = |person: &str, answers: &str| {
        let (dir, at) = (site.dir(), crate::house::ago(1));
        let line = ["--at", &at, "--person", person, "--zone", "zone-a", "--direction", "exit"];
        let signed = ["--written-by", "hanako", "--confirmed-by", "taro"];
        kukaku_told(&[&["manual-entry", dir][..], &line, &signed].concat(), answers)
    };
    let said = exits(&leaves("op-99", both), 2);
    assert!(said.contains("op-99"), "{said}");
    let said = exits(&leaves("op-01", both), 0);
    assert!(said.contains("op-01 leaves zone-a") && said.contains("confirmed by taro"), "{said}");
    assert!(site.journal().iter().any(|kind| kind == "manual.entry"));
    let status: serde_json::Value =
        serde_json::from_str(&exits(&kukaku(&["status", site.dir(), "--json"]), 0)).unwrap();
    assert_eq!(status["inside"], serde_json::json!([]));
}

/// What the city wrote down of its line, saved by Excel, against the sessions of the gateway.
#[test]
fn a_citys_record_of_its_line_is_laid_beside_the_sessions() {
    let site = Site::new();
    import(&site);
    let kinds = || {
        let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
        let filter = FindingFilter { holding_only: true, ..FindingFilter::default() };
        let found = findings(&conn, &filter, None, 100).unwrap().rows;
        let of = |word: &str| found.iter().filter(|finding| finding.kind.word() == word).count();
        (of("unseen_session"), of("unlisted_session"))
    };
    assert_eq!(kinds(), (0, 0), "nothing is compared with a record that nobody gave");
    let mapping = format!(
        "{MAPPING}[lines]\nencoding = \"shift_jis\"\n[lines.fields]\nsource = {{ constant = \"city-line\" }}\n\
         client = {{ constant = \"tomakomai\" }}\nfrom = {{ column = \"解錠\", format = \"%Y/%m/%d %H:%M\", zone = \"Asia/Tokyo\" }}\n\
         to = {{ column = \"施錠\", format = \"%Y/%m/%d %H:%M\", zone = \"Asia/Tokyo\" }}\naccount = {{ column = \"利用者\" }}\n"
    );
    let mapping = site.folder.write("lines.toml", mapping);
    let take = |rows: &str, more: &[&str]| {
        let lines = site.folder.write("lines.csv", shift_jis(&format!("解錠,施錠,利用者\n{rows}")));
        let mut arguments = vec!["import", "--store", site.dir(), "--mapping", text(&mapping), "--lines"];
        let lines = text(&lines).to_owned();
        arguments.push(&lines);
        arguments.extend(more);
        kukaku(&arguments)
    };
    let complete = ["--complete", "2025-11-20..2025-11-21", "--client", "tomakomai", "--source", "city-line"];
    // A row that can't be read: the record is not called complete, for then it would accuse somebody.
    let said = exits(&take("2025/11/20 06:00,2025/11/20 06:30,\n2025/11/20 9:xx,2025/11/20 10:05,\n", &complete), 1);
    assert!(said.contains("lines.csv: line 3") && said.contains("2 new in the journal"), "{said}");
    assert_eq!(kinds(), (1, 0), "what the city knows alone is told all the same");
    let rows = "2025/11/20 06:00,2025/11/20 06:30,\n2025/11/20 09:00,2025/11/20 10:05,tmk-a01\n";
    let said = exits(&take(rows, &complete), 0);
    assert!(said.contains("2 new in the journal, 1 known already"), "{said}");
    assert_eq!(kinds(), (1, 1), "the second session is in no unlock");
    let said = exits(&take(rows, &["--complete", "soon", "--client", "tomakomai", "--source", "city-line"]), 2);
    assert!(said.contains("2026-11-01..2026-12-01"), "{said}");
    exits(&kukaku(&["verify", site.dir()]), 0);
}
