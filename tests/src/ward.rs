//! One agent and one collector on the shipped broker, over mutual TLS, with an extract to report day by day.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::broker::ShippedBroker;
use crate::peer::{Running, await_that, await_within, free_port};
use crate::pki::{Issued, Validity};
use crate::programs::{agent, run, touchtime};
use crate::web;

const MAPPING: &str = r#"
zone = "Europe/London"
site = "main"
room = { column = "theatre", prefix = "th-" }
case = "id"
milestones = { into_theatre = "in", out_of_theatre = "out" }
booking = { start = "planned", minutes = "minutes" }
sessions = { from = "bookings" }
"#;

/// Agents and collectors wait up to 20 s between attempts to connect.
const PATIENCE: Duration = Duration::from_secs(90);

/// Cases of each day's extract.
pub const CASES_A_DAY: u32 = 3;

/// The processes, their files and their logs.
pub struct Ward {
    /// The broker.
    pub broker: ShippedBroker,
    /// Port of the board.
    pub board: u16,
    dir: PathBuf,
    days: u32,
    _agent: Running,
    _collector: Running,
}

impl Ward {
    /// Starts everything with good certificates.
    pub fn start(dir: &Path) -> Self {
        let board = free_port();
        for folder in ["broker", "in"] {
            fs::create_dir(dir.join(folder)).expect("made");
        }
        let broker = ShippedBroker::start(&dir.join("broker"), &gateway(dir, 1, board, true), &[]);
        fs::copy(broker.dir.join("ca.pem"), dir.join("ca.pem")).expect("copied");
        fs::write(dir.join("revoked.crl"), broker.authority.revocation_list(&[], 1)).expect("written");
        broker.authority.client("th-1", 10, Validity::Now).write(dir, "th-1");
        broker.authority.client("c1", 11, Validity::Now).write(dir, "c1");
        fs::write(dir.join("gateway.toml"), gateway(dir, broker.tls_port, board, true)).expect("written");
        fs::write(dir.join("agent.toml"), agent_toml(dir, broker.tls_port)).expect("written");
        fs::write(dir.join("mapping.toml"), MAPPING).expect("written");
        run(agent().arg("key").arg(dir.join("token.key"))).good();
        let collector = start(touchtime().args(["run", "--config"]).arg(dir.join("gateway.toml")), dir, "collector");
        let agent = start(agent().args(["run", "--config"]).arg(dir.join("agent.toml")), dir, "agent");
        Self { broker, board, dir: dir.to_owned(), days: 0, _agent: agent, _collector: collector }
    }

    /// `gateway.toml` for the access file, with or without its agent.
    pub fn gateway_with_agent(&self, listed: bool) -> String {
        gateway(&self.dir, self.broker.tls_port, self.board, listed)
    }

    /// Puts another day's extract into the watched folder.
    pub fn another_day(&mut self) {
        self.days += 1;
        let mut text = "id,theatre,planned,minutes,in,out\n".to_owned();
        for case in 0..CASES_A_DAY {
            let (day, hour) = (format!("2022-01-{:02}", self.days), 8 + case);
            text += &format!("{day}x{case},1,{day} {hour:02}:00,50,{day} {hour:02}:05,{day} {hour:02}:55\n");
        }
        // In one step, so that the agent never sees half of it.
        let unfinished = self.dir.join("unfinished");
        fs::write(&unfinished, text).expect("written");
        fs::rename(unfinished, self.dir.join(format!("in/day-{}.csv", self.days))).expect("renamed");
    }

    /// Cases that the store has.
    pub fn stored_cases(&self) -> u32 {
        let done =
            run(touchtime().args(["report", "system", "--format", "csv", "--store"]).arg(self.dir.join("store")));
        // Before the first event there is nothing to report on.
        let mut lines = done.out.lines();
        let (Some(header), Some(values)) = (lines.next(), lines.next()) else { return 0 };
        let column = header.split(',').position(|name| name == "cases_completed").expect("the column");
        values.split(',').nth(column).and_then(|value| value.parse().ok()).expect("a number")
    }

    /// Waits until every case of every day is stored.
    pub fn await_all_stored(&self) {
        let expected = self.days * CASES_A_DAY;
        await_within(
            PATIENCE,
            || format!("{expected} cases are stored:\n{}", self.logs()),
            || self.stored_cases() == expected,
        );
    }

