//! セッション照合: remote sessions with their verdicts, searched and one by one.

use kukaku_core::SessionEnd;
use kukaku_schema::{Grade, Span, UtcMicros, Verdict};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use super::cells::{
    instant, instant_at, kept, maybe_grade_at, maybe_instant_at, numbers_at, spans_at, verdict_at, word_of,
};
use super::{Cursor, Listed};
use crate::error::{StoreError, in_act};

/// What is looked for; absent parts match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Sessions that last to this instant or longer.
    pub from: Option<UtcMicros>,
    /// Sessions that start before this instant.
    pub to: Option<UtcMicros>,
    /// One verdict.
    pub verdict: Option<Verdict>,
    /// Every verdict that is not quiet.
    pub attention: bool,
    /// Operators, by id; `Some(empty)` matches nothing.
    pub operators: Option<Vec<String>>,
    /// The client.
    pub client: Option<String>,
    /// The source.
    pub source: Option<String>,
    /// Only open ones.
    pub open_only: bool,
}

/// A verdict as it is shown beside a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerdictRow {
    /// The verdict.
    pub verdict: Verdict,
    /// Its grade; none where nothing supports it.
    pub grade: Option<Grade>,
    /// Number of the revision.
    pub revision: i64,
    /// When it was reached.
    pub judged_at: UtcMicros,
}

/// A session with its newest verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Our number of it.
    pub id: i64,
    /// Who reported it.
    pub source: String,
    /// The source's numbering.
    pub epoch: Option<String>,
    /// The source's id of it.
    pub session: String,
    /// Its start.
    pub start: UtcMicros,
    /// Known only by a later sign.
    pub start_unknown: bool,
    /// How it ended.
    pub end: SessionEnd,
    /// The newest sign of it.
    pub last_sign: UtcMicros,
    /// Account, as the source gave it.
    pub account: Option<String>,
    /// Terminal, as the source gave it.
    pub terminal: Option<String>,
    /// The system reached.
    pub target: Option<String>,
    /// The stepping stone.
    pub via: Option<String>,
    /// The network address of the terminal, as the source saw it.
    pub address: Option<String>,
    /// The address that the source gave it.
    pub inner_address: Option<String>,
    /// How many different factors the sign-in had; 0: not told.
    pub factors: u8,
    /// Whose account it is, if registered.
    pub operator: Option<String>,
    /// Whom the account works for, if registered.
    pub client: Option<String>,
    /// Where the terminal stands, if registered.
    pub zone: Option<String>,
    /// The journal entries that tell of it, oldest first.
    pub proofs: Vec<u64>,
    /// It turned out not to be a session of its own.
    pub gone: bool,
    /// The newest verdict; none before the first.
    pub verdict: Option<VerdictRow>,
}

impl SessionRow {
    /// From its start to its end, to `now` while it is open.
    #[must_use]
    pub fn span(&self, now: UtcMicros) -> Span {
        let end = match self.end {
            SessionEnd::Open => now.max(self.start),
            SessionEnd::Ended(at) | SessionEnd::Presumed(at) => at,
        };
        Span::new(self.start, end)
    }
}

/// Most operators that one search may name.
const OPERATORS_MAX: usize = 200;

const SESSION_COLUMNS: &str =
    "s.id, (SELECT text FROM word WHERE id = s.source), (SELECT text FROM word WHERE id = s.epoch),
    (SELECT text FROM word WHERE id = s.session), s.start_us, s.start_unknown, s.ended, s.end_us, s.last_sign_us,
    (SELECT text FROM word WHERE id = s.account), (SELECT text FROM word WHERE id = s.terminal),
    (SELECT text FROM word WHERE id = s.target), (SELECT text FROM word WHERE id = s.via),
    (SELECT text FROM word WHERE id = s.operator), (SELECT text FROM word WHERE id = s.client),
    (SELECT text FROM word WHERE id = s.zone), s.proofs, s.gone, s.revision, s.verdict, s.grade, s.judged_at_us,
    (SELECT text FROM word WHERE id = s.address), (SELECT text FROM word WHERE id = s.inner_address), s.factors";

