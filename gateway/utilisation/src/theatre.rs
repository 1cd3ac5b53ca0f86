//! The measures of theatre-like rooms (theatre, cath lab, endoscopy): from a room's facts to its sessions' figures.
//!
//! ```text
//! measure_room(&room, &facts, &rules, now, Detail::Audit) -> RoomResult     every session of the room, all figures but one
//! let mut history = TypicalHistory::default();
//! history.record(&result.sessions);                                        for each room of interest
//! fill_extra_cases(&mut result.sessions, &history, &rules);                extra cases possible, and what is typical
//! ```
//!
//! [`measure_room`] is a function of its arguments alone: the same facts give the same result in any order. `now` only
//! decides which sessions have closed and how long an open case has lasted so far. It costs the same whether one list
//! is asked for or all of the room's, because a case may belong to any of them; a caller that wants one day passes the
//! facts of that day and its neighbours.
//!
//! What stands in which file: [`plan`] freezes plans and names sessions, [`touch`] finds the touch interval of a case,
//! [`belonging`] its session, [`closing`] when a session closes, [`session`] the figures, [`audit`] segments and
//! exclusions, [`typical`] what a case usually takes.
//!
//! # Readings of the rules
//! Where the rules leave a question open, this is what is done:
//! - A session whose frozen plan is withdrawn takes a case only by explicit key, and counts as held if one starts in it.
//! - A plan that ends before it starts has no length and is flagged `empty_plan`; its end is given as its start.
//! - A case without a start and an end but with a sign-out was in the room: unknown time up to the sign-out, completed.
//! - A case that starts after its cancellation was not cancelled.
//! - While a session is open, the idle time since its last case counts as a gap so far, and an end without a start is
//!   unknown time already.
//! - `early_start` and `overrun` rest on known stamps only.
//! - A turnover is known when the latest cover so far ends with a known end; an open case is taken to have ended by the
//!   next start of its session, as everywhere.
//! - Where plans overlap, the next list's first case closes a session only if it starts at or after its planned end.

mod audit;
pub(crate) mod belonging;
mod closing;
mod cover;
pub(crate) mod plan;
mod session;
mod touch;
mod typical;

use room_events::UtcMillis;

use crate::facts::{Case, Room, RoomFacts};
use crate::result::{RoomResult, SessionResult};
use crate::rules::RuleSet;
use belonging::Sessions;
use closing::{Closing, closing, latest_closing};
use cover::{Stretch, Union, lay_out};
use plan::FrozenPlan;
use session::{Circumstances, out_of_session};
use touch::Touch;

pub use typical::{TypicalHistory, TypicalTable, TypicalTimes, fill_extra_cases};

/// How much of a result is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Figures and cases; segments and exclusions stay empty.
    Figures,
    /// All of it, for a list's audit page.
    Audit,
}

/// A case of the room with its session, the index of its plan; that after the last one means out of session.
struct Placed<'f> {
    session: usize,
    case: &'f Case,
    touch: Touch,
}

/// Touch that counts, somewhere in the room.
struct RoomTouch {
    stretch: Stretch,
    session: usize,
}

