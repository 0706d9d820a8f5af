//! 利用者の記録: sign-ins and what was done with users.

use kukaku_schema::UtcMicros;
use rusqlite::Connection;

use super::cells::instant_at;
use super::{Cursor, Listed};
use crate::error::{StoreError, in_act};

/// Something that was done with a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The journal entry.
    pub entry: i64,
    /// When.
    pub at: UtcMicros,
    /// With whom.
    pub user: String,
    /// What: `signed_in`, `refused`, `locked`, `stopped`, `made`, `role`, `disabled`, `enabled`,
    /// `reset`, `password`, `token`, `codes`, `factors_removed`, `key_made`, `key_revoked`.
    pub act: String,
    /// Who did it; `console`: somebody on the machine.
    pub by: String,
    /// Where he asked from.
    pub address: Option<String>,
    /// More.
    pub detail: Option<String>,
}

/// What was done with users, or with one, newest first, from after `after` on, at most `limit`.
///
/// # Errors
/// The store.
pub fn account_events(
    conn: &Connection,
    user: Option<&str>,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Listed<AccountRow>, StoreError> {
    const ACT: &str = "list what was done with users";
    let sql = "SELECT entry, at_us, user_name, act, by_user, address, detail FROM account_event
               WHERE entry < ?1 AND (?2 IS NULL OR user_name = ?2) ORDER BY entry DESC LIMIT ?3";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map((after.map_or(i64::MAX, |after| after.row), user, i64::from(limit) + 1), |row| {
            Ok(AccountRow {
                entry: row.get(0)?,
                at: instant_at(row, 1)?,
                user: row.get(2)?,
                act: row.get(3)?,
                by: row.get(4)?,
                address: row.get(5)?,
                detail: row.get(6)?,
            })
        })
        .map_err(in_act(ACT))?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    Ok(Listed::new(rows, limit, |row| Cursor { at_us: row.at.0, row: row.entry }))
}
