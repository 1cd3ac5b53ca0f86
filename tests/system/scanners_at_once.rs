//! Many scanners at once: their messages go to the disk together, and each is answered for itself.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::NaiveDate;
use chrono_tz::Tz;
use scanner_simulator::{Association, CALLED, Department, SCANNERS, Status, Step};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use touchtime_tests::peer::{Running, await_port, free_port};
use touchtime_tests::programs::{agent, run};

const ASSOCIATIONS: usize = 50;

/// The agent is killed once so many steps are answered, while every scanner goes on.
const ANSWERED_AT_THE_KILL: usize = 300;

/// Each begins a step twice and ends it twice: each message has the answer that it would have had alone, and what was
/// taken is on the disk once.
pub fn each_is_answered_for_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let running = listening_agent(dir.path(), port);
    runtime().block_on(async {
        let mut scanners = JoinSet::new();
        for n in 0..ASSOCIATIONS {
            scanners.spawn(tell_twice(port, Step { uid: format!("2.25.77{n}"), ..a_step() }));
        }
        while let Some(told) = scanners.join_next().await {
            let answers = told.expect("a scanner goes through");
            assert_eq!(answers, [Status::SUCCESS, Status::DUPLICATE, Status::SUCCESS, Status::PROCESSING_FAILURE]);
        }
    });
    // Beside the steps it said that it had started, and that it was alive.
    assert_eq!(held_by(running, dir.path()), 2 * ASSOCIATIONS + 2);
}

/// An agent that is killed amid the messages of all has every step that it answered, in its outbox and for what comes
/// later.
pub fn what_is_answered_outlives_a_kill() {
    let dir = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let running = listening_agent(dir.path(), port);
    let answered = runtime().block_on(async {
        let (count, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let mut scanners = JoinSet::new();
        for n in 0..ASSOCIATIONS {
            scanners.spawn(begin_until_broken(port, n, count.clone(), enough.clone()));
        }
        enough.notified().await;
        drop(running);
        scanners.join_all().await.concat()
    });
    assert!(answered.len() >= ANSWERED_AT_THE_KILL, "{}", answered.len());
    let port = free_port();
    let running = listening_agent(dir.path(), port);
    runtime().block_on(async {
        let mut association = associate(port).await;
        for uid in &answered {
            let again = association.create(SCANNERS[0], &Step { uid: uid.clone(), ..a_step() }).await;
            assert_eq!(again.expect("answered"), Status::DUPLICATE, "{uid} was answered and is not known");
        }
        association.release().await.expect("released");
    });
    // Each scanner can have one step on the disk whose answer did not get through, and each run says twice that it is there.
    let (held, steps) = (held_by(running, dir.path()), answered.len());
    assert!((steps + 4..=steps + ASSOCIATIONS + 4).contains(&held), "{held} events of {steps} steps");
}

/// Begins one step after the other; gives those that were answered.
async fn begin_until_broken(port: u16, n: usize, count: Arc<AtomicUsize>, enough: Arc<Notify>) -> Vec<String> {
    let mut association = associate(port).await;
    let mut answered = Vec::new();
    loop {
        let uid = format!("2.25.88{n:02}{}", answered.len());
        let Ok(status) = association.create(SCANNERS[0], &Step { uid: uid.clone(), ..a_step() }).await else {
            return answered;
        };
        assert_eq!(status, Status::SUCCESS, "{uid}");
        answered.push(uid);
        if count.fetch_add(1, Ordering::Relaxed) + 1 == ANSWERED_AT_THE_KILL {
            enough.notify_one();
        }
    }
}

async fn tell_twice(port: u16, step: Step) -> [Status; 4] {
    let mut association = associate(port).await;
    let answers = [
        association.create(SCANNERS[0], &step).await.expect("answered"),
        association.create(SCANNERS[0], &step).await.expect("answered"),
        association.set(&step).await.expect("answered"),
        association.set(&step).await.expect("answered"),
    ];
    association.release().await.expect("released");
    answers
}

async fn associate(port: u16) -> Association {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Association::open(address, SCANNERS[0].title, CALLED).await.expect("an association")
}

fn a_step() -> Step {
    let day = NaiveDate::from_ymd_opt(2022, 2, 1).expect("a date");
    Department::new(1, &[day], Tz::Europe__London).days.swap_remove(0).steps.swap_remove(0)
}

/// Nobody collects from it.
fn listening_agent(dir: &Path, port: u16) -> Running {
    let (key, config) = (dir.join("token.key"), dir.join("agent.toml"));
    if !key.exists() {
        run(agent().arg("key").arg(&key)).good();
    }
    let text = format!(
        "trust = 'demo'\nsite = 'main'\nagent = 'scan'\ndata-dir = '{shown}/data'\n[broker]\nhost = '127.0.0.1'\n\
         port = {}\n[collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{shown}/token.key'\n[dicom]\n\
         listen = '127.0.0.1:{port}'\nmax-associations = 60\nscanners = [{{ calling = '{}', room = 'mri-1' }}]\n",
        free_port(),
        SCANNERS[0].title,
        shown = dir.display(),
    );
    fs::write(&config, text).expect("written");
    let running = Running::start(agent().args(["run", "--config"]).arg(&config).env("TOUCHTIME_LOG", "off"));
    await_port(port);
    running
}

/// How many events are in the outbox of an agent that is told to end.
fn held_by(mut running: Running, dir: &Path) -> usize {
    let told = Command::new("kill").arg("-TERM").arg(running.0.id().to_string()).status().expect("kill runs");
    assert!(told.success() && running.0.wait().expect("it ends").success(), "the agent ends in order");
    let told = run(agent().args(["outbox", "--config"]).arg(dir.join("agent.toml"))).good();
    let line = told.lines().find_map(|line| line.strip_prefix("held")).expect("a line");
    line.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
