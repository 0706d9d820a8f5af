//! From the bytes of a syslog frame or of a line of a file to its text, and what stands before it.
//!
//! Read are RFC 5424, RFC 3164, and what devices really send: no PRI, no year, no host, a host
//! without a process, Cisco's `29: gw: *Nov 22 09:00:00.1 JST: %SEC_LOGIN-5-…`, a relay's header
//! before the device's own. What can't be understood stays in the text, so that nothing is lost.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::SHIFT_JIS;
use kukaku_schema::{SiteZone, UtcMicros};

use super::stamp;

/// A header deeper than that is text: the device's own behind one relay's.
const HEADERS_MAX: usize = 2;

/// Cisco's mark `%FACILITY-6-WORD` stands within so many bytes of the beginning, or not at all.
const CISCO_MARK_WITHIN: usize = 160;

/// A tag longer than that is none: RFC 3164 allows 32, real ones reach this.
const TAG_MAX_BYTES: usize = 64;

/// A line of a log: its text, and what the header before it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine<'a> {
    whole: Cow<'a, str>,
    text: Range<usize>,
    host: Option<Range<usize>>,
    process: Option<Range<usize>>,
    pid: Option<Range<usize>>,
    /// When, as the header says; none where it says nothing.
    pub time: Option<UtcMicros>,
}

impl<'a> LogLine<'a> {
    /// A line without any header.
    pub fn of_text(text: impl Into<Cow<'a, str>>) -> Self {
        let whole = text.into();
        Self { text: 0..whole.len(), whole, host: None, process: None, pid: None, time: None }
    }

    /// The text behind the header.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.whole[self.text.clone()]
    }

    /// The host that the line is from.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.part(self.host.as_ref())
    }

    /// The process that wrote it.
    #[must_use]
    pub fn process(&self) -> Option<&str> {
        self.part(self.process.as_ref())
    }

    /// The number of that process.
    #[must_use]
    pub fn pid(&self) -> Option<&str> {
        self.part(self.pid.as_ref())
    }

    /// The line as it came, decoded, with its header.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.whole
    }

    fn part(&self, range: Option<&Range<usize>>) -> Option<&str> {
        range.map(|range| &self.whole[range.clone()])
    }
}

/// Reads one frame. `received` gives the year to a time without one, `zone` the offset.
///
/// Bytes that are no UTF-8 are read as Shift_JIS, and where they are neither, with replacement
/// characters.
#[must_use]
pub fn read<'a>(bytes: &'a [u8], received: UtcMicros, zone: &SiteZone) -> LogLine<'a> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let end = bytes.iter().rposition(|b| !matches!(b, b'\r' | b'\n' | 0)).map_or(0, |at| at + 1);
    let mut line = LogLine::of_text(decoded(&bytes[..end]));
    let mut found = Found { at: 0, host: None, process: None, pid: None, time: None };
    found.headers(&line.whole, received, zone);
    let rest = &line.whole[found.at..];
    let from = found.at + rest.len() - rest.trim_start_matches([' ', '\t', '\u{FEFF}']).len();
    let until = line.whole.trim_end().len();
    if from < until {
        line.text = from..until;
        (line.host, line.process, line.pid) = (found.host, found.process, found.pid);
    }
    line.time = found.time;
    line
}

fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => SHIFT_JIS
            .decode_without_bom_handling_and_without_replacement(bytes)
            .unwrap_or_else(|| String::from_utf8_lossy(bytes)),
    }
}

/// What was found so far, and where the rest begins.
struct Found {
    at: usize,
    host: Option<Range<usize>>,
    process: Option<Range<usize>>,
    pid: Option<Range<usize>>,
    time: Option<UtcMicros>,
}

/// How a time is written, which says what may follow it.
#[derive(PartialEq)]
enum Style {
    /// `Nov 22 09:00:00` or with a `T`: a syslog's; a host follows.
    Syslog,
    /// `2026-11-22 09:00:00` or with its year at the end: the program's own; its text follows.
    Own,
}

