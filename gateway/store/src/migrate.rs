//! Bringing a database of an earlier program up to date, in the one transaction that also finds out that it is needed: a
//! process that is killed in the middle leaves the old database.

use std::collections::BTreeMap;

use delivery::batch;
use room_events::topic::AgentAddress;
use room_events::{StreamId, UtcMillis, wire};
use rusqlite::{Transaction, params};

use crate::desk::Entry;
use crate::filing::{EventKey, Filing};
use crate::quarantine::{Cause, Kept, foreign_reason};
use crate::reader::{address, damaged, seq_of};
use crate::sheet::Slot;
use crate::stream_owner::OWNERS_ROW;
use crate::{StoreError, schema};

/// From schema 1: conflicts stand among the events under a digest, what is in quarantine has a key that holds it once, and
/// the events of a stream that came under a second agent are in quarantine.
pub(crate) fn from_1(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    tracing::info!(from = 1, to = schema::SCHEMA_VERSION, "bringing the store up to date; a large one takes minutes");
    transaction.execute_batch(
        "ALTER TABLE events RENAME TO events_1;
         ALTER TABLE conflicts RENAME TO conflicts_1;
         ALTER TABLE quarantine RENAME TO quarantine_1;
         DROP INDEX events_by_place; DROP INDEX plans_by_room; DROP INDEX events_by_case;
         ALTER TABLE agents ADD COLUMN not_kept INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE streams ADD COLUMN boot BLOB;",
    )?;
    create_some(
        transaction,
        &[
            "CREATE TABLE clock_runs ",
            "CREATE TABLE sheets ",
            "CREATE TABLE cases ",
            "CREATE TABLE quarantine ",
            "CREATE INDEX ",
        ],
    )?;
    create_some(transaction, EXPORT_TABLES)?;
    let (mut agents, mut rooms, zones) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut filing = Filing::new(transaction, &mut agents, &mut rooms, &zones, UtcMillis::MIN);
    move_events(
        transaction,
        &mut filing,
        &format!(
            "SELECT stream, seq, x'', room, received, body FROM events_1
             WHERE stream IN (SELECT s.id FROM streams s WHERE s.id = coalesce(({OWNERS_ROW}), s.id))
             ORDER BY stream, seq"
        ),
    )?;
    move_quarantine(transaction, &mut filing)?;
    move_conflicts(transaction, &mut filing)?;
    move_foreign(transaction, &mut filing)?;
    let _ = filing.close()?;
    transaction.execute_batch("DROP TABLE events_1; DROP TABLE conflicts_1; DROP TABLE quarantine_1;")?;
    transaction.execute("UPDATE meta SET value = ?1 WHERE key = 'schema_version'", [schema::SCHEMA_VERSION])?;
    Ok(())
}

/// From schema 2, which lacks an index that is no longer there, or 3: what exporters go by.
pub(crate) fn from_3(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    create_some(transaction, EXPORT_TABLES)?;
    from_4(transaction)
}

/// From schema 4: events that came together stand on sheets. Exporters start again, which costs time and no truth: the file
/// may be a backup that was put back, and knows less than was sent.
pub(crate) fn from_4(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    tracing::info!(to = schema::SCHEMA_VERSION, "bringing the store up to date; a year's takes half a minute");
    transaction.execute_batch(
        "ALTER TABLE events RENAME TO events_4; DROP INDEX conflicts; DROP TABLE exports; UPDATE exported SET digest = 0;",
    )?;
    add_clocks(transaction)?;
    create_some(
        transaction,
        &[
            "CREATE TABLE sheets ",
            "CREATE TABLE cases ",
            "CREATE TABLE exports ",
            "CREATE INDEX sheets_by_number ",
            "CREATE INDEX conflicts ",
        ],
    )?;
    let (mut agents, mut rooms, zones) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut filing = Filing::new(transaction, &mut agents, &mut rooms, &zones, UtcMillis::MIN);
    move_events(
        transaction,
        &mut filing,
        "SELECT stream, seq, digest, room, received, body FROM events_4 ORDER BY stream, seq",
    )?;
    let _ = filing.close()?;
    transaction.execute_batch("DROP TABLE events_4;")?;
    transaction.execute("UPDATE meta SET value = ?1 WHERE key = 'schema_version'", [schema::SCHEMA_VERSION])?;
    Ok(())
}

/// From schema 5: boots and runs of clocks. What is stored stays where its clock put it.
pub(crate) fn from_5(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    add_clocks(transaction)?;
    transaction.execute("UPDATE meta SET value = ?1 WHERE key = 'schema_version'", [schema::SCHEMA_VERSION])?;
    Ok(())
}

fn add_clocks(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch("ALTER TABLE streams ADD COLUMN boot BLOB;")?;
    create_some(transaction, &["CREATE TABLE clock_runs ", "CREATE INDEX moved_runs "])
}

