//! The files of the signing key, and how a new key takes the place of the old one.
//!
//! A new key is first made durable beside the old one; then a journal entry names both, and the
//! old key signs the journal up to and with that entry; only then do the files change. Whatever
//! is cut off in between is finished, or given up, at the next start: [`KeyFiles::next`] says which.
//!
//! `checkpoint.former` has a line for each key of before: `VKEY FROM UNTIL`, the smallest size of
//! the journal that it signed and the first that it no longer signs. It is public: what an old
//! key still counts for is known to everybody who verifies.

use std::io;
use std::path::{Path, PathBuf};

use kukaku_ledger::{KeyTerm, SigningKey, VerifierKey};

use crate::durable::{PUBLIC_MODE, SECRET_MODE, write_file};
use crate::secrets;

/// Where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles {
    /// The key that signs; mode 0600.
    pub key: PathBuf,
    /// Its public half.
    pub public: PathBuf,
    /// The public keys of before with their terms.
    pub former: PathBuf,
}

/// Why key files can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}")]
pub struct KeyFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

fn wrong(path: &Path, what: impl ToString) -> KeyFileError {
    KeyFileError { path: path.to_owned(), what: what.to_string() }
}

impl KeyFiles {
    /// Where a key waits that is to follow; mode 0600.
    fn waiting(&self) -> PathBuf {
        self.key.with_extension("key.next")
    }

    /// Makes the key that is to follow `old`, and keeps it durably.
    ///
    /// # Errors
    /// The disk, or no random numbers.
    pub fn make_next(&self, old: &VerifierKey) -> Result<SigningKey, KeyFileError> {
        let path = self.waiting();
        let seed = secrets::random::<32>().map_err(|e| wrong(&path, e))?;
        let key = SigningKey::from_seed(old.name(), &seed).map_err(|e| wrong(&path, e))?;
        let text = format!("{}\n", key.to_secret_text());
        write_file(&path, text.as_bytes(), SECRET_MODE).map_err(|e| wrong(&path, e))?;
        Ok(key)
    }

    /// The key that is to follow, where a rotation was cut off.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub fn next(&self) -> Result<Option<SigningKey>, KeyFileError> {
        let path = self.waiting();
        match std::fs::read_to_string(&path) {
            Ok(text) => SigningKey::parse(text.trim_end()).map(Some).map_err(|e| wrong(&path, e)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(wrong(&path, e)),
        }
    }

    /// Gives up a key that is to follow: no entry names it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn give_up_next(&self) -> Result<(), KeyFileError> {
        std::fs::remove_file(self.waiting()).map_err(|e| wrong(&self.waiting(), e))
    }

    /// Puts the waiting key in the place of `old`, which signs nothing from `until_size` on. Doing
    /// it again after a power cut in between does the rest.
    ///
    /// # Errors
    /// What the disk says.
    pub fn follow(&self, old: &VerifierKey, new: &VerifierKey, until_size: u64) -> Result<(), KeyFileError> {
        let mut terms = self.former()?;
        if terms.last().is_none_or(|term| term.key != *old) {
            let from_size = terms.last().and_then(|term| term.until_size).unwrap_or(0);
            terms.push(KeyTerm { key: old.clone(), from_size, until_size: Some(until_size) });
            let line =
                |term: &KeyTerm| format!("{} {} {}\n", term.key, term.from_size, term.until_size.unwrap_or(until_size));
            let text: String = terms.iter().map(line).collect();
            write_file(&self.former, text.as_bytes(), PUBLIC_MODE).map_err(|e| wrong(&self.former, e))?;
        }
        std::fs::rename(self.waiting(), &self.key).map_err(|e| wrong(&self.key, e))?;
        let folder = self.key.parent().unwrap_or(Path::new("."));
        crate::durable::sync_folder(folder).map_err(|e| wrong(folder, e))?;
        self.publish(new)
    }

    /// Writes the public half, where it is not there yet.
    ///
    /// # Errors
    /// What the disk says.
    pub fn publish(&self, key: &VerifierKey) -> Result<(), KeyFileError> {
        let text = format!("{key}\n");
        if std::fs::read_to_string(&self.public).is_ok_and(|there| there == text) {
            return Ok(());
        }
        write_file(&self.public, text.as_bytes(), PUBLIC_MODE).map_err(|e| wrong(&self.public, e))
    }

    /// The keys of before, the oldest first; none where none was rotated.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn former(&self) -> Result<Vec<KeyTerm>, KeyFileError> {
        let text = match std::fs::read_to_string(&self.former) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(wrong(&self.former, e)),
        };
        let term = |(number, line): (usize, &str)| {
            let bad = || wrong(&self.former, format!("line {} is not `VKEY FROM UNTIL`", number + 1));
            let mut words = line.split(' ');
            let key = words.next().and_then(|word| VerifierKey::parse(word).ok()).ok_or_else(bad)?;
            let mut size = || words.next().and_then(|word| word.parse::<u64>().ok()).ok_or_else(bad);
            Ok(KeyTerm { key, from_size: size()?, until_size: Some(size()?) })
        };
        text.lines().enumerate().map(term).collect()
    }

    /// All keys with their terms, the one in force last.
    ///
    /// # Errors
    /// A file is missing or damaged.
    pub fn terms(&self) -> Result<Vec<KeyTerm>, KeyFileError> {
        let text = std::fs::read_to_string(&self.public).map_err(|e| wrong(&self.public, e))?;
        let key = VerifierKey::parse(text.trim_end()).map_err(|e| wrong(&self.public, e))?;
        Ok(with_present(self.former()?, key))
    }
}

/// The keys of before and the present one, whose term begins where the last one ended.
#[must_use]
pub fn with_present(mut former: Vec<KeyTerm>, key: VerifierKey) -> Vec<KeyTerm> {
    let from_size = former.last().and_then(|term| term.until_size).unwrap_or(0);
    former.push(KeyTerm { key, from_size, until_size: None });
    former
}
