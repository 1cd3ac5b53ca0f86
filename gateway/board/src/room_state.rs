//! What a room is doing at one instant: which of its lists is under way, in which state, and since when.
//!
//! Only facts decide. A room whose feed has been silent since before its list closed is `Unknown`, whatever its last
//! event said.

use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, CaseState, SessionResult, SessionState};
use utilisation::rules::RuleSet;

use crate::source::{RoomDay, SiteDay};
use crate::wording::Local;

/// The state of a room's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoomState {
    /// No list on the date.
    NoList,
    /// Before the planned start, or within the grace of the late-start flag after it.
    NotStarted,
    /// The planned start is past by more than the flag allows, and nobody has come.
    LateStart,
    /// A patient is in, knife to skin still to come.
    Anaesthetic,
    /// Between knife to skin and the end of the procedure.
    Procedure,
    /// The procedure has ended, the patient is still in.
    Leaving,
    /// Between two cases of an open list.
    Turnover,
    /// Every booked case is done, the planned end is still to come.
    AllDone,
    /// Closed.
    Finished,
    /// Closed, and nobody ever came.
    Unused,
    /// The list was withdrawn.
    Cancelled,
    /// The feed is silent.
    Unknown,
}

impl RoomState {
    /// The word on the row.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::NoList => "No list",
            Self::NotStarted => "Not started",
            Self::LateStart => "Late start",
            Self::Anaesthetic => "Anaesthetic",
            Self::Procedure => "Procedure",
            Self::Leaving => "Leaving",
            Self::Turnover => "Turnover",
            Self::AllDone => "All done",
            Self::Finished => "Finished",
            Self::Unused => "Not used",
            Self::Cancelled => "Cancelled",
            Self::Unknown => "Unknown",
        }
    }

    /// All of them, in the order of a day.
    pub(crate) const ALL: [Self; 12] = [
        Self::NoList,
        Self::NotStarted,
        Self::LateStart,
        Self::Anaesthetic,
        Self::Procedure,
        Self::Leaving,
        Self::Turnover,
        Self::AllDone,
        Self::Finished,
        Self::Unused,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// The name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NoList => "no_list",
            Self::NotStarted => "not_started",
            Self::LateStart => "late_start",
            Self::Anaesthetic => "anaesthetic",
            Self::Procedure => "procedure",
            Self::Leaving => "leaving",
            Self::Turnover => "turnover",
            Self::AllDone => "all_done",
            Self::Finished => "finished",
            Self::Unused => "unused",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// The class of the tile and the name of the glyph.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::NoList | Self::NotStarted => "wait",
            Self::LateStart => "late",
            Self::Anaesthetic => "anaesthetic",
            Self::Procedure => "procedure",
            Self::Leaving => "leaving",
            Self::Turnover => "turnover",
            Self::AllDone | Self::Finished => "done",
            Self::Unused => "unused",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// A room seen at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoomView<'a> {
    /// The room.
    pub(crate) room: &'a RoomDay,
    /// The list that the row speaks of.
    pub(crate) list: Option<&'a SessionResult>,
    /// Its place among the room's lists, counted from 1.
    pub(crate) list_number: usize,
    /// The row's state.
    pub(crate) state: RoomState,
    /// When the state began, for states that count their minutes.
    pub(crate) since: Option<UtcMillis>,
    /// The case in the room.
    pub(crate) current: Option<&'a CaseResult>,
    /// Up to when the room is known; `None` for a live one. `Some(None)`: nothing was ever heard.
    pub(crate) silent: Option<Option<UtcMillis>>,
    /// The latest full minute: pictures stand still between two minutes unless something happens.
    pub(crate) now: UtcMillis,
}

impl<'a> RoomView<'a> {
    /// Classifies a room of `day`.
    pub(crate) fn new(day: &SiteDay, room: &'a RoomDay, rules: &RuleSet) -> Self {
        let now = full_minute(day.as_at);
        let chosen = room.lists.iter().enumerate().min_by_key(|&(i, list)| urgency(list, i));
        let (list_number, list) = match chosen {
            Some((i, list)) => (i + 1, Some(list)),
            None => (0, None),
        };
        let silent = list
            .filter(|list| room.feed.is_silent(now) && is_open_to_doubt(list, room.feed.last_heard))
            .filter(|list| Local::new(day.zone).date(now) >= list.local_date)
            .map(|_| room.feed.last_heard);
        let current = list.and_then(patient_in);
        let (state, since) = match list {
            None => (RoomState::NoList, None),
            Some(_) if silent.is_some() => (RoomState::Unknown, None),
            Some(list) => state_of(list, current, rules, now),
        };
        Self { room, list, list_number, state, since, current, silent, now }
    }

