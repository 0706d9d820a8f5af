//! Measures how many log lines a second one core reads, header included.
//!
//! `cargo run --release -p kukaku-codec --example log_lines [DIALECT]`: one line in fifty is of a
//! session. Without a dialect every shipped one is measured.

use std::time::Instant;

use kukaku_codec::logs::{LogReader, Outcome, Rules, header};
use kukaku_schema::{Name, SiteZone, UtcMicros};

/// Lines of one measurement: some seconds' worth at the speed that is demanded.
const LINES: usize = 1_000_000;

/// Of so many lines one is of a session.
const SESSION_EVERY: usize = 50;

fn main() {
    let wanted = std::env::args().nth(1);
    for name in Rules::shipped_names().filter(|name| wanted.as_ref().is_none_or(|wanted| wanted == name)) {
        let lines = lines(name);
        let zone = SiteZone::named("Asia/Tokyo").expect("the zone is compiled in");
        let rules = Rules::shipped(name).expect("the name was listed");
        let source = Name::new("gw").expect("a plain name");
        let mut reader = LogReader::new(rules, source, zone.clone());
        let mut observed = 0;
        let before = Instant::now();
        for number in 0..LINES {
            let received = UtcMicros(1_795_305_600_000_000 + number as i64);
            let line = header::read(lines[number % lines.len()].as_bytes(), received, &zone);
            observed += usize::from(matches!(reader.take(&line, received), Outcome::Observations(_)));
        }
        let seconds = before.elapsed().as_secs_f64();
        println!("{name}: {:.0} lines/s, {observed} of {LINES} observed", LINES as f64 / seconds);
    }
}

/// A round of lines: one of a session, the others as a gateway writes them all day.
fn lines(dialect: &str) -> Vec<String> {
    let session = match dialect {
        "yamaha-rtx" => "<190>Nov 22 09:00:00 rtx PP[ANONYMOUS01] Call detected from user 'op7'",
        "fortigate" => {
            r#"<189>date=2026-11-22 time=09:00:00 devname="fw" eventtime=1795305600123456789 tz="+0900" type="event" subtype="vpn" action="tunnel-up" tunneltype="ssl-tunnel" tunnelid=5 remip=203.0.113.9 tunnelip=192.0.2.7 user="op7" group="G""#
        }
        "sshd" => {
            "<38>Nov 22 09:00:00 jump sshd[7]: Accepted publickey for op7 from 203.0.113.9 port 5 ssh2: RSA SHA256:x"
        }
        "openvpn" => "2026-11-22 09:00:00 op7/203.0.113.9:5 MULTI: primary virtual IP for op7/203.0.113.9:5: 10.8.0.6",
        "teleport" => {
            r#"{"event":"session.start","uid":"u1","sid":"s1","user":"op7","addr.remote":"203.0.113.9:5","time":"2026-11-22T00:00:00Z"}"#
        }
        "wallix" => {
            r#"<14>Nov 22 09:00:00 b1 sshproxy: [SSH Session] session_id="a1" client_ip="203.0.113.9" user="op7" type="SESSION_ESTABLISHED_SUCCESSFULLY""#
        }
        _ => {
            "<164>Nov 22 2026 09:00:00: %ASA-4-722051: Group <G> User <op7> IP <203.0.113.9> IPv4 Address <192.0.2.7> IPv6 address <::> assigned to session"
        }
    };
    let others = [
        r#"<189>date=2026-11-22 time=09:00:00 devname="fw" devid="F" eventtime=1795305600123456789 tz="+0900" logid="0000000013" type="traffic" subtype="forward" level="notice" vd="root" srcip=192.0.2.5 srcport=50000 dstip=192.0.2.9 dstport=443 sessionid=1 proto=6 action="close" policyid=3 service="HTTPS" duration=7 sentbyte=18800 rcvdbyte=7900"#,
        "<166>Nov 22 2026 09:00:00: %ASA-6-302013: Built outbound TCP connection 7 for outside:203.0.113.1/443 (203.0.113.1/443) to inside:192.0.2.5/50000 (192.0.2.5/50000)",
        "<38>Nov 22 09:00:00 jump sshd[71]: Failed password for invalid user admin from 203.0.113.66 port 4711 ssh2",
        "<190>Nov 22 09:00:00 rtx PP[01] Rejected at IN(1000) filter: TCP 203.0.113.66:4711 > 192.0.2.5:23",
        "<30>Nov 22 09:00:00 jump systemd[1]: Started Session 42 of User root.",
        "<78>1 2026-11-22T09:00:00.123456+09:00 jump CRON 4242 - - (root) CMD (run-parts /etc/cron.hourly)",
    ];
    let rest = others.iter().cycle().take(SESSION_EVERY - 1).map(|line| (*line).to_owned());
    std::iter::once(session.to_owned()).chain(rest).collect()
}
