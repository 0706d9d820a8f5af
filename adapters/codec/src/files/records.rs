//! From a stream of bytes to records: lines, or groups of lines that a quote holds together.
//!
//! Memory is bounded whatever comes: a line beyond `LINE_MAX_BYTES` is hashed while it passes by,
//! and a quote that is never closed costs its own line only, because the reading goes on with the
//! next one. LF, CR and CRLF end a line, mixed or not.

use std::io::{self, Read};

use kukaku_schema::intake::UNREADABLE_KEPT_BYTES;
use memchr::{memchr, memchr_iter, memchr2, memrchr};
use sha2::{Digest, Sha256};

use super::error::LineError;

/// Longest line, and longest record of several lines: a thousand times a usual one, and sixteen
/// times the longest observation.
pub(crate) const LINE_MAX_BYTES: usize = 1024 * 1024;

/// How much is read at a time: few calls, and still in the second level cache.
pub(super) const READ_BYTES: usize = 256 * 1024;

/// How records are told apart.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    /// A quote may hold line ends together.
    pub(crate) quoted: bool,
    /// The byte between fields; it alone may be a control character in plain text.
    pub(crate) delimiter: u8,
}

/// What was found.
pub(crate) enum Record<'a> {
    /// A record without its line end.
    Whole {
        /// Its first line, from 1.
        line_no: u64,
        /// Where in the block it begins.
        at: usize,
        /// Its bytes.
        bytes: &'a [u8],
        /// The same as text, where it is printable ASCII without quotes.
        plain: Option<&'a str>,
        /// How many bytes of it are its first line.
        first_line_len: usize,
    },
    /// A line with a quote that nothing closes.
    Unclosed {
        /// Its number, from 1.
        line_no: u64,
        /// Where in the block it begins.
        at: usize,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// A line that is too long.
    TooLong(LineError),
}

/// What the caller did with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of it.
    Whole,
    /// Its first line alone; the next record begins after that.
    FirstLine,
    /// Nothing more is wanted.
    Stop,
}

/// A read that failed, and at which line.
#[derive(Debug)]
pub(crate) struct ReadFailed {
    pub(crate) line_no: u64,
    pub(crate) source: io::Error,
}

/// Reads to the end and hands every record to `on`, until that says stop.
pub(crate) fn each_record<R: Read>(
    reader: R,
    style: Style,
    mut on: impl FnMut(Record<'_>) -> Taken,
) -> Result<(), ReadFailed> {
    let mut window = Window::new(reader, READ_BYTES);
    let mut line_no = 1;
    loop {
        let block = window.block(style).map_err(|source| ReadFailed { line_no, source })?;
        let Some(used) = block.each(&mut line_no, &mut on) else {
            return Ok(());
        };
        match window.used(used, line_no).map_err(|source| ReadFailed { line_no, source })? {
            Rest::More => {}
            Rest::Passed(error) => {
                line_no += 1;
                if on(Record::TooLong(error)) == Taken::Stop {
                    return Ok(());
                }
            }
            Rest::Nothing => return Ok(()),
        }
    }
}

/// What is left of a stream when a block was used.
pub(super) enum Rest {
    /// Perhaps more.
    More,
    /// More, behind a line of any length that was passed over.
    Passed(LineError),
    /// Nothing.
    Nothing,
}

/// What was read and not used yet.
pub(super) struct Window<R> {
    reader: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
}

impl<R: Read> Window<R> {
    /// A window with room for `read_bytes` as long as no record is longer.
    pub(super) fn new(reader: R, read_bytes: usize) -> Self {
        Self { reader, bytes: vec![0; read_bytes], start: 0, end: 0, at_end: false }
    }

    /// The whole lines that are there, after reading as far as there is room.
    pub(super) fn block(&mut self, style: Style) -> io::Result<Block<'_>> {
        if !self.is_full() {
            self.fill()?;
        }
        let bytes = self.get();
        let cut = if self.at_end { bytes.len() } else { last_line_end(bytes) };
        Ok(Block { bytes: &bytes[..cut], style, at_end: self.at_end, long: bytes.len() > LINE_MAX_BYTES })
    }

    /// Goes on behind the `used` bytes of a block; where there were none to use, makes room or
    /// passes over the line `line_no`.
    pub(super) fn used(&mut self, used: usize, line_no: u64) -> io::Result<Rest> {
        self.start += used;
        if self.at_end && self.start == self.end {
            return Ok(Rest::Nothing);
        }
        if used == 0 {
            let bytes = self.get();
            if bytes.len() > LINE_MAX_BYTES && !self.at_end && last_line_end(bytes) == 0 {
                return self.skip_line(line_no).map(Rest::Passed);
            }
            self.grow();
        }
        Ok(Rest::More)
    }

    fn get(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn is_full(&self) -> bool {
        self.at_end || (self.start == 0 && self.end == self.bytes.len())
    }

    /// Room for a longer record; the loop asks for it at most until `LINE_MAX_BYTES` are passed.
    fn grow(&mut self) {
        let len = self.bytes.len();
        self.bytes.resize((2 * len).min(LINE_MAX_BYTES + READ_BYTES), 0);
    }

    /// Reads until the window is full or the stream ends.
    fn fill(&mut self) -> io::Result<()> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < self.bytes.len() {
            match self.reader.read(&mut self.bytes[self.end..]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(n) => self.end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Passes over a line of any length; only its head and its hash are kept.
    fn skip_line(&mut self, line_no: u64) -> io::Result<LineError> {
        let mut head = Vec::new();
        let mut hash = Sha256::new();
        let mut length = 0;
        loop {
            let bytes = self.get();
            let line = &bytes[..memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len())];
            head.extend_from_slice(&line[..line.len().min(UNREADABLE_KEPT_BYTES - head.len())]);
            hash.update(line);
            length += line.len() as u64;
            let ended = line.len() < bytes.len();
            self.start += line.len();
            if ended || self.at_end {
                break;
            }
            self.fill()?;
        }
        // The window may end between CR and LF.
        if self.end - self.start < 2 && !self.at_end {
            self.fill()?;
        }
        self.start += line_end_len(self.get(), 0);
        let reason = too_long(length);
        Ok(LineError { line_no, reason, head, length, sha256: hash.finalize().into() })
    }
}

fn too_long(length: u64) -> String {
    format!("{length} bytes are more than the {LINE_MAX_BYTES} a line may have")
}

/// Behind the last line end that is certainly whole; 0 where there is none.
fn last_line_end(bytes: &[u8]) -> usize {
    let lf = memrchr(b'\n', bytes);
    // A CR at the very end may be half of a CRLF.
    let cr = || memrchr(b'\r', &bytes[..bytes.len().saturating_sub(1)]);
    lf.or_else(cr).map_or(0, |at| at + 1)
}

/// How many bytes the line end at `at` has; 0 at the end of the stream.
fn line_end_len(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..) {
        Some([b'\r', b'\n', ..]) => 2,
        Some([_, ..]) => 1,
        _ => 0,
    }
}

/// Whole lines that lie in memory.
pub(super) struct Block<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) style: Style,
    /// Nothing follows.
    pub(super) at_end: bool,
    /// The window that it lies in is longer than a record may be.
    pub(super) long: bool,
}

