//! From bytes to frames, whatever pieces the bytes come in.
//!
//! Invariant: the frames depend on the bytes alone, not on how they were cut. Memory is bounded;
//! a stretch without a frame is reported once, then the decoder waits for the next beginning.

use super::config::{Check, CheckForm, CheckSpan, Framing, LineConfig, LineConfigError};

/// Longest frame, and longest stretch without one, in bytes: a hundred times the longest frame seen.
pub const FRAME_MAX_BYTES: usize = 64 * 1024;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// What was found in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The payload of a frame whose check is right.
    Whole(&'a [u8]),
    /// Bytes that are no frame, and why.
    Broken {
        /// All of them, marks and check included.
        bytes: &'a [u8],
        /// What is wrong.
        reason: &'static str,
    },
    /// Bytes between frames, idle bytes and line ends left out.
    Noise(&'a [u8]),
}

/// Cuts a stream of bytes into frames.
#[derive(Debug, Clone)]
pub struct Decoder {
    form: Form,
    /// The frame so far, with its marks.
    frame: Vec<u8>,
    /// Bytes that belong to no frame.
    noise: Vec<u8>,
    /// A stretch that is too long was reported; what follows it is passed over.
    is_lost: bool,
}

#[derive(Debug, Clone)]
enum Form {
    Line,
    StxEtx { check: Check, form: CheckForm, covers: CheckSpan, etx_at: Option<usize> },
    Fixed { sync: Vec<u8>, length: usize },
}

impl Decoder {
    /// A decoder for the framing of a configuration.
    ///
    /// # Errors
    /// The key that does not fit the framing.
    pub fn new(config: &LineConfig) -> Result<Self, LineConfigError> {
        let (sync, length) = config.framing_bytes()?;
        let form = match config.framing {
            Framing::Lf => Form::Line,
            Framing::StxEtx => {
                Form::StxEtx { check: config.check, form: config.check_form, covers: config.check_covers, etx_at: None }
            }
            Framing::Fixed => Form::Fixed { sync, length },
        };
        Ok(Self { form, frame: Vec::new(), noise: Vec::new(), is_lost: false })
    }

    /// Takes what came and hands every frame that it completes to `on`, in order.
    pub fn push(&mut self, bytes: &[u8], mut on: impl FnMut(Frame<'_>)) {
        for byte in bytes {
            match self.form {
                Form::Line => self.line_byte(*byte, &mut on),
                Form::StxEtx { .. } => self.stx_etx_byte(*byte, &mut on),
                Form::Fixed { .. } => self.fixed_byte(*byte, &mut on),
            }
        }
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub fn is_inside_frame(&self) -> bool {
        !self.frame.is_empty()
    }

    /// Ends the stream: hands over what was begun, and starts anew.
    ///
    /// For an unplugged line, and for one that fell silent inside a frame.
    pub fn cut(&mut self, mut on: impl FnMut(Frame<'_>)) {
        self.report_noise(&mut on);
        self.break_frame("the line fell silent inside a frame", &mut on);
        self.is_lost = false;
    }

    fn break_frame(&mut self, reason: &'static str, on: &mut impl FnMut(Frame<'_>)) {
        if !self.frame.is_empty() {
            on(Frame::Broken { bytes: &self.frame, reason });
        }
        self.start_anew();
    }

    fn start_anew(&mut self) {
        self.frame.clear();
        if let Form::StxEtx { etx_at, .. } = &mut self.form {
            *etx_at = None;
        }
    }

    fn line_byte(&mut self, byte: u8, on: &mut impl FnMut(Frame<'_>)) {
        if matches!(byte, b'\n' | b'\r') {
            if !self.frame.is_empty() {
                on(Frame::Whole(&self.frame));
            }
            self.frame.clear();
            self.is_lost = false;
        } else if !self.is_lost {
            self.frame.push(byte);
            self.lose_if_full(on);
        }
    }

    fn stx_etx_byte(&mut self, byte: u8, on: &mut impl FnMut(Frame<'_>)) {
        let Form::StxEtx { check, form, covers, etx_at } = &mut self.form else {
            return;
        };
        if self.frame.is_empty() {
            if byte == STX {
                self.report_noise(on);
                self.frame.push(STX);
            } else {
                self.noise_byte(byte, on);
            }
            return;
        }
        let Some(etx_at) = *etx_at else {
            if byte == STX {
                self.break_frame("a new frame begins before this one ends", on);
                self.frame.push(STX);
                return;
            }
            if byte == ETX {
                if *check == Check::None {
                    on(Frame::Whole(&self.frame[1..]));
                    self.frame.clear();
                    return;
                }
                *etx_at = Some(self.frame.len());
            }
            self.frame.push(byte);
            self.lose_if_full(on);
            return;
        };
        let covered = match covers {
            CheckSpan::PayloadEtx => &self.frame[1..=etx_at],
            CheckSpan::Payload => &self.frame[1..etx_at],
            CheckSpan::StxPayloadEtx => &self.frame[..=etx_at],
        };
        let expected = match check {
            Check::Xor => covered.iter().fold(0, |all, b| all ^ b),
            _ => covered.iter().fold(0_u8, |all, b| all.wrapping_add(*b)),
        };
        let given = &self.frame[etx_at + 1..];
        let verdict = match form {
            CheckForm::Byte => Some(byte == expected),
            CheckForm::Hex => match (given, char::from(byte).to_digit(16)) {
                ([], Some(_)) => None,
                ([high], Some(low)) => Some(
                    char::from(*high).to_digit(16) == Some(u32::from(expected >> 4))
                        && low == u32::from(expected & 0xF),
                ),
                _ => Some(false),
            },
        };
        match verdict {
            None => self.frame.push(byte),
            Some(true) => {
                on(Frame::Whole(&self.frame[1..etx_at]));
                self.start_anew();
            }
            // The check was lost on the way, and this byte begins the next frame.
            Some(false) if byte == STX => {
                self.break_frame("the check behind ETX is missing", on);
                self.frame.push(STX);
            }
            Some(false) => {
                self.frame.push(byte);
                self.break_frame("the check behind ETX does not fit the frame", on);
            }
        }
    }

    fn fixed_byte(&mut self, byte: u8, on: &mut impl FnMut(Frame<'_>)) {
        self.frame.push(byte);
        loop {
            let Form::Fixed { sync, length } = &self.form else {
                return;
            };
            let begun = self.frame.len().min(sync.len());
            if self.frame[..begun] == sync[..begun] {
                if self.frame.len() == *length {
                    let payload = sync.len();
                    self.report_noise(on);
                    on(Frame::Whole(&self.frame[payload..]));
                    self.frame.clear();
                }
                return;
            }
            let stray = self.frame.remove(0);
            self.noise_byte(stray, on);
        }
    }

    /// Keeps a byte that belongs to no frame. Line ends, idle bytes and the handshakes of the
    /// other side say nothing.
    fn noise_byte(&mut self, byte: u8, on: &mut impl FnMut(Frame<'_>)) {
        const SAYS_NOTHING: [u8; 11] = [0x00, 0x04, 0x05, 0x06, b'\n', b'\r', 0x15, 0x16, b' ', 0x7F, 0xFF];
        if self.is_lost || SAYS_NOTHING.contains(&byte) {
            return;
        }
        self.noise.push(byte);
        if self.noise.len() == FRAME_MAX_BYTES {
            self.report_noise(on);
            self.is_lost = true;
        }
    }

    /// A frame begins or the line ends: what came before it is told.
    fn report_noise(&mut self, on: &mut impl FnMut(Frame<'_>)) {
        if !self.noise.is_empty() {
            on(Frame::Noise(&self.noise));
            self.noise.clear();
        }
        self.is_lost = false;
    }

    fn lose_if_full(&mut self, on: &mut impl FnMut(Frame<'_>)) {
        if self.frame.len() >= FRAME_MAX_BYTES {
            self.break_frame("64 KiB without the end of a frame", on);
            self.is_lost = true;
        }
    }
}
