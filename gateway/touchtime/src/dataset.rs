//! `touchtime export dataset`: lists, their cases and scanner sessions as a folder of Parquet files by trust and month, for engines that
//! take the sums of a network that outgrows one machine.
//!
//! ```text
//! DIR/lists/trust=rxx/month=2026-01/lists.parquet
//! DIR/cases/trust=rxx/month=2026-01/cases.parquet
//! DIR/scanner_sessions/trust=rxx/month=2026-01/scanner_sessions.parquet
//! ```
//!
//! Several collectors may write into one folder, each its own trusts. A month is replaced whole: a reader sees the old file
//! or the new one. What is no longer there is removed only of months that were asked for by name, and a month of which events
//! were removed from the store stays as it was written before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use chrono::{Datelike as _, NaiveDate};
use room_events::TrustId;
use store::Reader;
use utilisation::quantity::Minutes;
use utilisation::result::{SessionResult, SessionState};
use utilisation::rows::{Value, scanner_session_row, session_row};
use utilisation::rules::CappedVariant;
use utilisation::scanner::result::ScannerSession;
use utilisation::scanner::{ScannerAggregate, each};
use utilisation::timeline::Precedence;

use crate::Usage;
use crate::case_rows::{case_rows, tokens};
use crate::cli::{ExportArgs, ExportFormat};
use crate::clock::Clock;
use crate::extract;
use crate::measured::{measure_scanners, measure_store};
use crate::output::{Row, say};
use crate::parquet_file::ParquetFile;
use crate::replace::replace;
use crate::scanner_explain;
use crate::tables::{self, LIST_MORE, SCANNER_SESSION_MORE, TRUST_AT, Table};
use crate::transfer::rule_set;

/// A month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    fn of(date: NaiveDate) -> Self {
        Self { year: date.year(), month: date.month() }
    }

    fn first(self) -> NaiveDate {
        NaiveDate::from_ymd_opt(self.year, self.month, 1).unwrap_or_default()
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d");
        first.map(Self::of).map_err(|_| format!("`{text}` is not a month (write it as 2026-01)"))
    }
}

/// What the files of a dataset hold.
struct Measured {
    lists: Vec<SessionResult>,
    scanners: Vec<ScannerSession>,
    /// Of months that begin before, events were removed.
    whole_from: Option<NaiveDate>,
}

/// Writes the dataset.
pub fn export(arguments: &ExportArgs) -> anyhow::Result<()> {
    if arguments.format != ExportFormat::Parquet {
        bail!(Usage("a dataset is made of Parquet files (give --format parquet)".to_owned()));
    }
    let measured = measure(arguments)?;
    let note = format!("rule set {}", arguments.rules);
    let mut files = Files {
        dir: &arguments.file,
        only: &arguments.month,
        whole_from: measured.whole_from,
        note: &note,
        written: BTreeSet::new(),
        kept: BTreeSet::new(),
    };

    let mut lists: BTreeMap<(&TrustId, Month), Vec<&SessionResult>> = BTreeMap::new();
    for list in &measured.lists {
        lists.entry((&list.trust, Month::of(list.local_date))).or_default().push(list);
    }
    lists.retain(|(_, month), _| files.wants(*month));
    for ((trust, month), lists) in &lists {
        let weeks: Vec<String> = lists.iter().map(|list| list.local_date.format("%G-W%V").to_string()).collect();
        let rows: Vec<Row<'_>> = lists.iter().zip(&weeks).map(|(list, week)| list_row(list, week)).collect();
        files.write("lists", trust, *month, &tables::LIST_FILES, &rows)?;
        let tokens: Vec<Vec<String>> = lists.iter().map(|list| tokens(list)).collect();
        let cases = lists.iter().zip(&tokens).flat_map(|(list, tokens)| case_rows(list, tokens));
        let rows: Vec<Row<'_>> = cases.map(|row| without_trust(row, std::iter::empty())).collect();
        files.write("cases", trust, *month, &tables::CASE_FILES, &rows)?;
    }

    let mut scanners: BTreeMap<(&TrustId, Month), Vec<(&ScannerSession, ScannerAggregate)>> = BTreeMap::new();
    for (session, counted) in each(&measured.scanners) {
        scanners.entry((&session.trust, Month::of(session.local_date))).or_default().push((session, counted));
    }
    scanners.retain(|(_, month), _| files.wants(*month));
    for ((trust, month), sessions) in &scanners {
        let reasons: Vec<String> = sessions.iter().map(|(session, _)| session.figures.reasons()).collect();
        let rows: Vec<Row<'_>> =
            sessions.iter().zip(&reasons).map(|((session, own), why)| scanner_row(session, own, why)).collect();
        files.write("scanner_sessions", trust, *month, &tables::SCANNER_SESSION_FILES, &rows)?;
    }

    let trusts: BTreeSet<&TrustId> =
        measured.lists.iter().map(|list| &list.trust).chain(measured.scanners.iter().map(|s| &s.trust)).collect();
    let removed = files.remove_what_is_gone(&trusts)?;
    files.say(removed);
    Ok(())
}

