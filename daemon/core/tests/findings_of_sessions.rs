//! What is wrong with sessions, each kind, and what must not raise it.
//!
//! The harm if one fails: it goes wrong and nobody is told.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_core::engine::{Engine, Input, Mode};
use kukaku_core::{Cause, Effect, FindingChange, Names};
use kukaku_schema::{Observation, Severity};

#[test]
fn strangers_are_named_in_the_order_account_operator_terminal() {
    let shown = shown_at(
        [session("09:00", "09:30", "s1", "nobody", "nowhere"), session("09:00", "09:30", "s2", "a-chitose", "T")]
            .concat(),
        "14:00",
    );
    assert_eq!(shown.verdict("s1"), "unknown_account -");
    assert_eq!(shown.verdict("s2"), "unregistered_operator -");
    assert_eq!(of(&shown, "unknown_terminal").len(), 1, "each that applies is a finding");
    assert_eq!(shown_at(session("09:00", "09:30", "s", "a01", "nowhere"), "14:00").verdict("s"), "unknown_terminal -");
}

#[test]
fn a_registration_that_ends_inside_a_session_is_named_from_there() {
    let registers = site_with(
        "id = \"A\"\nname = \"佐藤\"\nclients = [\"tomakomai\"]",
        "id = \"A\"\nname = \"佐藤\"\nclients = [\"tomakomai\"]\nvalid_to = \"2026-11-22T09:30:00+09:00\"",
    );
    let shown = shown_with(
        &registers,
        [vec![read("08:00", "z-in", "A")], session("09:00", "10:00", "s", "a01", "T").to_vec()].concat(),
        "14:00",
    );
    assert_eq!(shown.verdict("s"), "present confirmed", "the verdict is of the start");
    assert_eq!(one(&shown, "unregistered_operator").span.start, at("09:30"));
}

