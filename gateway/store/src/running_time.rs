//! Places by a machine's running time what its wall clock stamped wrongly.
//!
//! Within one boot a machine's monotonic clock counts on whatever its wall clock does. So wall clock less monotonic clock, the
//! *base*, is one number until somebody sets the clock, and the agent's events fall into *runs*:
//!
//! ```text
//! 2000-01-01 00:00:07 ... 00:12:40   not synchronised, base 2000-01-01 00:00:00    presses, a door
//! 2026-02-11 09:31:02 ...            synchronised,     base 2026-02-11 09:18:20    the time server was reached
//! ```
//!
//! A run that was not synchronised is moved to the base of the run of its boot that was, the one nearest by running time
//! if there are several. Where none was, it is moved to the base of the boot's last run: somebody set the clock by hand, and
//! what was stamped before must keep its distance to what came after. A run that was synchronised is never moved, nor is what
//! another system's clock stamped. All of it follows from the events alone.
//!
//! The events stay as they came and where they were filed, under the instants that they claim; a reader moves them.

use std::collections::BTreeMap;

use room_events::{BootId, ClockQuality, Event, Observation, RoomId, SiteId, UtcMillis};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::StoreError;
use crate::outgoing::Touched;

/// Bases that lie closer together are one: reading two clocks one after the other takes time.
const SAME_BASE_MS: i64 = 1_000;

const DAY_MILLIS: i64 = 24 * 3_600_000;

/// Events of one stream whose two clocks agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) base: i64,
    pub(crate) synchronised: bool,
    pub(crate) events: i64,
}

impl Run {
    /// What an event tells of its agent's clocks; nothing if another system's clock stamped it.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let synchronised = match event.clock {
            ClockQuality::Synchronised => true,
            ClockQuality::Holdover | ClockQuality::Unset => false,
            ClockQuality::External => return None,
        };
        let mono = i64::try_from(event.mono).ok()?;
        Some(Self { first: mono, last: mono, base: event.captured.millis() - mono, synchronised, events: 1 })
    }

    fn is_like(&self, other: &Self) -> bool {
        self.synchronised == other.synchronised && (self.base - other.base).abs() <= SAME_BASE_MS
    }

    fn join(&mut self, other: &Self) {
        if other.first < self.first {
            (self.first, self.base) = (other.first, other.base);
        }
        self.last = self.last.max(other.last);
        self.events += other.events;
    }

    /// How far apart two runs are in running time.
    fn distance(&self, other: &Self) -> i64 {
        (other.first - self.last).max(self.first - other.last).max(0)
    }
}

/// Joins runs of one stream that lie beside each other and have one base.
pub(crate) fn joined(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_by_key(|run| (run.first, run.base, run.synchronised));
    let mut joined: Vec<Run> = Vec::new();
    for run in runs {
        match joined.last_mut().filter(|last| last.is_like(&run)) {
            Some(last) => last.join(&run),
            None => joined.push(run),
        }
    }
    joined
}

/// By how much the events of a run are to be moved, given all runs of its boot.
pub(crate) fn shift_of(run: &Run, of_boot: &[Run]) -> i64 {
    if run.synchronised {
        return 0;
    }
    let nearest =
        of_boot.iter().filter(|other| other.synchronised).min_by_key(|other| (run.distance(other), other.first));
    let believed = nearest.or_else(|| of_boot.iter().max_by_key(|other| (other.last, other.first, other.base)));
    let shift = believed.map_or(0, |believed| believed.base - run.base);
    if shift.abs() <= SAME_BASE_MS { 0 } else { shift }
}

/// A stream's run whose events are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) run: Run,
    pub(crate) shift: i64,
}

/// Moves an event to where its running time places it.
pub(crate) fn place(event: &mut Event, moved: &[Moved]) {
    let Some(own) = Run::of(event) else { return };
    let is_in = |moved: &&Moved| moved.run.first <= own.first && own.first <= moved.run.last && moved.run.is_like(&own);
    let Some(Moved { shift, .. }) = moved.iter().find(is_in) else { return };
    event.at = event.at.plus_millis(*shift);
    event.captured = event.captured.plus_millis(*shift);
    if let Observation::Correction(correction) = &mut event.obs {
        correction.to = correction.to.map(|to| to.plus_millis(*shift));
    }
}

/// Every stream of which something is moved.
pub(crate) fn all_moved(connection: &Connection) -> Result<BTreeMap<i64, Vec<Moved>>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{RUNS} WHERE shift <> 0"))?;
    let mut rows = statement.query([])?;
    let mut moved: BTreeMap<i64, Vec<Moved>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        moved.entry(row.get(0)?).or_default().push(Moved { run: run_of(row)?, shift: row.get(6)? });
    }
    Ok(moved)
}

