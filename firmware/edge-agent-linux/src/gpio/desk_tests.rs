use delivery::{Next, batch};
use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};
use room_events::{EventsLost, RoomId, SourceId, wire};

use super::super::fixture::{DOOR, INTO_THEATRE, PROCEDURE_START, agent, lines};
use super::*;

const fn at(second: i64) -> UtcMillis {
    UtcMillis::saturating(1_644_585_000_000 + second * 1000)
}

/// A desk whose light is a mock pin that expects these levels.
fn desk(shared: &Arc<Shared>, light: &[State]) -> (Desk<Mock>, Mock) {
    let expected: Vec<_> = light.iter().map(|state| Transaction::set(*state)).collect();
    let pin = Mock::new(&expected);
    let place = Place { room: RoomId::new("th-1").unwrap(), source: SourceId::new("gpio").unwrap(), lines: lines() };
    let made = pin.clone();
    let open = Box::new(move || {
        StatusLight::new(made.clone(), edge_agent::Level::High).map_err(|error| anyhow::anyhow!("{error:?}"))
    });
    (Desk::at(place, shared, Some(open)).unwrap(), pin)
}

fn pressed(line: usize, second: i64) -> Told {
    Told::Pressed(line, PressKind::Short, at(second))
}

fn opened() -> Told {
    Told::Opened(vec![Level::Inactive; 3], at(0))
}

/// Everything in the outbox that is not about the agent.
fn recorded(shared: &Shared) -> Vec<(Observation, UtcMillis)> {
    let mut agent = shared.agent();
    agent.handle_subscribed();
    let mut all = Vec::new();
    while let Next::Send(span) = agent.poll_next() {
        let bytes = agent.batch(span).unwrap();
        let events = batch::decode(&bytes).unwrap().events;
        all.extend(events.iter().map(|event| wire::decode(event).unwrap()).filter(|event| event.room.is_some()));
        agent.handle_sent(span);
    }
    all.into_iter().map(|event| (event.obs, event.at)).collect()
}

fn milestones(shared: &Shared) -> Vec<(Token, Milestone, UtcMillis)> {
    let of = |(obs, at): (Observation, UtcMillis)| {
        if let Observation::Milestone(reached) = obs { Some((reached.case, reached.name, at)) } else { None }
    };
    recorded(shared).into_iter().filter_map(of).collect()
}

#[test]
fn what_lines_show_is_recorded_at_the_start_and_at_each_change() {
    let folder = tempfile::tempdir().unwrap();
    let shared = agent(folder.path());
    let (mut desk, mut light) = desk(&shared, &[State::Low]);
    desk.handle(&mut vec![opened(), Told::Shows(DOOR, Level::Active, at(5)), Told::Shows(DOOR, Level::Fault, at(9))]);
    let shown: Vec<_> = recorded(&shared)
        .into_iter()
        .map(|(obs, at)| {
            let Observation::SignalLevel(shown) = obs else { panic!("{obs:?}") };
            (shown.signal.to_string(), shown.level, at)
        })
        .collect();
    let expected = [
        ("into-theatre", Level::Inactive, 0),
        ("procedure-start", Level::Inactive, 0),
        ("door", Level::Inactive, 0),
        ("door", Level::Active, 5),
        ("door", Level::Fault, 9),
    ];
    assert_eq!(shown, expected.map(|(signal, level, second)| (signal.to_owned(), level, at(second))));
    light.done();
}

#[test]
fn a_press_is_confirmed_when_it_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let shared = agent(folder.path());
    let (mut desk, mut light) = desk(&shared, &[State::Low, State::High]);
    desk.handle(&mut vec![opened(), pressed(INTO_THEATRE, 5)]);
    assert!(desk.light_due() > Duration::ZERO);
    let found = milestones(&shared);
    assert!(matches!(found.as_slice(), [(_, Milestone::IntoTheatre, when)] if *when == at(5)), "{found:?}");
    light.done();
}

