//! One room's row: tile, state, timeline, utilisation, end, and what sets it apart from the plan.

use maud::{Markup, html};
use room_events::RoomId;
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;

use crate::axis::Axis;
use crate::glyphs::Glyph;
use crate::outlook::{self, forecast_of};
use crate::room_state::{RoomState, RoomView, first_start, is_open, last_end};
use crate::standing::{Standing, Verdict, has_target, is_inferred};
use crate::timeline_svg::timeline;
use crate::wording::{Local, count, passed};

/// An end within so many minutes of the plan is on plan.
const NEAR_MINUTES: i64 = 10;

/// What rows need besides the room.
#[derive(Clone, Copy)]
pub(crate) struct RowContext<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) target: Option<Ratio>,
    pub(crate) local: Local,
    pub(crate) axis: Option<Axis>,
}

/// The id of a room's row, which links to it end in.
pub(crate) fn row_id(view: &RoomView<'_>) -> String {
    room_row_id(&view.room.room)
}

/// The same of a room alone.
pub(crate) fn room_row_id(room: &RoomId) -> String {
    format!("room-{room}")
}

/// Where a list's figures can be checked.
pub(crate) fn audit_link(list: &SessionResult) -> String {
    format!("/lists/{}", list.id)
}

/// How the row's list stands, with a silent feed taken at its last word.
pub(crate) fn standing(view: &RoomView<'_>, list: &SessionResult, rules: &RuleSet) -> Standing {
    match view.silent {
        None => Standing::of(list, rules.variant),
        Some(heard) => Standing::until(list, heard, view.now),
    }
}

/// The row.
pub(crate) fn row(view: &RoomView<'_>, context: &RowContext<'_>) -> Markup {
    let tile = html! { span { (view.room.short) } };
    let class = format!("tile {}", view.state.class());
    let long = if view.room.short.chars().count() > 2 { " long" } else { "" };
    html! {
        section.row.th id=(row_id(view)) aria-label=(sentence(view, context)) {
            @match view.list {
                Some(list) => a class={ (class) (long) } href=(audit_link(list)) aria-label={ (view.room.name) ": check this list" } { (tile) },
                None => span class={ (class) (long) } { (tile) },
            }
            div.state {
                div.w {
                    (glyph(view.state).at(20)) span { (view.state.word()) }
                    @if let Some(since) = view.since {
                        span.for { span data-since=(since.millis()) { (passed(Minutes::between(since, view.now))) } small { " min" } }
                    }
                }
                div.d { (detail(view, context)) }
            }
            div.tl { @if let Some(axis) = context.axis { (timeline(view, axis, context.rules)) (other_lists(view, context, axis)) } }
            @match view.list {
                Some(list) => {
                    (utilisation_cell(view, list, context))
                    (end_cell(view, list, context))
                    div.flag { (flag(view, list, context)) }
                }
                None => { div.util {} div.fin {} div.flag {} }
            }
        }
    }
}

const fn glyph(state: RoomState) -> Glyph {
    match state {
        RoomState::NoList | RoomState::NotStarted => Glyph::Wait,
        RoomState::LateStart => Glyph::Late,
        RoomState::Anaesthetic => Glyph::Anaesthetic,
        RoomState::Procedure => Glyph::Procedure,
        RoomState::Leaving => Glyph::Leaving,
        RoomState::Turnover => Glyph::Turnover,
        RoomState::AllDone | RoomState::Finished => Glyph::Done,
        RoomState::Unused | RoomState::Cancelled => Glyph::Cancelled,
        RoomState::Unknown => Glyph::Unknown,
    }
}

/// The line under the word: whose list, and how far it has come.
fn detail(view: &RoomView<'_>, context: &RowContext<'_>) -> String {
    let Some(list) = view.list else { return "nothing planned".to_owned() };
    if let Some(heard) = view.silent {
        return match heard {
            Some(heard) => format!("no data since {}", context.local.time(heard)),
            None => "no data yet".to_owned(),
        };
    }
    let mut parts = Vec::new();
    parts.extend(list.specialty.as_ref().map(ToString::to_string));
    parts.push(progress(view, list, context));
    if view.room.lists.len() > 1 {
        parts.push(format!("list {} of {}", view.list_number, view.room.lists.len()));
    }
    parts.join(" · ")
}

