//! A store made of a backup: the journal verbatim, and what is derived of it.

use std::path::Path;

use kukaku_core::Names;
use kukaku_ledger::{Frontier, Head as TreeHead, Leaf};
use kukaku_schema::UtcMicros;
use rusqlite::Connection;

use super::beside::{self, Beside, REGISTERS};
use super::derive::Deriving;
use super::error::BackupError;
use super::folder::Generation;
use super::segment::{Entry, Tail, read};
use crate::batch::Batch;
use crate::error::{StoreError, in_act};
use crate::registers::registers;
use crate::store::Store;

const ACT: &str = "restore a backup";

/// Entries that are put back in one transaction: as many as keep its memory at some MiB.
const GROUP: usize = 1024;

/// A store that was made of a backup. Stays, outages and what is shown of sessions come from the
/// engine, which this room doesn't know: they are the caller's to add.
#[derive(Debug)]
pub struct Restored {
    /// The store, as far as it goes without the engine.
    pub store: Store,
    /// Its texts.
    pub names: Names,
    /// Whose it is.
    pub origin: String,
    /// Entries, and the root over them.
    pub head: TreeHead,
    /// Values that can't be opened: erased, or their keys are not at hand.
    pub gone: u64,
    /// Those of them that no `erased` entry names: erased after this backup was made, or their
    /// keys are not at hand. A verification names each.
    pub unnamed: u64,
    /// The copy of what is not in the journal could be opened: users and keys of sources are there.
    pub beside: bool,
    /// Texts that lay beside the store: name and content.
    pub files: Vec<(String, String)>,
    /// Verdicts, findings and stays of before it are final.
    pub final_before: Option<UtcMicros>,
}

/// Makes a store at `path`, which must not exist, of a generation. The keys that open its values
/// must lie in the folder `keys` beside `path` already. `progress` is told how many entries of how
/// many are done.
///
/// # Errors
/// [`BackupError::Gap`], [`BackupError::Damaged`] name what is missing or changed: an older
/// generation may be whole.
pub fn restore_journal(
    generation: &Generation,
    path: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Restored, BackupError> {
    generation.check_whole()?;
    let mut restoring = Restoring {
        store: Store::create(path, UtcMicros::MIN)?,
        deriving: Deriving { names: Names::new(), directory: None, gone: Vec::new() },
        pending: Vec::new(),
    };
    restoring.deriving.names.intern("");
    let (mut frontier, mut origin, mut last) = (Frontier::new(), None, None);
    for (segment, ..) in &generation.segments {
        let mut done = frontier.size();
        let (summary, found, tail) = read::<BackupError>(segment, origin.as_deref(), &mut frontier, |leaf, entry| {
            done += 1;
            restoring.take(leaf, entry)?;
            if done % (GROUP as u64) == 0 {
                progress(done, generation.size());
            }
            Ok(())
        })?;
        restoring.flush()?;
        for checkpoint in &tail.checkpoints {
            restoring.store.keep_checkpoint(checkpoint)?;
        }
        origin = Some(found);
        last = Some((summary, tail));
    }
    progress(generation.size(), generation.size());
    let none = || BackupError::NoGeneration { folder: generation.folder.clone(), wanted: Some(generation.number) };
    let (summary, tail) = last.ok_or_else(none)?;
    let head = restoring.store.tree_head();
    if head != (TreeHead { size: summary.end, root: summary.root }) {
        return Err(StoreError::corrupt(ACT, "the tree that was built is not the one of the backup").into());
    }
    restoring.finish(path, summary.first, head, &tail, origin.unwrap_or_default())
}

struct Restoring {
    store: Store,
    deriving: Deriving,
    pending: Vec<(Leaf, Entry)>,
}

impl Restoring {
    fn take(&mut self, leaf: Leaf, entry: Entry) -> Result<(), BackupError> {
        self.pending.push((leaf, entry));
        if self.pending.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BackupError> {
        let Some((first, _)) = self.pending.first() else { return Ok(()) };
        let mut batch = self.store.begin(UtcMicros(first.recorded_at_us))?;
        for (leaf, entry) in self.pending.drain(..) {
            batch.put_and_derive(&leaf, entry.sealed.as_ref(), &mut self.deriving)?;
        }
        let at = batch.recorded_at();
        batch.commit(at, &self.deriving.names)?;
        Ok(())
    }

    fn finish(
        mut self,
        path: &Path,
        first: u64,
        head: TreeHead,
        tail: &Tail,
        origin: String,
    ) -> Result<Restored, BackupError> {
        let beside = beside::open(path, first, head.size, &tail.beside)?;
        let at = self.store.head().recorded_at;
        // While watching went on, every entry says that it did.
        if !self.store.head.stopped && self.store.head.watched_to.is_some() {
            self.store.head.watched_to = Some(at);
        }
        let Deriving { names, gone, .. } = &mut self.deriving;
        let mut batch = self.store.begin(at)?;
        let (unnamed, last_gone) = note_gone(&batch, gone, head.size)?;
        let mut advanced_to = at;
        let mut files = Vec::new();
        let mut final_before = None;
        if let Some(beside) = &beside {
            advanced_to = put_beside(&mut batch, beside, head.size, names)?.max(at);
            files.clone_from(&beside.files);
            final_before = beside.final_before_us.map(UtcMicros);
        }
        // What was judged with what is gone can't be judged again.
        let final_before = final_before.max(last_gone.map(|at| UtcMicros(at.0 + 1)));
        batch.commit(advanced_to, names)?;
        Ok(Restored {
            store: self.store,
            gone: self.deriving.gone.len() as u64,
            unnamed,
            names: self.deriving.names,
            origin,
            head,
            beside: beside.is_some(),
            files,
            final_before,
        })
    }
}

impl Batch<'_> {
    /// Says before which instant verdicts, findings and stays are final: their inputs were erased
    /// before the backup was made.
    pub fn set_final_before(&mut self, at: UtcMicros) {
        self.touched_by_erasing();
        self.store.head.final_before = Some(at);
    }
}

/// Values that no `erased` entry names, and whose keys are not at hand: they count as erased by
/// what this journal can't tell any more.
fn note_gone(batch: &Batch<'_>, gone: &[u64], size: u64) -> Result<(u64, Option<UtcMicros>), StoreError> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut named = batch
        .connection()
        .prepare("SELECT EXISTS (SELECT 1 FROM erased WHERE first <= ?1 AND last >= ?1)")
        .map_err(in_act(ACT))?;
    for &seq in gone {
        if named.query_row([seq.cast_signed()], |row| row.get(0)).map_err(in_act(ACT))? {
            continue;
        }
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => ranges.push((seq, seq)),
        }
    }
    for range in &ranges {
        batch.note_erased(*range, size.saturating_sub(1))?;
    }
    let last = match ranges.last() {
        None => None,
        Some((_, last)) => Some(recorded_at(batch.connection(), *last)?),
    };
    Ok((ranges.iter().map(|(first, last)| last - first + 1).sum(), last))
}

