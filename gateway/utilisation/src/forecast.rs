//! [`Forecaster`]: when a running list will end, and whether one more case fits.
//!
//! What is left of a list is the rest of the case in the room, and for each case to come a turnover and its touch. How
//! long each of these may take is read from earlier lists ([`history`]): by procedure where there are enough of them,
//! else by specialty, room, kind of room, and where there is nothing, by the booked minutes. Their chances are added
//! up minute by minute ([`spread`]).
//!
//! ```text
//! finish   the minute that half of what can happen lies before (the median)
//! range    from 10 to 90 %, stretched or narrowed by the factor with which it would have held for 80 % of the latest
//!          third of the lists, forecast from the others; a factor each for the beginning, middle and end of a list
//! ```
//!
//! A forecast sees nothing later than the instant that it is made for, so a closed list can be replayed, which is how
//! [`trial`] measures what forecasts are worth. What nobody had booked by then, an emergency or a cancellation, it
//! cannot know.

mod history;
mod spare;
mod spread;
mod trial;

use room_events::{Label, UtcMillis};

use crate::quantity::Minutes;
use crate::result::{CaseResult, SessionResult, SessionState};
use history::History;
pub use history::Likeness;
pub use spare::Spare;
pub use spread::Spread;
pub use trial::{Moment, Trial, trial};

/// The range leaves out so much on each side: it holds 8 times in 10.
const TAIL: f64 = 0.1;
/// One more case fits if it ends inside the plan with this chance.
const FITS: f64 = 0.8;
/// With fewer lists the range is taken as it comes.
const LEAST_LISTS: usize = 20;
/// Bounds of the factor: outside of them the earlier lists are no guide.
const FACTORS: (f64, f64) = (0.25, 4.0);
/// A side of the range is at least so many minutes, since stamps are whole minutes.
const LEAST_SIDE: f64 = 1.0;

/// What earlier lists tell of how long things take.
#[derive(Debug, Clone)]
pub struct Forecaster {
    history: History,
    lists: usize,
    /// At each moment of [`Moment::ALL`].
    stretches: [f64; 3],
}

/// When a list will end, as at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// As likely to end before as after.
    pub finish: UtcMillis,
    /// From and to: it ends in between 8 times in 10. Absent where nothing but booked minutes is known.
    pub range: Option<(UtcMillis, UtcMillis)>,
    /// The weakest ground that a case's length rests on.
    pub rests_on: Likeness,
    /// Booked cases still to start.
    pub to_come: u32,
    /// The longest kind of case that would still fit.
    pub room_for: Option<RoomFor>,
}

impl Forecast {
    /// How far the finish lies past the planned end; negative before it.
    pub fn past_plan(&self, session: &SessionResult) -> Minutes {
        Minutes::between(session.planned_end, self.finish)
    }
}

/// One more case would fit.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomFor {
    /// Of this kind.
    pub procedure: Label,
    /// The chance that it would end inside the plan, turnover included.
    pub chance: f64,
}

/// What is left of a list.
struct Outlook {
    rest: Spread,
    rests_on: Likeness,
    to_come: u32,
}

impl Forecaster {
    /// From closed lists, in any order; others are passed over. The range is fitted on the latest third of them, as
    /// forecast from the rest.
    pub fn fit(sessions: &[SessionResult]) -> Self {
        let mut closed: Vec<&SessionResult> =
            sessions.iter().filter(|session| session.state == SessionState::Closed && session.complete).collect();
        closed.sort_by(|a, b| (a.planned_start, &a.id).cmp(&(b.planned_start, &b.id)));
        let (earlier, later) = closed.split_at(closed.len() - closed.len() / 3);
        let mut forecaster = Self { history: History::default(), lists: closed.len(), stretches: [1.0; 3] };
        earlier.iter().for_each(|session| forecaster.history.add(session));
        if closed.len() >= LEAST_LISTS {
            forecaster.stretches = Moment::ALL.map(|moment| forecaster.stretch_for(later, moment));
        }
        later.iter().for_each(|session| forecaster.history.add(session));
        forecaster
    }

    /// Of how many lists it knows.
    pub const fn lists(&self) -> usize {
        self.lists
    }

    /// When the list will end, by what is known at `at`; absent where nothing is left to come, and once it is closed.
    pub fn forecast(&self, session: &SessionResult, at: UtcMillis) -> Option<Forecast> {
        match session.state {
            SessionState::Planned | SessionState::Running => self.replay(session, at),
            SessionState::Closed | SessionState::Unused | SessionState::Cancelled => None,
        }
    }

    /// The same of a list in any state, as it would have been at `at`.
    pub fn replay(&self, session: &SessionResult, at: UtcMillis) -> Option<Forecast> {
        let Outlook { rest, rests_on, to_come } = self.outlook(session, at)?;
        let [early, middle, late] = Sides::of(&rest).stretched(self.stretches[Moment::nearest(session, at) as usize]);
        let range = (rests_on != Likeness::Booked).then(|| (after(at, early), after(at, late)));
        let room_for = range.and_then(|_| self.room_for(session, at, &rest));
        Some(Forecast { finish: after(at, middle), range, rests_on, to_come, room_for })
    }

