//! The task that keeps InfluxDB up to date with the store.
//!
//! It goes by the store's own list of changes, from the number that it has noted there: after an outage of the server, a
//! restart or a backup that was put back it goes on exactly where it was. What it has sent of each subject is noted by
//! digest and keys, after the server has taken it; so nothing is sent twice in vain, and a point whose list was moved is
//! overwritten with nothing. Another address or bucket is another database, of which nothing is known: all is sent there. It has a thread and a reader of its own and can hold up nobody.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use board::source::Change;
use chrono::NaiveDate;
use collector::{AgentStatuses, ConnectionState};
use delivery::Status;
use influx::point::{self, Point};
use influx::schema;
use influx::send::{Refused, Sender, Server, Watch};
use room_events::topic::AgentAddress;
use room_events::{AgentId, ClockQuality, TrustId, UtcMillis};
use store::{Exported, Exports, Reader, RoomRow};
use tokio::sync::{broadcast, mpsc};

use super::EXPORT;
use super::subjects::{Dates, Measuring, Subject, beginning, local_date};
use crate::clock::{Clock, steady_now};
use crate::measured::room_of;

/// Changes that come within so long of each other are worked through together.
const GATHERED: Duration = Duration::from_secs(1);
/// Trends are made again no sooner than this after the last time.
const TRENDS_EVERY: Duration = Duration::from_secs(600);
/// Lines that are kept before they are sent and noted.
const LINES_KEPT: usize = 20_000;
/// A room whose sessions have moved about more than this is done as a whole.
const MOST_WIDENINGS: usize = 4;
/// A server that is away is told of so often.
const TOLD_EVERY: Duration = Duration::from_secs(600);

/// What an exporter needs.
pub struct Exporting {
    /// The store's folder.
    pub dir: PathBuf,
    /// Where the points go.
    pub server: Server,
    /// How results are made.
    pub measuring: Measuring,
    /// Whose figures they are.
    pub trust: TrustId,
    /// The collector's id.
    pub collector: AgentId,
    /// The clock of the figures.
    pub clock: Clock,
    /// What agents say of themselves.
    pub agents: AgentStatuses,
    /// Whether the broker is there.
    pub connection: ConnectionState,
}

/// Starts the exporter on a thread of its own; it ends with the process.
pub fn start(exporting: Exporting, mut changes: broadcast::Receiver<Change>) -> anyhow::Result<()> {
    let seed = crate::random::bits_128()?.to_ne_bytes()[0];
    let sender = Sender::new(exporting.server.clone(), u64::from(seed) << 17 | 0x9e37)?;
    // One thread works results out, the other sends.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    std::thread::Builder::new().name("influxdb".to_owned()).spawn(move || {
        runtime.block_on(async move {
            let (parcels, to_carry) = mpsc::channel(1);
            let (told, delivered) = mpsc::channel(1);
            tokio::spawn(carry(sender, to_carry, told));
            let mut exporter = Exporter::new(exporting, parcels, delivered);
            loop {
                if let Err(error) = exporter.pass().await {
                    tracing::error!(%error, "exporting to InfluxDB failed; trying again");
                }
                match changes.recv().await {
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                }
                tokio::time::sleep(GATHERED).await;
                // Whatever else has come is in the store by now.
                while changes.try_recv().is_ok() {}
            }
        });
    })?;
    Ok(())
}

struct Exporter {
    with: Exporting,
    parcels: mpsc::Sender<Parcel>,
    delivered: mpsc::Receiver<Delivered>,
    underway: usize,
    lines: Vec<String>,
    sent: Vec<Exported>,
    /// Lists have changed since trends were made.
    trends_due: bool,
    trends_made: Option<(Instant, NaiveDate)>,
    minute: i64,
}

/// Lines for the server, and the subjects that they say.
struct Parcel {
    lines: Vec<String>,
    sent: Vec<Exported>,
}

/// What the server has, and what of it it would not have.
struct Delivered {
    sent: Vec<Exported>,
    refused: Vec<Refused>,
}

