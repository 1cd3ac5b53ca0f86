//! What the pages need to know: the trait that the program wires to its store, and the plain values it hands over.
//!
//! The board reads no clock, no store and no socket of its own; everything it shows comes through [`Source`]. So the
//! same pages serve the live system, a replay in simulated time and a day read from a file.

use core::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use room_events::event::line_of_order;
use room_events::{Milestone, RoomId, RoomKind, SiteId, Token, TrustId, UtcMillis};
use tokio::sync::broadcast;
use utilisation::facts::Plan;
use utilisation::forecast::Forecast;
use utilisation::quantity::{Minutes, Ratio};
use utilisation::reasons::Explained;
use utilisation::result::{CaseResult, SessionResult};
use utilisation::rules::RuleSet;
use utilisation::scanner::result::ScannerSession;
use utilisation::timeline::RemarkRecord;

use crate::health::Health;
use crate::history::History;

/// Where the pages get their figures. The methods are called from blocking threads, so they may read a database.
pub trait Source: Send + Sync + 'static {
    /// The instant that the figures are computed for: the wall's or a simulation's.
    fn now(&self) -> UtcMillis;

    /// How many seconds of [`Source::now`] pass in one second of the viewer's; 1 but in a simulation, 0 when it stands.
    fn rate(&self) -> f64 {
        1.0
    }

    /// The rule set of the headline.
    fn rules(&self) -> &RuleSet;

    /// The least capped utilisation wanted of elective theatre lists; absent where no target is set.
    fn target(&self) -> Option<Ratio> {
        Ratio::new(85, 100)
    }

    /// All rooms of a site on a local date, measured as at [`Source::now`]. Without a site: the site shown first.
    fn site_day(&self, site: Option<&SiteId>, date: NaiveDate) -> Result<SiteDay, SourceError>;

    /// The latest local date with a list, so that an empty day can say where the data is.
    fn latest_day(&self) -> Option<NaiveDate>;

    /// One list with all that a reader needs to check it; `None` when there is no list of that id.
    fn audit(&self, session_id: &str) -> Result<Option<Audit>, SourceError>;

    /// Every list that is known, for the pages that look back.
    fn history(&self) -> Result<Arc<History>, SourceError> {
        Err(SourceError::Unavailable("no lists of the past are kept here".to_owned()))
    }

    /// What there was to explain from one local date to another, with the reasons that staff gave.
    fn reasons(&self, from: NaiveDate, to: NaiveDate) -> Result<Reasons, SourceError> {
        let _ = (from, to);
        Ok(Reasons::default())
    }

    /// The newest messages that are held back, without their words.
    fn held_messages(&self) -> Result<Vec<HeldMessage>, SourceError> {
        Ok(Vec::new())
    }

    /// How the collector and its agents are.
    fn health(&self) -> Result<Health, SourceError> {
        Ok(Health::default())
    }

    /// One scanner session with all that a reader needs to check it; `None` when there is no session of that id.
    fn scan_audit(&self, session_id: &str) -> Result<Option<ScanAudit>, SourceError> {
        let _ = session_id;
        Ok(None)
    }

    /// Tells that figures may have changed. A receiver that lags loses nothing: it renders the newest state.
    fn changes(&self) -> broadcast::Receiver<Change>;
}

/// What there was to explain in a period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasons {
    /// One for each late start, overrun, gap and cancellation.
    pub items: Vec<Explained>,
    /// The theatre rooms, with their names.
    pub rooms: Vec<(SiteId, RoomId, String)>,
}

/// A message that is held back, as people may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMessage {
    /// Its number.
    pub id: i64,
    /// When it came.
    pub received: UtcMillis,
    /// The agent under which it came.
    pub agent: String,
    /// Why it is held.
    pub reason: String,
    /// How many bytes it had.
    pub length: u64,
    /// Its beginning with letters as `a` and digits as `9`.
    pub shape: String,
}

/// Why a page cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceError {
    /// There is no such site: the reader gets "not found".
    UnknownSite(SiteId),
    /// The data cannot be read now: the reader is told so, and may try again.
    Unavailable(String),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSite(site) => write!(f, "there is no site `{site}` (leave `site` out for the first one)"),
            Self::Unavailable(why) => {
                write!(f, "the figures cannot be read: {why} (try again; see the collector's log)")
            }
        }
    }
}

