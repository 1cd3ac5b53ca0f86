//! Whether this store's collector is the one that writes summaries.
//!
//! Each taking-over has an *epoch*, higher than any that this store has heard of and not below the clock, so that the
//! later of two takings is known to everybody who sees both: who hears of a higher one gives up. The state stands in the
//! store, so a restart changes nothing, and a store restored from a backup finds out from the broker what it missed.
//!
//! A collector that was told nothing and hears nobody takes over unasked, in the lowest epoch: whoever is told to, ever,
//! stands above it. It does so once: after it gave up, or heard of another one, only a person makes it primary again.

use room_events::UtcMillis;
use rusqlite::{Connection, OptionalExtension as _};

use crate::{Reader, StoreError, Writer};

const OWN: &str = "primary_epoch";
const HIGHEST: &str = "primary_epoch_heard";

/// The epoch of a taking-over that nobody asked for.
const UNASKED: u64 = 1;

impl Reader {
    /// The epoch of this collector as the primary one; absent while it is not.
    pub fn primary_epoch(&self) -> Result<Option<u64>, StoreError> {
        get(&self.connection, OWN)
    }

    /// Whether nobody has ever said which collector is primary, as far as this store knows.
    pub fn primary_was_never_told(&self) -> Result<bool, StoreError> {
        Ok(get(&self.connection, OWN)?.is_none() && get(&self.connection, HIGHEST)?.is_none())
    }
}

impl Writer {
    /// Makes this collector the primary one; returns the epoch.
    pub fn take_primary(&mut self, now: UtcMillis) -> Result<u64, StoreError> {
        let known = get(&self.connection, OWN)?.max(get(&self.connection, HIGHEST)?).unwrap_or(0);
        let epoch = u64::try_from(now.millis()).unwrap_or(0).max(known + 1);
        self.set(OWN, epoch)?;
        Ok(epoch)
    }

    /// Makes this collector the primary one if nobody has ever said which one is; an explicit word stands above it.
    pub fn take_primary_unasked(&mut self) -> Result<(), StoreError> {
        // One statement: somebody may be telling it this moment.
        self.connection.execute(
            "INSERT INTO meta SELECT ?1, ?3 WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key IN (?1, ?2))",
            rusqlite::params![OWN, HIGHEST, i64::try_from(UNASKED).unwrap_or(1)],
        )?;
        Ok(())
    }

    /// Makes this collector no longer the primary one; `heard`, if another one has taken over, is its epoch.
    pub fn give_up_primary(&mut self, heard: Option<u64>) -> Result<(), StoreError> {
        let known = get(&self.connection, OWN)?.max(get(&self.connection, HIGHEST)?).max(heard);
        // Also when it knew of none: it must not take over unasked after this.
        self.set(HIGHEST, known.unwrap_or(0))?;
        self.connection.execute("DELETE FROM meta WHERE key = ?1", [OWN])?;
        Ok(())
    }

    fn set(&self, key: &str, epoch: u64) -> Result<(), StoreError> {
        let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
        self.connection.execute(
            "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            rusqlite::params![key, epoch],
        )?;
        Ok(())
    }
}

fn get(connection: &Connection, key: &str) -> Result<Option<u64>, StoreError> {
    let epoch: Option<i64> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    Ok(epoch.and_then(|epoch| u64::try_from(epoch).ok()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use delivery::ack::RunId;

    #[test]
    fn a_collector_takes_over_unasked_once_and_below_everybody_who_was_asked() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path(), RunId(1)).unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        let stands = || (reader.primary_was_never_told().unwrap(), reader.primary_epoch().unwrap());
        assert_eq!(stands(), (true, None));
        writer.take_primary_unasked().unwrap();
        assert_eq!(stands(), (false, Some(UNASKED)));
        assert!(writer.take_primary(UtcMillis::saturating(0)).unwrap() > UNASKED);
        writer.give_up_primary(None).unwrap();
        writer.take_primary_unasked().unwrap();
        assert_eq!(stands(), (false, None));
    }

    #[test]
    fn a_collector_that_was_told_not_to_be_primary_does_not_become_it_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path(), RunId(1)).unwrap();
        writer.give_up_primary(None).unwrap();
        writer.take_primary_unasked().unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        assert_eq!((reader.primary_was_never_told().unwrap(), reader.primary_epoch().unwrap()), (false, None));
    }
}
