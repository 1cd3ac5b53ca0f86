//! What is done about a message: the step or the acquisition that it tells of goes to the disk, and only then is it
//! answered.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dicom_feed::step::{self, Reading, Refusal};
use dicom_feed::{DataSet, Message, Operation, Status, Zone, image, uid};
use edge_agent::Observed;
use room_events::{ClockQuality, Observation, StepState, Token, UtcMillis};

use super::DicomFeed;
use super::known_bookings::begun;
use super::known_series::KnownSeries;
use super::known_steps::KnownStep;
use crate::agent::Shared;
use crate::clock::random_128;

/// A message is answered with a status and the instance that it is about.
pub(super) type Answer = (Status, Option<String>);

/// A message about a step, to be recorded with others and answered.
#[derive(Debug)]
pub(super) struct Asked {
    /// An N-CREATE or N-SET.
    pub message: Message,
    /// Who sent it.
    pub calling: String,
}

/// Does what is asked, and says how it went and for which instance; what is asked about steps is done by
/// [`record_steps`].
pub(super) fn handle(feed: &DicomFeed, shared: &Shared, message: &Message, calling: &str) -> Answer {
    let command = &message.command;
    match command.operation {
        Operation::Echo => (Status::Success, None),
        Operation::Store => (store(feed, shared, message, calling), command.instance.clone()),
        Operation::Create | Operation::Set => (Status::NoSuchClass, None),
        Operation::Other(_) => (Status::UnrecognisedOperation, None),
    }
}

/// Whether a message is about a step.
pub(super) fn is_of_step(message: &Message) -> bool {
    matches!(message.command.operation, Operation::Create | Operation::Set)
        && message.command.class == uid::PERFORMED_STEP
}

/// Does what is asked about steps, in order, with one commit for all; each with its own answer.
pub(super) fn record_steps(feed: &DicomFeed, shared: &Shared, asked: &[Asked]) -> Vec<Answer> {
    let _one_at_a_time = feed.turn();
    record_group(feed, shared, asked)
}

fn record_group(feed: &DicomFeed, shared: &Shared, asked: &[Asked]) -> Vec<Answer> {
    let heard = shared.agent().clock().now();
    let mut group = Group::default();
    let answers: Vec<Answer> = asked.iter().map(|one| answer_to(feed, &mut group, one, heard)).collect();
    if group.observed.is_empty() {
        note_heard(feed, group, asked, &answers, heard);
        return answers;
    }
    let recorded = shared.agent().record(&group.observed, None);
    let error = match recorded {
        Ok(()) => {
            shared.recorded.notify_one();
            match remember(feed, shared, &group) {
                Ok(()) => {
                    note_heard(feed, group, asked, &answers, heard);
                    return answers;
                }
                Err(error) => error,
            }
        }
        // Nothing of the group is on the disk, and some of it may find room alone.
        Err(_) if asked.len() > 1 => {
            return asked.iter().flat_map(|one| record_group(feed, shared, std::slice::from_ref(one))).collect();
        }
        Err(error) => error.into(),
    };
    tracing::error!(
        messages = asked.len(),
        error = format!("{error:#}"),
        "steps cannot be recorded; the scanners are told to ask again"
    );
    let again =
        |(status, instance)| (if status == Status::Success { Status::ResourceLimitation } else { status }, instance);
    answers.into_iter().map(again).collect()
}

/// Keeps what later messages depend on.
fn remember(feed: &DicomFeed, shared: &Shared, group: &Group) -> anyhow::Result<()> {
    feed.steps.put(group.steps.values())?;
    for exam in group.steps.values().flat_map(|known| &known.step.accessions) {
        note_begun(feed, shared, *exam)?;
    }
    Ok(())
}

/// Counts what was taken, and from whom.
fn note_heard(feed: &DicomFeed, group: Group, asked: &[Asked], answers: &[Answer], heard: UtcMillis) {
    for (one, _) in asked.iter().zip(answers).filter(|(_, (status, _))| *status == Status::Success) {
        feed.heard.note(&one.calling, heard, |caller| caller.steps += 1);
    }
    for (calling, observed) in group.callers.iter().zip(&group.observed) {
        // The end of a step that does not say when it ended came at no time that could be compared.
        if matches!(&observed.obs, Observation::PerformedStep(step) if step.state == StepState::InProgress || step.end.is_some())
        {
            feed.heard.note_delay(calling, heard, observed.at);
        }
    }
    for (calling, why) in group.refused {
        feed.heard.note(&calling, heard, |caller| {
            caller.refused += 1;
            caller.why = Some(why);
        });
    }
}

