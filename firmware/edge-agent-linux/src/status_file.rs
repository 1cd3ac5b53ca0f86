//! status.json in the data folder: what a running agent knows, for `touchtime-agent outbox`, because redb lets only one
//! process look into the outbox at a time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use room_events::{StreamId, UtcMillis};
use serde::{Deserialize, Serialize};

use crate::agent::Shared;

const EVERY: Duration = Duration::from_secs(5);
/// While a recording is played somebody waits for its end.
const EVERY_PLAYED: Duration = Duration::from_millis(250);
const NAME: &str = "status.json";

/// The file's contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusFile {
    /// When it was written, by the machine's clock.
    pub written: UtcMillis,
    /// Events that some required collector lacks.
    pub depth: u64,
    /// When the oldest of these was captured.
    pub oldest: Option<UtcMillis>,
    /// Observations lost.
    pub lost: u64,
    /// Those of them that no event has told yet.
    #[serde(default)]
    pub lost_untold: u64,
    /// Publishes that the broker refused since it last accepted one.
    pub refused: u64,
    /// Why there is no connection to the broker, with the remedy; absent while there is one.
    #[serde(default)]
    pub not_connected: Option<String>,
    /// Bytes held.
    pub held_bytes: u64,
    /// Bytes of them that are signal levels, which may take half of the space.
    #[serde(default)]
    pub signal_bytes: u64,
    /// Bytes allowed.
    pub max_bytes: u64,
    /// Streams, oldest first.
    pub streams: Vec<StreamEntry>,
    /// Collectors, the required ones first.
    pub collectors: Vec<CollectorEntry>,
}

/// A stream in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEntry {
    /// The stream.
    pub stream: StreamId,
    /// Lowest seq held.
    pub floor: u64,
    /// Last seq.
    pub last: u64,
    /// How far each collector has acknowledged it to this process, in the order of [`StatusFile::collectors`].
    #[serde(default)]
    pub marks: Vec<u64>,
}

/// A collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorEntry {
    /// Its id.
    pub id: String,
    /// It must have an event before that may be deleted.
    #[serde(default = "is_required")]
    pub required: bool,
    /// Events held that it has not acknowledged to this process.
    pub lacks: u64,
}

/// Of a collector in a file that an earlier version wrote.
fn is_required() -> bool {
    true
}

impl StatusFile {
    /// What the agent knows now.
    pub fn of(shared: &Shared) -> Self {
        let agent = shared.agent();
        let status = agent.status(true);
        let space = agent.space();
        let stream = |held: delivery::sender::Held| StreamEntry {
            stream: held.stream,
            floor: held.floor.0,
            last: held.last.0,
            marks: agent.marks(held.stream),
        };
        let collector = |(id, required, lacks)| CollectorEntry { id, required, lacks };
        Self {
            written: agent.clock().wall(),
            depth: status.depth,
            oldest: status.oldest,
            lost: status.lost,
            refused: status.refused,
            not_connected: agent.not_connected().map(str::to_owned),
            lost_untold: agent.open_loss().map_or(0, |loss| loss.count),
            held_bytes: space.held,
            signal_bytes: space.signals,
            max_bytes: space.limit,
            streams: agent.streams().map(stream).collect(),
            collectors: agent.lacking().into_iter().map(collector).collect(),
        }
    }

    /// Reads the file of the agent whose data are in `folder`.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        let text = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not a status file", path.display()))
    }

    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let (path, new) = (folder.join(NAME), folder.join("status.json.new"));
        std::fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(new, path)?;
        Ok(())
    }
}

/// Keeps the file up to date until the task is aborted.
pub async fn keep(shared: Arc<Shared>, folder: std::path::PathBuf) {
    let is_played = shared.agent().clock().recording().is_some();
    let mut timer = tokio::time::interval(if is_played { EVERY_PLAYED } else { EVERY });
    loop {
        timer.tick().await;
        if let Err(error) = StatusFile::of(&shared).write(&folder) {
            tracing::warn!(error = format!("{error:#}"), "the status file cannot be written");
        }
    }
}
