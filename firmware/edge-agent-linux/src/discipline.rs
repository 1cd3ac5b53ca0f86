//! What the kernel knows of its wall clock's discipline, as a time service (chrony, ntpd, systemd-timesyncd) tells it.
//!
//! The kernel's word and not a service's file: it takes back "synchronised" by itself when no service has steered the clock
//! for so long that it may be 16 s wrong (about nine hours), and when somebody sets it by hand.

use room_events::ClockQuality;
use rtime_clock::adjtime::{Timex, adjtimex};

/// `STA_UNSYNC` of adjtimex(2): nobody steers the clock.
const UNSYNCHRONISED: i32 = 0x40;

/// `NTP_PHASE_LIMIT` of the kernel, in microseconds: the estimated error of a clock that nobody has steered since the boot
/// or since it was set by hand.
const NEVER_STEERED_MICROS: i64 = 16_000_000;

/// How far the kernel believes its own clock; unset too where it does not say.
pub fn quality() -> ClockQuality {
    let mut answer = Timex::new();
    match adjtimex(&mut answer) {
        Ok(_) => classify(answer.0.status, answer.0.esterror),
        Err(error) => {
            tracing::debug!(%error, "the kernel does not tell how its clock is steered");
            ClockQuality::Unset
        }
    }
}

fn classify(status: i32, estimated_error_micros: i64) -> ClockQuality {
    if status & UNSYNCHRONISED == 0 {
        ClockQuality::Synchronised
    } else if estimated_error_micros < NEVER_STEERED_MICROS {
        ClockQuality::Holdover
    } else {
        ClockQuality::Unset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        for (status, error, expected) in [
            // Steered, no longer steered, never since the boot, and set by hand.
            (0x2001, 312, ClockQuality::Synchronised),
            (0x2041, 312, ClockQuality::Holdover),
            (0x0040, 16_000_000, ClockQuality::Unset),
            (0x2041, 16_000_000, ClockQuality::Unset),
        ] {
            assert_eq!(classify(status, error), expected, "{status:x} {error}");
        }
    }
}
