//! [`Extract`]: what was read, room by room, and a summary for people.

use core::fmt;
use std::collections::BTreeMap;

use chrono_tz::Tz;
use room_events::id::MAX_ID_LEN;
use room_events::{
    CancellationClass, Label, ListKind, Milestone, PatientClass, RoomId, RoomKind, SessionKey, SiteId, Token, UtcMillis,
};

use crate::case_store::{CaseRow, Location, MILESTONES, SessionRef};
use crate::mapping::{Mapping, Sessions};
use crate::part::{Counts, Part, PlanRow};
use crate::problem::{Faults, Loss, Problem, RowError};
use crate::rows::day_key;

/// A file of cases, with its planned sessions once they are known.
#[derive(Debug, Clone)]
pub struct Extract {
    pub(crate) zone: Tz,
    /// The kind of all lists, where sessions come from bookings.
    by_day: Option<ListKind>,
    pub(crate) parts: Vec<Part>,
    /// Number of lines of the case file.
    pub(crate) lines: u64,
    rooms: Vec<RoomEntry>,
    /// Planned sessions that rows state, by room, then in order of issue.
    plans: Vec<PlanEntry>,
    faults: Faults,
    counts: Counts,
}

#[derive(Debug, Clone)]
struct RoomEntry {
    site: SiteId,
    room: RoomId,
    kind: Option<RoomKind>,
    /// Part, and the room's number in it.
    places: Vec<(u32, u32)>,
}

#[derive(Debug, Clone)]
struct PlanEntry {
    room: u32,
    part: u32,
    plan: PlanRow,
    line: u64,
}

impl Extract {
    pub(crate) fn new(mapping: &Mapping, parts: Vec<Part>, lines: u64) -> Self {
        let by_day = match &mapping.sessions {
            Sessions::Bookings { kind } => Some(*kind),
            Sessions::None | Sessions::Columns | Sessions::PlanFile(_) => None,
        };
        let mut extract = Self {
            zone: mapping.zone,
            by_day,
            parts,
            lines,
            rooms: Vec::new(),
            plans: Vec::new(),
            faults: Faults::default(),
            counts: Counts::default(),
        };
        extract.index();
        extract
    }

    /// Adds the planned sessions of a plan file read with [`crate::Reader::plan`]; its faults and rows join the summary.
    pub fn add_plan(&mut self, plan: Self) {
        self.faults.append(plan.faults, 0);
        self.counts.add(&plan.counts);
        self.parts.extend(plan.parts.into_iter().map(|mut part| {
            part.counts = Counts::default();
            part
        }));
        self.index();
    }

    fn index(&mut self) {
        let mut rooms: BTreeMap<(SiteId, RoomId), RoomEntry> = BTreeMap::new();
        for (number, part) in self.parts.iter_mut().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            for (at, place) in part.places.iter().enumerate() {
                let entry = rooms.entry((place.site.clone(), place.room.clone())).or_insert_with(|| RoomEntry {
                    site: place.site.clone(),
                    room: place.room.clone(),
                    kind: None,
                    places: Vec::new(),
                });
                entry.kind = place.kind.or(entry.kind);
                entry.places.push((number, u32::try_from(at).unwrap_or(u32::MAX)));
            }
            self.faults.append(core::mem::take(&mut part.faults), part.first_line);
            self.counts.add(&core::mem::take(&mut part.counts));
        }
        self.rooms = rooms.into_values().collect();
        let mut room_of = std::collections::HashMap::new();
        for (number, room) in (0_u32..).zip(&self.rooms) {
            room_of.extend(room.places.iter().map(|&place| (place, number)));
        }
        self.plans.clear();
        for (number, part) in (0_u32..).zip(&self.parts) {
            for (&plan, &line) in &part.plans {
                let Some(&room) = room_of.get(&(number, plan.place)) else { continue };
                self.plans.push(PlanEntry { room, part: number, plan, line: line + part.first_line });
            }
        }
        self.plans.sort_by_key(|entry| (entry.room, entry.plan.issued, entry.part, entry.line, entry.plan.start));
    }

    /// Rooms by site and id.
    pub fn rooms(&self) -> impl ExactSizeIterator<Item = Room<'_>> {
        (0..self.rooms.len()).map(|at| Room { extract: self, at })
    }

    /// Rows of cases that were taken; more than there are cases where a case has several rows.
    pub fn case_rows(&self) -> u64 {
        self.parts.iter().map(|part| part.cases.rows).sum()
    }

    /// The first errors, with their places.
    pub fn errors(&self) -> &[RowError] {
        &self.faults.kept
    }

    /// Counts everything. Takes a walk over all cases.
    pub fn summary(&self) -> Summary {
        let (mut cases, mut sessions) = (0, 0);
        for room in self.rooms() {
            let planned = room.visit(|_| cases += 1);
            let mut keys: Vec<&SessionKey> = planned.iter().map(|session| &session.key).collect();
            keys.sort_unstable();
            keys.dedup();
            sessions += keys.len() as u64;
        }
        Summary {
            rows: self.counts.rows,
            blank_rows: self.counts.blank_rows,
            cases,
            rooms: self.rooms.len() as u64,
            sessions,
            empty_lists: self.counts.empty_lists,
            rejected_rows: self.faults.count(Loss::Row),
            lost_cells: self.faults.count(Loss::Cell),
            problems: Problem::ALL
                .iter()
                .map(|&problem| (problem, self.faults.counts[problem as usize]))
                .filter(|&(_, count)| count > 0)
                .collect(),
            absent_stamps: Milestone::ALL
                .iter()
                .map(|&milestone| (milestone, self.counts.absent_stamps[milestone as usize]))
                .filter(|&(_, count)| count > 0)
                .collect(),
            cut_labels: self.counts.cut_labels,
            errors_kept: self.faults.kept.len() as u64,
        }
    }
}

