//! What could not become an event, kept as it came until somebody has looked at it.
//!
//! Each has the key under which it was accounted for: what is set aside never holds up what follows. After an upgrade
//! [`Writer::retry_quarantine`] decodes again; what is good now moves to the events as if it had come so at once.

use delivery::batch;
use room_events::topic::AgentAddress;
use room_events::wire::{self, DecodeError};
use room_events::{Seq, StreamId, UtcMillis};
use rusqlite::{OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use crate::filing::{EventKey, Filing, find_agent, find_stream, row_seq};
use crate::reader::{address, damaged};
use crate::stream_owner::find_owner;
use crate::writer::Inbound;
use crate::{Reader, StoreError, Writer};

/// Of one message or event no more than this is kept. An event has less than a kilobyte, a message less than 64; only a
/// hostile one is cut.
pub const MAX_KEPT_BYTES: usize = 128 * 1024;

/// Messages without a readable envelope have no number that would bound them; of each agent so many are kept and the
/// others counted.
pub const MOST_MESSAGES_OF_AN_AGENT: u64 = 1_000;

/// So many rows are tried again in one transaction.
const AT_ONCE: usize = 256;

/// Why something is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The message is no batch; nothing in it could be accounted for.
    Envelope,
    /// The event cannot be decoded.
    Event,
    /// The event has a later version than this program knows.
    Version,
    /// The stream belongs to another agent.
    Foreign,
    /// The event could not be stored, whatever it is.
    Unreadable,
}

impl Cause {
    const ALL: [Self; 5] = [Self::Envelope, Self::Event, Self::Version, Self::Foreign, Self::Unreadable];

    /// In the database and for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Event => "event",
            Self::Version => "version",
            Self::Foreign => "foreign",
            Self::Unreadable => "unreadable",
        }
    }

    pub(crate) fn of(error: &DecodeError) -> Self {
        match error {
            DecodeError::FutureVersion { .. } => Self::Version,
            DecodeError::TooLong { .. } | DecodeError::Malformed(_) => Self::Event,
        }
    }
}

/// One row of the quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number, for people to name it by.
    pub id: i64,
    /// The agent, as the topic said.
    pub agent: AgentAddress,
    /// Stream and number, if there was an envelope.
    pub key: Option<(StreamId, Seq)>,
    /// Why it is here.
    pub cause: Cause,
    /// The same in words.
    pub reason: String,
    /// When it came.
    pub received: UtcMillis,
    /// How many bytes it had.
    pub length: u64,
    /// The bytes as they came, at most [`MAX_KEPT_BYTES`] of them. Anything may stand in them.
    pub bytes: Vec<u8>,
}

/// Whether events of a stream that belongs to another agent are to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignStreams {
    /// No: somebody must find out why they came.
    Keep,
    /// Yes: the agent was renamed, or its outbox was moved to another one.
    Accept,
}

/// What another try did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retried {
    /// Rows that are in quarantine no more.
    pub settled: u64,
    /// Events that are new in the store.
    pub stored: u64,
    /// Events whose number another one has; both are kept.
    pub conflicts: u64,
    /// Rows that are still no events.
    pub still: u64,
}

/// What is to be kept.
pub(crate) struct Kept<'a> {
    pub(crate) agent: i64,
    pub(crate) key: Option<(StreamId, Seq)>,
    pub(crate) cause: Cause,
    pub(crate) reason: &'a str,
    pub(crate) bytes: &'a [u8],
}

/// The beginning of the SHA-256: enough that nobody makes two events of one digest.
pub(crate) fn digest_of(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(bytes)[..16]);
    short
}

/// Why an event of another agent's stream is in quarantine.
pub(crate) fn foreign_reason(owner: &AgentAddress) -> String {
    format!("agent {owner} sends this stream, too; of two the first by name keeps it")
}

