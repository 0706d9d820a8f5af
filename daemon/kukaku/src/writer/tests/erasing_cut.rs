//! An erasure is cut off (faults A3, L118): the program killed at its writes, syncs and renames, or
//! the power failing at each of its syncs. What is there afterwards is all of it or nothing of it,
//! and the next start goes on.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kukaku_store::RecordClass;

use super::disk::{Dice, Disk, Playback, calls, whole_trace};
use super::erasing::{DAY, days, due, holding};
use super::house::{Folder, House, at};
use crate::writer::SimClock;

/// Names the folder in which this very program, started again by a test, erases.
const PART: &str = "KUKAKU_TEST_ERASE";

/// States that are tried at each sync beside the one in which everything unsynced is lost.
const PARTS_KEPT: u64 = 2;

/// How long the part may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn house_at(folder: &Path) -> House {
    let clock = SimClock::new(at(6 * DAY));
    House { folder: Folder(folder.to_owned()), clock }
}

/// Erases what was said of the first day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn part_that_is_cut_off() {
    let Some(folder) = std::env::var_os(PART) else { return };
    let house = std::mem::ManuallyDrop::new(house_at(Path::new(&folder)));
    let writer = house.watch();
    writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap();
    // Killed or not, it ends here: nothing is written for the end of the watch.
    std::process::exit(0);
}

/// The part under `strace` with these arguments; whether it came to its end.
fn erases_under(strace: &[&str], folder: &Path) -> bool {
    let status = Command::new("strace")
        .args(["-f"])
        .args(strace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "writer::tests::erasing_cut::part_that_is_cut_off", "--test-threads", "1"])
        .env(PART, folder)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    status.success()
}

/// Six days, of which the first is due.
async fn six_days() -> House {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    days(&house, &writer, 0, 6).await;
    writer.stop().await.unwrap();
    house
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Opens what is left: all of it is erased, or nothing, and then it can be erased now.
async fn goes_on(folder: &Path, what: &str) -> bool {
    let house = std::mem::ManuallyDrop::new(house_at(folder));
    let writer = house.watch();
    let said: u64 = house.ask("SELECT count(*) FROM journal WHERE kind = 'erased'").parse().unwrap();
    let left: u64 = house.ask("SELECT count(*) FROM reading WHERE entry IN (SELECT entry FROM reading r JOIN word w ON w.id = r.credential WHERE w.text = 'card:KANARIA-77')").parse().unwrap();
    assert_eq!((said, left) == (1, 0), said == 1, "{what}: said {said} times, {left} left");
    assert!(said <= 1 && (said == 1 || left == 1), "{what}: said {said} times, {left} left");
    if said == 0 {
        writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap();
    }
    assert_eq!(holding(folder, "KANARIA-77"), Vec::<String>::new(), "{what}");
    assert_eq!(house.ask("SELECT count(*) FROM doomed_key"), "0", "{what}: a key of what is erased lives");
    writer.stop().await.unwrap();
    house.check_whole();
    said == 1
}

#[tokio::test]
async fn whoever_still_reads_keeps_the_log_for_a_minute_and_nothing_waits_for_him() {
    let house = six_days().await;
    house.clock.pass_to(at(6 * DAY));
    let writer = house.watch();
    let reader = house.conn();
    reader.execute_batch("BEGIN; SELECT count(*) FROM journal").unwrap();
    let begun = std::time::Instant::now();
    writer.erase(due(&house, RecordClass::Entry, 0)).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4), "the writer waited for a reader");
    assert_ne!(holding(&house.folder.0, "KANARIA-77"), Vec::<String>::new(), "he still sees what he saw");
    assert_ne!(house.ask("SELECT count(*) FROM doomed_key"), "0");
    reader.execute_batch("COMMIT").unwrap();
    house.clock.pass_to(at(6 * DAY + 120));
    writer.advance().await.unwrap();
    assert_eq!(holding(&house.folder.0, "KANARIA-77"), Vec::<String>::new());
    assert_eq!(house.ask("SELECT count(*) FROM doomed_key"), "0");
    writer.stop().await.unwrap();
    house.check_whole();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_sync_or_rename_an_erasure_is_whole_or_not_there() {
    let house = six_days().await;
    let scratch = Folder::new();
    let (mut done, mut undone) = (0, 0);
    // Each thread counts its own calls; the writer's thread makes nearly all of them.
    for (calls, step) in [("pwrite64", 9), ("fsync,fdatasync", 2), ("rename,renameat,renameat2,unlink,unlinkat", 1)] {
        for number in (1_u32..).step_by(step) {
            let _ = std::fs::remove_dir_all(&scratch.0);
            copy(&house.folder.0, &scratch.0);
            let inject = format!("inject={calls}:signal=KILL:when={number}");
            let ended = erases_under(&["-o", "/dev/null", "-e", &format!("trace={calls}"), "-e", &inject], &scratch.0);
            if goes_on(&scratch.0, &format!("{calls} {number}")).await {
                done += 1;
            } else {
                undone += 1;
            }
            if ended {
                break;
            }
        }
    }
    assert!(done > 3 && undone > 3, "cut off before it was said {undone} times, after {done} times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_power_fails_an_erasure_is_whole_or_not_there() {
    let house = six_days().await;
    let (work, scratch) = (Folder::new(), Folder::new());
    copy(&house.folder.0, &work.0);
    let before = Disk::read(&work.0);
    let traces = Folder::new();
    std::fs::create_dir_all(&traces.0).unwrap();
    let trace = traces.0.join("trace");
    let traced =
        "trace=write,writev,pwrite64,ftruncate,openat,rename,renameat,renameat2,unlink,unlinkat,fsync,fdatasync";
    assert!(erases_under(&["-y", "-xx", "-s", "1000000", "-o", trace.to_str().unwrap(), "-e", traced], &work.0));
    let mut states = Vec::new();
    let mut playback = Playback { folder: &work.0, disk: before, states: 0 };
    for call in calls(&whole_trace(&trace, PATIENCE)) {
        playback.call(&call, &mut |disk: &Disk, state| {
            for part in 0..=PARTS_KEPT {
                let dice = (part > 0).then(|| Dice(state * 1000 + part));
                states.push((format!("sync {state}, part {part}"), disk.after_power_failed(dice)));
            }
        });
    }
    let (mut done, mut undone) = (0, 0);
    for (what, left) in states {
        let _ = std::fs::remove_dir_all(&scratch.0);
        for (path, content) in &left {
            let path = scratch.0.join(path.strip_prefix(&work.0).unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
        }
        restrict(&scratch.0);
        if goes_on(&scratch.0, &what).await {
            done += 1;
        } else {
            undone += 1;
        }
    }
    assert!(done > 1 && undone > 1, "cut off before it was said {undone} times, after {done} times");
}

/// Keys are files of mode 0600, as they were.
fn restrict(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            restrict(&path);
        } else {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}
