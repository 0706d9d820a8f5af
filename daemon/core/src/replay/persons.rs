//! Where people were.

use super::Replay;
use crate::names::Word;
use crate::place::Whereabouts;

/// Where one person was.
#[derive(Debug)]
pub struct Seen {
    person: Word,
    whereabouts: Whereabouts,
}

impl Replay {
    /// Every person of the registers.
    #[must_use]
    pub fn persons(&self) -> Vec<Word> {
        self.world.model.persons.words()
    }

    /// Derives where a person was; after `look`.
    #[must_use]
    pub fn see(&self, person: Word) -> Seen {
        Seen { person, whereabouts: self.world.fold_person(person, None, None).0 }
    }

    /// Keeps what was derived of a person, to judge sessions by.
    pub fn keep(&mut self, seen: Seen) {
        *self.world.persons.or_insert_with(seen.person, Whereabouts::default) = seen.whereabouts;
    }
}
