//! What every fault test asks at the end, and how rounds are counted.

use std::path::Path;
use std::sync::OnceLock;

use touchtime_tests::plant::{Plant, Stored, undisturbed};
use touchtime_tests::programs::{cases, mapping, note, run, touchtime};
use touchtime_tests::random::Random;

/// Runs the rounds asked for, each with its seed.
pub fn rounds(what: &str, mut round: impl FnMut(u64, &mut Random) -> Stored) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("TOUCHTIME_FAULT_SEED").unwrap_or(1);
    for seed in first..first + number("TOUCHTIME_FAULT_ROUNDS").unwrap_or(3) {
        // What is printed is shown when the test fails.
        note(&format!("{what}: seed {seed}"));
        let begun = std::time::Instant::now();
        let stored = round(seed, &mut Random::new(seed));
        note(&format!(
            "{what}: seed {seed}: {} events in {} streams, {:.1} s",
            stored.events(),
            stored.streams.len(),
            begun.elapsed().as_secs_f64()
        ));
    }
}

/// Random places of the transfer, in bytes sent by the agents, in order. The first lies in its first half, so that it is
/// always reached; by repeating less than the undisturbed run did, a transfer can be over before a late place.
pub fn places(random: &mut Random, count: usize) -> Vec<u64> {
    let (_, bytes) = undisturbed();
    let mut places = vec![1 + random.below(bytes / 2)];
    places.extend((1..count).map(|_| 1 + random.below(bytes * 9 / 10)));
    places.sort_unstable();
    places
}

/// All has arrived, once, and the figures are those of an undisturbed run.
pub fn check(plant: &mut Plant) -> Stored {
    let store = plant.store();
    check_in(plant, &store)
}

/// [`check`] for a store that lies elsewhere.
pub fn check_in(plant: &mut Plant, store: &Path) -> Stored {
    plant.finish();
    let found = plant.stored(store);
    let (expected, _) = undisturbed();
    for (observation, count) in &expected.observations {
        assert_eq!(
            found.observations.get(observation),
            Some(count),
            "lost or doubled: {observation}\n{}",
            plant.logs()
        );
    }
    let more: Vec<_> = found.observations.keys().filter(|known| !expected.observations.contains_key(*known)).collect();
    assert!(more.is_empty(), "out of nowhere: {more:?}");
    for (stream, seqs) in &found.streams {
        assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "stream {stream} has holes: {seqs:?}");
    }
    for n in 0..plant.agents() {
        let said = plant.outbox(n);
        assert!(said.contains("lost      0\n"), "{said}");
    }
    for (by, expected) in from_extract() {
        assert_eq!(&sorted(&from_store(by, store)), expected, "{by}");
    }
    found
}

fn from_store(by: &str, store: &Path) -> String {
    run(touchtime().args(["report", by, "--format", "csv", "--store"]).arg(store)).good()
}

/// Each report of the extract itself; made once.
fn from_extract() -> &'static [(&'static str, Vec<String>); 3] {
    static REPORTS: OnceLock<[(&str, Vec<String>); 3]> = OnceLock::new();
    REPORTS.get_or_init(|| {
        ["sessions", "rooms", "system"].map(|by| {
            let mut command = touchtime();
            command.args(["report", by, "--format", "csv", "--cases"]).arg(cases()).arg("--mapping").arg(mapping());
            (by, sorted(&run(&mut command).good()))
        })
    })
}

/// Lines in any order; an extract does not name its trust.
fn sorted(csv: &str) -> Vec<String> {
    let without_trust =
        |line: &str| line.split(',').filter(|value| !matches!(*value, "demo" | "local")).collect::<Vec<_>>().join(",");
    let mut lines: Vec<String> = csv.lines().map(without_trust).collect();
    lines.sort();
    lines
}
