use kukaku_core::{Activity, Fact, FactBody, Finding, FindingKey, OrderFact, OutageCause, Subject, Word};
use kukaku_schema::observation::{DoorStateWord, ManualDirection, ReaderStatusWord, SystemConcern};
use kukaku_schema::{DurationUs, FindingKind, OrderState, Severity, Span, UtcMicros};
use proptest::prelude::*;

use super::*;

fn word() -> impl Strategy<Value = Word> {
    any::<u32>().prop_map(Word)
}

fn activity() -> impl Strategy<Value = Activity> {
    (prop::option::of(0_i64..i64::MAX), prop::option::of(any::<u64>()))
        .prop_map(|(idle, octets)| Activity { idle: idle.map(DurationUs), octets })
}

fn instant() -> impl Strategy<Value = UtcMicros> {
    prop_oneof![any::<i64>().prop_map(UtcMicros), Just(UtcMicros::MIN), Just(UtcMicros::MAX)]
}

fn body() -> impl Strategy<Value = FactBody> {
    prop_oneof![
        (word(), word(), any::<bool>(), prop::collection::vec(word(), 0..4)).prop_map(
            |(reader, credential, granted, factors)| FactBody::Reading { reader, credential, granted, factors }
        ),
        (word(), any::<u64>(), any::<bool>()).prop_map(|(door, reading, used)| FactBody::Used { door, reading, used }),
        (word(), prop::sample::select(vec![DoorStateWord::Closed, DoorStateWord::HeldOpen, DoorStateWord::Locked]))
            .prop_map(|(door, state)| FactBody::Door { door, state }),
        (word(), prop::sample::select(vec![ReaderStatusWord::Online, ReaderStatusWord::Tamper]))
            .prop_map(|(reader, status)| FactBody::Reader { reader, status }),
        Just(FactBody::Alive),
        (word(), word(), [(); 5].map(|()| prop::option::of(word())), any::<u8>()).prop_map(
            |(session, account, [terminal, target, via, address, inner_address], factors)| FactBody::Started {
                session,
                account,
                terminal,
                target,
                via,
                address,
                inner_address,
                factors
            }
        ),
        (
            (word(), word()),
            prop::sample::select(OrderState::ALL),
            any::<bool>(),
            (instant(), instant()),
            prop::collection::vec(word(), 0..3),
            prop::collection::vec(word(), 0..3)
        )
            .prop_map(|((order, client), state, emergency, (from, to), targets, operators)| {
                let order = OrderFact { order, client, state, emergency, from, to, targets, operators };
                FactBody::Order(Box::new(order))
            }),
        (word(), [(); 3].map(|()| prop::option::of(word())), any::<bool>(), activity()).prop_map(
            |(session, [account, terminal, address], ended, activity)| FactBody::Sign {
                session,
                account,
                terminal,
                address,
                ended,
                activity
            }
        ),
        (word(), any::<bool>()).prop_map(|(camera, healthy)| FactBody::Camera { camera, healthy }),
        (word(), word(), instant(), instant(), any::<bool>())
            .prop_map(|(camera, path, start, end, gone)| FactBody::Footage { camera, path, start, end, gone }),
        (word(), instant(), instant(), prop::option::of(word()), prop::option::of(word()))
            .prop_map(|(client, from, to, account, target)| FactBody::Unlocked { client, from, to, account, target }),
        (word(), instant(), instant()).prop_map(|(client, from, to)| FactBody::Listed { client, from, to }),
        ((word(), word()), (instant(), instant()), any::<u64>(), prop::option::of(any::<u64>()), any::<bool>())
            .prop_map(|((terminal, path), (start, end), bytes, hash, gone)| FactBody::Oplog {
                terminal,
                path,
                start,
                end,
                bytes,
                hash,
                gone
            }),
        (word(), any::<bool>()).prop_map(|(terminal, on)| FactBody::Power { terminal, on }),
        (prop::option::of(word()), instant(), instant()).prop_map(|(reader, from, to)| FactBody::CaughtUp {
            reader,
            from,
            to
        }),
        (any::<i64>(), instant(), instant()).prop_map(|(offset_us, from, to)| FactBody::Clock { offset_us, from, to }),
        Just(FactBody::WatchStarted),
        Just(FactBody::Failure),
        (instant(), instant()).prop_map(|(from, to)| FactBody::WatchGap { from, to }),
        (word(), instant(), instant()).prop_map(|(of, from, to)| FactBody::SourceGap { of, from, to }),
        (prop::sample::select(SystemConcern::ALL.to_vec()), any::<bool>())
            .prop_map(|(concern, good)| FactBody::System { concern, good }),
        any::<i64>().prop_map(|step_us| FactBody::ClockStep { step_us }),
        prop::collection::vec((word(), word()), 0..4).prop_map(|inside| FactBody::Muster { inside }),
        (word(), word(), any::<bool>()).prop_map(|(person, zone, entered)| FactBody::ManualEntry {
            person,
            zone,
            direction: if entered { ManualDirection::Entry } else { ManualDirection::Exit },
        }),
    ]
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        (word(), word()).prop_map(|(source, id)| Subject::Session(source, id)),
        word().prop_map(Subject::Person),
        word().prop_map(Subject::Camera),
        word().prop_map(Subject::Order),
        prop::sample::select(OutageCause::ALL.to_vec()).prop_map(Subject::Outage),
    ]
}

