//! Backups of an installation: shipped while it runs, restored into a folder of its own.

mod drill;
mod restore;
mod ship;

pub use drill::{ROOM as DRILL_ROOM, drill, keep_drilling, lines as drill_lines};
pub use restore::{RestoreReport, restore_store};
pub use ship::{ROOM as SHIP_ROOM, keep_shipping, ship_now};
