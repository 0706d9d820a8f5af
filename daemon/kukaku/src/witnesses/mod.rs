//! Witnesses are asked to cosign after each checkpoint, each in a room of its own: one that hangs
//! holds up neither the others nor the writer. What they don't cosign now is cosigned later by
//! one proof, however long it was; until then every page says so.

mod ask;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kukaku_schema::UtcMicros;
use kukaku_store::WitnessNote;

pub use ask::{Asked, Refusal, Witness};

use crate::clock;
use crate::rooms::{Ledger, Stop, stopped};
use crate::writer::Writer;

/// Until the first try after a failure; doubled with each further one.
const RETRY_FIRST: Duration = Duration::from_secs(5);

/// Longest between two tries: well within the ten minutes after which pages raise an alarm.
const RETRY_MAX: Duration = Duration::from_secs(300);

fn retry_after(failures: u32) -> Duration {
    RETRY_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(RETRY_MAX)
}

/// Asks a witness once, and notes what came of it.
///
/// # Errors
/// Why there is no cosignature, for whoever looks after the machine.
pub async fn turn(witness: &Arc<Witness>, store: &Path, writer: &Writer, now: UtcMicros) -> Result<(), String> {
    let (asking, path) = (Arc::clone(witness), store.to_owned());
    // The client blocks; its own time-out ends the thread.
    let asked = tokio::task::spawn_blocking(move || asking.ask(&path, now)).await.map_err(|e| e.to_string())?;
    let key = witness.key().to_string();
    let (notes, outcome) = match asked {
        Ok(Asked::NothingNew) => return Ok(()),
        Ok(Asked::Cosigned { cosignature, doubt }) => {
            let signed = WitnessNote::Cosigned { key: key.clone(), cosignature };
            let doubt = doubt.map(|what| WitnessNote::Trouble { key, what, contradicts: false });
            (std::iter::once(signed).chain(doubt).collect(), Ok(()))
        }
        Err(Refusal { what, contradicts }) => {
            (vec![WitnessNote::Trouble { key, what: what.clone(), contradicts }], Err((what, contradicts)))
        }
    };
    for note in notes {
        if let WitnessNote::Trouble { what, contradicts: false, .. } = &note {
            tracing::warn!("witness {}: {what}", witness.name());
        }
        writer.note_witness(note).await.map_err(|e| e.to_string())?;
    }
    outcome.map_err(|(what, contradicts)| {
        if contradicts {
            tracing::error!("witness {} knows another journal than this one: {what}", witness.name());
        }
        what
    })
}

/// Asks a witness after each checkpoint until it is told to stop.
///
/// # Errors
/// None; a room may have some.
pub async fn keep_asking(
    witness: Arc<Witness>,
    store: Arc<Path>,
    writer: Writer,
    ledger: Arc<Ledger>,
    mut stop: Stop,
) -> Result<(), String> {
    let room = room(&witness);
    let mut signed = writer.signed();
    let mut failures = 0;
    loop {
        signed.mark_unchanged();
        let outcome = tokio::select! {
            outcome = turn(&witness, &store, &writer, clock::now()) => outcome,
            () = stopped(&mut stop) => return Ok(()),
        };
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        ledger.tell(&room, outcome.err());
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            () = tokio::time::sleep(retry_after(failures)), if failures > 0 => {}
            // The writer is gone: nothing will be signed any more.
            changed = signed.changed(), if failures == 0 => if changed.is_err() { return Ok(()) },
        }
    }
}

/// The name of a witness's room.
#[must_use]
pub fn room(witness: &Witness) -> String {
    format!("witness {}", witness.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_get_rarer_up_to_five_minutes() {
        let waits: Vec<u64> = [1, 2, 3, 6, 7, 8, 1000].map(|failures| retry_after(failures).as_secs()).to_vec();
        assert_eq!(waits, [5, 10, 20, 160, 300, 300, 300]);
    }
}
