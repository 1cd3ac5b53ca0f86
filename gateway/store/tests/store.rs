//! The store through its public face: what is committed is there once, and the marks say so after a restart.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod fixture;

use delivery::ack::RunId;
use fixture::{agent, booked, commit, event, message, minute, open, records_of, stamp};
use room_events::{
    Acquisition, Alive, ExamReached, ExamStage, Observation, PerformedStep, RoomId, RoomKind, SourceId, StepState,
    Token,
};
use store::{Committed, Reader, RoomSettings, StoreError, Writer};
use utilisation::timeline::Record;

fn through(done: &Committed) -> Vec<u64> {
    done.acknowledgements.iter().map(|a| a.ack.through).collect()
}

#[test]
fn an_event_is_stored_once_however_often_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let events = [stamp(1, minute(0)), stamp(2, minute(60))];
    let mut writer = open(dir.path());
    let done = commit(&mut writer, &[message(1, 1, &events), message(1, 1, &events[..1])]);
    assert_eq!((done.stored, done.duplicates, through(&done)), (2, 1, vec![2]));
    drop(writer);
    let done = commit(&mut open(dir.path()), &[message(1, 1, &events)]);
    assert_eq!((done.stored, done.duplicates, through(&done)), (0, 2, vec![2]));
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.count_events().unwrap(), 2);
}

#[test]
fn exams_are_read_from_every_room_and_from_none_without_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let exam = Token { key: 1, digest: 7 };
    let reached = ExamReached { exam, stage: ExamStage::Requested, modality: None, urgency: None };
    let nowhere = event("ct-1", minute(0), Observation::ExamStage(reached));
    let nowhere = String::from_utf8(nowhere).unwrap().replace(r#","room":"ct-1""#, "").into_bytes();
    let step = PerformedStep {
        step: exam,
        state: StepState::Completed,
        start: minute(60),
        end: Some(minute(70)),
        accessions: [exam].into_iter().collect(),
        visit: None,
        patient: None,
        protocol: None,
        reason: None,
    };
    let image = Acquisition {
        exam,
        series: None,
        step: None,
        first: minute(61),
        last: minute(69),
        visit: None,
        patient: None,
        protocol: None,
    };
    let events = [
        nowhere,
        event("ct-1", minute(60), Observation::Alive(Alive {})),
        event("ct-1", minute(70), Observation::PerformedStep(step)),
        booked("ct-1", 7, minute(60)),
        event("ct-2", minute(70), Observation::Acquisition(image)),
        stamp(8, minute(60)),
    ];
    assert_eq!(commit(&mut open(dir.path()), &[message(1, 1, &events)]).stored, 6);
    let mut found = Vec::new();
    let note = |record: &Record| found.push((record.id.seq.0, record.event.obs.kind()));
    Reader::open(dir.path()).unwrap().for_each_exam_record(note).unwrap();
    found.sort_unstable();
    assert_eq!(found, [(1, "exam_stage"), (3, "performed_step"), (5, "acquisition")]);
}

#[test]
fn a_hole_is_not_acknowledged_until_it_is_filled_even_across_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    assert_eq!(through(&commit(&mut writer, &[message(3, 1, &[stamp(3, minute(3))])])), [0]);
    drop(writer);
    let mut writer = open(dir.path());
    let done = commit(&mut writer, &[message(1, 1, &[stamp(1, minute(1)), stamp(2, minute(2))])]);
    assert_eq!(through(&done), [3]);
}

#[test]
fn what_was_given_up_is_a_counted_gap_that_shrinks_when_it_comes_after_all() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let done = commit(&mut writer, &[message(6, 6, &[stamp(6, minute(6))])]);
    assert_eq!((done.gone, through(&done)), (5, vec![6]));
    let done = commit(&mut writer, &[message(3, 3, &[stamp(3, minute(3))])]);
    // Its agent still holds 4 and 5, which are in no other place.
    assert_eq!((done.stored, through(&done)), (1, vec![3]));
    assert_eq!(through(&commit(&mut writer, &[message(6, 6, &[stamp(6, minute(6))])])), [6]);
    assert_eq!(Reader::open(dir.path()).unwrap().held().unwrap().gone, 4);
}

#[test]
fn a_span_brings_all_that_its_cases_rest_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let day = 24 * 60;
    let events = [
        booked("suite-1", 1, minute(0)),
        stamp(1, minute(10 * day)),
        booked("suite-1", 2, minute(5)),
        booked("suite-2", 2, minute(20 * day)),
        stamp(3, minute(30 * day)),
        event("suite-1", minute(1), Observation::Alive(Alive {})),
    ];
    let done = commit(&mut writer, &[message(1, 1, &events)]);
    assert_eq!(done.rooms.len(), 2);
    let reader = Reader::open(dir.path()).unwrap();
    let rooms = reader.rooms().unwrap();
    let mut seqs = std::collections::BTreeSet::new();
    let each = |record: &Record| {
        seqs.insert(record.id.seq.0);
    };
    reader.for_each_room_record_between(&rooms[0], minute(-60), minute(day), each).unwrap();
    assert_eq!(seqs, [1, 2, 3, 4].into(), "the late stamp of case 1 and the move of case 2 belong to it, case 3 not");
    assert_eq!(records_of(&reader, &rooms[0]), 5);
    assert_eq!(rooms[0].last_alive, Some(minute(1)));
    assert_eq!(rooms[0].last_event, Some(minute(30 * day)));
    assert_eq!(rooms[1].last_event, None, "a booking is no sign of life");
}

#[test]
fn rooms_keep_what_the_configuration_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let of = |room: &str| RoomSettings {
        trust: agent().trust,
        site: agent().site,
        room: RoomId::new(room).unwrap(),
        kind: RoomKind::Endoscopy,
        zone: chrono_tz::Europe::London,
    };
    writer.describe_rooms(&[of("suite-10"), of("suite-9")]).unwrap();
    let rooms = Reader::open(dir.path()).unwrap().rooms().unwrap();
    let names: Vec<_> = rooms.iter().map(|r| r.room.as_str()).collect();
    assert_eq!(names, ["suite-9", "suite-10"], "numbers in order");
    assert_eq!((rooms[0].kind, rooms[0].zone), (Some(RoomKind::Endoscopy), Some(chrono_tz::Europe::London)));
}

#[test]
fn a_missing_store_and_a_newer_one_are_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Reader::open(dir.path()).unwrap_err().to_string();
    assert!(missing.contains("has no store"), "{missing}");
    drop(open(dir.path()));
    let raw = rusqlite::Connection::open(dir.path().join(store::FILE_NAME)).unwrap();
    raw.execute("UPDATE meta SET value = 99", []).unwrap();
    assert!(matches!(Writer::open(dir.path(), RunId(1)), Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn a_reader_finds_the_precedence_that_the_collector_was_told_last() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), RunId(1)).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let mut check = |names: &[&str]| {
        let sources: Vec<_> = names.iter().map(|name| SourceId::new(name).unwrap()).collect();
        writer.describe_precedence(&sources).unwrap();
        assert_eq!(reader.precedence().unwrap(), sources);
    };
    check(&["scanner", "theatre-system"]);
    check(&["theatre-system"]);
    check(&[]);
    drop(writer);
    let older = tempfile::tempdir().unwrap();
    drop(Writer::open(older.path(), RunId(2)).unwrap());
    assert_eq!(Reader::open(older.path()).unwrap().precedence().unwrap(), []);
}
