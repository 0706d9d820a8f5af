//! Keeps the meaning of all facts up to date, step by step, and says what changed.
//!
//! `step` advances time first: every timer fires at its own due instant, in order, whenever it is
//! called. So the effects follow from the sequence of (recorded_at, input) alone, and a replay of
//! the journal gives the same bytes. What is looked at again after an input is only what the
//! input touches; the law that this equals a look at everything is a property test.

mod restore;
mod settle;

use std::collections::{BTreeMap, BTreeSet};

use kukaku_schema::observation::SystemConcern;
use kukaku_schema::registers::Registers;
use kukaku_schema::{DurationUs, Span, UtcMicros};

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
}

/// Whose findings they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Source(Word),
    Door(Word),
    Camera(Word),
    Oplog(Word),
    Session(SessionKey),
    Shared(SessionKey),
    Order(Word),
    System(SystemConcern),
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
    pub sessions: BTreeSet<SessionKey>,
    pub shared: BTreeSet<SessionKey>,
    pub orders: BTreeSet<Word>,
    pub system: BTreeSet<SystemConcern>,
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    pub(crate) world: World,
    pub(crate) dirty: Dirty,
    pub(crate) sessions: BTreeMap<SessionKey, Kept>,
    pub(crate) groups: BTreeMap<GroupKey, Vec<SessionKey>>,
    pub(crate) by_operator: Index,
    pub(crate) by_account: Index,
    pub(crate) by_zone: Index,
    pub(crate) by_client: Index,
    /// The longest session that has ended: how far behind an end its start lies at most.
    pub(crate) longest_session: DurationUs,
    pub(crate) owned: BTreeMap<Owner, BTreeMap<FindingKey, Finding>>,
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
            by_operator: BTreeMap::new(),
            by_account: BTreeMap::new(),
            by_zone: BTreeMap::new(),
            by_client: BTreeMap::new(),
            longest_session: DurationUs::ZERO,
            owned: BTreeMap::new(),
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

    fn mark(&mut self, task: Task) {
        match task {
            Task::Source(word) => {
                self.dirty.sources.insert(word);
            }
            Task::Door(word) => {
                self.dirty.doors.insert(word);
            }
            Task::Person(word) => {
                let from = self.world.now.minus(self.world.model.longest_stay);
                self.mark_person(word, from);
            }
            Task::Camera(word) => {
                self.dirty.cameras.insert(word);
            }
            Task::Group(key) => {
                self.dirty.groups.insert(key);
            }
            Task::Session(key) => {
                self.dirty.sessions.insert(key);
            }
            Task::Order(order) => {
                self.dirty.orders.insert(order);
            }
        }
    }

    fn mark_person(&mut self, person: Word, from: UtcMicros) {
        self.dirty.persons.entry(person).and_modify(|at| *at = (*at).min(from)).or_insert(from);
    }

    fn touch(&mut self, touch: Touch, source: Word) {
        match touch {
            Touch::Nothing | Touch::Alive => {}
            Touch::Credential(credential, reader, occ) => {
                let holders: BTreeSet<Word> =
                    self.world.model.credentials.get(credential).into_iter().flatten().map(|v| v.value).collect();
                for person in holders {
                    self.mark_person(person, occ);
                    self.mark_sessions_of(person, occ);
                }
                let refused = self
                    .world
                    .memory
                    .denied
                    .get(&reader)
                    .is_some_and(|d| d.iter().rev().take(8).any(|(at, ..)| *at == occ));
                if refused {
                    self.mark_door_of(reader);
                }
            }
            Touch::Use((of, epoch, number)) => {
                let numbers = self.world.memory.sources.get(of).and_then(|s| s.numbers.get(&epoch));
                let numbers = numbers.map_or(&[][..], |list| &list[list.partition_point(|n| n.seq < number)..]);
                let readings: Vec<UtcMicros> = numbers.iter().take_while(|n| n.seq == number).map(|n| n.occ).collect();
                for at in readings {
                    self.mark_persons_read(None, at, at);
                }
            }
            Touch::Door(door) => {
                self.dirty.doors.insert(door);
            }
            Touch::Reader(reader) => self.mark_door_of(reader),
            Touch::Session(key) => {
                self.dirty.groups.insert(key);
            }
            Touch::Camera(camera) => {
                self.dirty.cameras.insert(camera);
            }
            Touch::Oplog(terminal) => {
                self.dirty.oplogs.insert(terminal);
            }
            Touch::System(concern) => {
                self.dirty.system.insert(concern);
            }
            Touch::Order(client, order, from) => {
                self.dirty.orders.insert(order);
                let grace = self.world.model.policy(self.world.now).order_grace;
                let index = self.by_client.get(&client).into_iter().flatten();
                self.dirty.sessions.extend(index.filter(|(end, _)| *end >= from.minus(grace)).map(|(_, key)| *key));
            }
            Touch::Source(word) => {
                self.dirty.sources.insert(word);
                let doors = self.world.doors_of_source(word);
                self.dirty.doors.extend(doors);
            }
            Touch::Watch => {
                self.dirty.sources.extend(self.world.memory.sources.words());
                self.dirty.doors.extend(self.world.model.doors.words());
                self.dirty.cameras.extend(self.world.model.cameras.words());
            }
            Touch::All => {
                self.dirty.sources.insert(source);
                self.touch_all();
            }
        }
    }

    fn mark_door_of(&mut self, reader: Word) {
        let doors = self.world.model.readers.get(reader).into_iter().flatten().map(|v| v.value.door);
        self.dirty.doors.extend(doors.collect::<Vec<_>>());
    }

    /// Marks everybody with a reading at the door for which it may matter how the door stood
    /// within `span`.
    pub(crate) fn mark_persons_at(&mut self, door: Word, span: Span) {
        let reach = self.world.model.longest_window;
        self.mark_persons_read(Some(door), span.start.minus(reach), span.end.plus(reach));
    }

    /// Marks everybody with a reading, at that door where one is named, from an instant to another.
    fn mark_persons_read(&mut self, door: Option<Word>, from: UtcMicros, to: UtcMicros) {
        let mut marks = Vec::new();
        for (credential, list) in self.world.memory.readings.iter() {
            let first = list.partition_point(|r| r.occ < from);
            let hit = list[first..].iter().take_while(|r| r.occ <= to).find(|r| {
                let reader = self.world.memory.heads[r.head as usize].reader;
                door.is_none_or(|door| self.world.model.reader(reader, r.occ).is_some_and(|m| m.door == door))
            });
            if let Some(reading) = hit {
                let holders = self.world.model.credentials.get(credential).into_iter().flatten();
                marks.extend(holders.map(|v| (v.value, reading.occ)));
            }
        }
        for (person, at) in marks {
            self.mark_person(person, at);
        }
    }

    pub(crate) fn mark_sessions_of(&mut self, person: Word, from: UtcMicros) {
        if let Some(index) = self.by_operator.get(&person) {
            let since = from.minus(self.world.model.longest_grace);
            let hit = index.range((since, SMALLEST)..).map(|(_, key)| *key);
            self.dirty.sessions.extend(hit);
        }
    }

    pub(crate) fn touch_all(&mut self) {
        self.dirty.sources.extend(self.world.memory.sources.words());
        self.dirty.doors.extend(self.world.model.doors.words());
        for person in self.world.model.persons.words() {
            self.mark_person(person, UtcMicros::MIN);
        }
        // Somebody who is in no register any more has no whereabouts either.
        for person in self.world.persons.words() {
            self.mark_person(person, UtcMicros::MIN);
        }
        self.dirty.cameras.extend(self.world.model.cameras.words());
        self.dirty.oplogs.extend(self.world.memory.oplogs.keys().copied());
        self.dirty.groups.extend(self.world.memory.sessions.keys().copied());
        self.dirty.sessions.extend(self.sessions.keys().copied());
        self.dirty.shared.extend(self.sessions.keys().copied());
        self.dirty.orders.extend(self.world.memory.orders.keys().copied());
        self.dirty.system.extend(self.world.memory.system.keys().copied());
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
        owned.chain(odd).collect()
    }
}

/// Before every session key, for ranges.
pub(crate) const SMALLEST: SessionKey =
    SessionKey { source: Word(0), epoch: None, id: Word(0), start: UtcMicros(i64::MIN) };
