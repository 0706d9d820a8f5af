//! The store as its one owner holds it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kukaku_core::{Names, Word};
use kukaku_ledger::Frontier;
use kukaku_schema::{DurationUs, UtcMicros};
use rusqlite::Connection;

use crate::batch::Batch;
use crate::error::{StoreError, in_act, io_in_act};
use crate::lock::Lock;
use crate::offsets::Offsets;
use crate::sealing::Sealing;
use crate::stays::StaysKept;
use crate::{connect, load, schema, tree, verify};

/// How many of the last leaves are hashed again at opening: all of the last commits' entries,
/// in a few milliseconds.
const TAIL_CHECKED: u64 = 4096;

/// Where the store stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Entries in the journal.
    pub journal_size: u64,
    /// Our clock at the last commit.
    pub recorded_at: UtcMicros,
    /// The engine's `now` at the last commit.
    pub advanced_to: UtcMicros,
    /// The last instant that was certainly watched; none: watching never began.
    pub watched_to: Option<UtcMicros>,
    /// No closed stay is longer.
    pub longest_stay: DurationUs,
    /// Verdicts, findings and stays of before it are final: inputs of theirs were erased.
    pub final_before: Option<UtcMicros>,
    /// Watching ended in order; otherwise it goes on, or was cut off.
    pub stopped: bool,
}

/// What a source has said so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceSeen {
    pub(crate) leaves: u64,
    pub(crate) observations: u64,
    pub(crate) duplicates: u64,
    pub(crate) unreadable: u64,
    pub(crate) link: String,
    pub(crate) epoch: Option<Word>,
    pub(crate) number: Option<u64>,
    pub(crate) device_time: Option<UtcMicros>,
    pub(crate) first_at: UtcMicros,
    pub(crate) last_at: UtcMicros,
    pub(crate) dirty: bool,
}

/// How many journal entries a client has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClientSeen {
    pub(crate) leaves: u64,
    pub(crate) dirty: bool,
}

