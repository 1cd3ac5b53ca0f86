//! Networks that fail without telling.

use std::time::Duration;

use touchtime_tests::plant::{Broker, Plant};
use touchtime_tests::proxy::{Lies, Proxy, Weather};

use crate::oracle::{check, places, rounds};

/// So often in each round, and so long each time.
const CUTS: usize = 4;
const CUT_FOR: Duration = Duration::from_millis(300);

pub fn cut() {
    rounds("line cut", |seed, random| {
        let mut plant = Plant::start(Broker::Embedded, seed);
        for (struck, place) in places(random, CUTS).into_iter().enumerate() {
            let line = plant.agents_line.clone();
            if !line.await_passed(place, || plant.is_done()) {
                assert!(struck > 0, "all was over before a line was cut");
                break;
            }
            let lines: [&[&Proxy]; 3] =
                [&[&plant.agents_line], &[&plant.collector_line], &[&plant.agents_line, &plant.collector_line]];
            let hit = lines[usize::try_from(random.below(3)).unwrap_or(0)];
            hit.iter().for_each(|line| line.set_weather(Weather::Cut));
            std::thread::sleep(CUT_FOR);
            hit.iter().for_each(|line| line.set_weather(Weather::Fair));
        }
        check(&mut plant)
    });
}

/// Nothing tells a process that its line is half-open but the silence. One round in three is the collector's, too: its
/// keep-alive is longer.
pub fn half_open() {
    rounds("line half-open", |seed, random| {
        let mut plant = Plant::start(Broker::Embedded, seed);
        let line = plant.agents_line.clone();
        for place in places(random, 1) {
            assert!(line.await_passed(place, || plant.is_done()), "all was over before the line was half-open");
        }
        let is_collectors_too = seed % 3 == 1;
        if is_collectors_too {
            plant.collector_line.set_weather(Weather::HalfOpen);
        }
        plant.agents_line.set_weather(Weather::HalfOpen);
        plant.await_noticed(is_collectors_too);
        plant.collector_line.set_weather(Weather::Fair);
        plant.agents_line.set_weather(Weather::Fair);
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
