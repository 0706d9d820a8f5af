//! Looks again at everything that is marked, in the order in which one thing depends on another.

use std::collections::{BTreeMap, BTreeSet};

use kukaku_schema::observation::SystemConcern;
use kukaku_schema::{DurationUs, Span, UtcMicros};

use super::{Engine, Index, Kept, Owner, SMALLEST, Task};
use crate::effect::{Cause, Effect, Finding, FindingChange, FindingKey, Revision, SessionKey, SessionView};
use crate::judge::Judged;
use crate::names::Word;
use crate::session::sessions_of;
use crate::spans;

impl Engine {
    /// Looks again at what is marked until nothing is.
    pub(super) fn settle(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        self.settle_sources(cause, effects);
        self.settle_doors(cause, effects);
        self.settle_persons(cause, effects);
        self.settle_cameras(cause, effects);
        for terminal in std::mem::take(&mut self.dirty.oplogs) {
            let findings = crate::oplog::derive(&self.world.model, &self.world.memory, terminal);
            self.own(Owner::Oplog(terminal), findings, cause, effects);
        }
        self.settle_groups(effects);
        self.settle_sessions(cause, effects);
        self.settle_pairs(cause, effects);
        self.settle_crowds(cause, effects);
        self.settle_orders(cause, effects);
        self.settle_system(cause, effects);
        self.settle_lines(cause, effects);
        self.settle_terms(cause, effects);
        self.settle_presence(cause, effects);
        self.settle_company(cause, effects);
    }

    fn settle_sources(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        for source in std::mem::take(&mut self.dirty.sources) {
            let (before, findings) = self.world.look_at_source(source);
            let view = self.world.sources.get(source).cloned().unwrap_or_default();
            self.set_wake(Task::Source(source), view.wake);
            self.own(Owner::Source(source), findings, cause, effects);
            let Some(before) = before else { continue };
            if before.heard != view.heard
                || (&before.holes, &before.silent, &before.missed) != (&view.holes, &view.silent, &view.missed)
            {
                let doors = self.world.doors_of_source(source);
                self.dirty.doors.extend(doors);
            }
            if before.conflicts != view.conflicts || before.skewed != view.skewed {
                for person in self.world.model.persons.words() {
                    self.mark_person(person, UtcMicros::MIN);
                }
                let told = |kept: &Kept| kept.view.records().any(|record| record.key.source == source);
                let mine = self.sessions.iter().filter(|(_, kept)| told(kept)).map(|(key, _)| *key);
                self.dirty.sessions.extend(mine);
            }
        }
    }

    fn settle_doors(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        let mut trouble_from: Option<UtcMicros> = None;
        let mut opened: Vec<(Word, Span)> = Vec::new();
        let former = !self.world.trouble.is_empty() && self.world.model.doors.iter().next().is_none();
        if self.dirty.doors.is_empty() && !former {
            return;
        }
        for door in std::mem::take(&mut self.dirty.doors) {
            let (before, findings) = self.world.look_at_door(door);
            let Some(view) = self.world.doors.get(door) else {
                continue;
            };
            let (wake, outages) = (view.wake, view.outages.clone());
            if let Some(before) = &before {
                // An outage that only goes on changes nothing of before.
                let from = spans::first_difference(&before.unseen, &view.unseen);
                trouble_from = trouble_from.into_iter().chain(from).min();
                opened.extend(spans::differing(&before.open, &view.open).map(|span| (door, span)));
                if before.unsensed != view.unsensed {
                    trouble_from = Some(UtcMicros::MIN);
                }
                if before.outages != outages {
                    effects.push(Effect::Outages { door, outages });
                }
            }
            self.set_wake(Task::Door(door), wake);
            self.own(Owner::Door(door), findings, cause, effects);
        }
        for (door, span) in opened {
            self.mark_persons_at(door, span);
        }
        self.world.gather_trouble();
        if let Some(from) = trouble_from {
            for person in self.world.model.persons.words() {
                self.mark_person(person, from);
            }
        }
    }

