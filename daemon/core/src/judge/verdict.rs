//! `evaluate(session, stays, now)`: the presence verdict.

use kukaku_schema::registers::Policy;
use kukaku_schema::{Grade, Span, UtcMicros, Verdict};

use super::{Court, Horizon, Judged};
use crate::effect::{SessionView, Stay};
use crate::names::Word;
use crate::spans;

impl Court<'_> {
    /// Steps 1 to 5 of the evaluation, without findings.
    pub(super) fn presence(&self, session: &SessionView, policy: &Policy, horizon: &mut Horizon) -> Judged {
        let mut judged = Judged {
            verdict: Verdict::Pending,
            grade: None,
            absent: Vec::new(),
            unknown: Vec::new(),
            findings: Vec::new(),
            until: horizon.judged,
            wake: None,
            lonely: false,
        };
        let start = session.key.start;
        let Some((operator, client)) = session.operator.zip(session.client) else {
            judged.verdict = Verdict::UnknownAccount;
            return judged;
        };
        let registered = self.model.person(operator, start).is_some_and(|p| p.value.clients.contains(&client));
        if !registered {
            judged.verdict = Verdict::UnregisteredOperator;
            return judged;
        }
        let Some(zone) = session.zone else {
            judged.verdict = Verdict::UnknownTerminal;
            return judged;
        };
        if start >= horizon.judged {
            return judged;
        }
        let end = session.end_at().min(horizon.judged);
        let grows = session.end_at() >= horizon.judged;
        // An empty session counts as the instant of its start.
        let whole = Span::new(start, end.max(start.plus(kukaku_schema::DurationUs(1))));
        let instant = end <= start;
        let slack = policy.grace_before.max(policy.grace_after);
        let stays = self.stays_of(operator, zone, Span::new(start, session.end_at().max(whole.end)), slack);
        let graced = |s: &Stay| Span::new(s.span.start.minus(policy.grace_before), s.span.end.plus(policy.grace_after));
        for stay in &stays {
            // The grade changes where a stay begins or ends, the cover where its grace does.
            for at in [graced(stay).start, stay.span.start, stay.span.end, graced(stay).end] {
                horizon.boundary(at);
            }
        }
        let cover = spans::joined(stays.iter().map(graced).collect());
        let uncovered = spans::minus(&[whole], &cover);
        if uncovered.is_empty() {
            judged.verdict = Verdict::Present;
        } else {
            let unknown_place = self.unknown_in(operator, zone, whole, horizon);
            judged.unknown = spans::both(&uncovered, &unknown_place);
            judged.absent = spans::minus(&uncovered, &unknown_place);
            let nothing_covered = uncovered == [whole];
            judged.verdict = match (nothing_covered, judged.absent.is_empty(), judged.unknown.is_empty()) {
                (true, false, true) => Verdict::Absent,
                (_, true, false) if nothing_covered || !judged.unknown.is_empty() => Verdict::Undetermined,
                _ => Verdict::Partial,
            };
            judged.lonely = true;
        }
        if !nothing_covered(&uncovered, whole) && judged.verdict != Verdict::Undetermined {
            judged.grade = Some(self.grade(session, &stays, whole, &cover));
        }
        if instant {
            // The microsecond that stood for the instant is not a length.
            for span in judged.absent.iter_mut().chain(&mut judged.unknown) {
                span.end = span.start;
            }
        } else if grows {
            for span in judged.absent.iter_mut().chain(&mut judged.unknown).filter(|s| s.end == end) {
                span.end = UtcMicros::MAX;
            }
        }
        judged
    }

    /// Where in `whole` the person may have been in the zone without being seen.
    fn unknown_in(&self, person: Word, zone: Word, whole: Span, horizon: &mut Horizon) -> Vec<Span> {
        if self.model.zones.get(zone).is_some_and(|z| z.entry_unread) {
            return vec![whole];
        }
        let Some(known) = self.persons.get(person) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for (span, of) in known.maybe.iter().take_while(|(span, _)| span.start < UtcMicros::MAX) {
            if *of == zone && span.end > whole.start {
                horizon.boundary(span.start);
                horizon.boundary(span.end);
                out.push(span.intersect(whole));
            }
        }
        spans::joined(out)
    }

    /// The weakest grade of what supports the covered part.
    fn grade(&self, session: &SessionView, stays: &[Stay], whole: Span, cover: &[Span]) -> Grade {
        let proper: Vec<&Stay> = stays.iter().filter(|s| !s.span.intersect(whole).is_empty()).collect();
        let inside = spans::joined(proper.iter().map(|s| s.span).collect());
        let by_grace_only = spans::minus(&spans::both(&[whole], cover), &inside);
        let mut grade = proper.iter().map(|s| s.grade).max().unwrap_or(Grade::Weak);
        if !by_grace_only.is_empty() {
            let policy = session
                .zone
                .map_or_else(|| self.model.policy(whole.start), |z| self.model.zone_policy(z, session.key.start));
            for stay in stays.iter().filter(|s| s.span.intersect(whole).is_empty()) {
                let graced =
                    Span::new(stay.span.start.minus(policy.grace_before), stay.span.end.plus(policy.grace_after));
                if by_grace_only.iter().any(|part| !part.intersect(graced).is_empty()) {
                    grade = grade.max(stay.grade);
                }
            }
        }
        let skewed = session.records().any(|record| {
            let source = self.sources.get(record.key.source);
            source.is_some_and(|s| s.skewed.iter().any(|skew| !skew.intersect(whole).is_empty()))
        });
        if skewed { grade.max(Grade::Unconfirmed) } else { grade }
    }
}

fn nothing_covered(uncovered: &[Span], whole: Span) -> bool {
    uncovered == [whole]
}
