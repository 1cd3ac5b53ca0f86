//! What a session amounts to: the figures, the cases they were made of, and everything that was left out and why.
//!
//! Names follow the CSV header of the session rows; a figure that cannot be given is absent, never 0 and never invented.

use chrono::NaiveDate;
use room_events::{
    CancellationClass, Label, ListKind, Milestone, PatientClass, RoomId, RoomKind, SessionKey, SiteId, Token, TrustId,
    UtcMillis,
};

use crate::quantity::{Minutes, Ratio};
use crate::rules::CappedVariant;

/// The sessions of one room, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomResult {
    /// In order of planned start, then key.
    pub sessions: Vec<SessionResult>,
    /// Cases that belong to no session: started too far from any, or booked at a time for which none is planned (these
    /// carry no start). By start, then id.
    pub out_of_session: Vec<CaseResult>,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Before its planned start, nothing started.
    Planned,
    /// Begun or due, not yet closed.
    Running,
    /// Closed with at least one started case.
    Closed,
    /// Closed without a started case.
    Unused,
    /// Withdrawn by its plan.
    Cancelled,
}

impl SessionState {
    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Closed => "closed",
            Self::Unused => "unused",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One session, measured under one rule set.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionResult {
    /// `{site}.{room}.{local date}.{local HHMM}` of the first known planned start.
    pub id: String,
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: SiteId,
    /// Room.
    pub room: RoomId,
    /// What the room is.
    pub room_kind: RoomKind,
    /// The session's name within its room.
    pub key: SessionKey,
    /// Specialty of the frozen plan.
    pub specialty: Option<Label>,
    /// Team of the frozen plan.
    pub team: Option<Label>,
    /// Elective or emergency.
    pub kind: ListKind,
    /// Local date of the frozen planned start.
    pub local_date: NaiveDate,
    /// Frozen planned start, PS.
    pub planned_start: UtcMillis,
    /// Frozen planned end, PE.
    pub planned_end: UtcMillis,
    /// Where it stands.
    pub state: SessionState,
    /// When it closed; absent while it has not.
    pub closed_at: Option<UtcMillis>,
    /// No open, rejected or end-only case.
    pub complete: bool,
    /// Still running: figures count to `now`.
    pub provisional: bool,
    /// A case started after the session had closed, or the closing was moved by a later start.
    pub revised: bool,
    /// The rule set's name.
    pub rule_set: String,
    /// Which minutes its headline counts.
    pub variant: CappedVariant,
    /// The numbers.
    pub figures: Figures,
    /// Its cases by touch start, then end, then id; those without a touch interval after them by booked start.
    pub cases: Vec<CaseResult>,
    /// Every minute of [PS, PE], in order and without holes; empty unless asked for or when nothing started.
    pub segments: Vec<Segment>,
    /// What was left out, and why.
    pub excluded: Vec<Exclusion>,
    /// Named flags.
    pub quality: Vec<QualityFlag>,
}

impl SessionResult {
    /// The headline under the session's own rule set: capped minutes of its variant / D.
    pub fn capped_utilisation(&self) -> Option<Ratio> {
        match self.variant {
            CappedVariant::Window => self.figures.capped_utilisation(),
            CappedVariant::Sum => self.figures.capped_sum_utilisation(),
            CappedVariant::Duration => self.figures.capped_duration_utilisation(),
        }
    }