#[test]
fn a_terminal_or_line_of_another_city_is_the_wrong_client() {
    let registers = site_with("id = \"T2\"\nzone = \"z\"", "id = \"T2\"\nzone = \"z\"\nclient = \"chitose\"");
    let shown = shown_with(
        &registers,
        [vec![read("08:00", "z-in", "A")], session("09:00", "10:00", "s", "a01", "T2").to_vec()].concat(),
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
    assert_eq!((found.span.start, found.span.end), (at("09:30"), at("10:00")));
    assert!(of(&shown_at(twice("10:00"), "14:00"), "shared_account").is_empty());
}

#[test]
fn a_session_never_closed_ends_as_presumed_when_its_time_out_runs_out() {
    let shown =
        shown_at(vec![read("08:00", "z-in", "A"), start("09:00", "s", "a01", "T"), sign("09:30", "s")], "+10:00");
    let found = one(&shown, "session_unclosed");
    assert_eq!((found.span.start, found.span.end), (at("09:30"), at("21:30")));
    assert!(of(&shown_at(vec![start("09:00", "s", "a01", "T")], "20:59"), "session_unclosed").is_empty());
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
    assert_eq!(shown.verdict("inner"), "partial confirmed absent:11-22 11:00:30/11-22 11:05:00");
    assert!(of(&shown, "elsewhere").is_empty(), "the outer zone is no other place");
}

#[test]
fn a_card_read_at_another_zones_door_even_denied_puts_its_owner_elsewhere() {
    let shown = shown_at(
        [session("09:05", "10:00", "s", "a01", "T").to_vec(), vec![denied("09:30", "y-in", "A")]].concat(),
        "14:00",
    );
    let found = one(&shown, "elsewhere");
    assert_eq!(found.span.start, at("09:30"));
    let own_door = [session("09:05", "10:00", "s", "a01", "T").to_vec(), vec![denied("09:30", "z-in", "A")]].concat();
    assert!(of(&shown_at(own_door, "14:00"), "elsewhere").is_empty());
}

#[test]
fn a_register_change_revises_and_says_so_and_a_backdated_one_stays_open() {
    let strangers = site_with("[[account]]\nid = \"a01\"", "[[account]]\nid = \"was-a01\"");
    let mut engine = Engine::new(&strangers, Names::new(), Mode::Live).unwrap();
    let arrivals = told(
        watched().into_iter().chain([read("08:00", "z-in", "A")]).chain(session("09:00", "09:30", "s", "a01", "T")),
    );
    for (i, a) in arrivals.iter().enumerate() {
        let fact = fact_of(&a.what, i as u64 + 1, a.at, engine.names_mut());
        engine.step(a.at, Input::Fact(fact));
    }
    engine.step(at("10:00"), Input::Time);
    assert_eq!(Shown::of(&engine).verdict("s"), "unknown_account -");
    let mut registers = site();
    let account = registers.accounts.iter_mut().find(|a| a.row.id == "a01").unwrap();
    account.recorded_at = Some(at("10:30"));
    let effects = engine.step(at("10:30"), Input::Registers { entry: 99, registers: &registers });
    let revised = effects.iter().any(|e| matches!(e, Effect::Revision(r) if r.cause == Cause::Registers(99)));
    let resolved = effects.iter().any(|e| matches!(e, Effect::Finding { change: FindingChange::Resolved(k), .. } if k.kind.word() == "unknown_account"));
    assert!(revised && resolved, "{effects:?}");
    let shown = Shown::of(&engine);
    assert_eq!(shown.verdict("s"), "present confirmed");
    assert_eq!(shown.kinds(), ["backdated"]);
}

#[test]
fn a_terminal_is_known_by_its_address_and_at_no_other() {
    let registers = site_with("id = \"T2\"\nzone = \"z\"", "id = \"T2\"\nzone = \"z\"\naddresses = [\"192.0.2.12\"]");
    let from = |id: &str, terminal: Option<&str>, address: &str| {
        let Observation::SessionStarted(mut started) = start("09:05", id, "a01", "T2") else { unreachable!() };
        started.terminal = terminal.map(name);
        started.address = Some(name(address));
        [Observation::SessionStarted(started), end("10:00", id)]
    };
    let shown = shown_with(
        &registers,
        [
            vec![read("09:00", "z-in", "A")],
            from("by-address", None, "192.0.2.12").to_vec(),
            from("nowhere", None, "198.51.100.7").to_vec(),
            from("posing", Some("T2"), "198.51.100.7").to_vec(),
            from("unaddressed", Some("T"), "198.51.100.7").to_vec(),
        ]
        .concat(),
        "14:00",
    );
    assert_eq!(shown.verdict("by-address"), "present confirmed");
    assert_eq!(shown.verdict("nowhere"), "unknown_terminal -");
    assert_eq!(shown.verdict("posing"), "present confirmed", "where he was is one thing");
    let found = one(&shown, "wrong_terminal_address");
    assert_eq!(found.severity, Severity::High);
}

/// Lines that no buffer held any more: what they said is not known, and nobody may believe that
/// nothing happened.
#[test]
fn records_that_are_lost_are_a_finding_of_their_source_for_the_span_of_the_loss() {
    let story = [lost("vpn", "09:00", "09:01"), lost("vpn", "09:01", "09:02"), lost("vpn", "11:00", "11:01")];
    let found = |story: &[Observation], now: &str| {
        let shown = shown_at(story.to_vec(), now);
        let spans: Vec<_> = of(&shown, "records_lost").iter().map(|f| (f.span.start, f.span.end)).collect();
        spans
    };
    let (first, second) = ((at("09:00"), at("09:02")), (at("11:00"), at("11:01")));
    assert_eq!(found(&story, "12:00"), [first, second], "what adjoins is one");
    assert_eq!(found(&story, "10:00"), [first], "and what lies ahead is none yet");
    let twice = [&story[..], &story[..]].concat();
    assert_eq!(found(&twice, "12:00"), [first, second]);
}
