//! What is erased, and when.
//!
//! The harm if it fails: evidence is gone before its time, or a wrong clock empties the archive.
#![allow(clippy::unwrap_used)]

use kukaku_core::retention::{
    Agreement, Agreements, ClockDoubt, DAYS_A_DAY, Guard, Hold, KeyDay, NOTICE, Plan, Question, SessionDays, Subject,
    Term, Wait, plan,
};
use kukaku_schema::{DurationUs, Period, RecordClass, SiteZone, Span, UtcMicros};
use proptest::prelude::*;

const ALWAYS: Span = Span::new(UtcMicros::MIN, UtcMicros::MAX);

fn zone() -> SiteZone {
    SiteZone::named("Asia/Tokyo").unwrap()
}

fn at(text: &str) -> UtcMicros {
    let text = if text.contains('T') { format!("{text}:00+09:00") } else { format!("{text}T12:00:00+09:00") };
    UtcMicros::parse_rfc3339(&text).unwrap()
}

fn day(text: &str) -> i32 {
    zone().local_day(at(text))
}

fn erasing(at_least: &str) -> Term {
    Term { at_least: Period::parse(at_least).unwrap(), at_most: None, erase: true }
}

fn with(client: Option<&str>, term: Term) -> Agreement {
    Agreement { client: client.map(str::to_owned), class: RecordClass::Entry, term, valid: ALWAYS, known: ALWAYS }
}

fn agreements(versions: Vec<Agreement>) -> Agreements {
    Agreements { versions, clients: vec!["a".to_owned(), "b".to_owned()], notice: NOTICE }
}

fn key(id: u64, day: i32, scope: &[&str]) -> KeyDay {
    KeyDay { id, class: RecordClass::Entry, day, scope: scope.iter().map(|&c| c.to_owned()).collect(), spared: false }
}

fn sure() -> Guard {
    Guard { clock_synchronised: true, second_clock_off: Some(DurationUs::ZERO), ..Guard::default() }
}

fn two_people() -> Guard {
    Guard { confirmed_by: vec!["佐藤".to_owned(), "鈴木".to_owned()], ..sure() }
}

fn hold(client: Option<&str>, period: Span) -> Hold {
    Hold {
        id: "h1".to_owned(),
        client: client.map(str::to_owned),
        period,
        person: None,
        camera: None,
        reason: "a case".to_owned(),
        placed_by: "kato".to_owned(),
        placed_at: at("2026-01-01"),
    }
}

/// A question with everything but what a test is about.
struct Ask {
    now: UtcMicros,
    agreements: Agreements,
    keys: Vec<KeyDay>,
    holds: Vec<Hold>,
    sessions: Vec<SessionDays>,
    guard: Guard,
}

impl Ask {
    fn new(now: &str, versions: Vec<Agreement>, keys: Vec<KeyDay>) -> Self {
        Self {
            now: at(now),
            agreements: agreements(versions),
            keys,
            holds: vec![],
            sessions: vec![],
            guard: two_people(),
        }
    }

    fn plan(&self) -> Plan {
        plan(&Question {
            now: self.now,
            zone: &zone(),
            agreements: &self.agreements,
            keys: &self.keys,
            holds: &self.holds,
            sessions: &self.sessions,
            guard: &self.guard,
        })
    }

    /// The keys that die, in order.
    fn erased(&self) -> Vec<u64> {
        self.plan().erase.into_iter().flat_map(|group| group.keys).collect()
    }

    /// Why the oldest key that waits does so.
    fn waits(&self) -> Wait {
        self.plan().groups[0].waiting[0].why.clone()
    }
}

#[test]
fn a_day_is_erased_at_the_midnight_after_its_period_and_not_a_minute_before() {
    // Recorded on, period, still kept at, erased at.
    let cases = [
        ("2026-04-01", "1 year", "2027-04-01T23:59", "2027-04-02T00:00"),
        ("2024-02-29", "1 year", "2025-02-28T23:59", "2025-03-01T00:00"),
        ("2026-01-31", "13 months", "2027-02-28T23:59", "2027-03-01T00:00"),
        ("2026-11-22", "400 days", "2027-12-27T23:59", "2027-12-28T00:00"),
    ];
    for (recorded, period, kept, gone) in cases {
        let mut ask = Ask::new(kept, vec![with(Some("a"), erasing(period))], vec![key(7, day(recorded), &["a"])]);
        assert_eq!(ask.erased(), [0; 0], "{recorded} + {period}");
        assert_eq!((ask.waits(), ask.plan().groups[0].next_due), (Wait::NotDue, Some(at(gone))));
        ask.now = at(gone);
        assert_eq!(ask.erased(), [7], "{recorded} + {period}");
    }
}

