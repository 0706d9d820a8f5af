//! What falls due goes, wholly; what rests on it stays as it was said; the rest doesn't notice.

use std::collections::HashSet;
use std::path::Path;

use kukaku_store::{ErasureOrder, RecordClass, Store, erased_note, keys_of};

use super::house::{House, at, reading, registers, session, submit};
use crate::writer::{ActError, EraseRequest, OffboardRequest, Writer};

pub(super) const DAY: i64 = 86_400;

/// The local day of nine o'clock, in days since 1970-01-01.
fn day_of(seconds: i64) -> i32 {
    i32::try_from((at(seconds).0 / 1_000_000 + 9 * 3600).div_euclid(DAY)).unwrap()
}

/// Everything of a class that was recorded up to the day of `seconds`.
pub(super) fn due(house: &House, class: RecordClass, seconds: i64) -> EraseRequest {
    let last = day_of(seconds);
    let keys = keys_of(&house.store()).unwrap();
    let keys: Vec<_> = keys.into_iter().filter(|key| key.meta.class == class && key.meta.day <= last).collect();
    let first = keys.iter().map(|key| key.meta.day).min().unwrap_or(last);
    EraseRequest {
        order: ErasureOrder {
            class: Some(class),
            scope: Vec::new(),
            days: (first, last),
            rule: "at least 9 days".to_owned(),
            by: vec!["kukaku".to_owned()],
            final_before: None,
        },
        keys: keys.into_iter().map(|key| key.id).collect::<HashSet<_>>(),
    }
}

/// Days of one operator with a session each, at nine, and a stranger on the first.
pub(super) async fn days(house: &House, writer: &Writer, from: i64, to: i64) {
    for day in from..to {
        let nine = day * DAY;
        let number = u64::try_from(day).unwrap() * 10;
        house.clock.pass_to(at(nine));
        submit(writer, &reading(number + 1, nine, "north-in", "card:1")).await.unwrap();
        house.clock.pass_to(at(nine + 60));
        submit(writer, &session("started", number + 1, nine + 60, &format!("s{day}"), "tmk-a01")).await.unwrap();
        if day == 0 {
            submit(writer, &reading(2, nine + 60, "north-in", "card:KANARIA-77")).await.unwrap();
            submit(writer, &session("started", 2, nine + 70, "KANARIA-78", "KANARIA-79")).await.unwrap();
            submit(writer, &session("ended", 3, nine + 90, "KANARIA-78", "")).await.unwrap();
            // Another source tells of the session too, and what it says lies beside it.
            let other = |json: String| json.replace("vpn-1", "win-1");
            let also = other(session("started", 7, nine + 60, "KANARIA-83", "tmk-a01"));
            submit(writer, &also.replace('}', r#","target":"KANARIA-82"}"#)).await.unwrap();
            submit(writer, &other(session("ended", 8, nine + 60, "KANARIA-83", ""))).await.unwrap();
            assert_eq!(house.ask("SELECT count(*) FROM session_part"), "2");
            let junk = kukaku_schema::intake::Unreadable::new(Some("panel".to_owned()), b"KANARIA-80", "KANARIA-81");
            let body = kukaku_schema::intake::ArrivalBody::Unreadable(junk);
            let arrival = kukaku_schema::intake::Arrival { link: "mqtt".to_owned(), body };
            kukaku_schema::intake::Intake::submit(writer, arrival).await.unwrap().await.unwrap();
        }
        house.clock.pass_to(at(nine + 3600));
        submit(writer, &session("ended", number + 4, nine + 3600, &format!("s{day}"), "")).await.unwrap();
        house.clock.pass_to(at(nine + 3700));
        submit(writer, &reading(number + 3, nine + 3700, "north-out", "card:1")).await.unwrap();
        house.clock.pass_to(at(nine + 4000));
        writer.advance().await.unwrap();
    }
}

/// What is shown of sessions, findings and stays from an instant on.
fn shown(house: &House, from: i64) -> Vec<String> {
    let from = at(from).0;
    [
        format!("SELECT group_concat(w.text || s.verdict || s.revision, ' ') FROM session s JOIN word w ON w.id = s.session WHERE s.start_us >= {from}"),
        format!("SELECT group_concat(key || revision || coalesce(resolved_at_us, ''), ' ') FROM (SELECT * FROM finding WHERE at_us >= {from} ORDER BY key)"),
        format!("SELECT group_concat(start_us || grade || end_us, ' ') FROM (SELECT * FROM stay WHERE start_us >= {from} ORDER BY start_us)"),
    ]
    .iter()
    .map(|sql| house.ask(sql))
    .collect()
}

/// Files under a folder that hold a text.
pub(super) fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(holding(&path, text));
        } else if std::fs::read(&path).unwrap_or_default().windows(text.len()).any(|w| w == text.as_bytes()) {
            out.push(path.display().to_string());
        }
    }
    out
}

