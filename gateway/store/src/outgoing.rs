//! The store's side of every exporter: what has changed, how far it has come, what it has sent, what was refused.
//!
//! Each commit writes down which rooms it touched and where in time, a row for each room. An exporter asks for what
//! came after the row that it stopped at; if that is no longer kept, it starts again from all rooms, which costs time
//! and no truth, since what it sends are absolute values. All of it stands in the database, so that a backup that is put
//! back never claims more than it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use room_events::UtcMillis;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::lock::{self, Lock};
use crate::reader::{CasesAt, NO_ROOM, Streams, add_days_of};
use crate::sheet::Shelf;
use crate::{Reader, RoomRow, StoreError, file_in, place_of, schema};

/// So many changes are kept: days of a busy trust.
pub const MOST_CHANGES: u64 = 200_000;
/// So many refused letters of an exporter are kept, the newest.
pub const MOST_DEAD_LETTERS: u64 = 1_000;
/// Old changes go each time that so many have come.
const TRIMMED_EVERY: i64 = 1_024;

/// What a transaction has touched: by room the first and last place, and whether by signs of life alone.
#[derive(Debug, Default)]
pub(crate) struct Touched(BTreeMap<i64, (UtcMillis, UtcMillis, bool)>);

impl Touched {
    pub(crate) fn add(&mut self, room: i64, place: UtcMillis, alive: bool) {
        let (first, last, alive_only) = self.0.entry(room).or_insert((place, place, alive));
        (*first, *last, *alive_only) = ((*first).min(place), (*last).max(place), *alive_only && alive);
    }

    /// The rooms.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = i64> {
        self.0.keys().copied()
    }

    pub(crate) fn write(&self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        let mut insert = transaction
            .prepare_cached("INSERT INTO changes (room, first, last, alive_only) VALUES (?1, ?2, ?3, ?4)")?;
        for (room, (first, last, alive_only)) in &self.0 {
            let id = insert.insert(params![room, first.millis(), last.millis(), alive_only])?;
            if id % TRIMMED_EVERY == 0 {
                let kept = i64::try_from(MOST_CHANGES).unwrap_or(i64::MAX);
                transaction.execute("DELETE FROM changes WHERE id <= ?1", [id - kept])?;
            }
        }
        Ok(())
    }
}

/// From its first to its last instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: UtcMillis,
    /// The last.
    pub last: UtcMillis,
}

impl Span {
    /// From the first of both to the last of both.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// A room that commits have touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The room.
    pub room: RoomRow,
    /// Where the events are filed.
    pub span: Span,
    /// All of them were signs of life.
    pub alive_only: bool,
}

impl Reader {
    /// The number of the newest change.
    pub fn last_change(&self) -> Result<u64, StoreError> {
        self.count("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)")
    }

