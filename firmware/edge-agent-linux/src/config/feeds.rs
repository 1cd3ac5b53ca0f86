//! The tables of agent.toml that belong to feeds: where each takes its messages from, and what it may be sent.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use broker_tls::{ListenerFiles, ListenerKeys};
use chrono_tz::Tz;
use room_events::{RoomId, SourceId};
use serde::Deserialize;

use super::{Key, check_ranges, key};

/// The feeds' keys, tables together.
pub(super) const KEYS: &[Key] = &[
    key(
        "extract.folder",
        "-",
        "\"/srv/extracts\"",
        "Watched for extract files; each is reported once, none is moved or changed.",
    ),
    key(
        "extract.mapping",
        "-",
        "\"/etc/touchtime/mapping.toml\"",
        "How the extract's columns are read; needed with extract.folder.",
    ),
    key("extract.poll-seconds", "5", "", "How often the folder is looked at."),
    key("extract.source", "\"theatre-system\"", "", "The name of the source in events."),
    key("dicom.listen", "-", "\"0.0.0.0:11112\"", "Where scanners send their performed steps; absent: nowhere."),
    key("dicom.ae-title", "\"TOUCHTIME\"", "", "The AE title that they call."),
    key(
        "dicom.scanners",
        "[]",
        "",
        "Who may call, and the room of its steps: { calling = \"MR1\", room = \"mri-1\" }; for a forwarder one entry per station, { calling = \"RIS\", station = \"CT1\", room = \"ct-1\" }. Others are refused.",
    ),
    key(
        "dicom.certificate-file",
        "-",
        "\"/etc/touchtime/dicom.pem\"",
        "The certificate that is shown to scanners, with those between it and its authority: they must speak TLS then. Read anew for each association.",
    ),
    key("dicom.key-file", "-", "\"/etc/touchtime/dicom.key\"", "Its private key, PEM without a pass phrase."),
    key(
        "dicom.ca-file",
        "-",
        "\"/etc/touchtime/scanners-ca.pem\"",
        "The authority of the scanners' certificates: who shows none of it is refused; absent: none is asked for.",
    ),
    key("dicom.crl-file", "-", "\"/etc/touchtime/scanners.crl\"", "Its list of revoked certificates."),
    key("dicom.zone", "\"Europe/London\"", "", "The zone of times that come without an offset."),
    key("dicom.idle-seconds", "60", "", "An association on which nothing comes is ended."),
    key("dicom.max-associations", "32", "", "Associations at once; more are told to come later."),
    key("dicom.max-message-kib", "1024", "", "The most of one message."),
    key(
        "dicom.clock-limit-seconds",
        "120",
        "",
        "A scanner's clock that is wrong by more is told in the log and by `check`.",
    ),
    key("dicom.source", "\"scanners\"", "", "The name of the source in events."),
    key(
        "worklist.address",
        "-",
        "\"ris.example:104\"",
        "The worklist that is asked for what is booked on dicom.scanners, host and port; absent: none.",
    ),
    key("worklist.called", "\"WORKLIST\"", "", "Its AE title."),
    key("worklist.calling", "\"TOUCHTIME\"", "", "The AE title that the agent gives itself there."),
    key("worklist.days-ahead", "1", "", "Today and so many days after it are asked for."),
    key("worklist.every-seconds", "300", "", "How often it is asked."),
    key("worklist.retry-at-most-seconds", "3600", "", "The longest wait after failures, each of which doubles it."),
    key("worklist.source", "\"worklist\"", "", "The name of the source in events."),
    key("hl7.listen", "-", "\"0.0.0.0:2575\"", "Where hospital systems send HL7 v2 messages by MLLP; absent: nowhere."),
    key(
        "hl7.mappings",
        "[]",
        "",
        "How messages are read: one file per sending system, the first that is for the message's sender counts.",
    ),
    key("hl7.senders", "[]", "", "The addresses that may connect; none named: all."),
    key("hl7.idle-seconds", "3600", "", "A connection on which nothing comes is closed."),
    key("hl7.max-connections", "32", "", "Connections at once; more are closed."),
    key("hl7.max-message-kib", "1024", "", "The most of one message."),
];

