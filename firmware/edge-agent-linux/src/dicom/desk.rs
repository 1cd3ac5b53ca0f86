//! [`Desk`]: what all associations ask about steps is recorded together and answered after the common commit.
//!
//! While one group is on its way to the disk the next one gathers, so many scanners at once wait for few commits and one
//! alone waits for nobody.

use std::sync::Arc;

use anyhow::Context;
use dicom_feed::{Message, Status};
use tokio::sync::{mpsc, oneshot};

use super::{DicomFeed, recording};
use crate::agent::Shared;

/// Messages that are recorded together at most.
const MAX_TOGETHER: usize = 64;

/// A message is answered with a status and the instance that it is about.
pub(super) type Answer = (Status, Option<String>);

/// A message that waits for its answer.
#[derive(Debug)]
pub(super) struct Asked {
    /// An N-CREATE or N-SET.
    pub message: Message,
    /// Who sent it.
    pub calling: String,
    answer: oneshot::Sender<Answer>,
}

/// Where messages about steps are handed in. The recorder behind it ends with the last of its clones.
#[derive(Debug, Clone)]
pub(super) struct Desk(mpsc::UnboundedSender<Asked>);

impl Desk {
    /// Starts the recorder.
    pub fn open(feed: &Arc<DicomFeed>, shared: &Arc<Shared>) -> Self {
        // An association waits for each answer, so no more wait here than there are associations.
        let (sender, asked) = mpsc::unbounded_channel();
        tokio::spawn(record(feed.clone(), shared.clone(), asked));
        Self(sender)
    }

    /// Returns when the message is on the disk or refused.
    pub async fn ask(&self, message: Message, calling: String) -> anyhow::Result<Answer> {
        let (answer, answered) = oneshot::channel();
        let handed_in = self.0.send(Asked { message, calling, answer });
        handed_in.ok().context("steps are no longer recorded")?;
        answered.await.context("a message could not be handled")
    }
}

async fn record(feed: Arc<DicomFeed>, shared: Arc<Shared>, mut asked: mpsc::UnboundedReceiver<Asked>) {
    let mut group = Vec::new();
    while asked.recv_many(&mut group, MAX_TOGETHER).await > 0 {
        let (feed, shared, group) = (feed.clone(), shared.clone(), std::mem::take(&mut group));
        // Recording waits for the disk.
        let recorded = tokio::task::spawn_blocking(move || {
            let answers = recording::record_steps(&feed, &shared, &group);
            for (one, answer) in group.into_iter().zip(answers) {
                // An association that is gone needs none.
                let _ = one.answer.send(answer);
            }
        });
        if let Err(error) = recorded.await {
            tracing::error!(%error, "messages on steps could not be handled; their associations end");
        }
    }
}
