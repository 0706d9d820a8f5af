//! What can keep the link from starting.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The link can't be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum RadiusError {
    /// The address is taken or isn't ours.
    #[error("listen for RADIUS on {address}: {source}; is another program using the port?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A setting doesn't fit.
    #[error("`{key}`: {what}")]
    Setting {
        /// Which.
        key: String,
        /// What is wrong and what was expected.
        what: String,
    },
    /// A secret can't be used.
    #[error("read {what} from {path}: {why}", path = path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// Why it can't be used.
        why: String,
    },
    /// TLS can't be had: a certificate, key or CA file can't be used, or they don't go together.
    #[error(transparent)]
    Tls(#[from] kukaku_tls::TlsError),
}

impl RadiusError {
    pub(crate) fn setting(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Setting { key: key.into(), what: what.into() }
    }
}
