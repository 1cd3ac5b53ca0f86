//! Every minute of a list as a picture: a bar for each case, and below them the strip that adds up to the plan.

use maud::{Markup, html};
use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, CaseState, Segment, SegmentKind, SessionResult};

use crate::axis::{Axis, Fit};
use crate::room_state::{first_start, is_open, last_end};
use crate::source::Audit;
use crate::timeline_svg::phases;
use crate::wording::{Local, exact};

const ROW: u32 = 38;
const STRIP: u32 = 26;
/// A shorter list is drawn no wider than this.
const LEAST_HOURS: i64 = 4;

/// The picture.
pub(crate) fn gantt(audit: &Audit) -> Markup {
    let list = &audit.result;
    let local = Local::new(audit.zone);
    let Some(axis) = axis(audit, local) else { return html! {} };
    let rows = u32::try_from(list.cases.len()).unwrap_or(u32::MAX / ROW / 2);
    let strip = rows * ROW + 14;
    let foot = strip + STRIP + 24;
    html! {
        svg.gantt width="100%" height=(foot + 22) role="img"
            aria-label="The cases of the list over its planned window; the same minutes are in the tables below" {
            (axis.bar(list.planned_start, list.planned_end, 0.0, f64::from(foot), "f-plan"))
            @for (i, at) in axis.hours().enumerate() {
                (axis.post(at, 0, foot, "s-grid"))
                text x=(axis.x(at)) y=(foot + 16) class={ "mid t14 t-dim" @if i % 2 == 1 { " w60" } } { (local.time(at)) }
            }
            @for (i, case) in (0_u32..).zip(&list.cases) { (case_row(case, i, axis, audit)) }
            @for segment in &list.segments { (segment_bar(segment, axis, strip)) }
            (after_plan(list, axis, strip, audit.as_at))
            (axis.post(list.planned_start, 0, foot, "pe"))
            (axis.post(list.planned_end, 0, foot, "pe"))
            @if is_open(list) { (axis.post(audit.as_at, 0, foot, "now")) }
            text x=(axis.x(list.planned_start)) y="-8" class="t14 bold" { "planned start " (local.exact_time(list.planned_start)) }
            text x=(axis.x(list.planned_end)) y="-8" class="end t14 bold" { "planned end " (local.exact_time(list.planned_end)) }
        }
    }
}

fn axis(audit: &Audit, local: Local) -> Option<Axis> {
    let list = &audit.result;
    let mut instants = vec![list.planned_start, list.planned_end];
    instants.extend(first_start(list));
    instants.extend(last_end(list));
    if is_open(list) && audit.as_at >= list.planned_start {
        instants.push(audit.as_at.min(list.planned_end.plus_minutes(12 * 60)));
    }
    Axis::around(local, LEAST_HOURS, instants)
}

