//! What the tests of the feed share: lines of a theatre, and an agent in a folder.

use std::path::Path;
use std::sync::Arc;

use room_events::SourceId;

use super::WatchedLine;
use crate::agent::{Agent, Shared};
use crate::clock::Clock;
use crate::config::Config;

/// A button, another one, and a door.
const LINES: &str = "[
    { offset = 0, meaning = 'into_theatre', active = 'low' },
    { offset = 1, meaning = 'procedure_start', active = 'low' },
    { offset = 4, meaning = 'door', active = 'high' },
]";

/// The places of the lines in this list.
pub const INTO_THEATRE: usize = 0;
pub const PROCEDURE_START: usize = 1;
pub const DOOR: usize = 2;

/// A configuration with a small outbox.
pub fn config(folder: &Path) -> Config {
    let text = format!(
        "trust = 'n'\nsite = 'main'\nagent = 'a'\ndata-dir = '{}'\n[broker]\nhost = 'b'\n[collectors]\nrequired = ['c1']\n\
         [outbox]\nmax-mib = 1\n[gpio]\nroom = 'th-1'\nlines = {LINES}\n",
        folder.display()
    );
    Config::parse("agent.toml", &text).unwrap()
}

/// Its lines.
pub fn lines() -> Vec<WatchedLine> {
    let lines = config(Path::new("/x")).gpio.lines;
    let named = |line: &crate::config::gpio::InputLine| -> SourceId { line.signal().unwrap() };
    lines.iter().map(|line| WatchedLine { config: line.clone(), signal: named(line) }).collect()
}

/// An agent in that folder.
pub fn agent(folder: &Path) -> Arc<Shared> {
    Shared::new(Agent::open(&config(folder), clock()).unwrap())
}

/// The machine's clock.
pub fn clock() -> Arc<Clock> {
    Arc::new(Clock::system(None))
}