table!(
    /// `[extract]`
    Extract {
        /// The watched folder.
        folder: Option<PathBuf> = None,
        /// How columns are read.
        mapping: Option<PathBuf> = None,
        /// How often the folder is looked at.
        poll_seconds: u32 = 5,
        /// The source's name.
        source: String = "theatre-system".to_owned(),
    }
);

table!(
    /// `[dicom]`
    Dicom {
        /// Where to listen.
        listen: Option<SocketAddr> = None,
        /// The AE title that is called.
        ae_title: String = "TOUCHTIME".to_owned(),
        /// Who may call.
        scanners: Vec<Scanner> = Vec::new(),
        /// The certificate that is shown; with one, TLS is spoken.
        certificate_file: Option<PathBuf> = None,
        /// Its key.
        key_file: Option<PathBuf> = None,
        /// The authority of the callers' certificates.
        ca_file: Option<PathBuf> = None,
        /// Its list of revoked ones.
        crl_file: Option<PathBuf> = None,
        /// The zone of times without offset.
        zone: Tz = Tz::Europe__London,
        /// How long an association may be silent.
        idle_seconds: u16 = 60,
        /// Associations at once.
        max_associations: u16 = 32,
        /// The most of one message.
        max_message_kib: u16 = 1024,
        /// A clock that is wrong by more is told.
        clock_limit_seconds: u16 = 120,
        /// The source's name.
        source: String = "scanners".to_owned(),
    }
);

table!(
    /// `[worklist]`
    Worklist {
        /// Where it is asked.
        address: Option<String> = None,
        /// Its AE title.
        called: String = "WORKLIST".to_owned(),
        /// The agent's own AE title there.
        calling: String = "TOUCHTIME".to_owned(),
        /// How far ahead is asked.
        days_ahead: u16 = 1,
        /// How often.
        every_seconds: u32 = 300,
        /// The longest wait after failures.
        retry_at_most_seconds: u32 = 3600,
        /// The source's name.
        source: String = "worklist".to_owned(),
    }
);

table!(
    /// `[hl7]`
    Hl7 {
        /// Where to listen.
        listen: Option<SocketAddr> = None,
        /// How messages are read.
        mappings: Vec<PathBuf> = Vec::new(),
        /// Who may connect.
        senders: Vec<IpAddr> = Vec::new(),
        /// How long a connection may be silent.
        idle_seconds: u32 = 3600,
        /// Connections at once.
        max_connections: u16 = 32,
        /// The most of one message.
        max_message_kib: u16 = 1024,
    }
);

/// An entry of `dicom.scanners`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scanner {
    /// The calling AE title.
    pub calling: String,
    /// The performed station AE title; absent: every station that this caller sends for.
    #[serde(default)]
    pub station: Option<String>,
    /// The room.
    pub room: RoomId,
}

impl Extract {
    pub(super) fn check(&self, has_token_key: bool) -> Result<(), String> {
        check_ranges(&[("extract.poll-seconds", self.poll_seconds.into(), 1..=3600)])?;
        check_source("extract.source", &self.source)?;
        if self.folder.is_some() && self.mapping.is_none() {
            return Err("`extract.folder` is given without `extract.mapping` (name the mapping file)".to_owned());
        }
        if self.folder.is_some() { check_token_key("extract.folder", has_token_key) } else { Ok(()) }
    }
}

impl Dicom {
    /// The files of TLS, if it is asked for; the error says which key is missing.
    pub fn tls(&self) -> Result<Option<ListenerFiles>, String> {
        const KEYS: ListenerKeys = ListenerKeys {
            certificate: "dicom.certificate-file",
            key: "dicom.key-file",
            ca: "dicom.ca-file",
            crl: "dicom.crl-file",
        };
        ListenerFiles::from_keys(
            KEYS,
            self.certificate_file.as_deref(),
            self.key_file.as_deref(),
            self.ca_file.as_deref(),
            self.crl_file.as_deref(),
        )
    }

