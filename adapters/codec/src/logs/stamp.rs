//! The times that stand in front of log lines.

use jiff::civil::DateTime;
use kukaku_schema::{SiteZone, UtcMicros};

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Reads the time that `text` begins with, and says how many bytes it takes.
///
/// Known are RFC 3339, `2026-11-22 09:00:00` and `2026/11/22 09:00:00` with or without a fraction
/// and an offset, `Nov 22 09:00:00`, `Nov 22 2026 09:00:00` and `Sun Nov 22 09:00:00 2026`. A time
/// without an offset is in `zone`. A time without a year is in the year that brings it nearest to
/// `received`: a line of 31 December that comes on 1 January is of the old year.
pub(crate) fn read(text: &str, received: UtcMicros, zone: &SiteZone) -> Option<(UtcMicros, usize)> {
    let mut rest = Rest { bytes: text.as_bytes(), at: 0 };
    let digit = rest.peek()?.is_ascii_digit();
    let instant = if digit { rest.dated(zone)? } else { rest.named(received, zone)? };
    // A time that goes on in letters or digits was none.
    match rest.peek() {
        Some(b) if b.is_ascii_alphanumeric() => None,
        _ => Some((instant, rest.at)),
    }
}

struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Rest<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn blanks(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn number(&mut self, most: usize) -> Option<i16> {
        let from = self.at;
        let mut value = 0;
        while self.at - from < most
            && let Some(digit) = self.peek().map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10)
        {
            value = value * 10 + i16::from(digit);
            self.at += 1;
        }
        (self.at > from).then_some(value)
    }

    fn year(&mut self) -> Option<i16> {
        let from = self.at;
        self.number(4).filter(|_| self.at - from == 4)
    }

    fn month(&mut self) -> Option<i16> {
        let word = self.bytes.get(self.at..self.at + 3)?;
        let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(word))?;
        self.at += 3;
        i16::try_from(month + 1).ok()
    }

    /// Hour, minute, second and nanoseconds.
    fn clock(&mut self) -> Option<[i32; 4]> {
        let hour = self.number(2)?;
        self.eat(b':')?;
        let minute = self.number(2)?;
        self.eat(b':')?;
        let second = self.number(2)?;
        let mut nanos = 0;
        if matches!(self.peek(), Some(b'.' | b',')) && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
            let mut unit = 100_000_000;
            while let Some(digit) = self.peek().map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
                nanos += i32::from(digit) * unit;
                unit /= 10;
                self.at += 1;
            }
        }
        Some([i32::from(hour), i32::from(minute), i32::from(second), nanos])
    }

    /// An offset in seconds, where one stands here.
    fn offset(&mut self) -> Option<i32> {
        let from = self.at;
        let offset = match self.peek()? {
            b'Z' | b'z' => {
                self.at += 1;
                Some(0)
            }
            sign @ (b'+' | b'-') => {
                self.at += 1;
                let hours = self.number(2);
                let _ = self.eat(b':');
                let minutes = self.number(2);
                match (hours, minutes) {
                    (Some(hours @ 0..=23), Some(minutes @ 0..=59)) => {
                        let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
                        Some(if sign == b'-' { -seconds } else { seconds })
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        if offset.is_none() {
            self.at = from;
        }
        offset
    }

    /// `2026-11-22T09:00:00+09:00` and its kin.
    fn dated(&mut self, zone: &SiteZone) -> Option<UtcMicros> {
        let year = self.year()?;
        let between = self.peek().filter(|b| matches!(b, b'-' | b'/'))?;
        self.at += 1;
        let month = self.number(2)?;
        self.eat(between)?;
        let day = self.number(2)?;
        if !matches!(self.peek(), Some(b'T' | b't' | b' ')) {
            return None;
        }
        self.at += 1;
        let clock = self.clock()?;
        let local = civil(year, month, day, clock)?;
        match self.offset() {
            Some(offset) => {
                let utc = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond();
                Some(UtcMicros(utc - i64::from(offset) * 1_000_000))
            }
            None => zone.instant_of(local),
        }
    }

    /// `Nov 22 09:00:00` and its kin.
    fn named(&mut self, received: UtcMicros, zone: &SiteZone) -> Option<UtcMicros> {
        // Cisco marks a clock that is not synchronised.
        if matches!(self.peek(), Some(b'*' | b'.')) {
            self.at += 1;
        }
        if let Some(word) = self.bytes.get(self.at..self.at + 4)
            && word[3] == b' '
            && [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"].contains(&&[word[0], word[1], word[2]])
        {
            self.at += 4;
        }
        let month = self.month()?;
        self.blanks()?;
        let day = self.number(2)?;
        self.blanks()?;
        let before = self.at;
        let mut year = self.year().filter(|_| self.blanks().is_some());
        if year.is_none() {
            self.at = before;
        }
        let clock = self.clock()?;
        let behind = self.at;
        if year.is_none() {
            year = self.blanks().and_then(|()| self.year()).filter(|_| self.peek().is_none_or(|b| b == b' '));
            if year.is_none() {
                self.at = behind;
            }
        }
        match year {
            Some(year) => zone.instant_of(civil(year, month, day, clock)?),
            None => nearest(month, day, clock, received, zone),
        }
    }
}

fn nearest(month: i16, day: i16, clock: [i32; 4], received: UtcMicros, zone: &SiteZone) -> Option<UtcMicros> {
    let now = jiff::Timestamp::from_microsecond(received.0).ok()?;
    let year = jiff::tz::Offset::UTC.to_datetime(now).year();
    // 29 February is no date in most years, so each year is asked for itself.
    (-4..=4)
        .filter_map(|step| zone.instant_of(civil(year.checked_add(step)?, month, day, clock)?))
        .min_by_key(|at| at.since(received).0.unsigned_abs())
}

fn civil(year: i16, month: i16, day: i16, [hour, minute, second, nanos]: [i32; 4]) -> Option<DateTime> {
    // A leap second is taken as the last microsecond before it would be.
    let (second, nanos) = if second == 60 { (59, 999_999_000) } else { (second, nanos) };
    let small = |n: i32| i8::try_from(n).ok();
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    DateTime::new(year, month, day, small(hour)?, small(minute)?, small(second)?, nanos).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read_at(text: &str, received: &str) -> Option<String> {
        let zone = SiteZone::named("Asia/Tokyo").unwrap();
        read(text, UtcMicros::parse_rfc3339(received).unwrap(), &zone).map(|(at, _)| zone.rfc3339(at))
    }

    #[test]
    fn a_line_of_the_old_year_that_comes_in_the_new_one_stays_in_the_old_one() {
        let new_year = "2027-01-01T00:00:05+09:00";
        assert_eq!(read_at("Dec 31 23:59:58 gw", new_year).unwrap(), "2026-12-31T23:59:58+09:00");
        assert_eq!(read_at("Jan  1 00:00:03 gw", "2026-12-31T23:59:59+09:00").unwrap(), "2027-01-01T00:00:03+09:00");
        assert_eq!(read_at("Feb 29 08:00:00 gw", "2027-01-01T00:00:00+09:00").unwrap(), "2028-02-29T08:00:00+09:00");
    }

    #[test]
    fn every_form_that_devices_write_is_read() {
        let now = "2026-11-22T12:00:00+09:00";
        for (text, wanted) in [
            ("2026-11-22T09:00:00.25+09:00 x", "2026-11-22T09:00:00.25+09:00"),
            ("2026-11-22T00:00:00Z", "2026-11-22T09:00:00+09:00"),
            ("1980/01/01 09:02:49: IP Tunnel[1] Up", "1980-01-01T09:02:49+09:00"),
            ("2026-11-22 09:00:00 client", "2026-11-22T09:00:00+09:00"),
            ("Nov 22 2026 09:00:00: %ASA", "2026-11-22T09:00:00+09:00"),
            ("*Nov 22 09:00:00.123: %SEC", "2026-11-22T09:00:00.123+09:00"),
            ("Sun Nov 22 09:00:00 2026 us=1", "2026-11-22T09:00:00+09:00"),
            ("Nov  2 09:00:00 2001:db8::1 x", "2026-11-02T09:00:00+09:00"),
        ] {
            assert_eq!(read_at(text, now).as_deref(), Some(wanted), "{text}");
        }
        for text in ["", "Nov", "Nov 31 09:00:00", "2026-13-01 00:00:00", "no time", "2026-11-22", "Nov 22 25:00:00"] {
            assert_eq!(read_at(text, now), None, "{text}");
        }
    }
}
