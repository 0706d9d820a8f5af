//! The outbox: what has to go out, and what became of it.

use kukaku_schema::UtcMicros;
use rusqlite::{Connection, Row, params};

use crate::batch::Batch;
use crate::changed::ChangedKind;
use crate::error::{StoreError, in_act};

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboxState {
    /// Not yet delivered; due at `next_at`.
    Waiting,
    /// The peer has it.
    Delivered,
    /// Given up.
    Failed,
}

impl OutboxState {
    /// The word in the table.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::Failed].into_iter().find(|state| state.word() == word)
    }
}

/// A message that has to go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its number.
    pub id: i64,
    /// The finding it tells of, for the address of its page.
    pub finding: i64,
    /// Which change of the finding.
    pub revision: u32,
    /// The channel's id in the configuration.
    pub channel: String,
    /// The change as JSON: the journal body of kind `finding`.
    pub body: String,
    /// When it was written.
    pub recorded_at: UtcMicros,
    /// Where it stands.
    pub state: OutboxState,
    /// Attempts that failed.
    pub failures: u32,
    /// When it is due.
    pub next_at: UtcMicros,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Somebody has to repair something.
    pub needs_person: bool,
    /// When the peer took it.
    pub delivered_at: Option<UtcMicros>,
}

const COLUMNS: &str = "id, finding, revision, channel, body, recorded_at_us, state, failures, next_at_us, last_error, \
                       needs_person, delivered_at_us";

impl OutboxRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(6)?;
        Ok(Self {
            id: row.get(0)?,
            finding: row.get(1)?,
            revision: row.get(2)?,
            channel: row.get(3)?,
            body: row.get(4)?,
            recorded_at: UtcMicros(row.get(5)?),
            state: OutboxState::from_word(&state).unwrap_or(OutboxState::Failed),
            failures: row.get(7)?,
            next_at: UtcMicros(row.get(8)?),
            last_error: row.get(9)?,
            needs_person: row.get(10)?,
            delivered_at: row.get::<_, Option<i64>>(11)?.map(UtcMicros),
        })
    }
}

/// The messages of `channel` that are due at `now`, oldest first, at most `limit`.
///
/// # Errors
/// What the disk says.
pub fn due(conn: &Connection, channel: &str, now: UtcMicros, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
    rows(
        conn,
        &format!(
            "SELECT {COLUMNS} FROM outbox WHERE state = 'waiting' AND next_at_us <= ?2 AND channel = ?1
             ORDER BY id LIMIT ?3"
        ),
        params![channel, now.0, limit],
    )
}

/// The messages that wait for a channel that is none of `channels`, oldest first, at most `limit`.
///
/// # Errors
/// What the disk says.
pub fn stranded(conn: &Connection, channels: &[&str], limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
    let known = serde_json::json!(channels).to_string();
    rows(
        conn,
        &format!(
            "SELECT {COLUMNS} FROM outbox WHERE state = 'waiting' AND channel NOT IN (SELECT value FROM json_each(?1))
             ORDER BY id LIMIT ?2"
        ),
        params![known, limit],
    )
}

/// When the next message of `channel` is due; none while nothing waits.
///
/// # Errors
/// What the disk says.
pub fn next_due(conn: &Connection, channel: &str) -> Result<Option<UtcMicros>, StoreError> {
    conn.prepare_cached("SELECT min(next_at_us) FROM outbox WHERE state = 'waiting' AND channel = ?1")
        .and_then(|mut statement| statement.query_row([channel], |row| row.get::<_, Option<i64>>(0)))
        .map(|at| at.map(UtcMicros))
        .map_err(in_act("look into the outbox"))
}

/// When messages of `channel` were delivered, since `since`: for its limit a minute.
///
/// # Errors
/// What the disk says.
pub fn delivered_since(conn: &Connection, channel: &str, since: UtcMicros) -> Result<Vec<UtcMicros>, StoreError> {
    const ACT: &str = "look into the outbox";
    let mut statement = conn
        .prepare_cached(
            "SELECT delivered_at_us FROM outbox WHERE state = 'delivered' AND channel = ?1 AND delivered_at_us >= ?2
             ORDER BY delivered_at_us",
        )
        .map_err(in_act(ACT))?;
    let rows = statement.query_map(params![channel, since.0], |row| row.get(0).map(UtcMicros)).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

fn rows(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<OutboxRow>, StoreError> {
    const ACT: &str = "look into the outbox";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement.query_map(params, OutboxRow::read).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

impl Batch<'_> {
    pub(crate) fn queue(&mut self, finding: i64, revision: u32, channel: &str, body: &str) -> Result<(), StoreError> {
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO outbox (finding, revision, channel, body, recorded_at_us, state, failures, next_at_us,
                 needs_person) VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', 0, ?5, 0) ON CONFLICT DO NOTHING",
            )
            .and_then(|mut statement| statement.execute(params![finding, revision, channel, body, self.recorded_at.0]))
            .map(drop)
            .map_err(in_act("put a message into the outbox"))
    }

    /// Notes what became of an attempt to deliver a message.
    ///
    /// # Errors
    /// What the disk says.
    pub fn note_delivery(&mut self, row: &OutboxRow) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Outbox);
        self.store
            .conn
            .prepare_cached(
                "UPDATE outbox SET state = ?2, failures = ?3, next_at_us = ?4, last_error = ?5, needs_person = ?6,
                 delivered_at_us = ?7 WHERE id = ?1",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    row.id,
                    row.state.word(),
                    row.failures,
                    row.next_at.0,
                    row.last_error,
                    row.needs_person,
                    row.delivered_at.map(|at| at.0),
                ])
            })
            .map(drop)
            .map_err(in_act("note a delivery"))
    }
}
