//! Harm that these stories keep away: two writers on one journal, a file that is no store taken
//! for one, a newer store written by an older program.

#![allow(clippy::unwrap_used)]

mod site;

use kukaku_schema::UtcMicros;
use kukaku_store::{Connection, NewLeaf, SCHEMA_VERSION, Store, StoreError, read_only};
use site::Folder;

fn made(folder: &Folder) -> std::path::PathBuf {
    let path = folder.0.join("store.db");
    drop(Store::create(&path, UtcMicros(1)).unwrap());
    path
}

#[test]
fn a_missing_store_is_never_made_by_opening_it() {
    let folder = Folder::new();
    let path = folder.0.join("store.db");
    assert!(matches!(Store::open(&path), Err(StoreError::Missing { .. })));
    assert!(matches!(read_only(&path), Err(StoreError::Missing { .. })));
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[test]
fn an_existing_file_is_never_made_a_store() {
    let folder = Folder::new();
    let path = folder.0.join("store.db");
    std::fs::write(&path, "my accounts of 2025").unwrap();
    assert!(matches!(Store::create(&path, UtcMicros(1)), Err(StoreError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"my accounts of 2025");
}

#[test]
fn a_second_opener_is_refused_with_the_holders_id_and_readers_are_welcome() {
    let folder = Folder::new();
    let path = made(&folder);
    let first = Store::open(&path).unwrap();
    match Store::open(&path) {
        Err(StoreError::Held { holder, .. }) => assert_eq!(holder, std::process::id().to_string()),
        other => panic!("{other:?}"),
    }
    read_only(&path).unwrap();
    drop(first);
    Store::open(&path).unwrap();
}

#[test]
fn files_that_are_no_store_are_named_as_such_and_left_alone() {
    let folder = Folder::new();
    let path = made(&folder);
    let whole = std::fs::read(&path).unwrap();
    let garbled: Vec<u8> = whole.iter().map(|byte| byte ^ 0x5A).collect();
    let other = {
        let path = folder.0.join("other.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
        std::fs::read(&path).unwrap()
    };
    for (what, bytes) in [
        ("garbled", garbled),
        ("cut to nothing", Vec::new()),
        ("cut in its first page", whole[..100].to_vec()),
        ("cut after three pages", whole[..3 * 4096].to_vec()),
        ("another program's", other),
        ("text", b"kukaku".repeat(2000)),
    ] {
        std::fs::write(&path, &bytes).unwrap();
        match Store::open(&path) {
            Err(StoreError::NotAStore { .. } | StoreError::Corrupt { .. }) => {}
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{what}");
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_unchanged() {
    let folder = Folder::new();
    let path = made(&folder);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    match Store::open(&path) {
        Err(StoreError::Newer { found, known, .. }) => assert_eq!((found, known), (SCHEMA_VERSION + 1, SCHEMA_VERSION)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(read_only(&path), Err(StoreError::Newer { .. })));
}

#[test]
fn a_batch_that_is_given_up_leaves_nothing_and_nothing_is_built_on_it() {
    let folder = Folder::new();
    let path = made(&folder);
    let mut store = Store::open(&path).unwrap();
    let mut names = store.names().unwrap();
    let site = names.intern("");
    let leaf = NewLeaf { kind: "start", source: site, client: site, device_time: None, payload: b"{}" };
    let mut batch = store.begin(UtcMicros(5)).unwrap();
    batch.append(leaf, &names).unwrap();
    drop(batch);
    assert!(matches!(store.begin(UtcMicros(6)), Err(StoreError::Bug { .. })));
    store.reopen().unwrap();
    assert_eq!(store.head().journal_size, 0);
    let mut batch = store.begin(UtcMicros(6)).unwrap();
    assert_eq!(batch.append(leaf, &names).unwrap(), 0);
    batch.commit(UtcMicros(6), &names).unwrap();
    // An instant before the last one is recorded as the last one.
    let batch = store.begin(UtcMicros(2)).unwrap();
    assert_eq!(batch.recorded_at(), UtcMicros(6));
}

#[test]
fn the_journal_refuses_to_be_edited_even_with_plain_sql() {
    let folder = Folder::new();
    let path = made(&folder);
    site::fill(&path, 3);
    let conn = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE journal SET kind = 'x' WHERE seq = 1",
        "DELETE FROM journal WHERE seq = 2",
        "UPDATE payload SET sealed = zeroblob(64)",
        "DELETE FROM payload",
    ] {
        let error = conn.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
}

#[test]
fn room_is_proven_without_a_trace() {
    let folder = Folder::new();
    let path = made(&folder);
    let store = Store::open(&path).unwrap();
    let tables = |store: &Store| -> i64 {
        store.connection().query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap()
    };
    let before = tables(&store);
    let pages: i64 = store.connection().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = |pages: i64| store.connection().pragma_update(None, "max_page_count", pages).unwrap();
    limit(pages + 10);
    assert!(matches!(store.probe(), Err(StoreError::Full { .. })));
    assert_eq!(tables(&store), before);
    limit(pages + 1000);
    store.probe().unwrap();
    assert_eq!(tables(&store), before);
}
