//! When a session closes, and whether a later start reopened it.
//!
//! Worked out anew from the facts each time, so that the answer is the same in whatever order they came to be known.

use room_events::UtcMillis;

use super::touch::{Touch, TouchEnd};
use crate::facts::Case;
use crate::rules::RuleSet;

/// When a session closes, as far as can be said at `now`.
pub(super) struct Closing {
    /// The instant; later than `now` when it is still to come.
    pub at: UtcMillis,
    /// A case started after the session had closed.
    pub reopened: bool,
}

/// The latest instant at which a session closes, whatever its cases do.
///
/// The next list's first case shows that the room was handed over; before the planned end it closes the session at its
/// planned end, except where the plans overlap: then both lists run side by side, and it shows nothing.
pub(super) fn latest_closing(
    planned_end: UtcMillis,
    next: Option<(UtcMillis, UtcMillis)>,
    rules: &RuleSet,
) -> UtcMillis {
    let limit = planned_end.plus_millis(rules.closes_after.millis());
    match next {
        Some((next_start, first_case)) if next_start >= planned_end || first_case >= planned_end => {
            limit.min(first_case.max(planned_end))
        }
        Some(_) | None => limit,
    }
}

/// `cases` of one session in order of touch start, those without one last or first.
pub(super) fn closing<'f>(
    cases: impl Iterator<Item = (&'f Case, &'f Touch)> + Clone,
    planned_end: UtcMillis,
    latest: UtcMillis,
    now: UtcMillis,
    rules: &RuleSet,
) -> Closing {
    // What is on the list keeps the session open until it is done; what comes unannounced only from its start.
    let mut at = planned_end;
    for (case, touch) in cases.clone() {
        if is_booked(case) || touch.start.is_none() {
            at = at.max(busy_until(case, touch, rules));
        }
    }
    at = at.min(latest);

    let mut reopened = false;
    for (case, touch) in cases {
        let Some((start, _)) = touch.start else { continue };
        if start > at {
            if start > now {
                break;
            }
            reopened = true;
            at = start;
        }
        if at < latest {
            at = at.max(busy_until(case, touch, rules).min(latest));
        }
    }
    Closing { at, reopened }
}

fn is_booked(case: &Case) -> bool {
    case.booked_start.is_some() || case.session.is_some()
}

/// The instant from which the case neither is in the room nor is still to come.
fn busy_until(case: &Case, touch: &Touch, rules: &RuleSet) -> UtcMillis {
    if !touch.began() {
        // Neither booked, begun nor cancelled: a mere mention, which holds nothing open.
        let unbooked = if is_booked(case) { UtcMillis::MAX } else { UtcMillis::MIN };
        return case.cancelled.as_ref().map(|cancelled| cancelled.at).or(case.abandoned).unwrap_or(unbooked);
    }
    match touch.end(false, rules) {
        TouchEnd::Known(end, _) => end,
        TouchEnd::Missing | TouchEnd::Rejected(_) => UtcMillis::MAX,
    }
}
