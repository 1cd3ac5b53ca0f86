//! [`Assembly`]: messages from the fragments of an association (PS3.8 annex E): first all fragments of a command, then,
//! if it announces one, those of its data set.

use crate::command::Command;

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
    /// The data set; empty where the command announces none.
    pub data: Vec<u8>,
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

/// Puts messages together. See the module.
#[derive(Debug, Default)]
pub struct Assembly {
    max_data_bytes: usize,
    context: Option<u8>,
    bytes: Vec<u8>,
    command: Option<Command>,
}

impl Assembly {
    /// Accepts data sets of at most `max_data_bytes`.
    #[must_use]
    pub fn new(max_data_bytes: usize) -> Self {
        Self { max_data_bytes, ..Self::default() }
    }

    /// Takes a fragment; gives the message that it completes.
    pub fn handle(
        &mut self,
        context: u8,
        part: Part,
        last: bool,
        bytes: &[u8],
    ) -> Result<Option<Message>, AssemblyError> {
        let (wanted, limit) = match self.command {
            None => (Part::Command, MAX_COMMAND_BYTES),
            Some(_) => (Part::DataSet, self.max_data_bytes),
        };
        if part != wanted {
            return Err(AssemblyError::OutOfOrder { got: name(part), wanted: name(wanted) });
        }
        let begun = *self.context.get_or_insert(context);
        if begun != context {
            return Err(AssemblyError::OtherContext(begun, context));
        }
        if self.bytes.len() + bytes.len() > limit {
            return Err(AssemblyError::TooLarge(limit));
        }
        self.bytes.extend_from_slice(bytes);
        if !last {
            return Ok(None);
        }
        let bytes = std::mem::take(&mut self.bytes);
        match self.command.take() {
            None => {
                let command = Command::read(&bytes)?;
                if command.has_data_set {
                    self.command = Some(command);
                    return Ok(None);
                }
                self.context = None;
                Ok(Some(Message { context, command, data: Vec::new() }))
            }
            Some(command) => {
                self.context = None;
                Ok(Some(Message { context, command, data: bytes }))
            }
        }
    }
}

const fn name(part: Part) -> &'static str {
    match part {
        Part::Command => "command",
        Part::DataSet => "data set",
    }
}
