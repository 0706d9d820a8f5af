//! Connections: how a store's file is opened, and what is asserted of it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::{StoreError, in_act};
use crate::schema::{APPLICATION_ID, SCHEMA_VERSION};
use crate::values;

/// The oldest SQLite without the bug that can lose the WAL's last frames when it is reset.
const SQLITE_AT_LEAST: i32 = 3_051_003;

/// How long a connection waits for another one's transaction: the longest commit seen on a busy
/// machine was 0.3 s.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Prepared statements a connection keeps: the writer uses about 40.
const STATEMENTS_KEPT: usize = 96;

/// Pages of the log after which they are moved into the database file: 64 MiB. Pages written
/// again and again are moved once, of a hundred commits under load less than one waits for it,
/// and a start reads back no more than that.
const LOG_PAGES: i64 = 16_000;

/// Page cache of the owner and of each reader in KiB: small, because the system caches the file.
const OWNER_CACHE_KIB: i64 = 16 * 1024;
const READER_CACHE_KIB: i64 = 2 * 1024;

const ACT: &str = "open the store";

/// A connection that only reads; any number may stand beside the owner.
///
/// # Errors
/// As for opening: missing, not a store, of another version.
pub fn read_only(path: &Path) -> Result<Connection, StoreError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_is_store(path, &conn, true)?;
    set(&conn, "query_only", 1)?;
    set(&conn, "cache_size", -READER_CACHE_KIB)?;
    Ok(conn)
}

/// A connection that writes beside the owner: only for the tables of the pages (users, sign-ins),
/// never for the journal and what is derived from it.
///
/// # Errors
/// As for opening: missing, not a store, of another version.
pub fn beside(path: &Path) -> Result<Connection, StoreError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_is_store(path, &conn, true)?;
    make_durable(path, &conn)?;
    set(&conn, "cache_size", -READER_CACHE_KIB)?;
    Ok(conn)
}

/// The owner's connection to an existing store of this or an older version. Returns its version.
pub(crate) fn owner(path: &Path) -> Result<(Connection, u32), StoreError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let version = check_is_store(path, &conn, false)?;
    make_durable(path, &conn)?;
    set(&conn, "cache_size", -OWNER_CACHE_KIB)?;
    set(&conn, "wal_autocheckpoint", LOG_PAGES)?;
    Ok((conn, version))
}

/// The owner's connection to a file that doesn't exist yet.
pub(crate) fn fresh(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let conn = open(path, flags)?;
    make_durable(path, &conn)?;
    Ok(conn)
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    open(path, mode)
}

fn open(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < SQLITE_AT_LEAST {
        return Err(StoreError::Bug {
            act: ACT,
            detail: format!("built with SQLite {}, which can lose data; 3.51.3 is needed", rusqlite::version()),
        });
    }
    let conn = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(in_act(ACT))?;
    conn.busy_timeout(BUSY_WAIT).map_err(in_act(ACT))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // A store is data from elsewhere: its schema may call no functions with side effects.
    set(&conn, "trusted_schema", 0)?;
    set(&conn, "cell_size_check", 1)?;
    values::register(&conn, path)?;
    Ok(conn)
}

/// Refuses files that aren't stores of a version this program knows.
fn check_is_store(path: &Path, conn: &Connection, exactly: bool) -> Result<u32, StoreError> {
    let not = |what: &str| StoreError::NotAStore { path: path.to_owned(), what: what.to_owned() };
    let read = |name: &str| -> Result<i64, StoreError> {
        conn.pragma_query_value(None, name, |row| row.get(0)).map_err(|error| match in_act(ACT)(error) {
            StoreError::Corrupt { detail, .. } => not(&format!("it is no store, or damaged ({detail})")),
            other => other,
        })
    };
    if read("application_id")? != i64::from(APPLICATION_ID) {
        return Err(not("it is no store of kukaku"));
    }
    let version = u32::try_from(read("user_version")?).map_err(|_| not("its version is no version"))?;
    if version > SCHEMA_VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known: SCHEMA_VERSION });
    }
    if version == 0 || (exactly && version < SCHEMA_VERSION) {
        return Err(not("it is of an older version; start `kukaku run` once to bring it up to date"));
    }
    Ok(version)
}

/// Sets what durability rests on, and reads it back: SQLite reports some failures only there.
fn make_durable(path: &Path, conn: &Connection) -> Result<(), StoreError> {
    let not = |what: String| StoreError::NotAStore { path: path.to_owned(), what };
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(in_act(ACT))?;
    if mode != "wal" {
        return Err(not(format!("its file system refuses a write-ahead log (journal_mode is {mode})")));
    }
    set(conn, "synchronous", 2)?;
    set(conn, "secure_delete", 1)?;
    set(conn, "foreign_keys", 1)?;
    // The log is cut back to this after a checkpoint, so that one flood doesn't keep the disk.
    set(conn, "journal_size_limit", 64 << 20)?;
    let synchronous: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(in_act(ACT))?;
    if synchronous != 2 {
        return Err(not(format!("synchronous=FULL was not taken (it is {synchronous})")));
    }
    Ok(())
}

fn set(conn: &Connection, name: &str, value: i64) -> Result<(), StoreError> {
    // Some pragmas answer with a row, some don't: both are fine.
    match conn.pragma_update_and_check(None, name, value, |_| Ok(())) {
        Ok(()) | Err(rusqlite::Error::QueryReturnedNoRows) => Ok(()),
        Err(error) => Err(in_act(ACT)(error)),
    }
}
