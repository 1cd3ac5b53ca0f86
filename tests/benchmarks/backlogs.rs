//! A hundred agents with full outboxes send all they have through mosquitto: how long until a collector has it on disk,
//! beside a subscriber that does nothing but confirm what it receives?
//!
//! The agents are plain MQTT clients, each with a stream of its own and as many batches under way as a real agent has. With
//! the collector, a batch is under way until its acknowledgement comes, which follows the commit; with the bare subscriber,
//! until the broker has taken it.
//!
//! ```sh
//! cargo build --release
//! cargo bench -p touchtime-tests --bench backlogs
//! ```

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use touchtime_tests::collector::{peak_mib, release_collector};
use touchtime_tests::mqtt::{Client, Packet};
use touchtime_tests::peer::{Running, await_that, free_port, mosquitto};

/// Events in a batch, batches under way: an agent's own.
const EVENTS: u64 = 64;
const WINDOW: u64 = 16;
const RUNS: usize = 3;

fn main() {
    let (mut agents, mut batches) = (100, 80);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).expect("a number");
        match name.as_str() {
            "--agents" => agents = number(),
            "--batches" => batches = number(),
            // Cargo's own.
            "--bench" => {}
            other => panic!("unknown argument {other} (known: --agents, --batches)"),
        }
    }
    let events = agents * batches * EVENTS;
    println!("{agents} agents with {} events each, {events} in all", batches * EVENTS);
    for _ in 0..RUNS {
        let bare = into_nothing(agents, batches);
        tell("bare subscriber", events, &bare);
        let stored = into_a_store(agents, batches);
        tell("collector", events, &stored);
        println!("the collector takes {:.0} % of what the bare subscriber does", 100.0 * bare.wall / stored.wall);
    }
}

struct Outcome {
    wall: f64,
    /// Of the receiving process, if it is one of its own: seconds of processor, and the most memory in MiB.
    process: Option<(f64, u64)>,
}

fn tell(who: &str, events: u64, outcome: &Outcome) {
    print!("{who:<16} {:.2} s, {:.0} events a second", outcome.wall, events as f64 / outcome.wall);
    match outcome.process {
        Some((cpu, memory)) => println!(", processor {cpu:.2} s, memory {memory} MiB"),
        None => println!(),
    }
}

/// What a subscriber receives that only confirms.
fn into_nothing(agents: u64, batches: u64) -> Outcome {
    let dir = tempfile::tempdir().expect("a folder");
    let (_broker, port) = mosquitto(dir.path());
    let mut subscriber = Client::connect(port, "bare");
    subscriber.subscribe_confirming("touchtime/v1/demo/+/agents/+/events");
    let (start, senders) = send(port, agents, batches, false);
    start.wait();
    let begin = Instant::now();
    let mut left = agents * batches;
    while left > 0 {
        if let Packet::Message { id: Some(id), .. } = subscriber.next_packet().expect("the broker goes on") {
            subscriber.confirm(id);
            left -= 1;
        }
    }
    let wall = begin.elapsed().as_secs_f64();
    senders.into_iter().for_each(|sender| sender.join().expect("an agent ends"));
    Outcome { wall, process: None }
}

/// Until each agent has been told that all its events are stored.
fn into_a_store(agents: u64, batches: u64) -> Outcome {
    let dir = tempfile::tempdir().expect("a folder");
    let (_broker, port) = mosquitto(dir.path());
    let collector = release_collector(dir.path(), port, free_port());
    let mut first = Client::connect(port, "first");
    await_that("the collector answers", || answers(&mut first));
    let before = processor_seconds(&collector);
    let (start, senders) = send(port, agents, batches, true);
    start.wait();
    let begin = Instant::now();
    senders.into_iter().for_each(|sender| sender.join().expect("an agent ends"));
    let wall = begin.elapsed().as_secs_f64();
    Outcome { wall, process: Some((processor_seconds(&collector) - before, peak_mib(&collector))) }
}

