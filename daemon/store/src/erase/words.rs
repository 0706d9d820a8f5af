//! Texts that nothing names any more.

use std::collections::BTreeSet;

use kukaku_core::{Names, Word};
use rusqlite::Connection;

use super::{ACT, Brought};
use crate::batch::Batch;
use crate::bytes::read_finding;
use crate::error::{StoreError, in_act};
use crate::load;

/// Columns that hold words.
const COLUMNS: [(&str, &[&str]); 14] = [
    ("source_seen", &["source", "epoch"]),
    ("client_seen", &["client"]),
    ("stay", &["person", "zone"]),
    ("outage", &["door"]),
    ("device_state", &["device", "source"]),
    ("footage", &["camera"]),
    ("oplog", &["terminal", "session"]),
    ("terminal_power", &["terminal"]),
    ("order_step", &["work_order", "client"]),
    ("failure_report", &["report", "client", "work_order", "session"]),
    ("session_part", &["source", "epoch", "part", "account", "terminal", "target", "via", "address", "inner_address"]),
    ("source_offset", &["source"]),
    ("unreadable", &["source"]),
    (
        "session",
        &[
            "source",
            "epoch",
            "session",
            "account",
            "terminal",
            "target",
            "via",
            "operator",
            "client",
            "zone",
            "address",
            "inner_address",
        ],
    ),
];

/// Readings are most of the rows: one walk for all of their columns.
const READING: &str = "SELECT source, reader, door, zone, credential, person FROM reading";

/// Replaces the texts of those `brought` words that no row names any more. The numbers stay, so
/// that no other text ever gets them.
pub(super) fn forget(batch: &mut Batch<'_>, brought: &mut Brought, names: &mut Names) -> Result<(), StoreError> {
    // Kept by the batch itself, and the site's.
    brought.retain(|word| !names.text(*word).is_empty());
    let conn = batch.connection();
    for (table, columns) in COLUMNS {
        if brought.is_empty() {
            return Ok(());
        }
        walk(conn, &format!("SELECT {} FROM {table}", columns.join(", ")), columns.len(), brought)?;
    }
    walk(conn, READING, 6, brought)?;
    in_findings(conn, brought)?;
    if brought.is_empty() {
        return Ok(());
    }
    load::with_facts(conn, |facts| {
        for fact in facts {
            fact.words(|word| {
                brought.remove(&word);
            });
        }
    })?;
    let mut erase = conn.prepare_cached("UPDATE word SET text = ?2 WHERE id = ?1").map_err(in_act(ACT))?;
    for word in brought.iter() {
        // Random, so that no source can take that text for a name of its own before.
        let mut mark = [0; 8];
        getrandom::fill(&mut mark)
            .map_err(|error| StoreError::Unavailable { act: ACT, detail: format!("no random numbers: {error}") })?;
        let text = format!("\u{FFFD}{}-{:016x}", word.0, u64::from_be_bytes(mark));
        erase.execute(rusqlite::params![word.0, text]).map_err(in_act(ACT))?;
    }
    Ok(())
}

fn walk(conn: &Connection, sql: &str, columns: usize, brought: &mut BTreeSet<Word>) -> Result<(), StoreError> {
    let mut statement = conn.prepare(sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([]).map_err(in_act(ACT))?;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        if brought.is_empty() {
            break;
        }
        for column in 0..columns {
            let word: Option<i64> = row.get(column).map_err(in_act(ACT))?;
            if let Some(word) = word.and_then(|word| u32::try_from(word).ok()) {
                brought.remove(&Word(word));
            }
        }
    }
    Ok(())
}

fn in_findings(conn: &Connection, brought: &mut BTreeSet<Word>) -> Result<(), StoreError> {
    let mut statement = conn.prepare("SELECT body FROM finding").map_err(in_act(ACT))?;
    let mut rows = statement.query([]).map_err(in_act(ACT))?;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let body: Vec<u8> = row.get(0).map_err(in_act(ACT))?;
        let finding = read_finding(&body).map_err(|fault| StoreError::corrupt(ACT, format!("a finding: {fault}")))?;
        for word in finding.subjects.iter().flat_map(|subject| subject.words()).chain(finding.client) {
            brought.remove(&word);
        }
    }
    Ok(())
}
