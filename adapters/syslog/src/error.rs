//! What can keep a link from starting.

use std::path::PathBuf;

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
    #[error("set up TLS for syslog: {0}")]
    Tls(String),
}
