//! Units beside each other: a small chart of each, and where each stands among its peers.

use maud::{Markup, html};
use utilisation::aggregate::AggregateRow;
use utilisation::control::Chart;
use utilisation::measure::{Direction, Measure};
use utilisation::variation::Variation;

use super::control_svg::{Drawn, Scale, Size, control_svg};
use super::measure_words::{in_unit, is_share, number, printed, terms};
use super::series::{Ground, Unit};

/// More charts than this are no overview; the rest stand in the table.
const MOST_CHARTS: usize = 32;
/// The table of all units shows so many periods; each unit's own page has all of them.
const MOST_PERIODS: usize = 26;
/// Pixels between peers.
const PEER_PX: usize = 34;

/// A chart of each unit, all on one scale.
pub(crate) fn multiples(ground: &Ground<'_>, units: &[Unit]) -> Markup {
    let target = ground.target().map(|target| target.value);
    let measure = ground.choice.measure;
    let charts = || units.iter().map(|unit| &unit.series.chart);
    let scale = Scale::of_charts(charts(), target, measure, Size::Small);
    html! {
        @if let Some(scale) = scale {
            div.mult {
                @for unit in units.iter().take(MOST_CHARTS) {
                    @let label = format!("{}: {}; table below", unit.name, summary(measure, &unit.series.chart));
                    div.unit {
                        h3 { a href=(unit.choice.address()) { (unit.name) } span { (printed(measure, &unit.row)) } }
                        (control_svg(&unit.series.chart, &Drawn { measure, length: unit.choice.period, scale, target, size: Size::Small, label: &label }))
                    }
                }
            }
            @if units.len() > MOST_CHARTS { p.tools { (units.len() - MOST_CHARTS) " more are in the tables; choose a site or a specialty to see their charts." } }
            (table_of_periods(measure, units))
        }
    }
}

/// Every unit's latest periods; what is flagged is said in words.
fn table_of_periods(measure: Measure, units: &[Unit]) -> Markup {
    let mut periods: Vec<&str> =
        units.iter().flat_map(|unit| &unit.series.chart.points).map(|point| point.period.as_str()).collect();
    periods.sort_unstable();
    periods.dedup();
    let latest = &periods[periods.len().saturating_sub(MOST_PERIODS)..];
    let point =
        |unit: &Unit, period: &str| unit.series.chart.points.iter().find(|point| point.period == period).cloned();
    html! {
        details {
            summary { "Table of the " (latest.len()) " latest of " (periods.len()) " periods" }
            div.scroll { table {
                thead { tr { th { "Unit" } @for period in latest { th.n { (period) } } } }
                tbody { @for unit in units {
                    tr { td { (unit.name) } @for period in latest {
                        td.n { @if let Some(point) = point(unit, period) {
                            @match point.value { Some(value) => (number(measure, value, 1)), None => "–" }
                            @if let Some(mark) = point.mark { " " span.dim { (mark.verdict.name()) } }
                        } }
                    } }
                } }
            } }
        }
    }
}

fn summary(measure: Measure, chart: &Chart) -> String {
    let flagged = chart.points.iter().filter(|point| point.mark.is_some()).count();
    match chart.stretches.last().and_then(|stretch| stretch.limits) {
        Some(limits) => format!(
            "mean {}, limits {} to {}, {flagged} of {} points flagged",
            number(measure, limits.centre, 1),
            number(measure, limits.lower, 1),
            number(measure, limits.upper, 1),
            chart.points.len()
        ),
        None => "too few points for limits".to_owned(),
    }
}

/// Units that have a value, the best first, with their spread.
struct Peers<'u> {
    ordered: Vec<(&'u Unit, f64)>,
    variation: Option<Variation>,
    direction: Direction,
}

impl<'u> Peers<'u> {
    fn of(ground: &Ground<'_>, units: &'u [Unit]) -> Self {
        let measure = ground.choice.measure;
        let direction = ground.target().map_or(measure.direction(), |target| target.direction);
        let mut ordered: Vec<(&Unit, f64)> =
            units.iter().filter_map(|unit| Some((unit, measure.of(&unit.row)?))).collect();
        ordered.sort_by(|(_, a), (_, b)| match direction {
            Direction::HigherIsBetter | Direction::Neutral => b.total_cmp(a),
            Direction::LowerIsBetter => a.total_cmp(b),
        });
        let values: Vec<f64> = ordered.iter().map(|(_, value)| *value).collect();
        Self { ordered, variation: Variation::of(&values), direction }
    }

    /// 4 is the best quarter; absent with too few units or without a better way.
    fn quartile(&self, value: f64) -> Option<u8> {
        Some(self.variation?.quartile(value, self.direction)?.number())
    }

