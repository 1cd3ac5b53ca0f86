//! The DICOM feed: listens for scanners, or for what forwards their messages, and records their performed steps and
//! acquisitions.
//!
//! It answers C-ECHO, N-CREATE and N-SET of Modality Performed Procedure Step, and C-STORE, of which it keeps from when
//! to when was acquired, and neither pixels nor the rest of the header. A scanner is answered only when what it told is on
//! the disk. An association is a task of its own: what goes wrong in one ends that one.
//!
//! It is meant as an additional destination, never in line: scanning goes on without it.

mod association;
mod heard;
mod known_bookings;
mod known_series;
mod known_steps;
mod local_day;
mod recording;
mod worklist;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use broker_tls::ListenerFiles;
use chrono_tz::Tz;
use edge_agent::Observed;
use room_events::{Alive, ClockQuality, Observation, RoomId, SiteId, SourceId, UtcMillis};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::agent::Shared;
use crate::config::Config;
use crate::config::feeds::Scanner;
use crate::desk::Desk;
use crate::replay::Replay;
use crate::token_key::TokenKey;
pub use heard::Heard;
pub use known_bookings::KnownBookings;
use known_series::KnownSeriesTable;
use known_steps::{KnownSteps, open_database};
use recording::Asked;
pub use worklist::WorklistFeed;

/// Stations that are named in the log once each; more are only counted as messages.
const MAX_NAMED_STATIONS: usize = 100;

/// Connections beyond those that are told why they are turned away; more are closed without a word.
const MAX_TURNED_AWAY: usize = 16;

/// How long to wait when the system gives no connection (too many open files).
const AFTER_ACCEPT_ERROR: Duration = Duration::from_secs(1);

/// How often series are looked for of which no more images come, and what is heard is written down.
const QUIET_EVERY: Duration = Duration::from_secs(5);

/// How often what is too old is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(6 * 3600);

/// The feed's settings and what it knows.
#[derive(Debug)]
pub struct DicomFeed {
    listen: SocketAddr,
    data_dir: PathBuf,
    called: String,
    scanners: Vec<Scanner>,
    zone: Tz,
    key: TokenKey,
    source: SourceId,
    site: SiteId,
    tls: Option<ListenerFiles>,
    idle: Duration,
    max_message_bytes: usize,
    max_associations: usize,
    alive_every: Duration,
    steps: KnownSteps,
    series: KnownSeriesTable,
    turn: Mutex<()>,
    bookings: Option<Arc<KnownBookings>>,
    heard: Arc<Heard>,
    unlisted: Mutex<BTreeSet<String>>,
}

impl DicomFeed {
    /// The feed of a configuration, if it has one.
    pub fn of(
        config: &Config,
        bookings: Option<Arc<KnownBookings>>,
        heard: Arc<Heard>,
    ) -> anyhow::Result<Option<Self>> {
        let dicom = &config.dicom;
        let (Some(listen), Some(key_file)) = (dicom.listen, &config.tokens.key_file) else { return Ok(None) };
        std::fs::create_dir_all(&config.data_dir)
            .with_context(|| format!("data-dir {} cannot be made", config.data_dir.display()))?;
        let database = open_database(&config.data_dir)?;
        let tls = dicom.tls().map_err(anyhow::Error::msg)?;
        if let Some(Err(error)) = tls.as_ref().map(ListenerFiles::read) {
            // It may be put right while the agent runs.
            tracing::error!(%error, "no scanner gets in until this is put right");
        }
        Ok(Some(Self {
            listen,
            data_dir: config.data_dir.clone(),
            called: dicom.ae_title.clone(),
            scanners: dicom.scanners.clone(),
            zone: dicom.zone,
            key: TokenKey::read(key_file)?,
            source: SourceId::new(&dicom.source).context("dicom.source")?,
            site: config.site.clone(),
            tls,
            idle: Duration::from_secs(dicom.idle_seconds.into()),
            max_message_bytes: usize::from(dicom.max_message_kib) * 1024,
            max_associations: dicom.max_associations.into(),
            alive_every: Duration::from_secs(config.alive.every_seconds.into()),
            steps: KnownSteps::open(database.clone())?,
            series: KnownSeriesTable::open(database)?,
            turn: Mutex::default(),
            bookings,
            heard,
            unlisted: Mutex::default(),
        }))
    }

