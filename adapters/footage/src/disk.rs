//! The folder on the disk: listing, opening below the root, reading.
//!
//! Everything blocks, so it runs on the blocking pool. No path ever leaves the root: the kernel
//! itself resolves beneath it (`openat2`), whatever links somebody put there meanwhile.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Result, Seek as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use kukaku_schema::UtcMicros;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use sha2::{Digest as _, Sha256};

use crate::mp4::{Timing, timing};

/// Most entries of one folder that are looked at; a day of one-second segments.
pub(crate) const ENTRIES_MAX: usize = 100_000;

/// How much is read at once for hashing.
const CHUNK_BYTES: usize = 256 * 1024;

/// One entry of a folder.
pub(crate) struct Entry {
    pub(crate) name: OsString,
    pub(crate) sort: Sort,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Folder,
    File,
    /// A symbolic link.
    Link,
    /// A pipe, socket or device.
    Other,
}

/// The entries of a folder in the order of their names, and whether there were more.
pub(crate) fn list(folder: &Path) -> Result<(Vec<Entry>, bool)> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        if entries.len() == ENTRIES_MAX {
            return Ok((sorted(entries), true));
        }
        let entry = entry?;
        let sort = match entry.file_type() {
            Ok(sort) if sort.is_dir() => Sort::Folder,
            Ok(sort) if sort.is_file() => Sort::File,
            Ok(sort) if sort.is_symlink() => Sort::Link,
            Ok(_) => Sort::Other,
            // Deleted since it was listed.
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        entries.push(Entry { name: entry.file_name(), sort });
    }
    Ok((sorted(entries), false))
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

/// Size and time of the last change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) bytes: u64,
    pub(crate) changed: UtcMicros,
}

/// A file that was opened below the root.
pub(crate) struct Opened {
    file: File,
    pub(crate) stamp: Stamp,
}

/// Opens a file below the root for reading.
///
/// # Errors
/// `CrossesDevices` and `FilesystemLoop` come from links that lead out or around.
pub(crate) fn open(root: &Path, path: &str) -> Result<Opened> {
    // The root itself may be a link: whoever configured it meant where it leads.
    let folder = rustix::fs::openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // Not blocking: somebody may have put a pipe there.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let file = File::from(rustix::fs::openat2(&folder, path, flags, Mode::empty(), resolve)?);
    let stamp = stamp(&file)?;
    Ok(Opened { file, stamp })
}

fn stamp(file: &File) -> Result<Stamp> {
    let data = file.metadata()?;
    if !data.is_file() {
        return Err(std::io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    let changed = data.modified()?;
    let us = match changed.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(UtcMicros::MAX.0),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(UtcMicros::MIN.0, |us| -us),
    };
    Ok(Stamp { bytes: data.len(), changed: UtcMicros(us.clamp(UtcMicros::MIN.0, UtcMicros::MAX.0)) })
}

/// What was read of a file.
pub(crate) struct Contents {
    pub(crate) timing: Timing,
    pub(crate) sha256: Option<[u8; 32]>,
}

impl Opened {
    /// Reads timing and, at most at `bytes_per_s`, the hash; `None` if the file changed meanwhile.
    ///
    /// # Errors
    /// Those of the file, and `Other` once `cancelled` is set: a file of gigabytes must not hold
    /// up the end of the program.
    pub(crate) fn read(mut self, hash_at: Option<u64>, cancelled: &AtomicBool) -> Result<Option<Contents>> {
        let timing = timing(&mut self.file, self.stamp.bytes)?;
        let sha256 = match hash_at {
            Some(bytes_per_s) => Some(self.hash(bytes_per_s, cancelled)?),
            None => None,
        };
        Ok((stamp(&self.file)? == self.stamp).then_some(Contents { timing, sha256 }))
    }

    fn hash(&mut self, bytes_per_s: u64, cancelled: &AtomicBool) -> Result<[u8; 32]> {
        self.file.rewind()?;
        let (began, mut read) = (Instant::now(), 0_u64);
        let mut hash = Sha256::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            if cancelled.load(Ordering::Acquire) {
                return Err(std::io::Error::other("the program ends"));
            }
            let n = match self.file.read(&mut chunk) {
                Ok(0) => return Ok(hash.finalize().into()),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            hash.update(&chunk[..n]);
            read += n as u64;
            // What was read may take so long; the recorder gets the disk for the rest.
            let due = Duration::from_micros(read.saturating_mul(1_000_000) / bytes_per_s.max(1));
            if let Some(early) = due.checked_sub(began.elapsed()).filter(|early| *early > Duration::from_millis(1)) {
                std::thread::sleep(early);
            }
        }
    }
}

/// Whether the folder lies on a share or in user space, where changes are not notified.
pub(crate) fn is_remote(root: &Path) -> bool {
    // The file system magics of statfs(2).
    const REMOTE: [u32; 6] = [
        0x6969,      // NFS
        0x517B,      // SMB
        0xFF53_4D42, // CIFS
        0xFE53_4D42, // SMB2
        0x6573_5546, // FUSE
        0x0102_1997, // 9P
    ];
    // The magic is 32 bits wide in a field of 64.
    rustix::fs::statfs(root).is_ok_and(|fs| u32::try_from(fs.f_type & 0xFFFF_FFFF).is_ok_and(|m| REMOTE.contains(&m)))
}
