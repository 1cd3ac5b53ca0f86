//! Forecasts: on the bundled cases, fitted on the first six weeks and tried on the rest; and rule by rule.

use chrono::NaiveDate;
use room_events::{Label, Milestone, RoomId, UtcMillis};
use utilisation::facts::{Case, RoomFacts};
use utilisation::forecast::{Forecaster, Likeness, Moment, trial};
use utilisation::quantity::Minutes;
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;
use utilisation::theatre::{Detail, measure_room};

use crate::bundled::measured;
use crate::rooms::{LATER, at, case, list, theatre};

fn bundled() -> (Vec<SessionResult>, Vec<SessionResult>) {
    let in_its_room = |(suite, session): (String, SessionResult)| SessionResult {
        room: RoomId::new(&format!("suite-{suite}")).unwrap(),
        ..session
    };
    let first_day_of_trial = NaiveDate::from_ymd_opt(2022, 2, 14).unwrap();
    measured().into_iter().map(in_its_room).partition(|session| session.local_date < first_day_of_trial)
}

#[test]
fn the_bundled_lists_are_forecast_at_half_with_less_than_half_the_error_of_their_schedule() {
    let (fitted_on, tested_on) = bundled();
    assert_eq!((fitted_on.len(), tested_on.len()), (232, 80));
    let trials = trial(&fitted_on, &tested_on);
    let half = trials.iter().find(|trial| trial.moment == Moment::Half).unwrap();
    assert_eq!(half.lists, 80);
    assert!(half.forecast_error_min <= half.schedule_error_min / 2.0, "{half:?}");
    assert!(half.forecast_error_min <= half.booked_minutes_error_min / 2.0, "{half:?}");
    let inside = half.inside_range.unwrap().as_f64();
    assert!((0.75..=0.85).contains(&inside), "{half:?}");
}

/// What is known of a list at an instant.
fn known_at(session: &SessionResult, at: UtcMillis) -> SessionResult {
    let mut session = session.clone();
    let known = |instant: Option<UtcMillis>| instant.filter(|instant| *instant <= at);
    for case in &mut session.cases {
        case.end = known(case.end);
        case.start = known(case.start);
        case.cancelled_at = known(case.cancelled_at);
        case.turnover_before = None;
    }
    session
}

#[test]
fn a_forecast_sees_nothing_later_than_its_instant() {
    let (fitted_on, tested_on) = bundled();
    let forecaster = Forecaster::fit(&fitted_on);
    for session in &tested_on {
        for minutes in (0..600).step_by(25) {
            let at = session.planned_start.plus_minutes(minutes);
            assert_eq!(forecaster.replay(session, at), forecaster.replay(&known_at(session, at), at), "{}", session.id);
        }
    }
}

#[test]
fn a_finish_lies_in_its_range_and_none_of_it_in_the_past() {
    let (fitted_on, tested_on) = bundled();
    let forecaster = Forecaster::fit(&fitted_on);
    let mut seen = 0;
    for session in &tested_on {
        for minutes in (-30..600).step_by(15) {
            let at = session.planned_start.plus_minutes(minutes);
            let Some(forecast) = forecaster.replay(session, at) else { continue };
            let (from, to) = forecast.range.unwrap();
            assert!(at <= from && from <= forecast.finish && forecast.finish <= to, "{} {forecast:?}", session.id);
            seen += 1;
        }
    }
    assert!(seen > 2000, "{seen}");
}

/// A booked case; `stamps`: into and out of theatre.
fn booked(number: u128, start: &str, minutes: u16, procedure: &str, stamps: &[&str]) -> Case {
    let milestones = [Milestone::IntoTheatre, Milestone::OutOfTheatre];
    let stamps: Vec<_> = milestones.into_iter().zip(stamps.iter().map(|time| at(time))).collect();
    Case {
        booked_start: Some(at(start)),
        booked_minutes: Some(minutes),
        procedure: Label::fitted(procedure),
        ..case(number, &stamps)
    }
}

fn measured_at(cases: Vec<Case>, now: UtcMillis) -> SessionResult {
    let mut plan = list("day", at("08:00"), at("12:00"));
    plan.revisions[0].specialty = Label::fitted("ENT");
    let facts = RoomFacts { sessions: vec![plan], cases };
    measure_room(&theatre(), &facts, &RuleSet::default(), now, Detail::Figures).sessions.remove(0)
}

/// 24 lists of two tonsillectomies of 50 minutes with 20 minutes between them, from 08:10.
fn tonsil_lists() -> Vec<SessionResult> {
    let cases = vec![
        booked(1, "08:00", 60, "Tonsillectomy", &["08:10", "09:00"]),
        booked(2, "09:00", 60, "Tonsillectomy", &["09:20", "10:10"]),
    ];
    let one = measured_at(cases, LATER);
    let of_day = |day: i64| {
        let earlier = |at: UtcMillis| at.plus_minutes(-24 * 60 * (30 - day));
        let mut session = one.clone();
        session.planned_start = earlier(session.planned_start);
        session.planned_end = earlier(session.planned_end);
        for case in &mut session.cases {
            (case.start, case.end) = (case.start.map(earlier), case.end.map(earlier));
        }
        session
    };
    (0..24).map(of_day).collect()
}

