use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::mpsc;

use super::super::fixture::{DOOR, INTO_THEATRE, clock, lines};
use super::*;

/// Lines that hand over edges in these portions; the levels are those after the last edge, or as given.
#[derive(Default)]
struct Scripted {
    portions: VecDeque<Vec<Edge>>,
    levels: [Option<Level>; 3],
    is_away: bool,
}

impl Inputs for Scripted {
    fn wait(&mut self, _: Duration) -> anyhow::Result<()> {
        anyhow::ensure!(!self.is_away, "the chip is away");
        Ok(())
    }

    fn take_edges(&mut self, edges: &mut Vec<Edge>) -> anyhow::Result<bool> {
        for edge in self.portions.pop_front().unwrap_or_default() {
            self.levels[edge.line] = Some(edge.level);
            edges.push(edge);
        }
        Ok(self.portions.is_empty())
    }

    fn level(&mut self, line: usize) -> anyhow::Result<Level> {
        // At rest: buttons up, door shut.
        Ok(self.levels[line].unwrap_or(if line == DOOR { Level::Low } else { Level::High }))
    }
}

fn reader() -> (Reader, mpsc::Receiver<Told>) {
    let (tell, told) = mpsc::channel(100);
    let after_loss = Duration::from_millis(1);
    (Reader { lines: lines(), long_press_ms: 2_000, clock: clock(), after_loss, tell }, told)
}

/// How late the edges are read: longer than any test waits, shorter than a machine has run.
const LATE_MS: u64 = 60_000;

/// What is told of these portions of edges, whose times are counted from a minute ago.
fn told_late(portions: &[&[(usize, Level, u64)]]) -> Vec<(usize, String, i64)> {
    let (reader, _told) = reader();
    let minute_ago = reader.clock.monotonic_ms() - LATE_MS;
    let edge = |&(line, level, at): &(usize, Level, u64)| Edge { line, level, at: minute_ago + at };
    let portions: VecDeque<Vec<Edge>> = portions.iter().map(|portion| portion.iter().map(edge).collect()).collect();
    let rounds = portions.len();
    let mut watch = Watch::start(&reader, Scripted { portions, ..Scripted::default() }).unwrap();
    let mut told = Vec::new();
    for _ in 0..rounds {
        watch.look(&mut told).unwrap();
    }
    let since = |at: UtcMillis| at.millis_since(reader.clock.time_of(minute_ago));
    told.iter()
        .map(|one| match one {
            Told::Shows(line, level, at) => (*line, level.to_string(), since(*at)),
            Told::Pressed(line, kind, at) => (*line, format!("{kind:?}"), since(*at)),
            Told::Opened(..) | Told::Lost(_) => panic!("{one:?}"),
        })
        .collect()
}

/// The clock is read again for each conversion, and may be read a little later.
fn check(told: &[(usize, String, i64)], expected: &[(usize, &str, i64)]) {
    let is_near = |a: i64, b: i64| (a - b).abs() < 1_000;
    let is_same = told.len() == expected.len()
        && told.iter().zip(expected).all(|(a, b)| a.0 == b.0 && a.1 == b.1 && is_near(a.2, b.2));
    assert!(is_same, "{told:?}\nexpected {expected:?}");
}

#[test]
fn edges_that_waited_are_placed_when_they_happened() {
    let edges = [
        (INTO_THEATRE, Level::Low, 10_000),
        (INTO_THEATRE, Level::High, 10_200),
        (DOOR, Level::High, 5_000),
        (DOOR, Level::Low, 30_000),
    ];
    check(
        &told_late(&[&edges]),
        &[(DOOR, "active", 5_000), (INTO_THEATRE, "Short", 10_000), (DOOR, "inactive", 30_000)],
    );
}

#[test]
fn no_time_passes_while_edges_wait() {
    let press = [(INTO_THEATRE, Level::Low, 10_000)];
    let bounce = [(INTO_THEATRE, Level::High, 10_020), (INTO_THEATRE, Level::Low, 10_040)];
    let release = [(INTO_THEATRE, Level::High, 13_000)];
    check(&told_late(&[&press, &bounce, &release]), &[(INTO_THEATRE, "Long", 10_000)]);
}

#[test]
fn an_edge_that_the_kernel_dropped_is_made_up_from_the_level() {
    let (reader, _told) = reader();
    let mut watch = Watch::start(&reader, Scripted::default()).unwrap();
    watch.lines.levels[DOOR] = Some(Level::High);
    let mut told = Vec::new();
    while told.is_empty() {
        watch.look(&mut told).unwrap();
    }
    assert!(matches!(told.as_slice(), [Told::Shows(DOOR, Reported::Active, _)]), "{told:?}");
}

#[test]
fn a_chip_that_goes_away_is_told_once_and_watched_again_when_it_is_back() {
    let (reader, mut told) = reader();
    // Away, away, there for a moment, away, there.
    let tries = Mutex::new(VecDeque::from([None, None, Some(true), None, Some(false)]));
    let open = move || match tries.lock().unwrap().pop_front() {
        Some(Some(is_away)) => Ok(Scripted { is_away, ..Scripted::default() }),
        Some(None) | None => anyhow::bail!("no such chip"),
    };
    let running = std::thread::spawn(move || reader.run(open));
    let mut next = || told.blocking_recv().unwrap();
    assert!(matches!(next(), Told::Lost(_)));
    let at_rest = vec![Reported::Inactive; 3];
    assert!(matches!(next(), Told::Opened(shown, _) if shown == at_rest));
    assert!(matches!(next(), Told::Lost(_)));
    assert!(matches!(next(), Told::Opened(..)));
    drop(told);
    running.join().unwrap();
}
