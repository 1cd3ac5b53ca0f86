//! The time axis that all rows of a page share: instants to percentages of its width, so that a picture needs no size.

use maud::{Markup, html};
use room_events::UtcMillis;
use utilisation::result::SessionState;

use crate::room_state::{first_start, is_open, last_end};
use crate::scanner_state::counted;
use crate::source::SiteDay;
use crate::wording::Local;

/// A blank quarter of an hour on both sides keeps the posts of a planned window off the edge.
const MARGIN_MINUTES: i64 = 15;
/// A shorter day would make few minutes look long.
const LEAST_HOURS: i64 = 8;
/// A longer axis (a wrong stamp, a list of a day and more) would make every bar a hair.
const MOST_HOURS: i64 = 30;
/// About so many pixels a timeline is wide on a desk or a wall; decides only whether a label fits.
const WIDE_PIXELS: f64 = 680.0;
/// About so many pixels it is wide on a telephone.
const NARROW_PIXELS: f64 = 360.0;
/// Half the width of the now label, in pixels.
const HALF_LABEL: f64 = 26.0;

/// From the first full hour to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) from: UtcMillis,
    pub(crate) to: UtcMillis,
}

/// Whether a label fits into a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// On every screen.
    Always,
    /// On a wide one only.
    Wide,
    /// Nowhere.
    Never,
}

impl Axis {
    /// Around all of the instants, in full hours of the site's clock, and at least so many of them.
    pub(crate) fn around(
        local: Local,
        least_hours: i64,
        instants: impl IntoIterator<Item = UtcMillis>,
    ) -> Option<Self> {
        let mut instants = instants.into_iter();
        let first = instants.next()?;
        let (low, high) = instants.fold((first, first), |(low, high), at| (low.min(at), high.max(at)));
        let low = local.floor_hour(low);
        let high = local.ceil_hour(high).max(low.plus_minutes(least_hours * 60)).min(low.plus_minutes(MOST_HOURS * 60));
        Some(Self { from: low.plus_minutes(-MARGIN_MINUTES), to: high.plus_minutes(MARGIN_MINUTES) })
    }

    /// Around all lists and scanner sessions of a day: planned windows, cases and steps outside them, and now while one
    /// is open.
    pub(crate) fn of_day(local: Local, day: &SiteDay) -> Option<Self> {
        let lists = || day.rooms.iter().filter(|room| room.kind.is_theatre_like()).flat_map(|room| &room.lists);
        let mut instants = Vec::new();
        for list in lists() {
            instants.extend([list.planned_start, list.planned_end]);
            instants.extend(first_start(list));
            instants.extend(last_end(list));
            let begun_and_open = is_open(list) && list.planned_start <= day.as_at;
            let longest = list.planned_end.plus_minutes(24 * 60);
            if begun_and_open && day.as_at <= longest {
                instants.push(day.as_at);
            }
        }
        let forecasts = day.rooms.iter().flat_map(|room| &room.forecasts).map(|of| &of.forecast);
        instants.extend(forecasts.map(|forecast| forecast.range.map_or(forecast.finish, |(_, late)| late)));
        for session in day.rooms.iter().flat_map(|room| &room.scans) {
            instants.extend([session.planned_start, session.planned_end]);
            instants.extend(counted(session).map(|step| step.start).min());
            instants.extend(counted(session).filter_map(|step| step.end).max());
            if session.state == SessionState::Running && session.planned_start <= day.as_at {
                instants.push(day.as_at);
            }
        }
        Self::around(local, LEAST_HOURS, instants)
    }

    fn share(self, at: UtcMillis) -> f64 {
        let span = self.to.millis_since(self.from).max(1);
        at.millis_since(self.from) as f64 / span as f64
    }

    /// Whether an instant is on it.
    pub(crate) fn holds(self, at: UtcMillis) -> bool {
        self.from <= at && at <= self.to
    }

    /// An instant's place, `12.345%`.
    pub(crate) fn x(self, at: UtcMillis) -> String {
        format!("{:.3}%", self.share(at) * 100.0)
    }

    /// Whether `text` fits between two instants at so many pixels a character.
    pub(crate) fn fit(self, from: UtcMillis, to: UtcMillis, text: &str, pixels_per_character: f64) -> Fit {
        let share = self.share(to.min(self.to)) - self.share(from.max(self.from));
        let wanted = text.chars().count() as f64 * pixels_per_character;
        if share * NARROW_PIXELS > wanted {
            Fit::Always
        } else if share * WIDE_PIXELS > wanted {
            Fit::Wide
        } else {
            Fit::Never
        }
    }

    /// Whether a line at `line` would strike out a number at `at`.
    pub(crate) fn is_near(self, line: UtcMillis, at: UtcMillis) -> bool {
        (self.share(line) - self.share(at)).abs() * NARROW_PIXELS < 16.0
    }

