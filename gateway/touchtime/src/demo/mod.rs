//! `touchtime demo`: the whole path on one machine. A broker, an agent for each room, and a collector with its board, each
//! a process of its own on loopback, play an extract through simulated time.
//!
//! ```text
//! extract           -> agent (outbox) -> MQTT -> collector (store) -> board
//! scanners -> DICOM -> agent (outbox) -> MQTT ->
//! ```
//! Beside the bundled cases four simulated scanners work ([`scanners`]); an extract of one's own is played alone.
//!
//! Simulated time runs through the hours in which there is something to see, one day after the other; what was due
//! before it starts is sent at once. With `--speed max` it stands at the end of the extract from the start.

pub mod broker;
mod files;
pub mod processes;
pub mod scanners;

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context as _, bail};
use room_events::UtcMillis;
use store::Reader;

use crate::cli::{DemoArgs, Speed};
use crate::clock::{Clock, wall_now};
use crate::extract;
use crate::output::{progress, say};
use crate::signals::asked_to_stop;
use edge_agent_linux::played::PlayedTime;
use files::{Broker, Files};
use processes::Process;
use scanners::Scanners;

/// How often the person who waits is told something new.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Plays the demo until it is done or stopped.
pub fn run(arguments: &DemoArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(play(arguments))
}

async fn play(arguments: &DemoArgs) -> anyhow::Result<()> {
    let files = Files::prepare(arguments)?;
    let mut played = extract::played(extract::Files { cases: &files.cases, mapping: &files.mapping, plan: None })?;
    let from = arguments.from.map(|date| extract::start_of_day(date, played.zone));
    let is_played = |hours: &&(UtcMillis, UtcMillis)| from.is_none_or(|from| hours.1 > from);
    let hours: Vec<_> = played.hours.iter().filter(is_played).copied().collect();
    let scanners = match arguments.cases {
        None => Some(Scanners::plan(&hours, played.zone)?),
        Some(_) => None,
    };
    played.add_hours(scanners.iter().flat_map(Scanners::hours));
    let hours: Vec<_> = played.hours.iter().filter(is_played).copied().collect();
    write_clocks(&files, arguments, &hours)?;
    let broker = broker_address(arguments)?;
    files.write_gateway(arguments, &played, scanners.as_ref(), &broker)?;
    let token = files.write_people()?;
    let mut agents = files.write_agents(&played, &broker)?;

    let mut servers = Vec::new();
    if arguments.broker.is_none() {
        let role = ["role", "broker", "--port", &broker.port.to_string()].map(str::to_owned).to_vec();
        servers.push(Process::start("broker", role, &files.logs)?);
        wait_for_port(&mut servers[0], broker.port).await?;
    }
    servers.push(Process::start("collector", files.collector_role(), &files.logs)?);
    if let Some(scanners) = &scanners {
        let agent = files.write_scanners_agent(scanners, &broker)?;
        servers.push(Process::start("agent-main-scanners", agent, &files.logs)?);
        let appointments = files.write_appointments_agent(scanners, &broker)?;
        agents.push(("agent-main-appointments".to_owned(), appointments));
        agents.push(("scanners".to_owned(), scanners.simulator_role(&files.scanners_clock, &files.account)));
    }
    let mut senders = Vec::new();
    for (name, role) in agents {
        senders.push(Process::start(&name, role, &files.logs)?);
    }
    say(&format!(
        "{} cases of {} lists in {} rooms{}; {} agents, one broker, one collector.\nBoard: http://{}   (logs in {})\nTo correct lists and give reasons, sign in with {token}",
        played.cases,
        played.sessions,
        played.rooms.len(),
        if scanners.is_some() { " and four simulated scanners" } else { "" },
        // The simulator is none, the scanners' agent is among the servers.
        senders.len(),
        arguments.http,
        files.logs.display()
    ));

    let finished = tokio::select! {
        outcome = watch(&mut servers, &mut senders, &files, scanners.is_some()) => { outcome?; true }
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

/// Time runs through these hours. For `max` it stands at the end of everything from the start; the scanners, whose agent
/// can only say of hours that pass that it listened, have them all in a moment.
fn write_clocks(files: &Files, arguments: &DemoArgs, hours: &[(UtcMillis, UtcMillis)]) -> anyhow::Result<()> {
    let Some(&(_, end)) = hours.last() else {
        bail!(crate::Usage("there is no list to play (is --from after the extract's end?)".to_owned()));
    };
    let anchor = wall_now();
    let (speed, of_most, of_scanners) = match arguments.speed {
        Speed::Times(times) => (times, hours.to_vec(), times),
        Speed::Max => (1.0, vec![(end, end)], 1e9),
    };
    Files::write_clock(&files.clock, &PlayedTime::new(anchor, speed, of_most)?)?;
    Files::write_clock(&files.scanners_clock, &PlayedTime::new(anchor, of_scanners, hours.to_vec())?)
}

fn broker_address(arguments: &DemoArgs) -> anyhow::Result<Broker> {
    match &arguments.broker {
        Some(address) => {
            let parsed = address
                .rsplit_once(':')
                .and_then(|(host, port)| Some(Broker { host: host.to_owned(), port: port.parse().ok()? }));
            parsed.ok_or_else(|| crate::Usage(format!("--broker: `{address}` is not HOST:PORT")).into())
        }
        None => Ok(Broker { host: "127.0.0.1".to_owned(), port: free_port()? }),
    }
}

fn free_port() -> anyhow::Result<u16> {
    let probe = TcpListener::bind(("127.0.0.1", 0)).context("no free port on loopback")?;
    Ok(probe.local_addr()?.port())
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
async fn watch(
    servers: &mut [Process],
    senders: &mut [Process],
    files: &Files,
    with_scanners: bool,
) -> anyhow::Result<()> {
    let clock = Clock::from_file(Some(&files.clock))?;
    let mut done = vec![false; senders.len()];
    let mut reader = None;
    let mut all_told = None;
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
        progress(&format!("{}  {events} events stored, {arrived} of {} feeds done", clock.now(), senders.len()));
        if arrived == senders.len() {
            let since = *all_told.get_or_insert_with(wall_now);
            if !with_scanners || scanners::all_arrived(&files.scanners_agent, since) {
                progress("");
                return Ok(());
            }
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
    if arguments.cases.is_none() {
        tell_scanners(arguments, files)?;
    }
    Ok(())
}

/// What the simulated scanners say themselves; the report says what was measured of them.
fn tell_scanners(arguments: &DemoArgs, files: &Files) -> anyhow::Result<()> {
    let account = scanners::account(&files.account)?;
    let of_room = |(room, own): (&String, &scanner_simulator::RoomAccount)| {
        format!(
            "  {room:6} {} exams completed, {} after hours, {} discontinued; {} of {} booked did not attend",
            own.exams_completed, own.out_of_hours_exams, own.exams_discontinued, own.did_not_attend, own.booked
        )
    };
    let rooms: Vec<String> = account.rooms.iter().map(of_room).collect();
    say(&format!(
        "The simulated scanners' own account (all of it is invented):\n{}\nWhat was measured of them:\n  touchtime report scanners --store {}",
        rooms.join("\n"),
        arguments.store.display()
    ));
    Ok(())
}
