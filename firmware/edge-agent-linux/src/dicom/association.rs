//! One association: accepted or refused, its messages answered until it is released, aborted or idle for too long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use dicom_feed::{Assembly, Message, Part, Syntax, answer, uid};
use dicom_ul::association::server::{AccessControl, AsyncServerAssociation, ServerAssociationOptions};
use dicom_ul::association::{Association as _, Error};
use dicom_ul::pdu::{
    AssociationRJServiceUserReason, PDataValue, PDataValueType, Pdu, PresentationContextResultReason, UserIdentity,
};
use room_events::UtcMillis;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::DicomFeed;
use super::recording::{self, Answer, Asked};
use crate::agent::Shared;
use crate::desk::Desk;

/// The largest unit that is read; senders keep to what they are told.
const MAX_PDU_BYTES: u32 = 64 * 1024;

/// Whom the feed talks to.
struct Allowed<'a> {
    feed: &'a DicomFeed,
    now: UtcMillis,
}

impl Allowed<'_> {
    fn refuse(&self, calling: &str, called: &str, why: &str) {
        tracing::warn!(?calling, ?called, "an association is refused: {why}");
        self.feed.heard.note_refused(calling, called, why, self.now);
    }
}

impl AccessControl for Allowed<'_> {
    fn check_access(
        &self,
        _own: &str,
        calling: &str,
        called: &str,
        _user: Option<&UserIdentity>,
    ) -> Result<(), AssociationRJServiceUserReason> {
        if called != self.feed.called {
            self.refuse(calling, called, "it calls another AE title than dicom.ae-title");
            return Err(AssociationRJServiceUserReason::CalledAETitleNotRecognized);
        }
        if !self.feed.scanners.iter().any(|scanner| scanner.calling == calling) {
            self.refuse(calling, called, "no entry of dicom.scanners has this calling AE title");
            return Err(AssociationRJServiceUserReason::CallingAETitleNotRecognized);
        }
        Ok(())
    }
}

/// A-ASSOCIATE-RJ: transient, by the presentation service provider, local limit exceeded (PS3.8 section 9.3.4).
const LOCAL_LIMIT_EXCEEDED: [u8; 10] = [3, 0, 0, 0, 0, 4, 0, 2, 3, 2];

/// How long one that is turned away may take to ask.
const TO_BE_TURNED_AWAY: Duration = Duration::from_secs(2);

/// Tells a peer to come again later.
pub(super) async fn refuse_for_now(mut socket: TcpStream) {
    // What is not read would reset the connection before the answer is.
    let mut request = [0; 8 * 1024];
    let _ = tokio::time::timeout(TO_BE_TURNED_AWAY, socket.read(&mut request)).await;
    let _ = socket.write_all(&LOCAL_LIMIT_EXCEEDED).await;
    let _ = socket.shutdown().await;
}

/// Serves a connection until it ends.
pub(super) async fn serve(
    feed: &Arc<DicomFeed>,
    shared: &Arc<Shared>,
    desk: &Desk<Asked, Answer>,
    socket: TcpStream,
    peer: SocketAddr,
) {
    // Answers are short and waited for.
    let _ = socket.set_nodelay(true);
    let mut options = ServerAssociationOptions::new()
        .ae_access_control(Allowed { feed, now: shared.agent().clock().now() })
        .ae_title(feed.called.clone())
        .with_abstract_syntax(uid::VERIFICATION)
        .with_abstract_syntax(uid::PERFORMED_STEP)
        .with_transfer_syntax(uid::EXPLICIT_LITTLE)
        .with_transfer_syntax(uid::IMPLICIT_LITTLE)
        .max_pdu_length(MAX_PDU_BYTES)
        .strict(true)
        .read_timeout(feed.idle)
        .write_timeout(feed.idle);
    for class in uid::STORAGE {
        options = options.with_abstract_syntax(*class);
    }
    for syntax in uid::COMPRESSED {
        options = options.with_transfer_syntax(*syntax);
    }
    let refused = |why: &str| {
        tracing::warn!(%peer, "a connection is refused: {why}");
        feed.heard.note_refused(&peer.ip().to_string(), &feed.called, why, shared.agent().clock().now());
    };
    // Its text may hold what was sent.
    let none = |error: &Error| tracing::debug!(%peer, kind = kind_of(error), "no association");
    let Some(files) = &feed.tls else {
        match options.establish_async(socket).await {
            Ok(association) => attend(feed, shared, desk, association, peer).await,
            Err(Error::TlsNotSupported) => {
                refused("it speaks TLS, and this agent does not (set dicom.certificate-file, or switch TLS off there)");
            }
            Err(error) => none(&error),
        }
        return;
    };
    let config = match files.read() {
        Ok(config) => config,
        Err(error) => return refused(&format!("{error}; nobody gets in until this is put right")),
    };
    // The handshake has no end of its own.
    match tokio::time::timeout(feed.idle, options.tls_config(config).establish_tls_async(socket)).await {
        Ok(Ok(association)) => attend(feed, shared, desk, association, peer).await,
        Ok(Err(error)) if is_of_tls(&error) => refused(&files.explain(&error)),
        Ok(Err(error)) => none(&error),
        Err(_) => tracing::debug!(%peer, "no association: nothing came for dicom.idle-seconds"),
    }
}

