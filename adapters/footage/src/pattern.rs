//! How a recorder names its files: a strftime-like pattern, read backwards.
//!
//! Pure. A name either fits from the first character to the last, or is another program's file.

use jiff::civil::{Date, DateTime, Time};
use kukaku_schema::{DurationUs, Name, SiteZone, UtcMicros};

/// Longest pattern in bytes.
const PATTERN_MAX_BYTES: usize = 500;

/// Most parts (folders and the file) of a pattern.
const PARTS_MAX: usize = 16;

/// A pattern, read.
#[derive(Debug, Clone)]
pub struct Pattern {
    parts: Vec<Vec<Token>>,
    zone: SiteZone,
    resolution: DurationUs,
}

/// What a name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The camera, where the pattern has `{camera}`.
    pub camera: Option<Name>,
    /// The segment's start.
    pub start: UtcMicros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Literal(char),
    Field(Field),
    Camera,
    Any,
}

/// A field of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Fraction,
    Unix,
}

impl Field {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'Y' => Self::Year,
            'm' => Self::Month,
            'd' => Self::Day,
            'j' => Self::DayOfYear,
            'H' => Self::Hour,
            'M' => Self::Minute,
            'S' => Self::Second,
            'f' => Self::Fraction,
            's' => Self::Unix,
            _ => return None,
        })
    }

    /// Least and most digits.
    fn digits(self) -> (usize, usize) {
        match self {
            Self::Year => (4, 4),
            Self::DayOfYear => (3, 3),
            Self::Fraction => (1, 9),
            Self::Unix => (1, 12),
            _ => (2, 2),
        }
    }
}

/// What was read of a name so far.
#[derive(Debug, Clone, Default)]
struct Found {
    values: [Option<i64>; 9],
    camera: Option<String>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str, zone: SiteZone) -> Result<Self, String> {
        let pattern = Self::parse_daily(text, zone)?;
        if pattern.resolution > DurationUs::from_secs(3600) {
            return Err(format!("{text:?} needs a whole date and an hour (%Y %m %d %H), or %s"));
        }
        Ok(pattern)
    }

    /// The same for files that hold a whole day: their names need no hour.
    ///
    /// # Errors
    /// As `parse`.
    pub fn parse_daily(text: &str, zone: SiteZone) -> Result<Self, String> {
        if text.is_empty() || text.len() > PATTERN_MAX_BYTES || text.starts_with('/') {
            return Err(format!("{text:?} must be a path below the root of 1 to {PATTERN_MAX_BYTES} bytes"));
        }
        let parts: Vec<Vec<Token>> = text.split('/').map(tokens).collect::<Result<_, _>>()?;
        if parts.len() > PARTS_MAX || parts.iter().any(Vec::is_empty) {
            return Err(format!("{text:?} has an empty part or more than {PARTS_MAX}"));
        }
        let has = |field| parts.iter().flatten().any(|token| *token == Token::Field(field));
        let dated = has(Field::Year) && ((has(Field::Month) && has(Field::Day)) || has(Field::DayOfYear));
        let finer = has(Field::Minute) || has(Field::Second);
        if !has(Field::Unix) && (!dated || (finer && !has(Field::Hour))) {
            return Err(format!("{text:?} needs a whole date (%Y %m %d), with %H before %M and %S, or %s"));
        }
        let resolution = if has(Field::Unix) || has(Field::Second) {
            DurationUs::from_secs(1)
        } else if has(Field::Minute) {
            DurationUs::from_secs(60)
        } else if has(Field::Hour) {
            DurationUs::from_secs(3600)
        } else {
            DurationUs::from_secs(86_400)
        };
        if parts.iter().flatten().filter(|token| **token == Token::Camera).count() > 1 {
            return Err(format!("{text:?} names {{camera}} more than once"));
        }
        Ok(Self { parts, zone, resolution })
    }

    /// Whether names say which camera it is.
    #[must_use]
    pub fn names_camera(&self) -> bool {
        self.parts.iter().flatten().any(|token| *token == Token::Camera)
    }

    /// How many parts (folders and the file) a path has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.parts.len()
    }

    /// What a name leaves open: a name with whole minutes can start anywhere within one.
    #[must_use]
    pub fn resolution(&self) -> DurationUs {
        self.resolution
    }

    /// Whether a folder or file name fits that part of the pattern.
    #[must_use]
    pub fn fits_part(&self, part: usize, name: &str) -> bool {
        self.parts.get(part).is_some_and(|tokens| fits(tokens, name, &mut Found::default()))
    }

    /// Reads a path below the root; `None` where it is no file of this recorder.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Named> {
        let mut found = Found::default();
        let mut names = path.split('/');
        for tokens in &self.parts {
            if !fits(tokens, names.next()?, &mut found) {
                return None;
            }
        }
        if names.next().is_some() {
            return None;
        }
        let camera = match found.camera.take() {
            Some(text) => Some(Name::new(text).ok()?),
            None => None,
        };
        Some(Named { camera, start: self.instant(&found)? })
    }

    fn instant(&self, found: &Found) -> Option<UtcMicros> {
        let value = |field: Field| found.values[field as usize];
        let fraction_us = value(Field::Fraction).unwrap_or(0);
        if let Some(unix_s) = value(Field::Unix) {
            return Some(UtcMicros(unix_s * 1_000_000 + fraction_us));
        }
        let small = |field, default: i64| i8::try_from(value(field).unwrap_or(default)).ok();
        let year = i16::try_from(value(Field::Year)?).ok()?;
        let date = match value(Field::DayOfYear) {
            Some(day) => {
                // `with().day_of_year` refuses day 366 of a short year.
                Date::new(year, 1, 1).ok()?.with().day_of_year(i16::try_from(day).ok()?).build().ok()?
            }
            None => Date::new(year, small(Field::Month, 1)?, small(Field::Day, 1)?).ok()?,
        };
        // A leap second in a name is the second before it.
        let second = small(Field::Second, 0)?.min(59);
        let time = Time::new(small(Field::Hour, 0)?, small(Field::Minute, 0)?, second, 0).ok()?;
        let whole = self.zone.instant_of(DateTime::from_parts(date, time))?;
        Some(UtcMicros(whole.0 + fraction_us))
    }
}

