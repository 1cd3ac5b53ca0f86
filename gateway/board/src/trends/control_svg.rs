//! An XmR chart as a picture: points, mean, limits, target, special causes; and the two icons that sum it up.

use maud::{Markup, html};
use utilisation::control::{Assurance, Chart, Mark, Stretch, Verdict};
use utilisation::measure::Measure;
use utilisation::periods::PeriodLength;

use super::measure_words::{in_unit, is_share};

/// With more points only those that are flagged have a mark; the line shows the others.
const MOST_MARKS: usize = 80;

/// How large a chart is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// With the values of its lines beside it.
    Large,
    /// One of many.
    Small,
}

impl Size {
    const fn height(self) -> f64 {
        match self {
            Self::Large => 300.0,
            Self::Small => 132.0,
        }
    }

    const fn most_ticks(self) -> f64 {
        match self {
            Self::Large => 6.0,
            Self::Small => 4.0,
        }
    }

    const fn most_labels(self) -> usize {
        match self {
            Self::Large => 10,
            Self::Small => 6,
        }
    }
}

/// From values, in the measure's unit, to pixels from the top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// Around all of them in round steps; from 0 on where nothing is below. Absent for no values.
    pub(crate) fn around(values: impl IntoIterator<Item = f64>, size: Size) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return None;
        }
        let span = (high - low).max(high.abs() * 0.02).max(1e-6);
        let rough = span / size.most_ticks();
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|by| by * power).find(|step| *step >= rough).unwrap_or(rough);
        Some(Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step })
    }

    /// Around what the charts show: values, limits and targets.
    pub(crate) fn of_charts<'c>(
        charts: impl IntoIterator<Item = &'c Chart>,
        target: Option<f64>,
        measure: Measure,
        size: Size,
    ) -> Option<Self> {
        let mut shown: Vec<f64> = target.into_iter().collect();
        let mut lines = Vec::new();
        for chart in charts {
            shown.extend(chart.points.iter().filter_map(|point| point.value));
            lines.extend(chart.stretches.iter().filter_map(|stretch| stretch.limits).flat_map(|l| [l.lower, l.upper]));
        }
        // No share or length of time is below 0, so a limit that is lies off the chart.
        let floor = if shown.iter().all(|value| *value >= 0.0) { 0.0 } else { f64::NEG_INFINITY };
        shown.extend(lines.into_iter().map(|line| line.max(floor)));
        Self::around(shown.into_iter().map(|value| in_unit(measure, value)), size)
    }

    fn y(&self, value: f64, size: Size) -> f64 {
        let (top, bottom) = (8.0, size.height() - 26.0);
        let share = (value - self.low) / (self.high - self.low).max(1e-9);
        bottom - share.clamp(0.0, 1.0) * (bottom - top)
    }

    fn holds(&self, value: f64) -> bool {
        value >= self.low - 1e-9 && value <= self.high + 1e-9
    }

    #[allow(clippy::cast_possible_truncation, reason = "a handful of ticks")]
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let (low, step) = (self.low, self.step);
        let count = ((self.high - self.low) / self.step).round() as i32;
        (0..=count).map(move |n| low + f64::from(n) * step)
    }

    fn tick_text(&self, value: f64) -> String {
        let decimals = if self.step >= 1.0 {
            0
        } else if self.step >= 0.1 {
            1
        } else {
            2
        };
        format!("{value:.decimals$}")
    }
}

/// What a picture is drawn with.
#[derive(Clone, Copy)]
pub(crate) struct Drawn<'a> {
    pub(crate) measure: Measure,
    pub(crate) length: PeriodLength,
    pub(crate) scale: Scale,
    pub(crate) target: Option<f64>,
    pub(crate) size: Size,
    /// For those who hear it.
    pub(crate) label: &'a str,
}

