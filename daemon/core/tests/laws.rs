//! The law: newest verdicts, findings that hold and stays are a pure function of observations,
//! registers and now.
//!
//! The harm if it fails: the same evidence convicts or clears somebody depending on which packet
//! came first, or on whether the daemon was restarted in between.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_core::engine::{Engine, Input, Known, Mode};
use kukaku_core::{Effect, FindingChange, Names};
use kukaku_schema::observation::{DoorStateWord, ManualDirection, ReaderStatusWord};
use kukaku_schema::{DurationUs, Observation, OrderState, Registers, UtcMicros};
use proptest::prelude::*;

/// A moment within 30 hours, to a grain that makes instants meet.
fn moment() -> impl Strategy<Value = UtcMicros> {
    (0_i64..720).prop_map(|n| UtcMicros(at("06:00").0 + n * 150_000_000))
}

fn set_time(mut o: Observation, t: UtcMicros) -> Observation {
    match &mut o {
        Observation::DoorReading(b) => b.device_time = t,
        Observation::DoorState(b) => b.device_time = t,
        Observation::ReaderStatus(b) => b.device_time = t,
        Observation::SourceAlive(b) => b.device_time = t,
        Observation::SessionStarted(b) => b.device_time = t,
        Observation::SessionAlive(b) => b.device_time = t,
        Observation::SessionEnded(b) => b.device_time = t,
        Observation::Muster(b) => b.device_time = t,
        Observation::ManualEntry(b) => b.device_time = t,
        Observation::OrderRevised(b) => b.device_time = t,
        Observation::OplogSegment(b) => b.device_time = t,
        _ => {}
    }
    o
}

fn reader() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "z-in", "z-in", "z-in", "z-out", "z-out", "i-in", "i-out", "y-in", "y-out", "o-in", "s-in", "s-out", "t-in",
        "t-fp", "t-out",
    ])
}

