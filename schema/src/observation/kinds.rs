//! The kinds of observation and their fields.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::name::{Name, Remark, SegmentPath};
use super::words::{
    CityAnswer, DoorStateWord, ManualDirection, MusterEntry, OrderFile, OrderReport, PowerState, ReaderStatusWord,
    ReadingResult, Sha256Hex, SystemConcern,
};
use crate::failure::{FailureSort, FailureStage};
use crate::instant::UtcMicros;
use crate::order::{OrderAct, OrderSide, OrderState};

/// What every observation says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Who speaks.
    pub source: &'a Name,
    /// The numbering that `seq` belongs to; changes when the source starts numbering anew.
    pub epoch: Option<&'a Name>,
    /// The source's own number of this observation.
    pub seq: Option<u64>,
    /// The source's own id of it, where there is no number.
    pub event_id: Option<&'a Name>,
    /// What the source's clock said; none for statements about a span.
    pub device_time: Option<UtcMicros>,
}

observations! {
    /// A credential was presented at a reader, and the panel decided.
    "door.reading" instant DoorReading {
        /// When, by the source's clock.
        device_time: UtcMicros,
        /// The reader, as registered.
        reader: Name,
        /// The credential with its sort before a colon, `card:0123456789ABCDEF`.
        credential: Name,
        /// What the panel decided.
        result: ReadingResult,
        /// The factors that were presented; empty: the credential's sort alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        factors: Vec<Name>,
        /// The panel's own reason, where it gives one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Name>,
    }
    /// Whether a granted reading was used: the person passed, or did not.
    "door.used" instant DoorUsed {
        /// When, by the source's clock.
        device_time: UtcMicros,
        /// The door, as registered.
        door: Name,
        /// The number (`seq`) of the reading, in the same epoch of the same source.
        reading: u64,
        /// True: passed. False: the grant was let lapse.
        used: bool,
    }
    /// The state of a door changed.
    "door.state" instant DoorState {
        /// When, by the source's clock.
        device_time: UtcMicros,
        /// The door, as registered.
        door: Name,
        /// The new state.
        state: DoorStateWord,
    }
    /// The state of a reader changed.
    "reader.status" instant ReaderStatus {
        /// When, by the source's clock.
        device_time: UtcMicros,
        /// The reader, as registered.
        reader: Name,
        /// The new state.
        status: ReaderStatusWord,
    }
    /// A sign of life, with nothing else to tell.
    "source.alive" instant SourceAlive {
        /// When, by the source's clock.
        device_time: UtcMicros,
    }
    /// A remote session began.
    "session.started" instant SessionStarted {
        /// When, by the source's clock.
        device_time: UtcMicros,
        /// The source's id of the session.
        session: Name,
        /// The account that signed in.
        account: Name,
        /// The machine that the person sits at, as registered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terminal: Option<Name>,
        /// The network address of that machine as the source saw it, without a port. Names the
        /// terminal where `terminal` is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Name>,
        /// The address that the source gave it for the time of the session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inner_address: Option<Name>,
        /// The system that was reached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<Name>,
        /// The city's stepping stone on the way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<Name>,
        /// The factors of the sign-in, where known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        factors: Vec<Name>,
    }
    /// A session is still open.
    "session.alive" instant SessionAlive {
        /// When, by the source's clock.
        device_time: UtcMicros,
        /// The source's id of the session.
        session: Name,
        /// The account, where the source repeats it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<Name>,
        /// The terminal, where the source repeats it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terminal: Option<Name>,
        /// Its address, where the source repeats it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Name>,
        /// How long nothing had been done in it by then, in seconds, where the source tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idle_s: Option<u64>,
        /// Bytes that it had carried by then, as the source counts them: the same number twice
        /// means that nothing was sent in between.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        octets: Option<u64>,
    }
    /// A session ended.
    "session.ended" instant SessionEnded {
        /// When, by the source's clock.
        device_time: UtcMicros,
        /// The source's id of the session.
        session: Name,
        /// The account, where the source repeats it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<Name>,
        /// The terminal, where the source repeats it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terminal: Option<Name>,
        /// Its address, where the source repeats it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Name>,
        /// How long nothing had been done in it by then, in seconds, where the source tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idle_s: Option<u64>,
        /// Bytes that it had carried by then, as the source counts them: the same number twice
        /// means that nothing was sent in between.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        octets: Option<u64>,
        /// The source's own word for why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Name>,
    }
    /// How a camera is.
    "camera.health" instant CameraHealth {
        /// When, by the source's clock.
        device_time: UtcMicros,
        /// The camera, as registered.
        camera: Name,
        /// The recorder reaches it.
        reachable: bool,
        /// The recorder writes its pictures.
        recording: bool,
        /// Age of the newest frame in milliseconds, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        frame_age_ms: Option<u64>,
    }
    /// A stretch of video that a recorder holds, or no longer holds.
    "footage.segment" instant FootageSegment {
        /// When this was said, by the source's clock.
        device_time: UtcMicros,
        /// The camera, as registered.
        camera: Name,
        /// Where the recorder keeps it, below its folder.
        path: SegmentPath,
        /// Its first instant.
        start: UtcMicros,
        /// The first instant after it.
        end: UtcMicros,
        /// Its size in bytes; 0 when it is gone.
        bytes: u64,
        /// SHA-256 of the file in hex, where it was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<Sha256Hex>,
        /// The recorder no longer holds it.
        #[serde(default, skip_serializing_if = "is_false")]
        gone: bool,
    }
    /// An operation log of a terminal (操作ログ) that is kept, or no longer.
    "oplog.segment" instant OplogSegment {
        /// When this was said, by the source's clock.
        device_time: UtcMicros,
        /// The terminal, as registered.
        terminal: Name,
        /// The one session that it tells of, by its source's id; none: all that was done in its time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<Name>,
        /// Where it is kept, below its folder.
        path: SegmentPath,
        /// The first instant that it tells of.
        start: UtcMicros,
        /// The first instant after it.
        end: UtcMicros,
        /// Its size in bytes; 0 when it is gone.
        bytes: u64,
        /// SHA-256 of the file in hex, where it was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<Sha256Hex>,
        /// It is no longer kept.
        #[serde(default, skip_serializing_if = "is_false")]
        gone: bool,
    }
    /// A terminal was switched on or off.
    "terminal.power" instant TerminalPower {
        /// When, by the source's clock.
        device_time: UtcMicros,
        /// The terminal, as registered.
        terminal: Name,
        /// What it is from then on.
        state: PowerState,
    }
    /// A source delivered all that it had kept of a span.
    "source.caught_up" span SourceCaughtUp {
        /// The reader it speaks of; none: everything it reports.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reader: Option<Name>,
        /// The first instant of the span.
        from: UtcMicros,
        /// The first instant after it.
        to: UtcMicros,
    }
    /// How far a source's clock is off, measured by something better.
    "source.clock" span SourceClock {
        /// The source's clock minus the true time, in milliseconds: positive is fast.
        offset_ms: i64,
        /// The first instant, by the source's clock, that it applies to.
        from: UtcMicros,
        /// The first instant after it.
        to: UtcMicros,
        /// What measured it: `ntp`, `person`, a device's name.
        measured_by: Name,
    }
    /// A stretch in which the city had unlocked its line (回線解錠), from the city's own record.
    "line.unlocked" span LineUnlocked {
        /// The client (市) whose line it is.
        client: Name,
        /// The first instant at which it was unlocked.
        from: UtcMicros,
        /// The first instant after it.
        to: UtcMicros,
        /// For which account, where the record says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<Name>,
        /// For which system, where the record says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<Name>,
    }
    /// The city's record of its line is complete for a span: what it does not list was not unlocked.
    "line.listed" span LineListed {
        /// The client (市) whose line it is.
        client: Name,
        /// The first instant of the span.
        from: UtcMicros,
        /// The first instant after it.
        to: UtcMicros,
    }
    /// Records of a source are gone for good; made by the daemon alone.
    "source.gap" span SourceGap {
        /// The source whose records are missing.
        of: Name,
        /// The first instant of which something may be missing, by kukaku's clock.
        from: UtcMicros,
        /// The first instant after it.
        to: UtcMicros,
        /// How many lines are lost at least; none: not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost: Option<u64>,
        /// Where they were lost: `kernel`, `buffer`, `stop`, `history`.
        place: Name,
    }
    /// kukaku itself began to watch a site; made by the daemon alone.
    "watch.started" instant WatchStarted {
        /// From when on the site is watched.
        device_time: UtcMicros,
    }
    /// kukaku itself was not watching; made by the daemon alone.
    "watch.gap" span WatchGap {
        /// The last instant that was certainly watched.
        from: UtcMicros,
        /// The first instant that is watched again.
        to: UtcMicros,
        /// Why: `stopped`, `crashed`, `storage`.
        cause: Name,
    }
    /// kukaku's own clock was set; made by the daemon alone.
    "clock.step" instant ClockStep {
        /// The wall clock after the step.
        device_time: UtcMicros,
        /// How far it was moved, in microseconds; positive is forward.
        step_us: i64,
    }
    /// Who was inside at one instant, written by one person and confirmed by another; made by the daemon alone.
    "muster" instant Muster {
        /// The instant it speaks of.
        device_time: UtcMicros,
        /// Where each person was; everybody else was outside.
        inside: Vec<MusterEntry>,
        /// Who wrote it.
        written_by: Name,
        /// Who confirmed it: somebody else.
        confirmed_by: Name,
    }
    /// A line of the entry book (入退室帳), written by one person and confirmed by another; made by the daemon alone.
    "manual.entry" instant ManualEntry {
        /// When he went through the door.
        device_time: UtcMicros,
        /// The operator or person, as registered.
        person: Name,
        /// The zone that he entered or left.
        zone: Name,
        /// Into the zone, or out of it.
        direction: ManualDirection,
        /// Who wrote it.
        written_by: Name,
        /// Who confirmed it: somebody else.
        confirmed_by: Name,
    }
    /// Whether something of kukaku itself is well; made by the daemon alone.
    "system.state" instant SystemState {
        /// From when on.
        device_time: UtcMicros,
        /// What.
        concern: SystemConcern,
        /// Whether it is well.
        good: bool,
        /// More, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Remark>,
    }
    /// A work order (リモート保守申請) as it stands from now on; made by the daemon alone.
    "order.revised" instant OrderRevised boxed {
        /// From when on it stands so: when the act was done.
        device_time: UtcMicros,
        /// Its number.
        order: Name,
        /// The client (市) whose systems it is about.
        client: Name,
        /// What was done with it.
        act: OrderAct,
        /// The state that it has now.
        state: OrderState,
        /// Who did it.
        by: Name,
        /// Whose act it was.
        side: OrderSide,
        /// Number or hash of the paper, where it was done on paper.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paper: Option<Name>,
        /// What the city signed, where it did it by a signed file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<CityAnswer>,
        /// The first instant at which work is allowed.
        from: UtcMicros,
        /// The first instant after it.
        to: UtcMicros,
        /// Work begins before the city has allowed it, which has to follow within the agreed time.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        emergency: bool,
        /// What the work is for.
        purpose: Remark,
        /// What is done.
        content: Remark,
        /// The systems that are worked on; empty: any of the client's.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<Name>,
        /// Who works: operators, as registered.
        operators: Vec<Name>,
        /// The vendor's responsible person, who asks for it.
        responsible: Name,
        /// Notes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<Remark>,
        /// The files that are to be applied.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<OrderFile>,
        /// The report on the work, once there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        report: Option<OrderReport>,
    }
    /// A report of something that failed (障害報告), as it stands from now on.
    "failure.reported" instant FailureReported boxed {
        /// When it was handed in.
        device_time: UtcMicros,
        /// Its number, the same for each report on this failure.
        failure: Name,
        /// The client (市) to whom it is reported.
        client: Name,
        /// Which of the reports on it this is.
        stage: FailureStage,
        /// What sort of thing happened.
        sort: FailureSort,
        /// When it happened; none: not known yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        occurred_at: Option<UtcMicros>,
        /// When it was noticed.
        detected_at: UtcMicros,
        /// When all worked again; none: not yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recovered_at: Option<UtcMicros>,
        /// The systems that are affected.
        systems: Vec<Name>,
        /// What is seen of it.
        symptom: Remark,
        /// Whom and what it affects, and how far.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        impact: Option<Remark>,
        /// Why it happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Remark>,
        /// What was done about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        measures: Option<Remark>,
        /// What keeps it from happening again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prevention: Option<Remark>,
        /// The operators who were at work on it, as registered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        operators: Vec<Name>,
        /// The work order that it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<Name>,
        /// The session in which it happened or was found, by its source's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<Name>,
        /// The vendor's responsible person, who reports it.
        reported_by: Name,
        /// The signed-in user who entered it.
        by: Name,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
