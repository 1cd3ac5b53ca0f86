//! `touchtime run`: collector and board in one process, one reading what the other has written.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use board::Keepers;
use board::source::Change;
use collector::{Changed, Shared};
use delivery::ack::RunId;
use room_events::RoomKind;
use store::{RoomSettings, Writer};
use tokio::sync::{broadcast, watch};
use utilisation::rules::RuleSet;
use utilisation::timeline::Precedence;

use crate::access_house::FileHouse;
use crate::cli::RunArgs;
use crate::clock::Clock;
use crate::config::GatewayConfig;
use crate::health::Probe;
use crate::influx;
use crate::influx::exporter::Exporting;
use crate::influx::subjects::Measuring;
use crate::page_server;
use crate::past::{self, Past};
use crate::recorder::StoreRecorder;
use crate::source::{Names, StoreSource};
use crate::summary;

/// The figures of a running list change with the clock alone, at least so often (in the clock's own minutes).
const TICK: Duration = Duration::from_secs(60);
/// A played clock runs fast; the pages need no more than this many updates.
const FASTEST_TICK: Duration = Duration::from_millis(500);

/// Runs until it is told to stop (Ctrl-C, SIGTERM).
pub fn run(arguments: &RunArgs) -> anyhow::Result<()> {
    let config = GatewayConfig::load(&arguments.config)?;
    // Told at once, not by a connection that never comes.
    crate::check::check_password(&config).map_err(anyhow::Error::msg)?;
    let clock = Clock::from_file(arguments.clock.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(config, clock))
}

