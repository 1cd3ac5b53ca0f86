//! What a scanner room is doing at one instant: which of its sessions is under way, in which state, and since when.
//!
//! A silent feed is unknown, never idle; time in which the scanner is not meant to scan is neither.

use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::result::SessionState;
use utilisation::rules::RuleSet;
use utilisation::scanner::result::{BookingState, ExamState, ScanBooking, ScannerSession, StepResult};
use utilisation::scanner::rules::ClosedFor;

use crate::room_state::full_minute;
use crate::source::RoomDay;

/// A scanner without a patient for longer than this stands idle; up to it, it is being changed over.
pub(crate) const IDLE_AFTER: Minutes = Minutes::whole(15);

/// The state of a scanner's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScanState {
    /// No session on the date.
    NoSession,
    /// Before the planned start, or within the grace of the late-start flag after it.
    NotStarted,
    /// The planned start is past by more than the flag allows, and nothing has been scanned.
    LateStart,
    /// A step has begun and not ended.
    Scanning,
    /// Between two steps.
    Changeover,
    /// Nobody in for longer than [`IDLE_AFTER`].
    Idle,
    /// Bookings are known, and none is still to come.
    AllDone,
    /// It is not meant to scan now.
    Closed(ClosedFor),
    /// The session is over.
    Finished,
    /// It is over, and nothing was scanned.
    Unused,
    /// The session was withdrawn.
    Cancelled,
    /// The feed is silent.
    Unknown,
}

impl ScanState {
    /// The word on the row.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::NoSession => "No session",
            Self::NotStarted => "Not started",
            Self::LateStart => "Late start",
            Self::Scanning => "Scanning",
            Self::Changeover => "Changeover",
            Self::Idle => "Idle",
            Self::AllDone => "All done",
            Self::Closed(reason) => closed_word(reason),
            Self::Finished => "Finished",
            Self::Unused => "Not used",
            Self::Cancelled => "Cancelled",
            Self::Unknown => "Unknown",
        }
    }

    /// The names of all of them in metrics, in order.
    pub(crate) const NAMES: [&str; 12] = [
        "no_list",
        "not_started",
        "late_start",
        "scanning",
        "changeover",
        "idle",
        "all_done",
        "closed",
        "finished",
        "unused",
        "cancelled",
        "unknown",
    ];

    /// The name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NoSession => "no_list",
            Self::NotStarted => "not_started",
            Self::LateStart => "late_start",
            Self::Scanning => "scanning",
            Self::Changeover => "changeover",
            Self::Idle => "idle",
            Self::AllDone => "all_done",
            Self::Closed(_) => "closed",
            Self::Finished => "finished",
            Self::Unused => "unused",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// The class of the tile.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::NoSession | Self::NotStarted => "wait",
            Self::LateStart | Self::Idle => "late",
            Self::Scanning => "procedure",
            Self::Changeover | Self::Closed(_) => "turnover",
            Self::AllDone | Self::Finished => "done",
            Self::Unused => "unused",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a scanner is not meant to scan, for people.
pub(crate) const fn closed_word(reason: ClosedFor) -> &'static str {
    match reason {
        ClosedFor::StaffBreak => "Break",
        ClosedFor::CleanDown => "Clean-down",
        ClosedFor::Qa => "QA",
        ClosedFor::Service => "Service",
        ClosedFor::Downtime => "Downtime",
    }
}

/// A scanner room seen at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScannerView<'a> {
    /// The room.
    pub(crate) room: &'a RoomDay,
    /// The session that the row speaks of.
    pub(crate) session: Option<&'a ScannerSession>,
    /// The row's state.
    pub(crate) state: ScanState,
    /// When the state began, for states that count their minutes.
    pub(crate) since: Option<UtcMillis>,
    /// When a silent feed was last heard; `Some(None)`: never.
    pub(crate) silent: Option<Option<UtcMillis>>,
    /// The latest full minute.
    pub(crate) now: UtcMillis,
}

