//! [`PlayedTime`]: recorded time played back: which instant of the recording a moment of the wall clock stands for.
//!
//! ```text
//! {"wall_anchor_ms": 1700000000000, "speed": 1200.0, "segments": [[1641193200000, 1641236400000], [1641279600000, 1641322800000]]}
//! ```
//!
//! From the anchor on, time runs at `speed` through the segments one after the other and skips what lies between them.
//! Before the anchor it stands at the first segment's start, afterwards at the last one's end. All processes that are
//! given the same file agree on the time without talking to each other. Pure: the wall clock is a parameter.

use room_events::UtcMillis;
use serde::{Deserialize, Serialize};

/// Recorded time played back. Built from its JSON form or by [`PlayedTime::new`]; both check it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct PlayedTime {
    wall_anchor: UtcMillis,
    speed: f64,
    segments: Vec<(UtcMillis, UtcMillis)>,
}

/// Why a played time is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlayedTimeError {
    /// No segment.
    #[error("played time has no segment (give at least one [from_ms, to_ms])")]
    NoSegment,
    /// A segment ends before it begins, or begins before the one before it ends.
    #[error("segment {0} of the played time does not follow in order (each [from_ms, to_ms] after the one before)")]
    Order(usize),
    /// The speed is not a positive number.
    #[error("the speed of the played time is not a number from 0.001 to 1000000000")]
    Speed,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    wall_anchor_ms: UtcMillis,
    speed: f64,
    segments: Vec<(UtcMillis, UtcMillis)>,
}

impl TryFrom<Text> for PlayedTime {
    type Error = PlayedTimeError;
    fn try_from(text: Text) -> Result<Self, PlayedTimeError> {
        Self::new(text.wall_anchor_ms, text.speed, text.segments)
    }
}

impl From<PlayedTime> for Text {
    fn from(played: PlayedTime) -> Self {
        Self { wall_anchor_ms: played.wall_anchor, speed: played.speed, segments: played.segments }
    }
}

impl PlayedTime {
    /// Checks that there is a segment, that they are in order, and the speed.
    pub fn new(
        wall_anchor: UtcMillis,
        speed: f64,
        segments: Vec<(UtcMillis, UtcMillis)>,
    ) -> Result<Self, PlayedTimeError> {
        if !(0.001..=1e9).contains(&speed) {
            return Err(PlayedTimeError::Speed);
        }
        let mut before = segments.first().ok_or(PlayedTimeError::NoSegment)?.0;
        for (index, &(from, to)) in segments.iter().enumerate() {
            if from < before || to < from {
                return Err(PlayedTimeError::Order(index));
            }
            before = to;
        }
        Ok(Self { wall_anchor, speed, segments })
    }

    /// The first segment's start.
    pub fn start(&self) -> UtcMillis {
        self.segments.first().map_or(self.wall_anchor, |s| s.0)
    }

    /// The last segment's end.
    pub fn end(&self) -> UtcMillis {
        self.segments.last().map_or(self.wall_anchor, |s| s.1)
    }

    /// How many times faster than life it runs.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// The segments, in order.
    pub fn segments(&self) -> &[(UtcMillis, UtcMillis)] {
        &self.segments
    }

    /// The instant of the recording at a moment of the wall clock.
    pub fn sim_now(&self, wall: UtcMillis) -> UtcMillis {
        let passed = wall.millis_since(self.wall_anchor).max(0) as f64 * self.speed;
        // Far beyond the end of any recording, and exact in a float.
        let mut left = whole(passed.min(1e15));
        for &(from, to) in &self.segments {
            let length = to.millis_since(from);
            if left < length {
                return from.plus_millis(left);
            }
            left -= length;
        }
        self.end()
    }

    /// The first moment of the wall clock at which the recording has reached `sim`; for an instant between two segments,
    /// when the later one begins; after the last one, its end.
    pub fn wall_of(&self, sim: UtcMillis) -> UtcMillis {
        let mut played = 0;
        for &(from, to) in &self.segments {
            if sim < from {
                break;
            }
            played += sim.min(to).millis_since(from);
        }
        self.wall_anchor.plus_millis(whole((played as f64 / self.speed).ceil()))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
fn whole(millis: f64) -> i64 {
    millis as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> UtcMillis {
        UtcMillis::saturating(millis)
    }

    fn played() -> PlayedTime {
        let text = r#"{"wall_anchor_ms":1000,"speed":10.0,"segments":[[50000,60000],[90000,95000]]}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn time_runs_through_the_segments_and_skips_what_is_between() {
        let played = played();
        for (wall, sim) in [
            (0, 50_000),
            (1000, 50_000),
            (1001, 50_010),
            (1999, 59_990),
            (2000, 90_000),
            (2499, 94_990),
            (2500, 95_000),
            (1 << 50, 95_000),
        ] {
            assert_eq!(played.sim_now(at(wall)), at(sim), "{wall}");
        }
    }

    #[test]
    fn an_instant_is_reached_at_its_wall_time() {
        let played = played();
        for (sim, wall) in [(0, 1000), (50_001, 1001), (60_000, 2000), (70_000, 2000), (90_000, 2000), (99_000, 2500)] {
            assert_eq!(played.wall_of(at(sim)), at(wall), "{sim}");
            assert!(played.sim_now(at(wall)) >= at(sim.clamp(0, 95_000)));
        }
    }

    #[test]
    fn the_json_form_is_checked_and_comes_back() {
        let text = serde_json::to_string(&played()).unwrap();
        assert_eq!(serde_json::from_str::<PlayedTime>(&text).unwrap(), played());
        for wrong in [
            r#"{"wall_anchor_ms":0,"speed":1.0,"segments":[]}"#,
            r#"{"wall_anchor_ms":0,"speed":0.0,"segments":[[0,1]]}"#,
            r#"{"wall_anchor_ms":0,"speed":1.0,"segments":[[5,1]]}"#,
            r#"{"wall_anchor_ms":0,"speed":1.0,"segments":[[0,9],[5,20]]}"#,
            r#"{"wall_anchor_ms":0,"speed":1.0,"segments":[[0,9]],"spede":1}"#,
        ] {
            assert!(serde_json::from_str::<PlayedTime>(wrong).is_err(), "{wrong}");
        }
    }
}
