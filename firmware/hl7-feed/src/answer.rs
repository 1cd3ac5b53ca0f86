//! [`Answer`]: the acknowledgement of a message by the standard (chapter 2: MSH, MSA, ERR).
//!
//! A message without MSH-15 and MSH-16 is answered in original mode: AA, AE or AR. With MSH-15 the accept
//! acknowledgement that it asks for is sent, CA, CE or CR; with MSH-16 alone the application's.

use room_events::UtcMillis;

use crate::message::{Delimiters, Message};
use crate::problem::{ErrorCode, Problem};

/// ERR segments of one answer; more are only counted in the log.
const MAX_ERRORS: usize = 10;

const USUAL: Delimiters = Delimiters { field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&' };

/// How a message was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What it says is on the disk.
    Accepted,
    /// Something in it is wrong; what is good in it is on the disk.
    Error,
    /// It is not read at all, or could not be kept: nothing of it is on the disk.
    Rejected,
}

impl Verdict {
    /// What the problems of a message make of it.
    #[must_use]
    pub fn of(problems: &[Problem]) -> Self {
        let is_refused = |problem: &Problem| match problem.code {
            ErrorCode::ProcessingId | ErrorCode::Version | ErrorCode::Internal => true,
            ErrorCode::Segments | ErrorCode::Missing | ErrorCode::DataType | ErrorCode::Table => false,
        };
        if problems.is_empty() {
            Self::Accepted
        } else if problems.iter().any(is_refused) {
            Self::Rejected
        } else {
            Self::Error
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Accepted => 'A',
            Self::Error => 'E',
            Self::Rejected => 'R',
        }
    }
}

/// The answer's text, without its frame; `None` where the message asks for none.
///
/// `own_id` is the answer's control id; `message` is absent where it could not be read as one.
#[must_use]
pub fn answer(
    message: Option<&Message<'_>>,
    verdict: Verdict,
    problems: &[Problem],
    now: UtcMillis,
    own_id: &str,
) -> Option<String> {
    let field = |at| message.map_or("", |message| message.raw("MSH", at));
    let stage = match (field(15), field(16)) {
        ("", "") => 'A',
        ("", application) => is_wanted(application, verdict).then_some('A')?,
        (accept, _) => is_wanted(accept, verdict).then_some('C')?,
    };
    let of = message.map_or(USUAL, Message::delimiters);
    let d = of.field;
    let trigger = field(9).split(of.component).nth(1).unwrap_or_default();
    let version = field(12);
    let kind = if trigger.is_empty() || is_before(version, 2, 3) {
        "ACK".to_owned()
    } else if is_before(version, 2, 4) {
        format!("ACK{}{trigger}", of.component)
    } else {
        format!("ACK{c}{trigger}{c}ACK", c = of.component)
    };
    let Delimiters { component, repetition, escape, subcomponent, .. } = of;
    let time = crate::time::written(now);
    let mut text = format!("MSH{d}{component}{repetition}{escape}{subcomponent}");
    let processing = if field(11).is_empty() { "P" } else { field(11) };
    let shown_version = if version.is_empty() { "2.5" } else { version };
    let fields = [field(5), field(6), field(3), field(4), &time, "", &kind, own_id, processing, shown_version];
    for value in fields {
        text.push(d);
        text.push_str(value);
    }
    text.push_str(&format!("\rMSA{d}{stage}{}{d}{}", verdict.letter(), field(10)));
    let is_old = is_before(version, 2, 5);
    if let Some(first) = problems.first().filter(|_| is_old) {
        text.push_str(&format!("{d}{}", of.escape(&first.to_string())));
    }
    for problem in problems.iter().take(MAX_ERRORS) {
        text.push('\r');
        text.push_str(&error(problem, of, is_old));
    }
    text.push('\r');
    // The sender's own words come back in its character set only as far as all sets agree.
    Some(text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect())
}

fn error(problem: &Problem, of: Delimiters, is_old: bool) -> String {
    let (d, c, s) = (of.field, of.component, of.subcomponent);
    let (number, name) = (problem.code.number(), problem.code.text());
    if is_old {
        let place = problem.place.as_ref().map_or(format!("{c}{c}"), |at| format!("{}{c}1{c}{}", at.segment, at.field));
        return format!("ERR{d}{place}{c}{number}{s}{name}{s}HL70357");
    }
    let place = problem
        .place
        .as_ref()
        .map_or(String::new(), |at| format!("{}{c}1{c}{}{c}1{c}{}", at.segment, at.field, at.component));
    let text = of.escape(&problem.to_string());
    format!("ERR{d}{d}{place}{d}{number}{c}{name}{c}HL70357{d}E{d}{d}{d}{d}{text}")
}

/// Whether a condition of table 0155 asks for an answer.
fn is_wanted(condition: &str, verdict: Verdict) -> bool {
    match condition {
        "NE" => false,
        "ER" => verdict != Verdict::Accepted,
        "SU" => verdict == Verdict::Accepted,
        _ => true,
    }
}

/// Whether a version is known and before another.
fn is_before(version: &str, major: u32, minor: u32) -> bool {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(a)), Some(Ok(b))) => (a, b) < (major, minor),
        _ => false,
    }
}
