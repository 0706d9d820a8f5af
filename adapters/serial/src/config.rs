//! How a serial line is set up.

use kukaku_codec::line::{LineConfig, LineConfigError};
use kukaku_schema::DurationUs;
use serde::Deserialize;

/// A serial line as it is written in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SerialConfig {
    /// The port, best by a name that stays when it is plugged in elsewhere:
    /// `/dev/serial/by-id/…`. A number like `/dev/ttyUSB0` may become another device's.
    pub port: String,
    /// Bits a second; 9600 by default. A wrong one gives broken frames.
    #[serde(default = "default_baud")]
    pub baud: u32,
    /// Data bits of a character, 5 to 8; 8 by default.
    #[serde(default = "default_data_bits")]
    pub data_bits: u8,
    /// `none` (the default), `even`, `odd`.
    #[serde(default)]
    pub parity: Parity,
    /// Stop bits, 1 (the default) or 2.
    #[serde(default = "default_stop_bits")]
    pub stop_bits: u8,
    /// `none` (the default), `software` (XON/XOFF), `hardware` (RTS/CTS).
    #[serde(default)]
    pub flow: Flow,
    /// Sent after what a frame said is durable, like `"\u0006"`; nothing by default. A panel that
    /// waits for it holds its readings back until it comes.
    pub ack: Option<String>,
    /// Sent when a frame came broken and the panel should send it again, like `"\u0015"`.
    pub nak: Option<String>,
    /// A frame that stands still for so long is given up; `2s` by default.
    #[serde(default = "default_frame_timeout")]
    pub frame_timeout: DurationUs,
    /// How soon a lost port is tried again; `200ms` by default, doubled each time.
    #[serde(default = "default_reopen_first")]
    pub reopen_first: DurationUs,
    /// The longest wait between two tries; `10s` by default. The gap lasts so much longer.
    #[serde(default = "default_reopen_max")]
    pub reopen_max: DurationUs,
    /// The protocol that is spoken on it.
    pub line: LineConfig,
}

fn default_baud() -> u32 {
    9600
}
fn default_data_bits() -> u8 {
    8
}
fn default_stop_bits() -> u8 {
    1
}
fn default_frame_timeout() -> DurationUs {
    DurationUs::from_secs(2)
}
fn default_reopen_first() -> DurationUs {
    DurationUs(200_000)
}
fn default_reopen_max() -> DurationUs {
    DurationUs::from_secs(10)
}

/// The parity bit of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    /// No parity bit.
    #[default]
    None,
    /// An even number of ones.
    Even,
    /// An odd number of ones.
    Odd,
}

/// How the receiver makes the sender wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// It can't.
    #[default]
    None,
    /// XON and XOFF characters.
    Software,
    /// The RTS and CTS wires.
    Hardware,
}

/// A serial line that can't be set up so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SerialConfigError {
    /// A setting of the port.
    #[error("`{key}`: {message}")]
    Port {
        /// The key.
        key: &'static str,
        /// What was expected.
        message: &'static str,
    },
    /// A setting of the protocol.
    #[error("line.{0}")]
    Line(#[from] LineConfigError),
}

impl SerialConfig {
    /// What opens the port.
    pub(crate) fn builder(&self) -> Result<tokio_serial::SerialPortBuilder, SerialConfigError> {
        let wrong = |key, message| SerialConfigError::Port { key, message };
        if self.port.is_empty() {
            return Err(wrong("port", "expected the path of a port, like \"/dev/serial/by-id/…\""));
        }
        if self.baud == 0 {
            return Err(wrong("baud", "expected bits a second, like 9600"));
        }
        if self.reopen_first.0 <= 0 || self.reopen_max < self.reopen_first {
            return Err(wrong("reopen_first", "expected more than nothing, and at most `reopen_max`"));
        }
        if self.frame_timeout.0 <= 0 {
            return Err(wrong("frame_timeout", "expected more than nothing, like \"2s\""));
        }
        let data_bits = match self.data_bits {
            5 => tokio_serial::DataBits::Five,
            6 => tokio_serial::DataBits::Six,
            7 => tokio_serial::DataBits::Seven,
            8 => tokio_serial::DataBits::Eight,
            _ => return Err(wrong("data_bits", "expected 5, 6, 7 or 8")),
        };
        let stop_bits = match self.stop_bits {
            1 => tokio_serial::StopBits::One,
            2 => tokio_serial::StopBits::Two,
            _ => return Err(wrong("stop_bits", "expected 1 or 2")),
        };
        let parity = match self.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        };
        let flow = match self.flow {
            Flow::None => tokio_serial::FlowControl::None,
            Flow::Software => tokio_serial::FlowControl::Software,
            Flow::Hardware => tokio_serial::FlowControl::Hardware,
        };
        let builder = tokio_serial::new(&self.port, self.baud);
        Ok(builder.data_bits(data_bits).stop_bits(stop_bits).parity(parity).flow_control(flow))
    }
}
