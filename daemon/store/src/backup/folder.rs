//! A backup folder: its generations, and what lies in each.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{BackupError, io};
use super::segment::of_name;

/// A whole copy of the journal, and what followed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its number, from 1.
    pub number: u64,
    /// Its folder.
    pub folder: PathBuf,
    /// Its segments in order: file, first entry, first entry after it.
    pub segments: Vec<(PathBuf, u64, u64)>,
}

impl Generation {
    /// How many entries it holds.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.segments.last().map_or(0, |(_, _, end)| *end)
    }

    /// Bytes of its files; a file that just went counts nothing.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().filter_map(|(path, ..)| fs::metadata(path).ok()).map(|meta| meta.len()).sum()
    }

    /// The first entry that no segment holds though later ones do.
    pub(super) fn check_whole(&self) -> Result<(), BackupError> {
        let mut next = 0;
        for (_, first, end) in &self.segments {
            if *first != next {
                return Err(BackupError::Gap { generation: self.number, first: next });
            }
            next = *end;
        }
        Ok(())
    }
}

/// The folder of a generation.
pub(super) fn folder_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("gen-{number:06}"))
}

/// The generations in a backup folder that hold anything, oldest first.
///
/// # Errors
/// The folder can't be read.
pub fn generations(folder: &Path) -> Result<Vec<Generation>, BackupError> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let path = entry.map_err(io("read", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(number) = name.strip_prefix("gen-").and_then(|number| number.parse::<u64>().ok()) else { continue };
        if folder_of(folder, number) != path {
            continue;
        }
        let mut segments = Vec::new();
        for file in fs::read_dir(&path).map_err(io("read", &path))? {
            let file = file.map_err(io("read", &path))?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            segments.extend(of_name(&name).map(|(first, end)| (file, first, end)));
        }
        segments.sort_by_key(|(_, first, end)| (*first, *end));
        if !segments.is_empty() {
            out.push(Generation { number, folder: path, segments });
        }
    }
    out.sort_by_key(|generation| generation.number);
    Ok(out)
}
