//! Typical times and extra cases, against sorting every time.

use proptest::prelude::*;
use room_events::{Label, UtcMillis};
use utilisation::facts::RoomFacts;
use utilisation::quantity::Minutes;
use utilisation::result::{SessionResult, SessionState};
use utilisation::rules::RuleSet;
use utilisation::theatre::{Detail, TypicalHistory, TypicalTable, fill_extra_cases, measure_room};

use crate::rooms::{LATER, at, list, stay, theatre};

const DAY: i64 = 24 * 60;

fn rules(typical_min_n: usize) -> RuleSet {
    RuleSet { typical_min_n, ..RuleSet::default() }
}

/// Lists of 4 h at 08:30, so many days after the first, each with cases of so many minutes, turnovers of so many, and
/// the first case so late.
fn lists(days: &[(i64, i64, &[i64], i64)]) -> Vec<SessionResult> {
    let mut facts = RoomFacts::default();
    for &(day, late, lengths, turnover) in days {
        let start = at("08:30").plus_minutes(day * DAY);
        let plan = list(&format!("list-{}", facts.sessions.len()), start, start.plus_minutes(240));
        let mut from = start.plus_minutes(late);
        for length in lengths {
            let mut case = stay(facts.cases.len() as u128, Some(from), Some(from.plus_minutes(*length)));
            case.session = Some(plan.key.clone());
            facts.cases.push(case);
            from = from.plus_minutes(length + turnover);
        }
        facts.sessions.push(plan);
    }
    measure_room(&theatre(), &facts, &RuleSet::default(), LATER, Detail::Figures).sessions
}

fn filled(mut sessions: Vec<SessionResult>, rules: &RuleSet) -> Vec<SessionResult> {
    let mut history = TypicalHistory::default();
    history.record(&sessions);
    for session in &sessions {
        let times = history.times(session, rules);
        let mut one = [session.clone()];
        fill_extra_cases(&mut one, &history, rules);
        let figures = &one[0].figures;
        let filled = figures.typical_touch.zip(figures.typical_turnover);
        assert_eq!(
            filled,
            times.filter(|_| session.complete && session.state == SessionState::Closed).map(|t| (t.touch, t.turnover))
        );
    }
    let alone = sessions.clone();
    fill_extra_cases(&mut sessions, &history, rules);
    // All at once or each by itself: the same.
    for (mut one, together) in alone.into_iter().zip(&sessions) {
        fill_extra_cases(core::slice::from_mut(&mut one), &history, rules);
        assert_eq!(one, *together);
    }
    sessions
}

#[test]
fn extra_cases_are_whole_ones_of_the_typical_length() {
    // Two days of three 40 min cases and 10 min turnovers, then one list with 60 min late and 80 min early finish.
    let sessions =
        filled(lists(&[(0, 0, &[40, 40, 40], 10), (1, 0, &[40, 40, 40], 10), (2, 60, &[100], 0)]), &rules(4));
    let extra: Vec<_> = sessions.iter().map(|s| s.figures.extra_cases_possible).collect();
    assert_eq!(extra, [None, None, Some(2)]);
    let figures = &sessions[2].figures;
    assert_eq!(figures.typical_touch, Some(Minutes::whole(40)));
    assert_eq!(figures.typical_turnover, Some(Minutes::whole(10)));

    // An overrun is taken off before whole cases are counted, and never leaves less than none.
    for (late, length, expected) in [(50, 240, 0), (100, 190, 1), (40, 90, 3), (40, 91, 2)] {
        let sessions =
            filled(lists(&[(0, 0, &[40, 40, 40], 10), (1, 0, &[40, 40, 40], 10), (2, late, &[length], 0)]), &rules(4));
        assert_eq!(sessions[2].figures.extra_cases_possible, Some(expected), "{late} late, {length} long");
    }
}

#[test]
fn too_little_history_gives_no_typical_times() {
    let days: &[(i64, i64, &[i64], i64)] = &[(0, 0, &[40, 40, 40], 10), (1, 0, &[40], 10)];
    // Three cases and two turnovers before the second list.
    assert_eq!(filled(lists(days), &rules(2))[1].figures.extra_cases_possible, Some(4));
    assert_eq!(filled(lists(days), &rules(3))[1].figures.typical_touch, None);
    let mut unnamed = lists(days);
    unnamed.iter_mut().for_each(|s| s.specialty = None);
    assert_eq!(filled(unnamed, &rules(2))[1].figures.typical_touch, None);
    let mut other = lists(days);
    other[0].specialty = Label::fitted("ENT");
    assert_eq!(filled(other, &rules(2))[1].figures.typical_touch, None);
}

#[test]
fn history_begins_ninety_days_before_the_planned_start() {
    // The first list starts exactly 90 days before the second; its first case begins with it.
    let days = |shift: i64| {
        let mut sessions = lists(&[(0, 0, &[40, 40], 10), (90, 0, &[40], 10)]);
        sessions[1].planned_start = sessions[1].planned_start.plus_minutes(shift);
        filled(sessions, &RuleSet { typical_min_n: 1, ..RuleSet::default() })[1].figures.clone()
    };
    let touch = Some(Minutes::whole(40));
    assert_eq!((days(0).typical_touch, days(0).typical_turnover), (touch, Some(Minutes::whole(10))));
    assert_eq!(days(40).typical_turnover, Some(Minutes::whole(10)));
    assert_eq!(days(41).typical_turnover, None);
}

