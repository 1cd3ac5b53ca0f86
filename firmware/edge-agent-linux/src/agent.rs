//! [`Agent`]: stamps what feeds observe, commits it to the outbox, and knows what is to be sent and may be deleted.
//!
//! Feeds, the connection and the command line share one through [`Shared`]; each takes the lock for one step. Nothing
//! here talks to a network.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use delivery::sender::{Ignored, Span};
use delivery::status::STATUS_VERSION;
use delivery::{Ack, AckOutcome, Next, Sender, Settings, Status, batch};
use edge_agent::{EventBytes, Observed, Stamper};
use room_events::{EventsLost, Label, Observation, Seq, StreamId, wire};
use tokio::sync::Notify;

use crate::clock::{Clock, random_128};
use crate::config::Config;
use crate::outbox::{Outbox, OutboxError, Progress};

/// Streams that the sender looks after at once. A process that records something makes one, so only a machine that
/// restarts all the time has many; the oldest go first.
const MAX_STREAMS: usize = 128;

/// Checkpoints of what was acknowledged when; their distance is the error of `keep-acknowledged-days`.
const CHECKPOINTS: u64 = 64;

/// How long a feed waits after an error of the disk before it tries again.
const AFTER_DISK_ERROR: Duration = Duration::from_secs(5);

/// The agent's heart. See the module.
#[derive(Debug)]
pub struct Agent {
    outbox: Outbox,
    sender: Box<Sender<MAX_STREAMS>>,
    stamper: Stamper,
    clock: Arc<Clock>,
    version: Label,
    collectors: Vec<String>,
    keep_ms: u64,
    acknowledged: HashMap<StreamId, Vec<(u64, u64)>>,
    stream: StreamId,
    refused: u64,
}

impl Agent {
    /// Opens the outbox and takes in what it holds.
    pub fn open(config: &Config, clock: Arc<Clock>) -> anyhow::Result<Self> {
        let stream = StreamId(random_128().context("the operating system gives no random bytes")?);
        let folder = &config.data_dir;
        std::fs::create_dir_all(folder).with_context(|| format!("data-dir {} cannot be made", folder.display()))?;
        let outbox = Outbox::open(folder, config.outbox.max_mib * 1024 * 1024, stream)?;
        let version = Label::new(env!("CARGO_PKG_VERSION")).context("the program's version")?;
        let boot = clock.boot().context("the operating system gives no random bytes")?;
        let stamper = Stamper::new(config.site.clone(), boot, version.clone()).context("the agent's own source")?;
        let settings = Settings {
            window_events: u64::from(config.sending.window_batches) * delivery::MAX_BATCH_EVENTS as u64,
            resend_after_ms: u64::from(config.sending.resend_after_seconds) * 1000,
            resend_at_most_ms: u64::from(config.sending.resend_at_most_seconds) * 1000,
        };
        let collectors: Vec<String> = config.collectors.required.iter().map(ToString::to_string).collect();
        let mut agent = Self {
            sender: Box::new(Sender::new(settings, collectors.len(), 0)),
            outbox,
            stamper,
            clock,
            version,
            collectors,
            keep_ms: u64::from(config.outbox.keep_acknowledged_days) * 86_400_000,
            acknowledged: HashMap::new(),
            stream,
            refused: 0,
        };
        agent.tell_sender();
        Ok(agent)
    }

    /// The stream of this process.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// The agent's clock.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// Commits observations in order. On return they are on the disk; on an error none of them is.
    pub fn record(&mut self, observed: &[Observed], progress: Option<Progress>) -> Result<(), OutboxError> {
        let capture = self.clock.capture();
        let mut events: Vec<EventBytes> = Vec::with_capacity(observed.len() + 2);
        let mut stamp = |stamped: Result<edge_agent::Stamped, edge_agent::StampError>| {
            stamped.map(|s| events.push(s.bytes)).map_err(|_| OutboxError::NotAnEvent)
        };
        if self.outbox.is_stream_fresh() {
            stamp(self.stamper.start(self.outbox.newest(), capture))?;
        }
        let loss = self.outbox.open_loss();
        if let Some(loss) = loss {
            // Only signs of life are ever lost, and they have no name among the kinds: other feeds wait for room.
            let kinds = Default::default();
            let lost = EventsLost { count: loss.count, from: loss.from, to: loss.to, kinds, exact: loss.exact };
            stamp(self.stamper.own(Observation::EventsLost(lost), capture))?;
        }
        for one in observed {
            stamp(self.stamper.stamp(one.clone(), capture))?;
        }
        match self.append(&events, progress, loss.is_some()) {
            Ok(()) => {}
            // A disk can be smaller than the outbox may become.
            Err(error @ (OutboxError::Full { .. } | OutboxError::Storage(_))) => {
                if !self.make_room()? {
                    return Err(error);
                }
                self.append(&events, progress, loss.is_some())?;
            }
            Err(error @ (OutboxError::InUse(_) | OutboxError::NotAnEvent)) => return Err(error),
        }
        self.tell_sender();
        Ok(())
    }

