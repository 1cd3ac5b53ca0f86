//! [`Command`]: what is asked (PS3.7), and the [`answer`] to it. Commands are implicit little endian whatever the
//! association agreed on.

use std::fmt;

use crate::data_set::{DataSet, ReadError, Syntax, Tag};

const AFFECTED_CLASS: Tag = Tag(0x0000_0002);
const REQUESTED_CLASS: Tag = Tag(0x0000_0003);
const COMMAND_FIELD: Tag = Tag(0x0000_0100);
const MESSAGE_ID: Tag = Tag(0x0000_0110);
const MESSAGE_ID_RESPONDED_TO: Tag = Tag(0x0000_0120);
const DATA_SET_TYPE: Tag = Tag(0x0000_0800);
const STATUS: Tag = Tag(0x0000_0900);
const AFFECTED_INSTANCE: Tag = Tag(0x0000_1000);
const REQUESTED_INSTANCE: Tag = Tag(0x0000_1001);

/// Command Data Set Type of a message without data set.
const NO_DATA_SET: u16 = 0x0101;

/// The bit that makes the answer's command field of the request's.
const RESPONSE: u16 = 0x8000;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// C-STORE: an object is stored.
    Store,
    /// C-ECHO: is anybody there?
    Echo,
    /// N-CREATE: a step begins.
    Create,
    /// N-SET: a step changes.
    Set,
    /// Something else, by its command field.
    Other(u16),
}

impl Operation {
    const fn of(field: u16) -> Self {
        match field {
            0x0001 => Self::Store,
            0x0030 => Self::Echo,
            0x0140 => Self::Create,
            0x0120 => Self::Set,
            other => Self::Other(other),
        }
    }

    const fn field(self) -> u16 {
        match self {
            Self::Store => 0x0001,
            Self::Echo => 0x0030,
            Self::Create => 0x0140,
            Self::Set => 0x0120,
            Self::Other(field) => field,
        }
    }
}

/// How a request was answered (PS3.7 annex C).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// 0000H.
    Success,
    /// 0106H: an attribute has a value that it may not have.
    InvalidValue,
    /// 0110H: the data set cannot be read, or the step has ended and may no longer be changed.
    ProcessingFailure,
    /// 0111H: the step exists already.
    DuplicateInstance,
    /// 0112H: there is no such step.
    NoSuchInstance,
    /// 0117H: what should be a UID is none.
    InvalidInstance,
    /// 0118H: the class is not served here.
    NoSuchClass,
    /// 0120H: an attribute is missing.
    MissingAttribute,
    /// 0211H: the operation is not served here.
    UnrecognisedOperation,
    /// 0213H: it could not be kept; ask again later.
    ResourceLimitation,
    /// A700H: an object could not be kept; send it again later.
    OutOfResources,
    /// C000H: an object cannot be read.
    CannotUnderstand,
}

impl Status {
    /// The code on the wire.
    pub const fn code(self) -> u16 {
        match self {
            Self::Success => 0x0000,
            Self::InvalidValue => 0x0106,
            Self::ProcessingFailure => 0x0110,
            Self::DuplicateInstance => 0x0111,
            Self::NoSuchInstance => 0x0112,
            Self::InvalidInstance => 0x0117,
            Self::NoSuchClass => 0x0118,
            Self::MissingAttribute => 0x0120,
            Self::UnrecognisedOperation => 0x0211,
            Self::ResourceLimitation => 0x0213,
            Self::OutOfResources => 0xa700,
            Self::CannotUnderstand => 0xc000,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}H", self.code())
    }
}

/// Why a command is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Its bytes are no data set.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It lacks what every request has.
    #[error("element {0} is missing or is no number")]
    Missing(Tag),
    /// It is an answer, and nothing was asked.
    #[error("it is an answer ({0:04X}H) to something that was not asked")]
    Answer(u16),
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What is asked for.
    pub operation: Operation,
    /// The number that the answer carries.
    pub message_id: u16,
    /// The class: affected, or, for N-SET, requested.
    pub class: String,
    /// The instance: affected, or, for N-SET, requested; N-CREATE may leave it to us.
    pub instance: Option<String>,
    /// A data set follows.
    pub has_data_set: bool,
}

