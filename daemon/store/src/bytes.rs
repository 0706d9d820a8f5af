//! Compact bytes for facts and findings, read at every start.
//!
//! Numbers are LEB128: seven bits a byte, lowest first, the top bit set on all but the last.
//! Signed ones are zigzag coded before. An optional number is one more than itself, 0 for none.
//! Words are numbers of table `word`. Derived data: a new layout gets a new first byte, and what
//! has another first byte is refused, never guessed.
//!
//! A row of facts: for each, its entry minus the one before (the first: minus the row's key), its
//! length in bytes, and the fact.
//! Fact: layout (1), recorded_at, device_time minus recorded_at, source, epoch?, seq?, order (8
//! bytes, big-endian), sort of body, its fields in the order of `FactBody`.
//! Finding: layout (1), kind (length, text), number of subjects in the key, key instant, severity
//! (0 medium, 1 high, 2 critical), span start, span end, client?, number of subjects, subjects
//! (sort, word, second word for a session), number of proofs, each proof minus the one before.

mod fact;
mod finding;

pub(crate) use fact::{FactRow, append_fact};
#[cfg(test)]
use fact::{read_fact, write_fact};
pub(crate) use finding::{read_finding, write_finding};

use kukaku_core::Word;

/// The one layout that is written.
const LAYOUT: u8 = 1;

/// Why bytes could not be read.
pub(crate) type Fault = &'static str;

/// Appends numbers.
pub(crate) struct Out<'a>(pub(crate) &'a mut Vec<u8>);

impl Out<'_> {
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7F) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8 & 0x7F);
    }

    fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn word(&mut self, word: Word) {
        self.number(u64::from(word.0));
    }

    fn maybe_word(&mut self, word: Option<Word>) {
        self.number(word.map_or(0, |word| u64::from(word.0) + 1));
    }

    fn maybe_number(&mut self, value: Option<u64>) {
        // One more than itself would overflow for the largest: a flag byte keeps all of them.
        match value {
            None => self.0.push(0),
            Some(value) => {
                self.0.push(1);
                self.number(value);
            }
        }
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }
}

/// What is not yet read.
pub(crate) struct In<'a>(pub(crate) &'a [u8]);

impl In<'_> {
    fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.0.split_first().ok_or("the bytes end too early")?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7F);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number is too large")
    }

    fn signed(&mut self) -> Result<i64, Fault> {
        let raw = self.number()?;
        Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    fn word(&mut self) -> Result<Word, Fault> {
        u32::try_from(self.number()?).map(Word).map_err(|_| "a word is too large")
    }

    fn maybe_word(&mut self) -> Result<Option<Word>, Fault> {
        match self.number()? {
            0 => Ok(None),
            above => u32::try_from(above - 1).map(|word| Some(Word(word))).map_err(|_| "a word is too large"),
        }
    }

    fn maybe_number(&mut self) -> Result<Option<u64>, Fault> {
        if self.flag()? { self.number().map(Some) } else { Ok(None) }
    }

    fn flag(&mut self) -> Result<bool, Fault> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("a flag is neither 0 nor 1"),
        }
    }

    /// How many parts follow: no more than there are bytes, so damage can't ask for much memory.
    fn count(&mut self) -> Result<usize, Fault> {
        let count = self.number()?;
        usize::try_from(count).ok().filter(|count| *count <= self.0.len()).ok_or("a count is too large")
    }

    fn layout(&mut self) -> Result<(), Fault> {
        if self.byte()? == LAYOUT { Ok(()) } else { Err("the layout is unknown to this version") }
    }

    fn end(&self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err("bytes follow the last field") }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
