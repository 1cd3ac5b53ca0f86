//! Extracts without a store: read with two threads, measured room by room, or turned into records for `explain`.
//!
//! The ways from here are those of the live system: the same reader, the same facts, the same measures. What is missing
//! is only the journey; so a report of an extract equals the report of a store that received it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use case_extract::{Extract, Joined, LocalTokens, Mapping, Reader};
use chrono::NaiveDate;
use room_events::event::order_of_line;
use room_events::topic::AgentAddress;
use room_events::{
    AgentId, ClockQuality, Event, EventId, Observation, RoomId, RoomKind, Seq, SiteId, SourceId, StreamId, TrustId,
    UtcMillis,
};
use utilisation::facts::{Cancelled, Case, Plan, Room, RoomFacts, SessionPlan};
use utilisation::result::{RoomResult, SessionResult};
use utilisation::rows::{RowsAside, SESSION_COLUMNS, write_csv_header, write_csv_row};
use utilisation::rules::RuleSet;
use utilisation::theatre::{Detail, TypicalHistory, TypicalTable, measure_room};
use utilisation::timeline::{Record, RoomTimeline};

use crate::clock::wall_now;
use crate::measured::Remainder;
use crate::output::say;
use crate::two_threads::on_two_threads;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// An extract does not say whose it is.
const TRUST: &str = "local";
/// Bad rows are told one by one up to this many.
const ERRORS_SHOWN: usize = 20;

/// A span of local dates, open where nothing is given.
#[derive(Debug, Clone, Copy)]
pub struct Dates {
    /// First.
    pub from: Option<NaiveDate>,
    /// Last.
    pub to: Option<NaiveDate>,
}

impl Dates {
    /// Whether the date is in the span.
    pub fn include(&self, date: NaiveDate) -> bool {
        self.from.is_none_or(|from| date >= from) && self.to.is_none_or(|to| date <= to)
    }
}

/// The files of an extract.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// Cases.
    pub cases: &'a Path,
    /// How to read them.
    pub mapping: &'a Path,
    /// Planned sessions, where the mapping says that they come in a file of their own.
    pub plan: Option<&'a Path>,
}

/// An extract and its mapping.
#[derive(Debug)]
pub struct Loaded {
    mapping: Mapping,
    extract: Extract,
}

/// Reads an extract; bad rows are told on standard error and left out.
pub fn load(files: Files<'_>) -> anyhow::Result<Loaded> {
    let mapping = read_mapping(files.mapping)?;
    let mut extract = read_halves(&mapping, files.cases, &local_tokens()?)?;
    let name = files.mapping.display();
    match (mapping.wants_plan_file(), files.plan) {
        (true, Some(plan)) => extract.add_plan(read_plan(&mapping, plan)?),
        (true, None) => {
            bail!(crate::Usage(format!("{name}: its planned sessions are in a plan file (give it by --plan FILE)")))
        }
        (false, Some(_)) => bail!(crate::Usage(format!(
            "--plan: {name} does not say how to read a plan file (sessions.from = \"plan-file\")"
        ))),
        (false, None) => {}
    }
    tell_errors(&extract);
    Ok(Loaded { mapping, extract })
}

fn read_mapping(file: &Path) -> anyhow::Result<Mapping> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    Ok(Mapping::parse(&name, &text)?)
}

fn local_tokens() -> anyhow::Result<LocalTokens> {
    let key = crate::random::bits_128()?.to_ne_bytes();
    let (low, high) = key.split_at(8);
    let number = |half: &[u8]| half.iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    Ok(LocalTokens::new([number(low), number(high)]))
}

fn tell_errors(extract: &Extract) {
    let errors = extract.errors();
    for error in errors.iter().take(ERRORS_SHOWN) {
        say(&error.to_string());
    }
    if !errors.is_empty() {
        say(&extract.summary().to_string());
    }
}

fn read_plan(mapping: &Mapping, file: &Path) -> anyhow::Result<Extract> {
    let name = file.display().to_string();
    let opened = File::open(file).with_context(|| format!("{name} cannot be read"))?;
    let end = opened.metadata().with_context(|| format!("{name} cannot be read"))?.len();
    let mut reader = Reader::plan(mapping, &name).context("the mapping has a plan file")?;
    push(&mut reader, &opened, 0, end)?;
    Ok(reader.finish()?)
}

