//! Sessions of one account at once, pair by pair: a new one is held against the others alone, so
//! that a flood of sessions of one account costs each of them no more than its number.

use std::collections::{BTreeMap, BTreeSet};

use kukaku_schema::Span;

use super::Engine;
use super::settle::overlapping;
use crate::effect::{Cause, Effect, Finding, FindingChange, FindingKey, SessionKey, SessionView};
use crate::judge::shared_account;
use crate::names::Word;

fn pair(a: SessionKey, b: SessionKey) -> Pair {
    (a.min(b), a.max(b))
}

impl Engine {
    /// Marks a session with every other of an account that may have been open within `span`.
    pub(super) fn mark_pairs(&mut self, key: SessionKey, account: Word, span: Span) {
        let near = overlapping(&self.by_account, account, span, self.longest_session);
        self.dirty.pairs.extend(near.into_iter().filter(|other| *other != key).map(|other| pair(key, other)));
    }

    pub(super) fn mark_all_pairs(&mut self) {
        let all: Vec<(SessionKey, Word, Span)> = self
            .sessions
            .values()
            .flat_map(|kept| {
                let span = Span::new(kept.view.key.start, kept.view.end_at());
                kept.view.accounts().map(move |account| (kept.view.key, account, span))
            })
            .collect();
        for (key, account, span) in all {
            self.mark_pairs(key, account, span);
        }
    }

    /// Marks what was found of a session, that is none any more, and another.
    pub(super) fn part_pairs(&mut self, gone: &SessionView) {
        let span = Span::new(gone.key.start, gone.end_at());
        for account in gone.accounts() {
            self.mark_pairs(gone.key, account, span);
        }
    }

    pub(super) fn settle_pairs(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        let mut touched = BTreeSet::new();
        for pair in std::mem::take(&mut self.dirty.pairs) {
            let found = self.finding_of_pair(pair);
            if let Some(key) = self.pairs.names.remove(&pair) {
                if let Some(shared) = self.pairs.found.get_mut(&key) {
                    shared.by.remove(&pair);
                }
                touched.insert(key);
            }
            if let Some(finding) = found {
                touched.insert(finding.key.clone());
                self.pairs.names.insert(pair, finding.key.clone());
                self.pairs.found.entry(finding.key.clone()).or_default().by.insert(pair, finding);
            }
        }
        for key in touched {
            self.show_shared(key, cause, effects);
        }
    }

    /// Two sessions of one account are at most one finding: the later of them names it.
    fn finding_of_pair(&self, (first, second): Pair) -> Option<Finding> {
        let (a, b) = (&self.sessions.get(&first)?.view, &self.sessions.get(&second)?.view);
        let names = &self.world.names;
        shared_account(names, a, b).or_else(|| shared_account(names, b, a))
    }

    fn show_shared(&mut self, key: FindingKey, cause: Cause, effects: &mut Vec<Effect>) {
        let Some(shared) = self.pairs.found.get_mut(&key) else { return };
        let new = shared.by.last_key_value().map(|(_, finding)| finding.clone());
        let change = match (shared.shown.take(), &new) {
            (None, Some(finding)) => Some(FindingChange::Opened(finding.clone())),
            (Some(before), Some(finding)) if before != *finding => Some(FindingChange::Changed(finding.clone())),
            (Some(_), None) => Some(FindingChange::Resolved(key.clone())),
            _ => None,
        };
        if new.is_none() {
            self.pairs.found.remove(&key);
        } else {
            shared.shown = new;
        }
        let at = self.world.now;
        effects.extend(change.map(|change| Effect::Finding { at, cause, change }));
    }
}

/// Two sessions by their keys in order.
pub(crate) type Pair = (SessionKey, SessionKey);

/// What was found of sessions of one account at once.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    names: BTreeMap<Pair, FindingKey>,
    found: BTreeMap<FindingKey, Shared>,
}

impl Pairs {
    /// The findings that hold.
    pub(crate) fn holding(&self) -> impl Iterator<Item = (FindingKey, Finding)> + '_ {
        self.found.iter().filter_map(|(key, shared)| Some((key.clone(), shared.shown.clone()?)))
    }
}

/// One finding. Two pairs may find it by one name: a session whose identifier is used again while
/// another record of the first still runs. It is told once.
#[derive(Debug, Default)]
struct Shared {
    shown: Option<Finding>,
    by: BTreeMap<Pair, Finding>,
}
