//! Reads a date, a time of day or both from a cell, by a format in strftime notation or as ISO 8601.
//!
//! Written by hand because a national extract has millions of times in one format of fixed width: such a format is read
//! at fixed places. Numbers may lack their leading zero (`3/1/2022 8:05`), years have four digits unless `%y` is asked
//! for, a space stands for one or more. What instant a local time is, is decided in `local_time`.

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reading {
    /// Days since 1970-01-01.
    pub(crate) day: Option<i32>,
    /// Milliseconds since midnight.
    pub(crate) time: Option<u32>,
    /// Seconds east of UTC, where the text says so.
    pub(crate) offset: Option<i32>,
}

/// A cell that has date and time of day at fixed places.
#[derive(Clone, Copy)]
pub(crate) struct Whole<'f> {
    fixed: &'f Fixed,
    digits: [u128; 2],
}

/// The digits of a date. Equal ones in one format are one date.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DateDigits([u128; 2]);

impl DateDigits {
    /// No cell's.
    pub(crate) const NONE: Self = Self([u128::MAX; 2]);

    /// As `==`, without a way through memory.
    #[inline]
    pub(crate) const fn is(self, other: Self) -> bool {
        (self.0[0] ^ other.0[0]) | (self.0[1] ^ other.0[1]) == 0
    }
}

impl Whole<'_> {
    /// The digits of its date.
    #[inline]
    pub(crate) fn date_digits(&self) -> DateDigits {
        let ([first, last], [of_first, of_last]) = (self.digits, self.fixed.date_bytes);
        DateDigits([first & of_first, last & of_last])
    }

    /// Days since 1970-01-01; `None` if there is no such date.
    pub(crate) fn day(&self) -> Option<i32> {
        Numbers::of(self.digits).day(self.fixed)
    }

    /// Milliseconds since midnight; `None` if there is no such time of day.
    #[inline]
    pub(crate) fn time(&self) -> Option<u32> {
        Numbers::of(self.digits).time(self.fixed)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Year,
    YearOfCentury,
    Month,
    MonthName,
    Day,
    Weekday,
    Hour,
    Hour12,
    HalfOfDay,
    Minute,
    Second,
    Fraction,
    Offset,
    Space,
    Literal(u8),
}

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Iso8601,
    Items { items: Vec<Item>, fixed: Option<Box<Fixed>>, shortest: usize },
}

/// Where each number lies in a cell of a format whose every item has one width, and what each byte must be.
///
/// Such a cell is looked at as two halves of 8 or of 16 bytes, its first ones and its last ones, which may overlap: each
/// is one number, so that it takes a few instructions to hold all its bytes against the pattern. A place in the last half
/// is counted from 16.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Fixed {
    len: usize,
    century: Option<usize>,
    year: usize,
    month: usize,
    day: usize,
    hour: Option<usize>,
    minute: usize,
    second: Option<usize>,
    /// Of each half the literals, and `0` for a digit.
    pattern: [u128; 2],
    /// What brings the highest bit of a byte about that is too far from the pattern: by more than 9 for a digit.
    headroom: [u128; 2],
    /// All bits of the bytes that are digits of a date.
    date_bytes: [u128; 2],
}

impl Fixed {
    #[inline]
    const fn is_whole(&self) -> bool {
        self.century.is_some() && self.hour.is_some()
    }
}

const SHORT_HALF: usize = 8;
const LONG_HALF: usize = 16;
/// All bits of all bytes but their highest.
const LOW_BITS: u128 = u128::MAX / 255 * 127;

/// The name of the ISO 8601 format in a mapping.
pub(crate) const ISO_8601: &str = "iso8601";

