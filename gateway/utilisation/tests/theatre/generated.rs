//! Generated rooms, against the slow reference model.

use proptest::prelude::*;
use room_events::{CancellationClass, Milestone, UtcMillis};
use utilisation::facts::{Cancelled, Case, Plan, Room, RoomFacts, SessionPlan};
use utilisation::quantity::Minutes;
use utilisation::result::{SegmentKind, SessionResult};
use utilisation::rules::{RuleSet, TouchStart};
use utilisation::theatre::{Detail, measure_room};

use crate::reference::{SessionMinutes, reference};
use crate::rooms::{key, plan, theatre, token, utc};

/// The days on which generated rooms play: winter, and both nights of a clock change.
const MIDNIGHTS: [&str; 3] = ["2022-01-11T00:00Z", "2022-03-27T00:00Z", "2022-10-30T00:00Z"];

/// A room's facts and the instant at which they are looked at; whole minutes within a day of some midnight.
pub fn rooms() -> impl Strategy<Value = (RoomFacts, UtcMillis)> {
    (0..MIDNIGHTS.len()).prop_flat_map(|night| {
        let midnight = utc(MIDNIGHTS[night]);
        let sessions = prop::collection::vec(session(midnight), 0..4);
        let cases = prop::collection::vec(case(midnight), 0..7);
        (sessions, cases, now(midnight)).prop_map(|(sessions, cases, now)| {
            let keyed = sessions
                .into_iter()
                .enumerate()
                .map(|(i, revisions)| SessionPlan { key: key(&format!("list-{i}")), revisions });
            let numbered = cases.into_iter().enumerate().map(|(i, case)| Case { id: token(i as u128), ..case });
            (RoomFacts { sessions: keyed.collect(), cases: numbered.collect() }, now)
        })
    })
}

fn now(midnight: UtcMillis) -> impl Strategy<Value = UtcMillis> {
    prop_oneof![3 => Just(3000_i64), 2 => -700..1500_i64].prop_map(move |m| midnight.plus_minutes(m))
}

/// Mostly on a coarse grid, so that instants coincide and ties happen.
fn instant(midnight: UtcMillis, range: core::ops::Range<i64>) -> impl Strategy<Value = UtcMillis> {
    let coarse = (range.start / 30)..(range.end / 30);
    prop_oneof![2 => coarse.prop_map(|half_hours| half_hours * 30), 1 => range]
        .prop_map(move |m| midnight.plus_minutes(m))
}

fn revision(midnight: UtcMillis) -> impl Strategy<Value = Plan> {
    let issued = prop_oneof![
        2 => Just(None),
        1 => instant(midnight, -30_000..-15_000).prop_map(Some),
        2 => instant(midnight, -900..900).prop_map(Some),
    ];
    let length = prop_oneof![8 => (1..20_i64).prop_map(|n| n * 30), 1 => Just(0), 1 => -120..600_i64];
    (instant(midnight, -700..700), length, issued, prop::bool::weighted(0.15)).prop_map(
        |(start, length, issued, withdrawn)| Plan { issued, withdrawn, ..plan(start, start.plus_minutes(length)) },
    )
}

fn session(midnight: UtcMillis) -> impl Strategy<Value = Vec<Plan>> {
    prop::collection::vec(revision(midnight), 1..4).prop_map(|mut revisions| {
        revisions.sort_by_key(|plan| plan.issued);
        revisions
    })
}

fn case(midnight: UtcMillis) -> impl Strategy<Value = Case> {
    let touch = prop_oneof![
        // Closed, zero-length, wrong way round, too long.
        8 => (Just(true), Just(true), prop_oneof![6 => 1..200_i64, 1 => Just(0), 1 => -90..0_i64, 1 => 1430..1450_i64]),
        2 => (Just(true), Just(false), Just(0)),
        2 => (Just(false), Just(true), Just(60)),
        3 => (Just(false), Just(false), Just(0)),
    ];
    let details = (
        prop::option::weighted(0.4, instant(midnight, -800..900)),
        prop::option::weighted(0.15, 0..4_usize),
        prop::option::weighted(0.2, (instant(midnight, -1600..1200), 0..3_usize)),
        prop::option::weighted(0.1, instant(midnight, -700..900)),
        prop::bool::weighted(0.2),
    );
    (instant(midnight, -800..900), touch, 0..4_usize, 0..3_usize, details).prop_map(
        |(start, (has_start, has_end, length), from, to, (booked, session, cancelled, abandoned, signed_out))| {
            let mut case = Case::new(token(0));
            // One or two starts, so that the order and the earliest differ.
            let starts = [
                (Milestone::AnaestheticStart, 5),
                (Milestone::IntoAnaestheticRoom, 0),
                (Milestone::IntoTheatre, 0),
                (Milestone::ProcedureStart, 0),
            ];
            let ends = [Milestone::OutOfTheatre, Milestone::IntoRecovery, Milestone::ProcedureEnd];
            if has_start {
                case.stamps.set(starts[from].0, Some(start));
                case.stamps.set(Milestone::ProcedureStart, Some(start.plus_minutes(starts[from].1 - 2)));
                if from == 3 {
                    case.stamps.set(Milestone::ProcedureStart, Some(start));
                }
            }
            if has_end {
                case.stamps.set(ends[to], Some(start.plus_minutes(length)));
            }
            if signed_out {
                case.stamps.set(Milestone::SignOut, Some(start.plus_minutes(length)));
            }
            case.booked_start = booked;
            case.session = session.map(|i| key(&format!("list-{i}")));
            let class = |i| [None, Some(CancellationClass::HospitalNonClinical), Some(CancellationClass::Patient)][i];
            case.cancelled = cancelled.map(|(at, i)| Cancelled { at, class: class(i), reason: None });
            case.abandoned = abandoned;
            case
        },
    )
}

