//! The check of one scanner session: its figures, its picture, each step and exam, what is left out, the arithmetic.

use maud::{Markup, html};
use room_events::Token;
use utilisation::quantity::Minutes;
use utilisation::result::SessionState;
use utilisation::scanner::arithmetic::{percent, sums};
use utilisation::scanner::result::{
    BookingState, ExamState, ScannerFigures, ScannerSession, StepExclusion, StepResult,
};

use crate::axis::Axis;
use crate::live::Wish;
use crate::scanner_rows::scanner_row_id;
use crate::scanner_state::{ScannerView, closed_word, counted};
use crate::scanner_svg::timeline;
use crate::shell::{Theme, page};
use crate::source::{ScanAudit, short_token};
use crate::wording::{Local, count, exact, long_date};

/// A shorter session is drawn no wider than this.
const LEAST_HOURS: i64 = 4;

/// The page; none for an audit without a session.
pub(crate) fn scan_audit_page(audit: &ScanAudit, theme: Option<Theme>) -> Option<Markup> {
    let session = audit.room.scans.first()?;
    let view = ScannerView::new(audit.as_at, &audit.room, &audit.rules);
    let local = Local::new(audit.zone);
    let row = scanner_row_id(&view);
    let name = format!("{}, {}", audit.room.name, long_date(session.local_date));
    let body = html! {
        div.read.audit #check data-row=(row) {
            header.head {
                div {
                    div.crumb {
                        a href=(format!("/?site={}&date={}#{row}", session.site, session.local_date)) { "Board" }
                        " / " (audit.site_name) " / " (audit.room.name)
                    }
                    h1 { (name) }
                }
                span.sp {}
                div.fresh { "Rules " b { (session.rule_set) } br; (finality(audit, session, local)) }
            }
            (facts(&session.figures))
            h2 { "The session" }
            p.lede {
                "Grey is the planned window, a notch in it is time in which the scanner is not meant to scan. A bar is a step; a hollow bar with a cross was discontinued; hatched is not known."
            }
            (picture(&view, session, local))
            (time(session, local))
            div.half {
                section { h2 { "Arithmetic" } (arithmetic(session, audit.target_source.as_deref())) (left_out(session, local)) }
                section { (exams(session, local)) (bookings(session, local)) }
            }
            (steps(session, local))
            p.small { "Neither a DIDS nor a DM01 count." }
        }
    };
    let wish = Wish { site: Some(session.site.clone()), date: Some(session.local_date) };
    Some(page(&name, theme, Some(&wish.events()), false, &body))
}

fn finality(audit: &ScanAudit, session: &ScannerSession, local: Local) -> String {
    let as_at = local.date_and_time(audit.as_at);
    match session.state {
        SessionState::Planned => format!("Planned; as at {as_at}"),
        SessionState::Running => format!("Provisional, as at {as_at}"),
        SessionState::Cancelled => "Withdrawn".to_owned(),
        SessionState::Unused => "Closed, not used".to_owned(),
        SessionState::Closed if session.provisional => "Closed, a step has no end".to_owned(),
        SessionState::Closed if session.revised => "Final, revised by steps that were recorded late".to_owned(),
        SessionState::Closed => "Final".to_owned(),
    }
}

fn facts(f: &ScannerFigures) -> Markup {
    let fact = |name: &str, value: Option<String>, unit: &str, note: String| {
        html! {
            div { dt { (name) } dd {
                @match value { Some(value) => { (value) span.pc { " " (unit) } }, None => "–", }
                small { (note) }
            } }
        }
    };
    let share = |share: Option<utilisation::quantity::Ratio>| share.map(|share| share.percent(1));
    let target = match (f.target, f.target_band) {
        (Some(target), Some(band)) => format!("target {target}, band {}–{}", band.low, band.high),
        (Some(target), None) => format!("target {target}"),
        (None, _) => "no target".to_owned(),
    };
    let seen = f.exams_per_observed_hour().filter(|_| f.exams_per_hour().is_none());
    let rate_note = seen.map_or_else(|| target.clone(), |seen| format!("{seen:.2} per observed hour; {target}"));
    html! {
        dl.facts {
            (fact("Exams per hour", f.exams_per_hour().map(|rate| format!("{rate:.2}")), "per h", rate_note))
            (fact("Exams", Some(f.exams().to_string()), "", format!("{} inferred, {} outside the plan", f.exams_inferred, f.out_of_hours_exams)))
            (fact("Short of target", f.short_of_target.map(|n| n.to_string()), "", format!("in {} operational min", exact(f.elapsed))))
            (fact("Attendances per hour", f.attendances_per_hour().map(|rate| format!("{rate:.2}")), "per h", count(f.attendances, "attendance", "attendances")))
            (fact("Occupied", share(f.occupied_utilisation()), "%", format!("productive {}", percent(f.productive_utilisation()))))
            (fact("First scan", f.first_scan_delay.map(|delay| format!("{:+.1}", delay.as_f64())), "min", "after the planned start".to_owned()))
            (fact("Changeover", f.changeover_mean().map(|mean| format!("{mean:.0}")), "min", format!("mean of {}, {} unknown", f.changeovers.len(), f.changeovers_unknown)))
            (fact("Discontinued", share(f.discontinued_rate()), "%", count(f.discontinued_steps, "step", "steps")))
            (fact("Observed", share(f.observed_share()), "%", format!("a rate needs {:.0} %", f.least_observed * 100.0)))
        }
    }
}

