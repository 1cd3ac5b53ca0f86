//! Seconds since 1970 and calendar dates, without a time zone.

use std::fmt;

/// Seconds since 1970-01-01T00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seconds(pub(crate) i64);

const A_DAY: i64 = 86_400;

impl Seconds {
    /// From a date and a time of day; `None` if there is no such date.
    pub(crate) fn from_civil(year: i64, month: i64, day: i64, second_of_day: i64) -> Option<Self> {
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(0..=A_DAY).contains(&second_of_day) {
            return None;
        }
        // Years begin in March here, so that the leap day is the last one.
        let year = year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self((era * 146_097 + day_of_era - 719_468) * A_DAY + second_of_day))
    }

    /// Whole days from `now` until this.
    pub(crate) fn days_after(self, now: Self) -> i64 {
        (self.0 - now.0).div_euclid(A_DAY)
    }
}

/// The date, such as `2027-03-01`.
impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0.div_euclid(A_DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = (shifted + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (year, month, day, seconds, shown) in [
            (1970, 1, 1, 0, "1970-01-01"),
            (2000, 2, 29, 951_782_400, "2000-02-29"),
            (2026, 11, 25, 1_795_564_800, "2026-11-25"),
            (2100, 3, 1, 4_107_542_400, "2100-03-01"),
        ] {
            let got = Seconds::from_civil(year, month, day, 0).unwrap();
            assert_eq!((got, got.to_string().as_str()), (Seconds(seconds), shown));
        }
        assert_eq!(Seconds::from_civil(2026, 13, 1, 0), None);
    }
}
