//! Messages of a hospital system a second, each answered before the next one on its connection: at an agent, which answers
//! when what it told is on the disk; at the server of PyPI's hl7, which keeps nothing; and at that server with a file to
//! which it adds each message before its answer, on the disk as well.
//!
//! ```sh
//! pip install hl7               # into target/ci-python, or the system's Python
//! cargo build --release -p edge-agent-linux
//! cargo bench -p touchtime-tests --bench hl7_messages
//! ```

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use touchtime_tests::peer::{Peer, Running, await_port, free_port};
use touchtime_tests::programs::{release_agent, root};

const CONNECTIONS: usize = 50;
const MESSAGES: usize = 200;
const RUNS: usize = 3;

fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let python = Peer::Pynetdicom.program().expect("Python with hl7 is installed");
    let (ours, theirs, keeping) = (free_port(), free_port(), free_port());
    let _agent = agent(dir.path(), ours);
    let script = root().join("tests/benchmarks/hl7_server.py");
    let _server = Running::start(Command::new(&python).arg(&script).arg(theirs.to_string()));
    let kept = dir.path().join("messages");
    let _keeping = Running::start(Command::new(&python).arg(&script).arg(keeping.to_string()).arg(&kept));
    for port in [ours, theirs, keeping] {
        await_port(port);
    }
    println!("{CONNECTIONS} connections, {MESSAGES} messages one after the other on each, {RUNS} runs in turns");
    for run in 0..RUNS {
        tell("touchtime-agent", all(ours, run));
        tell("hl7, keeps nothing", all(theirs, run));
        tell("hl7, adds to a file", all(keeping, run));
    }
}

/// How long all took, and each answer.
fn all(port: u16, run: usize) -> (Duration, Vec<Duration>) {
    let sockets: Vec<TcpStream> =
        (0..CONNECTIONS).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("connected")).collect();
    let begin = Instant::now();
    let senders: Vec<_> = sockets
        .into_iter()
        .enumerate()
        .map(|(n, socket)| std::thread::spawn(move || one(&socket, run * CONNECTIONS + n)))
        .collect();
    let mut answers: Vec<Duration> =
        senders.into_iter().flat_map(|sender| sender.join().expect("a sender goes through")).collect();
    answers.sort_unstable();
    (begin.elapsed(), answers)
}

fn one(mut socket: &TcpStream, number: usize) -> Vec<Duration> {
    let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
    let mut answers = Vec::with_capacity(MESSAGES);
    for n in 0..MESSAGES {
        let message = message(number * MESSAGES + n);
        let begin = Instant::now();
        socket.write_all(message.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        reader.read_until(0x1c, &mut answer).expect("answered");
        reader.read_until(b'\r', &mut Vec::new()).expect("answered");
        answers.push(begin.elapsed());
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains("MSA|AA|"), "{answer}");
    }
    answers
}

/// Knife to skin, as the shipped mapping of a theatre system reads it.
fn message(n: usize) -> String {
    let (hour, minute) = (8 + n / 60 % 12, n % 60);
    let at = format!("202207{:02}{hour:02}{minute:02}00", 1 + n / 720 % 28);
    format!(
        "\x0bMSH|^~\\&|THEATRES|NORTH|TOUCHTIME|NORTH|{at}||ADT^Z01|B{n:08}|P|2.4\rEVN|Z01|{at}\r\
         ZTH|1|C-{n}|4|KTS|{at}\r\x1c\r"
    )
}

fn tell(who: &str, (took, answers): (Duration, Vec<Duration>)) {
    let count = answers.len();
    let at = |share: usize| answers.get(count * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    println!(
        "{who:<19} {:>7.0} messages a second; an answer {:>6.2} / {:>6.2} ms (median, p99)",
        count as f64 / took.as_secs_f64(),
        at(50),
        at(99)
    );
}

/// The release build's agent; nobody collects from it.
fn agent(dir: &Path, port: u16) -> Running {
    let program = release_agent();
    let key = dir.join("token.key");
    assert!(Command::new(&program).arg("key").arg(&key).status().expect("the agent starts").success(), "a key is made");
    let config = dir.join("agent.toml");
    let text = format!(
        "trust = 'demo'\nsite = 'main'\nagent = 'hosp'\ndata-dir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n[collectors]\n\
         required = ['c1']\n[tokens]\nkey-file = '{}'\n[hl7]\nmax-connections = 100\nlisten = '127.0.0.1:{port}'\n\
         mappings = ['{}/docs/hl7/theatre-system.toml']\n",
        dir.join("data").display(),
        free_port(),
        key.display(),
        root().display(),
    );
    std::fs::write(&config, text).expect("written");
    Running::start(Command::new(&program).args(["run", "--config"]).arg(&config).env("TOUCHTIME_LOG", "off"))
}
