//! [`Agent`]: stamps what feeds observe, commits it to the outbox, and knows what is to be sent and may be deleted.
//!
//! Feeds, the connection and the command line share one through [`Shared`]; each takes the lock for one step. Nothing
//! here talks to a network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use delivery::keep::{is_emptied, surplus_records};
use delivery::sender::{Held, Ignored, Span};
use delivery::status::STATUS_VERSION;
use delivery::{Ack, AckOutcome, Kept, Next, OpenLoss, Sender, Settings, Space, Status, batch};
use edge_agent::{EventBytes, Observed, Stamper};
use room_events::observation::PreviousStream;
use room_events::{Label, Observation, RoomId, Seq, StreamId, wire};
use tokio::sync::Notify;

use crate::clock::{Clock, random_128};
use crate::config::Config;
use crate::outbox::{Outbox, OutboxError, Progress};
use crate::status_file::StatusFile;

/// Streams that the sender looks after at once. A process that records something makes one, so only a machine that
/// restarts all the time has many; the oldest go first.
const MAX_STREAMS: usize = 128;

/// Records of emptied streams that wait for a required collector which is away.
const MAX_RECORDS: usize = 32;

/// On a disk that is full before the outbox is, half of what is held goes as far as it is acknowledged, and this much at
/// least: freed pages must hold what comes next and the copies that a transaction makes.
const LEAST_ROOM_BYTES: u64 = 512 * 1024;

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
    // The required ones first.
    collectors: Vec<String>,
    required: usize,
    kept: Box<Kept<MAX_STREAMS>>,
    stream: StreamId,
    // Since the broker last accepted one of the kind.
    refused_events: u64,
    refused_statuses: u64,
    not_connected: Option<String>,
}

