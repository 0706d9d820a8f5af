//! A replay of rows says what it says of the same told one by one, in whatever parts it is done.
//!
//! The harm if it fails: the short way, which only files take, clears or convicts somebody whom
//! the daemon would not.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_core::fact::order_of;
use kukaku_core::replay::{FileReading, FileSession, Judgements, Replay};
use kukaku_core::{Fact, Finding, Names};
use kukaku_schema::observation::{SessionEnded, canonical_bytes, content_hash};
use kukaku_schema::{Observation, UtcMicros};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Row {
    /// When, its number if it has one, event id, reader, card, granted.
    Reading(i64, Option<u64>, u64, &'static str, &'static str, bool),
    /// From when, how long if it ended, account, terminal.
    Session(i64, Option<i64>, &'static str, &'static str),
}

fn instant(minute: i64) -> UtcMicros {
    UtcMicros(at("06:00").0 + minute * 60_000_000)
}

fn row() -> impl Strategy<Value = Row> {
    let readers = vec!["z-in", "z-in", "z-out", "z-out", "i-in", "i-out", "y-in", "y-out", "o-in", "t-in", "t-fp"];
    let cards = vec!["card:A", "card:A", "card:B", "fp:A", "card:V", "card:nobody"];
    let seq = prop::option::weighted(0.1, 0_u64..20);
    let reading = (0_i64..900, seq, 0_u64..12, prop::sample::select(readers), prop::sample::select(cards), 0_u8..10)
        .prop_map(|(t, seq, id, reader, card, n)| Row::Reading(t, seq, id, reader, card, n > 2));
    let accounts = prop::sample::select(vec!["a01", "a01", "b01", "a-chitose", "nobody"]);
    let terminals = prop::sample::select(vec!["T", "T", "T2", "TI", "TY", "TT", "nowhere"]);
    let session = (0_i64..900, prop::option::weighted(0.9, 0_i64..120), accounts, terminals)
        .prop_map(|(t, length, account, terminal)| Row::Session(t, length, account, terminal));
    prop_oneof![3 => reading, 1 => session]
}

/// Rows, some of their readings several times over.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let copies = prop_oneof![5 => Just(1_usize), 1 => 2_usize..8];
    prop::collection::vec((row(), copies), 0..60).prop_map(|rows| {
        let of = |(row, copies): (Row, usize)| {
            let copies = if matches!(row, Row::Reading(..)) { copies } else { 1 };
            vec![row; copies]
        };
        rows.into_iter().flat_map(of).collect()
    })
}

/// The row as a link would tell it.
fn observations(index: usize, row: &Row) -> Vec<Observation> {
    match row {
        Row::Reading(t, seq, id, reader, card, granted) => {
            let mut o = reading_from(source_of(reader), *seq, "09:00", reader, card, *granted);
            if let Observation::DoorReading(body) = &mut o {
                body.device_time = instant(*t);
                body.event_id = seq.is_none().then(|| name(&id.to_string()));
            }
            vec![o]
        }
        Row::Session(t, length, account, terminal) => {
            let id = index.to_string();
            let mut begin = start("09:00", &id, account, terminal);
            if let Observation::SessionStarted(body) = &mut begin {
                body.device_time = instant(*t);
            }
            let end = length.map(|length| {
                Observation::SessionEnded(SessionEnded {
                    source: name("vpn"),
                    epoch: None,
                    seq: None,
                    event_id: None,
                    device_time: instant(t + length),
                    session: name(&id),
                    account: None,
                    terminal: None,
                    address: None,
                    reason: None,
                    idle_s: None,
                    octets: None,
                })
            });
            std::iter::once(begin).chain(end).collect()
        }
    }
}

fn tell(replay: &mut Replay, index: usize, row: &Row, entry: &mut u64) {
    for o in observations(index, row) {
        let hash = content_hash(&canonical_bytes(&o));
        let when = o.header().device_time.unwrap();
        let fact = Fact::of(&o, *entry, when, &hash, replay.names_mut());
        replay.fact(&fact);
        *entry += 1;
    }
}

/// Every row told one by one.
fn one_by_one(rows: &[Row]) -> Replay {
    let mut replay = Replay::new(&site()).unwrap();
    let mut entry = 0;
    rows.iter().enumerate().for_each(|(index, row)| tell(&mut replay, index, row, &mut entry));
    replay
}

