//! From readings to movements: granted and used, repeats joined, factors joined.

use kukaku_schema::registers::{ReaderDirection, UseEvidence};
use kukaku_schema::{Grade, UtcMicros};

use crate::door::DoorView;
use crate::memory::{Memory, NO_SEQ, Reading};
use crate::model::{Model, Place};
use crate::names::{Word, WordMap};
use crate::source::SourceView;
use crate::spans;

/// A person's way through a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Movement {
    pub at: UtcMicros,
    pub door: Word,
    pub reader: Word,
    pub direction: ReaderDirection,
    pub from: Place,
    pub to: Place,
    /// The zone on the door's inner side.
    pub inner: Word,
    /// Bits of the factors presented.
    pub factors: u32,
    /// The best that can be said of it.
    pub grade: Grade,
    /// It can't end an unknown place: spoofable, or its number and time disagree.
    pub resolves: bool,
    pub source: Word,
    pub epoch: Option<Word>,
    pub seq: u64,
    pub order: u64,
    pub entry: u64,
}

/// What movements are derived from.
pub(crate) struct Derive<'a> {
    pub model: &'a Model,
    pub memory: &'a Memory,
    pub sources: &'a WordMap<SourceView>,
    pub doors: &'a WordMap<DoorView>,
    pub now: UtcMicros,
}

/// A reading that may still be joined to.
struct Anchor {
    movement: usize,
    reader: Word,
    door: Word,
    direction: ReaderDirection,
    at: UtcMicros,
}

impl Derive<'_> {
    /// The movement that a reading makes, if it was granted, valid and used.
    fn movement(&self, person: Word, credential: Word, reading: &Reading) -> Option<Movement> {
        let head = &self.memory.heads[reading.head as usize];
        if !head.granted || self.model.holder(credential, reading.occ) != Some(person) {
            return None;
        }
        let reader = self.model.reader(head.reader, reading.occ)?;
        let door = self.model.doors.get(reader.door)?;
        let conflict = self.sources.get(head.source).is_some_and(|s| s.conflicts.contains(&reading.entry));
        let spoofable = self.model.spoofable(head.source);
        let skewed = self.sources.get(head.source).is_some_and(|s| spans::holds(&s.skewed, reading.occ));
        let mut unconfirmed = conflict || spoofable || skewed;
        match door.evidence {
            UseEvidence::None => {}
            UseEvidence::Taken => {
                let told = self.memory.used.get(&(head.source, head.epoch, reading.seq))?;
                if !told.iter().any(|(_, used)| *used) {
                    return None;
                }
            }
            UseEvidence::Position => {
                let view = self.doors.get(reader.door);
                if view.is_some_and(|v| spans::holds(&v.unsensed, reading.occ)) {
                    unconfirmed = true;
                } else {
                    let until = reading.occ.plus(self.model.door_policy(reader.door, reading.occ).opening_time);
                    let opened = view.is_some_and(|v| v.open.iter().any(|s| s.start <= until && s.end > reading.occ));
                    if !opened {
                        return None;
                    }
                }
            }
        }
        let (from, to) = match reader.direction {
            ReaderDirection::Entry => (door.outer, Some(door.inner)),
            ReaderDirection::Exit => (Some(door.inner), door.outer),
        };
        Some(Movement {
            at: reading.occ,
            door: reader.door,
            reader: head.reader,
            direction: reader.direction,
            from,
            to,
            inner: door.inner,
            factors: head.factors,
            grade: if unconfirmed { Grade::Unconfirmed } else { Grade::Confirmed },
            resolves: !(conflict || spoofable),
            source: head.source,
            epoch: head.epoch,
            seq: reading.seq,
            order: reading.order,
            entry: reading.entry,
        })
    }

    /// The movements of a person from `readings` (his credentials', ordered by time), ordered by
    /// time; those of one instant are not yet put in order.
    pub fn movements(&self, person: Word, readings: &[(Word, Reading)]) -> Vec<Movement> {
        let mut out: Vec<Movement> = Vec::with_capacity(readings.len());
        let mut anchors: Vec<Anchor> = Vec::new();
        for (credential, reading) in readings.iter().filter(|(_, r)| r.occ <= self.now) {
            let Some(movement) = self.movement(person, *credential, reading) else {
                continue;
            };
            let policy = self.model.door_policy(movement.door, movement.at);
            let longest = policy.repeat_window.max(policy.factor_window);
            anchors.retain(|a| movement.at.since(a.at) <= longest);
            let joins = |a: &&Anchor| {
                let gap = movement.at.since(a.at);
                let repeat = a.reader == movement.reader && gap <= policy.repeat_window;
                let other_factor = movement.factors & !out[a.movement].factors != 0;
                let factor = a.door == movement.door && a.direction == movement.direction && other_factor;
                repeat || (factor && gap <= policy.factor_window)
            };
            if let Some(anchor) = anchors.iter().find(joins) {
                let first = &mut out[anchor.movement];
                first.factors |= movement.factors;
                // A second, better proof of the same instant vouches for the first.
                if movement.at == first.at {
                    first.grade = first.grade.min(movement.grade);
                    first.resolves |= movement.resolves;
                }
            } else {
                anchors.push(Anchor {
                    movement: out.len(),
                    reader: movement.reader,
                    door: movement.door,
                    direction: movement.direction,
                    at: movement.at,
                });
                out.push(movement);
            }
        }
        out
    }
}

/// Puts movements of one instant in order: numbers of one numbering rule; else whichever
/// contradicts `place` least comes next; else the smaller id.
pub(crate) fn order_instant(movements: &mut [Movement], place: Place, contradicts: impl Fn(&Movement, Place) -> u8) {
    let mut place = place;
    for done in 0..movements.len() {
        let rest = &movements[done..];
        let follows = |a: &Movement, b: &Movement| {
            a.seq != NO_SEQ && b.seq != NO_SEQ && a.source == b.source && a.epoch == b.epoch && b.seq < a.seq
        };
        let next = (0..rest.len())
            .filter(|i| !rest.iter().any(|other| follows(&rest[*i], other)))
            .min_by_key(|i| (contradicts(&rest[*i], place), rest[*i].order, rest[*i].seq, rest[*i].reader))
            .unwrap_or(0);
        movements[done..=done + next].rotate_right(1);
        place = movements[done].to;
    }
}
