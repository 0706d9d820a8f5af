//! What the attributes of a request say.

use core::net::IpAddr;

use kukaku_schema::{DurationUs, Name, UtcMicros};
use sha2::{Digest, Sha256};

use super::attribute::{
    ACCT_DELAY_TIME, ACCT_INPUT_GIGAWORDS, ACCT_INPUT_OCTETS, ACCT_OUTPUT_GIGAWORDS, ACCT_OUTPUT_OCTETS,
    ACCT_SESSION_ID, ACCT_SESSION_TIME, ACCT_STATUS_TYPE, ACCT_TERMINATE_CAUSE, CALLING_STATION_ID, EVENT_TIMESTAMP,
    FRAMED_IP_ADDRESS, FRAMED_IPV6_ADDRESS, FRAMED_IPV6_PREFIX, Kind, MESSAGE_AUTHENTICATOR, NAS_IDENTIFIER,
    NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, PROXY_STATE, TUNNEL_CLIENT_ENDPOINT, USER_NAME, address_in, cause_word,
    endpoint_in, ipv4, ipv6, ipv6_prefix, name, number,
};
use super::packet::Packet;

/// How much of a NAS's name and of a session's id stands in a session's name, in bytes: with the
/// word and the time of an event id around them they fit into a name.
const NAS_MAX_BYTES: usize = 80;
const SESSION_ID_MAX_BYTES: usize = 120;

/// What an accounting request is about: Acct-Status-Type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Start (1): a session began.
    Start,
    /// Stop (2): it ended.
    Stop,
    /// Interim-Update (3): it is still open.
    Interim,
    /// Accounting-On (7): the NAS came up.
    On,
    /// Accounting-Off (8): the NAS goes down.
    Off,
    /// Tunnels, links, failures, and what was never assigned.
    Other(u32),
}

/// Why a signed request can't be understood. Such are kept as unreadable, and answered once kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// An attribute that must be there.
    #[error("{name} ({kind}) is missing")]
    Missing {
        /// Its type.
        kind: u8,
        /// Its name.
        name: &'static str,
    },
    /// An attribute that may stand once.
    #[error("{name} ({kind}) stands twice")]
    Twice {
        /// Its type.
        kind: u8,
        /// Its name.
        name: &'static str,
    },
    /// A value of the wrong length.
    #[error("{name} ({kind}) has {got} bytes, expected {wanted}")]
    Length {
        /// Its type.
        kind: u8,
        /// Its name.
        name: &'static str,
        /// How many it has.
        got: usize,
        /// How many it should have.
        wanted: usize,
    },
    /// A text that is none, or that can't be a name.
    #[error("{name} ({kind}): {why}")]
    Text {
        /// Its type.
        kind: u8,
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A prefix that says more bits than it has.
    #[error("{name} ({kind}) is no IPv6 prefix")]
    Prefix {
        /// Its type.
        kind: u8,
        /// Its name.
        name: &'static str,
    },
}

/// What a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is about.
    pub status: Status,
    /// The NAS, escaped and shortened, as in session names.
    pub nas: String,
    /// `<nas>/<Acct-Session-Id>`; none where there is no such id.
    pub session: Option<Name>,
    /// User-Name.
    pub account: Option<Name>,
    /// The machine's address.
    pub address: Option<Name>,
    /// The address that the NAS gave it.
    pub inner_address: Option<Name>,
    /// Event-Timestamp.
    pub event_time: Option<UtcMicros>,
    /// Acct-Delay-Time; nothing where it isn't said.
    pub delay: DurationUs,
    /// Acct-Session-Time: how long the session has lasted.
    pub session_time: Option<DurationUs>,
    /// Acct-Input-Octets and Acct-Output-Octets together, with their gigawords (RFC 2869, 5.1,
    /// 5.2): bytes in both directions. None where neither is said.
    pub octets: Option<u64>,
    /// The word for Acct-Terminate-Cause.
    pub cause: Option<Name>,
    /// SHA-256 over the attributes that a retransmission leaves as they are.
    pub(super) same: [u8; 32],
}

impl Record {
    /// Reads the attributes of a request that came from `sender`.
    ///
    /// # Errors
    /// The attribute that is missing or wrong, by name and number.
    pub fn read(packet: &Packet<'_>, sender: IpAddr) -> Result<Self, NotUnderstood> {
        let one = |kind: Kind| once(packet, kind);
        let number_of = |kind: Kind| one(kind)?.map(|value| number(kind, value)).transpose();
        let text_of = |kind: Kind| one(kind)?.map(|value| name(kind, value)).transpose();
        let seconds_of = |kind: Kind| number_of(kind).map(|n| n.map(|n| DurationUs::from_secs(i64::from(n))));
        let missing = |kind: Kind| NotUnderstood::Missing { kind: kind.0, name: kind.1 };
        let status = match number_of(ACCT_STATUS_TYPE)?.ok_or_else(|| missing(ACCT_STATUS_TYPE))? {
            1 => Status::Start,
            2 => Status::Stop,
            3 => Status::Interim,
            7 => Status::On,
            8 => Status::Off,
            other => Status::Other(other),
        };
        let nas = shortened(escaped(&nas_name(packet, sender)?), NAS_MAX_BYTES);
        let id = text_of(ACCT_SESSION_ID)?;
        let session = id.map(|id| {
            let id = shortened(id.into_string(), SESSION_ID_MAX_BYTES);
            Name::new(format!("{nas}/{id}")).expect("short enough, and made of names")
        });
        let account = text_of(USER_NAME)?;
        match status {
            Status::Start | Status::Stop | Status::Interim if session.is_none() => {
                return Err(missing(ACCT_SESSION_ID));
            }
            Status::Start if account.is_none() => return Err(missing(USER_NAME)),
            _ => {}
        }
        let endpoint = packet.attributes().filter(|a| a.kind == TUNNEL_CLIENT_ENDPOINT.0);
        let calling = one(CALLING_STATION_ID)?.and_then(address_in);
        let address = calling.or_else(|| endpoint.map(|a| a.value).find_map(endpoint_in));
        let event_time = number_of(EVENT_TIMESTAMP)?.map(|s| UtcMicros(i64::from(s) * 1_000_000));
        Ok(Self {
            status,
            nas,
            session,
            account,
            address: address.map(|address| printable(&address.to_canonical().to_string())),
            inner_address: inner_address(packet)?,
            event_time,
            delay: seconds_of(ACCT_DELAY_TIME)?.unwrap_or(DurationUs::ZERO),
            session_time: seconds_of(ACCT_SESSION_TIME)?,
            octets: octets(number_of)?,
            cause: number_of(ACCT_TERMINATE_CAUSE)?.map(|cause| printable(&cause_word(cause))),
            same: same(packet),
        })
    }

