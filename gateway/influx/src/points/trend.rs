//! Measures by week and month with the limits of their control charts: ready-made, since InfluxQL cannot compute them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use room_events::{ListKind, UtcMillis};
use utilisation::aggregate::{AggregateRow, Dimension, aggregate};
use utilisation::control::{Assurance, Chart, Judged, Period, Rule, Verdict, chart};
use utilisation::measure::Measure;
use utilisation::periods::PeriodLength as Length;
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;
use utilisation::scanner::result::ScannerSession;
use utilisation::scanner::{self, ScannerAggregate};
use utilisation::targets::Targets;

use crate::point::Point;
use crate::points::list::kinds;
use crate::schema::TREND;

/// The points of one series, under the name by which they are taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// `trend/{grouping}/{period}/{measure}/...`
    pub subject: String,
    /// Oldest first.
    pub points: Vec<Point>,
}

/// What a value of a period rests on.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    value: Option<f64>,
    lists: u64,
    peers: Peers,
}

#[derive(Debug, Clone, Copy, Default)]
struct Peers {
    quartile: u64,
    n: u64,
    lower: f64,
    median: f64,
    upper: f64,
}

/// Which series, as tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Of(Vec<(&'static str, String)>);

/// The trends of all theatre lists. `today` is the local date: the period that it falls in is not over.
pub fn theatre(sessions: &[SessionResult], rules: &RuleSet, targets: &Targets, today: NaiveDate) -> Vec<Series> {
    let mut all = Vec::new();
    for (dimension, length) in [
        (Dimension::Trust, Length::Month),
        (Dimension::Trust, Length::Week),
        (Dimension::Site, Length::Month),
        (Dimension::Site, Length::Week),
        (Dimension::Room, Length::Month),
        (Dimension::Specialty, Length::Month),
        (Dimension::Specialty, Length::Week),
    ] {
        let mut groups: BTreeMap<Of, Vec<AggregateRow>> = BTreeMap::new();
        for row in aggregate(sessions, &[dimension, length.dimension()], rules) {
            groups.entry(group_of(&row, dimension)).or_default().push(row);
        }
        for (of, rows) in &groups {
            let Some(first) = rows.first() else { continue };
            for &measure in Measure::ALL.iter().filter(|measure| measure.applies_to(first.room_kind)) {
                let cells = rows.iter().filter_map(|row| Some((length.first_day_of(row)?, cell(row, measure))));
                let target = targets.target_for(first.room_kind, first.kind, measure, today);
                let judged = Judged {
                    direction: target.map_or(measure.direction(), |target| target.direction),
                    target: target.map(|target| target.value),
                    screen: true,
                };
                all.extend(series(of, dimension.name(), length, measure.name(), cells, &judged, today));
            }
        }
    }
    all
}

/// Exams an hour of each scanner, by month.
pub fn scanners(sessions: &[ScannerSession], targets: &Targets, today: NaiveDate) -> Vec<Series> {
    let mut groups: BTreeMap<Of, Vec<ScannerAggregate>> = BTreeMap::new();
    for row in scanner::aggregate(sessions, scanner::By::RoomMonth) {
        let of = vec![
            ("trust", row.trust.clone()),
            ("site", row.site.clone().unwrap_or_default()),
            ("room", row.room.clone().unwrap_or_default()),
            ("room_kind", row.room_kind.name().to_owned()),
            ("rule_set", row.rule_set.clone()),
        ];
        groups.entry(Of(of)).or_default().push(row);
    }
    let mut all = Vec::new();
    for (of, rows) in &groups {
        let Some(first) = rows.first() else { continue };
        let cells = rows.iter().filter_map(|row| {
            let month = Length::Month.first_day(row.month.as_deref()?)?;
            Some((
                month,
                Cell { value: row.exams_per_hour(), lists: u64::from(row.sessions_observed), ..Cell::default() },
            ))
        });
        let measure = Measure::ExamsPerHour;
        let target = targets.target_for(first.room_kind, ListKind::Elective, measure, today);
        let judged = Judged {
            direction: target.map_or(measure.direction(), |target| target.direction),
            target: target.map(|target| target.value),
            screen: true,
        };
        all.extend(series(of, "room", Length::Month, measure.name(), cells, &judged, today));
    }
    all
}

