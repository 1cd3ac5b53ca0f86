//! One month of a trust: each site beside the month before, its charts, and where its planned minutes went.

use chrono::{Days, NaiveDate};
use maud::{Markup, html};
use room_events::{ListKind, RoomKind, SiteId};
use utilisation::aggregate::{AggregateRow, Dimension, aggregate};
use utilisation::measure::Measure;
use utilisation::periods::PeriodLength;
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;

use super::day::where_minutes_went;
use crate::history::History;
use crate::trends::{Choice, chart_of, printed, terms, units_of, words};

/// Measures of the pack, each with a chart.
const CHARTED: [Measure; 4] =
    [Measure::CappedUtilisation, Measure::LateStartMeanAll, Measure::OverrunMeanAll, Measure::CancelledOnDayRate];
/// Measures beside the month before.
const COMPARED: [Measure; 9] = [
    Measure::CappedUtilisation,
    Measure::UncappedUtilisation,
    Measure::SessionsHeldRate,
    Measure::CasesPerList,
    Measure::CancelledOnDayRate,
    Measure::TurnoverMean,
    Measure::LateStartMeanAll,
    Measure::EarlyFinishMeanAll,
    Measure::OverrunMeanAll,
];

pub(super) fn month(history: &History, first: NaiveDate, rules: &RuleSet) -> Markup {
    let last = PeriodLength::Month.after(first).and_then(|next| next.pred_opt()).unwrap_or(first);
    let before = first.pred_opt().unwrap_or(first);
    html! {
        header.head {
            div { div.crumb { (history.trust_name) " / Month" } h1 { (first.format("%B %Y").to_string()) } }
            span.sp {}
            div.fresh { "Rules " b { (rules.name) } ", variant " b { (rules.variant.name()) } br; "Elective lists in theatres" }
        }
        @for (site, name) in &history.sites {
            @let of = |from: NaiveDate, to: NaiveDate| whole(history, site, from, to, rules);
            @if let Some(row) = of(first, last) {
                @let earlier = of(super::first_of_month(before).unwrap_or(before), before);
                section.site {
                    h2 { (name) ": " (printed(Measure::CappedUtilisation, &row)) " capped" }
                    (compared(&row, earlier.as_ref(), before))
                    (where_minutes_went(&row))
                    @let choice = choice_of(site, last);
                    div.half { @for measure in CHARTED { (chart_of(history, &Choice { measure, ..choice.clone() }, rules)) } }
                    (units_of(history, &Choice { from: Some(first), period: PeriodLength::Week, ..choice }, rules))
                }
            }
        }
    }
}

fn choice_of(site: &SiteId, last: NaiveDate) -> Choice {
    Choice {
        measure: Measure::CappedUtilisation,
        by: Dimension::Room,
        period: PeriodLength::Month,
        kind: ListKind::Elective,
        rooms: RoomKind::Theatre,
        site: Some(site.clone()),
        room: None,
        specialty: None,
        // Three years, so that the limits rest on enough months.
        from: last.checked_sub_days(Days::new(3 * 365)),
        to: Some(last),
        theme: None,
    }
}

fn whole(history: &History, site: &SiteId, from: NaiveDate, to: NaiveDate, rules: &RuleSet) -> Option<AggregateRow> {
    let sessions: Vec<&SessionResult> = history
        .lists
        .iter()
        .map(|list| &list.session)
        .filter(|s| s.site == *site && s.kind == ListKind::Elective && s.room_kind == RoomKind::Theatre)
        .filter(|s| s.local_date >= from && s.local_date <= to)
        .collect();
    aggregate(sessions, &[], rules).into_iter().next()
}

fn compared(row: &AggregateRow, earlier: Option<&AggregateRow>, before: NaiveDate) -> Markup {
    html! {
        div.scroll { table { thead { tr { th { "Measure" } th.n { "This month" } th.n { "Of" } th.n { (before.format("%B %Y").to_string()) } } } tbody {
            @for measure in COMPARED {
                tr { td { (words(measure).0) } td.n { b { (printed(measure, row)) } } td.n { (terms(measure, row)) } td.n { @match earlier { Some(earlier) => (printed(measure, earlier)), None => "–" } } }
            }
            tr { td { "Lists held" } td.n { b { (row.sessions_held) } } td.n { (row.sessions) " planned" } td.n { @match earlier { Some(earlier) => (earlier.sessions_held), None => "–" } } }
        } } }
    }
}
