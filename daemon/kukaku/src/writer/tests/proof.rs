//! Harm: a thief's key, a clock that drifts unseen, a program or setting that runs unsaid.

use std::path::{Path, PathBuf};

use kukaku_ledger::{Checkpoint, ClockState, KeyTerm, SigningKey};

use super::house::{House, at, config, key, watch};
use crate::key_files::KeyFiles;
use crate::writer::{Purpose, RotateRequest, Writer, WriterError};

fn kinds(house: &House) -> String {
    house.ask("SELECT group_concat(kind, ' ') FROM (SELECT kind FROM journal ORDER BY seq)")
}

fn files(house: &House) -> KeyFiles {
    let folder = &house.folder.0;
    KeyFiles { key: folder.join("k.key"), public: folder.join("k.pub"), former: folder.join("k.former") }
}

/// Starts with the key that lies in the files.
fn start(house: &House) -> Result<Writer, WriterError> {
    let files = files(house);
    let text = std::fs::read_to_string(&files.key).unwrap();
    let mut config = config(&house.folder.0, watch(), &house.clock, Box::new(|_| Vec::new()));
    config.key = SigningKey::parse(text.trim_end()).unwrap();
    config.key_files = Some(files);
    Writer::start(config)
}

fn faults(house: &House) -> Vec<kukaku_store::Fault> {
    let outside = std::fs::read_to_string(house.folder.0.join("checkpoint")).ok();
    let terms = files(house).terms().unwrap();
    kukaku_store::verify(&house.conn(), &terms, outside.as_deref(), |_, _| {}).unwrap().faults
}

/// Every file of the folder, as a power cut finds it.
fn snapshot(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => out.extend(snapshot(&path)),
            false => out.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_was_cut_off_anywhere_is_finished_or_given_up_at_the_next_start() {
    // What the power cut left undone: from the signature of the old key on, from the list of
    // former keys on, from the new key's place on, the public half alone, or even the entry.
    for undone in ["signature", "list", "place", "public", "entry"] {
        let house = House::new().await;
        let (files, folder) = (files(&house), house.folder.0.clone());
        std::fs::write(&files.key, format!("{}\n", key().to_secret_text())).unwrap();
        let writer = start(&house).unwrap();
        writer.checkpoint().await.unwrap();
        let before = ["checkpoint", "k.key", "k.pub"].map(|name| std::fs::read(folder.join(name)).unwrap());
        if undone == "entry" {
            files.make_next(key().verifier()).unwrap();
        } else {
            let request = RotateRequest { by: "manager".to_owned(), reason: "yearly".to_owned() };
            writer.rotate_key(request).await.unwrap();
        }
        let cut = snapshot(&folder);
        writer.stop().await.unwrap();
        drop(writer);
        for (path, _) in snapshot(&folder) {
            std::fs::remove_file(path).unwrap();
        }
        for (path, bytes) in cut {
            std::fs::write(path, bytes).unwrap();
        }
        let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
        if ["signature", "list", "place"].contains(&undone) {
            put("k.key.next", &std::fs::read(&files.key).unwrap());
            put("k.key", &before[1]);
        }
        if undone == "signature" {
            put("checkpoint", &before[0]);
            let newest = "DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)";
            kukaku_store::Connection::open(house.store()).unwrap().execute_batch(newest).unwrap();
        }
        if ["signature", "list"].contains(&undone) {
            std::fs::remove_file(&files.former).unwrap();
        }
        put("k.pub", &before[2]);
        start(&house).unwrap().stop().await.unwrap();
        assert!(!folder.join("k.key.next").exists());
        let terms = files.terms().unwrap();
        assert_eq!(faults(&house), [], "{undone}");
        if undone == "entry" {
            assert_eq!(terms.len(), 1);
            continue;
        }
        let entry: u64 = house.ask("SELECT seq FROM journal WHERE kind = 'key_rotated'").parse().unwrap();
        assert_eq!((terms.len(), terms[0].until_size, terms[1].from_size), (2, Some(entry + 2), entry + 2));
        // The old key signed the tree that ends with the entry.
        let old = [KeyTerm::whole(key().verifier().clone())];
        let note = house.ask(&format!("SELECT note FROM checkpoint WHERE size = {}", entry + 1));
        assert!(Checkpoint::open(note.as_bytes(), &old).is_ok(), "{undone}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_nobody_steers_any_more_is_in_the_journal_within_a_minute() {
    let house = House::new().await;
    let writer = house.watch();
    for (minute, state) in
        [(1, ClockState::Synchronised), (2, ClockState::Unsynchronised), (3, ClockState::Synchronised)]
    {
        house.clock.set_state(state);
        house.clock.pass_to(at(minute * 61 - 3600));
        writer.advance().await.unwrap();
    }
    writer.stop().await.unwrap();
    assert_eq!(kinds(&house).matches("clock_state").count(), 2, "{}", kinds(&house));
    assert!(kinds(&house).contains("liveness clock_state liveness clock_state liveness"), "{}", kinds(&house));
    house.check_whole();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_program_or_configuration_runs_without_a_start_entry_that_names_it() {
    let house = House::new().await;
    for digit in ["22", "33", "44"] {
        let purpose = Purpose::Watch { program: "11".repeat(32), configuration: digit.repeat(32) };
        let writer = house.start(purpose);
        // Before anything else could be handed in, the entry is durable.
        let body = kukaku_store::entries_of_kind(&house.conn(), "start").unwrap().pop().unwrap().body.unwrap();
        assert!(String::from_utf8(body).unwrap().contains(&digit.repeat(32)));
        writer.stop().await.unwrap();
    }
    assert_eq!(kinds(&house).split(' ').filter(|kind| *kind == "start").count(), 3);
    house.check_whole();
}
