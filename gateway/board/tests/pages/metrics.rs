//! `/metrics`, as a scraper gets it.

use std::sync::Arc;

use board::health::{AgentHealth, CertificateHealth, CollectorHealth, Health, StoreHealth};
use board::source::SourceError;
use room_events::topic::AgentAddress;
use room_events::{ClockQuality, UtcMillis};
use utilisation::quantity::Minutes;

use crate::board::scanning;
use crate::fixed_source::FixedSource;
use crate::fixture::{at, case, plan, room, site};
use crate::http::{get, get_as, serve};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.txt");

fn agent(name: &str) -> AgentAddress {
    AgentAddress { trust: "example".parse().unwrap(), site: "main".parse().unwrap(), agent: name.parse().unwrap() }
}

fn health(now: UtcMillis) -> Health {
    let well = AgentHealth {
        agent: agent("ct-1"),
        online: true,
        at: now.plus_minutes(-1),
        version: "0.0.9".to_owned(),
        waiting: 0,
        oldest: None,
        lost: 0,
        refused: 0,
        clock: ClockQuality::Synchronised,
        clock_offset: Some(Minutes::from_millis(-20)),
    };
    let unwell = AgentHealth {
        agent: agent("th-1"),
        online: false,
        waiting: 70,
        oldest: Some(now.plus_minutes(-40)),
        lost: 2,
        refused: 1,
        clock: ClockQuality::Unset,
        clock_offset: None,
        ..well.clone()
    };
    Health {
        collector: Some(CollectorHealth {
            connected: true,
            connections: 2,
            batches: 40,
            events: vec![("stored", 2560), ("duplicate", 3)],
            given_up: 5,
            errors: vec![("storing", 0)],
            last_stored: Some(now.plus_millis(-1500)),
        }),
        store: StoreHealth {
            last_event: Some(now.plus_minutes(-2)),
            held: vec![("quarantined", 1), ("given_up", 5)],
            size_bytes: Some(1 << 20),
            disk_free_bytes: Some(30_000_000_000),
            disk_size_bytes: Some(60_000_000_000),
        },
        agents: vec![well, unwell],
        certificates: vec![CertificateHealth { key: "broker.ca-file", not_after: now.plus_minutes(60 * 24 * 30) }],
    }
}

/// At 09:00 one theatre operates, in one nobody has come, one is silent, and a scanner scans.
fn source() -> FixedSource {
    let now = at("09:00");
    let busy = room(
        "suite-1",
        &[plan("08:00", "12:00", "ENT")],
        vec![case(1, "08:00", 45, &["08:06", "08:15", "08:36", "08:42"]), case(2, "09:00", 90, &["08:51"])],
        now,
    );
    let empty = room("suite-2", &[plan("08:30", "12:30", "Vascular")], vec![case(3, "08:30", 90, &[])], now);
    let mut silent = room("suite-3", &[plan("08:00", "12:00", "Pain")], vec![case(4, "08:00", 60, &["08:05"])], now);
    silent.feed.last_heard = Some(at("08:20"));
    let day = site(vec![busy, empty, silent, scanning(now, now)], now);
    FixedSource { health: health(now), ..FixedSource::new(day) }
}

#[tokio::test]
async fn the_exposition_is_the_golden_one() {
    let address = serve(&Arc::new(source())).await;
    let answer = get(address, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let body = answer.body.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    if std::env::var_os("TOUCHTIME_WRITE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &body).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    assert_eq!(body, golden, "after a change that is wanted: TOUCHTIME_WRITE_GOLDEN=1 writes {GOLDEN}");
}

#[tokio::test]
async fn plain_text_is_given_to_whom_asks_for_it() {
    let address = serve(&Arc::new(source())).await;
    let answer = get_as(address, "/metrics", "text/plain").await;
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", answer.head);
    assert!(answer.body.contains("# TYPE touchtime_events_total counter\n"));
    assert!(!answer.body.contains("# EOF") && !answer.body.contains("# UNIT"));
}

#[tokio::test]
async fn health_is_told_while_there_are_no_figures() {
    let source = source();
    *source.day.lock().unwrap() = Err(SourceError::Unavailable("no room has been heard of yet".to_owned()));
    let answer = get(serve(&Arc::new(source)).await, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("\ntouchtime_figures_available 0\n"), "{}", answer.body);
    assert!(answer.body.contains("\ntouchtime_broker_connected 1\n"));
    assert!(!answer.body.contains("touchtime_room_state"));
}