impl Format {
    /// Compiles a format; the error says what is wrong with it and the remedy.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        if text == ISO_8601 {
            return Ok(Self { text: text.to_owned(), kind: Kind::Iso8601 });
        }
        let items = items_of(text)?;
        let has = |item| items.contains(&item);
        let date =
            [has(Item::Year) || has(Item::YearOfCentury), has(Item::Month) || has(Item::MonthName), has(Item::Day)];
        let time = [has(Item::Hour) || (has(Item::Hour12) && has(Item::HalfOfDay)), has(Item::Minute)];
        let whole = |parts: &[bool]| parts.iter().all(|&p| p) || !parts.iter().any(|&p| p);
        if !whole(&date) {
            return Err(format!("time format {text:?} has only a part of a date (give year, month and day)"));
        }
        if !whole(&time) || (has(Item::Hour12) && !has(Item::HalfOfDay)) {
            return Err(format!("time format {text:?} has only a part of a time of day (give %H:%M, or %I:%M %p)"));
        }
        if !date[0] && !time[0] {
            return Err(format!(
                "time format {text:?} has neither a date nor a time of day (such as \"%d/%m/%Y %H:%M\")"
            ));
        }
        let fixed = fixed_of(&items).map(Box::new);
        let shortest = items.iter().map(|item| if *item == Item::Year { 4 } else { 1 }).sum();
        Ok(Self { text: text.to_owned(), kind: Kind::Items { items, fixed, shortest } })
    }

    /// The format as the mapping has it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// A trimmed cell that has date and time of day at the places of this format; `None` is for [`Format::read`] to read.
    #[inline]
    pub(crate) fn read_whole(&self, cell: &[u8]) -> Option<Whole<'_>> {
        match &self.kind {
            Kind::Items { fixed: Some(fixed), .. } if fixed.is_whole() => {
                Some(Whole { fixed, digits: digits_in(fixed, cell)? })
            }
            Kind::Items { .. } | Kind::Iso8601 => None,
        }
    }

    /// Reads a trimmed cell; `None` if it is not in this format.
    #[inline]
    pub(crate) fn read(&self, cell: &[u8]) -> Option<Reading> {
        match &self.kind {
            Kind::Iso8601 => read_iso_8601(cell),
            Kind::Items { shortest, .. } if cell.len() < *shortest => None,
            Kind::Items { items, fixed, .. } => {
                if let Some(fixed) = fixed
                    && let Some(reading) = read_fixed(fixed, cell)
                {
                    return Some(reading);
                }
                read_items(items, cell)
            }
        }
    }
}

fn items_of(text: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b' ' || byte == b'\t' {
            items.push(Item::Space);
            continue;
        }
        if byte != b'%' {
            items.push(Item::Literal(byte));
            continue;
        }
        let mut code = bytes.next();
        if matches!(code, Some(b'-' | b'_' | b'0')) {
            code = bytes.next();
        }
        match code {
            Some(b'Y') => items.push(Item::Year),
            Some(b'y') => items.push(Item::YearOfCentury),
            Some(b'm') => items.push(Item::Month),
            Some(b'b' | b'B' | b'h') => items.push(Item::MonthName),
            Some(b'd' | b'e') => items.push(Item::Day),
            Some(b'a' | b'A') => items.push(Item::Weekday),
            Some(b'H' | b'k') => items.push(Item::Hour),
            Some(b'I' | b'l') => items.push(Item::Hour12),
            Some(b'p' | b'P') => items.push(Item::HalfOfDay),
            Some(b'M') => items.push(Item::Minute),
            Some(b'S') => items.push(Item::Second),
            Some(b'f') => items.push(Item::Fraction),
            Some(b'z') => items.push(Item::Offset),
            Some(b'F') => items.extend(items_of("%Y-%m-%d")?),
            Some(b'R') => items.extend(items_of("%H:%M")?),
            Some(b'T') => items.extend(items_of("%H:%M:%S")?),
            Some(b'%') => items.push(Item::Literal(b'%')),
            Some(b':') if bytes.next() == Some(b'z') => items.push(Item::Offset),
            Some(first @ (b'.' | b'3' | b'6' | b'9')) => {
                let rest = bytes.by_ref().find(|b| !b.is_ascii_digit());
                if rest != Some(b'f') {
                    return Err(unknown_specifier(text));
                }
                if first == b'.' {
                    items.push(Item::Literal(b'.'));
                }
                items.push(Item::Fraction);
            }
            Some(_) | None => return Err(unknown_specifier(text)),
        }
    }
    Ok(items)
}

