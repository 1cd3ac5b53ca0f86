//! The agent's half: what to send next, what an acknowledgement means, and what may be deleted.
//!
//! Pointer, window, timer and halving are kept for each collector, so that a dead one does not slow the living; what one
//! of them needs is published once and counts for all. The *required* ones decide what may be deleted; those that *also*
//! collect are served as long as the events are held, and hold nothing back. Marks live in memory only: a process that opens the
//! outbox sends it all again, and the collector's answers move the marks. Nothing here is written to a disk, so sending
//! works on a full one.
//!
//! ```text
//!        floor              mark+1            pointer             last
//! stream  |--- evictable ----|---- in flight ----|--- not sent ----|
//! ```

use heapless::Vec;
use room_events::{Seq, StreamId};

use crate::ack::{Ack, RunId};
use crate::batch::MAX_BATCH_EVENTS;

/// The most required collectors, and the most that also collect.
pub const MAX_COLLECTORS: usize = 4;

/// All collectors of an agent.
const MAX_ALL: usize = 2 * MAX_COLLECTORS;

/// How many earlier runs of a collector are remembered. A word of one that was long under way costs a rewind, never
/// more, and the same word only once. One event that makes a collector open its database anew leaves seven behind.
const PAST_RUNS: usize = 32;

/// So many new words of an earlier run make it the present one again. A run never returns; but which of two was the
/// earlier is not known when the first word of the older one came last. The present one answers each batch and soon
/// reaches this number; what the older one still has under way hardly does, and is not counted meanwhile.
const WORDS_TO_RETURN: u8 = 8;

/// The times and sizes of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The most events under way to one collector.
    pub window_events: u64,
    /// How long to wait for progress before sending again, at least.
    pub resend_after_ms: u64,
    /// How long to wait at most, after doubling.
    pub resend_at_most_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { window_events: 16 * MAX_BATCH_EVENTS as u64, resend_after_ms: 30_000, resend_at_most_ms: 600_000 }
    }
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a batch that is not sent is waited for"]
pub enum Next {
    /// Publish this batch, then call [`Sender::handle_sent`] with it.
    Send(Span),
    /// Nothing to send before this time; acknowledgements and new events may change it.
    WaitUntil(u64),
    /// Nothing to send until an acknowledgement, an event or a connection comes.
    Idle,
}

/// Events of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Their stream.
    pub stream: StreamId,
    /// The first of them.
    pub first: Seq,
    /// How many; 0 for a batch that only tells the floor.
    pub n: u64,
    /// The stream's floor.
    pub floor: Seq,
}

/// What an acknowledgement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a conflict in the current stream asks for a new stream"]
pub enum AckOutcome {
    /// Counted. `new_stream`: the collector holds other bytes under a key of the newest stream, so another process has
    /// used it (a cloned card): begin a new stream with the next event.
    Counted {
        /// The mark rose.
        progress: bool,
        /// Begin a new stream.
        new_stream: bool,
    },
    /// The collector has opened another database: everything held is sent to it again.
    Rewound,
    /// Nothing was counted, for this reason.
    Ignored(Ignored),
}

/// Why an acknowledgement was not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// It came before the acknowledgement topics of this connection were subscribed.
    NotConnected,
    /// Its counter is not higher than the last one's of its run.
    Old,
    /// The collector is neither a required one nor one that also collects.
    Stranger,
    /// The outbox does not know the stream (any more).
    UnknownStream,
}

/// A stream in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The stream.
    pub stream: StreamId,
    /// Lowest seq still held, `last + 1` when emptied.
    pub floor: Seq,
    /// Last seq committed.
    pub last: Seq,
}

#[derive(Debug, Clone)]
struct StreamState {
    held: Held,
    // In the order of `Sender::collectors`.
    ways: [Way; MAX_ALL],
}

/// How far one stream is with one collector.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    /// Acknowledged through.
    mark: u64,
    /// Next seq to send; of an emptied stream whose floor was told, `last + 2`.
    pointer: u64,
    /// Highest seq sent (or told gone) since the process opened the outbox or saw the collector's run.
    sent: u64,
    /// After a failed batch.
    halved: Option<Halving>,
}

