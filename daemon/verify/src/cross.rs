//! Two memories held against each other: a site that shows each witness another history is caught
//! where both have a head of one size (split view).

use std::path::{Path, PathBuf};

use kukaku_ledger::{Checkpoint, SignedNote};

use crate::error::MemoryError;
use crate::memory::{Finding, Memory, notes_in};

/// Largest memory that is compared, in bytes: a hundred thousand checkpoints.
pub const OTHER_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What a comparison found. Every head of the other memory is kept in this one from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Crossed {
    /// Heads that both knew, and that are the same.
    pub same: usize,
    /// Heads that only the other knew, of sites without a contradiction so far.
    pub new: usize,
    /// Heads of sites whose key was never trusted here; they were not compared.
    pub unknown: usize,
    /// Sites with a head that only the other knew: the size from which and to which the site
    /// owes a proof, because heads of different sizes can't be compared without one.
    pub owed: Vec<(String, u64, u64)>,
    /// Contradictions: the size and the file that proves each.
    pub forks: Vec<(u64, PathBuf)>,
}

/// Reads the notes of another memory's folder or `memory.log`, or a file with one signed note.
///
/// # Errors
/// [`MemoryError::File`], [`MemoryError::Damaged`].
pub fn read_other(path: &Path) -> Result<Vec<String>, MemoryError> {
    use std::io::Read as _;
    let path = if path.is_dir() { path.join("memory.log") } else { path.to_owned() };
    let failed = |source| MemoryError::File { path: path.clone(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).map_err(failed)?;
    file.take(OTHER_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > OTHER_MAX_BYTES {
        return Err(failed(std::io::Error::other(format!("larger than {OTHER_MAX_BYTES} bytes"))));
    }
    if SignedNote::parse(&bytes).is_ok() {
        return Ok(vec![String::from_utf8_lossy(&bytes).into_owned()]);
    }
    notes_in(&bytes).map_err(|line| MemoryError::Damaged { path, line })
}

/// Holds the notes of somebody else against a memory. `now` in seconds since 1970.
///
/// # Errors
/// [`MemoryError::Note`] for a note that claims a trusted site and that its keys did not sign;
/// [`MemoryError::File`].
pub fn cross_check(memory: &mut Memory, notes: &[String], now: u64) -> Result<Crossed, MemoryError> {
    let mut crossed = Crossed::default();
    for note in notes {
        let Checkpoint { origin, head } = Checkpoint::parse_body(SignedNote::parse(note.as_bytes())?.text())?;
        if memory.terms(&origin).is_empty() {
            crossed.unknown += 1;
            continue;
        }
        let nearest = memory.nearest(&origin, head.size);
        match memory.remember(note.as_bytes(), None, now)? {
            Finding::Fork { size, evidence } => {
                if !crossed.forks.iter().any(|(_, known)| *known == evidence) {
                    crossed.forks.push((size, evidence));
                }
            }
            Finding::Known(_) | Finding::Connected(_) => crossed.same += 1,
            _ => {
                crossed.new += 1;
                if let Some(other) = nearest {
                    crossed.owed.push((origin, other.min(head.size), other.max(head.size)));
                }
            }
        }
    }
    Ok(crossed)
}
