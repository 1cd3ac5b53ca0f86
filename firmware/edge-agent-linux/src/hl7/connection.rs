//! One MLLP connection: messages in, answers out, until the peer closes it or is silent for too long.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use edge_agent::Observed;
use hl7_feed::{Frames, Taken, framed, take};
use room_events::UtcMillis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Hl7Feed;
use super::known_exams::Changes;
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
    for one in &taken {
        for problem in &one.problems {
            tracing::warn!(message = ?one.id, kind = ?one.kind, %problem, "something is wrong with a message");
        }
        if one.is_unlisted {
            feed.note_unlisted(&one.kind);
        }
    }
    let is_kept = match record(feed, shared, &mut taken, heard) {
        Ok(()) => true,
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(
                error,
                messages = taken.len(),
                "messages cannot be recorded; their sender is told to send them again"
            );
            false
        }
    };
    let answers = taken.into_iter().filter_map(|one| if is_kept { one.answer } else { one.answer_if_lost });
    answers.flat_map(|answer| framed(&answer)).collect()
}

fn record(feed: &Hl7Feed, shared: &Shared, taken: &mut [Taken<'_>], heard: UtcMillis) -> anyhow::Result<()> {
    // Two messages on one exam are one after the other: what the second says depends on the first.
    let _one_at_a_time = feed.exams.turn();
    let mut observed: Vec<Observed> = Vec::new();
    let mut changes = Changes::default();
    for one in taken {
        let (Some(mapping), mut said) = (one.mapping, std::mem::take(&mut one.said)) else { continue };
        feed.exams.join(&mut said, std::mem::take(&mut one.ends), heard, &mut changes)?;
        observed.extend(said.into_iter().map(|said| feed.observed(mapping.source(), said)));
    }
    if !observed.is_empty() {
        shared.agent().record(&observed, None)?;
        shared.recorded.notify_one();
    }
    feed.exams.keep(&changes)
}
