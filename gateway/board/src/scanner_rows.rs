//! The scanners' part of the board: for each room what it does, its day as a picture, scans per hour against target, how
//! many it is short, and what is still to come.

use maud::{Markup, html};
use utilisation::quantity::Minutes;
use utilisation::result::SessionState;
use utilisation::scanner::result::{ScannerFigures, ScannerSession};
use utilisation::targets::Standing;

use crate::board_row::RowContext;
use crate::glyphs::Glyph;
use crate::scanner_state::{ScanState, ScannerView, closed_word};
use crate::scanner_svg::timeline;
use crate::wording::{Local, count, passed};

/// A rate's bar ends at so many times its target.
const BAR_REACH: f64 = 1.25;
/// A longer name does not fit on a scanner's tile.
const LONGEST_TILE: usize = 7;

/// The id of a scanner's row.
pub(crate) fn scanner_row_id(view: &ScannerView<'_>) -> String {
    format!("scanner-{}", view.room.room)
}

/// Where a session's figures can be checked.
pub(crate) fn scan_link(session: &ScannerSession) -> String {
    format!("/lists/{}", session.id)
}

/// The heading above the scanners' rows; with the hours where no other rows stand above them.
pub(crate) fn heading(hours: Option<Markup>) -> Markup {
    let names = html! { span { "exams per hour" } span { "against target" } span { "rest of session" } };
    html! {
        @match hours {
            Some(hours) => div.cols { h2 { "Scanners" } (hours) (names) },
            None => div.cols.sec2 { h2 { "Scanners" } span {} (names) },
        }
    }
}

/// The row.
pub(crate) fn scanner_row(view: &ScannerView<'_>, context: &RowContext<'_>) -> Markup {
    let name = if view.room.name.chars().count() <= LONGEST_TILE { &view.room.name } else { &view.room.short };
    let class = format!("tile {}", view.state.class());
    html! {
        section.row.sc id=(scanner_row_id(view)) aria-label=(sentence(view, context)) {
            @match view.session {
                Some(session) => a class=(class) href=(scan_link(session)) aria-label={ (view.room.name) ": check this session" } { span { (name) } },
                None => span class=(class) { span { (name) } },
            }
            div.state {
                div.w {
                    (glyph(view.state).at(17)) span { (view.state.word()) }
                    @if let Some(since) = view.since {
                        span.for { span data-since=(since.millis()) { (passed(Minutes::between(since, view.now))) } small { " min" } }
                    }
                }
                @let detail = detail(view, context.local);
                // A narrow screen has no room for the unit.
                div.d { @match detail.strip_suffix(" min") { Some(rest) => { (rest) span.w60 { " min" } }, None => (detail) } }
            }
            div.tl { @if let Some(axis) = context.axis { (timeline(view, axis)) } }
            @match view.session {
                Some(session) => { (rate_cell(view, session, context.local)) (against_target(view, session)) div.flag { (flag(view, session, context.local)) } },
                None => { div.util {} div.fin {} div.flag {} }
            }
        }
    }
}

const fn glyph(state: ScanState) -> Glyph {
    match state {
        ScanState::NoSession | ScanState::NotStarted => Glyph::Wait,
        ScanState::LateStart | ScanState::Idle => Glyph::Late,
        ScanState::Scanning => Glyph::Procedure,
        ScanState::Changeover | ScanState::Closed(_) => Glyph::Turnover,
        ScanState::AllDone | ScanState::Finished => Glyph::Done,
        ScanState::Unused | ScanState::Cancelled => Glyph::Cancelled,
        ScanState::Unknown => Glyph::Unknown,
    }
}

/// The line under the word.
fn detail(view: &ScannerView<'_>, local: Local) -> String {
    let Some(session) = view.session else { return "nothing planned".to_owned() };
    if let Some(heard) = view.silent {
        return heard.map_or_else(|| "no data yet".to_owned(), |at| format!("no data since {}", local.time(at)));
    }
    let f = &session.figures;
    let first = f.first_scan_delay.map(|delay| format!("first {:+}", delay.millis() / 60_000));
    let changeover = f.changeover_mean().map(|mean| format!("changeover {mean:.0} min"));
    let parts: Vec<String> = first.into_iter().chain(changeover).collect();
    match view.state {
        ScanState::NotStarted | ScanState::LateStart => format!("due {}", local.time(session.planned_start)),
        ScanState::Unused => "nothing was scanned".to_owned(),
        ScanState::Cancelled => "session withdrawn".to_owned(),
        ScanState::NoSession
        | ScanState::Scanning
        | ScanState::Changeover
        | ScanState::Idle
        | ScanState::AllDone
        | ScanState::Closed(_)
        | ScanState::Finished
        | ScanState::Unknown => parts.join(" · "),
    }
}

