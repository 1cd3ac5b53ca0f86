//! What messages say goes to the disk, that of many connections in one commit, and only then are they answered.

use edge_agent::Observed;
use hl7_feed::{Taken, framed};

use super::Hl7Feed;
use super::known_exams::Changes;
use crate::agent::Shared;

/// What is sent back on a connection: the answers to its messages, framed.
pub(super) type Answers = Vec<u8>;

/// Records what the messages of each connection say, with one commit for all, and gives each connection its answers.
pub(super) fn record(feed: &Hl7Feed, shared: &Shared, told: &[Vec<Taken>]) -> Vec<Answers> {
    // Two messages on one exam are one after the other: what the second says depends on the first.
    let _one_at_a_time = feed.exams.turn();
    record_group(feed, shared, told)
}

fn record_group(feed: &Hl7Feed, shared: &Shared, told: &[Vec<Taken>]) -> Vec<Answers> {
    let answers = |is_kept: bool| {
        let of_one = |one: &Taken| framed_answer(if is_kept { &one.answer } else { &one.answer_if_lost });
        told.iter().map(|taken| taken.iter().flat_map(of_one).collect()).collect()
    };
    match keep(feed, shared, told.iter().flatten()) {
        Ok(()) => answers(true),
        // Nothing of the group is answered yet, and some of it may find room alone.
        Err(_) if told.len() > 1 => {
            told.iter().flat_map(|one| record_group(feed, shared, std::slice::from_ref(one))).collect()
        }
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                messages = told.iter().map(Vec::len).sum::<usize>(),
                "messages cannot be recorded; their sender is told to send them again"
            );
            answers(false)
        }
    }
}

fn framed_answer(answer: &Option<String>) -> Vec<u8> {
    answer.as_deref().map(framed).unwrap_or_default()
}

fn keep<'t>(feed: &Hl7Feed, shared: &Shared, taken: impl Iterator<Item = &'t Taken>) -> anyhow::Result<()> {
    let heard = shared.agent().clock().now();
    let mut observed: Vec<Observed> = Vec::new();
    let mut changes = Changes::default();
    for one in taken {
        let Some(source) = &one.source else { continue };
        let mut said = one.said.clone();
        feed.exams.join(&mut said, one.ends.clone(), heard, &mut changes)?;
        observed.extend(said.into_iter().map(|said| feed.observed(source, said)));
    }
    if !observed.is_empty() {
        shared.agent().record(&observed, None)?;
        shared.recorded.notify_one();
    }
    feed.exams.keep(&changes)
}
