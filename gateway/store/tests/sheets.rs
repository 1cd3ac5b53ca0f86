//! How events come together on sheets decides nothing: whatever the order and the commits, a store tells the same.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod fixture;

use std::collections::BTreeSet;

use delivery::batch::MAX_BATCH_EVENTS;
use fixture::{booked, commit, event, message, minute, open};
use proptest::prelude::*;
use room_events::{
    Alive, ListKind, Milestone, MilestoneReached, Observation, PlanRevision, SessionKey, Token, UtcMillis, wire,
};
use store::{Reader, RoomRow, StoreError, place_of};
use utilisation::timeline::Record;

/// What an event is about: its room, its case or session, when, and of what kind.
type Made = (u8, u128, i64, u8);

fn bytes_of((room, case, hour, kind): Made) -> Vec<u8> {
    let (room, at) = (format!("suite-{room}"), minute(hour * 60));
    match kind {
        0 => event(&room, at, Observation::Alive(Alive {})),
        1 => {
            let plan = PlanRevision {
                session: SessionKey::new(&format!("s-{case}")).unwrap(),
                start: at,
                end: at.plus_minutes(240),
                specialty: None,
                team: None,
                kind: ListKind::Elective,
                room_kind: None,
                cases: None,
                issued: None,
                withdrawn: false,
            };
            event(&room, at, Observation::PlanRevision(plan))
        }
        2 | 3 => booked(&room, case, at),
        _ => {
            let case = Token { key: 1, digest: case };
            event(&room, at, Observation::Milestone(MilestoneReached::new(case, Milestone::IntoTheatre)))
        }
    }
}

type Told = BTreeSet<(u64, Vec<u8>)>;

fn told(record: &Record) -> (u64, Vec<u8>) {
    (record.id.seq.0, wire::encode(&record.event, &mut [0; wire::MAX_EVENT_BYTES]).unwrap().to_vec())
}

fn whole(reader: &Reader, room: &RoomRow) -> Told {
    let mut records = Vec::new();
    reader.for_each_room_record(room, |record| records.push(told(record))).unwrap();
    let set: Told = records.iter().cloned().collect();
    assert_eq!(set.len(), records.len(), "each once");
    set
}

fn between(reader: &Reader, room: &RoomRow, from: UtcMillis, to: UtcMillis) -> Told {
    let mut records = Vec::new();
    reader.for_each_room_record_between(room, from, to, |record| records.push(told(record))).unwrap();
    let set: Told = records.iter().cloned().collect();
    assert_eq!(set.len(), records.len(), "each once");
    set
}

