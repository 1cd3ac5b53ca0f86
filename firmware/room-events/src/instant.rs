//! [`UtcMillis`]: an instant as milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.

use core::fmt;
use core::num::NonZeroU64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant's milliseconds with the sign bit turned over: unsigned order is time order, and 0 stands for no instant
/// in range, so that an absent one takes no more room than a known one.
const SIGN: u64 = 1 << 63;

/// An instant in UTC, in whole milliseconds, between the years 1900 and 9999, so that sums of a few instants and
/// durations cannot overflow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcMillis(NonZeroU64);

/// The number is outside the years 1900 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstantOutOfRange(pub i64);

impl fmt::Display for InstantOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms is outside the years 1900 to 9999 (is it in milliseconds since 1970?)", self.0)
    }
}

impl core::error::Error for InstantOutOfRange {}

impl UtcMillis {
    /// 1900-01-01T00:00:00Z.
    pub const MIN: Self = Self::in_range(-2_208_988_800_000);
    /// 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self::in_range(253_402_300_799_999);

    const fn in_range(millis: i64) -> Self {
        match NonZeroU64::new(millis.cast_unsigned() ^ SIGN) {
            Some(bits) => Self(bits),
            // Only of the least number there is, far out of range.
            None => Self(NonZeroU64::MIN),
        }
    }

    /// Checks the range.
    pub const fn new(millis: i64) -> Result<Self, InstantOutOfRange> {
        if millis < Self::MIN.millis() || millis > Self::MAX.millis() {
            return Err(InstantOutOfRange(millis));
        }
        Ok(Self::in_range(millis))
    }

    /// The nearest instant in range.
    pub const fn saturating(millis: i64) -> Self {
        if millis < Self::MIN.millis() {
            Self::MIN
        } else if millis > Self::MAX.millis() {
            Self::MAX
        } else {
            Self::in_range(millis)
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        (self.0.get() ^ SIGN).cast_signed()
    }

    /// The instant `millis` later (earlier if negative), kept in range.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::saturating(self.millis().saturating_add(millis))
    }

    /// The instant `minutes` later (earlier if negative), kept in range.
    pub const fn plus_minutes(self, minutes: i64) -> Self {
        self.plus_millis(minutes.saturating_mul(60_000))
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.millis() - earlier.millis()
    }
}

/// RFC 3339 in UTC: `2022-02-11T13:10:00Z`, with milliseconds only when there are any.
impl fmt::Display for UtcMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.millis().div_euclid(86_400_000);
        let in_day = self.millis().rem_euclid(86_400_000);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
        let (second, milli) = (in_day / 1000 % 60, in_day % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if milli != 0 {
            write!(f, ".{milli:03}")?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for UtcMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for UtcMillis {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_i64(self.millis())
    }
}

impl<'de> Deserialize<'de> for UtcMillis {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// Days since 1970-01-01 to year, month, day of the proleptic Gregorian calendar: eras of 400 years that begin on
/// 1 March, so that the leap day is the last of its year.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn instants_print_as_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_644_585_000_000, "2022-02-11T13:10:00Z"),
            (UtcMillis::MIN.millis(), "1900-01-01T00:00:00Z"),
            (UtcMillis::MAX.millis(), "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(UtcMillis::new(millis).unwrap().to_string(), text);
        }
    }

    #[test]
    fn instants_are_in_the_order_of_time_and_an_absent_one_takes_no_more_room() {
        let millis = [UtcMillis::MIN.millis(), -1, 0, 1, UtcMillis::MAX.millis()];
        let instants = millis.map(|millis| UtcMillis::new(millis).unwrap());
        assert!(instants.is_sorted_by(|a, b| a < b));
        assert_eq!(instants.map(UtcMillis::millis), millis);
        assert_eq!(size_of::<Option<UtcMillis>>(), size_of::<i64>());
    }

    #[test]
    fn an_instant_in_nanoseconds_is_refused() {
        assert!(UtcMillis::new(1_644_585_000_000_000_000).is_err());
    }
}
