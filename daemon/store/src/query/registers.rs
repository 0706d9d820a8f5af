//! 台帳: the registers in force and how they changed.

use kukaku_schema::registers::{Registers, StoredEntry, from_stored};
use kukaku_schema::{Span, UtcMicros};
use rusqlite::Connection;

use super::cells::{instant_at, maybe_instant_at};
use crate::error::{StoreError, in_act};

/// A number that grows with each change of the registers, to know whether they have to be read again.
///
/// # Errors
/// The store.
pub fn registers_version(conn: &Connection) -> Result<i64, StoreError> {
    conn.query_row("SELECT coalesce(max(id), 0) FROM register_entry", [], |row| row.get(0))
        .map_err(in_act("read the version of the registers"))
}

/// The registers in force; `None` before any were recorded.
///
/// # Errors
/// The store, or an entry of a newer version.
pub fn registers(conn: &Connection) -> Result<Option<Registers>, StoreError> {
    const ACT: &str = "read the registers";
    let sql = "SELECT tbl, entry_id, from_us, until_us, recorded_at_us, body FROM register_entry
               WHERE replaced_seq IS NULL ORDER BY id";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([], |row| {
            Ok(StoredEntry {
                table: row.get(0)?,
                id: row.get(1)?,
                valid: Span::new(instant_at(row, 2)?, instant_at(row, 3)?),
                recorded_at: maybe_instant_at(row, 4)?,
                body: row.get(5)?,
            })
        })
        .map_err(in_act(ACT))?;
    let entries = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    if entries.is_empty() {
        return Ok(None);
    }
    from_stored(entries).map(Some).map_err(|e| StoreError::corrupt(ACT, e))
}

/// A change of the registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterChangeRow {
    /// The journal entry.
    pub journal_seq: i64,
    /// Our clock.
    pub recorded_at: UtcMicros,
    /// Who changed them.
    pub actor: String,
    /// Why, in his own words.
    pub reason: String,
    /// Entries that are new.
    pub added: i64,
    /// Entries that ended or were replaced.
    pub closed: i64,
}

/// The newest changes of the registers, at most `limit`.
///
/// # Errors
/// The store.
pub fn register_changes(conn: &Connection, limit: u32) -> Result<Vec<RegisterChangeRow>, StoreError> {
    const ACT: &str = "list the register changes";
    let sql = "SELECT journal_seq, recorded_at_us, actor, reason, added, closed FROM register_change
               ORDER BY journal_seq DESC LIMIT ?1";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([limit], |row| {
            Ok(RegisterChangeRow {
                journal_seq: row.get(0)?,
                recorded_at: instant_at(row, 1)?,
                actor: row.get(2)?,
                reason: row.get(3)?,
                added: row.get(4)?,
                closed: row.get(5)?,
            })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}
