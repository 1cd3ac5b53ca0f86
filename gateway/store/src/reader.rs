//! Reading a store, beside the process that writes it: rooms, records of a room, everything for an export.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use room_events::topic::AgentAddress;
use room_events::wire;
use room_events::{
    AgentId, EventId, Observation, RoomId, RoomKind, Seq, SiteId, SourceId, StreamId, Token, TrustId, UtcMillis,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use utilisation::timeline::Record;

use crate::{StoreError, file_in, schema};

/// A read-only view; each question sees the newest commit.
#[derive(Debug)]
pub struct Reader {
    pub(crate) connection: Connection,
    dir: PathBuf,
}

/// A room as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRow {
    pub(crate) id: i64,
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: SiteId,
    /// Room.
    pub room: RoomId,
    /// What it is, where a configuration said so.
    pub kind: Option<RoomKind>,
    /// Its site's zone, where a configuration said so.
    pub zone: Option<Tz>,
    /// Event time of the newest event that is not a sign of life.
    pub last_event: Option<UtcMillis>,
    /// Event time of the newest sign of life of a feed.
    pub last_alive: Option<UtcMillis>,
}

/// One of several events under one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Whose.
    pub agent: AgentAddress,
    /// The number.
    pub id: EventId,
    /// What tells this one from the others.
    pub digest: Vec<u8>,
    /// What it is about.
    pub kind: String,
    /// When it came.
    pub received: UtcMillis,
}

/// What did not become part of the figures, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Messages and events in quarantine.
    pub quarantined: u64,
    /// Unreadable messages beyond those of an agent that are kept.
    pub not_kept: u64,
    /// Events under a key that was taken.
    pub conflicts: u64,
    /// Sequence numbers that their agent declared gone and no other one sent.
    pub gone: u64,
}

/// SQLite maps no more than 2 GiB, whatever it is told; what lies beyond is read.
const MOST_MAPPED_BYTES: i64 = 1 << 31;

const RECORD: &str = "SELECT e.stream, e.seq, e.body FROM events e";

/// A room's own records.
fn own_records_sql() -> String {
    format!("{RECORD} WHERE e.room = ?1 AND e.kind <> 'alive'")
}

/// A case's bookings in other rooms.
fn bookings_elsewhere_sql() -> String {
    format!("{RECORD} WHERE e.case_token = ?1 AND e.kind = 'booking' AND e.room <> ?2")
}

impl Reader {
    pub(crate) const COUNT_EVENTS: &str = "SELECT count(*) FROM events WHERE digest = x''";

