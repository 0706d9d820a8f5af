//! Local times by a strftime pattern, quickly.
//!
//! The directives that door and session logs use are read here without allocation; a pattern
//! with any other directive is left whole to jiff. A number may have fewer digits than its
//! width (`9:05:03`), and `%p` knows 午前 and 午後.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, TimeZone};
use kukaku_schema::{SiteZone, UtcMicros};

use super::time::narrowed;

/// A pattern and the zone that its local times are in.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    reading: Reading,
    zone: Option<Zone>,
}

#[derive(Debug, Clone)]
enum Reading {
    Own(Vec<Item>),
    Jiff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Char(char),
    Space,
    Year,
    ShortYear,
    Month,
    Day,
    Hour,
    Hour12,
    HalfDay,
    Minute,
    Second,
    /// Digits of a fraction; with `dot`, the dot too, and both may be missing.
    Fraction {
        dot: bool,
    },
    Offset,
}

/// A zone, with the offset that it has kept since its last change.
#[derive(Debug, Clone)]
struct Zone {
    zone: SiteZone,
    /// The second from which on the offset is fixed, and the offset.
    fixed: (i64, Offset),
}

impl Pattern {
    /// Reads a pattern; `zone` is the IANA name that a pattern without `%z` needs.
    pub(crate) fn new(pattern: &str, zone: Option<&str>) -> Result<Self, String> {
        let text = narrowed(pattern).into_owned();
        if !text.contains('%') {
            return Err(format!(
                "format {pattern:?} is none of \"rfc3339\", \"unix_s\", \"unix_ms\", \"unix_us\", \"unix_ns\", \"unix_auto\" or a strftime pattern like \"%Y-%m-%d %H:%M:%S\""
            ));
        }
        let zone = zone.map(Zone::named).transpose()?;
        let reading = own_items(&text).map_or(Reading::Jiff, Reading::Own);
        let pattern = Self { text, reading, zone };
        pattern.check()?;
        Ok(pattern)
    }

    /// Writes a known time by the pattern and reads it back: what a pattern can't name shows here.
    fn check(&self) -> Result<(), String> {
        let text = &self.text;
        let sample =
            jiff::civil::date(2026, 11, 22).at(21, 5, 3, 0).to_zoned(TimeZone::UTC).map_err(|e| e.to_string())?;
        let written =
            jiff::fmt::strtime::format(text, &sample).map_err(|e| format!("strftime pattern {text:?}: {e}"))?;
        match self.civil(&written) {
            Some((_, None)) if self.zone.is_none() => {
                Err(format!("strftime pattern {text:?} has no %z, so `zone` is needed, like zone = \"Asia/Tokyo\""))
            }
            Some((_, Some(_))) if self.zone.is_some() => {
                Err(format!("strftime pattern {text:?} reads the offset itself; leave `zone` out"))
            }
            // Seconds may be left out; a date or an hour may not.
            Some((read, _)) if read.date() == sample.date() && (read.hour(), read.minute()) == (21, 5) => Ok(()),
            _ => Err(format!("strftime pattern {text:?} does not name a whole date, hour and minute")),
        }
    }

    /// The pattern as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The instant that `text` names; none where it does not fit the pattern.
    pub(crate) fn instant(&self, text: &str) -> Option<UtcMicros> {
        let (local, offset) = self.civil(text)?;
        match (offset, &self.zone) {
            (Some(offset), _) => Some(UtcMicros(offset.to_timestamp(local).ok()?.as_microsecond())),
            (None, Some(zone)) => zone.instant_of(local),
            (None, None) => None,
        }
    }

    fn civil(&self, text: &str) -> Option<(DateTime, Option<Offset>)> {
        match &self.reading {
            Reading::Own(items) => read_items(items, text),
            Reading::Jiff => {
                let broken = BrokenDownTime::parse(&self.text, text).ok()?;
                match broken.to_datetime() {
                    Ok(local) => Some((local, broken.offset())),
                    // `%s` names an instant and no civil time.
                    Err(_) => Some((Offset::UTC.to_datetime(broken.to_timestamp().ok()?), Some(Offset::UTC))),
                }
            }
        }
    }
}

impl Zone {
    fn named(name: &str) -> Result<Self, String> {
        let zone = SiteZone::named(name)?;
        let table = TimeZone::get(name).map_err(|e| e.to_string())?;
        let last_change = table.preceding(jiff::Timestamp::MAX).next().map(|change| change.timestamp());
        // Two days of margin keep both sides of the change in the slow way; a zone that still
        // changes its clocks has its last change in the year 9999, and so always goes that way.
        let since = last_change.map_or(i64::MIN, |at| at.as_second() + 2 * 86_400);
        let fixed = (since, table.to_offset(jiff::Timestamp::MAX));
        Ok(Self { zone, fixed })
    }

    fn instant_of(&self, local: DateTime) -> Option<UtcMicros> {
        let (since, offset) = self.fixed;
        match offset.to_timestamp(local) {
            Ok(stamp) if stamp.as_second() >= since => Some(UtcMicros(stamp.as_microsecond())),
            _ => self.zone.instant_of(local),
        }
    }
}

