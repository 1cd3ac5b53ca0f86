//! What was acquired, from all that was said of it, and the steps that it belongs to.
//!
//! An acquisition belongs to the step that its images name; where they name none, or one of which nothing else was
//! said, to the step that carries its exam and began last before it. A scanner that tells of no steps has one for each
//! exam of which images came: it starts with the first acquisition, and only its last image says when it ended.

use std::collections::BTreeMap;

use room_events::{Acquisition, Label, StepState, Token, UtcMillis};

use super::record::{Precedence, Word, last_word};
use crate::facts::{Acquired, Step};

/// What one record says of a series: an [`Acquisition`] with an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AcquisitionSaid {
    series: Option<Token>,
    step: Option<Token>,
    first: UtcMillis,
    last: UtcMillis,
    visit: Option<Token>,
    patient: Option<Token>,
    protocol: Option<Label>,
}

impl AcquisitionSaid {
    pub(super) fn of(said: &Acquisition) -> Self {
        Self {
            series: said.series,
            step: said.step,
            first: said.first.min(said.last),
            last: said.last.max(said.first),
            visit: said.visit,
            patient: said.patient,
            protocol: said.protocol.clone(),
        }
    }
}

/// All words on one series, joined.
struct Series<'w> {
    exam: Token,
    step: Option<Token>,
    acquired: Acquired,
    words: Vec<&'w Word<AcquisitionSaid>>,
}

/// Gives each step what was acquired in it, and adds the steps of which only images tell.
pub(super) fn add_to(
    steps: &mut Vec<Step>,
    words: &BTreeMap<Token, Vec<Word<AcquisitionSaid>>>,
    precedence: &Precedence,
) {
    let mut alone: BTreeMap<Token, Vec<Series<'_>>> = BTreeMap::new();
    for series in joined(words) {
        match of_series(steps, &series) {
            Some(step) => {
                step.last_image = step.last_image.max(Some(series.acquired.last));
                step.acquired = Some(step.acquired.map_or(series.acquired, |known| known.and(series.acquired)));
            }
            None => alone.entry(series.step.unwrap_or(series.exam)).or_default().push(series),
        }
    }
    steps.extend(alone.into_iter().filter_map(|(id, series)| of_images(id, &series, precedence)));
}

fn joined(words: &BTreeMap<Token, Vec<Word<AcquisitionSaid>>>) -> Vec<Series<'_>> {
    let mut all: Vec<Series<'_>> = Vec::new();
    for (exam, words) in words {
        let mut of_exam: BTreeMap<(Option<Token>, Option<Token>), Series<'_>> = BTreeMap::new();
        for word in words {
            let said = &word.said;
            let acquired = Acquired { first: said.first, last: said.last };
            let series = of_exam.entry((said.series, said.step)).or_insert_with(|| Series {
                exam: *exam,
                step: said.step,
                acquired,
                words: Vec::new(),
            });
            series.acquired = series.acquired.and(acquired);
            series.words.push(word);
        }
        all.extend(of_exam.into_values());
    }
    all
}

fn of_series<'s>(steps: &'s mut [Step], series: &Series<'_>) -> Option<&'s mut Step> {
    if let Some(named) = steps.iter().position(|step| Some(step.id) == series.step) {
        return steps.get_mut(named);
    }
    let of_exam = || steps.iter().enumerate().filter(|(_, step)| step.accessions.contains(&series.exam));
    let begun = of_exam().filter(|(_, step)| step.start <= series.acquired.first);
    let chosen = begun
        .max_by_key(|(_, step)| (step.start, step.id))
        .or_else(|| of_exam().min_by_key(|(_, step)| (step.start, step.id)));
    let index = chosen?.0;
    steps.get_mut(index)
}

fn of_images(id: Token, series: &[Series<'_>], precedence: &Precedence) -> Option<Step> {
    let acquired = series.iter().map(|one| one.acquired).reduce(Acquired::and)?;
    let mut accessions: Vec<Token> = series.iter().map(|one| one.exam).collect();
    accessions.sort_unstable();
    accessions.dedup();
    let mut ranked: Vec<&Word<AcquisitionSaid>> = series.iter().flat_map(|one| one.words.iter().copied()).collect();
    ranked.sort_by(|a, b| precedence.rank_words(b, a));
    Some(Step {
        id,
        state: StepState::InProgress,
        start: acquired.first,
        end: None,
        last_image: Some(acquired.last),
        acquired: Some(acquired),
        accessions,
        visit: ranked.iter().find_map(|word| word.said.visit),
        patient: ranked.iter().find_map(|word| word.said.patient),
        // The first series is the localiser on every scanner; the longest tells what the exam was for.
        protocol: longest_protocol(series, precedence),
        reason: None,
        captured: ranked.iter().map(|word| word.captured).max()?,
        conflicting: false,
        inferred: false,
    })
}

fn longest_protocol(series: &[Series<'_>], precedence: &Precedence) -> Option<Label> {
    let mut by_length: Vec<&Series<'_>> = series.iter().collect();
    by_length.sort_by_key(|one| (one.acquired.first.millis_since(one.acquired.last), one.acquired.first, one.step));
    by_length.iter().find_map(|one| {
        let named = one.words.iter().copied().filter(|word| word.said.protocol.is_some());
        last_word(named, precedence)?.said.protocol.clone()
    })
}
