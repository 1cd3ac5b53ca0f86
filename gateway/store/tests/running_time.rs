//! What a machine's wall clock stamped wrongly is placed by its running time, and people are told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;

use fixture::{agent, commit, message, minute, open};
use room_events::wire::{MAX_EVENT_BYTES, encode};
use room_events::{
    AgentStarted, Alive, BootId, ClockQuality, Correction, Event, Label, Milestone, MilestoneReached, Observation,
    RoomId, SourceId, Token, UtcMillis,
};
use store::Reader;

/// The machine was switched on.
const BOOT: i64 = 0;
/// 2000-01-01.
const Y2000: UtcMillis = UtcMillis::saturating(946_684_800_000);

const CASE: Token = Token { key: 0, digest: 7 };

/// An event so many seconds after the boot, by a wall clock that said `base` at the boot.
fn event(base: UtcMillis, second: i64, clock: ClockQuality, obs: Observation) -> Vec<u8> {
    let at = base.plus_millis(second * 1000);
    let event = Event {
        v: 1,
        at,
        captured: at.plus_millis(3),
        mono: u64::try_from(second * 1000 + 3).unwrap(),
        clock,
        source: SourceId::new("gpio").unwrap(),
        order: 1,
        site: None,
        room: Some(RoomId::new("th-1").unwrap()),
        obs,
    };
    encode(&event, &mut [0; MAX_EVENT_BYTES]).unwrap().to_vec()
}

fn started() -> Observation {
    Observation::AgentStarted(AgentStarted { previous: None, boot: BootId(0xb), version: Label::new("0.1.0").unwrap() })
}

fn reached(name: Milestone) -> Observation {
    Observation::Milestone(MilestoneReached::new(CASE, name))
}

/// The agent's start, two milestones and a taken-back one 40 minutes apart.
fn morning(base: UtcMillis, clock: ClockQuality) -> Vec<Vec<u8>> {
    let to = Some(base.plus_millis(600_000));
    let back = Correction { case: CASE, name: Milestone::IntoTheatre, to, author: None, reason: None };
    vec![
        event(base, 1, clock, started()),
        event(base, 300, clock, reached(Milestone::IntoTheatre)),
        event(base, 700, clock, Observation::Correction(back)),
        event(base, 3000, clock, reached(Milestone::ProcedureEnd)),
    ]
}

fn alive(base: UtcMillis, second: i64, clock: ClockQuality) -> Vec<u8> {
    event(base, second, clock, Observation::Alive(Alive {}))
}

/// Seconds after the true boot at which the room's milestones and corrections are, as read for the day and as a whole.
fn told(reader: &Reader, boot: UtcMillis) -> Vec<(i64, Option<i64>)> {
    let room = &reader.rooms().unwrap()[0];
    let mut of_day = Vec::new();
    let mut whole = Vec::new();
    let place = |event: &Event| {
        let to = if let Observation::Correction(correction) = &event.obs { correction.to } else { None };
        (event.at.millis_since(boot) / 1000, to.map(|to| to.millis_since(boot) / 1000))
    };
    let is_told = |event: &Event| event.obs.case().is_some();
    reader
        .for_each_room_record_between(room, boot, boot.plus_minutes(120), |record| {
            if is_told(&record.event) {
                of_day.push(place(&record.event));
            }
        })
        .unwrap();
    reader
        .for_each_room_record(room, |record| {
            if is_told(&record.event) {
                whole.push(place(&record.event));
            }
        })
        .unwrap();
    of_day.sort_unstable();
    whole.sort_unstable();
    assert_eq!(of_day, whole);
    whole
}

const RIGHT: [(i64, Option<i64>); 3] = [(300, None), (700, Some(600)), (3000, None)];

