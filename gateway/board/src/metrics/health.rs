//! How the collector, its store and its agents are, as samples.

use room_events::{ClockQuality, UtcMillis};
use utilisation::quantity::Minutes;

use super::catalogue as m;
use super::exposition::Scrape;
use crate::health::{AgentHealth, CollectorHealth, Health, StoreHealth};

/// Adds everything.
pub(super) fn add(scrape: &mut Scrape, health: &Health) {
    if let Some(collector) = &health.collector {
        add_collector(scrape, collector);
    }
    add_store(scrape, &health.store);
    for certificate in &health.certificates {
        scrape.add(&m::CERTIFICATE, &[certificate.key], seconds(certificate.not_after));
    }
    for agent in &health.agents {
        add_agent(scrape, agent);
    }
}

fn add_collector(scrape: &mut Scrape, collector: &CollectorHealth) {
    scrape.add(&m::BROKER_CONNECTED, &[], yes(collector.connected));
    scrape.add(&m::BROKER_CONNECTIONS, &[], count(collector.connections));
    scrape.add(&m::BATCHES, &[], count(collector.batches));
    for (outcome, events) in &collector.events {
        scrape.add(&m::EVENTS, &[outcome], count(*events));
    }
    scrape.add(&m::GONE, &[], count(collector.given_up));
    for (kind, errors) in &collector.errors {
        scrape.add(&m::ERRORS, &[kind], count(*errors));
    }
    scrape.add_known(&m::LAST_STORED, &[], collector.last_stored.map(seconds));
}

fn add_store(scrape: &mut Scrape, store: &StoreHealth) {
    scrape.add_known(&m::LAST_EVENT, &[], store.last_event.map(seconds));
    for (reason, events) in &store.held {
        scrape.add(&m::HELD, &[reason], count(*events));
    }
    scrape.add_known(&m::STORE_SIZE, &[], store.size_bytes.map(count));
    scrape.add_known(&m::DISK_FREE, &[], store.disk_free_bytes.map(count));
    scrape.add_known(&m::DISK_SIZE, &[], store.disk_size_bytes.map(count));
}

fn add_agent(scrape: &mut Scrape, agent: &AgentHealth) {
    let address = &agent.agent;
    let of = [address.trust.as_str(), address.site.as_str(), address.agent.as_str()];
    scrape.add(&m::AGENT, &[of[0], of[1], of[2], &agent.version], 1.0);
    scrape.add(&m::AGENT_ONLINE, &of, yes(agent.online));
    scrape.add(&m::AGENT_SAID, &of, seconds(agent.at));
    scrape.add(&m::AGENT_WAITING, &of, count(agent.waiting));
    scrape.add_known(&m::AGENT_OLDEST, &of, agent.oldest.map(seconds));
    scrape.add(&m::AGENT_LOST, &of, count(agent.lost));
    scrape.add(&m::AGENT_REFUSED, &of, count(agent.refused));
    let qualities = [ClockQuality::Synchronised, ClockQuality::Holdover, ClockQuality::Unset, ClockQuality::External];
    scrape.add_state(&m::AGENT_CLOCK, &of, &qualities.map(quality), quality(agent.clock));
    scrape.add_known(&m::AGENT_OFFSET, &of, agent.clock_offset.map(length));
}

const fn quality(clock: ClockQuality) -> &'static str {
    match clock {
        ClockQuality::Synchronised => "synchronised",
        ClockQuality::Holdover => "holdover",
        ClockQuality::Unset => "unset",
        ClockQuality::External => "external",
    }
}

/// As Prometheus counts time.
#[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
pub(super) fn seconds(at: UtcMillis) -> f64 {
    at.millis() as f64 / 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
pub(super) fn count(count: u64) -> f64 {
    count as f64
}

#[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
pub(super) fn length(time: Minutes) -> f64 {
    time.millis() as f64 / 1000.0
}

fn yes(is: bool) -> f64 {
    f64::from(u8::from(is))
}
