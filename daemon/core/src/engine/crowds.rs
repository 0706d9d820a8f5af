//! Sessions of one client at once, where it has agreed how many there may be.

use std::collections::{BTreeMap, BTreeSet};

use kukaku_schema::Span;

use super::settle::overlapping;
use super::{Engine, Owner};
use crate::effect::{Cause, Effect, SessionKey, SessionView};
use crate::judge::crowds;
use crate::names::Word;

impl Engine {
    /// Marks those that a session of a client, where it limits them, may be one of too many with.
    pub(super) fn mark_crowd(&mut self, view: &SessionView, client: Word) {
        if self.world.model.limits_sessions(client) {
            let span = Span::new(view.key.start, view.end_at());
            let near = overlapping(&self.by_client, client, span, self.longest_session);
            // Who began before it is not the one too many because of it.
            self.dirty.crowds.extend(near.into_iter().filter(|other| other.start >= view.key.start));
        }
    }

    pub(super) fn settle_crowds(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        let mut marked: BTreeMap<Option<Word>, BTreeSet<SessionKey>> = BTreeMap::new();
        for key in std::mem::take(&mut self.dirty.crowds) {
            if let Some(kept) = self.sessions.get(&key) {
                let client = kept.view.client.filter(|client| self.world.model.limits_sessions(*client));
                marked.entry(client).or_default().insert(key);
            }
        }
        for (client, keys) in marked {
            let mut found = client.map_or_else(BTreeMap::new, |client| self.crowds_of(client, &keys));
            for key in keys {
                self.own(Owner::Crowd(key), found.remove(&key).into_iter().collect(), cause, effects);
            }
        }
    }

    fn crowds_of(&self, client: Word, keys: &BTreeSet<SessionKey>) -> BTreeMap<SessionKey, crate::effect::Finding> {
        let starts = || keys.iter().map(|key| key.start);
        let Some((first, last)) = starts().min().zip(starts().max()) else { return BTreeMap::new() };
        let near = overlapping(&self.by_client, client, Span::new(first, last), self.longest_session);
        let near = near.iter().filter(|key| key.start <= last).filter_map(|key| self.sessions.get(key));
        let limit = |view: &SessionView| self.world.model.client(client, view.key.start)?.facing_terminals;
        let near = near.map(|kept| &kept.view).collect();
        crowds(&self.world.names, near, limit, |key| keys.contains(&key)).into_iter().collect()
    }
}