fn rate_cell(view: &ScannerView<'_>, session: &ScannerSession, local: Local) -> Markup {
    let f = &session.figures;
    let rate = f.exams_per_hour();
    html! {
        div.util {
            div.n {
                @match rate {
                    Some(rate) => a href=(scan_link(session)) { (format!("{rate:.1}")) span.pc { " per h" } },
                    None => span.v.dim { "–" },
                }
                span.m {
                    @match (rate, f.exams_per_observed_hour(), f.target) {
                        (Some(_), _, _) if view.silent.is_some() => { @if let Some(Some(heard)) = view.silent { "at " (local.time(heard)) } },
                        (None, Some(seen), _) => { (format!("{seen:.1}")) " per observed h" },
                        (_, _, Some(target)) => { "target " b { (target) } },
                        (_, _, None) => {}
                    }
                }
            }
            (bullet(f, view.silent.is_some()))
        }
    }
}

/// The rate as a bar that ends beyond its target, which is a post; hatched where the rate is not known.
fn bullet(f: &ScannerFigures, is_silent: bool) -> Markup {
    let Some(target) = f.target.filter(|target| *target > 0.0) else {
        return html! { svg height="9" aria-hidden="true" {} };
    };
    let width = |rate: f64| format!("{:.2}%", (rate / (target * BAR_REACH)).clamp(0.0, 1.0) * 100.0);
    let known = f.exams_per_hour().filter(|_| !is_silent);
    let x = width(target);
    html! {
        svg height="9" aria-hidden="true" {
            rect x="0" y=".5" width="100%" height="8" class="f-page s-ink2" {}
            @match (known, f.exams_per_observed_hour()) {
                (Some(rate), _) => rect x="0" y="0" width=(width(rate)) height="9" class="f-ink" {},
                (None, Some(seen)) => rect x="0" y=".5" width=(width(seen)) height="8" class="f-unk s-unk" {},
                (None, None) => {}
            }
            line x1=(x) x2=(x) y1="-4" y2="13" class="s-page w7" {}
            line x1=(x) x2=(x) y1="-4" y2="13" class="s-ink w3" {}
        }
    }
}

fn against_target(view: &ScannerView<'_>, session: &ScannerSession) -> Markup {
    let f = &session.figures;
    if view.silent.is_some() {
        return html! { div.fin { div.v { "–" } div.r { "not known" } } };
    }
    let verdict = match (f.target, f.short_of_target) {
        (Some(_), Some(0)) => "on target".to_owned(),
        (Some(_), Some(short)) => format!("{short} short"),
        (Some(_), None) => "–".to_owned(),
        (None, _) => f.exams().to_string(),
    };
    let hours = format!("{:.1} h", f.elapsed.as_f64() / 60.0);
    html! {
        div.fin {
            div.v { (verdict) }
            div.r {
                @if f.target.is_some() { (f.exams()) " in " (hours) } @else { "in " (hours) }
                @if f.exams_inferred > 0 { ", " (f.exams_inferred) " inferred" }
            }
        }
    }
}

fn flag(view: &ScannerView<'_>, session: &ScannerSession, local: Local) -> Markup {
    let booked = view.still_booked().map(|n| format!("{n} booked"));
    match view.state {
        ScanState::Unknown => html! { span.badge.unk { span { "Silent" } } },
        ScanState::Idle => html! { span.badge.warn { "Idle" @if let Some(booked) = booked { small { (booked) } } } },
        ScanState::LateStart => html! {
            span.badge.warn { "Late start" small { "due " (local.time(session.planned_start)) } }
        },
        ScanState::Closed(reason) => {
            let until = session.closed.iter().find(|c| c.reason == reason && c.from <= view.now && view.now < c.to);
            html! { span.quiet { b { (closed_word(reason)) } @if let Some(closed) = until { "until " (local.time(closed.to)) } } }
        }
        ScanState::Cancelled => html! { span.quiet { b { "Not held" } } },
        ScanState::Unused => html! { span.quiet { b { "Not used" } } },
        ScanState::Finished => html! { span.quiet { b { "final" } (band(&session.figures)) } },
        ScanState::NoSession
        | ScanState::NotStarted
        | ScanState::Scanning
        | ScanState::Changeover
        | ScanState::AllDone => {
            let left = passed(Minutes::between(view.now.max(session.planned_start), session.planned_end));
            html! {
                span.quiet {
                    @match view.still_booked() {
                        Some(n) => b { (n) " to come" },
                        None => b { (left) " min left" },
                    }
                    (band(&session.figures))
                }
            }
        }
    }
}

