//! Grafana's dashboards and alert rules: what can be told without Grafana. Their queries are run by the `system` tests.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeSet;
use std::process::Command;

use influx::schema::{self, Measurement};
use serde_json::Value;
use touchtime_tests::grafana::{Asked, Names, alert_queries, alert_rules, dashboards, folder};
use touchtime_tests::programs::root;

const UIDS: [&str; 8] = [
    "touchtime-audit",
    "touchtime-data-quality",
    "touchtime-health",
    "touchtime-scanner-trends",
    "touchtime-scanners",
    "touchtime-theatre-trends",
    "touchtime-theatres",
    "touchtime-variation",
];

fn every_query() -> Vec<Asked> {
    let queries: Vec<Asked> = dashboards().iter().flat_map(|it| it.queries()).chain(alert_queries()).collect();
    assert!(queries.len() > 100, "only {} queries were found", queries.len());
    queries
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

#[test]
fn the_files_are_what_the_generator_writes() {
    let python = Command::new("python3").arg("-B").arg(folder().join("make.py")).arg("--check").output();
    let Ok(output) = python else {
        eprintln!("python3 is not installed: nothing was compared");
        assert!(std::env::var_os("TOUCHTIME_REQUIRE_PEERS").is_none());
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn uids_are_fixed_and_named_as_their_files() {
    let all = dashboards();
    let uids: Vec<&str> = all.iter().map(|it| it.uid()).collect();
    assert_eq!(uids, UIDS);
    let titles: BTreeSet<&str> = all.iter().filter_map(|it| it.json["title"].as_str()).collect();
    assert_eq!(titles.len(), UIDS.len());
    for dashboard in &all {
        assert_eq!(format!("touchtime-{}", dashboard.file), format!("{}.json", dashboard.uid()));
        assert!(dashboard.json.get("id").is_none(), "{}: Grafana gives the id", dashboard.file);
        assert!(matches!(dashboard.json["schemaVersion"].as_u64(), Some(41 | 42)));
        assert_eq!(dashboard.json["editable"], false, "{}", dashboard.file);
        assert!(is_text(&dashboard.json["description"]));
    }
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit() {
    for dashboard in dashboards() {
        let mut ids = BTreeSet::new();
        for panel in dashboard.panels() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: id", dashboard.place(panel));
        }
        for panel in dashboard.pictures() {
            let place = dashboard.place(panel);
            for key in ["title", "description", "type"] {
                assert!(is_text(&panel[key]), "{place}: {key}");
            }
            assert!(panel["description"].as_str().unwrap().ends_with('.'), "{place}: the description is no sentence");
            assert!(is_text(&panel["fieldConfig"]["defaults"]["unit"]), "{place}: unit");
            assert!(!panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array().unwrap().is_empty());
            if panel["type"] != "text" {
                assert!(!panel["targets"].as_array().unwrap().is_empty(), "{place}: queries");
            }
        }
    }
}

#[test]
fn every_description_of_a_quotient_names_the_fields_it_divides() {
    for dashboard in dashboards() {
        for panel in dashboard.pictures().filter(|panel| panel["type"] == "stat" || panel["type"] == "bargauge") {
            let about = panel["description"].as_str().unwrap();
            for target in panel["targets"].as_array().unwrap() {
                let query = target["query"].as_str().unwrap();
                if query.contains(") / sum(") {
                    for field in fields_of_sums(query) {
                        assert!(about.contains(field), "{}: {field} is not in its description", dashboard.place(panel));
                    }
                }
            }
        }
    }
}

fn fields_of_sums(query: &str) -> impl Iterator<Item = &str> {
    query.split("sum(\"").skip(1).filter_map(|rest| rest.split('"').next())
}

#[test]
fn the_data_source_is_always_a_variable() {
    fn check(value: &Value, place: &str) {
        match value {
            Value::Object(object) => {
                if let Some(source) = object.get("datasource") {
                    assert_eq!(source["uid"], "${datasource}", "{place}");
                    assert_eq!(source["type"], "influxdb", "{place}");
                }
                object.values().for_each(|value| check(value, place));
            }
            Value::Array(list) => list.iter().for_each(|value| check(value, place)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for dashboard in dashboards() {
        check(&dashboard.json, &dashboard.file);
        for panel in dashboard.pictures() {
            assert!(panel.get("datasource").is_some(), "{}", dashboard.place(panel));
        }
        let first = &dashboard.variables()[0];
        assert_eq!(
            (&first["name"], &first["type"], &first["query"]),
            (&Value::from("datasource"), &Value::from("datasource"), &Value::from("influxdb"))
        );
    }
}

#[test]
fn variables_are_there_follow_the_time_range_and_are_the_only_ones_used() {
    const OF_GRAFANA: [&str; 5] = ["timeFilter", "__interval", "__url_time_range", "__value", "__data"];
    for dashboard in dashboards() {
        let names: BTreeSet<&str> = dashboard.variables().iter().filter_map(|it| it["name"].as_str()).collect();
        for expected in ["datasource", "trust", "site", "room", "collector"] {
            assert!(names.contains(expected), "{}: no variable {expected}", dashboard.file);
        }
        for variable in dashboard.variables() {
            assert!(is_text(&variable["label"]), "{}: {} has no label", dashboard.file, variable["name"]);
            if variable["type"] == "query" {
                assert_eq!(variable["refresh"], 2, "{}: {}", dashboard.file, variable["name"]);
            }
        }
        let text = dashboard.json.to_string();
        for (at, _) in text.match_indices('$') {
            let name: String = text[at + 1..]
                .trim_start_matches('{')
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            let known = OF_GRAFANA.contains(&name.as_str())
                || ["tag_", "col", "__all"].iter().any(|start| name.starts_with(start))
                || names.contains(name.as_str());
            assert!(name.is_empty() || known, "{}: ${name} is no variable", dashboard.file);
        }
    }
}

#[test]
fn every_name_in_a_query_is_in_the_schema() {
    for Asked { place, text } in every_query() {
        let names = Names::of(&text);
        let measurements: Vec<&Measurement> = names
            .measurements
            .iter()
            .map(|name| Measurement::named(name).unwrap_or_else(|| panic!("{place}: there is no {name}")))
            .collect();
        assert_eq!(measurements.len(), 1, "{place}: {text}");
        for key in names.keys.iter().filter(|key| !names.aliases.contains(key)) {
            let known = measurements
                .iter()
                .any(|it| it.field(key).is_some() || it.tags.iter().any(|tag| tag.name == key.as_str()));
            assert!(known, "{place}: {} has no {key}", measurements[0].name);
        }
    }
}

#[test]
fn names_are_read_out_of_a_query() {
    let query = r#"SELECT sum("a") / sum("b") AS "c d" FROM "m" WHERE "e" =~ /^"x"$/ AND "f" = '"y"' GROUP BY "a""#;
    let expected = Names {
        measurements: vec!["m".to_owned()],
        aliases: vec!["c d".to_owned()],
        keys: ["a", "b", "e", "f"].map(str::to_owned).to_vec(),
    };
    assert_eq!(Names::of(query), expected);
}

#[test]
fn what_is_no_more_is_left_out_and_no_ratio_is_averaged() {
    for Asked { place, text } in every_query().into_iter().filter(|asked| asked.text.starts_with("SELECT")) {
        let names = Names::of(&text);
        let condition = match names.measurements[0].as_str() {
            "touchtime_list" | "touchtime_scan_session" => "\"sessions\" = 1",
            "touchtime_trend" => "\"present\" = 1",
            _ => "",
        };
        assert!(text.contains(condition), "{place}: {condition} is missing in {text}");
        assert!(text.contains("$timeFilter"), "{place}: {text}");
        assert!(!text.to_lowercase().contains("mean("), "{place}: {text}");
    }
}

/// Sites, rooms, agents and collectors have their names from their trust: two trusts may use the same.
#[test]
fn whoever_groups_by_site_or_room_groups_by_trust() {
    let mut grouped = 0;
    for Asked { place, text } in every_query() {
        for clause in text.split("GROUP BY ").skip(1) {
            let tags =
                clause.strip_prefix("time(").and_then(|rest| rest.split_once(')')).map_or(clause, |(_, rest)| rest);
            let tags = tags.split([')', '(']).next().unwrap();
            if ["site", "room", "specialty", "agent", "collector"]
                .iter()
                .any(|tag| tags.contains(&format!("\"{tag}\"")))
            {
                assert!(tags.contains("\"trust\""), "{place}: {text}");
                grouped += 1;
            }
        }
    }
    assert!(grouped > 30, "only {grouped}");
    for dashboard in dashboards() {
        for panel in dashboard.pictures() {
            for alias in panel["targets"].as_array().into_iter().flatten().filter_map(|it| it["alias"].as_str()) {
                let of_a_trust = ["$tag_site", "$tag_room ", "$tag_agent", "$tag_collector", "$tag_specialty"];
                if alias.ends_with("$tag_room") || of_a_trust.iter().any(|tag| alias.contains(tag)) {
                    assert!(alias.contains("$tag_trust"), "{}: {alias}", dashboard.place(panel));
                }
            }
        }
    }
}

#[test]
fn panels_do_not_overlap() {
    for dashboard in dashboards() {
        let mut taken = BTreeSet::new();
        for panel in dashboard.panels() {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{}", dashboard.place(panel));
            for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
                assert!(taken.insert(cell), "{} overlaps", dashboard.place(panel));
            }
        }
    }
}

#[test]
fn every_link_leads_to_a_dashboard_or_to_the_collector() {
    fn urls(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("url").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| urls(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| urls(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    dashboards().iter().for_each(|dashboard| urls(&dashboard.json, &mut found));
    found.extend(alert_rules().lines().filter_map(|line| line.trim().strip_prefix("dashboard: ").map(str::to_owned)));
    let to_dashboards = found.iter().filter(|url| url.starts_with("/d/")).count();
    assert!(to_dashboards > 10, "only {to_dashboards}");
    for url in found.iter().filter(|url| !url.is_empty()) {
        match url.strip_prefix("/d/") {
            Some(rest) => assert!(UIDS.contains(&rest.split('?').next().unwrap()), "{url}"),
            None => assert!(["${collector}", "${collector}/lists/${__value.raw}"].contains(&url.as_str()), "{url}"),
        }
    }
}

#[test]
fn every_alert_has_its_parts_and_a_page_that_says_what_to_do() {
    let text = alert_rules();
    let rules: Vec<&str> = text.split("      - uid: ").skip(1).collect();
    let uids: BTreeSet<&str> = rules.iter().filter_map(|rule| rule.lines().next()).collect();
    // Each has a query, and those on live lists and sessions another for whether a collector writes.
    let live = ["touchtime-late-start", "touchtime-overrun", "touchtime-scanner-short"];
    assert_eq!((rules.len(), uids.len(), alert_queries().len()), (10, 10, 10 + live.len()));
    for rule in rules {
        let uid = rule.lines().next().unwrap();
        let value = |key: &str| {
            let line = rule.lines().find_map(|line| line.trim().strip_prefix(&format!("{key}: ")));
            line.unwrap_or_else(|| panic!("{uid} has no {key}")).to_owned()
        };
        assert_eq!(rule.contains("&& $E > 0"), live.contains(&uid), "{uid}: frozen points of a dead collector");
        let fires_on_nothing = value("noDataState") == "Alerting";
        assert_eq!(fires_on_nothing, uid == "touchtime-no-figures", "{uid}: no data");
        for key in ["title", "condition", "for", "noDataState", "execErrState", "summary", "description"] {
            assert!(!value(key).is_empty());
        }
        assert!(["info", "warning", "critical"].contains(&value("severity").as_str()), "{uid}");
        let runbook = std::fs::read_to_string(root().join(value("runbook_url"))).unwrap();
        assert!(runbook.contains(&format!("`{uid}`")), "{} does not name {uid}", value("runbook_url"));
        for heading in ["What it means", "Why it matters", "What to do first", "How to see that it is over"] {
            assert!(
                runbook.contains(&format!("\n## {heading}\n\n")),
                "{} does not say: {heading}",
                value("runbook_url")
            );
        }
        assert!(rule.contains("datasourceUid: touchtime-influxdb"), "{uid}");
    }
    let source = std::fs::read_to_string(folder().join("provisioning/datasources/touchtime.yaml")).unwrap();
    assert!(source.contains("uid: touchtime-influxdb"), "the rules ask for that data source");
}

#[test]
fn every_measurement_is_shown_somewhere() {
    let shown: BTreeSet<String> = every_query().iter().flat_map(|asked| Names::of(&asked.text).measurements).collect();
    for measurement in schema::ALL {
        assert!(shown.contains(measurement.name), "{} is on no dashboard", measurement.name);
    }
}

/// The page's tables are those of the schema: the failure has them as they should be.
#[test]
fn the_documentation_has_every_tag_and_field() {
    use std::fmt::Write as _;
    let page = std::fs::read_to_string(root().join("docs/grafana.md")).unwrap();
    let mut expected = String::new();
    for it in schema::ALL {
        write!(
            expected,
            "\n### `{}`\n\n{}\nTime: {}.\n\n| tag | what it says |\n|---|---|\n",
            it.name, it.about, it.time
        )
        .unwrap();
        it.tags.iter().for_each(|tag| writeln!(expected, "| `{}` | {} |", tag.name, tag.about).unwrap());
        expected.push_str("\n| field | unit | type | what it says |\n|---|---|---|---|\n");
        for field in it.fields {
            let (unit, kind) = (field.unit.name(), field.unit.kind().name());
            writeln!(expected, "| `{}` | {unit} | {kind} | {} |", field.name, field.about).unwrap();
        }
    }
    assert!(page.ends_with(&expected), "docs/grafana.md is to end with:\n{expected}");
}

#[test]
fn the_documentation_names_every_dashboard_and_rule() {
    let page = std::fs::read_to_string(root().join("docs/grafana.md")).unwrap();
    let rules = alert_rules();
    let rules = rules.lines().filter_map(|line| line.trim().strip_prefix("- uid: "));
    for uid in UIDS.into_iter().chain(rules) {
        assert!(page.contains(&format!("`{uid}`")), "{uid} is not in docs/grafana.md");
    }
}
