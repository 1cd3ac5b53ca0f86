//! A scanner's performed step from all that was said of it.
//!
//! Scanners send a step several times: created, set, set again, and again after a broken connection. A final state is
//! never undone, neither by a creation that arrives late nor by a second final state that says something else.

use room_events::{Label, PerformedStep, StepState, Token, UtcMillis};

use super::record::{Precedence, Word, last_word};
use crate::facts::Step;

/// What one record says of a step: a [`PerformedStep`] with an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StepSaid {
    state: StepState,
    start: UtcMillis,
    end: Option<UtcMillis>,
    accessions: Vec<Token>,
    visit: Option<Token>,
    patient: Option<Token>,
    protocol: Option<Label>,
    reason: Option<u32>,
}

impl StepSaid {
    pub(super) fn of(said: &PerformedStep) -> Self {
        let mut accessions = said.accessions.to_vec();
        accessions.sort_unstable();
        accessions.dedup();
        Self {
            state: said.state,
            start: said.start,
            end: said.end,
            accessions,
            visit: said.visit,
            patient: said.patient,
            protocol: said.protocol.clone(),
            reason: said.reason,
        }
    }

    fn is_final(&self) -> bool {
        match self.state {
            StepState::InProgress => false,
            StepState::Completed | StepState::Discontinued => true,
        }
    }
}

/// The step as agreed; absent when nothing was said of it.
pub(super) fn agree(id: Token, words: &[Word<StepSaid>], precedence: &Precedence) -> Option<Step> {
    let finals = || words.iter().filter(|word| word.said.is_final());
    let last = last_word(words.iter(), precedence)?;
    let counts = match last_word(finals(), precedence) {
        // Of the source that is believed most, the first final word.
        Some(last) => finals().filter(|word| word.source == last.source).min_by(|a, b| precedence.rank_words(a, b))?,
        None => last,
    };
    let said = &counts.said;
    // What a final message leaves out, the creation has said.
    let mut ranked: Vec<&Word<StepSaid>> = words.iter().collect();
    ranked.sort_by(|a, b| precedence.rank_words(b, a));
    let texts = || std::iter::once(counts).chain(ranked.iter().copied());
    let accessions = texts().map(|word| &word.said.accessions).find(|accessions| !accessions.is_empty());
    Some(Step {
        id,
        state: said.state,
        start: said.start,
        end: if said.is_final() { said.end } else { None },
        last_image: words.iter().filter(|word| !word.said.is_final()).filter_map(|word| word.said.end).max(),
        acquired: None,
        accessions: accessions.cloned().unwrap_or_default(),
        visit: texts().find_map(|word| word.said.visit),
        patient: texts().find_map(|word| word.said.patient),
        protocol: texts().find_map(|word| word.said.protocol.clone()),
        reason: said.reason,
        captured: counts.captured,
        conflicting: finals().any(|w| (w.said.state, w.said.start, w.said.end) != (said.state, said.start, said.end)),
        inferred: false,
    })
}
