//! The page of data quality: what is missing, excluded, provisional, revised, silent or held back on a day, and what that
//! does to the figures.

use chrono::Days;
use maud::{Markup, html};
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::{ExclusionReason, QualityFlag, SessionResult, SessionState};
use utilisation::rules::RuleSet;
use utilisation::scanner::result::ScannerFlag;

use crate::board_row::audit_link;
use crate::scanner_rows::scan_link;
use crate::shell::{Theme, page};
use crate::source::{HeldMessage, SiteDay};
use crate::standing::{Standing, has_target, is_held};
use crate::wording::{Local, count, day_and_month, exact, long_date};

/// The page of a day. Without `held` the reader may not see what messages look like.
pub(crate) fn quality_page(
    day: &SiteDay,
    rules: &RuleSet,
    held: Option<&[HeldMessage]>,
    theme: Option<Theme>,
) -> Markup {
    let title = format!("Data quality, {}, {}", day.site_name, long_date(day.date));
    let neighbour = |date: Option<chrono::NaiveDate>, mark: &str| {
        html! { @if let Some(date) = date { a.day href={ "/quality?site=" (day.site) "&date=" (date) } aria-label=(day_and_month(date)) { (mark) } } }
    };
    let body = html! {
        div.read {
            header.head {
                div { div.crumb { a href={ "/?site=" (day.site) "&date=" (day.date) } { "Board" } " / " (day.site_name) } h1 { "Data quality" } }
                span.sp {}
                div.fresh {
                    (neighbour(day.date.checked_sub_days(Days::new(1)), "‹")) " " (long_date(day.date)) " " (neighbour(day.date.checked_add_days(Days::new(1)), "›"))
                    br; "Rules " b { (rules.name) }
                }
            }
            (effect(day, rules))
            (lists(day, rules))
            (scanners(day))
            (feeds(day))
            (conditions(day))
            @match held { Some(held) => (messages(held, Local::new(day.zone))), None => p.small { "What held messages look like is shown to people with the role “admin”." }, }
        }
    };
    page(&title, theme, None, false, &body)
}

/// The site's figure with what is not known, as a range.
fn effect(day: &SiteDay, rules: &RuleSet) -> Markup {
    let counted: Vec<&SessionResult> = day
        .rooms
        .iter()
        .flat_map(|room| &room.lists)
        .filter(|list| has_target(list) && is_held(list) && list.figures.cases_started > 0)
        .collect();
    let standings: Vec<Standing> = counted.iter().map(|list| Standing::of(list, rules.variant)).collect();
    let planned: Minutes = standings.iter().map(|standing| standing.planned).sum();
    let sure: Minutes = standings.iter().map(|standing| standing.counted).sum();
    let most: Option<Minutes> = standings.iter().map(|standing| standing.best).sum();
    let unknown: Minutes = counted.iter().map(|list| list.figures.unknown).sum();
    let open = counted.iter().filter(|list| list.provisional).count();
    let incomplete = counted.iter().filter(|list| list.state == SessionState::Closed && !list.complete).count();
    html! {
        h2 { "What it does to the day’s figure" }
        @match (Ratio::of_minutes(sure, planned), most.and_then(|most| Ratio::of_minutes(most, planned))) {
            (Some(low), high) => p.eq {
                "Capped utilisation of elective theatre lists: " b { (low.percent(2)) " %" }
                @if let Some(high) = high.filter(|high| high.percent(2) != low.percent(2)) { " to " b { (high.percent(2)) " %" } }
                " (" (exact(sure)) @if let Some(most) = most.filter(|most| *most > sure) { " to " (exact(most)) } " of " (exact(planned)) " min)"
            },
            (None, _) => p.eq { "No elective theatre list has started, so there is no figure." },
        }
        p.lede {
            (exact(unknown)) " min of the plans are not known. "
            (count(u32::try_from(incomplete).unwrap_or(u32::MAX), "closed list is", "closed lists are")) " incomplete, "
            (count(u32::try_from(open).unwrap_or(u32::MAX), "list is", "lists are")) " provisional."
        }
    }
}

/// What a flag says, and what it does.
const fn told(flag: QualityFlag) -> Option<(&'static str, &'static str)> {
    Some(match flag {
        QualityFlag::LatePlan => ("plan issued after its start", "the first plan counts, whenever it came"),
        QualityFlag::PlanRevisedOnDay => {
            ("plan revised on the day", "the plan in force at the start stays the denominator")
        }
        QualityFlag::OpenCase => ("a case without an end", "its time is unknown: the figure is a range"),
        QualityFlag::EndOnlyCase => ("a case without a start", "its time is unknown: the figure is a range"),
        QualityFlag::RejectedStamps => ("stamps that cannot be", "the case is taken as open: the figure is a range"),
        QualityFlag::Overlap => ("two cases at once", "their common minutes count once"),
        QualityFlag::FallbackStamps => ("touch from second-best stamps", "starts or ends may be minutes off"),
        QualityFlag::EmptyPlan => ("a plan without length", "no utilisation at all"),
        QualityFlag::ClassUnknown => ("day case or inpatient not known", "the day-case rate is provisional"),
        QualityFlag::InferredOccupancy => {
            ("inferred from the room’s signals", "times are those of sensors, not of people")
        }
        QualityFlag::OutOfOrder => ("a milestone out of its order", "it counts as it was reported"),
        QualityFlag::LateStart | QualityFlag::EarlyFinish | QualityFlag::Overrun => return None,
    })
}

/// What is in doubt, and what it does.
type Doubt = (String, String);

