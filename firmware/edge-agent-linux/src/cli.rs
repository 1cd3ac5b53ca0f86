//! The command line of `touchtime-agent`.
//!
//! Exit 0: good. 2: bad usage or configuration. 1: anything else.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use room_events::{RoomId, SourceId, UtcMillis};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::agent::{Agent, Shared};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, model};
#[cfg(feature = "dicom")]
use crate::dicom::{DicomFeed, Heard, KnownBookings, WorklistFeed};
use crate::extract_file::{self, ExtractFile, Paths};
#[cfg(feature = "gpio")]
use crate::gpio::GpioFeed;
#[cfg(feature = "hl7")]
use crate::hl7::Hl7Feed;
use crate::outbox::{Contents, OutboxError};
use crate::panics::tell_places_only;
use crate::played::PlayedTime;
use crate::private_memory::keep_private;
use crate::replay::Replay;
use crate::scanners_file::ScannersFile;
use crate::status_file::{self, CollectorEntry, StatusFile, StreamEntry};
use crate::token_key::{TokenKey, create_key_file};
use crate::watch::ExtractFeed;
use crate::{check, expiry, link, service};

/// Reports what happens in operating theatres and scanner rooms to the collectors of Touchtime, and loses nothing.
#[derive(Debug, Parser)]
#[command(
    name = "touchtime-agent",
    version,
    after_help = "Logs go to standard error; TOUCHTIME_LOG sets their level (error, warn, info, debug)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent until it is stopped: watch the feeds, keep events in the outbox, send them.
    Run {
        /// The agent's configuration; `touchtime-agent config` prints a model.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Live in recorded time, by a clock file as of `replay`; the demo does.
        #[arg(long, hide = true, value_name = "FILE")]
        clock: Option<PathBuf>,
    },
    /// Report an extract of a theatre system once, and end when all required collectors have it.
    Replay(ReplayArgs),
    /// Show the outbox: depth, oldest, losses, space, and how far each collector has each stream.
    ///
    /// Read from the outbox itself if no agent runs, else from the status file that the running agent writes.
    Outbox {
        /// The agent's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check configuration, key, mapping, disk, lines, clock, certificates and broker; each problem with its remedy.
    Check {
        /// The agent's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Show live what each line of the GPIO chip shows, for who fits the contacts; records nothing.
    #[cfg(feature = "gpio")]
    Lines {
        /// The agent's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print a model configuration: every key with its meaning and default.
    Config,
    /// Make a token key file for the trust, readable by its owner only.
    Key {
        /// The file; an existing one is never overwritten.
        file: PathBuf,
        /// The key's number, which stands in every token.
        #[arg(long, default_value_t = 1)]
        key_id: u8,
    },
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
struct ReplayArgs {
    /// The extract.
    file: PathBuf,
    /// How its columns are read.
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,
    /// The plan file, if the mapping takes planned sessions from one.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// The agent's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only this room (may be repeated), so that several agents can share an extract.
    #[arg(long, value_name = "ID")]
    room: Vec<RoomId>,
    /// Play it in recorded time, by a clock file: {"wall_anchor_ms": .., "speed": .., "segments": [[from_ms, to_ms], ..]}.
    #[arg(long, value_name = "FILE")]
    clock: Option<PathBuf>,
    /// `max`: as fast as possible. This is the default without --clock; with it, only its segments are used.
    #[arg(long, value_name = "SPEED", value_parser = ["max"])]
    speed: Option<String>,
}

/// The caller must change the command or a file: exit 2.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct Misuse(anyhow::Error);

/// Marks errors as the caller's to mend.
trait OrMisuse<T> {
    fn or_misuse(self) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrMisuse<T> for Result<T, E> {
    fn or_misuse(self) -> anyhow::Result<T> {
        self.map_err(|error| Misuse(error.into()).into())
    }
}

/// Runs `touchtime-agent` with these arguments, the first of which is its name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    start_logging();
    keep_private();
    tell_places_only();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            let is_misuse = error.is::<Misuse>() || error.is::<ConfigError>();
            ExitCode::from(if is_misuse { 2 } else { 1 })
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { config, clock } => on_runtime(run_agent(Config::read(&config)?, clock)),
        Command::Replay(args) => on_runtime(replay(args)),
        Command::Outbox { config } => show_outbox(&Config::read(&config)?),
        Command::Check { config } => {
            let read = Config::read(&config)?;
            on_runtime(show_check(config, read))
        }
        #[cfg(feature = "gpio")]
        Command::Lines { config } => show_lines(&Config::read(&config)?),
        Command::Config => print(&model()).map(|()| ExitCode::SUCCESS),
        Command::Key { file, key_id } => {
            create_key_file(&file, key_id)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "touchtime-agent", &mut text);
            print(&String::from_utf8_lossy(&text)).map(|()| ExitCode::SUCCESS)
        }
    }
}

fn on_runtime(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    // One thread for the broker, one for what waits for the disk.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("the runtime cannot start")?.block_on(work)
}

async fn run_agent(config: Config, clock: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let clock = match clock {
        Some(file) => Clock::played(read_clock(&file).or_misuse()?),
        None => Clock::system(config.clock.synchronised_file.clone()),
    };
    let clock = Arc::new(clock);
    let feeds = Feeds::of(&config, &clock).or_misuse()?;
    if feeds.is_none() {
        tracing::warn!(
            "no feed is configured: the agent only sends what its outbox holds (see extract.folder, dicom.listen, hl7.listen, gpio.lines)"
        );
    }
    let mut signals = Signals::new()?;
    let running = Running::start(&config, clock)?;
    let mut tasks = feeds.start(&running.shared);
    let ended = tokio::select! {
        () = signals.next() => None,
        Some(ended) = tasks.join_next() => Some(ended),
    };
    tasks.shutdown().await;
    running.stop().await;
    match ended {
        None => Ok(ExitCode::SUCCESS),
        Some(ended) => ended.context("a feed ended")?.map(|()| ExitCode::FAILURE),
    }
}

/// The feeds that a configuration asks for.
struct Feeds {
    extract: Option<ExtractFeed>,
    #[cfg(feature = "dicom")]
    dicom: Option<DicomFeed>,
    #[cfg(feature = "dicom")]
    worklist: Option<WorklistFeed>,
    #[cfg(feature = "hl7")]
    hl7: Option<Hl7Feed>,
    #[cfg(feature = "gpio")]
    gpio: Option<GpioFeed>,
}

impl Feeds {
    #[cfg_attr(not(feature = "dicom"), allow(unused_variables, reason = "only scanners have clocks"))]
    fn of(config: &Config, clock: &Clock) -> anyhow::Result<Self> {
        #[cfg(feature = "dicom")]
        let heard = Arc::new(Heard::new(clock.now(), config.dicom.clock_limit_seconds));
        #[cfg(feature = "dicom")]
        let bookings = KnownBookings::of(config)?;
        Ok(Self {
            extract: ExtractFeed::of(config)?,
            #[cfg(feature = "dicom")]
            dicom: DicomFeed::of(config, bookings.clone(), heard.clone())?,
            #[cfg(feature = "dicom")]
            worklist: WorklistFeed::of(config, bookings, heard)?,
            #[cfg(feature = "hl7")]
            hl7: Hl7Feed::of(config)?,
            #[cfg(feature = "gpio")]
            gpio: GpioFeed::of(config)?,
        })
    }

    fn is_none(&self) -> bool {
        #[cfg(feature = "dicom")]
        if self.dicom.is_some() || self.worklist.is_some() {
            return false;
        }
        #[cfg(feature = "hl7")]
        if self.hl7.is_some() {
            return false;
        }
        #[cfg(feature = "gpio")]
        if self.gpio.is_some() {
            return false;
        }
        self.extract.is_none()
    }

    fn start(self, shared: &Arc<Shared>) -> JoinSet<anyhow::Result<()>> {
        let mut tasks = JoinSet::new();
        if let Some(feed) = self.extract {
            let shared = shared.clone();
            tasks.spawn(async move {
                feed.watch(shared).await;
                Ok(())
            });
        }
        #[cfg(feature = "dicom")]
        if let Some(feed) = self.dicom {
            tasks.spawn(feed.listen(shared.clone()));
        }
        #[cfg(feature = "dicom")]
        if let Some(feed) = self.worklist {
            tasks.spawn(feed.poll(shared.clone()));
        }
        #[cfg(feature = "hl7")]
        if let Some(feed) = self.hl7 {
            tasks.spawn(feed.listen(shared.clone()));
        }
        #[cfg(feature = "gpio")]
        if let Some(feed) = self.gpio {
            tasks.spawn(feed.watch(shared.clone()));
        }
        tasks
    }
}

/// What runs beside the feeds.
struct Running {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    link: tokio::task::JoinHandle<()>,
    watchers: JoinSet<()>,
}

impl Running {
    fn start(config: &Config, clock: Arc<Clock>) -> anyhow::Result<Self> {
        let shared = Shared::new(Agent::open(config, clock)?);
        let (stop, stopped) = watch::channel(false);
        let link = tokio::spawn(link::run(shared.clone(), config.clone(), stopped));
        let mut watchers = JoinSet::new();
        watchers.spawn(status_file::keep(shared.clone(), config.data_dir.clone()));
        watchers.spawn(service::keep_telling(shared.clone()));
        watchers.spawn(expiry::warn(config.clone(), shared.agent().clock().clone()));
        tracing::info!(agent = %config.address(), unacknowledged = shared.agent().unacknowledged(), "started");
        service::tell_ready();
        Ok(Self { shared, stop, link, watchers })
    }

    async fn stop(mut self) {
        service::tell_stopping();
        let _ = self.stop.send(true);
        let _ = self.link.await;
        self.watchers.shutdown().await;
    }
}

/// SIGINT and SIGTERM.
struct Signals(Signal, Signal);

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

async fn replay(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.config)?;
    let played = args.clock.as_deref().map(read_clock).transpose().or_misuse()?;
    let key_file = config.tokens.key_file.as_deref().with_context(|| {
        format!("{}: `tokens.key-file` is missing (make one with `touchtime-agent key`)", args.config.display())
    });
    let key = TokenKey::read(key_file.or_misuse()?).or_misuse()?;
    let paths = Paths { cases: args.file.clone(), plan: args.plan.clone(), mapping: args.mapping.clone() };
    let extract = extract_file::read(&paths, &key).or_misuse()?;
    for error in &extract.errors {
        tracing::warn!(%error, "a row or cell of the extract");
    }
    tracing::info!(file = %args.file.display(), summary = %extract.summary, "read");
    let segments = played.as_ref().map(|played| played.segments().to_vec()).unwrap_or_default();
    let is_paced = played.is_some() && args.speed.is_none();
    let clock = match played {
        Some(played) if is_paced => Clock::played(played),
        Some(_) | None => Clock::system(config.clock.synchronised_file.clone()),
    };
    let items = only_rooms(extract, &args.room).or_misuse()?;
    let source = SourceId::new(&config.extract.source).context("extract.source").or_misuse()?;
    let alive_ms = i64::from(config.alive.every_seconds) * 1000;
    let replay = Replay::new(source, items.items, alive_ms, &segments, items.digest);

    let mut signals = Signals::new()?;
    let running = Running::start(&config, Arc::new(clock))?;
    let work = async {
        let recorded = replay.record(&running.shared, is_paced).await?;
        tracing::info!(recorded, of = replay.len(), "the extract is recorded");
        running.shared.all_acknowledged().await;
        Ok::<(), OutboxError>(())
    };
    let done = tokio::select! {
        done = work => Some(done),
        () = show_progress(&running.shared) => None,
        () = signals.next() => None,
    };
    let lacking = running.shared.agent().lacking();
    running.stop().await;
    match done {
        Some(done) => done.map(|()| ExitCode::SUCCESS).map_err(Into::into),
        None => {
            for (collector, _, lacks) in lacking.iter().filter(|(_, required, lacks)| *required && *lacks > 0) {
                let _ = writeln!(
                    std::io::stderr(),
                    "interrupted: collector {collector} lacks {lacks} events; they stay in the outbox"
                );
            }
            let _ = writeln!(std::io::stderr(), "interrupted: the same command goes on where this one stopped");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn read_clock(path: &Path) -> anyhow::Result<PlayedTime> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("clock file {shown} cannot be read"))?;
    serde_json::from_str(&text).with_context(|| format!("clock file {shown}"))
}

fn only_rooms(mut extract: ExtractFile, rooms: &[RoomId]) -> anyhow::Result<ExtractFile> {
    for room in rooms {
        anyhow::ensure!(
            extract.items.iter().any(|item| item.room == *room),
            "--room {room}: the extract has no such room"
        );
    }
    if !rooms.is_empty() {
        extract.items.retain(|item| rooms.contains(&item.room));
    }
    Ok(extract)
}

/// Shows on a terminal how far delivery is; never ends.
async fn show_progress(shared: &Shared) {
    if !std::io::stderr().is_terminal() {
        return std::future::pending().await;
    }
    let mut timer = tokio::time::interval(Duration::from_millis(500));
    loop {
        timer.tick().await;
        let (waiting, now) = {
            let agent = shared.agent();
            (agent.unacknowledged(), agent.clock().now())
        };
        let _ = write!(std::io::stderr(), "\r{now}  {waiting:>9} events to be acknowledged \r");
    }
}

fn show_outbox(config: &Config) -> anyhow::Result<ExitCode> {
    let folder = &config.data_dir;
    anyhow::ensure!(
        folder.join("outbox.redb").exists(),
        "{} holds no outbox yet (the agent has not run)",
        folder.display()
    );
    let text = match Contents::read_only(&config.data_dir) {
        Ok(contents) => of_contents(&contents, config),
        Err(OutboxError::InUse(_)) => {
            let file =
                StatusFile::read(&config.data_dir).context("the agent is running and has not told its status yet")?;
            of_status(&file) + &of_scanners(&config.data_dir)
        }
        Err(error) => {
            let path = config.data_dir.display();
            return Err(anyhow::Error::new(error).context(format!(
                "no outbox can be read in {path} (has the agent run? start it once: it mends what a crash left, and puts a damaged outbox aside)"
            )));
        }
    };
    print(&text).map(|()| ExitCode::SUCCESS)
}

#[cfg(feature = "gpio")]
fn show_lines(config: &Config) -> anyhow::Result<ExitCode> {
    let feed = GpioFeed::of(config).or_misuse()?;
    let feed = feed.context("`gpio.lines` names no line (see docs/inputs.md)").or_misuse()?;
    crate::gpio::panel::show(&feed).map(|()| ExitCode::SUCCESS)
}

fn of_contents(contents: &Contents, config: &Config) -> String {
    let held: u64 = contents.streams().map(|h| delivery::keep::count(&h)).sum();
    let open = contents.open_loss.as_ref().map_or(0, |loss| loss.count);
    let mut text = format!(
        "read from the outbox; no agent runs\n\
         held      {held} events, acknowledged ones included\n\
         oldest    {}\n\
         lost      {}{}\n\
         space     {}\n",
        or_dash(contents.oldest),
        contents.lost + open,
        untold(open),
        kib(contents.bytes, contents.signals, config.outbox.max_mib * 1024 * 1024)
    );
    // What the last process heard; the next one asks again, because a collector may have been restored meanwhile.
    let last = StatusFile::read(&config.data_dir).ok();
    for held in contents.streams() {
        let marks = last.as_ref().map(|file| (file, file.streams.iter().find(|s| s.stream == held.stream)));
        let marks = marks.and_then(|(file, entry)| entry.map(|entry| of_marks(file, entry))).unwrap_or_default();
        text += &format!("stream    {} from {} to {}{marks}\n", held.stream, held.floor, held.last);
    }
    if let Some(file) = last {
        text += &format!("collectors as the last process knew them at {}\n", file.written);
        text += &of_collectors(&file);
    }
    text
}

fn of_status(file: &StatusFile) -> String {
    let mut text = format!(
        "told by the running agent at {}\n\
         broker    {}\n\
         depth     {} events not acknowledged\n\
         oldest    {}\n\
         lost      {}{}\n\
         refused   {} publishes by the broker\n\
         space     {}\n",
        file.written,
        file.not_connected.as_ref().map_or("connected".to_owned(), |why| format!("not connected: {why}")),
        file.depth,
        or_dash(file.oldest),
        file.lost,
        untold(file.lost_untold),
        file.refused,
        kib(file.held_bytes, file.signal_bytes, file.max_bytes)
    );
    text += &of_collectors(file);
    for entry in &file.streams {
        text +=
            &format!("stream    {} from {} to {}{}\n", entry.stream, entry.floor, entry.last, of_marks(file, entry));
    }
    text
}

/// What is heard from scanners, by an agent that listens to them.
fn of_scanners(folder: &Path) -> String {
    let lines = ScannersFile::read(folder).map(|file| file.lines()).unwrap_or_default();
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

fn of_collectors(file: &StatusFile) -> String {
    let of = |c: &CollectorEntry| {
        let also = if c.required { "" } else { " (also)" };
        format!("collector {}{also} lacks {} events\n", c.id, c.lacks)
    };
    file.collectors.iter().map(of).collect()
}

/// How far each collector has acknowledged a stream.
fn of_marks(file: &StatusFile, entry: &StreamEntry) -> String {
    let marks = file.collectors.iter().zip(&entry.marks);
    marks.map(|(collector, mark)| format!(", {} has through {mark}", collector.id)).collect()
}

fn or_dash(oldest: Option<UtcMillis>) -> String {
    oldest.map_or_else(|| "-".to_owned(), |oldest| oldest.to_string())
}

fn untold(count: u64) -> String {
    if count == 0 { String::new() } else { format!(", {count} of them to be told by the next event") }
}

fn kib(held: u64, signals: u64, limit: u64) -> String {
    format!("{} of {} KiB, {} of them signal levels", held / 1024, limit / 1024, signals / 1024)
}

async fn show_check(path: PathBuf, config: Config) -> anyhow::Result<ExitCode> {
    let colour = std::io::stdout().is_terminal();
    let mark = |good: bool| match (good, colour) {
        (true, true) => "\x1b[32mok     \x1b[0m",
        (true, false) => "ok     ",
        (false, true) => "\x1b[31mproblem\x1b[0m",
        (false, false) => "problem",
    };
    let mut text = format!("{} {:<16} {} is valid\n", mark(true), "configuration", path.display());
    let now = Clock::system(config.clock.synchronised_file.clone()).wall();
    let findings = check::check(&config, now.millis().div_euclid(1000)).await;
    for finding in &findings {
        let (Ok(said) | Err(said)) = &finding.result;
        text += &format!("{} {:<16} {said}\n", mark(finding.result.is_ok()), finding.subject);
    }
    print(&text)?;
    Ok(if findings.iter().all(|finding| finding.result.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // `touchtime-agent outbox | head` is no error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}

fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TOUCHTIME_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,rumqttc=error"));
    // Another role of this executable may log already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // To complain on standard error that standard error takes nothing (a full disk) would be a panic.
        .log_internal_errors(false)
        .try_init();
}
