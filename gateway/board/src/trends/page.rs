//! The page of trends, from the choices on top to the tables below each picture.

use std::collections::BTreeSet;

use maud::{Markup, html};
use room_events::{Label, ListKind, RoomKind};
use utilisation::aggregate::Dimension;
use utilisation::periods::PeriodLength;
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;

use super::choice::{Asked, Choice, UNITS};
use super::control_svg::{Drawn, Scale, Size, assurance, control_svg, variation};
use super::measure_words::{SHOWN, number, printed, terms, words};
use super::series::{Ground, Series, Unit};
use super::tables::{late_early_over, period_table, planned_change};
use super::units::{multiples, peers};
use super::week_grid::week_grid;
use crate::history::{History, PastList};
use crate::shell::page;
use crate::wording::grouped;

/// The page for what the address asks after `?`; the error is for the reader.
pub fn trends_html(history: &History, query: &str, rules: &RuleSet) -> Result<String, String> {
    let address = axum::http::Uri::try_from(format!("/trends?{query}")).map_err(|error| error.to_string())?;
    let asked = axum::extract::Query::<Asked>::try_from_uri(&address).map_err(|error| error.to_string())?;
    asked.choice(history).map(|choice| trends_page(history, &choice, rules).into_string())
}

/// The whole page.
pub(crate) fn trends_page(history: &History, choice: &Choice, rules: &RuleSet) -> Markup {
    let ground = Ground { history, choice, rules };
    let lists: Vec<&PastList> = history.lists.iter().filter(|list| choice.takes(list)).collect();
    let sessions: Vec<&SessionResult> = lists.iter().map(|list| &list.session).collect();
    let (title, _) = words(choice.measure);
    let body = html! {
        div.read.trends {
            (head(&ground, &sessions))
            (form(history, choice))
            @match (ground.whole(&sessions), ground.series(&sessions)) {
                (Some(whole), Some(series)) => {
                    @let mut units = ground.units(&sessions);
                    @let () = in_order_of_display(history, &mut units);
                    div.half {
                        (scope(&ground, &whole, &series))
                        div { (planned_change(&whole, &series)) (late_early_over(&whole, &sessions)) }
                    }
                    (key())
                    @if units.len() > 1 {
                        h2 { "Each " (unit_word(choice.by)) " by " (choice.period.name()) }
                        p.lede { "All on one scale. Fewer than 12 points: trial limits. Dotted line: target. A name leads to the page of that " (unit_word(choice.by)) "." }
                        (multiples(&ground, &units))
                        div.half {
                            (peers(&ground, &units))
                            (week_grid(&lists))
                        }
                    } @else { (week_grid(&lists)) }
                },
                (None, _) | (_, None) => p.lede { "No list matches. Choose other dates, rooms or kinds." },
            }
        }
    };
    page(&format!("{title}, trends"), choice.theme, None, false, &body)
}

/// The chart of a choice alone.
pub(crate) fn chart_of(history: &History, choice: &Choice, rules: &RuleSet) -> Markup {
    let ground = Ground { history, choice, rules };
    let sessions: Vec<&SessionResult> =
        history.lists.iter().filter(|list| choice.takes(list)).map(|list| &list.session).collect();
    html! {
        @if let (Some(whole), Some(series)) = (ground.whole(&sessions), ground.series(&sessions)) {
            div { h3.later { (words(choice.measure).0) } (scope(&ground, &whole, &series)) }
        }
    }
}

/// The units of a choice and when in the week its minutes are used.
pub(crate) fn units_of(history: &History, choice: &Choice, rules: &RuleSet) -> Markup {
    let ground = Ground { history, choice, rules };
    let lists: Vec<&PastList> = history.lists.iter().filter(|list| choice.takes(list)).collect();
    let sessions: Vec<&SessionResult> = lists.iter().map(|list| &list.session).collect();
    let units = ground.units(&sessions);
    html! {
        div.half { (peers(&ground, &units)) (week_grid(&lists)) }
        @if let Some(whole) = ground.whole(&sessions) { (late_early_over(&whole, &sessions)) }
    }
}

