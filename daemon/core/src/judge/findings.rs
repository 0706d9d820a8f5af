//! What is wrong with a session.

use std::collections::BTreeSet;

use kukaku_schema::registers::Policy;
use kukaku_schema::{DurationUs, FindingKind, Severity, Span, UtcMicros, Verdict};

use super::{Court, Horizon, Judged};
use crate::effect::{Finding, FindingKey, PROOFS_MAX, SessionEnd, SessionView, Subject};
use crate::names::Word;
use crate::spans;

/// What is common to the findings of one session.
pub(super) fn session_finding(session: &SessionView, kind: FindingKind, span: Span, more: Vec<Subject>) -> Finding {
    let about = vec![Subject::Session(session.key.source, session.key.id)];
    let mut subjects = about.clone();
    subjects.extend(session.operator.map(Subject::Person));
    subjects.extend(session.accounts().map(Subject::Account));
    subjects.extend(session.terminal.map(Subject::Terminal));
    subjects.extend(session.zone.map(Subject::Zone));
    let others = session.parts.iter().skip(1).map(|part| Subject::Session(part.key.source, part.key.id));
    for subject in others.chain(more) {
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    Finding {
        key: FindingKey { kind, about, at: session.key.start },
        severity: kind.severity(),
        span,
        subjects,
        client: session.client,
        proofs: session.proofs.clone(),
    }
}

pub(super) fn hull(parts: &[Span]) -> Option<Span> {
    Some(Span::new(parts.first()?.start, parts.iter().map(|s| s.end).max()?))
}

impl Court<'_> {
    /// Adds every finding that holds for the session.
    pub(super) fn find(&self, session: &SessionView, judged: &mut Judged, policy: &Policy, horizon: &mut Horizon) {
        let start = session.key.start;
        let end = session.end_at();
        let seen = Span::new(start, end);
        let mut out = Vec::new();
        self.find_registration(session, seen, horizon, &mut out);
        if let SessionEnd::Presumed(at) = session.end {
            let span = Span::new(session.last_sign, at);
            out.push(session_finding(session, FindingKind::SessionUnclosed, span, Vec::new()));
        }
        let mut uncovered = judged.absent.clone();
        uncovered.extend(judged.unknown.iter().copied());
        let uncovered = spans::joined(uncovered);
        let kind = match judged.verdict {
            Verdict::Absent => Some(FindingKind::Absent),
            Verdict::Partial => Some(FindingKind::Partial),
            Verdict::Undetermined => Some(FindingKind::Undetermined),
            _ => None,
        };
        if let Some(kind) = kind {
            let span = hull(&uncovered).unwrap_or(Span::new(start, start));
            let mut found = session_finding(session, kind, span, Vec::new());
            if kind == FindingKind::Partial && judged.grade.is_none() {
                found.severity = Severity::Critical;
            }
            out.push(found);
        }
        if judged.lonely && start < horizon.judged {
            let parts: Vec<Span> = uncovered.iter().map(|s| s.intersect(Span::new(start, horizon.judged))).collect();
            self.find_elsewhere(session, &parts, horizon, &mut out);
            self.find_unattended(session, judged, policy, horizon, &mut out);
        }
        self.find_uncovered(session, policy, horizon, &mut out);
        self.find_backdated(session, &mut out);
        self.find_permission(session, horizon, &mut out);
        self.find_unlisted(session, horizon, &mut out);
        self.find_obligations(session, horizon, &mut out);
        judged.findings = out;
    }

    /// Account, operator, terminal and client against the registers.
    fn find_registration(&self, session: &SessionView, seen: Span, horizon: &mut Horizon, out: &mut Vec<Finding>) {
        let start = session.key.start;
        let mut add = |kind, span, more| out.push(session_finding(session, kind, span, more));
        match session.operator.zip(session.client) {
            None => add(FindingKind::UnknownAccount, seen, vec![]),
            Some((operator, client)) => {
                let registered = |at| self.model.person(operator, at).filter(|p| p.value.clients.contains(&client));
                match registered(start) {
                    None => add(FindingKind::UnregisteredOperator, seen, vec![Subject::Client(client)]),
                    Some(now_registered) => {
                        // Entries that follow each other without a break are one registration.
                        let mut ends = now_registered.span.end;
                        while let Some(next) = registered(ends) {
                            ends = next.span.end;
                        }
                        if ends < seen.end {
                            if ends < self.now {
                                add(
                                    FindingKind::UnregisteredOperator,
                                    Span::new(ends, seen.end),
                                    vec![Subject::Client(client)],
                                );
                            } else {
                                horizon.at(ends.plus(DurationUs(1)));
                            }
                        }
                    }
                }
            }
        }
        if session.zone.is_none() {
            add(FindingKind::UnknownTerminal, seen, vec![]);
        }
        // An address that a line of the session gave is not the terminal's own.
        let given = |address| session.records().any(|line| line.inner_address == Some(address));
        let wrong = session.records().any(|record| {
            let said = record.terminal.zip(record.address).filter(|(_, address)| !given(*address));
            said.is_some_and(|(terminal, address)| self.model.is_wrong_address(terminal, address, start))
        });
        if wrong {
            add(FindingKind::WrongTerminalAddress, seen, vec![]);
        }
        if let Some(client) = session.client {
            let of_terminal = session.terminal.and_then(|t| self.model.terminal(t, start)).and_then(|t| t.value.client);
            let of_lines =
                session.records().filter_map(|record| self.model.sources.get(record.key.source).and_then(|s| s.client));
            let mut wrong: Vec<Subject> =
                of_terminal.into_iter().chain(of_lines).filter(|c| *c != client).map(Subject::Client).collect();
            wrong.dedup();
            if !wrong.is_empty() {
                let mut more = vec![Subject::Client(client)];
                more.extend(wrong);
                add(FindingKind::WrongClient, seen, more);
            }
        }
    }

    /// The operator was in an unrelated zone, or his card was read at its door, while he was not covered.
    fn find_elsewhere(&self, session: &SessionView, parts: &[Span], horizon: &mut Horizon, out: &mut Vec<Finding>) {
        let (Some(operator), Some(zone)) = (session.operator, session.zone) else {
            return;
        };
        let whole = Span::new(session.key.start, session.end_at());
        let mut hits: Vec<Span> = Vec::new();
        let mut zones: BTreeSet<Word> = BTreeSet::new();
        let mut proofs: BTreeSet<u64> = BTreeSet::new();
        let mut goes_on = false;
        if let Some(known) = self.persons.get(operator) {
            for stay in self.stays_near(known, whole, DurationUs::ZERO).filter(|s| !self.model.related(s.zone, zone)) {
                horizon.boundary(stay.span.start);
                horizon.boundary(stay.span.end);
                for part in parts {
                    let shared = stay.span.intersect(*part);
                    let instant = part.is_empty() && stay.span.contains(part.start);
                    if !shared.is_empty() || instant {
                        hits.push(if instant { *part } else { shared });
                        goes_on |= !instant && shared.end == horizon.judged && stay.span.end >= horizon.judged;
                        zones.insert(stay.zone);
                    }
                }
            }
        }
        for credential in self.model.credentials_of.get(operator).into_iter().flatten() {
            let readings = self.memory.readings.get(*credential).map_or(&[][..], |r| r);
            let from = readings.partition_point(|r| r.occ < whole.start);
            for reading in readings[from..].iter().take_while(|r| r.occ <= whole.end && r.occ <= self.now) {
                if self.model.holder(*credential, reading.occ) != Some(operator) {
                    continue;
                }
                let reader = self.memory.heads[reading.head as usize].reader;
                let Some(door) = self.model.reader(reader, reading.occ).and_then(|r| self.model.doors.get(r.door))
                else {
                    continue;
                };
                let related = self.model.related(door.inner, zone);
                if related {
                    continue;
                }
                horizon.boundary(reading.occ);
                if parts.iter().any(|p| p.contains(reading.occ) || (p.is_empty() && p.start == reading.occ)) {
                    hits.push(Span::new(reading.occ, reading.occ.plus(DurationUs(1))));
                    zones.insert(door.inner);
                    proofs.insert(reading.entry);
                }
            }
        }
        if hits.is_empty() {
            return;
        }
        hits.sort_unstable();
        let Some(span) = hull(&hits) else { return };
        // While the session and the uncovered part both go on, so does this.
        let grows = goes_on && session.end_at() >= horizon.judged;
        let span = Span::new(span.start, if grows { UtcMicros::MAX } else { span.end });
        let mut found =
            session_finding(session, FindingKind::Elsewhere, span, zones.into_iter().map(Subject::Zone).collect());
        found.proofs.extend(proofs);
        found.proofs.truncate(PROOFS_MAX);
        out.push(found);
    }

    /// Nobody registered was in the zone, after the session was first covered.
    fn find_unattended(
        &self,
        session: &SessionView,
        judged: &Judged,
        policy: &Policy,
        horizon: &mut Horizon,
        out: &mut Vec<Finding>,
    ) {
        let Some(zone) = session.zone else { return };
        let whole = Span::new(session.key.start, session.end_at().min(horizon.judged));
        if whole.is_empty() {
            return;
        }
        let absent: Vec<Span> = judged.absent.iter().map(|s| s.intersect(whole)).filter(|s| !s.is_empty()).collect();
        // Before somebody was first there it is the operator's absence, not an empty room.
        let operator_cover = spans::minus(
            &[whole],
            &spans::joined(judged.absent.iter().chain(&judged.unknown).map(|s| s.intersect(whole)).collect()),
        );
        let Some(first) = operator_cover.first().map(|s| s.start).filter(|_| !absent.is_empty()) else {
            // Whoever else was there makes no difference as long as this is so.
            return;
        };
        let slack = policy.grace_before.max(policy.grace_after);
        let mut inside = Vec::new();
        let mut maybe = Vec::new();
        for (_, known) in self.persons.iter() {
            for stay in
                self.stays_near(known, Span::new(whole.start, session.end_at()), slack).filter(|s| s.zone == zone)
            {
                let graced =
                    Span::new(stay.span.start.minus(policy.grace_before), stay.span.end.plus(policy.grace_after));
                horizon.boundary(graced.start);
                horizon.boundary(graced.end);
                inside.push(graced);
            }
            let began = known.maybe.iter().take_while(|(span, _)| span.start < session.end_at());
            for (span, _) in began.filter(|(span, of)| *of == zone && span.end > whole.start) {
                horizon.boundary(span.start);
                horizon.boundary(span.end);
                maybe.push(*span);
            }
        }
        let inside = spans::joined(inside);
        let empty = spans::minus(&spans::minus(&absent, &inside), &spans::joined(maybe));
        let empty: Vec<Span> =
            empty.into_iter().map(|s| s.intersect(Span::new(first, whole.end))).filter(|s| !s.is_empty()).collect();
        if let Some(span) = hull(&empty) {
            let grows = session.end_at() >= horizon.judged && span.end == whole.end;
            let span = Span::new(span.start, if grows { UtcMicros::MAX } else { span.end });
            out.push(session_finding(session, FindingKind::Unattended, span, Vec::new()));
        }
    }

    /// No healthy camera on the zone for part of the session.
    fn find_uncovered(&self, session: &SessionView, policy: &Policy, horizon: &mut Horizon, out: &mut Vec<Finding>) {
        let Some(zone) = session.zone else { return };
        let whole = Span::new(session.key.start, session.end_at().min(horizon.judged));
        let cameras: Vec<_> =
            self.cameras.iter().filter(|(c, _)| self.model.cameras.get(*c).is_some_and(|c| c.zone == zone)).collect();
        if whole.is_empty() || cameras.is_empty() {
            return;
        }
        let mut good = Vec::new();
        for (_, view) in &cameras {
            for span in &view.covered {
                horizon.boundary(span.start);
                horizon.boundary(span.end);
                good.push(*span);
            }
        }
        let bad: Vec<Span> = spans::minus(&[whole], &spans::joined(good))
            .into_iter()
            .filter(|s| s.length() > policy.footage_gap)
            .collect();
        if let Some(span) = hull(&bad) {
            let grows = session.end_at() >= horizon.judged && span.end == whole.end;
            let span = Span::new(span.start, if grows { UtcMicros::MAX } else { span.end });
            let more = cameras.iter().map(|(c, _)| Subject::Camera(*c)).collect();
            out.push(session_finding(session, FindingKind::UncoveredSession, span, more));
        }
        // A gap becomes one when it has lasted.
        if session.end == SessionEnd::Open {
            let last = cameras.iter().flat_map(|(_, v)| v.covered.last()).map(|s| s.end).max();
            if let Some(last) = last.filter(|l| *l < UtcMicros::MAX) {
                horizon.boundary(last.plus(policy.footage_gap));
            }
        }
    }

    /// A register entry that the session rests on was recorded after it began, and holds from before.
    fn find_backdated(&self, session: &SessionView, out: &mut Vec<Finding>) {
        let start = session.key.start;
        let late = |at: Option<UtcMicros>| at.is_some_and(|recorded| recorded > start);
        let mut entries: Vec<Subject> = Vec::new();
        for record in session.records() {
            let account = record.account.filter(|account| {
                let entry = self.model.account(*account, record.key.source, record.key.start);
                entry.is_some_and(|v| v.backdated_at.is_some_and(|recorded| recorded > record.key.start))
            });
            entries.extend(account.map(Subject::Account));
        }
        if let Some(terminal) = session.terminal
            && self.model.terminal(terminal, start).is_some_and(|v| late(v.backdated_at))
        {
            entries.push(Subject::Terminal(terminal));
        }
        if let Some(operator) = session.operator {
            if self.model.person(operator, start).is_some_and(|v| late(v.backdated_at)) {
                entries.push(Subject::Person(operator));
            }
            for credential in self.model.credentials_of.get(operator).into_iter().flatten() {
                let list = self.model.credentials.get(*credential).map_or(&[][..], |l| l);
                let counts = |v: &crate::model::Valid<Word>| {
                    let until = v.backdated_at.unwrap_or(v.span.start);
                    v.value == operator && late(v.backdated_at) && v.span.start < session.end_at() && until > start
                };
                if list.iter().any(counts) {
                    entries.push(Subject::Credential(*credential));
                }
            }
        }
        if !entries.is_empty() {
            let span = Span::new(start, session.end_at());
            out.push(session_finding(session, FindingKind::Backdated, span, entries));
        }
    }
}
