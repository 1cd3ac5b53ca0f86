//! Case rows in about 40 bytes each, so that a year of a region's cases fits into the memory of a small machine.
//!
//! ```text
//! row   back varint      distance to the previous row of the same room, 0 for its first
//!       line varint      lines since the previous row of the part
//!       place varint     which room
//!       key u8, digest 16 bytes
//!       flags u16        which of the following are there (session key and day both: only the date is known)
//!       mask varint      which milestones
//!       booked start, issued, then each milestone as time
//!       minutes, specialty, procedure, team, session key, session day, reason as varint
//! time  varint           difference to the time before it (to 2000-01-01 for the first), zigzag, times 4, plus
//!                        0: minutes, 1: seconds, 2: milliseconds
//! ```
//!
//! Rows lie in chunks of 256 KiB and never across two; growing copies nothing.

use room_events::{CancellationClass, ListKind, Milestone, PatientClass, Token, UtcMillis};

const CHUNK_BITS: u32 = 18;
const CHUNK: usize = 1 << CHUNK_BITS;
/// No row is longer: 19 times of 10 bytes, 10 other varints of at most 10, and 20.
const MAX_ROW: usize = 320;
/// 2000-01-01T00:00:00Z.
const EPOCH: i64 = 946_684_800_000;

pub(crate) const MILESTONES: usize = Milestone::ALL.len();

/// A name's number in the part's table.
pub(crate) type NameId = u32;

/// Which session a case belongs to by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SessionRef {
    /// None: by times.
    #[default]
    None,
    /// A key of the part's table.
    Key(u32),
    /// The session of the day, in days since 1970-01-01.
    Day(i32),
    /// None, and all that is known of the case's time is its date.
    Date(i32),
}

/// One row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CaseRow {
    pub(crate) line: u64,
    pub(crate) place: u32,
    pub(crate) key: u8,
    pub(crate) digest: u128,
    pub(crate) booked_start: Option<UtcMillis>,
    pub(crate) issued: Option<UtcMillis>,
    /// By milestone; the cancellation is one of them.
    pub(crate) stamps: [Option<UtcMillis>; MILESTONES],
    pub(crate) minutes: Option<u16>,
    pub(crate) specialty: Option<NameId>,
    pub(crate) procedure: Option<NameId>,
    pub(crate) team: Option<NameId>,
    pub(crate) session: SessionRef,
    pub(crate) class: Option<PatientClass>,
    pub(crate) admission: Option<ListKind>,
    pub(crate) cancellation: Option<CancellationClass>,
    pub(crate) reason: Option<NameId>,
}

impl CaseRow {
    pub(crate) const fn token(&self) -> Token {
        Token { key: self.key, digest: self.digest }
    }

    /// Whether the row says anything about the booking, so that it replaces an earlier one.
    pub(crate) fn has_booking(&self) -> bool {
        self.booked_start.is_some()
            || self.minutes.is_some()
            || self.specialty.is_some()
            || self.procedure.is_some()
            || self.class.is_some()
            || self.admission.is_some()
            || matches!(self.session, SessionRef::Key(_) | SessionRef::Day(_))
    }
}

/// A row's place in the store, and 0 for none.
pub(crate) type Location = u32;

#[derive(Debug, Clone)]
struct Chunk {
    bytes: Vec<u8>,
    used: usize,
}

/// The rows of one part.
#[derive(Debug, Clone, Default)]
pub(crate) struct CaseStore {
    chunks: Vec<Chunk>,
    /// The last row of each room.
    last: Vec<Location>,
    last_line: u64,
    pub(crate) rows: u64,
}

/// The store holds 4 GiB, some 100 million rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreFull;

impl CaseStore {
    pub(crate) fn push(&mut self, row: &CaseRow) -> Result<(), StoreFull> {
        if self.chunks.last().is_none_or(|chunk| chunk.used + MAX_ROW > CHUNK) {
            if self.chunks.len() >= 1 << (32 - CHUNK_BITS) {
                return Err(StoreFull);
            }
            // So that no row is at 0.
            let used = usize::from(self.chunks.is_empty());
            self.chunks.push(Chunk { bytes: vec![0; CHUNK], used });
        }
        let number = u32::try_from(self.chunks.len() - 1).map_err(|_| StoreFull)?;
        let Some(chunk) = self.chunks.last_mut() else { return Err(StoreFull) };
        let location = (number << CHUNK_BITS) | u32::try_from(chunk.used).map_err(|_| StoreFull)?;
        let place = row.place as usize;
        if self.last.len() <= place {
            self.last.resize(place + 1, 0);
        }
        let Some(last) = self.last.get_mut(place) else { return Err(StoreFull) };
        let back = if *last == 0 { 0 } else { location - *last };
        *last = location;
        let line = row.line.wrapping_sub(self.last_line);
        self.last_line = row.line;
        self.rows += 1;
        let mut out = Writer { bytes: chunk.bytes.get_mut(chunk.used..).unwrap_or_default(), len: 0 };
        encode(row, back, line, &mut out);
        chunk.used += out.len;
        Ok(())
    }

