//! Conformity (保存期間適合): what was agreed against what is really held, and when the disk
//! would break the promise.

use std::collections::{BTreeMap, BTreeSet};

use kukaku_schema::{RecordClass, Span, UtcMicros};

use super::guard::Guard;
use super::plan::{KeyDay, Plan, Question, Wait, plan};
use super::term::{Party, all_erase, kept_until};

/// Days over which the disk's filling is measured.
pub const FILL_DAYS: i32 = 7;

/// Within so many days of the forecast day the disk is low.
pub const DISK_LOW_DAYS: i32 = 14;

/// How one client and class stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The client; none: the site's own records.
    pub client: Option<String>,
    /// The class.
    pub class: RecordClass,
    /// The terms in force.
    pub agreed: Vec<Party>,
    /// The terms that count: also those that were in force within the notice.
    pub effective: Vec<Party>,
    /// The oldest and the newest local day that is held; none: nothing is.
    pub held: Option<(i32, i32)>,
    /// Local days between them without a record. Whether nothing happened or nobody watched is
    /// told by the outages.
    pub days_without: usize,
    /// Records held.
    pub entries: u64,
    /// Holds that keep whole days of them.
    pub holds: Vec<String>,
    /// Days that are due and not erased, held ones left out.
    pub due_days: usize,
    /// Days kept longer than at most agreed, held ones left out.
    pub overdue_days: usize,
    /// When the next day falls due; in the past where one is due; none: never.
    pub next_due: Option<UtcMicros>,
}

/// How the disk fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes free.
    pub free_bytes: u64,
    /// Bytes that a day adds, by the last `FILL_DAYS`.
    pub bytes_a_day: u64,
    /// The local day on which it is full, though everything is erased that is due; none: never.
    pub full_on: Option<i32>,
    /// Today.
    pub today: i32,
}

impl Disk {
    /// Whether the day is near.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.full_on.is_some_and(|day| day.saturating_sub(self.today) <= DISK_LOW_DAYS)
    }
}

/// What is really held.
#[derive(Debug, Clone, Copy)]
pub struct Holding<'a> {
    /// Records by data key.
    pub entries: &'a BTreeMap<u64, u64>,
    /// Bytes of the store.
    pub store_bytes: u64,
    /// Bytes free on its disk; none: not known.
    pub free_bytes: Option<u64>,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conformity {
    /// Each client and class of which something is held or agreed; the site last.
    pub standings: Vec<Standing>,
    /// The disk; none: not known.
    pub disk: Option<Disk>,
}

impl Conformity {
    /// Whether a promise is broken, or will be soon.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.standings.iter().all(|standing| standing.overdue_days == 0) && !self.disk.is_some_and(|disk| disk.is_low())
    }
}

/// Holds what was agreed against what is held. The question's guard is not asked: what is due is
/// due whatever the clock says of itself.
#[must_use]
pub fn conformity(question: &Question<'_>, holding: &Holding<'_>) -> Conformity {
    let unguarded = Guard { confirmed_by: vec!["a".to_owned(), "b".to_owned()], ..Guard::default() };
    let plan = plan(&Question { guard: &unguarded, ..*question });
    let clients = question.agreements.clients.iter().chain(question.keys.iter().flat_map(|key| &key.scope));
    let clients: BTreeSet<&String> = clients.collect();
    let parties = clients.into_iter().map(Some).chain([None]);
    let mut standings = Vec::new();
    for client in parties {
        for class in RecordClass::ALL {
            standings.extend(standing(question, holding, &plan, client, class));
        }
    }
    let disk = holding.free_bytes.map(|free| disk(question, holding, free));
    Conformity { standings, disk }
}

fn concerns(scope: &[String], client: Option<&String>) -> bool {
    client.map_or(scope.is_empty(), |client| scope.contains(client))
}

