//! A hospital's delivery under faults: agents, a broker, collectors, and what breaks between them.

use std::collections::BTreeSet;
use std::rc::Rc;

use delivery::{ack, batch};
use room_events::Seq;

use crate::agent::{Agent, Disk, KEEP, Why};
use crate::broker::Wire;
use crate::collector::Collector;
use crate::dice::Dice;
use crate::ledger::{Ledger, Nature, bytes_of};

/// Seconds of faults. Then everything is repaired, and must arrive.
pub const STORMY: u64 = 400;
pub const CALM: u64 = 4_000;

/// What lies further above a mark is stored by nobody.
const MILLION: u64 = 1_000_000;

/// The topic of an agent that sends what is not its own.
const STRANGER: usize = 1;

/// Everything that breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    AgentRestarts,
    AgentIsRestored,
    AgentIsCloned,
    RunningAgentIsCloned,
    CloneIsThrownAway,
    AgentIsDown,
    AgentReconnects,
    CommitTellsError,
    AgentDiskIsFull,
    CollectorRestarts,
    CollectorIsKilledAfterCommit,
    CollectorIsRestored,
    CollectorIsDown,
    CollectorDiskIsFull,
    BrokerLosesAll,
    OldAcknowledgement,
    OldBatch,
    BadEvent,
    PoisonEvent,
    KillerEvent,
    HostileSeq,
    StrangersBatch,
    SignalFlood,
    EventFlood,
    Gale,
}

pub const FAULTS: [Fault; 25] = [
    Fault::AgentRestarts,
    Fault::AgentIsRestored,
    Fault::AgentIsCloned,
    Fault::RunningAgentIsCloned,
    Fault::CloneIsThrownAway,
    Fault::AgentIsDown,
    Fault::AgentReconnects,
    Fault::CommitTellsError,
    Fault::AgentDiskIsFull,
    Fault::CollectorRestarts,
    Fault::CollectorIsKilledAfterCommit,
    Fault::CollectorIsRestored,
    Fault::CollectorIsDown,
    Fault::CollectorDiskIsFull,
    Fault::BrokerLosesAll,
    Fault::OldAcknowledgement,
    Fault::OldBatch,
    Fault::BadEvent,
    Fault::PoisonEvent,
    Fault::KillerEvent,
    Fault::HostileSeq,
    Fault::StrangersBatch,
    Fault::SignalFlood,
    Fault::EventFlood,
    Fault::Gale,
];

