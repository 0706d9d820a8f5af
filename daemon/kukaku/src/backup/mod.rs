//! Backups of an installation: shipped while it runs, restored into a folder of its own, tried
//! every week.

mod restore;

pub use restore::{RestoreReport, restore_store};
