//! The event stream of a board, read as a browser reads it.

use std::sync::Arc;

use board::source::{Change, SourceError};
use room_events::{RoomId, SiteId};

use crate::fixed_source::FixedSource;
use crate::fixture::{at, every_state};
use crate::http::{Events, get, serve, text};

fn changed(suite: &str) -> Change {
    Change::Room { site: SiteId::new("main").unwrap(), room: RoomId::new(suite).unwrap() }
}

#[tokio::test]
async fn a_viewer_gets_a_snapshot_and_then_only_what_has_changed() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    let page = get(address, "/").await.body;
    let mut events = Events::open(address, "/events?").await;

    let snapshot = events.next().await;
    assert_eq!(snapshot.name, "snapshot");
    assert!(!snapshot.id.is_empty());
    assert_eq!(snapshot.data["now"], at("13:10").millis());
    assert_eq!(snapshot.data["offset"], 0);
    assert_eq!(snapshot.parts(), ["kpis", "when", "side", "tables", "rooms"]);
    assert!(page.contains(snapshot.part("rooms")), "the page and the snapshot are one drawing");

    // The patient of suite 6 comes into the room.
    {
        let mut day = source.day.lock().unwrap();
        let day = day.as_mut().unwrap();
        let theatre = day.rooms.iter_mut().find(|room| room.room.as_str() == "suite-6").unwrap();
        theatre.feed.last_heard = None;
    }
    source.changes.send(changed("suite-6")).unwrap();
    let change = events.next().await;
    assert_eq!(change.name, "change");
    assert_eq!(change.parts(), ["kpis", "side", "room-suite-6", "tables"]);
    assert!(text(change.part("room-suite-6")).contains("Unknown"), "{}", change.part("room-suite-6"));
    assert!(text(change.part("side")).contains("Theatre 6 silent"));
}

#[tokio::test]
async fn minutes_move_the_figures_without_an_event() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    let mut events = Events::open(address, "/events").await;
    assert_eq!(events.next().await.name, "snapshot");
    *source.day.lock().unwrap() = Ok(every_state(at("13:11")));
    let change = events.next().await;
    assert_eq!(change.name, "change");
    assert_eq!(change.data["now"], at("13:11").millis());
    assert!(text(change.part("room-suite-4")).contains("Procedure 61 min"));
}

#[tokio::test]
async fn a_room_that_comes_or_goes_makes_a_new_snapshot() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    let mut events = Events::open(address, "/events?site=main&date=2022-02-11").await;
    assert_eq!(events.next().await.name, "snapshot");
    source.day.lock().unwrap().as_mut().unwrap().rooms.pop();
    source.changes.send(changed("suite-17")).unwrap();
    let snapshot = events.next().await;
    assert_eq!(snapshot.name, "snapshot");
    assert!(!snapshot.part("rooms").contains("room-suite-17"));
}

#[tokio::test]
async fn a_viewer_that_comes_back_gets_a_snapshot_again() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    for _ in 0..3 {
        assert_eq!(Events::open(address, "/events").await.next().await.name, "snapshot");
    }
}

#[tokio::test]
async fn a_source_in_trouble_is_silent_until_it_has_figures_again() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    let mut events = Events::open(address, "/events").await;
    assert_eq!(events.next().await.name, "snapshot");
    *source.day.lock().unwrap() = Err(SourceError::Unavailable("the store is locked".to_owned()));
    source.changes.send(Change::Tick).unwrap();
    while get(address, "/").await.status != 503 {}
    *source.day.lock().unwrap() = Ok(every_state(at("13:12")));
    source.changes.send(Change::Tick).unwrap();
    let change = events.next().await;
    assert_eq!((change.name.as_str(), &change.data["now"]), ("change", &at("13:12").millis().into()));
}

#[tokio::test]
async fn many_viewers_see_the_same_change() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    let mut viewers = Vec::new();
    for _ in 0..50 {
        let mut events = Events::open(address, "/events").await;
        assert_eq!(events.next().await.name, "snapshot");
        viewers.push(events);
    }
    *source.day.lock().unwrap() = Ok(every_state(at("13:11")));
    source.changes.send(Change::Tick).unwrap();
    for mut events in viewers {
        assert_eq!(events.next().await.data["now"], at("13:11").millis());
    }
}