/// One room of an extract.
#[derive(Debug, Clone, Copy)]
pub struct Room<'e> {
    extract: &'e Extract,
    at: usize,
}

/// A planned session as its source states it; several of one key are its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedSession {
    /// The session's name within its room.
    pub key: SessionKey,
    /// Planned start.
    pub start: UtcMillis,
    /// Planned end.
    pub end: UtcMillis,
    /// Specialty; of sessions from bookings that of most of their cases.
    pub specialty: Option<Label>,
    /// Team; of sessions from bookings that of most of their cases.
    pub team: Option<Label>,
    /// Elective or emergency.
    pub kind: ListKind,
    /// Cases planned, where the plan says so.
    pub cases: Option<u16>,
    /// When it was issued, where the source says so.
    pub issued: Option<UtcMillis>,
    /// Withdrawn by this revision.
    pub withdrawn: bool,
    /// The line of its first row; absent for one that is made of bookings.
    pub line: Option<u64>,
}

/// What is known of one case in one room. Of several rows the later one wins: each stamp for itself, the booking as a
/// whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case<'e> {
    /// The case's token.
    pub token: Token,
    /// Scheduled start.
    pub booked_start: Option<UtcMillis>,
    /// Booked minutes.
    pub booked_minutes: Option<u16>,
    /// Its session by name.
    pub session: Option<SessionKey>,
    /// Specialty.
    pub specialty: Option<&'e Label>,
    /// Procedure.
    pub procedure: Option<&'e Label>,
    /// Team.
    pub team: Option<&'e Label>,
    /// Admission.
    pub admission: Option<ListKind>,
    /// Patient classification.
    pub class: Option<PatientClass>,
    /// When the booking was issued.
    pub issued: Option<UtcMillis>,
    /// Whose reason a cancellation was.
    pub cancelled_class: Option<CancellationClass>,
    /// The reason of a cancellation.
    pub cancelled_reason: Option<&'e Label>,
    stamps: [Option<UtcMillis>; MILESTONES],
    day: Option<i32>,
}

impl Case<'_> {
    /// The instant of a milestone.
    pub const fn stamp(&self, milestone: Milestone) -> Option<UtcMillis> {
        self.stamps[milestone as usize]
    }

    /// The milestones known, in usual order, without the cancellation; `abandoned` is one of them.
    pub fn stamps(&self) -> impl Iterator<Item = (Milestone, UtcMillis)> + '_ {
        let all = Milestone::ALL.iter().filter(|&&milestone| milestone != Milestone::Cancelled);
        all.filter_map(|&milestone| self.stamp(milestone).map(|at| (milestone, at)))
    }

    /// When it was cancelled.
    pub const fn cancelled_at(&self) -> Option<UtcMillis> {
        self.stamp(Milestone::Cancelled)
    }

    /// When it was given up after it had begun.
    pub const fn abandoned_at(&self) -> Option<UtcMillis> {
        self.stamp(Milestone::Abandoned)
    }
}

