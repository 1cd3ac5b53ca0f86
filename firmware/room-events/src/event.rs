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

/// Bits of an [`Event::order`] that hold the line of a file: 4 million lines; the bits above hold the file's age, so that
/// what a later file says of the same thing is the later word.
const LINE_BITS: u32 = 22;

/// The order of a line of a file that was last changed at `modified`.
pub fn order_of_line(modified: UtcMillis, line: u64) -> u64 {
    // An age beyond the year 2100 is a wrong clock; it must not push its own highest bits out.
    let age = u64::try_from(modified.millis()).unwrap_or(0).min(u64::MAX >> (LINE_BITS + 1));
    (age << LINE_BITS).saturating_add(line)
}

/// The line that an order names; absent for an order that a feed counted itself.
pub const fn line_of_order(order: u64) -> Option<u64> {
    // No feed counts to a million times a million; every file is younger than 1970.
    if order >> 40 == 0 { None } else { Some(order & ((1 << LINE_BITS) - 1)) }
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
    /// The room; absent for observations about the agent itself, and for a stage of an exam whose room the source does
    /// not name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// What was observed.
    pub obs: Observation,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_file_has_the_later_word_and_each_line_is_found_again() {
        let at = |millis| UtcMillis::saturating(millis);
        let (early, late) = (order_of_line(at(1_700_000_000_000), 900_000), order_of_line(at(1_700_000_000_001), 2));
        assert!(early < late);
        assert_eq!((line_of_order(early), line_of_order(late)), (Some(900_000), Some(2)));
        assert_eq!(line_of_order(967), None);
        assert!(order_of_line(at(4_000_000_000_000), 1) < u64::MAX, "in the year 2096");
    }
}
