//! An agent: an outbox that can be copied, and a process that can be killed.

use std::collections::BTreeMap;
use std::rc::Rc;

use delivery::batch::{self, MAX_BATCH_BYTES};
use delivery::keep::{is_emptied, surplus_records};
use delivery::sender::Held;
use delivery::{Ack, AckOutcome, Kept, Next, OpenLoss, Room, RunId, Sender, Settings, Space};
use room_events::observation::{Level, SignalLevel};
use room_events::{Alive, Observation, Seq, SourceId, StreamId, UtcMillis};

use crate::broker::Wire;
use crate::dice::Dice;
use crate::ledger::{Ledger, Nature, Told, bytes_of};

/// Streams that a sender looks after, few enough to be too few now and then.
const STREAMS: usize = 12;

/// Emptied streams whose records are kept.
const MOST_RECORDS: usize = 4;

/// More batches than any window and number of streams let through within a second.
const MOST_SENT: u32 = 10_000;

/// How long acknowledged events stay, in seconds.
pub const KEEP: u64 = 120;

#[derive(Debug, Clone, Copy)]
pub struct Item {
    pub event: u64,
    is_signal: bool,
}

#[derive(Debug, Clone)]
pub struct Stream {
    pub id: StreamId,
    floor: u64,
    /// From the floor on.
    pub items: Vec<Item>,
}

impl Stream {
    pub fn held(&self) -> Held {
        Held { stream: self.id, floor: Seq(self.floor), last: Seq(self.floor + self.items.len() as u64 - 1) }
    }
}

/// What outlives the process.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub streams: Vec<Stream>,
    pub open_loss: Option<OpenLoss>,
    /// The observations that the open loss counts.
    pub open_refused: Vec<u64>,
}

impl Disk {
    pub fn holds(&self, event: u64) -> bool {
        self.streams.iter().any(|s| s.items.iter().any(|item| item.event == event))
    }
}

/// Why an event left an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// All required collectors had acknowledged it, long ago or for need of space.
    Acknowledged,
    /// One required collector had, and there was no other room.
    Forced,
}

#[derive(Clone)]
pub struct Agent {
    pub disk: Disk,
    /// Copies of the disk.
    pub copies: Vec<Disk>,
    pub sender: Sender<STREAMS>,
    kept: Kept<STREAMS>,
    /// The stream of this process, once it has committed something.
    current: Option<StreamId>,
    limit: u64,
    /// The open loss as the process knows it, written or not.
    open_loss: Option<OpenLoss>,
    open_refused: Vec<u64>,
    loss_is_old: bool,
    pub down_until: u64,
    /// No write succeeds.
    pub broken_until: u64,
    /// The next commit tells an error; whether it survives is for the dice.
    pub has_io_error: bool,
    /// By collector: the runs that this process has heard of.
    pub heard: Vec<Vec<RunId>>,
    /// By collector and run: the highest counter that this process has counted.
    counted: BTreeMap<(usize, RunId), u64>,
    /// Events that left the outbox since the oracle looked.
    pub evicted: Vec<(u64, Why)>,
}

fn settings() -> Settings {
    Settings { window_events: 256, resend_after_ms: 4_000, resend_at_most_ms: 60_000 }
}

fn observation(is_signal: bool) -> Observation {
    if is_signal {
        return Observation::SignalLevel(SignalLevel { signal: SourceId::new("door").unwrap(), level: Level::Active });
    }
    Observation::Alive(Alive {})
}

impl Agent {
    /// The disk of an agent that has served other collectors for years.
    pub fn old_disk(ledger: &mut Ledger, dice: &mut Dice) -> Disk {
        let floor = 1 + dice.below(5_000_000);
        let mut stream = Stream { id: StreamId(dice.bits()), floor, items: Vec::new() };
        for n in 0..dice.below(100) {
            let event = ledger.draw(Nature::Plain);
            stream.items.push(Item { event, is_signal: false });
            ledger.accept(event, (stream.id, floor + n));
        }
        Disk { streams: vec![stream], ..Disk::default() }
    }

    /// A process that opens what is on the disk.
    pub fn open(disk: Disk, copies: Vec<Disk>, limit: u64, required: usize, also: usize) -> Self {
        let open_loss = disk.open_loss.clone().map(OpenLoss::after_restart);
        let mut agent = Self {
            open_refused: disk.open_refused.clone(),
            loss_is_old: open_loss.is_some(),
            open_loss,
            disk,
            copies,
            sender: Sender::new(settings(), required, also),
            kept: Kept::new(KEEP * 1000),
            current: None,
            limit,
            down_until: 0,
            broken_until: 0,
            has_io_error: false,
            heard: vec![Vec::new(); required + also],
            counted: BTreeMap::new(),
            evicted: Vec::new(),
        };
        agent.tell_sender();
        agent.sender.handle_subscribed();
        agent
    }