    fn settle_persons(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        for (person, from) in std::mem::take(&mut self.dirty.persons) {
            let change = self.world.look_at_person(person, from);
            let wake = self.world.aux.get(person).and_then(|aux| aux.wake);
            self.set_wake(Task::Person(person), wake);
            if let Some(from) = change.stays_from {
                let stays = &self.world.persons.get(person).map_or(&[][..], |w| &w.stays);
                let stays = stays[spans::partition_near_end(stays, |s| s.span.start < from)..].to_vec();
                effects.push(Effect::Stays { person, from, stays });
            }
            self.mark_company_of(person, from, &change);
            if let Some(from) = change.from {
                self.mark_sessions_of(person, from);
                let since = from.minus(self.world.model.longest_grace);
                for zone in &change.zones {
                    let Some(index) = self.by_zone.get(zone) else {
                        continue;
                    };
                    let keys = index.range((since, SMALLEST)..).map(|(_, key)| *key);
                    let lonely = keys.filter(|key| self.sessions.get(key).is_some_and(|kept| kept.lonely));
                    self.dirty.sessions.extend(lonely);
                }
            }
            for odd in change.gone {
                let change = FindingChange::Resolved(odd.finding().key);
                effects.push(Effect::Finding { at: self.world.now, cause, change });
            }
            for odd in change.new {
                let change = FindingChange::Opened(odd.finding());
                effects.push(Effect::Finding { at: self.world.now, cause, change });
            }
        }
    }

    fn settle_cameras(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        for camera in std::mem::take(&mut self.dirty.cameras) {
            let (before, findings) = self.world.look_at_camera(camera);
            let Some(view) = self.world.cameras.get(camera) else {
                continue;
            };
            let (wake, covered) = (view.wake, &view.covered);
            if let Some(before) = before.map(|b| b.covered).filter(|b| b != covered) {
                let from = spans::first_difference(&before, covered);
                let zone = self.world.model.cameras.get(camera).map(|c| c.zone);
                if let Some((index, from)) = zone.and_then(|z| self.by_zone.get(&z)).zip(from) {
                    self.dirty.sessions.extend(index.range((from, SMALLEST)..).map(|(_, key)| *key));
                }
            }
            self.set_wake(Task::Camera(camera), wake);
            self.own(Owner::Camera(camera), findings, cause, effects);
        }
    }

    fn settle_groups(&mut self, effects: &mut Vec<Effect>) {
        for group in std::mem::take(&mut self.dirty.groups) {
            let Some(notes) = self.world.memory.sessions.get(&group) else {
                continue;
            };
            let tells_activity = notes.tells_activity;
            let (views, wake) = sessions_of(&self.world.model, group, notes, self.world.now);
            self.set_wake(Task::Group(group), wake);
            let keys: Vec<SessionKey> = views.iter().map(|v| v.key).collect();
            let before = self.groups.insert(group, keys.clone()).unwrap_or_default();
            for gone in before.into_iter().filter(|k| !keys.contains(k)) {
                self.unrecord(gone, effects);
            }
            for view in views {
                self.record(view, effects);
            }
            // What was done in a session is no part of how it looks.
            if tells_activity {
                let told: Vec<SessionKey> = keys.iter().filter_map(|key| self.session_of(*key)).collect();
                self.dirty.sessions.extend(told);
            }
        }
        if std::mem::take(&mut self.dirty.joins) {
            self.rejoin(effects);
        }
    }

