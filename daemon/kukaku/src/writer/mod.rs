//! The one writer: everything that happens to the store happens here, in one thread, in order.
//!
//! Links hand their arrivals in through [`Writer`] (an `Intake`) and get receipts. The thread
//! takes what is queued, in one transaction: journal leaf, projections, a step of the engine,
//! its effects, outbox, cursors. Receipts resolve after the commit and never before. While
//! nothing is queued a commit waits for nobody; what arrives during a commit goes into the next
//! one together.
//!
//! When storage fails, the outcome of that commit is unknown: nothing of it is acknowledged, the
//! store is opened again, its tail verified, the engine built anew from it, and what is sent
//! again is absorbed by identity. The time between is journaled as a gap. If that doesn't help,
//! the thread ends and says why; the daemon then stops.
//!
//! Time is an argument: [`Clock`] has a real and a simulated implementation.

mod clock;
mod drill;
mod erasing;
mod error;
mod export;
mod handle;
mod life;
mod machine;
mod queue;
mod registers;
mod replay;
mod rotate;
mod run;
mod sign;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use kukaku_ledger::SigningKey;
use kukaku_store::Notice;

use crate::key_files::KeyFiles;

pub use clock::{Clock, ClockReading, RealClock, SimClock};
pub use drill::{DrillNote, Drilled};
pub use erasing::{EraseRequest, OffboardRequest};
pub use error::{ActError, WriterError};
pub use export::ExportNote;
pub use handle::{Writer, WriterState};
pub use registers::{RegisterChange, Wanted};
pub use replay::{ReplayReport, replay_store};
pub use rotate::{EscrowNote, RotateRequest};

/// Decides which channels hear of a change of a finding.
pub type RouteFn = Box<dyn Fn(&Notice<'_>) -> Vec<String> + Send>;

/// What the writer works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The daemon: the site is watched from now on. Starts and stops are journaled with what
    /// runs, and the time since it was last watched as a gap.
    Watch {
        /// SHA-256 of the program, in hex.
        program: String,
        /// SHA-256 of the configuration, in hex.
        configuration: String,
    },
    /// One command on a store that nobody watches: registers, a file import.
    Command,
}

/// What the writer needs.
pub struct WriterConfig {
    /// The store; it must exist.
    pub store: PathBuf,
    /// The key that signs checkpoints.
    pub key: SigningKey,
    /// The files that the key came from, with the keys of before; none: it can't be rotated.
    pub key_files: Option<KeyFiles>,
    /// Where the newest checkpoint is kept outside the database.
    pub checkpoint_file: PathBuf,
    /// What it works for.
    pub purpose: Purpose,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Which channels hear of what.
    pub route: RouteFn,
}

impl Writer {
    /// Opens the store, builds the engine and starts the thread.
    ///
    /// # Errors
    /// The store can't be opened or was rolled back behind its last checkpoint; watching without
    /// registers.
    pub fn start(config: WriterConfig) -> Result<Self, WriterError> {
        run::start(config)
    }
}
