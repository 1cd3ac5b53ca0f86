//! The outbox: every event on disk before anything else may see it, kept until all required collectors have it.
//!
//! One redb file (`outbox.redb`), one process. A commit is one transaction with fsync, for as many events as came
//! together.
//!
//! ```text
//! events   (stream number, seq) -> bytes of the event
//! streams   stream number       -> (stream id, floor, last)     numbers rise: oldest first; an emptied one stays
//! files     sha-256 of a file   -> rows recorded of it           in the same transaction as their events
//! cases     room                -> state of its case tracker     in the same transaction as their events
//! state     name                -> number                        bytes held, of them signal levels, losses
//! ```
//!
//! Each page that a commit writes makes it longer, and most commits write events alone. So `last` is that of the last
//! event, where events follow, and `state` counts the bytes up to (`counted-stream`, `counted-seq`): whoever opens the
//! file adds the few events behind that ([`MAX_UNCOUNTED`]).
//!
//! The bytes held are counted, not measured: redb's file is larger by its pages, and space that becomes free is used
//! again. After an error of the disk the file is opened anew and read again: a commit that survived counts.

use std::ops::Bound;
use std::path::{Path, PathBuf};

use delivery::sender::Held;
use delivery::{OpenLoss, Room, Space};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use room_events::observation::PreviousStream;
use room_events::{Observation, Seq, StreamId, UtcMillis, wire};

const EVENTS: TableDefinition<(u64, u64), &[u8]> = TableDefinition::new("events");
const STREAMS: TableDefinition<u64, (u128, u64, u64)> = TableDefinition::new("streams");
const FILES: TableDefinition<[u8; 32], u64> = TableDefinition::new("files");
const CASES: TableDefinition<&str, &[u8]> = TableDefinition::new("cases");
const STATE: TableDefinition<&str, i64> = TableDefinition::new("state");

/// Events that a file may hold beyond those whose bytes it has written down: as few as are read in no time.
const MAX_UNCOUNTED: u64 = 256;

/// What an event costs beside its bytes, by rule of thumb: key and lengths.
pub const OVERHEAD_BYTES: u64 = 32;

/// redb's cache. The default of 1 GiB is more than small computers have.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// The most events of a stream that one transaction deletes, so that recording does not wait for long.
pub const MAX_DELETED: u64 = 50_000;

/// Space that is given back when the disk is full, because redb needs some even to delete.
const BALLAST_BYTES: usize = 4 * 1024 * 1024;

/// Why the outbox did not do something.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// No room within the limit: wait until something is acknowledged, or count the observation as lost.
    #[error("the outbox is full: {held} of {limit} bytes are held (see outbox.max-mib)")]
    Full {
        /// Bytes held.
        held: u64,
        /// Bytes allowed.
        limit: u64,
        /// Bytes that are wanting.
        short: u64,
    },
    /// Signal levels have used up their half, whatever else is free: count the observation as lost.
    #[error("signal levels hold their half of the outbox, {limit} bytes (is a line chattering?)")]
    SignalsFull {
        /// Bytes allowed to them.
        limit: u64,
    },
    /// Another process has it open: stop.
    #[error("{} is open in another process (is touchtime-agent running already?)", .0.display())]
    InUse(PathBuf),
    /// An event that would make its batch unreadable: drop it and say so.
    #[error("an event is not one JSON value of at most {} bytes", wire::MAX_EVENT_BYTES)]
    NotAnEvent,
    /// The disk or the file: reopen, then try again.
    #[error("the outbox cannot be used: {0} (is the disk full or failing?)")]
    Storage(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for OutboxError {
    fn from(error: E) -> Self {
        Self::Storage(Box::new(error.into()))
    }
}

/// What a feed must know again after a restart: kept in the same transaction as the events that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// How far the rows of a file are recorded.
    File {
        /// SHA-256 of the file, of its mapping and of what was left out.
        file: [u8; 32],
        /// Items recorded of it.
        items: u64,
    },
    /// Which cases the buttons of a room have made.
    Cases {
        /// The room.
        room: &'a str,
        /// The state of its case tracker.
        state: &'a [u8],
    },
}

#[derive(Debug, Clone, Copy)]
struct Record {
    number: u64,
    held: Held,
}

