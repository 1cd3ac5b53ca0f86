use super::*;
use room_events::Alive;
use room_events::observation::SourceKind;

const A: StreamId = StreamId(0xa);
const B: StreamId = StreamId(0xb);

fn events(range: std::ops::RangeInclusive<u64>) -> Vec<Vec<u8>> {
    range.map(|n| format!("{{\"n\":{n}}}").into_bytes()).collect()
}

fn open(folder: &Path, fresh: StreamId) -> Outbox {
    Outbox::open(folder, 1_000_000, fresh).unwrap()
}

fn held(stream: StreamId, floor: u64, last: u64) -> Held {
    Held { stream, floor: Seq(floor), last: Seq(last) }
}

#[test]
fn committed_events_outlive_the_process_and_the_next_stream_names_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path(), A);
    assert!(outbox.is_stream_fresh());
    let file = Progress::File { file: [7; 32], items: 2 };
    assert_eq!(outbox.append(&events(1..=3), Some(file), false).unwrap(), held(A, 1, 3));
    // A crash: the file is left as it is, locks included, and opened as a copy.
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("outbox.redb"), copy.path().join("outbox.redb")).unwrap();
    std::mem::forget(outbox);
    let mut outbox = open(copy.path(), B);
    assert_eq!(outbox.newest(), Some(PreviousStream { stream: A, last: Seq(3) }));
    assert_eq!(outbox.recorded_of([7; 32]).unwrap(), 2);
    assert_eq!(outbox.recorded_of([8; 32]).unwrap(), 0);
    assert_eq!(outbox.append(&events(4..=4), None, false).unwrap(), held(B, 1, 1));
    assert_eq!(outbox.read(A, Seq(2), 9).unwrap(), events(2..=3));
    assert_eq!(outbox.streams().collect::<Vec<_>>(), [held(A, 1, 3), held(B, 1, 1)]);
}

#[test]
fn an_idle_process_leaves_no_stream() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), A));
    assert_eq!(open(folder.path(), B).streams().count(), 0);
}

#[test]
fn a_process_that_died_while_it_made_the_outbox_is_no_hindrance() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("outbox.redb.new"), [0; 4096]).unwrap();
    std::fs::write(folder.path().join("ballast"), [0; 9]).unwrap();
    let mut outbox = open(folder.path(), A);
    assert_eq!(outbox.append(&events(1..=1), None, false).unwrap(), held(A, 1, 1));
    let mut files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["ballast", "outbox.redb"]);
    assert_eq!(std::fs::metadata(folder.path().join("ballast")).unwrap().len(), BALLAST_BYTES as u64);
}

#[test]
fn a_second_process_is_told_that_the_outbox_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _outbox = open(folder.path(), A);
    assert!(matches!(Outbox::open(folder.path(), 1000, B), Err(OutboxError::InUse(_))));
    assert!(matches!(Contents::read_only(folder.path()), Err(OutboxError::InUse(_))));
}

#[test]
fn a_full_outbox_refuses_and_takes_again_after_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(folder.path(), 200, A).unwrap();
    let _ = outbox.append(&events(1..=4), None, false).unwrap();
    assert!(matches!(outbox.append(&events(5..=6), None, false), Err(OutboxError::Full { .. })));
    assert!(outbox.delete_through(&[(A, 2)], u64::MAX).unwrap() > 0);
    assert_eq!(outbox.append(&events(5..=6), None, false).unwrap(), held(A, 3, 6));
    assert_eq!(outbox.read(A, Seq(1), 10).unwrap(), events(3..=6));
    let space = outbox.space();
    drop(outbox);
    assert_eq!(open(folder.path(), B).space(), Space { limit: 1_000_000, ..space });
}

#[test]
fn an_emptied_stream_keeps_its_record_until_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path(), A);
    let _ = outbox.append(&events(1..=2), None, false).unwrap();
    let _ = outbox.delete_through(&[(A, 99)], u64::MAX).unwrap();
    assert_eq!(outbox.space().held, 0);
    assert!(!outbox.forget(A).unwrap(), "the newest stream's record stays");
    outbox.begin_stream(B);
    let _ = outbox.append(&events(3..=3), None, false).unwrap();
    assert_eq!(outbox.streams().collect::<Vec<_>>(), [held(A, 3, 2), held(B, 1, 1)]);
    assert!(outbox.forget(A).unwrap());
    assert!(!outbox.forget(B).unwrap(), "an event is still held");
    drop(outbox);
    assert_eq!(Contents::read_only(folder.path()).unwrap().streams().collect::<Vec<_>>(), [held(B, 1, 1)]);
}

#[test]
fn losses_are_counted_exactly_until_a_restart_with_one_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path(), A);
    for millis in [50, 10, 30] {
        outbox.count_loss(&Observation::Alive(Alive {}), UtcMillis::saturating(millis));
    }
    outbox.count_loss(&door(), UtcMillis::saturating(20));
    let loss = outbox.open_loss().unwrap();
    assert_eq!((loss.count, loss.from.millis(), loss.to.millis(), loss.exact), (4, 10, 50, true));
    assert_eq!(loss.kinds.as_slice(), [SourceKind::SignalLevel]);
    drop(outbox);
    let mut outbox = open(folder.path(), B);
    let told = outbox.open_loss().map(OpenLoss::told).unwrap();
    assert_eq!((told.count, told.exact, told.kinds.as_slice()), (4, false, [SourceKind::SignalLevel].as_slice()));
    let _ = outbox.append(&events(1..=1), None, true).unwrap();
    assert_eq!((outbox.open_loss(), outbox.lost()), (None, 4));
    drop(outbox);
    assert_eq!(open(folder.path(), A).lost(), 4);
}

