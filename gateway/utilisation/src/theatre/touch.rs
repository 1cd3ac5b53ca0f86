//! A case's touch interval: which stamp begins it, which ends it, and when the pair cannot be believed.

use room_events::{Milestone, UtcMillis};

use crate::facts::Case;
use crate::quantity::Minutes;
use crate::result::ExclusionReason;
use crate::rules::{RuleSet, TouchStart};

/// What begins touch time, in this order.
const STARTS: [Milestone; 4] =
    [Milestone::AnaestheticStart, Milestone::IntoAnaestheticRoom, Milestone::IntoTheatre, Milestone::ProcedureStart];

/// The stamps of a case that touch time is made of.
#[derive(Clone, Copy)]
pub(super) struct Touch {
    /// Touch start a.
    pub start: Option<(UtcMillis, Milestone)>,
    /// Out of theatre or into recovery: the patient has left the room.
    left_room: Option<(UtcMillis, Milestone)>,
    /// End of the procedure: the patient may still be in the room.
    procedure_end: Option<UtcMillis>,
    /// Sign-out: proves that the case came to its end, but not when the patient left.
    pub sign_out: Option<UtcMillis>,
}

/// The end of a case.
#[derive(Clone, Copy)]
pub(super) enum TouchEnd {
    /// Touch end b.
    Known(UtcMillis, Milestone),
    /// None yet, or none at all.
    Missing,
    /// One that cannot be true of this start; the case is open at its start.
    Rejected(ExclusionReason),
}

impl Touch {
    /// The stamps that matter, under the rule set.
    pub(super) fn of(case: &Case, rules: &RuleSet) -> Self {
        let stamp = |milestone| case.stamps.get(milestone).map(|at| (at, milestone));
        let mut starts = STARTS.into_iter().filter_map(stamp);
        Self {
            start: match rules.touch_start {
                TouchStart::FirstInOrder => starts.next(),
                TouchStart::Earliest => starts.min_by_key(|&(at, _)| at),
            },
            left_room: stamp(Milestone::OutOfTheatre).or_else(|| stamp(Milestone::IntoRecovery)),
            procedure_end: case.stamps.get(Milestone::ProcedureEnd),
            sign_out: case.stamps.get(Milestone::SignOut),
        }
    }

    /// The end, as it is believed while the session is open or after it has closed.
    pub(super) fn end(&self, session_closed: bool, rules: &RuleSet) -> TouchEnd {
        let after_closing = self.procedure_end.filter(|_| session_closed);
        let Some((end, milestone)) = self.left_room.or(after_closing.map(|at| (at, Milestone::ProcedureEnd))) else {
            return TouchEnd::Missing;
        };
        match self.start {
            Some((start, _)) if end < start => TouchEnd::Rejected(ExclusionReason::EndBeforeStart),
            Some((start, _)) if Minutes::between(start, end) > rules.longest_case => {
                TouchEnd::Rejected(ExclusionReason::TooLong)
            }
            Some(_) | None => TouchEnd::Known(end, milestone),
        }
    }

    /// The latest that is certain of a case without a start: its end, or failing that its sign-out.
    pub(super) fn last_sign(&self) -> Option<UtcMillis> {
        self.left_room.map(|(at, _)| at).or(self.procedure_end).or(self.sign_out)
    }

    /// Any sign that the case was in the room.
    pub(super) fn began(&self) -> bool {
        self.start.is_some() || self.last_sign().is_some()
    }
}

/// Which slot of the start fallback counts a milestone has; none for the one that ought to be there.
pub(super) fn start_fallback(milestone: Milestone) -> Option<usize> {
    STARTS.iter().position(|&start| start == milestone).and_then(|place| place.checked_sub(1))
}

/// Which slot of the end fallback counts a milestone has.
pub(super) fn end_fallback(milestone: Milestone) -> Option<usize> {
    [Milestone::IntoRecovery, Milestone::ProcedureEnd].iter().position(|&end| end == milestone)
}
