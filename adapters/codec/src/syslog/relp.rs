//! RELP, the Reliable Event Logging Protocol, from the side of the server.
//!
//! A frame is `TXNR SP COMMAND SP DATALEN [SP DATA] LF`; the answer to a `syslog` frame is
//! `TXNR rsp 6 200 OK`, and the sender keeps the line until it has that answer
//! ([the protocol](https://github.com/rsyslog/librelp/blob/master/doc/relp.html)). So an answer
//! is written only for a line that is durable; [`RelpServer`] says what each frame asks for, and
//! its caller answers when it is time.

use super::long::{Broken, LINE_MAX_BYTES, Passing};
use super::trimmed;

/// Longest transaction number and length, in digits.
const DIGITS_MAX: usize = 9;
/// Longest command, in letters.
const COMMAND_MAX: usize = 32;
const TOO_LONG: &str = "a RELP line of more than 64 KiB; its beginning is kept";

/// A frame as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelpFrame<'a> {
    /// Its transaction number, which the answer repeats.
    pub txnr: u32,
    /// The command: `open`, `syslog`, `close`, `rsp`, or one that nobody knows.
    pub command: &'a str,
    /// What it carries.
    pub data: RelpData<'a>,
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelpData<'a> {
    /// All of it, perhaps nothing.
    Whole(&'a [u8]),
    /// More than [`LINE_MAX_BYTES`].
    TooLong(Broken<'a>),
}

/// Bytes that are no RELP: the connection has lost its place and must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not RELP: {0}")]
pub struct NotRelp(pub &'static str);

/// Cuts a stream into frames.
#[derive(Debug, Clone, Default)]
pub struct RelpDecoder {
    place: Place,
    number: usize,
    digits: usize,
    txnr: u32,
    command: String,
    length: usize,
    data: Vec<u8>,
    passing: Option<Passing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Txnr,
    Command,
    Length,
    Data,
    End,
    Lost(NotRelp),
}

impl RelpDecoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what came and hands every frame that it completes to `on`, in order.
    ///
    /// # Errors
    /// [`NotRelp`], from then on for ever; frames before it were handed over.
    pub fn push(&mut self, mut bytes: &[u8], mut on: impl FnMut(RelpFrame<'_>)) -> Result<(), NotRelp> {
        while let Some(first) = bytes.first() {
            let used = if self.place == Place::Data {
                self.data_bytes(bytes)
            } else if let Err(lost) = self.byte(*first, &mut on) {
                self.place = Place::Lost(lost);
                return Err(lost);
            } else {
                1
            };
            bytes = &bytes[used..];
        }
        Ok(())
    }

    fn byte(&mut self, byte: u8, on: &mut impl FnMut(RelpFrame<'_>)) -> Result<(), NotRelp> {
        match self.place {
            Place::Txnr => match byte {
                b' ' if self.digits > 0 => {
                    self.txnr = u32::try_from(self.number).map_err(|_| NotRelp("a transaction number too large"))?;
                    self.place = Place::Command;
                }
                _ => self.digit(byte, "expected a transaction number and a space")?,
            },
            Place::Command => match byte {
                b' ' if !self.command.is_empty() => {
                    (self.number, self.digits) = (0, 0);
                    self.place = Place::Length;
                }
                letter if letter.is_ascii_alphabetic() && self.command.len() < COMMAND_MAX => {
                    self.command.push(char::from(letter));
                }
                _ => return Err(NotRelp("expected a command of letters and a space")),
            },
            Place::Length => match byte {
                b' ' | b'\n' if self.digits > 0 => {
                    self.length = self.number;
                    match (byte, self.number) {
                        (b'\n', 0) => self.finish(on),
                        (b'\n', _) => return Err(NotRelp("a length without its data")),
                        (_, 0) => self.place = Place::End,
                        (_, length) => {
                            self.passing = (length > LINE_MAX_BYTES).then(|| Passing::new(&[]));
                            self.place = Place::Data;
                        }
                    }
                }
                _ => self.digit(byte, "expected the length of the data")?,
            },
            Place::End if byte == b'\n' => self.finish(on),
            Place::End => return Err(NotRelp("expected a line end behind the data: the length is wrong")),
            Place::Lost(lost) => return Err(lost),
            // Taken in stretches by `data_bytes`.
            Place::Data => {}
        }
        Ok(())
    }

    fn digit(&mut self, byte: u8, expected: &'static str) -> Result<(), NotRelp> {
        if !byte.is_ascii_digit() || self.digits == DIGITS_MAX {
            return Err(NotRelp(expected));
        }
        self.number = self.number * 10 + usize::from(byte - b'0');
        self.digits += 1;
        Ok(())
    }

    fn data_bytes(&mut self, bytes: &[u8]) -> usize {
        let used = bytes.len().min(self.length);
        match &mut self.passing {
            Some(passing) => passing.pass(&mut self.data, &bytes[..used]),
            None => self.data.extend_from_slice(&bytes[..used]),
        }
        self.length -= used;
        if self.length == 0 {
            self.place = Place::End;
        }
        used
    }

    fn finish(&mut self, on: &mut impl FnMut(RelpFrame<'_>)) {
        let data = match &self.passing {
            Some(passing) => RelpData::TooLong(passing.end(&self.data, TOO_LONG)),
            None => RelpData::Whole(&self.data),
        };
        on(RelpFrame { txnr: self.txnr, command: &self.command, data });
        self.command.clear();
        self.data.clear();
        self.passing = None;
        (self.number, self.digits) = (0, 0);
        self.place = Place::Txnr;
    }
}

/// Writes a frame.
pub fn encode_frame(out: &mut Vec<u8>, txnr: u32, command: &str, data: &[u8]) {
    out.extend_from_slice(format!("{txnr} {command} {}", data.len()).as_bytes());
    if !data.is_empty() {
        out.push(b' ');
        out.extend_from_slice(data);
    }
    out.push(b'\n');
}

/// Writes the answer that lets the sender forget a line: it is durable.
pub fn encode_kept(out: &mut Vec<u8>, txnr: u32) {
    encode_frame(out, txnr, "rsp", b"200 OK");
}

/// Writes that this side closes; what was not answered is to be sent again.
pub fn encode_serverclose(out: &mut Vec<u8>) {
    encode_frame(out, 0, "serverclose", b"");
}

/// What a frame asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelpAsk<'a> {
    /// The session is open: this is to be sent, at once.
    Opened(Vec<u8>),
    /// A line to be kept, and answered by [`encode_kept`] when it is.
    Line {
        /// What the answer repeats.
        txnr: u32,
        /// The line, without line ends behind it, or why it is none. An empty one is answered and
        /// says nothing.
        line: Result<&'a [u8], Broken<'a>>,
    },
    /// The sender is done: this is to be sent behind the answers to all its lines, then
    /// [`encode_serverclose`].
    Closed(Vec<u8>),
    /// A frame that isn't understood: this is to be sent, then [`encode_serverclose`].
    Refused {
        /// The answer.
        answer: Vec<u8>,
        /// Why, for the log.
        why: &'static str,
    },
}

/// The server's side of one RELP session.
#[derive(Debug, Clone, Default)]
pub struct RelpServer {
    is_open: bool,
}

impl RelpServer {
    /// A session that isn't open yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a frame asks for.
    pub fn hear<'a>(&mut self, frame: RelpFrame<'a>) -> RelpAsk<'a> {
        let RelpFrame { txnr, command, data } = frame;
        match (command, data) {
            ("open", RelpData::Whole(offers)) if !self.is_open => {
                let says_syslog = |line: &[u8]| {
                    let commands = line.strip_prefix(b"commands=").unwrap_or_default();
                    commands.split(|byte| *byte == b',').any(|command| trimmed(command) == b"syslog")
                };
                if !offers.split(|byte| *byte == b'\n').any(says_syslog) {
                    return refused(txnr, "the sender doesn't offer the command syslog");
                }
                self.is_open = true;
                let mut answer = Vec::new();
                let offers = b"200 OK\nrelp_version=0\nrelp_software=kukaku\ncommands=syslog";
                encode_frame(&mut answer, txnr, "rsp", offers);
                RelpAsk::Opened(answer)
            }
            ("syslog", data) if self.is_open => RelpAsk::Line {
                txnr,
                line: match data {
                    RelpData::Whole(line) => Ok(trimmed(line)),
                    RelpData::TooLong(broken) => Err(broken),
                },
            },
            ("close", _) if self.is_open => {
                let mut answer = Vec::new();
                encode_frame(&mut answer, txnr, "rsp", b"");
                RelpAsk::Closed(answer)
            }
            ("syslog" | "close", _) => refused(txnr, "a command before the session is open"),
            ("open", _) => refused(txnr, "a session that is opened twice, or with too long an offer"),
            _ => refused(txnr, "an unknown command"),
        }
    }
}

fn refused(txnr: u32, why: &'static str) -> RelpAsk<'static> {
    let mut answer = Vec::new();
    encode_frame(&mut answer, txnr, "rsp", format!("500 {why}").as_bytes());
    RelpAsk::Refused { answer, why }
}
