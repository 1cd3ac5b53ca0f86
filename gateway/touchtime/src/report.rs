//! `touchtime report` and `touchtime explain`: figures from a store, or straight from an extract.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use store::Reader;
use utilisation::aggregate::{AggregateRow, Dimension, aggregate};
use utilisation::quantity::Minutes;
use utilisation::result::SessionResult;
use utilisation::rows::{Value, session_row};
use utilisation::rules::RuleSet;
use utilisation::timeline::Precedence;

use crate::Usage;
use crate::cli::{ExplainArgs, Input, ReportArgs, ReportBy, ReportFormat};
use crate::clock::{Clock, wall_now};
use crate::extract::CaseNames;
use crate::output::{self, Column, Ink, Row};
use crate::source::{Names, Place, StoreSource};
use crate::table_writer::{Content, TableWriter};
use crate::transfer::rule_set;
use crate::{explain, extract, measured, scanner_explain, scanner_report, spare_report, tables, waiting_report};

/// `touchtime report`
pub fn run(arguments: &ReportArgs) -> anyhow::Result<()> {
    let rules = rule_set(&arguments.rules)?;
    let dates = extract::Dates { from: arguments.from, to: arguments.to };
    if let (Some(from), Some(to)) = (dates.from, dates.to)
        && from > to
    {
        bail!(Usage(format!("--from {from} is after --to {to} (swap them)")));
    }
    if arguments.by == ReportBy::All && arguments.format != ReportFormat::Xlsx {
        bail!(Usage("all tables together make a workbook (give --format xlsx --output FILE)".to_owned()));
    }
    if arguments.suppress_below.is_some() {
        check_suppression(arguments.by)?;
    }
    let takes_change = matches!(arguments.by, ReportBy::ScannerChange | ReportBy::ScannerWeeks | ReportBy::All);
    if arguments.on.is_some() && !takes_change {
        bail!(Usage(
            "--on is for `report scanner-change` and `report scanner-weeks` (for others use --from and --to)"
                .to_owned()
        ));
    }
    let mut out = TableWriter::open(arguments.output.as_deref(), arguments.format, arguments.suppress_below)?;
    if let Some(by) = waiting_report::By::of(arguments.by) {
        waiting_report::run(arguments, &[by], &mut out)?;
        return out.finish();
    }
    if scanner_report::By::of(arguments.by).is_some() {
        scanner_report::run(arguments, &[arguments.by], rules, &mut out)?;
        return out.finish();
    }
    if arguments.by == ReportBy::SpareCapacity {
        let mapping = arguments.mapping.as_deref();
        let (sessions, _) = sessions(&arguments.input, mapping, &arguments.plan, CaseNames::Kept, &rules)?;
        spare_report::write(&sessions, dates, &mut out)?;
        return out.finish();
    }
    if let (ReportBy::Sessions, ReportFormat::Csv, Some(cases), Some(mapping)) =
        (arguments.by, arguments.format, &arguments.input.cases, &arguments.mapping)
    {
        // A year of a region is millions of cases: its rows are written as they are made.
        extract::write_session_csv(files(cases, mapping, &arguments.plan), &rules, dates, out.raw())?;
        return out.finish();
    }
    let (mut sessions, remainder) =
        sessions(&arguments.input, arguments.mapping.as_deref(), &arguments.plan, CaseNames::LeftOut, &rules)?;
    remainder.say();
    sessions.retain(|session| dates.include(session.local_date));
    tell_empty_plans(&sessions);
    if arguments.by != ReportBy::All {
        write(arguments.by, &sessions, &rules, &mut out)?;
        return out.finish();
    }
    if !sessions.is_empty() {
        for by in THEATRES {
            write(*by, &sessions, &rules, &mut out)?;
        }
    }
    if let Some(dir) = &arguments.input.store
        && Reader::open(dir)?.rooms()?.iter().any(|row| !measured::room_of(row).kind.is_theatre_like())
    {
        let changes: &[ReportBy] = if arguments.on.is_some() { &[ReportBy::ScannerChange] } else { &[] };
        scanner_report::run(arguments, &[SCANNERS, changes].concat(), rules, &mut out)?;
        waiting_report::run(arguments, &[waiting_report::By::Waiting, waiting_report::By::Reporting], &mut out)?;
    }
    out.finish()
}

/// The sheets of lists in a workbook.
const THEATRES: &[ReportBy] = &[
    ReportBy::System,
    ReportBy::Trusts,
    ReportBy::Sites,
    ReportBy::Rooms,
    ReportBy::Specialties,
    ReportBy::Teams,
    ReportBy::Months,
    ReportBy::Weeks,
    ReportBy::Sessions,
];

/// The sheets of scanners in a workbook.
const SCANNERS: &[ReportBy] = &[
    ReportBy::Scanners,
    ReportBy::ScannerMonths,
    ReportBy::ScannerWeeks,
    ReportBy::ScannerSplits,
    ReportBy::Protocols,
    ReportBy::ScannerHours,
    ReportBy::ScannerSessions,
];

