//! The database file: tables, version, and how it is opened.
//!
//! ```text
//! touchtime.db        SQLite, WAL, synchronous=FULL: anyone can open it and look
//!   meta              schema version; the precedence of sources and the rooms of which only signals tell, as the collector was told; until when events were removed
//!   agents            trust, site, agent, as the topic said; how many unreadable messages were too many to keep
//!   streams           one run of one agent process, with its mark and the boot of its machine
//!   clock_runs        spans of a stream in which its machine's two clocks agreed, and by how much their events are moved
//!   rooms             every room seen or configured: kind, zone
//!   sheets            every accepted event, the bytes as they came: a row for those of one stream, room and day that
//!                     came together
//!   cases             in which rooms and on which days something is told of a case
//!   quarantine        what could not be decoded or came under a wrong agent, the bytes as they came
//!   gaps              sequence numbers declared gone by their agent
//!   changes           which rooms each commit touched, and where in time: what exporters go by; the newest 200,000
//!   exports           how far each exporter has come (nowhere: all is to be exported), and how often it was asked to start again
//!   exported          what each exporter has sent, so that what is no longer so can be taken back
//!   dead_letters      what a receiver of exports would not have, for people to see
//! touchtime.lock      held shared by each writer, alone by what replaces the database
//! collector.lock      held by the one collector of this store
//! collecting          whose messages the collector is storing, for the next one if it is killed
//! ```
//! A mark is `through` (all seqs up to it are accounted for) and `above`: ranges beyond it, 16 bytes each, first and last
//! seq as big-endian 64-bit numbers.
//!
//! `sheets.room` is 0 where the events are about no room. `shelf` is 0 for signs of life, 1 for plans, 2 for bookings, 3 for
//! all else. `day` is the day from 04:00 UTC that the events can touch: that of a milestone's own instant, a booking's or
//! plan's planned start, a correction's new instant; counted from 1970. `first` and `last` are the lowest and the highest
//! seq on the sheet, `n` how many events it has, `received` when the first came. In `events` each event is a line:
//!
//! ```text
//! <seq - first> <its receipt - received, ms> <length> <the bytes as they came>
//! ```
//!
//! `sheets.digest` is empty but for a *conflict*, another event under a number that was taken: it has a sheet of its own
//! with the first 16 bytes of the SHA-256 of its bytes. Of several events under one number the one with the lowest digest
//! has the empty one, whichever came first, so that every collector ends with the same events.
//!
//! `quarantine.stream` is empty and `seq` 0 where there was no readable envelope. `length` is that of the message or event;
//! `bytes` may hold only its beginning, `digest` is always that of the whole.

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// The schema that this program writes.
pub const SCHEMA_VERSION: i64 = 6;

pub(crate) const CREATE: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE agents (
    id INTEGER PRIMARY KEY, trust TEXT NOT NULL, site TEXT NOT NULL, agent TEXT NOT NULL,
    not_kept INTEGER NOT NULL DEFAULT 0,
    UNIQUE (trust, site, agent)
) STRICT;
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, agent INTEGER NOT NULL REFERENCES agents, stream BLOB NOT NULL,
    through INTEGER NOT NULL, above BLOB NOT NULL, last_received INTEGER NOT NULL, boot BLOB,
    UNIQUE (agent, stream)
) STRICT;
CREATE INDEX streams_by_name ON streams (stream);
CREATE TABLE clock_runs (
    stream INTEGER NOT NULL REFERENCES streams, first INTEGER NOT NULL, last INTEGER NOT NULL, base INTEGER NOT NULL,
    synchronised INTEGER NOT NULL, events INTEGER NOT NULL, shift INTEGER NOT NULL,
    PRIMARY KEY (stream, first, base, synchronised)
) STRICT, WITHOUT ROWID;
CREATE INDEX moved_runs ON clock_runs (stream) WHERE shift <> 0;
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY, trust TEXT NOT NULL, site TEXT NOT NULL, room TEXT NOT NULL,
    kind TEXT, zone TEXT, last_event INTEGER, last_alive INTEGER,
    UNIQUE (trust, site, room)
) STRICT;
CREATE TABLE sheets (
    room INTEGER NOT NULL, shelf INTEGER NOT NULL, day INTEGER NOT NULL, stream INTEGER NOT NULL REFERENCES streams,
    first INTEGER NOT NULL, digest BLOB NOT NULL, last INTEGER NOT NULL, n INTEGER NOT NULL, received INTEGER NOT NULL,
    events BLOB NOT NULL,
    PRIMARY KEY (room, shelf, day, stream, first, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX sheets_by_number ON sheets (stream, first, last);
CREATE INDEX conflicts ON sheets (stream, first) WHERE digest <> x'';
CREATE TABLE cases (
    token BLOB NOT NULL, room INTEGER NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (token, room, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT, agent INTEGER NOT NULL REFERENCES agents, stream BLOB NOT NULL,
    seq INTEGER NOT NULL, digest BLOB NOT NULL, cause TEXT NOT NULL, reason TEXT NOT NULL, received INTEGER NOT NULL,
    length INTEGER NOT NULL, bytes BLOB NOT NULL,
    UNIQUE (agent, stream, seq, digest)
) STRICT;
CREATE TABLE gaps (
    stream INTEGER NOT NULL REFERENCES streams, first INTEGER NOT NULL, last INTEGER NOT NULL, received INTEGER NOT NULL,
    PRIMARY KEY (stream, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, room INTEGER NOT NULL REFERENCES rooms,
    first INTEGER NOT NULL, last INTEGER NOT NULL, alive_only INTEGER NOT NULL
) STRICT;
CREATE TABLE exports (
    name TEXT PRIMARY KEY, through INTEGER, settings TEXT NOT NULL, asked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE exported (
    export TEXT NOT NULL, subject TEXT NOT NULL, digest INTEGER NOT NULL, points TEXT NOT NULL,
    PRIMARY KEY (export, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, export TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
    letter TEXT NOT NULL, UNIQUE (export, letter)
) STRICT;
";

/// Creates the tables in an empty file, brings those of an earlier program up to date, refuses those of a later one.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // A checkpoint each 4 MB keeps the log small without an fsync of the main file at every commit.
    connection.pragma_update(None, "wal_autocheckpoint", 1000)?;
    // Two writers that open a new folder at once must not both make the tables.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let empty: bool = transaction.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if empty {
        transaction.execute_batch(CREATE)?;
        transaction.execute("INSERT INTO meta VALUES ('schema_version', ?1)", [SCHEMA_VERSION])?;
    } else {
        match version(&transaction)? {
            SCHEMA_VERSION => {}
            1 => crate::migrate::from_1(&transaction)?,
            2 | 3 => crate::migrate::from_3(&transaction)?,
            4 => crate::migrate::from_4(&transaction)?,
            5 => crate::migrate::from_5(&transaction)?,
            found => return Err(StoreError::Newer { found, known: SCHEMA_VERSION }),
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Which schema a file has.
pub(crate) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT value FROM meta WHERE key = 'schema_version'", [], |row| row.get(0))?)
}

/// Refuses a file of another schema.
pub(crate) fn check_version(connection: &Connection) -> Result<(), StoreError> {
    match version(connection)? {
        SCHEMA_VERSION => Ok(()),
        found if found < SCHEMA_VERSION => Err(StoreError::Older { found, known: SCHEMA_VERSION }),
        found => Err(StoreError::Newer { found, known: SCHEMA_VERSION }),
    }
}
