//! Sums over sessions: the worked examples, what counts where, and the groups.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod made_sessions;

use chrono::NaiveDate;
use made_sessions::{any_session, closed, label, unused, with_capped};
use proptest::prelude::*;
use room_events::{ListKind, RoomId, RoomKind, SiteId};
use utilisation::aggregate::{AggregateRow, Dimension, aggregate};
use utilisation::measure::Measure;
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::{SessionResult, SessionState};
use utilisation::rows::{write_csv_header, write_csv_values};
use utilisation::rules::RuleSet;

fn system(sessions: &[SessionResult]) -> AggregateRow {
    let mut rows = aggregate(sessions, &[], &RuleSet::default());
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

fn percent(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(String::new, |ratio| ratio.percent(2))
}

fn at_site(mut session: SessionResult, site: &str) -> SessionResult {
    session.site = SiteId::new(site).unwrap();
    session
}

/// A list whose first case is so many minutes late.
fn late(minutes: i64) -> SessionResult {
    let mut session = with_capped(closed(240), 100);
    session.figures.late_start = Some(Minutes::whole(minutes).at_least_zero());
    session.figures.early_start = Some(Minutes::whole(-minutes).at_least_zero());
    session
}

#[test]
fn the_headline_is_the_sum_of_numerators_over_the_sum_of_denominators() {
    let mut second = with_capped(closed(240), 180);
    second.figures.cases_completed = 3;
    let mut fifth = with_capped(closed(540), 455);
    fifth.figures.cases_completed = 4;
    let row = system(&[second, fifth, unused(240)]);
    assert_eq!(percent(row.capped_utilisation), "81.41");
    assert_eq!(percent(row.scheduled_capacity_utilisation), "62.25");
    assert_eq!(format!("{:.2}", row.mean_of_lists.unwrap().0 * 100.0), "79.63");
    assert_eq!(format!("{:.2}", row.cases_per_4h.unwrap()), "2.15");
    assert_eq!(format!("{:.2}", row.scheduled_capacity_cases_per_4h.unwrap()), "1.65");
    assert_eq!((row.sessions, row.sessions_held, row.sessions_unused), (3, 2, 1));
    assert_eq!(percent(row.sessions_held_rate), "66.67");
    assert_eq!(row.cases_per_list, Some(3.5));
}

#[test]
fn a_case_cancelled_on_the_day_is_one_of_four_booked() {
    let mut session = with_capped(closed(240), 163);
    session.figures.cases_booked = 4;
    session.figures.cases_cancelled_on_day = 1;
    let row = system(&[session]);
    assert_eq!((percent(row.cancelled_on_day_rate), percent(row.capped_utilisation)), ("25.00".into(), "67.92".into()));
    assert_eq!(percent(row.qmco_like_rate), "0.00");
}

#[test]
fn cancellations_of_a_list_that_was_never_used_count() {
    let mut session = unused(240);
    session.figures.cases_booked = 3;
    session.figures.cases_cancelled_on_day = 3;
    let row = system(&[session]);
    assert_eq!(percent(row.cancelled_on_day_rate), "100.00");
    assert_eq!((row.capped_utilisation, row.mean_of_lists, row.cases_per_list), (None, None, None));
    assert_eq!(percent(row.scheduled_capacity_utilisation), "0.00");
}

#[test]
fn late_start_is_stated_three_ways_and_flagged_by_a_named_threshold() {
    let sessions = [-5, 0, 4, 10, 22].map(late);
    let row = system(&sessions);
    assert_eq!(percent(row.late_start_share), "60.00");
    assert_eq!(row.late_start_mean_affected_min, Some(12.0));
    assert_eq!(row.late_start_mean_all_min, Some(7.2));
    assert_eq!(row.early_start_min, Minutes::whole(5));
    assert_eq!(
        (percent(row.late_start_flag_rate), row.late_start_flag_above_min),
        ("20.00".into(), Minutes::whole(10))
    );
    for (grace, on_time) in [(0, "40.00"), (5, "60.00"), (10, "80.00")] {
        let rules = RuleSet { late_start_flag: Minutes::whole(grace), ..RuleSet::default() };
        let row = &aggregate(&sessions, &[], &rules)[0];
        let in_time = row.late_start_lists - row.late_start_flagged;
        assert_eq!(percent(Ratio::of_counts(in_time, row.late_start_lists)), on_time, "{grace} min");
    }
}

#[test]
fn a_list_whose_last_case_is_open_is_left_out_of_the_early_finish_and_widens_the_overrun() {
    let mut open = with_capped(closed(240), 90);
    open.complete = false;
    open.figures.unknown = Minutes::whole(135);
    open.figures.early_finish_uncertain = true;
    open.figures.cases_completed = 1;
    open.figures.cases_outcome_unknown = 1;
    let mut early = with_capped(closed(240), 150);
    early.figures.early_finish = Some(Minutes::whole(30));
    early.figures.cases_completed = 2;
    let row = system(&[open, early]);
    assert_eq!((row.early_finish_lists, percent(row.early_finish_share)), (1, "100.00".into()));
    assert_eq!((percent(row.overrun_share), percent(row.overrun_share_upper)), ("0.00".into(), "50.00".into()));
    assert_eq!(percent(row.capped_utilisation), "50.00");
    assert_eq!(percent(row.capped_utilisation_upper), "78.13");
    assert_eq!((row.cases_per_list, row.cases_per_list_upper), (Some(1.5), Some(2.0)));
    assert_eq!(row.sessions_incomplete, 1);
}

#[test]
fn running_planned_and_withdrawn_sessions_are_counted_apart() {
    let state = |state, capacity| {
        let mut session = with_capped(closed(240), 240);
        session.state = state;
        session.figures.scheduled_capacity = capacity;
        session
    };
    let cancelled = |capacity| {
        let mut session = unused(240);
        session.state = SessionState::Cancelled;
        session.figures.scheduled_capacity = capacity;
        session
    };
    let row = system(&[
        with_capped(closed(240), 120),
        state(SessionState::Running, true),
        state(SessionState::Planned, true),
        cancelled(true),
        cancelled(false),
    ]);
    assert_eq!((row.sessions, row.sessions_held, row.sessions_cancelled), (2, 1, 1));
    assert_eq!((row.sessions_withdrawn_early, row.sessions_provisional, row.sessions_to_come), (1, 1, 1));
    assert_eq!(percent(row.capped_utilisation), "50.00");
    assert_eq!(percent(row.scheduled_capacity_utilisation), "25.00");
}

#[test]
fn the_rule_set_chooses_the_headline_and_the_three_variants_stand_beside_it() {
    let mut session = with_capped(closed(240), 120);
    session.figures.capped_duration = Minutes::whole(220);
    session.figures.touch = Minutes::whole(230);
    for (rules, variant, headline) in
        [("girft-2024.1", "window", "50.00"), ("girft-2024.1-duration", "duration", "91.67")]
    {
        let rows = aggregate([&session], &[], &RuleSet::named(rules).unwrap());
        assert_eq!((rows[0].variant, rows[0].rule_set.as_str()), (variant, rules));
        assert_eq!(percent(rows[0].capped_utilisation), headline);
        assert_eq!(percent(rows[0].duration_utilisation), "91.67");
        assert_eq!(percent(rows[0].window_utilisation), "50.00");
    }
}

#[test]
fn emergency_lists_and_other_kinds_of_room_have_rows_of_their_own() {
    let mut emergency = with_capped(closed(240), 60);
    emergency.kind = ListKind::Emergency;
    let mut cath = with_capped(closed(240), 60);
    cath.room_kind = RoomKind::CathLab;
    let rows = aggregate(&[emergency, cath, with_capped(closed(240), 200)], &[], &RuleSet::default());
    let keys: Vec<_> = rows.iter().map(|row| (row.room_kind, row.kind, row.sessions)).collect();
    assert_eq!(
        keys,
        [
            (RoomKind::Theatre, ListKind::Elective, 1),
            (RoomKind::Theatre, ListKind::Emergency, 1),
            (RoomKind::CathLab, ListKind::Elective, 1)
        ]
    );
}

#[test]
fn planned_minutes_carry_their_change() {
    let mut shortened = with_capped(closed(180), 150);
    shortened.figures.first_planned = Minutes::whole(240);
    let row = system(&[shortened, with_capped(closed(240), 200)]);
    assert_eq!((row.planned_change_min, row.lists_replanned), (Minutes::whole(-60), 1));
}

#[test]
fn extra_cases_are_added_up_and_never_pooled() {
    let extra = |cases| {
        let mut session = with_capped(closed(240), 100);
        session.figures.extra_cases_possible = cases;
        session
    };
    let row = system(&[extra(Some(1)), extra(Some(0)), extra(None)]);
    assert_eq!((row.extra_cases_possible, row.extra_cases_lists), (Some(1), 2));
    assert_eq!(system(&[extra(None)]).extra_cases_possible, None);
}

#[test]
fn weeks_are_iso_weeks_and_months_are_of_the_local_date() {
    let on = |y, m, d| {
        let mut session = with_capped(closed(240), 100);
        session.local_date = NaiveDate::from_ymd_opt(y, m, d).unwrap();
        session
    };
    let sessions = [on(2022, 1, 2), on(2022, 1, 3), on(2020, 12, 31)];
    let weeks: Vec<_> = aggregate(&sessions, &[Dimension::Week], &RuleSet::default())
        .into_iter()
        .map(|row| (row.week.unwrap(), row.grouping, row.month))
        .collect();
    let named = |week: &str| (week.to_owned(), "week".to_owned(), None);
    assert_eq!(weeks, [named("2020-W53"), named("2021-W52"), named("2022-W01")]);
    let months = aggregate(&sessions, &[Dimension::Month], &RuleSet::default());
    assert_eq!(months.iter().filter_map(|row| row.month.as_deref()).collect::<Vec<_>>(), ["2020-12", "2022-01"]);
}

#[test]
fn sites_stand_in_quartiles_among_their_peers_and_periods_do_not() {
    let sessions: Vec<SessionResult> = (0..5)
        .map(|n| at_site(with_capped(closed(100), 60 + 10 * n), &format!("site-{n}")))
        .chain([with_capped(
            at_site(
                {
                    let mut s = closed(100);
                    s.specialty = Some(label("ENT"));
                    s
                },
                "site-9",
            ),
            10,
        )])
        .collect();
    let by = [Dimension::Specialty, Dimension::Site];
    let rows = aggregate(&sessions, &by, &RuleSet::default());
    let seen: Vec<_> = rows.iter().map(|row| (row.site.clone().unwrap(), row.units_compared, row.quartile)).collect();
    let site = |n: u8| SiteId::new(&format!("site-{n}")).unwrap();
    let five = |n, quartile| (site(n), 5, Some(quartile));
    assert_eq!(seen, [five(0, 1), five(1, 2), five(2, 3), five(3, 4), five(4, 4), (site(9), 1, None)]);
    assert_eq!(rows[0].units_median.unwrap().0, 0.8);
    assert!(aggregate(&sessions, &[Dimension::Month], &RuleSet::default()).iter().all(|row| row.units_compared == 0));
}

#[test]
fn a_room_is_known_by_its_site() {
    let mut other = at_site(with_capped(closed(240), 1), "east");
    other.room = RoomId::new("suite-1").unwrap();
    let sessions = [other, with_capped(closed(240), 1)];
    assert_eq!(aggregate(&sessions, &[Dimension::Room], &RuleSet::default()).len(), 2);
}

#[test]
fn every_theatre_measure_is_a_column() {
    let row = system(&[with_capped(closed(240), 120)]);
    for measure in Measure::ALL {
        let is_column = AggregateRow::COLUMNS.contains(&measure.name());
        assert_eq!(is_column, measure.applies_to(RoomKind::Theatre), "{}", measure.name());
        assert_eq!(Measure::from_name(measure.name()), Some(*measure));
    }
    assert_eq!(Measure::CappedUtilisation.of(&row), Some(0.5));
    assert_eq!(Measure::TurnoverMean.of(&row), None);
}

#[test]
fn the_header_is_the_golden_one_and_equals_the_json_keys() {
    let mut header = Vec::new();
    write_csv_header(AggregateRow::COLUMNS, &mut header);
    assert_eq!(String::from_utf8(header).unwrap(), include_str!("data/aggregate_header.csv"));

    let row = system(&[with_capped(closed(240), 163)]);
    let object = serde_json::to_string(&row).unwrap();
    let values = serde_json::to_string(&utilisation::rows::AsObject(&row.values())).unwrap();
    assert_eq!(object, values);
    let mut line = Vec::new();
    write_csv_values(&row.values(), &mut line);
    let line = String::from_utf8(line).unwrap();
    assert_eq!(line.split(',').count(), AggregateRow::COLUMNS.len());
    assert!(line.starts_with("system,,,,,,,,theatre,elective,girft-2024.1,window,1,1,1,0,0,0,0,0,0,240,240,0,0,163,"));
}

/// Plausible enough that no sum is negative.
fn plausible() -> impl Strategy<Value = SessionResult> {
    any_session().prop_map(|mut session| {
        let f = &mut session.figures;
        f.planned = f.planned.at_least_zero();
        f.capped = f.capped.at_least_zero();
        session
    })
}

proptest! {
    #[test]
    fn the_order_of_sessions_does_not_matter(
        (sessions, shuffled) in prop::collection::vec(plausible(), 0..30)
            .prop_flat_map(|sessions| (Just(sessions.clone()), Just(sessions).prop_shuffle()))
    ) {
        let by = [Dimension::Site, Dimension::Week];
        let rules = RuleSet::default();
        prop_assert_eq!(aggregate(&sessions, &by, &rules), aggregate(&shuffled, &by, &rules));
    }

    #[test]
    fn the_groups_add_up_to_the_whole(sessions in prop::collection::vec(plausible(), 0..30)) {
        let rules = RuleSet::default();
        let whole = aggregate(&sessions, &[], &rules);
        for by in Dimension::ALL {
            let parts = aggregate(&sessions, &[*by], &rules);
            for total in &whole {
                let own = || parts.iter().filter(|row| (row.room_kind, row.kind) == (total.room_kind, total.kind));
                prop_assert_eq!(own().map(|row| row.sessions).sum::<u64>(), total.sessions);
                prop_assert_eq!(own().map(|row| row.capped_min).sum::<Minutes>(), total.capped_min);
                prop_assert_eq!(own().map(|row| row.planned_min).sum::<Minutes>(), total.planned_min);
                prop_assert_eq!(own().map(|row| row.cases_booked).sum::<u64>(), total.cases_booked);
                prop_assert_eq!(own().map(|row| row.overrun_min).sum::<Minutes>(), total.overrun_min);
            }
        }
        let counted: u64 = whole
            .iter()
            .map(|row| {
                row.sessions
                    + row.sessions_withdrawn_early
                    + row.sessions_provisional
                    + row.sessions_to_come
                    + row.sessions_empty_plan
            })
            .sum();
        prop_assert_eq!(counted, sessions.len() as u64);
    }
}

/// Its cases would stand above the line of every rate, and no minute of it below.
#[test]
fn a_list_planned_for_no_time_is_counted_and_in_no_rate() {
    let good = with_capped(closed(240), 120);
    let mut empty = with_capped(closed(0), 60);
    empty.figures.touch = Minutes::whole(60);
    let rows = aggregate(&[good.clone(), empty], &[], &RuleSet::default());
    let alone = aggregate(&[good], &[], &RuleSet::default());
    assert_eq!((rows[0].sessions, rows[0].sessions_empty_plan), (1, 1));
    assert_eq!(
        (rows[0].uncapped_utilisation, rows[0].cases_per_4h),
        (alone[0].uncapped_utilisation, alone[0].cases_per_4h)
    );
}
