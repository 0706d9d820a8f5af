//! Whether a session was allowed: orders, and what is agreed with the city.
//!
//! The harm if one fails: somebody works on a city's systems whom the city never allowed to.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_schema::{Observation, OrderState, Registers, Severity, UtcMicros, registers};

/// The site of the stories, where Tomakomai demands orders; `more` is agreed with it too.
fn ordered(more: &str) -> Registers {
    let as_it_is = "name = \"苫小牧市\"\nwork_orders = false";
    assert!(SITE.contains(as_it_is));
    let text = SITE.replace(as_it_is, &format!("name = \"苫小牧市\"\n{more}"));
    registers::parse(&text, "site").unwrap()
}

/// A is inside from 08:00 to 13:00, and `story` happens.
fn told_with(more: &str, story: &[Observation], now: &str) -> Shown {
    let inside = [read("08:00", "z-in", "A"), read("13:00", "z-out", "A")];
    shown_with(&ordered(more), [&inside, story].concat(), now)
}

/// What is wrong with the permission, with spans.
fn wrong(shown: &Shown) -> Vec<String> {
    let kinds = ["no_order", "order_pending", "outside_order", "client_frozen", "backdated"];
    let of_kind = |kind: &&str| {
        let clock = |t: UtcMicros| {
            if t == UtcMicros::MAX {
                "...".to_owned()
            } else {
                t.plus(kukaku_schema::DurationUs::from_secs(9 * 3600)).to_rfc3339_utc()[11..16].to_owned()
            }
        };
        of(shown, kind)
            .into_iter()
            .map(|f| format!("{kind} {}-{}", clock(f.span.start), clock(f.span.end)))
            .collect::<Vec<_>>()
    };
    kinds.iter().flat_map(of_kind).collect()
}

fn during(from: &str, to: &str) -> Vec<Observation> {
    session(from, to, "s", "a01", "T").to_vec()
}

fn with(orders: &[Observation], from: &str, to: &str) -> Vec<String> {
    wrong(&told_with("", &[orders.to_vec(), during(from, to)].concat(), "14:00"))
}

#[test]
fn without_an_order_that_the_city_approved_a_session_has_none() {
    let at_seven = |state| [order("07:00", "o", state)];
    assert_eq!(with(&[], "09:05", "09:50"), ["no_order 09:05-09:50"]);
    assert_eq!(with(&at_seven(OrderState::Submitted), "09:05", "09:50"), ["no_order 09:05-09:50"]);
    assert_eq!(with(&at_seven(OrderState::Rejected), "09:05", "09:50"), ["no_order 09:05-09:50"]);
    assert!(with(&at_seven(OrderState::Approved), "09:05", "09:50").is_empty());
    assert!(with(&at_seven(OrderState::InProgress), "09:05", "09:50").is_empty());
    // Where no order is demanded, none is missed.
    let free = wrong(&told_with("work_orders = false", &during("09:05", "09:50"), "14:00"));
    assert!(free.is_empty(), "{free:?}");
}

#[test]
fn an_order_holds_for_its_period_with_five_minutes_at_each_end_its_operators_and_its_targets() {
    let approved = [order("07:00", "o", OrderState::Approved)];
    assert!(with(&approved, "08:55", "10:05").is_empty(), "five minutes are borne");
    assert_eq!(with(&approved, "08:54", "10:04"), ["outside_order 08:54-08:55"]);
    assert_eq!(with(&approved, "09:30", "11:00"), ["outside_order 10:05-11:00"]);
    let for_b = but(approved[0].clone(), |order| order.operators = vec![name("B")]);
    assert_eq!(with(&[for_b], "09:05", "09:50"), ["outside_order 09:05-09:50"], "another operator");
    let on = |target: &str| but(approved[0].clone(), |order| order.targets = vec![name(target)]);
    let reaching = |target: &str| {
        let [begin, end] = session("09:05", "09:50", "s", "a01", "T");
        let Observation::SessionStarted(mut begin) = begin else { unreachable!() };
        begin.target = Some(name(target));
        [Observation::SessionStarted(begin), end]
    };
    let found =
        |order: Observation, target: &str| wrong(&told_with("", &[&[order][..], &reaching(target)].concat(), "14:00"));
    assert!(found(on("kihon-db01"), "kihon-db01").is_empty());
    assert_eq!(found(on("kihon-db01"), "zei-db01"), ["outside_order 09:05-09:50"]);
    assert!(found(approved[0].clone(), "zei-db01").is_empty(), "an order that names none is for all");
}

#[test]
fn adjoining_orders_add_up() {
    let next =
        but(order("07:00", "o2", OrderState::Approved), |order| (order.from, order.to) = (at("10:08"), at("11:00")));
    let both = [order("07:00", "o", OrderState::Approved), next];
    assert!(with(&both, "09:05", "10:50").is_empty(), "each with its five minutes");
    assert_eq!(with(&both[..1], "09:05", "10:50"), ["outside_order 10:05-10:50"]);
}

