//! The panel of zone B: frames on a serial line, here a pseudo-terminal.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use kukaku_schema::Observation;
use kukaku_schema::observation::ReadingResult;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// The protocol of the panel, as the daemon's configuration says it.
pub(super) const PROTOCOL: &str = r#"[serial.line]
source = "panel-2"
framing = "stx_etx"
check = "xor"
alive = '^A$'

[[serial.line.messages]]
pattern = '^R (?<seq>\d+) (?<time>\d+) (?<reader>\S+) (?<card>[0-9A-F]+) (?<result>OK|NG)$'
[serial.line.messages.fields]
seq = { group = "seq" }
device_time = { group = "time", format = "unix_ms" }
reader = { group = "reader" }
credential = { template = "card:{card}" }
result = { group = "result", map = { OK = "granted", NG = "denied" } }

[[serial.line.messages]]
pattern = '^D (?<seq>\d+) (?<time>\d+) (?<door>\S+) (?<state>\S+)$'
[serial.line.messages.fields]
kind = { constant = "door.state" }
seq = { group = "seq" }
device_time = { group = "time", format = "unix_ms" }
door = { group = "door" }
state = { group = "state" }

[[serial.line.messages]]
pattern = '^S (?<seq>\d+) (?<time>\d+) (?<reader>\S+) (?<status>\S+)$'
[serial.line.messages.fields]
kind = { constant = "reader.status" }
seq = { group = "seq" }
device_time = { group = "time", format = "unix_ms" }
reader = { group = "reader" }
status = { group = "status" }
"#;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// The line: we hold the panel's end, the daemon opens the other by its name.
#[derive(Debug)]
pub(super) struct Cable {
    panel: std::fs::File,
    port: PathBuf,
    /// Held open so that the line does not count as unplugged before the daemon opens it.
    _port: OwnedFd,
}

impl Cable {
    /// A new pseudo-terminal that changes and echoes nothing.
    pub(super) fn lay() -> std::io::Result<Self> {
        let panel = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&panel)?;
        unlockpt(&panel)?;
        let name = ptsname(&panel, Vec::new())?;
        let port = PathBuf::from(OsStr::from_bytes(name.as_bytes()));
        let other = rustix::fs::open(&port, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let mut settings = tcgetattr(&other)?;
        settings.make_raw();
        tcsetattr(&other, OptionalActions::Now, &settings)?;
        Ok(Self { panel: std::fs::File::from(panel), port, _port: other })
    }

    /// The device that the daemon opens.
    pub(super) fn port(&self) -> &Path {
        &self.port
    }

    /// Writes one frame. A few bytes a second never fill the line.
    pub(super) fn send(&mut self, observation: &Observation) -> std::io::Result<()> {
        match text(observation) {
            Some(text) => self.panel.write_all(&frame(&text)),
            None => Err(std::io::Error::other(format!("the panel has no words for {}", observation.kind().word()))),
        }
    }
}

/// What the panel writes, without its frame.
fn text(observation: &Observation) -> Option<String> {
    let header = observation.header();
    let seq = header.seq.unwrap_or_default();
    let ms = header.device_time.map_or(0, |at| at.0 / 1_000);
    Some(match observation {
        Observation::SourceAlive(_) => "A".to_owned(),
        Observation::DoorReading(reading) => {
            let (_, card) = reading.credential.as_str().split_once(':')?;
            let result = if reading.result == ReadingResult::Granted { "OK" } else { "NG" };
            format!("R {seq} {ms} {} {card} {result}", reading.reader)
        }
        Observation::DoorState(state) => {
            format!("D {seq} {ms} {} {}", state.door, state.state.word())
        }
        Observation::ReaderStatus(status) => {
            format!("S {seq} {ms} {} {}", status.reader, status.status.word())
        }
        _ => return None,
    })
}

/// STX, the text, ETX, and the exclusive or of what lies behind STX.
fn frame(text: &str) -> Vec<u8> {
    let mut out = vec![STX];
    out.extend_from_slice(text.as_bytes());
    out.push(ETX);
    out.push(out[1..].iter().fold(0, |check, byte| check ^ byte));
    out
}
