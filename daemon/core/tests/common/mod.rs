//! A small site and a way to tell stories about it in one line each.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

mod say;

use std::collections::BTreeMap;

pub use say::*;

use kukaku_core::engine::{Engine, Input, Known, Mode};
use kukaku_core::{Effect, Fact, Finding, Names};
use kukaku_schema::observation::{canonical_bytes, content_hash};
use kukaku_schema::{Observation, Registers, SiteZone, Span, UtcMicros, registers};

pub const SITE: &str = include_str!("site.toml");

pub fn site() -> Registers {
    registers::parse(SITE, "site").unwrap()
}

/// `"09:05:20"` on the day of the stories, `"+03:00"` on the next, `"-18:00"` on the day before.
pub fn at(text: &str) -> UtcMicros {
    let (day, clock) = match text.as_bytes()[0] {
        b'+' => ("2026-11-23", &text[1..]),
        b'-' => ("2026-11-21", &text[1..]),
        _ => ("2026-11-22", text),
    };
    let clock = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_owned() };
    UtcMicros::parse_rfc3339(&format!("{day}T{clock}+09:00")).unwrap()
}

pub fn fact_of(o: &Observation, entry: u64, recorded_at: UtcMicros, names: &mut Names) -> Fact {
    Fact::of(o, entry, recorded_at, &content_hash(&canonical_bytes(o)), names)
}

/// An observation and when it reached us.
#[derive(Debug, Clone)]
pub struct Arrives {
    pub at: UtcMicros,
    pub what: Observation,
}

pub fn instant_of(o: &Observation) -> UtcMicros {
    o.header().device_time.or(o.stated_span().map(|s| s.end)).unwrap()
}

/// What is shown of a site at an instant, in words.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    pub verdicts: BTreeMap<String, String>,
    pub findings: BTreeMap<String, Finding>,
    pub told: Vec<String>,
    pub stays: Vec<String>,
}

impl Shown {
    pub fn of(engine: &Engine) -> Self {
        let names = engine.names();
        let tokyo = SiteZone::named("Asia/Tokyo").unwrap();
        let clock = |t: UtcMicros| {
            if t == UtcMicros::MAX {
                String::new()
            } else {
                tokyo.rfc3339(t)[5..].replace("+09:00", "").replace('T', " ")
            }
        };
        let span = |s: &Span| format!("{}/{}", clock(s.start), clock(s.end));
        let mut shown = Self::default();
        for (view, revision) in engine.verdicts() {
            let spans: Vec<String> = revision
                .absent
                .iter()
                .map(|s| format!("absent:{}", span(s)))
                .chain(revision.unknown.iter().map(|s| format!("unknown:{}", span(s))))
                .collect();
            let text =
                format!("{} {} {}", revision.verdict.word(), revision.grade.map_or("-", |g| g.word()), spans.join(";"));
            shown.verdicts.insert(names.text(view.key.id).to_owned(), text.trim().to_owned());
        }
        for (key, finding) in engine.findings() {
            let mut subjects: Vec<String> =
                finding.subjects.iter().map(|s| format!("{}:{}", s.sort(), s.value(names))).collect();
            subjects.sort();
            shown.told.push(format!(
                "{} {} {} {} {:?}",
                key.text(names),
                finding.severity.word(),
                span(&finding.span),
                subjects.join(","),
                finding.proofs
            ));
            shown.findings.insert(key.text(names), finding);
        }
        for stay in engine.stays() {
            shown.stays.push(format!(
                "{} {} {} {}",
                names.text(stay.person),
                names.text(stay.zone),
                span(&stay.span),
                stay.grade.word()
            ));
        }
        shown.stays.sort();
        shown.told.sort();
        shown
    }

    pub fn verdict(&self, id: &str) -> &str {
        self.verdicts.get(id).map_or("no session", |v| v)
    }

    pub fn kinds(&self) -> Vec<&str> {
        let mut out: Vec<&str> = self.findings.keys().map(|k| k.split('|').next().unwrap()).collect();
        out.dedup();
        out
    }
}

/// Runs a story live: observations arrive when told, then time passes to `now`.
pub fn live(registers: &Registers, arrivals: &[Arrives], now: UtcMicros) -> (Engine, Vec<Effect>) {
    let mut engine = Engine::new(registers, Names::new(), Mode::Live).unwrap();
    let mut effects = Vec::new();
    for (index, arrival) in arrivals.iter().enumerate() {
        let fact = fact_of(&arrival.what, index as u64 + 1, arrival.at, engine.names_mut());
        effects.extend(engine.step(arrival.at, Input::Fact(fact)));
    }
    effects.extend(engine.step(now, Input::Time));
    (engine, effects)
}

/// The same from nothing, all at once.
pub fn at_once(registers: &Registers, arrivals: &[Arrives], now: UtcMicros) -> Engine {
    let mut names = Names::new();
    let facts: Vec<Fact> =
        arrivals.iter().enumerate().map(|(i, a)| fact_of(&a.what, i as u64 + 1, a.at, &mut names)).collect();
    Engine::restore(registers, names, facts.into_iter(), now, Known::default()).unwrap().0
}

/// A story whose observations arrive when they happen.
pub fn told(observations: impl IntoIterator<Item = Observation>) -> Vec<Arrives> {
    let mut all: Vec<Arrives> = observations.into_iter().map(|what| Arrives { at: instant_of(&what), what }).collect();
    all.sort_by_key(|a| a.at);
    all
}

/// Tells a story on a watched site and shows it at `now`; live and at once must agree.
pub fn shown_at(observations: impl IntoIterator<Item = Observation>, now: &str) -> Shown {
    let arrivals = told(watched().into_iter().chain(observations).filter(|o| instant_of(o) <= at(now)));
    shown_of(&site(), &arrivals, at(now))
}

pub fn shown_of(registers: &Registers, arrivals: &[Arrives], now: UtcMicros) -> Shown {
    let shown = Shown::of(&live(registers, arrivals, now).0);
    let again = Shown::of(&at_once(registers, arrivals, now));
    assert_eq!(
        (&shown.verdicts, &shown.told, &shown.stays),
        (&again.verdicts, &again.told, &again.stays),
        "live, then at once"
    );
    shown
}

pub fn of<'a>(shown: &'a Shown, kind: &str) -> Vec<&'a Finding> {
    shown.findings.values().filter(|f| f.key.kind.word() == kind).collect()
}

pub fn one<'a>(shown: &'a Shown, kind: &str) -> &'a Finding {
    let all = of(shown, kind);
    assert_eq!(all.len(), 1, "{kind}: {:?}", shown.kinds());
    all[0]
}

pub fn site_with(from: &str, to: &str) -> Registers {
    let text = SITE.replace(from, to);
    assert_ne!(text, SITE, "{from}");
    registers::parse(&text, "site").unwrap()
}

pub fn shown_with(registers: &Registers, observations: Vec<Observation>, now: &str) -> Shown {
    let arrivals = told(watched().into_iter().chain(observations).filter(|o| instant_of(o) <= at(now)));
    shown_of(registers, &arrivals, at(now))
}
