//! [`trial`]: what forecasts are worth, on lists that they were not fitted on.

use room_events::UtcMillis;

use super::{Forecaster, is_in_room, is_to_come};
use crate::quantity::{Minutes, Ratio};
use crate::result::{SessionResult, SessionState};

/// When in a list it is forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A quarter of the planned minutes have passed.
    Quarter,
    /// Half of them.
    Half,
    /// Three quarters.
    ThreeQuarters,
}

impl Moment {
    /// In order of time.
    pub const ALL: [Self; 3] = [Self::Quarter, Self::Half, Self::ThreeQuarters];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quarter => "quarter",
            Self::Half => "half",
            Self::ThreeQuarters => "three_quarters",
        }
    }

    /// The moment that an instant is closest to.
    pub(super) fn nearest(session: &SessionResult, at: UtcMillis) -> Self {
        let planned = Minutes::between(session.planned_start, session.planned_end).millis();
        let passed = Minutes::between(session.planned_start, at).millis();
        match passed.saturating_mul(8) {
            eighths if eighths < planned.saturating_mul(3) => Self::Quarter,
            eighths if eighths < planned.saturating_mul(5) => Self::Half,
            _ => Self::ThreeQuarters,
        }
    }

    /// Its instant in a list, to the minute; absent where the plan has no length.
    pub(super) fn of(self, session: &SessionResult) -> Option<UtcMillis> {
        let quarters = match self {
            Self::Quarter => 1,
            Self::Half => 2,
            Self::ThreeQuarters => 3,
        };
        let planned = Minutes::between(session.planned_start, session.planned_end).millis() / 60_000;
        (planned > 0).then(|| session.planned_start.plus_minutes(planned * quarters / 4))
    }
}

/// Forecasts held against what happened, all made at one moment of their lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The moment.
    pub moment: Moment,
    /// Lists that were forecast. Not among them: lists that were over by then, and those forecast by booked minutes alone.
    pub lists: u64,
    /// How far the forecast was from the finish, on average.
    pub forecast_error_min: f64,
    /// The same of the booked schedule: the end of the last booked slot.
    pub schedule_error_min: f64,
    /// The same of the booked minutes laid end to end from that moment on.
    pub booked_minutes_error_min: f64,
    /// By how much the finish was later than the forecast, on average.
    pub forecast_bias_min: f64,
    /// Finishes inside the range, which is to hold 80 %.
    pub inside_range: Option<Ratio>,
    /// How long the range is, on average.
    pub range_min: f64,
}

/// Fits on some lists and forecasts others, at each moment.
pub fn trial(fitted_on: &[SessionResult], tested_on: &[SessionResult]) -> Vec<Trial> {
    let forecaster = Forecaster::fit(fitted_on);
    Moment::ALL.iter().map(|moment| at_moment(&forecaster, *moment, tested_on)).collect()
}

/// The latest known end of a closed list.
pub(super) fn last_end(session: &SessionResult) -> Option<UtcMillis> {
    session.cases.iter().filter_map(|case| case.end).max()
}

fn at_moment(forecaster: &Forecaster, moment: Moment, sessions: &[SessionResult]) -> Trial {
    let (mut lists, mut inside) = (0_u64, 0_u64);
    let [mut forecast_error, mut schedule_error, mut booked_error, mut bias, mut range_min] = [0.0; 5];
    let closed = sessions.iter().filter(|session| session.state == SessionState::Closed && session.complete);
    for session in closed {
        let (Some(at), Some(end)) = (moment.of(session), last_end(session)) else { continue };
        let Some(forecast) = forecaster.replay(session, at).filter(|_| end > at) else { continue };
        let (Some((from, to)), Some(scheduled)) = (forecast.range, scheduled_end(session)) else { continue };
        let off = |from: UtcMillis| Minutes::between(from, end).as_f64();
        lists += 1;
        inside += u64::from(from <= end && end <= to);
        forecast_error += off(forecast.finish).abs();
        schedule_error += off(scheduled).abs();
        booked_error += off(booked_from(session, at)).abs();
        bias += off(forecast.finish);
        range_min += Minutes::between(from, to).as_f64();
    }
    let mean = |sum: f64| if lists == 0 { 0.0 } else { sum / lists as f64 };
    Trial {
        moment,
        lists,
        forecast_error_min: mean(forecast_error),
        schedule_error_min: mean(schedule_error),
        booked_minutes_error_min: mean(booked_error),
        forecast_bias_min: mean(bias),
        inside_range: Ratio::of_counts(inside, lists),
        range_min: mean(range_min),
    }
}

/// The latest end of a booked slot.
fn scheduled_end(session: &SessionResult) -> Option<UtcMillis> {
    let ends =
        session.cases.iter().filter_map(|case| Some(case.booked_start?.plus_minutes(i64::from(case.booked_minutes?))));
    ends.max()
}

/// What is left of the booked minutes, laid end to end.
fn booked_from(session: &SessionResult, at: UtcMillis) -> UtcMillis {
    let booked = |minutes: Option<u16>| i64::from(minutes.unwrap_or_default());
    let in_room = session.cases.iter().filter(|case| is_in_room(case, at)).max_by_key(|case| case.start);
    let rest = in_room
        .map_or(at, |case| case.start.map_or(at, |start| start.plus_minutes(booked(case.booked_minutes))).max(at));
    let to_come: i64 =
        session.cases.iter().filter(|case| is_to_come(case, at)).map(|case| booked(case.booked_minutes)).sum();
    rest.plus_minutes(to_come)
}
