//! Minutes and ratios: exact inside, rounded half away from zero when printed.

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Neg, Sub};

use room_events::UtcMillis;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, exact to the millisecond; printed and exported as decimal minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Minutes(i64);

impl Minutes {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// Whole minutes.
    pub const fn whole(minutes: i64) -> Self {
        Self(minutes * 60_000)
    }

    /// From milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// In milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// From `from` to `to`, negative when `to` is earlier.
    pub const fn between(from: UtcMillis, to: UtcMillis) -> Self {
        Self(to.millis_since(from))
    }

    /// As a decimal number of minutes.
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 60_000.0
    }

    /// This length, or zero if it is negative.
    pub const fn at_least_zero(self) -> Self {
        if self.0 < 0 { Self(0) } else { self }
    }
}

impl Add for Minutes {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Minutes {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Minutes {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Minutes {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Minutes {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl<'de> Deserialize<'de> for Minutes {
    /// Decimal minutes, as they are written.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let minutes = f64::deserialize(d)?;
        if !minutes.is_finite() {
            return Err(serde::de::Error::custom("is no number of minutes"));
        }
        #[allow(clippy::cast_possible_truncation, reason = "saturates")]
        Ok(Self((minutes * 60_000.0).round() as i64))
    }
}

impl Serialize for Minutes {
    /// A decimal number of minutes, unrounded; whole minutes without a fraction.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.0 % 60_000 == 0 { s.serialize_i64(self.0 / 60_000) } else { s.serialize_f64(self.as_f64()) }
    }
}

/// Whole minutes, or with `{:.n}` so many decimals, rounded half away from zero.
impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(0);
        // Not `f.pad`, which would take the precision for a greatest width.
        let text = round_decimal(i128::from(self.0), 60_000, decimals);
        write!(f, "{text:>width$}", width = f.width().unwrap_or(0))
    }
}

/// A share, kept as the numbers that it was made of, so that each percentage can be traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: i64,
    denominator: i64,
}

impl Ratio {
    /// `numerator / denominator`; absent when the denominator is not positive.
    pub const fn new(numerator: i64, denominator: i64) -> Option<Self> {
        if denominator > 0 { Some(Self { numerator, denominator }) } else { None }
    }

    /// A share of minutes; absent when there are none to share.
    pub const fn of_minutes(numerator: Minutes, denominator: Minutes) -> Option<Self> {
        Self::new(numerator.0, denominator.0)
    }

    /// A share of a count; absent when nothing was counted.
    #[allow(clippy::cast_possible_wrap, reason = "counts of cases and sessions")]
    pub const fn of_counts(numerator: u64, denominator: u64) -> Option<Self> {
        Self::new(numerator as i64, denominator as i64)
    }

    /// The numerator as it was given (milliseconds or a count).
    pub const fn numerator(self) -> i64 {
        self.numerator
    }

    /// The denominator as it was given.
    pub const fn denominator(self) -> i64 {
        self.denominator
    }

    /// As a number, 1 for 100 %.
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    pub fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// As a percentage with so many decimals, rounded half away from zero, without the sign: `67.92`.
    pub fn percent(self, decimals: usize) -> String {
        round_decimal(i128::from(self.numerator) * 100, i128::from(self.denominator), decimals)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.as_f64())
    }
}

/// `numerator / denominator` in decimal, rounded half away from zero; never `-0`.
fn round_decimal(numerator: i128, denominator: i128, decimals: usize) -> String {
    let decimals = decimals.min(9);
    let scale = (0..decimals).fold(1_i128, |scale, _| scale * 10);
    let scaled = numerator.abs() * scale;
    let mut quotient = scaled / denominator;
    if (scaled % denominator) * 2 >= denominator {
        quotient += 1;
    }
    let sign = if numerator < 0 && quotient != 0 { "-" } else { "" };
    if decimals == 0 {
        format!("{sign}{quotient}")
    } else {
        format!("{sign}{}.{:0decimals$}", quotient / scale, quotient % scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero() {
        for (millis, decimals, text) in [
            (30_000, 0, "1"),
            (-30_000, 0, "-1"),
            (29_999, 0, "0"),
            (-29_999, 0, "0"),
            (90_000, 1, "1.5"),
            (60_000 * 163, 0, "163"),
        ] {
            assert_eq!(format!("{:.decimals$}", Minutes::from_millis(millis)), text, "{millis} ms");
        }
        assert_eq!(Ratio::new(163, 240).unwrap().percent(2), "67.92");
        assert_eq!(Ratio::new(1, 8).unwrap().percent(0), "13");
        assert_eq!(Ratio::new(1, 0), None);
    }
}
