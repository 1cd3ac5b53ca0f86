//! `touchtime-hand`: what people and time services do to a gateway machine, done inside the guest and noted.
//!
//! ```text
//! touchtime-hand edges LINES EDGES GAP_US BOUNCE   moves lines in turn
//! touchtime-hand presses FIRST COUNT LIGHT         presses buttons in turn, and looks at the light
//! touchtime-hand steer                             tells the kernel that a time service steers its clock now
//! ```

#![allow(clippy::disallowed_methods, reason = "a measuring program outside the product")]

mod edges;
mod pin;
mod presses;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rtime_clock::adjtime::{Timex, adjtimex};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = arguments.iter().skip(1).filter_map(|text| text.parse().ok()).collect();
    let done = match (arguments.first().map(String::as_str), numbers.as_slice()) {
        (Some("edges"), [lines, edges, gap, bounce]) => {
            edges::play(*lines, *edges, Duration::from_micros(*gap), *bounce)
        }
        (Some("presses"), [first, count, light]) => presses::play(*first, *count, *light),
        (Some("steer"), []) => steer(),
        (Some(_) | None, _) => Err(io::Error::other("usage: see the top of tests/kernel/hand/src/main.rs")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "touchtime-hand: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The wall clock.
fn micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}

/// As a time service does after it has set the clock: `ADJ_STATUS`, `ADJ_ESTERROR` and `ADJ_MAXERROR` of adjtimex(2), with a
/// status that lacks `STA_UNSYNC`.
fn steer() -> io::Result<()> {
    let mut told = Timex::new();
    told.0.modes = 0x10 | 0x08 | 0x04;
    told.0.status = 0x01;
    told.0.esterror = 100;
    told.0.maxerror = 1000;
    adjtimex(&mut told).map(drop)
}
