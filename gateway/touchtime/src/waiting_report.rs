//! `touchtime report waiting` and `report reporting`: how long patients wait for a scan, and how soon it is reported.

use std::collections::BTreeMap;

use anyhow::bail;
use chrono::NaiveDate;
use chrono_tz::Tz;
use room_events::{SiteId, TrustId, UtcMillis};
use store::Reader;
use utilisation::rows::Value;
use utilisation::timeline::{ExamWay, Precedence, Record, exam_ways};
use utilisation::waiting::{
    Month, REPORTING_TARGETS, Reporting, ReportingTarget, Unit, WITHIN_SIX_WEEKS, Waiting, reporting, waiting,
};

use crate::Usage;
use crate::cli::{ReportArgs, ReportBy};
use crate::clock::Clock;
use crate::config::GatewayConfig;
use crate::measured::room_of;
use crate::output::{Column, Row, say};
use crate::table_writer::{Content, TableWriter};
use crate::tables;

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// From request to scan.
    Waiting,
    /// From scan to report.
    Reporting,
}

impl By {
    /// Of a report; none for all others.
    pub const fn of(by: ReportBy) -> Option<Self> {
        match by {
            ReportBy::Waiting => Some(Self::Waiting),
            ReportBy::Reporting => Some(Self::Reporting),
            ReportBy::Sessions
            | ReportBy::Rooms
            | ReportBy::Sites
            | ReportBy::Trusts
            | ReportBy::System
            | ReportBy::Specialties
            | ReportBy::Teams
            | ReportBy::Weeks
            | ReportBy::Months
            | ReportBy::SpareCapacity
            | ReportBy::Scanners
            | ReportBy::ScannerSessions
            | ReportBy::ScannerHours
            | ReportBy::ScannerMonths
            | ReportBy::ScannerWeeks
            | ReportBy::ScannerChange
            | ReportBy::ScannerSplits
            | ReportBy::Protocols
            | ReportBy::All => None,
        }
    }
}

/// The header of the waiting rows. Others read the exports by these names and in this order: only append.
pub const WAITING_COLUMNS: &[&str] = &[
    "month",
    "trust",
    "site",
    "room_kind",
    "scanned",
    "within_six_weeks",
    "share_within_six_weeks",
    "target_share",
    "after_thirteen_weeks",
    "without_request",
    "waiting",
    "waiting_six_weeks",
    "waiting_thirteen_weeks",
    "beyond_thirteen_weeks",
];

/// The header of the reporting rows: only append.
pub const REPORTING_COLUMNS: &[&str] = &[
    "month",
    "trust",
    "site",
    "room_kind",
    "urgency",
    "scanned",
    "reported",
    "within",
    "open",
    "share_within",
    "target_days",
    "target_share",
];

const WAITING_TABLE: &[Column] = &[
    column("month", "month"),
    column("site", "site"),
    column("room_kind", "scanner"),
    column("scanned", "scanned"),
    column("share_within_six_weeks", "in 6 weeks"),
    column("target_share", "target"),
    column("after_thirteen_weeks", "13 weeks +"),
    column("waiting", "waiting"),
    column("waiting_six_weeks", "6 weeks +"),
    column("waiting_thirteen_weeks", "13 weeks +"),
    column("without_request", "no request"),
];

const REPORTING_TABLE: &[Column] = &[
    column("month", "month"),
    column("site", "site"),
    column("room_kind", "scanner"),
    column("urgency", "urgency"),
    column("scanned", "scanned"),
    column("reported", "reported"),
    column("open", "open"),
    column("share_within", "in time"),
    column("target_days", "days"),
    column("target_share", "target"),
];

const fn column(name: &'static str, heading: &'static str) -> Column {
    Column { name, heading, upper: None }
}