fn progress(view: &RoomView<'_>, list: &SessionResult, context: &RowContext<'_>) -> String {
    let figures = &list.figures;
    let cases = figures.cases_booked.max(figures.cases_started);
    match view.state {
        RoomState::NoList | RoomState::Unknown => String::new(),
        RoomState::NotStarted if view.now >= list.planned_start => {
            format!("due {}", context.local.time(list.planned_start))
        }
        RoomState::NotStarted => format!("{cases} booked"),
        RoomState::LateStart => format!("due {}", context.local.time(list.planned_start)),
        RoomState::Anaesthetic | RoomState::Procedure | RoomState::Leaving => {
            let number = view.current.and_then(|current| list.cases.iter().position(|case| case.id == current.id));
            format!("case {} of {cases}", number.map_or(0, |i| i + 1))
        }
        RoomState::Turnover | RoomState::AllDone | RoomState::Finished => {
            format!("{} of {cases} done", figures.cases_completed)
        }
        RoomState::Unused => "nobody came".to_owned(),
        RoomState::Cancelled => "list cancelled".to_owned(),
    }
}

/// In a room with several lists, each other list's figure stands under its own window and leads to its check.
fn other_lists(view: &RoomView<'_>, context: &RowContext<'_>, axis: Axis) -> Markup {
    html! {
        @if view.room.lists.len() > 1 {
            svg.others {
                @for (i, list) in view.room.lists.iter().enumerate().filter(|(i, _)| i + 1 != view.list_number) {
                    @let text = Standing::of(list, context.rules.variant).share()
                        .filter(|_| list.figures.cases_started > 0)
                        .map_or_else(|| format!("list {}", i + 1), |share| format!("{} %", share.percent(0)));
                    a href=(audit_link(list)) aria-label=(format!("List {} of {}: {text}, check it", i + 1, view.room.name)) {
                        text x=(axis.x(list.planned_end)) dx="-6" y="68" class="end t13 underlined" { (text) }
                    }
                }
            }
        }
    }
}

fn utilisation_cell(view: &RoomView<'_>, list: &SessionResult, context: &RowContext<'_>) -> Markup {
    let standing = standing(view, list, context.rules);
    let started = list.figures.cases_started > 0;
    let target = context.target.filter(|_| has_target(list));
    let left_out = matches!(view.state, RoomState::Cancelled | RoomState::Unused);
    html! {
        div.util {
            div.n {
                @match standing.share().filter(|_| started && !left_out) {
                    Some(share) => a href=(audit_link(list)) { (share.percent(0)) (percent_sign()) },
                    None => span.v.dim { "–" },
                }
                span.m {
                    @if let Some(Some(heard)) = view.silent { "at " (context.local.time(heard)) }
                    @else if left_out || view.silent.is_some() {}
                    @else if is_open(list) {
                        @if let Some(best) = standing.best_share() { "best " b { (best.percent(0)) (percent_sign()) } }
                    }
                    @else if let Some(best) = standing.best_share().filter(|_| standing.unknown > Minutes::ZERO) {
                        "to " b { (best.percent(0)) (percent_sign()) }
                    }
                    @else { "final" }
                }
            }
            (bullet(&standing, target, view.silent.is_some(), standing.unknown > Minutes::ZERO && !is_open(list)))
            div.of {
                span { (standing.counted) " of " (standing.planned) " min" @if is_inferred(list) { ", inferred" } }
                @if let Some(target) = target.filter(|_| !left_out) {
                    span { (verdict(view, list, &standing, target)) }
                }
            }
        }
    }
}

/// `%` in small type.
pub(crate) fn percent_sign() -> Markup {
    html! { span.pc { " %" } }
}

