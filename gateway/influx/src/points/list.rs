//! Theatre lists, and what their rooms did.

use room_events::{Label, ListKind, RoomKind, UtcMillis};
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, CaseState, RoomResult, SessionResult, SessionState};
use utilisation::rules::{CappedVariant, RuleSet};

use crate::point::Point;
use crate::points::state::{Doing, Spell, changes};
use crate::schema::LIST;

/// The point of a list; `place` tells apart lists of one room and start.
pub fn list(session: &SessionResult, place: usize, rules: &RuleSet) -> Point {
    let f = &session.figures;
    let is = |state| session.state == state;
    let minutes = |minutes: Option<Minutes>| minutes.unwrap_or_default();
    let above = |value: Option<Minutes>, threshold| value.is_some_and(|value| value > threshold);
    let counted = match session.variant {
        CappedVariant::Window => f.capped,
        CappedVariant::Sum => f.capped_sum,
        CappedVariant::Duration => f.capped_duration,
    };
    let early_finish = f.early_finish.filter(|_| !f.early_finish_uncertain);
    let quality: Vec<&str> = session.quality.iter().map(|flag| flag.name()).collect();
    Point::new(&LIST, session.planned_start)
        .tag("trust", session.trust.as_str())
        .tag("site", session.site.as_str())
        .tag("room", session.room.as_str())
        .tag("room_kind", session.room_kind.name())
        .tag("specialty", specialty(session.specialty.as_ref()))
        .tag("list_kind", session.kind.name())
        .tag("rule_set", &session.rule_set)
        .tag("place", &place.to_string())
        .field("sessions", true)
        .field("measured", is(SessionState::Closed) && f.planned > Minutes::ZERO)
        .field("running", is(SessionState::Running))
        .field("unused", is(SessionState::Unused))
        .field("cancelled", is(SessionState::Cancelled) && f.scheduled_capacity)
        .field("complete", session.complete)
        .field("planned_min", f.planned)
        .field("counted_min", counted)
        .field("capped_min", f.capped)
        .field("capped_sum_min", f.capped_sum)
        .field("capped_duration_min", f.capped_duration)
        .field("touch_min", f.touch)
        .field("unknown_min", f.unknown)
        .field("overlap_min", f.overlap)
        .field("capped_best_min", f.capped_best)
        .field("remaining_min", f.remaining)
        .field("late_start_min", minutes(f.late_start))
        .field("late_start_known", f.late_start.is_some())
        .field("late_due_to_previous_min", f.late_due_to_previous)
        .field("early_start_min", minutes(f.early_start))
        .field("early_finish_min", minutes(early_finish))
        .field("early_finish_known", early_finish.is_some())
        .field("overrun_min", minutes(f.overrun))
        .field("overrun_known", f.overrun.is_some())
        .field("late_start_flag", above(f.late_start, rules.late_start_flag))
        .field("early_finish_flag", above(early_finish, rules.early_finish_flag))
        .field("overrun_flag", above(f.overrun, rules.overrun_flag))
        .field("gaps_min", f.gaps_in_session)
        .field("turnovers", f.turnovers)
        .field("turnover_min", f.turnover)
        .field("cases_booked", f.cases_booked)
        .field("cases_started", f.cases_started)
        .field("cases_completed", f.cases_completed)
        .field("cases_cancelled_on_day", f.cases_cancelled_on_day)
        .field("cases_cancelled_qmco_like", f.cases_cancelled_qmco_like)
        .field("day_cases", f.day_cases)
        .field("inpatients", f.inpatients)
        .field("flags", quality.len() as u64)
        .field("quality", quality.join(" ").as_str())
        .field("state", session.state.name())
        .field("session_id", session.id.as_str())
}

/// A specialty as a tag, which cannot be empty.
pub(super) fn specialty(label: Option<&Label>) -> &str {
    label.map_or("none", Label::as_str)
}

/// What a theatre did, from the cases of these lists and those on none.
pub fn states(result: &RoomResult, keep: impl Fn(UtcMillis) -> bool) -> Vec<Spell> {
    let listed = result.sessions.iter().flat_map(|session| &session.cases);
    let mut spells = Vec::new();
    for case in listed.chain(&result.out_of_session) {
        let span = case.cover_start.zip(case.cover_end).or(case.start.zip(case.end));
        let Some((from, to)) = span.filter(|(from, _)| keep(*from)) else { continue };
        spells.push(Spell { from, to, doing: if is_known(case) { Doing::InUse } else { Doing::Unknown } });
        if let (Some(cut), Some(closed)) = (case.procedure_start, case.procedure_end) {
            let (cut, closed) = (cut.max(from), closed.min(to));
            if cut < closed {
                spells.push(Spell { from: cut, to: closed, doing: Doing::Procedure });
            }
        }
    }
    changes(spells)
}

fn is_known(case: &CaseResult) -> bool {
    match case.state {
        CaseState::Complete | CaseState::Abandoned | CaseState::Running => true,
        CaseState::Booked
        | CaseState::Open
        | CaseState::EndOnly
        | CaseState::Rejected
        | CaseState::Cancelled
        | CaseState::NotStarted => false,
    }
}

/// Which lists a measure is of, as tags.
pub(super) const fn kinds(room: RoomKind, list: ListKind) -> (&'static str, &'static str) {
    (room.name(), list.name())
}