    fn append(
        &mut self,
        events: &[EventBytes],
        progress: Option<Progress>,
        tells_loss: bool,
    ) -> Result<(), OutboxError> {
        let before = self.outbox.newest();
        match self.outbox.append(events, progress, tells_loss) {
            Ok(_) => Ok(()),
            Err(error @ OutboxError::Storage(_)) => {
                self.recover()?;
                // An error was told, but the transaction may have reached the disk.
                if self.outbox.newest() == before { Err(error) } else { Ok(()) }
            }
            Err(error) => Err(error),
        }
    }

    /// Commits an observation that cannot wait; if it cannot be kept, it is counted as lost.
    pub fn record_or_count(&mut self, observed: &Observed) {
        if let Err(error) = self.record(std::slice::from_ref(observed), None) {
            tracing::error!(%error, source = %observed.source, "an observation is lost and counted");
            self.outbox.count_loss(observed.at);
        }
    }

    /// How many items of a file are recorded.
    pub fn recorded_of(&self, file: [u8; 32]) -> Result<u64, OutboxError> {
        self.outbox.recorded_of(file)
    }

    /// What the connection should do now.
    pub fn poll_next(&mut self) -> Next {
        self.sender.poll_next(self.clock.running_ms())
    }

    /// The bytes of a batch.
    pub fn batch(&self, span: Span) -> anyhow::Result<Vec<u8>> {
        let events = self.outbox.read(span.stream, span.first, span.n)?;
        anyhow::ensure!(events.len() as u64 == span.n, "the outbox lacks events {} and after", span.first);
        let mut buffer = vec![0; batch::MAX_BATCH_BYTES];
        let events = events.iter().map(Vec::as_slice);
        let written = batch::encode(span.stream, span.first, span.floor, events, &mut buffer)?.len();
        buffer.truncate(written);
        Ok(buffer)
    }

    /// A batch was handed to the connection.
    pub fn handle_sent(&mut self, span: Span) {
        self.sender.handle_sent(span, self.clock.running_ms());
    }

    /// The acknowledgement topics are subscribed.
    pub fn handle_subscribed(&mut self) {
        self.refused = 0;
        self.sender.handle_subscribed();
    }

    /// The connection is gone.
    pub fn handle_disconnected(&mut self) {
        self.sender.handle_disconnected();
    }

    /// The broker refused a publish.
    pub fn handle_refused(&mut self) {
        self.refused += 1;
    }

    /// An acknowledgement came from a collector.
    pub fn handle_ack(&mut self, collector: &str, ack: &Ack) {
        let index = self.collectors.iter().position(|id| id == collector).unwrap_or(usize::MAX);
        match self.sender.handle_ack(index, ack, self.clock.running_ms()) {
            AckOutcome::Counted { new_stream, .. } => {
                if !ack.conflicts.is_empty() {
                    tracing::error!(collector, stream = %ack.stream, conflicts = ack.conflicts.len(),
                        "the collector has other events under these numbers (is this machine's disk a copy?)");
                }
                if let Some(failed) = ack.failed {
                    tracing::warn!(collector, first = %failed.first, n = failed.n, "the collector could not store a batch");
                }
                if new_stream {
                    self.begin_stream();
                }
                self.note_acknowledged();
            }
            AckOutcome::Rewound => {
                tracing::warn!(collector, run = %ack.run, "the collector opened another database; everything held is sent again");
                self.note_acknowledged();
            }
            AckOutcome::Ignored(Ignored::Old) => tracing::debug!(collector, "an old acknowledgement"),
            AckOutcome::Ignored(why @ (Ignored::NotConnected | Ignored::Stranger | Ignored::UnknownStream)) => {
                tracing::debug!(collector, ?why, "an acknowledgement was ignored");
            }
        }
    }

