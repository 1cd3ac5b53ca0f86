//! Data sets in every way of writing them, and tokens that show what they were made of.

use dicom_feed::{Syntax, Tag};
use room_events::{Identifier, Token, TokenMaker};

/// Tokens that show what they were made of.
pub struct Plain;

impl TokenMaker for Plain {
    fn token_of_trimmed(&self, kind: Identifier, text: &str) -> Token {
        let digest = text.bytes().fold(0, |sum: u128, byte| sum << 8 | u128::from(byte));
        Token { key: u8::try_from(kind.domain().len()).unwrap(), digest }
    }
}

pub fn plain(kind: Identifier, text: &str) -> Token {
    Plain.token_of_trimmed(kind, text)
}

/// An element.
#[derive(Clone)]
pub enum Piece {
    Text(u32, &'static [u8; 2], &'static str),
    Items(u32, Vec<Vec<Piece>>),
}
pub use Piece::{Items, Text};

/// Writes elements; `delimited`: sequences and items of undefined length.
pub fn written(parts: &[Piece], syntax: Syntax, delimited: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let head = |bytes: &mut Vec<u8>, tag: u32, kind: &[u8; 2], length: u32| {
        let tag = Tag(tag);
        bytes.extend(tag.group().to_le_bytes());
        bytes.extend(tag.element().to_le_bytes());
        match syntax {
            Syntax::ImplicitLittle => bytes.extend(length.to_le_bytes()),
            Syntax::ExplicitLittle if kind == b"SQ" => {
                bytes.extend(b"SQ\0\0");
                bytes.extend(length.to_le_bytes());
            }
            Syntax::ExplicitLittle => {
                bytes.extend(kind);
                bytes.extend(u16::try_from(length).unwrap().to_le_bytes());
            }
        }
    };
    for part in parts {
        match part {
            Text(tag, kind, text) => {
                let padded = if text.len() % 2 == 1 { format!("{text} ") } else { (*text).to_owned() };
                head(&mut bytes, *tag, kind, u32::try_from(padded.len()).unwrap());
                bytes.extend(padded.as_bytes());
            }
            Items(tag, items) => {
                let mut inside = Vec::new();
                for item in items {
                    let item = written(item, syntax, delimited);
                    inside.extend([0xfe, 0xff, 0x00, 0xe0]);
                    let length = if delimited { u32::MAX } else { u32::try_from(item.len()).unwrap() };
                    inside.extend(length.to_le_bytes());
                    inside.extend(item);
                    if delimited {
                        inside.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0]);
                    }
                }
                let length = if delimited { u32::MAX } else { u32::try_from(inside.len()).unwrap() };
                head(&mut bytes, *tag, b"SQ", length);
                bytes.extend(inside);
                if delimited {
                    bytes.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
                }
            }
        }
    }
    bytes
}
