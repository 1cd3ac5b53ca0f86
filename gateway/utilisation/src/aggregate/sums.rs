//! What is added up for one group, and the row that it comes to.
//!
//! Everything is a whole number (of milliseconds, cases or sessions), so sums do not depend on the order of addition.

use super::Group;
use super::row::{AggregateRow, Share};
use crate::quantity::{Minutes, Ratio};
use crate::result::{Figures, SessionResult, SessionState};
use crate::rules::{CappedVariant, RuleSet};

/// Shares are added up in units of 10^-15.
const SHARE_UNIT: i128 = 1_000_000_000_000_000;

#[derive(Debug, Default)]
pub(super) struct Sums {
    held: u64,
    unused: u64,
    empty_plan: u64,
    cancelled: u64,
    withdrawn_early: u64,
    incomplete: u64,
    provisional: u64,
    to_come: u64,

    planned: Minutes,
    first_planned: Minutes,
    replanned: u64,
    touch: Minutes,
    capped: Minutes,
    capped_sum: Minutes,
    capped_duration: Minutes,
    overlap: Minutes,
    unknown: Minutes,
    gaps: Minutes,
    other_list: Minutes,
    turnovers: u64,
    turnover: Minutes,
    shares: i128,
    lists_with_share: u32,

    capacity_sessions: u64,
    capacity_planned: Minutes,
    capacity_counted: Minutes,
    capacity_completed: u64,

    booked: u64,
    started: u64,
    completed: u64,
    outcome_unknown: u64,
    abandoned: u64,
    cancelled_on_day: u64,
    qmco_like: u64,
    day_cases: u64,
    inpatients: u64,
    class_unknown: u64,
    extra_cases: u64,
    extra_lists: u64,

    early_start: Minutes,
    late_due_to_previous: Minutes,
    late_start: ThreeWays,
    early_finish: ThreeWays,
    overrun: ThreeWays,
    overrun_open: u64,
}

/// Late start, early finish or overrun, counted for the three ways of stating it and for the flag.
#[derive(Debug, Default)]
struct ThreeWays {
    lists: u64,
    affected: u64,
    flagged: u64,
    sum: Minutes,
}

impl ThreeWays {
    fn add(&mut self, minutes: Option<Minutes>, flag_above: Minutes) {
        let Some(minutes) = minutes else { return };
        self.lists += 1;
        self.affected += u64::from(minutes > Minutes::ZERO);
        self.flagged += u64::from(minutes > flag_above);
        self.sum += minutes;
    }

    fn share(&self) -> Option<Ratio> {
        Ratio::of_counts(self.affected, self.lists)
    }

    fn flag_rate(&self) -> Option<Ratio> {
        Ratio::of_counts(self.flagged, self.lists)
    }

    fn mean_affected(&self) -> Option<f64> {
        mean(self.sum, self.affected)
    }

    fn mean_all(&self) -> Option<f64> {
        mean(self.sum, self.lists)
    }
}

/// Mean minutes.
fn mean(sum: Minutes, count: u64) -> Option<f64> {
    let count = i64::try_from(count).ok()?;
    Ratio::of_minutes(sum, Minutes::whole(count)).map(Ratio::as_f64)
}

fn per_list(cases: u64, lists: u64) -> Option<f64> {
    Ratio::of_counts(cases, lists).map(Ratio::as_f64)
}

fn per_4h(cases: u64, planned: Minutes) -> Option<f64> {
    let cases = i64::try_from(cases).ok()?;
    Ratio::of_minutes(Minutes::whole(240 * cases), planned).map(Ratio::as_f64)
}

/// The minutes that the rule set's headline counts.
const fn counted(figures: &Figures, variant: CappedVariant) -> Minutes {
    match variant {
        CappedVariant::Window => figures.capped,
        CappedVariant::Sum => figures.capped_sum,
        CappedVariant::Duration => figures.capped_duration,
    }
}

impl Sums {
    pub(super) fn add(&mut self, session: &SessionResult, rules: &RuleSet) {
        match session.state {
            SessionState::Planned => return self.to_come += 1,
            SessionState::Running => return self.provisional += 1,
            // Cases of a list without length would count above the line and nothing below it.
            SessionState::Closed if session.figures.planned <= Minutes::ZERO => return self.empty_plan += 1,
            SessionState::Closed => self.add_held(session, rules),
            SessionState::Unused => self.unused += 1,
            SessionState::Cancelled if session.figures.scheduled_capacity => self.cancelled += 1,
            SessionState::Cancelled => self.withdrawn_early += 1,
        }
        let f = &session.figures;
        self.booked += u64::from(f.cases_booked);
        self.cancelled_on_day += u64::from(f.cases_cancelled_on_day);
        self.qmco_like += u64::from(f.cases_cancelled_qmco_like);
        if f.scheduled_capacity {
            self.capacity_sessions += 1;
            self.capacity_planned += f.planned;
            self.capacity_counted += counted(f, rules.variant);
            self.capacity_completed += u64::from(f.cases_completed);
        }
    }

