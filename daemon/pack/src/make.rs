//! Putting a pack together, one entry after another: memory stays small however long it gets.

use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use kukaku_ledger::{Hash, NodeId};

use crate::archive::{self, NAMES};
use crate::cover::{Row, cover};
use crate::entry::{LINE_MAX_BYTES, Line};
use crate::error::PackError;
use crate::manifest::{Manifest, Order, is_named};
use crate::seal::{Seal, Sealing, SealingWriter};
use crate::sheets::Sheets;
use crate::text::HOW_TO;
use crate::verify::{Course, MANIFEST_MAX_BYTES, Range};

/// Room for a long file until its hash is known.
pub trait Part: Read + Write + Seek {}

impl<P: Read + Write + Seek> Part for P {}

/// What is written small at a time waits here, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

type Growing<P> = SealingWriter<BufWriter<P>>;

/// Takes the entries of a pack.
pub struct Maker<P: Part> {
    order: Order,
    first: u64,
    next: u64,
    row: Row,
    left: Vec<String>,
    course: Course,
    sheets: Sheets,
    entries: Growing<P>,
    leaves: Growing<P>,
    tables: [Growing<P>; 3],
}

/// What is not an entry.
pub struct Closing {
    /// The checkpoint, signed by the site alone: who cosigned it stands beside the pack.
    pub checkpoint: Vec<u8>,
    /// The site's keys with their terms, as `keys.txt` says them.
    pub keys: String,
    /// Numbers of late entries, in runs.
    pub late: Vec<(u64, u64)>,
}

