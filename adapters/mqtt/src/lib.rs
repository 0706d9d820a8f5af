//! MQTT, both ways round: the built-in listener and the client of an existing broker.
//!
//! Invariant of both: a message is acknowledged only after its receipt resolved, that is after its
//! commit, and in the order in which messages came. What can't be understood is handed on as
//! unreadable and acknowledged once it is kept, so that no device sends it for ever.
//!
//! [`listener`] is the default: devices connect to us, and PUBACK means durable. [`client`] is for
//! a site that has a broker; the broker is then a pipe that may lose what it acknowledged, and gaps
//! are found by the sources' own numbers.
//!
//! Topics: `kukaku/v1/<source>/<anything>`; the payload is one observation object whose `source`
//! equals the topic's. DUP is ignored (an observation is known by its identity), and so is RETAIN:
//! a retained message is an observation like any other, and one that is known already when it is
//! delivered again. Wills are thrown away: a lost link shows as silence of its source.
//!
//! Decides no meaning, opens no database, and reports through [`LinkEvent`].

mod arrival;
pub mod client;
mod error;
mod event;
pub mod listener;
mod throttle;

pub use error::MqttError;
pub use event::{Counted, Counters, LinkEvent, Reporter};
pub use throttle::Rate;

/// The prefix of every topic that is taken.
pub const TOPIC_PREFIX: &str = "kukaku/v1/";
