//! Whole deliveries under seeded faults: drops, doubles, reordering, broken connections, restarts of both halves, and a
//! collector restored from a backup. Afterwards the stored events are exactly the accepted ones.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails where it stands")]

use std::collections::{BTreeMap, BTreeSet};

use delivery::batch::{self, MAX_BATCH_BYTES};
use delivery::sender::Held;
use delivery::{Mark, Next, Receiver, RunId, Sender, Settings, ack};
use room_events::{Seq, StreamId};

/// Steps of a quarter of a second. Faults rage for the first part; then the network heals and everything must arrive.
const STEP_MS: u64 = 250;
const STORMY_STEPS: u64 = 2_000;
const CALM_STEPS: u64 = 12_000;
/// Acknowledged events are kept at least this long, and backups are younger.
const KEEP_STEPS: u64 = 1_200;
const BACKUP_EVERY: u64 = 500;

/// splitmix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.below(n) == 0
    }
}

/// Messages under way, each due at a step; drops, doubles and reorders what is put in.
#[derive(Default)]
struct Wire(Vec<(u64, Vec<u8>)>);

impl Wire {
    fn put(&mut self, message: &[u8], step: u64, dice: &mut Dice, drop_one_in: u64) {
        if dice.one_in(drop_one_in) {
            return;
        }
        let copies = if dice.one_in(drop_one_in) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = if drop_one_in == 0 { 1 } else { 1 + dice.below(4) * dice.below(20) };
            self.0.push((step + delay, message.to_vec()));
        }
    }

    fn arrived(&mut self, step: u64) -> Vec<Vec<u8>> {
        let (due, rest) = std::mem::take(&mut self.0).into_iter().partition::<Vec<_>, _>(|(at, _)| *at <= step);
        self.0 = rest;
        due.into_iter().map(|(_, message)| message).collect()
    }
}

#[derive(Clone, Default)]
struct Database {
    events: BTreeMap<(StreamId, u64), Vec<u8>>,
    marks: BTreeMap<StreamId, Mark>,
    gaps: BTreeSet<(StreamId, u64)>,
}

struct Collector {
    database: Database,
    backup: Database,
    receiver: Receiver,
    to_it: Wire,
    from_it: Wire,
}

impl Collector {
    fn receive(&mut self, step: u64, dice: &mut Dice, drop_one_in: u64) {
        for message in self.to_it.arrived(step) {
            let batch = batch::decode(&message).unwrap();
            let mark = self.database.marks.entry(batch.stream).or_default();
            let taken = mark.take(&batch);
            for gap in taken.gone {
                self.database.gaps.extend((gap.first.0..=gap.last.0).map(|seq| (batch.stream, seq)));
            }
            let mut conflicts = Vec::new();
            for (seq, bytes) in batch.numbered().take(taken.store) {
                let key = (batch.stream, seq.0);
                let held = self.database.events.entry(key).or_insert_with(|| bytes.to_vec());
                if held != bytes {
                    conflicts.push(seq);
                }
                self.database.gaps.remove(&key);
            }
            let ack = self.receiver.acknowledge(batch.stream, mark, conflicts, None);
            let mut buffer = [0; ack::MAX_ACK_BYTES];
            self.from_it.put(ack::encode(&ack, &mut buffer).unwrap(), step, dice, drop_one_in);
        }
    }
}

struct Stream {
    id: StreamId,
    floor: u64,
    events: Vec<Vec<u8>>,
    // How far all had acknowledged it at which step, oldest first.
    acknowledged: Vec<(u64, u64)>,
}

impl Stream {
    fn held(&self) -> Held {
        Held { stream: self.id, floor: Seq(self.floor), last: Seq(self.events.len() as u64) }
    }
}

struct Agent {
    streams: Vec<Stream>,
    fresh: bool,
    sender: Sender<64>,
}

impl Agent {
    fn opened(streams: Vec<Stream>, collectors: usize) -> Self {
        let mut sender = Sender::new(Settings::default(), collectors);
        let streams: Vec<Stream> = streams.into_iter().map(|s| Stream { acknowledged: Vec::new(), ..s }).collect();
        for stream in &streams {
            assert!(sender.handle_held(stream.held()));
        }
        Self { streams, fresh: true, sender }
    }

    fn commit(&mut self, count: u64, dice: &mut Dice) {
        if self.fresh {
            let id = StreamId(u128::from(dice.roll()) << 64 | u128::from(dice.roll()));
            self.streams.push(Stream { id, floor: 1, events: Vec::new(), acknowledged: Vec::new() });
            self.fresh = false;
        }
        let stream = self.streams.last_mut().unwrap();
        for _ in 0..count {
            stream.events.push(format!("{{\"p\":{}}}", dice.roll()).into_bytes());
        }
        assert!(self.sender.handle_held(stream.held()));
    }