/// A pack but for its signature.
pub struct Made<P> {
    /// What the manifest says.
    pub manifest: Manifest,
    /// The hash of the manifest, which the site signs ([`crate::manifest_text`]).
    pub sha256: Hash,
    json: String,
    small: Vec<(&'static str, Vec<u8>)>,
    long: Vec<(&'static str, Seal, P)>,
}

fn growing<P: Part>(part: P) -> Growing<P> {
    SealingWriter { inner: BufWriter::with_capacity(BUFFER_BYTES, part), sealing: Sealing::default() }
}

fn hashes(
    parts: Vec<NodeId>,
    row: &mut Row,
    node: &mut impl FnMut(NodeId) -> Option<Hash>,
) -> Result<Vec<String>, PackError> {
    let hash = |id: NodeId| {
        let hash = node(id).ok_or(PackError::Root)?;
        row.push(id.level, hash);
        Ok(hash.to_string())
    };
    parts.into_iter().map(hash).collect()
}

impl<P: Part> Maker<P> {
    /// Begins a pack whose range begins at journal number `first`. `node` gives the hash of any
    /// complete subtree of the signed tree, `part` room for each of five files.
    ///
    /// # Errors
    /// A node that is missing, and what `part` says.
    pub fn new(
        order: Order,
        first: u64,
        mut node: impl FnMut(NodeId) -> Option<Hash>,
        mut part: impl FnMut() -> io::Result<P>,
    ) -> Result<Self, PackError> {
        let mut row = Row::default();
        let left = hashes(cover(0, first), &mut row, &mut node)?;
        let sheets = Sheets::new(order.csv);
        let mut tables = [growing(part()?), growing(part()?), growing(part()?)];
        for (table, head) in tables.iter_mut().zip(sheets.heads()) {
            table.write_all(&head)?;
        }
        let course = Course::new(&order.client, order.from_us, order.to_us);
        let (entries, leaves) = (growing(part()?), growing(part()?));
        Ok(Self { order, first, next: first, row, left, course, sheets, entries, leaves, tables })
    }

    /// The next entry of the range, of which the hash alone is given.
    ///
    /// # Errors
    /// What a part says.
    pub fn masked(&mut self, hash: Hash) -> Result<(), PackError> {
        self.row.push(0, hash);
        self.next += 1;
        self.leaves.write_all(hash.as_bytes())?;
        Ok(())
    }

    /// The next entry of the range, opened.
    ///
    /// # Errors
    /// An entry that would not verify: out of order, with a hole before it, with another value
    /// than its leaf commits to.
    pub fn opened(&mut self, line: &Line) -> Result<(), PackError> {
        let seq = line.leaf.seq;
        if seq != self.next {
            return Err(PackError::entry(self.next, "is missing from the journal"));
        }
        line.check_value()?;
        self.course.take(line)?;
        let text = line.to_text()?;
        if text.len() > LINE_MAX_BYTES {
            return Err(PackError::entry(seq, format!("is longer than the {LINE_MAX_BYTES} bytes of a line")));
        }
        self.entries.write_all(text.as_bytes())?;
        if let Some((number, bytes)) = self.sheets.row(line)? {
            self.tables[number].write_all(&bytes)?;
        }
        let hash = line.leaf.hash().map_err(|error| PackError::leaf(seq, &error))?;
        self.masked(hash)
    }

    /// Ends the range.
    ///
    /// # Errors
    /// [`PackError::Root`]: the entries don't give the root that was ordered.
    pub fn finish(
        mut self,
        closing: Closing,
        mut node: impl FnMut(NodeId) -> Option<Hash>,
    ) -> Result<Made<P>, PackError> {
        let right = hashes(cover(self.next, self.order.tree_size), &mut self.row, &mut node)?;
        if self.row.root() != self.order.root || self.row.size() != self.order.tree_size {
            return Err(PackError::Root);
        }
        let count = self.next - self.first;
        self.course.finish(self.first, count);
        let range = Range { first: self.first, count, left: self.left, right };
        let small: Vec<(&'static str, Vec<u8>)> = vec![
            (archive::CHECKPOINT, closing.checkpoint),
            (archive::KEYS, closing.keys.into_bytes()),
            (archive::RANGE, range.to_json().into_bytes()),
            (archive::HOW_TO, HOW_TO.replace('\n', "\r\n").into_bytes()),
        ];
        let [sessions, passages, findings] = self.tables;
        let mut long = Vec::new();
        for (name, file) in [
            (archive::ENTRIES, self.entries),
            (archive::LEAVES, self.leaves),
            (archive::SESSIONS, sessions),
            (archive::PASSAGES, passages),
            (archive::FINDINGS, findings),
        ] {
            let part = file.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
            long.push((name, file.sealing.done(), part));
        }
        let mut files: Vec<(&'static str, Seal)> = small.iter().map(|(name, bytes)| (*name, Seal::of(bytes))).collect();
        files.extend(long.iter().map(|(name, seal, _)| (*name, *seal)));
        files.sort_by_key(|(name, _)| NAMES.iter().position(|known| known == name));
        debug_assert!(files.iter().all(|(name, _)| is_named(name)), "the manifest names itself nowhere");
        let manifest = Manifest::new(&self.order, &self.course.counted, &closing.late, &files);
        let json = manifest.to_json();
        if json.len() > MANIFEST_MAX_BYTES as usize {
            let what = "too many runs of late or erased entries to name; take out a shorter period";
            return Err(PackError::Archive(what.to_owned()));
        }
        Ok(Made { sha256: Hash::of(json.as_bytes()), manifest, json, small, long })
    }
}

impl<P: Part> Made<P> {
    /// Writes the archive, with the site's signature over the manifest.
    ///
    /// # Errors
    /// What `out` says; a pack above [`crate::PACK_MAX_BYTES`].
    pub fn write(self, signature: &[u8], out: &mut impl Write) -> Result<(), PackError> {
        let (mut small, mut long) = (self.small, self.long);
        let mut files: Vec<(&'static str, Seal, Box<dyn Read + '_>)> = Vec::new();
        small.push((archive::MANIFEST, self.json.into_bytes()));
        small.push((archive::MANIFEST_NOTE, signature.to_vec()));
        for (name, bytes) in small {
            files.push((name, Seal::of(&bytes), Box::new(io::Cursor::new(bytes))));
        }
        for (name, seal, part) in &mut long {
            part.seek(SeekFrom::Start(0))?;
            files.push((name, *seal, Box::new(part)));
        }
        files.sort_by_key(|(name, ..)| NAMES.iter().position(|known| known == name));
        let mut files: Vec<(Seal, Box<dyn Read + '_>)> =
            files.into_iter().map(|(_, seal, content)| (seal, content)).collect();
        archive::write(out, &mut files)
    }
}

impl<P: Part> std::fmt::Debug for Maker<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maker").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<P> std::fmt::Debug for Made<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}
