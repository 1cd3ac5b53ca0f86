//! Before and after a change: what a new technology or slot template did to the exams per hour of a scanner.
//!
//! ```text
//! weeks of a room      | exams / observed hours | limits of the weeks before, limits of the weeks after
//! change per hour      = exams / hours after - exams / hours before
//! extra scans          = change per hour x operational hours of a machine in a year, as they are after the change
//! ```
//!
//! A week is from Monday; the change cuts its own week in two, so that no point mixes both. Whether there was an effect
//! is asked of the limits from before: an average always moves, and only a special cause is more than chance.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};
use room_events::{RoomKind, TrustId};

use super::aggregate::{Named, ScannerAggregate, sums};
use super::result::{ScannerSession, per_hour};
use crate::control::{Chart, Judged, Limits, Period, Verdict, chart, marks_under};
use crate::measure::{Direction, Measure};
use crate::quantity::Minutes;

/// Days of the year that extra scans are told for.
const DAYS_OF_YEAR: f64 = 365.0;

/// A room, or all rooms of a kind on a site, week by week.
#[derive(Debug, Clone, PartialEq)]
pub struct WeeklyRates {
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: String,
    /// Room; absent: all rooms of the kind on the site, given where there are several.
    pub room: Option<String>,
    /// What the rooms are.
    pub room_kind: RoomKind,
    /// The weeks in order, those without a session too, the one that is not over last.
    pub weeks: Vec<Week>,
    /// The control chart of their exams per hour.
    pub chart: Chart,
    /// The target, where all sessions have the same.
    pub target: Option<f64>,
}

/// A week, or the part of it on one side of the change.
#[derive(Debug, Clone, PartialEq)]
pub struct Week {
    /// Its first date: a Monday, or the date of the change.
    pub first: NaiveDate,
    /// Its last date.
    pub last: NaiveDate,
    /// It is not before the change.
    pub is_after: bool,
    /// It is over.
    pub is_over: bool,
    /// Rooms with a session.
    pub machines: u32,
    /// Operational minutes of its sessions.
    pub operational: Minutes,
    /// Exams of the sessions with enough observed time.
    pub exams: u32,
    /// Observed minutes of the same.
    pub observed: Minutes,
}

impl Week {
    /// Exams per observed operational hour.
    pub fn exams_per_hour(&self) -> Option<f64> {
        per_hour(self.exams, self.observed)
    }

    /// `2026-W07`; the part from a change on as `2026-W07 from 2026-02-11`.
    pub fn name(&self) -> String {
        let week = self.first.format("%G-W%V");
        if self.first.weekday() == chrono::Weekday::Mon {
            week.to_string()
        } else {
            format!("{week} from {}", self.first)
        }
    }
}

/// The weeks before a change, or those from it on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Weeks with a rate.
    pub weeks: u32,
    /// Exams in their observed time.
    pub exams: u32,
    /// That time.
    pub observed: Minutes,
    /// Limits of the weeks' rates; absent for fewer than 2.
    pub limits: Option<Limits>,
    /// There are too few weeks for firm limits.
    pub trial: bool,
}

impl Stretch {
    /// Exams per observed operational hour of all its weeks together.
    pub fn exams_per_hour(&self) -> Option<f64> {
        per_hour(self.exams, self.observed)
    }
}

/// What the weeks after a change are under the limits from before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finding {
    /// Special causes for the better.
    Improvement,
    /// Special causes for the worse.
    Concern,
    /// Both.
    Mixed,
    /// None: the weeks after could be chance.
    CouldBeChance,
    /// Fewer than 2 weeks before, or none after.
    TooFewWeeks,
}

impl Finding {
    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Improvement => "improvement",
            Self::Concern => "concern",
            Self::Mixed => "mixed",
            Self::CouldBeChance => "could_be_chance",
            Self::TooFewWeeks => "too_few_weeks",
        }
    }
}

