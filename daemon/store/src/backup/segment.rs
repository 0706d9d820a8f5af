//! A segment: some entries of the journal, as one file that is there whole or not at all.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use kukaku_ledger::{Checkpoint, Frontier, HASH_BYTES, Hash, Head, Leaf, SignedNote, leaf_hash};
use kukaku_schema::UtcMicros;
use sha2::{Digest as _, Sha256};

use super::error::{BackupError, io};
use crate::checkpoint::StoredCheckpoint;

/// How a segment begins: its format and version.
const MAGIC: &[u8; 16] = b"kukaku-backup-1\n";

/// Longest part of a segment in bytes: no value, note or copy comes near, and damage can't ask for
/// more memory.
const PART_MAX: usize = 256 << 20;

/// Bytes that are read and written together.
const BUFFER_BYTES: usize = 1 << 20;

/// Which entries a segment holds, and under which root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSummary {
    /// The file.
    pub path: PathBuf,
    /// Its first entry.
    pub first: u64,
    /// The first entry after it: the tree's size.
    pub end: u64,
    /// The tree's root there.
    pub root: Hash,
    /// Its bytes.
    pub bytes: u64,
}

/// A value as it lies in a segment: the number of its data key, and the sealed bytes.
pub(super) type Sealed = (u64, Vec<u8>);

/// One entry as it lies in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) leaf: Vec<u8>,
    /// Its data key and sealed value; none: it was erased.
    pub(super) sealed: Option<Sealed>,
}

/// What follows the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) checkpoints: Vec<StoredCheckpoint>,
    /// The sealed copy of what is not in the journal.
    pub(super) beside: Vec<u8>,
}

/// The file's name; they sort by what they hold.
pub(super) fn file_name(first: u64, end: u64) -> String {
    format!("{first:020}-{end:020}.seg")
}

/// What a name says that a segment holds.
pub(super) fn of_name(name: &str) -> Option<(u64, u64)> {
    let (first, end) = name.strip_suffix(".seg")?.split_once('-')?;
    let (first, end) = (first.parse().ok()?, end.parse().ok()?);
    (file_name(first, end) == name && first < end).then_some((first, end))
}

/// Writes a segment: everything goes through the hash.
pub(super) struct Writer {
    out: BufWriter<File>,
    hash: Sha256,
    part: PathBuf,
    path: PathBuf,
}

impl Writer {
    pub(super) fn new(folder: &Path, origin: &str, first: u64, end: u64) -> Result<Self, BackupError> {
        let path = folder.join(file_name(first, end));
        let part = path.with_extension("part");
        let file = File::create(&part).map_err(io("write", &part))?;
        let mut writer = Self { out: BufWriter::with_capacity(BUFFER_BYTES, file), hash: Sha256::new(), part, path };
        writer.bytes(MAGIC)?;
        writer.part(origin.as_bytes())?;
        writer.bytes(&first.to_be_bytes())?;
        writer.bytes(&(end - first).to_be_bytes())?;
        Ok(writer)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hash.update(bytes);
        self.out.write_all(bytes).map_err(io("write", &self.part))
    }

    fn part(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= PART_MAX);
        let length = length.ok_or_else(|| BackupError::Damaged {
            path: self.path.clone(),
            what: format!("a part of it would have {} bytes", bytes.len()),
        })?;
        self.bytes(&length.to_be_bytes())?;
        self.bytes(bytes)
    }

    pub(super) fn entry(&mut self, entry: &Entry) -> Result<(), BackupError> {
        self.part(&entry.leaf)?;
        match &entry.sealed {
            None => self.bytes(&[0]),
            Some((key, sealed)) => {
                self.bytes(&[1])?;
                self.bytes(&key.to_be_bytes())?;
                self.part(sealed)
            }
        }
    }

    /// Ends the segment and gives it its name. Power may fail anywhere: it is there whole or not.
    pub(super) fn finish(mut self, root: &Hash, tail: &Tail) -> Result<PathBuf, BackupError> {
        let count = u32::try_from(tail.checkpoints.len()).unwrap_or(u32::MAX);
        self.bytes(&count.to_be_bytes())?;
        for checkpoint in &tail.checkpoints {
            self.bytes(&checkpoint.signed_at.0.to_be_bytes())?;
            self.part(checkpoint.note.as_bytes())?;
        }
        self.part(&tail.beside)?;
        self.bytes(root.as_bytes())?;
        let hash = self.hash.clone().finalize();
        self.out.write_all(&hash).map_err(io("write", &self.part))?;
        let file = self.out.into_inner().map_err(|error| io("write", &self.part)(error.into_error()))?;
        file.sync_all().map_err(io("write", &self.part))?;
        fs::rename(&self.part, &self.path).map_err(io("rename", &self.part))?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("make the names durable in", folder))?;
        Ok(self.path)
    }
}

struct Reader {
    input: BufReader<File>,
    hash: Sha256,
    path: PathBuf,
}