fn anything() -> impl Strategy<Value = Observation> {
    let card = prop::sample::select(vec!["A", "A", "A", "B", "B", "fp:A", "V", "unknown"]);
    let granted = prop::bool::weighted(0.9);
    let seq = prop::option::weighted(0.3, 0_u64..40);
    let readings = (moment(), reader(), card, granted, seq).prop_map(|(t, reader, who, granted, seq)| {
        let card = if who.contains(':') { who.to_owned() } else { format!("card:{who}") };
        set_time(reading_from(source_of(reader), seq, "09:00", reader, &card, granted), t)
    });
    let spoofed =
        (moment(), reader()).prop_map(|(t, r)| set_time(reading_from("udp", None, "09:00", r, "card:A", true), t));
    let door = prop::sample::select(vec!["dz", "ds", "ds", "di"]);
    let word = prop::sample::select(vec![
        DoorStateWord::Opened,
        DoorStateWord::Opened,
        DoorStateWord::Closed,
        DoorStateWord::Closed,
        DoorStateWord::Forced,
        DoorStateWord::HeldOpen,
        DoorStateWord::Unlocked,
        DoorStateWord::Locked,
    ]);
    let states = (moment(), door, word).prop_map(|(t, d, w)| set_time(state("09:00", d, w), t));
    let how = prop::sample::select(vec![ReaderStatusWord::Online, ReaderStatusWord::Offline, ReaderStatusWord::Tamper]);
    let statuses = (moment(), reader(), how).prop_map(|(t, r, w)| set_time(status("09:00", r, w), t));
    let id = prop::sample::select(vec!["s1", "s2", "s3"]);
    let account = prop::sample::select(vec!["a01", "a01", "b01", "a-chitose", "nobody"]);
    let terminal = prop::sample::select(vec!["T", "T", "T2", "TI", "TY", "T1", "TS", "TT", "nowhere"]);
    let starts =
        (moment(), id.clone(), account, terminal).prop_map(|(t, i, a, d)| set_time(start("09:00", i, a, d), t));
    let source = prop::sample::select(vec!["vpn", "win", "udp"]);
    let inner = prop::option::weighted(0.4, prop::sample::select(vec!["10.8.0.5", "10.8.0.6"]));
    let address = prop::option::weighted(0.7, prop::sample::select(vec!["10.8.0.5", "10.8.0.6", "192.0.2.7"]));
    let target = prop::option::weighted(0.5, prop::sample::select(vec!["srv-1", "srv-2"]));
    let who = prop::sample::select(vec!["a01", "a01", "a01", "b01"]);
    let desk = prop::option::weighted(0.4, prop::sample::select(vec!["T", "T", "T2"]));
    let records = (moment(), id.clone(), (source.clone(), inner), (address, target), (who, desk), 0_usize..3).prop_map(
        |(t, id, (source, inner), (address, target), (who, desk), factors)| {
            by(source, set_time(start("09:00", &format!("{source}-{id}"), who, "T"), t), |o| {
                o.terminal = desk.map(name);
                (o.address, o.inner_address) = (address.map(name), inner.map(name));
                o.target = target.map(name);
                o.factors = ["password", "certificate"].into_iter().take(factors).map(name).collect();
            })
        },
    );
    let their_signs = (moment(), id.clone(), source.clone(), any::<bool>()).prop_map(|(t, id, source, ended)| {
        let id = format!("{source}-{id}");
        let sign = if ended { end("09:00", &id) } else { sign("09:00", &id) };
        by(source, set_time(sign, t), |_| {})
    });
    let (begins, lasts) = (moment(), 1_i64..240);
    let line = (begins, lasts, prop::sample::select(vec!["city", "udp"]), 0_usize..4).prop_map(
        |(t, minutes, source, what)| {
            let mut o = match what {
                0 => complete("09:00", "09:00"),
                1 => unlocked(source, "09:00", "09:00", Some("a01")),
                _ => unlocked(source, "09:00", "09:00", None),
            };
            let to = t.plus(DurationUs(minutes * 60_000_000));
            match &mut o {
                Observation::LineUnlocked(b) => (b.from, b.to) = (t, to),
                Observation::LineListed(b) => (b.from, b.to) = (t, to),
                _ => {}
            }
            o
        },
    );
    let done = (prop::option::weighted(0.3, 0_u64..3600), prop::option::weighted(0.3, 0_u64..3));
    let signs = (moment(), id.clone(), done.clone(), any::<bool>()).prop_map(|(t, i, (idle, octets), ended)| {
        let mut sign = set_time(if ended { end("09:00", i) } else { sign("09:00", i) }, t);
        match &mut sign {
            Observation::SessionAlive(said) => (said.idle_s, said.octets) = (idle, octets),
            Observation::SessionEnded(said) => (said.idle_s, said.octets) = (idle, octets),
            _ => {}
        }
        sign
    });
    let ends = (moment(), id).prop_map(|(t, i)| set_time(end("09:00", i), t));
    let spans = (moment(), 0_i64..240, reader()).prop_map(|(t, minutes, r)| {
        let mut o = caught_up(r, "09:00", "09:00");
        if let Observation::SourceCaughtUp(b) = &mut o {
            (b.from, b.to) = (t, t.plus(DurationUs(minutes * 60_000_000)));
        }
        o
    });
    let gaps = (moment(), 1_i64..90).prop_map(|(t, minutes)| {
        let mut o = gap("09:00", "09:00");
        if let Observation::WatchGap(b) = &mut o {
            (b.from, b.to) = (t, t.plus(DurationUs(minutes * 60_000_000)));
        }
        o
    });
    let losses = (moment(), 0_i64..90, prop::sample::select(vec!["vpn", "panel"])).prop_map(|(t, minutes, of)| {
        let mut o = lost(of, "09:00", "09:00");
        if let Observation::SourceGap(b) = &mut o {
            (b.from, b.to) = (t, t.plus(DurationUs(minutes * 60_000_000)));
        }
        o
    });
    let clocks = (moment(), -10_000_i64..10_000, prop::sample::select(vec!["panel", "panel-y", "vpn"])).prop_map(
        |(t, ms, s)| {
            let mut o = clock(s, ms, "09:00", "09:00");
            if let Observation::SourceClock(b) = &mut o {
                (b.from, b.to) = (t, t.plus(DurationUs(7_200_000_000)));
            }
            o
        },
    );
    let musters = (moment(), any::<bool>()).prop_map(|(t, both)| {
        let inside: &[_] = if both { &[("B", "z"), ("A", "inner")] } else { &[("A", "z")] };
        set_time(muster("09:00", inside), t)
    });
    let zone = prop::sample::select(vec!["z", "inner", "y"]);
    let way = prop::sample::select(vec![ManualDirection::Entry, ManualDirection::Exit]);
    let book = (moment(), zone, way).prop_map(|(t, z, w)| set_time(written("09:00", z, w, "A"), t));
    let step = prop::sample::select(vec![
        OrderState::Submitted,
        OrderState::Submitted,
        OrderState::Approved,
        OrderState::Approved,
        OrderState::InProgress,
        OrderState::Reported,
        OrderState::Rejected,
        OrderState::Drafted,
    ]);
    let number = prop::sample::select(vec!["o1", "o2"]);
    let orders = (moment(), number, step, moment(), 1_i64..600, any::<bool>(), any::<bool>()).prop_map(
        |(t, number, state, from, minutes, emergency, both)| {
            but(set_time(order("09:00", number, state), t), |order| {
                (order.from, order.to) = (from, from.plus(DurationUs(minutes * 60_000_000)));
                order.emergency = emergency;
                order.operators = if both { vec![name("A"), name("B")] } else { vec![name("A")] };
            })
        },
    );
    let size = prop::sample::select(vec![0_u64, 10, 20]);
    let logs = (moment(), size, 0_u8..3, any::<bool>()).prop_map(|(t, bytes, hash, second)| {
        set_time(oplog("09:00", if second { "b.log" } else { "a.log" }, bytes, hash), t)
    });
    prop_oneof![
        3 => logs, 5 => orders, 3 => line, 7 => records, 5 => their_signs, 24 => readings, 2 => spoofed, 6 => states, 3 => statuses, 6 => starts, 2 => signs, 5 => ends, 2 => spans, 1 => gaps, 2 => losses,
        1 => clocks, 1 => musters, 2 => book,
    ]
}

