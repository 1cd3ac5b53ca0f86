//! Serves the pages over known lists, for looking at them: `cargo run -p board --example states [PORT] [HH:MM] [RATE]`.
//!
//! `/` shows the bundled theatre cases of 11 February 2022 as they were known at the given time (13:10), which then
//! passes at RATE times its speed (0: it stands), above made-up scanners. `/?site=states` shows a made-up theatre in every
//! state, `/?site=imaging` the scanners alone. `/phone?/...`
//! shows a page at the size of a telephone.

#[path = "../tests/fixture/mod.rs"]
#[allow(dead_code, reason = "its past is for the tests")]
mod fixture;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use axum::extract::RawQuery;
use axum::response::Html;
use axum::routing::get;
use board::source::{Audit, Change, Condition, ScanAudit, Severity, SiteDay, Source, SourceError};
use chrono::{NaiveDate, NaiveDateTime};
use room_events::{Label, Milestone, SiteId, UtcMillis};
use tokio::sync::broadcast;
use tokio::time::Instant;
use utilisation::facts::{Case, Plan};
use utilisation::rules::RuleSet;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/or_utilisation_2022_jan_feb.csv");

/// The list of each suite.
type Suites = BTreeMap<u8, (Plan, Vec<Case>)>;

struct Bundled {
    rules: RuleSet,
    rooms: Suites,
    begin: UtcMillis,
    begun: Instant,
    rate: f64,
    changes: broadcast::Sender<Change>,
}

fn instant(text: &str) -> Result<UtcMillis, Box<dyn Error>> {
    // London is on UTC in February.
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")?;
    Ok(UtcMillis::new(local.and_utc().timestamp_millis())?)
}

fn load() -> Result<Suites, Box<dyn Error>> {
    let mut rooms = Suites::new();
    for row in csv::Reader::from_path(CASES)?.records() {
        let row = row?;
        let field = |i: usize| row.get(i).unwrap_or_default();
        if field(2) != "2022-02-11" {
            continue;
        }
        let mut case = Case::new(fixture::token(field(1).parse()?));
        let booked = instant(field(8))?;
        case.booked_start = Some(booked);
        case.booked_minutes = Some(field(7).parse()?);
        case.procedure = Label::fitted(field(6));
        let milestones =
            [Milestone::IntoTheatre, Milestone::ProcedureStart, Milestone::ProcedureEnd, Milestone::OutOfTheatre];
        for (i, milestone) in milestones.into_iter().enumerate() {
            case.stamps.set(milestone, Some(instant(field(9 + i))?));
        }
        let end = booked.plus_minutes(field(7).parse()?);
        let (plan, cases) = rooms
            .entry(field(3).parse()?)
            .or_insert_with(|| (Plan { start: booked, end, ..fixture::plan("00:00", "00:01", field(4)) }, Vec::new()));
        plan.start = plan.start.min(booked);
        plan.end = plan.end.max(end);
        cases.push(case);
    }
    Ok(rooms)
}

impl Source for Bundled {
    fn now(&self) -> UtcMillis {
        let passed = self.begun.elapsed().as_secs_f64() * self.rate * 1000.0;
        #[allow(clippy::cast_possible_truncation, reason = "a developer's afternoon")]
        self.begin.plus_millis(passed as i64)
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn rules(&self) -> &RuleSet {
        &self.rules
    }

    fn site_day(&self, site: Option<&SiteId>, date: NaiveDate) -> Result<SiteDay, SourceError> {
        let states = SiteId::new("states").map_err(|error| SourceError::Unavailable(error.to_string()))?;
        let imaging = SiteId::new("imaging").map_err(|error| SourceError::Unavailable(error.to_string()))?;
        let mut day = if site == Some(&states) {
            let mut day = fixture::every_state(fixture::at("13:10"));
            day.site_name = "Every state".to_owned();
            day.conditions.push(Condition {
                severity: Severity::Notice,
                room: None,
                subject: "Messages".to_owned(),
                standing: "3 held".to_owned(),
                text: "In quarantine since 11:52: unknown room code.".to_owned(),
                advice: Some("Nothing is lost.".to_owned()),
            });
            day.site = states;
            day
        } else {
            let now = self.now();
            let rooms = self.rooms.iter().map(|(suite, (plan, cases))| {
                fixture::room(&format!("suite-{suite}"), std::slice::from_ref(plan), cases.clone(), now)
            });
            let scanners = fixture::scanners::every_scanner(now);
            let mut day = fixture::site(rooms.chain(scanners).collect(), now);
            if site == Some(&imaging) {
                day.rooms.retain(|room| !room.kind.is_theatre_like());
                day.site = imaging;
            }
            day
        };
        let sites = [("main", "Main site"), ("states", "Every state"), ("imaging", "Imaging")];
        day.sites = sites.iter().filter_map(|(id, name)| Some((SiteId::new(id).ok()?, (*name).to_owned()))).collect();
        if date != day.date {
            day.rooms.clear();
            day.conditions.clear();
            day.date = date;
        }
        Ok(day)
    }

    fn latest_day(&self) -> Option<NaiveDate> {
        Some(fixture::day())
    }

    fn audit(&self, session_id: &str) -> Result<Option<Audit>, SourceError> {
        let states = SiteId::new("states").ok();
        for day in [self.site_day(None, fixture::day())?, self.site_day(states.as_ref(), fixture::day())?] {
            for room in &day.rooms {
                if let Some(list) = room.lists.iter().find(|list| list.id == session_id) {
                    return Ok(Some(fixture::audit_of(list, &room.name, day.as_at)));
                }
            }
        }
        Ok(None)
    }

    fn scan_audit(&self, session_id: &str) -> Result<Option<ScanAudit>, SourceError> {
        Ok(fixture::scanners::audit_of(&self.site_day(None, fixture::day())?, session_id))
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

async fn phone(RawQuery(query): RawQuery) -> Html<String> {
    let address = query.unwrap_or_else(|| "/".to_owned()).replace('"', "");
    Html(format!(
        "<!doctype html><style>body{{margin:0}}iframe{{border:0;width:390px;height:844px}}</style><iframe src=\"{address}\"></iframe>"
    ))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().as_deref().unwrap_or("8080").parse()?;
    let begin = fixture::at(arguments.next().as_deref().unwrap_or("13:10"));
    let rate: f64 = arguments.next().as_deref().unwrap_or("0").parse()?;
    let source = Bundled {
        rules: RuleSet::default(),
        rooms: load()?,
        begin,
        begun: Instant::now(),
        rate,
        changes: broadcast::channel(16).0,
    };
    let pages = board::router(Arc::new(source)).route("/phone", get(phone));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, pages).await?;
    Ok(())
}
