//! agent.toml: kebab-case, unknown keys rejected with a suggestion, every key with its default in one list.
//!
//! [`keys`] is the documentation, the text of `touchtime-agent config` and the list that keys are checked against.
//! The feeds' tables are in [`feeds`] and [`gpio`].

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use broker_tls::TlsFiles;
use room_events::topic::AgentAddress;
use room_events::{AgentId, SiteId, TrustId};
use serde::Deserialize;

use self::feeds::{Dicom, Extract, Hl7, Worklist};
use self::gpio::Gpio;

/// Tables whose keys all have defaults.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty = $default:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }
    };
}

pub mod feeds;
pub mod gpio;

/// A key of agent.toml.
#[derive(Debug)]
pub struct Key {
    /// Table and name.
    pub path: &'static str,
    /// Its default as TOML; empty: the key must be given; `-`: absent.
    pub default: &'static str,
    /// An example as TOML, where the default is none.
    pub example: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn key(path: &'static str, default: &'static str, example: &'static str, meaning: &'static str) -> Key {
    Key { path, default, example, meaning }
}

/// The keys that are not of a feed.
const KEYS: &[Key] = &[
    key("trust", "", "\"north\"", "The trust; 1 to 32 of a-z, 0-9 and -."),
    key("site", "", "\"main\"", "The agent's site."),
    key("agent", "", "\"th-1\"", "The agent: one outbox, one MQTT user."),
    key("data-dir", "", "\"/var/lib/touchtime-agent\"", "Where the outbox, its ballast and the status file are kept."),
    key("broker.host", "", "\"broker.example\"", "The MQTT 5 broker's host name or address."),
    key("broker.port", "1883", "", "Its port."),
    key("broker.username", "-", "\"th-1\"", "The MQTT user; absent: none."),
    key(
        "broker.password-file",
        "-",
        "\"/etc/touchtime/mqtt-password\"",
        "File that holds the password, alone on its first line; read anew at each connection.",
    ),
    key(
        "broker.ca-file",
        "-",
        "\"/etc/touchtime/ca.pem\"",
        "The authority that issued the broker's certificate; given: TLS (set broker.port too, to 8883); absent: none.",
    ),
    key(
        "broker.certificate-file",
        "-",
        "\"/etc/touchtime/th-1.pem\"",
        "The agent's certificate, for a broker that asks for one; its common name is the MQTT user.",
    ),
    key("broker.key-file", "-", "\"/etc/touchtime/th-1.key\"", "Its key; needed with broker.certificate-file."),
    key(
        "broker.crl-file",
        "-",
        "\"/etc/touchtime/revoked.crl\"",
        "The authority's list of revoked certificates: such a broker is not talked to.",
    ),
    key("broker.keep-alive-seconds", "15", "", "A dead connection is noticed within one and a half of these."),
    key(
        "collectors.required",
        "",
        "[\"primary\"]",
        "Collectors that must have an event before it may be deleted; 1 to 4.",
    ),
    key(
        "collectors.also",
        "[]",
        "",
        "Collectors that get events as long as they are held, without holding anything back; up to 4.",
    ),
    key(
        "outbox.max-mib",
        "512",
        "",
        "The most that the outbox holds, in MiB of events; `check` says for how long it suffices.",
    ),
    key(
        "outbox.keep-acknowledged-days",
        "7",
        "",
        "How long acknowledged events are kept, for a collector that is restored from a backup.",
    ),
    key("sending.window-batches", "16", "", "Batches of 64 events under way to one collector."),
    key("sending.resend-after-seconds", "30", "", "Wait for an acknowledgement before sending again."),
    key("sending.resend-at-most-seconds", "600", "", "The longest wait, after doubling."),
    key(
        "tokens.key-file",
        "-",
        "\"/etc/touchtime/token-key.toml\"",
        "The trust's token key; needed by feeds that read case numbers (see `touchtime-agent key`).",
    ),
    key(
        "clock.synchronised-file",
        "-",
        "\"/run/time-service/synchronised\"",
        "Exists while the clock is synchronised; only for a time service that does not tell the kernel (chrony, ntpd and systemd-timesyncd do).",
    ),
    key("alive.every-seconds", "300", "", "How often a feed says that it is alive."),
];

/// All keys, tables together.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().chain(feeds::KEYS).chain(gpio::KEYS)
}

/// Why there is no configuration; names file, key and remedy.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ConfigError {
    file: String,
    problem: String,
}

