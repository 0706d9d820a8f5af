//! Work orders from a table: CSV with the form's keys as its first line.

use std::path::Path;

use kukaku_schema::order::OrderForm;
use kukaku_schema::{SiteZone, UtcMicros};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Longest table in bytes: many years of orders.
const TABLE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The keys of a form that a table may have as columns.
const KEYS: [&str; 11] =
    ["id", "client", "from", "to", "emergency", "purpose", "content", "targets", "operators", "responsible", "notes"];

/// Reads a table: all of it, or the first mistake. Times are RFC 3339 or the site's own,
/// `2026-11-23 09:00`; several operators or targets have `;` between them.
///
/// # Errors
/// `Written`: file, line, column and what was expected.
pub fn read(file: &Path, zone: &SiteZone) -> Result<Vec<OrderForm>, Failure> {
    let wrong = |what: String| Failure::Written(format!("{}: {what}", file.display()));
    let length = std::fs::metadata(file).map_err(|e| wrong(e.to_string()))?.len();
    if length > TABLE_MAX_BYTES {
        return Err(wrong(format!("{length} bytes are more than {TABLE_MAX_BYTES}; split the table")));
    }
    let text = std::fs::read_to_string(file).map_err(|e| wrong(format!("{e}; save it as CSV UTF-8")))?;
    parse(&text, zone).map_err(wrong)
}

fn parse(text: &str, zone: &SiteZone) -> Result<Vec<OrderForm>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| e.to_string())?.clone();
    if let Some(unknown) = header.iter().find(|key| !KEYS.contains(key)) {
        return Err(format!("line 1: column {unknown:?} is none of {}", KEYS.join(", ")));
    }
    let mut forms: Vec<OrderForm> = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|e| e.to_string())?;
        let line = row.position().map_or(0, csv::Position::line);
        let mut object = Map::new();
        for (key, cell) in header.iter().zip(&row).filter(|(_, cell)| !cell.is_empty()) {
            let value = value(key, cell, zone).map_err(|why| format!("line {line}, column {key:?}: {why}"))?;
            object.insert(key.to_owned(), value);
        }
        let form: OrderForm = serde_json::from_value(Value::Object(object)).map_err(|e| format!("line {line}: {e}"))?;
        if forms.iter().any(|before| before.id == form.id) {
            return Err(format!("line {line}: order {} stands twice", form.id));
        }
        forms.push(form);
    }
    Ok(forms)
}

fn value(key: &str, cell: &str, zone: &SiteZone) -> Result<Value, String> {
    Ok(match key {
        "from" | "to" => Value::from(instant(cell, zone)?.to_rfc3339_utc()),
        "targets" | "operators" => {
            cell.split([';', '；']).map(str::trim).filter(|one| !one.is_empty()).map(Value::from).collect()
        }
        "emergency" => match cell {
            "true" | "yes" | "1" | "緊急" => Value::Bool(true),
            "false" | "no" | "0" => Value::Bool(false),
            _ => return Err(format!("{cell:?}: expected true or false")),
        },
        _ => Value::from(cell),
    })
}

/// RFC 3339, or the site's own clock.
fn instant(cell: &str, zone: &SiteZone) -> Result<UtcMicros, String> {
    let expected = || format!("{cell:?}: expected a time like \"2026-11-23 09:00\"");
    if let Ok(at) = UtcMicros::parse_rfc3339(cell) {
        return Ok(at);
    }
    let local = cell.replace('/', "-").replacen('T', " ", 1);
    let local = if local.len() == "2026-11-23 09:00".len() { format!("{local}:00") } else { local };
    let local: jiff::civil::DateTime = local.parse().map_err(|_| expected())?;
    zone.instant_of(local).ok_or_else(expected)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tokyo() -> SiteZone {
        SiteZone::named("Asia/Tokyo").unwrap()
    }

    #[test]
    fn a_table_of_orders_is_read_as_people_write_it() {
        let text = "\u{feff}id,client,from,to,emergency,purpose,content,operators,responsible\n\
                    R8-01,city,2026/11/23 09:00,2026-11-23 12:00,,定期保守,\"ログの確認、\n再起動\",op-01; op-02,鈴木\n\
                    R8-02,city,2026-11-24T09:00:00+09:00,2026-11-24 10:00,緊急,障害対応,復旧,op-01,鈴木\n";
        let forms = parse(text, &tokyo()).unwrap();
        assert_eq!(forms.len(), 2);
        assert_eq!(forms[0].from, UtcMicros::parse_rfc3339("2026-11-23T00:00:00Z").unwrap());
        assert_eq!(forms[0].operators.len(), 2);
        assert!(forms[0].content.as_str().contains('\n') && !forms[0].emergency && forms[1].emergency);
    }

    #[test]
    fn a_mistake_in_a_table_is_named_by_line_and_column_and_nothing_is_taken() {
        let wrong = |rows: &str| {
            parse(&format!("id,client,from,to,purpose,content,operators,responsible\n{rows}"), &tokyo()).unwrap_err()
        };
        let good = "a,city,2026-11-23 09:00,2026-11-23 10:00,p,c,op,r\n";
        assert!(
            wrong(&format!("{good}b,city,tomorrow,2026-11-23 10:00,p,c,op,r\n")).contains("line 3, column \"from\"")
        );
        assert!(wrong(&format!("{good}{good}")).contains("stands twice"));
        assert!(wrong("a,city,2026-11-23 09:00,2026-11-23 10:00,,c,op,r\n").contains("purpose"));
        assert!(parse("id,operator\n", &tokyo()).unwrap_err().contains("column \"operator\" is none of"));
    }
}
