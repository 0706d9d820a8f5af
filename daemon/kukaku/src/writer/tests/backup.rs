//! What a disk took with it comes back from another one: every row of it, and nothing that was
//! erased.

use std::path::{Path, PathBuf};

use kukaku_ledger::{KeyTerm, Signer};
use kukaku_schema::{DurationUs, RecordClass};
use kukaku_store::backup::{BackupError, ShipOrder, Shipped, generations, ship};
use kukaku_store::{Connection, Store, StoredCheckpoint, read_only, verify};
use proptest::prelude::*;

use super::erasing::due;
use super::house::{Folder, House, at, key, reading, session, submit};
use super::worlds::{happening, play};
use crate::backup::{RestoreReport, restore_store};
use crate::writer::replay_store;

fn order(house: &House, folder: &Path) -> ShipOrder {
    ShipOrder {
        store: house.store(),
        folder: folder.to_owned(),
        keep: 3,
        whole_every: DurationUs::from_secs(86_400),
        whole: false,
        files: vec![("kukaku.toml".to_owned(), "lang = \"ja\"\n".to_owned())],
    }
}

fn ship_at(house: &House, folder: &Path, seconds: i64) -> Shipped {
    ship(&house.conn(), &order(house, folder), at(seconds)).unwrap().unwrap()
}

/// A checkpoint over everything that is there.
fn sign(house: &House) {
    let store = Store::open(&house.store()).unwrap();
    let head = store.tree_head();
    let note = Signer::new(key(), None).sign(head, &[]).unwrap().to_text();
    store.keep_checkpoint(&StoredCheckpoint { head, note, signed_at: store.head().recorded_at }).unwrap();
}

fn copy_keys(from: &Path, into: &Path) {
    std::fs::create_dir_all(into.join("keys")).unwrap();
    for file in std::fs::read_dir(from.join("keys")).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, into.join("keys").join(path.file_name().unwrap())).unwrap();
    }
}

/// Restores a generation, counted from the newest, with the keys as they are now.
fn restore(house: &House, backup: &Path, back: usize) -> (Folder, Result<RestoreReport, BackupError>) {
    let into = Folder::new();
    copy_keys(&house.folder.0, &into.0);
    let all = generations(backup).unwrap();
    let report = restore_store(&all[all.len() - 1 - back], &into.0.join("store.db"), |_, _| {});
    (into, report)
}

/// Faults that a verification lists before it only counts.
const TOLD: u64 = 21;

/// Everything verifies but so many values that nothing says were erased; a replay says the same.
fn check_but(store: &Path, unnamed: u64) {
    let keys = [KeyTerm::whole(key().verifier().clone())];
    let report = verify(&read_only(store).unwrap(), &keys, None, |_, _| {}).unwrap();
    assert_eq!(report.faults.len() as u64, unnamed.min(TOLD), "{:?}", report.faults.first());
    assert_eq!(replay_store(store, |_, _| {}).unwrap().difference, None);
}

fn check_whole(store: &Path) {
    check_but(store, 0);
}

