//! Verification: from the bytes of a pack and the keys that the client itself keeps.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read, Seek};

use kukaku_ledger::{Checkpoint, HASH_BYTES, Hash, KeyTerm, NOTE_MAX_BYTES, SignedNote, VerifierKey};
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, CHECKPOINT, ENTRIES, LEAVES, MANIFEST, MANIFEST_NOTE, NAMES, RANGE};
use crate::cover::{Row, cover};
use crate::entry::{LINE_MAX_BYTES, Line, Opened};
use crate::error::PackError;
use crate::manifest::{Counted, Manifest, add_to_runs, is_named, manifest_text};
use crate::order::{Answers, ShownAnswer};
use crate::seal::Sealing;
use crate::sheets::{SHEET_NAMES, Sheets};

/// Largest manifest in bytes: a hundred thousand runs of numbers.
pub(crate) const MANIFEST_MAX_BYTES: u32 = 8 * 1024 * 1024;

/// Largest `range.json` in bytes: 126 hashes.
const RANGE_MAX_BYTES: u32 = 64 * 1024;

/// The kind of an entry that is a step of a work order.
const ORDER_STEP: &str = "order.revised";

/// Piece in which the two long files are read, in bytes.
const PIECE: usize = 64 * 1024;

/// What a verified pack says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The manifest; every count in it is what the entries show.
    pub manifest: Manifest,
    /// The root of the signed tree.
    pub root: Hash,
    /// The checkpoint, for the memory.
    pub checkpoint: Vec<u8>,
    /// The client's own entries are shown from its first, or from a fence on.
    pub from_start: bool,
    /// They are shown up to a fence; false: none was recorded after the period yet, and nothing
    /// proves that none follows the last one shown.
    pub to_end: bool,
    /// The city's own answers to work orders; every signature holds under the key beside it.
    pub answers: Vec<ShownAnswer>,
}

/// `range.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    pub first: u64,
    pub count: u64,
    pub left: Vec<String>,
    pub right: Vec<String>,
}

impl Range {
    pub(crate) fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("texts and numbers always serialise");
        text.push('\n');
        text
    }

    fn parse(bytes: &[u8]) -> Result<Self, PackError> {
        let range: Self = serde_json::from_slice(bytes).map_err(|e| PackError::form(RANGE, e.to_string()))?;
        if range.to_json().as_bytes() != bytes {
            return Err(PackError::form(RANGE, "not written as a pack writes it"));
        }
        Ok(range)
    }
}

/// Verifies a pack. `terms` gives the keys that are trusted for an origin, with their terms.
///
/// # Errors
/// The first thing that is wrong; nothing in the pack is then to be believed.
pub fn verify<R: Read + Seek>(source: R, terms: impl FnOnce(&str) -> Vec<KeyTerm>) -> Result<Verified, PackError> {
    let source = RefCell::new(source);
    let archive = Archive::open(&source)?;
    let manifest_bytes = archive.small(MANIFEST, MANIFEST_MAX_BYTES)?;
    let manifest = Manifest::parse(&manifest_bytes)?;
    let terms = terms(&manifest.origin);
    if terms.is_empty() {
        return Err(PackError::UnknownSite(manifest.origin));
    }
    check_signature(&archive, &manifest, &manifest_bytes, &terms)?;
    check_files(&archive, &manifest)?;
    let checkpoint = archive.small(CHECKPOINT, NOTE_MAX_BYTES as u32)?;
    let opened =
        Checkpoint::open(&checkpoint, &terms).map_err(|source| PackError::Signature { file: CHECKPOINT, source })?;
    let root = opened.head.root;
    if opened.origin != manifest.origin || opened.head.size != manifest.tree_size || root.to_string() != manifest.root {
        return Err(PackError::Says("tree"));
    }
    let (course, answers) = check_entries(&archive, &manifest, root)?;
    Ok(Verified {
        from_start: course.next.is_some(),
        to_end: course.counted.fence_after.is_some(),
        manifest,
        root,
        checkpoint,
        answers,
    })
}

