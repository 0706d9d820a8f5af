//! What is wrong with doors, cards, sources and clocks, each kind, and what must not raise it.
//!
//! The harm if one fails: it goes wrong and nobody is told.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_schema::observation::{DoorStateWord, ReaderStatusWord};
use kukaku_schema::{Observation, Severity, UtcMicros};

#[test]
fn leaving_the_outer_zone_past_the_inner_one_is_an_unseen_passage() {
    let shown =
        shown_at(vec![read("09:00", "z-in", "A"), read("09:10", "i-in", "A"), read("11:10", "z-out", "A")], "14:00");
    assert_eq!(shown.kinds(), ["unseen_passage"]);
    assert!(shown.stays.contains(&"A inner 11-22 09:10:00/11-22 11:10:00 unconfirmed".to_owned()), "{:?}", shown.stays);
    assert!(shown.stays.contains(&"A z 11-22 09:00:00/11-22 11:10:00 confirmed".to_owned()), "{:?}", shown.stays);
}

#[test]
fn an_unexplained_exit_does_not_soften_the_absence_before_it() {
    let shown = shown_at(
        [session("09:05", "10:00", "s", "a01", "T").to_vec(), vec![read("11:00", "z-out", "A")]].concat(),
        "14:00",
    );
    assert!(shown.verdict("s").starts_with("absent -"));
    assert_eq!(shown.kinds(), ["absent", "anti_passback"]);
}

#[test]
fn two_factors_at_one_door_are_one_strong_entry_and_one_factor_is_weak() {
    let both = shown_at(
        vec![read("09:00", "t-in", "A"), read("09:00:12", "t-fp", "fp:A"), read("10:00", "t-out", "A")],
        "14:00",
    );
    assert!(both.findings.is_empty(), "{:?}", both.kinds());
    assert!(both.stays.contains(&"A strict 11-22 09:00:00/11-22 10:00:00 confirmed".to_owned()), "{:?}", both.stays);
    let alone = shown_at(vec![read("09:00", "t-in", "A"), read("10:00", "t-out", "A")], "14:00");
    assert_eq!(one(&alone, "weak_entry").span.start, at("09:00"));
    assert!(alone.stays.contains(&"A strict 11-22 09:00:00/11-22 10:00:00 weak".to_owned()), "{:?}", alone.stays);
    let too_late = shown_at(
        vec![read("09:00", "t-in", "A"), read("09:00:16", "t-fp", "fp:A"), read("10:00", "t-out", "A")],
        "14:00",
    );
    assert_eq!(of(&too_late, "weak_entry").len(), 2);
}

#[test]
fn entries_outside_the_zones_hours_are_named() {
    let shown = shown_at(
        vec![
            read("19:59", "t-in", "A"),
            read("20:30", "t-out", "A"),
            read("21:00", "t-in", "A"),
            read("21:30", "t-out", "A"),
        ],
        "22:00",
    );
    assert_eq!(one(&shown, "entry_outside_hours").span.start, at("21:00"));
}

#[test]
fn a_forced_a_held_and_an_unlocked_door_are_outages() {
    let shown = shown_at(
        vec![
            state("09:00", "dz", DoorStateWord::Forced),
            state("09:00:30", "dz", DoorStateWord::Closed),
            state("10:00", "dz", DoorStateWord::Opened),
            state("10:01:30", "dz", DoorStateWord::Closed),
            state("11:00", "dz", DoorStateWord::Opened),
            state("11:00:59", "dz", DoorStateWord::Closed),
            state("12:00", "dz", DoorStateWord::Unlocked),
            state("12:10", "dz", DoorStateWord::Locked),
        ],
        "14:00",
    );
    assert_eq!(one(&shown, "forced").severity, Severity::Critical);
    assert_eq!(one(&shown, "held_open").span.start, at("10:00"), "59 s is not held open");
    let causes: Vec<String> = of(&shown, "door_outage").iter().map(|f| format!("{:?}", f.subjects[1])).collect();
    assert_eq!(causes, ["Outage(Forced)", "Outage(HeldOpen)", "Outage(Unlocked)"]);
    let open_still = shown_at(vec![state("10:00", "dz", DoorStateWord::Opened)], "10:01:01");
    assert_eq!(one(&open_still, "held_open").span.end, UtcMicros::MAX);
}

#[test]
fn five_refusals_in_five_minutes_are_a_burst_and_four_are_not() {
    let knocks = |times: &[&str]| times.iter().map(|t| denied(t, "z-in", "unknown")).collect::<Vec<_>>();
    let burst = shown_at(knocks(&["09:00", "09:01", "09:02", "09:03", "09:05", "09:06"]), "14:00");
    let found = one(&burst, "denied_burst");
    assert_eq!((found.span.start, found.proofs.len()), (at("09:00"), 6));
    assert!(shown_at(knocks(&["09:00", "09:01", "09:02", "09:03"]), "14:00").findings.is_empty());
    assert!(shown_at(knocks(&["09:00", "09:01", "09:02", "09:03", "09:05:01"]), "14:00").findings.is_empty());
}