    fn tell_sender(&mut self) {
        for stream in &self.disk.streams {
            if !self.sender.handle_held(stream.held()) {
                break;
            }
        }
    }

    fn space(&self) -> Space {
        let items = || self.disk.streams.iter().flat_map(|s| &s.items);
        let signals = items().filter(|item| item.is_signal).count() as u64;
        Space { limit: self.limit, held: items().count() as u64, signals }
    }

    /// Commits an observation, or counts it as lost.
    pub fn observe(&mut self, nature: Nature, is_signal: bool, now: u64, ledger: &mut Ledger, dice: &mut Dice) {
        let event = ledger.draw(nature);
        let extra = u64::from(self.current.is_none()) + u64::from(self.open_loss.is_some());
        let need = 1 + extra;
        let mut room = self.space().room_for(need, u64::from(is_signal));
        if let Room::Short(short) = room {
            self.make_room(short, now);
            room = self.space().room_for(need, u64::from(is_signal));
        }
        let has_error = std::mem::take(&mut self.has_io_error) && dice.one_in(2) || self.broken_until > now;
        if room != Room::Enough || has_error {
            self.refuse(event, is_signal, now, ledger);
            return;
        }
        let mut items = Vec::new();
        let stream = *self.current.get_or_insert_with(|| {
            let id = StreamId(dice.bits());
            items.push(Item { event: ledger.draw(Nature::Plain), is_signal: false });
            self.disk.streams.push(Stream { id, floor: 1, items: Vec::new() });
            id
        });
        if let Some(loss) = self.open_loss.take() {
            let told = loss.told();
            let event = ledger.draw(Nature::Plain);
            let refused = std::mem::take(&mut self.open_refused);
            ledger.told.insert(
                event,
                Told { refused, count: told.count, exact: told.exact, is_old: std::mem::take(&mut self.loss_is_old) },
            );
            items.push(Item { event, is_signal: false });
            (self.disk.open_loss, self.disk.open_refused) = (None, Vec::new());
        }
        items.push(Item { event, is_signal });
        let stream = self.disk.streams.iter_mut().find(|s| s.id == stream).unwrap();
        for item in items {
            stream.items.push(item);
            ledger.accept(item.event, (stream.id, stream.held().last.0));
        }
        self.tell_sender();
    }

    fn refuse(&mut self, event: u64, is_signal: bool, now: u64, ledger: &mut Ledger) {
        ledger.refused.insert(event);
        let one = OpenLoss::of(&observation(is_signal), UtcMillis::saturating(now as i64 * 1000));
        self.add_loss(&one, now, ledger);
        self.open_refused.push(event);
        if self.broken_until <= now {
            self.disk.open_refused = self.open_refused.clone();
        }
    }

    fn add_loss(&mut self, loss: &OpenLoss, now: u64, ledger: &mut Ledger) {
        self.open_loss = Some(self.open_loss.take().map_or_else(|| loss.clone(), |open| open.and(loss)));
        if self.broken_until > now {
            ledger.counted_in_memory = true;
        } else {
            self.disk.open_loss = self.open_loss.clone();
        }
    }

    pub fn send(&mut self, me: usize, now: u64, trouble: u64, to: &mut [&mut Wire], dice: &mut Dice) {
        let mut sent = 0;
        while let Next::Send(span) = self.sender.poll_next(now * 1000) {
            self.sender.handle_sent(span, now * 1000);
            sent += 1;
            assert!(sent < MOST_SENT, "{span:?} is sent again and again within a second");
            let stream = self.disk.streams.iter().find(|s| s.id == span.stream).unwrap();
            let skipped = (span.first.0 - stream.floor) as usize;
            let events: Vec<Vec<u8>> =
                stream.items.iter().skip(skipped).take(span.n as usize).map(|item| bytes_of(item.event)).collect();
            assert_eq!(events.len() as u64, span.n, "a batch of events that are not held");
            let mut buffer = vec![0; MAX_BATCH_BYTES];
            let events = events.iter().map(Vec::as_slice);
            let message = batch::encode(span.stream, span.first, span.floor, events, &mut buffer).unwrap();
            let message: Rc<[u8]> = Rc::from(message);
            for wire in &mut *to {
                wire.put(me, &message, now, trouble, dice);
            }
        }
    }

