//! Where an event falls: the instant that decides which days it can touch.

use room_events::{Event, Observation, UtcMillis};

/// The instant under which an event is filed. A record about a case may also touch other days: those where the case's
/// other records are filed.
pub fn place_of(event: &Event) -> UtcMillis {
    match &event.obs {
        Observation::Correction(correction) => correction.to.unwrap_or(event.at),
        Observation::Booking(booking) => booking.start.unwrap_or(event.at),
        Observation::PlanRevision(plan) => plan.start,
        Observation::PerformedStep(step) => step.start,
        Observation::Acquisition(acquired) => acquired.first,
        Observation::Remark(remark) => remark.start,
        Observation::Milestone(_)
        | Observation::Cancellation(_)
        | Observation::ExamStage(_)
        | Observation::SignalLevel(_)
        | Observation::Alive(_)
        | Observation::EventsLost(_)
        | Observation::AgentStarted(_) => event.at,
    }
}
