//! Messages as a scanner writes them (PS3.5, PS3.7; attributes after PS3.4 table F.7.2-1).

use chrono::DateTime;
use chrono_tz::Tz;

use crate::department::{Ending, Scanner, Step};

/// Verification.
pub(crate) const VERIFICATION: &str = "1.2.840.10008.1.1";
/// Modality Performed Procedure Step.
pub(crate) const PERFORMED_STEP: &str = "1.2.840.10008.3.1.2.3.3";
/// Explicit VR little endian.
pub(crate) const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

const AFFECTED_CLASS: (u16, u16) = (0x0000, 0x0002);
const REQUESTED_CLASS: (u16, u16) = (0x0000, 0x0003);
const COMMAND_FIELD: (u16, u16) = (0x0000, 0x0100);
const MESSAGE_ID: (u16, u16) = (0x0000, 0x0110);
const DATA_SET_TYPE: (u16, u16) = (0x0000, 0x0800);
const STATUS: (u16, u16) = (0x0000, 0x0900);
const AFFECTED_INSTANCE: (u16, u16) = (0x0000, 0x1000);
const REQUESTED_INSTANCE: (u16, u16) = (0x0000, 0x1001);

/// What a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    Echo,
    Create(&'a str),
    Set(&'a str),
}

/// A command: implicit little endian, with its group's length before it.
pub(crate) fn command(request: Request<'_>, message: u16) -> Vec<u8> {
    let mut rest = Vec::with_capacity(256);
    let (class_tag, class, field, instance, has_data) = match request {
        Request::Echo => (AFFECTED_CLASS, VERIFICATION, 0x0030_u16, None, false),
        Request::Create(uid) => (AFFECTED_CLASS, PERFORMED_STEP, 0x0140, Some((AFFECTED_INSTANCE, uid)), true),
        Request::Set(uid) => (REQUESTED_CLASS, PERFORMED_STEP, 0x0120, Some((REQUESTED_INSTANCE, uid)), true),
    };
    implicit(&mut rest, class_tag, &padded(class, 0));
    implicit(&mut rest, COMMAND_FIELD, &field.to_le_bytes());
    implicit(&mut rest, MESSAGE_ID, &message.to_le_bytes());
    // 0101H says that no data set follows.
    implicit(&mut rest, DATA_SET_TYPE, &u16::from(!has_data).wrapping_mul(0x0101).to_le_bytes());
    if let Some((tag, uid)) = instance {
        implicit(&mut rest, tag, &padded(uid, 0));
    }
    let mut whole = Vec::with_capacity(rest.len() + 12);
    implicit(&mut whole, (0, 0), &length(&rest).to_le_bytes());
    whole.append(&mut rest);
    whole
}

/// The status in an answer's command.
pub(crate) fn status(mut command: &[u8]) -> Option<u16> {
    loop {
        let (header, rest) = command.split_first_chunk::<8>()?;
        let tag = (u16::from_le_bytes([header[0], header[1]]), u16::from_le_bytes([header[2], header[3]]));
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        if tag == STATUS {
            return Some(u16::from_le_bytes(value.try_into().ok()?));
        }
        command = rest;
    }
}

/// What an N-CREATE says.
pub(crate) fn beginning(scanner: Scanner, step: &Step) -> Vec<u8> {
    let (number, name) = &step.patient;
    let scheduled = step.accessions.iter().map(|accession| scheduled(step, accession)).collect::<Vec<_>>();
    let mut set = Elements::default();
    set.text((0x0008, 0x0060), b"CS", scanner.modality.code());
    set.items((0x0008, 0x1032), &[code(step.protocol.0, "99SIM", step.protocol.1)]);
    set.text((0x0010, 0x0010), b"PN", name);
    set.text((0x0010, 0x0020), b"LO", number);
    set.text((0x0010, 0x0030), b"DA", "");
    set.text((0x0010, 0x0040), b"CS", "O");
    set.text((0x0020, 0x0010), b"SH", "");
    set.text((0x0040, 0x0241), b"AE", scanner.title);
    set.text((0x0040, 0x0242), b"SH", scanner.title);
    set.text((0x0040, 0x0243), b"SH", scanner.room);
    set.text((0x0040, 0x0244), b"DA", &date(step.start));
    set.text((0x0040, 0x0245), b"TM", &time(step.start));
    set.text((0x0040, 0x0250), b"DA", "");
    set.text((0x0040, 0x0251), b"TM", "");
    set.text((0x0040, 0x0252), b"CS", "IN PROGRESS");
    set.text((0x0040, 0x0253), b"SH", step.accessions.first().map_or("", String::as_str));
    set.text((0x0040, 0x0254), b"LO", step.protocol.1);
    set.text((0x0040, 0x0255), b"LO", "");
    set.items((0x0040, 0x0260), &[code(step.protocol.0, "99SIM", step.protocol.1)]);
    set.items((0x0040, 0x0270), &scheduled);
    set.items((0x0040, 0x0340), &[]);
    set.0
}

/// What the N-SET that ends a step says.
pub(crate) fn end(step: &Step) -> Vec<u8> {
    let (status, reason) = match step.ending {
        Ending::Completed => ("COMPLETED", None),
        Ending::Discontinued => ("DISCONTINUED", Some(("110505", "Patient refused to continue procedure"))),
        Ending::ToRepeat => ("DISCONTINUED", Some(("110513", "Discontinued for unspecified reason"))),
        Ending::WrongEntry => ("DISCONTINUED", Some(("110514", "Incorrect worklist entry selected"))),
    };
    let mut series = Elements::default();
    series.text((0x0008, 0x0054), b"AE", "");
    series.text((0x0008, 0x103e), b"LO", step.protocol.1);
    series.text((0x0008, 0x1050), b"PN", "");
    series.text((0x0008, 0x1070), b"PN", "");
    series.items((0x0008, 0x1140), &[]);
    series.text((0x0018, 0x1030), b"LO", step.protocol.1);
    series.text((0x0020, 0x000e), b"UI", &format!("{}.1", step.uid));
    let mut set = Elements::default();
    set.text((0x0040, 0x0250), b"DA", &date(step.end));
    set.text((0x0040, 0x0251), b"TM", &time(step.end));
    set.text((0x0040, 0x0252), b"CS", status);
    if let Some((value, meaning)) = reason {
        set.items((0x0040, 0x0281), &[code(value, "DCM", meaning)]);
    }
    set.items((0x0040, 0x0340), &[series]);
    set.0
}

fn scheduled(step: &Step, accession: &str) -> Elements {
    let digits: String = accession.chars().filter(char::is_ascii_digit).collect();
    let mut item = Elements::default();
    item.text((0x0008, 0x0050), b"SH", accession);
    item.items((0x0008, 0x1110), &[]);
    item.text((0x0020, 0x000d), b"UI", &format!("2.25.9{digits}"));
    item.text((0x0032, 0x1060), b"LO", step.protocol.1);
    item.text((0x0040, 0x0007), b"LO", step.protocol.1);
    item.items((0x0040, 0x0008), &[]);
    item.text((0x0040, 0x0009), b"SH", accession);
    item.text((0x0040, 0x1001), b"SH", accession);
    item
}

fn code(value: &str, scheme: &str, meaning: &str) -> Elements {
    let mut item = Elements::default();
    item.text((0x0008, 0x0100), b"SH", value);
    item.text((0x0008, 0x0102), b"SH", scheme);
    item.text((0x0008, 0x0104), b"LO", meaning);
    item
}

fn date(at: DateTime<Tz>) -> String {
    at.format("%Y%m%d").to_string()
}

fn time(at: DateTime<Tz>) -> String {
    at.format("%H%M%S").to_string()
}

/// A data set in explicit little endian; elements are put in order of their tags.
#[derive(Debug, Default)]
struct Elements(Vec<u8>);

impl Elements {
    fn text(&mut self, tag: (u16, u16), kind: &[u8; 2], value: &str) {
        let value = padded(value, if kind == b"UI" { 0 } else { b' ' });
        self.tag(tag);
        self.0.extend_from_slice(kind);
        self.0.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
        self.0.extend_from_slice(&value);
    }

    fn items(&mut self, tag: (u16, u16), items: &[Self]) {
        self.tag(tag);
        self.0.extend_from_slice(b"SQ\0\0");
        let all: usize = items.iter().map(|item| item.0.len() + 8).sum();
        self.0.extend_from_slice(&u32::try_from(all).unwrap_or(0).to_le_bytes());
        for item in items {
            implicit(&mut self.0, (0xfffe, 0xe000), &item.0);
        }
    }

    fn tag(&mut self, (group, element): (u16, u16)) {
        self.0.extend_from_slice(&group.to_le_bytes());
        self.0.extend_from_slice(&element.to_le_bytes());
    }
}

fn implicit(bytes: &mut Vec<u8>, (group, element): (u16, u16), value: &[u8]) {
    bytes.extend_from_slice(&group.to_le_bytes());
    bytes.extend_from_slice(&element.to_le_bytes());
    bytes.extend_from_slice(&length(value).to_le_bytes());
    bytes.extend_from_slice(value);
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(0)
}

/// Values have an even number of bytes.
fn padded(value: &str, with: u8) -> Vec<u8> {
    let mut bytes = value.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(with);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_status_is_found_and_a_cut_one_has_none() {
        let mut answer = command(Request::Echo, 1);
        assert_eq!(status(&answer), None);
        implicit(&mut answer, STATUS, &0x0112_u16.to_le_bytes());
        assert_eq!(status(&answer), Some(0x0112));
        assert_eq!(status(&answer[..answer.len() - 1]), None);
    }
}
