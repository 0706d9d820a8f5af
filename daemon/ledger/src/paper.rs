//! A checkpoint on paper: lines that a person reads aloud or types, each under its own check.
//!
//! ```text
//! KUKAKU PAPER 1
//! ORIGIN kukaku/sapporo-1-0a1b2c3d XXXXX
//! SIZE 12345 XXXXX
//! DATE 2026-11-22T09:00:00+09:00 XXXXX
//! ROOT XXXXX XXXXX XXXXX XXXXX
//! ROOT XXXXX XXXXX XXXXX XXXXX
//! ROOT XXXXX XXXXX XXXXX XXXXX
//! ROOT XXXXX
//! ```
//!
//! The root is all 256 bits in groups of four symbols and a check symbol ([`crate::to_groups`]);
//! the other lines end with one such group: the first 16 bits of
//! `SHA-256("kukaku-paper/1\n" || word || "\n" || value)`. Unsigned: it can only be compared.

use crate::aloud::{from_groups, plain, to_groups};
use crate::checkpoint::{Checkpoint, Head};
use crate::error::PaperError;
use crate::hash::Hash;
use crate::tree::MAX_TREE_SIZE;

const TITLE: &str = "KUKAKU PAPER 1";
const GROUPS_A_LINE: usize = 4;

/// Longest typed paper in bytes.
pub const PAPER_MAX_BYTES: usize = 8 * 1024;

/// A checkpoint as it stands on paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// Whose it is, and its head; a claim.
    pub checkpoint: Checkpoint,
    /// When it was signed, RFC 3339; a claim.
    pub date: String,
}

fn check(word: &str, value: &str) -> String {
    let hash = Hash::of(format!("kukaku-paper/1\n{word}\n{value}").as_bytes());
    to_groups(&hash.as_bytes()[..2]).concat()
}

impl Paper {
    /// The lines.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Head { size, root } = self.checkpoint.head;
        let mut text = format!("{TITLE}\n");
        for (word, value) in
            [("ORIGIN", self.checkpoint.origin.as_str()), ("SIZE", &size.to_string()), ("DATE", &self.date)]
        {
            text.push_str(&format!("{word} {value} {}\n", check(word, value)));
        }
        for line in to_groups(root.as_bytes()).chunks(GROUPS_A_LINE) {
            text.push_str(&format!("ROOT {}\n", line.join(" ")));
        }
        text
    }

    /// Reads what was typed: full-width, with lines in any order, and words of any case. Lines
    /// that begin with none of the words are passed over.
    ///
    /// # Errors
    /// [`PaperError`]: which line is missing or wrong.
    pub fn parse(typed: &str) -> Result<Self, PaperError> {
        let (mut origin, mut size, mut date, mut groups) = (None, None, None, String::new());
        for (number, line) in typed.lines().enumerate() {
            let half: String = line.chars().map(half_width).collect();
            let mut words = half.split_whitespace();
            let Some(word) = words.next().map(|word| word.chars().map(plain).collect::<String>()) else { continue };
            let rest: Vec<&str> = words.collect();
            let slot = match word.as_str() {
                "ROOT" => {
                    groups.extend(rest);
                    continue;
                }
                "ORIGIN" => &mut origin,
                "SIZE" => &mut size,
                "DATE" => &mut date,
                _ => continue,
            };
            let wrong = PaperError::Line(number + 1);
            let (last, value) = rest.split_last().ok_or(wrong)?;
            let value = value.concat();
            let typed: String = last.chars().map(plain).collect();
            let meant = from_groups::<2>(&typed).map_err(|_| wrong)?;
            if to_groups(&meant).concat() != check(&word, &value) {
                return Err(wrong);
            }
            *slot = Some(value);
        }
        let origin = origin.ok_or(PaperError::Missing("ORIGIN"))?;
        let size: u64 = size
            .ok_or(PaperError::Missing("SIZE"))?
            .parse()
            .ok()
            .filter(|size| (1..=MAX_TREE_SIZE).contains(size))
            .ok_or(PaperError::Missing("SIZE"))?;
        let date = date.ok_or(PaperError::Missing("DATE"))?;
        if groups.is_empty() {
            return Err(PaperError::Missing("ROOT"));
        }
        let root: [u8; 32] = from_groups(&groups)?;
        let root = Hash::from_slice(&root).ok_or(PaperError::Missing("ROOT"))?;
        Ok(Self { checkpoint: Checkpoint { origin, head: Head { size, root } }, date })
    }
}

fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn paper() -> Paper {
        let head = Head { size: 12_345, root: Hash::of(b"root") };
        let checkpoint = Checkpoint { origin: "kukaku/sapporo-1-0a1b2c3d".to_owned(), head };
        Paper { checkpoint, date: "2026-11-22T09:00:00+09:00".to_owned() }
    }

    #[test]
    fn what_is_printed_is_read_back_however_it_is_typed() {
        let text = paper().to_text();
        assert_eq!(Paper::parse(&text).unwrap(), paper());
        let small: String = text.lines().map(|l| l.replace("ROOT", "root") + "\r\n").collect();
        assert_eq!(Paper::parse(&small).unwrap(), paper());
        let wide: String = text
            .chars()
            .map(|c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xfee0).unwrap() } else { c })
            .collect();
        assert_eq!(Paper::parse(&wide).unwrap(), paper());
        assert!(text.lines().all(|line| line.len() < 80));
    }

    #[test]
    fn every_wrong_letter_is_noticed() {
        let text = paper().to_text();
        let begin = text.find("ORIGIN").unwrap();
        for (at, c) in text.char_indices().filter(|(at, c)| *at >= begin && c.is_ascii_alphanumeric()) {
            for other in ['2', '7', 'Q', 'z'] {
                if other.eq_ignore_ascii_case(&c) {
                    continue;
                }
                let typed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                assert!(Paper::parse(&typed).is_err(), "{typed}");
            }
        }
        assert!(Paper::parse("").is_err());
    }
}