/// The agent's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The trust.
    pub trust: TrustId,
    /// The site.
    pub site: SiteId,
    /// The agent.
    pub agent: AgentId,
    /// Where the outbox is kept.
    pub data_dir: PathBuf,
    /// The broker.
    pub broker: Broker,
    /// Who must have the events.
    pub collectors: Collectors,
    /// The outbox.
    #[serde(default)]
    pub outbox: OutboxLimits,
    /// Sending and resending.
    #[serde(default)]
    pub sending: Sending,
    /// Tokens.
    #[serde(default)]
    pub tokens: Tokens,
    /// The clock.
    #[serde(default)]
    pub clock: ClockSettings,
    /// Signs of life.
    #[serde(default)]
    pub alive: AliveSettings,
    /// The extract feed.
    #[serde(default)]
    pub extract: Extract,
    /// The DICOM feed.
    #[serde(default)]
    pub dicom: Dicom,
    /// The worklist feed.
    #[serde(default)]
    pub worklist: Worklist,
    /// The HL7 feed.
    #[serde(default)]
    pub hl7: Hl7,
    /// The GPIO feed.
    #[serde(default)]
    pub gpio: Gpio,
}

/// `[broker]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// Port.
    #[serde(default = "Broker::default_port")]
    pub port: u16,
    /// MQTT user.
    #[serde(default)]
    pub username: Option<String>,
    /// Where the password is.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Authority of the broker's certificate.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The agent's certificate.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// The certificate's key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Revoked certificates.
    #[serde(default)]
    pub crl_file: Option<PathBuf>,
    /// Keep-alive.
    #[serde(default = "Broker::default_keep_alive")]
    pub keep_alive_seconds: u16,
}

impl Broker {
    /// The files of TLS, if it is asked for; the error says which key is missing.
    pub fn tls(&self) -> Result<Option<TlsFiles>, String> {
        TlsFiles::from_keys(
            self.ca_file.as_deref(),
            self.certificate_file.as_deref(),
            self.key_file.as_deref(),
            self.crl_file.as_deref(),
        )
    }

    fn default_port() -> u16 {
        1883
    }

    fn default_keep_alive() -> u16 {
        15
    }
}

/// `[collectors]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Collectors {
    /// Those that must have an event before it may be deleted.
    pub required: Vec<AgentId>,
    /// Those that get events too, as long as they are held.
    #[serde(default)]
    pub also: Vec<AgentId>,
}

impl Collectors {
    /// All of them, the required ones first.
    pub fn all(&self) -> impl Iterator<Item = &AgentId> {
        self.required.iter().chain(&self.also)
    }
}

table!(
    /// `[outbox]`
    OutboxLimits {
        /// The most that it holds.
        max_mib: u64 = 512,
        /// How long acknowledged events are kept.
        keep_acknowledged_days: u32 = 7,
    }
);
table!(
    /// `[sending]`
    Sending {
        /// Batches under way.
        window_batches: u16 = 16,
        /// Wait before sending again.
        resend_after_seconds: u32 = 30,
        /// The longest wait.
        resend_at_most_seconds: u32 = 600,
    }
);
table!(
    /// `[tokens]`
    Tokens {
        /// The trust's token key.
        key_file: Option<PathBuf> = None,
    }
);
table!(
    /// `[clock]`
    ClockSettings {
        /// Exists while the clock is synchronised, where the time service does not tell the kernel.
        synchronised_file: Option<PathBuf> = None,
    }
);
table!(
    /// `[alive]`
    AliveSettings {
        /// How often a feed says that it is alive.
        every_seconds: u32 = 300,
    }
);
impl Config {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text),
            Err(error) => Err(ConfigError {
                file,
                problem: format!("cannot be read: {error} (print a model with `touchtime-agent config`)"),
            }),
        }
    }

    /// Checks the text of a configuration file called `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let fail = |problem: String| ConfigError { file: file.to_owned(), problem };
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| fail(at_line(text, &error)))?;
        check_keys(&table).map_err(fail)?;
        let config: Self = toml::from_str(text).map_err(|error| fail(at_line(text, &error)))?;
        config.check().map_err(fail)?;
        Ok(config)
    }

    /// The agent as topics know it.
    pub fn address(&self) -> AgentAddress {
        AgentAddress { trust: self.trust.clone(), site: self.site.clone(), agent: self.agent.clone() }
    }

    fn check(&self) -> Result<(), String> {
        let required = &self.collectors.required;
        if required.is_empty() || required.len() > delivery::sender::MAX_COLLECTORS {
            return Err(format!("`collectors.required` names {} collectors (name 1 to 4)", required.len()));
        }
        let also = self.collectors.also.len();
        if also > delivery::sender::MAX_COLLECTORS {
            return Err(format!("`collectors.also` names {also} collectors (name at most 4)"));
        }
        if let Some(twice) =
            self.collectors.all().enumerate().find(|(n, id)| self.collectors.all().take(*n).any(|o| o == *id))
        {
            return Err(format!("`collectors` names {} twice (remove one)", twice.1));
        }
        check_ranges(&[
            ("outbox.max-mib", self.outbox.max_mib, 1..=1 << 20),
            ("sending.window-batches", self.sending.window_batches.into(), 1..=1000),
            ("sending.resend-after-seconds", self.sending.resend_after_seconds.into(), 1..=86_400),
            ("sending.resend-at-most-seconds", self.sending.resend_at_most_seconds.into(), 1..=86_400),
            ("broker.keep-alive-seconds", self.broker.keep_alive_seconds.into(), 5..=3600),
            ("alive.every-seconds", self.alive.every_seconds.into(), 10..=3600),
        ])?;
        self.broker.tls()?;
        let has_token_key = self.tokens.key_file.is_some();
        self.extract.check(has_token_key)?;
        self.dicom.check(has_token_key)?;
        self.worklist.check(has_token_key, &self.dicom.scanners)?;
        self.hl7.check(has_token_key)?;
        self.gpio.check()?;
        Ok(())
    }
}