    /// Whether every required collector has everything.
    pub fn is_all_acknowledged(&self) -> bool {
        self.sender.is_all_acknowledged() && self.outbox.open_loss().is_none()
    }

    /// Events that some required collector lacks.
    pub fn unacknowledged(&self) -> u64 {
        self.sender.unacknowledged()
    }

    /// Each required collector and how many events it lacks.
    pub fn lacking(&self) -> Vec<(String, u64)> {
        let of = |index: usize| {
            let lacks = |held: delivery::sender::Held| {
                let mark = self.sender.marks(held.stream).nth(index).unwrap_or(0);
                held.last.0.saturating_sub(mark.max(held.floor.0 - 1))
            };
            self.sender.streams().map(lacks).sum()
        };
        self.collectors.iter().enumerate().map(|(index, id)| (id.clone(), of(index))).collect()
    }

    /// Deletes what was acknowledged long enough ago, and more if half the space is used; forgets closed streams.
    pub fn tidy(&mut self) -> Result<(), OutboxError> {
        self.note_acknowledged();
        let now = self.clock.running_ms();
        // A checkpoint's newest events are younger than it by up to one step.
        let keep_ms = self.keep_ms + self.keep_ms / CHECKPOINTS;
        let old_enough = |(since, through): &(u64, u64)| (since + keep_ms < now).then_some(*through);
        let mut ends: Vec<(StreamId, u64)> = Vec::new();
        for held in self.outbox.streams() {
            let acknowledged = self.acknowledged.get(&held.stream).map(Vec::as_slice).unwrap_or_default();
            if let Some(end) = acknowledged.iter().filter_map(old_enough).max().filter(|&end| end >= held.floor.0) {
                ends.push((held.stream, end));
            }
        }
        if self.outbox.bytes() > self.outbox.max_bytes() / 2 {
            ends = self.ends(|sender, stream| sender.acknowledged_by_all(stream));
        }
        self.delete(&ends)?;
        let closed: Vec<StreamId> = self
            .outbox
            .streams()
            .filter(|h| h.floor > h.last && self.sender.acknowledged_by_all(h.stream) >= h.last.0)
            .map(|h| h.stream)
            .collect();
        for stream in closed {
            if self.outbox.forget(stream)? {
                self.sender.handle_forgotten(stream);
                self.acknowledged.remove(&stream);
            }
        }
        self.tell_sender();
        self.outbox.lay_ballast();
        Ok(())
    }

    /// What the agent says about itself.
    pub fn status(&self, online: bool) -> Status {
        Status {
            v: STATUS_VERSION,
            online,
            at: self.clock.now(),
            version: self.version.clone(),
            stream: (!self.outbox.is_stream_fresh()).then_some(self.stream),
            depth: self.sender.unacknowledged(),
            oldest: self.oldest_unacknowledged(),
            lost: self.outbox.lost(),
            refused: self.refused,
            clock: self.clock.quality(),
        }
    }

    /// Bytes held, and allowed.
    pub fn space(&self) -> (u64, u64) {
        (self.outbox.bytes(), self.outbox.max_bytes())
    }

