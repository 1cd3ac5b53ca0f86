//! Recomputing only what a record can reach gives what recomputing the room would give.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

use std::collections::BTreeMap;

use chrono_tz::Europe::London;
use proptest::prelude::*;
use room_events::topic::AgentAddress;
use room_events::{
    AgentId, Booking, Cancellation, ClockQuality, Correction, Event, EventId, ListKind, Milestone, MilestoneReached,
    Observation, PlanRevision, RoomId, RoomKind, Seq, SessionKey, SiteId, SourceId, StreamId, Token, TrustId,
    UtcMillis,
};
use utilisation::facts::Room;
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;
use utilisation::theatre::{Detail, measure_room};
use utilisation::timeline::{Precedence, Record, RoomTimeline, touched};

/// Minutes are drawn on a grid of 15, so that starts, ends and plans often coincide.
fn minute(quarters: i64) -> UtcMillis {
    UtcMillis::new(1_641_193_200_000).unwrap().plus_minutes(quarters * 15)
}

fn record(seq: u64, at: i64, obs: Observation) -> Record {
    let (site, trust) = (SiteId::new("main").unwrap(), TrustId::new("trust-a").unwrap());
    Record {
        id: EventId { stream: StreamId(1), seq: Seq(seq) },
        agent: AgentAddress { trust, site, agent: AgentId::new("edge-1").unwrap() },
        event: Event {
            v: 1,
            at: minute(at),
            captured: minute(at),
            mono: 0,
            clock: ClockQuality::External,
            source: SourceId::new("theatre-system").unwrap(),
            order: seq,
            site: None,
            room: RoomId::new("suite-1").ok(),
            obs,
        },
    }
}

/// Lists of four days, morning and afternoon; a quarter hour is 1.
const PLANS: [(&str, i64); 5] = [("mon-am", 0), ("mon-pm", 20), ("tue-am", 96), ("tue-pm", 116), ("thu-am", 288)];

fn near_a_list() -> impl Strategy<Value = i64> {
    (prop::sample::select(&PLANS[..]), -20_i64..45).prop_map(|((_, start), offset)| start + offset)
}

fn observation() -> impl Strategy<Value = (i64, Observation)> {
    let case = || (1_u128..8).prop_map(|digest| Token { key: 1, digest });
    let name = || {
        prop::sample::select(
            &[Milestone::IntoTheatre, Milestone::AnaestheticStart, Milestone::OutOfTheatre, Milestone::Abandoned][..],
        )
    };
    let key = || prop::sample::select(&PLANS[..]).prop_map(|(key, _)| SessionKey::new(key).unwrap());
    let stamp = (case(), name(), near_a_list())
        .prop_map(|(case, name, at)| (at, Observation::Milestone(MilestoneReached::new(case, name))));
    let moved = (case(), name(), prop::option::of(near_a_list())).prop_map(|(case, name, to)| {
        let to = to.map(minute);
        (0, Observation::Correction(Correction { case, name, to, author: None, reason: None }))
    });
    let cancelled = (case(), near_a_list())
        .prop_map(|(case, at)| (at, Observation::Cancellation(Cancellation { case, class: None, reason: None })));
    let booked = (case(), prop::option::of(near_a_list()), prop::option::weighted(0.3, key())).prop_map(
        |(case, start, session)| {
            let booking = Booking {
                case,
                start: start.map(minute),
                minutes: Some(60),
                session,
                specialty: None,
                procedure: None,
                admission: None,
                class: None,
                issued: None,
            };
            (0, Observation::Booking(booking))
        },
    );
    let planned = (prop::sample::select(&PLANS[..]), -8_i64..8, 4_i64..24, prop::bool::weighted(0.1)).prop_map(
        |((key, usual), shift, length, withdrawn)| {
            let plan = PlanRevision {
                session: SessionKey::new(key).unwrap(),
                start: minute(usual + shift),
                end: minute(usual + shift + length),
                specialty: None,
                team: None,
                kind: ListKind::Elective,
                room_kind: None,
                cases: None,
                issued: None,
                withdrawn,
            };
            (0, Observation::PlanRevision(plan))
        },
    );
    prop_oneof![4 => stamp, 1 => moved, 1 => cancelled, 2 => booked, 1 => planned]
}

/// A session's result without what looks back over weeks of history and is fixed at closing.
fn measured(timeline: &RoomTimeline, now: UtcMillis) -> BTreeMap<String, SessionResult> {
    let facts = timeline.facts(&Precedence::default());
    let result = measure_room(timeline.room(), &facts, &RuleSet::default(), now, Detail::Audit);
    result
        .sessions
        .into_iter()
        .map(|mut session| {
            session.figures.typical_touch = None;
            session.figures.typical_turnover = None;
            session.figures.extra_cases_possible = None;
            (session.key.to_string(), session)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_session_out_of_reach_does_not_change(
        known in prop::collection::vec(observation(), 5..40), news in observation(), now in 0_i64..400
    ) {
        let room = Room {
            trust: TrustId::new("trust-a").unwrap(),
            site: SiteId::new("main").unwrap(),
            room: RoomId::new("suite-1").unwrap(),
            kind: RoomKind::Theatre,
            zone: London,
        };
        let mut timeline = RoomTimeline::new(room);
        for (seq, (at, obs)) in (1..).zip(known) {
            timeline.insert(&record(seq, at, obs));
        }
        let news = record(1000, news.0, news.1);
        let before = measured(&timeline, minute(now));
        timeline.insert(&news);
        let after = measured(&timeline, minute(now));

        let subject = touched(&news).unwrap().subject;
        let reach = timeline.reach(&subject, &RuleSet::default());
        for key in before.keys().chain(after.keys()) {
            let (old, new) = (before.get(key), after.get(key));
            if old != new {
                let within = [old, new]
                    .into_iter()
                    .flatten()
                    .any(|s| reach.is_some_and(|reach| reach.meets(s.planned_start, s.planned_end)));
                prop_assert!(within, "{} changed out of reach {:?} of {:?}\n{:#?}\n{:#?}", key, reach, news.event.obs, old, new);
            }
        }
    }
}