/// The items of a pattern that is read here; none where jiff must.
fn own_items(pattern: &str) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => match chars.next()? {
                'Y' => items.push(Item::Year),
                'y' => items.push(Item::ShortYear),
                'm' => items.push(Item::Month),
                'd' | 'e' => items.push(Item::Day),
                'H' | 'k' => items.push(Item::Hour),
                'I' | 'l' => items.push(Item::Hour12),
                'p' | 'P' => items.push(Item::HalfDay),
                'M' => items.push(Item::Minute),
                'S' => items.push(Item::Second),
                'f' => items.push(Item::Fraction { dot: false }),
                '.' if chars.next()? == 'f' => items.push(Item::Fraction { dot: true }),
                'z' => items.push(Item::Offset),
                'F' => {
                    let dash = Item::Char('-');
                    items.extend([Item::Year, dash, Item::Month, dash, Item::Day]);
                }
                'T' => {
                    let colon = Item::Char(':');
                    items.extend([Item::Hour, colon, Item::Minute, colon, Item::Second]);
                }
                'R' => items.extend([Item::Hour, Item::Char(':'), Item::Minute]),
                '%' => items.push(Item::Char('%')),
                _ => return None,
            },
            c if c.is_whitespace() => items.push(Item::Space),
            c => items.push(Item::Char(c)),
        }
    }
    // A half day and its hour only make sense together.
    (items.contains(&Item::HalfDay) == items.contains(&Item::Hour12)).then_some(items)
}

/// What was read of a text so far.
struct Rest<'a> {
    bytes: &'a [u8],
}

impl Rest<'_> {
    /// A number of 1 to `width` digits.
    #[inline]
    fn number(&mut self, width: usize) -> Option<i16> {
        let mut value = 0_i16;
        let mut len = 0;
        while len < width
            && let Some(digit) = self.bytes.get(len).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10)
        {
            value = value * 10 + i16::from(digit);
            len += 1;
        }
        self.bytes = &self.bytes[len..];
        (len > 0).then_some(value)
    }

    #[inline]
    fn eat(&mut self, prefix: &[u8]) -> bool {
        match self.bytes.strip_prefix(prefix) {
            Some(rest) => {
                self.bytes = rest;
                true
            }
            None => false,
        }
    }

    fn spaces(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.bytes {
            self.bytes = rest;
        }
    }

    /// A fraction in nanoseconds; digits beyond the ninth are cut.
    fn fraction(&mut self) -> Option<i32> {
        let len = self.bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        let used = &digits[..len.min(9)];
        let value = used.iter().fold(0_i32, |n, b| n * 10 + i32::from(b - b'0'));
        (len > 0).then(|| value * 10_i32.pow(u32::try_from(9 - used.len()).unwrap_or(0)))
    }

    fn offset(&mut self) -> Option<Offset> {
        if self.eat(b"Z") || self.eat(b"z") {
            return Some(Offset::UTC);
        }
        let sign = match self.bytes.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.bytes = &self.bytes[1..];
        let hours = i32::from(self.number(2)?);
        self.eat(b":");
        let minutes = i32::from(self.number(2)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
    }

    fn half_day(&mut self) -> Option<bool> {
        for (word, afternoon) in
            [("AM", false), ("PM", true), ("am", false), ("pm", true), ("午前", false), ("午後", true)]
        {
            if self.eat(word.as_bytes()) {
                return Some(afternoon);
            }
        }
        None
    }
}

fn read_items(items: &[Item], text: &str) -> Option<(DateTime, Option<Offset>)> {
    let mut rest = Rest { bytes: text.as_bytes() };
    let (mut year, mut month, mut day) = (None, None, None);
    let (mut hour, mut minute, mut second, mut nanos) = (None, None, 0, 0);
    let (mut afternoon, mut offset) = (None, None);
    for item in items {
        match *item {
            Item::Char(c) => {
                let mut buffer = [0; 4];
                if !rest.eat(c.encode_utf8(&mut buffer).as_bytes()) {
                    return None;
                }
            }
            Item::Space => rest.spaces(),
            Item::Year => {
                let before = rest.bytes.len();
                year = Some(rest.number(4)?);
                // Two digits would be taken for the first century.
                if before - rest.bytes.len() != 4 {
                    return None;
                }
            }
            Item::ShortYear => {
                let short = rest.number(2)?;
                year = Some(if short < 69 { 2000 + short } else { 1900 + short });
            }
            Item::Month => month = Some(rest.number(2)?),
            Item::Day => day = Some(rest.padded()?),
            Item::Hour | Item::Hour12 => hour = Some(rest.padded()?),
            Item::HalfDay => afternoon = Some(rest.half_day()?),
            Item::Minute => minute = Some(rest.number(2)?),
            Item::Second => second = rest.number(2)?,
            Item::Fraction { dot: false } => nanos = rest.fraction()?,
            Item::Fraction { dot: true } => {
                if rest.eat(b".") {
                    nanos = rest.fraction()?;
                }
            }
            Item::Offset => offset = Some(rest.offset()?),
        }
    }
    if !rest.bytes.is_empty() {
        return None;
    }
    let mut hour = hour?;
    if let Some(afternoon) = afternoon {
        // 午後0時 and 12 PM are the same hour.
        if hour > 12 {
            return None;
        }
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    if second == 60 {
        // A leap second is taken as the last microsecond before it would be.
        (second, nanos) = (59, 999_999_000);
    }
    let small = |n: i16| i8::try_from(n).ok();
    let local =
        DateTime::new(year?, small(month?)?, small(day?)?, small(hour)?, small(minute?)?, small(second)?, nanos)
            .ok()?;
    Some((local, offset))
}

impl Rest<'_> {
    /// A number of two places that may be padded with a space.
    #[inline]
    fn padded(&mut self) -> Option<i16> {
        self.spaces();
        self.number(2)
    }
}
