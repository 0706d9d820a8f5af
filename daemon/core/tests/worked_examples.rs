//! The worked examples of the meaning, by their numbers.
//!
//! The harm if one fails: a manager trusts a session that nobody watched, or accuses somebody
//! who was there.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_core::engine::Input;
use kukaku_schema::observation::{DoorStateWord, ManualDirection, ReaderStatusWord};
use kukaku_schema::{Severity, UtcMicros};

fn story(parts: &[&[kukaku_schema::Observation]]) -> Vec<kukaku_schema::Observation> {
    parts.concat()
}

fn leaves_at_noon() -> kukaku_schema::Observation {
    read("12:00", "z-out", "A")
}

#[test]
fn example_01_operator_inside_throughout_is_present() {
    let shown = shown_at(
        story(&[
            &[read("09:00", "z-in", "A"), read("10:05", "z-out", "A")],
            &session("09:05", "10:00", "s", "a01", "T"),
        ]),
        "14:00",
    );
    assert_eq!(shown.verdict("s"), "present confirmed");
    assert!(shown.findings.is_empty(), "{:?}", shown.kinds());
}

#[test]
fn example_02_no_entry_is_pending_until_0905_50_and_absent_right_after() {
    let all = session("09:05", "10:00", "s", "a01", "T");
    assert_eq!(shown_at(all.clone(), "09:05:50").verdict("s"), "pending -");
    assert!(shown_at(all.clone(), "09:05:50").findings.is_empty());
    let arrivals = told(watched().into_iter().chain(all.clone()).filter(|o| instant_of(o) <= at("09:05:50")));
    let right_after = UtcMicros(at("09:05:50").0 + 1);
    let (engine, _) = live(&site(), &arrivals, right_after);
    assert_eq!(Shown::of(&engine).verdict("s"), "absent - absent:11-22 09:05:00/");
    let shown = shown_at(all, "14:00");
    assert_eq!(shown.verdict("s"), "absent - absent:11-22 09:05:00/11-22 10:00:00");
    assert_eq!(shown.kinds(), ["absent"]);
}

#[test]
fn example_03_leaving_early_is_partial_and_unattended() {
    let day = story(&[
        &[read("09:00", "z-in", "A"), read("09:30", "z-out", "A")],
        &session("09:05", "10:00", "s", "a01", "T"),
    ]);
    let shown = shown_at(day.clone(), "14:00");
    assert_eq!(shown.verdict("s"), "partial confirmed absent:11-22 09:30:30/11-22 10:00:00");
    assert_eq!(shown.kinds(), ["partial", "unattended"]);
    let unattended = shown.findings.values().find(|f| f.key.kind.word() == "unattended").unwrap();
    assert_eq!((unattended.span.start, unattended.span.end), (at("09:30:30"), at("10:00")));
    // With somebody else inside it is not unattended.
    let with_b = story(&[&day, &[read("09:10", "z-in", "B"), read("11:00", "z-out", "B")]]);
    assert_eq!(shown_at(with_b, "14:00").kinds(), ["partial"]);
}

#[test]
fn example_04_a_late_reading_clears_the_finding_and_keeps_the_history() {
    let early = vec![
        Arrives { at: at("08:00"), what: numbered(1, "08:00", "z-in", "B") },
        Arrives { at: at("08:30"), what: numbered(2, "08:30", "z-out", "B") },
    ];
    let mut arrivals = told(watched());
    arrivals.extend(early);
    arrivals.push(Arrives { at: at("09:05"), what: start("09:05", "s", "a01", "T") });
    arrivals.push(Arrives { at: at("09:10"), what: numbered(4, "09:10", "i-in", "B") });
    arrivals.push(Arrives { at: at("09:20"), what: numbered(3, "09:00", "z-in", "A") });
    let (mut engine, before) = live(&site(), &arrivals[..arrivals.len() - 1], at("09:15"));
    // The hole of number 3 was seen: his place is not known.
    assert!(Shown::of(&engine).verdict("s").starts_with("undetermined"), "{}", Shown::of(&engine).verdict("s"));
    assert!(before.iter().any(|e| format!("{e:?}").contains("Absent")), "it was absent before the hole was seen");
    let last = arrivals.last().unwrap();
    let fact = fact_of(&last.what, arrivals.len() as u64, last.at, engine.names_mut());
    let effects = engine.step(last.at, Input::Fact(fact));
    assert_eq!(Shown::of(&engine).verdict("s"), "present confirmed");
    assert!(effects.iter().any(|e| format!("{e:?}").contains("Resolved")), "{effects:?}");
    let numbers: Vec<u32> = engine.verdicts().map(|(_, r)| r.number).collect();
    assert!(numbers[0] >= 4, "pending, absent, undetermined, present: {numbers:?}");
}

