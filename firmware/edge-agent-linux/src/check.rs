//! `touchtime-agent check`: whether the agent could run as configured, line by line, each problem with its remedy.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use room_events::ClockQuality;

use crate::clock::Clock;
use crate::config::Config;
use crate::extract_file::read_mapping;
use crate::link;
use crate::scanners_file::ScannersFile;
use crate::token_key::TokenKey;

/// An event in the outbox, by rule of thumb.
const TYPICAL_EVENT_BYTES: u64 = 300;

/// Events a day of an agent with eight busy theatres, signs of life included.
const BUSY_EVENTS_A_DAY: u64 = 4_000;

const BROKER_PATIENCE: Duration = Duration::from_secs(5);

/// One line of the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// What is right, or what is wrong and what to do.
    pub result: Result<String, String>,
}

/// Looks at everything that the configuration names.
pub async fn check(config: &Config, now_seconds: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |subject, result| findings.push(Finding { subject, result });
    find("data-dir", data_dir(&config.data_dir));
    find("disk", disk(config));
    find("outbox", Ok(capacity(config)));
    if let Some(path) = &config.tokens.key_file {
        let read = TokenKey::read(path).map_err(|error| format!("{error:#}"));
        find("tokens.key-file", read.map(|key| format!("{} is key {}", path.display(), key.id())));
    }
    if let Some(path) = &config.extract.mapping {
        let read = read_mapping(path).map_err(|error| format!("{error:#}"));
        find("extract.mapping", read.map(|_| format!("{} can be read", path.display())));
    }
    #[cfg(feature = "hl7")]
    for path in &config.hl7.mappings {
        let read = crate::hl7::read_mapping(path).map_err(|error| format!("{error:#}"));
        find("hl7.mappings", read.map(|_| format!("{} can be read", path.display())));
    }
    if let Some(path) = &config.extract.folder {
        let read = std::fs::read_dir(path).map(|_| format!("{} can be read", path.display()));
        let remedy =
            |error| format!("{} cannot be read: {error} (make it, or let the agent's user read it)", path.display());
        find("extract.folder", read.map_err(remedy));
    }
    if config.dicom.listen.is_some() || config.worklist.address.is_some() {
        let heard = ScannersFile::read(&config.data_dir);
        let problems = heard.map(|heard| heard.problems(config.dicom.clock_limit_seconds)).unwrap_or_default();
        if problems.is_empty() {
            let many = config.dicom.scanners.len();
            find(
                "scanners",
                Ok(match config.dicom.listen {
                    Some(listen) => format!("{many} may call {listen}"),
                    None => format!("the worklist is asked for {many}"),
                }),
            );
        }
        for problem in problems {
            find("scanners", Err(problem));
        }
        match config.dicom.tls() {
            Ok(Some(files)) => find("dicom.certificate-file", files.describe(now_seconds)),
            Ok(None) => {}
            Err(error) => find("dicom.certificate-file", Err(error)),
        }
    }
    #[cfg(feature = "gpio")]
    match crate::gpio::GpioFeed::of(config) {
        Ok(Some(feed)) => find("gpio.lines", feed.check()),
        Ok(None) => {}
        Err(error) => find("gpio.lines", Err(format!("{error:#}"))),
    }
    find("clock", clock(Clock::system(config.clock.synchronised_file.clone()).quality()));
    match config.broker.tls() {
        Ok(Some(files)) => find("certificates", files.describe(now_seconds)),
        Ok(None) => find("certificates", Ok("none: the line to the broker is not encrypted".to_owned())),
        Err(problem) => find("certificates", Err(problem)),
    }
    find(
        "password",
        broker_tls::describe_login(config.broker.username.as_deref(), config.broker.password_file.as_deref()),
    );
    let broker = tokio::time::timeout(BROKER_PATIENCE, link::probe(config)).await;
    let broker = broker.unwrap_or_else(|_| Err("did not answer within 5 s".to_owned()));
    let address = format!("{}:{}", config.broker.host, config.broker.port);
    find(
        "broker",
        match broker {
            Ok(()) => Ok(format!("{address} lets the agent in and read its acknowledgements")),
            Err(problem) => Err(format!("{address}: {problem}")),
        },
    );
    findings
}

fn clock(quality: ClockQuality) -> Result<String, String> {
    match quality {
        ClockQuality::Synchronised => Ok("synchronised".to_owned()),
        ClockQuality::Holdover => Err(
            "has lost its time server and drifts: times are marked so (see what the time service says of the server, for example `chronyc sources`)".to_owned(),
        ),
        ClockQuality::Unset | ClockQuality::External => Err(
            "not synchronised since the machine started: times are marked so (start a time service such as chrony, and name the trust's time server to it)".to_owned(),
        ),
    }
}

fn data_dir(path: &Path) -> Result<String, String> {
    let probe = path.join(".check");
    let written = std::fs::create_dir_all(path).and_then(|()| std::fs::write(&probe, b"check"));
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(()) => Ok(format!("{} can be written", path.display())),
        Err(error) => {
            Err(format!("{} cannot be written: {error} (make it, and give it to the agent's user)", path.display()))
        }
    }
}

/// The standard library cannot ask a file system for its free space; `df` can, on every Linux.
fn disk(config: &Config) -> Result<String, String> {
    let shown = config.data_dir.display();
    let output = Command::new("df").arg("-Pk").arg(&config.data_dir).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let column = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3));
    let Some(free_kib) = column.and_then(|column| column.parse::<u64>().ok()) else {
        return Err(format!("the free space of {shown} cannot be told (is `df` installed?)"));
    };
    // redb's pages and its copies on write need about as much again.
    let wanted_kib = 2 * config.outbox.max_mib * 1024;
    if free_kib < wanted_kib {
        let (free, wanted) = (free_kib / 1024, wanted_kib / 1024);
        return Err(format!(
            "{free} MiB are free for {shown}, {wanted} are wanted (free some, or lower outbox.max-mib)"
        ));
    }
    Ok(format!("{} MiB are free for {shown}", free_kib / 1024))
}

fn capacity(config: &Config) -> String {
    let events = config.outbox.max_mib * 1024 * 1024 / TYPICAL_EVENT_BYTES;
    let days = events / BUSY_EVENTS_A_DAY;
    format!("{} MiB hold about {events} events: {days} days of eight busy theatres", config.outbox.max_mib)
}
