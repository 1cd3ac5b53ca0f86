use super::*;
use delivery::RunId;
use edge_agent::Observed;
use room_events::observation::{Level, SignalLevel};
use room_events::{Alive, EventsLost, RoomId, SourceId, UtcMillis};
use std::path::Path;

/// The largest outbox that a configuration can make small.
const MIB: u64 = 1024 * 1024;

fn agent(folder: &Path, required: &str, also: &str, keep_days: u32) -> Agent {
    let text = format!(
        "trust = 'n'\nsite = 'main'\nagent = 'a'\ndata-dir = '{}'\n[broker]\nhost = 'b'\n[collectors]\n\
         required = {required}\nalso = {also}\n[outbox]\nmax-mib = 1\nkeep-acknowledged-days = {keep_days}\n",
        folder.display()
    );
    let config = Config::parse("agent.toml", &text).unwrap();
    let mut agent = Agent::open(&config, Arc::new(Clock::system(None))).unwrap();
    agent.handle_subscribed();
    agent
}

fn observed(obs: Observation) -> Observed {
    Observed {
        source: SourceId::new("theatre-system").unwrap(),
        order: Some(1),
        site: None,
        room: Some(RoomId::new("th-1").unwrap()),
        at: UtcMillis::saturating(1_644_585_000_000),
        clock: None,
        obs,
    }
}

fn alive() -> Observed {
    observed(Observation::Alive(Alive {}))
}

fn door() -> Observed {
    observed(Observation::SignalLevel(SignalLevel { signal: SourceId::new("door").unwrap(), level: Level::Active }))
}

/// Sends all that may be sent; each batch as a collector reads it: stream, first, floor, events.
fn send(agent: &mut Agent) -> Vec<(StreamId, u64, u64, Vec<Vec<u8>>)> {
    let mut sent = Vec::new();
    while let Next::Send(span) = agent.poll_next() {
        let bytes = agent.batch(span).unwrap();
        let batch = batch::decode(&bytes).unwrap();
        let events = batch.events.iter().map(|event| event.to_vec()).collect();
        sent.push((batch.stream, batch.first.0, batch.floor.0, events));
        agent.handle_sent(span);
    }
    sent
}

fn ack(agent: &mut Agent, collector: &str, run: u128, counter: u64, stream: StreamId, through: u64) {
    let ack = Ack { run: RunId(run), counter, stream, through, floor: None, conflicts: [].into(), failed: None };
    agent.handle_ack(collector, &ack);
}

/// Sends everything held and has it acknowledged; the highest counter used.
fn deliver(agent: &mut Agent, collector: &str, mut counter: u64) -> u64 {
    loop {
        let sent = send(agent);
        if sent.is_empty() {
            return counter;
        }
        for (stream, first, _, events) in sent {
            counter += 1;
            ack(agent, collector, 1, counter, stream, first + events.len() as u64 - 1);
        }
    }
}

/// Records until the outbox refuses; how many were accepted.
fn fill(agent: &mut Agent, one: &Observed) -> u64 {
    let many = vec![one.clone(); 100];
    let mut count = 0;
    while agent.record(&many, None).is_ok() {
        count += 100;
    }
    while agent.record(std::slice::from_ref(one), None).is_ok() {
        count += 1;
    }
    count
}

fn losses(sent: &[(StreamId, u64, u64, Vec<Vec<u8>>)]) -> Vec<EventsLost> {
    let events = sent.iter().flat_map(|(_, _, _, events)| events).map(|bytes| wire::decode(bytes).unwrap());
    events.filter_map(|event| if let Observation::EventsLost(lost) = event.obs { Some(lost) } else { None }).collect()
}

#[test]
fn acknowledged_events_stay_until_half_the_space_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = agent(folder.path(), "['c1']", "[]", 7);
    agent.record(&[alive(), alive()], None).unwrap();
    let counter = deliver(&mut agent, "c1", 0);
    agent.tidy().unwrap();
    assert_eq!(agent.streams().map(|held| held.floor.0).collect::<Vec<_>>(), [1]);
    assert!(agent.is_all_acknowledged());
    while agent.space().held < MIB * 3 / 4 {
        agent.record(&vec![alive(); 100], None).unwrap();
    }
    let _ = deliver(&mut agent, "c1", counter);
    agent.tidy().unwrap();
    let held = agent.space().held;
    assert!((MIB / 2 - 1000..=MIB / 2).contains(&held), "{held}");
}

#[test]
fn with_no_time_to_keep_acknowledged_events_go_at_once_and_the_record_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = agent(folder.path(), "['c1']", "[]", 0);
    agent.record(&[alive()], None).unwrap();
    let _ = deliver(&mut agent, "c1", 0);
    agent.tidy().unwrap();
    assert_eq!(agent.streams().map(|held| (held.floor.0, held.last.0)).collect::<Vec<_>>(), [(3, 2)]);
}