/// Writes the reports.
pub fn run(arguments: &ReportArgs, reports: &[By], out: &mut TableWriter) -> anyhow::Result<()> {
    let Some(dir) = &arguments.input.store else {
        bail!(Usage("exams are reported from a store: extracts hold theatre cases (give --store DIR)".to_owned()));
    };
    let now = Clock::of_store(dir)?.now();
    let reader = Reader::open(dir)?;
    let targets = targets(arguments)?;
    let zones: BTreeMap<(TrustId, SiteId), Tz> =
        reader.rooms()?.iter().map(|row| ((row.trust.clone(), row.site.clone()), room_of(row).zone)).collect();
    let zone = |trust: &TrustId, site: &SiteId| {
        zones.get(&(trust.clone(), site.clone())).copied().unwrap_or(chrono_tz::Europe::London)
    };
    let mut records: Vec<Record> = Vec::new();
    reader.for_each_exam_record(|record| records.push(record.clone()))?;
    let exams = exam_ways(&records, &Precedence::new(reader.precedence()?));
    if exams.is_empty() {
        say("no order, scan or report of an exam is stored (orders and reports come by HL7: docs/hl7.md)");
    }
    let months: Vec<(String, Month)> = months(&exams, arguments, now);
    for by in reports {
        match by {
            By::Waiting => {
                let units: Vec<_> = months
                    .iter()
                    .flat_map(|(name, month)| {
                        waiting(&exams, *month, zone, now).into_iter().map(move |row| (name, row))
                    })
                    .collect();
                let rows: Vec<Row<'_>> = units.iter().map(|(name, (unit, of))| waiting_row(name, unit, of)).collect();
                let note = "days from request to scan; waiting = at the month's end, or now";
                out.table(Content { table: &tables::WAITS, name: "waiting", rows, shown: WAITING_TABLE, note })?;
            }
            By::Reporting => {
                let units: Vec<_> = months
                    .iter()
                    .flat_map(|(name, month)| {
                        reporting(&exams, *month, &targets, zone, now).into_iter().map(move |row| (name, row))
                    })
                    .collect();
                let rows: Vec<Row<'_>> = units
                    .iter()
                    .map(|(name, ((unit, urgency), of))| {
                        reporting_row(name, unit, urgency.map(|urgency| urgency.name()), of)
                    })
                    .collect();
                let note = "of exams scanned in the month; open = not reported and still in time, in no share";
                out.table(Content { table: &tables::REPORTS, name: "reporting", rows, shown: REPORTING_TABLE, note })?;
            }
        }
    }
    Ok(())
}

/// The site's own targets before the built-in ones.
fn targets(arguments: &ReportArgs) -> anyhow::Result<Vec<ReportingTarget>> {
    let own = match &arguments.config {
        Some(file) => GatewayConfig::load(file)?.reporting_targets(),
        None => Vec::new(),
    };
    Ok(own.into_iter().chain(REPORTING_TARGETS).collect())
}

/// The months from the first request or scan to now, as far as they are asked for.
fn months(exams: &[ExamWay], arguments: &ReportArgs, now: UtcMillis) -> Vec<(String, Month)> {
    let date = |at: UtcMillis| chrono::DateTime::from_timestamp_millis(at.millis()).unwrap_or_default().date_naive();
    let first = exams.iter().flat_map(|exam| [exam.requested, exam.scanned]).flatten().min().map(date);
    let Some(first) = first.max(arguments.from).or(arguments.from) else { return Vec::new() };
    let last: NaiveDate = arguments.to.map_or(date(now), |to| to.min(date(now)));
    let months = std::iter::successors(Some(Month::of(first)), |month| Some(month.next()));
    months
        .take_while(|month| month.first() <= last)
        .map(|month| (month.first().format("%Y-%m").to_string(), month))
        .collect()
}

fn head<'r>(month: &'r str, unit: &'r Unit) -> [Value<'r>; 4] {
    [
        Value::Text(month),
        Value::Text(unit.trust.as_str()),
        Value::Text(unit.site.as_str()),
        unit.modality.map_or(Value::Absent, |kind| Value::Text(kind.name())),
    ]
}

fn waiting_row<'r>(month: &'r str, unit: &'r Unit, of: &Waiting) -> Row<'r> {
    let values = head(month, unit).into_iter().chain([
        Value::Count(of.scanned),
        Value::Count(of.within_six_weeks),
        of.share_within_six_weeks().map_or(Value::Absent, Value::Ratio),
        Value::Share(WITHIN_SIX_WEEKS),
        Value::Count(of.after_thirteen_weeks),
        Value::Count(of.without_request),
        Value::Count(of.waiting),
        Value::Count(of.waiting_six_weeks),
        Value::Count(of.waiting_thirteen_weeks),
        Value::Count(of.beyond_thirteen_weeks()),
    ]);
    WAITING_COLUMNS.iter().copied().zip(values).collect()
}

fn reporting_row<'r>(month: &'r str, unit: &'r Unit, urgency: Option<&'r str>, of: &Reporting) -> Row<'r> {
    let values = head(month, unit).into_iter().chain([
        urgency.map_or(Value::Absent, Value::Text),
        Value::Count(of.scanned),
        Value::Count(of.reported),
        if of.target.is_some() { Value::Count(of.within) } else { Value::Absent },
        if of.target.is_some() { Value::Count(of.open) } else { Value::Absent },
        of.share_within().map_or(Value::Absent, Value::Ratio),
        of.target.map_or(Value::Absent, |target| Value::Count(u64::from(target.days))),
        of.target.map_or(Value::Absent, |target| Value::Share(target.share)),
    ]);
    REPORTING_COLUMNS.iter().copied().zip(values).collect()
}
