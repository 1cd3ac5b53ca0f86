//! Cases and steps that nobody told of: what a room's signals let infer, by its [`OccupancyRules`].
//!
//! An inferred stretch of occupancy is a case of its own in a theatre-like room, from into theatre to out of theatre, and a
//! step of its own in a scanner room. Its token is made of the room and of when it began, so that every collector makes
//! the same one. It is marked, and the measures say so.
//!
//! [`OccupancyRules`]: crate::occupancy::OccupancyRules

use room_events::{EventId, Level, Milestone, StepState, Token, UtcMillis};

use super::RoomTimeline;
use super::record::Record;
use crate::facts::{Case, Step};
use crate::occupancy::{Occupied, Shown, occupied};

/// What one record says of a signal. In order of time; of two at one instant the source's later word is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SignalSaid {
    at: UtcMillis,
    order: u64,
    id: EventId,
    level: Level,
}

impl SignalSaid {
    pub(super) fn of(record: &Record, level: Level) -> Self {
        Self { at: record.event.at, order: record.event.order, id: record.id, level }
    }

    /// Keeps `said` sorted; `false` if it is there already.
    pub(super) fn insert_into(self, said: &mut Vec<Self>) -> bool {
        match said.binary_search(&self) {
            Ok(_) => false,
            Err(place) => {
                said.insert(place, self);
                true
            }
        }
    }
}

impl RoomTimeline {
    pub(super) fn inferred_cases(&self) -> Vec<Case> {
        let case = |stretch: Occupied| {
            let mut case = Case { inferred: true, ..Case::new(self.token_of(stretch)) };
            case.stamps.set(Milestone::IntoTheatre, Some(stretch.from));
            case.stamps.set(Milestone::OutOfTheatre, stretch.to);
            case
        };
        self.occupied().into_iter().map(case).collect()
    }

    pub(super) fn inferred_steps(&self) -> Vec<Step> {
        let step = |stretch: Occupied| Step {
            id: self.token_of(stretch),
            state: if stretch.to.is_some() { StepState::Completed } else { StepState::InProgress },
            start: stretch.from,
            end: stretch.to,
            last_image: None,
            acquired: None,
            accessions: Vec::new(),
            visit: None,
            patient: None,
            protocol: None,
            reason: None,
            captured: stretch.last_use,
            conflicting: false,
            inferred: true,
        };
        self.occupied().into_iter().map(step).collect()
    }

    fn occupied(&self) -> Vec<Occupied> {
        let Some(rules) = &self.occupancy else { return Vec::new() };
        let shown: Vec<_> = self
            .signals
            .iter()
            .map(|(name, said)| (name, said.iter().map(|one| (one.at, one.level)).collect::<Vec<Shown>>()))
            .collect();
        occupied(rules, shown.iter().map(|(name, shown)| (*name, shown.as_slice())), self.alive.iter().copied())
    }

    /// FNV-1a over the room's names, and the instant: a label, no secret.
    fn token_of(&self, stretch: Occupied) -> Token {
        let names = [self.room.trust.as_str(), self.room.site.as_str(), self.room.room.as_str()];
        let began = stretch.from.millis().to_le_bytes();
        let bytes = names.iter().flat_map(|name| name.bytes().chain([0])).chain(began);
        let hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Token { key: 0, digest: u128::from(hash) << 64 | u128::from(u64::from_le_bytes(began)) }
    }
}
