//! The part of the configuration that names a Guacamole: `[[guacamole]]`.

use std::path::PathBuf;

use kukaku_schema::{DurationUs, Name};
use serde::Deserialize;

/// A Guacamole that is asked: `[[guacamole]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuacamoleConfig {
    /// The source, as registered. Wrong: its sessions are of an unknown source.
    pub source: Name,
    /// Where Guacamole is, without `/api`: `"https://guac.example.jp/guacamole"`. Wrong: nothing
    /// is heard of it.
    pub url: String,
    /// A user of it that may see the history (system permission "Audit system", 1.5 and newer, else
    /// "Administer system"). Wrong: sessions are missing.
    pub user: String,
    /// The file with his password alone, mode 0600. Wrong: nothing is heard of it.
    pub password_file: PathBuf,
    /// Where the connections lie: `"mysql"`, `"postgresql"`. Left out: where the user himself does.
    /// Wrong: the history is empty.
    pub data_source: Option<String>,
    /// The CA that its certificate must come from, or the certificate itself; left out: the machine's
    /// CAs. Wrong: nothing is heard of it.
    pub ca_file: Option<PathBuf>,
    /// Permits `http` beyond this machine. Default: false. True: whoever listens on that network
    /// reads the password.
    #[serde(default)]
    pub allow_plain: bool,
    /// How often it is asked, from a second to five minutes. Default: `"10s"`. Longer: a session is
    /// seen so much later.
    #[serde(default = "ten_seconds")]
    pub interval: DurationUs,
    /// How long one answer may take, from a second to a minute. Default: `"20s"`. Shorter: a slow
    /// one is never heard to its end.
    #[serde(default = "twenty_seconds")]
    pub timeout: DurationUs,
}

fn ten_seconds() -> DurationUs {
    DurationUs::from_secs(10)
}

fn twenty_seconds() -> DurationUs {
    DurationUs::from_secs(20)
}

/// What is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct GuacamoleConfigError {
    /// The key.
    pub key: &'static str,
    /// What is wrong and what was expected.
    pub message: String,
}

/// The longest interval: three of it are still below the usual patience with a silent source.
const INTERVAL_MAX: DurationUs = DurationUs::from_secs(300);

/// The longest that one answer may take: a round has a handful of them.
const TIMEOUT_MAX: DurationUs = DurationUs::from_secs(60);

impl GuacamoleConfig {
    /// Checks it without opening a file or a line.
    ///
    /// # Errors
    /// The first key that is wrong.
    pub fn check(&self) -> Result<(), GuacamoleConfigError> {
        let wrong = |key, message: String| Err(GuacamoleConfigError { key, message });
        let rest = self.url.strip_prefix("https://").or_else(|| self.url.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        if host.is_empty() || self.url.contains(['@', '?', '#', ' ']) {
            return wrong("url", format!("{:?} is no address like \"https://guac.example.jp/guacamole\"", self.url));
        }
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
        let is_here = name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if self.url.starts_with("http://") && !is_here && !self.allow_plain {
            let message = format!(
                "the password would cross the network to {name} in plain text; use https, or say allow_plain = true"
            );
            return wrong("url", message);
        }
        if self.user.is_empty() {
            return wrong("user", "is empty; expected a user of Guacamole".to_owned());
        }
        if self.interval.0 < 1_000_000 || self.interval > INTERVAL_MAX {
            return wrong("interval", format!("{:?} is not between \"1s\" and \"5m\"", self.interval.to_text()));
        }
        if self.timeout.0 < 1_000_000 || self.timeout > TIMEOUT_MAX {
            return wrong("timeout", format!("{:?} is not between \"1s\" and \"1m\"", self.timeout.to_text()));
        }
        if self.data_source.as_ref().is_some_and(|name| name.is_empty() || !name.bytes().all(is_plain)) {
            return wrong("data_source", "expected a word like \"postgresql\"".to_owned());
        }
        Ok(())
    }
}

/// What may stand in a path as it is (RFC 3986, unreserved).
pub(crate) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
