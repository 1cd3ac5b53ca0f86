//! One MLLP connection: messages in, answers out, until the peer closes it or is silent for too long.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use edge_agent::Observed;
use hl7_feed::{Frames, framed, take};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Hl7Feed;
use crate::agent::Shared;

const READ_BYTES: usize = 16 * 1024;

/// Serves a connection until it ends.
pub(super) async fn serve(feed: &Arc<Hl7Feed>, shared: &Arc<Shared>, socket: TcpStream, peer: SocketAddr) {
    tracing::debug!(%peer, "connected");
    match converse(feed, shared, socket).await {
        Ok(()) => tracing::debug!(%peer, "the peer closed the connection"),
        Err(error) => tracing::warn!(%peer, error = format!("{error:#}"), "a connection is closed"),
    }
}

async fn converse(feed: &Arc<Hl7Feed>, shared: &Arc<Shared>, mut socket: TcpStream) -> anyhow::Result<()> {
    let _ = socket.set_nodelay(true);
    let mut frames = Frames::new(feed.max_message_bytes);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = timeout(feed.idle, socket.read(&mut buffer)).await.context("nothing came for hl7.idle-seconds")?;
        let bytes = match read.context("the connection broke")? {
            0 => return Ok(()),
            n => buffer.get(..n).unwrap_or_default(),
        };
        let pushed = frames.push(bytes);
        let messages = match pushed {
            Ok(messages) if messages.is_empty() => continue,
            Ok(messages) => messages,
            Err(error) => bail!("{error} (see hl7.max-message-kib)"),
        };
        let (feed_too, shared_too) = (feed.clone(), shared.clone());
        // Recording waits for the disk.
        let answers = tokio::task::spawn_blocking(move || handle(&feed_too, &shared_too, &messages));
        let answers = answers.await.context("a message could not be handled")?;
        timeout(feed.idle, socket.write_all(&answers)).await.context("the peer takes no answer")??;
    }
}

/// Records what the messages say in one commit, and gives the answers to them.
fn handle(feed: &Hl7Feed, shared: &Shared, messages: &[Vec<u8>]) -> Vec<u8> {
    let heard = shared.agent().clock().now();
    let mut taken: Vec<_> =
        messages.iter().map(|bytes| take(bytes, &feed.mappings, &feed.key, heard, &feed.next_id())).collect();
    let mut observed: Vec<Observed> = Vec::new();
    for one in &mut taken {
        for problem in &one.problems {
            tracing::warn!(message = ?one.id, kind = ?one.kind, %problem, "something is wrong with a message");
        }
        if one.is_unlisted {
            feed.note_unlisted(&one.kind);
        }
        let said = std::mem::take(&mut one.said);
        observed.extend(
            one.mapping
                .into_iter()
                .zip([said])
                .flat_map(|(mapping, said)| said.into_iter().map(|said| feed.observed(mapping.source(), said))),
        );
    }
    let recorded = if observed.is_empty() { Ok(()) } else { shared.agent().record(&observed, None) };
    if !observed.is_empty() {
        shared.recorded.notify_one();
    }
    let is_kept = match recorded {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, messages = taken.len(), "messages cannot be recorded; their sender is told to send them again");
            false
        }
    };
    let answers = taken.into_iter().filter_map(|one| if is_kept { one.answer } else { one.answer_if_lost });
    answers.flat_map(|answer| framed(&answer)).collect()
}
