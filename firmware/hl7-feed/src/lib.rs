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

mod frames;
mod message;

pub use frames::{Frames, TooLong};
pub use message::{Message, NoMessage};
