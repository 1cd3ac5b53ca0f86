//! The one module of the agent that reads clocks: wall time, monotonic time, and how far the former can be believed.

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use edge_agent::Capture;
use room_events::{BootId, ClockQuality, UtcMillis};

use crate::discipline;
use crate::played::PlayedTime;

/// Below this the wall clock was never set: the program is younger.
const NOT_BEFORE: UtcMillis = UtcMillis::saturating(1_735_689_600_000);

/// So often two clocks are read until nothing came between.
const READINGS: usize = 5;

/// The agent's clock.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    synchronised_file: Option<PathBuf>,
    played: Option<PlayedTime>,
}

impl Clock {
    /// The machine's clock. A time service that does not tell the kernel marks a disciplined clock by the existence of
    /// `synchronised_file`.
    #[allow(clippy::disallowed_methods, reason = "this is the clock module")]
    pub fn system(synchronised_file: Option<PathBuf>) -> Self {
        Self { started: Instant::now(), synchronised_file, played: None }
    }

    /// Recorded time played back by the machine's clock.
    pub fn played(played: PlayedTime) -> Self {
        Self { played: Some(played), ..Self::system(None) }
    }

    /// The recording that is played, if one is.
    pub fn recording(&self) -> Option<&PlayedTime> {
        self.played.as_ref()
    }

    /// The machine's wall clock, also while a recording is played.
    #[allow(clippy::disallowed_methods, reason = "this is the clock module")]
    pub fn wall(&self) -> UtcMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UtcMillis::saturating(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The wall clock, or the played one.
    pub fn now(&self) -> UtcMillis {
        match &self.played {
            Some(played) => played.sim_now(self.wall()),
            None => self.wall(),
        }
    }

    /// Milliseconds that the process has run, for waiting and resending; never played.
    #[allow(clippy::disallowed_methods, reason = "this is the clock module")]
    pub fn running_ms(&self) -> u64 {
        u64::try_from(Instant::now().duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds of the kernel's monotonic clock, by which it stamps the edges of input lines; never played.
    pub fn monotonic_ms(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
        seconds * 1000 + nanos / 1_000_000
    }

    /// When something happened that the monotonic clock stamped: the one place where such stamps become times of day. It
    /// goes by the wall clock of this moment, so it is to be asked soon after.
    pub fn time_of(&self, monotonic_ms: u64) -> UtcMillis {
        let (now, mono) = self.both();
        let ago = mono.saturating_sub(monotonic_ms);
        now.plus_millis(i64::try_from(ago).map_or(0, |ago| -ago))
    }

    /// The wall clock, or the played one, and the monotonic one at one moment: a process that was held up between the two
    /// reads them again.
    fn both(&self) -> (UtcMillis, u64) {
        for _ in 1..READINGS {
            let (before, now, after) = (self.monotonic_ms(), self.now(), self.monotonic_ms());
            if after - before <= 1 {
                return (now, after);
            }
        }
        (self.now(), self.monotonic_ms())
    }

    /// What an observation is stamped with now.
    pub fn capture(&self) -> Capture {
        let (at, monotonic) = self.both();
        let mono = match &self.played {
            Some(played) => u64::try_from(at.millis_since(played.start())).unwrap_or(0),
            None => monotonic,
        };
        Capture { at, mono, clock: self.quality() }
    }

    /// How far the wall clock can be believed; a played one as far as the machine that recorded it, which is not known.
    pub fn quality(&self) -> ClockQuality {
        if self.played.is_some() {
            return ClockQuality::External;
        }
        if self.wall() < NOT_BEFORE {
            return ClockQuality::Unset;
        }
        if self.synchronised_file.as_ref().is_some_and(|file| file.exists()) {
            return ClockQuality::Synchronised;
        }
        discipline::quality()
    }

    /// The machine's boot; a played recording, whose monotonic time is its own, has a random one.
    pub fn boot(&self) -> Result<BootId, getrandom::Error> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        match text.trim().replace('-', "").parse() {
            Ok(boot) if self.played.is_none() => Ok(boot),
            Ok(_) | Err(_) => random_128().map(BootId),
        }
    }
}

/// 128 random bits of the operating system.
pub fn random_128() -> Result<u128, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(u128::from_le_bytes(bytes))
}
