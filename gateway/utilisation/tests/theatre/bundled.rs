//! The bundled case file: 1,357 cases of 312 lists, whose figures two independent calculations agree on.

use std::collections::BTreeMap;

use chrono::Weekday;
use room_events::{Label, Milestone, UtcMillis};
use utilisation::aggregate::aggregate;
use utilisation::bands::{Banded, Bands};
use utilisation::facts::{Case, RoomFacts};
use utilisation::hours::{HourGrid, HourMinutes, ListHours};
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::{QualityFlag, SessionResult, SessionState};
use utilisation::rules::RuleSet;
use utilisation::theatre::{Detail, measure_room};

use crate::generated::assert_like_reference;
use crate::rooms::{LATER, list, local, theatre, token};

const FILE: &str = include_str!("../../../../tests/data/or_utilisation_2022_jan_feb.csv");

/// Cuts a line at commas that are not inside quotation marks.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}

/// The facts of each suite: one list a day, from the earliest scheduled start to the end of the last booked slot.
pub fn suites() -> BTreeMap<String, RoomFacts> {
    let mut lines = FILE.lines();
    let header = fields(lines.next().unwrap());
    let rows: Vec<Vec<String>> = lines.map(fields).collect();
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let instant = |row: &[String], name: &str| local(&row[column(name)]);

    // Per suite and date: the latest scheduled start so far, whose slot ends the list.
    let mut last_slots: BTreeMap<(String, String), UtcMillis> = BTreeMap::new();
    let mut suites: BTreeMap<String, RoomFacts> = BTreeMap::new();
    for row in &rows {
        let (suite, date) = (row[column("or_suite")].clone(), row[column("date")].clone());
        let scheduled = instant(row, "or_sched");
        let booked_minutes: u16 = row[column("booked_dur")].parse().unwrap();
        let booked_end = scheduled.plus_minutes(booked_minutes.into());
        let service = Label::fitted(&row[column("service")]);
        let facts = suites.entry(suite.clone()).or_default();
        let day = crate::rooms::key(&date);
        if !facts.sessions.iter().any(|session| session.key == day) {
            let mut session = list(&date, scheduled, booked_end);
            session.revisions[0].specialty = service.clone();
            facts.sessions.push(session);
        }
        let session = facts.sessions.iter_mut().find(|session| session.key == day).unwrap();
        let plan = &mut session.revisions[0];
        plan.start = plan.start.min(scheduled);
        let last_slot = last_slots.entry((suite, date)).or_insert(scheduled);
        if scheduled >= *last_slot {
            (*last_slot, plan.end) = (scheduled, booked_end);
        }
        let mut case = Case::new(token(row[column("encounter_id")].parse().unwrap()));
        case.booked_start = Some(scheduled);
        case.booked_minutes = Some(booked_minutes);
        case.session = Some(day);
        case.specialty = service;
        case.procedure = Label::fitted(&row[column("cpt_desc")]);
        for (milestone, name) in [
            (Milestone::IntoTheatre, "wheels_in"),
            (Milestone::ProcedureStart, "start_time"),
            (Milestone::ProcedureEnd, "end_time"),
            (Milestone::OutOfTheatre, "wheels_out"),
        ] {
            case.stamps.set(milestone, Some(instant(row, name)));
        }
        facts.cases.push(case);
    }
    suites
}

pub fn measured() -> Vec<(String, SessionResult)> {
    let mut sessions = Vec::new();
    for (suite, facts) in suites() {
        let result = measure_room(&theatre(), &facts, &RuleSet::default(), LATER, Detail::Figures);
        assert_eq!(result.out_of_session, []);
        sessions.extend(result.sessions.into_iter().map(|session| (suite.clone(), session)));
    }
    sessions
}

