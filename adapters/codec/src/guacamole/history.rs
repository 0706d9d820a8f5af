//! From records to sessions, each thing said once.

use std::collections::{BTreeMap, BTreeSet};

use kukaku_schema::intake::{ArrivalBody, Unreadable};
use kukaku_schema::observation::{SessionAlive, SessionEnded, SessionStarted, SourceAlive, SourceClock};
use kukaku_schema::{DurationUs, Name, Observation, UtcMicros};

use super::answers::{Active, HISTORY_MAX, Item, Record};

/// Records that are remembered: several full answers. What drops out has ended, or is said once
/// more, which changes nothing.
pub const SEEN_MAX: usize = 8 * HISTORY_MAX;

/// Records without an end that are asked for by their user, when the newest don't hold them.
pub const OPEN_MAX: usize = 8;

/// Broken records that are remembered, so that each is kept once.
const BROKEN_MAX: usize = HISTORY_MAX;

/// How often an open session is said to be alive: register `interim_every = "5m"`.
const SESSION_ALIVE_EVERY: DurationUs = DurationUs::from_secs(300);

/// How often Guacamole itself is said to be alive: register `alive_every = "1m"`.
const SOURCE_ALIVE_EVERY: DurationUs = DurationUs::from_secs(60);

/// Guacamole tells its clock to the second, and an answer takes its time: less off is not told.
const CLOCK_OFF_MIN: DurationUs = DurationUs::from_secs(3);

/// Two tellings of one start lie apart by so much at most: some databases keep whole seconds.
const SAME_START: DurationUs = DurationUs::from_secs(1);

/// What one round of questions brought.
#[derive(Debug, Clone, Default)]
pub struct Polled {
    /// Records, in any order; the same one may come twice.
    pub items: Vec<Item>,
    /// The connections that were open.
    pub active: Vec<Active>,
    /// Guacamole's clock minus ours.
    pub clock_off: DurationUs,
}

/// What is remembered of a record.
#[derive(Debug, Clone)]
struct Seen {
    start: UtcMicros,
    user: String,
    has_ended: bool,
    /// When it was last said to be alive, by our clock.
    alive_at: UtcMicros,
}

/// What was said of whose sessions.
#[derive(Debug, Clone)]
pub struct History {
    source: Name,
    /// Records that ended before this are from before our time, by Guacamole's clock as it was then
    /// told.
    since: UtcMicros,
    /// Bounded by [`SEEN_MAX`].
    seen: BTreeMap<String, Seen>,
    /// SHA-256 of records that were kept as unreadable. Bounded by `BROKEN_MAX`.
    broken: BTreeSet<[u8; 32]>,
    /// When it was last said to be alive, by our clock.
    alive_at: Option<UtcMicros>,
}

impl History {
    /// Knows nothing yet. What ended before `since`, by our clock, is not told.
    #[must_use]
    pub fn new(source: Name, since: UtcMicros) -> Self {
        Self { source, since, seen: BTreeMap::new(), broken: BTreeSet::new(), alive_at: None }
    }

    /// The earliest start that the next answer has to reach back to, by Guacamole's clock, so that
    /// no record between is missed.
    #[must_use]
    pub fn reaches(&self, clock_off: DurationUs) -> UtcMicros {
        // An hour, because records may be written in another order than that of their starts.
        let newest = self.seen.values().map(|seen| seen.start).max();
        newest.map_or_else(|| self.since.plus(clock_off), |at| at.minus(DurationUs::from_secs(3_600)))
    }

    /// Users of sessions that have no end yet and start before `at`, at most [`OPEN_MAX`].
    #[must_use]
    pub fn open_before(&self, at: UtcMicros) -> BTreeSet<String> {
        let open = self.seen.values().filter(|seen| !seen.has_ended && seen.start < at);
        open.map(|seen| seen.user.clone()).take(OPEN_MAX).collect()
    }

    /// Says what is new in an answer, in the order of time. `now` is our clock.
    pub fn take(&mut self, polled: &Polled, now: UtcMicros) -> Vec<ArrivalBody> {
        let mut out = Vec::new();
        let device_now = now.plus(polled.clock_off);
        self.own_life(polled.clock_off, now, &mut out);
        let mut records: Vec<&Record> = Vec::new();
        for item in &polled.items {
            match item {
                Ok(record) => records.push(record),
                Err((why, bytes)) => out.extend(self.broken(why, bytes)),
            }
        }
        records.sort_by(|a, b| (a.start, &a.id, a.end).cmp(&(b.start, &b.id, b.end)));
        for record in records {
            self.record(record, polled, device_now, now, &mut out);
        }
        self.forget();
        out
    }

