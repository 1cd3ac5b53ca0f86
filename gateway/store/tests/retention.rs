//! What is removed when a trust does not want to keep everything.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;

use fixture::{agent, booked, message, minute, open, stamp};
use store::{Inbound, Reader, cut};

const DAY: i64 = 24 * 60;

#[test]
fn whole_cases_go_once_all_of_them_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let from = agent();
    let mut send = |first, received, events: &[Vec<u8>]| {
        let payload = message(first, 1, events);
        let _ = writer.commit(&[Inbound { from: &from, payload: &payload }], minute(received)).unwrap();
    };
    // Case 1 is old; case 2 began before the cut and ended after it; case 3 is old and came late.
    send(1, 0, &[booked("suite-1", 1, minute(-60)), stamp(1, minute(-50)), stamp(2, minute(-10))]);
    send(4, 3 * DAY, &[stamp(2, minute(DAY + 10)), stamp(3, minute(-20))]);
    assert_eq!(writer.remove_before(minute(DAY)).unwrap(), 2);
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!((reader.count_events().unwrap(), reader.removed_before().unwrap()), (3, Some(minute(DAY))));
    assert_eq!(writer.remove_before(minute(DAY)).unwrap(), 0, "once");
    // The mark stays: what is gone is not asked for again.
    let payload = message(6, 1, &[stamp(4, minute(4 * DAY))]);
    let done = writer.commit(&[Inbound { from: &from, payload: &payload }], minute(4 * DAY)).unwrap();
    assert_eq!(done.acknowledgements[0].ack.through, 6);
}

#[test]
fn the_cut_is_a_sunday_night() {
    // Friday 11 February 2022.
    for (days, expected) in [(0, "2022-02-06T04:00:00Z"), (5, "2022-02-06T04:00:00Z"), (6, "2022-01-30T04:00:00Z")] {
        assert_eq!(cut(minute(0), days).to_string(), expected, "{days} days");
    }
}
