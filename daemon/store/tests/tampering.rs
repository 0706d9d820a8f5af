//! Harm that these stories keep away: an entry that was changed, dropped, moved or slipped in
//! after it was recorded, and a journal that was cut or put back, without anybody seeing it.

#![allow(clippy::unwrap_used)]

mod site;

use std::path::PathBuf;

use kukaku_schema::UtcMicros;
use kukaku_store::{Connection, Fault, Store, StoreError, read_only, verify};
use site::{Folder, fill, key, terms};

const ENTRIES: u64 = 700;

/// A filled store, its newest checkpoint, and a copy that is fresh for each forgery.
struct Evidence {
    folder: Folder,
    newest: String,
}

impl Evidence {
    fn new(entries: u64) -> Self {
        let folder = Folder::new();
        let path = folder.0.join("original.db");
        drop(Store::create(&path, UtcMicros(1)).unwrap());
        let newest = fill(&path, entries);
        Self { folder, newest }
    }

    /// A copy on which `forge` was done with plain SQL, the triggers out of the way.
    fn forged(&self, forge: &str) -> PathBuf {
        let path = self.folder.0.join("forged.db");
        std::fs::copy(self.folder.0.join("original.db"), &path).unwrap();
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!(
            "DROP TRIGGER journal_is_append_only_update; DROP TRIGGER journal_is_append_only_delete;
             DROP TRIGGER payload_is_append_only_update; DROP TRIGGER payload_is_append_only_delete; {forge};"
        ))
        .unwrap();
        path
    }

    fn faults(&self, forge: &str) -> Vec<Fault> {
        let conn = read_only(&self.forged(forge)).unwrap();
        verify(&conn, &terms(), Some(&self.newest), |_, _| {}).unwrap().faults
    }
}

#[test]
fn an_untouched_journal_is_whole_and_signed_to_its_end() {
    let evidence = Evidence::new(ENTRIES);
    let conn = read_only(&evidence.forged("SELECT 1")).unwrap();
    let mut told = Vec::new();
    let report = verify(&conn, &terms(), Some(&evidence.newest), |done, of| told.push((done, of))).unwrap();
    assert_eq!(report.faults, []);
    assert_eq!((report.entries, report.signed_to, report.checkpoints), (ENTRIES, ENTRIES, ENTRIES / 7));
    assert_eq!(told.last(), Some(&(ENTRIES, ENTRIES)));
}

#[test]
fn every_forgery_is_found_at_the_entry_where_it_begins() {
    let evidence = Evidence::new(ENTRIES);
    for (forge, entry) in [
        ("UPDATE payload SET sealed = (SELECT sealed FROM payload WHERE seq = 332) WHERE seq = 333", 333),
        ("UPDATE payload SET key = key + 1 WHERE seq = 334", 334),
        ("DELETE FROM payload WHERE seq = 335", 335),
        ("UPDATE journal SET kind = 'door.reading' WHERE seq = 5", 5),
        ("UPDATE journal SET source = client WHERE seq = 3", 3),
        ("UPDATE journal SET client = source WHERE seq = 4", 4),
        ("UPDATE journal SET client_seq = client_seq + 1 WHERE seq = 6", 6),
        ("UPDATE journal SET source_seq = source_seq + 1 WHERE seq = 7", 7),
        ("UPDATE journal SET recorded_at_us = recorded_at_us - 1 WHERE seq = 699", 699),
        ("UPDATE journal SET device_time_us = device_time_us + 1 WHERE seq = 256", 256),
        ("UPDATE journal SET device_time_us = NULL WHERE seq = 257", 257),
        ("UPDATE journal SET clock = 1 WHERE seq = 0", 0),
        ("UPDATE journal SET commitment = randomblob(32) WHERE seq = 100", 100),
        ("UPDATE journal SET leaf_hash = randomblob(32) WHERE seq = 101", 101),
        ("UPDATE word SET text = 'chitose' WHERE text = 'tomakomai'", 0),
        ("DELETE FROM word WHERE text = 'panel'", 0),
        ("DELETE FROM journal WHERE seq = 400", 400),
        ("DELETE FROM journal WHERE seq = 0", 0),
        ("DELETE FROM journal WHERE seq = 699", 699),
        ("DELETE FROM journal WHERE seq >= 690; UPDATE head SET journal_size = 690", 690),
        (
            "UPDATE journal SET seq = -1 WHERE seq = 50; UPDATE journal SET seq = 50 WHERE seq = 51;
             UPDATE journal SET seq = 51 WHERE seq = -1",
            50,
        ),
        ("UPDATE tile SET hashes = randomblob(length(hashes))", 0),
        ("DELETE FROM tile", 0),
        ("UPDATE checkpoint SET root = randomblob(32) WHERE size = 350", 350),
        ("UPDATE checkpoint SET note = replace(note, '350', '357') WHERE size = 350", 350),
        ("UPDATE checkpoint SET size = 351 WHERE size = 350", 351),
    ] {
        // The rowid check of the tables is not the evidence: -1 is only a place to swap through.
        let forge = format!("PRAGMA ignore_check_constraints = 1; {forge}");
        let faults = evidence.faults(&forge);
        assert_eq!(faults.first().map(|fault| fault.entry), Some(entry), "{forge}: {faults:?}");
    }
}

