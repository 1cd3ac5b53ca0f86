//! A national year of session rows, 312,000 of them, to CSV in memory on one core.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a bench is a test")]

#[path = "../tests/made_sessions/mod.rs"]
mod made_sessions;

use criterion::{Criterion, criterion_group, criterion_main};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::hint::black_box;
use utilisation::quantity::Minutes;
use utilisation::result::{SessionResult, SessionState};
use utilisation::rows::{session_row, write_csv_row, write_csv_values};

const ROWS: usize = 312_000;

/// Closed lists with whole minutes, as nearly all are; distinct enough that nothing is cached by accident.
fn sessions() -> Vec<SessionResult> {
    let mut runner = TestRunner::deterministic();
    let strategy = made_sessions::any_session();
    let whole = |minutes: Minutes| Minutes::whole(minutes.millis() / 60_000).at_least_zero();
    (0..1000)
        .filter_map(|_| strategy.new_tree(&mut runner).ok())
        .map(|tree| {
            let mut session = tree.current();
            session.id = "main.suite-1.2022-01-03.0700".to_owned();
            session.rule_set = "girft-2024.1".to_owned();
            session.state = SessionState::Closed;
            let f = &mut session.figures;
            for minutes in [
                &mut f.planned,
                &mut f.touch,
                &mut f.capped,
                &mut f.capped_sum,
                &mut f.capped_duration,
                &mut f.overlap,
                &mut f.unknown,
                &mut f.gaps_in_session,
                &mut f.turnover,
                &mut f.late_due_to_previous,
            ] {
                *minutes = whole(*minutes);
            }
            f.planned = Minutes::whole(240) + f.overlap;
            for known in [&mut f.late_start, &mut f.early_start, &mut f.early_finish, &mut f.overrun] {
                *known = Some(whole(known.unwrap_or_default()));
            }
            session
        })
        .collect()
}

fn session_rows(c: &mut Criterion) {
    let sessions = sessions();
    let mut group = c.benchmark_group("session_rows");
    group.sample_size(10);
    group.bench_function("write_csv_row, 312,000 rows", |b| {
        b.iter(|| {
            let mut out = Vec::new();
            for session in sessions.iter().cycle().take(ROWS) {
                write_csv_row(session, &mut out);
            }
            black_box(out)
        });
    });
    group.bench_function("write_csv_values, 312,000 rows", |b| {
        b.iter(|| {
            let mut out = Vec::new();
            for session in sessions.iter().cycle().take(ROWS) {
                write_csv_values(&session_row(session), &mut out);
            }
            black_box(out)
        });
    });
    group.finish();
}

criterion_group!(benches, session_rows);
criterion_main!(benches);
