//! Records of sessions into sessions: what a new or changed record belongs to.

use std::collections::BTreeSet;

use kukaku_schema::Span;

use super::Engine;
use super::settle::overlapping;
use crate::effect::{Effect, SessionKey, SessionView};
use crate::join::{link, sessions_among, slack};

impl Engine {
    /// A record as its source told it, whatever session it belongs to.
    fn record_of(&self, key: SessionKey) -> Option<&SessionView> {
        match self.joined.get(&key) {
            Some((_, view)) => Some(view),
            None => self.sessions.get(&key).map(|kept| &kept.view),
        }
    }

    /// The session that a record belongs to.
    pub(super) fn session_of(&self, record: SessionKey) -> Option<SessionKey> {
        match self.joined.get(&record) {
            Some((session, _)) => Some(*session),
            None => self.sessions.contains_key(&record).then_some(record),
        }
    }

    /// The records of a session, as their sources told them.
    fn records_of(&self, session: SessionKey) -> Vec<&SessionView> {
        let Some(kept) = self.sessions.get(&session) else { return Vec::new() };
        kept.view.records().filter_map(|record| self.record_of(record.key)).collect()
    }

    /// One source alone has nothing to be joined with.
    fn is_told_by_one(&self) -> bool {
        let first = self.groups.keys().next().map(|key| key.0);
        first == self.groups.keys().next_back().map(|key| key.0)
    }

    /// The sessions with a record that is linked to this one.
    fn linked(&self, view: &SessionView) -> BTreeSet<SessionKey> {
        let mut out = BTreeSet::new();
        let Some(operator) = view.operator.filter(|_| !self.is_told_by_one()) else { return out };
        // Another policy may hold where another record starts.
        let reach = slack(&self.world.model, view).max(self.world.model.longest_skew);
        let span = Span::new(view.key.start.minus(reach), view.end_at().plus(reach));
        for session in overlapping(&self.by_operator, operator, span, self.longest_session) {
            let records = self.records_of(session);
            if records.iter().any(|record| link(&self.world.model, record, view).is_some()) {
                out.insert(session);
            }
        }
        out
    }

    /// Takes what a source tells of a session: one of its own, or part of another.
    pub(super) fn record(&mut self, view: SessionView, effects: &mut Vec<Effect>) {
        let key = view.key;
        let before = self.record_of(key);
        if before == Some(&view) {
            return;
        }
        let mut touched: BTreeSet<SessionKey> = self.session_of(key).into_iter().collect();
        if let Some(before) = before {
            touched.extend(self.linked(before));
        }
        touched.extend(self.linked(&view));
        let alone = !self.joined.contains_key(&key) && touched.iter().all(|session| *session == key);
        if alone {
            self.show(view, effects);
        } else {
            self.part_again(touched, key, Some(view), effects);
        }
    }

    /// A record turned out to be none.
    pub(super) fn unrecord(&mut self, key: SessionKey, effects: &mut Vec<Effect>) {
        let Some(before) = self.record_of(key) else { return };
        let mut touched = self.linked(before);
        touched.extend(self.session_of(key));
        if !self.joined.contains_key(&key) && touched.len() == 1 {
            self.forget(key, effects);
        } else {
            self.part_again(touched, key, None, effects);
        }
    }

    /// Parts every record anew.
    pub(super) fn rejoin(&mut self, effects: &mut Vec<Effect>) {
        if self.is_told_by_one() && self.joined.is_empty() {
            return;
        }
        let mut left: BTreeSet<SessionKey> = self.sessions.keys().copied().collect();
        while let Some(session) = left.pop_first() {
            let Some(record) = self.record_of(session).cloned() else { continue };
            let linked = self.linked(&record);
            if self.joined.contains_key(&session) || linked.iter().any(|other| *other != session) {
                let touched = linked.into_iter().chain([session]).collect();
                for parted in self.part_again(touched, session, Some(record), effects) {
                    left.remove(&parted);
                }
            }
        }
    }

    /// Parts the records of the `touched` sessions anew, with what is linked to them, where the
    /// record under `key` is now `view` or is none any more. Says which sessions it looked at.
    fn part_again(
        &mut self,
        mut touched: BTreeSet<SessionKey>,
        key: SessionKey,
        view: Option<SessionView>,
        effects: &mut Vec<Effect>,
    ) -> BTreeSet<SessionKey> {
        let mut records: Vec<SessionView> = view.into_iter().collect();
        let mut waiting: Vec<SessionKey> = touched.iter().copied().collect();
        while let Some(session) = waiting.pop() {
            let more: Vec<SessionView> =
                self.records_of(session).into_iter().filter(|record| record.key != key).cloned().collect();
            for record in &more {
                waiting.extend(self.linked(record).into_iter().filter(|linked| touched.insert(*linked)));
            }
            records.extend(more);
        }
        for record in &records {
            self.joined.remove(&record.key);
        }
        self.joined.remove(&key);
        let sessions = sessions_among(&self.world.model, &self.world.names, records.clone());
        for session in &sessions {
            for part in &session.parts {
                if let Some(record) = records.iter().find(|record| record.key == part.key) {
                    self.joined.insert(part.key, (session.key, record.clone()));
                }
            }
        }
        for gone in touched.iter().filter(|key| sessions.iter().all(|session| session.key != **key)) {
            self.forget(*gone, effects);
        }
        for session in sessions {
            self.show(session, effects);
        }
        touched
    }
}
