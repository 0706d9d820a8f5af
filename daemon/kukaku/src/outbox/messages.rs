//! One channel that carries messages.

use std::sync::Arc;

use kukaku_notify::{Alert, Attempts, Channel, DeliveryError, DeliveryState, digest, plan_batch};
use kukaku_schema::UtcMicros;
use kukaku_store::{Changed, ChangedKind, OutboxRow, OutboxState};
use tokio::sync::broadcast;
use tokio::time::Duration;

use super::desk::Look;
use super::{LOOK_AT_LEAST_EVERY, LOOK_AT_MOST_EVERY, OutboxDesk};
use crate::clock;
use crate::rooms::{Ledger, Stop, stopped};
use crate::writer::Writer;

/// How long a delivery that is under way may go on after "stop"; then the row waits for the
/// next start.
const FINISH_WITHIN: Duration = Duration::from_secs(4);

/// Works one channel off until `stop`.
///
/// # Errors
/// The writer is gone: nothing could be noted, so nothing more is sent.
pub async fn work_channel(
    desk: Arc<OutboxDesk>,
    channel: Arc<Channel>,
    writer: Writer,
    ledger: Arc<Ledger>,
    mut stop: Stop,
) -> Result<(), String> {
    let room = room_name(&channel);
    // Before the first look: what changes during it is looked at next.
    let mut changes = writer.changes();
    loop {
        let look = {
            let (desk, id) = (Arc::clone(&desk), channel.id().clone());
            tokio::task::spawn_blocking(move || desk.look(&id, clock::now())).await
        };
        let wait = match look.map_err(|e| e.to_string()).and_then(|look| look.map_err(|e| e.to_string())) {
            Ok(look) => {
                let round = send(&desk, &channel, &writer, &ledger, &room, look);
                tokio::select! {
                    sent = round => sent?,
                    () = async { stopped(&mut stop.clone()).await; tokio::time::sleep(FINISH_WITHIN).await } => return Ok(()),
                }
            }
            Err(why) => {
                tracing::error!("{room}: {why}");
                ledger.tell(&room, Some(why));
                LOOK_AT_LEAST_EVERY
            }
        };
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            () = tokio::time::sleep(wait) => {}
            () = outbox_changed(&mut changes, ChangedKind::Outbox) => {}
        }
    }
}

/// The name of a channel's room.
#[must_use]
pub fn room_name(channel: &Channel) -> String {
    format!("alerts {}", channel.id())
}

/// Resolves when something of a kind changed, or messages were missed.
pub(crate) async fn outbox_changed(changes: &mut broadcast::Receiver<Changed>, kind: ChangedKind) {
    loop {
        match changes.recv().await {
            Ok(changed) if !changed.has(kind) => {}
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            // The writer is gone; "stop" follows.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Sends what may go now; says how long to wait.
async fn send(
    desk: &OutboxDesk,
    channel: &Channel,
    writer: &Writer,
    ledger: &Ledger,
    room: &str,
    look: Look,
) -> Result<Duration, String> {
    let now = clock::now();
    let mut rows = Vec::new();
    let mut alerts: Vec<Alert> = Vec::new();
    for (row, alert) in look.due {
        match alert {
            Ok(alert) => {
                rows.push(row);
                alerts.push(alert);
            }
            // No later attempt would read it better: shown until a person looks at it.
            Err(why) => {
                tracing::error!("{room}: message {}: {why}", row.id);
                let row = OutboxRow { state: OutboxState::Failed, last_error: Some(why), needs_person: true, ..row };
                note(writer, vec![row]).await?;
            }
        }
    }
    let plan = plan_batch(desk.alerts.storm, &look.sent_at, &alerts, now);
    for place in &plan.singly {
        let outcome = channel.deliver(&alerts[*place], clock::now()).await;
        tell(ledger, room, &outcome);
        note(writer, vec![after(desk, &rows[*place], &outcome.map(drop), clock::now())]).await?;
    }
    let together: Vec<&Alert> = plan.digest.iter().map(|place| &alerts[*place]).collect();
    if let Some(message) = digest(channel.id(), &together, now) {
        let outcome = channel.deliver(&message, clock::now()).await;
        tell(ledger, room, &outcome);
        let outcome = outcome.map(drop);
        let then = clock::now();
        note(writer, plan.digest.iter().map(|place| after(desk, &rows[*place], &outcome, then)).collect()).await?;
    }
    let next = [plan.wait_until, look.next_at.filter(|at| *at > now)].into_iter().flatten().min();
    let until_next = next
        .map_or(LOOK_AT_LEAST_EVERY, |at| Duration::from_micros(u64::try_from(at.since(clock::now()).0).unwrap_or(0)));
    Ok(until_next.clamp(LOOK_AT_MOST_EVERY, LOOK_AT_LEAST_EVERY))
}

fn tell(ledger: &Ledger, room: &str, outcome: &Result<kukaku_notify::Delivered, DeliveryError>) {
    match outcome {
        Ok(delivered) => {
            tracing::info!("{room}: delivered ({})", delivered.note);
            ledger.tell(room, None);
        }
        Err(error) => {
            tracing::warn!("{room}: not delivered: {error}");
            ledger.tell(room, Some(error.to_string()));
        }
    }
}

/// A row after an attempt.
fn after(desk: &OutboxDesk, row: &OutboxRow, outcome: &Result<(), DeliveryError>, now: UtcMicros) -> OutboxRow {
    let before = Attempts {
        state: DeliveryState::Waiting,
        failures: row.failures,
        next_at: row.next_at,
        last_error: row.last_error.clone(),
        needs_person: row.needs_person,
    };
    let after = match outcome {
        Ok(()) => before.delivered(),
        Err(error) => before.failed(&desk.alerts.retry, row.recorded_at, error, now, row.id.cast_unsigned()),
    };
    let state = match after.state {
        DeliveryState::Waiting => OutboxState::Waiting,
        DeliveryState::Delivered => OutboxState::Delivered,
        DeliveryState::Failed => OutboxState::Failed,
    };
    OutboxRow {
        state,
        failures: after.failures,
        next_at: after.next_at,
        last_error: after.last_error,
        needs_person: after.needs_person,
        delivered_at: outcome.is_ok().then_some(now),
        ..row.clone()
    }
}

async fn note(writer: &Writer, rows: Vec<OutboxRow>) -> Result<(), String> {
    writer.note_deliveries(rows).await.map_err(|e| format!("note what became of an alert: {e}"))
}
