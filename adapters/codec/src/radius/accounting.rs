//! Requests to observations, with what is remembered between them.

use core::net::IpAddr;

use kukaku_schema::observation::{SessionAlive, SessionEnded, SessionStarted, SourceAlive};
use kukaku_schema::{DurationUs, Name, Observation, UtcMicros};
use sha2::{Digest, Sha256};

use super::memory::{Key, Repeats, Sessions, Start};
use super::packet::{Code, Packet};
use super::record::{NotUnderstood, Record, Status};

/// How late a Start may come that was lost on its way and sent again. A session that is younger has
/// no start derived for it: the true one may still come, and two starts would be two sessions.
pub const START_LATE_MAX: DurationUs = DurationUs::from_secs(300);

/// A request whose signature was verified.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// The packet.
    pub packet: Packet<'a>,
    /// The source that its sender speaks for.
    pub source: &'a Name,
    /// The address that it came from.
    pub sender: IpAddr,
    /// When it came, by our clock.
    pub received: UtcMicros,
}

/// What a request comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it is about; none for a Status-Server.
    pub status: Option<Status>,
    /// What goes to the writer; the request is answered once all of it is durable.
    pub observations: Vec<Observation>,
    /// To be handed to [`Accounting::settle`] when that is known.
    pub effect: Effect,
}

/// What a request changes in the memory once it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "hand it to `Accounting::settle`"]
pub struct Effect {
    offered: Option<Key>,
    closed: Vec<(Key, Option<u64>, UtcMicros)>,
}

/// The sessions of the NAS that report here, as far as they must be remembered.
///
/// The memory serves three ends. A reboot of a NAS ends all its sessions and names none of them. A
/// session whose Start was never heard gets one derived from Acct-Session-Time (a `session.started`
/// with an `event_id` of its own), if it is older than [`START_LATE_MAX`] and began while this memory
/// was complete. And a packet without Event-Timestamp that is sent again must get the time of the
/// first one, or the journal would take it for another event.
///
/// It is lost when the program ends; a program that knows better hands its open sessions to
/// [`Accounting::remember`]. Without that, a session open across a restart ends by its time-out if
/// its NAS reboots and sends no Stop, and one that began before the restart has no start derived.
#[derive(Debug)]
pub struct Accounting {
    sessions: Sessions,
    repeats: Repeats,
    complete_since: UtcMicros,
    forgotten: u64,
}

impl Accounting {
    /// An empty memory that is complete from `complete_since` on, by our clock: from when on every
    /// Start was heard, or is handed to [`Accounting::remember`].
    #[must_use]
    pub fn new(complete_since: UtcMicros) -> Self {
        Self { sessions: Sessions::default(), repeats: Repeats::default(), complete_since, forgotten: 0 }
    }

    /// Takes an open session whose start is durable, by its name in the journal.
    pub fn remember(&mut self, source: &Name, session: &Name) {
        if self.sessions.open(&(source.clone(), session.clone()), Start::Kept) {
            self.forgotten += 1;
        }
    }

    /// How many open sessions were forgotten because there were more than [`super::OPEN_MAX`].
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Makes observations of a request.
    ///
    /// # Errors
    /// What can't be understood: keep the packet as unreadable.
    pub fn hear(&mut self, heard: Heard<'_>) -> Result<Outcome, NotUnderstood> {
        if heard.packet.code() == Code::StatusServer {
            let alive = source_alive(heard.source, None, heard.received);
            return Ok(Outcome { status: None, observations: vec![alive], effect: Effect::default() });
        }
        let record = Record::read(&heard.packet, heard.sender)?;
        let at = self.device_time(&record, heard);
        let status = Some(record.status);
        let (observations, effect) = match (record.status, &record.session) {
            (Status::Start, Some(session)) => self.start(&record, (heard.source.clone(), session.clone()), at, heard),
            (Status::Interim, Some(session)) => self.alive(&record, (heard.source.clone(), session.clone()), at, heard),
            (Status::Stop, Some(session)) => self.stop(&record, (heard.source.clone(), session.clone()), at, heard),
            (Status::On, _) => self.reboot("on", &record.nas, heard.source, at),
            (Status::Off, _) => self.reboot("off", &record.nas, heard.source, at),
            (Status::Other(_) | Status::Start | Status::Interim | Status::Stop, _) => (Vec::new(), Effect::default()),
        };
        Ok(Outcome { status, observations, effect })
    }

    /// Says whether what a request came to is durable. Otherwise the request is as if never heard.
    pub fn settle(&mut self, effect: Effect, is_kept: bool) {
        if let Some(key) = effect.offered
            && self.sessions.start(&key) == Start::Offered
        {
            self.sessions.set_start(&key, if is_kept { Start::Kept } else { Start::Unheard });
        }
        if is_kept {
            for (key, opening, at) in effect.closed {
                self.sessions.close(&key, opening, at);
            }
        }
    }

    fn device_time(&mut self, record: &Record, heard: Heard<'_>) -> UtcMicros {
        let computed = record.device_time(heard.received);
        if record.event_time.is_some() {
            return computed;
        }
        let content = Sha256::new()
            .chain_update(heard.source.as_str())
            .chain_update([0])
            .chain_update(&record.nas)
            .chain_update(record.same);
        let authenticator = *heard.packet.authenticator();
        self.repeats.time(content.finalize().into(), authenticator, heard.received, computed)
    }

    fn open(&mut self, key: &Key, start: Start, received: UtcMicros) {
        if self.sessions.open(key, start) {
            self.forgotten += 1;
            // What was forgotten would look like a session whose start was never heard.
            self.complete_since = self.complete_since.max(received);
        }
    }