fn picture(view: &ScannerView<'_>, session: &ScannerSession, local: Local) -> Markup {
    let mut instants = vec![session.planned_start, session.planned_end];
    instants.extend(counted(session).map(|step| step.start));
    instants.extend(counted(session).map(|step| step.end.unwrap_or(step.ends_by)));
    let Some(axis) = Axis::around(local, LEAST_HOURS, instants) else { return html! {} };
    html! {
        div.scan-day {
            (axis.heading(local, view.now))
            div.tl { (timeline(view, axis)) }
        }
    }
}

/// How the operational time comes about.
fn time(session: &ScannerSession, local: Local) -> Markup {
    let f = &session.figures;
    html! {
        p.eq {
            b { (exact(f.open)) } " planned (" (local.exact_time(session.planned_start)) "–" (local.exact_time(session.planned_end)) ") − "
            b { (exact(f.open - f.staffed)) } " staff breaks − "
            b { (exact(f.staffed - f.operational)) } " clean-down, QA, service, downtime = "
            b { (exact(f.operational)) } " operational minutes, of them "
            b { (exact(f.elapsed)) } " passed and " b { (exact(f.observed)) } " observed"
        }
    }
}

fn arithmetic(session: &ScannerSession, source: Option<&str>) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "Figure" } th.n { "Value" } th { "How" } } }
            tbody { @for sum in sums(session, source) { tr { td { (sum.name) } td.n { (sum.value) } td { (sum.how) } } } }
        } }
    }
}

/// Everything that is in no figure or in fewer than it might be, each with its reason.
fn left_out(session: &ScannerSession, local: Local) -> Markup {
    let mut lines: Vec<(String, String)> = Vec::new();
    for step in &session.steps {
        if let Some(reason) = step.excluded {
            lines.push((format!("step {} at {}", short_token(&step.id), local.exact_time(step.start)), why(reason)));
        }
    }
    for exam in &session.exams {
        let what = format!("exam {} at {}", short_token(&exam.id), local.exact_time(exam.at));
        match exam.state {
            ExamState::Completed | ExamState::Inferred if !exam.in_plan => {
                lines.push((what, "ended outside the plan: in no rate, counted as out of hours".to_owned()));
            }
            ExamState::Provisional => lines.push((what, "has begun and not ended: not counted yet".to_owned())),
            ExamState::Discontinued => lines.push((what, "nothing of it was completed".to_owned())),
            ExamState::Completed | ExamState::Inferred => {}
        }
    }
    for stretch in &session.closed {
        let what = format!("{}–{}", local.exact_time(stretch.from), local.exact_time(stretch.to));
        lines.push((what, format!("{}: not operational", closed_word(stretch.reason))));
    }
    for &(from, to) in session.not_observed.stretches() {
        let what = format!("{}–{}", local.exact_time(from), local.exact_time(to));
        lines.push((
            what,
            format!("{} min without a live feed: not known, in no rate", exact(Minutes::between(from, to))),
        ));
    }
    html! {
        h2 { "What is left out" }
        @if lines.is_empty() { p.small { "Nothing: every step and every operational minute is in the figures." } } @else {
            div.scroll { table {
                thead { tr { th { "What" } th { "Why" } } }
                tbody { @for (what, why) in lines { tr { td { (what) } td { (why) } } } }
            } }
        }
    }
}

fn why(reason: StepExclusion) -> String {
    format!("{}: in no figure", reason.why())
}

