//! One session that several sources tell of is one session, and never two that look alike.
//!
//! The harm if it fails: a line and the desktop behind it are two sessions, one of them from
//! nowhere, and nobody reads the findings any more; or one record clears what another says.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::*;
use kukaku_core::engine::Engine;
use kukaku_core::{Effect, Link, SessionEnd, SessionView};
use kukaku_schema::{DurationUs, Observation, Registers, UtcMicros};
use proptest::prelude::*;

/// A line from a registered terminal, and a server that knows nothing but the line's address.
fn line(from: &str, to: &str) -> Vec<Observation> {
    let start = by("vpn", start(from, "v1", "a01", "T"), |o| {
        o.address = Some(name("192.0.2.7"));
        o.inner_address = Some(name("10.8.0.5"));
        o.factors = vec![name("certificate"), name("password")];
    });
    vec![start, by("vpn", end(to, "v1"), |_| {})]
}

fn desktop(from: &str, to: &str, id: &str, source: &str) -> Vec<Observation> {
    let start = by(source, start(from, id, "a01", "T"), |o| {
        o.terminal = None;
        o.address = Some(name("10.8.0.5"));
        o.target = Some(name("srv-1"));
        o.factors = vec![name("password")];
    });
    vec![start, by(source, end(to, id), |_| {})]
}

fn inside() -> Vec<Observation> {
    vec![read("08:00", "z-in", "A"), read("12:00", "z-out", "A")]
}

fn joined(registers: &Registers, story: Vec<Observation>, now: &str) -> Vec<SessionView> {
    let arrivals = told(watched().into_iter().chain(story).filter(|o| instant_of(o) <= at(now)));
    let engine = live(registers, &arrivals, at(now)).0;
    engine.verdicts().map(|(view, _)| view.clone()).collect()
}

#[test]
fn a_line_and_the_desktop_behind_it_are_one_session_with_two_proofs() {
    let story = [inside(), line("09:00", "10:00"), desktop("09:02", "10:01", "w1", "win")].concat();
    let shown = shown_at(story.clone(), "14:00");
    assert_eq!(shown.verdicts.len(), 1, "{:?}", shown.verdicts);
    assert_eq!(shown.verdict("v1"), "present confirmed");
    assert!(of(&shown, "unknown_terminal").is_empty(), "the line knows the terminal");
    assert!(of(&shown, "wrong_terminal_address").is_empty(), "the line gave that address");
    assert!(of(&shown, "single_factor").is_empty(), "the line asked for two");
    let sessions = joined(&site(), story, "14:00");
    let [session] = &sessions[..] else { panic!("{sessions:?}") };
    assert_eq!((session.key.start, session.end), (at("09:00"), SessionEnd::Ended(at("10:01"))), "earliest, latest");
    assert_eq!(session.parts.len(), 2);
    assert_eq!(session.parts.iter().map(|part| part.link).collect::<Vec<_>>(), [Some(Link::Line); 2]);
    assert_eq!(session.proofs.len(), 4, "what either of them said");
}

#[test]
fn he_left_between_the_ends_of_the_two_and_that_is_seen() {
    let story = [
        vec![read("08:00", "z-in", "A"), read("10:00", "z-out", "A")],
        line("09:00", "10:00"),
        desktop("09:02", "10:20", "w1", "win"),
    ];
    let shown = shown_at(story.concat(), "14:00");
    assert_eq!(shown.verdict("v1"), "partial confirmed absent:11-22 10:00:30/11-22 10:20:00");
}

#[test]
fn a_record_that_comes_later_joins_and_one_that_turns_out_to_be_longer_leads() {
    // The desktop is told at once, the line an hour later, though it began before.
    let mut arrivals = told(watched().into_iter().chain(inside()).chain(desktop("09:02", "10:01", "w1", "win")));
    arrivals.extend(line("09:00", "10:00").into_iter().map(|what| Arrives { at: at("13:00"), what }));
    let (engine, effects) = live(&site(), &arrivals, at("14:00"));
    let shown = Shown::of(&engine);
    assert_eq!(shown.verdicts.len(), 1, "{:?}", shown.verdicts);
    assert_eq!(shown.verdict("v1"), "present confirmed");
    assert!(shown.kinds().is_empty(), "{:?}", shown.kinds());
    let gone = effects.iter().filter(|effect| matches!(effect, Effect::SessionGone(_))).count();
    assert_eq!(gone, 1, "what was a session of its own is one no more");
    let again = Shown::of(&at_once(&site(), &arrivals, at("14:00")));
    assert_eq!((shown.verdicts, shown.told), (again.verdicts, again.told));
}

