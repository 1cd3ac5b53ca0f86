//! Which session a case belongs to.
//!
//! Fixed by how the case started, never by when it ended or by what time it is now, so that an overrunning case stays
//! in its own list. A case that has not started is placed by its scheduled start, one that only has an end by that.

use std::cell::OnceCell;

use room_events::{SessionKey, UtcMillis};

use super::plan::FrozenPlan;
use super::touch::Touch;
use crate::facts::Case;
use crate::rules::RuleSet;

/// The sessions of a room, ready to be searched by time and by key.
pub(crate) struct Sessions<'p> {
    plans: &'p [FrozenPlan<'p>],
    by_time: Vec<Window>,
    /// Indexes of `plans` in order of key; made when first needed.
    by_key: OnceCell<Vec<usize>>,
    within_millis: i64,
}

/// A planned window that is not withdrawn; in order of start, then key.
struct Window {
    start: UtcMillis,
    end: UtcMillis,
    session: usize,
    /// The latest end up to and including this window, and whose (of equal ones the later).
    latest_end: UtcMillis,
    latest_session: usize,
}

impl<'p> Sessions<'p> {
    /// `plans` in order of start, then key. A withdrawn session takes a case only by its key.
    pub(crate) fn new(plans: &'p [FrozenPlan<'p>], rules: &RuleSet) -> Self {
        let mut by_time: Vec<Window> = Vec::with_capacity(plans.len());
        for (session, plan) in plans.iter().enumerate().filter(|(_, plan)| !plan.plan.withdrawn) {
            let (latest_end, latest_session) = match by_time.last() {
                Some(before) if before.latest_end > plan.end => (before.latest_end, before.latest_session),
                Some(_) | None => (plan.end, session),
            };
            by_time.push(Window { start: plan.start, end: plan.end, session, latest_end, latest_session });
        }
        Self { plans, by_time, by_key: OnceCell::new(), within_millis: rules.belongs_within.millis() }
    }

    /// The index of the case's session among `plans`; none when it is out of session.
    pub(super) fn of(&self, case: &Case, touch: &Touch) -> Option<usize> {
        let scheduled = case.booked_start.and_then(|at| self.containing(at));
        case.session.as_ref().and_then(|key| self.named(key, scheduled)).or(scheduled).or_else(|| {
            let started = touch.start.map(|(at, _)| at).or(touch.last_sign()).or(case.booked_start)?;
            self.containing(started).or_else(|| self.nearest(started))
        })
    }

    /// The index of the session of what started at `at` and is on no list by name: a scanner's step.
    pub(crate) fn of_start(&self, at: UtcMillis) -> Option<usize> {
        self.containing(at).or_else(|| self.nearest(at))
    }

    /// The session of that key; `likely` saves the search where a case is scheduled within the session it is put on.
    fn named(&self, key: &SessionKey, likely: Option<usize>) -> Option<usize> {
        let key_of = |&session: &usize| self.plans.get(session).map(|plan| &plan.session.key);
        if likely.is_some_and(|session| key_of(&session) == Some(key)) {
            return likely;
        }
        let by_key = self.by_key.get_or_init(|| {
            let mut by_key: Vec<usize> = (0..self.plans.len()).collect();
            by_key.sort_by_key(key_of);
            by_key
        });
        let place = by_key.partition_point(|session| key_of(session) < Some(key));
        by_key.get(place).copied().filter(|session| key_of(session) == Some(key))
    }

    /// The session whose half-open window holds `at`; of several the one that starts last.
    fn containing(&self, at: UtcMillis) -> Option<usize> {
        let begun = self.by_time.get(..self.begun_by(at))?;
        begun.iter().rev().take_while(|w| w.latest_end > at).find(|w| w.end > at).map(|w| w.session)
    }

    /// The session nearest to `at`, which is in none; the preceding one at equal distance.
    fn nearest(&self, at: UtcMillis) -> Option<usize> {
        let begun = self.begun_by(at);
        let before = begun.checked_sub(1).and_then(|i| self.by_time.get(i));
        let before = before.map(|w| (at.millis_since(w.latest_end), w.latest_session));
        let after = self.by_time.get(begun).map(|w| (w.start.millis_since(at), w.session));
        let nearest = match (before, after) {
            (Some(before), Some(after)) if after.0 < before.0 => Some(after),
            (Some(before), _) => Some(before),
            (None, after) => after,
        };
        nearest.filter(|&(millis, _)| millis <= self.within_millis).map(|(_, session)| session)
    }

    /// How many windows start at or before `at`.
    fn begun_by(&self, at: UtcMillis) -> usize {
        self.by_time.partition_point(|w| w.start <= at)
    }
}
