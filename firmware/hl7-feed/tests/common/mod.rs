//! What a message says, in words.

#![allow(dead_code, clippy::wildcard_enum_match_arm, reason = "not every test needs all")]

use hl7_feed::{Mapping, Said, Taken, take};
use room_events::{Identifier, Observation, Token, TokenMaker, UtcMillis};

/// Tokens that can be read back: kinds and letters of the number.
pub struct Plain;

impl TokenMaker for Plain {
    fn token_of_trimmed(&self, kind: Identifier, text: &str) -> Token {
        let digest = text.bytes().fold(0_u128, |sum, byte| sum << 8 | u128::from(byte));
        Token { key: kind.domain().len().try_into().unwrap_or(0), digest }
    }
}

/// When all messages are heard: a minute past seven UTC.
pub fn heard() -> UtcMillis {
    UtcMillis::saturating(1_657_782_060_000)
}

pub fn taken(mappings: &[Mapping], message: &[u8]) -> Taken {
    take(message, mappings, &Plain, heard(), "T1")
}

pub fn said(mapping: &Mapping, message: &str) -> Vec<String> {
    let mappings = [mapping.clone()];
    let taken = taken(&mappings, message.as_bytes());
    let problems = taken.problems.iter().map(ToString::to_string);
    taken.said.iter().map(words).chain(problems).collect()
}

#[track_caller]
pub fn check(found: &[String], expected: &[&str]) {
    assert_eq!(found, expected);
}

fn number(token: Token) -> String {
    let bytes: Vec<u8> = token.digest.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

pub fn words(said: &Said) -> String {
    let mut words: Vec<String> = said.site.iter().map(ToString::to_string).collect();
    words.extend(said.room.iter().map(ToString::to_string));
    words.push(said.at.to_string());
    match &said.obs {
        Observation::Milestone(m) => words.extend([m.name.to_string(), number(m.case)]),
        Observation::Correction(c) => words.extend(["withdrawn".to_owned(), c.name.to_string(), number(c.case)]),
        Observation::Cancellation(c) => {
            words.extend(["cancelled".to_owned(), number(c.case)]);
            words.extend(c.class.map(|class| format!("{class:?}")));
            words.extend(c.reason.as_ref().map(ToString::to_string));
        }
        Observation::Booking(b) => {
            words.extend(["booking".to_owned(), number(b.case)]);
            words.extend(b.start.map(|start| format!("start {start}")));
            words.extend(b.minutes.map(|minutes| format!("{minutes} min")));
            let labels: Vec<String> = b.specialty.iter().chain(&b.procedure).map(ToString::to_string).collect();
            words.extend((!labels.is_empty()).then(|| labels.join("/")));
            words.extend(b.admission.map(|admission| format!("{admission:?}")));
            words.extend(b.class.map(|class| format!("{class:?}")));
            words.extend(b.issued.map(|issued| format!("issued {issued}")));
        }
        Observation::ExamStage(e) => {
            words.extend([number(e.exam), e.stage.to_string()]);
            words.extend(e.modality.map(|modality| format!("{modality:?}")));
            words.extend(e.urgency.map(|urgency| format!("{urgency:?}")));
        }
        Observation::PerformedStep(s) => {
            words.push(s.state.to_string());
            words.extend(s.accessions.iter().map(|token| number(*token)));
            words.extend(s.visit.map(|token| format!("visit {}", number(token))));
            words.extend(s.patient.map(|token| format!("patient {}", number(token))));
            words.push(format!("start {}", s.start));
            words.extend(s.end.map(|end| format!("end {end}")));
            words.extend(s.protocol.as_ref().map(ToString::to_string));
        }
        other => words.push(format!("{other:?}")),
    }
    words.join(" ")
}
