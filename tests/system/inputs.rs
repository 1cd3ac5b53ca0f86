//! Buttons, lamps and doors on the way from an agent to the figures of a list, as far as it goes without a chip: that is
//! for the tests on a real kernel.

use std::path::Path;
use std::process::Stdio;

use touchtime_tests::mqtt::Client;
use touchtime_tests::peer::{Running, await_that, free_port, mosquitto};
use touchtime_tests::programs::{agent, run, touchtime};
use touchtime_tests::web;

use crate::scanners::minute;

/// A collector that is told of a cath lab with sensors alone, and the port of its pages. The store's folder is `store`.
fn collector(dir: &Path, broker: u16) -> (Running, u16) {
    let board = free_port();
    let text = format!(
        "trust = 'demo'\n[store]\ndir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {broker}\n[board]\nlisten = '127.0.0.1:{board}'\n\
         [[rooms]]\nsite = 'main'\nid = 'cath-1'\nkind = 'cath_lab'\n[[occupancy]]\nsite = 'main'\nroom = 'cath-1'\n",
        dir.join("store").display()
    );
    std::fs::write(dir.join("gateway.toml"), text).expect("written");
    let mut command = touchtime();
    command.args(["run", "--config"]).arg(dir.join("gateway.toml"));
    (Running::start(command.stderr(Stdio::null())), board)
}

/// A list from 08:00 to 12:00, a table in use twice with an open door between, signs of life until 12:30.
fn morning() -> String {
    let (start, end) = (minute("08:00"), minute("12:00"));
    let plan = format!(r#"{{"plan_revision":{{"session":"morning","start":{start},"end":{end},"kind":"elective"}}}}"#);
    let shows = |signal: &str, level: &str| format!(r#"{{"signal_level":{{"signal":"{signal}","level":"{level}"}}}}"#);
    let mut said = vec![
        ("07:00", plan),
        ("07:00", shows("table-in-use", "inactive")),
        ("08:15", shows("table-in-use", "active")),
        ("09:45", shows("table-in-use", "inactive")),
        ("09:46", shows("door", "active")),
        ("09:48", shows("door", "inactive")),
        ("09:52", shows("table-in-use", "active")),
        ("11:30", shows("table-in-use", "inactive")),
    ]
    .into_iter()
    .map(|(clock, obs)| (minute(clock), obs))
    .collect::<Vec<_>>();
    said.extend((0..=33).map(|n| (minute("07:00") + n * 600_000, r#"{"alive":{}}"#.to_owned())));
    let event = |(order, (at, obs)): (usize, &(i64, String))| {
        format!(
            r#"{{"v":1,"at":{at},"captured":{at},"mono":{order},"clock":"synchronised","source":"gpio","order":{order},"room":"cath-1","obs":{obs}}}"#
        )
    };
    let events: Vec<String> = said.iter().enumerate().map(event).collect();
    format!(r#"{{"v":1,"stream":"{:032x}","first":1,"floor":1,"events":[{}]}}"#, 11, events.join(","))
}

pub fn sensors_alone_give_a_list_that_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_broker, broker) = mosquitto(dir.path());
    let (_collector, board) = collector(dir.path(), broker);
    let mut sender = Client::connect(broker, "edge-1");
    let store = dir.path().join("store");
    let explain = || run(touchtime().args(["explain", "main.cath-1.2026-01-12.0800", "--store"]).arg(&store));
    await_that("the list is measured", || {
        sender.publish_and_wait("touchtime/v1/demo/main/agents/edge-1/events", morning().as_bytes(), drop);
        explain().code == Some(0)
    });
    let text = explain().good();
    for expected in [
        "flags: late_start, class_unknown, inferred_occupancy",
        "08:15",
        "09:52",
        "11:30",
        "inferred from signals",
        "188 of 240",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
    for (page, expected) in [
        ("/?date=2026-01-12", "188 of 240 min, inferred"),
        ("/lists/main.cath-1.2026-01-12.0800", "2 cases inferred from signals"),
    ] {
        let text = web::get(board, page).1;
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
    let rows = run(touchtime().args(["report", "sessions", "--format", "csv", "--store"]).arg(&store)).good();
    assert!(rows.lines().nth(1).is_some_and(|row| row.contains("inferred_occupancy")), "{rows}");
}

/// No such chip is what a pulled plug looks like.
pub fn a_chip_that_is_away_is_told_as_a_fault_of_each_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_broker, broker) = mosquitto(dir.path());
    let (_collector, _) = collector(dir.path(), broker);
    let (config, log) = (dir.path().join("agent.toml"), dir.path().join("agent.log"));
    let text = format!(
        "trust = 'demo'\nsite = 'main'\nagent = 'edge-1'\ndata-dir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {broker}\n\
         [collectors]\nrequired = ['c1']\n[gpio]\nchip = '{}'\nroom = 'cath-1'\n\
         lines = [{{ offset = 0, meaning = 'into_theatre', active = 'low' }}, {{ offset = 1, meaning = 'door', active = 'high' }}]\n",
        dir.path().join("outbox").display(),
        dir.path().join("no-chip").display()
    );
    std::fs::write(&config, text).expect("written");
    let file = std::fs::File::create(&log).expect("a log");
    let _agent = Running::start(agent().args(["run", "--config"]).arg(&config).stderr(file));
    let store = dir.path().join("store");
    let faults = || {
        let all = run(touchtime().args(["export", "events", "-", "--format", "ndjson", "--store"]).arg(&store)).out;
        ["into-theatre", "door"].map(|signal| {
            let wanted = format!(r#""signal":"{signal}","level":"fault""#);
            all.lines().filter(|line| line.contains(&wanted)).count()
        })
    };
    await_that("each line is at fault in the store", || faults() == [1, 1]);
    let said = std::fs::read_to_string(&log).expect("the log");
    assert!(said.contains("no-chip cannot be opened (is it there"), "{said}");
}
