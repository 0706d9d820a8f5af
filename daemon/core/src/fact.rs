//! Facts: observations as the engine keeps them, small and free of text.

use std::collections::BTreeSet;

use kukaku_schema::observation::{
    DoorStateWord, ManualDirection, PowerState, ReaderStatusWord, ReadingResult, SystemConcern,
};
use kukaku_schema::{DurationUs, Name, Observation, OrderState, UtcMicros};

use crate::names::{Names, Word};

/// What a sign of a session says of what was done in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Activity {
    /// How long nothing had been done by then.
    pub idle: Option<DurationUs>,
    /// Bytes carried by then.
    pub octets: Option<u64>,
}

impl Activity {
    /// It says nothing of it.
    #[must_use]
    pub fn is_unknown(self) -> bool {
        self == Self::default()
    }
}

/// A work order as it stands from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderFact {
    /// Its number.
    pub order: Word,
    /// Whose systems it is about.
    pub client: Word,
    /// How far it has come.
    pub state: OrderState,
    /// Work begins before it is allowed.
    pub emergency: bool,
    /// The first instant at which work is allowed.
    pub from: UtcMicros,
    /// The first instant after it.
    pub to: UtcMicros,
    /// The systems worked on; empty: any.
    pub targets: Vec<Word>,
    /// Who works.
    pub operators: Vec<Word>,
}

/// An observation reduced to what meaning depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its number in the journal (or its row in a file replay).
    pub entry: u64,
    /// Who spoke.
    pub source: Word,
    /// The source's numbering.
    pub epoch: Option<Word>,
    /// The source's number.
    pub seq: Option<u64>,
    /// What orders it among observations of the same instant where numbers don't: the event id
    /// as a number, else the first bytes of its content's hash.
    pub order: u64,
    /// What the source's clock said; the start of the span for statements about a span.
    pub device_time: UtcMicros,
    /// When it was made durable.
    pub recorded_at: UtcMicros,
    /// What it said.
    pub body: FactBody,
}