    /// When what it tells happened, for a request that came at `received`.
    #[must_use]
    pub fn device_time(&self, received: UtcMicros) -> UtcMicros {
        self.event_time.unwrap_or_else(|| received.minus(self.delay))
    }
}

/// The value of an attribute that may stand once. An empty one says nothing.
fn once<'a>(packet: &Packet<'a>, kind: Kind) -> Result<Option<&'a [u8]>, NotUnderstood> {
    let mut found = packet.attributes().filter(|attribute| attribute.kind == kind.0);
    let first = found.next();
    if found.next().is_some() {
        return Err(NotUnderstood::Twice { kind: kind.0, name: kind.1 });
    }
    Ok(first.map(|attribute| attribute.value).filter(|value| !value.is_empty()))
}

fn nas_name(packet: &Packet<'_>, sender: IpAddr) -> Result<String, NotUnderstood> {
    if let Some(value) = once(packet, NAS_IDENTIFIER)? {
        return name(NAS_IDENTIFIER, value).map(Name::into_string);
    }
    if let Some(value) = once(packet, NAS_IP_ADDRESS)? {
        return ipv4(NAS_IP_ADDRESS, value).map(|address| address.to_string());
    }
    if let Some(value) = once(packet, NAS_IPV6_ADDRESS)? {
        return ipv6(NAS_IPV6_ADDRESS, value).map(|address| address.to_string());
    }
    // RFC 2866 demands one of them; where a NAS forgets it, it is known by where it stands.
    Ok(sender.to_canonical().to_string())
}

fn inner_address(packet: &Packet<'_>) -> Result<Option<Name>, NotUnderstood> {
    if let Some(value) = once(packet, FRAMED_IP_ADDRESS)? {
        let address = ipv4(FRAMED_IP_ADDRESS, value)?;
        // RFC 2865, section 5.8: the user or the NAS was to choose; not an address.
        if !matches!(u32::from(address), 0xFFFF_FFFF | 0xFFFF_FFFE) {
            return Ok(Some(printable(&address.to_string())));
        }
    }
    let first = |kind: Kind| packet.attributes().find(|a| a.kind == kind.0).map(|a| a.value);
    if let Some(value) = first(FRAMED_IPV6_ADDRESS) {
        return ipv6(FRAMED_IPV6_ADDRESS, value).map(|address| Some(printable(&address.to_string())));
    }
    let prefix = first(FRAMED_IPV6_PREFIX).map(|value| ipv6_prefix(FRAMED_IPV6_PREFIX, value)).transpose()?;
    Ok(prefix.map(|prefix| printable(&prefix)))
}

fn printable(text: &str) -> Name {
    Name::new(text).expect("an address or a word of ours is a name")
}

/// The name of a NAS without a slash, so that it ends at the first one in a session's name.
fn escaped(nas: &str) -> String {
    nas.replace('%', "%25").replace('/', "%2F")
}

/// The text, or its beginning and a hash of all of it where it is longer than `max` bytes.
fn shortened(text: String, max: usize) -> String {
    const HASH_BYTES: usize = 16;
    if text.len() <= max {
        return text;
    }
    let hash: String = Sha256::digest(&text)[..HASH_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}#{hash}", &text[..text.floor_char_boundary(max - 1 - 2 * HASH_BYTES)])
}

/// A retransmission may change Acct-Delay-Time, and with it the signatures; proxies change their state.
fn same(packet: &Packet<'_>) -> [u8; 32] {
    let varies = [ACCT_DELAY_TIME.0, MESSAGE_AUTHENTICATOR.0, PROXY_STATE.0];
    let mut hash = Sha256::new();
    for attribute in packet.attributes().filter(|attribute| !varies.contains(&attribute.kind)) {
        let length = u8::try_from(attribute.value.len()).expect("its length was one byte in the packet");
        hash.update([attribute.kind, length]);
        hash.update(attribute.value);
    }
    hash.finalize().into()
}

/// The counters wrap at 32 bits; how often they did is told apart.
fn octets(number_of: impl Fn(Kind) -> Result<Option<u32>, NotUnderstood>) -> Result<Option<u64>, NotUnderstood> {
    let ways = [(ACCT_INPUT_OCTETS, ACCT_INPUT_GIGAWORDS), (ACCT_OUTPUT_OCTETS, ACCT_OUTPUT_GIGAWORDS)];
    let mut sum: Option<u64> = None;
    for (low, high) in ways {
        if let Some(low) = number_of(low)? {
            let high = u64::from(number_of(high)?.unwrap_or(0));
            sum = Some(sum.unwrap_or(0).saturating_add((high << 32) | u64::from(low)));
        }
    }
    Ok(sum)
}