    /// Opens the store in `dir` for reading.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let file = file_in(dir);
        if !file.is_file() {
            return Err(StoreError::Missing(dir.to_owned()));
        }
        // Not SQLITE_OPEN_READ_ONLY: the last reader of a WAL database must be able to make its shared-memory file.
        let connection =
            Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
                .map_err(|error| StoreError::of_file(&file, error))?;
        connection.pragma_update(None, "query_only", true)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        schema::check_version(&connection).map_err(|error| error.of(&file))?;
        Ok(Self { connection, dir: dir.to_owned() })
    }

    /// Another view of the same store for a thread that reads most of it: the file is mapped into memory, since a room's
    /// records are spread over it and each page would be read many times. A disk that fails under it ends the process, so
    /// it is for commands, not for a collector.
    pub fn another_mapped(&self) -> Result<Self, StoreError> {
        let other = Self::open(&self.dir)?;
        other.connection.pragma_update(None, "mmap_size", MOST_MAPPED_BYTES)?;
        Ok(other)
    }

    /// Sources in the order in which the collector's configuration trusts them, the best first; none where it named none.
    pub fn precedence(&self) -> Result<Vec<SourceId>, StoreError> {
        let names: Option<String> = self
            .connection
            .query_row("SELECT value FROM meta WHERE key = 'precedence'", [], |row| row.get(0))
            .optional()?;
        let names = names.unwrap_or_default();
        names.split_whitespace().map(|name| name.parse().map_err(|error| damaged("meta", &error))).collect()
    }

    /// Every room seen or configured, in order of trust, site and room.
    pub fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, trust, site, room, kind, zone, last_event, last_alive FROM rooms ORDER BY trust, site, room",
        )?;
        let mut rows = statement.query([])?;
        let mut rooms = Vec::new();
        while let Some(row) = rows.next()? {
            rooms.push(RoomRow {
                id: row.get(0)?,
                trust: text(row, 1, "rooms")?,
                site: text(row, 2, "rooms")?,
                room: text(row, 3, "rooms")?,
                kind: row.get::<_, Option<String>>(4)?.and_then(|name| RoomKind::from_name(&name)),
                zone: row.get::<_, Option<String>>(5)?.and_then(|name| name.parse().ok()),
                last_event: row.get::<_, Option<i64>>(6)?.map(UtcMillis::saturating),
                last_alive: row.get::<_, Option<i64>>(7)?.map(UtcMillis::saturating),
            });
        }
        rooms.sort_by(|a, b| {
            (&a.trust, &a.site, natural(a.room.as_str())).cmp(&(&b.trust, &b.site, natural(b.room.as_str())))
        });
        Ok(rooms)
    }

    /// Calls `each` with all records of a room but its signs of life, and with the bookings in other rooms of the cases
    /// booked here, since the last one may have moved a case away.
    pub fn for_each_room_record(&self, room: &RoomRow, mut each: impl FnMut(&Record)) -> Result<(), StoreError> {
        // Both questions are about one moment.
        let moment = self.connection.unchecked_transaction()?;
        let mut streams = Streams::of(&moment);
        let mut booked = Vec::new();
        streams.for_each_record(&own_records_sql(), params![room.id], |record| {
            if let Observation::Booking(booking) = &record.event.obs {
                booked.push(booking.case);
            }
            each(record);
        })?;
        booked.sort_unstable();
        booked.dedup();
        let sql = bookings_elsewhere_sql();
        for case in booked {
            streams.for_each_record(&sql, params![case_blob(case), room.id], &mut each)?;
        }
        Ok(())
    }

    /// Calls `each` with what the sessions of a span rest on: the records of a room that are filed in it, all other records of the cases
    /// among them with their bookings in any room, and every revision of the room's plans, since a session may have been
    /// moved into the span.
    pub fn for_each_room_record_between(
        &self,
        room: &RoomRow,
        from: UtcMillis,
        to: UtcMillis,
        each: impl FnMut(&Record),
    ) -> Result<(), StoreError> {
        let sql = format!(
            "{RECORD} WHERE e.room = ?1 AND e.kind <> 'alive' AND e.place >= ?2 AND e.place < ?3
             UNION
             {RECORD} WHERE (e.room = ?1 OR e.kind = 'booking') AND e.case_token IN (
                SELECT case_token FROM events WHERE room = ?1 AND kind <> 'alive' AND place >= ?2 AND place < ?3
                AND case_token IS NOT NULL)
             UNION
             {RECORD} WHERE e.room = ?1 AND e.kind = 'plan_revision'"
        );
        Streams::of(&self.connection).for_each_record(&sql, params![room.id, from.millis(), to.millis()], each)
    }

    /// When a room's feed was alive, from `from` to before `to`, in order.
    pub fn room_alive(&self, room: &RoomRow, from: UtcMillis, to: UtcMillis) -> Result<Vec<UtcMillis>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT place FROM events WHERE room = ?1 AND kind = 'alive' AND place >= ?2 AND place < ?3 ORDER BY place",
        )?;
        let mut rows = statement.query(params![room.id, from.millis(), to.millis()])?;
        let mut alive = Vec::new();
        while let Some(row) = rows.next()? {
            alive.push(UtcMillis::saturating(row.get(0)?));
        }
        Ok(alive)
    }

    /// Calls `each` with every event, those in conflict too: agent, id, when it was received, and the bytes as they came, in order of agent,
    /// stream and seq. Stops at the first error that `each` returns.
    pub fn for_each_event<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(&AgentAddress, EventId, UtcMillis, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = "SELECT a.trust, a.site, a.agent, s.stream, e.seq, e.body, e.received
            FROM agents a JOIN streams s ON s.agent = a.id JOIN events e ON e.stream = s.id
            ORDER BY a.trust, a.site, a.agent, s.id, e.seq, e.digest";
        let mut statement = self.connection.prepare(sql).map_err(StoreError::from)?;
        let mut rows = statement.query([]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let (agent, id) = key(row)?;
            let body = row.get_ref(5).map_err(StoreError::from)?;
            let bytes = body.as_bytes().map_err(|error| damaged("events", &error))?;
            let received: i64 = row.get(6).map_err(StoreError::from)?;
            each(&agent, id, UtcMillis::saturating(received), bytes)?;
        }
        Ok(())
    }

    /// The latest instant under which a record of a room is filed: the day to show when today is empty.
    pub fn last_place(&self) -> Result<Option<UtcMillis>, StoreError> {
        let mut latest = None;
        for room in self.rooms()? {
            let mut statement =
                self.connection.prepare_cached("SELECT max(place) FROM events WHERE room = ?1 AND kind <> 'alive'")?;
            let place: Option<i64> = statement.query_row([room.id], |row| row.get(0))?;
            latest = latest.max(place);
        }
        Ok(latest.map(UtcMillis::saturating))
    }

    /// What did not become part of the figures.
    pub fn held(&self) -> Result<Held, StoreError> {
        Ok(Held {
            quarantined: self.count("SELECT count(*) FROM quarantine")?,
            not_kept: self.count("SELECT coalesce(sum(not_kept), 0) FROM agents")?,
            conflicts: self.count("SELECT count(*) FROM events WHERE digest <> x''")?,
            gone: self.gaps()?.iter().map(|gap| gap.seqs.count()).sum(),
        })
    }

    /// Every event whose number another one has, in order of agent, stream and number.
    pub fn conflicts(&self) -> Result<Vec<Conflict>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT a.trust, a.site, a.agent, s.stream, e.seq, e.digest, e.kind, e.received
             FROM events e JOIN streams s ON s.id = e.stream JOIN agents a ON a.id = s.agent
             WHERE e.digest <> x'' ORDER BY a.trust, a.site, a.agent, s.id, e.seq, e.digest",
        )?;
        let mut rows = statement.query([])?;
        let mut conflicts = Vec::new();
        while let Some(row) = rows.next()? {
            let (agent, id) = key(row)?;
            let received = UtcMillis::saturating(row.get(7)?);
            conflicts.push(Conflict { agent, id, digest: row.get(5)?, kind: row.get(6)?, received });
        }
        Ok(conflicts)
    }

    /// How many events are stored, those in conflict left out; reads all keys.
    pub fn count_events(&self) -> Result<u64, StoreError> {
        self.count(Self::COUNT_EVENTS)
    }

    pub(crate) fn count(&self, sql: &str) -> Result<u64, StoreError> {
        let n: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(n).unwrap_or(0))
    }
}

