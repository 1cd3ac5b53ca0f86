//! One agent floods a collector through mosquitto: how long do the others wait, and how much memory does it take?
//!
//! Every agent sends one batch of ten events each second; a batch's wait lasts from the instant when it was due until the
//! collector has acknowledged its last event, so that a wait longer than a second is not hidden by the batches that were
//! not sent meanwhile. First without the flood, then with it.
//!
//! ```sh
//! cargo build --release
//! cargo bench -p touchtime-tests --bench flood
//! cargo bench -p touchtime-tests --bench flood -- --factor 0      # as fast as the broker takes it
//! cargo bench -p touchtime-tests --bench flood -- --garbage       # no batches at all
//! ```

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use touchtime_tests::collector::{peak_mib, release_collector};
use touchtime_tests::mqtt::{Client, Packet};
use touchtime_tests::peer::{Running, await_that, free_port, mosquitto};

const EVENTS: u64 = 10;
/// The broker confirms so many at once; more is against the protocol.
const OUTSTANDING: u64 = 200;

/// A batch without an answer for so long is counted as unanswered.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
struct Load {
    agents: u64,
    seconds: u64,
    /// Times an ordinary agent's rate; 0: without a pause.
    factor: u64,
    garbage: bool,
}

fn main() {
    let load = arguments();
    let dir = tempfile::tempdir().expect("a folder");
    let (broker, port) = mosquitto(dir.path());
    let collector = release_collector(dir.path(), port, free_port());
    let mut first = Client::connect(port, "agent-0");
    await_that("the collector answers", || answers(&mut first));
    drop(first);

    println!("{} agents with one batch of {EVENTS} events a second, each phase {} s", load.agents, load.seconds);
    let quiet = others(port, load, 0);
    tell("without a flood", &quiet, &collector, &broker);
    let stop = Arc::new(AtomicBool::new(false));
    let flood = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || flood(port, load, &stop))
    };
    let flooded = others(port, load, load.seconds);
    stop.store(true, Ordering::Relaxed);
    let sent = flood.join().expect("the flood ends");
    tell("in the flood", &flooded, &collector, &broker);
    println!("flood: {sent} messages in {} s, {} a second", load.seconds, sent / load.seconds.max(1));
}

fn arguments() -> Load {
    let mut load = Load { agents: 20, seconds: 30, factor: 100, garbage: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).expect("a number");
        match name.as_str() {
            "--agents" => load.agents = number(),
            "--seconds" => load.seconds = number(),
            "--factor" => load.factor = number(),
            "--garbage" => load.garbage = true,
            // Cargo's own.
            "--bench" => {}
            other => panic!("unknown argument {other} (known: --agents, --seconds, --factor, --garbage)"),
        }
    }
    load
}

/// Whether a first batch is acknowledged; without the collector's subscription the broker drops it.
fn answers(client: &mut Client) -> bool {
    client.set_patience(Duration::from_millis(300));
    client.subscribe("touchtime/v1/demo/main/agents/agent-0/ack/c1");
    client.publish("touchtime/v1/demo/main/agents/agent-0/events", &batch(u128::MAX, 1));
    loop {
        match client.next_packet() {
            Ok(Packet::Message { .. }) => return true,
            Ok(Packet::PubAck { .. } | Packet::SubAck | Packet::Disconnect(_)) => {}
            Err(_) => return false,
        }
    }
}

/// Ten milestones of ten cases.
fn batch(stream: u128, first: u64) -> Vec<u8> {
    let events: Vec<String> = (first..first + EVENTS)
        .map(|seq| {
            format!(
                "{{\"v\":1,\"at\":1644585000000,\"captured\":1644585002000,\"mono\":86400123,\"clock\":\"external\",\
                 \"source\":\"theatre-system\",\"order\":{seq},\"room\":\"suite-2\",\"obs\":{{\"milestone\":{{\
                 \"case\":\"0.{seq:032x}\",\"name\":\"into_theatre\"}}}}}}"
            )
        })
        .collect();
    let events = events.join(",");
    format!("{{\"v\":1,\"stream\":\"{stream:032x}\",\"first\":{first},\"floor\":1,\"events\":[{events}]}}").into_bytes()
}