/// Bookings of one day.
#[derive(Default)]
struct DayList<'e> {
    span: Option<(UtcMillis, UtcMillis)>,
    specialties: Vec<(&'e Label, u32)>,
    teams: Vec<(&'e Label, u32)>,
}

/// The lists of a room, the one asked for last at hand: the rows of a room mostly come by date.
#[derive(Default)]
struct DayLists<'e> {
    at_hand: Option<(i32, DayList<'e>)>,
    others: BTreeMap<i32, DayList<'e>>,
}

impl<'e> DayLists<'e> {
    fn of(&mut self, day: i32) -> &mut DayList<'e> {
        if self.at_hand.as_ref().is_none_or(|(known, _)| *known != day) {
            let list = self.others.remove(&day).unwrap_or_default();
            self.others.extend(self.at_hand.take());
            self.at_hand = Some((day, list));
        }
        &mut self.at_hand.get_or_insert_with(|| (day, DayList::default())).1
    }

    fn finish(mut self) -> BTreeMap<i32, DayList<'e>> {
        self.others.extend(self.at_hand);
        self.others
    }
}

fn vote<'e>(votes: &mut Vec<(&'e Label, u32)>, label: Option<&'e Label>) {
    let Some(label) = label else { return };
    match votes.iter_mut().find(|(known, _)| core::ptr::eq(*known, label) || *known == label) {
        Some((_, count)) => *count += 1,
        None => votes.push((label, 1)),
    }
}

/// The label of most, of equals the first in the alphabet, so that the order of rows does not matter.
fn most(votes: &[(&Label, u32)]) -> Option<Label> {
    votes.iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0))).map(|(label, _)| (*label).clone())
}

impl<'e> Room<'e> {
    fn entry(&self) -> Option<&'e RoomEntry> {
        self.extract.rooms.get(self.at)
    }

    /// The site.
    pub fn site(&self) -> &'e SiteId {
        &self.extract.rooms[self.at].site
    }

    /// The room.
    pub fn room(&self) -> &'e RoomId {
        &self.extract.rooms[self.at].room
    }

    /// What it is, where the extract says so.
    pub fn kind(&self) -> Option<RoomKind> {
        self.entry().and_then(|entry| entry.kind)
    }

    /// Shows each case once, in no particular order, and returns the planned sessions: of each key in order of issue,
    /// those without an issue time first.
    pub fn visit(&self, mut show: impl FnMut(&Case<'e>)) -> Vec<PlannedSession> {
        let mut days = DayLists::default();
        let (mut case, mut row, mut keys) = (Case::unknown(), CaseRow::default(), DayKeys::default());
        let mut rows = self.rows();
        if has_repeats(&rows) {
            rows.sort_unstable();
        }
        for same in rows.chunk_by(|a, b| a.0 == b.0) {
            let mut is_known = false;
            for &(_, part, at) in same {
                let Some(part) = self.extract.parts.get(part as usize).filter(|part| part.cases.read(at, &mut row))
                else {
                    continue;
                };
                if is_known {
                    case.overlay(part, &row, &mut keys);
                } else {
                    case.begin(part, &row, &mut keys);
                    is_known = true;
                }
            }
            if !is_known {
                continue;
            }
            if let (Some(day), Some(start), true) = (case.day, case.booked_start, self.extract.by_day.is_some()) {
                let list = days.of(day);
                let end = start.plus_minutes(i64::from(case.booked_minutes.unwrap_or(0)));
                list.span = Some(list.span.map_or((start, end), |(from, to)| (from.min(start), to.max(end))));
                vote(&mut list.specialties, case.specialty);
                vote(&mut list.teams, case.team);
            }
            show(&case);
        }
        match self.extract.by_day {
            Some(kind) => days.finish().into_iter().filter_map(|(day, list)| day_list(day, &list, kind)).collect(),
            None => self.stated_sessions(),
        }
    }

    /// The planned sessions alone.
    pub fn sessions(&self) -> Vec<PlannedSession> {
        if self.extract.by_day.is_some() { self.visit(|_| ()) } else { self.stated_sessions() }
    }

    /// Token, part and place of each row, the last row of each part first.
    fn rows(&self) -> Vec<(u128, u32, Location)> {
        let mut rows = Vec::new();
        for &(number, place) in self.entry().map(|entry| entry.places.as_slice()).unwrap_or_default() {
            let Some(part) = self.extract.parts.get(number as usize) else { continue };
            part.cases.of_place(place, |at, digest| rows.push((digest, number, at)));
        }
        rows
    }

    fn stated_sessions(&self) -> Vec<PlannedSession> {
        let plans = &self.extract.plans;
        let from = plans.partition_point(|entry| (entry.room as usize) < self.at);
        let of_room = plans.iter().skip(from).take_while(|entry| entry.room as usize == self.at);
        let mut sessions: Vec<PlannedSession> = Vec::new();
        for entry in of_room {
            let Some(part) = self.extract.parts.get(entry.part as usize) else { continue };
            let Some((key, _)) = part.keys.get(entry.plan.key as usize) else { continue };
            let session = PlannedSession {
                key: key.clone(),
                start: entry.plan.start,
                end: entry.plan.end,
                specialty: part.label(entry.plan.specialty).cloned(),
                team: part.label(entry.plan.team).cloned(),
                kind: entry.plan.kind,
                cases: entry.plan.cases,
                issued: entry.plan.issued,
                withdrawn: entry.plan.withdrawn,
                line: Some(entry.line),
            };
            sessions.push(session);
        }
        // Two parts of a file may both have met a session: the first line stays.
        sessions.sort_by(|a, b| (&a.key, a.issued, a.line).cmp(&(&b.key, b.issued, b.line)));
        let mut distinct: Vec<PlannedSession> = Vec::new();
        for session in sessions {
            let same_key = distinct.iter().rev().take_while(|known| known.key == session.key);
            let known = same_key.into_iter().any(|known| {
                let moved = PlannedSession { line: session.line, ..known.clone() };
                moved == session
            });
            if !known {
                distinct.push(session);
            }
        }
        distinct
    }
}

