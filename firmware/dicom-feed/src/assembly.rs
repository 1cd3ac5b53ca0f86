//! [`Assembly`]: messages from the fragments of an association (PS3.8 annex E): first all fragments of a command, then,
//! if it announces one, those of its data set. Of an object that is stored only the header is kept.

use crate::command::{Command, Operation};
use crate::data_set::{ReadError, Syntax};
use crate::header::HeaderReader;

/// The most bytes of a command; real ones have about 300.
const MAX_COMMAND_BYTES: usize = 16 * 1024;

/// What a fragment belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The command.
    Command,
    /// The data set.
    DataSet,
}

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The presentation context that it came in, and that the answer goes to.
    pub context: u8,
    /// What is asked.
    pub command: Command,
    /// How the data set is written.
    pub syntax: Syntax,
    /// The data set; empty where the command announces none; of a stored object what is wanted of its header.
    pub data: Result<Vec<u8>, ReadError>,
}

/// Why an association cannot go on: abort it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// Fragments out of order.
    #[error("a fragment of a {got} came where one of a {wanted} was due")]
    OutOfOrder {
        /// What came.
        got: &'static str,
        /// What was due.
        wanted: &'static str,
    },
    /// The context was not accepted.
    #[error("a message came in presentation context {0}, which was not accepted")]
    NoContext(u8),
    /// The context changed within a message.
    #[error("the presentation context changed from {0} to {1} within a message")]
    OtherContext(u8, u8),
    /// More than is accepted.
    #[error("a message has more than {0} bytes (see dicom.max-message-kib)")]
    TooLarge(usize),
    /// The command cannot be read.
    #[error("the command cannot be read: {0}")]
    Command(#[from] crate::command::CommandError),
}

/// A data set as far as it has come.
#[derive(Debug)]
enum Data {
    /// All of it.
    Whole(Vec<u8>),
    /// The header of a stored object.
    Header(HeaderReader),
    /// Of an object whose header cannot be read the rest is dropped.
    Unreadable(ReadError),
}

impl Data {
    fn handle(self, bytes: &[u8], limit: usize) -> Result<Self, AssemblyError> {
        Ok(match self {
            Self::Whole(whole) => Self::Whole(joined(whole, bytes, limit)?),
            Self::Header(mut reader) => match reader.handle(bytes) {
                Ok(()) => Self::Header(reader),
                Err(error) => Self::Unreadable(error),
            },
            Self::Unreadable(error) => Self::Unreadable(error),
        })
    }

    fn finish(self) -> Result<Vec<u8>, ReadError> {
        match self {
            Self::Whole(bytes) => Ok(bytes),
            Self::Header(reader) => reader.finish(),
            Self::Unreadable(error) => Err(error),
        }
    }
}

fn joined(mut whole: Vec<u8>, bytes: &[u8], limit: usize) -> Result<Vec<u8>, AssemblyError> {
    if whole.len() + bytes.len() > limit {
        return Err(AssemblyError::TooLarge(limit));
    }
    whole.extend_from_slice(bytes);
    Ok(whole)
}

/// Puts messages together. See the module.
#[derive(Debug)]
pub struct Assembly {
    max_data_bytes: usize,
    /// The accepted presentation contexts.
    contexts: Vec<(u8, Syntax)>,
    context: Option<u8>,
    bytes: Vec<u8>,
    command: Option<(Command, Data)>,
}

impl Assembly {
    /// Accepts messages in these contexts, with data sets of at most `max_data_bytes`, and stored objects of any size.
    #[must_use]
    pub fn new(max_data_bytes: usize, contexts: Vec<(u8, Syntax)>) -> Self {
        Self { max_data_bytes, contexts, context: None, bytes: Vec::new(), command: None }
    }

    /// Takes a fragment; gives the message that it completes.
    pub fn handle(
        &mut self,
        context: u8,
        part: Part,
        last: bool,
        bytes: &[u8],
    ) -> Result<Option<Message>, AssemblyError> {
        let accepted = self.contexts.iter().find(|(id, _)| *id == context);
        let (_, syntax) = *accepted.ok_or(AssemblyError::NoContext(context))?;
        let wanted = if self.command.is_none() { Part::Command } else { Part::DataSet };
        if part != wanted {
            return Err(AssemblyError::OutOfOrder { got: name(part), wanted: name(wanted) });
        }
        let begun = *self.context.get_or_insert(context);
        if begun != context {
            return Err(AssemblyError::OtherContext(begun, context));
        }
        let Some((command, data)) = self.command.take() else {
            self.bytes = joined(std::mem::take(&mut self.bytes), bytes, MAX_COMMAND_BYTES)?;
            return if last { self.finish_command(context, syntax) } else { Ok(None) };
        };
        let data = data.handle(bytes, self.max_data_bytes)?;
        if !last {
            self.command = Some((command, data));
            return Ok(None);
        }
        self.context = None;
        Ok(Some(Message { context, command, syntax, data: data.finish() }))
    }

    fn finish_command(&mut self, context: u8, syntax: Syntax) -> Result<Option<Message>, AssemblyError> {
        let command = Command::read(&std::mem::take(&mut self.bytes))?;
        if !command.has_data_set {
            self.context = None;
            return Ok(Some(Message { context, command, syntax, data: Ok(Vec::new()) }));
        }
        let data = match command.operation {
            Operation::Store => Data::Header(HeaderReader::new(syntax)),
            Operation::Echo | Operation::Create | Operation::Set | Operation::Other(_) => Data::Whole(Vec::new()),
        };
        self.command = Some((command, data));
        Ok(None)
    }
}

const fn name(part: Part) -> &'static str {
    match part {
        Part::Command => "command",
        Part::DataSet => "data set",
    }
}
