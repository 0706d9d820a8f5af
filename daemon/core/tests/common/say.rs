//! Observations in one line each.
#![allow(missing_docs)]

use kukaku_schema::observation::{
    DoorReading, DoorState, DoorStateWord, DoorUsed, LineListed, LineUnlocked, ManualDirection, ManualEntry, Muster,
    MusterEntry, OplogSegment, OrderRevised, ReaderStatus, ReaderStatusWord, ReadingResult, Remark, SegmentPath,
    SessionAlive, SessionEnded, SessionStarted, Sha256Hex, SourceAlive, SourceCaughtUp, SourceClock, SourceGap,
    WatchGap, WatchStarted,
};
use kukaku_schema::{Name, Observation, OrderAct, OrderSide, OrderState, UtcMicros};

use super::at;

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn reading_from(
    source: &str,
    seq: Option<u64>,
    time: &str,
    reader: &str,
    card: &str,
    granted: bool,
) -> Observation {
    Observation::DoorReading(DoorReading {
        source: name(source),
        epoch: None,
        seq,
        event_id: None,
        device_time: at(time),
        reader: name(reader),
        credential: name(card),
        result: if granted { ReadingResult::Granted } else { ReadingResult::Denied },
        factors: vec![],
        reason: None,
    })
}

pub fn source_of(reader: &str) -> &'static str {
    if reader.starts_with('z') || reader.starts_with('i') { "panel" } else { "panel-y" }
}

pub fn read(time: &str, reader: &str, who: &str) -> Observation {
    let card = if who.contains(':') { who.to_owned() } else { format!("card:{who}") };
    reading_from(source_of(reader), None, time, reader, &card, true)
}

pub fn numbered(seq: u64, time: &str, reader: &str, who: &str) -> Observation {
    reading_from(source_of(reader), Some(seq), time, reader, &format!("card:{who}"), true)
}

pub fn denied(time: &str, reader: &str, who: &str) -> Observation {
    reading_from(source_of(reader), None, time, reader, &format!("card:{who}"), false)
}

pub fn state(time: &str, door: &str, state: DoorStateWord) -> Observation {
    Observation::DoorState(DoorState {
        source: name(if door.starts_with("dz") || door.starts_with("di") { "panel" } else { "panel-y" }),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        door: name(door),
        state,
    })
}

pub fn status(time: &str, reader: &str, status: ReaderStatusWord) -> Observation {
    Observation::ReaderStatus(ReaderStatus {
        source: name(source_of(reader)),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        reader: name(reader),
        status,
    })
}

