//! One entry with all that proves it, for a document that stands alone.

use kukaku_ledger::{Hash, Leaf, inclusion_proof};
use rusqlite::{Connection, OptionalExtension};

use crate::checkpoint::{StoredCheckpoint, newest_checkpoint};
use crate::error::{StoreError, in_act};
use crate::values::Value;
use crate::{tree, verify};

/// An entry, its value, and the proof that it stands in a signed tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryProof {
    /// The entry.
    pub leaf: Leaf,
    /// What was said, and the salt of the commitment.
    pub value: Value,
    /// The hashes beside its way to the root, from the leaf upwards (RFC 9162 section 2.1.3).
    pub proof: Vec<Hash>,
    /// The newest checkpoint; it covers the entry.
    pub checkpoint: StoredCheckpoint,
}

/// The entry `seq` with its proof in the newest checkpoint; none where there is no such entry, or
/// no checkpoint covers it yet.
///
/// # Errors
/// What the disk says.
pub fn entry_proof(conn: &Connection, seq: u64) -> Result<Option<EntryProof>, StoreError> {
    const ACT: &str = "prove an entry";
    let Some(checkpoint) = newest_checkpoint(conn)?.filter(|newest| newest.head.size > seq) else { return Ok(None) };
    let Some(leaf) = verify::leaf(conn, seq)? else { return Ok(None) };
    let value: Option<Option<Vec<u8>>> = conn
        .prepare_cached(
            "SELECT unseal(j.seq, j.commitment, p.key, p.sealed) FROM journal j JOIN payload p ON p.seq = j.seq
             WHERE j.seq = ?1",
        )
        .and_then(|mut statement| statement.query_row([seq.cast_signed()], |row| row.get(0)).optional())
        .map_err(in_act(ACT))?;
    let mut failed = None;
    let proof = inclusion_proof(seq, checkpoint.head.size, |id| {
        tree::node(conn, id).unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let proof = proof.map_err(|error| StoreError::corrupt(ACT, error.to_string()))?;
    Ok(Some(EntryProof { leaf, value: Value::of(value.flatten()), proof, checkpoint }))
}
