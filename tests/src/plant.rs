//! A small hospital of real processes on one machine: a broker, a collector, and four agents that report the bundled
//! cases, each behind a proxy that can misbehave. Any of them can be killed and started again.
//!
//! ```text
//! 4 x touchtime-agent replay ---> agents' proxy ---> broker <--- collector's proxy <--- touchtime run
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::peer::{Peer, Running, await_port, await_that, await_within, free_port};
use crate::programs::{agent, cases, mapping, run, touchtime};
use crate::proxy::Proxy;

/// Agents, and the operating suites of each.
const AGENTS: usize = 4;
const SUITES: usize = 8;

/// The broker of a plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broker {
    /// The demo's own.
    Embedded,
    /// mosquitto, which keeps its state in memory only.
    Mosquitto,
    /// mosquitto, which keeps its state on disk.
    PersistentMosquitto,
}

/// The processes and their folder. Dropping it kills what still runs.
#[derive(Debug)]
pub struct Plant {
    /// Where everything lies.
    dir: PathBuf,
    outboxes: PathBuf,
    kind: Broker,
    broker_port: u16,
    broker: Option<Running>,
    collector: Option<Running>,
    agents: Vec<Option<Running>>,
    done: [bool; AGENTS],
    /// Between the agents and the broker.
    pub agents_line: Proxy,
    /// Between the collector and the broker.
    pub collector_line: Proxy,
    _temporary: Option<tempfile::TempDir>,
}

impl Plant {
    /// Starts everything in a folder of its own.
    pub fn start(kind: Broker, seed: u64) -> Self {
        let temporary = tempfile::tempdir().expect("a folder");
        let dir = temporary.path().to_owned();
        let mut plant = Self::prepare(&dir, &dir.join("agents"), &dir.join("store"), kind, seed);
        plant._temporary = Some(temporary);
        plant.start_missing();
        plant
    }

    /// Writes the configurations; nothing runs yet. The folders of outboxes and store may lie on other disks.
    pub fn prepare(dir: &Path, outboxes: &Path, store: &Path, kind: Broker, seed: u64) -> Self {
        let broker_port = free_port();
        let agents_line = Proxy::start(broker_port, seed);
        let collector_line = Proxy::start(broker_port, seed + 1);
        std::fs::create_dir_all(dir.join("broker")).expect("a folder");
        let collector_config = format!(
            "trust = 'demo'\n[store]\ndir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n[board]\nlisten = '127.0.0.1:{}'\n\
             [[sites]]\nid = 'main'\nzone = 'Europe/London'\n",
            store.display(),
            collector_line.port,
            free_port()
        );
        write(&dir.join("gateway.toml"), &collector_config);
        let key = dir.join("token.key");
        write(&key, KEY);
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("its owner's alone");
        for n in 0..AGENTS {
            let config = format!(
                "trust = 'demo'\nsite = 'main'\nagent = 'edge-{n}'\ndata-dir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n\
                 keep-alive-seconds = 5\n[collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{}'\n[alive]\nevery-seconds = 3600\n\
                 [sending]\nresend-after-seconds = 1\nresend-at-most-seconds = 4\n",
                outboxes.join(n.to_string()).display(),
                agents_line.port,
                key.display()
            );
            write(&dir.join(format!("agent-{n}.toml")), &config);
        }
        let limits = "max_queued_messages 100000\nmax_inflight_messages 256\nlog_type error\n";
        let persistence = match kind {
            Broker::PersistentMosquitto => {
                format!(
                    "persistence true\npersistence_location {}/\nautosave_interval 1\nautosave_on_changes true\n",
                    dir.join("broker").display()
                )
            }
            Broker::Mosquitto | Broker::Embedded => "persistence false\n".to_owned(),
        };
        // Started as root, mosquitto would change to a user who cannot read this folder.
        let user = if is_root() { "user root\n" } else { "" };
        let config = format!("{user}listener {broker_port} 127.0.0.1\nallow_anonymous true\n{limits}{persistence}");
        write(&dir.join("mosquitto.conf"), &config);
        Self {
            dir: dir.to_owned(),
            outboxes: outboxes.to_owned(),
            kind,
            broker_port,
            broker: None,
            collector: None,
            agents: (0..AGENTS).map(|_| None).collect(),
            done: [false; AGENTS],
            agents_line,
            collector_line,
            _temporary: None,
        }
    }

