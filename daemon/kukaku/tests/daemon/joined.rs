//! A line and the desktop behind it, told by two sources, are one session everywhere.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use kukaku_core::Link;
use kukaku_store::query::{SessionFilter, session_at, session_parts, session_sources, sessions};

use crate::house::{PATIENCE, Site, ago, exits, kukaku};

#[test]
fn a_gateway_and_the_server_behind_it_tell_of_one_session() {
    let site = Site::new();
    let [gateway, server] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = [&gateway, &server].map(|free| free.local_addr().unwrap().port());
    drop((gateway, server));
    let line = |port, name, dialect| {
        format!(
            "[[syslog]]\nlisten = \"tcp://127.0.0.1:{port}\"\n[[syslog.source]]\nname = \"{name}\"\n\
             from = [\"127.0.0.1\"]\ndialect = \"{dialect}\"\n"
        )
    };
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n{}{}",
        line(ports[0], "vpn-1", "fortigate"),
        line(ports[1], "srv-1", "windows")
    ));
    let daemon = site.run();
    let now = kukaku::clock::now().0 / 1_000_000;
    let tunnel = |at: i64, action: &str| {
        format!(
            "<134>1 - fgt - - - - date=2026-01-01 time=09:00:00 eventtime={at}000000000 tz=\"+0900\" type=\"event\" \
             subtype=\"vpn\" vd=\"root\" logdesc=\"SSL VPN tunnel\" action=\"{action}\" tunneltype=\"ssl-tunnel\" \
             tunnelid=4242 remip=192.0.2.11 tunnelip=10.9.0.7 user=\"tmk-a01\" duration=20\n"
        )
    };
    let desktop = |record: u64, id: u32, seconds: i64, more: &str| {
        let at = ago(seconds);
        let channel = "Microsoft-Windows-TerminalServices-LocalSessionManager";
        format!(
            "<134>1 - SV01 - - - - {{\"@timestamp\":\"{at}\",\"winlog\":{{\"channel\":\"{channel}/Operational\",\
             \"computer_name\":\"SV01\",\"event_id\":\"{id}\",\"record_id\":{record},\"provider_name\":\"{channel}\",\
             \"user_data\":{{\"User\":\"tmk-a01\",\"SessionID\":\"3\"{more}}}}}}}\n"
        )
    };
    let tell = |port: u16, lines: &[String]| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        lines.iter().for_each(|line| stream.write_all(line.as_bytes()).unwrap());
    };
    // The server is heard first: what it told of is a session of its own until the line is known.
    let address = ",\"Address\":\"10.9.0.7\"";
    tell(ports[1], &[desktop(1, 21, 50, address), desktop(2, 22, 50, address), desktop(3, 23, 15, "")]);
    let deadline = std::time::Instant::now() + PATIENCE;
    let listed = || {
        let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
        sessions(&conn, &SessionFilter::default(), None, 100).unwrap().rows
    };
    while listed().iter().all(|session| session.end == kukaku_core::SessionEnd::Open) {
        assert!(std::time::Instant::now() < deadline, "{:?}", listed());
    }
    tell(ports[0], &[tunnel(now - 60, "tunnel-up"), tunnel(now - 20, "tunnel-down")]);
    let whole = loop {
        let all = listed();
        let proven = all.first().is_some_and(|first| first.proofs.len() == 4);
        let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
        let parts = all.first().map_or_else(Vec::new, |first| session_parts(&conn, first.id).unwrap());
        let ended = parts.iter().all(|part| part.end != kukaku_core::SessionEnd::Open);
        if all.len() == 1 && parts.len() == 2 && ended && proven {
            break all.into_iter().next().unwrap();
        }
        assert!(std::time::Instant::now() < deadline, "{all:?} {parts:?}");
    };
    assert_eq!(whole.source, "vpn-1", "the line began first");
    assert_eq!(whole.start.0, (now - 60) * 1_000_000, "the earliest start");
    let shown = || {
        let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
        let parts = session_parts(&conn, whole.id).unwrap();
        assert!(parts.iter().all(|part| part.link == Link::Line), "{parts:?}");
        assert_eq!(parts.iter().map(|part| part.source.as_str()).collect::<Vec<_>>(), ["vpn-1", "srv-1"]);
        // Whoever asks for the server's record is led to the session.
        let found = session_at(&conn, "srv-1", &parts[1].session, kukaku::clock::now()).unwrap().unwrap();
        assert_eq!((found.id, found.gone), (whole.id, false));
        assert_eq!(session_sources(&conn).unwrap(), ["srv-1", "vpn-1"]);
        let filter = SessionFilter { source: Some("srv-1".to_owned()), ..SessionFilter::default() };
        assert_eq!(sessions(&conn, &filter, None, 10).unwrap().rows.len(), 1);
        parts
    };
    let parts = shown();
    assert!(daemon.stop().0.success());
    // After a restart nothing else is said, and the journal still proves it.
    let journal = site.journal();
    let daemon = site.run();
    assert_eq!(shown(), parts);
    assert!(daemon.stop().0.success());
    let revisions = |of: &[String]| of.iter().filter(|kind| *kind == "revision").count();
    assert_eq!(revisions(&site.journal()), revisions(&journal));
    exits(&kukaku(&["verify", site.dir()]), 0);
    exits(&kukaku(&["replay", "--store", site.dir()]), 0);
}
