//! Syslog as a source: UDP, TCP and TLS with both framings, and RELP.
//!
//! [`SyslogLink::serve`] takes lines from the senders that are configured and hands each to the
//! [`LineReader`] of its source; what the reader makes of it goes to the intake. The link knows no
//! dialect: most lines say nothing that is kept, and only the reader knows which.
//!
//! What each transport promises:
//!
//! - RELP: a line is answered after the commit of everything that came of it, so its sender loses
//!   nothing. A line may come twice; what it says is known by its identity.
//! - TCP and TLS: nobody answers, so what was read is offered to the writer until it is durable,
//!   and while that lasts the connection is not read on: the rest waits with its sender.
//! - UDP: datagrams are drained into a bounded buffer while the writer is busy. What overflows it,
//!   and what the kernel dropped before we could read it, is counted and told as
//!   [`LinkEventKind::Lost`] with its span, so that the daemon can record the gap.
//!
//! A sender that no source names is never taken and never passed over in silence: its lines (UDP)
//! or connections are counted and told. A line that is too long or cut off is kept as unreadable.

mod backoff;
mod config;
mod connection;
mod drops;
mod error;
mod event;
mod keeper;
mod limits;
mod link;
mod reading;
mod slots;
mod sources;
mod tally;
mod udp;

pub use config::{Listen, Network, SourceConfig, SyslogConfig, SyslogConfigError, Transport};
pub use error::SyslogError;
pub use event::{Counted, Counters, LinkEvent, LinkEventKind, LossPlace};
pub use limits::Limits;
pub use link::{Now, SyslogLink};
pub use sources::{LineReader, Taken};
