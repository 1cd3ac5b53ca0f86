//! One rule at a time, at its boundary.

use room_events::{CancellationClass, Label, ListKind, Milestone, PatientClass, UtcMillis};
use utilisation::facts::{Cancelled, Case, Plan, RoomFacts, SessionPlan};
use utilisation::quantity::Minutes;
use utilisation::result::{CaseState, ExclusionReason, QualityFlag, RoomResult, SessionState};
use utilisation::rules::{RuleSet, TouchStart};
use utilisation::theatre::{Detail, measure_room};

use crate::rooms::{LATER, at, case, case_of, key, list, plan, session, stay, theatre, token, utc};

fn measure(sessions: Vec<SessionPlan>, cases: Vec<Case>, now: UtcMillis) -> RoomResult {
    measure_room(&theatre(), &RoomFacts { sessions, cases }, &RuleSet::default(), now, Detail::Audit)
}

fn morning() -> SessionPlan {
    list("am", at("08:30"), at("12:30"))
}

fn afternoon() -> SessionPlan {
    list("pm", at("13:30"), at("17:30"))
}

fn mins(minutes: i64) -> Minutes {
    Minutes::whole(minutes)
}

fn booked(mut case: Case, start: &str) -> Case {
    case.booked_start = Some(at(start));
    case
}

fn cancelled(number: u128, when: UtcMillis, class: Option<CancellationClass>) -> Case {
    let mut case = booked(stay(number, None, None), "10:00");
    case.cancelled = Some(Cancelled { at: when, class, reason: None });
    case
}

// Plans ------------------------------------------------------------------------------------------------------------

/// A revision: issued at (empty: not said), start, end; `-` withdraws.
fn check_frozen(revisions: &[(&str, &str, &str)], expected: (&str, &[QualityFlag])) {
    let revision = |&(issued, start, end): &(&str, &str, &str)| Plan {
        issued: (!issued.is_empty()).then(|| at(issued)),
        withdrawn: end.starts_with('-'),
        ..plan(at(start), at(end.trim_start_matches('-')))
    };
    let plan = SessionPlan { key: key("am"), revisions: revisions.iter().map(revision).collect() };
    let result = measure(vec![plan], vec![], LATER);
    let session = session(&result, "am");
    let flags: Vec<QualityFlag> = session.quality.clone();
    assert_eq!((session.planned_start, flags.as_slice()), (at(expected.0), expected.1), "{revisions:?}");
}

#[test]
fn the_last_plan_issued_before_the_start_then_in_force_is_frozen() {
    use QualityFlag::{LatePlan, PlanRevisedOnDay};
    check_frozen(&[("", "08:30", "12:30")], ("08:30", &[]));
    check_frozen(&[("07:00", "08:30", "12:30"), ("08:00", "09:00", "12:30")], ("09:00", &[]));
    // At the start itself the plan is frozen already.
    check_frozen(&[("07:00", "08:30", "12:30"), ("08:30", "09:00", "12:30")], ("08:30", &[PlanRevisedOnDay]));
    // The second moves the start to 09:00, so a third at 08:45 still is in time.
    check_frozen(
        &[("07:00", "08:30", "12:30"), ("08:00", "09:00", "12:30"), ("08:45", "09:30", "12:30")],
        ("09:30", &[]),
    );
    // The second moves it to 08:00, so a third at 08:15 is too late, though before the first start.
    check_frozen(
        &[("07:00", "08:30", "12:30"), ("07:30", "08:00", "12:30"), ("08:15", "09:30", "12:30")],
        ("08:00", &[PlanRevisedOnDay]),
    );
    check_frozen(&[("08:30", "08:30", "12:30")], ("08:30", &[LatePlan]));
    check_frozen(&[("09:00", "08:30", "12:30"), ("09:10", "10:00", "12:30")], ("08:30", &[LatePlan, PlanRevisedOnDay]));
    // Saying the same again on the day is no revision.
    check_frozen(&[("07:00", "08:30", "12:30"), ("09:00", "08:30", "12:30")], ("08:30", &[]));
    check_frozen(
        &[("", "08:30", "12:30"), ("", "09:00", "12:30"), ("08:59", "08:00", "12:30")],
        ("08:00", &[LatePlan]),
    );
}

