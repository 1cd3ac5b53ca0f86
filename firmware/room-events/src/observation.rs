//! Everything that can be observed in or about a room: one closed enum, so that a reader sees at once what can reach
//! the gateway.
//!
//! Names follow the Anaesthesia and theatre data sets (milestones), the NHS Data Dictionary (patient classification,
//! admission) and DICOM (performed procedure step). Nothing here is interpreted: whether a case was late, or in which
//! list it counts, is decided by the gateway from these facts.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::id::{BootId, Label, Seq, SessionKey, SourceId, StreamId};
use crate::instant::UtcMillis;
use crate::token::Token;

/// One observation. The JSON form is `{"<kind>": {...}}`, the kind in `snake_case`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// A case reached a milestone at the event's time.
    Milestone(MilestoneReached),
    /// A milestone's recorded time is replaced or withdrawn.
    Correction(Correction),
    /// A case was cancelled at the event's time.
    Cancellation(Cancellation),
    /// What is booked and known of a case: its place on a list, specialty, class.
    Booking(Booking),
    /// A scanner's performed procedure step in its latest state.
    PerformedStep(PerformedStep),
    /// What a scanner acquired of one series, by its images.
    Acquisition(Acquisition),
    /// An ordered exam was requested, withdrawn, arrived for or reported at the event's time.
    ExamStage(ExamReached),
    /// A line (door, lamp, relay) changed its level at the event's time.
    SignalLevel(SignalLevel),
    /// A planned session as its source states it now.
    PlanRevision(PlanRevision),
    /// A person's word on a list, or on one of its cases.
    Remark(Remark),
    /// The feed was alive at the event's time; silence between two of these is unknown, not idle.
    Alive(Alive),
    /// Observations were lost before they could be stored.
    EventsLost(EventsLost),
    /// An agent process opened its outbox: the first event of each stream.
    AgentStarted(AgentStarted),
}

impl Observation {
    /// The kind's name, as in the JSON form.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Milestone(_) => "milestone",
            Self::Correction(_) => "correction",
            Self::Cancellation(_) => "cancellation",
            Self::Booking(_) => "booking",
            Self::PerformedStep(_) => "performed_step",
            Self::Acquisition(_) => "acquisition",
            Self::ExamStage(_) => "exam_stage",
            Self::SignalLevel(_) => "signal_level",
            Self::PlanRevision(_) => "plan_revision",
            Self::Remark(_) => "remark",
            Self::Alive(_) => "alive",
            Self::EventsLost(_) => "events_lost",
            Self::AgentStarted(_) => "agent_started",
        }
    }

    /// The case that the observation is about, if it is about one.
    pub const fn case(&self) -> Option<Token> {
        match self {
            Self::Milestone(m) => Some(m.case),
            Self::Correction(c) => Some(c.case),
            Self::Cancellation(c) => Some(c.case),
            Self::Booking(b) => Some(b.case),
            Self::PerformedStep(_)
            | Self::Acquisition(_)
            | Self::ExamStage(_)
            | Self::SignalLevel(_)
            | Self::PlanRevision(_)
            | Self::Remark(_)
            | Self::Alive(_)
            | Self::EventsLost(_)
            | Self::AgentStarted(_) => None,
        }
    }
}

/// Enums whose variants have a fixed text name, a fixed order and a list of all.
macro_rules! named_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All of them, in their usual order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name used in JSON, files and settings.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one with that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named_enum!(
    /// A point in a case's way through the theatre department, in usual order.
    ///
    /// Names in other systems: *in room* = into theatre, *anesthesia ready* = anaesthetic ready, *incision start* =
    /// procedure start (knife to skin).
    Milestone {
        /// The patient was sent for.
        SentFor = "sent_for",
        /// The patient arrived in the department's reception.
        InReception = "in_reception",
        /// The patient came into the anaesthetic room.
        IntoAnaestheticRoom = "into_anaesthetic_room",
        /// The anaesthetic began.
        AnaestheticStart = "anaesthetic_start",
        /// The patient is ready for positioning.
        AnaestheticReady = "anaesthetic_ready",
        /// WHO checklist: sign in.
        SignIn = "sign_in",
        /// The patient came into the theatre.
        IntoTheatre = "into_theatre",
        /// WHO checklist: time out.
        TimeOut = "time_out",
        /// Knife to skin.
        ProcedureStart = "procedure_start",
        /// The procedure ended.
        ProcedureEnd = "procedure_end",
        /// WHO checklist: sign out.
        SignOut = "sign_out",
        /// The patient left the theatre.
        OutOfTheatre = "out_of_theatre",
        /// The patient came into recovery.
        IntoRecovery = "into_recovery",
        /// The patient could leave recovery.
        ReadyToLeaveRecovery = "ready_to_leave_recovery",
        /// The patient left recovery.
        LeftRecovery = "left_recovery",
        /// The case was cancelled; its record is a [`Cancellation`].
        Cancelled = "cancelled",
        /// The case was given up after it had begun.
        Abandoned = "abandoned",
    }
);