/// The manifest's signature: one, by a trusted key whose term had not ended at the tree's size.
fn check_signature<R: Read + Seek>(
    archive: &Archive<'_, R>,
    manifest: &Manifest,
    bytes: &[u8],
    terms: &[KeyTerm],
) -> Result<(), PackError> {
    let wrong = |source| PackError::Signature { file: MANIFEST_NOTE, source };
    let note = SignedNote::parse(&archive.small(MANIFEST_NOTE, NOTE_MAX_BYTES as u32)?).map_err(wrong)?;
    if note.text() != manifest_text(&manifest.origin, Hash::of(bytes)) {
        return Err(PackError::File(MANIFEST));
    }
    if note.signatures().len() != 1 {
        return Err(PackError::form(MANIFEST_NOTE, "not exactly one signature"));
    }
    let ended = |term: &KeyTerm| term.until_size.is_some_and(|until| manifest.tree_size >= until);
    let keys: Vec<VerifierKey> = terms.iter().filter(|term| !ended(term)).map(|term| term.key.clone()).collect();
    let signers = note.verify(&keys).map_err(wrong)?;
    match signers.iter().all(|key| key.name() == manifest.origin) {
        true => Ok(()),
        false => Err(PackError::Says("origin")),
    }
}

fn check_files<R: Read + Seek>(archive: &Archive<'_, R>, manifest: &Manifest) -> Result<(), PackError> {
    for name in NAMES {
        let seal = archive.seal(name)?;
        let line = manifest.files.iter().find(|line| line.name == name);
        let same = line.map(|line| line.bytes == seal.bytes && line.sha256 == seal.sha256.to_string());
        if is_named(name) && same != Some(true) {
            return Err(PackError::File(name));
        }
    }
    Ok(())
}

/// Reads entries and leaves side by side: order, holes, values, CSV files, root, counts.
fn check_entries<R: Read + Seek>(
    archive: &Archive<'_, R>,
    manifest: &Manifest,
    root: Hash,
) -> Result<(Course, Vec<ShownAnswer>), PackError> {
    let range = Range::parse(&archive.small(RANGE, RANGE_MAX_BYTES)?)?;
    let end = range.first.checked_add(range.count).filter(|end| *end <= manifest.tree_size);
    let end = end.ok_or_else(|| PackError::form(RANGE, "the range lies outside the tree"))?;
    let mut row = Row::default();
    push_side(&mut row, 0, range.first, &range.left)?;
    let mut course = Course::new(&manifest.client, manifest.from_us, manifest.to_us);
    let mut leaves = BufReader::with_capacity(PIECE, archive.content(LEAVES));
    let mut next_leaf = |row: &mut Row| -> Result<Hash, PackError> {
        let mut hash = [0; HASH_BYTES];
        leaves.read_exact(&mut hash).map_err(|_| PackError::form(LEAVES, "fewer leaves than the range has"))?;
        row.push(0, Hash(hash));
        Ok(Hash(hash))
    };
    let mut entries = BufReader::with_capacity(PIECE, archive.content(ENTRIES));
    let sheets = Sheets::new(manifest.csv);
    let mut rows = sheets.heads().map(|head| {
        let mut sealing = Sealing::default();
        sealing.take(&head);
        sealing
    });
    let (mut text, mut answers) = (Vec::new(), Answers::default());
    loop {
        text.clear();
        let read = (&mut entries).take(LINE_MAX_BYTES as u64).read_until(b'\n', &mut text)?;
        if read == 0 {
            break;
        }
        let line = Line::parse(&text)?;
        let seq = line.leaf.seq;
        if seq < row.size() || seq >= end {
            return Err(PackError::entry(seq, "stands out of order, or outside the range"));
        }
        while row.size() < seq {
            next_leaf(&mut row)?;
        }
        let hash = line.leaf.hash().map_err(|error| PackError::leaf(seq, &error))?;
        if next_leaf(&mut row)? != hash {
            return Err(PackError::entry(seq, "is not the one in the tree"));
        }
        course.take(&line)?;
        if let Opened::Whole { body, .. } = &line.opened
            && line.leaf.kind == ORDER_STEP
        {
            answers.take(seq, body).map_err(|what| PackError::entry(seq, what))?;
        }
        if let Some((number, bytes)) = sheets.row(&line)? {
            rows[number].take(&bytes);
        }
    }
    while row.size() < end {
        next_leaf(&mut row)?;
    }
    if leaves.read(&mut [0])? != 0 {
        return Err(PackError::form(LEAVES, "more leaves than the range has"));
    }
    push_side(&mut row, end, manifest.tree_size, &range.right)?;
    if row.root() != root {
        return Err(PackError::Root);
    }
    for (name, sealing) in SHEET_NAMES.into_iter().zip(rows) {
        let derived = sealing.done().sha256.to_string();
        if !manifest.files.iter().any(|line| line.name == name && line.sha256 == derived) {
            return Err(PackError::File(name));
        }
    }
    course.finish(range.first, range.count);
    course.compare(manifest)?;
    Ok((course, answers.shown))
}

