//! The forms under a list: plain HTML that works without script. They stand outside the part of the page that follows events, so
//! that nothing a person is filling in is ever replaced.

use chrono::NaiveDate;
use maud::{Markup, html};
use room_events::{ListKind, Milestone, RemarkAbout, Token};
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, CaseState};

use super::said::case_name;
use super::{REASONS_FOR, Recorder, about_in_words};
use crate::access::forms::{NUMBER, SEAL, Sealed};
use crate::room_state::is_open;
use crate::source::Audit;
use crate::wording::Local;

/// The longest reason, which is a label.
const LONGEST_REASON: usize = 32;

/// Fields that every form has.
fn begin(form: &Sealed, what: &str) -> Markup {
    html! {
        input type="hidden" name=(NUMBER) value=(form.number_text());
        input type="hidden" name=(SEAL) value=(form.seal);
        input type="hidden" name="what" value=(what);
    }
}

fn cases(audit: &Audit, id: &str) -> Markup {
    let local = Local::new(audit.zone);
    html! {
        label for=(id) { "Case" }
        select id=(id) name="case" required {
            @for case in &audit.result.cases {
                option value=(case.id) {
                    (case_name(audit, &case.id))
                    @if let Some(start) = case.start.or(case.booked_start) { ", " @if case.start.is_none() { "booked " } (local.time(start)) }
                    @if let Some(procedure) = &case.procedure { ", " (procedure) }
                    @if case.state == CaseState::Cancelled { ", cancelled" }
                }
            }
        }
    }
}

fn why(id: &str) -> Markup {
    html! {
        label for=(id) { "Why" }
        span.hint id={ (id) "-hint" } { "A few words, such as “not entered”. No name, number or date of birth: it is kept with the figures." }
        input id=(id) name="reason" required maxlength=(LONGEST_REASON) autocomplete="off" aria-describedby={ (id) "-hint" };
    }
}

/// All forms of a list. Each has the same number: one page records one thing, and then is drawn anew.
pub(crate) fn forms(audit: &Audit, recorder: &dyn Recorder, form: &Sealed, said: Option<&str>) -> Markup {
    let action = format!("/lists/{}/corrections", audit.result.id);
    let date = audit.result.local_date;
    html! {
        section.read.amend #correct aria-label="Reasons and corrections" {
            @match said {
                Some("now") => p.note role="status" { "Recorded. The figures above are computed with it." },
                Some("before") => p.note role="status" { "This form was recorded before, and counts once. Use the forms below for anything else." },
                Some(_) | None => {}
            }
            @if REASONS_FOR.iter().any(|about| !to_explain(audit, *about).is_empty()) {
                h2 { "Why was it so?" }
                p.lede { "Reasons add up on " a href="/reasons" { "the page of reasons" } "." }
                div.side-by-side {
                    @for about in REASONS_FOR { (reason_form(audit, recorder, form, &action, about)) }
                }
            }
            @if !audit.result.cases.is_empty() {
                h2 { "Correct the record" }
                p.lede { "What was recorded stays and is struck through; what you say stands beside it with your role and reason, and the figures are computed anew." }
                div.side-by-side {
                    details { summary { "Add or change a stamp" } (stamp_form(audit, form, &action, date)) }
                    details { summary { "Withdraw a stamp" } (withdraw_form(audit, form, &action)) }
                    details { summary { "The case was in another room" } (room_form(audit, recorder, form, &action)) }
                    details { summary { "The case was an emergency, or elective" } (admission_form(audit, form, &action)) }
                }
            }
        }
    }
}

/// What there is to give a reason for: the list's late start and overrun, and each gap and cancelled case.
fn to_explain(audit: &Audit, about: RemarkAbout) -> Vec<(Option<&CaseResult>, String)> {
    let (list, figures) = (&audit.result, &audit.result.figures);
    let so_long = |minutes: Minutes| format!("{minutes} min");
    let of_list = |minutes: Option<Minutes>| {
        let minutes = minutes.filter(|&minutes| minutes > Minutes::ZERO);
        minutes.map(|minutes| (None, so_long(minutes))).into_iter().collect()
    };
    let over_so_far = Some(Minutes::between(list.planned_end, audit.as_at)).filter(|_| is_open(list));
    match about {
        RemarkAbout::LateStart => of_list(figures.late_start),
        RemarkAbout::Overrun => of_list(figures.overrun.or(over_so_far)),
        RemarkAbout::Gap => {
            let gap = |case: &'_ CaseResult| case.turnover_before.filter(|&gap| gap > Minutes::ZERO);
            list.cases.iter().filter_map(|case| Some((Some(case), so_long(gap(case)?)))).collect()
        }
        RemarkAbout::Cancellation => {
            let cancelled = list.cases.iter().filter(|case| case.cancelled_at.is_some());
            cancelled.map(|case| (Some(case), "cancelled".to_owned())).collect()
        }
        RemarkAbout::Admission | RemarkAbout::Room => Vec::new(),
    }
}

