//! Sign-ins and acts on users: what waits is taken into the journal.

use std::time::Duration;

use kukaku_store::{Connection, account_events_wait, read_only};

use crate::rooms::{Rooms, stopped};
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// How often it is looked: nobody waits for it, and the act itself is durable already.
const EVERY: Duration = Duration::from_secs(2);

const ROOM: &str = "accounts";

/// Starts the room.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, writer: &Writer) {
    let (dir, writer, ledger) = (dir.clone(), writer.clone(), rooms.ledger());
    rooms.start(ROOM, move |mut stop| {
        let (dir, writer, ledger) = (dir.clone(), writer.clone(), ledger.clone());
        async move {
            let mut conn = None;
            loop {
                let trouble = take(&dir, &mut conn, &writer).await.err();
                ledger.tell(ROOM, trouble);
                tokio::select! {
                    () = stopped(&mut stop) => return Ok(()),
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        }
    });
}

async fn take(dir: &SiteDir, conn: &mut Option<Connection>, writer: &Writer) -> Result<(), String> {
    let open = match conn.take() {
        Some(open) => open,
        None => read_only(&dir.store()).map_err(|e| e.to_string())?,
    };
    let waits = account_events_wait(&open).map_err(|e| e.to_string())?;
    *conn = Some(open);
    if waits {
        writer.note_accounts().await.map_err(|e| e.to_string())?;
    }
    Ok(())
}
