//! [`LocalDay`]: a date where the scanners are.

use chrono::{DateTime, Days, NaiveDate, TimeZone};
use chrono_tz::Tz;
use room_events::UtcMillis;

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDay(NaiveDate);

impl LocalDay {
    /// The date of an instant.
    pub fn of(at: UtcMillis, zone: Tz) -> Self {
        let utc = DateTime::from_timestamp_millis(at.millis()).unwrap_or_default();
        Self(utc.with_timezone(&zone).date_naive())
    }

    /// So many days later.
    pub fn plus_days(self, days: u16) -> Self {
        Self(self.0.checked_add_days(Days::new(days.into())).unwrap_or(self.0))
    }

    /// As DICOM writes it.
    pub fn digits(self) -> String {
        self.0.format("%Y%m%d").to_string()
    }

    /// Its first instant; where midnight is passed over, midnight of UTC.
    pub fn begins(self, zone: Tz) -> UtcMillis {
        let midnight = self.0.and_time(chrono::NaiveTime::MIN);
        let at = zone.from_local_datetime(&midnight).earliest().map(|at| at.timestamp_millis());
        UtcMillis::saturating(at.unwrap_or_else(|| midnight.and_utc().timestamp_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_local_midnight() {
        let zone = Tz::Europe__London;
        let at =
            UtcMillis::saturating("2022-07-14T23:30:00Z".parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis());
        let day = LocalDay::of(at, zone);
        assert_eq!(day.digits(), "20220715");
        assert_eq!(day.begins(zone).to_string(), "2022-07-14T23:00:00Z");
        assert_eq!(day.plus_days(120).begins(zone).to_string(), "2022-11-12T00:00:00Z");
    }
}
