//! The one module of the agent that reads clocks: wall time, monotonic time, and how far the former can be believed.

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use edge_agent::Capture;
use room_events::{BootId, ClockQuality, UtcMillis};

use crate::played::PlayedTime;

/// Below this the wall clock was never set: the program is younger.
const NOT_BEFORE: UtcMillis = UtcMillis::saturating(1_735_689_600_000);

/// The agent's clock.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    // Monotonic milliseconds since boot at `started`.
    mono_at_start: u64,
    synchronised_file: PathBuf,
    was_synchronised: std::sync::atomic::AtomicBool,
    played: Option<PlayedTime>,
}

impl Clock {
    /// The machine's clock. A time service marks a disciplined clock by the existence of `synchronised_file`.
    #[allow(clippy::disallowed_methods, reason = "this is the clock module")]
    pub fn system(synchronised_file: PathBuf) -> Self {
        let uptime = std::fs::read_to_string("/proc/uptime").ok();
        let seconds = uptime.as_deref().and_then(|text| text.split(' ').next());
        // "35042.07": seconds and hundredths.
        let hundredths = seconds.and_then(|text| text.replace('.', "").parse::<u64>().ok());
        Self {
            started: Instant::now(),
            mono_at_start: hundredths.unwrap_or(0) * 10,
            synchronised_file,
            was_synchronised: std::sync::atomic::AtomicBool::new(false),
            played: None,
        }
    }

    /// Recorded time played back by the machine's clock.
    pub fn played(played: PlayedTime) -> Self {
        Self { played: Some(played), mono_at_start: 0, ..Self::system(PathBuf::new()) }
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

    /// What an observation is stamped with now.
    pub fn capture(&self) -> Capture {
        let at = self.now();
        let mono = match &self.played {
            Some(played) => u64::try_from(at.millis_since(played.start())).unwrap_or(0),
            None => self.mono_at_start + self.running_ms(),
        };
        Capture { at, mono, clock: self.quality() }
    }

    /// How far the wall clock can be believed; a played one as far as the machine that recorded it, which is not known.
    pub fn quality(&self) -> ClockQuality {
        use std::sync::atomic::Ordering::Relaxed;
        if self.played.is_some() {
            return ClockQuality::External;
        }
        if self.wall() >= NOT_BEFORE && self.synchronised_file.exists() {
            self.was_synchronised.store(true, Relaxed);
            return ClockQuality::Synchronised;
        }
        if self.was_synchronised.load(Relaxed) { ClockQuality::Holdover } else { ClockQuality::Unset }
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
