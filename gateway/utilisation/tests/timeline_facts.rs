//! Which word counts, whatever the order in which words arrive.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

use chrono_tz::Europe::London;
use proptest::prelude::*;
use room_events::topic::AgentAddress;
use room_events::{
    AgentId, Booking, Cancellation, CancellationClass, ClockQuality, Correction, Event, EventId, Label, ListKind,
    Milestone, MilestoneReached, Observation, PlanRevision, RoomId, RoomKind, Seq, SessionKey, SiteId, SourceId,
    StreamId, Token, TrustId, UtcMillis,
};
use utilisation::facts::{Case, Room, RoomFacts};
use utilisation::rules::RuleSet;
use utilisation::timeline::{Precedence, Record, RoomTimeline, Statement, Subject, touched};

fn minute(n: i64) -> UtcMillis {
    UtcMillis::new(1_641_193_200_000).unwrap().plus_minutes(n)
}

fn source(name: &str) -> SourceId {
    SourceId::new(name).unwrap()
}

fn room(name: &str) -> Room {
    Room {
        trust: TrustId::new("trust-a").unwrap(),
        site: SiteId::new("main").unwrap(),
        room: RoomId::new(name).unwrap(),
        kind: RoomKind::Theatre,
        zone: London,
    }
}

fn case(n: u8) -> Token {
    Token { key: 1, digest: u128::from(n) }
}

fn key(name: &str) -> SessionKey {
    SessionKey::new(name).unwrap()
}

/// A record of suite-1 that one agent's stream 1 made at minute 0.
fn record(seq: u64, from: &str, obs: Observation) -> Record {
    Record {
        id: EventId { stream: StreamId(1), seq: Seq(seq) },
        agent: AgentAddress {
            trust: TrustId::new("trust-a").unwrap(),
            site: SiteId::new("main").unwrap(),
            agent: AgentId::new("edge-1").unwrap(),
        },
        event: Event {
            v: 1,
            at: minute(0),
            captured: minute(0),
            mono: 0,
            clock: ClockQuality::External,
            source: source(from),
            order: seq,
            site: None,
            room: Some(RoomId::new("suite-1").unwrap()),
            obs,
        },
    }
}

fn reached(seq: u64, from: &str, name: Milestone, at: i64) -> Record {
    let mut record = record(seq, from, Observation::Milestone(MilestoneReached::new(case(1), name)));
    record.event.at = minute(at);
    record
}

fn corrected(seq: u64, from: &str, name: Milestone, to: Option<i64>) -> Record {
    let to = to.map(minute);
    let correction = Correction { case: case(1), name, to, author: None, reason: None };
    record(seq, from, Observation::Correction(correction))
}

fn booked(seq: u64, start: i64) -> Record {
    let booking = Booking {
        case: case(1),
        start: Some(minute(start)),
        minutes: Some(60),
        session: None,
        specialty: Label::new("Urology").ok(),
        procedure: None,
        admission: None,
        class: None,
        issued: None,
    };
    record(seq, "theatre-system", Observation::Booking(booking))
}

fn planned(seq: u64, start: i64, issued: Option<i64>) -> Record {
    let revision = PlanRevision {
        session: key("am"),
        start: minute(start),
        end: minute(240),
        specialty: None,
        team: None,
        kind: ListKind::Elective,
        room_kind: None,
        cases: None,
        issued: issued.map(minute),
        withdrawn: false,
    };
    record(seq, "theatre-system", Observation::PlanRevision(revision))
}

fn timeline<'r>(records: impl IntoIterator<Item = &'r Record>) -> RoomTimeline {
    let mut timeline = RoomTimeline::new(room("suite-1"));
    for record in records {
        timeline.insert(record);
    }
    timeline
}

fn facts(records: &[Record]) -> RoomFacts {
    timeline(records).facts(&Precedence::default())
}

