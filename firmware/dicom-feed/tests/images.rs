//! Acquisitions from objects as they come: in fragments of any size, with pixels that are not kept.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod written;

use chrono_tz::Tz;
use dicom_feed::step::Reading;
use dicom_feed::{Assembly, DataSet, Message, Part, ReadError, Syntax, Zone, image};
use room_events::{Acquisition, Identifier, UtcMillis};
use written::{Items, Piece, Plain, Text, plain, written};

const SYNTAXES: [Syntax; 2] = [Syntax::ImplicitLittle, Syntax::ExplicitLittle];

fn an_image() -> Vec<Piece> {
    vec![
        Text(0x0008_0008, b"CS", "ORIGINAL\\PRIMARY\\AXIAL"),
        Text(0x0008_0016, b"UI", "1.2.840.10008.5.1.4.1.1.4"),
        Text(0x0008_0022, b"DA", "20220714"),
        Text(0x0008_0032, b"TM", "101530.250"),
        Text(0x0008_0050, b"SH", "A1"),
        Items(0x0008_1111, vec![vec![Text(0x0008_1155, b"UI", "1.5")]]),
        Items(0x0008_1140, vec![vec![Items(0x0040_a170, vec![vec![Text(0x0008_0100, b"SH", "121322")]])], vec![]]),
        Text(0x0010_0010, b"PN", "Featherstonehaugh^Ada"),
        Text(0x0010_0020, b"LO", "9434765919"),
        Text(0x0018_1030, b"LO", "t2_tse_sag"),
        Text(0x0020_000d, b"UI", "1.2.3"),
        Text(0x0020_000e, b"UI", "1.2.3.4"),
        Text(0x0029_1010, b"LO", "a private element that nobody wants"),
        Items(0x0040_0275, vec![vec![Text(0x0040_1001, b"SH", "RP1")]]),
        Items(0x0088_0200, vec![vec![Text(0x0028_0010, b"US", "\u{2}\0")]]),
    ]
}

/// The pixels, which are more than any message may have.
fn pixels(syntax: Syntax, encapsulated: bool) -> Vec<u8> {
    let mut bytes = vec![0xe0, 0x7f, 0x10, 0];
    if syntax == Syntax::ExplicitLittle {
        bytes.extend(b"OW\0\0");
    }
    bytes.extend(if encapsulated { u32::MAX } else { 300_000 }.to_le_bytes());
    bytes.resize(bytes.len() + 300_000, 7);
    bytes
}

fn stored(object: &[u8], syntax: Syntax, fragment: usize) -> Message {
    let mut command = Vec::new();
    for (element, value) in [(0x0100_u16, 1_u16), (0x0110, 3), (0x0800, 1)] {
        command.extend([0, 0]);
        command.extend(element.to_le_bytes());
        command.extend(2_u32.to_le_bytes());
        command.extend(value.to_le_bytes());
    }
    let mut assembly = Assembly::new(100, vec![(1, syntax)]);
    assert_eq!(assembly.handle(1, Part::Command, true, &command), Ok(None));
    for part in object.chunks(fragment) {
        assert_eq!(assembly.handle(1, Part::DataSet, false, part), Ok(None));
    }
    assembly.handle(1, Part::DataSet, true, b"").unwrap().unwrap()
}

fn read(bytes: &[u8], syntax: Syntax) -> Option<Acquisition> {
    let heard = UtcMillis::saturating(1_657_800_000_000);
    let zone = Zone { site: Tz::Europe__London, offset_minutes: None, heard };
    image::acquisition(&DataSet::read(bytes, syntax).unwrap(), Reading { tokens: &Plain, zone })
}

fn acquired(parts: &[Piece]) -> Option<Acquisition> {
    let bytes = written(parts, Syntax::ExplicitLittle, false);
    read(&stored(&bytes, Syntax::ExplicitLittle, 100).data.unwrap(), Syntax::ExplicitLittle)
}

fn with(mut parts: Vec<Piece>, tag: u32, other: Option<Piece>) -> Vec<Piece> {
    parts.retain(|part| !matches!(part, Text(of, ..) | Items(of, _) if *of == tag));
    parts.extend(other);
    parts.sort_by_key(|part| match part {
        Text(tag, ..) | Items(tag, _) => *tag,
    });
    parts
}