/// Which reports can be published without small numbers.
fn check_suppression(by: ReportBy) -> anyhow::Result<()> {
    if by == ReportBy::All {
        bail!(Usage(
            "--suppress-below takes one report: several that cut the same cases differently give each other's small numbers away"
                .to_owned()
        ));
    }
    if matches!(by, ReportBy::Sessions | ReportBy::SpareCapacity | ReportBy::ScannerSessions | ReportBy::ScannerHours) {
        bail!(Usage(format!(
            "--suppress-below is for sums: each row of `{}` is about few patients (report rooms or months instead)",
            by.name()
        )));
    }
    Ok(())
}

/// A plan that ends at or before its start is a slip in the source; its list counts in no rate.
fn tell_empty_plans(sessions: &[SessionResult]) {
    let empty: Vec<&str> =
        sessions.iter().filter(|s| s.figures.planned <= Minutes::ZERO).map(|s| s.id.as_str()).collect();
    if !empty.is_empty() {
        let some = empty.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        output::say(&format!(
            "{} lists are planned to end at or before their start and count in no rate: {some} (correct planned start, end or booked minutes)",
            empty.len()
        ));
    }
}

fn files<'a>(cases: &'a Path, mapping: &'a Path, plan: &'a Option<PathBuf>) -> extract::Files<'a> {
    extract::Files { cases, mapping, plan: plan.as_deref() }
}

/// Every theatre list of a store or an extract, measured. Cases of a store always carry their names.
pub fn sessions(
    input: &Input,
    mapping: Option<&Path>,
    plan: &Option<PathBuf>,
    names: CaseNames,
    rules: &RuleSet,
) -> anyhow::Result<(Vec<SessionResult>, measured::Remainder)> {
    match (&input.store, &input.cases, mapping) {
        (Some(dir), _, _) => {
            let reader = Reader::open(dir)?;
            if let Some(cut) = reader.removed_before()? {
                output::say(&format!("events before {cut} were removed from this store (store.keep-days)"));
            }
            let now = Clock::of_store(dir)?.now();
            measured::measure_store(&reader, &Precedence::new(reader.precedence()?), rules, now)
        }
        (None, Some(cases), Some(mapping)) => extract::measure(files(cases, mapping, plan), names, rules),
        (None, Some(_) | None, Some(_) | None) => bail!(Usage("--cases needs --mapping FILE".to_owned())),
    }
}

fn write(by: ReportBy, sessions: &[SessionResult], rules: &RuleSet, out: &mut TableWriter) -> anyhow::Result<()> {
    let incomplete = sessions.iter().any(|session| session.figures.unknown > Minutes::ZERO);
    let note = format!(
        "{} lists; rule set {}, touch counted by `{}`; capped = minutes in use inside the plan / planned minutes{}",
        sessions.len(),
        rules.name,
        rules.variant.name(),
        if incomplete {
            "; of a range, the first is confirmed, the second holds if all unknown time was touch"
        } else {
            ""
        }
    );
    let Some((dimensions, group)) = grouping(by) else {
        let mut rows: Vec<Row<'_>> = sessions.iter().map(|session| session_row(session).to_vec()).collect();
        if out.format() == ReportFormat::Table {
            for (row, session) in rows.iter_mut().zip(sessions) {
                row.push((UPPER, session.capped_utilisation_upper().map_or(Value::Absent, Value::Ratio)));
            }
        }
        return out.table(Content { table: &tables::LISTS, name: by.name(), rows, shown: SESSION_TABLE, note: &note });
    };
    let aggregates = aggregate(sessions, dimensions, rules);
    let rows: Vec<Row<'_>> = aggregates.iter().map(AggregateRow::values).collect();
    let columns: Vec<Column> = group.iter().chain(AGGREGATE_TABLE).copied().collect();
    out.table(Content { table: &tables::GROUPS, name: by.name(), rows, shown: &columns, note: &note })
}

const fn column(name: &'static str, heading: &'static str) -> Column {
    Column { name, heading, upper: None }
}

/// A percentage whose row also has what it could be at most.
const fn bounded(name: &'static str, heading: &'static str, upper: &'static str) -> Column {
    Column { name, heading, upper: Some(upper) }
}

/// Its value is in the rows of groups; rows of single lists carry it for the table alone.
const UPPER: &str = "capped_utilisation_upper";

const ROOM: &[Column] = &[column("site", "site"), column("room", "room")];
const SITE: &[Column] = &[column("site", "site")];
const TRUST: &[Column] = &[column("trust", "trust")];
const SYSTEM: &[Column] = &[column("room_kind", "rooms")];
const SPECIALTY: &[Column] = &[column("specialty", "specialty")];
const TEAM: &[Column] = &[column("team", "team")];
const WEEK: &[Column] = &[column("week", "week")];
const MONTH: &[Column] = &[column("month", "month")];

