//! What measuring costs: one list, a room of 42 lists, a room's day after one event, and the country's lists.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use room_events::{Label, ListKind, Milestone, RoomId, RoomKind, SessionKey, SiteId, Token, TrustId, UtcMillis};
use utilisation::facts::{Case, Plan, Room, RoomFacts, SessionPlan};
use utilisation::forecast::Forecaster;
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;
use utilisation::theatre::{Detail, TypicalHistory, fill_extra_cases, measure_room};

const LISTS_OF_A_ROOM: usize = 42;
/// A year of elective lists of some 1,200 theatres.
const LISTS_OF_THE_COUNTRY: usize = 312_000;

fn room() -> Room {
    Room {
        trust: TrustId::new("trust").expect("an id"),
        site: SiteId::new("main").expect("an id"),
        room: RoomId::new("suite-1").expect("an id"),
        kind: RoomKind::Theatre,
        zone: chrono_tz::Europe::London,
    }
}

/// Working days of 07:00 to 15:00 with four or five cases, as in the bundled case file.
fn facts(lists: usize) -> RoomFacts {
    let monday = UtcMillis::saturating(1_641_193_200_000);
    let mut facts = RoomFacts::default();
    for day in 0..lists {
        let start = monday.plus_minutes(24 * 60 * i64::try_from(day).expect("a day"));
        let key = SessionKey::new(&format!("day-{day}")).expect("a key");
        let mut from = start.plus_minutes(7);
        for case in 0..4 + day % 2 {
            let mut one = Case::new(Token { key: 1, digest: (day * 8 + case) as u128 });
            one.booked_start = Some(start.plus_minutes(100 * i64::try_from(case).expect("a case")));
            one.booked_minutes = Some(90);
            one.session = Some(key.clone());
            one.specialty = Label::fitted("Orthopaedics");
            one.stamps.set(Milestone::IntoTheatre, Some(from));
            one.stamps.set(Milestone::ProcedureStart, Some(from.plus_minutes(25)));
            one.stamps.set(Milestone::ProcedureEnd, Some(from.plus_minutes(70)));
            one.stamps.set(Milestone::OutOfTheatre, Some(from.plus_minutes(82)));
            facts.cases.push(one);
            from = from.plus_minutes(112);
        }
        let plan = Plan {
            start,
            end: start.plus_minutes(480),
            specialty: Label::fitted("Orthopaedics"),
            team: None,
            kind: ListKind::Elective,
            cases: None,
            issued: None,
            withdrawn: false,
        };
        facts.sessions.push(SessionPlan { key, revisions: vec![plan] });
    }
    facts
}

fn rollup(c: &mut Criterion) {
    let (room, rules) = (room(), RuleSet::default());
    let later = UtcMillis::saturating(1_700_000_000_000);

    let (one, all) = (facts(1), facts(LISTS_OF_A_ROOM));
    c.bench_function("one list, figures", |b| {
        b.iter(|| measure_room(&room, black_box(&one), &rules, later, Detail::Figures))
    });
    c.bench_function("one list, audit", |b| {
        b.iter(|| measure_room(&room, black_box(&one), &rules, later, Detail::Audit))
    });
    c.bench_function("a room of 42 lists, figures", |b| {
        b.iter(|| measure_room(&room, black_box(&all), &rules, later, Detail::Figures))
    });

    // Yesterday, today and tomorrow, since a case may belong to a neighbouring list; the event moves one stamp.
    let mut days = facts(3);
    let noon = days.sessions[1].revisions[0].start.plus_minutes(300);
    c.bench_function("a room's day after one event", |b| {
        b.iter(|| {
            let out = days.cases[6].stamps.get(Milestone::OutOfTheatre).map(|at| at.plus_millis(1));
            days.cases[6].stamps.set(Milestone::OutOfTheatre, out);
            measure_room(&room, black_box(&days), &rules, noon, Detail::Audit)
        });
    });

    let lists = measure_room(&room, &all, &rules, later, Detail::Figures).sessions;
    let forecaster = Forecaster::fit(&lists);
    let (list, begun) = (&lists[1], lists[1].planned_start.plus_minutes(30));
    c.bench_function("a forecast with four of five cases to come", |b| {
        b.iter(|| forecaster.replay(black_box(list), begun));
    });
    c.bench_function("what forecasts are made from, 42 lists", |b| b.iter(|| Forecaster::fit(black_box(&lists))));

    let mut country = c.benchmark_group("the country");
    country.sample_size(10).throughput(Throughput::Elements(LISTS_OF_THE_COUNTRY as u64));
    country.bench_function("312,000 lists, room by room", |b| {
        b.iter(|| {
            for _ in 0..LISTS_OF_THE_COUNTRY.div_ceil(LISTS_OF_A_ROOM) {
                black_box(measure_room(&room, black_box(&all), &rules, later, Detail::Figures));
            }
        });
    });
    let mut sessions: Vec<SessionResult> = Vec::new();
    while sessions.len() < LISTS_OF_THE_COUNTRY / 10 {
        sessions.extend(measure_room(&room, &all, &rules, later, Detail::Figures).sessions);
    }
    let mut history = TypicalHistory::default();
    history.record(&sessions);
    country.throughput(Throughput::Elements(sessions.len() as u64));
    country.bench_function("extra cases of 31,200 lists", |b| {
        b.iter(|| fill_extra_cases(black_box(&mut sessions), &history, &rules));
    });
}

criterion_group!(benches, rollup);
criterion_main!(benches);