    fn send(&mut self, step: u64, dice: &mut Dice, drop_one_in: u64, collectors: &mut [Collector]) {
        let now = step * STEP_MS;
        while let Next::Send(span) = self.sender.poll_next(now) {
            self.sender.handle_sent(span, now);
            let stream = self.streams.iter().find(|s| s.id == span.stream).unwrap();
            let events = stream.events.iter().skip(span.first.0 as usize - 1).take(span.n as usize);
            let mut buffer = vec![0; MAX_BATCH_BYTES];
            let events = events.map(Vec::as_slice);
            let message = batch::encode(span.stream, span.first, span.floor, events, &mut buffer).unwrap();
            for collector in &mut *collectors {
                collector.to_it.put(message, step, dice, drop_one_in);
            }
        }
    }

    fn delete_acknowledged(&mut self, step: u64) {
        let last_index = self.streams.len().saturating_sub(1);
        for (index, stream) in self.streams.iter_mut().enumerate() {
            let through = self.sender.acknowledged_by_all(stream.id);
            // A collector restored from its backup has taken back what it acknowledged since.
            stream.acknowledged.retain(|&(_, earlier)| earlier <= through);
            if stream.acknowledged.last().is_none_or(|&(_, earlier)| earlier < through) {
                stream.acknowledged.push((step, through));
            }
            for &(_, through) in stream.acknowledged.iter().filter(|(since, _)| since + KEEP_STEPS < step) {
                stream.floor = stream.floor.max(through + 1);
            }
            assert!(self.sender.handle_held(stream.held()));
            if index < last_index && stream.floor > stream.events.len() as u64 {
                self.sender.handle_forgotten(stream.id);
            }
        }
        let sender = &self.sender;
        let known: BTreeSet<_> = sender.streams().map(|held| held.stream).collect();
        self.streams.retain(|s| known.contains(&s.id));
    }
}

fn deliver(seed: u64) {
    let mut dice = Dice(seed);
    let drop_one_in = [0, 40, 10, 4][dice.below(4) as usize];
    let count = 1 + dice.below(2) as usize;
    let mut collectors: Vec<Collector> = (0..count)
        .map(|_| Collector {
            database: Database::default(),
            backup: Database::default(),
            receiver: Receiver::opened(RunId(u128::from(dice.roll()))),
            to_it: Wire::default(),
            from_it: Wire::default(),
        })
        .collect();
    let mut accepted = BTreeMap::new();
    let mut agent = Agent::opened(Vec::new(), count);
    agent.sender.handle_subscribed();

    for step in 0..STORMY_STEPS + CALM_STEPS {
        let stormy = step < STORMY_STEPS;
        let drop_one_in = if stormy { drop_one_in } else { 0 };
        // The last event is a sign of life in calm weather: only traffic tells an agent of another run.
        if (stormy && dice.one_in(20)) || step == STORMY_STEPS + 100 {
            let new = 1 + dice.below(15) * dice.below(8);
            agent.commit(new, &mut dice);
            let stream = agent.streams.last().unwrap();
            for (index, bytes) in stream.events.iter().enumerate().rev().take(new as usize) {
                accepted.insert((stream.id, index as u64 + 1), bytes.clone());
            }
        }
        if stormy && dice.one_in(400) {
            agent = Agent::opened(std::mem::take(&mut agent.streams), count);
            collectors.iter_mut().for_each(|c| c.from_it.0.clear());
            agent.sender.handle_subscribed();
        }
        if stormy && dice.one_in(150) {
            agent.sender.handle_disconnected();
            collectors.iter_mut().for_each(|c| c.from_it.0.clear());
            agent.sender.handle_subscribed();
        }
        for collector in &mut collectors {
            if stormy && step % BACKUP_EVERY == 0 {
                collector.backup = collector.database.clone();
            }
            let restored = stormy && dice.one_in(1500);
            if restored {
                collector.database = collector.backup.clone();
            }
            if restored || (stormy && dice.one_in(700)) || step == STORMY_STEPS {
                collector.receiver = Receiver::opened(RunId(u128::from(dice.roll())));
            }
            collector.receive(step, &mut dice, drop_one_in);
        }
        for (index, collector) in collectors.iter_mut().enumerate() {
            for message in collector.from_it.arrived(step) {
                let _ = agent.sender.handle_ack(index, &ack::decode(&message).unwrap(), step * STEP_MS);
            }
        }
        agent.delete_acknowledged(step);
        agent.send(step, &mut dice, drop_one_in, &mut collectors);
        if !stormy && step > STORMY_STEPS + 110 && agent.sender.is_all_acknowledged() {
            break;
        }
    }

    assert!(agent.sender.is_all_acknowledged(), "seed {seed}: no end");
    for collector in &collectors {
        let stored = &collector.database.events;
        let missing: Vec<_> =
            accepted.iter().filter(|(key, bytes)| stored.get(key) != Some(bytes)).map(|(k, _)| k).collect();
        assert!(missing.is_empty(), "seed {seed}: accepted and not stored: {missing:?}");
        assert_eq!(stored.len(), accepted.len(), "seed {seed}: stored and not accepted");
        assert!(collector.database.gaps.is_empty(), "seed {seed}: gaps {:?}", collector.database.gaps);
    }
}

#[test]
fn what_was_accepted_is_stored_once_whatever_breaks() {
    let seeds = std::env::var("TOUCHTIME_DELIVERY_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    for seed in 0..seeds {
        deliver(seed);
    }
}
