//! A full disk: the light says which presses are kept, and the collector hears how many were not.

use touchtime_tests::guest::Guest;
use touchtime_tests::programs::note;

use crate::site::{LIGHT, Site, buttons, start_watching};

/// Presses while the disk is full. The outbox has room for some of them in what it reserved before.
const WHILE_FULL: usize = 12;

pub fn full() {
    let site = Site::start(32);
    let mut guest = Guest::boot(site.dir(), None);
    guest.write("/data/agent.toml", &site.configuration(&buttons()));
    guest.run("ip link set eth0 down");
    start_watching(&mut guest);
    let before = confirmed(&guest.run(&format!("hand presses 0 1 {LIGHT}")));
    assert_eq!(before, 1);
    guest.ask("dd if=/dev/zero of=/data/filler bs=64k; dd if=/dev/zero of=/data/filler2 bs=1k");
    guest.ask("sync");
    let kept = confirmed(&guest.run(&format!("hand presses 1 {WHILE_FULL} {LIGHT}")));
    guest.run("rm /data/filler /data/filler2 && sync");
    let after = confirmed(&guest.run(&format!("hand presses {} 1 {LIGHT}", 1 + WHILE_FULL)));
    assert_eq!(
        after,
        1,
        "with space again a press is kept again:\n{}",
        guest.run("tail -n 60 /data/agent.log; df /data")
    );
    guest.run("ip link set eth0 up && ip route add default via 10.0.2.2");
    let events =
        site.await_events("all confirmed presses arrive", |events| milestones(events) >= before + kept + after);
    assert_eq!(milestones(&events), before + kept + after);
    let lost: u64 = events.iter().filter_map(|event| event["event"]["obs"]["events_lost"]["count"].as_u64()).sum();
    note(&format!("{kept} of {WHILE_FULL} presses were kept on the full disk, {lost} counted as lost"));
    assert!(kept < WHILE_FULL, "the disk was not full");
    assert_eq!(lost, (WHILE_FULL - kept) as u64);
}

fn confirmed(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with("confirmed ")).count()
}

fn milestones(events: &[serde_json::Value]) -> usize {
    events.iter().filter(|event| event["event"]["obs"].get("milestone").is_some()).count()
}
