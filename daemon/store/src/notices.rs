//! Notices to clients that a session of theirs began or ended: queued with what brought them, and
//! what became of each.
//!
//! At least once: a crash between a delivery and its note repeats the mail under the same
//! Message-ID. After a restore from a backup, notices of sessions that are still open go out again.

use kukaku_core::{Names, SessionEnd, SessionView};
use kukaku_schema::registers::{NOTIFY_WITHIN, NotifyList};
use kukaku_schema::{DurationUs, UtcMicros};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Deserialize;

use crate::batch::Batch;
use crate::changed::ChangedKind;
use crate::effects::epoch_number;
use crate::error::{StoreError, in_act};
use crate::outbox::OutboxState;

const ACT: &str = "keep notices to clients";

/// What is older when it is recorded is no news: it is listed as not sent, and goes on paper.
pub const NEWS_FOR: DurationUs = DurationUs::from_secs(2 * 86_400);

/// How long a notice that was never delivered is told of on every page; its session's page tells
/// of it as long as it is kept.
const SHOWN_FOR: DurationUs = DurationUs::from_secs(30 * 86_400);

/// What `last_error` says of it.
pub const NO_NEWS: &str = "recorded more than 2 days later: not mailed, hand it over on paper";

/// Which of a session's two notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeMoment {
    /// It began.
    Start,
    /// It ended.
    End,
}

impl NoticeMoment {
    /// The word in the table and in addresses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Start, Self::End].into_iter().find(|moment| moment.word() == word)
    }
}

/// A notice, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// Its number.
    pub id: i64,
    /// Our number of the session.
    pub session: i64,
    /// Start or end.
    pub moment: NoticeMoment,
    /// The session's start or end.
    pub at: UtcMicros,
    /// The smallest size of the journal in which what is told stands.
    pub covers: u64,
    /// Our clock when it was known.
    pub queued_at: UtcMicros,
    /// Until when the client is to have it.
    pub due_at: UtcMicros,
    /// Where it stands.
    pub state: OutboxState,
    /// Attempts that failed.
    pub failures: u32,
    /// When it is tried next while it waits.
    pub next_at: UtcMicros,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When the client's mail server took it.
    pub delivered_at: Option<UtcMicros>,
    /// What that server said.
    pub told: Option<String>,
    /// Entries under the checkpoint that it carried.
    pub checkpoint_size: Option<u64>,
}

impl NoticeRow {
    /// Whether the client had, or has, it too late at `now`: delivered after the agreed minutes, or
    /// not at all though they are over.
    #[must_use]
    pub fn is_late(&self, now: UtcMicros) -> bool {
        self.delivered_at.unwrap_or(now) > self.due_at
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (moment, state): (String, String) = (row.get(2)?, row.get(7)?);
        Ok(Self {
            id: row.get(0)?,
            session: row.get(1)?,
            moment: NoticeMoment::from_word(&moment).unwrap_or(NoticeMoment::Start),
            at: UtcMicros(row.get(3)?),
            covers: row.get::<_, i64>(4)?.unsigned_abs(),
            queued_at: UtcMicros(row.get(5)?),
            due_at: UtcMicros(row.get(6)?),
            state: OutboxState::from_word(&state).unwrap_or(OutboxState::Failed),
            failures: row.get(8)?,
            next_at: UtcMicros(row.get(9)?),
            last_error: row.get(10)?,
            delivered_at: row.get::<_, Option<i64>>(11)?.map(UtcMicros),
            told: row.get(12)?,
            checkpoint_size: row.get::<_, Option<i64>>(13)?.map(i64::unsigned_abs),
        })
    }
}

const COLUMNS: &str = "id, session, moment, at_us, covers, queued_at_us, due_at_us, state, failures, next_at_us, \
                       last_error, delivered_at_us, told, checkpoint_size";

fn rows(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<NoticeRow>, StoreError> {
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement.query_map(params, NoticeRow::read).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// The notices that wait and are due at `now`, oldest first, at most `limit`.
///
/// # Errors
/// What the disk says.
pub fn due(conn: &Connection, now: UtcMicros, limit: u32) -> Result<Vec<NoticeRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM session_notice WHERE state = 'waiting' AND state <> 'delivered' AND next_at_us <= ?1
         ORDER BY id LIMIT ?2"
    );
    rows(conn, &sql, params![now.0, limit])
}

/// When the next one that waits is due.
///
/// # Errors
/// What the disk says.
pub fn next_due(conn: &Connection) -> Result<Option<UtcMicros>, StoreError> {
    conn.prepare_cached("SELECT min(next_at_us) FROM session_notice WHERE state = 'waiting' AND state <> 'delivered'")
        .and_then(|mut statement| statement.query_row([], |row| row.get::<_, Option<i64>>(0)))
        .map(|at| at.map(UtcMicros))
        .map_err(in_act(ACT))
}

/// The notices of a session: its start, then its end.
///
/// # Errors
/// What the disk says.
pub fn of_session(conn: &Connection, session: i64) -> Result<Vec<NoticeRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM session_notice WHERE session = ?1 ORDER BY moment DESC");
    rows(conn, &sql, params![session])
}

