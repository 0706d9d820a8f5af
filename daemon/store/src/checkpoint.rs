//! Signed heads of the tree, and what is needed to sign the next.

use kukaku_ledger::{AddCheckpoint, Hash, Head as TreeHead, SignedNote, consistency_proof, root_at};
use kukaku_schema::UtcMicros;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{StoreError, in_act};
use crate::store::Store;
use crate::tree;

/// A signed head as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// The head that it signs.
    pub head: TreeHead,
    /// The C2SP signed note.
    pub note: String,
    /// Our clock when it was signed.
    pub signed_at: UtcMicros,
}

const ACT: &str = "read a checkpoint";

impl StoredCheckpoint {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Vec<u8>, String, i64)> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    }

    pub(crate) fn of(row: (i64, Vec<u8>, String, i64)) -> Result<Self, StoreError> {
        let (size, root, note, signed_at) = row;
        let root = Hash::from_slice(&root).ok_or_else(|| StoreError::corrupt(ACT, "a root is cut short"))?;
        let head = TreeHead { size: size.cast_unsigned(), root };
        Ok(Self { head, note, signed_at: UtcMicros(signed_at) })
    }
}

/// The proof that the tree of `old` entries is the beginning of the one of `size`.
fn consistency(conn: &Connection, old: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
    let mut failed = None;
    let proof = consistency_proof(old, size, |id| {
        tree::node(conn, id).unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    });
    match failed {
        Some(error) => Err(error),
        None => proof.map_err(|e| StoreError::corrupt("prove that the journal only grew", e.to_string())),
    }
}

/// The head that the journal had when it had `size` entries; none where it was never that large,
/// and for an empty one.
///
/// # Errors
/// What the disk says.
pub fn head_at(conn: &Connection, size: u64) -> Result<Option<TreeHead>, StoreError> {
    const ACT: &str = "compute the root of an older journal";
    let known = crate::query::head(conn)?.journal_size;
    if size == 0 || size > known.cast_unsigned() {
        return Ok(None);
    }
    let mut failed = None;
    let root = root_at(size, |id| {
        tree::node(conn, id).unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(Some(TreeHead { size, root: root.map_err(|e| StoreError::corrupt(ACT, e.to_string()))? })),
    }
}

/// The newest checkpoint with the proof that it goes on from the one of `old` entries, as the
/// body that a witness takes (C2SP tlog-witness, add-checkpoint); none before the first, and for
/// an `old` that was never reached.
///
/// # Errors
/// What the disk says.
pub fn newest_checkpoint_from(conn: &Connection, old: u64) -> Result<Option<String>, StoreError> {
    let Some(newest) = newest_checkpoint(conn)?.filter(|newest| newest.head.size >= old) else {
        return Ok(None);
    };
    let note = SignedNote::parse(newest.note.as_bytes()).map_err(|e| StoreError::corrupt(ACT, e.to_string()))?;
    let proof = consistency(conn, old, newest.head.size)?;
    Ok(Some(AddCheckpoint { old, proof, note }.to_text()))
}

/// The newest checkpoint; none before the first.
///
/// # Errors
/// What the disk says.
pub fn newest_checkpoint(conn: &Connection) -> Result<Option<StoredCheckpoint>, StoreError> {
    conn.prepare_cached("SELECT size, root, note, signed_at_us FROM checkpoint ORDER BY size DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], StoredCheckpoint::read).optional())
        .map_err(in_act(ACT))?
        .map(StoredCheckpoint::of)
        .transpose()
}

impl Store {
    /// The head of the tree as it was committed last.
    #[must_use]
    pub fn tree_head(&self) -> TreeHead {
        TreeHead { size: self.frontier.size(), root: self.frontier.root() }
    }

    /// The proof that the tree of `old` entries is the beginning of the present one.
    ///
    /// # Errors
    /// [`StoreError::RolledBack`] if the present tree is smaller, [`StoreError::Corrupt`] if a
    /// node is missing.
    pub fn consistency_from(&self, old: u64) -> Result<Vec<Hash>, StoreError> {
        let size = self.frontier.size();
        if old > size {
            return Err(StoreError::RolledBack { path: self.path().to_owned(), size, signed: old });
        }
        consistency(&self.conn, old, size)
    }

    /// Hashes every entry from `signed` on again, with its value, as it lies in the file: what
    /// was changed between its recording and its first signature must not be signed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]: something was changed; and what the disk says.
    pub fn check_unsigned(&self, signed: u64) -> Result<(), StoreError> {
        crate::verify::unsigned(&self.conn, signed, self.tree_head())
    }

    /// The root of the tree when it had `size` entries.
    ///
    /// # Errors
    /// [`StoreError::RolledBack`] if the present tree is smaller, [`StoreError::Corrupt`] if a
    /// node is missing.
    pub fn root_at(&self, size: u64) -> Result<Hash, StoreError> {
        if size > self.frontier.size() {
            let (path, signed) = (self.path().to_owned(), size);
            return Err(StoreError::RolledBack { path, size: self.frontier.size(), signed });
        }
        tree::frontier(&self.conn, size).map(|frontier| frontier.root())
    }

    /// Keeps a signed head; keeping it again changes nothing.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_checkpoint(&self, checkpoint: &StoredCheckpoint) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO checkpoint (size, root, note, signed_at_us) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    checkpoint.head.size.cast_signed(),
                    checkpoint.head.root.as_bytes(),
                    checkpoint.note,
                    checkpoint.signed_at.0,
                ])
            })
            .map(drop)
            .map_err(in_act("keep a checkpoint"))
    }
}