impl Reader {
    fn damaged(&self, what: impl Into<String>) -> BackupError {
        BackupError::Damaged { path: self.path.clone(), what: what.into() }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        match self.input.read_exact(bytes) {
            Ok(()) => {
                self.hash.update(&*bytes);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(self.damaged("it is cut short")),
            Err(error) => Err(io("read", &self.path)(error)),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], BackupError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn part(&mut self) -> Result<Vec<u8>, BackupError> {
        let length = u32::from_be_bytes(self.take()?) as usize;
        if length > PART_MAX {
            return Err(self.damaged("a part of it is too long"));
        }
        // What isn't there is not given memory.
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let start = bytes.len();
            bytes.resize(length.min(start + BUFFER_BYTES), 0);
            self.fill(&mut bytes[start..])?;
        }
        Ok(bytes)
    }
}

/// Reads a segment through: hands every entry to `take`, whose leaves go on from `frontier`, and
/// returns what follows them. Nothing of it may be trusted before this has returned.
pub(super) fn read<E: From<BackupError>>(
    path: &Path,
    origin: Option<&str>,
    frontier: &mut Frontier,
    mut take: impl FnMut(Leaf, Entry) -> Result<(), E>,
) -> Result<(SegmentSummary, String, Tail), E> {
    let file = File::open(path).map_err(io("read", path))?;
    let bytes = file.metadata().map_err(io("read", path))?.len();
    let input = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut reader = Reader { input, hash: Sha256::new(), path: path.to_owned() };
    if reader.take::<16>()? != *MAGIC {
        return Err(reader.damaged("it is no segment, or of a newer format").into());
    }
    let found = String::from_utf8(reader.part()?).map_err(|_| reader.damaged("its origin is no text"))?;
    if let Some(expected) = origin.filter(|expected| *expected != found) {
        return Err(reader.damaged(format!("it is of {found}, not of {expected}")).into());
    }
    let (first, count) = (u64::from_be_bytes(reader.take()?), u64::from_be_bytes(reader.take()?));
    let end = first.checked_add(count).ok_or_else(|| reader.damaged("its numbers are none"))?;
    let named = path.file_name().and_then(|name| of_name(&name.to_string_lossy()));
    if named != Some((first, end)) || frontier.size() != first {
        return Err(reader.damaged("it holds other entries than its name says").into());
    }
    for seq in first..end {
        let bytes = reader.part()?;
        let leaf = Leaf::decode(&bytes).map_err(|error| reader.damaged(format!("entry {seq}: {error}")))?;
        if leaf.seq != seq {
            return Err(reader.damaged(format!("entry {seq} says that it is {}", leaf.seq)).into());
        }
        let sealed = match reader.take()? {
            [0] => None,
            [1] => Some((u64::from_be_bytes(reader.take()?), reader.part()?)),
            _ => return Err(reader.damaged(format!("entry {seq}: neither erased nor not")).into()),
        };
        frontier.push(leaf_hash(&bytes), |_, _| {});
        take(leaf, Entry { leaf: bytes, sealed })?;
    }
    let tail = tail(&mut reader)?;
    let root = Hash(reader.take::<HASH_BYTES>()?);
    let hash = reader.hash.clone().finalize();
    let mut stated = [0; 32];
    reader.input.read_exact(&mut stated).map_err(|_| reader.damaged("it is cut short"))?;
    let more = reader.input.read(&mut [0]).map_err(io("read", path))?;
    if more > 0 || hash[..] != stated {
        return Err(reader.damaged("its SHA-256 is another: a byte of it was changed").into());
    }
    let head = Head { size: end, root };
    if frontier.root() != root || tail.checkpoints.last().map(|last| last.head) != Some(head) {
        return Err(reader.damaged("its entries do not give the root that was signed").into());
    }
    Ok((SegmentSummary { path: path.to_owned(), first, end, root, bytes }, found, tail))
}

fn tail(reader: &mut Reader) -> Result<Tail, BackupError> {
    let count = u32::from_be_bytes(reader.take()?);
    let mut checkpoints = Vec::new();
    for _ in 0..count {
        let signed_at = UtcMicros(i64::from_be_bytes(reader.take()?));
        let note = String::from_utf8(reader.part()?).map_err(|_| reader.damaged("a checkpoint is no text"))?;
        let head = head_of(&note).ok_or_else(|| reader.damaged("a checkpoint is none"))?;
        checkpoints.push(StoredCheckpoint { head, note, signed_at });
    }
    Ok(Tail { checkpoints, beside: reader.part()? })
}

/// The head in a signed note; the signature is not looked at.
fn head_of(note: &str) -> Option<Head> {
    let note = SignedNote::parse(note.as_bytes()).ok()?;
    Checkpoint::parse_body(note.text()).ok().map(|checkpoint| checkpoint.head)
}

/// The origin of a signed note.
pub(super) fn origin_of(note: &str) -> Option<String> {
    let note = SignedNote::parse(note.as_bytes()).ok()?;
    Checkpoint::parse_body(note.text()).ok().map(|checkpoint| checkpoint.origin)
}
