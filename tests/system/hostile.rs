//! An agent that sends what it likes: others' events go on, and what cannot be read is kept and counted.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use touchtime_tests::mqtt::{Client, Packet, RudeBroker};
use touchtime_tests::peer::{Running, await_port, await_that, free_port, mosquitto};
use touchtime_tests::programs::{root, run, touchtime};
use touchtime_tests::web;

/// Each agent has a stream of its own.
const HONEST: &str = "00000000000000000000000000000001";
const HOSTILE: &str = "00000000000000000000000000000002";

fn events_topic(agent: &str) -> String {
    format!("touchtime/v1/demo/main/agents/{agent}/events")
}

/// An agent, and how far the collector has answered it.
struct Sender {
    client: Client,
    agent: &'static str,
    through: u64,
}

impl Sender {
    fn connect(port: u16, agent: &'static str) -> Self {
        let mut client = Client::connect(port, agent);
        client.subscribe(&format!("touchtime/v1/demo/main/agents/{agent}/ack/c1"));
        Self { client, agent, through: 0 }
    }

    fn send(&mut self, payload: &[u8]) -> u8 {
        let through = &mut self.through;
        self.client.publish_and_wait(&events_topic(self.agent), payload, |packet| note(through, packet))
    }

    fn await_through(&mut self, seq: u64) {
        while self.through < seq {
            let packet = self.client.next_packet().expect("an acknowledgement comes");
            note(&mut self.through, packet);
        }
    }
}

fn note(through: &mut u64, packet: Packet) {
    if let Packet::Message { payload, .. } = packet {
        let ack: serde_json::Value = serde_json::from_slice(&payload).expect("an acknowledgement");
        *through = (*through).max(ack["through"].as_u64().expect("a number"));
    }
}

fn batch(stream: &str, first: u64, events: &[&[u8]]) -> Vec<u8> {
    let head = format!("{{\"v\":1,\"stream\":\"{stream}\",\"first\":{first},\"floor\":1,\"events\":[");
    [head.as_bytes(), &events.join(&b","[..]), b"]}"].concat()
}

fn milestone() -> Vec<u8> {
    let golden =
        std::fs::read(root().join("firmware/room-events/tests/golden/milestone.json")).expect("the golden event");
    golden.trim_ascii().to_vec()
}

/// Messages of which each is kept in quarantine as a whole.
fn messages() -> Vec<Vec<u8>> {
    let good = milestone();
    let future = String::from_utf8(batch(HOSTILE, 1, &[&good])).expect("UTF-8").replacen("\"v\":1", "\"v\":2", 1);
    let many: Vec<&[u8]> = vec![&good; 65];
    vec![
        b"".to_vec(),
        b"hello".to_vec(),
        b"\xff\xfe\x00\x01".to_vec(),
        b"[".repeat(60_000),
        [b"{\"v\":".repeat(10_000), b"1".to_vec()].concat(),
        future.into_bytes(),
        // Longer than a batch may be, and short enough for the broker to hand on.
        [batch(HOSTILE, 1, &[&good]), b" ".repeat(65_600)].concat(),
        batch(HOSTILE, 1, &many),
        batch(HOSTILE, 0, &[&good]),
        batch(HOSTILE, u64::MAX, &[&good]),
    ]
}

/// Events of which each is kept in quarantine under its own number.
fn bad_events() -> Vec<Vec<u8>> {
    let good = String::from_utf8(milestone()).expect("UTF-8");
    let not_utf_8 = good.split("suite-2").map(str::as_bytes).collect::<Vec<_>>().join(&b"suite-\xff"[..]);
    vec![
        good.replacen("\"v\":1", "\"v\":2", 1).into_bytes(),
        [b"[".repeat(60), b"]".repeat(60)].concat(),
        // Deeper than the envelope's reader follows: its neighbours are stored all the same.
        [b"[".repeat(5_000), b"]".repeat(5_000)].concat(),
        not_utf_8,
        good.replacen('{', &format!("{{\"pad\":\"{}\",", "x".repeat(2_000)), 1).into_bytes(),
        b"7".to_vec(),
        b"{}".to_vec(),
    ]
}

