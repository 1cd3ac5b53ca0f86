use super::*;
use crate::ack::Failed;
use std::vec::Vec as StdVec;

const A: StreamId = StreamId(0xa);
const B: StreamId = StreamId(0xb);

struct Agent(Sender<4>);

impl Agent {
    fn with(required: usize, held: &[(StreamId, u64, u64)]) -> Self {
        let mut sender = Sender::new(Settings::default(), required, 0);
        for &(stream, floor, last) in held {
            assert!(sender.handle_held(Held { stream, floor: Seq(floor), last: Seq(last) }));
        }
        sender.handle_subscribed();
        Self(sender)
    }

    /// Sends all that may be sent; (stream, first, n) of each batch.
    fn send_all(&mut self, now: u64) -> StdVec<(StreamId, u64, u64)> {
        let mut sent = StdVec::new();
        while let Next::Send(span) = self.0.poll_next(now) {
            self.0.handle_sent(span, now);
            sent.push((span.stream, span.first.0, span.n));
        }
        sent
    }

    fn ack(&mut self, collector: usize, run: u128, counter: u64, stream: StreamId, through: u64) -> AckOutcome {
        self.0.handle_ack(collector, &ack(run, counter, stream, through), 10)
    }
}

fn ack(run: u128, counter: u64, stream: StreamId, through: u64) -> Ack {
    Ack { run: RunId(run), counter, stream, through, floor: None, conflicts: heapless::Vec::new(), failed: None }
}

const PROGRESS: AckOutcome = AckOutcome::Counted { progress: true, new_stream: false };
const NO_PROGRESS: AckOutcome = AckOutcome::Counted { progress: false, new_stream: false };

#[test]
fn the_oldest_stream_goes_first_and_the_window_holds() {
    let mut agent = Agent::with(1, &[(A, 1, 65), (B, 1, 5000)]);
    let sent = agent.send_all(0);
    assert_eq!(&sent[..3], [(A, 1, 64), (A, 65, 1), (B, 1, 64)]);
    assert!(sent.iter().map(|s| s.2).sum::<u64>() <= Settings::default().window_events);
    assert_eq!(agent.ack(0, 1, 1, B, 128), PROGRESS);
    assert!(!agent.send_all(10).is_empty());
}

#[test]
fn a_stuck_stream_does_not_hold_back_a_later_one() {
    let mut agent = Agent::with(1, &[(A, 1, 5000)]);
    let _ = agent.send_all(0);
    assert!(agent.0.handle_held(Held { stream: B, floor: Seq(1), last: Seq(2) }));
    assert_eq!(agent.send_all(1), [(B, 1, 2)]);
}

#[test]
fn nothing_is_sent_or_counted_before_the_subscription() {
    let mut sender = Sender::<4>::new(Settings::default(), 1, 0);
    assert!(sender.handle_held(Held { stream: A, floor: Seq(1), last: Seq(3) }));
    assert_eq!(sender.poll_next(0), Next::Idle);
    assert_eq!(sender.handle_ack(0, &ack(1, 1, A, 3), 0), AckOutcome::Ignored(Ignored::NotConnected));
}

#[test]
fn an_acknowledgement_counts_only_what_this_process_has_sent() {
    let mut agent = Agent::with(1, &[(A, 1, 3000)]);
    let sent: u64 = agent.send_all(0).iter().map(|s| s.2).sum();
    assert_eq!(agent.ack(0, 1, 1, A, u64::MAX), PROGRESS);
    assert_eq!(agent.0.acknowledged_by_all(A), sent);
}

#[test]
fn old_acks_are_ignored() {
    let mut agent = Agent::with(1, &[(A, 1, 10)]);
    let _ = agent.send_all(0);
    assert_eq!(agent.ack(0, 1, 5, A, 4), PROGRESS);
    assert_eq!(agent.ack(0, 1, 5, A, 10), AckOutcome::Ignored(Ignored::Old));
    assert_eq!(agent.ack(0, 1, 4, A, 10), AckOutcome::Ignored(Ignored::Old));
    agent.0.handle_disconnected();
    agent.0.handle_subscribed();
    assert_eq!(agent.ack(0, 1, 5, A, 10), AckOutcome::Ignored(Ignored::Old), "the counter outlives the connection");
    assert_eq!(agent.0.acknowledged_by_all(A), 4);
}

#[test]
fn another_run_rewinds_every_stream_to_its_floor_for_that_collector_only() {
    let mut agent = Agent::with(2, &[(A, 3, 10), (B, 1, 5)]);
    let _ = agent.send_all(0);
    for (collector, stream, through) in [(0, A, 10), (0, B, 5), (1, A, 10), (1, B, 5)] {
        let counter = if stream == A { 1 } else { 2 };
        assert_eq!(agent.ack(collector, 7, counter, stream, through), PROGRESS);
    }
    assert!(agent.0.is_all_acknowledged());
    assert_eq!(agent.ack(1, 8, 1, B, 5), AckOutcome::Rewound);
    assert_eq!(agent.0.marks(A).collect::<StdVec<_>>(), [10, 0]);
    assert_eq!(agent.send_all(20), [(A, 3, 8), (B, 1, 5)]);
}

