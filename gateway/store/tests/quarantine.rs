//! What is kept beside the events: conflicts, and the quarantine with its way back.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod fixture;

use std::path::Path;

use delivery::ack::Failed;
use fixture::{agent, agent_named, commit, commit_of, message, minute, open, stamp};
use room_events::Seq;
use store::{Cause, Committed, ForeignStreams, Inbound, Quarantined, Reader, Writer};

fn through(done: &Committed) -> Vec<u64> {
    done.acknowledgements.iter().map(|a| a.ack.through).collect()
}

fn quarantine(dir: &Path) -> Vec<Quarantined> {
    let mut rows = Vec::new();
    Reader::open(dir)
        .unwrap()
        .for_each_quarantined(|row| -> Result<(), store::StoreError> {
            rows.push(row);
            Ok(())
        })
        .unwrap();
    rows
}

/// Every stored body in order, as an export writes them.
fn bodies(dir: &Path) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    Reader::open(dir)
        .unwrap()
        .for_each_event(|_, _, _, bytes| -> Result<(), store::StoreError> {
            bodies.push(bytes.to_vec());
            Ok(())
        })
        .unwrap();
    bodies
}

fn raw(dir: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join(store::FILE_NAME)).unwrap()
}

#[test]
fn other_bytes_under_a_taken_number_are_kept_beside_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let _ = commit(&mut writer, &[message(1, 1, &[stamp(1, minute(1))])]);
    for expected in [1, 0] {
        let done = commit(&mut writer, &[message(1, 1, &[stamp(1, minute(2))])]);
        assert_eq!(done.conflicts, expected, "kept once");
        assert_eq!(done.acknowledgements[0].ack.conflicts.as_slice(), [Seq(1)], "told each time");
    }
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!((reader.count_events().unwrap(), reader.held().unwrap().conflicts), (1, 1));
}

#[test]
fn what_cannot_be_decoded_is_quarantined_and_its_neighbours_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let deep = [b"[".repeat(300), b"]".repeat(300)].concat();
    let events = [stamp(1, minute(1)), br#"{"v":9,"new":true}"#.to_vec(), deep, stamp(4, minute(4))];
    for quarantined in [2, 0] {
        let done = commit(&mut writer, &[message(1, 1, &events)]);
        assert_eq!((done.quarantined, through(&done)), (quarantined, vec![4]));
    }
    let done = commit(&mut writer, &[b"not a batch".to_vec()]);
    assert_eq!((done.quarantined, done.acknowledgements.len()), (1, 0));
    assert_eq!(Reader::open(dir.path()).unwrap().count_events().unwrap(), 2);
}