/// An open outbox.
#[derive(Debug)]
pub struct Outbox {
    path: PathBuf,
    // None only between closing and opening after an error.
    database: Option<Database>,
    max_bytes: u64,
    bytes: u64,
    signals: u64,
    // Events of which the file does not say yet what they take.
    uncounted: u64,
    records: Vec<Record>,
    // The stream of this process, once its first event is committed.
    current: Option<u64>,
    fresh: StreamId,
    next_number: u64,
    lost: u64,
    open_loss: Option<OpenLoss>,
    vanished: bool,
}

/// Makes an empty outbox under another name first: a process that dies meanwhile leaves half a file, which no later one
/// could open, and nothing in it is lost.
fn make(path: &Path) -> Result<(), OutboxError> {
    let unfinished = path.with_extension("redb.new");
    match make_database(&unfinished) {
        Ok(_) => {}
        Err(error @ OutboxError::InUse(_)) => return Err(error),
        Err(_) => {
            let _ = std::fs::remove_file(&unfinished);
            make_database(&unfinished)?;
        }
    }
    match std::fs::hard_link(&unfinished, path) {
        // Another process was faster; which of the two may use it, its lock decides.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Ok(()) => {}
        // A file system without links.
        Err(_) => std::fs::rename(&unfinished, path).map_err(redb::StorageError::Io)?,
    }
    let _ = std::fs::remove_file(&unfinished);
    let folder = path.parent().map_or_else(|| Ok(()), |folder| std::fs::File::open(folder)?.sync_all());
    folder.map_err(redb::StorageError::Io)?;
    Ok(())
}

fn make_database(path: &Path) -> Result<Database, OutboxError> {
    named(path, Database::builder().set_cache_size(CACHE_BYTES).create(path))
}

/// Never makes one: where an outbox is expected and not found, a disk may not be mounted.
fn open_database(path: &Path) -> Result<Database, OutboxError> {
    named(path, Database::builder().set_cache_size(CACHE_BYTES).open(path))
}

fn named(path: &Path, opened: Result<Database, redb::DatabaseError>) -> Result<Database, OutboxError> {
    match opened {
        Err(redb::DatabaseError::DatabaseAlreadyOpen) => Err(OutboxError::InUse(path.to_owned())),
        opened => Ok(opened?),
    }
}

/// Whether the file is there and can never be read again: cut, emptied, overwritten. A disk that refuses is none of these.
fn is_damaged(path: &Path, error: &OutboxError) -> bool {
    let OutboxError::Storage(error) = error else { return false };
    let not_one = if let redb::Error::Io(error) = &**error {
        matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
    } else {
        matches!(&**error, redb::Error::Corrupted(_) | redb::Error::RepairAborted)
    };
    not_one || std::fs::metadata(path).is_ok_and(|file| file.len() == 0)
}