#[tokio::test]
async fn what_fell_due_is_nowhere_and_the_later_days_are_as_they_were() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    days(&house, &writer, 0, 10).await;
    writer.checkpoint().await.unwrap();
    let before = shown(&house, 4 * DAY);
    assert_ne!(holding(&house.folder.0, "KANARIA-77"), Vec::<String>::new(), "the canary lives before");
    let mut erased = 0;
    for class in [RecordClass::Entry, RecordClass::Session, RecordClass::Finding, RecordClass::Unreadable] {
        let done = writer.erase(due(&house, class, 0)).await.unwrap();
        assert!(done.count > 0, "{class:?}");
        assert_eq!(done.kept, 0);
        erased += done.count;
    }
    assert_eq!(holding(&house.folder.0, "KANARIA"), Vec::<String>::new());
    assert_eq!(shown(&house, 4 * DAY), before);
    assert_eq!(house.ask("SELECT count(*) FROM session WHERE session IN (SELECT id FROM word WHERE text = 's0')"), "0");
    assert_eq!(house.ask("SELECT count(*) FROM session_part"), "0");
    let report = house.verify();
    assert_eq!((report.faults, report.erased), (Vec::new(), erased));
    // Whatever is not in the key store can't be opened, in no backup and for nobody.
    assert!(keys_of(&house.store()).unwrap().iter().all(|key| key.meta.day > day_of(0)
        || !matches!(
            key.meta.class,
            RecordClass::Entry | RecordClass::Session | RecordClass::Finding | RecordClass::Unreadable
        )));
    assert_eq!(house.ask("SELECT count(*) FROM doomed_key"), "0");
    // The day after is judged as ever, also after a restart.
    days(&house, &writer, 10, 11).await;
    assert_eq!(house.ask("SELECT verdict FROM session ORDER BY start_us DESC LIMIT 1"), "present");
    let before = shown(&house, 4 * DAY);
    writer.stop().await.unwrap();
    let writer = house.watch();
    writer.advance().await.unwrap();
    assert_eq!(shown(&house, 4 * DAY), before);
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn an_erased_entry_says_by_which_rule_and_its_neighbours_still_open() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    days(&house, &writer, 0, 5).await;
    let gone: u64 = house.ask("SELECT min(entry) FROM reading").parse().unwrap();
    let stays: u64 = house.ask("SELECT max(entry) FROM reading").parse().unwrap();
    let done = writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap();
    let note = erased_note(&house.conn(), gone).unwrap().unwrap();
    assert_eq!(
        (note.entry, note.rule.as_str(), note.by),
        (done.entries[0], "at least 9 days", vec!["kukaku".to_owned()])
    );
    assert_eq!(erased_note(&house.conn(), stays).unwrap(), None);
    let open = |seq: u64| kukaku_store::query::journal_entry(&house.conn(), seq.cast_signed()).unwrap().unwrap().value;
    assert_eq!(open(gone), kukaku_store::Value::Gone);
    assert!(matches!(open(stays), kukaku_store::Value::Open { .. }));
    writer.stop().await.unwrap();
    // Whoever takes a value away without an entry that says so is found.
    let conn = rusqlite::Connection::open(house.store()).unwrap();
    conn.execute_batch(&format!("INSERT INTO erasing VALUES (1); DELETE FROM payload WHERE seq = {stays}; INSERT INTO erased VALUES ({stays}, {stays}, {})", done.entries[0])).unwrap();
    let faults = house.verify().faults;
    assert_eq!(faults.iter().map(|fault| fault.entry).collect::<Vec<_>>(), [stays]);
}

