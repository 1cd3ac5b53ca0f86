//! One day of one site: what it came to, where its planned minutes went, and each list.

use chrono::{Days, NaiveDate};
use maud::{Markup, html};
use room_events::{ListKind, RoomKind, SiteId};
use utilisation::aggregate::{AggregateRow, aggregate};
use utilisation::measure::Measure;
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::{SessionResult, SessionState};
use utilisation::rules::RuleSet;

use crate::history::History;
use crate::spare_page::kind_words;
use crate::wording::{grouped, long_date};

/// How a figure is read off a row.
type Reading = fn(&AggregateRow) -> String;

/// The days that a day is compared with.
const BEFORE: u64 = 28;

pub(super) fn day(history: &History, site: &SiteId, date: NaiveDate, rules: &RuleSet) -> Markup {
    let of_site = || history.lists.iter().map(|list| &list.session).filter(|session| session.site == *site);
    let mut sessions: Vec<&SessionResult> = of_site().filter(|session| session.local_date == date).collect();
    sessions.sort_by_key(|session| (room_place(history, session), session.planned_start));
    let since = date.checked_sub_days(Days::new(BEFORE)).unwrap_or(date);
    let before: Vec<&SessionResult> =
        of_site().filter(|session| session.local_date >= since && session.local_date < date).collect();
    let rows = aggregate(sessions.iter().copied(), &[], rules);
    let rows_before = aggregate(before, &[], rules);
    let like = |row: &AggregateRow| rows_before.iter().find(|b| (b.room_kind, b.kind) == (row.room_kind, row.kind));
    let open = sessions.iter().filter(|session| session.provisional).count();
    html! {
        header.head {
            div {
                div.crumb { a href="/" { "Board" } " / " (history.site_name(site)) " / Day" }
                h1 { (long_date(date)) }
            }
            span.sp {}
            div.fresh {
                "Rules " b { (rules.name) } ", variant " b { (rules.variant.name()) } br;
                (sessions.len()) " lists planned" @if open > 0 { ", " (open) " still open: not in the figures" }
            }
        }
        @if rows.is_empty() { p.lede { "No list was planned on this day." } }
        @for row in &rows {
            section {
                h2 { (group_title(row.room_kind, row.kind)) ": " (headline(row)) }
                (figures(row, like(row), target(history, row, date)))
                (where_minutes_went(row))
            }
        }
        @if !sessions.is_empty() { h2 { "Each list" } (lists(history, &sessions, rules)) }
    }
}

fn room_place(history: &History, session: &SessionResult) -> Option<usize> {
    history.rooms.iter().position(|(site, room, _)| *site == session.site && *room == session.room)
}

pub(super) fn group_title(rooms: RoomKind, kind: ListKind) -> String {
    let kind = match kind {
        ListKind::Elective => "Elective",
        ListKind::Emergency => "Emergency",
    };
    format!("{kind} lists, {}", kind_words(rooms))
}

fn headline(row: &AggregateRow) -> String {
    row.capped_utilisation.map_or_else(|| "no list held".to_owned(), |share| format!("{} % capped", share.percent(1)))
}

fn target(history: &History, row: &AggregateRow, date: NaiveDate) -> Option<f64> {
    let target = history.targets.target_for(row.room_kind, row.kind, Measure::CappedUtilisation, date);
    target.map(|target| target.value)
}

fn minutes(minutes: Minutes) -> String {
    grouped((minutes.millis() + 30_000).div_euclid(60_000))
}

fn percent(share: Option<Ratio>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{} %", share.percent(1)))
}

/// The day beside the four weeks before it.
fn figures(row: &AggregateRow, before: Option<&AggregateRow>, target: Option<f64>) -> Markup {
    let number = |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |number| format!("{number:.1}"));
    let lines: [(&str, Reading, String); 8] = [
        (
            "Capped utilisation",
            |row| percent(row.capped_utilisation),
            format!("{} of {} min", minutes(row.capped_min), minutes(row.planned_min)),
        ),
        ("Sessions held", |row| percent(row.sessions_held_rate), format!("{} of {}", row.sessions_held, row.sessions)),
        (
            "Cases completed per list",
            |row| row.cases_per_list.map_or_else(|| "–".to_owned(), |n| format!("{n:.2}")),
            format!("{} cases, {} booked", row.cases_completed, row.cases_booked),
        ),
        (
            "Cancelled on the day",
            |row| percent(row.cancelled_on_day_rate),
            format!("{} of {} booked", row.cases_cancelled_on_day, row.cases_booked),
        ),
        (
            "Late start, mean of all lists",
            |row| row.late_start_mean_all_min.map_or_else(|| "–".to_owned(), |n| format!("{n:.1} min")),
            format!(
                "{} of {} above {} min",
                row.late_start_flagged, row.late_start_lists, row.late_start_flag_above_min
            ),
        ),
        (
            "Turnover, mean",
            |row| row.turnover_mean_min.map_or_else(|| "–".to_owned(), |n| format!("{n:.1} min")),
            format!("{} turnovers", row.turnovers),
        ),
        (
            "Early finish, mean of all lists",
            |row| row.early_finish_mean_all_min.map_or_else(|| "–".to_owned(), |n| format!("{n:.1} min")),
            format!(
                "{} of {} above {} min",
                row.early_finish_flagged, row.early_finish_lists, row.early_finish_flag_above_min
            ),
        ),
        (
            "Overrun, mean of all lists",
            |row| row.overrun_mean_all_min.map_or_else(|| "–".to_owned(), |n| format!("{n:.1} min")),
            format!("{} of {} above {} min", row.overrun_flagged, row.overrun_lists, row.overrun_flag_above_min),
        ),
    ];
    html! {
        @if let Some(target) = target { p.lede { "Target " (number(Some(target * 100.0))) " %" @if let Some(share) = row.capped_utilisation { @if share.as_f64() >= target { ": met." } @else { ": missed by " (number(Some((target - share.as_f64()) * 100.0))) " points." } } } }
        div.scroll { table { thead { tr { th {} th.n { "This day" } th.n { "Of" } th.n { "28 days before" } } } tbody {
            @for (name, value, of) in lines {
                tr { td { (name) } td.n { b { (value(row)) } } td.n { (of) } td.n { @match before { Some(before) => (value(before)), None => "–" } } }
            }
        } } }
    }
}