fn verdict(view: &RoomView<'_>, list: &SessionResult, standing: &Standing, target: Ratio) -> String {
    if view.silent.is_some() {
        return "not known".to_owned();
    }
    let word = match (standing.verdict(target), is_open(list)) {
        (Verdict::Reached, true) => "reached",
        (Verdict::Reached, false) => "met",
        (Verdict::Possible, true) => "possible",
        (Verdict::Possible, false) => "not known",
        (Verdict::Lost, true) => "lost",
        (Verdict::Lost, false) => "missed",
    };
    format!("{} % {word}", target.percent(0))
}

/// Solid so far, hatched still reachable, a post at the target.
fn bullet(standing: &Standing, target: Option<Ratio>, silent: bool, incomplete: bool) -> Markup {
    let width = |share: Option<Ratio>| format!("{:.2}%", share.map_or(0.0, Ratio::as_f64).clamp(0.0, 1.0) * 100.0);
    // Drawn as printed, in whole minutes, so that the bar too moves once a minute.
    let of_plan =
        |minutes: Minutes| Ratio::of_minutes(Minutes::whole((minutes.millis() + 30_000) / 60_000), standing.planned);
    let counted = width(of_plan(standing.counted));
    html! {
        svg height="12" aria-hidden="true" {
            rect x="0" y=".5" width="100%" height="11" class="f-page s-ink2" {}
            @if standing.best.is_some_and(|best| best > standing.counted) && !silent {
                rect x="0" y=".5" width=(width(standing.best.and_then(of_plan))) height="11"
                    class=(if incomplete { "f-unk s-unk" } else { "f-reach s-ink2" }) {}
            }
            @if standing.counted > Minutes::ZERO {
                rect x="0" y="0" width=(counted) height="12" class=(if silent { "f-unk s-unk" } else { "f-ink" }) {}
            }
            @if let Some(target) = target {
                @let x = width(Some(target));
                line x1=(x) x2=(x) y1="-4" y2="16" class="s-page w7" {}
                line x1=(x) x2=(x) y1="-4" y2="16" class="s-ink w3" {}
            }
        }
    }
}

fn end_cell(view: &RoomView<'_>, list: &SessionResult, context: &RowContext<'_>) -> Markup {
    if let Some(forecast) = forecast_of(view, list) {
        return outlook::finish(forecast, context.local);
    }
    let planned = context.local.time(list.planned_end);
    let ended = match view.state {
        RoomState::Finished | RoomState::AllDone => last_end(list),
        RoomState::NoList
        | RoomState::NotStarted
        | RoomState::LateStart
        | RoomState::Anaesthetic
        | RoomState::Procedure
        | RoomState::Leaving
        | RoomState::Turnover
        | RoomState::Unused
        | RoomState::Cancelled
        | RoomState::Unknown => None,
    };
    html! {
        div.fin {
            @match ended {
                Some(end) => { div.v { (context.local.time(end)) } div.r { "plan " (planned) } },
                None => { div.v.plan { (planned) } div.r { "planned" } },
            }
        }
    }
}

