//! 入退室記録: door readings, searched.

use kukaku_schema::UtcMicros;
use kukaku_schema::registers::ReaderDirection;
use rusqlite::{Connection, Row, ToSql};

use super::cells::{instant_at, kept, word_of};
use super::{Cursor, Listed};
use crate::error::{StoreError, in_act};

/// What is looked for; absent parts match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// From this instant (occurred_at) on.
    pub from: Option<UtcMicros>,
    /// Before this instant.
    pub to: Option<UtcMicros>,
    /// Persons, by id; `Some(empty)` matches nothing.
    pub persons: Option<Vec<String>>,
    /// The zone on the door's inner side.
    pub zone: Option<String>,
    /// The door.
    pub door: Option<String>,
    /// The credential, as the source named it.
    pub credential: Option<String>,
    /// Only refused ones.
    pub denied_only: bool,
    /// Only those of an unknown card or reader.
    pub unregistered_only: bool,
}

/// A door reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// The journal entry.
    pub entry: i64,
    /// Device time corrected by what is known of the source's clock.
    pub occurred_at: UtcMicros,
    /// The source's clock.
    pub device_time: UtcMicros,
    /// Our clock.
    pub recorded_at: UtcMicros,
    /// Who reported it.
    pub source: String,
    /// The source's own number.
    pub source_number: Option<i64>,
    /// The reader, as the source named it.
    pub reader: String,
    /// Its door, if registered.
    pub door: Option<String>,
    /// Which way, if registered.
    pub direction: Option<ReaderDirection>,
    /// The zone on the door's inner side, if registered.
    pub zone: Option<String>,
    /// The credential, as the source named it.
    pub credential: String,
    /// Whose, if registered.
    pub person: Option<String>,
    /// The door was released.
    pub granted: bool,
    /// Factors presented, joined by commas.
    pub factors: Option<String>,
}

/// Most persons that one search may name.
const PERSONS_MAX: usize = 200;

pub(super) const ENTRY_COLUMNS: &str = "r.entry, r.occurred_at_us, r.device_time_us, r.recorded_at_us,
    (SELECT text FROM word WHERE id = r.source), r.source_number, (SELECT text FROM word WHERE id = r.reader),
    (SELECT text FROM word WHERE id = r.door), r.direction, (SELECT text FROM word WHERE id = r.zone),
    CASE WHEN r.credential < 0 THEN '（他契約）' ELSE (SELECT text FROM word WHERE id = r.credential) END,
    CASE WHEN r.person < 0 THEN '（他契約）' ELSE (SELECT text FROM word WHERE id = r.person) END, r.granted, r.factors";

pub(super) fn read_entry(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        entry: row.get(0)?,
        occurred_at: instant_at(row, 1)?,
        device_time: instant_at(row, 2)?,
        recorded_at: instant_at(row, 3)?,
        source: row.get(4)?,
        source_number: row.get(5)?,
        reader: row.get(6)?,
        door: row.get(7)?,
        direction: row
            .get::<_, Option<i64>>(8)?
            .map(|d| if d == 0 { ReaderDirection::Entry } else { ReaderDirection::Exit }),
        zone: row.get(9)?,
        credential: row.get(10)?,
        person: row.get(11)?,
        granted: row.get(12)?,
        factors: row.get(13)?,
    })
}

/// Readings that match, newest first, from after `after` on, at most `limit`.
///
/// # Errors
/// The store.
pub fn entries(
    conn: &Connection,
    filter: &EntryFilter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Listed<EntryRow>, StoreError> {
    const ACT: &str = "search the door readings";
    let mut sql = format!("SELECT {ENTRY_COLUMNS} FROM reading r WHERE 1 = 1");
    let mut values: Vec<i64> = vec![];
    let mut require = |sql: &mut String, condition: &str, value: i64| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('?', &format!("?{}", values.len())));
    };
    if let Some(from) = filter.from {
        require(&mut sql, "r.occurred_at_us >= ?", kept(from));
    }
    if let Some(to) = filter.to {
        require(&mut sql, "r.occurred_at_us < ?", kept(to));
    }
    for (column, text) in [("zone", &filter.zone), ("door", &filter.door), ("credential", &filter.credential)] {
        if let Some(text) = text {
            let Some(word) = word_of(conn, text)? else { return Ok(Listed { rows: vec![], next: None }) };
            require(&mut sql, &format!("r.{column} = ?"), word);
        }
    }
    if let Some(persons) = &filter.persons {
        let mut words = vec![];
        for person in persons.iter().take(PERSONS_MAX) {
            words.extend(word_of(conn, person)?);
        }
        if words.is_empty() {
            return Ok(Listed { rows: vec![], next: None });
        }
        // Numbers of our own making, so they can stand in the text.
        let list: Vec<String> = words.iter().map(i64::to_string).collect();
        sql.push_str(&format!(" AND r.person IN ({})", list.join(", ")));
    }
    if filter.denied_only {
        sql.push_str(" AND r.granted = 0");
    }
    if filter.unregistered_only {
        sql.push_str(" AND (r.person IS NULL OR r.door IS NULL)");
    }
    if let Some(after) = after {
        require(&mut sql, "r.occurred_at_us <= ?", after.at_us);
        let at = values.len();
        values.push(after.row);
        sql.push_str(&format!(" AND (r.occurred_at_us < ?{at} OR r.entry < ?{})", values.len()));
    }
    values.push(i64::from(limit) + 1);
    sql.push_str(&format!(" ORDER BY r.occurred_at_us DESC, r.entry DESC LIMIT ?{}", values.len()));
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let bound: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    let rows = statement.query_map(bound.as_slice(), read_entry).map_err(in_act(ACT))?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    Ok(Listed::new(rows, limit, |row| Cursor { at_us: row.occurred_at.0, row: row.entry }))
}