#[test]
fn a_change_of_plan_moves_the_planned_minutes_but_not_the_first_ones() {
    let mut plan = morning();
    plan.revisions[0].issued = Some(at("06:00"));
    plan.revisions.push(Plan { end: at("13:00"), issued: Some(at("07:00")), ..plan.revisions[0].clone() });
    plan.revisions.push(Plan { end: at("15:00"), issued: Some(at("09:00")), ..plan.revisions[0].clone() });
    let result = measure(vec![plan], vec![], LATER);
    let figures = &session(&result, "am").figures;
    assert_eq!((figures.planned, figures.first_planned), (mins(270), mins(240)));
}

#[test]
fn a_withdrawn_list_is_cancelled_and_takes_no_case_by_its_times() {
    let mut plan = morning();
    plan.revisions[0].withdrawn = true;
    let result = measure(vec![plan.clone(), afternoon()], vec![stay(1, Some(at("12:00")), Some(at("13:00")))], LATER);
    assert_eq!(session(&result, "am").state, SessionState::Cancelled);
    assert_eq!(session(&result, "am").closed_at, None);
    assert_eq!(session(&result, "pm").cases.len(), 1);

    let mut named = stay(1, Some(at("12:00")), Some(at("13:00")));
    named.session = Some(key("am"));
    let result = measure(vec![plan, afternoon()], vec![named], LATER);
    assert_eq!(session(&result, "am").state, SessionState::Closed);
    assert_eq!(session(&result, "am").figures.capped, mins(30));
}

#[test]
fn a_plan_without_length_is_flagged_and_has_no_ratio() {
    for end in ["08:30", "08:00"] {
        let plan = list("am", at("08:30"), at(end));
        let cases = vec![stay(1, Some(at("08:20")), Some(at("09:00"))), stay(2, Some(at("09:10")), None)];
        let result = measure(vec![plan], cases, LATER);
        let session = session(&result, "am");
        assert!(session.quality.contains(&QualityFlag::EmptyPlan));
        assert_eq!((session.planned_end, session.figures.planned), (at("08:30"), Minutes::ZERO));
        assert_eq!(session.figures.capped_utilisation(), None);
        assert_eq!((session.figures.touch, session.figures.overrun), (mins(40), Some(mins(30))));
        assert_eq!(session.segments, []);
    }
    assert_eq!(measure(vec![SessionPlan { key: key("am"), revisions: vec![] }], vec![], LATER).sessions, []);
}

#[test]
fn capacity_was_planned_two_weeks_before() {
    let two_weeks = at("08:30").plus_minutes(-14 * 24 * 60);
    let issued = |millis: i64, withdrawn: bool| Plan {
        issued: Some(two_weeks.plus_millis(millis)),
        withdrawn,
        ..plan(at("08:30"), at("12:30"))
    };
    let unsaid = |withdrawn: bool| Plan { withdrawn, ..plan(at("08:30"), at("12:30")) };
    for (revisions, expected) in [
        (vec![issued(0, false)], true),
        (vec![issued(1, false)], false),
        (vec![issued(-1, false), issued(0, true)], false),
        (vec![issued(-1, false), issued(1, true)], true),
        (vec![unsaid(false)], true),
        (vec![unsaid(true)], true),
        (vec![unsaid(false), issued(-1, true)], false),
        (vec![unsaid(false), issued(1, false)], true),
    ] {
        let result = measure(vec![SessionPlan { key: key("am"), revisions: revisions.clone() }], vec![], LATER);
        assert_eq!(session(&result, "am").figures.scheduled_capacity, expected, "{revisions:?}");
    }
}

#[test]
fn a_second_list_of_the_same_start_gets_another_id() {
    let on = |name, hour: i64, length: i64| {
        let start = utc("2022-01-10T07:00Z").plus_minutes(60 * hour);
        list(name, start, start.plus_minutes(60 * length))
    };
    let ids = |sessions: &[SessionPlan]| -> Vec<(String, String)> {
        let result = measure(sessions.to_vec(), vec![], LATER);
        let mut ids: Vec<_> = result.sessions.into_iter().map(|s| (s.key.to_string(), s.id)).collect();
        ids.sort();
        ids
    };
    let (plain, second) = ("main.suite-1.2022-01-10.0700".to_owned(), "main.suite-1.2022-01-10.0700.2".to_owned());
    let mut sessions = [on("b", 0, 4), on("a", 0, 2)];
    let expected = [("a".to_owned(), plain.clone()), ("b".to_owned(), second.clone())];
    assert_eq!(ids(&sessions), expected);
    sessions.reverse();
    assert_eq!(ids(&sessions), expected);

    // The one that its source issued first keeps the plain name, whatever its key; a restated start changes neither.
    sessions[0].revisions[0].issued = Some(at("02:00"));
    sessions[1].revisions[0].issued = Some(at("01:00"));
    let expected = [("a".to_owned(), second), ("b".to_owned(), plain)];
    assert_eq!(ids(&sessions), expected);
    let restated = Plan { issued: Some(at("03:00")), ..on("a", 1, 2).revisions[0].clone() };
    sessions[0].revisions.push(restated);
    assert_eq!(ids(&sessions), expected);
}