/// Puts a damaged outbox beside a new one, for whoever may still read something of it.
fn set_aside(path: &Path) -> Result<PathBuf, OutboxError> {
    let mut number = 1;
    let aside = loop {
        let aside = path.with_extension(format!("redb.damaged-{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    std::fs::rename(path, &aside).map_err(redb::StorageError::Io)?;
    Ok(aside)
}

/// Space that the file system only promises is no reserve, so it is on the disk before this returns.
fn lay(ballast: &Path) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(ballast)?;
    file.write_all(&vec![0x5a; BALLAST_BYTES])?;
    file.sync_all()
}

impl Outbox {
    /// Opens or makes the outbox in `folder`. Nothing is written to a full one. `fresh` names the stream that the first
    /// commit will begin: 128 random bits. A damaged outbox is put aside, and a new one begins: what it held is a loss to be
    /// told, but what happens from now on is recorded.
    pub fn open(folder: &Path, max_bytes: u64, fresh: StreamId) -> Result<Self, OutboxError> {
        let path = folder.join("outbox.redb");
        let mut outbox = Self {
            path,
            database: None,
            max_bytes,
            bytes: 0,
            signals: 0,
            uncounted: 0,
            records: Vec::new(),
            current: None,
            fresh,
            next_number: 0,
            lost: 0,
            open_loss: None,
            vanished: false,
        };
        let ballast = outbox.path.with_file_name("ballast");
        let mut vanished = None;
        if !outbox.path.exists() {
            // The ballast stays beside its outbox as long as that lives.
            vanished = ballast.exists().then_some(None);
            make(&outbox.path)?;
        }
        match outbox.reopen() {
            Err(error) if is_damaged(&outbox.path, &error) => {
                let aside = set_aside(&outbox.path)?;
                tracing::error!(%error, aside = %aside.display(), "the outbox is damaged; put aside, and a new one begun");
                vanished = Some(Some(aside));
                make(&outbox.path)?;
                outbox.reopen()?;
            }
            opened => opened?,
        }
        if vanished == Some(None) {
            tracing::error!(outbox = %outbox.path.display(), "the outbox that was here is gone; a new one begun");
        }
        outbox.vanished = vanished.is_some();
        // A process that ended with a loss untold may have counted more than it wrote down.
        outbox.open_loss = outbox.open_loss.map(OpenLoss::after_restart);
        outbox.lay_ballast();
        Ok(outbox)
    }

    /// Opens the file (again) and reads what it holds. A transaction of which an error was told may have survived.
    pub fn reopen(&mut self) -> Result<(), OutboxError> {
        self.database = None;
        let database = open_database(&self.path)?;
        let contents = Contents::read(&database)?;
        self.bytes = contents.bytes;
        self.signals = contents.signals;
        self.uncounted = contents.uncounted;
        self.lost = contents.lost;
        // What this process counted and could not write is still in memory.
        self.open_loss = self.open_loss.take().or(contents.open_loss);
        self.next_number = contents.records.last().map_or(0, |r| r.number + 1);
        self.current = contents.records.last().filter(|r| r.held.stream == self.fresh).map(|r| r.number);
        self.records = contents.records;
        self.database = Some(database);
        Ok(())
    }

    /// Gives the ballast's space back to the file system; [`Outbox::lay_ballast`] takes it again. False if it is not there.
    pub fn drop_ballast(&self) -> bool {
        std::fs::remove_file(self.path.with_file_name("ballast")).is_ok()
    }

    /// Reserves the ballast if it is not there; a disk without room for it only shows in `check`.
    pub fn lay_ballast(&self) {
        let path = self.path.with_file_name("ballast");
        let is_whole = std::fs::metadata(&path).is_ok_and(|file| file.len() == BALLAST_BYTES as u64);
        if !is_whole && lay(&path).is_err() {
            let _ = std::fs::remove_file(&path);
        }
    }

    fn database(&self) -> Result<&Database, OutboxError> {
        self.database.as_ref().ok_or_else(|| redb::StorageError::DatabaseClosed.into())
    }

    /// Whether the process has not committed anything yet: the next event begins a stream and must say so.
    pub fn is_stream_fresh(&self) -> bool {
        self.current.is_none()
    }

    /// The newest stream and its last seq.
    pub fn newest(&self) -> Option<PreviousStream> {
        self.records.last().map(|r| PreviousStream { stream: r.held.stream, last: r.held.last })
    }

    /// Begins another stream with the next commit.
    pub fn begin_stream(&mut self, fresh: StreamId) {
        self.fresh = fresh;
        self.current = None;
    }

    /// All streams, oldest first.
    pub fn streams(&self) -> impl Iterator<Item = Held> + '_ {
        self.records.iter().map(|r| r.held)
    }

    /// Bytes held and allowed, by the rule of [`OVERHEAD_BYTES`].
    pub fn space(&self) -> Space {
        Space { limit: self.max_bytes, held: self.bytes, signals: self.signals }
    }

    /// Observations lost since the outbox was made, told by an event or not.
    pub fn lost(&self) -> u64 {
        self.lost + self.open_loss.as_ref().map_or(0, |loss| loss.count)
    }

    /// Losses that no event has told yet.
    pub fn open_loss(&self) -> Option<&OpenLoss> {
        self.open_loss.as_ref()
    }

    /// Commits events in order, with the progress in their file. `closes_loss`: one of them tells the open loss.
    /// What this returns is on the disk.
    pub fn append<B: AsRef<[u8]>>(
        &mut self,
        events: &[B],
        progress: Option<Progress<'_>>,
        closes_loss: bool,
    ) -> Result<Held, OutboxError> {
        let (mut added, mut signals) = (0, 0);
        for event in events {
            if !delivery::batch::is_sendable(event.as_ref()) {
                return Err(OutboxError::NotAnEvent);
            }
            added += cost(event.as_ref());
            signals += signal_cost(event.as_ref());
        }
        match self.space().room_for(added, signals) {
            Room::Enough => {}
            Room::Short(short) => return Err(OutboxError::Full { held: self.bytes, limit: self.max_bytes, short }),
            Room::SignalsFull => return Err(OutboxError::SignalsFull { limit: self.max_bytes / 2 }),
        }
        let index = self.records.iter().position(|r| Some(r.number) == self.current);
        let mut record = match index.and_then(|index| self.records.get(index)) {
            Some(record) => *record,
            None => {
                Record { number: self.next_number, held: Held { stream: self.fresh, floor: Seq::FIRST, last: Seq(0) } }
            }
        };
        // Of a new stream the file knows nothing; of one that it has, the events say the rest.
        let uncounted = self.uncounted + events.len() as u64;
        let counts = index.is_none() || uncounted > MAX_UNCOUNTED;
        let told = if closes_loss { self.open_loss.as_ref().map_or(0, |loss| loss.count) } else { 0 };
        let mut transaction = self.database()?.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(EVENTS)?;
            for event in events {
                record.held.last = record.held.last.next();
                table.insert((record.number, record.held.last.0), event.as_ref())?;
            }
            match progress {
                Some(Progress::File { file, items }) => drop(transaction.open_table(FILES)?.insert(file, items)?),
                Some(Progress::Cases { room, state }) => drop(transaction.open_table(CASES)?.insert(room, state)?),
                None => {}
            }
            if counts {
                let Held { stream, floor, last } = record.held;
                transaction.open_table(STREAMS)?.insert(record.number, (stream.0, floor.0, last.0))?;
                let end = (record.number, last.0);
                write_counts(&transaction, self.bytes + added, self.signals + signals, end)?;
            }
            if closes_loss {
                let mut state = transaction.open_table(STATE)?;
                state.insert("lost", signed(self.lost + told))?;
                state.insert("open-loss", 0)?;
            }
        }
        transaction.commit()?;
        self.bytes += added;
        self.signals += signals;
        self.uncounted = if counts { 0 } else { uncounted };
        self.lost += told;
        if closes_loss {
            self.open_loss = None;
        }
        match index.and_then(|index| self.records.get_mut(index)) {
            Some(known) => *known = record,
            None => {
                self.records.push(record);
                self.current = Some(record.number);
                self.next_number = record.number + 1;
            }
        }
        Ok(record.held)
    }

    /// Counts an observation that could not be kept: in memory first, then on the disk, for which the ballast is there.
    pub fn count_loss(&mut self, obs: &Observation, at: UtcMillis) {
        self.add_loss(OpenLoss::of(obs, at));
    }

    /// Counts what an outbox held that was here and is gone, or that is damaged: at least so many events.
    pub fn count_vanished(&mut self, events: u64, at: UtcMillis) {
        self.vanished = false;
        self.add_loss(OpenLoss::of_record(events, at));
    }

    /// Whether the outbox that was here before could not be used, and nobody has counted what it held.
    pub fn has_vanished(&self) -> bool {
        self.vanished
    }

    fn add_loss(&mut self, one: OpenLoss) {
        let loss = self.open_loss.take().map_or_else(|| one.clone(), |open| open.and(&one));
        self.open_loss = Some(loss.clone());
        if self.write_loss(&loss, None).is_ok() {
            return;
        }
        self.drop_ballast();
        if let Err(error) = self.reopen().and_then(|()| self.write_loss(&loss, None)) {
            tracing::warn!(%error, "a loss is counted in memory only");
        }
        self.lay_ballast();
    }

    /// Removes the record of an emptied stream that some required collector does not account for, because there are too
    /// many, and counts what it stood for.
    pub fn forget_counted(&mut self, stream: StreamId, loss: &OpenLoss) -> Result<(), OutboxError> {
        let Some(index) = self.records.iter().position(|r| r.held.stream == stream) else { return Ok(()) };
        let number = self.records.get(index).map(|r| r.number);
        let loss = self.open_loss.as_ref().map_or_else(|| loss.clone(), |open| open.clone().and(loss));
        self.write_loss(&loss, number)?;
        self.records.remove(index);
        self.open_loss = Some(loss);
        Ok(())
    }

    fn write_loss(&self, loss: &OpenLoss, forgotten: Option<u64>) -> Result<(), OutboxError> {
        let transaction = self.database()?.begin_write()?;
        {
            let mut state = transaction.open_table(STATE)?;
            state.insert("open-loss", signed(loss.count))?;
            state.insert("open-loss-from", loss.from.millis())?;
            state.insert("open-loss-to", loss.to.millis())?;
            state.insert("open-loss-kinds", i64::from(loss.kind_bits()))?;
            state.insert("open-loss-exact", i64::from(loss.exact))?;
            if let Some(number) = forgotten {
                transaction.open_table(STREAMS)?.remove(number)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// The bytes of `n` events of a stream from `first` on.
    pub fn read(&self, stream: StreamId, first: Seq, n: u64) -> Result<Vec<Vec<u8>>, OutboxError> {
        let Some(record) = self.records.iter().find(|r| r.held.stream == stream) else { return Ok(Vec::new()) };
        let table = self.database()?.begin_read()?.open_table(EVENTS)?;
        let range = (record.number, first.0)..(record.number, first.0.saturating_add(n));
        table.range(range)?.map(|entry| Ok(entry?.1.value().to_vec())).collect()
    }

    /// Deletes events of each stream through the given seq, the oldest first, in one transaction: no more than free
    /// `wanted` bytes, and at most [`MAX_DELETED`] of each stream. How many bytes became free.
    pub fn delete_through(&mut self, ends: &[(StreamId, u64)], wanted: u64) -> Result<u64, OutboxError> {
        let mut records = self.records.clone();
        let (mut freed, mut signals) = (0, 0);
        let transaction = self.database()?.begin_write()?;
        {
            let mut events = transaction.open_table(EVENTS)?;
            let mut streams = transaction.open_table(STREAMS)?;
            for &(stream, end) in ends {
                let Some(record) = records.iter_mut().find(|r| r.held.stream == stream) else { continue };
                let end = end.min(record.held.last.0).min(record.held.floor.0.saturating_add(MAX_DELETED - 1));
                if end < record.held.floor.0 || freed >= wanted {
                    continue;
                }
                let mut floor = record.held.floor.0;
                events.retain_in((record.number, floor)..=(record.number, end), |(_, seq), bytes| {
                    if freed >= wanted {
                        return true;
                    }
                    freed += cost(bytes);
                    signals += signal_cost(bytes);
                    floor = seq + 1;
                    false
                })?;
                record.held.floor = Seq(floor);
                streams.insert(record.number, (stream.0, floor, record.held.last.0))?;
            }
            let end = records.last().map_or((0, 0), |r| (r.number, r.held.last.0));
            let (bytes, signals) = (self.bytes.saturating_sub(freed), self.signals.saturating_sub(signals));
            write_counts(&transaction, bytes, signals, end)?;
        }
        transaction.commit()?;
        self.uncounted = 0;
        self.bytes = self.bytes.saturating_sub(freed);
        self.signals = self.signals.saturating_sub(signals);
        self.records = records;
        Ok(freed)
    }

    /// Removes the record of an emptied stream that every required collector accounts for. The newest stream's stays:
    /// the next stream names it as the one before.
    pub fn forget(&mut self, stream: StreamId) -> Result<bool, OutboxError> {
        let Some(index) = self.records.iter().position(|r| r.held.stream == stream) else { return Ok(false) };
        let Some(record) = self.records.get(index).copied() else { return Ok(false) };
        if record.held.floor <= record.held.last || index + 1 == self.records.len() {
            return Ok(false);
        }
        let transaction = self.database()?.begin_write()?;
        transaction.open_table(STREAMS)?.remove(record.number)?;
        transaction.commit()?;
        self.records.remove(index);
        Ok(true)
    }

    /// How many items of a file were recorded by this or an earlier process.
    pub fn recorded_of(&self, file: [u8; 32]) -> Result<u64, OutboxError> {
        let table = self.database()?.begin_read()?.open_table(FILES)?;
        Ok(table.get(file)?.map_or(0, |items| items.value()))
    }

    /// The state of a room's case tracker, if there is one.
    pub fn cases_of(&self, room: &str) -> Result<Option<Vec<u8>>, OutboxError> {
        match self.database()?.begin_read()?.open_table(CASES) {
            Ok(table) => Ok(table.get(room)?.map(|state| state.value().to_vec())),
            // No button was ever pressed here.
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// What a file holds beside the events.
#[derive(Debug, Clone)]
pub struct Contents {
    /// Streams, oldest first.
    records: Vec<Record>,
    /// Bytes held.
    pub bytes: u64,
    /// Bytes of them that are signal levels.
    pub signals: u64,
    /// Events that were counted just now.
    uncounted: u64,
    /// When the oldest event held was captured.
    pub oldest: Option<UtcMillis>,
    /// Losses told by an event.
    pub lost: u64,
    /// Losses not told yet.
    pub open_loss: Option<OpenLoss>,
}

impl Contents {
    /// Reads the outbox in `folder` without changing it; works only while no agent has it open.
    pub fn read_only(folder: &Path) -> Result<Self, OutboxError> {
        let path = folder.join("outbox.redb");
        match redb::ReadOnlyDatabase::open(&path) {
            Ok(database) => Self::read_tables(&database.begin_read()?),
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => Err(OutboxError::InUse(path)),
            Err(error) => Err(error.into()),
        }
    }

    /// The streams, oldest first.
    pub fn streams(&self) -> impl Iterator<Item = Held> + '_ {
        self.records.iter().map(|r| r.held)
    }

    fn read(database: &Database) -> Result<Self, OutboxError> {
        let read = database.begin_read()?;
        if read.list_tables()?.next().is_none() {
            drop(read);
            let transaction = database.begin_write()?;
            transaction.open_table(EVENTS)?;
            transaction.open_table(STREAMS)?;
            transaction.open_table(FILES)?;
            transaction.open_table(STATE)?;
            transaction.commit()?;
        }
        Self::read_tables(&database.begin_read()?)
    }

    fn read_tables(read: &redb::ReadTransaction) -> Result<Self, OutboxError> {
        let events = read.open_table(EVENTS)?;
        let mut records = Vec::new();
        for entry in read.open_table(STREAMS)?.iter()? {
            let (number, held) = entry?;
            let (number, (stream, floor, last)) = (number.value(), held.value());
            let newest = events.range((number, last)..=(number, u64::MAX))?.next_back().transpose()?;
            let last = newest.map_or(last, |(key, _)| key.value().1);
            let held = Held { stream: StreamId(stream), floor: Seq(floor), last: Seq(last) };
            records.push(Record { number, held });
        }
        let state = read.open_table(STATE)?;
        let number = |name: &str| -> Result<i64, OutboxError> { Ok(state.get(name)?.map_or(0, |n| n.value())) };
        let count = unsigned(number("open-loss")?);
        let open_loss = (count > 0).then_some(OpenLoss {
            count,
            from: UtcMillis::saturating(number("open-loss-from")?),
            to: UtcMillis::saturating(number("open-loss-to")?),
            kinds: OpenLoss::kinds_of_bits(u8::try_from(number("open-loss-kinds")?).unwrap_or(0)),
            // Written by every version that knows of inexact ones.
            exact: state.get("open-loss-exact")?.is_none_or(|exact| exact.value() != 0),
        });
        let oldest =
            events.first()?.and_then(|(_, bytes)| wire::decode(bytes.value()).ok()).map(|event| event.captured);
        let (mut bytes, mut signals) = (unsigned(number("bytes")?), unsigned(number("signal-bytes")?));
        let mut uncounted = 0;
        // An earlier version wrote the bytes down with each event.
        if state.get("counted-stream")?.is_some() {
            let end = (unsigned(number("counted-stream")?), unsigned(number("counted-seq")?));
            for entry in events.range((Bound::Excluded(end), Bound::Unbounded))? {
                let (_, event) = entry?;
                bytes += cost(event.value());
                signals += signal_cost(event.value());
                uncounted += 1;
            }
        }
        Ok(Self { records, bytes, signals, uncounted, oldest, lost: unsigned(number("lost")?), open_loss })
    }
}

/// Writes down what all events through `end`, the last one, take.
fn write_counts(
    transaction: &redb::WriteTransaction,
    bytes: u64,
    signals: u64,
    end: (u64, u64),
) -> Result<(), OutboxError> {
    let mut state = transaction.open_table(STATE)?;
    state.insert("bytes", signed(bytes))?;
    state.insert("signal-bytes", signed(signals))?;
    state.insert("counted-stream", signed(end.0))?;
    state.insert("counted-seq", signed(end.1))?;
    Ok(())
}

/// What an event takes of the space.
fn cost(event: &[u8]) -> u64 {
    event.len() as u64 + OVERHEAD_BYTES
}

/// What it takes of the signal levels' half.
fn signal_cost(event: &[u8]) -> u64 {
    if wire::is_signal_level(event) { cost(event) } else { 0 }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
