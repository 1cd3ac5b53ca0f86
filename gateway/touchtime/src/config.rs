//! `gateway.toml`: what a collector and its board need to know. Unknown keys are refused with the nearest known one.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use room_events::{AgentId, RoomId, RoomKind, SiteId, SourceId, TrustId};
use serde::Deserialize;

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
    /// The measures.
    #[serde(default)]
    pub rules: RulesConfig,
    /// The trust's sites; a site that is not listed uses the default zone.
    #[serde(default)]
    pub sites: Vec<SiteConfig>,
    /// The trust's rooms; a room that is not listed is what its plan says, else a theatre.
    #[serde(default)]
    pub rooms: Vec<RoomConfig>,
}

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StoreConfig {
    /// Folder of the database; made if it is not there.
    pub dir: PathBuf,
}

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
        Ok(())
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
        check(
            &format!("{GOOD}[[sites]]\nid = \"main\"\nzone = \"Europe/Londn\"\n"),
            "line 8: failed to parse timezone: 'Europe/Londn' (use an IANA name such as Europe/London)",
        );
    }
}
