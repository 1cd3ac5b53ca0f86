//! Fifty scanners at once: performed steps begun and ended at an agent, and at a server of pynetdicom that keeps them in
//! memory, told by the same client.
//!
//! ```sh
//! pip install pynetdicom        # into target/ci-python, or the system's Python
//! cargo build --release -p edge-agent-linux
//! cargo bench -p touchtime-tests --bench performed_steps
//! ```

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use chrono_tz::Tz;
use scanner_simulator::{Association, CALLED, Department, SCANNERS, Status, Step};
use touchtime_tests::peer::{Peer, Running, await_port, free_port};
use touchtime_tests::programs::{release_agent, root};

const ASSOCIATIONS: usize = 50;
const PAIRS: usize = 40;
const RUNS: usize = 3;

fn main() {
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    let python = Peer::Pynetdicom.program().expect("pynetdicom is installed");
    let (ours, theirs) = (free_port(), free_port());
    let agent = agent(dir.path(), ours);
    let script = root().join("tests/benchmarks/performed_steps_server.py");
    let server = Running::start(Command::new(python).arg(script).arg(theirs.to_string()).arg(CALLED));
    for port in [ours, theirs] {
        await_port(port);
    }
    with_all_open(&client, ours, &agent, "before any step");
    println!("{ASSOCIATIONS} associations, {PAIRS} pairs of N-CREATE and N-SET on each, {RUNS} runs in turns");
    for run in 0..RUNS {
        tell("touchtime-agent", &client.block_on(all(ours, run)), &agent);
        tell("pynetdicom", &client.block_on(all(theirs, run)), &server);
    }
    with_all_open(&client, ours, &agent, "with what they told waiting for a collector");
}

fn with_all_open(client: &tokio::runtime::Runtime, port: u16, agent: &Running, when: &str) {
    let open = client.block_on(async {
        let mut open = Vec::new();
        for _ in 0..ASSOCIATIONS {
            let mut association = Association::open(address(port), SCANNERS[0].title, CALLED).await.expect("open");
            assert_eq!(association.echo().await.expect("answered"), Status::SUCCESS);
            open.push(association);
        }
        open
    });
    println!("touchtime-agent with {} associations open, {when}: RssAnon {} kB", open.len(), status(agent, "RssAnon:"));
}

/// What a run gave.
struct Run {
    took: Duration,
    answers: Vec<Duration>,
    client: f64,
}

async fn all(port: u16, run: usize) -> Run {
    let day = NaiveDate::from_ymd_opt(2022, 2, 1).expect("a date");
    let step = Department::new(1, &[day], Tz::Europe__London).days.swap_remove(0).steps.swap_remove(0);
    let mut open = Vec::new();
    for _ in 0..ASSOCIATIONS {
        open.push(Association::open(address(port), SCANNERS[0].title, CALLED).await.expect("an association"));
    }
    let (begin, spent) = (Instant::now(), processor_seconds("self"));
    let mut tasks = tokio::task::JoinSet::new();
    for (n, association) in open.into_iter().enumerate() {
        tasks.spawn(one(association, step.clone(), format!("2.25.{}", 1 + run * ASSOCIATIONS + n)));
    }
    let mut answers = Vec::new();
    while let Some(done) = tasks.join_next().await {
        answers.append(&mut done.expect("a scanner goes through"));
    }
    answers.sort_unstable();
    Run { took: begin.elapsed(), answers, client: processor_seconds("self") - spent }
}

async fn one(mut association: Association, mut step: Step, uid: String) -> Vec<Duration> {
    let mut answers = Vec::with_capacity(2 * PAIRS);
    for pair in 0..PAIRS {
        step.uid = format!("{uid}.{pair}");
        let begin = Instant::now();
        assert_eq!(association.create(SCANNERS[0], &step).await.expect("answered"), Status::SUCCESS);
        let between = Instant::now();
        assert_eq!(association.set(&step).await.expect("answered"), Status::SUCCESS);
        answers.extend([between - begin, between.elapsed()]);
    }
    association.release().await.expect("released");
    answers
}

fn tell(who: &str, run: &Run, process: &Running) {
    let pairs = (ASSOCIATIONS * PAIRS) as f64 / run.took.as_secs_f64();
    let at = |share: usize| {
        run.answers.get(run.answers.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    println!(
        "{who:<16} {pairs:>7.0} pairs a second; an answer {:>7.2} / {:>7.2} ms (median, p99); client {:.2} of {:.2} s; server {:.2} s of processor so far",
        at(50),
        at(99),
        run.client,
        run.took.as_secs_f64(),
        processor_seconds(&process.0.id().to_string()),
    );
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The release build's agent; nobody collects from it.
fn agent(dir: &Path, port: u16) -> Running {
    let program = release_agent();
    let key = dir.join("token.key");
    let made = Command::new(&program).arg("key").arg(&key).status().expect("the agent starts");
    assert!(made.success(), "a key is made");
    let config = dir.join("agent.toml");
    let text = format!(
        "trust = 'demo'\nsite = 'main'\nagent = 'scan'\ndata-dir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n[collectors]\n\
         required = ['c1']\n[tokens]\nkey-file = '{}'\n[dicom]\nlisten = '127.0.0.1:{port}'\nmax-associations = 100\n\
         scanners = [{{ calling = '{}', room = 'mri-1' }}]\n",
        dir.join("data").display(),
        free_port(),
        key.display(),
        SCANNERS[0].title,
    );
    std::fs::write(&config, text).expect("written");
    Running::start(Command::new(&program).args(["run", "--config"]).arg(&config).env("TOUCHTIME_LOG", "off"))
}

fn status(process: &Running, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// User and system time of a process.
fn processor_seconds(process: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let fields = text.rsplit_once(')').expect("a name").1.split_whitespace().skip(11).take(2);
    // Hundredths of a second on Linux.
    fields.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / 100.0
}