    /// The instant up to which the room is known: `now`, or when its silent feed was last heard.
    pub(crate) fn known_until(&self) -> Option<UtcMillis> {
        match self.silent {
            None => Some(self.now),
            Some(heard) => heard,
        }
    }

    /// Minutes past the planned end of a list that is still open.
    pub(crate) fn over_so_far(&self) -> Option<Minutes> {
        let list = self.list?;
        if !is_open(list) || self.silent.is_some() {
            return None;
        }
        let over = Minutes::between(list.planned_end, self.now);
        (over > Minutes::ZERO).then_some(over)
    }

    /// Several patients in the room at once.
    pub(crate) fn patients_in(&self) -> usize {
        self.room.lists.iter().flat_map(|list| &list.cases).filter(|case| case.state == CaseState::Running).count()
    }
}

/// The latest full minute not after an instant.
pub(crate) const fn full_minute(at: UtcMillis) -> UtcMillis {
    at.plus_millis(-at.millis().rem_euclid(60_000))
}

/// Neither closed nor withdrawn.
pub(crate) const fn is_open(list: &SessionResult) -> bool {
    match list.state {
        SessionState::Planned | SessionState::Running => true,
        SessionState::Closed | SessionState::Unused | SessionState::Cancelled => false,
    }
}

/// The latest end of its closed cases.
pub(crate) fn last_end(list: &SessionResult) -> Option<UtcMillis> {
    list.cases.iter().filter_map(|case| case.end).max()
}

/// The earliest start of its cases.
pub(crate) fn first_start(list: &SessionResult) -> Option<UtcMillis> {
    list.cases.iter().filter_map(|case| case.cover_start.or(case.start)).min()
}

fn patient_in(list: &SessionResult) -> Option<&CaseResult> {
    list.cases.iter().filter(|case| case.state == CaseState::Running).max_by_key(|case| case.start)
}

/// The room's row speaks of the list with a patient in; else of the one begun, due, or next; else of the last one.
fn urgency(list: &SessionResult, index: usize) -> (u8, i64) {
    let order = i64::try_from(index).unwrap_or(i64::MAX);
    match list.state {
        SessionState::Running if patient_in(list).is_some() => (0, -order),
        SessionState::Running if list.figures.cases_started > 0 && to_come(list) > 0 => (1, order),
        SessionState::Running => (2, order),
        SessionState::Planned => (3, order),
        SessionState::Closed => (4, -order),
        SessionState::Unused => (5, -order),
        SessionState::Cancelled => (6, -order),
    }
}

fn to_come(list: &SessionResult) -> usize {
    list.cases.iter().filter(|case| case.state == CaseState::Booked).count()
}

/// A list is open to doubt unless it was over, by what was heard, before the feed fell silent.
fn is_open_to_doubt(list: &SessionResult, last_heard: Option<UtcMillis>) -> bool {
    match list.state {
        SessionState::Cancelled => false,
        SessionState::Planned | SessionState::Running => true,
        SessionState::Closed | SessionState::Unused => match (list.closed_at, last_heard) {
            (Some(closed), Some(heard)) => closed > heard,
            (None, _) | (_, None) => true,
        },
    }
}

fn state_of(
    list: &SessionResult,
    current: Option<&CaseResult>,
    rules: &RuleSet,
    now: UtcMillis,
) -> (RoomState, Option<UtcMillis>) {
    match list.state {
        SessionState::Cancelled => return (RoomState::Cancelled, None),
        SessionState::Unused => return (RoomState::Unused, None),
        SessionState::Closed => return (RoomState::Finished, None),
        SessionState::Planned | SessionState::Running => {}
    }
    if let Some(case) = current {
        return match (case.procedure_start, case.procedure_end) {
            (_, Some(end)) => (RoomState::Leaving, Some(end)),
            (Some(start), None) => (RoomState::Procedure, Some(start)),
            (None, None) => (RoomState::Anaesthetic, case.start),
        };
    }
    if list.figures.cases_started == 0 {
        let late = Minutes::between(list.planned_start, now);
        return if late > rules.late_start_flag {
            (RoomState::LateStart, Some(list.planned_start))
        } else {
            (RoomState::NotStarted, None)
        };
    }
    if to_come(list) == 0 { (RoomState::AllDone, None) } else { (RoomState::Turnover, last_end(list)) }
}