/// Seqs that a failed batch held, which are sent in smaller ones: the collector can then name the one that it cannot
/// store. With each that it stores they double again. Outside of them batches are whole.
#[derive(Debug, Clone, Copy)]
struct Halving {
    first: u64,
    last: u64,
    size: u64,
}

/// An earlier run of a collector.
#[derive(Debug, Clone)]
struct PastRun {
    run: RunId,
    /// The highest counter heard.
    counter: u64,
    /// New words since it was the present one.
    words: u8,
}

#[derive(Debug, Clone)]
struct Collector {
    run: Option<RunId>,
    counter: u64,
    past_runs: Vec<PastRun, PAST_RUNS>,
    window: u64,
    /// How often in a row the wait was in vain.
    vain: u32,
    /// Since when something is under way without progress.
    waiting_since: Option<u64>,
    /// A batch whose acknowledgement is timed: stream, last seq, sent at.
    timed: Option<(StreamId, u64, u64)>,
    ack_ms: u64,
}

/// The sending half for an outbox of at most `STREAMS` streams.
#[derive(Debug, Clone)]
pub struct Sender<const STREAMS: usize> {
    settings: Settings,
    connected: bool,
    // The required ones first.
    collectors: Vec<Collector, MAX_ALL>,
    required: usize,
    streams: Vec<StreamState, STREAMS>,
}

impl<const STREAMS: usize> Sender<STREAMS> {
    /// A sender for so many required collectors (at least one, at most [`MAX_COLLECTORS`]) and so many that also collect,
    /// with nothing to send yet. Collectors are known by their index, the required ones first.
    pub fn new(settings: Settings, required: usize, also: usize) -> Self {
        let collector = Collector {
            run: None,
            past_runs: Vec::new(),
            counter: 0,
            window: settings.window_events,
            vain: 0,
            waiting_since: None,
            timed: None,
            ack_ms: 0,
        };
        let required = required.clamp(1, MAX_COLLECTORS);
        Self {
            settings,
            connected: false,
            collectors: core::iter::repeat_n(collector, required + also.min(MAX_COLLECTORS)).collect(),
            required,
            streams: Vec::new(),
        }
    }

    /// Takes in what the outbox holds of a stream: at opening for each stream, oldest first; later after each commit and
    /// each deletion. `false` if there is no room for one stream more; offer it again when another has gone.
    #[must_use = "a stream that is not taken in is not sent"]
    pub fn handle_held(&mut self, held: Held) -> bool {
        if let Some(state) = self.streams.iter_mut().find(|s| s.held.stream == held.stream) {
            let before = core::mem::replace(&mut state.held, held);
            for way in &mut state.ways {
                // An emptied stream that goes on: its pointer may stand behind the told floor.
                if before.floor > before.last {
                    way.pointer = way.pointer.min(before.last.0 + 1);
                }
                way.pointer = way.pointer.max(held.floor.0);
            }
            return true;
        }
        let way = Way { pointer: held.floor.0, ..Way::default() };
        self.streams.push(StreamState { held, ways: [way; MAX_ALL] }).is_ok()
    }

    /// Forgets a stream whose record was deleted from the outbox.
    pub fn handle_forgotten(&mut self, stream: StreamId) {
        self.streams.retain(|s| s.held.stream != stream);
    }

    /// The acknowledgement topics are subscribed on a new connection: everything unacknowledged is sent again.
    pub fn handle_subscribed(&mut self) {
        self.connected = true;
        for index in 0..self.collectors.len() {
            self.rewind_to_mark(index);
        }
    }