/// A milestone of a case; the instant is the event's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MilestoneReached {
    /// Whose milestone.
    pub case: Token,
    /// Which one.
    pub name: Milestone,
    /// The source heard of it in another order than the usual one, so a person may have pressed a wrong button or forgotten
    /// one. It counts like any other.
    #[serde(default, skip_serializing_if = "is_false")]
    pub out_of_order: bool,
}

impl MilestoneReached {
    /// A milestone that came in its turn, or whose source says nothing of that.
    pub const fn new(case: Token, name: Milestone) -> Self {
        Self { case, name, out_of_order: false }
    }
}

/// A later word on a milestone that was recorded before. The event's time is when the correction was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Whose milestone.
    pub case: Token,
    /// Which one.
    pub name: Milestone,
    /// The right instant; absent: the milestone did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<UtcMillis>,
    /// The role or user that corrected, as the trust names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Label>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

named_enum!(
    /// Whose reason a cancellation was.
    CancellationClass {
        /// Hospital, non-clinical: the class that the national QMCO return counts.
        HospitalNonClinical = "hospital_non_clinical",
        /// Clinical.
        Clinical = "clinical",
        /// The patient's.
        Patient = "patient",
    }
);

/// A case was cancelled at the event's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Which case.
    pub case: Token,
    /// Whose reason; absent where the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<CancellationClass>,
    /// The reason in the source's code or words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

named_enum!(
    /// NHS Data Dictionary patient classification, as far as the day-case rate needs it.
    PatientClass {
        /// Day case.
        DayCase = "day_case",
        /// Ordinary admission, a converted day case included.
        Inpatient = "inpatient",
        /// Outpatient procedure.
        Outpatient = "outpatient",
    }
);

named_enum!(
    /// Elective or emergency: of a list, and of a case's admission.
    ListKind {
        /// Elective.
        Elective = "elective",
        /// Emergency.
        Emergency = "emergency",
    }
);

named_enum!(
    /// What a room is, which decides the measures and targets that apply.
    RoomKind {
        /// Operating theatre.
        Theatre = "theatre",
        /// Cardiac catheter laboratory.
        CathLab = "cath_lab",
        /// Endoscopy room.
        Endoscopy = "endoscopy",
        /// Magnetic resonance.
        Mri = "mri",
        /// Computed tomography.
        Ct = "ct",
        /// Non-obstetric ultrasound.
        Nous = "nous",
        /// Echocardiography.
        Echo = "echo",
    }
);

impl RoomKind {
    /// Whether the room's lists are measured by touch time (theatre, cath lab, endoscopy), not by scans per hour.
    pub const fn is_theatre_like(self) -> bool {
        match self {
            Self::Theatre | Self::CathLab | Self::Endoscopy => true,
            Self::Mri | Self::Ct | Self::Nous | Self::Echo => false,
        }
    }
}

/// What is booked and known of a case. A later booking of the same case replaces an earlier one as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Which case.
    pub case: Token,
    /// When it is to start; absent for a case that was never scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<UtcMillis>,
    /// Booked minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
    /// The session it was put on by name; absent: the gateway finds it by times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionKey>,
    /// Specialty (treatment function).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specialty: Option<Label>,
    /// Procedure, in the source's code or words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedure: Option<Label>,
    /// Elective or emergency admission; absent: that of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<ListKind>,
    /// Patient classification once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<PatientClass>,
    /// When the source issued this booking; absent where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<UtcMillis>,
}

/// A planned session ("list") as its source states it at `issued`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRevision {
    /// The session's name within its room.
    pub session: SessionKey,
    /// Planned start.
    pub start: UtcMillis,
    /// Planned end.
    pub end: UtcMillis,
    /// Specialty (treatment function).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specialty: Option<Label>,
    /// Team, as the trust names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Label>,
    /// Elective or emergency list.
    pub kind: ListKind,
    /// What the room is, where the source says so; the gateway's own room list has precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_kind: Option<RoomKind>,
    /// Cases planned, where the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<u16>,
    /// When the source issued this revision; absent where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<UtcMillis>,
    /// The session is withdrawn by this revision.
    #[serde(default, skip_serializing_if = "is_false")]
    pub withdrawn: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(value: &bool) -> bool {
    !*value
}

named_enum!(
    /// DICOM performed procedure step status (0040,0252).
    StepState {
        /// IN PROGRESS.
        InProgress = "in_progress",
        /// COMPLETED.
        Completed = "completed",
        /// DISCONTINUED.
        Discontinued = "discontinued",
    }
);

/// The most accessions that one performed step carries.
pub const MAX_STEP_ACCESSIONS: usize = 4;

