//! What the board shows, read from the store: the wiring between the two, and the audit that `explain` prints as well.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use board::health::Health;
use board::history::History;
use board::source::{
    Audit, Change, Condition, Feed, HeldMessage, ListForecast, PlanRecord, Reasons, RoomDay, ScanAudit, Severity,
    SiteDay, Source, SourceError, Stamp, UnderRules, short_name,
};
use chrono::NaiveDate;
use collector::{AgentStatuses, ConnectionState};
use delivery::Status;
use room_events::topic::AgentAddress;
use room_events::{ClockQuality, RoomId, SiteId, UtcMillis};
use store::{Reader, RoomRow};
use tokio::sync::broadcast;
use utilisation::quantity::Minutes;
use utilisation::reasons::explained;
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;
use utilisation::scanner::result::ScannerSession;
use utilisation::theatre::{Detail, measure_room};
use utilisation::timeline::{Precedence, RoomTimeline, Statement};

use crate::clock::Clock;
use crate::health::Probe;
use crate::measured::{ScannerSettings, room_of, timeline_around, timeline_of_dates, whole_timeline};
use crate::past::Past;
use crate::strays::strays;
use crate::wrong_clocks;

/// Agents say so often that a feed is alive.
const ALIVE_EVERY: Minutes = Minutes::whole(5);
/// Nothing is planned as far ahead as this.
const FAR_AHEAD_MS: i64 = 200 * 86_400_000;

/// Names for people; ids stand in where a configuration has none.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The trust.
    pub trust: Option<String>,
    /// Sites.
    pub sites: Vec<(SiteId, String)>,
    /// Rooms.
    pub rooms: Vec<(SiteId, room_events::RoomId, String)>,
}

impl Names {
    pub(crate) fn site(&self, site: &SiteId) -> String {
        let named = self.sites.iter().find(|(id, _)| id == site);
        named.map_or_else(|| site.to_string(), |(_, name)| name.clone())
    }

    pub(crate) fn room(&self, row: &RoomRow) -> String {
        let named = self.rooms.iter().find(|(site, room, _)| *site == row.site && *room == row.room);
        named.map_or_else(|| row.room.to_string(), |(_, _, name)| name.clone())
    }

    pub(crate) fn trust(&self, row: &RoomRow) -> String {
        self.trust.clone().unwrap_or_else(|| row.trust.to_string())
    }
}

/// A room's lists of today, by the measures of its kind.
#[derive(Debug)]
pub enum TodaysLists {
    /// Of a theatre-like room.
    Theatre(Vec<SessionResult>),
    /// Of a scanner room.
    Scanner(Vec<ScannerSession>),
}

/// A store as the board sees it.
#[derive(Debug)]
pub struct StoreSource {
    reader: Mutex<Reader>,
    clock: Clock,
    scanners: ScannerSettings,
    rules: RuleSet,
    precedence: Precedence,
    names: Names,
    changes: broadcast::Sender<Change>,
    agents: AgentStatuses,
    connection: ConnectionState,
    probe: Option<Probe>,
    past: Option<Arc<Past>>,
}

