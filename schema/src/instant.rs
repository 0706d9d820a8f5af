//! Instants, spans and durations.
//!
//! An instant is an `i64` count of microseconds since 1970-01-01T00:00:00Z; spans are half
//! open `[start, end)`. Wire and file texts are RFC 3339 with an offset; shown times are in
//! the site's zone.

use std::fmt;

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UtcMicros(pub i64);

/// A length of time in microseconds; never negative where it is read from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DurationUs(pub i64);

/// Earliest and latest instants that a text may name: years 1 to 9999.
const MIN_SECOND: i64 = -62_135_596_800;
const MAX_SECOND: i64 = 253_402_300_799;

/// Device times before this are those of a clock that was never set (1970, 1980, 2000-01-01).
pub const CLOCK_UNSET_BEFORE: UtcMicros = UtcMicros(946_771_200_000_000);

impl UtcMicros {
    /// Before everything: the start of a validity without a beginning.
    pub const MIN: Self = Self(i64::MIN / 4);
    /// After everything: the end of what is still open.
    pub const MAX: Self = Self(i64::MAX / 4);

    /// Reads RFC 3339 with an offset (`Z`, `+09:00`), to the microsecond; digits beyond are cut.
    ///
    /// # Errors
    /// A sentence naming the text and what was expected.
    pub fn parse_rfc3339(text: &str) -> Result<Self, String> {
        parse_rfc3339(text)
            .ok_or_else(|| format!("{text:?} is no RFC 3339 time with an offset, like 2026-11-22T09:00:00+09:00"))
    }

    /// Writes RFC 3339 in UTC with `Z`; a fraction only where there is one.
    #[must_use]
    pub fn to_rfc3339_utc(self) -> String {
        let mut out = String::with_capacity(27);
        write_rfc3339(&mut out, self, 0);
        out
    }

    /// This instant moved by `by`, clamped to `MIN..=MAX`.
    #[must_use]
    pub fn plus(self, by: DurationUs) -> Self {
        Self(self.0.saturating_add(by.0).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// This instant moved back by `by`, clamped to `MIN..=MAX`.
    #[must_use]
    pub fn minus(self, by: DurationUs) -> Self {
        Self(self.0.saturating_sub(by.0).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The length from `earlier` to this; negative when this is before it.
    #[must_use]
    pub fn since(self, earlier: Self) -> DurationUs {
        DurationUs(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for UtcMicros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339_utc())
    }
}

impl Serialize for UtcMicros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339_utc())
    }
}

impl<'de> Deserialize<'de> for UtcMicros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = UtcMicros;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time with an offset, like 2026-11-22T09:00:00+09:00")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<UtcMicros, E> {
                UtcMicros::parse_rfc3339(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl schemars::JsonSchema for UtcMicros {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 with an offset; kept to the microsecond."
        })
    }
}

impl DurationUs {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A length of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// Reads `"500ms"`, `"60s"`, `"5m"`, `"16h"`, `"90d"`.
    ///
    /// # Errors
    /// A sentence naming the text and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no duration like \"500ms\", \"60s\", \"5m\", \"16h\" or \"90d\"");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = text[..digits].parse().map_err(|_| wrong())?;
        let unit: i64 = match &text[digits..] {
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" | "min" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => return Err(wrong()),
        };
        // A century is longer than any rule; more is a slip of the pen.
        match number.checked_mul(unit) {
            Some(us) if us <= 36_525 * 86_400_000_000 => Ok(Self(us)),
            _ => Err(wrong()),
        }
    }

    /// The same length as a short text with the largest unit that divides it.
    #[must_use]
    pub fn to_text(self) -> String {
        for (unit, name) in [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s")] {
            if self.0 != 0 && self.0 % unit == 0 {
                return format!("{}{name}", self.0 / unit);
            }
        }
        format!("{}ms", self.0 / 1_000)
    }
}

