//! Keeps the meaning of all facts up to date, step by step, and says what changed.
//!
//! `step` advances time first: every timer fires at its own due instant, in order, whenever it is
//! called. So the effects follow from the sequence of (recorded_at, input) alone, and a replay of
//! the journal gives the same bytes. What is looked at again after an input is only what the
//! input touches; the law that this equals a look at everything is a property test.

mod crowds;
mod joining;
mod lines;
mod pairs;
mod restore;
mod settle;
mod standing;
mod touching;

use std::collections::{BTreeMap, BTreeSet};

use kukaku_schema::observation::SystemConcern;
use kukaku_schema::registers::Registers;
use kukaku_schema::{DurationUs, UtcMicros};

use crate::effect::{Cause, Effect, Finding, FindingKey, Outage, Revision, SessionKey, SessionView, Stay};
use crate::fact::{Fact, FactBody};
use crate::memory::{GroupKey, Touch};
use crate::model::Model;
use crate::names::{Names, Word};
use crate::spans;
use crate::world::World;

/// Whether there is a site behind the facts, or files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A site: what was not watched is an outage.
    Live,
    /// Files that carry no coverage: no outage is assumed.
    Files,
}

/// What a step takes in.
#[derive(Debug)]
pub enum Input<'a> {
    /// An observation.
    Fact(Fact),
    /// The registers changed; `entry` is the change in the journal.
    Registers {
        /// The journal entry of the change.
        entry: u64,
        /// The registers as they are now.
        registers: &'a Registers,
    },
    /// Nothing but time.
    Time,
}

/// What the store knows after a restart.
#[derive(Debug, Default, Clone)]
pub struct Known {
    /// The newest revision of each session.
    pub revisions: Vec<Revision>,
    /// The findings that hold.
    pub findings: Vec<Finding>,
    /// The sessions as shown.
    pub sessions: Vec<SessionView>,
    /// All stays.
    pub stays: Vec<Stay>,
    /// All outages.
    pub outages: Vec<Outage>,
}

/// A thing that is looked at again when something about it changed or its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    Source(Word),
    Door(Word),
    Person(Word),
    Camera(Word),
    Group(GroupKey),
    Session(SessionKey),
    Order(Word),
    /// A client's line from an instant on.
    Line(Word, UtcMicros),
    /// Papers whose term passes.
    Terms,
    /// A person in a zone since an instant: person, instant, zone.
    Presence(Word, UtcMicros, Word),
    /// A zone that demands company.
    Few(Word),
}

/// Whose findings they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Source(Word),
    Door(Word),
    Camera(Word),
    Oplog(Word),
    Session(SessionKey),
    Crowd(SessionKey),
    Order(Word),
    Line(Word, UtcMicros),
    Presence(Word, UtcMicros, Word),
    /// Too few people in a zone from an instant on.
    Few(Word, UtcMicros),
    System(SystemConcern),
    Terms,
}

/// Sessions by a word, ordered by their end.
pub(crate) type Index = BTreeMap<Word, BTreeSet<(UtcMicros, SessionKey)>>;

/// A session as the engine keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub view: SessionView,
    pub revision: Option<Revision>,
    pub lonely: bool,
}

