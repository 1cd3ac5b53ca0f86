//! The agent on Linux: feeds to events, events to a durable outbox, the outbox to MQTT.
//!
//! An event is on the disk before anything else may see it, and is deleted only when every required collector has
//! acknowledged it. The rules of that are in the crate `delivery`; here are the disk, the network and the clock.
//!
//! - [`cli`]: the command line; [`cli::main`] is the whole program.
//! - [`config`]: agent.toml. [`check`]: whether the agent could run by it.
//! - [`agent`]: the [`agent::Agent`] that feeds and connection share: record, send, acknowledge, delete.
//! - [`outbox`]: events on disk (redb). [`link`]: the connection to the broker (rumqttc). [`clock`]: the only clock.
//! - [`watch`]: the extract feed. [`replay`]: one extract in the order of its time. [`extract_file`]: reading one.
//! - `dicom`: the DICOM and worklist feeds (feature `dicom`). `hl7`: the HL7 feed (feature `hl7`). `gpio`: buttons and signals
//!   on input lines (feature `gpio`).
//! - `desk`: what many connections tell at once, recorded in one commit.
//! - [`token_key`]: case numbers to tokens; [`token_key::create_key_file`].
//! - `private_memory`: no image of memory on the disk; [`panics`]: no words of a panic in the log. [`played`]: [`played::PlayedTime`], recorded time played back; pure, for other programs too.
//! - [`status_file`]: what a running agent tells `touchtime-agent outbox`; [`scanners_file`]: of scanners.

pub mod agent;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(any(feature = "dicom", feature = "hl7"))]
mod desk;
#[cfg(feature = "dicom")]
pub mod dicom;
mod discipline;
mod expiry;
pub mod extract_file;
#[cfg(feature = "gpio")]
pub mod gpio;
#[cfg(feature = "hl7")]
pub mod hl7;
pub mod link;
pub mod outbox;
pub mod panics;
pub mod played;
mod private_memory;
pub mod replay;
pub mod scanners_file;
mod service;
pub mod status_file;
pub mod token_key;
pub mod watch;
