//! A disk is gone: another one has it all, and nothing is signed before somebody has looked.

use crate::house::{Site, ago, exits, kukaku, text};

/// A site that was watched, its backup folder, and its keys elsewhere.
fn lost_site() -> (Site, std::path::PathBuf) {
    let site = Site::new();
    let folder = site.folder.path("other-disk");
    std::fs::create_dir(&folder).unwrap();
    let file = site.dir.join("kukaku.toml");
    let mut config = std::fs::read_to_string(&file).unwrap();
    config.push_str(&format!("\n[backup]\nfolder = {:?}\n", text(&folder)));
    std::fs::write(&file, config).unwrap();
    let panel = site.key("panel");
    let daemon = site.run();
    let at = ago(100);
    daemon.post(&panel, &format!(r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":1,"device_time":"{at}","reader":"north-in","credential":"card:0123456789ABCDEF","result":"granted"}}"#));
    site.wait_for("door.reading");
    daemon.stop();
    let output = kukaku(&["backup", "--dir", site.dir()]);
    exits(&output, 0);
    let output = kukaku(&["backup", "list", "--dir", site.dir()]);
    exits(&output, 0);
    (site, folder)
}

#[test]
fn a_lost_disk_is_restored_and_signs_only_once_it_was_reconciled() {
    let (site, folder) = lost_site();
    let (into, keys) = (site.folder.path("new"), site.dir.join("keys"));
    let restore = ["restore", "--from", text(&folder), "--into", text(&into), "--keys", text(&keys)];
    exits(&kukaku(&restore), 0);
    exits(&kukaku(&restore), 2);
    exits(&kukaku(&["replay", "--store", text(&into)]), 0);
    let refused = kukaku(&["run", text(&into)]);
    assert!(exits(&refused, 3).contains("kukaku reconcile"));
    let note = site.dir.join("checkpoint.note");
    exits(&kukaku(&["reconcile", text(&into), "--checkpoint", text(&note)]), 0);
    exits(&kukaku(&["verify", text(&into)]), 0);
}

#[test]
fn what_was_signed_and_is_lost_needs_a_name_and_another_history_is_refused() {
    let (site, folder) = lost_site();
    let daemon = site.run();
    site.wait_for("stop");
    daemon.stop();
    let (into, keys, note) = (site.folder.path("new"), site.dir.join("keys"), site.dir.join("checkpoint.note"));
    exits(&kukaku(&["restore", "--from", text(&folder), "--into", text(&into), "--keys", text(&keys)]), 0);
    let reconcile = ["reconcile", text(&into), "--checkpoint", text(&note)];
    assert!(exits(&kukaku(&reconcile), 1).contains("are lost"));
    let by = [&reconcile[..], &["--by", "佐藤", "--reason", "ディスク故障"]].concat();
    exits(&kukaku(&by), 0);
    let all = kukaku_store::read_only(&into.join("store.db")).unwrap();
    let kind: String = all.query_row("SELECT kind FROM journal ORDER BY seq DESC", [], |row| row.get(0)).unwrap();
    assert_eq!(kind, "recovered");
    exits(&kukaku(&["verify", text(&into)]), 0);
    // The history that went on elsewhere is no beginning of this one any more.
    let size = |store: &std::path::Path| -> i64 {
        let conn = kukaku_store::read_only(store).unwrap();
        conn.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap()
    };
    while size(&into.join("store.db")) < size(&site.dir.join("store.db")) {
        let lost = into.join("checkpoint.note");
        std::fs::copy(&note, &lost).unwrap();
        exits(&kukaku(&by), 0);
    }
    assert!(exits(&kukaku(&reconcile), 4).contains("another history"));
}

#[test]
fn a_damaged_backup_offers_the_one_before_and_keys_are_needed() {
    let (site, folder) = lost_site();
    let daemon = site.run();
    daemon.stop();
    exits(&kukaku(&["backup", "--whole", "--dir", site.dir()]), 0);
    let newest = folder.join("gen-000002");
    let segment = std::fs::read_dir(&newest).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let (into, keys) = (site.folder.path("new"), site.dir.join("keys"));
    let restore = ["restore", "--from", text(&folder), "--into", text(&into), "--keys", text(&keys)];
    let failed = kukaku(&restore);
    assert!([1, 3].contains(&failed.status.code().unwrap()));
    assert!(!into.exists());
    exits(&kukaku(&[&restore[..], &["--generation", "1"]].concat()), 0);
    let nowhere = site.folder.path("no-keys");
    std::fs::create_dir(&nowhere).unwrap();
    let other = site.folder.path("newer");
    let without = ["restore", "--from", text(&folder), "--into", text(&other), "--keys", text(&nowhere)];
    assert!(exits(&kukaku(&without), 2).contains("values.keys"));
}

#[test]
fn a_drill_tries_the_newest_and_the_oldest_backup_and_journals_what_it_found() {
    let (site, folder) = lost_site();
    exits(&kukaku(&["backup", "--whole", "--dir", site.dir()]), 0);
    let said = exits(&kukaku(&["drill", site.dir()]), 0);
    assert!(said.contains("generation 2: restored and verified"), "{said}");
    assert!(said.contains("generation 1: restored and verified"), "{said}");
    assert!(!site.dir.join(".drill").exists(), "no copy of a key stays behind");
    assert!(site.journal().iter().any(|kind| kind == "drill"));
    // A damaged backup is found on a quiet day, named, and the live journal is as it was.
    let of_first = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let segment =
        std::fs::read_dir(&of_first).unwrap().map(|entry| entry.unwrap().path()).find(|p| p.is_file()).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let said = exits(&kukaku(&["drill", site.dir()]), 4);
    assert!(said.contains("generation 1: FAILED") && said.contains("backup --whole"), "{said}");
    assert_eq!(site.journal().iter().filter(|kind| *kind == "drill").count(), 2);
    exits(&kukaku(&["verify", site.dir()]), 0);
}