#[test]
fn example_05_a_second_entry_makes_the_first_stay_unconfirmed() {
    let shown = shown_at(
        story(&[
            &[read("09:00", "z-in", "A"), read("11:00", "z-in", "A"), leaves_at_noon()],
            &session("10:00", "10:30", "s", "a01", "T"),
        ]),
        "14:00",
    );
    assert_eq!(shown.verdict("s"), "present unconfirmed");
    assert_eq!(shown.kinds(), ["anti_passback"]);
    assert!(shown.stays.contains(&"A z 11-22 09:00:00/11-22 11:00:00 unconfirmed".to_owned()), "{:?}", shown.stays);
    assert!(shown.stays.contains(&"A z 11-22 11:00:00/11-22 12:00:00 confirmed".to_owned()), "{:?}", shown.stays);
}

#[test]
fn example_06_somebody_elses_presence_does_not_count() {
    let shown = shown_at(
        story(&[&[read("09:00", "z-in", "A"), leaves_at_noon()], &session("09:05", "10:00", "s", "b01", "T")]),
        "14:00",
    );
    assert!(shown.verdict("s").starts_with("absent -"), "{}", shown.verdict("s"));
}

#[test]
fn example_07_operator_in_another_building_is_absent_and_elsewhere() {
    let shown = shown_at(
        story(&[
            &[read("09:00", "y-in", "A"), read("12:00", "y-out", "A")],
            &session("09:05", "10:00", "s", "a01", "T"),
        ]),
        "14:00",
    );
    assert!(shown.verdict("s").starts_with("absent -"));
    assert_eq!(shown.kinds(), ["absent", "elsewhere"]);
}

#[test]
fn example_08_grace_covers_half_a_minute_and_no_more() {
    let with_entry = |time: &str| {
        shown_at(
            story(&[&[read(time, "z-in", "A"), leaves_at_noon()], &session("09:05", "10:00", "s", "a01", "T")]),
            "14:00",
        )
    };
    assert_eq!(with_entry("09:05:20").verdict("s"), "present confirmed");
    assert_eq!(with_entry("09:06:30").verdict("s"), "partial confirmed absent:11-22 09:05:00/11-22 09:06:00");
}

#[test]
fn example_09_a_forgotten_exit_ends_by_the_longest_stay() {
    let shown =
        shown_at(story(&[&[read("09:00", "z-in", "A")], &session("+03:00", "+03:30", "s", "a01", "T")]), "+14:00");
    assert!(shown.verdict("s").starts_with("absent -"), "{}", shown.verdict("s"));
    assert!(shown.stays.contains(&"A z 11-22 09:00:00/11-23 01:00:00 assumed".to_owned()), "{:?}", shown.stays);
    let offline = story(&[
        &[status("08:50", "z-out", ReaderStatusWord::Offline), read("09:30", "z-in", "A")],
        &session("10:00", "10:30", "day", "a01", "T"),
        &session("+03:00", "+03:30", "night", "a01", "T"),
    ]);
    let shown = shown_at(offline.clone(), "14:00");
    assert_eq!(shown.verdict("day"), "present unconfirmed");
    let shown = shown_at(offline, "+14:00");
    assert!(shown.verdict("night").starts_with("undetermined"), "{}", shown.verdict("night"));
}

#[test]
fn example_10_an_offline_reader_is_undetermined_until_its_buffer_came() {
    let outage = story(&[
        &[
            status("08:50", "z-in", ReaderStatusWord::Offline),
            status("09:20", "z-in", ReaderStatusWord::Online),
            leaves_at_noon(),
        ],
        &session("09:05", "10:00", "s", "a01", "T"),
    ]);
    let shown = shown_at(outage.clone(), "11:00");
    assert_eq!(shown.verdict("s"), "undetermined - unknown:11-22 09:05:00/11-22 10:00:00");
    assert!(shown.kinds().contains(&"door_outage"));
    let mut arrivals = told(watched().into_iter().chain(outage));
    let late = |what| Arrives { at: at("13:00"), what };
    arrivals.push(late(read("09:00", "z-in", "A")));
    arrivals.push(late(caught_up("z-in", "08:50", "09:20")));
    let shown = shown_of(&site(), &arrivals, at("14:00"));
    assert_eq!(shown.verdict("s"), "present confirmed");
    assert!(shown.findings.is_empty(), "{:?}", shown.kinds());
}