    fn own_life(&mut self, clock_off: DurationUs, now: UtcMicros, out: &mut Vec<ArrivalBody>) {
        let before = self.alive_at;
        if before.is_some_and(|at| (0..SOURCE_ALIVE_EVERY.0).contains(&now.since(at).0)) {
            return;
        }
        let device = now.plus(clock_off);
        let source = self.source.clone();
        say(
            out,
            Observation::SourceAlive(SourceAlive {
                source: source.clone(),
                epoch: None,
                seq: None,
                event_id: None,
                device_time: device,
            }),
        );
        if clock_off.0.abs() >= CLOCK_OFF_MIN.0 {
            // Spans that adjoin: what lies behind the newest is told the next time.
            let from = before.filter(|at| *at < now).map_or(device.minus(SOURCE_ALIVE_EVERY), |at| at.plus(clock_off));
            say(
                out,
                Observation::SourceClock(SourceClock {
                    source,
                    epoch: None,
                    seq: None,
                    event_id: None,
                    offset_ms: clock_off.0 / 1_000,
                    from,
                    to: device,
                    measured_by: Name::new("http-date").expect("a plain word is a name"),
                }),
            );
        }
        self.alive_at = Some(now);
    }

    fn broken(&mut self, why: &str, bytes: &[u8]) -> Option<ArrivalBody> {
        let kept =
            Unreadable::new(Some(self.source.as_str().to_owned()), bytes, format!("a record of Guacamole: {why}"));
        if self.broken.len() >= BROKEN_MAX {
            self.broken.pop_first();
        }
        self.broken.insert(kept.sha256).then_some(ArrivalBody::Unreadable(kept))
    }

    fn record(
        &mut self,
        record: &Record,
        polled: &Polled,
        device_now: UtcMicros,
        now: UtcMicros,
        out: &mut Vec<ArrivalBody>,
    ) {
        let is_open =
            record.end.is_none() && (record.is_active || polled.active.iter().any(|active| is_same(active, record)));
        let since = self.since.plus(polled.clock_off);
        let is_ours = is_open || record.end.unwrap_or(record.start) >= since;
        if !is_ours && !self.seen.contains_key(&record.id) {
            return;
        }
        let (session, account) = match (Name::new(record.id.as_str()), Name::new(record.user.as_str())) {
            (Ok(session), Ok(account)) => (session, account),
            (Err(why), _) | (_, Err(why)) => {
                out.extend(self.broken(&why, format!("{record:?}").as_bytes()));
                return;
            }
        };
        let address = Name::new(record.host.as_str()).ok();
        let event_id = |word: &str| Name::new(format!("{}:{word}", record.id)).ok();
        let is_new = !self.seen.contains_key(&record.id);
        let seen = self.seen.entry(record.id.clone()).or_insert_with(|| Seen {
            start: record.start,
            user: record.user.clone(),
            has_ended: false,
            alive_at: now,
        });
        if is_new {
            say(
                out,
                Observation::SessionStarted(SessionStarted {
                    source: self.source.clone(),
                    epoch: None,
                    seq: None,
                    event_id: event_id("start"),
                    device_time: record.start,
                    session: session.clone(),
                    account: account.clone(),
                    terminal: None,
                    address: address.clone(),
                    inner_address: None,
                    target: Name::new(record.name.as_str()).ok(),
                    via: None,
                    factors: Vec::new(),
                }),
            );
        }
        if let (Some(end), false) = (record.end, seen.has_ended) {
            seen.has_ended = true;
            say(
                out,
                Observation::SessionEnded(SessionEnded {
                    source: self.source.clone(),
                    epoch: None,
                    seq: None,
                    event_id: event_id("end"),
                    device_time: end,
                    session,
                    account: Some(account),
                    terminal: None,
                    address,
                    reason: None,
                    idle_s: None,
                    octets: None,
                }),
            );
        } else if is_open
            && !is_new
            && !seen.has_ended
            && !(0..SESSION_ALIVE_EVERY.0).contains(&now.since(seen.alive_at).0)
        {
            seen.alive_at = now;
            say(
                out,
                Observation::SessionAlive(SessionAlive {
                    source: self.source.clone(),
                    epoch: None,
                    seq: None,
                    event_id: event_id(&format!("alive@{device_now}")),
                    device_time: device_now,
                    session,
                    account: Some(account),
                    terminal: None,
                    address,
                    idle_s: None,
                    octets: None,
                }),
            );
        }
    }

    /// Keeps the memory bounded: the oldest that have ended go first.
    fn forget(&mut self) {
        while self.seen.len() > SEEN_MAX {
            let oldest = self.seen.iter().min_by_key(|(_, seen)| (!seen.has_ended, seen.start));
            let Some(id) = oldest.map(|(id, _)| id.clone()) else { return };
            self.seen.remove(&id);
        }
    }
}

fn say(out: &mut Vec<ArrivalBody>, observation: Observation) {
    out.push(ArrivalBody::Observation(Box::new(observation)));
}

fn is_same(active: &Active, record: &Record) -> bool {
    active.connection == record.connection
        && active.user == record.user
        && active.start.since(record.start).0.abs() <= SAME_START.0
}