    /// Listens until the task is aborted; ends at once when the address cannot be listened on.
    pub async fn listen(self, shared: Arc<Shared>) -> anyhow::Result<()> {
        let address = self.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("dicom.listen {address} cannot be listened on (is another program there?)"))?;
        tracing::info!(%address, ae_title = self.called, scanners = self.scanners.len(), tls = self.tls.is_some(), "listening for scanners");
        let feed = Arc::new(self);
        let places = Arc::new(Semaphore::new(feed.max_associations));
        let turned_away = Arc::new(Semaphore::new(MAX_TURNED_AWAY));
        let (of_feed, of_shared) = (feed.clone(), shared.clone());
        let desk = Desk::open(move |asked: &[Asked]| recording::record_steps(&of_feed, &of_shared, asked));
        let live = feed.live(&shared);
        tokio::pin!(live);
        let mut status_timer = tokio::time::interval(QUIET_EVERY);
        let mut quiet_timer = tokio::time::interval(QUIET_EVERY);
        let mut forget_timer = tokio::time::interval(FORGET_EVERY);
        loop {
            tokio::select! {
                ended = &mut live => ended?,
                _ = status_timer.tick() => {
                    let open = feed.max_associations - places.available_permits();
                    feed.write_status(open, shared.agent().clock().now());
                }
                _ = quiet_timer.tick() => on_disk(&feed, &shared, |feed, shared, now| {
                    if let Err(error) = recording::tell_quiet(feed, shared, now) {
                        tracing::warn!(error = format!("{error:#}"), "acquisitions cannot be recorded; they are tried again");
                    }
                }),
                _ = forget_timer.tick() => on_disk(&feed, &shared, |feed, _, now| {
                    if let Err(error) = feed.forget_old(now) {
                        tracing::warn!(error = format!("{error:#}"), "steps of the past cannot be forgotten");
                    }
                }),
                accepted = listener.accept() => match accepted {
                    Ok((socket, peer)) => {
                        let Ok(place) = places.clone().try_acquire_owned() else {
                            tracing::warn!(%peer, "an association is refused for now: there are dicom.max-associations already");
                            feed.heard.note_turned_away();
                            // In TLS there is no word before the handshake.
                            if feed.tls.is_none() && let Ok(place) = turned_away.clone().try_acquire_owned() {
                                tokio::spawn(async move {
                                    association::refuse_for_now(socket).await;
                                    drop(place);
                                });
                            }
                            continue;
                        };
                        let (feed, shared, desk) = (feed.clone(), shared.clone(), desk.clone());
                        tokio::spawn(async move {
                            association::serve(&feed, &shared, &desk, socket, peer).await;
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

    /// Held while a message reads, records and writes: what the second of two does depends on the first.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_status(&self, open: usize, now: UtcMillis) {
        if let Err(error) = self.heard.file(open, now).write(&self.data_dir) {
            tracing::warn!(error = format!("{error:#}"), "what is heard from scanners cannot be told");
        }
    }

    fn forget_old(&self, now: UtcMillis) -> anyhow::Result<()> {
        let _one_at_a_time = self.turn();
        self.steps.forget_old(now)?;
        self.series.forget_old(now)
    }

    /// The room of a step, by who sent it and which station performs it.
    fn scanner(&self, calling: &str, station: Option<&str>) -> Option<&Scanner> {
        let mut of_caller = self.scanners.iter().filter(|scanner| scanner.calling == calling);
        let exact =
            of_caller.clone().find(|scanner| scanner.station.is_some() && scanner.station.as_deref() == station);
        exact.or_else(|| of_caller.find(|scanner| scanner.station.is_none()))
    }

    /// Whether the caller sends for stations by name, and so perhaps for some without a room.
    fn is_forwarder(&self, calling: &str) -> bool {
        let mut of_caller = self.scanners.iter().filter(|scanner| scanner.calling == calling);
        of_caller.all(|scanner| scanner.station.is_some())
    }

    /// A forwarder sends the steps of all scanners; those without a room are none of ours. Each is named once.
    fn note_unlisted(&self, calling: &str, station: Option<&str>) {
        let station = station.unwrap_or("(none)");
        let mut unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        if unlisted.len() < MAX_NAMED_STATIONS && unlisted.insert(station.to_owned()) {
            tracing::warn!(
                calling,
                ?station,
                "steps of this station are not recorded (give it a room in dicom.scanners)"
            );
        }
    }

    /// Says that it is alive: never ends, but by an error of the outbox. While a recording is played the signs are those
    /// of the recorded time in which it listens, however fast that runs.
    async fn live(&self, shared: &Shared) -> anyhow::Result<()> {
        let clock = shared.agent().clock().clone();
        let Some(played) = clock.recording() else {
            let mut timer = tokio::time::interval(self.alive_every);
            loop {
                timer.tick().await;
                self.say_alive(shared);
            }
        };
        let rooms = self.scanners.iter().map(|scanner| (self.site.clone(), scanner.room.clone())).collect();
        let every_ms = i64::try_from(self.alive_every.as_millis()).unwrap_or(i64::MAX);
        let signs = Replay::signs_of_life(self.source.clone(), rooms, every_ms, played.segments());
        signs.record(shared, true).await?;
        std::future::pending().await
    }

    fn say_alive(&self, shared: &Shared) {
        let rooms: BTreeSet<&RoomId> = self.scanners.iter().map(|scanner| &scanner.room).collect();
        for room in rooms {
            let at = shared.agent().clock().now();
            let obs = Observation::Alive(Alive {});
            shared.agent().record_or_count(&self.observed(Some(room.clone()), at, None, obs));
        }
        shared.recorded.notify_one();
    }

    fn observed(&self, room: Option<RoomId>, at: UtcMillis, clock: Option<ClockQuality>, obs: Observation) -> Observed {
        Observed { source: self.source.clone(), order: None, site: None, room, at, clock, obs }
    }
}

/// Does something that waits for the disk, beside the associations.
fn on_disk(feed: &Arc<DicomFeed>, shared: &Arc<Shared>, work: fn(&DicomFeed, &Shared, UtcMillis)) {
    let (feed, shared) = (feed.clone(), shared.clone());
    tokio::task::spawn_blocking(move || {
        let now = shared.agent().clock().now();
        work(&feed, &shared, now);
    });
}