/// Signs of life of a source one after the other, numbered or not, now and then with a stop.
fn signs_of_life() -> impl Strategy<Value = Vec<Observation>> {
    let first = prop::option::weighted(0.7, 0_u64..30);
    let steps = prop::collection::vec(prop_oneof![8 => 1_i64..5, 1 => 5_i64..60], 1..20);
    let source = prop::sample::select(vec!["panel", "panel", "panel-y"]);
    (moment(), first, steps, source).prop_map(|(mut t, mut seq, steps, source)| {
        let sign = |step: i64| {
            let mut o = set_time(alive("09:00", source), t);
            if let Observation::SourceAlive(b) = &mut o {
                b.seq = seq;
            }
            t = t.plus(DurationUs(step * 150_000_000));
            seq = seq.map(|n| n + 1);
            o
        };
        steps.into_iter().map(sign).collect()
    })
}

/// What happened, how late each arrives, and in what order those that arrive together come.
fn world() -> impl Strategy<Value = Vec<(Observation, i64, u32)>> {
    let late = || prop_oneof![6 => Just(0_i64), 2 => 1_i64..120, 1 => 120_i64..72_000];
    let single = prop::collection::vec((anything(), late(), any::<u32>()), 1..60);
    // Mostly in time, or every number would be a hole for a while.
    let lives = prop::collection::vec((signs_of_life(), prop_oneof![3 => Just(0_i64), 1 => late()]), 0..3);
    (single, lives).prop_map(|(mut all, lives)| {
        for (signs, late) in lives {
            all.extend(signs.into_iter().map(|o| (o, late, 0)));
        }
        all
    })
}

/// Papers that begin and end within the time of the stories.
const PAPERS: &str = r#"
[[company]]
id = "main"
name = "本社"
[[company]]
id = "sub"
name = "再委託先"
subcontracted_by = "main"
[[pledge]]
id = "p-a"
operator = "A"
date = "2026-11-23"
[[training]]
id = "t-a"
operator = "A"
topic = "情報セキュリティ"
date = "2026-04-01"
until = "2026-11-22"
[[training]]
id = "t-b"
operator = "B"
topic = "情報セキュリティ"
date = "2026-04-01"
until = "2026-11-20"
[[training]]
id = "t-b2"
operator = "B"
topic = "情報セキュリティ"
date = "2026-11-23"
[[permit]]
id = "z"
zone = "z"
date = "2026-04-01"
until = "2026-11-22"
[[permit]]
id = "y"
zone = "y"
client = "tomakomai"
date = "2026-11-23"
[[permit]]
id = "sub"
company = "sub"
date = "2026-04-01"
until = "2026-11-22"
"#;