fn tokens(part: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("{camera}") {
            (rest, _) = (after, out.push(Token::Camera));
        } else if let Some(after) = rest.strip_prefix("{any}") {
            (rest, _) = (after, out.push(Token::Any));
        } else if c == '%' {
            let letter = rest[1..].chars().next().ok_or_else(|| format!("{part:?} ends in a lone %"))?;
            out.push(match (letter, Field::of(letter)) {
                ('%', _) => Token::Literal('%'),
                (_, Some(field)) => Token::Field(field),
                (_, None) => {
                    return Err(format!("{part:?}: %{letter} is none of %Y %m %d %j %H %M %S %f %s %%"));
                }
            });
            rest = &rest[1 + letter.len_utf8()..];
        } else if c == '{' || c == '}' || c == '\\' || c.is_control() {
            return Err(format!("{part:?}: {c:?} has no place in a pattern; placeholders are {{camera}} and {{any}}"));
        } else {
            out.push(Token::Literal(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    if part == "." || part == ".." {
        return Err("a pattern can't leave its folder".to_owned());
    }
    // One open end a part: reading stays a single pass over the name.
    let open = |token: &&Token| matches!(token, Token::Camera | Token::Any);
    if out.iter().filter(open).count() > 1 {
        return Err(format!("{part:?} holds more than one of {{camera}} and {{any}}"));
    }
    Ok(out)
}

/// Whether the whole of `name` fits; what it says goes into `found`.
fn fits(tokens: &[Token], name: &str, found: &mut Found) -> bool {
    let open = tokens.iter().position(|token| matches!(token, Token::Camera | Token::Any));
    let Some(open) = open else {
        return fixed(tokens, name, found).is_some_and(str::is_empty);
    };
    let Some(rest) = fixed(&tokens[..open], name, found) else {
        return false;
    };
    let after = &tokens[open + 1..];
    // The shortest text that lets the rest fit to the end; at least one character.
    let ends = rest.char_indices().skip(1).map(|(at, _)| at).chain([rest.len()]);
    for end in ends.filter(|end| *end > 0) {
        let mut attempt = found.clone();
        if fixed(after, &rest[end..], &mut attempt).is_some_and(str::is_empty) {
            if tokens[open] == Token::Camera {
                attempt.camera = Some(rest[..end].to_owned());
            }
            *found = attempt;
            return true;
        }
    }
    false
}

/// Reads tokens of which each takes what it can; returns what is left of `text`.
fn fixed<'a>(tokens: &[Token], mut text: &'a str, found: &mut Found) -> Option<&'a str> {
    for token in tokens {
        text = match *token {
            Token::Literal(c) => text.strip_prefix(c)?,
            Token::Field(field) => {
                let (least, most) = field.digits();
                let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
                if count < least {
                    return None;
                }
                let mut value: i64 = text[..count].parse().ok()?;
                if field == Field::Fraction {
                    // Digits of a second, as microseconds.
                    value = value * 10_i64.pow(9 - u32::try_from(count).ok()?) / 1_000;
                }
                // A field that stands twice must say the same twice.
                let slot = &mut found.values[field as usize];
                if slot.is_some_and(|before| before != value) {
                    return None;
                }
                *slot = Some(value);
                &text[count..]
            }
            Token::Camera | Token::Any => return None,
        };
    }
    Some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text, SiteZone::named("Asia/Tokyo").unwrap()).unwrap()
    }

    /// `camera start` in UTC, or `-`.
    fn read(text: &str, path: &str) -> String {
        match pattern(text).read(path) {
            Some(named) => {
                let camera = named.camera.map_or(String::new(), |c| format!("{c} "));
                format!("{camera}{}", named.start)
            }
            None => "-".to_owned(),
        }
    }

    #[test]
    fn names_of_recorders_are_read() {
        for (text, path, expected) in [
            ("%Y-%m-%d/%H/{camera}/%M.%S.mp4", "2026-11-22/09/cam-1/05.10.mp4", "cam-1 2026-11-22T00:05:10Z"),
            ("%Y-%m-%d/%H/{camera}/%M.%S.mp4", "2026-11-22/09/北 入口/05.10.mp4", "北 入口 2026-11-22T00:05:10Z"),
            ("{camera}_%Y%m%d_%H%M%S.mp4", "cam_1_20261122_090510.mp4", "cam_1 2026-11-22T00:05:10Z"),
            ("{camera}/%s-{any}.mp4", "c/1795305910-9f.mp4", "c 2026-11-22T00:05:10Z"),
            ("%Y/%j/%H%M%S.%f.mp4", "2026/326/090510.25.mp4", "2026-11-22T00:05:10.25Z"),
            ("%Y%m%d/%Y%m%d%H.mp4", "20261122/2026112209.mp4", "2026-11-22T00:00:00Z"),
            ("100%%/%Y%m%d%H.mp4", "100%/2026112209.mp4", "2026-11-22T00:00:00Z"),
            // Not of this recorder.
            ("%Y%m%d/%Y%m%d%H.mp4", "20261121/2026112209.mp4", "-"),
            ("%Y%m%d%H.mp4", "2026112209.mp4.tmp", "-"),
            ("%Y%m%d%H.mp4", "x/2026112209.mp4", "-"),
            ("%Y%m%d%H.mp4", "2026132209.mp4", "-"),
            ("%Y%m%d%H.mp4", "２０２６112209.mp4", "-"),
            ("{camera}/%Y%m%d%H.mp4", "/2026112209.mp4", "-"),
            ("{camera}/%Y%m%d%H.mp4", "a\u{1b}b/2026112209.mp4", "-"),
            ("%Y/%j/%H.mp4", "2026/366/09.mp4", "-"),
        ] {
            assert_eq!(read(text, path), expected, "{text} {path}");
        }
    }

    #[test]
    fn patterns_that_can_not_work_are_refused() {
        for text in [
            "",
            "/a/%s",
            "%Y%m%d.mp4",
            "%H%M%S.mp4",
            "%Y%m%d%H%q",
            "%s%",
            "{camera}/{camera}/%s",
            "{camera}{any}/%s",
            "../%s",
            "a//%s",
            "{kamera}/%s",
            "a\\%s",
        ] {
            assert!(Pattern::parse(text, SiteZone::named("UTC").unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn resolution_is_what_the_name_leaves_open() {
        assert_eq!(pattern("%Y%m%d%H").resolution(), DurationUs::from_secs(3600));
        assert_eq!(pattern("%Y%m%d%H%M").resolution(), DurationUs::from_secs(60));
        assert_eq!(pattern("%s").resolution(), DurationUs::from_secs(1));
    }

    proptest! {
        #[test]
        fn any_name_is_read_or_not_and_never_panics(path in "(\\PC|[/%{}0-9.])*") {
            for text in ["%Y-%m-%d/%H/{camera}/%M.%S.mp4", "{any}%s.%f", "%Y%j%H{camera}"] {
                let _ = pattern(text).read(&path);
            }
        }
    }
}
