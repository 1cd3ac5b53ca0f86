//! The demo's folder: what it writes before its processes start.
//!
//! ```text
//! touchtime-demo/
//!   touchtime.db      the collector's store
//!   cases.csv, mapping.toml, clock.json, gateway.toml, people.toml
//!   appointments.csv, appointments.mapping.toml, scanners-clock.json
//!   scanners.json     at the end, the simulated scanners' own account
//!   agents/<agent>/   configuration and outbox of each agent
//!   logs/             one file a process
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use board::access::Role;
use edge_agent_linux::played::PlayedTime;
use edge_agent_linux::token_key::create_key_file;
use room_events::Label;
use scanner_simulator::SCANNERS;

use super::scanners::Scanners;
use crate::Usage;
use crate::cli::DemoArgs;
use crate::clock::{DEMO_CLOCK, DEMO_MARKER};
use crate::extract::Played;

const BUNDLED_CASES: &[u8] = include_bytes!("../../../../tests/data/or_utilisation_2022_jan_feb.csv");
const BUNDLED_MAPPING: &str = include_str!("../../../../tests/data/or_utilisation_2022_jan_feb.mapping.toml");

/// Paths of the demo.
#[derive(Debug)]
pub struct Files {
    /// The folder itself, which is the collector's store.
    pub store: PathBuf,
    /// The extract that is played.
    pub cases: PathBuf,
    /// Its mapping.
    pub mapping: PathBuf,
    /// Simulated time.
    pub clock: PathBuf,
    /// Simulated time of the scanners; it is another one with `--speed max`.
    pub scanners_clock: PathBuf,
    /// The simulated scanners' own account.
    pub account: PathBuf,
    /// Data of the scanners' agent.
    pub scanners_agent: PathBuf,
    /// Logs.
    pub logs: PathBuf,
    gateway: PathBuf,
    agents: PathBuf,
}

impl Files {
    /// Makes the folder anew; an earlier demo in it is removed, anything else is left alone and refused.
    pub fn prepare(arguments: &DemoArgs) -> anyhow::Result<Self> {
        let store = &arguments.store;
        let is_empty = fs::read_dir(store).map_or(true, |mut entries| entries.next().is_none());
        if !is_empty {
            if !store.join(DEMO_MARKER).is_file() {
                bail!(Usage(format!("--store: {} holds other files (give an empty or a new folder)", store.display())));
            }
            fs::remove_dir_all(store).with_context(|| format!("{} cannot be emptied", store.display()))?;
        }
        let logs = store.join("logs");
        let agents = store.join("agents");
        for dir in [&logs, &agents] {
            fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        }
        write(&store.join(DEMO_MARKER), b"")?;
        // Absolute, so that a process or a reader with another working directory finds them.
        let store = store.canonicalize().with_context(|| format!("{} cannot be found", store.display()))?;
        let (cases, mapping) = match (&arguments.cases, &arguments.mapping) {
            (Some(cases), Some(mapping)) => (cases.clone(), mapping.clone()),
            (Some(_) | None, Some(_) | None) => {
                let (cases, mapping) = (store.join("cases.csv"), store.join("mapping.toml"));
                write(&cases, BUNDLED_CASES)?;
                write(&mapping, BUNDLED_MAPPING.as_bytes())?;
                (cases, mapping)
            }
        };
        Ok(Self {
            cases,
            mapping,
            clock: store.join(DEMO_CLOCK),
            scanners_clock: store.join("scanners-clock.json"),
            account: store.join("scanners.json"),
            scanners_agent: store.join("agents").join(SCANNERS_AGENT),
            logs: store.join("logs"),
            gateway: store.join("gateway.toml"),
            agents: store.join("agents"),
            store,
        })
    }

    /// Simulated time, for every process that is given the file.
    pub fn write_clock(file: &Path, clock: &PlayedTime) -> anyhow::Result<()> {
        write(file, serde_json::to_string(clock)?.as_bytes())
    }

    /// The collector's configuration.
    pub fn write_gateway(
        &self,
        arguments: &DemoArgs,
        played: &Played,
        scanners: Option<&Scanners>,
        broker: &Broker,
    ) -> anyhow::Result<()> {
        let Broker { host, port } = broker;
        let mut text = format!(
            "# Written by `touchtime demo`.\ntrust = \"{TRUST}\"\ntrust-name = \"Demonstration\"\n\n[store]\ndir = {}\n\n[broker]\nhost = {}\nport = {port}\n\n[collector]\nid = \"{COLLECTOR}\"\n\n[board]\nlisten = \"{}\"\n\n[access]\nviewing = \"anyone\"\npeople-file = {}\n",
            quoted(&self.store.to_string_lossy()),
            quoted(host),
            arguments.http,
            quoted(&self.people().to_string_lossy()),
        );
        for site in &played.sites {
            let _ = write!(
                text,
                "\n[[sites]]\nid = \"{site}\"\nname = {}\nzone = \"{}\"\n",
                quoted(&site_name(site.as_str())),
                played.zone
            );
        }
        let mut room = |site: &str, room: &str, kind: &str| {
            let name = quoted(&room_name(room));
            let _ = write!(text, "\n[[rooms]]\nsite = \"{site}\"\nid = \"{room}\"\nkind = \"{kind}\"\nname = {name}\n");
        };
        for (site, id, kind) in &played.rooms {
            room(site.as_str(), id.as_str(), &kind.to_string());
        }
        if scanners.is_some() {
            SCANNERS.iter().for_each(|scanner| room(SITE, scanner.room, scanner.modality.room_kind()));
        }
        write(&self.gateway, text.as_bytes())
    }

