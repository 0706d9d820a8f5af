//! Periods of the calendar and local days: how long something is kept.
//!
//! A local day is a count of days since 1970-01-01 in the site's zone. A period is counted as
//! Japanese law counts (民法 140, 143): the day itself is left out, and where the last month has
//! no such day, its last day counts. So a record of local day D falls due at the 00:00 that ends
//! D + period, and has then been kept for no instant less than the period.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::instant::{SiteZone, UtcMicros, civil_from_days, days_from_civil};

/// The longest period that can be agreed, in months: a century. More is a slip of the pen.
const MONTHS_MAX: u32 = 1_200;
/// The longest period that can be agreed, in days: a century.
const DAYS_MAX: u32 = 36_525;
/// Days after which the lengths of months repeat, leap years included (but for full centuries).
pub const CYCLE_DAYS: i32 = 1_461;

/// A length of time by the calendar: `3 years`, `13 months`, `400 days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// Whole years.
    Years(u32),
    /// Whole months.
    Months(u32),
    /// Whole days.
    Days(u32),
}

impl Period {
    /// Reads `"3 years"`, `"1 year"`, `"13 months"`, `"400 days"`.
    ///
    /// # Errors
    /// A sentence naming the text and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no period like \"3 years\", \"13 months\" or \"400 days\", 1 day to a century");
        let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
        if !number.bytes().all(|b| b.is_ascii_digit()) || number.starts_with('0') {
            return Err(wrong());
        }
        let number: u32 = number.parse().map_err(|_| wrong())?;
        match unit {
            "year" | "years" if number <= MONTHS_MAX / 12 => Ok(Self::Years(number)),
            "month" | "months" if number <= MONTHS_MAX => Ok(Self::Months(number)),
            "day" | "days" if number <= DAYS_MAX => Ok(Self::Days(number)),
            _ => Err(wrong()),
        }
    }

    /// The local day on which the period ends that began on local day `day`.
    #[must_use]
    pub fn last_day(self, day: i32) -> i32 {
        let months = match self {
            Self::Years(years) => years.saturating_mul(12),
            Self::Months(months) => months,
            Self::Days(days) => return day.saturating_add(i32::try_from(days).unwrap_or(i32::MAX)),
        };
        let (year, month, of_month) = civil_from_days(i64::from(day));
        let month = year * 12 + month - 1 + i64::from(months);
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        let first_of_next = days_from_civil(year + month / 12, month % 12 + 1, 1);
        let ends = days_from_civil(year, month, of_month).min(first_of_next - 1);
        i32::try_from(ends).unwrap_or(i32::MAX)
    }

    /// The instant from which a record of local day `day` is kept no longer: the 00:00 that ends
    /// the last day of the period.
    #[must_use]
    pub fn due(self, day: i32, zone: &SiteZone) -> UtcMicros {
        zone.start_of_local_day(self.last_day(day).saturating_add(1))
    }

    /// Whether this period ends before `other` does, on whatever day both begin.
    #[must_use]
    pub fn can_be_shorter_than(self, other: Self) -> bool {
        (0..CYCLE_DAYS).any(|day| self.last_day(day) < other.last_day(day))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = match self {
            Self::Years(years) => (years, "year"),
            Self::Months(months) => (months, "month"),
            Self::Days(days) => (days, "day"),
        };
        write!(f, "{number} {unit}{}", if *number == 1 { "" } else { "s" })
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A day of the calendar, `2026-11-22`, as a count of days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Its name among the shapes that serde is asked for: by it a table knows that a cell holds a day.
    pub(crate) const SHAPE: &'static str = "Day";

    /// Its first instant at the site.
    #[must_use]
    pub fn start(self, zone: &SiteZone) -> UtcMicros {
        zone.start_of_local_day(self.0)
    }

    /// The first instant after it at the site.
    #[must_use]
    pub fn end(self, zone: &SiteZone) -> UtcMicros {
        zone.start_of_local_day(self.0.saturating_add(1))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&day_text(self.0))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> serde::de::Visitor<'de> for Reader {
            type Value = Day;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a day like \"2026-11-22\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Day, E> {
                let wrong = || E::custom(format!("{text:?} is no day like \"2026-11-22\""));
                day_of(text).map(Day).ok_or_else(wrong)
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Day, D::Error> {
                inner.deserialize_str(self)
            }
        }
        deserializer.deserialize_newtype_struct(Self::SHAPE, Reader)
    }
}

impl SiteZone {
    /// The local day that holds `at`.
    #[must_use]
    pub fn local_day(&self, at: UtcMicros) -> i32 {
        let local = at.0.saturating_add(i64::from(self.offset_s(at)) * 1_000_000);
        i32::try_from(local.div_euclid(86_400_000_000)).unwrap_or(i32::MAX)
    }