/// How many notices of the last 30 days the clients don't have at `now` though the agreed minutes
/// are over, and what went wrong with the newest of them. What was no news any more when it was
/// recorded isn't among them.
///
/// # Errors
/// What the disk says.
pub fn overdue(conn: &Connection, now: UtcMicros) -> Result<(i64, Option<String>), StoreError> {
    conn.prepare_cached(
        "SELECT last_error FROM session_notice WHERE state <> 'delivered' AND due_at_us BETWEEN ?1 AND ?2
         AND last_error IS NOT ?3 ORDER BY id DESC",
    )
    .and_then(|mut statement| {
        let from = now.minus(SHOWN_FOR).0;
        statement.query_map(params![from, now.0 - 1, NO_NEWS], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()
    })
    .map(|errors: Vec<Option<String>>| (errors.len() as i64, errors.into_iter().next().flatten()))
    .map_err(in_act(ACT))
}

/// What is agreed with a client about notices.
#[derive(Debug, Deserialize)]
struct Agreed {
    #[serde(default)]
    notify: NotifyList,
    #[serde(default)]
    notify_within: Option<DurationUs>,
}

impl Batch<'_> {
    /// Queues what a client has to be told of a session, once for its start and once for its end; what
    /// still waits follows an end that turns out to be another.
    pub(crate) fn queue_notices(&mut self, view: &SessionView, names: &Names) -> Result<(), StoreError> {
        let Some(client) = view.client else { return Ok(()) };
        let key = view.key;
        let end = match view.end {
            SessionEnd::Open => None,
            SessionEnd::Ended(at) | SessionEnd::Presumed(at) => Some(at),
        };
        let moments = [(NoticeMoment::Start, Some(key.start)), (NoticeMoment::End, end)];
        for (moment, at) in moments.into_iter().filter_map(|(moment, at)| Some((moment, at?))) {
            let Some(agreed) = self.agreed(names.text(client), at)? else { continue };
            let due = at.plus(agreed.notify_within.unwrap_or(NOTIFY_WITHIN));
            let news = self.recorded_at.since(at) <= NEWS_FOR;
            let (state, error) = if news { (OutboxState::Waiting, None) } else { (OutboxState::Failed, Some(NO_NEWS)) };
            let queued = self
                .store
                .conn
                .prepare_cached(
                    "INSERT INTO session_notice (session, moment, at_us, covers, queued_at_us, due_at_us, state,
                     failures, next_at_us, last_error)
                     SELECT id, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?8, ?11 FROM session
                     WHERE source = ?1 AND epoch = ?2 AND session = ?3 AND start_us = ?4 AND gone = 0
                     ON CONFLICT (session, moment) DO UPDATE
                     SET at_us = excluded.at_us, covers = excluded.covers, due_at_us = excluded.due_at_us
                     WHERE session_notice.state = 'waiting' AND session_notice.at_us <> excluded.at_us",
                )
                .and_then(|mut statement| {
                    statement.execute(params![
                        key.source.0,
                        epoch_number(key),
                        key.id.0,
                        key.start.0,
                        moment.word(),
                        at.0,
                        self.store.head.journal_size.cast_signed(),
                        self.recorded_at.0,
                        due.0,
                        state.word(),
                        error,
                    ])
                })
                .map_err(in_act(ACT))?;
            if queued > 0 {
                self.changed.add(ChangedKind::Notice);
            }
        }
        Ok(())
    }

    /// What is agreed with a client at `at`; none where it wants no notices.
    fn agreed(&self, client: &str, at: UtcMicros) -> Result<Option<Agreed>, StoreError> {
        let body: Option<String> = self
            .store
            .conn
            .prepare_cached(
                "SELECT body FROM register_entry WHERE tbl = 'client' AND entry_id = ?1 AND replaced_seq IS NULL
                 AND from_us <= ?2 AND until_us > ?2",
            )
            .and_then(|mut statement| statement.query_row(params![client, at.0], |row| row.get(0)).optional())
            .map_err(in_act(ACT))?;
        let Some(body) = body else { return Ok(None) };
        let agreed: Agreed = serde_json::from_str(&body)
            .map_err(|error| StoreError::corrupt(ACT, format!("the entry of client {client:?}: {error}")))?;
        Ok(Some(agreed).filter(|agreed| !agreed.notify.is_empty()))
    }

    /// Notes what became of an attempt to deliver a notice.
    ///
    /// # Errors
    /// What the disk says.
    pub fn note_notice(&mut self, row: &NoticeRow) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Notice);
        self.store
            .conn
            .prepare_cached(
                "UPDATE session_notice SET state = ?2, failures = ?3, next_at_us = ?4, last_error = ?5,
                 delivered_at_us = ?6, told = ?7, checkpoint_size = ?8 WHERE id = ?1",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    row.id,
                    row.state.word(),
                    row.failures,
                    row.next_at.0,
                    row.last_error,
                    row.delivered_at.map(|at| at.0),
                    row.told,
                    row.checkpoint_size.map(u64::cast_signed),
                ])
            })
            .map(drop)
            .map_err(in_act(ACT))
    }

    /// Takes back a notice that was not sent: its session turned out to be none, or to go on.
    ///
    /// # Errors
    /// What the disk says.
    pub fn drop_notice(&mut self, id: i64) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Notice);
        self.store
            .conn
            .prepare_cached("DELETE FROM session_notice WHERE id = ?1 AND state = 'waiting'")
            .and_then(|mut statement| statement.execute([id]))
            .map(drop)
            .map_err(in_act(ACT))
    }
}
