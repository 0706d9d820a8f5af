//! What presences without a session touch, and what touches them.

use std::collections::BTreeSet;

use kukaku_schema::{Span, UtcMicros};

use super::{Engine, Owner, Task};
use crate::effect::{Cause, Effect};
use crate::judge::runs;
use crate::names::Word;
use crate::world::PersonChange;

/// After every word.
const LAST_WORD: Word = Word(u32::MAX);

impl Engine {
    /// Marks what a new look at a person, who may be elsewhere from `from` on, may change.
    pub(super) fn mark_company_of(&mut self, person: Word, from: UtcMicros, change: &PersonChange) {
        let model = &self.world.model;
        // A reading that is joined to one before may change that one.
        let from = change.from.map_or(from, |at| at.min(from));
        if !model.permission_zones.is_empty() || self.has_presence() {
            self.dirty.presence.entry(person).and_modify(|at| *at = (*at).min(from)).or_insert(from);
        }
        let from = from.minus(model.longest_grace);
        let stays = self.world.persons.get(person).map_or(&[][..], |w| &w.stays);
        let is_there = |zone: &Word| {
            // A reading that changes nothing may still be one more proof.
            change.zones.contains(zone)
                || !runs(stays, *zone, Span::new(from, UtcMicros::MAX), model.longest_stay).is_empty()
        };
        let zones: Vec<Word> = model.company_zones.iter().copied().filter(is_there).collect();
        for zone in zones {
            self.mark_few(zone, from);
        }
    }

    pub(super) fn mark_few(&mut self, zone: Word, from: UtcMicros) {
        self.dirty.few.entry(zone).and_modify(|at| *at = (*at).min(from)).or_insert(from);
    }

    /// Marks the presences of everybody whom an order ever named.
    pub(super) fn mark_presence_under(&mut self, order: Word, from: UtcMicros) {
        if self.world.model.permission_zones.is_empty() {
            return;
        }
        let from = from.minus(self.world.model.longest_order_grace);
        let notes = self.world.memory.orders.get(&order).into_iter().flatten();
        for person in notes.flat_map(|note| &note.says.operators) {
            self.dirty.presence.entry(*person).and_modify(|at| *at = (*at).min(from)).or_insert(from);
        }
    }

    /// Marks every zone that demands company, or did.
    pub(super) fn mark_all_company(&mut self) {
        let (first, last) = (Owner::Few(Word(0), UtcMicros::MIN), Owner::Few(LAST_WORD, UtcMicros::MAX));
        let owned = self.owned.range(first..=last).filter_map(|(owner, _)| match owner {
            Owner::Few(zone, _) => Some(*zone),
            _ => None,
        });
        let timed = self.wakes.range(Task::Few(Word(0))..=Task::Few(LAST_WORD)).filter_map(|(task, _)| match task {
            Task::Few(zone) => Some(*zone),
            _ => None,
        });
        let zones: Vec<Word> = self.world.model.company_zones.iter().copied().chain(owned).chain(timed).collect();
        for zone in zones {
            self.mark_few(zone, UtcMicros::MIN);
        }
    }

    fn has_presence(&self) -> bool {
        let any = Owner::Presence(Word(0), UtcMicros::MIN, Word(0));
        let timed = Task::Presence(Word(0), UtcMicros::MIN, Word(0));
        matches!(self.owned.range(any..).next(), Some((Owner::Presence(..), _)))
            || matches!(self.wakes.range(timed..).next(), Some((Task::Presence(..), _)))
    }

    /// A person's presences with findings or a time to be looked at, that began at `from` or later.
    fn known_presences(&self, person: Word, from: UtcMicros) -> Vec<(UtcMicros, Word)> {
        let owned = Owner::Presence(person, from, Word(0))..=Owner::Presence(person, UtcMicros::MAX, LAST_WORD);
        let owned = self.owned.range(owned).filter_map(|(owner, _)| match owner {
            Owner::Presence(_, start, zone) => Some((*start, *zone)),
            _ => None,
        });
        let timed = Task::Presence(person, from, Word(0))..=Task::Presence(person, UtcMicros::MAX, LAST_WORD);
        let timed = self.wakes.range(timed).filter_map(|(task, _)| match task {
            Task::Presence(_, start, zone) => Some((*start, *zone)),
            _ => None,
        });
        owned.chain(timed).collect()
    }

    fn runs_of(&self, person: Word, zone: Word, from: UtcMicros) -> Vec<Span> {
        let stays = self.world.persons.get(person).map_or(&[][..], |w| &w.stays);
        runs(stays, zone, Span::new(from, UtcMicros::MAX), self.world.model.longest_stay)
    }

    pub(super) fn settle_presence(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        for (person, start, zone) in std::mem::take(&mut self.dirty.runs) {
            // Its own time has come: of its person, nothing else is looked at for that.
            let run = self.runs_of(person, zone, start).into_iter().next().filter(|run| run.start == start);
            self.judge_presence(person, zone, start, run, cause, effects);
        }
        for (person, from) in std::mem::take(&mut self.dirty.presence) {
            let mut first = from;
            let mut now: Vec<(Word, Span)> = Vec::new();
            let mut begins: Vec<(Word, UtcMicros)> = Vec::new();
            for zone in &self.world.model.permission_zones {
                let runs = self.runs_of(person, *zone, from);
                let begin = runs.first().map_or(from, |run| run.start.min(from));
                first = first.min(begin);
                begins.push((*zone, begin));
                now.extend(runs.into_iter().map(|run| (*zone, run)));
            }
            let begin_of = |zone: Word| begins.iter().find(|(of, _)| *of == zone).map_or(from, |(_, begin)| *begin);
            let there: BTreeSet<(UtcMicros, Word)> = now.iter().map(|(zone, run)| (run.start, *zone)).collect();
            let gone: Vec<(UtcMicros, Word)> = self
                .known_presences(person, first)
                .into_iter()
                .filter(|(start, zone)| *start >= begin_of(*zone))
                .filter(|known| !there.contains(known))
                .collect();
            for (start, zone) in gone {
                self.judge_presence(person, zone, start, None, cause, effects);
            }
            for (zone, run) in now {
                self.judge_presence(person, zone, run.start, Some(run), cause, effects);
            }
        }
    }

    /// Judges a person's presence that began at `start`; none: it turned out not to be one.
    fn judge_presence(
        &mut self,
        person: Word,
        zone: Word,
        start: UtcMicros,
        run: Option<Span>,
        cause: Cause,
        effects: &mut Vec<Effect>,
    ) {
        let (findings, wake) = run.map(|run| self.world.court().unauthorised(person, zone, run)).unwrap_or_default();
        self.set_wake(Task::Presence(person, start, zone), wake);
        self.own(Owner::Presence(person, start, zone), findings, cause, effects);
    }

    pub(super) fn settle_company(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        for (zone, from) in std::mem::take(&mut self.dirty.few) {
            let (findings, wake) = self.world.court().too_few(zone, from);
            self.set_wake(Task::Few(zone), wake);
            let first = findings.first().map_or(from, |finding| finding.span.start.min(from));
            let known = self.owned.range(Owner::Few(zone, first)..=Owner::Few(zone, UtcMicros::MAX));
            let gone: Vec<Owner> = known
                .map(|(owner, _)| *owner)
                .filter(|owner| !findings.iter().any(|f| *owner == Owner::Few(zone, f.span.start)))
                .collect();
            for owner in gone {
                self.own(owner, Vec::new(), cause, effects);
            }
            for finding in findings {
                self.own(Owner::Few(zone, finding.span.start), vec![finding], cause, effects);
            }
        }
    }
}
