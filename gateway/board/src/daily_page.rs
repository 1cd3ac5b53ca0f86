//! A day on one page for the morning meeting, and a month as a pack; both as pages of the board and as files that hold
//! everything they need, to be printed or sent.

mod day;
mod month;

use chrono::NaiveDate;
use maud::{Markup, html};
use room_events::SiteId;
use utilisation::periods::PeriodLength;
use utilisation::rules::RuleSet;

use crate::history::History;
use crate::shell::{Theme, file, page};

/// What a reader asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct DailyChoice {
    pub(crate) site: Option<SiteId>,
    pub(crate) date: Option<NaiveDate>,
    pub(crate) theme: Option<Theme>,
}

/// The page of a day.
pub(crate) fn daily_page(history: &History, choice: &DailyChoice, rules: &RuleSet) -> Result<Markup, String> {
    let (site, date) = day_of(history, choice.site.as_ref(), choice.date)?;
    let body = html! { (neighbours(history, &site, date)) (day::day(history, &site, date, rules)) };
    let title = format!("{}, {date}", history.site_name(&site));
    Ok(page(&title, choice.theme, None, false, &html! { div.read.daily { (body) } }))
}

/// A day as one file; without a site the first one, without a date the latest day with a list before today. `board` is
/// the address that links are to lead to.
pub fn daily_file(
    history: &History,
    site: Option<&SiteId>,
    date: Option<NaiveDate>,
    rules: &RuleSet,
    board: Option<&str>,
) -> Result<String, String> {
    let (site, date) = day_of(history, site, date)?;
    let body = html! { div.read.daily { (day::day(history, &site, date, rules)) } };
    Ok(file(&format!("{}, {date}", history.site_name(&site)), &body, board))
}

/// A month, such as `2022-01`, of every site as one file; without a month the latest one that is over.
pub fn monthly_file(
    history: &History,
    month: Option<&str>,
    rules: &RuleSet,
    board: Option<&str>,
) -> Result<String, String> {
    let over = |list: &NaiveDate| PeriodLength::Month.is_over(*list, history.today);
    let first_days = history.lists.iter().filter_map(|list| first_of_month(list.session.local_date));
    let first = match month {
        Some(month) => PeriodLength::Month
            .first_day(month)
            .ok_or_else(|| format!("`{month}` is not a month (write it like 2022-01)"))?,
        None => first_days.clone().filter(over).max().ok_or("no month with a list is over yet")?,
    };
    if !first_days.clone().any(|day| day == first) {
        return Err(format!("there is no list in {} (choose another month)", first.format("%B %Y")));
    }
    let body = html! { div.read.daily { (month::month(history, first, rules)) } };
    Ok(file(&format!("{}, {}", history.trust_name, first.format("%B %Y")), &body, board))
}

fn first_of_month(date: NaiveDate) -> Option<NaiveDate> {
    use chrono::Datelike as _;
    date.with_day(1)
}

fn day_of(history: &History, site: Option<&SiteId>, date: Option<NaiveDate>) -> Result<(SiteId, NaiveDate), String> {
    let site = match site {
        Some(site) if history.sites.iter().any(|(id, _)| id == site) => site.clone(),
        Some(site) => return Err(format!("There is no site “{site}”.")),
        None => history.sites.first().map(|(id, _)| id.clone()).ok_or("No room has been heard of yet.")?,
    };
    let days = history.lists.iter().filter(|list| list.session.site == site).map(|list| list.session.local_date);
    let date = match date {
        Some(date) => date,
        None => days.filter(|day| *day < history.today).max().ok_or("No day with a list is over yet.")?,
    };
    Ok((site, date))
}

fn neighbours(history: &History, site: &SiteId, date: NaiveDate) -> Markup {
    let days = || history.lists.iter().filter(|list| list.session.site == *site).map(|list| list.session.local_date);
    let link = |day: NaiveDate| format!("/daily?site={site}&date={day}");
    html! {
        nav.tools.days aria-label="Days" {
            @if let Some(day) = days().filter(|day| *day < date).max() { a href=(link(day)) { "‹ " (day.format("%-d %B %Y").to_string()) } }
            @if let Some(day) = days().filter(|day| *day > date && *day <= history.today).min() { a href=(link(day)) { (day.format("%-d %B %Y").to_string()) " ›" } }
            @for (other, name) in history.sites.iter().filter(|(other, _)| other != site) { a href=(format!("/daily?site={other}&date={date}")) { (name) } }
        }
    }
}
