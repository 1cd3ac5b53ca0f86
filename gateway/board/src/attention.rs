//! What needs somebody now, worst first: silent feeds, lists that have not begun, lists running over, doubtful stamps.
//!
//! Facts known now make an item, and a forecast overrun. An item leads to its row; one about a closed list leads to the list's check.

use maud::{Markup, html};
use room_events::RoomId;
use utilisation::quantity::Minutes;
use utilisation::result::{CaseState, SessionResult, SessionState};
use utilisation::scanner::result::ScannerFlag;

use crate::board_row::{RowContext, audit_link, row_id};
use crate::glyphs::Glyph;
use crate::outlook::{self, forecast_of};
use crate::room_state::RoomView;
use crate::scanner_rows::{scan_link, scanner_row_id};
use crate::scanner_state::{ScanState, ScannerView};
use crate::source::{Condition, Severity};
use crate::standing::Standing;
use crate::wording::{count, passed};

/// The kinds of items, declared worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Bad,
    Late,
    Over,
    Warning,
    Notice,
}

/// One thing that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    rank: Rank,
    /// Minutes by which items of one kind are ordered.
    size: i64,
    subject: String,
    standing: String,
    text: String,
    advice: Option<String>,
    link: Option<String>,
}

/// Everything that needs attention, worst first.
pub(crate) fn items(
    views: &[RoomView<'_>],
    scanners: &[ScannerView<'_>],
    conditions: &[Condition],
    context: &RowContext<'_>,
) -> Vec<Item> {
    let mut items: Vec<Item> = views.iter().flat_map(|view| of_room(view, context)).collect();
    items.extend(scanners.iter().flat_map(|view| of_scanner(view, context)));
    items.extend(conditions.iter().map(|condition| of_condition(condition, views, scanners)));
    items.sort_by(|a, b| (a.rank, -a.size, &a.subject).cmp(&(b.rank, -b.size, &b.subject)));
    items
}

fn of_condition(condition: &Condition, views: &[RoomView<'_>], scanners: &[ScannerView<'_>]) -> Item {
    let theatre = |room: &RoomId| views.iter().find(|view| view.room.room == *room).map(row_id);
    let scanner = |room: &RoomId| scanners.iter().find(|view| view.room.room == *room).map(scanner_row_id);
    let row = condition.room.as_ref().and_then(|room| theatre(room).or_else(|| scanner(room)));
    Item {
        rank: match condition.severity {
            Severity::Bad => Rank::Bad,
            Severity::Warning => Rank::Warning,
            Severity::Notice => Rank::Notice,
        },
        size: 0,
        subject: condition.subject.clone(),
        standing: condition.standing.clone(),
        text: condition.text.clone(),
        advice: condition.advice.clone(),
        link: row.map(|row| format!("#{row}")),
    }
}

fn of_room(view: &RoomView<'_>, context: &RowContext<'_>) -> Vec<Item> {
    let local = context.local;
    let link = Some(format!("#{}", row_id(view)));
    let item = |rank, size, standing: String, text: String, advice: Option<String>| Item {
        rank,
        size,
        subject: view.room.name.clone(),
        standing,
        text,
        advice,
        link: link.clone(),
    };
    let mut items = Vec::new();
    if let Some(heard) = view.silent {
        let (minutes, standing, text) = match heard {
            Some(heard) => {
                let minutes = passed(Minutes::between(heard, view.now));
                (minutes, format!("silent {minutes} min"), format!("No events since {}.", local.time(heard)))
            }
            None => (i64::MAX, "silent".to_owned(), "Nothing was ever heard of this room.".to_owned()),
        };
        let advice = "Check the agent; state and figures are unknown.".to_owned();
        items.push(item(Rank::Bad, minutes, standing, text, Some(advice)));
        return items;
    }
    for list in &view.room.lists {
        items.extend(
            late(view, list, context)
                .map(|(minutes, text, advice)| item(Rank::Late, minutes, format!("late {minutes} min"), text, advice)),
        );
        items.extend(
            over(view, list, context)
                .map(|(minutes, text, advice)| item(Rank::Over, minutes, format!("+{minutes} min"), text, advice)),
        );
        if view.now <= list.planned_end
            && let Some(forecast) = forecast_of(view, list)
            && let Some((minutes, text)) = outlook::overrun(forecast, list, context.rules, local)
        {
            items.push(item(Rank::Over, minutes, format!("+{minutes} min"), text, None));
        }
        items.extend(doubtful(list, context).map(|text| Item {
            link: Some(audit_link(list)),
            ..item(Rank::Notice, 0, "check stamps".to_owned(), text, None)
        }));
    }
    let patients = view.patients_in();
    if patients > 1 {
        let since = view.room.lists.iter().flat_map(|list| &list.cases);
        let since = since.filter(|case| case.state == CaseState::Running).filter_map(|case| case.start).max();
        let since = since.map(|at| format!(" since {}", local.time(at))).unwrap_or_default();
        let text = format!("{} patients in the room at once{since}.", in_words(patients));
        items.push(item(Rank::Notice, 0, "check stamps".to_owned(), text, None));
    }
    items
}

/// A scanner that is silent, due, idle with patients booked, or was watched too little for a rate.
fn of_scanner(view: &ScannerView<'_>, context: &RowContext<'_>) -> Vec<Item> {
    let Some(session) = view.session else { return Vec::new() };
    let local = context.local;
    let item = |rank, size, standing: String, text: String, advice: Option<&str>| Item {
        rank,
        size,
        subject: view.room.name.clone(),
        standing,
        text,
        advice: advice.map(str::to_owned),
        link: Some(format!("#{}", scanner_row_id(view))),
    };
    let booked = view.still_booked().filter(|n| *n > 0);
    let minutes = view.since.map_or(0, |since| passed(Minutes::between(since, view.now)));
    let since = view.since.map(|since| local.time(since)).unwrap_or_default();
    let found = match view.state {
        ScanState::Unknown => {
            let heard = view.silent.flatten();
            let text = match (heard, booked) {
                (Some(_), Some(n)) => format!("No events since {since}; {n} booked."),
                (Some(_), None) => format!("No events since {since}."),
                (None, _) => "Nothing was ever heard of this room.".to_owned(),
            };
            let standing = heard.map_or_else(|| "silent".to_owned(), |_| format!("silent {minutes} min"));
            let size = if heard.is_some() { minutes } else { i64::MAX };
            item(Rank::Bad, size, standing, text, Some("Check the agent; state and rate are unknown."))
        }
        ScanState::LateStart => {
            let text = format!("Due {since}, nothing scanned yet.");
            item(Rank::Late, minutes, format!("late {minutes} min"), text, None)
        }
        ScanState::Idle => {
            let rank = if booked.is_some() { Rank::Late } else { Rank::Notice };
            let text = match booked {
                Some(n) => format!("{n} booked, nobody in the room since {since}."),
                None => format!("Nobody in the room since {since}."),
            };
            item(rank, minutes, format!("idle {minutes} min"), text, None)
        }
        ScanState::Finished if session.quality.contains(&ScannerFlag::NotObserved) => {
            let share = session.figures.observed_share().map(|share| share.percent(0)).unwrap_or_default();
            let text = format!("Only {share} % of its operational time was observed, so it has no rate.");
            Item {
                link: Some(scan_link(session)),
                ..item(Rank::Notice, 0, "no rate".to_owned(), text, Some("Check its feed and its agent."))
            }
        }
        ScanState::NoSession
        | ScanState::NotStarted
        | ScanState::Scanning
        | ScanState::Changeover
        | ScanState::AllDone
        | ScanState::Closed(_)
        | ScanState::Finished
        | ScanState::Unused
        | ScanState::Cancelled => return Vec::new(),
    };
    vec![found]
}

/// `Two`.
fn in_words(n: usize) -> String {
    match n {
        2 => "Two".to_owned(),
        3 => "Three".to_owned(),
        4 => "Four".to_owned(),
        more => more.to_string(),
    }
}

/// A list that is due, and nobody has come.
fn late(view: &RoomView<'_>, list: &SessionResult, context: &RowContext<'_>) -> Option<(i64, String, Option<String>)> {
    let due = list.state == SessionState::Running && list.figures.cases_started == 0;
    let late = Minutes::between(list.planned_start, view.now);
    if !due || late <= context.rules.late_start_flag {
        return None;
    }
    let text = format!(
        "Due {}; {} booked, nobody in yet.",
        context.local.time(list.planned_start),
        count(list.figures.cases_booked, "case", "cases")
    );
    let held_up = view.current.is_some_and(|current| list.cases.iter().all(|case| case.id != current.id));
    let advice = held_up.then(|| "The list before still has the room.".to_owned());
    Some((passed(late), text, advice))
}

/// An open list past its planned end.
fn over(view: &RoomView<'_>, list: &SessionResult, context: &RowContext<'_>) -> Option<(i64, String, Option<String>)> {
    let over = Minutes::between(list.planned_end, view.now);
    if list.state != SessionState::Running || over <= Minutes::ZERO {
        return None;
    }
    let to_come = list.cases.iter().filter(|case| case.state == CaseState::Booked).count();
    let running = list.cases.iter().any(|case| case.state == CaseState::Running);
    let forecast = forecast_of(view, list);
    let finish = forecast.map(|forecast| {
        let range = outlook::range_text(forecast, context.local);
        format!("; finish {} ({range})", context.local.time(forecast.finish))
    });
    let text = format!("Plan ended {}{}.", context.local.time(list.planned_end), finish.unwrap_or_default());
    let expected = forecast.map_or(over, |forecast| forecast.past_plan(list)).max(over);
    let advice = match (to_come, running) {
        (0, true) => "Last case in the room.".to_owned(),
        (0, false) => "No case left to start.".to_owned(),
        (1, _) => "One case still to start.".to_owned(),
        (more, _) => format!("{} cases still to start.", in_words(more)),
    };
    Some((passed(expected), text, Some(advice)))
}

/// A closed list with a milestone missing or refused, and what that does to its figure.
fn doubtful(list: &SessionResult, context: &RowContext<'_>) -> Option<String> {
    if list.state != SessionState::Closed || list.complete {
        return None;
    }
    let number = |state| list.cases.iter().filter(|case| case.state == state).count();
    let kinds = [
        (number(CaseState::Open), "without an end"),
        (number(CaseState::EndOnly), "without a start"),
        (number(CaseState::Rejected), "with stamps that cannot be"),
    ];
    let told: Vec<String> = kinds
        .into_iter()
        .filter(|&(n, _)| n > 0)
        .map(|(n, what)| if n == 1 { format!("one case {what}") } else { format!("{n} cases {what}") })
        .collect();
    let standing = Standing::of(list, context.rules.variant);
    let mut text = format!("Closed with {}", told.join(", "));
    if let (Some(low), Some(high)) = (standing.share(), standing.best_share()) {
        text += &format!(": the figure lies between {} and {} %", low.percent(0), high.percent(0));
    }
    text.push('.');
    Some(text)
}

/// The column beside the rows.
pub(crate) fn attention(items: &[Item]) -> Markup {
    html! {
        aside.side id="side" aria-label="Needs attention" {
            h2 { "Needs attention" span { @if items.is_empty() { "nothing" } @else { (items.len()) ", worst first" } } }
            @if items.is_empty() {
                p.calm { "Nothing to do now: no list is late or running over, no scanner is idle, no feed is silent." }
            }
            ol.att {
                @for item in items {
                    li {
                        span.g { (glyph(item.rank).at(24)) }
                        span.h { @match &item.link { Some(link) => a href=(link) { (item.subject) }, None => (item.subject), } }
                        span.x { (item.standing) }
                        p.p { (item.text) @if let Some(advice) = &item.advice { " " b { (advice) } } }
                    }
                }
            }
            @if items.len() > 3 { button.more-link type="button" data-more { "Show all " (items.len()) } }
        }
    }
}

const fn glyph(rank: Rank) -> Glyph {
    match rank {
        Rank::Bad => Glyph::Bad,
        Rank::Late => Glyph::Late,
        Rank::Over => Glyph::Over,
        Rank::Warning => Glyph::Warning,
        Rank::Notice => Glyph::Notice,
    }
}
