//! Asking a Guacamole that misbehaves: no session is lost, none is told twice.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::PathBuf;

use kukaku_guacamole::{GuacamoleConfig, Poller, Turn};
use kukaku_schema::intake::ArrivalBody;
use kukaku_schema::{DurationUs, Name, Observation, UtcMicros};
use support::{Fault, Guacamole, PASSWORD, Row, USER};

fn at(seconds: i64) -> UtcMicros {
    UtcMicros((1_795_305_600 + seconds) * 1_000_000)
}

fn row(connection: u32, user: &str, start: i64, end: Option<i64>) -> Row {
    let millis = |seconds: i64| at(seconds).0 / 1_000;
    Row { connection, user: user.to_owned(), start: millis(start), end: end.map(millis), is_open: false }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kukaku-guacamole-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("password"), format!("{PASSWORD}\n")).unwrap();
        Self(path)
    }

    fn config(&self, guacamole: &Guacamole) -> GuacamoleConfig {
        GuacamoleConfig {
            source: Name::new("guac-1").unwrap(),
            url: guacamole.url.clone(),
            user: USER.to_owned(),
            password_file: self.0.join("password"),
            data_source: None,
            ca_file: None,
            allow_plain: false,
            interval: DurationUs::from_secs(10),
            timeout: DurationUs::from_secs(1),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The ids of what is said of sessions, with their words.
fn told(turn: &Turn) -> Vec<String> {
    let short = |body: &ArrivalBody| match body {
        ArrivalBody::Observation(said) => {
            let header = said.header();
            matches!(
                **said,
                Observation::SessionStarted(_) | Observation::SessionEnded(_) | Observation::SessionAlive(_)
            )
            .then(|| format!("{} {}", said.kind().word(), header.event_id.unwrap().as_str()))
        }
        ArrivalBody::Unreadable(kept) => Some(kept.reason.clone()),
    };
    turn.bodies.iter().filter_map(short).collect()
}

#[test]
fn a_session_is_told_when_it_begins_and_when_its_record_gains_an_end() {
    let (guacamole, folder) = (Guacamole::new(), Folder::new("story"));
    let mut poller = Poller::open(&folder.config(&guacamole), None, at(0)).unwrap();
    guacamole.set(|state| state.rows = vec![row(1, "before", -900, Some(-800)), row(3, "op7", 10, None)]);
    let turn = poller.ask(at(15)).unwrap();
    assert_eq!(told(&turn), [format!("session.started 3:{}:op7:start", at(10).0 / 1000)]);
    // Not kept: the next round says it again, to the byte.
    let again = poller.ask(at(15)).unwrap();
    assert_eq!(again.bodies, turn.bodies);
    poller.keep(again);
    assert!(told(&poller.ask(at(25)).unwrap()).is_empty());
    guacamole.set(|state| state.rows[1].end = Some(at(300).0 / 1000));
    let turn = poller.ask(at(310)).unwrap();
    assert_eq!(told(&turn), [format!("session.ended 3:{}:op7:end", at(10).0 / 1000)]);
    poller.keep(turn);
    assert_eq!(guacamole.sign_ins(), 1, "one token is enough");
    poller.sign_out();
    assert_eq!(guacamole.asked().last().unwrap(), "DELETE /guacamole/api/session");
}

#[test]
fn after_a_restart_the_end_of_an_open_session_is_still_found() {
    let (guacamole, folder) = (Guacamole::new(), Folder::new("restart"));
    let config = folder.config(&guacamole);
    guacamole.set(|state| state.rows = vec![row(3, "op7", 10, None)]);
    let mut poller = Poller::open(&config, None, at(0)).unwrap();
    let turn = poller.ask(at(15)).unwrap();
    let first = turn.bodies.clone();
    poller.keep(turn);
    // Down for two days; meanwhile one session ended and another came and went.
    const TWO_DAYS: i64 = 2 * 86_400;
    guacamole.set(|state| {
        state.rows[0].end = Some(at(TWO_DAYS - 60).0 / 1000);
        state.rows.push(row(4, "op8", 86_400, Some(86_500)));
    });
    let mut poller = Poller::open(&config, Some((at(15), at(15))), at(TWO_DAYS)).unwrap();
    let turn = poller.ask(at(TWO_DAYS)).unwrap();
    let said = told(&turn);
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].starts_with("session.started 3:") && said[1].starts_with("session.ended 3:"), "{said:?}");
    let start = |bodies: &[ArrivalBody]| {
        bodies
            .iter()
            .find(|body| matches!(body, ArrivalBody::Observation(o) if o.kind().word() == "session.started"))
            .cloned()
    };
    assert_eq!(start(&first), start(&turn.bodies), "what is said again is the same, so it counts once");
}

