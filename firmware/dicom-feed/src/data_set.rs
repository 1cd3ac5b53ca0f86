//! [`DataSet`]: the elements of a data set (PS3.5 section 7) in implicit or explicit little endian, sequences included.
//!
//! It reads what is sent by strangers: depth and number of elements are limited, each length is held against the bytes
//! that are there, and nothing is copied.

use std::fmt;

/// Sequences within sequences; a performed step has two.
pub(crate) const MAX_DEPTH: usize = 8;

/// Elements of one data set, those in its items included. A performed step with a hundred series has about 3,000.
const MAX_ELEMENTS: usize = 50_000;

/// The length of what ends with a delimiter.
pub(crate) const UNDEFINED: u32 = u32::MAX;

pub(crate) const ITEM: Tag = Tag(0xfffe_e000);
pub(crate) const ITEM_END: Tag = Tag(0xfffe_e00d);
pub(crate) const SEQUENCE_END: Tag = Tag(0xfffe_e0dd);

/// Sequences that are looked into. Implicit little endian does not say what is a sequence; another one of known length
/// is passed over as a whole.
const SEQUENCES: &[u32] = &[
    0x0008_1032,
    0x0008_1111,
    0x0032_1064,
    0x0040_0008,
    0x0040_0100,
    0x0040_0260,
    0x0040_0270,
    0x0040_0275,
    0x0040_0281,
    0x0040_0340,
];

/// Group and element.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

impl Tag {
    /// The upper half.
    #[allow(clippy::cast_possible_truncation, reason = "the upper half of 32 bits has 16")]
    pub const fn group(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The lower half.
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    pub const fn element(self) -> u16 {
        self.0 as u16
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:04X},{:04X})", self.group(), self.element())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Without their type.
    ImplicitLittle,
    /// With their type.
    ExplicitLittle,
}

impl Syntax {
    /// The one of a transfer syntax UID.
    pub fn of_uid(uid: &str) -> Option<Self> {
        match uid.trim_end_matches(['\0', ' ']) {
            crate::uid::IMPLICIT_LITTLE => Some(Self::ImplicitLittle),
            crate::uid::EXPLICIT_LITTLE => Some(Self::ExplicitLittle),
            // Only the pixels are compressed (PS3.5 annex A.4).
            other if crate::uid::COMPRESSED.contains(&other) => Some(Self::ExplicitLittle),
            _ => None,
        }
    }
}

/// Why bytes are no data set. Never shows a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// An element is longer than what is left.
    #[error("the data set ends within an element, at byte {0}")]
    Truncated(usize),
    /// Not a type of element.
    #[error("element {tag} at byte {at} has no known form of type (is it another transfer syntax?)")]
    NoType {
        /// Which element.
        tag: Tag,
        /// Where.
        at: usize,
    },
    /// A delimiter or item where none is due.
    #[error("element {tag} at byte {at} does not belong there")]
    OutOfPlace {
        /// Which element.
        tag: Tag,
        /// Where.
        at: usize,
    },
    /// Too many sequences within sequences.
    #[error("sequences are more than {MAX_DEPTH} deep")]
    TooDeep,
    /// More bytes of wanted elements than any object has.
    #[error("the elements that are read have more than {0} bytes")]
    TooLong(usize),
    /// Too many elements.
    #[error("there are more than {MAX_ELEMENTS} elements")]
    TooMany,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value<'a> {
    Bytes(&'a [u8]),
    Items(Vec<DataSet<'a>>),
}

/// Elements by tag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataSet<'a> {
    elements: Vec<(Tag, Value<'a>)>,
}

impl<'a> DataSet<'a> {
    /// Reads a whole data set.
    pub fn read(bytes: &'a [u8], syntax: Syntax) -> Result<Self, ReadError> {
        let mut reader = Reader { bytes, at: 0, left: MAX_ELEMENTS };
        reader.set(syntax, bytes.len(), false, 0)
    }

    /// The first value of an element as text, without padding; `None` if it is absent or empty.
    pub fn text(&self, tag: Tag) -> Option<String> {
        let bytes = self.bytes(tag)?;
        // Whatever the character set, its bytes below 128 are ASCII as far as these elements go.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|&b| char::from(b)).collect(),
        };
        let first = text.split('\\').next().unwrap_or_default();
        room_events::identifier::trimmed(first).map(str::to_owned)
    }

    /// An element of two bytes as a number.
    pub fn number(&self, tag: Tag) -> Option<u16> {
        self.bytes(tag)?.try_into().ok().map(u16::from_le_bytes)
    }

    /// An element of eight bytes as a real number.
    pub fn real(&self, tag: Tag) -> Option<f64> {
        self.bytes(tag)?.try_into().ok().map(f64::from_le_bytes)
    }

    /// The items of a sequence; none if it is absent or not a sequence.
    pub fn items(&self, tag: Tag) -> &[Self] {
        match self.value(tag) {
            Some(Value::Items(items)) => items,
            Some(Value::Bytes(_)) | None => &[],
        }
    }

    fn bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        match self.value(tag)? {
            Value::Bytes(bytes) => Some(bytes),
            Value::Items(_) => None,
        }
    }

    fn value(&self, tag: Tag) -> Option<&Value<'a>> {
        self.elements.iter().find(|(of, _)| *of == tag).map(|(_, value)| value)
    }
}

