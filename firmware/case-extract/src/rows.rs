//! From one record to one case row or planned session: which cells are fatal for the row, which only lose their value.
//!
//! A row without a usable case, room or site says nothing about any room and is left out; every other fault costs only
//! its own cell. Whether stamps make sense together is not judged here: that is the gateway's business.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chrono::Datelike as _;
use chrono_tz::Tz;
use room_events::id::{IdError, MAX_ID_LEN};
use room_events::{
    CancellationClass, Label, ListKind, Milestone, PatientClass, RoomId, RoomKind, SessionKey, SiteId, UtcMillis,
};

use crate::case_store::{CaseRow, NameId, SessionRef};
use crate::cells::{self, DateOrder, Evidence};
use crate::head::Head;
use crate::local_time::{DAY_MS, LocalTime, Pick};
use crate::mapping::{Code, IdRule, SessionMap, SiteRule, TimeColumn};
use crate::names::Names;
use crate::part::{Part, Place, PlanRow};
use crate::problem::{FileError, Problem, RowError, Shown, shown};
use crate::records::Record;
use crate::time_format::Format;
use crate::token_hash::Tokenise;

/// More rooms than this are a wrong room column.
const MAX_ROOMS: usize = 65_536;
/// More distinct texts than this are a wrong column for a specialty or procedure.
const MAX_LABELS: usize = 1 << 18;
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
    tokens: Option<&'t dyn Tokenise>,
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
        tokens: Option<&'t dyn Tokenise>,
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
    }

    /// What the dates of a record tell about the order of day and month.
    pub(crate) fn evidence(&self, record: &Record) -> Evidence {
        let mut found = Evidence::Nothing;
        for &column in &self.head.time_columns {
            match cells::evidence(&record.cell(column)) {
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
        let Some(case) = map.case else { return };
        let id = record.cell(case);
        if self.is_absent(&id) {
            if has_session {
                self.part.counts.empty_lists += 1;
            } else {
                let remedy = "give the row its case id, or a planned session if it stands for an empty list";
                self.cell_fault(
                    head,
                    record,
                    case,
                    Problem::CaseEmpty,
                    Shown::Never,
                    || "the case id is empty".to_owned(),
                    remedy,
                );
            }
            return;
        }
        if let Some(tokens) = self.tokens {
            let token = tokens.case(&text_of(&id));
            (row.key, row.digest) = (token.key, token.digest);
        }
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
            if self.is_absent(&record.cell(column.time)) {
                self.part.counts.absent_stamps[*milestone as usize] += 1;
                continue;
            }
            let Some(mut reading) = self.time(head, record, column, date, false) else { continue };
            let pick = Pick::NotBefore(previous.unwrap_or(i64::MIN));
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
        if self.is_absent(&record.cell(map.time.time)) {
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

    /// The planned session of a row: the number of its key.
    fn session(
        &mut self,
        head: &Head,
        record: &Record,
        map: &SessionMap<usize>,
        place: u32,
        date: Option<i32>,
    ) -> Option<u32> {
        let absent = |work: &Self, column: &TimeColumn<usize>| work.is_absent(&record.cell(column.time));
        let missing = match (absent(self, &map.start), absent(self, &map.end)) {
            (true, true) => return None,
            (false, false) => None,
            (true, false) => Some(&map.start),
            (false, true) => Some(&map.end),
        };
        if let Some(missing) = missing {
            let detail = || "a planned session has only a start or only an end".to_owned();
            self.cell_fault(
                head,
                record,
                missing.time,
                Problem::SessionIncomplete,
                Shown::Never,
                detail,
                "give both, or neither",
            );
            return None;
        }
        let from = self.time(head, record, &map.start, date, false)?;
        let mut to = self.time(head, record, &map.end, date, false)?;
        let start = self.resolve(head, record, map.start.time, from, Pick::First)?;
        let mut end = self.resolve(head, record, map.end.time, to, Pick::Second)?;
        // Without a date of its own, or with the session's single date, an end before the start is one of the next day.
        let shares_date = to.of_row || (map.end.date.is_some() && map.end.date == map.start.date);
        if shares_date && end <= start {
            to.day += 1;
            end = self.resolve(head, record, map.end.time, to, Pick::Second)?;
        }
        if end <= start {
            let detail = || "is at or before the planned session's start".to_owned();
            let remedy = "correct the planned start or end; the session counts in no rate until then";
            self.cell_fault(head, record, map.end.time, Problem::SessionWithoutLength, Shown::Figures, detail, remedy);
        }
        let day = if from.offset.is_some() { self.local.day_of(start) } else { from.day };
        let key = match self.session_key(head, record, &map.key) {
            Some(Ok(key)) => key,
            Some(Err(())) => return None,
            None => {
                let time = if from.offset.is_some() { self.local.time_of_day(start, day) } else { from.time };
                day_key(day, Some(time))?
            }
        };
        let Some(key) = self.key_number(key, day) else {
            let detail = || "there are more planned sessions than can be kept".to_owned();
            self.row_fault(record.line, Problem::TooManyLabels, detail, "split the file");
            return None;
        };
        let kind = match &map.kind {
            Code::Constant(kind) => *kind,
            column @ Code::Column { .. } => {
                self.code(head, record, column, ListKind::from_name, "sessions.kind").unwrap_or(ListKind::Elective)
            }
        };
        let plan = PlanRow {
            place,
            key,
            start,
            end,
            specialty: map.specialty.and_then(|column| self.label(head, record, column)),
            team: map.team.and_then(|column| self.label(head, record, column)),
            kind,
            cases: map.cases.and_then(|column| self.number(head, record, column)),
            issued: map.issued.as_ref().and_then(|column| self.dated(head, record, column, date)),
            withdrawn: map
                .withdrawn
                .as_ref()
                .and_then(|c| self.code(head, record, c, yes_or_no, "sessions.withdrawn"))
                .unwrap_or(false),
        };
        if self.last_plan != Some(plan) {
            self.part.plans.entry(plan).or_insert(record.line);
            self.last_plan = Some(plan);
        }
        Some(key)
    }

    /// The key that the row's key columns make; none if all are empty.
    fn session_key(&mut self, head: &Head, record: &Record, columns: &[usize]) -> Option<Result<SessionKey, ()>> {
        let first = *columns.first()?;
        let parts: Vec<Cow<[u8]>> = columns.iter().map(|&column| record.cell(column)).collect();
        if parts.iter().all(|part| self.is_absent(part)) {
            return None;
        }
        let text: Vec<String> = parts.iter().map(|part| cells::dashed(&text_of(part).to_lowercase())).collect();
        Some(SessionKey::new(text.join("-").trim_matches('-')).map_err(|error| {
            let detail = || format!("the session's key cannot be an id: {}", cells::id_fault(error));
            self.cell_fault(
                head,
                record,
                first,
                Problem::SessionKeyNotId,
                Shown::Never,
                detail,
                "use shorter keys of letters and digits, or leave the key out",
            );
        }))
    }

    fn key_number(&mut self, key: SessionKey, day: i32) -> Option<u32> {
        if let Some(&number) = self.key_numbers.get(&(key.clone(), day)) {
            return Some(number);
        }
        let number = u32::try_from(self.part.keys.len()).ok()?;
        self.part.keys.push((key.clone(), day));
        self.key_numbers.insert((key, day), number);
        Some(number)
    }

    /// The number of the row's room, made on first sight.
    fn place(&mut self, head: &Head, record: &Record) -> Option<u32> {
        let room_cell = record.cell(head.columns.room.column);
        let (site_rule, site_cell) = match &head.columns.site {
            SiteRule::Constant(_) => (None, Cow::Borrowed(&[][..])),
            SiteRule::Column(rule) => (Some(rule), record.cell(rule.column)),
        };
        let joined;
        let name: &[u8] = if site_rule.is_none() {
            &room_cell
        } else {
            joined = [&*site_cell, b"\x1f", &*room_cell].concat();
            &joined
        };
        let known = self.room_names.find(name, || None);
        let place = match known {
            Some(place) => place,
            None => self.new_place(head, record, name, &room_cell, site_rule.map(|rule| (rule, &*site_cell)))?,
        };
        match &head.columns.room_kind {
            Some(column @ Code::Column { .. }) => {
                let kind = self.code(head, record, column, RoomKind::from_name, "room-kind");
                if let (Some(known), Some(_)) = (self.part.places.get_mut(place as usize), kind) {
                    known.kind = kind;
                }
            }
            Some(Code::Constant(_)) | None => {}
        }
        Some(place)
    }

    fn new_place(
        &mut self,
        head: &Head,
        record: &Record,
        name: &[u8],
        room_cell: &[u8],
        site_cell: Option<(&IdRule<usize>, &[u8])>,
    ) -> Option<u32> {
        let site = match (&head.columns.site, site_cell) {
            (SiteRule::Constant(site), _) => site.clone(),
            (SiteRule::Column(_), None) => return None,
            (SiteRule::Column(_), Some((rule, cell))) => {
                let text = self.id(head, record, rule, cell, [Problem::SiteEmpty, Problem::SiteNotId], "site")?;
                SiteId::new(&text).ok()?
            }
        };
        let rule = &head.columns.room;
        let text = self.id(head, record, rule, room_cell, [Problem::RoomEmpty, Problem::RoomNotId], "room")?;
        let room = RoomId::new(&text).ok()?;
        let kind = match &head.columns.room_kind {
            Some(Code::Constant(kind)) => Some(*kind),
            Some(Code::Column { .. }) | None => None,
        };
        let at = self.place_numbers.get(&(site.clone(), room.clone())).copied();
        if at.is_none() && self.part.places.len() >= MAX_ROOMS {
            let detail = || format!("there are more than {MAX_ROOMS} rooms");
            self.cell_fault(
                head,
                record,
                rule.column,
                Problem::TooManyRooms,
                Shown::Never,
                detail,
                "check that the column is one of rooms",
            );
            return None;
        }
        let at = match at {
            Some(at) => at,
            None => {
                let at = u32::try_from(self.part.places.len()).ok()?;
                self.place_numbers.insert((site.clone(), room.clone()), at);
                self.part.places.push(Place { site, room, kind });
                at
            }
        };
        self.room_names.find(name, || Some(at));
        Some(at)
    }

    /// The text of an id, checked.
    fn id(
        &mut self,
        head: &Head,
        record: &Record,
        rule: &IdRule<usize>,
        cell: &[u8],
        [empty, not_id]: [Problem; 2],
        what: &'static str,
    ) -> Option<String> {
        if self.is_absent(cell) {
            let remedy = format!("every row needs its {what}");
            self.cell_fault(head, record, rule.column, empty, Shown::Never, || format!("the {what} is empty"), &remedy);
            return None;
        }
        let text = cells::id_text(rule, &text_of(cell));
        match RoomId::new(&text) {
            Ok(_) => Some(text),
            Err(error) => {
                let detail = || format!("cannot be a {what} id: {}", cells::id_fault(error));
                let dashes_help = !rule.dashes && matches!(error, IdError::Character(_));
                let dashes = if dashes_help { format!(", or set {what}.dashes = true") } else { String::new() };
                let remedy = format!("give it an id in {what}.values{dashes}");
                self.cell_fault(head, record, rule.column, not_id, Shown::Name, detail, &remedy);
                None
            }
        }
    }

    /// The label in a cell. Labels are never shown in errors.
    fn label(&mut self, head: &Head, record: &Record, column: usize) -> Option<NameId> {
        let cell = record.cell(column);
        if self.is_absent(&cell) {
            return None;
        }
        let labels = &mut self.part.labels;
        let full = labels.len() >= MAX_LABELS;
        let found = self.label_names.find(&cell, || {
            let label = Label::fitted(&text_of(&cell)).filter(|_| !full)?;
            labels.push(label);
            u32::try_from(labels.len() - 1).ok()
        });
        if found.is_some() && cell.len() > MAX_ID_LEN && text_of(&cell).trim().len() > MAX_ID_LEN {
            self.part.counts.cut_labels += 1;
        }
        if found.is_none() && full {
            let detail = || format!("there are more than {MAX_LABELS} different texts");
            self.cell_fault(
                head,
                record,
                column,
                Problem::TooManyLabels,
                Shown::Never,
                detail,
                "map a column of codes or names",
            );
        }
        found
    }

    fn number(&mut self, head: &Head, record: &Record, column: usize) -> Option<u16> {
        let cell = record.cell(column);
        if self.is_absent(&cell) {
            return None;
        }
        let number = cells::number(&cell);
        if number.is_none() {
            let detail = || "is not a whole number from 0 to 65535".to_owned();
            self.cell_fault(
                head,
                record,
                column,
                Problem::NotANumber,
                Shown::Figures,
                detail,
                "correct the cell, or empty it",
            );
        }
        number
    }

    fn code<T: Copy>(
        &mut self,
        head: &Head,
        record: &Record,
        code: &Code<T, usize>,
        from_name: fn(&str) -> Option<T>,
        key: &str,
    ) -> Option<T> {
        let column = match code {
            Code::Constant(value) => return Some(*value),
            Code::Column { column, .. } => *column,
        };
        let cell = record.cell(column);
        if self.is_absent(&cell) {
            return None;
        }
        let found = cells::code(code, &text_of(&cell), from_name);
        if found.is_none() {
            let detail = || format!("has no meaning in {key}");
            let remedy = format!("add it to {key}.values");
            self.cell_fault(head, record, column, Problem::UnknownCode, Shown::Name, detail, &remedy);
        }
        found
    }

    /// A time with its date; `None` for an absent one and, counted, for a bad one.
    fn time(
        &mut self,
        head: &Head,
        record: &Record,
        column: &TimeColumn<usize>,
        date: Option<i32>,
        date_will_do: bool,
    ) -> Option<LocalReading> {
        let cell = record.cell(column.time);
        if self.is_absent(&cell) {
            return None;
        }
        let Some(reading) = cells::reading(&self.formats, &cell) else {
            self.not_a_time(head, record, column.time, &cell);
            return None;
        };
        let Some(time) = reading.time.or(if date_will_do { Some(0) } else { None }) else {
            let detail = || "is a date without a time of day".to_owned();
            self.cell_fault(
                head,
                record,
                column.time,
                Problem::NotATime,
                Shown::Figures,
                detail,
                "give the time of day too, or map the column that has it",
            );
            return None;
        };
        let (day, of_row) = match column.date {
            Some(own) => (self.date(head, record, own), head.shared_dates.contains(&own)),
            None if reading.day.is_some() => (reading.day, false),
            None => (date, true),
        };
        let Some(day) = day else {
            let detail = || "is a time of day, and the row has no date for it".to_owned();
            self.cell_fault(
                head,
                record,
                column.time,
                Problem::NoDate,
                Shown::Figures,
                detail,
                "map the row's date column with the key date",
            );
            return None;
        };
        Some(LocalReading { day, time, offset: reading.offset, of_row })
    }

    /// An instant for which a date alone will do: its local midnight.
    fn dated(
        &mut self,
        head: &Head,
        record: &Record,
        column: &TimeColumn<usize>,
        date: Option<i32>,
    ) -> Option<UtcMillis> {
        let reading = self.time(head, record, column, date, true)?;
        self.resolve(head, record, column.time, reading, Pick::First)
    }

    /// The date in a cell, as days since 1970-01-01.
    fn date(&mut self, head: &Head, record: &Record, column: usize) -> Option<i32> {
        let cell = record.cell(column);
        if self.is_absent(&cell) {
            return None;
        }
        let day = cells::reading(&self.formats, &cell).and_then(|reading| reading.day);
        if day.is_none() {
            self.not_a_time(head, record, column, &cell);
        }
        day
    }

    fn resolve(
        &mut self,
        head: &Head,
        record: &Record,
        column: usize,
        reading: LocalReading,
        pick: Pick,
    ) -> Option<UtcMillis> {
        let at = match reading.offset {
            Some(offset) => {
                let local = i64::from(reading.day) * DAY_MS + i64::from(reading.time);
                UtcMillis::new(local - i64::from(offset) * 1000).ok()
            }
            None => self.local.instant(reading.day, reading.time, pick),
        };
        if at.is_none() {
            let detail = || "is outside the years 1900 to 9999".to_owned();
            self.cell_fault(
                head,
                record,
                column,
                Problem::NotATime,
                Shown::Figures,
                detail,
                "correct the cell, or add it to absent if it stands for nothing",
            );
        }
        at
    }

    fn not_a_time(&mut self, head: &Head, record: &Record, column: usize, cell: &[u8]) {
        if self.guess
            && let Some(order) = self.order
            && let Evidence::Shows(other) = cells::evidence(cell)
            && other != order
        {
            self.fatal = Some(FileError {
                file: self.file.to_string(),
                line: Some(record.line),
                problem: format!(
                    "a date here is {}, dates before it are {} (say which is right, such as time-formats = [\"%d/%m/%Y %H:%M\"])",
                    other.name(),
                    order.name()
                ),
            });
            return;
        }
        let formats = if self.guess {
            "ISO 8601 or another usual form".to_owned()
        } else {
            self.formats.iter().map(|format| format!("{:?}", format.text())).collect::<Vec<_>>().join(" or ")
        };
        let detail = || format!("is not a time in {formats}");
        self.cell_fault(
            head,
            record,
            column,
            Problem::NotATime,
            Shown::Figures,
            detail,
            "correct the cell, or add its format to time-formats",
        );
    }

    #[inline]
    fn is_absent(&self, cell: &[u8]) -> bool {
        cell.is_empty() || self.absent.iter().any(|absent| absent.eq_ignore_ascii_case(cell))
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one error text, in the order in which it is read")]
    fn cell_fault(
        &mut self,
        head: &Head,
        record: &Record,
        column: usize,
        problem: Problem,
        kind: Shown,
        detail: impl FnOnce() -> String,
        remedy: &str,
    ) {
        let file = &self.file;
        self.part.faults.add(problem, || RowError {
            file: Arc::clone(file),
            line: record.line,
            column: head.names.get(column).cloned(),
            value: shown(&text_of(&record.cell(column)), kind),
            problem,
            detail: detail(),
            remedy: remedy.to_owned(),
        });
    }

    fn row_fault(&mut self, line: u64, problem: Problem, detail: impl FnOnce() -> String, remedy: &str) {
        let file = &self.file;
        self.part.faults.add(problem, || RowError {
            file: Arc::clone(file),
            line,
            column: None,
            value: None,
            problem,
            detail: detail(),
            remedy: remedy.to_owned(),
        });
    }
}

/// The decoder has checked that cells are UTF-8.
fn text_of(cell: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(cell)
}

fn yes_or_no(name: &str) -> Option<bool> {
    match name {
        "yes" | "y" | "true" | "1" => Some(true),
        "no" | "n" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// `2022-01-03-0700`, or for a session that is its whole day `2022-01-03`.
pub(crate) fn day_key(day: i32, time: Option<u32>) -> Option<SessionKey> {
    let date = chrono::NaiveDate::from_epoch_days(day)?;
    let year = u32::try_from(date.year()).ok().filter(|year| *year <= 9999)?;
    let mut text = [b'-'; 15];
    put_digits(&mut text[0..4], year);
    put_digits(&mut text[5..7], date.month());
    put_digits(&mut text[8..10], date.day());
    let length = match time {
        Some(time) => {
            put_digits(&mut text[11..15], time / 3_600_000 * 100 + time / 60_000 % 60);
            15
        }
        None => 10,
    };
    SessionKey::new(core::str::from_utf8(text.get(..length)?).ok()?).ok()
}

/// The last digits of a number, as many as there is room for.
fn put_digits(out: &mut [u8], mut number: u32) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
