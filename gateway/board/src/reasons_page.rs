//! The page of reasons: which of them cost most, by room, specialty and period (Pareto).

use chrono::{Days, NaiveDate};
use maud::{Markup, html};
use room_events::RemarkAbout;
use serde::Deserialize;
use utilisation::quantity::Minutes;
use utilisation::reasons::{Bar, Explained, pareto};

use crate::corrections::{REASONS_FOR, about_in_words};
use crate::shell::page;
use crate::source::{Reasons, Source, SourceError};
use crate::wording::{Local, count, grouped, long_date, passed};

/// Four weeks, unless the reader asks for others.
const USUAL_DAYS: u64 = 27;
/// More days at once would keep others waiting.
const MOST_DAYS: i64 = 366;

/// What the address asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    from: String,
    to: String,
    about: String,
    room: String,
    specialty: String,
}

/// A choice that can be shown.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    from: NaiveDate,
    to: NaiveDate,
    about: RemarkAbout,
    room: String,
    specialty: String,
}

impl Asked {
    /// The choice; an error tells the reader what to change in the address.
    pub(crate) fn choice(&self, source: &dyn Source) -> Result<Choice, String> {
        let date = |text: &str| match text {
            "" => Ok(None),
            text => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(Some)
                .map_err(|_| format!("“{text}” is not a date (write it like 2022-02-11).")),
        };
        let today = Local::new(chrono_tz::UTC).date(source.now());
        let latest = source.latest_day().map_or(today, |latest| latest.min(today));
        let to = date(&self.to)?.unwrap_or(latest);
        let from = date(&self.from)?.or_else(|| to.checked_sub_days(Days::new(USUAL_DAYS))).unwrap_or(to);
        if from > to {
            return Err("The first day is after the last one; swap them.".to_owned());
        }
        if (to - from).num_days() >= MOST_DAYS {
            return Err("This is more than a year; choose a shorter period.".to_owned());
        }
        let about = RemarkAbout::from_name(&self.about).unwrap_or(RemarkAbout::LateStart);
        Ok(Choice { from, to, about, room: self.room.clone(), specialty: self.specialty.clone() })
    }
}

impl Choice {
    fn takes(&self, item: &Explained) -> bool {
        item.about == self.about
            && (self.room.is_empty() || self.room == format!("{}/{}", item.site, item.room))
            && (self.specialty.is_empty() || item.specialty.as_ref().is_some_and(|s| s.as_str() == self.specialty))
    }

    /// The items that are chosen.
    pub(crate) fn items<'r>(&self, reasons: &'r Reasons) -> Vec<&'r Explained> {
        reasons.items.iter().filter(|item| self.takes(item)).collect()
    }

    pub(crate) fn days(&self) -> (NaiveDate, NaiveDate) {
        (self.from, self.to)
    }
}

/// The page.
pub(crate) fn reasons_page(choice: &Choice, reasons: &Reasons) -> Markup {
    let bars = pareto(choice.items(reasons));
    let title = format!("Reasons: {}", about_in_words(choice.about));
    let body = html! {
        div.read {
            header.head { div { div.crumb { a href="/" { "Board" } } h1 { (title) } } span.sp {}
                div.fresh { (long_date(choice.from)) " to " (long_date(choice.to)) br; a href={ "/reasons.csv?" (query(choice)) } download { "As CSV" } } }
            (filters(choice, reasons))
            @if bars.is_empty() { p.note { "Nothing to explain in this choice: no such list, or no reason given." } } @else { (table(choice, &bars)) }
            p.small {
                "A late start or an overrun counts from the flag of the rule set on, or with a reason; a gap with a reason; a cancellation on the day. "
                "Reasons are given on each list’s page."
            }
        }
    };
    page(&title, None, None, false, &body)
}

fn query(choice: &Choice) -> String {
    let mut query = format!("from={}&to={}&about={}", choice.from, choice.to, choice.about);
    for (key, value) in [("room", &choice.room), ("specialty", &choice.specialty)] {
        if !value.is_empty() {
            query += &format!("&{key}={}", crate::wording::in_address(value));
        }
    }
    query
}

