//! `touchtime demo`: the whole path on one machine. A broker, an agent for each room, and a collector with its board, each
//! a process of its own on loopback, play an extract through simulated time.
//!
//! ```text
//! extract -> agent (outbox) -> MQTT -> collector (store) -> board
//! ```
//! Simulated time runs through the hours in which there is something to see, one day after the other; what was due
//! before it starts is sent at once. With `--speed max` it stands at the end of the extract from the start.

pub mod broker;
mod files;
pub mod processes;

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context as _, bail};
use room_events::UtcMillis;
use store::Reader;

use crate::cli::{DemoArgs, Speed};
use crate::clock::{Clock, wall_now};
use crate::extract::{self, Played};
use crate::output::{progress, say};
use crate::signals::asked_to_stop;
use files::Files;
use processes::Process;

/// How often the person who waits is told something new.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Plays the demo until it is done or stopped.
pub fn run(arguments: &DemoArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(play(arguments))
}

async fn play(arguments: &DemoArgs) -> anyhow::Result<()> {
    let files = Files::prepare(arguments)?;
    let played = extract::played(extract::Files { cases: &files.cases, mapping: &files.mapping, plan: None })?;
    let hours = played_hours(&played, arguments)?;
    let speed = match arguments.speed {
        Speed::Times(times) => times,
        Speed::Max => 1.0,
    };
    let (host, port) = broker_address(arguments)?;
    files.write_clock(wall_now(), speed, &hours)?;
    files.write_gateway(arguments, &played, &host, port)?;
    let agents = files.write_agents(&played, &host, port)?;

    let mut servers = Vec::new();
    if arguments.broker.is_none() {
        let role = ["role", "broker", "--port", &port.to_string()].map(str::to_owned).to_vec();
        servers.push(Process::start("broker", role, &files.logs)?);
        wait_for_port(&mut servers[0], port).await?;
    }
    servers.push(Process::start("collector", files.collector_role(), &files.logs)?);
    let mut senders = Vec::new();
    for (name, role) in agents {
        senders.push(Process::start(&name, role, &files.logs)?);
    }
    say(&format!(
        "{} cases of {} lists in {} rooms; {} agents, one broker, one collector.\nBoard: http://{}   (logs in {})",
        played.cases,
        played.sessions,
        played.rooms.len(),
        senders.len(),
        arguments.http,
        files.logs.display()
    ));

    let finished = tokio::select! {
        outcome = watch(&mut servers, &mut senders, &files) => { outcome?; true }
        () = asked_to_stop() => false,
    };
    if finished {
        tell_end(arguments, &files)?;
        if !arguments.exit_when_done {
            say("The board stays up; Ctrl-C ends the demo.");
            tokio::select! {
                outcome = keep_alive(&mut servers) => outcome?,
                () = asked_to_stop() => {}
            }
        }
    }
    for process in senders.iter_mut().chain(servers.iter_mut().rev()) {
        process.stop().await;
    }
    if arguments.exit_when_done && !finished {
        bail!("stopped before every event had arrived");
    }
    Ok(())
}

/// The hours that simulated time runs through; for `max` a single instant, the end of everything.
fn played_hours(played: &Played, arguments: &DemoArgs) -> anyhow::Result<Vec<(UtcMillis, UtcMillis)>> {
    let Some((_, end)) = played.hours.last().copied() else {
        bail!(crate::Usage("the extract has no list to play".to_owned()));
    };
    if arguments.speed == Speed::Max {
        return Ok(vec![(end, end)]);
    }
    let from = arguments.from.map(|date| extract::start_of_day(date, played.zone));
    let hours: Vec<_> = played.hours.iter().copied().filter(|(_, to)| from.is_none_or(|from| *to > from)).collect();
    if hours.is_empty() {
        bail!(crate::Usage(format!("--from: the extract ends before it, on {end}")));
    }
    Ok(hours)
}

fn broker_address(arguments: &DemoArgs) -> anyhow::Result<(String, u16)> {
    match &arguments.broker {
        Some(address) => {
            let parsed = address.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
            parsed.ok_or_else(|| crate::Usage(format!("--broker: `{address}` is not HOST:PORT")).into())
        }
        None => {
            let probe = TcpListener::bind(("127.0.0.1", 0)).context("no free port on loopback")?;
            Ok(("127.0.0.1".to_owned(), probe.local_addr()?.port()))
        }
    }
}

async fn wait_for_port(broker: &mut Process, port: u16) -> anyhow::Result<()> {
    loop {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        if let Some(status) = broker.ended()? {
            bail!("the embedded broker ended at once ({status}); see its log");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Shows progress and restarts what dies, until every agent has said that all it had has arrived.
async fn watch(servers: &mut [Process], senders: &mut [Process], files: &Files) -> anyhow::Result<()> {
    let clock = Clock::from_file(Some(&files.clock))?;
    let mut done = vec![false; senders.len()];
    let mut reader = None;
    loop {
        restart_dead(servers)?;
        for (sender, done) in senders.iter_mut().zip(&mut done) {
            if let Some(status) = if *done { None } else { sender.ended()? } {
                if status.success() {
                    *done = true;
                } else {
                    sender.restart(status)?;
                }
            }
        }
        let arrived = done.iter().filter(|done| **done).count();
        if reader.is_none() {
            reader = Reader::open(&files.store).ok();
        }
        let events = reader.as_ref().and_then(|reader| reader.count_events().ok()).unwrap_or(0);
        progress(&format!("{}  {events} events stored, {arrived} of {} agents done", clock.now(), senders.len()));
        if arrived == senders.len() {
            progress("");
            return Ok(());
        }
        tokio::time::sleep(PROGRESS_EVERY).await;
    }
}

async fn keep_alive(servers: &mut [Process]) -> anyhow::Result<()> {
    loop {
        restart_dead(servers)?;
        tokio::time::sleep(PROGRESS_EVERY).await;
    }
}

fn restart_dead(processes: &mut [Process]) -> anyhow::Result<()> {
    for process in processes {
        if let Some(status) = process.ended()? {
            process.restart(status)?;
        }
    }
    Ok(())
}

fn tell_end(arguments: &DemoArgs, files: &Files) -> anyhow::Result<()> {
    let reader = Reader::open(&files.store)?;
    let held = reader.held()?;
    say(&format!(
        "Every event has arrived: {} stored, {} in quarantine, {} in conflict, {} lost.\nTry:\n  touchtime report rooms --store {store}\n  touchtime explain {list} --store {store}",
        reader.count_events()?,
        held.quarantined,
        held.conflicts,
        held.gone,
        list = if arguments.cases.is_none() { "main.suite-2.2022-02-11.0700" } else { "LIST" },
        store = arguments.store.display(),
    ));
    Ok(())
}