/// Every row of every table, with texts for words and keys for our own numbers; each table sorted.
fn rows(conn: &Connection) -> Vec<String> {
    const S: &str = "(SELECT (SELECT text FROM word WHERE id = s.source) || s.epoch || (SELECT text FROM word WHERE id = s.session) || s.start_us || s.gone FROM session s WHERE s.id = x.session)";
    const F: &str = "(SELECT f.key FROM finding f WHERE f.id = x.finding)";
    let w = |column: &str| format!("(SELECT text FROM word WHERE id = x.{column})");
    let queries = [
        "SELECT 'head', journal_size, recorded_at_us, advanced_to_us, watched_to_us, stopped FROM head".to_owned(),
        format!("SELECT 'journal', seq, kind, {}, {}, client_seq, source_seq, recorded_at_us, device_time_us, clock, hex(commitment), hex(leaf_hash) FROM journal x", w("source"), w("client")),
        "SELECT 'payload', seq, key, hex(sealed) FROM payload".to_owned(),
        "SELECT 'erased', * FROM erased".to_owned(),
        "SELECT 'tile', level, idx, hex(hashes) FROM tile".to_owned(),
        "SELECT 'checkpoint', size, hex(root), note, signed_at_us FROM checkpoint".to_owned(),
        "SELECT 'identity', hex(content), entry FROM identity".to_owned(),
        "SELECT 'register', tbl, entry_id, from_us, until_us, recorded_at_us, body, journal_seq, replaced_seq FROM register_entry".to_owned(),
        "SELECT 'change', * FROM register_change".to_owned(),
        "SELECT 'hold', * FROM hold".to_owned(),
        format!(
            "SELECT 'reading', entry, occurred_at_us, device_time_us, recorded_at_us, {}, source_number, {}, {}, direction, {}, {}, {}, granted, factors FROM reading x",
            w("source"), w("reader"), w("door"), w("zone"), w("credential"), w("person")
        ),
        format!("SELECT 'offset', entry, {}, offset_us, from_us, until_us FROM source_offset x", w("source")),
        format!("SELECT 'stay', start_us, {}, {}, end_us, grade FROM stay x", w("person"), w("zone")),
        format!("SELECT 'outage', {}, start_us, cause, end_us FROM outage x", w("door")),
        format!(
            "SELECT 'session', {}, epoch, {}, start_us, start_unknown, ended, end_us, last_sign_us, {}, {}, {}, {}, {}, {}, {}, hex(proofs), revision, verdict, grade, judged_at_us FROM session x WHERE gone = 0",
            w("source"), w("session"), w("account"), w("terminal"), w("target"), w("via"), w("operator"), w("client"), w("zone")
        ),
        // Of a session that was none of its own only its history comes back.
        format!("SELECT 'revision', {S}, number, at_us, verdict, grade, hex(absent), hex(unknown), cause, cause_seq, journal_seq FROM revision x"),
        format!("SELECT 'finding', key, kind, severity, at_us, start_us, end_us, {}, opened_at_us, changed_at_us, resolved_at_us, revision, journal_seq FROM finding x", w("client")),
        format!("SELECT 'subject', sort, value, {F}, place FROM finding_subject x"),
        format!("SELECT 'event', {F}, revision, change, at_us, severity, cause, cause_seq, journal_seq FROM finding_event x"),
        format!(
            "SELECT 'source', {}, leaves, observations, duplicates, unreadable, link, {}, number, device_time_us, first_at_us, last_at_us FROM source_seen x",
            w("source"), w("epoch")
        ),
        format!("SELECT 'client', {}, leaves FROM client_seen x", w("client")),
        format!("SELECT 'device', sort, {}, state, detail, {}, device_time_us, recorded_at_us, entry FROM device_state x", w("device"), w("source")),
        format!("SELECT 'footage', {}, path, start_us, end_us, bytes, sha256, gone, entry FROM footage x", w("camera")),
        format!("SELECT 'unreadable', entry, recorded_at_us, link, {}, length, reason FROM unreadable x", w("source")),
        "SELECT 'user', * FROM user".to_owned(),
    ];
    let mut out = Vec::new();
    for query in queries {
        let mut statement = conn.prepare(&query).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let values =
                (0..columns).map(|c| row.get::<_, rusqlite::types::Value>(c)).collect::<Result<Vec<_>, _>>()?;
            Ok(format!("{values:?}"))
        });
        let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
        rows.sort();
        out.extend(rows);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_restored_world_has_every_row_of_the_one_that_was_lost(world in prop::collection::vec(happening(), 1..60)) {
        let house = play(&world, true);
        sign(&house);
        let backup = Folder::new();
        ship_at(&house, &backup.0, 200_000);
        let (into, report) = restore(&house, &backup.0, 0);
        prop_assert!(report.unwrap().beside);
        let store = into.0.join("store.db");
        let (restored, lost) = (rows(&read_only(&store).unwrap()), rows(&house.conn()));
        let differs: Vec<_> = restored.iter().zip(&lost).find(|(a, b)| a != b).into_iter().collect();
        prop_assert_eq!(differs, []);
        prop_assert_eq!(restored.len(), lost.len());
        check_whole(&store);
    }
}