/// The store, owned by one process and one thread.
///
/// After an error of [`Batch`] the numbers held here may be ahead of the file: [`Store::begin`]
/// then refuses until [`Store::reopen`].
pub struct Store {
    pub(crate) conn: Connection,
    pub(crate) head: Head,
    pub(crate) frontier: Frontier,
    pub(crate) words_kept: usize,
    pub(crate) sources: HashMap<Word, SourceSeen>,
    pub(crate) clients: HashMap<Word, ClientSeen>,
    pub(crate) offsets: Offsets,
    pub(crate) stays: StaysKept,
    pub(crate) sealing: Sealing,
    /// A batch was given up after it had appended: the numbers above are ahead of the file.
    pub(crate) ahead: bool,
    /// The log still holds what was erased: somebody was reading.
    pub(crate) log_tells: bool,
    path: PathBuf,
    lock: Arc<Lock>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).field("head", &self.head).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes an empty store at `path`, which must not exist, and owns it.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Held`], and what the disk says.
    pub fn create(path: &Path, now: UtcMicros) -> Result<Self, StoreError> {
        const ACT: &str = "create the store";
        let lock = Arc::new(Lock::take(path)?);
        if path.exists() {
            return Err(StoreError::Exists { path: path.to_owned() });
        }
        let mut conn = connect::fresh(path)?;
        schema::create(&mut conn)?;
        conn.execute(
            "INSERT INTO head (one, journal_size, recorded_at_us, advanced_to_us, longest_stay_us, stopped) VALUES (1, 0, ?1, ?1, 0, 0)",
            [now.0],
        )
        .map_err(in_act(ACT))?;
        // The file's name must survive a power cut as well, and SQLite syncs its folder only for
        // the files it makes itself later.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_in_act(ACT))?;
        drop(conn);
        Self::open_locked(path, lock)
    }

    /// Opens the store at `path` and owns it. The last entries are hashed again and held
    /// against the tree.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Held`], [`StoreError::NotAStore`],
    /// [`StoreError::Newer`], [`StoreError::Corrupt`], and what the disk says.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        let lock = Arc::new(Lock::take(path)?);
        Self::open_locked(path, lock)
    }

    /// Gives the file up and opens it again, keeping the lock: after an error. Until this has
    /// worked, nothing can be begun.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        const ACT: &str = "open the store again";
        self.ahead = true;
        // Whatever stands in for it: the old connection must be closed before the file is read.
        self.conn = Connection::open_in_memory().map_err(in_act(ACT))?;
        let opened = Self::open_locked(&self.path, Arc::clone(&self.lock))?;
        opened.write_through()?;
        *self = opened;
        Ok(())
    }

    fn open_locked(path: &Path, lock: Arc<Lock>) -> Result<Self, StoreError> {
        let (mut conn, version) = connect::owner(path)?;
        schema::upgrade(&mut conn, version, &schema::UPGRADES)?;
        let head = load::head(&conn)?;
        let frontier = tree::frontier(&conn, head.journal_size)?;
        verify::tail(&conn, head.journal_size, TAIL_CHECKED)?;
        let words_kept = load::count_words(&conn)?;
        let sources = load::sources(&conn)?;
        let clients = load::clients(&conn)?;
        let offsets = Offsets::load(&conn)?;
        let sealing = Sealing::open(path, head.journal_size > 0, load::zone(&conn)?)?;
        let mut opened = Self {
            conn,
            head,
            frontier,
            words_kept,
            sources,
            clients,
            offsets,
            stays: StaysKept::default(),
            sealing,
            ahead: false,
            log_tells: false,
            path: path.to_owned(),
            lock,
        };
        // An erasure may have been cut off before its keys were destroyed.
        opened.finish_erasures()?;
        Ok(opened)
    }

    /// Moves the whole log into the database file and syncs that.
    ///
    /// After a failed sync the system forgets which pages of the log never reached the disk: they
    /// would be read as kept and never be written. Written once more into the database file, they
    /// are dirty again, and its sync tells the truth.
    fn write_through(&self) -> Result<(), StoreError> {
        const ACT: &str = "write the log through to the database";
        let (busy, log, moved): (i64, i64, i64) = self
            .conn
            .query_row("PRAGMA wal_checkpoint(FULL)", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .map_err(in_act(ACT))?;
        if busy != 0 || log != moved {
            return Err(StoreError::Busy { act: ACT });
        }
        Ok(())
    }

    /// Proves that there is room for the next commits, and leaves no trace.
    ///
    /// # Errors
    /// [`StoreError::Full`] while there is none.
    pub fn probe(&self) -> Result<(), StoreError> {
        const ACT: &str = "try whether the disk has room again";
        // More than the largest usual commit needs, so that going on isn't followed by stopping.
        const ROOM_BYTES: i64 = 1 << 20;
        let room = self.conn.unchecked_transaction().map_err(in_act(ACT))?;
        room.execute_batch(&format!(
            "DROP TABLE IF EXISTS room; CREATE TABLE room (filler BLOB); INSERT INTO room VALUES (zeroblob({ROOM_BYTES}))"
        ))
        .map_err(in_act(ACT))?;
        // Only a commit asks the disk.
        room.commit().map_err(in_act(ACT))?;
        self.conn.execute("DROP TABLE room", []).map(drop).map_err(in_act(ACT))
    }

    /// Where the store stands.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The connection, for the reading half of this crate.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Begins a transaction whose entries are recorded at `recorded_at`, or at the last commit's
    /// instant if that is later.
    ///
    /// # Errors
    /// [`StoreError::Busy`], and what the disk says.
    pub fn begin(&mut self, recorded_at: UtcMicros) -> Result<Batch<'_>, StoreError> {
        Batch::begin(self, recorded_at)
    }

    /// All texts, for the engine.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where numbers are missing.
    pub fn names(&self) -> Result<Names, StoreError> {
        load::names(&self.conn)
    }
}
