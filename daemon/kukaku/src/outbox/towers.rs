//! One signal tower: shows the gravest severity that is open.

use std::sync::Arc;

use kukaku_notify::{TOWER_REFRESH, Tower};
use kukaku_store::{Changed, ChangedKind};
use tokio::sync::broadcast;
use tokio::time::Duration;

use super::OutboxDesk;
use super::messages::outbox_changed;
use crate::rooms::{Ledger, Stop, stopped};

/// The wait after a failure: a tower is near, and dark it says nothing.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// Changes within so short a time are shown at once: a burst is one command, not hundreds.
const GATHER: Duration = Duration::from_millis(100);

/// Keeps a tower showing what is open until `stop`.
///
/// # Errors
/// Never: a tower that doesn't answer is told again and again.
pub async fn keep_tower(
    desk: Arc<OutboxDesk>,
    tower: Arc<Tower>,
    time_zone: String,
    mut changes: broadcast::Receiver<Changed>,
    ledger: Arc<Ledger>,
    mut stop: Stop,
) -> Result<(), String> {
    let room = room_name(&tower);
    let refresh = Duration::from_micros(TOWER_REFRESH.0.unsigned_abs());
    loop {
        let state = {
            let (desk, id, zone) = (Arc::clone(&desk), tower.config().id.clone(), time_zone.clone());
            tokio::task::spawn_blocking(move || desk.tower_state(&id, &zone)).await
        };
        let shown = match state.map_err(|e| e.to_string()).and_then(|state| state.map_err(|e| e.to_string())) {
            Ok(state) => tower.deliver(state).await.map(drop).map_err(|e| e.to_string()),
            Err(why) => Err(why),
        };
        let wait = if shown.is_ok() { refresh } else { TRY_AGAIN };
        if let Err(why) = &shown {
            tracing::warn!("{room}: {why}");
        }
        ledger.tell(&room, shown.err());
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            () = tokio::time::sleep(wait) => {}
            () = outbox_changed(&mut changes, ChangedKind::Finding) => tokio::time::sleep(GATHER).await,
        }
    }
}

/// The name of a tower's room.
#[must_use]
pub fn room_name(tower: &Tower) -> String {
    format!("tower {}", tower.config().id)
}
