//! The state of things now: who is inside, doors, readers, cameras and sources.

use kukaku_core::OutageCause;
use kukaku_schema::{Grade, UtcMicros};
use rusqlite::Connection;

use super::cells::{grade_at, instant_at, maybe_instant_at, outage_cause_at};
use crate::error::{StoreError, in_act};

/// Rows of one list of the board at most: a site has tens of each. Registers of more are shown cut.
const ROWS_MAX: i64 = 2_000;

/// Somebody inside a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Operator or other person.
    pub person: String,
    /// The zone.
    pub zone: String,
    /// Since when, across changes of grade.
    pub since: UtcMicros,
    /// The present grade.
    pub grade: Grade,
}

/// Everybody who is inside a zone, one row for each zone he is in, by zone and arrival.
///
/// # Errors
/// The store.
pub fn inside_now(conn: &Connection) -> Result<Vec<Inside>, StoreError> {
    const ACT: &str = "read who is inside";
    // A stay is cut where its grade changes: the pieces before an open one that touch it are the same stay.
    let sql = "WITH RECURSIVE back (person, zone, start_us, grade, first_us, depth) AS (
                 SELECT person, zone, start_us, grade, start_us, 0 FROM stay WHERE end_us = 2305843009213693951
                 UNION ALL
                 SELECT b.person, b.zone, b.start_us, b.grade, s.start_us, b.depth + 1
                 FROM back b JOIN stay s ON s.person = b.person AND s.zone = b.zone AND s.end_us = b.first_us
                 WHERE b.depth < 100 AND s.start_us < b.first_us
                   AND s.start_us >= b.first_us - (SELECT longest_stay_us FROM head))
               SELECT p.text, z.text, min(first_us), grade
               FROM back JOIN word p ON p.id = person JOIN word z ON z.id = zone
               GROUP BY person, zone ORDER BY z.text, 3, p.text LIMIT ?1";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([ROWS_MAX], |row| {
            Ok(Inside { person: row.get(0)?, zone: row.get(1)?, since: instant_at(row, 2)?, grade: grade_at(row, 3)? })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// A door as it was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorRow {
    /// The door, as its source named it.
    pub door: String,
    /// `closed`, `opened`, `forced`, `held_open`, `unlocked`, `locked`.
    pub state: String,
    /// When, by the source's clock.
    pub device_time: UtcMicros,
    /// The journal entry.
    pub entry: i64,
}

/// Every door that ever reported a state.
///
/// # Errors
/// The store.
pub fn doors(conn: &Connection) -> Result<Vec<DoorRow>, StoreError> {
    devices(conn, "door", |door, state, _, device_time, _, entry| DoorRow { door, state, device_time, entry })
}

/// A reader as it was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderRow {
    /// The reader, as its source named it.
    pub reader: String,
    /// `online`, `offline`, `tamper`.
    pub state: String,
    /// When, by the source's clock.
    pub device_time: UtcMicros,
}

/// Every reader that ever reported a state.
///
/// # Errors
/// The store.
pub fn readers(conn: &Connection) -> Result<Vec<ReaderRow>, StoreError> {
    devices(conn, "reader", |reader, state, _, device_time, _, _| ReaderRow { reader, state, device_time })
}

/// A camera as it was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraRow {
    /// The camera, as its recorder named it.
    pub camera: String,
    /// `well`, `unreachable`, `not_recording`, `stale`.
    pub state: String,
    /// Age of its newest frame in milliseconds, where known.
    pub frame_age_ms: Option<i64>,
    /// Our clock at its newest report.
    pub recorded_at: UtcMicros,
}

/// Every camera that ever reported its health.
///
/// # Errors
/// The store.
pub fn cameras(conn: &Connection) -> Result<Vec<CameraRow>, StoreError> {
    devices(conn, "camera", |camera, state, frame_age_ms, _, recorded_at, _| CameraRow {
        camera,
        state,
        frame_age_ms,
        recorded_at,
    })
}

fn devices<T>(
    conn: &Connection,
    sort: &str,
    make: impl Fn(String, String, Option<i64>, UtcMicros, UtcMicros, i64) -> T,
) -> Result<Vec<T>, StoreError> {
    const ACT: &str = "read the states of devices";
    let sql = "SELECT w.text, d.state, d.detail, d.device_time_us, d.recorded_at_us, d.entry
               FROM device_state d JOIN word w ON w.id = d.device WHERE d.sort = ?1 ORDER BY w.text LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map((sort, ROWS_MAX), |row| {
            Ok(make(row.get(0)?, row.get(1)?, row.get(2)?, instant_at(row, 3)?, instant_at(row, 4)?, row.get(5)?))
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// The outages that last: door, since when, why.
///
/// # Errors
/// The store.
pub fn door_outages_now(conn: &Connection) -> Result<Vec<(String, UtcMicros, OutageCause)>, StoreError> {
    const ACT: &str = "read the outages that last";
    let sql = "SELECT w.text, o.start_us, o.cause FROM outage o JOIN word w ON w.id = o.door
               WHERE o.end_us = 2305843009213693951 ORDER BY w.text, o.start_us LIMIT ?1";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([ROWS_MAX], |row| Ok((row.get(0)?, instant_at(row, 1)?, outage_cause_at(row, 2)?)))
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// A source as it was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its id.
    pub source: String,
    /// Observations kept.
    pub observations: i64,
    /// Arrivals that were known already.
    pub duplicates: i64,
    /// Arrivals that could not be understood.
    pub unreadable: i64,
    /// The link of its newest arrival.
    pub link: String,
    /// The newest number it gave.
    pub number: Option<i64>,
    /// The newest time it claimed.
    pub device_time: Option<UtcMicros>,
    /// Our clock at its first arrival.
    pub first_at: UtcMicros,
    /// Our clock at its newest arrival.
    pub last_at: UtcMicros,
}

/// The source of what kukaku says of itself: it is no device.
const OWN_SOURCE: &str = "kukaku";

/// Every source that ever spoke but kukaku itself, by id.
///
/// # Errors
/// The store.
pub fn sources(conn: &Connection) -> Result<Vec<SourceRow>, StoreError> {
    const ACT: &str = "read the sources";
    let sql = "SELECT w.text, s.observations, s.duplicates, s.unreadable, s.link, s.number, s.device_time_us,
                      s.first_at_us, s.last_at_us
               FROM source_seen s JOIN word w ON w.id = s.source WHERE w.text NOT IN ('', ?2) ORDER BY w.text LIMIT ?1";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map((ROWS_MAX, OWN_SOURCE), |row| {
            Ok(SourceRow {
                source: row.get(0)?,
                observations: row.get(1)?,
                duplicates: row.get(2)?,
                unreadable: row.get(3)?,
                link: row.get(4)?,
                number: row.get(5)?,
                device_time: maybe_instant_at(row, 6)?,
                first_at: instant_at(row, 7)?,
                last_at: instant_at(row, 8)?,
            })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}