fn case_row(case: &CaseResult, i: u32, axis: Axis, audit: &Audit) -> Markup {
    let list = &audit.result;
    let y = i * ROW;
    let top = f64::from(y) + 16.0;
    let booked =
        case.booked_start.zip(case.booked_minutes).map(|(from, minutes)| (from, from.plus_minutes(i64::from(minutes))));
    let cover = match case.state {
        CaseState::Complete | CaseState::Abandoned => case.start.zip(case.end),
        CaseState::Running => case.start.map(|start| (start, audit.as_at.max(start))),
        CaseState::Open | CaseState::EndOnly | CaseState::Rejected => {
            case.cover_start.or(case.start).zip(case.cover_end)
        }
        CaseState::Booked | CaseState::Cancelled | CaseState::NotStarted => None,
    };
    let known = matches!(case.state, CaseState::Complete | CaseState::Abandoned | CaseState::Running);
    html! {
        @if let Some((from, to)) = booked {
            @if cover.is_none() && case.state != CaseState::Booked {
                @if axis.holds(from) && axis.holds(to) {
                    line x1=(axis.x(from)) x2=(axis.x(to)) y1=(y + 10) y2=(y + 10) class="s-ink2 w15 dots" {}
                }
            } @else {
                (axis.bar(from, to, f64::from(y) + 9.0, 3.0, "booked"))
            }
        }
        @match cover {
            Some((from, to)) => {
                @if known { (phases(case, axis, &[list.planned_start, list.planned_end], (from, to), (top, 22.0))) } @else {
                    (axis.bar(from, to, top, 22.0, "f-unk s-unk"))
                    (text(axis, from, to, y + 32, "not known", "mid t14 halo-page"))
                }
                // Beside its bar, or before the post that would strike it out.
                @let beside_post = from >= list.planned_start && axis.fit(list.planned_start, from, "00", 9.0) != Fit::Always;
                @let place = if beside_post { list.planned_start } else { from };
                @if axis.holds(place) { text x=(axis.x(place)) dx="-6" y=(y + 32) class="end t14 halo" { (i + 1) } }
            },
            None => @if let Some((from, _)) = booked.filter(|&(from, _)| axis.holds(from)) {
                text x=(axis.x(from)) y=(y + 30) class="t13 t-dim halo" { (i + 1) ", " (crate::board_tables::case_word(case.state)) }
            },
        }
    }
}

fn text(axis: Axis, from: UtcMillis, to: UtcMillis, y: u32, text: &str, class: &str) -> Markup {
    let fit = axis.fit(from, to, text, 8.5);
    let (from, to) = (from.max(axis.from), to.min(axis.to));
    html! {
        @if fit != Fit::Never {
            text x=(axis.x(from.plus_millis(to.millis_since(from) / 2))) y=(y) class={ (class) @if fit == Fit::Wide { " w60" } } { (text) }
        }
    }
}

fn segment_bar(segment: &Segment, axis: Axis, y: u32) -> Markup {
    let (bar, label) = match segment.kind {
        SegmentKind::LateStart => ("f-late s-edge", "mid t14 bold on-late"),
        SegmentKind::Occupied => ("f-ink", "mid t14 bold on-ink"),
        SegmentKind::Gap | SegmentKind::EarlyFinish => ("f-page s-ink2", "mid t14 bold"),
        SegmentKind::Unknown => ("f-unk s-unk", "mid t14 bold halo-page"),
        SegmentKind::ToCome => ("f-reach s-ink2", "mid t14 bold halo-page"),
    };
    let minutes = exact(Minutes::between(segment.from, segment.to));
    html! {
        (axis.bar(segment.from, segment.to, f64::from(y), f64::from(STRIP), bar))
        (text(axis, segment.from, segment.to, y + 18, &minutes, label))
    }
}

/// Touch beyond the plan: it happened, and it does not count.
fn after_plan(list: &SessionResult, axis: Axis, y: u32, now: UtcMillis) -> Markup {
    let beyond: Vec<(UtcMillis, UtcMillis)> = list
        .cases
        .iter()
        .filter_map(|case| {
            let end = if case.state == CaseState::Running { Some(now) } else { case.end };
            Some((case.start?.max(list.planned_end), end?))
        })
        .filter(|(from, to)| to > from)
        .collect();
    let touch: Minutes = beyond.iter().map(|&(from, to)| Minutes::between(from, to)).sum();
    let over = list.figures.overrun.filter(|&over| over > Minutes::ZERO);
    html! {
        @for &(from, to) in &beyond { (axis.bar(from, to, f64::from(y) + 9.0, 8.0, "f-overp s-over")) }
        @if touch > Minutes::ZERO {
            text x=(axis.x(list.planned_end)) dx="10" y=(y + 42) class="t14 t-over bold halo-page" {
                "after the plan: " (exact(touch)) " touch min not counted"
                @if let Some(over) = over { "; overrun " (exact(over)) " min" }
            }
        }
    }
}
