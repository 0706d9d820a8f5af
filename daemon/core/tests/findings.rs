//! Each kind of finding, and what must not raise it.
//!
//! The harm if one fails: a door, a card or a clock goes wrong and nobody is told.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_core::engine::{Engine, Input, Mode};
use kukaku_core::{Cause, Effect, Finding, FindingChange, Names};
use kukaku_schema::observation::{
    CameraHealth, DoorStateWord, FootageSegment, ReaderStatusWord, SegmentPath,
};
use kukaku_schema::{Observation, Registers, Severity, UtcMicros, registers};

fn of<'a>(shown: &'a Shown, kind: &str) -> Vec<&'a Finding> {
    shown
        .findings
        .values()
        .filter(|f| f.key.kind.word() == kind)
        .collect()
}

fn one<'a>(shown: &'a Shown, kind: &str) -> &'a Finding {
    let all = of(shown, kind);
    assert_eq!(all.len(), 1, "{kind}: {:?}", shown.kinds());
    all[0]
}

fn site_with(from: &str, to: &str) -> Registers {
    let text = SITE.replace(from, to);
    assert_ne!(text, SITE, "{from}");
    registers::parse(&text, "site").unwrap()
}

fn shown_with(registers: &Registers, observations: Vec<Observation>, now: &str) -> Shown {
    let arrivals = told(
        watched()
            .into_iter()
            .chain(observations)
            .filter(|o| instant_of(o) <= at(now)),
    );
    shown_of(registers, &arrivals, at(now))
}

#[test]
fn strangers_are_named_in_the_order_account_operator_terminal() {
    let shown = shown_at(
        [
            session("09:00", "09:30", "s1", "nobody", "nowhere"),
            session("09:00", "09:30", "s2", "a-chitose", "T"),
        ]
        .concat(),
        "14:00",
    );
    assert_eq!(shown.verdict("s1"), "unknown_account -");
    assert_eq!(shown.verdict("s2"), "unregistered_operator -");
    assert_eq!(
        of(&shown, "unknown_terminal").len(),
        1,
        "each that applies is a finding"
    );
    assert_eq!(
        shown_at(session("09:00", "09:30", "s", "a01", "nowhere"), "14:00").verdict("s"),
        "unknown_terminal -"
    );
}

#[test]
fn a_registration_that_ends_inside_a_session_is_named_from_there() {
    let registers = site_with(
        "id = \"A\"\nname = \"佐藤\"\nclients = [\"tomakomai\"]",
        "id = \"A\"\nname = \"佐藤\"\nclients = [\"tomakomai\"]\nvalid_to = \"2026-11-22T09:30:00+09:00\"",
    );
    let shown = shown_with(
        &registers,
        [
            vec![read("08:00", "z-in", "A")],
            session("09:00", "10:00", "s", "a01", "T").to_vec(),
        ]
        .concat(),
        "14:00",
    );
    assert_eq!(
        shown.verdict("s"),
        "present confirmed",
        "the verdict is of the start"
    );
    assert_eq!(one(&shown, "unregistered_operator").span.start, at("09:30"));
}

#[test]
fn a_terminal_or_line_of_another_city_is_the_wrong_client() {
    let registers = site_with(
        "id = \"T2\"\nzone = \"z\"",
        "id = \"T2\"\nzone = \"z\"\nclient = \"chitose\"",
    );
    let shown = shown_with(
        &registers,
        [
            vec![read("08:00", "z-in", "A")],
            session("09:00", "10:00", "s", "a01", "T2").to_vec(),
        ]
        .concat(),
        "14:00",
    );
    assert_eq!(one(&shown, "wrong_client").severity, Severity::Critical);
}

#[test]
fn one_account_at_two_terminals_at_once_is_shared_but_not_one_after_the_other() {
    let inside = vec![read("08:00", "z-in", "A"), read("12:00", "z-out", "A")];
    let twice = |from: &str| {
        [
            inside.clone(),
            session("09:00", "10:00", "s1", "a01", "T").to_vec(),
            session(from, "11:00", "s2", "a01", "T2").to_vec(),
        ]
        .concat()
    };
    let shared = shown_at(twice("09:30"), "14:00");
    let found = one(&shared, "shared_account");
    assert_eq!(
        (found.span.start, found.span.end),
        (at("09:30"), at("10:00"))
    );
    assert!(of(&shown_at(twice("10:00"), "14:00"), "shared_account").is_empty());
}

