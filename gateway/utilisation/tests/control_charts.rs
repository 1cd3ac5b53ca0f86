//! Control charts: the check series, each rule alone, and the rules against a slow reading of their definitions.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

use proptest::prelude::*;
use utilisation::control::{Assurance, Chart, Judged, Limits, Mark, Period, Rule, Side, Verdict, chart};
use utilisation::measure::Direction;

fn periods(values: &[f64]) -> Vec<Period> {
    (1..)
        .zip(values)
        .map(|(n, value)| Period { name: format!("p{n}"), value: Some(*value), complete: true, rebase: None })
        .collect()
}

fn higher(values: &[f64]) -> Chart {
    chart(&periods(values), &Judged::by(Direction::HigherIsBetter))
}

fn latest(chart: &Chart) -> Limits {
    chart.stretches.last().unwrap().limits.unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.005
}

fn rules(chart: &Chart) -> Vec<Option<Rule>> {
    chart.points.iter().map(|point| point.mark.map(|mark| mark.rule)).collect()
}

fn sides(chart: &Chart, rule: Rule) -> String {
    let letter = |mark: Option<Mark>| match mark.filter(|mark| mark.rule == rule).map(|mark| mark.side) {
        Some(Side::Up) => 'u',
        Some(Side::Down) => 'd',
        None => '.',
    };
    chart.points.iter().map(|point| letter(point.mark)).collect()
}

const TWELVE: [f64; 12] = [78.0, 80.0, 77.0, 82.0, 79.0, 81.0, 80.0, 83.0, 78.0, 82.0, 79.0, 81.0];

#[test]
fn the_first_check_series_has_its_limits_and_is_hit_or_miss() {
    let judged = Judged { target: Some(85.0), ..Judged::by(Direction::HigherIsBetter) };
    let drawn = chart(&periods(&TWELVE), &judged);
    let limits = latest(&drawn);
    assert_eq!((limits.centre, limits.mean_range), (80.0, 3.0));
    assert!(close(limits.lower, 72.02) && close(limits.upper, 87.98));
    assert!(close(limits.near_lower, 74.68) && close(limits.near_upper, 85.32));
    assert_eq!(drawn.assurance, Some(Assurance::HitOrMiss));
    assert!(!drawn.stretches[0].trial);
    assert_eq!(rules(&drawn), [None; 12]);
}

#[test]
fn an_outlying_range_is_screened_once() {
    let series = [1, 2, 1, 2, 10, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1].map(f64::from);
    let screened = latest(&higher(&series));
    assert!(close(screened.lower, -0.72) && close(screened.upper, 4.60), "{screened:?}");
    assert_eq!(screened.screened, 2);
    let judged = Judged { screen: false, ..Judged::by(Direction::HigherIsBetter) };
    let unscreened = latest(&chart(&periods(&series), &judged));
    assert!(close(unscreened.lower, -3.06) && close(unscreened.upper, 6.95), "{unscreened:?}");
    assert_eq!(unscreened.screened, 0);
}

#[test]
fn a_point_outside_the_limit_does_not_help_two_of_three() {
    let drawn = higher(&[8, 9, 5, 1, 1, 1].map(f64::from));
    assert_eq!(drawn.points[0].mark, None);
    assert_eq!(drawn.points[1].mark.map(|mark| mark.rule), Some(Rule::OutsideLimit));
}

#[test]
fn two_of_three_marks_the_near_points_only() {
    let drawn = higher(&[6, 1, 6, -1, -3, -1, -3, -1, -3, -1].map(f64::from));
    let limits = latest(&drawn);
    assert!(limits.near_upper < 6.0 && limits.upper > 6.0, "{limits:?}");
    assert_eq!(sides(&drawn, Rule::TwoOfThree), "u.u.......");
}

/// The values and then six swings between 1 and 7, which widen the limits so that no end of a trend is outside.
fn in_wide_limits(values: &[i32]) -> Vec<f64> {
    let swings = if values.last() == Some(&7) { [1, 7, 1, 7, 1, 7] } else { [7, 1, 7, 1, 7, 1] };
    values.iter().copied().chain(swings).map(f64::from).collect()
}

#[test]
fn a_trend_needs_six_rises_and_a_tie_breaks_it() {
    let trend = |values: &[i32]| sides(&higher(&in_wide_limits(values)), Rule::Trend);
    assert_eq!(trend(&[1, 2, 3, 4, 5, 6, 7]), "uuuuuuu......");
    assert_eq!(trend(&[1, 2, 3, 4, 5, 6, 6, 7]), "..............");
    assert_eq!(trend(&[1, 2, 3, 4, 5, 7]), "............");
    let fall = higher(&in_wide_limits(&[7, 6, 5, 4, 3, 2, 1]));
    assert!(fall.points[..7].iter().all(|point| point.mark.unwrap().verdict == Verdict::Concern));
}