fn filters(choice: &Choice, reasons: &Reasons) -> Markup {
    let mut rooms: Vec<(String, &str)> =
        reasons.rooms.iter().map(|(site, room, name)| (format!("{site}/{room}"), name.as_str())).collect();
    rooms.sort();
    let mut specialties: Vec<&str> =
        reasons.items.iter().filter_map(|item| item.specialty.as_ref()).map(|s| s.as_str()).collect();
    specialties.sort_unstable();
    specialties.dedup();
    html! {
        form.row-of-fields method="get" action="/reasons" {
            div { label for="about" { "For" } select #about name="about" {
                @for about in REASONS_FOR { option value=(about.name()) selected[about == choice.about] { (about_in_words(about)) } }
            } }
            div { label for="from" { "From" } input #from type="date" name="from" value=(choice.from); }
            div { label for="to" { "To" } input #to type="date" name="to" value=(choice.to); }
            div { label for="room" { "Room" } select #room name="room" {
                option value="" { "all rooms" }
                @for (id, name) in &rooms { option value=(id) selected[*id == choice.room] { (name) } }
            } }
            div { label for="specialty" { "Specialty" } select #specialty name="specialty" {
                option value="" { "all specialties" }
                @for specialty in specialties { option value=(specialty) selected[specialty == choice.specialty] { (specialty) } }
            } }
            button.go type="submit" { "Show" }
        }
    }
}

/// Whole minutes, `10,628`.
fn in_thousands(minutes: Minutes) -> String {
    grouped(passed(minutes))
}

fn table(choice: &Choice, bars: &[Bar]) -> Markup {
    let has_minutes = choice.about != RemarkAbout::Cancellation;
    let size = |bar: &Bar| if has_minutes { bar.minutes.as_f64() } else { f64::from(bar.times) };
    let most = bars.iter().map(size).fold(0.0, f64::max).max(1e-9);
    let times: u32 = bars.iter().map(|bar| bar.times).sum();
    let minutes: Minutes = bars.iter().map(|bar| bar.minutes).sum();
    let unexplained = bars.iter().filter(|bar| bar.reason.is_none()).map(|bar| bar.times).sum::<u32>();
    html! {
        p.lede {
            (count(times, "time", "times")) @if has_minutes { ", " (in_thousands(minutes)) " min" }
            @if unexplained > 0 { "; of " (unexplained) " nobody has said why" } "."
        }
        div.scroll { table.pareto {
            thead { tr { th { "Reason" } th.n { "Times" } @if has_minutes { th.n { "Minutes" } } th {} th.n { "Sum of shares" } } }
            tbody {
                @for bar in bars {
                    tr {
                        td { @match &bar.reason { Some(reason) => (reason), None => span.dim { "nobody said" }, } }
                        td.n { (bar.times) }
                        @if has_minutes { td.n { (in_thousands(bar.minutes)) } }
                        td.bar { svg height="18" width="100%" aria-hidden="true" {
                            rect x="0" y="2" height="14" width=(format!("{:.2}%", 100.0 * size(bar) / most)) class=(if bar.reason.is_some() { "f-proc s-edge" } else { "f-unk s-unk" }) {}
                        } }
                        td.n { @if let Some(share) = bar.cumulative { (share.percent(0)) " %" } }
                    }
                }
            }
        } }
    }
}

/// What is chosen, one line for each thing that there is to explain.
pub(crate) fn reasons_csv(choice: &Choice, reasons: &Reasons) -> String {
    let mut text = "list,site,room,specialty,local_date,about,reason,minutes\n".to_owned();
    for item in choice.items(reasons) {
        let label = |label: Option<&room_events::Label>| {
            label.map_or_else(String::new, |l| crate::wording::csv_field(l.as_str()))
        };
        let minutes = item.minutes.map_or_else(String::new, |minutes| format!("{}", minutes.as_f64()));
        text += &format!(
            "{},{},{},{},{},{},{},{minutes}\n",
            item.list,
            item.site,
            item.room,
            label(item.specialty.as_ref()),
            item.date,
            item.about,
            label(item.reason.as_ref())
        );
    }
    text
}

/// The reasons of a choice, read from the source.
pub(crate) fn read(source: &dyn Source, choice: &Choice) -> Result<Reasons, SourceError> {
    let (from, to) = choice.days();
    source.reasons(from, to)
}
