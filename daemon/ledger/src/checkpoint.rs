//! Checkpoints: signed heads of the tree (C2SP `tlog-checkpoint`).
//!
//! Three lines: the origin (the key's name), the number of leaves, the root in base64. We sign
//! no extension lines and accept none: nobody could check what they say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{NoteError, SignRefusal};
use crate::hash::{Hash, empty_root};
use crate::key::{SigningKey, VerifierKey};
use crate::note::{SignedNote, is_by};
use crate::proof::verify_consistency;
use crate::tree::MAX_TREE_SIZE;

/// The head of a tree: all of its leaves in one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// For which sizes of the tree a key's signature counts. A rotated key signs nothing from the
/// leaf on that records the rotation, so a thief of the old key can't lengthen the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTerm {
    /// The key.
    pub key: VerifierKey,
    /// The smallest tree it signs.
    pub from_size: u64,
    /// The first size it no longer signs; none while it is in force.
    pub until_size: Option<u64>,
}

impl KeyTerm {
    /// A key in force from the first leaf on.
    #[must_use]
    pub fn whole(key: VerifierKey) -> Self {
        Self { key, from_size: 0, until_size: None }
    }

    fn covers(&self, size: u64) -> bool {
        self.from_size <= size && self.until_size.is_none_or(|until| size < until)
    }
}

/// A head and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log: the name of its key.
    pub origin: String,
    /// Its head.
    pub head: Head,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn body(&self) -> String {
        let Head { size, root } = self.head;
        format!("{}\n{size}\n{}\n", self.origin, STANDARD.encode(root.as_bytes()))
    }

    /// Reads the signed text; proves nothing.
    ///
    /// # Errors
    /// Every spelling but the one that [`Checkpoint::body`] writes is refused, and so is the
    /// head of an empty tree, which is never signed.
    pub fn parse_body(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.split('\n');
        let four = (lines.next(), lines.next(), lines.next(), lines.next());
        let (Some(origin), Some(size), Some(root), Some("")) = four else {
            return Err(NoteError::BadBody("not three lines: origin, size, root"));
        };
        if lines.next().is_some() {
            return Err(NoteError::BadBody("a line follows the root"));
        }
        if origin.is_empty() {
            return Err(NoteError::BadBody("no origin"));
        }
        let size = parse_size(size)?;
        let root = STANDARD.decode(root).map_err(|_| NoteError::BadBase64("the root"))?;
        let root = Hash::from_slice(&root).ok_or(NoteError::BadBody("the root isn't 32 bytes"))?;
        Ok(Self { origin: origin.to_owned(), head: Head { size, root } })
    }

    /// Reads and verifies a signed checkpoint of the log whose keys are `terms`.
    ///
    /// # Errors
    /// A note that no key in force at its size has signed, that a key has signed wrongly, or
    /// that isn't a checkpoint of that log, is refused.
    pub fn open(note: &[u8], terms: &[KeyTerm]) -> Result<Self, NoteError> {
        let note = SignedNote::parse(note)?;
        // Not yet trusted: the size only chooses the keys, and they sign the size.
        let checkpoint = Self::parse_body(note.text())?;
        let size = checkpoint.head.size;
        let in_force: Vec<VerifierKey> =
            terms.iter().filter(|term| term.covers(size)).map(|term| term.key.clone()).collect();
        let signers = note.verify(&in_force).map_err(|error| {
            let signed_by = |term: &&KeyTerm| note.signatures().iter().any(|s| is_by(s, &term.key));
            match (&error, terms.iter().find(signed_by)) {
                (NoteError::NoKnownSignature, Some(term)) => {
                    NoteError::KeyOutOfTerm { name: term.key.name().to_owned(), size }
                }
                _ => error,
            }
        })?;
        match signers.iter().find(|key| key.name() != checkpoint.origin) {
            Some(key) => Err(NoteError::WrongOrigin { signer: key.name().to_owned(), origin: checkpoint.origin }),
            None => Ok(checkpoint),
        }
    }
}

fn parse_size(text: &str) -> Result<u64, NoteError> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    match text.parse::<u64>() {
        Ok(size) if plain && size <= MAX_TREE_SIZE => Ok(size),
        _ => Err(NoteError::BadSize(text.chars().take(32).collect())),
    }
}

/// The one who signs, and remembers what was signed last.
///
/// Invariant: each signed head contains the one before it. The remembered head must therefore
/// survive restarts outside the database that holds the tree: a database restored from a backup
/// is then refused instead of signed. Keep the new head durably *before* the note is given to
/// anybody; if power fails between, the note was never seen and the older head still holds.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    last: Option<Head>,
}

impl Signer {
    /// Takes up signing after `last`; none only for a log that has never signed.
    #[must_use]
    pub fn new(key: SigningKey, last: Option<Head>) -> Self {
        Self { key, last }
    }

    /// The head that was signed last.
    #[must_use]
    pub fn last(&self) -> Option<Head> {
        self.last
    }

    /// The public half of the key.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// Signs a statement of the site about something else than its tree.
    ///
    /// # Errors
    /// A text that could pass for a checkpoint is refused: heads are signed by [`Signer::sign`]
    /// alone. [`NoteError::BadForm`], [`NoteError::ControlCharacter`], [`NoteError::TooLarge`].
    pub fn sign_statement(&self, text: &str) -> Result<SignedNote, NoteError> {
        if Checkpoint::parse_body(text).is_ok() {
            return Err(NoteError::BadForm("a statement that reads as a checkpoint"));
        }
        SignedNote::sign(text, &self.key)
    }

    /// Signs `head` if the last signed one is its beginning, which `consistency` must prove
    /// ([`crate::consistency_proof`] from `last().size`, or from 0, to `head.size`). Signing the
    /// last head again gives the same bytes.
    ///
    /// # Errors
    /// A refusal changes nothing; all but [`SignRefusal::Empty`] mean that the journal is not
    /// the one that was signed.
    pub fn sign(&mut self, head: Head, consistency: &[Hash]) -> Result<SignedNote, SignRefusal> {
        if head.size == 0 {
            return Err(SignRefusal::Empty);
        }
        let last = self.last.unwrap_or(Head { size: 0, root: empty_root() });
        if head.size < last.size {
            return Err(SignRefusal::Smaller { size: head.size, signed: last.size });
        }
        if head.size == last.size && head.root != last.root {
            return Err(SignRefusal::OtherRoot { size: head.size, root: head.root, signed: last.root });
        }
        verify_consistency(last.size, last.root, head.size, head.root, consistency)?;
        let checkpoint = Checkpoint { origin: self.key.verifier().name().to_owned(), head };
        let note = SignedNote::sign(&checkpoint.body(), &self.key)
            .expect("a key's name, a number and base64 hold nothing that a note refuses");
        self.last = Some(head);
        Ok(note)
    }
}

#[cfg(test)]
mod tests;