fn only_case(records: &[Record]) -> Case {
    let facts = facts(records);
    assert_eq!(facts.cases.len(), 1);
    facts.cases[0].clone()
}

#[test]
fn within_a_source_the_higher_order_is_the_last_word_however_late_it_was_captured() {
    let mut early = reached(1, "gpio", Milestone::IntoTheatre, 10);
    early.event.order = 9;
    let mut late = reached(2, "gpio", Milestone::IntoTheatre, 20);
    late.event.order = 8;
    late.event.captured = minute(500);
    assert_eq!(only_case(&[early, late]).stamps.get(Milestone::IntoTheatre), Some(minute(10)));
}

#[test]
fn between_sources_the_configured_order_decides() {
    let records =
        [reached(9, "gpio", Milestone::IntoTheatre, 10), reached(1, "theatre-system", Milestone::IntoTheatre, 20)];
    let stamp = |listed: &[&str]| {
        let precedence = Precedence::new(listed.iter().map(|name| source(name)).collect());
        timeline(&records).facts(&precedence).cases[0].stamps.get(Milestone::IntoTheatre)
    };
    assert_eq!(stamp(&["theatre-system", "gpio"]), Some(minute(20)));
    assert_eq!(stamp(&["gpio", "theatre-system"]), Some(minute(10)));
    assert_eq!(stamp(&["theatre-system"]), Some(minute(20)), "a listed source comes before an unlisted one");
    assert_eq!(stamp(&[]), Some(minute(10)), "unlisted sources rank in order of their names");
}

#[test]
fn a_correction_by_a_person_is_above_every_source_and_can_withdraw() {
    let stamp = reached(9, "theatre-system", Milestone::ProcedureEnd, 90);
    let moved = corrected(1, "correction", Milestone::ProcedureEnd, Some(80));
    let withdrawn = corrected(2, "correction", Milestone::ProcedureEnd, None);
    let listed = Precedence::new(vec![source("theatre-system")]);
    let end = |records: &[Record]| timeline(records).facts(&listed).cases.first().map(|c| c.stamps);
    assert_eq!(end(&[stamp.clone(), moved.clone()]).unwrap().get(Milestone::ProcedureEnd), Some(minute(80)));
    // Nothing else is known of the case, so it is not in the room at all.
    assert_eq!(end(&[withdrawn, moved, stamp]), None);
}

#[test]
fn a_corrected_value_stays_in_the_history_with_what_superseded_it() {
    let first = reached(1, "theatre-system", Milestone::IntoTheatre, 41);
    let second = corrected(2, "theatre-system", Milestone::IntoTheatre, Some(38));
    let history = timeline([&second, &first]).history(case(1), &Precedence::default());
    let seen: Vec<_> = history.stamps.iter().map(|s| (s.instant(), s.used, s.superseded_by)).collect();
    assert_eq!(seen, [(Some(minute(41)), false, Some(second.id)), (Some(minute(38)), true, None)]);
    assert!(matches!(history.stamps[1].statement, Statement::Corrected { .. }));
    assert!(timeline([]).history(case(1), &Precedence::default()).stamps.is_empty());
}

#[test]
fn a_corrected_cancellation_keeps_its_class_and_abandoning_is_no_stamp() {
    let cancellation = Cancellation {
        case: case(1),
        class: Some(CancellationClass::HospitalNonClinical),
        reason: Label::new("no bed").ok(),
    };
    let case = only_case(&[
        record(1, "theatre-system", Observation::Cancellation(cancellation)),
        corrected(2, "theatre-system", Milestone::Cancelled, Some(-30)),
        reached(3, "theatre-system", Milestone::Abandoned, 50),
    ]);
    let cancelled = case.cancelled.unwrap();
    assert_eq!((cancelled.at, cancelled.class), (minute(-30), Some(CancellationClass::HospitalNonClinical)));
    assert_eq!(cancelled.reason, Label::new("no bed").ok());
    assert_eq!(case.abandoned, Some(minute(50)));
    assert_eq!(case.stamps.iter().count(), 0);
}

