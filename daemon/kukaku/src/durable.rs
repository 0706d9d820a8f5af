//! Files that are there whole, or not at all, even if power fails meanwhile.
//!
//! A file is written beside its place under a name of its own, synced, renamed, and its folder
//! synced. A crash before the rename leaves the old file (or none) and a leftover that ends in
//! `.part`; a crash after it leaves the new one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Mode of files that hold keys: the owner alone.
pub const SECRET_MODE: u32 = 0o600;

/// Mode of files that others on the machine may read, such as certificates.
pub const PUBLIC_MODE: u32 = 0o644;

/// Writes a file whole, replacing what was there.
///
/// # Errors
/// What the operating system says; the old file is then still in its place.
pub fn write_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("a file needs a name"))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let part = folder.join(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    let written = write_new(&part, bytes, mode).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // Best effort: the part is worthless, and the error that matters is already at hand.
        let _ = std::fs::remove_file(&part);
    }
    written?;
    sync_folder(folder)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    // `mode` above is masked by the umask and not applied to a leftover of an earlier crash.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names in a folder durable.
///
/// # Errors
/// What the operating system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