fn push_side(row: &mut Row, start: u64, end: u64, hashes: &[String]) -> Result<(), PackError> {
    let parts = cover(start, end);
    if parts.len() != hashes.len() {
        return Err(PackError::form(RANGE, "more or fewer hashes than the tree has parts"));
    }
    for (part, hash) in parts.into_iter().zip(hashes) {
        let hash = Hash::from_hex(hash).filter(|h| h.to_string() == *hash);
        row.push(part.level, hash.ok_or_else(|| PackError::form(RANGE, "not a hash"))?);
    }
    Ok(())
}

/// What the entries show, one after another: their order, and the numbers of the client.
#[derive(Debug)]
pub(crate) struct Course {
    client: String,
    from_us: i64,
    to_us: i64,
    recorded_us: i64,
    /// The client's next number.
    next: Option<u64>,
    pub counted: Counted,
}

impl Course {
    pub(crate) fn new(client: &str, from_us: i64, to_us: i64) -> Self {
        let client = client.to_owned();
        Self { client, from_us, to_us, recorded_us: i64::MIN, next: None, counted: Counted::default() }
    }

    pub(crate) fn take(&mut self, line: &Line) -> Result<(), PackError> {
        let (leaf, seq) = (&line.leaf, line.leaf.seq);
        let wrong = |what: &str| Err(PackError::entry(seq, what));
        if leaf.recorded_at_us < self.recorded_us {
            return wrong("was recorded before the one before it");
        }
        self.recorded_us = leaf.recorded_at_us;
        let (before, after) = (leaf.recorded_at_us < self.from_us, leaf.recorded_at_us >= self.to_us);
        let person = match &line.opened {
            Opened::Whole { person, .. } => person.as_deref(),
            Opened::Fence | Opened::Erased => None,
        };
        if leaf.client != self.client || self.client.is_empty() {
            let readable = leaf.client.is_empty() && !self.client.is_empty() && person.is_some();
            if !readable || before || after {
                return wrong("is not the client's, and nobody's who works for it, or lies outside the period");
            }
        } else {
            if person.is_some() {
                return wrong("is the client's own and names a person beside");
            }
            let fence = line.opened == Opened::Fence;
            if fence != (before || after) {
                return wrong("is a fence within the period, or none outside it");
            }
            let expected = match self.next {
                Some(next) => next,
                None if before => leaf.client_seq,
                None => 0,
            };
            // After a fence comes nothing more, and before it stands one fence alone.
            if leaf.client_seq != expected || self.counted.fence_after.is_some() || (before && self.next.is_some()) {
                return Err(PackError::Hole { seq, found: leaf.client_seq, expected });
            }
            // With nothing shown before, a fence behind proves nothing was left out only from 0 on.
            self.next = Some(expected.wrapping_add(1));
            if before {
                self.counted.fence_before = Some(seq);
            }
            if after {
                self.counted.fence_after = Some(seq);
            }
        }
        match line.opened {
            Opened::Whole { .. } => self.counted.opened += 1,
            Opened::Erased => add_to_runs(&mut self.counted.erased, seq),
            Opened::Fence => {}
        }
        Ok(())
    }

    /// Nothing more comes of a range of `count` leaves from `first` on.
    pub(crate) fn finish(&mut self, first: u64, count: u64) {
        let fences = u64::from(self.counted.fence_before.is_some()) + u64::from(self.counted.fence_after.is_some());
        let erased: u64 = self.counted.erased.iter().map(|(a, b)| b - a + 1).sum();
        self.counted.first = first;
        self.counted.count = count;
        self.counted.masked = count - self.counted.opened - erased - fences;
    }

    fn compare(&self, manifest: &Manifest) -> Result<(), PackError> {
        let c = &self.counted;
        let pairs = [
            ("first", c.first == manifest.first),
            ("count", c.count == manifest.count),
            ("fence_before", c.fence_before == manifest.fence_before),
            ("fence_after", c.fence_after == manifest.fence_after),
            ("opened", c.opened == manifest.opened),
            ("masked", c.masked == manifest.masked),
            ("erased", c.erased == manifest.erased),
        ];
        match pairs.into_iter().find(|(_, same)| !same) {
            Some((field, _)) => Err(PackError::Says(field)),
            None => Ok(()),
        }
    }
}
