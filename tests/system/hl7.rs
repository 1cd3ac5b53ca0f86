//! Hospital systems as they are: PyPI's `hl7` sends messages by MLLP.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use touchtime_tests::mqtt::Client;
use touchtime_tests::peer::{Peer, Running, await_port, await_that, free_port, mosquitto};
use touchtime_tests::programs::{agent, root, run, touchtime};
use touchtime_tests::web;

use crate::leaks::{influxdb_section, put_all_beside};

/// What the messages of `tests/data` hold and nobody else may.
const SECRETS: [&str; 22] = [
    "featherstonehaugh",
    "wilhelmina",
    "queenie",
    "osbaldeston",
    "percival",
    "9434765919",
    "9434765870",
    "hosp-44210",
    "case-70011",
    "case-70012",
    "19511230",
    "19620101",
    "sparrowgate",
    "littlehampton",
    "01903555123",
    "c3344556",
    "acc-88331",
    "plc-991",
    "vis-4477",
    "ngstr",
    "bn17 9zz",
    "mrs ",
];

/// A collector and an agent that listens; the broker is started when it is wanted.
struct Hospital {
    dir: PathBuf,
    broker_port: u16,
    port: u16,
    board: u16,
}

impl Hospital {
    fn new(dir: &Path, broker_port: u16) -> Self {
        run(agent().arg("key").arg(dir.join("token.key"))).good();
        Self { dir: dir.to_owned(), broker_port, port: free_port(), board: free_port() }
    }

    fn collector(&self) -> Running {
        let shown = self.dir.display();
        let text = format!(
            "trust = 'demo'\n[store]\ndir = '{shown}/store'\n[broker]\nhost = '127.0.0.1'\nport = {}\n\
             [collector]\nid = 'c1'\n[board]\nlisten = '127.0.0.1:{}'\n[[sites]]\nid = 'main'\nzone = 'Europe/London'\n{}",
            self.broker_port,
            self.board,
            influxdb_section(&self.dir)
        );
        fs::write(self.dir.join("gateway.toml"), text).expect("written");
        let log = File::create(self.dir.join("collector.log")).expect("a log");
        Running::start(touchtime().args(["run", "--config"]).arg(self.dir.join("gateway.toml")).stderr(log))
    }

    fn agent(&self, more: &str) -> Running {
        let (shown, mappings) = (self.dir.display(), root().join("docs/hl7"));
        let text = format!(
            "trust = 'demo'\nsite = 'main'\nagent = 'hosp'\ndata-dir = '{shown}/data'\n[broker]\nhost = '127.0.0.1'\n\
             port = {}\n[collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{shown}/token.key'\n[hl7]\n\
             listen = '127.0.0.1:{}'\nmappings = ['{maps}/theatre-system.toml', '{maps}/radiology-system.toml']\n{more}",
            self.broker_port,
            self.port,
            maps = mappings.display()
        );
        fs::write(self.dir.join("agent.toml"), text).expect("written");
        let log = File::options().create(true).append(true).open(self.dir.join("agent.log")).expect("a log");
        let started = Running::start(agent().args(["run", "--config"]).arg(self.dir.join("agent.toml")).stderr(log));
        await_port(self.port);
        started
    }

    /// Sends a file of `tests/data` with PyPI's `mllp_send`, and gives the codes of the answers with the control ids.
    fn send(&self, file: &str) -> Vec<String> {
        let program = Peer::Hl7.program().expect("hl7 is installed");
        let (file, port) = (root().join("tests/data").join(file), self.port.to_string());
        let sent = run(Command::new(program).args(["--loose", "--port", &port, "--file"]).arg(file).arg("127.0.0.1"));
        let answers = sent.good();
        let codes = answers.split(['\r', '\n']).filter_map(|line| line.strip_prefix("MSA|"));
        codes.map(|line| line.split('|').take(2).collect::<Vec<_>>().join(" ")).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("agent.log")).expect("a log")
    }

    fn events(&self) -> String {
        run(touchtime().args(["export", "events", "-", "--format", "ndjson", "--store"]).arg(self.dir.join("store")))
            .out
    }
}