/// A watched hour, shipped each ten minutes.
async fn shipped_hour(backup: &Path) -> House {
    let house = House::new().await;
    let writer = house.watch();
    for minute in 0_u64..60 {
        let seconds = i64::try_from(minute).unwrap() * 60;
        house.clock.pass_to(at(seconds));
        submit(
            &writer,
            &reading(minute + 1, seconds, if minute % 2 == 0 { "north-in" } else { "north-out" }, "card:1"),
        )
        .await
        .unwrap();
        if minute == 5 {
            submit(&writer, &session("started", 1, seconds, "s1", "tmk-a01")).await.unwrap();
        }
        if minute % 10 == 9 {
            writer.checkpoint().await.unwrap();
            ship_at(&house, backup, seconds);
        }
    }
    writer.stop().await.unwrap();
    house
}

#[tokio::test]
async fn what_was_shipped_while_it_ran_comes_back_in_one_piece() {
    let backup = Folder::new();
    let house = shipped_hour(&backup.0).await;
    assert_eq!(generations(&backup.0).unwrap().len(), 1);
    assert!(generations(&backup.0).unwrap()[0].segments.len() >= 5);
    let shipped = ship_at(&house, &backup.0, 3700);
    assert_eq!(shipped.size.to_string(), house.ask("SELECT max(size) FROM checkpoint"));
    let (into, report) = restore(&house, &backup.0, 0);
    let report = report.unwrap();
    assert_eq!((report.gone, report.beside), (0, true));
    assert_eq!(report.files, [("kukaku.toml".to_owned(), "lang = \"ja\"\n".to_owned())]);
    assert_eq!(rows(&read_only(&into.0.join("store.db")).unwrap()), rows(&house.conn()));
    check_whole(&into.0.join("store.db"));
}

#[tokio::test]
async fn a_day_later_a_whole_copy_begins_and_old_ones_go() {
    let backup = Folder::new();
    let house = shipped_hour(&backup.0).await;
    for day in 1..5 {
        let seconds = day * 90_000;
        house.clock.pass_to(at(seconds));
        let writer = house.watch();
        writer.stop().await.unwrap();
        let shipped = ship_at(&house, &backup.0, seconds);
        assert_eq!(shipped.generation, u64::try_from(day).unwrap() + 1);
    }
    let numbers: Vec<u64> = generations(&backup.0).unwrap().iter().map(|generation| generation.number).collect();
    assert_eq!(numbers, [3, 4, 5]);
    let (into, report) = restore(&house, &backup.0, 2);
    report.unwrap();
    check_whole(&into.0.join("store.db"));
}