/// How the rate stands to the acceptable range; silent where the target is met or there is no range.
fn band(f: &ScannerFigures) -> String {
    let Some(band) = f.target_band else { return String::new() };
    match f.standing {
        Some(Standing::InBand) => format!("in band {}–{}", band.low, band.high),
        Some(Standing::Missed) => format!("below band {}–{}", band.low, band.high),
        Some(Standing::Met | Standing::NotJudged) | None => String::new(),
    }
}

/// The whole row in words, for those who hear it.
fn sentence(view: &ScannerView<'_>, context: &RowContext<'_>) -> String {
    let Some(session) = view.session else { return format!("{}: no session.", view.room.name) };
    let f = &session.figures;
    let mut text = format!("{}: {}", view.room.name, view.state.word());
    if let Some(since) = view.since {
        text += &format!(" for {} minutes", passed(Minutes::between(since, view.now)));
    }
    let detail = detail(view, context.local);
    text += &if detail.is_empty() { ".".to_owned() } else { format!(", {detail}.") };
    match (f.exams_per_hour(), f.target) {
        (Some(rate), Some(target)) => text += &format!(" {rate:.1} exams per hour, target {target}."),
        (Some(rate), None) => text += &format!(" {rate:.1} exams per hour."),
        (None, _) => {}
    }
    match f.short_of_target.filter(|_| view.silent.is_none()) {
        Some(0) => text += " On target.",
        Some(short) => text += &format!(" {} short of target.", count(short, "exam", "exams")),
        None => {}
    }
    text
}

/// What the site's scanners amount to together, for the head.
pub(crate) fn scanner_kpi(views: &[ScannerView<'_>]) -> Markup {
    let sessions = || views.iter().flat_map(|view| &view.room.scans);
    let exams: u32 = sessions().map(|session| session.figures.exams()).sum();
    let short: u32 = sessions().filter_map(|session| session.figures.short_of_target).sum();
    let is_open = sessions().any(|session| session.state == SessionState::Running);
    html! {
        @if sessions().next().is_some() {
            div.kpi {
                b { (exams) span.u { @if exams == 1 { " exam" } @else { " exams" } } }
                (short) " short of target" @if is_open { span.opt { " so far" } }
            }
        }
    }
}

/// The sessions as a table.
pub(crate) fn scanner_table(views: &[ScannerView<'_>], context: &RowContext<'_>) -> Markup {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    html! {
        table {
            thead { tr {
                th { "Room" } th { "Session" } th { "State" } th.n { "Exams" } th.n { "Inferred" } th.n { "Discontinued" } th.n { "Out of hours" }
                th.n { "Per hour" } th.n { "Per observed hour" } th.n { "Target" } th.n { "Short" } th.n { "First scan" } th.n { "Changeover" }
                th.n { "Occupied" } th.n { "Observed" }
            } }
            tbody {
                @for view in views { @for session in &view.room.scans {
                    @let f = &session.figures;
                    @let is_row = view.session.is_some_and(|row| row.id == session.id);
                    tr {
                        td { (view.room.name) }
                        td { a href=(scan_link(session)) { (context.local.time(session.planned_start)) "–" (context.local.time(session.planned_end)) } }
                        td { @if is_row { (view.state.word()) } @else { (session.state.name()) } }
                        td.n { (f.exams_completed) }
                        td.n { (f.exams_inferred) }
                        td.n { (f.exams_discontinued) }
                        td.n { (f.out_of_hours_exams) }
                        td.n { (or_dash(f.exams_per_hour().map(|rate| format!("{rate:.2}")))) }
                        td.n { (or_dash(f.exams_per_observed_hour().map(|rate| format!("{rate:.2}")))) }
                        td.n { (or_dash(f.target.map(|target| target.to_string()))) }
                        td.n { (or_dash(f.short_of_target.map(|short| short.to_string()))) }
                        td.n { (or_dash(f.first_scan_delay.map(|delay| format!("{:+} min", delay.millis() / 60_000)))) }
                        td.n { (or_dash(f.changeover_mean().map(|mean| format!("{mean:.0} min")))) }
                        td.n { (or_dash(f.occupied_utilisation().map(|share| format!("{} %", share.percent(0))))) }
                        td.n { (or_dash(f.observed_share().map(|share| format!("{} %", share.percent(0))))) }
                    }
                } }
            }
        }
    }
}