#[test]
fn a_session_never_closed_ends_as_presumed_when_its_time_out_runs_out() {
    let shown = shown_at(
        vec![
            read("08:00", "z-in", "A"),
            start("09:00", "s", "a01", "T"),
            sign("09:30", "s"),
        ],
        "+10:00",
    );
    let found = one(&shown, "session_unclosed");
    assert_eq!(
        (found.span.start, found.span.end),
        (at("09:30"), at("21:30"))
    );
    assert!(
        of(
            &shown_at(vec![start("09:00", "s", "a01", "T")], "20:59"),
            "session_unclosed"
        )
        .is_empty()
    );
}

#[test]
fn a_session_known_only_by_its_end_starts_there() {
    let shown = shown_at(vec![end("09:00", "s")], "14:00");
    assert_eq!(shown.verdict("s"), "unknown_account -");
}

#[test]
fn presence_in_the_inner_zone_is_presence_in_the_outer_one() {
    let shown = shown_at(
        [
            vec![
                read("09:00", "z-in", "A"),
                read("09:10", "i-in", "A"),
                read("11:00", "i-out", "A"),
                read("11:10", "z-out", "A"),
            ],
            session("09:05", "11:05", "outer", "a01", "T").to_vec(),
            session("09:15", "11:05", "inner", "a01", "TI").to_vec(),
        ]
        .concat(),
        "14:00",
    );
    assert_eq!(shown.verdict("outer"), "present confirmed");
    assert_eq!(
        shown.verdict("inner"),
        "partial confirmed absent:11-22 11:00:30/11-22 11:05:00"
    );
    assert!(
        of(&shown, "elsewhere").is_empty(),
        "the outer zone is no other place"
    );
}

#[test]
fn leaving_the_outer_zone_past_the_inner_one_is_an_unseen_passage() {
    let shown = shown_at(
        vec![
            read("09:00", "z-in", "A"),
            read("09:10", "i-in", "A"),
            read("11:10", "z-out", "A"),
        ],
        "14:00",
    );
    assert_eq!(shown.kinds(), ["unseen_passage"]);
    assert!(
        shown
            .stays
            .contains(&"A inner 11-22 09:10:00/11-22 11:10:00 unconfirmed".to_owned()),
        "{:?}",
        shown.stays
    );
    assert!(
        shown
            .stays
            .contains(&"A z 11-22 09:00:00/11-22 11:10:00 confirmed".to_owned()),
        "{:?}",
        shown.stays
    );
}

#[test]
fn an_unexplained_exit_does_not_soften_the_absence_before_it() {
    let shown = shown_at(
        [
            session("09:05", "10:00", "s", "a01", "T").to_vec(),
            vec![read("11:00", "z-out", "A")],
        ]
        .concat(),
        "14:00",
    );
    assert!(shown.verdict("s").starts_with("absent -"));
    assert_eq!(shown.kinds(), ["absent", "anti_passback"]);
}

#[test]
fn a_card_read_at_another_zones_door_even_denied_puts_its_owner_elsewhere() {
    let shown = shown_at(
        [
            session("09:05", "10:00", "s", "a01", "T").to_vec(),
            vec![denied("09:30", "y-in", "A")],
        ]
        .concat(),
        "14:00",
    );
    let found = one(&shown, "elsewhere");
    assert_eq!(found.span.start, at("09:30"));
    let own_door = [
        session("09:05", "10:00", "s", "a01", "T").to_vec(),
        vec![denied("09:30", "z-in", "A")],
    ]
    .concat();
    assert!(of(&shown_at(own_door, "14:00"), "elsewhere").is_empty());
}

