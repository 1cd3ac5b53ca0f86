//! Networks that fail without telling.

use std::time::Duration;

use touchtime_tests::plant::{Broker, Plant};
use touchtime_tests::proxy::{Lies, Proxy, Weather};
use touchtime_tests::random::Random;

use crate::oracle::{check, places, rounds};

/// Changes the weather of one of the two lines, or of both, at random places; it clears after `outage`.
fn storms(plant: &mut Plant, random: &mut Random, weather: Weather, outage: Duration, count: usize) {
    for place in places(random, count) {
        let line = plant.agents_line.clone();
        if !line.await_passed(place, || plant.is_done()) {
            return;
        }
        let lines: [&[&Proxy]; 3] =
            [&[&plant.agents_line], &[&plant.collector_line], &[&plant.agents_line, &plant.collector_line]];
        let hit = lines[usize::try_from(random.below(3)).unwrap_or(0)];
        hit.iter().for_each(|line| line.set_weather(weather));
        std::thread::sleep(outage);
        hit.iter().for_each(|line| line.set_weather(Weather::Fair));
    }
}

pub fn cut() {
    rounds("line cut", |seed, random| {
        let mut plant = Plant::start(Broker::Embedded, seed);
        storms(&mut plant, random, Weather::Cut, Duration::from_millis(300), 4);
        check(&mut plant)
    });
}

pub fn half_open() {
    rounds("line half-open", |seed, random| {
        let mut plant = Plant::start(Broker::Embedded, seed);
        // Longer than one and a half of the agents' keep-alive of 5 s.
        storms(&mut plant, random, Weather::HalfOpen, Duration::from_secs(8), 1);
        check(&mut plant)
    });
}

pub fn slow() {
    rounds("40 ms there and back", |seed, _| {
        let mut plant = Plant::start(Broker::Embedded, seed);
        plant.agents_line.set_delay(Duration::from_millis(20));
        plant.collector_line.set_delay(Duration::from_millis(20));
        check(&mut plant)
    });
}

pub fn lies() {
    rounds("messages thrown away", |seed, _| {
        let mut plant = Plant::start(Broker::Embedded, seed);
        plant.agents_line.set_lies(Lies { to_broker: 2, to_client: 20 });
        plant.collector_line.set_lies(Lies { to_broker: 10, to_client: 2 });
        let stored = check(&mut plant);
        assert!(plant.agents_line.dropped() > 0, "nothing was thrown away");
        stored
    });
}