impl Filing<'_> {
    /// Keeps it, unless it is kept already; says whether it is new.
    pub(crate) fn keep(&mut self, kept: &Kept<'_>) -> Result<bool, StoreError> {
        let (stream, seq) = match kept.key {
            Some((stream, seq)) => (stream.0.to_be_bytes().to_vec(), row_seq(seq)?),
            None => (Vec::new(), 0),
        };
        let length = i64::try_from(kept.bytes.len()).unwrap_or(i64::MAX);
        let new = self
            .transaction
            .prepare_cached(
                "INSERT INTO quarantine (agent, stream, seq, digest, cause, reason, received, length, bytes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                kept.agent,
                stream,
                seq,
                digest_of(kept.bytes),
                kept.cause.name(),
                kept.reason,
                self.received.millis(),
                length,
                kept.bytes.get(..MAX_KEPT_BYTES).unwrap_or(kept.bytes)
            ])?;
        self.done.quarantined += new as u64;
        self.done.duplicates += u64::from(new == 0 && kept.key.is_some());
        Ok(new > 0)
    }

    /// Keeps a message that is no batch, while there is room for such of its agent.
    pub(crate) fn keep_message(&mut self, agent: i64, reason: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let held: i64 = self
            .transaction
            .prepare_cached("SELECT count(*) FROM quarantine WHERE agent = ?1 AND stream = x''")?
            .query_row([agent], |row| row.get(0))?;
        if u64::try_from(held).unwrap_or(0) >= MOST_MESSAGES_OF_AN_AGENT {
            self.transaction
                .prepare_cached("UPDATE agents SET not_kept = not_kept + 1 WHERE id = ?1")?
                .execute([agent])?;
            self.done.quarantined += 1;
            return Ok(());
        }
        self.keep(&Kept { agent, key: None, cause: Cause::Envelope, reason, bytes })?;
        Ok(())
    }

    /// Tries one row again; says whether it is settled.
    fn try_again(&mut self, row: &Quarantined, foreign: ForeignStreams) -> Result<bool, StoreError> {
        self.received = row.received;
        let is_whole = row.length == row.bytes.len() as u64;
        if !is_whole || (row.cause == Cause::Foreign && foreign == ForeignStreams::Keep && !self.is_owners(row)?) {
            return Ok(false);
        }
        let Some((stream, seq)) = row.key else {
            if batch::decode(&row.bytes).is_err() {
                return Ok(false);
            }
            self.remove(row.id)?;
            self.message(&Inbound { from: &row.agent, payload: &row.bytes })?;
            return Ok(true);
        };
        let Ok(event) = wire::decode(&row.bytes) else { return Ok(false) };
        let agent = find_agent(self.transaction, &row.agent)?;
        let Some(agent) = agent else { return Err(damaged("quarantine", &"an agent that is not there")) };
        let Some((stream_row, _)) = find_stream(self.transaction, agent, stream)? else {
            return Err(damaged("quarantine", &"a stream that is not there"));
        };
        self.remove(row.id)?;
        let key = EventKey { from: &row.agent, agent, stream_row, stream, seq, may_be_known: true };
        self.store(key, &event, &row.bytes)?;
        Ok(true)
    }

    /// Whether a row is of the agent whose the stream is; an earlier version of this program gave it to another one.
    fn is_owners(&self, row: &Quarantined) -> Result<bool, StoreError> {
        let Some((stream, _)) = row.key else { return Ok(false) };
        Ok(find_owner(self.transaction, stream)?.is_some_and(|owner| owner.address == row.agent))
    }

    fn remove(&self, id: i64) -> Result<(), StoreError> {
        self.transaction.prepare_cached("DELETE FROM quarantine WHERE id = ?1")?.execute([id])?;
        Ok(())
    }
}

const ROW: &str =
    "SELECT a.trust, a.site, a.agent, q.id, q.stream, q.seq, q.cause, q.reason, q.received, q.length, q.bytes
    FROM quarantine q JOIN agents a ON a.id = q.agent";

