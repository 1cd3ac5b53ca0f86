//! Writing a store: batches in, one transaction, acknowledgements out.
//!
//! A message either becomes part of the store as a whole or not at all, panics included. What cannot be understood is no
//! reason to fail: it goes to [quarantine](crate::quarantine) under its own key and is accounted for.

use std::any::Any;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use chrono_tz::Tz;
use delivery::ack::{Ack, Failed, RunId};
use delivery::batch::{self, Batch};
use delivery::receiver::{Answered, Mark, Receiver, SeqRange};
use room_events::topic::AgentAddress;
use room_events::{Event, Observation, RoomId, RoomKind, Seq, SiteId, SourceId, StreamId, TrustId, UtcMillis, wire};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::lock::{self, Lock};
use crate::quarantine::{Cause, Kept, digest_of, foreign_reason};
use crate::reader::{address, case_blob, damaged};
use crate::{StoreError, backup, file_in, place_of, schema};

/// The one writing handle of a store.
#[derive(Debug)]
pub struct Writer {
    pub(crate) connection: Connection,
    receiver: Receiver,
    agents: BTreeMap<AgentAddress, i64>,
    rooms: BTreeMap<(TrustId, SiteId, RoomId), i64>,
    zones: BTreeMap<(TrustId, SiteId), Tz>,
    _locks: Vec<Lock>,
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
    /// Events that were there already, or in quarantine.
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
    /// Opens the store in `dir`, or makes one, beside the collector that may be running; `run` is 128 random bits drawn for
    /// this opening.
    pub fn open(dir: &Path, run: RunId) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(|error| StoreError::Folder { dir: dir.to_owned(), problem: error })?;
        let lock = lock::for_writing(dir)?;
        Self::open_locked(dir, run, vec![lock])
    }

    /// Opens the store in `dir`, or makes one, as its one collector. A damaged database is refused: what is written to one
    /// may be lost, while the agents keep what nobody acknowledges.
    pub fn open_to_collect(dir: &Path, run: RunId) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(|error| StoreError::Folder { dir: dir.to_owned(), problem: error })?;
        let locks = vec![lock::for_writing(dir)?, lock::for_collecting(dir)?];
        let file = file_in(dir);
        if file.metadata().is_ok_and(|file| file.len() > 0) {
            backup::check(&file)?;
        }
        Self::open_locked(dir, run, locks)
    }

    fn open_locked(dir: &Path, run: RunId, locks: Vec<Lock>) -> Result<Self, StoreError> {
        let file = file_in(dir);
        let mut connection = Connection::open(&file)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        schema::prepare(&mut connection).map_err(|error| error.of(&file))?;
        Ok(Self {
            connection,
            receiver: Receiver::opened(run),
            agents: BTreeMap::new(),
            rooms: BTreeMap::new(),
            zones: BTreeMap::new(),
            _locks: locks,
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

    /// Stores all messages in one transaction. On an error, which a panic becomes too, nothing of them is stored and
    /// nothing may be acknowledged as stored.
    pub fn commit(&mut self, messages: &[Inbound<'_>], received: UtcMillis) -> Result<Committed, StoreError> {
        let (streams, mut done) =
            self.transact(received, |filing| messages.iter().try_for_each(|message| filing.message(message)))?;
        for ((to, stream), open) in streams {
            let answered = Answered { stream, floor: open.floor, missing: open.missing };
            let ack = self.receiver.acknowledge(answered, &open.mark, open.conflicts, None);
            done.acknowledgements.push(Acknowledgement { to, ack });
        }
        Ok(done)
    }

    /// One transaction: all of `work`, or nothing of it.
    pub(crate) fn transact(
        &mut self,
        received: UtcMillis,
        work: impl FnOnce(&mut Filing<'_>) -> Result<(), StoreError>,
    ) -> Result<(OpenStreams, Committed), StoreError> {
        let Self { connection, agents, rooms, zones, .. } = self;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut filing = Filing::new(&transaction, agents, rooms, zones, received);
            work(&mut filing)?;
            let filed = filing.close()?;
            transaction.commit()?;
            Ok(filed)
        }));
        // Unwinding has dropped the transaction, which rolls it back.
        let outcome = outcome.unwrap_or_else(|panic| Err(StoreError::Panicked(words_of(&*panic))));
        if outcome.is_err() {
            // The caches may hold ids of rows that are rolled back now.
            self.agents.clear();
            self.rooms.clear();
        }
        outcome
    }

    /// The answer to a message whose commit failed for `cause`. Its agent sends a batch of several events again in
    /// halves. A single event, if the store itself is well, is set aside as it came and accounted for: it would fail
    /// for ever and hold up what follows. There is no answer to what has no envelope.
    pub fn refuse(
        &mut self,
        message: &Inbound<'_>,
        cause: &StoreError,
        received: UtcMillis,
    ) -> Result<Option<Acknowledgement>, StoreError> {
        let Ok(batch) = batch::decode(message.payload) else { return Ok(None) };
        if batch.len() == 1 && !cause.is_of_the_store() {
            // The words of a panic may hold what it stumbled over; they stay in the log.
            let reason = if matches!(cause, StoreError::Panicked(_)) {
                "storing it panicked; the collector's log says where".to_owned()
            } else {
                cause.to_string()
            };
            match self.transact(received, |filing| filing.stub(message.from, &batch, &reason)) {
                Ok((streams, _)) => {
                    let ack = streams.into_values().next().map(|open| {
                        let answered = Answered { stream: batch.stream, floor: open.floor, missing: open.missing };
                        let ack = self.receiver.acknowledge(answered, &open.mark, open.conflicts, None);
                        Acknowledgement { to: message.from.clone(), ack }
                    });
                    return Ok(ack);
                }
                Err(error) => tracing::error!(%error, "nor could it be set aside"),
            }
        }
        let known = find_agent(&self.connection, message.from)?
            .map(|agent| find_stream(&self.connection, agent, batch.stream))
            .transpose()?
            .flatten();
        let missing =
            known.as_ref().map(|(id, _)| first_gap(&self.connection, *id, batch.floor)).transpose()?.flatten();
        let mark = known.map_or_else(Mark::default, |(_, mark)| mark);
        let answered = Answered { stream: batch.stream, floor: batch.floor, missing };
        let n = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        let ack = self.receiver.acknowledge(answered, &mark, [], Some(Failed { first: batch.first, n }));
        Ok(Some(Acknowledgement { to: message.from.clone(), ack }))
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

/// A stream that the running transaction has touched.
#[derive(Debug)]
pub(crate) struct OpenStream {
    id: i64,
    mark: Mark,
    /// The agent that the stream belongs to, if that is another one.
    owner: Option<AgentAddress>,
    /// The lowest floor of the batches taken.
    floor: Seq,
    /// The lowest gap from there on.
    missing: Option<Seq>,
    conflicts: Vec<Seq>,
}

pub(crate) type OpenStreams = BTreeMap<(AgentAddress, StreamId), OpenStream>;

/// One transaction in the making.
pub(crate) struct Filing<'t> {
    pub(crate) transaction: &'t Transaction<'t>,
    agents: &'t mut BTreeMap<AgentAddress, i64>,
    rooms: &'t mut BTreeMap<(TrustId, SiteId, RoomId), i64>,
    zones: &'t BTreeMap<(TrustId, SiteId), Tz>,
    pub(crate) received: UtcMillis,
    streams: OpenStreams,
    /// By room: newest event, newest sign of life.
    heard: BTreeMap<(SiteId, RoomId), Heard>,
    pub(crate) done: Committed,
}

/// The key of an event, with the row of its stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventKey<'a> {
    pub(crate) from: &'a AgentAddress,
    pub(crate) agent: i64,
    pub(crate) stream_row: i64,
    pub(crate) stream: StreamId,
    pub(crate) seq: Seq,
    /// Whether something may be there under this key; a fresh one saves looking.
    pub(crate) may_be_known: bool,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    room: i64,
    event: Option<UtcMillis>,
    alive: Option<UtcMillis>,
}

impl<'t> Filing<'t> {
    pub(crate) fn new(
        transaction: &'t Transaction<'t>,
        agents: &'t mut BTreeMap<AgentAddress, i64>,
        rooms: &'t mut BTreeMap<(TrustId, SiteId, RoomId), i64>,
        zones: &'t BTreeMap<(TrustId, SiteId), Tz>,
        received: UtcMillis,
    ) -> Self {
        Self {
            transaction,
            agents,
            rooms,
            zones,
            received,
            streams: BTreeMap::new(),
            heard: BTreeMap::new(),
            done: Committed::default(),
        }
    }

    pub(crate) fn message(&mut self, message: &Inbound<'_>) -> Result<(), StoreError> {
        let agent = self.agent_id(message.from)?;
        let batch = match batch::decode(message.payload) {
            Ok(batch) => batch,
            Err(error) => return self.keep_message(agent, &error.to_string(), message.payload),
        };
        let open = self.open(message.from, agent, batch.stream)?;
        open.floor = open.floor.min(batch.floor);
        let before = open.mark.clone();
        let taken = open.mark.take(&batch);
        let stream_row = open.id;
        for range in &taken.gone {
            self.done.gone += range.count();
            self.add_gap(stream_row, *range)?;
        }
        self.done.refused += (taken.too_far + taken.later) as u64;
        let may_be_known = batch.first.0 <= before.through() || !before.above().is_empty();
        for (seq, bytes) in batch.numbered().take(taken.store) {
            if may_be_known {
                self.fill_gap(stream_row, seq)?;
            }
            let key = EventKey { from: message.from, agent, stream_row, stream: batch.stream, seq, may_be_known };
            self.event(key, bytes)?;
        }
        Ok(())
    }

    /// Sets the one event of a batch aside, without looking at it, and accounts for it.
    fn stub(&mut self, from: &AgentAddress, batch: &Batch<'_>, reason: &str) -> Result<(), StoreError> {
        let agent = self.agent_id(from)?;
        let open = self.open(from, agent, batch.stream)?;
        open.floor = open.floor.min(batch.floor);
        let taken = open.mark.take(batch);
        let stream_row = open.id;
        for range in &taken.gone {
            self.add_gap(stream_row, *range)?;
        }
        for (seq, bytes) in batch.numbered().take(taken.store) {
            self.fill_gap(stream_row, seq)?;
            self.keep(&Kept { agent, key: Some((batch.stream, seq)), cause: Cause::Unreadable, reason, bytes })?;
        }
        Ok(())
    }

    fn open(&mut self, from: &AgentAddress, agent: i64, stream: StreamId) -> Result<&mut OpenStream, StoreError> {
        match self.streams.entry((from.clone(), stream)) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(open_stream(self.transaction, agent, stream, self.received)?)),
        }
    }

    fn event(&mut self, key: EventKey<'_>, bytes: &[u8]) -> Result<(), StoreError> {
        #[cfg(test)]
        assert!(!bytes.starts_with(br#"{"panic""#), "asked to panic");
        let owner = self.streams.get(&(key.from.clone(), key.stream)).and_then(|open| open.owner.as_ref());
        if let Some(owner) = owner {
            let reason = foreign_reason(owner);
            return self.keep_event(key, Cause::Foreign, &reason, bytes);
        }
        match wire::decode(bytes) {
            Ok(event) => self.store(key, &event, bytes),
            Err(error) => self.keep_event(key, Cause::of(&error), &error.to_string(), bytes),
        }
    }

    /// Puts an event into quarantine under its key; if that is taken by another event, says so.
    fn keep_event(&mut self, key: EventKey<'_>, cause: Cause, reason: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let kept = Kept { agent: key.agent, key: Some((key.stream, key.seq)), cause, reason, bytes };
        let is_new = self.keep(&kept)?;
        if key.may_be_known {
            let taken: bool = self
                .transaction
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM events WHERE stream = ?1 AND seq = ?2)")?
                .query_row(params![key.stream_row, row_seq(key.seq)?], |row| row.get(0))?;
            if taken {
                self.conflict(key, is_new);
            }
        }
        Ok(())
    }

    /// Stores an event under its key, beside what is there.
    pub(crate) fn store(&mut self, key: EventKey<'_>, event: &Event, bytes: &[u8]) -> Result<(), StoreError> {
        let site = event.site.as_ref().unwrap_or(&key.from.site);
        let room = match &event.room {
            Some(room) => Some(self.room_id(&key.from.trust, site, room, event)?),
            None => None,
        };
        if self.insert(key, &[], room, event, bytes)? {
            self.done.stored += 1;
            if key.may_be_known {
                self.meet_quarantine(key, bytes)?;
            }
        } else if !self.store_beside(key, room, event, bytes)? {
            return Ok(());
        }
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

    fn insert(
        &self,
        key: EventKey<'_>,
        digest: &[u8],
        room: Option<i64>,
        event: &Event,
        bytes: &[u8],
    ) -> Result<bool, StoreError> {
        let inserted = self
            .transaction
            .prepare_cached(
                "INSERT INTO events (stream, seq, digest, room, kind, place, case_token, received, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                key.stream_row,
                row_seq(key.seq)?,
                digest,
                room,
                event.obs.kind(),
                place_of(event).millis(),
                event.obs.case().map(case_blob),
                self.received.millis(),
                bytes
            ])?;
        Ok(inserted > 0)
    }

    /// An event under a key that is taken: a duplicate, or another one, which is kept as well. Says whether it is new.
    fn store_beside(
        &mut self,
        key: EventKey<'_>,
        room: Option<i64>,
        event: &Event,
        bytes: &[u8],
    ) -> Result<bool, StoreError> {
        let seq = row_seq(key.seq)?;
        let held: Vec<u8> = self
            .transaction
            .prepare_cached("SELECT body FROM events WHERE stream = ?1 AND seq = ?2 AND digest = x''")?
            .query_row(params![key.stream_row, seq], |row| row.get(0))?;
        if held == bytes {
            self.done.duplicates += 1;
            return Ok(false);
        }
        let (digest, held) = (digest_of(bytes), digest_of(&held));
        let is_new = if digest < held {
            // The lowest digest stands first on every collector, whichever event came first.
            self.transaction
                .prepare_cached("UPDATE events SET digest = ?3 WHERE stream = ?1 AND seq = ?2 AND digest = x''")?
                .execute(params![key.stream_row, seq, held])?;
            self.insert(key, &[], room, event, bytes)?
        } else {
            self.insert(key, &digest, room, event, bytes)?
        };
        self.conflict(key, is_new);
        Ok(is_new)
    }

    /// An event is stored whose key something in quarantine has: the same bytes, which are thereby done with, or others.
    fn meet_quarantine(&mut self, key: EventKey<'_>, bytes: &[u8]) -> Result<(), StoreError> {
        let stream = key.stream.0.to_be_bytes();
        let kept: i64 = self
            .transaction
            .prepare_cached("SELECT count(*) FROM quarantine WHERE agent = ?1 AND stream = ?2 AND seq = ?3")?
            .query_row(params![key.agent, stream, row_seq(key.seq)?], |row| row.get(0))?;
        if kept == 0 {
            return Ok(());
        }
        let same = self
            .transaction
            .prepare_cached("DELETE FROM quarantine WHERE agent = ?1 AND stream = ?2 AND seq = ?3 AND digest = ?4")?
            .execute(params![key.agent, stream, row_seq(key.seq)?, digest_of(bytes)])?;
        if kept > i64::try_from(same).unwrap_or(kept) {
            self.conflict(key, true);
        }
        Ok(())
    }

    fn conflict(&mut self, key: EventKey<'_>, is_new: bool) {
        self.done.conflicts += u64::from(is_new);
        if let Some(open) = self.streams.get_mut(&(key.from.clone(), key.stream)) {
            open.conflicts.push(key.seq);
        }
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
    pub(crate) fn close(mut self) -> Result<(OpenStreams, Committed), StoreError> {
        let mut mark = self
            .transaction
            .prepare_cached("UPDATE streams SET through = ?2, above = ?3, last_received = ?4 WHERE id = ?1")?;
        for open in self.streams.values_mut() {
            open.missing = first_gap(self.transaction, open.id, open.floor)?;
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

    pub(crate) fn agent_id(&mut self, agent: &AgentAddress) -> Result<i64, StoreError> {
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

fn open_stream(
    transaction: &Transaction<'_>,
    agent: i64,
    stream: StreamId,
    received: UtcMillis,
) -> Result<OpenStream, StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO streams (agent, stream, through, above, last_received) VALUES (?1, ?2, 0, x'', ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![agent, stream.0.to_be_bytes(), received.millis()])?;
    let (id, mark) = find_stream(transaction, agent, stream)?
        .ok_or_else(|| damaged("streams", &"a row that was just written is not there"))?;
    let first = transaction
        .prepare_cached(
            "SELECT a.trust, a.site, a.agent FROM streams s JOIN agents a ON a.id = s.agent
             WHERE s.stream = ?1 AND s.id < ?2 ORDER BY s.id LIMIT 1",
        )?
        .query_row(params![stream.0.to_be_bytes(), id], |row| Ok(address(row)))
        .optional()?;
    Ok(OpenStream { id, mark, owner: first.transpose()?, floor: batch::MAX_SEQ, missing: None, conflicts: Vec::new() })
}

/// The lowest seq from `floor` on that was declared gone and has not come after all.
fn first_gap(connection: &Connection, stream: i64, floor: Seq) -> Result<Option<Seq>, StoreError> {
    let first: Option<i64> = connection
        .prepare_cached("SELECT max(first, ?2) FROM gaps WHERE stream = ?1 AND last >= ?2 ORDER BY first LIMIT 1")?
        .query_row(params![stream, row_seq(floor)?], |row| row.get(0))
        .optional()?;
    first.map(|seq| u64::try_from(seq).map(Seq).map_err(|error| damaged("gaps", &error))).transpose()
}

pub(crate) fn find_agent(connection: &Connection, agent: &AgentAddress) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT id FROM agents WHERE trust = ?1 AND site = ?2 AND agent = ?3")?
        .query_row(params![agent.trust.as_str(), agent.site.as_str(), agent.agent.as_str()], |row| row.get(0))
        .optional()?)
}

pub(crate) fn find_stream(
    connection: &Connection,
    agent: i64,
    stream: StreamId,
) -> Result<Option<(i64, Mark)>, StoreError> {
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
pub(crate) fn row_seq(seq: Seq) -> Result<i64, StoreError> {
    i64::try_from(seq.0).map_err(|error| damaged("events", &error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use crate::Reader;
    use room_events::{AgentId, ClockQuality, MilestoneReached, Token};

    /// What [`Filing::event`] panics on in tests.
    const PANIC: &[u8] = br#"{"panic":1}"#;

    fn stamp() -> Vec<u8> {
        let at = UtcMillis::saturating(0);
        let case = Token { key: 1, digest: 1 };
        let event = Event {
            v: 1,
            at,
            captured: at,
            mono: 0,
            clock: ClockQuality::External,
            source: SourceId::new("theatre-system").unwrap(),
            order: 1,
            site: None,
            room: Some(RoomId::new("suite-1").unwrap()),
            obs: Observation::Milestone(MilestoneReached { case, name: room_events::Milestone::IntoTheatre }),
        };
        wire::encode(&event, &mut [0; wire::MAX_EVENT_BYTES]).unwrap().to_vec()
    }

    #[test]
    fn a_panic_stores_nothing_and_the_next_message_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path(), RunId(1)).unwrap();
        let from = AgentAddress {
            trust: TrustId::new("demo").unwrap(),
            site: SiteId::new("main").unwrap(),
            agent: AgentId::new("theatres").unwrap(),
        };
        let at = UtcMillis::saturating(0);
        let message = |first, events: &[&[u8]]| {
            let mut buffer = vec![0; batch::MAX_BATCH_BYTES];
            batch::encode(StreamId(1), Seq(first), Seq(1), events.iter().copied(), &mut buffer).unwrap().to_vec()
        };
        let good = stamp();
        let (both, alone) = (message(1, &[&good, PANIC]), message(2, &[PANIC]));
        let inbound = Inbound { from: &from, payload: &both };
        let error = writer.commit(&[inbound], at).unwrap_err();
        assert!(error.to_string().contains("asked to panic"), "{error}");
        let answer = writer.refuse(&inbound, &error, at).unwrap().unwrap();
        assert_eq!((answer.ack.through, answer.ack.failed.map(|failed| failed.n)), (0, Some(2)));
        assert_eq!(Reader::open(dir.path()).unwrap().count_events().unwrap(), 0);

        let first = message(1, &[&good]);
        let done = writer.commit(&[Inbound { from: &from, payload: &first }], at).unwrap();
        assert_eq!(done.stored, 1);
        let inbound = Inbound { from: &from, payload: &alone };
        let error = writer.commit(&[inbound], at).unwrap_err();
        let answer = writer.refuse(&inbound, &error, at).unwrap().unwrap();
        assert_eq!((answer.ack.through, answer.ack.failed), (2, None));
        assert_eq!(Reader::open(dir.path()).unwrap().held().unwrap().quarantined, 1);
    }
}
