//! [`FieldRef`]: a place in a message as people write it, `PV1-3.2`.

use std::fmt;

/// The highest field and component number that is read; the standard's longest segment has about a hundred fields.
const MAX_NUMBER: usize = 999;

/// Segments that hold the patient, relatives and payers: of these only tokens leave, never a text or a code.
const PERSONAL: [&str; 8] = ["PID", "PD1", "NK1", "GT1", "IN1", "IN2", "MRG", "IN3"];

/// A component of a field of a segment, both counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRef {
    /// The segment's name.
    pub segment: String,
    /// The field.
    pub field: usize,
    /// The component.
    pub component: usize,
}

impl FieldRef {
    /// Reads `SEG-field` or `SEG-field.component`; the first component where none is named.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (segment, place) = text.trim().split_once('-')?;
        let (field, component) = place.split_once('.').unwrap_or((place, "1"));
        let number = |text: &str| text.parse().ok().filter(|number| (1..=MAX_NUMBER).contains(number));
        if !is_segment(segment) {
            return None;
        }
        Some(Self { segment: segment.to_owned(), field: number(field)?, component: number(component)? })
    }

    /// Whether what stands there is about a person, so that it may only leave as a token.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        PERSONAL.contains(&self.segment.as_str())
    }
}

/// Whether a text is the name of a segment: a capital letter and two more or digits.
#[must_use]
pub fn is_segment(text: &str) -> bool {
    text.len() == 3
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && text.starts_with(|c: char| c.is_ascii_uppercase())
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.segment, self.field)?;
        if self.component > 1 { write!(f, ".{}", self.component) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_people_write_it() {
        for (text, expected) in [
            ("PV1-3.2", Some("PV1-3.2")),
            ("ZTH-4", Some("ZTH-4")),
            ("MSH-7.1", Some("MSH-7")),
            ("pv1-3", None),
            ("PV1.3", None),
            ("PV1-0", None),
            ("PV1-3.", None),
            ("PV1-1000", None),
            ("PV-1", None),
            ("-1", None),
        ] {
            assert_eq!(FieldRef::parse(text).map(|f| f.to_string()).as_deref(), expected, "{text}");
        }
    }
}
