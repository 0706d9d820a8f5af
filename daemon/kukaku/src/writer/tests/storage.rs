//! Storage that fails: nothing is acknowledged that isn't kept, and it goes on by itself.

use std::process::Command;
use std::sync::Arc;

use kukaku_schema::intake::Intake as _;
use kukaku_store::{Prepared, Store, StoreError};
use tokio::sync::{Semaphore, oneshot};

use super::house::{Folder, House, arrival, at, config, reading, registers, submit, watch};
use crate::writer::machine::{Machine, Outcome};
use crate::writer::queue::Job;
use crate::writer::{Purpose, SimClock, Writer, WriterError, WriterState};

/// Names the folder in which this very program, started again by a test, plays its part.
const PART: &str = "KUKAKU_TEST_DISK_FULL";

fn job(json: &str) -> Job {
    let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let (reply, _) = oneshot::channel();
    Job::Arrival { arrival: Box::new(Prepared::new(arrival(json)).unwrap()), reply, _room: room }
}

#[tokio::test]
async fn a_group_that_finds_no_room_is_not_kept_and_is_kept_when_sent_again() {
    let house = House::new().await;
    let store = Store::open(&house.store()).unwrap();
    let clock = Arc::new(house.clock.clone());
    let mut machine = Machine::new(store, watch(), clock, Box::new(|_| Vec::new())).unwrap();
    machine.resume(false).unwrap();
    machine.group(&[job(&reading(1, -3590, "north-in", "card:1"))]).unwrap();
    let pages: i64 = machine.store().connection().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    machine.store().connection().pragma_update(None, "max_page_count", pages).unwrap();
    let many: Vec<Job> = (2..1000).map(|seq| job(&reading(seq, -3590 + seq as i64, "north-in", "card:1"))).collect();
    let failed = machine.group(&many);
    assert!(matches!(failed, Err(StoreError::Full { .. })), "{failed:?}", failed = failed.err());
    assert_eq!(house.ask("SELECT count(*) FROM reading"), "1");
    // Nothing is begun on top of a failure.
    assert!(matches!(machine.group(&many), Err(StoreError::Bug { .. })));
    // The limit belongs to the connection: opened again, there is room.
    house.clock.pass_to(at(0));
    machine.reopen().unwrap();
    machine.resume(true).unwrap();
    let (outcomes, ..) = machine.group(&many).unwrap();
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Arrival(Ok(kept)) if !kept.duplicate)));
    let (outcomes, ..) = machine.group(&many).unwrap();
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Arrival(Ok(kept)) if kept.duplicate)));
    drop(machine);
    assert_eq!(house.ask("SELECT count(*) FROM reading"), "999");
    let gap = "SELECT cast(substr(unseal(seq, commitment, key, sealed), 33) AS text) FROM payload JOIN journal USING (seq) WHERE kind = 'watch.gap'";
    assert!(house.ask(gap).contains(r#""cause":"storage""#), "{}", house.ask(gap));
    house.check_whole();
}

#[tokio::test]
async fn a_second_owner_is_told_who_holds_the_store() {
    let house = House::new().await;
    let writer = house.watch();
    let size = house.ask("SELECT journal_size FROM head");
    let second = Writer::start(config(&house.folder.0, watch(), &house.clock, Box::new(|_| Vec::new())));
    let error = second.err().unwrap().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    assert_eq!(house.ask("SELECT journal_size FROM head"), size);
    writer.stop().await.unwrap();
    house.watch().stop().await.unwrap();
}

#[tokio::test]
async fn a_store_put_back_from_a_backup_is_not_continued() {
    let house = House::new().await;
    let writer = house.watch();
    submit(&writer, &reading(1, -3590, "north-in", "card:1")).await.unwrap();
    writer.stop().await.unwrap();
    let backup = std::fs::read(house.store()).unwrap();
    let writer = house.watch();
    submit(&writer, &reading(2, -3580, "north-out", "card:1")).await.unwrap();
    writer.stop().await.unwrap();
    std::fs::write(house.store(), backup).unwrap();
    let start = || Writer::start(config(&house.folder.0, watch(), &house.clock, Box::new(|_| Vec::new())));
    assert!(matches!(start(), Err(WriterError::Store(StoreError::RolledBack { .. }))));
    assert!(house.verify().faults.iter().any(|fault| fault.what.contains("outside the store")));
    // Nor is one that has grown another history since.
    std::fs::rename(house.folder.0.join("checkpoint"), house.folder.0.join("kept")).unwrap();
    assert!(matches!(start(), Err(WriterError::CheckpointFile { .. })));
    {
        let mut forged = Store::open(&house.store()).unwrap();
        let mut names = forged.names().unwrap();
        let site = names.intern("");
        let mut batch = forged.begin(at(0)).unwrap();
        for _ in 0..9 {
            let leaf = kukaku_store::NewLeaf {
                kind: "liveness",
                source: site,
                client: site,
                device_time: None,
                payload: b"{}",
            };
            batch.append(leaf, &names).unwrap();
        }
        batch.commit(at(0), &names).unwrap();
    }
    std::fs::rename(house.folder.0.join("kept"), house.folder.0.join("checkpoint")).unwrap();
    let writer = start().unwrap();
    let refused = writer.checkpoint().await.unwrap_err();
    assert!(refused.to_string().contains("kukaku verify"), "{refused}");
    assert!(writer.stop().await.is_err());
    assert!(matches!(writer.state(), WriterState::Failed(_)));
}

#[test]
fn a_full_disk_refuses_and_room_lets_it_go_on_by_itself() {
    let folder = Folder::new();
    // A file system of its own, in a mount namespace of its own: no rights are needed for that.
    let play = format!(
        "mount -t tmpfs -o size=4m tmpfs {dir} && exec {program} --exact --nocapture \
         writer::tests::storage::part_on_a_full_disk",
        dir = folder.0.display(),
        program = std::env::current_exe().unwrap().display()
    );
    let played = Command::new("unshare").args(["-rm", "sh", "-c", &play]).env(PART, &folder.0).output().unwrap();
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{said}{}", String::from_utf8_lossy(&played.stderr));
    assert!(said.contains("played to the end"), "{said}");
}

#[tokio::test]
async fn part_on_a_full_disk() {
    let Some(folder) = std::env::var_os(PART) else { return };
    let clock = SimClock::new(at(0));
    let house = House { folder: Folder(folder.into()), clock };
    drop(Store::create(&house.store(), at(0)).unwrap());
    let command = house.start(Purpose::Command);
    command.import_registers(registers(""), "m".to_owned(), String::new()).await.unwrap();
    command.stop().await.unwrap();
    let filler = house.folder.0.join("filler");
    std::fs::write(&filler, vec![0_u8; 1 << 21]).unwrap();
    let writer = house.watch();
    let mut acknowledged = Vec::new();
    let mut seq = 0;
    let refused = loop {
        seq += 1;
        match submit(&writer, &reading(seq, seq as i64 - 9999, "north-in", "card:1")).await {
            Ok(kept) => acknowledged.push((seq, kept.journal_seq)),
            Err(refused) => break refused,
        }
    };
    assert!(refused.reason.contains("the disk is full"), "{refused}");
    assert!(acknowledged.len() > 10, "{}", acknowledged.len());
    // Still full: still refused, at once.
    assert!(submit(&writer, &reading(seq, seq as i64 - 9999, "north-in", "card:1")).await.is_err());
    std::fs::remove_file(&filler).unwrap();
    let mut state = writer.state.clone();
    state.wait_for(|state| *state == WriterState::Working).await.unwrap();
    let kept =
        writer.submit(arrival(&reading(seq, seq as i64 - 9999, "north-in", "card:1"))).await.unwrap().await.unwrap();
    acknowledged.push((seq, kept.journal_seq));
    writer.stop().await.unwrap();
    for (number, entry) in &acknowledged {
        assert_eq!(house.ask(&format!("SELECT entry FROM reading WHERE source_number = {number}")), entry.to_string());
    }
    assert_eq!(house.ask("SELECT count(*) FROM reading"), acknowledged.len().to_string());
    house.check_whole();
    println!("played to the end");
}
