//! Grafana's queries on a real InfluxDB 1.x that holds what the exporter sends of the demo, and a made-up point of each kind; its
//! dashboards against Grafana's published types.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use influx::point::Point;
use influx::schema::{self, Measurement, Unit};
use room_events::UtcMillis;
use serde_json::Value;
use touchtime_tests::grafana::{Asked, alert_queries, dashboards};
use touchtime_tests::influxdb::InfluxDb;
use touchtime_tests::peer::Peer;
use touchtime_tests::programs::{run, touchtime};

use crate::influxdb::{Exporting, await_all};

/// The trust of the demo, and that of the made-up points.
const DEMO: &str = "demo";
const MADE_UP: &str = "made-up";

/// 2022-01-01 and 2022-03-01, which hold all bundled cases; and 2022-02-25T10:00 in between, for the made-up points.
const FROM: i64 = 1_640_995_200_000;
const TO: i64 = 1_646_092_800_000;
const AT: i64 = 1_645_783_200_000;

/// A point with every tag and field of its measurement: flags are set, counts are 2.
fn made_up(of: &'static Measurement, tags: &[(&str, &str)], fields: &[(&str, u64)]) -> String {
    let mut point = Point::new(of, UtcMillis::saturating(AT));
    for tag in of.tags {
        let value = tags.iter().find(|(name, _)| *name == tag.name).map_or(tag.name, |(_, value)| *value);
        point = point.tag(tag.name, value);
    }
    for field in of.fields {
        let fixed = fields.iter().find(|(name, _)| *name == field.name).map(|(_, value)| *value);
        point = match field.unit {
            _ if field.name == "sessions" => point.field(field.name, true),
            Unit::Count => point.field(field.name, fixed.unwrap_or(2)),
            Unit::Flag | Unit::Code => point.field(field.name, fixed.unwrap_or(1)),
            Unit::Minutes | Unit::Seconds | Unit::Value | Unit::PerHour => point.field(field.name, 30.0),
            Unit::Text => point.field(field.name, MADE_UP),
        };
    }
    point.line().expect("a line")
}

fn made_up_points() -> Vec<String> {
    let theatre = [("trust", MADE_UP), ("room_kind", "theatre"), ("list_kind", "elective")];
    let with = |more: &[(&'static str, &'static str)]| [&theatre[..], more].concat();
    let mut lines = vec![
        // One that runs over, and one that has not begun.
        made_up(&schema::LIST, &with(&[("place", "1")]), &[("cases_booked", 9)]),
        made_up(&schema::LIST, &with(&[("place", "2")]), &[("cases_started", 0)]),
        made_up(&schema::ROOM_STATE, &theatre, &[]),
        made_up(&schema::AGENT, &theatre, &[]),
        made_up(&schema::STORE, &theatre, &[]),
    ];
    for kind in ["mri", "ct", "nous", "echo"] {
        let tags = [("trust", MADE_UP), ("room_kind", kind)];
        for of in [&schema::ROOM_STATE, &schema::SCAN_SESSION, &schema::SCAN_HOUR] {
            lines.push(made_up(of, &tags, &[]));
        }
    }
    for grouping in ["trust", "site", "room", "specialty"] {
        for measure in ["capped_utilisation", "late_start_mean_all_min", "exams_per_hour"] {
            let tags = with(&[("grouping", grouping), ("period", "month"), ("measure", measure)]);
            lines.push(made_up(&schema::TREND, &tags, &[("peers", 8)]));
        }
    }
    lines
}