/// Whether a type of element has a length of four bytes, after two of nothing.
pub(crate) fn has_long_length(kind: &[u8]) -> bool {
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"]
        .iter()
        .any(|long| long.as_slice() == kind)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, limit: usize) -> Result<&'a [u8], ReadError> {
        let end = self.at.checked_add(count).filter(|end| *end <= limit).ok_or(ReadError::Truncated(self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(ReadError::Truncated(self.at))?;
        self.at = end;
        Ok(taken)
    }

    fn u16(&mut self, limit: usize) -> Result<u16, ReadError> {
        let bytes = self.take(2, limit)?;
        Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u16::from(*byte)))
    }

    fn u32(&mut self, limit: usize) -> Result<u32, ReadError> {
        let bytes = self.take(4, limit)?;
        Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    fn tag(&mut self, limit: usize) -> Result<Tag, ReadError> {
        let (group, element) = (self.u16(limit)?, self.u16(limit)?);
        Ok(Tag(u32::from(group) << 16 | u32::from(element)))
    }

    fn end(&self, length: u32, limit: usize) -> Result<usize, ReadError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.at.checked_add(length).filter(|end| *end <= limit).ok_or(ReadError::Truncated(self.at))
    }

    fn set(&mut self, syntax: Syntax, limit: usize, delimited: bool, depth: usize) -> Result<DataSet<'a>, ReadError> {
        let mut elements = Vec::new();
        while delimited || self.at < limit {
            let at = self.at;
            let tag = self.tag(limit)?;
            if tag == ITEM_END && delimited {
                self.u32(limit)?;
                break;
            }
            if tag.group() == ITEM.group() {
                return Err(ReadError::OutOfPlace { tag, at });
            }
            self.left = self.left.checked_sub(1).ok_or(ReadError::TooMany)?;
            let (kind, length) = match syntax {
                Syntax::ImplicitLittle => ([0, 0], self.u32(limit)?),
                Syntax::ExplicitLittle => self.kind_and_length(tag, limit)?,
            };
            let is_unknown = kind == *b"UN";
            let value = if kind == *b"SQ"
                || (length == UNDEFINED && (is_unknown || syntax == Syntax::ImplicitLittle))
                || (syntax == Syntax::ImplicitLittle && SEQUENCES.contains(&tag.0))
            {
                // What its writer did not know it passed on as it had come: in implicit little endian (PS3.5 6.2.2).
                let inside = if is_unknown { Syntax::ImplicitLittle } else { syntax };
                Value::Items(self.items(inside, length, limit, depth + 1)?)
            } else if length == UNDEFINED {
                return Err(ReadError::OutOfPlace { tag, at });
            } else {
                let end = self.end(length, limit)?;
                Value::Bytes(self.take(end - self.at, limit)?)
            };
            elements.push((tag, value));
        }
        Ok(DataSet { elements })
    }

    fn kind_and_length(&mut self, tag: Tag, limit: usize) -> Result<([u8; 2], u32), ReadError> {
        let at = self.at;
        let kind: [u8; 2] = self.take(2, limit)?.try_into().unwrap_or_default();
        if !kind.iter().all(u8::is_ascii_uppercase) {
            return Err(ReadError::NoType { tag, at });
        }
        if has_long_length(&kind) {
            self.take(2, limit)?;
            return Ok((kind, self.u32(limit)?));
        }
        Ok((kind, u32::from(self.u16(limit)?)))
    }

    fn items(
        &mut self,
        syntax: Syntax,
        length: u32,
        limit: usize,
        depth: usize,
    ) -> Result<Vec<DataSet<'a>>, ReadError> {
        if depth > MAX_DEPTH {
            return Err(ReadError::TooDeep);
        }
        let delimited = length == UNDEFINED;
        let limit = if delimited { limit } else { self.end(length, limit)? };
        let mut items = Vec::new();
        while delimited || self.at < limit {
            let at = self.at;
            let (tag, length) = (self.tag(limit)?, self.u32(limit)?);
            if tag == SEQUENCE_END && delimited {
                break;
            }
            if tag != ITEM {
                return Err(ReadError::OutOfPlace { tag, at });
            }
            self.left = self.left.checked_sub(1).ok_or(ReadError::TooMany)?;
            items.push(match length {
                UNDEFINED => self.set(syntax, limit, true, depth)?,
                length => {
                    let end = self.end(length, limit)?;
                    self.set(syntax, end, false, depth)?
                }
            });
        }
        Ok(items)
    }
}