/// Who may be in the zones without an order.
const STANDING: &str = r#"
[[standing_permission]]
id = "cleaning"
persons = ["V", "B"]
zones = ["inner", "y"]
purpose = "清掃"
weekdays = ["sun"]
hours = "20:00-10:00"
[[standing_permission]]
id = "check"
persons = ["A"]
zones = ["z"]
purpose = "点検"
hours = "07:00-09:00"
valid_from = "2026-11-22T08:00:00+09:00"
"#;

/// The site; `lively`: a source is to say every ten minutes that it lives.
fn site_of(lively: bool) -> Registers {
    let panel = "id = \"panel\"\nclass = \"A\"";
    let agreed = "name = \"苫小牧市\"\nfacing_terminals = 1\nhours = \"08:00-20:00\"\nemergency_approval = \"90m\"\npledge = true\ntraining = true\npermit = true";
    let text = SITE.replace("name = \"苫小牧市\"\nwork_orders = false", agreed);
    assert_ne!(text, SITE);
    let text = text + PAPERS;
    let guarded = "name = \"区画Z\"\npermission = true\nmin_persons = 2";
    let text = text.replace("name = \"区画Z\"", guarded);
    let text = text.replace("name = \"別棟Y\"", "name = \"別棟Y\"\nmin_persons = 3\npermission = true");
    let text = format!("{text}\n{STANDING}");
    let text = if lively { text.replace(panel, &format!("{panel}\nalive_every = \"10m\"")) } else { text };
    let text = text.replace("name = \"鈴木\"", "name = \"鈴木\"\ncompany = \"sub\"");
    kukaku_schema::registers::parse(&text, "site").unwrap()
}

struct Numbered {
    entry: u64,
    arrives: Arrives,
}

fn numbered_arrivals(world: &[(Observation, i64, u32)], with_delay: bool) -> Vec<Numbered> {
    let mut all: Vec<(UtcMicros, u32, Numbered)> = Vec::new();
    for (index, o) in watched().into_iter().enumerate() {
        let t = instant_of(&o);
        all.push((t, 0, Numbered { entry: index as u64 + 1, arrives: Arrives { at: t, what: o } }));
    }
    for (index, (o, late, tie)) in world.iter().enumerate() {
        // The same observation again has the same identity: the writer gives it no second entry.
        if world[..index].iter().any(|(before, ..)| before == o) {
            continue;
        }
        // kukaku tells of orders itself; that one was written down late is a finding about the record.
        let own = matches!(o, Observation::OrderRevised(_));
        let delay = DurationUs(if with_delay && !own { late * 1_000_000 } else { 0 });
        let t = instant_of(o).plus(delay);
        let arrives = Arrives { at: t, what: o.clone() };
        all.push((t, *tie, Numbered { entry: index as u64 + 10, arrives }));
    }
    all.sort_by_key(|(t, tie, n)| (*t, *tie, n.entry));
    all.into_iter().map(|(.., n)| n).collect()
}

fn run(site: &Registers, arrivals: &[Numbered], now: UtcMicros) -> (Engine, Vec<Effect>) {
    let mut engine = Engine::new(site, Names::new(), Mode::Live).unwrap();
    let mut effects = Vec::new();
    for n in arrivals {
        let fact = fact_of(&n.arrives.what, n.entry, n.arrives.at, engine.names_mut());
        effects.extend(engine.step(n.arrives.at, Input::Fact(fact)));
    }
    effects.extend(engine.step(now, Input::Time));
    (engine, effects)
}

fn restored(
    site: &Registers,
    arrivals: &[Numbered],
    now: UtcMicros,
    known: Known,
    names: &Names,
) -> (Engine, Vec<Effect>) {
    let mut names = names.clone();
    let facts: Vec<_> = arrivals.iter().map(|n| fact_of(&n.arrives.what, n.entry, n.arrives.at, &mut names)).collect();
    Engine::restore(site, names, facts.into_iter(), now, known).unwrap()
}

fn same(a: &Shown, b: &Shown) -> Result<(), TestCaseError> {
    prop_assert_eq!(&a.verdicts, &b.verdicts);
    prop_assert_eq!(&a.stays, &b.stays);
    prop_assert_eq!(&a.told, &b.told);
    Ok(())
}

