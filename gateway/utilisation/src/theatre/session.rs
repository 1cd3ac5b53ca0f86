//! The figures of one session from its cases' covers.
//!
//! One walk over the cases in order gives all of them. Late start, gaps and early finish are taken on what is covered
//! at all, counted or not, so that for a closed session with a started case
//! `capped + unknown + late start + gaps + early finish = planned`.

use room_events::{ListKind, Milestone, PatientClass, UtcMillis};

use super::Detail;
use super::audit::{exclusions, segments};
use super::closing::Closing;
use super::cover::{Entry, Stretch, Union, Window};
use super::plan::{FrozenPlan, Name, start_of_date};
use super::touch::{Touch, end_fallback, start_fallback};
use crate::facts::{Case, Room};
use crate::quantity::Minutes;
use crate::result::{CaseResult, Figures, QualityFlag, SessionResult, SessionState};
use crate::rules::RuleSet;

/// A session's circumstances, all that its figures depend on beside its cases.
pub(super) struct Circumstances<'a> {
    /// Its room.
    pub room: &'a Room,
    /// Its plan in force.
    pub plan: &'a FrozenPlan<'a>,
    /// When it closes.
    pub closing: &'a Closing,
    /// The rule set.
    pub rules: &'a RuleSet,
    /// The current instant.
    pub now: UtcMillis,
    /// How much is wanted.
    pub detail: Detail,
}

/// What the walk over the covers finds.
#[derive(Default)]
pub(super) struct Walk {
    /// Start of the first cover.
    pub first: Option<UtcMillis>,
    /// The latest end of any cover.
    pub last: Option<UtcMillis>,
    /// The latest known end.
    known_last: Option<UtcMillis>,
    gaps: Minutes,
    covered_inside: Minutes,
}

