//! Metrics: what Prometheus gets is what a report has, and the shipped rules hold.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use touchtime_tests::grafana::alert_rules;
use touchtime_tests::peer::{self, Running, await_within};
use touchtime_tests::programs::{root, run, touchtime};
use touchtime_tests::prometheus::{Prometheus, promtool, rules};
use touchtime_tests::ward::Ward;
use touchtime_tests::web;

use crate::scanners::{minute, rows, store_with_a_day};

/// The last day of the bundled cases.
const DAY: &str = "2022-02-28";

/// Ten processes share two cores.
const PATIENCE: Duration = Duration::from_secs(180);

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words of a text that begin with `touchtime_`.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words.filter(|word| word.starts_with("touchtime_")).collect()
}

pub fn alerts_are_whole() {
    let manual = text(&root().join("docs/prometheus.md"));
    let known = metrics_in(&manual);
    let alerts = text(&rules().join("touchtime.alerts.yml"));
    let tests = text(&rules().join("touchtime.tests.yml"));
    for file in [&alerts, &text(&rules().join("touchtime.rules.yml")), &tests] {
        let unknown: Vec<&str> = metrics_in(file).into_iter().filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "rules use {unknown:?}, which the manual does not list");
    }
    let mut pages = BTreeSet::new();
    let mut count = 0;
    for alert in alerts.split("- alert: ").skip(1) {
        let name = alert.lines().next().expect("a name");
        count += 1;
        assert!(name.starts_with("Touchtime"), "{name}");
        for key in ["severity: ", "summary: ", "description: ", "runbook_url: docs/runbooks/"] {
            assert!(alert.contains(key), "{name} has no `{key}`");
        }
        let severity = alert.split_once("severity: ").and_then(|(_, rest)| rest.lines().next()).expect("a severity");
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity}");
        let fires = tests.split("- alertname: ").skip(1).any(|test| {
            test.lines().next() == Some(name) && test.contains("exp_annotations") && !test.contains("exp_alerts: []")
        });
        assert!(fires, "no test shows that {name} fires");
        assert!(manual.contains(&format!("| `{name}` | {severity} |")), "docs/prometheus.md does not list {name}");

        let page = alert.split_once("runbook_url: ").and_then(|(_, rest)| rest.lines().next()).expect("a page");
        let body = text(&root().join(page));
        assert!(body.contains(&format!("`{name}`")), "{page} does not name {name}");
        for heading in ["What it means", "Why it matters", "What to do first", "How to see that it is over"] {
            assert!(body.contains(&format!("\n## {heading}\n\n")), "{page} does not say: {heading}");
        }
        let unknown: Vec<&str> = metrics_in(&body).into_iter().filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "{page} names {unknown:?}, which the manual does not list");
        pages.insert(page.rsplit('/').next().expect("a file").to_owned());
    }
    assert!(count >= 20, "the file was read");
    let of_grafana = alert_rules();
    for page in std::fs::read_dir(root().join("docs/runbooks")).expect("a folder") {
        let name = page.expect("a page").file_name().into_string().expect("UTF-8");
        let leads = pages.contains(&name) || of_grafana.contains(&format!("docs/runbooks/{name}"));
        assert!(leads, "no alert leads to docs/runbooks/{name}");
    }
}

pub fn promtool_accepts_the_rules() {
    let files = ["touchtime.rules.yml", "touchtime.alerts.yml"];
    run(promtool().args(["check", "rules", "--lint=all", "--lint-fatal"]).args(files)).good();
    run(promtool().args(["check", "config", "prometheus.yml"])).good();
    run(promtool().args(["test", "rules", "touchtime.tests.yml"])).good();
}

