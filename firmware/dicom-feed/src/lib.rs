//! What scanners tell by DICOM, without sockets: bytes of messages in, performed steps and the answers to them out.
//!
//! ```text
//! data values of an association -> [`Assembly`] -> command, data set
//! command bytes                 -> [`Command`]  -> what is asked, and the [`answer`] to it
//! data set bytes                -> [`DataSet`]  -> [`step`]: rules of Modality Performed Procedure Step (PS3.4 annex F)
//! an object's bytes             -> its header, pixels dropped while reading -> [`image`]: instants of acquisition
//! entries of a worklist         -> [`worklist`]: booked exams
//! ```
//!
//! Names are never read into anything that leaves; numbers leave as tokens only, made by the caller's
//! [`TokenMaker`](room_events::TokenMaker).
//!
//! # What is left to others
//! Associations and their limits, what is known of steps across restarts, clocks: the agent. What an exam is: the
//! gateway.

mod assembly;
mod command;
mod data_set;
mod header;
pub mod image;
mod local_time;
pub mod step;
pub mod uid;
pub mod worklist;

pub use assembly::{Assembly, AssemblyError, Message, Part};
pub use command::{Command, Operation, Status, answer};
pub use data_set::{DataSet, ReadError, Syntax, Tag};
pub use local_time::Zone;
