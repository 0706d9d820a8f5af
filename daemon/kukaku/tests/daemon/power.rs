//! The power fails (faults B14 to B16, B18): at every sync of the disk, with all that was not
//! synced lost, or any part of it kept, the last write torn. What was acknowledged is there, once.
//!
//! The real program is traced, its writes and syncs are played back onto a model of the disk, and
//! the state that the model would be left in is opened by the real store.

use std::path::Path;

use kukaku_ledger::{Checkpoint, KeyTerm, VerifierKey};
use kukaku_store::{Store, newest_checkpoint, read_only, verify};

use crate::disk::{Dice, Disk, Playback, calls, whole_trace};
use crate::house::{Site, ago};

/// Observations that are handed in one after the other.
const OBSERVATIONS: u64 = 24;

/// States that are tried at each sync beside the one in which everything unsynced is lost.
const PARTS_KEPT: u64 = 4;

/// What a device reads and writes as a whole.
const SECTOR: usize = 512;

/// A change of a file that is not yet synced.
#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Option<Vec<u8>>,
    pending: Vec<Change>,
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => content.resize(*length, 0),
        Change::Write { at, bytes } => {
            let end = at + bytes.len();
            content.resize(content.len().max(end), 0);
            content[*at..end].copy_from_slice(bytes);
        }
    }
}

impl File {
    fn now(&self) -> Vec<u8> {
        let mut content = self.durable.clone().unwrap_or_default();
        self.pending.iter().for_each(|change| apply(&mut content, change));
        content
    }
}

/// The disk below one folder. A new file's name is durable with its first sync; a renamed one's
/// with the sync of its folder.
#[derive(Debug, Clone, Default)]
struct Disk {
    files: BTreeMap<PathBuf, File>,
    renames: Vec<(PathBuf, PathBuf)>,
    /// Answers that went out: so many observations are acknowledged.
    acknowledged: u64,
}

/// A small generator of numbers, so that a failing state can be made again.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

impl Disk {
    fn read(folder: &Path) -> Self {
        let mut disk = Self::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() && path.extension().is_none_or(|ending| ending != "reserve") {
                    // The reserve holds nothing: no state needs a copy of it.
                    let durable = Some(std::fs::read(&path).unwrap());
                    disk.files.insert(path, File { durable, pending: Vec::new() });
                }
            }
        }
        disk
    }

    /// What is left when the power fails now. Without dice nothing unsynced is left.
    fn after_power_failed(&self, mut dice: Option<Dice>) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut left = BTreeMap::new();
        for (path, file) in &self.files {
            let Some(mut content) = file.durable.clone() else { continue };
            if let Some(dice) = &mut dice {
                for change in &file.pending {
                    match (dice.throw() % 4, change) {
                        (0, _) => {}
                        (1, Change::Write { at, bytes }) => {
                            let sectors = bytes.len().div_ceil(SECTOR) as u64;
                            let torn = (dice.throw() % (sectors + 1)) as usize * SECTOR;
                            let bytes = bytes[..torn.min(bytes.len())].to_vec();
                            apply(&mut content, &Change::Write { at: *at, bytes });
                        }
                        _ => apply(&mut content, change),
                    }
                }
            }
            left.insert(path.clone(), content);
        }
        left
    }
}

/// A text as strace writes it with `-xx`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(byte) = rest.chars().next() {
        match rest.strip_prefix("\\x").and_then(|hex| hex.get(..2)) {
            Some(hex) => {
                out.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &rest[4..];
            }
            None => {
                let mut buffer = [0; 4];
                out.extend(byte.encode_utf8(&mut buffer).as_bytes());
                rest = &rest[byte.len_utf8()..];
            }
        }
    }
    out
}

fn path_of(text: &str) -> PathBuf {
    PathBuf::from(String::from_utf8(unescaped(text)).unwrap())
}

/// The file behind the first argument, `12</path>`.
fn file_of(call: &str) -> Option<PathBuf> {
    let start = call.find('<')? + 1;
    Some(path_of(&call[start..start + call[start..].find('>')?]))
}

/// The quoted arguments.
fn quoted(call: &str) -> Vec<Vec<u8>> {
    call.split('"').skip(1).step_by(2).map(unescaped).collect()
}

/// The last number among the arguments.
fn last_number(call: &str) -> usize {
    let arguments = &call[..call.rfind(") = ").unwrap()];
    arguments.rsplit(", ").next().unwrap().parse().unwrap()
}

struct Playback<'a> {
    folder: &'a Path,
    disk: Disk,
    states: u64,
}

