//! Before and after a change, against numbers worked out by hand.

use chrono::NaiveDate;
use room_events::{RoomId, RoomKind, Token};
use utilisation::control::Rule;
use utilisation::facts::{ScannerFacts, Step};
use utilisation::scanner::change::{Finding, WeeklyRates, weekly_rates};
use utilisation::scanner::result::ScannerSession;

use crate::rooms::{alive, measure, minute, scanner, session, step};

const DAY: i64 = 24 * 60;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Sessions of 10 h, each on a day after 2026-01-12 and with so many exams of 10 minutes; alive all the time.
fn sessions(room: &str, days: &[(i64, usize)]) -> Vec<ScannerSession> {
    let mut facts = ScannerFacts { sessions: Vec::new(), cases: Vec::new(), steps: Vec::new(), alive: Vec::new() };
    for &(day, exams) in days {
        let start = minute(day * DAY + 8 * 60);
        let end = start.plus_minutes(600);
        facts.sessions.push(session(&format!("d{day}"), start, end));
        facts.alive.extend(alive(start, end, None));
        for n in 0..exams {
            let at = start.plus_minutes(20 * i64::try_from(n).unwrap());
            let id = Token { key: 1, digest: u128::from(room.len() as u64) << 64 | (day as u128) << 32 | n as u128 };
            facts.steps.push(Step { id, start: at, end: Some(at.plus_minutes(10)), ..step("08:00-08:10") });
        }
    }
    let room = utilisation::facts::Room { room: RoomId::new(room).unwrap(), ..scanner(RoomKind::Mri) };
    measure(&room, &facts, &[], minute(400 * DAY)).sessions
}

/// One session a week from Monday 2026-01-12.
fn weekly(room: &str, exams: &[usize]) -> Vec<ScannerSession> {
    let days: Vec<(i64, usize)> = exams.iter().enumerate().map(|(n, exams)| (7 * n as i64, *exams)).collect();
    sessions(room, &days)
}

fn one(sessions: &[ScannerSession], on: &str, today: &str) -> WeeklyRates {
    let [unit] = &weekly_rates(sessions, Some(date(on)), date(today))[..] else { panic!("one room") };
    unit.clone()
}

fn near(is: Option<f64>, wanted: f64) {
    let is = is.unwrap();
    assert!((is - wanted).abs() < 1e-9, "{is} is not {wanted}");
}

#[test]
fn a_change_has_limits_on_both_sides_and_extra_scans_a_year() {
    // Before: 2.0 and 2.2 an hour in turn: mean 2.1, moving ranges 0.2, so limits 2.1 -/+ 0.532.
    // After: 2.7, 2.7, 2.8, 2.6: mean 2.7, ranges 0, 0.1, 0.2, so limits 2.7 -/+ 0.266. 10 h in 7 days are 521.43 h a year.
    let rates = one(&weekly("mri-1", &[20, 22, 20, 22, 27, 27, 28, 26]), "2026-02-09", "2026-03-09");
    let effect = rates.effect();
    assert_eq!((effect.before.weeks, effect.after.weeks, effect.machines), (4, 4, 1));
    let (before, after) = (effect.before.limits.unwrap(), effect.after.limits.unwrap());
    near(Some(before.centre), 2.1);
    near(Some(before.lower), 1.568);
    near(Some(before.upper), 2.632);
    near(Some(after.centre), 2.7);
    near(Some(after.lower), 2.434);
    near(Some(after.upper), 2.966);
    assert!(effect.before.trial && effect.after.trial);
    near(effect.change_per_hour(), 0.6);
    near(effect.hours_per_machine_year, 10.0 / 7.0 * 365.0);
    near(effect.extra_per_machine_year(), 0.6 * 3650.0 / 7.0);
    assert_eq!(effect.finding, Finding::Improvement);
}

