//! Values at rest: sealed with AES-256-GCM under data keys that can be destroyed.
//!
//! A data key belongs to one set of entitled clients, one class of records and one local day, and
//! to one opening of the store by its owner. Its nonce is the number of the journal entry: no
//! number is used twice under one key, because every opening begins new keys, and a batch that
//! was given up after it had sealed anything ends with an opening. Destroying a key destroys every
//! copy of what it sealed, in backups too; the journal keeps the commitment, so every other proof
//! still verifies.
//!
//! | sealed bytes | meaning |
//! | --- | --- |
//! | plaintext | salt of the commitment (32), then the body |
//! | nonce | four zero bytes, then the entry's number (8, big-endian) |
//! | additional data | the entry's number (8, big-endian), then its commitment (32) |
//! | sealed | ciphertext, then the tag (16) |

mod keyring;
mod owner;

use std::path::Path;
use std::sync::Arc;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use kukaku_ledger::SALT_BYTES;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;

pub use keyring::{DataKey, DestroyedKey, keys_of};
pub(crate) use keyring::{KeyMeta, Keyring, ring_of};
pub use kukaku_schema::RecordClass;
pub(crate) use owner::KeyOwner;

use crate::error::{StoreError, in_act};

/// Bytes of a key of AES-256.
pub(crate) const KEY_BYTES: usize = 32;

/// Bytes of the tag behind each ciphertext.
const TAG_BYTES: usize = 16;

const SEAL: &str = "seal a value";

fn nonce(seq: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&seq.to_be_bytes());
    nonce
}

fn bound_to(seq: u64, commitment: &[u8]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(40);
    bound.extend(seq.to_be_bytes());
    bound.extend(commitment);
    bound
}

/// Seals salt and body of entry `seq` into `out`, which is cleared before.
pub(crate) fn seal(
    cipher: &Aes256Gcm,
    seq: u64,
    commitment: &[u8; 32],
    salt: &[u8; SALT_BYTES],
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), StoreError> {
    out.clear();
    out.reserve(SALT_BYTES + body.len() + TAG_BYTES);
    out.extend(salt);
    out.extend(body);
    let tag = cipher
        .encrypt_inout_detached(&Nonce::from(nonce(seq)), &bound_to(seq, commitment), out.as_mut_slice().into())
        .map_err(|_| StoreError::Bug { act: SEAL, detail: "the value is longer than the cipher takes".to_owned() })?;
    out.extend(tag);
    Ok(())
}

/// Opens what was sealed: salt and body. None: it is not what was sealed for this entry.
fn open(key: &[u8; KEY_BYTES], seq: u64, commitment: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (text, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    let cipher = Aes256Gcm::new(key.into());
    let mut opened = text.to_vec();
    cipher
        .decrypt_inout_detached(
            &Nonce::from(nonce(seq)),
            &bound_to(seq, commitment),
            opened.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .ok()?;
    Some(opened)
}

/// Gives a connection the function `unseal(seq, commitment, key, sealed)`: salt and body in one
/// blob; null where nothing is sealed or its key was destroyed; an empty blob where it is not what
/// was sealed.
pub(crate) fn register(conn: &Connection, store: &Path) -> Result<(), StoreError> {
    const ACT: &str = "prepare to open sealed values";
    let ring: Arc<Keyring> = ring_of(store);
    conn.create_scalar_function(
        "unseal",
        4,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY,
        move |ctx| {
            let (ValueRef::Integer(key), ValueRef::Blob(sealed)) = (ctx.get_raw(2), ctx.get_raw(3)) else {
                return Ok(None);
            };
            let (seq, commitment) = (ctx.get::<i64>(0)?.cast_unsigned(), ctx.get::<Vec<u8>>(1)?);
            let found =
                ring.key(key.cast_unsigned()).map_err(|error| rusqlite::Error::UserFunctionError(error.into()))?;
            Ok(found.map(|key| open(&key, seq, &commitment, sealed).unwrap_or_default()))
        },
    )
    .map_err(in_act(ACT))
}

/// What `unseal` gave, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Salt and body.
    Open {
        /// The salt of the commitment.
        salt: [u8; SALT_BYTES],
        /// What was said.
        body: Vec<u8>,
    },
    /// Nothing is there, or its key was destroyed.
    Gone,
    /// Something is there that was never sealed for this entry.
    Forged,
}

impl Value {
    /// Reads the answer of `unseal`.
    #[must_use]
    pub fn of(unsealed: Option<Vec<u8>>) -> Self {
        let Some(mut bytes) = unsealed else { return Self::Gone };
        let Some(salt) = bytes.first_chunk::<SALT_BYTES>().copied() else { return Self::Forged };
        Self::Open { salt, body: bytes.split_off(SALT_BYTES) }
    }

    /// The body, where it can be opened.
    #[must_use]
    pub fn into_body(self) -> Option<Vec<u8>> {
        match self {
            Self::Open { body, .. } => Some(body),
            Self::Gone | Self::Forged => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