#[test]
fn two_collectors_keep_the_same_of_a_conflict_whichever_came_first() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut versions: Vec<_> = (1..=3).map(|n| message(1, 1, &[stamp(1, minute(n))])).collect();
    versions.push(message(1, 1, &[br#"{"v":9}"#.to_vec()]));
    let _ = commit(&mut open(one.path()), &versions);
    versions.reverse();
    for version in versions {
        let _ = commit(&mut open(two.path()), &[version]);
    }
    assert_eq!(bodies(one.path()), bodies(two.path()));
    assert_eq!(bodies(one.path()).len(), 3);
    for dir in [&one, &two] {
        let reader = Reader::open(dir.path()).unwrap();
        let held = reader.held().unwrap();
        assert_eq!((reader.count_events().unwrap(), held.conflicts, held.quarantined), (1, 2, 1));
        let rooms = reader.rooms().unwrap();
        assert_eq!(fixture::records_of(&reader, &rooms[0]), 3, "both count: nobody knows which is wrong");
    }
}

#[test]
fn a_stream_under_another_agent_is_set_aside_and_accounted_for() {
    let dir = tempfile::tempdir().unwrap();
    let other = agent_named("theatres-renamed");
    let mut writer = open(dir.path());
    let _ = commit(&mut writer, &[message(1, 1, &[stamp(1, minute(1))])]);
    let batch = message(1, 1, &[stamp(1, minute(1)), stamp(2, minute(2))]);
    let done = commit_of(&mut writer, &other, &[batch]);
    assert_eq!((done.stored, done.quarantined, through(&done)), (0, 2, vec![2]));
    let rows = quarantine(dir.path());
    assert!(rows.iter().all(|row| row.cause == Cause::Foreign && row.agent == other));
    assert!(rows[0].reason.contains("demo/main/theatres"), "{}", rows[0].reason);
    let kept = writer.retry_quarantine(None, ForeignStreams::Keep, minute(9)).unwrap();
    assert_eq!((kept.settled, kept.still), (0, 2));
    let done = writer.retry_quarantine(None, ForeignStreams::Accept, minute(9)).unwrap();
    assert_eq!((done.settled, done.stored, done.still), (2, 2, 0));
    assert_eq!(Reader::open(dir.path()).unwrap().count_events().unwrap(), 3);
}

/// What is stored and what is set aside, without when it came.
fn whole(dir: &Path) -> (Vec<String>, Vec<String>, Vec<String>, u64) {
    let reader = Reader::open(dir).unwrap();
    let mut stored = Vec::new();
    reader
        .for_each_event(|agent, id, _, bytes| -> Result<(), store::StoreError> {
            stored.push(format!("{agent} {id:?} {}", String::from_utf8_lossy(bytes)));
            Ok(())
        })
        .unwrap();
    let mut aside: Vec<_> = quarantine(dir)
        .iter()
        .map(|row| format!("{} {:?} {:?} {} {:?}", row.agent, row.key, row.cause, row.reason, row.bytes))
        .collect();
    aside.sort();
    let gaps = reader.gaps().unwrap();
    let gaps = gaps.iter().map(|gap| format!("{} {}", gap.agent, gap.seqs)).collect();
    (stored, aside, gaps, reader.held().unwrap().gone)
}

#[test]
fn a_stream_of_two_agents_ends_the_same_in_whatever_order_they_are_heard() {
    let (clone, first) = (agent_named("clone"), agent());
    let unreadable = br#"{"v":9}"#.to_vec();
    let messages = [
        (&first, message(1, 1, &[stamp(1, minute(1)), stamp(2, minute(2)), unreadable.clone()])),
        (&first, message(4, 1, &[stamp(4, minute(4)), stamp(5, minute(5))])),
        (&first, message(4, 1, &[stamp(4, minute(44))])),
        // The clone had lost its beginning when it was made.
        (&clone, message(3, 3, &[unreadable, stamp(4, minute(4))])),
        (&clone, message(5, 3, &[stamp(5, minute(5)), stamp(6, minute(6))])),
        // Numbers that nobody has.
        (&clone, message(9, 9, &[stamp(9, minute(9))])),
    ];
    let mut orders: Vec<Vec<usize>> = vec![vec![]];
    for n in 0..messages.len() {
        orders = orders
            .iter()
            .flat_map(|order| (0..=order.len()).map(move |place| (order, place)))
            .map(|(order, place)| [&order[..place], &[n], &order[place..]].concat())
            .collect();
    }
    let mut expected = None;
    // Some of all 720, in which each message comes at each place.
    for (n, order) in orders.iter().step_by(11).enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = open(dir.path());
        let inbound: Vec<_> =
            order.iter().map(|i| Inbound { from: messages[*i].0, payload: &messages[*i].1 }).collect();
        // At once or one by one.
        for some in inbound.chunks(1 + n % 6) {
            let _ = writer.commit(some, minute(100)).unwrap();
        }
        let whole = whole(dir.path());
        assert_eq!(&whole, expected.get_or_insert(whole.clone()), "{order:?}");
    }
    let (stored, aside, gaps, gone) = expected.unwrap();
    assert_eq!((orders.len(), stored.len(), aside.len()), (720, 4, 7));
    assert!(stored.iter().all(|event| event.starts_with("demo/main/clone")), "first by name, whoever came first");
    assert_eq!((gaps, gone), (vec!["demo/main/clone 7..=8".to_owned()], 2), "1 and 2 came from the other one");
}

#[test]
fn what_is_set_aside_for_another_owner_can_be_accepted_and_its_rooms_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let _ = commit(&mut writer, &[message(1, 1, &[stamp(1, minute(1)), stamp(2, minute(2))])]);
    // A closing batch has no events and makes nothing its agent's.
    let done = commit_of(&mut writer, &agent_named("clone"), &[message(3, 3, &[])]);
    assert_eq!((done.quarantined, Reader::open(dir.path()).unwrap().held().unwrap().gone), (0, 0));
    let done = commit_of(&mut writer, &agent_named("clone"), &[message(3, 3, &[stamp(3, minute(3))])]);
    assert_eq!((done.stored, done.quarantined, done.gone, done.rooms.len()), (1, 2, 0, 1));
    let done = commit_of(&mut writer, &agent_named("other"), &[message(1, 1, &[stamp(1, minute(1))])]);
    assert_eq!((done.stored, done.quarantined), (0, 1));
    let done = writer.retry_quarantine(None, ForeignStreams::Accept, minute(9)).unwrap();
    assert_eq!((done.settled, done.stored), (3, 3));
    // Once accepted it stays.
    let _ = commit_of(&mut writer, &agent_named("clone"), &[message(4, 3, &[stamp(4, minute(4))])]);
    assert_eq!(Reader::open(dir.path()).unwrap().count_events().unwrap(), 5);
}

