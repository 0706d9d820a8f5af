//! Readings as files have them, sorted by credential and time.

use kukaku_schema::UtcMicros;

use super::Replay;
use crate::memory::{Reading, reading_order};
use crate::names::Word;
use crate::world::unnumbered;

/// The readings of some credentials.
#[derive(Debug)]
pub struct SortedReadings {
    of: Vec<(Word, Vec<Reading>)>,
    /// Refusals by reader: when, order, entry.
    denied: Vec<(Word, (UtcMicros, u64, u64))>,
}

impl Replay {
    /// Into so many parts the credentials are divided: each passes over all readings twice.
    pub const READING_PARTS: u32 = 4;

    /// Sorts the readings of the credentials of one part, numbered from 0.
    #[must_use]
    pub fn sorted_readings(&self, part: u32) -> SortedReadings {
        let mine = |credential: Word| credential.0 % Self::READING_PARTS == part;
        let mut counts: Vec<u32> = Vec::new();
        for (_, readings) in &self.unsorted {
            for r in readings.iter().filter(|r| mine(r.credential)) {
                let index = (r.credential.0 / Self::READING_PARTS) as usize;
                if counts.len() <= index {
                    counts.resize(index + 1, 0);
                }
                counts[index] += 1;
            }
        }
        let mut lists: Vec<Vec<Reading>> = counts.iter().map(|count| Vec::with_capacity(*count as usize)).collect();
        for (first, readings) in &self.unsorted {
            for (r, entry) in readings.iter().zip(*first..).filter(|(r, _)| mine(r.credential)) {
                lists[(r.credential.0 / Self::READING_PARTS) as usize].push(unnumbered(r.at, entry, r.order, r.head));
            }
        }
        let mut sorted = SortedReadings { of: Vec::new(), denied: Vec::new() };
        for (index, mut list) in (0_u32..).zip(lists) {
            if list.is_empty() {
                continue;
            }
            let credential = Word(index * Self::READING_PARTS + part);
            // Those of single facts may be among them, and were there at their own place in the files.
            list.extend(self.world.memory.readings.get(credential).into_iter().flatten());
            let before = |a: &Reading, b: &Reading| reading_order(a).cmp(&reading_order(b)).then(a.entry.cmp(&b.entry));
            if !list.is_sorted_by(|a, b| before(a, b).is_lt()) {
                // Files are nearly in order: a sort that makes use of it.
                list.sort_by(before);
            }
            // The same one again is nothing: the first counts.
            list.dedup_by_key(|r| reading_order(r));
            let heads = &self.world.memory.heads;
            let refused = list.iter().map(|r| (&heads[r.head as usize], r)).filter(|(head, _)| !head.granted);
            sorted.denied.extend(refused.map(|(head, r)| (head.reader, (r.occ, r.order, r.entry))));
            sorted.of.push((credential, list));
        }
        sorted
    }

    /// Keeps sorted readings; after all parts, `settle_readings` ends it.
    pub fn keep_readings(&mut self, sorted: SortedReadings) {
        let memory = &mut self.world.memory;
        for (credential, list) in sorted.of {
            *memory.readings.or_insert_with(credential, Vec::new) = list;
        }
        for (reader, item) in sorted.denied {
            memory.denied.entry(reader).or_default().push(item);
        }
    }

    /// Forgets the readings as they came: all of them are kept sorted.
    pub fn settle_readings(&mut self) {
        self.unsorted = Vec::new();
        for list in self.world.memory.denied.values_mut() {
            list.sort_unstable();
            list.dedup();
        }
    }
}