/// With no broker in reach, each message is answered; an agent that is killed then has what it answered for, and no name
/// or number is in any byte that it or the collector wrote.
pub fn theatre_messages_reach_the_store() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let broker_port = free_port();
    let hospital = Hospital::new(dir, broker_port);
    let first = hospital.agent("");
    let answers = hospital.send("theatre_messages.hl7");
    // The fifth tells a milestone by its date alone.
    assert_eq!(answers, ["AA TH000001", "AA TH000002", "AA TH000003", "AA TH000004", "AE TH000005", "AA TH000006"]);
    assert!(hospital.log().contains("ZTH-5: \"99999999\" is a date, not an instant"), "{}", hospital.log());
    drop(first);

    let (_broker, broker_port) = mosquitto(dir);
    let hospital = Hospital { broker_port, ..hospital };
    let _collector = hospital.collector();
    let _second = hospital.agent("");
    await_that("what was answered is stored", || hospital.events().contains("DNA"));
    let events = hospital.events();
    for (part, times) in [
        ("\"booking\"", 1),
        ("\"milestone\"", 4),
        ("\"cancellation\"", 1),
        ("\"into_theatre\"", 1),
        ("\"anaesthetic_start\"", 1),
        ("\"procedure_start\"", 1),
        ("\"out_of_theatre\"", 1),
        // 08:30 and 08:41 in London are 07:30 and 07:41 UTC.
        ("\"start\":1657783800000", 1),
        ("\"at\":1657784460000", 1),
        ("\"specialty\":\"Trauma and orthopaedics\"", 1),
        ("\"class\":\"day_case\"", 1),
        ("\"procedure\"", 0),
        ("\"room\":\"th-4\"", 6),
    ] {
        assert_eq!(events.matches(part).count(), times, "{part}: {events}");
    }
    assert!(!hospital.log().contains("panicked"), "{}", hospital.log());
    put_all_beside(dir);
    assert_nothing_leaked(dir);
}

/// Orders, the diary, an exam whose end comes before its start and the agent's restart, and a report; and what no mapping
/// expects, in every field that an error could show.
pub fn radiology_messages_reach_the_store() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let (_broker, broker_port) = mosquitto(dir);
    let hospital = Hospital::new(dir, broker_port);
    let mut watch = Client::connect(broker_port, "watch");
    watch.subscribe("#");
    let _collector = hospital.collector();
    let first = hospital.agent("");
    assert_eq!(hospital.send("radiology_before.hl7"), ["AA RA000001", "AA RA000002", "AA RA000003", "AA RA000004"]);
    drop(first);
    let _second = hospital.agent("");
    let answers = hospital.send("radiology_after.hl7");
    assert_eq!(answers, ["AA RA000005", "AA RA000006", "AA RA000007", "AA RA000008", "AE RA000009", "AA 9434765919"]);

    await_that("the patient who did not come is stored", || hospital.events().contains("DNA"));
    let events = hospital.events();
    for (part, times) in [
        ("\"stage\":\"requested\",\"modality\":\"ct\",\"urgency\":\"urgent\"", 1),
        ("\"stage\":\"requested\",\"modality\":\"ct\",\"urgency\":\"routine\"", 1),
        ("\"stage\":\"arrived\"", 1),
        ("\"stage\":\"reported\",\"modality\":\"ct\"", 1),
        ("\"booking\"", 1),
        ("\"state\":\"in_progress\"", 2),
        // 09:30 to 09:55 in London.
        ("\"state\":\"completed\",\"start\":1657787400000,\"end\":1657788900000", 1),
    ] {
        assert_eq!(events.matches(part).count(), times, "{part}: {events}");
    }
    assert!(!hospital.log().contains("panicked"), "{}", hospital.log());

    // The exam that was scanned was requested in its month and is reported; the other one still waits.
    let report = |by: &str| {
        run(touchtime()
            .args(["report", by, "--format", "csv", "--from", "2022-07-01", "--to", "2022-07-31", "--store"])
            .arg(dir.join("store")))
        .good()
    };
    for (by, expected) in [
        ("waiting", "2022-07,demo,main,ct,1,1,1,0.95,0,0,1,0,0,0"),
        ("reporting", "2022-07,demo,main,ct,urgent,1,1,1,0,1,7,0.95"),
    ] {
        let csv = report(by);
        assert_eq!(csv.lines().skip(1).collect::<Vec<_>>(), [expected], "{csv}");
    }

    // Whatever left by a line is put beside what was written, and searched with it.
    let heard: Vec<u8> = watch
        .messages_so_far()
        .into_iter()
        .flat_map(|(topic, payload)| [topic.into_bytes(), payload])
        .flatten()
        .collect();
    assert!(heard.windows(10).any(|window| window == b"exam_stage"), "the events went over this broker");
    fs::write(dir.join("topics-and-payloads"), heard).expect("written");
    fs::write(dir.join("export"), events).expect("written");
    for (n, path) in ["/", "/rooms/main/ct-1", "/metrics", "/health"].into_iter().enumerate() {
        fs::write(dir.join(format!("page-{n}")), web::get(hospital.board, path).1).expect("written");
    }
    put_all_beside(dir);
    assert_nothing_leaked(dir);
}

fn assert_nothing_leaked(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_nothing_leaked(&path);
            continue;
        }
        let bytes = fs::read(&path).expect("a file").to_ascii_lowercase();
        for secret in SECRETS {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
        }
    }
}