#[test]
fn a_late_word_of_an_earlier_run_costs_one_rewind_and_counts_nothing() {
    let mut agent = Agent::with(1, &[(A, 1, 10)]);
    let _ = agent.send_all(0);
    assert_eq!(agent.ack(0, 1, 1, A, 2), PROGRESS);
    assert_eq!(agent.ack(0, 2, 1, A, 2), AckOutcome::Rewound);
    let _ = agent.send_all(0);
    assert_eq!(agent.ack(0, 1, 1, A, 10), AckOutcome::Ignored(Ignored::Old));
    assert_eq!(agent.ack(0, 1, 2, A, 10), AckOutcome::Rewound);
    let _ = agent.send_all(0);
    assert_eq!(agent.ack(0, 1, 3, A, 10), AckOutcome::Rewound, "nor does the next one count");
    assert_eq!(agent.0.acknowledged_by_all(A), 0);
    let _ = agent.send_all(0);
    assert_eq!(agent.ack(0, 2, 2, A, 2), PROGRESS);
}

#[test]
fn the_present_run_is_believed_again_after_a_late_word_of_an_unknown_one() {
    let mut agent = Agent::with(1, &[(A, 1, 10)]);
    let _ = agent.send_all(0);
    assert_eq!(agent.ack(0, 2, 1, A, 2), PROGRESS);
    assert_eq!(agent.ack(0, 1, 90, A, 10), AckOutcome::Rewound);
    for counter in 2..10 {
        let _ = agent.send_all(0);
        assert_eq!(agent.ack(0, 2, counter, A, 10), AckOutcome::Rewound);
    }
    let _ = agent.send_all(0);
    assert_eq!(agent.ack(0, 2, 10, A, 10), PROGRESS);
}

#[test]
fn resending_waits_longer_each_time_until_progress() {
    let mut agent = Agent::with(1, &[(A, 1, 200)]);
    let mut now = 0;
    assert_eq!(agent.send_all(now).len(), 4);
    let mut waits = StdVec::new();
    for _ in 0..7 {
        let Next::WaitUntil(due) = agent.0.poll_next(now) else { panic!("nothing to wait for") };
        waits.push((due - now) / 1000);
        now = due;
        assert_eq!(agent.send_all(now)[0], (A, 1, 64));
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 600, 600]);
    assert_eq!(agent.0.handle_ack(0, &ack(1, 1, A, 64), now), PROGRESS);
    let _ = agent.send_all(now);
    assert_eq!(agent.0.poll_next(now), Next::WaitUntil(now + 30_000));
}

#[test]
fn a_slow_acknowledgement_lengthens_the_wait() {
    let mut agent = Agent::with(1, &[(A, 1, 1)]);
    let _ = agent.send_all(0);
    assert_eq!(agent.0.handle_ack(0, &ack(1, 1, A, 1), 20_000), PROGRESS);
    assert!(agent.0.handle_held(Held { stream: A, floor: Seq(1), last: Seq(2) }));
    let _ = agent.send_all(20_000);
    assert_eq!(agent.0.poll_next(20_000), Next::WaitUntil(100_000));
}

#[test]
fn a_dead_collector_does_not_slow_the_living_one() {
    let mut agent = Agent::with(2, &[(A, 1, 100_000)]);
    let (mut counter, mut through) = (0, 0);
    for now in 0..5_000 {
        for (_, first, n) in agent.send_all(now) {
            if first <= through + 1 {
                through = through.max(first + n - 1);
            }
        }
        counter += 1;
        let _ = agent.0.handle_ack(0, &ack(1, counter, A, through), now);
    }
    assert_eq!((agent.0.acknowledged_by_one(A), agent.0.acknowledged_by_all(A)), (100_000, 0));
}

