//! What gateways say over syslog and RADIUS becomes sessions, judged like any other.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use kukaku_schema::FindingKind;
use kukaku_store::query::{FindingFilter, SessionFilter, SessionRow, findings, sessions};

use crate::house::{PATIENCE, Site, exits, kukaku, kukaku_told, text};

/// A port that nobody uses now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until a port takes connections: its room opens it after the program says that it is ready.
fn wait_for_port(port: u16) -> TcpStream {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
            return stream;
        }
        assert!(std::time::Instant::now() < deadline, "the port never opens");
    }
}

/// The sessions, once there are so many that have ended.
pub fn sessions_of(site: &Site, ended: usize) -> Vec<SessionRow> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
        let all = sessions(&conn, &SessionFilter::default(), None, 100).unwrap().rows;
        let have = all.iter().filter(|session| session.end != kukaku_core::SessionEnd::Open).count();
        if have >= ended {
            return all;
        }
        assert!(std::time::Instant::now() < deadline, "{have} of {ended} sessions have ended: {all:#?}");
    }
}

/// Two lines of a FortiGate, written by a real `logger`, are a session; a failed sign-in is none.
#[test]
fn a_gateways_log_over_tcp_becomes_a_session_and_most_lines_are_none() {
    let site = Site::new();
    let port = free_port();
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[syslog]]\nlisten = \"tcp://127.0.0.1:{port}\"\n\
         [[syslog.source]]\nname = \"vpn-1\"\nfrom = [\"127.0.0.1\"]\ndialect = \"fortigate\"\n"
    ));
    let daemon = site.run();
    drop(wait_for_port(port));
    let now = kukaku::clock::now().0 / 1_000_000;
    let line = |at: i64, more: &str| {
        format!(
            "date=2026-01-01 time=09:00:00 eventtime={at}000000000 tz=\"+0900\" logid=\"0101039947\" type=\"event\" subtype=\"vpn\" level=\"information\" vd=\"root\" {more}"
        )
    };
    let said = [
        line(
            now - 50,
            "logdesc=\"SSL VPN login fail\" action=\"ssl-login-fail\" tunneltype=\"ssl-web\" tunnelid=0 remip=198.51.100.66 user=\"root\" reason=\"sslvpn_login_unknown_user\" msg=\"SSL user failed to logged in\"",
        ),
        line(
            now - 40,
            "logdesc=\"SSL VPN tunnel up\" action=\"tunnel-up\" tunneltype=\"ssl-tunnel\" tunnelid=4242 remip=192.0.2.11 tunnelip=10.9.0.7 user=\"tmk-a01\" msg=\"SSL tunnel established\"",
        ),
        line(now - 30, "logdesc=\"Traffic\" action=\"accept\" msg=\"nothing to see\""),
        line(
            now - 20,
            "logdesc=\"SSL VPN tunnel down\" action=\"tunnel-down\" tunneltype=\"ssl-tunnel\" tunnelid=4242 remip=192.0.2.11 tunnelip=10.9.0.7 user=\"tmk-a01\" duration=20 msg=\"SSL tunnel shutdown\"",
        ),
    ];
    for line in said {
        let sent = Command::new("logger")
            .args([
                "--rfc5424",
                "-T",
                "--octet-count",
                "-n",
                "127.0.0.1",
                "-P",
                &port.to_string(),
                "-t",
                "fgt",
                "--",
                &line,
            ])
            .status()
            .unwrap();
        assert!(sent.success());
    }
    let all = sessions_of(&site, 1);
    assert_eq!(all.len(), 1, "{all:#?}");
    let session = &all[0];
    assert_eq!(session.account.as_deref(), Some("tmk-a01"));
    assert_eq!(session.address.as_deref(), Some("192.0.2.11"));
    assert_eq!(session.inner_address.as_deref(), Some("10.9.0.7"));
    assert_eq!(
        (session.start.0, session.end),
        ((now - 40) * 1_000_000, kukaku_core::SessionEnd::Ended(kukaku_schema::UtcMicros((now - 20) * 1_000_000)))
    );
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
}