/// Measures all sessions of a theatre-like room at `now`, under `rules`.
pub fn measure_room(room: &Room, facts: &RoomFacts, rules: &RuleSet, now: UtcMillis, detail: Detail) -> RoomResult {
    let plans = plan::freeze_all(&facts.sessions);
    let names = plan::names(room, &plans);
    let placed = place_cases(&plans, &facts.cases, rules);
    let firsts = first_of_each(&placed, plans.len());
    let own = |session: usize| {
        let cases = firsts.get(session).and_then(|&from| placed.get(from..)).unwrap_or_default();
        cases.iter().take_while(move |p| p.session == session).map(|p| (p.case, &p.touch))
    };

    let mut closings: Vec<Closing> = Vec::with_capacity(plans.len());
    let mut next = None;
    for (session, plan) in plans.iter().enumerate().rev() {
        let latest = latest_closing(plan.end, next, rules);
        closings.push(closing(own(session), plan.end, latest, now, rules));
        if let Some((first_case, _)) = own(session).next().and_then(|(_, touch)| touch.start) {
            next = Some((plan.start, first_case));
        }
    }

    let mut sessions = Vec::with_capacity(plans.len());
    let mut room_touch = Vec::with_capacity(facts.cases.len());
    let mut entries = Vec::new();
    for (session, ((plan, name), closing)) in plans.iter().zip(names).zip(closings.iter().rev()).enumerate() {
        let circumstances = Circumstances { room, plan, closing, rules, now, detail };
        lay_out(own(session), circumstances.window(), rules, &mut entries);
        sessions.push(circumstances.measure(name, &mut entries));
        let counted = entries.iter().filter(|entry| entry.counts).filter_map(|entry| entry.cover);
        room_touch.extend(counted.map(|stretch| RoomTouch { stretch, session }));
    }

    let mut strays: Vec<_> = own(plans.len()).map(|(case, touch)| out_of_session(case, touch, rules, now)).collect();
    strays.sort_by_key(|case| (case.start.or(case.end).or(case.booked_start), case.id));
    room_touch.extend(strays.iter().filter_map(|case| {
        let (from, to) = case.start.zip(case.end)?;
        Some(RoomTouch { stretch: Stretch { from, to }, session: plans.len() })
    }));

    fill_other_lists(&mut sessions, room_touch);
    RoomResult { sessions, out_of_session: strays }
}

/// The room's cases by session, then touch start, those without one last.
fn place_cases<'f>(plans: &[FrozenPlan<'_>], cases: &'f [Case], rules: &RuleSet) -> Vec<Placed<'f>> {
    let sessions = Sessions::new(plans, rules);
    let mut placed: Vec<Placed<'f>> = cases
        .iter()
        .map(|case| {
            let touch = Touch::of(case, rules);
            Placed { session: sessions.of(case, &touch).unwrap_or(plans.len()), case, touch }
        })
        .collect();
    placed.sort_by_key(|p| (p.session, p.touch.start.map_or(UtcMillis::MAX, |(at, _)| at)));
    placed
}

/// Where the cases of each session begin in `placed`, and at last those out of session.
fn first_of_each(placed: &[Placed<'_>], sessions: usize) -> Vec<usize> {
    let mut firsts = Vec::with_capacity(sessions + 1);
    for (index, case) in placed.iter().enumerate() {
        firsts.resize(firsts.len().max(case.session + 1), index);
    }
    firsts.resize(sessions + 1, placed.len());
    firsts
}

/// How long cases of other lists (and of none) had the room inside each session, and how much of its late start that
/// explains. A list in which nothing started has no time measure.
fn fill_other_lists(sessions: &mut [SessionResult], mut room_touch: Vec<RoomTouch>) {
    room_touch.sort_unstable_by_key(|touch| (touch.stretch.from, touch.stretch.to));
    let longest = room_touch.iter().map(|touch| touch.stretch.length().millis()).max().unwrap_or(0);
    for (index, session) in sessions.iter_mut().enumerate() {
        let Some(late_start) = session.figures.late_start else { continue };
        let plan = Stretch { from: session.planned_start, to: session.planned_end };
        let before_first = Stretch { from: plan.from, to: plan.from.plus_millis(late_start.millis()) };
        let reaching = plan.from.plus_millis(-longest);
        let from = room_touch.partition_point(|touch| touch.stretch.from < reaching);
        let (mut inside, mut late) = (Union::default(), Union::default());
        for touch in room_touch.iter().skip(from).take_while(|touch| touch.stretch.from < plan.to) {
            if touch.session != index {
                inside.add_inside(touch.stretch, plan);
                late.add_inside(touch.stretch, before_first);
            }
        }
        session.figures.occupied_by_other_list = inside.length();
        session.figures.late_due_to_previous = late.length();
    }
}
