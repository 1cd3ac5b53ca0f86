//! From a store to measured sessions: the one place where rooms, records, rules and `now` meet.

use anyhow::Context as _;
use chrono::NaiveDate;
use room_events::{RoomId, RoomKind, SiteId, UtcMillis};
use store::{Reader, RoomRow};
use utilisation::facts::Room;
use utilisation::measure::Measure;
use utilisation::quantity::Minutes;
use utilisation::result::{RoomResult, SessionResult};
use utilisation::rules::RuleSet;
use utilisation::scanner::result::{ScannerRoomResult, ScannerSession};
use utilisation::scanner::rules::{Closure, ScannerRules};
use utilisation::scanner::{self};
use utilisation::targets::{Target, Targets};
use utilisation::theatre::{Detail, TypicalHistory, measure_room};
use utilisation::timeline::{Precedence, RoomTimeline};

use crate::output::say;
use crate::two_threads::on_two_threads;

/// Sessions that a day's figures can depend on lie within so many days of it: the longest case (1 day), the longest
/// closing (6 h) and a night shift on either side, with room to spare.
const NEIGHBOUR_DAYS: i64 = 3;

/// A room as the measures need it. Where no configuration says what it is, it is a theatre in Europe/London.
pub fn room_of(row: &RoomRow) -> Room {
    Room {
        trust: row.trust.clone(),
        site: row.site.clone(),
        room: row.room.clone(),
        kind: row.kind.unwrap_or(RoomKind::Theatre),
        zone: row.zone.unwrap_or(chrono_tz::Europe::London),
    }
}

/// All that was ever said about a room.
pub fn whole_timeline(reader: &Reader, row: &RoomRow) -> anyhow::Result<RoomTimeline> {
    let mut timeline = RoomTimeline::new(room_of(row)).inferring(row.occupancy.as_deref().cloned());
    reader.for_each_room_record(row, |record| {
        timeline.insert(record);
    })?;
    if timeline.wants_signs_of_life() {
        timeline.hear(reader.room_alive(row, UtcMillis::MIN, UtcMillis::MAX)?);
    }
    Ok(timeline)
}

/// What was said about a room around a local date.
pub fn timeline_around(reader: &Reader, row: &RoomRow, date: NaiveDate) -> anyhow::Result<RoomTimeline> {
    timeline_of_dates(reader, row, date, date)
}

/// What was said about a room around local dates.
pub fn timeline_of_dates(
    reader: &Reader,
    row: &RoomRow,
    from: NaiveDate,
    to: NaiveDate,
) -> anyhow::Result<RoomTimeline> {
    let noon = |date: NaiveDate| {
        UtcMillis::saturating(date.and_hms_opt(12, 0, 0).unwrap_or_default().and_utc().timestamp_millis())
    };
    let reach = NEIGHBOUR_DAYS * 24 * 60 + 12 * 60;
    timeline_between(reader, row, noon(from).plus_minutes(-reach), noon(to).plus_minutes(reach))
}

/// What was said about a room from one instant to another.
pub fn timeline_between(
    reader: &Reader,
    row: &RoomRow,
    from: UtcMillis,
    to: UtcMillis,
) -> anyhow::Result<RoomTimeline> {
    let mut timeline = RoomTimeline::new(room_of(row)).inferring(row.occupancy.as_deref().cloned());
    reader.for_each_room_record_between(row, from, to, |record| {
        timeline.insert(record);
    })?;
    if timeline.wants_signs_of_life() {
        timeline.hear(reader.room_alive(row, from, to)?);
    }
    Ok(timeline)
}

/// What a report has besides its lists, so that nothing is left out in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remainder {
    /// Cases that started too far from any list to belong to one.
    pub cases: u64,
    /// Their touch, where both ends are known.
    pub touch: Minutes,
    /// Rooms that have cases and no list at all.
    pub rooms_without_list: u64,
}

impl Remainder {
    /// Adds a room's.
    pub fn add(&mut self, result: &RoomResult) {
        self.cases += result.out_of_session.len() as u64;
        self.touch += result
            .out_of_session
            .iter()
            .filter_map(|case| Some(Minutes::between(case.start?, case.end?)))
            .sum::<Minutes>();
        self.rooms_without_list += u64::from(result.sessions.is_empty() && !result.out_of_session.is_empty());
    }

