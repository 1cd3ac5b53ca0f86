//! A source whose clock stands and whose day a test may replace.

use std::sync::{Arc, Mutex};

use board::health::Health;
use board::history::History;
use board::source::{Audit, Change, ScanAudit, SiteDay, Source, SourceError};
use chrono::NaiveDate;
use room_events::{SiteId, UtcMillis};
use tokio::sync::broadcast;
use utilisation::rules::RuleSet;

use crate::fixture::{audit_of, day, past, scanners};

/// Serves one day that tests may replace.
pub struct FixedSource {
    pub rules: RuleSet,
    pub day: Mutex<Result<SiteDay, SourceError>>,
    pub health: Health,
    pub history: Arc<History>,
    pub changes: broadcast::Sender<Change>,
}

impl FixedSource {
    pub fn new(day: SiteDay) -> Self {
        Self {
            rules: RuleSet::default(),
            day: Mutex::new(Ok(day)),
            health: Health::default(),
            history: Arc::new(past::weeks()),
            changes: broadcast::channel(16).0,
        }
    }
}

impl Source for FixedSource {
    fn now(&self) -> UtcMillis {
        self.day.lock().unwrap().as_ref().map_or(UtcMillis::MIN, |day| day.as_at)
    }

    fn rate(&self) -> f64 {
        0.0
    }

    fn rules(&self) -> &RuleSet {
        &self.rules
    }

    fn site_day(&self, site: Option<&SiteId>, date: NaiveDate) -> Result<SiteDay, SourceError> {
        let day = self.day.lock().unwrap().clone()?;
        match site {
            Some(site) if *site != day.site => Err(SourceError::UnknownSite(site.clone())),
            Some(_) | None if date == day.date => Ok(day),
            Some(_) | None => Ok(SiteDay { date, rooms: Vec::new(), conditions: Vec::new(), ..day }),
        }
    }

    fn latest_day(&self) -> Option<NaiveDate> {
        Some(day())
    }

    fn audit(&self, session_id: &str) -> Result<Option<Audit>, SourceError> {
        let day = self.day.lock().unwrap().clone()?;
        Ok(day.rooms.iter().find_map(|room| {
            let list = room.lists.iter().find(|list| list.id == session_id)?;
            Some(audit_of(list, &room.name, day.as_at))
        }))
    }

    fn history(&self) -> Result<Arc<History>, SourceError> {
        Ok(Arc::clone(&self.history))
    }

    fn health(&self) -> Result<Health, SourceError> {
        Ok(self.health.clone())
    }

    fn scan_audit(&self, session_id: &str) -> Result<Option<ScanAudit>, SourceError> {
        let day = self.day.lock().unwrap().clone()?;
        Ok(scanners::audit_of(&day, session_id))
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}
