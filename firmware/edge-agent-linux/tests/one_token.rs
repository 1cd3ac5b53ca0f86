//! The same accession number gives the same token, whether a scanner or a hospital system tells of it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]
#![cfg(all(feature = "dicom", feature = "hl7"))]

use chrono_tz::Tz;
use dicom_feed::{DataSet, Syntax, Zone, step};
use edge_agent_linux::token_key::{TokenKey, create_key_file};
use hl7_feed::{Mapping, take};
use room_events::{Identifier, Observation, Token, TokenMaker, UtcMillis};

fn key() -> TokenKey {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token.key");
    create_key_file(&path, 7).unwrap();
    TokenKey::read(&path).unwrap()
}

fn element(group: u16, element: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [group.to_le_bytes(), element.to_le_bytes()].concat();
    let padded = value.len() + value.len() % 2;
    bytes.extend(u32::try_from(padded).unwrap().to_le_bytes());
    bytes.extend(value);
    bytes.resize(8 + padded, b' ');
    bytes
}

/// By an N-CREATE, in implicit little endian.
fn by_dicom(accession: &str, key: &TokenKey) -> Option<Token> {
    let item = element(0xfffe, 0xe000, &element(0x0008, 0x0050, accession.as_bytes()));
    let parts = [
        element(0x0040, 0x0244, b"20220714"),
        element(0x0040, 0x0245, b"101530"),
        element(0x0040, 0x0252, b"IN PROGRESS"),
        element(0x0040, 0x0270, &item),
    ]
    .concat();
    let set = DataSet::read(&parts, Syntax::ImplicitLittle).unwrap();
    let zone = Zone { site: Tz::Europe__London, offset_minutes: None, heard: UtcMillis::saturating(0) };
    let reading = step::Reading { tokens: key, zone };
    let uid = key.token_of(Identifier::Step, "1.2.3").unwrap();
    step::create(uid, &set, reading).unwrap().step.accessions.first().copied()
}

/// By an order.
fn by_hl7(accession: &str, key: &TokenKey) -> Option<Token> {
    let toml = "zone = 'Europe/London'\ncase = { field = 'OBR-18', kind = 'accession' }\n\
        [[messages]]\ntype = 'ORM'\nstage = { is = 'requested' }\n";
    let mappings = [Mapping::parse("m.toml", toml).unwrap()];
    let message = format!("MSH|^~\\&|RIS|||||202207141015|ORM^O01|1|P|2.4\rOBR|{}{accession}\r", "|".repeat(17));
    let message = message.replace("|||||202207141015|ORM", "||||202207141015||ORM");
    let said = take(message.as_bytes(), &mappings, key, UtcMillis::saturating(0), "T1").said;
    let Observation::ExamStage(reached) = &said.first()?.obs else { panic!("{said:?}") };
    Some(reached.exam)
}

#[test]
fn scanners_and_hospital_systems_tell_of_the_same_exam() {
    let key = key();
    for (dicom, hl7) in [("ACC-1", "ACC-1"), ("ACC-12", " ACC-12 "), ("007", "007"), ("A&B", "A\\T\\B")] {
        let (one, other) = (by_dicom(dicom, &key), by_hl7(hl7, &key));
        assert!(one.is_some() && one == other, "{dicom}: {one:?} {other:?}");
    }
    assert_ne!(by_dicom("007", &key), by_hl7("7", &key), "leading zeros belong to a number");
    // As another kind of number it is another token: a case number is not taken for an accession.
    assert_ne!(by_hl7("ACC-1", &key), key.token_of(Identifier::Case, "ACC-1"));
}