fn unknown_specifier(text: &str) -> String {
    format!(
        "time format {text:?} has a specifier that is not known (use %Y %y %m %b %d %a %H %I %p %M %S %f %z %F %R %T, \
         or {ISO_8601:?})"
    )
}

/// `None` if an item has no one width, or the whole is not as long as two halves may be.
fn fixed_of(items: &[Item]) -> Option<Fixed> {
    // Byte by byte, as in the cell: the pattern, what a byte may not reach, the dates' bytes; and where the items begin.
    let (mut pattern, mut headroom, mut dates, mut begins) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for &item in items {
        let (width, literal) = match item {
            Item::Year => (4, None),
            Item::Month | Item::Day | Item::Hour | Item::Minute | Item::Second => (2, None),
            Item::Space => (1, Some(b' ')),
            Item::Literal(byte) => (1, Some(byte)),
            Item::YearOfCentury
            | Item::MonthName
            | Item::Weekday
            | Item::Hour12
            | Item::HalfOfDay
            | Item::Fraction
            | Item::Offset => return None,
        };
        begins.push((item, pattern.len()));
        pattern.resize(pattern.len() + width, literal.unwrap_or(b'0'));
        headroom.resize(pattern.len(), if literal.is_none() { 0x7f - 9 } else { 0x7f });
        dates.resize(pattern.len(), if matches!(item, Item::Year | Item::Month | Item::Day) { u8::MAX } else { 0 });
    }
    let len = pattern.len();
    let half = match len {
        SHORT_HALF..LONG_HALF => SHORT_HALF,
        LONG_HALF..=32 => LONG_HALF,
        _ => return None,
    };
    let tail = len - half;
    let halves = |bytes: &[u8]| {
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte));
        Some([number(bytes.get(..half)?), number(bytes.get(tail..)?)])
    };
    let (pattern, headroom, date_bytes) = (halves(&pattern)?, halves(&headroom)?, halves(&dates)?);
    let mut fixed = Fixed { len, pattern, headroom, date_bytes, ..Fixed::default() };
    // Both digits of a pair lie in one half.
    let place = |at: usize| if at + 2 <= half { at } else { at - tail + LONG_HALF };
    for (item, at) in begins {
        match item {
            Item::Year => (fixed.century, fixed.year) = (Some(place(at)), place(at + 2)),
            Item::Month => fixed.month = place(at),
            Item::Day => fixed.day = place(at),
            Item::Hour => fixed.hour = Some(place(at)),
            Item::Minute => fixed.minute = place(at),
            Item::Second => fixed.second = Some(place(at)),
            Item::Space
            | Item::Literal(_)
            | Item::YearOfCentury
            | Item::MonthName
            | Item::Weekday
            | Item::Hour12
            | Item::HalfOfDay
            | Item::Fraction
            | Item::Offset => {}
        }
    }
    Some(fixed)
}

#[inline]
fn read_fixed(fixed: &Fixed, cell: &[u8]) -> Option<Reading> {
    let numbers = Numbers::of(digits_in(fixed, cell)?);
    let mut reading = Reading::default();
    if fixed.century.is_some() {
        reading.day = Some(numbers.day(fixed)?);
    }
    if fixed.hour.is_some() {
        reading.time = Some(numbers.time(fixed)?);
    }
    Some(reading)
}

/// The values of the digits in both halves of a cell, 0 where there is a literal; `None` if a byte is not what it must be.
#[inline]
fn digits_in(fixed: &Fixed, cell: &[u8]) -> Option<[u128; 2]> {
    if fixed.len != cell.len() {
        return None;
    }
    let (first, last) = if fixed.len < LONG_HALF {
        let number = |bytes: &[u8; SHORT_HALF]| u128::from(u64::from_le_bytes(*bytes));
        (number(cell.first_chunk()?), number(cell.last_chunk()?))
    } else {
        (u128::from_le_bytes(*cell.first_chunk()?), u128::from_le_bytes(*cell.last_chunk()?))
    };
    // What a digit is from `0` is its value; from a literal its own byte is 0.
    let (first, last) = (first ^ fixed.pattern[0], last ^ fixed.pattern[1]);
    let beyond = (((first & LOW_BITS) + fixed.headroom[0]) | first) | (((last & LOW_BITS) + fixed.headroom[1]) | last);
    if beyond & !LOW_BITS == 0 { Some([first, last]) } else { None }
}

