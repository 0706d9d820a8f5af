//! A dialect that opens a session for a failed sign-in accuses a stranger; one that misses a line
//! lets a session pass unseen.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use kukaku_schema::observation::{Name, Observation};
use kukaku_schema::{SiteZone, UtcMicros};

use super::{LogReader, Outcome, Rules, header};

mod dialects;
mod headers;
mod language;
mod mutations;
mod properties;
mod reading;
mod samples;

fn zone() -> SiteZone {
    SiteZone::named("Asia/Tokyo").unwrap()
}

fn noon() -> UtcMicros {
    UtcMicros::parse_rfc3339("2026-11-22T12:00:00+09:00").unwrap()
}

fn reader(rules: Rules) -> LogReader {
    LogReader::new(Arc::new(rules), Name::new("gw").unwrap(), zone())
}

/// The shipped rules, each read once.
static SHIPPED: LazyLock<BTreeMap<&'static str, Arc<Rules>>> =
    LazyLock::new(|| Rules::shipped_names().map(|name| (name, Rules::shipped(name).unwrap())).collect());

fn shipped(name: &str) -> LogReader {
    LogReader::new(Arc::clone(&SHIPPED[name]), Name::new("gw").unwrap(), zone())
}

/// What lines become, one word each: `held`, `-`, `refused …`, or `start session account address …`.
fn told(reader: &mut LogReader, lines: &[&str]) -> Vec<String> {
    let told = lines.iter().enumerate().map(|(second, line)| {
        let received = UtcMicros(noon().0 + second as i64 * 1_000_000);
        let line = header::read(line.as_bytes(), received, &zone());
        shown(&reader.take(&line, received))
    });
    told.collect()
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Observations(list) => list.iter().map(said).collect::<Vec<_>>().join(" + "),
        Outcome::Held { .. } => "held".to_owned(),
        Outcome::Ignored { .. } => "-".to_owned(),
        Outcome::Refused { reason, .. } => format!("refused {reason}"),
    }
}

fn said(observation: &Observation) -> String {
    let mut parts = Vec::new();
    let mut part = |name: &str, value: Option<&Name>| parts.extend(value.map(|value| format!("{name}={value}")));
    let (verb, session, time) = match observation {
        Observation::SessionStarted(start) => {
            part("account", Some(&start.account));
            part("address", start.address.as_ref());
            part("inner", start.inner_address.as_ref());
            part("target", start.target.as_ref());
            ("start", &start.session, start.device_time)
        }
        Observation::SessionAlive(alive) => ("alive", &alive.session, alive.device_time),
        Observation::SessionEnded(end) => {
            part("account", end.account.as_ref());
            part("reason", end.reason.as_ref());
            ("end", &end.session, end.device_time)
        }
        other => panic!("{other:?} is of no session"),
    };
    let time = zone().rfc3339(time);
    format!("{} {verb} {session} {}", &time[..19], parts.join(" ")).trim_end().to_owned()
}
