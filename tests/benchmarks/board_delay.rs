//! From a milestone's publication to the board of somebody who looks at it, while a thousand events a second come in.
//!
//! Fifty rooms report twenty milestones a second each, in batches of five; one more room reports one at a time, and the
//! next when a viewer of the event stream has been sent the row of that room. Everything goes through mosquitto and is on
//! the collector's disk first.
//!
//! ```sh
//! cargo build --release
//! cargo bench -p touchtime-tests --bench board_delay
//! ```

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use touchtime_tests::collector::release_collector;
use touchtime_tests::mqtt::{Client, Packet};
use touchtime_tests::peer::{await_that, free_port, mosquitto};
use touchtime_tests::web;

const ROOMS: u64 = 50;
const PER_BATCH: u64 = 5;
const EVENTS_A_SECOND: u64 = 1_000;
const SAMPLES: usize = 150;
const PROBE: &str = "probe-room";
const NAMES: [&str; 4] = ["into_theatre", "procedure_start", "procedure_end", "out_of_theatre"];

fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_broker, port) = mosquitto(dir.path());
    let board = free_port();
    let _collector = release_collector(dir.path(), port, board);
    let mut probe = Client::connect(port, "probe");
    probe.subscribe("touchtime/v1/demo/main/agents/probe/ack/c1");
    await_that("the collector answers", || {
        probe.set_patience(Duration::from_millis(300));
        probe.publish("touchtime/v1/demo/main/agents/probe/events", &batch(u128::MAX, PROBE, 1, 1));
        loop {
            match probe.next_packet() {
                Ok(Packet::Message { .. }) => return true,
                Ok(Packet::PubAck { .. } | Packet::SubAck | Packet::Disconnect(_)) => {}
                Err(_) => return false,
            }
        }
    });

    let (seen, shown) = mpsc::channel();
    thread::spawn(move || {
        web::events_until(board, "/events?", |so_far| {
            let line = so_far.trim_end_matches('\n').rsplit('\n').next().unwrap_or_default();
            line.starts_with("data:") && line.contains(PROBE) && seen.send(Instant::now()).is_err()
        })
    });
    let patience = Duration::from_secs(10);
    shown.recv_timeout(patience).expect("the first board shows the room");

    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let load = {
        let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
        thread::spawn(move || load(port, &stop, &sent))
    };
    thread::sleep(Duration::from_secs(1));
    let begin = Instant::now();
    let already = sent.load(Ordering::Relaxed);
    let mut waits = Vec::new();
    for n in 0..SAMPLES as u64 {
        // Not in step with the board's own pauses.
        thread::sleep(Duration::from_millis(100 + n * 137 % 401));
        while shown.try_recv().is_ok() {}
        let published = Instant::now();
        probe.publish("touchtime/v1/demo/main/agents/probe/events", &batch(u128::MAX, PROBE, 2 + n, 1));
        let shown_at = shown.recv_timeout(patience).expect("the board shows it");
        waits.push(shown_at - published);
    }
    let rate = (sent.load(Ordering::Relaxed) - already) as f64 / begin.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    load.join().expect("the load ends");
    waits.sort_unstable();
    let at = |share: usize| waits[(waits.len() * share / 100).min(waits.len() - 1)].as_millis();
    println!(
        "at {rate:.0} events a second: {} / {} / {} ms from publication to the viewer (median, p99, max of {SAMPLES})",
        at(50),
        at(99),
        at(100)
    );
}

/// The other rooms, at their rate.
fn load(port: u16, stop: &AtomicBool, sent: &AtomicU64) {
    let mut client = Client::connect(port, "load");
    let mut incoming = client.reader();
    thread::spawn(move || while incoming.next_packet().is_ok() {});
    let begin = Instant::now();
    let mut batches = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = millis(begin.elapsed()) * EVENTS_A_SECOND / PER_BATCH / 1000;
        if batches >= due {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        let (room, first) = (batches % ROOMS, 1 + batches / ROOMS * PER_BATCH);
        let payload = batch(u128::from(room) + 1, &format!("suite-{room}"), first, PER_BATCH);
        client.publish(&format!("touchtime/v1/demo/main/agents/agent-{room}/events"), &payload);
        batches += 1;
        sent.fetch_add(PER_BATCH, Ordering::Relaxed);
    }
}

/// The room's list of today, then milestones of its cases, of now.
fn batch(stream: u128, room: &str, first: u64, n: u64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis);
    let (start, end) = (now - 3_600_000, now + 14_400_000);
    let events: Vec<String> = (first..first + n)
        .map(|seq| {
            let seen = match seq.checked_sub(2) {
                None => format!(
                    "{{\"plan_revision\":{{\"session\":\"today\",\"start\":{start},\"end\":{end},\"specialty\":\"Orthopaedics\",\
                     \"kind\":\"elective\",\"room_kind\":\"theatre\",\"cases\":5,\"issued\":{now}}}}}"
                ),
                Some(n) => format!(
                    "{{\"milestone\":{{\"case\":\"0.{:032x}\",\"name\":\"{}\"}}}}",
                    stream << 64 | u128::from(n / 4),
                    NAMES[usize::try_from(n % 4).expect("small")]
                ),
            };
            format!(
                "{{\"v\":1,\"at\":{now},\"captured\":{now},\"mono\":{seq},\"clock\":\"synchronised\",\
                 \"source\":\"buttons\",\"order\":{seq},\"room\":\"{room}\",\"obs\":{seen}}}"
            )
        })
        .collect();
    let events = events.join(",");
    format!("{{\"v\":1,\"stream\":\"{stream:032x}\",\"first\":{first},\"floor\":1,\"events\":[{events}]}}").into_bytes()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