    /// The first instant of a local day; `UtcMicros::MAX` beyond the calendar. Where 00:00 is
    /// skipped it is the instant after the gap: never too early.
    #[must_use]
    pub fn start_of_local_day(&self, day: i32) -> UtcMicros {
        let (year, month, of_month) = civil_from_days(i64::from(day));
        let narrow = |n: i64| i8::try_from(n).ok();
        let date = i16::try_from(year)
            .ok()
            .zip(narrow(month))
            .zip(narrow(of_month))
            .and_then(|((year, month), of_month)| Date::new(year, month, of_month).ok());
        let stamp = date.and_then(|date| self.zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible().ok());
        stamp.map_or(UtcMicros::MAX, |stamp| UtcMicros(stamp.as_microsecond()))
    }
}

/// Reads a day as people write it, `2026-11-22`.
#[must_use]
pub fn day_of(text: &str) -> Option<i32> {
    let date: Date = text.parse().ok()?;
    let day = days_from_civil(i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
    i32::try_from(day).ok().filter(|day| day_text(*day) == text)
}

/// A local day as people write it, `2026-11-22`.
#[must_use]
pub fn day_text(day: i32) -> String {
    let (year, month, of_month) = civil_from_days(i64::from(day));
    format!("{year:04}-{month:02}-{of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> i32 {
        let at = UtcMicros::parse_rfc3339(&format!("{text}T00:00:00Z")).unwrap();
        i32::try_from(at.0 / 86_400_000_000).unwrap()
    }

    #[test]
    fn leap_days_and_month_ends_are_kept_for_no_day_less_than_agreed() {
        // Recorded, period, the last day on which it is kept.
        let cases = [
            ("2026-04-01", "1 year", "2027-04-01"),
            ("2024-02-29", "1 year", "2025-02-28"),
            ("2024-02-29", "4 years", "2028-02-29"),
            ("2023-02-28", "1 year", "2024-02-28"),
            ("2026-01-31", "1 month", "2026-02-28"),
            ("2026-01-30", "1 month", "2026-02-28"),
            ("2026-02-28", "1 month", "2026-03-28"),
            ("2027-01-29", "13 months", "2028-02-29"),
            ("2026-11-30", "3 months", "2027-02-28"),
            ("2026-12-31", "2 months", "2027-02-28"),
            ("2026-12-01", "12 months", "2027-12-01"),
            ("2026-11-22", "400 days", "2027-12-27"),
            ("1970-01-01", "1 day", "1970-01-02"),
        ];
        for (from, period, last) in cases {
            let ends = Period::parse(period).unwrap().last_day(day(from));
            assert_eq!(day_text(ends), last, "{from} + {period}");
        }
    }

    #[test]
    fn a_day_falls_due_at_the_midnight_of_the_site_and_not_an_instant_before() {
        let tokyo = SiteZone::named("Asia/Tokyo").unwrap();
        let late = UtcMicros::parse_rfc3339("2026-04-01T23:59:59.999999+09:00").unwrap();
        let early = UtcMicros::parse_rfc3339("2026-04-02T00:00:00+09:00").unwrap();
        assert_eq!(tokyo.local_day(early), tokyo.local_day(late) + 1);
        let due = Period::Years(1).due(tokyo.local_day(late), &tokyo);
        assert_eq!(tokyo.rfc3339(due), "2027-04-02T00:00:00+09:00");
    }

    #[test]
    fn a_midnight_that_summer_time_skips_is_never_taken_early() {
        let beirut = SiteZone::named("Asia/Beirut").unwrap();
        let start = beirut.start_of_local_day(day("2022-03-27"));
        assert_eq!(beirut.rfc3339(start), "2022-03-27T01:00:00+03:00");
        assert_eq!(beirut.local_day(start), day("2022-03-27"));
        assert_eq!(beirut.local_day(UtcMicros(start.0 - 1)), day("2022-03-26"));
    }

    #[test]
    fn texts_that_name_no_period_are_refused() {
        for text in ["3 years", "1 year", "13 months", "1 month", "400 days", "1 day"] {
            assert_eq!(Period::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "3", "years", "0 days", "03 days", "-1 days", "1.5 years", "3  years", "101 years", "1 week"]
        {
            assert!(Period::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_year_and_365_days_are_told_apart_by_their_leap_years() {
        assert!(Period::Days(365).can_be_shorter_than(Period::Years(1)));
        assert!(!Period::Days(366).can_be_shorter_than(Period::Months(12)));
        assert!(!Period::Months(12).can_be_shorter_than(Period::Years(1)));
        assert!(Period::Months(1).can_be_shorter_than(Period::Days(31)));
    }
}
