//! Power cuts.

use touchtime_tests::guest::Guest;

use crate::site::{Site, start_agent};

const MAPPING: &str = "zone = 'Europe/London'\nsite = 'main'\nroom = { column = 'theatre', prefix = 'th-' }\ncase = 'id'\n\
    milestones = { into_theatre = 'in', out_of_theatre = 'out' }\nbooking = { start = 'planned', minutes = 'minutes' }\n\
    sessions = { from = 'bookings' }\n";

const EXTRACT: &str = "id,theatre,planned,minutes,in,out\n\
    a,1,2026-01-05 08:00,50,2026-01-05 08:05,2026-01-05 08:55\nb,1,2026-01-05 09:00,50,2026-01-05 09:05,2026-01-05 09:55\n";

/// An agent without a network records an extract, loses its power, and sends it after the next boot.
pub fn an_outbox_outlives_a_cut() {
    let site = Site::start(64);
    let mut guest = Guest::boot(site.dir(), None);
    guest.run("ip link set eth0 down");
    guest.run("touchtime-agent key /data/token.key");
    guest.write("/data/mapping.toml", MAPPING);
    let feeds = "[tokens]\nkey-file = '/data/token.key'\n[extract]\nfolder = '/data/in'\nmapping = '/data/mapping.toml'\npoll-seconds = 1\n";
    guest.write("/data/agent.toml", &site.configuration(feeds));
    guest.write("/data/in/list.csv", EXTRACT);
    guest.run("sync");
    start_agent(&mut guest);
    guest.await_good("grep 'an extract is recorded' /data/agent.log");
    guest.cut_power();
    let mut guest = Guest::boot(site.dir(), None);
    start_agent(&mut guest);
    let milestones = |events: &[serde_json::Value]| {
        events.iter().filter(|event| event["event"]["obs"].get("milestone").is_some()).count()
    };
    site.await_events("four milestones arrive", |events| milestones(events) == 4);
}