/// Brings parcels to the server, one after the other, while the next one is being made.
async fn carry(mut sender: Sender, mut parcels: mpsc::Receiver<Parcel>, delivered: mpsc::Sender<Delivered>) {
    let mut telling = Telling::default();
    while let Some(Parcel { lines, sent }) = parcels.recv().await {
        let refused = sender.send(&lines, &mut telling).await;
        if delivered.send(Delivered { sent, refused }).await.is_err() {
            return;
        }
    }
}

/// What the store notes of an export: to which database, under which settings, and the day that its figures are of.
struct Noted {
    /// Absent in stores of versions that did not tell databases apart.
    target: Option<String>,
    settings: String,
    day: Option<NaiveDate>,
}

impl Noted {
    fn of(text: &str) -> Self {
        let mut words = text.rsplit(' ');
        let day = words.next().and_then(|day| day.parse().ok());
        let settings = words.next().unwrap_or_default().to_owned();
        Self { target: words.next().map(ToOwned::to_owned), settings, day }
    }
}

impl core::fmt::Display for Noted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let target = self.target.as_deref().unwrap_or_default();
        let day = self.day.map(|day| day.to_string()).unwrap_or_default();
        write!(f, "{target} {} {day}", self.settings)
    }
}

/// What a room has to be done for.
enum Task {
    All,
    Days(RoomRow, Dates),
}

impl Exporter {
    fn new(with: Exporting, parcels: mpsc::Sender<Parcel>, delivered: mpsc::Receiver<Delivered>) -> Self {
        Self {
            with,
            parcels,
            delivered,
            underway: 0,
            lines: Vec::new(),
            sent: Vec::new(),
            trends_due: true,
            trends_made: None,
            minute: i64::MIN,
        }
    }