fn head(ground: &Ground<'_>, sessions: &[&SessionResult]) -> Markup {
    let Ground { history, choice, rules } = ground;
    let dates = || sessions.iter().map(|session| session.local_date);
    let (title, formula) = words(choice.measure);
    let held = ground.whole(sessions);
    html! {
        header.head {
            div {
                div.crumb { a href="/" { "Board" } " / " (place(history, choice)) " / Trends" }
                h1 { (title) @if let (Some(first), Some(last)) = (dates().min(), dates().max()) { ", " (first.format("%-d %B %Y").to_string()) " to " (last.format("%-d %B %Y").to_string()) } }
            }
            span.sp {}
            div.fresh {
                "Rules " b { (rules.name) } ", variant " b { (rules.variant.name()) } " · " (formula) br;
                @if let Some(row) = held {
                    (grouped(i64::try_from(row.sessions_held).unwrap_or_default())) " " (choice.kind.name()) " lists held, "
                    (grouped(i64::try_from(row.cases_completed).unwrap_or_default())) " cases completed, "
                    (grouped((row.planned_min.millis() + 30_000).div_euclid(60_000))) " planned min, "
                    (row.sessions_incomplete) " incomplete"
                }
            }
        }
    }
}

fn place(history: &History, choice: &Choice) -> String {
    let mut parts = vec![match &choice.site {
        Some(site) => history.site_name(site),
        None => history.trust_name.clone(),
    }];
    if let (Some(site), Some(room)) = (&choice.site, &choice.room) {
        parts.push(history.room_name(site, room));
    }
    parts.extend(choice.specialty.as_ref().map(ToString::to_string));
    parts.join(", ")
}

const fn unit_word(by: Dimension) -> &'static str {
    match by {
        Dimension::Room => "room",
        Dimension::Site => "site",
        Dimension::Specialty => "specialty",
        Dimension::Trust => "trust",
        Dimension::Team => "team",
        Dimension::Week => "week",
        Dimension::Month => "month",
    }
}

fn in_order_of_display(history: &History, units: &mut [Unit]) {
    let site = |unit: &Unit| history.sites.iter().position(|(id, _)| Some(id) == unit.row.site.as_ref());
    let room = |unit: &Unit| {
        history
            .rooms
            .iter()
            .position(|(site, room, _)| Some(site) == unit.row.site.as_ref() && Some(room) == unit.row.room.as_ref())
    };
    units.sort_by_cached_key(|unit| (site(unit), room(unit), unit.name.clone()));
}

/// What is asked for, to be changed without script.
fn form(history: &History, choice: &Choice) -> Markup {
    let option = |value: &str, text: &str, chosen: bool| html! { option value=(value) selected[chosen] { (text) } };
    let specialties: BTreeSet<&Label> =
        history.lists.iter().filter_map(|list| list.session.specialty.as_ref()).collect();
    let room_kinds: BTreeSet<RoomKind> = history.lists.iter().map(|list| list.session.room_kind).collect();
    let date = |date: Option<chrono::NaiveDate>| date.map(|date| date.to_string());
    html! {
        form.choose action="/trends" method="get" {
            label { "Measure " select name="measure" { @for measure in SHOWN { (option(measure.name(), words(*measure).0, *measure == choice.measure)) } } }
            label { "Compare " select name="by" { @for by in UNITS { (option(by.name(), unit_word(*by), *by == choice.by)) } } }
            label { "By " select name="period" { @for length in [PeriodLength::Week, PeriodLength::Month] { (option(length.name(), length.name(), length == choice.period)) } } }
            label { "Lists " select name="kind" { @for kind in ListKind::ALL { (option(kind.name(), kind.name(), *kind == choice.kind)) } } }
            @if room_kinds.len() > 1 {
                label { "Rooms " select name="rooms" { @for kind in &room_kinds { (option(kind.name(), kind.name(), *kind == choice.rooms)) } } }
            }
            @if history.sites.len() > 1 || choice.site.is_some() {
                label { "Site " select name="site" { (option("", "all", choice.site.is_none())) @for (site, name) in &history.sites { (option(site.as_str(), name, choice.site.as_ref() == Some(site))) } } }
            }
            @if let Some(room) = &choice.room { label { "Room " select name="room" { (option("", "all", false)) (option(room.as_str(), &choice.site.as_ref().map_or_else(|| room.to_string(), |site| history.room_name(site, room)), true)) } } }
            label { "Specialty " select name="specialty" { (option("", "all", choice.specialty.is_none())) @for specialty in specialties { (option(specialty.as_str(), specialty.as_str(), choice.specialty.as_ref() == Some(specialty))) } } }
            label { "From " input type="date" name="from" value=[date(choice.from)]; }
            label { "to " input type="date" name="to" value=[date(choice.to)]; }
            @if let Some(theme) = choice.theme { input type="hidden" name="theme" value=(theme.name()); }
            button type="submit" { "Show" }
        }
    }
}