#[test]
fn a_card_that_ended_is_critical_and_moves_nobody() {
    let registers =
        site_with("id = \"card:B\"\noperator = \"B\"", "id = \"card:B\"\noperator = \"B\"\nvalid_to = \"2026-11-22\"");
    let shown = shown_with(&registers, vec![read("09:00", "z-in", "B")], "14:00");
    assert_eq!(one(&shown, "ended_credential_used").severity, Severity::Critical);
    assert!(!shown.stays.iter().any(|s| s.starts_with('B')));
}

#[test]
fn a_hole_in_the_numbers_is_an_outage_until_it_is_filled() {
    let readings = |third: bool| {
        let mut all = vec![
            numbered(1, "08:00", "z-in", "B"),
            numbered(2, "08:10", "z-out", "B"),
            numbered(4, "08:30", "z-in", "B"),
        ];
        if third {
            all.push(numbered(3, "08:20", "i-in", "unknown"));
        }
        all
    };
    assert!(shown_at(readings(true), "14:00").findings.is_empty());
    let hole = shown_at(readings(false), "14:00");
    // Both doors of the panel: dz and di.
    let starts: Vec<_> = of(&hole, "door_outage").iter().map(|f| f.span.start).collect();
    assert_eq!(starts, [at("08:10"); 2]);
}

#[test]
fn a_number_that_goes_up_while_time_goes_back_or_comes_twice_is_a_conflict() {
    let back = shown_at(vec![numbered(1, "08:00", "z-in", "B"), numbered(2, "07:00", "z-in", "A")], "14:00");
    assert_eq!(one(&back, "sequence_conflict").span.start, at("07:00"));
    assert!(
        back.stays.iter().any(|s| s.starts_with("A z 11-22 07:00:00") && s.ends_with("unconfirmed")),
        "{:?}",
        back.stays
    );
    let twice = shown_at(vec![numbered(1, "08:00", "z-in", "B"), numbered(1, "08:00", "z-in", "A")], "14:00");
    assert_eq!(twice.kinds(), ["sequence_conflict"]);
}

#[test]
fn silence_is_an_outage_and_a_finding_after_three_missed_signs() {
    let registers = site_with("id = \"panel\"\nclass = \"A\"", "id = \"panel\"\nclass = \"A\"\nalive_every = \"10s\"");
    let mut all: Vec<Observation> = Vec::new();
    // The panel speaks from the day before on, every ten minutes would be silence; so it begins today.
    for second in 0..60 {
        all.push(alive(&format!("09:{:02}:{:02}", second * 10 / 60, second * 10 % 60), "panel"));
    }
    all.push(alive("09:20:00", "panel"));
    let shown = shown_with(&registers, all, "09:20:05");
    let silent = of(&shown, "source_silent");
    assert!(silent.iter().any(|f| f.span.start == at("09:09:50") && f.span.end == at("09:20:00")), "{silent:?}");
    assert!(of(&shown, "door_outage").iter().any(|f| f.span.start == at("09:09:50")));
}

#[test]
fn a_clock_that_is_off_is_named_and_its_stays_are_unconfirmed() {
    let shown = shown_at(
        vec![clock("panel", 10_000, "09:00", "12:00"), read("09:30:10", "z-in", "A"), read("10:30:10", "z-out", "A")],
        "14:00",
    );
    assert_eq!(one(&shown, "clock_skew").severity, Severity::Medium);
    assert!(shown.stays.contains(&"A z 11-22 09:30:00/11-22 10:30:00 unconfirmed".to_owned()), "{:?}", shown.stays);
}

#[test]
fn a_device_that_speaks_from_1970_or_2099_is_named_and_moves_nobody_now() {
    let mut arrivals = told(watched());
    for (year, when) in [("1970", "08:00"), ("2099", "08:10")] {
        let mut o = read("08:00", "z-in", "A");
        if let Observation::DoorReading(b) = &mut o {
            b.device_time = UtcMicros::parse_rfc3339(&format!("{year}-01-01T00:00:00Z")).unwrap();
        }
        arrivals.push(Arrives { at: at(when), what: o });
    }
    let shown = shown_of(&site(), &arrivals, at("14:00"));
    assert_eq!(one(&shown, "clock_skew").proofs.len(), 2);
    assert!(!shown.stays.iter().any(|s| s.contains("11-22")), "{:?}", shown.stays);
}