impl std::error::Error for SourceError {}

/// What may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Facts about one room.
    Room {
        /// Its site.
        site: SiteId,
        /// The room.
        room: RoomId,
    },
    /// A minute of [`Source::now`] has passed, or something outside any room has changed.
    Tick,
}

/// One site on one local date.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteDay {
    /// The trust.
    pub trust: TrustId,
    /// The site.
    pub site: SiteId,
    /// Its name for people.
    pub site_name: String,
    /// Its trust's name for people.
    pub trust_name: String,
    /// Every site that can be chosen, with its name, this one included.
    pub sites: Vec<(SiteId, String)>,
    /// The site's time zone.
    pub zone: Tz,
    /// The local date.
    pub date: NaiveDate,
    /// The instant that the figures were computed for; pictures are drawn for its full minute.
    pub as_at: UtcMillis,
    /// Rooms with a list on the date, or with a feed to watch, in the order of display.
    pub rooms: Vec<RoomDay>,
    /// Conditions outside the lists: held messages, a wrong clock, lost events.
    pub conditions: Vec<Condition>,
}

/// One room on one local date.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomDay {
    /// The room.
    pub room: RoomId,
    /// Its name for people, `Theatre 1`.
    pub name: String,
    /// What fits on its tile, `1`; [`short_name`] where the configuration has none.
    pub short: String,
    /// What it is.
    pub kind: RoomKind,
    /// Its lists of the date in order of planned start, measured with every segment.
    pub lists: Vec<SessionResult>,
    /// Of a scanner room its sessions of the date; theatre-like rooms have none.
    pub scans: Vec<ScannerSession>,
    /// When its open lists will end, as far as that can be said.
    pub forecasts: Vec<ListForecast>,
    /// How fresh its data is.
    pub feed: Feed,
}

/// When a list will end.
#[derive(Debug, Clone, PartialEq)]
pub struct ListForecast {
    /// The list's id.
    pub list: String,
    /// As at the instant of the day's figures.
    pub forecast: Forecast,
}

/// What a tile shows of a room id: its last number (`suite-1` gives `1`), else the id itself.
pub fn short_name(room: &RoomId) -> String {
    let id = room.as_str();
    match id.rsplit('-').next() {
        Some(last) if !last.is_empty() && last.len() <= 3 && last.bytes().all(|b| b.is_ascii_digit()) => {
            let number = last.trim_start_matches('0');
            if number.is_empty() { "0".to_owned() } else { number.to_owned() }
        }
        Some(_) | None => id.to_owned(),
    }
}

/// How fresh a room's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feed {
    /// The latest event or sign of life of a feed of the room.
    pub last_heard: Option<UtcMillis>,
    /// A living feed says so at least so often; absent where nothing promises it (a file that was imported).
    pub expected_every: Option<Minutes>,
}

impl Feed {
    /// Whether the feed has missed two signs of life at `now`.
    pub fn is_silent(&self, now: UtcMillis) -> bool {
        match (self.expected_every, self.last_heard) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(every), Some(heard)) => now.millis_since(heard) > every.millis().saturating_mul(2),
        }
    }
}

/// How much a condition matters; declared worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Data is missing or wrong: figures cannot be trusted until somebody acts.
    Bad,
    /// Somebody should act today.
    Warning,
    /// Worth a look.
    Notice,
}

/// Something that needs attention and is not told by the lists themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// How much it matters.
    pub severity: Severity,
    /// The room that it is about, if any.
    pub room: Option<RoomId>,
    /// What it is about, in a word or two: `Messages`.
    pub subject: String,
    /// How it stands, in a word or two: `3 held`.
    pub standing: String,
    /// One sentence.
    pub text: String,
    /// What to do about it, if anything.
    pub advice: Option<String>,
}

