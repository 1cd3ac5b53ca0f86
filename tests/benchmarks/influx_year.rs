//! A year of a provider collaborative into InfluxDB: how many points a second does the exporter bring there, beside a writer
//! that has nothing to do but send the very same requests, made before?
//!
//! The exporter begins with a store and an empty database: it reads and measures all rooms, makes the points and notes what
//! was taken. Debian's InfluxDB 1.6 has no write endpoint of later versions, so both go through the same one in front of it.
//!
//! ```sh
//! cargo build --release
//! cargo bench -p touchtime-tests --bench influx_year
//! ```

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use touchtime_tests::collector::{anonymous_kib, peak_mib};
use touchtime_tests::influxdb::{InfluxDb, Request};
use touchtime_tests::peer::{Running, free_port};
use touchtime_tests::programs::{release_program, root, run};

fn main() {
    let (mut days, mut runs) = (366, 3);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).expect("a number");
        match name.as_str() {
            "--days" => days = number(),
            "--runs" => runs = number(),
            // Cargo's own.
            "--bench" => {}
            other => panic!("unknown argument {other} (known: --days, --runs)"),
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let store = filled_store(dir.path(), days);
    for _ in 0..runs {
        let ours = exported(&store);
        let points = ours.requests.iter().map(Request::points).sum::<usize>() as f64;
        println!(
            "exporter     {points} points in {} requests, {:.2} s, {:.0} points a second, memory {} MiB of its own, {} MiB with the mapped store",
            ours.requests.len(),
            ours.wall,
            points / ours.wall,
            ours.anonymous_kib / 1024,
            ours.peak_mib
        );
        let bare = sent_bare(&ours.requests);
        println!("bare writer  {bare:.2} s, {:.0} points a second", points / bare);
        println!("the exporter brings {:.0} % of what the bare writer does", 100.0 * bare / ours.wall);
    }
}

fn filled_store(dir: &Path, days: u32) -> PathBuf {
    let (events, store) = (dir.join("year.ndjson"), dir.join("store"));
    let make = root().join("tests/benchmarks/make_collaborative.py");
    let mut python = Command::new("python3");
    print!("{}", run(python.arg(make).arg(&events).args(["--days", &days.to_string()])).good());
    run(Command::new(release_program()).args(["import", "events", "--store"]).arg(&store).arg(&events)).good();
    fs::remove_file(events).expect("removed");
    store
}

struct Exported {
    wall: f64,
    requests: Vec<Request>,
    anonymous_kib: u64,
    peak_mib: u64,
}

fn exported(store: &Path) -> Exported {
    let dir = tempfile::tempdir().expect("a folder");
    let influxdb = InfluxDb::start(dir.path());
    let (port, requests) = influxdb.recording_shim();
    run(Command::new(release_program()).args(["influx", "resend", "--store"]).arg(store));
    let config = dir.path().join("gateway.toml");
    let text = format!(
        "trust = 'trust-1'\n[store]\ndir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n[board]\nlisten = '127.0.0.1:{}'\n\
         [influxdb]\nurl = 'http://127.0.0.1:{port}'\nbucket = 'touchtime'\ntoken-file = '{}'\n",
        store.display(),
        free_port(),
        free_port(),
        dir.path().join("token").display(),
    );
    fs::write(&config, text).expect("written");
    fs::write(dir.path().join("token"), "user:secret\n").expect("written");
    let begin = Instant::now();
    let level = std::env::var_os("TOUCHTIME_LOG").unwrap_or_else(|| "off".into());
    let collector = Running::start(
        Command::new(release_program()).args(["run", "--config"]).arg(&config).env("TOUCHTIME_LOG", level),
    );
    let mut most = 0;
    // What the store says of itself goes last.
    while influxdb.numbers("SELECT count(connected) FROM touchtime_store").is_empty() {
        most = most.max(anonymous_kib(&collector));
        std::thread::sleep(Duration::from_millis(20));
        assert!(begin.elapsed() < Duration::from_secs(600), "nothing more comes");
    }
    let requests = requests.lock().expect("no panic").clone();
    let end = requests.last().expect("there were requests").answered;
    Exported {
        wall: end.duration_since(begin).as_secs_f64(),
        requests,
        anonymous_kib: most,
        peak_mib: peak_mib(&collector),
    }
}

/// Seconds that the requests take one after the other, into an empty database.
fn sent_bare(requests: &[Request]) -> f64 {
    let dir = tempfile::tempdir().expect("a folder");
    let influxdb = InfluxDb::start(dir.path());
    let port = influxdb.shim();
    let begin = Instant::now();
    requests.iter().for_each(|request| request.send(port));
    begin.elapsed().as_secs_f64()
}
