//! [`Reported`]: an extract as the observations that a live feed would have made of it, each with the instant when it
//! would have been told.

use std::collections::VecDeque;

use room_events::{
    Booking, Cancellation, Milestone, MilestoneReached, Observation, PlanRevision, RoomId, SiteId, UtcMillis,
};

use crate::case_store::SessionRef;
use crate::extract::{Case, DayKeys, Extract, PlannedSession, Room};
use crate::local_time::{LocalTime, Pick};
use crate::part::Place;

/// One observation of an extract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The event's time.
    pub at: UtcMillis,
    /// When a live feed would have told it: plans and bookings when they were issued, else at local 00:00 of their
    /// session's date; milestones and cancellations when they happened.
    pub release: UtcMillis,
    /// The site.
    pub site: SiteId,
    /// The room.
    pub room: RoomId,
    /// What was observed.
    pub obs: Observation,
    /// Of two records of one thing in this file the higher is the later word.
    pub order: u64,
    /// The line of its row; absent for a plan that is made of bookings.
    pub line: Option<u64>,
}

impl Extract {
    /// All observations: plans room by room, then rows in the order of the file. The caller sorts by `release`; a stable
    /// sort keeps plans before bookings before milestones of the same instant.
    pub fn observations(&self) -> impl Iterator<Item = Reported> + '_ {
        let plans = self.rooms().flat_map(move |room| {
            let mut local = LocalTime::new(self.zone);
            room.sessions().into_iter().map(move |plan| self.of_plan(&room, plan, &mut local)).collect::<Vec<_>>()
        });
        plans.chain(self.of_rows())
    }

    fn of_plan(&self, room: &Room, plan: PlannedSession, local: &mut LocalTime) -> Reported {
        let told = plan.issued.unwrap_or_else(|| midnight_of(local, plan.start));
        Reported {
            at: told,
            release: told,
            site: room.site().clone(),
            room: room.room().clone(),
            order: plan.line.unwrap_or(self.lines),
            line: plan.line,
            obs: Observation::PlanRevision(PlanRevision {
                session: plan.key,
                start: plan.start,
                end: plan.end,
                specialty: plan.specialty,
                team: plan.team,
                kind: plan.kind,
                room_kind: room.kind(),
                cases: plan.cases,
                issued: plan.issued,
                withdrawn: plan.withdrawn,
            }),
        }
    }

    fn of_rows(&self) -> impl Iterator<Item = Reported> + '_ {
        let (mut local, mut keys) = (LocalTime::new(self.zone), DayKeys::default());
        let rows = self.parts.iter().flat_map(|part| part.cases.in_order().map(move |row| (part, row)));
        rows.flat_map(move |(part, row)| {
            let mut found = VecDeque::new();
            let Some(Place { site, room, .. }) = part.places.get(row.place as usize) else { return found };
            let line = row.line + part.first_line;
            let mut report = |at: UtcMillis, obs: Observation| {
                let (site, room) = (site.clone(), room.clone());
                found.push_back(Reported { at, release: at, site, room, obs, order: line, line: Some(line) });
            };
            let mut case = Case::unknown();
            case.begin(part, &row, &mut keys);
            if row.has_booking() {
                let day = match row.session {
                    SessionRef::Key(key) => part.keys.get(key as usize).map(|(_, day)| *day),
                    SessionRef::Day(day) | SessionRef::Date(day) => Some(day),
                    SessionRef::None => None,
                };
                let midnight = day.and_then(|day| local.instant(day, 0, Pick::First));
                let first_stamp = row.stamps.iter().flatten().min().copied();
                let told =
                    row.issued.or(midnight).or_else(|| row.booked_start.map(|start| midnight_of(&mut local, start)));
                if let Some(told) = told.or(first_stamp) {
                    let booking = Booking {
                        case: case.token,
                        start: case.booked_start,
                        minutes: case.booked_minutes,
                        session: case.session.clone(),
                        specialty: case.specialty.cloned(),
                        procedure: case.procedure.cloned(),
                        admission: case.admission,
                        class: case.class,
                        issued: case.issued,
                    };
                    report(told, Observation::Booking(booking));
                }
            }
            for (name, at) in case.stamps() {
                report(at, Observation::Milestone(MilestoneReached::new(case.token, name)));
            }
            if let Some(at) = case.stamp(Milestone::Cancelled) {
                let (class, reason) = (case.cancelled_class, case.cancelled_reason.cloned());
                report(at, Observation::Cancellation(Cancellation { case: case.token, class, reason }));
            }
            found
        })
    }
}

/// Local 00:00 of the instant's date; where the clocks change at midnight the first instant of the date.
fn midnight_of(local: &mut LocalTime, at: UtcMillis) -> UtcMillis {
    let day = local.day_of(at);
    local.instant(day, 0, Pick::First).unwrap_or(at)
}