/// At each place of both halves the number that its digit and the next one make.
struct Numbers([u8; 2 * LONG_HALF]);

impl Numbers {
    #[inline]
    fn of([first, last]: [u128; 2]) -> Self {
        let pairs = |digits: u128| (digits << 3) + (digits << 1) + (digits >> 8);
        let mut numbers = [0; 2 * LONG_HALF];
        let (of_first, of_last) = numbers.split_at_mut(LONG_HALF);
        of_first.copy_from_slice(&pairs(first).to_le_bytes());
        of_last.copy_from_slice(&pairs(last).to_le_bytes());
        Self(numbers)
    }

    #[inline]
    fn at(&self, place: usize) -> u32 {
        u32::from(self.0[place % (2 * LONG_HALF)])
    }

    fn day(&self, fixed: &Fixed) -> Option<i32> {
        let year = self.at(fixed.century?) * 100 + self.at(fixed.year);
        days_from_civil(year, self.at(fixed.month), self.at(fixed.day))
    }

    #[inline]
    fn time(&self, fixed: &Fixed) -> Option<u32> {
        let second = fixed.second.map_or(0, |second| self.at(second));
        time_of_day(self.at(fixed.hour?), self.at(fixed.minute), second, 0)
    }
}

#[inline]
fn two_digits(cell: &[u8], at: usize) -> Option<u32> {
    let tens = cell.get(at)?.wrapping_sub(b'0');
    let units = cell.get(at + 1)?.wrapping_sub(b'0');
    (tens < 10 && units < 10).then(|| u32::from(tens) * 10 + u32::from(units))
}

/// 0 to `most` digits from the front of `rest`, and how many there were.
fn take_number(rest: &mut &[u8], most: usize) -> Option<(u32, usize)> {
    let len = rest.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
    let (digits, after) = rest.split_at_checked(len)?;
    *rest = after;
    let value = digits.iter().fold(0_u32, |value, b| value.wrapping_mul(10).wrapping_add(u32::from(b - b'0')));
    (len > 0).then_some((value, len))
}

fn take_byte(rest: &mut &[u8], byte: u8) -> Option<()> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    (first == byte).then_some(())
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn take_word<'c>(rest: &mut &'c [u8]) -> Option<&'c [u8]> {
    let len = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let (word, after) = rest.split_at_checked(len)?;
    *rest = after;
    (len > 0).then_some(word)
}

fn take_month(rest: &mut &[u8]) -> Option<u32> {
    let word = take_word(rest)?;
    let is = |name: &&str| {
        word.eq_ignore_ascii_case(name.as_bytes())
            || name.as_bytes().get(..3).is_some_and(|short| word.eq_ignore_ascii_case(short))
            || (*name == "september" && word.eq_ignore_ascii_case(b"sept"))
    };
    u32::try_from(MONTHS.iter().position(is)? + 1).ok()
}

/// Thousandths from 1 to 9 digits of a fraction.
fn take_fraction(rest: &mut &[u8]) -> Option<u32> {
    let (value, len) = take_number(rest, 3)?;
    let millis = value * [100, 10, 1][len - 1];
    let _finer_than_millis = take_number(rest, 6);
    Some(millis)
}

fn take_offset(rest: &mut &[u8]) -> Option<i32> {
    let (&sign, after) = rest.split_first()?;
    *rest = after;
    let sign = match sign {
        b'Z' | b'z' => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, 2) = take_number(rest, 2)? else { return None };
    if rest.first() == Some(&b':') {
        take_byte(rest, b':')?;
    }
    let minutes = match take_number(rest, 2) {
        Some((minutes, 2)) => minutes,
        None => 0,
        Some(_) => return None,
    };
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    (hours <= 23 && minutes <= 59).then_some(sign * seconds)
}