impl Command {
    /// Reads a command.
    pub fn read(bytes: &[u8]) -> Result<Self, CommandError> {
        let set = DataSet::read(bytes, Syntax::ImplicitLittle)?;
        let number = |tag| set.number(tag).ok_or(CommandError::Missing(tag));
        let field = number(COMMAND_FIELD)?;
        if field & RESPONSE != 0 {
            return Err(CommandError::Answer(field));
        }
        let operation = Operation::of(field);
        let (class, instance) = match operation {
            Operation::Set => (REQUESTED_CLASS, REQUESTED_INSTANCE),
            Operation::Store | Operation::Echo | Operation::Create | Operation::Other(_) => {
                (AFFECTED_CLASS, AFFECTED_INSTANCE)
            }
        };
        Ok(Self {
            operation,
            message_id: number(MESSAGE_ID)?,
            class: set.text(class).unwrap_or_default(),
            instance: set.text(instance),
            has_data_set: number(DATA_SET_TYPE)? != NO_DATA_SET,
        })
    }
}

/// The bytes of an answer without data set. `instance`: the one that was asked about or made.
pub fn answer(command: &Command, status: Status, instance: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    if crate::uid::is_uid(&command.class) {
        put(&mut bytes, AFFECTED_CLASS, &padded(&command.class));
    }
    put(&mut bytes, COMMAND_FIELD, &(command.operation.field() | RESPONSE).to_le_bytes());
    put(&mut bytes, MESSAGE_ID_RESPONDED_TO, &command.message_id.to_le_bytes());
    put(&mut bytes, DATA_SET_TYPE, &NO_DATA_SET.to_le_bytes());
    put(&mut bytes, STATUS, &status.code().to_le_bytes());
    if let Some(instance) = instance.filter(|text| crate::uid::is_uid(text)) {
        put(&mut bytes, AFFECTED_INSTANCE, &padded(instance));
    }
    let mut whole = Vec::with_capacity(bytes.len() + 12);
    let length = u32::try_from(bytes.len()).unwrap_or(0);
    put(&mut whole, Tag(0), &length.to_le_bytes());
    whole.append(&mut bytes);
    whole
}

pub(crate) fn put(bytes: &mut Vec<u8>, tag: Tag, value: &[u8]) {
    bytes.extend_from_slice(&tag.group().to_le_bytes());
    bytes.extend_from_slice(&tag.element().to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(value.len()).unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(value);
}

/// A UID has an even number of bytes on the wire.
fn padded(uid: &str) -> Vec<u8> {
    let mut bytes = uid.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(field: u16, more: &[(Tag, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, COMMAND_FIELD, &field.to_le_bytes());
        put(&mut bytes, MESSAGE_ID, &7_u16.to_le_bytes());
        put(&mut bytes, DATA_SET_TYPE, &1_u16.to_le_bytes());
        for (tag, value) in more {
            put(&mut bytes, *tag, value);
        }
        bytes
    }

    #[test]
    fn a_set_names_what_it_asks_for_and_a_create_what_it_affects() {
        let uids: &[(Tag, &[u8])] = &[
            (AFFECTED_CLASS, b"1.1\0"),
            (REQUESTED_CLASS, b"1.2\0"),
            (AFFECTED_INSTANCE, b"2.1\0"),
            (REQUESTED_INSTANCE, b"2.2\0"),
        ];
        let create = Command::read(&request(0x0140, uids)).unwrap();
        assert_eq!(
            (create.operation, create.class.as_str(), create.instance.as_deref()),
            (Operation::Create, "1.1", Some("2.1"))
        );
        let set = Command::read(&request(0x0120, uids)).unwrap();
        assert_eq!((set.operation, set.class.as_str(), set.instance.as_deref()), (Operation::Set, "1.2", Some("2.2")));
        assert_eq!(set.message_id, 7);
    }

    #[test]
    fn what_is_no_request_is_said() {
        assert_eq!(Command::read(&request(0x8140, &[])), Err(CommandError::Answer(0x8140)));
        assert_eq!(Command::read(&[]), Err(CommandError::Missing(COMMAND_FIELD)));
        assert!(matches!(Command::read(&request(0x0140, &[])[..9]), Err(CommandError::Read(_))));
    }

    #[test]
    fn an_answer_carries_the_number_of_its_request() {
        let command = Command::read(&request(0x0140, &[(AFFECTED_CLASS, b"1.1\0")])).unwrap();
        let bytes = answer(&command, Status::DuplicateInstance, Some("2.25.1"));
        let read = DataSet::read(&bytes, Syntax::ImplicitLittle).unwrap();
        assert_eq!(read.number(COMMAND_FIELD), Some(0x8140));
        assert_eq!(read.number(MESSAGE_ID_RESPONDED_TO), Some(7));
        assert_eq!(read.number(STATUS), Some(0x0111));
        assert_eq!(read.number(DATA_SET_TYPE), Some(0x0101));
        assert_eq!(read.text(AFFECTED_INSTANCE).as_deref(), Some("2.25.1"));
    }
}