/// Two halves of the file by two threads; where the second begins inside a quoted cell, it is read again by the first.
fn read_halves(mapping: &Mapping, file: &Path, tokens: &LocalTokens) -> anyhow::Result<Extract> {
    let name = file.display().to_string();
    let opened = File::open(file).with_context(|| format!("{name} cannot be read"))?;
    let end = opened.metadata().with_context(|| format!("{name} cannot be read"))?.len();
    let mut first = Reader::cases(mapping, &name, tokens);
    let begun = end.min(CHUNK as u64);
    push(&mut first, &opened, 0, begun)?;
    let half = begun + (end - begun) / 2;
    let Some(mut second) = (if half > begun { first.second() } else { None }) else {
        push(&mut first, &opened, begun, end)?;
        return Ok(first.finish()?);
    };
    let (first_read, second_read) = std::thread::scope(|threads| {
        let later = threads.spawn(|| push(&mut second, &opened, half, end));
        (push(&mut first, &opened, begun, half), later.join())
    });
    first_read?;
    // What is wrong with the second half is told by `join`, which knows its line.
    match second_read {
        Ok(_) => {}
        Err(_) => bail!("reading {name} failed; this is a fault of Touchtime"),
    }
    match first.join(second)? {
        Joined::Whole(reader) => Ok(reader.finish()?),
        Joined::Reread(mut reader) => {
            push(&mut reader, &opened, half, end)?;
            Ok(reader.finish()?)
        }
    }
}

fn push(reader: &mut Reader<'_>, file: &File, from: u64, to: u64) -> anyhow::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut at = from;
    while at < to {
        let wanted = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
        let Some(space) = buffer.get_mut(..wanted) else { break };
        let got = file.read_at(space, at)?;
        if got == 0 {
            break;
        }
        reader.push(&space[..got])?;
        at += got as u64;
    }
    Ok(())
}

impl Loaded {
    fn room(&self, room: &case_extract::Room<'_>) -> anyhow::Result<Room> {
        Ok(Room {
            trust: TrustId::new(TRUST)?,
            site: room.site().clone(),
            room: room.room().clone(),
            kind: room.kind().or(self.mapping.room_kind()).unwrap_or(RoomKind::Theatre),
            zone: self.mapping.zone(),
        })
    }

    /// Says so when cases have more than one row, of which the later one counts: right for corrections, wrong where each
    /// procedure of a case has a row.
    fn tell_several_rows(&self, cases: u64) {
        let more = self.extract.case_rows().saturating_sub(cases);
        if more > 0 {
            say(&format!(
                "{more} rows repeat a case of their room: of each stamp the later row counts (if the rows are procedures of one case, give each an id of its own)"
            ));
        }
    }

    /// The sessions of a theatre-like room; none of any other.
    fn measure(
        &self,
        room: &case_extract::Room<'_>,
        facts: &mut RoomFacts,
        names: CaseNames,
        rules: &RuleSet,
        now: UtcMillis,
    ) -> anyhow::Result<RoomResult> {
        let place = self.room(room)?;
        if !place.kind.is_theatre_like() {
            return Ok(RoomResult { sessions: Vec::new(), out_of_session: Vec::new() });
        }
        fill_facts(facts, room, names);
        Ok(measure_room(&place, facts, rules, now, Detail::Figures))
    }
}

/// Whether each case carries the names of its specialty and procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseNames {
    /// Figures need none, and a region's year is millions of cases.
    LeftOut,
    /// Forecasts go by them.
    Kept,
}

/// One room's cases and plans as the figures take them. `facts` is refilled, so that thousands of rooms share one
/// allocation.
fn fill_facts(facts: &mut RoomFacts, room: &case_extract::Room<'_>, names: CaseNames) {
    facts.cases.clear();
    facts.sessions.clear();
    let cases = &mut facts.cases;
    let planned = room.visit(|case| {
        cases.push(Case::new(case.token));
        let Some(of) = cases.last_mut() else { return };
        for (milestone, at) in case.stamps() {
            if milestone != room_events::Milestone::Abandoned {
                of.stamps.set(milestone, Some(at));
            }
        }
        of.booked_start = case.booked_start;
        of.booked_minutes = case.booked_minutes;
        of.session.clone_from(&case.session);
        if names == CaseNames::Kept {
            of.specialty = case.specialty.cloned();
            of.procedure = case.procedure.cloned();
        }
        of.admission = case.admission;
        of.class = case.class;
        of.abandoned = case.abandoned_at();
        of.cancelled = case.cancelled_at().map(|at| Cancelled { at, class: case.cancelled_class, reason: None });
    });
    for session in planned {
        let plan = Plan {
            start: session.start,
            end: session.end,
            specialty: session.specialty,
            team: session.team,
            kind: session.kind,
            cases: session.cases,
            issued: session.issued,
            withdrawn: session.withdrawn,
        };
        match facts.sessions.last_mut().filter(|last| last.key == session.key) {
            Some(last) => last.revisions.push(plan),
            None => facts.sessions.push(SessionPlan { key: session.key, revisions: vec![plan] }),
        }
    }
}

