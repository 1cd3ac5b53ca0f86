//! `touchtime report scanners`, `scanner-sessions`, `scanner-hours`, `scanner-weeks`, `scanner-months`, `scanner-change`,
//! `scanner-splits` and `protocols`.

use std::path::Path;

use anyhow::bail;
use chrono::NaiveDate;
use chrono_tz::Tz;
use room_events::UtcMillis;
use store::Reader;
use utilisation::rows::{
    scanner_aggregate_row, scanner_change_row, scanner_hour_row, scanner_session_row, scanner_split_row,
    scanner_week_rows, spread_row,
};
use utilisation::rules::RuleSet;
use utilisation::scanner::change::{Week, WeeklyRates, weekly_rates};
use utilisation::scanner::result::{HourResult, ScannerSession};
use utilisation::scanner::splits::splits;
use utilisation::scanner::{self, aggregate, duration_spread};
use utilisation::timeline::Precedence;

use crate::Usage;
use crate::cli::{ReportArgs, ReportBy};
use crate::clock::Clock;
use crate::extract::Dates;
use crate::measured::{MeasuredScanner, ScannerSettings, measure_scanners};
use crate::output::{self, Column, Row};
use crate::scanner_explain;
use crate::table_writer::{Content, TableWriter};
use crate::tables;

/// What one row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A group of sessions.
    Group(scanner::By),
    /// A session.
    Session,
    /// An hour of a room.
    Hour,
    /// A protocol.
    Protocol,
    /// A week of a room.
    Week,
    /// What a change did to a room.
    Change,
    /// A part of a split of exams.
    Split,
}

impl By {
    /// Of a report; none for those of theatres.
    pub fn of(by: ReportBy) -> Option<Self> {
        match by {
            ReportBy::Scanners => Some(Self::Group(scanner::By::Room)),
            ReportBy::ScannerMonths => Some(Self::Group(scanner::By::RoomMonth)),
            ReportBy::ScannerSessions => Some(Self::Session),
            ReportBy::ScannerHours => Some(Self::Hour),
            ReportBy::Protocols => Some(Self::Protocol),
            ReportBy::ScannerSplits => Some(Self::Split),
            ReportBy::ScannerWeeks => Some(Self::Week),
            ReportBy::ScannerChange => Some(Self::Change),
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
            | ReportBy::Waiting
            | ReportBy::Reporting
            | ReportBy::All => None,
        }
    }
}

/// Writes reports of scanner rooms.
pub fn run(arguments: &ReportArgs, reports: &[ReportBy], rules: RuleSet, out: &mut TableWriter) -> anyhow::Result<()> {
    let Some(dir) = &arguments.input.store else {
        bail!(Usage("scanners are reported from a store: extracts hold theatre cases (give --store DIR)".to_owned()));
    };
    let now = Clock::of_store(dir)?.now();
    let change = change_date(arguments)?;
    let reader = Reader::open(dir)?;
    let settings = scanner_explain::settings(arguments.config.as_deref(), rules)?;
    let precedence = Precedence::new(reader.precedence()?);
    let mut rooms = measure_scanners(&reader, &precedence, &settings, now)?;
    say_strays(&rooms);
    let dates = Dates { from: arguments.from, to: arguments.to };
    for room in &mut rooms {
        let zone = room.room.zone;
        room.result.sessions.retain(|session| dates.include(session.local_date));
        room.result.hours.retain(|hour| dates.include(local_date(hour.hour, zone)));
    }
    say_why_empty(&rooms, dir);
    let sessions: Vec<ScannerSession> = rooms.iter().flat_map(|room| room.result.sessions.iter().cloned()).collect();
    // Where sites lie in several zones, a week is over when it is so in all of them.
    let todays = rooms.iter().map(|room| local_date(now, room.room.zone));
    let today = todays.min().unwrap_or_else(|| local_date(now, chrono_tz::UTC));
    if let Some(on) = change.filter(|on| *on > today) {
        bail!(Usage(format!("--on {on} is still to come: there is nothing after it (give a date up to {today})")));
    }
    for report in reports {
        match By::of(*report) {
            Some(by @ (By::Week | By::Change)) => {
                write_weeks(report.name(), by, &weekly_rates(&sessions, change, today), change, out)?;
            }
            Some(by) => write(report.name(), by, &rooms, &sessions, &settings, out)?,
            None => {}
        }
    }
    Ok(())
}

fn local_date(at: UtcMillis, zone: Tz) -> NaiveDate {
    chrono::DateTime::from_timestamp_millis(at.millis()).unwrap_or_default().with_timezone(&zone).date_naive()
}

/// A change needs a date; weeks may have one.
fn change_date(arguments: &ReportArgs) -> anyhow::Result<Option<NaiveDate>> {
    if arguments.by == ReportBy::ScannerChange && arguments.on.is_none() {
        bail!(Usage(
            "scanner-change compares before with after: give the first date after the change (--on DATE)".to_owned()
        ));
    }
    Ok(arguments.on)
}

