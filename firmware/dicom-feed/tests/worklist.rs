//! The worklist: what is asked, and what is read of the answers.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod written;

use chrono_tz::Tz;
use dicom_feed::step::Reading;
use dicom_feed::worklist::{self, Answer, Booked};
use dicom_feed::{DataSet, Syntax, Tag, Zone};
use room_events::{Identifier, UtcMillis};
use written::{Items, Piece, Plain, Text, plain, written};

fn step(station: &'static str, time: &'static str) -> Vec<Piece> {
    let code = vec![Text(0x0008_0100, b"SH", "CHEAD")];
    vec![
        Text(0x0040_0001, b"AE", station),
        Text(0x0040_0002, b"DA", "20220714"),
        Text(0x0040_0003, b"TM", time),
        Items(0x0040_0008, vec![code]),
    ]
}

fn booked(parts: &[Piece]) -> Vec<Booked> {
    let bytes = written(parts, Syntax::ImplicitLittle, true);
    let heard = UtcMillis::saturating(1_657_800_000_000);
    let zone = Zone { site: Tz::Europe__London, offset_minutes: None, heard };
    let set = DataSet::read(&bytes, Syntax::ImplicitLittle).unwrap();
    worklist::booked(&set, Reading { tokens: &Plain, zone })
}

#[test]
fn an_entry_books_an_exam_for_each_step_with_a_station_and_a_start() {
    let entry = [
        Text(0x0008_0050, b"SH", "A1"),
        Items(0x0040_0100, vec![step("CT1", "0930"), step("", "0945"), step("CT2", "")]),
    ];
    let found = booked(&entry);
    let [one] = &found[..] else { panic!("{found:?}") };
    assert_eq!((one.exam, one.station.as_str()), (plain(Identifier::Accession, "A1"), "CT1"));
    assert_eq!(one.start.to_string(), "2022-07-14T08:30:00Z");
    assert_eq!(one.procedure.as_ref().map(ToString::to_string).as_deref(), Some("CHEAD"));
    let unnamed = [Items(0x0040_0100, vec![step("CT1", "0930")])];
    assert_eq!(booked(&unnamed), []);
}

#[test]
fn a_query_names_station_and_dates_and_no_patient() {
    let bytes = worklist::query("CT1", "20220714", "20220715");
    let set = DataSet::read(&bytes, Syntax::ImplicitLittle).unwrap();
    let step = &set.items(Tag(0x0040_0100))[0];
    assert_eq!(step.text(Tag(0x0040_0001)).as_deref(), Some("CT1"));
    assert_eq!(step.text(Tag(0x0040_0002)).as_deref(), Some("20220714-20220715"));
    for element in [0x10, 0x20, 0x30, 0x40] {
        assert!(!bytes.windows(4).any(|window| window == [0x10, 0x00, element, 0x00]), "group 0010 is the patient");
    }
}

#[test]
fn an_answer_is_an_entry_the_end_or_a_failure() {
    let answer = |field: u16, status: u16| {
        let mut bytes = Vec::new();
        for (element, value) in [(0x0100_u16, field), (0x0120, 7), (0x0800, 0x0101), (0x0900, status)] {
            bytes.extend([0, 0]);
            bytes.extend(element.to_le_bytes());
            bytes.extend(2_u32.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        worklist::answer(&bytes, 7)
    };
    for (status, expected) in
        [(0, Answer::End), (0xff00, Answer::Entry), (0xff01, Answer::Entry), (0xa700, Answer::Failure(0xa700))]
    {
        assert_eq!(answer(0x8020, status), Ok(expected));
    }
    assert!(answer(0x8030, 0).is_err());
    assert!(worklist::answer(&[], 7).is_err());
}
