//! Whose a stream is, of several agents that send it: the first by trust, site and name of those that sent events of it.
//!
//! Two agents send one stream when a disk was copied or an agent renamed before all was delivered. Which of them is right
//! no collector can know, and each hears them in another order. So the order decides nothing: when an agent turns up that
//! stands before the one whose the stream was, what is stored of that one is set aside as if it had come second. Each
//! collector that has the same events ends with the same ones stored and the same ones in quarantine.
//!
//! What an agent *accounts* for without an event, by a floor alone, makes no stream its own.

use std::collections::btree_map::Entry;

use delivery::receiver::{Binding, classify_binding};
use room_events::topic::AgentAddress;
use room_events::{RoomId, Seq, SiteId, StreamId, UtcMillis};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::StoreError;
use crate::filing::{Filing, Heard};
use crate::quarantine::{Cause, Kept, foreign_reason};
use crate::reader::{address, damaged};

/// The agent whose a stream is.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) address: AgentAddress,
    agent: i64,
    stream_row: i64,
}

/// The row in `streams` of the agent whose the stream of a row `s` is. Seqs accounted for that are no gaps were events once,
/// even if retention has removed them since.
pub(crate) const OWNERS_ROW: &str = "SELECT mine.id FROM streams mine JOIN agents its ON its.id = mine.agent
    WHERE mine.stream = s.stream AND (mine.above <> x'' OR mine.through > (
        SELECT coalesce(sum(min(last, mine.through) - first + 1), 0) FROM gaps
        WHERE stream = mine.id AND first <= mine.through))
    ORDER BY its.trust, its.site, its.agent LIMIT 1";

/// Whose the stream is, by what is committed.
pub(crate) fn find_owner(connection: &Connection, stream: StreamId) -> Result<Option<Owner>, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT a.trust, a.site, a.agent, a.id, s.id FROM streams s JOIN agents a ON a.id = s.agent
             WHERE s.stream = ?1 AND s.id = ({OWNERS_ROW})"
        ))?
        .query_row(params![stream.0.to_be_bytes()], |row| Ok((address(row), row.get(3)?, row.get(4)?)))
        .optional()?
        .map(|(address, agent, stream_row)| Ok(Owner { address: address?, agent, stream_row }))
        .transpose()
}

/// One stored event that is to be set aside.
struct Stored {
    seq: i64,
    received: i64,
    room: Option<i64>,
    place: i64,
    kind: String,
    body: Vec<u8>,
}

impl Filing<'_> {
    /// An agent sends events of a stream: whose are they, and is anything to be set aside for that? Returns the owner if it
    /// is another agent.
    pub(crate) fn bind(
        &mut self,
        from: &AgentAddress,
        agent: i64,
        stream_row: i64,
        stream: StreamId,
    ) -> Result<Option<AgentAddress>, StoreError> {
        let known = match self.owners.entry(stream) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(find_owner(self.transaction, stream)?),
        };
        match classify_binding(known.as_ref().map(|owner| &owner.address), from) {
            Binding::Own => Ok(None),
            Binding::Foreign => Ok(known.as_ref().map(|owner| owner.address.clone())),
            Binding::New => {
                *known = Some(Owner { address: from.clone(), agent, stream_row });
                Ok(None)
            }
            Binding::TakesOver => {
                let before = known.replace(Owner { address: from.clone(), agent, stream_row });
                tracing::error!(%stream, agent = %from, before = ?before.as_ref().map(|owner| owner.address.to_string()),
                    "two agents send one stream; the first by name keeps it, the other's events go to quarantine");
                before.map_or(Ok(()), |before| self.set_aside(&before, stream, from))?;
                Ok(None)
            }
        }
    }

    /// Puts what is stored of a stream's former owner into quarantine, each event under its key.
    fn set_aside(&mut self, before: &Owner, stream: StreamId, now: &AgentAddress) -> Result<(), StoreError> {
        let reason = foreign_reason(now);
        let received = self.received;
        let mut statement = self.transaction.prepare_cached(
            "SELECT seq, received, room, place, kind, body FROM events WHERE stream = ?1 ORDER BY seq, digest",
        )?;
        let mut rows = statement.query([before.stream_row])?;
        while let Some(row) = rows.next()? {
            let event = Stored {
                seq: row.get(0)?,
                received: row.get(1)?,
                room: row.get(2)?,
                place: row.get(3)?,
                kind: row.get(4)?,
                body: row.get(5)?,
            };
            let seq = u64::try_from(event.seq).map_err(|error| damaged("events", &error))?;
            self.received = UtcMillis::saturating(event.received);
            let key = Some((stream, Seq(seq)));
            self.keep(&Kept { agent: before.agent, key, cause: Cause::Foreign, reason: &reason, bytes: &event.body })?;
            if let Some(room) = event.room {
                self.touched.add(room, UtcMillis::saturating(event.place), event.kind == "alive");
                self.hear_of(room)?;
            }
        }
        self.received = received;
        self.transaction.execute("DELETE FROM events WHERE stream = ?1", [before.stream_row])?;
        // As if it had come after the owner's: what is foreign is not looked at.
        self.transaction.execute(
            "UPDATE quarantine SET cause = ?4, reason = ?5
             WHERE stream = ?1 AND (cause = ?4 OR (agent = ?2 AND cause IN (?6, ?7)))
                AND agent <> (SELECT id FROM agents WHERE trust = ?8 AND site = ?9 AND agent = ?3)",
            params![
                stream.0.to_be_bytes(),
                before.agent,
                now.agent.as_str(),
                Cause::Foreign.name(),
                reason,
                Cause::Event.name(),
                Cause::Version.name(),
                now.trust.as_str(),
                now.site.as_str()
            ],
        )?;
        Ok(())
    }

    /// Whoever shows the room must look again.
    fn hear_of(&mut self, id: i64) -> Result<(), StoreError> {
        if self.heard.values().any(|heard| heard.room == id) {
            return Ok(());
        }
        let (site, room): (String, String) = self
            .transaction
            .prepare_cached("SELECT site, room FROM rooms WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let site: SiteId = site.parse().map_err(|error| damaged("rooms", &error))?;
        let room: RoomId = room.parse().map_err(|error| damaged("rooms", &error))?;
        self.heard.entry((site, room)).or_insert(Heard { room: id, event: None, alive: None });
        Ok(())
    }
}