#[test]
fn whatever_goes_wrong_is_said_and_the_next_round_misses_nothing() {
    let (guacamole, folder) = (Guacamole::new(), Folder::new("faults"));
    let mut poller = Poller::open(&folder.config(&guacamole), None, at(0)).unwrap();
    guacamole.set(|state| state.rows = vec![row(3, "op7", 10, None)]);
    // While it signs in; then at the history itself.
    for stage in ["sign in", "history/connections"] {
        for fault in [Fault::Status(500), Fault::Status(302), Fault::Closed, Fault::Truncated, Fault::Hangs] {
            // A connection that was kept and is found closed is tried once more, so it fails twice.
            guacamole.fails(&[fault, fault]);
            let said = poller.ask(at(16)).map(|turn| told(&turn)).unwrap_err().to_string();
            assert!(said.contains(stage), "{stage}: {said}");
            guacamole.set(|state| state.faults.clear());
            if stage == "history/connections" {
                drop(poller.ask(at(16)).unwrap());
            }
        }
        assert_eq!(told(&poller.ask(at(20)).unwrap()).len(), 1, "nothing is lost");
    }
}

#[test]
fn an_expired_token_is_renewed_and_a_wrong_password_is_said() {
    let (guacamole, folder) = (Guacamole::new(), Folder::new("token"));
    let config = folder.config(&guacamole);
    let mut poller = Poller::open(&config, None, at(0)).unwrap();
    guacamole.set(|state| state.rows = vec![row(3, "op7", 10, None)]);
    let turn = poller.ask(at(15)).unwrap();
    poller.keep(turn);
    guacamole.fails(&[Fault::Expired]);
    guacamole.set(|state| state.rows[0].end = Some(at(20).0 / 1000));
    assert_eq!(told(&poller.ask(at(25)).unwrap()).len(), 1);
    assert_eq!(guacamole.sign_ins(), 2);
    std::fs::write(folder.0.join("password"), "another").unwrap();
    let mut wrong = Poller::open(&config, None, at(0)).unwrap();
    let said = wrong.ask(at(15)).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("answered 403") && said.contains("Invalid login") && !said.contains("another"), "{said}");
    let nowhere = GuacamoleConfig { data_source: Some("mysql".to_owned()), ..config };
    std::fs::write(folder.0.join("password"), PASSWORD).unwrap();
    let said = Poller::open(&nowhere, None, at(0)).unwrap().ask(at(15)).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("404"), "{said}");
}

#[test]
fn more_records_than_an_answer_holds_are_asked_for_day_by_day() {
    let (guacamole, folder) = (Guacamole::new(), Folder::new("days"));
    let config = folder.config(&guacamole);
    // Five days with 600 sessions each, and one that is open since before all of them.
    let mut rows = vec![row(9, "long", 5, None)];
    rows.extend((0..3000).map(|n| row(n % 7, "op", 60 + i64::from(n) * 144, Some(60 + i64::from(n) * 144 + 30))));
    guacamole.set(|state| state.rows = rows);
    let end = 5 * 86_400;
    let mut poller = Poller::open(&config, Some((at(0), at(0))), at(end)).unwrap();
    let turn = poller.ask(at(end)).unwrap();
    assert_eq!(told(&turn).len(), 1 + 6000);
    assert_eq!(turn.lost, None);
    poller.keep(turn);
    assert!(told(&poller.ask(at(end + 10)).unwrap()).is_empty());
    // The long one ends: it is far behind the thousand newest.
    guacamole.set(|state| state.rows[0].end = Some(at(end).0 / 1000));
    let said = told(&poller.ask(at(end + 20)).unwrap());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("9:") && said[0].starts_with("session.ended"), "{said:?}");
    // More in one day than can be had from both of its ends: what is missing is said.
    guacamole.set(|state| state.rows = (0..2500).map(|n| row(1, "op", i64::from(n) * 30, None)).collect());
    let turn = Poller::open(&config, Some((at(0), at(0))), at(end)).unwrap().ask(at(end)).unwrap();
    let lost = turn.lost.unwrap();
    assert_eq!((lost.start, lost.end), (at(999 * 30), at(1500 * 30)));
    let said = turn.bodies.iter().any(|body| match body {
        ArrivalBody::Observation(said) => {
            matches!(&**said, Observation::SourceGap(gap) if (gap.from, gap.to) == (lost.start, lost.end))
        }
        ArrivalBody::Unreadable(_) => false,
    });
    assert!(said, "a gap of the source");
}

