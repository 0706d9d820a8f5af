//! Stays in the store: only what differs is written.
//!
//! The engine says all of a person's stays from some instant on, over and over: most of them
//! stand there already. The newest of each person are remembered, so that the difference is
//! known without reading.

use std::collections::HashMap;

use kukaku_core::{Stay, Word};
use kukaku_schema::{DurationUs, Grade, Span, UtcMicros};
use rusqlite::{Connection, Row, params};

use crate::error::{StoreError, in_act};

/// Stays remembered of each person: some days of a busy one, two KiB.
const REMEMBERED_MAX: usize = 64;

const ACT: &str = "keep stays";

/// What is remembered of the table.
#[derive(Debug, Default)]
pub(crate) struct StaysKept(HashMap<Word, Newest>);

/// A person's stays from `from` on, by start and zone: all that the table has of them.
#[derive(Debug)]
struct Newest {
    from: UtcMicros,
    stays: Vec<Stay>,
}

impl StaysKept {
    /// Makes `stays` the person's stays that start at or after `from`. They are ordered by start,
    /// then zone. `longest` grows with them.
    pub(crate) fn replace(
        &mut self,
        conn: &Connection,
        longest: &mut DurationUs,
        person: Word,
        from: UtcMicros,
        stays: Vec<Stay>,
    ) -> Result<(), StoreError> {
        let newest = match self.0.entry(person) {
            std::collections::hash_map::Entry::Occupied(known) if known.get().from <= from => known.into_mut(),
            std::collections::hash_map::Entry::Occupied(mut known) => {
                known.insert(read(conn, person, from)?);
                known.into_mut()
            }
            std::collections::hash_map::Entry::Vacant(unknown) => unknown.insert(read(conn, person, from)?),
        };
        let first = newest.stays.partition_point(|stay| stay.span.start < from);
        let before = &newest.stays[first..];
        let place = |stay: &Stay| (stay.span.start, stay.zone);
        // Both lists are ordered by place.
        let stands = |list: &[Stay], stay: &Stay| list.binary_search_by_key(&place(stay), place).ok();
        for gone in before.iter().filter(|old| stands(&stays, old).is_none()) {
            conn.prepare_cached("DELETE FROM stay WHERE start_us = ?1 AND person = ?2 AND zone = ?3")
                .and_then(|mut statement| statement.execute(params![gone.span.start.0, person.0, gone.zone.0]))
                .map_err(in_act(ACT))?;
        }
        for stay in stays.iter().filter(|new| stands(before, new).is_none_or(|at| before[at] != **new)) {
            conn.prepare_cached(
                "INSERT INTO stay (start_us, person, zone, end_us, grade) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (start_us, person, zone) DO UPDATE SET end_us = excluded.end_us, grade = excluded.grade",
            )
            .and_then(|mut statement| {
                let Span { start, end } = stay.span;
                statement.execute(params![start.0, person.0, stay.zone.0, end.0, stay.grade.word()])
            })
            .map_err(in_act(ACT))?;
            if stay.span.end < UtcMicros::MAX {
                *longest = stay.span.length().max(*longest);
            }
        }
        newest.stays.truncate(first);
        newest.stays.extend(stays);
        newest.forget_oldest();
        Ok(())
    }
}

impl Newest {
    /// Whole starts only: of those at one instant all are remembered or none.
    fn forget_oldest(&mut self) {
        let Some(extra) = self.stays.len().checked_sub(REMEMBERED_MAX).filter(|extra| *extra > 0) else { return };
        let start = self.stays[extra].span.start;
        self.stays.drain(..self.stays.partition_point(|stay| stay.span.start < start));
        self.from = start;
    }
}

fn read(conn: &Connection, person: Word, from: UtcMicros) -> Result<Newest, StoreError> {
    let mut statement = conn
        .prepare_cached(
            "SELECT start_us, zone, end_us, grade FROM stay WHERE start_us >= ?1 AND person = ?2
             ORDER BY start_us, zone",
        )
        .map_err(in_act(ACT))?;
    let read = |row: &Row<'_>| {
        let grade: String = row.get(3)?;
        let span = Span::new(UtcMicros(row.get(0)?), UtcMicros(row.get(2)?));
        Ok((Word(row.get(1)?), span, grade))
    };
    let rows = statement.query_map(params![from.0, person.0], read).map_err(in_act(ACT))?;
    let stays = rows
        .map(|row| {
            let (zone, span, grade) = row.map_err(in_act(ACT))?;
            let grade = Grade::from_word(&grade)
                .ok_or_else(|| StoreError::corrupt(ACT, format!("grade {grade:?} is unknown to this version")))?;
            Ok(Stay { person, zone, span, grade })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Newest { from, stays })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Starts, lengths and zones of stays; a length of 0 is an open one.
    fn stays() -> impl Strategy<Value = Vec<(i64, i64, u32)>> {
        prop::collection::vec((0_i64..300, 0_i64..9, 0_u32..3), 0..90)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn the_table_holds_what_was_said_last(said in prop::collection::vec((0_u32..3, 0_i64..300, stays()), 1..25)) {
            let conn = Connection::open_in_memory().unwrap();
            conn.execute_batch(crate::SCHEMA_SQL).unwrap();
            conn.execute_batch("INSERT INTO head VALUES (1, 0, 0, 0, NULL, 0, 0, NULL)").unwrap();
            let (mut kept, mut longest) = (StaysKept::default(), DurationUs(0));
            let mut expected: Vec<Stay> = Vec::new();
            for (person, from, stays) in said {
                let (person, from) = (Word(person), UtcMicros(from));
                let mut new: Vec<Stay> = stays
                    .into_iter()
                    .filter(|(start, ..)| *start >= from.0)
                    .map(|(start, length, zone)| {
                        let end = if length == 0 { UtcMicros::MAX } else { UtcMicros(start + length) };
                        Stay { person, zone: Word(zone), span: Span::new(UtcMicros(start), end), grade: Grade::Weak }
                    })
                    .collect();
                new.sort_by_key(|stay| (stay.span.start, stay.zone));
                new.dedup_by_key(|stay| (stay.span.start, stay.zone));
                expected.retain(|stay| stay.person != person || stay.span.start < from);
                expected.extend(new.iter().copied());
                kept.replace(&conn, &mut longest, person, from, new).unwrap();
            }
            let mut held = crate::load::stays(&conn).unwrap();
            held.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(held, expected);
        }
    }
}
