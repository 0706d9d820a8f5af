//! What a watched site keeps, and what it says of itself.

use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _, Unreadable};

use super::house::{House, arrival, at, reading, registers, session, submit};
use crate::writer::{ActError, Purpose, Writer, WriterError, WriterState};

#[tokio::test]
async fn operator_away_from_his_session_is_in_the_outbox_with_the_verdict() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    // He was seen leaving, so that he is known to be outside.
    submit(&writer, &reading(1, -500, "north-in", "card:1")).await.unwrap();
    submit(&writer, &reading(2, -400, "north-out", "card:1")).await.unwrap();
    house.clock.pass_to(at(301));
    let kept = submit(&writer, &session("started", 1, 300, "7781", "tmk-a01")).await.unwrap();
    assert!(!kept.duplicate);
    house.clock.pass_to(at(340));
    writer.advance().await.unwrap();
    assert_eq!(house.ask("SELECT verdict FROM session"), "pending");
    assert_eq!(house.ask("SELECT count(*) FROM outbox"), "0");
    house.clock.pass_to(at(351));
    writer.advance().await.unwrap();
    assert_eq!(house.ask("SELECT verdict FROM session"), "absent");
    assert_eq!(house.ask("SELECT kind FROM finding WHERE severity = 'critical'"), "absent");
    assert_eq!(house.ask("SELECT group_concat(channel) FROM outbox"), "mail,tower");
    // The entry comes late: the finding is resolved, the history stays, and both are told.
    submit(&writer, &reading(3, 200, "north-in", "card:1")).await.unwrap();
    assert_eq!(house.ask("SELECT verdict FROM session"), "present");
    assert_eq!(house.ask("SELECT group_concat(verdict) FROM revision WHERE verdict <> 'pending'"), "absent,present");
    assert_eq!(house.ask("SELECT count(*) FROM finding WHERE kind = 'absent' AND resolved_at_us IS NOT NULL"), "1");
    let history = "SELECT group_concat(change) FROM finding_event JOIN finding ON id = finding WHERE kind = 'absent'";
    assert_eq!(house.ask(history), "opened,resolved");
    assert_eq!(house.ask("SELECT count(*) FROM outbox"), "4");
    let client = "SELECT count(*) FROM journal j JOIN word w ON w.id = j.client WHERE w.text = 'tomakomai' AND kind = ";
    assert_eq!(house.ask(&format!("{client} 'session.started'")), "1");
    assert_ne!(house.ask(&format!("{client} 'revision'")), "0");
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn deliveries_are_noted_and_what_is_due_is_found() {
    let house = House::new().await;
    let writer = house.watch();
    house.clock.pass_to(at(0));
    submit(&writer, &session("started", 1, -10, "1", "nobody")).await.unwrap();
    house.clock.pass_to(at(60));
    writer.advance().await.unwrap();
    let due = |now| kukaku_store::outbox_due(&house.conn(), "mail", now, 10).unwrap();
    let mut rows = due(at(60));
    assert_eq!(rows.len(), 1);
    assert!(rows[0].body.contains(r#""finding":"unknown_account""#), "{}", rows[0].body);
    rows[0].failures = 1;
    rows[0].next_at = at(65);
    rows[0].last_error = Some("connection refused".to_owned());
    writer.note_deliveries(rows).await.unwrap();
    assert!(due(at(64)).is_empty());
    let next = |channel| kukaku_store::outbox_next_due(&house.conn(), channel).unwrap();
    assert_eq!((next("mail"), next("pager")), (Some(at(65)), None));
    assert!(next("tower").is_some_and(|due| due < at(65)), "one channel's patience is not the other's");
    let stranded = |known: &[&str]| kukaku_store::outbox_stranded(&house.conn(), known, 10).unwrap().len();
    assert_eq!((stranded(&["tower", "mail"]), stranded(&["tower"]), stranded(&[])), (0, 1, 2));
    let mut rows = due(at(65));
    rows[0].state = kukaku_store::OutboxState::Delivered;
    rows[0].delivered_at = Some(at(66));
    writer.note_deliveries(rows).await.unwrap();
    assert!(due(at(9999)).is_empty());
    assert_eq!(kukaku_store::outbox_delivered_since(&house.conn(), "mail", at(60)).unwrap(), [at(66)]);
    writer.stop().await.unwrap();
}

/// The tower's row was never tried.
#[tokio::test]
async fn broker_delivers_three_times_and_one_is_kept() {
    let house = House::new().await;
    let writer = house.watch();
    house.clock.pass_to(at(0));
    let first = submit(&writer, &reading(1, -5, "north-in", "card:1")).await.unwrap();
    for _ in 0..2 {
        let again = submit(&writer, &reading(1, -5, "north-in", "card:1")).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(again.journal_seq, first.journal_seq);
    }
    assert_eq!(house.ask("SELECT count(*) FROM reading"), "1");
    let panel = "SELECT duplicates FROM source_seen JOIN word ON id = source WHERE text = 'panel'";
    assert_eq!(house.ask(panel), "2");
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn three_of_one_group_are_one_with_the_same_number() {
    let house = House::new().await;
    let writer = house.watch();
    let json = reading(1, -3600, "north-in", "card:1");
    let mut receipts = Vec::new();
    for _ in 0..3 {
        receipts.push(writer.submit(arrival(&json)).await.unwrap());
    }
    let mut kept = Vec::new();
    for receipt in receipts {
        kept.push(receipt.await.unwrap());
    }
    assert_eq!(kept.iter().filter(|kept| !kept.duplicate).count(), 1);
    assert!(kept.iter().all(|k| k.journal_seq == kept[0].journal_seq));
    writer.stop().await.unwrap();
}

#[tokio::test]
async fn same_number_with_other_content_is_kept_and_shown_as_a_conflict() {
    let house = House::new().await;
    let writer = house.watch();
    house.clock.pass_to(at(0));
    let first = submit(&writer, &reading(1, -5, "north-in", "card:1")).await.unwrap();
    let other = submit(&writer, &reading(1, -5, "north-in", "card:2")).await.unwrap();
    assert!(!other.duplicate && other.journal_seq != first.journal_seq);
    assert_eq!(house.ask("SELECT count(*) FROM reading"), "2");
    assert_eq!(house.ask("SELECT count(*) FROM finding WHERE kind = 'sequence_conflict'"), "1");
    // Both again: both known.
    for (card, entry) in [("card:1", first), ("card:2", other)] {
        let again = submit(&writer, &reading(1, -5, "north-in", card)).await.unwrap();
        assert_eq!((again.duplicate, again.journal_seq), (true, entry.journal_seq));
    }
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn identity_is_the_number_else_the_event_id_else_the_content() {
    let house = House::new().await;
    let writer = house.watch();
    let alive = |extra: &str, seconds: i64| {
        format!(r#"{{"kind":"source.alive","source":"panel"{extra},"device_time":"{}"}}"#, at(seconds).to_rfc3339_utc())
    };
    for (json, duplicate) in [
        (alive("", 0), false),
        (alive("", 0), true),
        (alive("", 1), false),
        (alive(r#","event_id":"e1""#, 2), false),
        (alive(r#","event_id":"e1""#, 2), true),
        (alive(r#","event_id":"e2""#, 2), false),
        (alive(r#","epoch":"a","seq":1"#, 3), false),
        (alive(r#","epoch":"b","seq":1"#, 3), false),
        (alive(r#","epoch":"a","seq":1"#, 3), true),
        (alive(r#","seq":1"#, 3), false),
    ] {
        assert_eq!(submit(&writer, &json).await.unwrap().duplicate, duplicate, "{json}");
    }
    writer.stop().await.unwrap();
}

#[tokio::test]
async fn garbage_is_kept_once_counted_and_shown() {
    let house = House::new().await;
    let writer = house.watch();
    let bytes = [0xFF; 100_000];
    let garbage = || Arrival {
        link: "mqtt".to_owned(),
        body: ArrivalBody::Unreadable(Unreadable::new(Some("panel".to_owned()), &bytes, "not UTF-8 from byte 0 on")),
    };
    let first = writer.submit(garbage()).await.unwrap().await.unwrap();
    let again = writer.submit(garbage()).await.unwrap().await.unwrap();
    assert_eq!((first.duplicate, again.duplicate, again.journal_seq), (false, true, first.journal_seq));
    assert_eq!(house.ask("SELECT length || ' ' || reason FROM unreadable"), "100000 not UTF-8 from byte 0 on");
    let seen = "SELECT unreadable || ' ' || duplicates FROM source_seen JOIN word ON id = source WHERE text = 'panel'";
    assert_eq!(house.ask(seen), "1 1");
    // A name longer than any source's is no name: kept, and nobody's.
    let nameless = Unreadable::new(Some("x".repeat(5000)), b"{", "broken");
    let kept = writer.submit(Arrival { link: "mqtt".to_owned(), body: ArrivalBody::Unreadable(nameless) }).await;
    kept.unwrap().await.unwrap();
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn hours_that_nobody_watched_are_in_the_journal() {
    let house = House::new().await;
    house.clock.pass_to(at(0));
    let writer = house.watch();
    writer.stop().await.unwrap();
    house.clock.pass_to(at(3600));
    // A command on the store in between watches nothing.
    let command = house.start(Purpose::Command);
    submit(&command, &reading(1, 10, "north-in", "card:1")).await.unwrap();
    command.stop().await.unwrap();
    house.clock.pass_to(at(7200));
    let writer = house.watch();
    let gaps = "SELECT group_concat(cast(substr(unseal(seq, commitment, key, sealed), 33) AS text), char(10)) FROM payload JOIN journal USING (seq) WHERE kind = 'watch.gap'";
    let expected = r#"{"kind":"watch.gap","source":"kukaku","from":"2026-11-22T00:00:00Z","to":"2026-11-22T02:00:00Z","cause":"stopped"}"#;
    assert_eq!(house.ask(gaps), expected);
    // Cut off without a stop: the gap begins at the last sign of life.
    house.clock.pass_to(at(7200 + 61));
    writer.advance().await.unwrap();
    house.clock.pass_to(at(7200 + 100));
    let copy = super::house::Folder::new();
    for file in ["store.db", "store.db-wal", "checkpoint"] {
        std::fs::copy(house.folder.0.join(file), copy.0.join(file)).unwrap();
    }
    std::fs::create_dir(copy.0.join("keys")).unwrap();
    for file in std::fs::read_dir(house.folder.0.join("keys")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.0.join("keys").join(file.file_name())).unwrap();
    }
    writer.stop().await.unwrap();
    let crashed = House { folder: copy, clock: house.clock.clone() };
    crashed.clock.pass_to(at(9000));
    crashed.watch().stop().await.unwrap();
    let last = "SELECT cast(substr(unseal(seq, commitment, key, sealed), 33) AS text) FROM payload JOIN journal USING (seq) WHERE kind = 'watch.gap' ORDER BY seq DESC LIMIT 1";
    let expected = r#"{"kind":"watch.gap","source":"kukaku","from":"2026-11-22T02:01:01Z","to":"2026-11-22T02:30:00Z","cause":"crashed"}"#;
    assert_eq!(crashed.ask(last), expected);
    assert_eq!(house.ask("SELECT count(*) FROM journal WHERE kind = 'watch.started'"), "1");
    assert_eq!(house.ask("SELECT count(*) FROM journal WHERE kind = 'start'"), "2");
    house.check_whole();
    crashed.check_whole();
}

#[tokio::test]
async fn a_quiet_hour_has_sixty_signs_of_life_and_as_many_checkpoints() {
    let house = House::new().await;
    house.clock.pass_to(at(0));
    let writer = house.watch();
    for minute in 1..=60 {
        house.clock.pass_to(at(minute * 60));
        writer.advance().await.unwrap();
    }
    assert_eq!(house.ask("SELECT count(*) FROM journal WHERE kind = 'liveness'"), "60");
    let body = "SELECT cast(substr(unseal(seq, commitment, key, sealed), 33) AS text) FROM payload JOIN journal USING (seq) WHERE kind = 'liveness' LIMIT 1";
    let expected = r#"{"kind":"liveness","at":"2026-11-22T00:01:00Z","clients":[{"client":"","leaves":3}]}"#;
    assert_eq!(house.ask(body), expected);
    writer.stop().await.unwrap();
    let report = house.verify();
    assert_eq!((report.faults.len(), report.checkpoints), (0, 62));
    assert_eq!(report.signed_to, report.entries);
}

#[tokio::test]
async fn clock_that_is_set_is_recorded_and_time_goes_on() {
    let house = House::new().await;
    house.clock.pass_to(at(0));
    let writer = house.watch();
    submit(&writer, &reading(1, -5, "north-in", "card:1")).await.unwrap();
    // Ten years back.
    house.clock.set(at(-10 * 365 * 86_400));
    submit(&writer, &reading(2, 5, "north-out", "card:1")).await.unwrap();
    assert_eq!(house.ask("SELECT count(*) FROM journal WHERE kind = 'clock.step'"), "1");
    assert_eq!(house.ask("SELECT count(*) FROM finding WHERE kind = 'clock_step'"), "1");
    // And right again: what was skipped was not watched.
    house.clock.set(at(60));
    submit(&writer, &reading(3, 55, "north-in", "card:1")).await.unwrap();
    let gap = "SELECT cast(substr(unseal(seq, commitment, key, sealed), 33) AS text) FROM payload JOIN journal USING (seq) WHERE kind = 'watch.gap' ORDER BY seq DESC LIMIT 1";
    assert!(house.ask(gap).ends_with(r#""from":"2026-11-22T00:00:00Z","to":"2026-11-22T00:01:00Z","cause":"clock"}"#));
    writer.stop().await.unwrap();
    let backwards =
        "SELECT count(*) FROM journal a JOIN journal b ON b.seq = a.seq + 1 WHERE b.recorded_at_us < a.recorded_at_us";
    assert_eq!(house.ask(backwards), "0");
    house.check_whole();
}

#[tokio::test]
async fn a_new_card_is_journaled_with_who_and_why_and_readings_show_its_owner() {
    let house = House::new().await;
    house.clock.pass_to(at(0));
    let writer = house.watch();
    submit(&writer, &reading(1, -60, "north-in", "card:9")).await.unwrap();
    let person = "SELECT ifnull((SELECT text FROM word WHERE id = person), '-') FROM reading";
    assert_eq!(house.ask(person), "-");
    let more = "[[credential]]\nid = \"card:9\"\noperator = \"op-01\"\nvalid_from = \"2026-11-21\"\n";
    let diff = writer.plan_registers(registers(more)).await.unwrap();
    assert_eq!((diff.steps.len(), diff.counts()), (1, (1, 0)));
    assert_eq!(house.ask("SELECT count(*) FROM register_change"), "1");
    let change = writer.import_registers(registers(more), "山田".to_owned(), "カード追加".to_owned()).await.unwrap();
    assert_eq!((change.added, change.closed), (1, 0));
    assert_eq!(house.ask(person), "op-01");
    let body = "SELECT cast(substr(unseal(seq, commitment, key, sealed), 33) AS text) FROM payload JOIN journal USING (seq) WHERE kind = 'register' ORDER BY seq DESC LIMIT 1";
    let body = house.ask(body);
    assert!(body.contains(r#""actor":"山田","reason":"カード追加","opening":false"#), "{body}");
    assert!(
        body.contains(
            r#""before":[],"after":[{"valid_from":"2026-11-20T15:00:00Z","recorded_at":"2026-11-22T00:00:00Z""#
        ),
        "{body}"
    );
    // The same again is no change.
    let again = writer.import_registers(registers(more), "山田".to_owned(), String::new()).await.unwrap();
    assert_eq!(again.journal_seq, None);
    // A time zone that nobody knows is refused, and nothing is kept of it.
    let mut broken = registers("");
    broken.site.time_zone = "Asia/Nowhere".to_owned();
    let refused = writer.import_registers(broken, String::new(), String::new()).await;
    assert!(matches!(refused, Err(ActError::Refused(_))), "{refused:?}");
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn a_late_word_on_a_sources_clock_corrects_its_readings() {
    let house = House::new().await;
    house.clock.pass_to(at(0));
    let writer = house.watch();
    submit(&writer, &reading(1, -100, "north-in", "card:1")).await.unwrap();
    submit(&writer, &reading(2, -50, "north-out", "card:1")).await.unwrap();
    let clock = |offset_ms: i64, from: i64, to: i64| {
        let (from, to) = (at(from).to_rfc3339_utc(), at(to).to_rfc3339_utc());
        format!(
            r#"{{"kind":"source.clock","source":"panel","offset_ms":{offset_ms},"from":"{from}","to":"{to}","measured_by":"ntp"}}"#
        )
    };
    let off = "SELECT group_concat((device_time_us - occurred_at_us) / 1000) FROM reading";
    submit(&writer, &clock(2000, -200, -60)).await.unwrap();
    assert_eq!(house.ask(off), "2000,0");
    submit(&writer, &clock(-1500, -120, 0)).await.unwrap();
    assert_eq!(house.ask(off), "-1500,-1500");
    submit(&writer, &reading(3, -10, "north-in", "card:1")).await.unwrap();
    assert_eq!(house.ask(off), "-1500,-1500,-1500");
    writer.stop().await.unwrap();
    let writer = house.watch();
    submit(&writer, &reading(4, -5, "north-out", "card:1")).await.unwrap();
    assert_eq!(house.ask(off), "-1500,-1500,-1500,-1500");
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn watching_without_registers_is_refused_and_arrivals_wait_for_them() {
    let folder = super::house::Folder::new();
    let house = House { folder, clock: super::house::House::new().await.clock };
    drop(kukaku_store::Store::create(&house.store(), at(0)).unwrap());
    let route = || -> super::super::RouteFn { Box::new(|_| Vec::new()) };
    let watching = super::house::config(&house.folder.0, super::house::watch(), &house.clock, route());
    assert!(matches!(Writer::start(watching), Err(WriterError::NoRegisters)));
    let command = house.start(Purpose::Command);
    let refused = submit(&command, &reading(1, 0, "north-in", "card:1")).await.unwrap_err();
    assert!(refused.reason.contains("registers import"), "{refused}");
    assert!(command.plan_registers(registers("")).await.unwrap().opening);
    command.import_registers(registers(""), "m".to_owned(), String::new()).await.unwrap();
    submit(&command, &reading(1, 0, "north-in", "card:1")).await.unwrap();
    command.stop().await.unwrap();
    house.watch().stop().await.unwrap();
    house.check_whole();
}

#[tokio::test]
async fn every_commit_is_told_and_the_end_is_known() {
    let house = House::new().await;
    let writer = house.watch();
    let mut changes = writer.changes();
    submit(&writer, &reading(1, -3600, "north-in", "card:1")).await.unwrap();
    let changed = changes.recv().await.unwrap();
    assert!(changed.has(kukaku_store::ChangedKind::Reading) && changed.has(kukaku_store::ChangedKind::Stay));
    assert!(!changed.has(kukaku_store::ChangedKind::Camera));
    let ended = tokio::spawn({
        let writer = writer.clone();
        async move { writer.ended().await }
    });
    writer.stop().await.unwrap();
    ended.await.unwrap().unwrap();
    assert_eq!(writer.state(), WriterState::Stopped);
    let refused = submit(&writer, &reading(2, -3500, "north-out", "card:1")).await.unwrap_err();
    assert!(refused.reason.contains("stopped"), "{refused}");
    assert!(matches!(writer.stop().await, Err(ActError::NotKept(_))));
}
