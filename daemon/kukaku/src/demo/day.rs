//! From the list to observations: the day of one date.

use kukaku_schema::observation::{
    CameraHealth, DoorReading, DoorState, FootageSegment, Muster, ReaderStatus, ReadingResult, SegmentPath,
    SessionEnded, SessionStarted, SourceAlive, SourceCaughtUp,
};
use kukaku_schema::{Name, Observation, Registers, UtcMicros};

use super::papers::{PAPERS, Papers};
use super::scenario::{CAMERA_DARK, DAY, Device, Event, RECORDER_DARK, Says};

/// A panel says that it lives, and the recorder how its cameras are, every so many seconds.
const PANEL_ALIVE_S: i64 = 2;

/// A session gateway says that it lives.
const LINE_ALIVE_S: i64 = 5;

/// The length of a file of the recorder.
pub const SEGMENT_S: i64 = 10;

/// The cameras.
const CAMERAS: [&str; 2] = ["cam-1", "cam-2"];

/// How the recorder names its files, as the footage link reads it.
pub const SEGMENT_PATTERN: &str = "{camera}/%Y%m%d-%H%M%S.mp4";

/// The day as it begins at one instant.
#[derive(Debug, Clone)]
pub struct Day {
    start: UtcMicros,
    /// Second of arrival, device, what it says; as in the list.
    events: Vec<(i64, Device, Observation)>,
}

impl Day {
    /// The day that begins at `start`, at the site of these registers.
    #[must_use]
    pub fn new(start: UtcMicros, registers: &Registers) -> Self {
        let numbers = numbers();
        let mut papers = Papers::new(registers, start);
        let numbered = DAY.iter().zip(numbers).chain(PAPERS.iter().map(|event| (event, None)));
        let spoken = numbered
            .map(|(event, seq)| (event.at_s + event.late_s, event.device, observation(event, seq, start, &mut papers)));
        Self { start, events: spoken.collect() }
    }

    /// The instant of a second of the day.
    #[must_use]
    pub fn at(&self, second: i64) -> UtcMicros {
        at(self.start, second)
    }

    /// What a device says in one second: its signs of life, then what happened. After the day
    /// the signs of life go on.
    #[must_use]
    pub fn said(&self, device: Device, second: i64) -> Vec<Observation> {
        let mut out = self.beats(device, second);
        let due = self.events.iter().filter(|(arrives, of, _)| *arrives == second && *of == device);
        out.extend(due.map(|(.., observation)| observation.clone()));
        out
    }