#[test]
fn the_bundled_case_file_gives_the_agreed_figures() {
    let sessions = measured();
    let sum = |of: fn(&SessionResult) -> Minutes| sessions.iter().map(|(_, s)| of(s)).sum::<Minutes>();
    let count = |of: fn(&SessionResult) -> u32| sessions.iter().map(|(_, s)| of(s)).sum::<u32>();
    let flagged = |flag| sessions.iter().filter(|(_, s)| s.quality.contains(&flag)).count();

    assert_eq!(sessions.len(), 312);
    assert!(sessions.iter().all(|(_, s)| s.state == SessionState::Closed && s.complete));
    assert_eq!(count(|s| s.figures.cases_completed), 1357);
    for (what, minutes, expected) in [
        ("planned", sum(|s| s.figures.planned), 120_465),
        ("capped", sum(|s| s.figures.capped), 89_136),
        ("uncapped", sum(|s| s.figures.touch), 108_291),
        ("sum variant", sum(|s| s.figures.capped_sum), 89_196),
        ("duration variant", sum(|s| s.figures.capped_duration), 106_470),
        ("overlap", sum(|s| s.figures.overlap), 60),
        ("late start", sum(|s| s.figures.late_start.unwrap()), 2_188),
        ("early finish", sum(|s| s.figures.early_finish.unwrap()), 697),
        ("overrun", sum(|s| s.figures.overrun.unwrap()), 22_045),
        ("gaps", sum(|s| s.figures.gaps_in_session), 28_444),
        ("turnovers", sum(|s| s.figures.turnover), 31_394),
        ("unknown", sum(|s| s.figures.unknown), 0),
    ] {
        assert_eq!(minutes, Minutes::whole(expected), "{what}");
    }
    assert_eq!(count(|s| s.figures.turnovers), 1045);
    assert_eq!(flagged(QualityFlag::LateStart), 36);
    let after: usize = sessions
        .iter()
        .map(|(_, s)| s.cases.iter().filter(|c| c.start.is_some_and(|a| a >= s.planned_end)).count())
        .sum();
    assert_eq!(after, 128);

    let planned = sum(|s| s.figures.planned);
    let percent = |minutes| Ratio::of_minutes(minutes, planned).unwrap().percent(4);
    assert_eq!(percent(sum(|s| s.figures.capped)), "73.9933");
    assert_eq!(percent(sum(|s| s.figures.touch)), "89.8942");
    assert_eq!(percent(sum(|s| s.figures.capped_duration)), "88.3825");
    let mean = sessions.iter().map(|(_, s)| s.figures.capped_utilisation().unwrap().as_f64()).sum::<f64>() / 312.0;
    assert_eq!(format!("{:.4}", 100.0 * mean), "74.0206");
    assert_eq!(format!("{:.2}", sum(|s| s.figures.late_start.unwrap()).as_f64() / 312.0), "7.01");
}

#[test]
fn each_suite_of_the_bundled_file_has_its_agreed_utilisation() {
    let sessions = measured();
    let expected = ["74.6247", "75.4622", "65.4321", "74.5387", "70.0108", "78.2726", "73.0510", "81.2379"];
    for (suite, expected) in ["1", "2", "3", "4", "5", "6", "7", "8"].into_iter().zip(expected) {
        let of = |minutes: fn(&SessionResult) -> Minutes| {
            sessions.iter().filter(|(s, _)| s == suite).map(|(_, s)| minutes(s)).sum::<Minutes>()
        };
        let ratio = Ratio::of_minutes(of(|s| s.figures.capped), of(|s| s.figures.planned)).unwrap();
        assert_eq!(ratio.percent(4), expected, "suite {suite}");
    }
}

#[test]
fn every_bundled_list_equals_the_reference_model() {
    for facts in suites().values() {
        assert_like_reference(&theatre(), facts, &RuleSet::default(), LATER);
    }
}

#[test]
fn the_hours_of_the_week_add_up_to_planned_and_capped_minutes() {
    let mut grid = HourGrid::default();
    for (_, session) in measured() {
        grid.add(session.local_date, &ListHours::of(&session, crate::rooms::LONDON));
    }
    let whole = grid.whole();
    assert_eq!((whole.planned, whole.used), (Minutes::whole(120_465), Minutes::whole(89_136)));
    // Read off the file by hand: on Mondays all suites are planned from 07:00 on.
    let monday = grid.cell(Weekday::Mon, 7);
    assert_eq!((monday.planned, monday.used), (Minutes::whole(3_360), Minutes::whole(2_882)));
    assert_eq!(grid.hour(3), HourMinutes::default());
}

#[test]
fn bands_hold_the_lists_that_the_rates_count() {
    let sessions: Vec<SessionResult> = measured().into_iter().map(|(_, session)| session).collect();
    let row = &aggregate(&sessions, &[], &RuleSet::default())[0];
    for (what, lists, affected) in [
        (Banded::LateStart, row.late_start_lists, row.late_start_affected),
        (Banded::EarlyFinish, row.early_finish_lists, row.early_finish_affected),
        (Banded::Overrun, row.overrun_lists, row.overrun_affected),
    ] {
        let bands = Bands::of(&sessions, what);
        assert_eq!((bands.total(), bands.total() - bands.lists[0]), (lists, affected), "{what:?}");
    }
    let late = Bands::of(&sessions, Banded::LateStart);
    assert_eq!(late.lists[2..].iter().sum::<u64>(), 36, "above 10 min");
}
