//! Verification: every entry is hashed again and held against the tree and its signed heads.
//!
//! Proves that nothing was changed since the last checkpoint that somebody else has kept. It does
//! not prove that a source told the truth.

use std::collections::BTreeMap;

use kukaku_ledger::{
    Checkpoint, ClockState, Frontier, Hash, Head as TreeHead, KeyTerm, Leaf, NodeId, TILE_WIDTH, commitment,
};
use rusqlite::{Connection, Row};

use crate::batch::PAYLOAD_FIELD;
use crate::checkpoint::StoredCheckpoint;
use crate::error::{StoreError, in_act};
use crate::values::Value;
use crate::{load, tree};

/// Most faults that a report lists: the first is what matters, a few more show the extent.
const FAULTS_MAX: usize = 20;

const ACT: &str = "verify the journal";

const CHANGED: &str = "its value was changed: it is not what the entry commits to";

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The journal entry, or the size of the tree that a checkpoint speaks of.
    pub entry: u64,
    /// What is wrong with it.
    pub what: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries that were hashed.
    pub entries: u64,
    /// Checkpoints whose root and signature were checked.
    pub checkpoints: u64,
    /// The root over all entries.
    pub root: Hash,
    /// The largest tree that a valid checkpoint covers; 0: none.
    pub signed_to: u64,
    /// Entries whose value was erased at the end of its term, as an `erased` entry says.
    pub erased: u64,
    /// What is wrong, by entry; at most twenty. Empty: nothing.
    pub faults: Vec<Fault>,
}

/// A journal row as it is hashed.
struct Entry {
    leaf: Leaf,
    kept: Vec<u8>,
    /// A row is there for it.
    has_row: bool,
    value: Value,
}

impl Entry {
    /// What is wrong with the value that is there.
    fn value_fault(&self) -> Option<&'static str> {
        match &self.value {
            Value::Gone if self.has_row => Some("the key of its value is missing"),
            Value::Gone => None,
            Value::Forged => Some(CHANGED),
            Value::Open { salt, body } => {
                (commitment(salt, PAYLOAD_FIELD, body) != self.leaf.commitment).then_some(CHANGED)
            }
        }
    }
}

pub(crate) const COLUMNS: &str = "j.seq, j.kind, s.text, c.text, j.client_seq, j.source_seq, j.recorded_at_us, j.device_time_us, \
                       j.clock, j.commitment, j.leaf_hash";
pub(crate) const WORDS: &str = "LEFT JOIN word s ON s.id = j.source LEFT JOIN word c ON c.id = j.client";

/// Verifies the whole store: entries, values, tree, checkpoints. `keys` are the site's keys with
/// their terms; `outside` is the newest checkpoint that is kept outside the database. `progress`
/// is told how many entries of how many are done.
///
/// # Errors
/// Only where the store can't be read; what is wrong with its content is in the report.
pub fn verify(
    conn: &Connection,
    keys: &[KeyTerm],
    outside: Option<&str>,
    mut progress: impl FnMut(u64, u64),
) -> Result<VerifyReport, StoreError> {
    // One view of the store, however long it takes and whatever is appended meanwhile.
    let view = conn.unchecked_transaction().map_err(in_act(ACT))?;
    let size = load::head(&view)?.journal_size;
    let mut state = State {
        frontier: Frontier::new(),
        faults: Vec::new(),
        sources: BTreeMap::new(),
        clients: BTreeMap::new(),
        checkpoints: checkpoints(&view)?,
        checked: 0,
        signed_to: 0,
        outside: None,
        keys,
        erased: erased(&view)?,
        erased_values: 0,
    };
    state.open_outside(outside);
    let sql = format!(
        "SELECT {COLUMNS}, p.seq IS NOT NULL, unseal(j.seq, j.commitment, p.key, p.sealed) FROM journal j {WORDS} LEFT JOIN payload p ON p.seq = j.seq ORDER BY j.seq"
    );
    let mut statement = view.prepare(&sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([]).map_err(in_act(ACT))?;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let entry = read(row, true)?;
        let expected = state.frontier.size();
        if entry.leaf.seq != expected {
            state.fault(expected, format!("is missing; the next one is {}", entry.leaf.seq));
            break;
        }
        state.entry(&view, &entry)?;
        if expected.is_multiple_of(4096) {
            progress(expected, size);
        }
        if state.faults.len() >= FAULTS_MAX {
            break;
        }
    }
    let done = state.frontier.size();
    if done != size && state.faults.is_empty() {
        state.fault(done.min(size), format!("the store speaks of {size} entries, {done} are there"));
    }
    state.beyond();
    progress(done, size);
    Ok(state.report())
}