#[test]
fn nothing_is_erased_that_nobody_agreed_to_erase() {
    let term = Term { erase: false, ..erasing("1 month") };
    for versions in [vec![], vec![with(Some("a"), term)], vec![with(Some("b"), erasing("1 month"))]] {
        let ask = Ask::new("2050-01-01", versions, vec![key(7, day("2020-01-01"), &["a"])]);
        assert_eq!((ask.erased(), ask.waits()), (vec![], Wait::NotAgreed));
    }
    let at_most = Term { at_most: Some(Period::Months(2)), ..term };
    let ask = Ask::new("2050-01-01", vec![with(Some("a"), at_most)], vec![key(7, day("2020-01-01"), &["a"])]);
    assert_eq!(ask.erased(), [7]);
    assert_eq!(ask.plan().erase[0].rule, "a: at least 1 month, at most 2 months");
}

#[test]
fn a_shared_record_dies_with_the_last_term() {
    let versions = vec![with(Some("a"), erasing("1 month")), with(Some("b"), erasing("1 year"))];
    let mut ask = Ask::new("2026-06-01", versions, vec![key(7, day("2026-01-01"), &["a", "b"])]);
    assert_eq!(ask.erased(), [0; 0]);
    ask.now = at("2027-01-02");
    assert_eq!(ask.erased(), [7]);
    // The other city never agreed to erase anything.
    ask.agreements.versions.pop();
    assert_eq!((ask.erased(), ask.waits()), (vec![], Wait::NotAgreed));
}

#[test]
fn the_site_keeps_its_own_records_as_long_as_any_client_unless_it_says_otherwise() {
    let clients = vec![with(Some("a"), erasing("1 month")), with(Some("b"), erasing("1 year"))];
    let mut ask = Ask::new("2026-06-01", clients, vec![key(7, day("2026-01-01"), &[])]);
    assert_eq!(ask.waits(), Wait::NotDue);
    ask.agreements.versions.push(with(None, erasing("2 months")));
    assert_eq!(ask.erased(), [7]);
}

#[test]
fn less_takes_effect_after_the_notice_and_more_at_once() {
    let changed = at("2026-06-01");
    let before = |term| Agreement { known: Span::new(UtcMicros::MIN, changed), ..with(Some("a"), term) };
    let after = |term| Agreement { known: Span::new(changed, UtcMicros::MAX), ..with(Some("a"), term) };
    let keys = vec![key(7, day("2026-01-01"), &["a"])];
    let mut ask = Ask::new("2026-06-01", vec![before(erasing("1 year")), after(erasing("1 month"))], keys.clone());
    assert_eq!((ask.erased(), ask.waits()), (vec![], Wait::Notice));
    ask.now = UtcMicros(changed.plus(NOTICE).0 - 1);
    assert_eq!(ask.waits(), Wait::Notice);
    ask.now = changed.plus(NOTICE);
    assert_eq!(ask.erased(), [7]);
    let mut ask = Ask::new("2026-06-01", vec![before(erasing("1 month")), after(erasing("1 year"))], keys.clone());
    assert_eq!(ask.waits(), Wait::NotDue);
    // The first agreement of all is shorter than the default that held until then.
    ask = Ask::new("2026-06-03", vec![after(erasing("1 month"))], keys);
    assert_eq!(ask.waits(), Wait::Notice);
    ask.now = at("2026-06-09");
    assert_eq!(ask.erased(), [7]);
}

#[test]
fn a_session_counts_from_its_end() {
    let keys = (0..4).map(|n| key(n, day("2026-01-01") + i32::try_from(n).unwrap(), &["a"])).collect();
    let mut ask = Ask::new("2026-02-04", vec![with(Some("a"), erasing("1 month"))], keys);
    assert_eq!(ask.erased(), [0, 1, 2]);
    ask.sessions = vec![SessionDays { start: day("2026-01-02"), end: Some(day("2026-01-04")) }];
    assert_eq!((ask.erased(), ask.waits()), (vec![0], Wait::Session));
    ask.now = at("2026-02-05");
    assert_eq!(ask.erased(), [0, 1, 2, 3]);
    ask.sessions[0].end = None;
    assert_eq!(ask.erased(), [0]);
}

