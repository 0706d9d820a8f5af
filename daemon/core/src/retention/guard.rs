//! Whether the date can be believed, and how far a plan may go at once.
//!
//! The harm without it: a clock that jumps ten years ahead makes everything due.

use kukaku_schema::DurationUs;

/// How many days with records of one class and scope are erased on one day without two people:
/// twice as fast as time, so that a plan catches up, and a wrong date costs two days of records.
pub const DAYS_A_DAY: u32 = 2;

/// How near the second clock has to be.
pub const SECOND_CLOCK_WITHIN: DurationUs = DurationUs::from_secs(60);

/// What is known about the date.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guard {
    /// The kernel calls the clock synchronised.
    pub clock_synchronised: bool,
    /// How far a second clock (NTP server, source panel, cosignature) is off; none: there is none.
    pub second_clock_off: Option<DurationUs>,
    /// The people who confirm the date.
    pub confirmed_by: Vec<String>,
    /// The local day on which something was erased last, by the clock of then.
    pub last_erased_on: Option<i32>,
    /// Days with records that today's erasings advanced already: the most of any class and scope.
    pub advanced_today: u32,
}

/// Why a date is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClockDoubt {
    /// The kernel does not call the clock synchronised.
    Unsynchronised,
    /// There is no second clock.
    NoSecondClock,
    /// The second clock says something else.
    SecondClockOff,
    /// Today is before the day on which something was erased last.
    WentBack,
}

impl Guard {
    /// How many different people confirm the date.
    fn people(&self) -> usize {
        let mut names: Vec<&str> = self.confirmed_by.iter().map(|name| name.trim()).filter(|n| !n.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    }

    /// Why the date is not believed, on local day `today`; none: it is.
    #[must_use]
    pub fn doubt(&self, today: i32) -> Option<ClockDoubt> {
        if self.people() > 0 {
            return None;
        }
        if !self.clock_synchronised {
            return Some(ClockDoubt::Unsynchronised);
        }
        match self.second_clock_off {
            None => Some(ClockDoubt::NoSecondClock),
            Some(off) if off.0.unsigned_abs() > SECOND_CLOCK_WITHIN.0.unsigned_abs() => {
                Some(ClockDoubt::SecondClockOff)
            }
            Some(_) if self.last_erased_on.is_some_and(|last| today < last) => Some(ClockDoubt::WentBack),
            Some(_) => None,
        }
    }

    /// How many days with records of each class and scope may still be erased today.
    #[must_use]
    pub fn days_left(&self) -> u32 {
        if self.people() >= 2 { u32::MAX } else { DAYS_A_DAY.saturating_sub(self.advanced_today) }
    }
}