#[test]
fn every_changed_byte_of_values_salts_and_hashes_is_found_at_its_entry() {
    let evidence = Evidence::new(21);
    let path = evidence.forged("SELECT 1");
    let conn = Connection::open(&path).unwrap();
    let reader = read_only(&path).unwrap();
    for (table, column) in [("payload", "sealed"), ("journal", "commitment"), ("journal", "leaf_hash")] {
        for seq in [0, 7, 20] {
            let select = format!("SELECT {column} FROM {table} WHERE seq = {seq}");
            let update = format!("UPDATE {table} SET {column} = ?1 WHERE seq = {seq}");
            let whole: Vec<u8> = conn.query_row(&select, [], |row| row.get(0)).unwrap();
            for place in 0..whole.len() {
                let mut changed = whole.clone();
                changed[place] ^= 1 << (place % 8);
                conn.execute(&update, [&changed]).unwrap();
                let faults = verify(&reader, &terms(), None, |_, _| {}).unwrap().faults;
                assert_eq!(
                    faults.first().map(|fault| fault.entry),
                    Some(seq),
                    "{table}.{column} byte {place} of {seq}"
                );
            }
            conn.execute(&update, [&whole]).unwrap();
        }
    }
    assert_eq!(verify(&reader, &terms(), None, |_, _| {}).unwrap().faults, []);
}

#[test]
fn a_journal_that_was_rebuilt_and_signed_anew_is_not_the_one_whose_checkpoint_was_kept() {
    let evidence = Evidence::new(70);
    let rebuilt = Evidence::new(70);
    // Same entries, same key, other salts: another history.
    let conn = read_only(&rebuilt.forged("SELECT 1")).unwrap();
    assert_eq!(verify(&conn, &terms(), None, |_, _| {}).unwrap().faults, []);
    let faults = verify(&conn, &terms(), Some(&evidence.newest), |_, _| {}).unwrap().faults;
    assert!(faults.iter().any(|fault| fault.what.contains("outside the store")), "{faults:?}");
}

#[test]
fn whoever_noted_an_older_checkpoint_can_follow_the_journal_to_the_newest() {
    let evidence = Evidence::new(ENTRIES);
    let conn = read_only(&evidence.forged("SELECT 1")).unwrap();
    let noted = |size: u64| {
        let sql = "SELECT note FROM checkpoint WHERE size = ?1";
        let note: String = conn.query_row(sql, [size.cast_signed()], |row| row.get(0)).unwrap();
        kukaku_ledger::Checkpoint::open(note.as_bytes(), &terms()).unwrap().head
    };
    for size in [7, 252, 259, 511, 693, 700] {
        let size = size / 7 * 7;
        let body = kukaku_store::newest_checkpoint_from(&conn, size).unwrap().unwrap();
        let request = kukaku_ledger::AddCheckpoint::parse(body.as_bytes()).unwrap();
        let newest = kukaku_ledger::open_signed(&request, &terms()).unwrap().head;
        assert_eq!((request.old, newest.size), (size, ENTRIES));
        kukaku_ledger::accept(&request, newest, Some(noted(size))).unwrap();
        // With another root in his notes the same proof proves nothing.
        let other = kukaku_ledger::Head { size, root: kukaku_ledger::leaf_hash(b"another") };
        assert!(kukaku_ledger::accept(&request, newest, Some(other)).is_err());
    }
    assert_eq!(kukaku_store::newest_checkpoint_from(&conn, ENTRIES + 1).unwrap(), None);
}

#[test]
fn a_checkpoint_by_another_key_proves_nothing() {
    let evidence = Evidence::new(14);
    let other = kukaku_ledger::SigningKey::from_seed("kukaku.example/test", &[1; 32]).unwrap();
    assert_ne!(other.verifier(), key().verifier());
    let conn = read_only(&evidence.forged("SELECT 1")).unwrap();
    let terms = [kukaku_ledger::KeyTerm::whole(other.verifier().clone())];
    let report = verify(&conn, &terms, Some(&evidence.newest), |_, _| {}).unwrap();
    assert_eq!(report.signed_to, 0);
    assert_eq!(report.faults.len(), 3);
}

#[test]
fn a_changed_tail_is_noticed_at_opening() {
    let evidence = Evidence::new(ENTRIES);
    for forge in [
        "UPDATE journal SET recorded_at_us = 1 WHERE seq = 690",
        "UPDATE journal SET leaf_hash = randomblob(32) WHERE seq = 3",
        "DELETE FROM journal WHERE seq = 699",
        "DELETE FROM tile",
        "UPDATE tile SET hashes = randomblob(length(hashes))",
        "UPDATE head SET journal_size = 650",
    ] {
        match Store::open(&evidence.forged(forge)) {
            Err(StoreError::Corrupt { .. }) => {}
            other => panic!("{forge}: {other:?}"),
        }
    }
}
