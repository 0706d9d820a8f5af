//! The plan: which data keys are erased now, which wait, and for what.

use std::collections::BTreeMap;
use std::ops::Range;

use kukaku_schema::{RecordClass, SiteZone, Span, UtcMicros};

use super::guard::{ClockDoubt, Guard};
use super::hold::Hold;
use super::term::{Agreements, Party, all_erase, kept_until, overdue_from};

/// A data key, as far as a plan asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDay {
    /// Its number.
    pub id: u64,
    /// The class of its records.
    pub class: RecordClass,
    /// The local day on which they were recorded.
    pub day: i32,
    /// The entitled clients, sorted; none: the site alone.
    pub scope: Vec<String>,
    /// Records of its day were erased before: what is left had been spared by holds.
    pub spared: bool,
}

/// A session that did not end on the local day on which it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionDays {
    /// The day on which it began.
    pub start: i32,
    /// The day on which it ended; none: it is open.
    pub end: Option<i32>,
}

/// All that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Now, by our clock.
    pub now: UtcMicros,
    /// Where local days begin.
    pub zone: &'a SiteZone,
    /// What was agreed.
    pub agreements: &'a Agreements,
    /// The data keys that are held.
    pub keys: &'a [KeyDay],
    /// The holds that are not released.
    pub holds: &'a [Hold],
    /// The sessions of more than one day.
    pub sessions: &'a [SessionDays],
    /// What is known about the date.
    pub guard: &'a Guard,
}

/// What is erased of one class and scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EraseGroup {
    /// The class.
    pub class: RecordClass,
    /// The entitled clients, sorted; none: the site alone.
    pub scope: Vec<String>,
    /// The local days from the first to the last that is erased; held ones between them stay.
    pub days: Range<i32>,
    /// The keys that die, oldest day first.
    pub keys: Vec<u64>,
    /// The terms that let go of them, in words.
    pub rule: String,
    /// Holds that may keep some of the records: those are wrapped anew before the keys die.
    pub holds: Vec<String>,
}

/// Why keys are not erased.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// Their term is not over.
    NotDue,
    /// By what is agreed now they would be due; by what was agreed within the notice they are not.
    Notice,
    /// Nobody agreed that they are erased.
    NotAgreed,
    /// A session that began on or before these days counts from its end, which is not due.
    Session,
    /// They are due, but the date is not believed.
    Clock(ClockDoubt),
    /// They are due, but enough was erased for one day.
    Pace,
    /// Holds keep all of them.
    Held(Vec<String>),
}

/// Keys that are not erased, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The local days from the first to the last of them.
    pub days: Range<i32>,
    /// How many keys.
    pub keys: usize,
    /// Why.
    pub why: Wait,
}

/// What the plan says about one class and scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlan {
    /// The class.
    pub class: RecordClass,
    /// The entitled clients, sorted; none: the site alone.
    pub scope: Vec<String>,
    /// The terms that count.
    pub parties: Vec<Party>,
    /// The days with keys, first and last.
    pub held: (i32, i32),
    /// How many keys it has.
    pub keys: usize,
    /// Keys that are not erased, oldest first.
    pub waiting: Vec<Waiting>,
    /// When the oldest key that is neither erased now nor held falls due; in the past where it
    /// waits though it is due; none where it never is.
    pub next_due: Option<UtcMicros>,
    /// Days that are there after `at_most` and held by no hold, whether they are erased now or not.
    pub overdue_days: usize,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What is erased now.
    pub erase: Vec<EraseGroup>,
    /// All classes and scopes that have keys, by class and scope.
    pub groups: Vec<GroupPlan>,
}

/// The keys of one class and scope by local day.
type Days = BTreeMap<i32, OfDay>;

/// The keys of one day.
struct OfDay {
    keys: Vec<u64>,
    /// All of them hold only what was spared.
    spared: bool,
}

/// What is erased now, and what waits.
#[must_use]
pub fn plan(question: &Question<'_>) -> Plan {
    let mut days: BTreeMap<(RecordClass, &[String]), Days> = BTreeMap::new();
    for key in question.keys {
        let days = days.entry((key.class, &key.scope)).or_default();
        let of_day = days.entry(key.day).or_insert(OfDay { keys: Vec::new(), spared: true });
        of_day.keys.push(key.id);
        of_day.spared &= key.spared;
    }
    let mut plan = Plan::default();
    for ((class, scope), days) in days {
        let (erase, group) = Group::new(question, class, scope).plan(&days);
        plan.erase.extend(erase);
        plan.groups.push(group);
    }
    plan
}

/// One class and scope, and what is the same for all its days.
struct Group<'a> {
    question: &'a Question<'a>,
    class: RecordClass,
    scope: &'a [String],
    /// The terms that count.
    parties: Vec<Party>,
    /// The terms that are agreed now.
    agreed: Vec<Party>,
    /// The first day that waits for a session.
    session_day: i32,
    doubt: Option<ClockDoubt>,
}

