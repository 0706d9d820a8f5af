//! Harm: a thief's key, a clock that drifts unseen, a program or setting that runs unsaid.

use kukaku_ledger::{ClockState, SigningKey};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_was_cut_off_anywhere_is_finished_or_given_up_at_the_next_start() {
    // What the power cut left undone: the signature of the old key, the list of former keys, the
    // new key in its place, the public half.
    for undone in 0..5 {
        let house = House::new().await;
        let files = files(&house);
        std::fs::write(&files.key, format!("{}\n", key().to_secret_text())).unwrap();
        let writer = start(&house).unwrap();
        writer.checkpoint().await.unwrap();
        let before = ["checkpoint", "k.key", "k.pub"].map(|name| std::fs::read(house.folder.0.join(name)).unwrap());
        if undone == 4 {
            files.make_next(key().verifier()).unwrap();
        } else {
            let request = RotateRequest { by: "manager".to_owned(), reason: "yearly".to_owned() };
            writer.rotate_key(request).await.unwrap();
        }
        // The writer is cut off without a stop; what it had done is put back.
        writer.stop().await.unwrap();
        drop(writer);
        let terms = files.terms().unwrap();
        let put = |name: &str, bytes: &[u8]| std::fs::write(house.folder.0.join(name), bytes).unwrap();
        if undone < 4 {
            let entry: u64 = house.ask("SELECT seq FROM journal WHERE kind = 'key_rotated'").parse().unwrap();
            assert_eq!(terms.last().unwrap().from_size, entry + 2);
            assert!(faults(&house).is_empty());
        }
        if (1..=2).contains(&undone) {
            // Only while nothing was appended after the entry may the files be as before.
            let new = std::fs::read(&files.key).unwrap();
            put("k.key", &before[1]);
            put("k.pub", &before[2]);
            put("k.key.next", &new);
            if undone == 1 {
                std::fs::remove_file(&files.former).unwrap();
            }
        }
        if undone == 3 {
            put("k.pub", &before[2]);
        }
        let started = start(&house);
        if (1..=2).contains(&undone) {
            // The stop entry was signed by the new key already: the old one alone is refused.
            assert!(matches!(started, Err(WriterError::Checkpoint { .. })), "{undone}");
            continue;
        }
        started.unwrap().stop().await.unwrap();
        assert!(!house.folder.0.join("k.key.next").exists());
        assert!(faults(&house).is_empty(), "{undone}");
        assert_eq!(files.terms().unwrap().len(), if undone == 4 { 1 } else { 2 });
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
