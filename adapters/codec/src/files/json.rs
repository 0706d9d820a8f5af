//! JSON Lines: the texts of one object.

use serde_json::Value;

use super::raw::ColumnRef;
use super::rule::SlotNames;
use super::slots::{ABSENT, Range};

/// Writes the texts that `names` speak of to `out`.
///
/// A name is a key, or keys with dots between them. A list of plain values is written with commas
/// between them; nothing and null are the same.
///
/// # Errors
/// A sentence: no JSON, no object, or a value that is an object.
pub(crate) fn slots_of(line: &str, names: &SlotNames, out: &mut String, ranges: &mut Vec<Range>) -> Result<(), String> {
    out.clear();
    ranges.clear();
    let row: Value = serde_json::from_str(line).map_err(|e| format!("no JSON: {e}"))?;
    let Value::Object(_) = row else {
        return Err("no JSON object".to_owned());
    };
    for name in &names.0 {
        // Numbers of columns were refused with the mapping.
        let ColumnRef::Name(path) = name else {
            continue;
        };
        let from = out.len() as u32;
        match look_up(&row, path) {
            None | Some(Value::Null) => ranges.push(ABSENT),
            Some(value) => {
                write(value, out).ok_or_else(|| format!("key {path:?} holds no plain value"))?;
                ranges.push((from, out.len() as u32));
            }
        }
    }
    Ok(())
}

/// The value of a key that may itself hold dots, or of a path of keys.
fn look_up<'v>(row: &'v Value, path: &str) -> Option<&'v Value> {
    row.get(path).or_else(|| path.split('.').try_fold(row, |value, key| value.get(key)))
}

/// Appends a plain value, or a list of them with commas between; none where it is an object.
pub(crate) fn write(value: &Value, out: &mut String) -> Option<()> {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                if matches!(value, Value::Array(_) | Value::Object(_)) {
                    return None;
                }
                if at > 0 {
                    out.push(',');
                }
                write(value, out)?;
            }
        }
        Value::Null => {}
        Value::Object(_) => return None,
    }
    Some(())
}
