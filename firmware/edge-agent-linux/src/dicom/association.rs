//! One association: accepted or refused, its messages answered until it is released, aborted or idle for too long.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use dicom_feed::step::{self, Reading, Refusal};
use dicom_feed::{Assembly, DataSet, Message, Operation, Part, Status, Syntax, Zone, answer, uid};
use dicom_ul::association::Association as _;

use dicom_ul::association::server::{AccessControl, AsyncServerAssociation, ServerAssociationOptions};
use dicom_ul::pdu::{
    AssociationRJServiceUserReason, PDataValue, PDataValueType, Pdu, PresentationContextResultReason, UserIdentity,
};
use room_events::{ClockQuality, Observation, Token};
use tokio::net::TcpStream;

use super::DicomFeed;
use super::known_steps::KnownStep;
use crate::agent::Shared;
use crate::clock::random_128;

/// The largest unit that is read; senders keep to what they are told.
const MAX_PDU_BYTES: u32 = 64 * 1024;

/// Whom the feed talks to.
struct Allowed<'a>(&'a DicomFeed);

impl AccessControl for Allowed<'_> {
    fn check_access(
        &self,
        _own: &str,
        calling: &str,
        called: &str,
        _user: Option<&UserIdentity>,
    ) -> Result<(), AssociationRJServiceUserReason> {
        if called != self.0.called {
            tracing::warn!(
                ?calling,
                ?called,
                "an association is refused: it calls another AE title than dicom.ae-title"
            );
            return Err(AssociationRJServiceUserReason::CalledAETitleNotRecognized);
        }
        if !self.0.scanners.iter().any(|scanner| scanner.calling == calling) {
            tracing::warn!(?calling, "an association is refused: no entry of dicom.scanners has this calling AE title");
            return Err(AssociationRJServiceUserReason::CallingAETitleNotRecognized);
        }
        Ok(())
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve(feed: &Arc<DicomFeed>, shared: &Arc<Shared>, socket: TcpStream, peer: SocketAddr) {
    let options = ServerAssociationOptions::new()
        .ae_access_control(Allowed(feed))
        .ae_title(feed.called.clone())
        .with_abstract_syntax(uid::VERIFICATION)
        .with_abstract_syntax(uid::PERFORMED_STEP)
        .with_transfer_syntax(uid::EXPLICIT_LITTLE)
        .with_transfer_syntax(uid::IMPLICIT_LITTLE)
        .max_pdu_length(MAX_PDU_BYTES)
        .strict(true)
        .read_timeout(feed.idle)
        .write_timeout(feed.idle);
    let mut association = match options.establish_async(socket).await {
        Ok(association) => association,
        Err(error) => {
            // Its text may hold what was sent.
            tracing::debug!(%peer, kind = kind_of(&error), "no association");
            return;
        }
    };
    let calling = association.peer_ae_title().to_owned();
    if let Err(error) = converse(feed, shared, &mut association).await {
        tracing::warn!(%peer, calling, error = format!("{error:#}"), "an association is aborted");
        let _ = association.abort().await;
    }
}

/// What went wrong, without what was sent.
#[allow(clippy::wildcard_enum_match_arm, reason = "the crate's list is open, and the rest is one thing to the reader")]
fn kind_of(error: &dicom_ul::association::Error) -> &'static str {
    use dicom_ul::association::Error;
    match error {
        Error::Rejected { .. } => "it was refused",
        Error::ConnectionClosed { .. } => "the connection was closed",
        Error::Timeout { .. } => "nothing came for dicom.idle-seconds",
        Error::ReceivePdu { .. } => "what came is no DICOM, or a unit of more than 64 KiB",
        Error::Aborted { .. } => "the peer gave up",
        _ => "the connection broke",
    }
}

async fn converse(
    feed: &Arc<DicomFeed>,
    shared: &Arc<Shared>,
    association: &mut AsyncServerAssociation<TcpStream>,
) -> anyhow::Result<()> {
    let mut assembly = Assembly::new(feed.max_message_bytes);
    loop {
        let pdu = match association.receive().await {
            Ok(pdu) => pdu,
            Err(dicom_ul::association::Error::ConnectionClosed { .. }) => return Ok(()),
            Err(error) => bail!("{}", kind_of(&error)),
        };
        match pdu {
            Pdu::PData { data } => {
                for value in data {
                    let part = match value.value_type {
                        PDataValueType::Command => Part::Command,
                        PDataValueType::Data => Part::DataSet,
                    };
                    let message = assembly.handle(value.presentation_context_id, part, value.is_last, &value.data)?;
                    if let Some(message) = message {
                        respond(feed, shared, association, message).await?;
                    }
                }
            }
            Pdu::ReleaseRQ => {
                association.send(&Pdu::ReleaseRP).await.context("the release cannot be answered")?;
                return Ok(());
            }
            Pdu::AbortRQ { .. } => return Ok(()),
            Pdu::Unknown { .. }
            | Pdu::AssociationRQ(_)
            | Pdu::AssociationAC(_)
            | Pdu::AssociationRJ(_)
            | Pdu::ReleaseRP => bail!("a unit came that does not belong into an association"),
        }
    }
}

