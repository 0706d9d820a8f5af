//! The backup's room.

use crate::backup::{SHIP_ROOM, keep_shipping};
use crate::config::Config;
use crate::rooms::Rooms;
use crate::site_dir::SiteDir;

/// Starts shipping, where a folder is named.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, config: &Config) {
    let Some(backup) = &config.backup else { return };
    let (dir, backup, ledger) = (dir.clone(), backup.clone(), rooms.ledger());
    rooms.start(SHIP_ROOM, move |stop| keep_shipping(dir.clone(), backup.clone(), ledger.clone(), stop));
}