/// The product's result in the terms of the reference model.
fn in_minutes(session: &SessionResult) -> SessionMinutes {
    let f = &session.figures;
    let whole = |m: Minutes| {
        assert_eq!(m.millis() % 60_000, 0);
        m.millis() / 60_000
    };
    let minute = |at: UtcMillis| at.millis() / 60_000;
    let letter = |kind| match kind {
        SegmentKind::LateStart => 'L',
        SegmentKind::Occupied => 'O',
        SegmentKind::Gap => 'G',
        SegmentKind::Unknown => 'U',
        SegmentKind::EarlyFinish => 'E',
        SegmentKind::ToCome => 'T',
    };
    let n = |count: u32| count as usize;
    SessionMinutes {
        key: session.key.clone(),
        local_date: session.local_date,
        start: minute(session.planned_start),
        end: minute(session.planned_end),
        state: session.state.name(),
        closed_at: session.closed_at.map(minute),
        revised: session.revised,
        complete: session.complete,
        late_plan: session.quality.contains(&utilisation::result::QualityFlag::LatePlan),
        scheduled_capacity: f.scheduled_capacity,
        planned: whole(f.planned),
        first_planned: whole(f.first_planned),
        booked: n(f.cases_booked),
        started: n(f.cases_started),
        completed: n(f.cases_completed),
        outcome_unknown: n(f.cases_outcome_unknown),
        abandoned: n(f.cases_abandoned),
        cancelled_on_day: n(f.cases_cancelled_on_day),
        cancelled_qmco_like: n(f.cases_cancelled_qmco_like),
        touch: whole(f.touch),
        capped: whole(f.capped),
        capped_sum: whole(f.capped_sum),
        capped_duration: whole(f.capped_duration),
        overlap: whole(f.overlap),
        unknown: whole(f.unknown),
        late_start: f.late_start.map(whole),
        late_due_to_previous: whole(f.late_due_to_previous),
        early_start: f.early_start.map(whole),
        early_finish: f.early_finish.map(whole),
        early_finish_uncertain: f.early_finish_uncertain,
        overrun: f.overrun.map(whole),
        gaps_in_session: whole(f.gaps_in_session),
        turnovers: n(f.turnovers),
        turnover: whole(f.turnover),
        occupied_by_other_list: whole(f.occupied_by_other_list),
        remaining: whole(f.remaining),
        capped_best: whole(f.capped_best),
        minutes: session
            .segments
            .iter()
            .flat_map(|s| (minute(s.from)..minute(s.to)).map(move |_| letter(s.kind)))
            .collect(),
    }
}

pub fn assert_like_reference(room: &Room, facts: &RoomFacts, rules: &RuleSet, now: UtcMillis) {
    let expected = reference(room, facts, rules, now);
    let result = measure_room(room, facts, rules, now, Detail::Audit);
    let actual: Vec<SessionMinutes> = result.sessions.iter().map(in_minutes).collect();
    for (actual, expected) in actual.iter().zip(&expected) {
        assert_eq!(actual, expected);
    }
    assert_eq!(actual.len(), expected.len());
    let in_sessions: usize = result.sessions.iter().map(|s| s.cases.len()).sum();
    assert_eq!(in_sessions + result.out_of_session.len(), facts.cases.len(), "a case was dropped");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_room_equals_the_reference_model((facts, now) in rooms(), earliest in any::<bool>()) {
        let touch_start = if earliest { TouchStart::Earliest } else { TouchStart::FirstInOrder };
        let rules = RuleSet { touch_start, ..RuleSet::default() };
        assert_like_reference(&theatre(), &facts, &rules, now);
    }
}
