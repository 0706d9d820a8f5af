//! 閲覧記録: what the users of clients (市) looked at.

use kukaku_schema::UtcMicros;
use rusqlite::Connection;

use super::cells::{instant_at, kept};
use super::{Cursor, Listed};
use crate::error::{StoreError, in_act};

/// What is looked for; absent parts match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookFilter {
    /// From this instant on.
    pub from: Option<UtcMicros>,
    /// Before this instant.
    pub to: Option<UtcMicros>,
    /// One user.
    pub user: Option<String>,
}

/// Somebody looked at something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookRow {
    /// The journal entry.
    pub entry: i64,
    /// Our clock.
    pub at: UtcMicros,
    /// The user.
    pub user: String,
    /// The word of his role then.
    pub role: String,
    /// The clients that he was of.
    pub clients: Vec<String>,
    /// The address that he asked for.
    pub path: String,
    /// Where he asked from.
    pub address: String,
}

/// Looks that match, newest first, from after `after` on, at most `limit`.
///
/// # Errors
/// The store.
pub fn looks(
    conn: &Connection,
    filter: &LookFilter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Listed<LookRow>, StoreError> {
    const ACT: &str = "list what users looked at";
    let sql = "SELECT l.entry, l.at_us, l.user_name, l.role, l.clients, l.path, l.address FROM look l
               WHERE l.entry < ?1 AND l.at_us >= ?2 AND l.at_us < ?3 AND (?4 IS NULL OR l.user_name = ?4)
               ORDER BY l.entry DESC LIMIT ?5";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let values = (
        after.map_or(i64::MAX, |after| after.row),
        filter.from.map_or(i64::MIN, kept),
        filter.to.map_or(i64::MAX, kept),
        &filter.user,
        i64::from(limit) + 1,
    );
    let rows = statement
        .query_map(values, |row| {
            Ok(LookRow {
                entry: row.get(0)?,
                at: instant_at(row, 1)?,
                user: row.get(2)?,
                role: row.get(3)?,
                clients: row.get::<_, String>(4)?.lines().map(str::to_owned).collect(),
                path: row.get(5)?,
                address: row.get(6)?,
            })
        })
        .map_err(in_act(ACT))?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    Ok(Listed::new(rows, limit, |row| Cursor { at_us: row.at.0, row: row.entry }))
}
