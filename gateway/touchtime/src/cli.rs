//! The command line: what can be typed, and which module does it.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::RoleName;

const AFTER_HELP: &str = "\
First minute:
  touchtime demo                              play two months of theatre cases, board at http://127.0.0.1:8080
  touchtime report rooms --store touchtime-demo
  touchtime explain main.suite-2.2022-02-11.0700 --store touchtime-demo

Exit code: 0 good, 1 something failed, 2 the command or a configuration is wrong.";

/// Capped theatre utilisation, cases per list and scans per hour, right to the minute.
#[derive(Debug, Parser)]
#[command(name = "touchtime", version, about, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play an extract through real agents, a broker and a collector, with the live board.
    Demo(DemoArgs),
    /// Run the collector and the board.
    Run(RunArgs),
    /// Print measures by list, room, site, specialty, week, ...
    Report(ReportArgs),
    /// Show every minute of one list: intervals, clipping, sums, exclusions, sources.
    Explain(ExplainArgs),
    /// Say how good the board's forecasts of a list's finish are, on lists that they were not fitted on.
    Forecast(ForecastArgs),
    /// Write a day or a month as one HTML file, to print or to send.
    #[command(subcommand)]
    Pack(Pack),
    /// Write all events or all session results to a file.
    Export(ExportArgs),
    /// Read plans or exported events into a store.
    Import(ImportArgs),
    /// Check a configuration and what it points to.
    Check(CheckArgs),
    /// Show what could not become part of the figures, and try it again.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// See what is exported to InfluxDB, export it again, see what was refused.
    #[command(subcommand)]
    Influx(Influx),
    /// Say, or change, whether this collector is the one that writes the rooms' summaries to MQTT.
    Primary(PrimaryArgs),
    /// Copy a store to a file while its collector runs.
    Backup(BackupArgs),
    /// Put a backup in the place of a store whose collector is stopped.
    Restore(BackupArgs),
    /// Bring a store that an earlier version wrote up to date.
    Upgrade(UpgradeArgs),
    /// Write the broker's access rules for the agents and collectors of a configuration.
    AccessFile(AccessFileArgs),
    /// Make a token with which a person signs in to the pages, and the entry for the people file.
    AccessToken(AccessTokenArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// One process of the demo.
    #[command(hide = true, subcommand)]
    Role(Role),
}

/// `touchtime influx`
#[derive(Debug, Subcommand)]
pub enum Influx {
    /// How far the exporter has come.
    Status {
        /// Folder of the store.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
    },
    /// Send results again, after an InfluxDB was emptied or put back from a backup; the running collector does it.
    Resend {
        /// Folder of the store.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// Only from this local date on.
        #[arg(long, value_name = "DATE")]
        from: Option<NaiveDate>,
    },
    /// Show the points that InfluxDB refused, with its reasons.
    DeadLetters {
        /// Folder of the store.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// Forget them afterwards.
        #[arg(long)]
        clear: bool,
    },
}

/// The processes that `demo` starts.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// The embedded broker, on loopback only.
    Broker {
        /// Port on 127.0.0.1.
        #[arg(long)]
        port: u16,
    },
    /// An agent: everything after `agent` is the agent's own command line.
    Agent {
        /// Arguments of touchtime-agent.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Simulated scanners, which call an agent's DICOM listener.
    Scanners(crate::demo::scanners::ScannersArgs),
    /// The collector with its board.
    Collector(RunArgs),
}

/// `touchtime demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Extract to play; default: the bundled theatre cases.
    #[arg(long, requires = "mapping", value_name = "FILE")]
    pub cases: Option<PathBuf>,
    /// Mapping of the extract.
    #[arg(long, requires = "cases", value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// How many times faster than life, or `max`. Nights and days without a list are skipped.
    #[arg(long, default_value = "1200", value_name = "N|max")]
    pub speed: Speed,
    /// Send everything before this local date at full speed, then play.
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Folder for the store, the outboxes and the logs; it must be empty or hold an earlier demo, which is replaced.
    #[arg(long, default_value = "touchtime-demo", value_name = "DIR")]
    pub store: PathBuf,
    /// Address of the board.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    pub http: SocketAddr,
    /// Use this MQTT broker instead of the embedded one.
    #[arg(long, value_name = "HOST:PORT")]
    pub broker: Option<String>,
    /// Stop when every event has arrived, instead of keeping the board up.
    #[arg(long)]
    pub exit_when_done: bool,
}