/// The state that a store would have kept: every effect applied.
fn applied(effects: &[Effect]) -> Known {
    let mut known = Known::default();
    for effect in effects {
        match effect {
            Effect::Stays { person, from, stays } => {
                known.stays.retain(|s| s.person != *person || s.span.start < *from);
                known.stays.extend(stays.iter().copied());
            }
            Effect::Outages { door, outages } => {
                known.outages.retain(|o| o.door != *door);
                known.outages.extend(outages.iter().copied());
            }
            Effect::Session(view) => {
                known.sessions.retain(|s| s.key != view.key);
                known.sessions.push((**view).clone());
            }
            Effect::SessionGone(key) => {
                known.sessions.retain(|s| s.key != *key);
                known.revisions.retain(|r| r.session != *key);
            }
            Effect::Revision(revision) => {
                known.revisions.retain(|r| r.session != revision.session);
                known.revisions.push(revision.clone());
            }
            Effect::Finding { change, .. } => match change {
                FindingChange::Opened(f) => {
                    assert!(!known.findings.iter().any(|k| k.key == f.key), "opened twice: {f:?}");
                    known.findings.push(f.clone());
                }
                FindingChange::Changed(f) => {
                    let kept = known.findings.iter_mut().find(|k| k.key == f.key).expect("a changed finding was open");
                    *kept = f.clone();
                }
                FindingChange::Resolved(key) => {
                    let before = known.findings.len();
                    known.findings.retain(|k| k.key != *key);
                    assert_eq!(before, known.findings.len() + 1, "resolved but not open: {key:?}");
                }
            },
        }
    }
    known
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 3000, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_arrival_and_a_fresh_start_change_nothing(world in world(), lively: bool, after in 0_i64..2000) {
        let site = site_of(lively);
        let now = UtcMicros(at("+14:00").0 + 72_000_000_000 + after * 61_000_000);
        let late = numbered_arrivals(&world, true);
        let now = now.max(late[late.len() - 1].arrives.at);
        let (engine, effects) = run(&site, &late, now);
        let live = Shown::of(&engine);
        // From nothing, all at once.
        let (fresh, _) = restored(&site, &late, now, Known::default(), &Names::new());
        same(&live, &Shown::of(&fresh))?;
        // What the effects wrote is what holds, and a restart finds nothing to correct.
        let (again, corrections) = restored(&site, &late, now, applied(&effects), engine.names());
        prop_assert!(corrections.is_empty(), "a restart would change {:?}", corrections);
        same(&live, &Shown::of(&again))?;
        // In time, each twice: the same verdicts and stays (silence and skew read the record, so only those).
        let mut twice = numbered_arrivals(&world, false);
        let copies: Vec<Numbered> = twice.iter().map(|n| Numbered { entry: n.entry, arrives: n.arrives.clone() }).collect();
        twice.extend(copies);
        twice.sort_by_key(|n| n.arrives.at);
        let mut punctual = Shown::of(&run(&site, &twice, now).0);
        if lively {
            punctual.told.clone_from(&live.told);
        }
        same(&live, &punctual)?;
    }

    #[test]
    fn a_restart_in_the_middle_goes_on_the_same(
        world in world(),
        lively: bool,
        cut in 0_usize..100,
        // What is 50 s old is judged from the next microsecond on.
        pause in prop::sample::select(vec![0_i64, 30, 50]),
    ) {
        let site = site_of(lively);
        let now = UtcMicros(at("+14:00").0 + 72_000_000_000);
        let all = numbered_arrivals(&world, true);
        let now = now.max(all[all.len() - 1].arrives.at);
        let cut = cut.min(all.len());
        let (whole, mut through) = run(&site, &all, now);
        let stopped_at = all[cut.saturating_sub(1)].arrives.at.plus(DurationUs::from_secs(pause));
        let stopped_at = all.get(cut).map_or(stopped_at.min(now), |next| stopped_at.min(next.arrives.at));
        let (before, mut effects) = run(&site, &all[..cut], stopped_at);
        let (mut engine, corrections) = restored(&site, &all[..cut], stopped_at, applied(&effects), before.names());
        prop_assert!(corrections.is_empty(), "a restart would change {:?}", corrections);
        for n in &all[cut..] {
            let fact = fact_of(&n.arrives.what, n.entry, n.arrives.at, engine.names_mut());
            effects.extend(engine.step(n.arrives.at, Input::Fact(fact)));
        }
        effects.extend(engine.step(now, Input::Time));
        same(&Shown::of(&whole), &Shown::of(&engine))?;
        // Not only the state: the very revisions and findings, in the same order.
        let told = |e: &Effect| matches!(e, Effect::Revision(_) | Effect::Finding { .. });
        through.retain(told);
        effects.retain(told);
        prop_assert_eq!(through, effects);
    }
}