/// What messages change, before it is on the disk.
#[derive(Debug, Default)]
struct Group {
    steps: BTreeMap<Token, KnownStep>,
    observed: Vec<Observed>,
    /// Who told of each.
    callers: Vec<String>,
    /// Who was refused, and why.
    refused: Vec<(String, String)>,
}

/// The answer that holds once the group is on the disk.
fn answer_to(feed: &DicomFeed, group: &mut Group, asked: &Asked, heard: UtcMillis) -> Answer {
    let Asked { message, calling } = asked;
    let command = &message.command;
    let instance = match (command.operation, &command.instance) {
        (_, Some(instance)) => instance.clone(),
        (Operation::Create, None) => match random_128() {
            // PS3.5 B.2: any 128 random bits under 2.25 are a UID.
            Ok(random) => format!("2.25.{random}"),
            Err(_) => return (Status::ResourceLimitation, None),
        },
        (Operation::Set | Operation::Echo | Operation::Store | Operation::Other(_), None) => {
            return (Status::InvalidInstance, None);
        }
    };
    // A message that brings the program to its knees costs no other one its answer.
    let decided = catch_unwind(AssertUnwindSafe(|| decide(feed, group, message, calling, &instance, heard)));
    let status = match decided {
        Ok(Ok(())) => Status::Success,
        Ok(Err(NotRecorded::Refused(refusal))) => {
            tracing::warn!(calling, operation = ?command.operation, %refusal, status = %refusal.status(), "a step's message is refused");
            group.refused.push((calling.clone(), refusal.to_string()));
            refusal.status()
        }
        Ok(Err(NotRecorded::Failed(error))) => {
            tracing::error!(
                calling,
                error = format!("{error:#}"),
                "a step cannot be recorded; the scanner is told to ask again"
            );
            Status::ResourceLimitation
        }
        Err(_) => {
            tracing::error!(calling, "a step's message could not be handled; this is a fault of Touchtime");
            Status::ProcessingFailure
        }
    };
    (status, Some(instance))
}

enum NotRecorded {
    Refused(Refusal),
    Failed(anyhow::Error),
}

