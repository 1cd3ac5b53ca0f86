//! Reads HL7 v2 messages: [`Frames`] cuts a connection's bytes into messages (MLLP), [`Message`] finds a message's
//! fields. Nothing here opens a socket or reads a clock, and no error shows a value: messages hold patients' names.
//!
//! ```
//! use hl7_feed::{Frames, Message};
//!
//! let mut frames = Frames::new(64 * 1024);
//! let messages = frames.push(b"\x0bMSH|^~\\&|TH|A|||20220103||SIU^S14|42|P|2.4\rZTH|th-4^A\\T\\B\r\x1c\r")?;
//! let text = std::str::from_utf8(&messages[0])?;
//! let message = Message::parse(text)?;
//! assert_eq!(message.value("MSH", 9, 2).as_deref(), Some("S14"));
//! assert_eq!(message.value("ZTH", 1, 2).as_deref(), Some("A&B"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod field;
mod frames;
mod mapping;
mod mapping_toml;
mod message;
mod personal;
mod problem;
mod reading;
mod section;
mod taking;
mod text;
mod time;

pub use answer::{Verdict, answer};
pub use field::FieldRef;
pub use frames::{Frames, TooLong, framed};
pub use mapping::{Mapping, MappingError};
pub use message::{Delimiters, Group, MAX_SEGMENTS, Message, NoMessage, Value};
pub use problem::{ErrorCode, Problem};
pub use reading::{ExamEnd, Read, Reading, Said};
pub use taking::{Taken, take};
