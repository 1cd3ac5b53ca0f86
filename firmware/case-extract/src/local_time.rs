//! From a local date and time of day to an instant, by the rules of the measures for gaps and repeated hours.
//!
//! Nearly all dates have one offset from midnight to midnight; it is remembered, so that a time zone is asked once for
//! each date and not once for each of millions of times.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use room_events::UtcMillis;

use crate::time_format::{DateDigits, Whole};

/// Which instant an ambiguous local time (the repeated hour in autumn) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// The first: a planned start.
    First,
    /// The second: a planned end.
    Second,
    /// The first that is not before the case's previous milestone, in milliseconds.
    NotBefore(i64),
}

pub(crate) const DAY_MS: i64 = 86_400_000;

const CACHED_DAYS: usize = 1024;

/// A zone and what is remembered of its dates.
#[derive(Debug, Clone)]
pub(crate) struct LocalTime {
    zone: Tz,
    /// By day number modulo its length: the day, and its offset in milliseconds if it has one throughout.
    days: Vec<(i32, Option<i32>)>,
    /// The digits of the last date with one offset from midnight to midnight, its day and its midnight in UTC.
    last: (DateDigits, i32, i64),
}

impl LocalTime {
    pub(crate) fn new(zone: Tz) -> Self {
        Self { zone, days: vec![(i32::MIN, None); CACHED_DAYS], last: (DateDigits::NONE, 0, 0) }
    }

    /// The instant of a local date and time of day; `None` outside the years 1900 to 9999.
    #[inline]
    pub(crate) fn instant(&mut self, day: i32, time: u32, pick: Pick) -> Option<UtcMillis> {
        let local = i64::from(day) * DAY_MS + i64::from(time);
        let slot = usize::try_from(day.rem_euclid(1024)).ok()?;
        let known = self.days.get(slot).filter(|&&(of, _)| of == day).map(|&(_, offset)| offset);
        let offset = match known {
            Some(offset) => offset,
            None => {
                let offset = self.offset_of_day(day);
                if let Some(entry) = self.days.get_mut(slot) {
                    *entry = (day, offset);
                }
                offset
            }
        };
        let millis = match offset {
            Some(offset) => local - i64::from(offset),
            None => self.on_a_day_of_change(local, pick)?,
        };
        UtcMillis::new(millis).ok()
    }

    /// From now on cells are of another format.
    pub(crate) const fn forget_last(&mut self) {
        self.last.0 = DateDigits::NONE;
    }

    /// The instant in a cell that has date and time of day, and its date; `None` if there is no such instant. All cells
    /// must be of one format.
    #[inline]
    pub(crate) fn of_whole(&mut self, cell: &Whole<'_>, pick: Pick) -> Option<(UtcMillis, i32)> {
        let time = cell.time()?;
        let digits = cell.date_digits();
        if digits.is(self.last.0) {
            return Some((UtcMillis::new(self.last.2 + i64::from(time)).ok()?, self.last.1));
        }
        let day = cell.day()?;
        let at = self.instant(day, time, pick)?;
        if let Some(offset) = self.offset_of_day(day) {
            self.last = (digits, day, i64::from(day) * DAY_MS - i64::from(offset));
        }
        Some((at, day))
    }

    /// The local date of an instant, as days since 1970-01-01.
    pub(crate) fn day_of(&mut self, at: UtcMillis) -> i32 {
        let as_day = |millis: i64| i32::try_from(millis.div_euclid(DAY_MS)).unwrap_or(0);
        // The date in UTC is right or off by one; its offset, if the day has one, mostly settles it.
        let guess = as_day(at.millis());
        for day in [guess, guess + 1, guess - 1] {
            let start = self.instant(day, 0, Pick::First).map_or(i64::MIN, UtcMillis::millis);
            let end = self.instant(day + 1, 0, Pick::First).map_or(i64::MAX, UtcMillis::millis);
            if (start..end).contains(&at.millis()) {
                return day;
            }
        }
        guess
    }

    /// The local time of day of an instant of that date, in milliseconds since midnight.
    pub(crate) fn time_of_day(&self, at: UtcMillis, day: i32) -> u32 {
        let local = at.millis() + i64::from(self.offset_at(at.millis()));
        u32::try_from(local - i64::from(day) * DAY_MS).unwrap_or(0)
    }

    /// The date's offset if no change is near: two changes never cancel each other within three days.
    fn offset_of_day(&self, day: i32) -> Option<i32> {
        let mut offsets = (-1..=2).map(|add| self.offset_at((i64::from(day) + add) * DAY_MS));
        let first = offsets.next()?;
        offsets.all(|offset| offset == first).then_some(first)
    }

    /// The offset at an instant, in milliseconds.
    fn offset_at(&self, millis: i64) -> i32 {
        let utc = DateTime::from_timestamp_millis(millis).map(|t| t.naive_utc()).unwrap_or_default();
        self.zone.offset_from_utc_datetime(&utc).fix().local_minus_utc() * 1000
    }