/// Speed of a played extract.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times faster than life.
    Times(f64),
    /// As fast as the machine can.
    Max,
}

impl std::str::FromStr for Speed {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(n) if n.is_finite() && n > 0.0 => Ok(Self::Times(n)),
            Ok(_) | Err(_) => Err(format!("`{text}` is neither a number above 0 nor `max`")),
        }
    }
}

/// `touchtime run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Time of a played extract instead of the machine's.
    #[arg(long, hide = true, value_name = "FILE")]
    pub clock: Option<PathBuf>,
}

/// Where figures come from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false, id = "input")]
pub struct Input {
    /// Folder of a collector's store.
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Extract of a theatre system; needs --mapping.
    #[arg(long, value_name = "FILE", requires = "mapping")]
    pub cases: Option<PathBuf>,
}

/// `touchtime report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// One row for each of these.
    pub by: ReportBy,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub input: Input,
    /// Mapping of the extract.
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Planned sessions, where the mapping says that they are in a file of their own.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// First local date.
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Last local date.
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,
    /// First local date after a change (new software, another slot template); for `scanner-change` and `scanner-weeks`.
    #[arg(long, value_name = "DATE")]
    pub on: Option<NaiveDate>,
    /// Rule set.
    #[arg(long, default_value = utilisation::rules::DEFAULT_RULES, value_name = "NAME")]
    pub rules: String,
    /// Configuration of the collector, for the scanners' calendar and targets; default: the published targets, no calendar.
    #[arg(long, value_name = "FILE", requires = "store")]
    pub config: Option<PathBuf>,
    /// Form of the output; all but the table carry unrounded values.
    #[arg(long, default_value = "table")]
    pub format: ReportFormat,
    /// For publishing: hide numbers of patients below this, round the others to 5, and hide what would give them away;
    /// the rule of NHS England for Hospital Episode Statistics is 8.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=1000))]
    pub suppress_below: Option<u64>,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Groupings of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportBy {
    /// Each list.
    Sessions,
    /// Each room.
    Rooms,
    /// Each site.
    Sites,
    /// Each trust.
    Trusts,
    /// Everything.
    System,
    /// Each specialty.
    Specialties,
    /// Each team.
    Teams,
    /// Each ISO week.
    Weeks,
    /// Each month.
    Months,
    /// Coming lists without a booking or with room for whole cases.
    SpareCapacity,
    /// Each scanner room.
    Scanners,
    /// Each scanner session.
    ScannerSessions,
    /// Each hour (UTC) of a scanner room in which an exam ended.
    ScannerHours,
    /// Each month of a scanner room.
    ScannerMonths,
    /// Each week of a scanner room, with control limits.
    ScannerWeeks,
    /// What a change did to each scanner room's exams per hour (with `--on`).
    ScannerChange,
    /// Scanner exams by whose patients, booked or walk-in, protocol, and mobile or fixed unit.
    ScannerSplits,
    /// Each protocol, with the spread of its durations.
    Protocols,
    /// Waiting from request to scan, by site, kind of scanner and month.
    Waiting,
    /// From scan to report, by site, kind of scanner, urgency and month.
    Reporting,
    /// All of these that have rows, as the sheets of a workbook (with `--format xlsx`).
    All,
}

