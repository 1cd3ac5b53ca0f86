//! The fields of one message: delimiters from its MSH, escapes undone on reading, nothing copied before.

use std::borrow::Cow;

use thiserror::Error;

use crate::field::FieldRef;

/// Why a text is no HL7 v2 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoMessage {
    /// The first segment is another.
    #[error("the message does not begin with MSH: send HL7 v2 in its delimited form, not XML or a batch")]
    NoHeader,
    /// MSH-1 and MSH-2 do not give four delimiters that differ.
    #[error("MSH-1 and MSH-2 name no usable delimiters: have the sender give them as |^~\\&")]
    Delimiters,
    /// More segments than [`MAX_SEGMENTS`].
    #[error("the message has more than {MAX_SEGMENTS} segments: have the sender split it")]
    Segments,
}

/// The most segments of one message; a real one with a long report has some hundreds.
pub const MAX_SEGMENTS: usize = 5000;

/// The characters that separate, as MSH-1 and MSH-2 give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between fields.
    pub field: char,
    /// Between components.
    pub component: char,
    /// Between repetitions.
    pub repetition: char,
    /// Around escapes.
    pub escape: char,
    /// Between subcomponents.
    pub subcomponent: char,
}

/// What stands in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'m> {
    /// Nothing: it is not said.
    Absent,
    /// `""`: it is to be deleted.
    Deleted,
    /// A text, its escapes undone.
    Text(Cow<'m, str>),
}

/// One message, borrowed from its text.
#[derive(Debug, Clone)]
pub struct Message<'m> {
    segments: Vec<&'m str>,
    delimiters: Delimiters,
}

/// A message as one of its repeated groups sees it: the group's segments before those that stand before all groups.
#[derive(Debug, Clone, Copy)]
pub struct Group<'m, 'v> {
    own: &'v [&'m str],
    shared: &'v [&'m str],
    delimiters: Delimiters,
}

impl<'m> Message<'m> {
    /// Reads the delimiters of `text`.
    ///
    /// # Errors
    /// When it has no MSH segment first, or that has no usable delimiters.
    pub fn parse(text: &'m str) -> Result<Self, NoMessage> {
        let mut given = text.strip_prefix("MSH").ok_or(NoMessage::NoHeader)?.chars();
        let mut next = || given.next().filter(|one| one.is_ascii_punctuation()).ok_or(NoMessage::Delimiters);
        let all = [next()?, next()?, next()?, next()?, next()?];
        if all.iter().enumerate().any(|(at, one)| all.iter().skip(at + 1).any(|other| other == one)) {
            return Err(NoMessage::Delimiters);
        }
        let [field, component, repetition, escape, subcomponent] = all;
        let lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
        let segments: Vec<&str> = lines.take(MAX_SEGMENTS + 1).collect();
        if segments.len() > MAX_SEGMENTS {
            return Err(NoMessage::Segments);
        }
        Ok(Self { segments, delimiters: Delimiters { field, component, repetition, escape, subcomponent } })
    }

    /// Its delimiters.
    #[must_use]
    pub const fn delimiters(&self) -> Delimiters {
        self.delimiters
    }

    /// The whole message as one group.
    #[must_use]
    pub fn whole(&self) -> Group<'m, '_> {
        Group { own: &self.segments, shared: &[], delimiters: self.delimiters }
    }

    /// The groups that begin with `segment`: each sees its own segments and those before the first group.
    pub fn groups<'v>(&'v self, segment: &'v str) -> impl Iterator<Item = Group<'m, 'v>> + 'v {
        let field = self.delimiters.field;
        let begins = move |line: &&str| is_named(line, segment, field);
        let first = self.segments.iter().position(begins).unwrap_or(self.segments.len());
        let (shared, rest) = self.segments.split_at(first);
        let mut rest = rest;
        std::iter::from_fn(move || {
            let (_, later) = rest.split_first()?;
            let end = 1 + later.iter().position(begins).unwrap_or(later.len());
            let (own, after) = rest.split_at(end);
            rest = after;
            Some(Group { own, shared, delimiters: self.delimiters })
        })
    }