#[tokio::test]
async fn a_changed_byte_is_named_and_an_older_generation_still_restores() {
    let backup = Folder::new();
    let house = shipped_hour(&backup.0).await;
    let whole = ShipOrder { whole: true, ..order(&house, &backup.0) };
    let newest = ship(&house.conn(), &whole, at(3700)).unwrap().unwrap().segment.unwrap().path;
    let bytes = std::fs::read(&newest).unwrap();
    for place in (0..bytes.len()).step_by(997).chain([0, bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        std::fs::write(&newest, changed).unwrap();
        let (_into, report) = restore(&house, &backup.0, 0);
        let why = report.unwrap_err().to_string();
        assert!(why.contains(&newest.display().to_string()) || why.contains("entry"), "byte {place}: {why}");
    }
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    let (_into, report) = restore(&house, &backup.0, 0);
    assert!(matches!(report, Err(BackupError::Damaged { .. })));
    let (into, report) = restore(&house, &backup.0, 1);
    report.unwrap();
    check_whole(&into.0.join("store.db"));
    let older = generations(&backup.0).unwrap().remove(0);
    std::fs::remove_file(&older.segments[1].0).unwrap();
    let (_into, report) = restore(&house, &backup.0, 1);
    assert!(matches!(report, Err(BackupError::Gap { generation: 1, .. })));
}

#[tokio::test]
async fn a_copy_that_was_cut_off_leaves_the_one_before() {
    let backup = Folder::new();
    let house = shipped_hour(&backup.0).await;
    let before = generations(&backup.0).unwrap();
    let part: PathBuf = before[0].folder.join("00000000000000000099-00000000000000000199.part");
    std::fs::write(&part, b"kukaku-backup-1\n half of it").unwrap();
    std::fs::create_dir(backup.0.join("gen-000002")).unwrap();
    std::fs::write(backup.0.join("gen-000002").join("cut.part"), b"kukaku").unwrap();
    assert_eq!(generations(&backup.0).unwrap(), before);
    let (into, report) = restore(&house, &backup.0, 0);
    report.unwrap();
    check_whole(&into.0.join("store.db"));
    let whole = ShipOrder { whole: true, ..order(&house, &backup.0) };
    assert_eq!(ship(&house.conn(), &whole, at(3700)).unwrap().unwrap().generation, 2);
    assert!(!backup.0.join("gen-000002").join("cut.part").exists());
}

#[tokio::test]
async fn what_was_erased_comes_back_from_no_backup() {
    let backup = Folder::new();
    let house = shipped_hour(&backup.0).await;
    let day = 10 * 86_400;
    house.clock.pass_to(at(day));
    let writer = house.watch();
    let erased = writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap();
    assert!(erased.count >= 60);
    writer.stop().await.unwrap();
    let shipped = ship_at(&house, &backup.0, day);
    assert_eq!(shipped.generation, 2, "a whole copy follows an erasure");
    for (back, users) in [(0, true), (1, false)] {
        let (into, report) = restore(&house, &backup.0, back);
        let report = report.unwrap();
        assert!(report.gone >= erased.count);
        assert_eq!(report.beside, users, "a copy of before the erasure can't be opened");
        let conn = read_only(&into.0.join("store.db")).unwrap();
        let left: i64 = conn.query_row("SELECT count(*) FROM reading", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
        assert_eq!(report.unnamed > 0, back == 1);
        check_but(&into.0.join("store.db"), report.unnamed);
    }
}

#[tokio::test]
async fn without_keys_the_journal_comes_back_and_says_nothing() {
    let backup = Folder::new();
    shipped_hour(&backup.0).await;
    let into = Folder::new();
    let all = generations(&backup.0).unwrap();
    let report = restore_store(&all[0], &into.0.join("store.db"), |_, _| {}).unwrap();
    assert_eq!((report.gone, report.beside), (report.head.size, false));
    let keys = [KeyTerm::whole(key().verifier().clone())];
    let conn = read_only(&into.0.join("store.db")).unwrap();
    assert_eq!(verify(&conn, &keys, None, |_, _| {}).unwrap().faults.len() as u64, report.unnamed.min(TOLD));
    assert!(report.head.size > 60);
}

#[tokio::test]
async fn another_history_is_not_shipped_over_a_backup() {
    let backup = Folder::new();
    shipped_hour(&backup.0).await;
    let other = House::new().await;
    let writer = other.watch();
    writer.checkpoint().await.unwrap();
    writer.stop().await.unwrap();
    let refused = ship(&other.conn(), &order(&other, &backup.0), at(4000));
    assert!(matches!(refused, Err(BackupError::OtherHistory { .. })), "{refused:?}");
}
