//! How instants, dates and minutes read: 24-hour times and dates as the NHS service manual writes them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset, TimeZone as _, Timelike, Utc};
use chrono_tz::Tz;
use room_events::UtcMillis;
use utilisation::quantity::Minutes;

/// Local times of one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    zone: Tz,
}

impl Local {
    pub(crate) const fn new(zone: Tz) -> Self {
        Self { zone }
    }

    fn at(self, at: UtcMillis) -> DateTime<Tz> {
        // Every `UtcMillis` lies between the years 1900 and 9999, which chrono can always hold.
        DateTime::<Utc>::from_timestamp_millis(at.millis()).unwrap_or_default().with_timezone(&self.zone)
    }

    /// The instant at which the site's clock showed this; of an hour that comes twice the one nearer to `near`. Absent where no
    /// clock showed it.
    pub(crate) fn instant(self, shown: NaiveDateTime, near: UtcMillis) -> Option<UtcMillis> {
        let found = self.zone.from_local_datetime(&shown);
        let distance = |at: &UtcMillis| at.millis_since(near).unsigned_abs();
        [found.earliest(), found.latest()]
            .into_iter()
            .flatten()
            .filter_map(|at| UtcMillis::new(at.timestamp_millis()).ok())
            .min_by_key(distance)
    }

    /// The local date.
    pub(crate) fn date(self, at: UtcMillis) -> NaiveDate {
        self.at(at).date_naive()
    }

    /// `13:10`.
    pub(crate) fn time(self, at: UtcMillis) -> String {
        self.at(at).format("%H:%M").to_string()
    }

    /// `07:15`, with seconds where there are any, so that a reader can check the subtraction.
    pub(crate) fn exact_time(self, at: UtcMillis) -> String {
        let local = self.at(at);
        let pattern = match (local.second(), local.timestamp_subsec_millis()) {
            (0, 0) => "%H:%M",
            (_, 0) => "%H:%M:%S",
            (_, _) => "%H:%M:%S%.3f",
        };
        local.format(pattern).to_string()
    }

    /// `11 February 2022, 13:10`.
    pub(crate) fn date_and_time(self, at: UtcMillis) -> String {
        self.at(at).format("%-d %B %Y, %H:%M").to_string()
    }

    /// Milliseconds to add to UTC for local time at `at`.
    pub(crate) fn offset_millis(self, at: UtcMillis) -> i64 {
        i64::from(self.at(at).offset().fix().local_minus_utc()) * 1000
    }

    /// The latest full hour of the site's clock not after `at`.
    pub(crate) fn floor_hour(self, at: UtcMillis) -> UtcMillis {
        const HOUR: i64 = 3_600_000;
        let into_hour = (at.millis() + self.offset_millis(at)).rem_euclid(HOUR);
        at.plus_millis(-into_hour)
    }

    /// The earliest full hour of the site's clock not before `at`.
    pub(crate) fn ceil_hour(self, at: UtcMillis) -> UtcMillis {
        let floor = self.floor_hour(at);
        if floor == at { at } else { floor.plus_minutes(60) }
    }
}

/// `Friday 11 February 2022`.
pub(crate) fn long_date(date: NaiveDate) -> String {
    date.format("%A %-d %B %Y").to_string()
}

/// `10 February`, for a link to a neighbouring day.
pub(crate) fn day_and_month(date: NaiveDate) -> String {
    date.format("%-d %B").to_string()
}

/// Whole minutes that have passed, as a clock counts them: 59 s are 0.
pub(crate) fn passed(minutes: Minutes) -> i64 {
    minutes.at_least_zero().millis() / 60_000
}

/// Exactly so many minutes, so that printed terms add up: `72`, or `72 m 20 s` where seconds are left.
pub(crate) fn exact(minutes: Minutes) -> String {
    let millis = minutes.millis();
    let (sign, size) = if millis < 0 { ("-", -millis) } else { ("", millis) };
    let (whole, rest) = (size / 60_000, size % 60_000);
    if rest == 0 {
        format!("{sign}{whole}")
    } else if rest % 1000 == 0 {
        format!("{sign}{whole} m {} s", rest / 1000)
    } else {
        format!("{sign}{whole} m {}.{:03} s", rest / 1000, rest % 1000)
    }
}

/// Groups the thousands of a count: `2,136`.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text as a value in an address.
pub(crate) fn in_address(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

/// A text as a field of CSV; what a spreadsheet would take for a formula is made a text.
pub(crate) fn csv_field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// `1 case`, `2 cases`.
pub(crate) fn count(n: u32, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_minutes_are_exact_to_the_second() {
        for (millis, text) in [
            (0, "0"),
            (72 * 60_000, "72"),
            (72 * 60_000 + 20_000, "72 m 20 s"),
            (1_500, "0 m 1.500 s"),
            (-90_000, "-1 m 30 s"),
        ] {
            assert_eq!(exact(Minutes::from_millis(millis)), text);
        }
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (2136, "2,136"), (1_234_567, "1,234,567"), (-2136, "-2,136")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_clocks_time_is_the_instant_near_the_list() {
        let local = Local::new(chrono_tz::Europe::London);
        let shown = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        let hours = |n: i64| UtcMillis::new(n * 3_600_000).unwrap();
        // 30 October 2022, 01:30 comes twice: at 00:30 and at 01:30 UTC; midnight UTC is hour 463,080 since 1970.
        let midnight = 463_080;
        let twice = shown("2022-10-30 01:30");
        assert_eq!(local.instant(twice, hours(midnight - 3)), Some(hours(midnight).plus_minutes(30)));
        assert_eq!(local.instant(twice, hours(midnight + 5)), Some(hours(midnight).plus_minutes(90)));
        assert_eq!(local.instant(shown("2022-03-27 01:30"), hours(midnight)), None);
        assert_eq!(local.instant(shown("2022-10-29 13:00"), hours(0)), Some(hours(midnight - 12)));
    }

    #[test]
    fn local_hours_follow_summer_time() {
        let local = Local::new(chrono_tz::Europe::London);
        // 14 July 2022, 18:10 local, is 17:10 UTC.
        let at = UtcMillis::new(1_657_818_600_000).unwrap();
        assert_eq!(local.time(at), "18:10");
        assert_eq!(local.time(local.floor_hour(at)), "18:00");
        assert_eq!(local.time(local.ceil_hour(at)), "19:00");
        assert_eq!(local.offset_millis(at), 3_600_000);
        assert_eq!(long_date(local.date(at)), "Thursday 14 July 2022");
        // Half-hour zones have full hours of their own.
        assert_eq!(
            Local::new(chrono_tz::Asia::Kolkata).time(Local::new(chrono_tz::Asia::Kolkata).floor_hour(at)),
            "22:00"
        );
    }
}