/// What a change did.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Weeks with a rate before it.
    pub before: Stretch,
    /// And from it on.
    pub after: Stretch,
    /// Machines that scanned after it.
    pub machines: u32,
    /// Operational hours of a machine in a year, as the weeks after the change have them.
    pub hours_per_machine_year: Option<f64>,
    /// What the weeks after are under the limits from before.
    pub finding: Finding,
}

impl Effect {
    /// Exams per hour after less before.
    pub fn change_per_hour(&self) -> Option<f64> {
        Some(self.after.exams_per_hour()? - self.before.exams_per_hour()?)
    }

    /// The exams that the change amounts to for a machine in a year; negative where there are fewer.
    pub fn extra_per_machine_year(&self) -> Option<f64> {
        Some(self.change_per_hour()? * self.hours_per_machine_year?)
    }
}

impl WeeklyRates {
    /// What the change at which the weeks are cut did.
    pub fn effect(&self) -> Effect {
        let side = |is_after: bool| self.weeks.iter().filter(move |week| week.is_after == is_after && week.is_over);
        let (before, after) = (self.stretch(side(false)), self.stretch(side(true)));
        let rates: Vec<f64> = side(true).filter_map(Week::exams_per_hour).collect();
        let operational: Minutes = side(true).map(|week| week.operational).sum();
        let days: i64 = side(true).map(|week| (week.last - week.first).num_days() + 1).sum();
        let machines = side(true).map(|week| week.machines).max().unwrap_or(0);
        #[allow(clippy::cast_precision_loss, reason = "a count of days")]
        let hours_per_machine_year = (days > 0 && machines > 0)
            .then(|| operational.as_f64() / 60.0 / days as f64 * DAYS_OF_YEAR / f64::from(machines));
        let finding = match before.limits {
            Some(limits) if !rates.is_empty() => found(&rates, &limits),
            Some(_) | None => Finding::TooFewWeeks,
        };
        Effect { before, after, machines, hours_per_machine_year, finding }
    }

    fn stretch<'w>(&self, weeks: impl Iterator<Item = &'w Week>) -> Stretch {
        let (mut stretch, mut first) =
            (Stretch { weeks: 0, exams: 0, observed: Minutes::ZERO, limits: None, trial: true }, None);
        for week in weeks {
            first = first.or(Some(week.name()));
            stretch.weeks += u32::from(week.exams_per_hour().is_some());
            stretch.exams += week.exams;
            stretch.observed += week.observed;
        }
        let point = self.chart.points.iter().find(|point| Some(&point.period) == first.as_ref());
        if let Some(drawn) = point.and_then(|point| self.chart.stretches.get(point.stretch)) {
            (stretch.limits, stretch.trial) = (drawn.limits, drawn.trial);
        }
        stretch
    }
}

fn found(rates: &[f64], before: &Limits) -> Finding {
    let marks = marks_under(rates, before, Direction::HigherIsBetter);
    let any = |verdict: Verdict| marks.iter().flatten().any(|mark| mark.verdict == verdict);
    match (any(Verdict::Improvement), any(Verdict::Concern)) {
        (true, true) => Finding::Mixed,
        (true, false) => Finding::Improvement,
        (false, true) => Finding::Concern,
        (false, false) => Finding::CouldBeChance,
    }
}

/// A room, or none for all of its kind on the site.
type Unit = (TrustId, String, RoomKind, Option<String>);

