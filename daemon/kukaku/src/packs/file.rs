//! A file that bears its name only when it is whole.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::durable;

/// What is written small at a time waits here, in bytes.
const BUFFER_BYTES: usize = 1024 * 1024;

/// The folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn hidden(folder: &Path, name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    folder.join(format!(".{name}.{}.{}.part", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn fresh(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(durable::SECRET_MODE).open(path)
}

/// A file without a name: gone when this process is, however it ends.
pub(super) fn part(folder: &Path) -> io::Result<File> {
    let path = hidden(folder, "pack");
    let file = fresh(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// A file under a name of its own until it is whole. Dropped before, it is removed; killed before,
/// it stays behind as `.NAME.….part`, and never under the name it was meant for.
#[derive(Debug)]
pub struct Unfinished {
    part: PathBuf,
    path: PathBuf,
    /// Where it is written.
    pub out: BufWriter<File>,
    done: bool,
}

impl Unfinished {
    /// Begins a file that is to become `path`, where nothing may be yet.
    ///
    /// # Errors
    /// Something is there already, and what the operating system says.
    pub fn begin(path: &Path) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "is there already; nothing is overwritten"));
        }
        let name = path.file_name().ok_or_else(|| io::Error::other("a file needs a name"))?;
        let part = hidden(folder(path), &name.to_string_lossy());
        let out = BufWriter::with_capacity(BUFFER_BYTES, fresh(&part)?);
        Ok(Self { part, path: path.to_owned(), out, done: false })
    }

    /// The folder it comes into.
    #[must_use]
    pub fn folder(&self) -> &Path {
        folder(&self.path)
    }

    /// Makes it durable and gives it its name.
    ///
    /// # Errors
    /// What the operating system says; it has then no name.
    pub fn finish(mut self) -> io::Result<()> {
        io::Write::flush(&mut self.out)?;
        self.out.get_ref().sync_all()?;
        // From here on it is whole: a crash leaves it under either name.
        std::fs::rename(&self.part, &self.path)?;
        self.done = true;
        durable::sync_folder(self.folder())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.done {
            // Best effort: the part is worthless.
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_bears_its_name_only_when_it_is_whole() {
        let folder = std::env::temp_dir().join(format!("kukaku-unfinished-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("pack.zip");
        let names = || std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
        let mut broken_off = Unfinished::begin(&path).unwrap();
        broken_off.out.write_all(b"half").unwrap();
        assert!(!path.exists() && names().len() == 1);
        drop(broken_off);
        assert!(names().is_empty(), "nothing stays behind");
        drop(part(&folder).unwrap());
        assert!(names().is_empty(), "room for a file has no name");
        let mut whole = Unfinished::begin(&path).unwrap();
        whole.out.write_all(b"whole").unwrap();
        whole.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert!(Unfinished::begin(&path).is_err(), "nothing is overwritten");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
