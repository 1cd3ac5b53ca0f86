//! What the measures say of a scanner room's sessions.

use chrono::NaiveDate;
use room_events::{Label, ListKind, PatientClass, RoomId, RoomKind, SessionKey, SiteId, Token, TrustId, UtcMillis};

use super::rules::ClosedFor;
use super::spans::Spans;
use crate::facts::{Acquired, Case};
use crate::quantity::{Minutes, Ratio};
use crate::result::SessionState;
use crate::targets::{Band, Standing};

/// The sessions of one scanner room, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannerRoomResult {
    /// In order of planned start, then key.
    pub sessions: Vec<ScannerSession>,
    /// Steps that started too far from any session to belong to one.
    pub out_of_session: Vec<StepResult>,
    /// Exams and attendances by UTC hour of their end, hours without any left out.
    pub hours: Vec<HourResult>,
}

/// One planned session of a scanner.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannerSession {
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
    /// Elective or emergency.
    pub kind: ListKind,
    /// Local date of the planned start.
    pub local_date: NaiveDate,
    /// Planned start.
    pub planned_start: UtcMillis,
    /// Planned end.
    pub planned_end: UtcMillis,
    /// Where it stands.
    pub state: SessionState,
    /// Figures count to `now`, or a step has no end yet.
    pub provisional: bool,
    /// A step was recorded long after its hour.
    pub revised: bool,
    /// The rule set's name.
    pub rule_set: String,
    /// The numbers.
    pub figures: ScannerFigures,
    /// Its exams by the instant at which they count.
    pub exams: Vec<ExamResult>,
    /// Of its attendances those that are told by a visit's token, which other sessions may share.
    pub visits: Vec<Token>,
    /// Whether what was scanned on two sites counts on each of them (a setting of the rules).
    pub by_site: bool,
    /// Its steps by start, those left out too.
    pub steps: Vec<StepResult>,
    /// When the scanner is not meant to scan, by start.
    pub closed: Vec<ClosedStretch>,
    /// Operational time up to now of which nothing is known.
    pub not_observed: Spans,
    /// Its bookings by their start.
    pub bookings: Vec<ScanBooking>,
    /// Named flags.
    pub quality: Vec<ScannerFlag>,
}

/// The numbers of a scanner session. Sums that a ratio needs are carried, ratios are methods.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScannerFigures {
    /// Planned minutes.
    pub open: Minutes,
    /// Open less staff breaks.
    pub staffed: Minutes,
    /// Staffed less clean-down, QA, service and downtime.
    pub operational: Minutes,
    /// Operational minutes up to now.
    pub elapsed: Minutes,
    /// Elapsed operational minutes with a live feed or a known step.
    pub observed: Minutes,
    /// The least share of `elapsed` that has to be observed.
    pub least_observed: f64,
    /// Exams completed inside the plan.
    pub exams_completed: u32,
    /// Exams inside the plan whose end is inferred from the last image.
    pub exams_inferred: u32,
    /// Exams that have begun and neither ended nor can be taken to have.
    pub exams_provisional: u32,
    /// Exams of which nothing was completed.
    pub exams_discontinued: u32,
    /// Exams that belong to the session and ended before or after the plan.
    pub out_of_hours_exams: u32,
    /// Distinct visits with a step that ended inside the plan, those of which everything was discontinued too.
    pub attendances: u32,
    /// Union of step time inside the operational time.
    pub occupied: Minutes,
    /// The same of completed steps alone.
    pub productive: Minutes,
    /// Union of the acquisition spans inside the operational time: from the first to the last image of each step, without
    /// registration and setting up.
    pub acquired: Minutes,
    /// Operational time covered only by steps without an end, up to their upper bounds.
    pub unknown: Minutes,
    /// Known changeovers.
    pub changeovers: Vec<Minutes>,
    /// Changeovers whose step before has no end.
    pub changeovers_unknown: u32,
    /// First start after the planned start; negative when it was earlier.
    pub first_scan_delay: Option<Minutes>,
    /// Steps that were discontinued, but for a wrong worklist entry.
    pub discontinued_steps: u32,
    /// Their DICOM reasons, each with how many; absent where none was given.
    pub discontinued_reasons: Vec<(Option<u32>, u32)>,
    /// Booked on the day.
    pub booked: u32,
    /// Booked, and the patient did not come.
    pub did_not_attend: u32,
    /// The target in exams per hour, where there is one.
    pub target: Option<f64>,
    /// The range that is acceptable without reaching the target.
    pub target_band: Option<Band>,
    /// Median booked minutes of the bookings that were not cancelled.
    pub median_slot: Option<f64>,
    /// How the rate stands to both; absent without target or rate.
    pub standing: Option<Standing>,
    /// Whole exams by which the session is behind its target; absent without target and below the observed share.
    pub short_of_target: Option<u32>,
}

