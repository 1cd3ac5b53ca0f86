//! What reaches InfluxDB is what `report` says, whatever happens to the engine in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use touchtime_tests::influxdb::InfluxDb;
use touchtime_tests::peer::{Running, await_within, free_port};
use touchtime_tests::programs::{run, touchtime};

use crate::path::rows;

/// Columns of a report and the fields that add up to them.
const SAME: &[(&str, &str)] = &[
    ("planned_min", "planned_min"),
    ("capped_min", "capped_min"),
    ("touch_min", "touch_min"),
    ("capped_sum_min", "capped_sum_min"),
    ("capped_duration_min", "capped_duration_min"),
    ("overlap_min", "overlap_min"),
    ("late_start_min", "late_start_min"),
    ("early_finish_min", "early_finish_min"),
    ("overrun_min", "overrun_min"),
    ("gaps_in_session_min", "gaps_min"),
    ("turnovers", "turnovers"),
    ("turnover_min", "turnover_min"),
    ("cases_completed", "cases_completed"),
];

/// A minute passes before a collector looks at what another process has written.
const PATIENCE: Duration = Duration::from_secs(100);

pub struct Exporting<'d> {
    dir: &'d Path,
    /// The store's folder.
    pub store: PathBuf,
    shim: u16,
    collector: Option<Running>,
}

impl<'d> Exporting<'d> {
    /// A store of the bundled cases, and a collector that exports it and hears of nobody.
    pub fn start(dir: &'d Path, influxdb: &InfluxDb) -> Self {
        let store = dir.join("store");
        let http = format!("127.0.0.1:{}", free_port());
        let demo = ["demo", "--speed", "max", "--exit-when-done", "--http", &http, "--store"];
        run(touchtime().args(demo).arg(&store)).good();
        fs::write(dir.join("token"), "user:secret\n").expect("written");
        let mut exporting = Self { dir, store, shim: influxdb.shim(), collector: None };
        exporting.export_to("touchtime");
        exporting
    }

    /// Starts a collector that exports to this bucket.
    fn export_to(&mut self, bucket: &str) {
        let text = format!(
            "trust = 'demo'\n[store]\ndir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n[board]\nlisten = '127.0.0.1:{}'\n\
             [influxdb]\nurl = 'http://127.0.0.1:{}'\nbucket = '{bucket}'\ntoken-file = '{}'\n",
            self.store.display(),
            free_port(),
            free_port(),
            self.shim,
            self.dir.join("token").display(),
        );
        self.collector = None;
        fs::write(self.dir.join("gateway.toml"), text).expect("written");
        self.start_again();
    }

    fn start_again(&mut self) {
        self.collector = None;
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.join("log")).expect("a log");
        let mut command: Command = touchtime();
        command.args(["run", "--config"]).arg(self.dir.join("gateway.toml")).stderr(log);
        self.collector = Some(Running::start(&mut command));
    }

    /// What the collector says.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// What `report` says now.
    fn reported(&self) -> Vec<f64> {
        let csv = run(touchtime().args(["report", "sessions", "--format", "csv", "--store"]).arg(&self.store)).good();
        let rows = rows(&csv);
        let sum = |column: &str| rows.iter().map(|row| row[column].parse::<f64>().unwrap_or(0.0)).sum::<f64>();
        SAME.iter().map(|(column, _)| sum(column)).chain([rows.len() as f64]).collect()
    }

    /// Waits until InfluxDB says the same.
    fn await_the_same(&self, influxdb: &InfluxDb) {
        let reported = self.reported();
        await_within(
            PATIENCE,
            || format!("InfluxDB has {reported:?}; it has {:?}\n{}", exported(influxdb), self.log()),
            || exported(influxdb) == reported,
        );
    }
}

/// Waits until everything that was in the store has been exported: the word on the store goes last.
pub fn await_all(exporting: &Exporting<'_>, influxdb: &InfluxDb) {
    await_within(PATIENCE, || exporting.log(), || count(influxdb, "touchtime_store", "connected") > 0.0);
}

fn exported(influxdb: &InfluxDb) -> Vec<f64> {
    let sums: Vec<String> = SAME.iter().map(|(_, field)| format!("sum({field})")).collect();
    influxdb.numbers(&format!("SELECT {}, sum(sessions) FROM touchtime_list WHERE measured = 1", sums.join(", ")))
}

fn count(influxdb: &InfluxDb, measurement: &str, field: &str) -> f64 {
    influxdb.numbers(&format!("SELECT count({field}) FROM {measurement}")).first().copied().unwrap_or(0.0)
}

