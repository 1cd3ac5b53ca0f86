//! What an outbox keeps: how long acknowledged events stay, what makes room when space is short, and whether there is
//! room for one more.
//!
//! Acknowledged events are *evictable*, not gone: a collector that is restored from a backup has lost what it had
//! acknowledged since, and gets it again. They go [`Kept::aged`] after a time of the monotonic clock, or earlier when
//! more than half of the space is used, so that a new event finds room. What no required collector has is never deleted;
//! when the space is full of it, new observations are refused and counted ([`crate::loss`]).
//!
//! ```text
//! 0 ---------------- half ---------------- limit
//! | nothing goes early | acknowledged goes  | new ones are refused
//! |                    | signal levels: no more than up to here, of their own
//! ```

use heapless::Vec;
use room_events::{Seq, StreamId};

use crate::sender::Held;

/// Checkpoints of what was acknowledged when; events stay longer than asked by at most the time between two of them.
pub const CHECKPOINTS: usize = 16;

/// How far each of at most `STREAMS` streams was acknowledged by all required collectors, and since when. In memory
/// alone: a new process waits for new acknowledgements.
#[derive(Debug, Clone)]
pub struct Kept<const STREAMS: usize> {
    keep_ms: u64,
    streams: Vec<Stream, STREAMS>,
}

#[derive(Debug, Clone)]
struct Stream {
    id: StreamId,
    // (since, acknowledged through), both rising.
    known: Vec<(u64, u64), CHECKPOINTS>,
}

impl<const STREAMS: usize> Kept<STREAMS> {
    /// Acknowledged events are to stay so long.
    pub fn new(keep_ms: u64) -> Self {
        Self { keep_ms, streams: Vec::new() }
    }

    /// All required collectors have acknowledged the stream through this seq, which may be lower than before: a
    /// collector that opened another database has taken its word back.
    pub fn handle_acknowledged(&mut self, held: Held, through: u64, now: u64) {
        let step = self.step();
        // Of an emptied stream only the record is left, and ages as its last event would.
        let floor = held.floor.min(held.last).0;
        if !self.streams.iter().any(|s| s.id == held.stream) {
            // One stream more than the sender looks after ages later, when another has gone.
            let _ = self.streams.push(Stream { id: held.stream, known: Vec::new() });
        }
        let Some(stream) = self.streams.iter_mut().find(|s| s.id == held.stream) else { return };
        stream.known.retain(|&(_, earlier)| (floor..=through).contains(&earlier));
        let last = stream.known.last_mut();
        match last {
            Some((_, earlier)) if *earlier >= through => {}
            Some((since, earlier)) if now.saturating_sub(*since) < step => *earlier = through,
            Some(_) | None if through >= floor && through > 0 => {
                // The oldest says less than the second, which is old enough too.
                if stream.known.is_full() {
                    stream.known.remove(0);
                }
                let _ = stream.known.push((now, through));
            }
            Some(_) | None => {}
        }
    }

    /// Between two checkpoints; the oldest of a full list is older than what [`Kept::aged`] waits for.
    fn step(&self) -> u64 {
        self.keep_ms / (CHECKPOINTS as u64 - 3)
    }

    /// The stream's record is gone.
    pub fn handle_forgotten(&mut self, stream: StreamId) {
        self.streams.retain(|s| s.id != stream);
    }

    /// Highest seq of the stream that has been acknowledged for long enough; 0: none.
    pub fn aged(&self, stream: StreamId, now: u64) -> u64 {
        // A checkpoint's newest events are younger than it by up to one step.
        let wait = self.keep_ms.saturating_add(self.step());
        let known = self.streams.iter().find(|s| s.id == stream).map(|s| s.known.as_slice()).unwrap_or_default();
        let old = known.iter().filter(|(since, _)| since.saturating_add(wait) <= now);
        old.map(|&(_, through)| through).max().unwrap_or(0)
    }
}

/// The bytes of an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The most that may be held.
    pub limit: u64,
    /// What is held.
    pub held: u64,
    /// What of it are signal levels: a chattering door must not crowd out a knife to skin.
    pub signals: u64,
}

/// Whether there is room for new events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an event for which there is no room is lost and counted"]
pub enum Room {
    /// Commit them.
    Enough,
    /// Delete so many bytes of acknowledged events first, and ask again; if there are none, refuse.
    Short(u64),
    /// Signal levels have used up their half: refuse these, and only these.
    SignalsFull,
}

impl Space {
    /// Whether `bytes` more fit, so many of them of signal levels.
    pub fn room_for(&self, bytes: u64, signals: u64) -> Room {
        let short = self.held.saturating_add(bytes).saturating_sub(self.limit);
        if short > 0 {
            return Room::Short(short);
        }
        if signals > 0 && self.signals.saturating_add(signals) > self.limit / 2 {
            return Room::SignalsFull;
        }
        Room::Enough
    }

    /// So many bytes of acknowledged events are to go now, so that half the space is free.
    pub fn above_half(&self) -> u64 {
        self.held.saturating_sub(self.limit / 2)
    }
}

/// How many of the oldest emptied streams' records go, so that at most `most` stay: each waits for collectors to account
/// for its end, and one that is away for ever must not make them pile up. What they stood for becomes an inexact loss
/// ([`crate::loss::OpenLoss::of_record`]).
pub fn surplus_records(emptied: usize, most: usize) -> usize {
    emptied.saturating_sub(most)
}

/// A stream of which nothing is left.
pub fn is_emptied(held: &Held) -> bool {
    held.floor > held.last
}

/// How many events a stream holds.
pub fn count(held: &Held) -> u64 {
    held.last.next().0.saturating_sub(held.floor.max(Seq::FIRST).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: StreamId = StreamId(0xa);

    fn held(floor: u64) -> Held {
        Held { stream: A, floor: Seq(floor), last: Seq(1000) }
    }

    #[test]
    fn acknowledged_events_go_after_their_time_and_not_before() {
        let mut kept = Kept::<2>::new(13_000);
        for now in 0..40 {
            kept.handle_acknowledged(held(1), now * 10, now * 1000);
        }
        for now in 40..80 {
            let aged = kept.aged(A, now * 1000);
            // Acknowledged through 10 n at n seconds; it stays for 13 s and at most two steps of 1 s longer.
            let (exact, late) = ((now - 13) * 10, (now - 15) * 10);
            assert!((late.min(390)..=exact.min(390)).contains(&aged), "{now}: {aged}");
        }
    }

    #[test]
    fn a_word_taken_back_begins_anew() {
        let mut kept = Kept::<2>::new(13_000);
        kept.handle_acknowledged(held(1), 100, 0);
        kept.handle_acknowledged(held(1), 0, 10_000);
        kept.handle_acknowledged(held(1), 100, 11_000);
        assert_eq!(kept.aged(A, 20_000), 0);
        assert_eq!(kept.aged(A, 25_000), 100);
        kept.handle_forgotten(A);
        assert_eq!(kept.aged(A, 25_000), 0);
    }

    #[test]
    fn signal_levels_have_half_and_the_others_all() {
        let space = Space { limit: 100, held: 49, signals: 49 };
        assert_eq!(space.room_for(1, 1), Room::Enough);
        assert_eq!(space.room_for(2, 2), Room::SignalsFull);
        assert_eq!(space.room_for(51, 0), Room::Enough);
        assert_eq!(space.room_for(55, 0), Room::Short(4));
        assert_eq!(Space { held: 80, ..space }.above_half(), 30);
    }
}
