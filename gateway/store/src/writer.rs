//! Writing a store: batches in, one transaction, acknowledgements out.

use std::collections::BTreeMap;
use std::path::Path;

use chrono_tz::Tz;
use delivery::ack::{Ack, Failed, RunId};
use delivery::batch::{self, Batch};
use delivery::receiver::{Mark, Receiver, SeqRange};
use room_events::topic::AgentAddress;
use room_events::{Event, Observation, RoomId, RoomKind, Seq, SiteId, SourceId, StreamId, TrustId, UtcMillis, wire};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::reader::{case_blob, damaged};
use crate::{StoreError, file_in, place_of, schema};

/// The one writing handle of a store.
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
    receiver: Receiver,
    agents: BTreeMap<AgentAddress, i64>,
    rooms: BTreeMap<(TrustId, SiteId, RoomId), i64>,
    zones: BTreeMap<(TrustId, SiteId), Tz>,
}

/// One message from an agent's events topic.
#[derive(Debug, Clone, Copy)]
pub struct Inbound<'a> {
    /// The agent, from the topic: the broker's access rules vouch for it.
    pub from: &'a AgentAddress,
    /// The message.
    pub payload: &'a [u8],
}

/// An acknowledgement to send now that the commit is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// To whom.
    pub to: AgentAddress,
    /// What.
    pub ack: Ack,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "agents keep what is not acknowledged"]
pub struct Committed {
    /// One for each (agent, stream) that sent something, pure duplicates too.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Rooms with new events, in order.
    pub rooms: Vec<(SiteId, RoomId)>,
    /// Events that are new in the store.
    pub stored: u64,
    /// Events that were there already.
    pub duplicates: u64,
    /// Messages and events put into quarantine.
    pub quarantined: u64,
    /// Events that met another one under their key.
    pub conflicts: u64,
    /// Seqs declared gone by their agent.
    pub gone: u64,
    /// Events too far ahead of their stream to be stored.
    pub refused: u64,
    /// Event time of the latest new event.
    pub latest: Option<UtcMillis>,
}

/// A room as a configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSettings {
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: SiteId,
    /// Room.
    pub room: RoomId,
    /// What it is.
    pub kind: RoomKind,
    /// Its site's zone.
    pub zone: Tz,
}

