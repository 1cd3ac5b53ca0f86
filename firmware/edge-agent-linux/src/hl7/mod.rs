//! The HL7 feed: listens for hospital systems by MLLP and records what their messages say.
//!
//! A message is answered only when what it says is on the disk. Messages that come at once, on one connection or on many,
//! are committed at once.
//! A connection is a task of its own: what goes wrong in one ends that one.

mod connection;
mod known_exams;
mod recording;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use edge_agent::Observed;
use hl7_feed::{Mapping, Said, Taken};
use room_events::{Alive, ClockQuality, Observation, RoomId, SiteId, SourceId};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::agent::Shared;
use crate::clock::random_128;
use crate::config::Config;
use crate::desk::Desk;
use crate::token_key::TokenKey;
use known_exams::KnownExams;

/// Message types without a rule that are named in the log once each.
const MAX_NAMED_TYPES: usize = 100;

/// Rooms that a connection keeps alive; a trust has fewer.
const MAX_ROOMS: usize = 500;

/// How often exams of the past are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(6 * 3600);

/// How long to wait when the system gives no connection (too many open files).
const AFTER_ACCEPT_ERROR: Duration = Duration::from_secs(1);

/// The feed's settings and what it knows.
#[derive(Debug)]
pub struct Hl7Feed {
    listen: SocketAddr,
    senders: Vec<IpAddr>,
    mappings: Vec<Mapping>,
    key: TokenKey,
    idle: Duration,
    max_message_bytes: usize,
    max_connections: usize,
    alive_every: Duration,
    /// Control ids of answers: the same for no two runs and no two answers.
    run: u64,
    answers: AtomicU64,
    unlisted: Mutex<BTreeSet<String>>,
    rooms: Mutex<BTreeSet<Place>>,
    exams: KnownExams,
}

/// A room that something was heard of, and from which source.
type Place = (SourceId, Option<SiteId>, RoomId);

impl Hl7Feed {
    /// The feed of a configuration, if it has one.
    pub fn of(config: &Config) -> anyhow::Result<Option<Self>> {
        let hl7 = &config.hl7;
        let (Some(listen), Some(key_file)) = (hl7.listen, &config.tokens.key_file) else { return Ok(None) };
        let random = random_128().context("the operating system gives no random bytes")?;
        Ok(Some(Self {
            listen,
            senders: hl7.senders.clone(),
            mappings: hl7.mappings.iter().map(|path| read_mapping(path)).collect::<anyhow::Result<_>>()?,
            key: TokenKey::read(key_file)?,
            idle: Duration::from_secs(hl7.idle_seconds.into()),
            max_message_bytes: usize::from(hl7.max_message_kib) * 1024,
            max_connections: hl7.max_connections.into(),
            alive_every: Duration::from_secs(config.alive.every_seconds.into()),
            run: u64::try_from(random & 0xffff_ffff).unwrap_or(0),
            answers: AtomicU64::new(0),
            unlisted: Mutex::default(),
            rooms: Mutex::default(),
            exams: KnownExams::open(&config.data_dir)?,
        }))
    }

    /// Listens until the task is aborted; ends at once when the address cannot be listened on.
    pub async fn listen(self, shared: Arc<Shared>) -> anyhow::Result<()> {
        let address = self.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("hl7.listen {address} cannot be listened on (is another program there?)"))?;
        tracing::info!(%address, mappings = self.mappings.len(), "listening for hospital systems");
        let feed = Arc::new(self);
        let places = Arc::new(Semaphore::new(feed.max_connections));
        let (of_feed, of_shared) = (feed.clone(), shared.clone());
        let desk = Desk::open(move |told: &[Vec<Taken>]| recording::record(&of_feed, &of_shared, told));
        let mut forget_timer = tokio::time::interval(FORGET_EVERY);
        let mut alive_timer = tokio::time::interval(feed.alive_every);
        // No room is known yet; a message says that its sender is alive.
        alive_timer.reset();
        loop {
            tokio::select! {
                _ = forget_timer.tick() => {
                    if let Err(error) = feed.exams.forget_old(shared.agent().clock().now()) {
                        tracing::warn!(error = format!("{error:#}"), "exams of the past cannot be forgotten");
                    }
                }
                _ = alive_timer.tick() => {
                    // Without a sender nothing would be heard, so that silence is unknown.
                    if places.available_permits() < feed.max_connections {
                        feed.say_alive(&shared);
                    }
                }
                accepted = listener.accept() => match accepted {
                    Ok((_, peer)) if !feed.may_send(peer.ip()) => {
                        tracing::warn!(%peer, "a connection is closed: hl7.senders does not name its address");
                    }
                    Ok((socket, peer)) => {
                        let Ok(place) = places.clone().try_acquire_owned() else {
                            tracing::warn!(%peer, "a connection is closed: there are hl7.max-connections already");
                            continue;
                        };
                        let (feed, shared, desk) = (feed.clone(), shared.clone(), desk.clone());
                        tokio::spawn(async move {
                            connection::serve(&feed, &shared, &desk, socket, peer).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::error!(%error, "no connection can be taken");
                        tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
                    }
                },
            }
        }
    }

    fn may_send(&self, address: IpAddr) -> bool {
        self.senders.is_empty() || self.senders.contains(&address.to_canonical())
    }

    /// A control id for an answer: 20 characters, the most of older versions.
    fn next_id(&self) -> String {
        let n = self.answers.fetch_add(1, Ordering::Relaxed);
        format!("T{:08x}{n:x}", self.run)
    }

    /// Hospital systems send many kinds of messages; those that say nothing here are named once each.
    fn note_unlisted(&self, kind: &str) {
        let mut unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        if unlisted.len() < MAX_NAMED_TYPES && unlisted.insert(kind.to_owned()) {
            tracing::info!(
                ?kind,
                "messages of this type are accepted and say nothing (no rule of the mapping takes them)"
            );
        }
    }

    fn observed(&self, source: &SourceId, said: Said) -> Observed {
        let Said { site, room, at, order, obs } = said;
        if let Some(room) = &room {
            let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            let place = (source.clone(), site.clone(), room.clone());
            if rooms.len() < MAX_ROOMS {
                rooms.insert(place);
            }
        }
        // The time is the sender's, and nobody here knows how its clock is set.
        Observed { source: source.clone(), order, site, room, at, clock: Some(ClockQuality::External), obs }
    }

    fn say_alive(&self, shared: &Shared) {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (source, site, room) in rooms {
            let at = shared.agent().clock().now();
            let obs = Observation::Alive(Alive {});
            let alive = Observed { source, order: None, site, room: Some(room), at, clock: None, obs };
            shared.agent().record_or_count(&alive);
        }
        shared.recorded.notify_one();
    }
}

/// Reads a mapping file.
pub fn read_mapping(path: &Path) -> anyhow::Result<Mapping> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("mapping {shown} cannot be read"))?;
    ensure!(text.len() <= 1024 * 1024, "mapping {shown} has more than 1 MiB");
    Ok(Mapping::parse(&shown, &text)?)
}