#[test]
fn an_image_tells_the_same_in_every_way_of_writing_and_sending() {
    for (syntax, delimited) in SYNTAXES.into_iter().flat_map(|syntax| [(syntax, false), (syntax, true)]) {
        let header = written(&an_image(), syntax, delimited);
        for (fragment, encapsulated) in [(1, false), (7, true), (16_000, false)] {
            let object: Vec<u8> = header.iter().copied().chain(pixels(syntax, encapsulated)).collect();
            let kept = stored(&object, syntax, fragment).data.unwrap();
            assert!(kept.len() < header.len(), "{} of {}", kept.len(), header.len());
            let acquired = read(&kept, syntax).unwrap();
            assert_eq!(acquired.first.to_string(), "2022-07-14T09:15:30.250Z");
            assert_eq!(acquired.last, acquired.first);
            assert_eq!(acquired.exam, plain(Identifier::Accession, "A1"));
            assert_eq!(acquired.series, Some(plain(Identifier::Series, "1.2.3.4")));
            assert_eq!(acquired.step, Some(plain(Identifier::Step, "1.5")));
            assert_eq!(acquired.patient, Some(plain(Identifier::Patient, "9434765919")));
            assert_eq!(acquired.protocol.as_ref().map(ToString::to_string).as_deref(), Some("t2_tse_sag"));
        }
    }
}

#[test]
fn the_exam_is_the_accession_else_the_request_else_the_study() {
    let without = with(an_image(), 0x0008_0050, None);
    assert_eq!(acquired(&without).unwrap().exam, plain(Identifier::RequestedProcedure, "RP1"));
    let without = with(without, 0x0040_0275, None);
    assert_eq!(acquired(&without).unwrap().exam, plain(Identifier::Study, "1.2.3"));
    assert_eq!(acquired(&with(without, 0x0020_000d, None)), None);
}

#[test]
fn the_instant_is_that_of_the_acquisition() {
    let first = |parts: &[Piece]| acquired(parts).map(|acquired| acquired.first.to_string());
    let whole = Text(0x0008_002a, b"DT", "20220714101000.5+0000");
    assert_eq!(first(&with(an_image(), 0x0008_002a, Some(whole))).as_deref(), Some("2022-07-14T10:10:00.500Z"));
    // Ultrasound: the time of the content, and only of an original.
    let bare = with(with(an_image(), 0x0008_0032, None), 0x0008_0022, None);
    assert_eq!(first(&bare), None);
    let content = with(bare, 0x0008_0023, Some(Text(0x0008_0023, b"DA", "20220714")));
    let content = with(content, 0x0008_0033, Some(Text(0x0008_0033, b"TM", "1100")));
    assert_eq!(first(&content).as_deref(), Some("2022-07-14T10:00:00Z"));
    assert_eq!(first(&with(content, 0x0008_0008, Some(Text(0x0008_0008, b"CS", "DERIVED\\SECONDARY")))), None);
    let of_series = with(an_image(), 0x0008_0022, Some(Text(0x0008_0021, b"DA", "20220715")));
    assert_eq!(first(&of_series).as_deref(), Some("2022-07-15T09:15:30.250Z"));
}

#[test]
fn no_cut_or_flipped_object_is_taken_for_a_whole_one() {
    for syntax in SYNTAXES {
        // Without what comes after the last wanted element, so that every cut is one.
        let bytes = written(&with(an_image(), 0x0088_0200, None), syntax, true);
        for end in 0..bytes.len() {
            if let Ok(kept) = stored(&bytes[..end], syntax, 50).data {
                assert!(DataSet::read(&kept, syntax).is_ok(), "cut at {end}");
            }
        }
        assert!(matches!(stored(&bytes[..bytes.len() - 1], syntax, 50).data, Err(ReadError::Truncated(_))));
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0xff;
            let _ = stored(&bytes, syntax, 50).data.map(|kept| DataSet::read(&kept, syntax).is_ok());
        }
    }
    let deep = [0x08, 0, 0x11, 0x11, 255, 255, 255, 255, 0xfe, 0xff, 0, 0xe0, 255, 255, 255, 255].repeat(50_000);
    assert_eq!(stored(&deep, Syntax::ImplicitLittle, 1000).data, Err(ReadError::TooDeep));
    let mut long = vec![0x08, 0, 0x50, 0];
    long.extend(1_000_000_u32.to_le_bytes());
    long.resize(1_000_000, b'A');
    assert!(matches!(stored(&long, Syntax::ImplicitLittle, 1000).data, Err(ReadError::TooLong(_))));
}
