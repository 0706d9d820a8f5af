//! Lines in a stream: octet counting and line ends, [RFC 6587](https://www.rfc-editor.org/rfc/rfc6587#section-3.4).
//!
//! Senders mix both on one connection, put a line end behind a counted line, and leave out the
//! PRI. So the framing is decided line by line: digits, a space and `<` begin a counted line;
//! without the `<` they do so only behind a counted line, because a line may begin with a year.

use super::long::{Broken, LINE_MAX_BYTES, Passing};
use super::trimmed;

/// Longest count, in digits.
const COUNT_DIGITS_MAX: usize = 7;
/// Largest count that is one: no sender has lines of more than a mebibyte, and a wrong count
/// swallows as many bytes of the lines behind it.
const COUNT_MAX: usize = 1 << 20;

const TOO_LONG: &str = "a line of more than 64 KiB; its beginning is kept";
const CUT_OFF: &str = "the connection ended inside a line";

/// What was found in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A line, without its count and its line end; never empty.
    Line(&'a [u8]),
    /// Bytes that are no line, and why.
    Broken(Broken<'a>),
}

/// Cuts a stream into lines.
#[derive(Debug, Clone, Default)]
pub struct LineFramer {
    state: State,
    /// What came of the line, where it did not come at once.
    held: Vec<u8>,
    /// The line before was a counted one.
    counts: bool,
}

#[derive(Debug, Clone, Default)]
enum State {
    /// Before a line, or inside the few bytes that tell its framing.
    #[default]
    Start,
    /// Inside a line that ends at a line end.
    Ended,
    /// Inside a line of which so many bytes are to come.
    Counted { left: usize },
    /// Inside one that is too long: to its line end, or for so many bytes more.
    Passing { passing: Passing, left: Option<usize> },
}

/// What the first bytes of a line tell.
enum Head {
    More,
    Ended,
    Counted { header: usize, length: usize },
}

/// The line in a datagram; `None` where there is nothing in it.
#[must_use]
pub fn datagram_line(bytes: &[u8]) -> Option<&[u8]> {
    let line = trimmed(bytes);
    (!line.is_empty()).then_some(line)
}

impl LineFramer {
    /// A framer at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what came and hands every line that it completes to `on`, in order.
    pub fn push(&mut self, mut bytes: &[u8], mut on: impl FnMut(Frame<'_>)) {
        while !bytes.is_empty() {
            let used = match &mut self.state {
                State::Start => self.start(bytes),
                State::Ended => self.by_line_end(bytes, &mut on),
                State::Counted { .. } => self.by_count(bytes, &mut on),
                State::Passing { .. } => self.pass(bytes, &mut on),
            };
            bytes = &bytes[used..];
        }
    }

    /// Whether a line has begun and not ended.
    #[must_use]
    pub fn is_inside_line(&self) -> bool {
        !matches!(self.state, State::Start) || !self.held.is_empty()
    }

    /// Ends the stream. Where its sender closed it in order, the close ends a line without a count:
    /// some senders end their only line so. Anything else that was begun is broken.
    pub fn end(&mut self, is_closed_in_order: bool, mut on: impl FnMut(Frame<'_>)) {
        let may_be_line = match &self.state {
            State::Start | State::Ended => is_closed_in_order,
            State::Counted { .. } => false,
            State::Passing { passing, left } => {
                let why = if left.is_some_and(|left| left > 0) { CUT_OFF } else { TOO_LONG };
                on(Frame::Broken(passing.end(&self.held, why)));
                self.held.clear();
                false
            }
        };
        if may_be_line {
            emit(&self.held, &mut on);
        } else if !self.held.is_empty() {
            on(Frame::Broken(Broken::whole(&self.held, CUT_OFF)));
        }
        *self = Self::new();
    }

    fn start(&mut self, bytes: &[u8]) -> usize {
        if self.held.is_empty() {
            let skipped = bytes.iter().take_while(|byte| super::is_trailer(**byte)).count();
            if skipped > 0 {
                return skipped;
            }
            return match head(bytes, self.counts) {
                Head::More => {
                    self.held.extend_from_slice(bytes);
                    bytes.len()
                }
                Head::Ended => {
                    self.state = State::Ended;
                    0
                }
                Head::Counted { header, length } => {
                    self.count(length);
                    header
                }
            };
        }
        // The head came in pieces: it is a few bytes, taken one by one.
        self.held.push(bytes[0]);
        match head(&self.held, self.counts) {
            Head::More => 1,
            Head::Ended => {
                // This byte may be the line end itself: it is looked at again.
                self.held.pop();
                self.state = State::Ended;
                0
            }
            Head::Counted { header, length } => {
                let behind = self.held.split_off(header);
                self.held.clear();
                self.count(length);
                // The `<` that told it is the line's first byte: it is looked at again.
                1 - behind.len()
            }
        }
    }

    fn count(&mut self, length: usize) {
        self.state = if length > LINE_MAX_BYTES {
            State::Passing { passing: Passing::new(&[]), left: Some(length) }
        } else {
            State::Counted { left: length }
        };
    }

    fn next_line(&mut self, counts: bool) {
        self.held.clear();
        self.state = State::Start;
        self.counts = counts;
    }

    fn by_line_end(&mut self, bytes: &[u8], on: &mut impl FnMut(Frame<'_>)) -> usize {
        let end = memchr::memchr2(b'\n', 0, bytes);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        if self.held.len() + part.len() > LINE_MAX_BYTES {
            self.state = State::Passing { passing: Passing::new(&self.held), left: None };
            return 0;
        }
        let Some(end) = end else {
            self.held.extend_from_slice(part);
            return bytes.len();
        };
        if self.held.is_empty() {
            emit(part, on);
        } else {
            self.held.extend_from_slice(part);
            emit(&self.held, on);
        }
        self.next_line(false);
        end + 1
    }

    fn by_count(&mut self, bytes: &[u8], on: &mut impl FnMut(Frame<'_>)) -> usize {
        let State::Counted { left } = &mut self.state else { return 0 };
        let used = bytes.len().min(*left);
        *left -= used;
        let is_whole = *left == 0;
        if is_whole && self.held.is_empty() {
            emit(&bytes[..used], on);
        } else {
            self.held.extend_from_slice(&bytes[..used]);
            if is_whole {
                emit(&self.held, on);
            }
        }
        if is_whole {
            self.next_line(true);
        }
        used
    }

    fn pass(&mut self, bytes: &[u8], on: &mut impl FnMut(Frame<'_>)) -> usize {
        let State::Passing { passing, left } = &mut self.state else { return 0 };
        let (part, is_end, used) = match left {
            Some(left) => {
                let used = bytes.len().min(*left);
                *left -= used;
                (&bytes[..used], *left == 0, used)
            }
            None => match memchr::memchr2(b'\n', 0, bytes) {
                Some(end) => (&bytes[..end], true, end + 1),
                None => (bytes, false, bytes.len()),
            },
        };
        let counts = left.is_some();
        passing.pass(&mut self.held, part);
        if is_end {
            on(Frame::Broken(passing.end(&self.held, TOO_LONG)));
            self.next_line(counts);
        }
        used
    }
}

fn emit(line: &[u8], on: &mut impl FnMut(Frame<'_>)) {
    let line = trimmed(line);
    if !line.is_empty() {
        on(Frame::Line(line));
    }
}

fn head(bytes: &[u8], counts: bool) -> Head {
    let digits = bytes.iter().take(COUNT_DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > COUNT_DIGITS_MAX || bytes[0] == b'0' {
        return Head::Ended;
    }
    match bytes.get(digits) {
        None => return Head::More,
        Some(b' ') => {}
        Some(_) => return Head::Ended,
    }
    let length = bytes[..digits].iter().fold(0, |all, digit| all * 10 + usize::from(digit - b'0'));
    if length > COUNT_MAX {
        return Head::Ended;
    }
    let counted = Head::Counted { header: digits + 1, length };
    match bytes.get(digits + 1) {
        _ if counts => counted,
        None => Head::More,
        Some(b'<') => counted,
        Some(_) => Head::Ended,
    }
}
