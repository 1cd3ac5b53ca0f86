//! The demo's folder: what it writes before its processes start.
//!
//! ```text
//! touchtime-demo/
//!   touchtime.db      the collector's store
//!   cases.csv, mapping.toml, clock.json, gateway.toml
//!   agents/<room>/    configuration and outbox of each agent
//!   logs/             one file a process
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use edge_agent_linux::played::PlayedTime;
use edge_agent_linux::token_key::create_key_file;
use room_events::UtcMillis;

use crate::Usage;
use crate::cli::DemoArgs;
use crate::extract::Played;

/// Marks a folder as a demo's, so that the next demo may replace it.
const MARKER: &str = ".touchtime-demo";
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
            if !store.join(MARKER).is_file() {
                bail!(Usage(format!("--store: {} holds other files (give an empty or a new folder)", store.display())));
            }
            fs::remove_dir_all(store).with_context(|| format!("{} cannot be emptied", store.display()))?;
        }
        let logs = store.join("logs");
        let agents = store.join("agents");
        for dir in [&logs, &agents] {
            fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        }
        write(&store.join(MARKER), b"")?;
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
            clock: store.join("clock.json"),
            logs: store.join("logs"),
            gateway: store.join("gateway.toml"),
            agents: store.join("agents"),
            store,
        })
    }

    /// Simulated time, for every process.
    pub fn write_clock(&self, anchor: UtcMillis, speed: f64, hours: &[(UtcMillis, UtcMillis)]) -> anyhow::Result<()> {
        let clock = PlayedTime::new(anchor, speed, hours.to_vec())?;
        write(&self.clock, serde_json::to_string(&clock)?.as_bytes())
    }

    /// The collector's configuration.
    pub fn write_gateway(&self, arguments: &DemoArgs, played: &Played, host: &str, port: u16) -> anyhow::Result<()> {
        let mut text = format!(
            "# Written by `touchtime demo`.\ntrust = \"{TRUST}\"\ntrust-name = \"Demonstration\"\n\n[store]\ndir = {}\n\n[broker]\nhost = {}\nport = {port}\n\n[collector]\nid = \"{COLLECTOR}\"\n\n[board]\nlisten = \"{}\"\n",
            quoted(&self.store.to_string_lossy()),
            quoted(host),
            arguments.http,
        );
        for site in &played.sites {
            let _ = write!(
                text,
                "\n[[sites]]\nid = \"{site}\"\nname = {}\nzone = \"{}\"\n",
                quoted(&site_name(site.as_str())),
                played.zone
            );
        }
        for (site, room, kind) in &played.rooms {
            let _ = write!(
                text,
                "\n[[rooms]]\nsite = \"{site}\"\nid = \"{room}\"\nkind = \"{kind}\"\nname = {}\n",
                quoted(&room_name(room.as_str()))
            );
        }
        write(&self.gateway, text.as_bytes())
    }

    /// The arguments of the collector's process.
    pub fn collector_role(&self) -> Vec<String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        ["role", "collector", "--config", &path(&self.gateway), "--clock", &path(&self.clock)]
            .map(str::to_owned)
            .to_vec()
    }

    /// A configuration for each room's agent; returns the agents' names and the arguments of their processes.
    pub fn write_agents(&self, played: &Played, host: &str, port: u16) -> anyhow::Result<Vec<(String, Vec<String>)>> {
        let key = self.agents.join("token.key");
        create_key_file(&key, 1)?;
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let mut agents = Vec::new();
        for (site, room, _) in &played.rooms {
            let dir = self.agents.join(format!("{site}.{room}"));
            fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
            let config = dir.join("agent.toml");
            let text = format!(
                "# Written by `touchtime demo`.\ntrust = \"{TRUST}\"\nsite = \"{site}\"\nagent = \"{room}\"\ndata-dir = {}\n\n[broker]\nhost = {}\nport = {port}\n\n[collectors]\nrequired = [\"{COLLECTOR}\"]\n\n[tokens]\nkey-file = {}\n\n[sending]\nresend-after-seconds = 2\n",
                quoted(&path(&dir)),
                quoted(host),
                quoted(&path(&key)),
            );
            write(&config, text.as_bytes())?;
            let role = [
                "role",
                "agent",
                "replay",
                &path(&self.cases),
                "--mapping",
                &path(&self.mapping),
                "--config",
                &path(&config),
                "--room",
                room.as_str(),
                "--clock",
                &path(&self.clock),
            ];
            agents.push((format!("agent-{site}-{room}"), role.map(str::to_owned).to_vec()));
        }
        Ok(agents)
    }
}

/// The demo's trust.
const TRUST: &str = "demo";
/// The demo's collector.
const COLLECTOR: &str = "c1";

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(file, bytes).with_context(|| format!("{} cannot be written", file.display()))
}

/// `suite-2` is shown as `Theatre 2`; any other id as it is.
fn room_name(room: &str) -> String {
    room.strip_prefix("suite-").map_or_else(|| room.to_owned(), |number| format!("Theatre {number}"))
}

/// `main` is shown as `Main site`.
fn site_name(site: &str) -> String {
    if site == "main" { "Main site".to_owned() } else { site.to_owned() }
}