impl Agent {
    /// Opens the outbox and takes in what it holds.
    pub fn open(config: &Config, clock: Arc<Clock>) -> anyhow::Result<Self> {
        let stream = StreamId(random_128().context("the operating system gives no random bytes")?);
        let folder = &config.data_dir;
        std::fs::create_dir_all(folder).with_context(|| format!("data-dir {} cannot be made", folder.display()))?;
        let mut outbox = Outbox::open(folder, config.outbox.max_mib * 1024 * 1024, stream)?;
        if outbox.has_vanished() {
            // The last that was known of it; it may have taken more since.
            let depth = StatusFile::read(folder).map_or(0, |status| status.depth);
            outbox.count_vanished(depth.max(1), clock.now());
        }
        let version = Label::new(env!("CARGO_PKG_VERSION")).context("the program's version")?;
        let boot = clock.boot().context("the operating system gives no random bytes")?;
        let stamper = Stamper::new(config.site.clone(), boot, version.clone()).context("the agent's own source")?;
        let settings = Settings {
            window_events: u64::from(config.sending.window_batches) * delivery::MAX_BATCH_EVENTS as u64,
            resend_after_ms: u64::from(config.sending.resend_after_seconds) * 1000,
            resend_at_most_ms: u64::from(config.sending.resend_at_most_seconds) * 1000,
        };
        let collectors: Vec<String> = config.collectors.all().map(ToString::to_string).collect();
        let required = config.collectors.required.len();
        let mut agent = Self {
            sender: Box::new(Sender::new(settings, required, collectors.len() - required)),
            outbox,
            stamper,
            clock,
            version,
            collectors,
            required,
            kept: Box::new(Kept::new(u64::from(config.outbox.keep_acknowledged_days) * 86_400_000)),
            stream,
            refused_events: 0,
            refused_statuses: 0,
            not_connected: Some("connecting".to_owned()),
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
    pub fn record(&mut self, observed: &[Observed], progress: Option<Progress<'_>>) -> Result<(), OutboxError> {
        let capture = self.clock.capture();
        let mut events: Vec<EventBytes> = Vec::with_capacity(observed.len() + 2);
        let mut stamp = |stamped: Result<edge_agent::Stamped, edge_agent::StampError>| {
            stamped.map(|s| events.push(s.bytes)).map_err(|_| OutboxError::NotAnEvent)
        };
        let begins = self.outbox.is_stream_fresh();
        if begins {
            stamp(self.stamper.start(self.outbox.newest(), capture))?;
        }
        let told = self.outbox.open_loss().map(OpenLoss::told);
        let closes_loss = told.is_some();
        if let Some(lost) = told {
            stamp(self.stamper.own(Observation::EventsLost(lost), capture))?;
        }
        for one in observed {
            stamp(self.stamper.stamp(one.clone(), capture))?;
        }
        loop {
            let error = match self.append(&events, progress, closes_loss) {
                Ok(()) => break,
                // The stream has been given up: the next one begins by saying so.
                Err(OutboxError::Storage(_)) if !begins && self.outbox.is_stream_fresh() => {
                    return self.record(observed, progress);
                }
                Err(error) => error,
            };
            let wanted = match &error {
                OutboxError::Full { short, .. } => *short,
                // A disk can be smaller than the outbox may become.
                OutboxError::Storage(_) => (self.outbox.space().held / 2).max(LEAST_ROOM_BYTES),
                OutboxError::InUse(_) | OutboxError::NotAnEvent | OutboxError::SignalsFull { .. } => return Err(error),
            };
            // What is deleted comes to an end, and so does this.
            if self.make_room(wanted)? > 0 {
                continue;
            }
            // Where nothing held is still needed, the ballast has nothing to be kept for.
            let disk_refused = matches!(error, OutboxError::Storage(_));
            if !(disk_refused && self.sender.is_all_acknowledged() && self.outbox.drop_ballast()) {
                return Err(error);
            }
        }
        self.tell_sender();
        Ok(())
    }

    fn append(
        &mut self,
        events: &[EventBytes],
        progress: Option<Progress<'_>>,
        tells_loss: bool,
    ) -> Result<(), OutboxError> {
        let stream = self.stream;
        let before = self.outbox.newest().filter(|newest| newest.stream == stream).map_or(0, |newest| newest.last.0);
        match self.outbox.append(events, progress, tells_loss) {
            Ok(_) => Ok(()),
            Err(error @ OutboxError::Storage(_)) => {
                self.recover()?;
                // An error was told, but the transaction may have reached the disk.
                let there = PreviousStream { stream, last: Seq(before + events.len() as u64) };
                if self.outbox.newest() == Some(there) { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// Commits an observation that cannot wait; if it cannot be kept, it is counted as lost.
    pub fn record_or_count(&mut self, observed: &Observed) {
        let _ = self.record_all_or_count(std::slice::from_ref(observed), None);
    }

    /// Commits observations that cannot wait, all or none; those that cannot be kept are counted as lost. Whether they are on
    /// the disk.
    pub fn record_all_or_count(&mut self, observed: &[Observed], progress: Option<Progress<'_>>) -> bool {
        let Err(error) = self.record(observed, progress) else { return true };
        for one in observed {
            tracing::error!(%error, source = %one.source, "an observation is lost and counted");
            self.outbox.count_loss(&one.obs, one.at);
        }
        false
    }

    /// The state of a room's case tracker, as it was last recorded.
    pub fn cases_of(&self, room: &RoomId) -> Result<Option<Vec<u8>>, OutboxError> {
        self.outbox.cases_of(room.as_str())
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
        self.refused_events = 0;
        self.refused_statuses = 0;
        self.not_connected = None;
        self.sender.handle_subscribed();
    }

    /// The connection is gone, or could not be made: why, with the remedy.
    pub fn handle_disconnected(&mut self, why: &str) {
        self.not_connected = Some(why.to_owned());
        self.sender.handle_disconnected();
    }

    /// Why there is no connection to the broker; `None` while there is one.
    pub fn not_connected(&self) -> Option<&str> {
        self.not_connected.as_deref()
    }

    /// The broker answered a publish. Once it accepts what it had refused, the access rule is mended: there is nothing
    /// left to tell. Says whether this is the first refusal of the kind.
    pub fn handle_settled(&mut self, what: Published, is_refused: bool) -> bool {
        let refused = match what {
            Published::Events => &mut self.refused_events,
            Published::Status => &mut self.refused_statuses,
        };
        *refused = if is_refused { *refused + 1 } else { 0 };
        *refused == 1
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
                if new_stream && ack.stream == self.stream {
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

    /// Each collector, whether it is a required one, and how many of the events held it lacks.
    pub fn lacking(&self) -> Vec<(String, bool, u64)> {
        let of = |index: usize| {
            let lacks = |held: delivery::sender::Held| {
                let mark = self.sender.marks(held.stream).nth(index).unwrap_or(0);
                held.last.0.saturating_sub(mark.max(held.floor.0 - 1))
            };
            self.sender.streams().map(lacks).sum()
        };
        self.collectors.iter().enumerate().map(|(index, id)| (id.clone(), index < self.required, of(index))).collect()
    }

    /// Deletes what was acknowledged long enough ago, and more if half of the space or of the streams is used; forgets
    /// closed streams.
    pub fn tidy(&mut self) -> Result<(), OutboxError> {
        self.note_acknowledged();
        let now = self.clock.running_ms();
        let above_half = self.outbox.space().above_half();
        if above_half > 0 {
            self.delete(&self.ends(|sender, stream| sender.acknowledged_by_all(stream)), above_half)?;
        }
        let surplus = self.outbox.streams().count().saturating_sub(MAX_STREAMS / 2);
        let mut ends = self.ends(|_, stream| self.kept.aged(stream, now));
        for held in self.outbox.streams().take(surplus) {
            ends.push((held.stream, self.sender.acknowledged_by_all(held.stream)));
        }
        self.delete(&ends, u64::MAX)?;
        self.forget_records(now)?;
        self.tell_sender();
        self.outbox.lay_ballast();
        Ok(())
    }

    /// The record of an emptied stream goes when every required collector has accounted for it, as long ago as for an
    /// event. Of too many the oldest go before: those accounted for, then the others, which become a counted loss.
    fn forget_records(&mut self, now: u64) -> Result<(), OutboxError> {
        let newest = self.outbox.newest().map(|newest| newest.stream);
        let emptied = self.outbox.streams().filter(|held| is_emptied(held) && Some(held.stream) != newest);
        let (told, untold): (Vec<Held>, Vec<Held>) =
            emptied.partition(|held| self.sender.acknowledged_by_all(held.stream) >= held.last.0);
        let surplus = surplus_records(told.len() + untold.len(), MAX_RECORDS);
        for (index, held) in told.iter().enumerate() {
            if (index < surplus || self.kept.aged(held.stream, now) >= held.last.0)
                && self.outbox.forget(held.stream)?
            {
                self.handle_forgotten(held.stream);
            }
        }
        for held in untold.iter().take(surplus.saturating_sub(told.len())) {
            let count = held.last.0 - self.sender.acknowledged_by_all(held.stream);
            tracing::error!(stream = %held.stream, count, "too many ended streams wait for a required collector; the oldest \
                is counted as lost (is a collector gone for good? then take it out of collectors.required)");
            self.outbox.forget_counted(held.stream, &OpenLoss::of_record(count, self.clock.now()))?;
            self.handle_forgotten(held.stream);
        }
        Ok(())
    }

    fn handle_forgotten(&mut self, stream: StreamId) {
        self.sender.handle_forgotten(stream);
        self.kept.handle_forgotten(stream);
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
            refused: self.refused_events + self.refused_statuses,
            clock: self.clock.quality(),
        }
    }

    /// Bytes held, and allowed.
    pub fn space(&self) -> Space {
        self.outbox.space()
    }

    /// Losses that no event has told yet.
    pub fn open_loss(&self) -> Option<&OpenLoss> {
        self.outbox.open_loss()
    }

    /// How far each collector has acknowledged a stream to this process, the required ones first.
    pub fn marks(&self, stream: StreamId) -> Vec<u64> {
        self.sender.marks(stream).collect()
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

    /// Remembers how far all required collectors have acknowledged each stream, and since when.
    fn note_acknowledged(&mut self) {
        let now = self.clock.running_ms();
        for held in self.sender.streams() {
            self.kept.handle_acknowledged(held, self.sender.acknowledged_by_all(held.stream), now);
        }
    }

    fn ends(&self, through: impl Fn(&Sender<MAX_STREAMS>, StreamId) -> u64) -> Vec<(StreamId, u64)> {
        let ends = self.outbox.streams().map(|held| (held, through(&self.sender, held.stream)));
        ends.filter(|(held, end)| *end >= held.floor.0).map(|(held, end)| (held.stream, end)).collect()
    }

    /// Frees so many bytes: of what all required collectors have; if that is not enough, of what one of them has. How
    /// many it were.
    fn make_room(&mut self, short: u64) -> Result<u64, OutboxError> {
        let mut freed = self.delete(&self.ends(|sender, stream| sender.acknowledged_by_all(stream)), short)?;
        let ends = self.ends(|sender, stream| sender.acknowledged_by_one(stream));
        if freed < short && !ends.is_empty() {
            tracing::error!("the outbox is full: events go that not all required collectors have");
            freed += self.delete(&ends, short - freed)?;
        }
        Ok(freed)
    }

    fn delete(&mut self, ends: &[(StreamId, u64)], wanted: u64) -> Result<u64, OutboxError> {
        if ends.is_empty() {
            return Ok(0);
        }
        let freed = match self.outbox.delete_through(ends, wanted) {
            // Even to delete takes space: that is what the ballast is kept for.
            Err(OutboxError::Storage(_)) => {
                self.outbox.drop_ballast();
                self.recover()?;
                let deleted = self.outbox.delete_through(ends, wanted);
                self.outbox.lay_ballast();
                match deleted {
                    Ok(freed) => freed,
                    Err(error) => {
                        self.recover()?;
                        return Err(error);
                    }
                }
            }
            done => done?,
        };
        self.tell_sender();
        Ok(freed)
    }

    /// After an error of the disk: opens the outbox anew.
    fn recover(&mut self) -> Result<(), OutboxError> {
        tracing::error!("the disk refused; opening the outbox anew");
        let before = self.outbox.newest();
        self.outbox.reopen()?;
        let Some(before) = before else { return Ok(()) };
        let last = self.outbox.streams().find(|held| held.stream == before.stream).map_or(0, |held| held.last.0);
        if last < before.last.0 {
            // Another file, or an older copy of it. The numbers that it lacks may be stored already: none is used again.
            tracing::error!(
                lacks = before.last.0 - last,
                "the outbox has lost events that were in it; a new stream begins"
            );
            self.begin_stream();
            self.outbox.count_vanished(before.last.0 - last, self.clock.now());
        }
        self.tell_sender();
        Ok(())
    }
}

/// What the agent publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// A batch.
    Events,
    /// What it says of itself.
    Status,
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
    pub async fn record(&self, observed: &[Observed], progress: Option<Progress<'_>>) -> Result<(), OutboxError> {
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

#[cfg(test)]
#[path = "agent_tests.rs"]
mod tests;
