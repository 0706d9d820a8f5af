//! What Windows writes, as sessions: a missed one is a stranger in the city's systems that nobody
//! saw, an invented one an operator who has to explain what he never did.

mod hostile;
mod json;
mod rdp;
mod samples;
mod ways;

use kukaku_schema::{Lang, Name, Observation, UtcMicros};

use super::*;

/// Midnight in UTC of the day of all stories.
const DAY: &str = "2026-11-22T00:00:00Z";

fn config(role: Role) -> SessionsConfig {
    SessionsConfig {
        source: Name::new("win-1").expect("a name"),
        role,
        accounts: AccountForm::Qualified,
        grain: Grain::Milliseconds,
        known_accounts: vec!["Maint07".to_owned()],
    }
}

fn channel(short: &str) -> &'static str {
    match short {
        "S" => "Security",
        "L" => "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
        "R" => "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",
        "G" => "Microsoft-Windows-TerminalServices-Gateway/Operational",
        "O" => "OpenSSH/Operational",
        "C" => "Microsoft-Windows-TerminalServices-RDPClient/Operational",
        "X" => "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational",
        other => panic!("no channel {other}"),
    }
}

/// `seconds channel id field=value; field=value`; `activity` and `computer` are the event's own.
fn event(record_id: u64, line: &str) -> WindowsEvent {
    let mut words = line.trim().splitn(4, ' ');
    let seconds: f64 = words.next().expect("seconds").parse().expect("seconds");
    let short = words.next().expect("a channel");
    let event_id = words.next().expect("an id").parse().expect("an id");
    let start = UtcMicros::parse_rfc3339(DAY).expect("a day");
    let mut event = WindowsEvent {
        channel: channel(short).to_owned(),
        provider: "test".to_owned(),
        event_id,
        record_id: Some(record_id),
        computer: "SV01.office.example".to_owned(),
        time: UtcMicros(start.0 + (seconds * 1_000_000.0).round() as i64),
        activity: None,
        user_sid: None,
        data: std::collections::BTreeMap::new(),
    };
    for pair in words.next().unwrap_or_default().split("; ").filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').expect("field=value");
        match name {
            "activity" => event.activity = Some(value.to_owned()),
            "computer" => value.clone_into(&mut event.computer),
            "sid" => event.user_sid = Some(value.to_owned()),
            _ => {
                event.data.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    event
}

fn name(name: Option<&Name>) -> &str {
    name.map_or("-", Name::as_str)
}

/// An observation in a few words; sessions as `#1`, `#2` in the order they came up.
fn told(observation: &Observation, sessions: &mut Vec<Name>) -> String {
    let mut number = |session: &Name| {
        let at = sessions.iter().position(|known| known == session).unwrap_or_else(|| {
            sessions.push(session.clone());
            sessions.len() - 1
        });
        format!("#{}", at + 1)
    };
    match observation {
        Observation::SessionStarted(s) => format!(
            "start {} {} {} {} {}{}",
            number(&s.session),
            s.account,
            name(s.address.as_ref()),
            name(s.terminal.as_ref()),
            name(s.target.as_ref()),
            s.via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default(),
        ),
        Observation::SessionAlive(s) => {
            format!("alive {} {} {}", number(&s.session), name(s.address.as_ref()), name(s.terminal.as_ref()))
        }
        Observation::SessionEnded(s) => format!("end {} {}", number(&s.session), name(s.reason.as_ref())),
        other => panic!("{other:?}"),
    }
}

fn outcome(outcome: &Outcome, sessions: &mut Vec<Name>) -> String {
    match outcome {
        Outcome::Observations(list) => {
            list.iter().map(|observation| told(observation, sessions)).collect::<Vec<_>>().join(" + ")
        }
        Outcome::Ignored(why) => {
            assert!(!why.text(Lang::Ja).is_empty() && !why.text(Lang::En).is_empty());
            format!("{why:?}").to_lowercase()
        }
        Outcome::Held => "held".to_owned(),
        Outcome::Refused(reason) => format!("refused {reason}"),
    }
}

/// Checks a story: each line an event, behind `=>` what becomes of it.
fn check(role: Role, story: &str) {
    let mut sessions = WindowsSessions::new(config(role));
    let mut names = Vec::new();
    let lines = story.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for (number, line) in lines.enumerate() {
        let (line, expected) = line.split_once(" => ").expect("an outcome");
        let event = event(number as u64 + 1, line);
        let happened = sessions.take(&event);
        assert_eq!(outcome(&happened, &mut names), expected.trim(), "{line}");
        // A sender that is not sure sends again.
        let again = sessions.take(&event);
        assert!(!matches!(again, Outcome::Observations(_)), "again {line}: {again:?}");
    }
}