#[test]
fn no_clock_is_trusted_alone() {
    let ask = |guard| Ask {
        guard,
        ..Ask::new("2026-06-01", vec![with(Some("a"), erasing("1 month"))], vec![key(7, day("2026-01-01"), &["a"])])
    };
    let off = |seconds| Some(DurationUs::from_secs(seconds));
    let cases = [
        (Guard { clock_synchronised: false, ..sure() }, Some(ClockDoubt::Unsynchronised)),
        (Guard { second_clock_off: None, ..sure() }, Some(ClockDoubt::NoSecondClock)),
        (Guard { second_clock_off: off(61), ..sure() }, Some(ClockDoubt::SecondClockOff)),
        (Guard { second_clock_off: off(-61), ..sure() }, Some(ClockDoubt::SecondClockOff)),
        (Guard { second_clock_off: off(-60), ..sure() }, None),
        (Guard { last_erased_on: Some(day("2026-06-02")), ..sure() }, Some(ClockDoubt::WentBack)),
        (Guard { last_erased_on: Some(day("2026-06-01")), ..sure() }, None),
        (Guard { confirmed_by: vec!["佐藤".to_owned()], ..Guard::default() }, None),
        (Guard { confirmed_by: vec![" ".to_owned()], ..Guard::default() }, Some(ClockDoubt::Unsynchronised)),
    ];
    for (guard, doubt) in cases {
        let ask = ask(guard.clone());
        match doubt {
            Some(doubt) => assert_eq!(ask.waits(), Wait::Clock(doubt), "{guard:?}"),
            None => assert_eq!(ask.erased(), [7], "{guard:?}"),
        }
    }
}

#[test]
fn a_clock_that_jumps_ten_years_costs_two_days() {
    let keys = (0..800).map(|n| key(n, day("2026-01-01") + i32::try_from(n).unwrap(), &["a"])).collect();
    let mut ask = Ask::new("2036-01-01", vec![with(Some("a"), erasing("1 year"))], keys);
    ask.guard = sure();
    assert_eq!((ask.erased(), ask.waits()), (vec![0, 1], Wait::Pace));
    ask.guard.advanced_today = 1;
    assert_eq!(ask.erased(), [0]);
    ask.guard.advanced_today = DAYS_A_DAY;
    assert_eq!(ask.erased(), [0; 0]);
    // The same person twice is one person.
    ask.guard.confirmed_by = vec!["佐藤".to_owned(), "佐藤 ".to_owned()];
    assert_eq!(ask.erased(), [0; 0]);
    ask.guard = two_people();
    assert_eq!(ask.erased().len(), 800);
}

#[test]
fn a_hold_keeps_what_it_covers_and_lets_the_rest_go() {
    let keys = (0..4).map(|n| key(n, day("2026-01-01") + i32::try_from(n).unwrap(), &["a"])).collect();
    let mut ask = Ask::new("2027-01-01", vec![with(Some("a"), erasing("1 month"))], keys);
    let second = Span::new(at("2026-01-02T00:00"), at("2026-01-03T00:00"));
    ask.holds = vec![hold(Some("a"), second)];
    assert_eq!((ask.erased(), ask.waits()), (vec![0, 2, 3], Wait::Held(vec!["h1".to_owned()])));
    ask.holds = vec![hold(Some("b"), second)];
    assert_eq!(ask.erased(), [0, 1, 2, 3]);
    // A part of a day, or one person's records: the others die, these are wrapped anew.
    ask.holds = vec![hold(Some("a"), Span::new(at("2026-01-02T10:00"), at("2026-01-03T00:00")))];
    assert_eq!((ask.erased().len(), &*ask.plan().erase[0].holds), (4, &["h1".to_owned()][..]));
    ask.holds = vec![Hold { person: Some("op-01".to_owned()), ..hold(None, second) }];
    assert_eq!((ask.erased().len(), &*ask.plan().erase[0].holds), (4, &["h1".to_owned()][..]));
    // A client's hold keeps the site's own records: they tell whether anybody was watching.
    ask.holds = vec![hold(Some("a"), ALWAYS)];
    ask.agreements.versions.push(with(None, erasing("1 month")));
    ask.keys.push(key(9, day("2026-01-01"), &[]));
    assert_eq!(ask.erased(), [0; 0]);
}

