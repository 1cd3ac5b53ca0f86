//! What is known about one room once its events are resolved: one agreed value for each milestone, booking and plan.

use chrono_tz::Tz;
use room_events::{
    CancellationClass, Label, ListKind, Milestone, PatientClass, RoomId, RoomKind, SessionKey, SiteId, StepState,
    Token, TrustId, UtcMillis,
};

/// A room and what does not change from list to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: SiteId,
    /// Room.
    pub room: RoomId,
    /// What it is.
    pub kind: RoomKind,
    /// The site's time zone; gives local dates and places planned windows.
    pub zone: Tz,
}

/// All facts of one room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomFacts {
    /// Planned sessions, in any order.
    pub sessions: Vec<SessionPlan>,
    /// Cases with a stamp, a booking or a cancellation in this room, in any order.
    pub cases: Vec<Case>,
}

/// All facts of one scanner room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScannerFacts {
    /// Planned sessions, in any order.
    pub sessions: Vec<SessionPlan>,
    /// Booked examinations, in any order.
    pub cases: Vec<Case>,
    /// Performed steps, in any order.
    pub steps: Vec<Step>,
    /// When the room's feed was alive, in order of time.
    pub alive: Vec<UtcMillis>,
}

/// One performed procedure step of a scanner, as agreed between its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The step's token.
    pub id: Token,
    /// Its state; a final one is never undone.
    pub state: StepState,
    /// When it started.
    pub start: UtcMillis,
    /// When it ended; absent while in progress.
    pub end: Option<UtcMillis>,
    /// The last image known of a step in progress.
    pub last_image: Option<UtcMillis>,
    /// What was acquired in it, by its images.
    pub acquired: Option<Acquired>,
    /// Accessions that it performed, in order of their tokens and each once.
    pub accessions: Vec<Token>,
    /// The visit.
    pub visit: Option<Token>,
    /// The patient.
    pub patient: Option<Token>,
    /// Protocol or procedure name.
    pub protocol: Option<Label>,
    /// Discontinuation reason, a DICOM (DCM) code value.
    pub reason: Option<u32>,
    /// When the record that counts was made.
    pub captured: UtcMillis,
    /// Two final records contradict each other; the first in source order counts.
    pub conflicting: bool,
    /// Nobody said so: it follows from the room's signals.
    pub inferred: bool,
}

/// From the first to the last instant of acquisition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acquired {
    /// The first.
    pub first: UtcMillis,
    /// The last.
    pub last: UtcMillis,
}

impl Acquired {
    /// Both together, and what is between them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// One planned session with every revision of its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPlan {
    /// The session's name within its room.
    pub key: SessionKey,
    /// At least one, in the order in which the source issued them; those without an issue time come first.
    pub revisions: Vec<Plan>,
}

/// One revision of a session's plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Planned start.
    pub start: UtcMillis,
    /// Planned end.
    pub end: UtcMillis,
    /// Specialty.
    pub specialty: Option<Label>,
    /// Team.
    pub team: Option<Label>,
    /// Elective or emergency.
    pub kind: ListKind,
    /// Planned cases, where the plan says so.
    pub cases: Option<u16>,
    /// When its source issued it; absent where it does not say.
    pub issued: Option<UtcMillis>,
    /// The session is withdrawn by this revision.
    pub withdrawn: bool,
}

/// One case in this room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The case's token.
    pub id: Token,
    /// Agreed instants of its milestones.
    pub stamps: Stamps,
    /// Scheduled start.
    pub booked_start: Option<UtcMillis>,
    /// Booked minutes.
    pub booked_minutes: Option<u16>,
    /// Explicit session.
    pub session: Option<SessionKey>,
    /// Specialty.
    pub specialty: Option<Label>,
    /// Procedure.
    pub procedure: Option<Label>,
    /// Admission; absent: that of its list.
    pub admission: Option<ListKind>,
    /// Patient classification once known.
    pub class: Option<PatientClass>,
    /// Cancelled at, by whose reason, why.
    pub cancelled: Option<Cancelled>,
    /// Abandoned at.
    pub abandoned: Option<UtcMillis>,
    /// Nobody said so: it follows from the room's signals.
    pub inferred: bool,
    /// A milestone that counts was reported out of its order.
    pub out_of_order: bool,
}

impl Case {
    /// A case of which nothing is known yet.
    pub fn new(id: Token) -> Self {
        Self {
            id,
            stamps: Stamps::default(),
            booked_start: None,
            booked_minutes: None,
            session: None,
            specialty: None,
            procedure: None,
            admission: None,
            class: None,
            cancelled: None,
            abandoned: None,
            inferred: false,
            out_of_order: false,
        }
    }
}

/// A cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// When.
    pub at: UtcMillis,
    /// Whose reason.
    pub class: Option<CancellationClass>,
    /// The reason in the source's words.
    pub reason: Option<Label>,
}

/// The agreed instant of each milestone, absent where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps([Option<UtcMillis>; Milestone::ALL.len()]);

impl Stamps {
    /// The milestone's instant.
    pub fn get(&self, milestone: Milestone) -> Option<UtcMillis> {
        self.0[milestone as usize]
    }

    /// Sets or removes a milestone's instant.
    pub fn set(&mut self, milestone: Milestone, at: Option<UtcMillis>) {
        self.0[milestone as usize] = at;
    }

    /// The known milestones in usual order.
    pub fn iter(&self) -> impl Iterator<Item = (Milestone, UtcMillis)> + '_ {
        Milestone::ALL.iter().filter_map(|&m| self.get(m).map(|at| (m, at)))
    }
}
