//! What a NAS tells over time, and what becomes of it.

use std::net::{IpAddr, Ipv4Addr};

use kukaku_schema::{Name, Observation, UtcMicros};

use super::*;

/// A NAS and what listens to it. Times are whole seconds.
struct Scene {
    memory: Accounting,
    source: Name,
}

impl Scene {
    fn new() -> Self {
        Self { memory: Accounting::new(UtcMicros(0)), source: Name::new("vpn-1").unwrap() }
    }

    fn hear(&mut self, request: &Request, received_s: i64) -> Outcome {
        let bytes = request.sign();
        let heard = Heard {
            packet: Packet::decode(&bytes).unwrap(),
            source: &self.source,
            sender: IpAddr::V4(Ipv4Addr::LOCALHOST),
            received: UtcMicros(received_s * 1_000_000),
        };
        self.memory.hear(heard).unwrap()
    }

    /// Hears a request and keeps it: `kind session @seconds` of each observation.
    fn told(&mut self, request: &Request, received_s: i64) -> Vec<String> {
        let outcome = self.hear(request, received_s);
        self.memory.settle(outcome.effect, true);
        outcome.observations.iter().map(shown).collect()
    }
}

fn shown(observation: &Observation) -> String {
    let header = observation.header();
    let at = header.device_time.unwrap().0 / 1_000_000;
    let word = observation.kind().word();
    match observation {
        Observation::SessionStarted(o) => format!("{word} {} {} @{at}", o.session, o.account),
        Observation::SessionAlive(o) => format!("{word} {} @{at}", o.session),
        Observation::SessionEnded(o) => {
            format!("{word} {} {} @{at}", o.session, o.reason.as_ref().map_or("-", Name::as_str))
        }
        _ => format!("{word} @{at}"),
    }
}

fn event_id(observation: &Observation) -> &str {
    observation.header().event_id.unwrap().as_str()
}

#[test]
fn a_session_from_its_start_to_its_end() {
    let mut scene = Scene::new();
    let start = Request::session(1, "7", 1000).text(31, "203.0.113.5").bytes(8, &[10, 0, 0, 7]);
    let outcome = scene.hear(&start, 1001);
    let Observation::SessionStarted(started) = &outcome.observations[0] else { panic!("{outcome:?}") };
    assert_eq!(started.source.as_str(), "vpn-1");
    assert_eq!(started.session.as_str(), "vpn-gw/7");
    assert_eq!(started.account.as_str(), "a01");
    assert_eq!(started.address.as_ref().unwrap().as_str(), "203.0.113.5");
    assert_eq!(started.inner_address.as_ref().unwrap().as_str(), "10.0.0.7");
    assert_eq!(event_id(&outcome.observations[0]), "start:vpn-gw/7@1970-01-01T00:16:40Z");
    scene.memory.settle(outcome.effect, true);
    assert_eq!(scene.told(&Request::session(3, "7", 1600).number(46, 600), 1600), ["session.alive vpn-gw/7 @1600"]);
    let stop = Request::session(2, "7", 9000).number(46, 8000).number(49, 4);
    assert_eq!(scene.told(&stop, 9000), ["session.ended vpn-gw/7 idle-timeout @9000"]);
}

#[test]
fn every_cause_of_an_end_has_a_word() {
    let mut scene = Scene::new();
    let mut reason = |cause: u32| scene.told(&Request::session(2, "7", 9).number(49, cause), 9).remove(0);
    assert_eq!(reason(1), "session.ended vpn-gw/7 user-request @9");
    assert_eq!(reason(11), "session.ended vpn-gw/7 nas-reboot @9");
    assert_eq!(reason(23), "session.ended vpn-gw/7 lost-power @9");
    assert_eq!(reason(0), "session.ended vpn-gw/7 terminate-cause-0 @9");
    assert_eq!(reason(u32::MAX), "session.ended vpn-gw/7 terminate-cause-4294967295 @9");
}

#[test]
fn a_start_that_was_never_heard_is_derived_from_the_length() {
    let mut scene = Scene::new();
    let stop = Request::session(2, "7", 9000).number(46, 8000);
    let outcome = scene.hear(&stop, 9001);
    assert_eq!(event_id(&outcome.observations[0]), "derived-start:vpn-gw/7@1970-01-01T00:16:40Z");
    assert_eq!(event_id(&outcome.observations[1]), "end:vpn-gw/7@1970-01-01T02:30:00Z");
    scene.memory.settle(outcome.effect, false);
    let both = ["session.started vpn-gw/7 a01 @1000", "session.ended vpn-gw/7 - @9000"];
    assert_eq!(scene.told(&stop, 9002), both, "it was not kept, and is said again");
    assert_eq!(scene.told(&stop, 9003), both[1..], "kept, and sent again");
    let alive = Request::session(3, "8", 9000).number(46, 8000);
    assert_eq!(scene.told(&alive, 9000), ["session.started vpn-gw/8 a01 @1000", "session.alive vpn-gw/8 @9000"]);
    let alive = Request::session(3, "8", 9600).number(46, 8601);
    assert_eq!(scene.told(&alive, 9600), ["session.alive vpn-gw/8 @9600"], "once");
}

#[test]
fn no_start_is_derived_that_may_still_come_or_may_have_come_before() {
    let mut scene = Scene::new();
    let young = Request::session(2, "7", 9000).number(46, 299);
    assert_eq!(scene.told(&young, 9000), ["session.ended vpn-gw/7 - @9000"]);
    assert_eq!(scene.told(&Request::session(1, "7", 8701), 9004), ["session.started vpn-gw/7 a01 @8701"]);
    let before_us = Request::session(2, "8", 9000).number(46, 9001);
    assert_eq!(scene.told(&before_us, 9000), ["session.ended vpn-gw/8 - @9000"]);
    let nameless = Request::session(2, "9", 9000).number(46, 8000).without(1);
    assert_eq!(scene.told(&nameless, 9000), ["session.ended vpn-gw/9 - @9000"]);
    let known = Name::new("vpn-gw/10").unwrap();
    scene.memory.remember(&scene.source.clone(), &known);
    assert_eq!(scene.told(&Request::session(2, "10", 9000).number(46, 8000), 9000).len(), 1);
}