/// FreeRADIUS' own client accounts for a session, and is answered once it is durable.
#[test]
fn a_session_that_a_nas_accounts_for_is_kept_before_it_is_answered() {
    let site = Site::new();
    let port = free_port();
    let secret = site.dir.join("keys/radius.secret");
    std::fs::write(&secret, "a secret of three NAS\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[radius]\nlisten = \"127.0.0.1:{port}\"\n\
         [[radius.clients]]\nsource = \"vpn-1\"\naddress = \"127.0.0.1\"\nsecret_file = \"keys/radius.secret\"\n"
    ));
    let daemon = site.run();
    let account = |secret: &str, status: &str| {
        let mut client = Command::new("radclient")
            .args(["-r", "1", "-t", "5", &format!("127.0.0.1:{port}"), "acct", secret])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let request = format!(
            "Acct-Status-Type = {status}\nAcct-Session-Id = \"0000A1\"\nUser-Name = \"tmk-a01\"\n\
             NAS-IP-Address = 192.0.2.1\nCalling-Station-Id = \"192.0.2.11\"\nFramed-IP-Address = 10.9.0.7\n"
        );
        client.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
        client.wait_with_output().unwrap().status.success()
    };
    // The room opens its port after the program says that it is ready.
    let deadline = std::time::Instant::now() + PATIENCE;
    while !account("a secret of three NAS", "Start") {
        assert!(std::time::Instant::now() < deadline, "a start was never answered");
    }
    assert!(site.journal().iter().any(|kind| kind == "session.started"), "answered before it was durable");
    assert!(!account("another secret", "Stop"), "a stranger is not answered");
    assert!(account("a secret of three NAS", "Stop"));
    let all = sessions_of(&site, 1);
    assert_eq!((all.len(), all[0].account.as_deref()), (1, Some("tmk-a01")), "{all:#?}");
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
}

#[test]
fn the_check_names_a_source_that_anybody_could_pretend_to_be() {
    let site = Site::new();
    let port = free_port();
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[syslog]]\nlisten = \"udp://127.0.0.1:{port}\"\n\
         [[syslog.source]]\nname = \"vpn-1\"\nfrom = [\"127.0.0.1\"]\ndialect = \"yamaha-rtx\"\n"
    ));
    let said = exits(&kukaku(&["check", site.dir()]), 1);
    assert!(said.contains("anybody on the network can pretend to be \"vpn-1\""), "{said}");
    let unknown = std::fs::read_to_string(site.dir.join("kukaku.toml")).unwrap().replace("yamaha-rtx", "yamaha");
    site.configure(&unknown);
    let said = exits(&kukaku(&["check", site.dir()]), 2);
    assert!(said.contains("\"yamaha\" is no dialect") && said.contains("yamaha-rtx"), "{said}");
}

#[test]
fn a_mapping_is_tried_before_it_is_trusted() {
    let listed = exits(&kukaku(&["mapping", "list"]), 0);
    assert!(listed.contains("yamaha-rtx") && listed.contains("fortigate"), "{listed}");
    // A shipped dialect, copied, is a file that works.
    let site = Site::new();
    let copy = site.folder.write("mine.toml", exits(&kukaku(&["mapping", "show", "sshd"]), 0));
    let log = "Nov 22 09:00:00 jump sshd[4711]: Accepted password for tanaka from 192.0.2.11 port 50022 ssh2\n\
               Nov 22 09:00:01 jump sshd[4712]: Failed password for root from 198.51.100.66 port 41234 ssh2\n\
               Nov 22 09:30:00 jump sshd[4711]: Disconnected from user tanaka 192.0.2.11 port 50022\n";
    let said = exits(&kukaku_told(&["mapping", "try", text(&copy), "-"], log), 0);
    assert!(said.contains("session.started") && said.contains("session.ended") && said.contains("tanaka"), "{said}");
    assert!(!said.contains("198.51.100.66"), "a failed sign-in opens nothing: {said}");
    assert!(said.contains("3 lines: 2 sessions"), "{said}");
    let wrong = site
        .folder
        .write("wrong.toml", "[log]\nname = \"x\"\n[[rule]]\nname = \"y\"\nregex = '('\nemit = \"started\"\n");
    let said = exits(&kukaku_told(&["mapping", "try", text(&wrong), "-"], log), 2);
    assert!(said.contains("wrong.toml") && said.contains("line"), "{said}");
}

/// What winlogbeat sends of a server's sign-ins, over TCP as NXLog does it.
#[test]
fn a_windows_server_says_who_came_and_went() {
    let site = Site::new();
    let port = free_port();
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[syslog]]\nlisten = \"tcp://127.0.0.1:{port}\"\n\
         [[syslog.source]]\nname = \"vpn-1\"\nfrom = [\"127.0.0.1\"]\ndialect = \"windows\"\n"
    ));
    let daemon = site.run();
    drop(wait_for_port(port));
    let event = |record: u64, id: u32, seconds: i64, more: &str| {
        let at = crate::house::ago(seconds);
        format!(
            r#"{{"@timestamp":"{at}","event":{{"code":"{id}","provider":"Microsoft-Windows-TerminalServices-LocalSessionManager"}},"winlog":{{"channel":"Microsoft-Windows-TerminalServices-LocalSessionManager/Operational","computer_name":"SV01","event_id":"{id}","record_id":{record},"provider_name":"Microsoft-Windows-TerminalServices-LocalSessionManager","user_data":{{"User":"tmk-a01","SessionID":"3"{more}}}}}}}"#
        )
    };
    let address = r#","Address":"192.0.2.11""#;
    for line in [event(1, 21, 60, address), event(2, 22, 59, address), event(3, 23, 20, "")] {
        let sent = Command::new("logger")
            .args([
                "--rfc5424",
                "-T",
                "--octet-count",
                "--size",
                "8KiB",
                "-n",
                "127.0.0.1",
                "-P",
                &port.to_string(),
                "--",
                &line,
            ])
            .status()
            .unwrap();
        assert!(sent.success());
    }
    let all = sessions_of(&site, 1);
    assert_eq!(all.len(), 1, "21 and 22 are one coming: {all:#?}");
    assert_eq!((all[0].account.as_deref(), all[0].address.as_deref()), (Some("tmk-a01"), Some("192.0.2.11")));
    assert!(daemon.stop().0.success());
}