    /// Brings the server up to date with the store as it is now.
    async fn pass(&mut self) -> anyhow::Result<()> {
        let reader = Reader::open(&self.with.dir)?;
        let mut exports = Exports::open(&self.with.dir, EXPORT)?;
        let now = self.with.clock.now();
        let through = reader.last_change()?;
        let today = utc_today(now);
        let under = Noted { target: Some(self.target()), settings: self.fingerprint(&reader)?, day: Some(today) };
        let position = exports.position()?;
        let noted = Noted::of(&position.settings);
        if noted.target.as_ref().is_some_and(|target| under.target.as_ref() != Some(target)) {
            tracing::info!("influxdb.url or influxdb.bucket has changed: what the former one has is forgotten");
            exports.forget_sent()?;
        }
        let is_same = (&noted.target, &noted.settings) == (&under.target, &under.settings);
        let since = position.through.zip(noted.day).filter(|_| is_same);
        let changes = match since {
            Some((at, _)) => reader.changes_after(at)?,
            None => None,
        };
        let mut tasks = Vec::new();
        match (since, changes) {
            (Some((_, last_day)), Some(changes)) => {
                for change in changes {
                    let rests_on_life =
                        change.room.occupancy.is_some() || !room_of(&change.room).kind.is_theatre_like();
                    if change.alive_only && !rests_on_life {
                        continue;
                    }
                    for (row, span) in reader.reach(&change)? {
                        let room = room_of(&row);
                        let dates = Dates { first: local_date(&room, span.first), last: local_date(&room, span.last) };
                        tasks.push(Task::Days(row, dates));
                    }
                }
                // Lists run on and close with the clock alone.
                if now.millis().div_euclid(60_000) != self.minute {
                    let first = last_day.min(today).pred_opt().unwrap_or(today);
                    let running = Dates { first, last: today.succ_opt().unwrap_or(today) };
                    tasks.extend(reader.rooms()?.into_iter().map(|row| Task::Days(row, running)));
                }
            }
            _ => {
                tracing::info!("exporting all of the store to InfluxDB");
                // Years may come now, and somebody is looking at today.
                let running =
                    Dates { first: today.pred_opt().unwrap_or(today), last: today.succ_opt().unwrap_or(today) };
                for row in reader.rooms()? {
                    self.room(&reader, &mut exports, &row, Some(running), now).await?;
                }
                self.flush(&mut exports).await?;
                self.await_delivery(&mut exports).await?;
                tasks.push(Task::All);
            }
        }
        for task in merged(tasks) {
            match task {
                Task::All => {
                    let mapped = reader.another_mapped()?;
                    for row in reader.rooms()? {
                        self.room(&mapped, &mut exports, &row, None, now).await?;
                    }
                }
                Task::Days(row, dates) => self.room(&reader, &mut exports, &row, Some(dates), now).await?,
            }
        }
        self.trends(&reader, &mut exports, now, today).await?;
        let minute = now.millis().div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.health(&reader, minute)?;
        }
        self.flush(&mut exports).await?;
        self.await_delivery(&mut exports).await?;
        exports.advance(&position, through, &under.to_string())?;
        Ok(())
    }

    /// Which database is written to.
    fn target(&self) -> String {
        format!("{:016x}", digest(format!("{} {}", self.with.server.url, self.with.server.bucket).as_bytes()))
    }

    /// Whatever makes other results of the same events.
    fn fingerprint(&self, reader: &Reader) -> anyhow::Result<String> {
        let rooms: Vec<_> =
            reader.rooms()?.into_iter().map(|row| (row.trust, row.site, row.room, row.kind, row.zone)).collect();
        let text = format!("{:?} {rooms:?}", self.with.measuring);
        Ok(format!("{:016x}", digest(text.as_bytes())))
    }

    /// Exports a room's subjects on these dates, or all of them; dates are widened to wherever its sessions have moved.
    async fn room(
        &mut self,
        reader: &Reader,
        exports: &mut Exports,
        row: &RoomRow,
        mut dates: Option<Dates>,
        now: UtcMillis,
    ) -> anyhow::Result<()> {
        let mut found = self.with.measuring.room(reader, row, dates, now)?;
        for widening in 0.. {
            let Some(asked) = dates else { break };
            let mut wider = asked;
            for name in self.known(exports, row, dates)? {
                if let Some(moved) = found.elsewhere.get(&name) {
                    wider = wider.and(*moved);
                }
            }
            for subject in &found.subjects {
                let sent = exports.sent(&subject.name)?;
                let keys = sent.as_ref().map(|sent| sent.points.as_str()).unwrap_or_default();
                for at in keys.lines().filter_map(time_of) {
                    let day = local_date(&room_of(row), at);
                    // A state or an hour stays on its day, but for the difference between UTC and local time.
                    if subject.name.starts_with("list/") && !asked.include(day) {
                        wider = wider.and(day);
                    }
                }
            }
            if wider == asked {
                break;
            }
            dates = (widening < MOST_WIDENINGS).then_some(wider);
            found = self.with.measuring.room(reader, row, dates, now)?;
        }
        let present: BTreeSet<&str> = found.subjects.iter().map(|subject| subject.name.as_str()).collect();
        let gone = self.known(exports, row, dates)?.into_iter();
        let gone = gone.filter(|name| !present.contains(name.as_str()) && !found.elsewhere.contains_key(name));
        let gone: Vec<Subject> = gone.map(|name| Subject { name, points: Vec::new() }).collect();
        let subjects: Vec<Subject> = found.subjects.into_iter().chain(gone).collect();
        let live = keys_of(&subjects)?;
        for subject in &subjects {
            self.trends_due |= self.put(exports, subject, &live)? && subject.name.starts_with("list/");
        }
        if self.lines.len() >= LINES_KEPT {
            self.flush(exports).await?;
        }
        Ok(())
    }

    /// The subjects of a room that were sent, of these first dates or of all.
    fn known(&self, exports: &Exports, row: &RoomRow, dates: Option<Dates>) -> anyhow::Result<Vec<String>> {
        let mut known = Vec::new();
        for kind in ["list", "state", "hours"] {
            let beginning = beginning(kind, &row.trust, &row.site, &row.room);
            let end = dates.and_then(|dates| dates.last.succ_opt());
            known.extend(match (dates, end) {
                (Some(dates), Some(end)) => {
                    exports.subjects_between(&format!("{beginning}{}", dates.first), &format!("{beginning}{end}"))?
                }
                _ => exports.subjects(&beginning)?,
            });
        }
        Ok(known)
    }

    async fn trends(
        &mut self,
        reader: &Reader,
        exports: &mut Exports,
        now: UtcMillis,
        today: NaiveDate,
    ) -> anyhow::Result<()> {
        let due = match self.trends_made {
            None => true,
            Some((made, day)) => day != today || (self.trends_due && made.elapsed() >= TRENDS_EVERY),
        };
        if !due {
            return Ok(());
        }
        let subjects = self.with.measuring.trends(reader, now, today)?;
        let present: BTreeSet<String> = subjects.iter().map(|subject| subject.name.clone()).collect();
        let gone = exports.subjects("trend/")?.into_iter().filter(|name| !present.contains(name));
        let gone: Vec<Subject> = gone.map(|name| Subject { name, points: Vec::new() }).collect();
        for subject in subjects.iter().chain(&gone) {
            self.put(exports, subject, &BTreeSet::new())?;
            if self.lines.len() >= LINES_KEPT {
                self.flush(exports).await?;
            }
        }
        (self.trends_due, self.trends_made) = (false, Some((steady_now(), today)));
        Ok(())
    }

    /// Takes a subject for the next flush, if it is not what was sent. Says whether it was taken. Where another subject has a
    /// point by now, `live`, none is taken back.
    fn put(&mut self, exports: &Exports, subject: &Subject, live: &BTreeSet<String>) -> anyhow::Result<bool> {
        let (mut lines, mut keys) = (Vec::new(), Vec::new());
        for point in &subject.points {
            keys.push(point.key()?);
            lines.push(point.line()?);
        }
        let digest = digest(lines.join("\n").as_bytes()).cast_signed();
        let sent = exports.sent(&subject.name)?;
        if sent.as_ref().map_or(keys.is_empty(), |sent| sent.digest == digest && !keys.is_empty()) {
            return Ok(false);
        }
        let before = sent.map(|sent| sent.points).unwrap_or_default();
        let gone = before.lines().filter(|key| !keys.iter().any(|there| there == key) && !live.contains(*key));
        self.lines.extend(gone.filter_map(|key| taken_back(key, &subject.points)));
        self.lines.append(&mut lines);
        self.sent.push(Exported { subject: subject.name.clone(), digest, points: keys.join("\n") });
        Ok(true)
    }

    /// What agents and the store say of themselves in this minute; of minutes in which the server was away nothing is kept.
    fn health(&mut self, reader: &Reader, minute: i64) -> anyhow::Result<()> {
        let at = UtcMillis::saturating(minute * 60_000);
        for (agent, status) in self.with.agents.all() {
            self.lines.push(agent_point(&agent, &status, at).line()?);
        }
        let held = reader.held()?;
        let store = Point::new(&schema::STORE, at)
            .tag("trust", self.with.trust.as_str())
            .tag("collector", self.with.collector.as_str())
            .field("quarantined", held.quarantined + held.not_kept)
            .field("conflicts", held.conflicts)
            .field("gone", held.gone)
            .field("connected", self.with.connection.problem().is_none());
        self.lines.push(store.line()?);
        Ok(())
    }

    /// Sends off what is kept, once the server has what was sent before.
    async fn flush(&mut self, exports: &mut Exports) -> anyhow::Result<()> {
        self.await_delivery(exports).await?;
        let parcel = Parcel { lines: std::mem::take(&mut self.lines), sent: std::mem::take(&mut self.sent) };
        self.parcels.send(parcel).await.context("whoever sends to InfluxDB has ended")?;
        self.underway += 1;
        Ok(())
    }

    /// Waits until the server has what was sent, and notes it.
    async fn await_delivery(&mut self, exports: &mut Exports) -> anyhow::Result<()> {
        while self.underway > 0 {
            let Delivered { sent, refused } =
                self.delivered.recv().await.context("whoever sends to InfluxDB has ended")?;
            self.underway -= 1;
            if !refused.is_empty() {
                tracing::warn!(
                    lines = refused.len(),
                    first = refused[0].reason,
                    "InfluxDB refuses points; the rest is exported (`touchtime influx dead-letters` shows them)"
                );
                let letters: Vec<(String, String)> = refused.into_iter().map(|r| (r.line, r.reason)).collect();
                exports.bury(&letters, crate::clock::wall_now())?;
            }
            exports.record(&sent)?;
        }
        Ok(())
    }
}