    fn add_held(&mut self, session: &SessionResult, rules: &RuleSet) {
        let f = &session.figures;
        self.held += 1;
        self.incomplete += u64::from(!session.complete);

        self.planned += f.planned;
        self.first_planned += f.first_planned;
        self.replanned += u64::from(f.planned != f.first_planned);
        self.touch += f.touch;
        self.capped += f.capped;
        self.capped_sum += f.capped_sum;
        self.capped_duration += f.capped_duration;
        self.overlap += f.overlap;
        self.unknown += f.unknown;
        self.gaps += f.gaps_in_session;
        self.other_list += f.occupied_by_other_list;
        self.turnovers += u64::from(f.turnovers);
        self.turnover += f.turnover;
        if let Some(share) = Ratio::of_minutes(counted(f, rules.variant), f.planned) {
            self.shares += i128::from(share.numerator()) * SHARE_UNIT / i128::from(share.denominator());
            self.lists_with_share += 1;
        }

        self.started += u64::from(f.cases_started);
        self.completed += u64::from(f.cases_completed);
        self.outcome_unknown += u64::from(f.cases_outcome_unknown);
        self.abandoned += u64::from(f.cases_abandoned);
        self.day_cases += u64::from(f.day_cases);
        self.inpatients += u64::from(f.inpatients);
        self.class_unknown += u64::from(f.class_unknown);
        self.extra_cases += u64::from(f.extra_cases_possible.unwrap_or(0));
        self.extra_lists += u64::from(f.extra_cases_possible.is_some());

        self.early_start += f.early_start.unwrap_or_default();
        self.late_due_to_previous += f.late_due_to_previous;
        self.late_start.add(f.late_start, rules.late_start_flag);
        self.early_finish.add(f.early_finish.filter(|_| !f.early_finish_uncertain), rules.early_finish_flag);
        self.overrun.add(f.overrun, rules.overrun_flag);
        self.overrun_open += u64::from(f.early_finish_uncertain && f.overrun == Some(Minutes::ZERO));
    }

