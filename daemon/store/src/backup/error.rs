//! What can go wrong with a backup, by what the caller can do about it.

use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Why a backup could not be written, or not be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder or a file in it can't be read or written.
    #[error("{act} {path}: {detail}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// A segment is not what was written.
    #[error("segment {path} is damaged: {what}")]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Segments of a generation are missing.
    #[error("generation {generation}: no segment begins at entry {first}, though later ones are there")]
    Gap {
        /// The generation.
        generation: u64,
        /// The entry that is missing.
        first: u64,
    },
    /// There is no such generation.
    #[error("{folder} holds no generation{}; `kukaku backup list` shows what is there", number_text(*.wanted))]
    NoGeneration {
        /// The backup folder.
        folder: PathBuf,
        /// Which was asked for; none: any.
        wanted: Option<u64>,
    },
    /// The folder belongs to another site.
    #[error("{folder} holds the backup of {found}, not of {expected}; choose a folder of its own for each site")]
    OtherSite {
        /// The backup folder.
        folder: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// The journal is not the one that was shipped.
    #[error(
        "the journal is not the one that was backed up before: its first {size} entries differ; the backup is left alone"
    )]
    OtherHistory {
        /// Entries that were shipped.
        size: u64,
    },
}

fn number_text(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| format!(" {number}"))
}

/// Adds what was tried to an error of the file system.
pub(super) fn io<'a>(act: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> BackupError + 'a {
    move |error| BackupError::Io { act, path: path.to_owned(), detail: error.to_string() }
}
