//! Scanners as they are: pynetdicom tells performed steps, dcmtk asks whether anybody is there.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use touchtime_tests::peer::{Peer, Running, await_port, await_that, free_port, mosquitto};
use touchtime_tests::programs::{agent, root, run, touchtime};

use crate::leaks::{influxdb_section, put_all_beside};

/// What the messages hold and nobody else may: see `tests/data/performed_steps.py`.
const SECRETS: [&str; 9] =
    ["featherstonehaugh", "9434765919", "acc-88331", "vis-4477", "rp-5512", "pps-9021", "19511230", "9.7777", "mrs "];

pub(super) struct Department<'a> {
    dir: &'a Path,
    broker_port: u16,
    pub(super) port: u16,
}

impl Department<'_> {
    pub(super) fn agent(&self) -> Running {
        self.agent_with("scanners = [{ calling = 'MR1', room = 'mri-1' }]\n")
    }

    /// An agent that takes the time from a clock file.
    pub(super) fn agent_at(&self, more: &str, clock: &str) -> Running {
        let file = self.dir.join("clock.json");
        fs::write(&file, clock).expect("written");
        self.start(more, &["--clock".as_ref(), file.as_os_str()])
    }

    fn agent_with(&self, more: &str) -> Running {
        self.start(more, &[])
    }

    fn start(&self, more: &str, arguments: &[&std::ffi::OsStr]) -> Running {
        let shown = self.dir.display();
        let text = format!(
            "trust = 'demo'\nsite = 'main'\nagent = 'scan'\ndata-dir = '{shown}/data'\n[broker]\nhost = '127.0.0.1'\n\
             port = {}\n[collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{shown}/token.key'\n[dicom]\n\
             listen = '127.0.0.1:{}'\n{more}",
            self.broker_port, self.port
        );
        fs::write(self.dir.join("agent.toml"), text).expect("written");
        let log = File::options().create(true).append(true).open(self.dir.join("agent.log")).expect("a log");
        let started =
            agent().args(["run", "--config"]).arg(self.dir.join("agent.toml")).args(arguments).stderr(log).running();
        await_port(self.port);
        started
    }

    fn tell(&self, called: &str, calling: &str, what: &str) -> String {
        python("performed_steps.py", &[&self.port.to_string(), called, calling, what])
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("agent.log")).expect("a log")
    }

    pub(super) fn events(&self) -> Vec<serde_json::Value> {
        let store = self.dir.join("store");
        let all = run(touchtime().args(["export", "events", "-", "--format", "ndjson", "--store"]).arg(store)).out;
        all.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

pub(super) fn python(script: &str, arguments: &[&str]) -> String {
    let python = Peer::Pynetdicom.program().expect("pynetdicom is installed");
    run(Command::new(python).arg(root().join("tests/data").join(script)).args(arguments)).good()
}

trait Start {
    fn running(&mut self) -> Running;
}

impl Start for Command {
    fn running(&mut self) -> Running {
        Running::start(self)
    }
}

/// A broker, a collector, and what an agent needs to know.
pub(super) fn department(dir: &Path) -> (Running, Running, Department<'_>) {
    let (broker, broker_port) = mosquitto(dir);
    run(agent().arg("key").arg(dir.join("token.key"))).good();
    let shown = dir.display();
    let text = format!(
        "trust = 'demo'\n[store]\ndir = '{shown}/store'\n[broker]\nhost = '127.0.0.1'\nport = {broker_port}\n\
         [collector]\nid = 'c1'\n[board]\nlisten = '127.0.0.1:{}'\n[[sites]]\nid = 'main'\nzone = 'Europe/London'\n{}",
        free_port(),
        influxdb_section(dir)
    );
    fs::write(dir.join("gateway.toml"), text).expect("written");
    let log = File::create(dir.join("collector.log")).expect("a log");
    let collector = touchtime().args(["run", "--config"]).arg(dir.join("gateway.toml")).stderr(log).running();
    (broker, collector, Department { dir, broker_port, port: free_port() })
}

/// Through a restart between the two halves of a step, past senders of nonsense, into a store; and no name or number is
/// in any byte that the agent or the collector wrote.
pub fn a_performed_step_reaches_the_store() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let (_broker, _collector, department) = department(dir);

    let first = department.agent();
    // An answer to what was never begun, a beginning, the same again, one without a start.
    let told = department.tell("TOUCHTIME", "MR1", "begin");
    assert_eq!(told, "echo 0000\nset 0112\ncreate 0000\ncreate 0111\ncreate 0120\n");
    drop(first);

    let _second = department.agent();
    for nonsense in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x01\0\0\0\0\x08cut", b"\x01\0\xff\xff\xff\xff", b"\x04\0\0\0\0\x02ab"]
    {
        let mut socket = TcpStream::connect(("127.0.0.1", department.port)).expect("connected");
        socket.write_all(nonsense).expect("sent");
    }
    // What the standard calls: by the service user, calling AE title not recognised; called one not recognised.
    assert_eq!(department.tell("TOUCHTIME", "MR9", "end"), "rejected 1 1 3\n");
    assert_eq!(department.tell("OTHER", "MR1", "end"), "rejected 1 1 7\n");
    assert!(department.log().contains("no entry of dicom.scanners has this calling AE title"), "{}", department.log());
    assert_eq!(department.tell("TOUCHTIME", "MR1", "end"), "echo 0000\nset 0000\nset 0110\n");

    let of_steps = || {
        let events = department.events().into_iter();
        events.filter(|event| event.to_string().contains("performed_step")).collect::<Vec<_>>()
    };
    await_that("both states of the step are stored", || of_steps().len() == 2);
    // 10:15:30 and 10:40 in London are 09:15:30 and 09:40 UTC.
    let text = of_steps().iter().map(ToString::to_string).collect::<String>();
    for part in ["in_progress", "completed", "1657790130000", "1657791600000", "mri-1", "MRI head"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!department.log().contains("panicked"), "{}", department.log());
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

/// The size of an object that must not be held in memory, and what the agent may hold instead.
const LARGE_MIB: u64 = 100;
const AGENT_MIB: u64 = 30;

/// Images of a step and of an exam without one, in every syntax and of any size: of each series two instants reach the
/// store, and neither name nor number nor pixel.
pub fn stored_images_become_acquisitions() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let files = tempfile::tempdir().expect("a folder");
    python("images.py", &["write", &files.path().display().to_string(), &LARGE_MIB.to_string()]);
    let (_broker, _collector, department) = department(dir);
    let running = department.agent();
    department.tell("TOUCHTIME", "MR1", "begin");
    let port = department.port.to_string();
    let stored = python("images.py", &["store", &port, "TOUCHTIME", "MR1"]);
    assert_eq!(stored, "store 0000\n".repeat(12));

    let storescu = Peer::Storescu.program().expect("dcmtk is installed");
    for (file, syntax) in [("1-explicit", "-xe"), ("2-implicit", "-xi"), ("3-large", "-xe"), ("4-compressed", "-xy")] {
        let file = files.path().join(format!("{file}.dcm"));
        let arguments = ["-v", syntax, "-aet", "MR1", "-aec", "TOUCHTIME", "127.0.0.1", &port];
        let sent = run(Command::new(&storescu).args(arguments).arg(file));
        assert_eq!(sent.code, Some(0), "{}", sent.err);
    }
    let held = private_mib(running.0.id());
    assert!(held < AGENT_MIB, "the agent holds {held} MiB after an object of {LARGE_MIB} MiB");

    let acquired = || {
        let acquired = department.events().into_iter().map(|event| event["event"]["obs"]["acquisition"].clone());
        let mut spans: Vec<(i64, i64)> = acquired
            .filter(|acquired| !acquired.is_null())
            .filter_map(|acquired| Some((acquired["first"].as_i64()?, acquired["last"].as_i64()?)))
            .collect();
        spans.sort_unstable();
        // Of a series the longest is the latest.
        spans.reverse();
        spans.dedup_by_key(|span| span.0);
        spans.reverse();
        spans
    };
    // 10:20, 10:31 and 11:00 in London, on 14 July 2022.
    let expected = [(0, 4_000), (660_000, 664_000), (2_400_000, 2_580_000)]
        .map(|(a, b)| (1_657_790_400_000 + a, 1_657_790_400_000 + b));
    await_that("the series are stored", || acquired() == expected);
    assert!(!department.log().contains("panicked"), "{}", department.log());
    put_all_beside(dir);
    assert_nothing_leaked(dir);
}

