//! The event stream of a board: a snapshot first, then only what has changed, and a sign of life every ten seconds.
//!
//! One task watches the source and counts versions; each viewer compares the newest board with what it was sent last.
//! So nothing can be missed: a viewer that was busy, or a change that was not announced, is made good by the next
//! comparison. A viewer that does not read for [`QUEUE`] messages is dropped; it comes back by itself to a snapshot.
//!
//! ```text
//! event: snapshot   {"now":ms,"rate":1.0,"offset":ms,"parts":[["kpis","<div..."],...]}   on connecting, or a new layout
//! event: change     the same with the parts that differ
//! event: beat       {"now":ms,"rate":1.0,"offset":ms}                                     every 10 s while figures can be had
//! ```

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::sse::Event;
use chrono::NaiveDate;
use futures_core::Stream;
use room_events::SiteId;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::MissedTickBehavior;

use crate::board_page::{Board, BoardContext, Part, board};
use crate::metrics::{Form, metrics};
use crate::source::{SiteDay, Source, SourceError};
use crate::wording::Local;

/// A viewer is dropped when so many messages wait for it.
pub(crate) const QUEUE: usize = 16;
/// More viewers than this at once are turned away.
const MOST_VIEWERS: usize = 1024;
/// A sign of life at least so often; the page counts two missed ones as silence.
const BEAT: Duration = Duration::from_secs(10);
/// Changes closer together than this are shown together.
const LEAST_PAUSE: Duration = Duration::from_millis(100);
/// The site's clock is looked at so often; figures move with each minute of it.
const CLOCK_CHECK: Duration = Duration::from_millis(500);
/// Boards kept for viewers of different sites and dates.
const MOST_KEPT: usize = 16;
/// A browser waits so long before it comes back.
const RETRY: Duration = Duration::from_secs(2);

/// Which board a viewer looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Wish {
    pub(crate) site: Option<SiteId>,
    /// Without a date the board follows the current day.
    pub(crate) date: Option<NaiveDate>,
}

impl Wish {
    /// The start of a query that keeps the site.
    pub(crate) fn site_query(&self) -> String {
        self.site.as_ref().map(|site| format!("site={site}&")).unwrap_or_default()
    }

    /// The address of the event stream.
    pub(crate) fn events(&self) -> String {
        let date = self.date.map(|date| format!("date={date}")).unwrap_or_default();
        format!("/events?{}{date}", self.site_query())
    }
}

/// The source with what viewers share.
pub(crate) struct Live {
    pub(crate) source: Arc<dyn Source>,
    version: watch::Sender<u64>,
    watching: AtomicBool,
    kept: Mutex<HashMap<Wish, (u64, Arc<Board>)>>,
    viewers: Arc<Semaphore>,
    scraping: Mutex<()>,
}

impl Live {
    pub(crate) fn new(source: Arc<dyn Source>) -> Arc<Self> {
        Arc::new(Self {
            source,
            version: watch::Sender::new(0),
            watching: AtomicBool::new(false),
            kept: Mutex::new(HashMap::new()),
            viewers: Arc::new(Semaphore::new(MOST_VIEWERS)),
            scraping: Mutex::new(()),
        })
    }

    /// Renders the newest board. Reading the source may block, so it has a thread of its own.
    pub(crate) async fn render(&self, wish: Wish) -> Result<Board, SourceError> {
        let source = Arc::clone(&self.source);
        tokio::task::spawn_blocking(move || render(source.as_ref(), &wish))
            .await
            .unwrap_or_else(|_| Err(SourceError::Unavailable("the page could not be drawn".to_owned())))
    }

    /// The board as of a version; viewers of the same board share one drawing.
    async fn shared(&self, wish: &Wish, version: u64) -> Result<Arc<Board>, SourceError> {
        let mut kept = self.kept.lock().await;
        if let Some((of, board)) = kept.get(wish)
            && *of == version
        {
            return Ok(Arc::clone(board));
        }
        let board = Arc::new(self.render(wish.clone()).await?);
        if kept.len() >= MOST_KEPT && !kept.contains_key(wish) {
            kept.clear();
        }
        kept.insert(wish.clone(), (version, Arc::clone(&board)));
        Ok(board)
    }

    /// The metrics. One scrape at a time, so that many scrapers take no more of the machine than one.
    pub(crate) async fn metrics(&self, form: Form) -> Result<String, SourceError> {
        let _alone = self.scraping.lock().await;
        let viewers = MOST_VIEWERS - self.viewers.available_permits();
        let source = Arc::clone(&self.source);
        tokio::task::spawn_blocking(move || metrics(source.as_ref(), viewers, form))
            .await
            .unwrap_or_else(|_| Err(SourceError::Unavailable("the metrics could not be written".to_owned())))
    }