impl From<Refusal> for NotRecorded {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<anyhow::Error> for NotRecorded {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Adds to the group what a message changes.
fn decide(
    feed: &DicomFeed,
    group: &mut Group,
    message: &Message,
    calling: &str,
    instance: &str,
    heard: UtcMillis,
) -> Result<(), NotRecorded> {
    let token = step::token_of(instance, &feed.key)?;
    let data = message.data.as_ref().map_err(|error| Refusal::from(error.clone()))?;
    let set = DataSet::read(data, message.syntax).map_err(Refusal::from)?;
    // Two messages on one step are one after the other: what the second does depends on the first.
    let known = match group.steps.get(&token) {
        Some(known) => Some(known.clone()),
        None => feed.steps.get(token)?,
    };
    let zone = |offset_minutes| Zone { site: feed.zone, offset_minutes, heard };
    let reading = |offset_minutes| Reading { tokens: &feed.key, zone: zone(offset_minutes) };
    let next = match (message.command.operation, known) {
        (Operation::Set, Some(known)) => {
            let step = step::set(&known.step, &set, reading(known.offset_minutes))?;
            if step == known.step {
                return Ok(());
            }
            if step.state != StepState::InProgress && step.end.is_none_or(|end| end < step.start) {
                tracing::warn!(
                    calling,
                    "a step is over and says no end, or one before its start: it counts, and its times do not (look at what the scanner sends with N-SET)"
                );
            }
            KnownStep { step, heard, ..known }
        }
        (Operation::Set, None) => {
            // Nobody who sends for a station without a room is to be told that its step is unknown.
            if feed.is_forwarder(calling) {
                return Ok(());
            }
            return Err(Refusal::NoSuchStep.into());
        }
        (Operation::Create, Some(_)) => return Err(Refusal::Duplicate.into()),
        (Operation::Create, None) => {
            let station = step::station(&set);
            let Some(scanner) = feed.scanner(calling, station.as_deref()) else {
                feed.note_unlisted(calling, station.as_deref());
                return Ok(());
            };
            created(scanner.room.clone(), token, &set, reading(None))?
        }
        (Operation::Echo | Operation::Store | Operation::Other(_), _) => return Ok(()),
    };
    let obs = Observation::PerformedStep(next.step.clone());
    let at = step::happened(&next.step);
    // The time is the scanner's, and nobody here knows how its clock is set.
    group.callers.push(calling.to_owned());
    group.observed.push(feed.observed(Some(next.room.clone()), at, Some(ClockQuality::External), obs));
    group.steps.insert(token, next);
    Ok(())
}

/// An exam of the worklist has begun: what was said of its removal is taken back.
fn note_begun(feed: &DicomFeed, shared: &Shared, exam: Token) -> anyhow::Result<()> {
    let Some(bookings) = &feed.bookings else { return Ok(()) };
    bookings.apply(
        |bookings| Ok(bookings.get(exam)?.and_then(|known| begun(exam, &known)).into_iter().collect()),
        |says| {
            let at = shared.agent().clock().now();
            let observed: Vec<_> =
                says.iter().map(|(room, obs)| feed.observed(Some(room.clone()), at, None, obs.clone())).collect();
            shared.agent().record(&observed, None)?;
            shared.recorded.notify_one();
            Ok(())
        },
    )
}

/// Takes in what an object tells of its acquisition.
fn store(feed: &DicomFeed, shared: &Shared, message: &Message, calling: &str) -> Status {
    let now = shared.agent().clock().now();
    match record_object(feed, shared, message, calling) {
        Ok(()) => {
            feed.heard.note(calling, now, |caller| caller.objects += 1);
            Status::Success
        }
        Err(NotRecorded::Refused(refusal)) => {
            feed.heard.note(calling, now, |caller| {
                caller.refused += 1;
                caller.why = Some(refusal.to_string());
            });
            tracing::warn!(calling, class = message.command.class, %refusal, "an object is refused");
            Status::CannotUnderstand
        }
        Err(NotRecorded::Failed(error)) => {
            tracing::error!(
                calling,
                error = format!("{error:#}"),
                "an acquisition cannot be recorded; the scanner is told to send the object again"
            );
            Status::OutOfResources
        }
    }
}

fn record_object(feed: &DicomFeed, shared: &Shared, message: &Message, calling: &str) -> Result<(), NotRecorded> {
    let data = message.data.as_ref().map_err(|error| Refusal::from(error.clone()))?;
    let set = DataSet::read(data, message.syntax).map_err(Refusal::from)?;
    let heard = shared.agent().clock().now();
    let zone = Zone { site: feed.zone, offset_minutes: None, heard };
    // Dose reports, states of display and the like tell of no acquisition.
    let Some(acquired) = image::acquisition(&set, Reading { tokens: &feed.key, zone }) else { return Ok(()) };
    let _one_at_a_time = feed.turn();
    // A forwarder's images name no station by its AE title; the step that they name has its room.
    let of_step = acquired.step.map(|step| feed.steps.get(step)).transpose()?.flatten();
    let station = image::station(&set);
    let room = of_step.map(|known| known.room);
    let room = room.or_else(|| feed.scanner(calling, station.as_deref()).map(|scanner| scanner.room.clone()));
    let Some(room) = room else {
        feed.note_unlisted(calling, station.as_deref());
        return Ok(());
    };
    let known = feed.series.get(&acquired)?;
    let Some(mut next) = KnownSeries::with(known, room, &acquired, heard) else { return Ok(()) };
    if next.is_news() {
        tell(feed, shared, &mut next)?;
    }
    feed.series.put(&next)?;
    note_begun(feed, shared, acquired.exam)?;
    Ok(())
}

/// Records a series as it is known now.
fn tell(feed: &DicomFeed, shared: &Shared, series: &mut KnownSeries) -> anyhow::Result<()> {
    let obs = Observation::Acquisition(series.acquired.clone());
    let observed = feed.observed(Some(series.room.clone()), series.acquired.last, Some(ClockQuality::External), obs);
    shared.agent().record(std::slice::from_ref(&observed), None)?;
    shared.recorded.notify_one();
    series.told = Some((series.acquired.first, series.acquired.last));
    Ok(())
}

/// Records the series of which no more images came for a while.
pub(super) fn tell_quiet(feed: &DicomFeed, shared: &Shared, now: UtcMillis) -> anyhow::Result<()> {
    for key in feed.series.quiet(now) {
        let _one_at_a_time = feed.turn();
        if let Some(mut series) = feed.series.of_key(&key)? {
            tell(feed, shared, &mut series)?;
            feed.series.put(&series)?;
        }
    }
    Ok(())
}

fn created(
    room: room_events::RoomId,
    token: Token,
    set: &DataSet<'_>,
    reading: Reading<'_>,
) -> Result<KnownStep, Refusal> {
    let made = step::create(token, set, reading)?;
    if made.accessions_left_out > 0 {
        tracing::warn!(%room, left_out = made.accessions_left_out, "a step has more accession numbers than are kept of one");
    }
    Ok(KnownStep { room, heard: reading.zone.heard, offset_minutes: made.offset_minutes, step: made.step })
}
