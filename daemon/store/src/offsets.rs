//! What is known of the clocks of sources: from device time to the time it occurred.

use std::collections::HashMap;

use kukaku_core::Word;
use kukaku_schema::{DurationUs, Span, UtcMicros};
use rusqlite::{Connection, params};

use crate::error::{StoreError, in_act};

/// The statements about each source's clock, newest last.
#[derive(Debug, Default)]
pub(crate) struct Offsets(HashMap<Word, Vec<(Span, DurationUs)>>);

impl Offsets {
    /// Reads what was stated so far.
    pub(crate) fn load(conn: &Connection) -> Result<Self, StoreError> {
        const ACT: &str = "read the clock offsets of sources";
        let mut made = Self::default();
        let mut statement = conn
            .prepare("SELECT source, offset_us, from_us, until_us FROM source_offset ORDER BY entry")
            .map_err(in_act(ACT))?;
        let mut rows = statement.query([]).map_err(in_act(ACT))?;
        while let Some(row) = rows.next().map_err(in_act(ACT))? {
            let read = || -> rusqlite::Result<_> {
                Ok((Word(row.get(0)?), DurationUs(row.get(1)?), UtcMicros(row.get(2)?), UtcMicros(row.get(3)?)))
            };
            let (source, offset, from, until) = read().map_err(in_act(ACT))?;
            made.0.entry(source).or_default().push((Span::new(from, until), offset));
        }
        Ok(made)
    }

    /// When something occurred that `source` says happened at `device_time`.
    pub(crate) fn occurred_at(&self, source: Word, device_time: UtcMicros) -> UtcMicros {
        let stated = self.0.get(&source).into_iter().flatten().rev();
        let offset = stated.into_iter().find(|(span, _)| span.contains(device_time)).map(|(_, offset)| *offset);
        offset.map_or(device_time, |offset| device_time.minus(offset))
    }

    /// Takes a new statement and corrects the readings that it speaks of.
    pub(crate) fn state(
        &mut self,
        conn: &Connection,
        entry: u64,
        source: Word,
        span: Span,
        offset: DurationUs,
    ) -> Result<(), StoreError> {
        const ACT: &str = "correct readings by a clock offset";
        conn.prepare_cached(
            "INSERT INTO source_offset (entry, source, offset_us, from_us, until_us) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute(params![entry.cast_signed(), source.0, offset.0, span.start.0, span.end.0])
        })
        .map_err(in_act(ACT))?;
        let known = self.0.entry(source).or_default();
        known.push((span, offset));
        // A reading lies at most the largest known offset away from its device time: the index
        // by time finds all that the span may touch.
        let widest = DurationUs(known.iter().map(|(_, offset)| offset.0.saturating_abs()).max().unwrap_or(0));
        conn.prepare_cached(
            "UPDATE reading SET occurred_at_us = device_time_us - ?2
             WHERE occurred_at_us BETWEEN ?5 AND ?6 AND source = ?1 AND device_time_us >= ?3 AND device_time_us < ?4",
        )
        .and_then(|mut statement| {
            let (from, to) = (span.start.minus(widest), span.end.plus(widest));
            statement.execute(params![source.0, offset.0, span.start.0, span.end.0, from.0, to.0])
        })
        .map(drop)
        .map_err(in_act(ACT))
    }
}