#[test]
fn example_11_a_granted_door_that_stayed_shut_moves_nobody() {
    let grant = story(&[
        // The panel had been heard before.
        &[alive("-07:00", "panel-y"), read("09:00", "s-in", "A"), read("12:00", "s-out", "A")],
        &session("09:05", "10:00", "s", "a01", "TS"),
    ]);
    assert!(shown_at(grant.clone(), "14:00").verdict("s").starts_with("absent -"));
    let opened = story(&[
        &grant,
        &[state("08:59:50", "ds", DoorStateWord::Opened), state("09:00:20", "ds", DoorStateWord::Closed)],
    ]);
    assert_eq!(shown_at(opened, "14:00").verdict("s"), "present confirmed");
}

#[test]
fn example_12_presence_survives_midnight() {
    let shown = shown_at(
        story(&[
            &[read("23:00", "z-in", "A"), read("+02:10", "z-out", "A")],
            &session("23:30", "+02:00", "s", "a01", "T"),
        ]),
        "+14:00",
    );
    assert_eq!(shown.verdict("s"), "present confirmed");
}

#[test]
fn example_13_a_zone_without_exit_reader_gives_unconfirmed_stays() {
    let shown = shown_at(
        story(&[
            &[read("09:00", "o-in", "A"), read("13:00", "o-in", "A")],
            &session("10:00", "11:00", "s", "a01", "T1"),
        ]),
        "14:00",
    );
    assert_eq!(shown.verdict("s"), "present unconfirmed");
    assert!(shown.findings.is_empty(), "{:?}", shown.kinds());
}

#[test]
fn example_14_an_unseen_passage_makes_the_stay_before_it_unconfirmed() {
    let shown = shown_at(
        story(&[
            &[read("09:00", "y-in", "A"), read("10:00", "z-in", "A"), leaves_at_noon()],
            &session("10:05", "10:30", "s", "a01", "T"),
        ]),
        "14:00",
    );
    assert_eq!(shown.verdict("s"), "present confirmed");
    assert_eq!(shown.kinds(), ["unseen_passage"]);
    assert!(shown.stays.contains(&"A y 11-22 09:00:00/11-22 10:00:00 unconfirmed".to_owned()), "{:?}", shown.stays);
}

#[test]
fn example_15_a_reading_read_twice_is_one_movement() {
    let shown = shown_at(
        story(&[
            &[read("09:00", "z-in", "A"), read("09:00:05", "z-in", "A"), leaves_at_noon()],
            &session("09:05", "10:00", "s", "a01", "T"),
        ]),
        "14:00",
    );
    assert_eq!(shown.verdict("s"), "present confirmed");
    assert!(shown.findings.is_empty(), "{:?}", shown.kinds());
    assert_eq!(shown.stays.iter().filter(|s| s.contains("11-22")).count(), 1);
}

#[test]
fn example_16_a_manual_entry_without_an_outage_moves_nobody() {
    let book = || written("09:00", "z", ManualDirection::Entry, "A");
    let s = session("09:05", "10:00", "s", "a01", "T");
    let shown = shown_at(story(&[&[book()], &s]), "14:00");
    assert_eq!(shown.verdict("s"), "absent - absent:11-22 09:05:00/11-22 10:00:00");
    assert!(!shown.stays.iter().any(|s| s.contains("11-22")), "{:?}", shown.stays);

    // The same line while the entry reader was dead settles where he was.
    let dead = [
        status("08:50", "z-in", ReaderStatusWord::Offline),
        book(),
        status("09:01", "z-in", ReaderStatusWord::Online),
        read("10:05", "z-out", "A"),
    ];
    let shown = shown_at(story(&[&dead, &s]), "14:00");
    assert_eq!(shown.verdict("s"), "present unconfirmed");
    let left = written("09:30", "z", ManualDirection::Exit, "A");
    let shown = shown_at(story(&[&[read("09:00", "z-in", "A"), left, leaves_at_noon()], &s]), "14:00");
    assert_eq!(shown.verdict("s"), "present confirmed", "an exit written without an outage moves nobody either");
}

#[test]
fn partial_with_nothing_covered_is_critical() {
    // Unknown during the reader's outage, then a movement fixes that he was outside: absent and unknown.
    let shown = shown_at(
        story(&[
            &[
                status("08:50", "z-in", ReaderStatusWord::Offline),
                status("09:20", "z-in", ReaderStatusWord::Online),
                read("09:30", "y-in", "A"),
                read("12:00", "y-out", "A"),
            ],
            &session("09:05", "10:00", "s", "a01", "T"),
        ]),
        "14:00",
    );
    assert_eq!(
        shown.verdict("s"),
        "partial - absent:11-22 09:30:00/11-22 10:00:00;unknown:11-22 09:05:00/11-22 09:30:00"
    );
    let partial = shown.findings.values().find(|f| f.key.kind.word() == "partial").unwrap();
    assert_eq!(partial.severity, Severity::Critical);
}