/// Whether each number is one that its key may have.
fn check_ranges(numbers: &[(&str, u64, RangeInclusive<u64>)]) -> Result<(), String> {
    match numbers.iter().find(|(_, number, range)| !range.contains(number)) {
        Some((path, number, range)) => Err(format!("`{path}` is {number} (give {} to {})", range.start(), range.end())),
        None => Ok(()),
    }
}

/// A model agent.toml: every key, its meaning and its default.
pub fn model() -> String {
    let mut text = String::from("# agent.toml: keys that are commented out have the value shown.\n");
    let mut table = "";
    for key in keys() {
        let (in_table, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if in_table != table {
            text += &format!("\n[{in_table}]\n");
            table = in_table;
        }
        text += &format!("# {}\n", key.meaning);
        text += &match key.default {
            "" => format!("{name} = {}\n", key.example),
            "-" => format!("#{name} = {}   # absent by default\n", key.example),
            default => format!("#{name} = {default}\n"),
        };
    }
    text
}

fn check_keys(table: &toml::Table) -> Result<(), String> {
    for (name, value) in table {
        match value {
            toml::Value::Table(inner)
                if keys().any(|k| k.path.split('.').next() == Some(name) && k.path.contains('.')) =>
            {
                for inner_name in inner.keys() {
                    check_key(&format!("{name}.{inner_name}"))?;
                }
            }
            toml::Value::Table(_)
            | toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_)
            | toml::Value::Array(_) => check_key(name)?,
        }
    }
    for key in keys().filter(|key| key.default.is_empty()) {
        let mut value = Some(table);
        let (in_table, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if !in_table.is_empty() {
            value = table.get(in_table).and_then(toml::Value::as_table);
        }
        if value.is_none_or(|table| !table.contains_key(name)) {
            return Err(format!("key `{}` is missing: {} (for example {})", key.path, key.meaning, key.example));
        }
    }
    Ok(())
}

fn check_key(path: &str) -> Result<(), String> {
    // A table's name alone is a key of the wrong type, which the decoder explains better.
    if keys().any(|key| key.path == path || key.path.split('.').next() == Some(path)) {
        return Ok(());
    }
    let known = keys().flat_map(|key| [key.path, key.path.split('.').next().unwrap_or(key.path)]);
    let nearest = known.min_by_key(|known| distance(known, path));
    match nearest.filter(|known| distance(known, path) <= 3 + path.len() / 4) {
        Some(known) => Err(format!("key `{path}` is not known (did you mean `{known}`?)")),
        None => Err(format!("key `{path}` is not known (`touchtime-agent config` prints all keys)")),
    }
}

/// How many letters must be added, removed or changed.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            left = (corner + usize::from(x != y)).min(left + 1).min(*cell + 1);
            corner = std::mem::replace(cell, left);
        }
    }
    row.last().copied().unwrap_or(0)
}