const EXPORT_TABLES: &[&str] =
    &["CREATE TABLE changes ", "CREATE TABLE exports ", "CREATE TABLE exported ", "CREATE TABLE dead_letters "];

/// Those of the present schema's statements that begin so.
fn create_some(transaction: &Transaction<'_>, beginnings: &[&str]) -> Result<(), StoreError> {
    for statement in schema::CREATE.split_inclusive(";\n") {
        if beginnings.iter().any(|beginning| statement.trim_start().starts_with(beginning)) {
            transaction.execute_batch(statement)?;
        }
    }
    Ok(())
}

/// Moves events that stood in rows of their own.
fn move_events(transaction: &Transaction<'_>, filing: &mut Filing<'_>, sql: &str) -> Result<(), StoreError> {
    let mut statement = transaction.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let digest = row.get_ref(2)?.as_bytes().map_err(|error| damaged("events", &error))?;
        let bytes = row.get_ref(5)?.as_bytes().map_err(|error| damaged("events", &error))?;
        // Only what could be decoded was ever filed there.
        let event = wire::decode(bytes).map_err(|error| damaged("events", &error))?;
        let entry = Entry {
            slot: Slot::of(row.get(3)?, row.get(0)?, &event),
            seq: seq_of(row.get(1)?)?,
            received: UtcMillis::saturating(row.get(4)?),
            case: event.obs.case(),
            bytes,
        };
        filing.desk.put_back(transaction, entry, digest)?;
    }
    Ok(())
}

fn move_quarantine(transaction: &Transaction<'_>, filing: &mut Filing<'_>) -> Result<(), StoreError> {
    let mut statement =
        transaction.prepare("SELECT agent, stream, seq, reason, received, bytes FROM quarantine_1 ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (agent, stream, seq): (i64, Option<[u8; 16]>, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (reason, bytes): (String, Vec<u8>) = (row.get(3)?, row.get(5)?);
        filing.received = UtcMillis::saturating(row.get(4)?);
        match stream.zip(seq) {
            None => {
                // What this program can read now, it reads when it is told to try again.
                let reason = batch::decode(&bytes).err().map_or(reason, |error| error.to_string());
                filing.keep_message(agent, &reason, &bytes)?;
            }
            Some((stream, seq)) => {
                let key = Some((StreamId(u128::from_be_bytes(stream)), seq_of(seq)?));
                let cause = wire::decode(&bytes).err().map_or(Cause::Event, |error| Cause::of(&error));
                filing.keep(&Kept { agent, key, cause, reason: &reason, bytes: &bytes })?;
            }
        }
    }
    Ok(())
}

fn move_conflicts(transaction: &Transaction<'_>, filing: &mut Filing<'_>) -> Result<(), StoreError> {
    let mut statement = transaction.prepare(&format!(
        "SELECT a.trust, a.site, a.agent, a.id, s.id, s.stream, c.seq, c.received, c.body
         FROM conflicts_1 c JOIN streams s ON s.id = c.stream JOIN agents a ON a.id = s.agent
         WHERE s.id = coalesce(({OWNERS_ROW}), s.id)"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let from = address(row)?;
        let body: Vec<u8> = row.get(8)?;
        // Only what could be decoded was ever compared with the event that had its number.
        let event = wire::decode(&body).map_err(|error| damaged("conflicts", &error))?;
        filing.received = UtcMillis::saturating(row.get(7)?);
        let key = EventKey {
            from: &from,
            agent: row.get(3)?,
            stream_row: row.get(4)?,
            stream: StreamId(u128::from_be_bytes(row.get(5)?)),
            seq: seq_of(row.get(6)?)?,
            may_be_known: true,
        };
        filing.store(key, &event, &body)?;
    }
    Ok(())
}

fn move_foreign(transaction: &Transaction<'_>, filing: &mut Filing<'_>) -> Result<(), StoreError> {
    let mut statement = transaction.prepare(&format!(
        "SELECT o.trust, o.site, o.agent, s.agent, s.stream, e.seq, e.received, e.body
         FROM (SELECT stream, seq, received, body FROM events_1 UNION ALL
               SELECT stream, seq, received, body FROM conflicts_1) e
         JOIN streams s ON s.id = e.stream
         JOIN streams first ON first.id = ({OWNERS_ROW}) AND first.id <> s.id
         JOIN agents o ON o.id = first.agent"
    ))?;
    let mut rows = statement.query(params![])?;
    while let Some(row) = rows.next()? {
        let owner: AgentAddress = address(row)?;
        let (agent, stream, seq): (i64, [u8; 16], i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let body: Vec<u8> = row.get(7)?;
        filing.received = UtcMillis::saturating(row.get(6)?);
        let key = Some((StreamId(u128::from_be_bytes(stream)), seq_of(seq)?));
        let reason = foreign_reason(&owner);
        filing.keep(&Kept { agent, key, cause: Cause::Foreign, reason: &reason, bytes: &body })?;
    }
    Ok(())
}
