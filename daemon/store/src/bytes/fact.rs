//! Facts to bytes and back.

use kukaku_core::{Activity, Fact, FactBody, OrderFact};
use kukaku_schema::observation::{DoorStateWord, ManualDirection, ReaderStatusWord, SystemConcern};
use kukaku_schema::{DurationUs, OrderState, UtcMicros};

use super::{Fault, In, LAYOUT, Out};

const DOOR_STATES: [DoorStateWord; 6] = [
    DoorStateWord::Closed,
    DoorStateWord::Opened,
    DoorStateWord::Forced,
    DoorStateWord::HeldOpen,
    DoorStateWord::Unlocked,
    DoorStateWord::Locked,
];
const READER_STATES: [ReaderStatusWord; 3] =
    [ReaderStatusWord::Online, ReaderStatusWord::Offline, ReaderStatusWord::Tamper];

/// A start that tells of addresses or factors; 6 tells of neither.
const STARTED_MORE: u8 = 17;
/// A sign that tells of an address; 7 doesn't.
const SIGN_MORE: u8 = 18;
/// A sign that tells what was done in the session; 7 and `SIGN_MORE` don't.
const SIGN_ACTIVITY: u8 = 28;
/// A work order.
const ORDER: u8 = 19;
/// A thing of kukaku's own.
const SYSTEM: u8 = 20;
/// A failure report.
const FAILURE: u8 = 25;
/// An unlock of a client's line, as the city recorded it.
const UNLOCKED: u8 = 24;
/// The city's record of its line is complete for a span.
const LISTED: u8 = 26;
/// Records of a source that are gone for good.
const SOURCE_GAP: u8 = 22;
/// An operation log.
const OPLOG: u8 = 27;
/// A terminal's power.
const POWER: u8 = 23;

/// Appends a fact to the row of a commit; `before` is the entry of the one before it.
pub(crate) fn append_fact(row: &mut Vec<u8>, before: u64, fact: &Fact, scratch: &mut Vec<u8>) {
    scratch.clear();
    write_fact(scratch, fact);
    let mut out = Out(row);
    out.number(fact.entry.wrapping_sub(before));
    out.number(scratch.len() as u64);
    row.extend_from_slice(scratch);
}

/// The facts of one row, in order.
pub(crate) struct FactRow<'a> {
    entry: u64,
    rest: In<'a>,
}

impl<'a> FactRow<'a> {
    /// The row whose key is `first`.
    pub(crate) fn new(first: u64, bytes: &'a [u8]) -> Self {
        Self { entry: first, rest: In(bytes) }
    }

    fn read(&mut self) -> Result<Fact, Fault> {
        self.entry = self.entry.wrapping_add(self.rest.number()?);
        let length = self.rest.count()?;
        let (bytes, rest) = self.rest.0.split_at(length);
        self.rest = In(rest);
        read_fact(self.entry, bytes)
    }
}

impl Iterator for FactRow<'_> {
    type Item = Result<Fact, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.0.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            // What follows a damaged fact can't be found.
            self.rest = In(&[]);
        }
        Some(read)
    }
}

/// Appends a fact without its entry.
pub(super) fn write_fact(bytes: &mut Vec<u8>, fact: &Fact) {
    bytes.push(LAYOUT);
    let mut out = Out(bytes);
    out.signed(fact.recorded_at.0);
    out.signed(fact.device_time.0.wrapping_sub(fact.recorded_at.0));
    out.word(fact.source);
    out.maybe_word(fact.epoch);
    out.maybe_number(fact.seq);
    out.0.extend(fact.order.to_be_bytes());
    write_body(&mut out, &fact.body);
}