/// The picture.
pub(crate) fn control_svg(chart: &Chart, drawn: &Drawn<'_>) -> Markup {
    let Drawn { measure, scale, size, .. } = *drawn;
    let n = chart.points.len().max(1);
    let x = |i: usize| (i as f64 + 0.5) / n as f64 * 100.0;
    let y = |value: f64| scale.y(in_unit(measure, value), size);
    let marks_all = n <= MOST_MARKS;
    let every = n.div_ceil(size.most_labels());
    html! {
        svg.xmr width="100%" height=(size.height()) role="img" aria-label=(drawn.label) {
            @for tick in scale.ticks() {
                @let at = scale.y(tick, size);
                line x1="0" x2="100%" y1=(px(at)) y2=(px(at)) class="s-grid" {}
                text x="0" dx="-8" y=(px(at + 4.5)) class={ "end t-dim " (small_text(size)) } { (scale.tick_text(tick)) }
            }
            @for (s, stretch) in chart.stretches.iter().enumerate() {
                (stretch_lines(chart, s, stretch, drawn))
            }
            @if let Some(target) = drawn.target.filter(|target| scale.holds(in_unit(measure, *target))) {
                line x1="0" x2="100%" y1=(px(y(target))) y2=(px(y(target))) class="s-ink target" {}
                @if size == Size::Large { (beside(y(target), "target", measure, target, true)) }
            }
            svg width="100%" height=(size.height()) viewBox={ "0 0 100 " (size.height()) } preserveAspectRatio="none" {
                @for run in runs(chart) {
                    polyline class="f-none s-ink xline" points=(run.iter().map(|&(i, v)| format!("{:.2},{:.1}", x(i), y(v))).collect::<Vec<_>>().join(" ")) {}
                }
            }
            @for (i, point) in chart.points.iter().enumerate() {
                @match (point.value, point.mark) {
                    (Some(value), mark) => {
                        @if mark.is_some() || marks_all {
                            svg x=(format!("{:.3}%", x(i))) y=(px(y(value))) width="1" height="1" { (marker(mark, size)) }
                        }
                    },
                    (None, _) => {
                        @if marks_all {
                            svg x=(format!("{:.3}%", x(i))) y=(px(size.height() - 32.0)) width="1" height="1" { path d="M-3-3 3 3M3-3-3 3" class="s-ink2 w15" {} }
                        }
                    },
                }
                @if i % every == 0 {
                    text x=(format!("{:.3}%", x(i))) y=(size.height() - 5.0) class={ "mid t-dim " (small_text(size)) @if (i / every) % 2 == 1 { " w60" } } { (period_text(&point.period, drawn.length)) }
                }
            }
        }
    }
}

/// Band, mean and limits of one stretch, and where it began.
fn stretch_lines(chart: &Chart, s: usize, stretch: &Stretch, drawn: &Drawn<'_>) -> Markup {
    let Drawn { measure, scale, size, .. } = *drawn;
    let n = chart.points.len().max(1) as f64;
    let end = chart.stretches.get(s + 1).map_or(chart.points.len(), |next| next.first);
    let (from, to) = (stretch.first as f64 / n * 100.0, end as f64 / n * 100.0);
    let x = |at: f64| format!("{at:.3}%");
    let y = |value: f64| scale.y(in_unit(measure, value), size);
    let is_last = s + 1 == chart.stretches.len();
    let line = |value: f64, class: &str| {
        html! {
            @if scale.holds(in_unit(measure, value)) {
                line x1=(x(from)) x2=(x(to)) y1=(px(y(value))) y2=(px(y(value))) class=(class) {}
            }
        }
    };
    html! {
        @if let Some(limits) = stretch.limits {
            rect x=(x(from)) width=(x(to - from)) y=(px(y(limits.upper))) height=(px(y(limits.lower) - y(limits.upper))) class="f-plan xband" {}
            (line(limits.lower, "s-ink2 w15 limit")) (line(limits.upper, "s-ink2 w15 limit")) (line(limits.centre, "s-ink2 w15"))
            @if size == Size::Large && is_last {
                @let names = if stretch.trial { ["upper trial limit", "lower trial limit"] } else { ["upper limit", "lower limit"] };
                @if scale.holds(in_unit(measure, limits.upper)) { (beside(y(limits.upper), names[0], measure, limits.upper, false)) }
                (beside(y(limits.centre), "mean", measure, limits.centre, false))
                @if scale.holds(in_unit(measure, limits.lower)) { (beside(y(limits.lower), names[1], measure, limits.lower, false)) }
            }
        }
        @if let Some(name) = &stretch.rebase {
            line x1=(x(from)) x2=(x(from)) y1="0" y2=(size.height() - 26.0) class="s-ink w15" {}
            @if size == Size::Large { text x=(x(from)) dx="5" y="12" class="t13 bold" { (name) } }
        }
    }
}

fn beside(y: f64, name: &str, measure: Measure, value: f64, bold: bool) -> Markup {
    let value = in_unit(measure, value);
    let decimals = if is_share(measure) || value.abs() >= 10.0 { 1 } else { 2 };
    html! {
        text x="100%" dx="8" y=(px(y + 4.5)) class={ "t14" @if bold { " bold" } @else { " t-dim" } } { (name) " " (format!("{value:.decimals$}")) }
    }
}

/// The points of a chart in pieces without a gap: a line never crosses a change or a missing period.
fn runs(chart: &Chart) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut stretch = None;
    for (i, point) in chart.points.iter().enumerate() {
        let Some(value) = point.value else {
            stretch = None;
            continue;
        };
        match runs.last_mut().filter(|_| stretch == Some(point.stretch)) {
            Some(run) => run.push((i, value)),
            None => runs.push(vec![(i, value)]),
        }
        stretch = Some(point.stretch);
    }
    runs
}

