//! The links over which observations come.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::Config;

/// `[mqtt]`: the built-in listener. Devices connect to it, and PUBACK means durable.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttListenConfig {
    /// Address and port without TLS; loopback only, unless `allow_plain`. Port 0 takes a free one.
    /// Left out: there is none. Wrong: devices don't get through.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// Permits `listen` beyond this machine, for devices without TLS.
    /// Default: false. True: whoever listens on that network reads passwords and card numbers,
    /// and can send as any device.
    #[serde(default)]
    pub allow_plain: bool,
    /// The listener with TLS; left out: there is none.
    #[serde(default)]
    pub tls: Option<MqttTlsConfig>,
    /// Devices that sign in with a client certificate.
    #[serde(default)]
    pub certificate: Vec<MqttCertificateConfig>,
    /// How fast one source may send before it alone is held back.
    #[serde(default)]
    pub rate: RateConfig,
    /// Connections at once. Default: 512. Too few: devices are turned away.
    #[serde(default = "connections")]
    pub connections_max: u32,
}

fn connections() -> u32 {
    512
}

/// `[mqtt.tls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttTlsConfig {
    /// Address and port, `"192.0.2.10:8883"`. Wrong: devices don't get through.
    pub listen: SocketAddr,
    /// The certificate that devices are shown, with its chain.
    /// Wrong: they refuse to deliver.
    pub certificate: PathBuf,
    /// Its private key, mode 0600. Wrong: the daemon doesn't start.
    pub key: PathBuf,
    /// The CA whose client certificates are accepted; left out: none are.
    /// Wrong: strangers with a certificate of that CA can knock, though not speak.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// `[[mqtt.certificate]]`: a device with a client certificate. Where `kukaku sources password`
/// gave the same user a password, both are demanded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttCertificateConfig {
    /// A name that the certificate carries: common name, DNS name, mail address or URI.
    /// Wrong: the device is refused.
    pub name: String,
    /// The sources that it may speak for. Wrong: it speaks for somebody else's doors.
    pub sources: Vec<String>,
    /// The user name. Default: the certificate's name.
    #[serde(default)]
    pub user: Option<String>,
}

/// How fast a source may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateConfig {
    /// Messages a second in the long run. Default: 500. Too few: a busy source lags behind.
    pub per_second: u32,
    /// Messages at once. Default: 5000. Too few: a device that catches up after an outage waits.
    pub burst: u32,
}

impl Default for RateConfig {
    fn default() -> Self {
        let rate = kukaku_mqtt::Rate::default();
        Self { per_second: rate.per_second, burst: rate.burst }
    }
}

/// `[[broker]]`: an existing MQTT broker to which kukaku connects as a client. It may lose what
/// it acknowledged; gaps are found by the sources' own numbers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerConfig {
    /// Name or address and port: `"broker.example.jp:8883"`. Wrong: nothing comes.
    pub address: String,
    /// The client identifier. It must stay the same, or the broker holds nothing while we are
    /// away, and be nobody else's, or both are thrown out in turn.
    pub client_id: String,
    /// TLS; left out: none, on loopback only unless `allow_plain`.
    #[serde(default)]
    pub tls: Option<BrokerTlsConfig>,
    /// Permits plain text over a network. Default: false. True: as for `mqtt.allow_plain`.
    #[serde(default)]
    pub allow_plain: bool,
    /// The user name, where the broker wants one.
    #[serde(default)]
    pub user: Option<String>,
    /// The file that holds the password and nothing else, mode 0600.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// What is subscribed to. Default: `"kukaku/v1/+/#"`. Wrong: nothing comes, or everything.
    #[serde(default = "tree")]
    pub topics: String,
    /// Which level of the topic, from 0, names the source. Default: the level after `kukaku/v1`.
    /// Wrong: everything is unreadable, because payload and topic name different sources.
    #[serde(default)]
    pub source_level: Option<u8>,
    /// The one source whose everything under `topics` is. Not together with `source_level`.
    #[serde(default)]
    pub source: Option<String>,
}

fn tree() -> String {
    "kukaku/v1/+/#".to_owned()
}

/// `[broker.tls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerTlsConfig {
    /// The CA that the broker's certificate must come from. Wrong: no connection.
    pub ca: PathBuf,
    /// The certificate shown to the broker, where it wants one; with `key`.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its private key, mode 0600.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

impl Config {
    /// The paths of all links.
    pub(super) fn links_paths(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = Vec::new();
        if let Some(tls) = self.mqtt.as_mut().and_then(|mqtt| mqtt.tls.as_mut()) {
            paths.extend([&mut tls.certificate, &mut tls.key]);
            paths.extend(tls.client_ca.as_mut());
        }
        for port in &mut self.syslog {
            paths.extend([&mut port.certificate, &mut port.key, &mut port.client_ca].into_iter().flatten());
        }
        paths.extend(self.radius.iter_mut().flat_map(kukaku_radius::RadiusConfig::paths_mut));
        for guacamole in &mut self.guacamole {
            paths.push(&mut guacamole.password_file);
            paths.extend(guacamole.ca_file.as_mut());
        }
        for broker in &mut self.broker {
            paths.extend(broker.password_file.as_mut());
            if let Some(tls) = &mut broker.tls {
                paths.push(&mut tls.ca);
                paths.extend(tls.certificate.as_mut());
                paths.extend(tls.key.as_mut());
            }
        }
        paths
    }
}
