//! Registers as TOML.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Entry, Registers};
use crate::instant::UtcMicros;

/// Writes registers as TOML that `parse` reads back to the same registers.
///
/// # Errors
/// Where a value can't be written as TOML.
pub fn to_toml(registers: &Registers) -> Result<String, toml::ser::Error> {
    let mut out = String::new();
    section(&mut out, "[site]", &toml::Table::try_from(&registers.site)?);
    if let Some(policy) = registers.policies.last() {
        let table = toml::Table::try_from(policy.row)?;
        if !table.is_empty() {
            section(&mut out, "[policy]", &table);
        }
    }
    write_rows(&mut out, "client", &registers.clients)?;
    write_rows(&mut out, "zone", &registers.zones)?;
    write_rows(&mut out, "door", &registers.doors)?;
    write_rows(&mut out, "reader", &registers.readers)?;
    write_rows(&mut out, "camera", &registers.cameras)?;
    write_rows(&mut out, "terminal", &registers.terminals)?;
    write_rows(&mut out, "operator", &registers.operators)?;
    write_rows(&mut out, "person", &registers.persons)?;
    write_rows(&mut out, "credential", &registers.credentials)?;
    write_rows(&mut out, "account", &registers.accounts)?;
    write_rows(&mut out, "source", &registers.sources)?;
    write_rows(&mut out, "standing_permission", &registers.standing_permissions)?;
    write_rows(&mut out, "retention", &registers.retentions)?;
    write_rows(&mut out, "company", &registers.companies)?;
    write_rows(&mut out, "pledge", &registers.pledges)?;
    write_rows(&mut out, "training", &registers.trainings)?;
    write_rows(&mut out, "permit", &registers.permits)?;
    Ok(out)
}

fn section(out: &mut String, head: &str, table: &toml::Table) {
    let _ = write!(out, "{}{head}\n{table}", if out.is_empty() { "" } else { "\n" });
}

fn write_rows<T: Serialize>(out: &mut String, name: &str, rows: &[Entry<T>]) -> Result<(), toml::ser::Error> {
    for entry in rows {
        let mut table = toml::Table::try_from(&entry.row)?;
        for (key, at, open) in
            [("valid_from", entry.valid.start, UtcMicros::MIN), ("valid_to", entry.valid.end, UtcMicros::MAX)]
        {
            if at != open {
                table.insert(key.to_owned(), toml::Value::String(at.to_rfc3339_utc()));
            }
        }
        section(out, &format!("[[{name}]]"), &table);
    }
    Ok(())
}
