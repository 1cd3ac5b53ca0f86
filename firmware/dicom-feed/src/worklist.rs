//! The modality worklist (PS3.4 annex K), asked for as a scanner asks: what is scheduled for a station.
//!
//! No name is asked for, so that none comes.

use room_events::{Identifier, Label, Token, UtcMillis};

use crate::command::{CommandError, put};
use crate::data_set::{DataSet, ITEM, Syntax, Tag};
use crate::step::Reading;

const AFFECTED_CLASS: Tag = Tag(0x0000_0002);
const COMMAND_FIELD: Tag = Tag(0x0000_0100);
const MESSAGE_ID: Tag = Tag(0x0000_0110);
const MESSAGE_ID_RESPONDED_TO: Tag = Tag(0x0000_0120);
const PRIORITY: Tag = Tag(0x0000_0700);
const DATA_SET_TYPE: Tag = Tag(0x0000_0800);
const STATUS: Tag = Tag(0x0000_0900);
const ACCESSION: Tag = Tag(0x0008_0050);
const CODE_VALUE: Tag = Tag(0x0008_0100);
const CODING_SCHEME: Tag = Tag(0x0008_0102);
const CODE_MEANING: Tag = Tag(0x0008_0104);
const TIMEZONE_OFFSET: Tag = Tag(0x0008_0201);
const STUDY: Tag = Tag(0x0020_000d);
const REQUESTED_PROCEDURE_CODES: Tag = Tag(0x0032_1064);
const STATION: Tag = Tag(0x0040_0001);
const START_DATE: Tag = Tag(0x0040_0002);
const START_TIME: Tag = Tag(0x0040_0003);
const PROTOCOL_CODES: Tag = Tag(0x0040_0008);
const SCHEDULED_STEPS: Tag = Tag(0x0040_0100);
const REQUESTED_PROCEDURE: Tag = Tag(0x0040_1001);

/// C-FIND, and the answer to it.
const FIND: u16 = 0x0020;
const FIND_ANSWER: u16 = 0x8020;

/// What an answer says (PS3.4 K.4.1.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// An entry of the worklist follows.
    Entry,
    /// There are no more.
    End,
    /// The worklist could not be told: this status.
    Failure(u16),
}

/// The command that asks.
pub fn command(message_id: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    put(&mut bytes, AFFECTED_CLASS, &padded(crate::uid::WORKLIST, 0));
    put(&mut bytes, COMMAND_FIELD, &FIND.to_le_bytes());
    put(&mut bytes, MESSAGE_ID, &message_id.to_le_bytes());
    put(&mut bytes, PRIORITY, &0_u16.to_le_bytes());
    put(&mut bytes, DATA_SET_TYPE, &1_u16.to_le_bytes());
    let mut whole = Vec::with_capacity(bytes.len() + 12);
    put(&mut whole, Tag(0), &u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    whole.append(&mut bytes);
    whole
}

/// What is asked for, in implicit little endian: entries of a station from one date (`YYYYMMDD`) to another.
pub fn query(station: &str, from: &str, to: &str) -> Vec<u8> {
    let mut step = Vec::new();
    put(&mut step, STATION, &padded(station, b' '));
    put(&mut step, START_DATE, &padded(&format!("{from}-{to}"), b' '));
    put(&mut step, START_TIME, b"");
    put(&mut step, PROTOCOL_CODES, &item(&code()));
    let mut bytes = Vec::new();
    put(&mut bytes, ACCESSION, b"");
    put(&mut bytes, TIMEZONE_OFFSET, b"");
    put(&mut bytes, STUDY, b"");
    put(&mut bytes, REQUESTED_PROCEDURE_CODES, &item(&code()));
    put(&mut bytes, SCHEDULED_STEPS, &item(&step));
    put(&mut bytes, REQUESTED_PROCEDURE, b"");
    bytes
}

fn code() -> Vec<u8> {
    let mut code = Vec::new();
    for tag in [CODE_VALUE, CODING_SCHEME, CODE_MEANING] {
        put(&mut code, tag, b"");
    }
    code
}

fn item(inside: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, ITEM, inside);
    bytes
}

fn padded(text: &str, with: u8) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(with);
    }
    bytes
}

/// What the command of an answer to `message_id` says.
pub fn answer(bytes: &[u8], message_id: u16) -> Result<Answer, CommandError> {
    let set = DataSet::read(bytes, Syntax::ImplicitLittle)?;
    let number = |tag| set.number(tag).ok_or(CommandError::Missing(tag));
    let field = number(COMMAND_FIELD)?;
    if field != FIND_ANSWER || number(MESSAGE_ID_RESPONDED_TO)? != message_id {
        return Err(CommandError::Answer(field));
    }
    Ok(match number(STATUS)? {
        0x0000 => Answer::End,
        0xff00 | 0xff01 => Answer::Entry,
        other => Answer::Failure(other),
    })
}

/// An exam that is booked on a station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// The exam: accession number, else requested procedure, else study.
    pub exam: Token,
    /// The AE title of its station.
    pub station: String,
    /// When it is to start.
    pub start: UtcMillis,
    /// What is to be done, by its code's meaning.
    pub procedure: Option<Label>,
}

/// What an entry books, for each of its steps; those without exam, station or start are left out.
pub fn booked(entry: &DataSet<'_>, reading: Reading<'_>) -> Vec<Booked> {
    let number = |kind, tag| entry.text(tag).and_then(|text| reading.tokens.token_of(kind, &text));
    let exam = number(Identifier::Accession, ACCESSION)
        .or_else(|| number(Identifier::RequestedProcedure, REQUESTED_PROCEDURE))
        .or_else(|| number(Identifier::Study, STUDY));
    let Some(exam) = exam else { return Vec::new() };
    let mut zone = reading.zone;
    zone.offset_minutes = entry.text(TIMEZONE_OFFSET).as_deref().and_then(crate::local_time::offset_minutes);
    let meaning = |set: &DataSet<'_>, tag| {
        let item = set.items(tag).first()?;
        item.text(CODE_MEANING).or_else(|| item.text(CODE_VALUE))
    };
    let of_step = |step: &DataSet<'_>| {
        let procedure = meaning(entry, REQUESTED_PROCEDURE_CODES).or_else(|| meaning(step, PROTOCOL_CODES));
        Some(Booked {
            exam,
            station: step.text(STATION)?,
            start: zone.instant(&step.text(START_DATE)?, &step.text(START_TIME)?)?,
            procedure: procedure.and_then(|text| Label::fitted(&text)),
        })
    };
    entry.items(SCHEDULED_STEPS).iter().filter_map(of_step).collect()
}
