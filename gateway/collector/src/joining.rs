//! Acknowledgements that follow each other closely become one.
//!
//! While an agent drains a backlog, each commit would answer it; the last answer alone says the same. So the first one
//! goes at once, and those of the next [`JOIN_FOR`] wait for each other, unless the agent's window would run dry. Two are
//! joined only if they answer one stream and one floor: an agent counts a mark only for what it said that it still holds.
//! An agent ignores a counter that is not higher than the last, so what waits for it leaves in the order of the counters.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::ack::{Ack, MAX_ACK_CONFLICTS};
use room_events::topic::AgentAddress;
use store::Acknowledgement;
use tokio::time::Instant;

/// So long an acknowledgement waits at most.
pub(crate) const JOIN_FOR: Duration = Duration::from_millis(100);

/// So many are joined at most: a quarter of the 16 batches that an agent has under way unless it is told otherwise.
const MOST_JOINED: u32 = 4;

/// What waits, by agent.
#[derive(Debug, Default)]
pub(crate) struct Joining(BTreeMap<AgentAddress, Agent>);

#[derive(Debug)]
struct Agent {
    /// When the last ones left.
    sent: Instant,
    /// In the order of their counters.
    waiting: Vec<Ack>,
    joined: u32,
}

impl Joining {
    /// Takes one; what comes back is to be sent now.
    #[must_use]
    pub(crate) fn add(&mut self, new: Acknowledgement, now: Instant) -> Vec<Acknowledgement> {
        let Some(agent) = self.0.get_mut(&new.to) else {
            self.0.insert(new.to.clone(), Agent { sent: now, waiting: Vec::new(), joined: 0 });
            return vec![new];
        };
        let urgent = new.ack.failed.is_some() || now >= agent.sent + JOIN_FOR;
        agent.join(new.ack);
        if !urgent && agent.joined < MOST_JOINED {
            return Vec::new();
        }
        agent.leave(&new.to, now)
    }

    /// When something must leave.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.0.values().map(|agent| agent.sent + JOIN_FOR).min()
    }

    /// Everything whose time has come.
    #[must_use]
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Acknowledgement> {
        let mut due = Vec::new();
        self.0.retain(|to, agent| {
            if now < agent.sent + JOIN_FOR {
                return true;
            }
            due.extend(agent.leave(to, now));
            // An agent that was answered now is remembered for as long again; one that is quiet is forgotten.
            agent.sent == now
        });
        due
    }
}

impl Agent {
    fn join(&mut self, mut new: Ack) {
        self.joined += 1;
        let same = |old: &Ack| {
            old.stream == new.stream
                && old.floor == new.floor
                && old.failed.is_none()
                && new.failed.is_none()
                && old.conflicts.len() + new.conflicts.len() <= MAX_ACK_CONFLICTS
        };
        if let Some(place) = self.waiting.iter().position(same) {
            let old = self.waiting.remove(place);
            for seq in old.conflicts {
                if !new.conflicts.contains(&seq) {
                    // Both together fit, as was asked above.
                    let _ = new.conflicts.push(seq);
                }
            }
        }
        self.waiting.push(new);
    }

    fn leave(&mut self, to: &AgentAddress, now: Instant) -> Vec<Acknowledgement> {
        self.joined = 0;
        if !self.waiting.is_empty() {
            self.sent = now;
        }
        self.waiting.drain(..).map(|ack| Acknowledgement { to: to.clone(), ack }).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use delivery::ack::{Failed, RunId};
    use room_events::{AgentId, Seq, SiteId, StreamId, TrustId};

    fn ack(counter: u64, stream: u128, through: u64) -> Acknowledgement {
        let to = AgentAddress {
            trust: TrustId::new("north").unwrap(),
            site: SiteId::new("main").unwrap(),
            agent: AgentId::new("th-1").unwrap(),
        };
        let ack = Ack {
            run: RunId(1),
            counter,
            stream: StreamId(stream),
            through,
            floor: Some(Seq(1)),
            conflicts: Default::default(),
            failed: None,
        };
        Acknowledgement { to, ack }
    }

    fn counters(sent: &[Acknowledgement]) -> Vec<u64> {
        sent.iter().map(|a| a.ack.counter).collect()
    }

    #[test]
    fn the_first_goes_at_once_and_those_of_the_next_moment_become_one() {
        let start = Instant::now();
        let mut joining = Joining::default();
        assert_eq!(counters(&joining.add(ack(1, 9, 64), start)), [1]);
        assert!(joining.add(ack(2, 9, 128), start).is_empty());
        assert!(joining.add(ack(3, 9, 192), start).is_empty());
        assert_eq!(joining.next_due(), Some(start + JOIN_FOR));
        assert!(joining.due(start + JOIN_FOR / 2).is_empty());
        let sent = joining.due(start + JOIN_FOR);
        assert_eq!((counters(&sent), sent[0].ack.through), (vec![3], 192));
        assert!(joining.due(start + 2 * JOIN_FOR).is_empty());
        assert_eq!(joining.next_due(), None, "a quiet agent is forgotten");
        assert_eq!(counters(&joining.add(ack(4, 9, 200), start + 3 * JOIN_FOR)), [4]);
    }

    #[test]
    fn streams_floors_and_failures_stay_apart_and_in_order() {
        let start = Instant::now();
        let mut joining = Joining::default();
        let _ = joining.add(ack(1, 9, 1), start);
        assert!(joining.add(ack(2, 9, 2), start).is_empty());
        assert!(joining.add(ack(3, 8, 1), start).is_empty());
        let mut other_floor = ack(4, 9, 7);
        other_floor.ack.floor = Some(Seq(5));
        assert!(joining.add(other_floor, start).is_empty());
        let mut failed = ack(5, 8, 1);
        failed.ack.failed = Some(Failed { first: Seq(2), n: 3 });
        assert_eq!(counters(&joining.add(failed, start)), [2, 3, 4, 5], "a failure does not wait");
    }

    #[test]
    fn a_window_does_not_run_dry() {
        let start = Instant::now();
        let mut joining = Joining::default();
        let sent: Vec<_> = (1..=9).flat_map(|n| joining.add(ack(n, 9, n * 64), start)).collect();
        assert_eq!(counters(&sent), [1, 5, 9]);
    }

    #[test]
    fn conflicts_of_joined_ones_are_all_told() {
        let start = Instant::now();
        let mut joining = Joining::default();
        let _ = joining.add(ack(1, 9, 1), start);
        for (counter, seqs) in [(2, vec![3, 4]), (3, vec![4, 5])] {
            let mut one = ack(counter, 9, 9);
            one.ack.conflicts = seqs.into_iter().map(Seq).collect();
            assert!(joining.add(one, start).is_empty());
        }
        let sent = joining.due(start + JOIN_FOR);
        assert_eq!(sent[0].ack.conflicts.iter().map(|seq| seq.0).collect::<Vec<_>>(), [4, 5, 3]);
    }
}
