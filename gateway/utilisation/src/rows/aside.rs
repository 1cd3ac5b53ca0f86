//! Session rows set aside until what is typical is known.
//!
//! The extra cases possible of a list rest on the history of all rooms, so no row can be written before the last room
//! has been measured. A national year of results would fill hundreds of megabytes; what their rows show takes some
//! fifty bytes each:
//!
//! ```text
//! id                how much of it is that of the row before, as a varint; the rest as a text
//! site, room        how long each is, as a byte; an id begins with both
//! specialty         a text
//! text              its length + 1 as a varint and its bytes; 0 for none
//! yes and no u16    which absent figures are there, and every flag of the session
//! quality u16       one bit for each flag
//! room kind, kind, state  a byte each
//! date, start, end  and all minutes as varints, zigzag: minutes whole where the first bit of `yes and no` says so, else ms
//! counts            as varints
//! ```

use chrono::NaiveDate;
use room_events::{Label, ListKind, RoomId, RoomKind, SiteId, UtcMillis};

use crate::quantity::Minutes;
use crate::result::{Figures, QualityFlag, SessionResult, SessionState};

/// Rows of one trust under one rule set, in the order in which they were put.
#[derive(Debug, Clone, Default)]
pub struct RowsAside {
    /// The first one: what is the same in all rows is taken from it.
    first: Option<Box<SessionResult>>,
    last_id: String,
    bytes: Vec<u8>,
}

const WHOLE: u16 = 1;
const COMPLETE: u16 = 1 << 1;
const PROVISIONAL: u16 = 1 << 2;
const REVISED: u16 = 1 << 3;
/// From here on one bit for each of [`known_only_sometimes`].
const KNOWN: u32 = 4;

const MINUTE: i64 = 60_000;
const STATES: [SessionState; 5] =
    [SessionState::Planned, SessionState::Running, SessionState::Closed, SessionState::Unused, SessionState::Cancelled];

fn always_known(figures: &mut Figures) -> [&mut Minutes; 10] {
    [
        &mut figures.planned,
        &mut figures.touch,
        &mut figures.capped,
        &mut figures.capped_sum,
        &mut figures.capped_duration,
        &mut figures.overlap,
        &mut figures.unknown,
        &mut figures.late_due_to_previous,
        &mut figures.gaps_in_session,
        &mut figures.turnover,
    ]
}

fn known_only_sometimes(figures: &mut Figures) -> [&mut Option<Minutes>; 4] {
    [&mut figures.late_start, &mut figures.early_start, &mut figures.early_finish, &mut figures.overrun]
}

fn counts(figures: &mut Figures) -> [&mut u32; 7] {
    [
        &mut figures.cases_booked,
        &mut figures.cases_started,
        &mut figures.cases_completed,
        &mut figures.cases_cancelled_on_day,
        &mut figures.turnovers,
        &mut figures.day_cases,
        &mut figures.inpatients,
    ]
}

impl RowsAside {
    /// Sets a row aside.
    pub fn put(&mut self, session: &SessionResult) {
        let mut figures = session.figures.clone();
        if self.first.is_none() {
            self.first = Some(Box::new(SessionResult { cases: Vec::new(), ..session.clone() }));
        }
        let out = &mut self.bytes;
        let alike = session.id.bytes().zip(self.last_id.bytes()).take_while(|(a, b)| a == b).count();
        put_varint(out, alike as u64);
        put_text(out, session.id.get(alike..));
        out.extend([session.site.as_str(), session.room.as_str()].map(length));
        put_text(out, session.specialty.as_ref().map(Label::as_str));
        let times = [session.planned_start, session.planned_end];
        let whole = times.iter().all(|at| at.millis() % MINUTE == 0)
            && always_known(&mut figures).iter().all(|m| m.millis() % MINUTE == 0)
            && known_only_sometimes(&mut figures).iter().all(|m| m.is_none_or(|m| m.millis() % MINUTE == 0));
        let mut bits = flag(whole, WHOLE)
            | flag(session.complete, COMPLETE)
            | flag(session.provisional, PROVISIONAL)
            | flag(session.revised, REVISED);
        for (at, figure) in (KNOWN..).zip(known_only_sometimes(&mut figures)) {
            bits |= flag(figure.is_some(), 1 << at);
        }
        out.extend_from_slice(&bits.to_le_bytes());
        let quality = session.quality.iter().fold(0_u16, |bits, &flag| bits | 1 << flag as u16);
        out.extend_from_slice(&quality.to_le_bytes());
        out.push(place(RoomKind::ALL, session.room_kind));
        out.push(place(ListKind::ALL, session.kind));
        out.push(place(&STATES, session.state));
        let unit = if whole { MINUTE } else { 1 };
        put_signed(out, i64::from(session.local_date.to_epoch_days()));
        put_signed(out, session.planned_start.millis() / unit);
        put_signed(out, session.planned_end.millis_since(session.planned_start) / unit);
        for minutes in always_known(&mut figures) {
            put_signed(out, minutes.millis() / unit);
        }
        for minutes in known_only_sometimes(&mut figures).into_iter().flatten() {
            put_signed(out, minutes.millis() / unit);
        }
        for count in counts(&mut figures) {
            put_varint(out, u64::from(*count));
        }
        self.last_id.clear();
        self.last_id.push_str(&session.id);
    }