    /// All rows in the order of the file.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = CaseRow> + '_ {
        let mut line = 0_u64;
        self.chunks
            .iter()
            .enumerate()
            .flat_map(|(number, chunk)| {
                let mut rest = chunk.bytes.get(usize::from(number == 0)..chunk.used).unwrap_or_default();
                core::iter::from_fn(move || {
                    let mut row = CaseRow::default();
                    if rest.is_empty() { None } else { decode(&mut rest, &mut row).map(|()| row) }
                })
            })
            .map(move |mut row| {
                line = line.wrapping_add(row.line);
                row.line = line;
                row
            })
    }

    /// Shows where the rows of a room are, the last one first, with their tokens.
    pub(crate) fn of_place(&self, place: u32, mut show: impl FnMut(Location, u128)) {
        let mut at = self.last.get(place as usize).copied().unwrap_or(0);
        while at != 0
            && let Some((back, digest)) = link(self.bytes_at(at))
        {
            show(at, digest);
            at = if back == 0 { 0 } else { at.saturating_sub(back) };
        }
    }

    /// Reads the row there into `row`, all but its line, which is not known. False if there is none.
    pub(crate) fn read(&self, at: Location, row: &mut CaseRow) -> bool {
        decode(&mut self.bytes_at(at), row).is_some()
    }

    fn bytes_at(&self, at: Location) -> &[u8] {
        let chunk = self.chunks.get((at >> CHUNK_BITS) as usize);
        chunk.and_then(|chunk| chunk.bytes.get(at as usize & (CHUNK - 1)..)).unwrap_or_default()
    }
}

/// Writes one row into the room that is left for it.
struct Writer<'c> {
    bytes: &'c mut [u8],
    len: usize,
}

impl Writer<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
    }

    #[inline]
    fn bytes<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + N) {
            place.copy_from_slice(&bytes);
        }
        self.len += N;
    }

    #[inline]
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.byte((value & 0x7f) as u8);
    }

    #[inline]
    fn time(&mut self, at: UtcMillis, before: &mut i64) {
        let difference = at.millis() - *before;
        *before = at.millis();
        let (value, unit) = if difference % 60_000 == 0 {
            (difference / 60_000, 0)
        } else if difference % 1000 == 0 {
            (difference / 1000, 1)
        } else {
            (difference, 2)
        };
        let zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
        self.number(zigzag << 2 | unit);
    }
}

#[inline]
fn take(rest: &mut &[u8]) -> Option<u64> {
    // Nearly all numbers have one to three bytes.
    if let Some(bytes) = rest.first_chunk::<4>() {
        let word = u32::from_le_bytes(*bytes);
        let (value, len) = match word & 0x0080_8080 {
            low if low & 0x80 == 0 => (word & 0x7f, 1),
            low if low & 0x8000 == 0 => (word & 0x7f | word >> 1 & 0x3f80, 2),
            low if low & 0x80_0000 == 0 => (word & 0x7f | word >> 1 & 0x3f80 | word >> 2 & 0x001f_c000, 3),
            _ => return take_long(rest),
        };
        *rest = rest.get(len..)?;
        return Some(u64::from(value));
    }
    take_long(rest)
}