impl Found {
    fn headers(&mut self, whole: &str, received: UtcMicros, zone: &SiteZone) {
        let mut has_priority = false;
        for _ in 0..HEADERS_MAX {
            if let Some(behind) = priority(&whole[self.at..]) {
                self.at += behind;
                has_priority = true;
            }
            if self.structured(whole, has_priority, received, zone) {
                return;
            }
            if self.cisco(whole, received, zone) {
                return;
            }
            let rest = &whole[self.at..];
            let blank = rest.len() - rest.trim_start_matches(' ').len();
            let rest = &rest[blank..];
            let Some((time, length)) = stamp::read(rest, received, zone) else {
                break;
            };
            self.time = Some(time);
            let style = style_of(&rest[..length]);
            self.at += blank + length;
            if whole[self.at..].starts_with(':') {
                self.at += 1;
            }
            if style == Style::Own {
                return;
            }
            has_priority = true;
            self.host(whole);
        }
        if has_priority {
            self.tag(whole);
        }
    }

    /// RFC 5424, with or without `<PRI>1`; false where it is none.
    fn structured(&mut self, whole: &str, has_priority: bool, received: UtcMicros, zone: &SiteZone) -> bool {
        let rest = &whole[self.at..];
        let (rest, versioned) = match rest.strip_prefix("1 ") {
            Some(rest) if has_priority => (rest, true),
            _ => (rest, false),
        };
        let mut words = Words { whole, at: whole.len() - rest.len() };
        let Some(stamp_word) = words.next() else {
            return false;
        };
        let time = match (&whole[stamp_word.clone()], versioned) {
            ("-", true) => None,
            (text, _) if text.as_bytes().get(10) == Some(&b'T') => match stamp::read(text, received, zone) {
                Some((time, length)) if length == text.len() => Some(time),
                _ => return false,
            },
            _ => return false,
        };
        let (Some(host), Some(process), Some(pid), Some(_id)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return false;
        };
        let data = &whole[words.at..];
        // Without its version it is only known by the dashes and digits in their places.
        let pid_text = &whole[pid.clone()];
        if !versioned && !(data.starts_with("- ") && (pid_text == "-" || pid_text.bytes().all(|b| b.is_ascii_digit())))
        {
            return false;
        }
        let present = |range: Range<usize>| Some(range.clone()).filter(|_| &whole[range] != "-");
        (self.host, self.process, self.pid) = (present(host), present(process), present(pid));
        self.time = time;
        self.at = words.at + structured_data(data);
        true
    }