/// Fills the outbox with events that no collector has.
fn fill(shared: &Shared) {
    let alive = Observed {
        source: SourceId::new("x").unwrap(),
        order: None,
        site: None,
        room: None,
        at: at(0),
        clock: None,
        obs: Observation::Alive(Alive {}),
    };
    for many in [100, 1] {
        while shared.agent().record(&vec![alive.clone(); many], None).is_ok() {}
    }
}

#[test]
fn a_press_that_finds_no_room_is_not_confirmed_and_counted_and_the_next_one_begins_the_case() {
    let folder = tempfile::tempdir().unwrap();
    let shared = agent(folder.path());
    let (mut desk, mut light) = desk(&shared, &[State::Low]);
    fill(&shared);
    // Dark: it begins to blink a quarter of a second later.
    desk.handle(&mut vec![pressed(INTO_THEATRE, 5)]);
    assert!(desk.light_due() <= Duration::from_millis(edge_agent::BLINK_MS));
    assert_eq!(desk.tracker, CaseTracker::default());
    let lost = shared.agent().open_loss().map(delivery::OpenLoss::told);
    assert!(matches!(lost, Some(EventsLost { count: 1, exact: true, .. })), "{lost:?}");
    light.done();
}

#[test]
fn the_case_at_hand_survives_a_restart_and_a_long_press_takes_back_what_came_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let shared = agent(folder.path());
    let (mut before, mut light) = desk(&shared, &[State::Low, State::High]);
    before.handle(&mut vec![pressed(INTO_THEATRE, 5)]);
    light.done();
    let [(case, ..)] = milestones(&shared)[..] else { panic!("one milestone") };
    drop((before, shared));

    let shared = agent(folder.path());
    let (mut after, mut light) = desk(&shared, &[State::Low, State::High]);
    after.handle(&mut vec![pressed(PROCEDURE_START, 65)]);
    assert!(milestones(&shared).iter().all(|(of, ..)| *of == case));
    light.done();
    drop((after, shared));

    let shared = agent(folder.path());
    let (mut after, mut light) = desk(&shared, &[State::Low, State::High, State::Low]);
    let back = |second| Told::Pressed(PROCEDURE_START, PressKind::Long, at(second));
    after.handle(&mut vec![back(125), back(128), back(131)]);
    let taken_back: Vec<_> = recorded(&shared)
        .into_iter()
        .filter_map(
            |(obs, _)| if let Observation::Correction(one) = obs { Some((one.case, one.name, one.to)) } else { None },
        )
        .collect();
    assert_eq!(taken_back, [(case, Milestone::ProcedureStart, None), (case, Milestone::IntoTheatre, None)]);
    light.done();
    assert!(after.light_due() <= Duration::from_millis(edge_agent::BLINK_MS), "there was nothing left to take back");
}

#[test]
fn a_chip_that_is_away_is_a_fault_of_each_line_and_no_sign_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let shared = agent(folder.path());
    let (mut desk, mut light) = desk(&shared, &[State::Low]);
    desk.say_alive();
    desk.handle(&mut vec![Told::Lost(at(1))]);
    desk.say_alive();
    desk.handle(&mut vec![opened()]);
    desk.say_alive();
    let kinds: Vec<_> = recorded(&shared)
        .into_iter()
        .map(|(obs, _)| {
            if let Observation::SignalLevel(shown) = &obs { shown.level.name() } else { obs.kind() }.to_owned()
        })
        .collect();
    assert_eq!(kinds, ["fault", "fault", "fault", "inactive", "inactive", "inactive", "alive"]);
    light.done();
}

#[test]
fn a_state_of_another_version_is_no_hindrance() {
    let folder = tempfile::tempdir().unwrap();
    let shared = agent(folder.path());
    let progress = Progress::Cases { room: "th-1", state: &[99, 1, 2] };
    shared.agent().record(&[], Some(progress)).unwrap();
    let (mut desk, mut light) = desk(&shared, &[State::Low, State::High]);
    desk.handle(&mut vec![pressed(INTO_THEATRE, 5)]);
    assert_eq!(milestones(&shared).len(), 1);
    light.done();
}
