//! What can go wrong on the way out.

use std::path::PathBuf;

/// Why a delivery did not happen.
///
/// The texts are safe to show and to log: what a peer answered is cut and neutralised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The peer could not be reached, was busy, or broke off: the same message may pass later.
    #[error("{0}")]
    Retry(String),
    /// The peer understood and said no: only a person can change that (address, password, key).
    /// It is still tried again, rarely, because that person may repair the other side.
    #[error("{0}")]
    Refused(String),
}

impl DeliveryError {
    /// Whether a person has to act before it can succeed.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// What is wrong with the configuration of a channel or rule.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that the configuration names can't be used.
    #[error("channel {channel:?}: read {field} {path:?}: {reason}")]
    File {
        /// The channel.
        channel: String,
        /// The field that names the file.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What went wrong and what to do.
        reason: String,
    },
    /// A value that can't work.
    #[error("channel {channel:?}: {field}: {reason}")]
    Value {
        /// The channel.
        channel: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it and what was expected.
        reason: String,
    },
    /// Two channels of one id.
    #[error("channel {0:?} is defined twice; every channel needs its own id")]
    Twice(String),
    /// A rule that names a channel which doesn't exist.
    #[error("rule {rule}: `to` names channel {channel:?}, which is not defined")]
    NoSuchChannel {
        /// The rule's place in the file, from 1.
        rule: usize,
        /// The name.
        channel: String,
    },
}

impl ConfigError {
    pub(crate) fn value(channel: &str, field: &'static str, reason: impl Into<String>) -> Self {
        Self::Value { channel: channel.to_owned(), field, reason: reason.into() }
    }
}