impl Writer {
    /// Opens the store in `dir`, or makes one; `run` is 128 random bits drawn for this opening.
    pub fn open(dir: &Path, run: RunId) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(|error| StoreError::Folder { dir: dir.to_owned(), problem: error })?;
        let mut connection = Connection::open(file_in(dir))?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        schema::prepare(&mut connection)?;
        Ok(Self {
            connection,
            receiver: Receiver::opened(run),
            agents: BTreeMap::new(),
            rooms: BTreeMap::new(),
            zones: BTreeMap::new(),
        })
    }

    /// Writes down what a configuration says of rooms, so that reports need no configuration.
    pub fn describe_rooms(&mut self, rooms: &[RoomSettings]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        for room in rooms {
            transaction.execute(
                "INSERT INTO rooms (trust, site, room, kind, zone) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (trust, site, room) DO UPDATE SET kind = excluded.kind, zone = excluded.zone",
                params![
                    room.trust.as_str(),
                    room.site.as_str(),
                    room.room.as_str(),
                    room.kind.name(),
                    room.zone.name()
                ],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes down the zone of a site, for its rooms seen so far and for those to come.
    pub fn describe_site(&mut self, trust: &TrustId, site: &SiteId, zone: Tz) -> Result<(), StoreError> {
        self.connection.execute(
            "UPDATE rooms SET zone = ?3 WHERE trust = ?1 AND site = ?2",
            params![trust.as_str(), site.as_str(), zone.name()],
        )?;
        self.zones.insert((trust.clone(), site.clone()), zone);
        Ok(())
    }

    /// Writes down in which order a configuration trusts sources, the best first, so that reports restate its figures.
    pub fn describe_precedence(&mut self, sources: &[SourceId]) -> Result<(), StoreError> {
        // An id has no space in it.
        let names: Vec<&str> = sources.iter().map(SourceId::as_str).collect();
        self.connection.execute(
            "INSERT INTO meta VALUES ('precedence', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [names.join(" ")],
        )?;
        Ok(())
    }

    /// Stores all messages in one transaction. On an error nothing of them is stored and nothing may be acknowledged.
    pub fn commit(&mut self, messages: &[Inbound<'_>], received: UtcMillis) -> Result<Committed, StoreError> {
        let transaction = self.connection.transaction()?;
        let mut filing = Filing {
            transaction: &transaction,
            agents: &mut self.agents,
            rooms: &mut self.rooms,
            zones: &self.zones,
            received,
            streams: BTreeMap::new(),
            heard: BTreeMap::new(),
            done: Committed::default(),
        };
        let filed = messages.iter().try_for_each(|message| filing.message(message)).and_then(|()| filing.close());
        let (streams, mut done) = match filed {
            Ok(filed) => filed,
            Err(error) => {
                // The caches may hold ids of rows that are rolled back now.
                self.agents.clear();
                self.rooms.clear();
                return Err(error);
            }
        };
        if let Err(error) = transaction.commit() {
            self.agents.clear();
            self.rooms.clear();
            return Err(error.into());
        }
        for ((to, stream), open) in streams {
            let ack = self.receiver.acknowledge(stream, &open.mark, open.conflicts, None);
            done.acknowledgements.push(Acknowledgement { to, ack });
        }
        Ok(done)
    }

    /// The answer to a message whose commit failed: its agent halves the batch and tries again.
    pub fn refuse(&mut self, message: &Inbound<'_>) -> Result<Option<Acknowledgement>, StoreError> {
        let Ok(batch) = batch::decode(message.payload) else { return Ok(None) };
        let mark = find_agent(&self.connection, message.from)?
            .map(|agent| find_stream(&self.connection, agent, batch.stream))
            .transpose()?
            .flatten()
            .map_or_else(Mark::default, |(_, mark)| mark);
        let n = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        let ack = self.receiver.acknowledge(batch.stream, &mark, [], Some(Failed { first: batch.first, n }));
        Ok(Some(Acknowledgement { to: message.from.clone(), ack }))
    }
}

/// A stream that the running transaction has touched.
#[derive(Debug)]
struct OpenStream {
    id: i64,
    mark: Mark,
    conflicts: Vec<Seq>,
}

type OpenStreams = BTreeMap<(AgentAddress, StreamId), OpenStream>;

/// One transaction in the making.
struct Filing<'t> {
    transaction: &'t Transaction<'t>,
    agents: &'t mut BTreeMap<AgentAddress, i64>,
    rooms: &'t mut BTreeMap<(TrustId, SiteId, RoomId), i64>,
    zones: &'t BTreeMap<(TrustId, SiteId), Tz>,
    received: UtcMillis,
    streams: OpenStreams,
    /// By room: newest event, newest sign of life.
    heard: BTreeMap<(SiteId, RoomId), Heard>,
    done: Committed,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    room: i64,
    event: Option<UtcMillis>,
    alive: Option<UtcMillis>,
}

impl Filing<'_> {
    fn message(&mut self, message: &Inbound<'_>) -> Result<(), StoreError> {
        let agent = self.agent_id(message.from)?;
        let batch = match batch::decode(message.payload) {
            Ok(batch) => batch,
            Err(error) => return self.quarantine(agent, None, &error.to_string(), message.payload),
        };
        let key = (message.from.clone(), batch.stream);
        if !self.streams.contains_key(&key) {
            let open = self.open_stream(agent, batch.stream)?;
            self.streams.insert(key.clone(), open);
        }
        let Some(open) = self.streams.get_mut(&key) else { return Ok(()) };
        let before = open.mark.clone();
        let taken = open.mark.take(&batch);
        let stream = open.id;
        for range in &taken.gone {
            self.done.gone += range.count();
            self.add_gap(stream, *range)?;
        }
        self.done.refused += (taken.too_far + taken.later) as u64;
        let came_after_all = batch.first.0 <= before.through() || !before.above().is_empty();
        for (seq, bytes) in batch.numbered().take(taken.store) {
            if came_after_all {
                self.fill_gap(stream, seq)?;
            }
            self.event(message.from, agent, (stream, batch.stream), seq, bytes, &batch)?;
        }
        Ok(())
    }

    fn event(
        &mut self,
        from: &AgentAddress,
        agent: i64,
        (stream_row, stream): (i64, StreamId),
        seq: Seq,
        bytes: &[u8],
        batch: &Batch<'_>,
    ) -> Result<(), StoreError> {
        let event = match wire::decode(bytes) {
            Ok(event) => event,
            Err(error) => return self.quarantine(agent, Some((stream, seq)), &error.to_string(), bytes),
        };
        let site = event.site.as_ref().unwrap_or(&from.site);
        let room = match &event.room {
            Some(room) => Some(self.room_id(&from.trust, site, room, &event)?),
            None => None,
        };
        let place = place_of(&event);
        let inserted = self
            .transaction
            .prepare_cached(
                "INSERT INTO events (stream, seq, room, kind, place, case_token, received, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                stream_row,
                row_seq(seq)?,
                room,
                event.obs.kind(),
                place.millis(),
                event.obs.case().map(case_blob),
                self.received.millis(),
                bytes
            ])?;
        if inserted == 0 {
            return self.known_key(from, stream_row, seq, bytes, batch);
        }
        self.done.stored += 1;
        self.done.latest = self.done.latest.max(Some(event.at));
        if let (Some(id), Some(room)) = (room, &event.room) {
            let heard =
                self.heard.entry((site.clone(), room.clone())).or_insert(Heard { room: id, event: None, alive: None });
            match event.obs {
                Observation::Alive(_) => heard.alive = heard.alive.max(Some(event.at)),
                // A plan or a booking is no sign that anything happens in the room.
                Observation::PlanRevision(_) | Observation::Booking(_) => {}
                Observation::Milestone(_)
                | Observation::Correction(_)
                | Observation::Cancellation(_)
                | Observation::PerformedStep(_)
                | Observation::SignalLevel(_)
                | Observation::EventsLost(_)
                | Observation::AgentStarted(_) => heard.event = heard.event.max(Some(event.at)),
            }
        }
        Ok(())
    }

    fn known_key(
        &mut self,
        from: &AgentAddress,
        stream: i64,
        seq: Seq,
        bytes: &[u8],
        batch: &Batch<'_>,
    ) -> Result<(), StoreError> {
        let held: Vec<u8> = self
            .transaction
            .prepare_cached("SELECT body FROM events WHERE stream = ?1 AND seq = ?2")?
            .query_row(params![stream, row_seq(seq)?], |row| row.get(0))?;
        if held == bytes {
            self.done.duplicates += 1;
            return Ok(());
        }
        let new = self
            .transaction
            .prepare_cached(
                "INSERT INTO conflicts (stream, seq, body, received) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?
            .execute(params![stream, row_seq(seq)?, bytes, self.received.millis()])?;
        self.done.conflicts += new as u64;
        if let Some(open) = self.streams.get_mut(&(from.clone(), batch.stream)) {
            open.conflicts.push(seq);
        }
        Ok(())
    }

    fn quarantine(
        &mut self,
        agent: i64,
        key: Option<(StreamId, Seq)>,
        reason: &str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let seq = key.map(|(_, seq)| row_seq(seq)).transpose()?;
        let new = self
            .transaction
            .prepare_cached(
                "INSERT INTO quarantine (agent, stream, seq, reason, received, bytes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                agent,
                key.map(|(stream, _)| stream.0.to_be_bytes()),
                seq,
                reason,
                self.received.millis(),
                bytes
            ])?;
        self.done.quarantined += new as u64;
        Ok(())
    }

    fn add_gap(&self, stream: i64, range: SeqRange) -> Result<(), StoreError> {
        self.transaction.execute(
            "INSERT INTO gaps (stream, first, last, received) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![stream, row_seq(range.first)?, row_seq(range.last)?, self.received.millis()],
        )?;
        Ok(())
    }

    /// A seq that was declared gone has come after all: the gap shrinks, or falls into two.
    fn fill_gap(&self, stream: i64, seq: Seq) -> Result<(), StoreError> {
        let seq = row_seq(seq)?;
        let gap: Option<(i64, i64)> = self
            .transaction
            .prepare_cached("SELECT first, last FROM gaps WHERE stream = ?1 AND first <= ?2 AND last >= ?2")?
            .query_row(params![stream, seq], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((first, last)) = gap else { return Ok(()) };
        self.transaction.execute("DELETE FROM gaps WHERE stream = ?1 AND first = ?2", params![stream, first])?;
        for (first, last) in [(first, seq - 1), (seq + 1, last)] {
            if first <= last {
                self.transaction.execute(
                    "INSERT INTO gaps (stream, first, last, received) VALUES (?1, ?2, ?3, ?4)",
                    params![stream, first, last, self.received.millis()],
                )?;
            }
        }
        Ok(())
    }

    /// Writes the marks and what was heard of the rooms; the last step before the commit.
    fn close(mut self) -> Result<(OpenStreams, Committed), StoreError> {
        let mut mark = self
            .transaction
            .prepare_cached("UPDATE streams SET through = ?2, above = ?3, last_received = ?4 WHERE id = ?1")?;
        for open in self.streams.values() {
            let above: Vec<u8> = open
                .mark
                .above()
                .iter()
                .flat_map(|range| [range.first.0.to_be_bytes(), range.last.0.to_be_bytes()])
                .flatten()
                .collect();
            mark.execute(params![open.id, row_seq(Seq(open.mark.through()))?, above, self.received.millis()])?;
        }
        drop(mark);
        // SQLite's max() of two values is NULL if one of them is, hence the detour over the least instant.
        let mut room = self.transaction.prepare_cached(
            "UPDATE rooms SET last_event = nullif(max(coalesce(last_event, ?4), coalesce(?2, ?4)), ?4),
                last_alive = nullif(max(coalesce(last_alive, ?4), coalesce(?3, ?4)), ?4) WHERE id = ?1",
        )?;
        for heard in self.heard.values() {
            let (event, alive) = (heard.event.map(UtcMillis::millis), heard.alive.map(UtcMillis::millis));
            room.execute(params![heard.room, event, alive, UtcMillis::MIN.millis()])?;
        }
        drop(room);
        self.done.rooms = self.heard.into_keys().collect();
        Ok((self.streams, self.done))
    }

    fn agent_id(&mut self, agent: &AgentAddress) -> Result<i64, StoreError> {
        if let Some(&id) = self.agents.get(agent) {
            return Ok(id);
        }
        self.transaction.execute(
            "INSERT INTO agents (trust, site, agent) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![agent.trust.as_str(), agent.site.as_str(), agent.agent.as_str()],
        )?;
        let id = find_agent(self.transaction, agent)?
            .ok_or_else(|| damaged("agents", &"a row that was just written is not there"))?;
        self.agents.insert(agent.clone(), id);
        Ok(id)
    }

    fn open_stream(&self, agent: i64, stream: StreamId) -> Result<OpenStream, StoreError> {
        self.transaction
            .prepare_cached(
                "INSERT INTO streams (agent, stream, through, above, last_received) VALUES (?1, ?2, 0, x'', ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![agent, stream.0.to_be_bytes(), self.received.millis()])?;
        let (id, mark) = find_stream(self.transaction, agent, stream)?
            .ok_or_else(|| damaged("streams", &"a row that was just written is not there"))?;
        Ok(OpenStream { id, mark, conflicts: Vec::new() })
    }

    fn room_id(&mut self, trust: &TrustId, site: &SiteId, room: &RoomId, event: &Event) -> Result<i64, StoreError> {
        let key = (trust.clone(), site.clone(), room.clone());
        let id = match self.rooms.get(&key) {
            Some(&id) => id,
            None => {
                let zone = self.zones.get(&(trust.clone(), site.clone())).map(|zone| zone.name());
                self.transaction.execute(
                    "INSERT INTO rooms (trust, site, room, zone) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                    params![trust.as_str(), site.as_str(), room.as_str(), zone],
                )?;
                let id = self.transaction.query_row(
                    "SELECT id FROM rooms WHERE trust = ?1 AND site = ?2 AND room = ?3",
                    params![trust.as_str(), site.as_str(), room.as_str()],
                    |row| row.get(0),
                )?;
                self.rooms.insert(key, id);
                id
            }
        };
        if let Observation::PlanRevision(plan) = &event.obs
            && let Some(kind) = plan.room_kind
        {
            self.transaction
                .prepare_cached("UPDATE rooms SET kind = ?2 WHERE id = ?1 AND kind IS NULL")?
                .execute(params![id, kind.name()])?;
        }
        Ok(id)
    }
}

fn find_agent(connection: &Connection, agent: &AgentAddress) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT id FROM agents WHERE trust = ?1 AND site = ?2 AND agent = ?3")?
        .query_row(params![agent.trust.as_str(), agent.site.as_str(), agent.agent.as_str()], |row| row.get(0))
        .optional()?)
}

fn find_stream(connection: &Connection, agent: i64, stream: StreamId) -> Result<Option<(i64, Mark)>, StoreError> {
    let row: Option<(i64, i64, Vec<u8>)> = connection
        .prepare_cached("SELECT id, through, above FROM streams WHERE agent = ?1 AND stream = ?2")?
        .query_row(params![agent, stream.0.to_be_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    row.map(|(id, through, above)| {
        let through = u64::try_from(through).map_err(|error| damaged("streams", &error))?;
        let (seqs, rest) = above.as_chunks::<8>();
        if !rest.is_empty() || seqs.len() % 2 != 0 {
            return Err(damaged("streams", &"a mark's ranges are cut"));
        }
        let ranges = seqs
            .chunks_exact(2)
            .map(|pair| SeqRange { first: Seq(u64::from_be_bytes(pair[0])), last: Seq(u64::from_be_bytes(pair[1])) });
        Ok((id, Mark::restore(through, ranges)))
    })
    .transpose()
}

/// SQLite's integers are signed; the envelope's limit keeps seqs below that.
fn row_seq(seq: Seq) -> Result<i64, StoreError> {
    i64::try_from(seq.0).map_err(|error| damaged("events", &error))
}
