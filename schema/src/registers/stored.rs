//! Registers as the store keeps them: one entry a row.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Entry, Registers};
use crate::instant::{Span, UtcMicros};

/// One register entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The table: `site`, `policy`, `client`, `zone`, ...
    pub table: String,
    /// The entry's id; empty for `site` and `policy`.
    pub id: String,
    /// When it holds.
    pub valid: Span,
    /// When it was recorded; `None` for the opening registers.
    pub recorded_at: Option<UtcMicros>,
    /// The row as JSON, keys as in TOML.
    pub body: String,
}

/// All entries of `registers`, in the order of the file.
#[must_use]
pub fn to_stored(registers: &Registers) -> Vec<StoredEntry> {
    let whole = Span::new(UtcMicros::MIN, UtcMicros::MAX);
    let mut out = vec![stored("site", String::new(), &Entry::opening(whole, registers.site.clone()))];
    out.extend(registers.policies.iter().map(|e| stored("policy", String::new(), e)));
    out.extend(registers.clients.iter().map(|e| stored("client", e.row.id.clone(), e)));
    out.extend(registers.zones.iter().map(|e| stored("zone", e.row.id.clone(), e)));
    out.extend(registers.doors.iter().map(|e| stored("door", e.row.id.clone(), e)));
    out.extend(registers.readers.iter().map(|e| stored("reader", e.row.id.clone(), e)));
    out.extend(registers.cameras.iter().map(|e| stored("camera", e.row.id.clone(), e)));
    out.extend(registers.terminals.iter().map(|e| stored("terminal", e.row.id.clone(), e)));
    out.extend(registers.operators.iter().map(|e| stored("operator", e.row.id.clone(), e)));
    out.extend(registers.persons.iter().map(|e| stored("person", e.row.id.clone(), e)));
    out.extend(registers.credentials.iter().map(|e| stored("credential", e.row.id.clone(), e)));
    out.extend(registers.accounts.iter().map(|e| stored("account", e.row.id.clone(), e)));
    out.extend(registers.sources.iter().map(|e| stored("source", e.row.id.clone(), e)));
    out.extend(registers.standing_permissions.iter().map(|e| stored("standing_permission", e.row.id.clone(), e)));
    out.extend(registers.retentions.iter().map(|e| stored("retention", e.row.id.clone(), e)));
    out.extend(registers.companies.iter().map(|e| stored("company", e.row.id.clone(), e)));
    out.extend(registers.pledges.iter().map(|e| stored("pledge", e.row.id.clone(), e)));
    out.extend(registers.trainings.iter().map(|e| stored("training", e.row.id.clone(), e)));
    out.extend(registers.permits.iter().map(|e| stored("permit", e.row.id.clone(), e)));
    out
}

fn stored<T: Serialize>(table: &str, id: String, entry: &Entry<T>) -> StoredEntry {
    StoredEntry {
        table: table.to_owned(),
        id,
        valid: entry.valid,
        recorded_at: entry.recorded_at,
        body: serde_json::to_string(&entry.row).expect("register rows hold texts, numbers and durations"),
    }
}

/// Puts registers together from their kept entries.
///
/// # Errors
/// A sentence naming the table and id of an entry that can't be read, or a missing site.
pub fn from_stored(entries: impl IntoIterator<Item = StoredEntry>) -> Result<Registers, String> {
    let mut site = None;
    let mut r = Registers {
        site: super::Site {
            id: String::new(),
            name: String::new(),
            time_zone: String::new(),
            address: None,
            holidays: Vec::new(),
        },
        policies: vec![],
        clients: vec![],
        zones: vec![],
        doors: vec![],
        readers: vec![],
        cameras: vec![],
        terminals: vec![],
        operators: vec![],
        persons: vec![],
        credentials: vec![],
        accounts: vec![],
        sources: vec![],
        standing_permissions: vec![],
        retentions: vec![],
        companies: vec![],
        pledges: vec![],
        trainings: vec![],
        permits: vec![],
    };
    for entry in entries {
        match entry.table.as_str() {
            "site" => site = Some(read(&entry)?.row),
            "policy" => r.policies.push(read(&entry)?),
            "client" => r.clients.push(read(&entry)?),
            "zone" => r.zones.push(read(&entry)?),
            "door" => r.doors.push(read(&entry)?),
            "reader" => r.readers.push(read(&entry)?),
            "camera" => r.cameras.push(read(&entry)?),
            "terminal" => r.terminals.push(read(&entry)?),
            "operator" => r.operators.push(read(&entry)?),
            "person" => r.persons.push(read(&entry)?),
            "credential" => r.credentials.push(read(&entry)?),
            "account" => r.accounts.push(read(&entry)?),
            "source" => r.sources.push(read(&entry)?),
            "standing_permission" => r.standing_permissions.push(read(&entry)?),
            "retention" => r.retentions.push(read(&entry)?),
            "company" => r.companies.push(read(&entry)?),
            "pledge" => r.pledges.push(read(&entry)?),
            "training" => r.trainings.push(read(&entry)?),
            "permit" => r.permits.push(read(&entry)?),
            other => {
                return Err(format!("register table {other:?} is unknown to this version"));
            }
        }
    }
    r.site = site.ok_or("the registers hold no site")?;
    Ok(r)
}

fn read<T: DeserializeOwned>(entry: &StoredEntry) -> Result<Entry<T>, String> {
    let row =
        serde_json::from_str(&entry.body).map_err(|e| format!("register entry {} {:?}: {e}", entry.table, entry.id))?;
    Ok(Entry { valid: entry.valid, recorded_at: entry.recorded_at, row })
}
