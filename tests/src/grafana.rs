//! Grafana's dashboards and alert rules as they lie in the repository, and the InfluxQL in them.

use std::path::PathBuf;

use serde_json::Value;

use crate::programs::root;

/// A dashboard.
#[derive(Debug)]
pub struct Dashboard {
    /// Its file's name.
    pub file: String,
    /// Grafana's classic model.
    pub json: Value,
}

/// A query and where it stands.
#[derive(Debug, Clone)]
pub struct Asked {
    /// File, panel or variable, and letter.
    pub place: String,
    /// InfluxQL with Grafana's variables.
    pub text: String,
}

/// The folder of everything that Grafana is given.
pub fn folder() -> PathBuf {
    root().join("dashboards/grafana")
}

/// All dashboards, by name.
pub fn dashboards() -> Vec<Dashboard> {
    let files = std::fs::read_dir(folder().join("dashboards")).expect("the folder of dashboards");
    let mut all: Vec<Dashboard> = files
        .map(|entry| {
            let path = entry.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            Dashboard { file: path.file_name().expect("a name").to_string_lossy().into_owned(), json }
        })
        .collect();
    all.sort_by(|a, b| a.file.cmp(&b.file));
    all
}

impl Dashboard {
    /// Its uid.
    pub fn uid(&self) -> &str {
        self.json["uid"].as_str().unwrap_or_default()
    }

    /// Its panels, headings among them.
    pub fn panels(&self) -> &[Value] {
        list(&self.json["panels"])
    }

    /// Its panels, without headings.
    pub fn pictures(&self) -> impl Iterator<Item = &Value> {
        self.panels().iter().filter(|panel| panel["type"] != "row")
    }

    /// Its variables.
    pub fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    /// Its annotations.
    pub fn annotations(&self) -> &[Value] {
        list(&self.json["annotations"]["list"])
    }

    /// Where a panel stands, for a message.
    pub fn place(&self, panel: &Value) -> String {
        format!("{}: {}", self.file, panel["title"].as_str().unwrap_or("(no title)"))
    }

    /// Every query of its panels, annotations and variables.
    pub fn queries(&self) -> Vec<Asked> {
        let of_panels = self.pictures().flat_map(|panel| {
            list(&panel["targets"]).iter().map(|target| Asked {
                place: format!("{} ({})", self.place(panel), target["refId"].as_str().unwrap_or("?")),
                text: text(&target["query"]),
            })
        });
        let variables = self.variables().iter().filter(|variable| variable["type"] == "query");
        let others = variables.map(|it| ("variable", it)).chain(self.annotations().iter().map(|it| ("annotation", it)));
        let others = others.map(|(kind, it)| Asked {
            place: format!("{}: {kind} {}", self.file, it["name"].as_str().unwrap_or("?")),
            text: text(it["target"].get("query").unwrap_or(&it["query"])),
        });
        of_panels.chain(others).collect()
    }
}

/// The text of the alert rules' file.
pub fn alert_rules() -> String {
    std::fs::read_to_string(folder().join("provisioning/alerting/touchtime.yaml")).expect("the alert rules")
}

/// The queries of the alert rules, which `alerts.py` writes as JSON texts.
pub fn alert_queries() -> Vec<Asked> {
    let mut place = String::new();
    let mut all = Vec::new();
    for line in alert_rules().lines() {
        let line = line.trim();
        if let Some(uid) = line.strip_prefix("- uid: ") {
            uid.clone_into(&mut place);
        } else if let Some(query) = line.strip_prefix("query: ") {
            let text = serde_json::from_str(query).expect("a JSON text");
            all.push(Asked { place: format!("alert rule {place}"), text });
        }
    }
    all
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The names in a query: what it asks of which measurement.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// After FROM.
    pub measurements: Vec<String>,
    /// After AS.
    pub aliases: Vec<String>,
    /// Every other quoted identifier, and tag keys that SHOW asks for.
    pub keys: Vec<String>,
}

impl Names {
    /// Reads quoted identifiers; texts in single quotes and regular expressions are passed over.
    pub fn of(query: &str) -> Self {
        let mut names = Self::default();
        let mut rest = query;
        let mut before = String::new();
        while let Some(c) = rest.chars().next() {
            match c {
                '"' | '\'' => {
                    let body = &rest[1..];
                    let end = body.find(c).unwrap_or_else(|| panic!("a quote without an end in {query}"));
                    if c == '"' {
                        names.add(&before, &body[..end]);
                    }
                    before.clear();
                    rest = &body[end + 1..];
                }
                '/' if before.trim_end().ends_with("=~") => {
                    let body = &rest[1..];
                    let end = body.find('/').unwrap_or_else(|| panic!("an expression without an end in {query}"));
                    rest = &body[end + 1..];
                    before.clear();
                }
                _ => {
                    before.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        names
    }

    fn add(&mut self, before: &str, name: &str) {
        let word = before.split_whitespace().next_back().unwrap_or_default().to_uppercase();
        let known = match word.as_str() {
            "FROM" => &mut self.measurements,
            "AS" => &mut self.aliases,
            _ => &mut self.keys,
        };
        if !known.iter().any(|it| it == name) {
            known.push(name.to_owned());
        }
    }
}