#[test]
fn a_late_time_fix_places_what_the_boot_stamped_before() {
    let boot = minute(BOOT);
    // Years behind and ahead, and an hour, which leaves the day.
    for wrong in [Y2000, boot.plus_minutes(10 * 525_949), boot.plus_minutes(-60), boot.plus_minutes(60)] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = open(dir.path());
        let _ = commit(&mut writer, &[message(1, 1, &morning(wrong, ClockQuality::Unset))]);
        let reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.placed_by_running_time().unwrap(), []);
        let done = commit(&mut writer, &[message(5, 1, &[alive(boot, 4000, ClockQuality::Synchronised)])]);
        assert_eq!(done.rooms.len(), 1);
        assert_eq!(told(&reader, boot), RIGHT, "{wrong}");
        let placed = reader.placed_by_running_time().unwrap();
        assert_eq!(placed.len(), 1);
        assert_eq!((&placed[0].agent, placed[0].events, placed[0].is_synchronised), (&agent(), 4, true));
        assert_eq!(placed[0].moved_ms, boot.millis_since(wrong));
    }
}

/// The same, told in another order.
#[test]
fn the_fix_may_come_first_and_from_another_process_of_the_boot() {
    let boot = minute(BOOT);
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let later = room_events::StreamId(0xdef);
    let events = [event(boot, 4000, ClockQuality::Synchronised, started())];
    let mut buffer = vec![0; delivery::batch::MAX_BATCH_BYTES];
    let (first, slices) = (room_events::Seq(1), events.iter().map(Vec::as_slice));
    let message_of_later = delivery::batch::encode(later, first, first, slices, &mut buffer).unwrap().to_vec();
    let _ = commit(&mut writer, &[message_of_later]);
    let _ = commit(&mut writer, &[message(1, 1, &morning(Y2000, ClockQuality::Unset))]);
    assert_eq!(told(&Reader::open(dir.path()).unwrap(), boot), RIGHT);
}

#[test]
fn without_any_time_durations_are_right_and_a_clock_set_by_hand_takes_the_rest_along() {
    let (boot, dir) = (minute(BOOT), tempfile::tempdir().unwrap());
    let mut writer = open(dir.path());
    let mut events = morning(Y2000, ClockQuality::Unset);
    let last = event(boot, 3600, ClockQuality::Unset, reached(Milestone::OutOfTheatre));
    let _ = commit(&mut writer, &[message(1, 1, &events)]);
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(told(&reader, Y2000), RIGHT);
    events.push(last);
    let _ = commit(&mut writer, &[message(5, 1, &events[4..])]);
    let mut expected = RIGHT.to_vec();
    expected.push((3600, None));
    assert_eq!(told(&reader, boot), expected);
    assert!(!reader.placed_by_running_time().unwrap()[0].is_synchronised);
}

#[test]
fn what_was_synchronised_or_stamped_by_others_stays() {
    let (boot, dir) = (minute(BOOT), tempfile::tempdir().unwrap());
    let mut writer = open(dir.path());
    let hour_off = boot.plus_minutes(60);
    let mut events = morning(boot, ClockQuality::Synchronised);
    events.push(event(boot, 3100, ClockQuality::External, reached(Milestone::OutOfTheatre)));
    events.push(alive(hour_off, 3200, ClockQuality::Synchronised));
    let _ = commit(&mut writer, &[message(1, 1, &events)]);
    let mut expected = RIGHT.to_vec();
    expected.push((3100, None));
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(told(&reader, boot), expected);
    assert_eq!(reader.placed_by_running_time().unwrap(), []);
}

/// A clock that is years ahead must not make its room seem heard from until then.
#[test]
fn a_clock_that_is_ahead_is_no_news_of_the_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let ahead = minute(BOOT).plus_minutes(10 * 525_949);
    let _ = commit(&mut writer, &[message(1, 1, &morning(ahead, ClockQuality::Unset))]);
    // The fixture's messages are received then.
    let room = &Reader::open(dir.path()).unwrap().rooms().unwrap()[0];
    assert_eq!(room.last_event, Some(minute(1000)));
}
