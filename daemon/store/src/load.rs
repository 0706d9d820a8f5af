//! What a start reads back: texts, cursors, facts, and what the engine had said.

use std::collections::HashMap;

use kukaku_core::engine::Known;
use kukaku_core::{Cause, Fact, Finding, Names, Outage, OutageCause, Revision, SessionKey, SessionView, Stay, Word};
use kukaku_schema::{DurationUs, Grade, SiteZone, Span, UtcMicros, Verdict};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::bytes::{FactRow, read_finding};
use crate::error::{StoreError, in_act};
use crate::parts;
use crate::store::{ClientSeen, Head, SourceSeen};

const ACT: &str = "read the store back";

/// Where the store stands.
///
/// # Errors
/// What the disk says.
pub fn head(conn: &Connection) -> Result<Head, StoreError> {
    let read = |row: &Row<'_>| {
        let head = Head {
            journal_size: row.get::<_, i64>(0)?.cast_unsigned(),
            recorded_at: UtcMicros(row.get(1)?),
            advanced_to: UtcMicros(row.get(2)?),
            watched_to: row.get::<_, Option<i64>>(3)?.map(UtcMicros),
            longest_stay: DurationUs(row.get(4)?),
            stopped: row.get(5)?,
            final_before: row.get::<_, Option<i64>>(6)?.map(UtcMicros),
        };
        Ok(head)
    };
    let sql = "SELECT journal_size, recorded_at_us, advanced_to_us, watched_to_us, longest_stay_us, stopped,
               final_before_us FROM head";
    conn.query_row(sql, [], read).map_err(in_act(ACT))
}

/// The zone of the site's days; Japan's before there are registers.
pub(crate) fn zone(conn: &Connection) -> Result<SiteZone, StoreError> {
    let sql =
        "SELECT json_extract(body, '$.time_zone') FROM register_entry WHERE tbl = 'site' AND replaced_seq IS NULL";
    let name: Option<Option<String>> = conn.query_row(sql, [], |row| row.get(0)).optional().map_err(in_act(ACT))?;
    let name = name.flatten().unwrap_or_else(|| "Asia/Tokyo".to_owned());
    SiteZone::named(&name).map_err(|error| StoreError::corrupt(ACT, error))
}

pub(crate) fn count_words(conn: &Connection) -> Result<usize, StoreError> {
    let last: Option<i64> = conn.query_row("SELECT max(id) FROM word", [], |row| row.get(0)).map_err(in_act(ACT))?;
    Ok(last.map_or(0, |last| usize::try_from(last + 1).unwrap_or(usize::MAX)))
}

/// All texts by number.
///
/// # Errors
/// Numbers that are missing are damage.
pub fn names(conn: &Connection) -> Result<Names, StoreError> {
    let mut names = Names::new();
    let mut statement = conn.prepare("SELECT id, text FROM word ORDER BY id").map_err(in_act(ACT))?;
    let mut rows = statement.query([]).map_err(in_act(ACT))?;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let id: u32 = row.get(0).map_err(in_act(ACT))?;
        let text = row.get_ref(1).and_then(|text| text.as_str().map_err(Into::into)).map_err(in_act(ACT))?;
        if names.intern(text) != Word(id) {
            return Err(StoreError::corrupt(ACT, format!("word {id} does not follow the one before it")));
        }
    }
    Ok(names)
}

pub(crate) fn sources(conn: &Connection) -> Result<HashMap<Word, SourceSeen>, StoreError> {
    let mut statement = conn
        .prepare(
            "SELECT source, leaves, observations, duplicates, unreadable, link, epoch, number, device_time_us,
             first_at_us, last_at_us FROM source_seen",
        )
        .map_err(in_act(ACT))?;
    let read = |row: &Row<'_>| {
        let count = |place| row.get::<_, i64>(place).map(i64::cast_unsigned);
        let seen = SourceSeen {
            leaves: count(1)?,
            observations: count(2)?,
            duplicates: count(3)?,
            unreadable: count(4)?,
            link: row.get(5)?,
            epoch: row.get::<_, Option<u32>>(6)?.map(Word),
            number: row.get::<_, Option<i64>>(7)?.map(i64::cast_unsigned),
            device_time: row.get::<_, Option<i64>>(8)?.map(UtcMicros),
            first_at: UtcMicros(row.get(9)?),
            last_at: UtcMicros(row.get(10)?),
            dirty: false,
        };
        Ok((Word(row.get(0)?), seen))
    };
    let rows = statement.query_map([], read).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

pub(crate) fn clients(conn: &Connection) -> Result<HashMap<Word, ClientSeen>, StoreError> {
    let mut statement = conn.prepare("SELECT client, leaves FROM client_seen").map_err(in_act(ACT))?;
    let read = |row: &Row<'_>| {
        let leaves: i64 = row.get(1)?;
        Ok((Word(row.get(0)?), ClientSeen { leaves: leaves.cast_unsigned(), dirty: false }))
    };
    let rows = statement.query_map([], read).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// Hands every fact to `take`, in the order of the journal.