/// Every row as files give it, readings in lists of at most `most`.
fn as_rows(rows: &[Row], most: usize) -> Replay {
    let mut replay = Replay::new(&site()).unwrap();
    let (mut entry, mut list) = (0, Vec::new());
    for (index, row) in rows.iter().enumerate() {
        match row {
            Row::Reading(t, None, id, reader, card, granted) => {
                let (source, reader) =
                    (replay.names_mut().intern(source_of(reader)), replay.names_mut().intern(reader));
                let credential = replay.names_mut().intern(card);
                let factor = replay.names_mut().intern(card.split(':').next().unwrap());
                let head = replay.head(source, reader, *granted, &[factor]);
                list.push(FileReading { head, credential, at: instant(*t), order: order_of(&id.to_string()) });
                if list.len() < most {
                    continue;
                }
            }
            Row::Reading(..) => {}
            Row::Session(t, length, account, terminal) => {
                let names = replay.names_mut();
                let session = FileSession {
                    source: names.intern("vpn"),
                    id: names.intern(&index.to_string()),
                    account: names.intern(account),
                    terminal: Some(names.intern(terminal)),
                    target: None,
                    via: None,
                    address: None,
                    inner_address: None,
                    factors: 0,
                    start: instant(*t),
                    end: length.map(|length| instant(t + length)),
                    entry: entry + list.len() as u64,
                };
                replay.session(session);
                continue;
            }
        }
        let taken = list.len() as u64;
        replay.readings(entry, std::mem::take(&mut list));
        entry += taken;
        if let Row::Reading(_, Some(_), ..) = row {
            tell(&mut replay, index, row, &mut entry);
        }
    }
    replay.readings(entry, list);
    replay
}

fn shown(names: &Names, finding: &Finding) -> String {
    let mut subjects: Vec<String> =
        finding.subjects.iter().map(|s| format!("{}:{}", s.sort(), s.value(names))).collect();
    subjects.sort();
    format!("{} {:?} {:?} {}", finding.key.kind.word(), finding.severity, finding.span, subjects.join(";"))
}

/// Verdicts, stays and findings as texts; what was judged without findings must be the same.
fn outcome(mut replay: Replay) -> [Vec<String>; 3] {
    let parts: Vec<_> = (0..Replay::READING_PARTS).rev().map(|part| replay.sorted_readings(part)).collect();
    let order = replay.order();
    parts.into_iter().for_each(|part| replay.keep_readings(part));
    replay.settle_readings();
    replay.look(replay.settled_now());
    let seen: Vec<_> = replay.persons().into_iter().rev().map(|person| replay.see(person)).collect();
    seen.into_iter().for_each(|seen| replay.keep(seen));
    let mut all = Judgements::default();
    let (mut verdicts, mut alone) = (Vec::new(), Vec::new());
    for case in replay.docket(order) {
        let mut wrongs = Judgements::default();
        let line = |id: &str, s: &kukaku_core::replay::Sentence<'_>| {
            format!("{id} {:?} {:?} {:?} {:?} {:?}", s.session.end, s.verdict, s.grade, s.absent, s.unknown)
        };
        replay.judge(&case, |_, s| verdicts.push(line(s.id, s)), Some(&mut wrongs));
        replay.judge(&case, |_, s| alone.push(line(s.id, s)), None);
        all.append(&mut wrongs);
    }
    assert_eq!(verdicts, alone);
    let wrongs = replay.wrongs(all);
    let found: Vec<Finding> = replay.findings().into_values().chain(wrongs).collect();
    let names = replay.names();
    let stay =
        |s: &kukaku_core::Stay| format!("{} {} {:?} {:?}", names.text(s.person), names.text(s.zone), s.span, s.grade);
    let mut out = [verdicts, replay.stays().map(stay).collect(), found.iter().map(|f| shown(names, f)).collect()];
    out.iter_mut().for_each(|list| list.sort());
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn rows_mean_what_the_same_told_one_by_one_means(rows in rows(), most in 1_usize..20) {
        let [verdicts, stays, findings] = outcome(one_by_one(&rows));
        let short = outcome(as_rows(&rows, most));
        prop_assert_eq!(&short[0], &verdicts);
        prop_assert_eq!(&short[1], &stays);
        prop_assert_eq!(&short[2], &findings);
    }
}
