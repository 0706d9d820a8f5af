//! The disk is full or broken under the running program (faults C22, C25, D31, D32): what was
//! acknowledged is there once, all else is refused with a clear word.
//!
//! The calls that fail are a sample, evenly spread over those of a short run: each costs a start
//! of the program under strace.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::house::{Daemon, PATIENCE, Site, ago, err, exits, kukaku, text};

/// What writes to the store, and the files of it.
const WRITES: &str = "write,pwrite64,ftruncate,fallocate";
const STORE: [&str; 3] = ["store.db", "store.db-wal", "store.db-shm"];

/// Readings that are handed in in each run.
const EACH: u64 = 6;

fn reading(seq: u64) -> String {
    let at = ago(100);
    format!(
        r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":{seq},"device_time":"{at}","reader":"north-in","credential":"card:{seq}","result":"granted"}}"#
    )
}

/// Opened again, everything up to `last` that was acknowledged is there once, and all verifies.
fn check(site: &Site, acknowledged: &[u64], what: &str) {
    // The lock goes with the process, which may just be dying.
    let deadline = Instant::now() + PATIENCE;
    let path = site.dir.join("store.db");
    while let Err(error) = kukaku_store::Store::open(&path) {
        let held = matches!(error, kukaku_store::StoreError::Held { .. });
        assert!(held && Instant::now() < deadline, "{what}: {error}");
    }
    let conn = kukaku_store::read_only(&path).unwrap();
    for seq in acknowledged {
        let sql = "SELECT count(*) FROM reading WHERE source_number = ?1";
        let count: i64 = conn.query_row(sql, [seq.cast_signed()], |row| row.get(0)).unwrap();
        assert_eq!(count, 1, "{what}: reading {seq}");
    }
    let verified = kukaku(&["verify", site.dir()]);
    assert!(verified.status.success(), "{what}: {}", err(&verified));
}

/// C22, once: room is there again with the next call.
#[test]
fn a_disk_that_was_full_once_refuses_clearly_and_goes_on_by_itself() {
    let site = Site::new();
    let panel = site.key("panel");
    let (mut acknowledged, mut seq, mut refusals, mut stopped) = (Vec::new(), 0, 0, 0);
    // A start makes about 35 of these calls, a reading about ten: the thread of the writer counts anew.
    for number in [6, 20, 44, 50, 57, 65, 74, 84] {
        let what = format!("write {number}");
        match site.run_failing(WRITES, &format!("error=ENOSPC:when={number}"), &STORE) {
            Err(said) => {
                // It ends before it is ready, and says why.
                assert!(is_clear(&said), "{what}: {said}");
                stopped += 1;
            }
            Ok(daemon) => {
                let mut here = 0;
                for _ in 0..EACH {
                    seq += 1;
                    let (line, deadline) = (reading(seq), Instant::now() + PATIENCE);
                    // A device sends again what was not acknowledged.
                    while let Err(refused) = daemon.hand_in(&panel, &line) {
                        assert!(is_refusal(&refused), "{what}: {refused:?}");
                        assert!(Instant::now() < deadline, "{what}: it never went on");
                        here += 1;
                    }
                    acknowledged.push(seq);
                }
                let (ended, log) = daemon.stop();
                assert!(ended.success(), "{what}: {log}");
                assert!(here == 0 || is_clear(&log), "{what}: {log}");
                refusals += here;
            }
        }
        check(&site, &acknowledged, &what);
    }
    assert!(refusals > 0, "no write failed while something was handed in");
    assert!(stopped <= 3, "{stopped} starts failed");
}

/// C22, for ever: the disk stays full until somebody makes room.
#[test]
fn a_disk_that_stays_full_refuses_all_and_keeps_what_it_acknowledged() {
    let site = Site::new();
    let panel = site.key("panel");
    let (mut acknowledged, mut seq, mut full) = (Vec::new(), 0, 0);
    for number in [12, 46, 60, 90] {
        let what = format!("from write {number} on");
        let mut refused = Vec::new();
        match site.run_failing(WRITES, &format!("error=ENOSPC:when={number}+"), &STORE) {
            Err(said) => assert!(is_clear(&said), "{what}: {said}"),
            Ok(daemon) => {
                while refused.len() < 3 {
                    seq += 1;
                    let line = reading(seq);
                    match daemon.hand_in(&panel, &line) {
                        Ok(()) => acknowledged.push(seq),
                        Err(answer) => {
                            assert!(is_refusal(&answer), "{what}: {answer:?}");
                            refused.push((seq, line));
                        }
                    }
                }
                full += 1;
            }
        }
        check(&site, &acknowledged, &what);
        // There is room again: what was refused is kept when it is sent again.
        if !refused.is_empty() {
            let daemon = site.run();
            for (seq, line) in refused {
                daemon.post(&panel, &line);
                acknowledged.push(seq);
            }
            assert!(daemon.stop().0.success());
            check(&site, &acknowledged, &what);
        }
    }
    assert!(full >= 2, "only {full} runs got as far as being full");
}