/// A worklist on which an exam is booked, put off, removed and booked again: what is said of it each time, and of the
/// exams of other stations nothing. While nobody answers, nothing is said.
pub fn the_worklist_is_followed() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let entries = tempfile::tempdir().expect("a folder");
    let of_worklist = entries.path().join("WORKLIST");
    fs::create_dir(&of_worklist).expect("a folder");
    File::create(of_worklist.join("lockfile")).expect("a file");
    let write = |name: &str, station: &str, time: &str| {
        let file = of_worklist.join(name);
        python("worklist.py", &[&file.with_extension("new").display().to_string(), "ACC-883311", station, time]);
        fs::rename(file.with_extension("new"), file).expect("renamed");
    };
    let worklist_port = free_port();
    let serve = || {
        let program = Peer::Wlmscpfs.program().expect("dcmtk is installed");
        let mut command = Command::new(program);
        let running = command.arg("-dfp").arg(entries.path()).arg(worklist_port.to_string()).running();
        await_port(worklist_port);
        running
    };
    write("one.wl", "CT1", "1200");
    write("two.wl", "CT9", "1215");
    let worklist = serve();

    let (_broker, _collector, department) = department(dir);
    let _agent = department.agent_with(&format!(
        "scanners = [{{ calling = 'CT1', room = 'ct-1' }}]\n[worklist]\naddress = '127.0.0.1:{worklist_port}'\n\
         every-seconds = 1\nretry-at-most-seconds = 2\n"
    ));
    let said = || {
        let of_exams = |event: &serde_json::Value| {
            let obs = &event["event"]["obs"];
            ["booking", "cancellation", "correction"].into_iter().find(|kind| !obs[*kind].is_null())
        };
        department.events().iter().filter_map(of_exams).collect::<Vec<_>>()
    };
    await_that("the exam is booked", || said() == ["booking"]);
    let first = department.events().into_iter().find(|event| !event["event"]["obs"]["booking"].is_null());
    let first = first.expect("a booking")["event"].clone();
    assert_eq!((&first["room"], &first["obs"]["booking"]["procedure"]), (&"ct-1".into(), &"CT head".into()));

    write("one.wl", "CT1", "1300");
    await_that("it is put off", || said() == ["booking", "booking"]);
    fs::remove_file(of_worklist.join("one.wl")).expect("removed");
    await_that("it is removed", || said() == ["booking", "booking", "cancellation"]);
    drop(worklist);
    await_that("the worklist is missed", || department.log().contains("the worklist cannot be asked"));
    write("one.wl", "CT1", "1300");
    let _worklist = serve();
    await_that("it is back", || said() == ["booking", "booking", "cancellation", "correction"]);
    assert!(department.log().contains("the worklist answers again"), "{}", department.log());
    assert!(!department.log().contains("panicked"), "{}", department.log());
    put_all_beside(dir);
    assert_nothing_leaked(dir);
}

