//! The planned session that a row states, or names by its key.

use chrono::Datelike as _;
use room_events::{ListKind, SessionKey};

use super::{Work, text_of};
use crate::cells;
use crate::head::Head;
use crate::local_time::Pick;
use crate::mapping::{Code, SessionMap, TimeColumn};
use crate::part::PlanRow;
use crate::problem::{Problem, Shown};
use crate::records::Record;

impl Work<'_> {
    /// The planned session of a row: the number of its key.
    pub(super) fn session(
        &mut self,
        head: &Head,
        record: &Record,
        map: &SessionMap<usize>,
        place: u32,
        date: Option<i32>,
    ) -> Option<u32> {
        let absent = |work: &Self, column: &TimeColumn<usize>| work.is_absent(record.cell(column.time));
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
    pub(super) fn session_key(
        &mut self,
        head: &Head,
        record: &Record,
        columns: &[usize],
    ) -> Option<Result<SessionKey, ()>> {
        let first = *columns.first()?;
        let parts: Vec<&[u8]> = columns.iter().map(|&column| record.cell(column)).collect();
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

    pub(super) fn key_number(&mut self, key: SessionKey, day: i32) -> Option<u32> {
        if let Some(&number) = self.key_numbers.get(&(key.clone(), day)) {
            return Some(number);
        }
        let number = u32::try_from(self.part.keys.len()).ok()?;
        self.part.keys.push((key.clone(), day));
        self.key_numbers.insert((key, day), number);
        Some(number)
    }
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
