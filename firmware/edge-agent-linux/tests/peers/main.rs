//! The agent against a real mosquitto and a small collector.
//!
//! Without mosquitto on this machine the tests say so and pass; TOUCHTIME_REQUIRE_PEERS=1 makes them fail instead.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails, and explains itself, where it stands")]

mod delivery;
mod peer;
mod program;