fn group_of(row: &AggregateRow, dimension: Dimension) -> Of {
    let (room_kind, list_kind) = kinds(row.room_kind, row.kind);
    let mut tags = vec![
        ("trust", row.trust.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("site", row.site.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("room", row.room.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("room_kind", room_kind.to_owned()),
        ("list_kind", list_kind.to_owned()),
        ("rule_set", row.rule_set.clone()),
    ];
    if dimension == Dimension::Specialty {
        tags.push(("specialty", super::list::specialty(row.specialty.as_ref()).to_owned()));
    }
    Of(tags)
}

fn cell(row: &AggregateRow, measure: Measure) -> Cell {
    let peers = match (measure, row.units_lower_quartile, row.units_median, row.units_upper_quartile) {
        (Measure::CappedUtilisation, Some(lower), Some(median), Some(upper)) => Peers {
            quartile: row.quartile.unwrap_or(0),
            n: row.units_compared,
            lower: lower.0,
            median: median.0,
            upper: upper.0,
        },
        (Measure::CappedUtilisation, ..) => Peers { n: row.units_compared, ..Peers::default() },
        _ => Peers::default(),
    };
    Cell { value: measure.of(row), lists: row.sessions_held, peers }
}

/// A series with its chart: every period from the first to the last one, those without a value left out of the points.
fn series(
    of: &Of,
    grouping: &'static str,
    length: Length,
    measure: &'static str,
    cells: impl Iterator<Item = (NaiveDate, Cell)>,
    judged: &Judged,
    today: NaiveDate,
) -> Option<Series> {
    let cells: BTreeMap<NaiveDate, Cell> = cells.collect();
    let (&first, _) = cells.first_key_value()?;
    let (&last, _) = cells.last_key_value()?;
    let days: Vec<NaiveDate> = length.all_from(first, last).collect();
    let periods: Vec<Period> = days
        .iter()
        .map(|day| Period {
            name: length.name_of(*day),
            value: cells.get(day).and_then(|cell| cell.value),
            complete: length.is_over(*day, today),
            rebase: None,
        })
        .collect();
    let chart = chart(&periods, judged);
    let points: Vec<Point> = days
        .iter()
        .zip(&chart.points)
        .filter_map(|(day, plotted)| point(of, grouping, length, measure, *day, cells.get(day)?, plotted, &chart))
        .collect();
    let names: Vec<&str> = of.0.iter().map(|(_, value)| value.as_str()).collect();
    (!points.is_empty()).then(|| Series {
        subject: format!("trend/{grouping}/{}/{measure}/{}", length.name(), names.join("/")),
        points,
    })
}

#[allow(clippy::too_many_arguments, reason = "what a point consists of, in its order")]
fn point(
    of: &Of,
    grouping: &'static str,
    length: Length,
    measure: &'static str,
    day: NaiveDate,
    cell: &Cell,
    plotted: &utilisation::control::Point,
    chart: &Chart,
) -> Option<Point> {
    let value = plotted.value?;
    let stretch = chart.stretches.get(plotted.stretch);
    let limits = stretch.and_then(|stretch| stretch.limits);
    let limit = |of: fn(&utilisation::control::Limits) -> f64| limits.as_ref().map_or(0.0, of);
    let at = UtcMillis::saturating(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis());
    let mut point =
        Point::new(&TREND, at).tag("grouping", grouping).tag("period", length.name()).tag("measure", measure);
    for (name, text) in &of.0 {
        point = point.tag(name, text);
    }
    Some(
        point
            .field("present", true)
            .field("value", value)
            .field("lists", cell.lists)
            .field("has_limits", limits.is_some())
            .field("centre", limit(|limits| limits.centre))
            .field("lower_limit", limit(|limits| limits.lower))
            .field("upper_limit", limit(|limits| limits.upper))
            .field("trial_limits", limits.is_some() && stretch.is_some_and(|stretch| stretch.trial))
            .field("special_cause", plotted.mark.map_or(0, |mark| verdict_code(mark.verdict)))
            .field("rule", plotted.mark.map_or("", |mark| rule_name(mark.rule)))
            .field("assurance", chart.assurance.map_or(0, assurance_code))
            .field("quartile", cell.peers.quartile)
            .field("peers", cell.peers.n)
            .field("peers_lower_quartile", cell.peers.lower)
            .field("peers_median", cell.peers.median)
            .field("peers_upper_quartile", cell.peers.upper),
    )
}

const fn verdict_code(verdict: Verdict) -> i64 {
    match verdict {
        Verdict::Improvement => 1,
        Verdict::Concern => -1,
        Verdict::Neutral => 2,
    }
}

const fn assurance_code(assurance: Assurance) -> i64 {
    match assurance {
        Assurance::ConsistentlyPassing => 1,
        Assurance::ConsistentlyFailing => -1,
        Assurance::HitOrMiss => 2,
    }
}

const fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::OutsideLimit => "outside_limit",
        Rule::Trend => "trend",
        Rule::TwoOfThree => "two_of_three",
        Rule::Shift => "shift",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use utilisation::measure::Direction;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_that_is_not_over_has_no_point_and_an_empty_one_neither() {
        let cell = |value| Cell { value: Some(value), lists: 3, peers: Peers::default() };
        let cells = [("2022-01-01", 0.5), ("2022-02-01", 0.7), ("2022-04-01", 0.6), ("2022-05-01", 0.1)];
        let cells = cells.into_iter().map(|(month, value)| (day(month), cell(value)));
        let of = Of(vec![("trust", "north".to_owned()), ("site", String::new())]);
        let judged = Judged::by(Direction::HigherIsBetter);
        let made =
            series(&of, "trust", Length::Month, "capped_utilisation", cells, &judged, day("2022-05-20")).unwrap();
        assert_eq!(made.subject, "trend/trust/month/capped_utilisation/north/");
        let lines: Vec<String> = made.points.iter().map(|point| point.line().unwrap()).collect();
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert!(
            lines[2].starts_with(
                "touchtime_trend,grouping=trust,measure=capped_utilisation,period=month,trust=north \
             present=1i,value=0.6,lists=3i,has_limits=1i,centre=0.6"
            ),
            "{}",
            lines[2]
        );
    }
}
