//! The outbox: one room a channel, one a tower.

use std::sync::Arc;

use kukaku_notify::Channels;

use crate::config::Config;
use crate::failure::Failure;
use crate::outbox::{OutboxDesk, keep_tower, message_room, tower_room, work_channel};
use crate::rooms::Rooms;
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// Starts a room for every channel and tower.
///
/// # Errors
/// `Written`: a channel can't be used as configured.
pub fn start(
    rooms: &mut Rooms,
    dir: &SiteDir,
    config: &Config,
    writer: &Writer,
    time_zone: &str,
) -> Result<(), Failure> {
    let channels = Channels::open(&config.alerts).map_err(|e| Failure::Written(format!("alerts: {e}")))?;
    let desk = Arc::new(OutboxDesk {
        store: dir.store(),
        alerts: config.alerts.clone(),
        public_url: config.web.public_url.clone(),
    });
    for channel in channels.messages {
        let channel = Arc::new(channel);
        let (desk, writer, ledger) = (Arc::clone(&desk), writer.clone(), rooms.ledger());
        rooms.start(message_room(&channel), move |stop| {
            let (desk, channel, ledger) = (Arc::clone(&desk), Arc::clone(&channel), Arc::clone(&ledger));
            work_channel(desk, channel, writer.clone(), ledger, stop)
        });
    }
    for tower in channels.towers {
        let tower = Arc::new(tower);
        let (desk, writer, ledger, zone) = (Arc::clone(&desk), writer.clone(), rooms.ledger(), time_zone.to_owned());
        rooms.start(tower_room(&tower), move |stop| {
            let (desk, tower, ledger) = (Arc::clone(&desk), Arc::clone(&tower), Arc::clone(&ledger));
            keep_tower(desk, tower, zone.clone(), writer.changes(), ledger, stop)
        });
    }
    Ok(())
}
