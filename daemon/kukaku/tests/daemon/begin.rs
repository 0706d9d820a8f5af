//! `init`, `check`, `users`, `certificates`: before anything runs.

use std::os::unix::fs::PermissionsExt as _;

use crate::house::{Folder, Site, exits, kukaku, kukaku_told, text};

#[test]
fn an_installation_is_whole_and_its_keys_are_its_owners_alone() {
    let folder = Folder::new();
    let dir = folder.path("deep/kukaku");
    let said = exits(&kukaku(&["init", text(&dir), "--lang", "en"]), 0);
    assert!(said.contains("one-time password:"), "{said}");
    for (name, mode) in [
        (".", 0o700),
        ("keys", 0o700),
        ("keys/checkpoint.key", 0o600),
        ("tls/ca.key", 0o600),
        ("tls/server.key", 0o600),
        ("tls/server.pem", 0o644),
    ] {
        let found = std::fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name} has mode {found:o}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path("deep")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["kukaku"], "nothing half made stays beside it");
    exits(&kukaku(&["verify", text(&dir)]), 0);
    exits(&kukaku(&["replay", "--store", text(&dir)]), 0);
}

#[test]
fn a_folder_that_holds_something_is_left_alone_and_an_empty_one_is_taken() {
    let folder = Folder::new();
    let dir = folder.path("kukaku");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("thesis.txt"), "precious").unwrap();
    let said = exits(&kukaku(&["init", text(&dir)]), 2);
    assert!(said.contains("not empty") && said.contains(text(&dir)), "{said}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    std::fs::remove_file(dir.join("thesis.txt")).unwrap();
    // What an init that lost its power left behind is no obstacle.
    std::fs::create_dir(dir.join(".init.part")).unwrap();
    exits(&kukaku(&["init", text(&dir)]), 0);
    assert!(!dir.join(".init.part").exists());
    exits(&kukaku(&["status", text(&dir)]), 0);
}