#[tokio::test]
async fn what_still_goes_on_keeps_what_it_rests_on() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    days(&house, &writer, 0, 1).await;
    submit(&writer, &reading(90, 4100, "north-in", "card:1")).await.unwrap();
    house.clock.pass_to(at(5000));
    writer.advance().await.unwrap();
    let refused = writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap_err();
    assert!(matches!(&refused, ActError::Refused(why) if why.contains("still goes on")), "{refused}");
    assert_eq!(house.ask("SELECT count(*) FROM erased"), "0");
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn an_erasure_cut_off_before_its_keys_were_destroyed_is_finished_at_the_next_start() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    days(&house, &writer, 0, 1).await;
    writer.stop().await.unwrap();
    let key = keys_of(&house.store()).unwrap().into_iter().find(|key| key.meta.class == RecordClass::Finding).unwrap();
    // As if the power had failed between the commit and the destruction.
    let conn = rusqlite::Connection::open(house.store()).unwrap();
    conn.execute("INSERT INTO doomed_key (key) VALUES (?1)", [key.id.cast_signed()]).unwrap();
    drop(conn);
    drop(Store::open(&house.store()).unwrap());
    assert!(keys_of(&house.store()).unwrap().iter().all(|other| other.id != key.id));
    assert_eq!(house.ask("SELECT count(*) FROM doomed_key"), "0");
}

#[tokio::test]
async fn a_late_reading_of_days_whose_inputs_are_gone_is_kept_and_changes_no_verdict() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    days(&house, &writer, 0, 6).await;
    writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap();
    let before = shown(&house, -DAY);
    let kept = submit(&writer, &reading(999, DAY + 1000, "north-out", "card:1")).await.unwrap();
    assert!(!kept.duplicate);
    house.clock.pass_to(at(6 * DAY));
    writer.advance().await.unwrap();
    assert_eq!(shown(&house, -DAY)[0], before[0]);
    assert_eq!(house.ask(&format!("SELECT count(*) FROM reading WHERE entry = {}", kept.journal_seq)), "1");
    writer.stop().await.unwrap();
    assert_eq!(house.verify().faults, []);
}

const LEAVING: &str = r#"
[[operator]]
id = "op-TSUBAME-1"
name = "燕 TSUBAME"
clients = ["chitose"]
company = "sub"
[[company]]
id = "main"
name = "本社"
clients = ["chitose"]
[[company]]
id = "sub"
name = "TSUBAME-5 株式会社"
subcontracted_by = "main"
representative = "燕 TSUBAME"
clients = ["chitose"]
[[pledge]]
id = "pledge-1"
operator = "op-TSUBAME-1"
date = "2026-04-01"
[[training]]
id = "training-1"
operator = "op-TSUBAME-1"
topic = "情報セキュリティ"
date = "2026-04-01"
[[permit]]
id = "permit-1"
company = "sub"
client = "chitose"
date = "2026-04-01"
[[permit]]
id = "permit-2"
company = "main"
client = "tomakomai"
date = "2026-04-01"
[[operator]]
id = "op-03"
name = "両方 太郎"
company = "main"
clients = ["chitose", "tomakomai"]
[[credential]]
id = "card:TSUBAME-2"
operator = "op-TSUBAME-1"
[[credential]]
id = "card:3"
operator = "op-03"
[[account]]
id = "TSUBAME-3"
operator = "op-TSUBAME-1"
client = "chitose"
[[account]]
id = "tmk-a03"
operator = "op-03"
client = "tomakomai"
[[standing_permission]]
id = "check-of-one"
persons = ["op-TSUBAME-1"]
zones = ["zone-a"]
purpose = "点検"
[[standing_permission]]
id = "check-of-two"
persons = ["op-TSUBAME-1", "op-03"]
zones = ["zone-a"]
purpose = "点検"
"#;

