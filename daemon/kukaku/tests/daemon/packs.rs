//! `export`: what a city takes away verifies with nothing but the key it was given, whatever the
//! daemon does meanwhile.

use std::path::{Path, PathBuf};

use kukaku_ledger::{KeyTerm, VerifierKey};
use kukaku_pack::{PackError, Verified};

use crate::house::{Daemon, Site, ago, exits, kukaku, text};

fn verify(site: &Site, pack: &Path) -> Result<Verified, PackError> {
    let key = std::fs::read_to_string(site.dir.join("checkpoint.pub")).unwrap();
    let key = VerifierKey::parse(key.trim_end()).unwrap();
    kukaku_pack::verify(std::fs::File::open(pack).unwrap(), |_| vec![KeyTerm::whole(key)])
}

/// A reading of the city's operator, one of a stranger, and a session.
fn happen(daemon: &Daemon, panel: &str, vpn: &str, number: u32) {
    let at = ago(i64::from(300 - number));
    let reading = |seq: u32, card: &str| {
        format!(
            r#"{{"kind":"door.reading","source":"panel","epoch":"e","seq":{seq},"device_time":"{at}","reader":"north-in","credential":"card:{card}","result":"granted"}}"#
        )
    };
    daemon.post(panel, &format!("{}\n{}\n", reading(2 * number, "0123456789ABCDEF"), reading(2 * number + 1, "FF")));
    daemon.post(vpn, &format!(r#"{{"kind":"session.started","source":"vpn-1","epoch":"e","seq":{number},"device_time":"{at}","session":"s{number}","account":"tmk-a01","terminal":"term-1"}}"#));
}

struct Taking<'a> {
    site: &'a Site,
    from: String,
    to: String,
}

impl Taking<'_> {
    fn out(&self, name: &str, more: &[&str]) -> (PathBuf, std::process::Output) {
        let out = self.site.folder.path(name);
        let mut arguments =
            vec!["export", self.site.dir(), "--client", "tomakomai", "--from", &self.from, "--to", &self.to];
        arguments.extend(["--reason", "定期検査", "--by", "佐藤", "--out", text(&out)]);
        arguments.extend(more);
        let output = kukaku(&arguments);
        (out, output)
    }
}

fn entries_of(pack: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(pack).unwrap()).into_owned()
}

#[test]
fn a_pack_verifies_holds_the_citys_own_and_is_listed_with_who_and_why() {
    let site = Site::new();
    let (panel, vpn) = (site.key("panel"), site.key("vpn-1"));
    let daemon = site.run();
    for number in 0..3 {
        happen(&daemon, &panel, &vpn, number);
    }
    site.wait_for("revision");
    let taking = Taking { site: &site, from: ago(3600), to: ago(-3600) };
    let (pack, output) = taking.out("pack.zip", &[]);
    exits(&output, 0);
    let verified = verify(&site, &pack).unwrap();
    assert_eq!(verified.manifest.client, "tomakomai");
    assert!(verified.from_start && !verified.to_end, "the period goes on");
    let text_of = entries_of(&pack);
    assert!(text_of.contains("card:0123456789ABCDEF") && text_of.contains("\"person\":\"op-01\""));
    assert!(!text_of.contains("card:FF"), "a stranger's reading is masked");
    assert!(text_of.contains("session.started") && text_of.contains("revision"));
    // The same tree again, later and with more in the journal: the same bytes.
    let size = verified.manifest.tree_size.to_string();
    happen(&daemon, &panel, &vpn, 3);
    let (again, output) = taking.out("again.zip", &["--at", &size]);
    exits(&output, 0);
    assert_eq!(std::fs::read(&pack).unwrap(), std::fs::read(&again).unwrap());
    let (_, output) = taking.out("again.zip", &[]);
    assert!(exits(&output, 1).contains("nothing is overwritten"));
    let (nowhere, output) = taking.out("nowhere.zip", &["--at", "2"]);
    exits(&output, 2);
    assert!(!nowhere.exists());
    let (sjis, output) = taking.out("sjis.zip", &["--shift-jis"]);
    exits(&output, 0);
    verify(&site, &sjis).unwrap();
    let beside = std::fs::read_to_string(site.folder.path("pack.zip.beside.json")).unwrap();
    assert!(beside.contains("定期検査") && beside.contains("佐藤"));
    let listed = exits(&kukaku(&["exports", site.dir()]), 0);
    assert_eq!(listed.lines().filter(|line| line.contains("佐藤: 定期検査")).count(), 3, "{listed}");
    assert!(listed.contains(&format!("at {size}")));
    assert!(daemon.stop().0.success());
    // Without a daemon; a period that is over is closed by the exports themselves.
    let taking = Taking { site: &site, from: ago(3600), to: ago(0) };
    let (closed, output) = taking.out("closed.zip", &[]);
    exits(&output, 0);
    let verified = verify(&site, &closed).unwrap();
    assert!(verified.from_start && verified.to_end && verified.manifest.late.is_empty());
    exits(&kukaku(&["verify", site.dir()]), 0);
    exits(&kukaku(&["replay", "--store", site.dir()]), 0);
    let left: Vec<_> = std::fs::read_dir(&site.folder.0).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn packs_are_taken_out_while_records_come_in() {
    let site = Site::new();
    let (panel, vpn) = (site.key("panel"), site.key("vpn-1"));
    let daemon = site.run();
    happen(&daemon, &panel, &vpn, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| (1..120).for_each(|number| happen(&daemon, &panel, &vpn, number)));
        for number in 0..4 {
            let taking = Taking { site: &site, from: ago(3600), to: ago(-3600) };
            let (pack, output) = taking.out(&format!("{number}.zip"), &[]);
            exits(&output, 0);
            verify(&site, &pack).unwrap();
        }
    });
}