struct State<'a> {
    frontier: Frontier,
    faults: Vec<Fault>,
    sources: BTreeMap<String, u64>,
    clients: BTreeMap<String, u64>,
    checkpoints: BTreeMap<u64, StoredCheckpoint>,
    checked: u64,
    signed_to: u64,
    /// The head that is kept outside the database.
    outside: Option<TreeHead>,
    keys: &'a [KeyTerm],
    /// Ranges whose values an `erased` entry says are gone, by their first.
    erased: BTreeMap<u64, u64>,
    erased_values: u64,
}

impl State<'_> {
    fn fault(&mut self, entry: u64, what: String) {
        self.faults.push(Fault { entry, what });
    }

    fn is_erased(&self, seq: u64) -> bool {
        self.erased.range(..=seq).next_back().is_some_and(|(_, last)| *last >= seq)
    }

    fn entry(&mut self, conn: &Connection, entry: &Entry) -> Result<(), StoreError> {
        let seq = entry.leaf.seq;
        let hash = match entry.leaf.hash() {
            Ok(hash) => hash,
            Err(error) => {
                self.fault(seq, error.to_string());
                return Ok(());
            }
        };
        if hash.as_bytes().as_slice() != entry.kept {
            self.fault(seq, "was changed: its bytes do not give the hash in the tree".to_owned());
        }
        match &entry.value {
            Value::Gone if !entry.has_row && self.is_erased(seq) => self.erased_values += 1,
            Value::Gone if !entry.has_row => {
                self.fault(seq, "its value is missing, and no `erased` entry names it".to_owned());
            }
            _ => self.faults.extend(entry.value_fault().map(|what| Fault { entry: seq, what: what.to_owned() })),
        }
        for (numbers, text, number, whose) in [
            (&mut self.sources, &entry.leaf.source, entry.leaf.source_seq, "source"),
            (&mut self.clients, &entry.leaf.client, entry.leaf.client_seq, "client"),
        ] {
            let next = numbers.entry(text.clone()).or_default();
            if *next != number {
                let what = format!("is number {number} of its {whose}, {next} was to come");
                self.faults.push(Fault { entry: seq, what });
            }
            *next = number + 1;
        }
        let mut nodes: Vec<(NodeId, Hash)> = Vec::new();
        self.frontier.push(hash, |id, hash| {
            if id.level > 0 && id.tile_slot().is_some() {
                nodes.push((id, hash));
            }
        });
        for (id, hash) in nodes {
            if tree::node(conn, id)? != Some(hash) {
                let first = id.index << id.level;
                self.fault(first, format!("the tree's node over the entries {first} to {seq} is not theirs"));
            }
        }
        let size = self.frontier.size();
        if self.checkpoints.contains_key(&size) || self.outside.is_some_and(|head| head.size == size) {
            self.checkpoint(size);
        }
        Ok(())
    }

    fn checkpoint(&mut self, size: u64) {
        let root = self.frontier.root();
        if self.outside.is_some_and(|head| head.size == size && head.root != root) {
            let what =
                format!("the checkpoint outside the store signs {size} other entries: the journal was rewritten");
            self.fault(size, what);
        }
        let Some(checkpoint) = self.checkpoints.remove(&size) else { return };
        self.checked += 1;
        match Checkpoint::open(checkpoint.note.as_bytes(), self.keys) {
            Err(error) => self.fault(size, format!("the checkpoint of {size} entries: {error}")),
            Ok(opened) if opened.head.size != size || opened.head.root != root || checkpoint.head.root != root => {
                let what = format!("the checkpoint of {size} entries signs another tree: entries were changed");
                self.fault(size, what);
            }
            Ok(_) => self.signed_to = size,
        }
    }

    fn open_outside(&mut self, note: Option<&str>) {
        match note.map(|note| Checkpoint::open(note.as_bytes(), self.keys)) {
            None => {}
            Some(Ok(opened)) => self.outside = Some(opened.head),
            Some(Err(error)) => self.fault(0, format!("the checkpoint outside the store: {error}")),
        }
    }

    /// Checkpoints beyond the journal's end: something was cut off.
    fn beyond(&mut self) {
        let size = self.frontier.size();
        if let Some((beyond, _)) = self.checkpoints.last_key_value().filter(|(beyond, _)| **beyond > size) {
            let what = format!("a checkpoint of {beyond} entries was signed, {size} are there: entries were cut off");
            self.fault(size, what);
        }
        if let Some(outside) = self.outside.filter(|head| head.size > size) {
            let signed = outside.size;
            self.fault(size, format!("the checkpoint outside the store covers {signed} entries, {size} are there"));
        }
    }

    fn report(mut self) -> VerifyReport {
        self.faults.sort_by_key(|fault| fault.entry);
        VerifyReport {
            entries: self.frontier.size(),
            checkpoints: self.checked,
            root: self.frontier.root(),
            signed_to: self.signed_to,
            erased: self.erased_values,
            faults: self.faults,
        }
    }
}