/// The agents, connected and with all batches made, waiting for the start.
fn send(port: u16, agents: u64, batches: u64, acknowledged: bool) -> (Arc<Barrier>, Vec<thread::JoinHandle<()>>) {
    let start = Arc::new(Barrier::new(usize::try_from(agents).expect("a few") + 1));
    let ready = Arc::new(Barrier::new(usize::try_from(agents).expect("a few") + 1));
    let senders = (1..=agents)
        .map(|agent| {
            let (start, ready) = (Arc::clone(&start), Arc::clone(&ready));
            thread::spawn(move || {
                let outbox: Vec<_> = (0..batches).map(|n| batch(agent, 1 + n * EVENTS)).collect();
                let address = format!("touchtime/v1/demo/main/agents/agent-{agent}");
                let mut client = Client::connect(port, &format!("agent-{agent}"));
                client.subscribe(&format!("{address}/ack/c1"));
                client.set_patience(Duration::from_secs(60));
                ready.wait();
                start.wait();
                drain(&mut client, &format!("{address}/events"), &outbox, acknowledged);
            })
        })
        .collect();
    ready.wait();
    (start, senders)
}

fn drain(client: &mut Client, topic: &str, outbox: &[Vec<u8>], acknowledged: bool) {
    let (mut sent, mut done) = (0, 0);
    let all = outbox.len() as u64;
    let mut confirmed = 0;
    while done < all || confirmed < all {
        if sent < all && sent - done < WINDOW {
            client.publish(topic, &outbox[usize::try_from(sent).expect("a few")]);
            sent += 1;
            continue;
        }
        match client.next_packet().expect("an answer comes in time") {
            Packet::PubAck { reason, .. } => {
                assert!(reason == 0 || reason == 16, "the broker refuses with {reason}");
                confirmed += 1;
                if !acknowledged {
                    done += 1;
                }
            }
            Packet::Message { payload, .. } => {
                let ack: serde_json::Value = serde_json::from_slice(&payload).expect("an acknowledgement");
                done = ack["through"].as_u64().expect("a seq") / EVENTS;
            }
            Packet::SubAck | Packet::Disconnect(_) => panic!("not expected"),
        }
    }
}

/// Milestones of a room's cases.
fn batch(agent: u64, first: u64) -> Vec<u8> {
    const NAMES: [&str; 4] = ["into_theatre", "procedure_start", "procedure_end", "out_of_theatre"];
    let events: Vec<String> = (first..first + EVENTS)
        .map(|seq| {
            let at = 1_644_585_000_000 + seq * 900_000;
            format!(
                "{{\"v\":1,\"at\":{at},\"captured\":{},\"mono\":{},\"clock\":\"external\",\
                 \"source\":\"theatre-system\",\"order\":{seq},\"room\":\"suite-{agent}\",\"obs\":{{\"milestone\":{{\
                 \"case\":\"0.{:032x}\",\"name\":\"{}\"}}}}}}",
                at + 2000,
                seq * 900_000,
                u128::from(agent) << 64 | u128::from(seq / 4),
                NAMES[usize::try_from(seq % 4).expect("small")]
            )
        })
        .collect();
    let events = events.join(",");
    format!("{{\"v\":1,\"stream\":\"{agent:032x}\",\"first\":{first},\"floor\":1,\"events\":[{events}]}}").into_bytes()
}

fn answers(client: &mut Client) -> bool {
    client.set_patience(Duration::from_millis(300));
    client.subscribe("touchtime/v1/demo/main/agents/agent-0/ack/c1");
    client.publish("touchtime/v1/demo/main/agents/agent-0/events", &batch(0, 1));
    loop {
        match client.next_packet() {
            Ok(Packet::Message { .. }) => return true,
            Ok(Packet::PubAck { .. } | Packet::SubAck | Packet::Disconnect(_)) => {}
            Err(_) => return false,
        }
    }
}

/// Seconds of processor that a process has used.
fn processor_seconds(process: &Running) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", process.0.id())).unwrap_or_default();
    // After the name in brackets: state is the first, user and system time the 12th and 13th, in hundredths.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
