//! 障害報告: failure reports as they stand, and each report that was handed in.

use kukaku_schema::observation::FailureReported;
use kukaku_schema::{FailureStage, Observation, UtcMicros};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::cells::instant_at;
use super::journal::body_of;
use super::timeline::ROWS_MAX;
use super::{Cursor, Listed};
use crate::error::{StoreError, in_act};

const ACT: &str = "read the failure reports";

/// The rows of the newest reports, one of each number.
const NEWEST: &str = "SELECT f.entry, (SELECT text FROM word WHERE id = f.report),
                             (SELECT text FROM word WHERE id = f.client),
                             (SELECT text FROM word WHERE id = f.work_order),
                             (SELECT text FROM word WHERE id = f.session), f.stage, f.at_us, f.detected_at_us
                      FROM failure_report f
                      WHERE f.entry = (SELECT n.entry FROM failure_report n WHERE n.report = f.report
                                       ORDER BY n.at_us DESC, n.entry DESC LIMIT 1)";

/// A failure as lists show it: its newest report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRow {
    /// The journal entry of its newest report.
    pub entry: i64,
    /// Its number.
    pub failure: String,
    /// To whom it is reported.
    pub client: String,
    /// The work order that it names.
    pub order: Option<String>,
    /// The session that it names, by its source's id.
    pub session: Option<String>,
    /// Which of the reports the newest is.
    pub stage: FailureStage,
    /// When that was handed in.
    pub at: UtcMicros,
    /// When the failure was noticed.
    pub detected_at: UtcMicros,
}

/// One report on a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureReportRow {
    /// The journal entry.
    pub entry: i64,
    /// Our clock.
    pub recorded_at: UtcMicros,
    /// What it says; none once it is erased.
    pub report: Option<FailureReported>,
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<(String, FailureRow)> {
    Ok((
        row.get(5)?,
        FailureRow {
            entry: row.get(0)?,
            failure: row.get(1)?,
            client: row.get(2)?,
            order: row.get(3)?,
            session: row.get(4)?,
            stage: FailureStage::First,
            at: instant_at(row, 6)?,
            detected_at: instant_at(row, 7)?,
        },
    ))
}

fn staged((word, row): (String, FailureRow)) -> Result<FailureRow, StoreError> {
    let stage = FailureStage::from_word(&word)
        .ok_or_else(|| StoreError::corrupt(ACT, format!("{word:?} is no stage of a failure report")))?;
    Ok(FailureRow { stage, ..row })
}

/// Failures with their newest report, those that were noticed last first, from after `after` on, at
/// most `limit`.
///
/// # Errors
/// The store.
pub fn failures(conn: &Connection, after: Option<Cursor>, limit: u32) -> Result<Listed<FailureRow>, StoreError> {
    let after = after.map_or((i64::MAX, i64::MAX), |after| (after.at_us, after.row));
    let sql = format!(
        "{NEWEST} AND (f.detected_at_us, f.entry) < (?1, ?2) ORDER BY f.detected_at_us DESC, f.entry DESC LIMIT ?3"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let rows = statement.query_map((after.0, after.1, i64::from(limit) + 1), read_row).map_err(in_act(ACT))?;
    let rows = rows.map(|row| staged(row.map_err(in_act(ACT))?)).collect::<Result<_, _>>()?;
    Ok(Listed::new(rows, limit, |row| Cursor { at_us: row.detected_at.0, row: row.entry }))
}

/// The failures of a client whose newest report names one of these work orders, or one of these
/// sessions, the latest first.
///
/// # Errors
/// The store.
pub fn failures_of(
    conn: &Connection,
    client: &str,
    orders: &[&str],
    sessions: &[&str],
) -> Result<Vec<FailureRow>, StoreError> {
    let sql = format!(
        "{NEWEST} AND f.client = (SELECT id FROM word WHERE text = ?1)
         AND (f.session IN (SELECT id FROM word WHERE text IN (SELECT value FROM json_each(?2)))
              OR f.work_order IN (SELECT id FROM word WHERE text IN (SELECT value FROM json_each(?3))))
         ORDER BY f.detected_at_us DESC, f.entry DESC LIMIT ?4"
    );
    let (orders, sessions) = (serde_json::json!(orders).to_string(), serde_json::json!(sessions).to_string());
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let rows = statement.query_map(params![client, sessions, orders, ROWS_MAX], read_row).map_err(in_act(ACT))?;
    rows.map(|row| staged(row.map_err(in_act(ACT))?)).collect()
}

/// Every report on a failure, oldest first; empty where there is none of that number.
///
/// # Errors
/// The store.
pub fn failure_reports(conn: &Connection, failure: &str) -> Result<Vec<FailureReportRow>, StoreError> {
    let sql = "SELECT f.entry, j.recorded_at_us FROM failure_report f JOIN journal j ON j.seq = f.entry
               WHERE f.report = (SELECT id FROM word WHERE text = ?1) ORDER BY f.at_us, f.entry";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows =
        statement.query_map([failure], |row| Ok((row.get::<_, i64>(0)?, instant_at(row, 1)?))).map_err(in_act(ACT))?;
    rows.map(|row| {
        let (entry, recorded_at) = row.map_err(in_act(ACT))?;
        Ok(FailureReportRow { entry, recorded_at, report: reported(conn, entry)? })
    })
    .collect()
}

/// The newest report on a failure.
///
/// # Errors
/// The store.
pub fn failure_now(conn: &Connection, failure: &str) -> Result<Option<FailureReported>, StoreError> {
    let sql = "SELECT entry FROM failure_report WHERE report = (SELECT id FROM word WHERE text = ?1)
               ORDER BY at_us DESC, entry DESC LIMIT 1";
    let entry: Option<i64> = conn
        .prepare_cached(sql)
        .and_then(|mut s| s.query_row([failure], |row| row.get(0)).optional())
        .map_err(in_act(ACT))?;
    entry.map_or(Ok(None), |entry| reported(conn, entry))
}

/// The numbers that we gave the sessions of a client that any of its sources calls so, the newest
/// first.
///
/// # Errors
/// The store.
pub fn sessions_called(conn: &Connection, client: &str, session: &str) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT s.id FROM session s WHERE s.gone = 0 AND s.client = (SELECT id FROM word WHERE text = ?1)
               AND (s.session = (SELECT id FROM word WHERE text = ?2)
                    OR s.id IN (SELECT session FROM session_part WHERE part = (SELECT id FROM word WHERE text = ?2)))
               ORDER BY s.start_us DESC LIMIT ?3";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement.query_map(params![client, session, ROWS_MAX], |row| row.get(0)).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

fn reported(conn: &Connection, entry: i64) -> Result<Option<FailureReported>, StoreError> {
    let Some(body) = body_of(conn, entry.unsigned_abs())? else { return Ok(None) };
    match serde_json::from_slice(&body) {
        Ok(Observation::FailureReported(report)) => Ok(Some(*report)),
        _ => Err(StoreError::corrupt(ACT, format!("entry {entry} is no failure report"))),
    }
}
