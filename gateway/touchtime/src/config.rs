//! `gateway.toml`: what a collector and its board need to know. Unknown keys are refused with the nearest known one.

mod access;
mod occupancy;
mod reasons;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use board::history::NamedChange;
use broker_tls::TlsFiles;
use chrono::{NaiveDate, NaiveTime};
use room_events::{AgentId, RoomId, RoomKind, SiteId, SourceId, Token, TrustId, Urgency};
use serde::Deserialize;
use utilisation::measure::Measure;
use utilisation::quantity::Minutes;
use utilisation::rules::RuleSet;
use utilisation::scanner::rules::{ClosedFor, Closure, ScannerRules};
use utilisation::targets::{Target, TargetFile, Targets};
use utilisation::waiting::ReportingTarget;

use crate::measured::{RoomClosure, ScannerSettings};

pub use access::{AccessConfig, ProxyConfig, RoleName, ViewingName};
pub use occupancy::OccupancyConfig;
pub use reasons::ReasonsConfig;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GatewayConfig {
    /// The trust whose agents are collected.
    pub trust: TrustId,
    /// Its name for people.
    #[serde(default)]
    pub trust_name: Option<String>,
    /// Where events are kept.
    pub store: StoreConfig,
    /// The broker.
    pub broker: BrokerConfig,
    /// The collector itself.
    #[serde(default)]
    pub collector: CollectorConfig,
    /// The web pages.
    #[serde(default)]
    pub board: BoardConfig,
    /// Who may see and do what on them.
    #[serde(default)]
    pub access: AccessConfig,
    /// What staff can pick as reasons.
    #[serde(default)]
    pub reasons: ReasonsConfig,
    /// The measures.
    #[serde(default)]
    pub rules: RulesConfig,
    /// Where results are exported to; default: nowhere.
    #[serde(default)]
    pub influxdb: Option<InfluxConfig>,
    /// The trust's sites; a site that is not listed uses the default zone.
    #[serde(default)]
    pub sites: Vec<SiteConfig>,
    /// The trust's rooms; a room that is not listed is what its plan says, else a theatre.
    #[serde(default)]
    pub rooms: Vec<RoomConfig>,
    /// Rooms of which only signals tell: their occupancy is inferred.
    #[serde(default)]
    pub occupancy: Vec<OccupancyConfig>,
    /// When scanner rooms are not meant to scan: breaks, clean-down, QA, service days and downtime.
    #[serde(default)]
    pub closures: Vec<ClosureConfig>,
    /// The trust's own targets, in place of the published ones for the same work.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// The trust's own times within which scans are to be reported, before the published ones.
    #[serde(default)]
    pub reporting_targets: Vec<ReportingTargetConfig>,
    /// Changes after which a process is another one: control limits begin anew.
    #[serde(default)]
    pub changes: Vec<ChangeConfig>,
    /// The settings of the scanner measures.
    #[serde(default)]
    pub scanners: ScannersConfig,
    /// The trust's agents, for the broker's access file; events of others are taken if the broker lets them in.
    #[serde(default)]
    pub agents: Vec<AgentConfig>,
    /// Other collectors on the same broker, for its access file.
    #[serde(default)]
    pub collectors: Vec<OtherCollectorConfig>,
}

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StoreConfig {
    /// Folder of the database; made if it is not there.
    pub dir: PathBuf,
    /// Events older than so many days are removed, by whole weeks; default: none ever is.
    #[serde(default)]
    pub keep_days: Option<u32>,
}

/// Agents send again what they were acknowledged days ago; what is removed sooner would only come back.
const LEAST_KEEP_DAYS: u32 = 31;

/// `[broker]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BrokerConfig {
    /// Host name or address of the broker.
    pub host: String,
    /// Its port; default 1883.
    #[serde(default = "default_broker_port")]
    pub port: u16,
    /// User name, if the broker asks for one.
    #[serde(default)]
    pub username: Option<String>,
    /// File that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Authority of the broker's certificate; with it the connection is encrypted.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The collector's certificate, for a broker that asks for one.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// The certificate's key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The authority's list of revoked certificates.
    #[serde(default)]
    pub crl_file: Option<PathBuf>,
}

