//! Restarts change nothing: worlds of random observations, cut at random places, come to the
//! same state as the same worlds uncut; and the journal of each replays to the same.

use std::sync::Arc;

use kukaku_schema::Observation;
use kukaku_store::{Prepared, Store};
use proptest::prelude::*;
use tokio::sync::{Semaphore, oneshot};

use super::house::{Folder, House, arrival, at, reading, registers, session};
use crate::writer::machine::Machine;
use crate::writer::queue::{Act, Job};
use crate::writer::{Purpose, SimClock};

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// An observation arrives.
    Arrives(String),
    /// One that arrived before arrives again.
    Again(prop::sample::Index),
    /// So many seconds pass.
    Pass(i64),
    /// The process dies, and is started again.
    Dies,
}

fn observation() -> impl Strategy<Value = String> {
    let reader = prop::sample::select(vec!["north-in", "north-out", "nowhere"]);
    let card = prop::sample::select(vec!["card:1", "card:2", "card:3"]);
    let word = prop::sample::select(vec!["started", "alive", "ended"]);
    let account = prop::sample::select(vec!["tmk-a01", "cts-b01", "who"]);
    let id = prop::sample::select(vec!["1", "2", "3"]);
    prop_oneof![
        4 => (1_u64..40, -4000_i64..4000, reader, card).prop_map(|(seq, s, reader, card)| reading(seq, s, reader, card)),
        4 => (1_u64..40, -4000_i64..4000, word, id, account)
            .prop_map(|(seq, s, word, id, account)| session(word, seq, s, id, account)),
        1 => (-4000_i64..4000, prop::bool::ANY).prop_map(|(s, online)| {
            let status = if online { "online" } else { "offline" };
            let time = at(s).to_rfc3339_utc();
            format!(r#"{{"kind":"reader.status","source":"panel","device_time":"{time}","reader":"north-in","status":"{status}"}}"#)
        }),
        // What a source delivered or how its clock stood may be said of times still to come.
        1 => (-4000_i64..4000, 0_i64..2000).prop_map(|(from, length)| {
            let (from, to) = (at(from).to_rfc3339_utc(), at(from + length).to_rfc3339_utc());
            format!(r#"{{"kind":"source.caught_up","source":"panel","from":"{from}","to":"{to}"}}"#)
        }),
        1 => (-9000_i64..9000, -4000_i64..4000, 0_i64..2000).prop_map(|(offset, from, length)| {
            let (from, to) = (at(from).to_rfc3339_utc(), at(from + length).to_rfc3339_utc());
            format!(r#"{{"kind":"source.clock","source":"panel","offset_ms":{offset},"from":"{from}","to":"{to}","measured_by":"ntp"}}"#)
        }),
    ]
}

pub(super) fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => observation().prop_map(Happening::Arrives),
        1 => any::<prop::sample::Index>().prop_map(Happening::Again),
        3 => (1_i64..600).prop_map(Happening::Pass),
        1 => Just(Happening::Dies),
    ]
}

fn arrives(json: &str) -> Job {
    let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let (reply, _) = oneshot::channel();
    Job::Arrival { arrival: Box::new(Prepared::new(arrival(json)).unwrap()), reply, _room: room }
}

/// Lets it all happen in a new house; `dying`: deaths are real.
pub(super) fn play(world: &[Happening], dying: bool) -> House {
    let house = House { folder: Folder::new(), clock: SimClock::new(at(0)) };
    drop(Store::create(&house.store(), at(0)).unwrap());
    let open = || {
        let store = Store::open(&house.store()).unwrap();
        let clock = Arc::new(house.clock.clone());
        Machine::new(store, Purpose::Command, clock, Box::new(|_| vec!["mail".to_owned()])).unwrap()
    };
    let mut machine = open();
    let (reply, _) = oneshot::channel();
    let import = Act::Import {
        wanted: super::super::Wanted::Whole(Box::new(registers(""))),
        actor: "m".to_owned(),
        confirmed_by: None,
        reason: String::new(),
    };
    machine.group(&[Job::Act { act: import, reply }]).unwrap();
    let started = Observation::WatchStarted(kukaku_schema::observation::WatchStarted {
        source: kukaku_schema::Name::new("kukaku").unwrap(),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(0),
    });
    machine.group(&[arrives_observation(started)]).unwrap();
    let (mut now, mut arrived) = (0, Vec::new());
    for happening in world {
        match happening {
            Happening::Arrives(json) => {
                arrived.push(json.clone());
                machine.group(&[arrives(json)]).unwrap();
            }
            Happening::Again(which) if !arrived.is_empty() => {
                machine.group(&[arrives(&arrived[which.index(arrived.len())])]).unwrap();
            }
            Happening::Again(_) => {}
            Happening::Pass(seconds) => {
                now += seconds;
                house.clock.pass_to(at(now));
                machine.group(&[]).unwrap();
            }
            Happening::Dies if dying => {
                drop(machine);
                machine = open();
            }
            Happening::Dies => {}
        }
    }
    house.clock.pass_to(at(now + 100_000));
    machine.group(&[]).unwrap();
    drop(machine);
    house
}

fn arrives_observation(observation: Observation) -> Job {
    let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let (reply, _) = oneshot::channel();
    let body = kukaku_schema::intake::ArrivalBody::Observation(Box::new(observation));
    let arrival = kukaku_schema::intake::Arrival { link: "kukaku".to_owned(), body };
    Job::Arrival { arrival: Box::new(Prepared::new(arrival).unwrap()), reply, _room: room }
}

/// Everything that the pages show, with texts for words; each table sorted.
fn state(house: &House) -> Vec<String> {
    let conn = house.conn();
    let w = |column: &str| format!("(SELECT text FROM word WHERE id = {column})");
    let queries = [
        format!("SELECT {}, start_us, {}, end_us, grade FROM stay", w("person"), w("zone")),
        format!("SELECT {}, start_us, cause, end_us FROM outage", w("door")),
        format!(
            "SELECT {}, start_us, start_unknown, ended, end_us, last_sign_us, {}, {}, {}, hex(proofs), revision, verdict, grade
             FROM session WHERE gone = 0",
            w("session"), w("account"), w("operator"), w("client")
        ),
        "SELECT key, severity, start_us, end_us FROM finding WHERE resolved_at_us IS NULL".to_owned(),
        format!(
            "SELECT entry, occurred_at_us, device_time_us, {}, {}, direction, granted FROM reading",
            w("reader"), w("person")
        ),
        format!("SELECT {}, observations, duplicates, number, device_time_us FROM source_seen", w("source")),
    ];
    let mut out = Vec::new();
    for query in queries {
        let mut statement = conn.prepare(&query).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let values =
                (0..columns).map(|c| row.get::<_, rusqlite::types::Value>(c)).collect::<Result<Vec<_>, _>>()?;
            Ok(format!("{values:?}"))
        });
        let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
        rows.sort();
        out.extend(rows);
    }
    out
}

proptest! {
    // What failed once belongs into a test of its own, not into a file of seeds.
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_world_cut_at_random_comes_to_the_state_of_the_world_uncut(world in prop::collection::vec(happening(), 1..60)) {
        let (cut, whole) = (play(&world, true), play(&world, false));
        prop_assert_eq!(state(&cut), state(&whole));
        cut.check_whole();
        whole.check_whole();
    }
}