fn at_line(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(start).filter(|&b| b == b'\n').count();
    format!("line {line}: {}", error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "trust = 'north'\nsite = 'main'\nagent = 'th-1'\ndata-dir = '/x'\n\
        [broker]\nhost = 'b'\n[collectors]\nrequired = ['primary']\n";

    #[test]
    fn the_model_is_valid_and_its_defaults_are_the_real_ones() {
        let model = model();
        let plain = Config::parse("agent.toml", &model).unwrap();
        // With every comment sign before a key removed, all defaults are spelt out.
        let spelt_out: String = model
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .filter(|line| !line.ends_with("# absent by default"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let spelt_out = Config::parse("agent.toml", &spelt_out).unwrap();
        assert_eq!(format!("{:?}", spelt_out.outbox), format!("{:?}", plain.outbox));
        assert_eq!(format!("{:?}", spelt_out.sending), format!("{:?}", plain.sending));
        assert_eq!(format!("{:?}", spelt_out.broker), format!("{:?}", plain.broker));
        assert_eq!(format!("{:?}", spelt_out.clock), format!("{:?}", plain.clock));
        assert_eq!(format!("{:?}", spelt_out.alive), format!("{:?}", plain.alive));
        assert_eq!(spelt_out.extract.source, plain.extract.source);
    }

    #[test]
    fn an_error_names_file_key_and_remedy() {
        for (text, part) in [
            (
                format!("{LEAST}[outbox]\nmax-mb = 5\n"),
                "agent.toml: key `outbox.max-mb` is not known (did you mean `outbox.max-mib`?)",
            ),
            (format!("{LEAST}[brokers]\nhost = 'b'\n"), "did you mean `broker`?"),
            (LEAST.replace("agent = 'th-1'", ""), "key `agent` is missing"),
            (LEAST.replace("host = 'b'", ""), "key `broker.host` is missing"),
            (LEAST.replace("'th-1'", "'TH 1'"), "agent.toml: line 3: has the character 'T' (use a-z, 0-9 and -)"),
            (format!("{LEAST}also = ['a', 'primary']\n"), "`collectors` names primary twice (remove one)"),
            (
                format!("{LEAST}also = ['a', 'b', 'c', 'd', 'e']\n"),
                "`collectors.also` names 5 collectors (name at most 4)",
            ),
            (LEAST.replace("['primary']", "[]"), "`collectors.required` names 0 collectors (name 1 to 4)"),
            (format!("{LEAST}[outbox]\nmax-mib = 0\n"), "`outbox.max-mib` is 0 (give 1 to 1048576)"),
            (
                LEAST.replace("host = 'b'", "host = 'b'\ncertificate-file = '/x'"),
                "`broker.certificate-file` is given without `broker.key-file`",
            ),
            (
                LEAST.replace("host = 'b'", "host = 'b'\ncrl-file = '/x'"),
                "`broker.crl-file` is given without `broker.ca-file`",
            ),
            (format!("{LEAST}[extract]\nfolder = '/x'\n"), "without `extract.mapping`"),
            (format!("{LEAST}[dicom]\nlisten = '127.0.0.1:1'\n"), "without `dicom.scanners`"),
            (format!("{LEAST}[hl7]\nlisten = '127.0.0.1:1'\n"), "without `hl7.mappings`"),
            (
                format!("{LEAST}[dicom]\nscanners = [{{ calling = 'MR1 ', room = 'mri-1' }}]\n"),
                "\"MR1 \" is not an AE title",
            ),
            (format!("{LEAST}[worklist]\naddress = 'ris'\n"), "`worklist.address` \"ris\" has no port"),
            (format!("{LEAST}[worklist]\naddress = 'ris:104'\n"), "without `dicom.scanners`"),
            (
                format!("{LEAST}[gpio]\nlines = [{{ offset = 1, meaning = 'door', active = 'high' }}]\n"),
                "`gpio.lines` is given without `gpio.room`",
            ),
            (
                format!("{LEAST}[gpio]\nroom = 'th-1'\nlines = [{{ offset = 1, meaning = 'dor', active = 'high' }}]\n"),
                "\"dor\" is no meaning of a line",
            ),
            (
                format!(
                    "{LEAST}[gpio]\nlight = 1\nroom = 'th-1'\nlines = [{{ offset = 1, meaning = 'door', active = 'high' }}]\n"
                ),
                "`gpio` uses line 1 twice",
            ),
            (
                format!(
                    "{LEAST}[gpio]\nroom = 'th-1'\n[[gpio.lines]]\noffset = 1\nmeaning = 'into_theatre'\nactive = 'low'\nlongest-active-seconds = 2\n"
                ),
                "longest-active-seconds of into-theatre leaves no room for a long press",
            ),
            (LEAST.replace("[broker]", "[broker"), "agent.toml: line 5"),
        ] {
            let error = Config::parse("agent.toml", &text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(Config::parse("agent.toml", LEAST).is_ok());
    }
}
