//! The harm: an alert that is given up too early, or a storm of messages that hides the one
//! that matters.

use super::*;
use crate::sample::alert;
use kukaku_schema::Severity;
use proptest::prelude::*;

const DAY: i64 = 86_400;

fn retry() -> DeliveryError {
    DeliveryError::Retry("down".to_owned())
}

#[test]
fn a_relay_that_is_down_over_the_weekend_loses_no_alert() {
    let policy = RetryPolicy::default();
    let start = UtcMicros(0);
    let mut row = Attempts::new(start);
    let mut attempts = 0;
    while row.state == DeliveryState::Waiting {
        row = row.failed(&policy, start, &retry(), row.next_at, 7);
        attempts += 1;
        if row.next_at < start.plus(GIVE_UP_NOT_BEFORE) {
            assert_eq!(row.state, DeliveryState::Waiting);
        }
    }
    assert!(row.next_at.since(start) >= policy.give_up);
    assert!(row.needs_person, "a given up alert is shown");
    // Often enough to be there soon, seldom enough not to hammer.
    assert!((600..1_500).contains(&attempts), "{attempts}");
    // A short policy can't be had.
    let hasty = RetryPolicy { give_up: DurationUs::from_secs(60), ..policy };
    assert!(hasty.check().is_err());
    let row = Attempts::new(start).failed(&hasty, start, &retry(), UtcMicros(2 * DAY * 1_000_000), 1);
    assert_eq!(row.state, DeliveryState::Waiting);
}

#[test]
fn a_refusal_is_shown_at_once_and_tried_rarely() {
    let policy = RetryPolicy::default();
    let error = DeliveryError::Refused("wrong password".to_owned());
    let row = Attempts::new(UtcMicros(0)).failed(&policy, UtcMicros(0), &error, UtcMicros(0), 3);
    assert!(row.needs_person && row.state == DeliveryState::Waiting);
    assert!(row.next_at.0 >= policy.longest.0 * 3 / 4);
    assert_eq!(row.last_error.as_deref(), Some("wrong password"));
    let row = row.delivered();
    assert!(!row.needs_person && row.state == DeliveryState::Delivered);
}

proptest! {
    #[test]
    fn waits_grow_to_their_limit_and_never_vanish(failures in 1_u32.., chance in any::<u64>()) {
        let policy = RetryPolicy::default();
        let wait = policy.wait(failures, false, chance);
        prop_assert!(wait.0 > 0 && wait <= policy.longest);
        let full = if failures > 30 { policy.longest.0 } else { (policy.first.0 << (failures - 1)).min(policy.longest.0) };
        prop_assert!(wait.0 >= full * 3 / 4);
    }

    #[test]
    fn a_clock_set_back_or_far_ahead_strands_no_row(now in any::<i64>(), recorded in any::<i64>()) {
        let now = UtcMicros(now.clamp(UtcMicros::MIN.0, UtcMicros::MAX.0 - DAY * 1_000_000));
        let recorded = UtcMicros(recorded.clamp(UtcMicros::MIN.0, UtcMicros::MAX.0));
        let row = Attempts::new(recorded).failed(&RetryPolicy::default(), recorded, &retry(), now, 1);
        prop_assert!(row.next_at > now && row.next_at.since(now) <= RetryPolicy::default().longest);
    }

    /// A minute of any traffic: nothing is lost, and no minute holds more than the limit.
    #[test]
    fn no_minute_holds_more_than_the_limit_and_nothing_is_lost(
        arrivals in prop::collection::vec((0_i64..400, 0_usize..3), 1..120), per_minute in 1_u32..6,
    ) {
        let limit = StormLimit { per_minute: per_minute.try_into().unwrap() };
        let mut waiting: Vec<Alert> = arrivals.iter().enumerate().map(|(i, (at, severity))| {
            let mut alert = alert();
            alert.finding = i.to_string();
            alert.recorded_at = UtcMicros(at * 1_000_000);
            alert.severity = Severity::ALL[*severity];
            alert
        }).collect();
        let (mut sent_at, mut told) = (Vec::new(), 0);
        let mut now = UtcMicros(0);
        while !waiting.is_empty() {
            let (due, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|a| a.recorded_at <= now);
            let batch = plan_batch(limit, &sent_at, &due, now);
            sent_at.extend(batch.singly.iter().map(|_| now));
            if !batch.digest.is_empty() {
                sent_at.push(now);
            }
            told += batch.singly.len() + batch.digest.len();
            let kept = due.iter().enumerate()
                .filter(|(i, _)| !batch.singly.contains(i) && !batch.digest.contains(i))
                .map(|(_, a)| a.clone());
            waiting = later.iter().cloned().chain(kept).collect();
            prop_assert!(batch.wait_until.is_none_or(|until| until > now));
            now = batch.wait_until.unwrap_or(now.plus(DurationUs::from_secs(1)));
        }
        prop_assert_eq!(told, arrivals.len());
        for at in &sent_at {
            let within = sent_at.iter().filter(|other| **other >= *at && other.since(*at) < STORM_WINDOW).count();
            prop_assert!(within <= per_minute as usize);
        }
    }
}

#[test]
fn a_storm_tells_the_gravest_alone_and_the_rest_in_one_message() {
    let limit = StormLimit { per_minute: 3.try_into().unwrap() };
    let due: Vec<Alert> = (0..40)
        .map(|i| {
            let mut alert = alert();
            alert.finding = format!("f{}", i % 30);
            alert.revision = i / 30 + 1;
            alert.severity = if i == 17 { Severity::Critical } else { Severity::High };
            alert.recorded_at = UtcMicros(i64::from(i));
            alert
        })
        .collect();
    let now = UtcMicros(100);
    let batch = plan_batch(limit, &[], &due, now);
    assert_eq!(batch.singly, [17, 0]);
    assert_eq!(batch.digest.len(), 38);
    let held: Vec<&Alert> = batch.digest.iter().map(|i| &due[*i]).collect();
    let channel = ChannelId::new("duty").unwrap();
    let digest = digest(&channel, &held, now).unwrap();
    // f1 to f29 but f17, and the second revision of f0: the newest of each finding.
    assert_eq!(digest.proof.len(), 29);
    assert!(digest.title.contains("29 件"), "{}", digest.title);
    assert_eq!(digest, super::digest(&channel, &held, now).unwrap());
    // The minute is used up: the next waits until the oldest is a minute old.
    let sent = [UtcMicros(100), UtcMicros(100), UtcMicros(100)];
    let batch = plan_batch(limit, &sent, &due[..1], UtcMicros(200));
    assert_eq!(batch.wait_until, Some(UtcMicros(100).plus(STORM_WINDOW)));
}