fn read_session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    let ended: String = row.get(6)?;
    let end_at = instant_at(row, 7)?;
    let verdict = match row.get::<_, Option<String>>(19)? {
        None => None,
        Some(_) => Some(VerdictRow {
            verdict: verdict_at(row, 19)?,
            grade: maybe_grade_at(row, 20)?,
            revision: row.get(18)?,
            judged_at: maybe_instant_at(row, 21)?.unwrap_or(instant(0)),
        }),
    };
    Ok(SessionRow {
        id: row.get(0)?,
        source: row.get(1)?,
        epoch: row.get(2)?,
        session: row.get(3)?,
        start: instant_at(row, 4)?,
        start_unknown: row.get(5)?,
        end: match ended.as_str() {
            "open" => SessionEnd::Open,
            "presumed" => SessionEnd::Presumed(end_at),
            _ => SessionEnd::Ended(end_at),
        },
        last_sign: instant_at(row, 8)?,
        account: row.get(9)?,
        terminal: row.get(10)?,
        target: row.get(11)?,
        via: row.get(12)?,
        address: row.get(22)?,
        inner_address: row.get(23)?,
        factors: row.get(24)?,
        operator: row.get(13)?,
        client: row.get(14)?,
        zone: row.get(15)?,
        proofs: numbers_at(row, 16)?,
        gone: row.get(17)?,
        verdict,
    })
}

/// The words of a filter, put into a condition.
struct Condition {
    sql: String,
    values: Vec<i64>,
}

impl Condition {
    fn require(&mut self, condition: &str, value: i64) {
        self.values.push(value);
        self.sql.push_str(&format!(" AND {}", condition.replace('?', &format!("?{}", self.values.len()))));
    }

    /// `None` where a name in the filter was never met, so nothing can match.
    fn of(conn: &Connection, filter: &SessionFilter) -> Result<Option<Self>, StoreError> {
        let mut out = Self { sql: String::from("s.gone = 0"), values: vec![] };
        if let Some(from) = filter.from {
            out.require("s.end_us > ?", kept(from));
        }
        if let Some(to) = filter.to {
            out.require("s.start_us < ?", kept(to));
        }
        if let Some(client) = &filter.client {
            let Some(word) = word_of(conn, client)? else { return Ok(None) };
            out.require("s.client = ?", word);
        }
        if let Some(source) = &filter.source {
            let Some(word) = word_of(conn, source)? else { return Ok(None) };
            let told = "EXISTS (SELECT 1 FROM session_part p WHERE p.session = s.id AND p.source = ?)";
            out.require(&format!("(s.source = ? OR {told})"), word);
        }
        if let Some(operators) = &filter.operators {
            let mut words = vec![];
            for operator in operators.iter().take(OPERATORS_MAX) {
                words.extend(word_of(conn, operator)?);
            }
            if words.is_empty() {
                return Ok(None);
            }
            // Numbers of our own making, so they can stand in the text.
            let list: Vec<String> = words.iter().map(i64::to_string).collect();
            out.sql.push_str(&format!(" AND s.operator IN ({})", list.join(", ")));
        }
        if let Some(verdict) = filter.verdict {
            // The word is one of a closed list of ours.
            out.sql.push_str(&format!(" AND s.verdict = '{}'", verdict.word()));
        }
        if filter.attention {
            let quiet: Vec<String> =
                Verdict::ALL.iter().filter(|v| v.is_quiet()).map(|v| format!("'{}'", v.word())).collect();
            out.sql.push_str(&format!(" AND s.verdict NOT IN ({})", quiet.join(", ")));
        }
        if filter.open_only {
            out.sql.push_str(" AND s.ended = 'open'");
        }
        Ok(Some(out))
    }
}

