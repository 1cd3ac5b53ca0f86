//! The text forms in which Prometheus reads metrics: OpenMetrics 1.0 and the older text form 0.0.4.
//!
//! Written by hand: a scrape is one pass over values that are computed for it, while client libraries keep registries of
//! values that live as long as the process. What differs between the two forms is said in one place each: the name of a
//! counter's family, the type of an `_info`, `# UNIT`, and the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text form 0.0.4 of Prometheus.
    Text,
}

impl Form {
    /// What a scraper asks for; OpenMetrics unless it prefers plain text.
    pub(crate) fn asked(accept: &str) -> Self {
        let quality = |names: [&str; 2]| {
            let ranges = accept.split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next()?;
                let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
                Some((name, quality.unwrap_or(0.0)))
            });
            let of = |wanted: &str| ranges.clone().filter(|(name, _)| *name == wanted).map(|(_, q)| q).reduce(f32::max);
            of(names[0]).or_else(|| of(names[1])).or_else(|| of("*/*")).unwrap_or(0.0)
        };
        let open = quality(["application/openmetrics-text", "application/*"]);
        if quality(["text/plain", "text/*"]) > open { Self::Text } else { Self::OpenMetrics }
    }

    /// Its media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What the values of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A count that only goes up, but for restarts.
    Counter,
    /// Always 1; the labels say it.
    Info,
}

impl Kind {
    /// Its name in `# TYPE`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Info => "info",
        }
    }
}

/// A family of samples that differ in their labels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Family {
    /// The name of its samples, with unit and `_total` or `_info`.
    pub(crate) name: &'static str,
    /// What its values are.
    pub(crate) kind: Kind,
    /// The base unit, where it has one.
    pub(crate) unit: &'static str,
    /// The names of its labels.
    pub(crate) labels: &'static [&'static str],
    /// One sentence.
    pub(crate) help: &'static str,
}

impl Family {
    /// Its name without what OpenMetrics adds to that of each sample.
    pub(crate) fn base(&self) -> &'static str {
        let suffix = match self.kind {
            Kind::Gauge => "",
            Kind::Counter => "_total",
            Kind::Info => "_info",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }
}

