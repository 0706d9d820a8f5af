//! Types of attributes, and their values.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use kukaku_schema::Name;

use super::record::NotUnderstood;

/// The attributes that are read: number and name (RFC 2865, 2866, 2868, 2869, 3162, 6911).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(pub(super) u8, pub(super) &'static str);

pub(super) const USER_NAME: Kind = Kind(1, "User-Name");
pub(super) const NAS_IP_ADDRESS: Kind = Kind(4, "NAS-IP-Address");
pub(super) const FRAMED_IP_ADDRESS: Kind = Kind(8, "Framed-IP-Address");
pub(super) const CALLING_STATION_ID: Kind = Kind(31, "Calling-Station-Id");
pub(super) const NAS_IDENTIFIER: Kind = Kind(32, "NAS-Identifier");
pub(super) const PROXY_STATE: Kind = Kind(33, "Proxy-State");
pub(super) const ACCT_STATUS_TYPE: Kind = Kind(40, "Acct-Status-Type");
pub(super) const ACCT_DELAY_TIME: Kind = Kind(41, "Acct-Delay-Time");
pub(super) const ACCT_SESSION_ID: Kind = Kind(44, "Acct-Session-Id");
pub(super) const ACCT_INPUT_OCTETS: Kind = Kind(42, "Acct-Input-Octets");
pub(super) const ACCT_OUTPUT_OCTETS: Kind = Kind(43, "Acct-Output-Octets");
pub(super) const ACCT_INPUT_GIGAWORDS: Kind = Kind(52, "Acct-Input-Gigawords");
pub(super) const ACCT_OUTPUT_GIGAWORDS: Kind = Kind(53, "Acct-Output-Gigawords");
pub(super) const ACCT_SESSION_TIME: Kind = Kind(46, "Acct-Session-Time");
pub(super) const ACCT_TERMINATE_CAUSE: Kind = Kind(49, "Acct-Terminate-Cause");
pub(super) const EVENT_TIMESTAMP: Kind = Kind(55, "Event-Timestamp");
pub(super) const TUNNEL_CLIENT_ENDPOINT: Kind = Kind(66, "Tunnel-Client-Endpoint");
pub(super) const MESSAGE_AUTHENTICATOR: Kind = Kind(80, "Message-Authenticator");
pub(super) const NAS_IPV6_ADDRESS: Kind = Kind(95, "NAS-IPv6-Address");
pub(super) const FRAMED_IPV6_PREFIX: Kind = Kind(97, "Framed-IPv6-Prefix");
pub(super) const FRAMED_IPV6_ADDRESS: Kind = Kind(168, "Framed-IPv6-Address");

/// The words for Acct-Terminate-Cause, from 1 on (RFC 2866, section 5.10; RFC 3580, section 2.1).
const CAUSES: [&str; 23] = [
    "user-request",
    "lost-carrier",
    "lost-service",
    "idle-timeout",
    "session-timeout",
    "admin-reset",
    "admin-reboot",
    "port-error",
    "nas-error",
    "nas-request",
    "nas-reboot",
    "port-unneeded",
    "port-preempted",
    "port-suspended",
    "service-unavailable",
    "callback",
    "user-error",
    "host-request",
    "supplicant-restart",
    "reauthentication-failure",
    "port-reinitialized",
    "port-administratively-disabled",
    "lost-power",
];

/// The word for a cause; `terminate-cause-<number>` for one that has none.
pub(super) fn cause_word(number: u32) -> String {
    let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let known = at.and_then(|at| CAUSES.get(at));
    known.map_or_else(|| format!("terminate-cause-{number}"), |word| (*word).to_owned())
}

fn fixed<const N: usize>(kind: Kind, value: &[u8]) -> Result<[u8; N], NotUnderstood> {
    value.try_into().map_err(|_| NotUnderstood::Length { kind: kind.0, name: kind.1, got: value.len(), wanted: N })
}

pub(super) fn number(kind: Kind, value: &[u8]) -> Result<u32, NotUnderstood> {
    fixed(kind, value).map(u32::from_be_bytes)
}

pub(super) fn ipv4(kind: Kind, value: &[u8]) -> Result<Ipv4Addr, NotUnderstood> {
    fixed::<4>(kind, value).map(Ipv4Addr::from)
}

pub(super) fn ipv6(kind: Kind, value: &[u8]) -> Result<Ipv6Addr, NotUnderstood> {
    fixed::<16>(kind, value).map(Ipv6Addr::from)
}

/// A prefix (RFC 3162, section 2.3): a reserved byte, its length in bits, and as much of it as is needed.
pub(super) fn ipv6_prefix(kind: Kind, value: &[u8]) -> Result<String, NotUnderstood> {
    let wrong = || NotUnderstood::Prefix { kind: kind.0, name: kind.1 };
    let [_, bits, given @ ..] = value else { return Err(wrong()) };
    if *bits > 128 || given.len() > 16 || given.len() * 8 < usize::from(*bits) {
        return Err(wrong());
    }
    let mut address = [0; 16];
    address[..given.len()].copy_from_slice(given);
    Ok(format!("{}/{bits}", Ipv6Addr::from(address)))
}

/// A text that can be a name.
pub(super) fn name(kind: Kind, value: &[u8]) -> Result<Name, NotUnderstood> {
    let refused = |why: String| NotUnderstood::Text { kind: kind.0, name: kind.1, why };
    let text = std::str::from_utf8(value)
        .map_err(|error| refused(format!("is no UTF-8 from its byte {} on", error.valid_up_to())))?;
    Name::new(text).map_err(refused)
}

/// The IP address in a text as gateways write it, without its port: `192.0.2.1`,
/// `192.0.2.1:4500`, `192.0.2.1[4500]`, `[2001:db8::1]:4500`. None for a telephone number or a MAC.
pub(super) fn address_in(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse().ok();
    }
    let (address, port) = text.strip_suffix(']')?.split_once('[')?;
    port.parse::<u16>().ok()?;
    address.parse().ok()
}

/// A tunnel's endpoint (RFC 2868, section 3.3): a tag below 0x20 may stand before the text.
pub(super) fn endpoint_in(value: &[u8]) -> Option<IpAddr> {
    match value {
        [..=0x1F, text @ ..] => address_in(text),
        text => address_in(text),
    }
}
