//! What can keep a link from starting.

use std::net::SocketAddr;

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
    /// TLS can't be had: a certificate, key or CA file can't be used, or they don't go together.
    #[error(transparent)]
    Tls(#[from] kukaku_tls::TlsError),
}
