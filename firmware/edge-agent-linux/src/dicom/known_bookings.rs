//! [`KnownBookings`]: what the worklist said before, so that only what changed becomes an event.
//!
//! ```text
//! worklist.redb   token of the exam -> JSON of [`KnownBooking`]
//! ```
//!
//! Hospitals take an entry off the worklist for three reasons: it was cancelled, it was put elsewhere, or the patient is
//! here. So an entry that vanishes before its start is a cancellation, and one that is back, or whose exam begins, takes
//! that back. Of one that vanishes later nothing is said: the exam was either begun, or it stays a booking without one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use dicom_feed::worklist::Booked;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use room_events::{Booking, Cancellation, Correction, Label, Milestone, Observation, RoomId, Token, UtcMillis};
use serde::{Deserialize, Serialize};

use super::known_steps::REMEMBERED_MS;
use crate::config::Config;

const BOOKINGS: TableDefinition<(u8, u128), &[u8]> = TableDefinition::new("bookings");

const CACHE_BYTES: usize = 1024 * 1024;

/// An entry has vanished when it is missing so many times in a row: a worklist is sometimes told by halves.
const MISSED: u8 = 2;

/// Why a booking that vanished counts as cancelled.
const REASON: &str = "removed from the worklist";

/// How a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is on the worklist.
    Booked,
    /// It vanished before its start and was told as cancelled.
    Removed,
    /// Its exam has begun.
    Begun,
}

/// An exam that the worklist booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBooking {
    /// Its room.
    pub room: RoomId,
    /// When it is to start.
    pub start: UtcMillis,
    /// What is to be done.
    pub procedure: Option<Label>,
    /// How often in a row it was not on the worklist.
    pub missed: u8,
    /// How it stands.
    pub standing: Standing,
}

impl KnownBooking {
    /// What an entry says of an exam in `room`.
    pub fn of(room: RoomId, booked: &Booked) -> Self {
        Self { room, start: booked.start, procedure: booked.procedure.clone(), missed: 0, standing: Standing::Booked }
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.room, self.start, &self.procedure) == (&other.room, other.start, &other.procedure)
    }

    fn booking(&self, case: Token) -> (RoomId, Observation) {
        let booking = Booking {
            case,
            start: Some(self.start),
            minutes: None,
            session: None,
            specialty: None,
            procedure: self.procedure.clone(),
            admission: None,
            class: None,
            issued: None,
        };
        (self.room.clone(), Observation::Booking(booking))
    }

    /// Takes back what was said of a cancellation.
    fn not_cancelled(&self, case: Token) -> (RoomId, Observation) {
        let withdrawn = Correction { case, name: Milestone::Cancelled, to: None, author: None, reason: None };
        (self.room.clone(), Observation::Correction(withdrawn))
    }
}

/// What there is to say of an exam, in order, and how its booking stands then.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// The exam.
    pub exam: Token,
    /// What is said, and of which room.
    pub says: Vec<(RoomId, Observation)>,
    /// How the booking stands.
    pub becomes: KnownBooking,
}

/// What a worklist changes that was told whole for exams that start from `window.0` to before `window.1`.
pub fn changes(
    known: &BTreeMap<Token, KnownBooking>,
    found: &BTreeMap<Token, KnownBooking>,
    window: (UtcMillis, UtcMillis),
    now: UtcMillis,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for (exam, found) in found {
        let mut says = Vec::new();
        match known.get(exam) {
            Some(before) if before.standing == Standing::Begun => continue,
            Some(before) if before == found => continue,
            Some(before) => {
                if before.standing == Standing::Removed {
                    says.push(before.not_cancelled(*exam));
                }
                if !before.is_same(found) {
                    says.push(found.booking(*exam));
                }
            }
            None => says.push(found.booking(*exam)),
        }
        changes.push(Change { exam: *exam, says, becomes: found.clone() });
    }
    for (exam, before) in known {
        let was_asked_for = window.0 <= before.start && before.start < window.1;
        if before.standing != Standing::Booked || found.contains_key(exam) || !was_asked_for || before.start <= now {
            continue;
        }
        let mut becomes = KnownBooking { missed: before.missed + 1, ..before.clone() };
        let mut says = Vec::new();
        if becomes.missed >= MISSED {
            becomes.standing = Standing::Removed;
            let cancellation = Cancellation { case: *exam, class: None, reason: Label::new(REASON).ok() };
            says.push((before.room.clone(), Observation::Cancellation(cancellation)));
        }
        changes.push(Change { exam: *exam, says, becomes });
    }
    changes
}

