//! [`take`]: the bytes of one message to all that is done with them: observations to record, problems to log, and the
//! answer to its sender.

use room_events::{SourceId, TokenMaker, UtcMillis};

use crate::answer::{Verdict, answer};
use crate::field::FieldRef;
use crate::mapping::Mapping;
use crate::message::Message;
use crate::personal::Personal;
use crate::problem::{ErrorCode, Problem, shape};
use crate::reading::{ExamEnd, Reading, Said};

/// A message that was read.
#[derive(Debug)]
pub struct Taken {
    /// Its control id, to name it in a log; by its shape if it looks like none, or has a part of the patient's name.
    pub id: String,
    /// Its type and trigger, such as `SIU^S12`; likewise.
    pub kind: String,
    /// The source of the mapping that read it.
    pub source: Option<SourceId>,
    /// To be recorded before the answer is sent.
    pub said: Vec<Said>,
    /// To be joined with their starts, or kept until those come.
    pub ends: Vec<ExamEnd>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// No rule takes its type.
    pub is_unlisted: bool,
    /// The answer once what it says is on the disk; `None` where the message asks for none.
    pub answer: Option<String>,
    /// The answer if it could not be kept.
    pub answer_if_lost: Option<String>,
}

/// Reads a message by the first mapping that is for its sender. `own_id` is the control id of the answer.
#[must_use]
pub fn take(bytes: &[u8], mappings: &[Mapping], tokens: &dyn TokenMaker, heard: UtcMillis, own_id: &str) -> Taken {
    let mut taken = Taken {
        id: String::new(),
        kind: String::new(),
        source: None,
        said: Vec::new(),
        ends: Vec::new(),
        problems: Vec::new(),
        is_unlisted: false,
        answer: None,
        answer_if_lost: None,
    };
    let text = crate::text::decode(bytes);
    // Of a text that cannot be decoded the header can be, as it is ASCII in all sets.
    let header = String::from_utf8_lossy(bytes);
    let parsed = Message::parse(text.as_deref().unwrap_or(&header));
    let message = match &parsed {
        Ok(message) => message,
        Err(error) => {
            let problem = Problem::of_message(ErrorCode::Segments, error.to_string(), "nothing of it was read");
            taken.answer = answer(None, Verdict::Rejected, std::slice::from_ref(&problem), heard, own_id);
            taken.answer_if_lost.clone_from(&taken.answer);
            taken.problems.push(problem);
            return taken;
        }
    };
    let personal = Personal::of(message);
    let shown = |text: &str| if personal.is_in(text) { shape(text) } else { usual_or_shape(text) };
    taken.id = shown(message.raw("MSH", 10));
    taken.kind = shown(message.raw("MSH", 9));
    let internal = Problem::of_message(ErrorCode::Internal, "the message could not be kept", "send it again later");
    taken.answer_if_lost = answer(Some(message), Verdict::Rejected, &[internal], heard, own_id);
    match mapping_for(message, mappings, text.is_err()) {
        Ok(mapping) => {
            let read = Reading { mapping, tokens, heard }.read(message);
            taken.source = Some(mapping.source().clone());
            (taken.said, taken.ends) = (read.said, read.ends);
            (taken.problems, taken.is_unlisted) = (read.problems, read.is_unlisted);
        }
        Err(problem) => taken.problems.push(problem),
    }
    let verdict = Verdict::of(&taken.problems);
    taken.answer = answer(Some(message), verdict, &taken.problems, heard, own_id);
    taken
}

/// Whether the header allows the message to be read, and by which mapping.
fn mapping_for<'m>(
    message: &Message<'_>,
    mappings: &'m [Mapping],
    set_is_unknown: bool,
) -> Result<&'m Mapping, Problem> {
    let of = |code, field, detail: &'static str, remedy: &'static str| {
        let at = FieldRef { segment: "MSH".to_owned(), field, component: 1 };
        Problem::of_field(code, &at, None, detail, remedy)
    };
    let first = |field| message.value("MSH", field, 1);
    if first(12).is_some_and(|version| !version.starts_with("2")) {
        return Err(of(ErrorCode::Version, 12, "is not version 2", "send HL7 v2"));
    }
    if first(11).is_some_and(|id| id != "P") {
        let remedy = "send training and test messages elsewhere, or with P";
        return Err(of(ErrorCode::ProcessingId, 11, "is not P: not a message of production", remedy));
    }
    if set_is_unknown {
        let remedy = "send ASCII, 8859/1 to 8859/16 or UNICODE UTF-8";
        return Err(of(ErrorCode::Table, 18, "names a character set that is not read here", remedy));
    }
    let application = first(3).unwrap_or_default();
    mappings.iter().find(|mapping| mapping.is_for(&application)).ok_or_else(|| {
        let remedy = "add it to applications of a mapping";
        of(ErrorCode::Table, 3, "is a sending application that no mapping is for", remedy)
    })
}

/// A control id or a type as it is; what is no such thing by its shape.
fn usual_or_shape(text: &str) -> String {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '^' | '_' | '-' | '.' | ':');
    if text.len() <= 40 && text.chars().all(is_usual) { text.to_owned() } else { shape(text) }
}
