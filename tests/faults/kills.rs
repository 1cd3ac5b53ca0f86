//! Processes killed with SIGKILL.

use std::time::Duration;

use touchtime_tests::plant::{Broker, Plant};
use touchtime_tests::random::Random;

use crate::oracle::{check, places, rounds};

/// So often in each round.
const KILLS: usize = 3;

/// At each place of the transfer `kill`, and after a pause whatever is missing is started again.
fn strike(plant: &mut Plant, random: &mut Random, mut kill: impl FnMut(&mut Plant, &mut Random)) {
    for (struck, place) in places(random, KILLS).into_iter().enumerate() {
        let line = plant.agents_line.clone();
        if !line.await_passed(place, || plant.is_done()) {
            assert!(struck > 0, "all was over before anything was killed");
            return;
        }
        kill(plant, random);
        // How long the outage is, not how long something takes.
        std::thread::sleep(Duration::from_millis(random.below(400)));
        plant.start_missing();
    }
}

pub fn agents() {
    rounds("agents killed", |seed, random| {
        let mut plant = Plant::start(Broker::Embedded, seed);
        let kill = |plant: &mut Plant, random: &mut Random| {
            for n in 0..plant.agents() {
                if random.below(2) == 0 {
                    plant.kill_agent(n);
                }
            }
        };
        // While they write the cases into their outboxes, which is over before much is sent.
        for n in 0..plant.agents() {
            plant.await_outbox(n);
            std::thread::sleep(Duration::from_millis(random.below(30)));
            plant.kill_agent(n);
        }
        plant.start_missing();
        strike(&mut plant, random, kill);
        check(&mut plant)
    });
}

pub fn collector() {
    rounds("collector killed", |seed, random| {
        let mut plant = Plant::start(Broker::Embedded, seed);
        strike(&mut plant, random, |plant, _| plant.kill_collector());
        check(&mut plant)
    });
}

pub fn broker(kind: Broker, wipe: bool) {
    rounds("broker killed", |seed, random| {
        let mut plant = Plant::start(kind, seed);
        strike(&mut plant, random, |plant, _| plant.kill_broker(wipe));
        check(&mut plant)
    });
}

pub fn everything() {
    rounds("everything killed", |seed, random| {
        let mut plant = Plant::start(Broker::Embedded, seed);
        strike(&mut plant, random, |plant, _| {
            plant.kill_broker(false);
            plant.kill_collector();
            (0..plant.agents()).for_each(|n| plant.kill_agent(n));
        });
        check(&mut plant)
    });
}