#[test]
fn a_list_over_midnight_has_the_date_of_its_frozen_start() {
    let mut plan = list("night", utc("2022-07-14T22:30Z"), utc("2022-07-15T02:00Z"));
    let result = measure(vec![plan.clone()], vec![], LATER);
    assert_eq!(session(&result, "night").local_date.to_string(), "2022-07-14");
    let later = Plan { start: utc("2022-07-14T23:00Z"), ..plan.revisions[0].clone() };
    plan.revisions.push(later);
    let result = measure(vec![plan], vec![], LATER);
    assert_eq!(session(&result, "night").local_date.to_string(), "2022-07-15");
    assert_eq!(session(&result, "night").id, "main.suite-1.2022-07-14.2330");
}

// Touch ------------------------------------------------------------------------------------------------------------

#[test]
fn touch_begins_and_ends_with_the_first_stamp_in_order() {
    use Milestone::{
        AnaestheticStart, InReception, IntoAnaestheticRoom, IntoRecovery, IntoTheatre, OutOfTheatre, ProcedureEnd,
        ProcedureStart, SentFor,
    };
    let before = [(SentFor, at("08:00")), (InReception, at("08:05"))];
    type Step = (&'static [(Milestone, &'static str)], Milestone, Milestone, [u32; 3], [u32; 2]);
    let steps: [Step; 4] = [
        (
            &[
                (AnaestheticStart, "08:45"),
                (IntoAnaestheticRoom, "08:40"),
                (OutOfTheatre, "10:00"),
                (IntoRecovery, "09:59"),
            ],
            AnaestheticStart,
            OutOfTheatre,
            [0, 0, 0],
            [0, 0],
        ),
        (
            &[(IntoAnaestheticRoom, "08:46"), (IntoTheatre, "08:45"), (IntoRecovery, "10:00"), (ProcedureEnd, "09:50")],
            IntoAnaestheticRoom,
            IntoRecovery,
            [1, 0, 0],
            [1, 0],
        ),
        (
            &[(IntoTheatre, "08:45"), (ProcedureStart, "08:44"), (ProcedureEnd, "10:00")],
            IntoTheatre,
            ProcedureEnd,
            [0, 1, 0],
            [0, 1],
        ),
        (&[(ProcedureStart, "08:45"), (ProcedureEnd, "10:00")], ProcedureStart, ProcedureEnd, [0, 0, 1], [0, 1]),
    ];
    for (stamps, from, to, starts, ends) in steps {
        let stamps: Vec<_> = stamps.iter().map(|&(m, time)| (m, at(time))).chain(before).collect();
        let facts = RoomFacts { sessions: vec![morning()], cases: vec![case(1, &stamps)] };
        let result = measure_room(&theatre(), &facts, &RuleSet::default(), LATER, Detail::Figures);
        let session = session(&result, "am");
        assert_eq!(case_of(session, 1).start_from, Some(from));
        assert_eq!(case_of(session, 1).end_from, Some(to));
        assert_eq!((session.figures.start_fallbacks, session.figures.end_fallbacks), (starts, ends), "{stamps:?}");
        let both = starts.iter().sum::<u32>() > 0 && ends.iter().sum::<u32>() > 0;
        assert_eq!(session.quality.contains(&QualityFlag::FallbackStamps), both);

        let earliest = RuleSet { touch_start: TouchStart::Earliest, ..RuleSet::default() };
        let result = measure_room(&theatre(), &facts, &earliest, LATER, Detail::Figures);
        let touch_starts = [AnaestheticStart, IntoAnaestheticRoom, IntoTheatre, ProcedureStart];
        let first = stamps.iter().filter(|(m, _)| touch_starts.contains(m)).map(|&(_, at)| at).min();
        assert_eq!(case_of(crate::rooms::session(&result, "am"), 1).start, first);
    }
}