fn read_items(items: &[Item], cell: &[u8]) -> Option<Reading> {
    let mut rest = cell;
    let (mut year, mut month, mut day) = (None, 0, 0);
    let (mut hour, mut minute, mut second, mut millis) = (None, 0, 0, 0);
    let (mut afternoon, mut twelve, mut offset) = (false, false, None);
    for item in items {
        match item {
            Item::Year => match take_number(&mut rest, 4)? {
                (value, 4) => year = Some(value),
                _ => return None,
            },
            Item::YearOfCentury => match take_number(&mut rest, 2)? {
                // POSIX: 69 to 99 are 1969 to 1999.
                (value, 2) => year = Some(if value < 69 { 2000 + value } else { 1900 + value }),
                _ => return None,
            },
            Item::Month => month = take_number(&mut rest, 2)?.0,
            Item::MonthName => month = take_month(&mut rest)?,
            Item::Day => day = take_number(&mut rest, 2)?.0,
            Item::Weekday => {
                take_word(&mut rest)?;
            }
            Item::Hour => hour = Some(take_number(&mut rest, 2)?.0),
            Item::Hour12 => {
                let (value, _) = take_number(&mut rest, 2)?;
                if !(1..=12).contains(&value) {
                    return None;
                }
                twelve = true;
                hour = Some(value % 12);
            }
            Item::HalfOfDay => {
                let word = take_word(&mut rest)?;
                afternoon = word.eq_ignore_ascii_case(b"pm");
                if !afternoon && !word.eq_ignore_ascii_case(b"am") {
                    return None;
                }
            }
            Item::Minute => minute = take_number(&mut rest, 2)?.0,
            Item::Second => second = take_number(&mut rest, 2)?.0,
            Item::Fraction => millis = take_fraction(&mut rest)?,
            Item::Offset => offset = Some(take_offset(&mut rest)?),
            Item::Space => {
                let spaces = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                if spaces == 0 {
                    return None;
                }
                rest = rest.get(spaces..)?;
            }
            Item::Literal(byte) => take_byte(&mut rest, *byte)?,
        }
    }
    if !rest.is_empty() {
        return None;
    }
    let day = match year {
        Some(year) => Some(days_from_civil(year, month, day)?),
        None => None,
    };
    let time = match hour {
        Some(hour) => Some(time_of_day(if twelve && afternoon { hour + 12 } else { hour }, minute, second, millis)?),
        None => None,
    };
    Some(Reading { day, time, offset })
}

/// `2022-01-03`, `2022-01-03T07:00`, `2022-01-03 07:00:05.25Z`, `2022-01-03T07:00:05+01:00`.
fn read_iso_8601(cell: &[u8]) -> Option<Reading> {
    let year = two_digits(cell, 0)? * 100 + two_digits(cell, 2)?;
    if *cell.get(4)? != b'-' || *cell.get(7)? != b'-' {
        return None;
    }
    let day = Some(days_from_civil(year, two_digits(cell, 5)?, two_digits(cell, 8)?)?);
    let mut rest = cell.get(10..)?;
    if rest.is_empty() {
        return Some(Reading { day, time: None, offset: None });
    }
    if !matches!(rest.first(), Some(b'T' | b't' | b' ')) || *rest.get(3)? != b':' {
        return None;
    }
    let (hour, minute) = (two_digits(rest, 1)?, two_digits(rest, 4)?);
    rest = rest.get(6..)?;
    let (mut second, mut millis) = (0, 0);
    if rest.first() == Some(&b':') {
        second = two_digits(rest, 1)?;
        rest = rest.get(3..)?;
        if matches!(rest.first(), Some(b'.' | b',')) {
            rest = rest.get(1..)?;
            millis = take_fraction(&mut rest)?;
        }
    }
    let offset = if rest.is_empty() { None } else { Some(take_offset(&mut rest)?) };
    if !rest.is_empty() {
        return None;
    }
    Some(Reading { day, time: Some(time_of_day(hour, minute, second, millis)?), offset })
}

