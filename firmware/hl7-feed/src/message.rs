//! The fields of one message: delimiters from its MSH, escapes undone on reading, nothing copied before.

use std::borrow::Cow;

use thiserror::Error;

/// Why a text is no HL7 v2 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoMessage {
    /// The first segment is another.
    #[error("the message does not begin with MSH: send HL7 v2 in its delimited form, not XML or a batch")]
    NoHeader,
    /// MSH-1 and MSH-2 do not give four delimiters that differ.
    #[error("MSH-1 and MSH-2 name no usable delimiters: have the sender give them as |^~\\&")]
    Delimiters,
}

#[derive(Debug, Clone, Copy)]
struct Delimiters {
    field: char,
    component: char,
    repetition: char,
    escape: char,
    subcomponent: char,
}

/// One message, borrowed from its text.
#[derive(Clone, Copy)]
pub struct Message<'m> {
    text: &'m str,
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
        Ok(Self { text, delimiters: Delimiters { field, component, repetition, escape, subcomponent } })
    }

    /// A component of a field, both counted from 1 as the standard does, in the first segment so named and the first
    /// repetition of its field. `None` when absent, empty, or `""` (told to be deleted).
    #[must_use]
    pub fn value(&self, segment: &str, field: usize, component: usize) -> Option<Cow<'m, str>> {
        let of = self.delimiters;
        let line = self.text.split(['\r', '\n']).find(|line| line.split(of.field).next() == Some(segment))?;
        // MSH-1 is the delimiter itself, so that MSH's fields count one less; MSH-1 and MSH-2 are no values.
        let at = if segment == "MSH" { field.checked_sub(1).filter(|at| *at > 1)? } else { field };
        let whole = line.split(of.field).nth(at.max(1)).filter(|_| field > 0)?;
        let first = whole.split(of.repetition).next()?;
        let raw = first.split(of.component).nth(component.checked_sub(1)?)?;
        (!raw.is_empty() && raw != "\"\"").then(|| of.unescape(raw))
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
        let message = Message::parse(HEADER);
        let value = |field, component| message.ok()?.value("MSH", field, component).map(Cow::into_owned);
        assert_eq!(value(3, 1).as_deref(), Some("TH"));
        assert_eq!(value(9, 1).as_deref(), Some("SIU"));
        assert_eq!(value(10, 1).as_deref(), Some("42"));
        assert_eq!(value(2, 1), None);
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
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(MSH.{0,5})?[|^~\\\\&A-Z\r é]{0,60}", field in 0_usize..5, component in 0_usize..5) {
            if let Ok(message) = Message::parse(&text) {
                let _ = message.value("MSH", field, component);
                let _ = message.value("PID", field, component);
            }
        }
    }
}
