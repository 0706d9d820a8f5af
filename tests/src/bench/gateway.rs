//! A gateway's log to durable and evaluated: over TCP as fast as it can be sent, and a burst of
//! datagrams.
//!
//! Of the lines over TCP one in fifty begins or ends a session, as a busy gateway's log has them.
//! Every datagram of the burst begins one, so that each one that is lost is missed.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::site::{Site, free_port};

const LINES: u32 = 400_000;
const ONE_IN: u32 = 50;
const BURST: u32 = 5_000;
const ACCOUNTS: u32 = 200;
const ROUNDS: u32 = 3;
/// Longest that the lines may take: something is wrong beyond.
const WAIT: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);

fn registers() -> String {
    let mut text = String::from(
        "[site]\nid = \"bench\"\nname = \"Bench\"\n[[zone]]\nid = \"z\"\nname = \"Z\"\n[[client]]\nid = \"c\"\nname = \"C\"\nwork_orders = false\n\
         [[source]]\nid = \"vpn\"\n",
    );
    for n in 0..ACCOUNTS {
        text += &format!(
            "[[operator]]\nid = \"o{n}\"\nname = \"O{n}\"\nclients = [\"c\"]\n[[account]]\nid = \"a{n}\"\noperator = \"o{n}\"\nclient = \"c\"\n\
             [[terminal]]\nid = \"t{n}\"\nzone = \"z\"\naddresses = [\"{}\"]\n",
            address(n)
        );
    }
    text
}

fn address(account: u32) -> String {
    format!("192.0.{}.{}", account / 200, account % 200 + 1)
}

/// A line of FortiGate's: `number` begins the session of that number (even) or ends it (odd).
fn event(number: u32, at: u64) -> String {
    let (session, action) = (number / 2, if number.is_multiple_of(2) { "tunnel-up" } else { "tunnel-down" });
    let account = session % ACCOUNTS;
    // Sessions of one account follow each other.
    let at = at - 3000 + u64::from(session / ACCOUNTS) * 10 + u64::from(number % 2) * 5;
    format!(
        "<134>date=2026-01-01 time=09:00:00 eventtime={at}000000000 tz=\"+0900\" type=\"event\" subtype=\"vpn\" vd=\"root\" \
         logdesc=\"SSL VPN\" action=\"{action}\" tunneltype=\"ssl-tunnel\" tunnelid={session} remip={} tunnelip=10.9.0.7 \
         user=\"a{account}\"\n",
        address(account)
    )
}

fn noise(at: u64) -> String {
    format!(
        "<134>date=2026-01-01 time=09:00:00 eventtime={at}000000000 tz=\"+0900\" type=\"traffic\" subtype=\"forward\" \
         action=\"accept\" srcip=10.9.0.7 dstip=10.1.2.3 service=\"HTTPS\" sentbyte=1200 rcvdbyte=5400\n"
    )
}

/// Waits until the store has so many sessions with a verdict; returns how many it has.
fn judged(store: &rusqlite::Connection, wanted: u32, patience: Duration) -> Result<u32, String> {
    let began = Instant::now();
    loop {
        let count: u32 = store
            .query_row("SELECT count(*) FROM session WHERE verdict IS NOT NULL", [], |row| row.get(0))
            .map_err(|e| format!("count the sessions: {e}"))?;
        if count >= wanted || began.elapsed() > patience {
            return Ok(count);
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Measures both.
///
/// # Errors
/// A program fails, or lines don't become sessions.
pub fn measure() -> Result<(), String> {
    let site = Site::new("gateway", &registers())?;
    let (tcp, udp) = (free_port()?, free_port()?);
    site.configure(&format!(
        "\n[[syslog]]\nlisten = \"tcp://127.0.0.1:{tcp}\"\n[[syslog.source]]\nname = \"vpn\"\nfrom = [\"127.0.0.1\"]\ndialect = \"fortigate\"\n\
         [[syslog]]\nlisten = \"udp://127.0.0.1:{udp}\"\n[[syslog.source]]\nname = \"vpn\"\nfrom = [\"127.0.0.1\"]\ndialect = \"fortigate\"\n"
    ))?;
    let (daemon, _) = site.start()?;
    let store = kukaku_store::read_only(&Path::new(&site.dir()).join("store.db")).map_err(|e| e.to_string())?;
    let broken = |e: std::io::Error| format!("send as a gateway: {e}");
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let (mut events, mut sessions) = (0, 0);
    for round in 1..=ROUNDS {
        let mut text = String::new();
        for line in 0..LINES {
            if line.is_multiple_of(ONE_IN) {
                text += &event(events, now);
                events += 1;
            } else {
                text += &noise(now);
            }
        }
        let began = Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", tcp)).map_err(broken)?;
        stream.write_all(text.as_bytes()).map_err(broken)?;
        drop(stream);
        let sent = began.elapsed().as_secs_f64();
        sessions = judged(&store, events / 2, WAIT)?;
        if sessions < events / 2 {
            return Err(format!("{sessions} sessions of {} after {WAIT:?}", events / 2));
        }
        let took = began.elapsed().as_secs_f64();
        println!(
            "gateway {round}         {:.0} lines/s to durable and judged (wanted: 20000), taken in {sent:.1} s, judged after {took:.1} s",
            f64::from(LINES) / took
        );
    }
    let socket = UdpSocket::bind(("127.0.0.1", 0)).map_err(broken)?;
    for n in 0..BURST {
        let line = event(events + 2 * n, now);
        socket.send_to(line.trim_end().as_bytes(), ("127.0.0.1", udp)).map_err(broken)?;
    }
    let came = judged(&store, sessions + BURST, Duration::from_secs(20))? - sessions;
    println!(
        "datagrams         {came} of a burst of {BURST} (wanted: all, with net.core.rmem_max as `kukaku check` asks)"
    );
    println!("memory            {:.0} MB after all of it", daemon.memory_mb()?);
    Ok(())
}