fn flag(view: &RoomView<'_>, list: &SessionResult, context: &RowContext<'_>) -> Markup {
    let planned = context.local.time(list.planned_end);
    let cancelled = list.figures.cases_cancelled_on_day;
    let note = if cancelled > 0 { format!("{cancelled} cancelled") } else { format!("plan {planned}") };
    let near = Minutes::whole(NEAR_MINUTES);
    if view.silent.is_some() {
        return html! { span.badge.unk { span { "Silent" } } };
    }
    match view.state {
        RoomState::Cancelled => return html! { span.quiet { b { "Not held" } "left out of %" } },
        RoomState::Unused => return html! { span.quiet { b { "Not used" } "left out of %" } },
        RoomState::NoList
        | RoomState::NotStarted
        | RoomState::LateStart
        | RoomState::Anaesthetic
        | RoomState::Procedure
        | RoomState::Leaving
        | RoomState::Turnover
        | RoomState::AllDone
        | RoomState::Finished
        | RoomState::Unknown => {}
    }
    if let Some(forecast) = forecast_of(view, list) {
        return outlook::flag(forecast, list, context.rules, context.local);
    }
    if let Some(over) = view.over_so_far() {
        let class = if over > context.rules.overrun_flag { "badge over" } else { "badge over2" };
        return html! {
            span class=(class) { "Overrun" small { "+" span data-since=(list.planned_end.millis()) { (passed(over)) } " on " (planned) } }
        };
    }
    if let Some(overrun) = list.figures.overrun.filter(|&overrun| overrun > near) {
        let class = if overrun > context.rules.overrun_flag { "badge over" } else { "badge over2" };
        return html! { span class=(class) { "Overran" small { "+" (overrun) " on " (planned) } } };
    }
    let early = match view.state {
        RoomState::AllDone => last_end(list).map(|end| Minutes::between(end, list.planned_end)),
        RoomState::Finished => list.figures.early_finish,
        RoomState::NoList
        | RoomState::NotStarted
        | RoomState::LateStart
        | RoomState::Anaesthetic
        | RoomState::Procedure
        | RoomState::Leaving
        | RoomState::Turnover
        | RoomState::Unused
        | RoomState::Cancelled
        | RoomState::Unknown => None,
    };
    match early {
        Some(early) if early > near => html! { span.quiet { b { (early) " min early" } (note) } },
        Some(_) => html! { span.quiet { b { "On plan" } (note) } },
        None if view.state == RoomState::Finished => html! { span.quiet { b { "On plan" } (note) } },
        None if view.state == RoomState::NotStarted => {
            html! { span.quiet { b { (list.figures.planned) " min" } "planned" } }
        }
        None => {
            let left = Minutes::between(view.now.max(list.planned_start), list.planned_end);
            html! {
                span.quiet {
                    b { span data-until=(list.planned_end.millis()) data-most=(passed(Minutes::between(list.planned_start, list.planned_end))) { (passed(left)) } " min left" }
                    @if cancelled > 0 { (cancelled) " cancelled" } @else { "of the plan" }
                }
            }
        }
    }
}

/// The whole row in one sentence or three, for those who hear it.
pub(crate) fn sentence(view: &RoomView<'_>, context: &RowContext<'_>) -> String {
    let Some(list) = view.list else { return format!("{}: no list.", view.room.name) };
    let local = context.local;
    let mut text = format!("{}: {}", view.room.name, view.state.word());
    if let Some(since) = view.since {
        text += &format!(" for {} minutes", passed(Minutes::between(since, view.now)));
    }
    text += &format!(", {}.", detail(view, context));
    let standing = standing(view, list, context.rules);
    if list.figures.cases_started > 0
        && let Some(share) = standing.share()
    {
        text += &format!(
            " Capped {} {} % ({} of {} minutes)",
            if is_open(list) { "so far" } else { "utilisation" },
            share.percent(0),
            standing.counted,
            standing.planned
        );
        if let Some(best) = standing.best_share().filter(|_| is_open(list) && view.silent.is_none()) {
            text += &format!(", best still reachable {} %", best.percent(0));
        }
        if standing.unknown > Minutes::ZERO {
            text += &format!(", {} minutes not known", standing.unknown);
        }
        text += ".";
    }
    text += &format!(" Planned {} to {}.", local.time(list.planned_start), local.time(list.planned_end));
    if let Some(late) = list.figures.late_start.filter(|&late| late > context.rules.late_start_flag)
        && first_start(list).is_some()
    {
        text += &format!(" Started {late} minutes late.");
    }
    if let Some(over) = view.over_so_far().or(list.figures.overrun).filter(|&over| over > Minutes::ZERO) {
        text += &format!(" {} minutes over the plan.", passed(over));
    }
    if let Some(forecast) = forecast_of(view, list) {
        text += &outlook::sentence(forecast, list, local);
    }
    if list.figures.cases_cancelled_on_day > 0 {
        text += &format!(
            " {} on the day.",
            count(list.figures.cases_cancelled_on_day, "case cancelled", "cases cancelled")
        );
    }
    text
}
