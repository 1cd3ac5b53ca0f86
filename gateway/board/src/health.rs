//! How the collector and its agents are, as plain values: what `/metrics` tells beside the figures of the rooms.

use room_events::topic::AgentAddress;
use room_events::{ClockQuality, UtcMillis};
use utilisation::quantity::Minutes;

/// How everything is. What is not known is absent, never 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Health {
    /// The collector at work; absent where a store is only shown.
    pub collector: Option<CollectorHealth>,
    /// Its store.
    pub store: StoreHealth,
    /// Every agent that has told how it is.
    pub agents: Vec<AgentHealth>,
    /// Certificates that the configuration names.
    pub certificates: Vec<CertificateHealth>,
}

/// What a collector has done since it started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CollectorHealth {
    /// It has a connection to the broker.
    pub connected: bool,
    /// Connections made.
    pub connections: u64,
    /// Batches taken from the broker and worked through.
    pub batches: u64,
    /// Events, by what became of them.
    pub events: Vec<(&'static str, u64)>,
    /// Events that their agent gave up before they arrived.
    pub given_up: u64,
    /// What went wrong, by kind.
    pub errors: Vec<(&'static str, u64)>,
    /// When events were last stored.
    pub last_stored: Option<UtcMillis>,
}

/// What a store holds and how much room it has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreHealth {
    /// Event time of its newest event, signs of life among them.
    pub last_event: Option<UtcMillis>,
    /// What did not become part of the figures, by reason.
    pub held: Vec<(&'static str, u64)>,
    /// Length of its files.
    pub size_bytes: Option<u64>,
    /// What its file system has left for it.
    pub disk_free_bytes: Option<u64>,
    /// What its file system has in all.
    pub disk_size_bytes: Option<u64>,
}

/// What an agent last said of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentHealth {
    /// Which.
    pub agent: AgentAddress,
    /// It is connected to the broker.
    pub online: bool,
    /// When it said so, by its own clock.
    pub at: UtcMillis,
    /// Its version.
    pub version: String,
    /// Events that wait in its outbox for a required collector.
    pub waiting: u64,
    /// When the oldest of them was captured.
    pub oldest: Option<UtcMillis>,
    /// Observations that it lost since its outbox was made.
    pub lost: u64,
    /// Publishes that the broker refused on its connection.
    pub refused: u64,
    /// How far its clock can be believed.
    pub clock: ClockQuality,
    /// How far its clock is ahead of the collector's; absent while that is not known.
    pub clock_offset: Option<Minutes>,
}

/// Until when a certificate is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateHealth {
    /// Which: the key that names its file, such as `broker.ca-file`.
    pub key: &'static str,
    /// Its end.
    pub not_after: UtcMillis,
}
