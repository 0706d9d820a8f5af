//! Instants as texts, in UTC.

const DAY_US: i64 = 86_400_000_000;

/// RFC 3339 in UTC of microseconds since 1970, with six digits of a second where they are not
/// zero: `2026-11-22T00:05:00Z`. Outside the years 0 to 9999 the bare number of microseconds.
#[must_use]
pub fn instant_text(us: i64) -> String {
    let (days, rest) = (us.div_euclid(DAY_US), us.rem_euclid(DAY_US));
    // Days since 0000-03-01, in eras of 400 years (H. Hinnant, `civil_from_days`).
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return us.to_string();
    }
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

#[cfg(test)]
mod tests {
    use super::instant_text;

    #[test]
    fn instants_read_as_people_write_them() {
        assert_eq!(instant_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant_text(1_795_305_600_000_001), "2026-11-22T00:00:00.000001Z");
        assert_eq!(instant_text(951_782_400_000_000), "2000-02-29T00:00:00Z");
        assert_eq!(instant_text(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(instant_text(i64::MIN), i64::MIN.to_string());
    }
}