fn take_long(rest: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// How far back the previous row of the same room is, and the row's own token.
fn link(mut rest: &[u8]) -> Option<(u32, u128)> {
    let back = u32::try_from(take(&mut rest)?).ok()?;
    take(&mut rest)?;
    take(&mut rest)?;
    Some((back, take_digest(rest.get(1..)?)?))
}

fn take_digest(rest: &[u8]) -> Option<u128> {
    rest.first_chunk::<16>().map(|bytes| u128::from_le_bytes(*bytes))
}

fn take_time(rest: &mut &[u8], before: &mut i64) -> Option<UtcMillis> {
    let code = take(rest)?;
    let zigzag = code >> 2;
    let value = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
    let unit = match code & 3 {
        0 => 60_000,
        1 => 1000,
        _ => 1,
    };
    *before += value.checked_mul(unit)?;
    UtcMillis::new(*before).ok()
}

const BOOKED: u16 = 1;
const MINUTES: u16 = 1 << 1;
const SPECIALTY: u16 = 1 << 2;
const PROCEDURE: u16 = 1 << 3;
const TEAM: u16 = 1 << 4;
const KEY: u16 = 1 << 5;
const DAY: u16 = 1 << 6;
const ISSUED: u16 = 1 << 7;
const REASON: u16 = 1 << 8;
const CLASS_SHIFT: u32 = 9;
const ADMISSION_SHIFT: u32 = 11;
const CANCELLATION_SHIFT: u32 = 13;

/// The place of `value` in its list, from 1; 0 for none.
fn number<T: PartialEq + Copy>(value: Option<T>, all: &[T]) -> u16 {
    value.and_then(|v| all.iter().position(|&a| a == v)).and_then(|at| u16::try_from(at + 1).ok()).unwrap_or(0)
}

fn numbered<T: Copy>(flags: u16, shift: u32, all: &[T]) -> Option<T> {
    usize::from(flags >> shift & 3).checked_sub(1).and_then(|at| all.get(at)).copied()
}

fn encode(row: &CaseRow, back: u32, line: u64, out: &mut Writer<'_>) {
    out.number(u64::from(back));
    out.number(line);
    out.number(u64::from(row.place));
    out.byte(row.key);
    out.bytes(row.digest.to_le_bytes());
    let flag = |there: bool, bit: u16| if there { bit } else { 0 };
    let flags = flag(row.booked_start.is_some(), BOOKED)
        | flag(row.minutes.is_some(), MINUTES)
        | flag(row.specialty.is_some(), SPECIALTY)
        | flag(row.procedure.is_some(), PROCEDURE)
        | flag(row.team.is_some(), TEAM)
        | flag(matches!(row.session, SessionRef::Key(_) | SessionRef::Date(_)), KEY)
        | flag(matches!(row.session, SessionRef::Day(_) | SessionRef::Date(_)), DAY)
        | flag(row.issued.is_some(), ISSUED)
        | flag(row.reason.is_some(), REASON)
        | number(row.class, PatientClass::ALL) << CLASS_SHIFT
        | number(row.admission, ListKind::ALL) << ADMISSION_SHIFT
        | number(row.cancellation, CancellationClass::ALL) << CANCELLATION_SHIFT;
    out.bytes(flags.to_le_bytes());
    let mut mask = row.stamps.iter().enumerate().fold(0, |mask, (at, stamp)| mask | u64::from(stamp.is_some()) << at);
    out.number(mask);
    let mut before = EPOCH;
    for at in [row.booked_start, row.issued].into_iter().flatten() {
        out.time(at, &mut before);
    }
    while mask != 0 {
        if let Some(Some(at)) = row.stamps.get(mask.trailing_zeros() as usize) {
            out.time(*at, &mut before);
        }
        mask &= mask - 1;
    }
    for value in [row.minutes.map(u32::from), row.specialty, row.procedure, row.team].into_iter().flatten() {
        out.number(u64::from(value));
    }
    match row.session {
        SessionRef::None => {}
        SessionRef::Key(key) => out.number(u64::from(key)),
        SessionRef::Day(day) | SessionRef::Date(day) => {
            let near = i64::from(day) - before.div_euclid(86_400_000);
            out.number(((near << 1) ^ (near >> 63)).cast_unsigned());
        }
    }
    if let Some(reason) = row.reason {
        out.number(u64::from(reason));
    }
}

/// Into a row that is there already: one of some 400 bytes is not moved about for each of millions.
fn decode(rest: &mut &[u8], row: &mut CaseRow) -> Option<()> {
    let _back = take(rest)?;
    let line = take(rest)?;
    let place = u32::try_from(take(rest)?).ok()?;
    let (&key, after) = rest.split_first()?;
    let digest = take_digest(after)?;
    *rest = after.get(16..)?;
    let flags = u16::from_le_bytes(*rest.first_chunk::<2>()?);
    *rest = rest.get(2..)?;
    let mut mask = take(rest)?;
    let mut before = EPOCH;
    *row = CaseRow { line, place, key, digest, ..CaseRow::default() };
    let has = |bit: u16| flags & bit != 0;
    if has(BOOKED) {
        row.booked_start = Some(take_time(rest, &mut before)?);
    }
    if has(ISSUED) {
        row.issued = Some(take_time(rest, &mut before)?);
    }
    while mask != 0 {
        *row.stamps.get_mut(mask.trailing_zeros() as usize)? = Some(take_time(rest, &mut before)?);
        mask &= mask - 1;
    }
    if has(MINUTES) {
        row.minutes = Some(u16::try_from(take(rest)?).ok()?);
    }
    for (bit, name) in [(SPECIALTY, &mut row.specialty), (PROCEDURE, &mut row.procedure), (TEAM, &mut row.team)] {
        if has(bit) {
            *name = Some(u32::try_from(take(rest)?).ok()?);
        }
    }
    if has(KEY) && !has(DAY) {
        row.session = SessionRef::Key(u32::try_from(take(rest)?).ok()?);
    }
    if has(DAY) {
        let zigzag = take(rest)?;
        let near = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
        let day = i32::try_from(near + before.div_euclid(86_400_000)).ok()?;
        row.session = if has(KEY) { SessionRef::Date(day) } else { SessionRef::Day(day) };
    }
    if has(REASON) {
        row.reason = Some(u32::try_from(take(rest)?).ok()?);
    }
    row.class = numbered(flags, CLASS_SHIFT, PatientClass::ALL);
    row.admission = numbered(flags, ADMISSION_SHIFT, ListKind::ALL);
    row.cancellation = numbered(flags, CANCELLATION_SHIFT, CancellationClass::ALL);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instant() -> impl Strategy<Value = UtcMillis> {
        prop_oneof![
            (27_000_000_i64..28_000_000).prop_map(|minutes| UtcMillis::saturating(minutes * 60_000)),
            (UtcMillis::MIN.millis()..=UtcMillis::MAX.millis()).prop_map(UtcMillis::saturating),
        ]
    }

    fn row() -> impl Strategy<Value = CaseRow> {
        let option = proptest::option::of::<std::ops::Range<u32>>;
        (
            (0_u32..5, any::<u8>(), any::<u128>(), proptest::option::of(instant()), proptest::option::of(instant())),
            proptest::collection::vec(proptest::option::of(instant()), MILESTONES),
            (proptest::option::of(any::<u16>()), option(0..9), option(0..900), option(0..9), option(0..u32::MAX)),
            (0..4_u8, -25_000_i32..2_900_000, 0..4_usize, 0..3_usize, 0..4_usize),
        )
            .prop_map(
                |((place, key, digest, booked_start, issued), stamps, names, (kind, day, class, admission, cancel))| {
                    let (minutes, specialty, procedure, team, reason) = names;
                    CaseRow {
                        line: 0,
                        place,
                        key,
                        digest,
                        booked_start,
                        issued,
                        stamps: stamps.try_into().unwrap(),
                        minutes,
                        specialty,
                        procedure,
                        team,
                        session: match kind {
                            0 => SessionRef::None,
                            1 => SessionRef::Key(day.unsigned_abs()),
                            2 => SessionRef::Date(day),
                            _ => SessionRef::Day(day),
                        },
                        class: PatientClass::ALL.get(class).copied(),
                        admission: ListKind::ALL.get(admission).copied(),
                        cancellation: CancellationClass::ALL.get(cancel).copied(),
                        reason,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn rows_are_read_back(rows in proptest::collection::vec(row(), 0..60), copies in 1_usize..60) {
            let mut store = CaseStore::default();
            // Copies, so that some stores have more than one chunk.
            let mut rows: Vec<CaseRow> = rows.iter().cycle().take(rows.len() * copies).cloned().collect();
            for (line, row) in rows.iter_mut().enumerate() {
                row.line = line as u64 * 2 + 2;
                store.push(row).unwrap();
            }
            prop_assert!(store.in_order().eq(rows.iter().cloned()));
            for place in 0..6 {
                let expected: Vec<CaseRow> = rows.iter().rev().filter(|r| r.place == place).cloned().collect();
                let mut found: Vec<CaseRow> = Vec::new();
                store.of_place(place, |at, digest| {
                    let mut row = CaseRow::default();
                    assert!(store.read(at, &mut row));
                    assert_eq!(digest, row.digest);
                    let line = expected.get(found.len()).map_or(0, |known| known.line);
                    found.push(CaseRow { line, ..row });
                });
                prop_assert_eq!(found, expected);
            }
        }
    }
}
