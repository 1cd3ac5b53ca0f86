//! The bundled theatre data, read with its mapping, gives what two independent calculations give.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

use case_extract::{LocalTokens, Mapping, Reader};
use room_events::Observation;

const CSV: &[u8] = include_bytes!("../../../tests/data/or_utilisation_2022_jan_feb.csv");
const MAPPING: &str = include_str!("../../../tests/data/or_utilisation_2022_jan_feb.mapping.toml");

#[test]
fn the_bundled_data_is_read_without_an_error() {
    let mapping = Mapping::parse("or_utilisation_2022_jan_feb.mapping.toml", MAPPING).unwrap();
    let tokens = LocalTokens::new([1, 2]);
    let mut reader = Reader::cases(&mapping, "or_utilisation_2022_jan_feb.csv", &tokens);
    reader.push(CSV).unwrap();
    let extract = reader.finish().unwrap();

    assert_eq!(extract.errors(), []);
    assert_eq!(
        extract.summary().to_string(),
        "1357 rows read: 1357 cases in 8 rooms, 312 planned sessions\n268 names cut to 32 bytes"
    );
    let rooms: Vec<&str> = extract.rooms().map(|room| room.room().as_str()).collect();
    assert_eq!(rooms, ["suite-1", "suite-2", "suite-3", "suite-4", "suite-5", "suite-6", "suite-7", "suite-8"]);

    let planned: i64 = extract
        .rooms()
        .flat_map(|room| room.sessions())
        .map(|session| session.end.millis_since(session.start) / 60_000)
        .sum();
    assert_eq!(planned, 120_465);

    let (mut touch, mut cases) = (0, 0);
    for room in extract.rooms() {
        room.visit(|case| {
            let stamps: Vec<_> = case.stamps().collect();
            assert_eq!(stamps.len(), 4);
            touch += stamps[3].1.millis_since(stamps[0].1) / 60_000;
            cases += 1;
        });
    }
    assert_eq!((cases, touch), (1357, 108_291));

    let mut kinds = [0; 3];
    for reported in extract.observations() {
        assert!(reported.release <= reported.at);
        match reported.obs {
            Observation::PlanRevision(_) => kinds[0] += 1,
            Observation::Booking(_) => kinds[1] += 1,
            Observation::Milestone(_) => kinds[2] += 1,
            other => panic!("unexpected {}", other.kind()),
        }
    }
    assert_eq!(kinds, [312, 1357, 4 * 1357]);
}
