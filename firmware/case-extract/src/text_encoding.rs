//! From a file's bytes to UTF-8, a chunk at a time; UTF-8 itself is only checked, not copied.

use encoding_rs::{CoderResult, Encoding, UTF_8};

/// What is said of bytes that are not the UTF-8 they were taken for.
pub(crate) const NOT_UTF_8: &str =
    "is not UTF-8 (if it came from Excel or an older Windows program, set encoding = \"windows-1252\")";

/// Where the bytes of a chunk stop being text, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotText {
    pub(crate) at: usize,
    pub(crate) problem: String,
}

/// One file's decoder.
pub(crate) enum TextDecoder {
    /// The bytes of a character that a chunk's end cut in two.
    Utf8 {
        cut: Vec<u8>,
    },
    Other {
        decoder: encoding_rs::Decoder,
        text: Vec<u8>,
        name: &'static str,
    },
}

impl TextDecoder {
    pub(crate) fn new(encoding: &'static Encoding) -> Self {
        if encoding == UTF_8 {
            return Self::Utf8 { cut: Vec::new() };
        }
        let decoder = encoding.new_decoder_without_bom_handling();
        Self::Other { decoder, text: Vec::new(), name: encoding.name() }
    }

    /// The chunk as UTF-8. For UTF-8 it is the chunk itself, whose last character may be cut in two.
    pub(crate) fn decode<'c>(&'c mut self, chunk: &'c [u8], last: bool) -> Result<&'c [u8], NotText> {
        match self {
            Self::Utf8 { cut } => {
                check_utf_8(cut, chunk, last).map_err(|at| NotText { at, problem: NOT_UTF_8.to_owned() })?;
                Ok(chunk)
            }
            Self::Other { decoder, text, name } => {
                let fault = |at| NotText {
                    at,
                    problem: format!(
                        "has bytes that are no text in {} (correct the key encoding)",
                        name.to_lowercase()
                    ),
                };
                let Some(needed) = decoder.max_utf8_buffer_length(chunk.len()) else { return Err(fault(0)) };
                if text.len() < needed {
                    text.resize(needed, 0);
                }
                let (result, read, written, replaced) = decoder.decode_to_utf8(chunk, text, last);
                if replaced || result == CoderResult::OutputFull {
                    return Err(fault(read.min(chunk.len())));
                }
                Ok(text.get(..written).unwrap_or_default())
            }
        }
    }
}

fn check_utf_8(cut: &mut Vec<u8>, chunk: &[u8], last: bool) -> Result<(), usize> {
    let mut from = 0;
    while !cut.is_empty() {
        let Some(&byte) = chunk.get(from) else { return if last { Err(from) } else { Ok(()) } };
        cut.push(byte);
        from += 1;
        match core::str::from_utf8(cut) {
            Ok(_) => cut.clear(),
            Err(error) if error.error_len().is_some() => return Err(from - 1),
            Err(_) => {}
        }
    }
    let rest = chunk.get(from..).unwrap_or_default();
    match core::str::from_utf8(rest) {
        Ok(_) => Ok(()),
        Err(error) if error.error_len().is_some() || last => Err(from + error.valid_up_to()),
        Err(error) => {
            cut.extend_from_slice(rest.get(error.valid_up_to()..).unwrap_or_default());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn utf_8_is_judged_the_same_in_any_chunks(
            bytes in proptest::collection::vec(proptest::sample::select(vec![b'a', 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80]), 0..24),
            size in 1_usize..5,
        ) {
            let mut decoder = TextDecoder::new(UTF_8);
            let good = bytes.chunks(size).all(|chunk| decoder.decode(chunk, false).is_ok()) && decoder.decode(&[], true).is_ok();
            proptest::prop_assert_eq!(good, core::str::from_utf8(&bytes).is_ok());
        }
    }
}
