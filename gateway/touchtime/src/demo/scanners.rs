//! The demo's scanners: simulated ones, which call an agent's DICOM listener over TCP as real ones do.
//!
//! ```text
//! simulator (a process) -> DICOM -> agent `scanners` --.
//! appointments.csv      ->          agent `appointments` -> MQTT -> collector
//! ```
//! What they tell is measured like anything else. The simulator's own account of its exams (`scanners.json`) is written
//! beside the store, and nothing that measures reads it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use edge_agent_linux::played::PlayedTime;
use edge_agent_linux::status_file::StatusFile;
use room_events::UtcMillis;
use scanner_simulator::{Account, Department, SCANNERS, SimulatedTime};

use crate::clock::wall_now;

/// The bundled demo is the same each time.
const SEED: u64 = 20_220_103;

/// What `touchtime role scanners` is told.
#[derive(Debug, clap::Args)]
pub struct ScannersArgs {
    /// Where the agent listens.
    #[arg(long)]
    pub address: SocketAddr,
    /// Simulated time.
    #[arg(long)]
    pub clock: PathBuf,
    /// Where the simulator's own account goes at the end.
    #[arg(long)]
    pub account: PathBuf,
    /// The scanners' zone.
    #[arg(long)]
    pub zone: Tz,
    /// Each day.
    #[arg(long)]
    pub day: Vec<NaiveDate>,
}

/// The simulated department of a demo.
#[derive(Debug)]
pub struct Scanners {
    /// What will happen.
    pub department: Department,
    /// Where the agent listens.
    pub address: SocketAddr,
    days: Vec<NaiveDate>,
    zone: Tz,
}

impl Scanners {
    /// Scanners that work on the days on which something else happens, too.
    pub fn plan(hours: &[(UtcMillis, UtcMillis)], zone: Tz) -> anyhow::Result<Self> {
        let date =
            |at: UtcMillis| Some(DateTime::from_timestamp_millis(at.millis())?.with_timezone(&zone).date_naive());
        let days: BTreeSet<NaiveDate> = hours.iter().filter_map(|(from, _)| date(*from)).collect();
        let days: Vec<NaiveDate> = days.into_iter().collect();
        let port = super::free_port()?;
        Ok(Self {
            department: Department::new(SEED, &days, zone),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            days,
            zone,
        })
    }

    /// From when until when they work.
    pub fn hours(&self) -> impl Iterator<Item = (UtcMillis, UtcMillis)> + '_ {
        let millis = |at: DateTime<Utc>| UtcMillis::saturating(at.timestamp_millis());
        self.department.spans().map(move |(from, to)| (millis(from), millis(to)))
    }

    /// The `[dicom]` table of their agent.
    pub fn dicom_table(&self) -> String {
        let scanner = |one: &scanner_simulator::Scanner| {
            format!("    {{ calling = \"{}\", room = \"{}\" }},\n", one.title, one.room)
        };
        let scanners: String = SCANNERS.iter().map(scanner).collect();
        format!("\n[dicom]\nlisten = \"{}\"\nscanners = [\n{scanners}]\nzone = \"{}\"\n", self.address, self.zone)
    }

    /// The arguments of the simulator's process.
    pub fn simulator_role(&self, clock: &Path, account: &Path) -> Vec<String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let (address, zone) = (self.address.to_string(), self.zone.to_string());
        let fixed = [
            "role",
            "scanners",
            "--address",
            &address,
            "--zone",
            &zone,
            "--clock",
            &path(clock),
            "--account",
            &path(account),
        ];
        let days = self.days.iter().flat_map(|day| ["--day".to_owned(), day.to_string()]);
        fixed.into_iter().map(str::to_owned).chain(days).collect()
    }
}

/// Whether the agent whose data are in `folder` has said, after `since`, that every collector has all it recorded.
pub fn all_arrived(folder: &Path, since: UtcMillis) -> bool {
    StatusFile::read(folder).is_ok_and(|status| status.written > since && status.depth == 0)
}

/// The simulator's own account, for the end of the demo.
pub fn account(file: &Path) -> anyhow::Result<Account> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no account of scanners", file.display()))
}

struct Played(PlayedTime);

impl SimulatedTime for Played {
    fn until(&self, instant: DateTime<Utc>) -> Duration {
        let due = self.0.wall_of(UtcMillis::saturating(instant.timestamp_millis()));
        Duration::from_millis(u64::try_from(due.millis_since(wall_now())).unwrap_or(0))
    }
}

/// The simulator's process.
pub fn simulate(arguments: &ScannersArgs) -> anyhow::Result<()> {
    let shown = arguments.clock.display();
    let text = std::fs::read_to_string(&arguments.clock).with_context(|| format!("clock file {shown}"))?;
    let played = serde_json::from_str(&text).with_context(|| format!("clock file {shown}"))?;
    let department = Department::new(SEED, &arguments.day, arguments.zone);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let account = runtime.block_on(scanner_simulator::play(department, arguments.address, Arc::new(Played(played))))?;
    let text = serde_json::to_string_pretty(&account)?;
    std::fs::write(&arguments.account, text)
        .with_context(|| format!("{} cannot be written", arguments.account.display()))
}
