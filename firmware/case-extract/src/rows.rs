//! From one record to one case row or planned session: which cells are fatal for the row, which only lose their value.
//!
//! A row without a usable case, room or site says nothing about any room and is left out; every other fault costs only
//! its own cell. Whether stamps make sense together is not judged here: that is the gateway's business.

mod place;
mod planned;
mod values;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;
use room_events::{
    CancellationClass, ListKind, Milestone, PatientClass, RoomId, SessionKey, SiteId, TokenMaker, UtcMillis,
};

use crate::case_store::{CaseRow, SessionRef};
use crate::cells::{self, DateOrder, Evidence};
use crate::head::Head;
use crate::local_time::{DAY_MS, LocalTime, Pick};
use crate::names::Names;
use crate::part::{Part, PlanRow};
use crate::problem::{FileError, Problem, Shown};
use crate::records::Record;
use crate::time_format::Format;

pub(crate) use planned::day_key;

/// A time of day that is so far before the milestone before it is one of the next day; a smaller step back is a slip of
/// whoever recorded it, and stays.
const ROLL_OVER_MS: i64 = DAY_MS / 2;

/// Reads rows of one file; `work` is apart from `head` so that both can be used at once.
pub(crate) struct Rows<'t> {
    pub(crate) head: Head,
    pub(crate) work: Work<'t>,
}

pub(crate) struct Work<'t> {
    pub(crate) file: Arc<str>,
    tokens: Option<&'t dyn TokenMaker>,
    absent: Vec<Vec<u8>>,
    formats: Vec<Format>,
    /// The mapping gives no formats: the file decides whether day or month comes first.
    guess: bool,
    pub(crate) order: Option<DateOrder>,
    by_day: bool,
    local: LocalTime,
    room_names: Names,
    place_numbers: HashMap<(SiteId, RoomId), u32>,
    label_names: Names,
    key_numbers: HashMap<(SessionKey, i32), u32>,
    last_plan: Option<PlanRow>,
    /// The cell of the date that was read last, and the date.
    last_date: (Vec<u8>, i32),
    /// Of each label whether it is only the beginning of its text.
    cut: Vec<bool>,
    pub(crate) part: Part,
    pub(crate) fatal: Option<FileError>,
    /// A date was met that could be read in two ways, and no earlier one showed which is right.
    pub(crate) needs_order: bool,
}

/// A time in a cell.
#[derive(Debug, Clone, Copy)]
struct LocalReading {
    day: i32,
    time: u32,
    offset: Option<i32>,
    /// The day is the row's, so the time may be one of the next day.
    of_row: bool,
}

impl<'t> Rows<'t> {
    pub(crate) fn new(
        head: Head,
        file: Arc<str>,
        zone: Tz,
        absent: &[String],
        by_day: bool,
        tokens: Option<&'t dyn TokenMaker>,
    ) -> Self {
        let given = head.columns.formats.clone();
        let work = Work {
            file,
            tokens,
            absent: absent.iter().map(|text| text.trim().as_bytes().to_vec()).filter(|text| !text.is_empty()).collect(),
            guess: given.is_none(),
            formats: given.unwrap_or_else(|| cells::usual_formats(DateOrder::DayFirst)),
            order: None,
            by_day,
            local: LocalTime::new(zone),
            room_names: Names::default(),
            place_numbers: HashMap::new(),
            label_names: Names::default(),
            key_numbers: HashMap::new(),
            last_plan: None,
            last_date: (Vec::new(), 0),
            cut: Vec::new(),
            part: Part::default(),
            fatal: None,
            needs_order: false,
        };
        Self { head, work }
    }

    /// Decides how dates such as 03/04/2022 are read from now on.
    pub(crate) fn set_order(&mut self, order: DateOrder) {
        self.work.order = Some(order);
        self.work.needs_order = false;
        self.work.formats = cells::usual_formats(order);
        self.work.last_date.0.clear();
        self.work.local.forget_last();
    }

    /// What the dates of a record tell about the order of day and month.
    pub(crate) fn evidence(&self, record: &Record) -> Evidence {
        let mut found = Evidence::Nothing;
        for &column in &self.head.time_columns {
            match cells::evidence(record.cell(column)) {
                Evidence::Nothing => {}
                Evidence::Ambiguous => found = Evidence::Ambiguous,
                Evidence::Shows(order) => return Evidence::Shows(order),
            }
        }
        found
    }

