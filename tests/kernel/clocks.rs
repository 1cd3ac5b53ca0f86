//! Wrong clocks: the machine begins in another year, and a time server sets it right later.

use std::collections::BTreeMap;

use room_events::{Observation, Token};
use touchtime_tests::guest::Guest;
use touchtime_tests::programs::run;

use crate::site::{LIGHT, Site, buttons, start_watching};

/// The most that either end of a case may differ from the moment at which its button went down.
const MOST_ERROR_MS: i64 = 5;

/// Four presses, a case, by the wrong clock; then the right time, as a time service tells it; then four more.
fn corrected(base: &str, expected: &str) {
    let site = Site::start(64);
    let mut guest = Guest::boot(site.dir(), Some(base));
    guest.write("/data/agent.toml", &format!("{}[alive]\nevery-seconds = 10\n", site.configuration(&buttons())));
    start_watching(&mut guest);
    let by_wrong = pressed(&guest.run(&format!("hand presses 0 4 {LIGHT}")));
    site.await_events("the wrong clock is told as not set", |events| {
        milestones(events).len() == 4 && events.iter().all(|event| event["event"]["clock"] == "unset")
    });
    let now = run(std::process::Command::new("date").args(["-u", "+%Y-%m-%d %H:%M:%S"])).good();
    guest.run(&format!("date -u -s '{}' && hand steer", now.trim()));
    let by_right = pressed(&guest.run(&format!("hand presses 4 4 {LIGHT}")));
    let is_right = |event: &serde_json::Value| event["event"]["clock"] == "synchronised";
    site.await_events("the rest comes with the right clock", |events| {
        milestones(events).len() == 8 && milestones(events).iter().filter(|event| is_right(event)).count() == 4
    });

    // Of both cases the durations are those of the presses, and they lie as far apart as the presses did.
    let cases = cases(&site);
    assert_eq!(cases.len(), 2, "{cases:?}");
    for (case, presses) in cases.iter().zip([&by_wrong, &by_right]) {
        let made = presses.last().expect("four") - presses[0];
        assert!((case.end - case.start - made).abs() <= 2 * MOST_ERROR_MS, "{case:?} was {made} ms");
    }
    // Between the last press of the one and the first of the other lie a few seconds of running time.
    let apart = cases[1].start - cases[0].end;
    let uptime = uptime_ms(&guest.run("cat /proc/uptime"));
    assert!((0..uptime).contains(&apart), "{apart} ms between the cases, and the machine has run for {uptime}");
    let told = touchtime_tests::web::get(site.board, "/").1;
    assert!(told.contains("events moved") && told.contains(expected), "{told}");
}

pub fn year_2000() {
    corrected("2000-01-01T00:00:00", "years behind until a time server set it");
}

pub fn ten_years_ahead() {
    let year = run(std::process::Command::new("date").args(["-u", "+%Y"])).good();
    let year: u32 = year.trim().parse().expect("a year");
    // Such a clock claims to be right; only that nobody steers it tells.
    corrected(&format!("{}-06-01T00:00:00", year + 10), "years ahead until a time server set it");
}

#[derive(Debug)]
struct Case {
    start: i64,
    end: i64,
}

/// The cases as the store's readers have them, in order: from `into_theatre` to `out_of_theatre`.
fn cases(site: &Site) -> Vec<Case> {
    let reader = store::Reader::open(&site.dir().join("store")).expect("a store");
    let rooms = reader.rooms().expect("rooms");
    let mut stamps: BTreeMap<Token, Vec<i64>> = BTreeMap::new();
    reader
        .for_each_room_record(&rooms[0], |record| {
            if let Observation::Milestone(reached) = &record.event.obs {
                stamps.entry(reached.case).or_default().push(record.event.at.millis());
            }
        })
        .expect("records");
    let of = |stamps: &Vec<i64>| Some(Case { start: *stamps.iter().min()?, end: *stamps.iter().max()? });
    let mut cases: Vec<Case> = stamps.values().filter_map(of).collect();
    cases.sort_by_key(|case| case.start);
    cases
}

/// When the buttons went down, in milliseconds.
fn pressed(said: &str) -> Vec<i64> {
    let of = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[0] == "pressed").then(|| words[3].parse::<i64>().expect("a number") / 1000)
    };
    let pressed: Vec<i64> = said.lines().filter_map(of).collect();
    assert_eq!(pressed.len(), 4, "{said}");
    pressed
}

fn milestones(events: &[serde_json::Value]) -> Vec<&serde_json::Value> {
    events.iter().filter(|event| event["event"]["obs"].get("milestone").is_some()).collect()
}

fn uptime_ms(text: &str) -> i64 {
    let whole = text.split('.').next().unwrap_or_default();
    whole.trim().parse::<i64>().expect("seconds") * 1000
}