    /// Takes a session's view; what hangs on it is marked.
    pub(super) fn show(&mut self, view: SessionView, effects: &mut Vec<Effect>) {
        let key = view.key;
        let before = self.sessions.get(&key).map(|kept| kept.view.clone());
        if before.as_ref() == Some(&view) {
            return;
        }
        // A heartbeat that only moves the newest sign is no news to anybody but the time-out.
        let same_but_sign =
            before.as_ref().is_some_and(|b| SessionView { last_sign: view.last_sign, ..b.clone() } == view);
        if let Some(before) = &before {
            self.unindex(before);
        }
        self.index(&view);
        let accounts = [Some(&view), before.as_ref()].into_iter().flatten().flat_map(SessionView::accounts);
        let accounts: BTreeSet<Word> = accounts.filter(|_| !same_but_sign).collect();
        for account in accounts {
            let end = before.as_ref().map_or(view.end_at(), |b| b.end_at().max(view.end_at()));
            self.mark_pairs(key, account, Span::new(view.key.start, end));
        }
        let clients = [Some(&view), before.as_ref()].into_iter().flatten().filter_map(|v| Some((v, v.client?)));
        for (view, client) in clients.filter(|_| !same_but_sign).collect::<Vec<_>>() {
            self.mark_crowd(view, client);
        }
        if !same_but_sign {
            for view in [Some(&view), before.as_ref()].into_iter().flatten() {
                self.mark_lines_of(view);
            }
        }
        self.dirty.crowds.insert(key);
        self.dirty.sessions.insert(key);
        effects.push(Effect::Session(Box::new(view.clone())));
        match self.sessions.get_mut(&key) {
            Some(kept) => kept.view = view,
            None => {
                self.sessions.insert(key, Kept { view, revision: None, lonely: false });
            }
        }
    }

    pub(super) fn forget(&mut self, key: SessionKey, effects: &mut Vec<Effect>) {
        let Some(kept) = self.sessions.remove(&key) else {
            return;
        };
        self.unindex(&kept.view);
        self.mark_lines_of(&kept.view);
        self.set_wake(Task::Session(key), None);
        self.dirty.sessions.remove(&key);
        self.own(Owner::Session(key), Vec::new(), Cause::Time, effects);
        self.own(Owner::Crowd(key), Vec::new(), Cause::Time, effects);
        self.part_pairs(&kept.view);
        effects.push(Effect::SessionGone(key));
    }

    fn index(&mut self, view: &SessionView) {
        if view.end_at() < UtcMicros::MAX {
            self.longest_session = self.longest_session.max(view.end_at().since(view.key.start));
        }
        let item = (view.end_at(), view.key);
        for (index, word) in self.indexes(view) {
            index.entry(word).or_default().insert(item);
        }
        for account in view.accounts() {
            self.by_account.entry(account).or_default().insert(item);
        }
    }

    fn unindex(&mut self, view: &SessionView) {
        let item = (view.end_at(), view.key);
        for (index, word) in self.indexes(view) {
            if let Some(set) = index.get_mut(&word) {
                set.remove(&item);
            }
        }
        for account in view.accounts() {
            if let Some(set) = self.by_account.get_mut(&account) {
                set.remove(&item);
            }
        }
    }

    fn indexes(&mut self, view: &SessionView) -> Vec<(&mut Index, Word)> {
        let mut out = Vec::new();
        if let Some(word) = view.operator {
            out.push((&mut self.by_operator, word));
        }
        if let Some(word) = view.zone {
            out.push((&mut self.by_zone, word));
        }
        if let Some(word) = view.client {
            out.push((&mut self.by_client, word));
        }
        out
    }

    fn settle_sessions(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        for key in std::mem::take(&mut self.dirty.sessions) {
            let Some(kept) = self.sessions.get(&key) else {
                continue;
            };
            let judged = self.world.court().judge(&kept.view);
            self.set_wake(Task::Session(key), judged.wake);
            self.revise(key, &judged, cause, effects);
            self.own(Owner::Session(key), judged.findings, cause, effects);
        }
    }

