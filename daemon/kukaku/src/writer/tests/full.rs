//! The disk is full on the day on which records have to go (C23).

use std::io::Write as _;
use std::process::Command;

use kukaku_schema::intake::Intake as _;
use kukaku_store::{RecordClass, Store};

use super::erasing::{days, due};
use super::house::{Folder, House, arrival, at, reading, registers, submit};
use crate::reserve::{RESERVE_BYTES, ROOM_BESIDE_BYTES, Reserve};
use crate::writer::{ActError, Purpose, SimClock, WriterState};

/// Names the folder in which this very program, started again by a test, plays its part.
const PART: &str = "KUKAKU_TEST_FULL_ERASING";

#[test]
fn a_full_disk_erases_what_is_due_with_the_room_of_its_reserve() {
    let folder = Folder::new();
    // Room for the reserve, for what stays free beside it, and for the store.
    let size = (RESERVE_BYTES + ROOM_BESIDE_BYTES) / 1024 + 16 * 1024;
    // A file system of its own, in a mount namespace of its own: no rights are needed for that.
    let play = format!(
        "mount -t tmpfs -o size={size}k tmpfs {dir} && exec {program} --exact --nocapture \
         writer::tests::full::part_of_erasing_on_a_full_disk",
        dir = folder.0.display(),
        program = std::env::current_exe().unwrap().display()
    );
    let played = Command::new("unshare").args(["-rm", "sh", "-c", &play]).env(PART, &folder.0).output().unwrap();
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{said}{}", String::from_utf8_lossy(&played.stderr));
    assert!(said.contains("played to the end"), "{said}");
}

#[tokio::test]
async fn part_of_erasing_on_a_full_disk() {
    let Some(folder) = std::env::var_os(PART) else { return };
    let house = House { folder: Folder(folder.into()), clock: SimClock::new(at(-3600)) };
    drop(Store::create(&house.store(), at(-3600)).unwrap());
    let command = house.start(Purpose::Command);
    command.import_registers(registers(""), "m".to_owned(), String::new()).await.unwrap();
    command.stop().await.unwrap();
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    days(&house, &writer, 0, 5).await;
    let reserve = Reserve::of(&house.store());
    assert!(reserve.make().unwrap());
    let filler = house.folder.0.join("filler");
    let mut out = std::fs::File::create(&filler).unwrap();
    while out.write_all(&[0; 4096]).is_ok() {}
    let mut seq = 1000;
    let refused = loop {
        seq += 1;
        if let Err(refused) = submit(&writer, &reading(seq, 4 * 86_400 + 4000, "north-in", "card:1")).await {
            break refused;
        }
    };
    assert!(refused.reason.contains("the disk is full"), "{refused}");
    // Where the reserve is out of reach nothing can be erased either: that is what it is for.
    let aside = house.folder.0.join("aside");
    std::fs::rename(house.folder.0.join("store.reserve"), &aside).unwrap();
    let failed = writer.erase(due(&house, RecordClass::Finding, 0)).await;
    assert!(matches!(&failed, Err(ActError::NotKept(why)) if why.contains("the disk is full")), "{failed:?}");
    std::fs::rename(&aside, house.folder.0.join("store.reserve")).unwrap();
    let erased = writer.erase(due(&house, RecordClass::Finding, 0)).await.unwrap();
    assert!(erased.count > 0);
    assert!(!house.folder.0.join("store.reserve").exists(), "the room was spent");
    assert!(!reserve.make().unwrap(), "there is no room for another one yet");
    drop(out);
    std::fs::remove_file(&filler).unwrap();
    let mut state = writer.state.clone();
    state.wait_for(|state| *state == WriterState::Working).await.unwrap();
    assert!(reserve.make().unwrap());
    let again = arrival(&reading(seq, 4 * 86_400 + 4000, "north-in", "card:1"));
    writer.submit(again).await.unwrap().await.unwrap();
    writer.stop().await.unwrap();
    let report = house.verify();
    assert_eq!((report.faults, report.erased), (Vec::new(), erased.count));
    println!("played to the end");
}
