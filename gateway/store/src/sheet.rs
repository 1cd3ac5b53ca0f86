//! A sheet: events of one stream, one room and one day that came together, as one row.
//!
//! What arrives alone is a sheet of one event; a backlog fills sheets with dozens, and costs SQLite a row and two index
//! entries for each sheet instead of for each event. The events stand in the row as they came, each behind a line's
//! beginning that a person can read too:
//!
//! ```text
//! <seq after the sheet's first> <received after the sheet's first, ms> <length> <the event's bytes>\n
//! ```
//! A sheet that is written is never added to. Its numbers may leave room for those of other rooms; no two sheets have the
//! same number, conflicts apart.

use room_events::{Event, Observation, Seq, UtcMillis};

use crate::StoreError;
use crate::reader::{NO_ROOM, damaged};

/// The numbers of a sheet lie closer together than this, so that a number is looked for in few sheets.
pub(crate) const MAX_SPAN: u64 = 4_096;

/// A sheet of so many bytes is full.
const FULL_BYTES: usize = 64 * 1024;

const DAY_MILLIS: i64 = 24 * 3_600_000;
/// Days change at 04:00 UTC, when the fewest lists run.
const DAY_STARTS: i64 = 4 * 3_600_000;

/// The day of an instant, counted from 1970-01-01T04:00:00Z.
pub(crate) const fn day_of(instant: UtcMillis) -> i64 {
    (instant.millis() - DAY_STARTS).div_euclid(DAY_MILLIS)
}

/// What a sheet's events are about, which readers ask for apart. The numbers stand in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shelf {
    /// Signs of life.
    Alive = 0,
    /// Planned sessions.
    Plans = 1,
    /// Bookings.
    Bookings = 2,
    /// All else.
    Rest = 3,
}

impl Shelf {
    /// Where an observation belongs.
    pub(crate) const fn of(obs: &Observation) -> Self {
        match obs {
            Observation::Alive(_) => Self::Alive,
            Observation::PlanRevision(_) => Self::Plans,
            Observation::Booking(_) => Self::Bookings,
            Observation::Milestone(_)
            | Observation::Correction(_)
            | Observation::Cancellation(_)
            | Observation::PerformedStep(_)
            | Observation::Acquisition(_)
            | Observation::ExamStage(_)
            | Observation::SignalLevel(_)
            | Observation::Remark(_)
            | Observation::EventsLost(_)
            | Observation::AgentStarted(_) => Self::Rest,
        }
    }
}

/// Where a sheet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    /// The room's row, or [`NO_ROOM`].
    pub(crate) room: i64,
    pub(crate) shelf: i64,
    pub(crate) day: i64,
    /// The stream's row.
    pub(crate) stream: i64,
}

impl Slot {
    pub(crate) fn of(room: Option<i64>, stream: i64, event: &Event) -> Self {
        let shelf = Shelf::of(&event.obs) as i64;
        Self { room: room.unwrap_or(NO_ROOM), shelf, day: day_of(crate::place_of(event)), stream }
    }
}

/// A sheet in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) first: Seq,
    pub(crate) last: Seq,
    /// When its first event was received.
    pub(crate) received: UtcMillis,
    pub(crate) n: i64,
    pub(crate) events: Vec<u8>,
}

impl Sheet {
    pub(crate) fn new(first: Seq, received: UtcMillis) -> Self {
        Self { first, last: first, received, n: 0, events: Vec::new() }
    }

    /// Whether there is room for an event of that number.
    pub(crate) fn takes(&self, seq: Seq) -> bool {
        self.first <= seq && seq.0 - self.first.0 < MAX_SPAN && self.events.len() < FULL_BYTES
    }

    /// Adds an event that the sheet [takes](Self::takes).
    pub(crate) fn push(&mut self, seq: Seq, received: UtcMillis, bytes: &[u8]) {
        self.last = self.last.max(seq);
        self.n += 1;
        self.events.reserve(bytes.len() + 16);
        push_number(&mut self.events, seq.0.saturating_sub(self.first.0));
        let later = received.millis_since(self.received);
        if later < 0 {
            self.events.push(b'-');
        }
        push_number(&mut self.events, later.unsigned_abs());
        push_number(&mut self.events, bytes.len() as u64);
        self.events.extend_from_slice(bytes);
        self.events.push(b'\n');
    }
}