impl Playback<'_> {
    fn ours(&self, path: Option<PathBuf>) -> Option<PathBuf> {
        path.filter(|path| path.starts_with(self.folder) && !text(path).ends_with("-shm"))
    }

    fn call(&mut self, call: &str, check: &mut impl FnMut(&Disk, u64)) {
        let name = call.split('(').next().unwrap_or_default();
        // What the end of the process cut off has no result.
        let failed = call.contains(") = -1 ") || call.contains(") = ?") || !call.contains(") = ");
        match name {
            "write" | "writev" | "sendto" if !failed => {
                let bytes = quoted(call).concat();
                match self.ours(file_of(call)) {
                    Some(path) => {
                        let file = self.disk.files.entry(path).or_default();
                        let at = file.now().len();
                        file.pending.push(Change::Write { at, bytes });
                    }
                    None if bytes.starts_with(b"HTTP/1.1 2") => self.disk.acknowledged += 1,
                    None => {}
                }
            }
            "pwrite64" if !failed => {
                if let Some(path) = self.ours(file_of(call)) {
                    let change = Change::Write { at: last_number(call), bytes: quoted(call).concat() };
                    self.disk.files.entry(path).or_default().pending.push(change);
                }
            }
            "ftruncate" if !failed => {
                if let Some(path) = self.ours(file_of(call)) {
                    self.disk.files.entry(path).or_default().pending.push(Change::Length(last_number(call)));
                }
            }
            "openat" if !failed && call.contains("O_TRUNC") => {
                let path = quoted(call).pop().map(|path| PathBuf::from(String::from_utf8(path).unwrap()));
                if let Some(path) = self.ours(path) {
                    self.disk.files.entry(path).or_default().pending.push(Change::Length(0));
                }
            }
            "rename" | "renameat" | "renameat2" if !failed => {
                let mut paths = quoted(call).into_iter().map(|path| PathBuf::from(String::from_utf8(path).unwrap()));
                let (from, to) = (paths.next().unwrap(), paths.next().unwrap());
                if from.starts_with(self.folder) {
                    self.disk.renames.push((from, to));
                }
            }
            "unlink" | "unlinkat" if !failed => {
                let path = quoted(call).pop().map(|path| PathBuf::from(String::from_utf8(path).unwrap()));
                if let Some(path) = self.ours(path) {
                    self.disk.files.remove(&path);
                }
            }
            "fsync" | "fdatasync" => {
                let Some(path) = file_of(call).filter(|path| path.starts_with(self.folder)) else { return };
                self.states += 1;
                check(&self.disk, self.states);
                self.sync(&path);
            }
            _ => {}
        }
    }

    fn sync(&mut self, path: &Path) {
        if let Some(file) = self.disk.files.get_mut(path) {
            file.durable = Some(file.now());
            file.pending.clear();
        }
        // A folder: what was renamed in it.
        for (from, to) in std::mem::take(&mut self.disk.renames) {
            if to.parent() == Some(path) {
                if let Some(file) = self.disk.files.remove(&from) {
                    self.disk.files.insert(to, file);
                }
            } else {
                self.disk.renames.push((from, to));
            }
        }
    }
}

/// Whole calls, in the order in which they ended.
fn calls(trace: &str) -> Vec<String> {
    let mut begun: BTreeMap<&str, String> = BTreeMap::new();
    let mut out = Vec::new();
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(call) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(pid, call.trim_end().to_owned());
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let (_, end) = resumed.split_once("resumed>").unwrap();
            // The result stands in a column of its own: blanks before it.
            let (arguments, result) = end.rsplit_once(')').unwrap_or((end, ""));
            let begin = begun.remove(pid).unwrap_or_default();
            out.push(format!("{begin}{arguments}) {}", result.trim_start()));
        } else {
            out.push(rest.to_owned());
        }
    }
    out
}

