//! The devices: each says its part of the day over its own protocol, and again what was not kept.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kukaku_schema::Observation;
use kukaku_schema::intake::Intake as _;
use kukaku_schema::observation::canonical_bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::day::Day;
use super::line::Cable;
use super::once::arrival;
use super::scenario::Device;
use crate::clock;
use crate::rooms::{Stop, stopped};
use crate::writer::Writer;

/// A device that could not say something tries again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long a device waits for an answer before it says it again.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Most bytes of an answer over HTTP that are read: one line's answer is far smaller.
const ANSWER_MAX: u64 = 64 * 1024;

/// How a device speaks.
pub(super) enum Speaker {
    /// MQTT 3.1.1, quality of service 1.
    Mqtt(Box<MqttDevice>),
    /// HTTP with a bearer key.
    Http { address: SocketAddr, key: String },
    /// Frames on a serial line.
    Line(Cable),
    /// Files in a folder.
    Folder(PathBuf),
    /// In the daemon itself.
    Desk(Writer),
}

impl Speaker {
    /// A device that publishes to the built-in listener.
    pub(super) fn mqtt(device: Device, address: SocketAddr, password: String) -> Self {
        Self::Mqtt(Box::new(MqttDevice { source: device.source(), address, password, connection: None, packet: 0 }))
    }

    /// A device that posts with a key.
    pub(super) fn http(address: SocketAddr, key: String) -> Self {
        Self::Http { address, key }
    }

    /// Says one thing; returns once it is kept, where the protocol tells.
    async fn say(&mut self, device: Device, observation: &Observation) -> io::Result<()> {
        match self {
            Self::Mqtt(mqtt) => mqtt.publish(&canonical_bytes(observation)).await,
            Self::Http { address, key } => post(*address, key, &canonical_bytes(observation)).await,
            Self::Line(cable) => cable.send(observation),
            Self::Folder(root) => record(root, observation),
            Self::Desk(writer) => {
                let kept = async { writer.submit(arrival(device, observation.clone())).await?.await };
                kept.await.map(drop).map_err(|e| io::Error::other(e.reason))
            }
        }
    }
}

/// Plays a device's part of the day, and its signs of life ever after.
pub(super) async fn play(
    day: Arc<Day>,
    device: Device,
    speaker: Arc<Mutex<Speaker>>,
    mut stop: Stop,
) -> Result<(), String> {
    let mut speaker = speaker.lock().await;
    for second in 0.. {
        let wait = day.at(second).since(clock::now()).0.max(0).unsigned_abs();
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            () = tokio::time::sleep(Duration::from_micros(wait)) => {}
        }
        for observation in day.said(device, second) {
            while let Err(error) = within(speaker.say(device, &observation)).await {
                tracing::warn!("demo device {}: {error}; it says it again", device.source());
                tokio::select! {
                    () = stopped(&mut stop) => return Ok(()),
                    () = tokio::time::sleep(AGAIN_AFTER) => {}
                }
            }
        }
    }
    Ok(())
}

async fn within(act: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    match tokio::time::timeout(ANSWER_WITHIN, act).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer came")),
    }
}

/// The recorder closes a file, which holds no video; its name says camera and start.
fn record(root: &Path, observation: &Observation) -> io::Result<()> {
    let Observation::FootageSegment(segment) = observation else {
        return Err(io::Error::other("the recorder only writes files"));
    };
    let path = root.join(segment.path.as_str());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, segment.path.as_str())
}

/// One request a connection, as small gateways do it.
async fn post(address: SocketAddr, key: &str, body: &[u8]) -> io::Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    let head = format!(
        "POST /api/v1/observations HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(&[head.as_bytes(), body].concat()).await?;
    let mut answer = Vec::new();
    connection.take(ANSWER_MAX).read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let first = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Err(io::Error::other(format!("the answer was {:?}", String::from_utf8_lossy(first))))
}

/// A publisher of MQTT 3.1.1 (section numbers are those of the standard).
pub(super) struct MqttDevice {
    source: &'static str,
    address: SocketAddr,
    password: String,
    connection: Option<TcpStream>,
    packet: u16,
}

impl MqttDevice {
    /// Publishes with quality of service 1 and waits for the PUBACK.
    async fn publish(&mut self, payload: &[u8]) -> io::Result<()> {
        // Taken out, so that one that failed, or was given up in the middle, is not used again.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        // 0 is no packet identifier (2.3.1).
        self.packet = self.packet.checked_add(1).unwrap_or(1);
        let mut body = text(&format!("kukaku/v1/{}/event", self.source));
        body.extend(self.packet.to_be_bytes());
        body.extend(payload);
        connection.write_all(&packet(0x32, &body)).await?;
        let mut answer = [0; 4];
        connection.read_exact(&mut answer).await?;
        let [high, low] = self.packet.to_be_bytes();
        if answer != [0x40, 2, high, low] {
            return Err(io::Error::other(format!("expected the PUBACK of {}, got {answer:02x?}", self.packet)));
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// CONNECT with user and password, and the CONNACK (3.1, 3.2).
    async fn connect(&self) -> io::Result<TcpStream> {
        let mut connection = TcpStream::connect(self.address).await?;
        connection.set_nodelay(true)?;
        let mut body = text("MQTT");
        // Level 4; user, password and clean session; no keep-alive.
        body.extend([4, 0b1100_0010, 0, 0]);
        for field in [self.source, self.source, &self.password] {
            body.extend(text(field));
        }
        connection.write_all(&packet(0x10, &body)).await?;
        let mut answer = [0; 4];
        connection.read_exact(&mut answer).await?;
        match answer {
            [0x20, 2, _, 0] => Ok(connection),
            other => Err(io::Error::other(format!("the listener refused to connect: {other:02x?}"))),
        }
    }
}

/// A UTF-8 string with its length before it (1.5.3).
fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("topics, names and passwords here are short");
    let mut out = length.to_be_bytes().to_vec();
    out.extend(text.as_bytes());
    out
}

/// A packet: its first byte, the remaining length in groups of seven bits (2.2.3), its body.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut left = body.len();
    loop {
        let group = u8::try_from(left % 128).expect("less than 128");
        left /= 128;
        out.push(if left > 0 { group | 0x80 } else { group });
        if left == 0 {
            break;
        }
    }
    out.extend(body);
    out
}
