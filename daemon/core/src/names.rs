//! Texts as small numbers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A text of `Names`, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(pub u32);

/// Every text the engine has met, numbered in the order of meeting; grows only.
///
/// The store keeps the same list, so a number means the same text for ever within one store.
/// The hash map is only ever asked, never walked, so its order can't reach a result.
#[derive(Debug, Default, Clone)]
pub struct Names {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, Word, BuildHasherDefault<TextHasher>>,
}

/// A fast multiply-and-fold hash: names come from signed-in devices, and a set of names made to
/// collide slows its own source, which is throttled alone.
#[derive(Debug, Default, Clone, Copy)]
pub struct TextHasher(u64);

impl Hasher for TextHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut eat = |part: u64| {
            let wide = u128::from(self.0 ^ part) * u128::from(FACTOR);
            #[expect(clippy::cast_possible_truncation, reason = "folding both halves is the hash")]
            let folded = (wide as u64) ^ ((wide >> 64) as u64);
            self.0 = folded;
        };
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            eat(u64::from_le_bytes(chunk.try_into().expect("chunks have eight bytes")));
        }
        let rest = chunks.remainder();
        let mut last = [0_u8; 8];
        last[..rest.len()].copy_from_slice(rest);
        eat(u64::from_le_bytes(last) ^ ((bytes.len() as u64) << 56));
    }
}

impl Names {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of `text`, a new one if it was never met.
    pub fn intern(&mut self, text: &str) -> Word {
        if let Some(word) = self.numbers.get(text) {
            return *word;
        }
        let word = Word(u32::try_from(self.texts.len()).expect("four thousand million names are never met"));
        self.texts.push(text.into());
        self.numbers.insert(text.into(), word);
        word
    }

    /// The number of `text`, if it was met.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Word> {
        self.numbers.get(text).copied()
    }

    /// The text of `word`; empty for a number that was never given.
    #[must_use]
    pub fn text(&self, word: Word) -> &str {
        self.texts.get(word.0 as usize).map_or("", |text| text)
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The texts from number `from` on, for the store to keep.
    pub fn since(&self, from: usize) -> impl Iterator<Item = (Word, &str)> {
        self.texts
            .iter()
            .enumerate()
            .skip(from)
            .map(|(index, text)| (Word(u32::try_from(index).unwrap_or(u32::MAX)), &**text))
    }
}

/// A table by word; asked and walked in the order of the words' numbers.
#[derive(Debug, Clone)]
pub struct WordMap<T> {
    slots: Vec<Option<T>>,
}

impl<T> Default for WordMap<T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<T> WordMap<T> {
    /// What stands under `word`.
    #[must_use]
    pub fn get(&self, word: Word) -> Option<&T> {
        self.slots.get(word.0 as usize)?.as_ref()
    }

    /// What stands under `word`, to change.
    pub fn get_mut(&mut self, word: Word) -> Option<&mut T> {
        self.slots.get_mut(word.0 as usize)?.as_mut()
    }

    /// What stands under `word`, made by `make` where nothing stood.
    pub fn or_insert_with(&mut self, word: Word, make: impl FnOnce() -> T) -> &mut T {
        let index = word.0 as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index].get_or_insert_with(make)
    }

    /// Everything, in the order of the words' numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Word, &T)> {
        self.slots.iter().enumerate().filter_map(|(i, slot)| Some((Word(u32::try_from(i).ok()?), slot.as_ref()?)))
    }

    /// Everything, to change.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(Option::as_mut)
    }

    /// The words under which something stands.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        self.iter().map(|(word, _)| word).collect()
    }
}