#[test]
fn two_desktops_through_one_line_are_one_session() {
    let more = desktop("09:10", "09:50", "w2", "win-2");
    let same_source = desktop("09:20", "09:40", "w3", "win");
    let story = [inside(), line("09:00", "10:00"), desktop("09:02", "10:00", "w1", "win"), more, same_source];
    let shown = shown_at(story.concat(), "14:00");
    assert_eq!(shown.verdicts.len(), 1, "{:?}", shown.verdicts);
}

#[test]
fn two_lines_at_once_are_two_sessions() {
    let second = by("vpn-2", start("09:10", "v2", "a01", "T"), |o| {
        o.address = Some(name("192.0.2.7"));
        o.inner_address = Some(name("10.8.0.6"));
    });
    let story = [inside(), line("09:00", "10:00"), vec![second, by("vpn-2", end("09:30", "v2"), |_| {})]].concat();
    assert_eq!(shown_at(story.clone(), "14:00").verdicts.len(), 2);
    let limited = site_with("name = \"苫小牧市\"", "name = \"苫小牧市\"\nfacing_terminals = 1");
    assert_eq!(of(&shown_with(&limited, story, "14:00"), "over_concurrency").len(), 1, "and one is too many");
}

#[test]
fn a_desktop_through_a_line_does_not_count_twice() {
    let limited = site_with("name = \"苫小牧市\"", "name = \"苫小牧市\"\nfacing_terminals = 1");
    let story = [inside(), line("09:00", "10:00"), desktop("09:02", "10:01", "w1", "win")].concat();
    assert!(of(&shown_with(&limited, story, "14:00"), "over_concurrency").is_empty());
}

#[test]
fn who_names_another_terminal_is_somebody_else() {
    let other = by("win", start("09:02", "w1", "a01", "T2"), |o| o.address = Some(name("10.8.0.5")));
    let shown = shown_at([inside(), line("09:00", "10:00"), vec![other]].concat(), "14:00");
    assert_eq!(shown.verdicts.len(), 2, "{:?}", shown.verdicts);
    assert_eq!(of(&shown, "shared_account").len(), 1, "one account at two terminals");
}

#[test]
fn another_operators_session_is_never_part_of_it() {
    let other = by("win", start("09:02", "w1", "b01", "T"), |o| {
        (o.terminal, o.address) = (None, Some(name("10.8.0.5")));
    });
    let shown = shown_at([inside(), line("09:00", "10:00"), vec![other]].concat(), "14:00");
    assert_eq!(shown.verdict("v1"), "present confirmed");
    assert_eq!(shown.verdict("w1"), "unknown_terminal -", "nobody knows where the other sits");
}

#[test]
fn what_anybody_could_have_sent_clears_nothing() {
    // The same line, but told by a source of class C.
    let spoofed: Vec<Observation> = line("09:00", "10:00").into_iter().map(|o| by("udp", o, |_| {})).collect();
    let shown = shown_at([inside(), spoofed, desktop("09:02", "10:01", "w1", "win")].concat(), "14:00");
    assert_eq!(shown.verdicts.len(), 1, "it is one session all the same");
    assert_eq!(shown.verdict("v1"), "unknown_terminal -", "but its terminal is not proven");
    let strict = site_with("work_orders = false", "work_orders = false\nfactors = 2");
    let story = [
        inside(),
        line("09:00", "10:00").into_iter().map(|o| by("udp", o, |_| {})).collect(),
        desktop("09:02", "10:01", "w1", "win"),
    ];
    assert_eq!(of(&shown_with(&strict, story.concat(), "14:00"), "single_factor").len(), 1, "nor its second factor");
}