/// One list with everything that its figures rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// Its site's name for people.
    pub site_name: String,
    /// Its trust's name for people.
    pub trust_name: String,
    /// Its room's name for people.
    pub room_name: String,
    /// The site's time zone.
    pub zone: Tz,
    /// The instant that the figures were computed for.
    pub as_at: UtcMillis,
    /// The headline rule set.
    pub rules: RuleSet,
    /// The list under it, with every segment.
    pub result: SessionResult,
    /// The same list under other rule sets.
    pub others: Vec<UnderRules>,
    /// Every record of a milestone of its cases, replaced ones included, in any order.
    pub stamps: Vec<Stamp>,
    /// Every revision of its plan, in the order in which they were issued.
    pub plans: Vec<PlanRecord>,
    /// What people said of it and its cases, by subject, what was replaced included.
    pub remarks: Vec<RemarkRecord>,
    /// Cases of its room and date that belong to no list.
    pub strays: Vec<Stray>,
}

/// One scanner session with everything that its figures rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanAudit {
    /// Its site's name for people.
    pub site_name: String,
    /// The site's time zone.
    pub zone: Tz,
    /// The instant that the figures were computed for.
    pub as_at: UtcMillis,
    /// The rule set.
    pub rules: RuleSet,
    /// Who set its target, if it has one.
    pub target_source: Option<String>,
    /// Its room, with this session alone.
    pub room: RoomDay,
}

/// A case that belongs to no list.
#[derive(Debug, Clone, PartialEq)]
pub struct Stray {
    /// The case.
    pub case: CaseResult,
    /// The instant by which it was looked for among the lists: its start, else its end, else its scheduled start.
    pub at: UtcMillis,
    /// The nearest list; absent where the room has none that is held.
    pub nearest: Option<Nearest>,
}

/// How far the nearest list is from a case that belongs to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// The list's id.
    pub list: String,
    /// How far it is.
    pub apart: Minutes,
    /// The case lies before the list's planned start; else behind its planned end.
    pub before: bool,
}

/// The list under another rule set.
#[derive(Debug, Clone, PartialEq)]
pub struct UnderRules {
    /// The rule set.
    pub rules: RuleSet,
    /// The list under it.
    pub result: SessionResult,
}

/// One record of a milestone, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Whose milestone.
    pub case: Token,
    /// Which one.
    pub milestone: Milestone,
    /// When; absent: a correction says that it did not happen.
    pub at: Option<UtcMillis>,
    /// Where the record comes from, for people: `theatre-system of agent th-main`.
    pub source: String,
    /// Its place in its source: a record or sequence number.
    pub order: u64,
    /// When it was recorded.
    pub captured: UtcMillis,
    /// Of a correction: who made it and why.
    pub correction: Option<String>,
    /// Another record took its place.
    pub superseded: bool,
}

/// One revision of the plan, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRecord {
    /// What it says.
    pub plan: Plan,
    /// It is the one in force at the planned start: the denominator.
    pub in_force: bool,
    /// Where the record comes from, for people.
    pub source: String,
}

/// How people call a record by its order: `line 967` of a file, else `record 12` of its feed.
pub fn record_name(order: u64) -> String {
    match line_of_order(order) {
        Some(line) => format!("line {line}"),
        None => format!("record {order}"),
    }
}

/// The short form of a token: enough to tell the cases of one list apart.
pub fn short_token(token: &Token) -> String {
    format!("{:06x}", token.digest >> 104)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_shows_the_number_at_the_end_of_the_id() {
        for (id, tile) in
            [("suite-1", "1"), ("th-07", "7"), ("mri", "mri"), ("x-00", "0"), ("room-2022", "room-2022"), ("a-", "a-")]
        {
            assert_eq!(short_name(&RoomId::new(id).unwrap()), tile);
        }
    }

    #[test]
    fn a_feed_is_silent_after_two_missed_signs_of_life_and_never_without_a_promise() {
        let at = |minutes: i64| UtcMillis::new(1_644_585_000_000).unwrap().plus_minutes(minutes);
        let feed = Feed { last_heard: Some(at(0)), expected_every: Some(Minutes::whole(5)) };
        assert!(!feed.is_silent(at(10)));
        assert!(feed.is_silent(at(10).plus_millis(1)));
        assert!(!Feed { expected_every: None, ..feed }.is_silent(at(10_000)));
        assert!(Feed { last_heard: None, ..feed }.is_silent(at(0)));
    }
}