/// What a fact says. Names are words of `Names`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactBody {
    /// `door.reading`.
    Reading {
        /// Reader.
        reader: Word,
        /// Credential.
        credential: Word,
        /// Granted.
        granted: bool,
        /// Factors presented, each once; the credential's sort where none was named.
        factors: Vec<Word>,
    },
    /// `door.used`.
    Used {
        /// Door.
        door: Word,
        /// The reading's number.
        reading: u64,
        /// Passed.
        used: bool,
    },
    /// `door.state`.
    Door {
        /// Door.
        door: Word,
        /// New state.
        state: DoorStateWord,
    },
    /// `reader.status`.
    Reader {
        /// Reader.
        reader: Word,
        /// New state.
        status: ReaderStatusWord,
    },
    /// `source.alive`.
    Alive,
    /// `session.started`.
    Started {
        /// Session id.
        session: Word,
        /// Account.
        account: Word,
        /// Terminal.
        terminal: Option<Word>,
        /// Target.
        target: Option<Word>,
        /// Stepping stone.
        via: Option<Word>,
        /// Network address of the terminal, as the source saw it.
        address: Option<Word>,
        /// The address that the source gave it.
        inner_address: Option<Word>,
        /// How many different factors the sign-in had; 0: not told.
        factors: u8,
    },
    /// `system.state`.
    System {
        /// What.
        concern: SystemConcern,
        /// Whether it is well.
        good: bool,
    },
    /// `order.revised`.
    Order(Box<OrderFact>),
    /// `session.alive` (`ended` false) and `session.ended` (true).
    Sign {
        /// Session id.
        session: Word,
        /// Account.
        account: Option<Word>,
        /// Terminal.
        terminal: Option<Word>,
        /// Its network address.
        address: Option<Word>,
        /// It is the end.
        ended: bool,
        /// What was going on in it.
        activity: Activity,
    },
    /// `camera.health`.
    Camera {
        /// Camera.
        camera: Word,
        /// Reachable, recording, and its newest frame fresh.
        healthy: bool,
    },
    /// `footage.segment`.
    Footage {
        /// Camera.
        camera: Word,
        /// Its path.
        path: Word,
        /// First instant.
        start: UtcMicros,
        /// First instant after it.
        end: UtcMicros,
        /// The recorder no longer holds it.
        gone: bool,
    },
    /// `oplog.segment`.
    Oplog {
        /// Terminal.
        terminal: Word,
        /// Its path.
        path: Word,
        /// First instant.
        start: UtcMicros,
        /// First instant after it.
        end: UtcMicros,
        /// Its size.
        bytes: u64,
        /// The first eight bytes of its hash.
        hash: Option<u64>,
        /// It is no longer kept.
        gone: bool,
    },
    /// `terminal.power`.
    Power {
        /// Terminal.
        terminal: Word,
        /// On, or off.
        on: bool,
    },
    /// `failure.reported`, which is shown and judged by nobody.
    Failure,
    /// `source.caught_up`.
    CaughtUp {
        /// Reader; none: all that the source reports.
        reader: Option<Word>,
        /// First instant.
        from: UtcMicros,
        /// First instant after it.
        to: UtcMicros,
    },
    /// `source.clock`.
    Clock {
        /// Source's clock minus true time, microseconds.
        offset_us: i64,
        /// First instant by the source's clock.
        from: UtcMicros,
        /// First instant after it.
        to: UtcMicros,
    },
    /// `source.gap`.
    SourceGap {
        /// The source whose records are missing.
        of: Word,
        /// First instant.
        from: UtcMicros,
        /// First instant after it.
        to: UtcMicros,
    },
    /// `watch.started`.
    WatchStarted,
    /// `watch.gap`.
    WatchGap {
        /// First instant.
        from: UtcMicros,
        /// First instant after it.
        to: UtcMicros,
    },
    /// `clock.step`.
    ClockStep {
        /// How far, microseconds.
        step_us: i64,
    },
    /// `muster`.
    Muster {
        /// Person and zone of those inside.
        inside: Vec<(Word, Word)>,
    },
    /// `line.unlocked`.
    Unlocked {
        /// Client.
        client: Word,
        /// First instant.
        from: UtcMicros,
        /// First instant after it.
        to: UtcMicros,
        /// For which account.
        account: Option<Word>,
        /// For which system.
        target: Option<Word>,
    },
    /// `line.listed`.
    Listed {
        /// Client.
        client: Word,
        /// First instant.
        from: UtcMicros,
        /// First instant after it.
        to: UtcMicros,
    },
    /// `manual.entry`.
    ManualEntry {
        /// Who.
        person: Word,
        /// The zone that he entered or left.
        zone: Word,
        /// Into it, or out of it.
        direction: ManualDirection,
    },
}

/// Frames older than this many milliseconds are no live picture.
pub const FRAME_STALE_MS: u64 = 20_000;

impl Fact {
    /// Hands every word that it holds to `take`.
    pub fn words(&self, mut take: impl FnMut(Word)) {
        take(self.source);
        self.epoch.into_iter().for_each(&mut take);
        match &self.body {
            FactBody::Reading { reader, credential, factors, .. } => {
                [*reader, *credential].into_iter().chain(factors.iter().copied()).for_each(take);
            }
            FactBody::Used { door, .. } | FactBody::Door { door, .. } => take(*door),
            FactBody::Reader { reader, .. } => take(*reader),
            FactBody::Started { session, account, terminal, target, via, address, inner_address, .. } => {
                let more = [*terminal, *target, *via, *address, *inner_address];
                [*session, *account].into_iter().chain(more.into_iter().flatten()).for_each(take);
            }
            FactBody::Order(order) => {
                let more = order.targets.iter().chain(&order.operators).copied();
                [order.order, order.client].into_iter().chain(more).for_each(take);
            }
            FactBody::Sign { session, account, terminal, address, .. } => {
                [Some(*session), *account, *terminal, *address].into_iter().flatten().for_each(take);
            }
            FactBody::Camera { camera, .. } => take(*camera),
            FactBody::Footage { camera, path, .. } => [*camera, *path].into_iter().for_each(take),
            FactBody::Unlocked { client, account, target, .. } => {
                [Some(*client), *account, *target].into_iter().flatten().for_each(take);
            }
            FactBody::Listed { client, .. } => take(*client),
            FactBody::Oplog { terminal, path, .. } => [*terminal, *path].into_iter().for_each(take),
            FactBody::Power { terminal, .. } => take(*terminal),
            FactBody::CaughtUp { reader, .. } => reader.iter().copied().for_each(take),
            FactBody::SourceGap { of, .. } => take(*of),
            FactBody::Muster { inside } => inside.iter().flat_map(|(person, zone)| [*person, *zone]).for_each(take),
            FactBody::ManualEntry { person, zone, .. } => [*person, *zone].into_iter().for_each(take),
            FactBody::Alive
            | FactBody::Failure
            | FactBody::System { .. }
            | FactBody::Clock { .. }
            | FactBody::WatchStarted
            | FactBody::WatchGap { .. }
            | FactBody::ClockStep { .. } => {}
        }
    }