/// The streams of one question's records, each looked up once: a room's records are of few.
struct Streams<'c> {
    connection: &'c Connection,
    known: BTreeMap<i64, (AgentAddress, StreamId)>,
}

impl<'c> Streams<'c> {
    fn of(connection: &'c Connection) -> Self {
        Self { connection, known: BTreeMap::new() }
    }

    fn for_each_record(
        &mut self,
        sql: &str,
        parameters: &[&dyn rusqlite::ToSql],
        mut each: impl FnMut(&Record),
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            let (agent, stream) = self.find(row.get(0)?)?;
            let id = EventId { stream: *stream, seq: seq_of(row.get(1)?)? };
            let body = row.get_ref(2)?;
            let bytes = body.as_bytes().map_err(|error| damaged("events", &error))?;
            let event = wire::decode(bytes).map_err(|error| damaged("events", &error))?;
            each(&Record { id, agent: agent.clone(), event });
        }
        Ok(())
    }

    fn find(&mut self, row: i64) -> Result<&(AgentAddress, StreamId), StoreError> {
        match self.known.entry(row) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let mut statement = self.connection.prepare_cached(
                    "SELECT a.trust, a.site, a.agent, s.stream FROM streams s JOIN agents a ON a.id = s.agent WHERE s.id = ?1",
                )?;
                let mut rows = statement.query([row])?;
                let found = rows.next()?.ok_or_else(|| damaged("events", &"a stream's row is missing"))?;
                Ok(new.insert((address(found)?, stream_of(found)?)))
            }
        }
    }
}

