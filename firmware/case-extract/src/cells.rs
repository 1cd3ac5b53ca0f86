//! What single cells mean: times, numbers, codes and ids, each with the words for what is wrong with it.

use room_events::id::IdError;

use crate::mapping::{Code, IdRule};
use crate::mapping_toml::code_name;
use crate::time_format::{Format, Reading};

/// Whether the day or the month comes first in dates such as 03/04/2022.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOrder {
    DayFirst,
    MonthFirst,
}

impl DateOrder {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DayFirst => "day-first",
            Self::MonthFirst => "month-first",
        }
    }
}

/// What a date of figures tells about the order of day and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Not such a date, or the same either way.
    Nothing,
    /// Could be either.
    Ambiguous,
    Shows(DateOrder),
}

/// Looks at a cell that may begin with `d/m/y`; the separators `/`, `.` and `-` count.
pub(crate) fn evidence(cell: &[u8]) -> Evidence {
    let mut parts = cell.splitn(3, |b| matches!(b, b'/' | b'.' | b'-'));
    let number = |part: Option<&[u8]>| match part {
        Some([a @ b'0'..=b'9']) => Some(u32::from(a - b'0')),
        Some([a @ b'0'..=b'9', b @ b'0'..=b'9']) => Some(u32::from(a - b'0') * 10 + u32::from(b - b'0')),
        _ => None,
    };
    let (Some(first), Some(second)) = (number(parts.next()), number(parts.next())) else { return Evidence::Nothing };
    let year = parts.next().unwrap_or_default();
    if year.len() < 4 || !year.iter().take(4).all(u8::is_ascii_digit) {
        return Evidence::Nothing;
    }
    match (first, second) {
        (13..=31, 1..=12) => Evidence::Shows(DateOrder::DayFirst),
        (1..=12, 13..=31) => Evidence::Shows(DateOrder::MonthFirst),
        (1..=12, 1..=12) if first != second => Evidence::Ambiguous,
        _ => Evidence::Nothing,
    }
}

/// The formats tried when the mapping gives none.
pub(crate) fn usual_formats(order: DateOrder) -> Vec<Format> {
    let date = match order {
        DateOrder::DayFirst => ["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"],
        DateOrder::MonthFirst => ["%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y"],
    };
    let times = ["", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p"];
    let mut texts = vec!["iso8601".to_owned()];
    for time in times {
        texts.extend(date.iter().chain(&["%d-%b-%Y", "%d %b %Y"]).map(|date| format!("{date}{time}")));
    }
    texts.extend(times.iter().skip(1).map(|time| time.trim_start().to_owned()));
    texts.iter().filter_map(|text| Format::compile(text).ok()).collect()
}

/// Reads a cell by the first format that fits.
#[inline]
pub(crate) fn reading(formats: &[Format], cell: &[u8]) -> Option<Reading> {
    formats.iter().find_map(|format| format.read(cell))
}

/// Whole minutes or cases: `90`, `90.0`, or hours and minutes `1:30`.
pub(crate) fn number(cell: &[u8]) -> Option<u16> {
    let digits = |part: &[u8]| {
        (!part.is_empty() && part.len() <= 5 && part.iter().all(u8::is_ascii_digit))
            .then(|| part.iter().fold(0_u32, |value, b| value * 10 + u32::from(b - b'0')))
    };
    if let Some(at) = cell.iter().position(|&b| b == b':') {
        let (hours, minutes) = (digits(cell.get(..at)?)?, digits(cell.get(at + 1..)?)?);
        return if minutes < 60 { u16::try_from(hours * 60 + minutes).ok() } else { None };
    }
    let whole = match cell.iter().position(|&b| b == b'.') {
        Some(at) if cell.get(at + 1..)?.iter().all(|&b| b == b'0') => cell.get(..at)?,
        Some(_) => return None,
        None => cell,
    };
    u16::try_from(digits(whole)?).ok()
}

/// What a code means, by the value map, else by its own name.
pub(crate) fn code<T: Copy>(code: &Code<T, usize>, cell: &str, from_name: fn(&str) -> Option<T>) -> Option<T> {
    match code {
        Code::Constant(value) => Some(*value),
        Code::Column { values, .. } => mapped(values, cell).copied().or_else(|| from_name(&code_name(cell))),
    }
}

/// The value mapped to this text, spelt exactly so, else but for upper and lower case.
fn mapped<'m, T>(values: &'m [(String, T)], cell: &str) -> Option<&'m T> {
    let exact = values.iter().find(|(from, _)| from.trim() == cell);
    let found = exact.or_else(|| values.iter().find(|(from, _)| from.trim().to_lowercase() == cell.to_lowercase()));
    found.map(|(_, to)| to)
}

/// The text of an id; whether it is one is for its type to say.
pub(crate) fn id_text(rule: &IdRule<usize>, cell: &str) -> String {
    if let Some(id) = mapped(&rule.values, cell) {
        return id.clone();
    }
    let text = if rule.lower_case { cell.to_lowercase() } else { cell.to_owned() };
    let text = if rule.dashes { dashed(&text) } else { text };
    format!("{}{text}", rule.prefix)
}

/// Each run of characters that an id cannot have becomes one `-`.
pub(crate) fn dashed(text: &str) -> String {
    let words = text.split(|c: char| !matches!(c, 'a'..='z' | '0'..='9'));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Why a value cannot be an id, without the remedy, which depends on the mapping.
pub(crate) fn id_fault(error: IdError) -> String {
    match error {
        IdError::Empty => "nothing is left of it".to_owned(),
        IdError::TooLong => "it is longer than 32 characters".to_owned(),
        IdError::Character(c) => format!("it has the character {c:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_shows_its_order_or_not() {
        for (cell, expected) in [
            ("31/01/2022 08:00", Evidence::Shows(DateOrder::DayFirst)),
            ("1.31.2022", Evidence::Shows(DateOrder::MonthFirst)),
            ("3/4/2022", Evidence::Ambiguous),
            ("04-04-2022", Evidence::Nothing),
            ("2022-01-31", Evidence::Nothing),
            ("31/31/2022", Evidence::Nothing),
            ("1/2/x", Evidence::Nothing),
            ("", Evidence::Nothing),
        ] {
            assert_eq!(evidence(cell.as_bytes()), expected, "{cell}");
        }
    }

    #[test]
    fn minutes_may_be_written_in_hours() {
        for (cell, expected) in [
            ("90", Some(90)),
            ("90.0", Some(90)),
            ("1:30", Some(90)),
            ("90.5", None),
            ("-5", None),
            ("70000", None),
            ("1:75", None),
            (":", None),
        ] {
            assert_eq!(number(cell.as_bytes()), expected, "{cell}");
        }
    }

    #[test]
    fn the_usual_formats_all_compile() {
        assert_eq!(usual_formats(DateOrder::DayFirst).len(), 36);
    }
}
