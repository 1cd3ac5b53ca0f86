//! The figures of one scanner session from its steps and exams.

use std::collections::{BTreeMap, BTreeSet};

use room_events::{RoomKind, Token, UtcMillis};

use super::Conditions;
use super::exams::{Exam, Placed};
use super::result::{
    BookingState, ClosedStretch, ExamResult, ExamState, HourResult, Patients, ScanBooking, ScannerFigures, ScannerFlag,
    ScannerSession, StepExclusion, StepResult,
};
use super::rules::{ClosedFor, ScannerRules, closed};
use super::spans::Spans;
use crate::facts::{Case, Room};
use crate::measure::Measure;
use crate::quantity::Minutes;
use crate::result::SessionState;
use crate::theatre::plan::{FrozenPlan, Name, start_of_date};

const HOUR: i64 = 3_600_000;

/// All that a session's figures depend on beside its steps.
pub(super) struct Circumstances<'a> {
    pub room: &'a Room,
    pub plan: &'a FrozenPlan<'a>,
    pub under: Conditions<'a>,
    pub now: UtcMillis,
    /// When it closes.
    pub closes: Option<UtcMillis>,
    /// When the room was observed.
    pub observed: &'a Spans,
    /// Every booking of the room; a booking has the token of its exam.
    pub bookings: &'a BTreeMap<Token, &'a Case>,
}

