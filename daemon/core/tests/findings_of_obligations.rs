//! Pledges, trainings, permits and certificates: what was missing when a session began, and what
//! has run out since.
//!
//! The harm if one fails: somebody works on a city's systems who never promised to keep its
//! secrets, or from a room that the city has not seen.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use kukaku_core::Names;
use kukaku_core::engine::{Engine, Input, Mode};
use kukaku_core::{Effect, FindingChange};
use kukaku_schema::{Registers, Severity, registers};

/// The site of the stories, where Tomakomai also demands `agreed`, and `more` is registered.
fn with(agreed: &str, more: &str) -> Registers {
    let as_it_is = "name = \"苫小牧市\"\nwork_orders = false";
    assert!(SITE.contains(as_it_is));
    let text = SITE.replace(as_it_is, &format!("{as_it_is}\n{agreed}"));
    registers::parse(&format!("{text}\n{more}"), "site").unwrap()
}

/// A is inside from 08:00 to 13:00 and has a session from 09:05 to 09:50 on 2026-11-22.
fn told_at(registers: &Registers, now: &str) -> Shown {
    let [begin, end] = session("09:05", "09:50", "s", "a01", "T");
    shown_with(registers, vec![read("08:00", "z-in", "A"), begin, end, read("13:00", "z-out", "A")], now)
}