    /// The full hours on it.
    pub(crate) fn hours(self) -> impl Iterator<Item = UtcMillis> {
        let first = self.from.plus_minutes(MARGIN_MINUTES);
        let last = self.to;
        (0..).map(move |hour: i64| first.plus_minutes(hour * 60)).take_while(move |&at| at <= last)
    }

    /// A filled stretch; nothing when none of it is on the axis.
    pub(crate) fn bar(self, from: UtcMillis, to: UtcMillis, y: f64, height: f64, class: &str) -> Markup {
        let (from, to) = (from.max(self.from), to.min(self.to));
        html! {
            @if to > from {
                rect x=(self.x(from)) width=(format!("{:.3}%", (self.share(to) - self.share(from)) * 100.0))
                    y=(y) height=(height) class=(class) {}
            }
        }
    }

    /// A vertical line.
    pub(crate) fn post(self, at: UtcMillis, y1: u32, y2: u32, class: &str) -> Markup {
        html! {
            @if self.holds(at) { line x1=(self.x(at)) x2=(self.x(at)) y1=(y1) y2=(y2) class=(class) {} }
        }
    }

    /// The hours and the now label above the rows.
    pub(crate) fn heading(self, local: Local, now: UtcMillis) -> Markup {
        let near_now = |at: UtcMillis, pixels: f64| {
            self.holds(now) && (self.share(at) - self.share(now)).abs() * pixels < HALF_LABEL + 16.0
        };
        // On a narrow screen every second hour has room for its label, and fewer where the day is long.
        let hours = self.hours().count();
        let (every, every_narrow) = if hours > 20 {
            (2, 4)
        } else if hours > 13 {
            (1, 3)
        } else {
            (1, 2)
        };
        html! {
            svg.axis height="30" aria-hidden="true" {
                @for (i, at) in self.hours().enumerate() {
                    @if i % every == 0 {
                        text x=(self.x(at)) y="25" class={ "mid t14 t-dim" @if i % every_narrow != 0 || near_now(at, NARROW_PIXELS) { " w60" } @if near_now(at, WIDE_PIXELS) { " under" } } {
                            (local.time(at).get(..2).unwrap_or_default())
                        }
                    }
                }
                @if self.holds(now) {
                    svg.now-label x=(self.x(now)) y="0" width="1" height="1" {
                        g transform=(format!("translate({:.0})", self.label_shift(now))) {
                            rect x="-26" y="8" width="52" height="22" class="f-ink" {}
                            text x="0" y="24.5" class="mid t16 bold on-ink" { (local.time(now)) }
                        }
                    }
                }
            }
        }
    }

    /// How far the now label stands beside its line, so that no edge of a narrow screen cuts it. The script knows the
    /// real width and corrects it.
    fn label_shift(self, now: UtcMillis) -> f64 {
        let at = self.share(now) * NARROW_PIXELS;
        (HALF_LABEL - at).max(0.0) - (at + HALF_LABEL - NARROW_PIXELS).max(0.0)
    }

    /// The now line of a row.
    pub(crate) fn now_line(self, now: UtcMillis, height: u32) -> Markup {
        self.post(now, 0, height, "now")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_runs_over_full_hours_and_at_least_eight() {
        let local = Local::new(chrono_tz::Europe::London);
        let at = |hour: i64, minute: i64| UtcMillis::new(1_644_537_600_000).unwrap().plus_minutes(hour * 60 + minute);
        let axis = Axis::around(local, 8, [at(7, 10), at(9, 0)]).unwrap();
        assert_eq!((local.time(axis.from), local.time(axis.to)), ("06:45".into(), "15:15".into()));
        let axis = Axis::around(local, 8, [at(17, 1), at(7, 0)]).unwrap();
        assert_eq!((local.time(axis.from), local.time(axis.to)), ("06:45".into(), "18:15".into()));
        assert_eq!(axis.hours().count(), 12);
        assert_eq!(axis.x(axis.from), "0.000%");
        let shifts = [axis.from, at(12, 0), axis.to].map(|now| axis.label_shift(now));
        assert_eq!(shifts, [26.0, 0.0, -26.0], "the label stays on the screen");
        assert_eq!(Axis::around(local, 8, []), None);
    }

    #[test]
    fn a_stamp_from_another_week_does_not_flatten_the_day() {
        let local = Local::new(chrono_tz::Europe::London);
        let start = UtcMillis::new(1_644_562_800_000).unwrap();
        let axis = Axis::around(local, 8, [start, start.plus_minutes(7 * 24 * 60)]).unwrap();
        assert!(axis.to.millis_since(axis.from) <= (MOST_HOURS * 60 + 2 * MARGIN_MINUTES) * 60_000);
    }
}
