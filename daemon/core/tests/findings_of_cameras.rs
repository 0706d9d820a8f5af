//! What is wrong with cameras and footage, and what must not raise it.
//!
//! The harm if one fails: it goes wrong and nobody is told.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_schema::observation::{CameraHealth, FootageSegment, SegmentPath};
use kukaku_schema::{Observation, Registers, Severity, registers};

fn with_camera() -> Registers {
    registers::parse(&format!("{SITE}[[camera]]\nid = \"cam\"\nzone = \"z\"\nkeep = \"90d\"\n"), "site").unwrap()
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
        all.push(health(&format!("09:{minute:02}:00"), !(20..30).contains(&minute)));
    }
    all.extend(session("09:05", "09:50", "s", "a01", "T"));
    let shown = shown_with(&with_camera(), all, "09:58:30");
    let down = one(&shown, "camera_down");
    assert_eq!((down.span.start, down.span.end), (at("09:20"), at("09:30")));
    assert_eq!(one(&shown, "uncovered_session").span.start, at("09:20"));
    assert_eq!(shown.verdict("s"), "present confirmed", "cameras don't change the verdict");
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
    assert_eq!((gap.span.start, gap.span.end), (at("09:20:00"), at("09:20:11")), "nine seconds are none");
    assert_eq!(one(&shown, "footage_lost").severity, Severity::Critical);
}
