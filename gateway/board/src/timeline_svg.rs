//! A room's day as a picture: planned windows, bookings, cases by phase, what lies beyond the plan, what is not known.
//!
//! ```text
//! y  5-72  planned window between two posts     9-12  bookings
//!   21-53  cases (in lanes where they overlap)     62  minutes beyond the plan, the finish with its range, or a word
//! ```

use maud::{Markup, html};
use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, CaseState, SessionResult, SessionState};
use utilisation::rules::RuleSet;

use crate::axis::{Axis, Fit};
use crate::outlook::{forecast_of, mark};
use crate::room_state::{RoomView, first_start, is_open, last_end};
use crate::wording::passed;

/// Height of a row's picture.
pub(crate) const HEIGHT: u32 = 77;
const BAR_TOP: f64 = 21.0;
const BAR_HEIGHT: f64 = 32.0;
/// More patients than this in one room at once share the last lane.
const MOST_LANES: usize = 4;
/// A turnover longer than so many times the typical one is printed bold.
const LONG_TURNOVER: f64 = 1.25;

/// Where a case's bar begins and ends at this instant.
struct Cover<'a> {
    case: &'a CaseResult,
    from: UtcMillis,
    to: UtcMillis,
    known: bool,
}

/// The picture of a room.
pub(crate) fn timeline(view: &RoomView<'_>, axis: Axis, rules: &RuleSet) -> Markup {
    html! {
        svg aria-hidden="true" {
            @for at in axis.hours() { (axis.post(at, 0, HEIGHT, "hour")) }
            @for list in &view.room.lists { (window(list, axis)) }
            @for list in &view.room.lists { (bookings(list, view, axis)) }
            @for list in &view.room.lists { (late_start(list, view, axis, rules)) }
            (cases(view, axis))
            @for list in &view.room.lists {
                @if list.state != SessionState::Cancelled { (beyond_plan(list, view, axis)) }
                @if let Some(forecast) = forecast_of(view, list) { (mark(forecast, list, view, axis)) }
                (axis.post(list.planned_start, 3, HEIGHT - 3, "pe"))
                (axis.post(list.planned_end, 3, HEIGHT - 3, "pe"))
            }
            (silence(view, axis))
            (axis.now_line(view.now, HEIGHT))
        }
    }
}

fn window(list: &SessionResult, axis: Axis) -> Markup {
    html! {
        (axis.bar(list.planned_start, list.planned_end, 5.0, 67.0, "f-plan"))
        @for at in axis.hours().filter(|&at| list.planned_start < at && at < list.planned_end) {
            (axis.post(at, 5, HEIGHT - 5, "s-line"))
        }
    }
}

/// Every booking as a thin line; those still to come as dashed outlines, those cancelled crossed out.
fn bookings(list: &SessionResult, view: &RoomView<'_>, axis: Axis) -> Markup {
    let booked = list.cases.iter().filter_map(|case| {
        let from = case.booked_start?;
        Some((case, from, from.plus_minutes(i64::from(case.booked_minutes?))))
    });
    let list_cancelled = list.state == SessionState::Cancelled;
    let mut booked: Vec<_> = booked.collect();
    booked.sort_by_key(|&(case, from, to)| (from, to, case.id));
    // Where bookings overlap, an outline begins where the one before ends, so that each can be told from the next.
    let mut taken = view.now;
    let mut outlines = Vec::new();
    for &(case, from, to) in &booked {
        if case.state == CaseState::Booked && from >= view.now && view.silent.is_none() && !list_cancelled && to > taken
        {
            outlines.push((from.max(taken), to, from >= taken, case));
            taken = to;
        }
    }
    html! {
        @for (case, from, to) in booked {
            @if list_cancelled || case.state == CaseState::Cancelled {
                @if axis.holds(from) && axis.holds(to) {
                    line x1=(axis.x(from)) x2=(axis.x(to)) y1="10.5" y2="10.5" class="s-ink2 w15 dots" {}
                }
                @if list_cancelled {
                    (axis.bar(from, to, 22.0, 30.0, "f-none s-line2 dots"))
                    (cross(axis, from, to, 37))
                } @else {
                    (cross(axis, from, to, 10))
                }
            } @else {
                // A quarter of a minute of air keeps bookings that touch apart.
                (axis.bar(from.plus_millis(45_000), to.plus_millis(-45_000), 9.0, 3.0, "booked"))
            }
        }
        @for (from, to, whole, case) in outlines {
            (axis.bar(from.plus_millis(45_000), to.plus_millis(-45_000), 22.0, 30.0, "to-come"))
            @if whole { (label(axis, &posts(view), (from, to), 42.0, &minutes_of(case.booked_minutes), "mid t13 t-dim")) }
        }
    }
}

fn minutes_of(booked: Option<u16>) -> String {
    booked.map(|minutes| minutes.to_string()).unwrap_or_default()
}