    fn on_a_day_of_change(&self, local: i64, pick: Pick) -> Option<i64> {
        let naive: NaiveDateTime = DateTime::from_timestamp_millis(local)?.naive_utc();
        Some(match self.zone.from_local_datetime(&naive) {
            MappedLocalTime::Single(at) => at.timestamp_millis(),
            MappedLocalTime::Ambiguous(first, second) => {
                let (first, second) = (first.timestamp_millis(), second.timestamp_millis());
                match pick {
                    Pick::First => first,
                    Pick::Second => second,
                    Pick::NotBefore(previous) => {
                        if first >= previous {
                            first
                        } else {
                            second
                        }
                    }
                }
            }
            // The offset before the gap moves the time forward by the gap's length.
            MappedLocalTime::None => local - i64::from(self.offset_at(local - DAY_MS)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: Tz, text: &str, pick: Pick) -> String {
        let naive: NaiveDateTime = text.parse().unwrap();
        let millis = naive.and_utc().timestamp_millis();
        let day = i32::try_from(millis.div_euclid(DAY_MS)).unwrap();
        let time = u32::try_from(millis.rem_euclid(DAY_MS)).unwrap();
        LocalTime::new(zone).instant(day, time, pick).unwrap().to_string()
    }

    #[test]
    fn gaps_move_forward_and_repeats_follow_the_rule() {
        let london = Tz::Europe__London;
        let utc = |text: &str| text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis();
        for (text, pick, expected) in [
            ("2022-01-03T07:00:00", Pick::First, "2022-01-03T07:00:00Z"),
            ("2022-07-14T18:00:00", Pick::First, "2022-07-14T17:00:00Z"),
            ("2022-03-27T00:59:00", Pick::First, "2022-03-27T00:59:00Z"),
            ("2022-03-27T01:30:00", Pick::First, "2022-03-27T01:30:00Z"),
            ("2022-03-27T02:00:00", Pick::First, "2022-03-27T01:00:00Z"),
            ("2022-10-30T01:30:00", Pick::First, "2022-10-30T00:30:00Z"),
            ("2022-10-30T01:30:00", Pick::Second, "2022-10-30T01:30:00Z"),
            ("2022-10-30T01:30:00", Pick::NotBefore(utc("2022-10-30T00:29:00Z")), "2022-10-30T00:30:00Z"),
            ("2022-10-30T01:30:00", Pick::NotBefore(utc("2022-10-30T00:31:00Z")), "2022-10-30T01:30:00Z"),
            ("2022-10-30T02:00:00", Pick::First, "2022-10-30T02:00:00Z"),
        ] {
            assert_eq!(at(london, text, pick), expected, "{text} {pick:?}");
        }
        assert_eq!(at(Tz::America__New_York, "2022-03-13T02:30:00", Pick::First), "2022-03-13T07:30:00Z");
        assert_eq!(at(Tz::Australia__Lord_Howe, "2022-10-02T02:15:00", Pick::First), "2022-10-01T15:45:00Z");
    }

    #[test]
    fn a_local_date_is_found_again() {
        for zone in [Tz::Europe__London, Tz::Pacific__Kiritimati, Tz::America__Anchorage, Tz::Africa__Casablanca] {
            let mut local = LocalTime::new(zone);
            for hours in 0..24 * 800 {
                let at = UtcMillis::saturating(1_640_000_000_000 + hours * 3_600_000);
                let expected = DateTime::from_timestamp_millis(at.millis()).unwrap().with_timezone(&zone).date_naive();
                assert_eq!(local.day_of(at), expected.to_epoch_days(), "{zone} {at}");
            }
        }
    }

    #[test]
    fn the_remembered_offset_agrees_with_the_zone() {
        for zone in [Tz::Europe__London, Tz::America__St_Johns, Tz::Africa__Casablanca] {
            let mut local = LocalTime::new(zone);
            for minutes in (0..2 * 365 * 24 * 60).step_by(17) {
                let naive = DateTime::from_timestamp(1_640_995_200 + minutes * 60, 0).unwrap().naive_utc();
                let Some(expected) = zone.from_local_datetime(&naive).earliest() else { continue };
                let millis = naive.and_utc().timestamp_millis();
                let day = i32::try_from(millis.div_euclid(DAY_MS)).unwrap();
                let time = u32::try_from(millis.rem_euclid(DAY_MS)).unwrap();
                let found = local.instant(day, time, Pick::First).unwrap();
                assert_eq!(found.millis(), expected.timestamp_millis(), "{zone} {naive}");
            }
        }
    }

    proptest::proptest! {
        /// One cell after another, so that what is remembered of the last date is used and given up.
        #[test]
        fn a_cell_at_fixed_places_is_the_instant_that_its_parts_are(
            format in proptest::sample::select(vec!["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%d%m%y %H:%M", "%Y%m%d%H%M"]),
            cells in proptest::collection::vec((2021_u32..2023, 0_u32..14, 0_u32..33, 0_u32..26, 0_u32..62, 0_usize..3), 1..40),
        ) {
            let format = crate::time_format::Format::compile(format).unwrap();
            let (mut local, mut slow) = (LocalTime::new(Tz::Europe__London), LocalTime::new(Tz::Europe__London));
            let mut cell = String::new();
            for (year, month, day, hour, minute, again) in cells {
                // Now the same date with another time of day, now a date on which the clocks change.
                let date = |format: &str, year: u32, month: u32, day: u32, hour: u32, minute: u32| {
                    format
                        .replace("%Y", &format!("{year:04}"))
                        .replace("%y", &format!("{:02}", year % 100))
                        .replace("%m", &format!("{month:02}"))
                        .replace("%d", &format!("{day:02}"))
                        .replace("%H", &format!("{hour:02}"))
                        .replace("%M", &format!("{minute:02}"))
                        .replace("%S", "07")
                };
                let (year, month, day) = if again == 0 { (2022, 10, 30) } else { (year, month, day) };
                for hour in [hour, 1] {
                    cell.clear();
                    cell.push_str(&date(format.text(), year, month, day, hour, minute));
                    let found = format.read_whole(cell.as_bytes()).and_then(|whole| local.of_whole(&whole, Pick::First));
                    let expected = format.read(cell.as_bytes()).filter(|_| format.text().contains("%Y")).and_then(|reading| {
                        Some((slow.instant(reading.day?, reading.time?, Pick::First)?, reading.day?))
                    });
                    proptest::prop_assert_eq!(found, expected, "{}", cell);
                }
            }
        }
    }
}