#[test]
fn what_holds_spared_once_takes_no_other_days_turn_and_goes_when_they_are_released() {
    let keys: Vec<KeyDay> = (0..4).map(|n| key(n, day("2026-01-01") + i32::try_from(n).unwrap(), &["a"])).collect();
    let mut ask = Ask::new("2027-01-01", vec![with(Some("a"), erasing("1 month"))], keys);
    ask.guard = sure();
    ask.holds = vec![Hold { person: Some("op-01".to_owned()), ..hold(None, ALWAYS) }];
    assert_eq!(ask.erased(), [0, 1]);
    for key in &mut ask.keys[..2] {
        key.spared = true;
    }
    assert_eq!((ask.erased(), ask.waits()), (vec![2, 3], Wait::Held(vec!["h1".to_owned()])));
    ask.holds.clear();
    assert_eq!(ask.erased(), [0, 1]);
}

#[test]
fn a_hold_covers_a_record_that_meets_all_it_names() {
    let inside = [at("2026-01-05"), at("2026-01-02T12:00")];
    let subject = Subject { clients: &["a", "b"], at: &inside, persons: &["op-01"], cameras: &[] };
    let whole = Span::new(at("2026-01-02T00:00"), at("2026-01-03T00:00"));
    let base = hold(Some("a"), whole);
    assert!(base.covers(&subject));
    assert!(hold(None, whole).covers(&subject) && !hold(Some("c"), whole).covers(&subject));
    assert!(hold(Some("c"), whole).covers(&Subject { clients: &[], ..subject }));
    assert!(!base.covers(&Subject { at: &inside[..1], ..subject }));
    let of = |person: &str| Hold { person: Some(person.to_owned()), ..base.clone() };
    assert!(of("op-01").covers(&subject) && !of("op-02").covers(&subject));
    assert!(!Hold { camera: Some("c1".to_owned()), ..of("op-01") }.covers(&subject));
}

#[test]
fn what_is_kept_after_at_most_is_overdue_unless_it_is_held() {
    let term = Term { at_least: Period::Months(1), at_most: Some(Period::Months(2)), erase: false };
    let keys = vec![key(1, day("2026-01-01"), &["a"]), key(2, day("2026-01-02"), &["a"])];
    let mut ask = Ask { guard: Guard::default(), ..Ask::new("2026-03-01", vec![with(Some("a"), term)], keys) };
    assert_eq!(ask.plan().groups[0].overdue_days, 0);
    ask.now = at("2026-03-02T00:00");
    assert_eq!(ask.plan().groups[0].overdue_days, 1);
    ask.holds = vec![hold(None, ALWAYS)];
    assert_eq!(ask.plan().groups[0].overdue_days, 0);
}

fn some_period() -> impl Strategy<Value = Period> {
    prop_oneof![(1_u32..40).prop_map(Period::Days), (1_u32..4).prop_map(Period::Months), Just(Period::Years(1)),]
}

fn some_term() -> impl Strategy<Value = Term> {
    (some_period(), any::<bool>()).prop_map(|(at_least, erase)| Term { at_least, at_most: None, erase })
}