fn cross(axis: Axis, from: UtcMillis, to: UtcMillis, y: i32) -> Markup {
    let middle = halfway(from, to);
    let size = if y > 20 { 5 } else { 4 };
    html! {
        @if axis.holds(middle) {
            svg x=(axis.x(middle)) y="0" width="1" height="1" {
                path d=(format!("M{} {} {size} {}M{size} {} {} {}", -size, y - size, y + size, y - size, -size, y + size)) class="s-ink2 w2" {}
            }
        }
    }
}

const fn halfway(from: UtcMillis, to: UtcMillis) -> UtcMillis {
    from.plus_millis(to.millis_since(from) / 2)
}

/// From the planned start to the first patient, or to now while nobody has come.
fn late_start(list: &SessionResult, view: &RoomView<'_>, axis: Axis, rules: &RuleSet) -> Markup {
    let begun = first_start(list);
    let until = match (begun, view.known_until()) {
        (Some(first), _) => first,
        (None, Some(known)) if is_open(list) => known,
        (None, _) => list.planned_start,
    }
    .min(list.planned_end);
    let late = Minutes::between(list.planned_start, until);
    html! {
        @if late > rules.late_start_flag {
            (axis.bar(list.planned_start, until, BAR_TOP, BAR_HEIGHT, "f-late s-edge"))
            @if begun.is_some() && list.figures.cases_started > 0 {
                text x=(axis.x(list.planned_start)) dx="6" y="67" class="t13" { "started " (late) " late" }
            }
        }
    }
}

fn covers<'a>(view: &RoomView<'a>) -> Vec<Cover<'a>> {
    let known_until = view.known_until();
    let mut covers: Vec<Cover<'a>> = view
        .room
        .lists
        .iter()
        .flat_map(|list| &list.cases)
        .filter_map(|case| {
            let (from, to, known) = match case.state {
                CaseState::Complete | CaseState::Abandoned => (case.start?, case.end?, true),
                CaseState::Running => (case.start?, known_until?.max(case.start?), true),
                CaseState::Open | CaseState::EndOnly | CaseState::Rejected => {
                    (case.cover_start.or(case.start)?, case.cover_end?, false)
                }
                CaseState::Booked | CaseState::Cancelled | CaseState::NotStarted => return None,
            };
            Some(Cover { case, from, to, known })
        })
        .collect();
    covers.sort_by_key(|cover| (cover.from, cover.to, cover.case.id));
    covers
}

fn cases(view: &RoomView<'_>, axis: Axis) -> Markup {
    let covers = covers(view);
    let lanes = lanes(&covers);
    let posts = posts(view);
    html! {
        (turnovers(&covers, view, axis))
        @for (cover, (lane, of)) in covers.iter().zip(lanes) {
            @let (y, height) = if of == 1 {
                (BAR_TOP, BAR_HEIGHT)
            } else {
                let height = (BAR_HEIGHT - 2.0 * (of - 1) as f64) / of as f64;
                (BAR_TOP + lane as f64 * (height + 2.0), height)
            };
            @if cover.known { (phases(cover.case, axis, &posts, (cover.from, cover.to), (y, height))) } @else {
                (axis.bar(cover.from, cover.to, y, height, "f-unk s-unk"))
            }
        }
    }
}

/// A case by its phases; minutes of touch in the middle of the procedure.
pub(crate) fn phases(
    case: &CaseResult,
    axis: Axis,
    posts: &[UtcMillis],
    (start, end): (UtcMillis, UtcMillis),
    (y, height): (f64, f64),
) -> Markup {
    let end = end.max(start);
    let knife = case.procedure_start.map(|at| at.clamp(start, end));
    let closed = case.procedure_end.map(|at| at.clamp(start, end));
    let (from, to) = match (knife, closed) {
        (Some(from), Some(to)) if from <= to => (from, to),
        (Some(from), _) => (from, end),
        // Without knife to skin there is no procedure to show: the whole bar is anaesthetic or leaving.
        (None, _) => (end, end),
    };
    let text = Minutes::between(start, end).to_string();
    let y_text = y + height / 2.0 + 5.0;
    let size = if height > 20.0 { "t14" } else { "t12" };
    html! {
        (axis.bar(start, from, y, height, "f-prep s-edge"))
        (axis.bar(from, to, y, height, "f-proc s-edge"))
        (axis.bar(to, end, y, height, "f-prep s-edge"))
        @if height >= 14.0 {
            @if to > from { (label(axis, posts, (from, to), y_text, &text, &format!("mid on-proc {size}"))) }
            @else { (label(axis, posts, (start, end), y_text, &text, &format!("mid on-prep {size}"))) }
        }
    }
}

/// A number in the middle of a stretch, or of its wider part where a post of a planned window would strike it out.
fn label(axis: Axis, posts: &[UtcMillis], stretch: (UtcMillis, UtcMillis), y: f64, text: &str, class: &str) -> Markup {
    let (mut from, mut to) = (stretch.0.max(axis.from), stretch.1.min(axis.to));
    for &post in posts {
        if from < post && post < to && axis.is_near(post, halfway(from, to)) {
            if post.millis_since(from) > to.millis_since(post) { to = post } else { from = post }
        }
    }
    let fit = axis.fit(from, to, text, 9.0);
    html! {
        @if fit != Fit::Never {
            text x=(axis.x(halfway(from, to))) y=(y) class={ (class) @if fit == Fit::Wide { " w60" } } { (text) }
        }
    }
}

