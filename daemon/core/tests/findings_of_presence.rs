//! Presence without a session: whether somebody may be there, and whether he may be there alone.
//!
//! The harm if it fails: somebody is alone with the city's terminals at night, every door saw
//! him, and nobody is told.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_schema::{Observation, OrderState, Registers, Severity, UtcMicros};

const ZONE: &str = "id = \"z\"\nname = \"区画Z\"";

/// A was in the zone the day before.
const TODAY: &str = "valid_from = \"2026-11-22\"";

/// 2026-11-22 is a Sunday.
const CLEANING: &str = "id = \"cleaning\"\npersons = [\"V\"]\nzones = [\"z\"]\npurpose = \"清掃\"";

fn guarded(more: &str) -> Registers {
    let text = SITE.replacen(ZONE, &format!("{ZONE}\npermission = true\n{TODAY}"), 1);
    assert_ne!(text, SITE);
    kukaku_schema::registers::parse(&format!("{text}{more}"), "site").unwrap()
}

fn cleaning(more: &str) -> Registers {
    guarded(&format!("[[standing_permission]]\n{CLEANING}\n{more}\n"))
}

fn in_pairs() -> Registers {
    site_with(ZONE, &format!("{ZONE}\nmin_persons = 2\n{TODAY}"))
}

fn visit(who: &str, from: &str, to: &str) -> Vec<Observation> {
    vec![read(from, "z-in", who), read(to, "z-out", who)]
}

fn spans(shown: &Shown, kind: &str) -> Vec<(UtcMicros, UtcMicros)> {
    of(shown, kind).iter().map(|f| (f.span.start, f.span.end)).collect()
}

#[test]
fn a_zone_that_demands_nothing_raises_nothing() {
    let shown = shown_with(&site(), visit("V", "09:00", "10:00"), "14:00");
    assert!(shown.kinds().is_empty(), "{:?}", shown.kinds());
}

#[test]
fn whom_nothing_allows_is_found_while_he_is_there() {
    let story = || visit("V", "09:00", "10:00");
    assert!(of(&shown_with(&guarded(""), story(), "09:00:50"), "unauthorised_presence").is_empty());
    let shown = shown_with(&guarded(""), story(), "09:01");
    let found = one(&shown, "unauthorised_presence");
    assert_eq!((found.severity, found.span.start, found.span.end), (Severity::High, at("09:00"), UtcMicros::MAX));
    // Of three observations that watched the site the day before, the entry is the fourth.
    assert_eq!(found.proofs, [4]);
    let shown = shown_with(&guarded(""), story(), "14:00");
    let found = one(&shown, "unauthorised_presence");
    assert_eq!((found.span.end, found.proofs.as_slice()), (at("10:00"), &[4, 5][..]));
    // In a room of the zone he is in the zone.
    let deeper = vec![read("09:00", "z-in", "V"), read("09:10", "i-in", "V"), read("09:40", "i-out", "V")];
    assert_eq!(spans(&shown_with(&guarded(""), deeper, "14:00"), "unauthorised_presence").len(), 1);
}

#[test]
fn a_standing_permission_holds_on_its_days_at_its_hours() {
    let seen = |permission: &str, from: &str, to: &str| {
        spans(&shown_with(&cleaning(permission), visit("V", from, to), "+14:00"), "unauthorised_presence")
    };
    assert!(seen("", "09:00", "10:00").is_empty());
    assert!(seen("weekdays = [\"sun\"]\nhours = \"09:00-10:00\"", "08:56", "10:04").is_empty(), "and some minutes");
    assert_eq!(seen("weekdays = [\"mon\"]", "09:00", "10:00").len(), 1);
    let early_and_late = seen("weekdays = [\"sun\"]\nhours = \"09:00-10:00\"", "08:50", "10:10");
    assert_eq!(early_and_late, [(at("08:50"), at("08:55")), (at("10:05"), at("10:10"))]);
    // What begins on Sunday evening is Sunday's.
    let night = "weekdays = [\"sun\"]\nhours = \"22:00-06:00\"";
    assert!(seen(night, "23:00", "+05:00").is_empty());
    assert_eq!(seen(night, "05:00", "05:30").len(), 1, "that is Saturday's night");
    assert!(seen("valid_to = \"2026-11-22T10:00:00+09:00\"", "09:00", "10:04").is_empty());
    let over = seen("valid_to = \"2026-11-22T10:00:00+09:00\"", "09:00", "10:10");
    assert_eq!(over, [(at("10:05"), at("10:10"))]);
}