    fn start(&mut self, record: &Record, key: Key, at: UtcMicros, heard: Heard<'_>) -> (Vec<Observation>, Effect) {
        let observations = started("start", record, &key, at).into_iter().collect();
        // Sent again after its session ended: it opens nothing.
        if self.sessions.closed_at(&key).is_some_and(|closed| at <= closed) {
            return (observations, Effect::default());
        }
        let start = match self.sessions.start(&key) {
            Start::Kept => Start::Kept,
            Start::Unheard | Start::Offered => Start::Offered,
        };
        self.open(&key, start, heard.received);
        (observations, Effect { offered: Some(key), closed: Vec::new() })
    }

    fn alive(&mut self, record: &Record, key: Key, at: UtcMicros, heard: Heard<'_>) -> (Vec<Observation>, Effect) {
        let said = Observation::SessionAlive(SessionAlive {
            source: key.0.clone(),
            epoch: None,
            seq: None,
            event_id: Some(event_id("alive", key.1.as_str(), at)),
            device_time: at,
            session: key.1.clone(),
            account: record.account.clone(),
            terminal: None,
            address: record.address.clone(),
            idle_s: None,
            octets: record.octets,
        });
        if self.sessions.closed_at(&key).is_some_and(|closed| at <= closed) {
            return (vec![said], Effect::default());
        }
        if !self.sessions.is_open(&key) {
            self.open(&key, Start::Unheard, heard.received);
        }
        let derived = self.derived_start(record, &key, at, heard);
        let mut effect = Effect::default();
        if derived.is_some() {
            self.sessions.set_start(&key, Start::Offered);
            effect.offered = Some(key);
        }
        (derived.into_iter().chain([said]).collect(), effect)
    }

    fn stop(&mut self, record: &Record, key: Key, at: UtcMicros, heard: Heard<'_>) -> (Vec<Observation>, Effect) {
        let derived = self.derived_start(record, &key, at, heard);
        let said = ended("end", record, &key, at, record.cause.clone());
        let opening = self.sessions.opening(&key);
        (derived.into_iter().chain([said]).collect(), Effect { offered: None, closed: vec![(key, opening, at)] })
    }

    /// The start of a session that was never told, where it can be known.
    // Known limit: a NAS that held the true Start back for longer than `START_LATE_MAX` makes a second start
    // of it, and with it a second session; both are kept, each under its own event id.
    fn derived_start(&self, record: &Record, key: &Key, at: UtcMicros, heard: Heard<'_>) -> Option<Observation> {
        let age = record.session_time?;
        let began = heard.received.minus(record.delay).minus(age);
        let is_unheard = self.sessions.start(key) == Start::Unheard && self.sessions.closed_at(key).is_none();
        if !is_unheard || age < START_LATE_MAX || began < self.complete_since {
            return None;
        }
        started("derived-start", record, key, at.minus(age))
    }

    fn reboot(&self, word: &str, nas: &str, source: &Name, at: UtcMicros) -> (Vec<Observation>, Effect) {
        let keys = self.sessions.of_nas(source, nas);
        let reason = Name::new("nas-reboot").expect("a word of ours is a name");
        let ended = keys.iter().map(|key| {
            Observation::SessionEnded(SessionEnded {
                source: key.0.clone(),
                epoch: None,
                seq: None,
                event_id: Some(event_id("reboot", key.1.as_str(), at)),
                device_time: at,
                session: key.1.clone(),
                account: None,
                terminal: None,
                address: None,
                reason: Some(reason.clone()),
                idle_s: None,
                octets: None,
            })
        });
        let alive = source_alive(source, Some(event_id(word, nas, at)), at);
        let observations = [alive].into_iter().chain(ended).collect();
        let closed = keys.into_iter().map(|key| (self.sessions.opening(&key), key));
        (observations, Effect { offered: None, closed: closed.map(|(opening, key)| (key, opening, at)).collect() })
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> [usize; 4] {
        self.sessions.counts()
    }
}

/// Parts of a record are short enough: an event id always fits.
fn event_id(word: &str, of: &str, at: UtcMicros) -> Name {
    Name::new(format!("{word}:{of}@{at}")).expect("its parts are shortened to fit")
}

/// None where there is no account: nobody could be held against it.
fn started(word: &str, record: &Record, key: &Key, at: UtcMicros) -> Option<Observation> {
    Some(Observation::SessionStarted(SessionStarted {
        source: key.0.clone(),
        epoch: None,
        seq: None,
        event_id: Some(event_id(word, key.1.as_str(), at)),
        device_time: at,
        session: key.1.clone(),
        account: record.account.clone()?,
        terminal: None,
        address: record.address.clone(),
        inner_address: record.inner_address.clone(),
        target: None,
        via: None,
        factors: Vec::new(),
    }))
}

fn ended(word: &str, record: &Record, key: &Key, at: UtcMicros, reason: Option<Name>) -> Observation {
    Observation::SessionEnded(SessionEnded {
        source: key.0.clone(),
        epoch: None,
        seq: None,
        event_id: Some(event_id(word, key.1.as_str(), at)),
        device_time: at,
        session: key.1.clone(),
        account: record.account.clone(),
        terminal: None,
        address: record.address.clone(),
        reason,
        idle_s: None,
        octets: record.octets,
    })
}

fn source_alive(source: &Name, event_id: Option<Name>, at: UtcMicros) -> Observation {
    Observation::SourceAlive(SourceAlive { source: source.clone(), epoch: None, seq: None, event_id, device_time: at })
}
