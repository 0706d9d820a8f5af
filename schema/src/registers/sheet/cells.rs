//! One cell: from a value to a text that no spreadsheet runs, and back.
//!
//! A cell that begins with `'` is taken as it is behind that: so stand texts that a spreadsheet
//! would take for a formula, texts with blanks at their ends, and the empty text.

use jiff::civil::{Date, DateTime, Time};
use serde_json::Value;

use super::Shape;
use crate::instant::{SiteZone, UtcMicros};

/// What stands before a text that is meant as it is.
const AS_IT_IS: char = '\'';

/// Whether a text has to be protected: from running as a formula (OWASP, "CSV Injection"), and
/// from losing its ends.
fn needs_protection(text: &str) -> bool {
    let runs = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\0' | '＝' | '＋' | '－' | '＠' | AS_IT_IS);
    text.chars().next().is_none_or(runs) || text.trim() != text
}

/// Whether a spreadsheet would take a text for a number, a day or a time, and save something else:
/// `0012` as `12`, `1-2` as a day of this year.
fn is_taken_for_another(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.len() <= 20 && part.bytes().all(|b| b.is_ascii_digit());
    /// Digits that a spreadsheet shows of a number before it rounds.
    const SHOWN: usize = 11;
    if digits(text) {
        return text.len() > SHOWN || (text.len() > 1 && text.starts_with('0'));
    }
    let parts = |by: &[char]| text.split(by).collect::<Vec<_>>();
    let all = |by: &[char]| (2..=3).contains(&parts(by).len()) && parts(by).iter().all(|part| digits(part));
    let is_number = all(&['.']) || all(&['e', 'E']) || text.strip_suffix('%').is_some_and(digits);
    is_number || all(&['-', '/']) || all(&[':']) || ["true", "false"].contains(&text.to_lowercase().as_str())
}

/// The cell that stands for a text that has to come back letter by letter.
pub(super) fn protect_text(text: &str) -> String {
    if is_taken_for_another(text) { format!("{AS_IT_IS}{text}") } else { protect(text) }
}

/// The cell that stands for a text.
pub(super) fn protect(text: &str) -> String {
    if needs_protection(text) { format!("{AS_IT_IS}{text}") } else { text.to_owned() }
}

/// The text that a cell stands for; `None` for an empty one.
pub(super) fn unprotect(cell: &str) -> Option<&str> {
    match cell.strip_prefix(AS_IT_IS) {
        Some(text) => Some(text),
        None => Some(cell.trim()).filter(|text| !text.is_empty()),
    }
}

/// A value as text, before it is protected.
pub(super) fn text_of(value: &Value) -> String {
    let plain = |one: &Value| {
        let text = one.as_str().filter(|text| !text.is_empty() && text.trim() == *text);
        text.is_some_and(|text| !text.contains([';', '；']))
    };
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(plain) && !begins_like_json(list) => {
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            texts.join(";")
        }
        other => other.to_string(),
    }
}

fn begins_like_json(list: &[Value]) -> bool {
    list.first().and_then(Value::as_str).is_some_and(|first| first.starts_with('['))
}

/// The value that a cell's text stands for.
///
/// # Errors
/// What was expected.
pub(super) fn value_of(text: &str, shape: Shape) -> Result<Value, String> {
    let json = |text: &str| serde_json::from_str::<Value>(text).map_err(|e| format!("{text:?}: expected JSON: {e}"));
    Ok(match shape {
        Shape::Text => Value::from(text),
        Shape::Flag => match text.to_lowercase().as_str() {
            "true" | "yes" | "1" | "はい" | "○" => Value::Bool(true),
            "false" | "no" | "0" | "いいえ" | "×" => Value::Bool(false),
            _ => return Err(format!("{text:?}: expected true or false")),
        },
        Shape::Number => {
            let number = text.parse::<i64>().map_err(|_| format!("{text:?}: expected a whole number"))?;
            Value::from(number)
        }
        Shape::List if text.starts_with('[') => json(text)?,
        Shape::List => text.split([';', '；']).map(str::trim).filter(|one| !one.is_empty()).map(Value::from).collect(),
        Shape::Day => Value::from(day(text).ok_or_else(|| format!("{text:?}: expected a day like \"2026-04-01\""))?),
        Shape::Other => json(text)?,
    })
}

/// A day as spreadsheets and people write it, `2026/4/1`, as it stands in TOML.
fn day(text: &str) -> Option<String> {
    date(text).map(|date| date.to_string())
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.trim_end_matches('日').split(['-', '/', '年', '月']);
    let mut number = || parts.next()?.parse::<i16>().ok();
    let (year, month, day) = (number()?, number()?, number()?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    (parts.next().is_none() && year >= 1900).then_some(date)
}

/// An instant in the site's own time where that says it exactly, else with its offset.
#[must_use]
pub fn instant_text(at: UtcMicros, zone: &SiteZone) -> String {
    let whole = zone.rfc3339(at);
    // Whole minutes alone: a spreadsheet shows, and then saves, no more of a time.
    let local = whole.get(..16).map(|local| local.replacen('T', " ", 1)).unwrap_or_default();
    let short = local.strip_suffix(" 00:00").unwrap_or(&local);
    let fits = |text: &str| instant(text, zone) == Some(at);
    [short, &whole].into_iter().find(|text| fits(text)).map_or_else(|| at.to_rfc3339_utc(), str::to_owned)
}

/// Reads an instant: RFC 3339, a day (its 00:00), or the site's own clock, `2026/4/1 9:00`.
pub(super) fn instant(text: &str, zone: &SiteZone) -> Option<UtcMicros> {
    if let Ok(at) = UtcMicros::parse_rfc3339(text) {
        return Some(at);
    }
    let (day, clock) = text.split_once([' ', 'T']).map_or((text, ""), |(day, clock)| (day, clock.trim()));
    let date = date(day)?;
    let mut parts = clock.split(':').filter(|part| !part.is_empty()).map(str::parse::<i8>);
    let mut number = || parts.next().unwrap_or(Ok(0)).ok();
    let time = Time::new(number()?, number()?, number()?, 0).ok()?;
    if parts.next().is_some() {
        return None;
    }
    zone.instant_of(DateTime::from_parts(date, time))
}
