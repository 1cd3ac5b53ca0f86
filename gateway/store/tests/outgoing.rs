//! What exporters go by.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;

use fixture::{booked, commit, message, minute, open, stamp};
use room_events::{Alive, Observation, UtcMillis};
use store::{Change, Exported, Exports, MOST_DEAD_LETTERS, Reader, Span};

fn changes(reader: &Reader, after: u64) -> Vec<(String, Span, bool)> {
    let changes = reader.changes_after(after).unwrap().unwrap();
    changes.into_iter().map(|Change { room, span, alive_only }| (room.room.to_string(), span, alive_only)).collect()
}

fn span(first: i64, last: i64) -> Span {
    Span { first: minute(first), last: minute(last) }
}

#[test]
fn each_commit_says_which_rooms_it_touched_and_a_duplicate_touches_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!((reader.last_change().unwrap(), changes(&reader, 0)), (0, Vec::new()));
    let first = message(1, 1, &[stamp(1, minute(5)), booked("suite-2", 2, minute(90)), stamp(1, minute(2))]);
    let _ = commit(&mut writer, std::slice::from_ref(&first));
    let expected = [("suite-1".to_owned(), span(2, 5), false), ("suite-2".to_owned(), span(90, 90), false)];
    assert_eq!(changes(&reader, 0), expected);
    let through = reader.last_change().unwrap();
    let _ = commit(&mut writer, &[first]);
    assert_eq!(changes(&reader, through), Vec::new());
    let alive = fixture::event("suite-1", minute(7), Observation::Alive(Alive {}));
    let _ = commit(&mut writer, &[message(4, 1, &[alive])]);
    assert_eq!(changes(&reader, through), [("suite-1".to_owned(), span(7, 7), true)]);
    assert_eq!(reader.changes_after(99).unwrap(), None, "a number of another database");
    drop(reader);
    let raw = rusqlite::Connection::open(dir.path().join(store::FILE_NAME)).unwrap();
    raw.execute_batch("DELETE FROM changes WHERE id <= 2").unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!((reader.changes_after(1).unwrap(), reader.changes_after(2).unwrap().map(|c| c.len())), (None, Some(1)));
}

#[test]
fn a_record_reaches_all_days_and_rooms_of_its_case() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let reader = Reader::open(dir.path()).unwrap();
    let _ = commit(&mut writer, &[message(1, 1, &[booked("suite-1", 1, minute(0)), stamp(1, minute(5))])]);
    let through = reader.last_change().unwrap();
    let _ = commit(&mut writer, &[message(3, 1, &[booked("suite-2", 1, minute(3000))])]);
    let change = reader.changes_after(through).unwrap().unwrap().remove(0);
    let reach: Vec<(String, Span)> =
        reader.reach(&change).unwrap().into_iter().map(|(room, span)| (room.room.to_string(), span)).collect();
    assert_eq!(reach, [("suite-1".to_owned(), span(0, 5)), ("suite-2".to_owned(), span(3000, 3000))]);
}

#[test]
fn an_exporter_goes_on_where_it_stopped_and_knows_what_it_sent() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let mut exports = Exports::open(dir.path(), "influxdb").unwrap();
    let nowhere = exports.position().unwrap();
    assert_eq!(nowhere.through, None);
    exports.advance(&nowhere, 7, "window").unwrap();
    let sent =
        |subject: &str, points: &str| Exported { subject: subject.to_owned(), digest: 5, points: points.to_owned() };
    exports.record(&[sent("list main.suite-1", "a"), sent("list main.suite-2", "b"), sent("month", "c")]).unwrap();
    exports.record(&[sent("list main.suite-2", "")]).unwrap();
    drop(exports);
    let mut exports = Exports::open(dir.path(), "influxdb").unwrap();
    let there = exports.position().unwrap();
    assert_eq!((there.through, there.settings.as_str()), (Some(7), "window"));
    assert_eq!(exports.subjects("list ").unwrap(), ["list main.suite-1"]);
    assert_eq!(exports.subjects_between("list main.suite-1", "month").unwrap(), ["list main.suite-1"]);
    assert_eq!(exports.sent("month").unwrap(), Some(sent("month", "c")));
    assert_eq!(exports.start_again(|subject| subject == "month").unwrap(), 1);
    assert_eq!((exports.position().unwrap().through, exports.sent("month").unwrap().unwrap().digest), (None, 0));
    // What was begun before it was asked to start again does not count.
    exports.advance(&there, 8, "window").unwrap();
    assert_eq!(exports.position().unwrap().through, None);
    let again = exports.position().unwrap();
    exports.advance(&again, 8, "window").unwrap();
    assert_eq!(exports.position().unwrap().through, Some(8));
    assert_eq!(exports.sent("list main.suite-1").unwrap().unwrap().digest, 5);
    assert_eq!(Exports::open(dir.path(), "other").unwrap().sent("month").unwrap(), None);
}

#[test]
fn the_newest_refused_letters_are_kept_once() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let mut exports = Exports::open(dir.path(), "influxdb").unwrap();
    let letters: Vec<(String, String)> =
        (0..MOST_DEAD_LETTERS + 3).map(|n| (format!("m v={n}"), "no".to_owned())).collect();
    exports.bury(&letters, UtcMillis::saturating(0)).unwrap();
    exports.bury(&[("m v=9".to_owned(), "still no".to_owned())], UtcMillis::saturating(5)).unwrap();
    let kept = exports.dead_letters().unwrap();
    assert_eq!((kept.len() as u64, kept[0].letter.as_str()), (MOST_DEAD_LETTERS, "m v=3"));
    assert!(kept.iter().any(|letter| letter.letter == "m v=9" && letter.reason == "still no"));
    assert_eq!((exports.clear_dead_letters().unwrap(), exports.dead_letters().unwrap().len()), (MOST_DEAD_LETTERS, 0));
}

#[test]
fn a_backup_that_is_put_back_makes_exporters_start_again() {
    let dir = tempfile::tempdir().unwrap();
    let _ = commit(&mut open(dir.path()), &[message(1, 1, &[stamp(1, minute(5))])]);
    let mut exports = Exports::open(dir.path(), "influxdb").unwrap();
    exports.advance(&store::Position::default(), 1, "window").unwrap();
    exports.record(&[Exported { subject: "list".to_owned(), digest: 5, points: "a".to_owned() }]).unwrap();
    drop(exports);
    let copy = dir.path().join("copy.db");
    store::backup(dir.path(), &copy).unwrap();
    store::restore(dir.path(), &copy, minute(9)).unwrap();
    let exports = Exports::open(dir.path(), "influxdb").unwrap();
    assert_eq!((exports.position().unwrap().through, exports.sent("list").unwrap().unwrap().digest), (None, 0));
}