    /// Starts what does not run and is not done.
    pub fn start_missing(&mut self) {
        if self.broker.is_none() {
            self.start_broker();
        }
        if self.collector.is_none() {
            self.start_collector();
        }
        (0..AGENTS).for_each(|n| self.start_agent(n));
    }

    /// Starts the broker and waits until it listens.
    pub fn start_broker(&mut self) {
        let mut command = match self.kind {
            Broker::Embedded => {
                let mut command = touchtime();
                command.args(["role", "broker", "--port", &self.broker_port.to_string()]);
                command
            }
            Broker::Mosquitto | Broker::PersistentMosquitto => {
                let mut command = Command::new(Peer::Mosquitto.program().expect("mosquitto is installed"));
                command.arg("-c").arg(self.dir.join("mosquitto.conf"));
                command
            }
        };
        // The embedded broker lives as long as its standard input.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(self.log("broker")).spawn();
        self.broker = Some(Running(child.expect("the broker starts")));
        await_port(self.broker_port);
    }

    /// Kills the broker; with `wipe` all that it had written down goes, too.
    pub fn kill_broker(&mut self, wipe: bool) {
        self.broker = None;
        if wipe {
            std::fs::remove_dir_all(self.dir.join("broker")).expect("the broker's files go");
            std::fs::create_dir_all(self.dir.join("broker")).expect("a folder");
        }
    }

    /// Starts the collector.
    pub fn start_collector(&mut self) {
        let mut command = touchtime();
        command.args(["run", "--config"]).arg(self.dir.join("gateway.toml"));
        self.collector = Some(Running::start(command.stderr(self.log("collector"))));
    }

    /// Kills the collector.
    pub fn kill_collector(&mut self) {
        self.collector = None;
    }

    /// Starts an agent, unless it has said that everything has arrived.
    pub fn start_agent(&mut self, n: usize) {
        if self.done[n] || self.agents[n].is_some() {
            return;
        }
        let mut command = agent();
        command.arg("replay").arg(cases()).arg("--mapping").arg(mapping());
        command.arg("--config").arg(self.dir.join(format!("agent-{n}.toml")));
        for suite in (1..=SUITES).filter(|suite| suite % AGENTS == n) {
            command.args(["--room", &format!("suite-{suite}")]);
        }
        self.agents[n] = Some(Running::start(command.stderr(self.log(&format!("agent-{n}")))));
    }

    /// Waits until an agent has made its outbox.
    pub fn await_outbox(&self, n: usize) {
        await_that("the outbox is there", || self.outboxes.join(n.to_string()).join("outbox.redb").exists());
    }

    /// Waits until some process has said this.
    pub fn await_log(&self, text: &str) {
        let names: Vec<String> = (0..self.agents()).map(|n| format!("agent-{n}")).collect();
        let names = || names.iter().map(String::as_str).chain(["collector", "broker"]);
        await_that(text, || names().any(|name| self.said(name, text) > 0));
    }

