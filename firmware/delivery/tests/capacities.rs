//! What happens at each capacity of the delivery rules' structures: never a panic, never a silent loss.

use delivery::ack::MAX_ACK_CONFLICTS;
use delivery::batch::{self, BatchError, EncodeError};
use delivery::sender::Held;
use delivery::{Ack, AckOutcome, Answered, Kept, MAX_BATCH_EVENTS, Mark, Next, Receiver, RunId, Sender, Settings};
use room_events::{Seq, StreamId};

const A: StreamId = StreamId(0xa);
const B: StreamId = StreamId(0xb);
const C: StreamId = StreamId(0xc);

const fn held(stream: StreamId, last: u64) -> Held {
    Held { stream, floor: Seq(1), last: Seq(last) }
}

fn ack(run: u128, counter: u64, stream: StreamId, through: u64) -> Ack {
    Ack { run: RunId(run), counter, stream, through, floor: None, conflicts: [].into(), failed: None }
}

/// Sends all that may be sent; the streams of the batches.
fn send<const N: usize>(sender: &mut Sender<N>) -> Vec<StreamId> {
    let mut sent = Vec::new();
    while let Next::Send(span) = sender.poll_next(0) {
        sender.handle_sent(span, 0);
        sent.push(span.stream);
    }
    sent
}

#[test]
fn a_stream_too_many_is_refused_aloud_and_sent_once_another_has_gone() {
    let mut sender = Sender::<2>::new(Settings::default(), 1, 0);
    sender.handle_subscribed();
    assert!(sender.handle_held(held(A, 3)) && sender.handle_held(held(B, 3)));
    assert!(!sender.handle_held(held(C, 3)));
    assert_eq!(send(&mut sender), [A, B]);
    assert_eq!(sender.acknowledged_by_all(C), 0, "nothing of it may be deleted");
    sender.handle_forgotten(A);
    assert!(sender.handle_held(held(C, 3)));
    assert_eq!(send(&mut sender), [C]);
}

#[test]
fn collectors_beyond_four_and_four_are_left_out_and_at_least_one_is_required() {
    let mut sender = Sender::<1>::new(Settings::default(), 9, 9);
    assert!(sender.handle_held(held(A, 1)));
    assert_eq!(sender.marks(A).count(), 8);
    let mut sender = Sender::<1>::new(Settings::default(), 0, 0);
    assert!(sender.handle_held(held(A, 1)));
    assert!(!sender.is_all_acknowledged(), "without a required one everything could go unsent");
}

#[test]
fn of_too_many_earlier_runs_the_oldest_is_forgotten_which_costs_a_rewind_and_no_event() {
    let mut sender = Sender::<1>::new(Settings::default(), 1, 0);
    sender.handle_subscribed();
    assert!(sender.handle_held(held(A, 3)));
    let runs = 40;
    for run in 0..runs {
        let _ = send(&mut sender);
        let outcome = sender.handle_ack(0, &ack(run, 1, A, 3), 0);
        assert_eq!(matches!(outcome, AckOutcome::Rewound), run > 0, "run {run}: {outcome:?}");
    }
    let late_word =
        |sender: &mut Sender<1>, run| matches!(sender.handle_ack(0, &ack(run, 1, A, 3), 0), AckOutcome::Rewound);
    assert!(!late_word(&mut sender, runs - 2), "a remembered one's word is old");
    assert!(late_word(&mut sender, 0), "a forgotten one's looks like a new run's");
    assert_eq!(sender.acknowledged_by_all(A), 0, "and is not believed");
    assert_eq!(send(&mut sender), [A], "so all is sent again");
}

#[test]
fn of_a_stream_too_many_nothing_ages_until_another_is_forgotten() {
    let mut kept = Kept::<1>::new(1_000);
    kept.handle_acknowledged(held(A, 10), 10, 0);
    kept.handle_acknowledged(held(B, 10), 10, 0);
    assert_eq!((kept.aged(A, 9_000), kept.aged(B, 9_000)), (10, 0));
    kept.handle_forgotten(A);
    kept.handle_acknowledged(held(B, 10), 10, 9_000);
    assert_eq!((kept.aged(B, 9_000), kept.aged(B, 19_000)), (0, 10));
}

#[test]
fn an_event_too_many_for_a_batch_is_an_error_on_either_side() {
    let mut buffer = vec![0; batch::MAX_BATCH_BYTES];
    let mut encode = |n| {
        let events = std::iter::repeat_n(b"{}".as_slice(), n);
        batch::encode(A, Seq(1), Seq(1), events, &mut buffer).map(<[u8]>::to_vec)
    };
    let full = encode(MAX_BATCH_EVENTS).unwrap();
    assert_eq!(batch::decode(&full).unwrap().len(), MAX_BATCH_EVENTS as u64);
    assert_eq!(encode(MAX_BATCH_EVENTS + 1), Err(EncodeError::TooManyEvents));
    let one_more = String::from_utf8(full).unwrap().replace("]}", ",{}]}");
    assert_eq!(batch::decode(one_more.as_bytes()), Err(BatchError::TooManyEvents));
}

#[test]
fn conflicts_beyond_those_of_a_batch_are_left_out_of_an_acknowledgement() {
    let mut receiver = Receiver::opened(RunId(1));
    let answered = Answered { stream: A, floor: Seq(1), missing: None };
    let ack = receiver.acknowledge(answered, &Mark::default(), (1..=1_000).map(Seq), None);
    assert_eq!((ack.conflicts.len(), ack.conflicts.last()), (MAX_ACK_CONFLICTS, Some(&Seq(64))));
}
