//! Keys in escrow: everything in the keys folder, sealed under a passphrase.
//!
//! One line `kukaku-escrow/1 SALT NONCE` (hex, 16 and 12 bytes), then the ciphertext and its tag
//! (16). The key is Argon2id (version 0x13, 64 MiB, 3 passes, 1 lane) of passphrase and salt, the
//! cipher AES-256-GCM with that line as additional data; sealed is a JSON object of file names
//! and their contents in base64.

use std::collections::BTreeMap;
use std::path::Path;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::durable::{SECRET_MODE, sync_folder, write_file};
use crate::secrets;

const FORMAT: &str = "kukaku-escrow/1";
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
const TAG_BYTES: usize = 16;

/// Largest escrow file in bytes: data keys of many years are a few MiB.
pub const ESCROW_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Shortest passphrase in characters: an escrow file lies where nobody counts the tries.
pub const PASSPHRASE_MIN_CHARS: usize = 16;

/// Tries to read the folder while keys are being destroyed.
const TRIES_MAX: usize = 5;

/// The files of a keys folder.
pub struct Bundle {
    files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// Reads a keys folder, so that the data keys and what wraps them belong together.
    ///
    /// # Errors
    /// A sentence: what can't be read.
    pub fn read(folder: &Path) -> Result<Self, String> {
        for _ in 0..TRIES_MAX {
            let bundle = Self::read_once(folder)?;
            if bundle.wrapping().is_none_or(|id| bundle.files.contains_key(&format!("values.wrap.{id}"))) {
                return Ok(bundle);
            }
        }
        Err("the wrapping key of the values is missing, or keys are being destroyed; try again".to_owned())
    }

    fn read_once(folder: &Path) -> Result<Self, String> {
        let wrong = |e: std::io::Error| format!("read {}: {e}", folder.display());
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let name = entry.file_name().into_string().map_err(|_| "a file name is no text".to_owned())?;
            if name.starts_with('.') || !entry.file_type().map_err(wrong)?.is_file() {
                continue;
            }
            match std::fs::read(entry.path()) {
                Ok(bytes) => drop(files.insert(name, bytes)),
                // Destroyed since it was listed: the caller looks whether it is missed.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(wrong(e)),
            }
        }
        Ok(Self { files })
    }

    /// Which wrapping key the data keys are under; none before the first value.
    #[must_use]
    pub fn wrapping(&self) -> Option<String> {
        wrapping_of(self.files.get("values.keys")?)
    }

    /// Names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Seals it.
    ///
    /// # Errors
    /// A sentence: the passphrase is too short, or the operating system gives no random bytes.
    pub fn seal(&self, passphrase: &str) -> Result<Vec<u8>, String> {
        if passphrase.chars().count() < PASSPHRASE_MIN_CHARS {
            return Err(format!("the passphrase needs at least {PASSPHRASE_MIN_CHARS} characters"));
        }
        let (salt, nonce) = (secrets::random::<16>()?, secrets::random::<12>()?);
        let head = format!("{FORMAT} {} {}\n", hex(&salt), hex(&nonce));
        let coded: BTreeMap<&str, String> =
            self.files.iter().map(|(name, bytes)| (name.as_str(), STANDARD.encode(bytes))).collect();
        let mut sealed = serde_json::to_vec(&coded).expect("texts always serialise");
        let tag = cipher(passphrase, &salt)?
            .encrypt_inout_detached(&Nonce::from(nonce), head.as_bytes(), sealed.as_mut_slice().into())
            .map_err(|_| "the keys are more than the cipher takes".to_owned())?;
        Ok([head.as_bytes(), &sealed, &tag].concat())
    }

    /// Opens what [`Bundle::seal`] made.
    ///
    /// # Errors
    /// A sentence: it is none, it was changed, or the passphrase is wrong.
    pub fn open(bytes: &[u8], passphrase: &str) -> Result<Self, String> {
        let none = || format!("this is no escrow file of the form {FORMAT}");
        let end = bytes.iter().take(128).position(|b| *b == b'\n').ok_or_else(none)? + 1;
        let (head, rest) = bytes.split_at(end);
        let words: Vec<&str> = std::str::from_utf8(head).map_err(|_| none())?.trim_end().split(' ').collect();
        let [FORMAT, salt, nonce] = words[..] else { return Err(none()) };
        let salt: [u8; 16] = unhex(salt).ok_or_else(none)?;
        let nonce: [u8; 12] = unhex(nonce).ok_or_else(none)?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or_else(none)?;
        let mut opened = text.to_vec();
        cipher(passphrase, &salt)?
            .decrypt_inout_detached(&Nonce::from(nonce), head, opened.as_mut_slice().into(), &Tag::from(*tag))
            .map_err(|_| "the passphrase is wrong, or the file was changed".to_owned())?;
        let coded: BTreeMap<String, String> = serde_json::from_slice(&opened).map_err(|_| none())?;
        let decode = |(name, text): (String, String)| Some((name, STANDARD.decode(text).ok()?));
        let files = coded.into_iter().map(decode).collect::<Option<BTreeMap<_, _>>>().ok_or_else(none)?;
        match files.keys().any(|name| name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0'])) {
            true => Err(none()),
            false => Ok(Self { files }),
        }
    }

    /// Writes the files into a new folder that nobody else may enter.
    ///
    /// # Errors
    /// A sentence: the folder is there, or can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        use std::os::unix::fs::DirBuilderExt as _;
        let wrong = |e: std::io::Error| format!("write {}: {e}", folder.display());
        std::fs::DirBuilder::new().mode(0o700).create(folder).map_err(wrong)?;
        for (name, bytes) in &self.files {
            write_file(&folder.join(name), bytes, SECRET_MODE).map_err(wrong)?;
        }
        sync_folder(folder).map_err(wrong)
    }
}