#[test]
fn what_lies_inside_the_limits_of_before_could_be_chance() {
    // Limits before 1.568 to 2.632; the weeks after lie inside, on both sides of the centre.
    let effect = one(&weekly("mri-1", &[20, 22, 20, 22, 23, 20, 24]), "2026-02-09", "2026-03-09").effect();
    near(effect.change_per_hour(), 67.0 / 30.0 - 2.1);
    assert_eq!(effect.finding, Finding::CouldBeChance);
    let worse = one(&weekly("mri-1", &[20, 22, 20, 22, 15, 14]), "2026-02-09", "2026-03-09").effect();
    assert_eq!(worse.finding, Finding::Concern);
    assert!(worse.extra_per_machine_year().unwrap() < 0.0);
    let short = one(&weekly("mri-1", &[20, 22, 27]), "2026-01-19", "2026-03-09").effect();
    assert_eq!((short.finding, short.before.limits), (Finding::TooFewWeeks, None), "one week before");
    near(short.change_per_hour(), 2.45 - 2.0);
}

#[test]
fn a_change_in_the_middle_of_a_week_cuts_it_and_a_missing_week_is_kept() {
    // Monday 12th and Wednesday 14th before the 15th, Friday 16th after it; nothing in the next week; then Monday 26th.
    let sessions = sessions("mri-1", &[(0, 10), (2, 12), (4, 20), (14, 24)]);
    let rates = one(&sessions, "2026-01-15", "2026-02-02");
    let weeks: Vec<_> =
        rates.weeks.iter().map(|week| (week.name(), week.last.to_string(), week.exams, week.is_after)).collect();
    let expected = [
        ("2026-W03", "2026-01-14", 22, false),
        ("2026-W03 from 2026-01-15", "2026-01-18", 20, true),
        ("2026-W04", "2026-01-25", 0, true),
        ("2026-W05", "2026-02-01", 24, true),
    ];
    assert_eq!(weeks, expected.map(|(name, last, exams, after)| (name.to_owned(), last.to_owned(), exams, after)));
    assert_eq!(rates.chart.points[2].value, None);
    let effect = rates.effect();
    assert_eq!((effect.before.weeks, effect.after.weeks), (1, 2));
    near(effect.hours_per_machine_year, 20.0 / 18.0 * 365.0);
}

#[test]
fn a_week_that_is_not_over_is_in_no_figure_of_a_change() {
    let sessions = weekly("mri-1", &[20, 22, 20, 22, 27, 27, 9]);
    let running = one(&sessions, "2026-02-09", "2026-03-01");
    assert_eq!(running.effect().after.weeks, 2, "Sunday: the week ends tonight");
    assert_eq!(running.chart.not_plotted.as_deref(), Some("2026-W09"));
    assert_eq!(one(&sessions, "2026-02-09", "2026-03-02").effect().after.weeks, 3);
}

#[test]
fn several_machines_of_a_kind_are_followed_together_for_each_machine() {
    let mut sessions = weekly("mri-1", &[20, 20, 20, 30, 30]);
    sessions.extend(weekly("mri-22", &[10, 10, 10, 20, 20]));
    let units = weekly_rates(&sessions, Some(date("2026-02-02")), date("2026-03-02"));
    let rooms: Vec<_> = units.iter().map(|unit| unit.room.as_deref()).collect();
    assert_eq!(rooms, [Some("mri-1"), Some("mri-22"), None]);
    let both = units[2].effect();
    assert_eq!(both.machines, 2);
    near(both.before.exams_per_hour(), 1.5);
    near(both.after.exams_per_hour(), 2.5);
    near(both.hours_per_machine_year, 10.0 / 7.0 * 365.0);
    near(both.extra_per_machine_year(), 3650.0 / 7.0);
    assert_eq!(units[2].target, Some(2.5));
}

#[test]
fn weeks_without_a_change_have_one_set_of_limits() {
    let sessions = weekly("mri-1", &[20, 22, 20, 22, 20, 22, 20, 22, 40]);
    let [unit] = &weekly_rates(&sessions, None, date("2026-06-01"))[..] else { panic!("one room") };
    assert_eq!(unit.chart.stretches.len(), 1);
    assert_eq!(unit.chart.points[8].mark.map(|mark| mark.rule), Some(Rule::OutsideLimit));
    assert_eq!(unit.effect().before.weeks, 9);
}
