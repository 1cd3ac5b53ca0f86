//! Writing a store: batches in, one transaction, acknowledgements out.
//!
//! A message either becomes part of the store as a whole or not at all, panics included. What cannot be understood is no
//! reason to fail: it goes to [quarantine](crate::quarantine) under its own key and is accounted for.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use chrono_tz::Tz;
use delivery::ack::{Ack, RunId};
use delivery::batch;
use delivery::receiver::{Answered, Mark, OnFailure, Receiver, classify_failure};
use room_events::topic::AgentAddress;
use room_events::{RoomId, RoomKind, SiteId, SourceId, TrustId, UtcMillis};
use rusqlite::{Connection, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use utilisation::occupancy::OccupancyRules;

use crate::filing::{Filing, OpenStreams, find_agent, find_stream, first_gap};
use crate::lock::{self, Lock};
use crate::reader::damaged;
use crate::{StoreError, backup, file_in, schema};

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

/// A room of which only signals tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomOccupancy {
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: SiteId,
    /// Room.
    pub room: RoomId,
    /// How its occupancy is inferred.
    pub rules: OccupancyRules,
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
            drop(backup::check_for_damage(&file)?);
        }
        Self::open_locked(dir, run, locks)
    }

    fn open_locked(dir: &Path, run: RunId, locks: Vec<Lock>) -> Result<Self, StoreError> {
        let file = file_in(dir);
        let mut connection = Connection::open(&file).map_err(|error| StoreError::of_file(&file, error))?;
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

    /// Writes down in which rooms a configuration has occupancy inferred from signals, so that reports restate its figures.
    pub fn describe_occupancy(&mut self, rooms: &[RoomOccupancy]) -> Result<(), StoreError> {
        let text = serde_json::to_string(rooms).map_err(|error| damaged("meta", &error))?;
        self.connection.execute(
            "INSERT INTO meta VALUES ('occupancy', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [text],
        )?;
        Ok(())
    }

    /// Stores all messages in one transaction. On an error, which a panic becomes too, nothing of them is stored and
    /// nothing may be acknowledged as stored.
    pub fn commit(&mut self, messages: &[Inbound<'_>], received: UtcMillis) -> Result<Committed, StoreError> {
        self.commit_at(messages.iter().map(|message| (*message, received)))
    }

    /// The same for messages that were received at different times, by another collector.
    pub fn commit_at<'m>(
        &mut self,
        messages: impl IntoIterator<Item = (Inbound<'m>, UtcMillis)>,
    ) -> Result<Committed, StoreError> {
        let (streams, mut done) = self.transact(UtcMillis::MIN, |filing| {
            messages.into_iter().try_for_each(|(message, received)| {
                filing.received = received;
                filing.message(&message)
            })
        })?;
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
        let (is_alone, failed) = match classify_failure(&batch) {
            OnFailure::Halve(failed) => (false, failed),
            OnFailure::Stub(_, failed) => (true, failed),
        };
        if is_alone && !cause.is_of_the_store() {
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
        let ack = self.receiver.acknowledge(answered, &mark, [], Some(failed));
        Ok(Some(Acknowledgement { to: message.from.clone(), ack }))
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use crate::Reader;
    use room_events::{AgentId, ClockQuality, Event, MilestoneReached, Observation, Seq, StreamId, Token, wire};

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
            obs: Observation::Milestone(MilestoneReached::new(case, room_events::Milestone::IntoTheatre)),
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
