//! Log lines of gateways, jump hosts and privileged-access products, read by rules written in TOML.
//!
//! [`header::read`] takes a syslog frame or a line of a file apart; a [`LogReader`] turns lines into
//! `session.started`, `session.alive` and `session.ended` by the [`Rules`] of a file. The dialects
//! that come with the product ([`Rules::shipped`]) are such files, to be copied and changed. The
//! language for users is documented in `docs/mappings.md`, whose example a test reads.
//!
//! Does no I/O and knows no clock: the instant of reception is an argument. The same lines at the
//! same instants give the same outcomes. Device input never panics; memory is bounded by
//! [`HELD_MAX`], whatever comes, and what drops out is told by [`LogReader::forgotten`].
//!
//! # The language
//!
//! `[log]` has `name`, `description`, `none` (values that say nothing). Then `[[rule]]`, at most
//! [`RULES_MAX`]; the first that fits decides, unless it says `continue = true`.
//!
//! | key | meaning |
//! | --- | --- |
//! | `contains` | texts of which one stands in the line; all rules' texts are searched in one pass |
//! | `regex` | a pattern over the text, whose named groups are fields |
//! | `read` | `key_value`, `cef`, `leef`, `csv`, `json`; with `separator`, `columns` |
//! | `when`, `unless` | conditions on fields: a text, a list, `matches`, `exists` |
//! | `emit` | `started`, `alive`, `ended`, `ignore`, `hold` |
//! | `fields` | the session's fields: templates, tables as in [`crate::files`], lists of alternatives |
//! | `remember` | what later lines may recall: `name`, `key`, `within`, `adjacent` |
//! | `recall` | what an earlier line left: `name`, `key`, `forget`, `required` |
//!
//! A template of which one part is empty says nothing, so that no id is made of half its parts. A
//! `recall` without a key takes the only line that waits, and none where two do: nothing is guessed.
//!
//! # Identity
//!
//! An observation's `event_id` is 128 bits of a SHA-256 over host, process, its number, text, the
//! device's time and the number of the observation within its line. PRI, RFC 5424 framing and a
//! relay's header are left out, so the same line delivered twice has the same id. A line without any
//! time takes the instant of reception instead, because the same words come again another day.
//!
//! # Limits
//!
//! A session is named by what its lines hold. Where a product gives no number (ASA, IOS), user and
//! address name it: two sessions of one user from one address at one time are told as one.

mod compile;
mod dialects;
mod explain;
pub mod header;
mod held;
mod raw;
mod read;
mod reader;
mod rules;
mod stamp;

pub use explain::{Explanation, Note, Why};
pub use header::LogLine;
pub use held::{Forgotten, HELD_MAX};
pub use raw::Emit;
pub use reader::{LogReader, Outcome};
pub use rules::{RULES_MAX, Rules};

#[cfg(test)]
mod tests;
