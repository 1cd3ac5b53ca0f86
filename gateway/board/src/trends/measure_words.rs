//! How a measure reads: its title, its formula, and its values.

use utilisation::aggregate::AggregateRow;
use utilisation::measure::Measure;
use utilisation::rows::{Kind, Value};

use crate::wording::grouped;

/// The measures of lists that a page can show, in the order in which they are offered.
pub(crate) const SHOWN: &[Measure] = &[
    Measure::CappedUtilisation,
    Measure::UncappedUtilisation,
    Measure::MeanOfLists,
    Measure::ScheduledCapacityUtilisation,
    Measure::SessionsHeldRate,
    Measure::CasesPerList,
    Measure::CasesPer4h,
    Measure::DayCaseRate,
    Measure::CancelledOnDayRate,
    Measure::QmcoLikeRate,
    Measure::TurnoverMean,
    Measure::LateStartShare,
    Measure::LateStartFlagRate,
    Measure::LateStartMeanAffected,
    Measure::LateStartMeanAll,
    Measure::EarlyFinishShare,
    Measure::EarlyFinishFlagRate,
    Measure::EarlyFinishMeanAffected,
    Measure::EarlyFinishMeanAll,
    Measure::OverrunShare,
    Measure::OverrunFlagRate,
    Measure::OverrunMeanAffected,
    Measure::OverrunMeanAll,
];

/// Its title and its formula.
pub(crate) const fn words(measure: Measure) -> (&'static str, &'static str) {
    match measure {
        Measure::CappedUtilisation => ("Capped utilisation", "capped minutes / planned minutes"),
        Measure::MeanOfLists => ("Capped utilisation, mean of lists", "mean of the lists' own percentages"),
        Measure::UncappedUtilisation => ("Uncapped utilisation", "all touch minutes / planned minutes"),
        Measure::ScheduledCapacityUtilisation => (
            "Utilisation of scheduled capacity",
            "capped minutes / planned minutes, unused and cancelled lists included",
        ),
        Measure::SessionsHeldRate => ("Sessions held", "sessions with a started case / planned sessions"),
        Measure::CasesPerList => ("Cases per list", "completed cases / lists held"),
        Measure::CasesPer4h => ("Cases per 4 hours", "completed cases / (planned minutes / 240)"),
        Measure::DayCaseRate => ("Day-case rate", "day cases / (day cases + inpatients)"),
        Measure::CancelledOnDayRate => ("Cancelled on the day", "cases cancelled on the day / booked"),
        Measure::QmcoLikeRate => {
            ("Cancelled on the day by the hospital, non-clinical", "such cases cancelled on the day / booked")
        }
        Measure::TurnoverMean => ("Turnover", "mean minutes from one patient out to the next in"),
        Measure::LateStartShare => ("Lists that start late", "lists with a late start / lists"),
        Measure::LateStartMeanAffected => ("Late start of lists affected", "mean minutes of the lists that start late"),
        Measure::LateStartMeanAll => ("Late start of all lists", "mean minutes of all lists"),
        Measure::LateStartFlagRate => ("Lists flagged late", "lists later than the threshold / lists"),
        Measure::EarlyFinishShare => ("Lists that finish early", "lists with an early finish / lists"),
        Measure::EarlyFinishMeanAffected => {
            ("Early finish of lists affected", "mean minutes of the lists that finish early")
        }
        Measure::EarlyFinishMeanAll => ("Early finish of all lists", "mean minutes of all lists"),
        Measure::EarlyFinishFlagRate => ("Lists flagged early", "lists earlier than the threshold / lists"),
        Measure::OverrunShare => ("Lists that overrun", "lists with an overrun / lists"),
        Measure::OverrunMeanAffected => ("Overrun of lists affected", "mean minutes of the lists that overrun"),
        Measure::OverrunMeanAll => ("Overrun of all lists", "mean minutes of all lists"),
        Measure::OverrunFlagRate => ("Lists flagged for an overrun", "lists over by more than the threshold / lists"),
        Measure::PointsUtilisation => ("Points utilisation", "points completed / points planned"),
        Measure::ExamsPerHour => ("Exams per hour", "exams / observed hours"),
        Measure::MedianSlot => ("Median slot", "median booked minutes"),
    }
}

/// Whether it reads as a percentage.
pub(crate) fn is_share(measure: Measure) -> bool {
    let columns = AggregateRow::COLUMNS.iter().zip(AggregateRow::MEANINGS);
    columns.into_iter().any(|(name, (kind, _))| *name == measure.name() && *kind == Kind::Share)
}

/// A value in the measure's unit: percent for shares.
pub(crate) fn in_unit(measure: Measure, value: f64) -> f64 {
    if is_share(measure) { value * 100.0 } else { value }
}

/// `74.6 %`, `17.3 min`, `4.35`.
pub(crate) fn number(measure: Measure, value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", in_unit(measure, value));
    if is_share(measure) {
        format!("{digits} %")
    } else if measure.name().ends_with("_min") {
        format!("{digits} min")
    } else {
        digits
    }
}

/// The value of a row as it is printed there: a quotient is rounded from its terms.
pub(crate) fn printed(measure: Measure, row: &AggregateRow) -> String {
    match row.value(measure.name()) {
        Some(Value::Ratio(ratio)) => format!("{} %", ratio.percent(2)),
        Some(value) => value.as_number().map_or_else(|| "–".to_owned(), |value| number(measure, value, 2)),
        None => "–".to_owned(),
    }
}

/// What a quotient was made of: `89,136 of 120,465 min`, `36 of 312`.
pub(crate) fn terms(measure: Measure, row: &AggregateRow) -> String {
    let Some(Value::Ratio(ratio)) = row.value(measure.name()) else { return String::new() };
    match measure {
        Measure::CappedUtilisation | Measure::UncappedUtilisation | Measure::ScheduledCapacityUtilisation => {
            let minutes = |millis: i64| grouped((millis + 30_000).div_euclid(60_000));
            format!("{} of {} min", minutes(ratio.numerator()), minutes(ratio.denominator()))
        }
        Measure::MeanOfLists
        | Measure::SessionsHeldRate
        | Measure::CasesPerList
        | Measure::CasesPer4h
        | Measure::DayCaseRate
        | Measure::CancelledOnDayRate
        | Measure::QmcoLikeRate
        | Measure::TurnoverMean
        | Measure::LateStartShare
        | Measure::LateStartMeanAffected
        | Measure::LateStartMeanAll
        | Measure::LateStartFlagRate
        | Measure::EarlyFinishShare
        | Measure::EarlyFinishMeanAffected
        | Measure::EarlyFinishMeanAll
        | Measure::EarlyFinishFlagRate
        | Measure::OverrunShare
        | Measure::OverrunMeanAffected
        | Measure::OverrunMeanAll
        | Measure::OverrunFlagRate
        | Measure::PointsUtilisation
        | Measure::ExamsPerHour
        | Measure::MedianSlot => format!("{} of {}", grouped(ratio.numerator()), grouped(ratio.denominator())),
    }
}