    /// What was changed after that number, a row for each room; absent if not all of it is kept any more.
    pub fn changes_after(&self, after: u64) -> Result<Option<Vec<Change>>, StoreError> {
        let (oldest, last) = (self.count("SELECT coalesce(min(id), 0) FROM changes")?, self.last_change()?);
        // A number that was never given is one of another database.
        if after > last || (oldest == 0 && after < last) || (oldest > 0 && after + 1 < oldest) {
            return Ok(None);
        }
        let rooms: BTreeMap<i64, RoomRow> = self.rooms()?.into_iter().map(|room| (room.id, room)).collect();
        let mut statement = self.connection.prepare_cached(
            "SELECT room, min(first), max(last), min(alive_only) FROM changes WHERE id > ?1 GROUP BY room ORDER BY room",
        )?;
        let mut rows = statement.query([i64::try_from(after).unwrap_or(i64::MAX)])?;
        let mut changes = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(room) = rooms.get(&row.get(0)?) else { continue };
            let (first, last) = (UtcMillis::saturating(row.get(1)?), UtcMillis::saturating(row.get(2)?));
            changes.push(Change { room: room.clone(), span: Span { first, last }, alive_only: row.get(3)? });
        }
        Ok(Some(changes))
    }

    /// In each room where a case of these records stands: the span over all records of those cases. A record may move a
    /// case from one day to another, or from another room.
    pub fn reach(&self, change: &Change) -> Result<Vec<(RoomRow, Span)>, StoreError> {
        let mut reach = BTreeMap::from([(change.room.id, change.span)]);
        let moment = self.connection.unchecked_transaction()?;
        let mut streams = Streams::of(&moment)?;
        let Span { first, last } = change.span;
        let mut cases = BTreeSet::new();
        for shelf in [Shelf::Bookings, Shelf::Rest] {
            streams.for_each_of_days(change.room.id, shelf, [first, last], |record| {
                if (first..=last).contains(&place_of(&record.event)) {
                    cases.extend(record.event.obs.case());
                }
            })?;
        }
        let mut days = CasesAt::new();
        for case in cases {
            add_days_of(&moment, case, &mut days)?;
        }
        for (at, cases) in days.into_iter().filter(|((room, _), _)| *room != NO_ROOM) {
            let (room, there) = (at.0, CasesAt::from([(at, cases)]));
            for shelf in [Shelf::Bookings, Shelf::Rest] {
                streams.for_each_of_cases(&there, shelf, |record| {
                    let place = place_of(&record.event);
                    let span = Span { first: place, last: place };
                    reach.entry(room).and_modify(|known| *known = known.joined(span)).or_insert(span);
                })?;
            }
        }
        drop(streams);
        drop(moment);
        let rooms = self.rooms()?.into_iter();
        Ok(rooms.filter_map(|room| reach.get(&room.id).map(|span| (room.clone(), *span))).collect())
    }
}

/// How far an exporter has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// The number of the last change that is exported; absent: all is to be exported.
    pub through: Option<u64>,
    /// The settings that it was exported under.
    pub settings: String,
    /// How often it was asked to start again.
    asked: i64,
}

/// What an exporter sent of one subject, a list or a month, and under which keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// What it is about.
    pub subject: String,
    /// Of all that was sent.
    pub digest: i64,
    /// The keys of the points, in the exporter's own words.
    pub points: String,
}

/// Something that the receiver of an export would not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number.
    pub id: u64,
    /// When it was refused.
    pub at: UtcMillis,
    /// Why, in the receiver's words.
    pub reason: String,
    /// What was refused.
    pub letter: String,
}

/// One exporter's part of a store. Its transactions are short, so that the collector need not wait for them.
#[derive(Debug)]
pub struct Exports {
    connection: Connection,
    name: &'static str,
    _lock: Lock,
}

impl Exports {
    /// Opens the part of the exporter of that name.
    pub fn open(dir: &Path, name: &'static str) -> Result<Self, StoreError> {
        let file = file_in(dir);
        if !file.is_file() {
            return Err(StoreError::Missing(dir.to_owned()));
        }
        let lock = lock::for_writing(dir)?;
        let connection = Connection::open(&file).map_err(|error| StoreError::of_file(&file, error))?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        schema::check_version(&connection).map_err(|error| error.of(&file))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(Self { connection, name, _lock: lock })
    }

    /// How far it has come.
    pub fn position(&self) -> Result<Position, StoreError> {
        let row: Option<(Option<i64>, String, i64)> = self
            .connection
            .prepare_cached("SELECT through, settings, asked FROM exports WHERE name = ?1")?
            .query_row([self.name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((through, settings, asked)) = row else { return Ok(Position::default()) };
        Ok(Position { through: through.map(|through| u64::try_from(through).unwrap_or(0)), settings, asked })
    }

    /// Everything up to this change is exported under these settings, unless it was asked to start again since `from`.
    pub fn advance(&mut self, from: &Position, through: u64, settings: &str) -> Result<(), StoreError> {
        self.connection.execute(
            "INSERT INTO exports VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE
             SET through = excluded.through, settings = excluded.settings WHERE asked = excluded.asked",
            params![self.name, i64::try_from(through).unwrap_or(i64::MAX), settings, from.asked],
        )?;
        Ok(())
    }

    /// Starts again from all rooms at the next opportunity, and sends again what `doubted` says of the subjects sent. What
    /// was sent stays known, so that it can be taken back.
    pub fn start_again(&mut self, doubted: impl Fn(&str) -> bool) -> Result<u64, StoreError> {
        let subjects = self.subjects("")?;
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT INTO exports VALUES (?1, NULL, '', 1) ON CONFLICT (name) DO UPDATE SET through = NULL, asked = asked + 1",
            [self.name],
        )?;
        let mut again = 0;
        for subject in subjects.iter().filter(|subject| doubted(subject)) {
            // No digest is this one.
            again += transaction
                .prepare_cached("UPDATE exported SET digest = 0 WHERE export = ?1 AND subject = ?2")?
                .execute(params![self.name, subject])? as u64;
        }
        transaction.commit()?;
        Ok(again)
    }

    /// Forgets all that was sent and how far it had come: the receiver is another one.
    pub fn forget_sent(&mut self) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM exported WHERE export = ?1", [self.name])?;
        transaction.execute("UPDATE exports SET through = NULL WHERE name = ?1", [self.name])?;
        transaction.commit()?;
        Ok(())
    }

