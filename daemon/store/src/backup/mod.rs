//! Backups: the journal and its sealed values, copied to another disk by tree size; and a store
//! made of them again.
//!
//! The journal's leaves and the sealed values are the whole evidence: everything else in a store is
//! derived from them, or belongs to the pages. So a backup holds those two, and a small sealed copy
//! of what is not in the journal. Data keys are not in it: without them nobody reads a value in it,
//! and a key that was destroyed stays destroyed.
//!
//! A backup folder holds generations (`gen-000001`, ...), each a whole copy: segments that follow
//! each other without a gap, from entry 0 to a signed checkpoint. `schema/README.md`, "Backups",
//! documents the bytes.

mod beside;
mod derive;
mod error;
mod folder;
mod put;
mod restore;
mod said;
mod segment;
mod ship;

pub use error::BackupError;
pub use folder::{Generation, generations};
pub use restore::{Restored, restore_journal};
pub use segment::SegmentSummary;
pub use ship::{ShipOrder, Shipped, ship};
