//! Files of other systems: CSV, TSV and JSON Lines, read by a mapping written in TOML.
//!
//! A [`Mapping`] says for each field of an observation where it comes from. [`read_rows`] turns a
//! file into observations; [`Portions`] gives the same rows with borrowed texts, some of them at a
//! time and on any thread, for a replay of millions of them. Both read a row by the same rules,
//! refuse the same rows for the same reason, and go on behind one that fails. Memory is bounded
//! whatever the file holds.
//!
//! Does no I/O but through the `Read` it is given, and knows no clock.
//!
//! # The mapping file
//!
//! Tables `[doors]`, `[sessions]` and `[lines]` (a city's record of when it unlocked its line), each
//! with:
//!
//! | key | meaning | default |
//! | --- | --- | --- |
//! | `encoding` | `utf-8`, or `shift_jis` (also `cp932`) | `utf-8` |
//! | `skip_lines` | lines before the header | 0 |
//! | `format` | `csv`, `tsv`, `jsonl` | `csv` |
//! | `quoted` | whether `"` holds a field together | true |
//! | `delimiter` | one ASCII character | comma, or tab |
//! | `header` | whether the first line names the columns | true |
//! | `columns` | the names of the columns where there is no header | none: numbers from 1 |
//! | `fields` | for each field of an observation a rule | |
//!
//! A rule has exactly one of `column` (name, or number from 1; for JSON Lines a key, or keys with
//! dots between), `constant`, `template` (`"card:{名前}"`), and may have `map`, `default`,
//! `narrow` (full-width letters made ASCII), `take` (the part that a regular expression finds),
//! `lower` (letters made small), for times `format` and `zone`, for `factors` a
//! `separator`. Blanks around a value are dropped; a template whose columns are all empty is
//! empty.

mod error;
mod fields;
mod json;
mod mapping;
mod observe;
mod plan;
mod portions;
mod raw;
mod read;
mod records;
mod rows;
mod rule;
mod slots;
mod split;
mod strf;
mod template;
mod time;
mod values;
mod walker;

pub use error::{LineError, MappingError, ReadError};
pub use mapping::{Encoding, Mapping, Table};
pub use portions::{Portion, Portions};
pub use raw::RawRule;
pub use read::{Observations, RowCount, read_rows};
pub use rows::{DoorRowRef, Factors, SessionRowRef};

// Line protocols and logs are read by the same rules.
pub(crate) use fields::{Field, listed, of_kind};
pub(crate) use json::write as write_json;
pub(crate) use mapping::{key_at, line_at};
pub(crate) use plan::{Plan, Purpose};
pub(crate) use raw::ColumnRef;
pub(crate) use rule::{Rule, SlotNames, Slotted};
pub(crate) use slots::{ABSENT, Slots};
pub(crate) use split::{split_plain, split_quoted};
pub(crate) use time::TimeFormat;
pub(crate) use walker::decode;

#[cfg(test)]
mod tests;
