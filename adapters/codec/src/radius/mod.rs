//! RADIUS accounting (RFC 2866) as a source of sessions: packets to observations, and the answer.
//!
//! [`Packet`] cuts a packet strictly, [`sign`] holds it against the shared secret and builds the
//! answer, [`Record`] reads the attributes, and [`Accounting`] makes observations of them. Over
//! TLS (RFC 6614) it is the same with the secret `radsec`; [`frame_bytes`] cuts the stream.
//!
//! What becomes what:
//!
//! | RADIUS | observation |
//! | --- | --- |
//! | Start | `session.started`; without User-Name it is unreadable |
//! | Interim-Update | `session.alive` |
//! | Stop | `session.ended`, with the word for Acct-Terminate-Cause as its `reason` |
//! | Accounting-On, Accounting-Off | `source.alive`, and `session.ended` with reason `nas-reboot` for each session of that NAS that is known to be open |
//! | Status-Server (RFC 5997) | `source.alive` |
//! | any other Acct-Status-Type | nothing: a tunnel or a link is no session |
//!
//! `session` is `<nas>/<Acct-Session-Id>`, because that id is unique within one NAS alone. `<nas>` is
//! NAS-Identifier, else NAS-IP-Address, else NAS-IPv6-Address, else the address that the packet came
//! from; a `/` in it is written `%2F`, a `%` as `%25`. Acct-Multi-Session-Id joins several sessions
//! to one and is no part of it. `account` is User-Name. `address` is Calling-Station-Id where that
//! is an IP address, else Tunnel-Client-Endpoint where that is one. `inner_address` is
//! Framed-IP-Address, else Framed-IPv6-Address, else Framed-IPv6-Prefix. `device_time` is
//! Event-Timestamp, else the instant of reception minus Acct-Delay-Time.
//!
//! `event_id` is `<word>:<session>@<device_time>`, with the words `start`, `alive`, `end`,
//! `derived-start` and `reboot`; for Accounting-On and -Off `on:<nas>@<device_time>` and `off:…`;
//! Status-Server has none. A retransmission says the same again under the same id, and the journal
//! absorbs it; see [`Accounting`] for packets without Event-Timestamp.
//!
//! Pure: knows no socket and no clock; the caller says when a packet came, and from where.

mod accounting;
mod attribute;
mod memory;
mod packet;
mod record;
pub mod sign;

pub use accounting::{Accounting, Effect, Heard, Outcome, START_LATE_MAX};
pub use memory::{CLOSED_MAX, OPEN_MAX, REPEAT_MAX, REPEATS_MAX};
pub use packet::{Attribute, Attributes, Code, HEADER_BYTES, Malformed, PACKET_MAX_BYTES, Packet, frame_bytes};
pub use record::{NotUnderstood, Record, Status};
pub use sign::{Forged, RADSEC_SECRET, Secret, Signed};

#[cfg(test)]
mod tests;
