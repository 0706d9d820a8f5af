//! From the bytes of a connection to packets.

use super::connect::{self, Connect};
use super::error::{Malformed, Reason};
use super::properties::{self, Place};
use super::scan::{self, Scan};
use super::{FILTERS_MAX, PACKET_MAX_BYTES, UNSIGNED_PACKET_MAX_BYTES, Version};

/// Control packet types (MQTT 5.0 table 2-1).
const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
const PINGREQ: u8 = 12;
const DISCONNECT: u8 = 14;
const AUTH: u8 = 15;

/// A packet that a client may send to an intake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// It signs in. Always and only the first packet.
    Connect(Connect<'a>),
    /// It says something.
    Publish(Publish<'a>),
    /// It wants to hear something, which is refused filter by filter.
    Subscribe {
        /// Names the answer.
        packet_id: u16,
        /// How many filters, each to be answered.
        filters: usize,
    },
    /// It no longer wants to hear something.
    Unsubscribe {
        /// Names the answer.
        packet_id: u16,
        /// How many filters, each to be answered.
        filters: usize,
    },
    /// A sign of life that wants one back.
    PingReq,
    /// It goes in order.
    Disconnect,
}

/// What a client says. Its bytes are slices of the buffer that was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The topic: UTF-8, not empty, without wildcards.
    pub topic: &'a str,
    /// The number that the acknowledgement names; none at QoS 0, which wants none.
    pub packet_id: Option<u16>,
    /// It may have been sent before.
    pub duplicate: bool,
    /// Meant to be retained; an intake keeps everything and retains nothing.
    pub retain: bool,
    /// The payload; of a large one, what the buffer held of it.
    pub payload: &'a [u8],
}

/// What stands at the head of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Not a whole packet yet: so many bytes in all are needed to go on.
    More(usize),
    /// A whole packet.
    Packet {
        /// It.
        packet: Packet<'a>,
        /// How many bytes of the buffer it took.
        used: usize,
    },
    /// The head of a PUBLISH longer than [`PACKET_MAX_BYTES`]: the rest of its payload follows.
    Large {
        /// Its head, with what of the payload is here.
        publish: Publish<'a>,
        /// How many bytes of the buffer it took.
        used: usize,
        /// How many bytes of payload are still to come.
        to_come: usize,
    },
}

/// Decodes the packets of one connection, in order.
#[derive(Debug, Default)]
pub struct Decoder {
    version: Option<Version>,
}

impl Decoder {
    /// A decoder that awaits CONNECT.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The version that the client chose, once it sent CONNECT.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// Reads what stands at the head of `buffer`.
    ///
    /// # Errors
    /// [`Malformed`] with the reason code to give: the connection can't go on.
    pub fn decode<'a>(&mut self, buffer: &'a [u8]) -> Result<Decoded<'a>, Malformed> {
        let Some(&first) = buffer.first() else {
            return Ok(Decoded::More(2));
        };
        let kind = first >> 4;
        self.check_kind(first)?;
        let Some((length, length_bytes)) = scan::variable(&buffer[1..])? else {
            return Ok(Decoded::More(buffer.len() + 1));
        };
        let start = 1 + length_bytes;
        let limit = if self.version.is_some() { PACKET_MAX_BYTES } else { UNSIGNED_PACKET_MAX_BYTES };
        if length > limit {
            if kind == PUBLISH {
                return self.large(buffer, start, length);
            }
            return Err(Malformed::refused(
                Reason::PacketTooLarge,
                format!("a packet of {length} bytes, {limit} are taken"),
            ));
        }
        let used = start + length;
        let Some(body) = buffer.get(start..used) else {
            return Ok(Decoded::More(used));
        };
        let packet = self.packet(first, body)?;
        if let Packet::Connect(connect) = &packet {
            self.version = Some(connect.version);
        }
        Ok(Decoded::Packet { packet, used })
    }

    /// Checks type and flags before anything is awaited (MQTT 5.0 sections 2.1.2 and 2.1.3).
    fn check_kind(&self, first: u8) -> Result<(), Malformed> {
        let (kind, flags) = (first >> 4, first & 0x0F);
        match (self.version, kind) {
            (None, CONNECT) | (Some(_), PUBLISH | SUBSCRIBE | UNSUBSCRIBE | PINGREQ | DISCONNECT) => {}
            (None, _) => {
                return Err(Malformed::protocol(format!("packet type {kind} before CONNECT")));
            }
            (Some(_), CONNECT) => return Err(Malformed::protocol("a second CONNECT")),
            (Some(Version::V5), AUTH) => {
                return Err(Malformed::refused(
                    Reason::BadAuthenticationMethod,
                    "extended authentication isn't served",
                ));
            }
            (Some(_), _) => {
                return Err(Malformed::protocol(format!("packet type {kind} isn't for a client to send here")));
            }
        }
        let expected = if matches!(kind, SUBSCRIBE | UNSUBSCRIBE) { 0x02 } else { 0x00 };
        if self.version.is_none() && first == 0x16 {
            return Err(Malformed::packet("a TLS handshake, and this port speaks plain MQTT"));
        }
        if kind != PUBLISH && flags != expected {
            return Err(Malformed::packet(format!("packet type {kind} with flags 0x{flags:X}")));
        }
        Ok(())
    }

    fn packet<'a>(&self, first: u8, body: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let version = self.version.unwrap_or(Version::V311);
        match first >> 4 {
            CONNECT => connect::read(body).map(Packet::Connect),
            PUBLISH => publish(first, body, version).map(Packet::Publish),
            SUBSCRIBE => {
                let (packet_id, filters) = filters(body, version, Place::Subscribe)?;
                Ok(Packet::Subscribe { packet_id, filters })
            }
            UNSUBSCRIBE => {
                let (packet_id, filters) = filters(body, version, Place::Unsubscribe)?;
                Ok(Packet::Unsubscribe { packet_id, filters })
            }
            PINGREQ if body.is_empty() => Ok(Packet::PingReq),
            DISCONNECT => disconnect(body, version).map(|()| Packet::Disconnect),
            kind => Err(Malformed::packet(format!("packet type {kind} with {} bytes", body.len()))),
        }
    }

    fn large<'a>(&self, buffer: &'a [u8], start: usize, length: usize) -> Result<Decoded<'a>, Malformed> {
        // Topic and properties end well before this, so the head can be read from what is here.
        let needed = start + PACKET_MAX_BYTES;
        if buffer.len() < needed {
            return Ok(Decoded::More(needed));
        }
        let end = buffer.len().min(start + length);
        let version = self.version.unwrap_or(Version::V311);
        let publish = publish(buffer[0], &buffer[start..end], version)?;
        Ok(Decoded::Large { publish, used: end, to_come: start + length - end })
    }
}