#[test]
fn what_a_full_outbox_refuses_is_told_exactly_once_it_has_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = agent(folder.path(), "['c1']", "[]", 7);
    let _ = fill(&mut agent, &alive());
    for one in [alive(), door(), alive()] {
        agent.record_or_count(&one);
    }
    assert_eq!((agent.status(true).lost, agent.open_loss().map(|loss| loss.count)), (3, Some(3)));
    let counter = deliver(&mut agent, "c1", 0);
    agent.record(&[alive()], None).unwrap();
    let told = losses(&send(&mut agent));
    assert_eq!(told.iter().map(|lost| (lost.count, lost.exact)).collect::<Vec<_>>(), [(3, true)]);
    assert_eq!(told[0].kinds.as_slice(), [room_events::observation::SourceKind::SignalLevel]);
    assert_eq!((agent.status(true).lost, agent.open_loss()), (3, None));
    let _ = deliver(&mut agent, "c1", counter);
}

#[test]
fn a_loss_that_outlives_its_process_is_a_lower_bound() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = agent(folder.path(), "['c1']", "[]", 7);
    let _ = fill(&mut before, &alive());
    before.record_or_count(&alive());
    drop(before);
    let mut agent = agent(folder.path(), "['c1']", "[]", 7);
    let _ = deliver(&mut agent, "c1", 0);
    agent.record(&[alive()], None).unwrap();
    let told = losses(&send(&mut agent));
    assert_eq!(told.iter().map(|lost| (lost.count, lost.exact)).collect::<Vec<_>>(), [(1, false)]);
}

#[test]
fn a_chattering_door_does_not_crowd_out_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = agent(folder.path(), "['c1']", "[]", 7);
    let doors = fill(&mut agent, &door());
    agent.record_or_count(&door());
    assert_eq!(agent.open_loss().map(|loss| loss.count), Some(1));
    assert!(agent.record(&[alive()], None).is_ok());
    let others = fill(&mut agent, &alive());
    assert!(others > doors / 2, "{others} beside {doors}");
}

#[test]
fn when_there_is_no_other_room_what_one_required_collector_has_may_go_and_the_floor_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = agent(folder.path(), "['c1', 'dead']", "['spare']", 7);
    let _ = fill(&mut agent, &alive());
    assert!(matches!(agent.record(&[alive()], None), Err(OutboxError::Full { .. })));
    let stream = agent.stream();
    ack(&mut agent, "spare", 3, 1, stream, 10);
    assert!(agent.record(&[alive()], None).is_err(), "one that also collects frees nothing");
    let sent = send(&mut agent);
    let through = sent.iter().map(|(_, first, _, events)| first + events.len() as u64 - 1).max().unwrap();
    ack(&mut agent, "c1", 1, 1, stream, through);
    agent.record(&[alive()], None).unwrap();
    let next = send(&mut agent);
    let floor = next[0].2;
    assert!(floor > 1 && floor < 10, "no more went than was needed: floor {floor}");
    assert_eq!(
        agent.lacking().iter().map(|(id, required, _)| (id.as_str(), *required)).collect::<Vec<_>>(),
        [("c1", true), ("dead", true), ("spare", false)]
    );
}

#[test]
fn another_run_of_a_collector_gets_everything_held_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = agent(folder.path(), "['c1']", "[]", 7);
    before.record(&[alive()], None).unwrap();
    let older = before.stream();
    drop(before);
    let mut agent = agent(folder.path(), "['c1']", "[]", 7);
    agent.record(&[alive(), alive()], None).unwrap();
    let _ = deliver(&mut agent, "c1", 0);
    agent.tidy().unwrap();
    assert!(agent.is_all_acknowledged() && send(&mut agent).is_empty());
    let stream = agent.stream();
    ack(&mut agent, "c1", 2, 1, stream, 3);
    let again: Vec<(StreamId, u64)> = send(&mut agent).into_iter().map(|(stream, first, ..)| (stream, first)).collect();
    assert_eq!(again, [(older, 1), (stream, 1)]);
}

#[test]
fn a_conflict_in_the_own_stream_begins_another_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = agent(folder.path(), "['c1']", "[]", 7);
    agent.record(&[alive()], None).unwrap();
    let (first, _) = (agent.stream(), send(&mut agent));
    for counter in 1..=2 {
        let conflict = Ack { conflicts: [Seq(2)].into(), ..ack_of(counter, first) };
        agent.handle_ack("c1", &conflict);
    }
    agent.record(&[alive()], None).unwrap();
    assert_eq!(agent.streams().count(), 2, "the second word of it asks for nothing more");
    let sent = send(&mut agent);
    let started = wire::decode(&sent[0].3[0]).unwrap();
    let Observation::AgentStarted(started) = started.obs else { panic!("{started:?}") };
    assert_eq!(started.previous.map(|p| (p.stream, p.last)), Some((first, Seq(2))));
}

