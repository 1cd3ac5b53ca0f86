//! One MLLP connection: messages in, answers out, until the peer closes it or is silent for too long.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use hl7_feed::{Frames, Taken, take};
use room_events::UtcMillis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Hl7Feed;
use super::recording::Answers;
use crate::agent::Shared;
use crate::desk::Desk;

const READ_BYTES: usize = 16 * 1024;

/// Serves a connection until it ends.
pub(super) async fn serve(
    feed: &Hl7Feed,
    shared: &Shared,
    desk: &Desk<Vec<Taken>, Answers>,
    socket: TcpStream,
    peer: SocketAddr,
) {
    tracing::debug!(%peer, "connected");
    match converse(feed, shared, desk, socket).await {
        Ok(()) => tracing::debug!(%peer, "the peer closed the connection"),
        Err(error) => tracing::warn!(%peer, error = format!("{error:#}"), "a connection is closed"),
    }
}

async fn converse(
    feed: &Hl7Feed,
    shared: &Shared,
    desk: &Desk<Vec<Taken>, Answers>,
    mut socket: TcpStream,
) -> anyhow::Result<()> {
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
        let heard = shared.agent().clock().now();
        let answers = desk.ask(take_all(feed, &messages, heard)).await?;
        timeout(feed.idle, socket.write_all(&answers)).await.context("the peer takes no answer")??;
    }
}

/// Reads messages. Those that make no sense are not worth another look, so what is wrong with them is told at once.
fn take_all(feed: &Hl7Feed, messages: &[Vec<u8>], heard: UtcMillis) -> Vec<Taken> {
    let one = |bytes: &Vec<u8>| take(bytes, &feed.mappings, &feed.key, heard, &feed.next_id());
    let taken: Vec<Taken> = messages.iter().map(one).collect();
    for one in &taken {
        for problem in &one.problems {
            tracing::warn!(message = ?one.id, kind = ?one.kind, %problem, "something is wrong with a message");
        }
        if one.is_unlisted {
            feed.note_unlisted(&one.kind);
        }
    }
    taken
}
