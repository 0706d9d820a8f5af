//! Sessions against the city's own record of its line.

use std::collections::BTreeMap;

use kukaku_schema::{DurationUs, FindingKind, Span, UtcMicros};

use super::findings::{hull, session_finding};
use super::{Court, Horizon};
use crate::effect::{Finding, FindingKey, PROOFS_MAX, SessionView, Subject};
use crate::memory::UnlockNote;
use crate::names::Word;
use crate::spans;

impl Court<'_> {
    /// Whether an unlock may be what let a session in; time apart.
    fn fits(&self, note: &UnlockNote, session: &SessionView) -> bool {
        let for_him = note.account.is_none_or(|account| {
            let operator = self.model.account(account, session.key.source, note.span.start).map(|a| a.value.operator);
            session.accounts().any(|of| of == account) || (operator.is_some() && operator == session.operator)
        });
        let for_target = note.target.is_none_or(|target| {
            let mut named = session.records().filter_map(|record| record.target).peekable();
            named.peek().is_none() || named.any(|of| of == target)
        });
        for_him && for_target
    }

    /// The clocks of two houses, and the minutes that pass until somebody signs in.
    fn widened(&self, note: &UnlockNote) -> Span {
        let grace = self.model.policy(note.span.start).order_grace;
        Span::new(note.span.start.minus(grace), note.span.end.plus(grace))
    }

    /// A session that the city's record, complete for its time, does not know.
    pub(super) fn find_unlisted(&self, session: &SessionView, horizon: &mut Horizon, out: &mut Vec<Finding>) {
        let Some(client) = session.client.filter(|_| self.live && session.key.start < horizon.judged) else { return };
        let Some(line) = self.memory.lines.get(&client) else { return };
        let whole = Span::new(session.key.start, session.end_at().min(horizon.judged));
        // An empty session counts as its instant.
        let judged = if whole.is_empty() { Span::new(whole.start, whole.start.plus(DurationUs(1))) } else { whole };
        let mut proofs: Vec<u64> = session.proofs.clone();
        let mut listed = Vec::new();
        for (span, entry) in &line.listed {
            horizon.boundary(span.start);
            horizon.boundary(span.end);
            if !span.intersect(judged).is_empty() {
                listed.push(*span);
                proofs.push(*entry);
            }
        }
        let reach = self.model.longest_order_grace;
        let first = session.key.start.minus(line.longest).minus(reach);
        let mut known = Vec::new();
        for note in line.unlocks.range(first..=session.end_at().plus(reach)).flat_map(|(_, notes)| notes) {
            let span = self.widened(note);
            horizon.boundary(span.start);
            horizon.boundary(span.end);
            // What anybody could have sent clears nobody.
            if self.fits(note, session) && !self.model.spoofable(note.source) {
                known.push(span);
            }
        }
        let open = spans::minus(&spans::both(&[judged], &spans::joined(listed)), &spans::joined(known));
        if let Some(span) = hull(&open) {
            let grows = session.end_at() >= horizon.judged && span.end >= whole.end;
            let end = if grows { UtcMicros::MAX } else { span.end.min(whole.end.max(span.start)) };
            let more = vec![Subject::Client(client)];
            let mut found = session_finding(session, FindingKind::UnlistedSession, Span::new(span.start, end), more);
            proofs.sort_unstable();
            proofs.dedup();
            proofs.truncate(PROOFS_MAX);
            found.proofs = proofs;
            out.push(found);
        }
    }

    /// The unlocks of a client's line from an instant on that no session explains, and when to
    /// look again. `near` are the sessions of the client about that time.
    pub fn unseen(
        &self,
        client: Word,
        from: UtcMicros,
        near: impl Fn(Span) -> Vec<SessionView>,
    ) -> (Vec<Finding>, Option<UtcMicros>) {
        let notes = self.memory.lines.get(&client).and_then(|line| line.unlocks.get(&from)).map_or(&[][..], |n| n);
        let policy = self.model.policy(from);
        let mut wake: Option<UtcMicros> = None;
        let mut unseen: BTreeMap<Option<Word>, Finding> = BTreeMap::new();
        for note in notes {
            let span = self.widened(note);
            let due = span.end.plus(policy.grace_before).plus(policy.settle);
            if self.now <= due {
                let at = due.plus(DurationUs(1));
                wake = Some(wake.map_or(at, |wake| wake.min(at)));
                continue;
            }
            let meets = |s: &SessionView| s.key.start < span.end && s.end_at().max(s.key.start) >= span.start;
            if near(span).iter().any(|session| meets(session) && self.fits(note, session)) {
                continue;
            }
            let about: Vec<Subject> =
                [Subject::Client(client)].into_iter().chain(note.account.map(Subject::Account)).collect();
            let found = unseen.entry(note.account).or_insert_with(|| Finding {
                key: FindingKey { kind: FindingKind::UnseenSession, about: about.clone(), at: from },
                severity: FindingKind::UnseenSession.severity(),
                span: note.span,
                subjects: about,
                client: Some(client),
                proofs: Vec::new(),
            });
            found.span.end = found.span.end.max(note.span.end);
            found.proofs.push(note.entry);
            found.proofs.sort_unstable();
            found.proofs.truncate(PROOFS_MAX);
        }
        (unseen.into_values().collect(), wake)
    }
}
