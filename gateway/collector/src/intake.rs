//! From a message to the disk and back to its sender: group commit, then answers.
//!
//! A panic anywhere on the way costs the answers of the message that it stumbles over, no other's: the broker is told that
//! this message is done with, so that it hands over the next one, and its agent, which heard nothing, sends it again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use room_events::UtcMillis;
use room_events::topic::AgentAddress;
use rumqttc::v5::mqttbytes::v5::Publish;
use store::{Acknowledgement, Committed, Inbound, StoreError, Writer};
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc};

use crate::unfinished::Unfinished;
use crate::{Changed, Counts};

/// A message from the broker, tied to the connection that must acknowledge it.
#[derive(Debug)]
pub struct Arrival {
    /// The agent whose events it brings, from the topic; none if there is nothing to store. Such a message waits its turn
    /// all the same: a broker may close the connection of a client that acknowledges out of order (MQTT 5, 4.6).
    pub from: Option<AgentAddress>,
    /// The message.
    pub publish: Publish,
    /// Counts connections: packet ids mean nothing on another one.
    pub connection: u64,
    /// Its share of the room for messages, until it is settled.
    pub share: OwnedSemaphorePermit,
}

/// What is to be sent after a commit.
#[derive(Debug)]
pub struct Answers {
    /// To the agents.
    pub acknowledgements: Vec<Acknowledgement>,
    /// To the broker.
    pub settled: Vec<Arrival>,
}

/// Who is told of each commit.
#[derive(Debug)]
pub struct Witnesses {
    /// Whoever shows or writes something.
    pub changes: broadcast::Sender<Changed>,
    /// The counts.
    pub counts: Counts,
    /// Whoever starts after this program has ended.
    pub(crate) unfinished: Unfinished,
}

/// Commits what arrives, as much at once as is waiting, until the channel closes.
pub fn run(
    mut writer: Writer,
    mut arrivals: mpsc::UnboundedReceiver<Arrival>,
    answers: &mpsc::Sender<Answers>,
    witnesses: Witnesses,
    now: impl Fn() -> UtcMillis,
) {
    take_in(&mut writer, &mut arrivals, answers, &witnesses, now);
    witnesses.unfinished.end();
}

fn take_in(
    writer: &mut Writer,
    arrivals: &mut mpsc::UnboundedReceiver<Arrival>,
    answers: &mpsc::Sender<Answers>,
    witnesses: &Witnesses,
    now: impl Fn() -> UtcMillis,
) {
    let mut waiting = Vec::with_capacity(usize::from(crate::RECEIVE_MAXIMUM));
    while arrivals.blocking_recv_many(&mut waiting, usize::from(crate::RECEIVE_MAXIMUM)) > 0 {
        let received = now();
        let inbound: Vec<Inbound<'_>> = waiting
            .iter()
            .filter_map(|arrival| Some(Inbound { from: arrival.from.as_ref()?, payload: &arrival.publish.payload }))
            .collect();
        let batches = inbound.len() as u64;
        witnesses.counts.count(|counted| counted.batches += batches);
        witnesses.unfinished.note_storing(inbound.iter().map(|message| message.from));
        let acknowledgements = contain(&inbound, |messages| store(writer, messages, received, witnesses));
        witnesses.unfinished.note_stored();
        let settled = std::mem::take(&mut waiting);
        if answers.blocking_send(Answers { acknowledgements, settled }).is_err() {
            return;
        }
    }
}

