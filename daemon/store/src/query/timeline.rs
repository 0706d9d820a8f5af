//! What a session's page shows beside it: stays, outages, readings, footage, numbering.

use kukaku_core::OutageCause;
use kukaku_schema::{Grade, Span};
use rusqlite::Connection;

use super::cells::{grade_at, kept, outage_cause_at, span_at, word_of};
use super::entries::{ENTRY_COLUMNS, EntryRow, read_entry};
use super::findings::{FINDING_COLUMNS, FindingRow, read_finding, with_subjects};
use crate::error::{StoreError, in_act};

/// Rows of one sort on one page at most; the page says when there are more.
pub const ROWS_MAX: i64 = 1_000;
/// Widest range of numbers that is counted for holes.
const NUMBERS_MAX: u64 = 2_000_000;

/// A stay, or a piece of one with one grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StayRow {
    /// Where.
    pub zone: String,
    /// From when to when; the end of time while it lasts.
    pub span: Span,
    /// How well it is known.
    pub grade: Grade,
}

/// The stays of `person` that meet `span`, by start.
///
/// # Errors
/// The store.
pub fn stays_in(conn: &Connection, person: &str, span: Span) -> Result<Vec<StayRow>, StoreError> {
    const ACT: &str = "read the stays of a person";
    let Some(person) = word_of(conn, person)? else { return Ok(vec![]) };
    let sql = "SELECT w.text, s.start_us, s.end_us, s.grade FROM stay s JOIN word w ON w.id = s.zone
               WHERE s.person = ?1 AND s.start_us < ?3 AND s.end_us > ?2
                 AND (s.start_us >= ?2 - (SELECT longest_stay_us FROM head) OR s.end_us = 2305843009213693951)
               ORDER BY s.start_us, w.text LIMIT ?4";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([person, kept(span.start), kept(span.end), ROWS_MAX], |row| {
            Ok(StayRow { zone: row.get(0)?, span: span_at(row, 1)?, grade: grade_at(row, 3)? })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// An outage of a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutageRow {
    /// Which door.
    pub door: String,
    /// From when to when.
    pub span: Span,
    /// Why.
    pub cause: OutageCause,
}

/// The outages of `doors` that meet `span`, by start.
///
/// # Errors
/// The store.
pub fn outages_of_zone(conn: &Connection, doors: &[String], span: Span) -> Result<Vec<OutageRow>, StoreError> {
    const ACT: &str = "read the outages of doors";
    let mut out = vec![];
    for door in doors {
        let Some(word) = word_of(conn, door)? else { continue };
        let sql = "SELECT start_us, end_us, cause FROM outage
                   WHERE door = ?1 AND start_us < ?3 AND end_us > ?2 ORDER BY start_us LIMIT ?4";
        let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
        let rows = statement
            .query_map([word, kept(span.start), kept(span.end), ROWS_MAX], |row| {
                Ok(OutageRow { door: door.clone(), span: span_at(row, 0)?, cause: outage_cause_at(row, 2)? })
            })
            .map_err(in_act(ACT))?;
        for row in rows {
            out.push(row.map_err(in_act(ACT))?);
        }
    }
    out.sort_by(|a, b| (a.span.start, &a.door).cmp(&(b.span.start, &b.door)));
    Ok(out)
}