impl BrokerConfig {
    /// The files of TLS, if it is asked for; the error says which key is missing.
    pub fn tls(&self) -> Result<Option<TlsFiles>, String> {
        TlsFiles::from_keys(
            self.ca_file.as_deref(),
            self.certificate_file.as_deref(),
            self.key_file.as_deref(),
            self.crl_file.as_deref(),
        )
    }
}

fn default_broker_port() -> u16 {
    1883
}

/// `[collector]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CollectorConfig {
    /// This collector's name in acknowledgement topics; default `c1`. Two collectors on one broker need two names.
    pub id: AgentId,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self { id: AgentId::new("c1").unwrap_or_else(|error| unreachable!("c1 {error}")) }
    }
}

/// `[board]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BoardConfig {
    /// Address of the web pages; default `127.0.0.1:8080`.
    pub listen: SocketAddr,
}

impl Default for BoardConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)) }
    }
}

/// `[influxdb]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InfluxConfig {
    /// Address of the server, such as `http://influx:8086`.
    pub url: String,
    /// Bucket; of InfluxDB 1.8 `database/retention-policy`, of 3.x the database.
    pub bucket: String,
    /// Organisation of an InfluxDB 2; default `touchtime`, which others do not look at.
    #[serde(default = "default_org")]
    pub org: String,
    /// File that holds the token; of InfluxDB 1.8 `user:password`. Default: no token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
}

fn default_org() -> String {
    "touchtime".to_owned()
}

impl InfluxConfig {
    /// The server; the error says which key is wrong.
    pub fn server(&self) -> Result<influx::send::Server, String> {
        let server = influx::send::Server {
            url: self.url.clone(),
            org: self.org.clone(),
            bucket: self.bucket.clone(),
            token_file: self.token_file.clone(),
        };
        influx::send::Sender::new(server.clone(), 1).map_err(|error| format!("[influxdb] {error}"))?;
        Ok(server)
    }
}

/// `[rules]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RulesConfig {
    /// The rule set of the board and the summaries; default `girft-2024.1`.
    pub name: String,
    /// Sources in order of precedence, the best first; sources not named come after all of these.
    pub precedence: Vec<SourceId>,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self { name: utilisation::rules::DEFAULT_RULES.to_owned(), precedence: Vec::new() }
    }
}

/// `[[sites]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SiteConfig {
    /// The site's id in topics and ids.
    pub id: SiteId,
    /// Its name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// Its IANA time zone; default Europe/London.
    #[serde(default = "default_zone")]
    pub zone: chrono_tz::Tz,
}

fn default_zone() -> chrono_tz::Tz {
    chrono_tz::Europe::London
}

/// `[[rooms]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RoomConfig {
    /// The room's site.
    pub site: SiteId,
    /// The room's id.
    pub id: RoomId,
    /// What the room is.
    pub kind: RoomKind,
    /// Its name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// It is a mobile unit.
    #[serde(default)]
    pub mobile: bool,
}

/// `[scanners]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ScannersConfig {
    /// Below this share of observed time a session has no rate; default 0.9.
    pub least_observed: f64,
    /// A feed that says nothing for longer leaves the time unknown; default 15.
    pub silent_after_minutes: u16,
    /// Cancellation reasons that mean that the patient did not attend; default `DNA`, `did not attend`.
    pub did_not_attend: Vec<String>,
    /// Patient tokens of phantoms, as `export events` shows them; default none.
    pub phantoms: Vec<Token>,
    /// Protocols with which phantoms are scanned; default `QA`, `phantom`, `QA phantom`.
    pub phantom_protocols: Vec<String>,
    /// Each site counts exams and visits by itself; default false: what was scanned on two sites counts once.
    pub by_site: bool,
}

impl Default for ScannersConfig {
    fn default() -> Self {
        let rules = ScannerRules::default();
        Self {
            least_observed: rules.least_observed,
            silent_after_minutes: 15,
            did_not_attend: rules.did_not_attend,
            phantoms: rules.phantoms,
            phantom_protocols: rules.phantom_protocols,
            by_site: rules.by_site,
        }
    }
}

