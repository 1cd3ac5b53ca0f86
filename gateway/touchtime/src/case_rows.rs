//! Cases as rows: what a list's minutes were made of, for `touchtime export cases` and datasets.

use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, CaseState, SessionResult};
use utilisation::rows::Value;

use crate::output::Row;

/// The header of the case rows: only append.
pub const CASE_COLUMNS: [&str; 32] = [
    "session_id",
    "trust",
    "site",
    "room",
    "room_kind",
    "kind",
    "local_date",
    "planned_start",
    "planned_end",
    "case",
    "state",
    "specialty",
    "procedure",
    "class",
    "booked_start",
    "booked_min",
    "touch_start",
    "touch_start_from",
    "touch_end",
    "touch_end_from",
    "touch_min",
    "inside_min",
    "turnover_before_min",
    "procedure_start",
    "procedure_end",
    "cancelled_at",
    "cancelled_class",
    "rule_set",
    "from_ms",
    "to_ms",
    "planned_from_ms",
    "planned_to_ms",
];

/// The cases of a list with their tokens in words, which have to outlive the rows.
pub fn tokens(list: &SessionResult) -> Vec<String> {
    list.cases.iter().map(|case| case.id.to_string()).collect()
}

/// The rows of a list's cases. `tokens` are those of [`tokens`].
pub fn case_rows<'r>(list: &'r SessionResult, tokens: &'r [String]) -> impl Iterator<Item = Row<'r>> {
    list.cases.iter().zip(tokens).map(|(case, token)| case_row(list, case, token))
}

fn case_row<'r>(list: &'r SessionResult, case: &'r CaseResult, token: &'r str) -> Row<'r> {
    let instant = |at: Option<_>| at.map_or(Value::Absent, Value::Instant);
    let touch = case.start.zip(case.end).filter(|_| matches!(case.state, CaseState::Complete | CaseState::Abandoned));
    let values = [
        Value::Text(&list.id),
        Value::Text(list.trust.as_str()),
        Value::Text(list.site.as_str()),
        Value::Text(list.room.as_str()),
        Value::Text(list.room_kind.name()),
        Value::Text(list.kind.name()),
        Value::Date(list.local_date),
        Value::Instant(list.planned_start),
        Value::Instant(list.planned_end),
        Value::Text(token),
        Value::Text(state_name(case.state)),
        case.specialty.as_ref().map_or(Value::Absent, |label| Value::Text(label.as_str())),
        case.procedure.as_ref().map_or(Value::Absent, |label| Value::Text(label.as_str())),
        case.class.map_or(Value::Absent, |class| Value::Text(class.name())),
        instant(case.booked_start),
        case.booked_minutes.map_or(Value::Absent, |minutes| Value::Minutes(Minutes::whole(i64::from(minutes)))),
        instant(case.start),
        case.start_from.map_or(Value::Absent, |from| Value::Text(from.name())),
        instant(case.end),
        case.end_from.map_or(Value::Absent, |from| Value::Text(from.name())),
        touch.map_or(Value::Absent, |(start, end)| Value::Minutes(Minutes::between(start, end))),
        Value::Minutes(case.inside),
        case.turnover_before.map_or(Value::Absent, Value::Minutes),
        instant(case.procedure_start),
        instant(case.procedure_end),
        instant(case.cancelled_at),
        case.cancelled_class.map_or(Value::Absent, |class| Value::Text(class.name())),
        Value::Text(&list.rule_set),
        case.start.map_or(Value::Absent, millis),
        case.end.map_or(Value::Absent, millis),
        millis(list.planned_start),
        millis(list.planned_end),
    ];
    CASE_COLUMNS.into_iter().zip(values).collect()
}

fn millis(at: UtcMillis) -> Value<'static> {
    u64::try_from(at.millis()).map_or(Value::Absent, Value::Count)
}

const fn state_name(state: CaseState) -> &'static str {
    match state {
        CaseState::Booked => "booked",
        CaseState::Running => "running",
        CaseState::Complete => "complete",
        CaseState::Abandoned => "abandoned",
        CaseState::Open => "open",
        CaseState::EndOnly => "end_only",
        CaseState::Rejected => "rejected",
        CaseState::Cancelled => "cancelled",
        CaseState::NotStarted => "not_started",
    }
}