/// The weeks of each room by trust, site, kind and room; where a site has several rooms of a kind, all of them follow together.
/// `change` cuts the weeks and begins new limits; `today` is the local date, to tell which weeks are over.
pub fn weekly_rates(sessions: &[ScannerSession], change: Option<NaiveDate>, today: NaiveDate) -> Vec<WeeklyRates> {
    let mut rooms: BTreeMap<(TrustId, String, RoomKind), BTreeSet<String>> = BTreeMap::new();
    for session in sessions {
        let kind = (session.trust.clone(), session.site.to_string(), session.room_kind);
        rooms.entry(kind).or_default().insert(session.room.to_string());
    }
    let named = |session: &ScannerSession, room: Option<String>| {
        let site = session.site.to_string();
        let unit: Unit = (session.trust.clone(), site.clone(), session.room_kind, room.clone());
        ((unit, begins(session.local_date, change)), Named { site: Some(site), room, month: None })
    };
    let of_rooms = sums(sessions, |session| named(session, Some(session.room.to_string())));
    let of_kinds = sums(sessions, |session| named(session, None));
    let mut machines: BTreeMap<(Unit, NaiveDate), u32> = BTreeMap::new();
    for ((trust, site, kind, _), begins) in of_rooms.keys() {
        *machines.entry(((trust.clone(), site.clone(), *kind, None), *begins)).or_default() += 1;
    }

    let mut units: BTreeMap<Unit, Vec<(Week, ScannerAggregate)>> = BTreeMap::new();
    for ((unit, first), sum) in of_rooms.into_iter().chain(of_kinds) {
        let several = rooms.get(&(unit.0.clone(), unit.1.clone(), unit.2)).is_some_and(|rooms| rooms.len() > 1);
        if unit.3.is_some() || several {
            let machines = machines.get(&(unit.clone(), first)).copied().unwrap_or(1);
            let mut week = empty_week(first, change, today);
            (week.machines, week.operational) = (machines, sum.operational);
            (week.exams, week.observed) = (sum.rate.0, sum.rate.2);
            units.entry(unit).or_default().push((week, sum));
        }
    }
    let mut rates: Vec<WeeklyRates> =
        units.into_iter().map(|(unit, weeks)| drawn(unit, weeks, change, today)).collect();
    rates.sort_by_key(|unit| {
        (unit.trust.clone(), unit.site.clone(), unit.room_kind, unit.room.is_none(), unit.room.clone())
    });
    rates
}

fn drawn(
    (trust, site, room_kind, room): Unit,
    known: Vec<(Week, ScannerAggregate)>,
    change: Option<NaiveDate>,
    today: NaiveDate,
) -> WeeklyRates {
    let targets: Vec<Option<f64>> = known.iter().map(|(_, sum)| sum.target).collect();
    let target = targets.first().copied().flatten().filter(|_| targets.windows(2).all(|pair| pair[0] == pair[1]));
    let mut weeks: Vec<Week> = Vec::with_capacity(known.len());
    for (week, _) in known {
        while let Some(missing) = weeks.last().map(|last| last.last + Days::new(1)).filter(|next| *next < week.first) {
            weeks.push(empty_week(missing, change, today));
        }
        weeks.push(week);
    }
    let first_after = weeks.iter().find(|week| week.is_after).map(|week| week.first);
    let series: Vec<Period> = weeks
        .iter()
        .map(|week| Period {
            name: week.name(),
            value: week.exams_per_hour(),
            complete: week.is_over,
            rebase: change.filter(|_| first_after == Some(week.first)).map(|on| format!("change on {on}")),
        })
        .collect();
    let judged = Judged { target, ..Judged::by(Measure::ExamsPerHour.direction()) };
    WeeklyRates { trust, site, room, room_kind, chart: chart(&series, &judged), weeks, target }
}

fn empty_week(first: NaiveDate, change: Option<NaiveDate>, today: NaiveDate) -> Week {
    let sunday = monday(first) + Days::new(6);
    let is_after = change.is_some_and(|on| on <= first);
    let last = change.filter(|on| first < *on && *on <= sunday).map_or(sunday, |on| on - Days::new(1));
    Week {
        first,
        last,
        is_after,
        is_over: last < today,
        machines: 0,
        operational: Minutes::ZERO,
        exams: 0,
        observed: Minutes::ZERO,
    }
}

/// The first date of the week, or of the part of it, in which a date lies.
fn begins(date: NaiveDate, change: Option<NaiveDate>) -> NaiveDate {
    let monday = monday(date);
    change.filter(|on| monday < *on && *on <= date).unwrap_or(monday)
}

fn monday(date: NaiveDate) -> NaiveDate {
    date - Days::new(u64::from(date.weekday().num_days_from_monday()))
}
