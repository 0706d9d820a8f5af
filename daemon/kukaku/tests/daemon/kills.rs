//! The program is killed at each of the points that matter (faults A2), and killed again while it
//! recovers (A4). What was acknowledged is there, once.
//!
//! The points are calls of the system: a kill at a `pwrite64` lies in a transaction, before or after
//! an insert; at an `fdatasync` before the commit; at the `writev` of an answer after the commit and
//! before the acknowledgement; at the next call after it; at a `rename` before a checkpoint is
//! published. `strace` kills at the entry of the call with a number; each thread counts its own.

use std::collections::BTreeMap;

use crate::house::{Daemon, Site, ago, exits, kukaku};

/// Calls at which it is killed, each from the first number on in steps, so many times.
const POINTS: [(&str, &str, u32, u32, u32); 5] = [
    ("in the transaction", "pwrite64", 3, 11, 8),
    ("before the commit", "fsync,fdatasync", 3, 3, 8),
    ("before the answer", "writev,sendto", 1, 3, 6),
    ("at any write", "write", 5, 9, 6),
    ("before a checkpoint is published", "rename,renameat,renameat2", 1, 1, 3),
];

/// Starts that are killed while they recover from a kill.
const SECOND_KILLS: u32 = 50;

/// Observations that are offered in one life.
const OFFERED: u64 = 12;

fn observation(number: u64, at: &str) -> String {
    format!(
        r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":{number},"device_time":"{at}","reader":"north-in","credential":"card:{number}","result":"granted"}}"#
    )
}

/// Offers observations one after the other until one is not answered; those that were.
fn offer(daemon: &Daemon, key: &str, next: &mut u64, at: &str, acknowledged: &mut Vec<u64>) {
    for _ in 0..OFFERED {
        if !daemon.is_acknowledged(key, &observation(*next, at)) {
            return;
        }
        acknowledged.push(*next);
        *next += 1;
    }
}

