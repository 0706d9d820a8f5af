//! Who may be where without a session, and where nobody may be alone.

use kukaku_schema::registers::{Hours, Registers, StandingPermission, Weekday};
use kukaku_schema::{DurationUs, Span, UtcMicros};

use super::{Model, Valid, valid};
use crate::names::{Names, Word};
use crate::spans;

/// What a zone demands of being inside, for as long as its register entry holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub span: Span,
    pub permission: bool,
    pub min_persons: Option<u8>,
}

/// A standing permission, as it concerns one person.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    zones: Vec<Word>,
    /// None: every day.
    weekdays: Vec<Weekday>,
    hours: Option<Hours>,
}

/// How far back a presence without end is held against the days of a permission.
const DAYS_MAX: DurationUs = DurationUs::from_secs(800 * 86_400);
/// How far ahead of what is judged the next day of a permission is looked for: a week and two days.
const AHEAD: DurationUs = DurationUs::from_secs(9 * 86_400);
/// A local day is never longer, whatever the clocks do.
const LONG_DAY: DurationUs = DurationUs::from_secs(26 * 3600);

impl Permit {
    fn of(row: &StandingPermission, names: &mut Names) -> Self {
        let zones = row.zones.iter().map(|zone| names.intern(zone)).collect();
        Self { zones, weekdays: row.weekdays.clone(), hours: row.hours }
    }
}

impl Model {
    pub(super) fn take_standing(&mut self, registers: &Registers, names: &mut Names) {
        for e in &registers.zones {
            let demand = Demand { span: e.valid, permission: e.row.permission, min_persons: e.row.min_persons };
            let word = names.intern(&e.row.id);
            if let Some(zone) = self.zones.get_mut(word) {
                zone.demands.push(demand);
            }
            for (list, demands) in [
                (&mut self.permission_zones, demand.permission),
                (&mut self.company_zones, demand.min_persons.is_some()),
            ] {
                if demands && !list.contains(&word) {
                    list.push(word);
                }
            }
        }
        for e in &registers.standing_permissions {
            let permit = Permit::of(&e.row, names);
            for person in &e.row.persons {
                let list = self.permits.or_insert_with(names.intern(person), Vec::new);
                list.push(valid(e, permit.clone()));
            }
        }
    }

    /// What a zone demands, entry by entry.
    pub fn demands(&self, zone: Word) -> &[Demand] {
        self.zones.get(zone).map_or(&[], |zone| &zone.demands)
    }

    /// How far behind now a zone's presences are judged, whatever policy holds.
    pub fn zone_lag(&self, zone: Word) -> DurationUs {
        let policies = self.zones.get(zone).map_or(&self.policies, |zone| &zone.policies);
        let lags = policies.iter().map(|(_, policy)| DurationUs(policy.grace_before.0 + policy.settle.0));
        lags.max().unwrap_or_default()
    }

    /// The standing permissions of a person for a zone, or for one that lies in it.
    pub fn permits(&self, person: Word, zone: Word) -> impl Iterator<Item = &Valid<Permit>> {
        let all = self.permits.get(person).map_or(&[][..], |list| list);
        all.iter().filter(move |v| v.value.zones.iter().any(|of| self.within(Some(*of), zone)))
    }

    /// When a standing permission allows to be there: about `span` and, where that reaches
    /// `judged`, for the week to come.
    pub fn permitted(&self, permit: &Valid<Permit>, span: Span, judged: UtcMicros) -> Vec<Span> {
        let Permit { weekdays, hours, .. } = &permit.value;
        if weekdays.is_empty() && hours.is_none() {
            return vec![permit.span];
        }
        let near = Span::new(span.start.max(judged.minus(DAYS_MAX)).minus(LONG_DAY), span.end.min(judged.plus(AHEAD)));
        let near = near.intersect(Span::new(permit.span.start.minus(LONG_DAY), permit.span.end));
        if near.is_empty() {
            return Vec::new();
        }
        let days = self.tz.local_day(near.start)..=self.tz.local_day(near.end);
        let on = days.filter(|day| weekdays.is_empty() || weekdays.contains(&Weekday::of_day(*day)));
        let windows = on.map(|day| {
            let (from, next) = (self.tz.start_of_local_day(day), self.tz.start_of_local_day(day.saturating_add(1)));
            let Some(hours) = hours else { return Span::new(from, next) };
            let minute = |day: UtcMicros, minute: u16| day.plus(DurationUs(i64::from(minute) * 60_000_000));
            let last = if hours.from_min < hours.to_min { from } else { next };
            Span::new(minute(from, hours.from_min), minute(last, hours.to_min))
        });
        spans::joined(windows.map(|window| window.intersect(permit.span)).collect())
    }
}