async fn serve(config: GatewayConfig, clock: Clock) -> anyhow::Result<()> {
    let access = config.access.access().map_err(anyhow::Error::msg)?;
    let run = RunId(crate::random::bits_128()?);
    let mut writer = Writer::open_to_collect(&config.store.dir, run)
        .with_context(|| format!("store {}", config.store.dir.display()))?;
    // Opening the store has made its folder, where the house keeps its key.
    let house = FileHouse::open(&config)?;
    for site in &config.sites {
        writer.describe_site(&config.trust, &site.id, site.zone)?;
    }
    writer.describe_rooms(&room_settings(&config))?;
    writer.describe_precedence(&config.rules.precedence)?;
    let inferred = config.occupancy.iter().map(|room| room.of(&config.trust)).collect::<Result<Vec<_>, _>>();
    writer.describe_occupancy(&inferred.map_err(anyhow::Error::msg)?)?;
    let rules = RuleSet::named(&config.rules.name).context("the rule set was checked with the configuration")?;
    let (facts, mut news) = broadcast::channel::<Changed>(1024);
    let (changes, _) = broadcast::channel::<Change>(1024);
    let shared = Shared::default();
    let scanners = config.scanner_settings(rules.clone());
    let scanners_of_export = scanners.clone();
    let past = Arc::new(Past::new(past::Settings {
        dir: config.store.dir.clone(),
        clock: clock.clone(),
        rules: rules.clone(),
        precedence: Precedence::new(config.rules.precedence.clone()),
        names: names(&config),
        targets: scanners.targets.clone(),
        changes: config.named_changes(),
    }));
    // Measured before anybody asks.
    let _ = past.kept();
    let source = StoreSource::open(
        &config.store.dir,
        clock.clone(),
        rules,
        Precedence::new(config.rules.precedence.clone()),
        names(&config),
        changes.clone(),
    )?
    .with_scanners(scanners)
    .with_past(past)
    .with_agents(shared.statuses.clone())
    .with_connection(shared.connection.clone())
    .with_probe(Probe {
        dir: config.store.dir.clone(),
        shared: shared.clone(),
        tls: config.broker.tls().map_err(anyhow::Error::msg)?,
        wall_time: matches!(clock, Clock::Wall),
    });
    let source = std::sync::Arc::new(source);
    let writing = summary::Writing {
        id: config.collector.id.clone(),
        run,
        dir: config.store.dir.clone(),
        source: std::sync::Arc::clone(&source),
        summaries: shared.summaries.clone(),
    };
    if let Some(influxdb) = &config.influxdb {
        let exporting = Exporting {
            dir: config.store.dir.clone(),
            server: influxdb.server().map_err(anyhow::Error::msg)?,
            measuring: Measuring {
                scanners: scanners_of_export,
                precedence: Precedence::new(config.rules.precedence.clone()),
            },
            trust: config.trust.clone(),
            collector: config.collector.id.clone(),
            clock: clock.clone(),
            agents: shared.statuses.clone(),
            connection: shared.connection.clone(),
        };
        influx::exporter::start(exporting, changes.subscribe())?;
    }
    let summarising = tokio::spawn(summary::run(writing, changes.subscribe()));

    let listener = tokio::net::TcpListener::bind(config.board.listen)
        .await
        .with_context(|| format!("board.listen: {} cannot be used (is another program on it?)", config.board.listen))?;
    tracing::info!(address = %listener.local_addr()?, "board");
    let (stop, stopped) = watch::channel(false);
    let keepers = house.map(|house| Keepers {
        house: std::sync::Arc::new(house),
        recorder: std::sync::Arc::new(StoreRecorder::new(&config, clock.clone(), changes.clone())),
    });
    let router = board::guarded_router(source, access, keepers);
    let pages = tokio::spawn(page_server::serve(listener, router, config.access.connections));
    let relay = tokio::spawn(async move {
        let period = TICK.div_f64(clock.rate().max(1.0)).max(FASTEST_TICK);
        let mut minutes = tokio::time::interval(period);
        loop {
            let change = tokio::select! {
                _ = minutes.tick() => Change::Tick,
                news = news.recv() => match news {
                    Ok(Changed { room: Some((site, room)), .. }) => Change::Room { site, room },
                    // Missed some, or about no room: everything may have changed.
                    Ok(Changed { room: None, .. }) | Err(broadcast::error::RecvError::Lagged(_)) => Change::Tick,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            };
            // An error only says that nobody is looking.
            let _ = changes.send(change);
        }
    });
    if let Some(days) = config.store.keep_days {
        tokio::spawn(remove_old(config.store.dir.clone(), days));
    }
    let settings = collector::Settings {
        trust: config.trust.clone(),
        id: config.collector.id.clone(),
        host: config.broker.host.clone(),
        port: config.broker.port,
        username: config.broker.username.clone(),
        password_file: config.broker.password_file.clone(),
        tls: config.broker.tls().map_err(anyhow::Error::msg)?,
        store_dir: config.store.dir.clone(),
        longest_pause: Duration::from_secs(10),
    };
    let mut collecting = tokio::spawn(collector::run(settings, writer, crate::clock::wall_now, facts, shared, stopped));
    tokio::select! {
        ended = &mut collecting => return ended?,
        () = crate::signals::asked_to_stop() => tracing::info!("stopping"),
    }
    let _ = stop.send(true);
    relay.abort();
    summarising.abort();
    // Open event streams would hold the pages for ever; what they show is on disk.
    pages.abort();
    collecting.await?
}

/// Removes what is too old when the collector starts and once a day from then on.
async fn remove_old(dir: std::path::PathBuf, days: u32) {
    let mut day = tokio::time::interval(Duration::from_secs(24 * 3600));
    loop {
        day.tick().await;
        let dir = dir.clone();
        let removed = tokio::task::spawn_blocking(move || -> anyhow::Result<u64> {
            let mut writer = Writer::open(&dir, RunId(crate::random::bits_128()?))?;
            Ok(writer.remove_before(store::cut(crate::clock::wall_now(), days))?)
        });
        match removed.await.map_err(anyhow::Error::from).flatten() {
            Ok(0) => {}
            Ok(events) => tracing::info!(events, days, "removed what is older than store.keep-days"),
            Err(error) => tracing::error!(%error, "old events could not be removed; trying again in a day"),
        }
    }
}

fn room_settings(config: &GatewayConfig) -> Vec<RoomSettings> {
    config
        .rooms
        .iter()
        .map(|room| RoomSettings {
            trust: config.trust.clone(),
            site: room.site.clone(),
            room: room.id.clone(),
            kind: room.kind,
            zone: config.zone(&room.site),
        })
        .collect()
}

/// Names for people that a configuration has.
pub fn names(config: &GatewayConfig) -> Names {
    Names {
        trust: config.trust_name.clone(),
        sites: config.sites.iter().filter_map(|s| Some((s.id.clone(), s.name.clone()?))).collect(),
        rooms: config.rooms.iter().filter_map(|r| Some((r.site.clone(), r.id.clone(), r.name.clone()?))).collect(),
    }
}

/// What a configuration says of a room kind, for `check`.
pub fn kinds_listed(config: &GatewayConfig) -> Vec<(RoomKind, usize)> {
    RoomKind::ALL
        .iter()
        .map(|kind| (*kind, config.rooms.iter().filter(|room| room.kind == *kind).count()))
        .filter(|(_, count)| *count > 0)
        .collect()
}
