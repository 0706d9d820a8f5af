//! `run`: ready, serving, refusing, stopping.

use crate::house::{Folder, Site, ago, exits, kukaku, text};

#[test]
fn an_observation_is_kept_and_a_stop_is_journaled() {
    let site = Site::new();
    let key = site.key("vpn-1");
    let daemon = site.run();
    let alive = format!(r#"{{"kind":"source.alive","source":"vpn-1","device_time":"{}"}}"#, ago(1));
    let answer = daemon.post(&key, &alive);
    assert!(answer.contains("kept"), "{answer}");
    let again = daemon.post(&key, &alive);
    assert!(again.contains("duplicate") || again.contains("known"), "{again}");
    let status = exits(&kukaku(&["status", site.dir(), "--json"]), 0);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["running"], true);
    assert_eq!(status["sources"][0]["source"], "vpn-1");
    let (ended, log) = daemon.stop();
    assert!(ended.success(), "{log}");
    let journal = site.journal();
    assert_eq!(journal.iter().filter(|kind| *kind == "source.alive").count(), 1);
    assert_eq!(journal.last().unwrap(), "stop");
    let signed: serde_json::Value =
        serde_json::from_str(&exits(&kukaku(&["status", site.dir(), "--json"]), 0)).unwrap();
    assert_eq!(signed["journal"]["entries"], signed["journal"]["signed_entries"]);
    exits(&kukaku(&["verify", site.dir()]), 0);
    exits(&kukaku(&["replay", "--store", site.dir()]), 0);
}

/// What was done on the machine while nothing ran is in the journal after the next start.
#[test]
fn a_user_made_while_nothing_runs_is_in_the_journal_after_the_start() {
    let site = Site::new();
    exits(&kukaku(&["users", site.dir(), "add", "sato", "--role", "auditor"]), 0);
    let made = || site.whole_journal().iter().filter(|kind| *kind == "account.event").count();
    assert_eq!(made(), 0);
    let daemon = site.run();
    // The first administrator, whom `kukaku init` made, and this one.
    site.wait_for("account.event");
    assert_eq!(made(), 2);
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
}