/// Memory of a process that is its own.
fn private_mib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a Linux that tells it");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

/// dcmtk's `echoscu` finds the agent, and is refused under a name that is not listed.
pub fn echoscu_is_answered() {
    let dir = tempfile::tempdir().expect("a folder");
    run(agent().arg("key").arg(dir.path().join("token.key"))).good();
    let department = Department { dir: dir.path(), broker_port: free_port(), port: free_port() };
    let _agent = department.agent();
    let echo = |calling: &str| {
        let program = Peer::Dcmtk.program().expect("dcmtk is installed");
        let port = department.port.to_string();
        run(Command::new(program).args(["-aet", calling, "-aec", "TOUCHTIME", "127.0.0.1", &port])).code
    };
    assert_eq!(echo("MR1"), Some(0));
    assert_ne!(echo("MR9"), Some(0));
}

/// An agent that listens to no scanner tells of its worklist all the same.
pub fn a_worklist_without_a_listener_is_told_of() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    run(agent().arg("key").arg(dir.join("token.key"))).good();
    let (shown, nobody) = (dir.display(), free_port());
    let text = format!(
        "trust = 'demo'\nsite = 'main'\nagent = 'scan'\ndata-dir = '{shown}/data'\n[broker]\nhost = '127.0.0.1'\nport = {}\n\
         [collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{shown}/token.key'\n[dicom]\n\
         scanners = [{{ calling = 'CT1', room = 'ct-1' }}]\n[worklist]\naddress = '127.0.0.1:{nobody}'\nevery-seconds = 1\n",
        free_port()
    );
    fs::write(dir.join("agent.toml"), text).expect("written");
    let log = File::create(dir.join("agent.log")).expect("a log");
    let _agent = agent().args(["run", "--config"]).arg(dir.join("agent.toml")).stderr(log).running();
    for command in ["outbox", "check"] {
        await_that(&format!("{command} tells of the worklist"), || {
            let said = run(agent().args([command, "--config"]).arg(dir.join("agent.toml")));
            format!("{}{}", said.out, said.err).contains("the worklist cannot be asked")
        });
    }
}
