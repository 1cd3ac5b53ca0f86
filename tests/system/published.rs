//! What goes over the broker is what `docs/asyncapi.yaml` says, and that document is one that others' tools can read.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use touchtime_tests::mqtt::{Client, Packet};
use touchtime_tests::peer::{self, Peer, Running, await_that};
use touchtime_tests::programs::{agent, root, run, touchtime};

/// The project that publishes the format says whether the document keeps to it.
pub fn the_document_is_valid() {
    let program = Peer::AsyncApiParser.program().expect("the parser is installed");
    let modules = root().join("target/ci-node/node_modules");
    let script = root().join("tests/data/asyncapi.mjs");
    let told = run(Command::new(program).arg(script).arg(modules).arg(root().join("docs/asyncapi.yaml"))).good();
    assert!(told.starts_with("4 channels, 4 messages"), "{told}");
}

/// Checks messages against the document; what it counted.
fn check(messages: &[Value], dir: &Path) -> Value {
    let file = dir.join("messages.ndjson");
    let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
    fs::write(&file, lines).expect("written");
    let python = Peer::JsonSchema.program().expect("a Python with the parts is installed");
    let script = root().join("tests/data/payloads.py");
    let told = run(Command::new(python).arg(script).arg(root().join("docs/asyncapi.yaml")).arg(file)).good();
    serde_json::from_str(&told).expect("counts")
}

/// The forms that the crates' own tests hold still, each as it would be sent.
pub fn every_golden_form_is_as_documented() {
    let dir = tempfile::tempdir().expect("a folder");
    let golden = |folder: &str| {
        let files = fs::read_dir(root().join(folder)).expect("a folder");
        files.map(|file| {
            let path = file.expect("a file").path();
            let text = fs::read_to_string(&path).expect("text");
            (path.file_stem().expect("a name").to_string_lossy().into_owned(), text.trim_end().to_owned())
        })
    };
    let agents = "touchtime/v1/t/s/agents/a";
    let mut messages: Vec<Value> = golden("firmware/room-events/tests/golden")
        .map(|(_, event)| {
            let batch = format!(r#"{{"v":1,"stream":"{:032x}","first":1,"floor":1,"events":[{event}]}}"#, 7);
            json!({ "topic": format!("{agents}/events"), "payload": batch })
        })
        .collect();
    let events = messages.len();
    // That of a batch has made-up events; batches of real ones are above.
    let own = golden("firmware/delivery/tests/golden").filter(|(name, _)| name != "batch");
    messages.extend(own.map(|(name, payload)| {
        let channel = match name.split('-').next() {
            Some("batch") => "events",
            Some("ack") => "ack/c",
            Some("status") => "status",
            _ => panic!("which channel has {name}?"),
        };
        json!({ "topic": format!("{agents}/{channel}"), "payload": payload })
    }));
    let counted = check(&messages, dir.path());
    let kinds = counted["kinds"].as_object().expect("kinds");
    assert!(kinds.len() >= 12 && events > kinds.len(), "every kind of observation: {counted}");
}

/// Everything that a client with `#` gets of the demo's two months: theatres, scanners, appointments; then the summaries as
/// they lie at the broker, and the status that it sends for an agent that was killed.
pub fn every_message_of_the_whole_system_is_as_documented() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let (_broker, port) = peer::mosquitto(dir);
    let mut messages = overheard(port, || play(dir, port));
    let status = killed_agents_status(dir, port);
    messages.push(json!({ "topic": "touchtime/v1/demo/main/agents/ended/status", "payload": status }));
    // Whoever subscribes later finds a result of each room at once.
    let retained = retained(port, "touchtime/v1/demo/+/rooms/+/summary");
    assert_eq!(retained.len(), 12, "8 theatres and 4 scanners: {retained:?}");
    messages.extend(retained);

    let counted = check(&messages, dir);
    for channel in ["events", "ack", "status", "summary"] {
        assert!(counted["channels"][channel].as_u64() > Some(0), "{channel}: {counted}");
    }
    for kind in ["milestone", "booking", "plan_revision", "performed_step", "cancellation", "alive", "agent_started"] {
        assert!(counted["kinds"][kind].as_u64() > Some(0), "{kind}: {counted}");
    }
}

/// What is published while `meanwhile` runs.
fn overheard(port: u16, meanwhile: impl FnOnce()) -> Vec<Value> {
    let mut client = Client::connect(port, "overhears");
    client.subscribe_confirming("touchtime/#");
    client.set_patience(Duration::from_millis(500));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let listening = scope.spawn(|| {
            let mut heard = Vec::new();
            loop {
                match client.next_packet() {
                    Ok(Packet::Message { topic, payload, id }) => {
                        if let Some(id) = id {
                            client.confirm(id);
                        }
                        heard.push(message(&topic, &payload));
                    }
                    Ok(packet) => panic!("{packet:?}"),
                    // Nothing for a while: the end only when nobody publishes any more.
                    Err(_) if ended.load(Ordering::Acquire) => return heard,
                    Err(_) => {}
                }
            }
        });
        meanwhile();
        ended.store(true, Ordering::Release);
        listening.join().expect("everything heard is MQTT")
    })
}

fn message(topic: &str, payload: &[u8]) -> Value {
    json!({ "topic": topic, "payload": std::str::from_utf8(payload).expect("UTF-8") })
}

fn retained(port: u16, filter: &str) -> Vec<Value> {
    let mut client = Client::connect(port, "comes-later");
    client.subscribe(filter);
    client.messages_so_far().iter().map(|(topic, payload)| message(topic, payload)).collect()
}

fn play(dir: &Path, port: u16) {
    let mut demo = touchtime();
    demo.args(["demo", "--from", "2022-02-14", "--speed", "max", "--exit-when-done"]);
    demo.args(["--broker", &format!("127.0.0.1:{port}"), "--http", &format!("127.0.0.1:{}", peer::free_port())]);
    let played = run(demo.arg("--store").arg(dir.join("demo")));
    assert_eq!(played.code, Some(0), "{}", played.err);
}

/// The status that the broker publishes when an agent's process is gone.
fn killed_agents_status(dir: &Path, port: u16) -> String {
    run(agent().arg("key").arg(dir.join("token.key"))).good();
    let shown = dir.display();
    let text = format!(
        "trust = 'demo'\nsite = 'main'\nagent = 'ended'\ndata-dir = '{shown}/outbox'\n[broker]\nhost = '127.0.0.1'\nport = {port}\n\
         [collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{shown}/token.key'\n[hl7]\nlisten = '127.0.0.1:{}'\n\
         mappings = ['{}']\n",
        peer::free_port(),
        root().join("docs/hl7/theatre-system.toml").display()
    );
    fs::write(dir.join("agent.toml"), text).expect("written");
    let log = fs::File::create(dir.join("agent.log")).expect("a log");
    let running = Running::start(agent().args(["run", "--config"]).arg(dir.join("agent.toml")).stderr(log));
    let status = || {
        let found = retained(port, "touchtime/v1/demo/main/agents/ended/status");
        found.first().and_then(|message| message["payload"].as_str().map(str::to_owned))
    };
    await_that("the agent says that it is there", || status().is_some_and(|s| s.contains(r#""online":true"#)));
    drop(running);
    await_that("the broker says that it is gone", || status().is_some_and(|s| s.contains(r#""online":false"#)));
    status().expect("it stays")
}
