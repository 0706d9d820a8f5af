//! What can keep a link from starting.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A link can't be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    /// The address is taken or isn't ours.
    #[error("listen for MQTT on {address}: {source}; is another program using the port?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The users don't fit together.
    #[error("MQTT user {user:?}: {what}")]
    User {
        /// Its name.
        user: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// A setting is out of range.
    #[error("MQTT setting `{key}`: {what}")]
    Setting {
        /// Which.
        key: &'static str,
        /// What was expected.
        what: String,
    },
    /// A certificate, key or CA file can't be used.
    #[error("read {what} from {path}: {why}", path = path.display())]
    TlsFile {
        /// What it should hold.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// Why it can't be used.
        why: String,
    },
    /// The parts don't make a TLS configuration.
    #[error("set up TLS for MQTT: {0}")]
    Tls(String),
}
