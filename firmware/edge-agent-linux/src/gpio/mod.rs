//! The GPIO feed: buttons, door contacts, lamps and relays on the lines of a chip.
//!
//! ```text
//! kernel's edges --chip--> reader (a thread of its own) --channel--> desk --> outbox, then the light
//! ```
//!
//! [`chip`] is all that talks to the kernel. [`reader`] hands edges over to the pure core and never waits for the disk, so
//! that the kernel's short queues do not run over. [`desk`] makes observations of what is heard and commits them; only
//! then does the light confirm a press.

mod chip;
mod desk;
#[cfg(test)]
mod fixture;
pub mod panel;
mod reader;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use room_events::{RoomId, SourceId};
use tokio::sync::mpsc;

use crate::agent::Shared;
use crate::config::Config;
use crate::config::gpio::{InputLine, Meaning};
use chip::{ChipLines, LightLine};
use desk::Desk;

/// What may wait for the desk. A line tells at most two things in each debounce time, so this is seconds of all of them.
const MAX_WAITING: usize = 1024;

/// How long a chip that cannot be used is left alone.
const AFTER_LOSS: Duration = Duration::from_secs(5);

/// The feed's settings.
#[derive(Debug)]
pub struct GpioFeed {
    chip: PathBuf,
    room: RoomId,
    source: SourceId,
    lines: Vec<WatchedLine>,
    light: Option<LightLine>,
    long_press_ms: u64,
    alive_every: Duration,
}

/// A line with its name.
#[derive(Debug, Clone)]
struct WatchedLine {
    config: InputLine,
    signal: SourceId,
}

impl WatchedLine {
    fn meaning(&self) -> Meaning {
        self.config.meaning
    }
}

impl GpioFeed {
    /// The feed of a configuration, if it has one.
    pub fn of(config: &Config) -> anyhow::Result<Option<Self>> {
        let gpio = &config.gpio;
        let Some(room) = gpio.room.clone().filter(|_| !gpio.lines.is_empty()) else { return Ok(None) };
        let watched = |line: &InputLine| {
            let signal = line.signal().map_err(anyhow::Error::msg)?;
            Ok(WatchedLine { config: line.clone(), signal })
        };
        Ok(Some(Self {
            chip: gpio.chip.clone(),
            room,
            source: SourceId::new(&gpio.source).context("gpio.source")?,
            lines: gpio.lines.iter().map(watched).collect::<anyhow::Result<_>>()?,
            light: gpio.light.map(|offset| LightLine { chip: gpio.chip.clone(), offset, lit: gpio.light_lit.into() }),
            long_press_ms: gpio.long_press_ms.into(),
            alive_every: Duration::from_secs(config.alive.every_seconds.into()),
        }))
    }

    /// Whether the lines can be used, for `check`.
    pub fn check(&self) -> Result<String, String> {
        let offsets = || self.lines.iter().map(|line| line.config.offset);
        let problem = match ChipLines::open(&self.chip, offsets()) {
            Ok(_) => None,
            Err(error) => Some(format!("{error:#}")),
        };
        let shown = self.chip.display();
        let many = self.lines.len();
        match problem {
            None => Ok(format!("{many} lines of {shown} can be watched (`touchtime-agent lines` shows them)")),
            Some(_) if chip::are_all_watched(&self.chip, offsets()) => {
                Ok(format!("{many} lines of {shown} are watched by the agent that runs"))
            }
            Some(problem) => Err(problem),
        }
    }

    /// Watches until the task is aborted.
    pub async fn watch(self, shared: Arc<Shared>) -> anyhow::Result<()> {
        let (tell, mut told) = mpsc::channel(MAX_WAITING);
        let clock = shared.agent().clock().clone();
        let mut desk = Desk::open(&self, &shared)?;
        let (chip, lines) = (self.chip.clone(), self.lines.clone());
        let open = move || ChipLines::open(&chip, lines.iter().map(|line| line.config.offset));
        let (lines, after_loss) = (self.lines.clone(), AFTER_LOSS);
        let reader = reader::Reader { lines, long_press_ms: self.long_press_ms, clock, after_loss, tell };
        // It ends by itself when nobody listens any more.
        std::thread::Builder::new()
            .name("gpio".to_owned())
            .spawn(move || reader.run(open))
            .context("the thread that reads lines cannot start")?;
        let mut alive_timer = tokio::time::interval(self.alive_every);
        let mut heard = Vec::new();
        loop {
            let light_due = desk.light_due();
            tokio::select! {
                n = told.recv_many(&mut heard, MAX_WAITING) => {
                    anyhow::ensure!(n > 0, "the thread that reads lines has ended");
                    desk.handle(&mut heard);
                }
                _ = alive_timer.tick() => desk.say_alive(),
                () = tokio::time::sleep(light_due) => desk.handle_time(),
            }
        }
    }
}
