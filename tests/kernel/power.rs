//! Power cuts at random moments: a press that the light confirmed is never lost.

use std::time::Duration;

use touchtime_tests::guest::Guest;
use touchtime_tests::programs::note;
use touchtime_tests::random::Random;

use crate::site::{LIGHT, Site, buttons, start_watching};

/// The power is cut at some moment of so long, which takes in about three presses.
const WITHIN_MS: u64 = 9_000;

const MOST_ERROR_MICROS: i128 = 5_000;

/// What the hand saw of a press.
#[derive(Debug, Clone, Copy)]
struct Seen {
    before: i128,
    after: i128,
    is_lit: bool,
}

/// Every press that was confirmed is stored once, at its time; of the others, those of the moment of a cut may be.
pub fn no_confirmed_press_is_lost() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cuts = number("TOUCHTIME_POWER_CUTS").unwrap_or(5);
    let seed = number("TOUCHTIME_FAULT_SEED").unwrap_or(1);
    let mut random = Random::new(seed);
    let site = Site::start(64);
    let mut seen: Vec<Seen> = Vec::new();
    for cut in 0..cuts {
        let mut guest = boot(&site, cut == 0);
        let moment = Duration::from_millis(1 + random.below(WITHIN_MS));
        let said = guest.watch(&format!("hand presses {} 100 {LIGHT}", seen.len()), moment);
        guest.cut_power();
        add(&mut seen, &said);
    }
    let mut guest = boot(&site, false);
    let last = guest.run(&format!("hand presses {} 1 {LIGHT}", seen.len()));
    add(&mut seen, &last.lines().map(str::to_owned).collect::<Vec<_>>());
    let confirmed: Vec<&Seen> = seen.iter().filter(|press| press.is_lit).collect();
    note(&format!("seed {seed}: {cuts} cuts, {} presses, {} of them confirmed", seen.len(), confirmed.len()));
    assert!(
        confirmed.last().is_some_and(|press| press.before == seen[seen.len() - 1].before),
        "the last was not confirmed"
    );
    let events = site.await_events("every confirmed press is stored", |events| {
        let at = instants(events);
        confirmed.iter().all(|press| count(&at, press) > 0)
    });
    let at = instants(&events);
    for press in &seen {
        let stored = count(&at, press);
        assert!(stored == 1 || stored == 0 && !press.is_lit, "stored {stored} times: {press:?}");
    }
    let stored_of_seen: usize = seen.iter().map(|press| count(&at, press)).sum();
    assert_eq!(stored_of_seen, at.len(), "a press out of nowhere");
}

fn boot(site: &Site, is_first: bool) -> Guest {
    let mut guest = Guest::boot(site.dir(), None);
    if is_first {
        guest.write("/data/agent.toml", &site.configuration(&buttons()));
        guest.run("sync");
    }
    start_watching(&mut guest);
    guest
}

fn add(seen: &mut Vec<Seen>, said: &[String]) {
    for line in said {
        let words: Vec<&str> = line.split(' ').collect();
        // The last line may be cut.
        match words.as_slice() {
            ["pressed", _, _, before, after] if after.len() == before.len() => {
                let number = |text: &str| text.parse().expect("a number");
                seen.push(Seen { before: number(before), after: number(after), is_lit: false });
            }
            ["lit", _] => seen.last_mut().expect("a press before its light").is_lit = true,
            _ => {}
        }
    }
}

/// When the stored milestones were, in microseconds.
fn instants(events: &[serde_json::Value]) -> Vec<i128> {
    let milestones = events.iter().map(|event| &event["event"]).filter(|event| event["obs"].get("milestone").is_some());
    milestones.map(|event| i128::from(event["at"].as_i64().expect("an instant")) * 1000).collect()
}

fn count(at: &[i128], press: &Seen) -> usize {
    let span = press.before - MOST_ERROR_MICROS..press.after + MOST_ERROR_MICROS;
    at.iter().filter(|at| span.contains(at)).count()
}
