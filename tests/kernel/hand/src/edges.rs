//! Moves lines in turn, one every so often. With a bounce above 0 each edge is a burst: the line goes there and back so
//! often before it stays; after it has come to rest follows as often a spike that leaves it as it was.
//!
//! For each edge that stays it prints the line, its new level, and the wall clock in microseconds just before and just after
//! it first moved: the kernel stamped it in between. The last line is how long, in microseconds, the longest pause within a
//! burst was: a guest that is held up bounces too slowly to bounce.

use std::io::{self, BufWriter, Write as _};
use std::thread::sleep;
use std::time::Duration;

use crate::micros;
use crate::pin::Pull;

/// Between the moves of a burst; well below the debounce time.
const BOUNCE_EVERY: Duration = Duration::from_millis(3);

/// So long after an edge its line has come to rest.
const AT_REST: Duration = Duration::from_millis(120);

/// See the module.
pub fn play(lines: u64, edges: u64, gap: Duration, bounce: u64) -> io::Result<()> {
    let mut pulls = (0..lines).map(Pull::open).collect::<io::Result<Vec<_>>>()?;
    let mut notes = BufWriter::new(io::stdout().lock());
    let mut longest = 0;
    for edge in 0..edges {
        let line = usize::try_from(edge % lines).unwrap_or(0);
        let Some(pull) = pulls.get_mut(line) else { continue };
        let before = micros();
        pull.turn()?;
        let after = micros();
        writeln!(notes, "{line} {} {before} {after}", if pull.is_high { "high" } else { "low" })?;
        if bounce > 0 {
            longest = longest.max(burst(pull, bounce, after)?);
            sleep(AT_REST);
            let before = micros();
            pull.turn()?;
            longest = longest.max(burst(pull, bounce - 1, before)?);
            sleep(BOUNCE_EVERY);
            let last = micros();
            pull.turn()?;
            longest = longest.max(micros() - last);
            sleep(AT_REST);
        }
        sleep(gap);
    }
    writeln!(notes, "longest {longest}")?;
    notes.flush()
}

/// There and back, so often; the longest pause between two moves, the one at `last` among them.
fn burst(pull: &mut Pull, times: u64, mut last: u128) -> io::Result<u128> {
    let mut longest = 0;
    for _ in 0..2 * times {
        sleep(BOUNCE_EVERY);
        pull.turn()?;
        longest = longest.max(micros() - last);
        last = micros();
    }
    Ok(longest)
}
