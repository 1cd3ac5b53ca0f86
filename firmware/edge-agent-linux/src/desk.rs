//! [`Desk`]: what many connections hand in is recorded together, and each is answered after the common commit.
//!
//! While one group is on its way to the disk the next one gathers, so many senders at once wait for few commits and one
//! alone waits for nobody.

use anyhow::Context;
use tokio::sync::{mpsc, oneshot};

/// Of how many connections something is recorded together at most.
const MAX_TOGETHER: usize = 64;

/// What is handed in, and who waits for what comes of it.
type Asked<A, R> = (A, oneshot::Sender<R>);

/// Where connections hand in what is to be recorded. The recorder behind it ends with the last of its clones.
#[derive(Debug)]
pub struct Desk<A, R>(mpsc::UnboundedSender<Asked<A, R>>);

// Derived, it would ask for clones of what is handed in.
impl<A, R> Clone for Desk<A, R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Send + 'static, R: Send + 'static> Desk<A, R> {
    /// Starts the recorder. `record` waits for the disk and gives as many answers as it is asked for, in their order.
    pub fn open(record: impl Fn(&[A]) -> Vec<R> + Clone + Send + 'static) -> Self {
        // A connection waits for each answer, so no more wait here than there are connections.
        let (sender, asked) = mpsc::unbounded_channel();
        tokio::spawn(record_groups(record, asked));
        Self(sender)
    }

    /// Returns when what is handed in is on the disk or refused.
    pub async fn ask(&self, asked: A) -> anyhow::Result<R> {
        let (answer, answered) = oneshot::channel();
        self.0.send((asked, answer)).ok().context("nothing is recorded any more")?;
        answered.await.context("a message could not be handled")
    }
}

async fn record_groups<A: Send + 'static, R: Send + 'static>(
    record: impl Fn(&[A]) -> Vec<R> + Clone + Send + 'static,
    mut asked: mpsc::UnboundedReceiver<Asked<A, R>>,
) {
    let mut group = Vec::new();
    while asked.recv_many(&mut group, MAX_TOGETHER).await > 0 {
        let (together, waiting): (Vec<A>, Vec<_>) = group.drain(..).unzip();
        let record = record.clone();
        let recorded = tokio::task::spawn_blocking(move || {
            for (answer, waiting) in record(&together).into_iter().zip(waiting) {
                // A connection that is gone needs none.
                let _ = waiting.send(answer);
            }
        });
        if let Err(error) = recorded.await {
            tracing::error!(%error, "messages could not be handled; their connections end");
        }
    }
}