/// Waits of all batches of the ordinary agents, in order of length. `phase` makes their streams new ones.
fn others(port: u16, load: Load, phase: u64) -> Vec<Duration> {
    let agents: Vec<_> =
        (1..=load.agents).map(|agent| thread::spawn(move || other(port, load, phase, agent))).collect();
    let mut waits: Vec<Duration> = agents.into_iter().flat_map(|agent| agent.join().expect("an agent ends")).collect();
    waits.sort();
    waits
}

fn other(port: u16, load: Load, phase: u64, agent: u64) -> Vec<Duration> {
    let address = format!("touchtime/v1/demo/main/agents/agent-{agent}");
    let mut client = Client::connect(port, &format!("agent-{agent}"));
    client.subscribe(&format!("{address}/ack/c1"));
    client.set_patience(PATIENCE);
    let stream = u128::from(phase) << 64 | u128::from(agent);
    // Spread over the second.
    let begin = Instant::now() + Duration::from_millis(1000 * agent / load.agents);
    let mut waits = Vec::new();
    for n in 0..load.seconds {
        let due = begin + Duration::from_secs(n);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        client.publish(&format!("{address}/events"), &batch(stream, 1 + n * EVENTS));
        let last = (n + 1) * EVENTS;
        loop {
            match client.next_packet() {
                Ok(packet) if through(&packet) >= Some(last) => break,
                Ok(_) => {}
                // A real agent sends again; here the first try is what counts.
                Err(_) => {
                    waits.push(Duration::MAX);
                    return waits;
                }
            }
        }
        waits.push(due.elapsed());
    }
    waits
}

fn through(packet: &Packet) -> Option<u64> {
    let Packet::Message { payload, .. } = packet else { return None };
    serde_json::from_slice::<serde_json::Value>(payload).ok()?["through"].as_u64()
}

/// Sends until it is stopped; returns how many messages.
fn flood(port: u16, load: Load, stop: &AtomicBool) -> u64 {
    let mut client = Client::connect(port, "flood");
    let confirmed = Arc::new(AtomicU64::new(0));
    let mut incoming = client.reader();
    let count = Arc::clone(&confirmed);
    thread::spawn(move || {
        while let Ok(packet) = incoming.next_packet() {
            if matches!(packet, Packet::PubAck { .. }) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let begin = Instant::now();
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = begin.elapsed().as_millis() * u128::from(load.factor) / 1000;
        let is_due = load.factor == 0 || u128::from(sent) < due;
        if !is_due || sent - confirmed.load(Ordering::Relaxed) >= OUTSTANDING {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        let payload = if load.garbage {
            format!("{{\"no\":\"batch {sent}\"").into_bytes()
        } else {
            batch(1 << 100, 1 + sent * EVENTS)
        };
        client.publish("touchtime/v1/demo/main/agents/flood/events", &payload);
        sent += 1;
    }
    sent
}

fn tell(phase: &str, waits: &[Duration], collector: &Running, broker: &Running) {
    let answered = waits.partition_point(|wait| *wait < Duration::MAX);
    let last = waits.len().saturating_sub(1);
    let at = |share: usize| match waits.get((waits.len() * share / 100).min(last)) {
        Some(wait) if *wait < Duration::MAX => wait.as_millis().to_string(),
        Some(_) | None => "-".to_owned(),
    };
    println!(
        "{phase:<16} wait {} / {} / {} ms (median, p99, max of {}, {} unanswered), memory {} MiB, broker {} MiB",
        at(50),
        at(99),
        at(100),
        waits.len(),
        waits.len() - answered,
        peak_mib(collector),
        peak_mib(broker)
    );
}