/// A demo that has played the last day to its end, with every event stored.
fn played(dir: &Path) -> (Running, u16) {
    let port = peer::free_port();
    let running = Running::start(
        touchtime()
            .args(["demo", "--from", DAY, "--speed", "6000", "--http", &format!("127.0.0.1:{port}"), "--store"])
            .arg(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    let what = || "all lists of the day have closed and no agent has events waiting".to_owned();
    await_within(PATIENCE, what, || {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            return false;
        }
        let metrics = web::get(port, "/metrics").1;
        let sum = |name: &str, label: &str| -> f64 {
            let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        sum("touchtime_theatre_lists", "state=\"closed\"") == 8.0 && sum("touchtime_agent_waiting_events", "") == 0.0
    });
    (running, port)
}

pub fn figures_equal_the_report() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("demo");
    let (_demo, port) = played(&store);

    let (status, plain) = web::get_as(port, "/metrics", "text/plain");
    assert_eq!(status, 200);
    let file = dir.path().join("metrics.txt");
    std::fs::write(&file, plain).expect("written");
    let checked = promtool()
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(&file).expect("there"))
        .output()
        .expect("promtool runs");
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));

    let prometheus = Prometheus::start(dir.path(), port);
    await_within(
        PATIENCE,
        || "Prometheus has scraped, and the rules have been evaluated".to_owned(),
        || {
            let up = prometheus.query("up{job=\"touchtime\"} == 1").len() == 1;
            up && !prometheus.query("site:touchtime_theatre_capped_utilisation:ratio").is_empty()
        },
    );
    let targets = prometheus.ask("targets").expect("targets");
    assert_eq!(targets["activeTargets"][0]["health"], "up");
    assert_eq!(targets["activeTargets"][0]["lastError"], "");

    let report = |by: &str| -> Vec<serde_json::Value> {
        let mut command = touchtime();
        command.args(["report", by, "--from", DAY, "--to", DAY, "--format", "json", "--store"]).arg(&store);
        serde_json::from_str(&run(&mut command).good()).expect("JSON rows")
    };
    let is_at = |labels: &serde_json::Value, row: &serde_json::Value| {
        ["trust", "site", "room"].iter().all(|label| labels[label] == row[label]) && labels["list_kind"] == row["kind"]
    };
    let rooms = report("rooms");
    assert_eq!(rooms.len(), 8);
    for (metric, column, factor) in [
        ("touchtime_theatre_capped_utilisation_ratio", "capped_utilisation", 1.0),
        ("touchtime_theatre_capped_seconds", "capped_min", 60.0),
        ("touchtime_theatre_planned_seconds", "planned_min", 60.0),
        ("touchtime_theatre_cases_completed", "cases_completed", 1.0),
        ("touchtime_theatre_cases_booked", "cases_booked", 1.0),
        ("touchtime_theatre_late_start_seconds", "late_start_min", 60.0),
        ("touchtime_theatre_overrun_seconds", "overrun_min", 60.0),
    ] {
        let samples = prometheus.query(metric);
        assert_eq!(samples.len(), rooms.len(), "{metric}");
        for row in &rooms {
            let (_, value) = samples.iter().find(|(labels, _)| is_at(labels, row)).expect("the room's sample");
            let expected = row[column].as_f64().expect("a number") * factor;
            assert_eq!(*value, expected, "{metric} of {}", row["room"]);
        }
    }
    let sites = report("sites");
    let [(labels, value)] = &prometheus.query("site:touchtime_theatre_capped_utilisation:ratio")[..] else {
        panic!("one site with one kind of room and list")
    };
    assert_eq!((&labels["kind"], &labels["list_kind"]), (&sites[0]["room_kind"], &sites[0]["kind"]));
    assert!((value - sites[0]["capped_utilisation"].as_f64().expect("a number")).abs() < 1e-12);
    // The demo may have other rooms beside the bundled theatres.
    assert_eq!(prometheus.query("touchtime_room_state{room=~\"suite-.*\",state=\"finished\"} == 1").len(), 8);
    let scanners = report("scanners");
    let samples = prometheus.query("touchtime_scanner_exams");
    assert_eq!(samples.len(), scanners.len());
    for row in &scanners {
        let (_, value) = samples.iter().find(|(labels, _)| labels["room"] == row["room"]).expect("the room's sample");
        let exams = |column: &str| row[column].as_f64().expect("a number");
        assert_eq!(*value, exams("exams_completed") + exams("exams_inferred"), "exams of {}", row["room"]);
    }
    // The demo's agents end when all is sent, each with a last word.
    let agents = prometheus.query("touchtime_agent_info").len();
    assert!(agents >= 8, "{agents} agents");
    assert_eq!(prometheus.query("touchtime_agent_waiting_events == 0").len(), agents);
    assert_eq!(prometheus.query("touchtime_agent_lost_observations_total == 0").len(), agents);
    assert_eq!(prometheus.query("touchtime_broker_connected == 1").len(), 1);

    await_within(
        PATIENCE,
        || "every rule was evaluated".to_owned(),
        || {
            let groups = prometheus.ask("rules").map(|mut data| data["groups"].take()).unwrap_or_default();
            let rules: Vec<&serde_json::Value> = groups
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|group| group["rules"].as_array())
                .flatten()
                .collect();
            for rule in &rules {
                assert_ne!(rule["health"], "err", "{rule}");
            }
            rules.len() > 28 && rules.iter().all(|rule| rule["health"] == "ok")
        },
    );
}

