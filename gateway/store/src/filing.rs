//! One transaction in the making: each event of a message to its place, beside what is there.
//!
//! ```text
//! new key                             a sheet
//! known key, the same bytes           nothing: a duplicate
//! known key, other bytes              a sheet of its own, under its digest: a conflict
//! not decoded, another agent's stream quarantine, under the event's key
//! no envelope                         quarantine, without a key
//! ```
//! Marks, gaps and what was heard of rooms are written with them, so that a restart never finds one without the other.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use delivery::batch::{self, Batch};
use delivery::receiver::{Mark, SeqRange};
use room_events::topic::AgentAddress;
use room_events::{ClockQuality, Event, Observation, RoomId, Seq, SiteId, StreamId, TrustId, UtcMillis, wire};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use utilisation::timeline::record::CORRECTION_SOURCE;

use crate::desk::{Desk, Entry as Filed};
use crate::outgoing::Touched;
use crate::quarantine::{Cause, Kept, digest_of, foreign_reason};
use crate::reader::damaged;
use crate::running_time::{self, Run};
use crate::sheet::Slot;
use crate::stream_owner::Owner;
use crate::writer::{Committed, Inbound};
use crate::{StoreError, place_of};

/// A stream that the running transaction has touched.
#[derive(Debug)]
pub(crate) struct OpenStream {
    id: i64,
    pub(crate) mark: Mark,
    /// The lowest floor of the batches taken.
    pub(crate) floor: Seq,
    /// The lowest gap from there on.
    pub(crate) missing: Option<Seq>,
    pub(crate) conflicts: Vec<Seq>,
}

pub(crate) type OpenStreams = BTreeMap<(AgentAddress, StreamId), OpenStream>;