    pub(super) fn check(&self, has_token_key: bool) -> Result<(), String> {
        check_ranges(&[
            ("dicom.idle-seconds", self.idle_seconds.into(), 1..=3600),
            ("dicom.max-associations", self.max_associations.into(), 1..=1000),
            ("dicom.clock-limit-seconds", self.clock_limit_seconds.into(), 1..=3600),
            ("dicom.max-message-kib", self.max_message_kib.into(), 16..=16_384),
        ])?;
        check_source("dicom.source", &self.source)?;
        self.tls()?;
        let titles = self.scanners.iter().flat_map(|scanner| [Some(&scanner.calling), scanner.station.as_ref()]);
        for title in titles.flatten().chain([&self.ae_title]) {
            check_title("dicom", title)?;
        }
        for (n, scanner) in self.scanners.iter().enumerate() {
            let is_same = |other: &Scanner| other.calling == scanner.calling && other.station == scanner.station;
            if self.scanners.iter().take(n).any(is_same) {
                return Err(format!(
                    "`dicom.scanners` names {} twice with the same station (remove one)",
                    scanner.calling
                ));
            }
        }
        if self.listen.is_some() && self.scanners.is_empty() {
            return Err("`dicom.listen` is given without `dicom.scanners` (name who may call, and the room)".to_owned());
        }
        if self.listen.is_some() {
            check_token_key("dicom.listen", has_token_key)?;
        }
        if self.listen.is_some() && !cfg!(feature = "dicom") {
            return Err("`dicom.listen` is given, and this agent was built without DICOM".to_owned());
        }
        Ok(())
    }
}

impl Worklist {
    pub(super) fn check(&self, has_token_key: bool, scanners: &[Scanner]) -> Result<(), String> {
        check_ranges(&[
            ("worklist.days-ahead", self.days_ahead.into(), 0..=60),
            ("worklist.every-seconds", self.every_seconds.into(), 1..=86_400),
            ("worklist.retry-at-most-seconds", self.retry_at_most_seconds.into(), 1..=86_400),
        ])?;
        check_source("worklist.source", &self.source)?;
        check_title("worklist.called", &self.called)?;
        check_title("worklist.calling", &self.calling)?;
        let Some(address) = &self.address else { return Ok(()) };
        let port =
            address.rsplit_once(':').and_then(|(host, port)| port.parse::<u16>().ok().filter(|_| !host.is_empty()));
        if port.is_none() {
            return Err(format!(
                "`worklist.address` {address:?} has no port (give host:port, such as \"ris.example:104\")"
            ));
        }
        if scanners.is_empty() {
            return Err(
                "`worklist.address` is given without `dicom.scanners` (name the stations, and their rooms)".to_owned()
            );
        }
        if !cfg!(feature = "dicom") {
            return Err("`worklist.address` is given, and this agent was built without DICOM".to_owned());
        }
        check_token_key("worklist.address", has_token_key)
    }
}

fn check_title(path: &str, title: &str) -> Result<(), String> {
    let is_title = (1..=16).contains(&title.len()) && title.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\');
    if is_title && title.trim() == title {
        return Ok(());
    }
    Err(format!("`{path}`: {title:?} is not an AE title (1 to 16 characters of ASCII, none around it)"))
}

impl Hl7 {
    pub(super) fn check(&self, has_token_key: bool) -> Result<(), String> {
        check_ranges(&[
            ("hl7.idle-seconds", self.idle_seconds.into(), 1..=604_800),
            ("hl7.max-connections", self.max_connections.into(), 1..=1000),
            ("hl7.max-message-kib", self.max_message_kib.into(), 4..=16_384),
        ])?;
        if self.listen.is_none() {
            return Ok(());
        }
        if self.mappings.is_empty() {
            return Err(
                "`hl7.listen` is given without `hl7.mappings` (name a mapping file per sending system)".to_owned()
            );
        }
        if !cfg!(feature = "hl7") {
            return Err("`hl7.listen` is given, and this agent was built without HL7".to_owned());
        }
        check_token_key("hl7.listen", has_token_key)
    }
}

pub(super) fn check_source(path: &str, name: &str) -> Result<(), String> {
    SourceId::new(name).map(drop).map_err(|error| format!("`{path}` {error}"))
}

/// Feeds read numbers that only leave as tokens.
fn check_token_key(path: &str, is_given: bool) -> Result<(), String> {
    if is_given {
        return Ok(());
    }
    Err(format!("`{path}` is given without `tokens.key-file` (make one with `touchtime-agent key`)"))
}
