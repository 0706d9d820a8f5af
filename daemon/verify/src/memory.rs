//! The memory: one file that only grows, each line under its own hash, flushed to the disk before
//! anything is answered. A last line without its end was never answered for and is cut off.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use kukaku_ledger::{
    AddCheckpoint, Checkpoint, Cosigner, Hash, Head, KeyTerm, SignedNote, VerifierKey, WitnessRefusal, accept,
    open_signed, verify_consistency,
};
use serde::{Deserialize, Serialize};

use crate::error::MemoryError;
use crate::evidence;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Record {
    /// A key that a person confirmed, and the smallest size that it signs.
    Key { vkey: String, from_size: u64 },
    /// A verified checkpoint; `linked` if a proof connects it to one seen before.
    Seen { note: String, at: u64, linked: bool },
    /// As `Seen`, and this witness stands there now.
    Cosigned { note: String, at: u64 },
    /// Two checkpoints of one size with different roots: the site has forked.
    Fork { first: String, second: String, at: u64 },
}

/// A checkpoint that was seen.
#[derive(Debug, Clone)]
struct Seen {
    root: Hash,
    note: String,
    linked: bool,
}

/// What is remembered of one site.
#[derive(Debug, Default)]
struct Site {
    keys: Vec<(VerifierKey, u64)>,
    seen: BTreeMap<u64, Seen>,
    cosigned: Option<Head>,
    forked: bool,
}

/// What is remembered of one site, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteView {
    /// Its name.
    pub origin: String,
    /// Its keys in their text form.
    pub keys: Vec<String>,
    /// How many checkpoints are kept.
    pub checkpoints: usize,
    /// How many of them no proof connects to an earlier one.
    pub unlinked: usize,
    /// The largest.
    pub newest: Option<Head>,
    /// Whether it was caught with two histories.
    pub forked: bool,
}

/// What a checkpoint turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The first of its site.
    First(Head),
    /// Seen before.
    Known(Head),
    /// A proof connects it to one that was seen before.
    Connected(Head),
    /// Kept; nothing connects it yet. `largest` is the largest size seen before.
    Unconnected {
        /// What was shown.
        head: Head,
        /// The largest size seen before.
        largest: u64,
    },
    /// The proof that came with it connects it to nothing seen before. It is kept.
    ProofFails(Head),
    /// The site has signed two histories; the file proves it to others.
    Fork {
        /// The contradicting size.
        size: u64,
        /// The proof file.
        evidence: PathBuf,
    },
    /// The site was caught before, and is never accepted again.
    ForkedBefore,
}

/// The memory of all sites. Holds the folder's lock for as long as it lives.
#[derive(Debug)]
pub struct Memory {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    end: u64,
    sites: BTreeMap<String, Site>,
    _lock: File,
}

fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T, MemoryError> {
    result.map_err(|source| MemoryError::File { path: path.to_owned(), source })
}

/// A new name in a folder is durable once the folder is; Windows keeps that by itself.
fn sync_folder(folder: &Path) -> Result<(), MemoryError> {
    if cfg!(unix) {
        at(folder, File::open(folder).and_then(|folder| folder.sync_all()))?;
    }
    Ok(())
}

