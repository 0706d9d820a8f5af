//! The records of sessions that more than one source told of.

use std::collections::BTreeMap;

use kukaku_core::{Link, SessionEnd, SessionPart, SessionView, Word};
use kukaku_schema::UtcMicros;
use rusqlite::{Connection, Row, params};

use crate::effects::{end_columns, epoch_number};
use crate::error::StoreError;

/// The columns that `read` reads, from column 0 on.
pub(crate) const COLUMNS: &str = "source, epoch, part, start_us, start_unknown, ended, end_us, account, terminal,
    target, via, address, inner_address, factors, link, session";

/// Keeps the records of the session in row `id`: what it was told of before is replaced.
pub(crate) fn keep(conn: &Connection, id: i64, view: &SessionView) -> rusqlite::Result<()> {
    if view.parts.is_empty() {
        // Its own record is listed only where others were.
        let key = view.key;
        return conn
            .prepare_cached(
                "DELETE FROM session_part WHERE session = (SELECT session FROM session_part
                 WHERE source = ?1 AND epoch = ?2 AND part = ?3 AND start_us = ?4 AND session = ?5)",
            )
            .and_then(|mut s| s.execute(params![key.source.0, epoch_number(key), key.id.0, key.start.0, id]))
            .map(drop);
    }
    forget(conn, id)?;
    let mut insert = conn.prepare_cached(
        "INSERT OR REPLACE INTO session_part (source, epoch, part, start_us, session, place, start_unknown, ended,
         end_us, account, terminal, target, via, address, inner_address, factors, link)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?;
    for (place, part) in view.parts.iter().enumerate() {
        let (ended, end) = end_columns(part.end);
        let number = |word: Option<Word>| word.map(|word| word.0);
        insert.execute(params![
            part.key.source.0,
            epoch_number(part.key),
            part.key.id.0,
            part.key.start.0,
            id,
            i64::try_from(place).unwrap_or(i64::MAX),
            part.start_unknown,
            ended,
            end.0,
            number(part.account),
            number(part.terminal),
            number(part.target),
            number(part.via),
            number(part.address),
            number(part.inner_address),
            part.factors,
            part.link.unwrap_or(Link::Target).word(),
        ])?;
    }
    Ok(())
}

/// The session in row `id` is none of its own any more.
pub(crate) fn forget(conn: &Connection, id: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM session_part WHERE session = ?1").and_then(|mut s| s.execute([id])).map(drop)
}

/// The records of all sessions, by the session's row.
pub(crate) fn all(conn: &Connection) -> Result<BTreeMap<i64, Vec<SessionPart>>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM session_part ORDER BY session, place");
    let mut out: BTreeMap<i64, Vec<SessionPart>> = BTreeMap::new();
    for (session, part) in crate::load::all(conn, &sql, read)? {
        out.entry(session).or_default().push(part);
    }
    Ok(out)
}

fn read(row: &Row<'_>) -> Result<(i64, SessionPart), StoreError> {
    use crate::load::{column, instant, listed, maybe_word, session_key};
    let end = instant(row, 6)?;
    let part = SessionPart {
        key: session_key(row, 0)?,
        start_unknown: column(row, 4)?,
        end: listed(row, 5, "a record's end", |text| end_of(text, end))?,
        account: maybe_word(row, 7)?,
        terminal: maybe_word(row, 8)?,
        target: maybe_word(row, 9)?,
        via: maybe_word(row, 10)?,
        address: maybe_word(row, 11)?,
        inner_address: maybe_word(row, 12)?,
        factors: column(row, 13)?,
        link: Some(listed(row, 14, "a record's link", Link::from_word)?),
    };
    Ok((column(row, 15)?, part))
}

/// How something ended, from its columns.
pub(crate) fn end_of(ended: &str, end: UtcMicros) -> Option<SessionEnd> {
    match ended {
        "open" => Some(SessionEnd::Open),
        "ended" => Some(SessionEnd::Ended(end)),
        "presumed" => Some(SessionEnd::Presumed(end)),
        _ => None,
    }
}