#[test]
fn stamps_that_cannot_be_true_leave_the_case_open() {
    let day = 24 * 60;
    for (length, reason) in
        [(-1, Some(ExclusionReason::EndBeforeStart)), (0, None), (day, None), (day + 1, Some(ExclusionReason::TooLong))]
    {
        let start = at("11:00");
        let result = measure(vec![morning()], vec![stay(1, Some(start), Some(start.plus_minutes(length)))], LATER);
        let session = session(&result, "am");
        assert_eq!(session.complete, reason.is_none(), "{length} min");
        let one = case_of(session, 1);
        match reason {
            Some(reason) => {
                assert_eq!((one.state, one.end, one.cover_end), (CaseState::Rejected, None, Some(at("12:30"))));
                assert_eq!(session.excluded[0].reason, reason);
                assert_eq!(session.excluded[0].minutes, Some(mins(90)));
                assert_eq!((session.figures.unknown, session.figures.cases_outcome_unknown), (mins(90), 1));
                assert!(session.quality.contains(&QualityFlag::RejectedStamps));
            }
            None => assert_eq!((one.state, session.figures.touch), (CaseState::Complete, mins(length))),
        }
    }
}

#[test]
fn the_end_of_the_procedure_ends_a_case_only_once_its_list_has_closed() {
    let cases = vec![case(1, &[(Milestone::IntoTheatre, at("09:00")), (Milestone::ProcedureEnd, at("10:00"))])];
    let open = measure(vec![morning()], cases.clone(), at("11:00"));
    assert_eq!(case_of(session(&open, "am"), 1).state, CaseState::Running);
    assert_eq!(session(&open, "am").figures.capped, mins(120));
    assert_eq!(session(&open, "am").figures.cases_completed, 0);
    let closed = measure(vec![morning()], cases, at("18:30"));
    assert_eq!(session(&closed, "am").closed_at, Some(at("18:30")));
    assert_eq!(case_of(session(&closed, "am"), 1).state, CaseState::Complete);
    assert_eq!(session(&closed, "am").figures.capped, mins(60));
}

#[test]
fn a_sign_out_completes_a_case_but_does_not_end_it() {
    let cases = vec![
        case(1, &[(Milestone::IntoTheatre, at("09:00")), (Milestone::SignOut, at("10:00"))]),
        case(2, &[(Milestone::SignOut, at("12:00"))]),
    ];
    let result = measure(vec![morning()], cases, LATER);
    let session = session(&result, "am");
    assert_eq!(case_of(session, 1).state, CaseState::Open);
    assert_eq!(case_of(session, 2).state, CaseState::EndOnly);
    let f = &session.figures;
    assert_eq!((f.cases_completed, f.cases_outcome_unknown, f.cases_started), (2, 0, 2));
    assert_eq!((f.capped, f.unknown, f.turnovers), (Minutes::ZERO, mins(240), 0));
}

// Belonging --------------------------------------------------------------------------------------------------------

#[test]
fn a_case_belongs_where_it_was_planned_or_else_where_it_started() {
    let long = list("long", at("09:00"), at("17:00"));
    let late = list("z-late", at("16:00"), at("17:00"));
    // Lists, explicit key, scheduled start, touch start, session.
    let check = |lists: &[&SessionPlan], explicit: &str, scheduled: &str, start: &str, expected: &str| {
        let mut case = stay(1, Some(at(start)), Some(at(start).plus_minutes(5)));
        case.session = (!explicit.is_empty()).then(|| key(explicit));
        case.booked_start = (!scheduled.is_empty()).then(|| at(scheduled));
        let result = measure(lists.iter().map(|&l| l.clone()).collect(), vec![case], LATER);
        let of = result.sessions.iter().find(|s| !s.cases.is_empty()).map_or("", |s| s.key.as_str());
        assert_eq!(of, expected, "key {explicit:?}, scheduled {scheduled:?}, started {start}");
        assert_eq!(result.out_of_session.len(), usize::from(expected.is_empty()));
    };
    let (am, pm) = (morning(), afternoon());
    let day = [&am, &pm];
    check(&day, "am", "14:00", "15:00", "am");
    check(&day, "nobody-knows-it", "09:00", "15:00", "am");
    check(&day, "", "09:00", "15:00", "am");
    check(&day, "", "12:30", "15:00", "pm");
    check(&day, "", "20:00", "12:29", "am");
    check(&day, "", "", "08:30", "am");
    check(&day, "", "", "12:30", "am");
    check(&day, "", "", "13:00", "am");
    check(&day, "", "", "13:01", "pm");
    check(&day, "", "", "13:30", "pm");
    check(&day, "", "", "17:30", "pm");
    check(&day, "", "", "20:30", "pm");
    check(&day, "", "", "20:31", "");
    check(&day, "", "", "05:30", "am");
    check(&day, "", "", "05:29", "");
    check(&[&am, &long], "", "", "08:59", "am");
    check(&[&am, &long], "", "", "09:00", "long");
    check(&[&am, &long, &pm], "", "", "14:00", "pm");
    check(&[&am, &long, &late], "", "", "11:00", "long");
    // Half-open: at the end of the inner list only the outer one still holds the minute.
    check(&[&long, &list("inner", at("10:00"), at("12:00"))], "", "", "11:59", "inner");
    check(&[&long, &list("inner", at("10:00"), at("12:00"))], "", "", "12:00", "long");
    // Both end at 17:00: the later planned start is the preceding one.
    check(&[&long, &late], "", "", "18:00", "z-late");
    check(&[&late, &long], "", "16:30", "10:00", "z-late");
}