    /// Somebody who may do everything on the demo's pages; returns the token.
    pub fn write_people(&self) -> anyhow::Result<String> {
        let (entry, token) = crate::people::make(&Label::new("demo-coordinator")?, Role::Admin)?;
        write(&self.people(), entry.as_bytes())?;
        Ok(token)
    }

    fn people(&self) -> PathBuf {
        self.store.join("people.toml")
    }

    /// The arguments of the collector's process.
    pub fn collector_role(&self) -> Vec<String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        ["role", "collector", "--config", &path(&self.gateway), "--clock", &path(&self.clock)]
            .map(str::to_owned)
            .to_vec()
    }

    /// An agent for each room of the extract; returns the agents' names and the arguments of their processes.
    pub fn write_agents(&self, played: &Played, broker: &Broker) -> anyhow::Result<Vec<(String, Vec<String>)>> {
        create_key_file(&self.key(), 1)?;
        let mut agents = Vec::new();
        for (site, room, _) in &played.rooms {
            let config = self.write_agent(&format!("{site}.{room}"), (site.as_str(), room.as_str()), broker, "")?;
            let mut role = self.replay_role(&self.cases, &self.mapping, &config);
            role.extend(["--room".to_owned(), room.to_string()]);
            agents.push((format!("agent-{site}-{room}"), role));
        }
        Ok(agents)
    }

    /// The agent that scanners call; returns the arguments of its process.
    pub fn write_scanners_agent(&self, scanners: &Scanners, broker: &Broker) -> anyhow::Result<Vec<String>> {
        let config = self.write_agent(SCANNERS_AGENT, (SITE, "scanners"), broker, &scanners.dicom_table())?;
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let role = ["role", "agent", "run", "--config", &path(&config), "--clock", &path(&self.scanners_clock)];
        Ok(role.map(str::to_owned).to_vec())
    }

    /// The agent that knows the scanners' appointments; returns the arguments of its process.
    pub fn write_appointments_agent(&self, scanners: &Scanners, broker: &Broker) -> anyhow::Result<Vec<String>> {
        let (cases, mapping) = (self.store.join("appointments.csv"), self.store.join("appointments.mapping.toml"));
        write(&cases, scanner_simulator::csv(&scanners.department).as_bytes())?;
        write(&mapping, scanner_simulator::MAPPING.as_bytes())?;
        // That the list of appointments can be read says nothing of the scanners, so its signs of life stand so far apart
        // that no scanner counts as observed by them.
        let config =
            self.write_agent("main.appointments", (SITE, "appointments"), broker, "\n[alive]\nevery-seconds = 3600\n")?;
        Ok(self.replay_role(&cases, &mapping, &config))
    }

    fn key(&self) -> PathBuf {
        self.agents.join("token.key")
    }

    fn write_agent(
        &self,
        folder: &str,
        (site, agent): (&str, &str),
        Broker { host, port }: &Broker,
        more: &str,
    ) -> anyhow::Result<PathBuf> {
        let dir = self.agents.join(folder);
        fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        let config = dir.join("agent.toml");
        let text = format!(
            "# Written by `touchtime demo`.\ntrust = \"{TRUST}\"\nsite = \"{site}\"\nagent = \"{agent}\"\ndata-dir = {}\n\n[broker]\nhost = {}\nport = {port}\n\n[collectors]\nrequired = [\"{COLLECTOR}\"]\n\n[tokens]\nkey-file = {}\n\n[sending]\nresend-after-seconds = 2\n{more}",
            quoted(&dir.to_string_lossy()),
            quoted(host),
            quoted(&self.key().to_string_lossy()),
        );
        write(&config, text.as_bytes())?;
        Ok(config)
    }

    fn replay_role(&self, cases: &Path, mapping: &Path, config: &Path) -> Vec<String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let (cases, mapping, config, clock) = (path(cases), path(mapping), path(config), path(&self.clock));
        let role = ["role", "agent", "replay", &cases, "--mapping", &mapping, "--config", &config, "--clock", &clock];
        role.map(str::to_owned).to_vec()
    }
}

/// Where the broker is.
#[derive(Debug)]
pub struct Broker {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The demo's trust.
const TRUST: &str = "demo";
/// The site of the bundled cases, and of the scanners beside them.
const SITE: &str = "main";
const SCANNERS_AGENT: &str = "main.scanners";
/// The demo's collector.
const COLLECTOR: &str = "c1";

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(file, bytes).with_context(|| format!("{} cannot be written", file.display()))
}

/// `suite-2` is shown as `Theatre 2`, `ct-1` as `CT 1`; any other id as it is.
fn room_name(room: &str) -> String {
    let kinds = [("suite-", "Theatre"), ("mri-", "MRI"), ("ct-", "CT")];
    let named = kinds.iter().find_map(|(prefix, kind)| Some(format!("{kind} {}", room.strip_prefix(prefix)?)));
    named.unwrap_or_else(|| room.to_owned())
}

/// `main` is shown as `Main site`.
fn site_name(site: &str) -> String {
    if site == "main" { "Main site".to_owned() } else { site.to_owned() }
}