/// The readings of `person` within `span`, oldest first.
///
/// # Errors
/// The store.
pub fn readings_of(conn: &Connection, person: &str, span: Span) -> Result<Vec<EntryRow>, StoreError> {
    const ACT: &str = "read the readings of a person";
    let Some(person) = word_of(conn, person)? else { return Ok(vec![]) };
    let sql = format!(
        "SELECT {ENTRY_COLUMNS} FROM reading r WHERE r.person = ?1 AND r.occurred_at_us >= ?2 AND r.occurred_at_us < ?3
         ORDER BY r.occurred_at_us, r.entry LIMIT ?4"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let rows =
        statement.query_map([person, kept(span.start), kept(span.end), ROWS_MAX], read_entry).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// A stretch of video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FootageRow {
    /// The camera.
    pub camera: String,
    /// Where the recorder keeps it.
    pub path: String,
    /// From when to when.
    pub span: Span,
    /// Its size in bytes.
    pub bytes: i64,
    /// SHA-256 of the file in hex, where it was read.
    pub sha256: Option<String>,
    /// The recorder no longer holds it.
    pub gone: bool,
    /// The journal entry that says so.
    pub entry: i64,
}

/// Longest segment that is looked for before a span, in microseconds: a day.
const SEGMENT_LONGEST_US: i64 = 86_400_000_000;

/// The footage of `cameras` that meets `span`, by camera and start.
///
/// # Errors
/// The store.
pub fn footage_in(conn: &Connection, cameras: &[String], span: Span) -> Result<Vec<FootageRow>, StoreError> {
    const ACT: &str = "read the footage";
    let mut out = vec![];
    for camera in cameras {
        let Some(word) = word_of(conn, camera)? else { continue };
        let sql = "SELECT path, start_us, end_us, bytes, sha256, gone, entry FROM footage
                   WHERE camera = ?1 AND start_us >= ?5 AND start_us < ?3 AND end_us > ?2 ORDER BY start_us LIMIT ?4";
        let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
        let earliest = kept(span.start).saturating_sub(SEGMENT_LONGEST_US);
        let rows = statement
            .query_map([word, kept(span.start), kept(span.end), ROWS_MAX, earliest], |row| {
                Ok(FootageRow {
                    camera: camera.clone(),
                    path: row.get(0)?,
                    span: span_at(row, 1)?,
                    bytes: row.get(3)?,
                    sha256: row.get(4)?,
                    gone: row.get(5)?,
                    entry: row.get(6)?,
                })
            })
            .map_err(in_act(ACT))?;
        for row in rows {
            out.push(row.map_err(in_act(ACT))?);
        }
    }
    Ok(out)
}

/// The findings that name a session, newest change first.
///
/// # Errors
/// The store.
pub fn session_findings(
    conn: &Connection,
    source: &str,
    session: &str,
    span: Span,
) -> Result<Vec<FindingRow>, StoreError> {
    const ACT: &str = "read the findings of a session";
    // An id may be used again by its source, so the span tells which session is meant.
    let sql = format!(
        "SELECT {FINDING_COLUMNS} FROM finding_subject fs JOIN finding f ON f.id = fs.finding
         WHERE fs.sort = 'session' AND fs.value = ?1 AND f.start_us <= ?3 AND f.end_us >= ?2
         ORDER BY f.resolved_at_us IS NOT NULL, f.changed_at_us DESC LIMIT ?4"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map((format!("{source}/{session}"), kept(span.start), kept(span.end), ROWS_MAX), read_finding)
        .map_err(in_act(ACT))?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    with_subjects(conn, rows)
}

/// How many numbers of a source are missing between two journal entries of it; `None` where it
/// gives no numbers, started numbering anew between them, or the range is too wide to count.
///
/// # Errors
/// The store.
pub fn numbering_holes(conn: &Connection, source: &str, first: u64, last: u64) -> Result<Option<i64>, StoreError> {
    const ACT: &str = "count the numbers of a source";
    let (Some(from), Some(to)) = (number_of(conn, source, first)?, number_of(conn, source, last)?) else {
        return Ok(None);
    };
    if from.epoch != to.epoch || to.number < from.number || to.number - from.number >= NUMBERS_MAX {
        return Ok(None);
    }
    let found: i64 = conn
        .prepare_cached("SELECT count(DISTINCT key) FROM identity WHERE key BETWEEN ?1 AND ?2")
        .and_then(|mut s| s.query_row((from.key(), to.key()), |row| row.get(0)))
        .map_err(in_act(ACT))?;
    Ok(Some((to.number - from.number + 1).cast_signed() - found))
}

/// A number that a source gave, with the words of its identity.
struct Numbered {
    source: u32,
    epoch: u32,
    number: u64,
}

impl Numbered {
    /// Its key in table `identity`, as `identity.rs` documents it.
    fn key(&self) -> Vec<u8> {
        let mut key = vec![b'n'];
        key.extend(self.source.to_be_bytes());
        key.extend(self.epoch.to_be_bytes());
        key.extend(self.number.to_be_bytes());
        key
    }
}

/// What identifies the observation of a journal entry, if `source` numbered it.
fn number_of(conn: &Connection, source: &str, entry: u64) -> Result<Option<Numbered>, StoreError> {
    let Some(body) = super::journal::body_of(conn, entry)? else { return Ok(None) };
    let Ok(observation) = serde_json::from_slice::<kukaku_schema::Observation>(&body) else { return Ok(None) };
    let header = observation.header();
    let (Some(number), true) = (header.seq, header.source.as_str() == source) else { return Ok(None) };
    let word = |text: &str| -> Result<Option<u32>, StoreError> {
        Ok(word_of(conn, text)?.and_then(|word| u32::try_from(word).ok()))
    };
    let epoch = match header.epoch {
        None => Some(u32::MAX),
        Some(epoch) => word(epoch.as_str())?,
    };
    let (Some(source), Some(epoch)) = (word(source)?, epoch) else { return Ok(None) };
    Ok(Some(Numbered { source, epoch, number }))
}
