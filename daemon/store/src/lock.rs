//! Exclusive ownership of a store.
//!
//! A lock file beside the store is held with `flock(2)` for as long as the owner lives: the
//! system releases it however the process ends, so no stale lock can stay behind. The file holds
//! the owner's process id for the error message of whoever comes second, and is never removed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::{StoreError, io_in_act};

const ACT: &str = "lock the store";

/// The lock; released when it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone does not do it while a child process that is just being started still
        // holds a copy of the descriptor. A failure leaves it to the closing.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock of the store at `path`.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        let lock_path = lock_path(path);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&lock_path)
            .map_err(io_in_act(ACT))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // Only for the message: an unreadable id must not hide that the lock is held.
                let _ = file.take(32).read_to_string(&mut holder);
                let holder = if holder.trim().is_empty() { "unknown".to_owned() } else { holder.trim().to_owned() };
                return Err(StoreError::Held { path: path.to_owned(), holder });
            }
            Err(errno) => return Err(io_in_act(ACT)(errno.into())),
        }
        // A full disk must not keep the daemon from starting: the id is a courtesy, the lock is held.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
