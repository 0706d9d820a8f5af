//! The verdict of a session, and what is wrong with it.

mod crowd;
mod findings;
mod idle;
mod lines;
mod obligations;
mod permission;
mod shared;
mod standing;
mod verdict;

pub(crate) use crowd::crowds;
pub(crate) use shared::shared_account;
pub(crate) use standing::runs;

use kukaku_schema::registers::Policy;
use kukaku_schema::{Grade, Span, UtcMicros, Verdict};

use crate::camera::CameraView;
use crate::effect::{Finding, SessionView};
use crate::memory::Memory;
use crate::model::Model;
use crate::names::{Word, WordMap};
use crate::place::Whereabouts;
use crate::source::SourceView;

/// Everything that sessions are judged by.
pub(crate) struct Court<'a> {
    pub model: &'a Model,
    pub memory: &'a Memory,
    pub sources: &'a WordMap<SourceView>,
    pub persons: &'a WordMap<Whereabouts>,
    pub cameras: &'a WordMap<CameraView>,
    pub now: UtcMicros,
    /// A site is watched; files tell of sessions and doors alone.
    pub live: bool,
}

/// A session judged at `now`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub verdict: Verdict,
    pub grade: Option<Grade>,
    /// Spans of known absence; the last ends at `UtcMicros::MAX` while it grows.
    pub absent: Vec<Span>,
    /// Spans of unknown presence; likewise.
    pub unknown: Vec<Span>,
    pub findings: Vec<Finding>,
    /// Instants before it were judged.
    pub until: UtcMicros,
    /// When to judge again.
    pub wake: Option<UtcMicros>,
    /// Part of it is without its operator: others' stays matter to it.
    pub lonely: bool,
}

/// The instants at which a judgement may change as time passes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Horizon {
    /// Instants before it are judged.
    judged: UtcMicros,
    /// `now` minus `judged`.
    lag: kukaku_schema::DurationUs,
    now: UtcMicros,
    wake: Option<UtcMicros>,
}

impl Horizon {
    /// What lies at `at` is judged once `now` is past `at + lag`.
    fn boundary(&mut self, at: UtcMicros) {
        if at >= self.judged && at < UtcMicros::MAX {
            self.at(at.plus(self.lag).plus(kukaku_schema::DurationUs(1)));
        }
    }

    fn at(&mut self, at: UtcMicros) {
        if at > self.now {
            self.wake = Some(self.wake.map_or(at, |w| w.min(at)));
        }
    }
}

impl Court<'_> {
    /// Judges one session.
    pub fn judge(&self, session: &SessionView) -> Judged {
        let (mut judged, policy, mut horizon) = self.weigh(session);
        self.find(session, &mut judged, &policy, &mut horizon);
        judged.wake = horizon.wake;
        judged
    }

    /// Judges one session for good: without what else is wrong with it, and without when to judge again.
    pub fn verdict(&self, session: &SessionView) -> Judged {
        self.weigh(session).0
    }

    fn weigh(&self, session: &SessionView) -> (Judged, Policy, Horizon) {
        let policy = session.zone.map_or_else(
            || self.model.policy(session.key.start),
            |zone| self.model.zone_policy(zone, session.key.start),
        );
        let lag = kukaku_schema::DurationUs(policy.grace_before.0 + policy.settle.0);
        let mut horizon = Horizon { judged: self.now.minus(lag), lag, now: self.now, wake: None };
        horizon.boundary(session.key.start);
        horizon.boundary(session.end_at());
        let judged = self.presence(session, &policy, &mut horizon);
        (judged, policy, horizon)
    }

    /// The stays of a person in a zone that touch a span, with `slack` on both sides.
    fn stays_of(
        &self,
        person: Word,
        zone: Word,
        span: Span,
        slack: kukaku_schema::DurationUs,
    ) -> Vec<crate::effect::Stay> {
        let Some(known) = self.persons.get(person) else {
            return Vec::new();
        };
        self.stays_near(known, span, slack).filter(|s| s.zone == zone).copied().collect()
    }

    fn stays_near<'b>(
        &self,
        known: &'b Whereabouts,
        span: Span,
        slack: kukaku_schema::DurationUs,
    ) -> impl Iterator<Item = &'b crate::effect::Stay> + use<'b> {
        let (from, to) = (span.start.minus(slack), span.end.plus(slack));
        let earliest = from.minus(self.model.longest_stay).minus(slack);
        let first = known.stays.partition_point(|s| s.span.start < earliest);
        known.stays[first..].iter().take_while(move |s| s.span.start <= to).filter(move |s| s.span.end >= from)
    }
}