impl ReportBy {
    /// Its name on the command line, which is also the name of its table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Rooms => "rooms",
            Self::Sites => "sites",
            Self::Trusts => "trusts",
            Self::System => "system",
            Self::Specialties => "specialties",
            Self::Teams => "teams",
            Self::Weeks => "weeks",
            Self::Months => "months",
            Self::SpareCapacity => "spare-capacity",
            Self::Scanners => "scanners",
            Self::ScannerSessions => "scanner-sessions",
            Self::ScannerHours => "scanner-hours",
            Self::ScannerMonths => "scanner-months",
            Self::ScannerWeeks => "scanner-weeks",
            Self::ScannerChange => "scanner-change",
            Self::ScannerSplits => "scanner-splits",
            Self::Protocols => "protocols",
            Self::Waiting => "waiting",
            Self::Reporting => "reporting",
            Self::All => "all",
        }
    }
}

/// Forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For reading.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// A JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet, for other engines.
    Parquet,
    /// An Excel workbook.
    Xlsx,
}

impl ReportFormat {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
            Self::Xlsx => "xlsx",
        }
    }

    /// Whether a terminal is no place for it.
    pub const fn is_binary(self) -> bool {
        match self {
            Self::Table | Self::Csv | Self::Json | Self::Ndjson => false,
            Self::Parquet | Self::Xlsx => true,
        }
    }
}

/// Forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// A JSON array of objects.
    Json,
}

/// `touchtime explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The list, e.g. main.suite-2.2022-02-11.0700.
    pub session: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub input: Input,
    /// Mapping of the extract.
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Planned sessions, where the mapping says that they are in a file of their own.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Configuration of the collector, for the scanners' calendar and targets.
    #[arg(long, value_name = "FILE", requires = "store")]
    pub config: Option<PathBuf>,
    /// Rule set.
    #[arg(long, default_value = utilisation::rules::DEFAULT_RULES, value_name = "NAME")]
    pub rules: String,
}

/// `touchtime forecast`
#[derive(Debug, Args)]
pub struct ForecastArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub input: Input,
    /// Mapping of the extract.
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Planned sessions, where the mapping says that they are in a file of their own.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Fit on so many weeks from the first list on, and forecast the lists after them.
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=520))]
    pub fit_weeks: u16,
    /// Rule set.
    #[arg(long, default_value = utilisation::rules::DEFAULT_RULES, value_name = "NAME")]
    pub rules: String,
    /// Form of the output.
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// `touchtime pack`
#[derive(Debug, Subcommand)]
pub enum Pack {
    /// One day of one site on a page.
    Daily {
        #[command(flatten)]
        #[allow(missing_docs)]
        input: PackInput,
        /// The site; default: the first one.
        #[arg(long, value_name = "ID")]
        site: Option<room_events::SiteId>,
        /// The local date; default: the latest day with a list before today.
        #[arg(long, value_name = "DATE")]
        date: Option<NaiveDate>,
    },
    /// One month of every site.
    Monthly {
        #[command(flatten)]
        #[allow(missing_docs)]
        input: PackInput,
        /// The month, such as 2026-01; default: the latest with a list that is over.
        #[arg(long, value_name = "MONTH")]
        month: Option<String>,
    },
}