fn write_weeks(
    name: &'static str,
    by: By,
    units: &[WeeklyRates],
    change: Option<NaiveDate>,
    out: &mut TableWriter,
) -> anyhow::Result<()> {
    let names: Vec<Vec<String>> = units.iter().map(|unit| unit.weeks.iter().map(Week::name).collect()).collect();
    match (by, change) {
        (By::Change, Some(on)) => {
            let rows: Vec<Row<'_>> = units.iter().map(|unit| scanner_change_row(unit, on)).collect();
            let shown = with_trust(units.iter().map(|unit| &unit.trust), CHANGE_TABLE);
            out.table(Content { table: &tables::SCANNER_CHANGES, name, rows, shown: &shown, note: CHANGE_NOTE })?;
        }
        _ => {
            let rows: Vec<Row<'_>> =
                units.iter().zip(&names).flat_map(|(unit, names)| scanner_week_rows(unit, names)).collect();
            let shown = with_trust(units.iter().map(|unit| &unit.trust), WEEK_TABLE);
            out.table(Content { table: &tables::SCANNER_WEEKS, name, rows, shown: &shown, note: WEEK_NOTE })?;
        }
    }
    Ok(())
}

/// A report without rows says what to do about it.
fn say_why_empty(rooms: &[MeasuredScanner], dir: &Path) {
    if rooms.is_empty() {
        output::say(&format!(
            "{} has no scanner room (a room is one when its plan says so, or when [[rooms]] in gateway.toml lists it with kind `mri`, `ct`, `nous` or `echo` and the collector has started since)",
            dir.display()
        ));
    } else if rooms.iter().all(|room| room.result.sessions.is_empty()) {
        output::say(&format!(
            "none of {} scanner rooms has a session on these dates (rates need planned sessions: `touchtime import plans` reads them from a file, see docs/scanners.md; or are they on other dates than --from and --to?)",
            rooms.len()
        ));
    }
}

/// Steps that belong to no session are in no figure, which must not go unsaid.
fn say_strays(rooms: &[MeasuredScanner]) {
    let strays: usize = rooms.iter().map(|room| room.result.out_of_session.len()).sum();
    if strays > 0 {
        output::say(&format!(
            "{strays} performed steps belong to no session and are in no session's figure (they start more than 180 min from every plan; `report scanner-hours` counts them)"
        ));
    }
}

fn write(
    name: &'static str,
    by: By,
    rooms: &[MeasuredScanner],
    sessions: &[ScannerSession],
    settings: &ScannerSettings,
    out: &mut TableWriter,
) -> anyhow::Result<()> {
    let note = format!(
        "{} scanner sessions; rule set {}; exams = accessions completed (or ended by their last image) inside the plan; no rate where less than {:.0} % of the operational time was observed; neither a DIDS nor a DM01 count{}",
        sessions.len(),
        settings.rules.name,
        settings.scanner.least_observed * 100.0,
        if settings.scanner.by_site { "; each site counts by itself" } else { "" },
    );
    let mut write = |table, rows, shown| out.table(Content { table, name, rows, shown, note: &note });
    match by {
        By::Group(group) => {
            let groups = aggregate(sessions, group);
            let rows: Vec<Row<'_>> = groups.iter().map(scanner_aggregate_row).collect();
            let mut shown = with_trust(groups.iter().map(|group| &group.trust), GROUP_TABLE);
            shown.retain(|column| column.name != "month" || group != scanner::By::Room);
            write(&tables::SCANNER_GROUPS, rows, &shown)?;
        }
        By::Session => {
            let reasons: Vec<String> = sessions.iter().map(|session| session.figures.reasons()).collect();
            let rows: Vec<Row<'_>> =
                sessions.iter().zip(&reasons).map(|(s, why)| scanner_session_row(s, why)).collect();
            write(&tables::SCANNER_SESSIONS, rows, SESSION_TABLE)?;
        }
        By::Hour => {
            let hours = |room: &'_ MeasuredScanner| -> Vec<HourResult> { room.result.hours.clone() };
            let rows: Vec<Row<'_>> = rooms
                .iter()
                .flat_map(|room| hours(room).into_iter().map(|hour| scanner_hour_row(&room.room, &hour)))
                .collect();
            write(&tables::SCANNER_HOURS, rows, HOUR_TABLE)?;
        }
        By::Split => {
            let parts = splits(sessions, &|site, room| settings.mobile.iter().any(|(s, r)| s == site && r == room));
            let rows: Vec<Row<'_>> = parts.iter().map(scanner_split_row).collect();
            write(&tables::SCANNER_SPLITS, rows, &with_trust(parts.iter().map(|part| &part.trust), SPLIT_TABLE))?;
        }
        // Written before: they need the date of the change.
        By::Week | By::Change => {}
        By::Protocol => {
            let spreads = duration_spread(sessions, settings.scanner.spread_min_n);
            let rows: Vec<Row<'_>> = spreads.iter().map(spread_row).collect();
            write(&tables::PROTOCOLS, rows, &with_trust(spreads.iter().map(|spread| &spread.trust), SPREAD_TABLE))?;
        }
    }
    Ok(())
}

