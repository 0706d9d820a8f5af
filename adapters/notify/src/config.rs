//! The part of the configuration file that says where alerts go.
//!
//! ```toml
//! [alerts]
//! [[alerts.mail]]
//! id = "duty-mail"
//! server = "mail.example.jp"
//! tls = "starttls"
//! from = "kukaku <kukaku@example.jp>"
//! to = ["duty@example.jp"]
//!
//! [[alerts.tower]]
//! id = "tower"
//! address = "192.0.2.20:10000"
//!
//! [[alerts.rule]]
//! to = ["duty-mail", "tower"]
//! min_severity = "high"
//! ```
//!
//! Channels stand in one list a sort, so that an error names its line. Secrets are never in the
//! file itself: they are in files of their own, which others on the machine can't read.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use kukaku_schema::{DurationUs, Lang};
use serde::{Deserialize, Deserializer, Serialize};

use crate::channel::{MailConfig, MqttConfig, SyslogConfig, TowerConfig, WebhookConfig};
use crate::error::ConfigError;
use crate::outbox::{RetryPolicy, StormLimit};
use crate::route::{Rule, Rules};

/// Longest channel id in bytes.
const ID_MAX_BYTES: usize = 64;

/// Largest secret or certificate file that is read, in bytes; a CA bundle has about 200 KiB.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// The id of a channel: small letters, digits, `-`, `_`; also used in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ChannelId(String);

impl ChannelId {
    /// Checks and takes an id.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if text.is_empty() || text.len() > ID_MAX_BYTES || !text.bytes().all(fits) {
            return Err(format!("{text:?} is no channel id: 1 to {ID_MAX_BYTES} of a-z 0-9 - _"));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ChannelId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The table `[alerts]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// Mail.
    pub mail: Vec<MailConfig>,
    /// Webhooks.
    pub webhook: Vec<WebhookConfig>,
    /// Brokers that alerts are published to.
    pub mqtt: Vec<MqttConfig>,
    /// Syslog receivers.
    pub syslog: Vec<SyslogConfig>,
    /// Signal towers.
    pub tower: Vec<TowerConfig>,
    /// Who gets what; an alert goes to every channel of every rule that fits it.
    pub rule: Vec<Rule>,
    /// The mail channel whose server takes notices to clients (`notify` in the registers).
    pub notices: Option<ChannelId>,
    /// How failed deliveries are tried again.
    pub retry: RetryPolicy,
    /// How many messages a channel gets at most.
    pub storm: StormLimit,
}

impl AlertsConfig {
    /// Checks what types alone can't say: ids are unique, rules name channels that exist.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut known = BTreeSet::new();
        for (id, _) in self.ids() {
            if !known.insert(id) {
                return Err(ConfigError::Twice(id.to_string()));
            }
        }
        for (place, rule) in self.rule.iter().enumerate() {
            if let Some(stranger) = rule.to.iter().find(|id| !known.contains(id)) {
                return Err(ConfigError::NoSuchChannel { rule: place + 1, channel: stranger.to_string() });
            }
        }
        if let Some(id) = self.notices.as_ref().filter(|id| !self.mail.iter().any(|mail| mail.id == **id)) {
            return Err(ConfigError::value(id.as_str(), "notices", "names no [[alerts.mail]]"));
        }
        self.retry.check()
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules(self.rule.clone())
    }

    /// The language in which a channel's alerts are written; `None` for a channel that doesn't exist.
    #[must_use]
    pub fn lang_of(&self, channel: &ChannelId) -> Option<Lang> {
        self.ids().find(|(id, _)| *id == channel).map(|(_, lang)| lang)
    }

    fn ids(&self) -> impl Iterator<Item = (&ChannelId, Lang)> {
        let mail = self.mail.iter().map(|c| (&c.id, c.lang));
        let webhook = self.webhook.iter().map(|c| (&c.id, c.lang));
        let mqtt = self.mqtt.iter().map(|c| (&c.id, c.lang));
        let syslog = self.syslog.iter().map(|c| (&c.id, c.lang));
        let tower = self.tower.iter().map(|c| (&c.id, Lang::Ja));
        mail.chain(webhook).chain(mqtt).chain(syslog).chain(tower)
    }
}

/// A secret that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads a secret: the file's content without the line end after it.
pub(crate) fn read_secret(channel: &ChannelId, field: &'static str, path: &Path) -> Result<Secret, ConfigError> {
    use std::os::unix::fs::PermissionsExt as _;
    let wrong = |reason: String| file_error(channel, field, path, reason);
    let mode = std::fs::metadata(path).map_err(|e| wrong(e.to_string()))?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(wrong(format!("everybody on this machine may read it (mode {:o}); use chmod 640", mode & 0o777)));
    }
    let mut bytes = read_file(channel, field, path)?;
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    Ok(Secret(bytes))
}

/// Reads a file that the configuration names, up to a limit.
pub(crate) fn read_file(channel: &ChannelId, field: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    use std::io::Read as _;
    let wrong = |reason: String| file_error(channel, field, path, reason);
    let file = std::fs::File::open(path).map_err(|e| wrong(e.to_string()))?;
    let mut bytes = Vec::new();
    let read = file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| wrong(e.to_string()))?;
    if read as u64 > FILE_MAX_BYTES {
        return Err(wrong(format!("it is larger than {FILE_MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

pub(crate) fn file_error(channel: &ChannelId, field: &'static str, path: &Path, reason: String) -> ConfigError {
    ConfigError::File { channel: channel.to_string(), field, path: PathBuf::from(path), reason }
}

/// The name and password of an account on a peer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The user name.
    pub user: String,
    /// The file that holds the password and nothing else; not readable for everybody.
    pub password_file: PathBuf,
}

/// Longest time that one delivery may take where nothing else is configured.
pub(crate) const DELIVERY_TIMEOUT: DurationUs = DurationUs::from_secs(30);

/// The default of every `timeout` field.
pub(crate) fn default_timeout() -> DurationUs {
    DELIVERY_TIMEOUT
}

/// A configured time-out as the runtime wants it: at least 100 ms, at most 5 min, so that a slip
/// of the pen neither fails every delivery nor blocks the outbox.
pub(crate) fn timeout_of(configured: DurationUs) -> std::time::Duration {
    let us = configured.0.clamp(100_000, 300_000_000);
    std::time::Duration::from_micros(us.unsigned_abs())
}

/// A host and port as they stand in the configuration: `mail.example.jp:587`, `[2001:db8::1]:514`.
pub(crate) fn split_address(
    channel: &ChannelId,
    field: &'static str,
    address: &str,
) -> Result<(String, u16), ConfigError> {
    let wrong = || ConfigError::value(channel.as_str(), field, format!("{address:?} is no host:port"));
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let is_host = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b':');
    if port == 0 || bare.is_empty() || !bare.bytes().all(is_host) || (bare.contains(':') && bare == host) {
        return Err(wrong());
    }
    Ok((bare.to_owned(), port))
}

/// Whether a host is this machine; there plain text stays inside it.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Refuses plain text over a network, unless it was asked for by name.
pub(crate) fn allow_plain(
    channel: &ChannelId,
    field: &'static str,
    host: &str,
    allowed: bool,
) -> Result<(), ConfigError> {
    if allowed || is_loopback(host) {
        return Ok(());
    }
    Err(ConfigError::value(
        channel.as_str(),
        field,
        format!(
            "without TLS, alerts would cross the network to {host} in plain text; use TLS, or say allow_plain = true"
        ),
    ))
}