    /// A component of a field in the first segment so named. `None` when absent, empty, or `""` (told to be deleted).
    #[must_use]
    pub fn value(&self, segment: &str, field: usize, component: usize) -> Option<Cow<'m, str>> {
        match self.whole().read(segment, field, component) {
            Value::Text(text) => Some(text),
            Value::Absent | Value::Deleted => None,
        }
    }

    /// A whole field as it came, its delimiters and escapes kept; empty when absent. For what is sent back.
    #[must_use]
    pub fn raw(&self, segment: &str, field: usize) -> &'m str {
        self.whole().field(segment, field).unwrap_or_default()
    }

    /// Each text between delimiters of a segment's field, in all segments so named.
    pub(crate) fn parts_of(&self, segment: &str, field: usize) -> impl Iterator<Item = &'m str> {
        let of = self.delimiters;
        let lines = self.segments.iter().filter(move |line| is_named(line, segment, of.field));
        let wholes: Vec<&'m str> = lines.filter_map(|line| line.split(of.field).nth(field)).collect();
        wholes
            .into_iter()
            .flat_map(move |whole| whole.split([of.repetition, of.component, of.subcomponent, ' ', ',', '\'', '-']))
    }
}

fn is_named(line: &str, segment: &str, field: char) -> bool {
    line.strip_prefix(segment).is_some_and(|rest| rest.is_empty() || rest.starts_with(field))
}

impl<'m> Group<'m, '_> {
    /// What stands at a place: in the first segment so named of the group, else of those before it.
    #[must_use]
    pub fn get(&self, at: &FieldRef) -> Value<'m> {
        self.read(&at.segment, at.field, at.component)
    }

    fn read(&self, segment: &str, field: usize, component: usize) -> Value<'m> {
        let of = self.delimiters;
        // MSH-1 and MSH-2 are the delimiters themselves and no values.
        let is_delimiter = segment == "MSH" && field <= 2;
        let Some(whole) = self.field(segment, field).filter(|_| !is_delimiter) else { return Value::Absent };
        let first = whole.split(of.repetition).next().unwrap_or_default();
        if first == "\"\"" {
            return Value::Deleted;
        }
        let Some(raw) = component.checked_sub(1).and_then(|at| first.split(of.component).nth(at)) else {
            return Value::Absent;
        };
        match raw {
            "" => Value::Absent,
            "\"\"" => Value::Deleted,
            raw => Value::Text(of.unescape(raw)),
        }
    }

    fn field(&self, segment: &str, field: usize) -> Option<&'m str> {
        let of = self.delimiters;
        let mut lines = self.own.iter().chain(self.shared);
        let line = lines.find(|line| is_named(line, segment, of.field))?;
        // MSH-1 is the delimiter itself, so that MSH's fields count one less.
        let at = if segment == "MSH" { field.checked_sub(1)? } else { field };
        line.split(of.field).nth(at.max(1)).filter(|_| field > 0)
    }
}

