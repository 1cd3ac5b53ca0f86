//! [`chart`]: XmR control charts (individuals and moving range) as NHS England's Making Data Count draws them; the
//! reference is NHSRplotthedots 0.2.2.
//!
//! ```text
//! centre          mean of the points since the last named rebase
//! process limits  centre -/+ 2.66 x mean moving range
//! near limits     centre -/+ two thirds of that
//! screening       ranges >= 3.267 x their mean are left out of the mean, once
//! ```
//!
//! A point has at most one mark, the first that fits: outside a limit; trend (7 points, 6 rises or falls); two of three
//! beyond a near limit and inside the process limit, all three on one side; shift (7 points on one side). Rules and
//! moving ranges run over a missing period and never over a rebase.
//!
//! Values are means and ratios in floating point, so "strictly above" allows for their rounding: see [`Stretch`].

use serde::Serialize;

use crate::measure::Direction;

/// Limits are so many mean moving ranges from the centre (3 / 1.128).
pub const LIMIT_FACTOR: f64 = 2.66;
/// Moving ranges from so many times their mean are screened (the upper limit of an mR chart).
pub const SCREEN_FACTOR: f64 = 3.267;
/// Points on one side that make a shift, and points of a trend.
pub const RUN: usize = 7;
/// With fewer points the limits are on trial.
pub const FIRM_POINTS: usize = 12;
/// Differences below this part of the greatest value are rounding.
const ROUNDING: f64 = 1e-12;

/// One period of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Period {
    /// Its name, such as `2022-01`.
    pub name: String,
    /// Its value; absent: the period is missing.
    pub value: Option<f64>,
    /// Whether it is over. The latest period is not plotted until it is.
    pub complete: bool,
    /// New limits begin with this period, for that reason.
    pub rebase: Option<String>,
}

/// How a series is to be judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Which way is better.
    pub direction: Direction,
    /// The target, if there is one.
    pub target: Option<f64>,
    /// Leave outlying moving ranges out of the limits: the default.
    pub screen: bool,
}

impl Judged {
    /// In that direction, without a target, with screening.
    pub const fn by(direction: Direction) -> Self {
        Self { direction, target: None, screen: true }
    }
}

/// A control chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// All periods but an incomplete latest one.
    pub points: Vec<Point>,
    /// The stretches between rebases, in order; at least one if there is a point.
    pub stretches: Vec<Stretch>,
    /// What the latest limits say of the target; absent without target, limits or a better direction.
    pub assurance: Option<Assurance>,
    /// The incomplete latest period, which is not plotted.
    pub not_plotted: Option<String>,
}

/// One period on the chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The period's name.
    pub period: String,
    /// Its value; absent: the period is missing and is to be marked so.
    pub value: Option<f64>,
    /// Its stretch.
    pub stretch: usize,
    /// Its special cause; absent for common cause.
    pub mark: Option<Mark>,
}

/// Points that share limits.
///
/// A value counts as above (or below) a line only if it is so by more than 10^-12 of the greatest value of the stretch:
/// seven equal values must not lie on one side of their own mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stretch {
    /// The rebase that began it; absent for the first.
    pub rebase: Option<String>,
    /// Index of its first point.
    pub first: usize,
    /// Points with a value.
    pub n: usize,
    /// Its limits; absent for fewer than 2 points.
    pub limits: Option<Limits>,
    /// Fewer than [`FIRM_POINTS`]: to be shown as trial limits.
    pub trial: bool,
}

/// Centre line and limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limits {
    /// The mean.
    pub centre: f64,
    /// Lower process limit.
    pub lower: f64,
    /// Upper process limit.
    pub upper: f64,
    /// Lower near limit.
    pub near_lower: f64,
    /// Upper near limit.
    pub near_upper: f64,
    /// The mean moving range behind them.
    pub mean_range: f64,
    /// Moving ranges that were screened.
    pub screened: usize,
}

/// A special cause at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Which rule found it.
    pub rule: Rule,
    /// To which side, or for a trend, which way.
    pub side: Side,
    /// What it means.
    pub verdict: Verdict,
}

