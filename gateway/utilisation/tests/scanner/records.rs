//! From records to figures: any order and any duplicates give the same.

use room_events::topic::AgentAddress;
use room_events::{
    Acquisition, AgentId, Alive, ClockQuality, Event, EventId, ListKind, Observation, PerformedStep, PlanRevision,
    RoomKind, Seq, SessionKey, SourceId, StepState, StreamId, UtcMillis,
};
use utilisation::timeline::{Precedence, Record, RoomTimeline};

use crate::rooms::{LATER, at, measure, scanner, token};

pub fn record(seq: u64, at: UtcMillis, obs: Observation) -> Record {
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

fn acquired(seq: u64, (exam, series): (&str, &str), step: Option<&str>, first: &str, last: &str) -> Record {
    let said = Acquisition {
        exam: token(exam),
        series: Some(token(series)),
        step: step.map(token),
        first: at(first),
        last: at(last),
        visit: None,
        patient: Some(token(exam)),
        protocol: None,
    };
    record(seq, at(last), Observation::Acquisition(said))
}

fn timeline_of(records: &[Record]) -> RoomTimeline {
    let mut timeline = RoomTimeline::new(scanner(RoomKind::Ct));
    for record in records {
        timeline.insert(record);
    }
    timeline
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

#[test]
fn images_end_a_step_whose_last_message_was_lost_in_any_order() {
    let records = [
        plan(),
        performed(2, "U1", StepState::InProgress, "10:00", None, "A1"),
        acquired(3, ("A1", "S1"), Some("U1"), "10:14", "10:14"),
        acquired(4, ("A1", "S1"), Some("U1"), "10:15", "10:19"),
        acquired(5, ("A1", "S2"), None, "10:21", "10:30"),
        performed(6, "U2", StepState::Completed, "11:00", Some("11:20"), "A2"),
    ];
    for order in permutations(&records) {
        let timeline = timeline_of(&order);
        let result = measure(timeline.room(), &timeline.scanner_facts(&Precedence::default()), &[], LATER);
        let [session] = &result.sessions[..] else { panic!("one session") };
        let figures = &session.figures;
        assert_eq!((figures.exams_completed, figures.exams_inferred), (1, 1));
        assert_eq!((figures.occupied.as_f64(), figures.acquired.as_f64()), (50.0, 16.0));
        assert_eq!(session.steps[0].end, Some(at("10:30")));
        assert_eq!(result.hours.iter().map(|hour| hour.inferred).collect::<Vec<_>>(), [1, 0]);
    }
}

#[test]
fn a_scanner_that_tells_of_no_steps_has_one_for_each_exam_with_images() {
    let timeline = timeline_of(&[
        plan(),
        acquired(2, ("A1", "S1"), None, "10:05", "10:09"),
        acquired(3, ("A1", "S2"), None, "10:10", "10:25"),
        acquired(4, ("A2", "S3"), Some("U7"), "10:40", "10:52"),
        acquired(5, ("A3", "S4"), Some("U7"), "10:53", "11:00"),
    ]);
    let result = measure(timeline.room(), &timeline.scanner_facts(&Precedence::default()), &[], LATER);
    let figures = &result.sessions[0].figures;
    assert_eq!((figures.exams_inferred, figures.exams_completed, figures.attendances), (3, 0, 2));
    assert_eq!((figures.occupied.as_f64(), figures.acquired.as_f64()), (40.0, 40.0));
    let lengths: Vec<_> =
        result.sessions[0].steps.iter().map(|step| step.end.unwrap().millis_since(step.start) / 60_000).collect();
    assert_eq!(lengths, [20, 20]);
}

#[test]
fn images_of_an_appended_step_do_not_lengthen_the_first() {
    let timeline = timeline_of(&[
        plan(),
        performed(2, "U1", StepState::Completed, "10:00", Some("10:20"), "A1"),
        performed(3, "U2", StepState::Completed, "11:00", Some("11:20"), "A1"),
        acquired(4, ("A1", "S1"), None, "10:05", "10:18"),
        acquired(5, ("A1", "S2"), None, "11:02", "11:19"),
        acquired(6, ("A1", "S3"), Some("U1"), "09:59", "10:01"),
    ]);
    let result = measure(timeline.room(), &timeline.scanner_facts(&Precedence::default()), &[], LATER);
    let figures = &result.sessions[0].figures;
    assert_eq!(figures.exams_completed, 1);
    // 9:59 is before the plan.
    assert_eq!(figures.acquired.as_f64(), 18.0 + 17.0);
}

#[test]
fn images_of_another_day_are_not_believed_and_flagged() {
    let mut strange = acquired(3, ("A1", "S1"), Some("U1"), "10:05", "10:20");
    if let Observation::Acquisition(said) = &mut strange.event.obs {
        said.last = said.last.plus_millis(2 * 86_400_000);
    }
    let timeline = timeline_of(&[plan(), performed(2, "U1", StepState::InProgress, "10:00", None, "A1"), strange]);
    let result = measure(timeline.room(), &timeline.scanner_facts(&Precedence::default()), &[], LATER);
    let session = &result.sessions[0];
    assert_eq!((session.figures.acquired.as_f64(), session.figures.exams_provisional), (0.0, 1));
    assert!(session.quality.contains(&utilisation::scanner::result::ScannerFlag::RejectedStamps));
}