#[test]
fn what_would_break_a_batch_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path(), A);
    assert!(matches!(outbox.append(&[b"{".as_slice()], None, false), Err(OutboxError::NotAnEvent)));
    assert_eq!(outbox.streams().count(), 0);
}

fn door() -> Observation {
    use room_events::observation::{Level, SignalLevel};
    Observation::SignalLevel(SignalLevel { signal: "door".parse().unwrap(), level: Level::Active })
}

fn signals(n: usize) -> Vec<Vec<u8>> {
    vec![br#"{"v":1,"obs":{"signal_level":{"signal":"door","level":"active"}}}"#.to_vec(); n]
}

#[test]
fn a_chattering_door_leaves_half_the_space_to_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(folder.path(), 2_000, A).unwrap();
    while outbox.append(&signals(1), None, false).is_ok() {}
    assert!(matches!(outbox.append(&signals(1), None, false), Err(OutboxError::SignalsFull { limit: 1_000 })));
    let space = outbox.space();
    assert!(space.signals == space.held && space.held <= 1_000, "{space:?}");
    drop(outbox);
    let mut outbox = Outbox::open(folder.path(), 2_000, B).unwrap();
    assert!(
        matches!(outbox.append(&signals(1), None, false), Err(OutboxError::SignalsFull { .. })),
        "after a restart too"
    );
    let _ = outbox.append(&events(1..=20), None, false).unwrap();
    let freed = outbox.delete_through(&[(A, u64::MAX)], 1).unwrap();
    assert_eq!(outbox.space().signals, space.signals - freed, "one event goes, no more than needed");
    assert!(outbox.append(&signals(1), None, false).is_ok());
}

#[test]
fn no_more_is_deleted_than_is_wanted_and_the_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path(), A);
    let _ = outbox.append(&events(1..=9), None, false).unwrap();
    outbox.begin_stream(B);
    let _ = outbox.append(&events(1..=9), None, false).unwrap();
    let one = outbox.space().held / 18;
    assert_eq!(outbox.delete_through(&[(A, 9), (B, 9)], 10 * one).unwrap(), 10 * one);
    assert_eq!(outbox.streams().collect::<Vec<_>>(), [held(A, 10, 9), held(B, 2, 9)]);
}

#[test]
fn a_record_that_makes_room_becomes_a_loss_that_is_called_inexact() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path(), A);
    let _ = outbox.append(&events(1..=3), None, false).unwrap();
    let _ = outbox.delete_through(&[(A, 3)], u64::MAX).unwrap();
    outbox.begin_stream(B);
    let _ = outbox.append(&events(1..=1), None, false).unwrap();
    outbox.forget_counted(A, &OpenLoss::of_record(3, UtcMillis::saturating(7))).unwrap();
    drop(outbox);
    let contents = Contents::read_only(folder.path()).unwrap();
    assert_eq!(contents.streams().collect::<Vec<_>>(), [held(B, 1, 1)]);
    assert_eq!(contents.open_loss.map(|loss| (loss.count, loss.exact)), Some((3, false)));
}

#[test]
fn what_is_held_is_known_after_any_number_of_commits() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path(), A);
    let _ = outbox.append(&events(1..=3), None, false).unwrap();
    // Behind what the file has written down, at it, and just beyond it.
    for n in 4..MAX_UNCOUNTED + 9 {
        let event = if n % 3 == 0 { signals(1) } else { events(n..=n) };
        let (known, space) = (outbox.append(&event, None, false).unwrap(), outbox.space());
        assert_eq!(known, held(A, 1, n));
        if n % 50 == 0 || n >= MAX_UNCOUNTED {
            outbox.reopen().unwrap();
            assert_eq!((outbox.streams().collect::<Vec<_>>(), outbox.space()), (vec![known], space), "{n} events");
        }
    }
    let last = MAX_UNCOUNTED + 8;
    let _ = outbox.append(&events(1..=1), None, false).unwrap();
    assert!(outbox.delete_through(&[(A, last - 1)], u64::MAX).unwrap() > 0);
    let space = outbox.space();
    drop(outbox);
    let found = Contents::read_only(folder.path()).unwrap();
    assert_eq!(found.streams().collect::<Vec<_>>(), [held(A, last, last + 1)]);
    assert_eq!((found.bytes, found.signals), (space.held, space.signals));
    let mut outbox = open(folder.path(), B);
    let _ = outbox.append(&events(1..=2), None, false).unwrap();
    assert!(outbox.delete_through(&[(A, u64::MAX), (B, 1)], u64::MAX).unwrap() > 0);
    outbox.reopen().unwrap();
    assert_eq!(outbox.streams().collect::<Vec<_>>(), [held(A, last + 2, last + 1), held(B, 2, 2)]);
    assert_eq!(outbox.space().held, cost(&events(2..=2)[0]));
}

#[test]
fn an_outbox_of_a_version_that_counted_each_event_is_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path(), A);
    let _ = outbox.append(&events(1..=3), None, false).unwrap();
    let space = outbox.space();
    let transaction = outbox.database().unwrap().begin_write().unwrap();
    for name in ["counted-stream", "counted-seq"] {
        assert!(transaction.open_table(STATE).unwrap().remove(name).unwrap().is_some());
    }
    transaction.commit().unwrap();
    drop(outbox);
    let mut outbox = open(folder.path(), B);
    assert_eq!((outbox.streams().collect::<Vec<_>>(), outbox.space()), (vec![held(A, 1, 3)], space));
    let _ = outbox.append(&events(4..=4), None, false).unwrap();
    let space = outbox.space();
    outbox.reopen().unwrap();
    assert_eq!(outbox.space(), space);
}
