use std::collections::HashSet;
use std::path::PathBuf;

use super::keyring::KeyMeta;
use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kukaku-values-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn store(&self) -> PathBuf {
        self.0.join("store.db")
    }

    fn names(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.0.join("keys")).unwrap();
        let mut names: Vec<String> = folder.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn meta(class: RecordClass, day: i32, scope: &[&str]) -> KeyMeta {
    KeyMeta { class, day, scope: scope.iter().map(|&client| client.to_owned()).collect() }
}

fn sealed(owner: &mut KeyOwner, meta: &KeyMeta, seq: u64, body: &[u8]) -> (u64, Vec<u8>) {
    let (id, cipher) = owner.key(meta).unwrap();
    let mut out = Vec::new();
    seal(cipher, seq, &[7; 32], &[9; 32], body, &mut out).unwrap();
    (id, out)
}

#[test]
fn a_value_opens_for_its_own_entry_alone() {
    let folder = Folder::new("own");
    let mut owner = KeyOwner::open(&folder.store(), false).unwrap();
    let day = meta(RecordClass::Entry, 20_000, &["甲市", "乙 市,-%"]);
    let (id, bytes) = sealed(&mut owner, &day, 5, b"kokutan");
    assert!(!bytes.windows(7).any(|w| w == b"kokutan"));
    let key = ring_of(&folder.store()).key(id).unwrap().unwrap();
    let opened = Value::of(open(&key, 5, &[7; 32], &bytes));
    assert_eq!(opened, Value::Open { salt: [9; 32], body: b"kokutan".to_vec() });
    assert_eq!(open(&key, 6, &[7; 32], &bytes), None, "another entry's number");
    assert_eq!(open(&key, 5, &[8; 32], &bytes), None, "another commitment");
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 1;
        assert_eq!(open(&key, 5, &[7; 32], &forged), None, "byte {at}");
    }
    assert_eq!(keys_of(&folder.store()).unwrap(), [DataKey { id, meta: day }]);
}

#[test]
fn every_opening_begins_new_keys() {
    let folder = Folder::new("new");
    let day = meta(RecordClass::Session, 1, &[]);
    let (first, _) = sealed(&mut KeyOwner::open(&folder.store(), false).unwrap(), &day, 0, b"");
    let mut again = KeyOwner::open(&folder.store(), false).unwrap();
    let (second, _) = sealed(&mut again, &day, 1, b"");
    let (third, _) = sealed(&mut again, &day, 2, b"");
    assert_ne!(first, second);
    assert_eq!(second, third);
}

#[test]
fn a_destroyed_key_is_nowhere_and_the_others_stay() {
    let folder = Folder::new("destroyed");
    let mut owner = KeyOwner::open(&folder.store(), false).unwrap();
    let (gone, _) = sealed(&mut owner, &meta(RecordClass::Entry, 1, &["a"]), 0, b"x");
    let (kept, bytes) = sealed(&mut owner, &meta(RecordClass::Entry, 2, &["a"]), 1, b"y");
    let ring = ring_of(&folder.store());
    let secret = ring.key(gone).unwrap().unwrap();
    let before = folder.names();
    let destroyed = owner.destroy(&HashSet::from([gone])).unwrap();
    assert_eq!(destroyed.len(), 1);
    assert_eq!(ring.key(gone).unwrap(), None);
    let key = ring.key(kept).unwrap().unwrap();
    assert!(open(&key, 1, &[7; 32], &bytes).is_some());
    let after = folder.names();
    assert_eq!(after.len(), 2, "{after:?}");
    assert_ne!(before, after, "the wrapping key is another one");
    for name in after {
        let text = std::fs::read_to_string(folder.0.join("keys").join(name)).unwrap();
        assert!(!text.contains(&crate::prepared::hex(&secret)));
    }
    // What is sealed from now on has its own key again, and survives an opening.
    let (next, _) = sealed(&mut owner, &meta(RecordClass::Entry, 1, &["a"]), 2, b"z");
    assert_ne!(next, gone);
    drop(owner);
    KeyOwner::open(&folder.store(), false).unwrap();
    assert_eq!(keys_of(&folder.store()).unwrap().len(), 2);
}

#[test]
fn a_destruction_cut_off_by_a_crash_is_finished_or_never_was() {
    let folder = Folder::new("crash");
    let mut owner = KeyOwner::open(&folder.store(), false).unwrap();
    let (id, _) = sealed(&mut owner, &meta(RecordClass::Entry, 1, &[]), 0, b"x");
    drop(owner);
    // Before the key store was replaced: a new wrapping key lies there unused.
    let stray = folder.0.join("keys/values.wrap.00000000000000aa");
    std::fs::write(&stray, "00").unwrap();
    // And a key that was never finished.
    let file = folder.0.join("keys/values.keys");
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{whole}key 00000000000000bb entry 1 - 00")).unwrap();
    KeyOwner::open(&folder.store(), false).unwrap();
    assert!(!stray.exists());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), whole);
    assert_eq!(keys_of(&folder.store()).unwrap()[0].id, id);
}

#[test]
fn a_damaged_key_store_is_named() {
    let folder = Folder::new("damaged");
    let mut owner = KeyOwner::open(&folder.store(), false).unwrap();
    sealed(&mut owner, &meta(RecordClass::Entry, 1, &[]), 0, b"x");
    drop(owner);
    let file = folder.0.join("keys/values.keys");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(" entry ", " camera ")).unwrap();
    let error = KeyOwner::open(&folder.store(), false).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    std::fs::remove_file(folder.0.join("keys").join(&folder.names()[1])).unwrap();
    let error = KeyOwner::open(&folder.store(), false).unwrap_err().to_string();
    assert!(error.contains("values.wrap."), "{error}");
}

#[test]
fn each_kind_has_its_class() {
    for (kind, class) in [
        ("door.reading", RecordClass::Entry),
        ("reader.status", RecordClass::Entry),
        ("muster", RecordClass::Entry),
        ("manual.entry", RecordClass::Entry),
        ("session.ended", RecordClass::Session),
        ("revision", RecordClass::Session),
        ("camera.health", RecordClass::Camera),
        ("footage.segment", RecordClass::Footage),
        ("finding", RecordClass::Finding),
        ("register", RecordClass::Register),
        ("hold.placed", RecordClass::Register),
        ("unreadable", RecordClass::Unreadable),
        ("source.alive", RecordClass::Operation),
        ("liveness", RecordClass::Operation),
    ] {
        assert_eq!(RecordClass::of_kind(kind), class, "{kind}");
    }
    for class in RecordClass::ALL {
        assert_eq!(RecordClass::of_word(class.word()), Some(class));
    }
}

#[test]
fn a_journal_whose_keys_are_missing_is_not_gone_on_with() {
    let folder = Folder::new("missing");
    let error = KeyOwner::open(&folder.store(), true).unwrap_err().to_string();
    assert!(error.contains("values.keys is missing"), "{error}");
    assert!(!folder.0.join("keys").exists(), "nothing was made in its place");
}
