//! Whether somebody may be where he is, and whether he may be there alone.

use std::collections::BTreeMap;

use kukaku_schema::{DurationUs, FindingKind, Span, UtcMicros};

use super::{Court, Horizon};
use crate::effect::{Finding, FindingKey, PROOFS_MAX, Stay, Subject};
use crate::memory::OrderNote;
use crate::names::Word;
use crate::spans;

/// Most persons that a finding about a zone names.
const PERSONS_MAX: usize = 16;

/// The presences of one person in a zone that meet `near`: his stays there, those that follow
/// each other without a break as one. `longest` is the longest stay. The end of one that goes on
/// after `near` is some instant after it.
pub(crate) fn runs(stays: &[Stay], zone: Word, near: Span, longest: DurationUs) -> Vec<Span> {
    let from = near.start;
    let first = spans::partition_near_end(stays, |s| s.span.start < from.minus(longest));
    let until = stays[first..].iter().take_while(|s| s.span.start <= near.end);
    let here = until.filter(|s| s.zone == zone && s.span.end >= from);
    let mut out = spans::joined(here.map(|s| s.span).collect());
    let Some(earliest) = out.first_mut() else { return out };
    // What ended where it begins belongs to it.
    let before = &stays[..stays.partition_point(|s| s.span.start < earliest.start)];
    for stay in before.iter().rev() {
        if stay.span.start < earliest.start.minus(longest) || (stay.zone == zone && stay.span.end < earliest.start) {
            break;
        }
        if stay.zone == zone {
            earliest.start = stay.span.start;
        }
    }
    out
}

/// What allows somebody to be in a zone.
#[derive(Default)]
struct Allowance {
    spans: Vec<Span>,
    /// By standing permissions that were written down after he came.
    late: Vec<Span>,
    orders: Vec<Word>,
    proofs: Vec<u64>,
}

