//! [`Record`], a stored event, and the rule by which one of several records of the same thing is the last word.
//!
//! ```text
//! within a source    order, then captured, then stream, then seq (then agent, then content)
//! between sources    configured precedence; sources that it does not list come after it, in order of their names
//! ```
//!
//! Never by arrival: two collectors that received the same records in different order must agree. Agent and content
//! decide only where a stream or a seq was used twice, which is a fault that is kept and shown elsewhere.
//!
//! A source is its name, whichever agent reports it, so that two agents on one theatre system count as one source. Two
//! panels that count their own presses are two sources and need two names.

use std::cmp::Ordering;

use room_events::topic::AgentAddress;
use room_events::{Event, EventId, RoomId, SiteId, SourceId, UtcMillis};

/// One stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name within its agent.
    pub id: EventId,
    /// The agent that it came from.
    pub agent: AgentAddress,
    /// What was recorded.
    pub event: Event,
}

impl Record {
    /// The room that it is about: its site is the agent's unless the event names another.
    pub fn room(&self) -> Option<(&SiteId, &RoomId)> {
        let room = self.event.room.as_ref()?;
        Some((self.event.site.as_ref().unwrap_or(&self.agent.site), room))
    }
}

/// The name of the source of corrections that people make in the gateway.
pub const CORRECTION_SOURCE: &str = "correction";

/// The order of sources, the most believed first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precedence(Vec<SourceId>);

impl Precedence {
    /// The sources in that order, before all others. [`CORRECTION_SOURCE`] is first unless the list places it.
    pub fn new(highest_first: Vec<SourceId>) -> Self {
        if highest_first.iter().any(|source| source.as_str() == CORRECTION_SOURCE) {
            return Self(highest_first);
        }
        Self(SourceId::new(CORRECTION_SOURCE).into_iter().chain(highest_first).collect())
    }

    /// The listed sources, the most believed first.
    pub fn listed(&self) -> &[SourceId] {
        &self.0
    }

    /// `Greater` when `a` is believed rather than `b`; equal only for the same source.
    fn rank(&self, a: &SourceId, b: &SourceId) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        let place = |source| self.0.iter().position(|listed| listed == source).unwrap_or(self.0.len());
        place(b).cmp(&place(a)).then_with(|| b.cmp(a))
    }

    /// `Less` when `b` is the later word.
    pub(super) fn rank_words<T: Ord>(&self, a: &Word<T>, b: &Word<T>) -> Ordering {
        self.rank(&a.source, &b.source).then_with(|| a.cmp(b))
    }
}

impl Default for Precedence {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// What one record says, with what ranks it. The fields are in the order in which they rank within a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word<T> {
    pub(super) source: SourceId,
    pub(super) order: u64,
    pub(super) captured: UtcMillis,
    pub(super) id: EventId,
    pub(super) agent: AgentAddress,
    pub(super) at: UtcMillis,
    pub(super) said: T,
}

impl<T: Ord> Word<T> {
    pub(super) fn of(record: &Record, said: T) -> Self {
        let event = &record.event;
        Self {
            source: event.source.clone(),
            order: event.order,
            captured: event.captured,
            id: record.id,
            agent: record.agent.clone(),
            at: event.at,
            said,
        }
    }

    /// Keeps `words` sorted, which makes them independent of arrival; `false` if the word is there already.
    pub(super) fn insert_into(self, words: &mut Vec<Self>) -> bool {
        match words.binary_search(&self) {
            Ok(_) => false,
            Err(place) => {
                words.insert(place, self);
                true
            }
        }
    }
}

/// The one that counts.
pub(super) fn last_word<'w, T: Ord + 'w>(
    words: impl Iterator<Item = &'w Word<T>>,
    precedence: &Precedence,
) -> Option<&'w Word<T>> {
    words.max_by(|a, b| precedence.rank_words(a, b))
}