fn quarantined(row: &Row<'_>) -> Result<Quarantined, StoreError> {
    let stream: Vec<u8> = row.get(4)?;
    let seq: i64 = row.get(5)?;
    let key = match <[u8; 16]>::try_from(stream.as_slice()) {
        Ok(bytes) => {
            let seq = u64::try_from(seq).map_err(|error| damaged("quarantine", &error))?;
            Some((StreamId(u128::from_be_bytes(bytes)), Seq(seq)))
        }
        Err(_) => None,
    };
    let cause: String = row.get(6)?;
    let cause = Cause::ALL.into_iter().find(|known| known.name() == cause);
    Ok(Quarantined {
        agent: address(row)?,
        id: row.get(3)?,
        key,
        cause: cause.ok_or_else(|| damaged("quarantine", &"a cause that this program does not know"))?,
        reason: row.get(7)?,
        received: UtcMillis::saturating(row.get(8)?),
        length: u64::try_from(row.get::<_, i64>(9)?).unwrap_or(0),
        bytes: row.get(10)?,
    })
}

impl Reader {
    /// Calls `each` with every row of the quarantine, the oldest first. Stops at the first error that `each` returns.
    pub fn for_each_quarantined<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(Quarantined) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.connection.prepare(&format!("{ROW} ORDER BY q.id")).map_err(StoreError::from)?;
        let mut rows = statement.query([]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            each(quarantined(row)?)?;
        }
        Ok(())
    }

    /// One row of the quarantine.
    pub fn quarantined(&self, id: i64) -> Result<Option<Quarantined>, StoreError> {
        let sql = format!("{ROW} WHERE q.id = ?1");
        let row = self.connection.query_row(&sql, [id], |row| Ok(quarantined(row))).optional()?;
        row.transpose()
    }
}

impl Writer {
    /// Decodes the rows of the quarantine again, all or those named; what is good now moves to the events.
    pub fn retry_quarantine(
        &mut self,
        only: Option<&[i64]>,
        foreign: ForeignStreams,
        now: UtcMillis,
    ) -> Result<Retried, StoreError> {
        let mut total = Retried::default();
        let mut after = 0;
        loop {
            let rows = self.quarantined_after(after)?;
            let Some(last) = rows.last() else { return Ok(total) };
            after = last.id;
            let rows: Vec<_> = rows.into_iter().filter(|row| only.is_none_or(|ids| ids.contains(&row.id))).collect();
            match self.retry_rows(&rows, foreign, now) {
                Ok(done) => total.add(done),
                Err(error) if error.is_of_the_store() => return Err(error),
                // One row must not hold up the others.
                Err(_) => {
                    for row in &rows {
                        match self.retry_rows(std::slice::from_ref(row), foreign, now) {
                            Ok(done) => total.add(done),
                            Err(error) if error.is_of_the_store() => return Err(error),
                            Err(error) => {
                                tracing::error!(id = row.id, %error, "still cannot be stored");
                                total.still += 1;
                            }
                        }
                    }
                }
            }
        }
    }

    fn retry_rows(
        &mut self,
        rows: &[Quarantined],
        foreign: ForeignStreams,
        now: UtcMillis,
    ) -> Result<Retried, StoreError> {
        let mut settled = 0;
        let (_, done) = self.transact(now, |filing| {
            for row in rows {
                settled += u64::from(filing.try_again(row, foreign)?);
            }
            Ok(())
        })?;
        let still = rows.len() as u64 - settled;
        Ok(Retried { settled, stored: done.stored, conflicts: done.conflicts, still })
    }

    fn quarantined_after(&self, id: i64) -> Result<Vec<Quarantined>, StoreError> {
        let mut statement =
            self.connection.prepare_cached(&format!("{ROW} WHERE q.id > ?1 ORDER BY q.id LIMIT {AT_ONCE}"))?;
        let mut rows = statement.query([id])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(quarantined(row)?);
        }
        Ok(found)
    }
}

impl Retried {
    fn add(&mut self, other: Self) {
        self.settled += other.settled;
        self.stored += other.stored;
        self.conflicts += other.conflicts;
        self.still += other.still;
    }
}
