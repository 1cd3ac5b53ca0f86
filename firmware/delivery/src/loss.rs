//! [`OpenLoss`]: observations that could not be kept, counted until an event tells of them.
//!
//! The counter lives in space that is reserved, because it is needed just when there is none. It has no seq of its own:
//! [`OpenLoss::told`] makes the event that stands directly before the next one that commits, and an event once numbered
//! is never rewritten. A process that ends with a loss untold may have counted more than it wrote down, so the next one
//! calls the count a lower bound.

use heapless::Vec;
use room_events::observation::{MAX_LOST_KINDS, SourceKind};
use room_events::{EventsLost, Observation, UtcMillis};

/// Losses that no event has told yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLoss {
    /// How many.
    pub count: u64,
    /// Event time of the first.
    pub from: UtcMillis,
    /// Event time of the last.
    pub to: UtcMillis,
    /// Which kinds; a sign of life has no name among them.
    pub kinds: Vec<SourceKind, MAX_LOST_KINDS>,
    /// Counted from first to last by one process; else `count` is a lower bound.
    pub exact: bool,
}

impl OpenLoss {
    /// One observation of that time and kind.
    pub fn of(obs: &Observation, at: UtcMillis) -> Self {
        Self { count: 1, from: at, to: at, kinds: kind_of(obs).into_iter().collect(), exact: true }
    }

    /// Events of which only the number is left: a stream's record that had to make room for others.
    pub fn of_record(count: u64, at: UtcMillis) -> Self {
        Self { count, from: at, to: at, kinds: Vec::new(), exact: false }
    }

    /// A loss as it was written down, read by another process than the one that counted it.
    #[must_use]
    pub fn after_restart(self) -> Self {
        Self { exact: false, ..self }
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.count = self.count.saturating_add(other.count);
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.exact &= other.exact;
        for kind in &other.kinds {
            if !self.kinds.contains(kind) {
                // There is room for all kinds that have a name.
                let _ = self.kinds.push(*kind);
            }
        }
        self.kinds.sort_unstable();
        self
    }

    /// What the event says.
    pub fn told(&self) -> EventsLost {
        let Self { count, from, to, kinds, exact } = self.clone();
        EventsLost { count, from, to, kinds, exact }
    }

    /// The kinds as bits, in the order of [`SourceKind::ALL`], for a store of numbers.
    pub fn kind_bits(&self) -> u8 {
        let all = SourceKind::ALL.iter().enumerate();
        all.filter(|(_, kind)| self.kinds.contains(kind)).fold(0, |bits, (n, _)| bits | 1 << n)
    }

    /// The kinds of those bits.
    pub fn kinds_of_bits(bits: u8) -> Vec<SourceKind, MAX_LOST_KINDS> {
        let all = SourceKind::ALL.iter().enumerate();
        all.filter(|(n, _)| bits & (1 << n) != 0).map(|(_, kind)| *kind).take(MAX_LOST_KINDS).collect()
    }
}

fn kind_of(obs: &Observation) -> Option<SourceKind> {
    match obs {
        Observation::Milestone(_) | Observation::Correction(_) | Observation::Cancellation(_) => {
            Some(SourceKind::Milestone)
        }
        Observation::Booking(_) | Observation::PlanRevision(_) => Some(SourceKind::Plan),
        Observation::PerformedStep(_) | Observation::Acquisition(_) | Observation::ExamStage(_) => {
            Some(SourceKind::PerformedStep)
        }
        Observation::SignalLevel(_) => Some(SourceKind::SignalLevel),
        // A collector's own; no outbox holds it.
        Observation::Remark(_) | Observation::Alive(_) | Observation::EventsLost(_) | Observation::AgentStarted(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use room_events::observation::{Level, SignalLevel};
    use room_events::{Alive, SourceId};

    const fn at(millis: i64) -> UtcMillis {
        UtcMillis::saturating(millis)
    }

    fn door() -> Observation {
        Observation::SignalLevel(SignalLevel { signal: SourceId::new("door").unwrap(), level: Level::Active })
    }

    #[test]
    fn losses_add_up_over_their_whole_time_and_name_each_kind_once() {
        let loss = OpenLoss::of(&door(), at(50))
            .and(&OpenLoss::of(&Observation::Alive(Alive {}), at(10)))
            .and(&OpenLoss::of(&door(), at(30)));
        let told = loss.told();
        assert_eq!((told.count, told.from, told.to, told.exact), (3, at(10), at(50), true));
        assert_eq!(told.kinds.as_slice(), [SourceKind::SignalLevel]);
    }

    #[test]
    fn what_another_process_counted_is_a_lower_bound_and_stays_one() {
        let loss = OpenLoss::of(&door(), at(1)).after_restart().and(&OpenLoss::of(&door(), at(2)));
        assert_eq!((loss.count, loss.exact), (2, false));
    }

    #[test]
    fn kinds_come_back_from_their_bits() {
        for bits in 0..1 << SourceKind::ALL.len() {
            let kinds = OpenLoss::kinds_of_bits(bits);
            assert_eq!(OpenLoss { kinds, ..OpenLoss::of_record(1, at(0)) }.kind_bits(), bits);
        }
    }
}
