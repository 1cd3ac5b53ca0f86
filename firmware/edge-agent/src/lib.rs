//! The core of an agent: what a feed observed goes in, stamped events come out, in their bytes for outbox and wire.
//!
//! Runs without std and without an allocator, and reads no clock: the capture (wall clock, monotonic clock, quality)
//! is a parameter.
//!
//! - [`Stamper`]: makes events; [`Stamper::start`] the first of a stream, [`Stamper::stamp`] the others.
//! - [`Line`]: settles the edges of one input line, and tells of one that chatters or is stuck.
//! - [`Observed`]: what a feed says. [`Capture`]: when the agent heard it.
#![no_std]

#[cfg(test)]
extern crate std;

mod line;
mod stamp;

pub use line::{Level, Line, LineNews, LineRules, News};
pub use stamp::{Capture, EventBytes, Observed, StampError, Stamped, Stamper};