#[test]
fn a_start_that_was_not_kept_counts_as_unheard() {
    let mut scene = Scene::new();
    let lost = scene.hear(&Request::session(1, "7", 1000), 1000);
    scene.memory.settle(lost.effect, false);
    let stop = Request::session(2, "7", 9000).number(46, 8000);
    assert_eq!(scene.told(&stop, 9000), ["session.started vpn-gw/7 a01 @1000", "session.ended vpn-gw/7 - @9000"]);
}

#[test]
fn a_reboot_ends_the_sessions_of_that_nas_alone() {
    let mut scene = Scene::new();
    for id in ["7", "8", "9"] {
        scene.told(&Request::session(1, id, 1000), 1000);
    }
    scene.told(&Request::session(2, "8", 1500), 1500);
    scene.told(&Request::session(1, "7", 1000).without(32).text(32, "vpn-gw2"), 1000);
    scene.told(&Request::session(1, "7", 1000).without(32).text(32, "vpn-gw/7"), 1000);
    let on = Request::new(7).text(32, "vpn-gw").number(55, 2000);
    let outcome = scene.hear(&on, 2001);
    let both =
        ["source.alive @2000", "session.ended vpn-gw/7 nas-reboot @2000", "session.ended vpn-gw/9 nas-reboot @2000"];
    assert_eq!(outcome.observations.iter().map(shown).collect::<Vec<_>>(), both);
    assert_eq!(event_id(&outcome.observations[0]), "on:vpn-gw@1970-01-01T00:33:20Z");
    assert_eq!(event_id(&outcome.observations[1]), "reboot:vpn-gw/7@1970-01-01T00:33:20Z");
    // Not kept: said again. Meanwhile somebody dialled in, and got a number that was used before.
    scene.memory.settle(outcome.effect, false);
    let again = scene.hear(&on, 2002);
    assert_eq!(again.observations.len(), 3);
    scene.told(&Request::session(1, "9", 2002), 2002);
    scene.memory.settle(again.effect, true);
    let off = Request::new(8).text(32, "vpn-gw").number(55, 3000);
    assert_eq!(scene.told(&off, 3000), ["source.alive @3000", "session.ended vpn-gw/9 nas-reboot @3000"]);
    assert_eq!(scene.told(&on, 3001), ["source.alive @2000"]);
}

#[test]
fn what_comes_late_opens_nothing_again() {
    let mut scene = Scene::new();
    scene.told(&Request::session(1, "7", 1000), 1000);
    scene.told(&Request::session(2, "7", 2000), 2000);
    assert_eq!(scene.told(&Request::session(3, "7", 1900), 2001), ["session.alive vpn-gw/7 @1900"]);
    assert_eq!(scene.told(&Request::session(1, "7", 1000), 2002), ["session.started vpn-gw/7 a01 @1000"]);
    assert_eq!(scene.told(&Request::new(7).text(32, "vpn-gw").number(55, 3000), 3000), ["source.alive @3000"]);
}

#[test]
fn a_retransmission_says_the_same_under_the_same_id() {
    let mut scene = Scene::new();
    let stamped = Request::session(1, "7", 1000);
    assert_eq!(scene.hear(&stamped, 1000).observations, scene.hear(&stamped, 1009).observations);
    // Without a time of its own: the same packet again, and once more with another delay and number.
    let bare = Request::session(1, "8", 0).without(55);
    let first = scene.hear(&bare, 2000).observations;
    assert_eq!(event_id(&first[0]), "start:vpn-gw/8@1970-01-01T00:33:20Z");
    assert_eq!(scene.hear(&bare, 2005).observations, first);
    let later = bare.clone().number(41, 11).identifier(8);
    assert_eq!(scene.hear(&later, 2010).observations, first);
    // Much later the same words are another event.
    assert_ne!(scene.hear(&bare, 3000).observations, first);
}

#[test]
fn other_statuses_and_status_server() {
    let mut scene = Scene::new();
    for status in [0, 9, 14, 15, 4000] {
        let outcome = scene.hear(&Request::session(status, "7", 9), 9);
        assert_eq!((outcome.status, outcome.observations.len()), (Some(Status::Other(status)), 0));
    }
    let outcome = scene.hear(&Request::empty(12).vouched(), 50);
    assert_eq!(outcome.status, None);
    assert_eq!(outcome.observations.iter().map(shown).collect::<Vec<_>>(), ["source.alive @50"]);
}

#[test]
fn the_memory_is_bounded_and_says_what_it_forgot() {
    let mut scene = Scene::new();
    for id in 0..OPEN_MAX + 3 {
        scene.told(&Request::session(1, &id.to_string(), 1000), 1000);
    }
    assert_eq!(scene.memory.forgotten(), 3);
    let forgotten = Request::session(2, "0", 900).number(46, 800);
    assert_eq!(scene.told(&forgotten, 900).len(), 1, "its start was heard, and forgotten: none is derived");
    for id in 0..OPEN_MAX + 3 {
        scene.told(&Request::session(2, &id.to_string(), 2000), 2000);
    }
    assert_eq!(scene.memory.counts(), [0, 0, CLOSED_MAX, CLOSED_MAX]);
    for at in 0..REPEATS_MAX + 9 {
        scene.told(&Request::session(3, &at.to_string(), 0).without(55), 5000);
    }
}
