//! [`Stamper`]: turns an observation into an event with its times, clock quality, source and order.
//!
//! Order is what decides between two records of one thing, so it must follow what the source said last and not what
//! arrived last. A source with a sequence of its own gives it. The others get the capture time in milliseconds, raised
//! above their last order where the clock stood still or was set back; a restarted agent thus goes on above its past as
//! long as its clock is not behind it.

use heapless::Vec;
use room_events::event::EVENT_VERSION;
use room_events::id::IdError;
use room_events::observation::PreviousStream;
use room_events::wire::{self, MAX_EVENT_BYTES};
use room_events::{AgentStarted, BootId, ClockQuality, Event, Label, Observation, RoomId, SiteId, SourceId, UtcMillis};

/// An event as it is stored and sent.
pub type EventBytes = Vec<u8, MAX_EVENT_BYTES>;

/// The source of what an agent says about itself.
const OWN_SOURCE: &str = "agent";

/// When the agent heard of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// By the wall clock.
    pub at: UtcMillis,
    /// By the monotonic clock, in milliseconds since boot.
    pub mono: u64,
    /// How far the wall clock can be believed.
    pub clock: ClockQuality,
}

/// What a feed observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The feed.
    pub source: SourceId,
    /// The source's own sequence; absent: the order of capture.
    pub order: Option<u64>,
    /// The site of the room; absent or equal to the agent's: the agent's.
    pub site: Option<SiteId>,
    /// The room, unless the observation is about the agent.
    pub room: Option<RoomId>,
    /// When it happened.
    pub at: UtcMillis,
    /// How far `at` can be believed; absent: as far as the agent's clock, which read it.
    pub clock: Option<ClockQuality>,
    /// What was observed.
    pub obs: Observation,
}

/// An event and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// The event.
    pub event: Event,
    /// The same as it is stored and sent.
    pub bytes: EventBytes,
}

/// The event has more than [`MAX_EVENT_BYTES`]; no observation within the limits of its fields does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StampError;

impl core::fmt::Display for StampError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "event has more than {MAX_EVENT_BYTES} bytes")
    }
}

impl core::error::Error for StampError {}

/// Stamps the observations of one process.
#[derive(Debug, Clone)]
pub struct Stamper {
    home: SiteId,
    boot: BootId,
    version: Label,
    own_source: SourceId,
    last_order: u64,
}

impl Stamper {
    /// A stamper for an agent of the site `home`.
    pub fn new(home: SiteId, boot: BootId, version: Label) -> Result<Self, IdError> {
        Ok(Self { home, boot, version, own_source: SourceId::new(OWN_SOURCE)?, last_order: 0 })
    }

    /// The first event of a stream: which stream came before it in this outbox, which boot its monotonic times belong
    /// to, which version wrote it.
    pub fn start(&mut self, previous: Option<PreviousStream>, capture: Capture) -> Result<Stamped, StampError> {
        let started = AgentStarted { previous, boot: self.boot, version: self.version.clone() };
        self.own(Observation::AgentStarted(started), capture)
    }

    /// An observation about the agent itself.
    pub fn own(&mut self, obs: Observation, capture: Capture) -> Result<Stamped, StampError> {
        let observed = Observed {
            source: self.own_source.clone(),
            order: None,
            site: None,
            room: None,
            at: capture.at,
            clock: None,
            obs,
        };
        self.stamp(observed, capture)
    }

    /// Makes the event.
    pub fn stamp(&mut self, observed: Observed, capture: Capture) -> Result<Stamped, StampError> {
        let Observed { source, order, site, room, at, clock, obs } = observed;
        let event = Event {
            v: EVENT_VERSION,
            at,
            captured: capture.at,
            mono: capture.mono,
            clock: clock.unwrap_or(capture.clock),
            source,
            order: order.unwrap_or_else(|| self.next_order(capture.at)),
            site: site.filter(|site| *site != self.home),
            room,
            obs,
        };
        let mut buffer = [0; MAX_EVENT_BYTES];
        let written = wire::encode(&event, &mut buffer).map_err(|_| StampError)?;
        let bytes = EventBytes::from_slice(written).map_err(|_| StampError)?;
        Ok(Stamped { event, bytes })
    }

    fn next_order(&mut self, captured: UtcMillis) -> u64 {
        let by_clock = u64::try_from(captured.millis()).unwrap_or(0);
        self.last_order = by_clock.max(self.last_order.saturating_add(1));
        self.last_order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use room_events::{Alive, Seq, StreamId};

    fn capture(millis: i64) -> Capture {
        Capture { at: UtcMillis::saturating(millis), mono: 7, clock: ClockQuality::Holdover }
    }

    fn alive(site: &str, order: Option<u64>) -> Observed {
        Observed {
            source: SourceId::new("theatre-system").unwrap(),
            order,
            site: Some(SiteId::new(site).unwrap()),
            room: Some(RoomId::new("th-1").unwrap()),
            at: UtcMillis::saturating(5),
            clock: Some(ClockQuality::External),
            obs: Observation::Alive(Alive {}),
        }
    }

    fn stamper() -> Stamper {
        Stamper::new(SiteId::new("main").unwrap(), BootId(0xb), Label::new("0.1.0").unwrap()).unwrap()
    }

    #[test]
    fn a_stream_begins_by_naming_the_one_before() {
        let previous = PreviousStream { stream: StreamId(9), last: Seq(4) };
        let stamped = stamper().start(Some(previous.clone()), capture(1000)).unwrap();
        let Observation::AgentStarted(started) = stamped.event.obs else { panic!("another observation") };
        assert_eq!((started.previous, started.boot), (Some(previous), BootId(0xb)));
        assert_eq!(stamped.event.clock, ClockQuality::Holdover);
    }

    #[test]
    fn the_bytes_are_those_of_the_event() {
        let stamped = stamper().stamp(alive("main", Some(3)), capture(1000)).unwrap();
        assert_eq!(wire::decode(&stamped.bytes), Ok(stamped.event));
    }

    #[test]
    fn only_another_site_is_named() {
        let mut stamper = stamper();
        assert_eq!(stamper.stamp(alive("main", None), capture(0)).unwrap().event.site, None);
        let other = SiteId::new("south").unwrap();
        assert_eq!(stamper.stamp(alive("south", None), capture(0)).unwrap().event.site, Some(other));
    }

    #[test]
    fn order_is_the_sources_own_or_rises_with_capture_whatever_the_clock_does() {
        let mut stamper = stamper();
        let mut order = |given, millis| stamper.stamp(alive("main", given), capture(millis)).unwrap().event.order;
        assert_eq!(order(Some(3), 1000), 3);
        assert_eq!(
            [order(None, 1000), order(None, 1000), order(None, 400), order(None, 5000)],
            [1000, 1001, 1002, 5000]
        );
        assert_eq!(order(Some(3), 6000), 3);
    }
}
