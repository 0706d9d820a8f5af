//! Records that come again and again are one session each, and no bytes do harm.

use kukaku_schema::intake::ArrivalBody;
use kukaku_schema::{DurationUs, Name, Observation, UtcMicros};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn at(seconds: i64) -> UtcMicros {
    UtcMicros((1_795_305_600 + seconds) * 1_000_000)
}

fn millis(seconds: i64) -> i64 {
    at(seconds).0 / 1_000
}

fn history(since: i64) -> History {
    History::new(Name::new("guac-1").unwrap(), at(since))
}

fn row(connection: u32, user: &str, start: i64, end: Option<i64>) -> Value {
    json!({"connectionIdentifier": connection.to_string(), "connectionName": "kihon-db01", "username": user,
        "remoteHost": "192.0.2.11", "startDate": millis(start), "endDate": end.map(millis), "active": false})
}

fn polled(rows: &[Value]) -> Polled {
    Polled { items: read_history(json!(rows).to_string().as_bytes()).unwrap(), ..Polled::default() }
}

/// What is said of sessions, in short.
fn told(bodies: &[ArrivalBody]) -> Vec<String> {
    let second = |at: UtcMicros| at.0 / 1_000_000 - 1_795_305_600;
    let short = |body: &ArrivalBody| match body {
        ArrivalBody::Observation(said) => match &**said {
            Observation::SessionStarted(o) => Some(format!("{} start {}", second(o.device_time), o.account.as_str())),
            Observation::SessionEnded(o) => Some(format!("{} end {}", second(o.device_time), o.session.as_str())),
            Observation::SessionAlive(o) => Some(format!("{} alive {}", second(o.device_time), o.session.as_str())),
            Observation::SourceClock(o) => Some(format!("clock {}", o.offset_ms)),
            _ => None,
        },
        ArrivalBody::Unreadable(kept) => Some(format!("unreadable: {}", kept.reason)),
    };
    bodies.iter().filter_map(short).collect()
}

#[test]
fn a_record_that_gains_its_end_is_one_session() {
    let mut history = history(0);
    let id = format!("3:{}:op7", millis(10));
    let mut open = polled(&[row(3, "op7", 10, None)]);
    open.active = read_active(
        json!({"x": {"connectionIdentifier": "3", "username": "op7", "startDate": millis(10) + 400}})
            .to_string()
            .as_bytes(),
    )
    .unwrap();
    assert_eq!(told(&history.take(&open, at(15))), ["10 start op7"]);
    assert_eq!(told(&history.take(&open, at(25))), Vec::<String>::new());
    assert_eq!(told(&history.take(&open, at(315))), [format!("315 alive {id}")]);
    // The same record twice in one answer, and once more later.
    let done = polled(&[row(3, "op7", 10, Some(330)), row(3, "op7", 10, Some(330))]);
    assert_eq!(told(&history.take(&done, at(340))), [format!("330 end {id}")]);
    assert_eq!(told(&history.take(&done, at(350))), Vec::<String>::new());
    assert_eq!(told(&history.take(&open, at(700))), Vec::<String>::new(), "an old answer opens nothing");
}

#[test]
fn what_a_restart_says_again_is_the_same_to_the_byte() {
    let answer = polled(&[row(3, "op7", 10, Some(20)), row(4, "op8", 30, None)]);
    let mut first = history(0);
    first.take(&polled(&[row(3, "op7", 10, None)]), at(12));
    let (before, after) = (history(0).take(&answer, at(40)), history(0).take(&answer, at(40)));
    assert_eq!(before, after);
    assert_eq!(told(&before).len(), 3);
    // What ended before our time is not ours; what was open at its beginning is.
    let rows = [row(1, "a", -90, Some(-80)), row(2, "b", -70, Some(5)), row(3, "c", -60, None)];
    assert_eq!(told(&history(0).take(&polled(&rows), at(10))).len(), 2, "the second alone");
}

#[test]
fn a_uuid_names_the_record_where_there_is_one() {
    let mut with = row(3, "op7", 10, Some(20));
    with["uuid"] = json!("5f3c");
    assert_eq!(told(&history(0).take(&polled(&[with]), at(30)))[1], "20 end 5f3c");
}

