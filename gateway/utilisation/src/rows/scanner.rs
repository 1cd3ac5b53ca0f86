//! Rows of scanner rooms: sessions, their sums, hours, and the spread of durations.

use chrono::NaiveDate;

use super::Value;
use crate::facts::Room;
use crate::quantity::Ratio;
use crate::scanner::change::{Stretch, WeeklyRates};
use crate::scanner::result::{HourResult, ScannerSession};
use crate::scanner::splits::SplitRow;
use crate::scanner::{ProtocolSpread, ScannerAggregate};
use crate::targets::Standing;

type Row<'r> = Vec<(&'static str, Value<'r>)>;

/// The header of the scanner session rows. Others read the exports by these names and in this order: only append.
pub const SCANNER_SESSION_COLUMNS: &[&str] = &[
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
    "provisional",
    "revised",
    "rule_set",
    "open_min",
    "staffed_min",
    "operational_min",
    "elapsed_min",
    "observed_min",
    "observed_share",
    "exams_completed",
    "exams_inferred",
    "exams_provisional",
    "exams_discontinued",
    "out_of_hours_exams",
    "attendances",
    "exams_per_hour",
    "exams_per_observed_hour",
    "attendances_per_hour",
    "occupied_min",
    "occupied_utilisation",
    "productive_min",
    "productive_utilisation",
    "unknown_min",
    "changeovers",
    "changeovers_unknown",
    "changeover_mean_min",
    "first_scan_delay_min",
    "discontinued",
    "discontinued_steps",
    "discontinued_reasons",
    "booked",
    "did_not_attend_rate",
    "target_per_hour",
    "scans_short_of_target",
    "quality",
    "acquisition_min",
    "target_low",
    "target_high",
    "standing",
    "median_slot_min",
];

fn ratio<'r>(ratio: Option<Ratio>) -> Value<'r> {
    ratio.map_or(Value::Absent, Value::Ratio)
}

fn number<'r>(number: Option<f64>) -> Value<'r> {
    number.map_or(Value::Absent, Value::Number)
}

fn count<'r>(count: u32) -> Value<'r> {
    Value::Count(u64::from(count))
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Absent, Value::Text)
}

fn under<'r>(columns: &'static [&'static str], values: Vec<Value<'r>>) -> Row<'r> {
    debug_assert_eq!(columns.len(), values.len(), "a value for each column");
    columns.iter().copied().zip(values).collect()
}

/// The session's values under their headers, in the order of [`SCANNER_SESSION_COLUMNS`]. `reasons` is
/// [`crate::scanner::result::ScannerFigures::reasons`], which has to outlive the row.
pub fn scanner_session_row<'r>(session: &'r ScannerSession, reasons: &'r str) -> Row<'r> {
    let f = &session.figures;
    under(
        SCANNER_SESSION_COLUMNS,
        vec![
            Value::Text(&session.id),
            Value::Text(session.trust.as_str()),
            Value::Text(session.site.as_str()),
            Value::Text(session.room.as_str()),
            Value::Text(session.room_kind.name()),
            text(session.specialty.as_ref().map(room_events::Label::as_str)),
            Value::Text(session.kind.name()),
            Value::Date(session.local_date),
            Value::Instant(session.planned_start),
            Value::Instant(session.planned_end),
            Value::Text(session.state.name()),
            Value::Flag(session.provisional),
            Value::Flag(session.revised),
            Value::Text(&session.rule_set),
            Value::Minutes(f.open),
            Value::Minutes(f.staffed),
            Value::Minutes(f.operational),
            Value::Minutes(f.elapsed),
            Value::Minutes(f.observed),
            ratio(f.observed_share()),
            count(f.exams_completed),
            count(f.exams_inferred),
            count(f.exams_provisional),
            count(f.exams_discontinued),
            count(f.out_of_hours_exams),
            count(f.attendances),
            number(f.exams_per_hour()),
            number(f.exams_per_observed_hour()),
            number(f.attendances_per_hour()),
            Value::Minutes(f.occupied),
            ratio(f.occupied_utilisation()),
            Value::Minutes(f.productive),
            ratio(f.productive_utilisation()),
            Value::Minutes(f.unknown),
            Value::Count(f.changeovers.len() as u64),
            count(f.changeovers_unknown),
            number(f.changeover_mean()),
            f.first_scan_delay.map_or(Value::Absent, Value::Minutes),
            ratio(f.discontinued_rate()),
            count(f.discontinued_steps),
            if reasons.is_empty() { Value::Absent } else { Value::Text(reasons) },
            count(f.booked),
            ratio(f.did_not_attend_rate()),
            number(f.target),
            f.short_of_target.map_or(Value::Absent, count),
            Value::Names(session.quality.iter().map(|flag| flag.name()).collect()),
            Value::Minutes(f.acquired),
            number(f.target_band.map(|band| band.low)),
            number(f.target_band.map(|band| band.high)),
            text(f.standing.map(Standing::name)),
            number(f.median_slot),
        ],
    )
}