const RUNS: &str = "SELECT stream, first, last, base, synchronised, events, shift FROM clock_runs";

fn run_of(row: &rusqlite::Row<'_>) -> Result<Run, StoreError> {
    Ok(Run { first: row.get(1)?, last: row.get(2)?, base: row.get(3)?, synchronised: row.get(4)?, events: row.get(5)? })
}

/// Writes down to which boot a stream belongs.
pub(crate) fn write_boot(transaction: &Transaction<'_>, stream: i64, boot: BootId) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE streams SET boot = ?2 WHERE id = ?1")?
        .execute(params![stream, boot.0.to_be_bytes()])?;
    Ok(())
}

/// Adds what new events of a stream told, and finds anew where its boot's events belong. Rooms with events that move are
/// touched.
pub(crate) fn note(
    transaction: &Transaction<'_>,
    stream: i64,
    new: Vec<Run>,
    touched: &mut Touched,
) -> Result<bool, StoreError> {
    let before: Vec<Run> = of_streams(transaction, &[stream])?.into_iter().map(|(_, moved)| moved.run).collect();
    let after = joined(before.iter().copied().chain(new).collect());
    if after != before {
        write(transaction, stream, &before, &after)?;
    }
    // The usual case: one clock, synchronised or not, that nobody has set.
    let is_steady = |runs: &[Run]| runs.windows(2).all(|pair| (pair[0].base - pair[1].base).abs() <= SAME_BASE_MS);
    let mates = boot_mates(transaction, stream)?;
    if mates.len() == 1 && is_steady(&after) {
        return Ok(false);
    }
    place_boot(transaction, &mates, touched)
}

/// The streams of the same agent's same boot, the stream itself among them.
fn boot_mates(transaction: &Transaction<'_>, stream: i64) -> Result<Vec<i64>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT mate.id FROM streams s JOIN streams mate ON mate.agent = s.agent AND (mate.id = s.id OR mate.boot = s.boot)
         WHERE s.id = ?1",
    )?;
    let rows = statement.query_map([stream], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn of_streams(transaction: &Transaction<'_>, streams: &[i64]) -> Result<Vec<(i64, Moved)>, StoreError> {
    let mut all = Vec::new();
    let mut statement =
        transaction.prepare_cached(&format!("{RUNS} WHERE stream = ?1 ORDER BY first, base, synchronised"))?;
    for stream in streams {
        let mut rows = statement.query([stream])?;
        while let Some(row) = rows.next()? {
            all.push((*stream, Moved { run: run_of(row)?, shift: row.get(6)? }));
        }
    }
    Ok(all)
}

fn write(transaction: &Transaction<'_>, stream: i64, before: &[Run], after: &[Run]) -> Result<(), StoreError> {
    let mut delete = transaction.prepare_cached(
        "DELETE FROM clock_runs WHERE stream = ?1 AND first = ?2 AND base = ?3 AND synchronised = ?4",
    )?;
    for run in before.iter().filter(|run| !after.iter().any(|kept| is_same_row(kept, run))) {
        delete.execute(params![stream, run.first, run.base, run.synchronised])?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO clock_runs (stream, first, last, base, synchronised, events, shift) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)
         ON CONFLICT DO UPDATE SET last = excluded.last, events = excluded.events",
    )?;
    for run in after.iter().filter(|run| !before.contains(run)) {
        insert.execute(params![stream, run.first, run.last, run.base, run.synchronised, run.events])?;
    }
    Ok(())
}

fn is_same_row(a: &Run, b: &Run) -> bool {
    (a.first, a.base, a.synchronised) == (b.first, b.base, b.synchronised)
}

/// Whether something of the boot has moved.
fn place_boot(transaction: &Transaction<'_>, streams: &[i64], touched: &mut Touched) -> Result<bool, StoreError> {
    let runs = of_streams(transaction, streams)?;
    let of_boot: Vec<Run> = runs.iter().map(|(_, moved)| moved.run).collect();
    let mut update = transaction.prepare_cached(
        "UPDATE clock_runs SET shift = ?5 WHERE stream = ?1 AND first = ?2 AND base = ?3 AND synchronised = ?4",
    )?;
    let mut has_moved = false;
    for (stream, Moved { run, shift: before }) in runs {
        let shift = shift_of(&run, &of_boot);
        if shift == before {
            continue;
        }
        has_moved = true;
        tracing::warn!(
            events = run.events,
            minutes = shift / 60_000,
            "events of a clock that was wrong are placed by their machine's running time"
        );
        update.execute(params![stream, run.first, run.base, run.synchronised, shift])?;
        touch(transaction, stream, [before, shift], touched)?;
    }
    Ok(has_moved)
}

