//! What was observed, sorted and small: the facts as meaning asks for them.
//!
//! Every list is kept in an order that does not depend on the order of arrival, and a fact that
//! is already there is not taken twice (the writer absorbs duplicates by identity before; here
//! the same journal entry is). Nothing is derived here.

use std::collections::{BTreeMap, BTreeSet};

mod take;

use kukaku_schema::observation::{DoorStateWord, ReaderStatusWord, SystemConcern};
use kukaku_schema::{CLOCK_UNSET_BEFORE, DurationUs, Span, UtcMicros};

use crate::fact::{Activity, OrderFact};
use crate::names::{Word, WordMap};
use crate::oplog::OplogMemory;

/// What readings have in common; a reading holds its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReadingHead {
    pub source: Word,
    pub epoch: Option<Word>,
    pub reader: Word,
    pub granted: bool,
    /// Bit per factor word met so far; see `Memory::factor_bit`.
    pub factors: u32,
}

/// One reading of one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub occ: UtcMicros,
    pub dev: UtcMicros,
    pub entry: u64,
    /// `NO_SEQ` where the source gave none.
    pub seq: u64,
    pub order: u64,
    pub head: u32,
}

/// No sequence number.
pub(crate) const NO_SEQ: u64 = u64::MAX;

/// A numbered fact of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Numbered {
    pub seq: u64,
    pub content: u64,
    pub occ: UtcMicros,
    pub dev: UtcMicros,
    pub entry: u64,
}

/// Something that happened to a door or reader at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Happening<T> {
    pub occ: UtcMicros,
    pub seq: u64,
    pub order: u64,
    pub source: Word,
    pub dev: UtcMicros,
    pub entry: u64,
    pub what: T,
}

/// A statement about a source's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClockNote {
    pub from: UtcMicros,
    pub to: UtcMicros,
    pub offset_us: i64,
    pub entry: u64,
}

/// What is known of a source itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceMemory {
    pub clocks: Vec<ClockNote>,
    pub numbers: BTreeMap<Option<Word>, Vec<Numbered>>,
    /// Signs of life by device_time, each instant once.
    pub signs: Vec<UtcMicros>,
    /// The earliest of them, corrected.
    pub first_sign: Option<UtcMicros>,
    pub sent_alive: bool,
    /// Signs of life by recorded_at.
    pub recorded: Vec<UtcMicros>,
    pub caught_up: Vec<(Option<Word>, Span)>,
    /// Spans of which records are gone for good, each with the entry that says so.
    pub lost: Vec<(Span, u64)>,
    /// Facts whose device time can't be right: recorded_at, entry.
    pub impossible: Vec<(UtcMicros, u64)>,
    pub readers: BTreeSet<Word>,
    pub doors: BTreeSet<Word>,
}

impl SourceMemory {
    /// The first instant of which it told, by a clock that was set.
    pub fn first_heard(&self) -> Option<UtcMicros> {
        let told = self.signs.get(self.signs.partition_point(|at| *at < CLOCK_UNSET_BEFORE)).copied();
        let spans = self.caught_up.iter().map(|(_, span)| span.start);
        told.into_iter().chain(spans.filter(|at| *at >= CLOCK_UNSET_BEFORE)).min()
    }

    /// The device time with the known offset taken out. Where several statements cover it, the
    /// one that begins last counts, then the shorter, then the greater offset.
    pub fn occurred(&self, dev: UtcMicros) -> UtcMicros {
        self.clocks
            .iter()
            .filter(|c| c.from <= dev && dev < c.to)
            .max_by_key(|c| (c.from, std::cmp::Reverse(c.to), c.offset_us))
            .map_or(dev, |c| dev.minus(DurationUs(c.offset_us)))
    }
}

/// The start of a session as told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StartNote {
    pub occ: UtcMicros,
    pub order: u64,
    pub dev: UtcMicros,
    pub entry: u64,
    pub account: Word,
    pub terminal: Option<Word>,
    pub target: Option<Word>,
    pub via: Option<Word>,
    pub address: Option<Word>,
    pub inner_address: Option<Word>,
    pub factors: u8,
}

/// A later sign of a session, or its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SignNote {
    pub occ: UtcMicros,
    pub order: u64,
    pub ended: bool,
    pub dev: UtcMicros,
    pub entry: u64,
    pub account: Option<Word>,
    pub terminal: Option<Word>,
    pub address: Option<Word>,
    pub activity: Activity,
}

/// All that was said under one session id of one source.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionNotes {
    pub starts: Vec<StartNote>,
    pub signs: Vec<SignNote>,
    /// One of the signs says whether something was done.
    pub tells_activity: bool,
}

/// Source, numbering and number of an observation.
pub(crate) type NumberKey = (Word, Option<Word>, u64);

/// Source, numbering and id of sessions.
pub(crate) type GroupKey = (Word, Option<Word>, Word);