/// What is wrong with the session, and what beside it, each with its kind and what it names first.
fn wrong(agreed: &str, more: &str) -> Vec<String> {
    let shown = told_at(&with(agreed, more), "14:00");
    let kinds = ["pledge_missing", "training_expired", "certificate_expired", "zone_not_permitted", "backdated"];
    let line = |kind: &&str| {
        let of =
            of(&shown, kind).into_iter().map(|f| if f.span.end < kukaku_schema::UtcMicros::MAX { "" } else { "+" });
        of.map(|open| format!("{kind}{open}")).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = kinds.iter().flat_map(line).collect();
    all.sort();
    all
}

fn paper(table: &str, of: &str, date: &str, until: Option<&str>) -> String {
    let until = until.map_or_else(String::new, |until| format!("until = \"{until}\"\n"));
    let topic = if table == "training" { "topic = \"情報セキュリティ\"\n" } else { "" };
    format!("[[{table}]]\nid = \"{table}-{date}\"\n{of}\ndate = \"{date}\"\n{topic}{until}")
}

const A: &str = "operator = \"A\"";

#[test]
fn nothing_is_demanded_of_anybody_where_the_site_says_nothing() {
    assert!(wrong("", "").is_empty());
    assert!(wrong("", &paper("pledge", A, "2030-01-01", None)).is_empty());
}

#[test]
fn who_gave_no_pledge_opens_a_session_and_is_found() {
    let shown = told_at(&with("pledge = true", ""), "14:00");
    let found = one(&shown, "pledge_missing");
    assert_eq!((found.severity, found.span.start, found.span.end), (Severity::Medium, at("09:05"), at("09:50")));
    assert_eq!(wrong("pledge = true", &paper("pledge", A, "2026-11-22", None)), [""; 0], "on the day itself");
    assert_eq!(wrong("pledge = true", &paper("pledge", A, "2026-11-23", None)), ["pledge_missing"]);
    assert_eq!(wrong("pledge = true", &paper("pledge", A, "2026-04-01", Some("2026-11-21"))), ["pledge_missing"]);
    assert_eq!(wrong("pledge = true", &paper("pledge", "operator = \"B\"", "2026-04-01", None)), ["pledge_missing"]);
    let to_another = paper("pledge", "operator = \"A\"\nclient = \"chitose\"", "2026-04-01", None);
    assert_eq!(wrong("pledge = true", &to_another), ["pledge_missing"]);
}

#[test]
fn a_training_counts_through_its_last_day_and_its_end_is_found_by_itself() {
    let trained = |until| wrong("training = true", &paper("training", A, "2026-04-01", Some(until)));
    assert_eq!(wrong("training = true", ""), ["training_expired"], "never");
    assert_eq!(trained("2026-11-22"), [""; 0], "the last day");
    assert_eq!(trained("2026-11-21"), ["training_expired", "training_expired+"], "at the session, and since");
    let again = [paper("training", A, "2025-04-01", Some("2026-03-31")), paper("training", A, "2026-04-01", None)];
    assert_eq!(wrong("training = true", &again.concat()), [""; 0], "renewed");
}

#[test]
fn a_term_that_passes_wakes_the_engine_at_midnight_and_a_new_training_ends_it() {
    let short = paper("training", A, "2026-04-01", Some("2026-11-22"));
    let site = with("training = true", &short);
    let mut engine = Engine::new(&site, Names::new(), Mode::Live).unwrap();
    engine.step(at("14:00"), Input::Time);
    assert_eq!(engine.next_wake(), Some(at("+00:00")));
    let told = |effects: &[Effect]| {
        let of = |effect: &Effect| match effect {
            Effect::Finding { at, change: FindingChange::Opened(f), .. } => {
                Some(format!("opened {} {}", f.key.kind.word(), at.0 == f.span.start.0))
            }
            Effect::Finding { change: FindingChange::Resolved(key), .. } => {
                Some(format!("resolved {}", key.kind.word()))
            }
            _ => None,
        };
        effects.iter().filter_map(of).filter(|t| t.contains("training")).collect::<Vec<_>>()
    };
    assert_eq!(told(&engine.step(at("+09:00"), Input::Time)), ["opened training_expired true"]);
    let longer = with("training = true", &(short + &paper("training", A, "2026-11-23", None)));
    let effects = engine.step(at("+10:00"), Input::Registers { entry: 99, registers: &longer });
    assert_eq!(told(&effects), ["resolved training_expired"]);
}

#[test]
fn who_has_left_needs_no_training() {
    let left = with("training = true", &paper("training", A, "2026-04-01", Some("2026-11-20")));
    let mut left = left;
    for operator in left.operators.iter_mut().filter(|o| o.row.id == "A") {
        operator.valid.end = at("+00:00");
    }
    assert_eq!(of(&told_at(&left, "14:00"), "training_expired").len(), 2);
    assert_eq!(of(&told_at(&left, "+00:01"), "training_expired").len(), 1, "the session's alone");
}

#[test]
fn a_zone_is_used_from_its_permit_on_and_until_that_ends() {
    let zone = |date, until| wrong("", &paper("permit", "zone = \"z\"", date, until));
    assert_eq!(zone("2026-11-23", None), ["zone_not_permitted"]);
    assert_eq!(zone("2026-11-22", None), [""; 0]);
    // Since: terminals of no client in particular stand there, for both clients and the inner zone.
    let ended = zone("2026-04-01", Some("2026-11-21"));
    assert_eq!(ended.iter().filter(|f| *f == "certificate_expired").count(), 1, "{ended:?}");
    assert!(ended.contains(&"certificate_expired+".to_owned()), "{ended:?}");
    assert_eq!(wrong("permit = true", ""), ["zone_not_permitted"], "where each needs one");
    let of_another = paper("permit", "zone = \"z\"\nclient = \"chitose\"", "2026-04-01", None);
    assert_eq!(wrong("permit = true", &of_another), ["zone_not_permitted"]);
    let around = SITE.replace("id = \"T\"\nzone = \"z\"", "id = \"T\"\nzone = \"inner\"");
    let around = registers::parse(&format!("{around}\n{}", paper("permit", "zone = \"z\"", "2026-04-01", None)), "f");
    assert!(
        of(&told_at(&around.unwrap(), "14:00"), "zone_not_permitted").is_empty(),
        "the zone around it is permitted"
    );
}

#[test]
fn certificates_of_people_and_consents_to_companies_end() {
    let own = paper("permit", A, "2026-04-01", Some("2026-11-21"));
    assert_eq!(wrong("", &own), ["certificate_expired", "certificate_expired+"]);
    let employed = |consent: &str, agreed: &str| {
        let site = with(
            agreed,
            &format!(
                "[[company]]\nid = \"main\"\nname = \"本社\"\n[[company]]\nid = \"sub\"\nname = \"再委託先\"\nsubcontracted_by = \"main\"\n{consent}"
            ),
        );
        let mut site = site;
        for operator in site.operators.iter_mut().filter(|o| o.row.id == "A") {
            operator.row.company = Some("sub".to_owned());
        }
        of(&told_at(&site, "14:00"), "certificate_expired").len()
    };
    let zones = paper("permit", "zone = \"z\"", "2026-04-01", None).replace("permit-2026", "zone-2026");
    let consent = |until| paper("permit", "company = \"sub\"\nclient = \"tomakomai\"", "2026-04-01", until);
    assert_eq!(employed("", ""), 0, "not demanded");
    assert_eq!(employed(&zones, "permit = true"), 1, "the city never consented");
    assert_eq!(employed(&(zones.clone() + &consent(None)), "permit = true"), 0);
    assert_eq!(employed(&consent(Some("2026-11-21")), ""), 2, "at the session, and since");
}
