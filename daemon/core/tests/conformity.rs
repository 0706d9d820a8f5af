//! What was agreed against what is held.
//!
//! The harm if it fails: a city learns that its records are gone, or still there, when it asks for them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use kukaku_core::retention::{
    Agreement, Agreements, Conformity, Guard, Hold, Holding, KeyDay, NOTICE, Question, Standing, Term, conformity,
};
use kukaku_schema::{Period, RecordClass, SiteZone, Span, UtcMicros};

const ALWAYS: Span = Span::new(UtcMicros::MIN, UtcMicros::MAX);
/// Local day of `NOW`.
const TODAY: i32 = 20_000;

fn at_most(at_least: u32, at_most: Option<u32>) -> Agreement {
    let term = Term { at_least: Period::Days(at_least), at_most: at_most.map(Period::Days), erase: at_most.is_some() };
    Agreement { client: Some("a".to_owned()), class: RecordClass::Entry, term, valid: ALWAYS, known: ALWAYS }
}

/// The report over keys of client `a` on these days, with so many records each, of 100 bytes.
fn report(agreement: Agreement, days: &[(i32, u64)], holds: &[Hold], free: u64) -> Conformity {
    let keys: Vec<KeyDay> = (0..)
        .zip(days)
        .map(|(id, (day, _))| KeyDay {
            id,
            class: RecordClass::Entry,
            day: TODAY + day,
            scope: vec!["a".to_owned()],
            spared: false,
        })
        .collect();
    let entries: BTreeMap<u64, u64> = (0..).zip(days.iter().map(|(_, entries)| *entries)).collect();
    let zone = SiteZone::named("UTC").unwrap();
    conformity(
        &Question {
            now: UtcMicros(i64::from(TODAY) * 86_400_000_000 + 1),
            zone: &zone,
            agreements: &Agreements { versions: vec![agreement], clients: vec!["a".to_owned()], notice: NOTICE },
            keys: &keys,
            holds,
            sessions: &[],
            guard: &Guard::default(),
        },
        &Holding { entries: &entries, store_bytes: entries.values().sum::<u64>() * 100, free_bytes: Some(free) },
    )
}

fn hold() -> Hold {
    Hold {
        id: "hold-1".to_owned(),
        client: None,
        period: ALWAYS,
        person: None,
        camera: None,
        reason: "r".to_owned(),
        placed_by: "p".to_owned(),
        placed_at: UtcMicros(0),
    }
}

fn only(report: &Conformity) -> &Standing {
    assert_eq!(report.standings.len(), 1);
    &report.standings[0]
}

#[test]
fn what_is_held_is_counted_with_its_holes() {
    let report = report(at_most(30, Some(40)), &[(-20, 5), (-18, 7), (-17, 1)], &[], 1 << 40);
    let standing = only(&report);
    assert_eq!(standing.held, Some((TODAY - 20, TODAY - 17)));
    assert_eq!((standing.days_without, standing.entries, standing.overdue_days), (1, 13, 0));
    assert_eq!(standing.next_due, Some(UtcMicros(i64::from(TODAY + 11) * 86_400_000_000)));
    assert!(report.is_in_order());
}

#[test]
fn what_is_kept_too_long_is_told_unless_it_is_held() {
    let days = [(-50, 1), (-35, 1), (0, 1)];
    let late = report(at_most(30, Some(40)), &days, &[], 1 << 40);
    assert_eq!((only(&late).due_days, only(&late).overdue_days, late.is_in_order()), (2, 1, false));
    assert!(only(&late).next_due.is_some_and(|due| due.0 < i64::from(TODAY) * 86_400_000_000));
    let held = report(at_most(30, Some(40)), &days, &[hold()], 1 << 40);
    assert_eq!((&*only(&held).holds, held.is_in_order()), (&["hold-1".to_owned()][..], true));
}

#[test]
fn the_disk_is_full_on_the_day_that_is_told_and_never_where_as_much_goes_as_comes() {
    // A hundred records a day for a week: 10,000 bytes a day.
    let week: Vec<(i32, u64)> = (-6..=0).map(|day| (day, 100)).collect();
    let full = |agreement, free| report(agreement, &week, &[], free).disk.unwrap();
    let disk = full(at_most(400, None), 200_000);
    assert_eq!((disk.bytes_a_day, disk.full_on, disk.is_low()), (10_000, Some(TODAY + 20), false));
    assert!(full(at_most(400, None), 140_000).is_low());
    // Erased from day 25 on: 25 days' room suffices, a day's less does not.
    assert_eq!(full(at_most(30, Some(40)), 250_000).full_on, None);
    assert_eq!(full(at_most(30, Some(40)), 240_000).full_on, Some(TODAY + 24));
    assert_eq!(report(at_most(400, None), &[], &[], 0).disk.unwrap().full_on, None);
}

#[test]
fn what_is_held_makes_no_room_and_the_alarm_comes_before_the_disk_is_full() {
    let week: Vec<(i32, u64)> = (-6..=0).map(|day| (day, 100)).collect();
    let held = report(at_most(30, Some(40)), &week, &[hold()], 300_000).disk.unwrap();
    assert_eq!((held.full_on, held.is_low()), (Some(TODAY + 30), false));
    assert!(report(at_most(30, Some(40)), &week, &[hold()], 130_000).disk.unwrap().is_low());
}