/// The chart of everything asked for, with its two icons.
fn scope(ground: &Ground<'_>, whole: &utilisation::aggregate::AggregateRow, series: &Series) -> Markup {
    let choice = ground.choice;
    let target = ground.target();
    let target_text = target.map(|target| number(choice.measure, target.value, 0));
    let value = target.map(|target| target.value);
    let scale = Scale::of_charts([&series.chart], value, choice.measure, Size::Large);
    let (v_icon, v_name, v_why) = variation(&series.chart, choice.period.name());
    let (a_icon, a_name, a_why) = assurance(&series.chart, target_text.as_deref());
    let terms = terms(choice.measure, whole);
    let of = if terms.is_empty() { String::new() } else { format!(" ({terms})") };
    let label = format!("{} by {}, an XmR chart; table below", words(choice.measure).0, choice.period.name());
    html! {
        section {
            h2 { (place(ground.history, choice)) " by " (choice.period.name()) ": " (printed(choice.measure, whole)) @if target.is_some() { ", " (a_name.to_lowercase()) } }
            p.lede { "All " (whole.sessions_held) " lists together" (of) ". " @if let (Some(text), Some(target)) = (&target_text, target) { "Dotted line: target " (text) " (" (target.source) ")." } }
            @if let Some(scale) = scale {
                div.chart { (control_svg(&series.chart, &Drawn { measure: choice.measure, length: choice.period, scale, target: value, size: Size::Large, label: &label })) }
            }
            div.verdicts {
                (v_icon) div { b { (v_name) } span.dim { (v_why) } }
                (a_icon) div { b { (a_name) } span.dim { (a_why) } }
            }
            details { summary { "Table of the " (series.chart.points.len()) " " (choice.period.name()) "s" } (period_table(choice.measure, series)) }
        }
    }
}

fn key() -> Markup {
    html! {
        p.tools.keys {
            "Solid line mean, dashed lines process limits (mean ± 2.66 × mean moving range; outlying moving ranges screened once)."
            span.key { svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true" { circle r="4.5" class="x-common" {} } "common cause" }
            span.key { svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true" { path d="M-6.5-4.5 0 7.5 6.5-4.5Z" class="x-concern" {} } "special cause, concern" }
            span.key { svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true" { path d="M-6.5 4.5 0-7.5 6.5 4.5Z" class="x-improve" {} } "special cause, improvement" }
            span.key { svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true" { rect x="-5.5" y="-5.5" width="11" height="11" class="f-ink" {} } "special cause, neither" }
            span.key { svg width="10" height="10" viewBox="-5 -5 10 10" aria-hidden="true" { path d="M-3-3 3 3M3-3-3 3" class="s-ink2 w15" {} } "no list" }
        }
    }
}
