//! Shipping: what was signed since the last time, as a segment; or everything, as a generation.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use kukaku_ledger::{ClockState, Hash, Leaf};
use kukaku_schema::{DurationUs, UtcMicros};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::beside;
use super::error::{BackupError, io};
use super::folder::{Generation, folder_of, generations};
use super::segment::{Entry, Sealed, SegmentSummary, Tail, Writer, of_name, origin_of, read};
use crate::checkpoint::{StoredCheckpoint, newest_checkpoint};
use crate::error::{StoreError, in_act};
use crate::lock::Lock;
use crate::tree;

const ACT: &str = "read the journal for its backup";

/// Where to, and how often whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipOrder {
    /// The store's file, beside which the folder of keys lies.
    pub store: PathBuf,
    /// The backup folder; it must exist, so that a share that is not mounted is noticed.
    pub folder: PathBuf,
    /// Generations that are kept.
    pub keep: usize,
    /// After so long a new generation begins.
    pub whole_every: DurationUs,
    /// A new generation now, whatever the time.
    pub whole: bool,
    /// Texts that lie beside the store and are not secret: name and content.
    pub files: Vec<(String, String)>,
}

/// What was shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// The generation.
    pub generation: u64,
    /// The new segment, read back; none: there was nothing new.
    pub segment: Option<SegmentSummary>,
    /// Entries that the generation holds now.
    pub size: u64,
    /// Generations that went.
    pub thinned: Vec<u64>,
}

/// Ships what was signed since the last time, reads it back, and verifies it. `now`: our clock.
///
/// # Errors
/// What the store or the folder says. What was there before is whole still.
pub fn ship(conn: &Connection, order: &ShipOrder, now: UtcMicros) -> Result<Option<Shipped>, BackupError> {
    // The daemon and a command may ship at once.
    let _one = Lock::take(&order.store.with_file_name("backup"))?;
    // One view of the store, however long it takes and whatever is appended meanwhile.
    let view = conn.unchecked_transaction().map_err(in_act(ACT))?;
    let Some(newest) = newest_checkpoint(&view)? else { return Ok(None) };
    let origin = origin_of(&newest.note).ok_or_else(|| StoreError::corrupt(ACT, "the newest checkpoint is none"))?;
    let all = generations(&order.folder)?;
    let last = all.last();
    let due = match last {
        None => true,
        Some(last) => {
            check_same(&view, last, &origin, &order.folder, newest.head.size)?;
            order.whole || last.check_whole().is_err() || whole_is_due(&view, last, order, now)?
        }
    };
    let (number, first) = match last {
        Some(last) if !due => (last.number, last.size()),
        last => (last.map_or(1, |last| last.number + 1), 0),
    };
    if first == newest.head.size {
        return Ok(Some(Shipped { generation: number, segment: None, size: first, thinned: Vec::new() }));
    }
    let folder = folder_of(&order.folder, number);
    if !folder.is_dir() {
        DirBuilder::new().mode(0o700).create(&folder).map_err(io("make", &folder))?;
        sync(&order.folder)?;
    }
    let path = write(&view, order, &folder, &origin, first, &newest)?;
    let mut frontier = tree::frontier(&view, first)?;
    let (segment, ..) = read::<BackupError>(&path, Some(&origin), &mut frontier, |_, _| Ok(()))?;
    let thinned = thin(order, &all, number)?;
    Ok(Some(Shipped { generation: number, size: segment.end, segment: Some(segment), thinned }))
}

/// A new generation begins after its time, and after each erasure: values that stayed were sealed
/// anew, so the older copies of them can't be opened any more.
fn whole_is_due(view: &Connection, last: &Generation, order: &ShipOrder, now: UtcMicros) -> Result<bool, BackupError> {
    let whole = last.segments.first().map_or(0, |(_, _, end)| *end);
    let erased = crate::replay::last_erasure(view)?;
    if erased.is_some_and(|(entry, _)| entry >= whole) {
        // What lies beside the journal may name whom it no longer names.
        beside::renew_key(&order.store)?;
        return Ok(true);
    }
    let begun: Option<i64> = view
        .query_row("SELECT signed_at_us FROM checkpoint WHERE size = ?1", [whole.cast_signed()], |row| row.get(0))
        .optional()
        .map_err(in_act(ACT))?;
    Ok(begun.is_none_or(|begun| now >= UtcMicros(begun).plus(order.whole_every)))
}

/// The last generation must be the beginning of this very journal.
fn check_same(view: &Connection, last: &Generation, origin: &str, folder: &Path, size: u64) -> Result<(), BackupError> {
    let Some((path, first, end)) = last.segments.last() else { return Ok(()) };
    if *end > size {
        return Err(BackupError::OtherHistory { size: *end });
    }
    let (found, root) = ends_of(path)?;
    if found != origin {
        let (folder, expected) = (folder.to_owned(), origin.to_owned());
        return Err(BackupError::OtherSite { folder, found, expected });
    }
    debug_assert!(first < end);
    if tree::frontier(view, *end)?.root() != root {
        return Err(BackupError::OtherHistory { size: *end });
    }
    Ok(())
}

