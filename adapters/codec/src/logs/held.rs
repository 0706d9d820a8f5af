//! What lines left behind for later ones: the memory of `remember` and `recall`.
//!
//! Bounded in number, size and age. What drops out without having been recalled is counted, so
//! that nothing is lost in silence.

use std::collections::BTreeMap;

use kukaku_schema::{DurationUs, UtcMicros};

/// So many things are remembered at once: every tunnel of the largest gateways of a site, and room.
pub const HELD_MAX: usize = 4096;

/// Longest key, host or value that is remembered, in bytes: that of a name.
pub(crate) const HELD_TEXT_MAX: usize = kukaku_schema::observation::NAME_MAX_BYTES;

/// What dropped out of the memory of a reader, since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// No line recalled it within its time.
    pub aged: u64,
    /// More than [`HELD_MAX`] were remembered.
    pub crowded: u64,
    /// Another line was remembered under the same name and key before one recalled it.
    pub replaced: u64,
    /// The line behind an `adjacent` one was not the expected one.
    pub interrupted: u64,
    /// Its key was longer than a name can be.
    pub too_long: u64,
}

/// The number of a name under which is remembered, the host, and the key.
type Key = (usize, Box<str>, Box<str>);

/// What one line left.
pub(crate) type Values = Vec<Option<Box<str>>>;

#[derive(Debug, Clone)]
struct Entry {
    key: Key,
    values: Values,
    at: UtcMicros,
    within: DurationUs,
    /// The first and last entry of the same line: they are forgotten together.
    siblings: (u64, u64),
    is_adjacent: bool,
    was_recalled: bool,
}

impl Entry {
    fn is_over(&self, now: UtcMicros) -> bool {
        now.since(self.at) > self.within
    }
}

/// What a line is to be remembered as.
pub(crate) struct Keep<'k> {
    pub(crate) name: usize,
    pub(crate) key: &'k str,
    pub(crate) within: DurationUs,
    pub(crate) is_adjacent: bool,
    pub(crate) values: Values,
}

/// What was found of earlier lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recalled {
    Values(Values),
    Nothing,
    /// Without a key, and more than one would fit: which one is not guessed.
    Ambiguous(usize),
}

/// The memory of one reader.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    entries: BTreeMap<u64, Entry>,
    index: BTreeMap<Key, u64>,
    next: u64,
    adjacent: Vec<u64>,
    pub(crate) forgotten: Forgotten,
}

impl Memory {
    /// How many things are remembered.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Remembers what one line left.
    pub(crate) fn remember(&mut self, host: &str, now: UtcMicros, kept: Vec<Keep<'_>>) {
        self.age(now);
        let mut fitting = kept;
        let before = fitting.len();
        fitting.retain(|keep| keep.key.len() <= HELD_TEXT_MAX && host.len() <= HELD_TEXT_MAX);
        self.forgotten.too_long += (before - fitting.len()) as u64;
        let siblings = (self.next, self.next + fitting.len() as u64);
        for keep in fitting {
            let key: Key = (keep.name, host.into(), keep.key.into());
            let serial = self.next;
            self.next += 1;
            if let Some(older) = self.index.insert(key.clone(), serial)
                && let Some(entry) = self.entries.remove(&older)
                && !entry.was_recalled
            {
                self.forgotten.replaced += 1;
            }
            if keep.is_adjacent {
                self.adjacent.push(serial);
            }
            let mut values = keep.values;
            for value in &mut values {
                *value = value.take().filter(|text| text.len() <= HELD_TEXT_MAX);
            }
            let Keep { within, is_adjacent, .. } = keep;
            let entry = Entry { key, values, at: now, within, siblings, is_adjacent, was_recalled: false };
            self.entries.insert(serial, entry);
        }
        while self.entries.len() > HELD_MAX {
            if let Some((_, entry)) = self.entries.pop_first() {
                self.unlist(&entry);
                self.forgotten.crowded += u64::from(!entry.was_recalled);
            }
        }
    }

    /// What an earlier line of `host` left under `name`: that of `key`, or without a key the only one
    /// that no line has recalled yet.
    pub(crate) fn recall(
        &mut self,
        name: usize,
        host: &str,
        key: Option<&str>,
        now: UtcMicros,
        forget: bool,
    ) -> Recalled {
        self.age(now);
        let serial = match key {
            Some(key) => match self.index.get(&(name, host.into(), key.into())) {
                Some(serial) if self.entries.get(serial).is_some_and(|entry| !entry.is_over(now)) => *serial,
                _ => return Recalled::Nothing,
            },
            None => {
                let from: Key = (name, host.into(), "".into());
                let of_host = self.index.range(from..).take_while(|((n, h, _), _)| *n == name && **h == *host);
                let open = |serial: &u64| {
                    self.entries.get(serial).is_some_and(|entry| !entry.was_recalled && !entry.is_over(now))
                };
                let fitting: Vec<u64> = of_host.map(|(_, serial)| *serial).filter(open).collect();
                match fitting[..] {
                    [] => return Recalled::Nothing,
                    [one] => one,
                    _ => return Recalled::Ambiguous(fitting.len()),
                }
            }
        };
        let Some(entry) = self.entries.get_mut(&serial) else {
            return Recalled::Nothing;
        };
        let (from, until) = entry.siblings;
        entry.was_recalled = true;
        let values = entry.values.clone();
        for sibling in from..until {
            if forget {
                if let Some(entry) = self.entries.remove(&sibling) {
                    self.unlist(&entry);
                }
            } else if let Some(entry) = self.entries.get_mut(&sibling) {
                entry.was_recalled = true;
            }
        }
        Recalled::Values(values)
    }

