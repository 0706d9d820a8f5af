//! The key store: a file outside the database and outside its backups.
//!
//! `keys/values.keys`, mode 0600, lines of words separated by spaces:
//!
//! ```text
//! kukaku-values/1 WRAPPING
//! key ID CLASS DAY SCOPE SEALED
//! ```
//!
//! `WRAPPING` names the file `keys/values.wrap.WRAPPING` with the 32 bytes (hex) of the key that
//! wraps all data keys; `ID` and `WRAPPING` are 16 hex digits, `DAY` is the local day in days since
//! 1970-01-01, `SCOPE` the entitled clients in percent-encoding, sorted, joined by commas (`-`:
//! the site alone), `SEALED` hex of nonce (12), wrapped key (32) and tag (16), with the words
//! before it as additional data. The file only grows, until a destruction replaces it whole under
//! a new wrapping key. A last line without its end never sealed anything that was kept.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};

use super::{KEY_BYTES, RecordClass};
use crate::error::StoreError;
use crate::prepared::hex;

pub(super) const ACT: &str = "read the keys of sealed values";
pub(super) const FORMAT: &str = "kukaku-values/1";

/// The key store of the store in file `path`.
pub(super) fn key_file(store: &Path) -> PathBuf {
    folder(store).join("values.keys")
}

/// The folder of keys of the store in file `path`.
pub(super) fn folder(store: &Path) -> PathBuf {
    store.parent().unwrap_or(Path::new("")).join("keys")
}

pub(super) fn wrap_file(folder: &Path, wrapping: u64) -> PathBuf {
    folder.join(format!("values.wrap.{wrapping:016x}"))
}

/// What a data key is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyMeta {
    /// The class of records.
    pub class: RecordClass,
    /// The local day on which they were recorded, in days since 1970-01-01.
    pub day: i32,
    /// The entitled clients, sorted; empty: the site alone.
    pub scope: Vec<String>,
}

/// A data key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKey {
    /// Its number, as rows name it.
    pub id: u64,
    /// What it is for.
    pub meta: KeyMeta,
}

/// A data key that is no more.
pub type DestroyedKey = DataKey;

/// A data key with its secret.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) meta: KeyMeta,
    pub(super) secret: [u8; KEY_BYTES],
}

/// Everything in a key store.
#[derive(Default)]
pub(super) struct Content {
    pub(super) wrapping: Option<(u64, [u8; KEY_BYTES])>,
    pub(super) keys: HashMap<u64, Held>,
    /// Bytes of whole lines: what is behind them was never finished.
    pub(super) whole: u64,
}

/// The words of a key's line that its wrapping is bound to.
pub(super) fn words(id: u64, meta: &KeyMeta) -> String {
    let scope: Vec<String> = meta.scope.iter().map(|client| encode(client)).collect();
    let scope = if scope.is_empty() { "-".to_owned() } else { scope.join(",") };
    format!("{id:016x} {} {} {scope}", meta.class.word(), meta.day)
}

/// Percent-encoding of everything but letters, digits, `_` and `.`.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' => char::from(b).to_string(),
            _ => format!("%{b:02x}"),
        })
        .collect()
}

fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let pair = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect()
}

/// A wrapped key as it stands in its line.
pub(super) fn wrap(wrapping: &[u8; KEY_BYTES], words: &str, secret: &[u8; KEY_BYTES]) -> Result<String, StoreError> {
    let mut nonce = [0; 12];
    super::owner::random(&mut nonce)?;
    let mut sealed = *secret;
    let tag = Aes256Gcm::new(wrapping.into())
        .encrypt_inout_detached(&Nonce::from(nonce), words.as_bytes(), sealed.as_mut_slice().into())
        .map_err(|_| StoreError::Bug { act: "wrap a key", detail: "the cipher refuses 32 bytes".to_owned() })?;
    Ok(hex(&[&nonce[..], &sealed, &tag].concat()))
}

fn unwrap_key(wrapping: &[u8; KEY_BYTES], words: &str, text: &str) -> Option<[u8; KEY_BYTES]> {
    let bytes = unhex(text)?;
    let (nonce, rest) = bytes.split_first_chunk::<12>()?;
    let (sealed, tag) = rest.split_last_chunk::<16>()?;
    let mut secret: [u8; KEY_BYTES] = sealed.try_into().ok()?;
    Aes256Gcm::new(wrapping.into())
        .decrypt_inout_detached(&Nonce::from(*nonce), words.as_bytes(), secret.as_mut_slice().into(), &Tag::from(*tag))
        .ok()?;
    Some(secret)
}