#[test]
fn a_turning_point_belongs_to_the_later_trend() {
    let drawn = higher(&in_wide_limits(&[1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1]));
    assert_eq!(sides(&drawn, Rule::Trend), "uuuuuuddddddd......");
}

#[test]
fn seven_on_one_side_are_a_shift_and_a_point_on_the_centre_breaks_it() {
    let drawn = higher(&[3, 1, 3, 1, 3, 1, 3, -3, -1, -3, -1, -3, -1, -3].map(f64::from));
    assert_eq!(sides(&drawn, Rule::Shift), "uuuuuuuddddddd");
    let drawn = higher(&[3, 1, 3, 0, 3, 1, 3, -3, -1, -3, 0, -3, -1, -3].map(f64::from));
    assert_eq!(sides(&drawn, Rule::Shift), "..............");
}

#[test]
fn equal_values_have_no_mark_whatever_their_mean_rounds_to() {
    for value in [0.1, 0.7, 1.0 / 3.0, 85.3] {
        let drawn = higher(&[value; 13]);
        assert_eq!(rules(&drawn), [None; 13], "{value}");
    }
}

#[test]
fn limits_begin_anew_with_a_named_rebase_and_rules_do_not_cross_it() {
    let mut series = periods(&[1, 2, 3, 4, 5, 6, 7, 8].map(f64::from));
    series[4].rebase = Some("second theatre opened".to_owned());
    let drawn = chart(&series, &Judged::by(Direction::HigherIsBetter));
    assert_eq!(drawn.stretches.len(), 2);
    assert_eq!(drawn.stretches[1].rebase.as_deref(), Some("second theatre opened"));
    assert_eq!(drawn.stretches.iter().map(|s| s.limits.unwrap().centre).collect::<Vec<_>>(), [2.5, 6.5]);
    assert_eq!(sides(&drawn, Rule::Trend), "........");
    assert_eq!(drawn.points[4].stretch, 1);
}

#[test]
fn a_missing_period_is_marked_and_ranges_and_rules_run_over_it() {
    let mut series = periods(&in_wide_limits(&[1, 2, 3, 0, 4, 5, 6, 7]));
    series[3].value = None;
    let drawn = chart(&series, &Judged::by(Direction::LowerIsBetter));
    assert_eq!(sides(&drawn, Rule::Trend), "uuu.uuuu......");
    assert_eq!((drawn.points[3].value, drawn.stretches[0].n), (None, 13));
    assert_eq!(latest(&drawn).mean_range, 3.5);
    assert_eq!(drawn.points[0].mark.unwrap().verdict, Verdict::Concern);
}

#[test]
fn an_incomplete_latest_period_is_not_plotted() {
    let mut series = periods(&TWELVE);
    series.push(Period { name: "p13".to_owned(), value: Some(0.0), complete: false, rebase: None });
    let drawn = chart(&series, &Judged::by(Direction::HigherIsBetter));
    assert_eq!((drawn.points.len(), drawn.not_plotted.as_deref()), (12, Some("p13")));
    assert_eq!(latest(&drawn), latest(&higher(&TWELVE)));
}

#[test]
fn few_points_have_trial_limits_and_one_has_none() {
    assert!(higher(&TWELVE[..11]).stretches[0].trial);
    let one = higher(&[80.0]);
    assert_eq!((one.stretches[0].limits, one.points[0].mark), (None, None));
    assert!(higher(&[]).stretches.is_empty());
    assert!(latest(&higher(&[1.0, 2.0])).upper > 2.0);
}

#[test]
fn assurance_follows_the_direction_and_the_latest_limits() {
    for (direction, target, expected) in [
        (Direction::HigherIsBetter, 90.0, Some(Assurance::ConsistentlyFailing)),
        (Direction::HigherIsBetter, 70.0, Some(Assurance::ConsistentlyPassing)),
        (Direction::LowerIsBetter, 90.0, Some(Assurance::ConsistentlyPassing)),
        (Direction::LowerIsBetter, 70.0, Some(Assurance::ConsistentlyFailing)),
        (Direction::LowerIsBetter, 80.0, Some(Assurance::HitOrMiss)),
        (Direction::Neutral, 90.0, None),
    ] {
        let judged = Judged { target: Some(target), ..Judged::by(direction) };
        assert_eq!(chart(&periods(&TWELVE), &judged).assurance, expected, "{direction:?} {target}");
    }
    assert_eq!(higher(&TWELVE).assurance, None);
    assert_eq!(
        chart(&periods(&[1.0]), &Judged { target: Some(2.0), ..Judged::by(Direction::HigherIsBetter) }).assurance,
        None
    );
}

