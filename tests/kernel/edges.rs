//! Edges of input lines: every one arrives, at the time when the line moved.

use std::collections::BTreeMap;

use touchtime_tests::guest::Guest;
use touchtime_tests::programs::note;

use crate::site::{Site, signals, start_watching};

/// The most that an event's time may differ from the moment at which the line moved.
const MOST_ERROR_MICROS: i128 = 5_000;

/// A contact that settles within this does not bounce: half of the debounce time.
const BOUNCES_BELOW_MICROS: u128 = 25_000;

/// An edge that the hand made: its level, and the instants just before and after, in microseconds.
type Made = (bool, i128, i128);

/// By line.
type ByLine<T> = BTreeMap<String, Vec<T>>;

pub fn all_arrive() {
    let site = Site::start(64);
    let mut guest = Guest::boot(site.dir(), None);
    guest.write("/data/agent.toml", &site.configuration(&signals(8)));
    start_watching(&mut guest);
    let (made, _) = made_edges(&guest.run("hand edges 8 2000 10000 0"));
    check(&site, &made, 2000);
}

/// The same on a network that holds every packet up and loses one in ten.
pub fn a_poor_network_loses_none() {
    let site = Site::start(64);
    let mut guest = Guest::boot(site.dir(), None);
    guest.write("/data/agent.toml", &site.configuration(&signals(8)));
    guest.run("/sbin/tc qdisc add dev eth0 root netem delay 150ms 50ms loss 10%");
    start_watching(&mut guest);
    let (made, _) = made_edges(&guest.run("hand edges 8 400 10000 0"));
    check(&site, &made, 400);
}

/// Bursts and spikes. A guest that is held up by this machine bounces too slowly: then the next one tries.
pub fn bounce_is_ignored() {
    for _ in 0..5 {
        let site = Site::start(64);
        let mut guest = Guest::boot(site.dir(), None);
        guest.write("/data/agent.toml", &site.configuration(&signals(4)));
        start_watching(&mut guest);
        let (made, longest) = made_edges(&guest.run("hand edges 4 100 1000 3"));
        if longest < BOUNCES_BELOW_MICROS {
            check(&site, &made, 100);
            return;
        }
        note(&format!("the guest was held up for {longest} us: again"));
    }
    panic!("this machine held the guest up in all of five runs");
}

/// Waits for that many changes, and holds them against the edges that were made.
fn check(site: &Site, made: &ByLine<Made>, count: usize) {
    assert_eq!(made.values().map(Vec::len).sum::<usize>(), count);
    let events = site.await_events(&format!("{count} changes arrive"), |events| {
        changes(events).values().map(Vec::len).sum::<usize>() >= count
    });
    let arrived = changes(&events);
    let mut worst = 0;
    for (line, made) in made {
        let arrived = arrived.get(line).map_or(&[][..], Vec::as_slice);
        let levels = |all: &mut dyn Iterator<Item = bool>| all.collect::<Vec<_>>();
        assert_eq!(
            levels(&mut arrived.iter().map(|(level, _)| *level)),
            levels(&mut made.iter().map(|(level, ..)| *level)),
            "{line}"
        );
        for ((_, at), (_, before, after)) in arrived.iter().zip(made) {
            let error = (before - at).max(at - after).max(0);
            assert!(error < MOST_ERROR_MICROS, "{line}: {error} us off");
            worst = worst.max(error);
        }
    }
    note(&format!("{count} edges, the worst {worst} us before or after the line moved"));
}

/// The signals' changes in order of their times, in microseconds; the levels that an agent reads at its start are none.
fn changes(events: &[serde_json::Value]) -> ByLine<(bool, i128)> {
    let mut by_line = ByLine::new();
    for event in events {
        let Some(shown) = event["event"]["obs"].get("signal_level") else { continue };
        let name = shown["signal"].as_str().expect("a name").to_owned();
        let level = match shown["level"].as_str() {
            Some("active") => true,
            Some("inactive") => false,
            other => panic!("{name} shows {other:?}"),
        };
        let at = event["event"]["at"].as_i64().expect("an instant");
        by_line.entry(name).or_insert_with(Vec::new).push((level, i128::from(at) * 1000));
    }
    for shown in by_line.values_mut() {
        shown.sort_by_key(|(_, at)| *at);
        shown.remove(0);
    }
    by_line
}

/// What the hand noted: the edges by line, and the longest pause within a burst.
fn made_edges(notes: &str) -> (ByLine<Made>, u128) {
    let mut by_line = ByLine::new();
    let mut longest = u128::MAX;
    for line in notes.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<i128>().expect("a number");
        match words[0] {
            "longest" => longest = words[1].parse().expect("a number"),
            n => by_line.entry(format!("door-{n}")).or_insert_with(Vec::new).push((
                words[1] == "high",
                number(2),
                number(3),
            )),
        }
    }
    (by_line, longest)
}
