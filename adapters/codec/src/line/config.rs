//! How a line protocol is set up.

use std::collections::BTreeMap;

use kukaku_schema::Name;
use serde::Deserialize;

use super::frames::FRAME_MAX_BYTES;
use crate::files::{Encoding, RawRule};

/// A line protocol as it is written in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineConfig {
    /// The source that speaks on this line, as registered. A wrong one books its readings to another.
    pub source: Name,
    /// How frames are told apart: `lf` (the default), `stx_etx` or `fixed`.
    #[serde(default)]
    pub framing: Framing,
    /// `stx_etx`: the check behind ETX: `none` (the default), `xor`, `sum`.
    #[serde(default)]
    pub check: Check,
    /// `stx_etx`: how the check is written: one `byte` (the default), or two `hex` digits.
    #[serde(default)]
    pub check_form: CheckForm,
    /// `stx_etx`: what the check covers: `payload_etx` (the default), `payload`, `stx_payload_etx`.
    #[serde(default)]
    pub check_covers: CheckSpan,
    /// `fixed`: the length of a whole frame in bytes, its sync included.
    pub length: Option<usize>,
    /// `fixed`: the bytes that every frame begins with, in hex: `"AA55"`. Without it a lost byte
    /// shifts every frame until the line falls silent.
    pub sync: Option<String>,
    /// The encoding of the text: `utf-8` (the default) or `shift_jis`.
    #[serde(default)]
    pub encoding: Encoding,
    /// Patterns of frames that say nothing, such as polls. What they match is lost.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// The pattern of a frame that is only a sign of life.
    pub alive: Option<String>,
    /// The messages; the first whose pattern fits is taken.
    #[serde(default)]
    pub messages: Vec<MessageConfig>,
}

/// A message of a line protocol.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageConfig {
    /// A regular expression with named groups, `^(?<time>.{14}) (?<card>[0-9A-F]+)$`.
    pub pattern: String,
    /// For each field of the observation a rule. Without `source` it is the line's; without
    /// `device_time` the instant of reception; without `kind` it is `door.reading`.
    pub fields: BTreeMap<String, RawRule>,
}

/// How frames are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// A line; LF, CR and CRLF end it.
    #[default]
    Lf,
    /// STX (0x02), the payload, ETX (0x03), and the check where there is one.
    StxEtx,
    /// Always the same length.
    Fixed,
}

/// The check of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// No check.
    #[default]
    None,
    /// The exclusive or of the covered bytes (BCC).
    Xor,
    /// The sum of the covered bytes, its low eight bits.
    Sum,
}

/// How a check is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckForm {
    /// As one byte.
    #[default]
    Byte,
    /// As two hexadecimal digits.
    Hex,
}

/// Which bytes a check covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckSpan {
    /// Behind STX up to and with ETX: the usual one.
    #[default]
    PayloadEtx,
    /// Between STX and ETX.
    Payload,
    /// STX up to and with ETX.
    StxPayloadEtx,
}

/// What is wrong with the configuration of a line protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct LineConfigError {
    /// The key, `messages[0].fields.reader`.
    pub key: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl LineConfigError {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

impl LineConfig {
    /// Checks what belongs to the framing, and gives the bytes of `sync` and the frame's length.
    pub(crate) fn framing_bytes(&self) -> Result<(Vec<u8>, usize), LineConfigError> {
        if self.framing != Framing::StxEtx && self.check != Check::None {
            return Err(LineConfigError::new("check", "belongs to framing = \"stx_etx\""));
        }
        if self.framing != Framing::Fixed {
            return match (&self.length, &self.sync) {
                (None, None) => Ok((Vec::new(), 0)),
                (Some(_), _) => Err(LineConfigError::new("length", "belongs to framing = \"fixed\"")),
                (None, Some(_)) => Err(LineConfigError::new("sync", "belongs to framing = \"fixed\"")),
            };
        }
        let sync = unhex(self.sync.as_deref().unwrap_or_default())
            .ok_or_else(|| LineConfigError::new("sync", "expected pairs of hexadecimal digits, like \"AA55\""))?;
        match self.length {
            Some(length) if length > sync.len() && length <= FRAME_MAX_BYTES => Ok((sync, length)),
            _ => Err(LineConfigError::new(
                "length",
                format!(
                    "framing = \"fixed\" needs a length in bytes, more than `sync` has and at most {FRAME_MAX_BYTES}"
                ),
            )),
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| *c != ' ')
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high * 16 + low).collect())
}