/// What a pack is made of, and where it goes.
#[derive(Debug, Args)]
pub struct PackInput {
    /// Folder of a collector's store.
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Configuration of the collector, for names, rule set, targets and named changes.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Rule set, where no configuration names one.
    #[arg(long, default_value = utilisation::rules::DEFAULT_RULES, value_name = "NAME")]
    pub rules: String,
    /// Address of the board that links are to lead to, such as https://board.example.nhs.uk; default: no links.
    #[arg(long, value_name = "URL")]
    pub board: Option<String>,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `touchtime export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// What to write.
    pub what: ExportWhat,
    /// File to write, `-` for standard output; for a dataset its folder.
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub input: Input,
    /// Mapping of the extract.
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Planned sessions, where the mapping says that they are in a file of their own.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Form of the file.
    #[arg(long)]
    pub format: ExportFormat,
    /// Rule set of the session results.
    #[arg(long, default_value = utilisation::rules::DEFAULT_RULES, value_name = "NAME")]
    pub rules: String,
    /// Of a dataset only this month, such as 2026-01; may be given several times. What it holds no longer is removed.
    #[arg(long, value_name = "MONTH")]
    pub month: Vec<crate::dataset::Month>,
    /// Configuration of the collector, for the scanners' calendar and targets in a dataset.
    #[arg(long, value_name = "FILE", requires = "store")]
    pub config: Option<PathBuf>,
}

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportWhat {
    /// Every stored event, as it came.
    Events,
    /// Every session result.
    Sessions,
    /// Every case of the sessions.
    Cases,
    /// Lists, their cases and scanner sessions as a folder of Parquet files by trust and month, for SQL engines.
    Dataset,
}

/// Forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet, for other engines.
    Parquet,
}

/// `touchtime import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// What to read.
    pub what: ImportWhat,
    /// File to read: for `events` an ndjson export, for `plans` an extract with planned sessions.
    pub file: PathBuf,
    /// Folder of the store.
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Mapping of the plan file.
    #[arg(long, value_name = "FILE", required_if_eq("what", "plans"))]
    pub mapping: Option<PathBuf>,
    /// Trust that the plans are for.
    #[arg(long, value_name = "ID", required_if_eq("what", "plans"))]
    pub trust: Option<room_events::TrustId>,
}

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportWhat {
    /// Planned sessions.
    Plans,
    /// Events of another store.
    Events,
}

/// `touchtime check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// `touchtime upgrade`
#[derive(Debug, Args)]
pub struct UpgradeArgs {
    /// Folder of the store; its collector must not be running.
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
}

/// `touchtime access-file`
#[derive(Debug, Args)]
pub struct AccessFileArgs {
    /// Configuration file; its [[agents]] are let in.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `touchtime access-token`
#[derive(Debug, Args)]
pub struct AccessTokenArgs {
    /// A role or a pseudonymous staff id of up to 32 characters; it stands beside what the person corrects.
    #[arg(value_name = "NAME")]
    pub name: room_events::Label,
    /// What the person may do: `view`, `correct` or `admin`.
    #[arg(long, value_name = "ROLE", value_parser = |text: &str| RoleName::try_from(text.to_owned()))]
    pub role: RoleName,
}

/// `touchtime backup` and `touchtime restore`
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Folder of the store.
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// The backup: a new file for `backup`, a kept one for `restore`.
    pub file: PathBuf,
}

/// `touchtime quarantine`
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// Messages and events that could not be read, could not be stored or came under a wrong agent.
    List(HeldArgs),
    /// One of these.
    Show(ShowArgs),
    /// Decode them again, after an upgrade; what is good now moves to the events.
    Retry(RetryArgs),
    /// Numbers that an agent gave up before their events arrived.
    Gaps(HeldArgs),
    /// Events that came under one number; all of them count.
    Conflicts(HeldArgs),
}

/// `touchtime quarantine list`, `gaps` and `conflicts`
#[derive(Debug, Args)]
pub struct HeldArgs {
    /// Folder of the store.
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Form of the output.
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// `touchtime quarantine show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its number in `quarantine list`.
    pub id: i64,
    /// Folder of the store.
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Show the text itself instead of its shape. It came from outside and may hold anything, a patient's name too.
    #[arg(long)]
    pub text: bool,
}

/// `touchtime quarantine retry`
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Their numbers in `quarantine list`; default: all.
    pub ids: Vec<i64>,
    /// Folder of the store; its collector may be running.
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Also take in events of a stream that belongs to another agent: this agent was renamed or got that one's disk.
    #[arg(long)]
    pub accept_foreign: bool,
}

/// `touchtime primary`
#[derive(Debug, Args)]
pub struct PrimaryArgs {
    /// What to do.
    #[arg(default_value = "show")]
    pub what: PrimaryWhat,
    /// Folder of the collector's store; the collector may be running.
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
}

/// What can be done about the primary collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrimaryWhat {
    /// Say whether it is this one.
    Show,
    /// Make it this one; the one that it was gives up when it hears of it.
    Take,
    /// Make it no longer this one.
    GiveUp,
}