    pub(super) fn row(&self, group: &Group<'_>, grouping: &str, rules: &RuleSet) -> AggregateRow {
        let sessions = self.held + self.unused + self.cancelled;
        let share = |minutes: Minutes| Ratio::of_minutes(minutes, self.planned);
        let (headline, upper) = match rules.variant {
            CappedVariant::Window => (self.capped, Some(self.capped + self.unknown)),
            CappedVariant::Sum => (self.capped_sum, Some(self.capped_sum).filter(|_| self.incomplete == 0)),
            CappedVariant::Duration => {
                (self.capped_duration, Some(self.capped_duration).filter(|_| self.incomplete == 0))
            }
        };
        let completed_upper = self.completed + self.outcome_unknown;
        let classed = self.day_cases + self.inpatients;

        AggregateRow {
            grouping: grouping.to_owned(),
            trust: group.trust.cloned(),
            site: group.site.cloned(),
            room: group.room.cloned(),
            specialty: group.specialty.cloned(),
            team: group.team.cloned(),
            week: group.week.map(|(year, week)| format!("{year:04}-W{week:02}")),
            month: group.month.map(|(year, month)| format!("{year:04}-{month:02}")),
            room_kind: group.room_kind,
            kind: group.kind,
            rule_set: rules.name.clone(),
            variant: rules.variant.name(),

            sessions,
            sessions_held: self.held,
            sessions_held_rate: Ratio::of_counts(self.held, sessions),
            sessions_unused: self.unused,
            sessions_cancelled: self.cancelled,
            sessions_withdrawn_early: self.withdrawn_early,
            sessions_incomplete: self.incomplete,
            sessions_provisional: self.provisional,
            sessions_to_come: self.to_come,

            planned_min: self.planned,
            first_planned_min: self.first_planned,
            planned_change_min: self.planned - self.first_planned,
            lists_replanned: self.replanned,
            touch_min: self.touch,
            capped_min: self.capped,
            capped_sum_min: self.capped_sum,
            capped_duration_min: self.capped_duration,
            overlap_min: self.overlap,
            unknown_min: self.unknown,
            gaps_in_session_min: self.gaps,
            occupied_by_other_list_min: self.other_list,
            turnovers: self.turnovers,
            turnover_min: self.turnover,
            turnover_mean_min: mean(self.turnover, self.turnovers),

            capped_utilisation: share(headline),
            capped_utilisation_upper: upper.and_then(share),
            mean_of_lists: self.mean_of_lists(),
            window_utilisation: share(self.capped),
            sum_utilisation: share(self.capped_sum),
            duration_utilisation: share(self.capped_duration),
            uncapped_utilisation: share(self.touch),
            scheduled_capacity_sessions: self.capacity_sessions,
            scheduled_capacity_min: self.capacity_planned,
            scheduled_capacity_utilisation: Ratio::of_minutes(self.capacity_counted, self.capacity_planned),
            scheduled_capacity_cases_per_4h: per_4h(self.capacity_completed, self.capacity_planned),

            cases_booked: self.booked,
            cases_started: self.started,
            cases_completed: self.completed,
            cases_outcome_unknown: self.outcome_unknown,
            cases_abandoned: self.abandoned,
            cases_cancelled_on_day: self.cancelled_on_day,
            cases_cancelled_qmco_like: self.qmco_like,
            cancelled_on_day_rate: Ratio::of_counts(self.cancelled_on_day, self.booked),
            qmco_like_rate: Ratio::of_counts(self.qmco_like, self.booked),
            cases_per_list: per_list(self.completed, self.held),
            cases_per_list_upper: per_list(completed_upper, self.held),
            cases_per_4h: per_4h(self.completed, self.planned),
            cases_per_4h_upper: per_4h(completed_upper, self.planned),
            day_cases: self.day_cases,
            inpatients: self.inpatients,
            class_unknown: self.class_unknown,
            day_case_rate: Ratio::of_counts(self.day_cases, classed),
            day_case_rate_upper: Ratio::of_counts(self.day_cases + self.class_unknown, classed + self.class_unknown),
            extra_cases_possible: (self.extra_lists > 0).then_some(self.extra_cases),
            extra_cases_lists: self.extra_lists,

            early_start_min: self.early_start,
            late_start_min: self.late_start.sum,
            late_due_to_previous_min: self.late_due_to_previous,
            late_start_lists: self.late_start.lists,
            late_start_affected: self.late_start.affected,
            late_start_share: self.late_start.share(),
            late_start_mean_affected_min: self.late_start.mean_affected(),
            late_start_mean_all_min: self.late_start.mean_all(),
            late_start_flagged: self.late_start.flagged,
            late_start_flag_rate: self.late_start.flag_rate(),
            late_start_flag_above_min: rules.late_start_flag,

            early_finish_min: self.early_finish.sum,
            early_finish_lists: self.early_finish.lists,
            early_finish_affected: self.early_finish.affected,
            early_finish_share: self.early_finish.share(),
            early_finish_mean_affected_min: self.early_finish.mean_affected(),
            early_finish_mean_all_min: self.early_finish.mean_all(),
            early_finish_flagged: self.early_finish.flagged,
            early_finish_flag_rate: self.early_finish.flag_rate(),
            early_finish_flag_above_min: rules.early_finish_flag,

            overrun_min: self.overrun.sum,
            overrun_lists: self.overrun.lists,
            overrun_affected: self.overrun.affected,
            overrun_share: self.overrun.share(),
            overrun_share_upper: Ratio::of_counts(self.overrun.affected + self.overrun_open, self.overrun.lists),
            overrun_mean_affected_min: self.overrun.mean_affected(),
            overrun_mean_all_min: self.overrun.mean_all(),
            overrun_flagged: self.overrun.flagged,
            overrun_flag_rate: self.overrun.flag_rate(),
            overrun_flag_above_min: rules.overrun_flag,

            units_compared: 0,
            units_lower_quartile: None,
            units_median: None,
            units_upper_quartile: None,
            quartile: None,
            sessions_empty_plan: self.empty_plan,
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a sum of shares, exact to 15 digits")]
    fn mean_of_lists(&self) -> Option<Share> {
        if self.lists_with_share == 0 {
            return None;
        }
        Some(Share(self.shares as f64 / SHARE_UNIT as f64 / f64::from(self.lists_with_share)))
    }
}
