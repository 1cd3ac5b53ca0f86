//! Performed steps from bytes, in both syntaxes, by the rules of the standard.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod written;

use chrono_tz::Tz;
use dicom_feed::step::{self, Reading, Refusal};
use dicom_feed::{Assembly, AssemblyError, DataSet, Part, ReadError, Status, Syntax, Tag, Zone};
use room_events::{Identifier, PerformedStep, StepState, UtcMillis};
use written::{Items, Piece, Plain, Text, plain, written};

fn reading() -> Reading<'static> {
    let heard = UtcMillis::saturating(1_657_800_000_000);
    Reading { tokens: &Plain, zone: Zone { site: Tz::Europe__London, offset_minutes: None, heard } }
}

fn scheduled(accession: &'static str) -> Vec<Piece> {
    vec![Text(0x0008_0050, b"SH", accession), Text(0x0020_000d, b"UI", "1.2.3"), Text(0x0040_1001, b"SH", "RP1")]
}

fn a_create() -> Vec<Piece> {
    vec![
        Items(0x0008_1032, vec![vec![Text(0x0008_0100, b"SH", "P5"), Text(0x0008_0104, b"LO", "MRI head")]]),
        Text(0x0010_0010, b"PN", "Featherstonehaugh^Ada"),
        Text(0x0010_0020, b"LO", "9434765919"),
        Text(0x0040_0241, b"AE", "MR1"),
        Text(0x0040_0244, b"DA", "20220714"),
        Text(0x0040_0245, b"TM", "101530"),
        Text(0x0040_0252, b"CS", "IN PROGRESS"),
        Items(0x0040_0270, vec![scheduled("A1"), scheduled("A2")]),
    ]
}

fn with(mut parts: Vec<Piece>, tag: u32, other: Option<Piece>) -> Vec<Piece> {
    parts.retain(|part| !matches!(part, Text(of, ..) | Items(of, _) if *of == tag));
    parts.extend(other);
    parts
}

fn created(parts: &[Piece]) -> Result<step::Created, Refusal> {
    let bytes = written(parts, Syntax::ExplicitLittle, false);
    let set = DataSet::read(&bytes, Syntax::ExplicitLittle)?;
    step::create(plain(Identifier::Step, "1.5"), &set, reading())
}

fn changed(known: &PerformedStep, parts: &[Piece]) -> Result<PerformedStep, Refusal> {
    let bytes = written(parts, Syntax::ImplicitLittle, true);
    step::set(known, &DataSet::read(&bytes, Syntax::ImplicitLittle)?, reading())
}

#[test]
fn a_step_is_the_same_in_every_way_of_writing() {
    for syntax in [Syntax::ImplicitLittle, Syntax::ExplicitLittle] {
        for delimited in [false, true] {
            let bytes = written(&a_create(), syntax, delimited);
            let set = DataSet::read(&bytes, syntax).unwrap();
            assert_eq!(step::station(&set).as_deref(), Some("MR1"));
            let made = step::create(plain(Identifier::Step, "1.5"), &set, reading()).unwrap().step;
            assert_eq!(made.start.to_string(), "2022-07-14T09:15:30Z");
            assert_eq!(
                made.accessions.as_slice(),
                [plain(Identifier::Accession, "A1"), plain(Identifier::Accession, "A2")]
            );
            assert_eq!(made.patient, Some(plain(Identifier::Patient, "9434765919")));
            assert_eq!(made.protocol.as_ref().map(ToString::to_string).as_deref(), Some("MRI head"));
        }
    }
}

#[test]
fn a_step_ends_once() {
    let begun = created(&a_create()).unwrap().step;
    let end = [
        Text(0x0040_0250, b"DA", "20220714"),
        Text(0x0040_0251, b"TM", "1045"),
        Text(0x0040_0252, b"CS", "DISCONTINUED"),
        Items(0x0040_0281, vec![vec![Text(0x0008_0100, b"SH", "110514"), Text(0x0008_0102, b"SH", "DCM")]]),
    ];
    let ended = changed(&begun, &end).unwrap();
    assert_eq!(ended.state, StepState::Discontinued);
    assert_eq!(ended.end.unwrap().to_string(), "2022-07-14T09:45:00Z");
    assert_eq!(ended.reason, Some(110_514));
    assert_eq!(step::happened(&ended), ended.end.unwrap());
    assert_eq!(changed(&ended, &end), Err(Refusal::Ended));
    assert_eq!(Refusal::Ended.status(), Status::ProcessingFailure);
    // An update in between changes nothing that has ended nothing.
    assert_eq!(changed(&begun, &[Text(0x0040_0252, b"CS", "IN PROGRESS")]).unwrap(), begun);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    for (tag, other, expected) in [
        (0x0040_0252, None, Refusal::Missing(Tag(0x0040_0252))),
        (0x0040_0252, Some(Text(0x0040_0252, b"CS", "COMPLETED")), Refusal::Invalid(Tag(0x0040_0252))),
        (0x0040_0252, Some(Text(0x0040_0252, b"CS", "DONE")), Refusal::Invalid(Tag(0x0040_0252))),
        (0x0040_0244, None, Refusal::Missing(Tag(0x0040_0244))),
        (0x0040_0245, None, Refusal::Missing(Tag(0x0040_0245))),
        (0x0040_0244, Some(Text(0x0040_0244, b"DA", "20221314")), Refusal::Invalid(Tag(0x0040_0244))),
    ] {
        assert_eq!(created(&with(a_create(), tag, other)), Err(expected));
    }
    assert_eq!(step::token_of("not a uid", &Plain), Err(Refusal::NoUid));
    assert_eq!(step::token_of("1.5\0", &Plain), Ok(plain(Identifier::Step, "1.5")));
}