#[test]
fn a_milestone_out_of_its_order_marks_its_case_as_long_as_it_counts() {
    let mut late = reached(1, "gpio", Milestone::IntoTheatre, 30);
    if let Observation::Milestone(said) = &mut late.event.obs {
        said.out_of_order = true;
    }
    assert!(only_case(&[late.clone()]).out_of_order);
    let other = reached(2, "gpio", Milestone::ProcedureStart, 20);
    assert!(only_case(&[other.clone(), late.clone()]).out_of_order);
    let right = corrected(3, "gpio", Milestone::IntoTheatre, Some(10));
    assert!(!only_case(&[late, other, right]).out_of_order, "it was put right");
}

#[test]
fn the_last_booking_replaces_the_earlier_one_as_a_whole() {
    let mut bare = booked(2, 60);
    if let Observation::Booking(booking) = &mut bare.event.obs {
        booking.specialty = None;
    }
    let case = only_case(&[bare, booked(1, 0)]);
    assert_eq!((case.booked_start, case.specialty), (Some(minute(60)), None));
}

#[test]
fn a_case_booked_into_another_room_leaves_this_list_and_keeps_its_specialty_where_it_was_touched() {
    let mut elsewhere = booked(2, 60);
    elsewhere.event.room = RoomId::new("suite-2").ok();
    assert_eq!(facts(&[booked(1, 0), elsewhere.clone()]).cases, []);
    let case = only_case(&[booked(1, 0), elsewhere, reached(3, "gpio", Milestone::IntoTheatre, 5)]);
    assert_eq!((case.booked_start, case.specialty), (None, Label::new("Urology").ok()));
}

#[test]
fn plans_are_in_order_of_issue_and_those_without_an_issue_time_come_first() {
    let records = [planned(1, 30, Some(-100)), planned(2, 20, Some(-200)), planned(9, 10, None), planned(8, 0, None)];
    let sessions = facts(&records).sessions;
    let starts: Vec<_> = sessions[0].revisions.iter().map(|plan| plan.start).collect();
    assert_eq!(starts, [minute(0), minute(10), minute(20), minute(30)]);
}

#[test]
fn equal_plans_collapse_but_the_first_stays_first_and_the_last_stays_last() {
    let starts = |revisions: &[i64]| {
        let records: Vec<_> = (1..).zip(revisions).map(|(seq, start)| planned(seq, *start, None)).collect();
        let timeline = timeline(&records);
        let plans = timeline.facts(&Precedence::default()).sessions[0].revisions.clone();
        let history = timeline.plan_history(&key("am"), &Precedence::default()).records;
        assert_eq!(history.len(), revisions.len());
        assert!(history.iter().all(|record| plans[record.revision] == record.plan));
        plans.iter().map(|plan| plan.start.millis_since(minute(0)) / 60_000).collect::<Vec<_>>()
    };
    assert_eq!(starts(&[0, 0, 0]), [0]);
    assert_eq!(starts(&[0, 10, 0, 10]), [0, 10], "the same file imported twice");
    assert_eq!(starts(&[0, 10, 0]), [0, 10, 0], "changed and changed back");
}

#[test]
fn other_rooms_and_trusts_are_passed_over() {
    let mut other_room = reached(1, "gpio", Milestone::IntoTheatre, 0);
    other_room.event.room = RoomId::new("suite-2").ok();
    let mut other_site = reached(2, "gpio", Milestone::IntoTheatre, 0);
    other_site.event.site = SiteId::new("east").ok();
    let mut other_trust = reached(3, "gpio", Milestone::IntoTheatre, 0);
    other_trust.agent.trust = TrustId::new("trust-b").unwrap();
    assert_eq!(facts(&[other_room, other_site, other_trust]), RoomFacts::default());
}

