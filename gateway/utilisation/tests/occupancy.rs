//! Occupancy inferred from signals: the worked examples, a slow reference, and what the measures make of it.

#![allow(
    clippy::unwrap_used,
    reason = "a helper outside a test function fails the test by unwrapping, as the test itself does"
)]

use std::collections::BTreeMap;

use chrono_tz::Europe::London;
use proptest::prelude::*;
use room_events::topic::AgentAddress;
use room_events::{
    AgentId, Alive, ClockQuality, Event, EventId, Level, ListKind, Observation, PlanRevision, RoomId, RoomKind, Seq,
    SessionKey, SignalLevel, SiteId, SourceId, StreamId, TrustId, UtcMillis,
};
use toml::Table;
use utilisation::facts::Room;
use utilisation::occupancy::{OccupancyRules, Occupied, Shown, occupied};
use utilisation::quantity::Minutes;
use utilisation::result::QualityFlag;
use utilisation::rules::RuleSet;
use utilisation::scanner::result::ScannerFlag;
use utilisation::scanner::rules::ScannerRules;
use utilisation::scanner::{self, Conditions};
use utilisation::targets::Targets;
use utilisation::theatre::{Detail, measure_room};
use utilisation::timeline::{Precedence, Record, RoomTimeline};

fn rules() -> OccupancyRules {
    let name = |text| SourceId::new(text).unwrap();
    OccupancyRules::of_signals(name("table-in-use"), name("x-ray-on"), name("door"))
}

/// A time of 10 January 2022, in London as in UTC.
fn at(time: &str) -> UtcMillis {
    let parts: Vec<i64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    let second = parts[0] * 3600 + parts[1] * 60 + parts.get(2).copied().unwrap_or(0);
    UtcMillis::saturating(1_641_772_800_000 + second * 1000)
}

fn text(at: UtcMillis) -> String {
    let minute = at.millis().rem_euclid(86_400_000) / 60_000;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Signs of life every 5 minutes from 07:00 to 18:00, except in a silence.
fn alive(silent: Option<(UtcMillis, UtcMillis)>) -> Vec<UtcMillis> {
    let every = (0..=11 * 12).map(|n| at("07:00").plus_minutes(n * 5));
    every.filter(|at| silent.is_none_or(|(from, to)| *at <= from || to <= *at)).collect()
}

fn shown(stretch: &Occupied) -> String {
    format!("{}-{}", text(stretch.from), stretch.to.map_or("?".to_owned(), text))
}

#[test]
fn worked_examples_of_occupancy_come_out_exactly() {
    let file: Table = include_str!("data/occupancy_examples.toml").parse().unwrap();
    let examples = file["example"].as_array().unwrap();
    assert_eq!(examples.len(), 11);
    for example in examples {
        let mut signals: BTreeMap<SourceId, Vec<Shown>> = BTreeMap::new();
        for line in example["signals"].as_array().unwrap() {
            let [time, signal, level] = line.as_str().unwrap().split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let level = Level::from_name(level).unwrap();
            signals.entry(SourceId::new(signal).unwrap()).or_default().push((at(time), level));
        }
        let silent = example.get("silent").map(|span| span.as_str().unwrap().split_once('-').unwrap());
        let alive = alive(silent.map(|(from, to)| (at(from), at(to))));
        let found = occupied(&rules(), signals.iter().map(|(name, all)| (name, all.as_slice())), alive.into_iter());
        let found: Vec<String> = found.iter().map(shown).collect();
        let expected: Vec<&str> = example["expect"].as_array().unwrap().iter().map(|e| e.as_str().unwrap()).collect();
        assert_eq!(found, expected, "{}", example["name"]);
    }
}

const STEP_MS: i64 = 30_000;

/// The same by going through the day half a minute at a time. `known` ends with the last sign of anything.
fn step_by_step(rules: &OccupancyRules, steps: &[(bool, bool, bool)]) -> Vec<(i64, Option<i64>)> {
    let limit = |door: bool| if door { rules.door_pause } else { rules.pause }.millis() / STEP_MS;
    let mut all = Vec::new();
    let mut at_hand: Option<(i64, i64)> = None;
    let (mut door_run, mut door_stood, mut unknown) = (0, false, Vec::new());
    let mut finish = |(from, last): (i64, i64), now: i64, stood: bool, unknown: &[i64]| {
        let limit = limit(stood);
        let is_known = now - last >= limit && unknown.iter().all(|step| *step >= last + limit);
        if (last - from) * STEP_MS >= rules.least.millis() {
            all.push((from, is_known.then_some(last)));
        }
    };
    for (now, (used, is_unknown, door)) in (0..).zip(steps) {
        if *used {
            at_hand = Some(match at_hand {
                Some((from, last)) if now - last < limit(door_stood) => (from, now + 1),
                Some(before) => {
                    finish(before, now, door_stood, &unknown);
                    (now, now + 1)
                }
                None => (now, now + 1),
            });
            (door_run, door_stood) = (0, false);
            unknown.clear();
        } else {
            door_run = if *door { door_run + 1 } else { 0 };
            door_stood |= door_run * STEP_MS >= rules.door_open.millis();
            unknown.extend(is_unknown.then_some(now));
        }
    }
    if let Some(before) = at_hand {
        finish(before, steps.len() as i64, door_stood, &unknown);
    }
    all
}

/// What a signal shows at each step, as the changes that are reported.
fn changes(levels: &[Level]) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for (at, level) in (0..).map(|n| UtcMillis::saturating(n * STEP_MS)).zip(levels) {
        if all.last().is_none_or(|(_, before)| before != level) {
            all.push((at, *level));
        }
    }
    all
}

