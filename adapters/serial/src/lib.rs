//! Serial lines: line protocols from readers and panels.
//!
//! [`SerialLink::run`] keeps one port open for as long as it is polled: it opens it with a lock,
//! cuts and reads the frames as `kukaku_codec::line` says, submits what they say to the intake,
//! and answers the panel only after the commit. A port that vanishes is opened again, by the same
//! path, until it is back; each coming and going is a [`LinkEvent`], so that the daemon can record
//! the gap.
//!
//! What was read is never dropped: while the writer refuses it is offered again, and while the
//! queue is full the port is not read, so that the panel holds the rest.

mod backoff;
mod config;
mod keeper;
mod link;

pub use config::{Flow, Parity, SerialConfig, SerialConfigError};
pub use link::{LinkEvent, LinkEventKind, SerialLink};