    /// The connection is gone; what is still received from it does not count.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
    }

    /// What to do now; asked again after everything that happens.
    pub fn poll_next(&mut self, now: u64) -> Next {
        if !self.connected {
            return Next::Idle;
        }
        let mut wake: Option<u64> = None;
        for index in 0..self.collectors.len() {
            if let Some(due) = self.due(index) {
                if due <= now {
                    self.give_up_waiting(index);
                } else {
                    wake = Some(wake.map_or(due, |w| w.min(due)));
                }
            }
            if let Some(span) = self.span_for(index) {
                return Next::Send(span);
            }
        }
        wake.map_or(Next::Idle, Next::WaitUntil)
    }

    /// A batch was handed to the connection.
    pub fn handle_sent(&mut self, span: Span, now: u64) {
        let Some(state) = self.streams.iter_mut().find(|s| s.held.stream == span.stream) else { return };
        let told = span.first.0 + span.n - 1;
        let next = if span.n == 0 { span.first.0 + 1 } else { span.first.0 + span.n };
        for (collector, way) in self.collectors.iter_mut().zip(&mut state.ways) {
            // What came before must have been sent too, else `sent` would vouch for it.
            if way.pointer < span.first.0 {
                continue;
            }
            way.sent = way.sent.max(told);
            if way.pointer >= next || way.mark >= told {
                continue;
            }
            way.pointer = next;
            collector.waiting_since.get_or_insert(now);
            collector.timed.get_or_insert((span.stream, told, now));
        }
    }

    /// An acknowledgement came from the collector with this index.
    pub fn handle_ack(&mut self, index: usize, ack: &Ack, now: u64) -> AckOutcome {
        if !self.connected {
            return AckOutcome::Ignored(Ignored::NotConnected);
        }
        let Some(collector) = self.collectors.get_mut(index) else {
            return AckOutcome::Ignored(Ignored::Stranger);
        };
        match collector.hear(ack) {
            Heard::New => {}
            Heard::Old => return AckOutcome::Ignored(Ignored::Old),
            Heard::OtherRun => {
                self.rewind_to_floor(index);
                // A batch that kills a collector makes it open its database anew with each attempt.
                if let Some(state) = self.streams.iter_mut().find(|s| s.held.stream == ack.stream) {
                    state.handle_failed(index, ack);
                }
                return AckOutcome::Rewound;
            }
        }
        let newest = self.streams.last().map(|s| s.held.stream);
        let Some(state) = self.streams.iter_mut().find(|s| s.held.stream == ack.stream) else {
            return AckOutcome::Ignored(Ignored::UnknownStream);
        };
        let Some(way) = state.ways.get_mut(index) else { return AckOutcome::Ignored(Ignored::Stranger) };
        // One who holds less may have called gone what is still held here.
        let is_for_us = ack.floor.is_none_or(|floor| floor <= state.held.floor);
        let through = if is_for_us { ack.through.min(way.sent) } else { 0 };
        let progress = through > way.mark;
        if progress {
            way.mark = through;
            way.pointer = way.pointer.max(through + 1);
            if let Some(halved) = way.halved.as_mut().filter(|halved| through >= halved.first) {
                // A disk that was full for a moment has failed all that was under way: one by one that would take long. What
                // is stored leaves the range, so that a collector that dies of each attempt is asked less each time.
                halved.first = through + 1;
                halved.size = halved.size.saturating_mul(2).min(MAX_BATCH_EVENTS as u64);
            }
        }
        way.halved = way.halved.filter(|halved| way.mark < halved.last);
        state.handle_failed(index, ack);
        let new_stream = newest == Some(ack.stream) && !ack.conflicts.is_empty();
        self.after_ack(index, progress, now);
        AckOutcome::Counted { progress, new_stream }
    }

    /// Highest seq of the stream that all required collectors have acknowledged; everything up to it may be deleted.
    pub fn acknowledged_by_all(&self, stream: StreamId) -> u64 {
        self.marks(stream).take(self.required).min().unwrap_or(0)
    }

    /// Highest seq that at least one required collector has acknowledged: may be deleted when there is no other room.
    pub fn acknowledged_by_one(&self, stream: StreamId) -> u64 {
        self.marks(stream).take(self.required).max().unwrap_or(0)
    }

    /// Each collector's mark for a stream, the required ones' first.
    pub fn marks(&self, stream: StreamId) -> impl Iterator<Item = u64> + '_ {
        let ways = self.streams.iter().find(|s| s.held.stream == stream).map(|s| &s.ways);
        ways.into_iter().flatten().take(self.collectors.len()).map(|way| way.mark)
    }

    /// Events held that some required collector has not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        let of = |held: Held| held.last.0.saturating_sub(self.acknowledged_by_all(held.stream).max(held.floor.0 - 1));
        self.streams().map(of).sum()
    }

    /// Whether every required collector accounts for every seq of every stream.
    pub fn is_all_acknowledged(&self) -> bool {
        self.streams().all(|held| self.acknowledged_by_all(held.stream) >= held.last.0)
    }

    /// Whether every collector, also those that are not required, accounts for every seq of every stream.
    pub fn has_nothing_to_tell(&self) -> bool {
        self.streams().all(|held| self.marks(held.stream).all(|mark| mark >= held.last.0))
    }

    /// The streams known, oldest first.
    pub fn streams(&self) -> impl Iterator<Item = Held> + '_ {
        self.streams.iter().map(|s| s.held)
    }

    /// The wait for progress ends then, if anything is under way.
    fn due(&self, index: usize) -> Option<u64> {
        let collector = self.collectors.get(index)?;
        let since = collector.waiting_since?;
        let base = self.settings.resend_after_ms.max(collector.ack_ms.saturating_mul(4));
        let wait = base.saturating_mul(1 << collector.vain.min(20)).min(self.settings.resend_at_most_ms.max(base));
        Some(since.saturating_add(wait))
    }

    fn give_up_waiting(&mut self, index: usize) {
        self.rewind_to_mark(index);
        if let Some(collector) = self.collectors.get_mut(index) {
            collector.vain = collector.vain.saturating_add(1);
            collector.window = (collector.window / 2).max(MAX_BATCH_EVENTS as u64);
        }
    }

    fn rewind_to_mark(&mut self, index: usize) {
        if let Some(collector) = self.collectors.get_mut(index) {
            collector.waiting_since = None;
            // The acknowledgement of a repeated batch may belong to either copy, so it is not timed.
            collector.timed = None;
        }
        for state in &mut self.streams {
            if let Some(way) = state.ways.get_mut(index) {
                way.pointer = (way.mark + 1).max(state.held.floor.0);
            }
        }
    }

    fn rewind_to_floor(&mut self, index: usize) {
        for state in &mut self.streams {
            if let Some(way) = state.ways.get_mut(index) {
                // What could not be stored before is not more likely to be stored now.
                *way = Way { pointer: state.held.floor.0, halved: way.halved, ..Way::default() };
            }
        }
        if let Some(collector) = self.collectors.get_mut(index) {
            collector.waiting_since = None;
            collector.timed = None;
            collector.vain = 0;
            collector.window = self.settings.window_events;
        }
    }

    /// The next batch for one collector, oldest stream first. A stream with nothing under way may always have one batch,
    /// so that an older one that is stuck cannot hold it back.
    fn span_for(&self, index: usize) -> Option<Span> {
        let window = self.collectors.get(index)?.window;
        let mut under_way: u64 = self.streams.iter().filter_map(|s| s.under_way(index)).sum();
        for state in &self.streams {
            let way = state.ways.get(index)?;
            let mine = state.under_way(index)?;
            let Held { stream, floor, last } = state.held;
            if floor > last {
                if way.mark < last.0 && way.pointer <= floor.0 {
                    return Some(Span { stream, first: floor, n: 0, floor });
                }
                continue;
            }
            // All of them get what is sent to one, and what one cannot store must not come to it whole for another's sake.
            let size = state.ways.iter().map(|other| other.size_at(way.pointer).0).min()?;
            let alone = way.size_at(way.pointer).1;
            let n = (last.0 + 1).saturating_sub(way.pointer).min(size);
            let fits = under_way + n <= window || mine == 0;
            if n > 0 && fits && (!alone || mine == 0) {
                return Some(Span { stream, first: Seq(way.pointer), n, floor });
            }
            under_way += n.min(window);
        }
        None
    }

    fn after_ack(&mut self, index: usize, progress: bool, now: u64) {
        let busy = self.streams.iter().any(|s| s.under_way(index).is_some_and(|n| n > 0) || s.is_closing(index));
        let Some(collector) = self.collectors.get_mut(index) else { return };
        if let Some((stream, last, sent_at)) = collector.timed {
            let way = self.streams.iter().find(|s| s.held.stream == stream).and_then(|s| s.ways.get(index));
            if way.is_none_or(|way| way.mark >= last) {
                collector.ack_ms = now.saturating_sub(sent_at);
                collector.timed = None;
            }
        }
        if progress {
            collector.vain = 0;
            collector.window = self.settings.window_events;
            collector.waiting_since = busy.then_some(now);
        } else if !busy {
            collector.waiting_since = None;
        }
    }
}