#[test]
fn a_booking_is_on_the_list_of_its_time_before_it_starts() {
    let result = measure(vec![morning(), afternoon()], vec![booked(stay(1, None, None), "14:00")], at("09:00"));
    assert_eq!(case_of(session(&result, "pm"), 1).state, CaseState::Booked);
    assert_eq!(session(&result, "pm").figures.cases_booked, 1);
    assert_eq!(session(&result, "pm").state, SessionState::Planned);
    assert_eq!(session(&result, "pm").figures.capped_best, mins(240));
}

#[test]
fn cases_out_of_session_are_listed_with_their_state() {
    let cases = vec![
        stay(1, Some(at("21:00")), Some(at("22:00"))),
        stay(2, Some(at("23:00")), None),
        booked(stay(3, None, None), "22:30"),
    ];
    let states = |now| {
        let result = measure(vec![morning()], cases.clone(), now);
        result.out_of_session.iter().map(|c| (c.id, c.state)).collect::<Vec<_>>()
    };
    let expected = |running| vec![(token(1), CaseState::Complete), (token(3), CaseState::Booked), (token(2), running)];
    assert_eq!(states(at("23:30")), expected(CaseState::Running));
    assert_eq!(states(at("23:00").plus_minutes(24 * 60 + 1)), expected(CaseState::Open));
}

#[test]
fn a_case_of_no_list_occupies_the_list_in_which_it_ran() {
    // Started more than 180 min before the list, and still there when it should begin.
    let cases = vec![stay(1, Some(at("05:00")), Some(at("09:00"))), stay(2, Some(at("09:10")), Some(at("12:30")))];
    let result = measure(vec![morning()], cases, LATER);
    let f = &session(&result, "am").figures;
    assert_eq!((f.late_start, f.late_due_to_previous, f.occupied_by_other_list), (Some(mins(40)), mins(30), mins(30)));
    assert_eq!(f.capped, mins(200));
}

#[test]
fn two_overlapping_cases_of_another_list_occupy_a_minute_once() {
    let mut cases = vec![
        stay(1, Some(at("12:00")), Some(at("14:00"))),
        stay(2, Some(at("12:10")), Some(at("15:00"))),
        stay(3, Some(at("14:30")), Some(at("17:00"))),
    ];
    cases[1].session = Some(key("am"));
    let result = measure(vec![morning(), afternoon()], cases, LATER);
    let f = &session(&result, "pm").figures;
    assert_eq!((f.occupied_by_other_list, f.late_due_to_previous), (mins(90), mins(60)));
}

// Closing ----------------------------------------------------------------------------------------------------------

fn check_closing(sessions: &[SessionPlan], cases: &[Case], now: &str, closed_at: Option<&str>, revised: bool) {
    let result = measure(sessions.to_vec(), cases.to_vec(), at(now));
    let am = session(&result, "am");
    assert_eq!((am.closed_at, am.revised), (closed_at.map(at), revised), "at {now}: {cases:#?}");
    assert_eq!(am.provisional, closed_at.is_none());
    assert_eq!(am.figures.early_finish.is_some(), closed_at.is_some() && am.figures.cases_started > 0);
    assert_eq!(am.figures.overrun.is_some(), am.figures.early_finish.is_some());
}

