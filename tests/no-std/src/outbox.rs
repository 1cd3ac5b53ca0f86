//! An outbox in memory, of a fixed number of events, and the two halves of delivery on either side of a network that may be
//! away.

use delivery::ack::{self, MAX_ACK_BYTES};
use delivery::sender::Held;
use delivery::{Answered, Mark, Next, OpenLoss, Receiver, RunId, Sender, Settings, batch};
use edge_agent::{Capture, EventBytes, Observed, Stamper};
use heapless::Deque;
use room_events::{Observation, Seq, StreamId, UtcMillis, wire};

/// The most events held. What comes when so many wait for the collector is refused and counted; those acknowledged go first.
pub const HELD: usize = 64;

const STREAM: StreamId = StreamId(0x5eed);

/// The agent's side.
pub struct Outbox {
    events: Deque<EventBytes, HELD>,
    floor: u64,
    loss: Option<OpenLoss>,
    stamper: Stamper,
    sender: Sender<1>,
}

impl Outbox {
    /// An empty one for one collector.
    pub fn new(stamper: Stamper) -> Self {
        let sender = Sender::new(Settings::default(), 1, 0);
        Self { events: Deque::new(), floor: 1, loss: None, stamper, sender }
    }

    fn last(&self) -> u64 {
        self.floor + self.events.len() as u64 - 1
    }

    /// Keeps an observation, with what must come before it; or counts it as lost, and says so by `false`.
    pub fn record(&mut self, observed: &Observed, capture: Capture) -> bool {
        self.try_record(observed, capture).unwrap_or_else(|| {
            let one = OpenLoss::of(&observed.obs, observed.at);
            self.loss = Some(self.loss.take().map_or_else(|| one.clone(), |loss| loss.and(&one)));
            false
        })
    }

    fn try_record(&mut self, observed: &Observed, capture: Capture) -> Option<bool> {
        let begins = self.last() == 0;
        let wanted = 1 + usize::from(begins) + usize::from(self.loss.is_some());
        self.make_room(wanted);
        if HELD - self.events.len() < wanted {
            return None;
        }
        if begins {
            let started = self.stamper.start(None, capture).ok()?;
            self.events.push_back(started.bytes).ok()?;
        }
        if let Some(loss) = self.loss.take() {
            let told = self.stamper.own(Observation::EventsLost(loss.told()), capture).ok()?;
            self.events.push_back(told.bytes).ok()?;
        }
        let stamped = self.stamper.stamp(observed.clone(), capture).ok()?;
        self.events.push_back(stamped.bytes).ok()?;
        self.tell_sender()
    }

    fn tell_sender(&mut self) -> Option<bool> {
        let held = Held { stream: STREAM, floor: Seq(self.floor), last: Seq(self.last()) };
        self.sender.handle_held(held).then_some(true)
    }

    /// What the collector has goes when there is need of room.
    fn make_room(&mut self, wanted: usize) {
        while HELD - self.events.len() < wanted && self.floor <= self.sender.acknowledged_by_all(STREAM) {
            self.events.pop_front();
            self.floor += 1;
        }
        if self.last() > 0 {
            let _ = self.tell_sender();
        }
    }

    /// The network is there again, or gone.
    pub fn set_network(&mut self, is_there: bool) {
        if is_there { self.sender.handle_subscribed() } else { self.sender.handle_disconnected() }
    }

    /// Sends all that is to be sent; `false` if something could not be written or read.
    pub fn deliver(&mut self, collector: &mut Collector, now: u64) -> bool {
        while let Next::Send(span) = self.sender.poll_next(now) {
            let from = usize::try_from(span.first.0 - self.floor).unwrap_or(HELD);
            let n = usize::try_from(span.n).unwrap_or(0);
            let events = self.events.iter().skip(from).take(n).map(|bytes| bytes.as_slice());
            let mut buffer = [0; batch::MAX_BATCH_BYTES];
            let Ok(sent) = batch::encode(span.stream, span.first, span.floor, events, &mut buffer) else {
                return false;
            };
            self.sender.handle_sent(span, now);
            let mut answer = [0; MAX_ACK_BYTES];
            let answered = collector.take(sent, &mut answer).and_then(|bytes| ack::decode(bytes).ok());
            let Some(answered) = answered else { return false };
            let _ = self.sender.handle_ack(0, &answered, now);
        }
        true
    }

    /// Whether the collector has all of it.
    pub fn is_delivered(&self) -> bool {
        self.sender.is_all_acknowledged() && self.loss.is_none()
    }

    /// How many events were numbered.
    pub fn numbered(&self) -> u64 {
        self.last()
    }
}

/// What the collector's side got, each event counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Got {
    /// Events.
    pub events: u64,
    /// Milestones among them.
    pub milestones: u64,
    /// Of these, out of their order.
    pub out_of_order: u64,
    /// Corrections.
    pub corrections: u64,
    /// Signal levels.
    pub levels: u64,
    /// Observations of which it was told that they were lost.
    pub lost: u64,
}

/// The collector's side.
pub struct Collector {
    mark: Mark,
    receiver: Receiver,
    /// What it got.
    pub got: Got,
}

impl Collector {
    /// With an empty database.
    pub fn new() -> Self {
        Self { mark: Mark::default(), receiver: Receiver::opened(RunId(0xc0)), got: Got::default() }
    }

    fn take<'b>(&mut self, bytes: &[u8], answer: &'b mut [u8]) -> Option<&'b [u8]> {
        let batch = batch::decode(bytes).ok()?;
        let known = self.mark.clone();
        let taken = self.mark.take(&batch);
        if !taken.gone.is_empty() {
            return None;
        }
        for (seq, bytes) in batch.numbered().take(taken.store) {
            if !known.accounts_for(seq) {
                self.got.count(&wire::decode(bytes).ok()?.obs);
            }
        }
        let answered = Answered { stream: batch.stream, floor: batch.floor, missing: None };
        let ack = self.receiver.acknowledge(answered, &self.mark, [], None);
        ack::encode(&ack, answer).ok().map(|written| &*written)
    }
}

impl Got {
    fn count(&mut self, obs: &Observation) {
        self.events += 1;
        match obs {
            Observation::Milestone(reached) => {
                self.milestones += 1;
                self.out_of_order += u64::from(reached.out_of_order);
            }
            Observation::Correction(_) => self.corrections += 1,
            Observation::SignalLevel(_) => self.levels += 1,
            Observation::EventsLost(lost) => self.lost += lost.count,
            Observation::Cancellation(_)
            | Observation::Booking(_)
            | Observation::PerformedStep(_)
            | Observation::Acquisition(_)
            | Observation::ExamStage(_)
            | Observation::PlanRevision(_)
            | Observation::Remark(_)
            | Observation::Alive(_)
            | Observation::AgentStarted(_) => {}
        }
    }
}

/// When an observation was made and captured.
pub fn capture(at: UtcMillis, mono: u64) -> Capture {
    Capture { at, mono, clock: room_events::ClockQuality::Holdover }
}