#[test]
fn what_could_not_be_decoded_moves_to_the_events_once_it_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let good = stamp(2, minute(2));
    let done =
        commit(&mut writer, &[message(1, 1, &[stamp(1, minute(1)), br#"{"v":9}"#.to_vec(), br#"{"v":8}"#.to_vec()])]);
    assert_eq!(done.quarantined, 2);
    let _ = commit(&mut writer, &[b"{".to_vec()]);
    // An upgrade that reads version 9, in the only way that this version can play it.
    raw(dir.path()).execute("UPDATE quarantine SET bytes = ?1, length = length(?1) WHERE seq = 2", [&good]).unwrap();
    let envelope = message(4, 1, &[stamp(4, minute(4))]);
    raw(dir.path())
        .execute("UPDATE quarantine SET bytes = ?1, length = length(?1) WHERE seq = 0", [&envelope])
        .unwrap();
    let done = writer.retry_quarantine(None, ForeignStreams::Keep, minute(9)).unwrap();
    assert_eq!((done.settled, done.stored, done.still), (2, 2, 1));
    assert_eq!(bodies(dir.path()), [stamp(1, minute(1)), good, stamp(4, minute(4))]);
    assert_eq!(quarantine(dir.path()).iter().map(|row| row.key.unwrap().1).collect::<Vec<_>>(), [Seq(3)]);
    // The batch counts as taken: its agent is told so when it asks again.
    let done = commit(&mut writer, &[message(4, 1, &[stamp(4, minute(4))])]);
    assert_eq!((done.duplicates, through(&done)), (1, vec![4]));
}

#[test]
fn an_event_that_comes_again_after_an_upgrade_leaves_the_quarantine() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let good = stamp(1, minute(1));
    let _ = commit(&mut writer, &[message(1, 1, &[br#"{"v":9}"#.to_vec()])]);
    // The digest of `good`, as an earlier program would have written it down.
    let _ = commit(&mut writer, &[message(2, 1, std::slice::from_ref(&good))]);
    let other = message(2, 1, &[stamp(7, minute(7))]);
    let _ = commit(&mut writer, &[other]);
    let db = raw(dir.path());
    db.execute("DELETE FROM sheets WHERE first = 2", []).unwrap();
    db.execute(
        "UPDATE quarantine SET seq = 2, bytes = ?1, digest = ?2",
        rusqlite::params![&good, &sha256(&good)[..16]],
    )
    .unwrap();
    let done = commit(&mut writer, &[message(2, 1, &[good])]);
    assert_eq!((done.stored, done.conflicts), (1, 0));
    assert_eq!(quarantine(dir.path()), []);
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).to_vec()
}

#[test]
fn an_event_that_cannot_be_stored_is_halved_out_and_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    raw(dir.path())
        .execute_batch(
            "CREATE TRIGGER poison BEFORE INSERT ON sheets WHEN 2 BETWEEN NEW.first AND NEW.last
             BEGIN SELECT RAISE(ABORT, 'poison'); END",
        )
        .unwrap();
    let from = agent();
    let events = [stamp(1, minute(1)), stamp(2, minute(2)), stamp(3, minute(3))];
    let payload = message(1, 1, &events);
    let both = Inbound { from: &from, payload: &payload };
    let error = writer.commit(&[both], minute(9)).unwrap_err();
    let answer = writer.refuse(&both, &error, minute(9)).unwrap().unwrap();
    assert_eq!((answer.ack.through, answer.ack.failed), (0, Some(Failed { first: Seq(1), n: 3 })));
    assert_eq!(quarantine(dir.path()), []);

    let _ = commit(&mut writer, &[message(1, 1, &events[..1])]);
    let payload = message(2, 1, &events[1..2]);
    let alone = Inbound { from: &from, payload: &payload };
    let error = writer.commit(&[alone], minute(9)).unwrap_err();
    let answer = writer.refuse(&alone, &error, minute(9)).unwrap().unwrap();
    assert_eq!((answer.ack.through, answer.ack.failed), (2, None), "accounted for");
    assert_eq!(through(&commit(&mut writer, &[message(3, 1, &events[2..])])), [3]);
    let rows = quarantine(dir.path());
    assert_eq!((rows.len(), rows[0].cause, &rows[0].bytes), (1, Cause::Unreadable, &events[1]));

    // The same bytes in a stub are no second event, and a program without the fault takes them in.
    let again = writer.retry_quarantine(None, ForeignStreams::Keep, minute(9)).unwrap();
    assert_eq!((again.settled, again.still), (0, 1));
    raw(dir.path()).execute_batch("DROP TRIGGER poison").unwrap();
    let again = writer.retry_quarantine(None, ForeignStreams::Keep, minute(9)).unwrap();
    assert_eq!((again.settled, again.stored, again.conflicts), (1, 1, 0));
    assert_eq!(bodies(dir.path()), events);
}

#[test]
fn a_store_that_is_ill_makes_no_event_a_suspect() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let _ = commit(&mut writer, &[message(1, 1, &[stamp(1, minute(1))])]);
    let full = store::StoreError::Sqlite(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(13), None));
    let from = agent();
    let payload = message(2, 1, &[stamp(2, minute(2))]);
    let answer = writer.refuse(&Inbound { from: &from, payload: &payload }, &full, minute(9)).unwrap().unwrap();
    assert_eq!((answer.ack.through, answer.ack.failed), (1, Some(Failed { first: Seq(2), n: 1 })));
    assert_eq!(quarantine(dir.path()), []);
}

#[test]
fn unreadable_messages_of_one_agent_fill_no_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let most = store::MOST_MESSAGES_OF_AN_AGENT;
    let flood: Vec<_> = (0..most + 5).map(|n| format!("junk {n}").into_bytes()).collect();
    let _ = commit(&mut writer, &flood);
    let done = commit_of(&mut writer, &agent_named("honest"), &[b"one".to_vec()]);
    assert_eq!(done.quarantined, 1);
    let held = Reader::open(dir.path()).unwrap().held().unwrap();
    assert_eq!((quarantine(dir.path()).len() as u64, held.quarantined, held.not_kept), (most + 1, most + 1, 5));
}

#[test]
fn a_message_that_comes_again_is_kept_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer: Writer = open(dir.path());
    for _ in 0..3 {
        let _ = commit(&mut writer, &[b"not a batch".to_vec()]);
    }
    assert_eq!(quarantine(dir.path()).len(), 1);
}
