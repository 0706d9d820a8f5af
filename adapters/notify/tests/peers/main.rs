//! Deliveries to real peers on loopback: a mail server, an HTTP receiver in another language,
//! mosquitto, rsyslogd, and a simulator of a signal tower that speaks the documented bytes.
//!
//! The harm if these fail: an alert that nobody gets, that a stranger can forge or read, or
//! that carries a name as a command into somebody's mail, log or terminal.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;
mod mail;
mod mqtt;
mod syslog;
mod tower;
mod webhook;