/// Whether TLS has failed, at the handshake or where a caller judges it after its own end of that.
fn is_of_tls(error: &Error) -> bool {
    matches!(error, Error::TlsHandshake { .. } | Error::ReceivePdu { .. } | Error::WireRead { .. })
        && broker_tls::is_of_tls(error)
}

/// A connection over which units come.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

/// Serves an association until it ends.
async fn attend<S: Wire>(
    feed: &Arc<DicomFeed>,
    shared: &Arc<Shared>,
    desk: &Desk<Asked, Answer>,
    mut association: AsyncServerAssociation<S>,
    peer: SocketAddr,
) {
    let calling = association.peer_ae_title().to_owned();
    if let Err(error) = converse(feed, shared, desk, &mut association).await {
        tracing::warn!(%peer, calling, error = format!("{error:#}"), "an association is aborted");
        let _ = association.abort().await;
    }
}

/// What went wrong, without what was sent.
#[allow(clippy::wildcard_enum_match_arm, reason = "the crate's list is open, and the rest is one thing to the reader")]
fn kind_of(error: &Error) -> &'static str {
    match error {
        Error::Rejected { .. } => "it was refused",
        Error::ConnectionClosed { .. } => "the connection was closed",
        Error::Timeout { .. } => "nothing came for dicom.idle-seconds",
        Error::ReceivePdu { .. } => "what came is no DICOM, or a unit of more than 64 KiB",
        Error::Aborted { .. } => "the peer gave up",
        _ => "the connection broke",
    }
}

async fn converse<S: Wire>(
    feed: &Arc<DicomFeed>,
    shared: &Arc<Shared>,
    desk: &Desk<Asked, Answer>,
    association: &mut AsyncServerAssociation<S>,
) -> anyhow::Result<()> {
    let accepted = association.presentation_contexts().iter();
    let accepted = accepted.filter(|context| context.reason == PresentationContextResultReason::Acceptance);
    let contexts = accepted.filter_map(|context| Some((context.id, Syntax::of_uid(&context.transfer_syntax)?)));
    let mut assembly = Assembly::new(feed.max_message_bytes, contexts.collect());
    loop {
        let pdu = match association.receive().await {
            Ok(pdu) => pdu,
            Err(Error::ConnectionClosed { .. }) => return Ok(()),
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
                        respond(feed, shared, desk, association, message).await?;
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

async fn respond<S: Wire>(
    feed: &Arc<DicomFeed>,
    shared: &Arc<Shared>,
    desk: &Desk<Asked, Answer>,
    association: &mut AsyncServerAssociation<S>,
    message: Message,
) -> anyhow::Result<()> {
    let (id, calling) = (message.context, association.peer_ae_title().to_owned());
    let command = message.command.clone();
    let (status, instance) = if recording::is_of_step(&message) {
        desk.ask(Asked { message, calling }).await?
    } else {
        let (feed, shared) = (feed.clone(), shared.clone());
        // Recording waits for the disk.
        let handled = tokio::task::spawn_blocking(move || recording::handle(&feed, &shared, &message, &calling));
        handled.await.context("a message could not be handled")?
    };
    let bytes = answer(&command, status, instance.as_deref());
    ensure!(bytes.len() < 1024, "an answer is too long");
    let value =
        PDataValue { presentation_context_id: id, value_type: PDataValueType::Command, is_last: true, data: bytes };
    association.send(&Pdu::PData { data: vec![value] }).await.context("an answer cannot be sent")
}
