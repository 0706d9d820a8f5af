//! What is known of terminals beside sessions: operation logs, and when they were on.

use kukaku_schema::{Span, UtcMicros};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::cells::{instant_at, kept, span_at, word_of};
use super::timeline::ROWS_MAX;
use crate::error::{StoreError, in_act};

/// An operation log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OplogRow {
    /// The terminal.
    pub terminal: String,
    /// Where it is kept.
    pub path: String,
    /// The one session that it tells of; none: all of its time.
    pub session: Option<String>,
    /// The time that it tells of.
    pub span: Span,
    /// Its size in bytes.
    pub bytes: i64,
    /// SHA-256 of the file in hex, where it was read.
    pub sha256: Option<String>,
    /// It is no longer kept.
    pub gone: bool,
    /// The journal entry that says so.
    pub entry: i64,
}

/// A terminal was switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerRow {
    /// When.
    pub at: UtcMicros,
    /// On, or off.
    pub on: bool,
    /// The journal entry.
    pub entry: i64,
}

/// The operation logs of a terminal that meet `span`, by start; with `session`, those of other
/// sessions left out.
///
/// # Errors
/// The store.
pub fn oplogs_in(
    conn: &Connection,
    terminal: &str,
    span: Span,
    session: Option<&str>,
) -> Result<Vec<OplogRow>, StoreError> {
    const ACT: &str = "read the operation logs";
    let Some(word) = word_of(conn, terminal)? else { return Ok(vec![]) };
    // An empty session is an instant of its own.
    let end = kept(span.end).max(kept(span.start).saturating_add(1));
    let sql = "SELECT path, (SELECT text FROM word WHERE id = session), start_us, end_us, bytes, sha256, gone, entry
               FROM oplog WHERE terminal = ?1 AND start_us < ?3 AND end_us > ?2
                    AND (?4 IS NULL OR session IS NULL OR session = (SELECT id FROM word WHERE text = ?4))
               ORDER BY start_us, path LIMIT ?5";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let read = |row: &Row<'_>| read_oplog(row, terminal.to_owned());
    let rows =
        statement.query_map(params![word, kept(span.start), end, session, ROWS_MAX], read).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// The files that a source reported and that are still kept, the newest `limit` by start.
///
/// # Errors
/// The store.
pub fn oplogs_kept(conn: &Connection, source: &str, limit: usize) -> Result<Vec<OplogRow>, StoreError> {
    const ACT: &str = "read the operation logs that are kept";
    let sql = "SELECT o.path, (SELECT text FROM word WHERE id = o.session), o.start_us, o.end_us, o.bytes, o.sha256,
                      o.gone, o.entry, (SELECT text FROM word WHERE id = o.terminal)
               FROM oplog o JOIN journal j ON j.seq = o.entry
               WHERE o.gone = 0 AND j.source = (SELECT id FROM word WHERE text = ?1) ORDER BY o.start_us DESC LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let read = |row: &Row<'_>| read_oplog(row, row.get(8)?);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![source, limit], read).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

fn read_oplog(row: &Row<'_>, terminal: String) -> rusqlite::Result<OplogRow> {
    Ok(OplogRow {
        terminal,
        path: row.get(0)?,
        session: row.get(1)?,
        span: span_at(row, 2)?,
        bytes: row.get(4)?,
        sha256: row.get(5)?,
        gone: row.get(6)?,
        entry: row.get(7)?,
    })
}

/// When a terminal was switched within `span`, the last time before it first.
///
/// # Errors
/// The store.
pub fn power_in(conn: &Connection, terminal: &str, span: Span) -> Result<Vec<PowerRow>, StoreError> {
    const ACT: &str = "read when a terminal was switched";
    let Some(word) = word_of(conn, terminal)? else { return Ok(vec![]) };
    let read = |row: &Row<'_>| {
        Ok(PowerRow { at: instant_at(row, 0)?, on: row.get::<_, String>(1)? == "on", entry: row.get(2)? })
    };
    let before = conn
        .prepare_cached(
            "SELECT at_us, state, entry FROM terminal_power WHERE terminal = ?1 AND at_us < ?2
             ORDER BY at_us DESC, entry DESC LIMIT 1",
        )
        .and_then(|mut statement| statement.query_row(params![word, kept(span.start)], read).optional())
        .map_err(in_act(ACT))?;
    let mut statement = conn
        .prepare_cached(
            "SELECT at_us, state, entry FROM terminal_power WHERE terminal = ?1 AND at_us >= ?2 AND at_us < ?3
             ORDER BY at_us, entry LIMIT ?4",
        )
        .map_err(in_act(ACT))?;
    let rows =
        statement.query_map(params![word, kept(span.start), kept(span.end), ROWS_MAX], read).map_err(in_act(ACT))?;
    before.into_iter().map(Ok).chain(rows).collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// A session whose terminal's logs were to be kept, and of which there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnloggedRow {
    /// Our number of the session.
    pub id: i64,
    /// Its source's id of it.
    pub session: String,
    /// The terminal.
    pub terminal: String,
    /// From when to when.
    pub span: Span,
}

/// The sessions at a terminal that ended within `span` and that no kept operation log tells of, the
/// newest `limit`.
///
/// # Errors
/// The store.
pub fn sessions_unlogged(
    conn: &Connection,
    terminal: &str,
    span: Span,
    limit: u32,
) -> Result<Vec<UnloggedRow>, StoreError> {
    const ACT: &str = "read the sessions without operation logs";
    let Some(word) = word_of(conn, terminal)? else { return Ok(vec![]) };
    let sql = "SELECT s.id, (SELECT text FROM word WHERE id = s.session), s.start_us, s.end_us FROM session s
               WHERE s.terminal = ?1 AND s.gone = 0 AND s.ended <> 'open' AND s.start_us < ?3 AND s.end_us >= ?2
                 AND s.end_us < ?3
                 AND NOT EXISTS (SELECT 1 FROM oplog o WHERE o.terminal = ?1 AND o.gone = 0
                                 AND o.start_us <= s.end_us AND o.end_us > s.start_us
                                 AND (o.session IS NULL OR o.session = s.session))
               ORDER BY s.start_us DESC LIMIT ?4";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map(params![word, kept(span.start), kept(span.end), limit], |row| {
            let (id, session) = (row.get(0)?, row.get(1)?);
            Ok(UnloggedRow { id, session, terminal: terminal.to_owned(), span: span_at(row, 2)? })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}