/// The transaction, what it has touched so far, and what of it is known from earlier ones.
pub(crate) struct Filing<'t> {
    pub(crate) transaction: &'t Transaction<'t>,
    agents: &'t mut BTreeMap<AgentAddress, i64>,
    rooms: &'t mut BTreeMap<(TrustId, SiteId, RoomId), i64>,
    zones: &'t BTreeMap<(TrustId, SiteId), Tz>,
    pub(crate) received: UtcMillis,
    streams: OpenStreams,
    /// Whose the streams are, as far as this transaction has asked.
    pub(crate) owners: BTreeMap<StreamId, Option<Owner>>,
    /// By room: newest event, newest sign of life.
    pub(crate) heard: BTreeMap<(SiteId, RoomId), Heard>,
    pub(crate) touched: Touched,
    /// By stream: what new events tell of their machine's clocks.
    clocks: BTreeMap<i64, Vec<Run>>,
    pub(crate) desk: Desk,
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
pub(crate) struct Heard {
    pub(crate) room: i64,
    pub(crate) event: Option<UtcMillis>,
    pub(crate) alive: Option<UtcMillis>,
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
            owners: BTreeMap::new(),
            heard: BTreeMap::new(),
            touched: Touched::default(),
            clocks: BTreeMap::new(),
            desk: Desk::default(),
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
            self.add_gap(stream_row, *range)?;
        }
        let owner = if taken.store > 0 { self.bind(message.from, agent, stream_row, batch.stream)? } else { None };
        if owner.is_none() {
            // What a copy of another agent's outbox does not hold, that one may.
            self.done.gone += taken.gone.iter().map(SeqRange::count).sum::<u64>();
        }
        self.done.refused += (taken.too_far + taken.later) as u64;
        for (seq, bytes) in batch.numbered().take(taken.store) {
            let may_be_known = before.accounts_for(seq);
            if may_be_known {
                self.fill_gap(stream_row, seq)?;
            }
            let key = EventKey { from: message.from, agent, stream_row, stream: batch.stream, seq, may_be_known };
            self.event(key, owner.as_ref(), bytes)?;
        }
        Ok(())
    }

    /// Sets the one event of a batch aside, without looking at it, and accounts for it.
    pub(crate) fn stub(&mut self, from: &AgentAddress, batch: &Batch<'_>, reason: &str) -> Result<(), StoreError> {
        let agent = self.agent_id(from)?;
        let open = self.open(from, agent, batch.stream)?;
        open.floor = open.floor.min(batch.floor);
        let taken = open.mark.take(batch);
        let stream_row = open.id;
        for range in &taken.gone {
            self.add_gap(stream_row, *range)?;
        }
        if taken.store > 0 {
            self.bind(from, agent, stream_row, batch.stream)?;
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

    fn event(&mut self, key: EventKey<'_>, owner: Option<&AgentAddress>, bytes: &[u8]) -> Result<(), StoreError> {
        #[cfg(test)]
        assert!(!bytes.starts_with(br#"{"panic""#), "asked to panic");
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
        if key.may_be_known && self.desk.find(self.transaction, key.stream_row, key.seq)?.is_some() {
            self.conflict(key, is_new);
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
        if !self.put(key, room, event, bytes)? {
            return Ok(());
        }
        self.note_clocks(key.stream_row, event)?;
        // A clock that may be years ahead must not make a room seem heard from for ever.
        let at = match event.clock {
            ClockQuality::Unset | ClockQuality::Holdover => event.at.min(self.received),
            ClockQuality::Synchronised | ClockQuality::External => event.at,
        };
        self.done.latest = self.done.latest.max(Some(at));
        if let (Some(id), Some(room)) = (room, &event.room) {
            self.touched.add(id, place_of(event), matches!(event.obs, Observation::Alive(_)));
            let heard =
                self.heard.entry((site.clone(), room.clone())).or_insert(Heard { room: id, event: None, alive: None });
            match event.obs {
                Observation::Alive(_) => heard.alive = heard.alive.max(Some(at)),
                // A plan or a booking is no sign that anything happens in the room, nor is a person's later word.
                Observation::PlanRevision(_)
                | Observation::Booking(_)
                | Observation::ExamStage(_)
                | Observation::Remark(_) => {}
                Observation::Correction(_) if event.source.as_str() == CORRECTION_SOURCE => {}
                Observation::Milestone(_)
                | Observation::Correction(_)
                | Observation::Cancellation(_)
                | Observation::PerformedStep(_)
                | Observation::Acquisition(_)
                | Observation::SignalLevel(_)
                | Observation::EventsLost(_)
                | Observation::AgentStarted(_) => heard.event = heard.event.max(Some(at)),
            }
        }
        Ok(())
    }

    fn note_clocks(&mut self, stream: i64, event: &Event) -> Result<(), StoreError> {
        if let Observation::AgentStarted(started) = &event.obs {
            running_time::write_boot(self.transaction, stream, started.boot)?;
        }
        if let Some(run) = Run::of(event) {
            let runs = self.clocks.entry(stream).or_default();
            runs.push(run);
            // One run as a rule, however many events come at once.
            *runs = running_time::joined(std::mem::take(runs));
        }
        Ok(())
    }

    /// Puts an event under its key: alone, or beside another one that has the key. Says whether it is new.
    fn put(&mut self, key: EventKey<'_>, room: Option<i64>, event: &Event, bytes: &[u8]) -> Result<bool, StoreError> {
        let slot = Slot::of(room, key.stream_row, event);
        let filed = Filed { slot, seq: key.seq, received: self.received, case: event.obs.case(), bytes };
        if !key.may_be_known {
            self.desk.put(self.transaction, filed)?;
            self.done.stored += 1;
            return Ok(true);
        }
        let Some(held) = self.desk.find(self.transaction, key.stream_row, key.seq)? else {
            self.desk.put_known(self.transaction, filed)?;
            self.done.stored += 1;
            self.meet_quarantine(key, bytes)?;
            return Ok(true);
        };
        if held.bytes == bytes {
            self.done.duplicates += 1;
            return Ok(false);
        }
        let held = held.clone();
        let is_new = self.desk.put_beside(self.transaction, filed, &held)?;
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
        self.desk.clear(self.transaction)?;
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
        let mut has_moved = false;
        for (stream, runs) in std::mem::take(&mut self.clocks) {
            has_moved |= running_time::note(self.transaction, stream, runs, &mut self.touched)?;
        }
        self.touched.write(self.transaction)?;
        let mut rooms: BTreeSet<(SiteId, RoomId)> = self.heard.into_keys().collect();
        if has_moved {
            for room in self.touched.rooms() {
                rooms.extend(running_time::room_name(self.transaction, room)?);
            }
        }
        self.done.rooms = rooms.into_iter().collect();
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

    pub(crate) fn room_id(
        &mut self,
        trust: &TrustId,
        site: &SiteId,
        room: &RoomId,
        event: &Event,
    ) -> Result<i64, StoreError> {
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
    Ok(OpenStream { id, mark, floor: batch::MAX_SEQ, missing: None, conflicts: Vec::new() })
}

/// The lowest seq from `floor` on that was declared gone and has not come after all.
pub(crate) fn first_gap(connection: &Connection, stream: i64, floor: Seq) -> Result<Option<Seq>, StoreError> {
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
