//! The key store as the store's one owner writes it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aes_gcm::{Aes256Gcm, KeyInit};

use super::keyring::{
    Content, DestroyedKey, FORMAT, Held, KeyMeta, Keyring, folder, key_file, read, ring_of, words, wrap, wrap_file,
};
use super::{DataKey, KEY_BYTES};
use crate::error::{StoreError, io_in_act};
use crate::prepared::hex;

const ACT: &str = "make a key for values";
const DESTROY: &str = "destroy keys of values";

/// Fills `bytes` from the system.
pub(super) fn random(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::Unavailable {
        act: "draw random numbers from the system",
        detail: error.to_string(),
    })
}

/// The owner's half: makes data keys, and destroys them.
pub(crate) struct KeyOwner {
    folder: PathBuf,
    file: PathBuf,
    ring: Arc<Keyring>,
    wrapping: (u64, [u8; KEY_BYTES]),
    /// The keys of this opening, by what they are for.
    mine: HashMap<KeyMeta, (u64, Aes256Gcm)>,
}

impl std::fmt::Debug for KeyOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyOwner").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A file whole and on the disk, or not there.
fn put(path: &Path, bytes: &[u8], act: &'static str) -> Result<(), StoreError> {
    let part = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        sync_folder(path)
    };
    write().map_err(io_in_act(act))
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Overwrites a secret before its name goes. A disk may keep old blocks all the same: that is why
/// what it wrapped is replaced as well.
fn shred(path: &Path) -> std::io::Result<()> {
    if let Ok(mut file) = OpenOptions::new().write(true).open(path) {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(4096);
        file.write_all(&vec![0; length])?;
        file.sync_all()?;
    }
    fs::remove_file(path)?;
    sync_folder(path)
}

fn new_wrapping(folder: &Path, act: &'static str) -> Result<(u64, [u8; KEY_BYTES]), StoreError> {
    let (mut id, mut key) = ([0; 8], [0; KEY_BYTES]);
    random(&mut id)?;
    random(&mut key)?;
    let id = u64::from_be_bytes(id);
    put(&wrap_file(folder, id), format!("{}\n", hex(&key)).as_bytes(), act)?;
    Ok((id, key))
}

impl KeyOwner {
    /// Opens the key store of the store in file `path`, or makes it. What an interrupted
    /// destruction left behind is finished.
    /// A store that holds values (`holding`) has one: without it nothing more is recorded, so
    /// that nobody notices years later that the values of today could never be opened.
    pub(crate) fn open(path: &Path, holding: bool) -> Result<Self, StoreError> {
        let (folder, file) = (folder(path), key_file(path));
        if holding && !file.exists() {
            let detail = format!(
                "{} is missing, though the journal holds values that its keys open; put it and values.wrap.* back from where keys are kept",
                file.display()
            );
            return Err(StoreError::Unavailable { act: super::keyring::ACT, detail });
        }
        if !folder.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io_in_act(ACT))?;
            sync_folder(&folder).map_err(io_in_act(ACT))?;
        }
        let content = read(&folder, &file)?;
        let wrapping = match content.wrapping {
            Some(wrapping) => {
                cut_unfinished(&file, content.whole)?;
                wrapping
            }
            None => {
                let wrapping = new_wrapping(&folder, ACT)?;
                put(&file, format!("{FORMAT} {:016x}\n", wrapping.0).as_bytes(), ACT)?;
                wrapping
            }
        };
        let ring = ring_of(path);
        ring.forget();
        let owner = Self { folder, file, ring, wrapping, mine: HashMap::new() };
        owner.shred_others()?;
        Ok(owner)
    }

    /// Wrapping keys that the key store doesn't name wrap nothing that is to be kept.
    fn shred_others(&self) -> Result<(), StoreError> {
        let named = wrap_file(&self.folder, self.wrapping.0);
        for entry in fs::read_dir(&self.folder).map_err(io_in_act(DESTROY))? {
            let path = entry.map_err(io_in_act(DESTROY))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("values.wrap.") && path != named {
                shred(&path).map_err(io_in_act(DESTROY))?;
            }
        }
        Ok(())
    }

    /// The key for what is recorded on a day, of a class, for these clients; made durable before
    /// anything is sealed with it.
    pub(crate) fn key(&mut self, meta: &KeyMeta) -> Result<(u64, &Aes256Gcm), StoreError> {
        if !self.mine.contains_key(meta) {
            let (mut id, mut secret) = ([0; 8], [0; KEY_BYTES]);
            random(&mut id)?;
            random(&mut secret)?;
            // SQLite's integers have a sign.
            let id = u64::from_be_bytes(id) >> 1;
            let words = words(id, meta);
            let line = format!("key {words} {}\n", wrap(&self.wrapping.1, &words, &secret)?);
            let append = || -> std::io::Result<()> {
                let mut file = OpenOptions::new().append(true).open(&self.file)?;
                file.write_all(line.as_bytes())?;
                file.sync_data()
            };
            append().map_err(io_in_act(ACT))?;
            self.ring.learn(id, Held { meta: meta.clone(), secret });
            self.mine.insert(meta.clone(), (id, Aes256Gcm::new((&secret).into())));
        }
        let (id, cipher) = self.mine.get(meta).expect("it was there, or was just put there");
        Ok((*id, cipher))
    }

    /// What is sealed from here on gets new keys: those in use are about to be destroyed.
    pub(crate) fn begin_anew(&mut self) {
        self.mine.clear();
    }

    /// Destroys keys: the survivors are wrapped anew under a new wrapping key, the old one is
    /// overwritten. Interrupted anywhere, either all of them or none are destroyed.
    pub(crate) fn destroy(&mut self, ids: &HashSet<u64>) -> Result<Vec<DestroyedKey>, StoreError> {
        let Content { keys, .. } = read(&self.folder, &self.file)?;
        let (gone, kept): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(id, _)| ids.contains(id));
        let fresh = new_wrapping(&self.folder, DESTROY)?;
        let mut kept = kept;
        kept.sort_by_key(|(id, _)| *id);
        let mut text = format!("{FORMAT} {:016x}\n", fresh.0);
        for (id, held) in &kept {
            let words = words(*id, &held.meta);
            text.push_str(&format!("key {words} {}\n", wrap(&fresh.1, &words, &held.secret)?));
        }
        put(&self.file, text.as_bytes(), DESTROY)?;
        self.wrapping = fresh;
        self.mine.retain(|_, (id, _)| !ids.contains(id));
        self.ring.forget();
        self.shred_others()?;
        let mut gone: Vec<DestroyedKey> = gone.into_iter().map(|(id, held)| DataKey { id, meta: held.meta }).collect();
        gone.sort_by_key(|key| key.id);
        Ok(gone)
    }
}

fn cut_unfinished(file: &Path, whole: u64) -> Result<(), StoreError> {
    let cut = || -> std::io::Result<()> {
        let file = OpenOptions::new().write(true).open(file)?;
        if file.metadata()?.len() > whole {
            file.set_len(whole)?;
            file.sync_all()?;
        }
        Ok(())
    };
    cut().map_err(io_in_act(ACT))
}