    pub fn handle_ack(&mut self, collector: usize, ack: &Ack, now: u64) {
        match self.sender.handle_ack(collector, ack, now * 1000) {
            AckOutcome::Counted { new_stream, .. } => {
                let before = self.counted.insert((collector, ack.run), ack.counter);
                assert!(
                    before.is_none_or(|before| before < ack.counter),
                    "an old acknowledgement of {collector} is counted"
                );
                self.heard[collector].push(ack.run);
                if new_stream && self.current == Some(ack.stream) {
                    self.current = None;
                }
            }
            AckOutcome::Rewound => self.heard[collector].push(ack.run),
            AckOutcome::Ignored(_) => {}
        }
        self.note_acknowledged(now);
    }

    fn note_acknowledged(&mut self, now: u64) {
        for held in self.sender.streams() {
            self.kept.handle_acknowledged(held, self.sender.acknowledged_by_all(held.stream), now * 1000);
        }
    }

    /// Deletes what was acknowledged long ago, and more if half of the space or of the streams is used.
    pub fn tidy(&mut self, now: u64, ledger: &mut Ledger) {
        self.note_acknowledged(now);
        if self.broken_until > now {
            return;
        }
        let above_half = self.space().above_half();
        self.evict(above_half, Why::Acknowledged);
        let ids: Vec<StreamId> = self.disk.streams.iter().map(|s| s.id).collect();
        for (index, &id) in ids.iter().enumerate() {
            let aged = self.kept.aged(id, now * 1000);
            self.evict_through(id, aged, u64::MAX, Why::Acknowledged);
            if ids.len() - index > STREAMS / 2 {
                self.evict_through(id, self.sender.acknowledged_by_all(id), u64::MAX, Why::Acknowledged);
            }
        }
        self.forget_records(now, ledger);
        self.tell_sender();
    }

    /// Records of emptied streams go when every required collector has accounted for them, long enough ago for one that
    /// is restored from a backup; the oldest of too many go before, and are counted.
    fn forget_records(&mut self, now: u64, ledger: &mut Ledger) {
        let newest = self.disk.streams.last().map(|s| s.id);
        let emptied: Vec<Held> = self.disk.streams.iter().map(Stream::held).filter(is_emptied).collect();
        let emptied = emptied.into_iter().filter(|held| Some(held.stream) != newest);
        let (told, untold): (Vec<Held>, Vec<Held>) =
            emptied.partition(|held| self.sender.acknowledged_by_all(held.stream) >= held.last.0);
        let surplus = surplus_records(told.len() + untold.len(), MOST_RECORDS);
        let mut gone: Vec<StreamId> = Vec::new();
        for (index, held) in told.iter().enumerate() {
            if index < surplus || self.kept.aged(held.stream, now * 1000) >= held.last.0 {
                gone.push(held.stream);
            }
        }
        for held in untold.iter().take(surplus.saturating_sub(told.len())) {
            let count = held.last.0 - self.sender.acknowledged_by_all(held.stream);
            let loss = OpenLoss::of_record(count, UtcMillis::saturating(now as i64 * 1000));
            self.add_loss(&loss, now, ledger);
            ledger.merged.insert(held.stream);
            gone.push(held.stream);
        }
        for stream in gone {
            self.sender.handle_forgotten(stream);
            self.kept.handle_forgotten(stream);
            self.disk.streams.retain(|s| s.id != stream);
        }
    }

    fn make_room(&mut self, short: u64, now: u64) {
        if self.broken_until > now {
            return;
        }
        let freed = self.evict(short, Why::Acknowledged);
        self.evict(short.saturating_sub(freed), Why::Forced);
        self.tell_sender();
    }

    /// Deletes so many events, the oldest first.
    fn evict(&mut self, wanted: u64, why: Why) -> u64 {
        let mut freed = 0;
        let ids: Vec<StreamId> = self.disk.streams.iter().map(|s| s.id).collect();
        for id in ids {
            let through = match why {
                Why::Acknowledged => self.sender.acknowledged_by_all(id),
                Why::Forced => self.sender.acknowledged_by_one(id),
            };
            freed += self.evict_through(id, through, wanted - freed, why);
        }
        freed
    }

    fn evict_through(&mut self, id: StreamId, through: u64, at_most: u64, why: Why) -> u64 {
        let stream = self.disk.streams.iter_mut().find(|s| s.id == id).unwrap();
        let n = (through + 1).saturating_sub(stream.floor).min(at_most).min(stream.items.len() as u64);
        self.evicted.extend(stream.items.drain(..n as usize).map(|item| (item.event, why)));
        stream.floor += n;
        n
    }
}
