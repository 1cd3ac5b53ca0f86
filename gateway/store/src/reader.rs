//! Reading a store, beside the process that writes it: rooms, records of a room, everything for an export.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use room_events::topic::AgentAddress;
use room_events::wire;
use room_events::{
    AgentId, EventId, Observation, RoomId, RoomKind, Seq, SiteId, SourceId, StreamId, Token, TrustId, UtcMillis,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use utilisation::occupancy::OccupancyRules;
use utilisation::timeline::Record;

use crate::running_time::{self, Moved};
use crate::sheet::{Shelf, day_of, lines};
use crate::writer::RoomOccupancy;
use crate::{StoreError, file_in, place_of, schema};

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
    /// How its occupancy is inferred from signals, where a configuration said so.
    pub occupancy: Option<Box<OccupancyRules>>,
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

const SHEET: &str = "SELECT stream, first, received, events FROM sheets";

/// A room's own records.
fn own_records_sql() -> String {
    format!("{SHEET} WHERE room = ?1 AND shelf > 0")
}

/// What stands on a shelf of a room.
fn shelf_sql() -> String {
    format!("{SHEET} WHERE room = ?1 AND shelf = ?2")
}

/// A room's plans.
fn plans_sql() -> String {
    format!("{SHEET} WHERE room = ?1 AND shelf = 1")
}

/// What stands on a shelf of a room for some days.
pub(crate) fn days_sql() -> String {
    format!("{SHEET} WHERE room = ?1 AND shelf = ?2 AND day >= ?3 AND day <= ?4")
}

const CASES_DAYS: &str = "SELECT room, day FROM cases WHERE token = ?1";

/// Where events stand that are about no room.
pub(crate) const NO_ROOM: i64 = 0;

/// The records of some cases that stand in a room on a day.
pub(crate) type CasesAt = BTreeMap<(i64, i64), BTreeSet<Token>>;

impl Reader {
    pub(crate) const COUNT_EVENTS: &str = "SELECT coalesce(sum(n), 0) FROM sheets WHERE digest = x''";

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
    /// it is not for what a collector does with each event.
    pub fn another_mapped(&self) -> Result<Self, StoreError> {
        let other = Self::open(&self.dir)?;
        other.connection.pragma_update(None, "mmap_size", MOST_MAPPED_BYTES)?;
        Ok(other)
    }

    /// Whether any agent's stream of this name is known.
    pub fn has_stream(&self, stream: StreamId) -> Result<bool, StoreError> {
        let known = self
            .connection
            .prepare_cached("SELECT 1 FROM streams WHERE stream = ?1")?
            .exists(params![stream.0.to_be_bytes()])?;
        Ok(known)
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

    /// In which rooms occupancy is inferred, by which rules.
    fn occupancy(&self) -> Result<Vec<RoomOccupancy>, StoreError> {
        let text: Option<String> = self
            .connection
            .query_row("SELECT value FROM meta WHERE key = 'occupancy'", [], |row| row.get(0))
            .optional()?;
        text.map_or(Ok(Vec::new()), |text| serde_json::from_str(&text).map_err(|error| damaged("meta", &error)))
    }

    /// Every room seen or configured, in order of trust, site and room.
    pub fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, trust, site, room, kind, zone, last_event, last_alive FROM rooms ORDER BY trust, site, room",
        )?;
        let inferred = self.occupancy()?;
        let mut rows = statement.query([])?;
        let mut rooms = Vec::new();
        while let Some(row) = rows.next()? {
            let (trust, site, room) = (text(row, 1, "rooms")?, text(row, 2, "rooms")?, text(row, 3, "rooms")?);
            let is_this = |one: &&RoomOccupancy| one.trust == trust && one.site == site && one.room == room;
            let occupancy = inferred.iter().find(is_this).map(|one| Box::new(one.rules.clone()));
            rooms.push(RoomRow {
                id: row.get(0)?,
                trust,
                site,
                room,
                occupancy,
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
        // All questions are about one moment.
        let moment = self.connection.unchecked_transaction()?;
        let mut streams = Streams::of(&moment)?;
        let mut booked = Vec::new();
        streams.for_each_record(&own_records_sql(), params![room.id], |record| {
            if let Observation::Booking(booking) = &record.event.obs {
                booked.push(booking.case);
            }
            each(record);
        })?;
        booked.sort_unstable();
        booked.dedup();
        let mut elsewhere = CasesAt::new();
        for case in booked {
            add_days_of(&moment, case, &mut elsewhere)?;
        }
        elsewhere.retain(|(at, _), _| *at != room.id && *at != NO_ROOM);
        streams.for_each_of_cases(&elsewhere, Shelf::Bookings, each)
    }

    /// Calls `each` with what the sessions of a span rest on: the records of a room that are filed in it, all other records of the cases
    /// among them with their bookings in any room, and every revision of the room's plans, since a session may have been
    /// moved into the span. Nothing of a span that ends where it begins.
    pub fn for_each_room_record_between(
        &self,
        room: &RoomRow,
        from: UtcMillis,
        to: UtcMillis,
        mut each: impl FnMut(&Record),
    ) -> Result<(), StoreError> {
        if to <= from {
            return Ok(());
        }
        let moment = self.connection.unchecked_transaction()?;
        let mut streams = Streams::of(&moment)?;
        streams.for_each_record(&plans_sql(), params![room.id], &mut each)?;
        let (first, last) = (day_of(from), day_of(to.plus_millis(-1)));
        let mut cases = BTreeSet::new();
        // What is filed on the span's first and last day but outside of it belongs to it only with its case.
        let mut at_the_edges = Vec::new();
        for shelf in [Shelf::Bookings, Shelf::Rest] {
            streams.for_each_of_days(room.id, shelf, [from, to.plus_millis(-1)], |record| {
                let place = place_of(&record.event);
                if from <= place && place < to {
                    cases.extend(record.event.obs.case());
                    each(record);
                } else {
                    at_the_edges.push(record.clone());
                }
            })?;
        }
        at_the_edges.iter().filter(|r| r.event.obs.case().is_some_and(|c| cases.contains(&c))).for_each(&mut each);
        let mut days = CasesAt::new();
        for case in cases {
            add_days_of(&moment, case, &mut days)?;
        }
        let (mut own, elsewhere): (CasesAt, CasesAt) = days.into_iter().partition(|((at, _), _)| *at == room.id);
        own.retain(|(_, day), _| *day < first || *day > last);
        // What a wrong clock filed under other days was read with the days where it belongs.
        let mut not_read = |record: &Record| {
            if !(first..=last).contains(&day_of(place_of(&record.event))) {
                each(record);
            }
        };
        streams.for_each_of_cases(&own, Shelf::Bookings, &mut not_read)?;
        streams.for_each_of_cases(&own, Shelf::Rest, not_read)?;
        streams.for_each_of_cases(&elsewhere, Shelf::Bookings, each)
    }

    /// When a room's feed was alive, from `from` to before `to`, in order.
    pub fn room_alive(&self, room: &RoomRow, from: UtcMillis, to: UtcMillis) -> Result<Vec<UtcMillis>, StoreError> {
        if to <= from {
            return Ok(Vec::new());
        }
        let mut alive = Vec::new();
        let days = [from, to.plus_millis(-1)];
        Streams::of(&self.connection)?
            .for_each_of_days(room.id, Shelf::Alive, days, |record| alive.push(record.event.at))?;
        alive.retain(|at| from <= *at && *at < to);
        alive.sort_unstable();
        alive.dedup();
        Ok(alive)
    }

    /// Calls `each` with every record that tells of the way of an exam: its stages, its steps and its images, in any room and in none.
    /// Signs of life, plans and bookings, most of what a scanner's store holds, are not read.
    pub fn for_each_exam_record(&self, mut each: impl FnMut(&Record)) -> Result<(), StoreError> {
        let moment = self.connection.unchecked_transaction()?;
        let mut streams = Streams::of(&moment)?;
        let rooms = self.rooms()?.into_iter().map(|room| room.id).chain([NO_ROOM]);
        for room in rooms {
            streams.for_each_record(&shelf_sql(), params![room, Shelf::Rest as i64], |record| {
                match record.event.obs {
                    Observation::ExamStage(_) | Observation::PerformedStep(_) | Observation::Acquisition(_) => {
                        each(record)
                    }
                    Observation::Milestone(_)
                    | Observation::Correction(_)
                    | Observation::Cancellation(_)
                    | Observation::PlanRevision(_)
                    | Observation::Booking(_)
                    | Observation::SignalLevel(_)
                    | Observation::Alive(_)
                    | Observation::Remark(_)
                    | Observation::EventsLost(_)
                    | Observation::AgentStarted(_) => {}
                }
            })?;
        }
        Ok(())
    }

    /// Calls `each` with every event, those in conflict too: agent, id, when it was received, and the bytes as they came, in order of agent,
    /// stream and seq. Stops at the first error that `each` returns.
    pub fn for_each_event<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(&AgentAddress, EventId, UtcMillis, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let moment = self.connection.unchecked_transaction().map_err(StoreError::from)?;
        let mut streams = Vec::new();
        {
            let mut statement = moment
                .prepare(
                    "SELECT a.trust, a.site, a.agent, s.stream, s.id FROM agents a JOIN streams s ON s.agent = a.id
                     ORDER BY a.trust, a.site, a.agent, s.id",
                )
                .map_err(StoreError::from)?;
            let mut rows = statement.query([]).map_err(StoreError::from)?;
            while let Some(row) = rows.next().map_err(StoreError::from)? {
                let id: i64 = row.get(4).map_err(StoreError::from)?;
                streams.push((address(row)?, stream_of(row)?, id));
            }
        }
        for (agent, stream, id) in streams {
            in_order(&moment, id, |seq, received, bytes| each(&agent, EventId { stream, seq }, received, bytes))?;
        }
        Ok(())
    }

    /// The latest instant under which a record of a room is filed: the day to show when today is empty.
    pub fn last_place(&self) -> Result<Option<UtcMillis>, StoreError> {
        let mut latest = None;
        for room in self.rooms()? {
            for shelf in [Shelf::Plans, Shelf::Bookings, Shelf::Rest] {
                let day: Option<i64> = self
                    .connection
                    .prepare_cached("SELECT max(day) FROM sheets WHERE room = ?1 AND shelf = ?2")?
                    .query_row(params![room.id, shelf as i64], |row| row.get(0))?;
                let Some(day) = day else { continue };
                let days = params![room.id, shelf as i64, day, day];
                Streams::of(&self.connection)?.for_each_record(&days_sql(), days, |record| {
                    latest = latest.max(Some(place_of(&record.event)));
                })?;
            }
        }
        Ok(latest)
    }

    /// What did not become part of the figures.
    pub fn held(&self) -> Result<Held, StoreError> {
        Ok(Held {
            quarantined: self.count("SELECT count(*) FROM quarantine")?,
            not_kept: self.count("SELECT coalesce(sum(not_kept), 0) FROM agents")?,
            conflicts: self.count("SELECT count(*) FROM sheets WHERE digest <> x''")?,
            gone: self.gaps()?.iter().map(|gap| gap.seqs.count()).sum(),
        })
    }

    /// Every event whose number another one has, in order of agent, stream and number.
    pub fn conflicts(&self) -> Result<Vec<Conflict>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT a.trust, a.site, a.agent, s.stream, h.first, h.digest, h.received, h.events
             FROM sheets h JOIN streams s ON s.id = h.stream JOIN agents a ON a.id = s.agent
             WHERE h.digest <> x'' ORDER BY a.trust, a.site, a.agent, s.id, h.first, h.digest",
        )?;
        let mut rows = statement.query([])?;
        let mut conflicts = Vec::new();
        while let Some(row) = rows.next()? {
            let (agent, id) = key(row)?;
            let received = UtcMillis::saturating(row.get(6)?);
            let events = row.get_ref(7)?.as_bytes().map_err(|error| damaged("sheets", &error))?;
            for line in lines(id.seq, received, events) {
                let event = wire::decode(line?.bytes).map_err(|error| damaged("sheets", &error))?;
                let kind = event.obs.kind().to_owned();
                conflicts.push(Conflict { agent: agent.clone(), id, digest: row.get(5)?, kind, received });
            }
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
pub(crate) struct Streams<'c> {
    connection: &'c Connection,
    known: BTreeMap<i64, (AgentAddress, StreamId)>,
    moved: BTreeMap<i64, Vec<Moved>>,
}

impl<'c> Streams<'c> {
    pub(crate) fn of(connection: &'c Connection) -> Result<Self, StoreError> {
        Ok(Self { connection, known: BTreeMap::new(), moved: running_time::all_moved(connection)? })
    }

    /// Calls `each` with the records that stand on a shelf of a room and belong to some days, or stand there and belong
    /// elsewhere: those of a wrong clock are filed under other days.
    pub(crate) fn for_each_of_days(
        &mut self,
        room: i64,
        shelf: Shelf,
        days: [UtcMillis; 2],
        mut each: impl FnMut(&Record),
    ) -> Result<(), StoreError> {
        let [first, last] = days.map(day_of);
        self.for_each_record(&days_sql(), params![room, shelf as i64, first, last], &mut each)?;
        let shifts: BTreeSet<(i64, i64)> =
            self.moved.iter().flat_map(|(stream, moved)| moved.iter().map(|moved| (*stream, moved.shift))).collect();
        let mut read: BTreeSet<(i64, i64)> = BTreeSet::new();
        for (stream, shift) in shifts {
            let [from, to] = days.map(|instant| day_of(instant.plus_millis(-shift)));
            for day in from..=to {
                if (first..=last).contains(&day) || !read.insert((stream, day)) {
                    continue;
                }
                let sql = format!("{} AND stream = ?5", days_sql());
                self.for_each_record(&sql, params![room, shelf as i64, day, day, stream], |record| {
                    if (first..=last).contains(&day_of(place_of(&record.event))) {
                        each(record);
                    }
                })?;
            }
        }
        Ok(())
    }

    pub(crate) fn for_each_record(
        &mut self,
        sql: &str,
        parameters: &[&dyn rusqlite::ToSql],
        mut each: impl FnMut(&Record),
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            let row_of_stream = row.get(0)?;
            let moved = self.moved.get(&row_of_stream).cloned().unwrap_or_default();
            let (agent, stream) = self.find(row_of_stream)?;
            let events = row.get_ref(3)?.as_bytes().map_err(|error| damaged("sheets", &error))?;
            for line in lines(seq_of(row.get(1)?)?, UtcMillis::saturating(row.get(2)?), events) {
                let line = line?;
                let id = EventId { stream: *stream, seq: line.seq };
                let mut event = wire::decode(line.bytes).map_err(|error| damaged("sheets", &error))?;
                running_time::place(&mut event, &moved);
                each(&Record { id, agent: agent.clone(), event });
            }
        }
        Ok(())
    }

    /// Calls `each` with the records of cases that stand on one of a day's shelves.
    pub(crate) fn for_each_of_cases(
        &mut self,
        cases: &CasesAt,
        shelf: Shelf,
        mut each: impl FnMut(&Record),
    ) -> Result<(), StoreError> {
        let sql = days_sql();
        for ((room, day), cases) in cases {
            self.for_each_record(&sql, params![room, shelf as i64, day, day], |record| {
                if record.event.obs.case().is_some_and(|case| cases.contains(&case)) {
                    each(record);
                }
            })?;
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

/// Adds the rooms and days that tell of a case.
pub(crate) fn add_days_of(connection: &Connection, case: Token, to: &mut CasesAt) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(CASES_DAYS)?;
    let mut rows = statement.query([case_blob(case)])?;
    while let Some(row) = rows.next()? {
        to.entry((row.get(0)?, row.get(1)?)).or_default().insert(case);
    }
    Ok(())
}

/// Calls `each` with all events of a stream, in order of number; of several under one number in order of their digests.
pub(crate) fn in_order<E: From<StoreError>>(
    connection: &Connection,
    stream: i64,
    mut each: impl FnMut(Seq, UtcMillis, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let sql = "SELECT first, received, digest, events FROM sheets WHERE stream = ?1 ORDER BY first";
    let mut statement = connection.prepare_cached(sql).map_err(StoreError::from)?;
    let mut rows = statement.query([stream]).map_err(StoreError::from)?;
    // The numbers of a sheet leave room for those of others, which all begin before its end.
    let mut waiting: BTreeMap<(Seq, Vec<u8>), (UtcMillis, Vec<u8>)> = BTreeMap::new();
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        let first = seq_of(row.get(0).map_err(StoreError::from)?)?;
        while let Some(next) = waiting.first_entry().filter(|next| next.key().0 < first) {
            let ((seq, _), (received, bytes)) = next.remove_entry();
            each(seq, received, &bytes)?;
        }
        let received = UtcMillis::saturating(row.get(1).map_err(StoreError::from)?);
        let digest: Vec<u8> = row.get(2).map_err(StoreError::from)?;
        let events = row.get_ref(3).map_err(StoreError::from)?;
        let events = events.as_bytes().map_err(|error| damaged("sheets", &error))?;
        for line in lines(first, received, events) {
            let line = line?;
            waiting.insert((line.seq, digest.clone()), (line.received, line.bytes.to_vec()));
        }
    }
    for ((seq, _), (received, bytes)) in waiting {
        each(seq, received, &bytes)?;
    }
    Ok(())
}

fn key(row: &Row<'_>) -> Result<(AgentAddress, EventId), StoreError> {
    let agent = address(row)?;
    Ok((agent, EventId { stream: stream_of(row)?, seq: seq_of(row.get(4)?)? }))
}

fn stream_of(row: &Row<'_>) -> Result<StreamId, StoreError> {
    Ok(StreamId(u128::from_be_bytes(row.get(3)?)))
}

pub(crate) fn seq_of(seq: i64) -> Result<Seq, StoreError> {
    u64::try_from(seq).map(Seq).map_err(|error| damaged("sheets", &error))
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
        for sql in [own_records_sql(), plans_sql(), days_sql()] {
            assert!(steps(sql.clone()).starts_with("SEARCH sheets USING PRIMARY KEY (room=?"), "{}", steps(sql));
        }
        assert!(steps(CASES_DAYS.to_owned()).starts_with("SEARCH cases USING PRIMARY KEY (token=?"));
    }
}