impl<'a> Group<'a> {
    fn new(question: &'a Question<'a>, class: RecordClass, scope: &'a [String]) -> Self {
        let Question { now, zone, agreements, .. } = *question;
        let parties = agreements.effective(scope, class, now);
        let not_due = |session: &&SessionDays| session.end.is_none_or(|end| kept_until(&parties, end, zone) > now);
        let session_day = match class {
            RecordClass::Session | RecordClass::Entry => {
                question.sessions.iter().filter(not_due).map(|session| session.start).min().unwrap_or(i32::MAX)
            }
            _ => i32::MAX,
        };
        let agreed = agreements.agreed(scope, class, now);
        let doubt = question.guard.doubt(zone.local_day(now));
        Self { question, class, scope, parties, agreed, session_day, doubt }
    }

    fn plan(self, days: &Days) -> (Option<EraseGroup>, GroupPlan) {
        let mut days_left = self.question.guard.days_left();
        let mut erased: Vec<(i32, &[u64])> = Vec::new();
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut next_due = None;
        let mut overdue_days = 0;
        for (&day, OfDay { keys, spared }) in days {
            let (why, due) = self.judge(day, *spared, days_left);
            if !matches!(why, Some(Wait::Held(_))) {
                let overdue = overdue_from(&self.agreed, day, self.question.zone);
                overdue_days += usize::from(overdue.is_some_and(|from| self.question.now >= from));
            }
            let Some(why) = why else {
                days_left -= 1;
                erased.push((day, keys));
                continue;
            };
            if !matches!(why, Wait::Held(_) | Wait::NotAgreed) {
                next_due = next_due.or(Some(due));
            }
            match waiting.last_mut() {
                Some(last) if last.why == why => {
                    last.days.end = day.saturating_add(1);
                    last.keys += keys.len();
                }
                _ => waiting.push(Waiting { days: day..day.saturating_add(1), keys: keys.len(), why }),
            }
        }
        let erase = self.erase(&erased);
        let held =
            days.first_key_value().zip(days.last_key_value()).map_or((0, 0), |(first, last)| (*first.0, *last.0));
        let keys = days.values().map(|of_day| of_day.keys.len()).sum();
        let group = GroupPlan {
            class: self.class,
            scope: self.scope.to_vec(),
            parties: self.parties,
            held,
            keys,
            waiting,
            next_due,
            overdue_days,
        };
        (erase, group)
    }

    /// Why a day waits (none: it is erased), and when it falls due. Each reason but a hold's
    /// holds for every later day as well, which is why a day never goes before an older one.
    fn judge(&self, day: i32, spared: bool, days_left: u32) -> (Option<Wait>, UtcMicros) {
        let Question { now, zone, holds, .. } = *self.question;
        let due = kept_until(&self.parties, day, zone);
        let span = self.span(day);
        // What was spared once waits for its holds, and takes no other day's turn meanwhile.
        let keeps = |hold: &&Hold| {
            hold.covers_whole(self.scope, span) || (spared && hold.may_cover(self.class, self.scope, span))
        };
        let held: Vec<String> = holds.iter().filter(keeps).map(|hold| hold.id.clone()).collect();
        let why = if !held.is_empty() {
            Some(Wait::Held(held))
        } else if self.class == RecordClass::Proof || !all_erase(&self.agreed) {
            Some(Wait::NotAgreed)
        } else if due > now {
            let by_agreed = kept_until(&self.agreed, day, zone) <= now;
            Some(if by_agreed { Wait::Notice } else { Wait::NotDue })
        } else if !all_erase(&self.parties) {
            Some(Wait::Notice)
        } else if day >= self.session_day {
            Some(Wait::Session)
        } else if let Some(doubt) = self.doubt {
            Some(Wait::Clock(doubt))
        } else if days_left == 0 {
            Some(Wait::Pace)
        } else {
            None
        };
        (why, due)
    }

    fn span(&self, day: i32) -> Span {
        let zone = self.question.zone;
        Span::new(zone.start_of_local_day(day), zone.start_of_local_day(day.saturating_add(1)))
    }

    fn erase(&self, erased: &[(i32, &[u64])]) -> Option<EraseGroup> {
        let (first, last) = (erased.first()?.0, erased.last()?.0);
        let may_cover =
            |hold: &&Hold| erased.iter().any(|(day, _)| hold.may_cover(self.class, self.scope, self.span(*day)));
        let rules: Vec<String> = self
            .parties
            .iter()
            .map(|party| format!("{}: {}", party.client.as_deref().unwrap_or("site"), party.term))
            .collect();
        Some(EraseGroup {
            class: self.class,
            scope: self.scope.to_vec(),
            days: first..last.saturating_add(1),
            keys: erased.iter().flat_map(|(_, keys)| keys.iter().copied()).collect(),
            rule: rules.join("; "),
            holds: self.question.holds.iter().filter(may_cover).map(|hold| hold.id.clone()).collect(),
        })
    }
}
