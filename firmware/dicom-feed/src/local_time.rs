//! [`Zone`]: DICOM's dates and times of day (PS3.5 section 6.2) to instants.

use chrono::{FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use room_events::UtcMillis;

/// How a scanner's times are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    /// The site's zone, where the message names no offset.
    pub site: Tz,
    /// The message's own offset from UTC in minutes (Timezone Offset From UTC, (0008,0201)).
    pub offset_minutes: Option<i16>,
    /// When the message came: of the two instants of a repeated hour the one nearest to it is meant, but none that was
    /// clearly still to come.
    pub heard: UtcMillis,
}

/// A scanner's clock is not so far ahead without being wrong: what is later than this after receipt had not happened.
const AHEAD_MS: i64 = 10 * 60_000;

impl Zone {
    /// The instant of a date (DA) and a time of day (TM); `None` if either is not one.
    pub fn instant(&self, date: &str, time: &str) -> Option<UtcMillis> {
        let local = local(date, time)?;
        let millis = match self.offset_minutes {
            Some(minutes) => local.and_utc().timestamp_millis() - i64::from(minutes) * 60_000,
            None => self.in_site(local)?,
        };
        UtcMillis::new(millis).ok()
    }

    fn in_site(&self, local: NaiveDateTime) -> Option<i64> {
        Some(match self.site.from_local_datetime(&local) {
            MappedLocalTime::Single(at) => at.timestamp_millis(),
            MappedLocalTime::Ambiguous(first, second) => {
                let (first, second, heard) = (first.timestamp_millis(), second.timestamp_millis(), self.heard.millis());
                let is_to_come = second - heard > AHEAD_MS;
                if !is_to_come && second.abs_diff(heard) < first.abs_diff(heard) { second } else { first }
            }
            // A clock that nobody put forward: its offset is still that of the day before.
            MappedLocalTime::None => {
                let before = local.checked_sub_signed(chrono::TimeDelta::days(1))?;
                let offset: FixedOffset = self.site.offset_from_utc_datetime(&before).fix();
                local.and_utc().timestamp_millis() - i64::from(offset.local_minus_utc()) * 1000
            }
        })
    }
}

/// An offset from UTC, `+0100`, in minutes.
pub(crate) fn offset_minutes(text: &str) -> Option<i16> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i16 = digits.parse().ok()?;
    let minutes = number / 100 * 60 + number % 100;
    (number % 100 < 60 && minutes <= 14 * 60).then_some(sign * minutes)
}

fn local(date: &str, time: &str) -> Option<NaiveDateTime> {
    // ACR-NEMA wrote 1993.08.22 and 10:12:30, which some still do.
    let date: String = date.chars().filter(|c| *c != '.').collect();
    let time: String = time.chars().filter(|c| *c != ':').collect();
    let (whole, fraction) = time.split_once('.').unwrap_or((&time, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if date.len() != 8
        || !is_number(&date)
        || !matches!(whole.len(), 2 | 4 | 6)
        || !is_number(whole)
        || !is_number(fraction)
    {
        return None;
    }
    let number =
        |text: &str, from: usize, to: usize| text.get(from..to).map_or(Some(0), |digits| digits.parse::<u32>().ok());
    let date = NaiveDate::from_ymd_opt(date.get(..4)?.parse().ok()?, number(&date, 4, 6)?, number(&date, 6, 8)?)?;
    // A leap second is not counted; it is the last one of its minute.
    let second = number(whole, 4, 6)?.min(if number(whole, 4, 6)? == 60 { 59 } else { u32::MAX });
    let millis: u32 = fraction.chars().chain("000".chars()).take(3).collect::<String>().parse().ok()?;
    date.and_hms_milli_opt(number(whole, 0, 2)?, number(whole, 2, 4)?, second, millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn check(date: &str, time: &str, offset: Option<&str>, heard: &str, expected: Option<&str>) {
        let heard = UtcMillis::saturating(heard.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis());
        let zone = Zone { site: Tz::Europe__London, offset_minutes: offset.and_then(offset_minutes), heard };
        let found = zone.instant(date, time).map(|at| at.to_string());
        assert_eq!(found.as_deref(), expected, "{date} {time} {offset:?} {heard}");
    }

    #[test]
    fn dates_and_times_of_day_are_read_as_the_standard_writes_them() {
        let now = "2022-07-14T12:00:00Z";
        for (date, time, offset, expected) in [
            ("20220714", "101530", None, Some("2022-07-14T09:15:30Z")),
            ("20220714", "101530.123456", None, Some("2022-07-14T09:15:30.123Z")),
            ("20220714", "101530.5", None, Some("2022-07-14T09:15:30.500Z")),
            ("20220714", "1015", None, Some("2022-07-14T09:15:00Z")),
            ("20220714", "10", None, Some("2022-07-14T09:00:00Z")),
            ("2022.07.14", "10:15:30", None, Some("2022-07-14T09:15:30Z")),
            ("20220714", "235960", None, Some("2022-07-14T22:59:59Z")),
            ("20220714", "101530", Some("+0000"), Some("2022-07-14T10:15:30Z")),
            ("20220714", "101530", Some("-0530"), Some("2022-07-14T15:45:30Z")),
            // An offset that is none is as good as absent.
            ("20220714", "101530", Some("+9900"), Some("2022-07-14T09:15:30Z")),
            ("20220230", "101530", None, None),
            ("20220714", "251530", None, None),
            ("20220714", "1", None, None),
            ("", "", None, None),
            ("2022071é", "101530", None, None),
        ] {
            check(date, time, offset, now, expected);
        }
    }

    #[test]
    fn the_repeated_hour_is_the_one_nearest_to_receipt() {
        check("20221030", "013000", None, "2022-10-30T00:31:00Z", Some("2022-10-30T00:30:00Z"));
        check("20221030", "013000", None, "2022-10-30T01:31:00Z", Some("2022-10-30T01:30:00Z"));
        // Heard late: the nearest one was still to come.
        check("20221030", "010500", None, "2022-10-30T00:50:00Z", Some("2022-10-30T00:05:00Z"));
        check("20221030", "012000", None, "2022-10-30T00:50:00Z", Some("2022-10-30T00:20:00Z"));
        check("20221030", "010500", None, "2022-10-30T00:56:00Z", Some("2022-10-30T01:05:00Z"));
        check("20221030", "013000", Some("+0100"), "2022-10-30T01:31:00Z", Some("2022-10-30T00:30:00Z"));
        check("20220327", "013000", None, "2022-03-27T01:31:00Z", Some("2022-03-27T01:30:00Z"));
    }
}
