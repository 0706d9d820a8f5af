//! MQTT 3.1.1 and 5.0 as an intake needs it: what devices send us, and the few packets we answer.
//!
//! Pure: bytes in, borrowed packets out, no clock and no socket. One [`Decoder`] a connection; it
//! learns the version from the CONNECT packet. Every length is bounded before anything is kept,
//! every text is checked for UTF-8, and no input makes it panic. What an intake doesn't serve
//! (QoS 2, topic aliases, extended authentication) is refused as the protocol asks.
//!
//! It is no broker: nothing is ever delivered to a client, so subscriptions are refused and wills
//! are read and thrown away.

mod connect;
mod decode;
mod encode;
mod error;
mod large;
mod properties;
mod scan;
#[cfg(test)]
mod tests;

pub use connect::Connect;
pub use decode::{Decoded, Decoder, Packet, Publish, first_packet, is_publish};
pub use encode::{
    ConnAck, encode_connack, encode_disconnect, encode_pingresp, encode_puback, encode_refusal, encode_suback,
    encode_unsuback,
};
pub use error::{Malformed, Reason};
pub use large::LargePublish;

/// Longest packet held in memory, in bytes after the fixed header, and what is announced to an
/// MQTT 5 client: an observation (64 KiB), the longest topic (64 KiB) and properties, with room.
pub const PACKET_MAX_BYTES: usize = 256 * 1024;

/// Longest packet read from a client that hasn't signed in yet: a CONNECT with a long will fits,
/// and a thousand strangers hold no more than 16 MiB.
pub const UNSIGNED_PACKET_MAX_BYTES: usize = 16 * 1024;

/// Longest PUBLISH that is still read to its end, so that its length and hash can be kept.
/// Longer ones are cut off: only their head is kept.
pub const LARGE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Most properties in one packet: the fullest seen in the field had 12.
pub const PROPERTIES_MAX: usize = 128;

/// Most topic filters in one SUBSCRIBE or UNSUBSCRIBE; each is answered with one byte.
pub const FILTERS_MAX: usize = 256;

/// The protocol version that a client chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1, protocol level 4.
    V311,
    /// MQTT 5.0, protocol level 5.
    V5,
}
