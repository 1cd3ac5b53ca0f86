//! What stands in a cell: a label, a number, a code, a time; else a fault with its place and remedy.

use std::sync::Arc;

use room_events::id::MAX_ID_LEN;
use room_events::{Label, UtcMillis};

use super::{LocalReading, Work, text_of};
use crate::case_store::NameId;
use crate::cells::{self, Evidence};
use crate::head::Head;
use crate::local_time::{DAY_MS, Pick};
use crate::mapping::{Code, TimeColumn};
use crate::problem::{FileError, Problem, RowError, Shown, shown};
use crate::records::Record;

/// More distinct texts than this are a wrong column for a specialty or procedure.
const MAX_LABELS: usize = 1 << 18;

impl Work<'_> {
    /// The label in a cell. Labels are never shown in errors.
    pub(super) fn label(&mut self, head: &Head, record: &Record, column: usize) -> Option<NameId> {
        let cell = record.cell(column);
        if self.is_absent(cell) {
            return None;
        }
        let (labels, cut) = (&mut self.part.labels, &mut self.cut);
        let full = labels.len() >= MAX_LABELS;
        let found = self.label_names.find(cell, || {
            let text = text_of(cell);
            let label = Label::fitted(&text).filter(|_| !full)?;
            labels.push(label);
            cut.push(text.trim().len() > MAX_ID_LEN);
            u32::try_from(labels.len() - 1).ok()
        });
        self.part.counts.cut_labels += u64::from(found.is_some_and(|name| self.cut.get(name as usize) == Some(&true)));
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

    pub(super) fn number(&mut self, head: &Head, record: &Record, column: usize) -> Option<u16> {
        let cell = record.cell(column);
        if self.is_absent(cell) {
            return None;
        }
        let number = cells::number(cell);
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

    pub(super) fn code<T: Copy>(
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
        if self.is_absent(cell) {
            return None;
        }
        let found = cells::code(code, &text_of(cell), from_name);
        if found.is_none() {
            let detail = || format!("has no meaning in {key}");
            let remedy = format!("add it to {key}.values");
            self.cell_fault(head, record, column, Problem::UnknownCode, Shown::Name, detail, &remedy);
        }
        found
    }

    /// The instant in a cell that has date and time of day in the first format at fixed places, as most have, and its
    /// local date. `None` is for [`Work::time`] to judge, which reads all that can be read.
    #[inline]
    pub(super) fn whole(
        &mut self,
        record: &Record,
        column: &TimeColumn<usize>,
        pick: Pick,
    ) -> Option<(UtcMillis, i32)> {
        let cell = record.cell(column.time);
        if column.date.is_some() || self.is_absent(cell) {
            return None;
        }
        self.local.of_whole(&self.formats.first()?.read_whole(cell)?, pick)
    }

    /// A time with its date; `None` for an absent one and, counted, for a bad one.
    pub(super) fn time(
        &mut self,
        head: &Head,
        record: &Record,
        column: &TimeColumn<usize>,
        date: Option<i32>,
        date_will_do: bool,
    ) -> Option<LocalReading> {
        let cell = record.cell(column.time);
        if self.is_absent(cell) {
            return None;
        }
        let Some(reading) = cells::reading(&self.formats, cell) else {
            self.not_a_time(head, record, column.time, cell);
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
    pub(super) fn dated(
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
    pub(super) fn date(&mut self, head: &Head, record: &Record, column: usize) -> Option<i32> {
        let cell = record.cell(column);
        if self.is_absent(cell) {
            return None;
        }
        if self.last_date.0 == cell {
            return Some(self.last_date.1);
        }
        let Some(day) = cells::reading(&self.formats, cell).and_then(|reading| reading.day) else {
            self.not_a_time(head, record, column, cell);
            return None;
        };
        self.last_date.0.clear();
        self.last_date.0.extend_from_slice(cell);
        self.last_date.1 = day;
        Some(day)
    }

    pub(super) fn resolve(
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
    pub(super) fn is_absent(&self, cell: &[u8]) -> bool {
        cell.is_empty() || self.absent.iter().any(|absent| absent.eq_ignore_ascii_case(cell))
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one error text, in the order in which it is read")]
    pub(super) fn cell_fault(
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
            value: shown(&text_of(record.cell(column)), kind),
            problem,
            detail: detail(),
            remedy: remedy.to_owned(),
        });
    }

    pub(super) fn row_fault(&mut self, line: u64, problem: Problem, detail: impl FnOnce() -> String, remedy: &str) {
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