fn ack_of(counter: u64, stream: StreamId) -> Ack {
    Ack { run: RunId(1), counter, stream, through: 2, floor: None, conflicts: [].into(), failed: None }
}

#[test]
fn a_machine_that_restarts_all_the_time_still_sends_its_newest_stream() {
    let folder = tempfile::tempdir().unwrap();
    let processes = MAX_STREAMS + 10;
    for _ in 1..processes {
        agent(folder.path(), "['c1']", "[]", 7).record(&[alive()], None).unwrap();
    }
    let mut agent = agent(folder.path(), "['c1']", "[]", 7);
    agent.record(&[alive()], None).unwrap();
    let mut counter = 0;
    for _ in 0..5 {
        counter = deliver(&mut agent, "c1", counter);
        agent.tidy().unwrap();
    }
    let known = agent.marks(agent.stream());
    assert_eq!(known, [2], "{} streams are left", agent.streams().count());
    assert!(agent.streams().count() <= MAX_STREAMS / 2 + MAX_RECORDS);
}

#[test]
fn records_that_wait_for_a_dead_collector_do_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let config = "['c1', 'dead']";
    for _ in 0..MAX_RECORDS + 4 {
        agent(folder.path(), config, "[]", 7).record(&[alive()], None).unwrap();
    }
    let mut agent = agent(folder.path(), config, "[]", 7);
    agent.record(&[alive()], None).unwrap();
    let _ = deliver(&mut agent, "c1", 0);
    // Every older stream is emptied for need of room, as only c1 has it.
    agent.make_room(agent.space().held).unwrap();
    agent.tidy().unwrap();
    assert_eq!(agent.streams().count(), MAX_RECORDS + 1);
    assert_eq!(agent.open_loss().map(|loss| (loss.count, loss.exact)), Some((4 * 2, false)));
}

/// The first events of the next batch, as they stand on the disk.
fn first_sent(agent: &mut Agent) -> (StreamId, Vec<Observation>) {
    let (stream, _, _, events) = send(agent).swap_remove(0);
    (stream, events.iter().map(|event| wire::decode(event).unwrap().obs).collect())
}

#[test]
fn an_outbox_that_is_gone_emptied_or_cut_is_a_counted_loss_and_recording_goes_on() {
    let outbox_in = |folder: &Path| folder.join("outbox.redb");
    let cut = |folder: &Path, bytes: u64| {
        std::fs::OpenOptions::new().write(true).open(outbox_in(folder)).unwrap().set_len(bytes).unwrap();
    };
    let harms: [&dyn Fn(&Path); 4] = [
        &|folder| std::fs::remove_file(outbox_in(folder)).unwrap(),
        &|folder| cut(folder, 0),
        &|folder| cut(folder, 10_000),
        &|folder| std::fs::write(outbox_in(folder), "no outbox at all".repeat(1000)).unwrap(),
    ];
    for (n, harm) in harms.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let mut before = agent(folder.path(), "['c1']", "[]", 7);
        before.record(&vec![alive(); 50], None).unwrap();
        drop(before);
        harm(folder.path());
        let mut after = agent(folder.path(), "['c1']", "[]", 7);
        after.record(&[alive()], None).unwrap();
        let (_, told) = first_sent(&mut after);
        assert!(
            matches!(
                &told[..],
                [
                    Observation::AgentStarted(_),
                    Observation::EventsLost(EventsLost { count: 1, exact: false, .. }),
                    Observation::Alive(_)
                ]
            ),
            "harm {n}: {told:?}"
        );
        let aside = folder.path().join("outbox.redb.damaged-1");
        assert_eq!(aside.exists(), n > 0, "what may still be read is kept");
    }
}

#[test]
fn an_older_copy_of_the_outbox_uses_no_number_again() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, copy) = (folder.path().join("outbox.redb"), folder.path().join("copy"));
    let mut agent = agent(folder.path(), "['c1']", "[]", 7);
    agent.record(&vec![alive(); 5], None).unwrap();
    let (stream, _) = first_sent(&mut agent);
    std::fs::copy(&outbox, &copy).unwrap();
    agent.record(&vec![alive(); 3], None).unwrap();
    let _ = send(&mut agent);
    ack(&mut agent, "c1", 1, 1, stream, 9);
    std::fs::rename(&copy, &outbox).unwrap();
    agent.recover().unwrap();
    agent.record(&[door()], None).unwrap();
    let (next, told) = first_sent(&mut agent);
    assert_ne!(next, stream);
    assert!(
        matches!(
            &told[..],
            [
                Observation::AgentStarted(_),
                Observation::EventsLost(EventsLost { count: 3, exact: false, .. }),
                Observation::SignalLevel(_)
            ]
        ),
        "{told:?}"
    );
}
