//! The stretches of time that a session's cases cover: closed touch, which counts, and time that is only known to be
//! taken.
//!
//! An open case is taken to have ended by the next start of its session, an end without a start to have begun at the
//! latest earlier end: the widest stretches that the other stamps allow. They are *unknown*, never counted.

use room_events::{Milestone, UtcMillis};

use super::touch::{Touch, TouchEnd};
use crate::facts::Case;
use crate::quantity::Minutes;
use crate::result::{CaseState, ExclusionReason};
use crate::rules::RuleSet;

/// A half-open stretch of time; `from <= to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// From.
    pub from: UtcMillis,
    /// To, exclusive.
    pub to: UtcMillis,
}

impl Stretch {
    /// Its length.
    pub(super) fn length(self) -> Minutes {
        Minutes::between(self.from, self.to)
    }

    /// The length of what two stretches share.
    pub(super) fn shared(self, other: Self) -> Minutes {
        Minutes::between(self.from.max(other.from), self.to.min(other.to)).at_least_zero()
    }
}

/// The length of a union of stretches that are added in order of their starts.
#[derive(Default)]
pub(super) struct Union {
    latest: Option<UtcMillis>,
    length: Minutes,
}

impl Union {
    /// Adds a stretch.
    pub(super) fn add(&mut self, stretch: Stretch) {
        let from = self.latest.map_or(stretch.from, |latest| latest.max(stretch.from));
        if stretch.to > from {
            self.length += Minutes::between(from, stretch.to);
        }
        self.latest = Some(self.latest.map_or(stretch.to, |latest| latest.max(stretch.to)));
    }

    /// Adds the part of a stretch that lies in `window`.
    pub(super) fn add_inside(&mut self, stretch: Stretch, window: Stretch) {
        let (from, to) = (stretch.from.max(window.from), stretch.to.min(window.to));
        if from < to {
            self.add(Stretch { from, to });
        }
    }

    /// The length so far.
    pub(super) fn length(&self) -> Minutes {
        self.length
    }
}

/// What a session looks like to its cases' covers.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// [PS, PE].
    pub plan: Stretch,
    /// The session has closed.
    pub closed: bool,
    /// The current instant.
    pub now: UtcMillis,
}

/// One case of a session with the time that it covers.
pub(super) struct Entry<'f> {
    /// The case.
    pub case: &'f Case,
    /// Touch start a.
    pub start: Option<(UtcMillis, Milestone)>,
    /// Touch end b, if it is known and believed.
    pub end: Option<(UtcMillis, Milestone)>,
    /// Why the stamps were rejected, if they were.
    pub rejected: Option<ExclusionReason>,
    /// The time that it covers; none when it never began.
    pub cover: Option<Stretch>,
    /// The cover is touch that counts: closed, or running in a session that has not closed.
    pub counts: bool,
    /// The case was signed out.
    pub signed_out: bool,
    /// Turnover before it, where it is known.
    pub turnover_before: Option<Minutes>,
}

impl<'f> Entry<'f> {
    /// A case by itself; [`lay_out`] gives it its place among others.
    pub(super) fn new(case: &'f Case, touch: &Touch, window: Window, rules: &RuleSet) -> Self {
        let (end, rejected) = match touch.end(window.closed, rules) {
            TouchEnd::Known(at, milestone) => (Some((at, milestone)), None),
            TouchEnd::Missing => (None, None),
            TouchEnd::Rejected(reason) => (None, Some(reason)),
        };
        let cover = match (touch.start, end) {
            (Some((from, _)), Some((to, _))) => Some(Stretch { from, to }),
            // For the moment: an open case reaches to now, an end without a start is a point.
            (Some((from, _)), None) => Some(Stretch { from, to: from.max(window.now) }),
            (None, _) => touch.last_sign().map(|at| Stretch { from: at, to: at }),
        };
        Self {
            case,
            start: touch.start,
            end,
            rejected,
            cover,
            counts: touch.start.is_some() && (end.is_some() || !window.closed),
            signed_out: touch.sign_out.is_some(),
            turnover_before: None,
        }
    }