fn measure(arguments: &ExportArgs) -> anyhow::Result<Measured> {
    let rules = rule_set(&arguments.rules)?;
    match (&arguments.input.store, &arguments.input.cases, &arguments.mapping) {
        (Some(dir), _, _) => {
            let reader = Reader::open(dir)?;
            let precedence = Precedence::new(reader.precedence()?);
            let now = Clock::of_store(dir)?.now();
            let (lists, remainder) = measure_store(&reader, &precedence, &rules, now)?;
            remainder.say();
            let settings = scanner_explain::settings(arguments.config.as_deref(), rules)?;
            let rooms = measure_scanners(&reader, &precedence, &settings, now)?;
            let scanners = rooms.into_iter().flat_map(|room| room.result.sessions).collect();
            let cut = reader.removed_before()?.and_then(|cut| chrono::DateTime::from_timestamp_millis(cut.millis()));
            Ok(Measured { lists, scanners, whole_from: cut.map(|cut| cut.date_naive()) })
        }
        (None, Some(cases), Some(mapping)) => {
            let files = extract::Files { cases, mapping, plan: arguments.plan.as_deref() };
            let (lists, remainder) = extract::measure(files, extract::CaseNames::LeftOut, &rules)?;
            remainder.say();
            Ok(Measured { lists, scanners: Vec::new(), whole_from: None })
        }
        (None, Some(_) | None, Some(_) | None) => bail!(Usage("--cases needs --mapping FILE".to_owned())),
    }
}

fn list_row<'r>(list: &'r SessionResult, week: &'r str) -> Row<'r> {
    let f = &list.figures;
    let count = |count: u32| Value::Count(u64::from(count));
    let counted = match list.variant {
        CappedVariant::Window => f.capped,
        CappedVariant::Sum => f.capped_sum,
        CappedVariant::Duration => f.capped_duration,
    };
    let more = [
        list.team.as_ref().map_or(Value::Absent, |team| Value::Text(team.as_str())),
        Value::Text(week),
        Value::Flag(list.state == SessionState::Closed && f.planned > Minutes::ZERO),
        Value::Flag(f.scheduled_capacity),
        Value::Minutes(f.first_planned),
        Value::Minutes(counted),
        count(f.cases_started),
        count(f.cases_outcome_unknown),
        count(f.cases_cancelled_qmco_like),
        count(f.day_cases),
        count(f.inpatients),
        count(f.class_unknown),
        Value::Flag(f.early_finish_uncertain),
    ];
    without_trust(session_row(list), LIST_MORE.into_iter().zip(more))
}

fn scanner_row<'r>(session: &'r ScannerSession, own: &ScannerAggregate, reasons: &'r str) -> Row<'r> {
    let count = |count: u32| Value::Count(u64::from(count));
    let more = [
        Value::Flag(session.figures.is_observed()),
        count(own.exams_completed),
        count(own.exams_inferred),
        count(own.exams_discontinued),
        count(own.out_of_hours_exams),
        count(own.counted_elsewhere),
        Value::Minutes(own.changeovers.1),
        count(own.did_not_attend),
    ];
    without_trust(scanner_session_row(session, reasons), SCANNER_SESSION_MORE.into_iter().zip(more))
}

/// In a dataset the trust is in the path.
fn without_trust<'r>(
    row: impl IntoIterator<Item = (&'static str, Value<'r>)>,
    more: impl Iterator<Item = (&'static str, Value<'r>)>,
) -> Row<'r> {
    row.into_iter().enumerate().filter(|(at, _)| *at != TRUST_AT).map(|(_, value)| value).chain(more).collect()
}