/// `[[closures]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClosureConfig {
    /// The site; default: every site.
    #[serde(default)]
    pub site: Option<SiteId>,
    /// The room; default: every scanner room of the site.
    #[serde(default)]
    pub room: Option<RoomId>,
    /// Why: `staff-break`, `clean-down`, `qa`, `service` or `downtime`.
    pub reason: ClosedFor,
    /// Local time at which it begins, `HH:MM`; default 00:00.
    #[serde(default)]
    pub from: Option<String>,
    /// Local time at which it ends, `HH:MM`, if not after `from` on the next day; default 00:00, which is midnight.
    #[serde(default)]
    pub to: Option<String>,
    /// First local date, `2026-04-01`; default: always has been.
    #[serde(default)]
    pub first: Option<String>,
    /// Last local date; default: for ever.
    #[serde(default)]
    pub last: Option<String>,
    /// Days of the week, such as `mon`; default: each.
    #[serde(default)]
    pub weekdays: Vec<String>,
}

impl ClosureConfig {
    fn closure(&self) -> Result<RoomClosure, String> {
        let time = |key: &str, text: Option<&String>| match text {
            None => Ok(NaiveTime::MIN),
            Some(text) => NaiveTime::parse_from_str(text, "%H:%M")
                .map_err(|_| format!("{key}: `{text}` is not a time of day (write it as \"12:30\")")),
        };
        let date = |key: &str, text: Option<&String>| match text {
            None => Ok(None),
            Some(text) => text
                .parse::<NaiveDate>()
                .map(Some)
                .map_err(|_| format!("{key}: `{text}` is not a date (write it as \"2026-04-01\")")),
        };
        let weekday = |text: &String| {
            text.parse().map_err(|_| format!("weekdays: `{text}` is not a day of the week (write it as \"mon\")"))
        };
        if self.site.is_none() && self.room.is_some() {
            return Err("room: a room needs its site (add site)".to_owned());
        }
        let (first, last) = (date("first", self.first.as_ref())?, date("last", self.last.as_ref())?);
        if let (Some(first), Some(last)) = (first, last)
            && first > last
        {
            return Err(format!("first: {first} is after last, {last} (swap them)"));
        }
        Ok(RoomClosure {
            site: self.site.clone(),
            room: self.room.clone(),
            closure: Closure {
                reason: self.reason,
                from: time("from", self.from.as_ref())?,
                to: time("to", self.to.as_ref())?,
                first,
                last,
                weekdays: self.weekdays.iter().map(weekday).collect::<Result<_, _>>()?,
            },
        })
    }
}

/// `[[changes]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChangeConfig {
    /// The first local date after it.
    pub on: String,
    /// What it was, as it is to stand on the charts.
    pub name: String,
    /// The measure concerned; default: every measure.
    #[serde(default)]
    pub measure: Option<Measure>,
    /// The site concerned; default: the whole trust.
    #[serde(default)]
    pub site: Option<SiteId>,
    /// The room concerned; default: every room of the site.
    #[serde(default)]
    pub room: Option<RoomId>,
}

impl ChangeConfig {
    fn change(&self) -> Result<NamedChange, String> {
        if self.site.is_none() && self.room.is_some() {
            return Err("room: a room needs its site (add site)".to_owned());
        }
        let on =
            self.on.parse().map_err(|_| format!("on: `{}` is not a date (write it as \"2026-04-01\")", self.on))?;
        let (name, measure) = (self.name.clone(), self.measure);
        Ok(NamedChange { on, name, measure, site: self.site.clone(), room: self.room.clone() })
    }
}

/// `[[reporting-targets]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReportingTargetConfig {
    /// For scans on this kind of scanner.
    pub room_kind: RoomKind,
    /// `urgent` or `routine`.
    pub urgency: Urgency,
    /// Days from the scan.
    pub days: u16,
    /// The share to reach, from 0 to 1.
    pub share: f64,
}

/// `[[agents]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AgentConfig {
    /// The agent's site.
    pub site: SiteId,
    /// The agent's id.
    pub id: AgentId,
    /// Its MQTT user, or the common name of its certificate; default: its id.
    #[serde(default)]
    pub user: Option<String>,
}