    fn outlook(&self, session: &SessionResult, at: UtcMillis) -> Option<Outlook> {
        let passed = |since: UtcMillis| Minutes::between(since, at).as_f64();
        let in_room = session.cases.iter().filter(|case| is_in_room(case, at)).max_by_key(|case| case.start);
        let mut to_come: Vec<&CaseResult> = session.cases.iter().filter(|case| is_to_come(case, at)).collect();
        to_come.sort_by_key(|case| (case.booked_start.is_none(), case.booked_start, case.id));
        let last_out = session.cases.iter().filter_map(|case| case.end).filter(|end| *end <= at).max();
        let (mut rest, mut rests_on) = match (in_room, last_out, to_come.is_empty()) {
            (Some(case), ..) => self.history.touch(session, case, case.start.map_or(0.0, passed)),
            (None, _, true) => return None,
            (None, Some(out), false) => (self.history.turnover(session, passed(out)), Likeness::Procedure),
            (None, None, false) => {
                (self.history.first_case(session, passed(session.planned_start)), Likeness::Procedure)
            }
        };
        for (n, case) in to_come.iter().enumerate() {
            if n > 0 || in_room.is_some() {
                rest = rest.and_then(&self.history.turnover(session, 0.0));
            }
            let (touch, likeness) = self.history.touch(session, case, 0.0);
            rest = rest.and_then(&touch);
            rests_on = rests_on.max(likeness);
        }
        Some(Outlook { rest, rests_on, to_come: u32::try_from(to_come.len()).unwrap_or(u32::MAX) })
    }

    /// The procedure of the list's specialty with the longest usual length of those that would still fit.
    fn room_for(&self, session: &SessionResult, at: UtcMillis, rest: &Spread) -> Option<RoomFor> {
        let left = Minutes::between(at, session.planned_end).millis() / 60_000;
        if rest.chance_within(left) < FITS {
            return None;
        }
        let ready = rest.and_then(&self.history.turnover(session, 0.0));
        let fitting = self.history.procedures(session).into_iter().filter_map(|(procedure, length)| {
            let chance = ready.and_then(&length).chance_within(left);
            (chance >= FITS).then(|| (length.quantile(0.5), RoomFor { procedure, chance }))
        });
        fitting.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, room)| room)
    }

    /// The factor with which the ranges of these lists would have held as often as they are to.
    fn stretch_for(&self, sessions: &[&SessionResult], moment: Moment) -> f64 {
        let needed = sessions.iter().filter_map(|session| {
            let (at, end) = (moment.of(session)?, trial::last_end(session)?);
            let sides = Sides::of(&self.outlook(session, at).filter(|_| at < end)?.rest);
            Some(sides.needed_for(Minutes::between(at, end).as_f64()))
        });
        quantile(needed.collect(), 1.0 - 2.0 * TAIL).clamp(FACTORS.0, FACTORS.1)
    }
}

/// A spread's middle, and how far its range reaches to either side.
#[derive(Debug, Clone, Copy)]
struct Sides {
    middle: f64,
    early: f64,
    late: f64,
}

impl Sides {
    fn of(rest: &Spread) -> Self {
        let minutes = |chance| rest.quantile(chance).max(0.0);
        let middle = minutes(0.5);
        let side = |reach: f64| reach.max(LEAST_SIDE);
        Self { middle, early: side(middle - minutes(TAIL)), late: side(minutes(1.0 - TAIL) - middle) }
    }

    /// The factor with which the range would just have reached `took`.
    fn needed_for(self, took: f64) -> f64 {
        if took < self.middle { (self.middle - took) / self.early } else { (took - self.middle) / self.late }
    }

    /// From, middle and to.
    fn stretched(self, factor: f64) -> [f64; 3] {
        [(self.middle - factor * self.early).max(0.0), self.middle, self.middle + factor * self.late]
    }
}

#[allow(clippy::cast_possible_truncation, reason = "minutes of a list")]
fn after(at: UtcMillis, minutes: f64) -> UtcMillis {
    at.plus_millis((minutes * 60_000.0).round() as i64)
}

/// The number that so large a share of them does not exceed.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among a few hundred numbers")]
fn quantile(mut numbers: Vec<f64>, share: f64) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let place = (numbers.len() as f64 * share).ceil() as usize;
    numbers.get(place.saturating_sub(1)).copied().unwrap_or(1.0)
}

fn is_in_room(case: &CaseResult, at: UtcMillis) -> bool {
    case.start.is_some_and(|start| start <= at) && case.end.is_none_or(|end| end > at)
}

/// Booked, and neither begun nor over nor cancelled by `at`.
fn is_to_come(case: &CaseResult, at: UtcMillis) -> bool {
    let later = |instant: Option<UtcMillis>| instant.is_none_or(|instant| instant > at);
    let booked = case.booked_start.is_some() || case.booked_minutes.is_some();
    booked && later(case.start) && later(case.end) && later(case.cancelled_at)
}