#[test]
fn a_list_closes_when_its_last_case_is_done() {
    let stay = |n, from: &str, to: &str| stay(n, (from != "?").then(|| at(from)), (to != "?").then(|| at(to)));
    let am = [morning()];
    let day = [morning(), afternoon()];
    check_closing(&am, &[], "12:29", None, false);
    check_closing(&am, &[], "12:30", Some("12:30"), false);
    check_closing(&am, &[stay(1, "09:00", "10:00")], "12:30", Some("12:30"), false);
    check_closing(&am, &[stay(1, "12:00", "13:00")], "12:59", None, false);
    check_closing(&am, &[stay(1, "12:00", "13:00")], "13:00", Some("13:00"), false);
    // Announced: the list waits for it; 6 h at most.
    check_closing(&am, &[booked(stay(1, "13:00", "14:00"), "12:00")], "12:45", None, false);
    check_closing(&am, &[booked(stay(1, "13:00", "14:00"), "12:00")], "14:00", Some("14:00"), false);
    check_closing(&am, &[booked(stay(1, "?", "?"), "12:00")], "18:29", None, false);
    check_closing(&am, &[booked(stay(1, "?", "?"), "12:00")], "18:30", Some("18:30"), false);
    check_closing(&am, &[cancelled(1, at("13:10"), None)], "13:09", None, false);
    check_closing(&am, &[cancelled(1, at("13:10"), None)], "13:10", Some("13:10"), false);
    check_closing(&am, &[booked(stay(1, "?", "13:20"), "12:00")], "20:00", Some("13:20"), false);
    // The next list's first case closes it, whatever is still open.
    check_closing(&day, &[stay(1, "12:00", "?"), stay(2, "13:40", "?")], "13:39", None, false);
    check_closing(&day, &[stay(1, "12:00", "?"), stay(2, "13:40", "?")], "13:40", Some("13:40"), false);
    let mut early = stay(2, "12:10", "?");
    early.session = Some(key("pm"));
    check_closing(&day, &[stay(1, "12:00", "?"), early], "12:30", Some("12:30"), false);
    // The next list was not held; the one after it was.
    let evening = [morning(), afternoon(), list("eve", at("18:00"), at("20:00"))];
    check_closing(&evening, &[stay(1, "12:00", "?"), stay(2, "18:05", "?")], "18:10", Some("18:05"), false);
}

#[test]
fn a_list_planned_side_by_side_with_another_is_not_closed_by_its_first_case() {
    let beside = [morning(), list("beside", at("10:00"), at("11:00"))];
    let overrunning = stay(1, Some(at("08:30")), Some(at("13:00")));
    let mut other = stay(2, Some(at("10:00")), Some(at("10:30")));
    other.session = Some(key("beside"));
    check_closing(&beside, &[overrunning.clone(), other], "12:45", None, false);
    let mut other = stay(2, Some(at("12:40")), Some(at("13:30")));
    other.session = Some(key("beside"));
    check_closing(&beside, &[overrunning, other], "12:45", Some("12:40"), false);
}

#[test]
fn a_later_start_reopens_a_list_and_marks_it_revised() {
    let am = [morning()];
    let first = stay(1, Some(at("09:00")), Some(at("10:00")));
    let late = stay(2, Some(at("13:00")), Some(at("13:45")));
    check_closing(&am, &[first.clone(), late.clone()], "12:59", Some("12:30"), false);
    check_closing(&am, &[first.clone(), late.clone()], "13:00", None, true);
    check_closing(&am, &[first.clone(), late.clone()], "13:45", Some("13:45"), true);
    // A start at the very instant of closing comes in time.
    let seamless = stay(2, Some(at("12:30")), Some(at("13:00")));
    check_closing(&am, &[first, seamless], "13:00", Some("13:00"), false);
    // Longer than six hours after the end nothing holds a list open any more.
    let mut very_late = stay(3, Some(at("19:00")), None);
    very_late.session = Some(key("am"));
    check_closing(&am, &[very_late], "20:00", Some("19:00"), true);
}

#[test]
fn a_list_runs_from_its_planned_start_or_its_first_case() {
    let state = |cases: Vec<Case>, now| session(&measure(vec![morning()], cases, at(now)), "am").state;
    assert_eq!(state(vec![], "08:29"), SessionState::Planned);
    assert_eq!(state(vec![], "08:30"), SessionState::Running);
    assert_eq!(state(vec![stay(1, Some(at("08:10")), None)], "08:10"), SessionState::Running);
}