#[test]
fn a_correction_reaches_the_places_where_the_case_stood_before_and_after() {
    let rules = RuleSet::default();
    let wrong = reached(1, "gpio", Milestone::IntoTheatre, 0);
    let right = corrected(2, "gpio", Milestone::IntoTheatre, Some(3 * 24 * 60));
    let timeline = timeline([&wrong, &right]);
    let subject = touched(&right).unwrap().subject;
    assert_eq!(subject, Subject::Case(case(1)));
    let reach = timeline.reach(&subject, &rules).unwrap();
    for (start, meets) in [(-10 * 60, true), (0, true), (3 * 24 * 60, true), (4 * 24 * 60, false), (-24 * 60, false)] {
        assert_eq!(reach.meets(minute(start), minute(start + 120)), meets, "{start}");
    }
    assert_eq!(timeline.reach(&Subject::Case(case(2)), &rules), None);
}

#[test]
fn a_plan_reaches_the_lists_from_which_it_takes_cases() {
    let mut far = booked(1, 48 * 60);
    if let Observation::Booking(booking) = &mut far.event.obs {
        booking.session = Some(key("am"));
    }
    let plan = planned(2, 0, None);
    let timeline = timeline([&far, &plan]);
    let reach = timeline.reach(&touched(&plan).unwrap().subject, &RuleSet::default()).unwrap();
    assert!(reach.meets(minute(48 * 60), minute(50 * 60)));
}

const NAMES: [Milestone; 3] = [Milestone::IntoTheatre, Milestone::Cancelled, Milestone::Abandoned];

fn any_observation() -> impl Strategy<Value = Observation> {
    let case = (1_u8..3).prop_map(case);
    let at = (0_i64..3).prop_map(minute);
    let name = prop::sample::select(&NAMES[..]);
    let label = prop::option::of(prop::sample::select(&["a", "b"][..]).prop_map(|text| Label::new(text).unwrap()));
    let session = prop::sample::select(&["am", "pm"][..]).prop_map(key);
    let milestone = (case.clone(), name.clone(), any::<bool>()).prop_map(|(case, name, out_of_order)| {
        Observation::Milestone(MilestoneReached { out_of_order, ..MilestoneReached::new(case, name) })
    });
    let correction =
        (case.clone(), name, prop::option::of(at.clone()), label.clone()).prop_map(|(case, name, to, reason)| {
            Observation::Correction(Correction { case, name, to, author: None, reason })
        });
    let cancellation = (case.clone(), prop::option::of(prop::sample::select(CancellationClass::ALL)), label.clone())
        .prop_map(|(case, class, reason)| Observation::Cancellation(Cancellation { case, class, reason }));
    let booking = (case, prop::option::of(at.clone()), prop::option::of(session.clone()), label.clone()).prop_map(
        |(case, start, session, specialty)| {
            Observation::Booking(Booking {
                case,
                start,
                minutes: None,
                session,
                specialty,
                procedure: None,
                admission: None,
                class: None,
                issued: None,
            })
        },
    );
    let plan = (session, at.clone(), prop::option::of(at), label).prop_map(|(session, start, issued, specialty)| {
        Observation::PlanRevision(PlanRevision {
            session,
            start,
            end: minute(240),
            specialty,
            team: None,
            kind: ListKind::Elective,
            room_kind: None,
            cases: None,
            issued,
            withdrawn: false,
        })
    });
    prop_oneof![milestone, correction, cancellation, booking, plan]
}

/// Records that collide in every part of the ranking, names included.
fn any_record() -> impl Strategy<Value = Record> {
    let from = prop::sample::select(&["correction", "gpio", "hl7", "theatre-system"][..]);
    let names = prop::sample::select(&["edge-1", "edge-2"][..]);
    let rooms = prop::sample::select(&["suite-1", "suite-1", "suite-2"][..]);
    (any_observation(), from, names, rooms, (0_u64..3, 0_i64..3, 1_u128..3, 1_u64..4, 0_i64..3)).prop_map(
        |(obs, from, agent, room, (order, captured, stream, seq, at))| {
            let mut record = record(seq, from, obs);
            record.id.stream = StreamId(stream);
            record.agent.agent = AgentId::new(agent).unwrap();
            record.event.room = RoomId::new(room).ok();
            record.event.order = order;
            record.event.captured = minute(captured);
            record.event.at = minute(at);
            record
        },
    )
}