/// A scanner's performed procedure step in its latest state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerformedStep {
    /// The step's SOP instance, as a token.
    pub step: Token,
    /// Its state.
    pub state: StepState,
    /// When it started.
    pub start: UtcMillis,
    /// When it ended; of a step in progress, its last image so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<UtcMillis>,
    /// Accession numbers that it performed, as tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accessions: Vec<Token, MAX_STEP_ACCESSIONS>,
    /// The visit, as a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Token>,
    /// The patient, as a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<Token>,
    /// Protocol or procedure name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Label>,
    /// Discontinuation reason, a DICOM (DCM) code value such as 110514 "wrong worklist entry selected".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<u32>,
}

/// What a scanner acquired of one series, as far as its images have come.
///
/// Several of one series add up: the earliest `first` and the latest `last` hold, whatever the order in which they come.
/// An image that is sent twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acquisition {
    /// The exam: the token of its accession number, else of its requested procedure, else of its study.
    pub exam: Token,
    /// The series; absent where only the exam is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Token>,
    /// The performed step that the images name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Token>,
    /// The earliest instant of acquisition.
    pub first: UtcMillis,
    /// The latest instant of acquisition.
    pub last: UtcMillis,
    /// The visit, as a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Token>,
    /// The patient, as a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<Token>,
    /// Protocol or procedure name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Label>,
}

named_enum!(
    /// A point in an ordered exam's way from request to report. That it was performed is told by [`PerformedStep`].
    ExamStage {
        /// It was requested: the order's own time.
        Requested = "requested",
        /// The request was withdrawn.
        Withdrawn = "withdrawn",
        /// The patient arrived for it.
        Arrived = "arrived",
        /// Its final report was issued.
        Reported = "reported",
    }
);

named_enum!(
    /// How soon an exam is wanted.
    Urgency {
        /// Urgent.
        Urgent = "urgent",
        /// Routine.
        Routine = "routine",
    }
);

/// An exam reached a stage at the event's time. Of several records of one stage the later word counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamReached {
    /// The exam: the token of its accession number, as in [`PerformedStep::accessions`].
    pub exam: Token,
    /// Which stage.
    pub stage: ExamStage,
    /// On what kind of scanner, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<RoomKind>,
    /// How soon it is wanted, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
}

named_enum!(
    /// What a line shows.
    Level {
        /// The line is active (door open, lamp on).
        Active = "active",
        /// The line is inactive.
        Inactive = "inactive",
        /// The line cannot be believed: stuck, chattering or unplugged.
        Fault = "fault",
    }
);

/// A line changed its level at the event's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalLevel {
    /// The line's name.
    pub signal: SourceId,
    /// What it shows now.
    pub level: Level,
}

named_enum!(
    /// What a [`Remark`] is about.
    RemarkAbout {
        /// Why the list started late.
        LateStart = "late_start",
        /// Why it ended after its plan.
        Overrun = "overrun",
        /// Why the room stood empty between two cases.
        Gap = "gap",
        /// Why a case was cancelled.
        Cancellation = "cancellation",
        /// Why a case's admission was changed to elective or emergency.
        Admission = "admission",
        /// Why a case was moved to the room that it really was in.
        Room = "room",
    }
);

/// A person's word on a list, or on one of its cases. The event's time is when it was said. Of several on one subject of
/// one list, and of one case where it names one, the later word counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The list's name within its room.
    pub session: SessionKey,
    /// The list's planned start when it was said, which says where to look for it.
    pub start: UtcMillis,
    /// What it is about.
    pub about: RemarkAbout,
    /// The case that it is about; of a gap the case that followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<Token>,
    /// The reason, from the trust's list or in a few words; absent: what was said before is withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// The role or user that said it, as the trust names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Label>,
}

/// The event's source was alive at the event's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {}

/// The most kinds that an [`EventsLost`] names; the rest is only counted.
pub const MAX_LOST_KINDS: usize = 4;

/// Observations were lost before they could be stored; never rewritten once it has a seq.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsLost {
    /// How many.
    pub count: u64,
    /// Event time of the first lost one.
    pub from: UtcMillis,
    /// Event time of the last lost one.
    pub to: UtcMillis,
    /// Which kinds, by the names of [`Observation::kind`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<SourceKind, MAX_LOST_KINDS>,
    /// The count is exact; otherwise it is a lower bound.
    pub exact: bool,
}

named_enum!(
    /// A kind of lost observation.
    SourceKind {
        /// Milestones, corrections and cancellations.
        Milestone = "milestone",
        /// Bookings and plan revisions.
        Plan = "plan",
        /// Performed steps, acquisitions and stages of exams.
        PerformedStep = "performed_step",
        /// Signal levels.
        SignalLevel = "signal_level",
    }
);

/// An agent process opened its outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStarted {
    /// The newest stream found in the outbox and its last seq; absent for an empty outbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousStream>,
    /// The machine's boot.
    pub boot: BootId,
    /// The agent's version.
    pub version: Label,
}

/// The last stream of an agent's earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousStream {
    /// The stream.
    pub stream: StreamId,
    /// Its last committed seq.
    pub last: Seq,
}
