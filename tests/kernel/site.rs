//! What stands beside the guest: a broker and a collector on this machine, and the agent's configuration.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use touchtime_tests::guest::{Guest, HOST};
use touchtime_tests::peer::{Running, await_within, free_port, mosquitto};
use touchtime_tests::programs::{run, touchtime};

/// A hospital with one gateway machine.
pub struct Site {
    dir: PathBuf,
    broker_port: u16,
    /// Port of the board.
    pub board: u16,
    _broker: Running,
    _collector: Running,
    _temporary: tempfile::TempDir,
}

impl Site {
    /// Starts broker and collector, and makes the guest's disk.
    pub fn start(disk_mib: u64) -> Self {
        let temporary = tempfile::tempdir().expect("a folder");
        let dir = temporary.path().to_owned();
        let (broker, broker_port) = mosquitto(&dir);
        let board = free_port();
        let text = format!(
            "trust = 'demo'\n[store]\ndir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {broker_port}\n[collector]\nid = 'c1'\n\
             [board]\nlisten = '127.0.0.1:{board}'\n[[sites]]\nid = 'main'\nzone = 'Europe/London'\n",
            dir.join("store").display()
        );
        fs::write(dir.join("gateway.toml"), text).expect("written");
        let log = File::create(dir.join("collector.log")).expect("a log");
        let collector = Running::start(touchtime().args(["run", "--config"]).arg(dir.join("gateway.toml")).stderr(log));
        Guest::make_disk(&dir, disk_mib);
        Self { dir, broker_port, board, _broker: broker, _collector: collector, _temporary: temporary }
    }

    /// Where everything lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The agent's configuration, with these tables of feeds.
    pub fn configuration(&self, feeds: &str) -> String {
        format!(
            "trust = 'demo'\nsite = 'main'\nagent = 'th-1'\ndata-dir = '/data/agent'\n[broker]\nhost = '{HOST}'\nport = {}\n\
             keep-alive-seconds = 5\n[collectors]\nrequired = ['c1']\n[sending]\nresend-after-seconds = 2\n\
             resend-at-most-seconds = 4\n[outbox]\nmax-mib = 16\n{feeds}",
            self.broker_port
        )
    }

    /// Every event that the collector has stored, as exported.
    pub fn events(&self) -> Vec<serde_json::Value> {
        let store = self.dir.join("store");
        let all = run(touchtime().args(["export", "events", "-", "--format", "ndjson", "--store"]).arg(store)).out;
        all.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until the collector's events are such; those events.
    pub fn await_events(&self, what: &str, is_so: impl Fn(&[serde_json::Value]) -> bool) -> Vec<serde_json::Value> {
        let mut events = Vec::new();
        await_within(
            std::time::Duration::from_secs(120),
            || format!("{what}\n{}", fs::read_to_string(self.dir.join("collector.log")).unwrap_or_default()),
            || {
                events = self.events();
                is_so(&events)
            },
        );
        events
    }
}

/// Starts the agent in the background.
pub fn start_agent(guest: &mut Guest) {
    guest.run("touchtime-agent run --config /data/agent.toml </dev/null >>/data/agent.log 2>&1 &");
}

/// Starts the agent, and waits until it watches its lines.
pub fn start_watching(guest: &mut Guest) {
    guest.run("rm -f /data/agent.log");
    start_agent(guest);
    guest.await_good("grep 'watching input lines' /data/agent.log");
}

/// So many signals, on the first lines of the chip.
pub fn signals(lines: u8) -> String {
    let lines: String = (0..lines)
        .map(|n| format!("[[gpio.lines]]\noffset = {n}\nmeaning = 'door'\nactive = 'high'\nname = 'door-{n}'\n"))
        .collect();
    format!("[gpio]\nroom = 'th-1'\n{lines}")
}

/// Four buttons on the first lines of the chip, and the light.
pub fn buttons() -> String {
    let meanings = ["into_theatre", "procedure_start", "procedure_end", "out_of_theatre"];
    let lines: String = meanings
        .iter()
        .enumerate()
        .map(|(n, meaning)| format!("[[gpio.lines]]\noffset = {n}\nmeaning = '{meaning}'\nactive = 'high'\n"))
        .collect();
    format!("[gpio]\nroom = 'th-1'\nlight = {LIGHT}\n{lines}")
}

/// The line of the light.
pub const LIGHT: u8 = 7;
