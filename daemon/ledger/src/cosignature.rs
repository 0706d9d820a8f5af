//! Cosignatures: a witness's word that a checkpoint continues all it has seen of that log
//! (C2SP `tlog-cosignature`, `cosignature/v1`).
//!
//! Signed is `cosignature/v1\ntime SECONDS\n` and the checkpoint's text; the signature line holds
//! the seconds since 1970 in eight bytes, big-endian, and the 64 bytes of Ed25519.

use std::fmt;

use crate::error::{KeyError, NoteError};
use crate::key::{SigningKey, VerifierKey};
use crate::note::{NoteSignature, SignedNote, is_by};

/// The algorithm byte of timestamped Ed25519 cosignatures.
const COSIGNATURE_V1: u8 = 0x04;

fn message(text: &str, unix_seconds: u64) -> String {
    format!("cosignature/v1\ntime {unix_seconds}\n{text}")
}

/// The key that proves a witness's cosignature; public. Its id differs from that of a site's key
/// of the same bytes, so that neither is taken for the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignerKey(VerifierKey);

impl CosignerKey {
    /// Reads the text form `name+id+base64(0x04 || public key)`.
    ///
    /// # Errors
    /// Says which part is wrong; a site's key (0x01) is refused.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        VerifierKey::parse_as(text, COSIGNATURE_V1).map(Self)
    }

    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The id of the key.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// When this witness cosigned the checkpoint, in seconds since 1970.
    ///
    /// # Errors
    /// [`NoteError::NoKnownSignature`] without its line, [`NoteError::RepeatedSignature`],
    /// [`NoteError::BadSignature`].
    pub fn cosigned_at(&self, note: &SignedNote) -> Result<u64, NoteError> {
        let mut own = note.signatures().iter().filter(|s| is_by(s, &self.0));
        let signature = own.next().ok_or(NoteError::NoKnownSignature)?;
        if own.next().is_some() {
            return Err(NoteError::RepeatedSignature(self.name().to_owned()));
        }
        let bad = || NoteError::BadSignature(self.name().to_owned());
        let (time, bytes) = signature.signature.split_first_chunk::<8>().ok_or_else(bad)?;
        let unix_seconds = u64::from_be_bytes(*time);
        if !self.0.verifies(&message(note.text(), unix_seconds), bytes) {
            return Err(bad());
        }
        Ok(unix_seconds)
    }
}

/// The text form, to be handed to whoever shall verify.
impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The key with which a witness cosigns; secret, and shown by `Debug` in its public half only.
#[derive(Debug)]
pub struct Cosigner(SigningKey);

impl Cosigner {
    /// Makes the key of a seed, which must come from the system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::BadName`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        SigningKey::from_seed_as(name, seed, COSIGNATURE_V1).map(Self)
    }

    /// Reads the secret text form.
    ///
    /// # Errors
    /// Says which part is wrong, without repeating the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        SigningKey::parse_as(text, COSIGNATURE_V1).map(Self)
    }

    /// The secret text form, for the key file alone.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        self.0.to_secret_text()
    }

    /// The public half.
    #[must_use]
    pub fn key(&self) -> CosignerKey {
        CosignerKey(self.0.verifier().clone())
    }

    /// Cosigns a checkpoint's text. Call it only for what [`crate::accept`] accepted, and only
    /// after that was kept durably.
    #[must_use]
    pub fn cosign(&self, note: &SignedNote, unix_seconds: u64) -> NoteSignature {
        let mut signature = unix_seconds.to_be_bytes().to_vec();
        signature.extend(self.0.sign(&message(note.text(), unix_seconds)));
        let key = self.0.verifier();
        NoteSignature { name: key.name().to_owned(), id: key.id(), signature }
    }
}
