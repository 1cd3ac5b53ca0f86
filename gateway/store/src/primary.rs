//! Whether this store's collector is the one that writes summaries.
//!
//! Each taking-over has an *epoch*, higher than any that this store has heard of and not below the clock, so that the
//! later of two takings is known to everybody who sees both: who hears of a higher one gives up. The state stands in the
//! store, so a restart changes nothing, and a store restored from a backup finds out from the broker what it missed.

use room_events::UtcMillis;
use rusqlite::{Connection, OptionalExtension as _};

use crate::{Reader, StoreError, Writer};

const OWN: &str = "primary_epoch";
const HIGHEST: &str = "primary_epoch_heard";

impl Reader {
    /// The epoch of this collector as the primary one; absent while it is not.
    pub fn primary_epoch(&self) -> Result<Option<u64>, StoreError> {
        get(&self.connection, OWN)
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

    /// Makes this collector no longer the primary one; `heard`, if another one has taken over, is its epoch.
    pub fn give_up_primary(&mut self, heard: Option<u64>) -> Result<(), StoreError> {
        let known = get(&self.connection, OWN)?.max(get(&self.connection, HIGHEST)?).max(heard);
        if let Some(epoch) = known {
            self.set(HIGHEST, epoch)?;
        }
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
