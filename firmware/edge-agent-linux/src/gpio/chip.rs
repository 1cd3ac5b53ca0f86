//! The kernel's lines, by its character device: the one module that talks to it.
//!
//! Each line is asked for its edges, which the kernel stamps by its monotonic clock. It keeps 16 of a line until they are
//! read and drops what comes then, so the level itself is read too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use edge_agent::{Level, StatusLight};
use embedded_hal::digital::{ErrorType, InputPin};
use gpio_cdev::{Chip, EventRequestFlags, EventType, LineEventHandle, LineRequestFlags};
use linux_embedded_hal::CdevPin;
use linux_embedded_hal::gpio_cdev::LineHandle;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::reader::{Edge, Inputs};

/// The name under which lines are shown as used.
const CONSUMER: &str = "touchtime-agent";

/// Edges that are taken at once; a line that makes more meanwhile is chattering.
const MAX_EDGES: usize = 4096;

const NANOS_PER_MS: u64 = 1_000_000;

/// The watched lines of a chip.
#[derive(Debug)]
pub struct ChipLines(Vec<EventLine>);

#[derive(Debug)]
struct EventLine(LineEventHandle);

impl ErrorType for EventLine {
    type Error = linux_embedded_hal::CdevPinError;
}

impl InputPin for EventLine {
    fn is_high(&mut self) -> Result<bool, Self::Error> {
        Ok(self.0.get_value()? != 0)
    }

    fn is_low(&mut self) -> Result<bool, Self::Error> {
        self.is_high().map(|high| !high)
    }
}

impl ChipLines {
    /// Asks for the edges of these lines of a chip.
    pub fn open(path: &Path, offsets: impl Iterator<Item = u32>) -> anyhow::Result<Self> {
        let mut chip = open_chip(path)?;
        let mut open = |offset| {
            let line = chip.get_line(offset)?;
            line.events(LineRequestFlags::INPUT, EventRequestFlags::BOTH_EDGES, CONSUMER).map(EventLine)
        };
        let lines = offsets.map(|offset| open(offset).with_context(|| refused(path, offset)));
        lines.collect::<anyhow::Result<_>>().map(Self)
    }

    /// Waits at most so long for a waiting edge; which lines have one.
    fn ready(&self, at_most: Duration) -> anyhow::Result<Vec<bool>> {
        let mut waiting: Vec<PollFd<'_>> = self.0.iter().map(|line| PollFd::new(&line.0, PollFlags::IN)).collect();
        let timeout = Timespec::try_from(at_most).context("waiting for edges")?;
        match poll(&mut waiting, Some(&timeout)) {
            // A signal of the operating system.
            Err(rustix::io::Errno::INTR) => Ok(vec![false; self.0.len()]),
            Err(error) => Err(error).context("waiting for edges"),
            // What went wrong with a line shows when it is read.
            Ok(_) => Ok(waiting.iter().map(|one| !one.revents().is_empty()).collect()),
        }
    }
}

impl Inputs for ChipLines {
    fn wait(&mut self, at_most: Duration) -> anyhow::Result<()> {
        self.ready(at_most).map(drop)
    }

    fn take_edges(&mut self, edges: &mut Vec<Edge>) -> anyhow::Result<bool> {
        while edges.len() < MAX_EDGES {
            let ready = self.ready(Duration::ZERO)?;
            if !ready.contains(&true) {
                return Ok(true);
            }
            for (line, _) in ready.iter().enumerate().filter(|(_, ready)| **ready) {
                let Some(handle) = self.0.get_mut(line) else { continue };
                let event = handle.0.get_event().context("reading an edge (was the chip taken away?)")?;
                let level = match event.event_type() {
                    EventType::RisingEdge => Level::High,
                    EventType::FallingEdge => Level::Low,
                };
                edges.push(Edge { line, level, at: event.timestamp() / NANOS_PER_MS });
            }
        }
        Ok(false)
    }

    fn level(&mut self, line: usize) -> anyhow::Result<Level> {
        let pin = self.0.get_mut(line).context("no such line")?;
        Level::of(pin).context("reading a level (was the chip taken away?)")
    }
}

/// Where the status light is.
#[derive(Debug, Clone)]
pub struct LightLine {
    /// The chip.
    pub chip: PathBuf,
    /// The line's number on it.
    pub offset: u32,
    /// The level at which it is lit.
    pub lit: Level,
}

impl LightLine {
    /// Takes the line as an output and puts the light out.
    pub fn open(&self) -> anyhow::Result<StatusLight<CdevPin>> {
        let dark = match self.lit {
            Level::Low => 1,
            Level::High => 0,
        };
        let mut chip = open_chip(&self.chip)?;
        let mut request = || -> Result<LineHandle, gpio_cdev::Error> {
            chip.get_line(self.offset)?.request(LineRequestFlags::OUTPUT, dark, CONSUMER)
        };
        let pin = request().and_then(CdevPin::new).with_context(|| refused(&self.chip, self.offset))?;
        StatusLight::new(pin, self.lit).context("the status light")
    }
}

/// Whether an agent, another process, has all of these lines.
pub fn are_all_watched(path: &Path, mut offsets: impl Iterator<Item = u32>) -> bool {
    let Ok(mut chip) = open_chip(path) else { return false };
    let mut is_agents = |offset| {
        let info = chip.get_line(offset).and_then(|line| line.info());
        info.is_ok_and(|info| info.consumer() == Some(CONSUMER))
    };
    offsets.all(&mut is_agents)
}

fn open_chip(path: &Path) -> anyhow::Result<Chip> {
    Chip::new(path).with_context(|| {
        format!(
            "gpio.chip {} cannot be opened (is it there, and may the agent's user use it? see `gpiodetect`)",
            path.display()
        )
    })
}

fn refused(path: &Path, offset: u32) -> String {
    format!(
        "line {offset} of gpio.chip {} cannot be used (does another program use it? see `gpioinfo`)",
        path.display()
    )
}