/// Handles all messages, at once if that can be, else one by one: one that makes the program panic must not take the others
/// with it, nor the thread that stores them.
fn contain(
    messages: &[Inbound<'_>],
    mut handle: impl FnMut(&[Inbound<'_>]) -> Vec<Acknowledgement>,
) -> Vec<Acknowledgement> {
    // Nothing half done is seen afterwards: what a transaction began is rolled back, and an answer that was not given is
    // asked for again.
    let mut attempt = |messages: &[Inbound<'_>]| catch_unwind(AssertUnwindSafe(|| handle(messages))).ok();
    if let Some(answers) = attempt(messages) {
        return answers;
    }
    tracing::error!(messages = messages.len(), "the program panicked (the log above says where); trying one by one");
    let mut answers = Vec::new();
    for message in messages {
        match attempt(std::slice::from_ref(message)) {
            Some(more) => answers.extend(more),
            None => tracing::error!(agent = %message.from, "a message makes the program panic; its agent keeps it"),
        }
    }
    answers
}

fn store(
    writer: &mut Writer,
    inbound: &[Inbound<'_>],
    received: UtcMillis,
    witnesses: &Witnesses,
) -> Vec<Acknowledgement> {
    match writer.commit(inbound, received) {
        Ok(done) => {
            witnesses.tell(&done, received);
            done.acknowledgements
        }
        Err(error) if inbound.len() > 1 => {
            // One message must not hold up the others: each gets a transaction of its own.
            tracing::warn!(%error, messages = inbound.len(), "a group of messages could not be stored; trying one by one");
            inbound.iter().flat_map(|message| store_alone(writer, message, received, witnesses)).collect()
        }
        Err(error) => refuse(writer, inbound.first(), &error, received, witnesses),
    }
}

fn store_alone(
    writer: &mut Writer,
    message: &Inbound<'_>,
    received: UtcMillis,
    witnesses: &Witnesses,
) -> Vec<Acknowledgement> {
    match writer.commit(&[*message], received) {
        Ok(done) => {
            witnesses.tell(&done, received);
            done.acknowledgements
        }
        Err(error) => refuse(writer, Some(message), &error, received, witnesses),
    }
}

fn refuse(
    writer: &mut Writer,
    message: Option<&Inbound<'_>>,
    cause: &StoreError,
    received: UtcMillis,
    witnesses: &Witnesses,
) -> Vec<Acknowledgement> {
    let Some(message) = message else { return Vec::new() };
    witnesses.counts.count(|counted| counted.storing_failed += 1);
    tracing::error!(agent = %message.from, error = %cause, "a message could not be stored as it is");
    match writer.refuse(message, cause, received) {
        Ok(answer) => answer.into_iter().collect(),
        Err(error) => {
            tracing::error!(agent = %message.from, %error, "its agent could not even be told");
            Vec::new()
        }
    }
}

impl Witnesses {
    fn tell(&self, done: &Committed, received: UtcMillis) {
        self.counts.handle_committed(done, received);
        tracing::debug!(stored = done.stored, duplicates = done.duplicates, "committed");
        if done.quarantined > 0 {
            tracing::error!(count = done.quarantined, "could not be decoded; kept in quarantine");
        }
        if done.conflicts > 0 {
            tracing::error!(count = done.conflicts, "met another event under their number; both are kept");
        }
        if done.gone > 0 {
            tracing::error!(count = done.gone, "were given up by their agent before they arrived");
        }
        if done.refused > 0 {
            tracing::error!(count = done.refused, "lie too far ahead of their stream; not stored");
        }
        // An error only says that nobody is looking.
        if done.rooms.is_empty() {
            let _ = self.changes.send(Changed { room: None, latest: done.latest });
        }
        for room in &done.rooms {
            let _ = self.changes.send(Changed { room: Some(room.clone()), latest: done.latest });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use delivery::ack::{Ack, RunId};
    use room_events::{AgentId, SiteId, StreamId, TrustId};

    #[test]
    fn a_message_that_panics_costs_no_other_its_answer() {
        let from = AgentAddress {
            trust: TrustId::new("north").unwrap(),
            site: SiteId::new("main").unwrap(),
            agent: AgentId::new("th-1").unwrap(),
        };
        let answer = |message: &Inbound<'_>| {
            assert_ne!(message.payload, b"poison", "asked to panic");
            let ack = Ack {
                run: RunId(1),
                counter: 1,
                stream: StreamId(1),
                through: u64::from(message.payload[0]),
                floor: None,
                conflicts: Default::default(),
                failed: None,
            };
            Acknowledgement { to: from.clone(), ack }
        };
        let messages: Vec<_> =
            [[1].as_slice(), b"poison", &[3]].into_iter().map(|payload| Inbound { from: &from, payload }).collect();
        let answers = contain(&messages, |some| some.iter().map(answer).collect());
        assert_eq!(answers.iter().map(|a| a.ack.through).collect::<Vec<_>>(), [1, 3]);
    }
}