/// The rules, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Outside a process limit.
    OutsideLimit,
    /// One of 7 or more points that rise or fall without a tie.
    Trend,
    /// Beyond a near limit, as at least two of three points on one side.
    TwoOfThree,
    /// One of 7 or more points on one side of the centre.
    Shift,
}

impl Rule {
    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutsideLimit => "outside_limit",
            Self::Trend => "trend",
            Self::TwoOfThree => "two_of_three",
            Self::Shift => "shift",
        }
    }
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Above, or rising.
    Up,
    /// Below, or falling.
    Down,
}

/// What a special cause means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// In the better direction.
    Improvement,
    /// In the worse direction.
    Concern,
    /// The measure has no better direction.
    Neutral,
}

impl Verdict {
    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Improvement => "improvement",
            Self::Concern => "concern",
            Self::Neutral => "neutral",
        }
    }
}

/// What the limits say of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// The process will meet it every time.
    ConsistentlyPassing,
    /// The process will miss it every time.
    ConsistentlyFailing,
    /// Chance decides.
    HitOrMiss,
}

/// Draws the chart of a series, oldest period first.
pub fn chart(series: &[Period], judged: &Judged) -> Chart {
    let (plotted, not_plotted) = match series.split_last() {
        Some((latest, earlier)) if !latest.complete => (earlier, Some(latest.name.clone())),
        Some(_) | None => (series, None),
    };
    let mut points: Vec<Point> = Vec::with_capacity(plotted.len());
    let mut stretches: Vec<Stretch> = Vec::new();
    for (n, period) in plotted.iter().enumerate() {
        if n == 0 || period.rebase.is_some() {
            stretches.push(Stretch { rebase: period.rebase.clone(), first: n, n: 0, limits: None, trial: true });
        }
        let value = period.value.filter(|value| value.is_finite());
        points.push(Point { period: period.name.clone(), value, stretch: stretches.len() - 1, mark: None });
    }
    let ends: Vec<usize> = stretches.iter().skip(1).map(|next| next.first).chain([points.len()]).collect();
    for (stretch, end) in stretches.iter_mut().zip(ends) {
        draw(stretch, &mut points[stretch.first..end], judged);
    }
    let assurance = stretches.last().and_then(|latest| assure(latest.limits.as_ref()?, judged));
    Chart { points, stretches, assurance, not_plotted }
}

/// For each of `values` the special cause that it is under limits drawn from other points: whether what came after a
/// change could be chance in what was before it.
pub fn marks_under(values: &[f64], limits: &Limits, direction: Direction) -> Vec<Option<Mark>> {
    let mark = |(rule, side)| Mark { rule, side, verdict: verdict(side, direction) };
    special_causes(values, limits).into_iter().map(|found| found.map(mark)).collect()
}

fn draw(stretch: &mut Stretch, points: &mut [Point], judged: &Judged) {
    let values: Vec<f64> = points.iter().filter_map(|point| point.value).collect();
    stretch.n = values.len();
    stretch.trial = values.len() < FIRM_POINTS;
    stretch.limits = limits(&values, judged.screen);
    let Some(limits) = &stretch.limits else { return };
    let with_value = points.iter_mut().filter(|point| point.value.is_some());
    for (point, mark) in with_value.zip(marks_under(&values, limits, judged.direction)) {
        point.mark = mark;
    }
}

/// Centre and limits of the values; absent for fewer than 2.
fn limits(values: &[f64], screen: bool) -> Option<Limits> {
    if values.len() < 2 {
        return None;
    }
    let ranges: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let all = mean(&ranges);
    let kept: Vec<f64> = if screen && all > 0.0 {
        ranges.iter().copied().filter(|range| *range < SCREEN_FACTOR * all).collect()
    } else {
        ranges.clone()
    };
    let (centre, mean_range) = (mean(values), mean(&kept));
    let reach = LIMIT_FACTOR * mean_range;
    let near = reach * 2.0 / 3.0;
    Some(Limits {
        centre,
        lower: centre - reach,
        upper: centre + reach,
        near_lower: centre - near,
        near_upper: centre + near,
        mean_range,
        screened: ranges.len() - kept.len(),
    })
}