/// A number in digits, and a space.
fn push_number(to: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b' '; 21];
    let mut start = digits.len() - 1;
    loop {
        start -= 1;
        #[allow(clippy::cast_possible_truncation, reason = "a digit")]
        let digit = (number % 10) as u8;
        digits[start] = b'0' + digit;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    to.extend_from_slice(&digits[start..]);
}

/// An event as it stands on a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'s> {
    pub(crate) seq: Seq,
    pub(crate) received: UtcMillis,
    pub(crate) bytes: &'s [u8],
}

/// The lines of a sheet, in the order in which they came; the last one is the error if the row is not what [`Sheet`] writes.
pub(crate) fn lines(first: Seq, received: UtcMillis, events: &[u8]) -> Lines<'_> {
    Lines { first, received, rest: events }
}

/// See [`lines`].
#[derive(Debug, Clone)]
pub(crate) struct Lines<'s> {
    first: Seq,
    received: UtcMillis,
    rest: &'s [u8],
}

impl<'s> Lines<'s> {
    fn read(&mut self) -> Option<Line<'s>> {
        let mut rest = self.rest;
        let seq = self.first.0.checked_add(number(&mut rest)?)?;
        let earlier = rest.first() == Some(&b'-');
        if earlier {
            rest = rest.get(1..)?;
        }
        let later = i64::try_from(number(&mut rest)?).ok()?;
        let length = usize::try_from(number(&mut rest)?).ok()?;
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.rest = rest.strip_prefix(b"\n")?;
        Some(Line { seq: Seq(seq), received: self.received.plus_millis(if earlier { -later } else { later }), bytes })
    }
}

impl<'s> Iterator for Lines<'s> {
    type Item = Result<Line<'s>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.read().ok_or_else(|| damaged("sheets", &"a line is cut"));
        if line.is_err() {
            self.rest = &[];
        }
        Some(line)
    }
}

/// Digits up to a space, which is taken too.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            b' ' if at > 0 => {
                *rest = rest.get(at + 1..)?;
                return Some(number);
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_on_a_sheet_is_read_from_it(
            first in 1..u64::MAX / 2,
            events in prop::collection::vec((0..MAX_SPAN, -5_000_000_000_000..5_000_000_000_000_i64, prop::collection::vec(any::<u8>(), 0..40)), 1..20),
        ) {
            let start = UtcMillis::saturating(1_700_000_000_000);
            let mut sheet = Sheet::new(Seq(first), start);
            for (offset, later, bytes) in &events {
                sheet.push(Seq(first + offset), start.plus_millis(*later), bytes);
            }
            let read: Vec<_> = lines(sheet.first, sheet.received, &sheet.events).map(Result::unwrap).collect();
            prop_assert_eq!(read.len() as i64, sheet.n);
            prop_assert_eq!(read.iter().map(|line| line.seq).max().unwrap(), sheet.last.max(Seq(first)));
            for (line, (offset, later, bytes)) in read.iter().zip(&events) {
                prop_assert_eq!((line.seq.0 - first, line.received, line.bytes), (*offset, start.plus_millis(*later), bytes.as_slice()));
            }
            // A row that is cut is told, not taken for a shorter one.
            let cut = &sheet.events[..sheet.events.len() - 1];
            prop_assert!(lines(sheet.first, sheet.received, cut).last().unwrap().is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(prop::sample::select(&b"0123456789- \n{}"[..]), 0..60)) {
            let _ = lines(Seq(u64::MAX), UtcMillis::MAX, &bytes).count();
        }
    }

    #[test]
    fn days_change_when_the_fewest_lists_run() {
        let at = |millis| day_of(UtcMillis::saturating(millis));
        assert_eq!([at(DAY_STARTS - 1), at(DAY_STARTS), at(DAY_STARTS + DAY_MILLIS - 1), at(0)], [-1, 0, 0, -1]);
    }
}