#[test]
fn a_failed_batch_is_sent_again_in_halves_one_at_a_time() {
    let mut agent = Agent::with(1, &[(A, 1, 128)]);
    assert_eq!(agent.send_all(0).len(), 2);
    let failed =
        |counter, first, n| Ack { failed: Some(Failed { first: Seq(first), n }), ..ack(1, counter, A, first - 1) };
    assert_eq!(agent.0.handle_ack(0, &failed(1, 1, 64), 1), NO_PROGRESS);
    assert_eq!(agent.send_all(1), [(A, 1, 32)]);
    assert_eq!(agent.0.handle_ack(0, &ack(1, 2, A, 32), 2), PROGRESS);
    assert_eq!(agent.send_all(2), [(A, 33, 32), (A, 65, 64)], "what lies behind goes whole");
    assert_eq!(agent.0.handle_ack(0, &failed(3, 33, 32), 3), NO_PROGRESS);
    assert_eq!(agent.send_all(3), [(A, 33, 16)]);
    // The collector stored the second batch meanwhile; past the failed one, batches are whole again.
    assert_eq!(agent.0.handle_ack(0, &ack(1, 4, A, 128), 4), PROGRESS);
    assert!(agent.0.handle_held(Held { stream: A, floor: Seq(1), last: Seq(192) }));
    assert_eq!(agent.send_all(4), [(A, 129, 64)]);
}

#[test]
fn after_a_full_disk_batches_double_until_they_are_whole() {
    let mut agent = Agent::with(1, &[(A, 1, 256)]);
    assert_eq!(agent.send_all(0).len(), 4);
    let mut counter = 0;
    let mut failed = |agent: &mut Agent, first, n| {
        counter += 1;
        let failed = Some(Failed { first: Seq(first), n });
        assert_eq!(agent.0.handle_ack(0, &Ack { failed, ..ack(1, counter, A, 0) }, 1), NO_PROGRESS);
    };
    for first in [1, 65, 129, 193] {
        failed(&mut agent, first, 64);
    }
    for n in [32, 16, 8, 4, 2, 1] {
        assert_eq!(agent.send_all(1), [(A, 1, u64::from(n))]);
        failed(&mut agent, 1, n);
    }
    let mut sizes = StdVec::new();
    for now in 0..10 {
        // There is space again when the timer repeats the first.
        for (_, first, n) in agent.send_all(30_001 + now) {
            sizes.push(n);
            counter += 1;
            let _ = agent.0.handle_ack(0, &ack(1, counter, A, first + n - 1), 30_001 + now);
        }
    }
    assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 64, 64, 64, 1]);
}

#[test]
fn a_failed_batch_whose_front_is_stored_is_halved_for_its_rest() {
    let mut agent = Agent::with(1, &[(A, 1, 64)]);
    let _ = agent.send_all(0);
    let failed = Ack { failed: Some(Failed { first: Seq(1), n: 64 }), ..ack(1, 1, A, 4) };
    assert_eq!(agent.0.handle_ack(0, &failed, 1), PROGRESS);
    assert_eq!(agent.send_all(1), [(A, 5, 32)]);
}

#[test]
fn what_one_collector_cannot_store_does_not_come_to_it_whole_for_anothers_sake() {
    let mut agent = Agent::with(2, &[(A, 1, 64)]);
    let failed = |n| Ack { failed: Some(Failed { first: Seq(1), n }), ..ack(1, u64::from(65 - n), A, 0) };
    let _ = agent.send_all(0);
    assert_eq!(agent.0.handle_ack(0, &failed(64), 1), NO_PROGRESS);
    assert_eq!(agent.ack(1, 7, 1, A, 0), NO_PROGRESS);
    assert_eq!(agent.ack(1, 8, 1, A, 0), AckOutcome::Rewound, "the other one needs all of it again");
    assert_eq!(agent.send_all(1), [(A, 1, 32), (A, 33, 32)]);
}

#[test]
fn one_event_that_fails_waits_for_the_timer() {
    let mut agent = Agent::with(1, &[(A, 1, 1)]);
    let _ = agent.send_all(0);
    let failed = Ack { failed: Some(Failed { first: Seq(1), n: 1 }), ..ack(1, 1, A, 0) };
    assert_eq!(agent.0.handle_ack(0, &failed, 1), NO_PROGRESS);
    assert_eq!(agent.send_all(1), []);
    assert_eq!(agent.send_all(30_000), [(A, 1, 1)]);
}

#[test]
fn an_emptied_stream_is_closed_with_an_empty_batch() {
    let mut agent = Agent::with(1, &[(A, 8, 7), (B, 1, 1)]);
    assert_eq!(agent.send_all(0), [(A, 8, 0), (B, 1, 1)]);
    assert!(!agent.0.is_all_acknowledged());
    assert_eq!(agent.ack(0, 1, 1, A, 7), PROGRESS);
    assert_eq!(agent.ack(0, 1, 2, B, 1), PROGRESS);
    assert!(agent.0.is_all_acknowledged());
    agent.0.handle_forgotten(A);
    assert_eq!(agent.0.streams().count(), 1);
}

#[test]
fn an_emptied_stream_can_go_on() {
    let mut agent = Agent::with(1, &[(A, 8, 7)]);
    assert_eq!(agent.send_all(0), [(A, 8, 0)]);
    assert!(agent.0.handle_held(Held { stream: A, floor: Seq(8), last: Seq(9) }));
    assert_eq!(agent.send_all(0), [(A, 8, 2)]);
}

