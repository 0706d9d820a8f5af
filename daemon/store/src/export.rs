//! Reading for those who take records out: leaves in order, and the values of those that are
//! opened.
//!
//! [`export_value`] is the only way by which salts and bodies leave the store for a pack.

use kukaku_ledger::{Hash, Leaf, NodeId, SALT_BYTES};
use kukaku_schema::UtcMicros;
use rusqlite::{Connection, OptionalExtension, params};

use crate::checkpoint::StoredCheckpoint;
use crate::error::{StoreError, in_act};
use crate::values::Value;
use crate::{tree, verify};

const ACT: &str = "read the journal for an export";

/// The value of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportValue {
    /// What was said, with the salt of its commitment.
    Kept {
        /// The salt.
        salt: [u8; SALT_BYTES],
        /// The body, as it was committed to.
        body: Vec<u8>,
    },
    /// It was erased, and the journal says so.
    Erased,
}

/// The value of journal entry `seq`.
///
/// # Errors
/// [`StoreError::Corrupt`] where it is missing and no entry speaks of an erasure after it.
pub fn export_value(conn: &Connection, seq: u64) -> Result<ExportValue, StoreError> {
    let sql = "SELECT unseal(j.seq, j.commitment, p.key, p.sealed) FROM journal j JOIN payload p ON p.seq = j.seq
               WHERE j.seq = ?1";
    let unsealed: Option<Option<Vec<u8>>> = conn
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([seq.cast_signed()], |row| row.get(0)).optional())
        .map_err(in_act(ACT))?;
    match Value::of(unsealed.flatten()) {
        Value::Open { salt, body } => return Ok(ExportValue::Kept { salt, body }),
        Value::Forged => return Err(StoreError::corrupt(ACT, format!("the value of entry {seq} was forged"))),
        Value::Gone => {}
    }
    let erased: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM erased WHERE first <= ?1 AND last >= ?1)")
        .and_then(|mut statement| statement.query_row([seq.cast_signed()], |row| row.get(0)))
        .map_err(in_act(ACT))?;
    match erased {
        true => Ok(ExportValue::Erased),
        false => Err(StoreError::corrupt(ACT, format!("the value of entry {seq} is missing and was never erased"))),
    }
}

/// Which journal numbers a pack spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRange {
    /// The first.
    pub first: u64,
    /// The first one after it.
    pub end: u64,
    /// The client's entries that were recorded after the period, though their source names a time
    /// within it: first and last of each run.
    pub late: Vec<(u64, u64)>,
}

/// The range of `client`'s entries recorded in `[from, to)`, within a tree of `size` entries: from
/// its last entry before the period to its first one after it, where there are such.
///
/// # Errors
/// What the disk says.
pub fn export_range(
    conn: &Connection,
    client: &str,
    from: UtcMicros,
    to: UtcMicros,
    size: u64,
) -> Result<ExportRange, StoreError> {
    let (start, end) = (first_recorded(conn, from, size)?, first_recorded(conn, to, size)?);
    let word: Option<i64> = conn
        .query_row("SELECT id FROM word WHERE text = ?1", [client], |row| row.get(0))
        .optional()
        .map_err(in_act(ACT))?;
    let Some(word) = word else { return Ok(ExportRange { first: start, end: end.max(start), late: Vec::new() }) };
    let one = |sql: &str, seq: u64| -> Result<Option<u64>, StoreError> {
        conn.query_row(sql, params![word, seq.cast_signed(), size.cast_signed()], |row| row.get::<_, i64>(0))
            .optional()
            .map(|found| found.map(i64::cast_unsigned))
            .map_err(in_act(ACT))
    };
    let before =
        one("SELECT seq FROM journal WHERE client = ?1 AND seq < ?2 AND seq < ?3 ORDER BY seq DESC LIMIT 1", start)?;
    let after = one("SELECT seq FROM journal WHERE client = ?1 AND seq >= ?2 AND seq < ?3 ORDER BY seq LIMIT 1", end)?;
    let mut statement = conn
        .prepare(
            "SELECT seq FROM journal WHERE seq >= ?2 AND seq < ?3 AND client = ?1
             AND device_time_us >= ?4 AND device_time_us < ?5 ORDER BY seq",
        )
        .map_err(in_act(ACT))?;
    let rows = statement
        .query_map(params![word, end.cast_signed(), size.cast_signed(), from.0, to.0], |row| row.get::<_, i64>(0))
        .map_err(in_act(ACT))?;
    let mut late: Vec<(u64, u64)> = Vec::new();
    for seq in rows {
        let seq = seq.map_err(in_act(ACT))?.cast_unsigned();
        match late.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => late.push((seq, seq)),
        }
    }
    let first = before.unwrap_or(start);
    Ok(ExportRange { first, end: after.map_or(end, |seq| seq + 1).max(first), late })
}