    /// Adds another part's.
    pub fn merge(&mut self, other: Self) {
        self.cases += other.cases;
        self.touch += other.touch;
        self.rooms_without_list += other.rooms_without_list;
    }

    /// Tells it, if there is any.
    pub fn say(&self) {
        if self.cases > 0 {
            say(&format!(
                "{} cases with {:.0} touch minutes belong to no list and are in no figure (they start more than 180 min from every plan; {} rooms have no list at all)",
                self.cases, self.touch, self.rooms_without_list
            ));
        }
    }
}

/// Every theatre session of a store, with the extra cases that would have fitted, and what belongs to none.
pub fn measure_store(
    reader: &Reader,
    precedence: &Precedence,
    rules: &RuleSet,
    now: UtcMillis,
) -> anyhow::Result<(Vec<SessionResult>, Remainder)> {
    let mut history = TypicalHistory::default();
    let mut sessions = Vec::new();
    let mut remainder = Remainder::default();
    on_two_threads(
        [reader.another_mapped()?, reader.another_mapped()?],
        reader.rooms()?,
        |reader, row| {
            let timeline = whole_timeline(reader, &row).with_context(|| format!("room {}", row.room))?;
            if !timeline.room().kind.is_theatre_like() {
                return Ok(None);
            }
            Ok(Some(measure_room(timeline.room(), &timeline.facts(precedence), rules, now, Detail::Figures)))
        },
        |result| {
            let Some(result) = result else { return Ok(()) };
            remainder.add(&result);
            history.record(&result.sessions);
            sessions.extend(result.sessions);
            Ok(())
        },
    )?;
    history.table(rules).fill_extra_cases(&mut sessions);
    Ok((sessions, remainder))
}

/// How scanner rooms are measured: settings, calendar and targets.
#[derive(Debug, Clone)]
pub struct ScannerSettings {
    /// The rule set.
    pub rules: RuleSet,
    /// The scanner measures' settings.
    pub scanner: ScannerRules,
    /// What rates are held against.
    pub targets: Targets,
    /// When rooms are not meant to scan; those without a room are for all rooms of the site, without a site for all.
    pub closures: Vec<RoomClosure>,
    /// Rooms that are mobile units.
    pub mobile: Vec<(SiteId, RoomId)>,
}

/// A closure and the rooms that it is for.
#[derive(Debug, Clone)]
pub struct RoomClosure {
    /// The site; absent: every site.
    pub site: Option<SiteId>,
    /// The room; absent: every scanner room of the site.
    pub room: Option<RoomId>,
    /// When, and why.
    pub closure: Closure,
}

impl ScannerSettings {
    /// Without a configuration: the published targets, and no closures.
    pub fn built_in(rules: RuleSet) -> Self {
        Self {
            rules,
            scanner: ScannerRules::default(),
            targets: Targets::built_in(),
            closures: Vec::new(),
            mobile: Vec::new(),
        }
    }

    /// Measures a scanner room.
    pub fn measure(&self, timeline: &RoomTimeline, precedence: &Precedence, now: UtcMillis) -> ScannerRoomResult {
        let room = timeline.room();
        let is_for = |c: &&RoomClosure| {
            c.site.as_ref().is_none_or(|site| *site == room.site) && c.room.as_ref().is_none_or(|id| *id == room.room)
        };
        let closures: Vec<Closure> = self.closures.iter().filter(is_for).map(|c| c.closure.clone()).collect();
        let under = scanner::Conditions {
            rules: &self.rules,
            scanner: &self.scanner,
            closures: &closures,
            targets: &self.targets,
        };
        scanner::measure_room(room, &timeline.scanner_facts(precedence), under, now)
    }
}

impl ScannerSettings {
    /// The target of a session's rate.
    pub fn target_of(&self, session: &ScannerSession) -> Option<&Target> {
        let measure = Measure::ExamsPerHour;
        self.targets.target_for(session.room_kind, session.kind, measure, session.local_date)
    }
}

/// A measured scanner room.
#[derive(Debug, Clone)]
pub struct MeasuredScanner {
    /// The room.
    pub room: Room,
    /// Its figures.
    pub result: ScannerRoomResult,
}