impl<'a> ScannerView<'a> {
    /// Classifies a room at an instant.
    pub(crate) fn new(as_at: UtcMillis, room: &'a RoomDay, rules: &RuleSet) -> Self {
        let now = full_minute(as_at);
        let session = session_of(room, now);
        let is_running = session.is_some_and(|session| session.state == SessionState::Running);
        let silent = (is_running && room.feed.is_silent(now)).then_some(room.feed.last_heard);
        let (state, since) = match session {
            None => (ScanState::NoSession, None),
            Some(_) if silent.is_some() => (ScanState::Unknown, silent.flatten()),
            Some(session) => state_of(session, rules, now),
        };
        Self { room, session, state, since, silent, now }
    }

    /// Bookings that have neither begun nor been cancelled; absent where no booking is known at all.
    pub(crate) fn still_booked(&self) -> Option<usize> {
        let session = self.session?;
        (!session.bookings.is_empty()).then(|| to_come(session, self.now))
    }
}

/// The session that runs, else the next one, else the last one.
fn session_of(room: &RoomDay, now: UtcMillis) -> Option<&ScannerSession> {
    let running = room.scans.iter().find(|session| session.state == SessionState::Running);
    running.or_else(|| room.scans.iter().find(|session| session.planned_start > now)).or(room.scans.last())
}

/// The steps that are in the figures, by start.
pub(crate) fn counted(session: &ScannerSession) -> impl DoubleEndedIterator<Item = &StepResult> {
    session.steps.iter().filter(|step| step.excluded.is_none())
}

/// A booking has the token of its exam, so one that has begun is known. Where no booking of the session meets an exam,
/// its source has other tokens, and those whose time has come count as begun.
fn to_come(session: &ScannerSession, now: UtcMillis) -> usize {
    let has_begun = |booking: &ScanBooking| session.exam_of(booking).is_some();
    let meet = session.bookings.iter().any(has_begun);
    let is_to_come = |booking: &&ScanBooking| {
        let waits = if meet { !has_begun(booking) } else { booking.start.is_some_and(|at| at >= now) };
        booking.state == BookingState::Booked && waits
    };
    session.bookings.iter().filter(is_to_come).count()
}

fn state_of(session: &ScannerSession, rules: &RuleSet, now: UtcMillis) -> (ScanState, Option<UtcMillis>) {
    match session.state {
        SessionState::Planned => return (ScanState::NotStarted, None),
        SessionState::Closed => return (ScanState::Finished, None),
        SessionState::Unused => return (ScanState::Unused, None),
        SessionState::Cancelled => return (ScanState::Cancelled, None),
        SessionState::Running => {}
    }
    // A step that began after one without an end shows that that one is over.
    if let Some(step) = counted(session).next_back().filter(|step| step.state == ExamState::Provisional) {
        return (ScanState::Scanning, Some(step.start));
    }
    if let Some(closed) = session.closed.iter().find(|closed| closed.from <= now && now < closed.to) {
        return (ScanState::Closed(closed.reason), Some(closed.from));
    }
    let opened = session.closed.iter().map(|closed| closed.to).filter(|to| *to <= now).max();
    let Some(ended) = counted(session).map(|step| step.end.unwrap_or(step.ends_by)).max() else {
        // A session that is planned to begin with its QA is due after that.
        let covers = session.closed.iter().filter(|closed| closed.from <= session.planned_start);
        let due =
            covers.map(|closed| closed.to).max().map_or(session.planned_start, |to| to.max(session.planned_start));
        return if Minutes::between(due, now) > rules.late_start_flag {
            (ScanState::LateStart, Some(due))
        } else {
            (ScanState::NotStarted, None)
        };
    };
    let since = opened.map_or(ended, |opened| opened.max(ended));
    if !session.bookings.is_empty() && to_come(session, now) == 0 {
        (ScanState::AllDone, None)
    } else if Minutes::between(since, now) > IDLE_AFTER {
        (ScanState::Idle, Some(since))
    } else {
        (ScanState::Changeover, Some(since))
    }
}
