//! The pages and the API.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use kukaku_codec::windows::WindowsConfig;
use kukaku_schema::DurationUs;
use kukaku_store::users::{PASSWORD_VALID_FOR, PasswordProfile, PasswordRules, Role, Roles};
use kukaku_syslog::Network;
use serde::Deserialize;

/// `[web]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebConfig {
    /// The address of this machine and the port that browsers use; port 0 takes a free one.
    /// Default: `"127.0.0.1:8420"`, this machine alone. Wrong: nobody reaches the pages, or a
    /// network does that has no business with them. Another address than loopback needs `tls`.
    #[serde(default = "loopback")]
    pub listen: SocketAddr,
    /// The certificate that browsers are shown; left out: plain HTTP, on loopback only.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// The address under which people reach the pages, for links in alerts:
    /// `"https://kukaku.example.jp:8420"`. Default: none, alerts carry no link.
    /// Wrong: links that lead nowhere.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Sources that post their log to `/api/v1/logs`.
    #[serde(default)]
    pub log: Vec<WebLogConfig>,
    /// From where users of a role may come: `{ administrator = ["192.0.2.0/28"] }`. Default: a role
    /// that isn't named may come from wherever the pages are reached. Wrong: people are refused as if
    /// their password were wrong; `kukaku users` on this machine works all the same.
    #[serde(default)]
    pub only_from: BTreeMap<RoleWord, Vec<Network>>,
}

impl WebConfig {
    /// Whether users of `role` may come from `address`.
    #[must_use]
    pub fn may_come(&self, role: Role, address: IpAddr) -> bool {
        let networks = self.only_from.get(&RoleWord(role));
        networks.is_none_or(|networks| networks.iter().any(|network| network.contains(address.to_canonical())))
    }
}

/// `[[web.log]]`: a source that posts its log, in its own words. It needs a key
/// (`kukaku sources key add`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebLogConfig {
    /// The source, as registered. Wrong: its log is refused.
    pub source: String,
    /// What its lines are written in: a name of `kukaku mapping list`, `"windows"`, or a file of
    /// rules that ends in `.toml`. Wrong: nothing in them is a session.
    pub dialect: String,
    /// How the event logs of its computers are read; for `dialect = "windows"` alone. Left out: as
    /// those of servers.
    #[serde(default)]
    pub windows: Option<WindowsConfig>,
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8420))
}

impl Default for WebConfig {
    fn default() -> Self {
        Self { listen: loopback(), tls: None, public_url: None, log: Vec::new(), only_from: BTreeMap::new() }
    }
}

/// A certificate and its key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, with its chain: `"tls/server.pem"`.
    /// Wrong: browsers refuse the pages, devices refuse to deliver.
    pub certificate: PathBuf,
    /// Its private key: `"tls/server.key"`, mode 0600.
    /// Wrong: the daemon doesn't start; readable for others: they can pose as this machine.
    pub key: PathBuf,
}

/// `[passwords]`: what is asked of the passwords that the pages' users choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordsConfig {
    /// `"city"`: 15 characters or more of all four classes, none of the last five again, a year at
    /// most. `"nist"`: as NIST SP 800-63B-4 has it, without classes and without an end; for sites
    /// whose cities agreed to that in writing. Default: `"city"`. Wrong: the contract is broken.
    #[serde(default)]
    pub profile: ProfileWord,
    /// How long a password is good: `"365d"`. Default: a year under `"city"`, for good under
    /// `"nist"`. Wrong: people are asked for a new one too often, or less often than agreed.
    #[serde(default)]
    pub valid_for: Option<DurationUs>,
    /// Roles that sign in with a second factor (an app, a token, a printed list), or not at all:
    /// `["administrator", "manager", "security"]`, which is the default. Wrong: whoever sees a
    /// password typed can change what others rely on.
    #[serde(default)]
    pub second_factor: Option<Vec<RoleWord>>,
}

/// A role as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleWord(pub Role);

impl<'de> Deserialize<'de> for RoleWord {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Role::from_word(&word).map(Self).ok_or_else(|| {
            let all = Role::ALL.map(Role::word).join(", ");
            serde::de::Error::custom(format!("{word:?} is no role; expected one of: {all}"))
        })
    }
}

/// A password profile as it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileWord {
    /// `city`.
    #[default]
    City,
    /// `nist`.
    Nist,
}

impl PasswordsConfig {
    /// The rules that it stands for.
    #[must_use]
    pub fn rules(&self) -> PasswordRules {
        let (profile, usual) = match self.profile {
            ProfileWord::City => (PasswordProfile::City, Some(PASSWORD_VALID_FOR)),
            ProfileWord::Nist => (PasswordProfile::Nist, None),
        };
        let second_factor = match &self.second_factor {
            Some(roles) => roles.iter().map(|word| word.0).collect(),
            None => Roles::PRIVILEGED.into_iter().collect(),
        };
        PasswordRules { profile, valid_for: self.valid_for.or(usual), second_factor }
    }
}