    /// Reduces an observation. `content` is its content hash.
    #[must_use]
    pub fn of(
        observation: &Observation,
        entry: u64,
        recorded_at: UtcMicros,
        content: &[u8; 32],
        names: &mut Names,
    ) -> Self {
        let header = observation.header();
        let source = names.intern(header.source.as_str());
        let epoch = header.epoch.map(|e| names.intern(e.as_str()));
        let by_content = u64::from_be_bytes(content[..8].try_into().expect("a hash has 32 bytes"));
        let order = header.event_id.map_or(by_content, |id| order_of(id.as_str()));
        let body = body_of(observation, names);
        let device_time =
            header.device_time.or_else(|| observation.stated_span().map(|s| s.start)).unwrap_or(recorded_at);
        Self { entry, source, epoch, seq: header.seq, order, device_time, recorded_at, body }
    }
}

/// What orders readings of one instant by their event ids: numbers as numbers, before texts by
/// their first bytes.
#[must_use]
pub fn order_of(event_id: &str) -> u64 {
    const TEXT: u64 = 1 << 63;
    match event_id.parse::<u64>() {
        Ok(number) if number < TEXT => number,
        _ => {
            let mut head = [0_u8; 8];
            let len = event_id.len().min(8);
            head[..len].copy_from_slice(&event_id.as_bytes()[..len]);
            TEXT | (u64::from_be_bytes(head) >> 1)
        }
    }
}

fn seconds(told: u64) -> DurationUs {
    DurationUs(i64::try_from(told).unwrap_or(i64::MAX).saturating_mul(1_000_000))
}