    /// What was sent of a subject.
    pub fn sent(&self, subject: &str) -> Result<Option<Exported>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT digest, points FROM exported WHERE export = ?1 AND subject = ?2")?
            .query_row(params![self.name, subject], |row| {
                Ok(Exported { subject: subject.to_owned(), digest: row.get(0)?, points: row.get(1)? })
            })
            .optional()?)
    }

    /// The subjects sent that begin so.
    pub fn subjects(&self, beginning: &str) -> Result<Vec<String>, StoreError> {
        // No character comes after this one.
        self.subjects_between(beginning, &format!("{beginning}\u{10ffff}"))
    }

    /// The subjects sent from `first` to before `end`, in order of their names.
    pub fn subjects_between(&self, first: &str, end: &str) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT subject FROM exported WHERE export = ?1 AND subject >= ?2 AND subject < ?3 ORDER BY subject",
        )?;
        let rows = statement.query_map(params![self.name, first, end], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes down what has been sent; a subject of which nothing is left is forgotten.
    pub fn record(&mut self, sent: &[Exported]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT INTO exported VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (export, subject) DO UPDATE SET digest = excluded.digest, points = excluded.points",
            )?;
            let mut forget = transaction.prepare_cached("DELETE FROM exported WHERE export = ?1 AND subject = ?2")?;
            for Exported { subject, digest, points } in sent {
                if points.is_empty() {
                    forget.execute(params![self.name, subject])?;
                } else {
                    put.execute(params![self.name, subject, digest, points])?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Keeps what was refused; the oldest go when there are too many.
    pub fn bury(&mut self, letters: &[(String, String)], at: UtcMillis) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        for (letter, reason) in letters {
            transaction.execute(
                "INSERT INTO dead_letters (export, at, reason, letter) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (export, letter) DO UPDATE SET at = excluded.at, reason = excluded.reason",
                params![self.name, at.millis(), reason, letter],
            )?;
        }
        let kept = i64::try_from(MOST_DEAD_LETTERS).unwrap_or(i64::MAX);
        transaction.execute(
            "DELETE FROM dead_letters WHERE export = ?1 AND id NOT IN (
                SELECT id FROM dead_letters WHERE export = ?1 ORDER BY id DESC LIMIT ?2)",
            params![self.name, kept],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// What was refused, the oldest first.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let mut statement =
            self.connection.prepare("SELECT id, at, reason, letter FROM dead_letters WHERE export = ?1 ORDER BY id")?;
        let mut rows = statement.query([self.name])?;
        let mut letters = Vec::new();
        while let Some(row) = rows.next()? {
            letters.push(DeadLetter {
                id: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                at: UtcMillis::saturating(row.get(1)?),
                reason: row.get(2)?,
                letter: row.get(3)?,
            });
        }
        Ok(letters)
    }

    /// Forgets what was refused; returns how many.
    pub fn clear_dead_letters(&mut self) -> Result<u64, StoreError> {
        Ok(self.connection.execute("DELETE FROM dead_letters WHERE export = ?1", [self.name])? as u64)
    }
}