#[test]
fn a_clock_that_is_off_is_told_and_hides_no_record() {
    let mut history = history(0);
    // Guacamole believes in 1980.
    let back = DurationUs(at(0).0 - 315_532_800 * 1_000_000);
    let mut answer = polled(&[]);
    let started = UtcMicros(at(5).0 - back.0).0 / 1_000;
    let record =
        json!([{"connectionIdentifier": "3", "username": "op7", "startDate": started, "endDate": started + 1}]);
    answer.items = read_history(record.to_string().as_bytes()).unwrap();
    answer.clock_off = DurationUs(-back.0);
    let said = told(&history.take(&answer, at(10)));
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(said[0], format!("clock {}", -back.0 / 1_000));
    let date = read_date("Sun, 22 Nov 2026 00:00:00 GMT").unwrap();
    assert_eq!(date.to_rfc3339_utc(), "2026-11-22T00:00:00Z");
}

#[test]
fn a_broken_record_is_kept_once_and_spoils_no_other() {
    let mut history = history(0);
    let mut rows = vec![json!({"startDate": "today"}), row(3, "op7", 10, None), json!(7)];
    rows.push(json!({"startDate": i64::MAX, "username": "x"}));
    rows.push(json!({"startDate": 1, "username": "x".repeat(500)}));
    let said = told(&history.take(&polled(&rows), at(20)));
    assert_eq!(said.iter().filter(|line| line.starts_with("unreadable")).count(), 4, "{said:?}");
    assert_eq!(told(&history.take(&polled(&rows), at(30))), Vec::<String>::new());
}

#[test]
fn an_answer_is_read_or_refused_with_a_reason() {
    let token = read_token(br#"{"authToken":"AB12","dataSource":"mysql","username":"kukaku"}"#).unwrap();
    assert_eq!((token.token.as_str(), token.data_source.as_str()), ("AB12", "mysql"));
    assert!(read_token(b"{\"authToken\":\"a\\r\\nb\"}").is_err(), "it would forge a header");
    assert!(read_token(b"{}").is_err() && read_token(b"[]").is_err());
    assert!(read_history(b"[{\"startDate\":1").is_err(), "cut off");
    assert!(read_history(json!(vec![1; HISTORY_MAX + 1]).to_string().as_bytes()).is_err());
    assert!(read_active(b"[]").is_err());
    assert!(read_date("tomorrow").is_none());
}

#[test]
fn memory_is_bounded_and_open_sessions_stay_in_it() {
    let mut history = history(0);
    history.take(&polled(&[row(1, "open", 1, None)]), at(2));
    for page in 0..10 {
        let rows: Vec<Value> = (0..1000).map(|n| row(2, "a", 10 + page * 1000 + n, Some(20_000))).collect();
        history.take(&polled(&rows), at(20_000));
    }
    assert_eq!(history.open_before(at(100)).into_iter().collect::<Vec<_>>(), ["open"]);
    let end = told(&history.take(&polled(&[row(1, "open", 1, Some(30_000))]), at(30_001)));
    assert!(end.iter().any(|line| line.starts_with("30000 end")) && !end.iter().any(|line| line.contains("start")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever stands in a valid answer's place: no panic, and the same for the same bytes.
    #[test]
    fn any_bytes_are_an_answer_or_none(
        cut in 0_usize..400, at_byte in 0_usize..400, byte in any::<u8>(), start in any::<i64>(), name in "\\PC{0,40}",
    ) {
        let mut rows = vec![row(3, "op7", 10, Some(20)), row(4, "op8", 30, None)];
        rows[0]["startDate"] = json!(start);
        rows[1]["username"] = json!(name);
        let mut bytes = json!(rows).to_string().into_bytes();
        bytes.truncate(bytes.len().saturating_sub(cut / 4));
        if let Some(place) = bytes.get_mut(at_byte) {
            *place = byte;
        }
        let _ = (read_token(&bytes), read_active(&bytes), read_date(&String::from_utf8_lossy(&bytes)));
        if let Ok(items) = read_history(&bytes) {
            let polled = Polled { items, ..Polled::default() };
            prop_assert_eq!(history(0).take(&polled, at(40)), history(0).take(&polled, at(40)));
        }
    }

    /// Answers in any order, cut and repeated, tell the same sessions.
    #[test]
    fn the_order_of_answers_matters_not(order in prop::collection::vec(0_usize..6, 1..20)) {
        let rows: Vec<Value> = (0..6).map(|n| row(n, "op", i64::from(n) * 10, (n % 2 == 0).then_some(100))).collect();
        let mut history = history(0);
        let mut said: Vec<String> = Vec::new();
        for place in order.iter().chain(&[0, 1, 2, 3, 4, 5]) {
            said.extend(told(&history.take(&polled(&rows[*place..=*place]), at(120))));
        }
        let starts = said.iter().filter(|line| line.contains("start")).count();
        prop_assert_eq!((starts, said.len()), (6, 9));
    }
}
