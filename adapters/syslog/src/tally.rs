//! What was turned away or lost, counted until it is told.
//!
//! The receiving side only counts here and never waits; whoever tells comes by and takes what is
//! due. A flood of strangers is so a line a minute in the log, with its true number.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kukaku_schema::{DurationUs, Span, UtcMicros};

use crate::event::{LinkEventKind, LossPlace};
use crate::limits::TURNED_AWAY_MAX;

/// Counts until it is told.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lost: Option<(u64, Span)>,
    turned_away: BTreeMap<(Option<IpAddr>, Turned), Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turned {
    Unknown,
    Refused,
}

#[derive(Debug, Default)]
struct Entry {
    untold: u64,
    told_at: Option<UtcMicros>,
    why: String,
}

impl Tally {
    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A datagram did not fit our buffer.
    pub(crate) fn overflowed(&self, at: UtcMicros) {
        self.with(|inner| {
            let (count, span) = inner.lost.get_or_insert((0, Span::new(at, at)));
            *count += 1;
            // Half open: the instant itself lies inside.
            span.end = span.end.max(at.plus(DurationUs(1)));
        });
    }

    /// Somebody whom no source names sent a datagram or connected.
    pub(crate) fn unknown(&self, sender: IpAddr) {
        self.turn_away(sender, Turned::Unknown, String::new());
    }

    /// A known sender was not let in.
    pub(crate) fn refused(&self, sender: IpAddr, why: String) {
        self.turn_away(sender, Turned::Refused, why);
    }

    fn turn_away(&self, sender: IpAddr, turned: Turned, why: String) {
        self.with(|inner| {
            let known = inner.turned_away.contains_key(&(Some(sender), turned));
            let named = known || inner.turned_away.len() < TURNED_AWAY_MAX;
            let entry = inner.turned_away.entry((named.then_some(sender), turned)).or_default();
            entry.untold += 1;
            entry.why = why;
        });
    }

    /// Takes what is due: losses at once, and each sender that was turned away when it is new or
    /// `again` after it was told.
    pub(crate) fn due(&self, now: UtcMicros, again: Duration) -> Vec<LinkEventKind> {
        let again = DurationUs(i64::try_from(again.as_micros()).unwrap_or(i64::MAX));
        self.with(|inner| {
            let mut due = Vec::new();
            if let Some((count, span)) = inner.lost.take() {
                due.push(LinkEventKind::Lost { count, span, place: LossPlace::Buffer });
            }
            inner.turned_away.retain(|(sender, turned), entry| {
                if entry.told_at.is_some_and(|told| now.since(told) < again) {
                    return true;
                }
                if entry.untold == 0 {
                    // Silent for as long: its place is free for another.
                    return false;
                }
                let (sender, count) = (*sender, std::mem::take(&mut entry.untold));
                entry.told_at = Some(now);
                due.push(match turned {
                    Turned::Unknown => LinkEventKind::UnknownSender { sender, count },
                    Turned::Refused => LinkEventKind::Refused { sender, count, why: std::mem::take(&mut entry.why) },
                });
                true
            });
            due
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> UtcMicros {
        UtcMicros(seconds * 1_000_000)
    }

    #[test]
    fn a_stranger_is_told_at_once_and_then_a_minute_later_with_all_that_came() {
        let tally = Tally::default();
        let sender = IpAddr::from([203, 0, 113, 9]);
        let told = |count| vec![LinkEventKind::UnknownSender { sender: Some(sender), count }];
        tally.unknown(sender);
        assert_eq!(tally.due(at(0), AGAIN), told(1));
        for _ in 0..1000 {
            tally.unknown(sender);
        }
        assert_eq!(tally.due(at(59), AGAIN), []);
        assert_eq!(tally.due(at(60), AGAIN), told(1000));
        assert_eq!(tally.due(at(120), AGAIN), [], "it went silent");
        tally.unknown(sender);
        assert_eq!(tally.due(at(121), AGAIN), told(1));
    }

    #[test]
    fn a_crowd_of_strangers_is_bounded_and_still_counted() {
        let tally = Tally::default();
        for n in 0..1000_u32 {
            tally.unknown(IpAddr::from(n.to_be_bytes()));
        }
        let due = tally.due(at(0), AGAIN);
        let counted = |event: &LinkEventKind| match event {
            LinkEventKind::UnknownSender { count, .. } => *count,
            _ => 0,
        };
        assert_eq!(due.len(), TURNED_AWAY_MAX + 1);
        assert_eq!(due.iter().map(counted).sum::<u64>(), 1000);
    }

    #[test]
    fn a_loss_spans_its_first_and_its_last() {
        let tally = Tally::default();
        tally.overflowed(at(5));
        tally.overflowed(at(7));
        let span = Span::new(at(5), UtcMicros(7_000_001));
        assert_eq!(tally.due(at(8), AGAIN), [LinkEventKind::Lost { count: 2, span, place: LossPlace::Buffer }]);
        assert_eq!(tally.due(at(9), AGAIN), []);
    }

    #[test]
    fn a_refusal_says_why() {
        let tally = Tally::default();
        let sender = IpAddr::from([192, 0, 2, 1]);
        tally.refused(sender, "no TLS".to_owned());
        let why = "no TLS".to_owned();
        assert_eq!(tally.due(at(0), AGAIN), [LinkEventKind::Refused { sender: Some(sender), count: 1, why }]);
    }
}
