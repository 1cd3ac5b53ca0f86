//! The collector: batches in from MQTT, into the store, acknowledged; and word of what changed to whoever shows it.
//!
//! [`link`] holds the connection to the broker, [`intake`] commits what came and answers. The order is fixed: commit
//! first, then the agent's acknowledgement and the broker's. A broker that forgets, a collector that is killed or a
//! network that breaks therefore costs a repetition, never an event.

mod agents;
mod connection;
mod counts;
pub mod intake;
mod joining;
mod link;
mod room;
mod summaries;
mod unfinished;

use std::path::PathBuf;
use std::time::Duration;

use broker_tls::TlsFiles;
use room_events::{AgentId, RoomId, SiteId, TrustId, UtcMillis};
use store::Writer;
use tokio::sync::{broadcast, mpsc, watch};

pub use agents::AgentStatuses;
pub use connection::ConnectionState;
pub use counts::{Counted, Counts};
use intake::Witnesses;
use room::Room;
pub use summaries::{Claim, Role, Summaries, classify};
use unfinished::Unfinished;

/// Messages taken from the broker and not yet committed; the broker holds back the rest. Above the broker's default of
/// 20, below which a group commit would never fill.
pub const RECEIVE_MAXIMUM: u16 = 256;

/// How to reach the broker, and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The trust whose agents are collected.
    pub trust: TrustId,
    /// This collector's name in acknowledgement topics.
    pub id: AgentId,
    /// Broker's host name or address.
    pub host: String,
    /// Broker's port.
    pub port: u16,
    /// User name, if the broker asks for one.
    pub username: Option<String>,
    /// File with the password, read anew at each connection, so that a changed password needs no restart.
    pub password_file: Option<PathBuf>,
    /// The files of TLS, if the connection is to be encrypted; read anew at each connection.
    pub tls: Option<TlsFiles>,
    /// The folder of the store, where it is noted what is being stored.
    pub store_dir: PathBuf,
    /// Longest wait before another attempt to connect; the first ones come sooner.
    pub longest_pause: Duration,
}

/// New facts about a room, or about no room in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The room, unless the facts are about an agent.
    pub room: Option<(SiteId, RoomId)>,
    /// Event time of the latest new event.
    pub latest: Option<UtcMillis>,
}

/// What the connection shares with those who show or write something.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// What the agents say of themselves.
    pub statuses: AgentStatuses,
    /// How the connection stands.
    pub connection: ConnectionState,
    /// What was done since the start.
    pub counts: Counts,
    /// The rooms' summaries.
    pub summaries: Summaries,
}

/// Collects until `stop` turns true; what is taken but not committed then stays with broker and agents. An error says that
/// the thread that stores is no more: nothing but another start of the program helps, and costs only repetitions.
pub async fn run(
    settings: Settings,
    writer: Writer,
    now: impl Fn() -> UtcMillis + Clone + Send + 'static,
    changes: broadcast::Sender<Changed>,
    shared: Shared,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    // What an earlier connection delivered may still wait here while the next one delivers, and mosquitto does not keep to
    // RECEIVE_MAXIMUM: so what bounds it is the room for messages. The polling task never waits for that, so that the
    // answers always get out.
    let (room, taken) = Room::new();
    // Each holds a group of messages, of up to RECEIVE_MAXIMUM: few, so that memory is bounded whatever a broker sends.
    let (answers, to_send) = mpsc::channel(4);
    // SQLite blocks; it has a thread of its own.
    let (unfinished, before) = Unfinished::begin(&settings.store_dir);
    if let Some(ended) = before {
        ended.tell();
    }
    let intake = std::thread::Builder::new().name("intake".to_owned()).spawn({
        let (counts, now) = (shared.counts.clone(), now.clone());
        move || intake::run(writer, taken, &answers, Witnesses { changes, counts, unfinished }, now)
    })?;
    link::run(settings, shared, room, to_send, now, stop).await;
    // The link has dropped its end of the room, so the thread ends after its last commit.
    tokio::task::spawn_blocking(move || intake.join())
        .await?
        .map_err(|_| anyhow::anyhow!("the storing thread panicked; see the log above"))
}
