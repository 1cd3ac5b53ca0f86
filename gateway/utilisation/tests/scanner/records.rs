//! From records to figures: any order and any duplicates give the same.

use room_events::topic::AgentAddress;
use room_events::{
    AgentId, Alive, ClockQuality, Event, EventId, ListKind, Observation, PerformedStep, PlanRevision, RoomKind, Seq,
    SessionKey, SourceId, StepState, StreamId, UtcMillis,
};
use utilisation::timeline::{Precedence, Record, RoomTimeline};

use crate::rooms::{LATER, at, measure, scanner, token};

fn record(seq: u64, at: UtcMillis, obs: Observation) -> Record {
    let room = scanner(RoomKind::Ct);
    Record {
        id: EventId { stream: StreamId(7), seq: Seq(seq) },
        agent: AgentAddress { trust: room.trust, site: room.site, agent: AgentId::new("edge-1").unwrap() },
        event: Event {
            v: 1,
            at,
            captured: at,
            mono: seq,
            clock: ClockQuality::External,
            source: SourceId::new("dicom").unwrap(),
            order: seq,
            site: None,
            room: Some(room.room),
            obs,
        },
    }
}

fn performed(seq: u64, step: &str, state: StepState, start: &str, end: Option<&str>, accession: &str) -> Record {
    let said = PerformedStep {
        step: token(step),
        state,
        start: at(start),
        end: end.map(at),
        accessions: [token(accession)].into_iter().collect(),
        visit: None,
        patient: Some(token(accession)),
        protocol: None,
        reason: None,
    };
    record(seq, end.map_or(at(start), at), Observation::PerformedStep(said))
}

fn plan() -> Record {
    let plan = PlanRevision {
        session: SessionKey::new("day").unwrap(),
        start: at("10:00"),
        end: at("12:00"),
        specialty: None,
        team: None,
        kind: ListKind::Elective,
        room_kind: None,
        cases: None,
        issued: None,
        withdrawn: false,
    };
    record(1, at("08:00"), Observation::PlanRevision(plan))
}

/// All orders of a few things.
fn permutations<T: Clone>(of: &[T]) -> Vec<Vec<T>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    (0..of.len())
        .flat_map(|first| {
            let mut rest = of.to_vec();
            let chosen = rest.remove(first);
            permutations(&rest).into_iter().map(move |mut tail| {
                tail.insert(0, chosen.clone());
                tail
            })
        })
        .collect()
}

#[test]
fn steps_in_any_order_and_repeated_give_the_same_exams_and_hours() {
    let created = performed(2, "U1", StepState::InProgress, "11:00", None, "A1");
    let ended = performed(3, "U1", StepState::Completed, "11:00", Some("11:12"), "A1");
    let earlier = performed(4, "U0", StepState::Completed, "10:40", Some("10:55"), "A0");
    let records = [ended.clone(), created.clone(), ended, created, earlier, plan()];
    let orders = permutations(&records);
    assert_eq!(orders.len(), 720);
    let mut first = None;
    for order in orders {
        let mut timeline = RoomTimeline::new(scanner(RoomKind::Ct));
        for record in &order {
            timeline.insert(record);
        }
        let result = measure(timeline.room(), &timeline.scanner_facts(&Precedence::default()), &[], LATER);
        let [session] = &result.sessions[..] else { panic!("one session") };
        assert_eq!(session.figures.exams_completed, 2);
        assert_eq!(session.figures.changeovers.iter().map(|c| c.millis() / 60_000).collect::<Vec<_>>(), [5]);
        let lengths: Vec<i64> =
            session.steps.iter().map(|step| step.end.unwrap().millis_since(step.start) / 60_000).collect();
        assert_eq!(lengths, [15, 12]);
        let hours: Vec<_> = result.hours.iter().map(|hour| (hour.hour, hour.completed)).collect();
        assert_eq!(hours, [(at("10:00"), 1), (at("11:00"), 1)]);
        assert_eq!(*first.get_or_insert_with(|| result.clone()), result);
    }
}

#[test]
fn of_two_final_states_the_first_of_its_source_stays_and_is_flagged() {
    let mut timeline = RoomTimeline::new(scanner(RoomKind::Ct));
    timeline.insert(&performed(3, "U1", StepState::Completed, "11:00", Some("11:30"), "A1"));
    timeline.insert(&performed(2, "U1", StepState::Completed, "11:00", Some("11:12"), "A1"));
    timeline.insert(&performed(4, "U1", StepState::InProgress, "11:00", None, "A1"));
    let facts = timeline.scanner_facts(&Precedence::default());
    let [step] = &facts.steps[..] else { panic!("one step") };
    assert_eq!((step.state, step.end, step.conflicting), (StepState::Completed, Some(at("11:12")), true));
}

#[test]
fn a_step_recorded_long_after_its_hour_revises_it() {
    let mut late = performed(2, "U1", StepState::Completed, "11:00", Some("11:12"), "A1");
    late.event.captured = at("13:00");
    let mut timeline = RoomTimeline::new(scanner(RoomKind::Ct));
    timeline.insert(&plan());
    timeline.insert(&late);
    timeline.insert(&performed(3, "U0", StepState::Completed, "10:40", Some("10:55"), "A0"));
    timeline.insert(&record(5, at("10:00"), Observation::Alive(Alive {})));
    let result = measure(timeline.room(), &timeline.scanner_facts(&Precedence::default()), &[], LATER);
    assert_eq!(result.hours.iter().map(|hour| hour.revised).collect::<Vec<_>>(), [false, true]);
    assert!(result.sessions[0].revised);
}
