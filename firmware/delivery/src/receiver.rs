//! The collector's half: what of a batch is to be stored, and what is then acknowledged.
//!
//! One [`Mark`] for each (agent, stream) is kept in the same database, and changed in the same transaction, as the
//! events. For each batch the caller
//!
//! 1. begins a transaction, copies the mark and calls [`Mark::take`];
//! 2. writes each event that is to be stored (a duplicate changes nothing; a known key with other bytes is a conflict,
//!    kept under (key, digest); bytes that are no event go to quarantine), the gaps and the mark;
//! 3. commits, and only then calls [`Receiver::acknowledge`]. If the commit fails, panics included, the copy is thrown
//!    away and [`classify_failure`] says what follows; the broker's message is settled in any case, because a batch that
//!    it delivers again and again would hold up all others.
//!
//! A stream belongs to the first by name of the agents that send it ([`classify_binding`]). Under another agent's topic it is
//! accounted for under that agent's own key, in quarantine: it moves nobody else's mark.
//!
//! A mark says what is *accounted* for, not what is *held*: a seq that was declared gone and comes after all is stored,
//! and an agent that still holds it must not take it for delivered. So each acknowledgement answers a floor: from it on,
//! what is gone does not count ([`Answered`]).

use core::cmp::Ordering;
use core::fmt;
use heapless::Vec;
use room_events::{Seq, StreamId};

use crate::ack::{Ack, Failed, MAX_ACK_CONFLICTS, RunId};
use crate::batch::{Batch, MAX_SEQ};

/// How far above the mark a seq may lie, after the floor is applied. An honest agent sends in order and stays far below.
pub const MAX_AHEAD: u64 = 1_000_000;

/// The most separate ranges above the mark. What would need one more is left to the agent's resending.
pub const MAX_RANGES: usize = 32;

/// Seqs from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeqRange {
    /// The first.
    pub first: Seq,
    /// The last.
    pub last: Seq,
}

impl SeqRange {
    /// How many seqs it has.
    pub fn count(&self) -> u64 {
        (self.last.0 + 1).saturating_sub(self.first.0)
    }
}

impl fmt::Display for SeqRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first, self.last)
    }
}

/// Which seqs of a stream are accounted for: all up to `through`, and some ranges above it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    through: u64,
    // Sorted; neither overlapping nor touching each other or `through`.
    above: Vec<SeqRange, MAX_RANGES>,
}

/// What to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "what is not stored now is lost with the acknowledgement"]
pub struct Taken {
    /// Store the batch's first so many events.
    pub store: usize,
    /// Record these seqs as a gap, for people to see: the agent no longer holds them. They are taken out of the gap if
    /// they come after all.
    pub gone: Vec<SeqRange, { MAX_RANGES + 1 }>,
    /// So many events lie more than [`MAX_AHEAD`] above the mark and are not stored: count and alarm.
    pub too_far: usize,
    /// So many events need one range more than [`MAX_RANGES`] and are not stored; the agent sends them again.
    pub later: usize,
}

impl Mark {
    /// The mark of a stream as it was written down.
    pub fn restore(through: u64, above: impl IntoIterator<Item = SeqRange>) -> Self {
        let mut mark = Self { through, above: Vec::new() };
        for range in above.into_iter().filter(|range| range.first <= range.last && range.last <= MAX_SEQ) {
            // More ranges than a mark can hold were never written by one; the agent sends what they covered again.
            let _ = mark.account(range);
        }
        mark
    }

    /// All seqs from 1 to this one are accounted for.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// What is accounted for above [`Mark::through`], in order.
    pub fn above(&self) -> &[SeqRange] {
        &self.above
    }

    /// Whether this seq is accounted for.
    pub fn accounts_for(&self, seq: Seq) -> bool {
        seq.0 <= self.through || self.above.iter().any(|range| range.first <= seq && seq <= range.last)
    }

    /// Applies a batch's floor, then takes its events.
    pub fn take(&mut self, batch: &Batch<'_>) -> Taken {
        let gone = self.raise_floor(batch.floor);
        let reachable = (self.through + MAX_AHEAD + 1).saturating_sub(batch.first.0).min(batch.len());
        let mut store = usize::try_from(reachable).unwrap_or(batch.events.len());
        let too_far = batch.events.len() - store;
        let mut later = 0;
        if reachable > 0 {
            let range = SeqRange { first: batch.first, last: Seq(batch.first.0 + reachable - 1) };
            if !self.account(range) {
                later = core::mem::take(&mut store);
            }
        }
        Taken { store, gone, too_far, later }
    }