/// Stretches of one level each, as many steps as asked for.
fn any_levels(steps: usize) -> impl Strategy<Value = Vec<Level>> {
    let level = prop_oneof![3 => Just(Level::Active), 4 => Just(Level::Inactive), 1 => Just(Level::Fault)];
    prop::collection::vec((level, 1_usize..30), 1..30).prop_map(move |runs| {
        let mut all: Vec<Level> = runs.into_iter().flat_map(|(level, n)| std::iter::repeat_n(level, n)).collect();
        all.resize(steps, Level::Inactive);
        all
    })
}

proptest! {
    #[test]
    fn occupancy_equals_a_walk_step_by_step(
        table in any_levels(200), lamp in any_levels(200), door in any_levels(200),
    ) {
        let rules = rules();
        let (table_said, lamp_said, door_said) = (changes(&table), changes(&lamp), changes(&door));
        let signals = [(&rules.table, &table_said[..]), (&rules.x_ray, &lamp_said[..]), (&rules.door, &door_said[..])];
        let alive = (0..=200).map(|n| UtcMillis::saturating(n * STEP_MS));
        let found: Vec<_> = occupied(&rules, signals.into_iter(), alive)
            .iter()
            .map(|one| (one.from.millis() / STEP_MS, one.to.map(|to| to.millis() / STEP_MS)))
            .collect();
        let steps: Vec<_> = table
            .iter()
            .zip(&lamp)
            .zip(&door)
            .map(|((table, lamp), door)| {
                let used = *table == Level::Active || *lamp == Level::Active;
                let unknown = !used && (*table == Level::Fault || *lamp == Level::Fault);
                (used, unknown, *door == Level::Active)
            })
            .collect();
        prop_assert_eq!(found, step_by_step(&rules, &steps));
    }
}

fn record(seq: u64, at: UtcMillis, obs: Observation) -> Record {
    let id = |text| SiteId::new(text).unwrap();
    Record {
        id: EventId { stream: StreamId(1), seq: Seq(seq) },
        agent: AgentAddress {
            trust: TrustId::new("north").unwrap(),
            site: id("main"),
            agent: AgentId::new("a").unwrap(),
        },
        event: Event {
            v: 1,
            at,
            captured: at,
            mono: 0,
            clock: ClockQuality::Synchronised,
            source: SourceId::new("gpio").unwrap(),
            order: seq,
            site: None,
            room: Some(RoomId::new("cath-1").unwrap()),
            obs,
        },
    }
}

