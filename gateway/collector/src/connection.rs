//! Whether the collector is connected to its broker, and why not; for pages that would else only show silence.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How the connection stands, shared by the link that knows and the pages that show.
#[derive(Debug, Clone, Default)]
pub struct ConnectionState(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    connected: bool,
    connections: u64,
    problem: Option<String>,
}

impl ConnectionState {
    /// Why there is no connection, with the remedy; `None` while there is one, or the first attempt is under way.
    pub fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    /// Whether there is one.
    pub fn is_connected(&self) -> bool {
        self.state().connected
    }

    /// How many there have been.
    pub fn connections(&self) -> u64 {
        self.state().connections
    }

    pub(crate) fn handle_connected(&self) {
        let mut state = self.state();
        *state = State { connected: true, connections: state.connections + 1, problem: None };
    }

    pub(crate) fn handle_ended(&self, why: &str) {
        let mut state = self.state();
        *state = State { connected: false, connections: state.connections, problem: Some(why.to_owned()) };
    }

    // A holder that panicked left a whole state: each change is one assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