    /// Shows each row again: a session with all that [`super::SESSION_COLUMNS`] show, and without its cases.
    pub fn each(mut self, mut show: impl FnMut(&mut SessionResult)) {
        let Some(session) = &mut self.first else { return };
        let mut rest = self.bytes.as_slice();
        // What was put is there.
        while !rest.is_empty() && read(&mut rest, session).is_some() {
            show(session);
        }
    }
}

fn read(rest: &mut &[u8], session: &mut SessionResult) -> Option<()> {
    session.id.truncate(usize::try_from(take_varint(rest)?).ok()?);
    session.id.push_str(take_text(rest)??);
    let [site, room] = take_bytes(rest)?;
    let (site, room) = (usize::from(site), usize::from(room));
    let (site, room) = (session.id.get(..site)?, session.id.get(site + 1..site + 1 + room)?);
    if session.room.as_str() != room {
        session.room = RoomId::new(room).ok()?;
    }
    if session.site.as_str() != site {
        session.site = SiteId::new(site).ok()?;
    }
    let specialty = take_text(rest)?;
    if session.specialty.as_ref().map(Label::as_str) != specialty {
        session.specialty = specialty.and_then(|text| Label::new(text).ok());
    }
    let bits = u16::from_le_bytes(take_bytes(rest)?);
    let quality = u16::from_le_bytes(take_bytes(rest)?);
    session.quality.clear();
    session.quality.extend(QualityFlag::ALL.iter().copied().filter(|&flag| quality >> flag as u16 & 1 == 1));
    let [room_kind, kind, state] = take_bytes(rest)?;
    session.room_kind = *RoomKind::ALL.get(usize::from(room_kind))?;
    session.kind = *ListKind::ALL.get(usize::from(kind))?;
    session.state = *STATES.get(usize::from(state))?;
    session.complete = bits & COMPLETE != 0;
    session.provisional = bits & PROVISIONAL != 0;
    session.revised = bits & REVISED != 0;
    let unit = if bits & WHOLE != 0 { MINUTE } else { 1 };
    session.local_date = NaiveDate::from_epoch_days(i32::try_from(take_signed(rest)?).ok()?)?;
    session.planned_start = UtcMillis::new(take_signed(rest)? * unit).ok()?;
    session.planned_end = session.planned_start.plus_millis(take_signed(rest)? * unit);
    let figures = &mut session.figures;
    *figures = Figures::default();
    for minutes in always_known(figures) {
        *minutes = Minutes::from_millis(take_signed(rest)? * unit);
    }
    for (at, minutes) in (KNOWN..).zip(known_only_sometimes(figures)) {
        if bits >> at & 1 == 1 {
            *minutes = Some(Minutes::from_millis(take_signed(rest)? * unit));
        }
    }
    for count in counts(figures) {
        *count = u32::try_from(take_varint(rest)?).ok()?;
    }
    Some(())
}

const fn flag(raised: bool, bit: u16) -> u16 {
    if raised { bit } else { 0 }
}

/// Ids are no longer than 32 bytes.
fn length(id: &str) -> u8 {
    u8::try_from(id.len()).unwrap_or(u8::MAX)
}

fn place<T: PartialEq>(all: &[T], one: T) -> u8 {
    all.iter().position(|known| *known == one).and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_varint(out, text.map_or(0, |text| text.len() as u64 + 1));
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    let zigzag = take_varint(rest)?;
    Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
}

fn take_text<'b>(rest: &mut &'b [u8]) -> Option<Option<&'b str>> {
    let Some(len) = usize::try_from(take_varint(rest)?).ok()?.checked_sub(1) else { return Some(None) };
    let (text, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(Some(core::str::from_utf8(text).ok()?))
}

fn take_bytes<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}