impl Delimiters {
    /// Undoes the escapes of delimiters. Others (fonts, hexadecimal, character sets) are kept as they came.
    fn unescape(self, raw: &str) -> Cow<'_, str> {
        if !raw.contains(self.escape) {
            return Cow::Borrowed(raw);
        }
        let mut plain = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((before, after)) = rest.split_once(self.escape) {
            plain.push_str(before);
            let Some((code, later)) = after.split_once(self.escape) else {
                plain.push(self.escape);
                rest = after;
                break;
            };
            match code {
                "F" => plain.push(self.field),
                "S" => plain.push(self.component),
                "R" => plain.push(self.repetition),
                "E" => plain.push(self.escape),
                "T" => plain.push(self.subcomponent),
                other => plain.extend([self.escape].into_iter().chain(other.chars()).chain([self.escape])),
            }
            rest = later;
        }
        plain.push_str(rest);
        Cow::Owned(plain)
    }

    /// The text with its delimiters escaped.
    #[must_use]
    pub fn escape(self, text: &str) -> String {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            let code = match c {
                c if c == self.field => 'F',
                c if c == self.component => 'S',
                c if c == self.repetition => 'R',
                c if c == self.escape => 'E',
                c if c == self.subcomponent => 'T',
                c if c.is_control() => {
                    escaped.push(' ');
                    continue;
                }
                c => {
                    escaped.push(c);
                    continue;
                }
            };
            escaped.extend([self.escape, code, self.escape]);
        }
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "MSH|^~\\&|TH|A|||20220103||SIU^S14|42|P|2.4\r";

    fn of(segments: &str, field: usize, component: usize) -> Option<String> {
        let text = format!("{HEADER}{segments}");
        Message::parse(&text).ok()?.value("ZTH", field, component).map(Cow::into_owned)
    }

    #[test]
    fn fields_are_counted_as_the_standard_counts_them() {
        let message = Message::parse(HEADER).unwrap();
        let value = |field, component| message.value("MSH", field, component).map(Cow::into_owned);
        assert_eq!(value(3, 1).as_deref(), Some("TH"));
        assert_eq!(value(9, 1).as_deref(), Some("SIU"));
        assert_eq!(value(10, 1).as_deref(), Some("42"));
        assert_eq!(value(2, 1), None);
        assert_eq!(message.raw("MSH", 9), "SIU^S14");
        assert_eq!(of("ZTH|a^b~c", 1, 2).as_deref(), Some("b"));
    }

    #[test]
    fn nothing_is_no_value() {
        for (segments, field, component) in
            [("ZTH||", 1, 1), ("ZTH|\"\"", 1, 1), ("ZTH|a", 2, 1), ("ZTH|a", 0, 1), ("ZTH|a", 1, 0), ("ZTHX|a", 1, 1)]
        {
            assert_eq!(of(segments, field, component), None, "{segments} {field} {component}");
        }
    }

    #[test]
    fn nothing_and_what_is_to_be_deleted_are_told_apart() {
        let text = format!("{HEADER}ZTH|\"\"||a^\"\"");
        let message = Message::parse(&text).unwrap();
        let get = |place| message.whole().get(&FieldRef::parse(place).unwrap());
        assert_eq!(get("ZTH-1"), Value::Deleted);
        assert_eq!(get("ZTH-1.3"), Value::Deleted);
        assert_eq!(get("ZTH-2"), Value::Absent);
        assert_eq!(get("ZTH-3.2"), Value::Deleted);
    }

    #[test]
    fn a_group_sees_its_own_segments_first_and_never_those_of_another_group() {
        let text = format!("{HEADER}PV1|p\rORC|1\rOBR|a\rORC|2\rORC|3\rOBR|c\r");
        let message = Message::parse(&text).unwrap();
        let get = |group: Group<'_, '_>, segment| match group.read(segment, 1, 1) {
            Value::Text(text) => text.into_owned(),
            Value::Absent | Value::Deleted => "-".to_owned(),
        };
        let found: Vec<_> =
            message.groups("ORC").map(|group| [get(group, "ORC"), get(group, "OBR"), get(group, "PV1")]).collect();
        assert_eq!(found, [["1", "a", "p"], ["2", "-", "p"], ["3", "c", "p"]]);
        assert_eq!(message.groups("ZZZ").count(), 0);
    }

    #[test]
    fn escapes_of_delimiters_are_undone_and_others_kept() {
        assert_eq!(of("ZTH|a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f", 1, 1).as_deref(), Some("a|b^c~d\\e&f"));
        assert_eq!(of("ZTH|\\H\\bold\\N\\ 5\\", 1, 1).as_deref(), Some("\\H\\bold\\N\\ 5\\"));
        assert_eq!(of("ZTH|\\H\\F\\N\\", 1, 1).as_deref(), Some("\\H\\F\\N\\"), "a letter between escapes is itself");
    }

    #[test]
    fn a_text_without_header_or_delimiters_is_refused() {
        assert_eq!(Message::parse("PID|1").err(), Some(NoMessage::NoHeader));
        assert_eq!(Message::parse("MSH|^~").err(), Some(NoMessage::Delimiters));
        assert_eq!(Message::parse("MSH|^^\\&|").err(), Some(NoMessage::Delimiters));
        let long = format!("{HEADER}{}", "NTE|\r".repeat(MAX_SEGMENTS));
        assert_eq!(Message::parse(&long).err(), Some(NoMessage::Segments));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(MSH.{0,5})?[|^~\\\\&A-Z\r é]{0,60}", field in 0_usize..5, component in 0_usize..5) {
            if let Ok(message) = Message::parse(&text) {
                let _ = message.value("MSH", field, component);
                let _ = message.value("PID", field, component);
                for group in message.groups("PID") {
                    let _ = group.read("OBR", field, component);
                }
            }
        }

        #[test]
        fn what_is_escaped_reads_as_it_was(text in "[|^~\\\\&a-z]{1,20}") {
            let message = Message::parse(HEADER).unwrap();
            prop_assert_eq!(of(&format!("ZTH|{}", message.delimiters().escape(&text)), 1, 1), Some(text));
        }
    }
}