/// The ranges that the journal itself says are erased. The table only tells where to look: what
/// counts is the `erased` entry, which is hashed with all others.
fn erased(conn: &Connection) -> Result<BTreeMap<u64, u64>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Body {
        ranges: Vec<(u64, u64)>,
    }
    let sql = "SELECT unseal(j.seq, j.commitment, p.key, p.sealed) FROM journal j JOIN payload p ON p.seq = j.seq
               WHERE j.kind = 'erased' AND j.seq IN (SELECT DISTINCT entry FROM erased)";
    let mut statement = conn.prepare(sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([]).map_err(in_act(ACT))?;
    let mut out = BTreeMap::new();
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let body = Value::of(row.get(0).map_err(in_act(ACT))?).into_body();
        let body = body.and_then(|body| serde_json::from_slice::<Body>(&body).ok());
        out.extend(body.into_iter().flat_map(|body| body.ranges));
    }
    Ok(out)
}

fn checkpoints(conn: &Connection) -> Result<BTreeMap<u64, StoredCheckpoint>, StoreError> {
    let mut statement = conn.prepare("SELECT size, root, note, signed_at_us FROM checkpoint").map_err(in_act(ACT))?;
    let rows = statement.query_map([], StoredCheckpoint::read).map_err(in_act(ACT))?;
    rows.map(|row| {
        let checkpoint = StoredCheckpoint::of(row.map_err(in_act(ACT))?)?;
        Ok((checkpoint.head.size, checkpoint))
    })
    .collect()
}

fn read(row: &Row<'_>, with_payload: bool) -> Result<Entry, StoreError> {
    let column = || -> rusqlite::Result<_> {
        let text = |place| row.get::<_, Option<String>>(place).map(Option::unwrap_or_default);
        let number = |place| row.get::<_, i64>(place).map(i64::cast_unsigned);
        let leaf = Leaf {
            seq: number(0)?,
            kind: row.get(1)?,
            source: text(2)?,
            client: text(3)?,
            client_seq: number(4)?,
            source_seq: number(5)?,
            recorded_at_us: row.get(6)?,
            device_time_us: row.get(7)?,
            clock: match row.get::<_, i64>(8)? {
                1 => ClockState::Synchronised,
                2 => ClockState::Unsynchronised,
                _ => ClockState::Unknown,
            },
            commitment: Hash([0; 32]),
        };
        let (has_row, value) =
            if with_payload { (row.get(11)?, Value::of(row.get(12)?)) } else { (false, Value::Gone) };
        Ok((leaf, row.get::<_, Vec<u8>>(9)?, row.get::<_, Vec<u8>>(10)?, has_row, value))
    };
    let (mut leaf, commitment, kept, has_row, value) = column().map_err(in_act(ACT))?;
    let seq = leaf.seq;
    leaf.commitment = Hash::from_slice(&commitment)
        .ok_or_else(|| StoreError::corrupt(ACT, format!("the commitment of entry {seq} is cut short")))?;
    Ok(Entry { leaf, kept, has_row, value })
}

