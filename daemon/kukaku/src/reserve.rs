//! Room that is kept for the day on which the disk is full: SQLite needs some to delete.
//!
//! Without it a full disk could never be relieved by what falls due, and records would outstay
//! their term. The file beside the store holds nothing.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::durable::SECRET_MODE;

/// Size of the file in bytes: the log of an erasure of a busy day takes less.
pub const RESERVE_BYTES: u64 = 16 << 20;

/// The file is made only where this much stays free beside it, in bytes: it must never be what
/// fills the disk, nor take away again what was just freed for the store.
pub const ROOM_BESIDE_BYTES: u64 = 4 * RESERVE_BYTES;

/// The ending of the file's name.
const ENDING: &str = "reserve";

/// The reserve of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve(PathBuf);

impl Reserve {
    /// The reserve beside a store.
    #[must_use]
    pub fn of(store: &Path) -> Self {
        Self(store.with_extension(ENDING))
    }

    /// Makes it where it isn't and where there is room; whether it is there now.
    ///
    /// # Errors
    /// What the operating system says. A lack of room is no error.
    pub fn make(&self) -> io::Result<bool> {
        if self.0.metadata().is_ok_and(|meta| meta.len() == RESERVE_BYTES) {
            return Ok(true);
        }
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let disk = statvfs(folder)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < RESERVE_BYTES + ROOM_BESIDE_BYTES {
            return Ok(false);
        }
        let made = self.fill();
        if made.is_err() {
            // Best effort: half a reserve is none, and the next try makes a whole one.
            let _ = std::fs::remove_file(&self.0);
        }
        match made {
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Ok(false)
            }
            made => made.map(|()| true),
        }
    }

    fn fill(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(SECRET_MODE).open(&self.0)?;
        // Space of its own, and not a hole.
        fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES)?;
        file.sync_all()
    }

    /// Gives the room back to the disk; whether there was any.
    #[must_use]
    pub fn release(&self) -> bool {
        std::fs::remove_file(&self.0).is_ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_reserve_takes_real_room_is_given_back_once_and_made_again() {
        let folder = std::env::temp_dir().join(format!("kukaku-reserve-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let reserve = Reserve::of(&folder.join("store.db"));
        assert!(!reserve.release());
        for _ in 0..2 {
            assert!(reserve.make().unwrap());
            let meta = std::fs::metadata(folder.join("store.reserve")).unwrap();
            // Blocks are counted in 512 bytes.
            assert!(meta.blocks() * 512 >= RESERVE_BYTES && meta.mode() & 0o777 == SECRET_MODE);
            assert!(reserve.make().unwrap(), "what is there stays");
            assert!(reserve.release() && !reserve.release());
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
