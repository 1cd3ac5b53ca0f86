//! [`Event`]: an observation with its place, times, clock quality and source.
//!
//! Stream, seq, trust, site and agent are not fields: the batch and its topic carry them once for many events.

use serde::{Deserialize, Serialize};

use crate::id::{RoomId, SiteId, SourceId};
use crate::instant::UtcMillis;
use crate::observation::Observation;

/// The wire version that this crate writes, and the highest that it reads.
pub const EVENT_VERSION: u16 = 1;

/// How far the clock that stamped an event can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockQuality {
    /// Disciplined by a time server.
    Synchronised,
    /// Was disciplined and now runs freely.
    Holdover,
    /// Never set since boot.
    Unset,
    /// The time was read by another system (a theatre system, a scanner); its clock is not known to the agent.
    External,
}

/// One observation as it is stored at the edge, sent and kept.
///
/// Records of the same thing (a milestone of a case, the booking of a case, the plan of a session) are ordered within a
/// source by `order`, then by stream and seq; between sources by configured precedence, then `captured`, then stream.
/// Never by arrival.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Wire version, [`EVENT_VERSION`] when made here.
    pub v: u16,
    /// When it happened.
    pub at: UtcMillis,
    /// When the agent recorded it.
    pub captured: UtcMillis,
    /// Milliseconds of the machine's monotonic clock at capture, within the boot named by the stream's `agent_started`.
    pub mono: u64,
    /// How far `at` can be believed.
    pub clock: ClockQuality,
    /// The feed that it came from.
    pub source: SourceId,
    /// The source's own sequence: of two records of one thing the higher is the later word.
    pub order: u64,
    /// The site of the room, if it is not the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// The room; absent for observations about the agent itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// What was observed.
    pub obs: Observation,
}