impl Serialize for DurationUs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for DurationUs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A stretch of time `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first instant inside.
    pub start: UtcMicros,
    /// The first instant after it; `UtcMicros::MAX` while open.
    pub end: UtcMicros,
}

impl Span {
    /// The span from `start` to `end`.
    #[must_use]
    pub const fn new(start: UtcMicros, end: UtcMicros) -> Self {
        Self { start, end }
    }

    /// Whether no instant lies inside.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn contains(self, at: UtcMicros) -> bool {
        self.start <= at && at < self.end
    }

    /// What both spans share; empty where they don't meet.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Its length.
    #[must_use]
    pub fn length(self) -> DurationUs {
        self.end.since(self.start)
    }
}

/// The time zone in which a site shows and reads local times.
#[derive(Debug, Clone)]
pub struct SiteZone {
    pub(crate) zone: TimeZone,
    name: String,
    fixed_offset_s: Option<i32>,
}

impl SiteZone {
    /// Looks a zone up by its IANA name, `"Asia/Tokyo"`.
    ///
    /// # Errors
    /// A sentence naming the text.
    pub fn named(name: &str) -> Result<Self, String> {
        let zone = TimeZone::get(name).map_err(|_| format!("{name:?} is no IANA time zone, like \"Asia/Tokyo\""))?;
        // Japan keeps +09:00 since 1951; a fixed offset spares a table look-up a row.
        let fixed_offset_s = match name {
            "Asia/Tokyo" | "Japan" => Some(9 * 3600),
            "UTC" | "Etc/UTC" => Some(0),
            _ => None,
        };
        Ok(Self { zone, name: name.to_owned(), fixed_offset_s })
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The offset from UTC at `at`, in seconds.
    #[must_use]
    pub fn offset_s(&self, at: UtcMicros) -> i32 {
        const TOKYO_FIXED_SINCE: i64 = -568_024_668; // the last summer time ended in 1951
        match self.fixed_offset_s {
            Some(offset) if at.0 / 1_000_000 > TOKYO_FIXED_SINCE || offset == 0 => offset,
            _ => jiff::Timestamp::from_microsecond(at.0).map_or(0, |t| self.zone.to_offset(t).seconds()),
        }
    }

    /// Appends RFC 3339 in this zone; a fraction only where there is one.
    pub fn write_rfc3339(&self, out: &mut String, at: UtcMicros) {
        write_rfc3339(out, at, self.offset_s(at));
    }

    /// RFC 3339 in this zone.
    #[must_use]
    pub fn rfc3339(&self, at: UtcMicros) -> String {
        let mut out = String::with_capacity(32);
        self.write_rfc3339(&mut out, at);
        out
    }

    /// For people: `2026-11-22 09:00:00` in this zone, whole seconds.
    #[must_use]
    pub fn shown(&self, at: UtcMicros) -> String {
        let mut text = self.rfc3339(UtcMicros(at.0.div_euclid(1_000_000) * 1_000_000));
        text.truncate(19);
        text.replace('T', " ")
    }

    /// The instant of a local wall time; an ambiguous or skipped one takes the earlier offset.
    #[must_use]
    pub fn instant_of(&self, local: jiff::civil::DateTime) -> Option<UtcMicros> {
        let stamp = self.zone.to_ambiguous_timestamp(local).earlier().ok()?;
        Some(UtcMicros(stamp.as_microsecond()))
    }

    /// 00:00 of the local day that holds `at`.
    #[must_use]
    pub fn start_of_day(&self, at: UtcMicros) -> UtcMicros {
        let offset = i64::from(self.offset_s(at)) * 1_000_000;
        let local = at.0 + offset;
        UtcMicros(local - local.rem_euclid(86_400_000_000) - offset)
    }
}

/// Days from 1970-01-01 to a civil date (proleptic Gregorian).
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// The civil date of a day count; the inverse of `days_from_civil`.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

fn parse_rfc3339(text: &str) -> Option<UtcMicros> {
    let b = text.as_bytes();
    if b.len() < 20 || b.len() > 40 {
        return None;
    }
    if b[4] != b'-' || b[7] != b'-' || !matches!(b[10], b'T' | b't' | b' ') || b[13] != b':' || b[16] != b':' {
        return None;
    }
    let (year, month, day) = (digits(&b[0..4])?, digits(&b[5..7])?, digits(&b[8..10])?);
    let (hour, minute, second) = (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let last_day = *month_days.get(usize::try_from(month - 1).ok()?)?;
    // A leap second is taken as the last microsecond before it would be.
    if !(1..=last_day).contains(&day) || hour > 23 || minute > 59 || second > 60 || year == 0 {
        return None;
    }
    let mut at = 19;
    let mut micros = 0;
    if b[at] == b'.' {
        let from = at + 1;
        let len = b[from..].iter().take_while(|c| c.is_ascii_digit()).count();
        if len == 0 {
            return None;
        }
        micros = digits(&b[from..from + len.min(6)])? * 10_i64.pow(6 - u32::try_from(len.min(6)).ok()?);
        at = from + len;
    }
    let offset = match b.get(at)? {
        b'Z' | b'z' if b.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if b.len() == at + 6 && b[at + 3] == b':' => {
            let (h, m) = (digits(&b[at + 1..at + 3])?, digits(&b[at + 4..at + 6])?);
            if h > 23 || m > 59 {
                return None;
            }
            let s = h * 3600 + m * 60;
            if *sign == b'-' { -s } else { s }
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second.min(59) - offset;
    if second == 60 {
        micros = 999_999;
    }
    Some(UtcMicros(seconds * 1_000_000 + micros))
}

/// A short ASCII text that is put together: no instant is longer.
struct Ascii {
    bytes: [u8; 40],
    len: usize,
}

impl Ascii {
    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn padded(&mut self, number: i64, width: usize) {
        let mut rest = number;
        for byte in self.bytes[self.len..self.len + width].iter_mut().rev() {
            *byte = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        self.len += width;
    }
}

fn write_rfc3339(out: &mut String, at: UtcMicros, offset_s: i32) {
    let local = at.0.div_euclid(1_000_000) + i64::from(offset_s);
    let local = local.clamp(MIN_SECOND, MAX_SECOND);
    let micros = at.0.rem_euclid(1_000_000);
    let (year, month, day) = civil_from_days(local.div_euclid(86_400));
    let second = local.rem_euclid(86_400);
    let mut text = Ascii { bytes: [0; 40], len: 0 };
    text.padded(year, 4);
    text.byte(b'-');
    text.padded(month, 2);
    text.byte(b'-');
    text.padded(day, 2);
    text.byte(b'T');
    text.padded(second / 3600, 2);
    text.byte(b':');
    text.padded(second / 60 % 60, 2);
    text.byte(b':');
    text.padded(second % 60, 2);
    if micros != 0 {
        text.byte(b'.');
        text.padded(micros, 6);
        while text.bytes[text.len - 1] == b'0' {
            text.len -= 1;
        }
    }
    if offset_s == 0 {
        text.byte(b'Z');
    } else {
        let minutes = i64::from(offset_s.abs()) / 60;
        text.byte(if offset_s < 0 { b'-' } else { b'+' });
        text.padded(minutes / 60, 2);
        text.byte(b':');
        text.padded(minutes % 60, 2);
    }
    out.push_str(std::str::from_utf8(&text.bytes[..text.len]).expect("digits and signs are ASCII"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_texts_name_the_same_instant_in_every_offset() {
        let nine_in_tokyo = UtcMicros::parse_rfc3339("2026-11-22T09:00:00+09:00").unwrap();
        assert_eq!(nine_in_tokyo, UtcMicros::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
        assert_eq!(nine_in_tokyo.to_rfc3339_utc(), "2026-11-22T00:00:00Z");
        let tokyo = SiteZone::named("Asia/Tokyo").unwrap();
        assert_eq!(tokyo.rfc3339(nine_in_tokyo), "2026-11-22T09:00:00+09:00");
        assert_eq!(tokyo.shown(nine_in_tokyo), "2026-11-22 09:00:00");
    }

    #[test]
    fn times_without_offset_or_with_impossible_dates_are_refused() {
        for wrong in [
            "2026-11-22T09:00:00",
            "2026-02-30T00:00:00Z",
            "2026-11-22",
            "",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T09:00:00.Z",
            "2026-11-22T09:00:00+9:00",
        ] {
            assert!(UtcMicros::parse_rfc3339(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fractions_are_kept_to_the_microsecond() {
        let at = UtcMicros::parse_rfc3339("1969-12-31T23:59:59.1234567Z").unwrap();
        assert_eq!(at.0, -876_544);
        assert_eq!(at.to_rfc3339_utc(), "1969-12-31T23:59:59.123456Z");
    }

    #[test]
    fn zones_with_summer_time_change_their_offset() {
        let berlin = SiteZone::named("Europe/Berlin").unwrap();
        let july = UtcMicros::parse_rfc3339("2026-07-01T00:00:00Z").unwrap();
        assert_eq!(berlin.rfc3339(july), "2026-07-01T02:00:00+02:00");
    }

    #[test]
    fn durations_read_and_write_back() {
        for text in ["500ms", "60s", "5m", "16h", "90d"] {
            let d = DurationUs::parse(text).unwrap();
            assert_eq!(DurationUs::parse(&d.to_text()).unwrap(), d);
        }
        for wrong in ["", "s", "-5s", "5", "5 s", "999999999999d", "1.5h"] {
            assert!(DurationUs::parse(wrong).is_err(), "{wrong}");
        }
    }
}
