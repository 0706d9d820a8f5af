//! The engine over files: everything is there at once, and looked at once.
//!
//! Uses the same derivations as `engine::Engine` and nothing else; it only leaves out what makes
//! steps cheap. Built for a million readings and hundreds of thousands of sessions: what is
//! derived of one person or judged of some sessions needs nothing of the others, so that the
//! caller may have it done wherever it likes and put together in order.

mod docket;
mod persons;
mod readings;

use std::collections::BTreeMap;

use kukaku_schema::UtcMicros;
use kukaku_schema::registers::Registers;

use crate::effect::{Finding, FindingKey, Stay};
use crate::fact::Fact;
use crate::memory::ReadingHead;
use crate::names::{Names, Word};
use crate::world::World;

pub use docket::{Case, Judgements, Order, Sentence};
pub use persons::Seen;
pub use readings::SortedReadings;

/// A reading of a file.
#[derive(Debug, Clone, Copy)]
pub struct FileReading {
    /// What it has in common with others; see `Replay::head`.
    pub head: u32,
    /// The credential.
    pub credential: Word,
    /// When.
    pub at: UtcMicros,
    /// Its event id as a number, or what else orders it among readings of one instant.
    pub order: u64,
}

/// A session of a file.
#[derive(Debug, Clone, Copy)]
pub struct FileSession {
    /// Who reported it.
    pub source: Word,
    /// Its id.
    pub id: Word,
    /// Account.
    pub account: Word,
    /// Terminal.
    pub terminal: Option<Word>,
    /// Target.
    pub target: Option<Word>,
    /// Stepping stone.
    pub via: Option<Word>,
    /// Network address of the terminal, as the source saw it.
    pub address: Option<Word>,
    /// The address that the source gave it.
    pub inner_address: Option<Word>,
    /// How many different factors the sign-in had; 0: not told.
    pub factors: u8,
    /// Its start.
    pub start: UtcMicros,
    /// Its end; none: still open.
    pub end: Option<UtcMicros>,
    /// Its number in the order of the files.
    pub entry: u64,
}

/// A replay of files.
#[derive(Debug)]
pub struct Replay {
    world: World,
    sessions: Vec<FileSession>,
    /// Readings as they came, each list with the number of its first one.
    unsorted: Vec<(u64, Vec<FileReading>)>,
    /// The sessions in the order in which they are judged.
    order: Vec<u32>,
    last: UtcMicros,
    entries: u64,
}

impl Replay {
    /// A replay under `registers`; nothing that the files don't say is an outage.
    ///
    /// # Errors
    /// A sentence when the registers' time zone is unknown.
    pub fn new(registers: &Registers) -> Result<Self, String> {
        let world = World::new(registers, Names::new(), false)?;
        Ok(Self {
            world,
            sessions: Vec::new(),
            unsorted: Vec::new(),
            order: Vec::new(),
            last: UtcMicros::MIN,
            entries: 0,
        })
    }

    /// The texts met.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.world.names
    }

    /// The texts met, to add to.
    pub fn names_mut(&mut self) -> &mut Names {
        &mut self.world.names
    }

    /// The number of what readings have in common.
    pub fn head(&mut self, source: Word, reader: Word, granted: bool, factors: &[Word]) -> u32 {
        self.world.memory.sources.or_insert_with(source, Default::default).readers.insert(reader);
        let factors = factors.iter().fold(0, |bits, f| bits | self.world.memory.factor_bit(*f));
        self.world.memory.head(ReadingHead { source, epoch: None, reader, granted, factors })
    }

    /// Takes readings without sequence numbers, in the order of the files; `entry` is the first
    /// one's number there. The same one again is nothing. They count once they are sorted.
    pub fn readings(&mut self, entry: u64, readings: Vec<FileReading>) {
        self.last = readings.iter().map(|r| r.at).fold(self.last, UtcMicros::max);
        self.entries = self.entries.max(entry + readings.len() as u64);
        if !readings.is_empty() {
            self.unsorted.push((entry, readings));
        }
    }

    /// Takes a session.
    pub fn session(&mut self, session: FileSession) {
        self.last = self.last.max(session.start).max(session.end.unwrap_or(session.start));
        self.entries = self.entries.max(session.entry + 1);
        self.sessions.push(session);
    }

    /// Takes any other fact: door states, outages, musters.
    pub fn fact(&mut self, fact: &Fact) {
        self.last = self.last.max(fact.device_time);
        self.entries = self.entries.max(fact.entry + 1);
        let max_skew = self.world.model.policy(fact.device_time).max_skew;
        self.world.memory.add(fact, max_skew);
    }

    /// The last instant in the files plus the longest stay and the session time-out: by then
    /// everything is settled. Never the wall clock.
    #[must_use]
    pub fn settled_now(&self) -> UtcMicros {
        let policy = self.world.model.policy(self.last);
        let stay = self.world.model.longest_stay.max(policy.max_stay);
        self.last.plus(stay).plus(policy.session_timeout)
    }

    /// Looks at sources, doors and cameras as of `now`; persons come after them.
    pub fn look(&mut self, now: UtcMicros) {
        self.world.now = now;
        self.world.look_at_things();
    }

    /// Every stay, by person, then start.
    pub fn stays(&self) -> impl Iterator<Item = &Stay> {
        self.world.persons.iter().flat_map(|(_, w)| &w.stays)
    }

    /// What is wrong with sources, doors, cameras and movements, by key.
    #[must_use]
    pub fn findings(&mut self) -> BTreeMap<FindingKey, Finding> {
        let mut out = Vec::new();
        for source in self.world.memory.sources.words() {
            out.extend(self.world.look_at_source(source).1);
        }
        for door in self.world.model.doors.words() {
            out.extend(self.world.look_at_door(door).1);
        }
        for camera in self.world.model.cameras.words() {
            out.extend(self.world.look_at_camera(camera).1);
        }
        for terminal in self.world.memory.oplogs.keys() {
            out.extend(crate::oplog::derive(&self.world.model, &self.world.memory, *terminal));
        }
        out.extend(self.world.persons.iter().flat_map(|(_, w)| &w.oddities).map(crate::place::Oddity::finding));
        out.into_iter().map(|f| (f.key.clone(), f)).collect()
    }
}