    /// What a process has logged so far.
    pub fn log(&self, who: &str) -> String {
        fs::read_to_string(self.dir.join(format!("{who}.log"))).expect("a log")
    }

    fn logs(&self) -> String {
        format!("{}\n{}\n{}", self.log("agent"), self.log("collector"), self.broker.log())
    }

    /// Waits until a process logs all of `parts` in one line that was not there at `since`.
    pub fn await_said(&self, who: &str, since: usize, parts: &[&str]) {
        await_within(
            PATIENCE,
            || format!("{who} says {parts:?}:\n{}", self.logs()),
            || self.log(who).split_off(since).lines().any(|line| parts.iter().all(|part| line.contains(part))),
        );
    }

    /// Waits until the board says it.
    pub fn await_on_board(&self, text: &str) {
        await_that(&format!("the board says {text:?}"), || web::get(self.board, "/").1.contains(text));
    }

    /// Waits until the board does not say that any more.
    pub fn await_not_on_board(&self, text: &str) {
        await_that(&format!("the board no longer says {text:?}"), || !web::get(self.board, "/").1.contains(text));
    }

    /// `touchtime-agent outbox`.
    pub fn outbox(&self) -> String {
        run(agent().args(["outbox", "--config"]).arg(self.dir.join("agent.toml"))).good()
    }

    /// `check` of either program: its output, good or not.
    pub fn check(&self, who: &str) -> String {
        let mut command = if who == "agent" { agent() } else { touchtime() };
        let file = if who == "agent" { "agent.toml" } else { "gateway.toml" };
        run(command.args(["check", "--config"]).arg(self.dir.join(file))).out
    }

    /// Gives a machine a certificate, over the one it has.
    pub fn give(&self, name: &str, issued: &Issued) {
        issued.write(&self.dir, name);
    }

    /// Starts an agent that says that it is `name`, as its MQTT user too, with the certificate of `th-1`.
    pub fn start_impostor(&self, name: &str) -> Running {
        let config = self.dir.join("impostor.toml");
        let text = agent_toml(&self.dir, self.broker.tls_port)
            .replace("agent = 'th-1'", &format!("agent = '{name}'"))
            .replace("/data'", "/impostor'")
            .replace("[broker]\n", &format!("[broker]\nusername = '{name}'\n"));
        fs::write(&config, text).expect("written");
        start(agent().args(["run", "--config"]).arg(config), &self.dir, "impostor")
    }

    /// Where the machines' files lie.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn start(command: &mut Command, dir: &Path, name: &str) -> Running {
    let log = File::create(dir.join(format!("{name}.log"))).expect("a log");
    Running::start(command.stdout(Stdio::null()).stderr(log).env_remove("TOUCHTIME_LOG"))
}

fn tls(dir: &Path, name: &str) -> String {
    let dir = dir.display();
    format!(
        "ca-file = '{dir}/ca.pem'\ncertificate-file = '{dir}/{name}.pem'\nkey-file = '{dir}/{name}.key'\ncrl-file = '{dir}/revoked.crl'\n"
    )
}

fn gateway(dir: &Path, port: u16, board: u16, with_agent: bool) -> String {
    let agents = if with_agent {
        "[[agents]]\nsite = 'main'\nid = 'th-1'\n[[agents]]\nsite = 'main'\nid = 'th-2'\n"
    } else {
        ""
    };
    format!(
        "trust = 'north'\n[store]\ndir = '{}/store'\n[broker]\nhost = '127.0.0.1'\nport = {port}\n{}\
         [board]\nlisten = '127.0.0.1:{board}'\n{agents}",
        dir.display(),
        tls(dir, "c1")
    )
}

fn agent_toml(dir: &Path, port: u16) -> String {
    let shown = dir.display();
    format!(
        "trust = 'north'\nsite = 'main'\nagent = 'th-1'\ndata-dir = '{shown}/data'\n\
         [broker]\nhost = '127.0.0.1'\nport = {port}\n{}\
         [collectors]\nrequired = ['c1']\n[sending]\nresend-after-seconds = 1\nresend-at-most-seconds = 2\n\
         [tokens]\nkey-file = '{shown}/token.key'\n\
         [extract]\nfolder = '{shown}/in'\nmapping = '{shown}/mapping.toml'\npoll-seconds = 1\n",
        tls(dir, "th-1")
    )
}
