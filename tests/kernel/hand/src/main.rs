//! `touchtime-hand`: moves the lines of a simulated GPIO chip inside the guest, and says when it did.
//!
//! ```text
//! touchtime-hand LINES EDGES GAP_US BOUNCE
//! ```
//! It moves the first LINES lines in turn, EDGES times in all, one every GAP_US microseconds. With a BOUNCE above 0 each
//! edge is a burst: the line goes there and back so often before it stays, and after it has come to rest follows as often a
//! spike that leaves it as it was. For each edge that stays it prints the line, its new level, and the wall clock in
//! microseconds just before and just after it first moved: the kernel stamped it in between.

#![allow(clippy::disallowed_methods, reason = "a measuring program outside the product")]

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Between the moves of a burst; well below the debounce time.
const BOUNCE_EVERY: Duration = Duration::from_millis(3);

/// So long after an edge its line has come to rest, even if the guest is held up.
const AT_REST: Duration = Duration::from_millis(150);

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let Ok([lines, edges, gap, bounce]) = <[u64; 4]>::try_from(numbers) else {
        let _ = writeln!(io::stderr(), "usage: touchtime-hand LINES EDGES GAP_US BOUNCE");
        return ExitCode::from(2);
    };
    match play(lines, edges, Duration::from_micros(gap), bounce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "a line cannot be moved: {error} (is gpio-sim loaded, and its chip live?)");
            ExitCode::FAILURE
        }
    }
}

fn play(lines: u64, edges: u64, gap: Duration, bounce: u64) -> io::Result<()> {
    let mut pulls = (0..lines).map(Pull::open).collect::<io::Result<Vec<_>>>()?;
    let mut notes = BufWriter::new(io::stdout().lock());
    for edge in 0..edges {
        let line = usize::try_from(edge % lines).unwrap_or(0);
        let Some(pull) = pulls.get_mut(line) else { continue };
        let before = micros();
        pull.turn()?;
        let after = micros();
        writeln!(notes, "{line} {} {before} {after}", if pull.is_high { "high" } else { "low" })?;
        for _ in 0..2 * bounce {
            sleep(BOUNCE_EVERY);
            pull.turn()?;
        }
        if bounce > 0 {
            sleep(AT_REST);
            for _ in 0..2 * bounce {
                pull.turn()?;
                sleep(BOUNCE_EVERY);
            }
        }
        sleep(gap);
    }
    notes.flush()
}

fn micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}

/// The resistor that decides a simulated line's level.
struct Pull {
    file: File,
    is_high: bool,
}

impl Pull {
    fn open(line: u64) -> io::Result<Self> {
        let path = format!("/sys/devices/platform/gpio-sim.0/gpiochip0/sim_gpio{line}/pull");
        let is_high = std::fs::read_to_string(&path)?.trim() == "pull-up";
        Ok(Self { file: OpenOptions::new().write(true).open(path)?, is_high })
    }

    fn turn(&mut self) -> io::Result<()> {
        self.is_high = !self.is_high;
        self.file.write_all(if self.is_high { b"pull-up" } else { b"pull-down" })
    }
}