/// A record in a block.
struct Extent {
    /// Its length without the line end.
    len: usize,
    /// Where the next one begins.
    next: usize,
    lines: u64,
}

impl Block<'_> {
    /// Hands over every record; returns how many bytes were used, or none where to stop.
    pub(super) fn each(&self, line_no: &mut u64, on: &mut impl FnMut(Record<'_>) -> Taken) -> Option<usize> {
        let plain = self.plain_text();
        let mut at = 0;
        while at < self.bytes.len() {
            let rest = &self.bytes[at..];
            let first = line_of(rest);
            let record = if plain.is_some() { Some(Extent { ..first }) } else { self.extent(rest, &first) };
            let (found, next, lines) = match record {
                Some(Extent { len, next, lines: 1 }) if len > LINE_MAX_BYTES => {
                    let error = LineError::new(*line_no, &rest[..len], too_long(len as u64));
                    (Record::TooLong(error), next, 1)
                }
                Some(Extent { len, next, lines }) if len <= LINE_MAX_BYTES => {
                    let plain = plain.map(|text| &text[at..at + len]);
                    let bytes = &rest[..len];
                    (Record::Whole { line_no: *line_no, at, bytes, plain, first_line_len: first.len }, next, lines)
                }
                // More bytes may close the quote.
                None if !self.at_end && (at > 0 || !self.long) => return Some(at),
                _ => (Record::Unclosed { line_no: *line_no, at, bytes: &rest[..first.len] }, first.next, 1),
            };
            match on(found) {
                Taken::Whole => {
                    at += next;
                    *line_no += lines;
                }
                Taken::FirstLine => {
                    at += first.next;
                    *line_no += 1;
                }
                Taken::Stop => return None,
            }
        }
        Some(at)
    }

    /// Whether its records can be told apart without what comes before and after it: none has a
    /// quote that may hold lines together.
    pub(super) fn stands_alone(&self) -> bool {
        !self.style.quoted || memchr(b'"', self.bytes).is_none()
    }

    /// How many lines end in it.
    pub(super) fn line_ends(&self) -> u64 {
        let lf = memchr_iter(b'\n', self.bytes).count();
        let cr_alone = memchr_iter(b'\r', self.bytes).filter(|at| self.bytes.get(at + 1) != Some(&b'\n')).count();
        (lf + cr_alone) as u64
    }

    /// The block as text, where every byte is printable ASCII and none a quote that matters.
    pub(super) fn plain_text(&self) -> Option<&str> {
        let Style { quoted, delimiter } = self.style;
        let odd = |b: u8| {
            let printable = (0x20..0x7F).contains(&b);
            !(printable | (b == b'\n') | (b == b'\r') | (b == delimiter)) | (quoted & (b == b'"'))
        };
        // Without an early way out inside a chunk the compiler checks many bytes at a time.
        let any_odd = self.bytes.chunks(4096).any(|chunk| chunk.iter().fold(false, |any, b| any | odd(*b)));
        if any_odd { None } else { std::str::from_utf8(self.bytes).ok() }
    }

    /// The record at the start of `rest`: it ends with the first line after which every quote is
    /// closed. None where that line is not here.
    fn extent(&self, rest: &[u8], first: &Extent) -> Option<Extent> {
        let is_open = |line: &[u8]| memchr(b'"', line).is_some() && memchr_iter(b'"', line).count() % 2 == 1;
        if !self.style.quoted || !is_open(&rest[..first.len]) {
            return Some(Extent { ..*first });
        }
        let mut at = first.next;
        let mut lines = 1;
        while at < rest.len().min(LINE_MAX_BYTES + 2) {
            let line = line_of(&rest[at..]);
            lines += 1;
            if is_open(&rest[at..at + line.len]) {
                return Some(Extent { len: at + line.len, next: at + line.next, lines });
            }
            at += line.next;
        }
        None
    }
}

/// The line at the start of `rest`.
fn line_of(rest: &[u8]) -> Extent {
    let len = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    Extent { len, next: len + line_end_len(rest, len), lines: 1 }
}