#[test]
fn a_clock_that_is_off_is_measured_by_its_own_answers() {
    let (guacamole, folder) = (Guacamole::new(), Folder::new("clock"));
    let mut poller = Poller::open(&folder.config(&guacamole), None, at(0)).unwrap();
    guacamole.set(|state| {
        state.date = Some("Tue, 01 Jan 1980 00:00:15 GMT".to_owned());
        state.rows = vec![Row { start: 315_532_810_000, ..row(3, "op7", 0, None) }];
    });
    let turn = poller.ask(at(15)).unwrap();
    let clock = turn.bodies.iter().find_map(|body| match body {
        ArrivalBody::Observation(said) => match &**said {
            Observation::SourceClock(clock) => Some(clock.offset_ms),
            _ => None,
        },
        ArrivalBody::Unreadable(_) => None,
    });
    assert_eq!(clock, Some(315_532_815_000 - at(15).0 / 1000));
    assert_eq!(told(&turn).len(), 1, "a session of 1980 is a session of now");
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_no_password() {
    let ((guacamole, certificate), folder) = (Guacamole::with_tls(), Folder::new("tls"));
    let file = folder.0.join("guacamole.pem");
    std::fs::write(&file, certificate).unwrap();
    guacamole.set(|state| state.rows = vec![row(3, "op7", 10, None)]);
    let pinned = GuacamoleConfig { ca_file: Some(file.clone()), ..folder.config(&guacamole) };
    assert_eq!(told(&Poller::open(&pinned, None, at(0)).unwrap().ask(at(15)).unwrap()).len(), 1);
    // Another with the same names, and the machine's own authorities: neither knows it.
    std::fs::write(&file, Guacamole::with_tls().1).unwrap();
    guacamole.asked();
    for ca_file in [Some(file.clone()), None] {
        // A machine may have no authorities at all.
        let Ok(mut poller) = Poller::open(&GuacamoleConfig { ca_file, ..pinned.clone() }, None, at(0)) else {
            continue;
        };
        let said = poller.ask(at(15)).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("certificate"), "{said}");
    }
    assert!(guacamole.asked().is_empty(), "nothing was asked of it, and no password told");
    std::fs::write(&file, "no certificate").unwrap();
    assert!(Poller::open(&pinned, None, at(0)).err().unwrap().contains("ca_file"));
}

#[test]
fn a_table_that_can_not_work_is_refused_by_its_key() {
    let (guacamole, folder) = (Guacamole::new(), Folder::new("config"));
    let good = folder.config(&guacamole);
    let key = |config: GuacamoleConfig| config.check().map_err(|e| e.key);
    assert_eq!(key(good.clone()), Ok(()));
    for url in
        ["guac", "http://guac.example.jp/", "https://", "https://u:p@guac.example.jp", "http://192.0.2.1/guacamole"]
    {
        assert_eq!(key(GuacamoleConfig { url: url.to_owned(), ..good.clone() }), Err("url"), "{url}");
    }
    let plain = GuacamoleConfig { url: "http://192.0.2.1/guacamole".to_owned(), allow_plain: true, ..good.clone() };
    assert_eq!(key(plain), Ok(()));
    assert_eq!(key(GuacamoleConfig { interval: DurationUs(0), ..good.clone() }), Err("interval"));
    assert_eq!(key(GuacamoleConfig { timeout: DurationUs::from_secs(61), ..good.clone() }), Err("timeout"));
    assert_eq!(key(GuacamoleConfig { data_source: Some("a/b".to_owned()), ..good.clone() }), Err("data_source"));
    let missing = GuacamoleConfig { password_file: folder.0.join("none"), ..good };
    assert!(Poller::open(&missing, None, at(0)).err().unwrap().contains("password_file"));
}