fn recorded_at(conn: &Connection, seq: u64) -> Result<UtcMicros, StoreError> {
    conn.query_row("SELECT recorded_at_us FROM journal WHERE seq = ?1", [seq.cast_signed()], |row| row.get(0))
        .map(UtcMicros)
        .map_err(in_act(ACT))
}

/// Puts the copy of what is not in the journal back; returns the engine's `now`.
fn put_beside(batch: &mut Batch<'_>, beside: &Beside, size: u64, names: &mut Names) -> Result<UtcMicros, StoreError> {
    for (name, table) in &beside.tables {
        if REGISTERS.contains(&name.as_str()) {
            batch.connection().execute(&format!("DELETE FROM {name}"), []).map_err(in_act(ACT))?;
        }
        beside::fill_table(batch.connection(), name, table)?;
    }
    if beside.tables.contains_key(REGISTERS[0]) {
        cut_registers(batch.connection(), size)?;
        if let Some(registers) = registers(batch.connection())? {
            batch.show_readings_anew(UtcMicros::MIN, &registers, names)?;
        }
    }
    for (source, duplicates, link, first, last) in &beside.sources {
        let Some(seen) = names.find(source).and_then(|word| batch.store.sources.get_mut(&word)) else { continue };
        seen.duplicates = duplicates.cast_unsigned();
        seen.link.clone_from(link);
        seen.first_at = UtcMicros(*first);
        seen.last_at = UtcMicros(*last);
        seen.dirty = true;
    }
    batch.touched_by_erasing();
    let head = &mut batch.store.head;
    // The journal may have gone on between the checkpoint and the copy.
    if beside.journal_size != size {
        return Ok(head.recorded_at);
    }
    batch.recorded_at = batch.recorded_at.max(UtcMicros(beside.recorded_at_us));
    head.watched_to = beside.watched_to_us.map(UtcMicros);
    head.stopped = beside.stopped;
    Ok(UtcMicros(beside.advanced_to_us))
}

/// What came after the last entry has not happened.
fn cut_registers(conn: &Connection, size: u64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM register_entry WHERE journal_seq >= ?1",
        "DELETE FROM register_change WHERE journal_seq >= ?1",
        "UPDATE register_entry SET replaced_seq = NULL WHERE replaced_seq >= ?1",
    ] {
        conn.execute(sql, [size.cast_signed()]).map_err(in_act(ACT))?;
    }
    Ok(())
}
