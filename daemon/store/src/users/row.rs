//! A user as it stands in its row.

use kukaku_schema::UtcMicros;
use rusqlite::{Row, Transaction};

use super::error::{UsersError, in_act};
use super::{Extent, FAILURES_IN_ALL_MAX, PasswordRules, Role, User};

/// The columns that `read_user` reads, first in the list.
pub(super) const USER_COLUMNS: &str = "user.id, user.name, user.role, user.password_version, user.must_change, user.created_at_us, \
                            user.disabled_at_us, user.locked_until_us, user.signed_in_at_us, user.password_set_at_us, \
                            user.clients, user.person, user.valid_from_us, user.valid_until_us, user.sees_from_us, \
                            user.failures_in_all AS failures_in_all, \
                            EXISTS (SELECT 1 FROM second_factor WHERE user_id = user.id AND confirmed = 1) \
                              OR EXISTS (SELECT 1 FROM printed_code WHERE user_id = user.id) AS has_factor, \
                            (SELECT count(*) FROM printed_code WHERE user_id = user.id AND used_at_us IS NULL) AS codes_left";

pub(super) fn read_user(row: &Row<'_>, rules: PasswordRules) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        role: role_of(&row.get::<_, String>(2)?)?,
        extent: Extent::read(row)?,
        password_version: row.get(3)?,
        must_change: row.get(4)?,
        created_at: UtcMicros(row.get(5)?),
        disabled_at: instant(row, 6)?,
        locked_until: instant(row, 7)?,
        stopped: row.get::<_, u32>("failures_in_all")? >= FAILURES_IN_ALL_MAX,
        has_factor: row.get("has_factor")?,
        codes_left: row.get("codes_left")?,
        signed_in_at: instant(row, 8)?,
        password_until: rules.until(UtcMicros(row.get(9)?)),
    })
}

/// How many administrators may sign in.
pub(super) fn administrators(tx: &Transaction<'_>) -> Result<i64, UsersError> {
    let count = "SELECT count(*) FROM user WHERE role = 'administrator' AND disabled_at_us IS NULL";
    tx.query_row(count, [], |row| row.get(0)).map_err(in_act("count the administrators"))
}

fn role_of(word: &str) -> rusqlite::Result<Role> {
    Role::from_word(word).ok_or_else(|| {
        let why = format!("a user has the unknown role {word:?}");
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, why.into())
    })
}

pub(super) fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<UtcMicros>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(UtcMicros))
}