impl AgentConfig {
    /// Its MQTT user.
    pub fn user(&self) -> &str {
        self.user.as_deref().unwrap_or(self.id.as_str())
    }
}

/// `[[collectors]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OtherCollectorConfig {
    /// Its name in acknowledgement topics.
    pub id: AgentId,
    /// Its MQTT user, or the common name of its certificate; default: its id.
    #[serde(default)]
    pub user: Option<String>,
}

/// A configuration that cannot be used; exit code 2.
#[derive(Debug)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, where, and what to do.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.problem)
    }
}

impl std::error::Error for ConfigError {}

impl GatewayConfig {
    /// Reads and checks the file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(file, &text),
            Err(error) => Err(ConfigError { file: file.to_owned(), problem: format!("cannot be read: {error}") }),
        }
    }

    /// Checks the text of a configuration file.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let problem = |problem: String| ConfigError { file: file.to_owned(), problem };
        let config: Self = toml::from_str(text).map_err(|error| problem(explain_toml_error(text, &error)))?;
        config.check().map_err(problem)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if utilisation::rules::RuleSet::named(&self.rules.name).is_none() {
            return Err(format!(
                "rules.name: there is no rule set `{}` (known: {})",
                self.rules.name,
                utilisation::rules::RuleSet::NAMES.join(", ")
            ));
        }
        self.access.access()?;
        if let Some(days) = self.store.keep_days.filter(|days| *days < LEAST_KEEP_DAYS) {
            return Err(format!(
                "store.keep-days: {days} is too few, agents may send again what is younger (at least {LEAST_KEEP_DAYS}; without it nothing is removed)"
            ));
        }
        for (i, room) in self.rooms.iter().enumerate() {
            if !self.sites.is_empty() && !self.sites.iter().any(|site| site.id == room.site) {
                return Err(format!(
                    "rooms[{i}].site: there is no site `{}` under [[sites]] (add it, or correct the room)",
                    room.site
                ));
            }
            if self.rooms[..i].iter().any(|other| other.site == room.site && other.id == room.id) {
                return Err(format!("rooms[{i}].id: `{}` is listed twice (remove one)", room.id));
            }
        }
        for (i, closure) in self.closures.iter().enumerate() {
            closure.closure().map_err(|problem| format!("closures[{i}].{problem}"))?;
        }
        for (i, change) in self.changes.iter().enumerate() {
            change.change().map_err(|problem| format!("changes[{i}].{problem}"))?;
        }
        for (i, room) in self.occupancy.iter().enumerate() {
            room.rules().map_err(|problem| format!("occupancy[{i}].{problem}"))?;
            if self.occupancy[..i].iter().any(|other| other.site == room.site && other.room == room.room) {
                return Err(format!("occupancy[{i}].room: `{}` is listed twice (remove one)", room.room));
            }
        }
        for target in &self.reporting_targets {
            if !(0.0..=1.0).contains(&target.share) || target.room_kind.is_theatre_like() {
                return Err(format!(
                    "reporting-targets: {} with a share of {} (give a kind of scanner, and a share from 0 to 1)",
                    target.room_kind, target.share
                ));
            }
        }
        if !(0.0..=1.0).contains(&self.scanners.least_observed) {
            return Err(format!(
                "scanners.least-observed: {} is not a share (give a number from 0 to 1)",
                self.scanners.least_observed
            ));
        }
        self.broker.tls()?;
        self.check_users()
    }

    /// One MQTT user is one agent or one collector: with two under one name, each could write what is the other's.
    fn check_users(&self) -> Result<(), String> {
        let mut seen: Vec<(&str, String)> = Vec::new();
        let agents = self.agents.iter().enumerate();
        for (i, agent) in agents {
            if !self.sites.is_empty() && !self.sites.iter().any(|site| site.id == agent.site) {
                return Err(format!(
                    "agents[{i}].site: there is no site `{}` under [[sites]] (add it, or correct the agent)",
                    agent.site
                ));
            }
            if self.agents[..i].iter().any(|other| other.site == agent.site && other.id == agent.id) {
                return Err(format!(
                    "agents[{i}].id: `{}` of site {} is listed twice (remove one)",
                    agent.id, agent.site
                ));
            }
            seen.push((agent.user(), format!("agents[{i}].user")));
        }
        for (i, (id, user)) in self.all_collectors().enumerate() {
            let key = match i.checked_sub(1) {
                None => "broker.username".to_owned(),
                Some(i) => format!("collectors[{i}].user"),
            };
            if i > 0 && self.all_collectors().take(i).any(|(other, _)| other == id) {
                return Err(format!("collectors[{}].id: `{id}` is listed twice (give each collector its own)", i - 1));
            }
            seen.push((user, key));
        }
        for (i, (user, key)) in seen.iter().enumerate() {
            if user.is_empty() || user.trim() != *user || user.chars().any(char::is_control) {
                return Err(format!("{key}: {user:?} is no user name (no space around it, no line break in it)"));
            }
            if let Some((_, other)) = seen[..i].iter().find(|(other, _)| other == user) {
                return Err(format!("{key}: `{user}` is already {other} (give each agent and collector its own user)"));
            }
        }
        Ok(())
    }

    /// The changes that control limits begin anew from.
    pub fn named_changes(&self) -> Vec<NamedChange> {
        // The file was checked: each change can be read.
        self.changes.iter().filter_map(|change| change.change().ok()).collect()
    }

    /// Within which times scans are to be reported, as far as the trust says.
    pub fn reporting_targets(&self) -> Vec<ReportingTarget> {
        let target = |own: &ReportingTargetConfig| ReportingTarget {
            modality: own.room_kind,
            urgency: own.urgency,
            days: own.days,
            share: own.share,
        };
        self.reporting_targets.iter().map(target).collect()
    }

    /// How scanner rooms are measured under these rules.
    pub fn scanner_settings(&self, rules: RuleSet) -> ScannerSettings {
        let scanner = ScannerRules {
            least_observed: self.scanners.least_observed,
            silent_after: Minutes::whole(i64::from(self.scanners.silent_after_minutes)),
            did_not_attend: self.scanners.did_not_attend.clone(),
            phantoms: self.scanners.phantoms.clone(),
            phantom_protocols: self.scanners.phantom_protocols.clone(),
            by_site: self.scanners.by_site,
            ..ScannerRules::default()
        };
        // The file was checked: each closure can be read.
        let closures = self.closures.iter().filter_map(|closure| closure.closure().ok()).collect();
        let targets = Targets::built_in().with(TargetFile { target: self.targets.clone() });
        let mobile = self.rooms.iter().filter(|room| room.mobile).map(|room| (room.site.clone(), room.id.clone()));
        ScannerSettings { rules, scanner, targets, closures, mobile: mobile.collect() }
    }

    /// This collector and the others on its broker, each with its MQTT user.
    pub fn all_collectors(&self) -> impl Iterator<Item = (&AgentId, &str)> {
        let own = (&self.collector.id, self.broker.username.as_deref().unwrap_or(self.collector.id.as_str()));
        let others =
            self.collectors.iter().map(|other| (&other.id, other.user.as_deref().unwrap_or(other.id.as_str())));
        std::iter::once(own).chain(others)
    }

    /// The zone of a site.
    pub fn zone(&self, site: &SiteId) -> chrono_tz::Tz {
        self.sites.iter().find(|s| s.id == *site).map_or_else(default_zone, |s| s.zone)
    }
}