fn body_of(observation: &Observation, names: &mut Names) -> FactBody {
    let mut opt = |name: &Option<kukaku_schema::Name>| name.as_ref().map(|n| names.intern(n.as_str()));
    match observation {
        Observation::DoorReading(o) => {
            let mut factors: Vec<Word> = o.factors.iter().map(|f| names.intern(f.as_str())).collect();
            if factors.is_empty() {
                let sort = o.credential.as_str().split_once(':').map_or("card", |(sort, _)| sort);
                factors.push(names.intern(sort));
            }
            factors.sort_unstable();
            factors.dedup();
            FactBody::Reading {
                reader: names.intern(o.reader.as_str()),
                credential: names.intern(o.credential.as_str()),
                granted: o.result == ReadingResult::Granted,
                factors,
            }
        }
        Observation::DoorUsed(o) => {
            FactBody::Used { door: names.intern(o.door.as_str()), reading: o.reading, used: o.used }
        }
        Observation::DoorState(o) => FactBody::Door { door: names.intern(o.door.as_str()), state: o.state },
        Observation::ReaderStatus(o) => FactBody::Reader { reader: names.intern(o.reader.as_str()), status: o.status },
        Observation::SourceAlive(_) => FactBody::Alive,
        Observation::SessionStarted(o) => {
            let (terminal, target, via) = (opt(&o.terminal), opt(&o.target), opt(&o.via));
            let (address, inner_address) = (opt(&o.address), opt(&o.inner_address));
            let factors: BTreeSet<&str> = o.factors.iter().map(Name::as_str).collect();
            FactBody::Started {
                session: names.intern(o.session.as_str()),
                account: names.intern(o.account.as_str()),
                terminal,
                target,
                via,
                address,
                inner_address,
                factors: u8::try_from(factors.len()).unwrap_or(u8::MAX),
            }
        }
        Observation::SystemState(o) => FactBody::System { concern: o.concern, good: o.good },
        Observation::OrderRevised(o) => FactBody::Order(Box::new(OrderFact {
            order: names.intern(o.order.as_str()),
            client: names.intern(o.client.as_str()),
            state: o.state,
            emergency: o.emergency,
            from: o.from,
            to: o.to,
            targets: o.targets.iter().map(|target| names.intern(target.as_str())).collect(),
            operators: o.operators.iter().map(|operator| names.intern(operator.as_str())).collect(),
        })),
        Observation::SessionAlive(o) => {
            let (account, terminal, address) = (opt(&o.account), opt(&o.terminal), opt(&o.address));
            let activity = Activity { idle: o.idle_s.map(seconds), octets: o.octets };
            FactBody::Sign {
                session: names.intern(o.session.as_str()),
                account,
                terminal,
                address,
                ended: false,
                activity,
            }
        }
        Observation::SessionEnded(o) => {
            let (account, terminal, address) = (opt(&o.account), opt(&o.terminal), opt(&o.address));
            let activity = Activity { idle: o.idle_s.map(seconds), octets: o.octets };
            FactBody::Sign {
                session: names.intern(o.session.as_str()),
                account,
                terminal,
                address,
                ended: true,
                activity,
            }
        }
        Observation::CameraHealth(o) => FactBody::Camera {
            camera: names.intern(o.camera.as_str()),
            healthy: o.reachable && o.recording && o.frame_age_ms.is_none_or(|age| age <= FRAME_STALE_MS),
        },
        Observation::FootageSegment(o) => FactBody::Footage {
            camera: names.intern(o.camera.as_str()),
            path: names.intern(o.path.as_str()),
            start: o.start,
            end: o.end,
            gone: o.gone,
        },
        Observation::LineUnlocked(o) => {
            let (account, target) = (opt(&o.account), opt(&o.target));
            FactBody::Unlocked { client: names.intern(o.client.as_str()), from: o.from, to: o.to, account, target }
        }
        Observation::LineListed(o) => {
            FactBody::Listed { client: names.intern(o.client.as_str()), from: o.from, to: o.to }
        }
        Observation::OplogSegment(o) => FactBody::Oplog {
            terminal: names.intern(o.terminal.as_str()),
            path: names.intern(o.path.as_str()),
            start: o.start,
            end: o.end,
            bytes: o.bytes,
            hash: o.sha256.as_ref().and_then(|hash| u64::from_str_radix(hash.as_str().get(..16)?, 16).ok()),
            gone: o.gone,
        },
        Observation::TerminalPower(o) => {
            FactBody::Power { terminal: names.intern(o.terminal.as_str()), on: o.state == PowerState::On }
        }
        Observation::FailureReported(_) => FactBody::Failure,
        Observation::SourceCaughtUp(o) => FactBody::CaughtUp { reader: opt(&o.reader), from: o.from, to: o.to },
        Observation::SourceClock(o) => {
            FactBody::Clock { offset_us: o.offset_ms.saturating_mul(1000), from: o.from, to: o.to }
        }
        Observation::SourceGap(o) => FactBody::SourceGap { of: names.intern(o.of.as_str()), from: o.from, to: o.to },
        Observation::WatchStarted(_) => FactBody::WatchStarted,
        Observation::WatchGap(o) => FactBody::WatchGap { from: o.from, to: o.to },
        Observation::ClockStep(o) => FactBody::ClockStep { step_us: o.step_us },
        Observation::Muster(o) => FactBody::Muster {
            inside: o.inside.iter().map(|m| (names.intern(m.person.as_str()), names.intern(m.zone.as_str()))).collect(),
        },
        Observation::ManualEntry(o) => FactBody::ManualEntry {
            person: names.intern(o.person.as_str()),
            zone: names.intern(o.zone.as_str()),
            direction: o.direction,
        },
    }
}
