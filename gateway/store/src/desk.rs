//! The sheets that a transaction is filling, and what is stored already under numbers that come again.

use std::collections::BTreeMap;

use room_events::{Seq, Token, UtcMillis};
use rusqlite::{Transaction, params};

use crate::StoreError;
use crate::filing::row_seq;
use crate::quarantine::digest_of;
use crate::reader::{case_blob, damaged};
use crate::sheet::{MAX_SPAN, Sheet, Slot, lines};

/// So much is held back at most before it is written.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// So many numbers from the one asked for are looked up at once: an agent sends again whole batches.
const LOOKED_UP_AT_ONCE: u64 = delivery::batch::MAX_BATCH_EVENTS as u64;

/// What is to be written, and what was looked up.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    sheets: BTreeMap<Slot, Sheet>,
    /// Which room and day tell of which case.
    cases: Vec<([u8; 17], i64, i64)>,
    bytes: usize,
    known: Option<Known>,
}

/// The events of some numbers of a stream, those in conflict with them left out.
#[derive(Debug)]
struct Known {
    stream: i64,
    first: u64,
    last: u64,
    found: BTreeMap<u64, Found>,
}

/// An event that is stored.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    slot: Slot,
    received: UtcMillis,
    pub(crate) bytes: Vec<u8>,
}

/// An event with all that says where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'e> {
    pub(crate) slot: Slot,
    pub(crate) seq: Seq,
    pub(crate) received: UtcMillis,
    pub(crate) case: Option<Token>,
    pub(crate) bytes: &'e [u8],
}

impl Desk {
    /// Adds an event whose number nothing stored has.
    pub(crate) fn put(&mut self, transaction: &Transaction<'_>, entry: Entry<'_>) -> Result<(), StoreError> {
        // What was looked up before does not know of it.
        if self.known.as_ref().is_some_and(|known| known.stream == entry.slot.stream) {
            self.known = None;
        }
        self.note_case(&entry);
        let Entry { slot, seq, received, bytes, .. } = entry;
        let sheet = self.sheets.entry(slot).or_insert_with(|| Sheet::new(seq, received));
        if !sheet.takes(seq) {
            let full = std::mem::replace(sheet, Sheet::new(seq, received));
            self.bytes = self.bytes.saturating_sub(full.events.len());
            write(transaction, slot, &[], &full)?;
        }
        let before = sheet.events.len();
        sheet.push(seq, received, bytes);
        self.bytes += sheet.events.len() - before;
        if self.bytes >= MOST_BYTES { self.clear(transaction) } else { Ok(()) }
    }

    /// Adds an event under the digest that it had.
    pub(crate) fn put_back(
        &mut self,
        transaction: &Transaction<'_>,
        entry: Entry<'_>,
        digest: &[u8],
    ) -> Result<(), StoreError> {
        if digest.is_empty() {
            return self.put(transaction, entry);
        }
        self.note_case(&entry);
        write(transaction, entry.slot, digest, &alone(entry.seq, entry.received, entry.bytes))?;
        Ok(())
    }

    fn note_case(&mut self, entry: &Entry<'_>) {
        if let Some(case) = entry.case {
            let told = (case_blob(case), entry.slot.room, entry.slot.day);
            // A case's events often follow each other.
            if self.cases.last() != Some(&told) {
                self.cases.push(told);
            }
        }
    }

