//! The one place where this binary reads a clock: wall time, or a played day's time in `demo`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use edge_agent_linux::played::PlayedTime;
use room_events::UtcMillis;

/// Marks the folder of a store as a demo's.
pub const DEMO_MARKER: &str = ".touchtime-demo";
/// The played time of a demo, in its folder.
pub const DEMO_CLOCK: &str = "clock.json";

/// What `now` is for this process.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's own time.
    Wall,
    /// Time of a played extract: runs faster and skips what lies between the days' lists.
    Played(PlayedTime),
}

impl Clock {
    /// The clock that a file written by `demo` describes; wall time without one.
    pub fn from_file(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(file) = file else { return Ok(Self::Wall) };
        let text = std::fs::read_to_string(file).with_context(|| format!("clock file {}", file.display()))?;
        let played = serde_json::from_str(&text).with_context(|| format!("clock file {}", file.display()))?;
        Ok(Self::Played(played))
    }

    /// The clock by which a store is judged from outside. A demo's is in its played time, as its board is: by the
    /// machine's time each of its lists would be over long ago.
    pub fn of_store(dir: &Path) -> anyhow::Result<Self> {
        let played = dir.join(DEMO_CLOCK);
        let is_demo = dir.join(DEMO_MARKER).is_file() && played.is_file();
        Self::from_file(is_demo.then_some(played.as_path()))
    }

    /// Seconds of this clock in one second of the machine's; 0 once a played time stands at its end.
    pub fn rate(&self) -> f64 {
        match self {
            Self::Wall => 1.0,
            Self::Played(played) if played.sim_now(wall_now()) < played.end() => played.speed(),
            Self::Played(_) => 0.0,
        }
    }

    /// Since when time has run without a leap: a played time skips nights, in which no feed can say that it is alive.
    pub fn running_since(&self) -> Option<UtcMillis> {
        match self {
            Self::Wall => None,
            Self::Played(played) => {
                let now = self.now();
                played.segments().iter().rev().map(|(from, _)| *from).find(|from| *from <= now)
            }
        }
    }

    /// The present instant.
    pub fn now(&self) -> UtcMillis {
        match self {
            Self::Wall => wall_now(),
            Self::Played(played) => played.sim_now(wall_now()),
        }
    }
}

/// The machine's own time.
#[allow(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn wall_now() -> UtcMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis::saturating(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The clock that only ever goes forward, for how long something has taken.
#[allow(clippy::disallowed_methods, reason = "this is the binary's clock module")]
pub fn steady_now() -> std::time::Instant {
    std::time::Instant::now()
}
