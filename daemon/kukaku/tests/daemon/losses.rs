//! Datagrams: a burst is not lost, and what is lost is a gap that every list of sessions shows.

use std::net::UdpSocket;

use kukaku_core::SessionEnd;
use kukaku_schema::{Span, UtcMicros};
use kukaku_store::query::{SessionFilter, SourceGap, SourceGapCause, session_source_gaps, sessions};

use crate::house::{PATIENCE, Site, exits, kukaku};

/// So many datagrams a burst has.
const BURST: u32 = 5_000;
/// One in so many lines speaks of a session.
const SAYS: u32 = 50;

/// A site with a port for datagrams, which has `room` bytes in the kernel; and that port.
fn site(room: usize) -> (Site, u16) {
    let site = Site::new();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[syslog]]\nlisten = \"udp://127.0.0.1:{port}\"\nreceive_buffer = {room}\n\
         [[syslog.source]]\nname = \"vpn-1\"\nfrom = [\"127.0.0.1\"]\ndialect = \"sshd\"\n"
    ));
    (site, port)
}

/// As fast as the loopback takes them: lines of which one in so many is a sign-in.
fn burst(port: u16, one_in: u32) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    let now = crate::house::ago(30);
    for n in 0..BURST {
        let said = if n % one_in == 0 {
            format!("Accepted password for tmk-a01 from 192.0.2.11 port {} ssh2", n + 1)
        } else {
            format!(
                "Received disconnect from 198.51.100.66 port {}:11: Bye Bye, with the usual length of a line",
                n + 1
            )
        };
        let line = format!("<38>1 {now} jump sshd {n} - - {said}");
        socket.send(line.as_bytes()).unwrap();
    }
}

fn gaps(site: &Site) -> Vec<SourceGap> {
    let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
    let gaps = session_source_gaps(&conn, &["vpn-1".to_owned()], Span::new(UtcMicros::MIN, UtcMicros::MAX)).unwrap();
    gaps.into_iter().filter(|gap| gap.cause == SourceGapCause::Lost).collect()
}

fn open_sessions(site: &Site) -> usize {
    let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
    let all = sessions(&conn, &SessionFilter::default(), None, 1_000).unwrap().rows;
    all.iter().filter(|session| session.end == SessionEnd::Open).count()
}

/// Waits until the port is open: its room opens it after the program says that it is ready.
fn wait_for_port(port: u16) {
    let wanted = format!(" 0100007F:{port:04X} ");
    let deadline = std::time::Instant::now() + PATIENCE;
    while !std::fs::read_to_string("/proc/net/udp").unwrap().contains(&wanted) {
        assert!(std::time::Instant::now() < deadline, "the port never opens");
    }
}

#[test]
fn a_burst_of_5000_datagrams_loses_none_or_says_so() {
    let (site, port) = site(8 * 1024 * 1024);
    let daemon = site.run();
    wait_for_port(port);
    burst(port, SAYS);
    let wanted = (BURST / SAYS) as usize;
    let deadline = std::time::Instant::now() + PATIENCE;
    while open_sessions(&site) < wanted && gaps(&site).is_empty() {
        assert!(std::time::Instant::now() < deadline, "{} of {wanted}, and no gap", open_sessions(&site));
    }
    // With the room that `kukaku check` demands nothing is lost.
    let has_room = !exits(&kukaku(&["status", site.dir()]), 0).contains("net.core.rmem_max");
    assert!(!has_room || gaps(&site).is_empty(), "{:?}", gaps(&site));
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
}

#[test]
fn what_the_kernel_drops_is_a_gap_that_the_list_of_sessions_shows() {
    // As little room as the kernel gives.
    let (site, port) = site(1);
    let made = exits(&kukaku(&["sources", site.dir(), "key", "add", "vpn-1", "--may-read"]), 0);
    let key = made[made.find("kk_").unwrap()..].split_whitespace().next().unwrap().to_owned();
    let daemon = site.run();
    wait_for_port(port);
    let before = kukaku::clock::now();
    let deadline = std::time::Instant::now() + PATIENCE;
    while gaps(&site).is_empty() {
        burst(port, BURST);
        assert!(std::time::Instant::now() < deadline, "none was lost");
    }
    let gap = gaps(&site).remove(0);
    let second = 1_000_000;
    assert!(gap.span.start.0 > before.0 - 2 * second && gap.span.start < gap.span.end, "{gap:?} {before}");
    assert!(gap.span.end <= kukaku::clock::now());
    assert!(site.journal().iter().any(|kind| kind == "source.gap"));
    // As the manager sees it.
    let url = format!("http://{}/api/v1/sessions", daemon.web());
    let mut answer = ureq::get(&url).header("Authorization", &format!("Bearer {key}")).call().unwrap();
    let list = answer.body_mut().read_to_string().unwrap();
    assert!(list.contains(r#""cause":"lost""#), "{list}");
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
    // What was found is found again by whoever judges the journal anew.
    exits(&kukaku(&["replay", "--store", site.dir()]), 0);
}
