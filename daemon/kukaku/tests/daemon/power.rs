//! The power fails (faults B14 to B16, B18): at every sync of the disk, with all that was not
//! synced lost, or any part of it kept, the last write torn. What was acknowledged is there, once.
//!
//! The real program is traced, its writes and syncs are played back onto a model of the disk, and
//! the state that the model would be left in is opened by the real store.

use std::path::Path;

use kukaku_ledger::{Checkpoint, KeyTerm, VerifierKey};
use kukaku_store::{Store, newest_checkpoint, read_only, verify};

use crate::disk::{Dice, Disk, Playback, calls, whole_trace};
use crate::house::{Site, ago};

/// Observations that are handed in one after the other.
const OBSERVATIONS: u64 = 24;

/// States that are tried at each sync beside the one in which everything unsynced is lost.
const PARTS_KEPT: u64 = 4;

#[test]
fn whenever_the_power_fails_what_was_acknowledged_is_there_once_and_verifies() {
    let site = Site::new();
    let panel = site.key("panel");
    let before = Disk::read(&site.dir);
    let trace = site.trace();
    let daemon = site.run_traced(&trace);
    let at = ago(100);
    for number in 1..=OBSERVATIONS {
        daemon.post(&panel, &format!(r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":{number},"device_time":"{at}","reader":"north-in","credential":"card:{number}","result":"granted"}}"#));
    }
    assert!(daemon.stop().0.success());
    let text_of_trace = whole_trace(&trace, crate::house::PATIENCE);
    let key = std::fs::read_to_string(site.dir.join("checkpoint.pub")).unwrap();
    let terms = [KeyTerm::whole(VerifierKey::parse(key.trim_end()).unwrap())];
    let scratch = site.folder.path("after");
    let (mut tried, mut most) = (0, 0);
    let mut playback = Playback { folder: &site.dir, disk: before, states: 0 };
    let mut check = |disk: &Disk, state: u64| {
        for part in 0..=PARTS_KEPT {
            let dice = (part > 0).then(|| Dice(state * 1000 + part));
            let left = disk.after_power_failed(dice);
            let _ = std::fs::remove_dir_all(&scratch);
            for (path, content) in &left {
                let path = scratch.join(path.strip_prefix(&site.dir).unwrap());
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            let what = format!("sync {state}, part {part}, {} acknowledged", disk.acknowledged);
            after_the_power_is_back(&scratch, disk.acknowledged, &terms, &what);
            tried += 1;
        }
        most = most.max(disk.acknowledged);
    };
    for call in calls(&text_of_trace) {
        playback.call(&call, &mut check);
    }
    assert_eq!(most, OBSERVATIONS, "every answer was seen in the trace");
    assert!(tried >= 5 * OBSERVATIONS, "{tried} states");
}

/// D30: the outcome of a commit whose sync failed is unknown. It is not acknowledged, the store is
/// opened again, and what was acknowledged before and after is there, once.
#[test]
fn whichever_sync_fails_nothing_acknowledged_is_lost_and_nothing_is_there_twice() {
    let (mut went_on, mut refused) = (0, 0);
    for number in (4..=24).step_by(4) {
        let site = Site::new();
        let panel = site.key("panel");
        let at = ago(100);
        let mut acknowledged = Vec::new();
        if let Some(daemon) = site.run_on_bad_disk(number) {
            for seq in 1..=12 {
                let line = format!(
                    r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":{seq},"device_time":"{at}","reader":"north-in","credential":"card:{seq}","result":"granted"}}"#
                );
                // A device sends again what was not acknowledged.
                for _ in 0..50 {
                    if daemon.is_acknowledged(&panel, &line) {
                        acknowledged.push(seq);
                        break;
                    }
                    refused += 1;
                }
            }
            drop(daemon);
            went_on += usize::from(acknowledged.len() == 12);
        }
        let path = site.dir.join("store.db");
        drop(Store::open(&path).unwrap_or_else(|error| panic!("sync {number}: {error}")));
        let conn = read_only(&path).unwrap();
        for seq in &acknowledged {
            let sql = "SELECT count(*) FROM reading WHERE source_number = ?1";
            let count: i64 = conn.query_row(sql, [seq], |row| row.get(0)).unwrap();
            assert_eq!(count, 1, "sync {number}: reading {seq}");
        }
        let key = std::fs::read_to_string(site.dir.join("checkpoint.pub")).unwrap();
        let terms = [KeyTerm::whole(VerifierKey::parse(key.trim_end()).unwrap())];
        assert_eq!(verify(&conn, &terms, None, |_, _| {}).unwrap().faults, [], "sync {number}");
    }
    assert!(refused > 0, "no sync failed while something was handed in");
    assert!(went_on >= 3, "after a failed sync the daemon goes on: {went_on} of 6 times");
}

/// The store opens, every acknowledged reading is there once, everything verifies and can be
/// opened, and no checkpoint covers more than there is.
fn after_the_power_is_back(folder: &Path, acknowledged: u64, terms: &[KeyTerm], what: &str) {
    let path = folder.join("store.db");
    let store = Store::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let size = store.tree_head().size;
    drop(store);
    let conn = read_only(&path).unwrap();
    let count: u64 = conn
        .query_row("SELECT count(*) FROM reading WHERE source_number <= ?1", [acknowledged.cast_signed()], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
        .cast_unsigned();
    assert_eq!(count, acknowledged, "{what}");
    let outside = std::fs::read_to_string(folder.join("checkpoint.note")).ok();
    if let Some(note) = &outside {
        let signed = Checkpoint::open(note.as_bytes(), terms).unwrap().head.size;
        assert!(signed <= size, "{what}: {signed} entries were signed, {size} are there");
    }
    if let Some(kept) = newest_checkpoint(&conn).unwrap() {
        assert!(kept.head.size <= size, "{what}");
    }
    let report = verify(&conn, terms, outside.as_deref(), |_, _| {}).unwrap();
    assert_eq!(report.faults, [], "{what}");
}
