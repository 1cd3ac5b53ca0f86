//! An agent without std, libc or an allocator, and a collector to go with it; x86-64 Linux.
//!
//! Bouncing edges go through the lines, the case tracker and the stamper into an outbox of stated size, and by the delivery
//! rules to a receiver, while the network is away for longer than the outbox lasts. It prints what came of it, how large
//! the parts are and how much stack all of it took.
//!
//! Exit 0: what arrived is what was confirmed, and what was not is counted. Exit 1: it is not. Exit 2: panic.
#![no_std]
#![no_main]

mod machine;
mod outbox;
mod panel;
mod round_trip;
mod theatre_day;

use core::arch::global_asm;
use core::fmt::Write as _;
use core::mem::size_of;

use delivery::{Ack, Batch, Kept, Mark, OpenLoss, Receiver, Sender, batch};
use edge_agent::{Button, CaseTracker, EventBytes, Input, Line, MAX_PRESSES, Stamper};
use room_events::Event;

use machine::{Console, exit, with_stack_used};
use outbox::{HELD, Outbox};
use panel::Panel;

global_asm!(".globl _start", "_start:", "xor ebp, ebp", "and rsp, -16", "call {main}", main = sym main);

extern "C" fn main() -> ! {
    let round_trip = round_trip::round_trip() == Some(true);
    let (day, stack) = with_stack_used(theatre_day::play);
    let is_right = day.as_ref().is_some_and(theatre_day::Day::is_right);
    let _ = report(day, stack);
    exit(i32::from(!(round_trip && is_right)))
}

fn report(day: Option<theatre_day::Day>, stack: usize) -> core::fmt::Result {
    let mut out = Console;
    match day {
        Some(day) => writeln!(out, "{day}")?,
        None => writeln!(out, "the day could not be played")?,
    }
    writeln!(out, "bytes of")?;
    for (bytes, what) in [
        (size_of::<Line>(), "a line"),
        (size_of::<Button>(), "a button"),
        (size_of::<Input>(), "an input, line and button"),
        (size_of::<CaseTracker>(), "a case tracker"),
        (size_of::<Panel>(), "a panel of 6 inputs, tracker and light"),
        (size_of::<Stamper>(), "a stamper"),
        (size_of::<Event>(), "an event"),
        (size_of::<EventBytes>(), "its stored form"),
        (size_of::<Sender<1>>(), "a sender of 1 stream"),
        (size_of::<Sender<128>>(), "a sender of 128 streams"),
        (size_of::<Kept<1>>(), "what an outbox knows of 1 stream's age"),
        (size_of::<OpenLoss>(), "an open loss"),
        (batch::MAX_BATCH_BYTES, "the longest batch"),
        (size_of::<Batch<'static>>(), "a batch as read"),
        (size_of::<Ack>(), "an acknowledgement"),
        (size_of::<Mark>(), "a receiver's mark"),
        (size_of::<Receiver>(), "a receiver"),
        (size_of::<Outbox>(), "the outbox of this example"),
    ] {
        writeln!(out, "  {bytes:>7}  {what}")?;
    }
    writeln!(out, "the tracker remembers {MAX_PRESSES} presses, the outbox {HELD} events")?;
    writeln!(out, "stack used: {stack} bytes")
}