#[test]
fn what_the_city_allows_later_allows_nothing_before_and_what_it_takes_back_nothing_after() {
    let steps = |state, time: &str| [order("07:00", "o", OrderState::Submitted), order(time, "o", state)];
    assert_eq!(with(&steps(OrderState::Approved, "09:20"), "09:05", "09:50"), ["outside_order 09:05-09:20"]);
    let taken_back = [order("07:00", "o", OrderState::Approved), order("09:20", "o", OrderState::Withdrawn)];
    assert_eq!(with(&taken_back, "09:05", "09:50"), ["outside_order 09:20-09:50"]);
    // A longer period written after the fact doesn't reach back.
    let longer = but(order("11:00", "o", OrderState::Approved), |order| order.to = at("12:00"));
    assert_eq!(
        with(&[order("07:00", "o", OrderState::Approved), longer], "09:30", "10:40"),
        ["outside_order 10:05-10:40"]
    );
}

#[test]
fn an_emergency_waits_for_the_city_and_has_no_order_from_its_start_when_the_time_is_over() {
    let emergency = |time: &str, state| but(order(time, "e", state), |order| order.emergency = true);
    let agreed = "emergency_approval = \"2h\"";
    let story = |more: &[Observation]| {
        [&[emergency("09:04", OrderState::Submitted)][..], more, &during("09:05", "09:50")].concat()
    };
    assert_eq!(wrong(&told_with(agreed, &story(&[]), "11:00")), ["order_pending 09:05-09:50"]);
    assert_eq!(wrong(&told_with(agreed, &story(&[]), "11:04:01")), ["no_order 09:05-09:50"]);
    let in_time = story(&[emergency("10:30", OrderState::Approved)]);
    assert!(wrong(&told_with(agreed, &in_time, "14:00")).is_empty());
    let too_late = story(&[emergency("11:30", OrderState::Approved)]);
    assert_eq!(wrong(&told_with(agreed, &too_late, "14:00")), ["no_order 09:05-09:50"]);
    let refused = story(&[emergency("09:30", OrderState::Rejected)]);
    assert_eq!(wrong(&told_with(agreed, &refused, "10:00")), ["no_order 09:05-09:50"]);
}

#[test]
fn an_approval_written_down_after_the_session_clears_it_and_is_found() {
    let mut arrivals = told(watched().into_iter().chain([read("08:00", "z-in", "A")]).chain(during("09:05", "09:50")));
    let approved = order("08:30", "o", OrderState::Approved);
    arrivals.push(Arrives { at: at("11:00"), what: approved });
    let shown = shown_of(&ordered(""), &arrivals, at("14:00"));
    assert_eq!(wrong(&shown), ["backdated 09:05-09:50"], "paper that came later");
}

#[test]
fn a_session_that_goes_on_is_told_when_its_order_ends() {
    let approved = order("07:00", "o", OrderState::Approved);
    let story = [approved, start("09:05", "s", "a01", "T")];
    assert!(wrong(&told_with("", &story, "10:05:50")).is_empty());
    assert_eq!(wrong(&told_with("", &story, "10:05:51")), ["outside_order 10:05-..."]);
}

#[test]
fn a_frozen_client_a_zone_it_did_not_allow_and_too_few_factors() {
    let frozen = "frozen = true\nvalid_from = \"2026-11-22T09:30:00+09:00\"\n[[client]]\nid = \"tomakomai\"\nname = \"苫小牧市\"\nvalid_to = \"2026-11-22T09:30:00+09:00\"";
    let approved = order("07:00", "o", OrderState::Approved);
    let story = [vec![approved.clone()], during("09:05", "09:50")].concat();
    assert_eq!(wrong(&told_with(frozen, &story, "14:00")), ["client_frozen 09:30-09:50"]);
    let shown = told_with("zones = [\"y\"]", &story, "14:00");
    assert_eq!(one(&shown, "zone_not_permitted").severity, Severity::Critical);
    assert!(of(&told_with("zones = [\"z\"]", &story, "14:00"), "zone_not_permitted").is_empty());
    let with_factors = |factors: &[&str]| {
        let [begin, end] = session("09:05", "09:50", "s", "a01", "T");
        let Observation::SessionStarted(mut begin) = begin else { unreachable!() };
        begin.factors = factors.iter().map(|f| name(f)).collect();
        told_with("", &[approved.clone(), Observation::SessionStarted(begin), end], "14:00")
    };
    one(&with_factors(&["password"]), "single_factor");
    for enough in [&["password", "totp"][..], &[]] {
        assert!(of(&with_factors(enough), "single_factor").is_empty(), "{enough:?}; none told is none known");
    }
}

