//! Two collectors on one broker, each with a store of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use touchtime_tests::mqtt;
use touchtime_tests::peer::{self, Peer, Running, await_port, await_that};
use touchtime_tests::programs::{agent, cases, mapping, run, touchtime};

const COLLECTORS: [&str; 2] = ["c1", "c2"];

struct Site {
    dir: PathBuf,
    broker_port: u16,
}

impl Site {
    fn prepare(dir: &Path) -> Self {
        let site = Self { dir: dir.to_owned(), broker_port: peer::free_port() };
        for id in COLLECTORS {
            site.write(
                &format!("{id}.toml"),
                &format!(
                    "trust = 'demo'\n[store]\ndir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n[collector]\nid = '{id}'\n\
                     [board]\nlisten = '127.0.0.1:{}'\n[[sites]]\nid = 'main'\nzone = 'Europe/London'\n",
                    site.store(id).display(),
                    site.broker_port,
                    peer::free_port()
                ),
            );
        }
        let key = dir.join("token.key");
        run(agent().arg("key").arg(&key)).good();
        site.write(
            "agent.toml",
            &format!(
                "trust = 'demo'\nsite = 'main'\nagent = 'theatres'\ndata-dir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n\
                 [collectors]\nrequired = ['c1', 'c2']\n[tokens]\nkey-file = '{}'\n\
                 [sending]\nresend-after-seconds = 1\nresend-at-most-seconds = 4\n",
                dir.join("outbox").display(),
                site.broker_port,
                key.display()
            ),
        );
        site.write(
            "mosquitto.conf",
            &format!(
                "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 100000\n\
                 max_inflight_messages 256\nlog_type error\n",
                site.broker_port
            ),
        );
        site
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.join(name), text).expect("written");
    }

    fn store(&self, id: &str) -> PathBuf {
        self.dir.join(format!("store-{id}"))
    }

    fn log(&self, name: &str) -> Stdio {
        let file = std::fs::File::options().create(true).append(true).open(self.dir.join(format!("{name}.log")));
        file.expect("a log").into()
    }

    fn broker(&self) -> Running {
        let program = Peer::Mosquitto.program().expect("mosquitto is installed");
        let running = Running::start(Command::new(program).arg("-c").arg(self.dir.join("mosquitto.conf")));
        await_port(self.broker_port);
        running
    }

    fn collector(&self, id: &str) -> Running {
        let mut command = touchtime();
        command.args(["run", "--config"]).arg(self.dir.join(format!("{id}.toml")));
        Running::start(command.stderr(self.log(id)))
    }

    fn agent(&self) -> Running {
        let mut command = agent();
        command.arg("replay").arg(cases()).arg("--mapping").arg(mapping());
        Running::start(command.arg("--config").arg(self.dir.join("agent.toml")).stderr(self.log("agent")))
    }

    /// Waits until the agent has heard from both collectors that they have everything.
    fn finish(&self, mut agent: Running) {
        await_that("the agent has delivered to both", || agent.0.try_wait().expect("a child can be asked").is_some());
        let status = agent.0.wait().expect("ended");
        let log = |name: &str| std::fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default();
        assert!(status.success(), "{status}\n{}\n{}", log("agent"), log("c2"));
    }

    /// Every event with its key, without the time of its receipt.
    fn events(&self, id: &str) -> Vec<String> {
        let all =
            run(touchtime().args(["export", "events", "-", "--format", "ndjson", "--store"]).arg(self.store(id))).out;
        all.lines()
            .map(|line| {
                let mut line: serde_json::Value = serde_json::from_str(line).expect("JSON");
                line.as_object_mut().expect("an object").remove("received");
                line.to_string()
            })
            .collect()
    }

    fn report(&self, id: &str, by: &str) -> String {
        run(touchtime().args(["report", by, "--format", "csv", "--store"]).arg(self.store(id))).good()
    }

    fn check_equal(&self) {
        let [one, two] = COLLECTORS.map(|id| self.events(id));
        assert!(one.len() > 5_000, "{} events", one.len());
        assert!(one == two, "{} and {} events", one.len(), two.len());
        for by in ["sessions", "rooms", "sites", "specialties", "weeks", "months", "system"] {
            assert_eq!(self.report("c1", by), self.report("c2", by), "{by}");
        }
        assert!(self.report("c1", "system").contains("1357"), "all cases are in it");
    }
}