    /// What stands before Cisco's `%`: numbers, a host, a time, a zone, in varying order.
    fn cisco(&mut self, whole: &str, received: UtcMicros, zone: &SiteZone) -> bool {
        let rest = &whole[self.at..];
        let window = &rest.as_bytes()[..rest.len().min(CISCO_MARK_WITHIN)];
        let Some(mark) = memchr::memchr(b'%', window) else {
            return false;
        };
        let before = &rest[..mark];
        if !rest.as_bytes().get(mark + 1).is_some_and(u8::is_ascii_uppercase)
            || !(before.is_empty() || before.trim_end().ends_with(':'))
        {
            return false;
        }
        let mut words = Words { whole: &whole[..self.at + mark], at: self.at };
        let (mut host, mut time) = (None, None);
        loop {
            // A line may begin with a colon, too.
            while words.whole[words.at..].starts_with([' ', ':']) {
                words.at += 1;
            }
            let from = words.at;
            if time.is_none()
                && let Some((read, length)) = stamp::read(&words.whole[from..], received, zone)
            {
                (time, words.at) = (Some(read), from + length);
                continue;
            }
            let Some(word) = words.next() else {
                break;
            };
            let text = whole[word.clone()].trim_matches(':');
            let start = word.start + whole[word].find(text).unwrap_or(0);
            let is_zone = time.is_some() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_uppercase());
            if is_zone && matches!(text, "UTC" | "GMT") {
                time = time.map(|at: UtcMicros| UtcMicros(at.0 + i64::from(zone.offset_s(at)) * 1_000_000));
            } else if !is_zone && !text.is_empty() && text.bytes().any(|b| !b.is_ascii_digit()) && host.is_none() {
                host = Some(start..start + text.len());
            }
        }
        self.host = host.or(self.host.take());
        self.time = time.or(self.time);
        self.at += mark;
        true
    }

    fn host(&mut self, whole: &str) {
        let mut words = Words { whole, at: self.at };
        let Some(word) = words.next() else {
            return;
        };
        let text = &whole[word.clone()];
        let is_host = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
        if is_host && !text.ends_with(':') && words.at < whole.len() {
            self.host = Some(word);
            self.at = words.at;
        }
    }

    /// `sshd[4711]: ` or `sshd: `.
    fn tag(&mut self, whole: &str) {
        let rest = &whole[self.at..];
        let blank = rest.len() - rest.trim_start_matches(' ').len();
        let from = self.at + blank;
        let rest = &rest[blank..];
        let name = rest
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b'(' | b')' | b'@'))
            .count();
        if name == 0 || name > TAG_MAX_BYTES {
            return;
        }
        let mut behind = &rest[name..];
        let mut pid = None;
        if let Some(inside) = behind.strip_prefix('[')
            && let Some(end) = inside.find(']').filter(|end| *end > 0 && *end <= TAG_MAX_BYTES)
        {
            pid = Some(from + name + 1..from + name + 1 + end);
            behind = &inside[end + 1..];
        }
        let Some(text) = behind.strip_prefix(':') else {
            return;
        };
        if pid.is_some() || text.is_empty() || text.starts_with(' ') {
            self.process = Some(from..from + name);
            self.pid = pid;
            self.at = whole.len() - text.len();
        }
    }
}

/// The length of `<PRI>`, where one stands here.
fn priority(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('<')?;
    let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
    (matches!(digits, 1..=3) && inside[digits..].starts_with('>')).then_some(digits + 2)
}

fn style_of(stamp: &str) -> Style {
    let bytes = stamp.as_bytes();
    let is_own = match bytes.first() {
        Some(first) if first.is_ascii_digit() => bytes.get(10) == Some(&b' '),
        // `Sun Nov 22 09:00:00 2026`.
        _ => {
            bytes.len() > 4
                && bytes[bytes.len() - 4..].iter().all(u8::is_ascii_digit)
                && bytes[3] == b' '
                && bytes.get(7) == Some(&b' ')
        }
    };
    if is_own { Style::Own } else { Style::Syslog }
}

/// The length of the structured data at the start of `text`; of what is broken, none is eaten.
fn structured_data(text: &str) -> usize {
    if text == "-" || text.starts_with("- ") {
        return 1;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while bytes.get(at) == Some(&b'[') {
        let mut quoted = false;
        loop {
            match bytes.get(at) {
                None => return 0,
                Some(b'\\') if quoted => at += 1,
                Some(b'"') => quoted = !quoted,
                Some(b']') if !quoted => break,
                Some(_) => {}
            }
            at += 1;
        }
        at += 1;
    }
    if matches!(bytes.get(at), None | Some(b' ')) { at } else { 0 }
}

/// The words of a text, with one blank or more between them.
struct Words<'t> {
    whole: &'t str,
    at: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<Range<usize>> {
        let rest = &self.whole[self.at..];
        let start = self.at + rest.len() - rest.trim_start_matches(' ').len();
        let rest = &self.whole[start..];
        if rest.is_empty() {
            return None;
        }
        let end = start + rest.find(' ').unwrap_or(rest.len());
        self.at = (end + 1).min(self.whole.len());
        Some(start..end)
    }
}
