//! Texts as small numbers.

/// A text of `Names`, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(pub u32);

/// Every text the engine has met, numbered in the order of meeting; grows only.
///
/// The store keeps the same list, so a number means the same text for ever within one store.
/// All texts lie in one, and the table that finds them is only ever asked, never walked, so its
/// order can't reach a result.
#[derive(Debug, Default, Clone)]
pub struct Names {
    /// All texts, one behind the other.
    texts: String,
    /// Where each text ends.
    ends: Vec<u32>,
    /// Places by hash: the upper half of a hash, then the number plus 1; 0 where there is none.
    /// Its length is a power of two, and at most half of it is taken.
    places: Vec<u64>,
}

/// A fast multiply-and-fold hash: names come from signed-in devices, and a set of names made to
/// collide slows its own source, which is throttled alone.
fn hash(text: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = 0_u64;
    let mut eat = |part: u64| {
        let wide = u128::from(hash ^ part) * u128::from(FACTOR);
        #[expect(clippy::cast_possible_truncation, reason = "folding both halves is the hash")]
        let folded = (wide as u64) ^ ((wide >> 64) as u64);
        hash = folded;
    };
    let (chunks, rest) = text.as_chunks::<8>();
    chunks.iter().for_each(|chunk| eat(u64::from_le_bytes(*chunk)));
    let mut last = [0_u8; 8];
    last[..rest.len()].copy_from_slice(rest);
    eat(u64::from_le_bytes(last) ^ ((text.len() as u64) << 56));
    hash
}

const UPPER: u64 = 0xFFFF_FFFF_0000_0000;

/// The first table: a small site's names.
const PLACES_MIN: usize = 64;

impl Names {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of `text`, a new one if it was never met.
    pub fn intern(&mut self, text: &str) -> Word {
        if self.places.len() < 2 * (self.ends.len() + 1) {
            self.widen();
        }
        let hash = hash(text.as_bytes());
        match self.place(hash, text) {
            Ok(word) => word,
            Err(free) => {
                let word = Word(u32::try_from(self.ends.len()).expect("each name has a byte of its own, but one"));
                self.texts.push_str(text);
                self.ends.push(u32::try_from(self.texts.len()).expect("four thousand million bytes are never met"));
                self.places[free] = (hash & UPPER) | (u64::from(word.0) + 1);
                word
            }
        }
    }

    /// The number of `text`, if it was met.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Word> {
        if self.places.is_empty() { None } else { self.place(hash(text.as_bytes()), text).ok() }
    }

    /// The number of `text`, or the free place where it belongs.
    fn place(&self, hash: u64, text: &str) -> Result<Word, usize> {
        let mask = self.places.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "the lower bits choose the place")]
        let mut at = hash as usize & mask;
        loop {
            let place = self.places[at];
            #[expect(clippy::cast_possible_truncation, reason = "the lower half is the number")]
            let number = place as u32;
            match number.checked_sub(1) {
                None => return Err(at),
                Some(number) if place & UPPER == hash & UPPER && self.text(Word(number)) == text => {
                    return Ok(Word(number));
                }
                Some(_) => at = (at + 1) & mask,
            }
        }
    }

    /// Doubles the table.
    fn widen(&mut self) {
        let len = (2 * self.places.len()).max(PLACES_MIN);
        self.places.clear();
        self.places.resize(len, 0);
        for number in 0..self.ends.len() {
            let word = Word(u32::try_from(number).expect("every number was given as one"));
            let hash = hash(self.text(word).as_bytes());
            // Each text is there once, so every look ends at a free place.
            #[expect(clippy::cast_possible_truncation, reason = "the lower bits choose the place")]
            let mut at = hash as usize & (len - 1);
            while self.places[at] != 0 {
                at = (at + 1) & (len - 1);
            }
            self.places[at] = (hash & UPPER) | (u64::from(word.0) + 1);
        }
    }

    /// The text of `word`; empty for a number that was never given.
    #[must_use]
    pub fn text(&self, word: Word) -> &str {
        let index = word.0 as usize;
        let Some(end) = self.ends.get(index) else {
            return "";
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start as usize..*end as usize]
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The texts from number `from` on, for the store to keep.
    pub fn since(&self, from: usize) -> impl Iterator<Item = (Word, &str)> {
        (from..self.ends.len()).map(|index| {
            let word = Word(u32::try_from(index).unwrap_or(u32::MAX));
            (word, self.text(word))
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_whatever_comes_after_it() {
        let mut names = Names::new();
        assert_eq!((names.find("0"), names.text(Word(0))), (None, ""));
        let texts: Vec<String> =
            (0..3000).map(|n| format!("{}{n}", "長い名前".repeat(n % 4))).chain([String::new()]).collect();
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(names.intern(text).0 as usize, number);
        }
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(names.intern(text).0 as usize, number);
            assert_eq!(names.find(text).map(|w| w.0 as usize), Some(number));
            assert_eq!(names.text(Word(u32::try_from(number).unwrap_or(0))), text);
        }
        let later: Vec<&str> = names.since(2998).map(|(_, text)| text).collect();
        assert_eq!((names.len(), later), (3001, vec![&*texts[2998], &*texts[2999], ""]));
        assert_eq!((names.find("3000"), names.text(Word(3001))), (None, ""));
    }
}