/// Planned minutes of held lists = capped + late start + gaps + early finish + unknown.
pub(super) fn where_minutes_went(row: &AggregateRow) -> Markup {
    let rest = row.planned_min - row.capped_min - row.late_start_min - row.early_finish_min - row.unknown_min;
    let parts = [
        ("in use", row.capped_min, "f-proc"),
        ("late start", row.late_start_min, "f-warn"),
        ("between cases", rest.at_least_zero(), "f-plan"),
        ("early finish", row.early_finish_min, "f-prep"),
        ("not known", row.unknown_min, "f-unk"),
    ];
    let share = |minutes: Minutes| Ratio::of_minutes(minutes, row.planned_min);
    let mut from = 0.0;
    let mut bars = Vec::new();
    for (_, minutes, class) in parts {
        let width = share(minutes).map_or(0.0, Ratio::as_f64) * 100.0;
        bars.push((from, width, class));
        from += width;
    }
    html! {
        @if row.planned_min > Minutes::ZERO {
            h3.later { "Where the " (minutes(row.planned_min)) " planned minutes went" }
            svg.went width="100%" height="26" role="img" aria-label="Planned minutes by what became of them; the numbers follow" {
                @for (from, width, class) in bars { @if width > 0.0 { rect x=(format!("{from:.2}%")) width=(format!("{width:.2}%")) height="26" class={ (class) " s-edge" } {} } }
            }
            p.tools.keys { @for (name, length, class) in parts { span.key { svg width="14" height="14" aria-hidden="true" { rect width="14" height="14" class={ (class) " s-edge" } {} } (name) " " b { (minutes(length)) } " min, " (percent(share(length))) } } }
        }
    }
}

fn lists(history: &History, sessions: &[&SessionResult], rules: &RuleSet) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "Room" } th { "Specialty" } th.n { "Planned" } th.n { "Capped" } th.n { "Of" } th.n { "Cases" } th.n { "Late start" } th.n { "End against plan" } th { "Note" } } }
            tbody { @for session in sessions {
                @let figures = &session.figures;
                tr {
                    td { a href=(format!("/lists/{}", session.id)) { (history.room_name(&session.site, &session.room)) } }
                    td { @match &session.specialty { Some(specialty) => (specialty), None => "–" } @if session.kind == ListKind::Emergency { ", emergency" } }
                    td.n { (figures.planned) " min" }
                    td.n { b { (percent(session.capped_utilisation())) } }
                    td.n { @if figures.cases_started > 0 { (minutes(figures.capped)) " of " (minutes(figures.planned)) } }
                    td.n { (figures.cases_completed) " of " (figures.cases_booked.max(figures.cases_started)) }
                    td.n { @match figures.late_start { Some(late) => (late), None => "–" } @if figures.late_start.is_some_and(|late| late > rules.late_start_flag) { " late" } }
                    td.n { (end_words(session)) }
                    td { (note(session)) }
                }
            } }
        } }
    }
}

fn end_words(session: &SessionResult) -> String {
    match (session.figures.overrun, session.figures.early_finish) {
        (Some(over), _) if over > Minutes::ZERO => format!("+{over}"),
        (_, Some(early)) if early > Minutes::ZERO => format!("{early} early"),
        (Some(_), _) => "on plan".to_owned(),
        (None, _) => "–".to_owned(),
    }
}

fn note(session: &SessionResult) -> String {
    let figures = &session.figures;
    let mut notes = Vec::new();
    match session.state {
        SessionState::Unused => notes.push("nobody came".to_owned()),
        SessionState::Cancelled => notes.push("list cancelled".to_owned()),
        SessionState::Running => notes.push("still open".to_owned()),
        SessionState::Planned => notes.push("to come".to_owned()),
        SessionState::Closed => {}
    }
    if figures.unknown > Minutes::ZERO {
        notes.push(format!("{} min not known", figures.unknown));
    }
    if figures.cases_cancelled_on_day > 0 {
        notes.push(format!("{} cancelled on the day", figures.cases_cancelled_on_day));
    }
    if figures.late_due_to_previous > Minutes::ZERO {
        notes.push(format!("{} min late due to the list before", figures.late_due_to_previous));
    }
    if figures.extra_cases_possible.is_some_and(|cases| cases > 0) {
        notes.push(format!("room for {} more", figures.extra_cases_possible.unwrap_or_default()));
    }
    if session.revised {
        notes.push("revised after it had closed".to_owned());
    }
    notes.join(", ")
}
