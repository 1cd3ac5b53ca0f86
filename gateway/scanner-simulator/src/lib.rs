//! Invented scanners: their days by documented distributions, and the DICOM client that tells them.
//!
//! ```text
//! seed, days -> department (appointments, steps) -> appointments.csv      what a radiology system would export
//!                                                -> play: C-ECHO, N-CREATE, N-SET over TCP -> account
//! ```
//! It is the peer of what measures, never a part of it: it shares no code with the feed that hears it, writes its
//! messages with an encoder of its own, and counts its exams itself, so that the two counts can be compared. Every name and
//! number in it is invented and looks like it. The distributions and their sources are in `docs/scanner-simulator.md`.

mod account;
mod appointments;
mod client;
mod department;
mod encode;
mod habits;
mod play;
mod random;

pub use account::{Account, RoomAccount};
pub use appointments::{MAPPING, csv};
pub use client::{Association, Status};
pub use department::{Appointment, Department, Ending, Modality, SCANNERS, Scanner, ScannerDay, Step};
pub use play::{SimulatedTime, play};

/// The AE title that the simulator calls.
pub const CALLED: &str = "TOUCHTIME";
