//! [`Identifier`]: which kind of number becomes a [`Token`], and how it is written before it does.
//!
//! The same accession number comes from a scanner padded to an even length, from the hospital's system with blanks
//! around it. Every feed passes through here, so that both give the same token.

use crate::token::Token;

/// A kind of identifier. Numbers of two kinds never give the same token, even if they are written alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// A case of the theatre system.
    Case,
    /// Accession number: one ordered examination.
    Accession,
    /// Requested procedure id, where there is no accession number.
    RequestedProcedure,
    /// Study instance UID, where there is neither of the two.
    Study,
    /// Series instance UID.
    Series,
    /// Visit (admission, attendance).
    Visit,
    /// The patient's local number.
    Patient,
    /// SOP instance UID of a performed procedure step.
    Step,
    /// Placer's order number.
    Order,
}

impl Identifier {
    /// The name under which it is hashed; never changed, because tokens depend on it.
    pub const fn domain(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Accession => "accession",
            Self::RequestedProcedure => "requested-procedure",
            Self::Study => "study",
            Self::Series => "series",
            Self::Visit => "visit",
            Self::Patient => "patient",
            Self::Step => "step",
            Self::Order => "order",
        }
    }
}

/// The identifier without what surrounds it: white space, and the NUL that DICOM pads UIDs with. `None` when nothing is
/// left. Letters and leading zeros stay: systems tell numbers apart by them.
pub fn trimmed(text: &str) -> Option<&str> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if text.is_empty() { None } else { Some(text) }
}

/// Makes tokens. An agent passes HMAC-SHA-256 under the trust's key.
pub trait TokenMaker: Sync {
    /// The token of an identifier that [`trimmed`] has prepared.
    fn token_of_trimmed(&self, kind: Identifier, text: &str) -> Token;

    /// The token of an identifier as its source writes it; `None` for an empty one.
    fn token_of(&self, kind: Identifier, text: &str) -> Option<Token> {
        trimmed(text).map(|text| self.token_of_trimmed(kind, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_makes_no_other_identifier() {
        for (text, expected) in [
            ("A1 ", Some("A1")),
            (" A1\0", Some("A1")),
            ("1.2.3\0", Some("1.2.3")),
            ("007", Some("007")),
            ("a 1", Some("a 1")),
            (" \0 ", None),
            ("", None),
        ] {
            assert_eq!(trimmed(text), expected, "{text:?}");
        }
    }
}
