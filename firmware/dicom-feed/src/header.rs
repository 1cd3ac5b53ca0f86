//! [`HeaderReader`]: of an object that is stored, the few elements that are wanted, while it is being received.
//!
//! An image has a header of some hundred elements and pixels of any size. Elements that are not wanted, and all that
//! comes after the last wanted one, are dropped as they come, so that memory is bounded whatever an object's size.

use crate::data_set::{ITEM, ITEM_END, MAX_DEPTH, ReadError, SEQUENCE_END, Syntax, Tag, UNDEFINED, has_long_length};
use crate::image::WANTED;

/// The most bytes of wanted elements; real ones have about 1,000.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// What is open and ends with a delimiter.
#[derive(Debug, Clone, Copy)]
enum Level {
    Items(Syntax),
    Set(Syntax),
}

/// Takes an object's bytes as they come. See the module.
#[derive(Debug)]
pub(crate) struct HeaderReader {
    syntax: Syntax,
    kept: Vec<u8>,
    /// The beginning of an element, up to its value.
    head: Vec<u8>,
    /// Bytes of a value that are still to come.
    value_left: usize,
    /// The element on the outermost level is wanted.
    is_wanted: bool,
    levels: Vec<Level>,
    /// All wanted elements have come.
    is_done: bool,
    /// Bytes so far, up to the end of what is wanted.
    at: usize,
}

impl HeaderReader {
    pub(crate) fn new(syntax: Syntax) -> Self {
        Self {
            syntax,
            kept: Vec::new(),
            head: Vec::with_capacity(12),
            value_left: 0,
            is_wanted: false,
            levels: Vec::new(),
            is_done: false,
            at: 0,
        }
    }

    /// Takes the next bytes.
    pub(crate) fn handle(&mut self, mut bytes: &[u8]) -> Result<(), ReadError> {
        while !bytes.is_empty() && !self.is_done {
            let wanted = if self.value_left > 0 { self.value_left } else { self.head_length() - self.head.len() };
            let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            self.at += taken.len();
            if self.value_left > 0 {
                self.keep(taken)?;
                self.value_left -= taken.len();
                continue;
            }
            self.head.extend_from_slice(taken);
            if self.head.len() == self.head_length() {
                self.begin_element()?;
            }
        }
        Ok(())
    }

    /// The wanted elements, as a data set of the same syntax.
    pub(crate) fn finish(self) -> Result<Vec<u8>, ReadError> {
        let is_whole = self.head.is_empty() && self.value_left == 0 && self.levels.is_empty();
        if self.is_done || is_whole { Ok(self.kept) } else { Err(ReadError::Truncated(self.at)) }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        if !self.is_wanted {
            return Ok(());
        }
        if self.kept.len() + bytes.len() > MAX_KEPT_BYTES {
            return Err(ReadError::TooLong(MAX_KEPT_BYTES));
        }
        self.kept.extend_from_slice(bytes);
        Ok(())
    }

    /// The syntax of the element that begins; `None` where an item or a delimiter is due, which have none.
    fn element_syntax(&self) -> Option<Syntax> {
        match self.levels.last() {
            None => Some(self.syntax),
            Some(Level::Set(syntax)) => Some(*syntax),
            Some(Level::Items(_)) => None,
        }
    }

    /// As far as it is known from the bytes of it that are here.
    fn head_length(&self) -> usize {
        let is_delimiter = self.head_tag().is_some_and(|tag| tag.group() == ITEM.group());
        let is_long = self.head.get(4..6).is_some_and(has_long_length);
        if self.element_syntax() == Some(Syntax::ExplicitLittle) && !is_delimiter && is_long { 12 } else { 8 }
    }

    fn head_tag(&self) -> Option<Tag> {
        let &[a, b, c, d] = self.head.get(..4)? else { return None };
        Some(Tag(u32::from(u16::from_le_bytes([a, b])) << 16 | u32::from(u16::from_le_bytes([c, d]))))
    }

    fn begin_element(&mut self) -> Result<(), ReadError> {
        let start = self.at - self.head.len();
        let head = std::mem::take(&mut self.head);
        let (tag, last_four) = match head.as_slice() {
            &[a, b, c, d, .., w, x, y, z] => {
                (Tag(u32::from(u16::from_le_bytes([a, b])) << 16 | u32::from(u16::from_le_bytes([c, d]))), [w, x, y, z])
            }
            _ => return Err(ReadError::Truncated(start)),
        };
        let out_of_place = ReadError::OutOfPlace { tag, at: start };
        let Some(syntax) = self.element_syntax() else {
            self.keep(&head)?;
            return self.begin_item(tag, u32::from_le_bytes(last_four), out_of_place);
        };
        if tag == ITEM_END && !self.levels.is_empty() {
            self.levels.pop();
            return self.keep(&head);
        }
        if tag.group() == ITEM.group() {
            return Err(out_of_place);
        }
        if self.levels.is_empty() {
            if WANTED.last().is_none_or(|last| tag > *last) {
                self.is_done = true;
                return Ok(());
            }
            self.is_wanted = WANTED.contains(&tag);
        }
        let kind = head.get(4..6).unwrap_or_default();
        let length = match syntax {
            Syntax::ImplicitLittle => u32::from_le_bytes(last_four),
            Syntax::ExplicitLittle if !kind.iter().all(u8::is_ascii_uppercase) => {
                return Err(ReadError::NoType { tag, at: start });
            }
            Syntax::ExplicitLittle if head.len() == 12 => u32::from_le_bytes(last_four),
            Syntax::ExplicitLittle => u32::from(u16::from_le_bytes([last_four[2], last_four[3]])),
        };
        self.keep(&head)?;
        if length == UNDEFINED {
            // What its writer did not know it passed on as it had come: in implicit little endian (PS3.5 6.2.2).
            let is_unknown = syntax == Syntax::ExplicitLittle && kind == b"UN";
            return self.open(Level::Items(if is_unknown { Syntax::ImplicitLittle } else { syntax }));
        }
        self.value_left = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(())
    }

    fn begin_item(&mut self, tag: Tag, length: u32, out_of_place: ReadError) -> Result<(), ReadError> {
        let Some(Level::Items(syntax)) = self.levels.last().copied() else { return Err(out_of_place) };
        if tag == SEQUENCE_END {
            self.levels.pop();
            return Ok(());
        }
        if tag != ITEM {
            return Err(out_of_place);
        }
        if length == UNDEFINED {
            return self.open(Level::Set(syntax));
        }
        self.value_left = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(())
    }

    fn open(&mut self, level: Level) -> Result<(), ReadError> {
        if self.levels.len() >= 2 * MAX_DEPTH {
            return Err(ReadError::TooDeep);
        }
        self.levels.push(level);
        Ok(())
    }
}
