//! The head of the board: what the site's lists amount to together, so far.

use maud::{Markup, html};
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::SessionState;

use crate::board_row::{RowContext, percent_sign, standing};
use crate::room_state::{RoomView, is_open};
use crate::scanner_rows::scanner_kpi;
use crate::scanner_state::ScannerView;
use crate::standing::{Standing, has_target, is_held};
use crate::wording::{grouped, passed};

/// Sums over the lists of a day; a ratio of sums, never a mean of ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DayFigures {
    /// Counted minutes of held elective theatre lists.
    pub(crate) counted: Minutes,
    /// The most they can still be; absent where the rule set's variant has no bound.
    pub(crate) best: Option<Minutes>,
    /// Their planned minutes.
    pub(crate) planned: Minutes,
    /// Their minutes that nothing is known of.
    pub(crate) unknown: Minutes,
    /// How many lists that are.
    pub(crate) elective: u32,
    /// Any of them is open.
    pub(crate) provisional: bool,
    /// Completed cases of all lists.
    pub(crate) cases_done: u32,
    /// Booked cases of all lists, and those started without a booking.
    pub(crate) cases: u32,
    /// Lists held, of every kind.
    pub(crate) lists: u32,
    /// Open lists past their planned end.
    pub(crate) over_now: u32,
    /// Closed lists that ran over by more than the flag allows.
    pub(crate) overran: u32,
}

impl DayFigures {
    /// Sums up the rooms.
    pub(crate) fn of(views: &[RoomView<'_>], context: &RowContext<'_>) -> Self {
        let mut sums = Self { best: Some(Minutes::ZERO), ..Self::default() };
        for view in views {
            for list in view.room.lists.iter().filter(|list| is_held(list)) {
                let figures = &list.figures;
                sums.lists += 1;
                sums.cases_done += figures.cases_completed;
                sums.cases += figures.cases_booked.max(figures.cases_started);
                if list.state == SessionState::Running && view.now > list.planned_end && view.silent.is_none() {
                    sums.over_now += 1;
                }
                if figures.overrun.is_some_and(|overrun| overrun > context.rules.overrun_flag) {
                    sums.overran += 1;
                }
                if !has_target(list) {
                    continue;
                }
                let is_row = view.list.is_some_and(|row| row.id == list.id);
                let standing = if is_row {
                    standing(view, list, context.rules)
                } else {
                    Standing::of(list, context.rules.variant)
                };
                sums.elective += 1;
                sums.counted += standing.counted;
                sums.best = sums.best.zip(standing.best).map(|(sum, best)| sum + best);
                sums.planned += standing.planned;
                sums.unknown += standing.unknown;
                sums.provisional |= is_open(list);
            }
        }
        sums
    }

    fn share(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.counted, self.planned)
    }
}

/// The figures in the head: of theatres where there are any, then of scanners.
pub(crate) fn kpis(views: &[RoomView<'_>], scanners: &[ScannerView<'_>], context: &RowContext<'_>) -> Markup {
    let only_scanners = views.is_empty() && !scanners.is_empty();
    html! {
        div.kpis id="kpis" {
            @if !only_scanners { (of_theatres(&DayFigures::of(views, context), context)) }
            (scanner_kpi(scanners))
        }
    }
}

fn of_theatres(figures: &DayFigures, context: &RowContext<'_>) -> Markup {
    let best = figures.best.and_then(|best| Ratio::of_minutes(best, figures.planned));
    let incomplete = figures.unknown > Minutes::ZERO;
    html! {
            div.kpi {
                b {
                    @match figures.share() {
                        Some(share) => { (share.percent(1)) (percent_sign()) " " },
                        None => { "– " },
                    }
                    span.u {
                        @if let Some(best) = best.filter(|_| figures.provisional) { "best " (best.percent(1)) " %" }
                        @else if let Some(best) = best.filter(|_| incomplete) { "to " (best.percent(1)) " %" }
                        @if let Some(target) = context.target {
                            span.opt {
                                @if best.is_some() && (figures.provisional || incomplete) { ", " }
                                "target " (target.percent(0)) " %"
                            }
                        }
                    }
                }
                @if figures.elective == 0 { "no elective list" } @else {
                    "capped" @if figures.provisional { " so far" } ", " (grouped(rounded(figures.counted))) " of " (grouped(rounded(figures.planned)))
                    span.opt { " planned" } " min" span.opt { ", elective" }
                }
            }
            div.kpi { b { (figures.cases_done) span.u { " of " (figures.cases) } } "cases done" }
            @if figures.provisional || figures.over_now > 0 {
                div.kpi { b { (figures.over_now) span.u { " of " (figures.lists) } } "lists running over" }
            } @else {
                div.kpi {
                    b { (figures.overran) span.u { " of " (figures.lists) } }
                    "lists over" span.opt { " by more than " (passed(context.rules.overrun_flag)) " min" }
                }
            }
    }
}

fn rounded(minutes: Minutes) -> i64 {
    (minutes.millis() + 30_000) / 60_000
}