fn some_ask() -> impl Strategy<Value = Ask> {
    let base = day("2024-01-15");
    let scopes = prop_oneof![Just(vec![]), Just(vec!["a"]), Just(vec!["b"]), Just(vec!["a", "b"])];
    let keys = proptest::collection::vec((0_i32..120, scopes), 1..40);
    let versions = proptest::collection::vec(
        (prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))], some_term(), 0_i64..200, 0_i64..200),
        0..6,
    );
    let holds = proptest::collection::vec(
        (prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))], 0_i32..120, 1_i32..20),
        0..2,
    );
    let sessions = proptest::collection::vec((0_i32..120, proptest::option::of(1_i32..9)), 0..2);
    let guard = (0_u32..3, 0_usize..3);
    (keys, versions, holds, sessions, guard, 0_i64..500).prop_map(
        move |(keys, versions, holds, sessions, guard, now)| {
            let zone = zone();
            let start = zone.start_of_local_day(base);
            let after = |days: i64| start.plus(DurationUs::from_secs(days * 86_400 + 40_000));
            let people = ["佐藤", "鈴木"];
            Ask {
                now: after(now),
                agreements: agreements(
                    versions
                        .into_iter()
                        .map(|(client, term, from, days)| {
                            let known =
                                Span::new(if from < 100 { UtcMicros::MIN } else { after(from) }, after(from + days));
                            Agreement { known, ..with(client, term) }
                        })
                        .collect(),
                ),
                keys: keys
                    .into_iter()
                    .enumerate()
                    .map(|(id, (day, scope))| key(id as u64, base + day, &scope))
                    .collect(),
                holds: holds
                    .into_iter()
                    .map(|(client, from, days)| {
                        let day = |n| zone.start_of_local_day(base + n);
                        hold(client, Span::new(day(from), day(from + days)))
                    })
                    .collect(),
                sessions: sessions
                    .into_iter()
                    .map(|(start, days)| SessionDays { start: base + start, end: days.map(|days| base + start + days) })
                    .collect(),
                guard: Guard {
                    advanced_today: guard.0,
                    confirmed_by: people[..guard.1].iter().map(|&name| name.to_owned()).collect(),
                    ..sure()
                },
            }
        },
    )
}

proptest! {
    /// Each key that dies is past the term of each client that shares it, is held by no hold and
    /// no session, and is younger than none of its class and scope that stays unheld.
    #[test]
    fn no_plan_breaks_a_rule(ask in some_ask()) {
        let zone = zone();
        let plan = ask.plan();
        for group in &plan.erase {
            let mut days: Vec<i32> = Vec::new();
            for id in &group.keys {
                let key = &ask.keys[usize::try_from(*id).unwrap()];
                prop_assert_eq!(&key.scope, &group.scope);
                prop_assert!(group.days.contains(&key.day));
                for party in ask.agreements.effective(&key.scope, key.class, ask.now) {
                    prop_assert!(party.term.erase && party.term.at_least.due(key.day, &zone) <= ask.now);
                    let counts_from = ask.sessions.iter().filter(|s| s.start <= key.day);
                    for session in counts_from {
                        prop_assert!(session.end.is_some());
                    }
                }
                for hold in &ask.holds {
                    let clients: Vec<&str> = key.scope.iter().map(String::as_str).collect();
                    let noon = zone.start_of_local_day(key.day).plus(DurationUs::from_secs(43_200));
                    let subject = Subject { clients: &clients, at: &[noon], ..Subject::default() };
                    prop_assert!(!hold.covers(&subject));
                }
                days.push(key.day);
            }
            prop_assert!(days.is_sorted());
            let last = *days.last().unwrap();
            days.dedup();
            prop_assert!(ask.guard.confirmed_by.len() == 2 || days.len() + ask.guard.advanced_today as usize <= 2);
            let stays = |key: &&KeyDay| key.scope == group.scope && key.day <= last && !group.keys.contains(&key.id);
            for key in ask.keys.iter().filter(stays) {
                let held = plan.groups.iter().filter(|g| g.scope == group.scope).flat_map(|g| &g.waiting)
                    .any(|w| w.days.contains(&key.day) && matches!(w.why, Wait::Held(_)));
                prop_assert!(held, "day {} stays behind", key.day);
            }
        }
        // Everything is either erased or waits.
        let waiting: usize = plan.groups.iter().flat_map(|group| &group.waiting).map(|w| w.keys).sum();
        let erased: usize = plan.erase.iter().map(|group| group.keys.len()).sum();
        prop_assert_eq!(waiting + erased, ask.keys.len());
    }

    /// What may be erased may be erased later too, as long as nothing is agreed anew.
    #[test]
    fn a_plan_never_takes_back(ask in some_ask(), later in 1_i64..400) {
        let mut ask = ask;
        for version in &mut ask.agreements.versions {
            version.known = ALWAYS;
        }
        let before = ask.erased();
        ask.now = ask.now.plus(DurationUs::from_secs(later * 43_200));
        let after = ask.erased();
        prop_assert!(before.iter().all(|id| after.contains(id)), "{:?} then {:?}", before, after);
    }
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask")
            .field("now", &self.now)
            .field("agreements", &self.agreements)
            .field("keys", &self.keys)
            .field("holds", &self.holds)
            .field("sessions", &self.sessions)
            .field("guard", &self.guard)
            .finish()
    }
}