#[test]
fn a_desktop_that_never_said_goodbye_ends_with_its_line() {
    let open: Vec<Observation> = desktop("09:02", "10:00", "w1", "win").into_iter().take(1).collect();
    let story = [inside(), line("09:00", "10:00"), open.clone()].concat();
    let sessions = joined(&site(), story, "14:00");
    assert_eq!(sessions[0].end, SessionEnd::Ended(at("10:00")));
    assert_eq!(sessions[0].parts[1].end, SessionEnd::Open, "what its own source said is kept");
    // The next line with the same address, after a break, is another session.
    let later: Vec<Observation> = [
        by("vpn", start("10:30", "v2", "a01", "T"), |o| o.inner_address = Some(name("10.8.0.5"))),
        by("vpn", end("11:00", "v2"), |_| {}),
    ]
    .into();
    let story = [inside(), line("09:00", "10:00"), open.clone(), later].concat();
    assert_eq!(shown_at(story, "14:00").verdicts.len(), 2);
    // A sign of it after the line's end: it came another way.
    let sign = by("win", sign("11:00", "w1"), |_| {});
    let sessions = joined(&site(), [inside(), line("09:00", "10:00"), open, vec![sign]].concat(), "14:00");
    assert_eq!(sessions[0].end, SessionEnd::Open);
}

#[test]
fn the_terminals_own_log_the_line_and_the_server_are_one() {
    // The terminal's log knows its desk and the server, the line its desk and an address, the server the address.
    let own = by("pc-log", start("08:59", "p1", "a01", "T"), |o| o.target = Some(name("srv-1")));
    let story = [
        inside(),
        vec![own, by("pc-log", end("10:02", "p1"), |_| {})],
        line("09:00", "10:00"),
        desktop("09:02", "10:01", "w1", "win"),
    ];
    let sessions = joined(&site(), story.concat(), "14:00");
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!((sessions[0].key.start, sessions[0].end), (at("08:59"), SessionEnd::Ended(at("10:02"))));
}

#[test]
fn an_order_has_to_name_every_system_that_was_reached() {
    let registers = site_with("name = \"苫小牧市\"\nwork_orders = false", "name = \"苫小牧市\"");
    let ordered = |targets: &[&str]| {
        let mut all = inside();
        for (time, state) in
            [("07:00", kukaku_schema::OrderState::Submitted), ("07:30", kukaku_schema::OrderState::Approved)]
        {
            all.push(but(set(order("09:00", "o1", state), time), |o| {
                (o.from, o.to) = (at("08:30"), at("11:00"));
                o.targets = targets.iter().map(|t| name(t)).collect();
            }));
        }
        all.extend(line("09:00", "10:00"));
        all.extend(desktop("09:02", "10:00", "w1", "win"));
        shown_with(&registers, all, "14:00")
    };
    assert!(of(&ordered(&["srv-1"]), "outside_order").is_empty());
    assert_eq!(of(&ordered(&["srv-2"]), "outside_order").len(), 1);
}

fn set(order: Observation, time: &str) -> Observation {
    but(order, |o| o.device_time = at(time))
}

#[test]
fn the_desks_address_is_the_one_that_the_line_saw() {
    // The server's clock is a little ahead: its record leads, and saw the line's address alone.
    let story = [inside(), line("09:00", "10:00"), desktop("08:59", "10:01", "w1", "win")].concat();
    let sessions = joined(&site(), story.clone(), "14:00");
    assert_eq!(sessions.len(), 1);
    let arrivals = told(watched().into_iter().chain(story));
    let engine = live(&site(), &arrivals, at("14:00")).0;
    let (view, _) = engine.verdicts().next().unwrap();
    let text = |word: Option<_>| word.map(|word| engine.names().text(word).to_owned());
    assert_eq!((text(view.address), text(view.inner_address)), (Some("192.0.2.7".into()), Some("10.8.0.5".into())));
}

