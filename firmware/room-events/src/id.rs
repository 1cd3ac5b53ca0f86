//! Names of things: short, checked once where they enter, safe in a topic, a file name and a URL.

use core::fmt;
use core::str::FromStr;
use heapless::String;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id in characters (and bytes: ids are ASCII).
pub const MAX_ID_LEN: usize = 32;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// The text is empty.
    Empty,
    /// The text has more than [`MAX_ID_LEN`] characters.
    TooLong,
    /// The text has a character outside `a-z 0-9 -`.
    Character(char),
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty (an id has 1 to 32 of a-z, 0-9 and -)"),
            Self::TooLong => f.write_str("is longer than 32 characters (shorten it)"),
            Self::Character(c) => write!(f, "has the character {c:?} (use a-z, 0-9 and -)"),
        }
    }
}

impl core::error::Error for IdError {}

fn check_id(text: &str) -> Result<String<MAX_ID_LEN>, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if !text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        let wrong = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'));
        return Err(IdError::Character(wrong.unwrap_or_default()));
    }
    String::try_from(text).map_err(|_| IdError::TooLong)
}

/// Text types that are checked when made and travel as a JSON string.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $len:expr, $check:path, $error:ty) => {
        $(#[$doc])*
        #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String<{ $len }>);

        impl Clone for $name {
            // As one copy: the derived clone goes byte by byte.
            fn clone(&self) -> Self {
                let mut text = String::new();
                // What fits into one fits into another.
                let _ = text.push_str(&self.0);
                Self(text)
            }
        }

        impl $name {
            /// Checks `text`; the error says which character or length is at fault.
            pub fn new(text: &str) -> Result<Self, $error> {
                $check(text).map(Self)
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::<{ $len }>::deserialize(d)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

checked_text!(
    /// A trust: the organisation that holds the token key.
    TrustId, MAX_ID_LEN, check_id, IdError
);
checked_text!(
    /// A hospital site of a trust; its time zone gives local dates.
    SiteId, MAX_ID_LEN, check_id, IdError
);
checked_text!(
    /// A room of a site: a theatre or a scanner.
    RoomId, MAX_ID_LEN, check_id, IdError
);
checked_text!(
    /// An agent of a site: one outbox, one MQTT user.
    AgentId, MAX_ID_LEN, check_id, IdError
);
checked_text!(
    /// Where observations come from within an agent: a feed such as `theatre-system`, `gpio` or `mpps`.
    SourceId, MAX_ID_LEN, check_id, IdError
);
checked_text!(
    /// A planned session's name within its room, the source's own or derived from its first known start.
    SessionKey, MAX_ID_LEN, check_id, IdError
);

/// Why a text is not a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelError {
    /// The text is empty.
    Empty,
    /// The text has more than 32 bytes.
    TooLong,
    /// The text has a control character, a quotation mark or a backslash.
    Character(char),
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty (leave the field out instead)"),
            Self::TooLong => f.write_str("is longer than 32 bytes (shorten it)"),
            Self::Character(c) => write!(f, "has the character {c:?} (a label has no control character, \" or \\)"),
        }
    }
}

impl core::error::Error for LabelError {}

fn check_label(text: &str) -> Result<String<MAX_ID_LEN>, LabelError> {
    if text.is_empty() {
        return Err(LabelError::Empty);
    }
    if let Some(c) = text.chars().find(|&c| is_barred_from_label(c)) {
        return Err(LabelError::Character(c));
    }
    String::try_from(text).map_err(|_| LabelError::TooLong)
}

// Quotation mark and backslash would need JSON escapes, which a decoder without an allocator cannot undo.
fn is_barred_from_label(c: char) -> bool {
    c.is_control() || c == '"' || c == '\\'
}

checked_text!(
    /// A short name for people: specialty, procedure, team, reason. At most 32 bytes of UTF-8. Never a patient's.
    Label, MAX_ID_LEN, check_label, LabelError
);

impl Label {
    /// Makes a label of any text: barred characters become spaces, what is too long is cut at a character. `None` when
    /// nothing but space is left.
    pub fn fitted(text: &str) -> Option<Self> {
        let mut label = String::new();
        for c in text.trim().chars() {
            let c = if is_barred_from_label(c) { ' ' } else { c };
            if label.push(c).is_err() {
                break;
            }
        }
        let end = label.trim_end().len();
        label.truncate(end);
        if label.is_empty() { None } else { Some(Self(label)) }
    }
}

/// 128 bits that travel as 32 hexadecimal digits.
macro_rules! hex_128 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = HexError;
            fn from_str(text: &str) -> Result<Self, HexError> {
                parse_hex_128(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::<32>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// The text is not 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HexError;

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not 32 lower-case hexadecimal digits")
    }
}

impl core::error::Error for HexError {}

pub(crate) fn parse_hex_128(text: &str) -> Result<u128, HexError> {
    if text.len() != 32 {
        return Err(HexError);
    }
    text.bytes().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Err(HexError),
        };
        Ok(number << 4 | u128::from(digit))
    })
}

hex_128!(
    /// One run of one agent process: 128 random bits, never resumed, so that a cloned card or a restored outbox cannot
    /// reuse a sequence number.
    StreamId
);
hex_128!(
    /// One boot of the machine; monotonic times compare only within it.
    BootId
);

/// Position of an event in its stream, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The first seq of every stream.
    pub const FIRST: Self = Self(1);

    /// The seq after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An event's name within its agent: stream and seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The run that recorded it.
    pub stream: StreamId,
    /// Its place in the run.
    pub seq: Seq,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stream, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_id_error_names_the_character() {
        let error = RoomId::new("MR 2").unwrap_err();
        assert_eq!(error.to_string(), "has the character 'M' (use a-z, 0-9 and -)");
        assert_eq!(RoomId::new(""), Err(IdError::Empty));
        assert_eq!(RoomId::new(&"a".repeat(33)), Err(IdError::TooLong));
        assert!(RoomId::new(&"a".repeat(32)).is_ok());
    }

    #[test]
    fn a_label_is_cut_at_a_character_and_cleaned() {
        let label = Label::fitted("  Trauma \"and\"\tOrthopädie – very long indeed ").unwrap();
        assert!(label.as_str().len() <= 32);
        assert!(Label::new(label.as_str()).is_ok());
        assert_eq!(Label::fitted(" \t\" "), None);
    }

    #[test]
    fn upper_case_or_short_hex_is_refused() {
        assert_eq!("AB".parse::<StreamId>(), Err(HexError));
        assert!("0123456789abcdef0123456789abcdef".parse::<StreamId>().is_ok());
        assert_eq!("0123456789ABCDEF0123456789abcdef".parse::<StreamId>(), Err(HexError));
        assert_eq!("+123456789abcdef0123456789abcdef".parse::<StreamId>(), Err(HexError));
    }
}