fn lists(day: &SiteDay, rules: &RuleSet) -> Markup {
    let rows: Vec<(&str, &SessionResult, Vec<Doubt>)> = day
        .rooms
        .iter()
        .flat_map(|room| room.lists.iter().map(move |list| (room.name.as_str(), list)))
        .filter_map(|(name, list)| {
            let mut found: Vec<Doubt> = list
                .quality
                .iter()
                .filter_map(|flag| told(*flag))
                .map(|(what, does)| (what.to_owned(), does.to_owned()))
                .collect();
            if list.revised {
                found.push(("revised after closing".to_owned(), "an earlier print of it may differ".to_owned()));
            }
            let missing = list.excluded.iter().filter(|out| out.reason == ExclusionReason::NeverStarted).count();
            if missing > 0 && list.state == SessionState::Closed {
                let what = count(
                    u32::try_from(missing).unwrap_or(u32::MAX),
                    "booked case never started",
                    "booked cases never started",
                );
                found.push((what, "no touch to count, and no cancellation was sent".to_owned()));
            }
            (!found.is_empty()).then_some((name, list, found))
        })
        .collect();
    html! {
        h2 { "Lists" }
        @if rows.is_empty() { p.lede { "Every list has all stamps, a plan in time, and nothing in doubt." } } @else {
            div.scroll { table {
                thead { tr { th { "Room" } th { "List" } th { "What" } th { "What it does" } th.n { "Figure" } } }
                tbody {
                    @for (name, list, found) in rows {
                        @for (i, (what, does)) in found.iter().enumerate() {
                            tr.first[i == 0] {
                                td { @if i == 0 { (name) } }
                                td { @if i == 0 { a href=(audit_link(list)) { (Local::new(day.zone).time(list.planned_start)) "–" (Local::new(day.zone).time(list.planned_end)) } } }
                                td { (what) }
                                td.dim { (does) }
                                td.n { @if i == 0 { (figure(list, rules)) } }
                            }
                        }
                    }
                }
            } }
        }
    }
}

fn figure(list: &SessionResult, rules: &RuleSet) -> Markup {
    let standing = Standing::of(list, rules.variant);
    let (low, high) = (standing.share(), standing.best_share());
    html! {
        @if let Some(low) = low.filter(|_| is_held(list)) {
            (low.percent(1)) @if let Some(high) = high.filter(|_| standing.best.is_some_and(|best| best > standing.counted)) { " to " (high.percent(1)) } " %"
        } @else { "–" }
    }
}

/// What a scanner session's flag says.
fn scanners(day: &SiteDay) -> Markup {
    let rows: Vec<_> = day
        .rooms
        .iter()
        .flat_map(|room| room.scans.iter().map(move |session| (room.name.as_str(), session)))
        .filter(|(_, session)| !session.quality.is_empty())
        .collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Scanner sessions" }
            div.scroll { table {
                thead { tr { th { "Room" } th { "Session" } th { "What" } } }
                tbody { @for (name, session) in rows { tr {
                    td { (name) }
                    td { a href=(scan_link(session)) { (Local::new(day.zone).time(session.planned_start)) "–" (Local::new(day.zone).time(session.planned_end)) } }
                    td { @for (i, flag) in session.quality.iter().enumerate() { @if i > 0 { ", " } (scanner_flag(*flag)) } }
                } } }
            } }
        }
    }
}

fn scanner_flag(flag: ScannerFlag) -> String {
    flag.name().replace('_', " ")
}

fn feeds(day: &SiteDay) -> Markup {
    let local = Local::new(day.zone);
    let watched: Vec<_> = day.rooms.iter().filter(|room| room.feed.expected_every.is_some()).collect();
    let silent: Vec<_> = watched.iter().filter(|room| room.feed.is_silent(day.as_at)).collect();
    html! {
        h2 { "Feeds" }
        @if silent.is_empty() {
            p.lede { "None of " (count(u32::try_from(watched.len()).unwrap_or(u32::MAX), "watched room is", "watched rooms is")) " silent now." }
        } @else {
            div.scroll { table {
                thead { tr { th { "Room" } th { "Last heard" } th { "What it does" } } }
                tbody { @for room in silent { tr {
                    td { (room.name) }
                    td { @match room.feed.last_heard { Some(heard) => (local.date_and_time(heard)), None => "never", } }
                    td.dim { "what has happened since is unknown, never idle; it counts as soon as it arrives" }
                } } }
            } }
        }
    }
}

fn conditions(day: &SiteDay) -> Markup {
    html! {
        h2 { "Agents, clocks, losses and held messages" }
        @if day.conditions.is_empty() { p.lede { "No agent reports a loss, a refusal or a doubtful clock; nothing is held back." } } @else {
            div.scroll { table {
                thead { tr { th { "What" } th { "How it stands" } th { "Meaning" } th { "What to do" } } }
                tbody { @for condition in &day.conditions { tr {
                    td { (condition.subject) } td { b { (condition.standing) } } td { (condition.text) } td.dim { @if let Some(advice) = &condition.advice { (advice) } }
                } } }
            } }
        }
    }
}

fn messages(held: &[HeldMessage], local: Local) -> Markup {
    html! {
        h2 { "Held messages" }
        @if held.is_empty() { p.lede { "None." } } @else {
            p.lede { "Letters are shown as a, digits as 9: a message may hold anything. They are in no figure; " code { "touchtime quarantine retry" } " tries them again." }
            div.scroll { table {
                thead { tr { th.n { "No." } th { "Received" } th { "Agent" } th { "Why" } th.n { "Bytes" } th { "Shape" } } }
                tbody { @for message in held { tr {
                    td.n { (message.id) } td { (local.date_and_time(message.received)) } td { (message.agent) } td { (message.reason) } td.n { (message.length) }
                    td { code.shape { (message.shape) } }
                } } }
            } }
        }
    }
}