/// When a room was observed: between signs of life, up to now since the last, and while a step is known to have run,
/// even if that became known later.
pub(super) fn observed(alive: &[UtcMillis], steps: &[Placed<'_>], rules: &ScannerRules, now: UtcMillis) -> Spans {
    let next = alive.iter().copied().skip(1).chain([now]);
    let live =
        alive.iter().copied().zip(next).filter(|(from, to)| to.millis_since(*from) <= rules.silent_after.millis());
    let known = steps.iter().filter_map(|step| Some((step.step.start, step.end?)));
    Spans::of(live.chain(known))
}

/// What ended in each UTC hour.
pub(super) fn hours(exams: &[Exam<'_, '_>], rules: &ScannerRules) -> Vec<HourResult> {
    let mut hours: BTreeMap<i64, HourResult> = BTreeMap::new();
    for exam in exams {
        let hour = exam.at.millis().div_euclid(HOUR) * HOUR;
        let count = |counted: ExamState| u32::from(exam.state == counted);
        let (completed, inferred, discontinued) =
            (count(ExamState::Completed), count(ExamState::Inferred), count(ExamState::Discontinued));
        if completed + inferred + discontinued == 0 {
            continue;
        }
        let empty = HourResult {
            hour: UtcMillis::saturating(hour),
            completed: 0,
            inferred: 0,
            discontinued: 0,
            revised: false,
        };
        let entry = hours.entry(hour).or_insert(empty);
        entry.completed += completed;
        entry.inferred += inferred;
        entry.discontinued += discontinued;
        entry.revised |= is_late(exam, rules);
    }
    hours.into_values().collect()
}

/// Its step was recorded long after the hour to which it belongs had ended.
fn is_late(exam: &Exam<'_, '_>, rules: &ScannerRules) -> bool {
    let hour_ended = (exam.at.millis().div_euclid(HOUR) + 1) * HOUR;
    exam.counts_with.step.captured.millis() > hour_ended + rules.late_after.millis()
}

impl Circumstances<'_> {
    pub(super) fn measure<'p, 'f: 'p>(
        &self,
        name: Name,
        steps: &[&Placed<'_>],
        exams: impl Iterator<Item = &'p Exam<'p, 'f>>,
        cases: impl Iterator<Item = &'p Case>,
    ) -> ScannerSession {
        let plan = self.plan;
        let Name { id, date } = name;
        let counted: Vec<&Placed<'_>> = steps.iter().copied().filter(|step| step.counts()).collect();
        let mut figures = self.time(&counted);

        let mut revised = false;
        let mut results = Vec::new();
        for exam in exams {
            let in_plan = self.in_plan(exam.at);
            match exam.state {
                ExamState::Completed | ExamState::Inferred if !in_plan => figures.out_of_hours_exams += 1,
                ExamState::Completed => figures.exams_completed += 1,
                ExamState::Inferred => figures.exams_inferred += 1,
                ExamState::Provisional => figures.exams_provisional += 1,
                ExamState::Discontinued => figures.exams_discontinued += 1,
            }
            revised |= exam.state != ExamState::Provisional && is_late(exam, self.under.scanner);
            results.push(ExamResult {
                id: exam.id,
                state: exam.state,
                at: exam.at,
                in_plan,
                steps: exam.steps.clone(),
                protocol: exam.counts_with.step.protocol.clone(),
                booked: None,
                patients: self.bookings.get(&exam.id).and_then(|case| Patients::of(case, plan.plan.kind)),
            });
        }
        let attendances = self.attendances(&counted);
        figures.attendances = u32::try_from(attendances.len()).unwrap_or(u32::MAX);
        self.count_discontinued(&counted, &mut figures);
        let bookings = self.count_booked(cases, date, &mut figures);
        // Where no booking meets an exam, its source may have other numbers, and nobody can be said to have walked in.
        let meet = results.iter().any(|exam| self.bookings.contains_key(&exam.id));
        if meet && !bookings.is_empty() {
            for exam in &mut results {
                exam.booked = Some(self.bookings.contains_key(&exam.id));
            }
        }
        let target = self.under.targets.target_for(self.room.kind, plan.plan.kind, Measure::ExamsPerHour, date);
        let target = target.filter(|_| self.room.kind != RoomKind::Echo);
        figures.target = target.map(|target| target.value);
        figures.target_band = target.and_then(|target| target.band);
        figures.standing = target.zip(figures.exams_per_hour()).map(|(target, rate)| target.standing(rate));
        figures.short_of_target = short_of_target(&figures);
        let step_results = changeovers(steps, &mut figures);

        let state = self.state(!counted.is_empty());
        let unmatched =
            state == SessionState::Closed && !meet && bookings.iter().any(|b| b.state == BookingState::Booked);
        let is_open = counted.iter().any(|step| step.end.is_none());
        ScannerSession {
            id,
            trust: self.room.trust.clone(),
            site: self.room.site.clone(),
            room: self.room.room.clone(),
            room_kind: self.room.kind,
            key: plan.session.key.clone(),
            specialty: plan.plan.specialty.clone(),
            kind: plan.plan.kind,
            local_date: date,
            planned_start: plan.start,
            planned_end: plan.end,
            state,
            provisional: is_open || matches!(state, SessionState::Planned | SessionState::Running),
            revised,
            rule_set: self.under.rules.name.clone(),
            quality: self.quality(steps, &figures, date, unmatched),
            figures,
            exams: results,
            visits: attendances
                .into_iter()
                .filter(|(rests_on, _)| *rests_on == VISIT)
                .map(|(_, visit)| visit)
                .collect(),
            by_site: self.under.scanner.by_site,
            steps: step_results,
            closed: self.closed_stretches(),
            not_observed: self.operational().and(&self.passed()).without(self.observed),
            bookings,
        }
    }

    /// The planned time that has passed.
    fn passed(&self) -> Spans {
        Spans::of([(self.plan.start, self.now.min(self.plan.end))])
    }

    fn without(&self, time: &Spans, wanted: impl Fn(ClosedFor) -> bool) -> Spans {
        time.without(&closed(self.under.closures, self.room.zone, (self.plan.start, self.plan.end), wanted))
    }

    fn operational(&self) -> Spans {
        self.without(&Spans::of([(self.plan.start, self.plan.end)]), |_| true)
    }

    fn closed_stretches(&self) -> Vec<ClosedStretch> {
        let window = (self.plan.start, self.plan.end);
        let of = |reason| closed(self.under.closures, self.room.zone, window, move |other| other == reason);
        let stretches = ClosedFor::ALL.iter().flat_map(|&reason| {
            let these = of(reason).stretches().to_vec();
            these.into_iter().map(move |(from, to)| ClosedStretch { reason, from, to })
        });
        let mut stretches: Vec<ClosedStretch> = stretches.collect();
        stretches.sort_by_key(|stretch| (stretch.from, stretch.to, stretch.reason));
        stretches
    }

    fn in_plan(&self, at: UtcMillis) -> bool {
        (self.plan.start..=self.plan.end).contains(&at)
    }

    fn state(&self, started: bool) -> SessionState {
        let closed = self.closes.is_some_and(|at| self.now >= at);
        if self.plan.plan.withdrawn && !started {
            SessionState::Cancelled
        } else if closed {
            if started { SessionState::Closed } else { SessionState::Unused }
        } else if started || self.now >= self.plan.start {
            SessionState::Running
        } else {
            SessionState::Planned
        }
    }

    /// The denominators, and the time in use.
    fn time(&self, steps: &[&Placed<'_>]) -> ScannerFigures {
        let from = self.plan.start;
        let open = Spans::of([(from, self.plan.end)]);
        let staffed = self.without(&open, |reason| reason == ClosedFor::StaffBreak);
        let operational = self.operational();
        let elapsed = operational.and(&self.passed());
        let known = |wanted: &dyn Fn(&Placed<'_>) -> bool| {
            Spans::of(steps.iter().filter(|step| wanted(step)).filter_map(|step| Some((step.step.start, step.end?))))
        };
        let occupied = known(&|_| true);
        let productive = known(&|step| step.state == ExamState::Completed);
        let acquired =
            Spans::of(steps.iter().filter_map(|step| step.acquired).map(|acquired| (acquired.first, acquired.last)));
        let open_ended = steps.iter().filter(|step| step.end.is_none()).map(|step| (step.step.start, step.ends_by));
        let unknown = Spans::of(open_ended).without(&occupied);
        let first = steps.iter().map(|step| step.step.start).min();
        ScannerFigures {
            open: open.length(),
            staffed: staffed.length(),
            operational: operational.length(),
            elapsed: elapsed.length(),
            observed: self.observed.and(&elapsed).length(),
            least_observed: self.under.scanner.least_observed,
            occupied: occupied.and(&elapsed).length(),
            productive: productive.and(&elapsed).length(),
            acquired: acquired.and(&elapsed).length(),
            unknown: unknown.and(&elapsed).length(),
            first_scan_delay: first.map(|first| Minutes::between(from, first)),
            ..ScannerFigures::default()
        }
    }

    /// Distinct visits; without a visit's token patients; without either, steps.
    fn attendances(&self, steps: &[&Placed<'_>]) -> BTreeSet<(u8, Token)> {
        let ended = steps
            .iter()
            .filter(|step| step.state != ExamState::Provisional && self.in_plan(step.end.unwrap_or(step.ends_by)));
        ended.map(|step| attendance(step)).collect()
    }

    fn count_discontinued(&self, steps: &[&Placed<'_>], figures: &mut ScannerFigures) {
        let mut reasons: BTreeMap<Option<u32>, u32> = BTreeMap::new();
        for step in steps.iter().filter(|step| step.state == ExamState::Discontinued) {
            *reasons.entry(step.step.reason).or_default() += 1;
            figures.discontinued_steps += 1;
        }
        figures.discontinued_reasons = reasons.into_iter().collect();
    }

    fn count_booked<'c>(
        &self,
        cases: impl Iterator<Item = &'c Case>,
        date: chrono::NaiveDate,
        figures: &mut ScannerFigures,
    ) -> Vec<ScanBooking> {
        let mut bookings = Vec::new();
        let midnight = start_of_date(self.room.zone, date);
        for case in cases {
            if case.cancelled.as_ref().is_some_and(|cancelled| cancelled.at < midnight) {
                continue;
            }
            figures.booked += 1;
            let reason = case.cancelled.as_ref().and_then(|cancelled| cancelled.reason.as_ref());
            let did_not = &self.under.scanner.did_not_attend;
            let is_dna = reason.is_some_and(|said| did_not.iter().any(|dna| dna.eq_ignore_ascii_case(said.as_str())));
            figures.did_not_attend += u32::from(is_dna);
            let state = match &case.cancelled {
                None => BookingState::Booked,
                Some(_) if is_dna => BookingState::DidNotAttend,
                Some(_) => BookingState::Cancelled,
            };
            bookings.push(ScanBooking { id: case.id, start: case.booked_start, minutes: case.booked_minutes, state });
        }
        bookings.sort_by_key(|booking| (booking.start, booking.id));
        figures.median_slot =
            median(bookings.iter().filter(|b| b.state == BookingState::Booked).filter_map(|b| b.minutes));
        bookings
    }

    /// A rate of echocardiograms says nothing of their quality; a slot that is too short does.
    fn has_short_slots(&self, figures: &ScannerFigures, date: chrono::NaiveDate) -> bool {
        let least = self.under.targets.target_for(self.room.kind, self.plan.plan.kind, Measure::MedianSlot, date);
        least.zip(figures.median_slot).is_some_and(|(least, median)| median < least.value)
    }

    fn quality(
        &self,
        steps: &[&Placed<'_>],
        figures: &ScannerFigures,
        date: chrono::NaiveDate,
        unmatched: bool,
    ) -> Vec<ScannerFlag> {
        let counted = || steps.iter().filter(|step| step.counts());
        let is_excluded = |reason| steps.iter().any(|step| step.excluded == Some(reason));
        let by_step = |step: &&&Placed<'_>| step.step.visit.is_none() && step.step.patient.is_none();
        [
            (self.plan.late, ScannerFlag::LatePlan),
            (counted().any(|step| step.end.is_none() && !step.rejected), ScannerFlag::OpenStep),
            (counted().any(|step| step.rejected), ScannerFlag::RejectedStamps),
            (steps.iter().any(|step| step.step.conflicting), ScannerFlag::ConflictingStep),
            (counted().any(|step| by_step(&step)), ScannerFlag::AttendanceByStep),
            (is_excluded(StepExclusion::WrongWorklistEntry), ScannerFlag::WrongWorklistEntry),
            (is_excluded(StepExclusion::Phantom), ScannerFlag::Phantom),
            (figures.elapsed > Minutes::ZERO && !figures.is_observed(), ScannerFlag::NotObserved),
            (self.has_short_slots(figures, date), ScannerFlag::ShortSlots),
            (figures.open == Minutes::ZERO, ScannerFlag::EmptyPlan),
            (unmatched, ScannerFlag::BookingsUnmatched),
            (counted().any(|step| step.step.inferred), ScannerFlag::InferredOccupancy),
        ]
        .into_iter()
        .filter_map(|(is_so, flag)| is_so.then_some(flag))
        .collect()
    }
}

/// What an attendance rests on when it is a visit.
const VISIT: u8 = 0;

/// The attendance that a step belongs to, with what it rests on: visit, patient (in this room and session), step.
fn attendance(step: &Placed<'_>) -> (u8, Token) {
    match (step.step.visit, step.step.patient) {
        (Some(visit), _) => (VISIT, visit),
        (None, Some(patient)) => (1, patient),
        (None, None) => (2, step.step.id),
    }
}

fn median(minutes: impl Iterator<Item = u16>) -> Option<f64> {
    let mut minutes: Vec<u16> = minutes.collect();
    minutes.sort_unstable();
    let (low, high) = (minutes.get(minutes.len().checked_sub(1)? / 2)?, minutes.get(minutes.len() / 2)?);
    Some((f64::from(*low) + f64::from(*high)) / 2.0)
}

/// Whole exams behind the target, rounded up. A rate of echocardiograms is never judged.
fn short_of_target(figures: &ScannerFigures) -> Option<u32> {
    let target = figures.target.filter(|_| figures.is_observed())?;
    let short = target * figures.elapsed.as_f64() / 60.0 - f64::from(figures.exams());
    // A target met to the last digit must not be one short by a rounding of binary fractions.
    let whole = (short - 1e-9).ceil().max(0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
    Some(whole as u32)
}

/// The steps as results, with the changeovers between those that count.
fn changeovers(steps: &[&Placed<'_>], figures: &mut ScannerFigures) -> Vec<StepResult> {
    // The latest cover so far, and whether a known end gave it.
    let mut latest: Option<(UtcMillis, bool)> = None;
    let mut results = Vec::with_capacity(steps.len());
    for step in steps {
        if !step.counts() {
            results.push(step.result(None));
            continue;
        }
        let changeover = match latest {
            Some((end, true)) => Some(Minutes::between(end, step.step.start).at_least_zero()),
            Some((_, false)) => {
                figures.changeovers_unknown += 1;
                None
            }
            None => None,
        };
        figures.changeovers.extend(changeover);
        results.push(step.result(changeover));
        let cover = (step.end.unwrap_or(step.ends_by), step.end.is_some());
        // At one instant the known end is believed last: what has no end may have gone on.
        latest = Some(latest.map_or(cover, |before| match before.0.cmp(&cover.0) {
            core::cmp::Ordering::Greater => before,
            core::cmp::Ordering::Less => cover,
            core::cmp::Ordering::Equal => (cover.0, before.1 && cover.1),
        }));
    }
    results
}
