//! The worked examples: a data file and one check.

use chrono::{Days, NaiveDate, NaiveTime};
use toml::{Table, Value};
use utilisation::facts::RoomFacts;
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::{QualityFlag, SessionResult, SessionState};
use utilisation::rules::RuleSet;
use utilisation::theatre::{Detail, measure_room};

use crate::rooms::{LATER, list, local, stay, theatre};

#[test]
fn worked_examples_come_out_to_the_minute() {
    let file: Table = include_str!("../data/worked_examples.toml").parse().unwrap();
    let examples = file["example"].as_array().unwrap();
    assert_eq!(examples.len(), 12);
    for example in examples {
        check(example.as_table().unwrap());
    }
}

fn check(example: &Table) {
    let name = example["name"].as_str().unwrap();
    let lists = example["list"].as_array().unwrap();
    let mut facts = RoomFacts::default();
    for (index, wanted) in lists.iter().enumerate() {
        add_list(example, wanted.as_table().unwrap(), index, &mut facts);
    }
    let result = measure_room(&theatre(), &facts, &RuleSet::default(), LATER, Detail::Audit);
    assert_eq!(result.out_of_session, [], "{name}");
    for (session, wanted) in result.sessions.iter().zip(lists) {
        expect(&format!("{name}, {}", session.id), &wanted["expect"], |what| figure(session, what));
    }
    if let Some(totals) = example.get("totals") {
        expect(name, totals, |what| total(&result.sessions, what));
    }
}

fn expect(context: &str, wanted: &Value, actual: impl Fn(&str) -> String) {
    for (what, value) in wanted.as_table().unwrap() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(actual(what), value, "{what} of example {context}");
    }
}

fn add_list(example: &Table, wanted: &Table, index: usize, facts: &mut RoomFacts) {
    let date: NaiveDate = example["date"].as_str().unwrap().parse().unwrap();
    let day = wanted.get("day").and_then(Value::as_integer).unwrap_or(0);
    let date = date + Days::new(u64::try_from(day).unwrap());
    let (start, end) = wanted["planned"].as_str().unwrap().split_once('-').unwrap();
    let of_clock = |time: &str| NaiveTime::parse_from_str(time, "%H:%M").unwrap();
    let instant = |time: &str| {
        let next_day = of_clock(start) - of_clock(time) > chrono::TimeDelta::hours(6);
        local(&format!("{} {time}", date + Days::new(u64::from(next_day))))
    };
    facts.sessions.push(list(&format!("list-{index}"), instant(start), instant(end)));
    for text in wanted["cases"].as_array().unwrap() {
        let text = text.as_str().unwrap();
        let number = facts.cases.len() as u128;
        let case = if let Some(time) = text.strip_prefix("cancelled ") {
            let mut case = stay(number, None, None);
            case.booked_start = Some(instant("12:00"));
            case.cancelled = Some(utilisation::facts::Cancelled { at: instant(time), class: None, reason: None });
            case
        } else {
            let (from, to) = text.split_once('-').unwrap();
            let known = |time: &str| (time != "?" && time != "open").then(|| instant(time));
            stay(number, known(from), known(to))
        };
        facts.cases.push(case);
    }
}

fn figure(session: &SessionResult, what: &str) -> String {
    let f = &session.figures;
    let minutes = |m: Minutes| m.to_string();
    let maybe = |m: Option<Minutes>| m.map(minutes).unwrap_or_default();
    let percent = |r: Option<Ratio>| r.map(|r| r.percent(2)).unwrap_or_default();
    match what {
        "date" => session.local_date.to_string(),
        "state" => session.state.name().to_owned(),
        "complete" => session.complete.to_string(),
        "planned" => minutes(f.planned),
        "touch" => minutes(f.touch),
        "capped" => minutes(f.capped),
        "unknown" => minutes(f.unknown),
        "gaps" => minutes(f.gaps_in_session),
        "early_start" => maybe(f.early_start),
        "late_start" => maybe(f.late_start),
        "early_finish" => maybe(f.early_finish),
        "overrun" => maybe(f.overrun),
        "late_due_to_previous" => minutes(f.late_due_to_previous),
        "occupied_by_other_list" => minutes(f.occupied_by_other_list),
        "capped_percent" => percent(f.capped_utilisation()),
        "uncapped_percent" => percent(f.uncapped_utilisation()),
        "sum_percent" => percent(f.capped_sum_utilisation()),
        "duration_percent" => percent(f.capped_duration_utilisation()),
        "cancelled_percent" => {
            percent(Ratio::of_counts(u64::from(f.cases_cancelled_on_day), u64::from(f.cases_booked)))
        }
        "cases_per_4h" => f.cases_per_4h().map(|cases| format!("{cases:.2}")).unwrap_or_default(),
        "booked" => f.cases_booked.to_string(),
        "completed" => f.cases_completed.to_string(),
        "outcome_unknown" => f.cases_outcome_unknown.to_string(),
        "cancelled_on_day" => f.cases_cancelled_on_day.to_string(),
        "turnovers" => f.turnovers.to_string(),
        _ => panic!("the data file asks for {what}, which the check does not know"),
    }
}

/// Sums over the lists of one example, as far as the examples need them.
fn total(sessions: &[SessionResult], what: &str) -> String {
    let held: Vec<&SessionResult> = sessions.iter().filter(|s| s.state == SessionState::Closed).collect();
    let sum = |sessions: &[&SessionResult], of: fn(&SessionResult) -> Minutes| -> Minutes {
        sessions.iter().map(|s| of(s)).sum()
    };
    let all: Vec<&SessionResult> = sessions.iter().filter(|s| s.figures.scheduled_capacity).collect();
    let capped = sum(&held, |s| s.figures.capped);
    let (planned, capacity) = (sum(&held, |s| s.figures.planned), sum(&all, |s| s.figures.planned));
    let completed: u32 = held.iter().map(|s| s.figures.cases_completed).sum();
    let per_4h = |planned: Minutes| format!("{:.2}", f64::from(completed) / (planned.as_f64() / 240.0));
    let late: Vec<f64> = held.iter().map(|s| s.figures.late_start.unwrap().as_f64()).collect();
    let affected = late.iter().filter(|&&late| late > 0.0).count();
    let share = |n: usize| Ratio::of_counts(n as u64, late.len() as u64).unwrap().percent(0);
    let on_time = |grace: f64| share(late.iter().filter(|&&late| late <= grace).count());
    match what {
        "in_session_percent" => Ratio::of_minutes(capped, planned).unwrap().percent(2),
        "scheduled_capacity_percent" => Ratio::of_minutes(capped, capacity).unwrap().percent(2),
        "mean_of_lists_percent" => {
            let each = held.iter().filter_map(|s| s.figures.capped_utilisation()).map(Ratio::as_f64);
            format!("{:.2}", 100.0 * each.sum::<f64>() / held.len() as f64)
        }
        "cases_per_4h" => per_4h(planned),
        "cases_per_4h_of_capacity" => per_4h(capacity),
        "on_time_grace_0_percent" => on_time(0.0),
        "on_time_grace_5_percent" => on_time(5.0),
        "on_time_grace_10_percent" => on_time(10.0),
        "late_mean_over_affected" => format!("{:.1}", late.iter().sum::<f64>() / affected as f64),
        "late_mean_over_all" => format!("{:.1}", late.iter().sum::<f64>() / late.len() as f64),
        "late_flagged_percent" => share(held.iter().filter(|s| s.quality.contains(&QualityFlag::LateStart)).count()),
        _ => panic!("the data file asks for {what}, which the check does not know"),
    }
}
