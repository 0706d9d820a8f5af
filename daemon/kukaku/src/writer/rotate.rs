//! A new signing key, and keys in escrow: what the journal says of them.

use kukaku_core::Names;
use kukaku_ledger::VerifierKey;
use kukaku_schema::UtcMicros;
use kukaku_store::{Batch, Connection, NewLeaf, StoreError, entries_of_kind};
use serde::{Deserialize, Serialize};

use super::error::WriterError;
use super::machine::Machine;

const ROTATED: &str = "key_rotated";

/// Who wants a new signing key, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotateRequest {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Keys that are put into escrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscrowNote {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// SHA-256 of the sealed file, in hex.
    pub sha256: String,
    /// Which wrapping key of the values is in it; none before the first value.
    pub wrapping: Option<String>,
}

impl EscrowNote {
    /// Appends a `key_escrowed` entry.
    pub(super) fn append(&self, batch: &mut Batch<'_>, names: &mut Names) -> Result<u64, StoreError> {
        #[derive(Serialize)]
        struct Body<'a> {
            kind: &'static str,
            at: UtcMicros,
            #[serde(flatten)]
            note: &'a EscrowNote,
        }
        append(batch, "key_escrowed", &Body { kind: "key_escrowed", at: batch.recorded_at(), note: self }, names)
    }
}

fn append(batch: &mut Batch<'_>, kind: &str, body: &impl Serialize, names: &mut Names) -> Result<u64, StoreError> {
    let payload = serde_json::to_vec(body).expect("texts, numbers and instants always serialise");
    let site = names.intern("");
    batch.append(NewLeaf { kind, source: site, client: site, device_time: None, payload: &payload }, names)
}

impl Machine {
    /// Appends a `key_rotated` entry, in a transaction of its own: it is the last one that the old
    /// key signs. Returns its number and the smallest size that the new key signs; none before the
    /// opening of the site.
    pub(super) fn note_rotation(
        &mut self,
        request: &RotateRequest,
        old: &VerifierKey,
        new: &VerifierKey,
    ) -> Result<Option<(u64, u64)>, WriterError> {
        #[derive(Serialize)]
        struct Body<'a> {
            kind: &'static str,
            at: UtcMicros,
            by: &'a str,
            reason: &'a str,
            old: String,
            new: String,
            from_size: u64,
        }
        let now = self.read_clock();
        let Some(mind) = &mut self.mind else { return Ok(None) };
        let mut batch = self.store.begin(now)?;
        // The tree with this entry is the last that the old key signs.
        let from_size = batch.next_seq() + 2;
        let body = Body {
            kind: ROTATED,
            at: batch.recorded_at(),
            by: &request.by,
            reason: &request.reason,
            old: old.to_string(),
            new: new.to_string(),
            from_size,
        };
        let entry = append(&mut batch, ROTATED, &body, mind.engine.names_mut())?;
        let advanced_to = mind.engine.now();
        batch.commit(advanced_to, mind.engine.names())?;
        Ok(Some((entry, from_size)))
    }
}

/// From which size on `key` signs, by the journal; none where no entry names it.
pub(super) fn rotated_to(conn: &Connection, key: &VerifierKey) -> Result<Option<u64>, StoreError> {
    #[derive(Deserialize)]
    struct Body {
        new: String,
        from_size: u64,
    }
    let entries = entries_of_kind(conn, ROTATED)?;
    let bodies = entries.iter().filter_map(|entry| serde_json::from_slice::<Body>(entry.body.as_ref()?).ok());
    Ok(bodies.filter(|body| body.new == key.to_string()).map(|body| body.from_size).next_back())
}
