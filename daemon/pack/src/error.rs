//! Why a pack is refused.

use kukaku_ledger::{LeafError, NoteError};
use thiserror::Error;

/// Why a pack was not verified, or not made. Nothing of it is to be believed.
#[derive(Debug, Error)]
pub enum PackError {
    /// It could not be read or written.
    #[error("read or write the pack: {0}")]
    Io(#[from] std::io::Error),
    /// The archive isn't written in the one way in which packs are.
    #[error("the archive is not as it was made: {0}; a pack that was unpacked and packed again has lost its form")]
    Archive(String),
    /// A file isn't in the form of a pack.
    #[error("{file}: {what}")]
    Form {
        /// The file.
        file: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A file isn't the one that the manifest names.
    #[error("{0} was changed: it is not the file that the manifest names")]
    File(&'static str),
    /// No key is known for the site.
    #[error("no key is known for `{0}`")]
    UnknownSite(String),
    /// A signature doesn't hold.
    #[error("{file}: {source}")]
    Signature {
        /// The file that bears it.
        file: &'static str,
        /// What is wrong.
        source: NoteError,
    },
    /// The leaves don't give the root that was signed.
    #[error("the entries do not give the root that was signed: the journal was changed")]
    Root,
    /// An entry isn't the one in the tree, or its value isn't the one that it commits to.
    #[error("entry {seq}: {what}")]
    Entry {
        /// Its number.
        seq: u64,
        /// What is wrong.
        what: String,
    },
    /// A number of the client's own entries is missing.
    #[error("entry {seq} is number {found} of the client, {expected} was to come: an entry was left out")]
    Hole {
        /// The entry after the hole.
        seq: u64,
        /// Its number within the client.
        found: u64,
        /// The number that was to come.
        expected: u64,
    },
    /// What the manifest says isn't what the entries show.
    #[error("manifest.json says another `{0}` than the entries show")]
    Says(&'static str),
}

impl PackError {
    pub(crate) fn form(file: &'static str, what: impl Into<String>) -> Self {
        Self::Form { file, what: what.into() }
    }

    pub(crate) fn entry(seq: u64, what: impl Into<String>) -> Self {
        Self::Entry { seq, what: what.into() }
    }

    pub(crate) fn leaf(seq: u64, error: &LeafError) -> Self {
        Self::entry(seq, error.to_string())
    }
}