#[test]
fn a_permission_reaches_the_way_in_and_no_further() {
    let inner =
        guarded("[[standing_permission]]\nid = \"p\"\npersons = [\"V\"]\nzones = [\"inner\"]\npurpose = \"点検\"\n");
    assert!(of(&shown_with(&inner, visit("V", "09:00", "10:00"), "14:00"), "unauthorised_presence").is_empty());
    let text = SITE.replacen("parent = \"z\"", "parent = \"z\"\npermission = true", 1);
    let registers = format!("{text}[[standing_permission]]\n{CLEANING}\n");
    let registers = kukaku_schema::registers::parse(&registers, "site").unwrap();
    let deeper = vec![read("09:00", "z-in", "V"), read("09:10", "i-in", "V"), read("09:40", "i-out", "V")];
    let shown = shown_with(&registers, deeper, "14:00");
    assert_eq!(spans(&shown, "unauthorised_presence"), [(at("09:10"), at("09:40"))]);
    // Nobody else may because he may.
    let shown = shown_with(&cleaning(""), visit("B", "09:00", "10:00"), "14:00");
    assert_eq!(of(&shown, "unauthorised_presence").len(), 1);
}

#[test]
fn a_permission_that_was_written_down_afterwards_is_told() {
    let mut registers = cleaning("valid_from = \"2026-11-01\"");
    let story = || visit("V", "09:00", "10:00");
    registers.standing_permissions[0].recorded_at = Some(at("09:30"));
    let shown = shown_with(&registers, story(), "14:00");
    assert_eq!(shown.kinds(), ["backdated"]);
    registers.standing_permissions[0].recorded_at = Some(at("08:30"));
    assert!(shown_with(&registers, story(), "14:00").kinds().is_empty());
}

#[test]
fn a_work_order_allows_its_operators_to_be_there() {
    let approved = || order("08:00", "o", OrderState::Approved);
    let with = |orders: Vec<Observation>, from: &str, to: &str, who: &str, now: &str| {
        let story = visit(who, from, to).into_iter().chain(orders).collect();
        spans(&shown_with(&guarded(""), story, now), "unauthorised_presence")
    };
    assert!(with(vec![approved()], "08:56", "10:04", "A", "14:00").is_empty());
    assert_eq!(with(vec![approved()], "09:00", "10:30", "A", "14:00"), [(at("10:05"), at("10:30"))]);
    // While he is still there.
    assert!(with(vec![approved()], "09:00", "13:00", "A", "10:05:50").is_empty());
    assert_eq!(with(vec![approved()], "09:00", "13:00", "A", "10:06"), [(at("10:05"), UtcMicros::MAX)]);
    assert_eq!(with(vec![approved()], "09:00", "10:00", "B", "14:00").len(), 1, "somebody else's order");
    assert_eq!(with(vec![order("08:00", "o", OrderState::Drafted)], "09:00", "10:00", "A", "14:00").len(), 1);
    // Allowed while he is there: not before.
    let late = vec![order("09:30", "o", OrderState::Approved)];
    assert_eq!(with(late, "09:00", "10:00", "A", "14:00"), [(at("09:00"), at("09:30"))]);
    // In an emergency, as long as it may still be allowed.
    let urgent = || but(order("08:55", "o", OrderState::Submitted), |o| o.emergency = true);
    assert!(with(vec![urgent()], "09:00", "10:00", "A", "14:00").is_empty());
    assert_eq!(with(vec![urgent()], "09:00", "10:00", "A", "+08:55").len(), 1);
}

#[test]
fn an_order_allows_the_zones_of_its_client_alone() {
    let elsewhere = "id = \"tomakomai\"\nname = \"苫小牧市\"\nzones = [\"y\"]";
    let text = SITE.replacen(ZONE, &format!("{ZONE}\npermission = true\n{TODAY}"), 1);
    let text = text.replacen("id = \"tomakomai\"\nname = \"苫小牧市\"", elsewhere, 1);
    let registers = kukaku_schema::registers::parse(&text, "site").unwrap();
    let story = visit("A", "09:10", "09:50").into_iter().chain([order("08:00", "o", OrderState::Approved)]).collect();
    assert_eq!(of(&shown_with(&registers, story, "14:00"), "unauthorised_presence").len(), 1);
}