/// The ends of the planned windows.
fn posts(view: &RoomView<'_>) -> Vec<UtcMillis> {
    view.room.lists.iter().flat_map(|list| [list.planned_start, list.planned_end]).collect()
}

/// A lane for each case and how many lanes its overlapping neighbours need: `(0, 1)` has the whole height.
fn lanes(covers: &[Cover<'_>]) -> Vec<(usize, usize)> {
    let mut lanes = Vec::with_capacity(covers.len());
    let mut first_of_cluster = 0;
    let mut ends: Vec<UtcMillis> = Vec::new();
    let mut cluster_end = None;
    for (i, cover) in covers.iter().enumerate() {
        if cluster_end.is_none_or(|end| cover.from >= end) {
            close_cluster(&mut lanes, first_of_cluster, ends.len());
            first_of_cluster = i;
            ends.clear();
            cluster_end = None;
        }
        let lane = ends.iter().position(|&end| end <= cover.from).unwrap_or(ends.len()).min(MOST_LANES - 1);
        match ends.get_mut(lane) {
            Some(end) => *end = (*end).max(cover.to),
            None => ends.push(cover.to),
        }
        lanes.push((lane, 1));
        cluster_end = cluster_end.max(Some(cover.to));
    }
    close_cluster(&mut lanes, first_of_cluster, ends.len());
    lanes
}

fn close_cluster(lanes: &mut [(usize, usize)], first: usize, of: usize) {
    for (_, lanes_of_cluster) in lanes.iter_mut().skip(first) {
        *lanes_of_cluster = of.max(1);
    }
}

/// The minutes between two cases, and the line along which a room waits now.
fn turnovers(covers: &[Cover<'_>], view: &RoomView<'_>, axis: Axis) -> Markup {
    let typical = view.list.and_then(|list| list.figures.typical_turnover);
    let mut reached: Option<(UtcMillis, bool)> = None;
    let mut gaps = Vec::new();
    for cover in covers {
        if let Some((end, known)) = reached
            && cover.from > end
        {
            // A gap has no length that could be printed where the end before it or the start after it is not known.
            gaps.push((end, cover.from, known && cover.case.state != CaseState::EndOnly));
        }
        reached = match reached {
            Some((end, known)) if end > cover.to => Some((end, known)),
            Some(_) | None => Some((cover.to, cover.known)),
        };
    }
    let waiting = match (view.state, reached) {
        (crate::room_state::RoomState::Turnover, Some((end, _))) => Some((end, view.now)),
        (_, _) => None,
    };
    html! {
        @for (from, to, known) in gaps {
            (under_line(axis, from, to))
            @if known && same_list(view, from, to) {
                @let minutes = Minutes::between(from, to);
                @let long = typical.is_some_and(|t| minutes.as_f64() > t.as_f64() * LONG_TURNOVER);
                (label(axis, &posts(view), (from, to), 42.0, &minutes.to_string(), if long { "mid t13 bold" } else { "mid t13 t-dim" }))
            }
        }
        @if let Some((from, to)) = waiting { (under_line(axis, from, to)) }
    }
}

/// A pause between two lists is not a turnover.
fn same_list(view: &RoomView<'_>, from: UtcMillis, to: UtcMillis) -> bool {
    view.room.lists.iter().any(|list| {
        list.cases.iter().any(|case| case.end == Some(from)) && list.cases.iter().any(|case| case.start == Some(to))
    })
}

fn under_line(axis: Axis, from: UtcMillis, to: UtcMillis) -> Markup {
    let (from, to) = (from.max(axis.from), to.min(axis.to));
    html! {
        @if to > from { line x1=(axis.x(from)) x2=(axis.x(to)) y1="52" y2="52" class="s-ink2 w15" {} }
    }
}

/// The strip under the bars: minutes that the list has run beyond its plan.
fn beyond_plan(list: &SessionResult, view: &RoomView<'_>, axis: Axis) -> Markup {
    let until = if is_open(list) { view.known_until() } else { last_end(list) };
    html! {
        @if let Some(until) = until {
            (axis.bar(list.planned_end, until, 58.5, 7.0, "f-over"))
        }
    }
}

/// What has happened since the feed fell silent is not known.
fn silence(view: &RoomView<'_>, axis: Axis) -> Markup {
    let Some(heard) = view.silent else { return html! {} };
    let begin = view.list.map(|list| list.planned_start);
    let from = heard.or(begin).unwrap_or(view.now);
    let minutes = passed(Minutes::between(from, view.now)).to_string();
    html! {
        (axis.bar(from, view.now, BAR_TOP, BAR_HEIGHT, "f-unk s-unk"))
        @if axis.fit(from, view.now, &minutes, 14.0) != Fit::Never {
            text x=(axis.x(halfway(from.max(axis.from), view.now.min(axis.to)))) y="42" class="mid t14 bold halo-page" { (minutes) }
        }
    }
}
