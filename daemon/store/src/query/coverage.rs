//! セッション記録の欠測: the spans in which a session source told nothing that can be relied on.
//!
//! No bad sessions in a dead log is no news, so every list says where the log was dead.

use kukaku_schema::{CLOCK_UNSET_BEFORE, FindingKind, Span, UtcMicros};
use rusqlite::Connection;

use super::cells::{instant, instant_at, kept, span_at};
use crate::error::{StoreError, in_act};

/// Rows of one cause at most.
const ROWS_MAX: i64 = 500;

/// Why nothing can be said of a source for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceGapCause {
    /// It was never heard before.
    NotYetHeard,
    /// It gave no sign of life.
    Silent,
    /// kukaku itself was not running.
    OwnDowntime,
    /// It told something that is gone: lines that no buffer held any more.
    Lost,
}

/// A span without a source's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceGap {
    /// Which source.
    pub source: String,
    /// From when to when; the end of time while it lasts.
    pub span: Span,
    /// Why.
    pub cause: SourceGapCause,
}

/// The sources that ever reported a session.
///
/// # Errors
/// The store.
pub fn session_sources(conn: &Connection) -> Result<Vec<String>, StoreError> {
    const ACT: &str = "list the session sources";
    // The unique key of sessions begins with the source: this skips from one source to the next.
    let sql = "WITH RECURSIVE next (source) AS (
                 SELECT min(source) FROM session WHERE gone = 0
                 UNION ALL SELECT (SELECT min(s.source) FROM session s WHERE s.gone = 0 AND s.source > next.source)
                 FROM next WHERE next.source IS NOT NULL),
               part (source) AS (
                 SELECT min(source) FROM session_part
                 UNION ALL SELECT (SELECT min(p.source) FROM session_part p WHERE p.source > part.source)
                 FROM part WHERE part.source IS NOT NULL)
               SELECT w.text FROM (SELECT source FROM next UNION SELECT source FROM part) told
               JOIN word w ON w.id = told.source ORDER BY w.text LIMIT ?1";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement.query_map([ROWS_MAX], |row| row.get(0)).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// The gaps of `sources` that meet `span`, by source and start.
///
/// # Errors
/// The store.
pub fn session_source_gaps(conn: &Connection, sources: &[String], span: Span) -> Result<Vec<SourceGap>, StoreError> {
    const ACT: &str = "read the gaps of session sources";
    let downtimes = own_downtimes(conn, span)?;
    let mut out = vec![];
    for source in sources {
        let first_at: Option<i64> = conn
            .prepare_cached(
                "SELECT min(first_at_us) FROM source_seen WHERE source = (SELECT id FROM word WHERE text = ?1)",
            )
            .and_then(|mut s| s.query_row([source], |row| row.get(0)))
            .map_err(in_act(ACT))?;
        let first_at = first_at.map_or(UtcMicros::MAX, instant);
        let first_at = earliest_session(conn, source)?.map_or(first_at, |start| start.min(first_at));
        let before = Span::new(UtcMicros::MIN, first_at).intersect(span);
        if !before.is_empty() {
            out.push(SourceGap { source: source.clone(), span: before, cause: SourceGapCause::NotYetHeard });
        }
        let causes =
            [(FindingKind::SourceSilent, SourceGapCause::Silent), (FindingKind::RecordsLost, SourceGapCause::Lost)];
        let sql = "SELECT f.start_us, f.end_us FROM finding_subject fs JOIN finding f ON f.id = fs.finding
                   WHERE fs.sort = 'source' AND fs.value = ?1 AND f.kind = ?2 AND f.start_us < ?4 AND f.end_us > ?3
                   ORDER BY f.start_us LIMIT ?5";
        let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
        for (kind, cause) in causes {
            let spans = statement
                .query_map((source, kind.word(), kept(span.start), kept(span.end), ROWS_MAX), |row| span_at(row, 0))
                .map_err(in_act(ACT))?;
            for found in spans {
                out.push(SourceGap { source: source.clone(), span: found.map_err(in_act(ACT))?, cause });
            }
        }
        for downtime in downtimes.iter().filter(|downtime| downtime.end > first_at) {
            out.push(SourceGap { source: source.clone(), span: *downtime, cause: SourceGapCause::OwnDowntime });
        }
    }
    out.sort_by(|a, b| (&a.source, a.span.start, a.cause).cmp(&(&b.source, b.span.start, b.cause)));
    Ok(out)
}

/// Sessions may come from before their source was first heard: a log that was read in later. A
/// clock that was never set tells of no such time.
fn earliest_session(conn: &Connection, source: &str) -> Result<Option<UtcMicros>, StoreError> {
    const ACT: &str = "read the earliest session of a source";
    conn.prepare_cached(
        "SELECT min(start_us) FROM (
           SELECT min(start_us) AS start_us FROM session
           WHERE gone = 0 AND start_us >= ?2 AND source = (SELECT id FROM word WHERE text = ?1)
           UNION ALL SELECT min(start_us) FROM session_part
           WHERE start_us >= ?2 AND source = (SELECT id FROM word WHERE text = ?1))
         HAVING min(start_us) IS NOT NULL",
    )
    .and_then(|mut s| {
        let mut rows = s.query(rusqlite::params![source, CLOCK_UNSET_BEFORE.0])?;
        rows.next()?.map(|row| instant_at(row, 0)).transpose()
    })
    .map_err(in_act(ACT))
}

/// When kukaku itself was not running: every door has that outage, so any door tells it.
fn own_downtimes(conn: &Connection, span: Span) -> Result<Vec<Span>, StoreError> {
    const ACT: &str = "read our own downtimes";
    let sql = "SELECT DISTINCT start_us, end_us FROM outage
               WHERE cause = 'own_downtime' AND start_us < ?2 AND end_us > ?1 ORDER BY start_us LIMIT ?3";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map((kept(span.start), kept(span.end), ROWS_MAX), |row| span_at(row, 0))
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}