pub struct World {
    pub now: u64,
    pub dice: Dice,
    pub agents: Vec<Agent>,
    pub collectors: Vec<Collector>,
    pub ledger: Ledger,
    pub required: usize,
    pub trouble: u64,
    gale_until: u64,
    limit: u64,
    pub hit: BTreeSet<Fault>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let trouble = [0, 30, 10, 4][dice.below(4) as usize];
        let (required, also) = [(1, 0), (2, 0), (1, 1), (2, 1)][dice.below(4) as usize];
        let limit = [60, 200, 1_000_000][dice.below(3) as usize];
        let mut ledger = Ledger::new(required + also);
        let disk = if dice.one_in(4) { Agent::old_disk(&mut ledger, &mut dice) } else { Disk::default() };
        Self {
            now: 0,
            agents: vec![Agent::open(disk, Vec::new(), limit, required, also)],
            collectors: (0..required + also).map(|_| Collector::new(&mut dice)).collect(),
            ledger,
            dice,
            required,
            trouble,
            gale_until: 0,
            limit,
            hit: BTreeSet::new(),
        }
    }

    fn also(&self) -> usize {
        self.collectors.len() - self.required
    }

    pub fn is_stormy(&self) -> bool {
        self.now < STORMY
    }

    /// One second.
    pub fn step(&mut self) {
        let (now, stormy) = (self.now, self.is_stormy());
        let trouble = match stormy {
            true if now < self.gale_until => 2,
            true => self.trouble,
            false => 0,
        };
        if stormy && self.dice.one_in(4) {
            let count = if self.dice.one_in(20) { 100 } else { 1 + self.dice.below(5) };
            self.observe(count, Nature::Plain, false);
        }
        if stormy && now % 40 == 39 {
            for agent in &mut self.agents {
                agent.copies.push(agent.disk.clone());
            }
            for collector in &mut self.collectors {
                collector.backups.push((now, collector.database.clone()));
            }
        }
        for (me, collector) in self.collectors.iter_mut().enumerate() {
            collector.receive(me, now, trouble, &mut self.ledger, &mut self.dice);
        }
        for (index, collector) in self.collectors.iter_mut().enumerate() {
            for (to, message) in collector.from_it.arrived(now) {
                let ack = ack::decode(&message).unwrap();
                for agent in self.agents.iter_mut().filter(|agent| agent.down_until <= now && to != STRANGER) {
                    if !self.dice.one_in(trouble) {
                        agent.handle_ack(index, &ack, now);
                    }
                }
            }
        }
        for index in 0..self.agents.len() {
            let agent = &mut self.agents[index];
            if agent.down_until > now {
                continue;
            }
            if (now + index as u64).is_multiple_of(8) {
                agent.tidy(now, &mut self.ledger);
            }
            let mut wires: Vec<&mut Wire> = self.collectors.iter_mut().map(|c| &mut c.to_it).collect();
            agent.send(0, now, trouble, &mut wires, &mut self.dice);
            self.judge_evictions(index);
        }
        self.now += 1;
    }

    pub fn observe(&mut self, count: u64, nature: Nature, is_signal: bool) {
        let index = self.dice.below(self.agents.len() as u64) as usize;
        self.observe_at(index, count, nature, is_signal);
    }

    pub fn observe_at(&mut self, index: usize, count: u64, nature: Nature, is_signal: bool) {
        let agent = &mut self.agents[index];
        if agent.down_until > self.now {
            return;
        }
        for _ in 0..count {
            agent.observe(nature, is_signal, self.now, &mut self.ledger, &mut self.dice);
        }
        self.judge_evictions(index);
    }

    /// An event may leave the last outbox that holds it only if each required collector has it, or had it and was put
    /// back without the agent having heard of it yet; or if one has it and there was no other room.
    fn judge_evictions(&mut self, index: usize) {
        let evicted = std::mem::take(&mut self.agents[index].evicted);
        for (event, why) in evicted {
            if self.agents.iter().any(|agent| agent.disk.holds(event)) {
                continue;
            }
            for (n, collector) in self.collectors.iter().enumerate() {
                if collector.database.has(event) {
                    continue;
                }
                let is_forced = why == Why::Forced
                    && (0..self.required).any(|other| self.ledger.once_stored[other].contains(&event));
                let in_good_faith = self.ledger.once_stored[n].contains(&event)
                    && !self.agents[index].heard[n].contains(&collector.run());
                let is_twin = (0..self.required).any(|other| self.ledger.is_twin(event, other));
                assert!(
                    n >= self.required || is_forced || in_good_faith || is_twin,
                    "second {}: event {event} at {:?} was deleted before collector {n} had it ({why:?})",
                    self.now,
                    self.ledger.accepted.get(&event)
                );
                if is_forced {
                    self.ledger.forced[n].insert(event);
                }
                self.ledger.excused[n].insert(event);
            }
        }
    }

    /// After a copy was destroyed: what is nowhere any more is lost by no rule's fault.
    fn judge_destruction(&mut self) {
        let held: BTreeSet<u64> = self
            .agents
            .iter()
            .flat_map(|agent| agent.disk.streams.iter().flat_map(|s| s.items.iter().map(|item| item.event)))
            .collect();
        for &event in self.ledger.accepted.keys().filter(|event| !held.contains(event)) {
            for (collector, excused) in self.collectors.iter().zip(&mut self.ledger.excused) {
                if !collector.database.has(event) {
                    excused.insert(event);
                }
            }
        }
        let open: BTreeSet<u64> = self.agents.iter().flat_map(|a| a.disk.open_refused.iter().copied()).collect();
        let told: BTreeSet<u64> = self.ledger.told.values().flat_map(|told| told.refused.iter().copied()).collect();
        let nowhere = |event: &&u64| !open.contains(event) && !told.contains(event);
        self.ledger.forgotten.extend(self.ledger.refused.iter().filter(nowhere));
    }

    pub fn strike(&mut self, fault: Fault) {
        let now = self.now;
        let (required, also, limit) = (self.required, self.also(), self.limit);
        let which = self.dice.below(self.agents.len() as u64) as usize;
        let whom = self.dice.below(self.collectors.len() as u64) as usize;
        let a_while = 1 + self.dice.below(100);
        let many = self.agents.len();
        let agent = &mut self.agents[which];
        let collector = &mut self.collectors[whom];
        let reopened = |disk: Disk, copies: Vec<Disk>| Agent::open(disk, copies, limit, required, also);
        let happened = match fault {
            Fault::AgentRestarts | Fault::AgentIsDown => {
                let broken_until = agent.broken_until;
                *agent = reopened(std::mem::take(&mut agent.disk), std::mem::take(&mut agent.copies));
                agent.broken_until = broken_until;
                if fault == Fault::AgentIsDown {
                    agent.down_until = now + a_while;
                }
                self.judge_destruction();
                true
            }
            Fault::AgentIsRestored => {
                let copy = self.dice.below(agent.copies.len() as u64) as usize;
                let Some(disk) = agent.copies.get(copy).cloned() else { return };
                *agent = reopened(disk, std::mem::take(&mut agent.copies));
                self.ledger.agents_were_copied = true;
                self.judge_destruction();
                true
            }
            Fault::AgentIsCloned | Fault::RunningAgentIsCloned if many < 3 => {
                let agent = &self.agents[which];
                let clone = if fault == Fault::AgentIsCloned {
                    reopened(agent.disk.clone(), agent.copies.clone())
                } else {
                    self.ledger.memory_was_copied = true;
                    agent.clone()
                };
                self.agents.push(clone);
                self.ledger.agents_were_copied = true;
                true
            }
            Fault::CloneIsThrownAway if many > 1 => {
                self.agents.remove(which);
                self.ledger.agents_were_copied = true;
                self.judge_destruction();
                true
            }
            Fault::AgentIsCloned | Fault::RunningAgentIsCloned | Fault::CloneIsThrownAway => false,
            Fault::AgentReconnects => {
                agent.sender.handle_disconnected();
                if self.dice.one_in(2) {
                    self.collectors.iter_mut().for_each(|c| c.from_it.lose_all());
                } else {
                    // What was not settled on the old connection comes again on the new one.
                    for collector in &mut self.collectors {
                        let _ = collector.from_it.repeat(now, &mut self.dice);
                    }
                }
                agent.sender.handle_subscribed();
                true
            }
            Fault::CommitTellsError => {
                agent.has_io_error = true;
                true
            }
            Fault::AgentDiskIsFull => {
                agent.broken_until = now + a_while;
                true
            }
            Fault::CollectorRestarts => {
                collector.open_anew(&mut self.dice);
                true
            }
            Fault::CollectorIsKilledAfterCommit => {
                collector.is_silent = true;
                collector.receive(whom, now, 0, &mut self.ledger, &mut self.dice);
                collector.open_anew(&mut self.dice);
                true
            }
            Fault::CollectorIsRestored => {
                let copy = self.dice.below(collector.backups.len() as u64) as usize;
                let Some((made, database)) = collector.backups.get(copy).cloned() else { return };
                collector.database = database;
                collector.open_anew(&mut self.dice);
                // A record of an emptied stream is kept for as long as an event.
                self.ledger.put_back_old[whom] |= now - made + 2 * 8 >= KEEP;
                self.judge_destruction();
                true
            }
            Fault::CollectorIsDown => {
                collector.down_until = now + a_while;
                collector.open_anew(&mut self.dice);
                true
            }
            Fault::CollectorDiskIsFull => {
                collector.full_until = now + a_while;
                true
            }
            Fault::BrokerLosesAll => {
                for collector in &mut self.collectors {
                    collector.to_it.lose_all();
                    collector.from_it.lose_all();
                }
                true
            }
            Fault::OldAcknowledgement => collector.from_it.repeat(now, &mut self.dice),
            Fault::OldBatch => collector.to_it.repeat(now, &mut self.dice),
            Fault::BadEvent => self.observe_trap(Nature::Bad),
            Fault::PoisonEvent => self.observe_trap(Nature::Poison),
            Fault::KillerEvent => self.observe_trap(Nature::Killer),
            Fault::HostileSeq => self.send_hostile(which, whom),
            Fault::StrangersBatch if now.is_multiple_of(2) => collector.to_it.repeat_as(STRANGER, now, &mut self.dice),
            Fault::StrangersBatch => self.send_strange(which, whom),
            Fault::SignalFlood => {
                self.observe_at(which, 150, Nature::Plain, true);
                true
            }
            Fault::EventFlood => {
                self.observe_at(which, 300, Nature::Plain, false);
                true
            }
            Fault::Gale => {
                self.gale_until = now + a_while / 2;
                true
            }
        };
        if happened {
            self.hit.insert(fault);
        }
    }

    fn observe_trap(&mut self, nature: Nature) -> bool {
        let count = 1 + self.dice.below(2);
        self.observe(count, nature, false);
        true
    }

    /// A batch of another agent that calls gone what this one holds.
    fn send_strange(&mut self, which: usize, whom: usize) -> bool {
        let Some(held) = self.agents[which].disk.streams.last().map(|s| s.held()) else { return false };
        let first = Seq(held.last.0 + 1_000);
        let event = bytes_of(self.ledger.draw(Nature::Hostile));
        let mut buffer = [0; 512];
        let message = batch::encode(held.stream, first, first, [event.as_slice()], &mut buffer).unwrap();
        let message: Rc<[u8]> = Rc::from(message);
        self.collectors[whom].to_it.put(STRANGER, &message, self.now, 0, &mut self.dice);
        true
    }

    /// A batch that no honest agent sends, under an agent's own stream: more than a million above the mark.
    fn send_hostile(&mut self, which: usize, whom: usize) -> bool {
        let Some(held) = self.agents[which].disk.streams.last().map(|s| s.held()) else { return false };
        let stream = held.stream;
        // Above the floor too, which may be told before this arrives.
        let first = self.collectors[whom].database.through(0, stream).max(held.last.0) + MILLION + 100_000;
        let event = bytes_of(self.ledger.draw(Nature::Hostile));
        let mut buffer = [0; 512];
        let message = batch::encode(stream, Seq(first), Seq(1), [event.as_slice()], &mut buffer).unwrap();
        let message: Rc<[u8]> = Rc::from(message);
        self.collectors[whom].to_it.put(0, &message, self.now, 0, &mut self.dice);
        true
    }

    /// The storm is over.
    pub fn repair(&mut self) {
        for agent in &mut self.agents {
            (agent.down_until, agent.broken_until, agent.has_io_error) = (0, 0, false);
        }
        for collector in &mut self.collectors {
            (collector.down_until, collector.full_until) = (0, 0);
        }
    }

    /// Everything is delivered, and nothing is under way.
    pub fn is_done(&self) -> bool {
        let wires = self.collectors.iter().all(|c| c.to_it.is_empty() && c.from_it.is_empty());
        wires
            && self.agents.iter().all(|agent| {
                agent.sender.is_all_acknowledged()
                    && agent.sender.has_nothing_to_tell()
                    && agent.sender.streams().count() == agent.disk.streams.len()
            })
    }
}
