//! The database file: tables, version, and how it is opened.
//!
//! ```text
//! touchtime.db        SQLite, WAL, synchronous=FULL: anyone can open it and look
//!   meta              schema version; the precedence of sources, as the collector was told
//!   agents            trust, site, agent, as the topic said
//!   streams           one run of one agent process, with its mark
//!   rooms             every room seen or configured: kind, zone
//!   events            every accepted event, the bytes as they came
//!   conflicts         another event under a key that was taken
//!   quarantine        what could not be decoded, the bytes as they came
//!   gaps              sequence numbers declared gone by their agent
//! ```
//! A mark is `through` (all seqs up to it are accounted for) and `above`: ranges beyond it, 16 bytes each, first and last
//! seq as big-endian 64-bit numbers.
//!
//! `events.place` is the instant that decides which day an event can touch: a milestone's own instant, a booking's or
//! plan's planned start, a correction's new instant.

use rusqlite::Connection;

use crate::StoreError;

/// The schema that this program writes.
pub const SCHEMA_VERSION: i64 = 1;

const CREATE: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE agents (
    id INTEGER PRIMARY KEY, trust TEXT NOT NULL, site TEXT NOT NULL, agent TEXT NOT NULL,
    UNIQUE (trust, site, agent)
) STRICT;
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, agent INTEGER NOT NULL REFERENCES agents, stream BLOB NOT NULL,
    through INTEGER NOT NULL, above BLOB NOT NULL, last_received INTEGER NOT NULL,
    UNIQUE (agent, stream)
) STRICT;
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY, trust TEXT NOT NULL, site TEXT NOT NULL, room TEXT NOT NULL,
    kind TEXT, zone TEXT, last_event INTEGER, last_alive INTEGER,
    UNIQUE (trust, site, room)
) STRICT;
CREATE TABLE events (
    stream INTEGER NOT NULL REFERENCES streams, seq INTEGER NOT NULL, room INTEGER REFERENCES rooms,
    kind TEXT NOT NULL, place INTEGER NOT NULL, case_token BLOB, received INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_place ON events (room, place) WHERE room IS NOT NULL AND kind <> 'alive';
CREATE INDEX plans_by_room ON events (room) WHERE kind = 'plan_revision';
CREATE INDEX events_by_case ON events (case_token) WHERE case_token IS NOT NULL;
CREATE TABLE conflicts (
    stream INTEGER NOT NULL REFERENCES streams, seq INTEGER NOT NULL, body BLOB NOT NULL, received INTEGER NOT NULL,
    PRIMARY KEY (stream, seq, body)
) STRICT, WITHOUT ROWID;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, agent INTEGER NOT NULL REFERENCES agents, stream BLOB, seq INTEGER, reason TEXT NOT NULL,
    received INTEGER NOT NULL, bytes BLOB NOT NULL,
    UNIQUE (agent, stream, seq, bytes)
) STRICT;
CREATE TABLE gaps (
    stream INTEGER NOT NULL REFERENCES streams, first INTEGER NOT NULL, last INTEGER NOT NULL, received INTEGER NOT NULL,
    PRIMARY KEY (stream, first)
) STRICT, WITHOUT ROWID;
";

/// Creates the tables in an empty file, or checks the version of a full one.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // A checkpoint each 4 MB keeps the log small without an fsync of the main file at every commit.
    connection.pragma_update(None, "wal_autocheckpoint", 1000)?;
    let empty: bool = connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if empty {
        let transaction = connection.transaction()?;
        transaction.execute_batch(CREATE)?;
        transaction.execute("INSERT INTO meta VALUES ('schema_version', ?1)", [SCHEMA_VERSION])?;
        transaction.commit()?;
    }
    check_version(connection)
}

/// Refuses a file of another schema.
pub(crate) fn check_version(connection: &Connection) -> Result<(), StoreError> {
    let found: i64 =
        connection.query_row("SELECT value FROM meta WHERE key = 'schema_version'", [], |row| row.get(0))?;
    if found != SCHEMA_VERSION {
        return Err(StoreError::Schema { found, known: SCHEMA_VERSION });
    }
    Ok(())
}
