//! Places in the file: what an error points at, and rows that know where they stand.

use toml::Spanned;

use super::RegisterError;
use crate::instant::{SiteZone, Span, UtcMicros};
use crate::registers::Entry;

/// What makes an error of a place in the file.
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Place<'_> {
    pub(super) fn line_at(&self, byte: usize) -> usize {
        self.text.as_bytes()[..byte.min(self.text.len())].iter().filter(|b| **b == b'\n').count() + 1
    }

    /// The line of `key` within the table that begins at `span`, or the table's first line.
    pub(super) fn line_of(&self, span: &std::ops::Range<usize>, key: &str) -> usize {
        let end = span.end.max(span.start).min(self.text.len());
        let rest = &self.text[span.start.min(end)..];
        let mut at = span.start;
        for (index, line) in rest.split_inclusive('\n').enumerate() {
            let trimmed = line.trim_start();
            if index > 0 && trimmed.starts_with('[') {
                break;
            }
            if trimmed.strip_prefix(key).is_some_and(|after| after.trim_start().starts_with('=')) {
                return self.line_at(at);
            }
            at += line.len();
        }
        self.line_at(span.start)
    }

    pub(super) fn error(&self, line: usize, message: impl Into<String>) -> RegisterError {
        RegisterError { file: self.file.to_owned(), line, message: message.into() }
    }

    pub(super) fn of_toml(&self, error: &toml::de::Error, base: usize) -> RegisterError {
        let byte = error.span().map_or(base, |span| span.start);
        self.error(self.line_at(byte), error.message().replace('\n', " "))
    }
}

/// A row with its validity and its place in the file.
pub(super) struct Placed<T> {
    pub(super) span: std::ops::Range<usize>,
    pub(super) entry: Entry<T>,
}

/// Reads the two validity keys that any row may have, as RFC 3339 or a local date.
pub(super) fn take_validity(
    place: &Place<'_>,
    zone: &SiteZone,
    span: &std::ops::Range<usize>,
    row: &mut toml::Table,
) -> Result<Span, RegisterError> {
    let mut take = |key: &str, default: UtcMicros| match row.remove(key) {
        None => Ok(default),
        Some(value) => {
            let text = match &value {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let day = || text.parse::<jiff::civil::Date>().ok().and_then(|d| zone.instant_of(d.into()));
            UtcMicros::parse_rfc3339(&text).ok().or_else(day).ok_or_else(|| {
                let line = place.line_of(span, key);
                place
                    .error(line, format!("`{key}` = {text:?}: expected a date like \"2026-04-01\" or an RFC 3339 time"))
            })
        }
    };
    let valid = Span::new(take("valid_from", UtcMicros::MIN)?, take("valid_to", UtcMicros::MAX)?);
    if valid.is_empty() {
        return Err(place.error(place.line_of(span, "valid_to"), "`valid_to` must lie after `valid_from`"));
    }
    Ok(valid)
}

pub(super) fn read_rows<T: serde::de::DeserializeOwned>(
    place: &Place<'_>,
    zone: &SiteZone,
    table: &str,
    rows: Vec<Spanned<toml::Table>>,
) -> Result<Vec<Placed<T>>, RegisterError> {
    let mut placed = Vec::with_capacity(rows.len());
    for spanned in rows {
        let span = spanned.span();
        let mut row = spanned.into_inner();
        let valid = take_validity(place, zone, &span, &mut row)?;
        let keys: Vec<String> = row.keys().cloned().collect();
        let body: T = row.try_into().map_err(|error: toml::de::Error| {
            let message = error.message().replace('\n', " ");
            // The error names its key in backquotes where it knows it.
            // What is wrong comes first in the reader's words, what was expected after it.
            let first = message.split('`').nth(1);
            let named = keys.iter().find(|key| Some(key.as_str()) == first);
            let in_key = error
                .to_string()
                .lines()
                .find_map(|l| l.strip_prefix("in `").map(|r| r.trim_end_matches('`').to_owned()));
            let key = in_key.as_ref().or(named);
            let line = key.map_or_else(|| place.line_at(span.start), |key| place.line_of(&span, key));
            let of = in_key.as_ref().map_or_else(String::new, |key| format!("`{key}`: "));
            place.error(line, format!("[[{table}]]: {of}{message}"))
        })?;
        placed.push(Placed { span, entry: Entry::opening(valid, body) });
    }
    Ok(placed)
}