proptest! {
    #[test]
    fn every_fact_comes_back_as_it_was(
        entry: u64, source in word(), epoch in prop::option::of(word()), seq: Option<u64>, order: u64,
        device_time in instant(), recorded_at in instant(), body in body(),
    ) {
        let fact = Fact { entry, source, epoch, seq, order, device_time, recorded_at, body };
        let mut bytes = Vec::new();
        write_fact(&mut bytes, &fact);
        prop_assert_eq!(read_fact(entry, &bytes), Ok(fact));
    }

    #[test]
    fn every_row_of_facts_comes_back_as_it_was(entries in prop::collection::btree_set(0_u64..5000, 1..20), body in body()) {
        let first = *entries.first().unwrap();
        let facts: Vec<Fact> = entries.iter().map(|entry| Fact {
            entry: *entry, source: Word(1), epoch: None, seq: Some(*entry), order: 1,
            device_time: UtcMicros(5), recorded_at: UtcMicros(6), body: body.clone(),
        }).collect();
        let (mut row, mut before, mut scratch) = (Vec::new(), first, Vec::new());
        for fact in &facts {
            append_fact(&mut row, before, fact, &mut scratch);
            before = fact.entry;
        }
        let read: Result<Vec<Fact>, Fault> = FactRow::new(first, &row).collect();
        prop_assert_eq!(read, Ok(facts));
        row.truncate(row.len() - 1);
        prop_assert!(FactRow::new(first, &row).collect::<Result<Vec<Fact>, Fault>>().is_err());
    }

    #[test]
    fn every_finding_comes_back_as_it_was(
        kind in prop::sample::select(FindingKind::ALL.to_vec()), about in prop::collection::vec(subject(), 0..4),
        at in instant(), severity in prop::sample::select(Severity::ALL.to_vec()), start in instant(), end in instant(),
        subjects in prop::collection::vec(subject(), 0..6), client in prop::option::of(word()),
        proofs in prop::collection::vec(any::<u64>(), 0..6),
    ) {
        let finding = Finding {
            key: FindingKey { kind, about, at }, severity, span: Span { start, end }, subjects, client, proofs,
        };
        prop_assert_eq!(read_finding(&write_finding(&finding)), Ok(finding));
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut bytes = bytes;
        let _ = read_fact(1, &bytes);
        let _ = FactRow::new(1, &bytes).count();
        let _ = read_finding(&bytes);
        bytes.insert(0, LAYOUT);
        let _ = read_fact(1, &bytes);
        let _ = read_finding(&bytes);
    }
}
