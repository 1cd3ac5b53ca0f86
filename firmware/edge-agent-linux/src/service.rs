//! What the service manager (systemd) is told: that the agent is ready, that it lives, and how it is in a line.
//!
//! Ready means that the outbox is open: from then on nothing that a feed hears is lost to a restart. Each sign of life takes
//! the agent's lock, so an agent that hangs on its disk gives none and is started again.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::agent::Shared;

/// How often the line is written where no watchdog asks more often.
const STATUS_EVERY: Duration = Duration::from_secs(60);

/// The agent is ready.
pub fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

/// The agent ends, because it was told to.
pub fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Gives signs of life until the task is aborted.
pub async fn keep_telling(shared: Arc<Shared>) {
    // Three chances within the time that the unit allows.
    let every = sd_notify::watchdog_enabled().map_or(STATUS_EVERY, |limit| (limit / 3).min(STATUS_EVERY));
    let mut timer = tokio::time::interval(every.max(Duration::from_millis(10)));
    loop {
        timer.tick().await;
        let status = status_line(&shared);
        tell(&[NotifyState::Status(&status), NotifyState::Watchdog]);
    }
}

fn status_line(shared: &Shared) -> String {
    let agent = shared.agent();
    let broker = agent.not_connected().map_or("connected".to_owned(), |why| format!("not connected: {why}"));
    format!("{broker}; {} events wait", agent.unacknowledged())
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager was not told");
    }
}
