//! Results as rows of named values, in the column order that readers of the exports rely on.
//!
//! CSV, JSON and the tables on a terminal all print the same pairs of header and [`Value`]; none of them knows a figure
//! by itself. Minutes are decimal numbers and ratios run from 0 to 1, both unrounded; instants are RFC 3339 in UTC; what
//! is absent is empty in CSV and null in JSON. Rounding is left to those who print for people.

mod aside;
mod decimal;
mod scanner;
mod session;

use chrono::NaiveDate;
use room_events::UtcMillis;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::quantity::{Minutes, Ratio};

pub use aside::RowsAside;
pub use scanner::{
    SCANNER_AGGREGATE_COLUMNS, SCANNER_CHANGE_COLUMNS, SCANNER_HOUR_COLUMNS, SCANNER_SESSION_COLUMNS,
    SCANNER_SPLIT_COLUMNS, SCANNER_WEEK_COLUMNS, SPREAD_COLUMNS, scanner_aggregate_row, scanner_change_row,
    scanner_hour_row, scanner_session_row, scanner_split_row, scanner_week_rows, spread_row,
};
pub use session::{SESSION_COLUMNS, session_row, write_csv_row};

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'r> {
    /// An id, a name or a label.
    Text(&'r str),
    /// Several fixed names; in CSV separated by a space, in JSON a list.
    Names(Vec<&'static str>),
    /// How many.
    Count(u64),
    /// A length of time, exported as decimal minutes.
    Minutes(Minutes),
    /// A share of 1 that is a quotient of two sums.
    Ratio(Ratio),
    /// A share of 1 that is not: a mean or a quartile of ratios.
    Share(f64),
    /// Any other number, such as cases per list or a mean of minutes.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// An instant.
    Instant(UtcMillis),
    /// A local date.
    Date(NaiveDate),
    /// Not known, not defined, or not meant for this row.
    Absent,
}

/// What a column holds, the same in all its rows; readers that have types go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Value::Text`].
    Text,
    /// [`Value::Names`].
    Names,
    /// [`Value::Count`].
    Count,
    /// [`Value::Minutes`].
    Minutes,
    /// [`Value::Ratio`] or [`Value::Share`].
    Share,
    /// [`Value::Number`].
    Number,
    /// [`Value::Flag`].
    Flag,
    /// [`Value::Instant`].
    Instant,
    /// [`Value::Date`].
    Date,
}

impl Value<'_> {
    /// The kind of column that it belongs in; what is absent belongs in any.
    pub const fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Text(_) => Kind::Text,
            Self::Names(_) => Kind::Names,
            Self::Count(_) => Kind::Count,
            Self::Minutes(_) => Kind::Minutes,
            Self::Ratio(_) | Self::Share(_) => Kind::Share,
            Self::Number(_) => Kind::Number,
            Self::Flag(_) => Kind::Flag,
            Self::Instant(_) => Kind::Instant,
            Self::Date(_) => Kind::Date,
            Self::Absent => return None,
        })
    }

    /// Its number as it is exported, where it is one: to plot it or to compare it with a target.
    #[allow(clippy::cast_precision_loss, reason = "counts of cases and sessions")]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(*count as f64),
            Self::Minutes(minutes) => Some(minutes.as_f64()),
            Self::Ratio(ratio) => Some(ratio.as_f64()),
            Self::Share(number) | Self::Number(number) => number.is_finite().then_some(*number),
            Self::Text(_) | Self::Names(_) | Self::Flag(_) | Self::Instant(_) | Self::Date(_) | Self::Absent => None,
        }
    }

    /// Appends its CSV form.
    pub fn write_csv(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => push_csv_text(out, text),
            Self::Names(names) => push_names(out, names.iter().copied()),
            Self::Count(count) => decimal::push_count(out, *count),
            Self::Minutes(minutes) => decimal::push_minutes(out, *minutes),
            Self::Ratio(ratio) => decimal::push_number(out, ratio.as_f64()),
            Self::Share(number) | Self::Number(number) => decimal::push_number(out, *number),
            Self::Flag(flag) => push_flag(out, *flag),
            Self::Instant(at) => decimal::push_instant(out, *at),
            Self::Date(date) => decimal::push_date(out, *date),
            Self::Absent => {}
        }
    }
}

/// The JSON form: texts, numbers, booleans, null.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => s.serialize_str(text),
            Self::Names(names) => names.serialize(s),
            Self::Count(count) => s.serialize_u64(*count),
            Self::Minutes(minutes) => minutes.serialize(s),
            Self::Ratio(ratio) => ratio.serialize(s),
            Self::Share(number) | Self::Number(number) if number.is_finite() => s.serialize_f64(*number),
            Self::Flag(flag) => s.serialize_bool(*flag),
            Self::Instant(at) => s.collect_str(at),
            Self::Date(date) => s.collect_str(date),
            Self::Share(_) | Self::Number(_) | Self::Absent => s.serialize_none(),
        }
    }
}

/// A row as a JSON object, keys in column order.
#[derive(Debug)]
pub struct AsObject<'a, 'r>(pub &'a [(&'static str, Value<'r>)]);

impl Serialize for AsObject<'_, '_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for (column, value) in self.0 {
            map.serialize_entry(column, value)?;
        }
        map.end()
    }
}

/// Appends a header line.
pub fn write_csv_header(columns: &[&str], out: &mut Vec<u8>) {
    for (n, column) in columns.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        push_csv_text(out, column);
    }
    out.push(b'\n');
}

/// Appends the line of any row.
pub fn write_csv_values(row: &[(&'static str, Value<'_>)], out: &mut Vec<u8>) {
    for (n, (_, value)) in row.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        value.write_csv(out);
    }
    out.push(b'\n');
}

/// RFC 4180: quoted if it has a comma, a quotation mark or a line break.
///
/// Labels come from other systems, and a spreadsheet takes a text that begins like a formula for one; an apostrophe
/// before it keeps it a text (OWASP, CSV injection). Numbers do not come this way, so a minus sign stays what it is.
fn push_csv_text(out: &mut Vec<u8>, text: &str) {
    let begins_like_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !text.bytes().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
        if begins_like_formula {
            out.push(b'\'');
        }
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    if begins_like_formula {
        out.push(b'\'');
    }
    for b in text.bytes() {
        if b == b'"' {
            out.push(b'"');
        }
        out.push(b);
    }
    out.push(b'"');
}

fn push_names<'n>(out: &mut Vec<u8>, names: impl Iterator<Item = &'n str>) {
    for (n, name) in names.enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
}

fn push_flag(out: &mut Vec<u8>, flag: bool) {
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_like_a_formula_stays_a_text_in_a_spreadsheet() {
        let check = |value: Value<'_>, expected: &str| {
            let mut out = Vec::new();
            value.write_csv(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(Value::Text("ENT"), "ENT");
        check(Value::Text("Head - Neck"), "Head - Neck");
        check(Value::Text("=1+1"), "'=1+1");
        check(Value::Text("+ENT"), "'+ENT");
        check(Value::Text("-ENT"), "'-ENT");
        check(Value::Text("@SUM(A1)"), "'@SUM(A1)");
        check(Value::Text("\tENT"), "'\tENT");
        check(Value::Text("=HYPERLINK(\"a\",\"b\")"), "\"'=HYPERLINK(\"\"a\"\",\"\"b\"\")\"");
        check(Value::Number(-1.5), "-1.5");
        check(Value::Minutes(Minutes::whole(-5)), "-5");
    }
}