/// Origin and root of a segment, from its two ends.
fn ends_of(path: &Path) -> Result<(String, Hash), BackupError> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let damaged = |what: &str| BackupError::Damaged { path: path.to_owned(), what: what.to_owned() };
    let mut file = fs::File::open(path).map_err(io("read", path))?;
    let mut head = [0; 20];
    file.read_exact(&mut head).map_err(|_| damaged("it is cut short"))?;
    let length = u32::from_be_bytes([head[16], head[17], head[18], head[19]]);
    let mut origin = String::new();
    file.by_ref().take(u64::from(length.min(4096))).read_to_string(&mut origin).map_err(io("read", path))?;
    file.seek(SeekFrom::End(-64)).map_err(|_| damaged("it is cut short"))?;
    let mut root = [0; 32];
    file.read_exact(&mut root).map_err(|_| damaged("it is cut short"))?;
    Ok((origin, Hash(root)))
}

fn write(
    view: &Connection,
    order: &ShipOrder,
    folder: &Path,
    origin: &str,
    first: u64,
    newest: &StoredCheckpoint,
) -> Result<PathBuf, BackupError> {
    let end = newest.head.size;
    let mut writer = Writer::new(folder, origin, first, end)?;
    let mut statement = view
        .prepare(
            "SELECT j.seq, j.kind, s.text, c.text, j.client_seq, j.source_seq, j.recorded_at_us, j.device_time_us,
             j.clock, j.commitment, p.key, p.sealed FROM journal j JOIN word s ON s.id = j.source
             JOIN word c ON c.id = j.client LEFT JOIN payload p ON p.seq = j.seq
             WHERE j.seq >= ?1 AND j.seq < ?2 ORDER BY j.seq",
        )
        .map_err(in_act(ACT))?;
    let mut rows = statement.query(params![first.cast_signed(), end.cast_signed()]).map_err(in_act(ACT))?;
    let mut next = first;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let (leaf, sealed) = entry(row).map_err(in_act(ACT))?;
        if leaf.seq != next {
            return Err(StoreError::corrupt(ACT, format!("entry {next} is missing")).into());
        }
        next += 1;
        let leaf = leaf.encode().map_err(|error| StoreError::corrupt(ACT, error.to_string()))?;
        writer.entry(&Entry { leaf, sealed })?;
    }
    if next != end {
        return Err(StoreError::corrupt(ACT, format!("entry {next} is missing")).into());
    }
    let checkpoints = checkpoints(view, first, end)?;
    let beside = beside::seal(view, order, first, end)?;
    writer.finish(&newest.head.root, &Tail { checkpoints, beside })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<(Leaf, Option<Sealed>)> {
    let number = |place| row.get::<_, i64>(place).map(i64::cast_unsigned);
    let clock = match row.get::<_, u8>(8)? {
        1 => ClockState::Synchronised,
        2 => ClockState::Unsynchronised,
        _ => ClockState::Unknown,
    };
    let leaf = Leaf {
        seq: number(0)?,
        kind: row.get(1)?,
        source: row.get(2)?,
        client: row.get(3)?,
        client_seq: number(4)?,
        source_seq: number(5)?,
        recorded_at_us: row.get(6)?,
        device_time_us: row.get(7)?,
        clock,
        commitment: Hash(row.get::<_, [u8; 32]>(9)?),
    };
    let key: Option<i64> = row.get(10)?;
    let sealed = match key {
        None => None,
        Some(key) => Some((key.cast_unsigned(), row.get(11)?)),
    };
    Ok((leaf, sealed))
}

fn checkpoints(view: &Connection, first: u64, end: u64) -> Result<Vec<StoredCheckpoint>, StoreError> {
    let mut statement = view
        .prepare("SELECT size, root, note, signed_at_us FROM checkpoint WHERE size > ?1 AND size <= ?2 ORDER BY size")
        .map_err(in_act(ACT))?;
    let rows = statement
        .query_map(params![first.cast_signed(), end.cast_signed()], StoredCheckpoint::read)
        .map_err(in_act(ACT))?;
    rows.map(|row| row.map_err(in_act(ACT)).and_then(StoredCheckpoint::of)).collect()
}

/// Takes away the oldest generations beyond those to keep, and what a crash left behind.
fn thin(order: &ShipOrder, before: &[Generation], newest: u64) -> Result<Vec<u64>, BackupError> {
    let older: Vec<&Generation> = before.iter().filter(|generation| generation.number < newest).collect();
    let kept = order.keep.max(1) - 1;
    let mut gone = Vec::new();
    for generation in &older[..older.len().saturating_sub(kept)] {
        fs::remove_dir_all(&generation.folder).map_err(io("remove", &generation.folder))?;
        gone.push(generation.number);
    }
    let folder = folder_of(&order.folder, newest);
    for file in fs::read_dir(&folder).map_err(io("read", &folder))? {
        let path = file.map_err(io("read", &folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if of_name(&name).is_none() && name.ends_with(".part") {
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    sync(&order.folder)?;
    Ok(gone)
}

fn sync(folder: &Path) -> Result<(), BackupError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("make the names durable in", folder))
}