const SESSION_TABLE: &[Column] = &[
    column("session_id", "list"),
    column("specialty", "specialty"),
    column("planned_min", "planned"),
    column("capped_min", "capped"),
    bounded("capped_utilisation", "capped %", UPPER),
    column("uncapped_utilisation", "uncapped"),
    column("cases_completed", "cases"),
    column("late_start_min", "late"),
    column("gaps_in_session_min", "gaps"),
    column("early_finish_min", "early"),
    column("overrun_min", "over"),
    column("unknown_min", "unknown"),
    column("extra_cases_possible", "room for"),
    column("state", "state"),
];

const AGGREGATE_TABLE: &[Column] = &[
    column("kind", "kind"),
    column("sessions_held", "lists"),
    column("planned_min", "planned"),
    column("capped_min", "capped"),
    bounded("capped_utilisation", "capped %", UPPER),
    column("mean_of_lists", "mean of lists"),
    column("uncapped_utilisation", "uncapped"),
    column("cases_completed", "cases"),
    column("cases_per_list", "per list"),
    column("cases_per_4h", "per 4 h"),
    column("late_start_mean_all_min", "late"),
    column("early_finish_mean_all_min", "early"),
    column("overrun_mean_all_min", "over"),
    column("quartile", "quartile"),
];

/// The dimensions of a report, and the columns that name a row's group; none for one row a list.
fn grouping(by: ReportBy) -> Option<(&'static [Dimension], &'static [Column])> {
    Some(match by {
        ReportBy::Sessions => return None,
        ReportBy::Rooms => (&[Dimension::Room], ROOM),
        ReportBy::Sites => (&[Dimension::Site], SITE),
        ReportBy::Trusts => (&[Dimension::Trust], TRUST),
        ReportBy::System => (&[], SYSTEM),
        ReportBy::Specialties => (&[Dimension::Specialty], SPECIALTY),
        ReportBy::Teams => (&[Dimension::Team], TEAM),
        ReportBy::Weeks => (&[Dimension::Week], WEEK),
        ReportBy::Months => (&[Dimension::Month], MONTH),
        // Answered before: rows of lists that are over cannot say what scanners do, or what is to come.
        ReportBy::SpareCapacity
        | ReportBy::Scanners
        | ReportBy::ScannerSessions
        | ReportBy::ScannerHours
        | ReportBy::ScannerMonths
        | ReportBy::ScannerWeeks
        | ReportBy::ScannerChange
        | ReportBy::ScannerSplits
        | ReportBy::Protocols
        | ReportBy::Waiting
        | ReportBy::Reporting
        | ReportBy::All => return None,
    })
}

/// `touchtime explain`
pub fn explain(arguments: &ExplainArgs) -> anyhow::Result<()> {
    let rules = rule_set(&arguments.rules)?;
    // What is typical rests on all lists of a specialty, so all are measured for the one that is asked for.
    let (found, sessions) = match (&arguments.input.store, &arguments.input.cases, &arguments.mapping) {
        (Some(dir), _, _) => {
            let reader = Reader::open(dir)?;
            let clock = Clock::of_store(dir)?;
            let settings = scanner_explain::settings(arguments.config.as_deref(), rules.clone())?;
            if let Some(found) = scanner_explain::find(&reader, &arguments.session, settings, clock.now())? {
                let mut out = output::open(None)?;
                found.write(&mut *out, Ink::for_stdout())?;
                out.flush()?;
                return Ok(());
            }
            let precedence = Precedence::new(reader.precedence()?);
            let (changes, _) = tokio::sync::broadcast::channel(1);
            let now = clock.now();
            let source = StoreSource::open(dir, clock, rules.clone(), precedence.clone(), Names::default(), changes)?;
            let (sessions, _) = measured::measure_store(&reader, &precedence, &rules, now)?;
            (source.find(&arguments.session)?, sessions)
        }
        (None, Some(cases), Some(mapping)) => {
            let files = files(cases, mapping, &arguments.plan);
            let timelines = extract::timelines(files, wall_now())?;
            let found = timelines.iter().find_map(|timeline| {
                let room = timeline.room();
                let place =
                    Place { trust: room.trust.to_string(), site: room.site.to_string(), room: room.room.to_string() };
                crate::source::audit(timeline, &Precedence::default(), &rules, wall_now(), &arguments.session, place)
            });
            (found, extract::measure(files, CaseNames::LeftOut, &rules)?.0)
        }
        (None, Some(_) | None, Some(_) | None) => bail!(Usage("--cases needs --mapping FILE".to_owned())),
    };
    let Some(mut audit) = found else {
        bail!(
            "there is no list `{}` (an id is SITE.ROOM.DATE.TIME, such as main.suite-2.2022-02-11.0700; `touchtime report sessions` lists them)",
            arguments.session
        );
    };
    if let Some(session) = sessions.iter().find(|session| session.id == arguments.session) {
        let figures = &mut audit.result.figures;
        figures.typical_touch = session.figures.typical_touch;
        figures.typical_turnover = session.figures.typical_turnover;
        figures.extra_cases_possible = session.figures.extra_cases_possible;
    }
    let mut out = output::open(None)?;
    explain::write(&mut *out, &audit, Ink::for_stdout())?;
    out.flush()?;
    Ok(())
}