fn day_list(day: i32, list: &DayList, kind: ListKind) -> Option<PlannedSession> {
    let (start, end) = list.span?;
    Some(PlannedSession {
        key: day_key(day, None)?,
        start,
        end,
        specialty: most(&list.specialties),
        team: most(&list.teams),
        kind,
        cases: None,
        issued: None,
        withdrawn: false,
        line: None,
    })
}

/// Whether a case has more than one row, or seems to. Mostly none has, and this is told faster than the rows are sorted.
fn has_repeats(rows: &[(u128, u32, Location)]) -> bool {
    // A token is a keyed hash already, so half of one tells where it belongs and, but for a chance of next to none, whether
    // it is the same.
    let mut seen = vec![0_u64; (rows.len() * 2).next_power_of_two()];
    let last = seen.len() - 1;
    for &(digest, ..) in rows {
        #[allow(clippy::cast_possible_truncation, reason = "both halves are in what is left")]
        let half = ((digest ^ digest >> 64) as u64).max(1);
        let mut at = usize::try_from(half >> 1).unwrap_or(0) & last;
        while let Some(known) = seen.get_mut(at) {
            if *known == half {
                return true;
            }
            if *known == 0 {
                *known = half;
                break;
            }
            at = (at + 1) & last;
        }
    }
    false
}

/// The keys of sessions that are whole days. The last one is remembered, since the rows of a room mostly come by date.
#[derive(Default)]
pub(crate) struct DayKeys(Option<(i32, Option<SessionKey>)>);

impl DayKeys {
    fn of(&mut self, day: i32) -> Option<SessionKey> {
        if self.0.as_ref().is_none_or(|(known, _)| *known != day) {
            self.0 = Some((day, day_key(day, None)));
        }
        self.0.as_ref().and_then(|(_, key)| key.clone())
    }
}

impl<'e> Case<'e> {
    /// A case before its first row.
    pub(crate) const fn unknown() -> Self {
        Self {
            token: Token { key: 0, digest: 0 },
            booked_start: None,
            booked_minutes: None,
            session: None,
            specialty: None,
            procedure: None,
            team: None,
            admission: None,
            class: None,
            issued: None,
            cancelled_class: None,
            cancelled_reason: None,
            stamps: [None; MILESTONES],
            day: None,
        }
    }

    /// The first row of a case; what `self` was before is gone.
    pub(crate) fn begin(&mut self, part: &'e Part, row: &CaseRow, keys: &mut DayKeys) {
        *self = Self { token: row.token(), stamps: row.stamps, ..Self::unknown() };
        self.take_cancellation(part, row);
        self.take_booking(part, row, keys);
    }