    fn names(&self, quartile: u8) -> Vec<&str> {
        let of =
            |(unit, value): &(&'u Unit, f64)| (self.quartile(*value) == Some(quartile)).then_some(unit.name.as_str());
        self.ordered.iter().filter_map(of).collect()
    }
}

/// Where each stands, with quartiles and spread, and the upper quartile by name.
pub(crate) fn peers(ground: &Ground<'_>, units: &[Unit]) -> Markup {
    let measure = ground.choice.measure;
    let peers = Peers::of(ground, units);
    let best_cut = peers.variation.map(|variation| match peers.direction {
        Direction::HigherIsBetter | Direction::Neutral => variation.upper_quartile,
        Direction::LowerIsBetter => variation.lower_quartile,
    });
    html! {
        section {
            h2 {
                @match (best_cut, peers.direction) {
                    (Some(cut), Direction::HigherIsBetter) => { "Peers: upper quartile from " (number(measure, cut, 2)) },
                    (Some(cut), Direction::LowerIsBetter) => { "Peers: upper quartile up to " (number(measure, cut, 2)) },
                    (Some(_), Direction::Neutral) | (None, _) => "Peers",
                }
            }
            p.lede {
                @match peers.variation {
                    Some(variation) => {
                        @let upper = peers.names(4);
                        @if !upper.is_empty() { "Upper quartile: " b { (upper.join(", ")) } ". " }
                        "Median " (number(measure, variation.median, 2))
                        ", lower quartile " (number(measure, variation.lower_quartile, 2))
                        ", upper quartile " (number(measure, variation.upper_quartile, 2))
                        ", spread " (spread_text(measure, variation.spread()))
                        ", from " (number(measure, variation.least, 2)) " to " (number(measure, variation.greatest, 2)) "."
                    },
                    None => "Fewer than four units have no quartiles.",
                }
            }
            (picture(ground, &peers))
            details {
                summary { "Table of the " (peers.ordered.len()) " peers" }
                div.scroll { table {
                    thead { tr { th { "Unit" } th.n { "Value" } th.n { "Of" } th.n { "Lists" } th.n { "Quartile" } } }
                    tbody {
                        @for (unit, value) in &peers.ordered {
                            tr {
                                td { a href=(unit.choice.address()) { (unit.name) } }
                                td.n { (printed(measure, &unit.row)) } td.n { (terms(measure, &unit.row)) }
                                td.n { (lists(&unit.row)) }
                                td.n { @match peers.quartile(*value) { Some(4) => "4, upper", Some(n) => (n), None => "–" } }
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn lists(row: &AggregateRow) -> u64 {
    row.sessions_held
}

fn spread_text(measure: Measure, spread: f64) -> String {
    let spread = in_unit(measure, spread);
    if is_share(measure) { format!("{spread:.2} points") } else { format!("{spread:.2}") }
}

fn picture(ground: &Ground<'_>, peers: &Peers<'_>) -> Markup {
    let measure = ground.choice.measure;
    let target = ground.target().map(|target| target.value);
    let shown = || peers.ordered.iter().map(|(_, value)| *value).chain(target);
    let (low, high) = shown().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let margin = ((high - low) * 0.06).max(1e-6);
    let x = |value: f64| format!("{:.3}%", (value - low + margin) / (high - low + 2.0 * margin) * 100.0);
    let height = peers.ordered.len().min(MOST_CHARTS) * PEER_PX;
    html! {
        @if !peers.ordered.is_empty() {
            div.peers { svg width="100%" height=(height + 24) role="img" aria-label="Each unit against the quartiles of all; table below" {
                @if let Some(variation) = peers.variation {
                    rect x=(x(variation.lower_quartile)) y="0" height=(height)
                        width=(format!("{:.3}%", (variation.upper_quartile - variation.lower_quartile) / (high - low + 2.0 * margin) * 100.0)) class="f-plan" {}
                    line x1=(x(variation.median)) x2=(x(variation.median)) y1="0" y2=(height) class="s-ink2 w15" {}
                    text x=(x(variation.median)) y=(height + 18) class="mid t13 t-dim" { "median" }
                }
                @if let Some(target) = target {
                    line x1=(x(target)) x2=(x(target)) y1="0" y2=(height) class="s-ink target" {}
                    text x=(x(target)) y="-6" class="mid t13 bold" { "target" }
                }
                @for (i, (unit, value)) in peers.ordered.iter().take(MOST_CHARTS).enumerate() {
                    @let y = i * PEER_PX + PEER_PX / 2;
                    @let quartile = peers.quartile(*value);
                    line x1="0" x2="100%" y1=(y) y2=(y) class="s-grid" {}
                    text x="0" dx="-10" y=(y + 5) class={ "end t14" @if quartile == Some(4) { " bold" } } { (unit.name) }
                    svg x=(x(*value)) y=(y) width="1" height="1" {
                        @if quartile == Some(4) { rect x="-7" y="-7" width="14" height="14" transform="rotate(45)" class="f-proc" {} }
                        @else { circle r="7" class="f-ink" {} }
                    }
                    text x="100%" dx="10" y=(y + 5) class="t14" { (number(measure, *value, 2)) @if let Some(n) = quartile { tspan class="t-dim" { "  quartile " (n) } } }
                }
            } }
        }
    }
}
