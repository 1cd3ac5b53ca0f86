//! What a collector has done since it started, counted for whoever watches it.

use std::sync::{Arc, Mutex, PoisonError};

use room_events::UtcMillis;
use store::Committed;

/// The counts at one moment. They begin at 0 with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Batches whose storing was tried.
    pub batches: u64,
    /// Events that were new.
    pub stored: u64,
    /// Events that were there already, or in quarantine.
    pub duplicates: u64,
    /// Events that met another one under their number.
    pub conflicts: u64,
    /// Messages and events put into quarantine.
    pub quarantined: u64,
    /// Events too far ahead of their stream to be stored.
    pub refused: u64,
    /// Events that their agent gave up before they arrived.
    pub given_up: u64,
    /// When something new was last stored.
    pub last_stored: Option<UtcMillis>,
    /// Messages that could not be stored as they were.
    pub storing_failed: u64,
    /// Messages on status topics that are no status.
    pub unreadable_statuses: u64,
    /// Messages on topics that are no agent's.
    pub foreign_topics: u64,
    /// Messages left to their agents to send again, since the broker sent more at once than there is room for.
    pub left_out: u64,
}

/// The counts, shared by those who count and those who show; clones are one.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<Mutex<Counted>>);

impl Counts {
    /// As they are now.
    pub fn now(&self) -> Counted {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // A holder that panicked left whole numbers.
    pub(crate) fn count(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn handle_committed(&self, done: &Committed, received: UtcMillis) {
        self.count(|counted| {
            counted.stored += done.stored;
            counted.duplicates += done.duplicates;
            counted.conflicts += done.conflicts;
            counted.quarantined += done.quarantined;
            counted.refused += done.refused;
            counted.given_up += done.gone;
            if done.stored > 0 {
                counted.last_stored = Some(received);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_add_up_and_only_news_moves_the_time() {
        let counts = Counts::default();
        let at = UtcMillis::saturating;
        counts.handle_committed(&Committed { stored: 3, duplicates: 1, gone: 2, ..Committed::default() }, at(5));
        counts.handle_committed(&Committed { duplicates: 4, conflicts: 1, ..Committed::default() }, at(9));
        let expected = Counted {
            stored: 3,
            duplicates: 5,
            conflicts: 1,
            given_up: 2,
            last_stored: Some(at(5)),
            ..Counted::default()
        };
        assert_eq!(counts.now(), expected);
    }
}
