//! `touchtime report spare-capacity`: coming lists without a booking or with room for whole cases, the rows of the
//! board's page of that name.

use utilisation::forecast::{Forecaster, Spare};
use utilisation::quantity::Minutes;
use utilisation::result::{SessionResult, SessionState};
use utilisation::rows::Value;

use crate::extract::Dates;
use crate::output::{Column, Row};
use crate::table_writer::{Content, TableWriter};
use crate::tables;

/// The header. Others read the exports by these names and in this order: only append.
pub const SPARE_COLUMNS: &[&str] = &[
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
    "planned_min",
    "cases_booked",
    "expected_end",
    "free_min",
    "minutes_a_case",
    "whole_cases",
];

const SHOWN: &[Column] = &[
    column("local_date", "date"),
    column("site", "site"),
    column("room", "room"),
    column("specialty", "specialty"),
    column("planned_min", "planned"),
    column("cases_booked", "booked"),
    column("free_min", "free"),
    column("minutes_a_case", "min a case"),
    column("whole_cases", "whole cases"),
];

const fn column(name: &'static str, heading: &'static str) -> Column {
    Column { name, heading, upper: None }
}

/// Forecasts go by lists of so many days: teams, kit and habits change.
pub const FORECAST_DAYS: i64 = 180;

/// Writes the rows.
pub fn write(sessions: &[SessionResult], dates: Dates, out: &mut TableWriter) -> anyhow::Result<()> {
    let latest = sessions.iter().filter(|session| session.state == SessionState::Closed).map(|s| s.planned_start).max();
    let since = latest.map(|latest| latest.plus_minutes(-FORECAST_DAYS * 24 * 60));
    let recent: Vec<SessionResult> =
        sessions.iter().filter(|session| since.is_some_and(|since| session.planned_start >= since)).cloned().collect();
    let forecaster = Forecaster::fit(&recent);
    let mut coming: Vec<(&SessionResult, Spare)> = sessions
        .iter()
        .filter(|session| dates.include(session.local_date))
        .filter_map(|session| Some((session, forecaster.spare(session)?)))
        .filter(|(_, spare)| spare.is_any())
        .collect();
    coming.sort_by_key(|(session, _)| (session.planned_start, &session.id));
    let free: Minutes = coming.iter().map(|(_, spare)| spare.free).sum();
    let note = format!(
        "{} coming lists without a booking or with room for a whole case, {free:.0} free minutes; by {} earlier lists",
        coming.len(),
        forecaster.lists()
    );
    let rows: Vec<Row<'_>> = coming.iter().map(|(session, spare)| row(session, spare)).collect();
    out.table(Content { table: &tables::SPARE, name: "spare-capacity", rows, shown: SHOWN, note: &note })
}

fn row<'r>(session: &'r SessionResult, spare: &Spare) -> Row<'r> {
    let count = |count: u32| Value::Count(u64::from(count));
    vec![
        ("session_id", Value::Text(&session.id)),
        ("trust", Value::Text(session.trust.as_str())),
        ("site", Value::Text(session.site.as_str())),
        ("room", Value::Text(session.room.as_str())),
        ("room_kind", Value::Text(session.room_kind.name())),
        ("specialty", session.specialty.as_ref().map_or(Value::Absent, |label| Value::Text(label.as_str()))),
        ("kind", Value::Text(session.kind.name())),
        ("local_date", Value::Date(session.local_date)),
        ("planned_start", Value::Instant(session.planned_start)),
        ("planned_end", Value::Instant(session.planned_end)),
        ("planned_min", Value::Minutes(session.figures.planned)),
        ("cases_booked", count(spare.booked)),
        ("expected_end", spare.finish.map_or(Value::Absent, Value::Instant)),
        ("free_min", Value::Minutes(spare.free)),
        ("minutes_a_case", spare.each.map_or(Value::Absent, Value::Minutes)),
        ("whole_cases", spare.whole_cases.map_or(Value::Absent, count)),
    ]
}
