//! [`ListHours`]: when in the week planned minutes are used. Each list's planned minutes and the touch inside them,
//! by local hour; [`HourGrid`] sums them up by hour and weekday.
//!
//! Over all hours the minutes are those of the list: planned, and capped under `window`.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use room_events::UtcMillis;

use crate::quantity::{Minutes, Ratio};
use crate::result::{CaseState, SessionResult};

const HOURS: usize = 24;
const DAYS: usize = 7;

/// Minutes of one local hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HourMinutes {
    /// Planned.
    pub planned: Minutes,
    /// With a patient touched.
    pub used: Minutes,
}

impl HourMinutes {
    /// Used of planned; absent where nothing was planned.
    pub const fn share(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.used, self.planned)
    }

    fn add(&mut self, other: Self) {
        self.planned += other.planned;
        self.used += other.used;
    }
}

/// One list's minutes by local hour, on the weekday of its date.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListHours(Box<[(u8, HourMinutes)]>);

impl ListHours {
    /// Of a closed list with its cases; nothing of any other.
    pub fn of(session: &SessionResult, zone: Tz) -> Self {
        if session.figures.cases_started == 0 || session.closed_at.is_none() {
            return Self::default();
        }
        let mut hours = [HourMinutes::default(); HOURS];
        spread(session.planned_start, session.planned_end, zone, |hour, minutes| hours[hour].planned += minutes);
        for (from, to) in used(session) {
            spread(from, to, zone, |hour, minutes| hours[hour].used += minutes);
        }
        let with_any = hours.into_iter().zip(0_u8..).filter(|(minutes, _)| *minutes != HourMinutes::default());
        Self(with_any.map(|(minutes, hour)| (hour, minutes)).collect())
    }
}

/// The stretches of the plan in which a patient was touched, overlaps joined.
fn used(session: &SessionResult) -> Vec<(UtcMillis, UtcMillis)> {
    let closed = session.cases.iter().filter(|case| matches!(case.state, CaseState::Complete | CaseState::Abandoned));
    let mut stretches: Vec<(UtcMillis, UtcMillis)> = closed
        .filter_map(|case| Some((case.start?.max(session.planned_start), case.end?.min(session.planned_end))))
        .filter(|(from, to)| from < to)
        .collect();
    stretches.sort_unstable();
    stretches.dedup_by(|next, before| {
        let joins = next.0 <= before.1;
        if joins {
            before.1 = before.1.max(next.1);
        }
        joins
    });
    stretches
}

/// Cuts a stretch at the full hours of the site's clock.
fn spread(from: UtcMillis, to: UtcMillis, zone: Tz, mut each: impl FnMut(usize, Minutes)) {
    const HOUR_MS: i64 = 3_600_000;
    let mut at = from;
    while at < to {
        let local = DateTime::<Utc>::from_timestamp_millis(at.millis()).unwrap_or_default().with_timezone(&zone);
        let into_hour = i64::from(local.minute()) * 60_000
            + i64::from(local.second()) * 1000
            + i64::from(local.timestamp_subsec_millis() % 1000);
        let next = at.plus_millis((HOUR_MS - into_hour).max(1)).min(to);
        each(local.hour() as usize % HOURS, Minutes::between(at, next));
        at = next;
    }
}

/// Minutes by weekday and local hour.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HourGrid([[HourMinutes; HOURS]; DAYS]);

impl HourGrid {
    /// Adds a list of that local date.
    pub fn add(&mut self, date: NaiveDate, hours: &ListHours) {
        let day = &mut self.0[date.weekday().num_days_from_monday() as usize % DAYS];
        for (hour, minutes) in &hours.0 {
            day[usize::from(*hour) % HOURS].add(*minutes);
        }
    }

    /// One cell.
    pub fn cell(&self, day: Weekday, hour: usize) -> HourMinutes {
        self.0[day.num_days_from_monday() as usize % DAYS][hour % HOURS]
    }

    /// A weekday's hours together.
    pub fn day(&self, day: Weekday) -> HourMinutes {
        sum(&self.0[day.num_days_from_monday() as usize % DAYS])
    }

    /// An hour of all days.
    pub fn hour(&self, hour: usize) -> HourMinutes {
        sum(self.0.iter().filter_map(|day| day.get(hour)))
    }

    /// Everything.
    pub fn whole(&self) -> HourMinutes {
        sum(self.0.iter().flatten())
    }
}

fn sum<'m>(minutes: impl IntoIterator<Item = &'m HourMinutes>) -> HourMinutes {
    minutes.into_iter().fold(HourMinutes::default(), |mut sum, minutes| {
        sum.add(*minutes);
        sum
    })
}