#[test]
fn a_second_daemon_is_refused_with_the_holders_number_and_writes_nothing() {
    let site = Site::new();
    let daemon = site.run();
    let before = site.journal();
    let said = exits(&kukaku(&["run", site.dir()]), 3);
    let holder = std::fs::read_to_string(site.dir.join("store.db.lock")).unwrap();
    assert!(said.contains(&format!("in use by process {}", holder.trim())), "{said}");
    assert_eq!(site.journal(), before);
    assert!(daemon.stop().0.success());
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let site = Site::new();
    let path = site.dir.join("store.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let said = exits(&kukaku(&["run", site.dir()]), 3);
    assert!(said.contains("99") && said.contains("newer"), "{said}");
    let said = exits(&kukaku(&["registers", site.dir(), "export"]), 3);
    assert!(said.contains("99"), "{said}");
}

#[test]
fn the_service_manager_hears_ready_alive_and_stopping() {
    let site = Site::new();
    let path = site.folder.path("notify.sock");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(crate::house::PATIENCE)).unwrap();
    let daemon = site.run_under(&[("NOTIFY_SOCKET", text(&path)), ("WATCHDOG_USEC", "400000")]);
    let hear = || {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    // The first sign of life may come before the word that it is ready.
    let first: Vec<String> = (0..3).map(|_| hear()).collect();
    assert!(first.iter().any(|said| said == "READY=1"), "{first:?}");
    assert!(first.iter().any(|said| said == "WATCHDOG=1"), "{first:?}");
    assert!(daemon.stop().0.success());
    let last = std::iter::repeat_with(hear).find(|said| said != "WATCHDOG=1").unwrap();
    assert_eq!(last, "STOPPING=1");
}

#[test]
fn the_pages_are_served_under_the_sites_own_certificate() {
    let site = Site::new();
    site.configure(
        "[web]\nlisten = \"127.0.0.1:0\"\n[web.tls]\ncertificate = \"tls/server.pem\"\nkey = \"tls/server.key\"\n",
    );
    let daemon = site.run();
    let fetch = |trust: &[&str]| {
        let url = format!("https://{}/login", daemon.web());
        let output = std::process::Command::new("curl")
            .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"])
            .args(trust)
            .arg(url)
            .output();
        let output = output.unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let ca = site.dir.join("tls/ca.pem");
    assert_eq!(fetch(&["--cacert", text(&ca)]), (true, "200".to_owned()));
    assert!(!fetch(&[]).0, "a browser that doesn't know the CA refuses");
    assert!(daemon.stop().0.success());
}

#[test]
fn run_never_makes_a_store() {
    let folder = Folder::new();
    exits(&kukaku(&["run", text(&folder.0)]), 2);
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
    let site = Site::new();
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = std::fs::remove_file(site.dir.join(file));
    }
    let said = exits(&kukaku(&["run", site.dir()]), 3);
    assert!(said.contains("kukaku init"), "{said}");
    assert!(!site.dir.join("store.db").exists());
}

#[test]
fn a_changed_entry_and_a_foreign_key_are_found_by_verify() {
    let site = Site::new();
    assert!(site.run().stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
    let other = Site::new();
    let own = std::fs::read(site.dir.join("checkpoint.pub")).unwrap();
    std::fs::copy(other.dir.join("checkpoint.pub"), site.dir.join("checkpoint.pub")).unwrap();
    assert!(exits(&kukaku(&["verify", site.dir()]), 4).contains("fault"));
    std::fs::write(site.dir.join("checkpoint.pub"), own).unwrap();
    // Whoever holds the disk can take the triggers away.
    let conn = rusqlite::Connection::open(site.dir.join("store.db")).unwrap();
    conn.execute_batch(
        "DROP TRIGGER payload_is_append_only_update; UPDATE payload SET sealed = zeroblob(64) WHERE seq = 1",
    )
    .unwrap();
    let said = exits(&kukaku(&["verify", site.dir()]), 4);
    assert!(said.contains("entry 1") && said.contains("was changed"), "{said}");
}

#[test]
fn a_device_signs_in_over_mqtt_while_the_daemon_runs() {
    let site = Site::new();
    let daemon = site.run();
    let made = exits(&kukaku(&["sources", site.dir(), "password", "panel"]), 0);
    assert!(made.contains("taken it over"), "{made}");
    let password = made.lines().find_map(|l| l.strip_prefix("password:")).unwrap().trim().to_owned();
    let mqtt = daemon.mqtt();
    let (host, port) = mqtt.rsplit_once(':').unwrap();
    let message = format!(r#"{{"kind":"source.alive","source":"panel","device_time":"{}"}}"#, ago(1));
    let publish = |password: &str| {
        let output = std::process::Command::new("mosquitto_pub")
            .args(["-V", "5", "-q", "1", "-h", host, "-p", port, "-u", "panel", "-P", password])
            .args(["-t", "kukaku/v1/panel/alive", "-m", &message])
            .output()
            .unwrap();
        output.status.success()
    };
    // The listener is made anew with the new user; until then the port is closed or knows nobody.
    let deadline = std::time::Instant::now() + crate::house::PATIENCE;
    while !publish(&password) {
        assert!(std::time::Instant::now() < deadline, "the new password was never taken");
    }
    assert!(!publish("wrong-password-123"));
    assert!(daemon.stop().0.success());
    assert_eq!(site.journal().iter().filter(|kind| *kind == "source.alive").count(), 1);
}

#[test]
fn registers_are_taken_in_while_the_daemon_runs_and_the_same_again_changes_nothing() {
    let site = Site::new();
    let daemon = site.run();
    let toml = format!("{}[[source]]\nid = \"nvr-1\"\n", crate::house::REGISTERS);
    let file = site.folder.write("more.toml", toml);
    let before = site.journal();
    let said = exits(&kukaku(&["registers", site.dir(), "import", text(&file), "--dry-run"]), 0);
    assert!(said.contains("new source nvr-1") && said.contains("nothing was changed"), "{said}");
    assert_eq!(site.journal(), before);
    let said = exits(&kukaku(&["registers", site.dir(), "import", text(&file), "--reason", "new recorder"]), 0);
    assert!(said.contains("1 entries new"), "{said}");
    let said = exits(&kukaku(&["registers", site.dir(), "import", text(&file)]), 0);
    assert!(said.contains("nothing changed"), "{said}");
    assert!(exits(&kukaku(&["registers", site.dir(), "export"]), 0).contains("nvr-1"));
    assert!(daemon.stop().0.success());
}

#[test]
fn a_mistake_in_registers_is_told_with_its_line_and_changes_nothing() {
    let site = Site::new();
    let file =
        site.folder.write("bad.toml", "[site]\nid = \"s\"\nname = \"n\"\n[[zone]]\nid = \"z\"\nnmae = \"typo\"\n");
    let before = site.journal();
    let said = exits(&kukaku(&["registers", site.dir(), "import", text(&file)]), 2);
    assert!(said.contains("bad.toml, line 6") && said.contains("nmae"), "{said}");
    assert_eq!(site.journal(), before);
}