/// One series of an answer.
struct Series {
    tags: Value,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Series {
    fn read(series: &Value) -> Self {
        let list = |key: &str| series[key].as_array().cloned().unwrap_or_default();
        Self {
            tags: series["tags"].clone(),
            columns: list("columns").iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect(),
            rows: list("values").iter().map(|row| row.as_array().cloned().unwrap_or_default()).collect(),
        }
    }

    /// The last row's number in the column.
    fn number(&self, column: &str) -> Option<f64> {
        let n = self.columns.iter().position(|name| name == column)?;
        self.rows.last()?.get(n)?.as_f64()
    }

    /// Whether some row has something beside its time.
    fn says_something(&self) -> bool {
        self.rows.iter().any(|row| row.iter().skip(1).any(|value| !value.is_null()))
    }
}

/// The answer, or what is wrong with the query.
fn ask(influxdb: &InfluxDb, sent: &str) -> Result<Vec<Series>, String> {
    let answer = influxdb.query(sent);
    match answer["results"][0].get("error") {
        Some(error) => Err(error.to_string()),
        None => Ok(answer["results"][0]["series"].as_array().into_iter().flatten().map(Series::read).collect()),
    }
}

/// Puts in what Grafana would; `trust` and `room` are regular expressions.
fn as_sent(text: &str, trust: &str, room: &str) -> String {
    let mut sent = text
        .replace("$timeFilter", &format!("time >= {FROM}ms AND time <= {TO}ms"))
        .replace("$__interval", "1m")
        .replace("^$trust$", &format!("^{trust}$"))
        .replace("^$room$", &format!("^{room}$"));
    for (variable, value) in [
        ("list_kind", "elective"),
        ("period", "month"),
        ("grouping", "room"),
        ("share", "capped_utilisation"),
        ("minutes", "late_start_mean_all_min"),
        ("session", MADE_UP),
    ] {
        sent = sent.replace(&format!("'${variable}'"), &format!("'{value}'"));
    }
    for variable in ["site", "room_kind", "specialty", "agent"] {
        sent = sent.replace(&format!("/^${variable}$/"), "/^.*$/");
    }
    assert!(!sent.replace("$/", "").contains('$'), "a variable is left in {sent}");
    sent
}

/// What the exporter sends of the demo's store, and what that does not have: a running list, agents, signals.
pub fn queries_find_rows_and_headlines_equal_the_reports() {
    let dir = tempfile::tempdir().expect("a folder");
    let influxdb = InfluxDb::start(dir.path());
    let exporting = Exporting::start(dir.path(), &influxdb);
    await_all(&exporting, &influxdb);
    // Without a word on precision times are in nanoseconds.
    let lines: Vec<String> = made_up_points().into_iter().map(|line| line + "000000").collect();
    influxdb.write(&lines.join("\n"));
    every_query_finds_rows(&influxdb);
    theatre_headlines_equal_the_reports(&influxdb, &exporting.store);
    scanner_headlines_equal_the_reports(&influxdb, &exporting.store);
}

fn every_query_finds_rows(influxdb: &InfluxDb) {
    let all: Vec<Asked> = dashboards().iter().flat_map(|it| it.queries()).chain(alert_queries()).collect();
    let mut wrong = Vec::new();
    for Asked { place, text } in &all {
        match ask(influxdb, &as_sent(text, ".*", ".*")) {
            Err(error) => wrong.push(format!("{place}: {error}\n    {text}")),
            Ok(series) if !series.iter().any(Series::says_something) => {
                wrong.push(format!("{place}: no rows\n    {text}"))
            }
            Ok(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {} queries:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// What the panel's first query says of the demo's rooms.
fn shown(influxdb: &InfluxDb, uid: &str, title: &str, room: &str) -> Vec<Series> {
    let all = dashboards();
    let dashboard = all.iter().find(|it| it.uid() == uid).expect("a dashboard");
    let panel = dashboard.pictures().find(|panel| panel["title"] == title).unwrap_or_else(|| panic!("no {title}"));
    let query = panel["targets"][0]["query"].as_str().expect("a query");
    ask(influxdb, &as_sent(query, DEMO, room)).expect("an answer")
}

fn report(by: &str, store: &Path) -> Vec<Value> {
    let text = run(touchtime().args(["report", by, "--format", "json", "--store"]).arg(store)).good();
    serde_json::from_str(&text).expect("JSON rows")
}

fn close(name: &str, found: Option<f64>, expected: &Value) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{name} is not reported: {expected}"));
    let found = found.unwrap_or_else(|| panic!("{name} has no number; reported is {expected}"));
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{name}: {found} is not {expected}");
}

fn theatre_headlines_equal_the_reports(influxdb: &InfluxDb, store: &Path) {
    let system = report("system", store);
    let headline = &system[0];
    assert_eq!(headline["capped_min"], 89_136.0, "the bundled cases");
    for (uid, title, column, of_report) in [
        ("touchtime-theatre-trends", "Capped utilisation", "capped", "capped_utilisation"),
        ("touchtime-theatres", "Capped utilisation so far", "so far", "capped_utilisation"),
        ("touchtime-theatres", "The most it can still reach", "at most", "capped_utilisation_upper"),
        ("touchtime-data-quality", "Utilisation: confirmed and at most", "confirmed", "capped_utilisation"),
        ("touchtime-theatre-trends", "Lists measured", "lists", "sessions_held"),
        ("touchtime-theatre-trends", "Cases per list", "cases", "cases_per_list"),
        ("touchtime-theatre-trends", "Cancelled on the day", "cancelled", "cancelled_on_day_rate"),
        ("touchtime-theatre-trends", "Mean turnover", "turnover", "turnover_mean_min"),
    ] {
        close(title, shown(influxdb, uid, title, ".*")[0].number(column), &headline[of_report]);
    }
    for (by, key, title) in [("rooms", "room", "Rooms"), ("specialties", "specialty", "Specialties")] {
        let units = report(by, store);
        let found = shown(influxdb, "touchtime-variation", title, ".*");
        assert_eq!(found.len(), units.len(), "{by}");
        for unit in units {
            let series = found.iter().find(|series| series.tags[key] == unit[key]).expect("a series");
            close(title, series.number("capped"), &unit["capped_utilisation"]);
        }
    }
    let months = report("months", store);
    let chart = shown(influxdb, "touchtime-theatre-trends", "Trust: $share", ".*");
    assert_eq!((chart.len(), chart[0].rows.len()), (1, months.len()));
    for (row, month) in chart[0].rows.iter().zip(&months) {
        close("a month", row[1].as_f64(), &month["capped_utilisation"]);
    }
}

fn scanner_headlines_equal_the_reports(influxdb: &InfluxDb, store: &Path) {
    let scanners = report("scanners", store);
    assert!(scanners.len() >= 4, "{scanners:?}");
    for scanner in &scanners {
        let room = scanner["room"].as_str().expect("a room");
        let title = if scanner["room_kind"] == "ct" { "CT: exams per hour" } else { "MRI: exams per hour" };
        for uid in ["touchtime-scanners", "touchtime-scanner-trends"] {
            close(title, shown(influxdb, uid, title, room)[0].number("an hour"), &scanner["exams_per_hour"]);
        }
    }
    for month in report("scanner-months", store) {
        let chart = shown(
            influxdb,
            "touchtime-scanner-trends",
            "$room: exams per hour",
            month["room"].as_str().expect("a room"),
        );
        let found = chart[0].rows.iter().any(|row| {
            row[1].as_f64().zip(month["exams_per_hour"].as_f64()).is_some_and(|(a, b)| (a - b).abs() <= 1e-9 * b)
        });
        assert!(found, "{month} is not on the chart");
    }
}

/// Where the types of a kind of panel are.
const PANELS: [(&str, &str); 7] = [
    ("stat", "stat/panelcfg/x/StatPanelCfg"),
    ("bargauge", "bargauge/panelcfg/x/BarGaugePanelCfg"),
    ("timeseries", "timeseries/panelcfg/x/TimeSeriesPanelCfg"),
    ("state-timeline", "statetimeline/panelcfg/x/StateTimelinePanelCfg"),
    ("table", "table/panelcfg/x/TablePanelCfg"),
    ("text", "text/panelcfg/x/TextPanelCfg"),
    ("histogram", "histogram/panelcfg/x/HistogramPanelCfg"),
];

/// JSON has words where TypeScript has its enumerations, and panels may leave options out.
const TYPES: &str = r#"
import type { Dashboard } from "@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen";
type Words<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends (infer E)[] ? Words<E>[] : T extends object ? { [K in keyof T]: Words<T[K]> } : T;
type Some<T> = T extends (infer E)[] ? Some<E>[] : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;
"#;

pub fn types_are_grafanas() {
    let compiler = Peer::GrafanaSchema.program().expect("Grafana's types are installed");
    let mut script = TYPES.to_owned();
    let mut add = |line: String| writeln!(script, "{line}").expect("a text takes everything");
    for (n, (_, types)) in PANELS.iter().enumerate() {
        add(format!("import type * as K{n} from \"@grafana/schema/dist/esm/raw/composable/{types}_types.gen\";"));
    }
    for (d, dashboard) in dashboards().iter().enumerate() {
        let mut json = dashboard.json.clone();
        // The published type knows the targets of Grafana's own annotations only, and says so.
        for annotation in json["annotations"]["list"].as_array_mut().into_iter().flatten() {
            annotation.as_object_mut().expect("an annotation").remove("target");
        }
        add(format!("const d{d}: Words<Dashboard> = {json}; // {}", dashboard.file));
        for (p, panel) in dashboard.pictures().enumerate() {
            let place = dashboard.place(panel);
            let kind = PANELS.iter().position(|(kind, _)| panel["type"] == *kind);
            let k = kind.unwrap_or_else(|| panic!("{place}: no types are known for {}", panel["type"]));
            add(format!("const d{d}o{p}: Some<Words<K{k}.Options>> = {}; // {place}", panel["options"]));
            let custom = &panel["fieldConfig"]["defaults"]["custom"];
            if custom.is_object() {
                add(format!("const d{d}c{p}: Some<Words<K{k}.FieldConfig>> = {custom}; // {place}"));
            }
        }
    }
    let bin = compiler.parent().expect("a folder");
    let folder = bin.ancestors().nth(2).expect("the folder of node_modules");
    std::fs::write(folder.join("dashboards.ts"), script).expect("the script is written");
    let arguments =
        "--noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext --target es2022 --lib es2022";
    let checked = Command::new(&compiler)
        .current_dir(folder)
        .args(arguments.split(' '))
        .arg("dashboards.ts")
        .output()
        .expect("TypeScript runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