/// What an acknowledgement's run and counter say.
enum Heard {
    New,
    Old,
    OtherRun,
}

impl Collector {
    fn hear(&mut self, ack: &Ack) -> Heard {
        let Some(run) = self.run else {
            (self.run, self.counter) = (Some(ack.run), ack.counter);
            return Heard::New;
        };
        if run == ack.run {
            if ack.counter <= self.counter {
                return Heard::Old;
            }
            self.counter = ack.counter;
            return Heard::New;
        }
        if let Some(past) = self.past_runs.iter_mut().find(|past| past.run == ack.run) {
            if ack.counter <= past.counter {
                return Heard::Old;
            }
            past.counter = ack.counter;
            past.words = past.words.saturating_add(1);
            // One of the two runs is no more, and its marks mean nothing: in doubt all are forgotten.
            if past.words < WORDS_TO_RETURN {
                return Heard::OtherRun;
            }
        }
        self.past_runs.retain(|past| past.run != ack.run);
        if self.past_runs.is_full() {
            self.past_runs.remove(0);
        }
        let _ = self.past_runs.push(PastRun { run, counter: self.counter, words: 0 });
        (self.run, self.counter) = (Some(ack.run), ack.counter);
        Heard::OtherRun
    }
}

impl Way {
    /// The most events of a batch that begins at `pointer`, and whether nothing else may be under way with it: while a
    /// batch is being halved, one at a time, so that a failure names one of them.
    fn size_at(&self, pointer: u64) -> (u64, bool) {
        let whole = MAX_BATCH_EVENTS as u64;
        match self.halved {
            Some(halved) if pointer < halved.first => (whole.min(halved.first - pointer), false),
            Some(halved) if pointer <= halved.last => (halved.size.max(1).min(halved.last + 1 - pointer), true),
            Some(_) | None => (whole, false),
        }
    }
}

