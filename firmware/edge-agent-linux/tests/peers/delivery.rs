//! Everything arrives, through broken connections and a broker that forgets, and nothing is deleted before it is
//! acknowledged.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edge_agent::Observed;
use edge_agent_linux::agent::{Agent, Shared};
use edge_agent_linux::clock::Clock;
use edge_agent_linux::config::Config;
use edge_agent_linux::link;
use room_events::{Alive, Observation, RoomId, SourceId, UtcMillis};
use tokio::sync::watch;

use crate::peer::{Broker, Stored, collect, collect_as, config, free_port, mosquitto, within};

fn configured(folder: &Path, port: u16) -> Config {
    Config::parse("agent.toml", &config(folder, port)).unwrap()
}

fn agent(config: &Config) -> Arc<Shared> {
    Shared::new(Agent::open(config, Arc::new(Clock::system(None))).unwrap())
}

fn observed(n: u64) -> Observed {
    Observed {
        source: SourceId::new("theatre-system").unwrap(),
        order: Some(n),
        site: None,
        room: Some(RoomId::new("th-1").unwrap()),
        at: UtcMillis::saturating(1_644_585_000_000),
        clock: None,
        obs: Observation::Alive(Alive {}),
    }
}

async fn record(shared: &Shared, range: std::ops::Range<u64>) {
    let observed: Vec<Observed> = range.map(observed).collect();
    shared.record(&observed, None).await.unwrap();
}

fn orders(stored: &Stored) -> BTreeSet<u64> {
    let stored = stored.lock().unwrap();
    let events = stored.values().map(|bytes| room_events::wire::decode(bytes).unwrap());
    events.filter(|event| matches!(event.obs, Observation::Alive(_))).map(|event| event.order).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_events_arrive_through_a_broker_that_dies_and_forgets() {
    let Some(program) = mosquitto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let stored = Stored::default();
    let mut broker = Broker::start(&program, folder.path(), port, "").await;
    let collector = tokio::spawn(collect(port, stored.clone()));
    let config = configured(folder.path(), port);
    let shared = agent(&config);
    let (stop, stopped) = watch::channel(false);
    let link = tokio::spawn(link::run(shared.clone(), config, stopped));
    for round in 0..4 {
        record(&shared, round * 10_000..(round + 1) * 10_000).await;
        // In the middle of the transfer.
        drop(broker);
        broker = Broker::start(&program, folder.path(), port, "").await;
    }
    within(60, "acknowledgement", shared.all_acknowledged()).await;
    assert_eq!(orders(&stored), (0..40_000).collect());
    assert_eq!(stored.lock().unwrap().len(), 40_001, "the events and one agent_started");
    stop.send(true).unwrap();
    within(5, "goodbye", async { link.await.unwrap() }).await;
    collector.abort();
    drop(broker);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_starts_again_sends_what_its_outbox_held() {
    let Some(program) = mosquitto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let config = configured(folder.path(), port);
    let before = agent(&config);
    record(&before, 0..500).await;
    drop(before);
    let shared = agent(&config);
    record(&shared, 500..600).await;
    let stored = Stored::default();
    let _broker = Broker::start(&program, folder.path(), port, "").await;
    let collector = tokio::spawn(collect(port, stored.clone()));
    let (_stop, stopped) = watch::channel(false);
    let link = tokio::spawn(link::run(shared.clone(), config, stopped));
    within(30, "acknowledgement", shared.all_acknowledged()).await;
    assert_eq!(orders(&stored), (0..600).collect());
    link.abort();
    collector.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_also_collects_is_not_waited_for_and_catches_up() {
    let Some(program) = mosquitto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let text = config(folder.path(), port).replace("['primary']", "['primary']\nalso = ['spare']");
    let config = Config::parse("agent.toml", &text).unwrap();
    let _broker = Broker::start(&program, folder.path(), port, "").await;
    let (stored, spare) = (Stored::default(), Stored::default());
    let collector = tokio::spawn(collect(port, stored.clone()));
    let shared = agent(&config);
    let (_stop, stopped) = watch::channel(false);
    let link = tokio::spawn(link::run(shared.clone(), config, stopped));
    record(&shared, 0..1000).await;
    within(30, "acknowledgement", shared.all_acknowledged()).await;
    assert_eq!(shared.agent().lacking(), [("primary".to_owned(), true, 0), ("spare".to_owned(), false, 1001)]);
    let late = tokio::spawn(collect_as("spare", port, spare.clone()));
    within(30, "the spare one's acknowledgement", async {
        while shared.agent().lacking().iter().any(|(_, _, lacks)| *lacks > 0) {
            shared.acknowledged.notified().await;
        }
    })
    .await;
    assert_eq!(orders(&spare), (0..1000).collect());
    for task in [link, collector, late] {
        task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusing_broker_is_counted_and_the_events_stay() {
    let Some(program) = mosquitto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    // Acknowledgements may be read, but nothing may be written.
    let _broker = Broker::start(&program, folder.path(), port, "topic read touchtime/#\n").await;
    let config = configured(folder.path(), port);
    let shared = agent(&config);
    record(&shared, 0..10).await;
    let (_stop, stopped) = watch::channel(false);
    let link = tokio::spawn(link::run(shared.clone(), config, stopped));
    within(20, "refusal", async {
        while shared.agent().status(true).refused == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(shared.agent().unacknowledged(), 11);
    link.abort();
}