    /// In how many lines a process (`agent-0`, `collector`, `broker`) has said this.
    pub fn said(&self, name: &str, text: &str) -> usize {
        let log = std::fs::read_to_string(self.dir.join("logs").join(format!("{name}.log"))).unwrap_or_default();
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// Waits until every agent that runs, and if it is asked for the collector, says that it has no connection.
    pub fn await_noticed(&mut self, is_collectors_too: bool) {
        let agents: Vec<usize> = (0..self.agents()).map(|n| self.said(&format!("agent-{n}"), NO_CONNECTION)).collect();
        let collector = self.said("collector", NO_CONNECTION);
        await_within(
            Duration::from_secs(60),
            || format!("the silence is noticed\n{}", self.logs()),
            || {
                let has = |(n, before): (usize, &usize)| {
                    self.agents[n].is_none() || self.said(&format!("agent-{n}"), NO_CONNECTION) > *before
                };
                agents.iter().enumerate().all(has)
                    && (!is_collectors_too || self.said("collector", NO_CONNECTION) > collector)
            },
        );
    }

    /// Kills an agent.
    pub fn kill_agent(&mut self, n: usize) {
        self.agents[n] = None;
    }

    /// How many agents there are.
    pub fn agents(&self) -> usize {
        AGENTS
    }

    /// Notes which agents have ended well; true once all have.
    pub fn is_done(&mut self) -> bool {
        for n in 0..AGENTS {
            let Some(process) = &mut self.agents[n] else { continue };
            if let Some(status) = process.0.try_wait().expect("a child can be asked") {
                assert!(status.success(), "agent {n}: {status}\n{}", self.logs());
                self.done[n] = true;
                self.agents[n] = None;
            }
        }
        self.done.iter().all(|done| *done)
    }

    /// Waits until every agent has said that all it had has arrived.
    pub fn finish(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(240);
        while !self.is_done() {
            assert!(
                Instant::now() < deadline,
                "not all had arrived after 240 s; done: {:?}\n{}",
                self.done,
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What agent `n` says of its outbox.
    pub fn outbox(&self, n: usize) -> String {
        run(agent().args(["outbox", "--config"]).arg(self.dir.join(format!("agent-{n}.toml")))).good()
    }

    /// Everything stored, read after the collector has been stopped.
    pub fn stored(&mut self, store: &Path) -> Stored {
        self.kill_collector();
        Stored::read(store, &self.dir.join("events.ndjson"))
    }

    /// The collector's store, where it was not put elsewhere.
    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// The last lines of every log.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(self.dir.join("logs")).into_iter().flatten().flatten() {
            let log = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.len().saturating_sub(12);
            text.push_str(&format!("--- {}\n{}\n", entry.path().display(), lines[last..].join("\n")));
        }
        text
    }

    fn log(&self, name: &str) -> Stdio {
        let logs = self.dir.join("logs");
        std::fs::create_dir_all(&logs).expect("a folder");
        let file = std::fs::File::options().create(true).append(true).open(logs.join(format!("{name}.log")));
        file.expect("a log file").into()
    }
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Each observation without what depends on when it was captured and sent, with the number of its events.
    pub observations: BTreeMap<String, usize>,
    /// The seqs of each stream.
    pub streams: BTreeMap<String, BTreeSet<u64>>,
}

impl Stored {
    fn read(store: &Path, file: &Path) -> Self {
        run(touchtime().args(["export", "events", "--format", "ndjson", "--store"]).arg(store).arg(file)).good();
        let mut stored = Self::default();
        for line in std::fs::read_to_string(file).expect("the export").lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let seq = line["seq"].as_u64().expect("a seq");
            let stream = line["stream"].as_str().expect("a stream").to_owned();
            assert!(stored.streams.entry(stream).or_default().insert(seq), "twice under one key: {line}");
            let mut event = line["event"].clone();
            let fields = event.as_object_mut().expect("an object");
            // Of the agent itself: each of its lives has one.
            if fields["obs"].get("agent_started").is_some() {
                continue;
            }
            for varies in ["captured", "mono", "clock", "order"] {
                fields.remove(varies);
            }
            *stored.observations.entry(event.to_string()).or_insert(0) += 1;
        }
        stored
    }

    /// How many events there are.
    pub fn events(&self) -> usize {
        self.streams.values().map(BTreeSet::len).sum()
    }
}

/// What an undisturbed run stores, and how many bytes its agents send; found once.
pub fn undisturbed() -> &'static (Stored, u64) {
    static UNDISTURBED: OnceLock<(Stored, u64)> = OnceLock::new();
    UNDISTURBED.get_or_init(|| {
        let mut plant = Plant::start(Broker::Embedded, 0);
        plant.finish();
        let bytes = plant.agents_line.passed();
        let store = plant.store();
        (plant.stored(&store), bytes)
    })
}

/// What agents and collector say when their connection is gone.
const NO_CONNECTION: &str = "not connected; trying again";

/// One token key for all plants, so that their tokens are the same. It keeps no secret: the cases are public.
const KEY: &str = "key-id = 1\nkey = \"e61cbcbd73e89c8f8a4c5c5d6b95fc68f40cb07e6709b595c8175e755a6ec84b\"\n";

/// Whether this process may mount and is subject to no permission.
pub fn is_root() -> bool {
    run(Command::new("id").arg("-u")).out.trim() == "0"
}

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).expect("the configuration is written");
}
