//! One event to its bytes and back.

use room_events::topic::{AgentAddress, Topic};
use room_events::wire::{MAX_EVENT_BYTES, decode, encode};
use room_events::{
    AgentId, ClockQuality, Event, Milestone, MilestoneReached, Observation, RoomId, SiteId, SourceId, Token, TrustId,
    UtcMillis,
};

use crate::machine::write;

/// Whether what was decoded equals what was encoded.
pub fn round_trip() -> Option<bool> {
    let event = Event {
        v: 1,
        at: UtcMillis::new(1_644_585_000_000).ok()?,
        captured: UtcMillis::new(1_644_585_002_000).ok()?,
        mono: 123_456,
        clock: ClockQuality::Synchronised,
        source: SourceId::new("gpio").ok()?,
        order: 1,
        site: None,
        room: RoomId::new("suite-2").ok(),
        obs: Observation::Milestone(MilestoneReached::new(
            Token { key: 7, digest: 0x9f86_d081 },
            Milestone::ProcedureStart,
        )),
    };
    let mut buffer = [0; MAX_EVENT_BYTES];
    let bytes = encode(&event, &mut buffer).ok()?;
    let topic = Topic::Events(AgentAddress {
        trust: TrustId::new("demo").ok()?,
        site: SiteId::new("main").ok()?,
        agent: AgentId::new("theatre-1").ok()?,
    });
    write(topic.text().as_bytes());
    write(b"\n");
    write(bytes);
    write(b"\n");
    Some(decode(bytes).ok()? == event && Topic::parse(&topic.text())? == topic)
}