#[test]
fn event_logs_of_a_server_are_imported_once_and_damage_is_named() {
    let Some(samples) = std::env::var_os("KUKAKU_SAMPLES") else { return };
    let site = Site::new();
    let file =
        std::path::Path::new(&samples).join("sessions/windows-evtx/ID4688-4778 RDP hijack command execution.evtx");
    let import = |file: &std::path::Path| {
        kukaku(&["import", "--store", site.dir(), "--source", "vpn-1", "--user-only", "--evtx", text(file)])
    };
    let said = exits(&import(&file), 0);
    assert!(said.contains(" new in the journal, 0 known already"), "{said}");
    let first = site.journal().iter().filter(|kind| kind.starts_with("session.")).count();
    assert!(first > 0, "the log tells a session");
    let said = exits(&import(&file), 0);
    assert!(said.starts_with("0 new in the journal"), "{said}");
    assert_eq!(site.journal().iter().filter(|kind| kind.starts_with("session.")).count(), first);
    let no_log = site.folder.write("no.evtx", "this is no event log");
    let said = exits(&import(&no_log), 1);
    assert!(said.contains("no.evtx"), "{said}");
}

/// A router's tunnel says that a line is up, never who is on it: whoever has nothing else is told.
#[test]
fn a_site_with_a_tunnel_between_routers_alone_is_told_that_it_names_nobody() {
    let site = Site::new();
    let check = || String::from_utf8(kukaku(&["check", site.dir()]).stdout).unwrap();
    let more = |rows: &str| {
        let file = site.folder.write("more.toml", format!("{}\n{rows}", crate::house::REGISTERS));
        exits(&kukaku(&["registers", site.dir(), "import", text(&file), "--reason", "test"]), 0);
    };
    assert!(!check().contains("tunnel"), "{}", check());
    more("[[source]]\nid = \"rtx\"\nclient = \"tomakomai\"\ntunnel = true\n");
    let said = check();
    assert!(said.contains("PROBLEM") && said.contains("\"rtx\" is a tunnel between routers"), "{said}");
    site.configure(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[syslog]]\nlisten = \"udp://127.0.0.1:0\"\n\
         [[syslog.source]]\nname = \"vpn-1\"\nfrom = [\"127.0.0.1\"]\ndialect = \"windows\"\n",
    );
    assert!(!check().contains("is a tunnel between routers"), "the servers' log names who works: {}", check());
}