fn keys_of(subjects: &[Subject]) -> anyhow::Result<BTreeSet<String>> {
    let points = subjects.iter().flat_map(|subject| &subject.points);
    Ok(points.map(Point::key).collect::<Result<_, _>>()?)
}

/// One task for each room: all days that anything asks for.
fn merged(tasks: Vec<Task>) -> Vec<Task> {
    let mut merged: Vec<Task> = Vec::new();
    for task in tasks {
        let Task::Days(row, dates) = task else { return vec![Task::All] };
        let known = merged.iter_mut().find_map(|known| match known {
            Task::Days(other, known)
                if other.trust == row.trust && other.site == row.site && other.room == row.room =>
            {
                Some(known)
            }
            Task::Days(..) | Task::All => None,
        });
        match known {
            Some(known) => *known = known.and(dates.first).and(dates.last),
            None => merged.push(Task::Days(row, dates)),
        }
    }
    merged
}

/// The line that takes a point back: nothing, or for a room's state, which holds until the next one, what it was then.
fn taken_back(key: &str, now: &[Point]) -> Option<String> {
    let at = time_of(key)?;
    let mut then: Option<&Point> = None;
    for point in now.iter().filter(|point| *point.of == schema::ROOM_STATE && point.at <= at) {
        then = Some(then.map_or(point, |known| if known.at < point.at { point } else { known }));
    }
    match then {
        Some(point) => Point { at, ..point.clone() }.line().ok(),
        None => point::nothing_at(key),
    }
}

