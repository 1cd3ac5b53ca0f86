//! Spare capacity: coming lists without a booking or with room for whole cases, by site and kind of room, for those who
//! look for a theatre: mutual aid, hubs, short-notice patients.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use maud::{Markup, html};
use room_events::{RoomKind, SiteId};
use utilisation::quantity::Minutes;
use utilisation::rules::RuleSet;

use crate::history::{ComingList, History};
use crate::shell::{Theme, page};
use crate::wording::{Local, grouped, long_date};

/// So many days ahead unless asked otherwise.
const DAYS: u64 = 28;

/// What a reader asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct SpareChoice {
    pub(crate) site: Option<SiteId>,
    pub(crate) kind: Option<RoomKind>,
    pub(crate) days: Option<u64>,
    pub(crate) theme: Option<Theme>,
}

impl SpareChoice {
    fn until(&self, history: &History) -> NaiveDate {
        history.today.checked_add_days(Days::new(self.days.unwrap_or(DAYS))).unwrap_or(NaiveDate::MAX)
    }

    fn takes(&self, list: &ComingList, history: &History) -> bool {
        self.site.as_ref().is_none_or(|site| list.session.site == *site)
            && self.kind.is_none_or(|kind| list.session.room_kind == kind)
            && list.session.local_date <= self.until(history)
            && list.spare.is_any()
    }
}

/// Sums of one site and kind of room.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    unbooked: u32,
    with_room: u32,
    free: Minutes,
    cases: u32,
}

/// The whole page.
pub(crate) fn spare_page(history: &History, choice: &SpareChoice, rules: &RuleSet) -> Markup {
    let mut lists: Vec<&ComingList> = history.coming.iter().filter(|list| choice.takes(list, history)).collect();
    lists.sort_by_key(|list| (list.session.planned_start, list.session.site.clone(), list.session.room.clone()));
    let mut sums: BTreeMap<(SiteId, RoomKind), Sums> = BTreeMap::new();
    for list in &lists {
        let sum = sums.entry((list.session.site.clone(), list.session.room_kind)).or_default();
        sum.unbooked += u32::from(list.spare.booked == 0);
        sum.with_room += u32::from(list.spare.booked > 0);
        sum.free += list.spare.free;
        sum.cases += list.spare.whole_cases.unwrap_or(0);
    }
    let body = html! {
        div.read.spare {
            header.head {
                div {
                    div.crumb { a href="/" { "Board" } " / Spare capacity" }
                    h1 { "Spare capacity to " (long_date(choice.until(history))) }
                }
                span.sp {}
                div.fresh { "Rules " b { (rules.name) } ", as at " (as_at(history)) br; (lists.len()) " lists with room of " (history.coming.len()) " that are planned" }
            }
            form.choose action="/spare-capacity" method="get" {
                label { "Site " select name="site" { option value="" { "all" } @for (site, name) in &history.sites { option value=(site) selected[choice.site.as_ref() == Some(site)] { (name) } } } }
                label { "Rooms " select name="kind" { option value="" { "all" } @for kind in RoomKind::ALL.iter().filter(|kind| kind.is_theatre_like()) { option value=(kind.name()) selected[choice.kind == Some(*kind)] { (kind_words(*kind)) } } } }
                label { "Days ahead " input type="number" name="days" min="1" max="366" value=(choice.days.unwrap_or(DAYS)); }
                @if let Some(theme) = choice.theme { input type="hidden" name="theme" value=(theme.name()); }
                button type="submit" { "Show" }
            }
            @if lists.is_empty() {
                p.lede { "No coming list is without bookings or has room for a whole case." }
            } @else {
                h2 { "By site and kind of room" }
                div.scroll { table { thead { tr { th { "Site" } th { "Rooms" } th.n { "Lists without a booking" } th.n { "Lists with room" } th.n { "Free min" } th.n { "Whole cases" } } } tbody {
                    @for ((site, kind), sum) in &sums {
                        tr { td { (history.site_name(site)) } td { (kind_words(*kind)) } td.n { (sum.unbooked) } td.n { (sum.with_room) } td.n { (whole(sum.free)) } td.n { (sum.cases) } }
                    }
                } } }
                h2 { "Each list" }
                p.lede { "Bookings are expected to end at the median of like cases, turnovers and first starts of the last 180 days. A whole case is the usual touch and turnover of the list's specialty." }
                div.scroll { table { thead { tr { th { "Date" } th { "Room" } th { "Specialty" } th { "Kind" } th.n { "Planned" } th.n { "Booked" } th.n { "Expected to end" } th.n { "Free min" } th.n { "Min a case" } th.n { "Whole cases" } } } tbody {
                    @for list in &lists { (row(list, history)) }
                } } }
            }
        }
    };
    page("Spare capacity", choice.theme, None, false, &body)
}

fn row(list: &ComingList, history: &History) -> Markup {
    let (session, spare, local) = (&list.session, &list.spare, Local::new(list.zone));
    html! {
        tr {
            td { (session.local_date.format("%a %-d %b %Y").to_string()) }
            td { a href=(format!("/lists/{}", session.id)) { (history.room_name(&session.site, &session.room)) } @if history.sites.len() > 1 { ", " (history.site_name(&session.site)) } }
            td { @match &session.specialty { Some(specialty) => (specialty), None => "–" } }
            td { (session.kind.name()) }
            td.n { (local.time(session.planned_start)) "–" (local.time(session.planned_end)) }
            td.n { @if spare.booked == 0 { b { "none" } } @else { (spare.booked) } }
            td.n { @match spare.finish { Some(finish) => (local.time(finish)), None => "–" } }
            td.n { (whole(spare.free)) }
            td.n { @match spare.each { Some(each) => (whole(each)), None => "not known" } }
            td.n { @match spare.whole_cases { Some(cases) => b { (cases) }, None => "–" } }
        }
    }
}

fn as_at(history: &History) -> String {
    let zone = history.coming.first().map_or(chrono_tz::Europe::London, |list| list.zone);
    Local::new(zone).date_and_time(history.as_at)
}

pub(crate) const fn kind_words(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Theatre => "theatres",
        RoomKind::CathLab => "cath labs",
        RoomKind::Endoscopy => "endoscopy",
        RoomKind::Mri => "MRI",
        RoomKind::Ct => "CT",
        RoomKind::Nous => "ultrasound",
        RoomKind::Echo => "echo",
    }
}

fn whole(minutes: Minutes) -> String {
    grouped((minutes.millis() + 30_000).div_euclid(60_000))
}