/// What has to be looked at again.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    pub sources: BTreeSet<Word>,
    pub doors: BTreeSet<Word>,
    pub persons: BTreeMap<Word, UtcMicros>,
    pub cameras: BTreeSet<Word>,
    pub oplogs: BTreeSet<Word>,
    pub groups: BTreeSet<GroupKey>,
    /// By new registers other records may belong together.
    pub joins: bool,
    pub sessions: BTreeSet<SessionKey>,
    pub crowds: BTreeSet<SessionKey>,
    /// Sessions of one account at once, by their keys in order.
    pub pairs: BTreeSet<pairs::Pair>,
    pub orders: BTreeSet<Word>,
    pub lines: BTreeSet<(Word, UtcMicros)>,
    /// Persons whose permission to be where they are may differ from an instant on.
    pub presence: BTreeMap<Word, UtcMicros>,
    /// Presences whose time has come: person, start, zone.
    pub runs: BTreeSet<(Word, UtcMicros, Word)>,
    /// Zones in which company may differ from an instant on.
    pub few: BTreeMap<Word, UtcMicros>,
    pub system: BTreeSet<SystemConcern>,
    pub terms: bool,
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    pub(crate) world: World,
    pub(crate) dirty: Dirty,
    pub(crate) sessions: BTreeMap<SessionKey, Kept>,
    pub(crate) groups: BTreeMap<GroupKey, Vec<SessionKey>>,
    /// The records of sessions that more than one source told of, each with its session.
    pub(crate) joined: BTreeMap<SessionKey, (SessionKey, SessionView)>,
    pub(crate) by_operator: Index,
    pub(crate) by_account: Index,
    pub(crate) by_zone: Index,
    pub(crate) by_client: Index,
    /// The longest session that has ended: how far behind an end its start lies at most.
    pub(crate) longest_session: DurationUs,
    pub(crate) owned: BTreeMap<Owner, BTreeMap<FindingKey, Finding>>,
    pub(crate) pairs: pairs::Pairs,
    pub(crate) timers: BTreeSet<(UtcMicros, Task)>,
    pub(crate) wakes: BTreeMap<Task, UtcMicros>,
    /// Facts whose instant has not come yet.
    pub(crate) future: BTreeMap<(UtcMicros, u64), (Touch, Word)>,
}

impl Engine {
    /// An engine that has seen nothing.
    ///
    /// # Errors
    /// A sentence when the registers' time zone is unknown.
    pub fn new(registers: &Registers, names: Names, mode: Mode) -> Result<Self, String> {
        let mut engine = Self {
            world: World::new(registers, names, mode == Mode::Live)?,
            dirty: Dirty::default(),
            sessions: BTreeMap::new(),
            groups: BTreeMap::new(),
            joined: BTreeMap::new(),
            by_operator: BTreeMap::new(),
            by_account: BTreeMap::new(),
            by_zone: BTreeMap::new(),
            by_client: BTreeMap::new(),
            longest_session: DurationUs::ZERO,
            owned: BTreeMap::new(),
            pairs: pairs::Pairs::default(),
            timers: BTreeSet::new(),
            wakes: BTreeMap::new(),
            future: BTreeMap::new(),
        };
        // The first step says how things stand before anything was seen.
        engine.touch_all();
        Ok(engine)
    }

