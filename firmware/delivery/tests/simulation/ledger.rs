//! What really happened: the oracle's book, which no machine under test can read.

use std::collections::{BTreeMap, BTreeSet};

use room_events::StreamId;

/// Where an event was committed: stream and seq.
pub type Key = (StreamId, u64);

/// What an event does to a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// It is stored.
    Plain,
    /// It cannot be decoded: quarantined.
    Bad,
    /// Its commit fails, always.
    Poison,
    /// Its commit fails, and the collector opens its database anew.
    Killer,
    /// Nobody accepted it: sent by an enemy.
    Hostile,
}

/// An `EventsLost` that was committed.
#[derive(Debug, Clone)]
pub struct Told {
    pub refused: Vec<u64>,
    pub count: u64,
    pub exact: bool,
    /// It was open when a process ended, which may have counted more than it wrote down.
    pub is_old: bool,
}

#[derive(Default)]
pub struct Ledger {
    natures: Vec<Nature>,
    /// By event.
    pub accepted: BTreeMap<u64, Key>,
    /// By key: more than one event only where the memory of a running process was copied.
    pub keys: BTreeMap<Key, Vec<u64>>,
    /// Observations that an outbox refused.
    pub refused: BTreeSet<u64>,
    /// By event: the losses that it tells.
    pub told: BTreeMap<u64, Told>,
    /// By collector: events that may be missing there, because every copy was destroyed or given up by the rules.
    pub excused: Vec<BTreeSet<u64>>,
    /// By collector: events given up for room while another required collector had them; it must be told.
    pub forced: Vec<BTreeSet<u64>>,
    /// By collector: events that it has ever stored.
    pub once_stored: Vec<BTreeSet<u64>>,
    /// Refused observations whose count was destroyed.
    pub forgotten: BTreeSet<u64>,
    /// Streams whose record made room for others.
    pub merged: BTreeSet<StreamId>,
    /// A disk of an agent was put back, copied or thrown away: counts may be told twice, or by nobody.
    pub agents_were_copied: bool,
    /// An outbox could not be written while it counted.
    pub counted_in_memory: bool,
    /// The memory of a running process was copied: two may give one number.
    pub memory_was_copied: bool,
    /// By collector: a database older than what agents keep was put back.
    pub put_back_old: Vec<bool>,
}

impl Ledger {
    pub fn new(collectors: usize) -> Self {
        let empty = vec![BTreeSet::new(); collectors];
        Self {
            excused: empty.clone(),
            forced: empty.clone(),
            once_stored: empty,
            put_back_old: vec![false; collectors],
            ..Self::default()
        }
    }

    /// A new event's number.
    pub fn draw(&mut self, nature: Nature) -> u64 {
        self.natures.push(nature);
        self.natures.len() as u64 - 1
    }

    /// An outbox committed an event under a key.
    pub fn accept(&mut self, event: u64, key: Key) {
        self.accepted.insert(event, key);
        let events = self.keys.entry(key).or_default();
        events.push(event);
        assert!(events.len() == 1 || self.memory_was_copied, "{key:?} is given to two events");
    }

    /// Two processes with one memory gave this number twice. A collector that gets both keeps both; but an
    /// acknowledgement of the one is taken for the other's, whose batch may be lost on its way.
    pub fn is_twin(&self, event: u64, collector: usize) -> bool {
        let key = self.accepted.get(&event).and_then(|key| self.keys.get(key));
        let mut twins = key.into_iter().flatten().filter(|&&other| other != event);
        twins.any(|other| self.once_stored[collector].contains(other))
    }

    pub fn nature(&self, event: u64) -> Nature {
        self.natures[event as usize]
    }
}

/// An event as it is sent.
pub fn bytes_of(event: u64) -> Vec<u8> {
    format!("{{\"p\":{event}}}").into_bytes()
}

/// The event that was sent.
pub fn event_of(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().filter(|b| b.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}
