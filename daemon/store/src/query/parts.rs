//! The records of a session that more than one source told of.

use kukaku_core::{Link, SessionEnd};
use kukaku_schema::UtcMicros;
use rusqlite::{Connection, OptionalExtension};

use super::cells::instant_at;
use super::sessions::SessionRow;
use crate::error::{StoreError, in_act};
use crate::parts::end_of;

/// One source's record of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// Who reported it.
    pub source: String,
    /// The source's id of it.
    pub session: String,
    /// Its own start.
    pub start: UtcMicros,
    /// Known only by a later sign.
    pub start_unknown: bool,
    /// How it ended, as its own source told.
    pub end: SessionEnd,
    /// Account, as the source gave it.
    pub account: Option<String>,
    /// Terminal, as the source gave it.
    pub terminal: Option<String>,
    /// The system reached.
    pub target: Option<String>,
    /// The network address of the terminal, as the source saw it.
    pub address: Option<String>,
    /// The address that the source gave it.
    pub inner_address: Option<String>,
    /// How many different factors the sign-in had; 0: not told.
    pub factors: u8,
    /// What ties it to another record of the session.
    pub link: Link,
}

/// Most records of one session that are read: the engine joins no more.
const PARTS_MAX: i64 = 64;

/// The records of the session in row `id`, the earliest first; none where one source told of it.
///
/// # Errors
/// The store.
pub fn session_parts(conn: &Connection, id: i64) -> Result<Vec<PartRow>, StoreError> {
    const ACT: &str = "read the records of a session";
    let sql = "SELECT (SELECT text FROM word WHERE id = p.source), (SELECT text FROM word WHERE id = p.part),
               p.start_us, p.start_unknown, p.ended, p.end_us, (SELECT text FROM word WHERE id = p.account),
               (SELECT text FROM word WHERE id = p.terminal), (SELECT text FROM word WHERE id = p.target),
               (SELECT text FROM word WHERE id = p.address), (SELECT text FROM word WHERE id = p.inner_address),
               p.factors, p.link FROM session_part p WHERE p.session = ?1 ORDER BY p.place LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([id, PARTS_MAX], |row| {
            let (ended, link): (String, String) = (row.get(4)?, row.get(12)?);
            Ok(PartRow {
                source: row.get(0)?,
                session: row.get(1)?,
                start: instant_at(row, 2)?,
                start_unknown: row.get(3)?,
                end: end_of(&ended, instant_at(row, 5)?).unwrap_or(SessionEnd::Open),
                account: row.get(6)?,
                terminal: row.get(7)?,
                target: row.get(8)?,
                address: row.get(9)?,
                inner_address: row.get(10)?,
                factors: row.get(11)?,
                link: Link::from_word(&link).unwrap_or(Link::Target),
            })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// The row of the session that a record, which is none of its own any more, belongs to.
///
/// # Errors
/// The store.
pub fn joined_to(conn: &Connection, gone: &SessionRow) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT p.session FROM session_part p JOIN session s ON s.source = p.source AND s.epoch = p.epoch
               AND s.session = p.part AND s.start_us = p.start_us WHERE s.id = ?1 AND p.session <> s.id";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([gone.id], |row| row.get(0)).optional())
        .map_err(in_act("find the session that a record belongs to"))
}
