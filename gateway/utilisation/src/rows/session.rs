//! Session rows: one planned session with its figures.

use room_events::Label;

use super::decimal::{push_count, push_date, push_instant, push_minutes, push_number};
use super::{Value, push_csv_text, push_flag, push_names};
use crate::quantity::{Minutes, Ratio};
use crate::result::SessionResult;

/// The header of the session rows. Others read the exports by these names and in this order: only append.
pub const SESSION_COLUMNS: [&str; 39] = [
    "session_id",
    "trust",
    "site",
    "room",
    "room_kind",
    "specialty",
    "kind",
    "local_date",
    "planned_start",
    "planned_end",
    "state",
    "complete",
    "provisional",
    "revised",
    "rule_set",
    "planned_min",
    "cases_booked",
    "cases_completed",
    "cases_cancelled_on_day",
    "touch_min",
    "capped_min",
    "capped_utilisation",
    "capped_sum_min",
    "capped_duration_min",
    "uncapped_utilisation",
    "overlap_min",
    "unknown_min",
    "late_start_min",
    "late_due_to_previous_min",
    "early_start_min",
    "early_finish_min",
    "overrun_min",
    "gaps_in_session_min",
    "turnovers",
    "turnover_min",
    "cases_per_4h",
    "day_case_rate",
    "extra_cases_possible",
    "quality",
];

/// The session's values under their headers, in the order of [`SESSION_COLUMNS`].
pub fn session_row(session: &SessionResult) -> [(&'static str, Value<'_>); SESSION_COLUMNS.len()] {
    let f = &session.figures;
    let ratio = |ratio: Option<Ratio>| ratio.map_or(Value::Absent, Value::Ratio);
    let minutes = |minutes: Option<Minutes>| minutes.map_or(Value::Absent, Value::Minutes);
    let count = |count: u32| Value::Count(u64::from(count));
    let values = [
        Value::Text(&session.id),
        Value::Text(session.trust.as_str()),
        Value::Text(session.site.as_str()),
        Value::Text(session.room.as_str()),
        Value::Text(session.room_kind.name()),
        session.specialty.as_ref().map_or(Value::Absent, |label| Value::Text(label.as_str())),
        Value::Text(session.kind.name()),
        Value::Date(session.local_date),
        Value::Instant(session.planned_start),
        Value::Instant(session.planned_end),
        Value::Text(session.state.name()),
        Value::Flag(session.complete),
        Value::Flag(session.provisional),
        Value::Flag(session.revised),
        Value::Text(&session.rule_set),
        Value::Minutes(f.planned),
        count(f.cases_booked),
        count(f.cases_completed),
        count(f.cases_cancelled_on_day),
        Value::Minutes(f.touch),
        Value::Minutes(f.capped),
        ratio(session.capped_utilisation()),
        Value::Minutes(f.capped_sum),
        Value::Minutes(f.capped_duration),
        ratio(f.uncapped_utilisation()),
        Value::Minutes(f.overlap),
        Value::Minutes(f.unknown),
        minutes(f.late_start),
        Value::Minutes(f.late_due_to_previous),
        minutes(f.early_start),
        minutes(f.early_finish),
        minutes(f.overrun),
        Value::Minutes(f.gaps_in_session),
        count(f.turnovers),
        Value::Minutes(f.turnover),
        f.cases_per_4h().map_or(Value::Absent, Value::Number),
        ratio(f.day_case_rate()),
        f.extra_cases_possible.map_or(Value::Absent, count),
        Value::Names(session.quality.iter().map(|flag| flag.name()).collect()),
    ];
    let mut columns = SESSION_COLUMNS.into_iter();
    values.map(|value| (columns.next().unwrap_or_default(), value))
}

/// Appends the session's CSV line: the same bytes as [`super::write_csv_values`] of its [`session_row`], several times
/// faster, for the export of whole years.
pub fn write_csv_row(session: &SessionResult, out: &mut Vec<u8>) {
    out.reserve(512);
    let f = &session.figures;
    let mut line = Line { out };

    line.text(&session.id);
    line.id(session.trust.as_str());
    line.id(session.site.as_str());
    line.id(session.room.as_str());
    line.id(session.room_kind.name());
    line.text(session.specialty.as_ref().map_or("", Label::as_str));
    line.id(session.kind.name());
    push_date(line.out, session.local_date);
    line.end();
    push_instant(line.out, session.planned_start);
    line.end();
    push_instant(line.out, session.planned_end);
    line.end();
    line.id(session.state.name());
    line.flag(session.complete);
    line.flag(session.provisional);
    line.flag(session.revised);
    line.text(&session.rule_set);
    line.minutes(f.planned);
    line.count(f.cases_booked);
    line.count(f.cases_completed);
    line.count(f.cases_cancelled_on_day);
    line.minutes(f.touch);
    line.minutes(f.capped);
    line.number(session.capped_utilisation().map(Ratio::as_f64));
    line.minutes(f.capped_sum);
    line.minutes(f.capped_duration);
    line.number(f.uncapped_utilisation().map(Ratio::as_f64));
    line.minutes(f.overlap);
    line.minutes(f.unknown);
    line.known_minutes(f.late_start);
    line.minutes(f.late_due_to_previous);
    line.known_minutes(f.early_start);
    line.known_minutes(f.early_finish);
    line.known_minutes(f.overrun);
    line.minutes(f.gaps_in_session);
    line.count(f.turnovers);
    line.minutes(f.turnover);
    line.number(f.cases_per_4h());
    line.number(f.day_case_rate().map(Ratio::as_f64));
    if let Some(cases) = f.extra_cases_possible {
        push_count(line.out, u64::from(cases));
    }
    line.end();
    push_names(line.out, session.quality.iter().map(|flag| flag.name()));
    out.push(b'\n');
}

/// A line in the making; each call writes one value and the comma after it.
struct Line<'o> {
    out: &'o mut Vec<u8>,
}

impl Line<'_> {
    fn end(&mut self) {
        self.out.push(b',');
    }

    fn text(&mut self, text: &str) {
        push_csv_text(self.out, text);
        self.end();
    }

    /// Ids and fixed names have no character that CSV would need to quote.
    fn id(&mut self, id: &str) {
        self.out.extend_from_slice(id.as_bytes());
        self.end();
    }

    fn flag(&mut self, flag: bool) {
        push_flag(self.out, flag);
        self.end();
    }

    fn count(&mut self, count: u32) {
        push_count(self.out, u64::from(count));
        self.end();
    }

    fn minutes(&mut self, minutes: Minutes) {
        push_minutes(self.out, minutes);
        self.end();
    }

    fn known_minutes(&mut self, minutes: Option<Minutes>) {
        if let Some(minutes) = minutes {
            push_minutes(self.out, minutes);
        }
        self.end();
    }

    fn number(&mut self, number: Option<f64>) {
        if let Some(number) = number {
            push_number(self.out, number);
        }
        self.end();
    }
}
