//! The rows of standing permissions.

use serde::{Deserialize, Serialize};

use super::Hours;
use crate::lang::Lang;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    /// Every day, Monday first.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// The weekday of a day, counted from 1970-01-01.
    #[must_use]
    pub fn of_day(day: i32) -> Self {
        // That day was a Thursday.
        let index = day.wrapping_add(3).rem_euclid(7);
        Self::ALL[usize::try_from(index).expect("a remainder of 7 is from 0 to 6")]
    }

    /// Its short name for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Mon => lang.pick("月", "Mon"),
            Self::Tue => lang.pick("火", "Tue"),
            Self::Wed => lang.pick("水", "Wed"),
            Self::Thu => lang.pick("木", "Thu"),
            Self::Fri => lang.pick("金", "Fri"),
            Self::Sat => lang.pick("土", "Sat"),
            Self::Sun => lang.pick("日", "Sun"),
        }
    }
}

/// A permission to be in zones without a work order: cleaning, an equipment check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingPermission {
    /// Its id.
    pub id: String,
    /// Whom it allows: operators and other persons.
    pub persons: Vec<String>,
    /// Where they may be; also in the zones around these.
    pub zones: Vec<String>,
    /// What for.
    pub purpose: String,
    /// The days on which it holds; every day where nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
    /// When on such a day; all day where nothing is said. Past midnight they belong to the day on which they begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::day_of;

    #[test]
    fn days_have_their_weekdays() {
        let of = |day: &str| Weekday::of_day(day_of(day).unwrap());
        assert_eq!([of("1970-01-01"), of("2026-11-22"), of("1969-12-31")], [Weekday::Thu, Weekday::Sun, Weekday::Wed]);
    }
}
