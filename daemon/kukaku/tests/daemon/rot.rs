//! Bits of the database fall over (D33), and a backup is made while records pour in (M129).

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kukaku_ledger::{KeyTerm, VerifierKey};
use kukaku_store::{Connection, StoreError, checkpoint_at, query, read_only, verify};

use crate::house::{Site, ago, exits, kukaku, text};

/// Bits that are flipped, one at a time, each in the whole database of before.
const FLIPS: u64 = 300;

/// Every so many flips the command itself is asked, and has to say the same.
const ASKED: u64 = 30;

/// A small generator of numbers, so that a failing place can be made again.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

/// Every leaf and body of the journal, as it is shown and exported.
fn entries(conn: &Connection, size: u64) -> Result<Vec<String>, StoreError> {
    (0..size).map(|seq| query::journal_entry(conn, seq.cast_signed()).map(|entry| format!("{entry:?}"))).collect()
}

/// None: verification names a fault. Otherwise all entries.
fn verified(store: &Path, terms: &[KeyTerm], outside: &str) -> Option<Vec<String>> {
    let conn = read_only(store).ok()?;
    let report = verify(&conn, terms, Some(outside), |_, _| {}).ok()?;
    if !report.faults.is_empty() {
        return None;
    }
    Some(entries(&conn, report.entries).unwrap_or_else(|error| vec![format!("shown: {error}")]))
}

#[test]
fn wherever_a_bit_of_the_database_falls_over_verification_names_it_or_no_entry_differs() {
    let site = Site::new();
    let (panel, vpn) = (site.key("panel"), site.key("vpn-1"));
    let daemon = site.run();
    for number in 1..=100 {
        let at = ago(400 - number);
        daemon.post(&panel, &format!(r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":{number},"device_time":"{at}","reader":"north-in","credential":"card:0123456789ABCDEF","result":"granted"}}"#));
        if number % 10 == 0 {
            daemon.post(&vpn, &format!(r#"{{"kind":"session.started","source":"vpn-1","epoch":"e","seq":{number},"device_time":"{at}","session":"s{number}","account":"tmk-a01","terminal":"term-1"}}"#));
        }
    }
    site.wait_for("revision");
    assert!(daemon.stop().0.success());
    let store = site.dir.join("store.db");
    let key = std::fs::read_to_string(site.dir.join("checkpoint.pub")).unwrap();
    let terms = [KeyTerm::whole(VerifierKey::parse(key.trim_end()).unwrap())];
    let outside = std::fs::read_to_string(site.dir.join("checkpoint.note")).unwrap();
    let before = verified(&store, &terms, &outside).unwrap();
    assert!(before.len() > 100);
    let whole = std::fs::read(&store).unwrap();
    let mut dice = Dice(33);
    let mut named = 0;
    for flip in 0..FLIPS {
        // Evenly over the file, and at random within each part.
        let part = whole.len() as u64 / FLIPS;
        let place = usize::try_from(flip * part + dice.throw() % part).unwrap();
        let bit = dice.throw() % 8;
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << bit;
        std::fs::write(&store, &bytes).unwrap();
        for beside in ["store.db-wal", "store.db-shm"] {
            let _ = std::fs::remove_file(site.dir.join(beside));
        }
        let after = verified(&store, &terms, &outside);
        if flip % ASKED == 0 {
            let said = kukaku(&["verify", site.dir()]);
            assert_eq!(said.status.success(), after.is_some(), "byte {place}, bit {bit}: {said:?}");
        }
        match after {
            None => named += 1,
            Some(after) => {
                let differs = before.iter().zip(&after).find(|(before, after)| before != after);
                assert_eq!(differs, None, "byte {place}, bit {bit}: verified, and yet another");
                assert_eq!(after.len(), before.len(), "byte {place}, bit {bit}");
            }
        }
    }
    // The journal is a good part of the file; the rest is derived from it, or empty.
    assert!(named >= FLIPS / 10, "{named} of {FLIPS} flips were named");
    std::fs::write(&store, &whole).unwrap();
    exits(&kukaku(&["verify", site.dir()]), 0);
}

#[test]
fn a_backup_that_ships_while_records_pour_in_restores_to_a_tree_of_the_journals_past() {
    let site = Site::new();
    let folder = site.folder.path("other-disk");
    std::fs::create_dir(&folder).unwrap();
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n[backup]\nfolder = {:?}\n",
        text(&folder)
    ));
    let panel = site.key("panel");
    let daemon = site.run();
    let (done, posted) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seq = 0;
            while !done.load(Ordering::Relaxed) {
                let at = ago(100);
                let lines: Vec<String> = (0..50).map(|_| {
                    seq += 1;
                    format!(r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":{seq},"device_time":"{at}","reader":"north-in","credential":"card:{seq}","result":"granted"}}"#)
                }).collect();
                daemon.hand_in(&panel, &lines.join("\n")).unwrap();
                posted.store(seq, Ordering::Relaxed);
            }
        });
        let mut before = 0;
        for number in 0..5 {
            // More has come in since the last backup.
            let deadline = std::time::Instant::now() + crate::house::PATIENCE;
            while posted.load(Ordering::Relaxed) <= before {
                assert!(std::time::Instant::now() < deadline, "nothing is posted any more");
                std::thread::yield_now();
            }
            before = posted.load(Ordering::Relaxed);
            // What is taken out is signed first; only what is signed is shipped.
            let out = site.folder.path(&format!("{number}.jsonl"));
            exits(&kukaku(&["export", site.dir(), "--raw", "--reason", "test", "--out", text(&out)]), 0);
            let whole: &[&str] = if number % 2 == 0 { &["--whole"] } else { &[] };
            exits(&kukaku(&[&["backup"], whole, &["--dir", site.dir()]].concat()), 0);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(daemon.stop().0.success());
    let live = read_only(&site.dir.join("store.db")).unwrap();
    let generations = kukaku_store::backup::generations(&folder).unwrap();
    assert!(generations.len() >= 3, "{generations:?}");
    for generation in &generations {
        let (into, keys) = (site.folder.path(&format!("new-{}", generation.number)), site.dir.join("keys"));
        let number = generation.number.to_string();
        exits(
            &kukaku(&[
                "restore",
                "--from",
                text(&folder),
                "--into",
                text(&into),
                "--keys",
                text(&keys),
                "--generation",
                &number,
            ]),
            0,
        );
        exits(&kukaku(&["verify", text(&into)]), 0);
        let conn = read_only(&into.join("store.db")).unwrap();
        let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        let newest = kukaku_store::newest_checkpoint(&conn).unwrap().unwrap();
        let past = checkpoint_at(&live, newest.head.size).unwrap().expect("a size that was signed");
        assert_eq!(past.head, newest.head, "generation {number}");
    }
}
