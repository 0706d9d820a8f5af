//! Windows' own event logs as a source of sessions: EVTX files, and what winlogbeat and NXLog send.
//!
//! Three steps, each pure. An [`EvtxFile`] or [`read_json`] gives a [`WindowsEvent`], the same
//! whichever way it came. [`InTimeOrder`] brings the channels of a host into one order.
//! [`WindowsSessions`] says what each event means: a session began or ended, or why not.
//!
//! Damaged files: every whole record is taken, each damage is named with its chunk and record,
//! and the rest goes on. Memory is bounded whatever the bytes say: a file is read by chunks of
//! 64 KiB. Knows no clock; does no I/O but through the reader it is given.

mod account;
mod config;
mod event;
mod evtx;
mod json;
mod merge;
mod sessions;

pub use account::{Account, AccountForm};
pub use config::WindowsConfig;
pub use event::{FIELDS_MAX, VALUE_MAX_BYTES, WindowsEvent};
pub use evtx::{CHUNKS_MAX, Damage, EvtxError, EvtxFile, EvtxItem};
pub use json::{JSON_MAX_BYTES, read_json};
pub use merge::InTimeOrder;
pub use sessions::{
    Grain, HINTS_MAX, Ignored, JOIN_WINDOW, OPEN_MAX, OpenSession, Outcome, Role, SessionsConfig, WindowsSessions,
};

#[cfg(test)]
mod tests;
