//! Grafana's queries on a real InfluxDB 1.x that holds the bundled cases and one made-up point of everything else; its
//! dashboards against Grafana's published types.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use chrono::DateTime;
use influx::point::Point;
use influx::schema::{self, Measurement, Unit};
use room_events::UtcMillis;
use serde_json::Value;
use touchtime_tests::grafana::{Asked, alert_queries, dashboards};
use touchtime_tests::influxdb::InfluxDb;
use touchtime_tests::peer::Peer;
use touchtime_tests::programs::{cases, mapping, run, touchtime};

use crate::path::rows;

/// The trust of the bundled cases, and that of the made-up points.
const BUNDLED: &str = "local";
const MADE_UP: &str = "made-up";

/// The time of the made-up points, within that of the bundled cases.
const AT: &str = "2022-02-25T10:00:00Z";

fn instant(text: &str) -> UtcMillis {
    UtcMillis::saturating(DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis())
}

fn report(by: &str) -> String {
    let (cases, mapping) = (cases(), mapping());
    run(touchtime().args(["report", by, "--format", "csv", "--cases"]).arg(cases).arg("--mapping").arg(mapping)).good()
}

/// The points of the bundled lists, as far as a report has their fields.
fn bundled_lists() -> Vec<String> {
    let csv = report("sessions");
    let lists = rows(&csv);
    assert_eq!(lists.len(), 312);
    lists.iter().map(|row| line_of(row)).collect()
}

fn line_of(row: &BTreeMap<&str, &str>) -> String {
    let specialty = if row["specialty"].is_empty() { "none" } else { row["specialty"] };
    let mut point =
        Point::new(&schema::LIST, instant(row["planned_start"])).tag("specialty", specialty).tag("place", "1");
    for tag in ["trust", "site", "room", "room_kind", "rule_set"] {
        point = point.tag(tag, row[tag]);
    }
    point = point.tag("list_kind", row["kind"]);
    let closed = row["state"] == "closed";
    for (name, flag) in
        [("sessions", true), ("measured", closed), ("running", false), ("complete", row["complete"] == "true")]
    {
        point = point.field(name, flag);
    }
    let number = |name: &str| row[name].parse::<f64>().unwrap_or_default();
    for field in schema::LIST.fields {
        let column = match field.name {
            "counted_min" => "capped_min",
            "gaps_min" => "gaps_in_session_min",
            name => name,
        };
        if !row.contains_key(column) {
            continue;
        }
        point = match field.unit {
            Unit::Minutes => point.field(field.name, number(column)),
            Unit::Count => point.field(field.name, row[column].parse::<u64>().expect("a count")),
            Unit::Text => point.field(field.name, row[column]),
            Unit::Flag | Unit::Code | Unit::Seconds | Unit::Value | Unit::PerHour => point,
        };
    }
    for known in ["late_start", "early_finish", "overrun"] {
        let flag = schema::LIST.fields.iter().find(|field| field.name == format!("{known}_known")).expect("a field");
        point = point.field(flag.name, !row[format!("{known}_min").as_str()].is_empty());
    }
    let best = number("capped_min") + number("unknown_min");
    point.field("capped_best_min", best).line().expect("a line")
}

/// A point with every tag and field of its measurement: flags are set, counts are 2.
fn made_up(of: &'static Measurement, tags: &[(&str, &str)], fields: &[(&str, u64)]) -> String {
    let mut point = Point::new(of, instant(AT));
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

fn filled(dir: &std::path::Path) -> InfluxDb {
    let influxdb = InfluxDb::start(dir);
    // Without a word on precision times are in nanoseconds.
    let lines: Vec<String> = bundled_lists().into_iter().chain(made_up_points()).map(|line| line + "000000").collect();
    influxdb.write(&lines.join("\n"));
    influxdb
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

/// Puts in what Grafana would; `trust` is a regular expression.
fn as_sent(text: &str, trust: &str) -> String {
    let from = instant("2022-01-01T00:00:00Z").millis();
    let to = instant("2022-03-01T00:00:00Z").millis();
    let mut sent = text
        .replace("$timeFilter", &format!("time >= {from}ms AND time <= {to}ms"))
        .replace("$__interval", "1m")
        .replace("^$trust$", &format!("^{trust}$"));
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
    for variable in ["site", "room_kind", "room", "specialty", "agent"] {
        sent = sent.replace(&format!("/^${variable}$/"), "/^.*$/");
    }
    assert!(!sent.replace("$/", "").contains('$'), "a variable is left in {sent}");
    sent
}

pub fn every_query_finds_rows() {
    let dir = tempfile::tempdir().expect("a folder");
    let influxdb = filled(dir.path());
    let all: Vec<Asked> = dashboards().iter().flat_map(|it| it.queries()).chain(alert_queries()).collect();
    let mut wrong = Vec::new();
    for Asked { place, text } in &all {
        match ask(&influxdb, &as_sent(text, ".*")) {
            Err(error) => wrong.push(format!("{place}: {error}\n    {text}")),
            Ok(series) if !series.iter().any(Series::says_something) => {
                wrong.push(format!("{place}: no rows\n    {text}"))
            }
            Ok(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {} queries:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// The number, or that of each group, that a panel shows of the bundled lists.
fn shown(influxdb: &InfluxDb, uid: &str, title: &str) -> Vec<Series> {
    let all = dashboards();
    let dashboard = all.iter().find(|it| it.uid() == uid).expect("a dashboard");
    let panel = dashboard.pictures().find(|panel| panel["title"] == title).unwrap_or_else(|| panic!("no {title}"));
    let query = panel["targets"][0]["query"].as_str().expect("a query");
    ask(influxdb, &as_sent(query, BUNDLED)).expect("an answer")
}

fn close(name: &str, found: Option<f64>, expected: f64) {
    let found = found.unwrap_or_else(|| panic!("{name} has no number"));
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{name}: {found} is not {expected}");
}

pub fn headlines_equal_the_reports() {
    let dir = tempfile::tempdir().expect("a folder");
    let influxdb = filled(dir.path());
    let number = |row: &BTreeMap<&str, &str>, name: &str| row[name].parse::<f64>().expect("a number");

    let system = report("system");
    let system = rows(&system);
    let headline = number(&system[0], "capped_utilisation");
    let one = |uid, title, column| shown(&influxdb, uid, title)[0].number(column);
    close("trends", one("touchtime-theatre-trends", "Capped utilisation", "capped"), headline);
    close("today", one("touchtime-theatres", "Capped utilisation so far", "so far"), headline);
    close("lists", one("touchtime-theatre-trends", "Lists measured", "lists"), 312.0);
    for (title, column, of_report) in [
        ("Cases per list", "cases", "cases_per_list"),
        ("Cancelled on the day", "cancelled", "cancelled_on_day_rate"),
        ("Mean turnover", "turnover", "turnover_mean_min"),
    ] {
        close(title, one("touchtime-theatre-trends", title, column), number(&system[0], of_report));
    }

    for (by, key, title) in [("rooms", "room", "Rooms"), ("specialties", "specialty", "Specialties")] {
        let csv = report(by);
        let units = rows(&csv);
        let found = shown(&influxdb, "touchtime-variation", title);
        assert_eq!(found.len(), units.len(), "{by}");
        for row in units {
            let series = found.iter().find(|series| series.tags[key] == row[key]).expect("a series");
            close(row[key], series.number("capped"), number(&row, "capped_utilisation"));
        }
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