pub fn used(time: &str, door: &str, reading: u64, used: bool) -> Observation {
    Observation::DoorUsed(DoorUsed {
        source: name("panel"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        door: name(door),
        reading,
        used,
    })
}

pub fn alive(time: &str, source: &str) -> Observation {
    Observation::SourceAlive(SourceAlive {
        source: name(source),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
    })
}

pub fn caught_up(reader: &str, from: &str, to: &str) -> Observation {
    Observation::SourceCaughtUp(SourceCaughtUp {
        source: name(source_of(reader)),
        epoch: None,
        seq: None,
        event_id: None,
        reader: Some(name(reader)),
        from: at(from),
        to: at(to),
    })
}

pub fn clock(source: &str, offset_ms: i64, from: &str, to: &str) -> Observation {
    Observation::SourceClock(SourceClock {
        source: name(source),
        epoch: None,
        seq: None,
        event_id: None,
        offset_ms,
        from: at(from),
        to: at(to),
        measured_by: name("ntp"),
    })
}

/// A step of work order `order` of Tomakomai: operator A, 09:00 to 10:00 on the day.
pub fn order(time: &str, order: &str, state: OrderState) -> Observation {
    Observation::OrderRevised(Box::new(OrderRevised {
        source: name("kukaku"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        order: name(order),
        client: name("tomakomai"),
        act: OrderAct::Write,
        state,
        by: name("suzuki"),
        side: OrderSide::Vendor,
        paper: None,
        answer: None,
        from: at("09:00"),
        to: at("10:00"),
        emergency: false,
        purpose: Remark::new("定期保守").unwrap(),
        content: Remark::new("ログの確認").unwrap(),
        targets: vec![],
        operators: vec![name("A")],
        responsible: name("suzuki"),
        notes: None,
        files: vec![],
        report: None,
    }))
}

/// The same order with something changed.
pub fn but(observation: Observation, change: impl FnOnce(&mut OrderRevised)) -> Observation {
    let Observation::OrderRevised(mut order) = observation else { panic!("{observation:?} is no order") };
    change(&mut order);
    Observation::OrderRevised(order)
}

pub fn start(time: &str, id: &str, account: &str, terminal: &str) -> Observation {
    Observation::SessionStarted(SessionStarted {
        source: name("vpn"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        session: name(id),
        account: name(account),
        terminal: Some(name(terminal)),
        address: None,
        inner_address: None,
        target: None,
        via: None,
        factors: vec![],
    })
}

pub fn sign(time: &str, id: &str) -> Observation {
    Observation::SessionAlive(SessionAlive {
        source: name("vpn"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        session: name(id),
        account: None,
        terminal: None,
        address: None,
        idle_s: None,
        octets: None,
    })
}

pub fn end(time: &str, id: &str) -> Observation {
    Observation::SessionEnded(SessionEnded {
        source: name("vpn"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        session: name(id),
        account: None,
        terminal: None,
        address: None,
        reason: None,
        idle_s: None,
        octets: None,
    })
}

pub fn session(from: &str, to: &str, id: &str, account: &str, terminal: &str) -> [Observation; 2] {
    [start(from, id, account, terminal), end(to, id)]
}

pub fn gap(from: &str, to: &str) -> Observation {
    Observation::WatchGap(WatchGap {
        source: name("kukaku"),
        epoch: None,
        seq: None,
        event_id: None,
        from: at(from),
        to: at(to),
        cause: name("stopped"),
    })
}

pub fn lost(of: &str, from: &str, to: &str) -> Observation {
    Observation::SourceGap(SourceGap {
        source: name("kukaku"),
        epoch: None,
        seq: None,
        event_id: None,
        of: name(of),
        from: at(from),
        to: at(to),
        lost: Some(7),
        place: name("kernel"),
    })
}

pub fn muster(time: &str, inside: &[(&str, &str)]) -> Observation {
    Observation::Muster(Muster {
        source: name("kukaku"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        inside: inside.iter().map(|(p, z)| MusterEntry { person: name(p), zone: name(z) }).collect(),
        written_by: name("yamada"),
        confirmed_by: name("kato"),
    })
}

pub fn written(time: &str, zone: &str, direction: ManualDirection, who: &str) -> Observation {
    Observation::ManualEntry(ManualEntry {
        source: name("kukaku"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        person: name(who),
        zone: name(zone),
        direction,
        written_by: name("yamada"),
        confirmed_by: name("kato"),
    })
}

/// Every door watched from three days before, and everybody's place known by a muster.
pub fn watched() -> Vec<Observation> {
    let three_days_before = UtcMicros::parse_rfc3339("2026-11-19T00:00:00+09:00").unwrap();
    vec![
        Observation::WatchStarted(WatchStarted {
            source: name("kukaku"),
            epoch: None,
            seq: None,
            event_id: None,
            device_time: three_days_before,
        }),
        read("-08:00", "z-in", "A"),
        read("-18:00", "z-out", "A"),
    ]
}

pub fn unlocked(source: &str, from: &str, to: &str, account: Option<&str>) -> Observation {
    Observation::LineUnlocked(LineUnlocked {
        source: name(source),
        epoch: None,
        seq: None,
        event_id: None,
        client: name("tomakomai"),
        from: at(from),
        to: at(to),
        account: account.map(name),
        target: None,
    })
}

pub fn complete(from: &str, to: &str) -> Observation {
    Observation::LineListed(LineListed {
        source: name("city"),
        epoch: None,
        seq: None,
        event_id: None,
        client: name("tomakomai"),
        from: at(from),
        to: at(to),
    })
}

/// The same, told by another source; of a start more may be changed.
pub fn by(source: &str, mut observation: Observation, change: impl FnOnce(&mut SessionStarted)) -> Observation {
    match &mut observation {
        Observation::SessionStarted(o) => {
            o.source = name(source);
            change(o);
        }
        Observation::SessionAlive(o) => o.source = name(source),
        Observation::SessionEnded(o) => o.source = name(source),
        other => panic!("{other:?} is not of a session"),
    }
    observation
}

/// What is said of a terminal's log of the morning: its size, and one of few hashes; size 0: it is gone.
pub fn oplog(time: &str, path: &str, bytes: u64, hash: u8) -> Observation {
    Observation::OplogSegment(OplogSegment {
        source: name("vpn"),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at(time),
        terminal: name("T"),
        session: None,
        path: SegmentPath::new(path).unwrap(),
        start: at("06:00"),
        end: at("12:00"),
        bytes,
        sha256: (bytes > 0).then(|| Sha256Hex::new(&format!("{hash:02x}").repeat(32)).unwrap()),
        gone: bytes == 0,
    })
}
