//! A table as CSV.

use serde_json::{Map, Value};

use super::cells::{instant_text, protect, protect_text, text_of};
use super::{Column, Shape, VALID_FROM, VALID_TO, columns, heading};
use crate::instant::{SiteZone, Span, UtcMicros};
use crate::lang::Lang;
use crate::period::{Day, day_of};
use crate::registers::{Registers, StoredEntry, to_stored};

/// Writes a table: a first line with the columns' names, then a line for each entry, those that
/// have ended too. Every cell is quoted (RFC 4180 section 2). Without a byte order mark.
///
/// # Errors
/// A sentence: there is no such table, or its entries can't be written.
pub fn to_csv(registers: &Registers, table: &str, lang: Lang) -> Result<String, String> {
    let columns = columns(table).ok_or_else(|| no_such_table(table))?;
    let zone = SiteZone::named(&registers.site.time_zone)?;
    let mut out = String::new();
    let keys = columns.iter().map(|column| column.key).chain([VALID_FROM, VALID_TO]);
    push_line(&mut out, keys.map(|key| heading(table, key, lang)));
    for entry in to_stored(registers).iter().filter(|entry| entry.table == table) {
        let row = row_of(entry)?;
        let usual = usual_validity(&columns, &row, &zone);
        let cells =
            columns.iter().map(|column| row.get(column.key).map_or_else(String::new, |v| cell(v, column.shape)));
        let at = |at: UtcMicros, usual: UtcMicros| if at == usual { String::new() } else { instant_text(at, &zone) };
        let validity = [at(entry.valid.start, usual.start), at(entry.valid.end, usual.end)];
        push_line(&mut out, cells.chain(validity));
    }
    Ok(out)
}

/// Says which tables there are.
pub(super) fn no_such_table(table: &str) -> String {
    format!("{table:?} is no table; expected one of {}", super::TABLES.join(", "))
}

fn cell(value: &Value, shape: Shape) -> String {
    match (value, shape) {
        // An empty list says as much as none.
        (Value::Array(list), Shape::List) if list.is_empty() => String::new(),
        (value, Shape::Other) => protect(&value.to_string()),
        (value, Shape::Text | Shape::List) => protect_text(&text_of(value)),
        (value, Shape::Flag | Shape::Number | Shape::Day) => protect(&text_of(value)),
    }
}

/// What an entry says, by key.
pub(super) fn row_of(entry: &StoredEntry) -> Result<Map<String, Value>, String> {
    serde_json::from_str(&entry.body).map_err(|e| format!("register entry {} {:?}: {e}", entry.table, entry.id))
}

/// When a row holds that says nothing of it: always, or from its `date` through its `until`.
pub(super) fn usual_validity(columns: &[Column], row: &Map<String, Value>, zone: &SiteZone) -> Span {
    let day = |key: &str| {
        let is_day = columns.iter().any(|column| column.key == key && column.shape == Shape::Day);
        row.get(key).filter(|_| is_day).and_then(Value::as_str).and_then(day_of).map(Day)
    };
    let Some(date) = day("date") else { return Span::new(UtcMicros::MIN, UtcMicros::MAX) };
    Span::new(date.start(zone), day("until").map_or(UtcMicros::MAX, |until| until.end(zone)))
}

fn push_line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push('"');
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    }
    out.push_str("\r\n");
}