/// Sessions that match, latest start first, from after `after` on, at most `limit`.
///
/// # Errors
/// The store.
pub fn sessions(
    conn: &Connection,
    filter: &SessionFilter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Listed<SessionRow>, StoreError> {
    const ACT: &str = "search the sessions";
    let Some(mut condition) = Condition::of(conn, filter)? else { return Ok(Listed { rows: vec![], next: None }) };
    if let Some(after) = after {
        condition.require("s.start_us <= ?", after.at_us);
        let at = condition.values.len();
        condition.values.push(after.row);
        condition.sql.push_str(&format!(" AND (s.start_us < ?{at} OR s.id < ?{})", condition.values.len()));
    }
    condition.values.push(i64::from(limit) + 1);
    let sql = format!(
        "SELECT {SESSION_COLUMNS} FROM session s WHERE {} ORDER BY s.start_us DESC, s.id DESC LIMIT ?{}",
        condition.sql,
        condition.values.len()
    );
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let bound: Vec<&dyn ToSql> = condition.values.iter().map(|value| value as &dyn ToSql).collect();
    let rows = statement.query_map(bound.as_slice(), read_session).map_err(in_act(ACT))?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    Ok(Listed::new(rows, limit, |row| Cursor { at_us: row.start.0, row: row.id }))
}

/// How many sessions of each verdict match; `None` counts those without one.
///
/// # Errors
/// The store.
pub fn sessions_counted(conn: &Connection, filter: &SessionFilter) -> Result<Vec<(Option<Verdict>, i64)>, StoreError> {
    const ACT: &str = "count the sessions";
    let Some(condition) = Condition::of(conn, filter)? else { return Ok(vec![]) };
    let sql = format!("SELECT s.verdict, count(*) FROM session s WHERE {} GROUP BY s.verdict", condition.sql);
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let bound: Vec<&dyn ToSql> = condition.values.iter().map(|value| value as &dyn ToSql).collect();
    let rows = statement
        .query_map(bound.as_slice(), |row| {
            Ok((row.get::<_, Option<String>>(0)?.and_then(|word| Verdict::from_word(&word)), row.get(1)?))
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// The sessions that are open, latest start first, at most `limit`.
///
/// # Errors
/// The store.
pub fn open_sessions(conn: &Connection, limit: u32) -> Result<Listed<SessionRow>, StoreError> {
    const ACT: &str = "read the open sessions";
    let sql = format!(
        "SELECT {SESSION_COLUMNS} FROM session s WHERE s.ended = 'open' AND s.gone = 0
         ORDER BY s.start_us DESC, s.id DESC LIMIT ?1"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let rows = statement.query_map([i64::from(limit) + 1], read_session).map_err(in_act(ACT))?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(in_act(ACT))?;
    Ok(Listed::new(rows, limit, |row| Cursor { at_us: row.start.0, row: row.id }))
}

/// One session, by our number.
///
/// # Errors
/// The store.
pub fn session(conn: &Connection, id: i64) -> Result<Option<SessionRow>, StoreError> {
    conn.prepare_cached(&format!("SELECT {SESSION_COLUMNS} FROM session s WHERE s.id = ?1"))
        .and_then(|mut s| s.query_row([id], read_session).optional())
        .map_err(in_act("read a session"))
}

/// The session that a source called `session`, the one that started last at or before `at`; where
/// the source's record is part of a session, that.
///
/// # Errors
/// The store.
pub fn session_at(
    conn: &Connection,
    source: &str,
    session: &str,
    at: UtcMicros,
) -> Result<Option<SessionRow>, StoreError> {
    let (Some(source), Some(session)) = (word_of(conn, source)?, word_of(conn, session)?) else { return Ok(None) };
    let sql = format!(
        "SELECT {SESSION_COLUMNS} FROM session s WHERE s.id IN (
           SELECT id FROM session WHERE source = ?1 AND session = ?2 AND start_us <= ?3
           UNION ALL SELECT session FROM session_part WHERE source = ?1 AND part = ?2 AND start_us <= ?3)
         ORDER BY s.gone, s.start_us DESC LIMIT 1"
    );
    conn.prepare_cached(&sql)
        .and_then(|mut s| s.query_row([source, session, kept(at)], read_session).optional())
        .map_err(in_act("read a session"))
}

/// What brought a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CauseRow {
    /// The observation of this journal entry.
    Observation(i64),
    /// The register change of this journal entry.
    Registers(i64),
    /// Time passed.
    Time,
}

pub(super) fn cause_at(row: &Row<'_>, column: usize) -> rusqlite::Result<CauseRow> {
    let (word, seq): (String, Option<i64>) = (row.get(column)?, row.get(column + 1)?);
    Ok(match (word.as_str(), seq) {
        ("observation", Some(seq)) => CauseRow::Observation(seq),
        ("registers", Some(seq)) => CauseRow::Registers(seq),
        _ => CauseRow::Time,
    })
}

/// One revision of a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRow {
    /// 1 for the first.
    pub number: i64,
    /// When it was reached.
    pub at: UtcMicros,
    /// The verdict.
    pub verdict: Verdict,
    /// Its grade.
    pub grade: Option<Grade>,
    /// Spans in which the operator is known to have been absent.
    pub absent: Vec<Span>,
    /// Spans in which it is not known.
    pub unknown: Vec<Span>,
    /// What brought it.
    pub cause: CauseRow,
    /// The journal entry of it.
    pub journal_seq: i64,
}

/// Revisions of one session that are read at most: a verdict that changed more often has a
/// defective source, which its findings tell.
const REVISIONS_MAX: i64 = 500;

/// Every revision of a session, newest first.
///
/// # Errors
/// The store.
pub fn revisions(conn: &Connection, id: i64) -> Result<Vec<RevisionRow>, StoreError> {
    const ACT: &str = "read the revisions of a session";
    let sql = "SELECT number, at_us, verdict, grade, absent, unknown, cause, cause_seq, journal_seq
               FROM revision WHERE session = ?1 ORDER BY number DESC LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([id, REVISIONS_MAX], |row| {
            Ok(RevisionRow {
                number: row.get(0)?,
                at: instant_at(row, 1)?,
                verdict: verdict_at(row, 2)?,
                grade: maybe_grade_at(row, 3)?,
                absent: spans_at(row, 4)?,
                unknown: spans_at(row, 5)?,
                cause: cause_at(row, 6)?,
                journal_seq: row.get(8)?,
            })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}
