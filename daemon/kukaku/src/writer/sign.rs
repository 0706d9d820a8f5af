//! Signing the journal: a checkpoint after each sign of life, and whenever one is asked for.
//!
//! The newest checkpoint is also kept in a file outside the database. A database that is behind
//! it was put back from a backup or cut: nothing is signed then, and the writer does not start.
//! Neither stops whoever holds key and disk; a checkpoint that somebody else has kept does.

use std::path::{Path, PathBuf};

use kukaku_ledger::{Checkpoint, Hash, Head, NoteError, Signer, SigningKey, VerifierKey};
use kukaku_schema::UtcMicros;
use kukaku_store::{Store, StoreError, StoredCheckpoint, newest_checkpoint};

use super::error::WriterError;
use super::rotate::rotated_to;
use crate::durable;
use crate::key_files::{KeyFiles, with_present};

/// The signer, and where its memory lies.
pub(super) struct Signing {
    signer: Signer,
    file: PathBuf,
    files: Option<KeyFiles>,
    /// The smallest tree that this key signs.
    from_size: u64,
}

impl Signing {
    /// Reads the newest checkpoint from its file and holds the store against it.
    pub(super) fn open(
        key: SigningKey,
        files: Option<KeyFiles>,
        file: &Path,
        store: &Store,
        now: UtcMicros,
    ) -> Result<Self, WriterError> {
        let wrong = |what: String| WriterError::CheckpointFile { path: file.to_owned(), what };
        let kept = newest_checkpoint(store.connection())?;
        let note = match std::fs::read(file) {
            Ok(note) => Some(note),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(wrong(error.to_string())),
        };
        let former = files.as_ref().map_or(Ok(Vec::new()), KeyFiles::former)?;
        let terms = with_present(former, key.verifier().clone());
        let from_size = terms.last().map_or(0, |term| term.from_size);
        let last = match note {
            None if kept.is_some() => {
                return Err(wrong("is missing, though checkpoints were signed; put it back, or after a restore run `kukaku reconcile`".to_owned()));
            }
            None => None,
            Some(note) => {
                let opened = Checkpoint::open(&note, &terms)
                    .map_err(|source| WriterError::Checkpoint { path: file.to_owned(), source })?;
                check_not_rolled_back(store, opened.head)?;
                // Power failed between file and table: the table follows.
                if kept.is_none_or(|kept| kept.head.size < opened.head.size) {
                    let note = String::from_utf8_lossy(&note).into_owned();
                    let signed_at = store.head().recorded_at;
                    store.keep_checkpoint(&StoredCheckpoint { head: opened.head, note, signed_at })?;
                }
                Some(opened.head)
            }
        };
        let mut signing = Self { signer: Signer::new(key, last), file: file.to_owned(), files, from_size };
        signing.finish_rotation(store, now)?;
        Ok(signing)
    }

    /// Signs the journal as it stands, and keeps the checkpoint. Returns the newest one.
    pub(super) fn sign(&mut self, store: &Store, now: UtcMicros) -> Result<Option<String>, WriterError> {
        let head = store.tree_head();
        if head.size == 0 {
            return Ok(None);
        }
        // The old key has signed this one, with the rotation as its last entry.
        if head.size < self.from_size {
            return Ok(newest_checkpoint(store.connection())?.map(|newest| newest.note));
        }
        let signed = self.signer.last().map_or(0, |last| last.size);
        let proof = store.consistency_from(signed)?;
        store.check_unsigned(signed)?;
        let note = self.signer.sign(head, &proof)?.to_text();
        // The file first: whoever is given the note later, we remember what we signed.
        durable::write_file(&self.file, note.as_bytes(), durable::PUBLIC_MODE)
            .map_err(|error| WriterError::CheckpointFile { path: self.file.clone(), what: error.to_string() })?;
        store.keep_checkpoint(&StoredCheckpoint { head, note: note.clone(), signed_at: now })?;
        Ok(Some(note))
    }
}

/// The rotation of the key.
impl Signing {
    /// The public half of the key in force.
    pub(super) fn verifier(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// Makes the key that is to follow; none where the key is not kept in files.
    pub(super) fn make_next(&self) -> Result<Option<SigningKey>, WriterError> {
        let Some(files) = &self.files else { return Ok(None) };
        Ok(Some(files.make_next(self.signer.verifier())?))
    }

    /// No entry names it.
    pub(super) fn give_up_next(&self) -> Result<(), WriterError> {
        Ok(self.files.as_ref().map_or(Ok(()), KeyFiles::give_up_next)?)
    }

    /// `next` signs from `from_size` on. Call it once the old key has signed all before.
    pub(super) fn follow(&mut self, next: SigningKey, from_size: u64) -> Result<(), WriterError> {
        if let Some(files) = &self.files {
            files.follow(self.signer.verifier(), next.verifier(), from_size)?;
        }
        self.signer = Signer::new(next, self.signer.last());
        self.from_size = from_size;
        Ok(())
    }

    /// Does the rest of a rotation that was cut off: nothing was appended since its entry.
    fn finish_rotation(&mut self, store: &Store, now: UtcMicros) -> Result<(), WriterError> {
        let Some(files) = &self.files else { return Ok(()) };
        let Some(next) = files.next()? else {
            files.publish(self.signer.verifier())?;
            return Ok(());
        };
        match rotated_to(store.connection(), next.verifier())? {
            None => files.give_up_next()?,
            Some(from_size) => {
                if self.signer.last().is_none_or(|last| last.size + 1 < from_size) {
                    self.sign(store, now)?;
                }
                self.follow(next, from_size)?;
            }
        }
        Ok(())
    }

    /// Signs the manifest of a pack, whose SHA-256 this is.
    pub(super) fn sign_pack(&self, sha256: Hash) -> Result<String, NoteError> {
        let text = kukaku_pack::manifest_text(self.signer.verifier().name(), sha256);
        self.signer.sign_statement(&text).map(|note| note.to_text())
    }
}

fn check_not_rolled_back(store: &Store, signed: Head) -> Result<(), StoreError> {
    let size = store.tree_head().size;
    if size < signed.size {
        return Err(StoreError::RolledBack { path: store.path().to_owned(), size, signed: signed.size });
    }
    Ok(())
}
