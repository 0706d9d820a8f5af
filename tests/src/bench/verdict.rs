//! From the instant at which an absence can be judged to the alert in the outbox and on a page.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kukaku_schema::UtcMicros;
use kukaku_store::users::{Scope, Users};

use super::history::registers;
use super::site::Site;
use crate::mqtt_load::{Load, run};

/// One after the other, each of an operator of its own.
const SESSIONS: u64 = 20;
const GRACE_US: i64 = 1_000_000;
const SETTLE_US: i64 = 1_000_000;
const POLICY: &str = "[policy]\ngrace_before = \"1s\"\nsettle = \"1s\"\n";
const ALERTS: &str = "\n[[alerts.mail]]\nid = \"mail\"\nserver = \"127.0.0.1:9\"\nfrom = \"kukaku@example.jp\"\n\
                      to = [\"duty@example.jp\"]\n[[alerts.rule]]\nto = [\"mail\"]\nmin_severity = \"medium\"\n";
const PASSWORD: &str = "bench-vpn-password-1";
/// Longest wait for one alert: one that takes longer is a failure.
const WAIT: Duration = Duration::from_secs(10);
/// How finely the outbox is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Begins a session of somebody who was never read at a door; returns its start.
fn begin_session(site: &Site, number: u64) -> Result<i64, String> {
    let load = Load {
        address: ([127, 0, 0, 1], site.mqtt).into(),
        client_id: "bench".to_owned(),
        user: "vpn".to_owned(),
        password: PASSWORD.to_owned(),
        topic: "kukaku/v1/vpn/sessions".to_owned(),
        messages: 1,
        in_flight: 1,
    };
    let mut start = 0;
    let message = |_| {
        start = now_us();
        let time = UtcMicros(start).to_rfc3339_utc();
        format!(
            r#"{{"kind":"session.started","source":"vpn","device_time":"{time}","session":"s{number}","account":"P{number:04}","terminal":"T00"}}"#
        )
        .into_bytes()
    };
    run(&load, message).map_err(|e| format!("begin a session: {e}"))?;
    Ok(start)
}

/// The instants at which a signed-in page hears that findings changed.
fn listen(site: &Site) -> Result<Receiver<i64>, String> {
    let store = Path::new(&site.dir()).join("store.db");
    let users = Users::open(&store).map_err(|e| format!("open the users: {e}"))?;
    let now = UtcMicros(now_us());
    let named = |e: kukaku_store::users::UsersError| format!("sign in: {e}");
    users.create_with_password("page", "Long-enough-4-us!", now).map_err(named)?;
    let user = users.list().map_err(named)?.into_iter().find(|user| user.name == "page").ok_or("no user")?;
    let cookie = users.open_session(&user, Scope::Full, "127.0.0.1", now).map_err(named)?;
    let broken = |e: std::io::Error| format!("listen as a page: {e}");
    let mut stream = TcpStream::connect(("127.0.0.1", site.web)).map_err(broken)?;
    write!(stream, "GET /live HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nCookie: __Host-kukaku={cookie}\r\n\r\n", site.web)
        .map_err(broken)?;
    let mut lines = BufReader::new(stream).lines();
    let status = lines.next().ok_or("the page's line ended")?.map_err(broken)?;
    if !status.contains(" 200 ") {
        return Err(format!("the page's line: {status}"));
    }
    let (told, heard) = mpsc::channel();
    // It ends with the daemon, which closes the line.
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let of_findings = line.strip_prefix("data: ").is_some_and(|what| what.split(' ').any(|w| w == "finding"));
            if of_findings && told.send(now_us()).is_err() {
                return;
            }
        }
    });
    Ok(heard)
}

/// When the outbox holds an alert that was recorded at or after `due`, and when the page heard of
/// one.
fn in_both(store: &rusqlite::Connection, heard: &Receiver<i64>, due: i64) -> Result<(i64, i64), String> {
    let failed = |e: rusqlite::Error| format!("look into the outbox: {e}");
    let mut newest = store.prepare("SELECT count(*) FROM outbox WHERE recorded_at_us >= ?1").map_err(failed)?;
    let until = due + i64::try_from(WAIT.as_micros()).unwrap_or(i64::MAX);
    let (mut outbox, mut page) = (None, None);
    loop {
        if outbox.is_none() {
            let alerts: i64 = newest.query_row([due], |row| row.get(0)).map_err(failed)?;
            outbox = (alerts > 0).then(now_us);
        }
        if let (Some(outbox), Some(page)) = (outbox, page) {
            return Ok((outbox, page));
        }
        if now_us() > until {
            return Err(format!("no alert within {WAIT:?}: outbox {outbox:?}, page {page:?}"));
        }
        let told = heard.recv_timeout(LOOK_EVERY).ok();
        page = page.or(told.filter(|at| *at >= due));
    }
}

/// Measures both ways.
///
/// # Errors
/// A program fails, or an alert does not come.
pub fn measure() -> Result<(), String> {
    let registers = registers(SESSIONS).replacen("[[client]]", &format!("{POLICY}[[client]]"), 1);
    let site = Site::new("verdict", &registers)?;
    site.configure(ALERTS)?;
    site.set_password("vpn", PASSWORD)?;
    let (_daemon, _) = site.start()?;
    let heard = listen(&site)?;
    let store = kukaku_store::read_only(&Path::new(&site.dir()).join("store.db")).map_err(|e| e.to_string())?;
    let (mut outbox, mut page) = (Vec::new(), Vec::new());
    for number in 0..SESSIONS {
        // From this instant on the session's start lies before all that is still left open.
        let due = begin_session(&site, number)? + GRACE_US + SETTLE_US + 1;
        let (in_outbox, on_page) = in_both(&store, &heard, due)?;
        outbox.push(in_outbox - due);
        page.push(on_page - due);
    }
    for (name, mut delays) in [("outbox", outbox), ("page", page)] {
        delays.sort_unstable();
        let ms = |us: i64| us as f64 / 1000.0;
        println!(
            "alert in the {name:<8} {:.1} ms after the instant (median), {:.1} ms at most (wanted: under 200)",
            ms(delays[delays.len() / 2]),
            ms(delays[delays.len() - 1]),
        );
    }
    Ok(())
}