impl ScannerFigures {
    /// Exams that count: completed and inferred.
    pub fn exams(&self) -> u32 {
        self.exams_completed + self.exams_inferred
    }

    /// Observed over elapsed operational minutes.
    pub fn observed_share(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.observed, self.elapsed)
    }

    /// Whether enough was observed for a rate.
    pub fn is_observed(&self) -> bool {
        self.observed_share().is_some_and(|share| share.as_f64() >= self.least_observed)
    }

    /// Exams per observed operational hour; absent where too little was observed.
    pub fn exams_per_hour(&self) -> Option<f64> {
        self.exams_per_observed_hour().filter(|_| self.is_observed())
    }

    /// The same, however little was observed: never to be shown under the name of the headline.
    pub fn exams_per_observed_hour(&self) -> Option<f64> {
        per_hour(self.exams(), self.observed)
    }

    /// Attendances per observed operational hour; absent where too little was observed.
    pub fn attendances_per_hour(&self) -> Option<f64> {
        per_hour(self.attendances, self.observed).filter(|_| self.is_observed())
    }

    /// Occupied over elapsed operational minutes.
    pub fn occupied_utilisation(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.occupied, self.elapsed)
    }

    /// Productive over elapsed operational minutes.
    pub fn productive_utilisation(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.productive, self.elapsed)
    }

    /// Mean of the known changeovers, in minutes.
    pub fn changeover_mean(&self) -> Option<f64> {
        let sum: Minutes = self.changeovers.iter().copied().sum();
        let n = u32::try_from(self.changeovers.len()).unwrap_or(u32::MAX);
        (n > 0).then(|| sum.as_f64() / f64::from(n))
    }

    /// Exams of which nothing was completed, over all that have ended.
    pub fn discontinued_rate(&self) -> Option<Ratio> {
        let ended = self.exams() + self.out_of_hours_exams + self.exams_discontinued;
        Ratio::of_counts(u64::from(self.exams_discontinued), u64::from(ended))
    }

    /// The reasons of discontinued steps as `110501:2 none:1`; empty where none was discontinued.
    pub fn reasons(&self) -> String {
        let each = self.discontinued_reasons.iter().map(|(reason, n)| match reason {
            Some(code) => format!("{code}:{n}"),
            None => format!("none:{n}"),
        });
        each.collect::<Vec<_>>().join(" ")
    }

    /// Did not attend over booked.
    pub fn did_not_attend_rate(&self) -> Option<Ratio> {
        Ratio::of_counts(u64::from(self.did_not_attend), u64::from(self.booked))
    }
}

/// A stretch of the plan in which a scanner is not meant to scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedStretch {
    /// Why.
    pub reason: ClosedFor,
    /// From.
    pub from: UtcMillis,
    /// To.
    pub to: UtcMillis,
}

/// A booking of a scanner session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanBooking {
    /// The booking's token.
    pub id: Token,
    /// When it is to start.
    pub start: Option<UtcMillis>,
    /// For so many minutes.
    pub minutes: Option<u16>,
    /// Whether it still stands.
    pub state: BookingState,
}

/// Whether a booking still stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BookingState {
    /// It does.
    Booked,
    /// It was cancelled.
    Cancelled,
    /// The patient did not come.
    DidNotAttend,
}

impl ScannerSession {
    /// The exam that a booking became, if it has begun: both have the token of its number.
    pub fn exam_of(&self, booking: &ScanBooking) -> Option<&ExamResult> {
        self.exams.iter().find(|exam| exam.id == booking.id)
    }

    /// When the first step of an exam began.
    pub fn start_of(&self, exam: &ExamResult) -> Option<UtcMillis> {
        self.steps.iter().filter(|step| exam.steps.contains(&step.id)).map(|step| step.start).min()
    }
}

/// So many in that time, for an hour; absent for no time.
pub(super) fn per_hour(count: u32, time: Minutes) -> Option<f64> {
    (time > Minutes::ZERO).then(|| f64::from(count) * 60.0 / time.as_f64())
}

/// How an exam stands: the best over its steps. In order, the best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExamState {
    /// No step was completed.
    Discontinued,
    /// A step has begun and has no end.
    Provisional,
    /// The end is taken from the last image.
    Inferred,
    /// Completed.
    Completed,
}

impl ExamState {
    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discontinued => "discontinued",
            Self::Provisional => "provisional",
            Self::Inferred => "inferred",
            Self::Completed => "completed",
        }
    }
}