///
/// # Errors
/// A fact that can't be read; what `take` made of the facts before it is dropped.
pub fn with_facts<R>(
    conn: &Connection,
    take: impl FnOnce(&mut dyn Iterator<Item = Fact>) -> R,
) -> Result<R, StoreError> {
    let mut statement = conn.prepare("SELECT first, body FROM fact ORDER BY first").map_err(in_act(ACT_FACTS))?;
    let mut facts = Facts::new(statement.query([]).map_err(in_act(ACT_FACTS))?);
    let mut failed = None;
    let made = take(&mut std::iter::from_fn(|| {
        facts.next().unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    }));
    failed.map_or(Ok(made), Err)
}

const ACT_FACTS: &str = "read the facts";

/// Facts, one after the other, from rows of `first, body`.
pub(crate) struct Facts<'s> {
    rows: rusqlite::Rows<'s>,
    /// The facts of the row at hand, last first.
    ready: Vec<Fact>,
}

impl<'s> Facts<'s> {
    pub(crate) fn new(rows: rusqlite::Rows<'s>) -> Self {
        Self { rows, ready: Vec::new() }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Fact>, StoreError> {
        while self.ready.is_empty() {
            let Some(row) = self.rows.next().map_err(in_act(ACT_FACTS))? else { return Ok(None) };
            let first: i64 = row.get(0).map_err(in_act(ACT_FACTS))?;
            let body = row.get_ref(1).and_then(|body| body.as_blob().map_err(Into::into)).map_err(in_act(ACT_FACTS))?;
            self.ready = FactRow::new(first.cast_unsigned(), body)
                .collect::<Result<_, _>>()
                .map_err(|fault| StoreError::corrupt(ACT_FACTS, format!("the facts from entry {first} on: {fault}")))?;
            self.ready.reverse();
        }
        Ok(self.ready.pop())
    }
}

/// What the engine had said, as it stands in the store.
///
/// # Errors
/// What can't be read is damage.
pub fn known(conn: &Connection) -> Result<Known, StoreError> {
    let mut known = Known {
        revisions: revisions(conn)?,
        findings: findings(conn)?,
        sessions: sessions(conn)?,
        stays: stays(conn)?,
        outages: outages(conn)?,
    };
    // The engine can't say again what inputs that are erased had told it.
    if let Some(final_before) = head(conn)?.final_before {
        known.revisions.retain(|revision| revision.session.start >= final_before);
        known.findings.retain(|finding| finding.key.at >= final_before);
        known.sessions.retain(|session| session.key.start >= final_before);
        known.stays.retain(|stay| stay.span.start >= final_before);
        known.outages.retain(|outage| outage.span.end > final_before);
    }
    Ok(known)
}

pub(crate) fn all<T>(
    conn: &Connection,
    sql: &str,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = conn.prepare(sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([]).map_err(in_act(ACT))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        out.push(read(row)?);
    }
    Ok(out)
}

pub(crate) fn column<T: rusqlite::types::FromSql>(row: &Row<'_>, place: usize) -> Result<T, StoreError> {
    row.get(place).map_err(in_act(ACT))
}

pub(crate) fn instant(row: &Row<'_>, place: usize) -> Result<UtcMicros, StoreError> {
    column(row, place).map(UtcMicros)
}

fn word(row: &Row<'_>, place: usize) -> Result<Word, StoreError> {
    column(row, place).map(Word)
}

pub(crate) fn maybe_word(row: &Row<'_>, place: usize) -> Result<Option<Word>, StoreError> {
    column::<Option<u32>>(row, place).map(|word| word.map(Word))
}

/// Reads a text of a closed list.
pub(crate) fn listed<T>(
    row: &Row<'_>,
    place: usize,
    what: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: String = column(row, place)?;
    read(&text).ok_or_else(|| StoreError::corrupt(ACT, format!("{what} {text:?} is unknown to this version")))
}

pub(crate) fn session_key(row: &Row<'_>, first: usize) -> Result<SessionKey, StoreError> {
    let epoch: i64 = column(row, first + 1)?;
    Ok(SessionKey {
        source: word(row, first)?,
        epoch: u32::try_from(epoch).ok().map(Word),
        id: word(row, first + 2)?,
        start: instant(row, first + 3)?,
    })
}

fn sessions(conn: &Connection) -> Result<Vec<SessionView>, StoreError> {
    let sql = "SELECT source, epoch, session, start_us, start_unknown, ended, end_us, last_sign_us, account, terminal,
               target, via, operator, client, zone, proofs, address, inner_address, factors, id
               FROM session WHERE gone = 0 ORDER BY id";
    let mut parts = parts::all(conn)?;
    all(conn, sql, |row| {
        let end = instant(row, 6)?;
        let proofs: Vec<u8> = column(row, 15)?;
        Ok(SessionView {
            key: session_key(row, 0)?,
            start_unknown: column(row, 4)?,
            end: listed(row, 5, "a session's end", |text| parts::end_of(text, end))?,
            last_sign: instant(row, 7)?,
            account: maybe_word(row, 8)?,
            terminal: maybe_word(row, 9)?,
            target: maybe_word(row, 10)?,
            via: maybe_word(row, 11)?,
            operator: maybe_word(row, 12)?,
            client: maybe_word(row, 13)?,
            zone: maybe_word(row, 14)?,
            proofs: numbers(&proofs)?,
            address: maybe_word(row, 16)?,
            inner_address: maybe_word(row, 17)?,
            factors: column(row, 18)?,
            parts: parts.remove(&column(row, 19)?).unwrap_or_default(),
        })
    })
}

fn revisions(conn: &Connection) -> Result<Vec<Revision>, StoreError> {
    let sql = "SELECT s.source, s.epoch, s.session, s.start_us, r.number, r.at_us, r.verdict, r.grade, r.absent,
               r.unknown, r.cause, r.cause_seq
               FROM session s JOIN revision r ON r.session = s.id AND r.number = s.revision WHERE s.gone = 0
               ORDER BY s.id";
    all(conn, sql, |row| {
        let grade = match column::<Option<String>>(row, 7)? {
            None => None,
            Some(_) => Some(listed(row, 7, "grade", Grade::from_word)?),
        };
        let cause_seq = column::<Option<i64>>(row, 11)?.unwrap_or(0).cast_unsigned();
        Ok(Revision {
            session: session_key(row, 0)?,
            number: column(row, 4)?,
            at: instant(row, 5)?,
            verdict: listed(row, 6, "verdict", Verdict::from_word)?,
            grade,
            absent: spans(&column::<Vec<u8>>(row, 8)?)?,
            unknown: spans(&column::<Vec<u8>>(row, 9)?)?,
            cause: listed(row, 10, "cause", |text| match text {
                "observation" => Some(Cause::Observation(cause_seq)),
                "registers" => Some(Cause::Registers(cause_seq)),
                "time" => Some(Cause::Time),
                _ => None,
            })?,
        })
    })
}

fn findings(conn: &Connection) -> Result<Vec<Finding>, StoreError> {
    all(conn, "SELECT id, body FROM finding WHERE resolved_at_us IS NULL ORDER BY id", |row| {
        let (id, body): (i64, Vec<u8>) = (column(row, 0)?, column(row, 1)?);
        read_finding(&body).map_err(|fault| StoreError::corrupt(ACT, format!("finding {id}: {fault}")))
    })
}

/// The stays that were said last.
pub(crate) fn stays(conn: &Connection) -> Result<Vec<Stay>, StoreError> {
    all(conn, "SELECT person, zone, start_us, end_us, grade FROM stay", |row| {
        let grade = row.get_ref(4).and_then(|text| text.as_str().map_err(Into::into)).map_err(in_act(ACT))?;
        Ok(Stay {
            person: word(row, 0)?,
            zone: word(row, 1)?,
            span: Span::new(instant(row, 2)?, instant(row, 3)?),
            grade: Grade::from_word(grade)
                .ok_or_else(|| StoreError::corrupt(ACT, format!("grade {grade:?} is unknown to this version")))?,
        })
    })
}

fn outages(conn: &Connection) -> Result<Vec<Outage>, StoreError> {
    all(conn, "SELECT door, start_us, end_us, cause FROM outage ORDER BY door, start_us, cause", |row| {
        Ok(Outage {
            door: word(row, 0)?,
            span: Span::new(instant(row, 1)?, instant(row, 2)?),
            cause: listed(row, 3, "cause of an outage", OutageCause::from_word)?,
        })
    })
}

fn numbers(bytes: &[u8]) -> Result<Vec<u64>, StoreError> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(StoreError::corrupt(ACT, "a list of entries is cut short"));
    }
    Ok(numbers.iter().map(|number| u64::from_be_bytes(*number)).collect())
}

/// Spans as `effects` keeps them.
pub(crate) fn spans(bytes: &[u8]) -> Result<Vec<Span>, StoreError> {
    let bounds = numbers(bytes)?;
    let (pairs, rest) = bounds.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(StoreError::corrupt(ACT, "a list of spans is cut short"));
    }
    let instant = |raw: u64| UtcMicros(raw.cast_signed());
    Ok(pairs.iter().map(|[start, end]| Span::new(instant(*start), instant(*end))).collect())
}