/// What it changes that an exam has begun.
pub fn begun(exam: Token, before: &KnownBooking) -> Option<Change> {
    let says = match before.standing {
        Standing::Begun => return None,
        Standing::Booked => Vec::new(),
        Standing::Removed => vec![before.not_cancelled(exam)],
    };
    Some(Change { exam, says, becomes: KnownBooking { standing: Standing::Begun, ..before.clone() } })
}

/// The bookings on disk.
#[derive(Debug)]
pub struct KnownBookings {
    database: Database,
    turn: Mutex<()>,
}

impl KnownBookings {
    /// The bookings of a configuration that asks for a worklist.
    pub fn of(config: &Config) -> anyhow::Result<Option<Arc<Self>>> {
        if config.worklist.address.is_none() {
            return Ok(None);
        }
        let folder = &config.data_dir;
        std::fs::create_dir_all(folder).with_context(|| format!("data-dir {} cannot be made", folder.display()))?;
        Ok(Some(Arc::new(Self::open(folder)?)))
    }

    /// Opens or makes the file.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("worklist.redb");
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(&path)
            .with_context(|| format!("{} cannot be opened (is touchtime-agent running already?)", path.display()))?;
        let transaction = database.begin_write()?;
        transaction.open_table(BOOKINGS)?;
        transaction.commit()?;
        Ok(Self { database, turn: Mutex::default() })
    }

    /// Records what the changes say, then how the bookings stand.
    pub fn apply(
        &self,
        changes: impl FnOnce(&Self) -> anyhow::Result<Vec<Change>>,
        record: impl FnOnce(&[(RoomId, Observation)]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        // What is changed depends on what is known, until it is written.
        let _one_at_a_time = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = changes(self)?;
        if changes.is_empty() {
            return Ok(());
        }
        let says: Vec<(RoomId, Observation)> = changes.iter().flat_map(|change| change.says.iter().cloned()).collect();
        if !says.is_empty() {
            record(&says)?;
        }
        let transaction = self.database.begin_write()?;
        for change in &changes {
            let bytes = serde_json::to_vec(&change.becomes)?;
            transaction.open_table(BOOKINGS)?.insert((change.exam.key, change.exam.digest), bytes.as_slice())?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// What is known of an exam's booking.
    pub fn get(&self, exam: Token) -> anyhow::Result<Option<KnownBooking>> {
        let table = self.database.begin_read()?.open_table(BOOKINGS)?;
        Ok(table.get((exam.key, exam.digest))?.and_then(|bytes| serde_json::from_slice(bytes.value()).ok()))
    }

    /// All bookings.
    pub fn all(&self) -> anyhow::Result<BTreeMap<Token, KnownBooking>> {
        let table = self.database.begin_read()?.open_table(BOOKINGS)?;
        let mut all = BTreeMap::new();
        for entry in table.iter()? {
            let (exam, bytes) = entry?;
            let (key, digest) = exam.value();
            if let Ok(known) = serde_json::from_slice(bytes.value()) {
                all.insert(Token { key, digest }, known);
            }
        }
        Ok(all)
    }

    /// Forgets bookings that were to start too long ago, and those that cannot be read.
    pub fn forget_old(&self, now: UtcMillis) -> anyhow::Result<()> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(BOOKINGS)?.retain(|_, bytes| {
            let known: Option<KnownBooking> = serde_json::from_slice(bytes).ok();
            known.is_some_and(|known| now.millis_since(known.start) < REMEMBERED_MS)
        })?;
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAM: Token = Token { key: 1, digest: 5 };
    const WINDOW: (UtcMillis, UtcMillis) = (UtcMillis::saturating(0), UtcMillis::saturating(1_000_000));

    fn booked(start: i64) -> KnownBooking {
        KnownBooking {
            room: RoomId::new("ct-1").unwrap(),
            start: UtcMillis::saturating(start),
            procedure: None,
            missed: 0,
            standing: Standing::Booked,
        }
    }

    /// Tells one worklist after another; gives the kinds of what is said.
    fn told(worklists: &[(i64, Option<KnownBooking>)]) -> Vec<&'static str> {
        let mut known = BTreeMap::new();
        let mut kinds = Vec::new();
        for (now, entry) in worklists {
            let found = entry.iter().map(|entry| (EXAM, entry.clone())).collect();
            for change in changes(&known, &found, WINDOW, UtcMillis::saturating(*now)) {
                kinds.extend(change.says.iter().map(|(_, obs)| obs.kind()));
                known.insert(change.exam, change.becomes);
            }
        }
        kinds
    }

    #[test]
    fn only_what_changes_is_said() {
        let on = |start| Some(booked(start));
        assert_eq!(told(&[(1, on(500)), (2, on(500))]), ["booking"]);
        assert_eq!(told(&[(1, on(500)), (2, on(600))]), ["booking", "booking"]);
        // Missing once is nothing, twice before the start a cancellation, and back again takes that back.
        assert_eq!(told(&[(1, on(500)), (2, None), (3, on(500)), (4, None)]), ["booking"]);
        assert_eq!(told(&[(1, on(500)), (2, None), (3, None), (4, None)]), ["booking", "cancellation"]);
        let back = [(1, on(500)), (2, None), (3, None), (4, on(500))];
        assert_eq!(told(&back), ["booking", "cancellation", "correction"]);
        // After its start, or outside of what was asked for, nothing is known.
        assert_eq!(told(&[(1, on(500)), (500, None), (501, None)]), ["booking"]);
        assert_eq!(told(&[(1, on(1_000_000)), (2, None), (3, None)]), ["booking"]);
    }

    #[test]
    fn an_exam_that_begins_was_not_cancelled() {
        let removed = KnownBooking { standing: Standing::Removed, ..booked(500) };
        let change = begun(EXAM, &removed).unwrap();
        assert!(matches!(&change.says[..], [(_, Observation::Correction(Correction { to: None, .. }))]));
        assert_eq!(begun(EXAM, &change.becomes), None);
        assert_eq!(begun(EXAM, &booked(500)).unwrap().says, []);
        // What has begun is no longer booked anew.
        let known = BTreeMap::from([(EXAM, change.becomes)]);
        let found = BTreeMap::from([(EXAM, booked(700))]);
        assert_eq!(changes(&known, &found, WINDOW, UtcMillis::saturating(1)), []);
    }

    #[test]
    fn bookings_survive_a_restart_and_are_forgotten_after_a_month() {
        let folder = tempfile::tempdir().unwrap();
        let change = || Change { exam: EXAM, says: Vec::new(), becomes: booked(500) };
        let open = || KnownBookings::open(folder.path()).unwrap();
        open().apply(|_| Ok(vec![change()]), |_| Ok(())).unwrap();
        let bookings = open();
        assert_eq!(bookings.all().unwrap().get(&EXAM), Some(&booked(500)));
        bookings.forget_old(UtcMillis::saturating(500 + REMEMBERED_MS)).unwrap();
        assert_eq!(bookings.get(EXAM).unwrap(), None);
    }
}