#[test]
fn an_exam_without_accession_number_is_its_procedure_or_study() {
    let bare = vec![Text(0x0020_000d, b"UI", "1.2.3")];
    let items = vec![scheduled(""), bare, vec![], scheduled("A1"), scheduled("A1 ")];
    let made = created(&with(a_create(), 0x0040_0270, Some(Items(0x0040_0270, items)))).unwrap();
    let expected = [
        plain(Identifier::RequestedProcedure, "RP1"),
        plain(Identifier::Study, "1.2.3"),
        plain(Identifier::Accession, "A1"),
    ];
    assert_eq!(made.step.accessions.as_slice(), expected);
    let many = ["A", "B", "C", "D", "E", "F"].map(scheduled).to_vec();
    let made = created(&with(a_create(), 0x0040_0270, Some(Items(0x0040_0270, many)))).unwrap();
    assert_eq!((made.step.accessions.len(), made.accessions_left_out), (4, 2));
}

#[test]
fn a_procedure_that_names_the_patient_is_left_out() {
    for meaning in ["MRI for FEATHERSTONEHAUGH", "ada head", "9434765919"] {
        let codes = Items(0x0008_1032, vec![vec![Text(0x0008_0104, b"LO", meaning)]]);
        let made = created(&with(a_create(), 0x0008_1032, Some(codes))).unwrap();
        assert_eq!(made.step.protocol, None, "{meaning}");
    }
}

#[test]
fn the_message_s_own_offset_has_precedence() {
    let made = created(&with(a_create(), 0, Some(Text(0x0008_0201, b"SH", "+0000")))).unwrap();
    assert_eq!(made.step.start.to_string(), "2022-07-14T10:15:30Z");
    assert_eq!(made.offset_minutes, Some(0));
}

#[test]
fn no_cut_or_flipped_message_is_taken_for_another_length() {
    for syntax in [Syntax::ImplicitLittle, Syntax::ExplicitLittle] {
        let bytes = written(&a_create(), syntax, true);
        for end in 0..bytes.len() {
            let _ = DataSet::read(&bytes[..end], syntax);
        }
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0xff;
            let _ = DataSet::read(&bytes, syntax);
        }
        assert!(matches!(DataSet::read(&bytes[..bytes.len() - 1], syntax), Err(ReadError::Truncated(_))));
    }
    let deep: Vec<u8> =
        std::iter::repeat_n([0x40, 0, 0x70, 2, 255, 255, 255, 255, 0xfe, 0xff, 0, 0xe0, 255, 255, 255, 255], 50_000)
            .flatten()
            .collect();
    assert_eq!(DataSet::read(&deep, Syntax::ImplicitLittle), Err(ReadError::TooDeep));
    let many = [8, 0, 5, 0, 0, 0, 0, 0].repeat(60_000);
    assert_eq!(DataSet::read(&many, Syntax::ImplicitLittle), Err(ReadError::TooMany));
}

#[test]
fn fragments_become_messages_and_a_flood_ends_the_association() {
    let mut command = Vec::new();
    for (element, value) in [(0x0100_u16, 0x0140_u16), (0x0110, 3), (0x0800, 1)] {
        command.extend([0, 0]);
        command.extend(element.to_le_bytes());
        command.extend(2_u32.to_le_bytes());
        command.extend(value.to_le_bytes());
    }
    let contexts = vec![(1, Syntax::ExplicitLittle), (3, Syntax::ImplicitLittle)];
    let mut assembly = Assembly::new(10, contexts);
    assert_eq!(assembly.handle(1, Part::Command, false, &command[..7]), Ok(None));
    assert_eq!(assembly.handle(1, Part::Command, true, &command[7..]), Ok(None));
    assert_eq!(assembly.handle(1, Part::DataSet, false, b"01234"), Ok(None));
    let message = assembly.handle(1, Part::DataSet, true, b"56789").unwrap().unwrap();
    assert_eq!(
        (message.context, message.command.message_id, message.data.as_deref()),
        (1, 3, Ok(b"0123456789".as_slice()))
    );

    assert!(matches!(assembly.handle(1, Part::DataSet, true, b""), Err(AssemblyError::OutOfOrder { .. })));
    assert_eq!(assembly.handle(1, Part::Command, true, &command), Ok(None));
    assert_eq!(assembly.handle(3, Part::DataSet, true, b""), Err(AssemblyError::OtherContext(1, 3)));
    assert_eq!(assembly.handle(1, Part::DataSet, true, b"0123456789x"), Err(AssemblyError::TooLarge(10)));
}
