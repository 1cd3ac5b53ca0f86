//! The program itself, killed and started again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use edge_agent_linux::token_key::create_key_file;
use room_events::{Observation, wire};

use crate::peer::{Broker, Stored, collect, config, free_port, mosquitto, within};

const MAPPING: &str = r#"
zone = "Europe/London"
site = "main"
room = { column = "theatre", prefix = "th-" }
case = "id"
milestones = { into_theatre = "in", out_of_theatre = "out" }
booking = { start = "planned", minutes = "minutes" }
sessions = { from = "bookings" }
"#;

/// Cases of two theatres on some days of January: one booking and two milestones each, and a plan for each list.
fn extract(days: u32, cases_a_day: u32) -> String {
    let mut text = String::from("id,theatre,planned,minutes,in,out\n");
    for day in 1..=days {
        for case in 0..cases_a_day {
            let (theatre, hour) = (1 + case % 2, 8 + case / 2);
            let day = format!("2022-01-{day:02}");
            let _ =
                writeln!(text, "{day}x{case},{theatre},{day} {hour:02}:00,50,{day} {hour:02}:05,{day} {hour:02}:55");
        }
    }
    text
}

struct Program(Child);

impl Program {
    fn start(arguments: &[&str], folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_touchtime-agent"));
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    async fn ended(&mut self) -> Option<i32> {
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn prepare(folder: &Path, port: u16) {
    std::fs::create_dir(folder.join("in")).unwrap();
    create_key_file(&folder.join("key.toml"), 3).unwrap();
    std::fs::write(folder.join("mapping.toml"), MAPPING).unwrap();
    let text = config(folder, port)
        + "[tokens]\nkey-file = 'key.toml'\n[extract]\nfolder = 'in'\nmapping = 'mapping.toml'\npoll-seconds = 1\n";
    std::fs::write(folder.join("agent.toml"), text).unwrap();
}

/// How often each kind is stored, and how many observations are stored more than once.
fn kinds(stored: &Stored) -> (BTreeMap<&'static str, usize>, usize) {
    let (mut kinds, mut observed) = (BTreeMap::new(), BTreeMap::new());
    for bytes in stored.lock().unwrap().values() {
        let event = wire::decode(bytes).unwrap();
        if !matches!(event.obs, Observation::AgentStarted(_)) {
            *kinds.entry(event.obs.kind()).or_default() += 1;
            let key = format!("{:?} {:?} {:?} {} {:?}", event.at, event.room, event.source, event.order, event.obs);
            // Two signs of life of one room and time differ by their order.
            *observed.entry(key).or_insert(0) += 1;
        }
    }
    (kinds, observed.values().filter(|&&count| count > 1).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_killed_again_and_again_reports_each_row_once() {
    let Some(program) = mosquitto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    prepare(folder.path(), port);
    std::fs::write(folder.path().join("cases.csv"), extract(28, 12)).unwrap();
    let stored = Stored::default();
    let _broker = Broker::start(&program, folder.path(), port, "").await;
    let collector = tokio::spawn(collect(port, stored.clone()));
    let arguments = ["replay", "cases.csv", "--mapping", "mapping.toml", "--config", "agent.toml"];
    for life_ms in [60, 90, 130, 180, 250] {
        let agent = Program::start(&arguments, folder.path());
        tokio::time::sleep(Duration::from_millis(life_ms)).await;
        drop(agent);
    }
    let mut last = Program::start(&arguments, folder.path());
    within(60, "end of the replay", async { assert_eq!(last.ended().await, Some(0)) }).await;
    let (kinds, doubles) = kinds(&stored);
    let cases = 28 * 12;
    let expected = [("alive", 28 * 288 * 2), ("booking", cases), ("milestone", 2 * cases), ("plan_revision", 28 * 2)];
    assert_eq!(kinds, expected.into());
    assert_eq!(doubles, 0);
    collector.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_folder_is_reported_once_even_by_the_next_process() {
    let Some(program) = mosquitto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    prepare(folder.path(), port);
    let bad_row = "2022-01-01x99,1,2022-01-01 08:00,50,nonsense,2022-01-01 08:55\n";
    std::fs::write(folder.path().join("in/one.csv"), extract(1, 4) + bad_row).unwrap();
    let stored = Stored::default();
    let _broker = Broker::start(&program, folder.path(), port, "").await;
    let collector = tokio::spawn(collect(port, stored.clone()));
    let milestones = |count: usize| {
        let stored = stored.clone();
        async move {
            while kinds(&stored).0.get("milestone") != Some(&count) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    let agent = Program::start(&["run", "--config", "agent.toml"], folder.path());
    within(30, "the first file", milestones(9)).await;
    drop(agent);
    std::fs::write(folder.path().join("in/two.csv"), extract(2, 2).replace("2022-01-", "2022-02-")).unwrap();
    let _agent = Program::start(&["run", "--config", "agent.toml"], folder.path());
    within(30, "the second file", milestones(9 + 8)).await;
    assert_eq!(kinds(&stored).1, 0);
    let errors = std::fs::read_to_string(folder.path().join("data/extract-errors/one.csv.errors.txt")).unwrap();
    assert!(errors.contains("one.csv:6: column \"in\""), "{errors}");
    collector.abort();
}

fn outbox(folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchtime-agent"));
    let output = command.args(["outbox", "--config", "agent.toml"]).current_dir(folder).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_shown_while_the_agent_runs_and_afterwards() {
    let Some(program) = mosquitto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    prepare(folder.path(), port);
    std::fs::write(folder.path().join("in/one.csv"), extract(1, 4)).unwrap();
    let _broker = Broker::start(&program, folder.path(), port, "").await;
    let collector = tokio::spawn(collect(port, Stored::default()));
    let agent = Program::start(&["run", "--config", "agent.toml"], folder.path());
    let mut shown = String::new();
    within(30, "a stream that is acknowledged", async {
        while !(shown.contains("depth     0 events") && shown.contains(", primary has through ")) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            shown = outbox(folder.path());
        }
    })
    .await;
    assert!(shown.contains("told by the running agent at "), "{shown}");
    assert!(shown.contains("lost      0\n") && shown.contains("collector primary lacks 0 events"), "{shown}");
    drop(agent);
    // The kill left the file open; the next process repairs it.
    let mut again = Program::start(&["run", "--config", "agent.toml"], folder.path());
    within(30, "the next process", async {
        while !outbox(folder.path()).contains("told by the running agent") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let _ = Command::new("kill").arg(again.0.id().to_string()).status().unwrap();
    within(30, "the end", async { assert_eq!(again.ended().await, Some(0)) }).await;
    let shown = outbox(folder.path());
    for part in
        ["read from the outbox; no agent runs", "oldest    20", "stream    ", "as the last process knew them at 20"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    collector.abort();
}

#[test]
fn wrong_usage_and_wrong_configuration_exit_with_2() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.toml"), "trust = 'north'\nsight = 'main'\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_touchtime-agent"));
        let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (arguments, part) in [
        (["run", "--confg", "x"].as_slice(), "--config"),
        (&["run", "--config", "absent.toml"], "absent.toml: cannot be read"),
        (&["run", "--config", "bad.toml"], "bad.toml: key `sight` is not known (did you mean `site`?)"),
        (&["check", "--config", "bad.toml"], "did you mean `site`?"),
    ] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
    assert_eq!(run(&["--version"]).0, Some(0));
}
