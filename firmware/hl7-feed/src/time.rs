//! Times as HL7 writes them, `YYYYMMDDHHMM[SS[.S...]][+/-ZZZZ]`, to instants.
//!
//! A date alone, or an hour alone, is no instant and is refused: a guess would be taken for the truth.

use chrono::{DateTime, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use room_events::UtcMillis;

/// Why a text is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoInstant {
    /// Year, month, day or hour: it says less than a minute.
    TooCoarse,
    /// Not in the standard's form, or no time of any calendar.
    NotATime,
}

/// How times without an offset are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone {
    /// The zone of the site.
    pub site: Tz,
    /// The offset that the message's header gave to its own time.
    pub header: Option<i32>,
    /// When the message was heard: in the repeated hour the instant nearest to it is meant.
    pub heard: UtcMillis,
}

/// A text's parts: the local time, and its offset in seconds if it has one.
struct Written {
    local: NaiveDateTime,
    offset: Option<i32>,
}

impl Zone {
    /// The instant of a text, and the offset that the text named.
    pub fn instant(&self, text: &str) -> Result<(UtcMillis, Option<i32>), NoInstant> {
        let written = read(text)?;
        let millis = match written.offset {
            Some(seconds) => at_offset(written.local, seconds),
            None => self.in_site(written.local).ok_or(NoInstant::NotATime)?,
        };
        Ok((UtcMillis::new(millis).map_err(|_| NoInstant::NotATime)?, written.offset))
    }

    /// The same zone for the rest of a message whose header says when it was made, at an offset.
    ///
    /// By the standard that offset is every time's that has none. A sender whose offset is the site's own keeps the
    /// site's clock, which changes within the year: its offset only tells the two instants of the repeated hour apart.
    pub fn under_header(self, at: UtcMillis, offset: Option<i32>) -> Self {
        let Some(seconds) = offset else { return self };
        Self { header: Some(seconds), heard: at, ..self }
    }

    fn in_site(&self, local: NaiveDateTime) -> Option<i64> {
        if let Some(seconds) = self.header
            && self.offset_at(self.heard)? != seconds
        {
            return Some(at_offset(local, seconds));
        }
        Some(match self.site.from_local_datetime(&local) {
            MappedLocalTime::Single(at) => at.timestamp_millis(),
            MappedLocalTime::Ambiguous(first, second) => {
                let distance = |at: &DateTime<Tz>| at.timestamp_millis().abs_diff(self.heard.millis());
                if distance(&second) < distance(&first) { second.timestamp_millis() } else { first.timestamp_millis() }
            }
            // A clock that nobody put forward: its offset is still that of the day before.
            MappedLocalTime::None => {
                let before = local.checked_sub_signed(chrono::TimeDelta::days(1))?;
                let offset: FixedOffset = self.site.offset_from_utc_datetime(&before).fix();
                at_offset(local, offset.local_minus_utc())
            }
        })
    }

    fn offset_at(&self, at: UtcMillis) -> Option<i32> {
        let utc = DateTime::from_timestamp_millis(at.millis())?.naive_utc();
        Some(self.site.offset_from_utc_datetime(&utc).fix().local_minus_utc())
    }
}

fn at_offset(local: NaiveDateTime, seconds: i32) -> i64 {
    local.and_utc().timestamp_millis() - i64::from(seconds) * 1000
}

fn read(text: &str) -> Result<Written, NoInstant> {
    let text = text.trim();
    let (digits, offset) = match text.find(['+', '-']) {
        Some(at) => {
            let (digits, offset) = text.split_at(at);
            (digits, Some(offset_seconds(offset).ok_or(NoInstant::NotATime)?))
        }
        None => (text, None),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || (!fraction.is_empty() && whole.len() != 14) {
        return Err(NoInstant::NotATime);
    }
    let part = |from: usize, to: usize| match whole.get(from..to) {
        Some(digits) => digits.parse::<u32>().map_err(|_| NoInstant::NotATime),
        None => Ok(0),
    };
    let date = || {
        let year: i32 = whole.get(..4).and_then(|year| year.parse().ok()).ok_or(NoInstant::NotATime)?;
        NaiveDate::from_ymd_opt(year, part(4, 6)?.max(1), part(6, 8)?.max(1)).ok_or(NoInstant::NotATime)
    };
    match whole.len() {
        12 | 14 => {}
        4 | 6 | 8 | 10 => return date().and(Err(NoInstant::TooCoarse)),
        _ => return Err(NoInstant::NotATime),
    }
    if part(4, 6)? == 0 || part(6, 8)? == 0 {
        return Err(NoInstant::NotATime);
    }
    // A leap second is not counted; it is the last one of its minute.
    let second = match part(12, 14)? {
        60 => 59,
        second => second,
    };
    let millis: u32 =
        fraction.chars().chain("000".chars()).take(3).collect::<String>().parse().map_err(|_| NoInstant::NotATime)?;
    let local = date()?.and_hms_milli_opt(part(8, 10)?, part(10, 12)?, second, millis).ok_or(NoInstant::NotATime)?;
    Ok(Written { local, offset })
}

fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let minutes = number / 100 * 60 + number % 100;
    (number % 100 < 60 && minutes <= 14 * 60).then_some(sign * minutes * 60)
}

