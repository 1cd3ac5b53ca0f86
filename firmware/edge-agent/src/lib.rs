//! The core of an agent: what a feed observed goes in, stamped events come out, in their bytes for outbox and wire.
//!
//! Runs without std and without an allocator, and reads no clock: the capture (wall clock, monotonic clock, quality)
//! is a parameter.
//!
//! - [`Stamper`]: makes events; [`Stamper::start`] the first of a stream, [`Stamper::stamp`] the others.
//! - [`Line`]: settles the edges of one input line, and tells of one that chatters or is stuck. [`Button`]: short and long
//!   presses of one. [`Input`]: a line with its meaning: what an agent reports of it.
//! - [`CaseTracker`]: a room's presses to cases and their milestones. [`StatusLight`]: whether a press is saved.
//! - [`Observed`]: what a feed says. [`Capture`]: when the agent heard it.
#![no_std]

#[cfg(test)]
extern crate std;

mod button;
mod case_tracker;
mod input;
mod line;
mod stamp;
mod status_light;

pub use button::{Button, Press};
pub use case_tracker::{CaseTracker, MAX_PRESSES, MAX_STATE_BYTES, Outcome, REPEAT_MS};
pub use input::{Heard, HeardAtOnce, Input};
pub use line::{Level, Line, LineNews, LineRules, News};
pub use stamp::{Capture, EventBytes, Observed, StampError, Stamped, Stamper};
pub use status_light::{BLINK_MS, SAVED_MS, StatusLight};