/// Every session of an extract.
pub fn measure(files: Files<'_>, names: CaseNames, rules: &RuleSet) -> anyhow::Result<(Vec<SessionResult>, Remainder)> {
    let loaded = load(files)?;
    let now = wall_now();
    let mut history = TypicalHistory::default();
    let mut sessions = Vec::new();
    let mut remainder = Remainder::default();
    let mut cases = 0;
    let mut facts = RoomFacts::default();
    for room in loaded.extract.rooms() {
        let of_room = loaded.measure(&room, &mut facts, names, rules, now)?;
        remainder.add(&of_room);
        cases += facts.cases.len() as u64;
        history.record(&of_room.sessions);
        sessions.extend(of_room.sessions);
    }
    loaded.tell_several_rows(cases);
    history.table(rules).fill_extra_cases(&mut sessions);
    Ok((sessions, remainder))
}

/// The session rows of an extract, written room by room: what is kept is the extract, never all results.
pub fn write_session_csv(files: Files<'_>, rules: &RuleSet, dates: Dates, out: &mut dyn Write) -> anyhow::Result<()> {
    let loaded = load(files)?;
    let now = wall_now();
    let rooms: Vec<case_extract::Room<'_>> = loaded.extract.rooms().collect();
    let (mut history, mut remainder, mut cases) = (TypicalHistory::default(), Remainder::default(), 0);
    // What is typical depends on all rooms, so no row is written before the last room is measured.
    let mut measured: Vec<RowsAside> = Vec::new();
    on_two_threads(
        [(), ()],
        rooms.chunks(ROOMS_AT_ONCE),
        |(), rooms| {
            let (mut history, mut remainder, mut cases) = (TypicalHistory::default(), Remainder::default(), 0);
            let mut facts = RoomFacts::default();
            let mut rows = RowsAside::default();
            for room in rooms {
                let result = loaded.measure(room, &mut facts, CaseNames::LeftOut, rules, now)?;
                remainder.add(&result);
                cases += facts.cases.len() as u64;
                history.record(&result.sessions);
                let included = result.sessions.iter().filter(|session| dates.include(session.local_date));
                included.for_each(|session| rows.put(session));
            }
            Ok((history, remainder, cases, rows))
        },
        |(part, left, seen, rows)| {
            history.merge(part);
            remainder.merge(left);
            cases += seen;
            measured.push(rows);
            Ok(())
        },
    )?;
    drop(rooms);
    remainder.say();
    loaded.tell_several_rows(cases);
    drop(loaded);
    let mut typical = TypicalTable::default();
    on_two_threads(
        [(), ()],
        history.into_parts(),
        |(), part| Ok(part.table(rules)),
        |table| {
            typical.merge(table);
            Ok(())
        },
    )?;
    let mut header = Vec::new();
    write_csv_header(&SESSION_COLUMNS, &mut header);
    out.write_all(&header)?;
    on_two_threads(
        [(), ()],
        measured,
        |(), rows| {
            let mut buffer = Vec::new();
            rows.each(|session| {
                typical.fill_extra_cases(core::slice::from_mut(session));
                write_csv_row(session, &mut buffer);
            });
            Ok(buffer)
        },
        |rows: Vec<u8>| Ok(out.write_all(&rows)?),
    )
}

/// Rooms that are worked through at once.
const ROOMS_AT_ONCE: usize = 64;

/// Every room's records, as if an agent had sent them.
pub fn timelines(files: Files<'_>, now: UtcMillis) -> anyhow::Result<Vec<RoomTimeline>> {
    let loaded = load(files)?;
    let mut timelines = loaded
        .extract
        .rooms()
        .map(|room| loaded.room(&room).map(RoomTimeline::new))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for (n, reported) in (1..).zip(loaded.extract.observations()) {
        let agent =
            AgentAddress { trust: TrustId::new(TRUST)?, site: reported.site.clone(), agent: AgentId::new("extract")? };
        let record = Record { id: EventId { stream: StreamId(0), seq: Seq(n) }, agent, event: event(reported, now)? };
        for timeline in &mut timelines {
            timeline.insert(&record);
        }
    }
    Ok(timelines)
}

