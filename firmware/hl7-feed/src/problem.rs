//! [`Problem`]: what is wrong with a message, for the log and for the answer to its sender.
//!
//! It names the message by its control id, the place and the remedy. A value is shown by its shape only (`aaa 999`): a
//! message is full of what must not reach a log.

use std::borrow::Cow;
use std::fmt;

use crate::field::FieldRef;

/// The longest shape shown, in characters.
const MAX_SHOWN: usize = 40;

/// Which kind of error the answer names (HL7 table 0357).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// 100: segments missing or out of order.
    Segments,
    /// 101: a field that is needed is absent.
    Missing,
    /// 102: a field's value is not of its type.
    DataType,
    /// 103: a code without a meaning.
    Table,
    /// 202: a message for training or debugging.
    ProcessingId,
    /// 203: a version that is not read.
    Version,
    /// 207: nothing wrong with the message; send it again later.
    Internal,
}

impl ErrorCode {
    /// The number of the table.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Segments => 100,
            Self::Missing => 101,
            Self::DataType => 102,
            Self::Table => 103,
            Self::ProcessingId => 202,
            Self::Version => 203,
            Self::Internal => 207,
        }
    }

    /// The text of the table.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Segments => "Segment sequence error",
            Self::Missing => "Required field missing",
            Self::DataType => "Data type error",
            Self::Table => "Table value not found",
            Self::ProcessingId => "Unsupported processing id",
            Self::Version => "Unsupported version id",
            Self::Internal => "Application internal error",
        }
    }
}

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub code: ErrorCode,
    /// Where, if at one place.
    pub place: Option<FieldRef>,
    /// What stands there, by its shape.
    pub shape: Option<String>,
    /// What is wrong, following the shape: `is not a time`.
    pub detail: Cow<'static, str>,
    /// What to do about it.
    pub remedy: Cow<'static, str>,
}

impl Problem {
    /// About the message as a whole.
    #[must_use]
    pub fn of_message(
        code: ErrorCode,
        detail: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code, place: None, shape: None, detail: detail.into(), remedy: remedy.into() }
    }

    /// About a field; its value is kept by its shape.
    #[must_use]
    pub(crate) fn of_field(
        code: ErrorCode,
        place: &FieldRef,
        value: Option<&str>,
        detail: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        let shape = value.map(shape);
        Self { code, place: Some(place.clone()), shape, detail: detail.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if let Some(shape) = &self.shape {
            write!(f, "{shape:?} ")?;
        }
        write!(f, "{} ({})", self.detail, self.remedy)
    }
}

/// A value as it may be shown: `9` for each digit, `a` for each letter.
pub(crate) fn shape(value: &str) -> String {
    let of = |c: char| match c {
        c if c.is_numeric() => '9',
        c if c.is_alphabetic() => 'a',
        c if c.is_control() => ' ',
        c => c,
    };
    let mut text: String = value.chars().take(MAX_SHOWN).map(of).collect();
    if value.chars().nth(MAX_SHOWN).is_some() {
        text.push('\u{2026}');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_by_its_shape_only() {
        let place = FieldRef::parse("PV1-3").unwrap();
        let problem = Problem::of_field(ErrorCode::DataType, &place, Some("Smith 943"), "is no id", "map it");
        assert_eq!(problem.to_string(), "PV1-3: \"aaaaa 999\" is no id (map it)");
        assert_eq!(shape(&"x".repeat(50)), format!("{}\u{2026}", "a".repeat(40)));
    }
}