#[test]
fn a_place_that_is_not_known_accuses_nobody() {
    // He was outside before the reader failed; where he is then, nobody knows.
    use kukaku_schema::observation::ReaderStatusWord;
    let story = vec![
        read("-09:00", "z-in", "V"),
        read("-10:00", "z-out", "V"),
        status("08:50", "z-in", ReaderStatusWord::Offline),
        status("11:00", "z-in", ReaderStatusWord::Online),
    ];
    let shown = shown_with(&cleaning("valid_to = \"2026-11-22\""), story, "14:00");
    assert!(of(&shown, "unauthorised_presence").is_empty(), "{:?}", shown.kinds());
}

#[test]
fn an_entry_that_comes_late_and_a_permission_that_comes_later_are_both_heard() {
    let mut arrivals = told(watched());
    arrivals.extend(visit("V", "09:00", "10:00").into_iter().map(|what| Arrives { at: at("12:00"), what }));
    assert_eq!(of(&shown_of(&guarded(""), &arrivals, at("12:00")), "unauthorised_presence").len(), 1);
    let (mut engine, _) = live(&guarded(""), &arrivals, at("12:00"));
    let registers = cleaning("");
    engine.step(at("12:30"), kukaku_core::engine::Input::Registers { entry: 99, registers: &registers });
    assert!(engine.findings().is_empty());
    engine.step(at("12:40"), kukaku_core::engine::Input::Registers { entry: 100, registers: &guarded("") });
    assert_eq!(engine.findings().len(), 1);
    engine.step(at("12:50"), kukaku_core::engine::Input::Registers { entry: 101, registers: &site() });
    assert!(engine.findings().is_empty(), "nothing is demanded any more");
}

#[test]
fn one_alone_is_found_where_two_have_to_be() {
    let both = |a: (&str, &str), b: (&str, &str)| {
        let story = visit("A", a.0, a.1).into_iter().chain(visit("V", b.0, b.1)).collect();
        spans(&shown_with(&in_pairs(), story, "14:00"), "two_person_rule")
    };
    assert!(both(("09:00", "10:00"), ("09:00:25", "10:00:25")).is_empty(), "one holds the door for the other");
    assert_eq!(
        both(("09:00", "10:00"), ("09:10", "09:40")),
        [(at("09:00"), at("09:09:30")), (at("09:40:30"), at("10:00"))]
    );
    // A third who changes places with the second.
    let story = visit("A", "09:00", "10:00").into_iter().chain(visit("V", "09:00", "09:30"));
    let shown = shown_with(&in_pairs(), story.chain(visit("B", "09:30:20", "10:00")).collect(), "14:00");
    assert!(of(&shown, "two_person_rule").is_empty());
    let found = shown_with(&in_pairs(), visit("A", "09:00", "10:00"), "14:00");
    let found = one(&found, "two_person_rule");
    assert_eq!((found.severity, found.proofs.as_slice()), (Severity::High, &[4, 5][..]));
}

#[test]
fn one_who_stays_behind_is_found_while_he_does() {
    let story = || {
        let all = [read("09:00", "z-in", "A"), read("09:00:05", "z-in", "V"), read("10:00", "z-out", "V")];
        all.into_iter().chain([read("+02:00", "z-out", "A")]).collect()
    };
    assert!(of(&shown_with(&in_pairs(), story(), "10:01:20"), "two_person_rule").is_empty());
    let seen = |now: &str| spans(&shown_with(&in_pairs(), story(), now), "two_person_rule");
    assert_eq!(seen("10:01:21"), [(at("10:00:30"), UtcMicros::MAX)]);
    // Longer than any stay that is looked back at: one finding, whatever comes late.
    assert_eq!(seen("+14:00"), [(at("10:00:30"), at("+01:00"))]);
}

#[test]
fn he_is_not_called_alone_where_another_may_be_unseen() {
    use kukaku_schema::observation::ReaderStatusWord;
    let story = |reader: &str| {
        let all = [read("08:40", "z-in", "A"), read("08:40", "z-in", "V"), read("12:00", "z-out", "A")];
        all.into_iter().chain([status("08:50", reader, ReaderStatusWord::Offline)])
    };
    let more = [read("09:00", "z-out", "V"), status("11:00", "z-in", ReaderStatusWord::Online)];
    let shown = shown_with(&in_pairs(), story("z-in").chain(more).collect(), "14:00");
    assert!(of(&shown, "two_person_rule").iter().all(|f| f.span.start >= at("11:00")), "{:?}", shown.told);
}