fn standing(
    question: &Question<'_>,
    holding: &Holding<'_>,
    plan: &Plan,
    client: Option<&String>,
    class: RecordClass,
) -> Option<Standing> {
    let of = |key: &&KeyDay| key.class == class && concerns(&key.scope, client);
    let keys: Vec<&KeyDay> = question.keys.iter().filter(of).collect();
    let scope: Vec<String> = client.cloned().into_iter().collect();
    let agreed = question.agreements.agreed(&scope, class, question.now);
    if keys.is_empty() && !agreed.iter().any(|party| party.agreed && party.client.as_ref() == client) {
        return None;
    }
    let days: BTreeSet<i32> = keys.iter().map(|key| key.day).collect();
    let held = days.first().zip(days.last()).map(|(first, last)| (*first, *last));
    let span = held.map_or(0, |(first, last)| usize::try_from(last.saturating_sub(first)).unwrap_or(0) + 1);
    let groups = plan.groups.iter().filter(|group| group.class == class && concerns(&group.scope, client));
    let (mut holds, mut overdue_days, mut next_due) = (BTreeSet::new(), 0, None);
    let mut due_days = 0;
    for group in groups {
        overdue_days += group.overdue_days;
        next_due = [next_due, group.next_due].into_iter().flatten().min();
        for waiting in &group.waiting {
            if let Wait::Held(by) = &waiting.why {
                holds.extend(by.iter().cloned());
            }
        }
    }
    for group in plan.erase.iter().filter(|group| group.class == class && concerns(&group.scope, client)) {
        let erased: BTreeSet<i32> =
            keys.iter().filter(|key| key.scope == group.scope && group.keys.contains(&key.id)).map(|k| k.day).collect();
        due_days += erased.len();
        let first = erased.first().map(|day| {
            kept_until(&question.agreements.effective(&group.scope, class, question.now), *day, question.zone)
        });
        next_due = [next_due, first].into_iter().flatten().min();
    }
    Some(Standing {
        client: client.cloned(),
        class,
        effective: question.agreements.effective(&scope, class, question.now),
        agreed,
        held,
        days_without: span - days.len(),
        entries: keys.iter().filter_map(|key| holding.entries.get(&key.id)).sum(),
        holds: holds.into_iter().collect(),
        due_days,
        overdue_days,
        next_due,
    })
}

/// What a class and scope adds a day, and until when: from the day on which its oldest record is
/// erased, as much goes as comes.
struct Growth {
    bytes_a_day: u64,
    until: Option<i32>,
}

fn disk(question: &Question<'_>, holding: &Holding<'_>, free_bytes: u64) -> Disk {
    let today = question.zone.local_day(question.now);
    let total: u64 = holding.entries.values().sum();
    let bytes_an_entry = holding.store_bytes.checked_div(total).unwrap_or(0);
    let first = question.keys.iter().map(|key| key.day).min().unwrap_or(today);
    // Today counts for a whole day: too early an alarm is the better mistake, where little is known.
    let measured = today.saturating_sub(first).saturating_add(1).clamp(1, FILL_DAYS);
    let mut groups: BTreeMap<(RecordClass, &[String]), (u64, i32)> = BTreeMap::new();
    for key in question.keys {
        let group = groups.entry((key.class, &key.scope)).or_insert((0, key.day));
        group.1 = group.1.min(key.day);
        if key.day > today.saturating_sub(measured) {
            group.0 += holding.entries.get(&key.id).copied().unwrap_or(0);
        }
    }
    let growth = groups.into_iter().map(|((class, scope), (entries, oldest))| {
        let parties = question.agreements.effective(scope, class, question.now);
        // What a hold keeps makes no room, whatever falls due.
        let stays = holding_back(question, class, scope);
        let until = (!stays && all_erase(&parties))
            .then(|| question.zone.local_day(kept_until(&parties, oldest, question.zone)));
        Growth { bytes_a_day: entries.saturating_mul(bytes_an_entry) / u64::from(measured.unsigned_abs()), until }
    });
    let growth: Vec<Growth> = growth.collect();
    let bytes_a_day = growth.iter().map(|growth| growth.bytes_a_day).sum();
    Disk { free_bytes, bytes_a_day, full_on: full_on(today, free_bytes, &growth), today }
}

/// Whether a hold keeps a whole day of that class and scope.
fn holding_back(question: &Question<'_>, class: RecordClass, scope: &[String]) -> bool {
    let start = |day: i32| question.zone.start_of_local_day(day);
    let days = question.keys.iter().filter(|key| key.class == class && key.scope == scope).map(|key| key.day);
    days.map(|day| Span::new(start(day), start(day.saturating_add(1))))
        .any(|day| question.holds.iter().any(|hold| hold.covers_whole(scope, day)))
}

/// The day on which `free` is used up.
fn full_on(today: i32, free: u64, growth: &[Growth]) -> Option<i32> {
    let mut ends: Vec<i32> = growth.iter().filter_map(|growth| growth.until).filter(|until| *until > today).collect();
    ends.sort_unstable();
    ends.push(i32::MAX);
    let (mut day, mut left) = (today, free);
    for end in ends {
        let grows = growth.iter().filter(|growth| growth.until.is_none_or(|until| until > day));
        let rate: u64 = grows.map(|growth| growth.bytes_a_day).sum();
        let days = u64::from(end.saturating_sub(day).unsigned_abs());
        match left.checked_div(rate) {
            Some(enough) if enough < days => {
                return Some(day.saturating_add(i32::try_from(enough).unwrap_or(i32::MAX)));
            }
            _ => {}
        }
        left = left.saturating_sub(rate.saturating_mul(days));
        day = end;
    }
    None
}
