//! Databases of other versions of this program.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod fixture;

use std::path::Path;

use delivery::ack::RunId;
use fixture::{agent_named, commit, message, minute, open, records_of, stamp};
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
    assert!(matches!(refused, StoreError::Older { found: 1, known: 6 }), "{refused}");
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

/// Written by the program of schema 3: events 1 to 5, 7 and 10 of a stream, a conflict under 5, an event of version 9
/// under 6, nothing under 8 and 9. Case 1 was booked in `suite-1`, then a day later in `suite-2`.
const SCHEMA_3: &[u8] = include_bytes!("data/schema-3.db");

/// What makes a database of another schema out of one of schema 3.
const TO_2: &str = "DROP INDEX bookings_by_case; UPDATE meta SET value = 2 WHERE key = 'schema_version'";
const TO_4: &str = "
    CREATE TABLE changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, room INTEGER NOT NULL REFERENCES rooms,
        first INTEGER NOT NULL, last INTEGER NOT NULL, alive_only INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE exports (name TEXT PRIMARY KEY, through INTEGER NOT NULL, settings TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE exported (
        export TEXT NOT NULL, subject TEXT NOT NULL, digest INTEGER NOT NULL, points TEXT NOT NULL,
        PRIMARY KEY (export, subject)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE dead_letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT, export TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
        letter TEXT NOT NULL, UNIQUE (export, letter)
    ) STRICT;
    UPDATE meta SET value = 4 WHERE key = 'schema_version'";

#[test]
fn stores_of_schemas_2_to_4_are_brought_up_to_date_and_lose_nothing() {
    for (found, change) in [(2, TO_2), (3, ""), (4, TO_4)] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), SCHEMA_3).unwrap();
        let raw = rusqlite::Connection::open(dir.path().join(FILE_NAME)).unwrap();
        raw.execute_batch(change).unwrap();
        let before: Vec<(i64, i64, Vec<u8>)> = {
            let sql = "SELECT seq, received, body FROM events ORDER BY stream, seq, digest";
            let mut statement = raw.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        drop(raw);
        let refused = Reader::open(dir.path()).unwrap_err();
        assert!(matches!(refused, StoreError::Older { found: it, known: 6 } if it == found), "{refused}");

        let mut writer = open(dir.path());
        let new = tempfile::tempdir().unwrap();
        drop(open(new.path()));
        assert_eq!(tables(dir.path()), tables(new.path()));
        let reader = Reader::open(dir.path()).unwrap();
        let mut after = Vec::new();
        reader
            .for_each_event(|_, id, received, bytes| -> Result<(), StoreError> {
                after.push((id.seq.0 as i64, received.millis(), bytes.to_vec()));
                Ok(())
            })
            .unwrap();
        assert_eq!((after, before.len()), (before, 8));
        let held = reader.held().unwrap();
        assert_eq!((reader.count_events().unwrap(), held.conflicts, held.quarantined), (7, 1, 1));
        // Of `suite-1` a plan, a booking and three stamps, and the booking that moved the case away.
        assert_eq!(reader.rooms().unwrap().iter().map(|room| records_of(&reader, room)).collect::<Vec<_>>(), [6, 2]);

        // The mark goes on where it was, and knows what came.
        let stream = room_events::StreamId(u128::from_be_bytes([0xab; 16]));
        let message = |first: u64, bytes: &[u8]| {
            let mut buffer = vec![0; delivery::batch::MAX_BATCH_BYTES];
            let floor = room_events::Seq::FIRST;
            delivery::batch::encode(stream, room_events::Seq(first), floor, [bytes], &mut buffer).unwrap().to_vec()
        };
        let done = commit(&mut writer, &[message(10, &after_of(&reader, 10)), message(8, &stamp(8, minute(8)))]);
        assert_eq!((done.duplicates, done.stored, done.acknowledgements[0].ack.through), (1, 1, 8));
    }
}

#[test]
fn a_store_of_schema_5_is_brought_up_to_date_and_loses_nothing() {
    const TO_5: &str = "DROP TABLE clock_runs; ALTER TABLE streams DROP COLUMN boot;
        UPDATE meta SET value = 5 WHERE key = 'schema_version'";
    let dir = tempfile::tempdir().unwrap();
    let _ = commit(&mut open(dir.path()), &[message(1, 1, &[stamp(1, minute(1)), stamp(2, minute(2))])]);
    let new = tables(dir.path());
    let raw = rusqlite::Connection::open(dir.path().join(FILE_NAME)).unwrap();
    raw.execute_batch(TO_5).unwrap();
    drop(raw);
    assert!(matches!(Reader::open(dir.path()).unwrap_err(), StoreError::Older { found: 5, known: 6 }));
    let done = commit(&mut open(dir.path()), &[message(2, 1, &[stamp(2, minute(2)), stamp(3, minute(3))])]);
    assert_eq!((done.duplicates, done.stored), (1, 1));
    assert_eq!(tables(dir.path()), new);
}

/// The bytes of the event with that number.
fn after_of(reader: &Reader, seq: u64) -> Vec<u8> {
    let mut found = Vec::new();
    reader
        .for_each_event(|_, id, _, bytes| -> Result<(), StoreError> {
            if id.seq.0 == seq {
                found = bytes.to_vec();
            }
            Ok(())
        })
        .unwrap();
    found
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
        assert!(matches!(refused, StoreError::Newer { found: 99, known: 6 }), "{refused}");
        assert!(refused.to_string().contains("a newer one"), "{refused}");
    }
    assert_eq!(tables(dir.path()), before);
}
