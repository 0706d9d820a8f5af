//! 検知: what is wrong, its history, and what became of its alerts.

use kukaku_core::desk::DeskState;
use kukaku_schema::{FindingKind, Severity, Span, UtcMicros};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use super::cells::{instant_at, kept, kind_at, maybe_instant_at, severity_at, span_at, word_of};
use super::desk::stands_so;
use super::sessions::{CauseRow, cause_at};
use super::{Cursor, Listed};
use crate::error::{StoreError, in_act};

/// Rows of history that are read of one finding at most.
const HISTORY_MAX: i64 = 500;

/// What is looked for; absent parts match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// Changed at this instant or later.
    pub from: Option<UtcMicros>,
    /// Changed before this instant.
    pub to: Option<UtcMicros>,
    /// Only those that hold.
    pub holding_only: bool,
    /// One kind.
    pub kind: Option<FindingKind>,
    /// One severity.
    pub severity: Option<Severity>,
    /// The client.
    pub client: Option<String>,
    /// Only those that stand so on people's desks; none: in whatever way.
    pub desk: Vec<DeskState>,
    /// Only those that somebody is to see to.
    pub assignee: Option<String>,
    /// The instant by which those that are put off are told; the end of time where none is given.
    pub now: Option<UtcMicros>,
}

/// Something that a finding names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRow {
    /// `session`, `person`, `account`, `terminal`, `client`, `zone`, `door`, `reader`, `credential`, `source`, `camera`, `cause`.
    pub sort: String,
    /// Its id.
    pub value: String,
}

/// A finding as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// Our number of it.
    pub id: i64,
    /// What makes it itself.
    pub key: String,
    /// Its kind.
    pub kind: FindingKind,
    /// How grave.
    pub severity: Severity,
    /// The instant in the key.
    pub at: UtcMicros,
    /// The span it speaks of.
    pub span: Span,
    /// The client it concerns.
    pub client: Option<String>,
    /// When it first held.
    pub opened_at: UtcMicros,
    /// When it last changed.
    pub changed_at: UtcMicros,
    /// When it ceased to hold.
    pub resolved_at: Option<UtcMicros>,
    /// How many changes it has seen.
    pub revision: i64,
    /// The journal entry of the newest change.
    pub journal_seq: i64,
    /// What it names.
    pub subjects: Vec<SubjectRow>,
}

impl FindingRow {
    /// The first thing of a sort that it names.
    #[must_use]
    pub fn subject(&self, sort: &str) -> Option<&str> {
        self.subjects.iter().find(|subject| subject.sort == sort).map(|subject| subject.value.as_str())
    }
}

pub(super) const FINDING_COLUMNS: &str = "f.id, f.key, f.kind, f.severity, f.at_us, f.start_us, f.end_us,
    CASE WHEN f.client < 0 THEN '（他契約）' ELSE (SELECT text FROM word WHERE id = f.client) END, f.opened_at_us, f.changed_at_us, f.resolved_at_us, f.revision, f.journal_seq";

pub(super) fn read_finding(row: &Row<'_>) -> rusqlite::Result<FindingRow> {
    Ok(FindingRow {
        id: row.get(0)?,
        key: row.get(1)?,
        kind: kind_at(row, 2)?,
        severity: severity_at(row, 3)?,
        at: instant_at(row, 4)?,
        span: span_at(row, 5)?,
        client: row.get(7)?,
        opened_at: instant_at(row, 8)?,
        changed_at: instant_at(row, 9)?,
        resolved_at: maybe_instant_at(row, 10)?,
        revision: row.get(11)?,
        journal_seq: row.get(12)?,
        subjects: vec![],
    })
}

/// Adds what each finding names.
pub(super) fn with_subjects(conn: &Connection, mut rows: Vec<FindingRow>) -> Result<Vec<FindingRow>, StoreError> {
    const ACT: &str = "read what findings name";
    let mut statement = conn
        .prepare_cached("SELECT sort, value FROM finding_subject WHERE finding = ?1 ORDER BY place LIMIT 64")
        .map_err(in_act(ACT))?;
    for row in &mut rows {
        let subjects = statement
            .query_map([row.id], |cells| Ok(SubjectRow { sort: cells.get(0)?, value: cells.get(1)? }))
            .map_err(in_act(ACT))?;
        row.subjects = subjects.collect::<Result<_, _>>().map_err(in_act(ACT))?;
    }
    Ok(rows)
}

/// Findings with how they stand on people's desks.
const WITH_DESK: &str = "finding f LEFT JOIN finding_desk d ON d.finding = f.id";

fn condition(
    conn: &Connection,
    filter: &FindingFilter,
) -> Result<Option<(String, Vec<rusqlite::types::Value>)>, StoreError> {
    let mut sql = String::from("1 = 1");
    let mut values = vec![];
    if let Some(from) = filter.from {
        values.push(kept(from));
        sql.push_str(&format!(" AND f.changed_at_us >= ?{}", values.len()));
    }
    if let Some(to) = filter.to {
        values.push(kept(to));
        sql.push_str(&format!(" AND f.changed_at_us < ?{}", values.len()));
    }
    if let Some(client) = &filter.client {
        let Some(word) = word_of(conn, client)? else { return Ok(None) };
        values.push(word);
        sql.push_str(&format!(" AND f.client = ?{}", values.len()));
    }
    if filter.holding_only {
        sql.push_str(" AND f.resolved_at_us IS NULL");
    }
    // The words are of closed lists of ours.
    if let Some(kind) = filter.kind {
        sql.push_str(&format!(" AND f.kind = '{}'", kind.word()));
    }
    if let Some(severity) = filter.severity {
        sql.push_str(&format!(" AND f.severity = '{}'", severity.word()));
    }
    if !filter.desk.is_empty() {
        let now = filter.now.map_or(i64::MAX, kept);
        let any: Vec<String> = filter.desk.iter().map(|state| format!("({})", stands_so(*state, now))).collect();
        sql.push_str(&format!(" AND ({})", any.join(" OR ")));
    }
    let mut values: Vec<rusqlite::types::Value> = values.into_iter().map(Into::into).collect();
    if let Some(assignee) = &filter.assignee {
        values.push(assignee.clone().into());
        sql.push_str(&format!(" AND d.assignee = ?{}", values.len()));
    }
    Ok(Some((sql, values)))
}

