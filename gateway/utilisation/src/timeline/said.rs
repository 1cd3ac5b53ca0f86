//! What one record says of a milestone or a booking, apart from who said it and when.

use room_events::{CancellationClass, Label, ListKind, Milestone, PatientClass, RoomId, SessionKey, SiteId, UtcMillis};

use super::record::Word;

/// What a record says of a milestone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statement {
    /// It was reached at the event's time.
    Reached,
    /// The case was cancelled at the event's time.
    Cancelled {
        /// Whose reason.
        class: Option<CancellationClass>,
        /// The reason in the source's words.
        reason: Option<Label>,
    },
    /// What was said before is replaced; the event's time is when the correction was made.
    Corrected {
        /// The right instant; absent: it did not happen.
        to: Option<UtcMillis>,
        /// Who corrected.
        author: Option<Label>,
        /// Why.
        reason: Option<Label>,
    },
}

/// A booking, and the room that it is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Booked {
    /// Site of the room.
    pub site: SiteId,
    /// The room.
    pub room: RoomId,
    /// Scheduled start.
    pub start: Option<UtcMillis>,
    /// Booked minutes.
    pub minutes: Option<u16>,
    /// Explicit session.
    pub session: Option<SessionKey>,
    /// Specialty.
    pub specialty: Option<Label>,
    /// Procedure.
    pub procedure: Option<Label>,
    /// Admission.
    pub admission: Option<ListKind>,
    /// Patient classification.
    pub class: Option<PatientClass>,
    /// When the source issued it.
    pub issued: Option<UtcMillis>,
}

/// What is said of a milestone, and of which.
pub(super) type StampSaid = (Milestone, Statement);

/// The instant that the word gives its milestone; absent for a withdrawal.
pub(super) fn instant(word: &Word<StampSaid>) -> Option<UtcMillis> {
    match &word.said.1 {
        Statement::Reached | Statement::Cancelled { .. } => Some(word.at),
        Statement::Corrected { to, .. } => *to,
    }
}