#[test]
fn history_holds_what_began_and_ended_at_its_very_bounds() {
    // 08:30-08:40, 08:45-09:05, 09:10-09:40.
    let at_start = |start: UtcMillis, least: usize| {
        let mut sessions = lists(&[(0, 0, &[10, 20, 30], 5), (45, 0, &[40], 5), (90, 0, &[40], 5)]);
        sessions[2].planned_start = start;
        let figures = &filled(sessions, &rules(least))[2].figures;
        figures.typical_touch.zip(figures.typical_turnover)
    };
    let times = |touch| Some((Minutes::whole(touch), Minutes::whole(5)));
    let ninety_days = at("08:30").plus_minutes(90 * DAY);
    assert_eq!(at_start(ninety_days, 1), times(25));
    assert_eq!(at_start(ninety_days.plus_minutes(1), 1), times(30));
    assert_eq!(at_start(at("09:40"), 1), times(20));
    assert_eq!(at_start(at("09:39"), 1), times(15));
    // The second turnover ends with the start at 09:10.
    assert_eq!(at_start(at("09:10"), 2), times(15));
    assert_eq!(at_start(at("09:09"), 2), None);
}

#[test]
fn an_incomplete_or_running_list_has_no_extra_cases() {
    let mut sessions = lists(&[(0, 0, &[40, 40, 40], 10), (1, 0, &[40], 10)]);
    sessions[1].complete = false;
    assert_eq!(filled(sessions, &rules(1))[1].figures.extra_cases_possible, None);
}

/// The rule as it is written: look at everything, sort, take the middle.
fn median(mut lengths: Vec<i64>, least: usize) -> Option<Minutes> {
    lengths.sort_unstable();
    let n = lengths.len();
    if n < least {
        return None;
    }
    Some(Minutes::from_millis((lengths[(n - 1) / 2] + lengths[n / 2]) / 2))
}

fn expected(sessions: &[SessionResult], start: UtcMillis, rules: &RuleSet) -> Option<(Minutes, Minutes)> {
    let since = start.plus_millis(-rules.typical_window.millis());
    let (mut touch, mut turnover) = (Vec::new(), Vec::new());
    for session in sessions {
        for (index, case) in session.cases.iter().enumerate() {
            let (Some(from), Some(to)) = (case.start, case.end) else { continue };
            if to <= start && from >= since {
                touch.push(to.millis_since(from));
            }
            let before = session.cases[..index].iter().filter_map(|c| c.end).max();
            if let (Some(length), Some(before)) = (case.turnover_before, before)
                && from <= start
                && before >= since
            {
                turnover.push(length.millis());
            }
        }
    }
    Some((median(touch, rules.typical_min_n)?, median(turnover, rules.typical_min_n)?))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sliding_window_equals_sorting_every_time(
        days in prop::collection::vec((0..30_i64, 0..60_i64, prop::collection::vec(0..90_i64, 0..5), 0..20_i64), 1..15),
        window_days in 0..12_i64,
        least in 1..6_usize,
    ) {
        let days: Vec<_> = days.iter().map(|(day, late, lengths, turnover)| (*day, *late, lengths.as_slice(), *turnover)).collect();
        let rules = RuleSet { typical_window: Minutes::whole(window_days * DAY + 60), ..rules(least) };
        let sessions = filled(lists(&days), &rules);
        for session in sessions.iter().filter(|s| s.figures.cases_started > 0) {
            let figures = &session.figures;
            prop_assert_eq!(
                figures.typical_touch.zip(figures.typical_turnover),
                expected(&sessions, session.planned_start, &rules)
            );
        }
    }

    #[test]
    fn the_parts_of_a_history_give_what_the_whole_gives(
        days in prop::collection::vec((0..30_i64, 0..90_i64, 0..20_i64), 2..15),
        specialties in prop::collection::vec(0..3_usize, 15),
    ) {
        let days: Vec<_> = days.iter().map(|&(day, length, turnover)| (day, 0, [length; 2], turnover)).collect();
        let days: Vec<_> = days.iter().map(|(day, late, lengths, turnover)| (*day, *late, lengths.as_slice(), *turnover)).collect();
        let mut sessions = lists(&days);
        for (session, which) in sessions.iter_mut().zip(specialties) {
            session.specialty = Label::new(["ENT", "Urology", "Podiatry"][which]).ok();
        }
        let mut history = TypicalHistory::default();
        history.record(&sessions);
        let mut whole = sessions.clone();
        history.clone().table(&rules(1)).fill_extra_cases(&mut whole);
        let mut together = TypicalTable::default();
        for part in history.into_parts() {
            together.merge(part.table(&rules(1)));
        }
        together.fill_extra_cases(&mut sessions);
        prop_assert_eq!(sessions, whole);
    }
}