pub fn what_cannot_be_read_is_kept_and_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    // Without the shipped limits, so that the collector has to stand on its own.
    let (_broker, port) = mosquitto(dir.path());
    let board = free_port();
    let (mut collector, log) = collector(dir.path(), port, board);
    let mut honest = Sender::connect(port, "honest");
    let mut hostile = Sender::connect(port, "hostile");
    let good = milestone();

    // Without a subscriber the broker drops a message, as it does with an agent's, which sends again.
    honest.client.set_patience(Duration::from_millis(300));
    await_that("the collector answers", || {
        honest.send(&batch(HONEST, 1, &[&good]));
        while let Ok(packet) = honest.client.next_packet() {
            note(&mut honest.through, packet);
        }
        honest.through == 1
    });
    honest.client.set_patience(Duration::from_secs(30));
    let mut next = 2;
    let mut honest_goes_on = |honest: &mut Sender| {
        honest.send(&batch(HONEST, next, &[&good, &good]));
        honest.await_through(next + 1);
        next += 2;
    };

    let messages = messages();
    for message in &messages {
        hostile.send(message);
        honest_goes_on(&mut honest);
    }
    let bad = bad_events();
    let mut events: Vec<&[u8]> = vec![&good];
    events.extend(bad.iter().map(Vec::as_slice));
    events.push(&good);
    hostile.send(&batch(HOSTILE, 1, &events));
    hostile.await_through(events.len() as u64);
    // What is too long for a packet, on no topic of ours, or no status, counts for nothing and harms nobody.
    let mut stranger = Sender::connect(port, "stranger");
    stranger.send(&vec![b'x'; 1 << 20]);
    let odd = ["touchtime/v1/demo/main/agents/Not An Id/events", "touchtime/v1/demo/main/agents/stranger/status"];
    for topic in odd {
        for payload in [&b""[..], b"\xff\xff", &b"[".repeat(50_000)] {
            stranger.client.publish_and_wait(topic, payload, |_| ());
        }
    }
    honest_goes_on(&mut honest);

    let expected = format!("{} held", messages.len() + bad.len());
    await_that("the board counts what is in quarantine", || web::get(board, "/").1.contains(&expected));
    let store = dir.path().join("store");
    let list = run(touchtime().args(["quarantine", "list", "--format", "csv", "--store"]).arg(&store)).good();
    let with = |cause: &str| list.lines().filter(|line| line.contains(&format!(",hostile,{cause}"))).count();
    let keyed = format!("{HOSTILE},");
    assert_eq!(with(",,envelope,"), messages.len(), "{list}");
    assert_eq!(with(&keyed), bad.len(), "{list}");
    assert_eq!(list.matches(",version,").count(), 1, "an event of a later version is told from a bad one:\n{list}");
    // Whatever a search has ever found, too; some of these are batches and are stored.
    for file in std::fs::read_dir(root().join("tests/fuzz/corpus/batch")).expect("the corpus") {
        hostile.send(&std::fs::read(file.expect("an entry").path()).expect("an input"));
        honest_goes_on(&mut honest);
    }

    assert!(collector.0.try_wait().expect("a child can be asked").is_none(), "the collector has ended");
    let said = std::fs::read_to_string(&log).expect("the log");
    assert!(!said.contains("panicked"), "{said}");
    drop(collector);
    let file = dir.path().join("events.ndjson");
    run(touchtime().args(["export", "events", "--format", "ndjson", "--store"]).arg(&store).arg(&file)).good();
    let stored = std::fs::read_to_string(&file).expect("the export");
    let of = |agent: &str| stored.lines().filter(|line| line.contains(&format!("\"agent\":\"{agent}\""))).count();
    assert_eq!(of("honest") as u64, honest.through);
    assert!(of("hostile") >= 2, "the good neighbours of bad events are stored");
    assert_eq!(of("stranger"), 0);
}

pub fn a_broker_that_keeps_to_no_limit_stops_nothing() {
    const BATCHES: u64 = 12_000;
    const WINDOW: u64 = 512;
    let dir = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (mut collector, log) = collector(dir.path(), port, free_port());
    let mut broker = RudeBroker::serve(&listener);
    // A client that stops reading shall fail here, not hang.
    broker.set_patience(Duration::from_secs(30));
    let (topic, event) = (events_topic("honest"), milestone());
    let (mut through, mut sent, mut in_vain) = (0, 0, 0);
    while through < BATCHES {
        // First everything at once; then, as an agent does, a window of what is not acknowledged.
        let end = if sent == 0 { BATCHES } else { BATCHES.min(through + WINDOW) };
        let before = through;
        for seq in through + 1..=end {
            broker.send(&topic, &batch(HONEST, seq, &[&event]));
        }
        sent = sent.max(end);
        while through < end {
            let Some(payload) = broker.published(Duration::from_secs(1)) else { break };
            let ack: serde_json::Value = serde_json::from_slice(&payload).expect("an acknowledgement");
            through = through.max(ack["through"].as_u64().expect("a number"));
        }
        in_vain = if through > before { 0 } else { in_vain + 1 };
        assert!(in_vain < 10, "nothing more is acknowledged after {through}");
    }
    assert!(collector.0.try_wait().expect("a child can be asked").is_none(), "the collector has ended");
    let said = std::fs::read_to_string(&log).expect("the log");
    assert!(!said.contains("panicked"), "{said}");
}

/// A collector that was killed cannot say so; the next one does, once, and one that was asked to stop leaves nothing to tell.
pub fn a_killed_collector_is_told_by_the_next_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_broker, port) = mosquitto(dir.path());
    let told = |log: &Path| std::fs::read_to_string(log).expect("the log").contains("the collector before this one");
    let start = || {
        let board = free_port();
        let (running, log) = collector(dir.path(), port, board);
        await_port(board);
        (running, log)
    };
    let (first, log) = start();
    await_that("it says that it collects", || dir.path().join("store/collecting").exists());
    assert!(!told(&log));
    drop(first);
    let stop = |mut running: Running| {
        let done = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status();
        assert!(done.expect("kill runs").success());
        await_that("it stops", || running.0.try_wait().expect("a child can be asked").is_some());
        assert!(!dir.path().join("store/collecting").exists());
    };
    let (second, log) = start();
    await_that("the second one tells", || told(&log));
    stop(second);
    let (third, log) = start();
    await_that("it says that it collects", || dir.path().join("store/collecting").exists());
    stop(third);
    assert!(!told(&log));
}

fn collector(dir: &Path, broker: u16, board: u16) -> (Running, std::path::PathBuf) {
    let (config, log) = (dir.join("gateway.toml"), dir.join("collector.log"));
    let text = format!(
        "trust = \"demo\"\n[store]\ndir = '{}'\n[broker]\nhost = \"127.0.0.1\"\nport = {broker}\n[board]\nlisten = \"127.0.0.1:{board}\"\n\
         [[sites]]\nid = \"main\"\n",
        dir.join("store").display()
    );
    std::fs::write(&config, text).expect("written");
    let stderr = std::fs::File::create(&log).expect("a log");
    (Running::start(touchtime().args(["run", "--config"]).arg(&config).stderr(stderr)), log)
}