/// Whether the log names the disk.
fn is_clear(said: &str) -> bool {
    said.contains("the disk is full") || said.contains("the disk refused")
}

/// The answer to a device says that nothing was kept; why is in the log, and not for it.
fn is_refusal((status, said): &(u16, String)) -> bool {
    *status == 503 && (said.contains("nothing was acknowledged") || said.contains("保存できません"))
}

/// D31: no sync works any more. It refuses at once, gives up within ten tries a second apart, and
/// doesn't spin.
#[test]
fn a_disk_whose_syncs_fail_for_ever_stops_the_program_and_nothing_is_lost() {
    let site = Site::new();
    let panel = site.key("panel");
    let (mut acknowledged, mut seq) = (Vec::new(), 0);
    for number in [6, 17] {
        let what = format!("from sync {number} on");
        let fault = format!("error=EIO:when={number}+");
        let Ok(mut daemon) = site.run_failing("fsync,fdatasync", &fault, &[]) else {
            check(&site, &acknowledged, &what);
            continue;
        };
        let first = loop {
            seq += 1;
            match daemon.hand_in(&panel, &reading(seq)) {
                Ok(()) => acknowledged.push(seq),
                Err(refused) => break refused,
            }
        };
        assert!(is_refusal(&first), "{what}: {first:?}");
        let refused_at = Instant::now();
        let mut answers = 0;
        let ended = loop {
            if let Some(ended) = daemon.ended() {
                break ended;
            }
            assert!(refused_at.elapsed() < Duration::from_secs(20), "{what}: it neither stops nor works");
            assert!(daemon.hand_in(&panel, &reading(seq)).is_err(), "{what}: acknowledged without a sync");
            answers += 1;
        };
        assert!(!ended.success(), "{what}: {ended}");
        assert!(answers > 0, "{what}");
        let log = daemon.log();
        // A second lies between two tries: a spin would sync thousands of times.
        let trace = std::fs::read_to_string(site.trace()).unwrap();
        let failed = trace.lines().filter(|line| line.contains("(INJECTED)")).count();
        assert!((1..100).contains(&failed), "{what}: {failed} syncs failed");
        assert!(log.contains("the writer can't go on"), "{what}: {log}");
        check(&site, &acknowledged, &what);
    }
    assert!(!acknowledged.is_empty());
}

/// A command on a small disk of its own at `folder`; what it said, and what lies there afterwards.
fn on_small_disk(folder: &Path, kib: u32, arguments: &[&str]) -> (Output, Vec<String>) {
    let script = format!(
        "mount -t tmpfs -o size={kib}k tmpfs {folder} && \"$@\"; ended=$?; echo; find {folder} -type f; exit $ended",
        folder = folder.display()
    );
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script, "sh", env!("CARGO_BIN_EXE_kukaku")]).args(arguments);
    command.env("LC_ALL", "en_US.UTF-8").env_remove("KUKAKU_DIR").env_remove("KUKAKU_LOG");
    let output = command.output().unwrap();
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let files = lines.lines().filter(|line| line.starts_with(text(folder))).map(str::to_owned).collect();
    (output, files)
}

/// C25: every size of disk from one page to enough.
#[test]
fn an_export_and_a_backup_that_find_no_room_fail_clearly_and_leave_no_file_under_its_name() {
    let site = Site::new();
    let folder = site.folder.path("small");
    std::fs::create_dir(&folder).unwrap();
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n[backup]\nfolder = {:?}\n",
        text(&folder)
    ));
    let panel = site.key("panel");
    let daemon = site.run();
    for batch in 0..4 {
        let lines: Vec<String> = (1..=50).map(|n| reading(batch * 50 + n)).collect();
        daemon.hand_in(&panel, &lines.join("\n")).unwrap();
    }
    // What it ships by itself while it runs is removed: the commands begin anew.
    assert!(daemon.stop().0.success());
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let out = folder.join("journal.jsonl");
    let raw = ["export", site.dir(), "--raw", "--reason", "test", "--out", text(&out)];
    let pack = folder.join("pack.zip");
    let (from, to) = (ago(3600), ago(-3600));
    let period = ["--client", "tomakomai", "--from", &from, "--to", &to, "--reason", "test", "--out", text(&pack)];
    let of_client = [&["export", site.dir()][..], &period[..]].concat();
    let backup = ["backup", "--whole", "--dir", site.dir()];
    for (arguments, ending) in [(&raw[..], "journal.jsonl"), (&of_client[..], "pack.zip"), (&backup[..], ".seg")] {
        let (mut failed, mut kib) = (0, 4);
        loop {
            let (output, files) = on_small_disk(&folder, kib, arguments);
            let named = files.iter().any(|file| file.ends_with(ending));
            if output.status.success() {
                assert!(named, "{arguments:?} at {kib} KiB: {files:?}");
                break;
            }
            let said = err(&output);
            assert!(
                said.contains("No space left") || said.contains("disk is full"),
                "{arguments:?}, {kib} KiB: {said}"
            );
            assert!(!named, "{arguments:?} at {kib} KiB: {files:?}");
            failed += 1;
            kib *= 2;
            assert!(kib < 1 << 16, "{arguments:?} never finds room: {said}");
        }
        assert!(failed >= 2, "{arguments:?} failed {failed} times");
    }
    exits(&kukaku(&["verify", site.dir()]), 0);
}

