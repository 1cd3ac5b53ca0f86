//! Hour by weekday: where in the week planned minutes are used, and where not.

use chrono::Weekday;
use maud::{Markup, html};
use utilisation::hours::{HourGrid, HourMinutes};
use utilisation::quantity::Minutes;

use crate::history::PastList;
use crate::wording::grouped;

/// Cells with fewer planned minutes are in brackets: one list would make their colour.
const FEW: Minutes = Minutes::whole(300);
const DAYS: [(Weekday, &str); 7] = [
    (Weekday::Mon, "Mon"),
    (Weekday::Tue, "Tue"),
    (Weekday::Wed, "Wed"),
    (Weekday::Thu, "Thu"),
    (Weekday::Fri, "Fri"),
    (Weekday::Sat, "Sat"),
    (Weekday::Sun, "Sun"),
];

/// The table, which is the picture.
pub(crate) fn week_grid(lists: &[&PastList]) -> Markup {
    let mut grid = HourGrid::default();
    for list in lists {
        grid.add(list.session.local_date, &list.hours);
    }
    let planned = |minutes: HourMinutes| minutes.planned > Minutes::ZERO;
    let hours: Vec<usize> = (0..24).filter(|hour| planned(grid.hour(*hour))).collect();
    let days: Vec<(Weekday, &str)> = DAYS.into_iter().filter(|(day, _)| planned(grid.day(*day))).collect();
    html! {
        section {
            h2 { "Hour by weekday" }
            p.lede { "Percent of planned minutes with a patient touched; darker is fuller. In brackets: under 300 planned minutes." }
            div.scroll { table.heat {
                thead { tr { th {} @for hour in &hours { th scope="col" { (format!("{hour:02}–{:02}", hour + 1)) } } th scope="col" { b { "day" } } } }
                tbody {
                    @for (day, name) in &days {
                        tr { th scope="row" { (name) } @for hour in &hours { (cell(grid.cell(*day, *hour))) } (total(grid.day(*day))) }
                    }
                    tr { th scope="row" { b { "hour" } } @for hour in &hours { (total(grid.hour(*hour))) } (total(grid.whole())) }
                }
            } }
        }
    }
}

fn cell(minutes: HourMinutes) -> Markup {
    let Some(share) = minutes.share() else { return html! { td.few { "–" } } };
    let percent = share.percent(0);
    let step = match share.as_f64() {
        share if share < 0.2 => "h0",
        share if share < 0.4 => "h1",
        share if share < 0.7 => "h2",
        share if share < 0.8 => "h3",
        share if share < 0.9 => "h4",
        _ => "h5",
    };
    html! {
        @if minutes.planned < FEW { td.few title=(of(minutes)) { "(" (percent) ")" } }
        @else { td class=(step) title=(of(minutes)) { (percent) } }
    }
}

fn total(minutes: HourMinutes) -> Markup {
    html! { td title=(of(minutes)) { b { @match minutes.share() { Some(share) => (share.percent(0)), None => "–" } } } }
}

fn of(minutes: HourMinutes) -> String {
    let whole = |minutes: Minutes| grouped((minutes.millis() + 30_000).div_euclid(60_000));
    format!("{} of {} planned min", whole(minutes.used), whole(minutes.planned))
}