/// The samples of one scrape.
#[derive(Debug, Default)]
pub(crate) struct Scrape(BTreeMap<&'static str, String>);

impl Scrape {
    /// Adds a sample; `values` are those of the family's labels, in their order.
    pub(crate) fn add(&mut self, family: &'static Family, values: &[&str], value: f64) {
        debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
        let text = self.0.entry(family.name).or_default();
        text.push_str(family.name);
        for (n, (label, value)) in family.labels.iter().zip(values).enumerate() {
            text.push(if n == 0 { '{' } else { ',' });
            // Writing to a string cannot fail.
            let _ = write!(text, "{label}=\"{}\"", escaped(value));
        }
        if !family.labels.is_empty() {
            text.push('}');
        }
        let _ = match value {
            value if value == f64::INFINITY => writeln!(text, " +Inf"),
            value if value == f64::NEG_INFINITY => writeln!(text, " -Inf"),
            value => writeln!(text, " {value}"),
        };
    }

    /// Adds a sample if there is a value: what is not known has none.
    pub(crate) fn add_known(&mut self, family: &'static Family, values: &[&str], value: Option<f64>) {
        if let Some(value) = value {
            self.add(family, values, value);
        }
    }

    /// Adds a sample for each of several states, 1 for the one that holds.
    pub(crate) fn add_state(&mut self, family: &'static Family, values: &[&str], states: &[&str], state: &str) {
        for one in states {
            let values: Vec<&str> = values.iter().copied().chain([*one]).collect();
            self.add(family, &values, f64::from(u8::from(*one == state)));
        }
    }

    /// All that was added, in the order of `families`.
    pub(crate) fn text(&self, families: &[&'static Family], form: Form) -> String {
        let mut text = String::new();
        for family in families {
            let Some(samples) = self.0.get(family.name) else { continue };
            let (name, kind) = match form {
                Form::OpenMetrics => (family.base(), family.kind.name()),
                Form::Text if family.kind == Kind::Info => (family.name, Kind::Gauge.name()),
                Form::Text => (family.name, family.kind.name()),
            };
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
            if form == Form::OpenMetrics && !family.unit.is_empty() {
                let _ = writeln!(text, "# UNIT {name} {}", family.unit);
            }
            text.push_str(samples);
        }
        if form == Form::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    static WAITING: Family =
        Family { name: "t_waiting_bytes", kind: Kind::Gauge, unit: "bytes", labels: &["room"], help: "Waiting." };
    static STORED: Family =
        Family { name: "t_stored_total", kind: Kind::Counter, unit: "", labels: &[], help: "Stored." };
    static BUILD: Family =
        Family { name: "t_build_info", kind: Kind::Info, unit: "", labels: &["version"], help: "Build." };

    #[test]
    fn a_scraper_gets_the_form_that_it_prefers_and_openmetrics_if_it_has_no_preference() {
        for (accept, form) in [
            ("", Form::OpenMetrics),
            ("*/*", Form::OpenMetrics),
            ("text/plain", Form::Text),
            ("text/plain; version=0.0.4", Form::Text),
            ("text/*;q=0.9,*/*;q=0.1", Form::Text),
            // Prometheus 2.42, then one that reads nothing but plain text any more.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Form::OpenMetrics,
            ),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Form::Text),
            ("application/openmetrics-text;q=0.2, text/plain;q=nonsense", Form::OpenMetrics),
        ] {
            assert_eq!(Form::asked(accept), form, "{accept}");
        }
    }

    #[test]
    fn both_forms_are_as_their_specifications_have_them() {
        let mut scrape = Scrape::default();
        scrape.add(&STORED, &[], 12.0);
        scrape.add(&WAITING, &["a \"b\" \\ c\nd"], 0.5);
        scrape.add(&WAITING, &["e"], f64::INFINITY);
        scrape.add_known(&WAITING, &["f"], None);
        scrape.add(&BUILD, &["1"], 1.0);
        let families = [&BUILD, &STORED, &WAITING];
        assert_eq!(
            scrape.text(&families, Form::OpenMetrics),
            "# HELP t_build Build.\n# TYPE t_build info\nt_build_info{version=\"1\"} 1\n\
             # HELP t_stored Stored.\n# TYPE t_stored counter\nt_stored_total 12\n\
             # HELP t_waiting_bytes Waiting.\n# TYPE t_waiting_bytes gauge\n# UNIT t_waiting_bytes bytes\n\
             t_waiting_bytes{room=\"a \\\"b\\\" \\\\ c\\nd\"} 0.5\nt_waiting_bytes{room=\"e\"} +Inf\n# EOF\n"
        );
        assert_eq!(
            scrape.text(&families, Form::Text),
            "# HELP t_build_info Build.\n# TYPE t_build_info gauge\nt_build_info{version=\"1\"} 1\n\
             # HELP t_stored_total Stored.\n# TYPE t_stored_total counter\nt_stored_total 12\n\
             # HELP t_waiting_bytes Waiting.\n# TYPE t_waiting_bytes gauge\n\
             t_waiting_bytes{room=\"a \\\"b\\\" \\\\ c\\nd\"} 0.5\nt_waiting_bytes{room=\"e\"} +Inf\n"
        );
    }

    #[test]
    fn of_several_states_one_is_1() {
        let mut scrape = Scrape::default();
        scrape.add_state(&WAITING, &[], &["idle", "scanning"], "idle");
        let text = scrape.text(&[&WAITING], Form::Text);
        assert!(text.contains("{room=\"idle\"} 1\n") && text.contains("{room=\"scanning\"} 0\n"), "{text}");
    }
}
