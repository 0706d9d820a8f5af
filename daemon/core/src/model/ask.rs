//! What the registers say at an instant.

use kukaku_schema::registers::{Hours, Policy, TrustClass};
use kukaku_schema::{DurationUs, Span, UtcMicros};

use super::{AccountModel, ClientModel, Model, PersonModel, Place, ReaderModel, TerminalModel, Valid};
use crate::names::Word;

fn policy_at(list: &[(Span, Policy)], when: UtcMicros) -> Policy {
    list.iter().find(|(span, _)| span.contains(when)).or(list.first()).map_or_else(Policy::default, |(_, p)| *p)
}

fn at<T>(list: &[Valid<T>], when: UtcMicros) -> Option<&Valid<T>> {
    list.iter().find(|v| v.span.contains(when))
}

impl Model {
    /// The zone and all it lies in; nothing for outside.
    pub fn chain(&self, place: Place) -> &[Word] {
        place.and_then(|zone| self.zones.get(zone)).map_or(&[], |zone| &zone.chain)
    }

    /// Whether `place` is `zone` or lies in it.
    pub fn within(&self, place: Place, zone: Word) -> bool {
        self.chain(place).contains(&zone)
    }

    /// Whether one of two zones lies in the other, or they are the same.
    pub fn related(&self, a: Word, b: Word) -> bool {
        self.within(Some(a), b) || self.within(Some(b), a)
    }

    /// The numbers of the rules for the whole site at an instant.
    pub fn policy(&self, when: UtcMicros) -> Policy {
        policy_at(&self.policies, when)
    }

    /// The numbers of the rules in a zone at an instant.
    pub fn zone_policy(&self, zone: Word, when: UtcMicros) -> Policy {
        self.zones.get(zone).map_or_else(|| self.policy(when), |z| policy_at(&z.policies, when))
    }

    /// The numbers of the rules at a door at an instant.
    pub fn door_policy(&self, door: Word, when: UtcMicros) -> Policy {
        self.doors.get(door).map_or_else(|| self.policy(when), |d| policy_at(&d.policies, when))
    }

    /// Whose a credential is at an instant: his credential and he himself are registered then.
    pub fn holder(&self, credential: Word, when: UtcMicros) -> Option<Word> {
        let person = at(self.credentials.get(credential)?, when)?.value;
        at(self.persons.get(person)?, when)?;
        Some(person)
    }

    /// Whose a credential was whose registration, or whose holder's, ended before an instant.
    pub fn former_holder(&self, credential: Word, when: UtcMicros) -> Option<Word> {
        if self.holder(credential, when).is_some() {
            return None;
        }
        let list = self.credentials.get(credential)?;
        // A card still valid whose holder has left, or the card that ended last.
        let last = list.iter().filter(|v| v.span.start <= when).max_by_key(|v| v.span.end)?;
        let left = self.persons.get(last.value).is_some_and(|p| p.iter().any(|v| v.span.end <= when));
        (last.span.end <= when || left).then_some(last.value)
    }

    /// A reader as registered at an instant.
    pub fn reader(&self, reader: Word, when: UtcMicros) -> Option<ReaderModel> {
        Some(at(self.readers.get(reader)?, when)?.value)
    }

    /// A terminal as registered at an instant.
    pub fn terminal(&self, terminal: Word, when: UtcMicros) -> Option<&Valid<TerminalModel>> {
        at(self.terminals.get(terminal)?, when)
    }

