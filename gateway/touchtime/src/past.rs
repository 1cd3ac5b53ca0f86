//! [`Past`]: every theatre list of a store, measured once and kept in memory for the pages that look back, with what
//! forecasts are made from.
//!
//! Five years of a trust take seconds to measure and milliseconds to sum up. So the lists are measured when the
//! collector starts and again in the background, while the pages go on with what is kept; they say as at when.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use board::history::{ComingList, History, NamedChange, PastList};
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use room_events::UtcMillis;
use store::Reader;
use utilisation::forecast::Forecaster;
use utilisation::hours::ListHours;
use utilisation::result::{SessionResult, SessionState};
use utilisation::rules::RuleSet;
use utilisation::targets::Targets;
use utilisation::theatre::{Detail, TypicalHistory, measure_room};
use utilisation::timeline::Precedence;

use crate::clock::{Clock, steady_now};
use crate::measured::{room_of, whole_timeline};
use crate::source::Names;
use crate::spare_report::FORECAST_DAYS;

/// Kept lists are old after so many times as long as measuring them took: a twentieth of one core at most goes into it.
const OLD_AFTER_TIMES: u32 = 20;
/// And not before.
const OLD_AFTER: Duration = Duration::from_secs(5);

/// What is kept, measured at one instant.
#[derive(Debug, Clone)]
pub struct Kept {
    /// For the pages.
    pub history: Arc<History>,
    /// For the rows of the board.
    pub forecaster: Arc<Forecaster>,
    since: Instant,
    took: Duration,
}

impl Kept {
    fn is_old(&self) -> bool {
        self.since.elapsed() >= OLD_AFTER.max(self.took * OLD_AFTER_TIMES)
    }
}

/// How lists are measured.
#[derive(Debug)]
pub struct Settings {
    /// Folder of the store.
    pub dir: PathBuf,
    /// Whose time it is.
    pub clock: Clock,
    /// The rule set.
    pub rules: RuleSet,
    /// Which source is believed.
    pub precedence: Precedence,
    /// Names for people.
    pub names: Names,
    /// What figures are held against.
    pub targets: Targets,
    /// Changes from which on limits begin anew.
    pub changes: Vec<NamedChange>,
}

/// What is kept, and how it is measured.
#[derive(Debug)]
pub struct Past {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: Option<Kept>,
    measuring: bool,
}

impl Past {
    /// Nothing is measured yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// What is kept, measured now if nothing is.
    pub fn now_or_measure(self: &Arc<Self>) -> anyhow::Result<Kept> {
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        let kept = self.measure()?;
        self.state().kept = Some(kept.clone());
        Ok(kept)
    }

    /// What is kept, if anything is yet; where it is old it is measured again meanwhile.
    pub fn kept(self: &Arc<Self>) -> Option<Kept> {
        let mut state = self.state();
        let old = state.kept.as_ref().is_none_or(Kept::is_old);
        if old && !state.measuring {
            let past = Arc::clone(self);
            let measuring = std::thread::Builder::new().name("past".to_owned()).spawn(move || past.measure_again());
            match measuring {
                Ok(_) => state.measuring = true,
                Err(error) => tracing::error!(%error, "no thread to measure the lists of the past"),
            }
        }
        state.kept.clone()
    }

    fn measure_again(&self) {
        let _ended = Measuring(self);
        match self.measure() {
            Ok(kept) => self.state().kept = Some(kept),
            Err(error) => tracing::error!(error = format!("{error:#}"), "the lists of the past could not be measured"),
        }
    }

    // A thread that panicked left the state as it was before.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room by room, so that no more than one room's cases are in memory.
    fn measure(&self) -> anyhow::Result<Kept> {
        let begun = steady_now();
        let reader = Reader::open(&self.settings.dir)?;
        let now = self.settings.clock.now();
        let rows = reader.rooms()?;
        let zone = rows.first().map_or(chrono_tz::Europe::London, |row| room_of(row).zone);
        let today = local_date(now, zone);
        let since = now.plus_minutes(-FORECAST_DAYS * 24 * 60);
        let mut typical = TypicalHistory::default();
        let (mut lists, mut recent, mut coming) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| room_of(row).kind.is_theatre_like()) {
            let timeline = whole_timeline(&reader, row).with_context(|| format!("room {}", row.room))?;
            let facts = timeline.facts(&self.settings.precedence);
            let sessions = measure_room(timeline.room(), &facts, &self.settings.rules, now, Detail::Figures).sessions;
            typical.record(&sessions);
            for session in sessions {
                if session.state == SessionState::Planned {
                    coming.push((session.clone(), timeline.room().zone));
                } else if session.planned_start >= since && session.state == SessionState::Closed {
                    recent.push(session.clone());
                }
                lists.push(without_cases(session, timeline.room().zone));
            }
        }
        let typical = typical.table(&self.settings.rules);
        lists.iter_mut().for_each(|list| typical.fill_extra_cases(core::slice::from_mut(&mut list.session)));
        let forecaster = Forecaster::fit(&recent);
        let coming = coming.into_iter().filter_map(|(session, zone)| {
            let spare = forecaster.spare(&session)?;
            Some(ComingList { session: SessionResult { cases: Vec::new(), ..session }, spare, zone })
        });
        let mut sites = Vec::new();
        for row in &rows {
            if !sites.iter().any(|(id, _)| *id == row.site) {
                sites.push((row.site.clone(), self.settings.names.site(&row.site)));
            }
        }
        let history = History {
            trust_name: rows.first().map(|row| self.settings.names.trust(row)).unwrap_or_default(),
            as_at: now,
            today,
            lists,
            coming: coming.collect(),
            sites,
            rooms: rows.iter().map(|row| (row.site.clone(), row.room.clone(), self.settings.names.room(row))).collect(),
            targets: self.settings.targets.clone(),
            changes: self.settings.changes.clone(),
        };
        Ok(Kept {
            history: Arc::new(history),
            forecaster: Arc::new(forecaster),
            since: steady_now(),
            took: begun.elapsed(),
        })
    }
}

/// Measuring has ended when it is dropped, also if it was by a panic: the next one who asks starts it again.
struct Measuring<'p>(&'p Past);

impl Drop for Measuring<'_> {
    fn drop(&mut self) {
        self.0.state().measuring = false;
    }
}

fn local_date(at: UtcMillis, zone: Tz) -> NaiveDate {
    DateTime::from_timestamp_millis(at.millis()).unwrap_or_default().with_timezone(&zone).date_naive()
}

/// What sums need of a list: five years of cases would fill the memory.
fn without_cases(session: SessionResult, zone: Tz) -> PastList {
    let hours = ListHours::of(&session, zone);
    let session =
        SessionResult { cases: Vec::new(), segments: Vec::new(), excluded: Vec::new(), quality: Vec::new(), ..session };
    PastList { session, hours }
}