pub fn scanner_metrics_equal_the_report() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = store_with_a_day(dir.path());
    let (port, broker) = (peer::free_port(), peer::free_port());
    let (config, clock) = (dir.path().join("gateway.toml"), dir.path().join("clock.json"));
    std::fs::write(
        &config,
        format!(
            "trust = 'demo'\n[store]\ndir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {broker}\n\
             [board]\nlisten = '127.0.0.1:{port}'\n",
            store.display()
        ),
    )
    .expect("written");
    // A time that stands at 13:00 of that day.
    let one = minute("13:00");
    std::fs::write(&clock, format!(r#"{{"wall_anchor_ms":0,"speed":1.0,"segments":[[{one},{one}]]}}"#))
        .expect("written");
    let _collector = Running::start(
        touchtime().args(["run", "--config"]).arg(&config).arg("--clock").arg(&clock).stderr(Stdio::null()),
    );
    peer::await_port(port);
    let metrics = web::get(port, "/metrics").1;

    let report = rows(&store, "scanners", None);
    let [row] = &report[..] else { panic!("one scanner: {report:?}") };
    let sessions = rows(&store, "scanner-sessions", None);
    let minutes = |column: &str| sessions[0][column].as_f64().expect("a number") * 60.0;
    let of = |column: &str| row[column].as_f64().expect("a number");
    for (metric, expected) in [
        ("exams", of("exams_completed") + of("exams_inferred")),
        ("elapsed_seconds", minutes("elapsed_min")),
        ("observed_seconds", minutes("observed_min")),
        ("occupied_seconds", minutes("occupied_min")),
        ("exams_per_hour", of("exams_per_hour")),
        ("exams_per_hour_target", of("target_per_hour")),
        ("exams_short_of_target", of("scans_short_of_target")),
    ] {
        let line = format!("touchtime_scanner_{metric}{{trust=\"demo\",site=\"main\",room=\"mri-1\"}} {expected}\n");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.contains("room=\"mri-1\",state=\"finished\"} 1\n"), "{metrics}");
    assert!(metrics.contains("\ntouchtime_broker_connected 0\n"), "there is no broker");
}

/// The value of a sample, by the beginning of its line.
fn sample(metrics: &str, beginning: &str) -> Option<f64> {
    metrics.lines().find(|line| line.starts_with(beginning))?.rsplit(' ').next()?.parse().ok()
}

pub fn health_is_that_of_the_real_parts() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut ward = Ward::start(dir.path());
    ward.another_day();
    ward.await_all_stored();
    let agent = "{trust=\"north\",site=\"main\",agent=\"th-1\"} ";
    let of = |metric: &str| format!("touchtime_agent_{metric}{agent}");
    let mut metrics = String::new();
    await_within(
        PATIENCE,
        || "the agent says that nothing waits".to_owned(),
        || {
            metrics = web::get(ward.board, "/metrics").1;
            sample(&metrics, &of("waiting_events")) == Some(0.0)
        },
    );
    assert_eq!(sample(&metrics, &of("online")), Some(1.0));
    assert_eq!(sample(&metrics, &of("lost_observations_total")), Some(0.0));
    // Both are on this machine; what a minute allows for is a slow one.
    let offset = sample(&metrics, &of("clock_offset_seconds")).expect("its word came as it was written");
    assert!((-60.0..=0.1).contains(&offset), "{offset} s");
    assert_eq!(sample(&metrics, "touchtime_broker_connected "), Some(1.0));
    assert_eq!(sample(&metrics, "touchtime_broker_connections_total "), Some(1.0));
    assert!(sample(&metrics, "touchtime_batches_total ") > Some(0.0), "{metrics}");
    assert!(sample(&metrics, "touchtime_events_total{outcome=\"stored\"} ") > Some(0.0), "{metrics}");
    for file in ["broker.ca-file", "broker.certificate-file"] {
        let end = sample(&metrics, &format!("touchtime_certificate_expiry_timestamp_seconds{{file=\"{file}\"}} "));
        assert!(end > sample(&metrics, "touchtime_last_stored_timestamp_seconds "), "{file} is valid:\n{metrics}");
    }
    let held = metrics.lines().filter(|line| line.starts_with("touchtime_store_held_events{"));
    assert!(held.clone().count() == 4 && held.clone().all(|line| line.ends_with(" 0")), "{metrics}");

    // A viewer is counted while its stream is open.
    let seen = web::events_until(ward.board, "/events", |_| {
        sample(&web::get(ward.board, "/metrics").1, "touchtime_viewers ") == Some(1.0)
    });
    assert!(!seen.is_empty());
}
