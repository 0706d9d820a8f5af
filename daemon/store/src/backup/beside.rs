//! What is not in the journal: a small copy of it, sealed under a key of its own.
//!
//! Users of the pages and keys of sources; registers whose journal entry lost its value; what is
//! counted and never said. Sign-ins are left out: everybody signs in again after a restore. So is
//! the outbox: what waited is not sent twice, and not at all.
//!
//! The key is `keys/backup.key` (32 bytes in hex, mode 0600), made at the first backup, replaced
//! after each erasure: it opens no copy that still names whom the journal no longer names. Sealed
//! bytes: nonce (12), then AES-256-GCM of JSON with its tag (16); additional data: the segment's
//! first and last number plus one (8 bytes each, big-endian).

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce, Tag};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};

use super::error::{BackupError, io};
use super::ship::ShipOrder;
use crate::error::{StoreError, in_act};
use crate::values::KEY_BYTES;

const ACT: &str = "copy what is not in the journal";

/// Tables that are copied whole, in an order in which they can be filled.
const WHOLE: [&str; 2] = ["user", "api_key"];

/// Tables that are copied where the journal no longer tells them.
pub(super) const REGISTERS: [&str; 2] = ["register_entry", "register_change"];

/// The copy.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Beside {
    /// The version of the schema.
    pub(super) schema: u32,
    /// Entries in the journal when it was made; the segment may end before.
    pub(super) journal_size: u64,
    /// `head`: our clock at the last commit, the engine's `now`, the last watched instant, whether watching ended.
    pub(super) recorded_at_us: i64,
    pub(super) advanced_to_us: i64,
    pub(super) watched_to_us: Option<i64>,
    pub(super) stopped: bool,
    /// Before it verdicts are final.
    pub(super) final_before_us: Option<i64>,
    /// Texts beside the store: name and content.
    pub(super) files: Vec<(String, String)>,
    /// What was heard of sources beside what they said: name, duplicates, link, first and last.
    pub(super) sources: Vec<(String, i64, String, i64, i64)>,
    /// Tables by name.
    pub(super) tables: BTreeMap<String, Table>,
}

/// Rows of a table.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// A value of a row; bytes as hex.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Hex(String),
}

fn key_file(store: &Path) -> PathBuf {
    store.parent().unwrap_or(Path::new("")).join("keys").join("backup.key")
}

fn new_key(path: &Path) -> Result<[u8; KEY_BYTES], BackupError> {
    let mut key = [0; KEY_BYTES];
    fill(&mut key)?;
    let part = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        writeln!(file, "{}", crate::prepared::hex(&key))?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(io("write", path))?;
    Ok(key)
}

fn fill(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::Unavailable {
        act: "draw random numbers from the system",
        detail: error.to_string(),
    })
}

/// The key of the store's copies; none where there is none.
fn read_key(path: &Path) -> Result<Option<[u8; KEY_BYTES]>, BackupError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("read", path)(error)),
    };
    let text = text.trim_end();
    let digits = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..text.len() / 2).map(digits).collect();
    let key = bytes.and_then(|bytes| bytes.try_into().ok());
    let wrong = || BackupError::Damaged { path: path.to_owned(), what: "it does not hold 32 bytes in hex".to_owned() };
    key.ok_or_else(wrong).map(Some)
}

/// Replaces the key: older copies can't be opened from here on.
pub(super) fn renew_key(store: &Path) -> Result<(), BackupError> {
    let path = key_file(store);
    if let Ok(mut file) = OpenOptions::new().write(true).open(&path) {
        file.write_all(&[b'0'; 2 * KEY_BYTES]).and_then(|()| file.sync_all()).map_err(io("overwrite", &path))?;
    }
    new_key(&path).map(drop)
}

fn bound_to(first: u64, end: u64) -> [u8; 16] {
    let mut bound = [0; 16];
    bound[..8].copy_from_slice(&first.to_be_bytes());
    bound[8..].copy_from_slice(&end.to_be_bytes());
    bound
}

/// Makes the sealed copy for the segment from `first` to `end`.
pub(super) fn seal(view: &Connection, order: &ShipOrder, first: u64, end: u64) -> Result<Vec<u8>, BackupError> {
    let path = key_file(&order.store);
    let key = match read_key(&path)? {
        Some(key) => key,
        None => new_key(&path)?,
    };
    let mut text = serde_json::to_vec(&read(view, order)?).expect("texts and numbers always serialise");
    let mut nonce = [0; 12];
    fill(&mut nonce)?;
    let tag = Aes256Gcm::new((&key).into())
        .encrypt_inout_detached(&Nonce::from(nonce), &bound_to(first, end), text.as_mut_slice().into())
        .map_err(|_| StoreError::Bug { act: ACT, detail: "it is longer than the cipher takes".to_owned() })?;
    Ok([&nonce[..], &text, &tag].concat())
}

