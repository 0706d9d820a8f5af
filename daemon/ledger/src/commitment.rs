//! Commitments: a leaf names a value without telling it.

use sha2::{Digest, Sha256};

use crate::hash::Hash;

/// Length of the salt in bytes. It must be random, secret and used for one value only: without
/// it, short values such as card numbers could be guessed from their commitment, and erasing the
/// salt is what makes an erased value unrecoverable.
pub const SALT_BYTES: usize = 32;

/// Commits to one named value.
///
/// `SHA-256(salt || len(name) || name || len(value) || value)`, each length an unsigned 32 bit
/// big-endian number of bytes. The lengths keep `("ab", "c")` and `("a", "bc")` apart.
///
/// # Panics
/// Never in practice: only for a name or value of 4 GiB or more.
#[must_use]
pub fn commitment(salt: &[u8; SALT_BYTES], name: &str, value: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    for part in [name.as_bytes(), value] {
        let length = u32::try_from(part.len()).expect("observations are limited to some MiB");
        hasher.update(length.to_be_bytes());
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}
