//! [`Token`]: what stands in place of a case, patient, visit or accession number.
//!
//! An adapter computes HMAC-SHA-256 over the kind of identifier and the identifier with the trust's key, keeps the first
//! 128 bits, and puts the key's number in front, so that a rotation of the key shows instead of silently splitting a
//! case in two. The number itself stays in the adapter that read it.
//!
//! ```text
//! 7.9f86d081884c7d659a2feaa0c55ad015
//! |  `- 128 bits, 32 lower-case hexadecimal digits
//! `- key id, 0 to 255
//! ```

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::parse_hex_128;

/// A keyed token; equal tokens mean the same identifier under the same key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// Which of the trust's keys made it.
    pub key: u8,
    /// The first 128 bits of the keyed hash.
    pub digest: u128,
}

/// The text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenError;

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a token (key id 0 to 255, a full stop, 32 lower-case hexadecimal digits)")
    }
}

impl core::error::Error for TokenError {}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:032x}", self.key, self.digest)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Token {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let (key, digest) = text.split_once('.').ok_or(TokenError)?;
        if !key.bytes().all(|b| b.is_ascii_digit()) || (key.len() > 1 && key.starts_with('0')) {
            return Err(TokenError);
        }
        let key = key.parse().map_err(|_| TokenError)?;
        let digest = parse_hex_128(digest).map_err(|_| TokenError)?;
        Ok(Self { key, digest })
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = heapless::String::<36>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_token_has_one_text_form() {
        let token = Token { key: 7, digest: 0xabc };
        assert_eq!(token.to_string(), "7.00000000000000000000000000000abc");
        assert_eq!(token.to_string().parse(), Ok(token));
        for wrong in [
            "",
            "7",
            "256.00000000000000000000000000000abc",
            "07.00000000000000000000000000000abc",
            "7.ABC",
            "+7.00000000000000000000000000000abc",
        ] {
            assert_eq!(wrong.parse::<Token>(), Err(TokenError), "{wrong}");
        }
    }
}