impl Circumstances<'_> {
    /// How the session looks to its cases.
    pub(super) fn window(&self) -> Window {
        let plan = Stretch { from: self.plan.start, to: self.plan.end };
        Window { plan, closed: self.now >= self.closing.at, now: self.now }
    }

    /// Measures the session; `entries` are its cases in order, and get their turnovers.
    pub(super) fn measure(&self, name: Name, entries: &mut [Entry<'_>]) -> SessionResult {
        let window = self.window();
        let plan = self.plan;
        let state = self.state(entries);
        let Name { id, date } = name;
        let mut figures = Figures {
            planned: window.plan.length(),
            first_planned: Minutes::between(plan.first.start, plan.first.end).at_least_zero(),
            scheduled_capacity: plan.is_scheduled_capacity(self.rules),
            ..Figures::default()
        };
        self.count_cases(entries, date, &mut figures);
        let walk = walk_covers(entries, window.plan, &mut figures);
        self.fill_times(entries, &walk, state, &mut figures);
        let audited = self.detail == Detail::Audit && walk.first.is_some();
        SessionResult {
            id,
            trust: self.room.trust.clone(),
            site: self.room.site.clone(),
            room: self.room.room.clone(),
            room_kind: self.room.kind,
            key: plan.session.key.clone(),
            specialty: plan.plan.specialty.clone(),
            team: plan.plan.team.clone(),
            kind: plan.plan.kind,
            local_date: date,
            planned_start: plan.start,
            planned_end: plan.end,
            state,
            closed_at: match state {
                SessionState::Closed | SessionState::Unused => Some(self.closing.at),
                SessionState::Planned | SessionState::Running | SessionState::Cancelled => None,
            },
            complete: entries.iter().all(|entry| !entry.is_open() && (entry.start.is_some() || entry.cover.is_none())),
            provisional: is_provisional(state),
            revised: self.closing.reopened,
            rule_set: self.rules.name.clone(),
            variant: self.rules.variant,
            quality: self.quality(entries, &figures),
            segments: if audited { segments(entries, window, &walk) } else { Vec::new() },
            excluded: match self.detail {
                Detail::Audit => exclusions(entries, window, self.day(date)),
                Detail::Figures => Vec::new(),
            },
            cases: entries.iter().map(|entry| case_result(entry, window)).collect(),
            figures,
        }
    }

    fn state(&self, entries: &[Entry<'_>]) -> SessionState {
        let started = entries.iter().any(|entry| entry.cover.is_some());
        if self.plan.plan.withdrawn && !started {
            SessionState::Cancelled
        } else if self.window().closed {
            if started { SessionState::Closed } else { SessionState::Unused }
        } else if started || self.now >= self.plan.start {
            SessionState::Running
        } else {
            SessionState::Planned
        }
    }

    /// The time in which a cancellation is one of the day: from local 00:00 of the session's date, to 6 h after its
    /// planned end.
    fn day(&self, date: chrono::NaiveDate) -> Stretch {
        Stretch {
            from: start_of_date(self.room.zone, date),
            to: self.plan.end.plus_millis(self.rules.closes_after.millis()),
        }
    }

    fn count_cases(&self, entries: &[Entry<'_>], date: chrono::NaiveDate, figures: &mut Figures) {
        let closed = self.window().closed;
        for entry in entries {
            let day = entry.cancelled_untouched().map(|at| (at, self.day(date)));
            if day.is_none_or(|(at, day)| at >= day.from) {
                figures.cases_booked += 1;
            }
            if day.is_some_and(|(at, day)| at >= day.from && at <= day.to) {
                figures.cases_cancelled_on_day += 1;
                figures.cases_cancelled_qmco_like += u32::from(is_hospital_non_clinical(entry.case));
            }
            figures.cases_started += u32::from(entry.cover.is_some());
            figures.cases_abandoned += u32::from(entry.is_abandoned());
            if entry.is_completed() {
                figures.cases_completed += 1;
                self.count_class(entry.case, figures);
            } else if closed && entry.cover.is_some() && !entry.is_abandoned() {
                figures.cases_outcome_unknown += 1;
            }
            if let Some(slot) = entry.start.and_then(|(_, milestone)| start_fallback(milestone)) {
                figures.start_fallbacks[slot] += 1;
            }
            if let Some(slot) = entry.end.and_then(|(_, milestone)| end_fallback(milestone)) {
                figures.end_fallbacks[slot] += 1;
            }
        }
    }

    fn count_class(&self, case: &Case, figures: &mut Figures) {
        match case.admission.unwrap_or(self.plan.plan.kind) {
            ListKind::Elective => match case.class {
                Some(PatientClass::DayCase) => figures.day_cases += 1,
                Some(PatientClass::Inpatient) => figures.inpatients += 1,
                // An outpatient procedure is in neither part of the rate.
                Some(PatientClass::Outpatient) => {}
                None => figures.class_unknown += 1,
            },
            ListKind::Emergency => {}
        }
    }

    fn fill_times(&self, entries: &[Entry<'_>], walk: &Walk, state: SessionState, figures: &mut Figures) {
        let Window { plan, closed, now } = self.window();
        figures.capped_duration = figures.touch.min(figures.planned);
        figures.unknown = walk.covered_inside - figures.capped;
        figures.gaps_in_session = walk.gaps;
        if let (Some(first), Some(last)) = (walk.first, walk.last) {
            figures.late_start = Some(Minutes::between(plan.from, first.min(plan.to)).at_least_zero());
            // On stamps alone: where an end without a start began is not known.
            figures.early_start = entries
                .iter()
                .find_map(|entry| entry.start)
                .map(|(start, _)| Minutes::between(start, plan.from).at_least_zero());
            if closed {
                figures.early_finish = Some(Minutes::between(last.max(plan.from), plan.to).at_least_zero());
                let overrun = walk.known_last.map(|last| Minutes::between(plan.to, last).at_least_zero());
                figures.overrun = Some(overrun.unwrap_or_default());
                figures.early_finish_uncertain =
                    entries.iter().rev().find(|entry| entry.start.is_some()).is_some_and(Entry::is_open);
            } else {
                // The room is idle since the last case: a gap so far.
                figures.gaps_in_session += Stretch { from: last, to: now.max(last) }.shared(plan);
            }
        }
        figures.capped_best = figures.capped + figures.unknown;
        if is_provisional(state) {
            let to_come = Stretch { from: now.max(plan.from).min(plan.to), to: plan.to };
            figures.remaining = to_come.length();
            let mut known_to_come = Union::default();
            for cover in entries.iter().filter_map(|entry| entry.cover) {
                known_to_come.add_inside(cover, to_come);
            }
            figures.capped_best += to_come.length() - known_to_come.length();
        }
    }

    fn quality(&self, entries: &[Entry<'_>], figures: &Figures) -> Vec<QualityFlag> {
        let closed = self.window().closed;
        let rules = self.rules;
        let above = |value: Option<Minutes>, threshold| value.is_some_and(|value| value > threshold);
        let any = |of: fn(&Entry<'_>) -> bool| entries.iter().any(of);
        let fallback = any(|entry| {
            let start = entry.start.and_then(|(_, milestone)| start_fallback(milestone));
            let end = entry.end.and_then(|(_, milestone)| end_fallback(milestone));
            start.is_some() && end.is_some()
        });
        let flags = [
            (QualityFlag::LatePlan, self.plan.late),
            (QualityFlag::PlanRevisedOnDay, self.plan.revised_on_day),
            (QualityFlag::OpenCase, closed && any(|entry| entry.is_open() && entry.rejected.is_none())),
            (QualityFlag::EndOnlyCase, any(|entry| entry.start.is_none() && entry.cover.is_some())),
            (QualityFlag::RejectedStamps, any(|entry| entry.rejected.is_some())),
            (QualityFlag::Overlap, figures.overlap > Minutes::ZERO),
            (QualityFlag::LateStart, above(figures.late_start, rules.late_start_flag)),
            (QualityFlag::EarlyFinish, above(figures.early_finish, rules.early_finish_flag)),
            (QualityFlag::Overrun, above(figures.overrun, rules.overrun_flag)),
            (QualityFlag::FallbackStamps, fallback),
            (QualityFlag::EmptyPlan, figures.planned == Minutes::ZERO),
            (QualityFlag::ClassUnknown, figures.class_unknown > 0),
            (QualityFlag::InferredOccupancy, any(|entry| entry.case.inferred)),
            (QualityFlag::OutOfOrder, any(|entry| entry.case.out_of_order)),
        ];
        flags.into_iter().filter_map(|(flag, raised)| raised.then_some(flag)).collect()
    }
}

fn is_provisional(state: SessionState) -> bool {
    match state {
        SessionState::Planned | SessionState::Running => true,
        SessionState::Closed | SessionState::Unused | SessionState::Cancelled => false,
    }
}

fn is_hospital_non_clinical(case: &Case) -> bool {
    use room_events::CancellationClass::HospitalNonClinical;
    case.cancelled.as_ref().is_some_and(|cancelled| cancelled.class == Some(HospitalNonClinical))
}

/// Walks the covers in order of their starts: sums, unions, gaps and turnovers.
fn walk_covers(entries: &mut [Entry<'_>], plan: Stretch, figures: &mut Figures) -> Walk {
    let mut walk = Walk::default();
    let (mut touch, mut touch_inside, mut cover_inside) = (Union::default(), Union::default(), Union::default());
    for entry in entries {
        let Some(cover) = entry.cover else { continue };
        cover_inside.add_inside(cover, plan);
        if entry.counts {
            figures.touch += cover.length();
            figures.capped_sum += cover.shared(plan);
            touch.add(cover);
            touch_inside.add_inside(cover, plan);
        }
        if let Some(last) = walk.last {
            walk.gaps += Stretch { from: last, to: cover.from.max(last) }.shared(plan);
            // The latest end so far is known if none of the covers that end on a guess reaches beyond it.
            if entry.start.is_some()
                && let Some(known_last) = walk.known_last.filter(|&known| known >= last)
            {
                let turnover = Minutes::between(known_last, cover.from).at_least_zero();
                entry.turnover_before = Some(turnover);
                figures.turnovers += 1;
                figures.turnover += turnover;
            }
        }
        walk.first = walk.first.or(Some(cover.from));
        walk.last = walk.last.max(Some(cover.to));
        walk.known_last = walk.known_last.max(entry.end.map(|(at, _)| at));
    }
    figures.capped = touch_inside.length();
    figures.overlap = figures.touch - touch.length();
    walk.covered_inside = cover_inside.length();
    walk
}

fn case_result(entry: &Entry<'_>, window: Window) -> CaseResult {
    let case = entry.case;
    let counted = entry.cover.filter(|_| entry.counts);
    CaseResult {
        id: case.id,
        state: entry.state(window.closed),
        start: entry.start.map(|(at, _)| at),
        start_from: entry.start.map(|(_, milestone)| milestone),
        end: entry.end.map(|(at, _)| at),
        end_from: entry.end.map(|(_, milestone)| milestone),
        cover_start: entry.cover.map(|cover| cover.from),
        cover_end: entry.cover.map(|cover| cover.to),
        inside: counted.map_or(Minutes::ZERO, |cover| cover.shared(window.plan)),
        turnover_before: entry.turnover_before,
        procedure_start: case.stamps.get(Milestone::ProcedureStart),
        procedure_end: case.stamps.get(Milestone::ProcedureEnd),
        booked_start: case.booked_start,
        booked_minutes: case.booked_minutes,
        specialty: case.specialty.clone(),
        procedure: case.procedure.clone(),
        class: case.class,
        cancelled_at: case.cancelled.as_ref().map(|cancelled| cancelled.at).or(entry.cancelled_untouched()),
        cancelled_class: case.cancelled.as_ref().and_then(|cancelled| cancelled.class),
        inferred: case.inferred,
    }
}

/// A case that belongs to no session. It has no cover, since there is no list that it could cover; without an end it
/// runs for as long as a case can last.
pub(super) fn out_of_session(case: &Case, touch: &Touch, rules: &RuleSet, now: UtcMillis) -> CaseResult {
    let nowhere = Window { plan: Stretch { from: now, to: now }, closed: true, now };
    let entry = Entry::new(case, touch, nowhere, rules);
    let over = entry.start.is_some_and(|(start, _)| Minutes::between(start, now) > rules.longest_case);
    CaseResult {
        state: entry.state(over),
        cover_start: None,
        cover_end: None,
        inside: Minutes::ZERO,
        ..case_result(&entry, nowhere)
    }
}