    /// Takes one record. False: stop before it, because of `fatal` or `needs_order`.
    pub(crate) fn take(&mut self, record: &Record) -> bool {
        if self.work.guess && self.work.order.is_none() {
            match self.evidence(record) {
                Evidence::Nothing => {}
                Evidence::Ambiguous => {
                    self.work.needs_order = true;
                    return false;
                }
                Evidence::Shows(order) => self.set_order(order),
            }
        }
        let (head, work) = (&self.head, &mut self.work);
        work.row(head, record);
        work.fatal.is_none()
    }

    /// A quotation mark that is not closed, on this line.
    pub(crate) fn unclosed(&mut self, line: u64) {
        self.work.part.counts.rows += 1;
        self.work.row_fault(
            line,
            Problem::UnclosedQuote,
            || "a quotation mark is opened and not closed".to_owned(),
            "close it, or double it if it belongs to the text; reading goes on with the next line",
        );
    }
}

impl Work<'_> {
    fn row(&mut self, head: &Head, record: &Record) {
        if record.len() != head.names.len() || record.cell(0).is_empty() {
            if record.is_blank() {
                self.part.counts.blank_rows += 1;
                return;
            }
            if record.len() != head.names.len() {
                self.part.counts.rows += 1;
                self.wrong_length(head, record);
                return;
            }
        }
        self.part.counts.rows += 1;
        let map = &head.columns;
        let Some(place) = self.place(head, record) else { return };
        let date = map.date.and_then(|column| self.date(head, record, column));
        let mut row = CaseRow { line: record.line, place, ..CaseRow::default() };
        let mut has_session = false;
        if let Some(session) = &map.session {
            match self.session(head, record, session, place, date) {
                Some(key) => {
                    row.session = SessionRef::Key(key);
                    has_session = true;
                }
                None => row.session = SessionRef::None,
            }
        }
        let (Some(case), Some(tokens)) = (&map.case, self.tokens) else { return };
        let id = record.cell(case.column);
        let token = if self.is_absent(id) { None } else { tokens.token_of(case.kind, &text_of(id)) };
        let Some(token) = token else {
            if has_session {
                self.part.counts.empty_lists += 1;
            } else {
                let remedy = "give the row its case id, or a planned session if it stands for an empty list";
                self.cell_fault(
                    head,
                    record,
                    case.column,
                    Problem::CaseEmpty,
                    Shown::Never,
                    || "the case id is empty".to_owned(),
                    remedy,
                );
            }
            return;
        };
        (row.key, row.digest) = (token.key, token.digest);
        let planned = self.last_plan.filter(|_| has_session).map(|plan| plan.start);
        self.booking(head, record, date, &mut row);
        self.milestones(head, record, date, planned, &mut row);
        self.cancellation(head, record, date, &mut row);
        let placed =
            row.booked_start.is_some() || row.session != SessionRef::None || row.stamps.iter().any(Option::is_some);
        if !placed {
            let Some(day) = date else {
                let detail = || "the row has no scheduled start, milestone or date".to_owned();
                self.row_fault(
                    record.line,
                    Problem::NoTime,
                    detail,
                    "give it one of them, so that it can be placed in time",
                );
                return;
            };
            row.session = SessionRef::Date(day);
        }
        if self.part.cases.push(&row).is_err() {
            self.row_fault(
                record.line,
                Problem::TooManyRows,
                || "there are too many rows".to_owned(),
                "split the file",
            );
        }
    }

    fn wrong_length(&mut self, head: &Head, record: &Record) {
        let (cells, columns) = (record.len(), head.names.len());
        let problem = if cells < columns { Problem::ShortRow } else { Problem::LongRow };
        self.row_fault(
            record.line,
            problem,
            || format!("the row has {cells} cells, the header {columns}"),
            "put cells with a delimiter in them into quotation marks, and correct the row",
        );
    }

    fn booking(&mut self, head: &Head, record: &Record, date: Option<i32>, row: &mut CaseRow) {
        let map = &head.columns.booking;
        let mut day = None;
        if let Some(column) = &map.start
            && let Some((at, on)) = self.whole(record, column, Pick::First)
        {
            (row.booked_start, day) = (Some(at), Some(on));
        } else if let Some(column) = &map.start
            && let Some(reading) = self.time(head, record, column, date, false)
        {
            row.booked_start = self.resolve(head, record, column.time, reading, Pick::First);
            day = match (row.booked_start, reading.offset) {
                (Some(at), Some(_)) => Some(self.local.day_of(at)),
                (Some(_), None) => Some(reading.day),
                (None, _) => None,
            };
        }
        if let Some(column) = map.minutes {
            row.minutes = self.number(head, record, column);
        }
        row.specialty = map.specialty.and_then(|column| self.label(head, record, column));
        row.procedure = map.procedure.and_then(|column| self.label(head, record, column));
        row.team = map.team.and_then(|column| self.label(head, record, column));
        row.class = map
            .class
            .as_ref()
            .and_then(|c| self.code(head, record, c, PatientClass::from_name, "booking.patient-class"));
        row.admission =
            map.admission.as_ref().and_then(|c| self.code(head, record, c, ListKind::from_name, "booking.admission"));
        if let Some(column) = &map.issued {
            row.issued = self.dated(head, record, column, date);
        }
        if self.by_day {
            let group = head.columns.group.and_then(|column| self.date(head, record, column));
            if let Some(day) = group.or(day) {
                row.session = SessionRef::Day(day);
            }
        } else if !map.session.is_empty()
            && let Some(day) = day.or(date)
            && let Some(Ok(key)) = self.session_key(head, record, &map.session)
        {
            row.session = self.key_number(key, day).map_or(SessionRef::None, SessionRef::Key);
        }
    }

    /// `planned`: the start of the list that the row names.
    fn milestones(
        &mut self,
        head: &Head,
        record: &Record,
        date: Option<i32>,
        planned: Option<UtcMillis>,
        row: &mut CaseRow,
    ) {
        let mut previous: Option<i64> = None;
        for (milestone, column) in &head.columns.milestones {
            let pick = Pick::NotBefore(previous.unwrap_or(i64::MIN));
            if let Some((at, _)) = self.whole(record, column, pick) {
                previous = Some(at.millis());
                row.stamps[*milestone as usize] = Some(at);
                continue;
            }
            if self.is_absent(record.cell(column.time)) {
                self.part.counts.absent_stamps[*milestone as usize] += 1;
                continue;
            }
            let Some(mut reading) = self.time(head, record, column, date, false) else { continue };
            if reading.of_row {
                // A patient may be sent for long before the scheduled start, but not come into theatre half a day early.
                // On a list through the night a case without one of its own has the list's.
                let due = row.booked_start.or(planned);
                let booked = due.filter(|_| *milestone > Milestone::InReception).map(UtcMillis::millis);
                if let Some(reference) = previous.or(booked) {
                    for _ in 0..2 {
                        let at =
                            self.local.instant(reading.day, reading.time, pick).map_or(i64::MAX, UtcMillis::millis);
                        if at < reference - ROLL_OVER_MS {
                            reading.day += 1;
                        }
                    }
                }
            }
            if let Some(at) = self.resolve(head, record, column.time, reading, pick) {
                previous = Some(at.millis());
                row.stamps[*milestone as usize] = Some(at);
            }
        }
    }

    fn cancellation(&mut self, head: &Head, record: &Record, date: Option<i32>, row: &mut CaseRow) {
        let Some(map) = &head.columns.cancellation else { return };
        let class = map
            .class
            .as_ref()
            .and_then(|c| self.code(head, record, c, CancellationClass::from_name, "cancellation.class"));
        let reason = map.reason.and_then(|column| self.label(head, record, column));
        if self.is_absent(record.cell(map.time.time)) {
            if class.is_some() || reason.is_some() {
                let detail = || "a cancellation has a class or reason and no time".to_owned();
                self.cell_fault(
                    head,
                    record,
                    map.time.time,
                    Problem::CancelledWithoutTime,
                    Shown::Never,
                    detail,
                    "give its time, or empty the class and the reason",
                );
            }
            return;
        }
        if let Some(at) = self.dated(head, record, &map.time, date) {
            row.stamps[Milestone::Cancelled as usize] = Some(at);
            (row.cancellation, row.reason) = (class, reason);
        }
    }
}

/// The decoder has checked that cells are UTF-8.
fn text_of(cell: &[u8]) -> Cow<'_, str> {
    core::str::from_utf8(cell).map_or_else(|_| String::from_utf8_lossy(cell), Cow::Borrowed)
}
