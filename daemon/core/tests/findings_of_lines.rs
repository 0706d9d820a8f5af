//! The city's own record of its line against what we know.
//!
//! The harm if it fails: somebody comes in by a way of which no gateway tells, and the two lists
//! that would show it are never laid side by side.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_schema::{Observation, Severity, UtcMicros};

fn worked(from: &str, to: &str) -> Vec<Observation> {
    let mut all = vec![read("08:00", "z-in", "A"), read("12:00", "z-out", "A")];
    all.extend(session(from, to, "s", "a01", "T"));
    all
}

fn with(more: impl IntoIterator<Item = Observation>, now: &str) -> Shown {
    shown_at(worked("09:00", "10:00").into_iter().chain(more), now)
}

#[test]
fn what_both_know_is_no_finding() {
    let shown = with([complete("08:00", "13:00"), unlocked("city", "08:58", "10:02", None)], "14:00");
    assert!(shown.kinds().is_empty(), "{:?}", shown.kinds());
    let by_name = with([complete("08:00", "13:00"), unlocked("city", "08:58", "10:02", Some("a01"))], "14:00");
    assert!(by_name.kinds().is_empty(), "{:?}", by_name.kinds());
}

#[test]
fn a_connection_that_the_city_knows_and_we_do_not_is_critical() {
    let shown = with([unlocked("city", "11:00", "11:20", None)], "14:00");
    let found = one(&shown, "unseen_session");
    assert_eq!((found.severity, found.span.start, found.span.end), (Severity::Critical, at("11:00"), at("11:20")));
    // Until the unlock and its grace are over, somebody may still come.
    assert!(of(&with([unlocked("city", "11:00", "11:20", None)], "11:25:50"), "unseen_session").is_empty());
    assert_eq!(of(&with([unlocked("city", "11:00", "11:20", None)], "11:25:51"), "unseen_session").len(), 1);
    // The session that explains it comes in late, and it resolves itself.
    let late = session("11:05", "11:15", "s2", "a01", "T");
    let mut arrivals =
        told(watched().into_iter().chain(worked("09:00", "10:00")).chain([unlocked("city", "11:00", "11:20", None)]));
    arrivals.extend(late.into_iter().map(|what| Arrives { at: at("13:00"), what }));
    assert!(of(&shown_of(&site(), &arrivals, at("14:00")), "unseen_session").is_empty());
}

#[test]
fn somebody_elses_session_does_not_explain_it() {
    let shown = with([unlocked("city", "08:58", "10:02", Some("b01"))], "14:00");
    assert_eq!(of(&shown, "unseen_session").len(), 1);
}

#[test]
fn a_session_that_a_complete_record_does_not_know_is_unlisted() {
    let shown = with([complete("08:00", "13:00")], "14:00");
    let found = one(&shown, "unlisted_session");
    assert_eq!((found.span.start, found.span.end), (at("09:00"), at("10:00")));
    assert!(of(&with([], "14:00"), "unlisted_session").is_empty(), "no record, no comparison");
    assert!(of(&with([complete("10:00", "13:00")], "14:00"), "unlisted_session").is_empty(), "of another time");
    let part = with([complete("08:00", "13:00"), unlocked("city", "08:58", "09:30", None)], "14:00");
    assert_eq!(one(&part, "unlisted_session").span.start, at("09:35"), "it went on after the line was locked");
}

#[test]
fn an_unlock_that_anybody_could_have_told_clears_nobody() {
    let shown = with([complete("08:00", "13:00"), unlocked("udp", "08:58", "10:02", None)], "14:00");
    assert_eq!(of(&shown, "unlisted_session").len(), 1);
    assert_eq!(of(&with([unlocked("udp", "11:00", "11:20", None)], "14:00"), "unseen_session").len(), 1, "it raises");
}

#[test]
fn an_open_session_is_held_against_the_record_as_it_goes_on() {
    let open = || vec![read("08:00", "z-in", "A"), start("09:00", "s", "a01", "T")];
    let told = [complete("08:00", "13:00"), unlocked("city", "08:58", "09:30", None)];
    let story = || open().into_iter().chain(told.clone());
    // The list is there when the morning is over.
    let arrivals = |now: UtcMicros| {
        let mut all = common::told(watched().into_iter().chain(open()));
        all.extend(story().skip(2).map(|what| Arrives { at: at("09:20"), what }));
        all.retain(|a| a.at <= now);
        all
    };
    let at_time = |now: &str| shown_of(&site(), &arrivals(at(now)), at(now));
    assert!(of(&at_time("09:35:50"), "unlisted_session").is_empty());
    let shown = at_time("09:36:00");
    let found = one(&shown, "unlisted_session");
    assert_eq!((found.span.start, found.span.end), (at("09:35"), UtcMicros::MAX));
}
