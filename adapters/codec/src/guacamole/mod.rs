//! Apache Guacamole's REST API: its answers as records, and records as sessions.
//!
//! A history of connections is asked for again and again: a record comes first without its end,
//! later with it. [`History`] remembers what it has said of which record and says only what is
//! new; what it says twice all the same, after a restart, is known by its identity.
//!
//! Pure, bounded whatever the bytes say. How often is asked, and how, is the link's business.

mod answers;
mod history;

pub use answers::{Active, HISTORY_MAX, Item, Record, Token, read_active, read_date, read_history, read_token};
pub use history::{History, OPEN_MAX, Polled, SEEN_MAX};

#[cfg(test)]
mod tests;