/// The rooms of a stream's events are touched where those were and where they are now.
fn touch(
    transaction: &Transaction<'_>,
    stream: i64,
    shifts: [i64; 2],
    touched: &mut Touched,
) -> Result<(), StoreError> {
    let mut statement = transaction
        .prepare_cached("SELECT room, min(day), max(day) FROM sheets WHERE stream = ?1 AND room > 0 GROUP BY room")?;
    let mut rows = statement.query([stream])?;
    while let Some(row) = rows.next()? {
        let (room, first, last): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        for shift in shifts {
            for day in [first, last + 1] {
                touched.add(room, UtcMillis::saturating(day.saturating_mul(DAY_MILLIS).saturating_add(shift)), false);
            }
        }
    }
    Ok(())
}

/// Events that are placed by their machine's running time, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedByRunningTime {
    /// Whose clock was wrong.
    pub agent: room_events::topic::AgentAddress,
    /// How many.
    pub events: u64,
    /// By how much they were moved, in milliseconds: what their clock was behind.
    pub moved_ms: i64,
    /// The boot has been synchronised; otherwise the clock was set by hand, or stays wrong.
    pub is_synchronised: bool,
}

impl crate::Reader {
    /// What is placed by running time, a row for each agent and shift.
    pub fn placed_by_running_time(&self) -> Result<Vec<PlacedByRunningTime>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT a.trust, a.site, a.agent, sum(r.events), r.shift,
                 EXISTS (SELECT 1 FROM streams m JOIN clock_runs o ON o.stream = m.id
                         WHERE o.synchronised AND m.agent = s.agent AND (m.id = s.id OR m.boot = s.boot))
             FROM clock_runs r JOIN streams s ON s.id = r.stream JOIN agents a ON a.id = s.agent
             WHERE r.shift <> 0 GROUP BY a.id, r.shift ORDER BY 1, 2, 3, r.shift",
        )?;
        let mut rows = statement.query([])?;
        let mut placed = Vec::new();
        while let Some(row) = rows.next()? {
            let events: i64 = row.get(3)?;
            placed.push(PlacedByRunningTime {
                agent: crate::reader::address(row)?,
                events: u64::try_from(events).unwrap_or(0),
                moved_ms: row.get(4)?,
                is_synchronised: row.get(5)?,
            });
        }
        Ok(placed)
    }
}

/// The name of a room by its row.
pub(crate) fn room_name(transaction: &Transaction<'_>, room: i64) -> Result<Option<(SiteId, RoomId)>, StoreError> {
    let names: Option<(String, String)> = transaction
        .prepare_cached("SELECT site, room FROM rooms WHERE id = ?1")?
        .query_row([room], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(names.and_then(|(site, room)| Some((site.parse().ok()?, room.parse().ok()?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn run(first: i64, last: i64, base: i64, synchronised: bool) -> Run {
        Run { first, last, base, synchronised, events: 1 }
    }

    #[test]
    fn a_run_goes_to_the_base_that_was_synchronised_else_to_the_last() {
        let (y2000, now, hour) = (946_684_800_000, 1_770_000_000_000, 3_600_000);
        let wrong = run(0, 10, y2000, false);
        for (of_boot, expected) in [
            (vec![wrong], 0),
            (vec![wrong, run(20, 30, now, true)], now - y2000),
            // A clock that was set by hand.
            (vec![wrong, run(20, 30, now, false)], now - y2000),
            // The nearest that was synchronised, whatever came last.
            (vec![wrong, run(20, 30, now, true), run(40, 50, now + hour, true), run(60, 70, 5, false)], now - y2000),
            // Reading two clocks takes time.
            (vec![wrong, run(20, 30, y2000 + 900, true)], 0),
        ] {
            assert_eq!(shift_of(&wrong, &of_boot), expected, "{of_boot:?}");
            assert!(of_boot.iter().filter(|run| run.synchronised).all(|run| shift_of(run, &of_boot) == 0));
        }
    }

    proptest! {
        /// However events come, in whatever groups, the runs are those of all events at once.
        #[test]
        fn runs_follow_from_the_events_alone(
            steps in prop::collection::vec((1..1_000_i64, prop::option::of(-4..4_i64), any::<bool>()), 1..40),
            cut in 0..40_usize,
        ) {
            let (mut mono, mut base) = (0, 1_770_000_000_000);
            let events: Vec<Run> = steps.into_iter().map(|(pause, jump, synchronised)| {
                mono += pause;
                base += jump.unwrap_or(0) * 3_600_000;
                run(mono, mono, base, synchronised)
            }).collect();
            let whole = joined(events.clone());
            prop_assert_eq!(whole.iter().map(|run| run.events).sum::<i64>(), i64::try_from(events.len()).unwrap());
            let (early, late) = events.split_at(cut.min(events.len()));
            let apart = joined(joined(early.to_vec()).into_iter().chain(joined(late.to_vec())).collect());
            prop_assert_eq!(apart, whole);
        }
    }
}
