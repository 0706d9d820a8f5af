//! Sessions that stay open while nobody works in them.
//!
//! The harm if one fails: an open line is left to whoever comes by, and nobody hears of it.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_schema::Observation;

fn quiet(time: &str, minutes: u64) -> Observation {
    saying(time, Some(minutes * 60), None)
}

fn carried(time: &str, octets: u64) -> Observation {
    saying(time, None, Some(octets))
}

fn saying(time: &str, idle: Option<u64>, bytes: Option<u64>) -> Observation {
    let mut sign = sign(time, "s");
    if let Observation::SessionAlive(said) = &mut sign {
        (said.idle_s, said.octets) = (idle, bytes);
    }
    sign
}

/// A works from 09:00 on, under nobody's order, and `signs` are told.
fn idle(more: &str, signs: Vec<Observation>, now: &str) -> Vec<(String, String)> {
    let registers = site_with("name = \"苫小牧市\"", &format!("name = \"苫小牧市\"\n{more}"));
    let inside = vec![read("08:00", "z-in", "A"), read("13:00", "z-out", "A")];
    let story = [inside, vec![start("09:00", "s", "a01", "T")], signs].concat();
    let arrivals = told(watched().into_iter().chain(story).filter(|o| instant_of(o) <= at(now)));
    let shown = shown_of(&registers, &arrivals, at(now));
    of(&shown, "idle").into_iter().map(|found| (clock(found.span.start), clock(found.span.end))).collect()
}

fn clock(t: kukaku_schema::UtcMicros) -> String {
    t.plus(kukaku_schema::DurationUs::from_secs(9 * 3600)).to_rfc3339_utc()[11..16].to_owned()
}

fn spans(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

#[test]
fn who_leaves_a_session_open_for_a_quarter_of_an_hour_is_told_of() {
    assert_eq!(idle("", vec![quiet("09:40", 14)], "10:00"), []);
    assert_eq!(idle("", vec![quiet("09:40", 15)], "10:00"), spans(&[("09:25", "09:40")]));
    // It goes on as long as it is told to, and is one thing.
    let more = vec![quiet("09:40", 15), quiet("09:50", 25)];
    assert_eq!(idle("", more, "10:00"), spans(&[("09:25", "09:50")]));
    // Later he leaves it again.
    let again = vec![quiet("09:40", 20), quiet("10:10", 2), quiet("10:40", 20)];
    assert_eq!(idle("", again, "11:00"), spans(&[("09:20", "09:40"), ("10:20", "10:40")]));
}

#[test]
fn how_long_is_the_citys_to_say() {
    assert_eq!(idle("max_idle = \"5m\"", vec![quiet("09:40", 6)], "10:00"), spans(&[("09:34", "09:40")]));
    assert_eq!(idle("max_idle = \"1h\"", vec![quiet("09:40", 30)], "10:00"), []);
}

#[test]
fn a_source_that_counts_bytes_shows_when_none_were_sent() {
    let counted = vec![carried("09:10", 500), carried("09:20", 900), carried("09:30", 900), carried("09:40", 900)];
    assert_eq!(idle("", counted.clone(), "10:00"), spans(&[("09:20", "09:40")]));
    // One that came late tells that something was sent after all.
    let late = [counted, vec![carried("09:35", 901)]].concat();
    assert_eq!(idle("", late, "10:00"), []);
}

#[test]
fn a_source_that_tells_nothing_of_it_shows_nobody_idle() {
    assert_eq!(idle("", vec![sign("09:30", "s"), sign("10:30", "s")], "11:00"), []);
}

#[test]
fn before_it_began_and_after_its_end_it_was_no_session() {
    assert_eq!(idle("", vec![quiet("09:16", 600)], "10:00"), spans(&[("09:00", "09:16")]));
    let mut ended = end("09:30", "s");
    if let Observation::SessionEnded(said) = &mut ended {
        said.idle_s = Some(20 * 60);
    }
    assert_eq!(idle("", vec![ended], "10:00"), spans(&[("09:10", "09:30")]));
}
