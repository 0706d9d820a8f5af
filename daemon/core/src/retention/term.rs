//! Agreements, and the terms that follow from them at an instant.

use std::ops::Range;

use kukaku_schema::period::CYCLE_DAYS;
use kukaku_schema::{DurationUs, Period, RecordClass, SiteZone, Span, UtcMicros};

/// Days on which periods are compared: what is not shorter on any of them is not shorter.
const CYCLE: Range<i32> = 0..CYCLE_DAYS;

/// How long after it was recorded a shorter term takes effect, where the registers say nothing.
pub const NOTICE: DurationUs = DurationUs::from_secs(7 * 86_400);

/// One version of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// With whom; none: the site's own records.
    pub client: Option<String>,
    /// About which records.
    pub class: RecordClass,
    /// What was agreed.
    pub term: Term,
    /// When it holds.
    pub valid: Span,
    /// From when it was recorded until another version replaced it.
    pub known: Span,
}

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Term {
    /// It is kept at least that long.
    pub at_least: Period,
    /// It is overdue after that long.
    pub at_most: Option<Period>,
    /// It is erased when `at_least` is over, though no `at_most` asks for it.
    pub erase: bool,
}

impl Term {
    /// What holds where nothing is agreed: 3 years for what shows who was where and what was
    /// found, 13 months for the rest; never erased.
    #[must_use]
    pub fn default_of(class: RecordClass) -> Self {
        let at_least = match class {
            RecordClass::Entry | RecordClass::Session | RecordClass::Finding | RecordClass::Register => {
                Period::Years(3)
            }
            // Proof is never erased, whatever stands here.
            RecordClass::Proof => Period::Years(100),
            RecordClass::Camera | RecordClass::Footage | RecordClass::Unreadable | RecordClass::Operation => {
                Period::Months(13)
            }
        };
        Self { at_least, at_most: None, erase: false }
    }

    /// Whether records are erased when `at_least` is over.
    #[must_use]
    pub fn erases(self) -> bool {
        self.erase || self.at_most.is_some()
    }
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at least {}", self.at_least)?;
        match self.at_most {
            Some(at_most) => write!(f, ", at most {at_most}"),
            None if self.erase => f.write_str(", then erased"),
            None => f.write_str(", never erased"),
        }
    }
}

/// A term and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The client; none: the site.
    pub client: Option<String>,
    /// Its term.
    pub term: Term,
    /// Whether it was agreed; otherwise it is the default.
    pub agreed: bool,
}

/// Everything that was agreed, in all its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreements {
    /// All versions, those that were replaced too.
    pub versions: Vec<Agreement>,
    /// The clients of the site.
    pub clients: Vec<String>,
    /// How long after it was recorded a shorter term takes effect.
    pub notice: DurationUs,
}

impl Agreements {
    /// The terms that decide about records of a scope at `now`: all that were in force at any
    /// instant since `now` minus the notice. The longest of them counts.
    #[must_use]
    pub fn effective(&self, scope: &[String], class: RecordClass, now: UtcMicros) -> Vec<Party> {
        self.parties(scope, class, now.minus(self.notice), now)
    }

    /// The terms that are in force at `now`, whether they take effect already or not.
    #[must_use]
    pub fn agreed(&self, scope: &[String], class: RecordClass, now: UtcMicros) -> Vec<Party> {
        self.parties(scope, class, now, now)
    }

    fn parties(&self, scope: &[String], class: RecordClass, from: UtcMicros, to: UtcMicros) -> Vec<Party> {
        let mut parties = Vec::new();
        if scope.is_empty() {
            let whole = self.of_party(None, class, from, to, &mut parties);
            if !whole {
                self.of_clients(&self.clients, class, from, to, &mut parties);
            }
            if parties.is_empty() {
                parties.push(Party { client: None, term: Term::default_of(class), agreed: false });
            }
        } else {
            self.of_clients(scope, class, from, to, &mut parties);
        }
        parties
    }

    fn of_clients(&self, clients: &[String], class: RecordClass, from: UtcMicros, to: UtcMicros, out: &mut Vec<Party>) {
        for client in clients {
            if !self.of_party(Some(client), class, from, to, out) {
                out.push(Party { client: Some(client.clone()), term: Term::default_of(class), agreed: false });
            }
        }
    }

    /// Adds the terms agreed with one party that were in force in `from..=to`; says whether one
    /// was at each of its instants.
    fn of_party(
        &self,
        client: Option<&String>,
        class: RecordClass,
        from: UtcMicros,
        to: UtcMicros,
        out: &mut Vec<Party>,
    ) -> bool {
        let mut spans: Vec<(Span, Term)> = self
            .versions
            .iter()
            .filter(|version| version.class == class && version.client.as_ref() == client)
            .map(|version| (version.valid.intersect(version.known), version.term))
            .filter(|(span, _)| span.start <= to && span.end > from && !span.is_empty())
            .collect();
        spans.sort_by_key(|(span, _)| *span);
        let mut covered = from;
        let mut whole = true;
        for (span, term) in spans {
            whole &= span.start <= covered;
            covered = covered.max(span.end);
            let party = Party { client: client.cloned(), term, agreed: true };
            if !out.contains(&party) {
                out.push(party);
            }
        }
        whole && covered > to
    }
}

/// Whether the terms `new` together let go of anything earlier than `old` did.
#[must_use]
pub fn shortens(new: &[Party], old: &[Party]) -> bool {
    let last = |parties: &[Party], day| parties.iter().map(|party| party.term.at_least.last_day(day)).max();
    let terms = |parties: &[Party]| parties.iter().map(|party| party.term).collect::<Vec<_>>();
    terms(new) != terms(old)
        && ((all_erase(new) && !all_erase(old)) || CYCLE.into_iter().any(|day| last(new, day) < last(old, day)))
}

/// The instant until which all terms together keep what was recorded on a local day.
pub(super) fn kept_until(parties: &[Party], day: i32, zone: &SiteZone) -> UtcMicros {
    let last = parties.iter().map(|party| party.term.at_least.last_day(day)).max();
    last.map_or(UtcMicros::MAX, |last| zone.start_of_local_day(last.saturating_add(1)))
}

/// Whether all of them let records be erased at all.
pub(super) fn all_erase(parties: &[Party]) -> bool {
    parties.iter().all(|party| party.term.erases())
}

/// The instant after which what was recorded on a local day is overdue; none: it never is.
pub(super) fn overdue_from(parties: &[Party], day: i32, zone: &SiteZone) -> Option<UtcMicros> {
    let mut last = None;
    for party in parties {
        // At least beats at most where clients share a record.
        let ends = party.term.at_most?.last_day(day).max(party.term.at_least.last_day(day));
        last = last.max(Some(ends));
    }
    last.map(|last| zone.start_of_local_day(last.saturating_add(1)))
}
