//! What can keep a link from starting.

use crate::config::SyslogConfigError;

/// A link can't be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum SyslogError {
    /// A key of the configuration.
    #[error(transparent)]
    Config(#[from] SyslogConfigError),
    /// The address is taken or isn't ours.
    #[error("listen for syslog on {listen}: {source}; is another program using the port?")]
    Bind {
        /// As configured.
        listen: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS can't be had: a certificate, key or CA file can't be used, or they don't go together.
    #[error(transparent)]
    Tls(#[from] kukaku_tls::TlsError),
}
