//! A city is told of the start and the end of each session, by a real mail server, within the
//! agreed minutes and with a checkpoint that covers what it is told (TG-3.2.1).

use std::process::Command;

use kukaku_ledger::Checkpoint;
use kukaku_schema::DurationUs;
use kukaku_store::notices::{NoticeMoment, NoticeRow, of_session};
use kukaku_store::{OutboxState, head_at, query, read_only};
use serde_json::Value;

use crate::alerts::Peer;
use crate::house::{Daemon, PATIENCE, REGISTERS, Site, ago, exits, kukaku, text};

fn registers(within: &str) -> String {
    REGISTERS.replace(
        "work_orders = false\n",
        &format!("work_orders = false\nnotify = [\"city@example.lg.jp\"]\nnotify_within = \"{within}\"\n"),
    )
}

fn channel(port: u64) -> String {
    format!(
        "[alerts]\nnotices = \"mail\"\n[[alerts.mail]]\nid = \"mail\"\nserver = \"127.0.0.1\"\nport = {port}\n\
         tls = \"none\"\nfrom = \"kukaku <kukaku@example.jp>\"\nto = [\"duty@example.jp\"]\n"
    )
}

fn dead_port() -> u64 {
    u64::from(std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port())
}

fn session(kind: &str, id: &str, at: &str) -> String {
    let who = if kind == "started" { r#","account":"tmk-a01","terminal":"term-1","target":"kihon-db01""# } else { "" };
    format!(r#"{{"kind":"session.{kind}","source":"vpn-1","device_time":"{at}","session":"{id}"{who}}}"#)
}

/// Subject and body as a mail program reads them.
fn read(mail: &Value) -> (String, String) {
    let script = "import sys,json,base64,email,email.policy\n\
        m=email.message_from_bytes(base64.b64decode(sys.argv[1]),policy=email.policy.default)\n\
        print(json.dumps([str(m['Subject']),m.get_content()]))";
    let output =
        Command::new("/usr/bin/python3").args(["-c", script, mail["data"].as_str().unwrap()]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Waits until the notices of the first session are as wished.
fn wait(site: &Site, wished: impl Fn(&[NoticeRow]) -> bool) -> Vec<NoticeRow> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let rows = of_session(&read_only(&site.dir.join("store.db")).unwrap(), 1).unwrap();
        if wished(&rows) {
            return rows;
        }
        assert!(std::time::Instant::now() < deadline, "the notices never became so: {rows:?}");
        std::thread::yield_now();
    }
}

fn status(site: &Site) -> Value {
    serde_json::from_str(&exits(&kukaku(&["status", site.dir(), "--json"]), 0)).unwrap()
}

fn delivered(rows: &[NoticeRow], many: usize) -> bool {
    rows.len() == many && rows.iter().all(|row| row.state == OutboxState::Delivered)
}

fn run(mail: &Peer, within: &str) -> (Site, String, Daemon) {
    let site = Site::with_registers(&registers(within), &channel(mail.port));
    let key = site.key("vpn-1");
    let daemon = site.run();
    (site, key, daemon)
}

#[test]
fn start_and_end_are_mailed_once_each_with_a_checkpoint_that_covers_them() {
    let mail = Peer::start("smtp.py", &["plain", "-", "-"]);
    let (site, key, daemon) = run(&mail, "10min");
    daemon.post(&key, &session("started", "7781", &ago(0)));
    let started = mail.next();
    assert_eq!(started["receivers"], serde_json::json!(["city@example.lg.jp"]), "the city's address alone");
    daemon.post(&key, &session("ended", "7781", &ago(0)));
    let ended = mail.next();
    let rows = wait(&site, |rows| delivered(rows, 2));
    let conn = read_only(&site.dir.join("store.db")).unwrap();
    for (mail, row, moment, title) in [
        (&started, &rows[0], NoticeMoment::Start, "リモート保守 開始通知"),
        (&ended, &rows[1], NoticeMoment::End, "リモート保守 終了通知"),
    ] {
        assert_eq!(row.moment, moment);
        let (subject, body) = read(mail);
        assert!(subject.contains(title) && subject.contains("苫小牧市"), "{subject}");
        for part in [
            "作業者：佐藤 花子 (op-01)",
            "アカウント：tmk-a01",
            "端末：term-1",
            "区画：セキュリティ区画A (zone-a)",
            "接続先：kihon-db01",
            "作業申請：該当なし",
            "在室の判定（現時点）：",
            "KUKAKU PAPER 1",
        ] {
            assert!(body.contains(part), "{part} is missing in\n{body}");
        }
        assert!(!body.contains("遅れて"), "{body}");
        // The checkpoint in the mail is of this journal, and what is told stands under it.
        let lines: Vec<&str> = body.lines().collect();
        let origin = lines.iter().find_map(|line| line.strip_prefix("ORIGIN ")).unwrap();
        let origin = origin.split(' ').next().unwrap();
        let first = lines.iter().position(|line| *line == origin).unwrap();
        let signed = Checkpoint::parse_body(&format!("{}\n", lines[first..first + 3].join("\n"))).unwrap();
        assert_eq!(row.checkpoint_size, Some(signed.head.size));
        assert!(signed.head.size >= row.covers && row.covers > 0);
        assert_eq!(head_at(&conn, signed.head.size).unwrap(), Some(signed.head), "the whole root stands in the mail");
        let took = row.delivered_at.unwrap().since(row.queued_at);
        assert!(took < DurationUs::from_secs(10) && !row.is_late(row.delivered_at.unwrap()), "{took:?}");
        println!("queued to delivered: {} ms", took.0 / 1000);
    }
    // Told again, it is no other session.
    daemon.post(&key, &session("started", "7781", &rows[0].at.to_rfc3339_utc()));
    assert!(daemon.stop().0.success());
    let daemon = site.run();
    daemon.post(&key, &session("started", "7782", &ago(0)));
    assert!(read(&mail.next()).1.contains("vpn-1/7782"), "the first mail after the restart is of the next session");
    assert!(daemon.stop().0.success());
}

#[test]
fn a_notice_that_waits_survives_a_kill_goes_out_once_and_is_known_to_be_late() {
    let site = Site::with_registers(&registers("1s"), &channel(dead_port()));
    let key = site.key("vpn-1");
    let daemon = site.run();
    daemon.post(&key, &session("started", "7781", &ago(0)));
    wait(&site, |rows| rows.len() == 1 && rows[0].failures > 0);
    let deadline = std::time::Instant::now() + PATIENCE;
    while status(&site)["notices"]["overdue"] != 1 {
        assert!(std::time::Instant::now() < deadline, "nobody saw that the minutes were over");
    }
    daemon.signal(rustix::process::Signal::KILL);
    drop(daemon);

    let mail = Peer::start("smtp.py", &["plain", "-", "-"]);
    site.configure(&format!("[web]\nlisten = \"127.0.0.1:0\"\n{}", channel(mail.port)));
    let daemon = site.run();
    assert_eq!(mail.next()["receivers"], serde_json::json!(["city@example.lg.jp"]));
    let rows = wait(&site, |rows| delivered(rows, 1));
    assert!(rows[0].is_late(rows[0].delivered_at.unwrap()), "{rows:?}");
    assert_eq!(status(&site)["notices"]["overdue"], 0);
    daemon.post(&key, &session("ended", "7781", &ago(0)));
    assert!(read(&mail.next()).0.contains("終了通知"), "the start was not sent twice");
    assert!(daemon.stop().0.success());
}

#[test]
fn a_session_that_is_heard_of_late_is_told_as_late_and_one_of_last_week_is_for_paper() {
    let mail = Peer::start("smtp.py", &["plain", "-", "-"]);
    let (site, key, daemon) = run(&mail, "10min");
    daemon.post(&key, &session("started", "old", &ago(7 * 86_400)));
    // It ended as presumed twelve hours later.
    let rows = wait(&site, |rows| rows.len() == 2);
    assert!(rows.iter().all(|row| row.state == OutboxState::Failed && row.delivered_at.is_none()), "{rows:?}");
    daemon.post(&key, &session("started", "7781", &ago(1200)));
    let (_, body) = read(&mail.next());
    assert!(body.contains("遅延：この通知は遅れています") && body.contains("vpn-1/7781"), "{body}");
    assert_eq!(status(&site)["notices"]["overdue"], 0, "what is for paper is not waited for");
    assert!(daemon.stop().0.success());
}

#[test]
fn without_a_channel_for_them_notices_are_overdue_and_say_what_is_missing() {
    let site = Site::with_registers(&registers("1s"), "");
    let key = site.key("vpn-1");
    let daemon = site.run();
    daemon.post(&key, &session("started", "7781", &ago(0)));
    let rows = wait(&site, |rows| rows.len() == 1 && rows[0].failures > 0);
    assert!(rows[0].last_error.as_ref().unwrap().contains("`notices` under [alerts]"), "{rows:?}");
    assert!(daemon.stop().0.success());
    let conn = read_only(&site.dir.join("store.db")).unwrap();
    assert_eq!(query::session(&conn, 1).unwrap().unwrap().session, "7781");
}

#[test]
fn a_city_that_is_to_be_told_and_no_channel_that_tells_it_is_a_problem() {
    let site = Site::new();
    let check = || String::from_utf8(kukaku(&["check", site.dir()]).stdout).unwrap();
    assert!(!check().contains("notices:"), "{}", check());
    let told = REGISTERS.replacen("[[client]]\n", "[[client]]\nnotify = [\"city@example.lg.jp\"]\n", 1);
    let file = site.folder.write("told.toml", told);
    exits(&kukaku(&["registers", site.dir(), "import", text(&file), "--reason", "test"]), 0);
    let said = check();
    assert!(said.contains("PROBLEM  notices:") && said.contains("[alerts] notices"), "{said}");
}
