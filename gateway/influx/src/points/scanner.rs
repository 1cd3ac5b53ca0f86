//! Scanner sessions, what ended in each hour, and what scanners did.

use utilisation::facts::Room;
use utilisation::quantity::Minutes;
use utilisation::result::SessionState;
use utilisation::scanner::result::{HourResult, ScannerRoomResult, ScannerSession};

use crate::point::Point;
use crate::points::state::{Doing, Spell, changes};
use crate::schema::{SCAN_HOUR, SCAN_SESSION};

/// The point of a session; `place` tells apart sessions of one room and start.
pub fn session(session: &ScannerSession, place: usize) -> Point {
    let f = &session.figures;
    let quality: Vec<&str> = session.quality.iter().map(|flag| flag.name()).collect();
    let hours = f.observed.as_f64() / 60.0;
    Point::new(&SCAN_SESSION, session.planned_start)
        .tag("trust", session.trust.as_str())
        .tag("site", session.site.as_str())
        .tag("room", session.room.as_str())
        .tag("room_kind", session.room_kind.name())
        .tag("rule_set", &session.rule_set)
        .tag("place", &place.to_string())
        .field("sessions", true)
        .field("running", session.state == SessionState::Running)
        .field("enough_observed", f.is_observed())
        .field("open_min", f.open)
        .field("staffed_min", f.staffed)
        .field("operational_min", f.operational)
        .field("elapsed_min", f.elapsed)
        .field("observed_min", f.observed)
        .field("unknown_min", f.unknown)
        .field("exams", f.exams())
        .field("exams_completed", f.exams_completed)
        .field("exams_inferred", f.exams_inferred)
        .field("exams_provisional", f.exams_provisional)
        .field("exams_discontinued", f.exams_discontinued)
        .field("out_of_hours_exams", f.out_of_hours_exams)
        .field("attendances", f.attendances)
        .field("occupied_min", f.occupied)
        .field("productive_min", f.productive)
        .field("changeovers", f.changeovers.len() as u64)
        .field("changeover_min", f.changeovers.iter().copied().sum::<Minutes>())
        .field("first_scan_delay_min", f.first_scan_delay.unwrap_or_default())
        .field("first_scan_known", f.first_scan_delay.is_some())
        .field("discontinued_steps", f.discontinued_steps)
        .field("booked", f.booked)
        .field("did_not_attend", f.did_not_attend)
        .field("target_per_hour", f.target.unwrap_or(0.0))
        .field("has_target", f.target.is_some())
        .field("target_exams", f.target.map_or(0.0, |target| target * hours))
        .field("short_of_target", f.short_of_target.unwrap_or(0))
        .field("quality", quality.join(" ").as_str())
        .field("state", session.state.name())
        .field("session_id", session.id.as_str())
}

/// The point of an hour.
pub fn hour(room: &Room, hour: &HourResult) -> Point {
    Point::new(&SCAN_HOUR, hour.hour)
        .tag("trust", room.trust.as_str())
        .tag("site", room.site.as_str())
        .tag("room", room.room.as_str())
        .tag("room_kind", room.kind.name())
        .field("exams_completed", hour.completed)
        .field("exams_inferred", hour.inferred)
        .field("exams_discontinued", hour.discontinued)
}

/// What a scanner did: its steps, those without an end up to the latest instant at which they can have ended.
pub fn states(result: &ScannerRoomResult, keep: impl Fn(room_events::UtcMillis) -> bool) -> Vec<Spell> {
    let listed = result.sessions.iter().flat_map(|session| &session.steps);
    let steps = listed.chain(&result.out_of_session).filter(|step| keep(step.start));
    changes(
        steps
            .map(|step| match step.end {
                Some(end) => Spell { from: step.start, to: end, doing: Doing::Scanning },
                None => Spell { from: step.start, to: step.ends_by, doing: Doing::Unknown },
            })
            .collect(),
    )
}