    /// The one terminal that has a network address at an instant; two that share it are none.
    pub fn terminal_at_address(&self, address: Word, when: UtcMicros) -> Option<Word> {
        let mut fitting = self.at_address.get(address)?.iter().filter(|v| v.span.contains(when));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first.value)
    }

    /// Whether an address is not one of those registered for a terminal; false where none are.
    pub fn is_wrong_address(&self, terminal: Word, address: Word, when: UtcMicros) -> bool {
        let addressed = self.terminal(terminal, when).is_some_and(|v| v.value.addressed);
        let here = |v: &Valid<Word>| v.value == terminal && v.span.contains(when);
        addressed && !self.at_address.get(address).is_some_and(|list| list.iter().any(here))
    }

    /// What is agreed with a client at an instant.
    pub fn client(&self, client: Word, when: UtcMicros) -> Option<&ClientModel> {
        Some(&at(self.clients.get(client)?, when)?.value)
    }

    /// Whether a client ever has a number of facing terminals.
    pub fn limits_sessions(&self, client: Word) -> bool {
        self.clients.get(client).is_some_and(|list| list.iter().any(|v| v.value.facing_terminals.is_some()))
    }

    /// The instant at which so many working days after the day of `when` are over: weekdays that
    /// the site doesn't call holidays.
    pub fn after_working_days(&self, when: UtcMicros, count: u8) -> UtcMicros {
        /// Longer than any run of holidays, so that the search ends.
        const DAYS_MAX: i32 = 400;
        let first = self.tz.local_day(when);
        // 1970-01-01 was a Thursday.
        let works = |day: &i32| (day + 3).rem_euclid(7) < 5 && !self.holidays.contains(day);
        let last = (first + 1..first + DAYS_MAX).filter(works).take(usize::from(count)).last().unwrap_or(first);
        self.tz.start_of_local_day(last + 1)
    }

    /// The spans in which a client's maintenance is frozen.
    pub fn frozen(&self, client: Word) -> impl Iterator<Item = (Span, &ClientModel)> {
        let entries = self.clients.get(client).map_or(&[][..], |list| list);
        entries.iter().filter(|v| v.value.frozen).map(|v| (v.span, &v.value))
    }

    /// A person as registered at an instant.
    pub fn person(&self, person: Word, when: UtcMicros) -> Option<&Valid<PersonModel>> {
        at(self.persons.get(person)?, when)
    }

    /// The one account of that name that a session of `source` can mean at an instant.
    pub fn account(&self, name: Word, source: Word, when: UtcMicros) -> Option<&Valid<AccountModel>> {
        let list = self.accounts.get(name)?;
        let of_source = |v: &&Valid<AccountModel>| v.value.source.is_none_or(|s| s == source);
        let mut fitting: Vec<&Valid<AccountModel>> =
            list.iter().filter(|v| v.span.contains(when)).filter(of_source).collect();
        if fitting.len() > 1 {
            // An account bound to this source, or to the client of this source, is meant before any other.
            let line = self.sources.get(source).and_then(|s| s.client);
            let bound: Vec<_> = fitting.iter().copied().filter(|v| v.value.source == Some(source)).collect();
            let of_client: Vec<_> = fitting.iter().copied().filter(|v| Some(v.value.client) == line).collect();
            if !bound.is_empty() {
                fitting = bound;
            } else if !of_client.is_empty() {
                fitting = of_client;
            }
        }
        // Two accounts that fit equally resolve to nobody.
        if fitting.len() == 1 { fitting.pop() } else { None }
    }

    /// Whether a source could be spoofed.
    pub fn spoofable(&self, source: Word) -> bool {
        self.sources.get(source).is_some_and(|s| s.class == TrustClass::C)
    }

    /// The minute of the local day that holds `when`.
    pub fn local_minute(&self, when: UtcMicros) -> u16 {
        let since = when.since(self.tz.start_of_day(when)).0 / 60_000_000;
        u16::try_from(since).unwrap_or(0)
    }

    /// The parts of `span` that lie in `hours`, all of it where there are none.
    pub fn within_hours(&self, span: Span, hours: Option<Hours>) -> Vec<Span> {
        let Some(hours) = hours else {
            return vec![span];
        };
        /// Longest stretch that is cut into days: what is open for longer is cut at its newest part.
        const DAYS_MAX: usize = 800;
        let mut out = Vec::new();
        let mut day = self.tz.start_of_day(span.start);
        for _ in 0..DAYS_MAX {
            if day >= span.end {
                break;
            }
            let minute = |m: u16| day.plus(DurationUs(i64::from(m) * 60_000_000));
            let parts = if hours.from_min < hours.to_min {
                [Span::new(minute(hours.from_min), minute(hours.to_min)), Span::new(day, day)]
            } else {
                [Span::new(day, minute(hours.to_min)), Span::new(minute(hours.from_min), minute(1440))]
            };
            out.extend(parts.into_iter().map(|p| p.intersect(span)).filter(|p| !p.is_empty()));
            day = self.tz.start_of_day(day.plus(DurationUs::from_secs(26 * 3600)));
        }
        crate::spans::joined(out)
    }
}
