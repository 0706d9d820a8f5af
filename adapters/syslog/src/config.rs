//! How a link is set up.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use kukaku_codec::windows::WindowsConfig;
use kukaku_schema::DurationUs;
use serde::Deserialize;

/// One port that takes syslog, as it is written in the configuration: `[[syslog]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogConfig {
    /// Transport, address and port: `"udp://0.0.0.0:514"`, `"tcp://…"`, `"tls://…"`, `"relp://…"`,
    /// `"relp+tls://…"`. Port 0 takes a free one. Wrong: gateways don't get through.
    pub listen: Listen,
    /// The certificate that senders are shown, with its chain; for TLS. Wrong: they refuse to send.
    pub certificate: Option<PathBuf>,
    /// Its private key, mode 0600. Wrong: the link doesn't start.
    pub key: Option<PathBuf>,
    /// The CA of which every sender must show a certificate; left out: none is asked for.
    /// Wrong: gateways are turned away.
    pub client_ca: Option<PathBuf>,
    /// Connections at once. Default: 64. Too few: gateways are turned away.
    #[serde(default = "default_connections_max")]
    pub connections_max: usize,
    /// A connection that is silent for so long is closed; left out: never. Senders that are gone
    /// are found without it. Too short: plain TCP loses the line that it sends into the close.
    pub idle_max: Option<DurationUs>,
    /// Room in the kernel for datagrams that aren't read yet, in bytes; for UDP. Default: 8 MiB,
    /// two bursts of 5,000. Too little: a burst is lost; it is told, and a gap.
    #[serde(default = "default_receive_buffer")]
    pub receive_buffer: usize,
    /// Who may send here: `[[syslog.source]]`.
    #[serde(default)]
    pub source: Vec<SourceConfig>,
}

/// A sender: `[[syslog.source]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The source that its observations name.
    pub name: String,
    /// Addresses (`"192.0.2.1"`) and networks (`"192.0.2.0/24"`) that it sends from; where several
    /// sources name one, the narrowest counts. Wrong: its lines are told as a stranger's.
    pub from: Vec<Network>,
    /// A name that its certificate must carry; needs `client_ca`. Left out: any of that CA will do.
    pub certificate: Option<String>,
    /// What its lines are written in, like `"yamaha-rtx"`; who reads them knows the names.
    pub dialect: String,
    /// How the event logs of its computers are read; for `dialect = "windows"` alone. Left out: as
    /// those of servers.
    pub windows: Option<WindowsConfig>,
}

fn default_connections_max() -> usize {
    64
}
fn default_receive_buffer() -> usize {
    8 * 1024 * 1024
}

/// Transport and address of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen {
    /// How lines travel.
    pub transport: Transport,
    /// Where it listens.
    pub address: SocketAddr,
}

/// How lines travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams: anybody can claim any address, and what is lost is lost.
    Udp,
    /// A plain stream: what the sender has sent may be lost when either side dies.
    Tcp,
    /// The same, encrypted.
    Tls,
    /// Answered after the commit.
    Relp,
    /// The same, encrypted.
    RelpTls,
}

const TRANSPORTS: [(&str, Transport); 5] = [
    ("udp", Transport::Udp),
    ("tcp", Transport::Tcp),
    ("tls", Transport::Tls),
    ("relp", Transport::Relp),
    ("relp+tls", Transport::RelpTls),
];

impl Transport {
    /// Whether it is encrypted.
    #[must_use]
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::RelpTls)
    }

    /// Whether each line is answered.
    #[must_use]
    pub fn is_relp(self) -> bool {
        matches!(self, Self::Relp | Self::RelpTls)
    }
}

impl TryFrom<String> for Listen {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let read = || {
            let (scheme, address) = text.split_once("://")?;
            let (_, transport) = TRANSPORTS.into_iter().find(|(name, _)| *name == scheme)?;
            Some(Self { transport, address: address.parse().ok()? })
        };
        read().ok_or_else(|| {
            format!(
                "{text:?}: expected udp://, tcp://, tls://, relp:// or relp+tls:// with an address and a port, \
                 like \"udp://0.0.0.0:514\" or \"tcp://[::]:514\""
            )
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = TRANSPORTS.into_iter().find(|(_, transport)| *transport == self.transport);
        write!(f, "{}://{}", named.map_or("", |(name, _)| name), self.address)
    }
}

/// Addresses that share a beginning: one of them, or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `sender` lies in it. An IPv4 sender that came to an IPv6 socket is an IPv4 sender.
    #[must_use]
    pub fn contains(&self, sender: IpAddr) -> bool {
        masked(sender.to_canonical(), self.prefix) == Some(self.address)
            && sender.to_canonical().is_ipv4() == self.address.is_ipv4()
    }