/// An instant as HL7 writes it, in UTC.
#[must_use]
pub(crate) fn written(at: UtcMillis) -> String {
    DateTime::from_timestamp_millis(at.millis())
        .map_or_else(String::new, |at| at.format("%Y%m%d%H%M%S%.3f+0000").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> UtcMillis {
        UtcMillis::saturating(text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis())
    }

    fn zone(heard: &str) -> Zone {
        Zone { site: Tz::Europe__London, header: None, heard: utc(heard) }
    }

    fn check(zone: Zone, text: &str, expected: Result<&str, NoInstant>) {
        let found = zone.instant(text).map(|(at, _)| at.to_string());
        assert_eq!(found, expected.map(str::to_owned), "{text} {zone:?}");
    }

    #[test]
    fn times_are_read_as_the_standard_writes_them() {
        let zone = zone("2022-07-14T12:00:00Z");
        for (text, expected) in [
            ("202207141015", Ok("2022-07-14T09:15:00Z")),
            ("20220714101530", Ok("2022-07-14T09:15:30Z")),
            ("20220714101530.5", Ok("2022-07-14T09:15:30.500Z")),
            ("20220714101530.1239", Ok("2022-07-14T09:15:30.123Z")),
            ("202207141015+0000", Ok("2022-07-14T10:15:00Z")),
            ("20220714101530.5-0530", Ok("2022-07-14T15:45:30.500Z")),
            (" 20220714235960 ", Ok("2022-07-14T22:59:59Z")),
            ("20220714", Err(NoInstant::TooCoarse)),
            ("202207", Err(NoInstant::TooCoarse)),
            ("2022071410", Err(NoInstant::TooCoarse)),
            ("20220732", Err(NoInstant::NotATime)),
            ("202202301015", Err(NoInstant::NotATime)),
            ("202200301015", Err(NoInstant::NotATime)),
            ("202207142515", Err(NoInstant::NotATime)),
            ("20220714101", Err(NoInstant::NotATime)),
            ("202207141015.5", Err(NoInstant::NotATime)),
            ("202207141015+9900", Err(NoInstant::NotATime)),
            ("2022-07-14 10:15", Err(NoInstant::NotATime)),
            ("20220714101é", Err(NoInstant::NotATime)),
            ("", Err(NoInstant::NotATime)),
        ] {
            check(zone, text, expected);
        }
    }

    #[test]
    fn the_repeated_hour_is_the_one_nearest_to_receipt_unless_the_header_tells() {
        let (early, late) = (zone("2022-10-30T00:31:00Z"), zone("2022-10-30T01:31:00Z"));
        check(early, "202210300130", Ok("2022-10-30T00:30:00Z"));
        check(late, "202210300130", Ok("2022-10-30T01:30:00Z"));
        check(late, "202210300130+0100", Ok("2022-10-30T00:30:00Z"));
        check(zone("2022-03-27T01:31:00Z"), "202203270130", Ok("2022-03-27T01:30:00Z"));
        let told = late.under_header(utc("2022-10-30T00:31:00Z"), Some(3600));
        check(told, "202210300130", Ok("2022-10-30T00:30:00Z"));
    }

    #[test]
    fn a_header_on_the_sites_own_clock_leaves_a_booking_beyond_the_change_of_clocks_alone() {
        let zone = zone("2022-10-25T08:00:00Z");
        let at = utc("2022-10-25T08:00:00Z");
        check(zone.under_header(at, Some(3600)), "202211100900", Ok("2022-11-10T09:00:00Z"));
        // A sender that writes UTC in summer means it of all its times.
        check(zone.under_header(at, Some(0)), "202210250900", Ok("2022-10-25T09:00:00Z"));
        check(zone.under_header(at, None), "202210250900", Ok("2022-10-25T08:00:00Z"));
    }
}