impl Memory {
    /// Opens the memory in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// [`MemoryError::InUse`], [`MemoryError::Damaged`], [`MemoryError::File`].
    pub fn open(folder: &Path) -> Result<Self, MemoryError> {
        at(folder, fs::create_dir_all(folder))?;
        let lock_path = folder.join("lock");
        let lock = at(&lock_path, OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => MemoryError::InUse(folder.to_owned()),
            fs::TryLockError::Error(source) => MemoryError::File { path: lock_path.clone(), source },
        })?;
        let path = folder.join("memory.log");
        let file = at(&path, OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path))?;
        sync_folder(folder)?;
        let bytes = at(&path, fs::read(&path))?;
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1);
        let mut memory =
            Self { folder: folder.to_owned(), path, file, end: whole as u64, sites: BTreeMap::new(), _lock: lock };
        for (number, line) in bytes[..whole].split_inclusive(|&b| b == b'\n').enumerate() {
            let record = read_line(line);
            let damaged = || MemoryError::Damaged { path: memory.path.clone(), line: number + 1 };
            let record = record.ok_or_else(damaged)?;
            memory.take_up(record)?;
        }
        Ok(memory)
    }

    fn take_up(&mut self, record: Record) -> Result<(), MemoryError> {
        let read = |note: &str| -> Result<Checkpoint, MemoryError> {
            Ok(Checkpoint::parse_body(SignedNote::parse(note.as_bytes())?.text())?)
        };
        match record {
            Record::Key { vkey, from_size } => {
                let key = VerifierKey::parse(&vkey)?;
                self.sites.entry(key.name().to_owned()).or_default().keys.push((key, from_size));
            }
            Record::Seen { note, linked, .. } => {
                let Checkpoint { origin, head } = read(&note)?;
                let site = self.sites.entry(origin).or_default();
                let seen = site.seen.entry(head.size).or_insert(Seen { root: head.root, note, linked });
                seen.linked |= linked;
            }
            Record::Cosigned { note, .. } => {
                let Checkpoint { origin, head } = read(&note)?;
                let site = self.sites.entry(origin).or_default();
                site.cosigned = Some(head);
                site.seen.entry(head.size).or_insert(Seen { root: head.root, note, linked: true });
            }
            Record::Fork { first, .. } => {
                self.sites.entry(read(&first)?.origin).or_default().forked = true;
            }
        }
        Ok(())
    }

    /// Appends durably, then takes it up.
    fn keep(&mut self, record: Record) -> Result<(), MemoryError> {
        let json = serde_json::to_string(&record).expect("a record is texts and numbers");
        let line = format!("{} {json}\n", Hash::of(json.as_bytes()));
        // What a crash left behind the last whole line was never answered for.
        at(&self.path, self.file.set_len(self.end))?;
        at(&self.path, self.file.seek(SeekFrom::Start(self.end)))?;
        at(&self.path, self.file.write_all(line.as_bytes()))?;
        at(&self.path, self.file.sync_all())?;
        self.end += line.len() as u64;
        self.take_up(record)
    }

    /// Notes a site's public key, which the person has confirmed. `from_size` 0 for the first
    /// key; for a rotation, the size from which on the new key signs.
    ///
    /// # Errors
    /// [`MemoryError::OtherKey`], [`MemoryError::File`].
    pub fn trust(&mut self, key: &VerifierKey, from_size: u64) -> Result<(), MemoryError> {
        if let Some(site) = self.sites.get(key.name()) {
            if site.keys.iter().any(|(known, _)| known == key) {
                return Ok(());
            }
            let last = site.keys.last().map_or(0, |(_, from)| *from);
            let seen = site.seen.last_key_value().map_or(0, |(size, _)| *size);
            if !site.keys.is_empty() && from_size <= last.max(seen) {
                return Err(MemoryError::OtherKey(key.name().to_owned()));
            }
        }
        self.keep(Record::Key { vkey: key.to_string(), from_size })
    }

    /// The keys that are trusted for a site, with their terms; none for an unknown one.
    #[must_use]
    pub fn terms(&self, origin: &str) -> Vec<KeyTerm> {
        let keys = self.sites.get(origin).map_or(&[][..], |site| &site.keys);
        let until = keys.iter().skip(1).map(|(_, from)| Some(*from)).chain([None]);
        keys.iter()
            .zip(until)
            .map(|((key, from), until)| KeyTerm { key: key.clone(), from_size: *from, until_size: until })
            .collect()
    }

    /// Keeps two checkpoints of one size with different roots, and writes the file that proves it.
    fn convict(&mut self, origin: &str, head: Head, note: &str, now: u64) -> Result<Option<PathBuf>, MemoryError> {
        let first = match self.sites.get(origin).and_then(|site| site.seen.get(&head.size)) {
            Some(seen) if seen.root != head.root => seen.note.clone(),
            _ => return Ok(None),
        };
        let text = evidence::same_size(&self.terms(origin), head.size, &first, note);
        self.keep_fork(first, note, &text, now).map(Some)
    }

    /// Keeps a checkpoint with a proof that leads to it from another head of a remembered size
    /// than the one remembered: the site itself shows that it has signed two histories.
    fn convict_by_proof(
        &mut self,
        origin: &str,
        head: Head,
        request: &AddCheckpoint,
        now: u64,
    ) -> Result<Option<PathBuf>, MemoryError> {
        let remembered = self.sites.get(origin).and_then(|site| site.seen.get(&request.old));
        let Some(seen) = remembered else { return Ok(None) };
        if evidence::other_beginning(request.old, seen.root, head, &request.proof).is_none() {
            return Ok(None);
        }
        let first = seen.note.clone();
        let text = evidence::by_proof(&self.terms(origin), request, &first);
        self.keep_fork(first, &request.note.to_text(), &text, now).map(Some)
    }

    fn keep_fork(&mut self, first: String, second: &str, text: &str, now: u64) -> Result<PathBuf, MemoryError> {
        let path = self.write_beside("evidence", text)?;
        self.keep(Record::Fork { first, second: second.to_owned(), at: now })?;
        Ok(path)
    }

    /// Writes a file for people into the folder, durably; its name comes from what it says.
    fn write_beside(&self, sort: &str, text: &str) -> Result<PathBuf, MemoryError> {
        let path = self.folder.join(format!("{sort}-{}.txt", &Hash::of(text.as_bytes()).to_string()[..16]));
        at(
            &path,
            File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all())),
        )?;
        sync_folder(&self.folder)?;
        Ok(path)
    }

    /// Takes a signed checkpoint, with the proof that came with it: an old size and its hashes,
    /// leading from a remembered size to this one, or from this one to a larger remembered one.
    /// `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`MemoryError::Note`] for what no known key signed; nothing is then kept.
    pub fn remember(
        &mut self,
        note: &[u8],
        proof: Option<&(u64, Vec<Hash>)>,
        now: u64,
    ) -> Result<Finding, MemoryError> {
        let parsed = SignedNote::parse(note)?;
        let Checkpoint { origin, head } = Checkpoint::parse_body(parsed.text())?;
        let terms = self.terms(&origin);
        if terms.is_empty() {
            return Err(MemoryError::UnknownSite(origin));
        }
        Checkpoint::open(note, &terms)?;
        let note = parsed.to_text();
        if let Some(evidence) = self.convict(&origin, head, &note, now)? {
            return Ok(Finding::Fork { size: head.size, evidence });
        }
        if let Some((old, hashes)) = proof {
            let request = AddCheckpoint { old: *old, proof: hashes.clone(), note: parsed };
            if let Some(evidence) = self.convict_by_proof(&origin, head, &request, now)? {
                return Ok(Finding::Fork { size: *old, evidence });
            }
        }
        let site = self.sites.get(&origin).expect("a site with keys is in the map");
        let forked = site.forked;
        let largest = site.seen.last_key_value().map(|(size, _)| *size);
        let known = site.seen.get(&head.size).map(|seen| seen.linked);
        // Nothing is the beginning of everything, and each head of itself: that is no proof.
        let proof = proof.filter(|(old, hashes)| *old > 0 && !(*old == head.size && hashes.is_empty()));
        let linked = proof.is_some_and(|(old, hashes)| {
            let backward = site.seen.get(old).filter(|_| *old < head.size);
            let leads =
                backward.is_some_and(|o| verify_consistency(*old, o.root, head.size, head.root, hashes).is_ok());
            let mut larger = site.seen.range(head.size.saturating_add(1)..).filter(|_| *old == head.size);
            leads || larger.any(|(n, s)| verify_consistency(head.size, head.root, *n, s.root, hashes).is_ok())
        });
        let claimed = proof.and_then(|(old, _)| site.seen.get(old)).or_else(|| site.seen.values().next_back());
        let other = claimed.map(|seen| seen.note.clone());
        if known.is_none_or(|before| linked && !before) {
            self.keep(Record::Seen { note: note.clone(), at: now, linked })?;
        }
        Ok(match (known, largest) {
            _ if forked => Finding::ForkedBefore,
            _ if linked => Finding::Connected(head),
            (Some(true), _) => Finding::Known(head),
            _ if proof.is_some() => {
                if let Some(other) = other.filter(|other| *other != note) {
                    self.write_beside("owed", &evidence::owed(&other, &note))?;
                }
                Finding::ProofFails(head)
            }
            (Some(false), _) => Finding::Known(head),
            (None, None) => Finding::First(head),
            (None, Some(largest)) => Finding::Unconnected { head, largest },
        })
    }

    /// Answers `add-checkpoint`: the status code, the content type and the body. What is
    /// accepted is durable when this returns. `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`MemoryError::File`]: nothing was accepted, and nothing may be answered but a failure.
    pub fn witness(&mut self, body: &[u8], cosigner: &Cosigner, now: u64) -> Result<(u16, String), MemoryError> {
        let refuse = |refusal: &WitnessRefusal| (refusal.status(), format!("{refusal}\n"));
        let opened = AddCheckpoint::parse(body).and_then(|request| {
            let origin = request.claimed()?.origin;
            Ok((open_signed(&request, &self.terms(&origin))?, request))
        });
        let (Checkpoint { origin, head }, request) = match opened {
            Ok(opened) => opened,
            Err(refusal) => return Ok(refuse(&refusal)),
        };
        let note = request.note.to_text();
        let forked = self.sites.get(&origin).is_some_and(|site| site.forked);
        if !forked && self.convict(&origin, head, &note, now)?.is_some() {
            return Ok(refuse(&WitnessRefusal::OtherRoot { size: head.size }));
        }
        if forked {
            return Ok((403, "this log has signed two histories and is refused for ever\n".to_owned()));
        }
        let last = self.sites.get(&origin).and_then(|site| site.cosigned);
        match accept(&request, head, last) {
            Err(WitnessRefusal::OtherSize { remembered }) => return Ok((409, format!("{remembered}\n"))),
            Err(refusal) => {
                self.convict_by_proof(&origin, head, &request, now)?;
                return Ok(refuse(&refusal));
            }
            Ok(()) => {}
        }
        if last != Some(head) {
            self.keep(Record::Cosigned { note, at: now })?;
        }
        Ok((200, cosigner.cosign(&request.note, now).to_line()))
    }

    /// The folder in which everything is kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The remembered root of a site's tree of `size` leaves.
    #[must_use]
    pub fn remembered(&self, origin: &str, size: u64) -> Option<Hash> {
        self.sites.get(origin)?.seen.get(&size).map(|seen| seen.root)
    }

    /// The largest head that is remembered of a site.
    #[must_use]
    pub fn largest(&self, origin: &str) -> Option<Head> {
        let (size, seen) = self.sites.get(origin)?.seen.last_key_value()?;
        Some(Head { size: *size, root: seen.root })
    }

    /// The size of the remembered head nearest to this one, of another size.
    #[must_use]
    pub fn nearest(&self, origin: &str, size: u64) -> Option<u64> {
        let seen = &self.sites.get(origin)?.seen;
        let below = seen.range(..size).next_back().map(|(size, _)| *size);
        below.or_else(|| seen.range(size.saturating_add(1)..).next().map(|(size, _)| *size))
    }

    /// What is remembered, by site.
    #[must_use]
    pub fn sites(&self) -> Vec<SiteView> {
        let view = |(origin, site): (&String, &Site)| SiteView {
            origin: origin.clone(),
            keys: site.keys.iter().map(|(key, _)| key.to_string()).collect(),
            checkpoints: site.seen.len(),
            unlinked: site.seen.values().skip(1).filter(|seen| !seen.linked).count(),
            newest: site.seen.last_key_value().map(|(&size, seen)| Head { size, root: seen.root }),
            forked: site.forked,
        };
        self.sites.iter().map(view).collect()
    }
}

/// Every signed note in the bytes of a memory, oldest first; the number of a damaged line, from 1.
pub(crate) fn notes_in(bytes: &[u8]) -> Result<Vec<String>, usize> {
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1);
    let mut notes = Vec::new();
    for (number, line) in bytes[..whole].split_inclusive(|&b| b == b'\n').enumerate() {
        match read_line(line).ok_or(number + 1)? {
            Record::Key { .. } => {}
            Record::Seen { note, .. } | Record::Cosigned { note, .. } => notes.push(note),
            Record::Fork { first, second, .. } => notes.extend([first, second]),
        }
    }
    if whole == 0 { Err(1) } else { Ok(notes) }
}

fn read_line(line: &[u8]) -> Option<Record> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (hash, json) = line.split_once(' ')?;
    (Hash::of(json.as_bytes()) == Hash::from_hex(hash)?).then_some(())?;
    serde_json::from_str(json).ok()
}