/// A leap second counts as the last second of its minute.
#[inline]
fn time_of_day(hour: u32, minute: u32, second: u32, millis: u32) -> Option<u32> {
    (hour < 24 && minute < 60 && second <= 60).then(|| ((hour * 60 + minute) * 60 + second.min(59)) * 1000 + millis)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar in the years 1800 to 9999 (a bare time of day comes out of
/// spreadsheets as one of 1899); `None` if there is no such date.
#[inline]
pub(crate) fn days_from_civil(year: u32, month: u32, day: u32) -> Option<i32> {
    const LENGTHS: [u32; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !(1800..=9999).contains(&year) || day == 0 {
        return None;
    }
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = *LENGTHS.get(usize::try_from(month).ok()?)? + u32::from(month == 2 && leap);
    if day > longest {
        return None;
    }
    // Years that begin on 1 March, so that the leap day is the last of its year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    i32::try_from(i64::from(days) - 719_468).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{NaiveDate, NaiveDateTime};

    fn check(format: &str, cell: &str, expected: Option<&str>) {
        let reading = Format::compile(format).unwrap().read(cell.as_bytes());
        let text = reading.map(|r| {
            let date = r.day.map(|d| NaiveDate::from_epoch_days(d).unwrap().to_string());
            let time = r
                .time
                .map(|t| format!("{:02}:{:02}:{:02}.{:03}", t / 3_600_000, t / 60_000 % 60, t / 1000 % 60, t % 1000));
            let offset = r.offset.map(|o| o.to_string());
            [date, time, offset].into_iter().flatten().collect::<Vec<_>>().join(" ")
        });
        assert_eq!(text.as_deref(), expected, "{cell:?} in {format:?}");
    }

    #[test]
    fn cells_are_read_by_their_format() {
        for (format, cell, expected) in [
            ("%Y-%m-%d %H:%M:%S", "2022-01-03 07:05:59", Some("2022-01-03 07:05:59.000")),
            ("%Y-%m-%d %H:%M:%S", "2022-01-03 7:05:59", Some("2022-01-03 07:05:59.000")),
            ("%Y-%m-%d %H:%M:%S", "2022-01-03  07:05:59", Some("2022-01-03 07:05:59.000")),
            ("%Y-%m-%d %H:%M:%S", "2022-01-03 07:05", None),
            ("%d/%m/%Y %H:%M", "3/1/2022 8:05", Some("2022-01-03 08:05:00.000")),
            ("%d/%m/%Y %H:%M", "31/31/2022 08:00", None),
            ("%d/%m/%Y %H:%M", "29/02/2023 08:00", None),
            ("%d/%m/%Y", "29/02/2024", Some("2024-02-29")),
            ("%d/%m/%y %H:%M", "03/01/22 08:05", Some("2022-01-03 08:05:00.000")),
            ("%d-%b-%Y %I:%M %p", "03-Jan-2022 12:05 am", Some("2022-01-03 00:05:00.000")),
            ("%d %B %Y %I:%M%p", "3 September 2022 1:05PM", Some("2022-09-03 13:05:00.000")),
            ("%a %d %b %Y %R", "Mon 03 Jan 2022 08:05", Some("2022-01-03 08:05:00.000")),
            ("%Y%m%d%H%M%S", "20220103080559", Some("2022-01-03 08:05:59.000")),
            ("%F %T%.f", "2022-01-03 08:05:59.1239", Some("2022-01-03 08:05:59.123")),
            ("%F %T%.3f%z", "2022-01-03 08:05:59.120+0100", Some("2022-01-03 08:05:59.120 3600")),
            ("%H:%M", "23:59", Some("23:59:00.000")),
            ("%H%M", "0730", Some("07:30:00.000")),
            ("%H:%M", "24:00", None),
            ("%H:%M", "", None),
            ("iso8601", "2022-01-03", Some("2022-01-03")),
            ("iso8601", "2022-01-03T08:05Z", Some("2022-01-03 08:05:00.000 0")),
            ("iso8601", "2022-01-03 08:05:59,5-02:30", Some("2022-01-03 08:05:59.500 -9000")),
            ("iso8601", "2022-01-03T08:05:60", Some("2022-01-03 08:05:59.000")),
            ("iso8601", "2022-01-03T08:05 ", None),
            ("iso8601", "03/01/2022", None),
            ("iso8601", "2022-01-0\u{e9}", None),
        ] {
            check(format, cell, expected);
        }
    }

    #[test]
    fn a_format_that_cannot_give_an_instant_is_refused() {
        for (format, expected) in [
            ("%d/%m %H:%M", "time format \"%d/%m %H:%M\" has only a part of a date (give year, month and day)"),
            ("%I:%M", "time format \"%I:%M\" has only a part of a time of day (give %H:%M, or %I:%M %p)"),
            ("x", "time format \"x\" has neither a date nor a time of day (such as \"%d/%m/%Y %H:%M\")"),
        ] {
            assert_eq!(Format::compile(format).unwrap_err(), expected);
        }
        assert!(Format::compile("%Q").unwrap_err().starts_with("time format \"%Q\" has a specifier that is not known"));
    }

    #[test]
    fn every_date_agrees_with_chrono() {
        for year in [1800, 1899, 1900, 1999, 2000, 2022, 2023, 2024, 2100, 9999] {
            for month in 0..=13 {
                for day in 0..=32 {
                    let expected = i32::try_from(year)
                        .ok()
                        .and_then(|y| NaiveDate::from_ymd_opt(y, month, day))
                        .map(|date| date.to_epoch_days());
                    assert_eq!(days_from_civil(year, month, day), expected, "{year}-{month}-{day}");
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn what_chrono_writes_is_read_back(seconds in -2_208_988_800_i64..4_102_444_800, which in 0_usize..6) {
            let format = ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d-%b-%Y %I:%M:%S %p", "%B %d %Y %T",
                "%Y%m%d%H%M%S", "%A %e %B %Y, %H:%M:%S"][which];
            let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            let cell = time.format(format).to_string().replace("  ", " ");
            let reading = Format::compile(format).unwrap().read(cell.as_bytes()).unwrap();
            let day = i64::from(reading.day.unwrap());
            proptest::prop_assert_eq!(day * 86_400 + i64::from(reading.time.unwrap()) / 1000, seconds);
            if which < 2 {
                let parsed = NaiveDateTime::parse_from_str(&cell, format).unwrap();
                proptest::prop_assert_eq!(parsed, time);
            }
        }

        #[test]
        fn what_is_read_at_fixed_places_is_what_is_read_item_by_item(
            format in proptest::sample::select(vec!["%Y-%m-%d", "%d/%m/%Y", "%H:%M:%S", "%d/%m/%Y %H:%M",
                "%Y-%m-%d %H:%M", "%d%m%Y at %H%M", "%Y-%m-%d %H:%M:%S", "on %d.%m.%Y at %H:%M:%S.", "%H:%M:%S, %Y..%d..%m"]),
            cell in "[0-3][0-9][0-9/-][0-9/-][0-9/-][0-9/-][0-9/-][0-9/-][0-9/-][0-9]?|[0-9:/ -]{8,19}",
            seconds in 0_i64..4_102_444_800, at in 0_usize..40, byte: u8,
        ) {
            let items = items_of(format).unwrap();
            let fixed = fixed_of(&items).unwrap();
            let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            let right = time.format(format).to_string().into_bytes();
            let mut wrong = right.clone();
            if let Some(there) = wrong.get_mut(at) {
                *there = byte;
            }
            proptest::prop_assert!(read_fixed(&fixed, &right).is_some());
            for cell in [right.as_slice(), &wrong, cell.as_bytes()].into_iter().filter(|cell| cell.len() == fixed.len) {
                // Item by item a number may lack its leading zero and a space may be a tab, so that more is read.
                if let Some(reading) = read_fixed(&fixed, cell) {
                    proptest::prop_assert_eq!(read_items(&items, cell), Some(reading));
                } else if cell.iter().all(|byte| !matches!(byte, b' ' | b'\t')) && fixed.hour.is_none() {
                    proptest::prop_assert_eq!(read_items(&items, cell), None);
                }
            }
        }

        #[test]
        fn no_cell_and_no_format_panics(format in "[%a-zA-Z0-9 :/.]{0,12}", cell in proptest::collection::vec(0_u8..=255, 0..24)) {
            if let Ok(format) = Format::compile(&format) {
                let _ = format.read(&cell);
            }
            let _ = read_iso_8601(&cell);
        }
    }
}