    /// What was kept for the next line of `host` alone is gone, but for what was kept from `since` on.
    pub(crate) fn next_line(&mut self, host: &str, since: u64) {
        if self.adjacent.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.adjacent);
        waiting.retain(|serial| match self.entries.get(serial) {
            Some(entry) if *serial < since && *entry.key.1 == *host => {
                let entry = self.entries.remove(serial).expect("it was found just now");
                self.unlist(&entry);
                self.forgotten.interrupted += u64::from(!entry.was_recalled);
                false
            }
            Some(entry) => entry.is_adjacent,
            None => false,
        });
        self.adjacent = waiting;
    }

    /// The number that the next thing remembered gets.
    pub(crate) fn serial(&self) -> u64 {
        self.next
    }

    /// Drops from the front what is over; what is over behind it is passed by until it comes there.
    fn age(&mut self, now: UtcMicros) {
        while let Some(first) = self.entries.first_entry().filter(|first| first.get().is_over(now)) {
            let entry = first.remove();
            self.unlist(&entry);
            self.forgotten.aged += u64::from(!entry.was_recalled);
        }
    }

    /// Takes an entry out of the index, unless a newer one stands there by now.
    fn unlist(&mut self, entry: &Entry) {
        if let Some(serial) = self.index.get(&entry.key)
            && !self.entries.contains_key(serial)
        {
            self.index.remove(&entry.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(name: usize, key: &str, seconds: i64) -> Keep<'_> {
        Keep {
            name,
            key,
            within: DurationUs::from_secs(seconds),
            is_adjacent: false,
            values: vec![Some(format!("of {key}").into())],
        }
    }

    fn at(second: i64) -> UtcMicros {
        UtcMicros(second * 1_000_000)
    }

    #[test]
    fn two_tunnels_at_once_are_not_guessed_apart() {
        let mut memory = Memory::default();
        memory.remember("rtx", at(0), vec![keep(0, "1", 30)]);
        memory.remember("rtx", at(1), vec![keep(0, "2", 30)]);
        memory.remember("other", at(1), vec![keep(0, "3", 30)]);
        assert_eq!(memory.recall(0, "rtx", None, at(2), true), Recalled::Ambiguous(2));
        assert_eq!(memory.recall(0, "rtx", Some("1"), at(2), true), Recalled::Values(vec![Some("of 1".into())]));
        assert_eq!(memory.recall(0, "rtx", None, at(2), true), Recalled::Values(vec![Some("of 2".into())]));
        assert_eq!(memory.recall(0, "rtx", None, at(2), true), Recalled::Nothing);
        assert_eq!(memory.len(), 1);
    }

    #[test]
    fn a_flood_of_held_lines_stays_within_the_limit_and_is_told() {
        let mut memory = Memory::default();
        for n in 0..HELD_MAX + 100 {
            memory.remember("gw", at(0), vec![keep(0, &n.to_string(), 30)]);
        }
        assert_eq!((memory.len(), memory.index.len()), (HELD_MAX, HELD_MAX));
        assert_eq!(memory.forgotten.crowded, 100);
        memory.remember("gw", at(31), vec![keep(0, "x", 30)]);
        assert_eq!((memory.len(), memory.forgotten.aged), (1, HELD_MAX as u64));
        memory.remember("gw", at(31), vec![keep(0, &"k".repeat(HELD_TEXT_MAX + 1), 30)]);
        assert_eq!((memory.len(), memory.forgotten.too_long), (1, 1));
    }

    #[test]
    fn what_one_line_left_under_two_names_is_forgotten_together() {
        let mut memory = Memory::default();
        memory.remember("rtx", at(0), vec![keep(0, "pp", 30), keep(1, "tunnel", 30)]);
        assert!(matches!(memory.recall(1, "rtx", Some("tunnel"), at(1), true), Recalled::Values(_)));
        assert_eq!(memory.recall(0, "rtx", Some("pp"), at(1), true), Recalled::Nothing);
        assert_eq!((memory.len(), memory.index.len()), (0, 0));
    }

    #[test]
    fn an_adjacent_line_is_forgotten_behind_the_next_of_its_host() {
        let mut memory = Memory::default();
        memory.remember("gw", at(0), vec![Keep { is_adjacent: true, ..keep(0, "", 30) }]);
        let since = memory.serial();
        memory.next_line("gw", 0);
        memory.next_line("elsewhere", since);
        assert_eq!(memory.len(), 1);
        memory.next_line("gw", since);
        assert_eq!((memory.len(), memory.forgotten.interrupted), (0, 1));
    }
}