#[test]
fn two_factors_at_one_door_are_one_strong_entry_and_one_factor_is_weak() {
    let both = shown_at(
        vec![
            read("09:00", "t-in", "A"),
            read("09:00:12", "t-fp", "fp:A"),
            read("10:00", "t-out", "A"),
        ],
        "14:00",
    );
    assert!(both.findings.is_empty(), "{:?}", both.kinds());
    assert!(
        both.stays
            .contains(&"A strict 11-22 09:00:00/11-22 10:00:00 confirmed".to_owned()),
        "{:?}",
        both.stays
    );
    let alone = shown_at(
        vec![read("09:00", "t-in", "A"), read("10:00", "t-out", "A")],
        "14:00",
    );
    assert_eq!(one(&alone, "weak_entry").span.start, at("09:00"));
    assert!(
        alone
            .stays
            .contains(&"A strict 11-22 09:00:00/11-22 10:00:00 weak".to_owned()),
        "{:?}",
        alone.stays
    );
    let too_late = shown_at(
        vec![
            read("09:00", "t-in", "A"),
            read("09:00:16", "t-fp", "fp:A"),
            read("10:00", "t-out", "A"),
        ],
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
    assert_eq!(
        one(&shown, "held_open").span.start,
        at("10:00"),
        "59 s is not held open"
    );
    let causes: Vec<String> = of(&shown, "door_outage")
        .iter()
        .map(|f| format!("{:?}", f.subjects[1]))
        .collect();
    assert_eq!(
        causes,
        ["Outage(Forced)", "Outage(HeldOpen)", "Outage(Unlocked)"]
    );
    let open_still = shown_at(
        vec![state("10:00", "dz", DoorStateWord::Opened)],
        "10:01:01",
    );
    assert_eq!(one(&open_still, "held_open").span.end, UtcMicros::MAX);
}

#[test]
fn five_refusals_in_five_minutes_are_a_burst_and_four_are_not() {
    let knocks = |times: &[&str]| {
        times
            .iter()
            .map(|t| denied(t, "z-in", "unknown"))
            .collect::<Vec<_>>()
    };
    let burst = shown_at(
        knocks(&["09:00", "09:01", "09:02", "09:03", "09:05", "09:06"]),
        "14:00",
    );
    let found = one(&burst, "denied_burst");
    assert_eq!((found.span.start, found.proofs.len()), (at("09:00"), 6));
    assert!(
        shown_at(knocks(&["09:00", "09:01", "09:02", "09:03"]), "14:00")
            .findings
            .is_empty()
    );
    assert!(
        shown_at(
            knocks(&["09:00", "09:01", "09:02", "09:03", "09:05:01"]),
            "14:00"
        )
        .findings
        .is_empty()
    );
}

#[test]
fn a_card_that_ended_is_critical_and_moves_nobody() {
    let registers = site_with(
        "id = \"card:B\"\noperator = \"B\"",
        "id = \"card:B\"\noperator = \"B\"\nvalid_to = \"2026-11-22\"",
    );
    let shown = shown_with(&registers, vec![read("09:00", "z-in", "B")], "14:00");
    assert_eq!(
        one(&shown, "ended_credential_used").severity,
        Severity::Critical
    );
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
    let starts: Vec<_> = of(&hole, "door_outage")
        .iter()
        .map(|f| f.span.start)
        .collect();
    assert_eq!(starts, [at("08:10"); 2]);
}

#[test]
fn a_number_that_goes_up_while_time_goes_back_or_comes_twice_is_a_conflict() {
    let back = shown_at(
        vec![
            numbered(1, "08:00", "z-in", "B"),
            numbered(2, "07:00", "z-in", "A"),
        ],
        "14:00",
    );
    assert_eq!(one(&back, "sequence_conflict").span.start, at("07:00"));
    assert!(
        back.stays
            .iter()
            .any(|s| s.starts_with("A z 11-22 07:00:00") && s.ends_with("unconfirmed")),
        "{:?}",
        back.stays
    );
    let twice = shown_at(
        vec![
            numbered(1, "08:00", "z-in", "B"),
            numbered(1, "08:00", "z-in", "A"),
        ],
        "14:00",
    );
    assert_eq!(twice.kinds(), ["sequence_conflict"]);
}

#[test]
fn silence_is_an_outage_and_a_finding_after_three_missed_signs() {
    let registers = site_with(
        "id = \"panel\"\nclass = \"A\"",
        "id = \"panel\"\nclass = \"A\"\nalive_every = \"10s\"",
    );
    let mut all: Vec<Observation> = Vec::new();
    // The panel speaks from the day before on, every ten minutes would be silence; so it begins today.
    for second in 0..60 {
        all.push(alive(
            &format!("09:{:02}:{:02}", second * 10 / 60, second * 10 % 60),
            "panel",
        ));
    }
    all.push(alive("09:20:00", "panel"));
    let shown = shown_with(&registers, all, "09:20:05");
    let silent = of(&shown, "source_silent");
    assert!(
        silent
            .iter()
            .any(|f| f.span.start == at("09:09:50") && f.span.end == at("09:20:00")),
        "{silent:?}"
    );
    assert!(
        of(&shown, "door_outage")
            .iter()
            .any(|f| f.span.start == at("09:09:50"))
    );
}

#[test]
fn a_clock_that_is_off_is_named_and_its_stays_are_unconfirmed() {
    let shown = shown_at(
        vec![
            clock("panel", 10_000, "09:00", "12:00"),
            read("09:30:10", "z-in", "A"),
            read("10:30:10", "z-out", "A"),
        ],
        "14:00",
    );
    assert_eq!(one(&shown, "clock_skew").severity, Severity::Medium);
    assert!(
        shown
            .stays
            .contains(&"A z 11-22 09:30:00/11-22 10:30:00 unconfirmed".to_owned()),
        "{:?}",
        shown.stays
    );
}

#[test]
fn a_device_that_speaks_from_1970_or_2099_is_named_and_moves_nobody_now() {
    let mut arrivals = told(watched());
    for (year, when) in [("1970", "08:00"), ("2099", "08:10")] {
        let mut o = read("08:00", "z-in", "A");
        if let Observation::DoorReading(b) = &mut o {
            b.device_time = UtcMicros::parse_rfc3339(&format!("{year}-01-01T00:00:00Z")).unwrap();
        }
        arrivals.push(Arrives {
            at: at(when),
            what: o,
        });
    }
    let shown = shown_of(&site(), &arrivals, at("14:00"));
    assert_eq!(one(&shown, "clock_skew").proofs.len(), 2);
    assert!(
        !shown.stays.iter().any(|s| s.contains("11-22")),
        "{:?}",
        shown.stays
    );
}

#[test]
fn a_spoofable_source_makes_stays_unconfirmed() {
    let shown = shown_at(
        vec![
            reading_from("udp", None, "09:00", "z-in", "card:A", true),
            read("10:00", "z-out", "A"),
        ],
        "14:00",
    );
    assert!(
        shown
            .stays
            .contains(&"A z 11-22 09:00:00/11-22 10:00:00 unconfirmed".to_owned()),
        "{:?}",
        shown.stays
    );
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
    let of_panel = |s: &Shown| {
        of(s, "door_outage")
            .iter()
            .filter(|f| f.span.start == at("09:00"))
            .count()
    };
    // Doors of the other panel, which has no numbers, stay in outage: dy, d1, ds and d2.
    assert_eq!(of_panel(&bridged), 4);
    assert_eq!(of_panel(&shown_at(day(9), "14:00")), 6);
}

#[test]
fn a_muster_sets_everybodys_place() {
    let shown = shown_at(
        [
            vec![muster("09:00", &[("A", "inner")])],
            session("09:05", "10:00", "s", "a01", "T").to_vec(),
        ]
        .concat(),
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
    arrivals.insert(
        0,
        Arrives {
            at: at("09:00"),
            what: watch,
        },
    );
    let shown = shown_of(&site(), &arrivals, at("14:00"));
    assert!(
        shown.verdict("s").starts_with("undetermined"),
        "{}",
        shown.verdict("s")
    );
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
    assert_eq!(
        shown_with(&registers, day(true), "14:00").verdict("s"),
        "present confirmed"
    );
    assert!(
        shown_with(&registers, day(false), "14:00")
            .verdict("s")
            .starts_with("absent")
    );
}

#[test]
fn an_offline_reader_that_comes_back_without_its_buffer_stays_an_outage() {
    let shown = shown_at(
        vec![
            status("09:00", "z-in", ReaderStatusWord::Offline),
            status("09:10", "z-in", ReaderStatusWord::Online),
        ],
        "14:00",
    );
    let found = one(&shown, "door_outage");
    assert_eq!(
        (found.span.start, found.span.end),
        (at("09:00"), at("09:10"))
    );
}

fn with_camera() -> Registers {
    registers::parse(
        &format!("{SITE}[[camera]]\nid = \"cam\"\nzone = \"z\"\nkeep = \"90d\"\n"),
        "site",
    )
    .unwrap()
}

fn health(time: &str, recording: bool) -> Observation {
    Observation::CameraHealth(CameraHealth {
        source: name("nvr"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        camera: name("cam"),
        reachable: true,
        recording,
        frame_age_ms: None,
    })
}

fn segment(from: &str, to: &str, gone: bool) -> Observation {
    Observation::FootageSegment(FootageSegment {
        source: name("nvr"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(if gone { "13:00" } else { to }),
        camera: name("cam"),
        path: SegmentPath::new(format!("{}.mp4", from.replace(':', "."))).unwrap(),
        start: at(from),
        end: at(to),
        bytes: u64::from(!gone),
        sha256: None,
        gone,
    })
}

#[test]
fn a_camera_that_stops_recording_leaves_sessions_uncovered() {
    let mut all = vec![read("08:00", "z-in", "A")];
    for minute in 0..59 {
        all.push(health(
            &format!("09:{minute:02}:00"),
            !(20..30).contains(&minute),
        ));
    }
    all.extend(session("09:05", "09:50", "s", "a01", "T"));
    let shown = shown_with(&with_camera(), all, "09:58:30");
    let down = one(&shown, "camera_down");
    assert_eq!((down.span.start, down.span.end), (at("09:20"), at("09:30")));
    assert_eq!(one(&shown, "uncovered_session").span.start, at("09:20"));
    assert_eq!(
        shown.verdict("s"),
        "present confirmed",
        "cameras don't change the verdict"
    );
}

#[test]
fn holes_in_footage_and_footage_gone_before_its_term_are_named() {
    let all = vec![
        segment("09:00:00", "09:10:00", false),
        segment("09:10:09", "09:20:00", false),
        segment("09:20:11", "09:30:00", false),
        segment("09:00:00", "09:10:00", true),
    ];
    let shown = shown_with(&with_camera(), all, "14:00");
    let gap = one(&shown, "footage_gap");
    assert_eq!(
        (gap.span.start, gap.span.end),
        (at("09:20:00"), at("09:20:11")),
        "nine seconds are none"
    );
    assert_eq!(one(&shown, "footage_lost").severity, Severity::Critical);
}

#[test]
fn a_register_change_revises_and_says_so_and_a_backdated_one_stays_open() {
    let strangers = site_with("[[account]]\nid = \"a01\"", "[[account]]\nid = \"was-a01\"");
    let mut engine = Engine::new(&strangers, Names::new(), Mode::Live).unwrap();
    let arrivals = told(
        watched()
            .into_iter()
            .chain([read("08:00", "z-in", "A")])
            .chain(session("09:00", "09:30", "s", "a01", "T")),
    );
    for (i, a) in arrivals.iter().enumerate() {
        let fact = fact_of(&a.what, i as u64 + 1, a.at, engine.names_mut());
        engine.step(a.at, Input::Fact(fact));
    }
    engine.step(at("10:00"), Input::Time);
    assert_eq!(Shown::of(&engine).verdict("s"), "unknown_account -");
    let mut registers = site();
    let account = registers
        .accounts
        .iter_mut()
        .find(|a| a.row.id == "a01")
        .unwrap();
    account.recorded_at = Some(at("10:30"));
    let effects = engine.step(
        at("10:30"),
        Input::Registers {
            entry: 99,
            registers: &registers,
        },
    );
    let revised = effects
        .iter()
        .any(|e| matches!(e, Effect::Revision(r) if r.cause == Cause::Registers(99)));
    let resolved = effects.iter().any(|e| matches!(e, Effect::Finding { change: FindingChange::Resolved(k), .. } if k.kind.word() == "unknown_account"));
    assert!(revised && resolved, "{effects:?}");
    let shown = Shown::of(&engine);
    assert_eq!(shown.verdict("s"), "present confirmed");
    assert_eq!(shown.kinds(), ["backdated"]);
}
