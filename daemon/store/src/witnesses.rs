//! What witnesses said of the checkpoints.

use kukaku_core::witnessing::{Trouble, Witness, Witnessing};
use kukaku_ledger::SignedNote;
use kukaku_schema::UtcMicros;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::checkpoint::StoredCheckpoint;
use crate::error::{StoreError, in_act};
use crate::query;
use crate::store::Store;

const ACT: &str = "read what witnesses said";

/// A witness's word under a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Entries that the checkpoint covers.
    pub size: u64,
    /// The line of the signed note, with its newline.
    pub line: String,
    /// When, by the witness's clock.
    pub cosigned_at: UtcMicros,
}

/// What is to be noted of witnesses, each of which is known by its public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessNote {
    /// These are configured from now on, and no others: name and key.
    Configured(Vec<(String, String)>),
    /// One has cosigned; verified by the caller.
    Cosigned {
        /// Its public key.
        key: String,
        /// What it signed.
        cosignature: Cosignature,
    },
    /// One has not cosigned, or something about it is wrong.
    Trouble {
        /// Its public key.
        key: String,
        /// What it or the line to it said.
        what: String,
        /// It knows another history than ours.
        contradicts: bool,
    },
}

fn witness(row: &Row<'_>) -> rusqlite::Result<Witness> {
    let trouble = match (row.get::<_, Option<String>>(2)?, row.get::<_, Option<i64>>(3)?) {
        (Some(what), Some(since)) => Some(Trouble { what, since: UtcMicros(since), contradicts: row.get(4)? }),
        _ => None,
    };
    Ok(Witness {
        name: row.get(0)?,
        asked: row.get(1)?,
        trouble,
        size: row.get::<_, Option<i64>>(5)?.unwrap_or(0).cast_unsigned(),
        cosigned_at: row.get::<_, Option<i64>>(6)?.map(UtcMicros),
    })
}

/// How far the witnesses reach.
///
/// # Errors
/// What the disk says.
pub fn witnessing(conn: &Connection) -> Result<Witnessing, StoreError> {
    let sql = "SELECT w.name, w.asked, w.trouble, w.trouble_since_us, w.contradicts, c.size, c.cosigned_at_us
               FROM witness w LEFT JOIN cosignature c
                    ON c.witness = w.id AND c.size = (SELECT max(size) FROM cosignature WHERE witness = w.id)
               ORDER BY c.size DESC, w.id";
    let witnesses = conn
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map([], witness)?.collect::<Result<Vec<_>, _>>())
        .map_err(in_act(ACT))?;
    let entries = query::head(conn)?.journal_size.cast_unsigned();
    let mut state = Witnessing { entries, unwitnessed_since: None, witnesses };
    state.unwitnessed_since = conn
        .prepare_cached("SELECT recorded_at_us FROM journal WHERE seq = ?1")
        .and_then(|mut statement| statement.query_row([state.witnessed().cast_signed()], |row| row.get(0)).optional())
        .map_err(in_act(ACT))?
        .map(UtcMicros);
    Ok(state)
}

/// Entries of the newest checkpoint that the witness with this key cosigned; 0: none.
///
/// # Errors
/// What the disk says.
pub fn cosigned_size(conn: &Connection, key: &str) -> Result<u64, StoreError> {
    conn.prepare_cached("SELECT max(c.size) FROM cosignature c JOIN witness w ON w.id = c.witness WHERE w.key = ?1")
        .and_then(|mut statement| statement.query_row([key], |row| row.get::<_, Option<i64>>(0)))
        .map(|size| size.unwrap_or(0).cast_unsigned())
        .map_err(in_act(ACT))
}

/// A checkpoint with every cosignature under it, and the public keys of who signed them.
///
/// # Errors
/// What the disk says.
pub fn cosigned_note(conn: &Connection, checkpoint: &StoredCheckpoint) -> Result<(String, Vec<String>), StoreError> {
    let sql =
        "SELECT c.line, w.key FROM cosignature c JOIN witness w ON w.id = c.witness WHERE c.size = ?1 ORDER BY w.id";
    let rows = conn
        .prepare_cached(sql)
        .and_then(|mut statement| {
            let size = checkpoint.head.size.cast_signed();
            statement
                .query_map([size], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<Vec<(String, String)>, _>>()
        })
        .map_err(in_act(ACT))?;
    let (lines, keys): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let note = format!("{}{}", checkpoint.note, lines.concat());
    SignedNote::parse(note.as_bytes()).map_err(|e| StoreError::corrupt(ACT, e.to_string()))?;
    Ok((note, keys))
}

impl Store {
    /// Notes what became of witnesses.
    ///
    /// # Errors
    /// What the disk says; nothing of it is noted then.
    pub fn note_witness(&self, note: &WitnessNote, now: UtcMicros) -> Result<(), StoreError> {
        let noted = || -> rusqlite::Result<()> {
            let tx = self.conn.unchecked_transaction()?;
            note_in(&tx, note, now)?;
            tx.commit()
        };
        noted().map_err(in_act("note what a witness said"))
    }
}

fn note_in(conn: &Connection, note: &WitnessNote, now: UtcMicros) -> rusqlite::Result<()> {
    match note {
        WitnessNote::Configured(witnesses) => {
            conn.execute("UPDATE witness SET asked = 0", [])?;
            for (name, key) in witnesses {
                conn.execute(
                    "INSERT INTO witness (key, name, asked) VALUES (?1, ?2, 1)
                     ON CONFLICT (key) DO UPDATE SET name = excluded.name, asked = 1",
                    [key, name],
                )?;
            }
        }
        WitnessNote::Cosigned { key, cosignature } => {
            conn.execute(
                "INSERT INTO cosignature (witness, size, line, cosigned_at_us, kept_at_us)
                 SELECT id, ?2, ?3, ?4, ?5 FROM witness WHERE key = ?1 ON CONFLICT DO NOTHING",
                params![key, cosignature.size.cast_signed(), cosignature.line, cosignature.cosigned_at.0, now.0],
            )?;
            conn.execute(
                "UPDATE witness SET trouble = NULL, trouble_since_us = NULL, contradicts = 0 WHERE key = ?1",
                [key],
            )?;
        }
        WitnessNote::Trouble { key, what, contradicts } => {
            // The same trouble goes on; another history is another trouble, and stays told until
            // the witness cosigns again: a line that fails afterwards doesn't hide it.
            conn.execute(
                "UPDATE witness SET trouble_since_us = CASE WHEN trouble IS NULL OR contradicts <> ?3 THEN ?4
                     ELSE trouble_since_us END, trouble = ?2, contradicts = ?3
                 WHERE key = ?1 AND contradicts <= ?3",
                params![key, what, contradicts, now.0],
            )?;
        }
    }
    Ok(())
}
