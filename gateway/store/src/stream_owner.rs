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
use room_events::{Observation, StreamId, wire};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::filing::{Filing, Heard};
use crate::quarantine::{Cause, Kept, foreign_reason};
use crate::reader::{address, damaged, in_order};
use crate::{StoreError, place_of};

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
        self.desk.clear(self.transaction)?;
        self.desk.forget();
        in_order(self.transaction, before.stream_row, |seq, came, bytes| {
            self.received = came;
            let key = Some((stream, seq));
            self.keep(&Kept { agent: before.agent, key, cause: Cause::Foreign, reason: &reason, bytes })?;
            self.hear_of(&before.address, bytes)
        })?;
        self.received = received;
        self.transaction.execute("DELETE FROM sheets WHERE stream = ?1", [before.stream_row])?;
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

    /// Whoever shows the event's room must look again.
    fn hear_of(&mut self, agent: &AgentAddress, bytes: &[u8]) -> Result<(), StoreError> {
        let event = wire::decode(bytes).map_err(|error| damaged("sheets", &error))?;
        let Some(room) = &event.room else { return Ok(()) };
        let site = event.site.as_ref().unwrap_or(&agent.site);
        let id = self.room_id(&agent.trust, site, room, &event)?;
        self.touched.add(id, place_of(&event), matches!(event.obs, Observation::Alive(_)));
        self.heard.entry((site.clone(), room.clone())).or_insert(Heard { room: id, event: None, alive: None });
        Ok(())
    }
}