pub fn an_outage_or_a_wiped_database_is_caught_up_exactly() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut influxdb = InfluxDb::start(dir.path());
    let mut exporting = Exporting::start(dir.path(), &influxdb);
    // In the middle of it, if the machine is slow enough; else just after.
    await_within(PATIENCE, || exporting.log(), || count(&influxdb, "touchtime_list", "sessions") > 0.0);
    influxdb.kill();
    influxdb.start_again();
    exporting.await_the_same(&influxdb);
    assert_eq!(exporting.reported()[0], 120_465.0);
    // A state for each change of a room: at least the beginning and end of each of the 312 lists.
    assert!(count(&influxdb, "touchtime_room_state", "state_code") > 624.0);
    await_within(PATIENCE, || exporting.log(), || count(&influxdb, "touchtime_trend", "value") > 0.0);
    let trend = "SELECT last(value) FROM touchtime_trend WHERE grouping = 'trust' AND period = 'month' \
                 AND measure = 'capped_utilisation' AND time < '2022-02-01'";
    let months = run(touchtime().args(["report", "months", "--format", "csv", "--store"]).arg(&exporting.store)).good();
    let january: f64 = rows(&months)[0]["capped_utilisation"].parse().expect("a number");
    assert_eq!(influxdb.numbers(trend), [january]);

    // Killed with the engine away: nothing is noted as sent that was not.
    influxdb.kill();
    influxdb.wipe();
    exporting.start_again();
    influxdb.start_again();
    let done = run(touchtime().args(["influx", "resend", "--store"]).arg(&exporting.store));
    assert!(done.err.contains("will be sent again"), "{}", done.err);
    exporting.await_the_same(&influxdb);
    let status = run(touchtime().args(["influx", "status", "--store"]).arg(&exporting.store)).good();
    assert!(status.contains("0 points were refused"), "{status}");
}

pub fn a_list_that_moves_and_what_is_refused_leave_nothing_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let influxdb = InfluxDb::start(dir.path());
    // A field of another type was there before us: what meets it is refused, and nothing else.
    influxdb.write("touchtime_store,trust=demo,collector=c1 gone=\"none\"");
    let mut exporting = Exporting::start(dir.path(), &influxdb);
    exporting.await_the_same(&influxdb);
    let letters = || run(touchtime().args(["influx", "dead-letters", "--store"]).arg(&exporting.store)).good();
    await_within(PATIENCE, || exporting.log(), || letters().contains("touchtime_store,collector=c1"));
    assert!(letters().contains("field type conflict"), "{}", letters());

    // The plan of a list is moved by two days: its cases count outside of it now.
    let at = "SELECT sum(sessions), sum(planned_min), sum(touch_min) FROM touchtime_list WHERE room = 'suite-1' AND \
              time >= '2022-01-03' AND time < '2022-01-04'";
    assert_eq!(influxdb.numbers(at)[0], 1.0);
    exporting.collector = None;
    import_moved_plan(&exporting.store, dir.path());
    exporting.start_again();
    let before = exporting.reported();
    exporting.await_the_same(&influxdb);
    assert!(before[1] < 89_136.0, "{before:?}");
    assert_eq!(influxdb.numbers(at), [0.0, 0.0, 0.0]);
}

/// Another bucket knows nothing of what the one before it has; one that keeps a month drops what is older and holds up
/// nothing.
pub fn another_bucket_is_filled_and_one_with_a_short_memory_holds_up_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let influxdb = InfluxDb::start(dir.path());
    let mut exporting = Exporting::start(dir.path(), &influxdb);
    exporting.await_the_same(&influxdb);
    await_all(&exporting, &influxdb);
    let points = |bucket: &str, what: &str| {
        let (measurement, field) = what.split_once('.').expect("a field");
        let asked = format!("SELECT count({field}) FROM {bucket}..{measurement}");
        influxdb.numbers(&asked).first().copied().unwrap_or(0.0)
    };
    let kinds = ["touchtime_list.sessions", "touchtime_room_state.state_code", "touchtime_trend.value"];
    influxdb.query("CREATE DATABASE other");
    exporting.export_to("other");
    await_within(PATIENCE, || exporting.log(), || points("other", "touchtime_store.connected") > 0.0);
    assert_eq!(kinds.map(|what| points("other", what)), kinds.map(|what| points("touchtime", what)));

    influxdb.query("CREATE DATABASE short WITH DURATION 30d");
    exporting.export_to("short");
    await_within(PATIENCE, || exporting.log(), || points("short", "touchtime_store.connected") > 0.0);
    assert_eq!(points("short", "touchtime_list.sessions"), 0.0);
    assert!(exporting.log().contains("by its retention policy"), "{}", exporting.log());
    let status = run(touchtime().args(["influx", "status", "--store"]).arg(&exporting.store)).good();
    assert!(status.contains("0 points were refused"), "{status}");
}

/// The plan of suite-1's list of 3 January again, two days later, under another stream.
fn import_moved_plan(store: &Path, dir: &Path) {
    const TWO_DAYS: i64 = 2 * 86_400_000;
    let all = dir.join("events.ndjson");
    run(touchtime().args(["export", "events", "--format", "ndjson", "--store"]).arg(store).arg(&all)).good();
    let text = fs::read_to_string(&all).expect("exported");
    let plan = text
        .lines()
        .find(|line| ["plan_revision", "\"room\":\"suite-1\"", "2022-01-03"].iter().all(|part| line.contains(part)));
    let plan = plan.expect("a plan");
    let mut line: Value = serde_json::from_str(plan).expect("JSON");
    line["stream"] = "000000000000000000000000000000aa".into();
    line["seq"] = 1.into();
    let event = &mut line["event"];
    event["order"] = (event["order"].as_u64().expect("an order") + 1).into();
    let plan = &mut event["obs"]["plan_revision"];
    for key in ["start", "end"] {
        plan[key] = (plan[key].as_i64().expect("an instant") + TWO_DAYS).into();
    }
    fs::write(&all, format!("{line}\n")).expect("written");
    run(touchtime().args(["import", "events", "--store"]).arg(store).arg(&all)).good();
}
