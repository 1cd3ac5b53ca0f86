//! Numbers and dates as text, straight into a byte buffer.
//!
//! A national year of sessions is 312,000 rows of 39 columns, and the general formatting machinery would take most of
//! the time of such an export. Integers and dates are written digit by digit; a decimal fraction of the size of a ratio
//! or of cases per list is found with integer arithmetic, everything else is left to the standard library. The text of a
//! number is the shortest that reads back as the same number, as the standard library gives it.

use std::io::Write;

use chrono::{Datelike, NaiveDate};
use room_events::UtcMillis;

use crate::quantity::Minutes;

const PAIRS: &[u8; 200] =
    b"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/// The most digits of a `u64`.
const MOST_DIGITS: usize = 20;

/// The digits of `value` at the end of a buffer, and where they begin.
fn digits(mut value: u64) -> ([u8; MOST_DIGITS], usize) {
    let mut buffer = [b'0'; MOST_DIGITS];
    let mut start = MOST_DIGITS;
    while value >= 10_000 {
        let four = value % 10_000;
        value /= 10_000;
        start -= 4;
        buffer[start..start + 2].copy_from_slice(&pair(four / 100));
        buffer[start + 2..start + 4].copy_from_slice(&pair(four));
    }
    while value >= 10 {
        start -= 2;
        buffer[start..start + 2].copy_from_slice(&pair(value));
        value /= 100;
    }
    if value > 0 || start == MOST_DIGITS {
        start -= 1;
        buffer[start] = last_digit(value);
    }
    (buffer, start)
}

/// Both digits of a number below 100.
#[allow(clippy::cast_possible_truncation, reason = "a pair is below 100")]
const fn pair(value: u64) -> [u8; 2] {
    let from = (value % 100) as usize * 2;
    [PAIRS[from], PAIRS[from + 1]]
}

#[allow(clippy::cast_possible_truncation, reason = "a digit is below 10")]
const fn last_digit(value: u64) -> u8 {
    b'0' + (value % 10) as u8
}

#[inline]
pub(super) fn push_count(out: &mut Vec<u8>, value: u64) {
    // Nearly every count and minute is below 1,000; a copy of known length needs no call.
    match value {
        0..10 => out.push(last_digit(value)),
        10..100 => out.extend_from_slice(&pair(value)),
        100..1000 => {
            let [tens, units] = pair(value % 100);
            out.extend_from_slice(&[last_digit(value / 100), tens, units]);
        }
        1000.. => push_padded(out, value, 1),
    }
}

fn push_integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_count(out, value.unsigned_abs());
}

/// With at least `width` digits, at most [`MOST_DIGITS`].
fn push_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let (buffer, start) = digits(value);
    out.extend_from_slice(&buffer[start.min(MOST_DIGITS - width)..]);
}

/// The digits after the decimal point. Most ratios have 16 to 18 of them: those are written in eights, whose copies have
/// a known length.
fn push_fraction(out: &mut Vec<u8>, value: u64, width: usize) {
    const EIGHT: u64 = 100_000_000;
    let (high, middle, low) = (value / EIGHT / EIGHT, value / EIGHT % EIGHT, value % EIGHT);
    match width {
        16 => {}
        17 => out.push(last_digit(high)),
        18 => out.extend_from_slice(&pair(high)),
        _ => return push_padded(out, value, width),
    }
    out.extend_from_slice(&eight(middle));
    out.extend_from_slice(&eight(low));
}

const fn eight(value: u64) -> [u8; 8] {
    let ([a, b], [c, d]) = (pair(value / 1_000_000), pair(value / 10_000));
    let ([e, f], [g, h]) = (pair(value / 100), pair(value));
    [a, b, c, d, e, f, g, h]
}

/// A decimal number of minutes, without a fraction where they are whole.
pub(super) fn push_minutes(out: &mut Vec<u8>, minutes: Minutes) {
    let millis = minutes.millis();
    if millis % 60_000 == 0 { push_integer(out, millis / 60_000) } else { push_number(out, minutes.as_f64()) }
}

/// The calendar date, `2022-02-11`.
pub(super) fn push_date(out: &mut Vec<u8>, date: NaiveDate) {
    match u64::try_from(date.year()) {
        Ok(year @ 0..=9999) => push_civil(out, year, date.month(), date.day()),
        Ok(_) | Err(_) => push_display(out, date),
    }
}

fn push_civil(out: &mut Vec<u8>, year: u64, month: u32, day: u32) {
    let ([y1, y2], [y3, y4]) = (pair(year / 100), pair(year));
    let ([m1, m2], [d1, d2]) = (pair(month.into()), pair(day.into()));
    out.extend_from_slice(&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]);
}