    /// Accounts for everything below `floor`; returns what was not accounted for before.
    fn raise_floor(&mut self, floor: Seq) -> Vec<SeqRange, { MAX_RANGES + 1 }> {
        let mut gone = Vec::new();
        let mut next = self.through + 1;
        for held in &self.above {
            if next < floor.0 && next < held.first.0 {
                let last = Seq(held.first.0.min(floor.0) - 1);
                // One hole before each range and one after the last: MAX_RANGES + 1 is enough.
                let _ = gone.push(SeqRange { first: Seq(next), last });
            }
            next = held.last.0 + 1;
        }
        if next < floor.0 {
            let _ = gone.push(SeqRange { first: Seq(next), last: Seq(floor.0 - 1) });
        }
        if floor.0 > self.through + 1 {
            self.through = floor.0 - 1;
            self.absorb();
        }
        gone
    }

    /// Adds a range; `false` if there is no room for it, and then nothing has changed.
    fn account(&mut self, new: SeqRange) -> bool {
        if new.first.0 <= self.through + 1 {
            self.through = self.through.max(new.last.0);
            self.absorb();
            return true;
        }
        let start = self.above.iter().take_while(|held| held.last.0 + 1 < new.first.0).count();
        let touching = self.above.iter().skip(start).take_while(|held| held.first.0 <= new.last.0 + 1).count();
        if touching == 0 {
            return self.above.insert(start, new).is_ok();
        }
        let mut merged = new;
        for _ in 0..touching {
            let held = self.above.remove(start);
            merged = SeqRange { first: merged.first.min(held.first), last: merged.last.max(held.last) };
        }
        self.above.insert(start, merged).is_ok()
    }

    /// Takes the ranges that now touch `through` into it.
    fn absorb(&mut self) {
        while let Some(held) = self.above.first().copied().filter(|held| held.first.0 <= self.through + 1) {
            self.through = self.through.max(held.last.0);
            self.above.remove(0);
        }
    }
}

/// Whose a stream is, by the topics that it came on: of several agents the first in their order, so that it does not
/// depend on which one a collector heard first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Nobody's so far: bind it to this agent.
    New,
    /// This agent's.
    Own,
    /// Another agent's (a copied outbox, a wrong configuration): quarantine its events under this agent's key, account
    /// for them there, alarm. Never refuse them: this may be the only copy.
    Foreign,
    /// Another agent's so far, which stands behind this one: bind it to this agent, alarm, and treat what is stored of the
    /// other one's as [`Binding::Foreign`].
    TakesOver,
}

/// Whose a stream is. `owner`: the first of the agents that sent events of it.
pub fn classify_binding<A: Ord>(owner: Option<&A>, from: &A) -> Binding {
    match owner.map(|owner| owner.cmp(from)) {
        None => Binding::New,
        Some(Ordering::Equal) => Binding::Own,
        Some(Ordering::Less) => Binding::Foreign,
        Some(Ordering::Greater) => Binding::TakesOver,
    }
}

/// What to do with a batch whose commit failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an agent that is not told waits for its timer, and the batch fails again"]
pub enum OnFailure {
    /// Acknowledge it as failed, with the mark as it was: the agent sends it again in halves.
    Halve(Failed),
    /// It has one event, which is therefore the cause: commit its raw bytes as *unreadable* and account for it. If that
    /// fails too, the disk is the cause: acknowledge it as failed.
    Stub(Seq, Failed),
}

/// What to do with a batch whose commit failed.
pub fn classify_failure(batch: &Batch<'_>) -> OnFailure {
    let failed = Failed { first: batch.first, n: u32::try_from(batch.len()).unwrap_or(u32::MAX) };
    if failed.n == 1 { OnFailure::Stub(batch.first, failed) } else { OnFailure::Halve(failed) }
}

/// What an acknowledgement answers: one batch, or several of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Their stream.
    pub stream: StreamId,
    /// The lowest of their floors.
    pub floor: Seq,
    /// The lowest seq from `floor` on that was declared gone and has not come after all. Its sender holds it.
    pub missing: Option<Seq>,
}

