//! What is wrong with operation logs, and what must not raise it.
//!
//! The harm if one fails: what was done at a terminal is rubbed out and nobody is told; or a log
//! that merely grows is an alarm every minute, until nobody listens.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_schema::observation::{OplogSegment, SegmentPath, Sha256Hex};
use kukaku_schema::{Observation, Registers, Severity, registers};

fn kept_for(days: u32) -> Registers {
    let text = SITE.replace("id = \"T\"\n", &format!("id = \"T\"\noplog = true\noplog_keep = \"{days}d\"\n"));
    assert_ne!(text, SITE);
    registers::parse(&text, "site").unwrap()
}

/// What a source says of the day's log: its size and the first digit of its hash.
fn log(said: &str, bytes: u64, hash: Option<char>) -> Observation {
    Observation::OplogSegment(OplogSegment {
        source: name("oplog"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(said),
        terminal: name("T"),
        session: None,
        path: SegmentPath::new("T/22.log").unwrap(),
        start: at("00:00"),
        end: at(said),
        bytes,
        sha256: hash.map(|digit| Sha256Hex::new(&digit.to_string().repeat(64)).unwrap()),
        gone: hash.is_none(),
    })
}

#[test]
fn a_log_that_grows_is_no_change_and_one_that_is_written_over_is() {
    let grown = vec![log("09:00", 10, Some('a')), log("10:00", 20, Some('b')), log("11:00", 30, Some('c'))];
    assert_eq!(shown_with(&kept_for(90), grown.clone(), "12:00").kinds(), [""; 0]);
    for bytes in [30, 12] {
        let mut all = grown.clone();
        all.push(log("11:30", bytes, Some('d')));
        let shown = shown_with(&kept_for(90), all, "12:00");
        let found = one(&shown, "footage_changed");
        assert_eq!((found.severity, found.proofs.len()), (Severity::Critical, 2), "{bytes}");
    }
    // Touched and the same: nothing was changed.
    let mut same = grown;
    same.push(log("11:30", 30, Some('c')));
    assert_eq!(shown_with(&kept_for(90), same, "12:00").kinds(), [""; 0]);
}

#[test]
fn a_log_gone_before_its_term_is_lost_until_it_is_back() {
    let lost = vec![log("09:00", 10, Some('a')), log("10:00", 0, None)];
    let shown = shown_with(&kept_for(1), lost.clone(), "12:00");
    assert_eq!(one(&shown, "footage_lost").severity, Severity::Critical);
    let mut back = lost;
    back.push(log("11:00", 10, Some('a')));
    assert_eq!(shown_with(&kept_for(1), back, "12:00").kinds(), [""; 0]);
    // Put back with other content.
    let other = vec![log("09:00", 10, Some('a')), log("10:00", 0, None), log("11:00", 10, Some('f'))];
    assert_eq!(shown_with(&kept_for(1), other, "12:00").kinds(), ["footage_changed"]);
}

#[test]
fn a_log_gone_after_its_term_is_in_order() {
    let mut gone = log("10:00", 0, None);
    if let Observation::OplogSegment(log) = &mut gone {
        log.device_time = at("+09:30");
        log.end = at("09:00");
    }
    let all = vec![log("09:00", 10, Some('a')), gone];
    assert_eq!(shown_with(&kept_for(1), all.clone(), "+12:00").kinds(), [""; 0]);
    assert_eq!(shown_with(&kept_for(2), all, "+12:00").kinds(), ["footage_lost"]);
}
