//! What people add to a list's record on its page: stamps that were missing or wrong, rooms, admissions, and reasons.
//!
//! Nothing is edited. Each form becomes new events of the collector's own stream, with author and reason, through
//! [`Recorder`]; the figures follow from the events as from all others, and what they replace stays on the page. A form has a
//! number, under which it is recorded once, however often the browser sends it.

pub(crate) mod forms;
pub(crate) mod said;
pub(crate) mod taking;

use room_events::{Label, ListKind, Milestone, RemarkAbout, RoomId, SessionKey, SiteId, Token, UtcMillis};

/// What a form says, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The form's number.
    pub number: u128,
    /// Site of the list's room.
    pub site: SiteId,
    /// The list's room.
    pub room: RoomId,
    /// The list's name within its room.
    pub session: SessionKey,
    /// The list's planned start.
    pub start: UtcMillis,
    /// Who says it.
    pub author: Label,
    /// Why; of a reason that is given, the reason itself, absent to take it back.
    pub reason: Option<Label>,
    /// What it says.
    pub what: Corrected,
}

/// What is said of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Corrected {
    /// A milestone was reached at another time, or never.
    Stamp {
        /// Whose.
        case: Token,
        /// Which.
        milestone: Milestone,
        /// When; absent: it did not happen.
        to: Option<UtcMillis>,
    },
    /// A case came as another kind of admission than was recorded.
    Admission {
        /// Which case.
        case: Token,
        /// As what.
        kind: ListKind,
    },
    /// A case was in another room than was recorded.
    Room {
        /// Which case.
        case: Token,
        /// Site of the room that it was in.
        site: SiteId,
        /// That room.
        room: RoomId,
    },
    /// Why something was as it was.
    Reason {
        /// What.
        about: RemarkAbout,
        /// Of which case.
        case: Option<Token>,
    },
}

/// Whether a form was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded now.
    Now,
    /// It was recorded before; nothing was added.
    Before,
}

/// Records what people say, on disk before it returns.
pub trait Recorder: Send + Sync + 'static {
    /// Records a correction once under its number, which [`Recorder::has`] then knows. An error says why it is not recorded, and what to do.
    fn record(&self, correction: &Correction) -> Result<Recorded, String>;

    /// Whether a form of this number is recorded.
    fn has(&self, number: u128) -> bool;

    /// Every room that a case may be moved to, with its name.
    fn rooms(&self) -> Vec<(SiteId, RoomId, String)>;

    /// The reasons that can be picked for this, in the trust's order.
    fn reasons(&self, about: RemarkAbout) -> Vec<Label>;
}

/// What reasons are given for, as people call it.
pub(crate) const fn about_in_words(about: RemarkAbout) -> &'static str {
    match about {
        RemarkAbout::LateStart => "late start",
        RemarkAbout::Overrun => "overrun",
        RemarkAbout::Gap => "gap between cases",
        RemarkAbout::Cancellation => "cancellation",
        RemarkAbout::Admission => "admission changed",
        RemarkAbout::Room => "room changed",
    }
}

/// What a reason can be picked for.
pub const REASONS_FOR: [RemarkAbout; 4] =
    [RemarkAbout::LateStart, RemarkAbout::Overrun, RemarkAbout::Gap, RemarkAbout::Cancellation];
