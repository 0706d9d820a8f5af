//! Whether a session was allowed: by a work order, and by what is agreed with its client.

use kukaku_schema::{DurationUs, FindingKind, OrderState, Span, UtcMicros};

use super::findings::{hull, session_finding};
use super::{Court, Horizon};
use crate::effect::{Finding, FindingKey, PROOFS_MAX, SessionEnd, SessionView, Subject};
use crate::memory::OrderNote;
use crate::model::ClientModel;
use crate::names::Word;
use crate::spans;

/// How far ahead an open session looks for the end of the agreed hours.
const HOURS_AHEAD: DurationUs = DurationUs::from_secs(26 * 3600);

/// What the orders of a client say of a session.
#[derive(Default)]
struct Permits {
    /// Spans that an approved order allows.
    allowed: Vec<Span>,
    /// Spans that an emergency order allows as long as it may still be approved.
    pending: Vec<Span>,
    /// Orders with a word on it.
    orders: Vec<Word>,
    proofs: Vec<u64>,
    /// An approved order of this client covers part of its time, whoever it names.
    near: bool,
    /// Orders that allow it and were written down long after they were to hold.
    late: Vec<Word>,
}

/// A stretch of time in which an order allows work.
pub(super) struct Stretch {
    pub span: Span,
    pending: bool,
    pub note: usize,
}