/// The leaf of one entry, as its row says.
pub(crate) fn leaf(conn: &Connection, seq: u64) -> Result<Option<Leaf>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM journal j {WORDS} WHERE j.seq = ?1");
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([seq.cast_signed()]).map_err(in_act(ACT))?;
    let row = rows.next().map_err(in_act(ACT))?;
    row.map(|row| read(row, false).map(|entry| entry.leaf)).transpose()
}

/// The leaf of a row of [`COLUMNS`], and the hash under which the tree has it.
pub(crate) fn read_leaf(row: &Row<'_>) -> Result<(Leaf, Hash), StoreError> {
    let Entry { leaf, kept, .. } = read(row, false)?;
    let hash = Hash::from_slice(&kept)
        .ok_or_else(|| StoreError::corrupt(ACT, format!("the hash of entry {} is cut short", leaf.seq)))?;
    Ok((leaf, hash))
}

/// Hashes the entries from `first` on again, with their values, and holds them against `head`,
/// the tree that is to be signed.
pub(crate) fn unsigned(conn: &Connection, first: u64, head: TreeHead) -> Result<(), StoreError> {
    const ACT: &str = "hash the entries again that are to be signed";
    let wrong = |seq: u64, what: &str| StoreError::corrupt(ACT, format!("entry {seq}: {what}; nothing was signed"));
    let sql = format!(
        "SELECT {COLUMNS}, p.seq IS NOT NULL, unseal(j.seq, j.commitment, p.key, p.sealed) FROM journal j {WORDS} LEFT JOIN payload p ON p.seq = j.seq WHERE j.seq >= ?1 ORDER BY j.seq"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([first.cast_signed()]).map_err(in_act(ACT))?;
    let mut frontier = tree::frontier(conn, first)?;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let entry = read(row, true)?;
        let seq = frontier.size();
        if entry.leaf.seq != seq {
            return Err(wrong(seq, "it is missing"));
        }
        let hash = entry.leaf.hash().map_err(|error| wrong(seq, &error.to_string()))?;
        if hash.as_bytes().as_slice() != entry.kept {
            return Err(wrong(seq, "it was changed"));
        }
        if let Some(what) = entry.value_fault() {
            return Err(wrong(seq, what));
        }
        frontier.push(hash, |_, _| {});
    }
    if frontier.size() != head.size || frontier.root() != head.root {
        return Err(wrong(head.size, "what is kept gives another tree"));
    }
    Ok(())
}

/// Hashes the last entries again, at least `last` of `size`, and holds them against the tree.
pub(crate) fn tail(conn: &Connection, size: u64, last: u64) -> Result<(), StoreError> {
    const ACT: &str = "check the journal's last entries";
    let first = size.saturating_sub(last) / TILE_WIDTH * TILE_WIDTH;
    let sql = format!("SELECT {COLUMNS} FROM journal j {WORDS} WHERE j.seq >= ?1 ORDER BY j.seq");
    let mut statement = conn.prepare(&sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([first.cast_signed()]).map_err(in_act(ACT))?;
    let mut part = Frontier::new();
    let mut next = first;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let entry = read(row, false)?;
        if entry.leaf.seq != next {
            return Err(StoreError::corrupt(ACT, format!("entry {next} is missing")));
        }
        let hash = entry.leaf.hash().map_err(|error| StoreError::corrupt(ACT, error.to_string()))?;
        if hash.as_bytes().as_slice() != entry.kept {
            return Err(StoreError::corrupt(ACT, format!("entry {next} was changed")));
        }
        part.push(hash, |_, _| {});
        next += 1;
        if next.is_multiple_of(TILE_WIDTH) {
            let id = NodeId { level: 8, index: next / TILE_WIDTH - 1 };
            if tree::node(conn, id)? != Some(part.root()) {
                let group = next - TILE_WIDTH;
                return Err(StoreError::corrupt(ACT, format!("the entries from {group} on are not those of the tree")));
            }
            part = Frontier::new();
        }
    }
    if next != size {
        return Err(StoreError::corrupt(ACT, format!("{next} entries are there, the store speaks of {size}")));
    }
    Ok(())
}