#[test]
fn a_running_list_counts_to_now() {
    let cases = vec![stay(1, Some(at("08:40")), Some(at("09:30"))), stay(2, Some(at("09:42")), None)];
    let result = measure(vec![morning()], cases.clone(), at("10:00"));
    let am = session(&result, "am");
    let f = &am.figures;
    assert_eq!((am.state, am.provisional, am.complete), (SessionState::Running, true, false));
    assert_eq!((f.capped, f.gaps_in_session, f.late_start), (mins(68), mins(12), Some(mins(10))));
    assert_eq!((f.remaining, f.capped_best), (mins(150), mins(218)));
    assert_eq!((f.early_finish, f.overrun, f.extra_cases_possible), (None, None, None));
    assert_eq!(f.cases_outcome_unknown, 0);
    assert_eq!(case_of(am, 2).state, CaseState::Running);

    // Idle since the last case: a gap so far.
    let result = measure(vec![morning()], vec![cases[0].clone()], at("10:00"));
    let f = &session(&result, "am").figures;
    assert_eq!((f.capped, f.gaps_in_session, f.capped_best), (mins(50), mins(30), mins(200)));

    // An early start runs before its list is due.
    let early = vec![stay(1, Some(at("08:10")), None)];
    let result = measure(vec![morning()], early, at("08:20"));
    let am = session(&result, "am");
    assert_eq!(
        (am.state, am.figures.early_start, am.figures.remaining),
        (SessionState::Running, Some(mins(20)), mins(240))
    );
}

// Counts -----------------------------------------------------------------------------------------------------------

#[test]
fn a_case_counts_as_cancelled_on_the_day_from_midnight_to_six_hours_after_the_end() {
    use CancellationClass::{Clinical, HospitalNonClinical};
    let summer = |time: &str| utc(&format!("2022-07-11T{time}Z"));
    let list = list("am", summer("07:30"), summer("11:30"));
    // Local midnight is 23:00 UTC of the day before. When, booked, on the day, qmco_like.
    for (when, class, booked, on_day, qmco) in [
        (utc("2022-07-10T22:59Z"), Some(HospitalNonClinical), 0, 0, 0),
        (utc("2022-07-10T23:00Z"), Some(HospitalNonClinical), 1, 1, 1),
        (summer("08:00"), Some(Clinical), 1, 1, 0),
        (summer("17:30"), None, 1, 1, 0),
        (summer("17:31"), Some(HospitalNonClinical), 1, 0, 0),
    ] {
        let mut case = cancelled(1, when, class);
        case.booked_start = Some(summer("08:00"));
        let result = measure(vec![list.clone()], vec![case], LATER);
        let session = session(&result, "am");
        let f = &session.figures;
        let counts = (f.cases_booked, f.cases_cancelled_on_day, f.cases_cancelled_qmco_like);
        assert_eq!(counts, (booked, on_day, qmco), "cancelled at {when}");
        assert_eq!(session.state, SessionState::Unused);
        let reason = match (booked, on_day) {
            (0, _) => ExclusionReason::CancelledEarlier,
            (_, 0) => ExclusionReason::NeverStarted,
            _ => ExclusionReason::CancelledOnDay,
        };
        assert_eq!(session.excluded.iter().map(|e| e.reason).collect::<Vec<_>>(), [reason]);
    }
}

#[test]
fn an_abandoned_case_keeps_its_time_and_is_neither_completed_nor_cancelled() {
    let mut given_up = stay(1, Some(at("09:00")), Some(at("10:00")));
    given_up.cancelled = Some(Cancelled { at: at("09:00"), class: None, reason: None });
    let mut marked = stay(2, Some(at("10:10")), None);
    marked.abandoned = Some(at("10:30"));
    let mut reinstated = stay(3, Some(at("11:00")), Some(at("12:00")));
    reinstated.cancelled = Some(Cancelled { at: at("10:59"), class: None, reason: None });
    let result = measure(vec![morning()], vec![given_up, marked, reinstated], LATER);
    let session = session(&result, "am");
    let f = &session.figures;
    assert_eq!((f.cases_booked, f.cases_started, f.cases_abandoned), (3, 3, 2));
    assert_eq!((f.cases_completed, f.cases_cancelled_on_day, f.cases_outcome_unknown), (1, 0, 0));
    assert_eq!((f.capped, f.unknown, f.turnovers), (mins(120), mins(50), 1));
    let states: Vec<CaseState> = session.cases.iter().map(|c| c.state).collect();
    assert_eq!(states, [CaseState::Abandoned, CaseState::Open, CaseState::Complete]);
}

