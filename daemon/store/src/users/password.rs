//! Passwords: how they are hashed, what is asked of them, and the one-time ones.

use std::sync::OnceLock;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};

use super::error::UsersError;
use crate::error::StoreError;

/// Memory of one hash in KiB, and its passes and lanes: OWASP's smallest Argon2id setting, so
/// that a small appliance can check two at once.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Letters that can't be mistaken for one another when read from paper; 32, so 5 bits each.
const INITIAL_LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
const INITIAL_GROUPS: usize = 5;
const INITIAL_GROUP_LETTERS: usize = 4;

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password to a PHC string. Takes tens of milliseconds and 19 MiB.
///
/// # Errors
/// `UsersError::Random` where the system gives no random salt.
pub(super) fn hash(password: &str) -> Result<String, UsersError> {
    let mut salt = [0_u8; 16];
    fill_random(&mut salt)?;
    let hash = hasher()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|e| StoreError::Bug { act: "hash a password", detail: e.to_string() })?;
    Ok(hash.to_string())
}

/// Whether `password` is the one behind `phc`; as slow as `hash`.
pub(super) fn matches(password: &str, phc: &str) -> bool {
    PasswordHash::new(phc).is_ok_and(|parsed| hasher().verify_password(password.as_bytes(), &parsed).is_ok())
}

/// Does the work of a check whose answer is known to be no, so that an unknown name, a locked
/// one and a wrong password take the same time.
pub(super) fn work_in_vain(password: &str) {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let phc = NOBODY.get_or_init(|| hash("nobody signs in with this one").unwrap_or_default());
    let _known_to_be_false = matches(password, phc);
}

/// A password to be used once: 100 bits in groups that can be read out.
pub(super) fn make_initial() -> Result<String, UsersError> {
    let mut random = [0_u8; INITIAL_GROUPS * INITIAL_GROUP_LETTERS];
    fill_random(&mut random)?;
    let mut out = String::with_capacity(random.len() + INITIAL_GROUPS);
    for (index, byte) in random.iter().enumerate() {
        if index > 0 && index % INITIAL_GROUP_LETTERS == 0 {
            out.push('-');
        }
        out.push(char::from(INITIAL_LETTERS[usize::from(byte & 31)]));
    }
    Ok(out)
}

/// Fills `bytes` from the system's random numbers.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), UsersError> {
    getrandom::fill(bytes).map_err(|e| UsersError::Random(e.to_string()))
}