/// The files of a dataset.
struct Files<'a> {
    dir: &'a Path,
    /// The months that were asked for; none for all.
    only: &'a [Month],
    whole_from: Option<NaiveDate>,
    note: &'a str,
    written: BTreeSet<(&'static str, String, Month)>,
    kept: BTreeSet<Month>,
}

impl Files<'_> {
    /// Whether a month is to be written; one that is no longer whole is not.
    fn wants(&mut self, month: Month) -> bool {
        if !self.only.is_empty() && !self.only.contains(&month) {
            return false;
        }
        let is_whole = self.whole_from.is_none_or(|from| month.first() >= from);
        if !is_whole {
            self.kept.insert(month);
        }
        is_whole
    }

    fn write(
        &mut self,
        kind: &'static str,
        trust: &TrustId,
        month: Month,
        table: &Table,
        rows: &[Row<'_>],
    ) -> anyhow::Result<()> {
        let mut file = ParquetFile::new(kind, table.columns().collect(), self.note)?;
        file.write(rows)?;
        let folder = self.dir.join(kind).join(format!("trust={trust}")).join(format!("month={month}"));
        let path = folder.join(format!("{kind}.parquet"));
        fs::create_dir_all(&folder).with_context(|| format!("folder {} cannot be made", folder.display()))?;
        replace(&path, &file.into_bytes()?).with_context(|| format!("{} cannot be written", path.display()))?;
        self.written.insert((kind, trust.to_string(), month));
        Ok(())
    }

    /// Of the months that were asked for by name, what the store has no longer.
    fn remove_what_is_gone(&self, trusts: &BTreeSet<&TrustId>) -> anyhow::Result<usize> {
        let mut removed = 0;
        for (kind, trust, month) in ["lists", "cases", "scanner_sessions"]
            .into_iter()
            .flat_map(|kind| trusts.iter().map(move |trust| (kind, trust)))
            .flat_map(|(kind, trust)| self.only.iter().map(move |month| (kind, trust, *month)))
        {
            if self.kept.contains(&month) || self.written.contains(&(kind, trust.to_string(), month)) {
                continue;
            }
            let folder = self.dir.join(kind).join(format!("trust={trust}")).join(format!("month={month}"));
            let path = folder.join(format!("{kind}.parquet"));
            match fs::remove_file(&path) {
                Ok(()) => {
                    removed += 1;
                    // Another writer's file may be in it.
                    let _ = fs::remove_dir(&folder);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("{} cannot be removed", path.display())),
            }
        }
        Ok(removed)
    }

    fn say(&self, removed: usize) {
        let trusts: BTreeSet<&str> = self.written.iter().map(|(_, trust, _)| trust.as_str()).collect();
        let gone = if removed > 0 { format!(", {removed} removed that hold nothing any more") } else { String::new() };
        say(&format!("{} files of {} trusts written{gone}", self.written.len(), trusts.len()));
        if let (Some(from), false) = (self.whole_from, self.kept.is_empty()) {
            let months = self.kept.iter().map(Month::to_string).collect::<Vec<_>>().join(", ");
            say(&format!(
                "events before {from} were removed from this store (store.keep-days): files of {months} stay as they were"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_written_as_in_paths() {
        assert_eq!("2026-01".parse::<Month>().map(|month| month.to_string()), Ok("2026-01".to_owned()));
        for wrong in ["2026", "2026-13", "01-2026", "2026-01-02", ""] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_month_of_which_events_were_removed_stays_as_it_was() {
        let mut files = Files {
            dir: Path::new("."),
            only: &[],
            whole_from: NaiveDate::from_ymd_opt(2026, 2, 10),
            note: "",
            written: BTreeSet::new(),
            kept: BTreeSet::new(),
        };
        let month = |text: &str| text.parse::<Month>().unwrap();
        assert!(!files.wants(month("2026-01")));
        assert!(!files.wants(month("2026-02")), "half of its events are gone");
        assert!(files.wants(month("2026-03")));
        files.only = &[Month { year: 2026, month: 4 }];
        assert!(!files.wants(month("2026-03")));
        assert!(files.wants(month("2026-04")));
    }
}