/// A session from 08:00 to 12:00, two patients by table and door, signs of life.
fn sensors_only() -> Vec<Record> {
    let show =
        |signal: &str, level| Observation::SignalLevel(SignalLevel { signal: SourceId::new(signal).unwrap(), level });
    let plan = PlanRevision {
        session: SessionKey::new("morning").unwrap(),
        start: at("08:00"),
        end: at("12:00"),
        specialty: None,
        team: None,
        kind: ListKind::Elective,
        room_kind: None,
        cases: None,
        issued: Some(at("07:00")),
        withdrawn: false,
    };
    let said = [
        ("07:00", Observation::PlanRevision(plan)),
        ("07:00", show("table-in-use", Level::Inactive)),
        ("08:15", show("table-in-use", Level::Active)),
        ("09:45", show("table-in-use", Level::Inactive)),
        ("09:46", show("door", Level::Active)),
        ("09:48", show("door", Level::Inactive)),
        ("09:52", show("table-in-use", Level::Active)),
        ("11:30", show("table-in-use", Level::Inactive)),
    ];
    let alive = alive(None).into_iter().map(|at| (at, Observation::Alive(Alive {})));
    let all = said.map(|(time, obs)| (at(time), obs)).into_iter().chain(alive);
    (1..).zip(all).map(|(seq, (at, obs))| record(seq, at, obs)).collect()
}

fn timeline(kind: RoomKind, records: &[Record], occupancy: Option<OccupancyRules>) -> RoomTimeline {
    let room = Room {
        trust: TrustId::new("north").unwrap(),
        site: SiteId::new("main").unwrap(),
        room: RoomId::new("cath-1").unwrap(),
        kind,
        zone: London,
    };
    let mut timeline = RoomTimeline::new(room).inferring(occupancy);
    for record in records {
        timeline.insert(record);
    }
    timeline
}

#[test]
fn a_cath_lab_with_signals_alone_is_measured_and_says_that_it_is_inferred() {
    let records = sensors_only();
    let timeline = timeline(RoomKind::CathLab, &records, Some(rules()));
    let facts = timeline.facts(&Precedence::default());
    let result = measure_room(timeline.room(), &facts, &RuleSet::default(), at("18:00"), Detail::Figures);
    let [session] = &result.sessions[..] else { panic!("{:?}", result.sessions) };
    let figures = &session.figures;
    assert_eq!((figures.capped, figures.late_start), (Minutes::whole(90 + 98), Some(Minutes::whole(15))));
    assert_eq!((figures.gaps_in_session, figures.early_finish), (Minutes::whole(7), Some(Minutes::whole(30))));
    assert_eq!(figures.cases_completed, 2);
    assert!(session.quality.contains(&QualityFlag::InferredOccupancy), "{:?}", session.quality);
}

#[test]
fn a_scanner_with_signals_alone_has_inferred_exams_and_none_that_are_completed() {
    let records = sensors_only();
    let timeline = timeline(RoomKind::Ct, &records, Some(rules()));
    let (rules, settings, targets) = (RuleSet::default(), ScannerRules::default(), Targets::built_in());
    let under = Conditions { rules: &rules, scanner: &settings, closures: &[], targets: &targets };
    let result =
        scanner::measure_room(timeline.room(), &timeline.scanner_facts(&Precedence::default()), under, at("18:00"));
    let [session] = &result.sessions[..] else { panic!("{:?}", result.sessions) };
    let figures = &session.figures;
    assert_eq!((figures.exams_inferred, figures.exams_completed), (2, 0));
    assert_eq!((figures.occupied, figures.productive), (Minutes::whole(188), Minutes::ZERO));
    assert_eq!(figures.changeovers, [Minutes::whole(7)]);
    assert!(session.quality.contains(&ScannerFlag::InferredOccupancy), "{:?}", session.quality);
}

#[test]
fn without_rules_signals_are_no_cases() {
    let timeline = timeline(RoomKind::CathLab, &sensors_only(), None);
    assert_eq!(timeline.facts(&Precedence::default()).cases, []);
}

proptest! {
    #[test]
    fn signals_in_any_order_and_repeated_give_the_same_cases(
        shuffled in Just(sensors_only()).prop_shuffle(),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let expected = timeline(RoomKind::CathLab, &sensors_only(), Some(rules()));
        let mut twice = shuffled.clone();
        twice.extend(again.iter().map(|index| index.get(&shuffled).clone()));
        let found = timeline(RoomKind::CathLab, &twice, Some(rules()));
        prop_assert_eq!(found.facts(&Precedence::default()), expected.facts(&Precedence::default()));
    }
}
