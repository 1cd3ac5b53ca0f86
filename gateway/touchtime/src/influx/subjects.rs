//! What of a store is exported, cut into subjects: a list, a day of a room, a trend. A subject is sent as a whole and known
//! by its name, so that what is no longer so can be taken back.
//!
//! ```text
//! list/{trust}/{session id}             a theatre list or a scanner session
//! state/{trust}/{site}.{room}.{date}    what a room did, by local date
//! hours/{trust}/{site}.{room}.{date}    what ended in each hour, by UTC date
//! trend/...                             a measure of a group, week by week or month by month
//! ```

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use influx::point::Point;
use influx::points::{list, scanner, state, trend};
use room_events::{SiteId, TrustId, UtcMillis};
use store::{Reader, RoomRow};
use utilisation::facts::Room;
use utilisation::result::SessionResult;
use utilisation::scanner::result::ScannerSession;
use utilisation::theatre::{Detail, measure_room};
use utilisation::timeline::{Precedence, RoomTimeline};

use crate::measured::{ScannerSettings, measure_scanners, measure_store, timeline_between, whole_timeline};

/// Sessions that a day's figures can depend on lie within so many days of it.
const NEIGHBOUR_DAYS: u64 = 4;

/// A subject and its points as of now; none: it is no more.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Its points.
    pub points: Vec<Point>,
}

/// First and last local date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dates {
    /// First.
    pub first: NaiveDate,
    /// Last.
    pub last: NaiveDate,
}

impl Dates {
    /// Whether the date is one of them.
    pub fn include(self, date: NaiveDate) -> bool {
        self.first <= date && date <= self.last
    }

    /// With this date as well.
    #[must_use]
    pub fn and(self, date: NaiveDate) -> Self {
        Self { first: self.first.min(date), last: self.last.max(date) }
    }

    fn days(self) -> impl Iterator<Item = NaiveDate> {
        let next = |day: &NaiveDate| day.checked_add_days(Days::new(1));
        std::iter::successors(Some(self.first), next).take_while(move |day| *day <= self.last)
    }

    /// The instants that figures of these dates can rest on.
    fn reach(self) -> (UtcMillis, UtcMillis) {
        let far = |date: Option<NaiveDate>, otherwise| {
            let date = date.map(|date| date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis());
            date.map_or(otherwise, UtcMillis::saturating)
        };
        (
            far(self.first.checked_sub_days(Days::new(NEIGHBOUR_DAYS)), UtcMillis::MIN),
            far(self.last.checked_add_days(Days::new(NEIGHBOUR_DAYS + 1)), UtcMillis::MAX),
        )
    }
}

/// The subjects of a room, and where the sessions are that lie outside of the dates asked for.
#[derive(Debug, Default)]
pub struct RoomSubjects {
    /// As of now, none empty but for days on which nothing is.
    pub subjects: Vec<Subject>,
    /// By subject, the local date of sessions that were met outside of the dates.
    pub elsewhere: BTreeMap<String, NaiveDate>,
}

/// How results are made.
#[derive(Debug, Clone)]
pub struct Measuring {
    /// Rules, closures and targets.
    pub scanners: ScannerSettings,
    /// Which source is believed.
    pub precedence: Precedence,
}

/// What names of a room's subjects of one kind begin with.
pub fn beginning(kind: &str, trust: &TrustId, site: &SiteId, room: &room_events::RoomId) -> String {
    format!("{kind}/{trust}/{site}.{room}.")
}

impl Measuring {
    /// The subjects of a room on these local dates, or on all.
    pub fn room(
        &self,
        reader: &Reader,
        row: &RoomRow,
        dates: Option<Dates>,
        now: UtcMillis,
    ) -> anyhow::Result<RoomSubjects> {
        let timeline = match dates {
            Some(dates) => {
                let (from, to) = dates.reach();
                timeline_between(reader, row, from, to)?
            }
            None => whole_timeline(reader, row)?,
        };
        let mut found = if timeline.room().kind.is_theatre_like() {
            self.theatre(&timeline, dates, now)
        } else {
            self.scanner(&timeline, dates, now)
        };
        // A day on which nothing is any more is a subject too.
        if let Some(dates) = dates {
            let room = timeline.room();
            for day in dates.days() {
                for kind in ["state", "hours"] {
                    let name = format!("{}{day}", beginning(kind, &room.trust, &room.site, &room.room));
                    if !found.subjects.iter().any(|subject| subject.name == name) {
                        found.subjects.push(Subject { name, points: Vec::new() });
                    }
                }
            }
        }
        Ok(found)
    }