impl StoreSource {
    /// Opens the store in `dir` for the board.
    pub fn open(
        dir: &Path,
        clock: Clock,
        rules: RuleSet,
        precedence: Precedence,
        names: Names,
        changes: broadcast::Sender<Change>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            reader: Mutex::new(Reader::open(dir)?),
            clock,
            scanners: ScannerSettings::built_in(rules.clone()),
            rules,
            precedence,
            names,
            changes,
            agents: AgentStatuses::default(),
            connection: ConnectionState::default(),
            probe: None,
            past: None,
        })
    }

    /// Measures scanner rooms by these settings instead of the built-in ones.
    #[must_use]
    pub fn with_scanners(self, scanners: ScannerSettings) -> Self {
        Self { scanners, ..self }
    }

    /// Shows what the agents say of themselves, too.
    #[must_use]
    pub fn with_agents(self, agents: AgentStatuses) -> Self {
        Self { agents, ..self }
    }

    /// Shows when the collector cannot reach its broker, too.
    #[must_use]
    pub fn with_connection(self, connection: ConnectionState) -> Self {
        Self { connection, ..self }
    }

    /// Tells how the running collector is, too.
    #[must_use]
    pub fn with_probe(self, probe: Probe) -> Self {
        Self { probe: Some(probe), ..self }
    }

    /// Shows the past, too, and forecasts from it.
    #[must_use]
    pub fn with_past(self, past: Arc<Past>) -> Self {
        Self { past: Some(past), ..self }
    }

    // A reader that panicked left nothing half done: it only reads.
    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instant up to which a room's running figures count: the last whole minute, as people count, unless something
    /// has happened since.
    fn counted_to(&self, row: &RoomRow) -> UtcMillis {
        let now = self.clock.now();
        let minute = UtcMillis::saturating(now.millis().div_euclid(60_000) * 60_000);
        if row.last_event.is_some_and(|last| last > minute) { now } else { minute }
    }

    /// A room's day by the measures of its kind: those of theatres say nothing about scanners, and the other way round.
    fn room_day(&self, reader: &Reader, row: &RoomRow, date: NaiveDate) -> anyhow::Result<RoomDay> {
        let timeline = timeline_around(reader, row, date)?;
        let counted_to = self.counted_to(row);
        if timeline.room().kind.is_theatre_like() {
            let facts = timeline.facts(&self.precedence);
            let mut lists = measure_room(timeline.room(), &facts, &self.rules, counted_to, Detail::Audit).sessions;
            lists.retain(|session| session.local_date == date);
            let forecasts = self.forecasts(&lists, counted_to);
            return Ok(RoomDay { lists, forecasts, ..self.empty_day(row, Vec::new()) });
        }
        let mut scans = self.scanners.measure(&timeline, &self.precedence, counted_to).sessions;
        scans.retain(|session| session.local_date == date);
        Ok(self.empty_day(row, scans))
    }

    /// When open lists will end, by lists of the past; of none while those are still being measured.
    fn forecasts(&self, lists: &[SessionResult], now: UtcMillis) -> Vec<ListForecast> {
        let Some(kept) = self.past.as_ref().and_then(|past| past.kept()) else { return Vec::new() };
        let begun_or_near = |list: &&SessionResult| list.planned_start <= now.plus_minutes(24 * 60);
        let forecast = |list: &SessionResult| {
            let forecast = kept.forecaster.forecast(list, now)?;
            Some(ListForecast { list: list.id.clone(), forecast })
        };
        lists.iter().filter(begun_or_near).filter_map(forecast).collect()
    }

    /// A room with its names and its feed, and these scanner sessions.
    fn empty_day(&self, row: &RoomRow, scans: Vec<ScannerSession>) -> RoomDay {
        RoomDay {
            scans,
            room: row.room.clone(),
            name: self.names.room(row),
            short: short_name(&row.room),
            kind: room_of(row).kind,
            lists: Vec::new(),
            forecasts: Vec::new(),
            feed: Feed {
                last_heard: row.last_alive.max(row.last_event).max(self.clock.running_since()),
                expected_every: row.last_alive.map(|_| ALIVE_EVERY),
            },
        }
    }

    fn day(&self, site: Option<&SiteId>, date: NaiveDate) -> anyhow::Result<Option<SiteDay>> {
        let now = self.now();
        let reader = self.reader();
        let rows = reader.rooms()?;
        let mut sites: Vec<(SiteId, String)> = Vec::new();
        for row in &rows {
            if !sites.iter().any(|(id, _)| *id == row.site) {
                sites.push((row.site.clone(), self.names.site(&row.site)));
            }
        }
        let Some(first) = rows.iter().find(|row| site.is_none_or(|site| row.site == *site)) else { return Ok(None) };
        let here = rows.iter().filter(|row| row.site == first.site && row.trust == first.trust);
        let rooms = here.clone().map(|row| self.room_day(&reader, row, date)).collect::<anyhow::Result<_>>()?;
        let is_here = |agent: &AgentAddress| agent.trust == first.trust && agent.site == first.site;
        let has_wall_time = matches!(self.clock, Clock::Wall);
        Ok(Some(SiteDay {
            trust: first.trust.clone(),
            site: first.site.clone(),
            site_name: self.names.site(&first.site),
            trust_name: self.names.trust(first),
            sites,
            zone: room_of(first).zone,
            date,
            as_at: now,
            rooms,
            conditions: conditions(&reader)?
                .into_iter()
                .chain(wrong_clocks::placed(&reader, is_here)?)
                .chain(self.connection.problem().map(|why| not_connected(&why)))
                .chain(self.agents.all().iter().filter(|(agent, _)| is_here(agent)).flat_map(|(agent, status)| {
                    let offset = self.agents.clock_offset(agent).filter(|_| has_wall_time);
                    agent_conditions(agent, status).into_iter().chain(wrong_clocks::far_off(agent, offset))
                }))
                .chain(
                    self.agents
                        .unreadable()
                        .iter()
                        .filter(|(agent, _)| is_here(agent))
                        .map(|(agent, count)| unreadable_status(agent, *count)),
                )
                .collect(),
        }))
    }

    /// Today's lists of every room, or of one: the instant that they count to, and each room with its local date.
    #[allow(clippy::type_complexity, reason = "read once, where it is taken apart")]
    pub fn todays_lists(
        &self,
        only: Option<(&SiteId, &RoomId)>,
    ) -> anyhow::Result<(UtcMillis, Vec<(SiteId, RoomId, NaiveDate, TodaysLists)>)> {
        let now = self.clock.now();
        let reader = self.reader();
        let mut rooms = Vec::new();
        for row in reader.rooms()? {
            if only.is_some_and(|(site, room)| row.site != *site || row.room != *room) {
                continue;
            }
            let now = chrono::DateTime::from_timestamp_millis(now.millis()).unwrap_or_default();
            let date = now.with_timezone(&room_of(&row).zone).date_naive();
            let lists = if room_of(&row).kind.is_theatre_like() {
                TodaysLists::Theatre(self.room_day(&reader, &row, date)?.lists)
            } else {
                TodaysLists::Scanner(self.room_day(&reader, &row, date)?.scans)
            };
            rooms.push((row.site, row.room, date, lists));
        }
        Ok((now, rooms))
    }

    /// The list of that id, if there is one.
    pub fn find(&self, session_id: &str) -> anyhow::Result<Option<Audit>> {
        let reader = self.reader();
        for row in reader.rooms()? {
            if !room_of(&row).kind.is_theatre_like() {
                continue;
            }
            let Some(rest) = session_id.strip_prefix(&format!("{}.{}.", row.site, row.room)) else { continue };
            let Some(date) = rest.get(..10).and_then(|date| date.parse::<NaiveDate>().ok()) else { continue };
            let timeline = timeline_around(&reader, &row, date)?;
            let found = match self.audit_of(&row, &timeline, session_id) {
                Some(audit) => Some(audit),
                // A list that was moved by days keeps its first date in its id.
                None => self.audit_of(&row, &whole_timeline(&reader, &row)?, session_id),
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// What there was to explain in the theatre rooms from one local date to another.
    fn reasons_between(&self, from: NaiveDate, to: NaiveDate) -> anyhow::Result<Reasons> {
        let reader = self.reader();
        let mut reasons = Reasons::default();
        for row in reader.rooms()?.iter().filter(|row| room_of(row).kind.is_theatre_like()) {
            let timeline = timeline_of_dates(&reader, row, from, to)?;
            let facts = timeline.facts(&self.precedence);
            let counted_to = self.counted_to(row);
            let measured = measure_room(timeline.room(), &facts, &self.rules, counted_to, Detail::Audit);
            for list in measured.sessions.iter().filter(|list| (from..=to).contains(&list.local_date)) {
                let remarks = timeline.remarks(&list.key, &self.precedence);
                reasons.items.extend(explained(list, &remarks, &self.rules));
            }
            reasons.rooms.push((row.site.clone(), row.room.clone(), self.names.room(row)));
        }
        Ok(reasons)
    }

    /// The scanner session of that id, if there is one.
    pub fn find_scan(&self, session_id: &str) -> anyhow::Result<Option<ScanAudit>> {
        let reader = self.reader();
        for row in reader.rooms()? {
            if room_of(&row).kind.is_theatre_like() {
                continue;
            }
            let Some(rest) = session_id.strip_prefix(&format!("{}.{}.", row.site, row.room)) else { continue };
            let Some(date) = rest.get(..10).and_then(|date| date.parse::<NaiveDate>().ok()) else { continue };
            let as_at = self.counted_to(&row);
            let of = |timeline: RoomTimeline| {
                let sessions = self.scanners.measure(&timeline, &self.precedence, as_at).sessions;
                sessions.into_iter().find(|session| session.id == session_id)
            };
            let found = match of(timeline_around(&reader, &row, date)?) {
                Some(session) => Some(session),
                // A session that was moved by days keeps its first date in its id.
                None => of(whole_timeline(&reader, &row)?),
            };
            if let Some(session) = found {
                let target = self.scanners.target_of(&session).filter(|_| session.figures.target.is_some());
                return Ok(Some(ScanAudit {
                    site_name: self.names.site(&row.site),
                    zone: room_of(&row).zone,
                    as_at,
                    rules: self.scanners.rules.clone(),
                    target_source: target.map(|target| target.source.clone()),
                    room: self.empty_day(&row, vec![session]),
                }));
            }
        }
        Ok(None)
    }

    fn audit_of(&self, row: &RoomRow, timeline: &RoomTimeline, session_id: &str) -> Option<Audit> {
        let place =
            Place { trust: self.names.trust(row), site: self.names.site(&row.site), room: self.names.room(row) };
        audit(timeline, &self.precedence, &self.rules, self.counted_to(row), session_id, place)
    }
}

/// Names of where a list is, for people.
#[derive(Debug, Clone)]
pub struct Place {
    /// Trust.
    pub trust: String,
    /// Site.
    pub site: String,
    /// Room.
    pub room: String,
}

/// One list of a room with all that its figures rest on.
pub fn audit(
    timeline: &RoomTimeline,
    precedence: &Precedence,
    rules: &RuleSet,
    now: UtcMillis,
    session_id: &str,
    place: Place,
) -> Option<Audit> {
    let facts = timeline.facts(precedence);
    let of_room = |rules: &RuleSet| measure_room(timeline.room(), &facts, rules, now, Detail::Audit);
    let under = |rules: &RuleSet| -> Option<SessionResult> {
        of_room(rules).sessions.into_iter().find(|session| session.id == session_id)
    };
    let room = of_room(rules);
    let result = room.sessions.iter().find(|session| session.id == session_id)?.clone();
    let strays = strays(&room, &result, timeline.room().zone);
    let others = RuleSet::NAMES
        .iter()
        .filter(|name| **name != rules.name)
        .filter_map(|name| RuleSet::named(name))
        .filter_map(|rules| under(&rules).map(|result| UnderRules { rules, result }))
        .collect();
    let stamps = result.cases.iter().flat_map(|case| {
        timeline.history(case.id, precedence).stamps.into_iter().map(move |record| Stamp {
            case: case.id,
            milestone: record.milestone,
            at: record.instant(),
            source: format!("{}, agent {}", record.source, record.agent.agent),
            order: record.order,
            captured: record.captured,
            correction: correction(&record.statement),
            superseded: !record.used,
        })
    });
    let plans = timeline.plan_history(&result.key, precedence).records.into_iter().map(|record| PlanRecord {
        in_force: record.plan.start == result.planned_start && record.plan.end == result.planned_end,
        plan: record.plan,
        source: format!("{}, agent {}", record.source, record.agent.agent),
    });
    Some(Audit {
        site_name: place.site,
        trust_name: place.trust,
        room_name: place.room,
        zone: timeline.room().zone,
        as_at: now,
        rules: rules.clone(),
        stamps: stamps.collect(),
        plans: plans.collect(),
        strays,
        remarks: timeline.remarks(&result.key, precedence),
        result,
        others,
    })
}

fn correction(statement: &Statement) -> Option<String> {
    match statement {
        Statement::Reached | Statement::Cancelled { .. } => None,
        Statement::Corrected { author, reason, .. } => {
            let author = author.as_ref().map_or("unnamed", |label| label.as_str());
            Some(match reason {
                Some(reason) => format!("{author}: {reason}"),
                None => author.to_owned(),
            })
        }
    }
}

/// The newest messages in quarantine; so many fill a page.
fn held_messages(reader: &Reader) -> anyhow::Result<Vec<HeldMessage>> {
    const MOST: usize = 50;
    const SHAPE_BYTES: usize = 160;
    let mut held = std::collections::VecDeque::new();
    reader.for_each_quarantined(|row| -> anyhow::Result<()> {
        if held.len() == MOST {
            held.pop_front();
        }
        held.push_back(HeldMessage {
            id: row.id,
            received: row.received,
            agent: format!("{}/{}", row.agent.site, row.agent.agent),
            reason: row.reason,
            length: row.length,
            shape: crate::quarantine::shape(row.bytes.get(..SHAPE_BYTES).unwrap_or(&row.bytes)),
        });
        Ok(())
    })?;
    Ok(held.into_iter().rev().collect())
}

fn conditions(reader: &Reader) -> anyhow::Result<Vec<Condition>> {
    let counts = reader.held()?;
    let held = |count: u64, severity, subject: &str, text: &str, advice: &str| {
        (count > 0).then(|| Condition {
            severity,
            room: None,
            subject: subject.to_owned(),
            standing: format!("{count} held"),
            text: text.to_owned(),
            advice: Some(advice.to_owned()),
        })
    };
    let messages = held(
        counts.quarantined + counts.not_kept,
        Severity::Warning,
        "Messages",
        "In quarantine: unreadable, or under a wrong agent. Nothing is lost.",
        "See `touchtime quarantine list`.",
    );
    let conflicts = held(
        counts.conflicts,
        Severity::Warning,
        "Conflicts",
        "Two different events came under one number; both are kept.",
        "Was an agent's disk cloned? See `touchtime quarantine conflicts`.",
    );
    let gone = (counts.gone > 0).then(|| Condition {
        severity: Severity::Bad,
        room: None,
        subject: "Events".to_owned(),
        standing: format!("{} lost", counts.gone),
        text: "Given up by their agent before they arrived.".to_owned(),
        advice: Some("Check that agent's disk: `touchtime quarantine gaps`.".to_owned()),
    });
    Ok(messages.into_iter().chain(conflicts).chain(gone).collect())
}

/// That nothing can arrive at all, which the rooms alone would show as silence.
fn not_connected(why: &str) -> Condition {
    Condition {
        severity: Severity::Bad,
        room: None,
        subject: "Collector".to_owned(),
        standing: "not connected".to_owned(),
        text: "It has no connection to the broker. Agents keep their events.".to_owned(),
        advice: Some(why.to_owned()),
    }
}

/// Somebody writes on an agent's status topic what is no status.
fn unreadable_status(agent: &AgentAddress, count: u64) -> Condition {
    Condition {
        severity: Severity::Warning,
        room: None,
        subject: format!("Agent {}", agent.agent),
        standing: format!("{count} unreadable"),
        text: "Messages on its status topic are no status; what it says of itself may be missing here.".to_owned(),
        advice: Some("Is it newer than this collector? Who else may write there?".to_owned()),
    }
}

/// What an agent's own word says that its events cannot: losses, refusals, a clock that nobody sets, events that wait.
fn agent_conditions(agent: &AgentAddress, status: &Status) -> Vec<Condition> {
    let condition = |severity, standing: String, text: &str, advice: &str| Condition {
        severity,
        room: None,
        subject: format!("Agent {}", agent.agent),
        standing,
        text: text.to_owned(),
        advice: Some(advice.to_owned()),
    };
    let mut conditions = Vec::new();
    if status.lost > 0 {
        conditions.push(condition(
            Severity::Bad,
            format!("{} lost", status.lost),
            "Its outbox was full or its disk refused; these were counted and not kept.",
            "Check that agent's disk and outbox.",
        ));
    }
    if status.refused > 0 {
        conditions.push(condition(
            Severity::Bad,
            format!("{} refused", status.refused),
            "The broker refuses its messages. They are kept and sent again.",
            "Check the broker's access file.",
        ));
    }
    match status.clock {
        ClockQuality::Unset => conditions.push(condition(
            Severity::Bad,
            "clock not set".to_owned(),
            "No time server has set its clock since it started; its times may be wrong.",
            "Check that machine's time server.",
        )),
        ClockQuality::Holdover => conditions.push(condition(
            Severity::Warning,
            "clock runs free".to_owned(),
            "Its clock has lost its time server and drifts.",
            "Check that machine's time server.",
        )),
        ClockQuality::Synchronised | ClockQuality::External => {}
    }
    if !status.online && status.depth > 0 {
        conditions.push(condition(
            Severity::Warning,
            format!("{} waiting", status.depth),
            "It is offline and holds events that have not arrived. Figures may change when they do.",
            "Check that agent and its network.",
        ));
    }
    conditions
}

impl Source for StoreSource {
    fn now(&self) -> UtcMillis {
        self.clock.now()
    }

    fn rate(&self) -> f64 {
        self.clock.rate()
    }

    fn rules(&self) -> &RuleSet {
        &self.rules
    }

    fn site_day(&self, site: Option<&SiteId>, date: NaiveDate) -> Result<SiteDay, SourceError> {
        match self.day(site, date) {
            Ok(Some(day)) => Ok(day),
            Ok(None) => match site {
                Some(site) => Err(SourceError::UnknownSite(site.clone())),
                None => Err(SourceError::Unavailable("no room has been heard of yet".to_owned())),
            },
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn latest_day(&self) -> Option<NaiveDate> {
        let reader = self.reader();
        let last = reader.last_place().ok()??;
        let zone = reader.rooms().ok()?.first().map(|row| room_of(row).zone)?;
        // A single wrong date far ahead is no day to point to.
        let last = Some(last).filter(|last| last.millis_since(self.clock.now()) <= FAR_AHEAD_MS)?;
        let utc = chrono::DateTime::from_timestamp_millis(last.millis())?;
        Some(utc.with_timezone(&zone).date_naive())
    }

    fn audit(&self, session_id: &str) -> Result<Option<Audit>, SourceError> {
        self.find(session_id).map_err(|error| unavailable(&error))
    }

    fn history(&self) -> Result<Arc<History>, SourceError> {
        let Some(past) = &self.past else {
            return Err(SourceError::Unavailable("no lists of the past are kept here".to_owned()));
        };
        past.now_or_measure().map(|kept| kept.history).map_err(|error| unavailable(&error))
    }

    fn reasons(&self, from: NaiveDate, to: NaiveDate) -> Result<Reasons, SourceError> {
        self.reasons_between(from, to).map_err(|error| unavailable(&error))
    }

    fn held_messages(&self) -> Result<Vec<HeldMessage>, SourceError> {
        held_messages(&self.reader()).map_err(|error| unavailable(&error))
    }

    fn health(&self) -> Result<Health, SourceError> {
        let Some(probe) = &self.probe else { return Ok(Health::default()) };
        probe.health(&self.reader()).map_err(|error| unavailable(&error))
    }

    fn scan_audit(&self, session_id: &str) -> Result<Option<ScanAudit>, SourceError> {
        self.find_scan(session_id).map_err(|error| unavailable(&error))
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

fn unavailable(error: &anyhow::Error) -> SourceError {
    tracing::error!(error = format!("{error:#}"), "the board could not read the store");
    SourceError::Unavailable(format!("{error:#}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_says_of_itself_is_shown_where_somebody_must_act() {
        let agent = AgentAddress {
            trust: room_events::TrustId::new("north").unwrap(),
            site: SiteId::new("main").unwrap(),
            agent: room_events::AgentId::new("th-1").unwrap(),
        };
        let well = Status {
            v: 1,
            online: true,
            at: UtcMillis::saturating(0),
            version: room_events::Label::new("0.1.0").unwrap(),
            stream: None,
            depth: 7,
            oldest: None,
            lost: 0,
            refused: 0,
            clock: ClockQuality::Synchronised,
        };
        let told = |status: Status| {
            let conditions = agent_conditions(&agent, &status);
            conditions.into_iter().map(|c| format!("{}: {}", c.subject, c.standing)).collect::<Vec<_>>()
        };
        assert_eq!(told(well.clone()), [""; 0]);
        assert_eq!(told(Status { lost: 3, ..well.clone() }), ["Agent th-1: 3 lost"]);
        assert_eq!(told(Status { refused: 2, ..well.clone() }), ["Agent th-1: 2 refused"]);
        assert_eq!(told(Status { clock: ClockQuality::Unset, ..well.clone() }), ["Agent th-1: clock not set"]);
        assert_eq!(told(Status { clock: ClockQuality::Holdover, ..well.clone() }), ["Agent th-1: clock runs free"]);
        assert_eq!(told(Status { online: false, ..well.clone() }), ["Agent th-1: 7 waiting"]);
        assert_eq!(told(Status { online: false, depth: 0, ..well }), [""; 0]);
        let unreadable = unreadable_status(&agent, 4);
        assert_eq!((unreadable.subject.as_str(), unreadable.standing.as_str()), ("Agent th-1", "4 unreadable"));
    }

    #[test]
    fn what_the_store_holds_back_is_shown_with_its_count() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = store::Writer::open(dir.path(), delivery::ack::RunId(1)).unwrap();
        let from = AgentAddress {
            trust: room_events::TrustId::new("north").unwrap(),
            site: SiteId::new("main").unwrap(),
            agent: room_events::AgentId::new("th-1").unwrap(),
        };
        let alive = |at: u32| {
            format!(
                r#"{{"v":1,"at":{at},"captured":{at},"mono":0,"clock":"external","source":"s","order":1,"obs":{{"alive":{{}}}}}}"#
            )
        };
        let mut send = |first: u32, event: &str| {
            let payload = format!(
                r#"{{"v":1,"stream":"0000000000000000000000000000beef","first":{first},"floor":{first},"events":[{event}]}}"#
            );
            let _ =
                writer.commit(&[store::Inbound { from: &from, payload: payload.as_bytes() }], UtcMillis::MIN).unwrap();
        };
        send(4, &alive(1));
        send(4, &alive(2));
        send(5, r#"{"v":9}"#);
        send(6, r#"{"v":9}"#);
        let shown = conditions(&Reader::open(dir.path()).unwrap()).unwrap();
        let told: Vec<_> = shown.iter().map(|c| format!("{}: {}", c.subject, c.standing)).collect();
        assert_eq!(told, ["Messages: 2 held", "Conflicts: 1 held", "Events: 3 lost"]);
    }
}