#[test]
fn whenever_the_power_fails_what_was_acknowledged_is_there_once_and_verifies() {
    let site = Site::new();
    let panel = site.key("panel");
    let before = Disk::read(&site.dir);
    let trace = site.trace();
    let daemon = site.run_traced(&trace);
    let at = ago(100);
    for number in 1..=OBSERVATIONS {
        daemon.post(&panel, &format!(r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":{number},"device_time":"{at}","reader":"north-in","credential":"card:{number}","result":"granted"}}"#));
    }
    assert!(daemon.stop().0.success());
    let text_of_trace = whole_trace(&trace, crate::house::PATIENCE);
    let key = std::fs::read_to_string(site.dir.join("checkpoint.pub")).unwrap();
    let terms = [KeyTerm::whole(VerifierKey::parse(key.trim_end()).unwrap())];
    let scratch = site.folder.path("after");
    let (mut tried, mut most) = (0, 0);
    let mut playback = Playback { folder: &site.dir, disk: before, states: 0 };
    let mut check = |disk: &Disk, state: u64| {
        for part in 0..=PARTS_KEPT {
            let dice = (part > 0).then(|| Dice(state * 1000 + part));
            let left = disk.after_power_failed(dice);
            let _ = std::fs::remove_dir_all(&scratch);
            for (path, content) in &left {
                let path = scratch.join(path.strip_prefix(&site.dir).unwrap());
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            let what = format!("sync {state}, part {part}, {} acknowledged", disk.acknowledged);
            after_the_power_is_back(&scratch, disk.acknowledged, &terms, &what);
            tried += 1;
        }
        most = most.max(disk.acknowledged);
    };
    for call in calls(&text_of_trace) {
        playback.call(&call, &mut check);
    }
    assert_eq!(most, OBSERVATIONS, "every answer was seen in the trace");
    assert!(tried >= 5 * OBSERVATIONS, "{tried} states");
}

/// D30: the outcome of a commit whose sync failed is unknown. It is not acknowledged, the store is
/// opened again, and what was acknowledged before and after is there, once.
#[test]
fn whichever_sync_fails_nothing_acknowledged_is_lost_and_nothing_is_there_twice() {
    let (mut went_on, mut refused) = (0, 0);
    for number in (4..=24).step_by(4) {
        let site = Site::new();
        let panel = site.key("panel");
        let at = ago(100);
        let mut acknowledged = Vec::new();
        if let Some(daemon) = site.run_on_bad_disk(number) {
            for seq in 1..=12 {
                let line = format!(
                    r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":{seq},"device_time":"{at}","reader":"north-in","credential":"card:{seq}","result":"granted"}}"#
                );
                // A device sends again what was not acknowledged.
                for _ in 0..50 {
                    if daemon.is_acknowledged(&panel, &line) {
                        acknowledged.push(seq);
                        break;
                    }
                    refused += 1;
                }
            }
            drop(daemon);
            went_on += usize::from(acknowledged.len() == 12);
        }
        let path = site.dir.join("store.db");
        drop(Store::open(&path).unwrap_or_else(|error| panic!("sync {number}: {error}")));
        let conn = read_only(&path).unwrap();
        for seq in &acknowledged {
            let sql = "SELECT count(*) FROM reading WHERE source_number = ?1";
            let count: i64 = conn.query_row(sql, [seq], |row| row.get(0)).unwrap();
            assert_eq!(count, 1, "sync {number}: reading {seq}");
        }
        let key = std::fs::read_to_string(site.dir.join("checkpoint.pub")).unwrap();
        let terms = [KeyTerm::whole(VerifierKey::parse(key.trim_end()).unwrap())];
        assert_eq!(verify(&conn, &terms, None, |_, _| {}).unwrap().faults, [], "sync {number}");
    }
    assert!(refused > 0, "no sync failed while something was handed in");
    assert!(went_on >= 3, "after a failed sync the daemon goes on: {went_on} of 6 times");
}

/// The store opens, every acknowledged reading is there once, everything verifies and can be
/// opened, and no checkpoint covers more than there is.
fn after_the_power_is_back(folder: &Path, acknowledged: u64, terms: &[KeyTerm], what: &str) {
    let path = folder.join("store.db");
    let store = Store::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let size = store.tree_head().size;
    drop(store);
    let conn = read_only(&path).unwrap();
    let count: u64 = conn
        .query_row("SELECT count(*) FROM reading WHERE source_number <= ?1", [acknowledged.cast_signed()], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
        .cast_unsigned();
    assert_eq!(count, acknowledged, "{what}");
    let outside = std::fs::read_to_string(folder.join("checkpoint.note")).ok();
    if let Some(note) = &outside {
        let signed = Checkpoint::open(note.as_bytes(), terms).unwrap().head.size;
        assert!(signed <= size, "{what}: {signed} entries were signed, {size} are there");
    }
    if let Some(kept) = newest_checkpoint(&conn).unwrap() {
        assert!(kept.head.size <= size, "{what}");
    }
    let report = verify(&conn, terms, outside.as_deref(), |_, _| {}).unwrap();
    assert_eq!(report.faults, [], "{what}");
}