#[test]
fn the_day_case_rate_is_that_of_completed_elective_cases() {
    let of = |number: u128, class: Option<PatientClass>, admission: Option<ListKind>| {
        let start = at("08:30").plus_minutes(10 * i64::try_from(number).unwrap());
        let mut case = stay(number, Some(start), Some(start.plus_minutes(5)));
        (case.class, case.admission) = (class, admission);
        case
    };
    let mut abandoned = of(6, Some(PatientClass::Inpatient), None);
    abandoned.abandoned = Some(at("10:00"));
    let mut cases = vec![
        of(1, Some(PatientClass::DayCase), None),
        of(2, Some(PatientClass::DayCase), Some(ListKind::Emergency)),
        of(3, Some(PatientClass::Inpatient), Some(ListKind::Elective)),
        of(4, Some(PatientClass::Outpatient), None),
        of(5, None, None),
        abandoned,
    ];
    let check = |list: SessionPlan, cases: &[Case], expected: (u32, u32, u32)| {
        let result = measure(vec![list], cases.to_vec(), LATER);
        let session = session(&result, "am");
        let f = &session.figures;
        assert_eq!((f.day_cases, f.inpatients, f.class_unknown), expected);
        assert_eq!(session.quality.contains(&QualityFlag::ClassUnknown), expected.2 > 0);
    };
    check(morning(), &cases, (1, 1, 1));
    let mut emergency = morning();
    emergency.revisions[0].kind = ListKind::Emergency;
    check(emergency, &cases, (0, 1, 0));
    cases.truncate(2);
    check(morning(), &cases, (1, 0, 0));
}

#[test]
fn flags_are_raised_above_their_thresholds_only() {
    for (start, end, flags) in [
        ("08:40", "11:30", vec![]),
        ("08:41", "11:29", vec![QualityFlag::LateStart, QualityFlag::EarlyFinish]),
        ("08:40", "13:30", vec![]),
        ("08:40", "13:31", vec![QualityFlag::Overrun]),
    ] {
        let mut one = stay(1, Some(at(start)), Some(at(end)));
        one.class = Some(PatientClass::DayCase);
        let result = measure(vec![morning()], vec![one], LATER);
        assert_eq!(session(&result, "am").quality, flags, "{start} to {end}");
    }
}

#[test]
fn cases_are_listed_in_order_with_their_turnovers_and_what_was_left_out() {
    let cases = vec![
        stay(5, Some(at("10:00")), None),
        stay(4, Some(at("10:00")), Some(at("10:30"))),
        stay(3, Some(at("08:00")), Some(at("09:00"))),
        stay(2, Some(at("08:45")), Some(at("08:50"))),
        stay(6, Some(at("12:00")), Some(at("13:00"))),
        booked(stay(1, None, None), "09:00"),
    ];
    let result = measure(vec![morning()], cases, LATER);
    let session = session(&result, "am");
    let order: Vec<u128> = session.cases.iter().map(|c| c.id.digest).collect();
    assert_eq!(order, [3, 2, 4, 5, 6, 1]);
    let turnovers: Vec<Option<Minutes>> = session.cases.iter().map(|c| c.turnover_before).collect();
    // The fifth has no end, so what came before the sixth is not known.
    assert_eq!(turnovers, [None, Some(mins(0)), Some(mins(60)), Some(mins(0)), None, None]);
    let left_out: Vec<_> = session.excluded.iter().map(|e| (e.case.digest, e.reason, e.minutes)).collect();
    assert_eq!(
        left_out,
        [
            (3, ExclusionReason::BeforePlan, Some(mins(30))),
            (5, ExclusionReason::NoEnd, Some(mins(120))),
            (6, ExclusionReason::AfterPlan, Some(mins(30))),
            (1, ExclusionReason::NeverStarted, None),
        ]
    );
    assert_eq!(case_of(session, 3).inside, mins(30));
    assert!(!session.figures.early_finish_uncertain);
    assert_eq!(session.figures.overlap, mins(5));
    assert!(session.quality.contains(&QualityFlag::Overlap));
}

#[test]
fn an_early_finish_after_an_open_last_case_is_uncertain() {
    let cases = vec![stay(1, Some(at("08:30")), Some(at("09:00"))), stay(2, Some(at("09:00")), None)];
    let result = measure(vec![morning()], cases, LATER);
    assert!(session(&result, "am").figures.early_finish_uncertain);
    assert_eq!(session(&result, "am").figures.early_finish, Some(Minutes::ZERO));
}

#[test]
fn a_session_carries_its_plan_and_rule_set() {
    let mut plan = morning();
    plan.revisions[0].team = Label::fitted("Blue");
    let rules = RuleSet::named("girft-2024.1-earliest").unwrap();
    let facts = RoomFacts { sessions: vec![plan], cases: vec![] };
    let result = measure_room(&theatre(), &facts, &rules, LATER, Detail::Figures);
    let session = session(&result, "am");
    assert_eq!(session.rule_set, "girft-2024.1-earliest");
    assert_eq!((&session.specialty, &session.team), (&Label::fitted("General surgery"), &Label::fitted("Blue")));
    assert_eq!((session.room_kind, session.kind), (theatre().kind, ListKind::Elective));
}
