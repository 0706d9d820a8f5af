//! The backup's room.

use crate::backup::{DRILL_ROOM, SHIP_ROOM, keep_drilling, keep_shipping};
use crate::config::Config;
use crate::rooms::Rooms;
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// Starts shipping and drilling, where a folder is named.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, config: &Config, writer: &Writer) {
    let Some(backup) = &config.backup else { return };
    let (dir, backup, ledger) = (dir.clone(), backup.clone(), rooms.ledger());
    let (at, what, told, writer) = (dir.clone(), backup.clone(), ledger.clone(), writer.clone());
    rooms.start(DRILL_ROOM, move |stop| keep_drilling(at.clone(), what.clone(), writer.clone(), told.clone(), stop));
    rooms.start(SHIP_ROOM, move |stop| keep_shipping(dir.clone(), backup.clone(), ledger.clone(), stop));
}
