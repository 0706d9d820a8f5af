//! A model of a disk below one folder, played back from a trace of the program's writes and syncs,
//! and what is left of it when the power fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
pub struct Disk {
    files: BTreeMap<PathBuf, File>,
    renames: Vec<(PathBuf, PathBuf)>,
    /// Answers that went out: so many observations are acknowledged.
    pub acknowledged: u64,
}

/// A small generator of numbers, so that a failing state can be made again.
pub struct Dice(pub u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

impl Disk {
    pub fn read(folder: &Path) -> Self {
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
    pub fn after_power_failed(&self, mut dice: Option<Dice>) -> BTreeMap<PathBuf, Vec<u8>> {
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

pub struct Playback<'a> {
    pub folder: &'a Path,
    pub disk: Disk,
    pub states: u64,
}

impl Playback<'_> {
    fn ours(&self, path: Option<PathBuf>) -> Option<PathBuf> {
        path.filter(|path| path.starts_with(self.folder) && !path.to_string_lossy().ends_with("-shm"))
    }

    pub fn call(&mut self, call: &str, check: &mut impl FnMut(&Disk, u64)) {
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
pub fn calls(trace: &str) -> Vec<String> {
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

/// The trace, once the tracer has written its end: it goes on for a moment after the program, and
/// its last line tells of the first process.
pub fn whole_trace(trace: &Path, patience: std::time::Duration) -> String {
    let ended = |text: &str| {
        let pid = |line: &str| line.split(' ').next().map(str::to_owned);
        let last = text.lines().last().filter(|line| line.contains("+++ exited") && text.ends_with('\n'));
        last.is_some_and(|last| pid(last) == text.lines().next().and_then(pid))
    };
    let deadline = std::time::Instant::now() + patience;
    loop {
        let text = std::fs::read_to_string(trace).unwrap_or_default();
        if ended(&text) {
            return text;
        }
        assert!(std::time::Instant::now() < deadline, "the trace never ended");
    }
}
