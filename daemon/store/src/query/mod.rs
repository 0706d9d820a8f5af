//! What the pages and the API read: every query of theirs, on read-only connections.
//!
//! A `Reader` sees one state of the store for as long as it lives, so the parts of a page agree.
//! It must be let go soon: while it lives, the write-ahead log can't be cut. Lists are therefore
//! read in pages that go on at a cursor. Names are returned as texts, never as words.

mod accounts;
mod board;
mod cells;
mod coverage;
mod desk;
mod entries;
mod failures;
mod findings;
mod journal;
mod looks;
mod notice;
mod orders;
mod parts;
mod registers;
mod scope;
mod sessions;
mod terminals;
mod timeline;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, InterruptHandle};

use crate::connect;
use crate::error::{StoreError, in_act};

pub use accounts::{AccountRow, account_events};
pub use board::{
    CameraRow, DoorRow, Inside, ReaderRow, SourceRow, cameras, door_outages_now, doors, inside_now, readers, sources,
};
pub use coverage::{SourceGap, SourceGapCause, session_source_gaps, session_sources};
pub use desk::{FindingActRow, desks, finding_acts};
pub use entries::{EntryFilter, EntryRow, entries};
pub use failures::{
    FailureReportRow, FailureRow, failure_now, failure_reports, failures, failures_of, sessions_called,
};
pub use findings::{
    AlertRow, FindingEventRow, FindingFilter, FindingRow, SubjectRow, finding, finding_alerts, finding_events,
    findings, findings_counted,
};
pub use journal::{
    CheckpointRow, Head, JournalEntry, JournalRow, UnreadableRow, head, journal_beside, journal_entries, journal_entry,
    newest_checkpoint, outbox_failing, unreadable,
};
pub use looks::{LookFilter, LookRow, looks};
pub use notice::{OrderAt, orders_between, told};
pub use orders::{
    OrderFilter, OrderNewest, OrderRow, OrderStepRow, order_in_use, order_newest, order_now, order_steps, orders,
};
pub use parts::{PartRow, joined_to, session_parts};
pub use registers::{RegisterChangeRow, register_changes, registers, registers_version};
pub use scope::{MASKED, Scope};
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
    idle: Mutex<Vec<Idle>>,
}

/// A connection that waits for its next reader.
#[derive(Debug)]
struct Idle {
    conn: Connection,
    scope: Scope,
}

/// How often the registers may change while a reader is being set up.
const SET_UPS_MAX: u32 = 5;

impl Pool {
    /// Opens a first connection to the store in file `path`, which must exist; at most `idle_max`
    /// are kept for the next reader.
    ///
    /// # Errors
    /// Where the file can't be opened.
    pub fn open(path: &Path, idle_max: usize) -> Result<Self, StoreError> {
        let pool = Self { path: path.to_owned(), idle_max, idle: Mutex::new(vec![]) };
        let conn = connect::read_only(path)?;
        pool.give_back(Idle { conn, scope: Scope::Site });
        Ok(pool)
    }

    /// Begins to read what `scope` may see.
    ///
    /// # Errors
    /// Where no connection can be opened.
    pub fn lease(self: &Arc<Self>, scope: &Scope) -> Result<Reader, StoreError> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let at = idle.iter().position(|idle| idle.scope == *scope);
            at.map(|at| idle.swap_remove(at))
        };
        let idle = match idle {
            Some(idle) => idle,
            None => {
                let conn = connect::read_only(&self.path)?;
                scope::confine(&conn, scope)?;
                Idle { conn, scope: scope.clone() }
            }
        };
        begin(&idle)?;
        Ok(Reader { idle: Some(idle), pool: Arc::clone(self) })
    }

    fn give_back(&self, given: Idle) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // What was used last is used next; the oldest makes room.
        if idle.len() >= self.idle_max && !idle.is_empty() {
            idle.remove(0);
        }
        if idle.len() < self.idle_max {
            idle.push(given);
        }
    }
}

/// Begins to read at one state of the store, by which `idle` is set up.
fn begin(idle: &Idle) -> Result<(), StoreError> {
    const ACT: &str = "begin to read";
    for _ in 0..SET_UPS_MAX {
        idle.conn.execute_batch("BEGIN DEFERRED").map_err(in_act(ACT))?;
        if idle.scope.is_site() || scope::is_set_up(&idle.conn)? {
            return Ok(());
        }
        idle.conn.execute_batch("ROLLBACK").map_err(in_act(ACT))?;
        scope::refresh(&idle.conn, &idle.scope)?;
    }
    Err(StoreError::Bug { act: ACT, detail: format!("the registers changed {SET_UPS_MAX} times in a moment") })
}

/// One reader of the store, at one state of it.
#[derive(Debug)]
pub struct Reader {
    idle: Option<Idle>,
    pool: Arc<Pool>,
}

impl Reader {
    /// A handle that stops what the reader is doing, from another thread.
    #[must_use]
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.get_interrupt_handle()
    }

    /// What it sees.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.whole().scope
    }

    /// A number that grows with each change of the registers of the site, whatever it sees of them.
    ///
    /// # Errors
    /// The store.
    pub fn registers_version(&self) -> Result<i64, StoreError> {
        if self.scope().is_site() { registers_version(self) } else { scope::newest_version(self) }
    }

    fn whole(&self) -> &Idle {
        self.idle.as_ref().expect("the connection is there until the reader is dropped")
    }
}

impl Deref for Reader {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.whole().conn
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(idle) = self.idle.take()
            && idle.conn.execute_batch("ROLLBACK").is_ok()
        {
            self.pool.give_back(idle);
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