/// Every observation that was acknowledged is in the journal once, and none is there twice.
fn check(site: &Site, acknowledged: &[u64], what: &str) {
    let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
    let mut statement = conn.prepare("SELECT source_number, count(*) FROM reading GROUP BY 1").unwrap();
    let kept: BTreeMap<u64, i64> = statement
        .query_map([], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(kept.values().all(|times| *times == 1), "{what}: something is there twice: {kept:?}");
    let lost: Vec<&u64> = acknowledged.iter().filter(|number| !kept.contains_key(number)).collect();
    assert!(lost.is_empty(), "{what}: acknowledged and lost: {lost:?}");
}

#[test]
fn killed_at_each_point_of_an_observations_way_it_loses_nothing_acknowledged() {
    let site = Site::new();
    let (key, at) = (site.key("panel"), ago(100));
    let (mut next, mut acknowledged, mut killed) = (1, Vec::new(), 0);
    for (point, calls, first, step, times) in POINTS {
        for number in (first..).step_by(step as usize).take(times as usize) {
            let what = format!("{point}, {calls} {number}");
            if let Some(daemon) = site.run_killed_at(calls, number) {
                offer(&daemon, &key, &mut next, &at, &mut acknowledged);
                killed += u32::from(!daemon.stop().0.success());
            } else {
                killed += 1;
            }
            // It starts again, and what was not answered is offered once more.
            let daemon = site.run();
            assert!(daemon.is_acknowledged(&key, &observation(next, &at)), "{what}");
            acknowledged.push(next);
            next += 1;
            assert!(daemon.stop().0.success(), "{what}");
            check(&site, &acknowledged, &what);
        }
    }
    assert!(killed >= 20, "killed {killed} times only");
    exits(&kukaku(&["verify", site.dir()]), 0);
    exits(&kukaku(&["replay", "--store", site.dir()]), 0);
}

#[test]
fn killed_again_while_it_recovers_it_recovers() {
    let site = Site::new();
    let (key, at) = (site.key("panel"), ago(100));
    let (mut next, mut acknowledged, mut killed) = (1, Vec::new(), 0);
    for number in 0..SECOND_KILLS {
        // The first life ends with a log that is not yet in the database.
        if let Some(daemon) = site.run_killed_at("fdatasync", 7 + number % 5) {
            offer(&daemon, &key, &mut next, &at, &mut acknowledged);
            drop(daemon);
        }
        let calls =
            ["pread64", "openat", "pwrite64", "fsync,fdatasync", "ftruncate,unlink,rename"][(number % 5) as usize];
        let step = [17, 11, 1, 1, 1][(number % 5) as usize];
        killed += u32::from(site.run_killed_at(calls, 1 + step * (number / 5)).is_none());
    }
    let daemon = site.run();
    assert!(daemon.is_acknowledged(&key, &observation(next, &at)));
    acknowledged.push(next);
    assert!(daemon.stop().0.success());
    check(&site, &acknowledged, "in the end");
    assert!(killed >= 25, "killed {killed} times only while it started");
    exits(&kukaku(&["verify", site.dir()]), 0);
    exits(&kukaku(&["replay", "--store", site.dir()]), 0);
}

/// A6: a program that hangs says nothing to its service manager, which kills it (systemd does so
/// after `WATCHDOG_USEC`) and starts it again: the time between is recorded as not watched.
#[test]
fn a_program_that_hangs_is_silent_to_the_watchdog_and_its_time_is_a_gap() {
    let site = Site::new();
    let path = site.folder.path("notify.sock");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let limit = std::time::Duration::from_millis(1500);
    socket.set_read_timeout(Some(limit)).unwrap();
    let daemon = site.run_under(&[("NOTIFY_SOCKET", crate::house::text(&path)), ("WATCHDOG_USEC", "400000")]);
    let mut buffer = [0; 64];
    assert!((0..4).all(|_| socket.recv(&mut buffer).is_ok()), "it lives");
    daemon.signal(rustix::process::Signal::STOP);
    // What it had said already is heard yet; then nothing is, for longer than the limit.
    let silent = (0..64).any(|_| socket.recv(&mut buffer).is_err());
    assert!(silent, "a stopped program went on speaking");
    drop(daemon);
    let daemon = site.run();
    assert!(daemon.stop().0.success());
    assert!(site.journal().iter().any(|kind| kind == "watch.gap"), "{:?}", site.journal());
    exits(&kukaku(&["verify", site.dir()]), 0);
}

/// A5: a stop under load drains in time, loses nothing that was answered, and only the time after it
/// is a gap.
#[test]
fn a_stop_under_load_drains_and_only_what_comes_after_it_is_a_gap() {
    let site = Site::new();
    let (key, at) = (site.key("panel"), ago(100));
    let daemon = site.run();
    let acknowledged = std::sync::Mutex::new(Vec::new());
    let next = std::sync::atomic::AtomicU64::new(1);
    let begun = std::time::Instant::now();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if !daemon.is_acknowledged(&key, &observation(number, &at)) {
                        return;
                    }
                    let mut all = acknowledged.lock().unwrap();
                    all.push(number);
                    if all.len() == 40 {
                        daemon.signal(rustix::process::Signal::TERM);
                    }
                }
            });
        }
    });
    let (ended, log) = daemon.stop();
    assert!(ended.success(), "{log}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(40), "it went on for {:?}", begun.elapsed());
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 40);
    check(&site, &acknowledged, "after the stop");
    assert_eq!(site.journal().last().map(String::as_str), Some("stop"));
    let daemon = site.run();
    assert!(daemon.stop().0.success());
    // The time between is not watched, and nothing before the stop is.
    let journal = site.journal();
    let stop = journal.iter().position(|kind| kind == "stop").unwrap();
    let gaps: Vec<usize> = (0..journal.len()).filter(|place| journal[*place] == "watch.gap").collect();
    assert!(gaps.len() == 1 && gaps[0] > stop, "{gaps:?} after {stop}");
    exits(&kukaku(&["verify", site.dir()]), 0);
}