    /// The headline if all unknown time were touch. Under `sum` and `duration` absent while the list is incomplete, since
    /// they have no such bound.
    pub fn capped_utilisation_upper(&self) -> Option<Ratio> {
        match self.variant {
            CappedVariant::Window => self.figures.share_of_planned(self.figures.capped + self.figures.unknown),
            CappedVariant::Sum | CappedVariant::Duration if !self.complete => None,
            CappedVariant::Sum | CappedVariant::Duration => self.capped_utilisation(),
        }
    }
}

/// The numbers of a session. Sums that a ratio needs are carried, ratios are methods.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// D, planned minutes of the frozen plan.
    pub planned: Minutes,
    /// Planned minutes of the first known plan.
    pub first_planned: Minutes,
    /// Planned early enough to count as capacity.
    pub scheduled_capacity: bool,
    /// On the list at local 00:00 of its date, or added later.
    pub cases_booked: u32,
    /// Cases with a touch start, or with an end that proves one.
    pub cases_started: u32,
    /// Has an end stamp or sign-out, not abandoned.
    pub cases_completed: u32,
    /// Open at closing: cases completed is between `cases_completed` and their sum.
    pub cases_outcome_unknown: u32,
    /// Abandoned after any touch.
    pub cases_abandoned: u32,
    /// Cancelled on the day, all reasons.
    pub cases_cancelled_on_day: u32,
    /// Cancelled on the day, hospital, non-clinical: the `qmco_like` variant.
    pub cases_cancelled_qmco_like: u32,
    /// Sum of closed touch, wherever it lies.
    pub touch: Minutes,
    /// Union of closed touch inside the plan.
    pub capped: Minutes,
    /// Sum of closed touch inside the plan.
    pub capped_sum: Minutes,
    /// `min(touch, planned)`.
    pub capped_duration: Minutes,
    /// `touch` less the length of its union.
    pub overlap: Minutes,
    /// Cover inside the plan that is not known to be touch.
    pub unknown: Minutes,
    /// Planned start to first touch, inside the plan; absent when nothing started.
    pub late_start: Option<Minutes>,
    /// The part of the late start during which the room was occupied by a case of another list.
    pub late_due_to_previous: Minutes,
    /// First touch to planned start.
    pub early_start: Option<Minutes>,
    /// Last end to planned end; absent until closed and when nothing started.
    pub early_finish: Option<Minutes>,
    /// Planned end to last end; absent until closed and when nothing started.
    pub overrun: Option<Minutes>,
    /// The last case is open: the early finish is left out of shares.
    pub early_finish_uncertain: bool,
    /// Turnovers clipped to the plan.
    pub gaps_in_session: Minutes,
    /// How many turnovers are known.
    pub turnovers: u32,
    /// Their sum.
    pub turnover: Minutes,
    /// Minutes inside the plan in which a case of another list had the room.
    pub occupied_by_other_list: Minutes,
    /// Completed elective cases that were day cases.
    pub day_cases: u32,
    /// Completed elective cases that were inpatients.
    pub inpatients: u32,
    /// Completed elective cases whose class is not known yet.
    pub class_unknown: u32,
    /// Planned minutes still to come.
    pub remaining: Minutes,
    /// The most that `capped` can still reach; equals `capped` once closed (plus `unknown` if incomplete).
    pub capped_best: Minutes,
    /// Typical touch used for `extra_cases_possible`.
    pub typical_touch: Option<Minutes>,
    /// Typical turnover used for `extra_cases_possible`.
    pub typical_turnover: Option<Minutes>,
    /// Whole cases that would have fitted; absent if incomplete, running, or too little history.
    pub extra_cases_possible: Option<u32>,
    /// Cases whose touch began with each fallback: into anaesthetic room, into theatre, procedure start.
    pub start_fallbacks: [u32; 3],
    /// Cases whose touch ended with each fallback: into recovery, procedure end.
    pub end_fallbacks: [u32; 2],
}

/// Ratios of a session. A list in which nothing started has none: it stays out of utilisation, which is not 0 %.
impl Figures {
    /// capped / D under `window`.
    pub fn capped_utilisation(&self) -> Option<Ratio> {
        self.share_of_planned(self.capped)
    }

    /// sum variant / D.
    pub fn capped_sum_utilisation(&self) -> Option<Ratio> {
        self.share_of_planned(self.capped_sum)
    }

    /// duration variant / D.
    pub fn capped_duration_utilisation(&self) -> Option<Ratio> {
        self.share_of_planned(self.capped_duration)
    }

    /// touch / D.
    pub fn uncapped_utilisation(&self) -> Option<Ratio> {
        self.share_of_planned(self.touch)
    }

    /// Completed per 4 planned hours, as a number; absent for a plan without length.
    pub fn cases_per_4h(&self) -> Option<f64> {
        let four_hours = Minutes::whole(240 * i64::from(self.cases_completed));
        self.share_of_planned(four_hours).map(Ratio::as_f64)
    }

    /// Day cases / (day cases + inpatients).
    pub fn day_case_rate(&self) -> Option<Ratio> {
        Ratio::of_counts(u64::from(self.day_cases), u64::from(self.day_cases) + u64::from(self.inpatients))
    }

    fn share_of_planned(&self, minutes: Minutes) -> Option<Ratio> {
        if self.cases_started == 0 { None } else { Ratio::of_minutes(minutes, self.planned) }
    }
}

/// How a case stands in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseState {
    /// Booked, nothing stamped yet.
    Booked,
    /// Has a start, no end, and its session is not closed.
    Running,
    /// Has a usable start and end.
    Complete,
    /// Abandoned after touch, start and end known.
    Abandoned,
    /// Open at closing: a start without a usable end.
    Open,
    /// An end without a start.
    EndOnly,
    /// Its stamps were rejected (end before start, or longer than a case can be); treated as open at its start.
    Rejected,
    /// Cancelled before any touch.
    Cancelled,
    /// Booked, never started, and its session is closed.
    NotStarted,
}

