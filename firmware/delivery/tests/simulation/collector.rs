//! A collector: a database that can be copied, and a process that can be killed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use delivery::receiver::{classify_binding, classify_failure};
use delivery::{Answered, Batch, Binding, Failed, Mark, OnFailure, Receiver, RunId, ack, batch};
use room_events::{Seq, StreamId};

use crate::broker::Wire;
use crate::dice::Dice;
use crate::ledger::{Key, Ledger, Nature, event_of};

/// (agent's topic, stream).
type Source = (usize, StreamId);

#[derive(Clone, Default)]
pub struct Database {
    /// Accepted or quarantined under their key, by agent, stream and seq.
    pub events: BTreeMap<(Source, u64), u64>,
    pub conflicts: BTreeSet<(Source, u64, u64)>,
    /// Raw bytes of what could not be stored alone.
    pub stubs: BTreeSet<u64>,
    gaps: BTreeMap<Source, Gaps>,
    marks: BTreeMap<Source, Mark>,
    owners: BTreeMap<StreamId, usize>,
    has: BTreeSet<u64>,
}

impl Database {
    /// Whether the event is in the tables under its key.
    pub fn is_kept(&self, event: u64, key: Key) -> bool {
        let source = (0, key.0);
        self.events.get(&(source, key.1)) == Some(&event) || self.conflicts.contains(&(source, key.1, event))
    }

    /// Whether the event is kept, in whichever table, under its own agent.
    pub fn has(&self, event: u64) -> bool {
        self.has.contains(&event)
    }

    pub fn is_gap(&self, agent: usize, key: Key) -> bool {
        self.gaps.get(&(agent, key.0)).is_some_and(|gaps| gaps.next(key.1) == Some(key.1))
    }

    pub fn through(&self, agent: usize, stream: StreamId) -> u64 {
        self.marks.get(&(agent, stream)).map_or(0, Mark::through)
    }
}

/// Seqs declared gone that have not come: first and last of each range.
#[derive(Clone, Default)]
struct Gaps {
    ranges: BTreeMap<u64, u64>,
}

impl Gaps {
    /// The lowest one from there on.
    fn next(&self, from: u64) -> Option<u64> {
        let around = self.ranges.range(..=from).next_back().filter(|(_, last)| **last >= from).map(|_| from);
        around.or_else(|| self.ranges.range(from..).next().map(|(first, _)| *first))
    }

    fn fill(&mut self, seq: u64) {
        let Some((&first, &last)) = self.ranges.range(..=seq).next_back().filter(|(_, last)| **last >= seq) else {
            return;
        };
        self.ranges.remove(&first);
        if first < seq {
            self.ranges.insert(first, seq - 1);
        }
        if seq < last {
            self.ranges.insert(seq + 1, last);
        }
    }
}

pub struct Collector {
    pub database: Database,
    /// Copies, with the second at which they were made.
    pub backups: Vec<(u64, Database)>,
    receiver: Receiver,
    pub to_it: Wire,
    pub from_it: Wire,
    pub down_until: u64,
    pub full_until: u64,
    /// Killed after the commit: what it has just stored is not acknowledged.
    pub is_silent: bool,
    /// Batches that killed it before it could answer; it happens to each killer once.
    killed_by: BTreeSet<u64>,
}

/// What is to be told of a stream when the commits of this second are done.
#[derive(Default)]
struct Answer {
    floor: Option<Seq>,
    conflicts: Vec<Seq>,
    failed: Vec<Failed>,
}

impl Collector {
    pub fn new(dice: &mut Dice) -> Self {
        Self {
            database: Database::default(),
            backups: Vec::new(),
            receiver: Receiver::opened(RunId(dice.bits())),
            to_it: Wire::default(),
            from_it: Wire::default(),
            down_until: 0,
            full_until: 0,
            is_silent: false,
            killed_by: BTreeSet::new(),
        }
    }

    pub fn run(&self) -> RunId {
        self.receiver.run()
    }

    pub fn open_anew(&mut self, dice: &mut Dice) {
        self.receiver = Receiver::opened(RunId(dice.bits()));
    }

    /// Takes what has arrived, one transaction for each batch, and answers once for each stream.
    pub fn receive(&mut self, me: usize, now: u64, trouble: u64, ledger: &mut Ledger, dice: &mut Dice) {
        let mut answers: BTreeMap<Source, Answer> = BTreeMap::new();
        for (agent, message) in self.to_it.arrived(now) {
            if self.down_until > now {
                // A broker without a session for it has nobody to give this to.
                continue;
            }
            let batch = batch::decode(&message).unwrap();
            let source = (agent, batch.stream);
            let owner = self.database.owners.get(&batch.stream);
            // An enemy cannot bind a stream that is not known yet: the broker's access file is for that.
            if agent != 0 && owner.is_none() {
                continue;
            }
            let answer = answers.entry(source).or_default();
            answer.floor = Some(answer.floor.map_or(batch.floor, |floor| floor.min(batch.floor)));
            match self.commit(me, source, &batch, now, ledger, dice) {
                Commit::Done(conflicts) => answer.conflicts.extend(conflicts),
                Commit::Failed(failed) => answer.failed.push(failed),
                Commit::Killed => {
                    answers.clear();
                    self.open_anew(dice);
                    self.down_until = now + 1 + dice.below(10);
                }
            }
        }
        if std::mem::take(&mut self.is_silent) {
            return;
        }
        for ((agent, stream), answer) in answers {
            self.answer((agent, stream), answer, now, trouble, dice);
        }
    }