/// The wrapping key that the first line of a key store names.
#[must_use]
pub fn wrapping_of(key_store: &[u8]) -> Option<String> {
    let line = key_store.split(|b| *b == b'\n').next()?;
    Some(std::str::from_utf8(line).ok()?.strip_prefix("kukaku-values/1 ")?.to_owned())
}

fn cipher(passphrase: &str, salt: &[u8]) -> Result<Aes256Gcm, String> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are within Argon2's bounds");
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .map_err(|e| format!("make a key of the passphrase: {e}"))?;
    Ok(Aes256Gcm::new((&key).into()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..N).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PHRASE: &str = "four green boats on a river";

    fn bundle() -> Bundle {
        let files = [("checkpoint.key", "secret\n"), ("values.keys", "kukaku-values/1 00000000000000aa\n")];
        Bundle { files: files.into_iter().map(|(n, t)| (n.to_owned(), t.as_bytes().to_vec())).collect() }
    }

    #[test]
    fn a_sealed_file_opens_with_its_passphrase_alone_and_no_byte_of_it_can_be_changed() {
        let sealed = bundle().seal(PHRASE).unwrap();
        let opened = Bundle::open(&sealed, PHRASE).unwrap();
        assert_eq!(opened.files, bundle().files);
        assert_eq!(opened.wrapping().as_deref(), Some("00000000000000aa"));
        assert!(Bundle::open(&sealed, "four green boats on a rivel").is_err());
        for at in [0, 16, 30, 60, 80, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(Bundle::open(&changed, PHRASE).is_err(), "byte {at}");
        }
        assert!(bundle().seal("too short").is_err());
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
    }

    #[test]
    fn a_file_name_that_leads_out_of_the_folder_is_refused() {
        for name in ["../x", "a/b", ".hidden", ""] {
            let files = BTreeMap::from([(name.to_owned(), Vec::new())]);
            let sealed = Bundle { files }.seal(PHRASE).unwrap();
            assert!(Bundle::open(&sealed, PHRASE).is_err(), "{name}");
        }
    }
}