fn reason_form(audit: &Audit, recorder: &dyn Recorder, form: &Sealed, action: &str, about: RemarkAbout) -> Markup {
    let id = format!("reason-{}", about.name());
    let subjects = to_explain(audit, about);
    let given = |case: Option<Token>| {
        let word = audit.remarks.iter().find(|remark| remark.used && remark.about == about && remark.case == case);
        word.and_then(|remark| remark.reason.as_ref())
    };
    let of_list = given(None);
    html! {
        @if let Some((case, first)) = subjects.first() {
            form.plain method="post" action=(action) {
                (begin(form, "reason"))
                input type="hidden" name="about" value=(about.name());
                @if case.is_some() {
                    label for={ (id) "-case" } { @if about == RemarkAbout::Gap { "Gap before" } @else { "Case" } }
                    select id={ (id) "-case" } name="case" required {
                        @for (case, what) in &subjects {
                            @if let Some(case) = case {
                                option value=(case.id) {
                                    (case_name(audit, &case.id)) ", " (what)
                                    @if let Some(reason) = given(Some(case.id)) { ": " (reason) }
                                }
                            }
                        }
                    }
                }
                label for=(id) { "Reason for the " (about_in_words(about)) @if case.is_none() { " of " (first) } }
                select id=(id) name="reason" {
                    option value="" { @if of_list.is_some() || case.is_some() { "none, or take it back" } @else { "none" } }
                    @for reason in recorder.reasons(about) { option value=(reason) selected[of_list == Some(&reason)] { (reason) } }
                }
                button.go type="submit" { "Record" }
            }
        }
    }
}

/// Milestones that a person may set; a cancellation has a class and is booked, not stamped.
fn milestones() -> impl Iterator<Item = Milestone> {
    Milestone::ALL.iter().copied().filter(|milestone| *milestone != Milestone::Cancelled)
}

fn stamp_form(audit: &Audit, form: &Sealed, action: &str, date: NaiveDate) -> Markup {
    html! {
        form.plain method="post" action=(action) {
            (begin(form, "stamp"))
            (cases(audit, "stamp-case"))
            label for="stamp-milestone" { "Milestone" }
            select #stamp-milestone name="milestone" required {
                @for milestone in milestones() { option value=(milestone.name()) { (milestone.name().replace('_', " ")) } }
            }
            label for="stamp-date" { "Date" }
            input #stamp-date type="date" name="date" value=(date) required;
            label for="stamp-time" { "Time, as the clock on the wall showed it" }
            input #stamp-time type="time" name="time" step="1" required;
            (why("stamp-why"))
            button.go type="submit" { "Record the stamp" }
        }
    }
}

fn withdraw_form(audit: &Audit, form: &Sealed, action: &str) -> Markup {
    let local = Local::new(audit.zone);
    let mut standing: Vec<_> =
        audit.stamps.iter().filter(|stamp| !stamp.superseded).filter_map(|stamp| Some((stamp, stamp.at?))).collect();
    standing.sort_by_key(|(_, at)| *at);
    html! {
        form.plain method="post" action=(action) {
            (begin(form, "withdraw"))
            label for="withdraw-stamp" { "Stamp that did not happen" }
            select #withdraw-stamp name="stamp" required {
                @for (stamp, at) in standing {
                    option value={ (stamp.case) " " (stamp.milestone.name()) } {
                        (case_name(audit, &stamp.case)) ", " (stamp.milestone.name().replace('_', " ")) " " (local.exact_time(at))
                    }
                }
            }
            (why("withdraw-why"))
            button.go type="submit" { "Withdraw the stamp" }
        }
    }
}

fn room_form(audit: &Audit, recorder: &dyn Recorder, form: &Sealed, action: &str) -> Markup {
    let rooms = recorder.rooms();
    let elsewhere = rooms.iter().filter(|(site, room, _)| *site != audit.result.site || *room != audit.result.room);
    html! {
        form.plain method="post" action=(action) {
            (begin(form, "room"))
            (cases(audit, "room-case"))
            label for="room-to" { "It was in" }
            select #room-to name="room" required {
                @for (site, room, name) in elsewhere { option value={ (site) "/" (room) } { (name) @if *site != audit.result.site { ", " (site) } } }
            }
            (why("room-why"))
            button.go type="submit" { "Move the case with its stamps" }
        }
    }
}

fn admission_form(audit: &Audit, form: &Sealed, action: &str) -> Markup {
    html! {
        form.plain method="post" action=(action) {
            (begin(form, "admission"))
            (cases(audit, "admission-case"))
            label for="admission-kind" { "It came as" }
            select #admission-kind name="kind" required {
                option value=(ListKind::Emergency.name()) { "emergency" }
                option value=(ListKind::Elective.name()) { "elective" }
            }
            (why("admission-why"))
            button.go type="submit" { "Record the admission" }
        }
    }
}
