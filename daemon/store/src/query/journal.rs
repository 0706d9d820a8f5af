//! 記録台帳: single entries of the journal, its size and newest signature, and what was unreadable.

use kukaku_schema::UtcMicros;
use rusqlite::{Connection, OptionalExtension};

use super::cells::{instant_at, maybe_instant_at};
use super::{Cursor, Listed};
use crate::error::{StoreError, in_act};
use crate::values::Value;

/// Where the store stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Entries in the journal.
    pub journal_size: i64,
    /// Our clock at the last commit.
    pub recorded_at: UtcMicros,
    /// The instant at which what is shown is true.
    pub advanced_to: UtcMicros,
}

/// Where the store stands.
///
/// # Errors
/// The store.
pub fn head(conn: &Connection) -> Result<Head, StoreError> {
    conn.query_row("SELECT journal_size, recorded_at_us, advanced_to_us FROM head", [], |row| {
        Ok(Head { journal_size: row.get(0)?, recorded_at: instant_at(row, 1)?, advanced_to: instant_at(row, 2)? })
    })
    .map_err(in_act("read where the store stands"))
}

/// A signed head of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRow {
    /// Entries it covers.
    pub size: i64,
    /// The root of the tree, 32 bytes.
    pub root: Vec<u8>,
    /// The signed note.
    pub note: String,
    /// When.
    pub signed_at: UtcMicros,
}

/// The newest signed head.
///
/// # Errors
/// The store.
pub fn newest_checkpoint(conn: &Connection) -> Result<Option<CheckpointRow>, StoreError> {
    conn.prepare_cached("SELECT size, root, note, signed_at_us FROM checkpoint ORDER BY size DESC LIMIT 1")
        .and_then(|mut s| {
            s.query_row([], |row| {
                Ok(CheckpointRow {
                    size: row.get(0)?,
                    root: row.get(1)?,
                    note: row.get(2)?,
                    signed_at: instant_at(row, 3)?,
                })
            })
            .optional()
        })
        .map_err(in_act("read the newest checkpoint"))
}

/// One journal entry with what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its number.
    pub seq: i64,
    /// Its kind.
    pub kind: String,
    /// Who said it; empty: kukaku itself.
    pub source: String,
    /// The client it concerns; empty: the site.
    pub client: String,
    /// Its number among the entries of the client.
    pub client_seq: i64,
    /// Its number among the entries of the source.
    pub source_seq: i64,
    /// Our clock.
    pub recorded_at: UtcMicros,
    /// The source's clock.
    pub device_time: Option<UtcMicros>,
    /// State of our clock: 0 unknown, 1 synchronised, 2 unsynchronised.
    pub clock: i64,
    /// The commitment to what was said, 32 bytes.
    pub commitment: Vec<u8>,
    /// The leaf of the tree, 32 bytes.
    pub leaf_hash: Vec<u8>,
    /// What was said, and the salt of its commitment.
    pub value: Value,
}

/// One journal entry.
///
/// # Errors
/// The store.
pub fn journal_entry(conn: &Connection, seq: i64) -> Result<Option<JournalEntry>, StoreError> {
    let sql =
        "SELECT j.seq, j.kind, s.text, c.text, j.client_seq, j.source_seq, j.recorded_at_us, j.device_time_us, j.clock,
                      j.commitment, j.leaf_hash, unseal(j.seq, j.commitment, p.key, p.sealed)
               FROM journal j JOIN word s ON s.id = j.source JOIN word c ON c.id = j.client
                    LEFT JOIN payload p ON p.seq = j.seq
               WHERE j.seq = ?1";
    conn.prepare_cached(sql)
        .and_then(|mut s| {
            s.query_row([seq], |row| {
                Ok(JournalEntry {
                    seq: row.get(0)?,
                    kind: row.get(1)?,
                    source: row.get(2)?,
                    client: row.get(3)?,
                    client_seq: row.get(4)?,
                    source_seq: row.get(5)?,
                    recorded_at: instant_at(row, 6)?,
                    device_time: maybe_instant_at(row, 7)?,
                    clock: row.get(8)?,
                    commitment: row.get(9)?,
                    leaf_hash: row.get(10)?,
                    value: Value::of(row.get(11)?),
                })
            })
            .optional()
        })
        .map_err(in_act("read a journal entry"))
}

/// A journal entry as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Its number.
    pub seq: i64,
    /// Its kind.
    pub kind: String,
    /// Who said it; empty: kukaku itself.
    pub source: String,
    /// The client it concerns; empty: the site.
    pub client: String,
    /// Our clock.
    pub recorded_at: UtcMicros,
    /// The source's clock.
    pub device_time: Option<UtcMicros>,
}

