//! The CONNECT packet (MQTT 3.1.1 and 5.0, section 3.1).

use super::Version;
use super::error::{Malformed, Reason};
use super::properties::{self, Place};
use super::scan::Scan;

/// A client that wants to sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The version it speaks.
    pub version: Version,
    /// Its client identifier; empty where it wants one assigned.
    pub client_id: &'a str,
    /// It wants to start anew. We hold no session either way.
    pub clean_start: bool,
    /// Longest silence that it promises, in seconds; 0 is no promise.
    pub keep_alive_s: u16,
    /// How long it wants its session kept, in seconds (MQTT 5); we keep none.
    pub session_expiry_s: u32,
    /// The user name, where it gave one.
    pub user: Option<&'a str>,
    /// The password, where it gave one.
    pub password: Option<&'a [u8]>,
    /// Longest packet that it takes, in bytes (MQTT 5).
    pub maximum_packet_size: Option<u32>,
    /// It wants reasons in words (MQTT 5; so unless it said otherwise).
    pub wants_reasons: bool,
}

/// Never shows the password.
impl std::fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("clean_start", &self.clean_start)
            .field("keep_alive_s", &self.keep_alive_s)
            .field("user", &self.user)
            .field("has_password", &self.password.is_some())
            .finish_non_exhaustive()
    }
}

struct Flags {
    clean_start: bool,
    will: bool,
    will_qos: u8,
    will_retain: bool,
    password: bool,
    user: bool,
}

pub(super) fn read(body: &[u8]) -> Result<Connect<'_>, Malformed> {
    let mut scan = Scan::new(body);
    let version = version(&mut scan)?;
    let flags = flags(&mut scan, version)?;
    let keep_alive_s = scan.two("keep-alive")?;
    let found = match version {
        Version::V311 => properties::Properties::default(),
        Version::V5 => properties::read(&mut scan, Place::Connect)?,
    };
    let client_id = scan.text("client identifier")?;
    if flags.will {
        will(&mut scan, version)?;
    }
    let user = if flags.user { Some(scan.text("user name")?) } else { None };
    let password = if flags.password { Some(scan.binary("password")?) } else { None };
    if !scan.is_empty() {
        return Err(Malformed::packet("CONNECT: bytes after the last field"));
    }
    if found.authentication_method.is_some() {
        return Err(Malformed::refused(
            Reason::BadAuthenticationMethod,
            "extended authentication isn't served: use a user name and password or a certificate",
        ));
    }
    if version == Version::V311 && client_id.is_empty() && !flags.clean_start {
        return Err(Malformed::refused(Reason::ClientIdNotValid, "an empty client identifier needs clean session = 1"));
    }
    if version == Version::V5 && flags.will_qos == 2 {
        return Err(Malformed::refused(Reason::QosNotSupported, "a will of QoS 2: only 0 and 1 are served"));
    }
    Ok(Connect {
        version,
        client_id,
        clean_start: flags.clean_start,
        keep_alive_s,
        session_expiry_s: found.session_expiry_s,
        user,
        password,
        maximum_packet_size: found.maximum_packet_size,
        wants_reasons: found.wants_problem_information.unwrap_or(true),
    })
}

fn version(scan: &mut Scan<'_>) -> Result<Version, Malformed> {
    let name = scan.text("protocol name")?;
    if name != "MQTT" && name != "MQIsdp" {
        return Err(Malformed::packet("the protocol name isn't MQTT"));
    }
    match (name, scan.byte("protocol level")?) {
        ("MQTT", 4) => Ok(Version::V311),
        ("MQTT", 5) => Ok(Version::V5),
        (_, level) => Err(Malformed::refused(
            Reason::UnsupportedVersion,
            format!("protocol {name} level {level}: MQTT 3.1.1 (level 4) and 5 are served"),
        )),
    }
}

fn flags(scan: &mut Scan<'_>, version: Version) -> Result<Flags, Malformed> {
    let byte = scan.byte("connect flags")?;
    let flags = Flags {
        clean_start: byte & 0x02 != 0,
        will: byte & 0x04 != 0,
        will_qos: (byte >> 3) & 0x03,
        will_retain: byte & 0x20 != 0,
        password: byte & 0x40 != 0,
        user: byte & 0x80 != 0,
    };
    if byte & 0x01 != 0 {
        return Err(Malformed::packet("CONNECT: the reserved flag is set"));
    }
    if flags.will_qos == 3 || !flags.will && (flags.will_qos != 0 || flags.will_retain) {
        return Err(Malformed::packet("CONNECT: the flags of the will contradict each other"));
    }
    if version == Version::V311 && flags.password && !flags.user {
        return Err(Malformed::packet("CONNECT: a password without a user name"));
    }
    Ok(flags)
}

/// Reads over a will: a link is lost when it is lost, and the coverage rules say what that means.
fn will(scan: &mut Scan<'_>, version: Version) -> Result<(), Malformed> {
    if version == Version::V5 {
        properties::read(scan, Place::Will)?;
    }
    scan.text("will topic")?;
    scan.binary("will payload")?;
    Ok(())
}