/// A log that a gateway posts with nothing but curl; sent again after a power cut, nothing counts twice.
#[test]
fn a_posted_log_becomes_sessions_and_survives_being_sent_again() {
    let site = Site::new();
    site.configure(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[web.log]]\nsource = \"vpn-1\"\ndialect = \"windows\"\n\
         windows = { accounts = \"user\" }\n",
    );
    exits(&kukaku(&["check", site.dir()]), 0);
    let key = site.key("vpn-1");
    let event = |record: u64, id: u32, seconds: i64| {
        let at = crate::house::ago(seconds);
        format!(
            r#"{{"@timestamp":"{at}","winlog":{{"channel":"Microsoft-Windows-TerminalServices-LocalSessionManager/Operational","computer_name":"SV01","event_id":"{id}","record_id":{record},"user_data":{{"User":"EXAMPLE\\tmk-a01","SessionID":"3","Address":"192.0.2.11"}}}}}}"#
        )
    };
    let first = format!("[{},\n{}]", event(1, 21, 60), event(2, 22, 59));
    let file = site.folder.path("events.json");
    let post = |web: &str, body: &str| {
        std::fs::write(&file, body).unwrap();
        let url = format!("http://{web}/api/v1/logs?source=vpn-1");
        let (data, sort) = (format!("@{}", text(&file)), "Content-Type: application/json");
        let posted = Command::new("curl")
            .args(["--silent", "--user", &format!("any:{key}"), "-H", sort, "--data-binary", &data, &url])
            .output()
            .unwrap();
        assert!(posted.status.success());
        String::from_utf8(posted.stdout).unwrap()
    };
    let daemon = site.run();
    let answer = post(&daemon.web(), &first);
    assert!(answer.contains(r#""lines":2,"kept":1,"duplicate":0,"unreadable":0"#), "{answer}");
    // Killed: what was acknowledged is there, and what is sent again is known.
    drop(daemon);
    let daemon = site.run();
    let answer = post(&daemon.web(), &first);
    assert!(answer.contains(r#""lines":2,"kept":0,"duplicate":0,"unreadable":0"#), "{answer}");
    // 40 names the session by its number alone: it is the one from before.
    let left = event(3, 40, 20).replace(
        r#""User":"EXAMPLE\\tmk-a01","SessionID":"3","Address":"192.0.2.11""#,
        r#""Session":"3","Reason":"5""#,
    );
    let answer = post(&daemon.web(), &left);
    assert!(answer.contains(r#""lines":1,"kept":1,"duplicate":0,"unreadable":0"#), "{answer}");
    let answer = post(&daemon.web(), &left);
    assert!(answer.contains(r#""lines":1,"kept":0,"#), "{answer}");
    let all = sessions_of(&site, 1);
    assert_eq!((all.len(), all[0].account.as_deref()), (1, Some("tmk-a01")), "{all:#?}");
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
}

#[test]
fn what_is_wrong_with_a_log_is_said_by_its_key() {
    let site = Site::new();
    let with = |table: &str| {
        site.configure(&format!("[web]\nlisten = \"127.0.0.1:0\"\n{table}"));
        exits(&kukaku(&["check", site.dir()]), 2)
    };
    let said = with("[[web.log]]\nsource = \"vpn-1\"\ndialect = \"sshd\"\nwindows = { role = \"server\" }\n");
    assert!(said.contains("web.log") && said.contains("belongs to dialect = \"windows\""), "{said}");
    let said = with("[[web.log]]\nsource = \"vpn-1\"\ndialect = \"windows\"\nwindows = { role = \"client\" }\n");
    assert!(said.contains("client") && said.contains("terminal"), "{said}");
    let log = "[[web.log]]\nsource = \"vpn-1\"\ndialect = \"sshd\"\n";
    let said = with(&format!("{log}{log}"));
    assert!(said.contains("stands twice"), "{said}");
}

/// A YAMAHA router whose clock was never set says 1980: both times are kept, and it is found.
#[test]
fn a_clock_of_1980_is_kept_as_it_is_and_found() {
    let site = Site::new();
    let port = free_port();
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[syslog]]\nlisten = \"tcp://127.0.0.1:{port}\"\n\
         [[syslog.source]]\nname = \"vpn-1\"\nfrom = [\"127.0.0.1\"]\ndialect = \"yamaha-rtx\"\n"
    ));
    let daemon = site.run();
    let mut router = wait_for_port(port);
    let said = "<134>1980/01/01 09:02:49: [L2TP] TUNNEL[3] connected from 203.0.113.9\n\
                <134>1980/01/01 09:02:50: PP[ANONYMOUS02] Call detected from user 'tmk-a01'\n";
    router.write_all(said.as_bytes()).unwrap();
    site.wait_for("session.started");
    let device = kukaku_schema::UtcMicros::parse_rfc3339("1980-01-01T09:02:50+09:00").unwrap();
    let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
    let source = kukaku_store::query::sources(&conn).unwrap().into_iter().find(|row| row.source == "vpn-1").unwrap();
    assert_eq!(source.device_time, Some(device), "what the clock said");
    assert!(kukaku::clock::now().since(source.last_at).0 < 60_000_000, "and when it was kept");
    let findings = || {
        let filter = FindingFilter { kind: Some(FindingKind::ClockSkew), ..FindingFilter::default() };
        findings(&conn, &filter, None, 10).unwrap().rows
    };
    let deadline = std::time::Instant::now() + PATIENCE;
    while findings().is_empty() {
        assert!(std::time::Instant::now() < deadline, "a clock of 1980 is no finding");
    }
    assert_eq!(findings()[0].subject("source"), Some("vpn-1"));
    // What such a clock says is no proof that the source was heard in those years.
    let all = kukaku_schema::Span::new(kukaku_schema::UtcMicros::MIN, kukaku_schema::UtcMicros::MAX);
    let gaps = kukaku_store::query::session_source_gaps(&conn, &["vpn-1".to_owned()], all).unwrap();
    assert!(gaps[0].span.end >= source.first_at, "{gaps:?}");
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
}