fn tokens(tokens: &[Token]) -> String {
    tokens.iter().map(short_token).collect::<Vec<_>>().join(", ")
}

fn exams(session: &ScannerSession, local: Local) -> Markup {
    html! {
        h2 { "Exams" }
        @if session.exams.is_empty() { p.small { "None has begun." } } @else {
            p.small { "An exam is an accession, however many steps it took. It counts once, at the end of its first completed step." }
            div.scroll { table {
                thead { tr { th.n { "Counts at" } th { "Exam" } th { "State" } th { "Steps" } } }
                tbody { @for exam in &session.exams { tr {
                    td.n { (local.exact_time(exam.at)) }
                    td { (short_token(&exam.id)) }
                    td { (exam.state.name()) @if exam.booked == Some(false) { ", walk-in" } @if !exam.in_plan && exam.state != ExamState::Provisional { ", outside the plan" } }
                    td { (tokens(&exam.steps)) }
                } } }
            } }
        }
    }
}

/// What became of each booking, and how long after its time it began.
fn bookings(session: &ScannerSession, local: Local) -> Markup {
    html! {
        @if !session.bookings.is_empty() {
            h2 { "Bookings" }
            div.scroll { table {
                thead { tr { th.n { "At" } th.n { "Min" } th.n { "Began" } th.n { "Late" } th { "Exam" } th { "State" } } }
                tbody { @for booking in &session.bookings {
                    @let exam = session.exam_of(booking);
                    @let began = exam.and_then(|exam| session.start_of(exam));
                    tr {
                        td.n { @if let Some(at) = booking.start { (local.exact_time(at)) } }
                        td.n { @if let Some(minutes) = booking.minutes { (minutes) } }
                        td.n { @if let Some(at) = began { (local.time(at)) } }
                        td.n { @if let (Some(due), Some(at)) = (booking.start, began) { (format!("{:+}", Minutes::between(due, at).millis() / 60_000)) } }
                        td { (short_token(&booking.id)) }
                        td { (became(booking.state, exam.map(|exam| exam.state))) }
                    }
                } }
            } }
        }
    }
}

/// A booking that was cancelled and performed all the same was performed.
const fn became(booking: BookingState, exam: Option<ExamState>) -> &'static str {
    match (exam, booking) {
        (Some(state), _) => state.name(),
        (None, BookingState::Booked) => "booked",
        (None, BookingState::Cancelled) => "cancelled",
        (None, BookingState::DidNotAttend) => "did not attend",
    }
}

fn steps(session: &ScannerSession, local: Local) -> Markup {
    // Where no image was told of, two columns would be empty.
    let with_images = session.steps.iter().any(|step| step.acquired.is_some());
    html! {
        @if !session.steps.is_empty() {
            h2 { "Steps" }
            div.scroll { table {
                thead { tr {
                    th { "Step" } th { "Exams" } th { "Protocol" } th { "State" } th.n { "From" } th.n { "To" } th.n { "Minutes" }
                    @if with_images { th.n { "First image" } th.n { "Last image" } }
                    th.n { "Changeover before" } th { "Remark" }
                } }
                tbody { @for step in &session.steps { (step_row(step, with_images, local)) } }
            } }
        }
    }
}

fn step_row(step: &StepResult, with_images: bool, local: Local) -> Markup {
    let remark = match (step.excluded, step.reason, step.end) {
        (Some(reason), _, _) => why(reason),
        (None, Some(code), _) => format!("DCM {code}"),
        (None, None, None) => format!("end not known, at the latest {}", local.exact_time(step.ends_by)),
        (None, None, Some(_)) => String::new(),
    };
    html! {
        tr {
            td { (short_token(&step.id)) }
            td { (tokens(&step.exams)) }
            td { @if let Some(protocol) = &step.protocol { (protocol) } }
            td { (step.state.name()) }
            td.n { (local.exact_time(step.start)) }
            td.n { @if let Some(end) = step.end { (local.exact_time(end)) } }
            td.n { @if let Some(end) = step.end { (exact(Minutes::between(step.start, end))) } }
            @if with_images {
                td.n { @if let Some(acquired) = step.acquired { (local.exact_time(acquired.first)) } }
                td.n { @if let Some(acquired) = step.acquired { (local.exact_time(acquired.last)) } }
            }
            td.n { @if let Some(changeover) = step.changeover_before { (exact(changeover)) } }
            td { (remark) }
        }
    }
}