/// Every scanner room of a store.
pub fn measure_scanners(
    reader: &Reader,
    precedence: &Precedence,
    settings: &ScannerSettings,
    now: UtcMillis,
) -> anyhow::Result<Vec<MeasuredScanner>> {
    let rows = reader.rooms()?.into_iter().filter(|row| !room_of(row).kind.is_theatre_like());
    rows.map(|row| {
        let timeline = whole_timeline(reader, &row).with_context(|| format!("room {}", row.room))?;
        Ok(MeasuredScanner { room: timeline.room().clone(), result: settings.measure(&timeline, precedence, now) })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use delivery::ack::RunId;
    use delivery::batch;
    use room_events::topic::AgentAddress;
    use room_events::wire::{MAX_EVENT_BYTES, encode};
    use room_events::{
        AgentId, Alive, ClockQuality, Event, Level, ListKind, Observation, PlanRevision, Seq, SessionKey, SignalLevel,
        SourceId, StreamId, TrustId,
    };
    use store::{Inbound, RoomOccupancy, Writer};
    use utilisation::occupancy::OccupancyRules;
    use utilisation::result::QualityFlag;

    fn minute(n: i64) -> UtcMillis {
        UtcMillis::saturating(1_644_562_800_000).plus_minutes(n)
    }

    fn signal(name: &str) -> SourceId {
        SourceId::new(name).unwrap()
    }

    fn bytes((order, (at, obs)): (u64, (UtcMillis, Observation))) -> Vec<u8> {
        let event = Event {
            v: 1,
            at,
            captured: at,
            mono: 0,
            clock: ClockQuality::Synchronised,
            source: signal("gpio"),
            order,
            site: None,
            room: Some(RoomId::new("cath-1").unwrap()),
            obs,
        };
        encode(&event, &mut [0; MAX_EVENT_BYTES]).unwrap().to_vec()
    }

    /// A list of 240 min, the table in use from the 10th to the 100th, a sign of life every 10 min.
    fn told() -> Vec<Vec<u8>> {
        let show = |level| Observation::SignalLevel(SignalLevel { signal: signal("table-in-use"), level });
        let plan = Observation::PlanRevision(PlanRevision {
            session: SessionKey::new("morning").unwrap(),
            start: minute(0),
            end: minute(240),
            specialty: None,
            team: None,
            kind: ListKind::Elective,
            room_kind: None,
            cases: None,
            issued: None,
            withdrawn: false,
        });
        let said = [(0, plan), (0, show(Level::Inactive)), (10, show(Level::Active)), (100, show(Level::Inactive))];
        let alive = (0..24).map(|n| (n * 10, Observation::Alive(Alive {})));
        let all = said.into_iter().chain(alive).map(|(at, obs)| (minute(at), obs));
        (1..).zip(all).map(bytes).collect()
    }

    #[test]
    fn a_room_with_sensors_alone_is_measured_from_a_store_as_its_configuration_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path(), RunId(7)).unwrap();
        let (trust, site) = (TrustId::new("demo").unwrap(), SiteId::new("main").unwrap());
        let agent = AgentAddress { trust: trust.clone(), site: site.clone(), agent: AgentId::new("a").unwrap() };
        let mut buffer = vec![0; batch::MAX_BATCH_BYTES];
        let events = told();
        let stream = StreamId(5);
        let payload =
            batch::encode(stream, Seq(1), Seq(1), events.iter().map(Vec::as_slice), &mut buffer).unwrap().to_vec();
        let stored = writer.commit(&[Inbound { from: &agent, payload: &payload }], minute(240)).unwrap();
        assert_eq!(stored.stored, 28);
        let measured = || {
            let reader = Reader::open(folder.path()).unwrap();
            let (sessions, _) =
                measure_store(&reader, &Precedence::default(), &RuleSet::default(), minute(1000)).unwrap();
            sessions.into_iter().map(|one| (one.figures.capped, one.quality)).collect::<Vec<_>>()
        };
        assert_eq!(measured(), [(Minutes::ZERO, Vec::new())]);
        let rules = OccupancyRules::of_signals(signal("table-in-use"), signal("x-ray-on"), signal("door"));
        writer
            .describe_occupancy(&[RoomOccupancy { trust, site, room: RoomId::new("cath-1").unwrap(), rules }])
            .unwrap();
        let [(capped, quality)] = &measured()[..] else { panic!("one list") };
        assert_eq!(*capped, Minutes::whole(90));
        assert!(quality.contains(&QualityFlag::InferredOccupancy), "{quality:?}");
    }
}
