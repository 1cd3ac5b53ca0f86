//! Databases of other versions of this program.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;

use std::path::Path;

use delivery::ack::RunId;
use fixture::{agent_named, booked, commit, message, minute, open, records_of, stamp};
use store::{Cause, FILE_NAME, Reader, StoreError, Writer};

/// Written by the program of schema 1: events 1, 2, 4, 10 and 20 of a stream, two conflicts under 2, an event of version 9
/// under 3, a gap from 5 to 9, one message without an envelope twice, and two events of the same stream under agent
/// `other`.
const SCHEMA_1: &[u8] = include_bytes!("data/schema-1.db");

fn old_store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), SCHEMA_1).unwrap();
    dir
}

/// Tables and indices, without the quotation marks that a renamed table gets.
fn tables(dir: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(dir.join(FILE_NAME)).unwrap();
    let mut statement = db.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name").unwrap();
    let words = |sql: String| sql.replace('"', "").split_whitespace().collect::<Vec<_>>().join(" ");
    statement.query_map([], |row| row.get(0).map(words)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_store_of_schema_1_is_brought_up_to_date_and_loses_nothing() {
    let dir = old_store();
    let refused = Reader::open(dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Older { found: 1, known: 4 }), "{refused}");
    assert!(refused.to_string().contains("touchtime upgrade"), "{refused}");

    let mut writer = Writer::open(dir.path(), RunId(3)).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let mut events = Vec::new();
    reader
        .for_each_event(|agent, id, received, _| -> Result<(), StoreError> {
            events.push((agent.agent.to_string(), id.seq.0, received));
            Ok(())
        })
        .unwrap();
    let of = |seq, after| ("theatres".to_owned(), seq, minute(after));
    let expected = [of(1, 61), of(2, 61), of(2, 62), of(2, 63), of(4, 71), of(10, 131), of(20, 141)];
    events.sort();
    assert_eq!(events, expected);
    let held = reader.held().unwrap();
    assert_eq!((held.conflicts, held.quarantined, held.gone), (2, 4, 5));
    let mut aside = Vec::new();
    reader
        .for_each_quarantined(|row| -> Result<(), StoreError> {
            aside.push((row.agent.agent.to_string(), row.key.map(|(_, seq)| seq.0), row.cause, row.received));
            Ok(())
        })
        .unwrap();
    let aside_of = |agent: &str, seq, cause, after| (agent.to_owned(), seq, cause, minute(after));
    assert_eq!(
        aside,
        [
            aside_of("theatres", Some(3), Cause::Version, 71),
            aside_of("theatres", None, Cause::Envelope, 150),
            aside_of("ward", Some(1), Cause::Foreign, 160),
            aside_of("ward", Some(2), Cause::Foreign, 160),
        ]
    );
    assert_eq!(reader.rooms().unwrap()[0].zone, Some(chrono_tz::Europe::London));
    assert_eq!(reader.precedence().unwrap().len(), 1);

    // The mark goes on where it was: 1 to 10 and 20 are accounted for.
    let done = commit(&mut writer, &[message(11, 10, &[stamp(4, minute(170))])]);
    assert_eq!((done.stored, done.acknowledgements[0].ack.through), (1, 11));
    let done = commit(&mut writer, &[message(1, 1, &[stamp(1, minute(0))])]);
    assert_eq!((done.duplicates, done.conflicts), (1, 0));
    let other = agent_named("ward");
    let again = message(2, 1, &[stamp(9, minute(5))]);
    let done = fixture::commit_of(&mut writer, &other, &[again]);
    assert_eq!((done.stored, done.duplicates, done.acknowledgements[0].ack.through), (0, 1, 2));
    drop(writer);

    let new = tempfile::tempdir().unwrap();
    drop(open(new.path()));
    assert_eq!(tables(dir.path()), tables(new.path()));
    drop(Writer::open(dir.path(), RunId(4)).unwrap());
    assert_eq!(reader.count_events().unwrap(), 6, "once more changes nothing");
}

#[test]
fn a_store_of_schema_2_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let _ = commit(&mut open(dir.path()), &[message(1, 1, &[booked("suite-1", 1, minute(0)), stamp(1, minute(5))])]);
    let new = tables(dir.path());
    // It lacks one index and what exporters go by, and nothing else.
    let raw = rusqlite::Connection::open(dir.path().join(FILE_NAME)).unwrap();
    raw.execute_batch(
        "DROP INDEX bookings_by_case; DROP TABLE changes; DROP TABLE exports; DROP TABLE exported;
         DROP TABLE dead_letters; UPDATE meta SET value = 2 WHERE key = 'schema_version'",
    )
    .unwrap();
    drop(raw);
    let refused = Reader::open(dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Older { found: 2, known: 4 }), "{refused}");

    drop(open(dir.path()));
    assert_eq!(tables(dir.path()), new);
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(records_of(&reader, &reader.rooms().unwrap()[0]), 2);
}

#[test]
fn a_store_of_a_later_program_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let raw = rusqlite::Connection::open(dir.path().join(FILE_NAME)).unwrap();
    raw.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'", []).unwrap();
    raw.execute_batch("DROP TABLE gaps").unwrap();
    let before = tables(dir.path());
    for refused in [Writer::open(dir.path(), RunId(1)).unwrap_err(), Reader::open(dir.path()).unwrap_err()] {
        assert!(matches!(refused, StoreError::Newer { found: 99, known: 4 }), "{refused}");
        assert!(refused.to_string().contains("a newer one"), "{refused}");
    }
    assert_eq!(tables(dir.path()), before);
}