    /// Writes all that is held back.
    pub(crate) fn clear(&mut self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        for (slot, sheet) in std::mem::take(&mut self.sheets) {
            write(transaction, slot, &[], &sheet)?;
        }
        self.bytes = 0;
        self.cases.sort_unstable();
        self.cases.dedup();
        let mut insert = transaction
            .prepare_cached("INSERT INTO cases (token, room, day) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
        for (token, room, day) in self.cases.drain(..) {
            insert.execute(params![token, room, day])?;
        }
        Ok(())
    }

    /// Forgets what was looked up.
    pub(crate) fn forget(&mut self) {
        self.known = None;
    }

    /// What is stored under a number, conflicts left out.
    pub(crate) fn find(
        &mut self,
        transaction: &Transaction<'_>,
        stream: i64,
        seq: Seq,
    ) -> Result<Option<&Found>, StoreError> {
        let is_known = |known: &Known| known.stream == stream && known.first <= seq.0 && seq.0 <= known.last;
        if !self.known.as_ref().is_some_and(is_known) {
            self.clear(transaction)?;
            let last = seq.0.saturating_add(LOOKED_UP_AT_ONCE - 1);
            let found = look_up(transaction, stream, seq.0, last)?;
            self.known = Some(Known { stream, first: seq.0, last, found });
        }
        Ok(self.known.as_ref().and_then(|known| known.found.get(&seq.0)))
    }

    /// Adds an event under a number that [`find`](Self::find) has just found nothing under.
    pub(crate) fn put_known(&mut self, transaction: &Transaction<'_>, entry: Entry<'_>) -> Result<(), StoreError> {
        let mut known = self.known.take();
        self.put(transaction, entry)?;
        if let Some(known) = known.as_mut() {
            let Entry { slot, seq, received, bytes, .. } = entry;
            known.found.insert(seq.0, Found { slot, received, bytes: bytes.to_vec() });
        }
        self.known = known;
        Ok(())
    }

    /// Keeps an event beside another one that has its number; says whether it is new.
    pub(crate) fn put_beside(
        &mut self,
        transaction: &Transaction<'_>,
        entry: Entry<'_>,
        held: &Found,
    ) -> Result<bool, StoreError> {
        let (digest, held_digest) = (digest_of(entry.bytes), digest_of(&held.bytes));
        self.note_case(&entry);
        self.clear(transaction)?;
        if digest < held_digest {
            // The lowest digest stands first on every collector, whichever event came first.
            take_out(transaction, held.slot, entry.seq)?;
            write(transaction, held.slot, &held_digest, &alone(entry.seq, held.received, &held.bytes))?;
            write(transaction, entry.slot, &[], &alone(entry.seq, entry.received, entry.bytes))?;
            self.known = None;
            return Ok(true);
        }
        write(transaction, entry.slot, &digest, &alone(entry.seq, entry.received, entry.bytes))
    }
}

/// A sheet with one event.
fn alone(seq: Seq, received: UtcMillis, bytes: &[u8]) -> Sheet {
    let mut sheet = Sheet::new(seq, received);
    sheet.push(seq, received, bytes);
    sheet
}

/// Writes a sheet, unless it is there; says whether it is new.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    slot: Slot,
    digest: &[u8],
    sheet: &Sheet,
) -> Result<bool, StoreError> {
    let new = transaction
        .prepare_cached(
            "INSERT INTO sheets (room, shelf, day, stream, first, digest, last, n, received, events)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            slot.room,
            slot.shelf,
            slot.day,
            slot.stream,
            row_seq(sheet.first)?,
            digest,
            row_seq(sheet.last)?,
            sheet.n,
            sheet.received.millis(),
            sheet.events
        ])?;
    if new == 0 && digest.is_empty() {
        return Err(damaged("sheets", &"events stand under numbers that no mark accounts for"));
    }
    Ok(new > 0)
}

fn look_up(
    transaction: &Transaction<'_>,
    stream: i64,
    first: u64,
    last: u64,
) -> Result<BTreeMap<u64, Found>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT room, shelf, day, first, received, events FROM sheets
         WHERE stream = ?1 AND first > ?2 AND first <= ?4 AND last >= ?3 AND digest = x''",
    )?;
    let (from, to) = (row_seq(Seq(first))?, i64::try_from(last).unwrap_or(i64::MAX));
    let reach = from.saturating_sub(i64::try_from(MAX_SPAN).unwrap_or(i64::MAX));
    let mut rows = statement.query(params![stream, reach, from, to])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let slot = Slot { room: row.get(0)?, shelf: row.get(1)?, day: row.get(2)?, stream };
        let sheet_first = crate::reader::seq_of(row.get(3)?)?;
        let events = row.get_ref(5)?.as_bytes().map_err(|error| damaged("sheets", &error))?;
        for line in lines(sheet_first, UtcMillis::saturating(row.get(4)?), events) {
            let line = line?;
            if (first..=last).contains(&line.seq.0) {
                found.insert(line.seq.0, Found { slot, received: line.received, bytes: line.bytes.to_vec() });
            }
        }
    }
    Ok(found)
}

/// Removes an event from the sheet that it stands on.
fn take_out(transaction: &Transaction<'_>, slot: Slot, seq: Seq) -> Result<(), StoreError> {
    let sheets: Vec<(i64, i64, Vec<u8>)> = {
        let mut statement = transaction.prepare_cached(
            "SELECT first, received, events FROM sheets WHERE room = ?1 AND shelf = ?2 AND day = ?3 AND stream = ?4
             AND first <= ?5 AND last >= ?5 AND digest = x''",
        )?;
        let rows = statement
            .query_map(params![slot.room, slot.shelf, slot.day, slot.stream, row_seq(seq)?], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        rows.collect::<Result<_, _>>()?
    };
    for (first, received, events) in sheets {
        let kept = lines(crate::reader::seq_of(first)?, UtcMillis::saturating(received), &events)
            .filter(|line| line.as_ref().map_or(true, |line| line.seq != seq))
            .collect::<Result<Vec<_>, _>>()?;
        rewrite(transaction, slot, first, &[], &kept)?;
    }
    Ok(())
}

/// Puts what is left of a sheet in its place.
pub(crate) fn rewrite(
    transaction: &Transaction<'_>,
    slot: Slot,
    first: i64,
    digest: &[u8],
    kept: &[crate::sheet::Line<'_>],
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "DELETE FROM sheets WHERE room = ?1 AND shelf = ?2 AND day = ?3 AND stream = ?4 AND first = ?5 AND digest = ?6",
        )?
        .execute(params![slot.room, slot.shelf, slot.day, slot.stream, first, digest])?;
    let Some(start) = kept.iter().min_by_key(|line| line.seq) else { return Ok(()) };
    let mut sheet = Sheet::new(start.seq, start.received);
    kept.iter().for_each(|line| sheet.push(line.seq, line.received, line.bytes));
    write(transaction, slot, digest, &sheet)?;
    Ok(())
}
