//! `kukaku.toml`: what the machine is — listeners, certificates, lines, channels.
//!
//! Who and what the site knows (zones, doors, operators) stands in the registers instead. Every
//! table refuses keys that it doesn't know; an error names file, line, key and what was expected.
//! Paths are taken from the folder of the file.

mod backup;
mod check;
mod links;
mod load;
mod network;
mod paths;
mod sample;
mod web;
mod witness;

pub use backup::BackupConfig;
pub use check::{Fault, check, split_address};
pub use links::{BrokerConfig, BrokerTlsConfig, MqttCertificateConfig, MqttListenConfig, MqttTlsConfig, RateConfig};
pub use load::{ConfigError, Loaded, load, parse};
pub use network::NetworkConfig;
pub use sample::sample;
pub use web::{PasswordsConfig, ProfileWord, TlsConfig, WebConfig, WebLogConfig};
pub use witness::{WITNESSES_MAX, WitnessConfig};

use kukaku_notify::AlertsConfig;
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The language of the daemon's own texts where nobody chose one: `"ja"` or `"en"`.
    /// Default: `"ja"`. Wrong: messages that the staff can't read.
    #[serde(default)]
    pub lang: LangTag,
    /// What is logged, as `tracing` filters are written: `"info"`, `"warn,kukaku=debug"`.
    /// Default: `"info"`. Wrong: too little to find a fault by, or a disk full of words.
    #[serde(default = "info")]
    pub log: String,
    /// Free space in MiB under which `check` and `status` speak up.
    /// Default: 1024. Wrong: the disk is full before anybody is told, and nothing is kept then.
    #[serde(default = "one_gib")]
    pub free_disk_mib: u64,
    /// The networks that this machine stands in; none named: where listeners stand is not checked.
    #[serde(default)]
    pub network: Vec<NetworkConfig>,
    /// The pages and the API.
    #[serde(default)]
    pub web: WebConfig,
    /// What is asked of the passwords of the pages' users.
    #[serde(default)]
    pub passwords: PasswordsConfig,
    /// The built-in MQTT listener; left out: there is none.
    #[serde(default)]
    pub mqtt: Option<MqttListenConfig>,
    /// Existing MQTT brokers to which kukaku connects as a client.
    #[serde(default)]
    pub broker: Vec<BrokerConfig>,
    /// Serial lines.
    #[serde(default)]
    pub serial: Vec<kukaku_serial::SerialConfig>,
    /// Ports that take the logs of gateways.
    #[serde(default)]
    pub syslog: Vec<kukaku_syslog::SyslogConfig>,
    /// RADIUS accounting; left out: there is none.
    #[serde(default)]
    pub radius: Option<kukaku_radius::RadiusConfig>,
    /// Apache Guacamoles that are asked for their history of connections.
    #[serde(default)]
    pub guacamole: Vec<kukaku_guacamole::GuacamoleConfig>,
    /// Folders that a recorder writes video files into.
    #[serde(default)]
    pub footage: Vec<kukaku_footage::FootageConfig>,
    /// Folders of operation logs.
    #[serde(default)]
    pub oplogs: Vec<kukaku_footage::OplogConfig>,
    /// Witnesses that are asked to cosign each checkpoint.
    #[serde(default)]
    pub witness: Vec<WitnessConfig>,
    /// Where alerts go.
    #[serde(default)]
    pub alerts: AlertsConfig,
    /// Copies on another disk; left out: there are none.
    #[serde(default)]
    pub backup: Option<BackupConfig>,
}

fn info() -> String {
    "info".to_owned()
}

fn one_gib() -> u64 {
    1024
}

/// A language as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LangTag(pub kukaku_schema::Lang);

impl<'de> Deserialize<'de> for LangTag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tag = String::deserialize(deserializer)?;
        kukaku_schema::Lang::from_tag(&tag)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("{tag:?} is no language; expected \"ja\" or \"en\"")))
    }
}