impl StreamState {
    /// Halves a batch that the collector could not store. A single event becomes a stub there; if even that fails, the
    /// disk is the cause, and the timer repeats it.
    fn handle_failed(&mut self, index: usize, ack: &Ack) {
        let Some(way) = self.ways.get_mut(index) else { return };
        let Some(failed) = ack.failed.filter(|f| f.n > 1) else { return };
        let n = u64::from(failed.n);
        let last = failed.first.0.saturating_add(n - 1).min(self.held.last.0);
        // The front of a batch that was sent again may be stored already; its rest is what cannot be.
        let new = Halving { first: failed.first.0.max(way.mark + 1), last, size: n / 2 };
        if new.first > last {
            return;
        }
        way.halved = Some(way.halved.map_or(new, |old| Halving {
            first: old.first.min(new.first),
            last: old.last.max(new.last),
            size: old.size.min(new.size),
        }));
        way.pointer = way.pointer.min(way.mark + 1).max(self.held.floor.0);
    }

    /// Events sent to the collector and not acknowledged.
    fn under_way(&self, index: usize) -> Option<u64> {
        let way = self.ways.get(index)?;
        Some(way.pointer.min(self.held.last.0 + 1).saturating_sub((way.mark + 1).max(self.held.floor.0)))
    }

    /// The floor of an emptied stream was told and not yet accounted for.
    fn is_closing(&self, index: usize) -> bool {
        self.held.floor > self.held.last
            && self.ways.get(index).is_some_and(|way| way.mark < self.held.last.0 && way.pointer > self.held.floor.0)
    }
}

#[cfg(test)]
#[path = "sender_tests.rs"]
mod tests;
