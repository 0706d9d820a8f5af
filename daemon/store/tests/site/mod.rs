//! Stores to try things on.

#![allow(dead_code, reason = "each test program uses its part")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use kukaku_ledger::{KeyTerm, Signer, SigningKey};
use kukaku_schema::UtcMicros;
use kukaku_store::{NewLeaf, Store, StoredCheckpoint};

/// A folder of its own, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kukaku-store-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn key() -> SigningKey {
    SigningKey::from_seed("kukaku.example/test", &[9; 32]).unwrap()
}

pub fn terms() -> [KeyTerm; 1] {
    [KeyTerm::whole(key().verifier().clone())]
}

/// Appends so many entries of two sources and two clients, seven a commit, each commit signed.
/// Returns the newest checkpoint.
pub fn fill(path: &Path, entries: u64) -> String {
    let mut store = Store::open(path).unwrap();
    let mut names = store.names().unwrap();
    let words = ["", "panel", "tomakomai"].map(|text| names.intern(text));
    let mut signer = Signer::new(key(), None);
    let mut newest = String::new();
    let mut done = 0;
    while done < entries {
        let at = UtcMicros(1_000_000 * (done as i64 + 1));
        let mut batch = store.begin(at).unwrap();
        for _ in 0..7.min(entries - done) {
            let payload = format!(r#"{{"n":{done}}}"#);
            let leaf = NewLeaf {
                kind: "source.alive",
                source: words[usize::from(done % 2 == 0)],
                client: words[if done % 3 == 0 { 2 } else { 0 }],
                device_time: (done % 5 != 0).then_some(at),
                payload: payload.as_bytes(),
            };
            batch.append(leaf, &names).unwrap();
            done += 1;
        }
        batch.commit(at, &names).unwrap();
        let proof = store.consistency_from(signer.last().map_or(0, |last| last.size)).unwrap();
        let head = store.tree_head();
        newest = signer.sign(head, &proof).unwrap().to_text();
        store.keep_checkpoint(&StoredCheckpoint { head, note: newest.clone(), signed_at: at }).unwrap();
    }
    newest
}
