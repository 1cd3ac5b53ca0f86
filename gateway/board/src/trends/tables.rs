//! The tables beside the pictures: each period, late and early and over, and what moved the denominator.

use maud::{Markup, html};
use utilisation::aggregate::AggregateRow;
use utilisation::bands::{Banded, Bands, UP_TO};
use utilisation::control::Rule;
use utilisation::measure::Measure;
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::SessionResult;

use super::measure_words::{number, printed, terms};
use super::series::Series;
use crate::wording::grouped;

/// Every period with its value, what it was made of, and its flag.
pub(crate) fn period_table(measure: Measure, series: &Series) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "Period" } th.n { "Value" } th.n { "Of" } th.n { "Lists" } th.n { "Mean" } th.n { "Limits" } th { "Flag" } } }
            tbody {
                @for (n, (_, row)) in series.periods.iter().enumerate() {
                    @if let Some(point) = series.chart.points.get(n) {
                        tr {
                            td { (point.period) @if let Some(name) = series.chart.stretches.get(point.stretch).filter(|stretch| stretch.first == n).and_then(|stretch| stretch.rebase.as_ref()) { " · " b { "new limits: " (name) } } }
                            td.n { @match row { Some(row) => (printed(measure, row)), None => "no list" } }
                            td.n { @if let Some(row) = row { (terms(measure, row)) } }
                            td.n { @if let Some(row) = row { (row.sessions_held) } }
                            @match series.chart.stretches.get(point.stretch).and_then(|stretch| Some((stretch.limits?, stretch.trial))) {
                                Some((limits, trial)) => {
                                    td.n { (number(measure, limits.centre, 2)) }
                                    td.n { (number(measure, limits.lower, 2)) " to " (number(measure, limits.upper, 2)) @if trial { " (trial)" } }
                                },
                                None => { td.n {} td.n { "none" } },
                            }
                            td { @if let Some(mark) = point.mark { (rule_words(mark.rule)) ", " (mark.verdict.name()) } }
                        }
                    }
                }
            }
        } }
        @if let Some(name) = &series.chart.not_plotted { p.tools { (name) " is not over and not plotted." } }
    }
}

const fn rule_words(rule: Rule) -> &'static str {
    match rule {
        Rule::OutsideLimit => "outside a limit",
        Rule::Trend => "trend",
        Rule::TwoOfThree => "two of three",
        Rule::Shift => "shift",
    }
}

/// Late starts, early finishes and overruns three ways, and how many lists by how much.
pub(crate) fn late_early_over(row: &AggregateRow, sessions: &[&SessionResult]) -> Markup {
    let mean = |mean: Option<f64>| mean.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.1}"));
    let share = |share: Option<Ratio>| share.map_or_else(|| "–".to_owned(), |share| format!("{} %", share.percent(1)));
    let lines = [
        (
            "Late start",
            row.late_start_flag_above_min,
            row.late_start_flagged,
            row.late_start_lists,
            row.late_start_flag_rate,
            row.late_start_mean_affected_min,
            row.late_start_mean_all_min,
        ),
        (
            "Early finish",
            row.early_finish_flag_above_min,
            row.early_finish_flagged,
            row.early_finish_lists,
            row.early_finish_flag_rate,
            row.early_finish_mean_affected_min,
            row.early_finish_mean_all_min,
        ),
        (
            "Overrun",
            row.overrun_flag_above_min,
            row.overrun_flagged,
            row.overrun_lists,
            row.overrun_flag_rate,
            row.overrun_mean_affected_min,
            row.overrun_mean_all_min,
        ),
    ];
    html! {
        section {
            h2 { "Late, early and over" }
            div.scroll { table {
                thead { tr { th {} th.n { "Lists" } th.n { "Rate" } th.n { "Mean min, affected" } th.n { "Mean min, all" } } }
                tbody { @for (name, above, flagged, of, rate, affected, all) in lines {
                    tr { td { (name) ", above " (above) " min" } td.n { (flagged) " of " (of) } td.n { (share(rate)) } td.n { (mean(affected)) } td.n { (mean(all)) } }
                } }
            } }
            h3.later { "Lists by how much" }
            div.scroll { table.bands {
                thead { tr { th {} @for name in band_names() { th.n { (name) } } } }
                tbody { @for (name, what) in [("Late start", Banded::LateStart), ("Early finish", Banded::EarlyFinish), ("Overrun", Banded::Overrun)] {
                    @let bands = Bands::of(sessions.iter().copied(), what);
                    tr { td { (name) } @for lists in bands.lists {
                        td.n { (lists) @if let Some(share) = Ratio::of_counts(lists, bands.total()) { span.dim { " · " (share.percent(0)) " %" } svg.bar width="100%" height="5" aria-hidden="true" { rect width=(format!("{}%", share.percent(1))) height="5" class="f-proc" {} } } }
                    } }
                } }
            } }
        }
    }
}

fn band_names() -> Vec<String> {
    let mut names = vec!["not at all".to_owned()];
    for pair in UP_TO.windows(2) {
        names.push(if pair[0] == Minutes::ZERO {
            format!("to {} min", pair[1])
        } else {
            format!("{} to {}", pair[0], pair[1])
        });
    }
    names.extend(UP_TO.last().map(|last| format!("over {last}")));
    names
}

/// How far restated list times moved the denominator, beside what utilisation they leave.
pub(crate) fn planned_change(row: &AggregateRow, series: &Series) -> Markup {
    let whole = |minutes: Minutes| grouped((minutes.millis() + 30_000).div_euclid(60_000));
    let of_first = |row: &AggregateRow| {
        Ratio::of_minutes(row.capped_min, row.first_planned_min).map(|r| format!("{} %", r.percent(2)))
    };
    let signed =
        |minutes: Minutes| if minutes > Minutes::ZERO { format!("+{}", whole(minutes)) } else { whole(minutes) };
    let dash = || "–".to_owned();
    let line = |name: &str, row: &AggregateRow| {
        html! {
            tr {
                td { (name) } td.n { (whole(row.first_planned_min)) } td.n { (whole(row.planned_min)) } td.n { (signed(row.planned_change_min)) }
                td.n { (row.lists_replanned) " of " (row.sessions_held) }
                td.n { (of_first(row).unwrap_or_else(dash)) } td.n { (row.capped_utilisation.map_or_else(dash, |share| format!("{} %", share.percent(2)))) }
            }
        }
    };
    let head = html! {
        thead { tr {
            th {} th.n { "First min" } th.n { "Frozen min" } th.n { "Change" } th.n { "Replanned" } th.n { "% of first" } th.n { "% of frozen" }
        } }
    };
    html! {
        section {
            h2 {
                @if row.lists_replanned == 0 { "Planned minutes: no list was restated" }
                @else { "Planned minutes: " (signed(row.planned_change_min)) " against the first plans" }
            }
            p.lede { "Utilisation is very sensitive to restated list times: the frozen plan is the one in force at the planned start. Replanned: lists whose frozen plan is longer or shorter than their first; % are capped minutes of either." }
            div.scroll { table { (head) tbody { (line("All", row)) } } }
            details { summary { "By period" } div.scroll { table { (head) tbody {
                @for (n, (_, row)) in series.periods.iter().enumerate() {
                    @if let (Some(row), Some(point)) = (row, series.chart.points.get(n)) { (line(&point.period, row)) }
                }
            } } } }
        }
    }
}