#[test]
fn registers_with_a_mistake_leave_no_installation_behind() {
    let folder = Folder::new();
    let registers = folder.write(
        "site.toml",
        "[site]\nid = \"s\"\nname = \"n\"\n[[door]]\nid = \"d\"\nouter = \"outside\"\ninner = \"nowhere\"\n",
    );
    let dir = folder.path("kukaku");
    let said = exits(&kukaku(&["init", text(&dir), "--registers", text(&registers)]), 2);
    assert!(said.contains("site.toml, line 7") && said.contains("nowhere"), "{said}");
    assert!(!dir.exists());
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
fn a_request_for_the_customers_ca_makes_no_ca() {
    let folder = Folder::new();
    let dir = folder.path("kukaku");
    exits(&kukaku(&["init", text(&dir), "--csr", "--name", "kukaku.example.jp"]), 0);
    assert!(dir.join("tls/server.csr").exists() && dir.join("tls/server.key").exists());
    assert!(!dir.join("tls/ca.pem").exists() && !dir.join("tls/server.pem").exists());
    let said = exits(&kukaku(&["certificates", "renew", text(&dir)]), 1);
    assert!(said.contains("certificates request"), "{said}");
}

#[test]
fn a_renewed_certificate_keeps_its_names_and_its_ca() {
    let folder = Folder::new();
    let dir = folder.path("kukaku");
    exits(&kukaku(&["init", text(&dir), "--name", "kukaku.example.jp", "--name", "192.0.2.7"]), 0);
    let (ca, before) =
        (std::fs::read(dir.join("tls/ca.pem")).unwrap(), std::fs::read(dir.join("tls/server.pem")).unwrap());
    let said = exits(&kukaku(&["certificates", "renew", text(&dir)]), 0);
    assert!(said.contains("kukaku.example.jp, 192.0.2.7"), "{said}");
    assert_eq!(std::fs::read(dir.join("tls/ca.pem")).unwrap(), ca);
    assert_ne!(std::fs::read(dir.join("tls/server.pem")).unwrap(), before);
    assert!(exits(&kukaku(&["certificates", "show", text(&dir)]), 0).contains("192.0.2.7"));
}

#[test]
fn check_names_what_has_to_be_repaired() {
    let site = Site::new();
    exits(&kukaku(&["check", site.dir()]), 0);
    let key = site.dir.join("keys/checkpoint.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let weak = site.folder.secret("hook.key", "changeme\n");
    site.configure(&format!(
        "free_disk_mib = 999999999\n[web]\nlisten = \"127.0.0.1:0\"\n[[alerts.webhook]]\nid = \"hook\"\n\
         url = \"http://127.0.0.1:9/\"\nkey_file = \"{}\"\n",
        text(&weak)
    ));
    let said = exits(&kukaku(&["check", site.dir()]), 1);
    for part in ["chmod 600", "changeme", "free_disk_mib"] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    // The daemon refuses secrets that are none.
    let said = exits(&kukaku(&["run", site.dir()]), 2);
    assert!(said.contains("hook.key") || said.contains("checkpoint.key"), "{said}");
}

#[test]
fn check_names_the_port_that_somebody_else_holds_and_its_key() {
    let site = Site::new();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    site.configure(&format!("[web]\nlisten = \"127.0.0.1:{port}\"\n"));
    let before = site.journal();
    for command in [["check", site.dir()], ["run", site.dir()]] {
        let output = kukaku(&command);
        let said = exits(&output, if command[0] == "run" { 5 } else { 1 });
        assert!(said.contains(&format!("port {port} is in use")) && said.contains("`web.listen`"), "{said}");
    }
    assert_eq!(site.journal(), before, "a start that fails leaves no trace in the journal");
}

#[test]
fn users_are_made_listed_disabled_and_reset() {
    let site = Site::new();
    exits(&kukaku(&["users", site.dir(), "add", "hanako"]), 0);
    assert!(exits(&kukaku(&["users", site.dir(), "add", "hanako"]), 1).contains("exists already"));
    exits(&kukaku(&["users", site.dir(), "disable", "hanako"]), 0);
    let listed = exits(&kukaku(&["users", site.dir(), "list"]), 0);
    assert!(listed.lines().any(|l| l.starts_with("hanako") && l.contains("disabled")), "{listed}");
    assert!(exits(&kukaku(&["users", site.dir(), "reset", "hanako"]), 0).contains("one-time password"));
    assert!(exits(&kukaku(&["users", site.dir(), "reset", "nobody"]), 1).contains("nobody"));
}

#[test]
fn a_sample_password_for_a_device_is_refused() {
    let site = Site::new();
    let said = exits(&kukaku_told(&["sources", site.dir(), "password", "panel", "--stdin"], "kukaku1234\n"), 1);
    assert!(said.contains("will not do"), "{said}");
    assert!(!site.dir.join("keys/mqtt-passwords").exists());
    let said = exits(&kukaku(&["sources", site.dir(), "password", "panle"]), 0);
    assert!(said.contains("not in the registers"), "{said}");
}

#[test]
fn help_lists_the_exit_codes() {
    let said = exits(&kukaku(&["--help"]), 0);
    for code in ["0  done", "3  the store is missing", "5  an address"] {
        assert!(said.contains(code), "{said}");
    }
    exits(&kukaku(&["no-such-command"]), 2);
}

#[test]
fn check_says_what_a_new_site_still_lacks() {
    let registers =
        crate::house::REGISTERS.replace("direction = \"entry\"", "direction = \"entry\"\nsource = \"panel\"");
    let site = Site::with_registers(&registers, "");
    let check = || exits(&kukaku(&["check", site.dir()]), 0);
    let said = check();
    assert!(said.contains("note     sources: panel read doors without saying how often"), "{said}");
    assert!(said.contains("nothing was ever heard of panel, vpn-1"), "{said}");
    let daemon = site.run();
    let at = crate::house::ago(1);
    let key = site.key("vpn-1");
    daemon.post(&key, &format!("{{\"kind\":\"source.alive\",\"source\":\"vpn-1\",\"device_time\":\"{at}\"}}\n"));
    assert!(check().contains("nothing was ever heard of panel;"), "{}", check());
    assert!(daemon.stop().0.success());
}
