//! What can go wrong with the writer.

use std::path::PathBuf;

use kukaku_ledger::{NoteError, SignRefusal};
use kukaku_store::StoreError;

use crate::key_files::KeyFileError;

/// Why the writer can't start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Watching needs registers.
    #[error("the store holds no registers yet; `kukaku registers import site.toml` takes them in")]
    NoRegisters,
    /// The registers that are in force are of no use to the engine.
    #[error("build the engine from the registers in force: {0}")]
    Engine(String),
    /// The journal is not the one that was signed.
    #[error("{0}; the journal is not what was signed, run `kukaku verify`")]
    Sign(#[from] SignRefusal),
    /// The file of the newest checkpoint can't be read or written.
    #[error("checkpoint file {path}: {what}")]
    CheckpointFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file of the newest checkpoint is none.
    #[error("checkpoint file {path}: {source}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: NoteError,
    },
    /// A file of the signing key can't be read or written.
    #[error("the signing key: {0}")]
    Key(#[from] KeyFileError),
    /// The thread can't be started.
    #[error("start the writer's thread: {0}")]
    Thread(String),
    /// Storage failed again and again.
    #[error("storage failed {times} times in a row, the last time: {last}")]
    Storage {
        /// How often.
        times: u32,
        /// The last failure.
        last: StoreError,
    },
}

/// Why an act was not done. Nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// It can't be done as it was asked.
    #[error("{0}")]
    Refused(String),
    /// The writer is gone or storage is in doubt; try again.
    #[error("not kept: {0}; try again later")]
    NotKept(String),
}