    /// Opens a stream; `None` when there are too many viewers.
    pub(crate) fn open(self: &Arc<Self>, wish: Wish) -> Option<Messages> {
        let permit = Arc::clone(&self.viewers).try_acquire_owned().ok()?;
        if !self.watching.swap(true, Ordering::Relaxed) {
            tokio::spawn(watch_source(Arc::downgrade(self)));
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(serve(Arc::clone(self), wish, sender, permit));
        Some(Messages(receiver))
    }
}

/// The current day of a site; without a site: of the one shown first.
pub(crate) fn today(source: &dyn Source, site: Option<&SiteId>) -> Result<SiteDay, SourceError> {
    // The site's zone comes with its day, so the first guess is the date in UTC.
    let guess = Local::new(chrono_tz::UTC).date(source.now());
    let day = source.site_day(site, guess)?;
    let date = Local::new(day.zone).date(day.as_at);
    if date == guess { Ok(day) } else { source.site_day(site, date) }
}

fn render(source: &dyn Source, wish: &Wish) -> Result<Board, SourceError> {
    let site = wish.site.as_ref();
    let day = match wish.date {
        Some(date) => source.site_day(site, date)?,
        None => today(source, site)?,
    };
    let latest_day = if day.rooms.iter().all(|room| room.lists.is_empty()) { source.latest_day() } else { None };
    let context = BoardContext { rules: source.rules(), target: source.target(), rate: source.rate(), latest_day };
    Ok(board(&day, &context, &wish.site_query()))
}

/// Counts a version for each change and each minute of the source's clock, as long as anybody holds the pages.
async fn watch_source(live: Weak<Live>) {
    let Some(mut changes) = live.upgrade().map(|live| live.source.changes()) else { return };
    let mut announced = true;
    let mut clock = tokio::time::interval(CLOCK_CHECK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut minute = None;
    loop {
        let changed = tokio::select! {
            change = changes.recv(), if announced => match change {
                // A lag costs nothing: the newest state is drawn in any case.
                Ok(_) | Err(RecvError::Lagged(_)) => true,
                Err(RecvError::Closed) => { announced = false; false }
            },
            _ = clock.tick() => false,
        };
        let Some(live) = live.upgrade() else { return };
        let now = live.source.now().millis().div_euclid(60_000);
        if minute.replace(now) != Some(now) || changed {
            live.version.send_modify(|version| *version += 1);
            drop(live);
            tokio::time::sleep(LEAST_PAUSE).await;
        }
    }
}

/// Feeds one viewer until it leaves or falls behind.
async fn serve(live: Arc<Live>, wish: Wish, viewer: mpsc::Sender<Event>, _permit: OwnedSemaphorePermit) {
    let mut version = live.version.subscribe();
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.reset();
    let mut sent: Option<Arc<Board>> = None;
    let mut troubled = false;
    let mut due = true;
    loop {
        let newest = *version.borrow_and_update();
        match live.shared(&wish, newest).await {
            Ok(board) => {
                troubled = false;
                if let Some(message) = message(sent.as_deref(), &board, due, newest) {
                    if viewer.try_send(message).is_err() {
                        return;
                    }
                    sent = Some(board);
                }
            }
            Err(error) => {
                // No beat either: a viewer must see that the figures have stopped.
                if !troubled {
                    tracing::warn!(%error, "the board has no figures");
                }
                troubled = true;
            }
        }
        due = tokio::select! {
            () = viewer.closed() => return,
            changed = version.changed() => {
                if changed.is_err() { return }
                false
            }
            _ = beat.tick() => true,
        };
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    now: i64,
    rate: f64,
    offset: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<(&'a str, &'a str)>,
}

/// What a viewer needs to see `board`, having seen `sent`; nothing when it is the same and no beat is due.
fn message(sent: Option<&Board>, board: &Board, due: bool, version: u64) -> Option<Event> {
    let pair = |part: &'_ Part| -> (String, String) { (part.id.clone(), part.html.clone()) };
    let (name, parts) = match sent {
        Some(sent) if sent.layout == board.layout => {
            let changed: Vec<_> = board.parts.iter().filter(|part| !sent.parts.contains(part)).map(pair).collect();
            (if changed.is_empty() { "beat" } else { "change" }, changed)
        }
        Some(_) | None => {
            let fixed = ["kpis", "when", "side", "tables"];
            let mut parts: Vec<_> =
                board.parts.iter().filter(|part| fixed.contains(&part.id.as_str())).map(pair).collect();
            parts.push(pair(&board.rooms));
            ("snapshot", parts)
        }
    };
    if name == "beat" && !due {
        return None;
    }
    let parts = parts.iter().map(|(id, html)| (id.as_str(), html.as_str())).collect();
    let payload = Payload { now: board.now_millis, rate: board.rate, offset: board.offset_millis, parts };
    let data = serde_json::to_string(&payload).ok()?;
    Some(Event::default().event(name).id(version.to_string()).retry(RETRY).data(data))
}

/// The messages for one viewer.
pub(crate) struct Messages(mpsc::Receiver<Event>);

impl Stream for Messages {
    type Item = Result<Event, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|message| message.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;
    use crate::source::{Audit, Change, Condition, Severity};
    use room_events::UtcMillis;
    use tokio::sync::broadcast;
    use utilisation::rules::RuleSet;

    /// Says something else each time it is asked.
    struct Restless {
        rules: RuleSet,
        asked: AtomicI64,
        changes: broadcast::Sender<Change>,
    }

    impl Source for Restless {
        fn now(&self) -> UtcMillis {
            UtcMillis::MIN
        }

        fn rules(&self) -> &RuleSet {
            &self.rules
        }

        fn site_day(&self, _: Option<&SiteId>, date: NaiveDate) -> Result<SiteDay, SourceError> {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            let site = SiteId::new("main").map_err(|error| SourceError::Unavailable(error.to_string()))?;
            Ok(SiteDay {
                trust: room_events::TrustId::new("example")
                    .map_err(|error| SourceError::Unavailable(error.to_string()))?,
                site,
                site_name: "Main site".to_owned(),
                trust_name: "Example".to_owned(),
                sites: Vec::new(),
                zone: chrono_tz::UTC,
                date,
                as_at: UtcMillis::MIN,
                rooms: Vec::new(),
                conditions: vec![Condition {
                    severity: Severity::Notice,
                    room: None,
                    subject: "Messages".to_owned(),
                    standing: format!("{asked} held"),
                    text: String::new(),
                    advice: None,
                }],
            })
        }

        fn latest_day(&self) -> Option<NaiveDate> {
            None
        }

        fn audit(&self, _: &str) -> Result<Option<Audit>, SourceError> {
            Ok(None)
        }

        fn changes(&self) -> broadcast::Receiver<Change> {
            self.changes.subscribe()
        }
    }

    fn restless() -> Arc<Live> {
        Live::new(Arc::new(Restless {
            rules: RuleSet::default(),
            asked: AtomicI64::new(0),
            changes: broadcast::channel(1).0,
        }))
    }

    #[tokio::test]
    async fn a_viewer_that_does_not_read_is_dropped() {
        let live = restless();
        let permit = Arc::clone(&live.viewers).try_acquire_owned().unwrap();
        let (sender, mut messages) = mpsc::channel(2);
        let serving = tokio::spawn(serve(Arc::clone(&live), Wish::default(), sender, permit));
        for waiting in 1..=2 {
            live.version.send_modify(|version| *version += 1);
            while messages.len() < waiting {
                tokio::task::yield_now().await;
            }
        }
        live.version.send_modify(|version| *version += 1);
        serving.await.unwrap();
        assert!(messages.recv().await.is_some());
        assert!(messages.recv().await.is_some());
        assert!(messages.recv().await.is_none(), "the stream ends, and the browser comes back to a snapshot");
        assert_eq!(live.viewers.available_permits(), MOST_VIEWERS);
    }

    #[tokio::test]
    async fn a_viewer_too_many_is_turned_away() {
        let live = restless();
        let held = Arc::clone(&live.viewers).acquire_many_owned(u32::try_from(MOST_VIEWERS).unwrap()).await.unwrap();
        assert!(live.open(Wish::default()).is_none());
        drop(held);
        assert!(live.open(Wish::default()).is_some());
    }

    #[tokio::test]
    async fn viewers_of_one_board_share_one_drawing() {
        let live = restless();
        let first = live.shared(&Wish::default(), 1).await.unwrap();
        let second = live.shared(&Wish::default(), 1).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let newer = live.shared(&Wish::default(), 2).await.unwrap();
        assert!(!Arc::ptr_eq(&first, &newer));
    }

    #[tokio::test]
    async fn boards_of_many_dates_are_not_kept_for_ever() {
        let live = restless();
        for day in 1..=28 {
            let wish = Wish { site: None, date: NaiveDate::from_ymd_opt(2022, 2, day) };
            live.shared(&wish, 1).await.unwrap();
        }
        assert!(live.kept.lock().await.len() <= MOST_KEPT);
    }
}
