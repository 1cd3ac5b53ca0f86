//! Disks that are full: nothing crashes, nothing that was accepted is lost, and work goes on when there is space again.

use std::time::Duration;

use touchtime_tests::disk::Disk;
use touchtime_tests::peer::await_that;
use touchtime_tests::plant::{Broker, Plant};

use crate::oracle::{check_in, places, rounds};

/// Each agent's disk is too small for its cases: the feed waits until the collector has taken some away.
pub fn agents() {
    rounds("agents' disks too small", |seed, random| {
        let dir = tempfile::tempdir().expect("a folder");
        let (outboxes, store) = (dir.path().join("agents"), dir.path().join("store"));
        let mut plant = Plant::prepare(dir.path(), &outboxes, &store, Broker::Embedded, seed);
        let small = |n: usize| Disk::mount(&outboxes.join(n.to_string()), LEAST_KIB + random.below(300));
        let disks: Vec<Disk> = (0..plant.agents()).map(small).map(|disk| disk.expect("may mount")).collect();
        plant.start_broker();
        (0..plant.agents()).for_each(|n| plant.start_agent(n));
        plant.await_log("the feed waits");
        plant.start_collector();
        let stored = check_in(&mut plant, &store);
        drop(plant);
        drop(disks);
        stored
    });
}

/// Room for an outbox with its ballast, and for a part of the cases.
const LEAST_KIB: u64 = 4 * 1024 + 600;

/// The collector's disk is full for a while.
pub fn collector() {
    rounds("collector's disk full", |seed, random| {
        let dir = tempfile::tempdir().expect("a folder");
        let disk = Disk::mount(&dir.path().join("store"), 40_000).expect("may mount");
        let mut plant = Plant::prepare(dir.path(), &dir.path().join("agents"), &disk.path, Broker::Embedded, seed);
        plant.start_missing();
        for place in places(random, 2) {
            let line = plant.agents_line.clone();
            if !line.await_passed(place, || plant.is_done()) {
                break;
            }
            let before = plant.said("collector", DISK_IS_FULL);
            disk.fill();
            // The database may have some space of its own left.
            await_that("the disk is full for the collector", || {
                plant.said("collector", DISK_IS_FULL) > before || plant.is_done()
            });
            std::thread::sleep(Duration::from_millis(random.below(1500)));
            disk.free();
        }
        assert!(plant.said("collector", DISK_IS_FULL) > 0, "the disk was never full for the collector");
        check_in(&mut plant, &disk.path)
    });
}

const DISK_IS_FULL: &str = "disk is full";
