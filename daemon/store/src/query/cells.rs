//! Single values: instants, words and closed lists as they stand in rows.

use kukaku_schema::{FindingKind, Grade, Severity, Span, UtcMicros, Verdict};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::{StoreError, in_act};

/// An instant; a row can't lead beyond the ends of time.
pub(super) fn instant(value: i64) -> UtcMicros {
    UtcMicros(value.clamp(UtcMicros::MIN.0, UtcMicros::MAX.0))
}

/// An instant as the store keeps it, where it is a bound of what is looked for.
pub(super) fn kept(at: UtcMicros) -> i64 {
    at.0
}

pub(super) fn instant_at(row: &Row<'_>, column: usize) -> rusqlite::Result<UtcMicros> {
    row.get(column).map(instant)
}

pub(super) fn maybe_instant_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<UtcMicros>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(instant))
}

/// A span from two columns.
pub(super) fn span_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Span> {
    Ok(Span::new(instant_at(row, column)?, instant_at(row, column + 1)?))
}

/// Spans of 16 bytes each.
pub(super) fn spans_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Span>> {
    let bytes: Vec<u8> = row.get(column)?;
    let numbers: Vec<i64> = bytes
        .chunks_exact(8)
        .map(|eight| i64::from_be_bytes(eight.try_into().expect("a chunk of eight has eight bytes")))
        .collect();
    Ok(numbers.chunks_exact(2).map(|pair| Span::new(instant(pair[0]), instant(pair[1]))).collect())
}

/// Journal numbers of 8 bytes each.
pub(super) fn numbers_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u64>> {
    let bytes: Vec<u8> = row.get(column)?;
    Ok(bytes
        .chunks_exact(8)
        .map(|eight| u64::from_be_bytes(eight.try_into().expect("a chunk of eight has eight bytes")))
        .collect())
}

/// A value of a closed list, by its word.
fn listed<T>(row: &Row<'_>, column: usize, read: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let word: String = row.get(column)?;
    read(&word).ok_or_else(|| unknown(column, &word))
}

fn unknown(column: usize, word: &str) -> rusqlite::Error {
    let message = format!("the word {word:?} is unknown to this version");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, message.into())
}

pub(super) fn verdict_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Verdict> {
    listed(row, column, Verdict::from_word)
}

pub(super) fn severity_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Severity> {
    listed(row, column, Severity::from_word)
}

pub(super) fn kind_at(row: &Row<'_>, column: usize) -> rusqlite::Result<FindingKind> {
    listed(row, column, FindingKind::from_word)
}

pub(super) fn grade_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Grade> {
    listed(row, column, Grade::from_word)
}

pub(super) fn maybe_grade_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Grade>> {
    match row.get::<_, Option<String>>(column)? {
        None => Ok(None),
        Some(word) => Grade::from_word(&word).map(Some).ok_or_else(|| unknown(column, &word)),
    }
}

/// A cause of an outage.
pub(super) fn outage_cause_at(row: &Row<'_>, column: usize) -> rusqlite::Result<kukaku_core::OutageCause> {
    listed(row, column, kukaku_core::OutageCause::from_word)
}

/// The number of a text; `None` where nothing was ever called so.
pub(super) fn word_of(conn: &Connection, text: &str) -> Result<Option<i64>, StoreError> {
    conn.prepare_cached("SELECT id FROM word WHERE text = ?1")
        .and_then(|mut s| s.query_row([text], |row| row.get(0)).optional())
        .map_err(in_act("look a word up"))
}
