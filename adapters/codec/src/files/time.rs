//! The ways in which a text names an instant.

use std::borrow::Cow;

use kukaku_schema::UtcMicros;

use super::strf::Pattern;

/// Seconds of the years 1 to 9999: what RFC 3339 can write.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// How a time field is written.
#[derive(Debug, Clone)]
pub(crate) enum TimeFormat {
    /// RFC 3339 with an offset.
    Rfc3339,
    /// Seconds since 1970, with or without a fraction.
    UnixSeconds,
    /// Milliseconds since 1970, with or without a fraction.
    UnixMillis,
    /// Microseconds since 1970.
    UnixMicros,
    /// Nanoseconds since 1970; what is below a microsecond is cut.
    UnixNanos,
    /// One of the four above; the number of digits says which.
    UnixAny,
    /// A strftime pattern.
    Pattern(Box<Pattern>),
}

impl TimeFormat {
    /// Reads `format` and `zone` of a rule; without `format` it is RFC 3339.
    pub(crate) fn new(format: Option<&str>, zone: Option<&str>) -> Result<Self, String> {
        let plain = match format.unwrap_or("rfc3339") {
            "rfc3339" => Self::Rfc3339,
            "unix_s" => Self::UnixSeconds,
            "unix_ms" => Self::UnixMillis,
            "unix_us" => Self::UnixMicros,
            "unix_ns" => Self::UnixNanos,
            "unix_auto" => Self::UnixAny,
            pattern => return Ok(Self::Pattern(Box::new(Pattern::new(pattern, zone)?))),
        };
        match zone {
            None => Ok(plain),
            Some(_) => Err("`zone` belongs to a strftime pattern; this format names its own offset".to_owned()),
        }
    }

    /// The instant that `text` names.
    pub(crate) fn instant(&self, text: &str) -> Result<UtcMicros, String> {
        let narrow = narrowed(text);
        let instant = match self {
            Self::Rfc3339 => UtcMicros::parse_rfc3339(&narrow)?,
            Self::UnixSeconds => {
                scaled(&narrow, 6).ok_or_else(|| format!("{text:?} is no count of seconds since 1970"))?
            }
            Self::UnixMillis => {
                scaled(&narrow, 3).ok_or_else(|| format!("{text:?} is no count of milliseconds since 1970"))?
            }
            Self::UnixMicros => {
                count(&narrow, 1).ok_or_else(|| format!("{text:?} is no count of microseconds since 1970"))?
            }
            Self::UnixNanos => {
                count(&narrow, 1_000).ok_or_else(|| format!("{text:?} is no count of nanoseconds since 1970"))?
            }
            Self::UnixAny => any_count(&narrow).ok_or_else(|| format!("{text:?} is no count since 1970"))?,
            Self::Pattern(pattern) => pattern
                .instant(&narrow)
                .ok_or_else(|| format!("{text:?} is no time of the form {:?}", pattern.text()))?,
        };
        if SECONDS.contains(&instant.0.div_euclid(1_000_000)) {
            Ok(instant)
        } else {
            Err(format!("{text:?} lies outside the years 1 to 9999"))
        }
    }
}

/// A whole number of `parts` of a microsecond.
fn count(text: &str, parts: i64) -> Option<UtcMicros> {
    text.parse::<i64>().ok().map(|number| UtcMicros(number.div_euclid(parts)))
}

/// A count since 1970 in the unit that its length speaks for: ten digits are seconds until 2286.
fn any_count(text: &str) -> Option<UtcMicros> {
    match text.trim_start_matches('-').bytes().take_while(u8::is_ascii_digit).count() {
        0..=11 => scaled(text, 6),
        12..=14 => scaled(text, 3),
        15..=17 => count(text, 1),
        _ => count(text, 1_000),
    }
}

/// A decimal number times `10^places`, in microseconds; digits beyond are cut.
fn scaled(text: &str, places: usize) -> Option<UtcMicros> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    // 18 digits always fit into an i64 before they are scaled.
    let mut value = 0_i64;
    let mut whole_len = 0;
    while whole_len < 19
        && let Some(digit) = digits.get(whole_len).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10)
    {
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        whole_len += 1;
    }
    if whole_len == 0 || whole_len > 18 {
        return None;
    }
    value = value.checked_mul(if places == 3 { 1_000 } else { 1_000_000 })?;
    let fraction = match &digits[whole_len..] {
        [] => return Some(UtcMicros(if negative { -value } else { value })),
        [b'.', fraction @ ..] if !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit) => fraction,
        _ => return None,
    };
    let digit = |n: i64, b: &u8| n * 10 + i64::from(b - b'0');
    let used = &fraction[..fraction.len().min(places)];
    let part = used.iter().fold(0, digit) * 10_i64.pow(u32::try_from(places - used.len()).ok()?);
    let micros = value.checked_add(part)?;
    Some(UtcMicros(if negative { -micros } else { micros }))
}

/// The text with full-width letters, digits and signs made ASCII: `２０２６／１１` is `2026/11`.
pub(crate) fn narrowed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(narrow_char).collect())
}

/// One character made ASCII where it is the full-width form of one.
pub(crate) fn narrow_char(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        other => other,
    }
}
