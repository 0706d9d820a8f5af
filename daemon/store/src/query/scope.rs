//! Who sees what: the one place where it is enforced.
//!
//! A connection of somebody who may not see all of a site has, for each table that tells of
//! anybody, a temporary view of the same name that shows what is his. SQLite looks there first, so
//! every query of this room, written for the whole site, sees nothing else: lists, counts,
//! searches, exports and single rows alike, and what he may not see is missing for the same reason
//! and in the same time as what never was. The tables themselves are refused to such a connection
//! unless through their view: a table that has none can't be read, so a new one is shut until
//! somebody says here whose it is.

mod registers;
mod views;

use std::collections::BTreeSet;

use kukaku_schema::UtcMicros;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, params};

use super::cells::word_of;
use crate::error::{StoreError, in_act};

const ACT: &str = "set up what a user may see";

/// What stands where somebody else's name would: an id that shows as what it is.
pub const MASKED: &str = "（他契約）";

/// What of a store somebody may see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All of the site.
    Site,
    /// What concerns these clients (市), and of the site what is no other client's.
    Clients {
        /// Their ids.
        clients: BTreeSet<String>,
        /// Nothing of the time before it; none: all that is kept.
        from: Option<UtcMicros>,
    },
    /// What concerns one operator himself.
    Person {
        /// His id in the registers.
        person: String,
        /// As above.
        from: Option<UtcMicros>,
    },
}

impl Scope {
    /// Whether it is all of the site.
    #[must_use]
    pub fn is_site(&self) -> bool {
        *self == Self::Site
    }

    /// From when on something is seen; none: all that is kept.
    #[must_use]
    pub fn from(&self) -> Option<UtcMicros> {
        match self {
            Self::Site => None,
            Self::Clients { from, .. } | Self::Person { from, .. } => *from,
        }
    }

    /// Whether what belongs to `client` is his to see.
    #[must_use]
    pub fn has_client(&self, client: &str) -> bool {
        match self {
            Self::Site => true,
            Self::Clients { clients, .. } => clients.contains(client),
            Self::Person { .. } => false,
        }
    }
}

/// Sets up `conn` for `scope`, which it has from then on for good. Nothing to do for the site.
pub(super) fn confine(conn: &Connection, scope: &Scope) -> Result<(), StoreError> {
    let views = match scope {
        Scope::Site => return Ok(()),
        Scope::Clients { .. } => views::OF_CLIENTS,
        Scope::Person { .. } => views::OF_A_PERSON,
    };
    let from = scope.from().map_or(i64::MIN, |from| from.0);
    writable(conn, true)?;
    conn.execute_batch(TABLES).map_err(in_act(ACT))?;
    for (name, body) in views::OF_ANYBODY.iter().chain(views) {
        let body = body.replace(":from", &from.to_string());
        conn.execute_batch(&format!("CREATE TEMP VIEW {name} AS {body}")).map_err(in_act(ACT))?;
    }
    writable(conn, false)?;
    refresh(conn, scope)?;
    shut(conn)
}

/// What `scope` means by the registers as they are now; in a transaction of its own.
pub(super) fn refresh(conn: &Connection, scope: &Scope) -> Result<(), StoreError> {
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(in_act(ACT))?;
    writable(conn, true)?;
    conn.execute_batch("BEGIN").map_err(in_act(ACT))?;
    let filled = fill(conn, scope);
    conn.execute_batch(if filled.is_ok() { "COMMIT" } else { "ROLLBACK" }).map_err(in_act(ACT))?;
    writable(conn, false)?;
    filled?;
    shut(conn)
}

/// Whether `conn` is set up by the registers as it sees them now.
pub(super) fn is_set_up(conn: &Connection) -> Result<bool, StoreError> {
    let by: i64 = conn.query_row("SELECT version FROM temp.scope_head", [], |row| row.get(0)).map_err(in_act(ACT))?;
    Ok(by == newest_version(conn)?)
}

/// The version of the registers of the whole site, whatever `conn` sees of them.
pub(super) fn newest_version(conn: &Connection) -> Result<i64, StoreError> {
    conn.query_row("SELECT version FROM temp.scope_newest", [], |row| row.get(0)).map_err(in_act(ACT))
}

fn fill(conn: &Connection, scope: &Scope) -> Result<(), StoreError> {
    conn.execute_batch(CLEAR).map_err(in_act(ACT))?;
    conn.execute("INSERT INTO temp.scope_head (version) SELECT version FROM temp.scope_newest", [])
        .map_err(in_act(ACT))?;
    if let Scope::Clients { clients, .. } = scope {
        for client in clients {
            conn.execute(
                "INSERT INTO temp.scope_client (text, id) VALUES (?1, ?2)",
                params![client, word_of(conn, client)?],
            )
            .map_err(in_act(ACT))?;
        }
    }
    registers::fill(conn, scope)
}

/// A connection that reads only still has tables of its own to fill.
fn writable(conn: &Connection, yes: bool) -> Result<(), StoreError> {
    conn.pragma_update(None, "query_only", !yes).map_err(in_act(ACT))
}

/// From here on the tables are reached through their views alone.
fn shut(conn: &Connection) -> Result<(), StoreError> {
    conn.authorizer(Some(authorize)).map_err(in_act(ACT))
}

fn authorize(asked: AuthContext<'_>) -> Authorization {
    let through_a_view = asked.accessor.is_some_and(views::is_view);
    let allowed = match asked.action {
        AuthAction::Select | AuthAction::Recursive | AuthAction::Function { .. } | AuthAction::Transaction { .. } => {
            true
        }
        AuthAction::Read { table_name, column_name } => {
            // A view of which no column is asked is unfolded before SQLite asks; its rows are counted
            // through it all the same, because its name hides the table's.
            let unfolded = column_name.is_empty() && views::is_view(table_name);
            asked.database_name == Some("temp") || through_a_view || unfolded || views::OPEN.contains(&table_name)
        }
        // Asked, not set.
        AuthAction::Pragma { pragma_name, pragma_value: None } => views::SIZES.contains(&pragma_name),
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

/// What a scope rests on, in words of the store where the tables hold words.
const TABLES: &str = "
    CREATE TEMP TABLE scope_head (version INTEGER NOT NULL);
    CREATE TEMP TABLE scope_client (text TEXT PRIMARY KEY, id INTEGER);
    CREATE TEMP TABLE scope_person (id INTEGER NOT NULL, from_us INTEGER NOT NULL, until_us INTEGER NOT NULL);
    CREATE INDEX temp.scope_person_by_id ON scope_person (id);
    CREATE TEMP TABLE scope_device (sort TEXT NOT NULL, id INTEGER NOT NULL, own INTEGER NOT NULL,
      PRIMARY KEY (sort, id)) WITHOUT ROWID;
    CREATE TEMP TABLE scope_name (sort TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (sort, value)) WITHOUT ROWID;
    CREATE TEMP TABLE scope_register (id INTEGER PRIMARY KEY, body TEXT NOT NULL);";

const CLEAR: &str = "DELETE FROM temp.scope_head; DELETE FROM temp.scope_client; DELETE FROM temp.scope_person;
    DELETE FROM temp.scope_device; DELETE FROM temp.scope_name; DELETE FROM temp.scope_register;";