fn time_of(key: &str) -> Option<UtcMillis> {
    UtcMillis::new(key.rsplit_once(' ')?.1.parse().ok()?).ok()
}

fn utc_today(now: UtcMillis) -> NaiveDate {
    chrono::DateTime::from_timestamp_millis(now.millis()).unwrap_or_default().date_naive()
}

fn agent_point(agent: &AgentAddress, status: &Status, at: UtcMillis) -> Point {
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    let age = status.oldest.map_or(0.0, |oldest| at.millis_since(oldest).max(0) as f64 / 1000.0);
    Point::new(&schema::AGENT, at)
        .tag("trust", agent.trust.as_str())
        .tag("site", agent.site.as_str())
        .tag("agent", agent.agent.as_str())
        .field("online", status.online)
        .field("waiting", status.depth)
        .field("oldest_age_s", age)
        .field("lost", status.lost)
        .field("refused", status.refused)
        .field(
            "clock_code",
            match status.clock {
                ClockQuality::Synchronised | ClockQuality::External => 0_i64,
                ClockQuality::Holdover => 1,
                ClockQuality::Unset => 2,
            },
        )
        .field("version", status.version.as_str())
}

/// FNV-1a, 64 bits: the same in every build, so that a new program does not send everything again.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Tells of a server that is away, and of its return, and of what it does not take, without filling the log.
#[derive(Default)]
struct Telling {
    away_since: Option<Instant>,
    told: Option<Instant>,
    told_of_refusal: Option<Instant>,
    too_old: usize,
    told_of_age: Option<Instant>,
}

/// Whether it is time to tell of something again.
fn is_due(told: Option<Instant>) -> bool {
    told.is_none_or(|told| told.elapsed() >= TOLD_EVERY)
}

impl Watch for Telling {
    fn waiting(&mut self, why: &str, pause: Duration) {
        self.away_since.get_or_insert_with(steady_now);
        if is_due(self.told) {
            tracing::warn!(why, pause = ?pause, "InfluxDB takes nothing; results wait in the store");
            self.told = Some(steady_now());
        }
    }

    fn taken(&mut self, lines: usize) {
        if let Some(since) = self.away_since.take() {
            self.told = None;
            tracing::info!(lines, away = ?since.elapsed(), "InfluxDB takes points again");
        }
    }

    fn too_old(&mut self, lines: usize) {
        self.too_old += lines;
        if is_due(self.told_of_age) {
            tracing::warn!(
                points = self.too_old,
                "InfluxDB keeps no points as old as these, by its retention policy, and drops them; all others are exported"
            );
            (self.too_old, self.told_of_age) = (0, Some(steady_now()));
        }
    }

    fn refused(&mut self, refused: &Refused) {
        // Each is kept and counted when all around it have been sent, which can take long.
        if is_due(self.told_of_refusal) {
            tracing::warn!(reason = refused.reason, "InfluxDB refuses a point; it is told apart from those around it");
            self.told_of_refusal = Some(steady_now());
        }
    }
}