fn write_body(out: &mut Out<'_>, body: &FactBody) {
    let sort = |out: &mut Out<'_>, sort: u8| out.0.push(sort);
    match body {
        FactBody::Reading { reader, credential, granted, factors } => {
            sort(out, 1);
            out.word(*reader);
            out.word(*credential);
            out.flag(*granted);
            out.number(factors.len() as u64);
            factors.iter().for_each(|factor| out.word(*factor));
        }
        FactBody::Used { door, reading, used } => {
            sort(out, 2);
            out.word(*door);
            out.number(*reading);
            out.flag(*used);
        }
        FactBody::Door { door, state } => {
            sort(out, 3);
            out.word(*door);
            out.number(place(&DOOR_STATES, state));
        }
        FactBody::Reader { reader, status } => {
            sort(out, 4);
            out.word(*reader);
            out.number(place(&READER_STATES, status));
        }
        FactBody::Alive => sort(out, 5),
        FactBody::Started { session, account, terminal, target, via, address, inner_address, factors } => {
            let more = address.is_some() || inner_address.is_some() || *factors > 0;
            sort(out, if more { STARTED_MORE } else { 6 });
            out.word(*session);
            out.word(*account);
            [terminal, target, via].into_iter().for_each(|word| out.maybe_word(*word));
            if more {
                out.maybe_word(*address);
                out.maybe_word(*inner_address);
                out.number(u64::from(*factors));
            }
        }
        FactBody::System { concern, good } => {
            sort(out, SYSTEM);
            out.number(place(&SystemConcern::ALL, concern));
            out.flag(*good);
        }
        FactBody::Order(order) => {
            sort(out, ORDER);
            out.word(order.order);
            out.word(order.client);
            out.number(place(OrderState::ALL, &order.state));
            out.flag(order.emergency);
            out.signed(order.from.0);
            out.signed(order.to.0);
            for list in [&order.targets, &order.operators] {
                out.number(list.len() as u64);
                list.iter().for_each(|word| out.word(*word));
            }
        }
        FactBody::Sign { session, account, terminal, address, ended, activity } if !activity.is_unknown() => {
            sort(out, SIGN_ACTIVITY);
            out.word(*session);
            [account, terminal, address].into_iter().for_each(|word| out.maybe_word(*word));
            out.flag(*ended);
            out.maybe_number(activity.idle.map(|idle| idle.0.cast_unsigned()));
            out.maybe_number(activity.octets);
        }
        FactBody::Sign { session, account, terminal, address, ended, activity: _ } => {
            sort(out, if address.is_some() { SIGN_MORE } else { 7 });
            out.word(*session);
            out.maybe_word(*account);
            out.maybe_word(*terminal);
            out.flag(*ended);
            if let Some(address) = address {
                out.word(*address);
            }
        }
        FactBody::Camera { camera, healthy } => {
            sort(out, 8);
            out.word(*camera);
            out.flag(*healthy);
        }
        FactBody::Footage { camera, path, start, end, gone } => {
            sort(out, 9);
            out.word(*camera);
            out.word(*path);
            out.signed(start.0);
            out.signed(end.0);
            out.flag(*gone);
        }
        FactBody::Oplog { terminal, path, start, end, bytes, hash, gone } => {
            sort(out, OPLOG);
            out.word(*terminal);
            out.word(*path);
            out.signed(start.0);
            out.signed(end.0);
            out.number(*bytes);
            out.maybe_number(*hash);
            out.flag(*gone);
        }
        FactBody::Power { terminal, on } => {
            sort(out, POWER);
            out.word(*terminal);
            out.flag(*on);
        }
        FactBody::Failure => sort(out, FAILURE),
        FactBody::CaughtUp { reader, from, to } => {
            sort(out, 10);
            out.maybe_word(*reader);
            out.signed(from.0);
            out.signed(to.0);
        }
        FactBody::Clock { offset_us, from, to } => {
            sort(out, 11);
            out.signed(*offset_us);
            out.signed(from.0);
            out.signed(to.0);
        }
        FactBody::Unlocked { client, from, to, account, target } => {
            sort(out, UNLOCKED);
            out.word(*client);
            out.signed(from.0);
            out.signed(to.0);
            out.maybe_word(*account);
            out.maybe_word(*target);
        }
        FactBody::Listed { client, from, to } => {
            sort(out, LISTED);
            out.word(*client);
            out.signed(from.0);
            out.signed(to.0);
        }
        FactBody::SourceGap { of, from, to } => {
            sort(out, SOURCE_GAP);
            out.word(*of);
            out.signed(from.0);
            out.signed(to.0);
        }
        FactBody::WatchStarted => sort(out, 12),
        FactBody::WatchGap { from, to } => {
            sort(out, 13);
            out.signed(from.0);
            out.signed(to.0);
        }
        FactBody::ClockStep { step_us } => {
            sort(out, 14);
            out.signed(*step_us);
        }
        FactBody::Muster { inside } => {
            sort(out, 15);
            out.number(inside.len() as u64);
            for (person, zone) in inside {
                out.word(*person);
                out.word(*zone);
            }
        }
        FactBody::ManualEntry { person, zone, direction } => {
            sort(out, 16);
            out.word(*person);
            out.word(*zone);
            out.flag(*direction == ManualDirection::Entry);
        }
    }
}

fn place<T: PartialEq>(list: &[T], value: &T) -> u64 {
    list.iter().position(|known| known == value).expect("the lists above hold every state") as u64
}

/// Reads the fact of journal entry `entry`.
pub(super) fn read_fact(entry: u64, bytes: &[u8]) -> Result<Fact, Fault> {
    let mut input = In(bytes);
    input.layout()?;
    let recorded_at = UtcMicros(input.signed()?);
    let device_time = UtcMicros(recorded_at.0.wrapping_add(input.signed()?));
    let source = input.word()?;
    let epoch = input.maybe_word()?;
    let seq = input.maybe_number()?;
    let (order, rest) = input.0.split_first_chunk::<8>().ok_or("the bytes end too early")?;
    let order = u64::from_be_bytes(*order);
    input.0 = rest;
    let body = read_body(&mut input)?;
    input.end()?;
    Ok(Fact { entry, source, epoch, seq, order, device_time, recorded_at, body })
}

