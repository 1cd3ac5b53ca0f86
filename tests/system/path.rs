//! From the bundled cases to figures, straight and through every part.

use std::path::Path;
use std::process::Command;

use touchtime_tests::peer;
use touchtime_tests::programs::{cases, mapping, run, touchtime};

/// What two independent calculations found in the bundled cases (docs/measures.md, "Real input").
const PUBLISHED: &[(&str, f64)] = &[
    ("planned_min", 120_465.0),
    ("capped_min", 89_136.0),
    ("touch_min", 108_291.0),
    ("capped_sum_min", 89_196.0),
    ("capped_duration_min", 106_470.0),
    ("overlap_min", 60.0),
    ("late_start_min", 2_188.0),
    ("early_finish_min", 697.0),
    ("overrun_min", 22_045.0),
    ("gaps_in_session_min", 28_444.0),
    ("turnovers", 1_045.0),
    ("turnover_min", 31_394.0),
    ("cases_completed", 1_357.0),
];

/// Capped utilisation of suites 1 to 8.
const SUITES: [f64; 8] = [74.6247, 75.4622, 65.4321, 74.5387, 70.0108, 78.2726, 73.0510, 81.2379];

/// A CSV report as rows of named values.
pub fn rows(csv: &str) -> Vec<std::collections::BTreeMap<&str, &str>> {
    let mut lines = csv.lines();
    let header: Vec<_> = lines.next().expect("a header").split(',').collect();
    // No value of the bundled cases needs quoting.
    lines.map(|line| header.iter().copied().zip(line.split(',')).collect()).collect()
}

fn number(row: &std::collections::BTreeMap<&str, &str>, name: &str) -> f64 {
    row[name].parse().unwrap_or_else(|_| panic!("{name} is {:?}", row[name]))
}

fn check_published_figures(session_csv: &str) {
    let rows = rows(session_csv);
    assert_eq!(rows.len(), 312);
    for (name, expected) in PUBLISHED {
        let sum: f64 = rows.iter().map(|row| number(row, name)).sum();
        assert_eq!(sum, *expected, "{name}");
    }
    assert_eq!(rows.iter().filter(|row| number(row, "late_start_min") > 10.0).count(), 36);
    let mean = rows.iter().map(|row| number(row, "capped_utilisation")).sum::<f64>() / 312.0;
    assert_eq!(format!("{:.4}", mean * 100.0), "74.0206");
    assert_eq!(format!("{:.4}", 89_136.0 / 120_465.0 * 100.0), "73.9933");
}

fn report(by: &str, input: &[&str]) -> String {
    run(touchtime().args(["report", by, "--format", "csv"]).args(input)).good()
}

fn from_extract(by: &str) -> String {
    let (cases, mapping) = (cases(), mapping());
    report(by, &["--cases", cases.to_str().expect("UTF-8"), "--mapping", mapping.to_str().expect("UTF-8")])
}

fn from_store(by: &str, dir: &Path) -> String {
    report(by, &["--store", dir.to_str().expect("UTF-8")])
}

/// All reports of a store equal those of the extract; lists are told apart by their ids, so their order is free.
fn check_store(dir: &Path) {
    check_published_figures(&from_store("sessions", dir));
    let sorted = |csv: String| {
        let mut lines: Vec<String> = csv.lines().map(without_trust).collect();
        lines.sort();
        lines
    };
    for by in ["sessions", "rooms", "specialties", "weeks", "months", "system"] {
        assert_eq!(sorted(from_store(by, dir)), sorted(from_extract(by)), "{by}");
    }
}

/// An extract does not name its trust.
fn without_trust(line: &str) -> String {
    line.split(',').filter(|value| !matches!(*value, "demo" | "local")).collect::<Vec<_>>().join(",")
}

pub fn extract_gives_the_published_figures() {
    check_published_figures(&from_extract("sessions"));
    let text = from_extract("rooms");
    let suites = rows(&text);
    assert_eq!(suites.len(), SUITES.len());
    for (n, row) in suites.iter().enumerate() {
        assert_eq!(row["room"], format!("suite-{}", n + 1));
        assert_eq!(format!("{:.4}", number(row, "capped_utilisation") * 100.0), format!("{:.4}", SUITES[n]));
    }
    let system = from_extract("system");
    let row = &rows(&system)[0];
    assert_eq!(format!("{:.4}", number(row, "capped_utilisation") * 100.0), "73.9933");
    assert_eq!(format!("{:.4}", number(row, "mean_of_lists") * 100.0), "74.0206");
    assert_eq!(format!("{:.4}", number(row, "duration_utilisation") * 100.0), "88.3825");
    assert_eq!(format!("{:.4}", number(row, "uncapped_utilisation") * 100.0), "89.8942");
    assert_eq!(format!("{:.2}", number(row, "late_start_mean_all_min")), "7.01");
}

/// Plays the demo as fast as it goes; what it says on standard error is returned.
fn demo(dir: &Path, more: &[&str]) -> String {
    let http = format!("127.0.0.1:{}", peer::free_port());
    let mut command: Command = touchtime();
    command.args(["demo", "--speed", "max", "--exit-when-done", "--http", &http, "--store"]).arg(dir).args(more);
    let finished = run(&mut command);
    assert_eq!(finished.code, Some(0), "{}\n{}", finished.err, logs(dir));
    finished.err
}

fn logs(dir: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(dir.join("logs")).into_iter().flatten().flatten() {
        let log = std::fs::read_to_string(entry.path()).unwrap_or_default();
        text.push_str(&format!("--- {}\n{log}", entry.path().display()));
    }
    text
}

pub fn embedded_broker_gives_the_same_rows() {
    let dir = tempfile::tempdir().expect("a folder");
    let said = demo(&dir.path().join("demo"), &[]);
    assert!(said.contains("1357 cases of 312 lists"), "{said}");
    assert!(said.contains("0 in quarantine, 0 in conflict, 0 lost"), "{said}");
    check_store(&dir.path().join("demo"));
}

pub fn mosquitto_gives_the_same_rows() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_broker, port) = peer::mosquitto(dir.path());
    demo(&dir.path().join("demo"), &["--broker", &format!("127.0.0.1:{port}")]);
    check_store(&dir.path().join("demo"));
}

pub fn export_and_import_give_the_same_rows() {
    let dir = tempfile::tempdir().expect("a folder");
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    demo(&first, &[]);
    let file = dir.path().join("events.ndjson");
    run(touchtime().args(["export", "events", "--format", "ndjson", "--store"]).arg(&first).arg(&file)).good();
    for again in [false, true] {
        let done = run(touchtime().args(["import", "events", "--store"]).arg(&second).arg(&file));
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert_eq!(
            done.err.contains(" 0 events stored") || done.err.starts_with("0 events stored"),
            again,
            "{}",
            done.err
        );
    }
    let back = dir.path().join("again.ndjson");
    run(touchtime().args(["export", "events", "--format", "ndjson", "--store"]).arg(&second).arg(&back)).good();
    let lines = |file| std::fs::read_to_string(file).expect("written");
    assert!(lines(&back) == lines(&file), "every event comes back as it was, its time of receipt included");
    assert_eq!(from_store("sessions", &second), from_store("sessions", &first));
    let exported = dir.path().join("sessions.csv");
    run(touchtime().args(["export", "sessions", "--format", "csv", "--store"]).arg(&second).arg(&exported)).good();
    assert_eq!(std::fs::read_to_string(exported).expect("written"), from_store("sessions", &first));
}
