//! Whether the collector is connected to its broker, and why not; for pages that would else only show silence.

use std::sync::{Arc, Mutex, PoisonError};

/// How the connection stands, shared by the link that knows and the pages that show.
#[derive(Debug, Clone, Default)]
pub struct ConnectionState(Arc<Mutex<Option<String>>>);

impl ConnectionState {
    /// Why there is no connection, with the remedy; `None` while there is one, or the first attempt is under way.
    pub fn problem(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn handle_connected(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn handle_ended(&self, why: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }
}