#[test]
fn the_whole_journal_is_taken_out_raw() {
    let site = Site::new();
    let out = site.folder.path("raw.jsonl");
    let taken = kukaku(&["export", site.dir(), "--raw", "--reason", "forensics", "--out", text(&out)]);
    exits(&taken, 0);
    let lines = std::fs::read_to_string(&out).unwrap();
    assert_eq!(lines.lines().count(), site.journal().len());
    assert!(lines.lines().all(|line| line.contains("\"leaf\":") && line.contains("\"body\":")));
    assert!(exits(&kukaku(&["exports", site.dir()]), 0).contains("the whole journal"));
}

#[test]
fn nothing_is_taken_out_of_a_journal_that_was_changed() {
    let site = Site::new();
    let (panel, vpn) = (site.key("panel"), site.key("vpn-1"));
    let daemon = site.run();
    happen(&daemon, &panel, &vpn, 0);
    assert!(daemon.stop().0.success());
    let taking = Taking { site: &site, from: ago(3600), to: ago(-3600) };
    let (_, output) = taking.out("good.zip", &[]);
    exits(&output, 0);
    let tamper = |sql: &str| {
        let conn = rusqlite::Connection::open(site.dir.join("store.db")).unwrap();
        conn.execute_batch(sql).unwrap();
    };
    tamper(
        "DROP TRIGGER payload_is_append_only_update; DROP TRIGGER payload_is_append_only_delete;
            UPDATE payload SET sealed = (SELECT sealed FROM payload WHERE seq = 0)
            WHERE seq = (SELECT seq FROM journal WHERE kind = 'session.started')",
    );
    let (changed, output) = taking.out("changed.zip", &[]);
    assert!(exits(&output, 3).contains("was forged"));
    assert!(!changed.exists());
    tamper("DELETE FROM payload WHERE seq = (SELECT seq FROM journal WHERE kind = 'session.started')");
    let (missing, output) = taking.out("missing.zip", &[]);
    assert!(exits(&output, 3).contains("is missing and was never erased"));
    assert!(!missing.exists());
    tamper("DROP TRIGGER journal_is_append_only_delete; DELETE FROM journal WHERE kind = 'session.started'");
    let (gone, output) = taking.out("gone.zip", &[]);
    assert!(exits(&output, 3).contains("is missing"));
    assert!(!gone.exists());
}

#[test]
fn a_killed_export_leaves_nothing_under_the_packs_name() {
    let site = Site::new();
    let (panel, vpn) = (site.key("panel"), site.key("vpn-1"));
    let daemon = site.run();
    (0..30).for_each(|number| happen(&daemon, &panel, &vpn, number));
    let (from, to) = (ago(3600), ago(-3600));
    for round in 0..6 {
        let out = site.folder.path(&format!("{round}.zip"));
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_kukaku"))
            .args(["export", site.dir(), "--client", "tomakomai", "--from", &from, "--to", &to])
            .args(["--reason", "kill", "--by", "test", "--out", text(&out)])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Killed at another point each time: after so many looks at what it has begun to write.
        let begun = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(&format!(".{round}.zip."));
        let looks = |_: &usize| {
            let found = std::fs::read_dir(&site.folder.0).unwrap().any(|e| begun(&e.unwrap().file_name()));
            found || child.try_wait().unwrap().is_some()
        };
        let _ = (0..usize::MAX).filter(looks).nth(round * 150);
        let _ = child.kill();
        child.wait().unwrap();
        if out.exists() {
            verify(&site, &out).unwrap();
        }
    }
}
