//! How a list stands against its plan: what counts so far, what it can still reach, and what the target makes of it.

use room_events::{ListKind, RoomKind, UtcMillis};
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::{Figures, QualityFlag, SegmentKind, SessionResult, SessionState};
use utilisation::rules::CappedVariant;

use crate::room_state::is_open;

/// A list's headline figure with its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Minutes that count so far.
    pub(crate) counted: Minutes,
    /// What they can still become: by the planned end while open, by what is not known once closed. Absent where the
    /// rule set's variant has no such bound.
    pub(crate) best: Option<Minutes>,
    /// The denominator.
    pub(crate) planned: Minutes,
    /// Minutes inside the plan that nothing is known of.
    pub(crate) unknown: Minutes,
}

/// What the target makes of a standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Already there.
    Reached,
    /// Can still be reached (or, once closed: not known).
    Possible,
    /// Cannot be reached any more.
    Lost,
}

/// The minutes that the variant counts.
pub(crate) const fn counted_by(figures: &Figures, variant: CappedVariant) -> Minutes {
    match variant {
        CappedVariant::Window => figures.capped,
        CappedVariant::Sum => figures.capped_sum,
        CappedVariant::Duration => figures.capped_duration,
    }
}

impl Standing {
    /// Of a list known up to now.
    pub(crate) fn of(list: &SessionResult, variant: CappedVariant) -> Self {
        let figures = &list.figures;
        let best = match variant {
            CappedVariant::Window => Some(figures.capped_best),
            // Overlaps and time after the plan can still add to these, without a bound.
            CappedVariant::Sum | CappedVariant::Duration => (!is_open(list)).then(|| counted_by(figures, variant)),
        };
        Self { counted: counted_by(figures, variant), best, planned: figures.planned, unknown: figures.unknown }
    }

    /// Of a list whose feed has been silent since `heard`: what happened afterwards is not known.
    pub(crate) fn until(list: &SessionResult, heard: Option<UtcMillis>, now: UtcMillis) -> Self {
        let heard = heard.unwrap_or(list.planned_start).max(list.planned_start).min(list.planned_end);
        let counted = list
            .segments
            .iter()
            .filter(|segment| segment.kind == SegmentKind::Occupied)
            .map(|segment| Minutes::between(segment.from, segment.to.min(heard)).at_least_zero())
            .sum();
        let until = now.max(heard).min(list.planned_end);
        Self {
            counted,
            best: Some(counted + Minutes::between(heard, list.planned_end)),
            planned: list.figures.planned,
            unknown: Minutes::between(heard, until),
        }
    }

    /// Share counted; absent for a plan without length.
    pub(crate) fn share(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.counted, self.planned)
    }

    /// Share that can still be reached.
    pub(crate) fn best_share(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.best?, self.planned)
    }

    /// What a target makes of it.
    pub(crate) fn verdict(&self, target: Ratio) -> Verdict {
        let reaches = |minutes: Minutes| {
            i128::from(minutes.millis()) * i128::from(target.denominator())
                >= i128::from(self.planned.millis()) * i128::from(target.numerator())
        };
        if reaches(self.counted) {
            Verdict::Reached
        } else if self.best.is_none_or(reaches) {
            Verdict::Possible
        } else {
            Verdict::Lost
        }
    }
}

/// The target applies to elective lists of operating theatres, and to nothing else.
pub(crate) const fn has_target(list: &SessionResult) -> bool {
    matches!((list.kind, list.room_kind), (ListKind::Elective, RoomKind::Theatre))
}

/// Nobody told of its cases, at least of some: they follow from the room's signals.
pub(crate) fn is_inferred(list: &SessionResult) -> bool {
    list.quality.contains(&QualityFlag::InferredOccupancy)
}

/// Used, running or still to come: neither withdrawn nor left unused.
pub(crate) const fn is_held(list: &SessionResult) -> bool {
    match list.state {
        SessionState::Planned | SessionState::Running | SessionState::Closed => true,
        SessionState::Unused | SessionState::Cancelled => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(counted: i64, best: Option<i64>) -> Standing {
        Standing {
            counted: Minutes::whole(counted),
            best: best.map(Minutes::whole),
            planned: Minutes::whole(100),
            unknown: Minutes::ZERO,
        }
    }

    #[test]
    fn a_target_is_met_at_exactly_its_value() {
        let target = Ratio::new(85, 100).unwrap();
        for (counted, best, verdict) in [
            (85, Some(85), Verdict::Reached),
            (84, Some(85), Verdict::Possible),
            (84, Some(84), Verdict::Lost),
            (84, None, Verdict::Possible),
        ] {
            assert_eq!(standing(counted, best).verdict(target), verdict, "{counted} of 100, best {best:?}");
        }
    }
}