/// One case as it counted.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseResult {
    /// The case's token.
    pub id: Token,
    /// How it stands.
    pub state: CaseState,
    /// Touch start a.
    pub start: Option<UtcMillis>,
    /// The milestone that gave a.
    pub start_from: Option<Milestone>,
    /// Touch end b, if known and believed.
    pub end: Option<UtcMillis>,
    /// The milestone that gave b.
    pub end_from: Option<Milestone>,
    /// Where its cover ends: b, or for an open case where its unknown time ends; with `cover_start` its whole cover.
    pub cover_end: Option<UtcMillis>,
    /// Where its cover begins: a, or for an end without a start where its unknown time begins.
    pub cover_start: Option<UtcMillis>,
    /// Its own closed touch inside the plan, overlaps not removed.
    pub inside: Minutes,
    /// Turnover before it, where known.
    pub turnover_before: Option<Minutes>,
    /// Knife to skin.
    pub procedure_start: Option<UtcMillis>,
    /// End of the procedure.
    pub procedure_end: Option<UtcMillis>,
    /// Scheduled start.
    pub booked_start: Option<UtcMillis>,
    /// Booked minutes.
    pub booked_minutes: Option<u16>,
    /// Specialty.
    pub specialty: Option<Label>,
    /// Procedure.
    pub procedure: Option<Label>,
    /// Patient classification.
    pub class: Option<PatientClass>,
    /// When it was cancelled.
    pub cancelled_at: Option<UtcMillis>,
    /// Whose reason.
    pub cancelled_class: Option<CancellationClass>,
    /// Nobody told of it: it follows from the room's signals.
    pub inferred: bool,
}

/// A stretch of the planned window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// From.
    pub from: UtcMillis,
    /// To, exclusive.
    pub to: UtcMillis,
    /// What the room was.
    pub kind: SegmentKind,
}

/// What the room was in a stretch of the planned window. Each minute is exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// Before the first case.
    LateStart,
    /// Closed touch: the minutes that count.
    Occupied,
    /// Between cases.
    Gap,
    /// Covered by a case of which start or end is not known.
    Unknown,
    /// After the last case.
    EarlyFinish,
    /// Not yet happened (only while the session is not closed).
    ToCome,
}

/// Something that was left out of a session's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// Whose.
    pub case: Token,
    /// Why.
    pub reason: ExclusionReason,
    /// The minutes concerned, where there are any.
    pub minutes: Option<Minutes>,
}

/// Why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExclusionReason {
    /// No end stamp: its time is unknown, not counted.
    NoEnd,
    /// No start stamp: its time is unknown, not counted.
    NoStart,
    /// The end is before the start.
    EndBeforeStart,
    /// Longer than a case can be.
    TooLong,
    /// Touch before the planned start.
    BeforePlan,
    /// Touch after the planned end.
    AfterPlan,
    /// Cancelled on the day.
    CancelledOnDay,
    /// Cancelled before the day.
    CancelledEarlier,
    /// Booked and never started.
    NeverStarted,
}

/// A named flag on a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QualityFlag {
    /// The plan in force was issued after its own start.
    LatePlan,
    /// The plan was revised after it was frozen; the denominator did not move.
    PlanRevisedOnDay,
    /// A case has no end.
    OpenCase,
    /// A case has no start.
    EndOnlyCase,
    /// A case's stamps were rejected.
    RejectedStamps,
    /// Two cases overlap.
    Overlap,
    /// A start was later than the flag's threshold.
    LateStart,
    /// A finish was earlier than the flag's threshold.
    EarlyFinish,
    /// An overrun was longer than the flag's threshold.
    Overrun,
    /// Start and end rest on fallback stamps in at least one case.
    FallbackStamps,
    /// The plan has no length or ends before it starts.
    EmptyPlan,
    /// A day-case class is not known yet.
    ClassUnknown,
    /// At least one case is inferred from the room's signals.
    InferredOccupancy,
    /// A milestone that counts was reported out of its order.
    OutOfOrder,
}

impl QualityFlag {
    /// All, in the order in which a session lists them.
    pub const ALL: &[Self] = &[
        Self::LatePlan,
        Self::PlanRevisedOnDay,
        Self::OpenCase,
        Self::EndOnlyCase,
        Self::RejectedStamps,
        Self::Overlap,
        Self::LateStart,
        Self::EarlyFinish,
        Self::Overrun,
        Self::FallbackStamps,
        Self::EmptyPlan,
        Self::ClassUnknown,
        Self::InferredOccupancy,
        Self::OutOfOrder,
    ];

    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LatePlan => "late_plan",
            Self::PlanRevisedOnDay => "plan_revised_on_day",
            Self::OpenCase => "open_case",
            Self::EndOnlyCase => "end_only_case",
            Self::RejectedStamps => "rejected_stamps",
            Self::Overlap => "overlap",
            Self::LateStart => "late_start",
            Self::EarlyFinish => "early_finish",
            Self::Overrun => "overrun",
            Self::FallbackStamps => "fallback_stamps",
            Self::EmptyPlan => "empty_plan",
            Self::ClassUnknown => "class_unknown",
            Self::InferredOccupancy => "inferred_occupancy",
            Self::OutOfOrder => "out_of_order",
        }
    }
}