/// The header of the rows of groups of scanner sessions: only append.
pub const SCANNER_AGGREGATE_COLUMNS: &[&str] = &[
    "month",
    "site",
    "room",
    "room_kind",
    "sessions",
    "sessions_observed",
    "open_min",
    "staffed_min",
    "operational_min",
    "elapsed_min",
    "observed_min",
    "observed_share",
    "exams_completed",
    "exams_inferred",
    "exams_provisional",
    "exams_discontinued",
    "out_of_hours_exams",
    "counted_elsewhere",
    "attendances",
    "exams_per_hour",
    "attendances_per_hour",
    "occupied_utilisation",
    "productive_utilisation",
    "changeover_mean_min",
    "first_scan_delay_mean_min",
    "discontinued",
    "discontinued_steps",
    "did_not_attend_rate",
    "target_per_hour",
    "scans_short_of_target",
    "trust",
];

/// A group's values under [`SCANNER_AGGREGATE_COLUMNS`].
pub fn scanner_aggregate_row(group: &ScannerAggregate) -> Row<'_> {
    under(
        SCANNER_AGGREGATE_COLUMNS,
        vec![
            text(group.month.as_deref()),
            text(group.site.as_deref()),
            text(group.room.as_deref()),
            Value::Text(group.room_kind.name()),
            count(group.sessions),
            count(group.sessions_observed),
            Value::Minutes(group.open),
            Value::Minutes(group.staffed),
            Value::Minutes(group.operational),
            Value::Minutes(group.elapsed),
            Value::Minutes(group.observed),
            ratio(group.observed_share()),
            count(group.exams_completed),
            count(group.exams_inferred),
            count(group.exams_provisional),
            count(group.exams_discontinued),
            count(group.out_of_hours_exams),
            count(group.counted_elsewhere),
            count(group.attendances),
            number(group.exams_per_hour()),
            number(group.attendances_per_hour()),
            ratio(group.occupied_utilisation()),
            ratio(group.productive_utilisation()),
            number(group.changeover_mean()),
            number(group.first_scan_delay_mean()),
            ratio(group.discontinued_rate()),
            count(group.discontinued_steps),
            ratio(group.did_not_attend_rate()),
            number(group.target),
            group.short_of_target.map_or(Value::Absent, count),
            Value::Text(&group.trust),
        ],
    )
}

/// The header of the hour rows: only append.
pub const SCANNER_HOUR_COLUMNS: &[&str] = &[
    "hour",
    "trust",
    "site",
    "room",
    "room_kind",
    "exams_completed",
    "exams_inferred",
    "exams_discontinued",
    "revised",
];

/// An hour's values under [`SCANNER_HOUR_COLUMNS`].
pub fn scanner_hour_row<'r>(room: &'r Room, hour: &HourResult) -> Row<'r> {
    under(
        SCANNER_HOUR_COLUMNS,
        vec![
            Value::Instant(hour.hour),
            Value::Text(room.trust.as_str()),
            Value::Text(room.site.as_str()),
            Value::Text(room.room.as_str()),
            Value::Text(room.kind.name()),
            count(hour.completed),
            count(hour.inferred),
            count(hour.discontinued),
            Value::Flag(hour.revised),
        ],
    )
}

/// The header of the rows of protocols: only append.
pub const SPREAD_COLUMNS: &[&str] = &["protocol", "steps", "mean_min", "duration_spread", "trust"];

/// A protocol's values under [`SPREAD_COLUMNS`].
pub fn spread_row(spread: &ProtocolSpread) -> Row<'_> {
    under(
        SPREAD_COLUMNS,
        vec![
            text(spread.protocol.as_ref().map(room_events::Label::as_str)),
            count(spread.steps),
            Value::Number(spread.mean),
            spread.spread.map_or(Value::Absent, Value::Number),
            Value::Text(spread.trust.as_str()),
        ],
    )
}

/// The header of the rows of weeks: only append.
pub const SCANNER_WEEK_COLUMNS: &[&str] = &[
    "week",
    "first_date",
    "last_date",
    "site",
    "room",
    "room_kind",
    "machines",
    "operational_min",
    "exams",
    "observed_min",
    "exams_per_hour",
    "centre",
    "lower_limit",
    "upper_limit",
    "trial_limits",
    "special_cause",
    "verdict",
    "stretch",
    "target_per_hour",
    "complete",
    "trust",
];