    /// Appends a revision where the judgement differs from the newest one.
    fn revise(&mut self, key: SessionKey, judged: &Judged, cause: Cause, effects: &mut Vec<Effect>) {
        let at = self.world.now;
        let Some(kept) = self.sessions.get_mut(&key) else {
            return;
        };
        kept.lonely = judged.lonely;
        let same = kept.revision.as_ref().is_some_and(|r| {
            (r.verdict, r.grade, &r.absent, &r.unknown)
                == (judged.verdict, judged.grade, &judged.absent, &judged.unknown)
        });
        if same {
            return;
        }
        let revision = Revision {
            session: key,
            number: kept.revision.as_ref().map_or(1, |r| r.number + 1),
            at,
            verdict: judged.verdict,
            grade: judged.grade,
            absent: judged.absent.clone(),
            unknown: judged.unknown.clone(),
            cause,
        };
        kept.revision = Some(revision.clone());
        effects.push(Effect::Revision(revision));
    }

    fn settle_orders(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        for order in std::mem::take(&mut self.dirty.orders) {
            let (finding, wake) = self.world.court().report_due(order);
            self.set_wake(Task::Order(order), wake);
            self.own(Owner::Order(order), finding.into_iter().collect(), cause, effects);
        }
    }

    fn settle_system(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        for concern in std::mem::take(&mut self.dirty.system) {
            let notes = self.world.memory.system.get(&concern).map_or(&[][..], |notes| notes);
            let findings = system_findings(concern, notes, self.world.now);
            self.own(Owner::System(concern), findings, cause, effects);
        }
    }

    fn settle_terms(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.dirty.terms) {
            let (findings, wake) = self.world.court().terms_passed();
            self.set_wake(Task::Terms, wake);
            self.own(Owner::Terms, findings, cause, effects);
        }
    }

    /// Replaces an owner's findings and says what changed.
    pub(super) fn own(&mut self, owner: Owner, findings: Vec<Finding>, cause: Cause, effects: &mut Vec<Effect>) {
        if findings.is_empty() && !self.owned.contains_key(&owner) {
            return;
        }
        let at = self.world.now;
        let mut new = BTreeMap::new();
        for finding in findings {
            new.insert(finding.key.clone(), finding);
        }
        let old = self.owned.remove(&owner).unwrap_or_default();
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            effects.push(Effect::Finding { at, cause, change: FindingChange::Resolved(key.clone()) });
        }
        for (key, finding) in &new {
            let change = match old.get(key) {
                Some(before) if before == finding => continue,
                Some(_) => FindingChange::Changed(finding.clone()),
                None => FindingChange::Opened(finding.clone()),
            };
            effects.push(Effect::Finding { at, cause, change });
        }
        if !new.is_empty() {
            self.owned.insert(owner, new);
        }
    }
}

/// While a thing of kukaku's own is not well, that is a finding.
fn system_findings(concern: SystemConcern, notes: &[(UtcMicros, u64, bool, u64)], now: UtcMicros) -> Vec<Finding> {
    let mut out: Vec<Finding> = Vec::new();
    let mut open = false;
    for (at, _, good, entry) in notes.iter().filter(|(at, ..)| *at <= now) {
        match (open, good) {
            (false, false) => {
                let kind = concern.finding();
                out.push(Finding {
                    key: FindingKey { kind, about: Vec::new(), at: *at },
                    severity: kind.severity(),
                    span: Span::new(*at, UtcMicros::MAX),
                    subjects: Vec::new(),
                    client: None,
                    proofs: vec![*entry],
                });
                open = true;
            }
            (true, true) => {
                open = false;
                // What is well again is no finding any more: it resolves itself.
                out.pop();
            }
            _ => {}
        }
    }
    out
}

/// The sessions of a word that may overlap `span`; none that has ended is longer than `longest`.
pub(super) fn overlapping(index: &Index, word: Word, span: Span, longest: DurationUs) -> Vec<SessionKey> {
    let Some(index) = index.get(&word) else {
        return Vec::new();
    };
    let last = span.end.plus(longest);
    let ended = index.range((span.start, SMALLEST)..(UtcMicros::MAX, SMALLEST)).take_while(|(end, _)| *end <= last);
    let open = index.range((UtcMicros::MAX, SMALLEST)..);
    ended.chain(open).map(|(_, key)| *key).collect()
}
