//! What a page of trends costs over five years of one trust: 30 theatres, a list each working day.

#[path = "../tests/fixture/mod.rs"]
#[allow(dead_code, unused_imports, reason = "its boards are for the tests")]
mod fixture;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use utilisation::rules::RuleSet;

const ROOMS: u32 = 30;
/// As many lists as five years of 250 working days have; on one day a week each.
const LISTS_OF_A_ROOM: i64 = 1250;

fn five_years() -> board::history::History {
    let mut history = fixture::past::history(ROOMS, LISTS_OF_A_ROOM);
    // Five lists a week instead of one: 260 weeks.
    let first = chrono::NaiveDate::from_ymd_opt(2022, 1, 3).expect("a date");
    for list in &mut history.lists {
        let week = (list.session.local_date - first).num_days() / 7;
        let days = week / 5 * 7 + week % 5;
        list.session.local_date = first + chrono::Days::new(days.unsigned_abs());
    }
    history.today = first + chrono::Days::new(LISTS_OF_A_ROOM.unsigned_abs() / 5 * 7);
    history
}

fn trends(c: &mut Criterion) {
    let history = five_years();
    let rules = RuleSet::default();
    for query in ["period=month", "period=week", "period=week&room=suite-7", "by=specialty&measure=late_start_share"] {
        c.bench_function(query, |b| b.iter(|| board::trends_html(black_box(&history), query, &rules)));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = trends
}
criterion_main!(benches);
