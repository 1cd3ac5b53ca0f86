//! The same day as tables, for those who cannot or would rather not read pictures.

use maud::{Markup, html};
use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, CaseState};

use crate::board_row::{RowContext, audit_link, standing};
use crate::room_state::{RoomView, is_open};
use crate::scanner_rows::scanner_table;
use crate::scanner_state::ScannerView;
use crate::source::short_token;
use crate::standing::Standing;
use crate::wording::{Local, exact};

/// Tables of lists, cases and scanner sessions, folded away below the board.
pub(crate) fn tables(views: &[RoomView<'_>], scanners: &[ScannerView<'_>], context: &RowContext<'_>) -> Markup {
    html! {
        div.tables id="tables" {
            details data-keep="lists" {
                summary { "The lists as a table" }
                div.scroll { (lists(views, context)) }
            }
            details data-keep="cases" {
                summary { "The cases as a table" }
                div.scroll { (cases(views, context)) }
            }
            @if !scanners.is_empty() {
                details data-keep="scanners" {
                    summary { "The scanner sessions as a table" }
                    div.scroll { (scanner_table(scanners, context)) }
                }
            }
        }
    }
}

fn lists(views: &[RoomView<'_>], context: &RowContext<'_>) -> Markup {
    html! {
        table {
            thead { tr {
                th { "Room" } th { "List" } th { "State" } th.n { "Planned" } th.n { "Late start" } th.n { "Counted" } th.n { "of" }
                th.n { "%" } th.n { "Best %" } th.n { "Not known" } th.n { "Overrun" } th.n { "Cases done" } th.n { "of" }
            } }
            tbody {
                @for view in views { @for list in &view.room.lists {
                    @let is_row = view.list.is_some_and(|row| row.id == list.id);
                    @let standing = if is_row { standing(view, list, context.rules) } else { Standing::of(list, context.rules.variant) };
                    tr {
                        td { (view.room.name) }
                        td { a href=(audit_link(list)) { @match &list.specialty { Some(specialty) => (specialty), None => "list", } } }
                        td { @if is_row { (view.state.word()) } @else { (list.state.name()) } }
                        td.n { (context.local.time(list.planned_start)) "–" (context.local.time(list.planned_end)) }
                        td.n { (minutes(list.figures.late_start)) }
                        td.n { (standing.counted) }
                        td.n { (standing.planned) }
                        td.n { @if list.figures.cases_started > 0 { @if let Some(share) = standing.share() { (share.percent(1)) } } }
                        td.n { @if is_open(list) { @if let Some(best) = standing.best_share() { (best.percent(1)) } } }
                        td.n { (standing.unknown) }
                        td.n { (minutes(view.over_so_far().filter(|_| is_row).or(list.figures.overrun))) }
                        td.n { (list.figures.cases_completed) }
                        td.n { (list.figures.cases_booked) }
                    }
                } }
            }
        }
    }
}

fn minutes(minutes: Option<Minutes>) -> String {
    minutes.map(|minutes| minutes.to_string()).unwrap_or_default()
}

fn cases(views: &[RoomView<'_>], context: &RowContext<'_>) -> Markup {
    let time = |at| optional_time(context.local, at);
    html! {
        table {
            thead { tr {
                th { "Room" } th { "Case" } th { "Token" } th { "Procedure" } th { "State" } th.n { "Booked" } th.n { "Touch from" } th.n { "Knife to skin" }
                th.n { "Procedure end" } th.n { "Touch to" } th.n { "Minutes" } th.n { "Turnover before" }
            } }
            tbody {
                @for view in views { @for list in &view.room.lists { @for (i, case) in list.cases.iter().enumerate() {
                    tr {
                        td { (view.room.name) }
                        td { (i + 1) }
                        td.dim { (short_token(&case.id)) }
                        td { @if let Some(procedure) = &case.procedure { (procedure) } }
                        td { (case_word(case.state)) }
                        td.n { (time(case.booked_start)) }
                        td.n { (time(case.start)) }
                        td.n { (time(case.procedure_start)) }
                        td.n { (time(case.procedure_end)) }
                        td.n { (time(case.end)) }
                        td.n { (touch(case)) }
                        td.n { (minutes(case.turnover_before)) }
                    }
                } } }
            }
        }
    }
}

fn optional_time(local: Local, at: Option<UtcMillis>) -> String {
    at.map(|at| local.exact_time(at)).unwrap_or_default()
}

fn touch(case: &CaseResult) -> String {
    match (case.start, case.end) {
        (Some(start), Some(end)) => exact(Minutes::between(start, end)),
        (_, _) => String::new(),
    }
}

/// How a case stands, in words.
pub(crate) const fn case_word(state: CaseState) -> &'static str {
    match state {
        CaseState::Booked => "booked",
        CaseState::Running => "in the room",
        CaseState::Complete => "complete",
        CaseState::Abandoned => "abandoned",
        CaseState::Open => "no end stamp",
        CaseState::EndOnly => "no start stamp",
        CaseState::Rejected => "stamps rejected",
        CaseState::Cancelled => "cancelled",
        CaseState::NotStarted => "never started",
    }
}