    /// Streams in the outbox, oldest first.
    pub fn streams(&self) -> impl Iterator<Item = delivery::sender::Held> + '_ {
        self.outbox.streams()
    }

    fn oldest_unacknowledged(&self) -> Option<room_events::UtcMillis> {
        let lacking = |held: &delivery::sender::Held| self.sender.acknowledged_by_all(held.stream) < held.last.0;
        let held = self.sender.streams().find(lacking)?;
        let first = Seq(self.sender.acknowledged_by_all(held.stream) + 1).max(held.floor);
        let bytes = self.outbox.read(held.stream, first, 1).ok()?.pop()?;
        wire::decode(&bytes).ok().map(|event| event.captured)
    }

    fn begin_stream(&mut self) {
        match random_128() {
            Ok(bits) => {
                self.stream = StreamId(bits);
                self.outbox.begin_stream(self.stream);
            }
            Err(error) => tracing::error!(%error, "the operating system gives no random bytes for a new stream"),
        }
    }

    /// Offers the sender all streams, so that one that found no room comes in when another has gone.
    fn tell_sender(&mut self) {
        for held in self.outbox.streams() {
            if !self.sender.handle_held(held) {
                tracing::warn!("more than {MAX_STREAMS} streams wait; the newest are sent when older ones are through");
                break;
            }
        }
    }

    /// Remembers how far all collectors have acknowledged each stream, and since when.
    fn note_acknowledged(&mut self) {
        let now = self.clock.running_ms();
        for held in self.sender.streams() {
            let through = self.sender.acknowledged_by_all(held.stream);
            let known = self.acknowledged.entry(held.stream).or_default();
            // What is deleted needs no checkpoint, and a collector that opened another database has taken its word back.
            known.retain(|&(_, earlier)| (held.floor.0..=through).contains(&earlier));
            match known.last_mut() {
                Some((_, earlier)) if *earlier == through => {}
                Some((since, earlier)) if now - *since < self.keep_ms / CHECKPOINTS => *earlier = through,
                Some(_) | None => known.push((now, through)),
            }
        }
    }

    fn ends(&self, through: impl Fn(&Sender<MAX_STREAMS>, StreamId) -> u64) -> Vec<(StreamId, u64)> {
        let ends = self.outbox.streams().map(|held| (held, through(&self.sender, held.stream)));
        ends.filter(|(held, end)| *end >= held.floor.0).map(|(held, end)| (held.stream, end)).collect()
    }

    /// Deletes what all required collectors have; if that is nothing, what one of them has. False if it is nothing, too.
    fn make_room(&mut self) -> Result<bool, OutboxError> {
        let mut ends = self.ends(|sender, stream| sender.acknowledged_by_all(stream));
        if ends.is_empty() {
            ends = self.ends(|sender, stream| sender.acknowledged_by_one(stream));
            if !ends.is_empty() {
                tracing::error!("the outbox is full: events go that not all required collectors have");
            }
        }
        self.delete(&ends)?;
        Ok(!ends.is_empty())
    }

    fn delete(&mut self, ends: &[(StreamId, u64)]) -> Result<(), OutboxError> {
        if ends.is_empty() {
            return Ok(());
        }
        match self.outbox.delete_through(ends) {
            // Even to delete takes space: that is what the ballast is kept for, and for nothing else.
            Err(OutboxError::Storage(_)) => {
                self.outbox.drop_ballast();
                self.recover()?;
                let deleted = self.outbox.delete_through(ends);
                self.outbox.lay_ballast();
                if let Err(error) = deleted {
                    self.recover()?;
                    return Err(error);
                }
            }
            done => done?,
        }
        self.tell_sender();
        Ok(())
    }

    /// After an error of the disk: opens the outbox anew.
    fn recover(&mut self) -> Result<(), OutboxError> {
        tracing::error!("the disk refused; opening the outbox anew");
        self.outbox.reopen()?;
        self.tell_sender();
        Ok(())
    }
}

/// An [`Agent`] that feeds and the connection share.
#[derive(Debug)]
pub struct Shared {
    agent: Mutex<Agent>,
    /// Told when there is something new to send.
    pub recorded: Notify,
    /// Told when an acknowledgement was counted.
    pub acknowledged: Notify,
}

impl Shared {
    /// Shares an agent.
    pub fn new(agent: Agent) -> Arc<Self> {
        Arc::new(Self { agent: Mutex::new(agent), recorded: Notify::new(), acknowledged: Notify::new() })
    }

    /// The agent, for one step. A panic of another holder leaves it usable: the outbox is changed by transactions, and
    /// the sender repeats what it is unsure of.
    pub fn agent(&self) -> MutexGuard<'_, Agent> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits observations of a source that can wait, however long the outbox is full or the disk refuses.
    pub async fn record(&self, observed: &[Observed], progress: Option<Progress>) -> Result<(), OutboxError> {
        let mut told = false;
        loop {
            let done = self.agent().record(observed, progress);
            let error = match done {
                Ok(()) => {
                    self.recorded.notify_one();
                    return Ok(());
                }
                Err(error @ (OutboxError::NotAnEvent | OutboxError::InUse(_))) => return Err(error),
                Err(error) => error,
            };
            if !told {
                tracing::warn!(%error, "the feed waits");
                told = true;
            }
            tokio::select! {
                () = self.acknowledged.notified() => {}
                () = tokio::time::sleep(AFTER_DISK_ERROR) => {}
            }
        }
    }

    /// Returns when every required collector has everything that was recorded so far.
    pub async fn all_acknowledged(&self) {
        loop {
            let told = self.acknowledged.notified();
            if self.agent().is_all_acknowledged() {
                return;
            }
            told.await;
        }
    }
}