#[allow(clippy::cast_precision_loss, reason = "a count of periods")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// For each value the first rule that fits.
fn special_causes(values: &[f64], limits: &Limits) -> Vec<Option<(Rule, Side)>> {
    let rounding = rounding(values);
    let beyond = |value: f64, lower: f64, upper: f64| {
        if value > upper + rounding {
            Some(Side::Up)
        } else if value < lower - rounding {
            Some(Side::Down)
        } else {
            None
        }
    };
    let outside: Vec<_> = values.iter().map(|value| beyond(*value, limits.lower, limits.upper)).collect();
    let sides: Vec<_> = values.iter().map(|value| beyond(*value, limits.centre, limits.centre)).collect();
    let near: Vec<bool> = values
        .iter()
        .zip(&outside)
        .map(|(value, outside)| outside.is_none() && beyond(*value, limits.near_lower, limits.near_upper).is_some())
        .collect();
    let steps: Vec<_> = values.windows(2).map(|pair| beyond(pair[1], pair[0], pair[0])).collect();

    let trends = trends(&steps, values.len());
    let twos = two_of_three(&sides, &near);
    let shifts = runs(&sides, RUN);
    (0..values.len())
        .map(|n| {
            let first = |rule, side: Option<Side>| side.map(|side| (rule, side));
            first(Rule::OutsideLimit, outside[n])
                .or_else(|| first(Rule::Trend, trends[n]))
                .or_else(|| first(Rule::TwoOfThree, twos[n]))
                .or_else(|| first(Rule::Shift, shifts[n]))
        })
        .collect()
}

fn rounding(values: &[f64]) -> f64 {
    ROUNDING * values.iter().fold(0.0_f64, |greatest, value| greatest.max(value.abs()))
}

/// Marks each run of at least `least` equal sides.
fn runs(sides: &[Option<Side>], least: usize) -> Vec<Option<Side>> {
    sides
        .chunk_by(|a, b| a == b)
        .flat_map(|run| run.iter().map(move |side| if run.len() >= least { *side } else { None }))
        .collect()
}

/// A run of steps marks the points at both of its ends; where two trends meet, the turning point goes to the later.
fn trends(steps: &[Option<Side>], points: usize) -> Vec<Option<Side>> {
    let mut marks = vec![None; points];
    for (n, step) in runs(steps, RUN - 1).into_iter().enumerate() {
        if step.is_some() {
            marks[n] = step;
            marks[n + 1] = step;
        }
    }
    marks
}

fn two_of_three(sides: &[Option<Side>], near: &[bool]) -> Vec<Option<Side>> {
    let mut marks = vec![None; sides.len()];
    for first in 0..sides.len().saturating_sub(2) {
        let three = first..first + 3;
        let side = sides[first];
        let one_side = side.is_some() && sides[three.clone()].iter().all(|other| *other == side);
        if one_side && near[three.clone()].iter().filter(|near| **near).count() >= 2 {
            for n in three.filter(|n| near[*n]) {
                marks[n] = side;
            }
        }
    }
    marks
}

const fn verdict(side: Side, direction: Direction) -> Verdict {
    match (side, direction) {
        (Side::Up, Direction::HigherIsBetter) | (Side::Down, Direction::LowerIsBetter) => Verdict::Improvement,
        (Side::Down, Direction::HigherIsBetter) | (Side::Up, Direction::LowerIsBetter) => Verdict::Concern,
        (Side::Up | Side::Down, Direction::Neutral) => Verdict::Neutral,
    }
}

fn assure(limits: &Limits, judged: &Judged) -> Option<Assurance> {
    let target = judged.target.filter(|target| target.is_finite())?;
    let rounding = rounding(&[target, limits.lower, limits.upper]);
    let (below, above) = match judged.direction {
        Direction::HigherIsBetter => (Assurance::ConsistentlyPassing, Assurance::ConsistentlyFailing),
        Direction::LowerIsBetter => (Assurance::ConsistentlyFailing, Assurance::ConsistentlyPassing),
        Direction::Neutral => return None,
    };
    Some(if target > limits.upper + rounding {
        above
    } else if target < limits.lower - rounding {
        below
    } else {
        Assurance::HitOrMiss
    })
}