    /// Has a start and no end.
    pub(super) fn is_open(&self) -> bool {
        self.start.is_some() && self.end.is_none()
    }

    /// Given up after any touch.
    pub(super) fn is_abandoned(&self) -> bool {
        self.cover.is_some_and(|cover| {
            let given_up = self.case.cancelled.as_ref().is_some_and(|cancelled| cancelled.at >= cover.from);
            given_up || self.case.abandoned.is_some()
        })
    }

    /// When it was cancelled before any touch.
    pub(super) fn cancelled_untouched(&self) -> Option<UtcMillis> {
        let cancelled = self.case.cancelled.as_ref().map(|cancelled| cancelled.at).or(self.case.abandoned);
        cancelled.filter(|_| self.cover.is_none())
    }

    /// Has an end stamp or a sign-out and was not abandoned.
    pub(super) fn is_completed(&self) -> bool {
        (self.end.is_some() || self.signed_out) && !self.is_abandoned()
    }

    /// How it stands in a session that has or has not closed.
    pub(super) fn state(&self, closed: bool) -> CaseState {
        match (self.start, self.end, self.rejected) {
            (Some(_), Some(_), _) if self.is_abandoned() => CaseState::Abandoned,
            (Some(_), Some(_), _) => CaseState::Complete,
            (Some(_), None, Some(_)) => CaseState::Rejected,
            (Some(_), None, None) if closed => CaseState::Open,
            (Some(_), None, None) => CaseState::Running,
            (None, _, _) if self.cover.is_some() => CaseState::EndOnly,
            (None, _, _) if self.cancelled_untouched().is_some() => CaseState::Cancelled,
            (None, _, _) if closed => CaseState::NotStarted,
            (None, _, _) => CaseState::Booked,
        }
    }

    /// By start of cover, then end (a missing one last), then id; without cover last, by scheduled start.
    fn order(&self) -> impl Ord + use<> {
        let started = self.cover.map(|cover| cover.from);
        let end = self.end.map_or(UtcMillis::MAX, |(at, _)| at);
        let booked = self.case.booked_start.unwrap_or(UtcMillis::MAX);
        (started.is_none(), started.unwrap_or(booked), end, self.case.id)
    }
}

/// Lays out one session's cases in order, each with its cover, into `entries`.
pub(super) fn lay_out<'f, 't>(
    cases: impl Iterator<Item = (&'f Case, &'t Touch)>,
    window: Window,
    rules: &RuleSet,
    entries: &mut Vec<Entry<'f>>,
) {
    entries.clear();
    entries.extend(cases.map(|(case, touch)| Entry::new(case, touch, window, rules)));
    entries.sort_unstable_by_key(Entry::order);
    if window.closed {
        cover_open_cases(entries, window.plan);
    }
    if cover_ends_without_start(entries, window.plan) {
        entries.sort_unstable_by_key(Entry::order);
    }
}

/// To the next start in the session, else to the planned end.
fn cover_open_cases(entries: &mut [Entry<'_>], plan: Stretch) {
    let mut next_start = None;
    for entry in entries.iter_mut().rev() {
        let Some((start, _)) = entry.start else { continue };
        if entry.end.is_none() {
            entry.cover = Some(Stretch { from: start, to: next_start.unwrap_or(plan.to.max(start)) });
        }
        next_start = Some(start);
    }
}

/// From the latest earlier end in the session, else from the planned start. Says whether there was any such case.
fn cover_ends_without_start(entries: &mut [Entry<'_>], plan: Stretch) -> bool {
    let mut any = false;
    for index in 0..entries.len() {
        let Some(entry) = entries.get(index).filter(|entry| entry.start.is_none()) else { continue };
        let Some(Stretch { to, .. }) = entry.cover else { continue };
        let earlier = entries.iter().filter_map(|other| other.end).map(|(at, _)| at).filter(|&at| at < to).max();
        if let Some(entry) = entries.get_mut(index) {
            entry.cover = Some(Stretch { from: earlier.unwrap_or(plan.from.min(to)), to });
            any = true;
        }
    }
    any
}