    /// How narrow it is, in bits.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }
}

/// The first `prefix` bits of an address; `None` where it has not so many.
fn masked(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) if prefix <= 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Some(IpAddr::V4((address.to_bits() & mask).into()))
        }
        IpAddr::V6(address) if prefix <= 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            Some(IpAddr::V6((address.to_bits() & mask).into()))
        }
        _ => None,
    }
}

impl TryFrom<String> for Network {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?}: expected an address or a network, like \"192.0.2.1\" or \"192.0.2.0/24\"");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| wrong())?,
            None if address.is_ipv4() => 32,
            None => 128,
        };
        match masked(address, prefix) {
            None => Err(wrong()),
            Some(first) if first != address => {
                Err(format!("{text:?}: the network begins at {first}; expected \"{first}/{prefix}\""))
            }
            Some(address) => Ok(Self { address, prefix }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A key that can't be used so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct SyslogConfigError {
    /// The key with its tables and places in lists, from 0: `source.0.name`.
    pub key: String,
    /// What was expected.
    pub message: String,
}

impl SyslogConfig {
    /// Checks what types alone can't say. No file and no port is touched.
    ///
    /// # Errors
    /// The first key that is wrong, and what was expected there.
    pub fn check(&self) -> Result<(), SyslogConfigError> {
        let is_tls = self.listen.transport.is_tls();
        for (key, file) in [("certificate", &self.certificate), ("key", &self.key)] {
            match file {
                None if is_tls => return wrong(key, format!("expected a PEM file, because {} is TLS", self.listen)),
                Some(_) if !is_tls => return wrong(key, format!("expected none, because {} is no TLS", self.listen)),
                _ => {}
            }
        }
        if self.client_ca.is_some() && !is_tls {
            return wrong("client_ca", format!("expected none, because {} is no TLS", self.listen));
        }
        if self.connections_max == 0 {
            return wrong("connections_max", "0, expected 1 or more");
        }
        if self.idle_max.is_some_and(|idle| idle.0 <= 0) {
            return wrong("idle_max", "expected more than nothing, like \"24h\"");
        }
        if self.receive_buffer == 0 {
            return wrong("receive_buffer", "0, expected bytes, like 8388608");
        }
        if self.source.is_empty() {
            return wrong("source", "expected at least one [[syslog.source]]: without one every sender is a stranger");
        }
        for (place, source) in self.source.iter().enumerate() {
            self.check_source(place, source)?;
        }
        Ok(())
    }

    fn check_source(&self, place: usize, source: &SourceConfig) -> Result<(), SyslogConfigError> {
        let key = |field: &str| format!("source.{place}.{field}");
        if source.name.is_empty() {
            return wrong(key("name"), "expected the name of the source, like \"vpn-1\"");
        }
        if source.dialect.is_empty() {
            return wrong(key("dialect"), "expected what its lines are written in, like \"yamaha-rtx\"");
        }
        if source.from.is_empty() {
            return wrong(key("from"), "expected the addresses that it sends from, like [\"192.0.2.1\"]");
        }
        if source.certificate.is_some() && self.client_ca.is_none() {
            return wrong(
                key("certificate"),
                "expected `client_ca` beside it: without one no certificate is asked for",
            );
        }
        for other in &self.source[..place] {
            if other.name == source.name {
                return wrong(key("name"), format!("{:?} stands twice; a source has one entry", source.name));
            }
            let shared = source.from.iter().find(|network| other.from.contains(network));
            if let Some(network) = shared
                && other.certificate == source.certificate
            {
                let message = format!("{network} is also {:?}'s; expected senders that can be told apart", other.name);
                return wrong(key("from"), message);
            }
        }
        Ok(())
    }
}

fn wrong(key: impl Into<String>, message: impl Into<String>) -> Result<(), SyslogConfigError> {
    Err(SyslogConfigError { key: key.into(), message: message.into() })
}