    fn beats(&self, device: Device, second: i64) -> Vec<Observation> {
        let now = self.at(second);
        match device {
            Device::Panel1 | Device::Panel2 if second % PANEL_ALIVE_S == 0 => {
                vec![alive(device, now)]
            }
            Device::Tomakomai | Device::Chitose | Device::Windows if second % LINE_ALIVE_S == 0 => {
                vec![alive(device, now)]
            }
            Device::Cameras if second % PANEL_ALIVE_S == 0 => {
                CAMERAS.iter().map(|camera| health(camera, now, !is_dark(CAMERA_DARK, camera, second))).collect()
            }
            Device::Recorder if second > 0 && second % SEGMENT_S == 0 => {
                let lit = CAMERAS.iter().filter(|camera| !is_dark(RECORDER_DARK, camera, second - SEGMENT_S));
                lit.map(|camera| segment(camera, at(self.start, second - SEGMENT_S), now)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn at(start: UtcMicros, second: i64) -> UtcMicros {
    UtcMicros(start.0 + second * 1_000_000)
}

fn is_dark(list: &[(&str, i64, i64)], camera: &str, second: i64) -> bool {
    list.iter().any(|(of, from, to)| *of == camera && (*from..*to).contains(&second))
}

/// Each panel numbers what happens in its order, however late it is heard.
fn numbers() -> Vec<Option<u64>> {
    let mut out = vec![None; DAY.len()];
    for device in Device::ALL.into_iter().filter(|device| device.numbers()) {
        let counts = |says: &Says| !matches!(says, Says::Card { from_memory: true, .. } | Says::CaughtUp { .. });
        let mut own: Vec<usize> =
            (0..DAY.len()).filter(|i| DAY[*i].device == device && counts(&DAY[*i].says)).collect();
        own.sort_by_key(|i| DAY[*i].at_s);
        for (number, index) in (1_u64..).zip(own) {
            out[index] = Some(number);
        }
    }
    out
}

fn name(text: &str) -> Name {
    Name::new(text).expect("the scenario's words are names")
}

fn alive(device: Device, device_time: UtcMicros) -> Observation {
    Observation::SourceAlive(SourceAlive {
        source: name(device.source()),
        epoch: None,
        seq: None,
        event_id: None,
        device_time,
    })
}

fn health(camera: &str, device_time: UtcMicros, lit: bool) -> Observation {
    Observation::CameraHealth(CameraHealth {
        source: name(Device::Cameras.source()),
        epoch: None,
        seq: None,
        event_id: None,
        device_time,
        camera: name(camera),
        reachable: lit,
        recording: lit,
        frame_age_ms: lit.then_some(120),
    })
}

fn segment(camera: &str, start: UtcMicros, end: UtcMicros) -> Observation {
    let stamp = jiff::Timestamp::from_microsecond(start.0).expect("a demonstration is held in our time");
    let path = format!("{camera}/{}.mp4", stamp.strftime("%Y%m%d-%H%M%S"));
    Observation::FootageSegment(FootageSegment {
        source: name(Device::Recorder.source()),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: end,
        camera: name(camera),
        bytes: path.len() as u64,
        path: SegmentPath::new(path).expect("a camera and a time make a path"),
        start,
        end,
        sha256: None,
        gone: false,
    })
}

fn observation(event: &Event, seq: Option<u64>, start: UtcMicros, papers: &mut Papers<'_>) -> Observation {
    let source = name(event.device.source());
    let device_time = at(start, event.at_s);
    let (epoch, event_id) = (None, None);
    match event.says {
        Says::Order(id, act) => papers.order(id, act, device_time),
        Says::Failure(stage) => papers.failed(stage, device_time),
        Says::NobodyInside => Observation::Muster(Muster {
            source,
            epoch,
            seq,
            event_id,
            device_time,
            inside: Vec::new(),
            written_by: name("kanri-1"),
            confirmed_by: name("kanri-2"),
        }),
        Says::Card { reader, card, granted, finger, from_memory } => Observation::DoorReading(DoorReading {
            source,
            epoch,
            seq,
            event_id: from_memory.then(|| name(&format!("memory-{}", event.at_s))),
            device_time,
            reader: name(reader),
            credential: name(&format!("card:{card}")),
            result: if granted { ReadingResult::Granted } else { ReadingResult::Denied },
            factors: if finger { vec![name("card"), name("fingerprint")] } else { Vec::new() },
            reason: None,
        }),
        Says::Door(state) => {
            Observation::DoorState(DoorState { source, epoch, seq, event_id, device_time, door: name("south"), state })
        }
        Says::Reader(reader, status) => Observation::ReaderStatus(ReaderStatus {
            source,
            epoch,
            seq,
            event_id,
            device_time,
            reader: name(reader),
            status,
        }),
        Says::CaughtUp { reader, from_s, to_s } => Observation::SourceCaughtUp(SourceCaughtUp {
            source,
            epoch,
            seq,
            event_id,
            reader: Some(name(reader)),
            from: at(start, from_s),
            to: at(start, to_s),
        }),
        Says::Begins(session, account, terminal) => Observation::SessionStarted(SessionStarted {
            source,
            epoch,
            seq,
            event_id,
            device_time,
            session: name(session),
            account: name(account),
            terminal: Some(name(terminal)),
            address: None,
            inner_address: None,
            target: Some(name("kihon-db01")),
            via: None,
            // A terminal's log doesn't tell how the line was opened.
            factors: match event.device {
                Device::Windows => Vec::new(),
                _ => vec![name("password"), name("token")],
            },
        }),
        Says::Ends(session) => Observation::SessionEnded(SessionEnded {
            source,
            epoch,
            seq,
            event_id,
            device_time,
            session: name(session),
            account: None,
            terminal: None,
            address: None,
            reason: Some(name("logout")),
            idle_s: None,
            octets: None,
        }),
    }
}