/// Findings that match, latest change first, from after `after` on, at most `limit`.
///
/// # Errors
/// The store.
pub fn findings(
    conn: &Connection,
    filter: &FindingFilter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Listed<FindingRow>, StoreError> {
    const ACT: &str = "search the findings";
    let Some((mut sql, mut values)) = condition(conn, filter)? else {
        return Ok(Listed { rows: vec![], next: None });
    };
    if let Some(after) = after {
        values.extend([after.at_us.into(), after.row.into()]);
        let (at, row) = (values.len() - 1, values.len());
        sql.push_str(&format!(" AND f.changed_at_us <= ?{at} AND (f.changed_at_us < ?{at} OR f.id < ?{row})"));
    }
    values.push((i64::from(limit) + 1).into());
    let sql = format!(
        "SELECT {FINDING_COLUMNS} FROM {WITH_DESK} WHERE {sql} ORDER BY f.changed_at_us DESC, f.id DESC LIMIT ?{}",
        values.len()
    );
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let bound: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    let rows = statement.query_map(bound.as_slice(), read_finding).map_err(in_act(ACT))?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    let rows = with_subjects(conn, rows)?;
    Ok(Listed::new(rows, limit, |row| Cursor { at_us: row.changed_at.0, row: row.id }))
}

/// How many findings of each severity match.
///
/// # Errors
/// The store.
pub fn findings_counted(conn: &Connection, filter: &FindingFilter) -> Result<Vec<(Severity, i64)>, StoreError> {
    const ACT: &str = "count the findings";
    let Some((sql, values)) = condition(conn, filter)? else { return Ok(vec![]) };
    let sql = format!("SELECT f.severity, count(*) FROM {WITH_DESK} WHERE {sql} GROUP BY f.severity");
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let bound: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    let rows =
        statement.query_map(bound.as_slice(), |row| Ok((severity_at(row, 0)?, row.get(1)?))).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// One finding with the journal entries that prove it, by our number.
///
/// # Errors
/// The store.
pub fn finding(conn: &Connection, id: i64) -> Result<Option<(FindingRow, Vec<u64>)>, StoreError> {
    const ACT: &str = "read a finding";
    let row = conn
        .prepare_cached(&format!("SELECT {FINDING_COLUMNS} FROM finding f WHERE f.id = ?1"))
        .and_then(|mut s| s.query_row([id], read_finding).optional())
        .map_err(in_act(ACT))?;
    let Some(row) = row else { return Ok(None) };
    let body: Vec<u8> =
        conn.query_row("SELECT body FROM finding WHERE id = ?1", [id], |cells| cells.get(0)).map_err(in_act(ACT))?;
    let proofs = crate::bytes::read_finding(&body).map_err(|e| StoreError::corrupt(ACT, e))?.proofs;
    let row = with_subjects(conn, vec![row])?.pop().expect("one row goes in and comes out");
    Ok(Some((row, proofs)))
}

/// One change of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingEventRow {
    /// 1 for the first.
    pub revision: i64,
    /// `opened`, `changed`, `resolved`.
    pub change: String,
    /// When.
    pub at: UtcMicros,
    /// As it was then.
    pub severity: Severity,
    /// What brought it.
    pub cause: CauseRow,
    /// The journal entry of it.
    pub journal_seq: i64,
}

/// The history of a finding, newest first.
///
/// # Errors
/// The store.
pub fn finding_events(conn: &Connection, id: i64) -> Result<Vec<FindingEventRow>, StoreError> {
    const ACT: &str = "read the history of a finding";
    let sql = "SELECT revision, change, at_us, severity, cause, cause_seq, journal_seq FROM finding_event
               WHERE finding = ?1 ORDER BY revision DESC LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([id, HISTORY_MAX], |row| {
            Ok(FindingEventRow {
                revision: row.get(0)?,
                change: row.get(1)?,
                at: instant_at(row, 2)?,
                severity: severity_at(row, 3)?,
                cause: cause_at(row, 4)?,
                journal_seq: row.get(6)?,
            })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// One message about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Which change it tells of.
    pub revision: i64,
    /// The channel's id in the configuration.
    pub channel: String,
    /// `waiting`, `delivered`, `failed`.
    pub state: String,
    /// Attempts that failed.
    pub failures: i64,
    /// When it is due while waiting.
    pub next_at: UtcMicros,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When the peer took it.
    pub delivered_at: Option<UtcMicros>,
}

/// The messages about a finding, newest first.
///
/// # Errors
/// The store.
pub fn finding_alerts(conn: &Connection, id: i64) -> Result<Vec<AlertRow>, StoreError> {
    const ACT: &str = "read the alerts of a finding";
    let sql = "SELECT revision, channel, state, failures, next_at_us, last_error, delivered_at_us FROM outbox
               WHERE finding = ?1 ORDER BY revision DESC, channel LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([id, HISTORY_MAX], |row| {
            Ok(AlertRow {
                revision: row.get(0)?,
                channel: row.get(1)?,
                state: row.get(2)?,
                failures: row.get(3)?,
                next_at: instant_at(row, 4)?,
                last_error: row.get(5)?,
                delivered_at: maybe_instant_at(row, 6)?,
            })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}