/// Each rule as it is defined: is there a window with the point in it that fits?
fn slow_rule(values: &[f64], at: usize, limits: &Limits) -> Option<(Rule, Side)> {
    let windows = |len: usize| {
        (0..values.len()).filter(move |start| start + len <= values.len() && (*start..start + len).contains(&at))
    };
    for (side, sign) in [(Side::Up, 1.0), (Side::Down, -1.0)] {
        let limit = if sign > 0.0 { limits.upper } else { limits.lower };
        if sign * (values[at] - limit) > 1e-9 {
            return Some((Rule::OutsideLimit, side));
        }
    }
    let mut trend = windows(7).filter_map(|start| {
        let window = &values[start..start + 7];
        let all = |rises: bool| window.windows(2).all(|w| if rises { w[1] > w[0] } else { w[1] < w[0] });
        if all(true) { Some(Side::Up) } else { all(false).then_some(Side::Down) }
    });
    if let Some(side) = trend.next_back() {
        return Some((Rule::Trend, side));
    }
    for (side, sign) in [(Side::Up, 1.0), (Side::Down, -1.0)] {
        let (near, limit) =
            if sign > 0.0 { (limits.near_upper, limits.upper) } else { (limits.near_lower, limits.lower) };
        let is_near = |v: &f64| sign * (v - near) > 1e-9 && sign * (v - limit) <= 1e-9;
        let fits = |start: usize| {
            let window = &values[start..start + 3];
            window.iter().all(|v| sign * (v - limits.centre) > 1e-9)
                && window.iter().filter(|v| is_near(v)).count() >= 2
        };
        if is_near(&values[at]) && windows(3).any(fits) {
            return Some((Rule::TwoOfThree, side));
        }
    }
    for (side, sign) in [(Side::Up, 1.0), (Side::Down, -1.0)] {
        if windows(7).any(|start| values[start..start + 7].iter().all(|v| sign * (v - limits.centre) > 1e-9)) {
            return Some((Rule::Shift, side));
        }
    }
    None
}

/// Limits from the definition, one sum at a time.
fn slow_limits(values: &[f64]) -> (f64, f64) {
    let mut ranges: Vec<f64> = Vec::new();
    for n in 1..values.len() {
        ranges.push((values[n] - values[n - 1]).abs());
    }
    #[allow(clippy::cast_precision_loss)]
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let all = mean(&ranges);
    if all > 0.0 {
        ranges.retain(|range| *range < 3.267 * all);
    }
    (mean(values), mean(&ranges))
}

fn series() -> impl Strategy<Value = Vec<f64>> {
    let noise = prop::collection::vec((-6_i32..=6).prop_map(f64::from), 2..40);
    let walk = prop::collection::vec(-2_i32..=3, 2..40).prop_map(|steps| {
        steps
            .into_iter()
            .scan(0, |at, step| {
                *at += step;
                Some(f64::from(*at))
            })
            .collect()
    });
    let levels = prop::collection::vec((0_i32..3, 1_usize..10), 1..6).prop_map(|levels| {
        levels
            .into_iter()
            .flat_map(|(level, n)| (0..n).map(move |i| f64::from(level * 4) + [0.0, 1.0][i % 2]))
            .collect()
    });
    prop_oneof![noise, walk, levels].prop_filter("at least two", |values: &Vec<f64>| values.len() >= 2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn marks_are_those_of_the_definitions(values in series()) {
        let drawn = higher(&values);
        let limits = latest(&drawn);
        let (centre, range) = slow_limits(&values);
        prop_assert!((limits.centre - centre).abs() < 1e-9 && (limits.mean_range - range).abs() < 1e-9);
        prop_assert!((limits.upper - centre - 2.66 * range).abs() < 1e-9);
        for (at, point) in drawn.points.iter().enumerate() {
            let found = point.mark.map(|mark| (mark.rule, mark.side));
            prop_assert_eq!(found, slow_rule(&values, at, &limits), "point {} of {:?}", at, values);
        }
    }

    #[test]
    fn a_rebase_is_two_charts_side_by_side(values in series(), cut in any::<prop::sample::Index>()) {
        let cut = 1 + cut.index(values.len() - 1);
        let mut both = periods(&values);
        both[cut].rebase = Some("moved".to_owned());
        let marks = |chart: &Chart| chart.points.iter().map(|point| point.mark).collect::<Vec<_>>();
        let (before, after) = (higher(&values[..cut]), higher(&values[cut..]));
        let joined = chart(&both, &Judged::by(Direction::HigherIsBetter));
        prop_assert_eq!(marks(&joined), [marks(&before), marks(&after)].concat());
    }

    #[test]
    fn turned_upside_down_every_mark_changes_its_side(values in series()) {
        let turned: Vec<f64> = values.iter().map(|value| -value).collect();
        let (up, down) = (higher(&values), chart(&periods(&turned), &Judged::by(Direction::LowerIsBetter)));
        for (a, b) in up.points.iter().zip(&down.points) {
            prop_assert_eq!(a.mark.map(|m| (m.rule, m.verdict)), b.mark.map(|m| (m.rule, m.verdict)));
            prop_assert!(a.mark.is_none() || a.mark.map(|m| m.side) != b.mark.map(|m| m.side));
        }
    }
}
