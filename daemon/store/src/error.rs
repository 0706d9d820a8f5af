//! What can go wrong with the store, by what the caller can do about it.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store; `kukaku init` makes one.
    #[error("open store {path}: there is none; `kukaku init` makes one")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A store stands there already.
    #[error("create store {path}: a file of that name stands there already and is left alone")]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Another process owns it.
    #[error("open store {path}: in use by process {holder}; stop that one first, two writers would break the journal")]
    Held {
        /// The store.
        path: PathBuf,
        /// The holder's process id, as it wrote it.
        holder: String,
    },
    /// The file is not a store of this program, or too damaged to be one.
    #[error("open store {path}: {what}; nothing was changed, put a backup in its place")]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A newer program made it.
    #[error("open store {path}: its version is {found}, this program knows up to {known}; use the newer kukaku")]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// The disk is full, or the store has reached its size limit.
    #[error("{act}: the disk is full; free some space, the writer goes on by itself")]
    Full {
        /// What was tried.
        act: &'static str,
    },
    /// Another connection held the store for too long.
    #[error("{act}: another connection kept the store busy; try again")]
    Busy {
        /// What was tried.
        act: &'static str,
    },
    /// The disk refused.
    #[error("{act}: the disk refused: {detail}")]
    Unavailable {
        /// What was tried.
        act: &'static str,
        /// What the system said.
        detail: String,
    },
    /// What was read is not what was written.
    #[error("{act}: the store is damaged: {detail}; run `kukaku verify` and restore a backup")]
    Corrupt {
        /// What was tried.
        act: &'static str,
        /// What was found.
        detail: String,
    },
    /// The journal is older than the last signed checkpoint.
    #[error(
        "open store {path}: its journal has {size} entries, but a checkpoint of {signed} was signed; it was rolled back; restore the newer one (`kukaku restore`), or run `kukaku reconcile`"
    )]
    RolledBack {
        /// The store.
        path: PathBuf,
        /// Entries it has.
        size: u64,
        /// Entries that were signed.
        signed: u64,
    },
    /// What was asked can't be done as it was asked.
    #[error("{0}")]
    Refused(String),
    /// A mistake in this program.
    #[error("{act}: {detail}; this is a mistake in kukaku, please report it")]
    Bug {
        /// What was tried.
        act: &'static str,
        /// What SQLite said.
        detail: String,
    },
}

impl StoreError {
    /// Whether waiting may help: space may be freed, a disk remounted.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Busy { .. })
    }

    /// Something that was read does not fit together.
    #[must_use]
    pub fn corrupt(act: &'static str, detail: impl Into<String>) -> Self {
        Self::Corrupt { act, detail: detail.into() }
    }

    fn of(act: &'static str, error: &rusqlite::Error) -> Self {
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { act },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { act },
            Some(
                ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied,
            ) => Self::Unavailable { act, detail },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => {
                Self::Corrupt { act, detail }
            }
            _ => match error {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::QueryReturnedNoRows => Self::Corrupt { act, detail },
                _ => Self::Bug { act, detail },
            },
        }
    }
}

/// Adds what was tried to an error of SQLite.
pub(crate) fn in_act(act: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |error| StoreError::of(act, &error)
}

/// Adds what was tried to an error of the file system.
pub(crate) fn io_in_act(act: &'static str) -> impl FnOnce(std::io::Error) -> StoreError {
    move |error| match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full { act },
        _ => StoreError::Unavailable { act, detail: error.to_string() },
    }
}