/// Circle: common cause; triangles: concern and improvement; square: special without a better direction.
fn marker(mark: Option<Mark>, size: Size) -> Markup {
    let scale = if size == Size::Small { "scale(.75)" } else { "scale(1)" };
    html! {
        g transform=(scale) {
            @match mark.map(|mark| mark.verdict) {
                None => circle r="4.5" class="x-common" {},
                Some(Verdict::Concern) => path d="M-6.5-4.5 0 7.5 6.5-4.5Z" class="x-concern" {},
                Some(Verdict::Improvement) => path d="M-6.5 4.5 0-7.5 6.5 4.5Z" class="x-improve" {},
                Some(Verdict::Neutral) => rect x="-5.5" y="-5.5" width="11" height="11" class="f-ink" {},
            }
        }
    }
}

/// `W05` of `2022-W05`, with its year in week 1; `Feb` of `2022-02`, with its year in January.
fn period_text(name: &str, length: PeriodLength) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, rest) = (name.get(2..4).unwrap_or_default(), name.get(5..).unwrap_or_default());
    match length {
        PeriodLength::Week => format!("{rest}/{year}"),
        PeriodLength::Month => {
            let month = rest.parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
            format!("{} {year}", month.copied().unwrap_or(rest))
        }
    }
}

const fn small_text(size: Size) -> &'static str {
    match size {
        Size::Large => "t14",
        Size::Small => "t12",
    }
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// What the latest points say: the variation icon, its name and why.
pub(crate) fn variation(chart: &Chart, period: &str) -> (Markup, &'static str, String) {
    let flagged = chart.points.iter().filter(|point| point.mark.is_some()).count();
    let counted = chart.points.iter().filter(|point| point.value.is_some()).count();
    let latest = chart.points.iter().rev().find(|point| point.value.is_some()).and_then(|point| point.mark);
    let judged = chart.stretches.last().is_some_and(|stretch| stretch.limits.is_some());
    let (class, name) = match latest.map(|mark| mark.verdict) {
        None if !judged => ("i-common", "Too few points"),
        None => ("i-common", "Common cause"),
        Some(Verdict::Concern) => ("i-concern", "Special cause, concern"),
        Some(Verdict::Improvement) => ("i-improve", "Special cause, improvement"),
        Some(Verdict::Neutral) => ("i-neutral", "Special cause, neither good nor bad"),
    };
    let rule = latest.map(|mark| match mark.rule {
        utilisation::control::Rule::OutsideLimit => "outside a limit",
        utilisation::control::Rule::Trend => "part of a trend",
        utilisation::control::Rule::TwoOfThree => "two of three near a limit",
        utilisation::control::Rule::Shift => "part of a shift",
    });
    let why = match rule {
        None if !judged => format!("Variation: two {period}s and more have limits."),
        None => {
            format!("Variation: the latest {period} is within its usual variation; {flagged} of {counted} flagged.")
        }
        Some(rule) => format!("Variation: the latest {period} is {rule}; {flagged} of {counted} flagged."),
    };
    let up = latest.is_some_and(|mark| mark.side == utilisation::control::Side::Up);
    let icon = html! {
        svg width="48" height="48" viewBox="0 0 48 48" aria-hidden="true" {
            circle cx="24" cy="24" r="21" class={ "f-page w5 " (class) } {}
            @if latest.is_none() { path d="M10 27 18 20 24 27 31 20 38 26" class="f-none s-ink w25" {} }
            @else { text x="24" y="32" class="mid icon" { @if up { "H" } @else { "L" } } }
        }
    };
    (icon, name, why)
}

/// What the limits say of the target: the assurance icon, its name and why.
pub(crate) fn assurance(chart: &Chart, target: Option<&str>) -> (Markup, &'static str, String) {
    let limits = chart.stretches.last().and_then(|stretch| stretch.limits);
    let (class, letter, name, why) = match (target, chart.assurance) {
        (Some(target), Some(Assurance::ConsistentlyFailing)) => (
            "i-concern",
            "F",
            "Consistently failing",
            format!("Assurance: {target} lies outside the limits: no ordinary period reaches it."),
        ),
        (Some(target), Some(Assurance::ConsistentlyPassing)) => (
            "i-improve",
            "P",
            "Consistently passing",
            format!("Assurance: {target} lies outside the limits: every ordinary period reaches it."),
        ),
        (Some(target), Some(Assurance::HitOrMiss)) => {
            ("i-common", "?", "Hit or miss", format!("Assurance: {target} lies inside the limits: chance decides."))
        }
        (Some(_), None) if limits.is_none() => {
            ("i-common", "–", "Not judged", "Assurance: fewer than two points have no limits.".to_owned())
        }
        (_, _) => ("i-common", "–", "No target set", "Assurance: not judged.".to_owned()),
    };
    let icon = html! {
        svg width="48" height="48" viewBox="0 0 48 48" aria-hidden="true" {
            rect x="4" y="4" width="40" height="40" class={ "f-page w5 " (class) } {}
            text x="24" y="32" class="mid icon" { (letter) }
        }
    };
    (icon, name, why)
}
