//! What the pages and the API read: every query of theirs, on read-only connections.
//!
//! A `Reader` sees one state of the store for as long as it lives, so the parts of a page agree.
//! It must be let go soon: while it lives, the write-ahead log can't be cut. Lists are therefore
//! read in pages that go on at a cursor. Names are returned as texts, never as words.

mod board;
mod cells;
mod coverage;
mod entries;
mod failures;
mod findings;
mod journal;
mod notice;
mod orders;
mod parts;
mod registers;
mod sessions;
mod terminals;
mod timeline;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, InterruptHandle};

use crate::connect;
use crate::error::{StoreError, in_act};

pub use board::{
    CameraRow, DoorRow, Inside, ReaderRow, SourceRow, cameras, door_outages_now, doors, inside_now, readers, sources,
};
pub use coverage::{SourceGap, SourceGapCause, session_source_gaps, session_sources};
pub use entries::{EntryFilter, EntryRow, entries};
pub use failures::{
    FailureReportRow, FailureRow, failure_now, failure_reports, failures, failures_of, sessions_called,
};
pub use findings::{
    AlertRow, FindingEventRow, FindingFilter, FindingRow, SubjectRow, finding, finding_alerts, finding_events,
    findings, findings_counted,
};
pub use journal::{
    CheckpointRow, Head, JournalEntry, JournalRow, UnreadableRow, head, journal_entries, journal_entry,
    newest_checkpoint, outbox_failing, unreadable,
};
pub use notice::{OrderAt, orders_between, told};
pub use orders::{
    OrderFilter, OrderNewest, OrderRow, OrderStepRow, order_in_use, order_newest, order_now, order_steps, orders,
};
pub use parts::{PartRow, joined_to, session_parts};
pub use registers::{RegisterChangeRow, register_changes, registers, registers_version};
pub use sessions::{
    CauseRow, RevisionRow, SessionFilter, SessionRow, VerdictRow, open_sessions, revisions, session, session_at,
    sessions, sessions_counted,
};
pub use terminals::{OplogRow, PowerRow, UnloggedRow, oplogs_in, oplogs_kept, power_in, sessions_unlogged};
pub use timeline::{
    FootageRow, OutageRow, StayRow, footage_in, numbering_holes, outages_of_zone, readings_of, session_findings,
    stays_in,
};

/// Read-only connections to one store.
#[derive(Debug)]
pub struct Pool {
    path: PathBuf,
    idle_max: usize,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    /// Opens a first connection to the store in file `path`, which must exist; at most `idle_max`
    /// are kept for the next reader.
    ///
    /// # Errors
    /// Where the file can't be opened.
    pub fn open(path: &Path, idle_max: usize) -> Result<Self, StoreError> {
        let pool = Self { path: path.to_owned(), idle_max, idle: Mutex::new(vec![]) };
        let first = connect::read_only(path)?;
        pool.give_back(first);
        Ok(pool)
    }

    /// Begins to read.
    ///
    /// # Errors
    /// Where no connection can be opened.
    pub fn lease(self: &Arc<Self>) -> Result<Reader, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => connect::read_only(&self.path)?,
        };
        conn.execute_batch("BEGIN DEFERRED").map_err(in_act("begin to read"))?;
        Ok(Reader { conn: Some(conn), pool: Arc::clone(self) })
    }

    fn give_back(&self, conn: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.idle_max {
            idle.push(conn);
        }
    }
}

/// One reader of the store, at one state of it.
#[derive(Debug)]
pub struct Reader {
    conn: Option<Connection>,
    pool: Arc<Pool>,
}

impl Reader {
    /// A handle that stops what the reader is doing, from another thread.
    #[must_use]
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.get_interrupt_handle()
    }
}

impl Deref for Reader {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.conn.as_ref().expect("the connection is there until the reader is dropped")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take()
            && conn.execute_batch("ROLLBACK").is_ok()
        {
            self.pool.give_back(conn);
        }
    }
}

/// A place in a list: rows after it come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The instant that orders the list, microseconds.
    pub at_us: i64,
    /// What tells rows of one instant apart.
    pub row: i64,
}

impl Cursor {
    /// Reads the text of `to_text`.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (at, row) = text.split_once('.')?;
        Some(Self { at_us: at.parse().ok()?, row: row.parse().ok()? })
    }

    /// A text for an address.
    #[must_use]
    pub fn to_text(self) -> String {
        format!("{}.{}", self.at_us, self.row)
    }
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The rows, newest first.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

impl<T> Listed<T> {
    /// Makes a page of `rows`, which were read one beyond `limit`.
    fn new(mut rows: Vec<T>, limit: u32, place: impl Fn(&T) -> Cursor) -> Self {
        let limit = limit as usize;
        let next = (rows.len() > limit).then(|| place(&rows[limit - 1]));
        rows.truncate(limit);
        Self { rows, next }
    }
}
