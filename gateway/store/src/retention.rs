//! Removing what is older than a trust wants to keep. Without a setting nothing is ever removed.
//!
//! Results are computed from events, so what is removed leaves the reports as well. A case stays whole: its records go
//! together, once all of them are old, by event time and by receipt. Quarantine and gaps stay for people to see; marks
//! stay, so that an agent is not asked again for what was removed.

use room_events::UtcMillis;
use rusqlite::{OptionalExtension as _, params};

use crate::{Reader, StoreError, Writer};

/// So many numbers of a stream are looked at in one transaction, so that the collector's commits need not wait long.
const AT_ONCE: i64 = 5_000;

/// A cut between two days would go through the lists of a night; it is made where the fewest run.
const WEEK: i64 = 7 * 24 * 3_600_000;
/// 1970-01-04, a Sunday, 04:00 UTC.
const SUNDAY_NIGHT: i64 = 3 * 24 * 3_600_000 + 4 * 3_600_000;

/// The instant before which events may go if so many days are kept: the Sunday night before.
pub fn cut(now: UtcMillis, keep_days: u32) -> UtcMillis {
    let wanted = now.plus_minutes(-i64::from(keep_days) * 24 * 60).millis();
    UtcMillis::saturating((wanted - SUNDAY_NIGHT).div_euclid(WEEK) * WEEK + SUNDAY_NIGHT)
}

impl Writer {
    /// Removes what lies before `cut`; returns how many events.
    pub fn remove_before(&mut self, cut: UtcMillis) -> Result<u64, StoreError> {
        let streams: Vec<(i64, i64, i64)> = {
            let mut statement = self.connection.prepare(
                "SELECT s.id, (SELECT min(seq) FROM events WHERE stream = s.id),
                    (SELECT max(seq) FROM events WHERE stream = s.id)
                 FROM streams s WHERE EXISTS (SELECT 1 FROM events WHERE stream = s.id) ORDER BY s.id",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        // Written down first: a reader must not take half of it for the whole.
        self.connection.execute(
            "INSERT INTO meta VALUES ('removed_before', ?1)
             ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)",
            [cut.millis()],
        )?;
        let mut removed = 0;
        for (stream, first, last) in streams {
            let mut from = first;
            while from <= last {
                removed += self
                    .connection
                    .prepare_cached(
                        "DELETE FROM events WHERE stream = ?1 AND seq >= ?2 AND seq < ?3 AND place < ?4 AND received < ?4
                         AND (case_token IS NULL OR NOT EXISTS (SELECT 1 FROM events other
                            WHERE other.case_token = events.case_token AND (other.place >= ?4 OR other.received >= ?4)))",
                    )?
                    .execute(params![stream, from, from.saturating_add(AT_ONCE), cut.millis()])? as u64;
                from = from.saturating_add(AT_ONCE);
            }
        }
        Ok(removed)
    }
}

impl Reader {
    /// Before which instant events were removed, if any were.
    pub fn removed_before(&self) -> Result<Option<UtcMillis>, StoreError> {
        let cut: Option<i64> = self
            .connection
            .query_row("SELECT value FROM meta WHERE key = 'removed_before'", [], |row| row.get(0))
            .optional()?;
        Ok(cut.map(UtcMillis::saturating))
    }
}
