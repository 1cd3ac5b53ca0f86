//! `touchtime forecast`: how far forecasts of a list's finish were from what happened, beside the schedule's own error,
//! and how often the finish lay in the range. Fitted on the first weeks of the lists, tried on those after them.

use std::io::Write as _;

use anyhow::bail;
use chrono::Days;
use utilisation::forecast::{Trial, trial};
use utilisation::quantity::Ratio;
use utilisation::result::SessionResult;
use utilisation::rows::Value;

use crate::cli::ForecastArgs;
use crate::extract::CaseNames;
use crate::output::{self, Column, Ink, Row, write_rows};
use crate::report::sessions;
use crate::transfer::rule_set;

const HEADER: [&str; 11] = [
    "moment",
    "fitted_on_lists",
    "lists",
    "forecast_error_min",
    "schedule_error_min",
    "share_of_schedule_error",
    "booked_minutes_error_min",
    "forecast_bias_min",
    "inside_range",
    "inside_range_lists",
    "range_min",
];

const COLUMNS: [Column; 9] = [
    column("moment", "at"),
    column("lists", "lists"),
    column("forecast_error_min", "forecast off by"),
    column("schedule_error_min", "schedule off by"),
    column("share_of_schedule_error", "share of it"),
    column("booked_minutes_error_min", "booked minutes off by"),
    column("inside_range", "in 80 % range"),
    column("inside_range_lists", "lists in it"),
    column("range_min", "range"),
];

const fn column(name: &'static str, heading: &'static str) -> Column {
    Column { name, heading, upper: None }
}

/// `touchtime forecast`
pub fn run(arguments: &ForecastArgs) -> anyhow::Result<()> {
    let rules = rule_set(&arguments.rules)?;
    let mapping = arguments.mapping.as_deref();
    let (sessions, _) = sessions(&arguments.input, mapping, &arguments.plan, CaseNames::Kept, &rules)?;
    let Some(first) = sessions.iter().filter(|s| s.figures.cases_started > 0).map(|s| s.local_date).min() else {
        bail!("there is no list with a case in it to learn from");
    };
    let days = Days::new(7 * u64::from(arguments.fit_weeks));
    let Some(tried_from) = first.checked_add_days(days) else { bail!("--fit-weeks goes beyond the calendar") };
    let (fitted_on, tested_on): (Vec<SessionResult>, Vec<SessionResult>) =
        sessions.into_iter().partition(|session| session.local_date < tried_from);
    let trials = trial(&fitted_on, &tested_on);
    if trials.iter().all(|trial| trial.lists == 0) {
        bail!(
            "no list from {tried_from} on can be tried: none is closed and complete with booked minutes (give fewer --fit-weeks; the first list is of {first})"
        );
    }
    let rows: Vec<Row<'_>> = trials.iter().map(|trial| row(trial, fitted_on.len())).collect();
    let note = format!(
        "{} lists of {first} to {} fitted on; minutes are means over the lists tried, from {tried_from} on; at = planned minutes passed; schedule = end of the last booked slot; booked minutes = those left, end to end; rule set {}",
        fitted_on.len(),
        tried_from.pred_opt().unwrap_or(tried_from),
        rules.name,
    );
    let mut out = output::open(None)?;
    write_rows(&mut *out, arguments.format, &HEADER, &rows, &COLUMNS, &note, Ink::for_stdout())?;
    out.flush()?;
    Ok(())
}

fn row(trial: &Trial, fitted_on: usize) -> Row<'static> {
    let any = |value: Value<'static>| if trial.lists == 0 { Value::Absent } else { value };
    let of_schedule = trial.forecast_error_min / trial.schedule_error_min;
    let share = if of_schedule.is_finite() { Value::Share(of_schedule) } else { Value::Absent };
    let inside = trial.inside_range.map_or(Value::Absent, Value::Ratio);
    let inside_lists = trial.inside_range.map(Ratio::numerator).and_then(|n| u64::try_from(n).ok());
    vec![
        ("moment", Value::Text(trial.moment.name())),
        ("fitted_on_lists", Value::Count(fitted_on as u64)),
        ("lists", Value::Count(trial.lists)),
        ("forecast_error_min", any(Value::Number(trial.forecast_error_min))),
        ("schedule_error_min", any(Value::Number(trial.schedule_error_min))),
        ("share_of_schedule_error", any(share)),
        ("booked_minutes_error_min", any(Value::Number(trial.booked_minutes_error_min))),
        ("forecast_bias_min", any(Value::Number(trial.forecast_bias_min))),
        ("inside_range", inside),
        ("inside_range_lists", inside_lists.map_or(Value::Absent, Value::Count)),
        ("range_min", any(Value::Number(trial.range_min))),
    ]
}
