//! Removing what is older than a trust wants to keep. Without a setting nothing is ever removed.
//!
//! Results are computed from events, so what is removed leaves the reports as well. A case stays whole: its records go
//! together, once all of them are old, by event time and by receipt. Quarantine and gaps stay for people to see; marks
//! stay, so that an agent is not asked again for what was removed.

use std::collections::BTreeMap;

use room_events::{Token, UtcMillis, wire};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::desk::rewrite;
use crate::reader::{CasesAt, add_days_of, case_blob, damaged, seq_of};
use crate::sheet::{Line, Slot, day_of, lines};
use crate::{Reader, StoreError, Writer, place_of};

/// So many sheets are looked at in one transaction, so that the collector's commits need not wait long.
const AT_ONCE: i64 = 500;

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
        // Written down first: a reader must not take half of it for the whole.
        self.connection.execute(
            "INSERT INTO meta VALUES ('removed_before', ?1)
             ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)",
            [cut.millis()],
        )?;
        let mut removed = 0;
        let mut after = Some(Place::BEFORE_ALL);
        while let Some(from) = after {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut portion = Portion { transaction: &transaction, cut, young: BTreeMap::new(), removed: 0 };
            after = portion.go_on(&from)?;
            removed += portion.removed;
            transaction.commit()?;
        }
        Ok(removed)
    }
}

/// The key of a sheet.
#[derive(Debug, Clone)]
struct Place {
    slot: Slot,
    first: i64,
    digest: Vec<u8>,
}

impl Place {
    const BEFORE_ALL: Self =
        Self { slot: Slot { room: -1, shelf: 0, day: 0, stream: 0 }, first: 0, digest: Vec::new() };
}

/// Some sheets in one transaction.
struct Portion<'t> {
    transaction: &'t Transaction<'t>,
    cut: UtcMillis,
    /// Whether a case has a record that is not old.
    young: BTreeMap<Token, bool>,
    removed: u64,
}

impl Portion<'_> {
    /// Looks at the sheets after a place; returns the last one's, if there may be more.
    fn go_on(&mut self, after: &Place) -> Result<Option<Place>, StoreError> {
        let sheets = self.sheets_after(after)?;
        for (place, received, events) in &sheets {
            let mut kept = Vec::new();
            let (mut old, mut old_cases) = (0, Vec::new());
            for line in lines(seq_of(place.first)?, *received, events) {
                let line = line?;
                let (at, case) = subject(&line)?;
                let is_old = at < self.cut && line.received < self.cut;
                if is_old && !case.map(|case| self.is_young(case)).transpose()?.unwrap_or(false) {
                    old += 1;
                    old_cases.extend(case);
                } else {
                    kept.push(line);
                }
            }
            if old > 0 {
                rewrite(self.transaction, place.slot, place.first, &place.digest, &kept)?;
                self.removed += old;
            }
            // The cases' other records in this room and on this day are as old, and go too.
            for case in old_cases {
                self.transaction
                    .prepare_cached("DELETE FROM cases WHERE token = ?1 AND room = ?2 AND day = ?3")?
                    .execute(params![case_blob(case), place.slot.room, place.slot.day])?;
            }
        }
        Ok(sheets.into_iter().next_back().map(|(place, _, _)| place))
    }

    fn sheets_after(&self, after: &Place) -> Result<Vec<(Place, UtcMillis, Vec<u8>)>, StoreError> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT room, shelf, day, stream, first, digest, received, events FROM sheets
             WHERE (room, shelf, day, stream, first, digest) > (?1, ?2, ?3, ?4, ?5, ?6) AND day <= ?7
             ORDER BY room, shelf, day, stream, first, digest LIMIT ?8",
        )?;
        let Place { slot, first, digest } = after;
        let parameters =
            params![slot.room, slot.shelf, slot.day, slot.stream, first, digest, day_of(self.cut), AT_ONCE];
        let rows = statement.query_map(parameters, |row| {
            let slot = Slot { room: row.get(0)?, shelf: row.get(1)?, day: row.get(2)?, stream: row.get(3)? };
            let place = Place { slot, first: row.get(4)?, digest: row.get(5)? };
            Ok((place, UtcMillis::saturating(row.get(6)?), row.get(7)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn is_young(&mut self, case: Token) -> Result<bool, StoreError> {
        if let Some(&known) = self.young.get(&case) {
            return Ok(known);
        }
        let mut days = CasesAt::new();
        add_days_of(self.transaction, case, &mut days)?;
        let cut_day = day_of(self.cut);
        let mut young = days.keys().any(|(_, day)| *day > cut_day);
        for (room, day) in days.into_keys() {
            young = young || has_young_record(self.transaction, case, (room, day), self.cut)?;
        }
        self.young.insert(case, young);
        Ok(young)
    }
}

/// Whether a record of the case in a room and on a day is not old.
fn has_young_record(
    connection: &Connection,
    case: Token,
    (room, day): (i64, i64),
    cut: UtcMillis,
) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT first, received, events FROM sheets WHERE room = ?1 AND shelf IN (2, 3) AND day = ?2",
    )?;
    let mut rows = statement.query([room, day])?;
    while let Some(row) = rows.next()? {
        let events = row.get_ref(2)?.as_bytes().map_err(|error| damaged("sheets", &error))?;
        for line in lines(seq_of(row.get(0)?)?, UtcMillis::saturating(row.get(1)?), events) {
            let line = line?;
            let (at, of) = subject(&line)?;
            if of == Some(case) && (at >= cut || line.received >= cut) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Where an event is filed, and the case that it is about.
fn subject(line: &Line<'_>) -> Result<(UtcMillis, Option<Token>), StoreError> {
    let event = wire::decode(line.bytes).map_err(|error| damaged("sheets", &error))?;
    Ok((place_of(&event), event.obs.case()))
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
