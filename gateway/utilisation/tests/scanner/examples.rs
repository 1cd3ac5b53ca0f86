//! The worked examples: a data file and one check.

use room_events::RoomKind;
use toml::{Table, Value};
use utilisation::facts::ScannerFacts;
use utilisation::scanner::result::ScannerSession;

use crate::rooms::{LATER, alive, at, closure, measure, scanner, session, step};

#[test]
fn worked_examples_of_scanners_come_out_exactly() {
    let file: Table = include_str!("../data/scanner_examples.toml").parse().unwrap();
    let examples = file["example"].as_array().unwrap();
    assert_eq!(examples.len(), 12);
    for example in examples {
        check(example.as_table().unwrap());
    }
}

fn check(example: &Table) {
    let name = example["name"].as_str().unwrap();
    let text = |key: &str| example.get(key).and_then(Value::as_str);
    let span = |key: &str| text(key).map(|span| span.split_once('-').unwrap());
    let (start, end) = span("planned").unwrap();
    let silent = span("silent").map(|(from, to)| (at(from), at(to)));
    let facts = ScannerFacts {
        sessions: vec![session("day", at(start), at(end))],
        cases: Vec::new(),
        steps: example["steps"].as_array().unwrap().iter().map(|text| step(text.as_str().unwrap())).collect(),
        alive: alive(at(start).plus_minutes(-60), at(end).plus_minutes(60), silent),
    };
    let closures: Vec<_> = span("break").map(|(from, to)| closure(from, to)).into_iter().collect();
    let room = scanner(RoomKind::from_name(text("kind").unwrap()).unwrap());
    let result = measure(&room, &facts, &closures, LATER);
    assert_eq!(result.out_of_session, [], "{name}");
    let [session] = &result.sessions[..] else { panic!("{name}: one session") };
    for (what, wanted) in example["expect"].as_table().unwrap() {
        let wanted = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
        assert_eq!(figure(session, what), wanted, "{what} of example {name}");
    }
}

fn figure(session: &ScannerSession, what: &str) -> String {
    let f = &session.figures;
    let rate = |rate: Option<f64>| rate.map(|rate| format!("{rate:.2}")).unwrap_or_default();
    let percent = |share: Option<utilisation::quantity::Ratio>, n| share.map(|s| s.percent(n)).unwrap_or_default();
    match what {
        "exams_per_hour" => rate(f.exams_per_hour()),
        "exams_per_observed_hour" => rate(f.exams_per_observed_hour()),
        "attendances_per_hour" => rate(f.attendances_per_hour()),
        "open" => f.open.to_string(),
        "staffed" => f.staffed.to_string(),
        "operational" => f.operational.to_string(),
        "observed" => f.observed.to_string(),
        "occupied" => f.occupied.to_string(),
        "unknown" => f.unknown.to_string(),
        "occupied_percent" => percent(f.occupied_utilisation(), 1),
        "productive_percent" => percent(f.productive_utilisation(), 2),
        "discontinued_percent" => percent(f.discontinued_rate(), 1),
        "changeovers" => f.changeovers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        "changeovers_unknown" => f.changeovers_unknown.to_string(),
        "first_scan_delay" => f.first_scan_delay.map(|delay| delay.to_string()).unwrap_or_default(),
        "short" => f.short_of_target.map(|short| short.to_string()).unwrap_or_default(),
        "completed" => f.exams_completed.to_string(),
        "inferred" => f.exams_inferred.to_string(),
        "provisional" => f.exams_provisional.to_string(),
        "discontinued" => f.exams_discontinued.to_string(),
        "discontinued_steps" => f.discontinued_steps.to_string(),
        "out_of_hours" => f.out_of_hours_exams.to_string(),
        "quality" => session.quality.iter().map(|flag| flag.name()).collect::<Vec<_>>().join(" "),
        _ => panic!("the data file asks for {what}, which the check does not know"),
    }
}