    /// The texts it has met.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.world.names
    }

    /// The texts it has met, to add to.
    pub fn names_mut(&mut self) -> &mut Names {
        &mut self.world.names
    }

    /// The instant up to which time has passed for it.
    #[must_use]
    pub fn now(&self) -> UtcMicros {
        self.world.now
    }

    /// When it wants to be stepped at the latest, though nothing else happens.
    #[must_use]
    pub fn next_wake(&self) -> Option<UtcMicros> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let future = self.future.keys().next().map(|(at, _)| *at);
        timer.into_iter().chain(future).min()
    }

    /// Lets time pass to `now`, then takes the input in. An earlier `now` than before counts as
    /// the one before.
    pub fn step(&mut self, now: UtcMicros, input: Input<'_>) -> Vec<Effect> {
        let now = now.max(self.world.now);
        let mut effects = Vec::new();
        self.pass_time(now, &mut effects);
        match input {
            Input::Time => self.settle(Cause::Time, &mut effects),
            Input::Fact(fact) => {
                let cause = Cause::Observation(fact.entry);
                self.take(&fact);
                self.settle(cause, &mut effects);
            }
            Input::Registers { entry, registers } => {
                // The registers were checked before they were journaled; a zone that has become
                // unknown since then leaves the old ones in force.
                if let Ok(model) = Model::new(registers, &mut self.world.names) {
                    self.world.model = model;
                    self.touch_all();
                    self.settle(Cause::Registers(entry), &mut effects);
                }
            }
        }
        effects
    }

    /// Fires every timer that is due by `now`, each at its own instant.
    fn pass_time(&mut self, now: UtcMicros, effects: &mut Vec<Effect>) {
        while let Some(at) = self.next_wake().filter(|at| *at <= now) {
            self.world.now = self.world.now.max(at);
            while let Some((due, task)) = self.timers.first().copied().filter(|(due, _)| *due <= at) {
                self.timers.remove(&(due, task));
                self.wakes.remove(&task);
                self.mark(task);
            }
            while let Some(entry) = self.future.first_entry().filter(|e| e.key().0 <= at) {
                let (touch, source) = entry.remove();
                self.touch(touch, source);
                self.dirty.sources.insert(source);
            }
            self.settle(Cause::Time, effects);
        }
        self.world.now = now;
    }

    /// Takes a fact in and marks what it touches.
    fn take(&mut self, fact: &Fact) {
        let max_skew = self.world.model.policy(self.world.now).max_skew;
        let speaks_for =
            |world: &World| world.memory.sources.get(fact.source).map_or(0, |s| s.readers.len() + s.doors.len());
        let before = speaks_for(&self.world);
        let breaks = self.follows_a_conflict(fact);
        let (touch, look) = self.world.memory.add(fact, max_skew);
        // A source that is heard of a reader or door for the first time brings its own gaps along.
        if speaks_for(&self.world) != before {
            self.dirty.doors.extend(self.world.model.doors.words());
        }
        if touch == Touch::Nothing {
            return;
        }
        let occ = self.world.memory.sources.get(fact.source).map_or(fact.device_time, |s| s.occurred(fact.device_time));
        if matches!(fact.body, FactBody::Clock { .. }) {
            // What was said already may now turn out to lie ahead.
            for at in self.world.memory.upcoming(fact.source, self.world.now) {
                self.future.insert((at, fact.entry), (Touch::All, fact.source));
            }
        } else if occ > self.world.now {
            self.future.insert((occ, fact.entry), (touch, fact.source));
        }
        if look || breaks || self.parts_a_silence(fact.source, occ) {
            self.dirty.sources.insert(fact.source);
        }
        self.touch(touch, fact.source);
    }

    /// Whether the number before a fact's is at odds with its time: then the fact's may be too.
    fn follows_a_conflict(&self, fact: &Fact) -> bool {
        let Some(view) = self.world.sources.get(fact.source).filter(|view| !view.conflicts.is_empty()) else {
            return false;
        };
        let numbers = self.world.memory.sources.get(fact.source).and_then(|s| s.numbers.get(&fact.epoch));
        numbers.and_then(|n| n.last()).is_some_and(|last| view.conflicts.contains(&last.entry))
    }

    /// Whether a sign of life at `occ`, taken in already, changes anything about a source's
    /// silence. One that only goes on doesn't: the deadline that it puts off is found to be put
    /// off when it comes.
    fn parts_a_silence(&self, source: Word, occ: UtcMicros) -> bool {
        let Some(view) = self.world.sources.get(source) else { return true };
        if view.quiet {
            return true;
        }
        if self.world.model.sources.get(source).is_none_or(|s| s.alive_every.is_none()) {
            return false;
        }
        let first = self.world.memory.sources.get(source).and_then(|s| s.first_sign);
        first == Some(occ) || !self.wakes.contains_key(&Task::Source(source)) || spans::holds(&view.silent, occ)
    }

    pub(crate) fn set_wake(&mut self, task: Task, at: Option<UtcMicros>) {
        if let Some(before) = self.wakes.remove(&task) {
            self.timers.remove(&(before, task));
        }
        if let Some(at) = at.filter(|at| *at < UtcMicros::MAX) {
            self.wakes.insert(task, at);
            self.timers.insert((at, task));
        }
    }

    /// The newest revision of every session, by key.
    pub fn verdicts(&self) -> impl Iterator<Item = (&SessionView, &Revision)> {
        self.sessions.values().filter_map(|kept| Some((&kept.view, kept.revision.as_ref()?)))
    }

    /// Every stay, by person, then start.
    pub fn stays(&self) -> impl Iterator<Item = &Stay> {
        self.world.persons.iter().flat_map(|(_, w)| &w.stays)
    }

    /// Every finding that holds, by key.
    #[must_use]
    pub fn findings(&self) -> BTreeMap<FindingKey, Finding> {
        let owned = self.owned.values().flatten().map(|(key, finding)| (key.clone(), finding.clone()));
        let odd = self.world.persons.iter().flat_map(|(_, w)| &w.oddities).map(|o| {
            let finding = o.finding();
            (finding.key.clone(), finding)
        });
        owned.chain(self.pairs.holding()).chain(odd).collect()
    }
}

/// Before every session key, for ranges.
pub(crate) const SMALLEST: SessionKey =
    SessionKey { source: Word(0), epoch: None, id: Word(0), start: UtcMicros(i64::MIN) };