#[test]
fn hours_and_length_are_as_agreed() {
    let approved = but(order("07:00", "o", OrderState::Approved), |order| order.to = at("23:00"));
    let story = [vec![approved.clone()], during("09:05", "12:00")].concat();
    let found = told_with("hours = \"09:30-11:30\"\nmax_length = \"2h\"", &story, "14:00");
    let span = one(&found, "outside_hours").span;
    assert_eq!((span.start, span.end), (at("09:05"), at("12:00")), "before and after");
    assert_eq!(one(&found, "overlong").span.start, at("11:05"));
    let inside = told_with("hours = \"09:00-12:00\"\nmax_length = \"3h\"", &story, "14:00");
    assert!(of(&inside, "outside_hours").is_empty() && of(&inside, "overlong").is_empty());
    // While it goes on it is told when the hours end.
    let open = [approved, start("09:05", "s", "a01", "T")];
    assert!(of(&told_with("hours = \"09:00-11:00\"", &open, "11:00:50"), "outside_hours").is_empty());
    assert_eq!(one(&told_with("hours = \"09:00-11:00\"", &open, "11:00:51"), "outside_hours").span.start, at("11:00"));
}

#[test]
fn more_sessions_at_once_than_facing_terminals_are_too_many_until_enough_have_ended() {
    let approved = but(order("07:00", "o", OrderState::Approved), |order| order.to = at("23:00"));
    let three = [
        vec![approved],
        session("09:00", "10:00", "s1", "a01", "T").to_vec(),
        session("09:10", "09:40", "s2", "a01", "T").to_vec(),
        session("09:20", "11:00", "s3", "a01", "T").to_vec(),
    ]
    .concat();
    let found = told_with("facing_terminals = 2", &three, "14:00");
    let span = one(&found, "over_concurrency").span;
    assert_eq!((span.start, span.end), (at("09:20"), at("09:40")), "then two are left");
    assert!(of(&told_with("facing_terminals = 3", &three, "14:00"), "over_concurrency").is_empty());
    assert_eq!(of(&told_with("facing_terminals = 1", &three, "14:00"), "over_concurrency").len(), 2);
    assert!(of(&told_with("", &three, "14:00"), "over_concurrency").is_empty());
}

#[test]
fn a_report_is_due_three_working_days_after_the_order_and_a_holiday_is_none() {
    // 2026-11-22 is a Sunday; the 23rd, 24th and 25th work.
    let approved = order("07:00", "o", OrderState::Approved);
    let due = |registers: &Registers, story: &[Observation], now: &str| {
        let arrivals = told(watched().into_iter().chain(story.iter().cloned()));
        let now = UtcMicros::parse_rfc3339(now).unwrap();
        of(&shown_of(registers, &arrivals, now), "report_missing").len()
    };
    let site = ordered("");
    assert_eq!(due(&site, std::slice::from_ref(&approved), "2026-11-25T23:59:59+09:00"), 0);
    assert_eq!(due(&site, std::slice::from_ref(&approved), "2026-11-26T00:00:00+09:00"), 1);
    let reported = [approved.clone(), order("12:00", "o", OrderState::Reported)];
    assert_eq!(due(&site, &reported, "2026-11-26T00:00:00+09:00"), 0);
    let text = SITE.replace("name = \"苫小牧市\"\nwork_orders = false", "name = \"苫小牧市\"").replacen(
        "name = \"札幌保守センター\"",
        "name = \"札幌保守センター\"\nholidays = [\"2026-11-23\"]",
        1,
    );
    let with_holiday = registers::parse(&text, "site").unwrap();
    assert_eq!(due(&with_holiday, std::slice::from_ref(&approved), "2026-11-26T23:59:59+09:00"), 0);
    assert_eq!(due(&with_holiday, &[approved], "2026-11-27T00:00:00+09:00"), 1);
}

/// kukaku looks after itself: while something is not well it is a finding, and none afterwards.
#[test]
fn a_disk_that_fills_is_a_finding_until_there_is_room_again() {
    let state = |time: &str, good: bool| {
        Observation::SystemState(kukaku_schema::observation::SystemState {
            source: name("kukaku"),
            epoch: None,
            seq: None,
            event_id: None,
            device_time: at(time),
            concern: kukaku_schema::observation::SystemConcern::DiskLow,
            good,
            note: None,
        })
    };
    let shown = shown_at([state("09:00", false), state("09:01", false)], "10:00");
    let found = one(&shown, "disk_low");
    assert_eq!((found.span.start, found.span.end), (at("09:00"), UtcMicros::MAX));
    assert!(of(&shown_at([state("09:00", false), state("09:30", true)], "10:00"), "disk_low").is_empty());
    let again = shown_at([state("09:00", false), state("09:30", true), state("09:40", false)], "10:00");
    assert_eq!(one(&again, "disk_low").span.start, at("09:40"));
}