/// The buffer begins with a PUBLISH, whole or not.
#[must_use]
pub fn is_publish(buffer: &[u8]) -> bool {
    buffer.first().is_some_and(|first| first >> 4 == PUBLISH)
}

/// What the buffer holds of its first packet: for keeping one that can't be decoded.
#[must_use]
pub fn first_packet(buffer: &[u8]) -> &[u8] {
    match buffer.get(1..).map(scan::variable) {
        Some(Ok(Some((length, length_bytes)))) => &buffer[..buffer.len().min(1 + length_bytes + length)],
        _ => buffer,
    }
}

fn publish(first: u8, body: &[u8], version: Version) -> Result<Publish<'_>, Malformed> {
    let duplicate = first & 0x08 != 0;
    let qos = (first >> 1) & 0x03;
    match qos {
        0 if duplicate => return Err(Malformed::packet("PUBLISH: DUP at QoS 0")),
        3 => return Err(Malformed::packet("PUBLISH: QoS 3")),
        2 => {
            return Err(Malformed::refused(
                Reason::QosNotSupported,
                "PUBLISH at QoS 2: send at QoS 1, numbers make it exactly once",
            ));
        }
        _ => {}
    }
    let mut scan = Scan::new(body);
    let topic = scan.text("topic")?;
    let packet_id = if qos == 0 { None } else { Some(packet_id(&mut scan)?) };
    if version == Version::V5 {
        let found = properties::read(&mut scan, Place::Publish)?;
        if found.topic_alias.is_some() {
            return Err(Malformed::refused(
                Reason::TopicAliasInvalid,
                "a topic alias, where none was offered: send the topic in full",
            ));
        }
    }
    if topic.is_empty() || topic.contains(['+', '#']) {
        return Err(Malformed::refused(Reason::TopicNameInvalid, "a topic that is empty or holds + or #"));
    }
    Ok(Publish { topic, packet_id, duplicate, retain: first & 0x01 != 0, payload: scan.rest() })
}

fn packet_id(scan: &mut Scan<'_>) -> Result<u16, Malformed> {
    match scan.two("packet identifier")? {
        0 => Err(Malformed::protocol("packet identifier 0")),
        id => Ok(id),
    }
}

fn filters(body: &[u8], version: Version, place: Place) -> Result<(u16, usize), Malformed> {
    let mut scan = Scan::new(body);
    let id = packet_id(&mut scan)?;
    if version == Version::V5 {
        properties::read(&mut scan, place)?;
    }
    let mut count = 0;
    while !scan.is_empty() {
        scan.text("topic filter")?;
        if place == Place::Subscribe {
            scan.byte("subscription options")?;
        }
        count += 1;
        if count > FILTERS_MAX {
            return Err(Malformed::packet(format!("more than {FILTERS_MAX} topic filters in one packet")));
        }
    }
    if count == 0 {
        return Err(Malformed::protocol("a subscription without a topic filter"));
    }
    Ok((id, count))
}

fn disconnect(body: &[u8], version: Version) -> Result<(), Malformed> {
    if version == Version::V311 {
        return if body.is_empty() { Ok(()) } else { Err(Malformed::packet("DISCONNECT with bytes in it")) };
    }
    let mut scan = Scan::new(body);
    if !scan.is_empty() {
        scan.byte("reason code")?;
    }
    if !scan.is_empty() {
        properties::read(&mut scan, Place::Disconnect)?;
    }
    if scan.is_empty() { Ok(()) } else { Err(Malformed::packet("DISCONNECT: bytes after the last field")) }
}
