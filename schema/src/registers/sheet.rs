//! Register tables as CSV, for people who keep them in a spreadsheet.
//!
//! Invariant: what is written is read back as no change at all. Which columns a table has follows
//! from its row type: a new key is a new column. Knows no file and no encoding; texts alone.

mod cells;
mod columns;
mod labels;
mod read;
mod write;

pub use cells::instant_text;
#[cfg(test)]
pub(super) use columns::fields;
pub use columns::{Column, Shape};
pub use read::SheetError;
pub use write::to_csv;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Account, Camera, Client, Company, Credential, Door, Operator, Permit, Person, Pledge, Reader, Registers, Retention,
    Source, StandingPermission, Terminal, Training, Zone,
};
use crate::instant::UtcMicros;
use crate::lang::Lang;

/// A table that somebody wants taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SheetFile {
    /// The table, as in TOML.
    pub table: String,
    /// The CSV.
    pub text: String,
    /// The file's name, for errors.
    pub file: String,
    /// What is in force or to come and does not stand in the file ends.
    pub end_missing: bool,
}

impl SheetFile {
    /// The registers as they shall be with it, if it is taken in at `now`: an entry that stands
    /// in the file is as the file says from `now` on, or from when it says; what it does not name
    /// stays as it is, or with `end_missing` ends at `now`. A column that the file lacks says
    /// nothing: what is registered stays. Lines that are empty are left out.
    ///
    /// # Errors
    /// The first `SheetError`, with file, line, column and what was expected.
    pub fn apply(&self, registers: &Registers, now: UtcMicros) -> Result<Registers, SheetError> {
        read::from_csv(registers, self, now)
    }
}

/// The column that says from when an entry holds.
const VALID_FROM: &str = "valid_from";
/// The column that says from when it no longer does.
const VALID_TO: &str = "valid_to";

macro_rules! tables {
    ($( $name:literal : $row:ty, )*) => {
        /// The tables that can be written as CSV, as they are called in TOML.
        pub const TABLES: &[&str] = &[$($name),*];

        /// The columns of a table, without those of the validity; `None`: there is no such table.
        #[must_use]
        pub fn columns(table: &str) -> Option<Vec<Column>> {
            match table {
                $( $name => Some(columns::of::<$row>()), )*
                _ => None,
            }
        }

        /// A row as the store writes it; `None` where it is none of its table.
        fn canonical(table: &str, row: &Map<String, Value>) -> Option<Value> {
            let row = Value::Object(row.clone());
            match table {
                $( $name => serde_json::to_value(serde_json::from_value::<$row>(row).ok()?).ok(), )*
                _ => None,
            }
        }
    };
}
tables! {
    "client": Client, "zone": Zone, "door": Door, "reader": Reader, "camera": Camera, "terminal": Terminal,
    "operator": Operator, "person": Person, "credential": Credential, "account": Account, "source": Source,
    "retention": Retention, "company": Company, "pledge": Pledge, "training": Training, "permit": Permit,
    "standing_permission": StandingPermission,
}

/// The keys that together stand once at a time.
fn identity(table: &str) -> &'static [&'static str] {
    // One account name may stand for several people on different sources or for different clients.
    if table == "account" { &["id", "client", "source"] } else { &["id"] }
}

/// How a column is called in a table's first line; the key itself where nothing better is known.
#[must_use]
pub fn heading(table: &str, key: &str, lang: Lang) -> String {
    match lang {
        Lang::En => key.to_owned(),
        Lang::Ja => labels::label(table, key).unwrap_or(key).to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
