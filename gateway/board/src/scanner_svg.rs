//! A scanner's day as a picture: the planned window with its breaks, steps, what is booked, what is not known.
//!
//! ```text
//! y  4-41  planned window between two posts; a break is a notch with a line at 35
//!   10-35  steps: completed solid, discontinued hollow with a cross; idle time striped; unknown time hatched
//! ```

use maud::{Markup, html};
use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::scanner::result::{BookingState, ExamState, ScanBooking, ScannerSession, StepResult};

use crate::axis::{Axis, Fit};
use crate::scanner_state::{IDLE_AFTER, ScanState, ScannerView, counted};
use crate::wording::passed;

/// Height of a scanner row's picture.
pub(crate) const HEIGHT: u32 = 45;
const TOP: f64 = 10.0;
const TALL: f64 = 25.0;

/// The picture of a scanner room.
pub(crate) fn timeline(view: &ScannerView<'_>, axis: Axis) -> Markup {
    let sessions = || view.room.scans.iter();
    html! {
        svg aria-hidden="true" {
            @for at in axis.hours() { (axis.post(at, 0, HEIGHT, "hour")) }
            @for session in sessions() { (window(session, axis)) }
            @for session in sessions() { (bookings(session, view, axis)) }
            @for session in sessions() { (steps(session, view, axis)) }
            @for session in sessions() {
                @for &(from, to) in session.not_observed.stretches() { (axis.bar(from, to, TOP, TALL, "f-unk s-unk")) }
            }
            @if let (ScanState::Idle | ScanState::LateStart, Some(since)) = (view.state, view.since) {
                (axis.bar(since, view.now, TOP, TALL, "f-late s-edge"))
            }
            @for session in sessions() {
                (axis.post(session.planned_start, 3, HEIGHT - 3, "pe"))
                (axis.post(session.planned_end, 3, HEIGHT - 3, "pe"))
            }
            @if let Some(heard) = view.silent {
                (axis.bar(heard.or(view.session.map(|s| s.planned_start)).unwrap_or(view.now), view.now, TOP, TALL, "f-unk s-unk"))
            }
            (axis.now_line(view.now, HEIGHT))
        }
    }
}

fn window(session: &ScannerSession, axis: Axis) -> Markup {
    let closed = |from: UtcMillis, to: UtcMillis| {
        let (from, to) = (from.max(axis.from), to.min(axis.to));
        html! {
            (axis.bar(from, to, 4.0, 37.0, "f-page"))
            @if to > from { line x1=(axis.x(from)) x2=(axis.x(to)) y1="35" y2="35" class="s-line2 w2" {} }
        }
    };
    html! {
        (axis.bar(session.planned_start, session.planned_end, 4.0, 37.0, "f-plan"))
        @for at in axis.hours().filter(|&at| session.planned_start < at && at < session.planned_end) {
            (axis.post(at, 4, HEIGHT - 4, "s-line"))
        }
        @for stretch in &session.closed { (closed(stretch.from, stretch.to)) }
    }
}

fn bookings(session: &ScannerSession, view: &ScannerView<'_>, axis: Axis) -> Markup {
    let waits = |booking: &&ScanBooking| booking.state == BookingState::Booked && session.exam_of(booking).is_none();
    let to_come = session.bookings.iter().filter(waits).filter(|_| view.silent.is_none());
    let outlines = to_come.filter_map(|booking| {
        let from = booking.start.filter(|at| *at >= view.now)?;
        Some((from.plus_millis(45_000), from.plus_minutes(i64::from(booking.minutes?)).plus_millis(-45_000)))
    });
    html! { @for (from, to) in outlines { (axis.bar(from, to, TOP + 1.0, TALL - 2.0, "to-come")) } }
}

fn steps(session: &ScannerSession, view: &ScannerView<'_>, axis: Axis) -> Markup {
    let running = counted(session).next_back().filter(|_| view.state == ScanState::Scanning).map(|step| step.id);
    let mut reached: Option<UtcMillis> = None;
    let mut gaps = Vec::new();
    for step in counted(session) {
        if let (Some(end), Some(changeover)) = (reached, step.changeover_before) {
            let is_closed = session.closed.iter().any(|closed| closed.from < step.start && end < closed.to);
            if changeover > IDLE_AFTER && !is_closed {
                gaps.push((end, step.start, passed(changeover).to_string()));
            }
        }
        reached = reached.max(Some(step.end.unwrap_or(step.ends_by)));
    }
    html! {
        @for step in counted(session) { (bar(step, running == Some(step.id), view, axis)) }
        @for (from, to, minutes) in gaps {
            @let fit = axis.fit(from, to, &minutes, 9.0);
            @if fit != Fit::Never {
                text x=(axis.x(from.plus_millis(to.millis_since(from) / 2))) y="27" class={ "mid t13 bold" @if fit == Fit::Wide { " w60" } } { (minutes) }
            }
        }
    }
}

fn bar(step: &StepResult, is_running: bool, view: &ScannerView<'_>, axis: Axis) -> Markup {
    match (step.state, step.end) {
        (ExamState::Completed | ExamState::Inferred, Some(end)) => {
            axis.bar(step.start, end, TOP, TALL, "f-proc s-edge")
        }
        (ExamState::Discontinued, Some(end)) => html! {
            (axis.bar(step.start, end, TOP, TALL, "f-page s-ink2"))
            @let middle = step.start.plus_millis(end.millis_since(step.start) / 2);
            @if axis.holds(middle) {
                svg x=(axis.x(middle)) y="0" width="1" height="1" { path d="M-4 18 4 27M4 18-4 27" class="s-ink2 w2" {} }
            }
        },
        (ExamState::Provisional, _) if is_running && Minutes::between(step.start, view.now) >= Minutes::ZERO => {
            axis.bar(step.start, view.now, TOP, TALL, "f-proc s-edge")
        }
        (ExamState::Completed | ExamState::Inferred | ExamState::Discontinued | ExamState::Provisional, _) => {
            axis.bar(step.start, step.ends_by, TOP, TALL, "f-unk s-unk")
        }
    }
}