fn key(row: &Row<'_>) -> Result<(AgentAddress, EventId), StoreError> {
    let agent = address(row)?;
    Ok((agent, EventId { stream: stream_of(row)?, seq: seq_of(row.get(4)?)? }))
}

fn stream_of(row: &Row<'_>) -> Result<StreamId, StoreError> {
    Ok(StreamId(u128::from_be_bytes(row.get(3)?)))
}

fn seq_of(seq: i64) -> Result<Seq, StoreError> {
    u64::try_from(seq).map(Seq).map_err(|error| damaged("events", &error))
}

/// An agent whose trust, site and name are the first columns.
pub(crate) fn address(row: &Row<'_>) -> Result<AgentAddress, StoreError> {
    Ok(AgentAddress {
        trust: text(row, 0, "agents")?,
        site: text(row, 1, "agents")?,
        agent: text::<AgentId>(row, 2, "agents")?,
    })
}

fn text<T: std::str::FromStr<Err: std::fmt::Display>>(
    row: &Row<'_>,
    column: usize,
    table: &'static str,
) -> Result<T, StoreError> {
    let value = row.get_ref(column)?;
    let text = value.as_str().map_err(|error| damaged(table, &error))?;
    text.parse().map_err(|error| damaged(table, &error))
}

pub(crate) fn damaged(table: &'static str, problem: &impl std::fmt::Display) -> StoreError {
    StoreError::Damaged { table, problem: problem.to_string() }
}

/// A token as it is filed: key id, then the digest.
pub(crate) fn case_blob(case: Token) -> [u8; 17] {
    let mut blob = [case.key; 17];
    blob[1..].copy_from_slice(&case.digest.to_be_bytes());
    blob
}

/// Digits compare as numbers, so that suite-10 comes after suite-9.
fn natural(text: &str) -> Vec<(bool, u64, String)> {
    let mut parts: Vec<(bool, u64, String)> = Vec::new();
    for c in text.chars() {
        let digit = c.is_ascii_digit();
        match parts.last_mut() {
            Some((was_digit, number, part)) if *was_digit == digit => {
                part.push(c);
                *number = if digit { part.parse().unwrap_or(u64::MAX) } else { 0 };
            }
            Some(_) | None => parts.push((digit, c.to_digit(10).map_or(0, u64::from), c.to_string())),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_read_without_a_walk_through_the_whole_store() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(crate::schema::CREATE).unwrap();
        let steps = |sql: String| -> String {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = rusqlite::params_from_iter(vec![1; plan.parameter_count()]);
            let steps = plan.query_map(parameters, |row| row.get::<_, String>("detail")).unwrap();
            steps.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
        };
        assert!(steps(own_records_sql()).contains("SEARCH e USING INDEX events_by_place"));
        assert!(steps(bookings_elsewhere_sql()).contains("SEARCH e USING INDEX bookings_by_case"));
    }
}