/// Line and key of a TOML error, with the nearest known key where one was misspelt.
fn explain_toml_error(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let mut message = error.message().to_owned();
    if let Some(found) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        if let Some(near) = case_extract::near(found, known.iter().copied(), 1).first() {
            message = format!("unknown key `{found}` (did you mean `{near}`?)");
        } else {
            message = format!("unknown key `{found}` (known here: {})", known.join(", "));
        }
    }
    if message.contains("timezone") {
        message.push_str(" (use an IANA name such as Europe/London)");
    }
    match line {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, text).unwrap();
        let got = match GatewayConfig::load(&file) {
            Ok(_) => "good".to_owned(),
            Err(error) => error.problem,
        };
        assert_eq!(got, expected, "for:\n{text}");
    }

    const GOOD: &str = "trust = \"demo\"\n[store]\ndir = \"/tmp/x\"\n[broker]\nhost = \"localhost\"\n";

    #[test]
    fn a_wrong_configuration_names_line_key_and_remedy() {
        check(GOOD, "good");
        check(
            &GOOD.replace("[broker]", "keep-days = 7\n[broker]"),
            "store.keep-days: 7 is too few, agents may send again what is younger (at least 31; without it nothing is removed)",
        );
        check(&GOOD.replace("[broker]", "keep-days = 800\n[broker]"), "good");
        check(&format!("{GOOD}porrt = 1\n"), "line 6: unknown key `porrt` (did you mean `port`?)");
        check(&GOOD.replace("demo", "De mo"), "line 1: has the character 'D' (use a-z, 0-9 and -)");
        check(
            &format!("{GOOD}[rules]\nname = \"girft\"\n"),
            "rules.name: there is no rule set `girft` (known: girft-2024.1, girft-2024.1-sum, girft-2024.1-duration, girft-2024.1-earliest)",
        );
        check(
            &format!("{GOOD}[[sites]]\nid = \"main\"\n[[rooms]]\nsite = \"mian\"\nid = \"a\"\nkind = \"theatre\"\n"),
            "rooms[0].site: there is no site `mian` under [[sites]] (add it, or correct the room)",
        );
        let sensors = format!("{GOOD}[[occupancy]]\nsite = \"main\"\nroom = \"cath-1\"\n");
        check(&format!("{sensors}pause-minutes = 7.5\n"), "good");
        check(
            &format!("{sensors}door-pause-minutes = 20\n"),
            "occupancy[0].door-pause-minutes: 20.0 is longer than pause-minutes, 10.0 (an open door can only shorten a pause)",
        );
        check(
            &format!("{sensors}[[occupancy]]\nsite = \"main\"\nroom = \"cath-1\"\n"),
            "occupancy[1].room: `cath-1` is listed twice (remove one)",
        );
        check(
            &format!("{GOOD}[access]\nviewing = \"known\"\n"),
            "access.viewing: nobody is known (add access.people-file or [access.proxy])",
        );
        check(
            &format!("{GOOD}[access.proxy]\naddresses = []\n[access.proxy.groups]\nStaff = \"view\"\n"),
            "access.proxy.addresses: is empty (give the address from which the proxy connects)",
        );
        check(
            &format!("{GOOD}[access.proxy]\naddresses = [\"10.0.0.1\"]\n[access.proxy.groups]\nStaff = \"boss\"\n"),
            "line 9: there is no role `boss` (view, correct or admin)",
        );
        check(
            &format!("{GOOD}[[changes]]\non = \"spring\"\nname = \"New template\"\n"),
            "changes[0].on: `spring` is not a date (write it as \"2026-04-01\")",
        );
        check(
            &format!("{GOOD}[[agents]]\nsite = \"main\"\nid = \"a\"\n[[agents]]\nsite = \"east\"\nid = \"a\"\n"),
            "agents[1].user: `a` is already agents[0].user (give each agent and collector its own user)",
        );
        check(
            &format!("{GOOD}[[agents]]\nsite = \"main\"\nid = \"c1\"\n"),
            "broker.username: `c1` is already agents[0].user (give each agent and collector its own user)",
        );
        check(
            &format!("{GOOD}[[agents]]\nsite = \"main\"\nid = \"a\"\nuser = \"a\\ntopic write #\"\n"),
            "agents[0].user: \"a\\ntopic write #\" is no user name (no space around it, no line break in it)",
        );
        check(
            &format!("{GOOD}[[collectors]]\nid = \"c1\"\nuser = \"x\"\n"),
            "collectors[0].id: `c1` is listed twice (give each collector its own)",
        );
        check(
            &format!("{GOOD}[[sites]]\nid = \"main\"\nzone = \"Europe/Londn\"\n"),
            "line 8: failed to parse timezone: 'Europe/Londn' (use an IANA name such as Europe/London)",
        );
    }
}
