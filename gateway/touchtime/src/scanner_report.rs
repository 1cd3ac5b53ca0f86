//! `touchtime report scanners`, `scanner-sessions`, `scanner-hours`, `scanner-months` and `protocols`.

use std::io::Write;

use anyhow::bail;
use store::Reader;
use utilisation::rows::{
    SCANNER_AGGREGATE_COLUMNS, SCANNER_HOUR_COLUMNS, SCANNER_SESSION_COLUMNS, SPREAD_COLUMNS, scanner_aggregate_row,
    scanner_hour_row, scanner_session_row, spread_row,
};
use utilisation::rules::RuleSet;
use utilisation::scanner::result::{HourResult, ScannerSession};
use utilisation::scanner::{self, aggregate, duration_spread};
use utilisation::timeline::Precedence;

use crate::Usage;
use crate::cli::{ReportArgs, ReportBy};
use crate::clock::wall_now;
use crate::extract::Dates;
use crate::measured::{MeasuredScanner, ScannerSettings, measure_scanners};
use crate::output::{self, Column, Ink, Row, write_rows};
use crate::scanner_explain;

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
            ReportBy::Sessions
            | ReportBy::Rooms
            | ReportBy::Sites
            | ReportBy::Trusts
            | ReportBy::System
            | ReportBy::Specialties
            | ReportBy::Teams
            | ReportBy::Weeks
            | ReportBy::Months => None,
        }
    }
}

/// Writes a report of scanner rooms.
pub fn run(arguments: &ReportArgs, by: By, rules: RuleSet, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(dir) = &arguments.input.store else {
        bail!(Usage("scanners are reported from a store: extracts hold theatre cases (give --store DIR)".to_owned()));
    };
    let reader = Reader::open(dir)?;
    let settings = scanner_explain::settings(arguments.config.as_deref(), rules)?;
    let precedence = Precedence::new(reader.precedence()?);
    let mut rooms = measure_scanners(&reader, &precedence, &settings, wall_now())?;
    say_strays(&rooms);
    let dates = Dates { from: arguments.from, to: arguments.to };
    for room in &mut rooms {
        let zone = room.room.zone;
        room.result.sessions.retain(|session| dates.include(session.local_date));
        room.result.hours.retain(|hour| {
            let at = chrono::DateTime::from_timestamp_millis(hour.hour.millis()).unwrap_or_default();
            dates.include(at.with_timezone(&zone).date_naive())
        });
    }
    let sessions: Vec<ScannerSession> = rooms.iter().flat_map(|room| room.result.sessions.iter().cloned()).collect();
    write(arguments, by, &rooms, &sessions, &settings, out)
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
    arguments: &ReportArgs,
    by: By,
    rooms: &[MeasuredScanner],
    sessions: &[ScannerSession],
    settings: &ScannerSettings,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let ink = if arguments.output.is_some() { Ink::PLAIN } else { Ink::for_stdout() };
    let note = format!(
        "{} scanner sessions; rule set {}; exams = accessions completed (or ended by their last image) inside the plan; no rate where less than {:.0} % of the operational time was observed; neither a DIDS nor a DM01 count",
        sessions.len(),
        settings.rules.name,
        settings.scanner.least_observed * 100.0,
    );
    let mut write = |header: &[&str], rows: &[Row<'_>], columns: &[Column]| {
        write_rows(out, arguments.format, header, rows, columns, &note, ink)
    };
    match by {
        By::Group(group) => {
            let groups = aggregate(sessions, group);
            let rows: Vec<Row<'_>> = groups.iter().map(scanner_aggregate_row).collect();
            let skip = usize::from(group == scanner::By::Room);
            write(SCANNER_AGGREGATE_COLUMNS, &rows, GROUP_TABLE.get(skip..).unwrap_or_default())?;
        }
        By::Session => {
            let reasons: Vec<String> = sessions.iter().map(|session| session.figures.reasons()).collect();
            let rows: Vec<Row<'_>> =
                sessions.iter().zip(&reasons).map(|(s, why)| scanner_session_row(s, why)).collect();
            write(SCANNER_SESSION_COLUMNS, &rows, SESSION_TABLE)?;
        }
        By::Hour => {
            let hours = |room: &'_ MeasuredScanner| -> Vec<HourResult> { room.result.hours.clone() };
            let rows: Vec<Row<'_>> = rooms
                .iter()
                .flat_map(|room| hours(room).into_iter().map(|hour| scanner_hour_row(&room.room, &hour)))
                .collect();
            write(SCANNER_HOUR_COLUMNS, &rows, HOUR_TABLE)?;
        }
        By::Protocol => {
            let spreads = duration_spread(sessions, settings.scanner.spread_min_n);
            let rows: Vec<Row<'_>> = spreads.iter().map(spread_row).collect();
            write(SPREAD_COLUMNS, &rows, SPREAD_TABLE)?;
        }
    }
    Ok(())
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
