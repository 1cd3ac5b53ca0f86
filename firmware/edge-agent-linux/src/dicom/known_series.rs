//! [`KnownSeriesTable`]: from when to when each series was acquired, so that not every image becomes an event.
//!
//! ```text
//! steps.redb   tokens of exam, series, step -> JSON of [`KnownSeries`]
//! ```
//!
//! An image that moves neither end of its series changes nothing. One that does is on the disk before it is answered; it
//! becomes an event if it is the first, or a minute from what was told last, and else when no more come.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use room_events::{Acquisition, RoomId, Token, UtcMillis};
use serde::{Deserialize, Serialize};

use super::known_steps::REMEMBERED_MS;

const SERIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("series");

/// A running series is told this often.
const NEWS_MS: i64 = 60_000;

/// A series is told when no image has moved its ends for so long.
const QUIET_MS: i64 = 10_000;

/// Exam, series and step.
pub(super) type Key = [u8; 51];

/// What is known of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSeries {
    /// Its room.
    pub room: RoomId,
    /// When the last image that changed something came, by the agent's clock.
    pub heard: UtcMillis,
    /// From when to when it was acquired by the last event.
    pub told: Option<(UtcMillis, UtcMillis)>,
    /// From when to when it was acquired, as is known now.
    pub acquired: Acquisition,
}

impl KnownSeries {
    /// The series with another image; `None` if that changes nothing.
    pub fn with(known: Option<Self>, room: RoomId, image: &Acquisition, heard: UtcMillis) -> Option<Self> {
        let Some(mut known) = known else {
            return Some(Self { room, heard, told: None, acquired: image.clone() });
        };
        let (first, last) = (known.acquired.first.min(image.first), known.acquired.last.max(image.last));
        if (first, last) == (known.acquired.first, known.acquired.last) {
            return None;
        }
        (known.acquired.first, known.acquired.last, known.heard) = (first, last, heard);
        Some(known)
    }

    /// Whether it is to be told at once.
    pub fn is_news(&self) -> bool {
        self.told.is_none_or(|(first, last)| {
            first.millis_since(self.acquired.first) >= NEWS_MS || self.acquired.last.millis_since(last) >= NEWS_MS
        })
    }

    fn is_told(&self) -> bool {
        self.told == Some((self.acquired.first, self.acquired.last))
    }
}

fn key_of(acquired: &Acquisition) -> Key {
    let tokens = [Some(acquired.exam), acquired.series, acquired.step];
    let mut key = [0; 51];
    for (part, token) in key.chunks_exact_mut(17).zip(tokens) {
        let Token { key, digest } = token.unwrap_or(Token { key: 0, digest: 0 });
        for (to, from) in part.iter_mut().zip([key].into_iter().chain(digest.to_be_bytes())) {
            *to = from;
        }
    }
    key
}

/// The series on disk.
#[derive(Debug)]
pub struct KnownSeriesTable {
    database: Arc<Database>,
    /// Those with something that no event has told, and when they were last heard of.
    untold: Mutex<BTreeMap<Key, UtcMillis>>,
}

impl KnownSeriesTable {
    /// Opens or makes the table; what no event had told when the process ended is told soon.
    pub fn open(database: Arc<Database>) -> anyhow::Result<Self> {
        let transaction = database.begin_write()?;
        let mut untold = BTreeMap::new();
        for entry in transaction.open_table(SERIES)?.iter()? {
            let (_, bytes) = entry?;
            if let Some(series) = read(bytes.value()).filter(|series| !series.is_told()) {
                untold.insert(key_of(&series.acquired), series.heard);
            }
        }
        transaction.commit()?;
        Ok(Self { database, untold: Mutex::new(untold) })
    }

    /// What is known of an image's series.
    pub fn get(&self, image: &Acquisition) -> anyhow::Result<Option<KnownSeries>> {
        self.of_key(&key_of(image))
    }

    pub(super) fn of_key(&self, key: &Key) -> anyhow::Result<Option<KnownSeries>> {
        let table = self.database.begin_read()?.open_table(SERIES)?;
        Ok(table.get(key.as_slice())?.and_then(|bytes| read(bytes.value())))
    }

    /// Remembers a series. On return it is on the disk.
    pub fn put(&self, series: &KnownSeries) -> anyhow::Result<()> {
        let (key, bytes) = (key_of(&series.acquired), serde_json::to_vec(series).context("a series has no JSON")?);
        let transaction = self.database.begin_write()?;
        transaction.open_table(SERIES)?.insert(key.as_slice(), bytes.as_slice())?;
        transaction.commit()?;
        if series.is_told() {
            self.untold().remove(&key);
        } else {
            self.untold().insert(key, series.heard);
        }
        Ok(())
    }

    /// Those that no image has changed for a while, and that have something to tell.
    pub(super) fn quiet(&self, now: UtcMillis) -> Vec<Key> {
        let untold = self.untold();
        let quiet = untold.iter().filter(|(_, heard)| !(0..QUIET_MS).contains(&now.millis_since(**heard)));
        quiet.map(|(key, _)| *key).collect()
    }

    /// Forgets series last heard of too long ago, and those that cannot be read.
    pub fn forget_old(&self, now: UtcMillis) -> anyhow::Result<()> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(SERIES)?.retain(|_, bytes| {
            read(bytes).is_some_and(|known| now.millis_since(known.heard) < REMEMBERED_MS || !known.is_told())
        })?;
        transaction.commit()?;
        Ok(())
    }

    fn untold(&self) -> MutexGuard<'_, BTreeMap<Key, UtcMillis>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(bytes: &[u8]) -> Option<KnownSeries> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::super::known_steps::open_database;
    use super::*;

    fn at(seconds: i64) -> UtcMillis {
        UtcMillis::saturating(1_700_000_000_000 + seconds * 1000)
    }

    fn image(first: i64, last: i64) -> Acquisition {
        Acquisition {
            exam: Token { key: 1, digest: 2 },
            series: Some(Token { key: 1, digest: 3 }),
            step: None,
            first: at(first),
            last: at(last),
            visit: None,
            patient: None,
            protocol: None,
        }
    }

    #[test]
    fn a_series_is_told_first_then_each_minute_then_when_it_is_quiet_even_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let table = KnownSeriesTable::open(open_database(folder.path()).unwrap()).unwrap();
        let room = || RoomId::new("ct-1").unwrap();
        let mut series = KnownSeries::with(None, room(), &image(0, 0), at(5)).unwrap();
        assert!(series.is_news());
        series.told = Some((at(0), at(0)));
        table.put(&series).unwrap();
        assert!(table.quiet(at(100)).is_empty());
        assert_eq!(KnownSeries::with(Some(series.clone()), room(), &image(0, 0), at(6)), None);

        let longer = KnownSeries::with(Some(series.clone()), room(), &image(59, 59), at(65)).unwrap();
        assert!(!longer.is_news());
        assert!(KnownSeries::with(Some(series), room(), &image(60, 60), at(65)).unwrap().is_news());
        table.put(&longer).unwrap();
        drop(table);
        let table = KnownSeriesTable::open(open_database(folder.path()).unwrap()).unwrap();
        assert!(table.quiet(at(74)).is_empty());
        let [key] = table.quiet(at(75))[..] else { panic!("one series") };
        assert_eq!(table.of_key(&key).unwrap(), Some(longer));
        // What is untold is never forgotten.
        table.forget_old(at(40 * 86_400)).unwrap();
        assert_eq!(table.quiet(at(40 * 86_400)).len(), 1);
    }
}
