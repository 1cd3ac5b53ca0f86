//! From a captured event to the disk: the outbox beside a bare append to a file with fdatasync, in turns on one disk.
//!
//! ```sh
//! cargo bench -p edge-agent-linux --bench durable               # in the folder for temporary files
//! cargo bench -p edge-agent-linux --bench durable -- /data      # on the disk of that folder
//! ```

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures time and prints it")]
#![allow(clippy::expect_used, reason = "a benchmark fails where it stands")]

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use edge_agent_linux::outbox::Outbox;
use room_events::StreamId;

const EVENT: &[u8] = br#"{"v":1,"at":1644585000000,"captured":1644585002000,"mono":86400123,"clock":"synchronised","source":"buttons","order":17,"room":"suite-2","obs":{"milestone":{"case":"0.000000000000000000000000000000aa","name":"into_theatre"}}}"#;
const EVENTS: usize = 2_000;
/// Events that an agent holds already.
const WAITING: usize = 10_000;

fn main() {
    let place = std::env::args().skip(1).find(|argument| argument != "--bench").map(PathBuf::from);
    let folder = match place {
        Some(place) => tempfile::tempdir_in(place),
        None => tempfile::tempdir(),
    };
    let folder = folder.expect("a folder");
    let mut outbox = Outbox::open(folder.path(), 1 << 30, StreamId(1)).expect("an outbox");
    let _ = outbox.append(&vec![EVENT; WAITING], None, false).expect("the disk takes it");
    let mut file = File::create(folder.path().join("bare")).expect("a file");
    let (mut outbox_times, mut bare_times) = (Vec::new(), Vec::new());
    for _ in 0..EVENTS {
        let begin = Instant::now();
        file.write_all(EVENT).and_then(|()| file.sync_data()).expect("the disk takes it");
        bare_times.push(begin.elapsed());
        let begin = Instant::now();
        let _ = outbox.append(&[EVENT], None, false).expect("the disk takes it");
        outbox_times.push(begin.elapsed());
    }
    println!("{EVENTS} events one by one, {WAITING} waiting");
    let bare = tell("bare append", &mut bare_times);
    let ours = tell("outbox", &mut outbox_times);
    println!("the outbox takes {:.2} times as long (medians)", ours.as_secs_f64() / bare.as_secs_f64());
}

fn tell(who: &str, times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    println!("{who:<12} {:>6} / {:>6} us (median, p99)", at(50).as_micros(), at(99).as_micros());
    at(50)
}