#[test]
fn a_spoofable_source_makes_stays_unconfirmed() {
    let shown = shown_at(
        vec![reading_from("udp", None, "09:00", "z-in", "card:A", true), read("10:00", "z-out", "A")],
        "14:00",
    );
    assert!(shown.stays.contains(&"A z 11-22 09:00:00/11-22 10:00:00 unconfirmed".to_owned()), "{:?}", shown.stays);
}

#[test]
fn our_own_down_time_is_an_outage_unless_the_numbers_bridge_it() {
    let day = |bridge: u64| {
        vec![
            numbered(1, "08:00", "z-in", "B"),
            numbered(2, "08:10", "z-out", "B"),
            gap("09:00", "09:30"),
            numbered(bridge, "09:40", "z-in", "B"),
        ]
    };
    let bridged = shown_at(day(3), "14:00");
    let of_panel = |s: &Shown| of(s, "door_outage").iter().filter(|f| f.span.start == at("09:00")).count();
    // Doors of the other panel, which has no numbers, stay in outage: dy, d1, ds and d2.
    assert_eq!(of_panel(&bridged), 4);
    assert_eq!(of_panel(&shown_at(day(9), "14:00")), 6);
}

#[test]
fn a_muster_sets_everybodys_place() {
    let shown = shown_at(
        [vec![muster("09:00", &[("A", "inner")])], session("09:05", "10:00", "s", "a01", "T").to_vec()].concat(),
        "12:00",
    );
    assert_eq!(shown.verdict("s"), "present manual");
}

#[test]
fn before_the_first_watch_nothing_is_known_and_nothing_is_absent() {
    let all: Vec<Observation> = session("09:05", "10:00", "s", "a01", "T").to_vec();
    let mut arrivals = told(all);
    let mut watch = watched().remove(0);
    if let Observation::WatchStarted(b) = &mut watch {
        b.device_time = at("09:00");
    }
    arrivals.insert(0, Arrives { at: at("09:00"), what: watch });
    let shown = shown_of(&site(), &arrivals, at("14:00"));
    assert!(shown.verdict("s").starts_with("undetermined"), "{}", shown.verdict("s"));
}

#[test]
fn a_panel_that_was_never_heard_accuses_nobody() {
    // Watched for three days, longer than anybody may stay; only the gateway ever spoke.
    let watch = || watched().into_iter().take(1);
    let verdict = |more: Vec<Observation>| {
        let all = watch().chain(more).chain(session("09:05", "10:00", "s", "a01", "T"));
        shown_of(&site(), &told(all.collect::<Vec<_>>()), at("14:00")).verdict("s").to_owned()
    };
    assert!(verdict(Vec::new()).starts_with("undetermined"), "{}", verdict(Vec::new()));
    // It speaks for the first time after the session: that says nothing of before.
    let late = verdict(vec![alive("11:00", "panel")]);
    assert!(late.starts_with("undetermined"), "{late}");
    // Two days of it, and he was seen nowhere: he was not there.
    let heard = verdict(vec![alive("-01:00", "panel"), alive("-02:00", "panel"), read("-18:00", "z-out", "A")]);
    assert!(heard.starts_with("absent"), "{heard}");
}

#[test]
fn a_used_report_decides_where_the_source_gives_one() {
    let registers = site_with(
        "id = \"dz\"\nouter = \"outside\"\ninner = \"z\"",
        "id = \"dz\"\nouter = \"outside\"\ninner = \"z\"\nuse_evidence = \"taken\"",
    );
    let day = |was_used: bool| {
        vec![
            numbered(1, "09:00", "z-in", "A"),
            used("09:00:03", "dz", 1, was_used),
            start("09:05", "s", "a01", "T"),
            end("10:00", "s"),
        ]
    };
    assert_eq!(shown_with(&registers, day(true), "14:00").verdict("s"), "present confirmed");
    assert!(shown_with(&registers, day(false), "14:00").verdict("s").starts_with("absent"));
}

#[test]
fn an_offline_reader_that_comes_back_without_its_buffer_stays_an_outage() {
    let shown = shown_at(
        vec![status("09:00", "z-in", ReaderStatusWord::Offline), status("09:10", "z-in", ReaderStatusWord::Online)],
        "14:00",
    );
    let found = one(&shown, "door_outage");
    assert_eq!((found.span.start, found.span.end), (at("09:00"), at("09:10")));
}

#[test]
fn a_clock_statement_about_a_span_still_ahead_counts_when_it_comes() {
    let mut arrivals = told(watched());
    let early = Arrives { at: at("09:00"), what: clock("panel", 10_000, "10:00", "11:00") };
    arrivals.push(early);
    assert!(shown_of(&site(), &arrivals, at("09:30")).findings.is_empty());
    // Nothing else arrives: live must notice by itself what a fresh start sees at once.
    let shown = shown_of(&site(), &arrivals, at("10:30"));
    assert_eq!(one(&shown, "clock_skew").span.start, at("09:59:50"));
}
