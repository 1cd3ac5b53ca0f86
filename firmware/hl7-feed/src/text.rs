//! Bytes of a message to its text, by the character set that MSH-18 names.

use std::borrow::Cow;

use encoding_rs::Encoding;

/// The character set cannot be read; the sender is to name another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnknownSet;

/// Decodes a message. Without MSH-18 the standard means ASCII; what many send without naming it, UTF-8 and
/// windows-1252, is understood.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, UnknownSet> {
    if bytes.is_ascii() {
        // Whatever is named, the text is the same; only a set of two bytes a character would not be.
        return Ok(String::from_utf8_lossy(bytes));
    }
    match named(bytes).as_deref() {
        None | Some("ASCII") => {
            Ok(std::str::from_utf8(bytes).map_or_else(|_| by(encoding_rs::WINDOWS_1252, bytes), Cow::Borrowed))
        }
        Some("UNICODE UTF-8" | "UTF-8" | "UTF8") => Ok(String::from_utf8_lossy(bytes)),
        Some(name) => {
            let number = name.strip_prefix("8859/").or_else(|| name.strip_prefix("8859-")).ok_or(UnknownSet)?;
            let encoding = Encoding::for_label(format!("iso-8859-{number}").as_bytes()).ok_or(UnknownSet)?;
            Ok(by(encoding, bytes))
        }
    }
}

fn by<'b>(encoding: &'static Encoding, bytes: &'b [u8]) -> Cow<'b, str> {
    encoding.decode_without_bom_handling(bytes).0
}

/// The first repetition of MSH-18; header and delimiters are ASCII in every set that is read.
fn named(bytes: &[u8]) -> Option<String> {
    let header = bytes.split(|b| matches!(b, b'\r' | b'\n')).next()?;
    let field = *header.get(3)?;
    let set = header.split(|b| *b == field).nth(17)?;
    let repetition = header.get(5).copied().unwrap_or(b'~');
    let first = set.split(|b| *b == repetition).next()?;
    let text = String::from_utf8_lossy(first).trim().to_ascii_uppercase();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(set: &str, body: &[u8], expected: Result<&str, UnknownSet>) {
        let mut bytes = format!("MSH|^~\\&|A|B|C|D|1||ADT^A01|1|P|2.4||||||{set}\rPV1|").into_bytes();
        bytes.extend_from_slice(body);
        let found = decode(&bytes).map(|text| text.rsplit('|').next().unwrap_or_default().to_owned());
        assert_eq!(found, expected.map(str::to_owned), "{set}");
    }

    #[test]
    fn each_set_is_read_as_the_header_names_it() {
        check("", "é".as_bytes(), Ok("é"));
        check("", b"\xe9", Ok("é"));
        check("ASCII", b"plain", Ok("plain"));
        check("8859/1", b"\xe9", Ok("é"));
        check("8859/15", b"\xa4", Ok("€"));
        check("UNICODE UTF-8", "Łó".as_bytes(), Ok("Łó"));
        check("unicode utf-8", b"\xff", Ok("\u{fffd}"));
        check("8859/1~UNICODE UTF-8", b"\xe9", Ok("é"));
        check("ISO IR87", b"\xe9", Err(UnknownSet));
        check("8859/77", b"\xe9", Err(UnknownSet));
    }

    #[test]
    fn nothing_of_a_message_is_needed() {
        for bytes in [&b""[..], b"M", b"MSH", b"MSH|", b"\xff\xff"] {
            assert!(decode(bytes).is_ok(), "{bytes:?}");
        }
    }
}