/// The first entry recorded at `at` or later: recording never goes backwards.
fn first_recorded(conn: &Connection, at: UtcMicros, size: u64) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, size);
    let mut statement =
        conn.prepare_cached("SELECT recorded_at_us FROM journal WHERE seq = ?1").map_err(in_act(ACT))?;
    while low < high {
        let middle = low + (high - low) / 2;
        let recorded: Option<i64> =
            statement.query_row([middle.cast_signed()], |row| row.get(0)).optional().map_err(in_act(ACT))?;
        match recorded {
            None => return Err(StoreError::corrupt(ACT, format!("entry {middle} is missing"))),
            Some(recorded) if recorded < at.0 => low = middle + 1,
            Some(_) => high = middle,
        }
    }
    Ok(low)
}

/// Hands the leaves `first..end` to `take`, in order, each with the hash that stands in the tree.
///
/// # Errors
/// What the disk says, as `take`'s error; [`StoreError::Corrupt`] names the first missing entry.
pub fn export_leaves<E: From<StoreError>>(
    conn: &Connection,
    first: u64,
    end: u64,
    mut take: impl FnMut(Leaf, Hash) -> Result<(), E>,
) -> Result<(), E> {
    let sql = format!(
        "SELECT {} FROM journal j {} WHERE j.seq >= ?1 AND j.seq < ?2 ORDER BY j.seq",
        verify::COLUMNS,
        verify::WORDS
    );
    let mut statement = conn.prepare(&sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([first.cast_signed(), end.cast_signed()]).map_err(in_act(ACT))?;
    let mut next = first;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let (leaf, hash) = verify::read_leaf(row)?;
        if leaf.seq != next {
            break;
        }
        next += 1;
        take(leaf, hash)?;
    }
    match next == end {
        true => Ok(()),
        false => Err(StoreError::corrupt(ACT, format!("entry {next} is missing")).into()),
    }
}

/// The hash of a complete subtree; none where the store lacks it.
///
/// # Errors
/// What the disk says.
pub fn tree_node(conn: &Connection, id: NodeId) -> Result<Option<Hash>, StoreError> {
    tree::node(conn, id)
}

/// The checkpoint of the tree of `size` entries; none where none of that size was signed.
///
/// # Errors
/// What the disk says.
pub fn checkpoint_at(conn: &Connection, size: u64) -> Result<Option<StoredCheckpoint>, StoreError> {
    conn.prepare_cached("SELECT size, root, note, signed_at_us FROM checkpoint WHERE size = ?1")
        .and_then(|mut statement| statement.query_row([size.cast_signed()], StoredCheckpoint::read).optional())
        .map_err(in_act(ACT))?
        .map(StoredCheckpoint::of)
        .transpose()
}

/// An entry of kind `export`: something was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportEntry {
    /// Its journal number.
    pub seq: u64,
    /// What it says, as `schema/README.md` documents it; none once erased.
    pub body: Option<Vec<u8>>,
}

/// Everything that was ever taken out, oldest first.
///
/// # Errors
/// What the disk says.
pub fn exports(conn: &Connection) -> Result<Vec<ExportEntry>, StoreError> {
    entries_of_kind(conn, "export")
}

/// The entries of a kind of which there are few, the oldest first.
///
/// # Errors
/// What the disk says.
pub fn entries_of_kind(conn: &Connection, kind: &str) -> Result<Vec<ExportEntry>, StoreError> {
    let mut statement = conn.prepare("SELECT seq FROM journal WHERE kind = ?1 ORDER BY seq").map_err(in_act(ACT))?;
    let rows = statement.query_map([kind], |row| row.get::<_, i64>(0)).map_err(in_act(ACT))?;
    rows.map(|seq| {
        let seq = seq.map_err(in_act(ACT))?.cast_unsigned();
        let body = match export_value(conn, seq)? {
            ExportValue::Kept { body, .. } => Some(body),
            ExportValue::Erased => None,
        };
        Ok(ExportEntry { seq, body })
    })
    .collect()
}