fn read_body(input: &mut In<'_>) -> Result<FactBody, Fault> {
    let instant = |input: &mut In<'_>| input.signed().map(UtcMicros);
    Ok(match input.byte()? {
        1 => {
            let (reader, credential, granted) = (input.word()?, input.word()?, input.flag()?);
            let factors = (0..input.count()?).map(|_| input.word()).collect::<Result<_, _>>()?;
            FactBody::Reading { reader, credential, granted, factors }
        }
        2 => FactBody::Used { door: input.word()?, reading: input.number()?, used: input.flag()? },
        3 => FactBody::Door { door: input.word()?, state: at(&DOOR_STATES, input.number()?)? },
        4 => FactBody::Reader { reader: input.word()?, status: at(&READER_STATES, input.number()?)? },
        5 => FactBody::Alive,
        sort @ (6 | STARTED_MORE) => {
            let (session, account) = (input.word()?, input.word()?);
            let (terminal, target, via) = (input.maybe_word()?, input.maybe_word()?, input.maybe_word()?);
            let more = sort == STARTED_MORE;
            let (address, inner_address) = if more { (input.maybe_word()?, input.maybe_word()?) } else { (None, None) };
            let factors =
                if more { u8::try_from(input.number()?).map_err(|_| "a sign-in has too many factors")? } else { 0 };
            FactBody::Started { session, account, terminal, target, via, address, inner_address, factors }
        }
        SOURCE_GAP => FactBody::SourceGap { of: input.word()?, from: instant(input)?, to: instant(input)? },
        SYSTEM => FactBody::System { concern: at(&SystemConcern::ALL, input.number()?)?, good: input.flag()? },
        ORDER => {
            let (order, client) = (input.word()?, input.word()?);
            let state = at(OrderState::ALL, input.number()?)?;
            let (emergency, from, to) = (input.flag()?, instant(input)?, instant(input)?);
            let words = |input: &mut In<'_>| (0..input.count()?).map(|_| input.word()).collect::<Result<_, _>>();
            let (targets, operators) = (words(input)?, words(input)?);
            FactBody::Order(Box::new(OrderFact { order, client, state, emergency, from, to, targets, operators }))
        }
        sort @ (7 | SIGN_MORE) => {
            let session = input.word()?;
            let (account, terminal, ended) = (input.maybe_word()?, input.maybe_word()?, input.flag()?);
            let address = if sort == SIGN_MORE { Some(input.word()?) } else { None };
            FactBody::Sign { session, account, terminal, address, ended, activity: Activity::default() }
        }
        SIGN_ACTIVITY => {
            let session = input.word()?;
            let (account, terminal, address) = (input.maybe_word()?, input.maybe_word()?, input.maybe_word()?);
            let ended = input.flag()?;
            let idle = input.maybe_number()?.map(|idle| DurationUs(idle.cast_signed()));
            let activity = Activity { idle, octets: input.maybe_number()? };
            FactBody::Sign { session, account, terminal, address, ended, activity }
        }
        8 => FactBody::Camera { camera: input.word()?, healthy: input.flag()? },
        9 => FactBody::Footage {
            camera: input.word()?,
            path: input.word()?,
            start: instant(input)?,
            end: instant(input)?,
            gone: input.flag()?,
        },
        OPLOG => FactBody::Oplog {
            terminal: input.word()?,
            path: input.word()?,
            start: instant(input)?,
            end: instant(input)?,
            bytes: input.number()?,
            hash: input.maybe_number()?,
            gone: input.flag()?,
        },
        FAILURE => FactBody::Failure,
        POWER => FactBody::Power { terminal: input.word()?, on: input.flag()? },
        10 => FactBody::CaughtUp { reader: input.maybe_word()?, from: instant(input)?, to: instant(input)? },
        11 => FactBody::Clock { offset_us: input.signed()?, from: instant(input)?, to: instant(input)? },
        UNLOCKED => FactBody::Unlocked {
            client: input.word()?,
            from: instant(input)?,
            to: instant(input)?,
            account: input.maybe_word()?,
            target: input.maybe_word()?,
        },
        LISTED => FactBody::Listed { client: input.word()?, from: instant(input)?, to: instant(input)? },
        12 => FactBody::WatchStarted,
        13 => FactBody::WatchGap { from: instant(input)?, to: instant(input)? },
        14 => FactBody::ClockStep { step_us: input.signed()? },
        15 => {
            let inside =
                (0..input.count()?).map(|_| Ok((input.word()?, input.word()?))).collect::<Result<_, Fault>>()?;
            FactBody::Muster { inside }
        }
        16 => FactBody::ManualEntry {
            person: input.word()?,
            zone: input.word()?,
            direction: if input.flag()? { ManualDirection::Entry } else { ManualDirection::Exit },
        },
        _ => return Err("the sort of a fact is unknown to this version"),
    })
}

fn at<T: Copy>(list: &[T], place: u64) -> Result<T, Fault> {
    usize::try_from(place).ok().and_then(|place| list.get(place).copied()).ok_or("a state is unknown to this version")
}