fn precedence() -> Precedence {
    Precedence::new(vec![source("theatre-system"), source("hl7")])
}

/// The rule as it is written: each source's own last word, then the most believed source.
fn slow_stamp(records: &[Record], case: Token, wanted: Milestone) -> Option<UtcMillis> {
    let said = |record: &Record| match &record.event.obs {
        Observation::Milestone(m) if m.case == case && m.name == wanted => Some(Some(record.event.at)),
        Observation::Correction(c) if c.case == case && c.name == wanted => Some(c.to),
        Observation::Cancellation(c) if c.case == case && wanted == Milestone::Cancelled => Some(Some(record.event.at)),
        _ => None,
    };
    for from in ["correction", "theatre-system", "hl7", "gpio"] {
        let mut own: Vec<&Record> = records
            .iter()
            .filter(|r| r.event.source.as_str() == from && r.event.room == RoomId::new("suite-1").ok())
            .filter(|r| said(r).is_some())
            .collect();
        own.sort_by_key(|r| (r.event.order, r.event.captured, r.id.stream, r.id.seq));
        if let Some(last) = own.last() {
            return said(last).flatten();
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_and_any_duplicates_give_equal_facts_and_histories(
        (records, shuffled) in prop::collection::vec(any_record(), 0..24).prop_flat_map(|records| {
            let twice: Vec<Record> = records.iter().chain(&records).cloned().collect();
            (Just(records), Just(twice).prop_shuffle())
        })
    ) {
        let (a, b) = (timeline(&records), timeline(&shuffled));
        prop_assert_eq!(a.facts(&precedence()), b.facts(&precedence()));
        for n in 1..3 {
            prop_assert_eq!(a.history(case(n), &precedence()), b.history(case(n), &precedence()));
        }
        for name in ["am", "pm"] {
            prop_assert_eq!(a.plan_history(&key(name), &precedence()), b.plan_history(&key(name), &precedence()));
        }
        prop_assert_eq!(a, b);
    }

    #[test]
    fn stamps_follow_the_rule_as_it_is_written(mut records in prop::collection::vec(any_record(), 0..24)) {
        // A stream and seq used twice is a fault whose outcome the written rule leaves open.
        records.sort_by_key(|r| r.id);
        records.dedup_by_key(|r| r.id);
        let facts = timeline(&records).facts(&precedence());
        for n in 1..3 {
            let known = facts.cases.iter().find(|c| c.id == case(n));
            let slow = |name| slow_stamp(&records, case(n), name);
            prop_assert_eq!(known.and_then(|c| c.stamps.get(Milestone::IntoTheatre)), slow(Milestone::IntoTheatre));
            prop_assert_eq!(known.and_then(|c| c.cancelled.as_ref()).map(|c| c.at), slow(Milestone::Cancelled));
            prop_assert_eq!(known.and_then(|c| c.abandoned), slow(Milestone::Abandoned));
        }
    }

    #[test]
    fn exactly_one_record_of_each_milestone_is_used(records in prop::collection::vec(any_record(), 0..24)) {
        let timeline = timeline(&records);
        for n in 1..3 {
            let history = timeline.history(case(n), &precedence());
            for name in NAMES {
                let mut of_name = history.stamps.iter().filter(|s| s.milestone == name).peekable();
                if of_name.peek().is_some() {
                    prop_assert_eq!(of_name.clone().filter(|s| s.used).count(), 1);
                    prop_assert!(of_name.all(|s| s.used == s.superseded_by.is_none()));
                }
            }
        }
    }
}