/// The same by going through everything, as the functions' descriptions say.
fn by_going_through(all: &[(u64, Vec<u8>)], room: &RoomRow, span: Option<(UtcMillis, UtcMillis)>) -> Told {
    let events: Vec<_> = all.iter().map(|(seq, bytes)| (*seq, bytes.clone(), wire::decode(bytes).unwrap())).collect();
    let is_own = |e: &room_events::Event| e.room.as_ref() == Some(&room.room);
    let is_alive = |e: &room_events::Event| matches!(e.obs, Observation::Alive(_));
    let is_booking = |e: &room_events::Event| matches!(e.obs, Observation::Booking(_));
    let is_plan = |e: &room_events::Event| matches!(e.obs, Observation::PlanRevision(_));
    let within = |e: &room_events::Event| span.is_none_or(|(from, to)| from <= place_of(e) && place_of(e) < to);
    let cases: BTreeSet<Token> = events
        .iter()
        .filter(|(_, _, e)| is_own(e) && !is_alive(e) && within(e) && (span.is_some() || is_booking(e)))
        .filter_map(|(_, _, e)| e.obs.case())
        .collect();
    let of_cases = |e: &room_events::Event| e.obs.case().is_some_and(|case| cases.contains(&case));
    events
        .iter()
        .filter(|(_, _, e)| {
            (is_own(e) && !is_alive(e) && (within(e) || is_plan(e) || of_cases(e))) || (is_booking(e) && of_cases(e))
        })
        .map(|(seq, bytes, _)| (*seq, bytes.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_store_tells_the_same_however_its_events_came_together(
        made in prop::collection::vec((1..4_u8, 0..12_u128, -200..200_i64, 0..8_u8), 1..200),
        size in 1..=MAX_BATCH_EVENTS,
        at_once in 1..8_usize,
        turned in any::<bool>(),
        (from, hours) in (-200..200_i64, 1..100_i64),
    ) {
        let events: Vec<Vec<u8>> = made.into_iter().map(bytes_of).collect();
        let mut messages: Vec<_> =
            events.chunks(size).enumerate().map(|(n, some)| message((n * size) as u64 + 1, 1, some)).collect();
        // A stream may be 32 holes behind, no more.
        if turned && messages.len() <= 32 {
            messages.reverse();
        }
        let dir = tempfile::tempdir().unwrap();
        let mut writer = open(dir.path());
        let mut stored = 0;
        for some in messages.chunks(at_once) {
            stored += commit(&mut writer, some).stored;
        }
        prop_assert_eq!(stored, events.len() as u64);
        let again: u64 = messages.chunks(3).map(|some| commit(&mut writer, some).duplicates).sum();
        prop_assert_eq!(again, stored, "all are known");

        let reader = Reader::open(dir.path()).unwrap();
        prop_assert_eq!(reader.count_events().unwrap(), stored);
        let mut all = Vec::new();
        reader
            .for_each_event(|_, id, _, bytes| -> Result<(), StoreError> {
                all.push((id.seq.0, bytes.to_vec()));
                Ok(())
            })
            .unwrap();
        let sent: Vec<_> = (1..).zip(events).collect();
        prop_assert_eq!(&all, &sent, "in order, as they came");
        let (from, to) = (minute(from * 60), minute((from + hours) * 60));
        let mut latest = None;
        for room in reader.rooms().unwrap() {
            prop_assert_eq!(whole(&reader, &room), by_going_through(&all, &room, None));
            prop_assert_eq!(between(&reader, &room, from, to), by_going_through(&all, &room, Some((from, to))));
            prop_assert_eq!(between(&reader, &room, to, from), Told::new(), "no session lies in a span that is none");
            let mut alive = BTreeSet::new();
            for (_, bytes) in &all {
                let event = wire::decode(bytes).unwrap();
                let is_here = event.room.as_ref() == Some(&room.room);
                match event.obs {
                    Observation::Alive(_) if is_here && from <= event.at && event.at < to => {
                        alive.insert(event.at);
                    }
                    Observation::Alive(_) => {}
                    _ => latest = latest.max(Some(place_of(&event))),
                }
            }
            prop_assert_eq!(reader.room_alive(&room, from, to).unwrap(), alive.into_iter().collect::<Vec<_>>());
        }
        prop_assert_eq!(reader.last_place().unwrap(), latest);

        // What is removed leaves no half of a case behind. All was received at minute 1000.
        let cut = minute(1001);
        let young = |case: Token| all.iter().any(|(_, bytes)| {
            let other = wire::decode(bytes).unwrap();
            other.obs.case() == Some(case) && place_of(&other) >= cut
        });
        let kept: Vec<_> = all.iter().filter(|(_, bytes)| {
            let event = wire::decode(bytes).unwrap();
            place_of(&event) >= cut || event.obs.case().is_some_and(young)
        }).cloned().collect();
        prop_assert_eq!(writer.remove_before(cut).unwrap(), (all.len() - kept.len()) as u64);
        let mut left = Vec::new();
        reader
            .for_each_event(|_, id, _, bytes| -> Result<(), StoreError> {
                left.push((id.seq.0, bytes.to_vec()));
                Ok(())
            })
            .unwrap();
        prop_assert_eq!(&left, &kept);
        for room in reader.rooms().unwrap() {
            prop_assert_eq!(whole(&reader, &room), by_going_through(&kept, &room, None));
            prop_assert_eq!(between(&reader, &room, from, to), by_going_through(&kept, &room, Some((from, to))));
        }
    }
}
