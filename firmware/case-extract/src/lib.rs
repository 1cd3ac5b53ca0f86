//! Reads an extract of a theatre system: bytes and a mapping in; cases, planned sessions and observations out, with an
//! error that names file, line, column, value and remedy for each bad row or cell.
//!
//! Theatre systems export what they like: any column names, several time formats, any encoding. A [`Mapping`] says which
//! column is what (the README of this crate has every key); good rows go on, a [`Summary`] counts the rest, and a file
//! that can only be guessed at is refused with the setting that ends the guessing. Nothing here opens a file or reads a
//! clock: the caller pushes bytes. Case ids leave only as tokens, made by the
//! [`TokenMaker`](room_events::TokenMaker) that is passed in.
//!
//! ```
//! use case_extract::{LocalTokens, Mapping, Reader};
//!
//! let mapping = Mapping::parse(
//!     "cases.mapping.toml",
//!     r#"
//!     zone = "Europe/London"
//!     site = "main"
//!     room = { column = "theatre", prefix = "th-" }
//!     case = "id"
//!     milestones = { into_theatre = "in", out_of_theatre = "out" }
//!     booking = { start = "planned", minutes = "minutes" }
//!     sessions = { from = "bookings" }
//!     "#,
//! )?;
//! let tokens = LocalTokens::new([1, 2]);
//! let mut reader = Reader::cases(&mapping, "cases.csv", &tokens);
//! reader.push(b"id,theatre,planned,minutes,in,out\n")?;
//! reader.push(b"1,4,2022-01-03 08:30,60,2022-01-03 08:41,2022-01-03 09:30\n")?;
//! let extract = reader.finish()?;
//!
//! assert_eq!(extract.summary().to_string(), "1 row read: 1 case in 1 room, 1 planned session");
//! // For a report: room by room, each case once.
//! for room in extract.rooms() {
//!     let sessions = room.visit(|case| assert_eq!(case.stamps().count(), 2));
//!     assert_eq!(sessions[0].key.as_str(), "2022-01-03");
//! }
//! // For a replay: one plan, one booking, two milestones.
//! assert_eq!(extract.observations().count(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Two threads
//! [`Reader::second`] makes a reader for the bytes from any later place on; [`Reader::join`] puts the halves together, or
//! asks for the second to be pushed again where the place lay inside a quoted cell.
//!
//! # What is not judged here
//! Whether stamps make sense together, and to which list a case belongs: the gateway interprets.

mod case_store;
mod cells;
mod extract;
mod head;
mod local_time;
mod mapping;
mod mapping_toml;
mod marks;
mod names;
mod near;
mod observations;
mod part;
mod problem;
mod reader;
mod records;
mod rows;
mod text_encoding;
mod time_format;
mod token_hash;

pub use extract::{Case, Extract, PlannedSession, Room, Summary};
pub use mapping::Mapping;
pub use near::near;
pub use observations::Reported;
pub use problem::{FileError, Loss, MAX_KEPT_ERRORS, MappingError, Problem, RowError};
pub use reader::{Joined, Reader};
pub use token_hash::LocalTokens;