/// One opening of a collector's database, which numbers its acknowledgements.
#[derive(Debug)]
pub struct Receiver {
    run: RunId,
    counter: u64,
}

impl Receiver {
    /// The database was opened; `run` is drawn for it from 128 random bits and never used again.
    pub fn opened(run: RunId) -> Self {
        Self { run, counter: 0 }
    }

    /// Which opening it is.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The acknowledgement for one or several batches of a stream, to be sent after their commit, for pure duplicates
    /// too. `mark` is the committed one. Conflicts beyond [`MAX_ACK_CONFLICTS`] are left out: one is enough for the
    /// agent to draw a new stream.
    pub fn acknowledge(
        &mut self,
        answered: Answered,
        mark: &Mark,
        conflicts: impl IntoIterator<Item = Seq>,
        failed: Option<Failed>,
    ) -> Ack {
        self.counter += 1;
        let conflicts = conflicts.into_iter().take(MAX_ACK_CONFLICTS).collect();
        let Answered { stream, floor, missing } = answered;
        let missing = missing.filter(|seq| *seq >= floor);
        let through = missing.map_or(mark.through(), |seq| mark.through().min(seq.0.saturating_sub(1)));
        Ack { run: self.run, counter: self.counter, stream, through, floor: Some(floor), conflicts, failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec::Vec as StdVec;

    fn batch(first: u64, n: usize, floor: u64) -> Batch<'static> {
        Batch {
            stream: StreamId(1),
            first: Seq(first),
            floor: Seq(floor),
            events: core::iter::repeat_n(b"{}".as_slice(), n).collect(),
        }
    }

    fn range(first: u64, last: u64) -> SeqRange {
        SeqRange { first: Seq(first), last: Seq(last) }
    }

    #[test]
    fn a_duplicate_batch_is_stored_again_and_moves_nothing() {
        let mut mark = Mark::default();
        assert_eq!(mark.take(&batch(1, 3, 1)).store, 3);
        let before = mark.clone();
        // The store, which holds the bytes, finds that they are duplicates or conflicts.
        assert_eq!(mark.take(&batch(1, 3, 1)).store, 3);
        assert_eq!(mark, before);
    }

    #[test]
    fn a_hole_holds_the_mark_until_it_is_filled() {
        let mut mark = Mark::default();
        let _ = mark.take(&batch(4, 2, 1));
        assert_eq!((mark.through(), mark.above()), (0, [range(4, 5)].as_slice()));
        let _ = mark.take(&batch(1, 3, 1));
        assert_eq!((mark.through(), mark.above()), (5, [].as_slice()));
    }

    #[test]
    fn a_floor_turns_holes_into_a_gap() {
        let mut mark = Mark::default();
        let _ = mark.take(&batch(1, 2, 1));
        let _ = mark.take(&batch(5, 2, 1));
        let taken = mark.take(&batch(9, 2, 9));
        assert_eq!(taken.gone, [range(3, 4), range(7, 8)]);
        assert_eq!(mark.through(), 10);
    }

    #[test]
    fn a_seq_that_was_declared_gone_is_stored_when_it_comes_after_all() {
        let mut mark = Mark::default();
        let _ = mark.take(&batch(10, 1, 10));
        let taken = mark.take(&batch(4, 2, 1));
        assert_eq!((taken.store, taken.gone.len(), mark.through()), (2, 0, 10));
    }

    #[test]
    fn the_closing_batch_accounts_for_the_whole_stream() {
        let mut mark = Mark::default();
        let taken = mark.take(&batch(43, 0, 43));
        assert_eq!((taken.gone.as_slice(), mark.through()), ([range(1, 42)].as_slice(), 42));
    }

    #[test]
    fn a_seq_a_million_ahead_is_not_stored() {
        let mut mark = Mark::default();
        let taken = mark.take(&batch(MAX_AHEAD - 1, 4, 1));
        assert_eq!((taken.store, taken.too_far), (2, 2));
        assert_eq!(mark.above(), [range(MAX_AHEAD - 1, MAX_AHEAD)]);
    }

    #[test]
    fn the_floor_is_applied_before_the_limit() {
        let mut mark = Mark::default();
        let taken = mark.take(&batch(5_000_000, 2, 5_000_000));
        assert_eq!((taken.store, taken.too_far, mark.through()), (2, 0, 5_000_001));
    }

    #[test]
    fn one_range_too_many_is_left_to_resending() {
        let mut mark = Mark::default();
        for n in 1..=MAX_RANGES as u64 {
            assert_eq!(mark.take(&batch(n * 10, 1, 1)).store, 1);
        }
        let before = mark.clone();
        let taken = mark.take(&batch(5_000, 2, 1));
        assert_eq!((taken.store, taken.later, mark.clone()), (0, 2, before));
        assert_eq!(mark.take(&batch(1, 9, 1)).store, 9);
        assert_eq!(mark.take(&batch(5_000, 2, 1)).store, 2);
    }

    #[test]
    fn acknowledgements_of_one_run_are_numbered() {
        let mut receiver = Receiver::opened(RunId(9));
        let mut mark = Mark::default();
        let _ = mark.take(&batch(1, 2, 1));
        let answered = Answered { stream: StreamId(1), floor: Seq(1), missing: None };
        let first = receiver.acknowledge(answered, &mark, [], None);
        let second = receiver.acknowledge(answered, &mark, [Seq(2)], None);
        assert_eq!((first.counter, first.through), (1, 2));
        assert_eq!((second.counter, second.conflicts.as_slice()), (2, [Seq(2)].as_slice()));
    }

    #[test]
    fn what_is_gone_is_not_acknowledged_to_one_who_holds_it() {
        let mut receiver = Receiver::opened(RunId(9));
        let mut mark = Mark::default();
        let _ = mark.take(&batch(1, 2, 1));
        let _ = mark.take(&batch(5, 2, 5));
        let mut through = |floor, missing: Option<u64>| {
            let answered = Answered { stream: StreamId(1), floor: Seq(floor), missing: missing.map(Seq) };
            receiver.acknowledge(answered, &mark, [], None).through
        };
        assert_eq!([through(5, None), through(1, Some(3)), through(4, Some(4))], [6, 2, 3]);
        assert_eq!(through(5, Some(3)), 6, "the gap lies below the floor");
    }

    #[test]
    fn only_an_event_alone_is_called_unreadable() {
        assert_eq!(classify_failure(&batch(5, 2, 1)), OnFailure::Halve(Failed { first: Seq(5), n: 2 }));
        assert_eq!(classify_failure(&batch(5, 1, 1)), OnFailure::Stub(Seq(5), Failed { first: Seq(5), n: 1 }));
    }

    #[test]
    fn a_stream_is_the_first_ones_of_the_agents_that_send_it() {
        assert_eq!(classify_binding(None, &"a"), Binding::New);
        assert_eq!(classify_binding(Some(&"a"), &"a"), Binding::Own);
        assert_eq!(classify_binding(Some(&"b"), &"a"), Binding::TakesOver);
        assert_eq!(classify_binding(Some(&"a"), &"b"), Binding::Foreign);
    }

    proptest! {
        #[test]
        fn a_mark_equals_a_set_of_numbers(steps in proptest::collection::vec((1u64..60, 0usize..6, 0u64..8), 1..60)) {
            let mut mark = Mark::default();
            let mut accounted = BTreeSet::new();
            for (first, n, below) in steps {
                let floor = first.saturating_sub(below * 7).max(1);
                let taken = mark.take(&batch(first, n, floor));
                let gone: StdVec<u64> = taken.gone.iter().flat_map(|r| r.first.0..=r.last.0).collect();
                let expected: StdVec<u64> = (1..floor).filter(|s| !accounted.contains(s)).collect();
                prop_assert_eq!(gone, expected);
                prop_assert_eq!(taken.store, n);
                accounted.extend(1..floor);
                accounted.extend(first..first + n as u64);
                let mut through = 0;
                while accounted.contains(&(through + 1)) {
                    through += 1;
                }
                prop_assert_eq!(mark.through(), through);
                let above: StdVec<u64> = mark.above().iter().flat_map(|r| r.first.0..=r.last.0).collect();
                let expected: StdVec<u64> = accounted.iter().copied().filter(|&s| s > through).collect();
                prop_assert_eq!(above, expected);
                prop_assert_eq!(Mark::restore(mark.through(), mark.above().iter().copied()), mark.clone());
            }
        }
    }
}
