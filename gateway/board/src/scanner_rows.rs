//! The scanners' part of the board: for each room with a session scans per hour against target, and how many it is short.

use maud::{Markup, html};
use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::result::SessionState;
use utilisation::scanner::result::{ExamState, ScannerSession};

use crate::source::{RoomDay, SiteDay};

/// A feed that promised signs of life and missed this many is silent.
const MISSED_SIGNS: i64 = 3;

/// All scanner rooms that have a session on the day; an empty part where there are none.
pub(crate) fn scanners(day: &SiteDay) -> Markup {
    let rows: Vec<(&RoomDay, &ScannerSession)> =
        day.rooms.iter().filter_map(|room| Some((room, session_of(room, day.as_at)?))).collect();
    html! {
        @if rows.is_empty() {
            div id="scanners" {}
        } @else {
            section id="scanners" aria-label="Scanners" {
                h2 { "Scanners" }
                table {
                    thead { tr {
                        th scope="col" { "room" } th scope="col" { "state" } th scope="col" { "exams" }
                        th scope="col" { "per hour" } th scope="col" { "target" } th scope="col" { "short of target" }
                        th scope="col" { "first scan" } th scope="col" { "changeover" } th scope="col" { "observed" }
                    } }
                    tbody { @for (room, session) in rows { (row(room, session, day.as_at)) } }
                }
            }
        }
    }
}

/// The session that runs, else the next one, else the last one.
pub(crate) fn session_of(room: &RoomDay, now: UtcMillis) -> Option<&ScannerSession> {
    let running = room.scans.iter().find(|session| session.state == SessionState::Running);
    running.or_else(|| room.scans.iter().find(|session| session.planned_start > now)).or(room.scans.last())
}

fn row(room: &RoomDay, session: &ScannerSession, now: UtcMillis) -> Markup {
    let f = &session.figures;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let rate = match (f.exams_per_hour(), f.exams_per_observed_hour()) {
        (Some(rate), _) => format!("{rate:.1}"),
        (None, Some(rate)) => format!("not known ({rate:.1} per observed hour)"),
        (None, None) => "–".to_owned(),
    };
    let inferred = if f.exams_inferred > 0 { format!(" ({} inferred)", f.exams_inferred) } else { String::new() };
    html! {
        tr id={ "scanner-" (room.room) } {
            th scope="row" { (room.name) }
            td { (ScannerState::of(room, Some(session), now).words()) }
            td { (f.exams()) (inferred) }
            td { (rate) }
            td { (or_dash(f.target.map(|target| target.to_string()))) }
            td { (or_dash(f.short_of_target.map(|short| short.to_string()))) }
            td { (or_dash(f.first_scan_delay.map(|delay| format!("{:+} min", delay.millis() / 60_000)))) }
            td { (or_dash(f.changeover_mean().map(|mean| format!("{mean:.0} min")))) }
            td { (or_dash(f.observed_share().map(|share| format!("{} %", share.percent(0))))) }
        }
    }
}

/// What a scanner does at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScannerState {
    /// No session on the date.
    NoSession,
    /// Before its session.
    NotStarted,
    /// An exam is under way, for so many minutes.
    Scanning(i64),
    /// In its session without an exam, for so many minutes.
    Idle(i64),
    /// After its session.
    Finished,
    /// Its session is over, and nobody was scanned.
    Unused,
    /// The session was withdrawn.
    Withdrawn,
    /// In its session, and its feed is silent.
    Unknown,
}

impl ScannerState {
    /// The names of all of them, in metrics.
    pub(crate) const NAMES: [&str; 8] =
        ["no_list", "not_started", "scanning", "idle", "finished", "unused", "cancelled", "unknown"];

    /// The name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NoSession => "no_list",
            Self::NotStarted => "not_started",
            Self::Scanning(_) => "scanning",
            Self::Idle(_) => "idle",
            Self::Finished => "finished",
            Self::Unused => "unused",
            Self::Withdrawn => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// The words in the row.
    fn words(self) -> String {
        match self {
            Self::NoSession => "No list".to_owned(),
            Self::NotStarted => "Not started".to_owned(),
            Self::Scanning(minutes) => format!("Scanning {minutes} min"),
            Self::Idle(minutes) => format!("Idle {minutes} min"),
            Self::Finished => "Finished".to_owned(),
            Self::Unused => "Unused".to_owned(),
            Self::Withdrawn => "Withdrawn".to_owned(),
            Self::Unknown => "Unknown".to_owned(),
        }
    }

    /// Of a room in its session. A silent feed is unknown, never idle.
    pub(crate) fn of(room: &RoomDay, session: Option<&ScannerSession>, now: UtcMillis) -> Self {
        let Some(session) = session else { return Self::NoSession };
        match session.state {
            SessionState::Planned => return Self::NotStarted,
            SessionState::Closed => return Self::Finished,
            SessionState::Unused => return Self::Unused,
            SessionState::Cancelled => return Self::Withdrawn,
            SessionState::Running => {}
        }
        let silent = room
            .feed
            .last_heard
            .zip(room.feed.expected_every)
            .is_some_and(|(heard, every)| now.millis_since(heard) > MISSED_SIGNS * every.millis());
        if silent {
            return Self::Unknown;
        }
        let minutes = |since: UtcMillis| Minutes::between(since, now).at_least_zero().millis() / 60_000;
        let counted = || session.steps.iter().filter(|step| step.excluded.is_none());
        // A step that began after one without an end shows that that one is over.
        if let Some(step) = counted().next_back().filter(|step| step.state == ExamState::Provisional) {
            return Self::Scanning(minutes(step.start));
        }
        let last = counted().filter_map(|step| step.end).max().unwrap_or(session.planned_start);
        Self::Idle(minutes(last.max(session.planned_start)))
    }
}
