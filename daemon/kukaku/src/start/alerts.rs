//! The outbox: one room a channel, one a tower.

use std::sync::Arc;

use kukaku_notify::Channels;
use kukaku_store::{OutboxRow, OutboxState, outbox_stranded, read_only};

use crate::config::Config;
use crate::failure::Failure;
use crate::outbox::{OutboxDesk, keep_tower, message_room, tower_room, work_channel};
use crate::rooms::Rooms;
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// Messages of channels that are gone that are looked at together.
const STRANDED_ROWS: u32 = 500;

/// Starts a room for every channel and tower.
///
/// # Errors
/// `Written`: a channel can't be used as configured. `Store`: the outbox can't be read or written.
pub async fn start(
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
    let known: Vec<&str> = channels.messages.iter().map(|channel| channel.id().as_str()).collect();
    give_up_stranded(dir, writer, &known).await?;
    for channel in channels.messages {
        let channel = Arc::new(channel);
        let (desk, writer, ledger) = (Arc::clone(&desk), writer.clone(), rooms.ledger());
        rooms.start(message_room(&channel), move |stop| {
            let (desk, channel, ledger) = (Arc::clone(&desk), Arc::clone(&channel), Arc::clone(&ledger));
            work_channel(desk, channel, writer.clone(), ledger, stop)
        });
    }
    crate::notices::start(rooms, dir.store(), &config.alerts, writer).map_err(Failure::Written)?;
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

/// Nobody will send what waits for a channel that the configuration no longer has: it is shown as
/// failed, for a person to look at.
async fn give_up_stranded(dir: &SiteDir, writer: &Writer, known: &[&str]) -> Result<(), Failure> {
    loop {
        let conn = read_only(&dir.store()).map_err(|e| Failure::Store(e.to_string()))?;
        let rows = outbox_stranded(&conn, known, STRANDED_ROWS).map_err(|e| Failure::Store(e.to_string()))?;
        drop(conn);
        if rows.is_empty() {
            return Ok(());
        }
        let given_up = rows.into_iter().map(|row| OutboxRow {
            state: OutboxState::Failed,
            last_error: Some(format!("channel {:?} is no longer configured", row.channel)),
            needs_person: true,
            ..row
        });
        let noted = writer.note_deliveries(given_up.collect()).await;
        noted.map_err(|e| Failure::Store(format!("note alerts of channels that are gone: {e}")))?;
    }
}