/// The columns of a table, and before them the trust where the rows are of several.
fn with_trust<T: PartialEq>(trusts: impl Iterator<Item = T>, columns: &[Column]) -> Vec<Column> {
    let trusts: Vec<T> = trusts.collect();
    let several = trusts.windows(2).any(|two| matches!(two, [a, b] if a != b));
    several.then_some(column("trust", "trust")).into_iter().chain(columns.iter().copied()).collect()
}

const fn column(name: &'static str, heading: &'static str) -> Column {
    Column { name, heading, upper: None }
}

const GROUP_TABLE: &[Column] = &[
    column("month", "month"),
    column("site", "site"),
    column("room", "room"),
    column("room_kind", "kind"),
    column("sessions", "sessions"),
    column("exams_completed", "exams"),
    column("exams_inferred", "inferred"),
    column("exams_per_hour", "per hour"),
    column("target_per_hour", "target"),
    column("scans_short_of_target", "short"),
    column("attendances_per_hour", "attend./h"),
    column("occupied_utilisation", "occupied"),
    column("productive_utilisation", "productive"),
    column("changeover_mean_min", "changeover"),
    column("first_scan_delay_mean_min", "first scan"),
    column("discontinued", "discont."),
    column("did_not_attend_rate", "DNA"),
    column("observed_share", "observed"),
];

const SESSION_TABLE: &[Column] = &[
    column("session_id", "session"),
    column("operational_min", "operational"),
    column("exams_completed", "exams"),
    column("exams_inferred", "inferred"),
    column("exams_provisional", "open"),
    column("out_of_hours_exams", "outside"),
    column("exams_per_hour", "per hour"),
    column("target_per_hour", "target"),
    column("scans_short_of_target", "short"),
    column("occupied_utilisation", "occupied"),
    column("productive_utilisation", "productive"),
    column("changeover_mean_min", "changeover"),
    column("first_scan_delay_min", "first scan"),
    column("discontinued", "discont."),
    column("observed_share", "observed"),
    column("state", "state"),
];

const HOUR_TABLE: &[Column] = &[
    column("hour", "hour (UTC)"),
    column("site", "site"),
    column("room", "room"),
    column("exams_completed", "exams"),
    column("exams_inferred", "inferred"),
    column("exams_discontinued", "discont."),
    column("revised", "revised"),
];

const SPREAD_TABLE: &[Column] = &[
    column("protocol", "protocol"),
    column("steps", "steps"),
    column("mean_min", "mean min"),
    column("duration_spread", "spread (SD/mean)"),
];

const WEEK_NOTE: &str = "weeks from Monday, exams per observed operational hour; limits: XmR (mean and 2.66 mean moving ranges), new from --on; a week that is not over has no mark";

const WEEK_TABLE: &[Column] = &[
    column("week", "week"),
    column("site", "site"),
    column("room", "room"),
    column("room_kind", "kind"),
    column("exams", "exams"),
    column("exams_per_hour", "per hour"),
    column("lower_limit", "lower"),
    column("centre", "centre"),
    column("upper_limit", "upper"),
    column("trial_limits", "trial"),
    column("special_cause", "special cause"),
    column("verdict", "verdict"),
    column("target_per_hour", "target"),
];

const CHANGE_NOTE: &str = "a year = exams per hour after less before x operational hours of a machine in 365 days at the hours of after; limits: XmR of the weeks of each side; finding: what the weeks after are under the limits of before (could_be_chance: no special cause); under 12 weeks limits are on trial";

const CHANGE_TABLE: &[Column] = &[
    column("site", "site"),
    column("room", "room"),
    column("room_kind", "kind"),
    column("machines", "machines"),
    column("weeks_before", "weeks"),
    column("exams_per_hour_before", "before"),
    column("lower_limit_before", "lower"),
    column("upper_limit_before", "upper"),
    column("weeks_after", "weeks"),
    column("exams_per_hour_after", "after"),
    column("lower_limit_after", "lower"),
    column("upper_limit_after", "upper"),
    column("change_per_hour", "change/h"),
    column("operational_hours_per_machine_year", "hours/year"),
    column("extra_exams_per_machine_year", "extra/year"),
    column("finding", "finding"),
];

const SPLIT_TABLE: &[Column] = &[
    column("site", "site"),
    column("room_kind", "kind"),
    column("split", "split"),
    column("part", "part"),
    column("exams", "exams"),
    column("share", "share"),
    column("exams_per_hour", "per hour"),
    column("out_of_hours_exams", "outside"),
    column("discontinued", "discont."),
];