async fn respond(
    feed: &Arc<DicomFeed>,
    shared: &Arc<Shared>,
    association: &mut AsyncServerAssociation<TcpStream>,
    message: Message,
) -> anyhow::Result<()> {
    let accepted = association
        .presentation_contexts()
        .iter()
        .find(|context| context.id == message.context && context.reason == PresentationContextResultReason::Acceptance);
    let context = accepted.context("a message came in a presentation context that was not accepted")?;
    let syntax = Syntax::of_uid(&context.transfer_syntax).context("the context's transfer syntax is not read here")?;
    let (id, calling) = (context.id, association.peer_ae_title().to_owned());
    let (feed, shared) = (feed.clone(), shared.clone());
    // Recording waits for the disk.
    let bytes = tokio::task::spawn_blocking(move || {
        let (status, instance) = handle(&feed, &shared, &message, syntax, &calling);
        answer(&message.command, status, instance.as_deref())
    });
    let bytes = bytes.await.context("a message could not be handled")?;
    ensure!(bytes.len() < 1024, "an answer is too long");
    let value =
        PDataValue { presentation_context_id: id, value_type: PDataValueType::Command, is_last: true, data: bytes };
    association.send(&Pdu::PData { data: vec![value] }).await.context("an answer cannot be sent")
}

/// Does what is asked, and says how it went and for which instance.
fn handle(
    feed: &DicomFeed,
    shared: &Shared,
    message: &Message,
    syntax: Syntax,
    calling: &str,
) -> (Status, Option<String>) {
    let command = &message.command;
    let is_step = command.class == uid::PERFORMED_STEP;
    let instance = match (command.operation, &command.instance) {
        (Operation::Echo, _) => return (Status::Success, None),
        (Operation::Other(_), _) => return (Status::UnrecognisedOperation, None),
        (Operation::Create | Operation::Set, _) if !is_step => return (Status::NoSuchClass, None),
        (Operation::Create | Operation::Set, Some(instance)) => instance.clone(),
        (Operation::Set, None) => return (Status::InvalidInstance, None),
        (Operation::Create, None) => match random_128() {
            // PS3.5 B.2: any 128 random bits under 2.25 are a UID.
            Ok(random) => format!("2.25.{random}"),
            Err(_) => return (Status::ResourceLimitation, None),
        },
    };
    let status = match record(feed, shared, message, syntax, calling, &instance) {
        Ok(()) => Status::Success,
        Err(NotRecorded::Refused(refusal)) => {
            tracing::warn!(calling, operation = ?command.operation, %refusal, status = %refusal.status(), "a step's message is refused");
            refusal.status()
        }
        Err(NotRecorded::Failed(error)) => {
            tracing::error!(
                calling,
                error = format!("{error:#}"),
                "a step cannot be recorded; the scanner is told to ask again"
            );
            Status::ResourceLimitation
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

fn record(
    feed: &DicomFeed,
    shared: &Shared,
    message: &Message,
    syntax: Syntax,
    calling: &str,
    instance: &str,
) -> Result<(), NotRecorded> {
    let token = step::token_of(instance, &feed.key)?;
    let set = DataSet::read(&message.data, syntax).map_err(Refusal::from)?;
    // Two messages on one step are one after the other: what the second does depends on the first.
    let _one_at_a_time = feed.known.turn();
    let known = feed.known.get(token)?;
    let heard = shared.agent().clock().now();
    let zone = |offset_minutes| Zone { site: feed.zone, offset_minutes, heard };
    let reading = |offset_minutes| Reading { tokens: &feed.key, zone: zone(offset_minutes) };
    let next = match (message.command.operation, known) {
        (Operation::Set, Some(known)) => {
            let step = step::set(&known.step, &set, reading(known.offset_minutes))?;
            if step == known.step {
                return Ok(());
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
        (Operation::Echo | Operation::Other(_), _) => return Ok(()),
    };
    let obs = Observation::PerformedStep(next.step.clone());
    let at = step::happened(&next.step);
    // The time is the scanner's, and nobody here knows how its clock is set.
    let observed = feed.observed(Some(next.room.clone()), at, Some(ClockQuality::External), obs);
    shared.agent().record(std::slice::from_ref(&observed), None).map_err(anyhow::Error::from)?;
    shared.recorded.notify_one();
    feed.known.put(&next)?;
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