pub fn give_the_same() {
    let dir = tempfile::tempdir().expect("a folder");
    let site = Site::prepare(dir.path());
    let _broker = site.broker();
    let _collectors = COLLECTORS.map(|id| site.collector(id));
    site.finish(site.agent());
    site.check_equal();
}

/// Away while all of it went to the other one; not even the broker remembers what it missed.
pub fn one_returns() {
    let dir = tempfile::tempdir().expect("a folder");
    let site = Site::prepare(dir.path());
    let broker = site.broker();
    let first = site.collector("c1");
    let second = site.collector("c2");
    let agent = site.agent();
    await_that("the second collector has begun", || !site.events("c2").is_empty());
    drop(second);
    let missed = site.events("c2").len();
    await_that("the first collector has everything", || {
        site.store("c1").exists()
            && run(touchtime().args(["report", "system", "--format", "csv", "--store"]).arg(site.store("c1")))
                .out
                .contains(",1357,")
    });
    drop(broker);
    let _broker = site.broker();
    let _second = site.collector("c2");
    site.finish(agent);
    site.check_equal();
    assert!(missed < site.events("c2").len(), "it was away before the end");
    drop(first);
}

/// Retained summaries of one room, as whoever subscribes now gets them.
fn summary(site: &Site) -> Option<serde_json::Value> {
    let mut client = mqtt::Client::connect(site.broker_port, "reader");
    client.subscribe("touchtime/v1/demo/main/rooms/suite-1/summary");
    let messages = client.messages_so_far();
    messages.last().map(|(_, payload)| serde_json::from_slice(payload).expect("JSON"))
}

fn primary(site: &Site, what: &str, id: &str) -> String {
    let done = run(touchtime().args(["primary", what, "--store"]).arg(site.store(id)));
    assert_eq!(done.code, Some(0), "{}", done.err);
    done.err
}

pub fn hand_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let site = Site::prepare(dir.path());
    let _broker = site.broker();
    let mut collectors = COLLECTORS.map(|id| Some(site.collector(id)));
    site.finish(site.agent());
    await_that("one of the two writes, which nobody asked for", || {
        let primaries = COLLECTORS.iter().filter(|id| primary(&site, "show", id).contains("is primary")).count();
        primaries == 1 && summary(&site).is_some_and(|s| s["epoch"] == 1)
    });

    assert!(primary(&site, "take", "c1").contains("is primary"));
    await_that("the first collector writes", || summary(&site).is_some_and(|s| s["collector"] == "c1"));
    // It is gone when the other one is told to take over, and comes back with what it believes.
    collectors[0] = None;
    assert!(primary(&site, "take", "c2").contains("is primary"));
    await_that("the second collector writes", || summary(&site).is_some_and(|s| s["collector"] == "c2"));
    let epoch = summary(&site).expect("written")["epoch"].as_u64();
    assert!(primary(&site, "show", "c1").contains("is primary"), "nobody could tell it yet");
    collectors[0] = Some(site.collector("c1"));
    await_that("the first collector has heard of it", || primary(&site, "show", "c1").contains("is not primary"));
    let now = summary(&site).expect("written");
    assert_eq!((now["collector"].as_str(), now["epoch"].as_u64()), (Some("c2"), epoch));

    // While both run.
    primary(&site, "take", "c1");
    await_that("the second collector gives up", || primary(&site, "show", "c2").contains("is not primary"));
    assert_eq!(summary(&site).expect("written")["collector"], "c1");
    primary(&site, "give-up", "c1");
    assert!(primary(&site, "show", "c1").contains("is not primary"));
}