#[test]
fn what_is_left_is_the_rest_of_the_case_and_a_turnover_and_the_cases_to_come() {
    let forecaster = Forecaster::fit(&tonsil_lists());
    let check = |cases: Vec<Case>, now: &str, finish: Option<&str>| {
        let forecast = forecaster.forecast(&measured_at(cases, at(now)), at(now));
        assert_eq!(forecast.map(|forecast| forecast.finish), finish.map(at), "at {now}");
    };
    let two = |first: &[&str], second: &[&str]| {
        vec![booked(1, "08:00", 60, "Tonsillectomy", first), booked(2, "09:00", 60, "Tonsillectomy", second)]
    };
    // Not begun: 10 minutes late as ever, 50, 20, 50.
    check(two(&[], &[]), "07:30", Some("10:10"));
    check(two(&[], &[]), "08:05", Some("10:10"));
    // In the room, half way.
    check(two(&["08:20"], &[]), "08:45", Some("10:20"));
    // Between the cases.
    check(two(&["08:20", "09:00"], &[]), "09:05", Some("10:10"));
    // The last one in.
    check(two(&["08:20", "09:00"], &["09:30"]), "09:40", Some("10:20"));
    // Nothing left.
    check(two(&["08:20", "09:00"], &["09:30", "10:00"]), "10:05", None);
    // Booked for half as long: as long in proportion.
    check(vec![booked(1, "08:00", 30, "Tonsillectomy", &["08:20"])], "08:25", Some("08:45"));
}

#[test]
fn without_earlier_lists_booked_minutes_stand_in_and_there_is_no_range() {
    let session = measured_at(vec![booked(1, "08:00", 60, "Tonsillectomy", &["08:20"])], at("08:30"));
    let forecast = Forecaster::fit(&[]).forecast(&session, at("08:30")).unwrap();
    assert_eq!((forecast.finish, forecast.range), (at("09:20"), None));
    assert_eq!((forecast.rests_on, forecast.room_for), (Likeness::Booked, None));
}

#[test]
fn one_more_case_is_named_only_where_it_would_end_inside_the_plan() {
    let forecaster = Forecaster::fit(&tonsil_lists());
    let room_at = |into: &str, now: &str| {
        let session = measured_at(vec![booked(1, "08:00", 60, "Tonsillectomy", &[into])], at(now));
        forecaster.forecast(&session, at(now)).unwrap().room_for.map(|room| room.procedure.to_string())
    };
    // 50 left of the case in the room, 20 of turnover and 50 of another end at 12:00, or a minute after it.
    assert_eq!(room_at("10:00", "10:01").as_deref(), Some("Tonsillectomy"));
    assert_eq!(room_at("10:01", "10:02"), None);
}

#[test]
fn a_case_longer_than_any_before_it_goes_by_what_it_has_less_in_common_with() {
    let session = measured_at(vec![booked(1, "08:00", 60, "Tonsillectomy", &["08:00"])], at("09:10"));
    let forecast = Forecaster::fit(&tonsil_lists()).forecast(&session, at("09:10")).unwrap();
    // No case of any kind took 70 minutes, so the booking is all there is, and it is used up.
    assert_eq!((forecast.finish, forecast.rests_on), (at("09:10"), Likeness::Booked));
    assert_eq!(forecast.past_plan(&session), Minutes::whole(-170));
}

#[test]
fn a_coming_list_has_room_for_whole_cases_behind_its_bookings() {
    let forecaster = Forecaster::fit(&tonsil_lists());
    let spare = |cases: Vec<Case>| forecaster.spare(&measured_at(cases, at("06:00"))).unwrap();
    // Planned 08:00 to 12:00. 08:10, two of 50 with 20 between: 10:10; another takes 20 + 50.
    let two = spare(vec![booked(1, "08:00", 60, "Tonsillectomy", &[]), booked(2, "09:00", 60, "Tonsillectomy", &[])]);
    assert_eq!((two.booked, two.finish, two.free), (2, Some(at("10:10")), Minutes::whole(110)));
    assert_eq!((two.each, two.whole_cases, two.is_any()), (Some(Minutes::whole(70)), Some(1), true));
    // Nothing booked: from 08:10 on 230 min hold 50 + 70 + 70.
    let none = spare(Vec::new());
    assert_eq!((none.booked, none.finish, none.free), (0, None, Minutes::whole(240)));
    assert_eq!((none.whole_cases, none.is_any()), (Some(3), true));
    // Begun, or too little known.
    let begun = measured_at(vec![booked(1, "08:00", 60, "Tonsillectomy", &["08:10"])], at("08:20"));
    assert_eq!(forecaster.spare(&begun), None);
    let unknown = Forecaster::fit(&[]).spare(&measured_at(Vec::new(), at("06:00"))).unwrap();
    assert_eq!((unknown.each, unknown.whole_cases, unknown.is_any()), (None, None, true));
}
