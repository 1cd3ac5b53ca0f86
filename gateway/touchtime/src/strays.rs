//! The cases of a room that belong to no list, for the list of the same day: whoever looks for a missing case looks there.

use board::source::{Nearest, Stray};
use chrono::DateTime;
use chrono_tz::Tz;
use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, RoomResult, SessionResult, SessionState};

/// Those of the list's local date, each with the list that was nearest and still too far.
pub fn strays(room: &RoomResult, list: &SessionResult, zone: Tz) -> Vec<Stray> {
    let of_the_day = |at: UtcMillis| {
        DateTime::from_timestamp_millis(at.millis())
            .is_some_and(|utc| utc.with_timezone(&zone).date_naive() == list.local_date)
    };
    let cases = room.out_of_session.iter();
    cases
        .filter_map(|case| {
            let at = placed_by(case).filter(|at| of_the_day(*at))?;
            Some(Stray { case: case.clone(), at, nearest: nearest(&room.sessions, at) })
        })
        .collect()
}

/// The instant by which it was looked for among the lists.
fn placed_by(case: &CaseResult) -> Option<UtcMillis> {
    case.start.or(case.end).or(case.booked_start)
}

/// The preceding one at equal distance, as when a case is placed.
fn nearest(sessions: &[SessionResult], at: UtcMillis) -> Option<Nearest> {
    let held = sessions.iter().filter(|session| session.state != SessionState::Cancelled);
    let distances = held.map(|session| {
        if at < session.planned_start {
            Nearest { list: session.id.clone(), apart: Minutes::between(at, session.planned_start), before: true }
        } else {
            Nearest { list: session.id.clone(), apart: Minutes::between(session.planned_end, at), before: false }
        }
    });
    distances.min_by_key(|nearest| (nearest.apart, nearest.before))
}

#[cfg(test)]
mod tests {
    use room_events::{ListKind, Milestone, RoomKind, SessionKey, Token};
    use utilisation::facts::{Case, Plan, Room, RoomFacts, SessionPlan};
    use utilisation::rules::RuleSet;
    use utilisation::theatre::{Detail, measure_room};

    use super::*;

    fn at(text: &str) -> UtcMillis {
        UtcMillis::saturating(DateTime::parse_from_rfc3339(&format!("{text}:00Z")).unwrap().timestamp_millis())
    }

    fn list(key: &str, start: &str, end: &str, withdrawn: bool) -> SessionPlan {
        let (start, end) = (at(start), at(end));
        let plan = Plan {
            start,
            end,
            specialty: None,
            team: None,
            kind: ListKind::Elective,
            cases: None,
            issued: None,
            withdrawn,
        };
        SessionPlan { key: SessionKey::new(key).unwrap(), revisions: vec![plan] }
    }

    #[test]
    fn a_case_of_no_list_is_told_with_the_list_that_was_nearest() {
        let started = |number: u128, start: &str| {
            let mut case = Case::new(format!("0.{number:032x}").parse::<Token>().unwrap());
            case.stamps.set(Milestone::IntoTheatre, Some(at(start)));
            case.stamps.set(Milestone::OutOfTheatre, Some(at(start).plus_minutes(30)));
            case
        };
        let room = Room {
            trust: "north".parse().unwrap(),
            site: "main".parse().unwrap(),
            room: "th-1".parse().unwrap(),
            kind: RoomKind::Theatre,
            zone: chrono_tz::Europe::London,
        };
        let facts = RoomFacts {
            sessions: vec![
                list("am", "2022-01-03T08:30", "2022-01-03T12:30", false),
                list("gone", "2022-01-03T17:00", "2022-01-03T18:00", true),
                list("next", "2022-01-04T08:30", "2022-01-04T12:30", false),
            ],
            cases: vec![
                started(1, "2022-01-03T15:30"),
                started(2, "2022-01-03T15:31"),
                started(3, "2022-01-03T04:00"),
                started(4, "2022-01-04T02:00"),
            ],
        };
        let result = measure_room(&room, &facts, &RuleSet::default(), at("2022-01-05T00:00"), Detail::Audit);
        let told = |list: usize| -> Vec<(String, i64, bool)> {
            strays(&result, &result.sessions[list], room.zone)
                .into_iter()
                .filter_map(|stray| Some((stray.at.to_string(), stray.nearest?)))
                .map(|(at, nearest)| (at, nearest.apart.millis() / 60_000, nearest.before))
                .collect()
        };
        assert_eq!(
            told(0),
            [("2022-01-03T04:00:00Z".to_owned(), 270, true), ("2022-01-03T15:31:00Z".to_owned(), 181, false)]
        );
        assert_eq!(told(2), [("2022-01-04T02:00:00Z".to_owned(), 390, true)]);
    }
}