/// What the API says of entries and exits to who is signed in: the rows, or the status and what
/// was said instead. 0: no answer.
fn rows(daemon: &Daemon, session: &str) -> Result<serde_json::Value, (u16, String)> {
    let url = format!("http://{}/api/v1/entries?limit=200", daemon.web());
    let request = ureq::get(&url).config().http_status_as_error(false).build();
    let answer = request.header("Cookie", &format!("__Host-kukaku={session}")).call();
    let mut answer = answer.map_err(|error| (0, error.to_string()))?;
    let status = answer.status().as_u16();
    let said = answer.body_mut().read_to_string().unwrap_or_default();
    if status != 200 {
        return Err((status, said));
    }
    Ok(serde_json::from_str(&said).unwrap())
}

/// D32: pages of the database can't be read. Each answer is the right one, or says that something
/// failed.
#[test]
fn a_page_of_the_database_that_cannot_be_read_is_a_clear_error_and_never_a_wrong_answer() {
    let site = Site::new();
    let panel = site.key("panel");
    let users = kukaku_store::users::Users::open(&site.dir.join("store.db")).unwrap();
    let now = kukaku::clock::now();
    users.create_with_password("tanaka", "Hinode-8472-Yama", now).unwrap();
    // One who needs no second factor.
    users.set_role("tanaka", kukaku_store::users::Role::Auditor).unwrap();
    let user = users.list().unwrap().into_iter().find(|user| user.name == "tanaka").unwrap();
    let session = users.open_session(&user, kukaku_store::users::Scope::Full, "127.0.0.1", now).unwrap();
    drop(users);
    let daemon = site.run();
    let lines: Vec<String> = (1..=150).map(reading).collect();
    daemon.hand_in(&panel, &lines.join("\n")).unwrap();
    let right = rows(&daemon, &session).unwrap();
    assert_eq!(right["rows"].as_array().map(Vec::len), Some(150));
    assert!(daemon.stop().0.success());
    let acknowledged: Vec<u64> = (1..=150).collect();
    let (mut failed, mut answered) = (0, 0);
    // How many pages the thread reads that starts it, told by a run in which nothing fails.
    drop(site.run_failing("pread64", "error=EIO:when=65535", &["store.db"]).unwrap());
    let trace = std::fs::read_to_string(site.trace()).unwrap();
    let pid = |line: &str| line.split(' ').next().map(str::to_owned);
    let first = trace.lines().next().and_then(pid);
    let of_start = trace.lines().filter(|line| pid(line) == first && line.contains("pread64")).count();
    // From that read of each thread on every third fails: what is asked again fails elsewhere. The
    // first number meets the start itself, the others whoever reads more.
    for number in [5, of_start + 1, of_start + 8, of_start + 30] {
        let what = format!("read {number}");
        match site.run_failing("pread64", &format!("error=EIO:when={number}+3"), &["store.db"]) {
            // SQLite itself takes a schema that it can't read for a damaged one.
            Err(said) => assert!(is_clear(&said) || said.contains("the store is damaged"), "{what}: {said}"),
            Ok(mut daemon) => {
                for line in lines.iter().take(60) {
                    match rows(&daemon, &session) {
                        Ok(rows) => {
                            assert_eq!(rows, right, "{what}");
                            answered += 1;
                        }
                        Err((500, said)) => {
                            assert!(said.contains("Something failed") || said.contains("内部の誤り"), "{what}: {said}");
                            failed += 1;
                        }
                        Err((status, said)) => {
                            let stopped = status == 0 && daemon.ended().is_some();
                            assert!(stopped || status == 503, "{what}: {status} {said}");
                        }
                    }
                    // Known already: an acknowledgement is the right answer, and no other one.
                    if let Err((status, said)) = daemon.hand_in(&panel, line) {
                        assert!(status == 0 || status == 500 || status == 503, "{what}: {status} {said}");
                    }
                }
            }
        }
        check(&site, &acknowledged, &what);
    }
    assert!(failed > 0 && answered > 0, "{failed} failed, {answered} answered, {of_start} reads at a start");
}