fn event(reported: case_extract::Reported, now: UtcMillis) -> anyhow::Result<Event> {
    Ok(Event {
        v: room_events::event::EVENT_VERSION,
        at: reported.at,
        captured: now,
        mono: 0,
        clock: ClockQuality::External,
        source: SourceId::new("extract")?,
        order: order_of_line(now, reported.order),
        site: Some(reported.site),
        room: Some(reported.room),
        obs: reported.obs,
    })
}

/// The planned sessions of a file as events, for `import plans`. The file is the plan file where the mapping knows one,
/// else an extract with planned sessions. A later import is a later word.
pub fn plan_events(file: &Path, mapping: &Path, now: UtcMillis) -> anyhow::Result<Vec<Event>> {
    let mapping = read_mapping(mapping)?;
    let extract = if mapping.wants_plan_file() {
        read_plan(&mapping, file)?
    } else {
        read_halves(&mapping, file, &local_tokens()?)?
    };
    tell_errors(&extract);
    extract
        .observations()
        .filter(|reported| matches!(reported.obs, Observation::PlanRevision(_)))
        .map(|reported| event(reported, now))
        .collect()
}

/// What a demo needs to know of its extract.
#[derive(Debug)]
pub struct Played {
    /// Cases.
    pub cases: u64,
    /// Planned sessions.
    pub sessions: u64,
    /// Sites.
    pub sites: Vec<SiteId>,
    /// Rooms.
    pub rooms: Vec<(SiteId, RoomId, RoomKind)>,
    /// The zone of all sites.
    pub zone: chrono_tz::Tz,
    /// Stretches in which something happens or is planned, in order, with half an hour on each side.
    pub hours: Vec<(UtcMillis, UtcMillis)>,
}

/// Looks through an extract before it is played.
pub fn played(files: Files<'_>) -> anyhow::Result<Played> {
    let loaded = load(files)?;
    let summary = loaded.extract.summary();
    let mut spans: Vec<(UtcMillis, UtcMillis)> = Vec::new();
    let (mut sites, mut rooms) = (Vec::new(), Vec::new());
    for room in loaded.extract.rooms() {
        let place = loaded.room(&room)?;
        if !sites.contains(&place.site) {
            sites.push(place.site.clone());
        }
        let planned = room.visit(|case| {
            let stamps = || case.stamps().map(|(_, at)| at);
            if let (Some(from), Some(to)) = (stamps().min(), stamps().max()) {
                // A wrong date in one stamp must not make a day of a month.
                spans.push((from, to.min(from.plus_minutes(24 * 60))));
            }
        });
        spans.extend(planned.iter().map(|session| (session.start, session.end.max(session.start))));
        rooms.push((place.site, place.room, place.kind));
    }
    let mut played = Played {
        cases: summary.cases,
        sessions: summary.sessions,
        sites,
        rooms,
        zone: loaded.mapping.zone(),
        hours: Vec::new(),
    };
    played.add_hours(spans);
    Ok(played)
}

impl Played {
    /// Adds stretches in which something happens.
    pub fn add_hours(&mut self, spans: impl IntoIterator<Item = (UtcMillis, UtcMillis)>) {
        const MARGIN_MINUTES: i64 = 30;
        let with_margin =
            |(from, to): (UtcMillis, UtcMillis)| (from.plus_minutes(-MARGIN_MINUTES), to.plus_minutes(MARGIN_MINUTES));
        self.hours.extend(spans.into_iter().map(with_margin));
        self.hours.sort_unstable();
        self.hours.dedup_by(|next, before| {
            let joins = next.0 <= before.1;
            if joins {
                before.1 = before.1.max(next.1);
            }
            joins
        });
    }
}

/// Local 00:00 of a date, or the first instant of it.
pub fn start_of_day(date: NaiveDate, zone: chrono_tz::Tz) -> UtcMillis {
    use chrono::TimeZone as _;
    let midnight = date.and_hms_opt(0, 0, 0).unwrap_or_default();
    let local =
        (0..=3).find_map(|hour| zone.from_local_datetime(&(midnight + chrono::Duration::hours(hour))).earliest());
    UtcMillis::saturating(local.map_or_else(|| midnight.and_utc().timestamp_millis(), |at| at.timestamp_millis()))
}