#[test]
fn events_deleted_unacknowledged_are_not_waited_for() {
    let mut agent = Agent::with(2, &[(A, 1, 10)]);
    let _ = agent.send_all(0);
    assert_eq!(agent.ack(0, 1, 1, A, 10), PROGRESS);
    assert_eq!((agent.0.unacknowledged(), agent.0.acknowledged_by_one(A)), (10, 10));
    assert!(agent.0.handle_held(Held { stream: A, floor: Seq(6), last: Seq(10) }));
    assert_eq!(agent.0.unacknowledged(), 5);
    agent.0.handle_subscribed();
    assert_eq!(agent.send_all(0), [(A, 6, 5)]);
}

#[test]
fn a_conflict_in_the_newest_stream_asks_for_a_new_one() {
    let mut agent = Agent::with(1, &[(A, 1, 2), (B, 1, 2)]);
    let _ = agent.send_all(0);
    let conflict = |counter, stream| Ack { conflicts: [Seq(2)].into(), ..ack(1, counter, stream, 2) };
    assert_eq!(agent.0.handle_ack(0, &conflict(1, A), 1), PROGRESS);
    assert_eq!(agent.0.handle_ack(0, &conflict(2, B), 1), AckOutcome::Counted { progress: true, new_stream: true });
}

#[test]
fn strangers_and_unknown_streams_are_ignored() {
    let mut agent = Agent::with(1, &[(A, 1, 2)]);
    assert_eq!(agent.ack(1, 1, 1, A, 2), AckOutcome::Ignored(Ignored::Stranger));
    assert_eq!(agent.ack(0, 1, 1, B, 2), AckOutcome::Ignored(Ignored::UnknownStream));
}

#[test]
fn an_acknowledgement_to_a_copy_that_holds_less_is_not_taken_for_ones_own() {
    let mut agent = Agent::with(1, &[(A, 1, 100)]);
    let _ = agent.send_all(0);
    let answering = |counter, floor, through| Ack { floor: Some(Seq(floor)), ..ack(1, counter, A, through) };
    assert_eq!(agent.0.handle_ack(0, &answering(1, 51, 100), 1), NO_PROGRESS);
    assert_eq!(agent.0.handle_ack(0, &answering(2, 1, 50), 1), PROGRESS);
    assert!(agent.0.handle_held(Held { stream: A, floor: Seq(51), last: Seq(100) }));
    assert_eq!(agent.0.handle_ack(0, &answering(3, 1, 60), 1), PROGRESS, "an answer to one's own lower floor");
}

#[test]
fn one_that_also_collects_is_served_and_holds_nothing_back() {
    let mut sender = Sender::<4>::new(Settings::default(), 1, 1);
    assert!(sender.handle_held(Held { stream: A, floor: Seq(1), last: Seq(2) }));
    sender.handle_subscribed();
    let mut agent = Agent(sender);
    assert_eq!(agent.send_all(0), [(A, 1, 2)]);
    assert_eq!(agent.ack(0, 1, 1, A, 2), PROGRESS);
    assert!(agent.0.is_all_acknowledged() && !agent.0.has_nothing_to_tell());
    assert_eq!((agent.0.acknowledged_by_all(A), agent.0.unacknowledged()), (2, 0));
    assert_eq!(agent.send_all(30_000), [(A, 1, 2)], "it has not answered yet");
    assert_eq!(agent.ack(1, 9, 1, A, 2), PROGRESS);
    assert!(agent.0.has_nothing_to_tell());
    assert_eq!(agent.ack(2, 9, 1, A, 2), AckOutcome::Ignored(Ignored::Stranger));
}

#[test]
fn a_batch_that_kills_its_collector_each_time_is_halved_all_the_same() {
    let mut agent = Agent::with(1, &[(A, 1, 70), (B, 1, 64)]);
    let _ = agent.send_all(0);
    let failed =
        |run, stream, first, n| Ack { failed: Some(Failed { first: Seq(first), n }), ..ack(run, 1, stream, 0) };
    assert_eq!(agent.0.handle_ack(0, &ack(1, 1, A, 0), 1), NO_PROGRESS);
    assert_eq!(agent.0.handle_ack(0, &failed(2, A, 65, 6), 1), AckOutcome::Rewound);
    assert_eq!(agent.0.handle_ack(0, &failed(3, B, 1, 64), 1), AckOutcome::Rewound);
    // What came before the failed batch goes whole; each stream remembers its own.
    assert_eq!(agent.send_all(2), [(A, 1, 64), (B, 1, 32)]);
    assert_eq!(agent.0.handle_ack(0, &ack(3, 2, A, 64), 3), PROGRESS);
    assert_eq!(agent.send_all(4), [(A, 65, 3)]);
}