/// What is known of a camera.
#[derive(Debug, Clone, Default)]
pub(crate) struct CameraMemory {
    pub health: Vec<Happening<bool>>,
    /// Segments by start: span, path, entry.
    pub segments: Vec<(Span, Word, u64)>,
    /// Segments that are gone: path, segment's end, when that was said, entry.
    pub gone: Vec<(Word, Span, UtcMicros, u64)>,
}

/// An opening muster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MusterNote {
    pub at: UtcMicros,
    /// What those of one instant are ordered by: their content.
    pub order: u64,
    pub inside: Vec<(Word, Word)>,
}

/// A work order as it stands from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OrderNote {
    pub occ: UtcMicros,
    /// What those of one instant are ordered by: their content.
    pub content: u64,
    pub entry: u64,
    pub recorded_at: UtcMicros,
    pub says: OrderFact,
}

/// A stretch in which a client's line was unlocked, as the city recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UnlockNote {
    pub span: Span,
    pub account: Option<Word>,
    pub target: Option<Word>,
    /// Who told it.
    pub source: Word,
    pub entry: u64,
}

/// What a city's record says of its line.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineMemory {
    /// By first instant.
    pub unlocks: BTreeMap<UtcMicros, Vec<UnlockNote>>,
    /// The longest of them: how far behind an instant one that holds it begins at most.
    pub longest: DurationUs,
    /// Spans for which the record is complete, and the entry that says so.
    pub listed: Vec<(Span, u64)>,
}

/// A line of the entry book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ManualNote {
    pub at: UtcMicros,
    /// What those of one instant are ordered by: their content.
    pub order: u64,
    pub person: Word,
    pub zone: Word,
    pub entered: bool,
}

/// Everything observed.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub heads: Vec<ReadingHead>,
    head_numbers: BTreeMap<ReadingHead, u32>,
    factor_bits: Vec<Word>,
    /// Readings by credential, ordered by `reading_order`.
    pub readings: WordMap<Vec<Reading>>,
    /// Refusals by reader: occurred_at, order, entry.
    pub denied: BTreeMap<Word, Vec<(UtcMicros, u64, u64)>>,
    /// Whether a reading was used, by source, numbering and number.
    pub used: BTreeMap<NumberKey, Vec<(u64, bool)>>,
    pub sources: WordMap<SourceMemory>,
    pub doors: BTreeMap<Word, Vec<Happening<DoorStateWord>>>,
    pub readers: BTreeMap<Word, Vec<Happening<ReaderStatusWord>>>,
    pub sessions: BTreeMap<GroupKey, SessionNotes>,
    pub cameras: BTreeMap<Word, CameraMemory>,
    /// What was said of operation logs, by terminal.
    pub oplogs: BTreeMap<Word, OplogMemory>,
    pub musters: Vec<MusterNote>,
    pub manuals: Vec<ManualNote>,
    /// Whether things of kukaku's own were well: since when, content, whether, entry.
    pub system: BTreeMap<SystemConcern, Vec<(UtcMicros, u64, bool, u64)>>,
    /// What was said of each work order, by time.
    pub orders: BTreeMap<Word, Vec<OrderNote>>,
    /// The work orders that ever were a client's.
    pub orders_of: BTreeMap<Word, BTreeSet<Word>>,
    /// The work orders that ever named a person.
    pub orders_naming: BTreeMap<Word, BTreeSet<Word>>,
    /// What cities recorded of their lines, by client.
    pub lines: BTreeMap<Word, LineMemory>,
    pub watched_from: Option<UtcMicros>,
    pub watch_gaps: Vec<(Span, u64)>,
    /// Steps of a source's clock: when, whose, how far, entry.
    pub clock_steps: Vec<(UtcMicros, Word, i64, u64)>,
    pub any_position: bool,
}

/// What a new fact touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    /// It was known already.
    Nothing,
    /// Whether kukaku itself was watching: everything that is watched.
    Watch,
    /// A reading of a credential at an instant.
    Credential(Word, Word, UtcMicros),
    /// The use of a reading, by its number.
    Use(NumberKey),
    /// A door.
    Door(Word),
    /// A reader.
    Reader(Word),
    /// A session group.
    Session(GroupKey),
    /// A camera.
    Camera(Word),
    /// A terminal's operation logs.
    Oplog(Word),
    /// A thing of kukaku's own.
    System(SystemConcern),
    /// A work order: client, order, the first instant that it speaks of.
    Order(Word, Word, UtcMicros),
    /// A client's line: the span that was told, and whether it was unlocked then.
    Line(Word, Span, bool),
    /// A source's clock or completeness: all it ever said.
    Source(Word),
    /// Everything.
    All,
    /// Only its source's signs of life.
    Alive,
}

/// The order of readings of one credential: time, then number within one numbering, then id.
pub(crate) fn reading_order(r: &Reading) -> (UtcMicros, u64, u64, u32) {
    (r.occ, r.seq, r.order, r.head)
}