fn line_of(wrapping: &[u8; KEY_BYTES], line: &str) -> Option<(u64, Held)> {
    let rest = line.strip_prefix("key ")?;
    let (words, sealed) = rest.rsplit_once(' ')?;
    let mut parts = words.split(' ');
    let id = u64::from_str_radix(parts.next()?, 16).ok()?;
    let class = RecordClass::of_word(parts.next()?)?;
    let day = parts.next()?.parse().ok()?;
    let scope = match parts.next()? {
        "-" => Vec::new(),
        names => names.split(',').map(decode).collect::<Option<_>>()?,
    };
    let secret = unwrap_key(wrapping, words, sealed)?;
    Some((id, Held { meta: KeyMeta { class, day, scope }, secret }))
}

/// Reads the key store in `folder`; an empty one where there is none yet.
pub(super) fn read(folder: &Path, file: &Path) -> Result<Content, StoreError> {
    let damaged = |what: String| StoreError::Corrupt { act: ACT, detail: format!("{}: {what}", file.display()) };
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Content::default()),
        Err(error) => {
            return Err(StoreError::Unavailable { act: ACT, detail: format!("{}: {error}", file.display()) });
        }
    };
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let text = std::str::from_utf8(&bytes[..whole]).map_err(|_| damaged("it is no text".to_owned()))?;
    let mut lines = text.lines();
    let wrapping = lines
        .next()
        .and_then(|head| head.strip_prefix(FORMAT)?.strip_prefix(' '))
        .and_then(|id| u64::from_str_radix(id, 16).ok())
        .ok_or_else(|| damaged(format!("its first line is not `{FORMAT} WRAPPING`")))?;
    let path = wrap_file(folder, wrapping);
    let missing = |what: String| StoreError::Unavailable { act: ACT, detail: format!("{}: {what}", path.display()) };
    let key = fs::read_to_string(&path).map_err(|error| missing(error.to_string()))?;
    let key: [u8; KEY_BYTES] = unhex(key.trim_end())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| missing("it does not hold 32 bytes in hex".to_owned()))?;
    let mut keys = HashMap::new();
    for (number, line) in lines.enumerate() {
        let (id, held) = line_of(&key, line).ok_or_else(|| damaged(format!("line {} is no key", number + 2)))?;
        keys.insert(id, held);
    }
    Ok(Content { wrapping: Some((wrapping, key)), keys, whole: whole as u64 })
}

/// What tells one state of the file from another.
type Stamp = Option<(u64, Option<SystemTime>, u64)>;

fn stamp(file: &Path) -> Stamp {
    let meta = fs::metadata(file).ok()?;
    Some((meta.len(), meta.modified().ok(), std::os::unix::fs::MetadataExt::ino(&meta)))
}

/// The keys as all connections of a process to one store share them.
pub(crate) struct Keyring {
    folder: PathBuf,
    file: PathBuf,
    state: Mutex<(Stamp, HashMap<u64, Held>)>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Keyring {
    /// The secret of a key; none: it was destroyed, or never was.
    pub(super) fn key(&self, id: u64) -> Result<Option<[u8; KEY_BYTES]>, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = state.1.get(&id) {
            return Ok(Some(held.secret));
        }
        // Another process, or the writer of this one, may have made it since.
        let now = stamp(&self.file);
        if now != state.0 {
            *state = (now, read(&self.folder, &self.file)?.keys);
        }
        Ok(state.1.get(&id).map(|held| held.secret))
    }

    /// A key that was just made durable.
    pub(super) fn learn(&self, id: u64, held: Held) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.insert(id, held);
    }

    /// Forgets everything: keys were destroyed.
    pub(super) fn forget(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (None, HashMap::new());
    }
}

/// One ring a key store and process, so that a destroyed key is forgotten in one place.
static RINGS: Mutex<Vec<(PathBuf, Weak<Keyring>)>> = Mutex::new(Vec::new());

/// The ring of the store in file `path`.
pub(crate) fn ring_of(path: &Path) -> Arc<Keyring> {
    let file = key_file(path);
    let mut rings = RINGS.lock().unwrap_or_else(PoisonError::into_inner);
    rings.retain(|(_, ring)| ring.strong_count() > 0);
    if let Some(ring) = rings.iter().find(|(of, _)| *of == file).and_then(|(_, ring)| ring.upgrade()) {
        return ring;
    }
    let state = Mutex::new((None, HashMap::new()));
    let ring = Arc::new(Keyring { folder: folder(path), file: file.clone(), state });
    rings.push((file, Arc::downgrade(&ring)));
    ring
}

/// The data keys of the store in file `path`, by number.
///
/// # Errors
/// The key store can't be read, or is damaged.
pub fn keys_of(path: &Path) -> Result<Vec<DataKey>, StoreError> {
    let content = read(&folder(path), &key_file(path))?;
    let mut keys: Vec<DataKey> = content.keys.into_iter().map(|(id, held)| DataKey { id, meta: held.meta }).collect();
    keys.sort_by_key(|key| key.id);
    Ok(keys)
}