#[test]
fn a_record_that_turns_out_to_have_ended_lets_go_of_what_came_later() {
    // A server's record under an id that is used again five minutes later, and a line after both
    // whose address it had: only while nothing was known of the second could they be one.
    let through = |time: &str| {
        by("win", start(time, "w1", "a01", "T"), |o| {
            (o.terminal, o.address) = (None, Some(name("10.8.0.5")));
            o.inner_address = (time == "09:00").then(|| name("10.9.0.1"));
        })
    };
    let last =
        by("vpn", start("10:00", "v2", "a01", "T"), |o| (o.terminal, o.address) = (None, Some(name("10.9.0.1"))));
    let mut arrivals = told([inside(), line("09:00", "10:00"), vec![through("09:00"), last]].concat());
    arrivals.extend(told([through("09:05")]).into_iter().map(|late| Arrives { at: at("10:30"), ..late }));
    let now = at("14:00");
    let (engine, _) = live(&site(), &arrivals, now);
    assert_eq!(Shown::of(&engine).told, Shown::of(&at_once(&site(), &arrivals, now)).told);
    let last = engine.verdicts().find(|(view, _)| engine.names().text(view.key.id) == "v2");
    assert!(last.is_some_and(|(view, _)| view.parts.is_empty()), "a session for itself");
}

/// Records of one morning that have much in common, each with how late it comes.
fn records() -> impl Strategy<Value = Vec<(Observation, i64)>> {
    let source = || prop::sample::select(vec!["vpn", "vpn-2", "win", "pc-log", "udp"]);
    let id = || prop::sample::select(vec!["1", "2"]);
    let moment = || (0_i64..36).prop_map(|n| UtcMicros(at("08:00").0 + n * 300_000_000));
    let address = || prop::option::weighted(0.6, prop::sample::select(vec!["10.8.0.5", "10.8.0.6", "192.0.2.7"]));
    let rest = (address(), address(), prop::option::weighted(0.4, prop::sample::select(vec!["T", "T2"])));
    let target = prop::option::weighted(0.4, prop::sample::select(vec!["srv-1", "srv-2"]));
    let begun = (source(), id(), moment(), rest, target).prop_map(|(source, id, t, (outer, inner, desk), target)| {
        by(source, start("08:00", &format!("{source}-{id}"), "a01", "T"), |o| {
            o.device_time = t;
            (o.address, o.inner_address) = (outer.map(name), inner.map(name));
            (o.terminal, o.target) = (desk.map(name), target.map(name));
        })
    });
    let told = (source(), id(), moment(), any::<bool>()).prop_map(|(source, id, t, ended)| {
        let id = format!("{source}-{id}");
        let mut o = by(source, if ended { end("08:00", &id) } else { sign("08:00", &id) }, |_| {});
        match &mut o {
            Observation::SessionAlive(b) => b.device_time = t,
            Observation::SessionEnded(b) => b.device_time = t,
            _ => {}
        }
        o
    });
    let late = prop_oneof![2 => Just(0_i64), 1 => 0_i64..18_000];
    prop::collection::vec((prop_oneof![3 => begun, 2 => told], late), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn what_belongs_together_does_not_depend_on_the_order_of_arrival(records in records()) {
        let mut seen: Vec<Observation> = Vec::new();
        let mut arrivals = Vec::new();
        for (what, late) in records {
            // The same observation again is no second one.
            if !seen.contains(&what) {
                seen.push(what.clone());
                arrivals.push(Arrives { at: instant_of(&what).plus(DurationUs(late * 1_000_000)), what });
            }
        }
        let mut all = told(watched().into_iter().chain(inside()));
        all.extend(arrivals);
        all.sort_by_key(|arrival| arrival.at);
        let shown = |engine: &Engine| {
            let views: Vec<String> = engine.verdicts().map(|(view, revision)| {
                let name = |part: &kukaku_core::SessionPart| engine.names().text(part.key.id).to_owned();
                let parts: Vec<_> = view.parts.iter().map(|part| (name(part), part.link, part.end)).collect();
                format!("{} {:?} {:?} {parts:?}", engine.names().text(view.key.id), view.end, revision.verdict)
            }).collect();
            (views.into_iter().collect::<BTreeSet<_>>(), Shown::of(engine).told)
        };
        let now = at("20:00");
        let (engine, _) = live(&site(), &all, now);
        prop_assert_eq!(shown(&engine), shown(&at_once(&site(), &all, now)));
        // Within a session nothing contradicts itself.
        for (view, _) in engine.verdicts() {
            let desks: BTreeSet<_> = view.parts.iter().filter_map(|part| part.terminal).collect();
            prop_assert!(desks.len() <= 1, "{:?}", view);
            prop_assert!(view.parts.iter().all(|part| part.link.is_some() && part.key.start >= view.key.start));
        }
    }
}