/// One exam: an accession, or a step without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExamResult {
    /// The accession's token, or the step's.
    pub id: Token,
    /// How it stands.
    pub state: ExamState,
    /// The instant at which it counts: the end of its first completed step, else of the first inferred or discontinued
    /// one, else the start of its first step.
    pub at: UtcMillis,
    /// It ended inside the plan.
    pub in_plan: bool,
    /// Its steps by start.
    pub steps: Vec<Token>,
    /// Protocol of the step that it counts with.
    pub protocol: Option<Label>,
    /// It was booked; absent where no booking of the session meets an exam.
    pub booked: Option<bool>,
    /// Whose exam it was, where its booking tells.
    pub patients: Option<Patients>,
}

/// Whose exams: as scanners' work is usually told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Patients {
    /// Emergencies, wherever they lie.
    Emergency,
    /// Patients of the wards.
    Inpatient,
    /// Outpatients, day cases among them.
    Outpatient,
}

impl Patients {
    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Inpatient => "inpatient",
            Self::Outpatient => "outpatient",
        }
    }

    /// Of a booking on a list of that kind.
    pub(super) fn of(case: &Case, list: ListKind) -> Option<Self> {
        match (case.admission.unwrap_or(list), case.class) {
            (ListKind::Emergency, _) => Some(Self::Emergency),
            (ListKind::Elective, Some(PatientClass::Inpatient)) => Some(Self::Inpatient),
            (ListKind::Elective, Some(PatientClass::DayCase | PatientClass::Outpatient)) => Some(Self::Outpatient),
            (ListKind::Elective, None) => None,
        }
    }
}

/// Why a step is in no figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepExclusion {
    /// The wrong worklist entry was chosen (DCM 110514).
    WrongWorklistEntry,
    /// A phantom was scanned for quality assurance.
    Phantom,
}

impl StepExclusion {
    /// Why, for people.
    pub const fn why(self) -> &'static str {
        match self {
            Self::WrongWorklistEntry => "the wrong worklist entry was chosen (DCM 110514)",
            Self::Phantom => "a phantom was scanned for quality assurance",
        }
    }
}

/// One step as it counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepResult {
    /// The step's token.
    pub id: Token,
    /// How it stands.
    pub state: ExamState,
    /// Its start.
    pub start: UtcMillis,
    /// Its end, if known or inferred.
    pub end: Option<UtcMillis>,
    /// The latest instant at which it can have ended.
    pub ends_by: UtcMillis,
    /// Changeover before it, where known.
    pub changeover_before: Option<Minutes>,
    /// From its first to its last acquisition, where images came.
    pub acquired: Option<Acquired>,
    /// Its exams.
    pub exams: Vec<Token>,
    /// Protocol.
    pub protocol: Option<Label>,
    /// Discontinuation reason.
    pub reason: Option<u32>,
    /// Why it is in no figure.
    pub excluded: Option<StepExclusion>,
}

/// What ended in one UTC hour of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourResult {
    /// Its start.
    pub hour: UtcMillis,
    /// Completed exams.
    pub completed: u32,
    /// Inferred exams.
    pub inferred: u32,
    /// Exams of which nothing was completed.
    pub discontinued: u32,
    /// A step of it was recorded long after the hour.
    pub revised: bool,
}

/// A named flag on a scanner session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScannerFlag {
    /// The plan in force was issued after its own start.
    LatePlan,
    /// A step has no end.
    OpenStep,
    /// A step's end or last image is before its start, or too late to be believed.
    RejectedStamps,
    /// Two final records of a step contradict each other.
    ConflictingStep,
    /// An attendance rests on a step alone: neither visit nor patient is known.
    AttendanceByStep,
    /// A step was for a wrong worklist entry and is in no figure.
    WrongWorklistEntry,
    /// A step was of a phantom and is in no figure.
    Phantom,
    /// Too little was observed for a rate.
    NotObserved,
    /// The median slot of echocardiograms is shorter than the least recommended one.
    ShortSlots,
    /// The plan has no length.
    EmptyPlan,
    /// Exams were booked and exams were performed, and none of the one is any of the other.
    BookingsUnmatched,
    /// At least one step is inferred from the room's signals.
    InferredOccupancy,
}

impl ScannerFlag {
    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LatePlan => "late_plan",
            Self::OpenStep => "open_step",
            Self::RejectedStamps => "rejected_stamps",
            Self::ConflictingStep => "conflicting_step",
            Self::AttendanceByStep => "attendance_by_step",
            Self::WrongWorklistEntry => "wrong_worklist_entry",
            Self::Phantom => "phantom",
            Self::NotObserved => "not_observed",
            Self::ShortSlots => "short_slots",
            Self::EmptyPlan => "empty_plan",
            Self::BookingsUnmatched => "bookings_unmatched",
            Self::InferredOccupancy => "inferred_occupancy",
        }
    }
}
