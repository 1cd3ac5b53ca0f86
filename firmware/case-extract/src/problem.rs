//! What can be wrong with an extract: with its mapping, with the file as a whole, or with one row or cell.
//!
//! A fault of the mapping or of the whole file refuses it; a fault of a row or cell is kept with its place and its
//! remedy, and the good rows go on. A value is shown only from a column that is mapped as a time, a room, a site, a
//! number or a code, and only if it looks like one: an error text must not be able to carry patient data.

use core::fmt;
use std::sync::Arc;

/// The most row errors that are kept with their text; the rest is only counted.
pub const MAX_KEPT_ERRORS: usize = 100;

/// The longest value shown, in characters.
const MAX_SHOWN: usize = 40;

/// Why a mapping cannot be used: correct the mapping file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct MappingError {
    /// The name of the mapping file, as passed in.
    pub file: String,
    /// The key, what is wrong with it, and the remedy.
    pub problem: String,
}

/// Why a file as a whole is refused: nothing of it may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {problem}", Place(*line))]
pub struct FileError {
    /// The name of the file, as passed in.
    pub file: String,
    /// The physical line, where one is to blame.
    pub line: Option<u64>,
    /// What is wrong, and the remedy.
    pub problem: String,
}

struct Place(Option<u64>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $loss:ident, $text:literal;)+) => {
        /// What is wrong with a row or a cell.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Problem { $($(#[$doc])* $name,)+ }

        impl Problem {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What is lost by it.
            pub const fn loss(self) -> Loss {
                match self { $(Self::$name => Loss::$loss,)+ }
            }

            /// The name used in a summary.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

/// What a problem costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The whole row is left out.
    Row,
    /// Only the cell's value is left out; the rest of the row counts.
    Cell,
}

problems! {
    /// Fewer cells than the header.
    ShortRow = Row, "row too short";
    /// More cells than the header.
    LongRow = Row, "row too long";
    /// A quotation mark is never closed, or the record is longer than a record can be.
    UnclosedQuote = Row, "quotation mark not closed";
    /// No case id, and no planned session in the row.
    CaseEmpty = Row, "case id empty";
    /// No room.
    RoomEmpty = Row, "room empty";
    /// The room cannot become an id.
    RoomNotId = Row, "room not an id";
    /// No site.
    SiteEmpty = Row, "site empty";
    /// The site cannot become an id.
    SiteNotId = Row, "site not an id";
    /// More distinct rooms than can be kept.
    TooManyRooms = Row, "too many rooms";
    /// More rows than can be kept.
    TooManyRows = Row, "too many rows";
    /// No scheduled start, date, milestone or session: the row cannot be placed in time.
    NoTime = Row, "row without any time";
    /// Not a time in any of the formats.
    NotATime = Cell, "not a time";
    /// A time of day, and the row has no date.
    NoDate = Cell, "time without a date";
    /// Not a whole number of minutes or cases.
    NotANumber = Cell, "not a number";
    /// A code without a meaning in the mapping.
    UnknownCode = Cell, "code not in the value map";
    /// A planned session with a start or an end, not both.
    SessionIncomplete = Cell, "planned session incomplete";
    /// A planned session that ends at or before its start; it is kept, and counts in no rate.
    SessionWithoutLength = Cell, "planned session without length";
    /// A session key that cannot become an id.
    SessionKeyNotId = Cell, "session key not an id";
    /// More distinct specialties, procedures, teams and reasons than are kept; or a key that names too many sessions.
    TooManyLabels = Cell, "too many labels";
    /// A cancellation without a time.
    CancelledWithoutTime = Cell, "cancellation without a time";
}

/// What is wrong at one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The name of the file, as passed in.
    pub file: Arc<str>,
    /// The physical line where the record starts, counted from 1.
    pub line: u64,
    /// The column's name in the header.
    pub column: Option<String>,
    /// The value, where it may be shown.
    pub value: Option<String>,
    /// The kind of problem.
    pub problem: Problem,
    /// What is wrong, following the value: `is not a time in "%H:%M"`.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(column) = &self.column {
            write!(f, "column {column:?}: ")?;
        }
        if let Some(value) = &self.value {
            write!(f, "{value:?} ")?;
        }
        write!(f, "{} ({})", self.detail, self.remedy)
    }
}

/// What kind of column a value comes from, which decides how much of it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Times and numbers.
    Figures,
    /// Rooms, sites and codes.
    Name,
    /// Case ids, labels: never.
    Never,
}

/// The value as an error may show it. Under `Figures` a text that is not made of figures, and anywhere a text with as
/// many digits as an NHS number or a telephone number, is shown by its shape only (`aaaa 9999999999`): it may have
/// come into this column by a wrong mapping or a shifted row.
pub(crate) fn shown(value: &str, kind: Shown) -> Option<String> {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let open = match kind {
        Shown::Never => return None,
        Shown::Figures => looks_like_figures(value) && longest_run_of_digits(value) <= 8 && digits <= 20,
        Shown::Name => digits < 9,
    };
    let shape = |c: char| match c {
        c if open => c,
        c if c.is_numeric() => '9',
        c if c.is_alphabetic() => 'a',
        c => c,
    };
    let mut text: String = value.chars().take(MAX_SHOWN).map(shape).collect();
    if value.chars().nth(MAX_SHOWN).is_some() {
        text.push('\u{2026}');
    }
    Some(text)
}

fn longest_run_of_digits(value: &str) -> usize {
    value.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0)
}

fn looks_like_figures(value: &str) -> bool {
    const WORDS: [&str; 16] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "am", "pm", "t", "z"];
    value
        .split(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '/' | '-' | ':' | '.' | ',' | '+'))
        .all(|word| word.is_empty() || WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// Errors kept, and all of them counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) kept: Vec<RowError>,
    pub(crate) counts: [u64; Problem::ALL.len()],
}

impl Faults {
    /// Counts the problem; its text is only made while there is room for it.
    pub(crate) fn add(&mut self, problem: Problem, error: impl FnOnce() -> RowError) {
        self.counts[problem as usize] += 1;
        if self.kept.len() < MAX_KEPT_ERRORS {
            self.kept.push(error());
        }
    }

    /// Takes over what a later part found, its lines counted on from `first_line`.
    pub(crate) fn append(&mut self, later: Self, first_line: u64) {
        for (count, more) in self.counts.iter_mut().zip(later.counts) {
            *count += more;
        }
        let room = MAX_KEPT_ERRORS.saturating_sub(self.kept.len());
        self.kept.extend(later.kept.into_iter().take(room).map(|mut error| {
            error.line += first_line;
            error
        }));
    }

    pub(crate) fn count(&self, loss: Loss) -> u64 {
        Problem::ALL.iter().filter(|p| p.loss() == loss).map(|&p| self.counts[p as usize]).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_may_be_a_patients_is_shown_by_its_shape() {
        for (value, kind, expected) in [
            ("31/31/2022 08:00", Shown::Figures, Some("31/31/2022 08:00")),
            ("3 Jan 2022 8:00 AM", Shown::Figures, Some("3 Jan 2022 8:00 AM")),
            ("Smith, John", Shown::Figures, Some("aaaaa, aaaa")),
            ("9434765919", Shown::Figures, Some("9999999999")),
            ("943 476 5919", Shown::Name, Some("999 999 9999")),
            ("Theatre 4 (day unit)", Shown::Name, Some("Theatre 4 (day unit)")),
            ("10001", Shown::Never, None),
        ] {
            assert_eq!(shown(value, kind).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(shown(&"x".repeat(50), Shown::Name).unwrap(), format!("{}\u{2026}", "x".repeat(40)));
    }
}