impl Court<'_> {
    /// What of a person's presence in a zone nothing allows, and when to look again.
    pub fn unauthorised(&self, person: Word, zone: Word, run: Span) -> (Vec<Finding>, Option<UtcMicros>) {
        let demands = self.model.demands(zone).iter().filter(|demand| demand.permission);
        let demanded = spans::joined(demands.map(|demand| demand.span).collect());
        if !self.live || spans::both(&demanded, &[run]).is_empty() {
            return (Vec::new(), None);
        }
        let mut horizon = self.horizon_of(zone);
        for span in demanded.iter().chain([&run]) {
            horizon.boundary(span.start);
            horizon.boundary(span.end);
        }
        let allowed = self.allowance(person, zone, run, &mut horizon);
        let whole = Span::new(run.start, run.end.min(horizon.judged.max(run.start)));
        let asked = spans::both(&demanded, &[whole]);
        let in_time = spans::minus(&asked, &spans::joined(allowed.spans));
        let open = spans::minus(&in_time, &spans::joined(allowed.late));
        let mut proofs = allowed.proofs;
        proofs.extend(self.readings_at(person, run.start));
        proofs.extend(self.readings_at(person, run.end));
        let proofs = few(proofs);
        let subjects: Vec<Subject> = [Subject::Person(person), Subject::Zone(zone)].into();
        let found = |kind: FindingKind, span: Span, at: UtcMicros| Finding {
            key: FindingKey { kind, about: subjects.clone(), at },
            severity: kind.severity(),
            span,
            subjects: subjects.iter().copied().chain(allowed.orders.iter().copied().map(Subject::Order)).collect(),
            client: None,
            proofs: proofs.clone(),
        };
        let mut out: Vec<Finding> = open
            .iter()
            .map(|span| found(FindingKind::UnauthorisedPresence, grown(*span, whole, run, &horizon), span.start))
            .collect();
        if in_time != open {
            out.push(found(FindingKind::Backdated, run, run.start));
        }
        (out, horizon.wake)
    }

    fn horizon_of(&self, zone: Word) -> Horizon {
        let lag = self.model.zone_lag(zone);
        Horizon { judged: self.now.minus(lag), lag, now: self.now, wake: None }
    }

    fn allowance(&self, person: Word, zone: Word, run: Span, horizon: &mut Horizon) -> Allowance {
        let grace = self.model.policy(run.start).order_grace;
        // Where an open presence ends, nobody knows.
        let judged = Span::new(run.start, run.end.min(horizon.judged.max(run.start)));
        let mut out = Allowance::default();
        for permit in self.model.permits(person, zone) {
            let late = permit.backdated_at.is_some_and(|recorded| recorded > run.start.plus(grace));
            let near = Span::new(run.start.minus(grace), run.end.plus(grace));
            horizon.boundary(permit.span.start.minus(grace));
            for span in self.model.permitted(permit, near, horizon.judged) {
                let span = Span::new(span.start.minus(grace), span.end.plus(grace));
                horizon.boundary(span.start);
                horizon.boundary(span.end);
                if late { &mut out.late } else { &mut out.spans }.push(span);
            }
        }
        for order in self.memory.orders_naming.get(&person).into_iter().flatten() {
            let notes = self.memory.orders.get(order).map_or(&[][..], |notes| notes);
            let is_near =
                |note: &OrderNote| note.says.from.minus(grace) < run.end && note.says.to.plus(grace) > run.start;
            if !notes.iter().any(is_near) {
                continue;
            }
            let mut clients: Vec<Word> = notes.iter().map(|note| note.says.client).collect();
            clients.sort_unstable();
            clients.dedup();
            for client in clients {
                let Some(agreed) = self.model.client(client, run.start) else { continue };
                let here = agreed.zones.is_empty() || agreed.zones.iter().any(|of| self.model.related(*of, zone));
                if !here {
                    continue;
                }
                for stretch in self.stretches(notes, client, agreed, grace, horizon) {
                    horizon.boundary(stretch.span.start);
                    horizon.boundary(stretch.span.end);
                    let note = &notes[stretch.note];
                    if !note.says.operators.contains(&person) || stretch.span.intersect(judged).is_empty() {
                        continue;
                    }
                    out.spans.push(stretch.span);
                    out.proofs.push(note.entry);
                    out.orders.push(*order);
                }
            }
        }
        out.orders.dedup();
        out
    }

    /// The granted readings of a person at an instant: what a stay begins or ends with.
    fn readings_at(&self, person: Word, at: UtcMicros) -> Vec<u64> {
        let mut out = Vec::new();
        for credential in self.model.credentials_of.get(person).into_iter().flatten() {
            let list = self.memory.readings.get(*credential).map_or(&[][..], |list| list);
            let from = spans::partition_near_end(list, |r| r.occ < at);
            let there = list[from..].iter().take_while(|r| r.occ == at);
            out.extend(there.filter(|r| self.memory.heads[r.head as usize].granted).map(|r| r.entry));
        }
        out
    }

    /// The stretches in which too few people are in a zone, of those that reach `from` or lie
    /// after it, and when to look again.
    pub fn too_few(&self, zone: Word, from: UtcMicros) -> (Vec<Finding>, Option<UtcMicros>) {
        let unread = self.model.zones.get(zone).is_none_or(|z| z.entry_unread);
        // Who came in unread may be anybody.
        if !self.live || unread {
            return (Vec::new(), None);
        }
        let mut back = self.model.longest_stay.max(DurationUs(1));
        // What ends there may not have been judged to its end; nor what is not judged yet.
        let from = from.min(self.horizon_of(zone).judged);
        let mut since = from.minus(DurationUs(1));
        loop {
            let mut horizon = self.horizon_of(zone);
            let mut out = self.too_few_since(zone, since, &mut horizon);
            out.retain(|finding| finding.span.end >= from);
            // Cut off at where it was looked from, it began before.
            if since == UtcMicros::MIN || out.first().is_none_or(|finding| finding.span.start > since) {
                return (out, horizon.wake);
            }
            since = since.minus(back);
            back = DurationUs(back.0.saturating_mul(2));
        }
    }

    fn too_few_since(&self, zone: Word, since: UtcMicros, horizon: &mut Horizon) -> Vec<Finding> {
        let reach = self.model.longest_grace;
        let earliest = since.minus(self.model.longest_stay).minus(reach);
        let mut inside: Vec<(Span, Word)> = Vec::new();
        // When each person may count: with grace, and where he is not known to be outside.
        let mut company: BTreeMap<Word, Vec<Span>> = BTreeMap::new();
        for (person, known) in self.persons.iter() {
            let first = spans::partition_near_end(&known.stays, |s| s.span.start < earliest);
            for stay in known.stays[first..].iter().filter(|s| s.zone == zone) {
                let policy = self.model.zone_policy(zone, stay.span.start);
                let graced =
                    Span::new(stay.span.start.minus(policy.grace_before), stay.span.end.plus(policy.grace_after));
                if graced.end >= since {
                    inside.push((stay.span, person));
                    company.entry(person).or_default().push(graced);
                }
            }
            for (span, _) in known.maybe.iter().filter(|(span, of)| *of == zone && span.end >= since) {
                company.entry(person).or_default().push(*span);
            }
        }
        inside.sort_unstable();
        let anybody = spans::joined(inside.iter().map(|(span, _)| *span).collect());
        let company: Vec<Vec<Span>> = company.into_values().map(spans::joined).collect();
        for span in company.iter().flatten().chain(&anybody) {
            horizon.boundary(span.start);
            horizon.boundary(span.end);
        }
        let judged = Span::new(since, horizon.judged.max(since));
        let mut out = Vec::new();
        for demand in self.model.demands(zone) {
            let Some(number) = demand.min_persons else { continue };
            horizon.boundary(demand.span.start);
            horizon.boundary(demand.span.end);
            let whole = demand.span.intersect(judged);
            let asked = spans::both(&anybody, &[whole]);
            for span in spans::minus(&asked, &spans::at_least(&company, usize::from(number))) {
                // What reaches what is judged goes on, as far as is known.
                let goes_on = span.end == judged.end;
                let end = if goes_on { UtcMicros::MAX } else { span.end };
                out.push(self.alone(zone, Span::new(span.start, end), &inside));
            }
        }
        out.sort_unstable_by_key(|finding| finding.span.start);
        out
    }

    /// The finding that too few were in a zone; `inside` are the stays there, by their start.
    fn alone(&self, zone: Word, span: Span, inside: &[(Span, Word)]) -> Finding {
        let about = vec![Subject::Zone(zone)];
        let mut subjects = about.clone();
        let mut proofs = Vec::new();
        let first = inside.partition_point(|(stay, _)| stay.start < span.start.minus(self.model.longest_stay));
        let near = inside[first..].iter().take_while(|(stay, _)| stay.start < span.end);
        for (_, person) in near.filter(|(stay, _)| !stay.intersect(span).is_empty()) {
            if subjects.contains(&Subject::Person(*person)) || subjects.len() > PERSONS_MAX {
                continue;
            }
            subjects.push(Subject::Person(*person));
            let stays = self.persons.get(*person).map_or(&[][..], |known| &known.stays);
            let there = runs(stays, zone, span, self.model.longest_stay);
            for run in there.iter().filter(|run| !run.intersect(span).is_empty()) {
                proofs.extend(self.readings_at(*person, run.start));
                // What is after the span has no part in it.
                if run.end <= span.end {
                    proofs.extend(self.readings_at(*person, run.end));
                }
            }
        }
        Finding {
            key: FindingKey { kind: FindingKind::TwoPersonRule, about, at: span.start },
            severity: FindingKind::TwoPersonRule.severity(),
            span,
            subjects,
            client: None,
            proofs: few(proofs),
        }
    }
}

/// A span that reaches what is judged goes on with a presence that does.
fn grown(span: Span, whole: Span, run: Span, horizon: &Horizon) -> Span {
    let grows = run.end >= horizon.judged && span.end >= whole.end;
    Span::new(span.start, if grows { UtcMicros::MAX } else { span.end })
}

/// Each entry once, the oldest ones.
fn few(mut proofs: Vec<u64>) -> Vec<u64> {
    proofs.sort_unstable();
    proofs.dedup();
    proofs.truncate(PROOFS_MAX);
    proofs
}
