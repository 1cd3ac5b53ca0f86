//! [`Reader`]: hands the edges of a chip to the inputs of the core, in a thread of its own.
//!
//! The order matters: the clock is read, then all waiting edges are taken, then the levels are read, and only then may time
//! pass up to that reading of the clock. An edge that waited is thus never mistaken for a later one, nor is one missed that
//! the kernel dropped. A chip that goes away is told once and asked for again until it is back.

use std::sync::Arc;
use std::time::Duration;

use edge_agent::{Heard, Input, Level, Press};
use room_events::{Level as Reported, UtcMillis};
use tokio::sync::mpsc::Sender;

use super::WatchedLine;
use crate::clock::Clock;

/// How often levels are read when no edge comes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// An edge as the kernel saw it; `at` in milliseconds of its monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Which of the watched lines, counted from 0.
    pub line: usize,
    /// The level after it.
    pub level: Level,
    /// When.
    pub at: u64,
}

/// Lines as the reader needs them.
pub trait Inputs {
    /// Waits until an edge waits to be taken, or so long.
    fn wait(&mut self, at_most: Duration) -> anyhow::Result<()>;
    /// Takes waiting edges, those of one line in their order. Whether none waits any more.
    fn take_edges(&mut self, edges: &mut Vec<Edge>) -> anyhow::Result<bool>;
    /// The level of a line now.
    fn level(&mut self, line: usize) -> anyhow::Result<Level>;
}

/// What the desk is told; lines are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The chip is watched; what each line shows.
    Opened(Vec<Reported>, UtcMillis),
    /// A line shows this since then.
    Shows(usize, Reported, UtcMillis),
    /// A button went down then, and was let go.
    Pressed(usize, PressKind, UtcMillis),
    /// The chip cannot be watched.
    Lost(UtcMillis),
}

/// How long a press was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PressKind {
    /// It says what its button says.
    Short,
    /// It takes the last one back.
    Long,
}

/// Nobody listens any more.
struct Unheard;

/// Reads the lines of one chip.
pub struct Reader {
    /// The lines.
    pub lines: Vec<WatchedLine>,
    /// From when on a press is long.
    pub long_press_ms: u64,
    /// The agent's clock.
    pub clock: Arc<Clock>,
    /// How long a chip that cannot be used is left alone.
    pub after_loss: Duration,
    /// To the desk.
    pub tell: Sender<Told>,
}

impl Reader {
    /// Reads until nobody listens any more, whatever happens to the chip.
    pub fn run<I: Inputs>(self, open: impl Fn() -> anyhow::Result<I>) {
        let mut is_lost = false;
        while !self.tell.is_closed() {
            let error = match open().and_then(|inputs| Watch::start(&self, inputs)) {
                Ok(mut watch) => {
                    is_lost = false;
                    match watch.run() {
                        Ok(Unheard) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if !is_lost {
                tracing::error!(
                    error = format!("{error:#}"),
                    "input lines cannot be watched; it is tried again until they can"
                );
                is_lost = true;
                if self.tell.blocking_send(Told::Lost(self.clock.now())).is_err() {
                    return;
                }
            }
            std::thread::sleep(self.after_loss);
        }
    }
}

/// A chip that is being watched.
struct Watch<'r, I> {
    reader: &'r Reader,
    lines: I,
    inputs: Vec<Input>,
    edges: Vec<Edge>,
}

impl<'r, I: Inputs> Watch<'r, I> {
    fn start(reader: &'r Reader, mut lines: I) -> anyhow::Result<Self> {
        let at = reader.clock.monotonic_ms();
        let mut input = |(n, line): (usize, &WatchedLine)| {
            let (level, rules) = (lines.level(n)?, line.config.rules());
            Ok(if line.meaning().is_button() {
                Input::button(rules, reader.long_press_ms, level, at)
            } else {
                Input::signal(rules, level, at)
            })
        };
        let inputs = reader.lines.iter().enumerate().map(&mut input).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { reader, lines, inputs, edges: Vec::new() })
    }

    fn run(&mut self) -> anyhow::Result<Unheard> {
        let shown = self.inputs.iter().map(Input::shows).collect();
        let mut told = vec![Told::Opened(shown, self.reader.clock.now())];
        loop {
            for one in told.drain(..) {
                if self.reader.tell.blocking_send(one).is_err() {
                    return Ok(Unheard);
                }
            }
            if self.reader.tell.is_closed() {
                return Ok(Unheard);
            }
            let now = self.reader.clock.monotonic_ms();
            let due = self.inputs.iter().filter_map(Input::due).min();
            let until_due = due.map_or(LOOK_EVERY, |due| Duration::from_millis(due.saturating_sub(now)));
            self.lines.wait(until_due.min(LOOK_EVERY))?;
            self.look(&mut told)?;
        }
    }

    /// One round, see the module.
    fn look(&mut self, told: &mut Vec<Told>) -> anyhow::Result<()> {
        let now = self.reader.clock.monotonic_ms();
        self.edges.clear();
        let are_all = self.lines.take_edges(&mut self.edges)?;
        self.edges.sort_by_key(|edge| edge.at);
        for edge in &self.edges {
            if let Some(input) = self.inputs.get_mut(edge.line) {
                self.reader.hear(edge.line, &input.handle_edge(edge.level, edge.at), told);
            }
        }
        if are_all {
            for (line, input) in self.inputs.iter_mut().enumerate() {
                let level = self.lines.level(line)?;
                self.reader.hear(line, &input.handle_reading(level, now), told);
                self.reader.hear(line, &input.handle_time(now), told);
            }
        }
        Ok(())
    }
}

impl Reader {
    fn hear(&self, line: usize, heard: &[Heard], told: &mut Vec<Told>) {
        told.extend(heard.iter().map(|one| match *one {
            Heard::Shows { level, at } => Told::Shows(line, level, self.clock.time_of(at)),
            Heard::Pressed(Press::Short { at }) => Told::Pressed(line, PressKind::Short, self.clock.time_of(at)),
            Heard::Pressed(Press::Long { at }) => Told::Pressed(line, PressKind::Long, self.clock.time_of(at)),
        }));
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
