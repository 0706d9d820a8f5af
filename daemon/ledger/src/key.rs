//! Ed25519 keys in the text forms of the note format.
//!
//! Public: `name+id+base64(0x01 || public key)`. Secret:
//! `PRIVATE+KEY+name+id+base64(0x01 || seed)`. The id is the first four bytes of
//! `SHA-256(name || 0x0A || 0x01 || public key)` in lower case hex (C2SP `signed-note`).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _};

use crate::error::KeyError;
use crate::hash::Hash;

/// Longest name of a key in bytes: as long as a name on the wire.
pub const KEY_NAME_MAX_BYTES: usize = 256;

/// The algorithm byte of Ed25519 notes.
pub(crate) const ED25519: u8 = 0x01;

const PUBLIC_FORM: &str = "name+8 lower case hex digits+base64";
const SECRET_FORM: &str = "PRIVATE+KEY+name+8 lower case hex digits+base64";

/// The key that proves a signature; public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    algorithm: u8,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, key: ed25519_dalek::VerifyingKey, algorithm: u8) -> Result<Self, KeyError> {
        check_name(name)?;
        if key.is_weak() {
            return Err(KeyError::BadKey);
        }
        Ok(Self { id: key_id(name, algorithm, key.as_bytes()), name: name.to_owned(), algorithm, key })
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// Says which part is wrong; an id that doesn't fit name and key is refused.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::parse_as(text, ED25519)
    }

    /// What people compare: 80 bits of the SHA-256 of the text form, in groups of four hex digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hex = Hash::of(self.to_string().as_bytes()).to_string();
        [&hex[..4], &hex[4..8], &hex[8..12], &hex[12..16], &hex[16..20]].join("-")
    }

    /// Reads the text form of a key of this algorithm byte.
    pub(crate) fn parse_as(text: &str, algorithm: u8) -> Result<Self, KeyError> {
        let bad_form = KeyError::BadForm { expected: PUBLIC_FORM };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad_form);
        };
        let bytes = key_bytes(key, algorithm).ok_or(bad_form)??;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::BadKey)?;
        let verifier = Self::new(name, key, algorithm)?;
        check_id(id, verifier.id, PUBLIC_FORM)?;
        Ok(verifier)
    }

    /// Its name: the origin of the checkpoints it signs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The bare Ed25519 public key, for tools that want it (RFC 8032 section 5.1.5).
    #[must_use]
    pub fn public_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether `signature` is this key's over `text`. Strict: keys and signatures that some
    /// implementations accept and others refuse are refused.
    #[must_use]
    pub(crate) fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

/// The text form, to be handed to whoever shall verify.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = encode_key(self.algorithm, self.key.as_bytes());
        write!(f, "{}+{:08x}+{key}", self.name, self.id)
    }
}

/// The key that signs; secret.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// Makes the key of a seed, which must come from the system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::BadName`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::from_seed_as(name, seed, ED25519)
    }

    pub(crate) fn from_seed_as(name: &str, seed: &[u8; 32], algorithm: u8) -> Result<Self, KeyError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, key.verifying_key(), algorithm)?;
        Ok(Self { key, verifier })
    }

    /// Reads the secret text form.
    ///
    /// # Errors
    /// Says which part is wrong, without repeating the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::parse_as(text, ED25519)
    }

    pub(crate) fn parse_as(text: &str, algorithm: u8) -> Result<Self, KeyError> {
        let bad_form = KeyError::BadForm { expected: SECRET_FORM };
        let mut parts = text.strip_prefix("PRIVATE+KEY+").ok_or(bad_form.clone())?.splitn(3, '+');
        let (Some(name), Some(id), Some(seed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad_form);
        };
        let key = Self::from_seed_as(name, &key_bytes(seed, algorithm).ok_or(bad_form)??, algorithm)?;
        check_id(id, key.verifier.id, SECRET_FORM)?;
        Ok(key)
    }

    /// The secret text form, for the key file alone.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let VerifierKey { name, id, algorithm, .. } = &self.verifier;
        format!("PRIVATE+KEY+{name}+{id:08x}+{}", encode_key(*algorithm, self.key.as_bytes()))
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(crate) fn sign(&self, text: &str) -> [u8; 64] {
        self.key.sign(text.as_bytes()).to_bytes()
    }
}

/// Shows the public half only: a secret in a log is a secret lost.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier)
    }
}

/// Checks a key's name (C2SP `signed-note`: not empty, no Unicode space, no `+`).
pub(crate) fn check_name(name: &str) -> Result<(), KeyError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > KEY_NAME_MAX_BYTES || name.contains(bad) {
        return Err(KeyError::BadName);
    }
    Ok(())
}

fn key_id(name: &str, algorithm: u8, public: &[u8; 32]) -> u32 {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend([0x0A, algorithm]);
    bytes.extend(public);
    let [a, b, c, d, ..] = Hash::of(&bytes).0;
    u32::from_be_bytes([a, b, c, d])
}

fn encode_key(algorithm: u8, bytes: &[u8; 32]) -> String {
    let mut out = vec![algorithm];
    out.extend(bytes);
    STANDARD.encode(out)
}

/// The 32 bytes behind the algorithm byte; `None` where the text isn't of that form.
fn key_bytes(text: &str, expected: u8) -> Option<Result<[u8; 32], KeyError>> {
    let bytes = STANDARD.decode(text).ok()?;
    let (&algorithm, key) = bytes.split_first()?;
    if algorithm != expected {
        return Some(Err(KeyError::UnknownAlgorithm(algorithm)));
    }
    Some(key.try_into().map_err(|_| KeyError::BadKey))
}

fn check_id(text: &str, expected: u32, form: &'static str) -> Result<(), KeyError> {
    let lower_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    let well_formed = text.len() == 8 && text.bytes().all(lower_hex);
    match u32::from_str_radix(text, 16) {
        Ok(found) if well_formed && found == expected => Ok(()),
        Ok(found) if well_formed => Err(KeyError::WrongId { found, expected }),
        _ => Err(KeyError::BadForm { expected: form }),
    }
}

#[cfg(test)]
mod tests;