#[tokio::test]
async fn a_client_that_left_is_nowhere_and_the_others_bytes_are_the_same() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    writer.import_registers(registers(LEAVING), "manager".to_owned(), "a new one".to_owned()).await.unwrap();
    days(&house, &writer, 0, 2).await;
    let start = 2 * DAY;
    house.clock.pass_to(at(start));
    submit(&writer, &reading(50, start, "north-in", "card:TSUBAME-2")).await.unwrap();
    submit(&writer, &reading(51, start + 1, "north-in", "card:3")).await.unwrap();
    submit(&writer, &session("started", 50, start + 10, "TSUBAME-4", "TSUBAME-3")).await.unwrap();
    submit(&writer, &session("started", 51, start + 10, "both", "tmk-a03")).await.unwrap();
    let refused = OffboardRequest {
        client: "chitose".to_owned(),
        by: vec!["a".to_owned(), "b".to_owned()],
        reason: "契約終了".to_owned(),
        credentials: 0,
    };
    house.clock.pass_to(at(start + 60));
    writer.advance().await.unwrap();
    let error = writer.offboard(refused.clone()).await.unwrap_err();
    assert!(error.to_string().contains("still goes on"), "{error}");
    house.clock.pass_to(at(start + 100));
    submit(&writer, &session("ended", 52, start + 90, "TSUBAME-4", "")).await.unwrap();
    submit(&writer, &session("ended", 53, start + 90, "both", "")).await.unwrap();
    submit(&writer, &reading(52, start + 95, "north-out", "card:TSUBAME-2")).await.unwrap();
    house.clock.pass_to(at(start + 400));
    writer.advance().await.unwrap();
    assert_ne!(holding(&house.folder.0, "TSUBAME"), Vec::<String>::new());
    let others = "SELECT group_concat(hex(p.sealed)) FROM payload p JOIN journal j USING (seq)
                  JOIN word w ON w.id = j.client WHERE w.text = 'tomakomai' AND seq < ";
    let size = house.ask("SELECT max(seq) FROM journal");
    let before = (house.ask(&format!("{others}{size}")), shown(&house, -DAY)[0].clone());
    let (entry, said) = writer.offboard(refused).await.unwrap();
    assert_eq!(holding(&house.folder.0, "TSUBAME"), Vec::<String>::new());
    assert_eq!(house.ask(&format!("{others}{size}")), before.0, "not a byte of the others changed");
    let sessions = shown(&house, -DAY)[0].clone();
    assert!(before.1.contains("TSUBAME-4") && !sessions.contains("TSUBAME-4"));
    assert!(sessions.contains("bothpresent"), "{sessions}");
    assert_eq!((said.client.as_str(), said.register_entries), ("chitose", 10));
    assert!(said.erased["session"] >= 3 && said.erased["entry"] >= 2 && said.masked >= 1, "{said:?}");
    assert_eq!(house.ask(&format!("SELECT kind FROM journal WHERE seq = {entry}")), "offboarded");
    let report = house.verify();
    assert_eq!((report.faults, report.erased), (Vec::new(), said.erased.values().sum::<u64>()));
    let permitted = house.ask("SELECT group_concat(body) FROM register_entry WHERE tbl = 'standing_permission'");
    assert!(permitted.contains("check-of-two") && !permitted.contains("check-of-one"), "{permitted}");
    // Who worked for both works for the other.
    house.clock.pass_to(at(3 * DAY));
    submit(&writer, &reading(60, 3 * DAY, "north-in", "card:3")).await.unwrap();
    assert!(keys_of(&house.store()).unwrap().iter().all(|key| !key.meta.scope.contains(&"chitose".to_owned())
        || key.meta.scope.len() > 1
        || key.meta.class == RecordClass::Proof));
    writer.stop().await.unwrap();
    let writer = house.watch();
    writer.advance().await.unwrap();
    assert!(shown(&house, -DAY)[0].contains("bothpresent"));
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn a_hold_keeps_its_records_under_a_new_key_until_two_people_release_it() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    let other = "[[operator]]\nid = \"op-05\"\nname = \"田中 次郎\"\nclients = [\"tomakomai\"]\n\
                 [[credential]]\nid = \"card:5\"\noperator = \"op-05\"\n";
    writer.import_registers(registers(other), "manager".to_owned(), "one more".to_owned()).await.unwrap();
    submit(&writer, &reading(500, -550, "north-in", "card:5")).await.unwrap();
    submit(&writer, &reading(501, -540, "north-out", "card:5")).await.unwrap();
    days(&house, &writer, 0, 6).await;
    let hold = kukaku_store::NewHold {
        client: None,
        period: kukaku_schema::Span::new(at(-DAY), at(DAY)),
        person: Some("op-01".to_owned()),
        camera: None,
        reason: "調査".to_owned(),
        by: "kanri".to_owned(),
    };
    let (id, _) = writer.place_hold(hold).await.unwrap();
    let keys = |house: &House| -> Vec<u64> {
        let entry = |key: &&kukaku_store::DataKey| key.meta.class == RecordClass::Entry && key.meta.day == day_of(0);
        keys_of(&house.store()).unwrap().iter().filter(entry).map(|key| key.id).collect()
    };
    let before = keys(&house);
    let readings = "SELECT count(*) FROM reading WHERE recorded_at_us < ";
    let first_day = format!("{readings}{}", at(DAY - 10).0);
    assert_eq!(house.ask(&first_day), "5");
    let done = writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap();
    assert_eq!((done.count, done.kept), (3, 2), "the others' readings go, the two of op-01 stay");
    assert_eq!(house.ask(&first_day), "2");
    assert!(keys(&house).iter().all(|key| !before.contains(key)), "what stays is sealed under another key");
    assert_eq!(house.verify().faults, []);
    let refused = OffboardRequest {
        client: "tomakomai".to_owned(),
        by: vec!["a".to_owned(), "b".to_owned()],
        reason: "end".to_owned(),
        credentials: 0,
    };
    assert!(writer.offboard(refused).await.unwrap_err().to_string().contains("released first"));
    let release = kukaku_store::HoldRelease {
        id,
        reason: "done".to_owned(),
        by: "kanri".to_owned(),
        confirmed_by: "shiji".to_owned(),
    };
    writer.release_hold(release).await.unwrap();
    let done = writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap();
    assert_eq!((done.count, done.kept), (2, 0));
    assert_eq!(house.ask(&first_day), "0");
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn what_is_agreed_is_erased_two_days_a_day_oldest_first_and_only_by_a_believed_date() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    let agreed = "[[retention]]\nid = \"tmk\"\nclient = \"tomakomai\"\nclass = \"session\"\nat_least = \"3 days\"\nerase = true\n";
    writer
        .import_registers_by_two(
            registers(agreed),
            "manager".to_owned(),
            Some("shiji".to_owned()),
            "agreement".to_owned(),
        )
        .await
        .unwrap();
    days(&house, &writer, 0, 15).await;
    let run = |now: i64, who: &[&str]| {
        let who = who.iter().map(|&name| name.to_owned()).collect();
        let (writer, store) = (writer.clone(), house.store());
        async move { crate::retention::run_due(&writer, store, at(now), who).await.unwrap() }
    };
    let now = 14 * DAY + 4000;
    // The kernel's word is missing here, or a second clock: nobody erases by a date of one clock.
    if !matches!(crate::time_state::now(), crate::time_state::TimeState::Synchronised(_)) {
        assert_eq!(run(now, &[]).await.len(), 0);
    }
    let oldest = || {
        house.ask("SELECT min(start_us) FROM session JOIN word w ON w.id = session.client WHERE w.text = 'tomakomai'")
    };
    assert_eq!(oldest(), at(60).0.to_string());
    let done = run(now, &["kanri"]).await;
    assert_eq!(done.len(), 1);
    assert!(done[0].outcome.is_ok(), "{}", done[0].line());
    assert_eq!(oldest(), at(2 * DAY + 60).0.to_string(), "two days went");
    assert_eq!(run(now, &["kanri"]).await.len(), 0, "and no more that day");
    let done = run(now, &["kanri", "shiji"]).await;
    assert!(done[0].outcome.is_ok(), "{}", done[0].line());
    assert_eq!(oldest(), at(11 * DAY + 60).0.to_string(), "two people catch up with all that is due");
    assert_ne!(house.ask("SELECT count(*) FROM reading"), "0");
    assert_eq!(house.ask(&format!("SELECT count(*) FROM reading WHERE recorded_at_us < {}", at(DAY).0)), "3");
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn findings_whose_own_term_is_over_are_not_raised_again_by_what_is_kept_longer() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    days(&house, &writer, 0, 6).await;
    let alerts = || house.ask("SELECT count(*) FROM outbox");
    let opened = || house.ask("SELECT count(*) FROM journal WHERE kind = 'finding'");
    let before = (opened(), shown(&house, 4 * DAY));
    writer.erase(due(&house, RecordClass::Finding, 0)).await.unwrap();
    let waiting = alerts();
    house.clock.pass_to(at(6 * DAY));
    writer.advance().await.unwrap();
    writer.stop().await.unwrap();
    let writer = house.watch();
    writer.advance().await.unwrap();
    assert_eq!((opened(), shown(&house, 4 * DAY)), before, "nobody is told again of what is a term ago");
    assert_eq!(alerts(), waiting);
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn records_so_young_that_verdicts_still_rest_on_them_are_not_erased_whatever_was_agreed() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    days(&house, &writer, 0, 2).await;
    let refused = writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap_err();
    assert!(matches!(&refused, ActError::Refused(why) if why.contains("still rest")), "{refused}");
    // A session of today is judged as ever.
    days(&house, &writer, 2, 3).await;
    assert_eq!(house.ask("SELECT verdict FROM session ORDER BY start_us DESC LIMIT 1"), "present");
    writer.stop().await.unwrap();
    house.check_whole();
}
