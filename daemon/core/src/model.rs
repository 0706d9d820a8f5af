//! Registers made ready for the engine: numbers instead of texts, look-ups by instant.

mod ask;
mod duty;
mod standing;

use std::collections::BTreeSet;

use kukaku_schema::period::day_of;
use kukaku_schema::registers::{Entry, Hours, OUTSIDE, Policy, ReaderDirection, Registers, TrustClass, UseEvidence};
use kukaku_schema::{DurationUs, SiteZone, Span, UtcMicros};

use crate::names::{Names, Word, WordMap};
pub(crate) use duty::{Duties, Paper};
use standing::{Demand, Permit};

/// A place: a zone, or `None` for outside all zones.
pub type Place = Option<Word>;

/// Something valid for a while.
#[derive(Debug, Clone)]
pub(crate) struct Valid<T> {
    pub span: Span,
    /// It holds from before it was recorded, and was recorded then.
    pub backdated_at: Option<UtcMicros>,
    pub value: T,
}

#[derive(Debug, Clone)]
pub(crate) struct ZoneModel {
    /// This zone, then what it lies in, outermost last.
    pub chain: Vec<Word>,
    pub factors: u8,
    pub hours: Option<Hours>,
    policies: Vec<(Span, Policy)>,
    /// What it demands of who is inside.
    pub demands: Vec<Demand>,
    /// It can be entered through a door that has no entry reader.
    pub entry_unread: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct DoorModel {
    pub outer: Place,
    pub inner: Word,
    pub evidence: UseEvidence,
    pub readers: Vec<Word>,
    pub reads_entry: bool,
    pub reads_exit: bool,
    policies: Vec<(Span, Policy)>,
    pub recorded_at: Option<UtcMicros>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ReaderModel {
    pub door: Word,
    pub direction: ReaderDirection,
    pub source: Option<Word>,
}

#[derive(Debug, Clone)]
pub(crate) struct PersonModel {
    /// The clients he is registered for; none for staff and visitors.
    pub clients: Vec<Word>,
    /// The company that employs him, where it is not the site's own.
    pub company: Option<Word>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountModel {
    pub operator: Word,
    pub client: Word,
    pub source: Option<Word>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct TerminalModel {
    pub zone: Word,
    pub client: Option<Word>,
    /// Whether its addresses are registered, and others are thus wrong.
    pub addressed: bool,
    /// How long its operation logs are kept.
    pub oplog_keep: Option<DurationUs>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceModel {
    pub class: TrustClass,
    pub alive_every: Option<DurationUs>,
    pub interim_every: Option<DurationUs>,
    pub client: Option<Word>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct CameraModel {
    pub zone: Word,
    pub hours: Option<Hours>,
    pub keep: Option<DurationUs>,
    pub health_every: Option<DurationUs>,
}

/// What is agreed with a client.
#[derive(Debug, Clone)]
pub(crate) struct ClientModel {
    pub work_orders: bool,
    pub emergency_approval: DurationUs,
    pub report_days: u8,
    pub facing_terminals: Option<u16>,
    pub hours: Option<Hours>,
    pub max_length: DurationUs,
    pub max_idle: DurationUs,
    pub factors: u8,
    pub zones: Vec<Word>,
    pub frozen: bool,
    pub pledge: bool,
    pub training: bool,
    pub permit: bool,
}

/// Within what time an emergency order has to be allowed, where nothing is agreed.
const EMERGENCY_APPROVAL: DurationUs = DurationUs::from_secs(86_400);
/// In how many working days a report has to come, where nothing is agreed.
const REPORT_DAYS: u8 = 3;
/// How long a session may be, where nothing is agreed.
const MAX_LENGTH: DurationUs = DurationUs::from_secs(8 * 3600);
/// How long a session may go unused, where nothing is agreed.
const MAX_IDLE: DurationUs = DurationUs::from_secs(15 * 60);
/// How many factors a sign-in needs, where nothing is agreed.
const FACTORS: u8 = 2;

/// The registers of a site, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub tz: SiteZone,
    /// Local days on which nobody works, beside weekends.
    pub holidays: BTreeSet<i32>,
    policies: Vec<(Span, Policy)>,
    pub clients: WordMap<Vec<Valid<ClientModel>>>,
    pub zones: WordMap<ZoneModel>,
    pub doors: WordMap<DoorModel>,
    pub readers: WordMap<Vec<Valid<ReaderModel>>>,
    pub persons: WordMap<Vec<Valid<PersonModel>>>,
    pub credentials: WordMap<Vec<Valid<Word>>>,
    /// The credentials that ever belonged to a person.
    pub credentials_of: WordMap<Vec<Word>>,
    pub accounts: WordMap<Vec<Valid<AccountModel>>>,
    pub terminals: WordMap<Vec<Valid<TerminalModel>>>,
    /// The terminals by their network addresses.
    pub at_address: WordMap<Vec<Valid<Word>>>,
    pub sources: WordMap<SourceModel>,
    pub cameras: WordMap<CameraModel>,
    pub duties: Duties,
    /// Standing permissions by person.
    permits: WordMap<Vec<Valid<Permit>>>,
    /// The zones in which being inside ever needs a permission.
    pub permission_zones: Vec<Word>,
    /// The zones that ever demand company.
    pub company_zones: Vec<Word>,
    /// The longest `max_stay`, grace and window of any zone or door: how far a change reaches.
    pub longest_stay: DurationUs,
    pub longest_grace: DurationUs,
    /// The longest `max_skew` and `order_grace` at any time.
    pub longest_skew: DurationUs,
    pub longest_order_grace: DurationUs,
    /// The longest time over which readings are joined, at any door at any time.
    pub longest_window: DurationUs,
}

fn valid<R, T>(entry: &Entry<R>, value: T) -> Valid<T> {
    let backdated_at = entry.recorded_at.filter(|recorded| entry.valid.start < *recorded);
    Valid { span: entry.valid, backdated_at, value }
}

/// The newest entry of each id: layout is not evaluated by instant.
fn newest<T>(entries: &[Entry<T>], id_of: impl Fn(&T) -> &str) -> Vec<&Entry<T>> {
    let mut order: Vec<&Entry<T>> = entries.iter().collect();
    order.sort_by(|a, b| (id_of(&a.row), a.valid.start).cmp(&(id_of(&b.row), b.valid.start)));
    let mut out: Vec<&Entry<T>> = Vec::new();
    for entry in order {
        match out.last_mut() {
            Some(last) if id_of(&last.row) == id_of(&entry.row) => *last = entry,
            _ => out.push(entry),
        }
    }
    out
}

impl Model {
    /// Makes `registers` ready.
    ///
    /// # Errors
    /// A sentence when the time zone is unknown or a reference leads nowhere.
    pub fn new(registers: &Registers, names: &mut Names) -> Result<Self, String> {
        let tz = SiteZone::named(&registers.site.time_zone)?;
        let mut policies: Vec<(Span, Policy)> =
            registers.policies.iter().map(|e| (e.valid, Policy::default().with(&e.row))).collect();
        policies.sort_by_key(|(span, _)| *span);
        if policies.is_empty() {
            policies.push((Span::new(UtcMicros::MIN, UtcMicros::MAX), Policy::default()));
        }
        let with = |row| policies.iter().map(|(span, p)| (*span, p.with(&row))).collect::<Vec<_>>();
        let mut model = Self {
            tz,
            holidays: registers.site.holidays.iter().filter_map(|day| day_of(day)).collect(),
            policies: policies.clone(),
            clients: WordMap::default(),
            zones: WordMap::default(),
            doors: WordMap::default(),
            readers: WordMap::default(),
            persons: WordMap::default(),
            credentials: WordMap::default(),
            credentials_of: WordMap::default(),
            accounts: WordMap::default(),
            terminals: WordMap::default(),
            at_address: WordMap::default(),
            sources: WordMap::default(),
            cameras: WordMap::default(),
            duties: Duties::new(registers, names),
            permits: WordMap::default(),
            permission_zones: Vec::new(),
            company_zones: Vec::new(),
            longest_stay: DurationUs::ZERO,
            longest_grace: DurationUs::ZERO,
            longest_order_grace: policies.iter().map(|(_, p)| p.order_grace).max().unwrap_or_default(),
            longest_skew: policies.iter().map(|(_, p)| p.max_skew).max().unwrap_or_default(),
            longest_window: DurationUs::ZERO,
        };
        let zones = newest(&registers.zones, |z| &z.id);
        for entry in &zones {
            let mut chain = vec![names.intern(&entry.row.id)];
            let mut parent = entry.row.parent.as_deref();
            // Bounded by the number of zones: a ring was refused when the registers were read.
            for _ in 0..zones.len() {
                let Some(id) = parent else { break };
                chain.push(names.intern(id));
                parent = zones.iter().find(|z| z.row.id == id).and_then(|z| z.row.parent.as_deref());
            }
            let policies = with(entry.row.policy());
            for (_, p) in &policies {
                model.longest_stay = model.longest_stay.max(p.max_stay);
                model.longest_grace = model.longest_grace.max(p.grace_before).max(p.grace_after);
            }
            let zone = ZoneModel {
                factors: entry.row.factors.unwrap_or(1),
                hours: entry.row.hours,
                policies,
                demands: Vec::new(),
                entry_unread: false,
                chain,
            };
            model.zones.or_insert_with(names.intern(&entry.row.id), || zone);
        }
        for entry in newest(&registers.doors, |d| &d.id) {
            let place = |id: &str, names: &mut Names| (id != OUTSIDE).then(|| names.intern(id));
            let policies = with(entry.row.policy());
            for (_, p) in &policies {
                let window = p.repeat_window.max(p.factor_window).max(p.opening_time);
                model.longest_window = model.longest_window.max(window);
            }
            let door = DoorModel {
                outer: place(&entry.row.outer, names),
                inner: names.intern(&entry.row.inner),
                evidence: entry.row.use_evidence,
                readers: Vec::new(),
                reads_entry: false,
                reads_exit: false,
                policies,
                recorded_at: entry.recorded_at,
            };
            model.doors.or_insert_with(names.intern(&entry.row.id), || door);
        }
        model.take_readers(registers, names);
        model.take_people(registers, names);
        model.take_clients(registers, names);
        model.take_standing(registers, names);
        for e in &registers.terminals {
            let value = TerminalModel {
                zone: names.intern(&e.row.zone),
                client: e.row.client.as_ref().map(|c| names.intern(c)),
                addressed: !e.row.addresses.is_empty(),
                oplog_keep: e.row.oplog_keep,
            };
            let id = names.intern(&e.row.id);
            model.terminals.or_insert_with(id, Vec::new).push(valid(e, value));
            for address in &e.row.addresses {
                model.at_address.or_insert_with(names.intern(address), Vec::new).push(valid(e, id));
            }
        }
        for e in newest(&registers.sources, |s| &s.id) {
            let value = SourceModel {
                class: e.row.class,
                alive_every: e.row.alive_every,
                interim_every: e.row.interim_every,
                client: e.row.client.as_ref().map(|c| names.intern(c)),
            };
            model.sources.or_insert_with(names.intern(&e.row.id), || value);
        }
        for e in newest(&registers.cameras, |c| &c.id) {
            let value = CameraModel {
                zone: names.intern(&e.row.zone),
                hours: e.row.hours,
                keep: e.row.keep,
                health_every: e.row.health_every,
            };
            model.cameras.or_insert_with(names.intern(&e.row.id), || value);
        }
        Ok(model)
    }

    fn take_readers(&mut self, registers: &Registers, names: &mut Names) {
        for e in &registers.readers {
            let id = names.intern(&e.row.id);
            let door_word = names.intern(&e.row.door);
            let value = ReaderModel {
                door: door_word,
                direction: e.row.direction,
                source: e.row.source.as_ref().map(|s| names.intern(s)),
            };
            self.readers.or_insert_with(id, Vec::new).push(valid(e, value));
            if let Some(door) = self.doors.get_mut(door_word) {
                if !door.readers.contains(&id) {
                    door.readers.push(id);
                }
                match e.row.direction {
                    ReaderDirection::Entry => door.reads_entry = true,
                    ReaderDirection::Exit => door.reads_exit = true,
                }
            }
        }
        let unread: Vec<Word> = self.doors.iter().filter(|(_, d)| !d.reads_entry).map(|(_, d)| d.inner).collect();
        for zone in unread {
            if let Some(zone) = self.zones.get_mut(zone) {
                zone.entry_unread = true;
            }
        }
    }

    fn take_clients(&mut self, registers: &Registers, names: &mut Names) {
        for e in &registers.clients {
            let row = &e.row;
            let value = ClientModel {
                work_orders: row.work_orders.unwrap_or(true),
                emergency_approval: row.emergency_approval.unwrap_or(EMERGENCY_APPROVAL),
                report_days: row.report_days.unwrap_or(REPORT_DAYS),
                facing_terminals: row.facing_terminals,
                hours: row.hours,
                max_length: row.max_length.unwrap_or(MAX_LENGTH),
                max_idle: row.max_idle.unwrap_or(MAX_IDLE),
                factors: row.factors.unwrap_or(FACTORS),
                zones: row.zones.iter().map(|zone| names.intern(zone)).collect(),
                frozen: row.frozen,
                pledge: row.pledge,
                training: row.training,
                permit: row.permit,
            };
            self.clients.or_insert_with(names.intern(&row.id), Vec::new).push(valid(e, value));
        }
    }

    fn take_people(&mut self, registers: &Registers, names: &mut Names) {
        for e in &registers.operators {
            let clients = e.row.clients.iter().map(|c| names.intern(c)).collect();
            let company = e.row.company.as_ref().map(|c| names.intern(c));
            let value = PersonModel { clients, company };
            self.persons.or_insert_with(names.intern(&e.row.id), Vec::new).push(valid(e, value));
        }
        for e in &registers.persons {
            let value = PersonModel { clients: Vec::new(), company: None };
            self.persons.or_insert_with(names.intern(&e.row.id), Vec::new).push(valid(e, value));
        }
        for e in &registers.credentials {
            let Some(person) = e.row.operator.as_ref().or(e.row.person.as_ref()) else {
                continue;
            };
            let (id, person) = (names.intern(&e.row.id), names.intern(person));
            self.credentials.or_insert_with(id, Vec::new).push(valid(e, person));
            let of = self.credentials_of.or_insert_with(person, Vec::new);
            if !of.contains(&id) {
                of.push(id);
            }
        }
        for e in &registers.accounts {
            let value = AccountModel {
                operator: names.intern(&e.row.operator),
                client: names.intern(&e.row.client),
                source: e.row.source.as_ref().map(|s| names.intern(s)),
            };
            self.accounts.or_insert_with(names.intern(&e.row.id), Vec::new).push(valid(e, value));
        }
    }
}