    fn theatre(&self, timeline: &RoomTimeline, dates: Option<Dates>, now: UtcMillis) -> RoomSubjects {
        let room = timeline.room();
        let rules = &self.scanners.rules;
        let result = measure_room(room, &timeline.facts(&self.precedence), rules, now, Detail::Figures);
        let sessions = result.sessions.iter().map(|session: &SessionResult| {
            let point = |place| list::list(session, place, rules);
            (session.id.as_str(), session.planned_start, session.local_date, point)
        });
        let mut found = sessions_of(room, dates, sessions);
        let spells = list::states(&result, |_| true);
        found.subjects.extend(by_day(
            room,
            dates,
            "state",
            spells.iter().map(|spell| {
                (local_date(room, spell.from), state::state(&room.trust, &room.site, &room.room, room.kind, spell))
            }),
        ));
        found
    }

    fn scanner(&self, timeline: &RoomTimeline, dates: Option<Dates>, now: UtcMillis) -> RoomSubjects {
        let room = timeline.room();
        let result = self.scanners.measure(timeline, &self.precedence, now);
        let sessions = result.sessions.iter().map(|session: &ScannerSession| {
            let point = |place| scanner::session(session, place);
            (session.id.as_str(), session.planned_start, session.local_date, point)
        });
        let mut found = sessions_of(room, dates, sessions);
        let spells = scanner::states(&result, |_| true);
        found.subjects.extend(by_day(
            room,
            dates,
            "state",
            spells.iter().map(|spell| {
                (local_date(room, spell.from), state::state(&room.trust, &room.site, &room.room, room.kind, spell))
            }),
        ));
        found.subjects.extend(by_day(
            room,
            dates,
            "hours",
            result.hours.iter().map(|hour| (utc_date(hour.hour), scanner::hour(room, hour))),
        ));
        found
    }

    /// The trends of the whole store.
    pub fn trends(&self, reader: &Reader, now: UtcMillis, today: NaiveDate) -> anyhow::Result<Vec<Subject>> {
        let (sessions, _) = measure_store(reader, &self.precedence, &self.scanners.rules, now)?;
        let mut series = trend::theatre(&sessions, &self.scanners.rules, &self.scanners.targets, today);
        drop(sessions);
        let scanners = measure_scanners(reader, &self.precedence, &self.scanners, now)?;
        let sessions: Vec<ScannerSession> = scanners.into_iter().flat_map(|room| room.result.sessions).collect();
        series.extend(trend::scanners(&sessions, &self.scanners.targets, today));
        Ok(series.into_iter().map(|series| Subject { name: series.subject, points: series.points }).collect())
    }
}

/// Each session's subject; several of one start are told apart in order of their ids.
fn sessions_of<'s, P: Fn(usize) -> Point>(
    room: &Room,
    dates: Option<Dates>,
    sessions: impl Iterator<Item = (&'s str, UtcMillis, NaiveDate, P)>,
) -> RoomSubjects {
    let mut sessions: Vec<_> = sessions.collect();
    sessions.sort_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)));
    let mut found = RoomSubjects::default();
    let (mut place, mut before) = (0, None);
    for (id, start, date, point) in sessions {
        place = if before == Some(start) { place + 1 } else { 1 };
        before = Some(start);
        let name = format!("list/{}/{id}", room.trust);
        if dates.is_none_or(|dates| dates.include(date)) {
            found.subjects.push(Subject { name, points: vec![point(place)] });
        } else {
            found.elsewhere.insert(name, date);
        }
    }
    found
}

fn by_day(
    room: &Room,
    dates: Option<Dates>,
    kind: &str,
    points: impl Iterator<Item = (NaiveDate, Point)>,
) -> impl Iterator<Item = Subject> {
    let mut days: BTreeMap<NaiveDate, Vec<Point>> = BTreeMap::new();
    for (day, point) in points.filter(|(day, _)| dates.is_none_or(|dates| dates.include(*day))) {
        days.entry(day).or_default().push(point);
    }
    let beginning = beginning(kind, &room.trust, &room.site, &room.room);
    days.into_iter().map(move |(day, points)| Subject { name: format!("{beginning}{day}"), points })
}

/// The local date of an instant in a room.
pub fn local_date(room: &Room, at: UtcMillis) -> NaiveDate {
    let at = chrono::DateTime::from_timestamp_millis(at.millis()).unwrap_or_default();
    at.with_timezone(&room.zone).date_naive()
}

fn utc_date(at: UtcMillis) -> NaiveDate {
    chrono::DateTime::from_timestamp_millis(at.millis()).unwrap_or_default().date_naive()
}

/// The first date in a subject's name, if it has one.
pub fn date_in(name: &str) -> Option<NaiveDate> {
    let (kind, rest) = name.split_once('/')?;
    if kind == "trend" {
        return None;
    }
    rest.split('.').nth(2)?.get(..10)?.parse().ok()
}