/// Journal entries, newest first, from after `after` on, at most `limit`.
///
/// # Errors
/// The store.
pub fn journal_entries(conn: &Connection, after: Option<Cursor>, limit: u32) -> Result<Listed<JournalRow>, StoreError> {
    const ACT: &str = "list the journal";
    let sql = "SELECT j.seq, j.kind, s.text, c.text, j.recorded_at_us, j.device_time_us
               FROM journal j JOIN word s ON s.id = j.source JOIN word c ON c.id = j.client
               WHERE j.seq < ?1 ORDER BY j.seq DESC LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([after.map_or(i64::MAX, |after| after.row), i64::from(limit) + 1], |row| {
            Ok(JournalRow {
                seq: row.get(0)?,
                kind: row.get(1)?,
                source: row.get(2)?,
                client: row.get(3)?,
                recorded_at: instant_at(row, 4)?,
                device_time: maybe_instant_at(row, 5)?,
            })
        })
        .map_err(in_act(ACT))?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    Ok(Listed::new(rows, limit, |row| Cursor { at_us: row.recorded_at.0, row: row.seq }))
}

/// The entries before and after one, of those that are seen.
///
/// # Errors
/// The store.
pub fn journal_beside(conn: &Connection, seq: i64) -> Result<(Option<i64>, Option<i64>), StoreError> {
    let one = |sql: &str| -> Result<Option<i64>, StoreError> {
        conn.prepare_cached(sql)
            .and_then(|mut s| s.query_row([seq], |row| row.get(0)).optional())
            .map_err(in_act("find the entries beside another"))
    };
    let before = one("SELECT seq FROM journal WHERE seq < ?1 ORDER BY seq DESC LIMIT 1")?;
    Ok((before, one("SELECT seq FROM journal WHERE seq > ?1 ORDER BY seq LIMIT 1")?))
}

/// What was said in a journal entry.
pub(super) fn body_of(conn: &Connection, seq: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT unseal(j.seq, j.commitment, p.key, p.sealed) FROM journal j JOIN payload p ON p.seq = j.seq
               WHERE j.seq = ?1";
    conn.prepare_cached(sql)
        .and_then(|mut s| s.query_row([seq.cast_signed()], |row| row.get(0)).optional())
        .map(|unsealed| Value::of(unsealed.flatten()).into_body())
        .map_err(in_act("read what a journal entry says"))
}

/// An arrival that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    /// The journal entry.
    pub entry: i64,
    /// Our clock.
    pub recorded_at: UtcMicros,
    /// The link it came over.
    pub link: String,
    /// Who sent it; empty where the link can't tell.
    pub source: String,
    /// The whole length in bytes.
    pub length: i64,
    /// Why it is no observation.
    pub reason: String,
}

/// What could not be understood, newest first, from after `after` on, at most `limit`.
///
/// # Errors
/// The store.
pub fn unreadable(conn: &Connection, after: Option<Cursor>, limit: u32) -> Result<Listed<UnreadableRow>, StoreError> {
    const ACT: &str = "list what was unreadable";
    let sql = "SELECT u.entry, u.recorded_at_us, u.link, w.text, u.length, u.reason
               FROM unreadable u JOIN word w ON w.id = u.source WHERE u.entry < ?1 ORDER BY u.entry DESC LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([after.map_or(i64::MAX, |after| after.row), i64::from(limit) + 1], |row| {
            Ok(UnreadableRow {
                entry: row.get(0)?,
                recorded_at: instant_at(row, 1)?,
                link: row.get(2)?,
                source: row.get(3)?,
                length: row.get(4)?,
                reason: row.get(5)?,
            })
        })
        .map_err(in_act(ACT))?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    Ok(Listed::new(rows, limit, |row| Cursor { at_us: row.recorded_at.0, row: row.entry }))
}

/// Alerts that could not be delivered so far: how many wait after a failure, how many were given
/// up, and the newest error.
///
/// # Errors
/// The store.
pub fn outbox_failing(conn: &Connection) -> Result<(i64, i64, Option<String>), StoreError> {
    const ACT: &str = "count the alerts that fail";
    let waiting: i64 = conn
        .query_row("SELECT count(*) FROM outbox WHERE state = 'waiting' AND failures > 0", [], |row| row.get(0))
        .map_err(in_act(ACT))?;
    let failed: i64 = conn
        .query_row("SELECT count(*) FROM outbox WHERE state = 'failed'", [], |row| row.get(0))
        .map_err(in_act(ACT))?;
    if waiting + failed == 0 {
        return Ok((0, 0, None));
    }
    let newest = conn
        .query_row(
            "SELECT last_error FROM outbox WHERE (state = 'failed' OR (state = 'waiting' AND failures > 0))
             ORDER BY id DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()
        .map_err(in_act(ACT))?
        .flatten();
    Ok((waiting, failed, newest))
}