    fn answer(&mut self, source: Source, answer: Answer, now: u64, trouble: u64, dice: &mut Dice) {
        let unseen = Mark::default();
        let mark = self.database.marks.get(&source).unwrap_or(&unseen);
        let floor = answer.floor.unwrap_or(Seq::FIRST);
        let missing = self.database.gaps.get(&source).and_then(|gaps| gaps.next(floor.0)).map(Seq);
        let answered = Answered { stream: source.1, floor, missing };
        let mut failed = answer.failed.into_iter();
        let mut next = failed.next();
        let mut conflicts = answer.conflicts;
        loop {
            let ack = self.receiver.acknowledge(answered, mark, std::mem::take(&mut conflicts), next);
            let mut buffer = [0; ack::MAX_ACK_BYTES];
            let bytes: Rc<[u8]> = Rc::from(ack::encode(&ack, &mut buffer).unwrap());
            self.from_it.put(source.0, &bytes, now, trouble, dice);
            next = failed.next();
            if next.is_none() {
                return;
            }
        }
    }

    fn commit(
        &mut self,
        me: usize,
        source: Source,
        batch: &Batch<'_>,
        now: u64,
        ledger: &mut Ledger,
        dice: &mut Dice,
    ) -> Commit {
        let mut mark = self.database.marks.get(&source).cloned().unwrap_or_default();
        let taken = mark.take(batch);
        let events: Vec<(Seq, u64)> =
            batch.numbered().take(taken.store).map(|(s, bytes)| (s, event_of(bytes))).collect();
        let is_new = |database: &Database, (seq, event): &(Seq, u64)| {
            database.events.get(&(source, seq.0)) != Some(event)
                && !database.conflicts.contains(&(source, seq.0, *event))
        };
        let trap = |nature: Nature| {
            let mut new = events.iter().filter(|entry| is_new(&self.database, entry));
            new.find(|(_, event)| ledger.nature(*event) == nature).map(|&(_, event)| event)
        };
        let (poison, killer) = (trap(Nature::Poison), trap(Nature::Killer));
        let is_full = self.full_until > now;
        let mut as_stub = false;
        if is_full || poison.is_some() || killer.is_some() {
            if let Some(killer) = killer {
                if self.killed_by.insert(killer) && dice.one_in(2) {
                    return Commit::Killed;
                }
                // One kind of killer closes the database each time, the other never.
                if killer % 2 == 0 {
                    self.open_anew(dice);
                }
            }
            match classify_failure(batch) {
                OnFailure::Halve(failed) => return Commit::Failed(failed),
                OnFailure::Stub(_, failed) if is_full => return Commit::Failed(failed),
                OnFailure::Stub(..) => as_stub = true,
            }
        }
        let database = &mut self.database;
        let is_own = match classify_binding(database.owners.get(&source.1), &source.0) {
            Binding::New | Binding::TakesOver => {
                database.owners.insert(source.1, source.0);
                true
            }
            Binding::Own => true,
            Binding::Foreign => false,
        };
        let too_far = batch.numbered().skip(taken.store).take(taken.too_far);
        for (seq, bytes) in too_far {
            assert_eq!(
                ledger.nature(event_of(bytes)),
                Nature::Hostile,
                "collector {me}: {seq} is called too far ahead"
            );
        }
        let gaps = database.gaps.entry(source).or_default();
        for gone in taken.gone {
            gaps.ranges.insert(gone.first.0, gone.last.0);
        }
        let mut conflicts = Vec::new();
        for (seq, event) in events {
            let held = *database.events.entry((source, seq.0)).or_insert(event);
            if held != event {
                conflicts.push(seq);
                database.conflicts.insert((source, seq.0, event));
            }
            gaps.fill(seq.0);
            if as_stub {
                let nature = ledger.nature(event);
                assert!(matches!(nature, Nature::Poison | Nature::Killer), "a good event {event} is called unreadable");
                database.stubs.insert(event);
            }
            if is_own {
                database.has.insert(event);
                ledger.once_stored[me].insert(event);
            }
        }
        database.marks.insert(source, mark);
        Commit::Done(conflicts)
    }
}

enum Commit {
    Done(Vec<Seq>),
    Failed(Failed),
    /// The process ended before it could answer.
    Killed,
}