    /// A later row of a case over what is known of it.
    fn overlay(&mut self, part: &'e Part, row: &CaseRow, keys: &mut DayKeys) {
        for (stamp, later) in self.stamps.iter_mut().zip(row.stamps) {
            *stamp = later.or(*stamp);
        }
        self.take_cancellation(part, row);
        if row.has_booking() {
            self.take_booking(part, row, keys);
        }
    }

    fn take_cancellation(&mut self, part: &'e Part, row: &CaseRow) {
        if row.stamps[Milestone::Cancelled as usize].is_some() {
            self.cancelled_class = row.cancellation;
            self.cancelled_reason = part.label(row.reason);
        }
    }

    fn take_booking(&mut self, part: &'e Part, row: &CaseRow, keys: &mut DayKeys) {
        self.booked_start = row.booked_start;
        self.booked_minutes = row.minutes;
        self.specialty = part.label(row.specialty);
        self.procedure = part.label(row.procedure);
        self.team = part.label(row.team);
        self.admission = row.admission;
        self.class = row.class;
        self.issued = row.issued;
        (self.session, self.day) = match row.session {
            SessionRef::None => (None, None),
            SessionRef::Key(key) => match part.keys.get(key as usize) {
                Some((key, day)) => (Some(key.clone()), Some(*day)),
                None => (None, None),
            },
            SessionRef::Day(day) => (keys.of(day), Some(day)),
            SessionRef::Date(day) => (None, Some(day)),
        };
    }
}

/// How a file was read, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Rows that are not empty, without the header.
    pub rows: u64,
    /// Rows of nothing but delimiters and white space.
    pub blank_rows: u64,
    /// Cases, each counted once in each room.
    pub cases: u64,
    /// Rooms.
    pub rooms: u64,
    /// Planned sessions, revisions not counted.
    pub sessions: u64,
    /// Rows without a case id that plan an empty list.
    pub empty_lists: u64,
    /// Rows that were left out.
    pub rejected_rows: u64,
    /// Cells whose value was lost, in rows that count.
    pub lost_cells: u64,
    /// How often each problem was met.
    pub problems: Vec<(Problem, u64)>,
    /// In how many rows each mapped milestone has no time.
    pub absent_stamps: Vec<(Milestone, u64)>,
    /// Cells of a specialty, procedure, team or reason of which only the first 32 bytes are kept: texts that differ
    /// behind them become one.
    pub cut_labels: u64,
    /// How many errors are kept with their text.
    pub errors_kept: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} read: {} in {}, {}",
            counted(self.rows, "row"),
            counted(self.cases, "case"),
            counted(self.rooms, "room"),
            counted(self.sessions, "planned session")
        )?;
        if self.empty_lists > 0 {
            write!(f, ", {}", counted(self.empty_lists, "row of an empty list"))?;
        }
        for (loss, count, text) in [
            (Loss::Row, counted(self.rejected_rows, "row"), "left out"),
            (Loss::Cell, counted(self.lost_cells, "cell"), "not understood"),
        ] {
            let kinds: Vec<String> = self
                .problems
                .iter()
                .filter(|(problem, _)| problem.loss() == loss)
                .map(|(problem, count)| format!("{} {count}", problem.name()))
                .collect();
            if !kinds.is_empty() {
                write!(f, "\n{count} {text}: {}", kinds.join(", "))?;
            }
        }
        let faults = self.rejected_rows + self.lost_cells;
        if faults > self.errors_kept {
            write!(f, "\n{} listed, {} more counted", counted(self.errors_kept, "error"), faults - self.errors_kept)?;
        }
        if self.cut_labels > 0 {
            write!(f, "\n{} cut to {MAX_ID_LEN} bytes", counted(self.cut_labels, "name"))?;
        }
        if !self.absent_stamps.is_empty() {
            let stamps: Vec<String> = self.absent_stamps.iter().map(|(m, count)| format!("{m} {count}")).collect();
            write!(f, "\nno time recorded: {}", stamps.join(", "))?;
        }
        Ok(())
    }
}

fn counted(count: u64, what: &str) -> String {
    match (count, what) {
        (1, _) => format!("1 {what}"),
        (_, "row of an empty list") => format!("{count} rows of empty lists"),
        _ => format!("{count} {what}s"),
    }
}