impl Court<'_> {
    /// Adds what is wrong with a session's permission.
    pub(super) fn find_permission(&self, session: &SessionView, horizon: &mut Horizon, out: &mut Vec<Finding>) {
        let Some(client) = session.client else { return };
        let Some(agreed) = self.model.client(client, session.key.start) else { return };
        let whole = Span::new(session.key.start, session.end_at().min(horizon.judged));
        if session.key.start >= horizon.judged {
            return;
        }
        if self.live && agreed.work_orders {
            self.find_order(session, client, agreed, whole, horizon, out);
        }
        self.find_agreed(session, client, agreed, whole, horizon, out);
    }

    fn find_order(
        &self,
        session: &SessionView,
        client: Word,
        agreed: &ClientModel,
        whole: Span,
        horizon: &mut Horizon,
        out: &mut Vec<Finding>,
    ) {
        let permits = self.permits(session, client, agreed, whole, horizon);
        // An empty session counts as its instant.
        let judged = if whole.is_empty() { Span::new(whole.start, whole.start.plus(DurationUs(1))) } else { whole };
        let allowed = spans::joined(permits.allowed.clone());
        let open = spans::minus(&[judged], &allowed);
        let without = spans::minus(&open, &spans::joined(permits.pending.clone()));
        let waiting = spans::minus(&open, &without);
        let partly = allowed.iter().any(|span| !span.intersect(judged).is_empty());
        let beside = if partly || permits.near { FindingKind::OutsideOrder } else { FindingKind::NoOrder };
        for (kind, parts) in [(beside, without), (FindingKind::OrderPending, waiting)] {
            let Some(span) = hull(&parts) else { continue };
            let more = permits.orders.iter().copied().map(Subject::Order).collect();
            let mut found = session_finding(session, kind, self.grown(span, session, whole, horizon), more);
            found.proofs.extend(&permits.proofs);
            found.proofs.sort_unstable();
            found.proofs.dedup();
            found.proofs.truncate(PROOFS_MAX);
            out.push(found);
        }
        if !permits.late.is_empty() {
            let entries = permits.late.into_iter().map(Subject::Order).collect();
            let span = Span::new(session.key.start, session.end_at());
            out.push(session_finding(session, FindingKind::Backdated, span, entries));
        }
    }

    /// A span that reaches what is judged goes on with an open session.
    fn grown(&self, span: Span, session: &SessionView, whole: Span, horizon: &Horizon) -> Span {
        let grows = session.end_at() >= horizon.judged && span.end >= whole.end;
        Span::new(span.start, if grows { UtcMicros::MAX } else { span.end.min(whole.end.max(span.start)) })
    }

    fn permits(
        &self,
        session: &SessionView,
        client: Word,
        agreed: &ClientModel,
        whole: Span,
        horizon: &mut Horizon,
    ) -> Permits {
        let grace = self.model.policy(session.key.start).order_grace;
        let mut permits = Permits::default();
        for order in self.memory.orders_of.get(&client).into_iter().flatten() {
            let notes = self.memory.orders.get(order).map_or(&[][..], |notes| notes);
            let mut speaks = false;
            for stretch in self.stretches(notes, client, agreed, grace, horizon) {
                horizon.boundary(stretch.span.start);
                horizon.boundary(stretch.span.end);
                let shared = stretch.span.intersect(whole);
                let touches = !shared.is_empty() || (whole.is_empty() && stretch.span.contains(whole.start));
                if !touches {
                    continue;
                }
                speaks = true;
                permits.near |= !stretch.pending;
                let note = &notes[stretch.note];
                let for_target = session.records().all(|r| r.target.is_none_or(|t| note.says.targets.contains(&t)));
                let for_him = session.operator.is_some_and(|o| note.says.operators.contains(&o));
                if !for_him || !(for_target || note.says.targets.is_empty()) {
                    continue;
                }
                permits.proofs.push(note.entry);
                if stretch.pending {
                    permits.pending.push(stretch.span);
                } else {
                    permits.allowed.push(stretch.span);
                    let late =
                        note.recorded_at > session.key.start.plus(grace) && note.recorded_at > note.occ.plus(grace);
                    if late && note.occ < session.end_at() {
                        permits.late.push(*order);
                    }
                }
            }
            if speaks {
                permits.orders.push(*order);
            }
        }
        permits.late.dedup();
        permits
    }

    /// When an order allowed work: each of its states from its own instant on, none of them
    /// before; an emergency order from when it was handed in, if it was allowed in time.
    pub(super) fn stretches(
        &self,
        notes: &[OrderNote],
        client: Word,
        agreed: &ClientModel,
        grace: DurationUs,
        horizon: &mut Horizon,
    ) -> Vec<Stretch> {
        let mut out = Vec::new();
        let mut asked: Option<UtcMicros> = None;
        for (index, note) in notes.iter().enumerate() {
            if note.occ > self.now {
                horizon.at(note.occ);
                break;
            }
            let until =
                notes.get(index + 1).filter(|next| next.occ <= self.now).map_or(UtcMicros::MAX, |next| next.occ);
            let says = &note.says;
            if says.client != client {
                continue;
            }
            let period = Span::new(says.from.minus(grace), says.to.plus(grace));
            if says.state == OrderState::Submitted && says.emergency {
                let since = *asked.get_or_insert(note.occ);
                let deadline = since.plus(agreed.emergency_approval);
                // What came of it counts from then on.
                if self.now < deadline && until == UtcMicros::MAX {
                    horizon.at(deadline);
                    let span = period.intersect(Span::new(since.minus(grace), until));
                    out.push(Stretch { span, pending: true, note: index });
                }
            } else if says.state.permits() {
                let in_time = |since: &UtcMicros| says.emergency && note.occ <= since.plus(agreed.emergency_approval);
                let from = asked.filter(in_time).map_or(note.occ, |since| since.minus(grace));
                let span = period.intersect(Span::new(from, until));
                if !span.is_empty() {
                    out.push(Stretch { span, pending: false, note: index });
                }
            } else {
                asked = None;
            }
        }
        out
    }

    /// Whether an order's report is missing, and when to look again.
    pub fn report_due(&self, order: Word) -> (Option<Finding>, Option<UtcMicros>) {
        let notes = self.memory.orders.get(&order).map_or(&[][..], |notes| notes);
        let next = notes.iter().map(|note| note.occ).find(|at| *at > self.now);
        let Some(note) = notes.iter().rev().find(|note| note.occ <= self.now) else { return (None, next) };
        let says = &note.says;
        let waits = matches!(says.state, OrderState::Approved | OrderState::InProgress);
        let Some(agreed) = self.model.client(says.client, says.to).filter(|agreed| waits && agreed.work_orders) else {
            return (None, next);
        };
        let due = self.model.after_working_days(says.to, agreed.report_days);
        if self.now < due {
            return (None, Some(next.map_or(due, |next| next.min(due))));
        }
        let about = vec![Subject::Order(order)];
        let mut subjects = about.clone();
        subjects.push(Subject::Client(says.client));
        let finding = Finding {
            key: FindingKey { kind: FindingKind::ReportMissing, about, at: says.to },
            severity: FindingKind::ReportMissing.severity(),
            span: Span::new(due, UtcMicros::MAX),
            subjects,
            client: Some(says.client),
            proofs: vec![note.entry],
        };
        (Some(finding), next)
    }

    /// Hours, length, factors, zones and freezes agreed with the client.
    fn find_agreed(
        &self,
        session: &SessionView,
        client: Word,
        agreed: &ClientModel,
        whole: Span,
        horizon: &mut Horizon,
        out: &mut Vec<Finding>,
    ) {
        let seen = Span::new(session.key.start, session.end_at());
        let about = || vec![Subject::Client(client)];
        for (span, _) in self.model.frozen(client).filter(|(span, _)| span.start < session.end_at()) {
            horizon.boundary(span.start);
            let shared = span.intersect(seen);
            let at_start = seen.is_empty() && span.contains(seen.start);
            if (!shared.is_empty() || at_start) && shared.start < horizon.judged {
                out.push(session_finding(
                    session,
                    FindingKind::ClientFrozen,
                    if at_start { seen } else { shared },
                    about(),
                ));
                break;
            }
        }
        if let Some(zone) = session.zone
            && !agreed.zones.is_empty()
            && !self.model.chain(Some(zone)).iter().any(|zone| agreed.zones.contains(zone))
        {
            out.push(session_finding(session, FindingKind::ZoneNotPermitted, seen, about()));
        }
        if session.factors > 0 && session.factors < agreed.factors {
            out.push(session_finding(session, FindingKind::SingleFactor, seen, about()));
        }
        if let Some(hours) = agreed.hours {
            let ahead = session.end_at().min(horizon.judged.plus(HOURS_AHEAD));
            let inside = self.model.within_hours(Span::new(seen.start, ahead), Some(hours));
            for span in &inside {
                horizon.boundary(span.start);
                horizon.boundary(span.end);
            }
            if session.end == SessionEnd::Open {
                horizon.boundary(ahead);
            }
            let outside = spans::minus(&[whole], &inside);
            if let Some(span) = hull(&outside) {
                let span = self.grown(span, session, whole, horizon);
                out.push(session_finding(session, FindingKind::OutsideHours, span, about()));
            }
        }
        let due = seen.start.plus(agreed.max_length);
        horizon.boundary(due);
        if whole.end > due {
            out.push(session_finding(session, FindingKind::Overlong, Span::new(due, seen.end), about()));
        }
        self.find_idle(session, agreed.max_idle, out);
    }
}