/// RFC 3339 in UTC as [`UtcMillis`] prints it.
pub(super) fn push_instant(out: &mut Vec<u8>, at: UtcMillis) {
    const DAY: i64 = 86_400_000;
    let date = i32::try_from(at.millis().div_euclid(DAY)).ok().and_then(NaiveDate::from_epoch_days);
    let (Some(date), Ok(in_day)) = (date, u32::try_from(at.millis().rem_euclid(DAY))) else {
        return push_display(out, at);
    };
    push_date(out, date);
    let ([h1, h2], [m1, m2]) = (pair((in_day / 3_600_000).into()), pair((in_day / 60_000 % 60).into()));
    let [s1, s2] = pair((in_day / 1000 % 60).into());
    out.extend_from_slice(&[b'T', h1, h2, b':', m1, m2, b':', s1, s2]);
    if in_day % 1000 != 0 {
        out.push(b'.');
        push_padded(out, u64::from(in_day % 1000), 3);
    }
    out.push(b'Z');
}

fn push_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing into a Vec cannot fail.
    let _ = write!(out, "{value}");
}

/// A finite number; nothing for any other.
pub(super) fn push_number(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        return;
    }
    if value == 0.0 {
        return out.push(b'0');
    }
    if value < 0.0 {
        out.push(b'-');
    }
    let value = value.abs();
    match shortest(value) {
        Some(Decimal { whole, fraction, width }) => {
            push_count(out, whole);
            if width > 0 {
                out.push(b'.');
                push_fraction(out, fraction, width);
            }
        }
        None => push_display(out, value),
    }
}

/// `whole + fraction / 10^width`
struct Decimal {
    whole: u64,
    fraction: u64,
    width: usize,
}

/// The shortest decimal that reads back as `value`, for 0.01 <= value < 1000.
///
/// With value = m / 2^k, the decimal D / 10^q reads back as `value` if it is nearer than half a step of the binary
/// numbers there: |D * 2^k - m * 10^q| * 2 < 10^q. (On the other side of a power of two the step is half as wide, but
/// the powers of two in this range are short decimals themselves.) Fifteen digits come back from any binary number that
/// they name, so they are tried first; seventeen always suffice. All products stay below 2^117.
fn shortest(value: f64) -> Option<Decimal> {
    let below_ten_to = match value {
        v if !(0.01..1000.0).contains(&v) => return None,
        v if v < 0.1 => -1,
        v if v < 1.0 => 0,
        v if v < 10.0 => 1,
        v if v < 100.0 => 2,
        _ => 3,
    };
    let bits = value.to_bits();
    let m = u128::from(bits & ((1 << 52) - 1) | 1 << 52);
    let k = 1075 - (bits >> 52);
    [15, 16, 17].into_iter().find_map(|significant: i32| {
        let places = usize::try_from(significant - below_ten_to).ok()?;
        let scale = POWERS_OF_TEN[places];
        let scaled = m * u128::from(scale);
        let decimal = (scaled + (1 << (k - 1))) >> k;
        let error = (decimal << k).abs_diff(scaled);
        if error * 2 >= u128::from(scale) {
            return None;
        }
        let decimal = u64::try_from(decimal).ok()?;
        let (whole, mut fraction, mut width) = (decimal / scale, decimal % scale, places);
        if fraction == 0 {
            width = 0;
        }
        while width > 0 && fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        Some(Decimal { whole, fraction, width })
    })
}

const POWERS_OF_TEN: [u64; 19] = {
    let mut powers = [1; 19];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(value: f64) -> String {
        let mut out = Vec::new();
        push_number(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn check_number(value: f64) {
        assert_eq!(number(value), format!("{value}"), "{value:?}");
    }

    #[test]
    fn numbers_on_the_edges_are_those_of_the_standard_library() {
        for value in
            [1.0_f64, 10.0, 100.0, 999.0, 1000.0, 0.01, 0.1, 0.5, 0.25, 0.75, 0.015_625, 64.0, 1.0 / 3.0, 2.0 / 3.0]
        {
            for bits in (value.to_bits() - 3)..=(value.to_bits() + 3) {
                check_number(f64::from_bits(bits));
                check_number(-f64::from_bits(bits));
            }
        }
        assert_eq!((number(0.0), number(-0.0), number(f64::NAN)), ("0".to_owned(), "0".to_owned(), String::new()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn numbers_are_those_of_the_standard_library(
            n in 0_i64..40_000_000, d in 1_i64..40_000_000, wild in any::<f64>(), near in 0.001_f64..2000.0
        ) {
            #[allow(clippy::cast_precision_loss)]
            let ratio = n as f64 / d as f64;
            for value in [ratio, near] {
                prop_assert_eq!(number(value), format!("{}", value));
            }
            if wild.is_finite() && wild != 0.0 {
                prop_assert_eq!(number(wild), format!("{}", wild));
            }
        }

        #[test]
        fn instants_dates_and_counts_are_those_of_their_display(
            millis in UtcMillis::MIN.millis()..=UtcMillis::MAX.millis(), days in -4_000_000_i32..4_000_000, count in any::<u64>()
        ) {
            let mut out = Vec::new();
            let at = UtcMillis::saturating(millis);
            push_instant(&mut out, at);
            prop_assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), at.to_string());
            let date = NaiveDate::from_epoch_days(days).unwrap();
            push_date(&mut out, date);
            prop_assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), date.to_string());
            push_count(&mut out, count);
            prop_assert_eq!(String::from_utf8(out).unwrap(), count.to_string());
        }
    }
}