/// Opens a sealed copy with the key beside `store`; none: that key is not the one.
pub(super) fn open(store: &Path, first: u64, end: u64, sealed: &[u8]) -> Result<Option<Beside>, BackupError> {
    let Some(key) = read_key(&key_file(store))? else { return Ok(None) };
    let parts =
        sealed.split_first_chunk::<12>().and_then(|(nonce, rest)| Some((nonce, rest.split_last_chunk::<16>()?)));
    let Some((nonce, (text, tag))) = parts else { return Ok(None) };
    let mut text = text.to_vec();
    let opened = Aes256Gcm::new((&key).into()).decrypt_inout_detached(
        &Nonce::from(*nonce),
        &bound_to(first, end),
        text.as_mut_slice().into(),
        &Tag::from(*tag),
    );
    Ok(opened.ok().and_then(|()| serde_json::from_slice(&text).ok()))
}

fn read(view: &Connection, order: &ShipOrder) -> Result<Beside, StoreError> {
    let head = crate::load::head(view)?;
    let mut tables = BTreeMap::new();
    for name in WHOLE {
        tables.insert(name.to_owned(), table(view, name)?);
    }
    // What an erased change had brought stays in force, and its entry no longer says it.
    let sql = "SELECT EXISTS (SELECT 1 FROM journal WHERE kind = 'register' AND seq NOT IN (SELECT seq FROM payload))";
    if view.query_row(sql, [], |row| row.get(0)).map_err(in_act(ACT))? {
        for name in REGISTERS {
            tables.insert(name.to_owned(), table(view, name)?);
        }
    }
    let mut statement = view
        .prepare(
            "SELECT w.text, s.duplicates, s.link, s.first_at_us, s.last_at_us FROM source_seen s
             JOIN word w ON w.id = s.source ORDER BY w.text",
        )
        .map_err(in_act(ACT))?;
    let sources = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(in_act(ACT))?;
    Ok(Beside {
        schema: crate::schema::SCHEMA_VERSION,
        journal_size: head.journal_size,
        recorded_at_us: head.recorded_at.0,
        advanced_to_us: head.advanced_to.0,
        watched_to_us: head.watched_to.map(|at| at.0),
        stopped: head.stopped,
        final_before_us: head.final_before.map(|at| at.0),
        files: order.files.clone(),
        sources,
        tables,
    })
}

fn table(view: &Connection, name: &str) -> Result<Table, StoreError> {
    let mut statement = view.prepare(&format!("SELECT * FROM {name}")).map_err(in_act(ACT))?;
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let read = |row: &rusqlite::Row<'_>| {
        (0..columns.len())
            .map(|place| {
                Ok(match row.get::<_, Sql>(place)? {
                    Sql::Null => Cell::Null,
                    Sql::Integer(number) => Cell::Integer(number),
                    Sql::Real(number) => Cell::Real(number),
                    Sql::Text(text) => Cell::Text(text),
                    Sql::Blob(bytes) => Cell::Hex(crate::prepared::hex(&bytes)),
                })
            })
            .collect::<rusqlite::Result<Vec<Cell>>>()
    };
    let rows = statement.query_map([], read).and_then(Iterator::collect::<Result<_, _>>).map_err(in_act(ACT))?;
    Ok(Table { columns, rows })
}

/// Fills a table from its copy; rows that stand there already give way.
pub(super) fn fill_table(conn: &Connection, name: &str, table: &Table) -> Result<(), StoreError> {
    let known = WHOLE.contains(&name) || REGISTERS.contains(&name);
    let plain = |column: &String| column.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if !known || !table.columns.iter().all(plain) {
        return Err(StoreError::corrupt(ACT, format!("table {name} is none that is copied")));
    }
    let marks = vec!["?"; table.columns.len()].join(", ");
    let sql = format!("INSERT OR REPLACE INTO {name} ({}) VALUES ({marks})", table.columns.join(", "));
    let mut statement = conn.prepare(&sql).map_err(in_act(ACT))?;
    for row in &table.rows {
        let values = row.iter().map(|cell| match cell {
            Cell::Null => Sql::Null,
            Cell::Integer(number) => Sql::Integer(*number),
            Cell::Real(number) => Sql::Real(*number),
            Cell::Text(text) => Sql::Text(text.clone()),
            Cell::Hex(text) => Sql::Blob(crate::erase::unhex(text).unwrap_or_default()),
        });
        statement.execute(params_from_iter(values)).map_err(in_act(ACT))?;
    }
    Ok(())
}