/// The weeks' values under [`SCANNER_WEEK_COLUMNS`]. `names` are those of the weeks ([`crate::scanner::change::Week::name`]),
/// which have to outlive the rows.
pub fn scanner_week_rows<'r>(unit: &'r WeeklyRates, names: &'r [String]) -> Vec<Row<'r>> {
    let row = |(n, name): (usize, &'r String)| {
        let week = unit.weeks.get(n)?;
        let point = unit.chart.points.get(n);
        let stretch = point.and_then(|point| unit.chart.stretches.get(point.stretch));
        let limits = stretch.and_then(|stretch| stretch.limits);
        let mark = point.and_then(|point| point.mark);
        let values = vec![
            Value::Text(name),
            Value::Date(week.first),
            Value::Date(week.last),
            Value::Text(&unit.site),
            text(unit.room.as_deref()),
            Value::Text(unit.room_kind.name()),
            count(week.machines),
            Value::Minutes(week.operational),
            count(week.exams),
            Value::Minutes(week.observed),
            number(week.exams_per_hour()),
            number(limits.map(|limits| limits.centre)),
            number(limits.map(|limits| limits.lower)),
            number(limits.map(|limits| limits.upper)),
            stretch.map_or(Value::Absent, |stretch| Value::Flag(stretch.trial)),
            text(mark.map(|mark| mark.rule.name())),
            text(mark.map(|mark| mark.verdict.name())),
            text(stretch.and_then(|stretch| stretch.rebase.as_deref())),
            number(unit.target),
            Value::Flag(week.is_over),
            Value::Text(unit.trust.as_str()),
        ];
        Some(under(SCANNER_WEEK_COLUMNS, values))
    };
    names.iter().enumerate().filter_map(row).collect()
}

/// The header of the rows of changes: only append.
pub const SCANNER_CHANGE_COLUMNS: &[&str] = &[
    "site",
    "room",
    "room_kind",
    "machines",
    "changed_on",
    "weeks_before",
    "exams_before",
    "observed_before_min",
    "exams_per_hour_before",
    "centre_before",
    "lower_limit_before",
    "upper_limit_before",
    "trial_limits_before",
    "weeks_after",
    "exams_after",
    "observed_after_min",
    "exams_per_hour_after",
    "centre_after",
    "lower_limit_after",
    "upper_limit_after",
    "trial_limits_after",
    "change_per_hour",
    "operational_hours_per_machine_year",
    "extra_exams_per_machine_year",
    "finding",
    "target_per_hour",
    "trust",
];

/// What a change did, under [`SCANNER_CHANGE_COLUMNS`].
pub fn scanner_change_row(unit: &WeeklyRates, on: NaiveDate) -> Row<'_> {
    let effect = unit.effect();
    let mut values = vec![
        Value::Text(&unit.site),
        text(unit.room.as_deref()),
        Value::Text(unit.room_kind.name()),
        count(effect.machines),
        Value::Date(on),
    ];
    values.extend(stretch_values(&effect.before));
    values.extend(stretch_values(&effect.after));
    values.extend([
        number(effect.change_per_hour()),
        number(effect.hours_per_machine_year),
        number(effect.extra_per_machine_year()),
        Value::Text(effect.finding.name()),
        number(unit.target),
        Value::Text(unit.trust.as_str()),
    ]);
    under(SCANNER_CHANGE_COLUMNS, values)
}

fn stretch_values<'r>(stretch: &Stretch) -> [Value<'r>; 8] {
    [
        count(stretch.weeks),
        count(stretch.exams),
        Value::Minutes(stretch.observed),
        number(stretch.exams_per_hour()),
        number(stretch.limits.map(|limits| limits.centre)),
        number(stretch.limits.map(|limits| limits.lower)),
        number(stretch.limits.map(|limits| limits.upper)),
        Value::Flag(stretch.trial),
    ]
}

/// The header of the rows of splits: only append.
pub const SCANNER_SPLIT_COLUMNS: &[&str] = &[
    "site",
    "room_kind",
    "split",
    "part",
    "exams",
    "share",
    "exams_per_hour",
    "out_of_hours_exams",
    "exams_discontinued",
    "discontinued",
    "trust",
];

/// A part's values under [`SCANNER_SPLIT_COLUMNS`]; an unknown part is absent.
pub fn scanner_split_row(row: &SplitRow) -> Row<'_> {
    under(
        SCANNER_SPLIT_COLUMNS,
        vec![
            Value::Text(&row.site),
            Value::Text(row.room_kind.name()),
            Value::Text(row.split.name()),
            text(row.part.as_deref()),
            count(row.exams),
            ratio(row.share()),
            number(row.exams_per_hour()),
            count(row.out_of_hours),
            count(row.discontinued),
            ratio(row.discontinued_rate()),
            Value::Text(row.trust.as_str()),
        ],
    )
}
