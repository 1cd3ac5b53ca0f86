//! The delivery rules: how events get from an agent's outbox into a collector's store without loss and without
//! doubles, whatever breaks in between.
//!
//! Both halves are state machines without clock, file or socket: times are parameters in milliseconds of a monotonic
//! clock, and what the caller must do comes back as a value. An agent's process is one *stream*, numbered from 1; the
//! agent sends batches in order and repeats from the oldest unacknowledged one; the collector stores first and
//! acknowledges then.
//!
//! - [`batch`]: the envelope on the `events` topic: [`batch::encode`], [`batch::decode`] gives each event's raw bytes.
//! - [`ack`]: the acknowledgement on the `ack/{collector}` topic: [`ack::encode`], [`ack::decode`], [`RunId`].
//! - [`status`]: the retained status of an agent: [`status::encode`], [`status::decode`].
//! - [`receiver`]: the collector's half: [`Mark`] of a stream ([`Mark::take`] says what of a batch is to be stored),
//!   [`Receiver::acknowledge`] makes the acknowledgement after the commit.
//! - [`sender`]: the agent's half: [`Sender`] says what to send next and what is acknowledged by whom.
//! - [`keep`]: what an outbox keeps and for how long, and whether there is room: [`Kept`], [`Space`].
//! - [`loss`]: observations that found no room, counted until an event tells of them: [`OpenLoss`].
#![no_std]

#[cfg(test)]
extern crate std;

pub mod ack;
pub mod batch;
mod buffer;
pub mod keep;
pub mod loss;
pub mod receiver;
mod scan;
pub mod sender;
pub mod status;

pub use ack::{Ack, Failed, RunId};
pub use batch::{Batch, MAX_BATCH_EVENTS};
pub use keep::{Kept, Room, Space};
pub use loss::OpenLoss;
pub use receiver::{Answered, Binding, Mark, OnFailure, Receiver, SeqRange, Taken};
pub use sender::{AckOutcome, Next, Sender, Settings};
pub use status::Status;
